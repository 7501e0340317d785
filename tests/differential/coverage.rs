//! Counts the operators in functions that were executed, so that one which no test reaches is noticed.

use std::collections::{BTreeSet, HashMap};

use updraft::module::Module;
use updraft::types::DefinedFunc;
use wasmparser::{BinaryReader, FunctionBody, Operator};

macro_rules! operators {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($ann:tt)*) )*) => {
        /// Every operator that wasmparser knows, with its proposal.
        const OPERATORS: &[(&str, &str)] = &[$( (stringify!($proposal), stringify!($op)), )*];

        fn name(op: &Operator<'_>) -> &'static str {
            match op {
                $( Operator::$op { .. } => stringify!($op), )*
                _ => "an operator that the list of wasmparser leaves out",
            }
        }
    };
}
wasmparser::for_each_operator!(operators);

/// Proposals that the engine implements, as wasmparser calls them.
const PROPOSALS: &[&str] = &[
    "mvp",
    "sign_extension",
    "saturating_float_to_int",
    "bulk_memory",
    "reference_types",
    "tail_call",
    "threads",
    "simd",
    "relaxed_simd",
    "wide_arithmetic",
];

/// The types of a function's locals, each once.
pub fn local_types(module: &Module, func: DefinedFunc) -> impl Iterator<Item = String> {
    let body = FunctionBody::new(BinaryReader::new(&module.bytes()[module.body(func)], 0));
    let params = module.func_type(module.func_index(func)).params().iter().map(ToString::to_string);
    let locals = body.get_locals_reader().expect("a validated body").into_iter();
    let locals = locals.map(|local| local.expect("a validated body").1.to_string());
    params.chain(locals).collect::<BTreeSet<String>>().into_iter()
}

/// How often each operator stood in a function that was executed.
#[derive(Default)]
pub struct Coverage(HashMap<&'static str, u64>);

impl Coverage {
    /// Counts the operators of a function that ran to its end.
    pub fn add(&mut self, module: &Module, func: DefinedFunc) {
        let body = FunctionBody::new(BinaryReader::new(&module.bytes()[module.body(func)], 0));
        let operators = body.get_operators_reader().expect("a validated body");
        for op in operators {
            *self.0.entry(name(&op.expect("a validated body"))).or_default() += 1;
        }
    }

    /// Adds the counts of another thread.
    pub fn merge(&mut self, other: Coverage) {
        for (name, count) in other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }

    /// Adds what another process counted.
    pub fn add_count(&mut self, name: &str, count: u64) {
        let known = OPERATORS.iter().map(|(_, known)| *known).find(|known| *known == name);
        *self.0.entry(known.expect("an operator")).or_default() += count;
    }

    /// The counts by operator.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(name, count)| (*name, *count))
    }

    /// Operators of the implemented proposals that were never executed.
    pub fn missing(&self) -> BTreeSet<&'static str> {
        OPERATORS
            .iter()
            // A select of several types is not valid yet, in any version of WebAssembly.
            .filter(|(proposal, name)| PROPOSALS.contains(proposal) && *name != "TypedSelectMulti")
            .map(|(_, name)| *name)
            .filter(|name| !self.0.contains_key(name))
            .collect()
    }

    /// Number of different operators, and of all together.
    pub fn totals(&self) -> (usize, u64) {
        (self.0.len(), self.0.values().sum())
    }
}
