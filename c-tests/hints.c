/* Hints: those of sections and those of the host, how many are used, and what comes of them. */
#include "test.h"

/* Function 0 is imported. Offsets in the body of `run`, function 3: if 3, call 5, loop 8, br_if 13; of `pick`, function 4:
 * call_indirect 3. */
static const char *const text =
    "(module (import \"\" \"h\" (func)) (type $t (func)) (table 2 2 funcref) (elem (i32.const 0) $one $two)"
    " (@custom \"metadata.code.branch_hint\" (before code) \"\\01\\03\\02\\03\\01\\00\\05\\01\\01\")"
    " (@custom \"metadata.code.compilation_order\" (before code) \"\\02\\03\\00\\01\\02\\01\\00\\01\\01\")"
    " (func $one (type $t)) (func $two (type $t))"
    " (func (export \"run\") (param i32) (if (local.get 0) (then (call $two))) (loop (br_if 0 (i32.eqz (local.get 0)))))"
    " (func (export \"pick\") (call_indirect (type $t) (i32.const 1))))";
#define ONE 1
#define RUN 3
#define PICK 4

static updraft_engine_t *both_tiers(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    OK(updraft_config_set_tiers(config, UPDRAFT_TIERS_BOTH, E));
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_config_set_workers(config, 0, E));
    if (updraft_engine_new(config, &engine, E) != UPDRAFT_STATUS_OK) test_stop("updraft_engine_new");
    updraft_config_delete(config);
    return engine;
}

static void counted(const updraft_module_t *module, updraft_hint_kind_t kind, size_t used, size_t ignored) {
    size_t used_here = 99, ignored_here = 99;
    OK(updraft_module_hint_counts(module, kind, &used_here, &ignored_here, E));
    CHECK_EQ(used_here, used);
    CHECK_EQ(ignored_here, ignored);
}

static updraft_module_t *made(const updraft_engine_t *engine, const updraft_module_options_t *options) {
    updraft_module_t *module = NULL;
    OK(updraft_module_new_with_options(engine, (const uint8_t *)text, strlen(text), options, &module, E));
    if (module == NULL) test_stop("updraft_module_new_with_options");
    return module;
}

/* Without workers, all work is done here. */
static updraft_tier_t tier_of(const updraft_engine_t *engine, const updraft_module_t *module, uint32_t func) {
    updraft_func_state_t states[5];
    size_t count = 0, ran = 0;
    OK(updraft_engine_run_jobs(engine, SIZE_MAX, UINT64_MAX, &ran, E));
    OK(updraft_module_func_states(module, 0, states, 5, sizeof states[0], &count, E));
    CHECK_EQ(count, 5);
    return states[func].tier;
}

static void sections(const updraft_engine_t *engine) {
    updraft_module_t *module = made(engine, NULL);
    size_t used, ignored;
    counted(module, UPDRAFT_HINT_BRANCH, 1, 1);
    counted(module, UPDRAFT_HINT_PRIORITY, 1, 1);
    counted(module, UPDRAFT_HINT_FREQUENCY, 0, 0);
    FAILS(MISUSE, "kind", updraft_module_hint_counts(module, 0, &used, &ignored, E));
    FAILS(MISUSE, "kind", updraft_module_hint_counts(module, 5, &used, &ignored, E));
    /* It was compiled before anybody called it; another one was not. */
    CHECK_EQ(tier_of(engine, module, RUN), UPDRAFT_TIER_BASELINE);
    CHECK_EQ(tier_of(engine, module, PICK), 0);
    updraft_module_delete(module);
}

static void options(const updraft_engine_t *engine) {
    updraft_module_options_t *options = NULL;
    updraft_module_t *module;
    const uint32_t funcs[2] = {2, ONE}, percents[2] = {70, 30}, too_many[2] = {70, 31};
    OK(updraft_module_options_new(&options, E));
    OK(updraft_module_options_add_branch_hint(options, RUN, 13, 1, E));
    OK(updraft_module_options_add_branch_hint(options, RUN, 3, 1, E));
    OK(updraft_module_options_add_branch_hint(options, 0, 3, 1, E));
    OK(updraft_module_options_add_branch_hint(options, RUN, 5000, 1, E));
    FAILS(MISUSE, "likely", updraft_module_options_add_branch_hint(options, RUN, 3, 2, E));
    OK(updraft_module_options_add_priority(options, PICK, 3, 0, E));
    OK(updraft_module_options_add_priority(options, RUN, 1, UPDRAFT_PRIORITY_RUN_ONCE, E));
    OK(updraft_module_options_add_priority(options, ONE, 0, UPDRAFT_PRIORITY_NONE, E));
    OK(updraft_module_options_add_frequency(options, RUN, 5, UPDRAFT_FREQUENCY_NEVER, E));
    OK(updraft_module_options_add_frequency(options, RUN, 8, UPDRAFT_FREQUENCY_ONCE + 10, E));
    OK(updraft_module_options_add_frequency(options, RUN, 3, UPDRAFT_FREQUENCY_ONCE, E));
    FAILS(MISUSE, "frequency", updraft_module_options_add_frequency(options, RUN, 5, 65, E));
    OK(updraft_module_options_add_call_targets(options, PICK, 3, funcs, percents, 2, E));
    FAILS(MISUSE, "percents", updraft_module_options_add_call_targets(options, PICK, 3, funcs, too_many, 2, E));
    FAILS(MISUSE, "funcs", updraft_module_options_add_call_targets(options, PICK, 3, NULL, percents, 2, E));
    module = made(engine, options);
    updraft_module_options_delete(options);
    counted(module, UPDRAFT_HINT_BRANCH, 2, 3);
    counted(module, UPDRAFT_HINT_PRIORITY, 3, 1);
    counted(module, UPDRAFT_HINT_FREQUENCY, 2, 1);
    counted(module, UPDRAFT_HINT_TARGETS, 1, 0);
    CHECK_EQ(tier_of(engine, module, PICK), UPDRAFT_TIER_TOP);
    CHECK_EQ(tier_of(engine, module, RUN), UPDRAFT_TIER_BASELINE);
    CHECK_EQ(tier_of(engine, module, ONE), UPDRAFT_TIER_BASELINE);
    CHECK_EQ(tier_of(engine, module, 2), 0);
    updraft_module_delete(module);
}

int main(void) {
    updraft_engine_t *engine = both_tiers();
    sections(engine);
    options(engine);
    updraft_engine_delete(engine);
    return test_end();
}
