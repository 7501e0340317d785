/* Functions that move to the top tier by themselves: policies, synchronously and in the background, states, events. */
#include "test.h"

static const char *const loops =
    "(module (func (export \"once\") (result i32) (i32.const 7))"
    " (func (export \"sum\") (param i32) (result i32) (local i32)"
    "  (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))"
    "   (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
    "  (local.get 1)))";
enum { ONCE, SUM };

/* Two tiers, each function compiled at its first call, and nobody but the host's threads compiles. */
static updraft_config_t *tiering(updraft_tiering_t policy, uint32_t budget) {
    updraft_config_t *config = test_config();
    OK(updraft_config_set_tiers(config, UPDRAFT_TIERS_BOTH, E));
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_config_set_workers(config, 0, E));
    OK(updraft_config_set_osr(config, 0, E));
    OK(updraft_config_set_tiering(config, policy, budget, E));
    return config;
}

struct world {
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_store_t *store;
    updraft_instance_t instance;
};

static struct world open_world(updraft_config_t *config) {
    struct world w;
    memset(&w, 0, sizeof w);
    if (updraft_engine_new(config, &w.engine, E) != UPDRAFT_STATUS_OK) test_stop("updraft_engine_new");
    updraft_config_delete(config);
    w.module = test_module(w.engine, loops);
    w.store = test_store(w.engine);
    OK(updraft_instance_new(w.store, w.module, NULL, 0, &w.instance, E));
    return w;
}

static void close_world(struct world *w) {
    OK(updraft_store_delete(w->store, E));
    updraft_module_delete(w->module);
    updraft_engine_delete(w->engine);
}

static void sum(struct world *w, int32_t count) {
    updraft_val_t arg = test_i32(count), result;
    OK(updraft_func_call(w->store, test_export(w->store, w->instance, "sum"), &arg, 1, &result, 1, E));
    CHECK_EQ((uint32_t)result.of.i32, (uint32_t)((uint64_t)count * ((uint64_t)count + 1) / 2));
}

static updraft_func_state_t state_of(const struct world *w, uint32_t func) {
    updraft_func_state_t state;
    size_t count = 99;
    OK(updraft_module_func_states(w->module, func, &state, 1, sizeof state, &count, E));
    CHECK_EQ(count, 1);
    return state;
}

/* The work is done, the top tier is asked for, a job compiles it, and an event says so. */
static void in_the_background(void) {
    struct world w = open_world(tiering(UPDRAFT_TIERING_CUSTOM, 2000));
    updraft_subscription_t *subscription = NULL;
    updraft_event_t event;
    updraft_func_state_t state;
    size_t ran = 0, count = 0;
    sum(&w, 10);
    state = state_of(&w, SUM);
    CHECK(state.flags == UPDRAFT_FUNC_BASELINE_RUN && state.tier == UPDRAFT_TIER_BASELINE && state.target_tier == 0);
    CHECK_EQ(state_of(&w, ONCE).flags, 0);
    sum(&w, 1000);
    state = state_of(&w, SUM);
    CHECK_EQ(state.flags, UPDRAFT_FUNC_BASELINE_RUN | UPDRAFT_FUNC_TOP_QUEUED);
    CHECK(state.tier == UPDRAFT_TIER_BASELINE && state.target_tier == UPDRAFT_TIER_TOP && state.priority >= 1);
    OK(updraft_subscription_new(w.engine, 0, UINT32_C(1) << UPDRAFT_EVENT_FUNCTION_TIERED, 8, &subscription, E));
    OK(updraft_engine_run_jobs(w.engine, 99, UINT64_MAX, &ran, E));
    CHECK(ran >= 1);
    OK(updraft_subscription_drain(subscription, &event, 1, sizeof event, &count, E));
    CHECK(count == 1 && event.func == SUM);
    CHECK(event.from_tier == UPDRAFT_TIER_BASELINE && event.to_tier == UPDRAFT_TIER_TOP);
    state = state_of(&w, SUM);
    CHECK(state.flags == UPDRAFT_FUNC_BASELINE_RUN && state.tier == UPDRAFT_TIER_TOP && state.top_compilations == 1);
    sum(&w, 100000);
    CHECK_EQ(state_of(&w, SUM).top_compilations, 1);
    updraft_subscription_delete(subscription);
    close_world(&w);
}

static void synchronously(void) {
    updraft_config_t *config = tiering(UPDRAFT_TIERING_CUSTOM, 2000);
    struct world w;
    OK(updraft_config_set_synchronous_tiering(config, 1, E));
    OK(updraft_config_set_tiering_seed(config, 42, E));
    w = open_world(config);
    sum(&w, 1000);
    CHECK(state_of(&w, SUM).tier == UPDRAFT_TIER_TOP);
    sum(&w, 1000);
    close_world(&w);
}

/* What the host decides about a function holds. */
static void pinned(void) {
    struct world w = open_world(tiering(UPDRAFT_TIERING_AGGRESSIVE, 0));
    const uint32_t funcs[] = {SUM};
    OK(updraft_module_set_policy(w.module, funcs, 1, UPDRAFT_POLICY_NEVER_TOP, E));
    sum(&w, 1000000);
    CHECK_EQ(state_of(&w, SUM).flags, UPDRAFT_FUNC_BASELINE_RUN | UPDRAFT_FUNC_NEVER_TOP);
    close_world(&w);
}

/* The default and the aggressive policy find a loop of a million iterations worth while; without one nothing is counted. */
static void policies(void) {
    const updraft_tiering_t all[] = {UPDRAFT_TIERING_DEFAULT, UPDRAFT_TIERING_AGGRESSIVE, UPDRAFT_TIERING_OFF};
    size_t i;
    for (i = 0; i < 3; i++) {
        struct world w = open_world(tiering(all[i], 0));
        sum(&w, 1000000);
        CHECK_EQ(state_of(&w, SUM).target_tier, i < 2 ? UPDRAFT_TIER_TOP : 0);
        CHECK_EQ(state_of(&w, SUM).flags == 0, i == 2);
        close_world(&w);
    }
}

/* A loop that is entered once goes on in the top tier: compiled by the thread that runs it, or in the background, in
 * which case it has ended before the host compiles. Events, states and numbers tell of it. */
static void running_loops(void) {
    int synchronous;
    for (synchronous = 0; synchronous < 2; synchronous++) {
        updraft_config_t *config = tiering(UPDRAFT_TIERING_CUSTOM, 2000);
        updraft_subscription_t *subscription = NULL;
        updraft_event_t events[8];
        updraft_module_stats_t stats;
        size_t count = 0, i, told = 0;
        struct world w;
        OK(updraft_config_set_osr(config, 1, E));
        OK(updraft_config_set_synchronous_tiering(config, (uint32_t)synchronous, E));
        w = open_world(config);
        OK(updraft_subscription_new(w.engine, 0, UINT32_C(1) << UPDRAFT_EVENT_LOOP_TIERED, 8, &subscription, E));
        sum(&w, 1000000);
        if (!synchronous) {
            CHECK((state_of(&w, SUM).flags & UPDRAFT_FUNC_LOOPS_QUEUED) != 0);
            OK(updraft_engine_run_jobs(w.engine, SIZE_MAX, UINT64_MAX, &count, E));
        }
        CHECK((state_of(&w, SUM).flags & UPDRAFT_FUNC_LOOPS_TOP) != 0);
        CHECK((state_of(&w, SUM).flags & (UPDRAFT_FUNC_LOOPS_QUEUED | UPDRAFT_FUNC_LOOPS_REFUSED)) == 0);
        stats.struct_size = sizeof stats;
        OK(updraft_module_stats(w.module, &stats, E));
        CHECK(stats.loops == 1 && stats.loops_entered == (uint64_t)synchronous && stats.units == 0);
        OK(updraft_subscription_drain(subscription, events, 8, sizeof events[0], &count, E));
        for (i = 0; i < count; i++) {
            CHECK(events[i].kind == UPDRAFT_EVENT_LOOP_TIERED && events[i].func == SUM && events[i].status == 0);
            CHECK(events[i].to_tier == UPDRAFT_TIER_TOP && events[i].code_size > 0 && events[i].count > 8);
            told++;
        }
        CHECK_EQ(told, 1);
        updraft_subscription_delete(subscription);
        close_world(&w);
    }
}

static void misuse(void) {
    updraft_config_t *config = test_config();
    FAILS(MISUSE, "policy has no value 4", updraft_config_set_tiering(config, 4, 0, E));
    FAILS(MISUSE, "budget is 0", updraft_config_set_tiering(config, UPDRAFT_TIERING_CUSTOM, 0, E));
    FAILS(MISUSE, "budget is 2147483648",
          updraft_config_set_tiering(config, UPDRAFT_TIERING_CUSTOM, UINT32_C(1) << 31, E));
    FAILS(MISUSE, "on is 2", updraft_config_set_synchronous_tiering(config, 2, E));
    FAILS(MISUSE, "on is 2", updraft_config_set_osr(config, 2, E));
    OK(updraft_config_set_tiering_seed(config, 0, E));
    updraft_config_delete(config);
}

int main(void) {
    in_the_background();
    synchronously();
    pinned();
    policies();
    running_loops();
    misuse();
    return test_end();
}
