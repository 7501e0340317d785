//! What the analysis says about a valid body, counted again in the plainest way.

use updraft::module::body::{BodyFlags, LoopInfo};
use updraft::types::DefinedFunc;
use wasmparser::{BinaryReader, FunctionBody, Operator, Parser, ValType, ValidPayload, Validator, WasmFeatures};

use crate::material::Subject;

/// How much there was to look at.
#[derive(Default, Debug)]
pub struct Seen {
    pub bodies: u64,
    pub loops: u64,
    /// Loops within loops.
    pub nested: u64,
    /// Bodies with more operands than a word holds.
    pub high: u64,
}

/// The plain count.
struct Plain {
    weights: Vec<u32>,
    loops: Vec<LoopInfo>,
    flags: u32,
    /// Largest height in blocks whose code is reached, and in all.
    reached: u32,
    height: u32,
    depth: u32,
    code_offset: u32,
    /// Whether there is ever a vector among the topmost operands of code that is reached.
    vectors: bool,
}

/// Compares the analysis of a function with the plain count, if the function is valid.
pub fn check(subject: &mut Subject, func: u32, seen: &mut Seen) {
    let body = subject.body(func);
    let Some(analysis) = subject.analyse(func, &body) else { return };
    let plain = count(subject, func, &body);
    let name = format!("function {func} of {}", subject.name);
    assert_eq!(analysis.local_count as usize, plain.weights.len(), "{name}");
    for (local, weight) in plain.weights.iter().enumerate().take(2048) {
        assert_eq!(subject.own.weight(local as u32), *weight, "local {local} of {name}");
    }
    assert_eq!(subject.own.loops(), plain.loops, "{name}");
    assert_eq!(analysis.flags.0 & FLAGS, plain.flags, "{name}");
    assert!(!plain.vectors || analysis.flags.contains(BodyFlags::SIMD), "{name}");
    assert_eq!(analysis.max_depth, plain.depth, "{name}");
    assert!(
        (plain.reached..=plain.height).contains(&analysis.max_height),
        "{name}: {analysis:?}, {} to {}",
        plain.reached,
        plain.height
    );
    assert_eq!(analysis.code_offset, plain.code_offset, "{name}");
    seen.bodies += 1;
    seen.loops += plain.loops.len() as u64;
    seen.nested += plain.loops.iter().filter(|info| info.outer != LoopInfo::NONE).count() as u64;
    seen.high += (plain.reached > 16) as u64;
}

/// The flags that are counted here.
const FLAGS: u32 = BodyFlags::CALLS.0
    | BodyFlags::CALLS_IN_LOOP.0
    | BodyFlags::LOOPS.0
    | BodyFlags::BR_TABLE.0
    | BodyFlags::TAIL_CALLS.0
    | BodyFlags::MEMORY0.0
    | BodyFlags::MEMORY_GROW.0
    | BodyFlags::TABLE_WRITES.0;

/// What an operator says about its body, by its name; and the local that it names.
fn describe(op: &Operator<'_>) -> u32 {
    use Operator as O;
    let name = format!("{op:?}");
    let name = name.split([' ', '{', '(']).next().expect("a name");
    let mut flags = 0;
    let bulk = ["MemoryInit", "MemoryCopy", "MemoryFill", "DataDrop", "ElemDrop", "RefFunc", "MemoryGrow"];
    let is_table = name.starts_with("Table") && name != "TableSize";
    if name.starts_with("Call") || name.starts_with("ReturnCall") || is_table || bulk.contains(&name) {
        flags |= BodyFlags::CALLS.0;
    }
    if is_table && name != "TableGet" {
        flags |= BodyFlags::TABLE_WRITES.0;
    }
    if name.starts_with("MemoryAtomic") {
        flags |= BodyFlags::CALLS.0;
    }
    if name.starts_with("ReturnCall") {
        flags |= BodyFlags::TAIL_CALLS.0;
    }
    match op {
        O::Loop { .. } => flags |= BodyFlags::LOOPS.0,
        O::BrTable { .. } => flags |= BodyFlags::BR_TABLE.0,
        O::MemoryGrow { mem } => {
            flags |= BodyFlags::MEMORY_GROW.0;
            flags |= if *mem == 0 { BodyFlags::MEMORY0.0 } else { 0 };
        }
        O::MemorySize { mem: 0 } | O::MemoryFill { mem: 0 } | O::MemoryInit { mem: 0, .. } => {
            flags |= BodyFlags::MEMORY0.0;
        }
        O::MemoryCopy { dst_mem, src_mem } if *dst_mem == 0 || *src_mem == 0 => flags |= BodyFlags::MEMORY0.0,
        _ if format!("{op:?}").contains("target: Memory(0)") => flags |= BodyFlags::MEMORY0.0,
        _ => {}
    }
    flags
}

fn count(subject: &Subject, func: u32, body: &[u8]) -> Plain {
    let module = subject.module.bytes();
    let mut validator = Validator::new_with_features(WasmFeatures::default());
    let mut function = None;
    for payload in Parser::new(0).parse_all(module) {
        let valid = validator.payload(&payload.expect("a decoded module")).expect("a valid section");
        if let ValidPayload::Func(to_validate, found) = valid
            && found.range().start as usize == subject.module.body_range(DefinedFunc(func)).start
        {
            function = Some(to_validate);
            break;
        }
    }
    let mut validator = function.expect("the function").into_validator(Default::default());
    let body = FunctionBody::new(BinaryReader::new(body, 0));
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader).expect("valid locals");
    let locals = validator.len_locals();
    for local in 0..locals {
        let own = format!("{}", subject.own.local_type(local));
        assert_eq!(own, validator.get_local_type(local).expect("a local").to_string());
    }
    let mut plain = Plain {
        weights: vec![0; locals as usize],
        loops: Vec::new(),
        flags: 0,
        reached: 0,
        vectors: false,
        height: 0,
        depth: 1,
        code_offset: reader.original_position() as u32,
    };
    // The index of each open block's loop.
    let mut blocks: Vec<Option<usize>> = vec![None];
    while !reader.eof() {
        let position = reader.original_position();
        let op = reader.peek_operator(&validator.visitor(position)).expect("an operator");
        reader.visit_operator(&mut validator.visitor(position)).expect("an operator").expect("a valid operator");
        let around: Vec<usize> = blocks.iter().flatten().copied().collect();
        let flags = describe(&op);
        plain.flags |= flags;
        if flags & BodyFlags::CALLS.0 != 0 {
            around.iter().for_each(|index| plain.loops[*index].calls = 1);
            plain.flags |= if around.is_empty() { 0 } else { BodyFlags::CALLS_IN_LOOP.0 };
        }
        match op {
            Operator::Block { .. } | Operator::If { .. } => blocks.push(None),
            Operator::Loop { .. } => {
                let outer = around.last().map_or(LoopInfo::NONE, |index| *index as u32);
                blocks.push(Some(plain.loops.len()));
                plain.loops.push(LoopInfo { outer, ..LoopInfo::default() });
            }
            Operator::End => drop(blocks.pop()),
            Operator::LocalGet { local_index }
            | Operator::LocalSet { local_index }
            | Operator::LocalTee { local_index } => {
                plain.weights[local_index as usize] += 8u32.pow(around.len().min(3) as u32);
                let bit = if local_index < 64 { 1 << local_index } else { 0 };
                for index in around {
                    plain.loops[index].touched |= bit;
                    let writes = !matches!(op, Operator::LocalGet { .. });
                    plain.loops[index].written |= if writes { bit } else { 0 };
                }
            }
            _ => {}
        }
        plain.depth = plain.depth.max(blocks.len() as u32);
        plain.height = plain.height.max(validator.operand_stack_height());
        if validator.get_control_frame(0).is_some_and(|frame| !frame.unreachable) {
            let height = validator.operand_stack_height().min(16) as usize;
            let is_vector = |depth| validator.get_operand_type(depth) == Some(Some(ValType::V128));
            plain.vectors |= (0..height).any(is_vector);
            plain.reached = plain.reached.max(validator.operand_stack_height());
        }
    }
    plain
}
