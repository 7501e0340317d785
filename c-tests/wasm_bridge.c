/* Bridges between the standard API and the native one. */
#include "wasm_test.h"

static const char *const TEXT_MODULE =
    "(module (memory (export \"m\") 1) (table (export \"t\") 3 externref) (global (export \"g\") (mut i32) (i32.const 8))"
    " (func (export \"f\") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"
    " (func (export \"spin\") (loop (br 0))) (func (export \"trap\") unreachable))";

/* Settings and engines are one object under two names: what the native interface sets, the standard one sees. */
static void engines(void) {
    wasm_config_t *config = wasm_config_new(), *again = NULL;
    updraft_config_t *native = NULL;
    updraft_engine_t *native_engine = NULL;
    wasm_engine_t *engine, *wrapped = NULL;
    uint32_t on = 1;
    OK(updraft_wasm_config_native(config, &native, E));
    OK(updraft_config_set_feature(native, UPDRAFT_FEATURE_SIMD, 0, E));
    OK(updraft_wasm_config_wrap(native, &again, E));
    wasm_config_delete(config);
    updraft_config_delete(native);
    engine = wasm_engine_new_with_config(again);
    OK(updraft_wasm_engine_native(engine, &native_engine, E));
    OK(updraft_engine_feature(native_engine, UPDRAFT_FEATURE_SIMD, &on, E));
    CHECK_EQ(on, 0);
    OK(updraft_wasm_engine_wrap(native_engine, &wrapped, E));
    wasm_engine_delete(engine);
    updraft_engine_delete(native_engine);
    {
        wasm_store_t *store = wasm_store_new(wrapped);
        CHECK(store != NULL);
        wasm_store_delete(store);
    }
    wasm_engine_delete(wrapped);
}

/* Objects of a store by both names. */
static void objects(wasm_engine_t *engine) {
    static const updraft_kind_t kinds[] = {UPDRAFT_KIND_MEMORY, UPDRAFT_KIND_TABLE, UPDRAFT_KIND_GLOBAL, UPDRAFT_KIND_FUNC};
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = std_instance(store, TEXT_MODULE, NULL, 0);
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    updraft_store_t *native = NULL;
    updraft_handle_t handle = 0, other = 0;
    updraft_kind_t kind = 0;
    wasm_ref_t *ref = NULL;
    uint32_t same = 0;
    size_t i;
    OK(updraft_wasm_store_native(store, &native, E));
    for (i = 0; i < 4; i++) {
        wasm_extern_t *item = std_export(instance, i);
        OK(updraft_wasm_ref_native(wasm_extern_as_ref(item), &kind, &handle, E));
        CHECK_EQ(kind, kinds[i]);
        OK(updraft_wasm_ref_wrap(store, handle, &ref, E));
        CHECK(wasm_ref_same(ref, wasm_extern_as_ref(item)));
        wasm_ref_delete(ref);
        OK(updraft_store_release(native, handle, E));
        wasm_extern_delete(item);
    }
    OK(updraft_wasm_ref_native(wasm_instance_as_ref(instance), NULL, &handle, E));
    /* The native interface calls what the standard one exports. */
    {
        updraft_val_t arg = test_i32(41), result;
        other = test_export(native, handle, "spin");
        TRAPS(DEADLINE, updraft_func_call_with_timeout(native, other, NULL, 0, NULL, 0, 20000000, E));
        OK(updraft_store_release(native, other, E));
        other = test_export(native, handle, "f");
        OK(updraft_func_call(native, other, &arg, 1, &result, 1, E));
        CHECK_EQ(result.of.i32, 42);
        OK(updraft_wasm_ref_wrap(store, other, &ref, E));
        CHECK_EQ(std_call_i32(wasm_ref_as_func(ref), 1, 1, 0), 2);
        wasm_ref_delete(ref);
        OK(updraft_store_release(native, other, E));
    }
    OK(updraft_store_release(native, handle, E));
    /* External references of both sides. */
    OK(updraft_wasm_ref_native(wasm_foreign_as_ref(foreign), &kind, &handle, E));
    CHECK_EQ(kind, UPDRAFT_KIND_EXTERNREF);
    OK(updraft_store_release(native, handle, E));
    OK(updraft_externref_new(native, &kind, NULL, &handle, E));
    OK(updraft_wasm_ref_wrap(store, handle, &ref, E));
    CHECK(wasm_ref_as_foreign(ref) != NULL);
    CHECK(!wasm_ref_same(ref, wasm_foreign_as_ref(foreign)));
    OK(updraft_wasm_ref_native(ref, NULL, &other, E));
    OK(updraft_store_same(native, handle, other, &same, E));
    CHECK_EQ(same, 1);
    OK(updraft_store_release(native, other, E));
    OK(updraft_store_release(native, handle, E));
    wasm_ref_delete(ref);
    FAILS(MISUSE, "handle", updraft_wasm_ref_wrap(store, handle ^ 0xff0000, &ref, E));
    FAILS(MISUSE, "handle", updraft_wasm_ref_wrap(store, 0, &ref, E));
    wasm_foreign_delete(foreign);
    wasm_instance_delete(instance);
    /* The native store outlives the standard one that it came from. */
    wasm_store_delete(store);
    OK(updraft_store_collect(native, NULL, E));
    OK(updraft_store_instance_count(native, &i, E));
    CHECK_EQ(i, 0);
    OK(updraft_store_delete(native, E));
}

static void modules(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_engine_t *other_engine = std_engine();
    wasm_store_t *other = wasm_store_new(other_engine);
    wasm_module_t *module = std_module(store, TEXT_MODULE), *wrapped = NULL;
    updraft_module_t *native = NULL;
    wasm_exporttype_vec_t exports;
    size_t count = 0;
    OK(updraft_wasm_module_native(module, &native, E));
    OK(updraft_module_export_count(native, &count, E));
    CHECK_EQ(count, 6);
    OK(updraft_wasm_module_wrap(store, native, &wrapped, E));
    wasm_module_exports(wrapped, &exports);
    CHECK_EQ(exports.size, 6);
    wasm_exporttype_vec_delete(&exports);
    wasm_module_delete(wrapped);
    FAILS(MISUSE, "another engine", updraft_wasm_module_wrap(other, native, &wrapped, E));
    updraft_module_delete(native);
    wasm_module_delete(module);
    wasm_store_delete(store);
    wasm_store_delete(other);
    wasm_engine_delete(other_engine);
}

/* A native store under a standard name, and its limits at work. */
static void stores(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *native = test_store(engine);
    wasm_store_t *store = NULL;
    wasm_module_t *module;
    wasm_instance_t *instance, *second;
    wasm_trap_t *trap = NULL;
    updraft_store_limits_t limits;
    updraft_store_t *gone = NULL;
    OK(updraft_wasm_store_wrap(native, &store, E));
    module = std_module(store, TEXT_MODULE);
    memset(&limits, 0, sizeof limits);
    limits.struct_size = sizeof limits;
    OK(updraft_store_limits(native, &limits, E));
    limits.instances = 1;
    OK(updraft_store_set_limits(native, &limits, E));
    instance = wasm_instance_new(store, module, NULL, &trap);
    CHECK(instance != NULL && trap == NULL);
    second = wasm_instance_new(store, module, NULL, &trap);
    CHECK(second == NULL);
    TRAPPED(trap, "limit reached: instances alive");
    wasm_module_delete(module);
    wasm_store_delete(store);
    wasm_instance_delete(instance);
    OK(updraft_store_collect(native, NULL, E));
    OK(updraft_store_delete(native, E));
    updraft_engine_delete(engine);
    FAILS(MISUSE, "store is NULL", updraft_wasm_store_native(NULL, &gone, E));
}

/* Traps and native errors of either side. */
static void traps(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = std_instance(store, TEXT_MODULE, NULL, 0);
    wasm_extern_t *item = std_export(instance, 5);
    wasm_trap_t *trap = wasm_func_call(wasm_extern_as_func(item), NULL, NULL), *wrapped = NULL;
    updraft_error_t *error = NULL;
    wasm_frame_t *origin;
    OK(updraft_wasm_trap_native(trap, &error, E));
    CHECK_EQ(updraft_error_trap_code(error), UPDRAFT_TRAP_UNREACHABLE);
    CHECK_EQ(updraft_error_status(error), UPDRAFT_STATUS_TRAP);
    CHECK_EQ(updraft_error_frame_count(error), 1);
    OK(updraft_wasm_trap_wrap(store, error, &wrapped, E));
    origin = wasm_trap_origin(wrapped);
    CHECK_EQ(wasm_frame_func_index(origin), 2);
    CHECK(wasm_instance_same(wasm_frame_instance(origin), instance));
    wasm_frame_delete(origin);
    CHECK(!wasm_trap_same(trap, wrapped));
    TRAPPED(wrapped, "unreachable");
    updraft_error_delete(error);
    wasm_trap_delete(trap);
    /* A trap of its own words. */
    trap = wasm_trap_new(store, NULL);
    OK(updraft_wasm_trap_native(trap, &error, E));
    CHECK_EQ(updraft_error_trap_code(error), UPDRAFT_TRAP_HOST);
    updraft_error_delete(error);
    FAILS(MISUSE, "err is NULL", updraft_wasm_trap_wrap(store, NULL, &wrapped, E));
    FAILS(MISUSE, "out is NULL", updraft_wasm_trap_native(trap, NULL, E));
    wasm_trap_delete(trap);
    wasm_extern_delete(item);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
}

/* NULL and wrong objects. */
static void misuse(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_trap_t *trap = wasm_trap_new(store, NULL);
    updraft_config_t *config = NULL;
    updraft_engine_t *native_engine = NULL;
    updraft_module_t *module = NULL;
    updraft_error_t *error = NULL;
    updraft_handle_t handle = 0;
    wasm_config_t *std_config = NULL;
    wasm_engine_t *wrapped_engine = NULL;
    wasm_store_t *wrapped_store = NULL;
    wasm_module_t *wrapped_module = NULL;
    FAILS(MISUSE, "config is NULL", updraft_wasm_config_native(NULL, &config, E));
    FAILS(MISUSE, "config is NULL", updraft_wasm_config_wrap(NULL, &std_config, E));
    FAILS(MISUSE, "engine is NULL", updraft_wasm_engine_native(NULL, &native_engine, E));
    FAILS(MISUSE, "engine is NULL", updraft_wasm_engine_wrap(NULL, &wrapped_engine, E));
    FAILS(MISUSE, "engine is not", updraft_wasm_engine_native((wasm_engine_t *)store, &native_engine, E));
    FAILS(MISUSE, "store is NULL", updraft_wasm_store_wrap(NULL, &wrapped_store, E));
    FAILS(MISUSE, "module is NULL", updraft_wasm_module_native(NULL, &module, E));
    FAILS(MISUSE, "another kind", updraft_wasm_module_native((wasm_module_t *)trap, &module, E));
    FAILS(MISUSE, "module is NULL", updraft_wasm_module_wrap(store, NULL, &wrapped_module, E));
    FAILS(MISUSE, "object is NULL", updraft_wasm_ref_native(NULL, NULL, &handle, E));
    FAILS(MISUSE, "a module or a trap", updraft_wasm_ref_native(wasm_trap_as_ref(trap), NULL, &handle, E));
    FAILS(MISUSE, "handle is NULL", updraft_wasm_ref_native(wasm_trap_as_ref(trap), NULL, NULL, E));
    FAILS(MISUSE, "trap is NULL", updraft_wasm_trap_native(NULL, &error, E));
    wasm_trap_delete(trap);
    wasm_store_delete(store);
}

int main(void) {
    wasm_engine_t *engine = std_engine();
    engines();
    objects(engine);
    modules(engine);
    stores();
    traps(engine);
    misuse(engine);
    wasm_engine_delete(engine);
    return test_end();
}
