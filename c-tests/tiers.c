/* Tiers: states of functions, requests, waiting, policies, refusals, cancelling, clearing, bounds and estimates. */
#include "test.h"

static const char *const four =
    "(module (import \"\" \"h\" (func)) (func (export \"a\") (result i32) (i32.const 1))"
    " (func (export \"b\") (result i32) (i32.add (i32.const 1) (i32.const 1)))"
    " (func (export \"c\") (result i32) (call 2)) (func (export \"d\") (result i32) (i32.const 4)))";
#define FUNCS 4

/* Two tiers, each function compiled at its first call, and nobody but the host's threads compiles. */
static updraft_config_t *tiered(void) {
    updraft_config_t *config = test_config();
    OK(updraft_config_set_tiers(config, UPDRAFT_TIERS_BOTH, E));
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_config_set_workers(config, 0, E));
    return config;
}

static updraft_engine_t *engine_of(updraft_config_t *config) {
    updraft_engine_t *engine = NULL;
    if (updraft_engine_new(config, &engine, E) != UPDRAFT_STATUS_OK) test_stop("updraft_engine_new");
    updraft_config_delete(config);
    return engine;
}

static updraft_func_state_t state_of(const updraft_module_t *module, uint32_t func) {
    updraft_func_state_t state;
    size_t count = 99;
    memset(&state, 0xff, sizeof state);
    OK(updraft_module_func_states(module, func, &state, 1, sizeof state, &count, E));
    CHECK_EQ(count, 1);
    CHECK(state.size == sizeof state && state.func == func);
    return state;
}

static updraft_module_stats_t stats_of(const updraft_module_t *module) {
    updraft_module_stats_t stats;
    memset(&stats, 0xff, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(updraft_module_stats(module, &stats, E));
    return stats;
}

static updraft_store_t *run(const updraft_engine_t *engine, const updraft_module_t *module, updraft_instance_t *instance) {
    updraft_store_t *store = test_store(engine);
    updraft_linker_t *linker = NULL;
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_unknown_imports_as_traps(linker, module, E));
    OK(updraft_linker_instantiate(linker, store, module, instance, E));
    updraft_linker_delete(linker);
    return store;
}

static void call(updraft_store_t *store, updraft_instance_t instance, const char *name, int32_t expected) {
    updraft_val_t result;
    OK(updraft_func_call(store, test_export(store, instance, name), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, expected);
}

/* From nothing to the top tier, seen from outside at each step. */
static void states(void) {
    struct {
        updraft_func_state_t state;
        uint32_t later;
    } wide[8];
    updraft_engine_t *engine = engine_of(tiered());
    updraft_module_t *module = test_module(engine, four);
    updraft_instance_t instance = 0;
    updraft_store_t *store = run(engine, module, &instance);
    updraft_func_state_t state = state_of(module, 0);
    updraft_module_stats_t stats;
    const uint32_t funcs[] = {1, 2};
    size_t count = 99, reached = 99, ran = 99;

    CHECK(state.flags == UPDRAFT_FUNC_IMPORTED && state.tier == 0);
    state = state_of(module, 1);
    CHECK(state.flags == 0 && state.tier == 0 && state.target_tier == 0 && state.code_size == 0);
    call(store, instance, "a", 1);
    state = state_of(module, 1);
    CHECK(state.flags == 0 && state.tier == UPDRAFT_TIER_BASELINE && state.code_size > 0 && state.compile_ns > 0);

    OK(updraft_module_request_tier(module, funcs, 2, UPDRAFT_TIER_TOP, 7, &reached, E));
    CHECK_EQ(reached, 0);
    state = state_of(module, 1);
    CHECK(state.flags == UPDRAFT_FUNC_TOP_QUEUED && state.tier == UPDRAFT_TIER_BASELINE);
    CHECK(state.target_tier == UPDRAFT_TIER_TOP && state.priority == 7);
    stats = stats_of(module);
    CHECK(stats.functions == FUNCS && stats.baseline_functions == 1 && stats.top_functions == 0);
    CHECK(stats.outstanding == 2 && stats.outstanding_first == 0 && stats.units == 2);
    OK(updraft_engine_run_jobs(engine, 99, UINT64_MAX, &ran, E));
    CHECK_EQ(ran, 2);
    state = state_of(module, 2);
    CHECK(state.flags == 0 && state.tier == UPDRAFT_TIER_TOP && state.top_compilations == 1);
    call(store, instance, "b", 2);
    call(store, instance, "c", 2);
    OK(updraft_module_request_tier(module, funcs, 2, UPDRAFT_TIER_TOP, 255, &reached, E));
    CHECK_EQ(reached, 2);
    OK(updraft_module_request_tier(module, NULL, 0, UPDRAFT_TIER_BASELINE, 0, &reached, E));
    CHECK_EQ(reached, 3);
    OK(updraft_module_wait_idle(module, UINT64_MAX, E));
    CHECK_EQ(state_of(module, 4).tier, UPDRAFT_TIER_BASELINE);
    stats = stats_of(module);
    CHECK(stats.outstanding == 0 && stats.units == 0 && stats.top_functions == 2 && stats.baseline_functions == 2);
    CHECK(stats.compiled >= 5 && stats.publications > 0 && stats.memory_bytes > stats.code_bytes);

    /* Elements of another size, and the ends of the range. */
    memset(wide, 0xff, sizeof wide);
    OK(updraft_module_func_states(module, 3, &wide[0].state, 8, sizeof wide[0], &count, E));
    CHECK(count == 2 && wide[0].state.func == 3 && wide[1].state.func == 4 && wide[1].later == 0);
    CHECK_EQ(wide[2].later, UINT32_MAX);
    OK(updraft_module_func_states(module, 5, &wide[0].state, 8, sizeof wide[0], &count, E));
    CHECK_EQ(count, 0);
    OK(updraft_module_func_states(module, UINT32_MAX, NULL, 0, sizeof wide[0], &count, E));
    FAILS(MISUSE, "state_size is 47", updraft_module_func_states(module, 0, &state, 1, 47, &count, E));
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

static void waiting(void) {
    updraft_engine_t *engine = engine_of(tiered());
    updraft_module_t *module = test_module(engine, four);
    const uint32_t one[] = {3}, imported[] = {0}, unknown[] = {5};
    OK(updraft_module_wait_ready(module, 0, E));
    OK(updraft_module_wait_idle(module, 0, E));
    FAILS(TIMEOUT, "in time", updraft_module_wait_tier(module, one, 1, UPDRAFT_TIER_TOP, 0, E));
    OK(updraft_module_wait_tier(module, one, 1, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    CHECK_EQ(state_of(module, 3).tier, UPDRAFT_TIER_TOP);
    OK(updraft_module_wait_tier(module, one, 1, UPDRAFT_TIER_BASELINE, 0, E));
    OK(updraft_module_wait_tier(module, NULL, 0, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    CHECK_EQ(stats_of(module).top_functions, FUNCS);
    FAILS(OUT_OF_BOUNDS, "defines no function 0", updraft_module_wait_tier(module, imported, 1, UPDRAFT_TIER_TOP, 0, E));
    FAILS(OUT_OF_BOUNDS, "defines no function 5",
          updraft_module_request_tier(module, unknown, 1, UPDRAFT_TIER_TOP, 0, NULL, E));
    FAILS(OUT_OF_BOUNDS, "defines no function 5", updraft_module_set_policy(module, unknown, 1, UPDRAFT_POLICY_AUTO, E));
    FAILS(OUT_OF_BOUNDS, "defines no function 5", updraft_module_allow_again(module, unknown, 1, E));
    FAILS(MISUSE, "tier has no value 3", updraft_module_wait_tier(module, one, 1, 3, 0, E));
    FAILS(MISUSE, "tier has no value 0", updraft_module_request_tier(module, one, 1, 0, 0, NULL, E));
    FAILS(MISUSE, "priority is 256", updraft_module_request_tier(module, one, 1, UPDRAFT_TIER_TOP, 256, NULL, E));
    FAILS(MISUSE, "policy has no value 3", updraft_module_set_policy(module, one, 1, 3, E));
    FAILS(MISUSE, "which has no value 2", updraft_module_cancel(module, 2, NULL, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

/* One tier only: the other one cannot be asked for, nor done without. */
static void one_tier(void) {
    updraft_engine_t *engine = test_engine();
    updraft_module_t *module = test_module(engine, four);
    OK(updraft_module_wait_tier(module, NULL, 0, UPDRAFT_TIER_TOP, 0, E));
    FAILS(MISUSE, "does not use tier 1", updraft_module_wait_tier(module, NULL, 0, UPDRAFT_TIER_BASELINE, 0, E));
    FAILS(MISUSE, "does not use tier 1", updraft_module_request_tier(module, NULL, 0, UPDRAFT_TIER_BASELINE, 0, NULL, E));
    FAILS(MISUSE, "without a baseline tier", updraft_module_set_policy(module, NULL, 0, UPDRAFT_POLICY_NEVER_TOP, E));
    OK(updraft_module_set_policy(module, NULL, 0, UPDRAFT_POLICY_AUTO, E));
    OK(updraft_module_set_policy(module, NULL, 0, UPDRAFT_POLICY_EAGER_TOP, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

static void policies(void) {
    updraft_engine_t *engine = engine_of(tiered());
    updraft_module_t *module = test_module(engine, four);
    updraft_instance_t instance = 0;
    updraft_store_t *store = run(engine, module, &instance);
    const uint32_t kept[] = {1}, hot[] = {2};
    size_t reached = 99;
    OK(updraft_module_set_policy(module, kept, 1, UPDRAFT_POLICY_NEVER_TOP, E));
    CHECK_EQ(state_of(module, 1).flags, UPDRAFT_FUNC_NEVER_TOP);
    FAILS(FAILED, "kept from this tier", updraft_module_wait_tier(module, NULL, 0, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    OK(updraft_module_wait_idle(module, UINT64_MAX, E));
    call(store, instance, "a", 1);
    OK(updraft_module_request_tier(module, NULL, 0, UPDRAFT_TIER_TOP, 0, &reached, E));
    CHECK_EQ(reached, FUNCS - 1);
    CHECK_EQ(state_of(module, 1).tier, UPDRAFT_TIER_BASELINE);

    /* The other way round, and twice. */
    OK(updraft_module_set_policy(module, kept, 1, UPDRAFT_POLICY_EAGER_TOP, E));
    CHECK_EQ(state_of(module, 1).flags, UPDRAFT_FUNC_TOP_QUEUED);
    OK(updraft_engine_run_jobs(engine, 99, UINT64_MAX, NULL, E));
    CHECK_EQ(state_of(module, 1).tier, UPDRAFT_TIER_TOP);
    OK(updraft_module_request_tier(module, hot, 1, UPDRAFT_TIER_TOP, 0, NULL, E));
    CHECK_EQ(state_of(module, 2).flags, 0);
    OK(updraft_module_allow_again(module, hot, 1, E));
    OK(updraft_module_request_tier(module, hot, 1, UPDRAFT_TIER_TOP, 0, NULL, E));
    CHECK_EQ(state_of(module, 2).flags, UPDRAFT_FUNC_TOP_QUEUED);
    OK(updraft_engine_run_jobs(engine, 99, UINT64_MAX, NULL, E));
    CHECK_EQ(state_of(module, 2).top_compilations, 2);
    OK(updraft_module_allow_again(module, NULL, 0, E));
    call(store, instance, "b", 2);
    call(store, instance, "c", 2);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

/* The function of index 2 cannot be compiled by any tier. */
static void refusals(void) {
    updraft_config_t *config = tiered();
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_subscription_t *refused = NULL;
    updraft_event_t events[4];
    size_t count = 99, needed = 0;
    char text[200];
    const uint32_t bad[] = {2};
    OK(updraft_config_set_fail_function(config, 1, E));
    engine = engine_of(config);
    OK(updraft_subscription_new(engine, 0, UINT32_C(1) << UPDRAFT_EVENT_FUNCTION_REFUSED, 4, &refused, E));
    module = test_module(engine, four);
    FAILS(FAILED, "function 2 could not be compiled",
          updraft_module_wait_tier(module, bad, 1, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    CHECK_EQ(state_of(module, 2).flags, UPDRAFT_FUNC_TOP_REFUSED);
    FAILS(FAILED, "function 2 could not be compiled",
          updraft_module_wait_tier(module, NULL, 0, UPDRAFT_TIER_BASELINE, UINT64_MAX, E));
    CHECK_EQ(state_of(module, 2).flags, UPDRAFT_FUNC_TOP_REFUSED | UPDRAFT_FUNC_BASELINE_REFUSED);
    OK(updraft_module_func_refusal(module, 2, UPDRAFT_TIER_TOP, text, sizeof text, &count, E));
    CHECK(strstr(text, "function 2 could not be compiled: ") == text && strlen(text) == count && count > 34);
    OK(updraft_module_func_refusal(module, 2, UPDRAFT_TIER_BASELINE, text, 9, &needed, E));
    CHECK(strcmp(text, "function") == 0 && needed > 34);
    FAILS(NOT_FOUND, "function 3 was not refused",
          updraft_module_func_refusal(module, 3, UPDRAFT_TIER_TOP, text, sizeof text, &count, E));
    FAILS(OUT_OF_BOUNDS, "no function 0",
          updraft_module_func_refusal(module, 0, UPDRAFT_TIER_TOP, text, sizeof text, &count, E));
    FAILS(MISUSE, "tier has no value 3",
          updraft_module_func_refusal(module, 2, 3, text, sizeof text, &count, E));
    OK(updraft_module_wait_idle(module, UINT64_MAX, E));
    CHECK(stats_of(module).top_refused == 1 && stats_of(module).baseline_refused == 1);
    OK(updraft_subscription_drain(refused, events, 4, sizeof events[0], &count, E));
    CHECK_EQ(count, 2);
    CHECK(events[0].func == 2 && events[0].to_tier == UPDRAFT_TIER_TOP && events[0].status == UPDRAFT_STATUS_COMPILE);
    CHECK(events[1].func == 2 && events[1].to_tier == UPDRAFT_TIER_BASELINE);
    updraft_subscription_delete(refused);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

static void cancelling(void) {
    updraft_engine_t *engine = engine_of(tiered());
    updraft_module_t *module = test_module(engine, four), *other = test_module(engine, four), *unready = NULL;
    updraft_module_options_t *options = NULL;
    updraft_instance_t instance = 0;
    updraft_store_t *store = run(engine, module, &instance);
    updraft_subscription_t *all = NULL;
    updraft_event_t events[4];
    uint32_t cancelled = 99;
    size_t count = 99, ran = 99;
    OK(updraft_subscription_new(engine, 0, UINT32_C(1) << UPDRAFT_EVENT_CANCELLED, 4, &all, E));
    OK(updraft_module_request_tier(module, NULL, 0, UPDRAFT_TIER_TOP, 0, NULL, E));
    OK(updraft_module_cancel(module, UPDRAFT_CANCEL_IF_NOT_READY, &cancelled, E));
    CHECK_EQ(cancelled, 0);
    CHECK_EQ(stats_of(module).outstanding, FUNCS);
    OK(updraft_module_cancel(module, UPDRAFT_CANCEL_ALWAYS, &cancelled, E));
    CHECK_EQ(cancelled, 1);
    CHECK(stats_of(module).outstanding == 0 && stats_of(module).units == 0 && stats_of(module).discarded == FUNCS);
    OK(updraft_module_cancel(module, UPDRAFT_CANCEL_ALWAYS, &cancelled, E));
    CHECK_EQ(cancelled, 0);
    OK(updraft_module_wait_idle(module, UINT64_MAX, E));
    FAILS(CANCELLED, "cancelled", updraft_module_wait_tier(module, NULL, 0, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    OK(updraft_engine_run_jobs(engine, 99, UINT64_MAX, &ran, E));
    CHECK_EQ(ran, 0);
    /* Calls go on. */
    call(store, instance, "c", 2);
    OK(updraft_subscription_drain(all, events, 4, sizeof events[0], &count, E));
    CHECK_EQ(count, 1);
    CHECK_EQ(events[0].status, UPDRAFT_STATUS_CANCELLED);

    /* Not ready yet: eager, and nobody has compiled. */
    OK(updraft_module_options_new(&options, E));
    OK(updraft_module_options_set_strategy(options, UPDRAFT_STRATEGY_EAGER_BACKGROUND, E));
    OK(updraft_module_new_with_options(engine, (const uint8_t *)four, strlen(four), options, &unready, E));
    CHECK_EQ(stats_of(unready).outstanding_first, FUNCS);
    FAILS(TIMEOUT, "in time", updraft_module_wait_ready(unready, 0, E));
    OK(updraft_module_cancel(unready, UPDRAFT_CANCEL_IF_NOT_READY, &cancelled, E));
    CHECK_EQ(cancelled, 1);
    CHECK_EQ(stats_of(unready).outstanding_first, 0);

    /* All modules of an engine. */
    OK(updraft_module_request_tier(other, NULL, 0, UPDRAFT_TIER_TOP, 0, NULL, E));
    OK(updraft_engine_cancel(engine, E));
    CHECK_EQ(stats_of(other).outstanding, 0);
    OK(updraft_subscription_drain(all, events, 4, sizeof events[0], &count, E));
    CHECK_EQ(count, 2);
    updraft_module_options_delete(options);
    updraft_subscription_delete(all);
    updraft_module_delete(unready);
    updraft_module_delete(other);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

static void clearing(void) {
    updraft_engine_t *engine = engine_of(tiered());
    updraft_module_t *module = test_module(engine, four);
    updraft_instance_t instance = 0;
    updraft_store_t *store = run(engine, module, &instance);
    size_t count = 99;
    call(store, instance, "c", 2);
    FAILS(BUSY, "has instances", updraft_module_clear(module, E));
    OK(updraft_engine_clear(engine, &count, E));
    CHECK_EQ(count, 0);
    OK(updraft_store_delete(store, E));
    CHECK(state_of(module, 2).code_size > 0);
    OK(updraft_module_clear(module, E));
    CHECK(state_of(module, 2).tier == 0 && state_of(module, 2).code_size == 0);
    CHECK_EQ(stats_of(module).code_bytes, 0);
    store = run(engine, module, &instance);
    call(store, instance, "c", 2);
    OK(updraft_store_delete(store, E));
    OK(updraft_engine_clear(engine, &count, E));
    CHECK_EQ(count, 1);
    CHECK_EQ(stats_of(module).baseline_functions, 0);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

static updraft_compile_stats_t engine_stats(const updraft_engine_t *engine) {
    updraft_compile_stats_t stats;
    memset(&stats, 0xff, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(updraft_engine_compile_stats(engine, &stats, E));
    return stats;
}

/* A module with more than 64 KiB of machine code. */
static char *large(void) {
    char *text = (char *)malloc(8 * (250 * 120 + 100)), *end = text;
    int func, i;
    if (text == NULL) test_stop("malloc");
    end += sprintf(end, "(module (memory 1)");
    for (func = 0; func < 8; func++) {
        end += sprintf(end, "(func (param i32 i32)");
        for (i = 0; i < 250; i++) {
            end += sprintf(end, "(i32.store offset=%d (local.get 0) (i32.trunc_f64_s (f64.load offset=%d (local.get 0))))",
                           8 * i, 8 * i + 4);
        }
        end += sprintf(end, ")");
    }
    sprintf(end, ")");
    return text;
}

/* A bound of machine code, which ends compilations and no process; and what a module was expected to take. */
static void memory(void) {
    char *text = large();
    updraft_engine_t *engine = engine_of(tiered());
    updraft_module_t *module = test_module(engine, text), *none = NULL;
    updraft_module_options_t *options = NULL;
    updraft_estimate_t estimate;
    updraft_compile_stats_t stats = engine_stats(engine);
    static const uint8_t cut[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1};
    uint64_t reserved = stats.code_limit, taken = stats.code_bytes;
    CHECK(reserved > taken);
    memset(&estimate, 0, sizeof estimate);
    FAILS(MISUSE, "struct_size of estimate",
          updraft_engine_estimate(engine, (const uint8_t *)text, strlen(text), &estimate, E));
    estimate.struct_size = sizeof estimate;
    FAILS(INVALID, "", updraft_engine_estimate(engine, cut, sizeof cut, &estimate, E));
    OK(updraft_engine_estimate(engine, (const uint8_t *)text, strlen(text), &estimate, E));
    CHECK_EQ(estimate.functions, 8);
    CHECK(estimate.code_bytes > 0 && estimate.record_bytes > 0 && estimate.wire_bytes > 0);
    CHECK_EQ(estimate.total_bytes, estimate.code_bytes + estimate.record_bytes + estimate.wire_bytes);

    /* Room for what is there. */
    OK(updraft_engine_set_code_limit(engine, (size_t)taken, E));
    stats = engine_stats(engine);
    CHECK(stats.code_limit == taken && stats.code_bytes == taken);
    FAILS(LIMIT, "bytes of machine code", updraft_module_wait_tier(module, NULL, 0, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    CHECK_EQ(engine_stats(engine).code_bytes, taken);
    CHECK_EQ(stats_of(module).units, 0);
    OK(updraft_module_options_new(&options, E));
    OK(updraft_module_options_set_strategy(options, UPDRAFT_STRATEGY_EAGER, E));
    FAILS(LIMIT, "bytes of machine code",
          updraft_module_new_with_options(engine, (const uint8_t *)text, strlen(text), options, &none, E));
    updraft_module_options_delete(options);
    CHECK(none == NULL);

    /* Room for all. */
    OK(updraft_engine_set_code_limit(engine, 1, E));
    CHECK_EQ(engine_stats(engine).code_limit, 65536);
    OK(updraft_engine_set_code_limit(engine, 0, E));
    CHECK_EQ(engine_stats(engine).code_limit, reserved);
    OK(updraft_module_wait_tier(module, NULL, 0, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    CHECK(stats_of(module).code_bytes > 65536);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    free(text);
}

int main(void) {
    states();
    waiting();
    one_tier();
    policies();
    refusals();
    cancelling();
    clearing();
    memory();
    return test_end();
}
