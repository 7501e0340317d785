//! Calls with arguments that no one would mean: nothing panics, hangs, or leaves the sandbox.

use super::*;
use crate::runtime::value::Val;
use crate::wasi::config::Input;
use crate::wasi::link::{Args, FUNCTIONS, Function};

/// Programs that are started, and calls of each.
const PROGRAMS: usize = 50;
const CALLS: usize = 1000;

/// SplitMix64, as in `clock`; here it only has to repeat.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
    /// Descriptors, flags, lengths and addresses, near their limits and far beyond.
    fn i32(&mut self) -> i32 {
        (match self.below(10) {
            0..4 => self.below(9) as u32,
            4..6 => HEAP + 8 * self.below(64) as u32,
            6 => HEAP + self.below(512) as u32,
            7 => MEMORY_BYTES as u32 - self.below(80) as u32,
            8 => u32::MAX - self.below(80) as u32,
            _ => self.roll() as u32,
        }) as i32
    }
    /// Nothing between small and absurd, so that no disk is filled.
    fn i64(&mut self) -> i64 {
        (match self.below(6) {
            0..2 => self.below(5000),
            2 => u64::MAX - self.below(20),
            3 => (1 << 63) - self.below(20),
            4 => ALL,
            _ => self.roll() | 1 << 62,
        }) as i64
    }
}

#[test]
fn no_arguments_make_a_function_panic() {
    let mut dice = Dice(1);
    let mut errors = std::collections::BTreeSet::new();
    let mut successes = std::collections::BTreeSet::new();
    for _ in 0..PROGRAMS {
        let mut rig = Rig::with(|config| {
            config.arg("prog").env("A", "b").stdin(Input::Bytes(vec![7; 1000])).virtual_clock(1, 1);
            config.max_descriptors(12);
        });
        fs::create_dir_all(rig.host("box/a/b")).unwrap();
        fs::write(rig.host("box/c"), "content").unwrap();
        rig.open(DIR, "c", 0).unwrap();
        // Paths, vectors and subscriptions that sometimes are right.
        for address in (HEAP..HEAP + 512).step_by(8) {
            let text: [&[u8; 8]; 6] = [b"a/b/../c", b"../../..", b"/etc/pas", b"a\0bcdefg", b"././././", b"c/./a/bc"];
            let value = match dice.below(4) {
                0 => *text[dice.below(6) as usize],
                1 => [dice.i32().to_le_bytes(), dice.i32().to_le_bytes()].concat().try_into().unwrap(),
                2 => dice.below(600).to_le_bytes(),
                _ => [b'a' + dice.below(3) as u8; 8],
            };
            rig.guest.write(address.into(), &value).unwrap();
        }
        for _ in 0..CALLS {
            let Function(name, params, body) = FUNCTIONS[dice.below(FUNCTIONS.len() as u64) as usize];
            // These end what the others need.
            if ["fd_close", "fd_renumber", "fd_fdstat_set_rights"].contains(&name) && dice.below(8) > 0 {
                continue;
            }
            let args: Vec<Val> = params
                .chars()
                .map(|letter| if letter == 'I' { Val::I64(dice.i64()) } else { Val::I32(dice.i32()) })
                .collect();
            let dialect = if dice.below(4) == 0 { Dialect::Unstable } else { Dialect::Preview1 };
            let (context, guest) = rig.parts();
            match body(context, guest, &Args(&args), dialect) {
                Ok(()) => successes.insert(name),
                Err(error) => errors.insert((name, error as u16)),
            };
        }
        assert_eq!(fs::read(rig.host("secret")).unwrap(), b"secret");
        assert_eq!(fs::read(rig.host("ro/file")).unwrap(), b"fixed");
        assert_eq!(fs::read_dir(rig.host("ro")).unwrap().count(), 1);
        assert_eq!(fs::read_dir(&rig.temp.0).unwrap().count(), 3);
    }
    // The calls came further than the first check of each function.
    assert!(successes.len() >= 25 && errors.len() > 100, "{} {}: {successes:?}", successes.len(), errors.len());
}
