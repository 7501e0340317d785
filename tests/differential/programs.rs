//! Random programs that press on what a single-pass compiler decides: where a value is, and when it must move.
//!
//! Every operator of the table, its operands from locals, constants, memory, calls and other operators, the same
//! local twice, a local that is set while it is still on the stack; many operands at a time, of all types, with
//! operators, calls and branches above them; conditions of comparisons; blocks with parameters and results;
//! branches that are taken and not; loops with and without calls, and above operands; addresses whose upper half is
//! not zero; references that live through everything.
//!
//! Programs end: functions call those before them only, and loops count.

use std::fmt::Write as _;

use updraft::types::ValType;

use crate::common::Rng;
use crate::engines::Nans;
use crate::operators::{Case, Operator};
use crate::values::{boundaries, constant, random};

/// Functions of a program, and calls of each.
const FUNCTIONS: usize = 4;
const CALLS: usize = 6;

const TYPES: [ValType; 5] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];

/// Loads and stores by type, with the sizes of what they access.
const LOADS: &[(ValType, &[&str])] = &[
    (ValType::I32, &["i32.load", "i32.load8_s", "i32.load8_u", "i32.load16_s", "i32.load16_u"]),
    (
        ValType::I64,
        &["i64.load", "i64.load8_s", "i64.load8_u", "i64.load16_s", "i64.load16_u", "i64.load32_s", "i64.load32_u"],
    ),
    (ValType::F32, &["f32.load"]),
    (ValType::F64, &["f64.load"]),
    (
        ValType::V128,
        &[
            "v128.load",
            "v128.load8_splat",
            "v128.load32_splat",
            "v128.load8x8_s",
            "v128.load32x2_u",
            "v128.load64_zero",
        ],
    ),
];
const STORES: &[(ValType, &[&str])] = &[
    (ValType::I32, &["i32.store", "i32.store8", "i32.store16"]),
    (ValType::I64, &["i64.store", "i64.store8", "i64.store16", "i64.store32"]),
    (ValType::F32, &["f32.store"]),
    (ValType::F64, &["f64.store"]),
    (ValType::V128, &["v128.store"]),
];

/// A program and the calls to make.
pub fn module(operators: &[Operator], seed: u64) -> (String, Vec<Case>) {
    let mut rng = Rng::new(seed ^ 0x7072_6f67);
    let mut writer = Writer { operators, rng: rng.clone(), text: String::new(), done: Vec::new(), cases: Vec::new() };
    writer.text.push_str(
        "(module (memory (export \"memory\") 2 3)\n\
         (global $sum (export \"sum\") (mut i64) (i64.const 0))\n\
         (global $g (export \"g\") (mut i32) (i32.const 7))\n\
         (global $v (export \"v\") (mut v128) (v128.const i32x4 1 2 3 4))\n\
         (type $t0 (func (param i32) (result i32)))\n\
         (table 4 funcref) (elem (i32.const 0) $f0 $id $neg)\n\
         (func $id (type $t0) (local.get 0))\n\
         (func $neg (type $t0) (i32.sub (i32.const 0) (local.get 0)))\n\
         (data $d \"some bytes to copy from here to there\")\n",
    );
    for number in 0..FUNCTIONS {
        writer.function(number);
    }
    writer.text.push(')');
    for (number, function) in writer.done.iter().enumerate() {
        for _ in 0..CALLS {
            let args = function.params.iter().map(|ty| match rng.below(2) {
                0 => *rng.pick(&boundaries(*ty)),
                _ => random(*ty, &mut rng),
            });
            writer.cases.push(Case { export: format!("f{number}"), args: args.collect() });
        }
    }
    (writer.text, writer.cases)
}

/// A function that exists.
struct Done {
    params: Vec<ValType>,
    results: Vec<ValType>,
}

struct Writer<'a> {
    operators: &'a [Operator],
    rng: Rng,
    text: String,
    done: Vec<Done>,
    cases: Vec<Case>,
}

/// What is being written.
struct Function {
    /// Types of the locals that programs use, parameters first.
    locals: Vec<ValType>,
    /// Operators that may still be written.
    budget: i32,
    /// Loops around, and loops so far: each has a counter.
    loops: usize,
    counters: usize,
    calls: usize,
}

/// Locals with a purpose: one per type for canonical NaNs.
fn scratch(ty: ValType) -> &'static str {
    match ty {
        ValType::F32 => "$nan_f32",
        ValType::F64 => "$nan_f64",
        _ => "$nan_v128",
    }
}

impl Writer<'_> {
    fn types(&mut self, most: usize) -> Vec<ValType> {
        let count = self.rng.below(most + 1);
        (0..count).map(|_| *self.rng.pick(&TYPES)).collect()
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn function(&mut self, number: usize) {
        // The first is called through the table.
        let (params, results) = match number {
            0 => (vec![ValType::I32], vec![ValType::I32]),
            _ => {
                let mut results = self.types(3);
                results.push(*self.rng.pick(&TYPES));
                (self.types(9), results)
            }
        };
        let list = |what: &str, types: &[ValType]| {
            let names: Vec<String> = types.iter().map(ValType::to_string).collect();
            if types.is_empty() { String::new() } else { format!("({what} {})", names.join(" ")) }
        };
        let most = if self.rng.below(4) == 0 { 30 } else { 8 };
        let extra = self.types(most);
        let header = list("param", &params) + &list("result", &results);
        let ty = if number == 0 { "(type $t0)" } else { "" };
        let _ = writeln!(self.text, "(func $f{number} (export \"f{number}\") {ty} {header} {}", list("local", &extra));
        self.put("(local $acc i64) (local $nan_f32 f32) (local $nan_f64 f64) (local $nan_v128 v128)");
        self.put("(local $n0 i32) (local $n1 i32) (local $n2 i32) (local $n3 i32)");
        // References that are alive all the time.
        self.put("(local $func funcref) (local $extern externref)");
        self.put(&format!("i32.const {} table.get 0 local.set $func", number % 4));
        let locals = params.iter().chain(&extra).copied().collect();
        let budget = 60 + self.rng.below(200) as i32;
        let mut function = Function { locals, budget, loops: 0, counters: 0, calls: 0 };
        while function.budget > 0 {
            self.statement(&mut function, 3);
        }
        self.put("local.get $func ref.is_null local.get $extern ref.is_null i32.const 1 i32.shl i32.or");
        self.put("i64.extend_i32_u global.get $sum local.get $acc i64.add i64.add global.set $sum");
        function.budget = 30;
        for ty in &results {
            self.value(&mut function, *ty, 3);
        }
        self.put(")");
        self.done.push(Done { params, results });
    }

    fn statement(&mut self, function: &mut Function, depth: u32) {
        function.budget -= 1;
        match self.rng.below(if depth == 0 { 6 } else { 12 }) {
            0 | 1 => {
                let Some(local) = self.local(function, None) else { return };
                let ty = function.locals[local];
                self.value(function, ty, 4);
                self.put(&format!("local.set {local}"));
            }
            2 => self.store(function),
            3 => {
                let ty = *self.rng.pick(&TYPES);
                self.value(function, ty, 4);
                self.sink(ty);
            }
            4 => match self.rng.below(3) {
                0 => {
                    self.value(function, ValType::I32, 3);
                    self.put("global.set $g");
                }
                1 => {
                    self.value(function, ValType::V128, 3);
                    self.put("global.set $v");
                }
                _ => self.bulk(function),
            },
            5 => self.call(function),
            6 | 7 => self.pressure(function),
            8 | 9 => {
                self.condition(function);
                self.put("if");
                self.statement(function, depth - 1);
                if self.rng.below(2) == 0 {
                    self.put("else");
                    self.statement(function, depth - 1);
                }
                self.put("end");
            }
            10 => {
                self.put("block");
                self.statement(function, depth - 1);
                self.condition(function);
                self.put("br_if 0");
                self.statement(function, depth - 1);
                self.put("end");
            }
            _ => self.count(function, depth),
        }
    }

    /// A loop with a counter of its own.
    fn count(&mut self, function: &mut Function, depth: u32) {
        if function.counters == 4 || function.loops == 2 {
            return;
        }
        let counter = format!("$n{}", function.counters);
        function.counters += 1;
        function.loops += 1;
        let times = 1 + self.rng.below(4);
        self.put(&format!("i32.const {times} local.set {counter} loop"));
        for _ in 0..1 + self.rng.below(3) {
            self.statement(function, depth - 1);
        }
        self.put(&format!("local.get {counter} i32.const 1 i32.sub local.tee {counter}"));
        let again = ["br_if 0 end", "i32.const 0 i32.gt_s br_if 0 end", "i32.eqz i32.eqz br_if 0 end"];
        let again = *self.rng.pick(&again);
        self.put(again);
        function.loops -= 1;
    }

    /// Many operands at a time, then something above them, then all of them are used.
    fn pressure(&mut self, function: &mut Function) {
        let most = if self.rng.below(3) == 0 { 40 } else { 14 };
        let count = 2 + self.rng.below(most);
        let one_type = (self.rng.below(2) == 0).then(|| *self.rng.pick(&TYPES));
        let types: Vec<ValType> = (0..count).map(|_| one_type.unwrap_or_else(|| *self.rng.pick(&TYPES))).collect();
        for ty in &types {
            let depth = self.rng.below(3) as u32;
            self.value(function, *ty, depth);
        }
        for _ in 0..self.rng.below(4) {
            function.budget -= 1;
            match self.rng.below(6) {
                0 => self.call(function),
                1 => self.bulk(function),
                2 => self.store(function),
                3 => self.count(function, 1),
                _ => {
                    let ty = *self.rng.pick(&TYPES);
                    self.value(function, ty, 2);
                    self.sink(ty);
                }
            }
        }
        for ty in types.iter().rev() {
            self.sink(*ty);
        }
    }

    /// Uses the operand on top.
    fn sink(&mut self, ty: ValType) {
        if self.rng.below(12) == 0 {
            self.put("drop");
            return;
        }
        self.put(match ty {
            ValType::I32 => "i64.extend_i32_u",
            ValType::F32 => "i32.reinterpret_f32 i64.extend_i32_s",
            ValType::F64 => "i64.reinterpret_f64",
            ValType::V128 => {
                "local.tee $nan_v128 i64x2.extract_lane 0 local.get $nan_v128 i64x2.extract_lane 1 i64.sub"
            }
            _ => "",
        });
        self.put("local.get $acc i64.const 7 i64.rotl i64.xor local.set $acc");
    }

    fn local(&mut self, function: &Function, ty: Option<ValType>) -> Option<usize> {
        let all: Vec<usize> =
            (0..function.locals.len()).filter(|i| ty.is_none_or(|ty| function.locals[*i] == ty)).collect();
        (!all.is_empty()).then(|| *self.rng.pick(&all))
    }

    /// A local or a constant.
    fn leaf(&mut self, function: &Function, ty: ValType) {
        match self.local(function, Some(ty)) {
            Some(local) if self.rng.below(4) != 0 => self.put(&format!("local.get {local}")),
            _ => {
                let value = *self.rng.pick(&boundaries(ty));
                self.put(&constant(&value));
            }
        }
    }

    /// A value of a type.
    fn value(&mut self, function: &mut Function, ty: ValType, depth: u32) {
        function.budget -= 1;
        if depth == 0 || function.budget < -40 {
            return self.leaf(function, ty);
        }
        match self.rng.below(20) {
            0..=2 => self.leaf(function, ty),
            3..=11 => self.operator(function, ty, depth),
            12 => self.load(function, ty),
            13 => {
                self.value(function, ty, depth - 1);
                if let Some(local) = self.local(function, Some(ty)) {
                    self.put(&format!("local.tee {local}"));
                }
            }
            14 => {
                self.condition(function);
                self.put(&format!("if (result {ty})"));
                self.value(function, ty, depth - 1);
                self.put("else");
                self.value(function, ty, depth - 1);
                self.put("end");
            }
            15 => {
                self.put(&format!("block (result {ty})"));
                self.value(function, ty, depth - 1);
                self.condition(function);
                self.put("br_if 0 drop");
                self.value(function, ty, depth - 1);
                self.put("end");
            }
            16 => self.table(function, ty, depth),
            17 => {
                // A block with a parameter, which is then the operand of an operator outside.
                let other = *self.rng.pick(&TYPES);
                self.value(function, other, depth - 1);
                self.put(&format!("block (param {other}) (result {ty})"));
                self.sink(other);
                self.value(function, ty, depth - 1);
                self.put("end");
            }
            18 => {
                self.value(function, ty, depth - 1);
                self.value(function, ty, depth - 1);
                self.condition(function);
                let select = if self.rng.below(2) == 0 { "select".into() } else { format!("select (result {ty})") };
                self.put(&select);
            }
            _ => {
                let globals = [(ValType::I32, "$g"), (ValType::I64, "$sum"), (ValType::V128, "$v")];
                match globals.iter().find(|(global, _)| *global == ty) {
                    Some((_, name)) => self.put(&format!("global.get {name}")),
                    None => self.leaf(function, ty),
                }
            }
        }
    }

    /// A value by way of a branch table, to labels that carry it.
    fn table(&mut self, function: &mut Function, ty: ValType, depth: u32) {
        self.put(&format!("block (result {ty}) block (result {ty}) block (result {ty})"));
        self.value(function, ty, depth - 1);
        self.value(function, ValType::I32, depth - 1);
        if self.rng.below(2) == 0 {
            self.put("i32.const 3 i32.and");
        }
        let table = *self.rng.pick(&["br_table 0 1 2", "br_table 2 1 1 0", "br_table 1 0", "br_table 1"]);
        self.put(table);
        self.put("end");
        self.sink(ty);
        self.value(function, ty, depth - 1);
        self.put("end end");
    }

    /// An operator of the table with a result of the type.
    fn operator(&mut self, function: &mut Function, ty: ValType, depth: u32) {
        let fitting: Vec<usize> =
            (0..self.operators.len()).filter(|i| self.operators[*i].results.first() == Some(&ty)).collect();
        let op = &self.operators[*self.rng.pick(&fitting)];
        let same = op.params.len() > 1 && op.params[0] == op.params[1];
        let aliased = self.local(function, Some(op.params[0])).filter(|_| same);
        match (aliased, self.rng.below(6)) {
            // The same local twice.
            (Some(local), 0) => self.put(&format!("local.get {local} local.get {local}")),
            // A local that is set while it is an operand.
            (Some(local), 1) => {
                self.put(&format!("local.get {local}"));
                self.value(function, op.params[0], depth - 1);
                self.put(&format!("local.set {local} local.get {local}"));
            }
            _ => {
                for param in op.params.iter().take(2) {
                    self.value(function, *param, depth - 1);
                }
            }
        }
        for param in op.params.iter().skip(2) {
            self.value(function, *param, depth - 1);
        }
        // Most divisions shall not trap.
        if (op.text.contains(".div_") || op.text.contains(".rem_")) && self.rng.below(8) != 0 {
            self.put(&format!("{ty}.const 1 {ty}.or"));
        }
        if op.text.contains(".trunc_f") && self.rng.below(8) != 0 {
            // A number that fits, with the sign lost.
            let from = op.params[0];
            self.put(&format!("{from}.abs {from}.const 1000 {from}.min"));
            self.canonical(from, Nans::AnyScalar);
            self.put(&format!(
                "local.tee {0} {from}.const 0 local.get {0} local.get {0} {from}.eq select",
                scratch(from)
            ));
        }
        self.put(&op.text.clone());
        if op.nans != Nans::Exact {
            self.canonical(ty, op.nans);
        }
        for extra in op.results.iter().skip(1) {
            self.sink(*extra);
        }
    }

    /// Makes a NaN on top the canonical one, since its bits are not determined.
    fn canonical(&mut self, ty: ValType, nans: Nans) {
        let local = scratch(ty);
        self.put(&format!("local.tee {local}"));
        self.put(&match nans {
            Nans::AnyF32x4 => {
                format!("v128.const f32x4 nan nan nan nan local.get {local} local.get {local} f32x4.eq v128.bitselect")
            }
            Nans::AnyF64x2 => {
                format!("v128.const f64x2 nan nan local.get {local} local.get {local} f64x2.eq v128.bitselect")
            }
            _ => format!("{ty}.const nan local.get {local} local.get {local} {ty}.eq select"),
        });
    }

    /// A condition, most often a comparison.
    fn condition(&mut self, function: &mut Function) {
        let comparisons: Vec<usize> = (0..self.operators.len())
            .filter(|i| {
                let op = &self.operators[*i];
                let name = op.text.split_once('.').map_or("", |(_, name)| name);
                op.results == [ValType::I32]
                    && ["eq", "ne", "lt", "gt", "le", "ge"].contains(&&name[..name.len().min(2)])
            })
            .collect();
        match self.rng.below(6) {
            0 => self.value(function, ValType::I32, 2),
            1 => {
                self.value(function, ValType::I32, 2);
                self.put("i32.eqz");
            }
            _ => {
                let op = &self.operators[*self.rng.pick(&comparisons)];
                for param in &op.params {
                    self.value(function, *param, 1);
                }
                self.put(&op.text.clone());
            }
        }
    }

    /// An address below 64 KiB, in many forms; some have garbage in the upper half of their register.
    fn address(&mut self, function: &mut Function) {
        match self.rng.below(7) {
            0 => {
                let address = self.rng.below(60_000);
                self.put(&format!("i32.const {address}"));
            }
            1 => {
                // What an operator of 64 bits leaves.
                self.value(function, ValType::I64, 2);
                self.put("i64.const 0xffffffff0000ffff i64.and i32.wrap_i64");
            }
            2 => {
                self.value(function, ValType::I64, 2);
                self.put("i64.const 32 i64.rotl i64.const -4294963201 i64.and i32.wrap_i64");
            }
            3 => {
                self.value(function, ValType::I32, 2);
                self.put("i32.const 0xffff i32.and call $id");
            }
            4 => {
                self.value(function, ValType::I32, 2);
                self.put("i32.const 16 i32.shr_u");
            }
            5 => {
                self.value(function, ValType::I32, 2);
                self.put("i32.const 0x7fff i32.and global.get $g i32.const 0xfff i32.and i32.add");
            }
            // Most often out of bounds.
            _ if self.rng.below(6) == 0 => self.value(function, ValType::I32, 2),
            _ => {
                self.value(function, ValType::I32, 2);
                self.put("i32.const 0xfff8 i32.and");
            }
        }
    }

    fn offset(&mut self) -> String {
        match self.rng.below(4) {
            0 => format!(" offset={}", self.rng.below(300)),
            1 if self.rng.below(20) == 0 => " offset=4294967295".into(),
            1 => format!(" offset={}", self.rng.below(65_000)),
            _ => String::new(),
        }
    }

    fn load(&mut self, function: &mut Function, ty: ValType) {
        self.address(function);
        let names = LOADS.iter().find(|(of, _)| *of == ty).expect("loads of the type").1;
        let (name, offset) = (*self.rng.pick(names), self.offset());
        self.put(&format!("{name}{offset}"));
    }

    fn store(&mut self, function: &mut Function) {
        let (ty, names) = *self.rng.pick(STORES);
        self.address(function);
        self.value(function, ty, 3);
        let (name, offset) = (*self.rng.pick(names), self.offset());
        self.put(&format!("{name}{offset}"));
    }

    fn bulk(&mut self, function: &mut Function) {
        self.address(function);
        match self.rng.below(4) {
            0 => {
                self.value(function, ValType::I32, 2);
                self.put("i32.const 63 memory.fill");
            }
            1 => {
                self.address(function);
                self.put("i32.const 40 memory.copy");
            }
            2 => self.put("i32.const 3 i32.const 20 memory.init $d"),
            _ => {
                self.put("drop i32.const 0 memory.grow memory.size i32.add");
                self.sink(ValType::I32);
            }
        }
    }

    fn call(&mut self, function: &mut Function) {
        function.calls += 1;
        if self.done.is_empty() || self.rng.below(3) == 0 || function.calls > 4 {
            self.value(function, ValType::I32, 2);
            if self.rng.below(2) == 0 {
                self.put("call $neg");
            } else {
                let index = 1 + self.rng.below(2);
                self.put(&format!("i32.const {index} call_indirect (type $t0)"));
            }
            return self.sink(ValType::I32);
        }
        // In loops, only what is cheap.
        let callee = self.rng.below(if function.loops > 0 { 1 } else { self.done.len() });
        for index in 0..self.done[callee].params.len() {
            let ty = self.done[callee].params[index];
            self.value(function, ty, 2);
        }
        self.put(&format!("call $f{callee}"));
        for ty in self.done[callee].results.clone().iter().rev() {
            self.sink(*ty);
        }
    }
}
