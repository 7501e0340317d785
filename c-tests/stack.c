/* The end of the stack: in the main thread and in small foreign threads, through host functions, and when a function is
 * compiled at its first call right there. Always a trap or a result, never a crash. */
#include "test.h"

#include <pthread.h>

static updraft_engine_t *lazy_engine(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    /* One tier, so that a depth is reached again. */
    OK(updraft_config_set_tiers(config, UPDRAFT_TIERS_TOP, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    return engine;
}

/* WebAssembly calls the host, which calls WebAssembly: as deep as the argument says. */
typedef struct {
    updraft_func_t wasm;
    int deepest;
} ladder;

static updraft_error_t *climb(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                              updraft_val_t *results, size_t result_count) {
    ladder *mine = (ladder *)env;
    updraft_error_t *error = NULL;
    updraft_val_t next = test_i32(args[0].of.i32 - 1), below;
    (void)arg_count, (void)result_count;
    mine->deepest++;
    if (args[0].of.i32 == 0) return NULL;
    if (updraft_func_call(updraft_caller_store(caller), mine->wasm, &next, 1, &below, 1, &error) == UPDRAFT_STATUS_OK) {
        results[0].of.i32 = below.of.i32 + 1;
    }
    return error;
}

typedef struct {
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_functype_t *functype;
    /* Results, looked at by the main thread. */
    updraft_status_t shallow, deep, again;
    updraft_trap_code_t trap;
    int deepest;
} job;

/* Without checks of its own: a small thread has no room for them. */
static void *climb_here(void *data) {
    job *mine = (job *)data;
    updraft_store_t *store = NULL;
    updraft_error_t *error = NULL;
    updraft_extern_t import, item;
    updraft_instance_t instance = 0;
    updraft_val_t depth, result;
    ladder env;
    memset(&env, 0, sizeof env);
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_FUNC;
    mine->shallow = updraft_store_new(mine->engine, &store, NULL);
    if (mine->shallow != UPDRAFT_STATUS_OK) return NULL;
    updraft_func_new(store, mine->functype, climb, &env, NULL, &import.handle, NULL);
    updraft_instance_new(store, mine->module, &import, 1, &instance, NULL);
    updraft_instance_export(store, instance, "f", 1, &item, NULL);
    env.wasm = item.handle;
    depth = test_i32(0);
    mine->shallow = updraft_func_call(store, env.wasm, &depth, 1, &result, 1, NULL);
    depth = test_i32(1000000);
    mine->deep = updraft_func_call(store, env.wasm, &depth, 1, &result, 1, &error);
    mine->trap = updraft_error_trap_code(error);
    mine->deepest = env.deepest;
    updraft_error_delete(error);
    depth = test_i32(0);
    mine->again = updraft_func_call(store, env.wasm, &depth, 1, &result, 1, NULL);
    updraft_store_delete(store, NULL);
    return NULL;
}

static void through_host_functions(updraft_engine_t *engine) {
    static const size_t sizes[] = {64 << 10, 96 << 10, 256 << 10, 2 << 20};
    const char *text = "(module (import \"\" \"climb\" (func $c (param i32) (result i32)))"
                       " (func (export \"f\") (param i32) (result i32) (call $c (local.get 0))))";
    job work;
    pthread_attr_t attributes;
    pthread_t thread;
    size_t i;
    work.engine = engine;
    work.module = test_module(engine, text);
    work.functype = test_functype("i", "i");
    for (i = 0; i <= sizeof sizes / sizeof sizes[0]; i++) {
        work.shallow = work.deep = work.again = 99;
        work.trap = 0;
        work.deepest = 0;
        if (i == sizeof sizes / sizeof sizes[0]) {
            climb_here(&work);
        } else {
            pthread_attr_init(&attributes);
            CHECK_EQ(pthread_attr_setstacksize(&attributes, sizes[i]), 0);
            CHECK_EQ(pthread_create(&thread, &attributes, climb_here, &work), 0);
            CHECK_EQ(pthread_join(thread, NULL), 0);
            pthread_attr_destroy(&attributes);
        }
        /* The smallest stacks may have no room for even one call: that is a trap as well. */
        CHECK(work.shallow == UPDRAFT_STATUS_OK || (i < 2 && work.shallow == UPDRAFT_STATUS_TRAP));
        CHECK_EQ(work.deep, UPDRAFT_STATUS_TRAP);
        CHECK_EQ(work.trap, UPDRAFT_TRAP_STACK_OVERFLOW);
        CHECK_EQ(work.again, work.shallow);
        if (i > 1) CHECK(work.deepest > 1);
    }
    updraft_module_delete(work.module);
    updraft_functype_delete(work.functype);
}

/* f(n, last) goes n frames down; there it calls g, whose code does not exist yet, if `last` says so. */
static const char *const recursion =
    "(module (func $g (result i32) (i32.const 7))"
    " (func $f (export \"f\") (param i32 i32) (result i32)"
    "   (if (result i32) (local.get 0)"
    "     (then (i32.add (call $f (i32.sub (local.get 0) (i32.const 1)) (local.get 1)) (i32.const 1)))"
    "     (else (if (result i32) (local.get 1) (then (call $g)) (else (i32.const 0)))))))";

static updraft_trap_code_t go_down(updraft_engine_t *engine, int32_t depth, int32_t last) {
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance = test_instance(store, recursion);
    updraft_val_t args[2], result = test_i32(-1);
    updraft_trap_code_t code;
    updraft_status_t status;
    args[0] = test_i32(0);
    args[1] = test_i32(0);
    /* f itself is compiled first. */
    OK(updraft_func_call(store, test_export(store, instance, "f"), args, 2, &result, 1, E));
    args[0] = test_i32(depth);
    args[1] = test_i32(last);
    status = updraft_func_call(store, test_export(store, instance, "f"), args, 2, &result, 1, E);
    code = updraft_error_trap_code(test_error);
    CHECK(status == UPDRAFT_STATUS_OK ? result.of.i32 == depth + 7 * last : status == UPDRAFT_STATUS_TRAP);
    test_forget_error();
    /* The store is as good as before. */
    args[0] = test_i32(3);
    OK(updraft_func_call(store, test_export(store, instance, "f"), args, 2, &result, 1, E));
    CHECK_EQ(result.of.i32, 3 + 7 * last);
    OK(updraft_store_delete(store, E));
    return code;
}

static void *at_the_limit(void *data) {
    updraft_engine_t *engine = (updraft_engine_t *)data;
    int32_t low = 0, high = 1 << 20, depth;
    CHECK_EQ(go_down(engine, high, 0), UPDRAFT_TRAP_STACK_OVERFLOW);
    while (high - low > 1) {
        depth = low + (high - low) / 2;
        if (go_down(engine, depth, 0) == UPDRAFT_TRAP_NONE) {
            low = depth;
        } else {
            high = depth;
        }
    }
    CHECK(low > 10);
    for (depth = low - 20; depth <= low + 3; depth++) {
        updraft_trap_code_t code = go_down(engine, depth, 1);
        CHECK(code == UPDRAFT_TRAP_NONE || code == UPDRAFT_TRAP_STACK_OVERFLOW);
        if (depth == low - 20) CHECK_EQ(code, UPDRAFT_TRAP_NONE);
        if (depth == low + 3) CHECK_EQ(code, UPDRAFT_TRAP_STACK_OVERFLOW);
    }
    return NULL;
}

static void compiled_at_the_limit(updraft_engine_t *engine) {
    pthread_attr_t attributes;
    pthread_t thread;
    at_the_limit(engine);
    pthread_attr_init(&attributes);
    /* Making the module needs some of it, too. */
    CHECK_EQ(pthread_attr_setstacksize(&attributes, 512 << 10), 0);
    CHECK_EQ(pthread_create(&thread, &attributes, at_the_limit, engine), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

int main(void) {
    updraft_engine_t *eager = test_engine(), *lazy = lazy_engine();
    through_host_functions(eager);
    through_host_functions(lazy);
    compiled_at_the_limit(lazy);
    updraft_engine_delete(eager);
    updraft_engine_delete(lazy);
    return test_end();
}
