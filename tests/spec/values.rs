//! Arguments and expected results of scripts.

use updraft::error::Result;
use updraft::runtime::extern_ref::ExternRef;
use updraft::runtime::store::Store;
use updraft::runtime::value::Val;
use wast::WastArg;
use wast::WastRet;
use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};

/// An argument, or the feature that it needs.
pub fn argument(store: &mut Store, arg: &WastArg<'_>) -> Result<Result<Val, String>> {
    let WastArg::Core(arg) = arg else { return Ok(Err(format!("{arg:?}"))) };
    Ok(Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(value.to_le_bytes()),
        WastArgCore::RefNull(HeapType::Abstract { shared: false, ty: AbstractHeapType::Func }) => Val::FuncRef(None),
        WastArgCore::RefNull(HeapType::Abstract { shared: false, ty: AbstractHeapType::Extern }) => {
            Val::ExternRef(None)
        }
        WastArgCore::RefExtern(value) => Val::ExternRef(Some(ExternRef::new(store, Box::new(*value))?)),
        other => return Ok(Err(format!("{other:?}"))),
    }))
}

/// Whether a result is what the script expects.
pub fn matches(store: &Store, value: &Val, expected: &WastRet<'_>) -> bool {
    match expected {
        WastRet::Core(expected) => matches_core(store, value, expected),
        _ => false,
    }
}

fn matches_core(store: &Store, value: &Val, expected: &WastRetCore<'_>) -> bool {
    match (value, expected) {
        (value, WastRetCore::Either(cases)) => cases.iter().any(|case| matches_core(store, value, case)),
        (Val::ExternRef(Some(object)), WastRetCore::RefExtern(Some(expected))) => {
            object.object(store).is_ok_and(|object| object.downcast_ref::<u32>() == Some(expected))
        }
        _ => matches_plain(value, expected),
    }
}

/// As [`matches`], without looking into references.
pub fn matches_plain(value: &Val, expected: &WastRetCore<'_>) -> bool {
    match (value, expected) {
        (Val::I32(value), WastRetCore::I32(expected)) => value == expected,
        (Val::I64(value), WastRetCore::I64(expected)) => value == expected,
        (Val::F32(value), WastRetCore::F32(expected)) => matches_f32(*value, expected),
        (Val::F64(value), WastRetCore::F64(expected)) => matches_f64(*value, expected),
        (Val::V128(value), WastRetCore::V128(expected)) => matches_v128(value, expected),
        (Val::FuncRef(None) | Val::ExternRef(None), WastRetCore::RefNull(None)) => true,
        (Val::FuncRef(None), WastRetCore::RefNull(Some(HeapType::Abstract { ty, .. }))) => {
            matches!(ty, AbstractHeapType::Func | AbstractHeapType::NoFunc)
        }
        (Val::ExternRef(None), WastRetCore::RefNull(Some(HeapType::Abstract { ty, .. }))) => {
            matches!(ty, AbstractHeapType::Extern | AbstractHeapType::NoExtern)
        }
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(None)) => true,
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        _ => false,
    }
}

const F32_CANONICAL: u32 = 0x7fc0_0000;
const F64_CANONICAL: u64 = 0x7ff8_0000_0000_0000;

fn matches_f32(value: u32, expected: &NanPattern<F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => value & 0x7fff_ffff == F32_CANONICAL,
        NanPattern::ArithmeticNan => value & F32_CANONICAL == F32_CANONICAL,
        NanPattern::Value(expected) => value == expected.bits,
    }
}

fn matches_f64(value: u64, expected: &NanPattern<F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => value & 0x7fff_ffff_ffff_ffff == F64_CANONICAL,
        NanPattern::ArithmeticNan => value & F64_CANONICAL == F64_CANONICAL,
        NanPattern::Value(expected) => value == expected.bits,
    }
}

fn matches_v128(value: &[u8; 16], expected: &V128Pattern) -> bool {
    let lanes16 = || value.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes));
    let lanes32 = || value.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    let lanes64 = || value.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
    match expected {
        V128Pattern::I8x16(lanes) => value.iter().map(|byte| *byte as i8).eq(*lanes),
        V128Pattern::I16x8(lanes) => lanes16().eq(*lanes),
        V128Pattern::I32x4(lanes) => lanes32().map(|lane| lane as i32).eq(*lanes),
        V128Pattern::I64x2(lanes) => lanes64().map(|lane| lane as i64).eq(*lanes),
        V128Pattern::F32x4(lanes) => lanes32().zip(lanes).all(|(lane, expected)| matches_f32(lane, expected)),
        V128Pattern::F64x2(lanes) => lanes64().zip(lanes).all(|(lane, expected)| matches_f64(lane, expected)),
    }
}
