//! Sizes, offsets and numbers of the header as a C compiler sees them, against Rust's.
//!
//! A C program is made from the same list that Rust is asked about; the list is complete, because the header's
//! definitions are counted. Without a C compiler the test reports that it was skipped.

use std::fmt::Write as _;
use std::mem::{align_of, offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;

use updraft::capi::{
    artifact, cache, config, engine, error, events, job, module, module_items, profile, status, store, tiering, types,
    value, version, wasi, workers,
};

/// What is compared: the C expression and Rust's number.
type Facts = Vec<(String, u64)>;

macro_rules! layouts {
    ($facts:ident, $( $module:ident :: $name:ident { $( $field:ident ),* } )*) => {
        $(
            let name = stringify!($name);
            $facts.push((format!("sizeof({name})"), size_of::<$module::$name>() as u64));
            $facts.push((format!("alignment_of({name})"), align_of::<$module::$name>() as u64));
            $( $facts.push((
                format!("offsetof({name}, {})", stringify!($field)),
                offset_of!($module::$name, $field) as u64,
            )); )*
        )*
    };
}

fn struct_facts() -> Facts {
    let mut facts = Facts::new();
    layouts! { facts,
        config::updraft_host_memory_t { struct_size, base, env, grow, finalizer }
        engine::updraft_engine_stats_t { struct_size, modules, stores, linkers }
        error::updraft_frame_t {
            struct_size, func_index, func_offset, module_offset, func_name, func_name_len, module_name, module_name_len, tier, reserved
        }
        events::updraft_event_t {
            size, kind, seq, time_ns, module_id, duration_ns, func, count, code_size, status, from_tier, to_tier, worker,
            began_ns, origin, reserved
        }
        cache::updraft_cache_stats_t {
            struct_size, hits, misses, absent, unreadable, not_an_entry, not_authentic, other_engine, no_key, writes, failures, written_bytes
        }
        artifact::updraft_artifact_status_t { struct_size, verdict, reserved, code_bytes, loaded, damaged }
        module::updraft_custom_section_t { struct_size, name, name_len, bytes, len }
        module_items::updraft_export_t { struct_size, name, name_len, kind, item_index }
        module_items::updraft_import_t { struct_size, module, module_len, name, name_len, kind, reserved }
        profile::updraft_func_profile_t { size, func, flags, sites, calls }
        profile::updraft_profile_site_t { size, kind, module_offset, target_count, count, targets, target_counts }
        store::updraft_store_limits_t { struct_size, memory_bytes, table_elements, instances, memories, tables }
        tiering::updraft_func_state_t {
            size, func, tier, target_tier, flags, code_size, compile_ns, calls, top_compilations, priority
        }
        tiering::updraft_module_stats_t {
            struct_size, functions, baseline_functions, top_functions, baseline_refused, top_refused, outstanding_first,
            outstanding, units, compiled, discarded, publications, publication_waits, code_bytes, memory_bytes, loops,
            loops_entered
        }
        workers::updraft_compile_stats_t {
            struct_size, first_queued, first_in_flight, first_added, first_compiled, first_failed, first_discarded, first_stolen,
            first_wait_ns, first_run_ns, background_queued, background_in_flight, background_added, background_compiled,
            background_failed, background_discarded, background_stolen, background_wait_ns, background_run_ns, prioritised,
            threads, publications, published_units, published_bytes, lock_waits, sleeps, wakes, code_bytes, code_limit
        }
        workers::updraft_estimate_t { struct_size, functions, code_bytes, record_bytes, wire_bytes, total_bytes }
        types::updraft_globaltype_t { struct_size, content, is_mutable }
        types::updraft_memorytype_t { struct_size, flags, page_size_log2, min, max }
        types::updraft_tabletype_t { struct_size, flags, element, min, max }
        value::updraft_extern_t { kind, reserved, handle }
        value::updraft_raw_t { i32, i64, f32, f64, v128, funcref, externref }
        value::updraft_val_t { kind, reserved, of }
        value::updraft_value_t { i32, i64, f32, f64, v128, handle }
    }
    facts
}

/// Plain types and some numbers of each group; the header is generated from the very constants.
fn number_facts() -> Facts {
    let size = |name: &str, size: usize| (format!("sizeof({name})"), size as u64);
    let mut facts = vec![
        size("updraft_status_t", size_of::<status::updraft_status_t>()),
        size("updraft_handle_t", size_of::<store::updraft_handle_t>()),
        size("updraft_func_t", size_of::<store::updraft_func_t>()),
        size("updraft_valtype_t", size_of::<value::updraft_valtype_t>()),
        size("updraft_kind_t", size_of::<value::updraft_kind_t>()),
        size("updraft_trap_code_t", size_of::<error::updraft_trap_code_t>()),
        size("updraft_event_kind_t", size_of::<events::updraft_event_kind_t>()),
        size("updraft_wasi_stream_t", size_of::<wasi::updraft_wasi_stream_t>()),
        size("updraft_finalizer_t", size_of::<updraft::capi::updraft_finalizer_t>()),
    ];
    for (name, number) in [
        ("UPDRAFT_ABI_VERSION", version::UPDRAFT_ABI_VERSION),
        ("UPDRAFT_STATUS_FAILED", status::UPDRAFT_STATUS_FAILED),
        ("UPDRAFT_JOB_FAILED", job::UPDRAFT_JOB_FAILED),
        ("UPDRAFT_POLICY_EAGER_TOP", tiering::UPDRAFT_POLICY_EAGER_TOP),
        ("UPDRAFT_FUNC_CALLS_KNOWN", tiering::UPDRAFT_FUNC_CALLS_KNOWN),
        ("UPDRAFT_EVENT_RESYNC", events::UPDRAFT_EVENT_RESYNC),
        ("UPDRAFT_TRAP_EXIT", error::UPDRAFT_TRAP_EXIT),
        ("UPDRAFT_TRAP_OUT_OF_FUEL", error::UPDRAFT_TRAP_OUT_OF_FUEL),
        ("UPDRAFT_TRAP_INVALID_MODULE", error::UPDRAFT_TRAP_INVALID_MODULE),
        ("UPDRAFT_VAL_FUNCREF", value::UPDRAFT_VAL_FUNCREF),
        ("UPDRAFT_KIND_EXTERNREF", value::UPDRAFT_KIND_EXTERNREF),
        ("UPDRAFT_LIMITS_SHARED", types::UPDRAFT_LIMITS_SHARED),
        ("UPDRAFT_FEATURE_WIDE_ARITHMETIC", version::UPDRAFT_FEATURE_WIDE_ARITHMETIC),
    ] {
        facts.push((name.into(), number.into()));
    }
    facts
}

/// The definitions in the header: name and number of fields.
fn definitions(header: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut fields = None;
    for line in header.lines() {
        if line.starts_with("typedef ") && line.ends_with('{') {
            fields = Some(0);
        } else if let Some(name) = line.strip_prefix("} ")
            && let Some(count) = fields.take()
        {
            found.push((name.trim_end_matches(';').into(), count));
        } else if let Some(count) = &mut fields
            && line.ends_with(';')
            && !line.trim_start().starts_with('*')
        {
            *count += 1;
        }
    }
    found
}

fn compiler() -> Option<&'static str> {
    ["cc", "gcc", "clang"].into_iter().find(|name| Command::new(name).arg("--version").output().is_ok())
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("the program prints text")
}

/// The list above names every struct and union of the header, with every field.
#[test]
fn every_public_struct_is_compared() {
    let header = std::fs::read_to_string(header_path()).expect("the header is there");
    let facts = struct_facts();
    let definitions = definitions(&header);
    assert!(definitions.len() > 10, "the header was not understood");
    for (name, fields) in &definitions {
        let listed = facts.iter().filter(|(text, _)| text.starts_with(&format!("offsetof({name}, "))).count();
        assert_eq!(listed, *fields, "{name}");
    }
    assert_eq!(facts.iter().filter(|(text, _)| text.starts_with("sizeof")).count(), definitions.len());
}

fn header_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include/updraft.h")
}

/// C and Rust agree on every size, alignment and offset.
#[test]
fn c_and_rust_lay_structs_out_alike() {
    let Some(compiler) = compiler() else {
        // The harness has no way to report a skip but by its output.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), b"SKIPPED: there is no C compiler\n");
        return;
    };
    let facts: Facts = struct_facts().into_iter().chain(number_facts()).collect();
    let mut source = String::from("#include \"updraft.h\"\n#include <stdio.h>\n");
    source
        .push_str("#define alignment_of(type) offsetof(struct { char byte; type value; }, value)\nint main(void) {\n");
    for (expression, _) in &facts {
        writeln!(source, "printf(\"%llu\\n\", (unsigned long long)({expression}));").expect("strings take all");
    }
    source.push_str("return 0; }\n");

    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (file, program) = (folder.join("layout.c"), folder.join("layout"));
    std::fs::write(&file, source).expect("the folder can be written");
    let include = header_path();
    let include = include.parent().expect("a file has a folder");
    run(Command::new(compiler).arg("-std=c11").arg("-I").arg(include).arg(&file).arg("-o").arg(&program));
    let printed = run(&mut Command::new(&program));
    let mut lines = printed.lines();
    for (expression, rust) in &facts {
        let c: u64 = lines.next().expect("a line per fact").parse().expect("a number");
        assert_eq!(c, *rust, "{expression}");
    }
}
