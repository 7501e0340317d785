//! Arguments, environment, clocks, random numbers, the end.

use super::*;
use crate::error::Error;
use crate::trap::TrapCode;
use crate::wasi::process::proc_exit;

#[test]
fn arguments_and_environment_arrive() {
    let mut rig = Rig::with(|config| {
        config.arg("prog").args(["a b", ""]).env("K", "1").env("EMPTY", "").env("K", "2");
    });
    let (context, guest) = rig.parts();
    context.args_sizes_get(guest, OUT, OUT + 4).unwrap();
    context.args_get(guest, OUT + 8, OUT + 32).unwrap();
    context.environ_sizes_get(guest, OUT + 64, OUT + 68).unwrap();
    context.environ_get(guest, OUT + 72, OUT + 96).unwrap();
    assert_eq!((rig.u32(OUT), rig.u32(OUT + 4)), (3, 10));
    assert_eq!([rig.u32(OUT + 8), rig.u32(OUT + 12), rig.u32(OUT + 16)], [OUT + 32, OUT + 37, OUT + 41]);
    assert_eq!(rig.bytes(OUT + 32, 10), b"prog\0a b\0\0");
    assert_eq!((rig.u32(OUT + 64), rig.u32(OUT + 68)), (2, 11));
    assert_eq!(rig.bytes(OUT + 96, 11), b"K=2\0EMPTY=\0");
}

#[test]
fn strings_out_of_bounds_write_nothing() {
    let mut rig = Rig::with(|config| {
        config.arg("prog");
    });
    let end = MEMORY_BYTES as u32;
    let (context, guest) = rig.parts();
    assert_eq!(context.args_get(guest, OUT, end - 4), Err(Errno::Fault));
    assert_eq!(context.args_get(guest, end - 3, OUT), Err(Errno::Fault));
    assert_eq!(context.args_sizes_get(guest, OUT, end - 3), Err(Errno::Fault));
    assert_eq!(context.args_sizes_get(guest, u32::MAX, OUT), Err(Errno::Fault));
    assert_eq!(context.environ_sizes_get(guest, OUT, u32::MAX - 3), Err(Errno::Fault));
    assert!(guest.memory.iter().all(|byte| *byte == 0));
}

#[test]
fn configurations_that_a_guest_would_misread_are_refused() {
    let refused = |change: fn(&mut WasiConfig)| {
        let mut config = WasiConfig::new();
        change(&mut config);
        Wasi::new(config).err()
    };
    let misuse = |error| matches!(error, Some(Error::Misuse { .. }));
    assert!(misuse(refused(|config| {
        config.arg("a\0b");
    })));
    assert!(misuse(refused(|config| {
        config.env("A=B", "c");
    })));
    assert!(misuse(refused(|config| {
        config.env("A", "\0");
    })));
    assert!(misuse(refused(|config| {
        config.preopen("/", "a\0", Access::ReadOnly);
    })));
    let missing = refused(|config| {
        config.preopen("/does-not-exist-at-all", "/", Access::ReadOnly);
    });
    assert!(matches!(missing, Some(Error::System { .. })));
    let many = refused(|config| {
        config.max_descriptors(2);
    });
    assert!(matches!(many, Some(Error::Limit { limit: 2, asked: 3, .. })));
}

#[test]
fn exit_and_signals() {
    let exit = |error: Error| error.trap().map(|trap| (trap.code, trap.exit_status));
    assert_eq!(exit(proc_exit(7)), Some((TrapCode::Exit, Some(7))));
    assert_eq!(exit(proc_exit(u32::MAX)), Some((TrapCode::Exit, Some(-1))));
    let rig = Rig::new();
    let context = &rig.wasi.context;
    // SIGABRT, SIGKILL
    assert_eq!(context.proc_raise(6).map_err(exit), Err(Some((TrapCode::Exit, Some(134)))));
    assert_eq!(context.proc_raise(9).map_err(exit), Err(Some((TrapCode::Exit, Some(137)))));
    // none, SIGCHLD, SIGWINCH
    for ignored in [0, 16, 27] {
        assert_eq!(context.proc_raise(ignored).map_err(exit), Ok(Ok(())));
    }
    assert_eq!(context.proc_raise(18).map_err(exit), Ok(Err(Errno::NotSup)));
    assert_eq!(context.proc_raise(31).map_err(exit), Ok(Err(Errno::Inval)));
    assert_eq!(context.sched_yield(), Ok(()));
}

#[test]
fn system_clocks_move_and_unknown_ones_are_refused() {
    let mut rig = Rig::new();
    let (context, guest) = rig.parts();
    for clock in 0..4 {
        context.clock_res_get(guest, clock, OUT).unwrap();
        context.clock_time_get(guest, clock, OUT + 8).unwrap();
    }
    assert!(rig.u64(OUT) >= 1);
    let (context, guest) = rig.parts();
    context.clock_time_get(guest, 0, OUT).unwrap();
    context.clock_time_get(guest, 1, OUT + 8).unwrap();
    context.clock_time_get(guest, 1, OUT + 16).unwrap();
    assert_eq!(context.clock_time_get(guest, 4, OUT), Err(Errno::Inval));
    assert_eq!(context.clock_res_get(guest, u32::MAX, OUT), Err(Errno::Inval));
    assert_eq!(context.clock_res_get(guest, 0, u32::MAX), Err(Errno::Fault));
    assert_eq!(context.clock_time_get(guest, 0, MEMORY_BYTES as u32 - 7), Err(Errno::Fault));
    let epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    assert!(epoch - rig.u64(OUT) < 60_000_000_000);
    assert!(rig.u64(OUT + 16) >= rig.u64(OUT + 8));
}

#[test]
fn virtual_clocks_are_one_counter() {
    let mut rig = Rig::with(|config| {
        config.virtual_clock(1000, 5);
    });
    let (context, guest) = rig.parts();
    for (clock, now) in [(0, 1000), (1, 1005), (3, 1010)] {
        context.clock_time_get(guest, clock, OUT).unwrap();
        assert_eq!(u64::from_le_bytes(guest.memory[OUT as usize..][..8].try_into().unwrap()), now);
    }
    // A failed call takes no time.
    assert_eq!(context.clock_time_get(guest, 0, u32::MAX), Err(Errno::Fault));
    context.clock_time_get(guest, 0, OUT).unwrap();
    context.clock_res_get(guest, 0, OUT + 8).unwrap();
    assert_eq!((rig.u64(OUT), rig.u64(OUT + 8)), (1015, 5));
}

#[test]
fn random_bytes_fill_exactly_the_buffer() {
    let mut rig = Rig::new();
    let (context, guest) = rig.parts();
    context.random_get(guest, HEAP, 10_000).unwrap();
    assert_eq!(context.random_get(guest, MEMORY_BYTES as u32 - 8, 9), Err(Errno::Fault));
    assert_eq!(context.random_get(guest, 0, u32::MAX), Err(Errno::Fault));
    let (before, filled) = (rig.bytes(HEAP - 16, 16), rig.bytes(HEAP, 10_000));
    assert_eq!(before, [0; 16]);
    assert_eq!(rig.bytes(HEAP + 10_000, 16), [0; 16]);
    assert!(filled.chunks(50).all(|chunk| chunk.iter().any(|byte| *byte != 0)));

    let seeded = |seed| {
        let mut rig = Rig::with(|config| {
            config.random_seed(seed);
        });
        let (context, guest) = rig.parts();
        context.random_get(guest, HEAP, 100).unwrap();
        context.random_get(guest, HEAP + 100, 5).unwrap();
        rig.bytes(HEAP, 105)
    };
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
    // SplitMix64's published first value for seed 0.
    assert_eq!(seeded(0)[..8], 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
}
