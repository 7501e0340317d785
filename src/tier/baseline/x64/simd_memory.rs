//! Loads and stores of whole vectors, of halves that are extended, and of single lanes.

use super::asm::Rm;
use super::regs::SCRATCH;
use super::sse::{Encoding, Sse, Xm};
use crate::tier::baseline::Emit;
use crate::tier::baseline::backend::{VectorMoves as _, Width};
use crate::types::ValType;

impl Emit<'_> {
    /// Handles the operator if it is one of this file.
    pub(super) fn simd_memory_operator(&mut self, number: u32) -> bool {
        match number {
            0 => self.load_vector(Sse::MOVUPS_LOAD, 16),
            1 => self.load_vector(Sse::PMOVSXBW, 8),
            2 => self.load_vector(Sse::PMOVZXBW, 8),
            3 => self.load_vector(Sse::PMOVSXWD, 8),
            4 => self.load_vector(Sse::PMOVZXWD, 8),
            5 => self.load_vector(Sse::PMOVSXDQ, 8),
            6 => self.load_vector(Sse::PMOVZXDQ, 8),
            7 if self.options.cpu.avx2 => self.load_vector(Sse::VPBROADCASTB, 1),
            8 if self.options.cpu.avx2 => self.load_vector(Sse::VPBROADCASTW, 2),
            7 => self.load_splat_narrow(1),
            8 => self.load_splat_narrow(2),
            9 if self.asm.encoding == Encoding::Vex => self.load_vector(Sse::VBROADCASTSS, 4),
            9 => {
                let memarg = self.memarg();
                let access = self.pop_access(memarg, 4);
                self.release(&access);
                let dst = self.alloc_vreg();
                self.access_site(&access);
                self.load_vreg(ValType::F32, dst, access.mem);
                self.spread_lowest(2, dst);
                self.push_vector(dst);
            }
            10 => self.load_vector(Sse::MOVDDUP, 8),
            11 => self.store_vector(),
            84 => self.load_lane(Sse::PINSRB, 1),
            85 => self.load_lane(Sse::PINSRW, 2),
            86 => self.load_lane(Sse::PINSRD, 4),
            87 => self.load_lane(Sse::PINSRQ, 8),
            88 => self.store_lane(Sse::PEXTRB, 1),
            89 => self.store_lane(Sse::PEXTRW, 2),
            90 => self.store_lane(Sse::PEXTRD, 4),
            91 => self.store_lane(Sse::PEXTRQ, 8),
            92 => self.load_vector(Sse::MOVSS_LOAD, 4),
            93 => self.load_vector(Sse::MOVSD_LOAD, 8),
            _ => return false,
        }
        true
    }

    /// A load that is one instruction.
    fn load_vector(&mut self, row: Sse, size: u32) {
        let memarg = self.memarg();
        let access = self.pop_access(memarg, size);
        let target = self.vector_target();
        self.release(&access);
        let dst = self.vector_result_register(target);
        self.access_site(&access);
        self.asm.x2(row, dst, Xm::Mem(access.mem));
        self.vector_result(ValType::V128, dst, target);
    }

    /// Loads one or two bytes into all lanes.
    fn load_splat_narrow(&mut self, size: u32) {
        let memarg = self.memarg();
        let access = self.pop_access(memarg, size);
        self.release(&access);
        self.access_site(&access);
        let source = Rm::Mem(access.mem);
        if size == 1 {
            self.asm.movzx8(SCRATCH, source)
        } else {
            self.asm.movzx16(SCRATCH, source)
        }
        let dst = self.alloc_vreg();
        self.gpr_to_vreg(Width::W32, dst, SCRATCH);
        self.spread_lowest(size - 1, dst);
        self.push_vector(dst);
    }

    fn store_vector(&mut self) {
        let memarg = self.memarg();
        let value = self.pop();
        let index = self.pop();
        let value = self.to_vreg(value);
        let access = self.access(index, memarg, 16);
        self.access_site(&access);
        self.store_vreg(ValType::V128, access.mem, value);
        self.release(&access);
        self.free_vreg(value);
    }

    /// Loads one lane; the others come from the operand.
    fn load_lane(&mut self, insert: Sse, size: u32) {
        let memarg = self.memarg();
        let lane = self.byte();
        let vector = self.pop();
        let index = self.pop();
        let vector = self.to_temp_vreg(vector);
        let access = self.access(index, memarg, size);
        self.access_site(&access);
        self.asm.x2gi(insert, vector, vector, Rm::Mem(access.mem), lane);
        self.release(&access);
        self.push_vector(vector);
    }

    fn store_lane(&mut self, extract: Sse, size: u32) {
        let memarg = self.memarg();
        let lane = self.byte();
        let vector = self.pop();
        let index = self.pop();
        let vector = self.to_vreg(vector);
        let access = self.access(index, memarg, size);
        self.access_site(&access);
        match (size, lane) {
            (4, 0) => self.asm.mx(Sse::MOVSS_STORE, access.mem, vector),
            (8, 0) => self.asm.mx(Sse::MOVSD_STORE, access.mem, vector),
            (8, _) => self.asm.mx(Sse::MOVHPS_STORE, access.mem, vector),
            _ => self.asm.mxi(extract, access.mem, vector, lane),
        }
        self.release(&access);
        self.free_vreg(vector);
    }
}
