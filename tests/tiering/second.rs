//! Functions that the top tier compiles a second time, because what they do now is not what their profile had foreseen.

use super::{World, custom, modes, synchronous};
use updraft::config::{Config, Strategy, Tiering, TieringPolicy, Workers};
use updraft::engine::Denied;
use updraft::runtime::value::Val;
use updraft::tier::Tier;
use updraft::types::{DefinedFunc, FuncIndex};

/// `indirect(target, times)` calls what the table holds, in `$site`, which is too large to be inlined, and in `$inner`, which
/// is inlined. `late` and `direct` call something only if they are told so.
fn text() -> String {
    let filler = "(local.set 1 (i32.rotl (i32.xor (local.get 1) (i32.const 0x1234567)) (i32.const 3)))".repeat(24);
    let callee = "(local.set 0 (i32.mul (i32.add (local.get 0) (i32.const 1)) (i32.const 0x1234567)))".repeat(6);
    format!(
        r#"(module
    (type $t (func (param i32) (result i32)))
    (table (export "table") 4 4 funcref)
    (elem (i32.const 0) $a $b $c)
    (func $a (type $t) (i32.add (local.get 0) (i32.const 1)))
    (func $b (type $t) (i32.add (local.get 0) (i32.const 2)))
    (func $c (type $t) (i32.add (local.get 0) (i32.const 3)))
    (func $callee (type $t) {callee} (local.get 0))
    (func $site (param i32 i32) (result i32)
        {filler}
        (call_indirect (type $t) (local.get 1) (local.get 0)))
    (func $inner (param i32 i32) (result i32)
        (call_indirect (type $t) (local.get 1) (local.get 0)))
    (func $outer (export "indirect") (param $target i32) (param $times i32) (result i32) (local $sum i32)
        (loop $again
            (local.set $sum (i32.add (local.get $sum) (call $site (local.get $target) (local.get $times))))
            (local.set $sum (i32.add (local.get $sum) (call $inner (local.get $target) (local.get $times))))
            (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
        (local.get $sum))
    (func $late (export "late") (param $told i32) (param $times i32) (result i32)
        (if (local.get $told) (then
            (return (call_indirect (type $t) (local.get $times) (i32.const 1)))))
        (local.get $times))
    (func $direct (export "direct") (param $told i32) (param $times i32) (result i32)
        (if (local.get $told) (then
            (return (call $callee (local.get $times)))))
        (local.get $times)))"#
    )
}

const SITE: FuncIndex = FuncIndex(4);
const OUTER: FuncIndex = FuncIndex(6);
const LATE: FuncIndex = FuncIndex(7);
const DIRECT: FuncIndex = FuncIndex(8);

fn indirect(world: &mut World, target: i32, times: i32) {
    let sum = |start: fn(i32) -> i32| {
        (1..=times).fold(0i32, |sum, times| sum.wrapping_add(start(times)).wrapping_add(target + 1))
    };
    let filled = |times| (0..24).fold(times, |value: i32, _| (value ^ 0x123_4567).rotate_left(3));
    let expected = sum(filled).wrapping_add(sum(|times| times));
    assert_eq!(world.call("indirect", &[Val::I32(target), Val::I32(times)]), expected);
}

fn told(world: &mut World, name: &str, told: i32, times: i32) {
    for _ in 0..times {
        let callee = |value: i32| (0..6).fold(value, |value, _| (value + 1).wrapping_mul(0x123_4567));
        let expected = match (told, name) {
            (0, _) => 5,
            (_, "late") => 7,
            _ => callee(5),
        };
        assert_eq!(world.call(name, &[Val::I32(told), Val::I32(5)]), expected);
    }
}

impl World {
    /// How often the top tier has compiled a function that it has.
    fn generation(&self, func: FuncIndex) -> u32 {
        let word = self.module.function_state(func).unwrap();
        if word.reached() == Some(Tier::Top) { word.attempts() } else { 0 }
    }

    /// How often the indirect calls of a function have run, as far as they are counted.
    fn counted(&self, func: FuncIndex) -> u64 {
        let profile = self.module.profile();
        profile.function(DefinedFunc(func.0)).map_or(0, |record| record.indirect.iter().map(|site| site.total).sum())
    }
}

#[test]
fn another_usual_target_is_worth_a_second_compilation_and_there_is_no_third() {
    for (name, config) in modes() {
        // Enough for a profile that says something.
        let config = Config { tiering: custom(80_000), ..config };
        let mut world = World::of(synchronous(config), &text());
        indirect(&mut world, 0, 3000);
        indirect(&mut world, 0, 3000);
        assert_eq!((world.generation(SITE), world.generation(OUTER)), (1, 1), "{name}: it was as foreseen");
        let counted = world.counted(SITE);
        indirect(&mut world, 1, 60);
        assert_eq!((world.generation(SITE), world.counted(SITE)), (1, counted + 60), "{name}: it was not");
        indirect(&mut world, 1, 9000);
        indirect(&mut world, 1, 9000);
        assert_eq!((world.generation(SITE), world.generation(OUTER)), (2, 2), "{name}: both ways to inline");
        // Everybody calls the new code, which counts nothing.
        let counted = world.counted(SITE);
        for target in [2, 1, 0, 2] {
            indirect(&mut world, target, 3000);
        }
        assert_eq!((world.generation(SITE), world.generation(OUTER)), (2, 2), "{name}: twice at most");
        assert_eq!(world.counted(SITE), counted, "{name}");
        assert_eq!(world.module.progress().repeated, 2, "{name}");
    }
}

#[test]
fn calls_that_come_later_are_worth_a_second_compilation() {
    for (name, config) in modes() {
        let mut world = World::of(synchronous(config), &text());
        for (export, func) in [("late", LATE), ("direct", DIRECT)] {
            told(&mut world, export, 0, 400);
            assert_eq!(world.generation(func), 1, "{name}: {export}");
            told(&mut world, export, 1, 50);
            assert_eq!(world.generation(func), 1, "{name}: {export}, which is too early");
            told(&mut world, export, 1, 400);
            assert_eq!(world.generation(func), 2, "{name}: {export}");
            told(&mut world, export, 1, 400);
            told(&mut world, export, 0, 400);
        }
        assert_eq!(world.module.progress().repeated, 2, "{name}");
    }
}

/// The host has the last word, and what it has compiled again is not compiled again by itself.
#[test]
fn what_the_host_denies_or_has_done_is_not_done_again() {
    for (name, config) in modes() {
        let mut world = World::of(synchronous(config), &text());
        for (export, func) in [("late", LATE), ("direct", DIRECT)] {
            told(&mut world, export, 0, 400);
            assert_eq!(world.generation(func), 1, "{name}: {export}");
        }
        world.module.deny_top(LATE, Denied::Yes).unwrap();
        world.module.allow_again(Some(DIRECT)).unwrap();
        world.module.request_tier(DIRECT, Tier::Top, 1).unwrap();
        while world.generation(DIRECT) != 2 {
            world.engine.run_jobs(usize::MAX, None).unwrap();
        }
        told(&mut world, "late", 1, 800);
        told(&mut world, "direct", 1, 800);
        assert_eq!((world.generation(LATE), world.generation(DIRECT)), (1, 2), "{name}");
        assert_eq!(world.module.progress().repeated, 0, "{name}");
    }
}

/// In the background, callers go on in the code that they have.
#[test]
fn a_second_compilation_happens_in_the_background() {
    for (name, config) in modes().into_iter().filter(|(_, config)| !matches!(config.workers, Workers::Threads(0))) {
        let mut world = World::of(config, &text());
        while world.generation(LATE) != 1 {
            told(&mut world, "late", 0, 10);
        }
        while world.generation(LATE) != 2 {
            told(&mut world, "late", 1, 10);
        }
        told(&mut world, "late", 1, 10);
        assert_eq!(world.module.progress().repeated, 1, "{name}");
    }
}

/// Whoever chose the top tier for all of a module, or no tiering, gets code that looks out for nothing.
#[test]
fn code_that_did_not_come_up_by_itself_is_compiled_once() {
    for (name, config) in modes() {
        let off = Tiering { policy: TieringPolicy::Off, ..custom(1) };
        let eager = Strategy::LazyBaselineEagerTop;
        for (strategy, tiering) in [(config.strategy, off), (eager, config.tiering)] {
            let mut world = World::of(synchronous(Config { strategy, tiering, ..config.clone() }), &text());
            world.module.request_tier(LATE, Tier::Top, 1).unwrap();
            world.module.wait_tier(LATE, Tier::Top, None).unwrap();
            told(&mut world, "late", 1, 2000);
            assert_eq!((world.generation(LATE), world.module.progress().repeated), (1, 0), "{name}");
        }
    }
}
