/* Fuel: counted, exhausted, given again, read and set by host functions, in each tier; and an engine without it. */
#include "test.h"

static const char *const text =
    "(module (import \"\" \"host\" (func $host))"
    " (global $steps (export \"steps\") (mut i32) (i32.const 0))"
    " (func (export \"endless\") (loop $l (global.set $steps (i32.add (global.get $steps) (i32.const 1))) (br $l)))"
    " (func (export \"call\") (result i32) (call $host) (i32.const 7))"
    " (func (export \"add\") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))";

/* What the host function finds, and what it sets; 0 = nothing. */
static uint64_t found, given;

static updraft_error_t *host(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                             updraft_val_t *results, size_t result_count) {
    updraft_store_t *store = updraft_caller_store(caller);
    (void)env, (void)args, (void)arg_count, (void)results, (void)result_count;
    OK(updraft_store_fuel(store, &found, E));
    if (given != 0) OK(updraft_store_set_fuel(store, given, E));
    return NULL;
}

static uint64_t left(updraft_store_t *store) {
    uint64_t fuel = 12345;
    OK(updraft_store_fuel(store, &fuel, E));
    return fuel;
}

static void in_tiers(updraft_tiers_t tiers) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    updraft_store_t *store;
    updraft_linker_t *linker = NULL;
    updraft_functype_t *functype = NULL;
    updraft_module_t *module;
    updraft_instance_t instance = 0;
    updraft_func_t endless, call, add;
    updraft_val_t arg = test_i32(41), result, steps;
    OK(updraft_config_set_fuel(config, 1, E));
    OK(updraft_config_set_tiers(config, tiers, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    store = test_store(engine);
    OK(updraft_functype_new(NULL, 0, NULL, 0, &functype, E));
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_func(linker, TEXT(""), TEXT("host"), functype, host, NULL, NULL, E));
    module = test_module(engine, text);
    OK(updraft_linker_instantiate(linker, store, module, &instance, E));
    endless = test_export(store, instance, "endless");
    call = test_export(store, instance, "call");
    add = test_export(store, instance, "add");

    /* None at first. */
    CHECK_EQ(left(store), 0);
    TRAPS(OUT_OF_FUEL, updraft_func_call(store, add, &arg, 1, &result, 1, E));
    CHECK_EQ(left(store), 0);

    /* Exactly enough, then nothing; then more. */
    OK(updraft_store_set_fuel(store, 3, E));
    OK(updraft_func_call(store, add, &arg, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 42);
    CHECK_EQ(left(store), 0);
    OK(updraft_store_add_fuel(store, 2, E));
    TRAPS(OUT_OF_FUEL, updraft_func_call(store, add, &arg, 1, &result, 1, E));
    OK(updraft_store_add_fuel(store, 5, E));
    OK(updraft_func_call(store, add, &arg, 1, &result, 1, E));
    CHECK_EQ(left(store), 2);

    /* A loop without end ends: five operators in each turn. */
    OK(updraft_store_set_fuel(store, 500, E));
    TRAPS(OUT_OF_FUEL, updraft_func_call(store, endless, NULL, 0, NULL, 0, E));
    OK(updraft_global_get(store, test_export(store, instance, "steps"), &steps, E));
    CHECK_EQ(steps.of.i32, 100);

    /* Host functions see what is left, and set it. */
    OK(updraft_store_set_fuel(store, 10, E));
    OK(updraft_func_call(store, call, NULL, 0, &result, 1, E));
    CHECK_EQ(found, 9);
    CHECK_EQ(left(store), 8);
    given = 100;
    OK(updraft_func_call(store, call, NULL, 0, &result, 1, E));
    CHECK_EQ(found, 7);
    CHECK_EQ(left(store), 99);
    given = 0;

    /* The ends of the range. */
    OK(updraft_store_set_fuel(store, UINT64_MAX, E));
    CHECK(left(store) == INT64_MAX);
    OK(updraft_store_add_fuel(store, UINT64_MAX, E));
    CHECK(left(store) == INT64_MAX);
    OK(updraft_func_call(store, add, &arg, 1, &result, 1, E));
    CHECK(left(store) == INT64_MAX - 3);

    updraft_linker_delete(linker);
    updraft_module_delete(module);
    updraft_functype_delete(functype);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
}

static void without(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    uint64_t fuel;
    FAILS(MISUSE, "without fuel", updraft_store_set_fuel(store, 1, E));
    FAILS(MISUSE, "without fuel", updraft_store_add_fuel(store, 1, E));
    FAILS(MISUSE, "without fuel", updraft_store_fuel(store, &fuel, E));
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
}

int main(void) {
    in_tiers(UPDRAFT_TIERS_TOP);
    in_tiers(UPDRAFT_TIERS_BASELINE);
    in_tiers(UPDRAFT_TIERS_BOTH);
    without();
    return test_end();
}
