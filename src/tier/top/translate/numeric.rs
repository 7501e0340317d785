//! Constants, arithmetic, comparisons, conversions of scalars.

use cranelift_codegen::ir::{
    InstBuilder, Type, Value,
    condcodes::{FloatCC, IntCC},
    types,
};
use wasmparser::Operator;

use super::{BITCAST, Translator};
use crate::tier::top::Signals;
use crate::trap::TrapCode;

/// Pops one operand, pushes what the instruction makes of it.
macro_rules! unary {
    ($t:ident, $inst:ident $(, $arg:expr)*) => {{
        let value = $t.pop();
        let result = $t.b.ins().$inst($($arg,)* value);
        $t.push(result);
    }};
}

/// Pops two operands, pushes what the instruction makes of them.
macro_rules! binary {
    ($t:ident, $inst:ident $(, $arg:expr)*) => {{
        let (first, second) = $t.pop2();
        let result = $t.b.ins().$inst($($arg,)* first, second);
        $t.push(result);
    }};
}

/// Pops two operands, pushes 1 if the comparison holds, else 0.
macro_rules! compare {
    ($t:ident, $inst:ident, $condition:expr) => {{
        let (first, second) = $t.pop2();
        let holds = $t.b.ins().$inst($condition, first, second);
        let result = $t.b.ins().uextend(types::I32, holds);
        $t.push(result);
    }};
}

/// Translates the operator if it is one of this group.
pub(super) fn translate(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    constant(t, op) || integer(t, op) || float(t, op) || comparison(t, op) || conversion(t, op)
}

fn constant(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
    let value = match *op {
        // As unsigned: constants narrower than 64 bits have zeros above.
        Operator::I32Const { value } => t.b.ins().iconst(types::I32, i64::from(value as u32)),
        Operator::I64Const { value } => t.b.ins().iconst(types::I64, value),
        Operator::F32Const { value } => t.b.ins().f32const(Ieee32::with_bits(value.bits())),
        Operator::F64Const { value } => t.b.ins().f64const(Ieee64::with_bits(value.bits())),
        _ => return false,
    };
    t.push(value);
    true
}

fn integer(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    use Operator as Op;
    match op {
        Op::I32Clz | Op::I64Clz => unary!(t, clz),
        Op::I32Ctz | Op::I64Ctz => unary!(t, ctz),
        Op::I32Popcnt | Op::I64Popcnt => unary!(t, popcnt),
        Op::I32Add | Op::I64Add => binary!(t, iadd),
        Op::I32Sub | Op::I64Sub => {
            let (first, second) = t.pop2();
            let result = match t.negated(second) {
                Some(negative) => t.b.ins().iadd(first, negative),
                None => t.b.ins().isub(first, second),
            };
            t.push(result);
        }
        Op::I32Mul | Op::I64Mul => binary!(t, imul),
        Op::I32And | Op::I64And => {
            let (first, second) = t.pop2();
            let known = t.masked(first, second);
            let result = known.unwrap_or_else(|| t.b.ins().band(first, second));
            t.push(result);
        }
        Op::I32Or | Op::I64Or => binary!(t, bor),
        Op::I32Xor | Op::I64Xor => binary!(t, bxor),
        Op::I32Shl | Op::I64Shl => binary!(t, ishl),
        Op::I32ShrS | Op::I64ShrS => binary!(t, sshr),
        Op::I32ShrU | Op::I64ShrU => binary!(t, ushr),
        Op::I32Rotl | Op::I64Rotl => binary!(t, rotl),
        Op::I32Rotr | Op::I64Rotr => binary!(t, rotr),
        Op::I32Eqz | Op::I64Eqz => {
            let value = t.pop();
            let zero = t.b.ins().icmp_imm_u(IntCC::Equal, value, 0);
            let result = t.b.ins().uextend(types::I32, zero);
            t.push(result);
        }
        Op::I32DivS | Op::I64DivS => t.divide(Division::DivS),
        Op::I32DivU | Op::I64DivU => t.divide(Division::DivU),
        Op::I32RemS | Op::I64RemS => t.divide(Division::RemS),
        Op::I32RemU | Op::I64RemU => t.divide(Division::RemU),
        Op::I32Extend8S => t.extend_low(types::I8, types::I32),
        Op::I32Extend16S => t.extend_low(types::I16, types::I32),
        Op::I64Extend8S => t.extend_low(types::I8, types::I64),
        Op::I64Extend16S => t.extend_low(types::I16, types::I64),
        Op::I64Extend32S => t.extend_low(types::I32, types::I64),
        _ => return false,
    }
    true
}

fn float(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    use Operator as Op;
    match op {
        Op::F32Abs | Op::F64Abs => unary!(t, fabs),
        Op::F32Neg | Op::F64Neg => unary!(t, fneg),
        Op::F32Ceil | Op::F64Ceil => unary!(t, ceil),
        Op::F32Floor | Op::F64Floor => unary!(t, floor),
        Op::F32Trunc | Op::F64Trunc => unary!(t, trunc),
        Op::F32Nearest | Op::F64Nearest => unary!(t, nearest),
        Op::F32Sqrt | Op::F64Sqrt => unary!(t, sqrt),
        Op::F32Add | Op::F64Add => binary!(t, fadd),
        Op::F32Sub | Op::F64Sub => binary!(t, fsub),
        Op::F32Mul | Op::F64Mul => binary!(t, fmul),
        Op::F32Div | Op::F64Div => binary!(t, fdiv),
        Op::F32Min | Op::F64Min => binary!(t, fmin),
        Op::F32Max | Op::F64Max => binary!(t, fmax),
        Op::F32Copysign | Op::F64Copysign => binary!(t, fcopysign),
        _ => return false,
    }
    true
}

fn comparison(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    use Operator as Op;
    match op {
        Op::I32Eq | Op::I64Eq => compare!(t, icmp, IntCC::Equal),
        Op::I32Ne | Op::I64Ne => compare!(t, icmp, IntCC::NotEqual),
        Op::I32LtS | Op::I64LtS => compare!(t, icmp, IntCC::SignedLessThan),
        Op::I32LtU | Op::I64LtU => compare!(t, icmp, IntCC::UnsignedLessThan),
        Op::I32GtS | Op::I64GtS => compare!(t, icmp, IntCC::SignedGreaterThan),
        Op::I32GtU | Op::I64GtU => compare!(t, icmp, IntCC::UnsignedGreaterThan),
        Op::I32LeS | Op::I64LeS => compare!(t, icmp, IntCC::SignedLessThanOrEqual),
        Op::I32LeU | Op::I64LeU => compare!(t, icmp, IntCC::UnsignedLessThanOrEqual),
        Op::I32GeS | Op::I64GeS => compare!(t, icmp, IntCC::SignedGreaterThanOrEqual),
        Op::I32GeU | Op::I64GeU => compare!(t, icmp, IntCC::UnsignedGreaterThanOrEqual),
        Op::F32Eq | Op::F64Eq => compare!(t, fcmp, FloatCC::Equal),
        Op::F32Ne | Op::F64Ne => compare!(t, fcmp, FloatCC::NotEqual),
        Op::F32Lt | Op::F64Lt => compare!(t, fcmp, FloatCC::LessThan),
        Op::F32Gt | Op::F64Gt => compare!(t, fcmp, FloatCC::GreaterThan),
        Op::F32Le | Op::F64Le => compare!(t, fcmp, FloatCC::LessThanOrEqual),
        Op::F32Ge | Op::F64Ge => compare!(t, fcmp, FloatCC::GreaterThanOrEqual),
        _ => return false,
    }
    true
}

fn conversion(t: &mut Translator<'_>, op: &Operator<'_>) -> bool {
    use Operator as Op;
    match op {
        Op::I32WrapI64 => unary!(t, ireduce, types::I32),
        Op::I64ExtendI32S => unary!(t, sextend, types::I64),
        Op::I64ExtendI32U => unary!(t, uextend, types::I64),
        Op::F32DemoteF64 => unary!(t, fdemote, types::F32),
        Op::F64PromoteF32 => unary!(t, fpromote, types::F64),
        Op::F32ConvertI32S | Op::F32ConvertI64S => unary!(t, fcvt_from_sint, types::F32),
        Op::F32ConvertI32U | Op::F32ConvertI64U => unary!(t, fcvt_from_uint, types::F32),
        Op::F64ConvertI32S | Op::F64ConvertI64S => unary!(t, fcvt_from_sint, types::F64),
        Op::F64ConvertI32U | Op::F64ConvertI64U => unary!(t, fcvt_from_uint, types::F64),
        Op::I32ReinterpretF32 => unary!(t, bitcast, types::I32, BITCAST),
        Op::I64ReinterpretF64 => unary!(t, bitcast, types::I64, BITCAST),
        Op::F32ReinterpretI32 => unary!(t, bitcast, types::F32, BITCAST),
        Op::F64ReinterpretI64 => unary!(t, bitcast, types::F64, BITCAST),
        Op::I32TruncF32S | Op::I32TruncF64S => t.truncate(types::I32, Sign::Signed),
        Op::I32TruncF32U | Op::I32TruncF64U => t.truncate(types::I32, Sign::Unsigned),
        Op::I64TruncF32S | Op::I64TruncF64S => t.truncate(types::I64, Sign::Signed),
        Op::I64TruncF32U | Op::I64TruncF64U => t.truncate(types::I64, Sign::Unsigned),
        Op::I32TruncSatF32S | Op::I32TruncSatF64S => unary!(t, fcvt_to_sint_sat, types::I32),
        Op::I32TruncSatF32U | Op::I32TruncSatF64U => unary!(t, fcvt_to_uint_sat, types::I32),
        Op::I64TruncSatF32S | Op::I64TruncSatF64S => unary!(t, fcvt_to_sint_sat, types::I64),
        Op::I64TruncSatF32U | Op::I64TruncSatF64U => unary!(t, fcvt_to_uint_sat, types::I64),
        _ => return false,
    }
    true
}

/// The divisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Division {
    DivS,
    DivU,
    RemS,
    RemU,
}

/// Whether an integer has a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Signed,
    Unsigned,
}

/// Floats between which, exclusively, lie those that truncate to an integer of this type; as f64 values,
/// all of which are exact in the type of the float.
fn truncation_range(from: Type, to: Type, sign: Sign) -> (f64, f64) {
    let upper = match sign {
        Sign::Signed => (to.bits() as f64 - 1.0).exp2(),
        Sign::Unsigned => f64::from(to.bits()).exp2(),
    };
    let lower = match sign {
        Sign::Unsigned => -1.0,
        // The neighbour below the smallest integer, which is in range.
        Sign::Signed if from == types::F32 => f64::from((-upper as f32).next_down()),
        Sign::Signed if to == types::I32 => -upper - 1.0,
        Sign::Signed => (-upper).next_down(),
    };
    (lower, upper)
}

impl Translator<'_> {
    /// The negative of a constant, where adding that is better than to subtract: x86 adds into another register than the
    /// operand's, and addresses are sums.
    fn negated(&mut self, operand: Value) -> Option<Value> {
        let ty = self.b.func.dfg.value_type(operand);
        let negative = match ty {
            types::I32 => i64::from((self.constant(operand)? as i32).wrapping_neg() as u32),
            _ => i64::from(i32::try_from(self.constant(operand)?.checked_neg()?).ok()?),
        };
        Some(self.b.ins().iconst(ty, negative))
    }

    fn extend_low(&mut self, low: Type, full: Type) {
        let value = self.pop();
        let value = self.b.ins().ireduce(low, value);
        let value = self.b.ins().sextend(full, value);
        self.push(value);
    }

    /// Divides. Cranelift's instructions trap as WebAssembly's do; without signals, checks come first.
    fn divide(&mut self, division: Division) {
        let (dividend, divisor) = self.pop2();
        if self.options.signals == Signals::Off {
            self.check_division(division, dividend, divisor);
        }
        let result = match division {
            Division::DivS => self.b.ins().sdiv(dividend, divisor),
            Division::DivU => self.b.ins().udiv(dividend, divisor),
            Division::RemS => self.b.ins().srem(dividend, divisor),
            Division::RemU => self.b.ins().urem(dividend, divisor),
        };
        self.push(result);
    }

    fn check_division(&mut self, division: Division, dividend: Value, divisor: Value) {
        let known = self.constant(divisor);
        if known.is_none_or(|divisor| divisor == 0) {
            let zero = self.b.ins().icmp_imm_u(IntCC::Equal, divisor, 0);
            self.trap_if(zero, TrapCode::IntegerDivideByZero);
        }
        let ty = self.b.func.dfg.value_type(dividend);
        let minus_one = -1i64 as u64 >> (64 - ty.bits());
        if division == Division::DivS && known.is_none_or(|divisor| divisor as u64 == minus_one) {
            let smallest = self.b.ins().icmp_imm_u(IntCC::Equal, dividend, (1u64 << (ty.bits() - 1)) as i64);
            let negated = self.b.ins().icmp_imm_u(IntCC::Equal, divisor, minus_one as i64);
            let overflow = self.b.ins().band(smallest, negated);
            self.trap_if(overflow, TrapCode::IntegerOverflow);
        }
    }

    /// Truncates a float to an integer; traps if there is none.
    fn truncate(&mut self, to: Type, sign: Sign) {
        let value = self.pop();
        if self.options.signals == Signals::Off {
            self.check_truncation(value, to, sign);
        }
        let result = match sign {
            Sign::Signed => self.b.ins().fcvt_to_sint(to, value),
            Sign::Unsigned => self.b.ins().fcvt_to_uint(to, value),
        };
        self.push(result);
    }

    fn check_truncation(&mut self, value: Value, to: Type, sign: Sign) {
        let from = self.b.func.dfg.value_type(value);
        let unordered = self.b.ins().fcmp(FloatCC::Unordered, value, value);
        self.trap_if(unordered, TrapCode::InvalidConversionToInteger);
        let (lower, upper) = truncation_range(from, to, sign);
        let (lower, upper) = if from == types::F32 {
            (self.b.ins().f32const(lower as f32), self.b.ins().f32const(upper as f32))
        } else {
            (self.b.ins().f64const(lower), self.b.ins().f64const(upper))
        };
        let below = self.b.ins().fcmp(FloatCC::LessThanOrEqual, value, lower);
        let above = self.b.ins().fcmp(FloatCC::GreaterThanOrEqual, value, upper);
        let outside = self.b.ins().bor(below, above);
        self.trap_if(outside, TrapCode::IntegerOverflow);
    }
}
