//! Operators on whole memories, tables and segments: `memory.size` in line, the others through helpers.

use super::Emit;
use super::backend::Assembler as _;
use super::call::Arg;
use super::stack::Entry;
use super::table::index_val_type;
use crate::abi::builtin::Builtin;
use crate::tier::fuel::Size;
use crate::types::PAGE_SIZE;

impl Emit<'_> {
    pub(crate) fn memory_size(&mut self) {
        let memory = self.u32();
        let reg = self.alloc();
        self.load_length(memory, reg);
        // In 64 bits: 4 GiB are 65536 pages.
        self.asm.shift_right(reg, PAGE_SIZE.trailing_zeros() as u8);
        self.push_gpr(index_val_type(self.index_type(memory)), reg);
    }

    pub(crate) fn memory_grow(&mut self) {
        let memory = self.u32();
        let delta = self.pop();
        self.call_builtin(Builtin::memory_grow, &[Arg::Index(memory), Arg::Operand(delta)]);
        self.push_builtin_result(index_val_type(self.index_type(memory)));
        self.reload_memory_base();
    }

    /// Pops three operands: the lowest one first.
    fn pop3(&mut self) -> [Entry; 3] {
        let third = self.pop();
        let second = self.pop();
        [self.pop(), second, third]
    }

    pub(crate) fn memory_fill(&mut self) {
        let memory = self.u32();
        let [dst, value, len] = self.pop3();
        self.take_by_size(len, Size::Bytes);
        let args = [Arg::Index(memory), Arg::Operand(dst), Arg::Operand(value), Arg::Operand(len)];
        self.call_builtin(Builtin::memory_fill, &args);
    }

    /// `memory.copy` and `table.copy`: immediates and operands are alike.
    pub(crate) fn copy(&mut self, builtin: Builtin) {
        let (to, from) = (self.u32(), self.u32());
        let [dst, src, len] = self.pop3();
        self.take_by_size(len, Size::of(builtin));
        let operands = [Arg::Operand(dst), Arg::Operand(src), Arg::Operand(len)];
        self.call_builtin(builtin, &[Arg::Index(to), Arg::Index(from), operands[0], operands[1], operands[2]]);
    }

    /// `memory.init` and `table.init`.
    pub(crate) fn init(&mut self, builtin: Builtin) {
        let (segment, to) = (self.u32(), self.u32());
        let [dst, src, len] = self.pop3();
        self.take_by_size(len, Size::of(builtin));
        let operands = [Arg::Operand(dst), Arg::Operand(src), Arg::Operand(len)];
        self.call_builtin(builtin, &[Arg::Index(to), Arg::Index(segment), operands[0], operands[1], operands[2]]);
    }

    /// `data.drop` and `elem.drop`.
    pub(crate) fn drop_segment(&mut self, builtin: Builtin) {
        let segment = self.u32();
        self.call_builtin(builtin, &[Arg::Index(segment)]);
    }
}
