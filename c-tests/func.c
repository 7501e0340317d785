/* Functions: host functions checked and raw, calls of each kind, errors and payloads through many levels, user data. */
#include "test.h"

static int finalized;

static updraft_error_t *add(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                            updraft_val_t *results, size_t result_count) {
    (void)caller;
    CHECK(arg_count == 2 && result_count == 1);
    CHECK(args[0].kind == UPDRAFT_VAL_I32 && args[1].kind == UPDRAFT_VAL_I64 && results[0].kind == UPDRAFT_VAL_I64);
    results[0].of.i64 = args[0].of.i32 + args[1].of.i64 + *(int *)env;
    return NULL;
}

static updraft_error_t *add_raw(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
    (void)caller;
    CHECK_EQ(count, 2);
    values[0].i64 = values[0].i32 + values[1].i64 + *(int *)env;
    return NULL;
}

static updraft_error_t *fail_raw(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
    (void)caller, (void)values, (void)count;
    return updraft_error_new(TEXT("raw failure"), env, NULL);
}

static void host_functions(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("iI", "I"), *found = NULL;
    const updraft_valtype_t *types = NULL;
    updraft_module_t *module = test_module(engine, "(module (import \"\" \"f\" (func $f (param i32 i64) (result i64)))"
                                                   " (func (export \"twice\") (param i32 i64) (result i64)"
                                                   "   (call $f (local.get 0) (call $f (local.get 0) (local.get 1)))))");
    updraft_instance_t instance = 0;
    updraft_extern_t import;
    updraft_val_t args[2], result;
    updraft_raw_t cells[2];
    int env = 1000, raw;
    size_t count = 0;

    for (raw = 0; raw < 2; raw++) {
        memset(&import, 0xee, sizeof import);
        import.kind = UPDRAFT_KIND_FUNC;
        finalized = 0;
        if (raw) {
            OK(updraft_func_new_raw(store, functype, add_raw, &env, NULL, &import.handle, E));
        } else {
            OK(updraft_func_new(store, functype, add, &env, NULL, &import.handle, E));
        }
        OK(updraft_func_type(store, import.handle, &found, E));
        OK(updraft_functype_params(found, &types, &count, E));
        CHECK(count == 2 && types[0] == UPDRAFT_VAL_I32 && types[1] == UPDRAFT_VAL_I64);
        updraft_functype_delete(found);

        OK(updraft_instance_new(store, module, &import, 1, &instance, E));
        args[0] = test_i32(-3);
        args[1] = test_i64(INT64_C(1) << 40);
        OK(updraft_func_call(store, test_export(store, instance, "twice"), args, 2, &result, 1, E));
        CHECK(result.kind == UPDRAFT_VAL_I64 && result.of.i64 == (INT64_C(1) << 40) + 2 * 997);
        /* Straight from the host. */
        OK(updraft_func_call(store, import.handle, args, 2, &result, 1, E));
        CHECK_EQ(result.of.i64, (INT64_C(1) << 40) + 997);
        memset(cells, 0xdd, sizeof cells);
        cells[0].i32 = 5;
        cells[1].i64 = 6;
        OK(updraft_func_call_raw(store, test_export(store, instance, "twice"), cells, E));
        CHECK_EQ(cells[0].i64, 6 + 2 * 1005);
    }
    updraft_functype_delete(functype);
    functype = test_functype("", "");
    OK(updraft_func_new_raw(store, functype, fail_raw, &env, NULL, &import.handle, E));
    CHECK_EQ(updraft_func_call(store, import.handle, NULL, 0, NULL, 0, E), UPDRAFT_STATUS_TRAP);
    CHECK(updraft_error_payload(test_error) == &env);
    CHECK(strstr(updraft_error_message(test_error, NULL), "raw failure") != NULL);
    test_forget_error();
    OK(updraft_func_call_with_timeout(store, test_export(store, test_instance(store, "(module (func (export \"f\")))"), "f"),
                                      NULL, 0, NULL, 0, UINT64_C(1000000000), E));
    updraft_functype_delete(functype);
    updraft_module_delete(module);
    OK(updraft_store_delete(store, E));
}

static void wrong_calls(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("iI", "I"), *found = NULL;
    updraft_func_t func = 0;
    updraft_memory_t memory;
    updraft_val_t args[3], results[2];
    updraft_raw_t cells[3];
    size_t raw = 0;
    int env = 0;
    args[0] = args[2] = test_i32(1);
    args[1] = test_i64(2);
    results[0] = results[1] = test_i32(77);
    OK(updraft_func_new(store, functype, add, &env, NULL, &func, E));
    FAILS(MISUSE, "args", updraft_func_call(store, func, args, 1, results, 1, E));
    FAILS(MISUSE, "args", updraft_func_call(store, func, args, 3, results, 1, E));
    FAILS(MISUSE, "args", updraft_func_call(store, func, NULL, 0, results, 1, E));
    FAILS(MISUSE, "results", updraft_func_call(store, func, args, 2, results, 0, E));
    FAILS(MISUSE, "results", updraft_func_call(store, func, args, 2, results, 2, E));
    FAILS(MISUSE, "args", updraft_func_call(store, func, args + 1, 2, results, 1, E));
    FAILS(MISUSE, "args is NULL", updraft_func_call(store, func, NULL, 2, results, 1, E));
    FAILS(MISUSE, "results is NULL", updraft_func_call(store, func, args, 2, NULL, 1, E));
    FAILS(MISUSE, "length of args", updraft_func_call(store, func, args, SIZE_MAX / 2, results, 1, E));
    FAILS(MISUSE, "args", updraft_func_call_with_timeout(store, func, args, 1, results, 1, 1, E));
    CHECK(results[0].of.i32 == 77 && results[1].of.i32 == 77);
    FAILS(MISUSE, "values is NULL", updraft_func_call_raw(store, func, NULL, E));
    FAILS(MISUSE, "values is not aligned", updraft_func_call_raw(store, func, (updraft_raw_t *)(void *)((char *)cells + 8), E));

    memory = test_export(store, test_instance(store, "(module (memory (export \"m\") 1))"), "m");
    FAILS(MISUSE, "", updraft_func_call(store, memory, args, 2, results, 1, E));
    FAILS(MISUSE, "", updraft_func_call(store, 0, args, 2, results, 1, E));
    FAILS(MISUSE, "", updraft_func_call_with_timeout(store, memory, args, 2, results, 1, 1, E));
    FAILS(MISUSE, "", updraft_func_call_raw(store, memory, cells, E));
    FAILS(MISUSE, "", updraft_func_type(store, memory, &found, E));
    FAILS(MISUSE, "", updraft_func_to_raw(store, memory, &raw, E));
    CHECK(found == NULL && raw == 0);
    OK(updraft_store_release(store, func, E));
    OK(updraft_store_collect(store, NULL, E));
    FAILS(MISUSE, "", updraft_func_call(store, func, args, 2, results, 1, E));
    OK(updraft_store_delete(store, E));
    updraft_functype_delete(functype);
}

/* What a host function must not return. */
static updraft_error_t *wrong_results(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                      updraft_val_t *results, size_t result_count) {
    (void)caller, (void)args, (void)arg_count, (void)result_count;
    switch (*(int *)env) {
        case 0: results[0] = test_i64(1); break;
        case 1: results[0].kind = 200; break;
        case 2: return (updraft_error_t *)caller;
        case 3: results[0] = test_ref(UPDRAFT_VAL_EXTERNREF, 0); break;
        default: break;
    }
    return NULL;
}

static void results_of_host_functions(updraft_engine_t *engine) {
    static const char *const messages[] = {"results[0] of a host function is i64, its type says i32",
                                           "results[0] of a host function is of unknown kind 200", "not an error object",
                                           "is externref, its type says i32"};
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("", "i");
    updraft_func_t func = 0;
    updraft_val_t result;
    int mode;
    OK(updraft_func_new(store, functype, wrong_results, &mode, NULL, &func, E));
    for (mode = 0; mode < 4; mode++) {
        CHECK_EQ(updraft_func_call(store, func, NULL, 0, &result, 1, E), UPDRAFT_STATUS_TRAP);
        CHECK_EQ(updraft_error_trap_code(test_error), UPDRAFT_TRAP_HOST);
        CHECK(strstr(updraft_error_message(test_error, NULL), messages[mode]) != NULL);
        if (strstr(updraft_error_message(test_error, NULL), messages[mode]) == NULL) {
            fprintf(stderr, "    %s\n", updraft_error_message(test_error, NULL));
        }
        test_forget_error();
    }
    OK(updraft_func_call(store, func, NULL, 0, &result, 1, E));
    CHECK(result.kind == UPDRAFT_VAL_I32 && result.of.i32 == 0);
    OK(updraft_store_delete(store, E));
    updraft_functype_delete(functype);
}

/* References in and out of host functions: borrowed arguments, results that are handed over. */
static updraft_error_t *swap_references(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                        updraft_val_t *results, size_t result_count) {
    updraft_store_t *store = updraft_caller_store(caller);
    void *data = NULL;
    (void)arg_count, (void)result_count;
    OK(updraft_externref_data(store, args[0].of.handle, &data, E));
    CHECK(data == env);
    /* A new reference out, the borrowed function back. */
    OK(updraft_externref_new(store, &finalized, test_finalizer, &results[1].of.handle, E));
    results[0] = args[1];
    OK(updraft_store_retain(store, args[1].of.handle, E));
    return NULL;
}

static void references(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("er", "re");
    updraft_module_t *module = test_module(
        engine, "(module (import \"\" \"swap\" (func $s (param externref funcref) (result funcref externref)))"
                " (func (export \"f\") (param externref funcref) (result funcref externref) (call $s (local.get 0) (local.get 1)))"
                " (func (export \"drop\") (param externref funcref) (local i32) (local.set 2 (i32.const 100))"
                "   (loop $l (call $s (local.get 0) (local.get 1)) drop drop"
                "     (br_if $l (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))))");
    updraft_extern_t import;
    updraft_instance_t instance = 0;
    updraft_func_t func;
    updraft_val_t args[2], results[2];
    uint32_t same = 9;
    size_t raw = 0;
    updraft_func_t again = 0;
    void *data = NULL;
    int env = 0;

    finalized = 0;
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_FUNC;
    OK(updraft_func_new(store, functype, swap_references, &env, NULL, &import.handle, E));
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    func = test_export(store, instance, "f");
    args[0] = test_ref(UPDRAFT_VAL_EXTERNREF, 0);
    OK(updraft_externref_new(store, &env, NULL, &args[0].of.handle, E));
    args[1] = test_ref(UPDRAFT_VAL_FUNCREF, func);
    OK(updraft_func_call(store, func, args, 2, results, 2, E));
    CHECK_EQ(results[0].kind, UPDRAFT_VAL_FUNCREF);
    OK(updraft_store_same(store, results[0].of.handle, func, &same, E));
    CHECK_EQ(same, 1);
    OK(updraft_externref_data(store, results[1].of.handle, &data, E));
    CHECK(data == &finalized);
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(finalized, 0);
    OK(updraft_store_release(store, results[1].of.handle, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(finalized, 1);

    /* What nobody holds any more after the call is reclaimed: nothing leaks by passing through. */
    OK(updraft_func_call(store, test_export(store, instance, "drop"), args, 2, NULL, 0, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(finalized, 101);

    OK(updraft_func_to_raw(store, func, &raw, E));
    CHECK(raw != 0);
    OK(updraft_func_from_raw(store, raw, &again, E));
    OK(updraft_store_same(store, func, again, &same, E));
    CHECK_EQ(same, 1);
    OK(updraft_func_from_raw(store, 0, &again, E));
    CHECK_EQ(again, 0);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_functype_delete(functype);
}

static void finalizers(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("", "");
    updraft_func_t func = 5;
    finalized = 0;
    OK(updraft_func_new(store, functype, wrong_results, &finalized, test_finalizer, &func, E));
    OK(updraft_store_release(store, func, E));
    CHECK_EQ(finalized, 0);
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(finalized, 1);
    OK(updraft_func_new_raw(store, functype, fail_raw, &finalized, test_finalizer, &func, E));
    /* A failure leaves the user data with its owner. */
    FAILS(MISUSE, "callback is NULL", updraft_func_new(store, functype, NULL, &finalized, test_finalizer, &func, E));
    FAILS(MISUSE, "callback is NULL", updraft_func_new_raw(store, functype, NULL, &finalized, test_finalizer, &func, E));
    FAILS(MISUSE, "store", updraft_func_new((updraft_store_t *)engine, functype, wrong_results, &finalized, test_finalizer, &func, E));
    CHECK_EQ(finalized, 1);
    OK(updraft_store_delete(store, E));
    CHECK_EQ(finalized, 2);
    updraft_functype_delete(functype);
}

/* Host and WebAssembly call each other, `depth` levels deep; the innermost raises an error that passes all of them. */
typedef struct {
    updraft_func_t wasm;
    int calls, returns, deepest;
} ladder;

static updraft_error_t *climb(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                              updraft_val_t *results, size_t result_count) {
    ladder *mine = (ladder *)env;
    updraft_error_t *error = NULL;
    updraft_val_t next = test_i32(args[0].of.i32 - 1);
    (void)arg_count, (void)results, (void)result_count;
    mine->calls++;
    if (args[0].of.i32 == 0) return updraft_error_new(TEXT("bottom"), &finalized, test_finalizer);
    if (updraft_func_call(updraft_caller_store(caller), mine->wasm, &next, 1, NULL, 0, &error) != UPDRAFT_STATUS_OK) {
        mine->returns++;
        CHECK(updraft_error_payload(error) == &finalized);
    }
    return error;
}

static void deep_errors(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    updraft_store_t *store;
    updraft_functype_t *functype = test_functype("i", "");
    updraft_module_t *module;
    updraft_extern_t import;
    updraft_instance_t instance = 0;
    updraft_val_t depth = test_i32(100);
    ladder env;
    /* An unoptimised library takes more than ten KiB for each level. */
    OK(updraft_config_set_max_stack(config, 4 << 20, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    store = test_store(engine);
    module = test_module(engine, "(module (import \"\" \"climb\" (func $c (param i32)))"
                                 " (func (export \"f\") (param i32) (call $c (local.get 0))))");
    memset(&env, 0, sizeof env);
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_FUNC;
    finalized = 0;
    OK(updraft_func_new(store, functype, climb, &env, NULL, &import.handle, E));
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    env.wasm = test_export(store, instance, "f");
    CHECK_EQ(updraft_func_call(store, env.wasm, &depth, 1, NULL, 0, E), UPDRAFT_STATUS_TRAP);
    CHECK_EQ(updraft_error_trap_code(test_error), UPDRAFT_TRAP_HOST);
    CHECK(strstr(updraft_error_message(test_error, NULL), "bottom") != NULL);
    CHECK(updraft_error_payload(test_error) == &finalized);
    CHECK(updraft_error_frame_count(test_error) > 0);
    CHECK(env.calls == 101 && env.returns == 100);
    CHECK_EQ(finalized, 0);
    test_forget_error();
    CHECK_EQ(finalized, 1);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_functype_delete(functype);
    updraft_engine_delete(engine);
}

/* A failure that is no trap travels as a trap of the host. */
static updraft_error_t *misuse_inside(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                      updraft_val_t *results, size_t result_count) {
    updraft_error_t *error = NULL;
    uint64_t size = 0;
    (void)env, (void)args, (void)arg_count, (void)results, (void)result_count;
    CHECK_EQ(updraft_table_size(updraft_caller_store(caller), 0, &size, &error), UPDRAFT_STATUS_MISUSE);
    return error;
}

static void other_errors(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("", "");
    updraft_func_t func = 0;
    OK(updraft_func_new(store, functype, misuse_inside, NULL, NULL, &func, E));
    CHECK_EQ(updraft_func_call(store, func, NULL, 0, NULL, 0, E), UPDRAFT_STATUS_TRAP);
    CHECK_EQ(updraft_error_trap_code(test_error), UPDRAFT_TRAP_HOST);
    CHECK(strstr(updraft_error_message(test_error, NULL), "misuse") != NULL);
    test_forget_error();
    OK(updraft_store_delete(store, E));
    updraft_functype_delete(functype);
}

/* Every trap that a program can cause, by its frozen number. */
static void traps(updraft_engine_t *engine) {
    static const char *const text =
        "(module (memory 1) (table 3 funcref) (elem (i32.const 1) func $v) (type $v (func)) (type $i (func (param i32)))"
        " (func $v)"
        " (func (export \"memory\") (drop (i32.load (i32.const 65536))))"
        " (func (export \"atomic\") (drop (i32.atomic.load (i32.const 1))))"
        " (func (export \"table\") (table.set (i32.const 3) (ref.null func)))"
        " (func (export \"undefined\") (call_indirect (type $v) (i32.const 3)))"
        " (func (export \"uninitialized\") (call_indirect (type $v) (i32.const 0)))"
        " (func (export \"mismatch\") (call_indirect (type $i) (i32.const 0) (i32.const 1)))"
        " (func (export \"overflow\") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))"
        " (func (export \"zero\") (drop (i64.rem_u (i64.const 5) (i64.const 0))))"
        " (func (export \"convert\") (drop (i32.trunc_f32_s (f32.const nan))))"
        " (func (export \"unreachable\") unreachable)"
        " (func (export \"wait\") (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0))))"
        " (func $r (export \"stack\") (call $r)))";
    static const struct {
        const char *name;
        updraft_trap_code_t code;
    } expected[] = {{"memory", UPDRAFT_TRAP_MEMORY_OUT_OF_BOUNDS},
                    {"atomic", UPDRAFT_TRAP_UNALIGNED_ATOMIC},
                    {"table", UPDRAFT_TRAP_TABLE_OUT_OF_BOUNDS},
                    {"undefined", UPDRAFT_TRAP_UNDEFINED_ELEMENT},
                    {"uninitialized", UPDRAFT_TRAP_UNINITIALIZED_ELEMENT},
                    {"mismatch", UPDRAFT_TRAP_INDIRECT_CALL_TYPE_MISMATCH},
                    {"overflow", UPDRAFT_TRAP_INTEGER_OVERFLOW},
                    {"zero", UPDRAFT_TRAP_INTEGER_DIVIDE_BY_ZERO},
                    {"convert", UPDRAFT_TRAP_INVALID_CONVERSION_TO_INTEGER},
                    {"unreachable", UPDRAFT_TRAP_UNREACHABLE},
                    {"wait", UPDRAFT_TRAP_WAIT_ON_UNSHARED_MEMORY},
                    {"stack", UPDRAFT_TRAP_STACK_OVERFLOW}};
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance = test_instance(store, text);
    size_t i;
    int round;
    for (round = 0; round < 2; round++) {
        for (i = 0; i < sizeof expected / sizeof expected[0]; i++) {
            updraft_func_t func = test_export(store, instance, expected[i].name);
            CHECK_EQ(updraft_func_call(store, func, NULL, 0, NULL, 0, E), UPDRAFT_STATUS_TRAP);
            CHECK_EQ(updraft_error_trap_code(test_error), expected[i].code);
            CHECK(strstr(updraft_error_message(test_error, NULL), updraft_trap_code_message(expected[i].code)) != NULL);
            CHECK(updraft_error_frame_count(test_error) > 0);
            test_forget_error();
            OK(updraft_store_release(store, func, E));
        }
    }
    OK(updraft_store_delete(store, E));
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    host_functions(engine);
    wrong_calls(engine);
    results_of_host_functions(engine);
    references(engine);
    finalizers(engine);
    deep_errors();
    other_errors(engine);
    traps(engine);
    updraft_engine_delete(engine);
    return test_end();
}
