//! Cranelift's output becomes [`CompiledCode`], with the stack check in front.
//!
//! # The stack check
//! Cranelift's own would need signals, so that functions get this prefix, written by hand:
//!
//!     check_failed: pop rbp                        | reached only from below; as if just called: no frame
//!                   call [rdi + VMCTX_STACK_CHECK] | raises, or returns if the function may run after all
//!                   push rbp
//!                   mov rbp, rsp
//!                   jmp body
//!     entry:        push rbp                                (Cranelift's first two instructions, always the same)
//!                   mov rbp, rsp
//!                   mov r11, [rdi + VMCTX_STORE]
//!                   cmp rbp, [r11 + STORE_STACK_LIMIT]      (frames above 4 KiB: lea r10, [rbp - frame]
//!                   jb check_failed                          and r10 is compared)
//!                   nop                                     (if the body has constants to align)
//!     body:         what follows in Cranelift's bytes
//!
//! The check compares rbp, because it is dearer to read rsp right behind a call: some processors must first bring
//! the register up to date (2026-11, a recursive function: 12 %).
//!
//! The entry is what is aligned: processors fetch and decode in blocks of this size, and a small function that
//! straddles them costs its callers up to 40 % (2026-11, `bench/`, ackermann).
//!
//! Code for other processors has its check in Cranelift's own instructions (`translate/env.rs`), and nothing is added here.
//!
//! r10 and r11 carry nothing at an entry: arguments travel in rdi, rsi, rdx, rcx, r8, r9, xmm0-7 and on the
//! stack. Interrupts poison the stack limit, so that the check is also the poll of entries.

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{self, ExternalName, Function};
use cranelift_codegen::{CompiledCode as ClifCode, FinalizedRelocTarget};

use super::placement;
use super::places::{self, Places};
use super::translate::Inlined;
use crate::abi::call::Processor;
use crate::abi::poll;
use crate::abi::vmctx::{STORE_STACK_LIMIT, VMCTX_STACK_CHECK, VMCTX_STORE};
use crate::limits::{STACK_HEADROOM, UNCHECKED_FRAME};
use crate::tier::compiled::{
    CallKind, CallSite, CompiledCode, InlinedCall, InlinedIndex, Relocation, RelocationTarget, TrapSite,
};
use crate::trap::TrapCode;
use crate::types::{DefinedFunc, FuncIndex};

/// Frames up to this size are covered by the stack's headroom, and only the stack pointer is compared.
const COVERED_FRAME: u32 = 4096;

/// The largest frame of functions that check the stack when they have it already (`Translator::check_stack`).
const UNPROBED_FRAME: u32 = STACK_HEADROOM as u32 / 2;

/// Alignment of entries.
const ENTRY_ALIGNMENT: u32 = 32;

/// Whether a unit checks the stack before its frame exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StackCheck {
    /// Never: it is entered by the host, which checks for itself.
    Never,
    /// If the frame is too large for the headroom: the unit calls nothing that could call on.
    IfLarge,
    /// Always.
    Always,
}

/// What decides where a unit starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Its entry is aligned.
    Aligned,
    /// As [`placement`] finds it, if it has loops.
    ByLoops,
}

/// What Cranelift does not know about a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub(super) processor: Processor,
    pub(super) check: StackCheck,
    /// Stack that the unit uses beyond what Cranelift reports as its frame.
    pub(super) extra_stack: u32,
    /// Number of imported functions: names count them, `DefinedFunc` does not.
    pub(super) imported_functions: u32,
    /// Where the unit starts in the module, for code that belongs to no operator.
    pub(super) wasm_start: u32,
    pub(super) placement: Placement,
}

/// What leads from machine code to operators.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) places: &'a Places,
    /// Callees that were inlined.
    pub(super) inlined: &'a [Inlined],
}

/// Converts the code of `func`. An error says what in it the engine cannot link.
pub(super) fn convert(
    code: &ClifCode,
    func: &Function,
    unit: Unit,
    sources: Sources<'_>,
    scratch: &mut placement::Scratch,
) -> Result<CompiledCode, String> {
    let buffer = &code.buffer;
    let frame_size = buffer.frame_layout().map_or(0, |layout| layout.frame_to_fp_offset);
    let used = frame_size.saturating_add(unit.extra_stack);
    let data = buffer.data();
    let mut out = CompiledCode {
        bytes: Vec::with_capacity(data.len() + PREFIX_CAPACITY),
        alignment: buffer.alignment.max(ENTRY_ALIGNMENT),
        frame_size,
        ..CompiledCode::default()
    };
    let is_x86 = unit.processor == Processor::X86_64;
    if !is_x86 && used > UNPROBED_FRAME {
        return Err(format!("a frame of {used} bytes, for a processor whose prologues do not check the stack"));
    }
    let checked = match unit.check {
        _ if !is_x86 => false,
        StackCheck::Never => false,
        StackCheck::IfLarge => used >= UNCHECKED_FRAME,
        StackCheck::Always => true,
    };
    // Offsets of Cranelift's become ours by adding this.
    let mut shift = 0;
    if checked {
        let rest = data.strip_prefix(&PROLOGUE).ok_or("a prologue of another kind")?;
        let prefix = write_prefix(&mut out.bytes, used, buffer.alignment);
        out.entry_offset = prefix.entry;
        out.call_sites.push(call_site(prefix.return_offset, (unit.wasm_start, InlinedIndex::OWN)));
        out.body_offset = out.bytes.len() as u32;
        out.bytes.extend_from_slice(rest);
        shift = out.body_offset - PROLOGUE.len() as u32;
    } else {
        out.bytes.extend_from_slice(data);
    }

    let entry = out.entry_offset;
    let blocks = code.bb_starts.iter().map(|&block| if block == 0 { 0 } else { shift + block - entry });
    // Where there are calls, they weigh more than the loops around them: the entry stays aligned.
    let alignment = if unit.check == StackCheck::Always { out.alignment } else { buffer.alignment.max(1) };
    if unit.placement == Placement::ByLoops && is_x86 {
        out.starts = placement::starts(&out.bytes[entry as usize..], blocks, alignment, scratch);
    }
    if out.starts != 0 {
        out.alignment = alignment;
    }

    for reloc in buffer.relocs() {
        out.relocations.push(Relocation {
            offset: shift + reloc.offset,
            target: relocation_target(unit, reloc.kind, &reloc.target, func)?,
            addend: i32::try_from(reloc.addend).map_err(|_| format!("addend {:#x} of a relocation", reloc.addend))?,
        });
    }

    let positions = vec![InlinedIndex::OWN; sources.inlined.len()];
    let mut operators = Operators { buffer, next: 0, unit, sources, met: Vec::new(), positions };
    for trap in buffer.traps() {
        let (wasm_offset, inlined) = operators.of(trap.offset, Some(trap.code));
        out.trap_sites.push(TrapSite {
            offset: shift + trap.offset,
            wasm_offset,
            inlined,
            code: trap_code(trap.code)?,
        });
    }
    for site in out.trap_sites.iter().filter(|site| site.code == TrapCode::Interrupt) {
        let poll = out.bytes.get(site.offset as usize..);
        poll.and_then(poll::load_length).ok_or("a poll that the fault handler cannot step over")?;
    }
    out.trap_sites.sort_by_key(|site| site.offset);
    operators.next = 0;
    for call in buffer.call_sites() {
        // The call ends where its return address is: it may be the last instruction of its operator.
        out.call_sites.push(call_site(shift + call.ret_addr, operators.of(call.ret_addr - 1, None)));
    }
    out.inlined = operators.met;
    out.call_sites.sort_by_key(|site| site.return_offset);
    Ok(out)
}

fn call_site(return_offset: u32, (wasm_offset, inlined): (u32, InlinedIndex)) -> CallSite {
    CallSite {
        return_offset,
        wasm_offset,
        inlined,
        reference_map: CallSite::NONE,
        handler: CallSite::NONE,
        kind: CallKind::Nested,
    }
}

/// Finds the operators of machine code offsets that mostly ascend.
struct Operators<'a> {
    buffer: &'a cranelift_codegen::MachBufferFinalized<cranelift_codegen::Final>,
    next: usize,
    unit: Unit,
    sources: Sources<'a>,
    /// The inlined callees that were met.
    met: Vec<InlinedCall>,
    /// Where they are in `met`, by their numbers in `sources`; `OWN` for others.
    positions: Vec<InlinedIndex>,
}

impl Operators<'_> {
    /// The wasm offset of the operator to which the instruction at `offset` belongs, or its trap of this code, and the
    /// callee that it is in.
    fn of(&mut self, offset: u32, trap: Option<ir::TrapCode>) -> (u32, InlinedIndex) {
        let places = self.buffer.get_srclocs_sorted();
        if places.get(self.next).is_none_or(|place| place.start > offset) {
            self.next = places.partition_point(|place| place.end <= offset);
        }
        while places.get(self.next).is_some_and(|place| place.end <= offset) {
            self.next += 1;
        }
        let place = places.get(self.next).filter(|place| place.start <= offset && !place.loc.is_default());
        let location = place.and_then(|place| {
            let load = trap.and_then(|code| self.sources.places.load(place.loc, code));
            load.or_else(|| self.sources.places.operator(place.loc))
        });
        location.map_or((self.unit.wasm_start, InlinedIndex::OWN), |location| self.operator(location))
    }

    /// What a location stands for.
    fn operator(&mut self, location: u32) -> (u32, InlinedIndex) {
        let behind = self.sources.inlined.partition_point(|inlined| inlined.location <= location);
        match behind.checked_sub(1) {
            None => (location, InlinedIndex::OWN),
            Some(number) => {
                let inlined = self.sources.inlined[number];
                (location - inlined.location + inlined.body_offset, self.meet(number))
            }
        }
    }

    /// Notes an inlined callee and those around it.
    fn meet(&mut self, number: usize) -> InlinedIndex {
        if self.positions[number] == InlinedIndex::OWN {
            let Inlined { parent, func, call_offset, .. } = self.sources.inlined[number];
            let caller = parent.map_or(InlinedIndex::OWN, |parent| self.meet(usize::from(parent)));
            self.positions[number] = InlinedIndex::new(self.met.len());
            let func = FuncIndex(self.unit.imported_functions + func.0);
            self.met.push(InlinedCall { func, caller, wasm_offset: call_offset });
        }
        self.positions[number]
    }
}

fn relocation_target(
    unit: Unit,
    kind: Reloc,
    target: &FinalizedRelocTarget,
    func: &Function,
) -> Result<RelocationTarget, String> {
    let unknown = || format!("relocation {kind:?} to {}", target.display(Some(&func.params)));
    let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = target else {
        return Err(unknown());
    };
    let index = func.params.user_named_funcs()[*name].index;
    let defined = DefinedFunc(index.checked_sub(unit.imported_functions).ok_or_else(unknown)?);
    match (unit.processor, kind) {
        (Processor::X86_64, Reloc::X86CallPCRel4)
        | (Processor::Aarch64, Reloc::Arm64Call)
        | (Processor::Riscv64, Reloc::RiscvCallPlt)
        | (Processor::S390x, Reloc::S390xPLTRel32Dbl) => Ok(RelocationTarget::Function(defined)),
        (Processor::X86_64, Reloc::X86GOTPCRel4) => Ok(RelocationTarget::Slot(defined)),
        _ => Err(unknown()),
    }
}

/// Our code for one of Cranelift's: its own names are mapped, others are our numbers.
fn trap_code(code: ir::TrapCode) -> Result<TrapCode, String> {
    Ok(match code {
        ir::TrapCode::INTEGER_OVERFLOW => TrapCode::IntegerOverflow,
        ir::TrapCode::INTEGER_DIVISION_BY_ZERO => TrapCode::IntegerDivideByZero,
        ir::TrapCode::BAD_CONVERSION_TO_INTEGER => TrapCode::InvalidConversionToInteger,
        ir::TrapCode::HEAP_OUT_OF_BOUNDS => TrapCode::MemoryOutOfBounds,
        other => places::meaning(other)
            .or_else(|| TrapCode::from_number(other.as_raw().get()))
            .ok_or_else(|| format!("trap code {other}"))?,
    })
}

/// Most bytes that [`write_prefix`] writes.
const PREFIX_CAPACITY: usize = 48;

/// Where things are in a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix {
    entry: u32,
    return_offset: u32,
}

/// What every function of Cranelift's begins with: `push rbp; mov rbp, rsp`.
const PROLOGUE: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];

/// Writes the stack check. The body follows directly; without the check it would be as far from the entry as a
/// multiple of its alignment.
fn write_prefix(out: &mut Vec<u8>, frame: u32, body_alignment: u32) -> Prefix {
    const { assert!(VMCTX_STACK_CHECK < 128 && VMCTX_STORE < 128 && STORE_STACK_LIMIT < 128) };
    let check_failed = out.len();
    out.push(0x5d); // pop rbp
    out.extend([0xff, 0x57, VMCTX_STACK_CHECK as u8]); // call [rdi + VMCTX_STACK_CHECK]
    let return_offset = out.len() as u32;
    out.extend(PROLOGUE);
    let jump = out.len();
    out.extend([0xeb, 0]); // jmp body
    let entry = out.len();
    out.extend(PROLOGUE);
    memory_operand(out, &[0x4c, 0x8b], 0x1f, VMCTX_STORE); // mov r11, [rdi + VMCTX_STORE]
    if frame > COVERED_FRAME {
        out.extend([0x4c, 0x8d, 0x95]); // lea r10, [rbp - frame]
        out.extend((frame as i32).wrapping_neg().to_le_bytes());
        memory_operand(out, &[0x4d, 0x3b], 0x13, STORE_STACK_LIMIT); // cmp r10, [r11 + STORE_STACK_LIMIT]
    } else {
        memory_operand(out, &[0x49, 0x3b], 0x2b, STORE_STACK_LIMIT); // cmp rbp, [r11 + STORE_STACK_LIMIT]
    }
    let behind = out.len() + 2;
    out.extend([0x72, (check_failed as i32 - behind as i32) as u8]); // jb check_failed
    let excess = (out.len() - entry - PROLOGUE.len()) % body_alignment as usize;
    let mut padding = if excess == 0 { 0 } else { body_alignment as usize - excess };
    while padding > 0 {
        let nop = NOPS[padding.min(NOPS.len()) - 1];
        out.extend_from_slice(nop);
        padding -= nop.len();
    }
    out[jump + 1] = u8::try_from(out.len() - (jump + 2)).expect("constants are aligned to at most 64");
    Prefix { entry: entry as u32, return_offset }
}

/// One instruction without effect for each length.
const NOPS: [&[u8]; 8] = [
    &[0x90],
    &[0x66, 0x90],
    &[0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0x00],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/// Writes an instruction with an operand in memory: `modrm` without a displacement, which is added if needed.
/// The base is neither rsp, rbp, r12 nor r13, which are encoded otherwise.
fn memory_operand(out: &mut Vec<u8>, opcode: &[u8], modrm: u8, displacement: i32) {
    out.extend_from_slice(opcode);
    if displacement == 0 {
        out.push(modrm);
    } else {
        out.extend([modrm | 0x40, displacement as u8]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_of_a_small_frame() {
        let mut out = Vec::new();
        let prefix = write_prefix(&mut out, COVERED_FRAME, 1);
        let check = VMCTX_STACK_CHECK as u8;
        let expected = [
            0x5d, // pop rbp
            0xff, 0x57, check, // call [rdi + VMCTX_STACK_CHECK]
            0x55,  // push rbp
            0x48, 0x89, 0xe5, // mov rbp, rsp
            0xeb, 12,   // jmp body
            0x55, // push rbp
            0x48, 0x89, 0xe5, // mov rbp, rsp
            0x4c, 0x8b, 0x1f, // mov r11, [rdi]
            0x49, 0x3b, 0x2b, // cmp rbp, [r11]
            0x72, 0xea, // jb check_failed (-22)
        ];
        assert_eq!(out, expected);
        assert_eq!(prefix, Prefix { entry: 10, return_offset: 4 });
    }

    #[test]
    fn prefix_of_a_large_frame() {
        let mut out = Vec::new();
        let prefix = write_prefix(&mut out, COVERED_FRAME + 16, 16);
        let check = VMCTX_STACK_CHECK as u8;
        let expected = [
            0x5d, // pop rbp
            0xff, 0x57, check, // call [rdi + VMCTX_STACK_CHECK]
            0x55,  // push rbp
            0x48, 0x89, 0xe5, // mov rbp, rsp
            0xeb, 20,   // jmp body
            0x55, // push rbp
            0x48, 0x89, 0xe5, // mov rbp, rsp
            0x4c, 0x8b, 0x1f, // mov r11, [rdi]
            0x4c, 0x8d, 0x95, 0xf0, 0xef, 0xff, 0xff, // lea r10, [rbp - 0x1010]
            0x4d, 0x3b, 0x13, // cmp r10, [r11]
            0x72, 0xe3, // jb check_failed (-29)
            0x90, // nop
        ];
        assert_eq!(out, expected);
        assert_eq!(prefix, Prefix { entry: 10, return_offset: 4 });
    }

    /// The jump back goes over the padding too.
    #[test]
    fn prefix_of_a_body_with_constants() {
        for alignment in [1, 16, 32, 64] {
            let mut out = Vec::new();
            let prefix = write_prefix(&mut out, 16, alignment);
            let body = out.len() as u32;
            assert_eq!((prefix.entry, (body - 4 - prefix.entry) % alignment), (10, 0));
            assert_eq!(out[8..10], [0xeb, body as u8 - 10]);
            let nops: Vec<u8> = [NOPS[7]; 7].concat();
            assert_eq!(out[22..], nops[..body as usize - 22]);
        }
    }

    #[test]
    fn displacements_are_encoded_where_they_are_not_zero() {
        let mut out = Vec::new();
        memory_operand(&mut out, &[0x4c, 0x8b], 0x1f, 0x18);
        assert_eq!(out, [0x4c, 0x8b, 0x5f, 0x18]); // mov r11, [rdi + 0x18]
    }

    #[test]
    fn trap_codes_are_mapped_one_to_one() {
        for &code in TrapCode::ALL {
            let clif = crate::tier::top::translate::clif_trap(code);
            assert_eq!(trap_code(clif), Ok(code));
        }
        assert_eq!(trap_code(ir::TrapCode::INTEGER_DIVISION_BY_ZERO), Ok(TrapCode::IntegerDivideByZero));
        assert!(trap_code(ir::TrapCode::STACK_OVERFLOW).is_err());
        assert!(trap_code(ir::TrapCode::user(99).unwrap()).is_err());
    }
}
