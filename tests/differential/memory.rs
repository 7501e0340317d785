//! Every load and store, at every kind of address: in bounds, across the end, far outside, with offsets that
//! are folded, checked, or larger than a guard region; in memories of 32 and 64 bits.

use std::fmt::Write as _;

use updraft::runtime::value::Val;
use updraft::types::ValType;

use crate::common::{Rng, proving};
use crate::operators::Case;
use crate::values::random;

/// Loads and stores: name, type, lanes (0: no lane immediate).
const LOADS: &str = "i32.load8_s i32.load8_u i32.load16_s i32.load16_u i32.load i64.load8_s i64.load8_u i64.load16_s \
    i64.load16_u i64.load32_s i64.load32_u i64.load f32.load f64.load v128.load v128.load8x8_s v128.load8x8_u \
    v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u v128.load8_splat v128.load16_splat \
    v128.load32_splat v128.load64_splat v128.load32_zero v128.load64_zero";
const STORES: &str = "i32.store8 i32.store16 i32.store i64.store8 i64.store16 i64.store32 i64.store f32.store f64.store \
    v128.store";
const LANE_ACCESSES: &[(&str, u32)] = &[("8_lane", 16), ("16_lane", 8), ("32_lane", 4), ("64_lane", 2)];

const OFFSETS: &[u64] = &[
    0,
    1,
    15,
    255,
    65535,
    65536,
    0x1ff_ffff,
    0x200_0000,
    0x200_0001,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
];
const OFFSETS_64: &[u64] = &[1 << 32, 1 << 47, 1 << 63, u64::MAX - 15, u64::MAX];
const ADDRESSES: &[u64] = &[
    0,
    1,
    7,
    16,
    33,
    4095,
    65519,
    65520,
    65521,
    65527,
    65528,
    65529,
    65531,
    65532,
    65533,
    65534,
    65535,
    65536,
    131_072,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_0000,
    0xffff_fff0,
    0xffff_fffc,
    0xffff_ffff,
];
const ADDRESSES_64: &[u64] = &[1 << 32, (1 << 32) + 8, 1 << 48, 1 << 63, u64::MAX - 16, u64::MAX - 7, u64::MAX];

/// A load or a store.
pub struct Access {
    pub name: String,
    /// What is stored, or replaced in part by a lane load.
    operand: Option<ValType>,
    result: Option<ValType>,
    /// Text after the memory argument.
    lane: String,
}

/// All accesses, one lane of each lane access.
pub fn accesses() -> Vec<Access> {
    let ty = |name: &str| match &name[..3] {
        "i32" => ValType::I32,
        "i64" => ValType::I64,
        "f32" => ValType::F32,
        "f64" => ValType::F64,
        _ => ValType::V128,
    };
    let mut accesses = Vec::new();
    for name in LOADS.split_whitespace() {
        accesses.push(Access { name: name.to_owned(), operand: None, result: Some(ty(name)), lane: String::new() });
    }
    for name in STORES.split_whitespace() {
        accesses.push(Access { name: name.to_owned(), operand: Some(ty(name)), result: None, lane: String::new() });
    }
    for (suffix, lanes) in LANE_ACCESSES {
        for lane in [0, 1, lanes - 1] {
            let lane = format!(" {lane}");
            let (load, store) = (format!("v128.load{suffix}"), format!("v128.store{suffix}"));
            let vector = Some(ValType::V128);
            accesses.push(Access { name: load, operand: vector, result: vector, lane: lane.clone() });
            accesses.push(Access { name: store, operand: vector, result: None, lane });
        }
    }
    accesses
}

/// Whether addresses have 32 or 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Bits32,
    Bits64,
}

/// A module with the access at each offset, with parameters, constants and sums as addresses, and its calls.
pub fn module(access: &Access, width: Width, rng: &mut Rng) -> (String, Vec<Case>) {
    let (index, memory) = match width {
        Width::Bits32 => ("i32", "1 3"),
        Width::Bits64 => ("i64", "i64 1 3"),
    };
    let mut offsets = OFFSETS.to_vec();
    let mut addresses = ADDRESSES.to_vec();
    if width == Width::Bits64 {
        offsets.extend(OFFSETS_64);
        addresses.extend(ADDRESSES_64);
    }
    let mut text = format!("(module (memory (export \"memory\") {memory})\n");
    for at in [0, 4064, 65440] {
        let bytes: String = rng.bytes(96).iter().map(|byte| format!("\\{byte:02x}")).collect();
        let _ = writeln!(text, "(data ({index}.const {at}) \"{bytes}\")");
    }
    let _ = writeln!(
        text,
        "(func (export \"grow\") (param {index}) (result {index}) (memory.grow (local.get 0)))
         (func (export \"size\") (result {index}) (memory.size))"
    );
    let operand = access.operand.map_or(String::new(), |ty| format!("(param $value {ty})"));
    let value = if access.operand.is_some() { "(local.get $value)" } else { "" };
    let result = access.result.map_or(String::new(), |ty| format!("(result {ty})"));
    let mut functions = Vec::new();
    let mut add = |name: String, params: &str, offset: u64, address: &str, takes_address: bool| {
        let _ = writeln!(
            text,
            "(func (export \"{name}\") {params} {operand} {result} ({} offset={offset}{} {address} {value}))",
            access.name, access.lane
        );
        functions.push((name, takes_address));
    };
    let param = format!("(param $a {index})");
    for (i, offset) in offsets.iter().enumerate() {
        // An ordinary run tries half of the offsets for each access, and others for the next one.
        if !proving() && rng.below(2) == 0 {
            continue;
        }
        add(format!("p{i}"), &param, *offset, "(local.get $a)", true);
        let sum = format!("({index}.add (local.get $a) ({index}.const 65536))");
        add(format!("s{i}"), &param, *offset, &sum, true);
        let scaled = format!("({index}.add ({index}.shl (local.get $a) ({index}.const 3)) (local.get $a))");
        add(format!("x{i}"), &param, *offset, &scaled, true);
        for (j, address) in addresses.iter().enumerate().filter(|(j, _)| (i + j) % 3 == 0) {
            add(format!("c{i}_{j}"), "", *offset, &format!("({index}.const {})", number(*address, width)), false);
        }
    }
    text.push(')');

    let address_value = |address: u64| match width {
        Width::Bits32 => Val::I32(address as u32 as i32),
        Width::Bits64 => Val::I64(address as i64),
    };
    let mut cases = Vec::new();
    for round in 0..2 {
        for (name, takes_address) in functions.iter().skip(round).step_by(1 + 2 * round) {
            let addresses = if *takes_address { &addresses[..] } else { &addresses[..1] };
            for address in addresses {
                let mut args = Vec::new();
                if *takes_address {
                    args.push(address_value(*address));
                }
                args.extend(access.operand.map(|ty| random(ty, rng)));
                cases.push(Case { export: name.clone(), args });
            }
        }
        // The second round meets a memory that has grown.
        if round == 0 {
            cases.push(Case { export: "grow".to_owned(), args: vec![address_value(1)] });
            cases.push(Case { export: "grow".to_owned(), args: vec![address_value(7)] });
            cases.push(Case { export: "size".to_owned(), args: Vec::new() });
        }
    }
    (text, cases)
}

/// The address as the text format wants it.
fn number(address: u64, width: Width) -> String {
    match width {
        Width::Bits32 => (address as u32).to_string(),
        Width::Bits64 => address.to_string(),
    }
}
