#!/usr/bin/env python3
"""Writes c-tests/null.c: every function of include/updraft.h is called with NULL for each of its pointers.

Every pointer of every function is either required (the call must fail with MISUSE and name it) or listed in ALLOWED
below with what must happen instead. A pointer that is neither makes the test fail, and one that is listed but does
not exist makes this program fail. With --verify, compares instead of writing.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER, TARGET = ROOT / "include/updraft.h", ROOT / "c-tests/null.c"

# (function, parameter): C statements that call the function with NULL there and check what comes of it.
# "" = covered by the statements of another parameter of the same function.
ALLOWED = {
    ("updraft_engine_new", "config"): "OK(updraft_engine_new(NULL, &made.engine, E)); updraft_engine_delete(made.engine);",
    ("updraft_config_set_memory_creator", "create"): "OK(updraft_config_set_memory_creator(config, NULL, NULL, NULL, E));",
    ("updraft_config_set_memory_creator", "env"): "OK(updraft_config_set_memory_creator(config, create, NULL, NULL, E));",
    ("updraft_config_set_memory_creator", "finalizer"): "",
    ("updraft_store_delete", "store"): "OK(updraft_store_delete(NULL, E));",
    ("updraft_store_set_data", "data"): "OK(updraft_store_set_data(store, NULL, NULL, E));",
    ("updraft_store_set_data", "finalizer"): "",
    ("updraft_store_collect", "count"): "OK(updraft_store_collect(store, NULL, E));",
    ("updraft_externref_new", "data"):
        "OK(updraft_externref_new(store, NULL, NULL, &made.handle, E)); OK(updraft_store_release(store, made.handle, E));",
    ("updraft_externref_new", "finalizer"): "",
    ("updraft_func_new", "env"):
        "OK(updraft_func_new(store, functype, callback, NULL, NULL, &made.handle, E)); OK(updraft_store_release(store, made.handle, E));",
    ("updraft_func_new", "finalizer"): "",
    ("updraft_func_new_raw", "env"):
        "OK(updraft_func_new_raw(store, functype, raw_callback, NULL, NULL, &made.handle, E)); OK(updraft_store_release(store, made.handle, E));",
    ("updraft_func_new_raw", "finalizer"): "",
    ("updraft_linker_define_func", "env"):
        'OK(updraft_linker_define_func(linker, "n", 1, "a", 1, functype, callback, NULL, NULL, E));',
    ("updraft_linker_define_func", "finalizer"): "",
    ("updraft_linker_define_raw_func", "env"):
        'OK(updraft_linker_define_raw_func(linker, "n", 1, "b", 1, functype, raw_callback, NULL, NULL, E));',
    ("updraft_linker_define_raw_func", "finalizer"): "",
    ("updraft_memory_grow", "old_pages"): "OK(updraft_memory_grow(store, memory, 0, NULL, E));",
    ("updraft_shared_memory_grow", "old_pages"): "OK(updraft_shared_memory_grow(shared, 0, NULL, E));",
    ("updraft_table_grow", "old_size"): "OK(updraft_table_grow(store, table, 0, &null_ref, NULL, E));",
    ("updraft_wasi_config_set_stdin_callback", "env"):
        "OK(updraft_wasi_config_set_stdin_callback(wasi_config, read_stream, NULL, NULL, E));",
    ("updraft_wasi_config_set_stdin_callback", "finalizer"): "",
    ("updraft_wasi_config_set_output_callback", "env"):
        "OK(updraft_wasi_config_set_output_callback(wasi_config, UPDRAFT_WASI_STDOUT, write_stream, NULL, NULL, E));",
    ("updraft_wasi_config_set_output_callback", "finalizer"): "",
    ("updraft_subscription_set_callback", "env"):
        "OK(updraft_subscription_set_callback(subscription, UPDRAFT_EVENT_THREAD_DISPATCHER, on_event, NULL, NULL, E));",
    ("updraft_subscription_set_callback", "finalizer"): "",
    ("updraft_subscription_dispatch", "count"): "OK(updraft_subscription_dispatch(subscription, 1, NULL, E));",
    ("updraft_config_set_executor", "env"): "OK(updraft_config_set_executor(config, 1, executor, NULL, NULL, E));",
    ("updraft_config_set_executor", "finalizer"): "",
    ("updraft_config_set_cache_store", "env"): "OK(updraft_config_set_cache_store(config, cache_get, cache_put, NULL, NULL, E));",
    ("updraft_config_set_cache_store", "finalizer"): "",
    ("updraft_config_set_cache_directory", "path"):
        'FAILS(MISUSE, "path is NULL", updraft_config_set_cache_directory(config, NULL, 1, 1 << 20, E));'
        " OK(updraft_config_set_cache_directory(config, NULL, 0, 0, E));",
    ("updraft_config_set_cache_key_file", "path"):
        'FAILS(MISUSE, "path is NULL", updraft_config_set_cache_key_file(config, NULL, 1, E));'
        " OK(updraft_config_set_cache_key_file(config, NULL, 0, E));",
    ("updraft_module_cache_write", "bytes"):
        'FAILS(NOT_FOUND, "no cache", updraft_module_cache_write(module, NULL, E));',
    ("updraft_module_new_with_options", "options"):
        "OK(updraft_module_new_with_options(engine, bytes, sizeof bytes, NULL, &made.module, E)); updraft_module_delete(made.module);",
    ("updraft_module_new_async", "release"):
        "OK(updraft_module_new_async(engine, bytes, sizeof bytes, NULL, NULL, NULL, &made.job, E)); OK(updraft_job_wait(made.job, UINT64_MAX, E)); updraft_job_delete(made.job);",
    ("updraft_module_new_async", "env"): "",
    ("updraft_module_new_async", "options"): "",
    ("updraft_stream_new", "options"):
        "OK(updraft_stream_new(engine, NULL, 0, &made.stream, E)); updraft_stream_delete(made.stream);",
    ("updraft_module_wait_tier", "funcs"):
        'FAILS(MISUSE, "funcs is NULL", updraft_module_wait_tier(module, NULL, 1, UPDRAFT_TIER_TOP, 0, E));'
        " OK(updraft_module_wait_tier(module, NULL, 0, UPDRAFT_TIER_TOP, UINT64_MAX, E));",
    ("updraft_module_request_tier", "funcs"):
        'FAILS(MISUSE, "funcs is NULL", updraft_module_request_tier(module, NULL, 1, UPDRAFT_TIER_TOP, 0, NULL, E));'
        " OK(updraft_module_request_tier(module, NULL, 0, UPDRAFT_TIER_TOP, 0, NULL, E));",
    ("updraft_module_request_tier", "reached"): "",
    ("updraft_module_set_policy", "funcs"):
        'FAILS(MISUSE, "funcs is NULL", updraft_module_set_policy(module, NULL, 1, UPDRAFT_POLICY_AUTO, E));'
        " OK(updraft_module_set_policy(module, NULL, 0, UPDRAFT_POLICY_AUTO, E));",
    ("updraft_module_allow_again", "funcs"):
        'FAILS(MISUSE, "funcs is NULL", updraft_module_allow_again(module, NULL, 1, E)); OK(updraft_module_allow_again(module, NULL, 0, E));',
    ("updraft_module_cancel", "cancelled"): "OK(updraft_module_cancel(module, UPDRAFT_CANCEL_IF_NOT_READY, NULL, E));",
    ("updraft_engine_run_jobs", "ran"): "OK(updraft_engine_run_jobs(engine, 0, 0, NULL, E));",
    ("updraft_engine_clear", "count"): "OK(updraft_engine_clear(engine, NULL, E));",
    ("updraft_module_deserialize", "release"):
        'FAILS(INVALID, "shorter than a head", updraft_module_deserialize(engine, bytes, sizeof bytes, NULL, NULL, NULL, &out.module, E));',
    ("updraft_module_deserialize", "env"): "",
    ("updraft_module_deserialize", "options"): "",
    ("updraft_module_deserialize_file", "options"):
        'FAILS(SYSTEM, "artifact file", updraft_module_deserialize_file(engine, "x", 1, NULL, &out.module, E));',
    ("updraft_artifact_open", "options"):
        'FAILS(INVALID, "shorter than a head", updraft_artifact_open(engine, bytes, sizeof bytes, NULL, NULL, 0, &out.size, E));',
    # Functions that cannot fail.
    ("updraft_feature_name", "len"): "CHECK(updraft_feature_name(0, NULL) != NULL);",
    ("updraft_caller_store", "caller"): "CHECK(updraft_caller_store(NULL) == NULL);",
    ("updraft_error_new", "message"):
        "made.error = updraft_error_new(NULL, 0, NULL, NULL); CHECK(made.error != NULL); updraft_error_delete(made.error);"
        " made.error = updraft_error_new(NULL, 5, NULL, NULL); CHECK(made.error != NULL); updraft_error_delete(made.error);",
    ("updraft_error_new", "payload"): "",
    ("updraft_error_new", "finalizer"): "",
    ("updraft_error_status", "err"): "CHECK_EQ(updraft_error_status(NULL), UPDRAFT_STATUS_MISUSE);",
    ("updraft_error_message", "err"): 'CHECK_TEXT(updraft_error_message(NULL, &out.size), ""); CHECK_EQ(out.size, 0); out.size = untouched.size;',
    ("updraft_error_message", "len"): "CHECK(strlen(updraft_error_message(error, NULL)) > 0);",
    ("updraft_error_offset", "err"): "CHECK_EQ(updraft_error_offset(NULL, &out.u64), 0);",
    ("updraft_error_offset", "offset"): "CHECK_EQ(updraft_error_offset(error, NULL), 0);",
    ("updraft_error_func_index", "err"): "CHECK_EQ(updraft_error_func_index(NULL, &out.u32), 0);",
    ("updraft_error_func_index", "func"): "CHECK_EQ(updraft_error_func_index(error, NULL), 0);",
    ("updraft_error_trap_code", "err"): "CHECK_EQ(updraft_error_trap_code(NULL), UPDRAFT_TRAP_NONE);",
    ("updraft_error_exit_status", "err"): "CHECK_EQ(updraft_error_exit_status(NULL, &out.i32), 0);",
    ("updraft_error_exit_status", "exit_status"): "CHECK_EQ(updraft_error_exit_status(error, NULL), 0);",
    ("updraft_error_payload", "err"): "CHECK(updraft_error_payload(NULL) == NULL);",
    ("updraft_error_frame_count", "err"): "CHECK_EQ(updraft_error_frame_count(NULL), 0);",
}

# What a pointer of a type is when it is not NULL.
OBJECTS = {"engine": "engine", "config": "config", "store": "store", "module": "module", "linker": "linker",
           "functype": "functype", "interrupt": "interrupt", "shared_memory": "shared", "wasi_config": "wasi_config",
           "wasi": "wasi", "error": "error", "caller": "caller", "subscription": "subscription",
           "module_options": "options", "job": "job", "task": "task",
           "cache_value": "cache_value", "artifact": "artifact", "stream": "stream"}
STRUCTS = {name: name for name in ("frame", "memorytype", "tabletype", "globaltype", "engine_stats", "import",
                                   "custom_section", "store_limits", "raw", "event", "func_state",
                                   "func_profile", "profile_site",
                                   "module_stats", "compile_stats", "estimate", "artifact_status", "cache_stats")} | {"export": "item", "extern": "outside"}
FUNCTIONS = {"updraft_callback_t": "callback", "updraft_raw_callback_t": "raw_callback", "updraft_finalizer_t": "finalizer",
             "updraft_memory_create_t": "create", "updraft_wasi_read_t": "read_stream", "updraft_wasi_write_t": "write_stream",
             "updraft_event_callback_t": "on_event", "updraft_executor_t": "executor",
             "updraft_cache_get_t": "cache_get", "updraft_cache_put_t": "cache_put"}
HANDLES = {"updraft_func_t": "func", "updraft_table_t": "table", "updraft_memory_t": "memory", "updraft_global_t": "global",
           "updraft_instance_t": "instance", "updraft_externref_t": "externref", "updraft_handle_t": "func"}


def functions(header):
    """(name, result, [(type, parameter)]) of every declaration."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    for result, name, parameters in re.findall(r"^([\w ]+?[ *]+)(updraft_\w+)\(([^;{}]*?)\);", text, flags=re.M):
        if result.startswith("typedef"):
            continue
        found = []
        for parameter in re.split(r"\s*,\s*", " ".join(parameters.split())):
            if parameter != "void":
                kind, parameter = re.fullmatch(r"(.*?[ *])(\w+)", parameter).groups()
                found.append((kind.strip(), parameter))
        yield name, result.strip(), found


def is_pointer(kind):
    return kind.endswith("*") or kind in FUNCTIONS


def value(kind, name):
    """A good argument."""
    if kind in FUNCTIONS:
        return FUNCTIONS[kind]
    if kind in HANDLES:
        return HANDLES[kind]
    plain = kind.replace("const ", "").replace("struct ", "").replace("union ", "")
    if not kind.endswith("*"):
        return {"on": "1", "stream": "UPDRAFT_WASI_STDOUT", "raw": "0", "event_size": "sizeof structs.event",
                "state_size": "sizeof structs.func_state",
                "record_size": "sizeof structs.func_profile", "site_size": "sizeof structs.profile_site",
                "timeout_ns": "0", "thread": "0"}.get(name, "1")
    object_name = re.fullmatch(r"updraft_(\w+)_t \*", plain)
    if object_name and object_name[1] in OBJECTS:
        return OBJECTS[object_name[1]]
    if object_name and object_name[1] in STRUCTS:
        return "&structs." + STRUCTS[object_name[1]]
    if object_name and object_name[1] == "val":
        return "&null_ref" if kind.startswith("const") else "&out.val"
    pointer_to_object = None if "*const *" in kind else re.fullmatch(r"updraft_(\w+)_t \*\*", plain)
    if pointer_to_object and pointer_to_object[1] in OBJECTS:
        return "&out." + pointer_to_object[1]
    return {
        "const char *": '"x"', "char *": "out.text", "const uint8_t *": "bytes", "uint8_t *": "out.bytes",
        "uint8_t **": "&out.data", "void *": "&finalized", "void **": "&out.pointer", "size_t *": "&out.size",
        "uint64_t *": "&out.u64", "uint32_t *": "&out.u32", "int32_t *": "&out.i32", "uintptr_t *": "&out.uptr",
        "const updraft_valtype_t *": "valtypes", "const updraft_valtype_t **": "&out.valtypes",
        "updraft_kind_t *": "&out.u32", "updraft_memory_mode_t *": "&out.u32",
        "const uint8_t **": "&out.bytes_there",
        "const struct updraft_module_t *const *": "(const updraft_module_t *const *)&module",
        "updraft_job_state_t *": "&out.u32", "const uint32_t *": "funcs", "const size_t *": "lens", "const uint8_t *const *": "parts",
        **{handle + " *": "&out.handle" for handle in HANDLES},
    }[kind]


def generate(header):
    calls, caller_calls, unused = [], [], dict(ALLOWED)
    for name, result, parameters in functions(header):
        into = caller_calls if any("updraft_caller_t" in kind for kind, _ in parameters) else calls
        for position, (kind, parameter) in enumerate(parameters):
            if not is_pointer(kind) or (parameter == "error" and kind == "struct updraft_error_t **"):
                continue
            if (name, parameter) in unused:
                statements = unused.pop((name, parameter))
                if statements:
                    into.append(statements)
                continue
            if name.endswith("_delete") and result == "void":
                into.append(f"{name}(NULL);")
                continue
            arguments = ["NULL" if i == position else "E" if argument == "error" and of == "struct updraft_error_t **"
                         else value(of, argument) for i, (of, argument) in enumerate(parameters)]
            if result != "updraft_status_t":
                sys.exit(f"null_test.py: what {name} does with NULL for {parameter} is missing in ALLOWED")
            into.append(f'FAILS(MISUSE, "{parameter} is NULL", {name}({", ".join(arguments)}));')
        # All of them, the place for the error included.
        if parameters and parameters[-1] == ("error", "struct updraft_error_t **") and len(parameters) > 1:
            if name != "updraft_store_delete":
                arguments = ["NULL" if is_pointer(kind) else value(kind, parameter) for kind, parameter in parameters]
                into.append(f"CHECK_EQ({name}({', '.join(arguments)}), UPDRAFT_STATUS_MISUSE);")
    if unused:
        sys.exit(f"null_test.py: ALLOWED lists what does not exist: {sorted(unused)}")
    body = "\n".join("    " + line for line in calls)
    caller_body = "\n".join("    " + line for line in caller_calls)
    return TEMPLATE.replace("@CALLS@", body).replace("@CALLER_CALLS@", caller_body)


TEMPLATE = r"""/* Every function with NULL for each of its pointers. Generated by tools/null_test.py; do not edit. */
#include "test.h"

static int finalized;
static const uint8_t bytes[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
static const uint8_t *const parts[] = {bytes};
static const size_t lens[] = {1};
static const updraft_valtype_t valtypes[] = {UPDRAFT_VAL_I32};
static updraft_val_t null_ref;

/* Where results would go: none of these calls writes any. */
static struct {
    updraft_engine_t *engine;
    updraft_config_t *config;
    updraft_store_t *store;
    updraft_module_t *module;
    updraft_linker_t *linker;
    updraft_functype_t *functype;
    updraft_interrupt_t *interrupt;
    updraft_shared_memory_t *shared_memory;
    updraft_wasi_config_t *wasi_config;
    updraft_wasi_t *wasi;
    updraft_subscription_t *subscription;
    updraft_module_options_t *module_options;
    updraft_job_t *job;
    updraft_task_t *task;
    updraft_artifact_t *artifact;
    updraft_stream_t *stream;
    updraft_error_t *error;
    const updraft_valtype_t *valtypes;
    const uint8_t *bytes_there;
    uint8_t *data;
    void *pointer;
    updraft_handle_t handle;
    updraft_val_t val;
    size_t size;
    uintptr_t uptr;
    uint64_t u64;
    uint32_t u32;
    int32_t i32;
    char text[8];
    uint8_t bytes[8];
} out, untouched;

/* What calls make that may be given NULL. */
static struct {
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_job_t *job;
    updraft_stream_t *stream;
    updraft_error_t *error;
    updraft_handle_t handle;
} made;

static struct {
    updraft_frame_t frame;
    updraft_memorytype_t memorytype;
    updraft_tabletype_t tabletype;
    updraft_globaltype_t globaltype;
    updraft_engine_stats_t engine_stats;
    updraft_import_t import;
    updraft_export_t item;
    updraft_custom_section_t custom_section;
    updraft_store_limits_t store_limits;
    updraft_extern_t outside;
    updraft_raw_t raw;
    updraft_event_t event;
    updraft_func_state_t func_state;
    updraft_func_profile_t func_profile;
    updraft_profile_site_t profile_site;
    updraft_module_stats_t module_stats;
    updraft_compile_stats_t compile_stats;
    updraft_estimate_t estimate;
    updraft_artifact_status_t artifact_status;
    updraft_cache_stats_t cache_stats;
} structs;

static updraft_engine_t *engine;
static updraft_config_t *config;
static updraft_store_t *store;
static updraft_module_t *module;
static updraft_linker_t *linker;
static updraft_functype_t *functype;
static updraft_interrupt_t *interrupt;
static updraft_shared_memory_t *shared;
static updraft_wasi_config_t *wasi_config;
static updraft_wasi_t *wasi;
static updraft_subscription_t *subscription;
static updraft_module_options_t *options;
static updraft_job_t *job;
static updraft_task_t *task;
static updraft_artifact_t *artifact;
static updraft_stream_t *stream;
/* There are none but in a callback. */
static updraft_cache_value_t *cache_value;
static const uint32_t funcs[] = {1};
static updraft_error_t *error;
static updraft_instance_t instance;
static updraft_func_t func;
static updraft_table_t table;
static updraft_memory_t memory;
static updraft_global_t global;
static updraft_externref_t externref;

static void finalizer(void *data) {
    test_finalizer(data);
}

static updraft_error_t *raw_callback(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
    (void)env, (void)caller, (void)values, (void)count;
    return NULL;
}

static updraft_status_t cache_get(void *env, const uint8_t *key, size_t key_len, updraft_cache_value_t *value) {
    (void)env, (void)key, (void)key_len, (void)value;
    return UPDRAFT_STATUS_NOT_FOUND;
}

static updraft_status_t cache_put(void *env, const uint8_t *key, size_t key_len, const uint8_t *entry, size_t len) {
    (void)env, (void)key, (void)key_len, (void)entry, (void)len;
    return UPDRAFT_STATUS_FAILED;
}

static updraft_status_t create(void *env, const updraft_memorytype_t *type, size_t min, size_t reserved, size_t guard,
                               updraft_host_memory_t *place) {
    (void)env, (void)type, (void)min, (void)reserved, (void)guard, (void)place;
    return UPDRAFT_STATUS_SYSTEM;
}

static ptrdiff_t read_stream(void *env, uint8_t *buffer, size_t len) {
    (void)env, (void)buffer, (void)len;
    return 0;
}

static ptrdiff_t write_stream(void *env, const uint8_t *from, size_t len) {
    (void)env, (void)from;
    return (ptrdiff_t)len;
}

static void on_event(void *env, const updraft_event_t *event) {
    (void)env, (void)event;
}

/* Keeps the first task, runs the others. */
static void executor(void *env, updraft_task_t *given) {
    (void)env;
    if (task == NULL) {
        task = given;
    } else {
        OK(updraft_task_run(given, E));
    }
}

/* A host function; those calls that need a caller are made from it. */
static updraft_error_t *callback(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                 updraft_val_t *results, size_t result_count) {
    (void)env, (void)args, (void)arg_count, (void)results, (void)result_count;
@CALLER_CALLS@
    return NULL;
}

static void set_up(void) {
    updraft_functype_t *nothing = test_functype("", "");
    updraft_instance_t caller = 0;
    updraft_module_t *calling;
    updraft_extern_t import;
    updraft_config_t *made_by_host;
    updraft_engine_t *hosted = NULL;

    memset(&out, 0x5a, sizeof out);
    untouched = out;
    memset(&structs, 0, sizeof structs);
    structs.frame.struct_size = sizeof structs.frame;
    structs.memorytype.struct_size = sizeof structs.memorytype;
    structs.memorytype.flags = UPDRAFT_LIMITS_HAS_MAX | UPDRAFT_LIMITS_SHARED;
    structs.tabletype.struct_size = sizeof structs.tabletype;
    structs.tabletype.element = UPDRAFT_VAL_FUNCREF;
    structs.globaltype.struct_size = sizeof structs.globaltype;
    structs.globaltype.content = UPDRAFT_VAL_FUNCREF;
    structs.engine_stats.struct_size = sizeof structs.engine_stats;
    structs.import.struct_size = sizeof structs.import;
    structs.item.struct_size = sizeof structs.item;
    structs.custom_section.struct_size = sizeof structs.custom_section;
    structs.store_limits.struct_size = sizeof structs.store_limits;
    null_ref = test_ref(UPDRAFT_VAL_FUNCREF, 0);

    config = test_config();
    engine = test_engine();
    store = test_store(engine);
    module = test_module(engine, "(module (import \"n\" \"f\" (func)) (func (export \"x\") (param i32)) (table (export \"t\") 1 funcref)"
                                 " (memory (export \"m\") 1) (global (export \"g\") (mut funcref) (ref.null func)))");
    functype = test_functype("i", "i");
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_unknown_imports_as_traps(linker, module, E));
    OK(updraft_linker_instantiate(linker, store, module, &instance, E));
    func = test_export(store, instance, "x");
    table = test_export(store, instance, "t");
    memory = test_export(store, instance, "m");
    global = test_export(store, instance, "g");
    structs.outside.kind = UPDRAFT_KIND_FUNC;
    structs.outside.handle = func;
    OK(updraft_externref_new(store, NULL, NULL, &externref, E));
    OK(updraft_store_interrupt_handle(store, &interrupt, E));
    OK(updraft_shared_memory_new(engine, &structs.memorytype, &shared, E));
    OK(updraft_wasi_config_new(&wasi_config, E));
    OK(updraft_wasi_new(wasi_config, &wasi, E));
    OK(updraft_subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, 1, &subscription, E));
    structs.module_stats.struct_size = sizeof structs.module_stats;
    structs.compile_stats.struct_size = sizeof structs.compile_stats;
    structs.estimate.struct_size = sizeof structs.estimate;
    structs.artifact_status.struct_size = sizeof structs.artifact_status;
    structs.cache_stats.struct_size = sizeof structs.cache_stats;
    OK(updraft_module_serialize(module, &artifact, E));
    OK(updraft_module_options_new(&options, E));
    OK(updraft_stream_new(engine, NULL, 0, &stream, E));
    /* A job is a task of the executor, until somebody waits for it. */
    made_by_host = test_config();
    OK(updraft_config_set_executor(made_by_host, 1, executor, NULL, NULL, E));
    OK(updraft_engine_new(made_by_host, &hosted, E));
    OK(updraft_module_new_async(hosted, bytes, sizeof bytes, NULL, NULL, NULL, &job, E));
    updraft_engine_delete(hosted);
    updraft_config_delete(made_by_host);
    if (task == NULL) test_stop("no task");
    error = updraft_error_new("x", 1, NULL, NULL);

    /* A call from WebAssembly, for those functions that need a caller. */
    calling = test_module(engine, "(module (import \"\" \"f\" (func)) (memory 1) (export \"f\" (func 0)) (export \"x\" (func $x)) (func $x (call 0)))");
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_FUNC;
    OK(updraft_func_new(store, nothing, callback, NULL, NULL, &import.handle, E));
    OK(updraft_instance_new(store, calling, &import, 1, &caller, E));
    OK(updraft_func_call(store, test_export(store, caller, "x"), NULL, 0, NULL, 0, E));
    updraft_module_delete(calling);
    updraft_functype_delete(nothing);
}

static void call_everything(void) {
@CALLS@
}

int main(void) {
    set_up();
    call_everything();
    CHECK(memcmp(&out, &untouched, sizeof out) == 0);
    CHECK_EQ(finalized, 0);
    updraft_error_delete(error);
    updraft_task_delete(task);
    updraft_job_delete(job);
    updraft_artifact_delete(artifact);
    updraft_stream_delete(stream);
    updraft_module_options_delete(options);
    updraft_subscription_delete(subscription);
    updraft_wasi_delete(wasi);
    updraft_wasi_config_delete(wasi_config);
    updraft_shared_memory_delete(shared);
    updraft_interrupt_delete(interrupt);
    updraft_linker_delete(linker);
    updraft_functype_delete(functype);
    updraft_module_delete(module);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    updraft_config_delete(config);
    return test_end();
}
"""


def main():
    text = generate(HEADER.read_text())
    # The list of symbols is made in another way: both must agree.
    names = {name for name, _, _ in functions(HEADER.read_text())}
    listed = set((ROOT / "include/updraft.symbols").read_text().split())
    if names != listed:
        sys.exit(f"null_test.py: include/updraft.symbols differs: {sorted(names ^ listed)}")
    if sys.argv[1:] == ["--verify"]:
        if not TARGET.exists() or TARGET.read_text() != text:
            sys.exit("null_test.py: c-tests/null.c is not up to date: run tools/null_test.py")
    else:
        TARGET.write_text(text)


main()
