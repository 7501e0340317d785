//! Reclaiming under random use: what is reachable works as before, whatever way it is reached, and nothing else
//! stays.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use updraft::engine::{CompiledModule, Engine};
use updraft::error::Error;
use updraft::runtime::func::{Func, HostCallback};
use updraft::runtime::global::Global;
use updraft::runtime::instance::Instance;
use updraft::runtime::store::{Store, StoreLimits};
use updraft::runtime::table::Table;
use updraft::runtime::value::{Extern, Val};
use updraft::types::{FuncType, GlobalType, IndexType, TableType, ValType};

use crate::common::{Mode, Rng, call, compile, exported_func, proving};

const SLOTS: usize = 3;

/// Instances that hold functions in an own table, an own global, and as passive elements; and what they import.
const MODULE: &str = "(module
  (type $f (func (result i32)))
  (import \"\" \"func\" (func $imported (type $f)))
  (import \"\" \"table\" (table $theirs 3 funcref))
  (import \"\" \"global\" (global $global (mut funcref)))
  (table $own (export \"table\") 3 funcref)
  (global $kept (export \"global\") (mut funcref) (ref.null func))
  (global $name (export \"name\") (mut i32) (i32.const 0))
  (elem $passive func $imported $me)
  (func $me (export \"me\") (type $f) (global.get $name))
  (func (export \"from own\") (param i32) (result i32) (call_indirect $own (type $f) (local.get 0)))
  (func (export \"from theirs\") (param i32) (result i32) (call_indirect $theirs (type $f) (local.get 0)))
  (func (export \"from import\") (result i32) (call $imported))
  (func (export \"from passive\") (result i32)
    (table.init $own $passive (i32.const 2) (i32.const 0) (i32.const 1))
    (call_indirect $own (type $f) (i32.const 2)))
  (func (export \"from global\") (result i32)
    (table.set $own (i32.const 2) (global.get $global)) (call_indirect $own (type $f) (i32.const 2))))";

/// Everything has a number for a name: a function returns it, a table and a global of an instance have the instance's.
/// 0 is null.
#[derive(Default)]
struct Known {
    /// What each instance imports: a function, a table, a global.
    imports: HashMap<i32, [i32; 3]>,
    tables: HashMap<i32, [i32; SLOTS]>,
    globals: HashMap<i32, i32>,
}

impl Known {
    /// How many instances are reachable from these.
    fn reachable(&self, from: impl Iterator<Item = i32>) -> usize {
        let mut queue: Vec<i32> = from.collect();
        let mut seen = HashSet::new();
        while let Some(name) = queue.pop() {
            if seen.insert(name) {
                queue.extend(self.imports.get(&name).into_iter().flatten());
                queue.extend(self.tables.get(&name).into_iter().flatten());
                queue.extend(self.globals.get(&name));
            }
        }
        seen.iter().filter(|name| self.imports.contains_key(name)).count()
    }
}

struct World {
    store: Store,
    module: CompiledModule,
    rng: Rng,
    known: Known,
    held: HashMap<i32, Instance>,
    next: i32,
}

impl World {
    fn name(&mut self) -> i32 {
        self.next += 1;
        self.next
    }

    /// A held instance, unless there is none or chance decides otherwise.
    fn some(&mut self) -> Option<(i32, Instance)> {
        let mut names: Vec<i32> = self.held.keys().copied().collect();
        names.sort_unstable();
        if names.is_empty() || self.rng.below(4) == 0 {
            return None;
        }
        let name = *self.rng.pick(&names);
        Some((name, self.held[&name]))
    }

    fn export(&mut self, instance: Instance, name: &str) -> Extern {
        instance.export(&mut self.store, name).expect("a live instance").expect("an export")
    }

    fn func(&mut self) -> (i32, Func) {
        if let Some((name, instance)) = self.some() {
            return (name, exported_func(&mut self.store, instance, "me"));
        }
        let name = self.name();
        let callback: HostCallback = Arc::new(move |_, _, results| {
            results[0] = Val::I32(name);
            Ok(())
        });
        let ty = FuncType::new([], [ValType::I32]);
        (name, Func::new(&mut self.store, ty, callback).expect("a function"))
    }

    fn table(&mut self) -> (i32, Table) {
        if let Some((name, instance)) = self.some() {
            let Extern::Table(table) = self.export(instance, "table") else { panic!("a table") };
            return (name, table);
        }
        let name = self.name();
        self.known.tables.insert(name, [0; SLOTS]);
        let ty = TableType { element: ValType::FuncRef, min: SLOTS as u64, max: None, index: IndexType::I32 };
        (name, Table::new(&mut self.store, ty, Val::FuncRef(None)).expect("a table"))
    }

    fn global(&mut self) -> (i32, Global) {
        if let Some((name, instance)) = self.some() {
            let Extern::Global(global) = self.export(instance, "global") else { panic!("a global") };
            return (name, global);
        }
        let name = self.name();
        self.known.globals.insert(name, 0);
        let ty = GlobalType { content: ValType::FuncRef, mutable: true };
        (name, Global::new(&mut self.store, ty, Val::FuncRef(None)).expect("a global"))
    }

    fn instantiate(&mut self) {
        let name = self.name();
        let ((func, f), (table, t), (global, g)) = (self.func(), self.table(), self.global());
        let imports = [Extern::Func(f), Extern::Table(t), Extern::Global(g)];
        if self.rng.below(4) == 0 {
            // Reclaims in the middle of an instantiation, which then fails.
            let limits = self.store.limits();
            self.store.set_limits(StoreLimits { tables: 1, ..limits });
            let refused = Instance::new(&mut self.store, &self.module, &imports);
            assert!(matches!(refused, Err(Error::Limit { what: "tables alive", .. })), "{refused:?}");
            self.store.set_limits(limits);
        }
        let instance = Instance::new(&mut self.store, &self.module, &imports).expect("an instance");
        for import in imports {
            self.store.release(import.handle()).expect("a live object");
        }
        let Extern::Global(own) = self.export(instance, "name") else { panic!("a global") };
        own.set(&mut self.store, Val::I32(name)).expect("a mutable global");
        self.store.release(own.0).expect("a live global");
        self.known.imports.insert(name, [func, table, global]);
        self.known.tables.insert(name, [0; SLOTS]);
        self.known.globals.insert(name, 0);
        self.held.insert(name, instance);
    }

    fn change(&mut self) {
        let (func, value) = self.func();
        let slot = self.rng.below(SLOTS);
        if self.rng.below(2) == 0 {
            let (name, table) = self.table();
            assert!(table.set(&mut self.store, slot as u64, Val::FuncRef(Some(value))).expect("a live table"));
            self.known.tables.get_mut(&name).expect("a known table")[slot] = func;
            self.store.release(table.0).expect("a live table");
        } else {
            let (name, global) = self.global();
            global.set(&mut self.store, Val::FuncRef(Some(value))).expect("a live global");
            self.known.globals.insert(name, func);
            self.store.release(global.0).expect("a live global");
        }
        self.store.release(value.0).expect("a live function");
    }

    /// Calls an export: the name of the function that it reaches, 0 if a trap says that there is none.
    fn reach(&mut self, instance: Instance, export: &str, args: &[Val]) -> i32 {
        let func = exported_func(&mut self.store, instance, export);
        let outcome = call(&mut self.store, func, args);
        self.store.release(func.0).expect("a live function");
        match outcome.as_deref() {
            Ok([Val::I32(name)]) => *name,
            Ok(other) => panic!("{export}: {other:?}"),
            Err(_) => 0,
        }
    }

    fn check(&mut self) {
        let mut held: Vec<(i32, Instance)> = self.held.iter().map(|(name, instance)| (*name, *instance)).collect();
        held.sort_unstable_by_key(|(name, _)| *name);
        for (name, instance) in held {
            let [func, table, global] = self.known.imports[&name];
            for slot in 0..SLOTS {
                let (own, theirs) = (self.known.tables[&name][slot], self.known.tables[&table][slot]);
                assert_eq!(self.reach(instance, "from own", &[Val::I32(slot as i32)]), own);
                assert_eq!(self.reach(instance, "from theirs", &[Val::I32(slot as i32)]), theirs);
            }
            assert_eq!(self.reach(instance, "from import", &[]), func);
            assert_eq!(self.reach(instance, "from passive", &[]), func);
            assert_eq!(self.reach(instance, "from global", &[]), self.known.globals[&global]);
            self.known.tables.get_mut(&name).expect("a known table")[2] = self.known.globals[&global];
        }
    }
}

#[test]
fn random_graphs_of_instances_live_as_long_as_they_are_reachable() {
    let engine = Engine::new(Mode::named("eager").config()).expect("an engine");
    let module = compile(&engine, MODULE);
    let mut most = 0;
    for seed in 0..if proving() { 2000 } else { 40 } {
        let store = crate::common::store(&engine).expect("a store");
        let (known, held) = (Known::default(), HashMap::new());
        let mut world = World { store, module: module.clone(), rng: Rng::new(seed), known, held, next: 0 };
        for _ in 0..120 {
            match world.rng.below(8) {
                0..2 => world.instantiate(),
                2..5 => world.change(),
                5..7 => {
                    if let Some((name, instance)) = world.some() {
                        world.store.release(instance.0).expect("a live instance");
                        world.held.remove(&name);
                    }
                }
                _ => {
                    world.store.collect();
                    let expected = world.known.reachable(world.held.keys().copied());
                    assert_eq!(world.store.instance_count(), expected, "seed {seed}");
                    most = most.max(expected - world.held.len());
                    world.check();
                }
            }
        }
        for (_, instance) in world.held.drain() {
            world.store.release(instance.0).expect("a live instance");
        }
        world.store.collect();
        assert_eq!(world.store.object_count(), 0, "seed {seed}");
    }
    assert!(most > 5, "at most {most} instances lived on without a handle");
}
