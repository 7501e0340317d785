//! What a function may call next: the batch mode of lazy compilation.
//!
//! In: a function. Out: the functions of its module that it reaches by direct calls, tail calls and function
//! references in bodies, nearest first, up to a number and a sum of bytes.
//!
//! Not here: compiling them (`lazy`).

use std::collections::HashSet;

use wasmparser::{BinaryReader, FunctionBody, Operator};

use crate::config::LazyBatch;
use crate::module::{Features, Module};
use crate::types::{DefinedFunc, FuncIndex};

/// The functions that `entry` reaches, itself not included, of those that are `wanted`. What is not wanted is
/// passed through: behind a function that is compiled may be one that is not.
pub(super) fn reachable(
    module: &Module,
    entry: DefinedFunc,
    bounds: LazyBatch,
    wanted: impl Fn(DefinedFunc) -> bool,
) -> Vec<DefinedFunc> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([entry.0]);
    let mut queue = std::collections::VecDeque::from([entry]);
    let mut bytes = 0;
    // What is looked at is bounded as well: a caller waits.
    let mut looked_at = 0;
    while let Some(func) = queue.pop_front() {
        looked_at += module.body_range(func).len();
        if looked_at > bounds.bytes.saturating_mul(4) {
            break;
        }
        for next in callees(module, func) {
            if !seen.insert(next.0) {
                continue;
            }
            queue.push_back(next);
            if wanted(next) {
                bytes += module.body_range(next).len();
                if found.len() >= bounds.functions || bytes > bounds.bytes {
                    return found;
                }
                found.push(next);
            }
        }
    }
    found
}

/// The functions that a body names, in its order, some perhaps more than once.
fn callees(module: &Module, func: DefinedFunc) -> Vec<DefinedFunc> {
    let body = module.body_range(func);
    let reader =
        BinaryReader::new_features(module.wire().known(body.clone()), body.start as u64, Features::ALL.flags());
    let mut found = Vec::new();
    let Ok(mut operators) = FunctionBody::new(reader).get_operators_reader() else { return found };
    while !operators.eof() {
        let Ok(operator) = operators.read() else { break };
        let (Operator::Call { function_index }
        | Operator::ReturnCall { function_index }
        | Operator::RefFunc { function_index }) = operator
        else {
            continue;
        };
        // The body need not be valid.
        let exists = (function_index as usize) < module.functions().len();
        found.extend(module.defined_func(FuncIndex(function_index)).filter(|_| exists));
    }
    found
}
