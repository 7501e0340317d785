/* Callers: what a host function sees of who called it. */
#include "test.h"

static updraft_caller_t *kept;
static updraft_instance_t last_instance;
static int calls;

/* Called by an instance that exports "memory" and "other". */
static updraft_error_t *look_around(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                    updraft_val_t *results, size_t result_count) {
    updraft_store_t *store = updraft_caller_store(caller);
    updraft_instance_t instance = 0;
    updraft_memory_t memory = 0;
    updraft_extern_t item;
    updraft_val_t val;
    uint32_t same = 9;
    uint8_t byte = 0;
    (void)env;
    calls++;
    kept = caller;
    CHECK(arg_count == 1 && result_count == 1 && args[0].kind == UPDRAFT_VAL_I32);
    CHECK(results[0].kind == UPDRAFT_VAL_I32 && results[0].of.i32 == 0);

    OK(updraft_caller_instance(caller, &instance, E));
    CHECK(instance != 0);
    if (last_instance != 0) {
        OK(updraft_store_same(store, instance, last_instance, &same, E));
        CHECK_EQ(same, 1);
    }
    OK(updraft_caller_memory(caller, &memory, E));
    OK(updraft_memory_read(store, memory, (uint64_t)args[0].of.i32, &byte, 1, E));
    byte++;
    OK(updraft_memory_write(store, memory, (uint64_t)args[0].of.i32, &byte, 1, E));

    /* An export of the caller, and a call into it. */
    OK(updraft_caller_export(caller, TEXT("other"), &item, E));
    CHECK_EQ(item.kind, UPDRAFT_KIND_FUNC);
    OK(updraft_func_call(store, item.handle, NULL, 0, &val, 1, E));
    CHECK_EQ(val.of.i32, 11);
    OK(updraft_store_release(store, item.handle, E));
    memset(&item, 0x77, sizeof item);
    FAILS(NOT_FOUND, "no export \"nothing\"", updraft_caller_export(caller, TEXT("nothing"), &item, E));
    FAILS(MISUSE, "name is not UTF-8", updraft_caller_export(caller, TEXT("\xfe"), &item, E));
    CHECK_EQ(item.kind, 0x77777777);

    /* Again, after the store was used. */
    OK(updraft_caller_memory(caller, &memory, E));
    OK(updraft_memory_read(store, memory, (uint64_t)args[0].of.i32, &byte, 1, E));
    results[0].of.i32 = byte;
    return NULL;
}

/* Called by the host, or by an instance without a memory. */
static updraft_error_t *nothing_there(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                      updraft_val_t *results, size_t result_count) {
    updraft_memory_t memory = 5;
    updraft_instance_t instance = 5;
    updraft_extern_t item;
    int host = *(int *)env;
    (void)args, (void)arg_count, (void)results, (void)result_count;
    calls++;
    FAILS(NOT_FOUND, "no memory", updraft_caller_memory(caller, &memory, E));
    CHECK_EQ(memory, 5);
    OK(updraft_caller_instance(caller, &instance, E));
    CHECK_EQ(instance == 0, host);
    if (host) FAILS(NOT_FOUND, "no export", updraft_caller_export(caller, TEXT("f"), &item, E));
    return NULL;
}

/* Keeps a borrowed handle. */
static updraft_error_t *keep_instance(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                      updraft_val_t *results, size_t result_count) {
    (void)args, (void)arg_count, (void)results, (void)result_count;
    OK(updraft_caller_instance(caller, (updraft_instance_t *)env, E));
    OK(updraft_store_retain(updraft_caller_store(caller), *(updraft_instance_t *)env, E));
    return NULL;
}

static updraft_instance_t instantiate(updraft_store_t *store, const char *text, updraft_callback_t callback, void *env,
                                      const char *params, const char *results) {
    updraft_engine_t *engine = NULL;
    updraft_functype_t *functype = test_functype(params, results);
    updraft_module_t *module;
    updraft_extern_t import;
    updraft_instance_t instance = 0;
    OK(updraft_store_engine(store, &engine, E));
    module = test_module(engine, text);
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_FUNC;
    OK(updraft_func_new(store, functype, callback, env, NULL, &import.handle, E));
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    OK(updraft_store_release(store, import.handle, E));
    updraft_module_delete(module);
    updraft_functype_delete(functype);
    updraft_engine_delete(engine);
    return instance;
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("", "");
    updraft_instance_t instance, kept_instance = 0;
    updraft_func_t func = 0;
    updraft_val_t arg = test_i32(9), result;
    updraft_memory_t memory = 0;
    updraft_extern_t item;
    updraft_kind_t kind = 0;
    int host = 0;

    instance = instantiate(store,
                           "(module (import \"\" \"f\" (func $f (param i32) (result i32)))"
                           " (memory $first 1) (memory (export \"memory\") 1) (data (memory 1) (i32.const 9) \"\\40\")"
                           " (func (export \"other\") (result i32) (i32.const 11))"
                           " (func (export \"f\") (param i32) (result i32) (call $f (local.get 0))))",
                           look_around, NULL, "i", "i");
    func = test_export(store, instance, "f");
    OK(updraft_func_call(store, func, &arg, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 0x41);
    last_instance = instance;
    OK(updraft_func_call(store, func, &arg, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 0x42);
    CHECK_EQ(calls, 2);
    OK(updraft_store_release(store, func, E));

    instance = instantiate(store, "(module (import \"\" \"f\" (func $f)) (func (export \"f\") (call $f)))", nothing_there, &host, "", "");
    OK(updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, NULL, 0, E));
    host = 1;
    OK(updraft_func_new(store, functype, nothing_there, &host, NULL, &func, E));
    OK(updraft_func_call(store, func, NULL, 0, NULL, 0, E));
    CHECK_EQ(calls, 4);

    instance = instantiate(store, "(module (import \"\" \"f\" (func $f)) (func (export \"f\") (call $f)))", keep_instance,
                           &kept_instance, "", "");
    OK(updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, NULL, 0, E));
    OK(updraft_store_release(store, instance, E));
    OK(updraft_store_collect(store, NULL, E));
    OK(updraft_store_kind(store, kept_instance, &kind, E));
    CHECK_EQ(kind, UPDRAFT_KIND_INSTANCE);

    /* Things that are no callers. */
    CHECK(updraft_caller_store(NULL) == NULL);
    CHECK(updraft_caller_store((updraft_caller_t *)engine) == NULL);
    FAILS(MISUSE, "caller is NULL", updraft_caller_instance(NULL, &instance, E));
    FAILS(MISUSE, "caller is not", updraft_caller_memory((updraft_caller_t *)store, &memory, E));
    FAILS(MISUSE, "caller is not", updraft_caller_export((updraft_caller_t *)((char *)store + 1), TEXT("f"), &item, E));
    CHECK(kept != NULL);

    OK(updraft_store_delete(store, E));
    updraft_functype_delete(functype);
    updraft_engine_delete(engine);
    return test_end();
}
