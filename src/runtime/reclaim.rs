//! Reclaiming: marks what the host reaches, sweeps the rest.
//!
//! Roots are the objects that the host holds by handles. Edges are imports, elements of tables, values of
//! globals, and the instance that a part belongs to: a memory keeps its instance alive, and the instance
//! all its parts. Runs only while no WebAssembly runs, so that no reference hides on a stack.

use super::func::FuncOwner;
use super::handle::Kind;
use super::store::{FIRST_RECLAIM, StoreInner};
use crate::abi::vmctx::{VmFuncRef, VmInstance};
use crate::types::ValType;

impl StoreInner {
    /// Reclaims what nothing reaches; the number of objects that went.
    pub(super) fn collect(&mut self) -> usize {
        if self.is_running() {
            return 0;
        }
        let mut queue = std::mem::take(&mut self.mark_queue);
        self.push_roots(&mut queue);
        while let Some((kind, index)) = queue.pop() {
            self.push_edges(kind, index, &mut queue);
        }
        self.mark_queue = queue;
        self.keep_attached();
        let gone = self.sweep();
        self.made = 0;
        self.made_limit = FIRST_RECLAIM.max(self.weight());
        gone
    }

    /// Functions and globals of living instances have objects only while the host holds them, but what the host
    /// attached to one must outlast that. They reach nothing that their instance does not.
    fn keep_attached(&mut self) {
        let instances = &self.instances;
        self.funcs.keep_attached(|func| matches!(func.owner, FuncOwner::Instance(owner) if instances.is_marked(owner)));
        self.globals.keep_attached(|global| global.owner.is_some_and(|owner| instances.is_marked(owner)));
    }

    /// Weight of what is alive: the next reclaiming waits until as much again was made.
    fn weight(&self) -> usize {
        self.instances.live() + self.funcs.live() + self.memories.live() + self.globals.live() + self.externs.live()
    }

    fn push_roots(&mut self, queue: &mut Vec<(Kind, u32)>) {
        queue.extend(self.instances.roots().map(|index| (Kind::Instance, index)));
        queue.extend(self.funcs.roots().map(|index| (Kind::Func, index)));
        queue.extend(self.tables.roots().map(|index| (Kind::Table, index)));
        queue.extend(self.memories.roots().map(|index| (Kind::Memory, index)));
        queue.extend(self.globals.roots().map(|index| (Kind::Global, index)));
        queue.extend(self.externs.roots().map(|index| (Kind::ExternRef, index)));
    }

    /// Marks an object and queues what it reaches, unless it was marked.
    fn push_edges(&mut self, kind: Kind, index: u32, queue: &mut Vec<(Kind, u32)>) {
        let fresh = match kind {
            Kind::Instance => self.instances.mark(index),
            Kind::Func => self.funcs.mark(index),
            Kind::Table => self.tables.mark(index),
            Kind::Memory => self.memories.mark(index),
            Kind::Global => self.globals.mark(index),
            Kind::ExternRef => self.externs.mark(index),
        };
        if !fresh {
            return;
        }
        match kind {
            Kind::Instance => {
                let instance = self.instances.at(index);
                queue.extend(instance.edges());
                for value in instance.own_ref_globals() {
                    push_reference(value.0, value.1, queue);
                }
            }
            Kind::Func => {
                if let FuncOwner::Instance(owner) = self.funcs.at(index).owner {
                    queue.push((Kind::Instance, owner));
                }
            }
            Kind::Table => {
                let table = self.tables.at(index);
                queue.extend(table.owner.map(|owner| (Kind::Instance, owner)));
                let ty = table.ty.element;
                for element in table.elements() {
                    push_reference(ty, *element, queue);
                }
            }
            Kind::Memory => queue.extend(self.memories.at(index).owner.map(|owner| (Kind::Instance, owner))),
            Kind::Global => {
                let global = self.globals.at(index);
                queue.extend(global.owner.map(|owner| (Kind::Instance, owner)));
                if global.ty.content.is_ref() {
                    push_reference(global.ty.content, global.raw_reference(), queue);
                }
            }
            Kind::ExternRef => {}
        }
    }

    fn sweep(&mut self) -> usize {
        let mut gone = 0;
        // A function object of a live instance that nobody holds: forget it in its reference.
        for index in self.funcs.take_unmarked() {
            let func = self.funcs.remove(index).expect("unmarked objects are live");
            if let FuncOwner::Instance(owner) = func.owner
                && self.instances.find(owner).is_some()
            {
                // SAFETY: the instance, and with it the reference, is still there: instances go below.
                unsafe { (*func.funcref.cast_mut()).handle = 0 };
            }
            gone += 1;
        }
        for index in self.globals.take_unmarked() {
            let global = self.globals.remove(index).expect("unmarked objects are live");
            if let Some(instance) = global.owner.filter(|owner| self.instances.find(*owner).is_some()) {
                self.instances.at_mut(instance).forget_global(global.definition);
            }
            gone += 1;
        }
        for index in self.instances.take_unmarked() {
            self.instances.remove(index);
            gone += 1;
        }
        for index in self.tables.take_unmarked() {
            self.tables.remove(index);
            gone += 1;
        }
        for index in self.memories.take_unmarked() {
            self.memories.remove(index);
            gone += 1;
        }
        for index in self.externs.take_unmarked() {
            self.externs.remove(index);
            gone += 1;
        }
        gone
    }
}

/// Queues what a reference in its 8-byte form leads to.
fn push_reference(ty: ValType, raw: u64, queue: &mut Vec<(Kind, u32)>) {
    if raw == 0 {
        return;
    }
    match ty {
        ValType::ExternRef => queue.push((Kind::ExternRef, raw as u32 - 1)),
        ValType::FuncRef => {
            let funcref = raw as usize as *const VmFuncRef;
            // SAFETY: a reference in a table or global of a live object leads to a live function: it was marked
            // whenever its holder was.
            let (vmctx, handle) = unsafe { ((*funcref).vmctx, (*funcref).handle) };
            // SAFETY: as above; only instances have lazy stubs.
            if unsafe { (*vmctx).lazy_compile } == 0 {
                queue.push((Kind::Func, handle - 1));
            } else {
                // SAFETY: the vmctx is an instance's.
                queue.push((Kind::Instance, unsafe { (*vmctx.cast::<VmInstance>()).instance } as usize as u32));
            }
        }
        _ => {}
    }
}
