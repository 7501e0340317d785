//! Disassembly of one [`CompiledCode`], with everything that the record knows about it.
//!
//! Branch targets are labels, so that a longer instruction does not change every line behind it. Data
//! behind or between instructions are found as what instructions refer to: constants lie behind the
//! code, and a jump table behind the jump that uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use iced_x86::{Code, Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, Mnemonic, OpKind, Register};
use updraft::tier::compiled::{CompiledCode, RelocationTarget};

/// Bytes that are no instructions, by their first offset.
struct Data {
    end: usize,
    /// Labels of a jump table; empty for other data.
    targets: Vec<usize>,
}

/// The code as text.
pub(crate) fn listing(code: &CompiledCode) -> String {
    let relocated: BTreeSet<usize> = code.relocations.iter().map(|relocation| relocation.offset as usize).collect();
    let (instructions, data) = decode(&code.bytes, &relocated);
    let labels = labels(code, &instructions, &data);
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_space_after_operand_separator(true);
    formatter.options_mut().set_hex_prefix("0x");
    formatter.options_mut().set_hex_suffix("");
    formatter.options_mut().set_rip_relative_addresses(true);
    let mut text = format!("  frame {}, aligned to {}", code.frame_size, code.alignment);
    let starts = if code.starts == 0 { String::new() } else { format!(", starts {:#x}", code.starts) };
    let _ = writeln!(text, "{starts}");
    let mut offset = 0;
    while offset < code.bytes.len() {
        if let Some(label) = labels.get(&offset) {
            let _ = writeln!(text, "{label}:");
        }
        if let Some(data) = data.get(&offset) {
            write_data(&mut text, &code.bytes[offset..data.end], data, &labels);
            offset = data.end;
            continue;
        }
        let instruction = &instructions[&offset];
        let mut line = String::new();
        formatter.format(instruction, &mut line);
        match relocation(code, offset, offset + instruction.len()) {
            Some(target) => {
                let operand = line.rfind([' ', ',']).map_or(line.len(), |position| position + 1);
                line.replace_range(operand.., &target);
            }
            None => symbolize(&mut line, instruction, &labels),
        }
        let notes = notes(code, offset);
        let _ = writeln!(text, "    {line}{notes}");
        offset += instruction.len();
    }
    text
}

/// Splits the bytes into instructions and data.
fn decode(bytes: &[u8], relocated: &BTreeSet<usize>) -> (BTreeMap<usize, Instruction>, BTreeMap<usize, Data>) {
    let mut instructions = BTreeMap::new();
    let mut data: BTreeMap<usize, Data> = BTreeMap::new();
    let mut targets = BTreeSet::from([bytes.len()]);
    let mut constants = BTreeSet::new();
    let mut code_end = bytes.len();
    let mut offset = 0;
    while offset < code_end {
        if let Some(data) = data.get(&offset) {
            offset = data.end;
            continue;
        }
        let mut decoder = Decoder::with_ip(64, &bytes[offset..], offset as u64, DecoderOptions::NONE);
        let instruction = decoder.decode();
        assert!(instruction.code() != Code::INVALID, "no instruction at {offset:#x}");
        let end = offset + instruction.len();
        let refers = instruction.memory_base() == Register::RIP && !(offset..end).any(|at| relocated.contains(&at));
        if refers && instruction.mnemonic() == Mnemonic::Lea {
            let start = instruction.memory_displacement64() as usize;
            let table = jump_table(bytes, start, &targets);
            targets.extend(&table.targets);
            data.insert(start, table);
        } else if refers {
            let constant = instruction.memory_displacement64() as usize;
            constants.insert(constant);
            code_end = code_end.min(constant);
        }
        if matches!(instruction.op0_kind(), OpKind::NearBranch64) {
            targets.insert(instruction.near_branch64() as usize);
        }
        instructions.insert(offset, instruction);
        offset = end;
        // What follows the last instruction before the constants is padding.
        let stops = matches!(instruction.mnemonic(), Mnemonic::Ret | Mnemonic::Jmp | Mnemonic::Ud2);
        let reached = data.contains_key(&offset) || targets.range(offset..code_end).next().is_some();
        if stops && !constants.is_empty() && !reached {
            break;
        }
    }
    // One entry per constant, and one for the padding before the first.
    let mut end = bytes.len();
    constants.insert(offset);
    for start in constants.into_iter().rev().filter(|&start| start < bytes.len()) {
        data.insert(start, Data { end, targets: Vec::new() });
        end = start;
    }
    (instructions, data)
}

/// Reads entries up to the first place that anything jumps to: the code behind the table.
fn jump_table(bytes: &[u8], start: usize, known: &BTreeSet<usize>) -> Data {
    let mut limit = known.range(start + 1..).next().copied().unwrap_or(bytes.len());
    let mut targets = Vec::new();
    let mut end = start;
    while end + 4 <= limit {
        let entry = i32::from_le_bytes(bytes[end..end + 4].try_into().expect("four bytes"));
        let target = start.checked_add_signed(entry as isize).expect("tables refer to the code");
        if target > start {
            limit = limit.min(target);
        }
        targets.push(target);
        end += 4;
    }
    Data { end, targets }
}

/// Names of all places that are referred to.
fn labels(
    code: &CompiledCode,
    instructions: &BTreeMap<usize, Instruction>,
    data: &BTreeMap<usize, Data>,
) -> BTreeMap<usize, String> {
    let branches = instructions.values().filter(|instruction| instruction.op0_kind() == OpKind::NearBranch64);
    let mut places: BTreeSet<usize> = branches
        .filter(|instruction| instruction.mnemonic() != Mnemonic::Call)
        .map(|instruction| instruction.near_branch64() as usize)
        .collect();
    places.extend(data.values().flat_map(|data| &data.targets));
    places.extend(data.iter().filter(|(_, data)| !data.targets.is_empty()).map(|(&start, _)| start));
    let mut names: BTreeMap<usize, String> =
        places.into_iter().enumerate().map(|(i, place)| (place, format!("L{i}"))).collect();
    let constants = instructions.values().filter_map(referred_data).filter(|place| data.contains_key(place));
    for (i, place) in constants.collect::<BTreeSet<_>>().into_iter().enumerate() {
        names.entry(place).or_insert_with(|| format!("C{i}"));
    }
    names.insert(code.body_offset as usize, "body".into());
    names.insert(code.entry_offset as usize, "entry".into());
    names
}

/// The place that an instruction addresses relative to itself.
fn referred_data(instruction: &Instruction) -> Option<usize> {
    (instruction.memory_base() == Register::RIP).then(|| instruction.memory_displacement64() as usize)
}

/// Puts labels where the formatter wrote offsets.
fn symbolize(line: &mut String, instruction: &Instruction, labels: &BTreeMap<usize, String>) {
    if instruction.op0_kind() == OpKind::NearBranch64 {
        if let Some(label) = labels.get(&(instruction.near_branch64() as usize)) {
            let operand = line.find(' ').map_or(line.len(), |position| position + 1);
            line.replace_range(operand.., label);
        }
    } else if let Some(label) = referred_data(instruction).and_then(|place| labels.get(&place)) {
        let operand = line.find("[rip").expect("the operand is written relative to rip");
        let end = operand + line[operand..].find(']').expect("brackets are closed");
        line.replace_range(operand..end, &format!("[{label}"));
    }
}

fn write_data(text: &mut String, bytes: &[u8], data: &Data, labels: &BTreeMap<usize, String>) {
    if !data.targets.is_empty() {
        let names: Vec<&str> = data.targets.iter().map(|target| labels[target].as_str()).collect();
        let _ = writeln!(text, "    .table {}", names.join(", "));
        return;
    }
    for row in bytes.chunks(16) {
        let row: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = writeln!(text, "    .bytes {}", row.join(" "));
    }
}

/// What the instruction between two offsets refers to, if the linker fills that in.
fn relocation(code: &CompiledCode, start: usize, end: usize) -> Option<String> {
    let relocation = code.relocations.iter().find(|relocation| (start..end).contains(&(relocation.offset as usize)))?;
    Some(match relocation.target {
        RelocationTarget::Function(func) => format!("defined_function_{}", func.0),
        RelocationTarget::Slot(func) => format!("[slot_of_defined_function_{}]", func.0),
    })
}

/// What the record says about the instruction at an offset.
fn notes(code: &CompiledCode, offset: usize) -> String {
    let sites = code.trap_sites.iter().filter(|site| site.offset as usize == offset);
    sites.map(|site| format!("  ; trap: {}", site.code.message())).collect()
}
