/* Profiles: what baseline code has counted, as the host reads it, keeps it, and brings it into another engine. */
#include "test.h"

#include <unistd.h>

/* Function 0 is imported. `run(n, t)` calls the element t of the table n times, and `direct` each time. */
static const char *const text =
    "(module (import \"\" \"h\" (func)) (type $t (func (param i32) (result i32))) (table 2 2 funcref)"
    " (elem (i32.const 0) $one $two)"
    " (func $one (type $t) (i32.const 1)) (func $two (type $t) (i32.const 2))"
    " (func $direct (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))"
    " (func (export \"run\") (param i32 i32) (result i32) (local i32)"
    "  (loop (local.set 2 (i32.add (local.get 2)"
    "      (call_indirect (type $t) (call $direct (local.get 0)) (local.get 1))))"
    "    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))"
    "  (local.get 2)))";
#define ONE 1
#define TWO 2
#define DIRECT 3
#define RUN 4

/* Both tiers, each function compiled at its first call, and so large budgets that none moves up by itself. */
static updraft_engine_t *counting(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    OK(updraft_config_set_tiers(config, UPDRAFT_TIERS_BOTH, E));
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_config_set_workers(config, 0, E));
    OK(updraft_config_set_tiering(config, UPDRAFT_TIERING_CUSTOM, 1u << 30, E));
    if (updraft_engine_new(config, &engine, E) != UPDRAFT_STATUS_OK) test_stop("updraft_engine_new");
    updraft_config_delete(config);
    return engine;
}

static updraft_store_t *run(const updraft_engine_t *engine, const updraft_module_t *module, int32_t times, int32_t target) {
    updraft_store_t *store = test_store(engine);
    updraft_linker_t *linker = NULL;
    updraft_instance_t instance;
    updraft_val_t args[2] = {{UPDRAFT_VAL_I32, 0, {0}}, {UPDRAFT_VAL_I32, 0, {0}}}, result;
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_unknown_imports_as_traps(linker, module, E));
    OK(updraft_linker_instantiate(linker, store, module, &instance, E));
    updraft_linker_delete(linker);
    args[0].of.i32 = times;
    args[1].of.i32 = target;
    OK(updraft_func_call(store, test_export(store, instance, "run"), args, 2, &result, 1, E));
    CHECK_EQ(result.of.i32, times * (target + 1));
    return store;
}

static size_t profile_of(const updraft_module_t *module, updraft_func_profile_t *records, size_t capacity) {
    size_t count = 99;
    memset(records, 0xff, capacity * sizeof *records);
    OK(updraft_module_profile(module, 0, records, capacity, sizeof *records, &count, E));
    return count;
}

/* The record of the indirect call of RUN. */
static updraft_profile_site_t indirect(const updraft_module_t *module) {
    updraft_profile_site_t sites[4];
    size_t count = 99, i;
    memset(sites, 0xff, sizeof sites);
    OK(updraft_module_profile_sites(module, RUN, 0, sites, 4, sizeof sites[0], &count, E));
    for (i = 0; i < count; i++) {
        CHECK_EQ(sites[i].size, sizeof sites[0]);
        CHECK(i == 0 || sites[i].module_offset > sites[i - 1].module_offset);
        if (sites[i].kind == UPDRAFT_PROFILE_SITE_INDIRECT_CALL) return sites[i];
    }
    test_stop("there is an indirect call");
    return sites[0];
}

static void reading(void) {
    updraft_engine_t *engine = counting();
    updraft_module_t *module = test_module(engine, text);
    updraft_func_profile_t records[8];
    updraft_profile_site_t sites[4], site;
    struct {
        updraft_func_profile_t record;
        uint64_t later;
    } wide[2];
    size_t count = 99;
    CHECK_EQ(profile_of(module, records, 8), 0);
    OK(updraft_store_delete(run(engine, module, 10, 1), E));
    OK(updraft_store_delete(run(engine, module, 3, 0), E));

    CHECK_EQ(profile_of(module, records, 8), 4);
    CHECK(records[0].size == sizeof records[0] && records[0].func == ONE && records[0].calls == 3);
    CHECK(records[1].func == TWO && records[1].calls == 10);
    CHECK(records[2].func == DIRECT && records[2].calls == 13 && records[2].sites == 0);
    CHECK(records[3].func == RUN && records[3].calls == 0 && records[3].sites >= 2);
    CHECK(records[3].flags == UPDRAFT_PROFILE_RUN);

    site = indirect(module);
    CHECK(site.count == 13 && site.target_count == 2);
    CHECK(site.targets[0] == TWO && site.target_counts[0] == 10);
    CHECK(site.targets[1] == ONE && site.target_counts[1] == 3 && site.targets[2] == 0);

    /* From a place on; no more than there is room for; in larger records. */
    OK(updraft_module_profile_sites(module, RUN, site.module_offset, sites, 4, sizeof sites[0], &count, E));
    CHECK(count == 1 && sites[0].count == 13);
    OK(updraft_module_profile_sites(module, DIRECT, 0, NULL, 0, sizeof sites[0], &count, E));
    CHECK_EQ(count, 0);
    memset(wide, 0xff, sizeof wide);
    OK(updraft_module_profile(module, TWO, &wide[0].record, 2, sizeof wide[0], &count, E));
    CHECK(count == 2 && wide[0].record.func == TWO && wide[1].record.func == DIRECT && wide[1].later == 0);
    FAILS(MISUSE, "record_size is 23", updraft_module_profile(module, 0, records, 8, 23, &count, E));
    FAILS(MISUSE, "site_size is 71", updraft_module_profile_sites(module, RUN, 0, sites, 4, 71, &count, E));
    FAILS(OUT_OF_BOUNDS, "no function 0", updraft_module_profile_sites(module, 0, 0, sites, 4, sizeof sites[0], &count, E));
    FAILS(OUT_OF_BOUNDS, "no function 5", updraft_module_profile_sites(module, 5, 0, sites, 4, sizeof sites[0], &count, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

static void moving(void) {
    updraft_engine_t *engine = counting(), *other_engine = counting();
    updraft_module_t *module = test_module(engine, text), *again = test_module(other_engine, text);
    updraft_module_t *stranger = test_module(engine, "(module (func))");
    updraft_func_profile_t records[8];
    updraft_func_state_t state;
    updraft_error_t *error = NULL;
    uint8_t bytes[512], small[4] = {1, 2, 3, 4};
    uint64_t offset = 99;
    const uint32_t two = TWO;
    size_t needed = 0, count = 0, written;
    OK(updraft_store_delete(run(engine, module, 10, 1), E));
    OK(updraft_module_wait_tier(module, &two, 1, UPDRAFT_TIER_TOP, UINT64_MAX, E));

    OK(updraft_module_export_profile(module, NULL, 0, &needed, E));
    CHECK(needed > 20 && needed < sizeof bytes);
    OK(updraft_module_export_profile(module, small, sizeof small, &written, E));
    CHECK(written == needed && small[0] == 1 && small[3] == 4);
    OK(updraft_module_export_profile(module, bytes, sizeof bytes, &written, E));
    CHECK_EQ(written, needed);

    /* Twice: profiles add up. */
    OK(updraft_module_import_profile(again, bytes, needed, UPDRAFT_PROFILE_USE_WAIT, E));
    OK(updraft_module_import_profile(again, bytes, needed, UPDRAFT_PROFILE_USE_WAIT, E));
    CHECK(indirect(again).count == 20 && indirect(again).targets[0] == TWO);
    CHECK_EQ(profile_of(again, records, 8), 3);
    CHECK(records[0].func == TWO && records[0].flags == UPDRAFT_PROFILE_TOP && records[0].calls == 20);
    OK(updraft_module_func_states(again, TWO, &state, 1, sizeof state, &count, E));
    CHECK(state.tier == 0 && state.target_tier == 0);

    /* What was hot there is compiled here. */
    OK(updraft_module_import_profile(again, bytes, needed, UPDRAFT_PROFILE_USE_TIER_UP, E));
    OK(updraft_module_wait_idle(again, UINT64_MAX, E));
    OK(updraft_module_func_states(again, TWO, &state, 1, sizeof state, &count, E));
    CHECK_EQ(state.tier, UPDRAFT_TIER_TOP);
    OK(updraft_store_delete(run(other_engine, again, 5, 1), E));
    CHECK_EQ(indirect(again).count, 35);
    /* With the profile, all of it may become code of the top tier, and does the same. */
    OK(updraft_module_wait_tier(again, NULL, 0, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    OK(updraft_store_delete(run(other_engine, again, 7, 1), E));
    OK(updraft_store_delete(run(other_engine, again, 7, 0), E));

    /* Not a profile, not of this module, damaged. */
    FAILS(MISUSE, "use has no value 2", updraft_module_import_profile(again, bytes, needed, 2, E));
    FAILS(INVALID, "invalid profile: it ends too early", updraft_module_import_profile(again, bytes, 0, 0, E));
    FAILS(INVALID, "it is not a profile (at offset 0x0)",
          updraft_module_import_profile(again, (const uint8_t *)text, 64, 0, E));
    FAILS(INVALID, "it is of another module (at offset 0x8)", updraft_module_import_profile(stranger, bytes, needed, 0, E));
    bytes[7]++;
    CHECK_EQ(updraft_module_import_profile(again, bytes, needed, 0, &error), UPDRAFT_STATUS_INVALID);
    CHECK(updraft_error_offset(error, &offset) == 1 && offset == 7);
    updraft_error_delete(error);
    updraft_module_delete(stranger);
    updraft_module_delete(again);
    updraft_module_delete(module);
    updraft_engine_delete(other_engine);
    updraft_engine_delete(engine);
}

/* A file of the test's own. */
static void path_of(char *path, size_t capacity, const char *name) {
    const char *directory = getenv("TMPDIR");
    snprintf(path, capacity, "%s/updraft-profile-%ld-%s", directory == NULL ? "/tmp" : directory, (long)getpid(), name);
}

/* Options with what may fail done. */
static updraft_module_options_t *options(void) {
    updraft_module_options_t *options = NULL;
    OK(updraft_module_options_new(&options, E));
    if (options == NULL) test_stop("updraft_module_options_new");
    return options;
}

static updraft_module_t *made(const updraft_engine_t *engine, const updraft_module_options_t *options, const char *of) {
    updraft_module_t *module = NULL;
    OK(updraft_module_new_with_options(engine, (const uint8_t *)of, strlen(of), options, &module, E));
    if (module == NULL) test_stop("updraft_module_new_with_options");
    return module;
}

static void files(void) {
    updraft_engine_t *engine = counting();
    updraft_module_t *module = test_module(engine, text), *again;
    updraft_module_options_t *with = options();
    updraft_func_state_t states[5];
    const uint32_t two = TWO;
    char path[256], missing[256];
    size_t count = 0, ran = 0;
    path_of(path, sizeof path, "one");
    path_of(missing, sizeof missing, "none/profile");
    OK(updraft_store_delete(run(engine, module, 10, 1), E));
    OK(updraft_module_wait_tier(module, &two, 1, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    OK(updraft_module_export_profile_file(module, TEXT(path), E));
    OK(updraft_module_export_profile_file(module, TEXT(path), E));
    FAILS(SYSTEM, missing, updraft_module_export_profile_file(module, TEXT(missing), E));
    FAILS(MISUSE, "path", updraft_module_export_profile_file(module, path, 0, E));
    FAILS(MISUSE, "path", updraft_module_export_profile_file(module, "a\0b", 3, E));

    /* At creation: what ran is compiled, what was hot by the top tier, the rest is not. */
    OK(updraft_module_options_set_profile_file(with, TEXT(path), E));
    FAILS(SYSTEM, missing, updraft_module_options_set_profile_file(with, TEXT(missing), E));
    FAILS(SYSTEM, "cannot be read", updraft_module_options_set_profile_file(with, TEXT("/dev/null"), E));
    again = made(engine, with, text);
    OK(updraft_module_given_profile(again, &count, E));
    CHECK_EQ(count, 3);
    OK(updraft_engine_run_jobs(engine, SIZE_MAX, UINT64_MAX, &ran, E));
    CHECK_EQ(ran, 4);
    OK(updraft_module_func_states(again, 0, states, 5, sizeof states[0], &count, E));
    CHECK(states[ONE].tier == 0 && states[TWO].tier == UPDRAFT_TIER_TOP);
    CHECK(states[DIRECT].tier == UPDRAFT_TIER_BASELINE && states[RUN].tier == UPDRAFT_TIER_BASELINE);
    CHECK_EQ(indirect(again).count, 10);
    OK(updraft_store_delete(run(engine, again, 4, 1), E));
    OK(updraft_module_import_profile_file(again, TEXT(path), UPDRAFT_PROFILE_USE_WAIT, E));
    CHECK_EQ(indirect(again).count, 24);
    FAILS(SYSTEM, missing, updraft_module_import_profile_file(again, TEXT(missing), UPDRAFT_PROFILE_USE_WAIT, E));
    FAILS(MISUSE, "use", updraft_module_import_profile_file(again, TEXT(path), 2, E));
    updraft_module_delete(again);

    /* Of another module: it is made all the same. */
    again = made(engine, with, "(module (func))");
    FAILS(INVALID, "it is of another module (at offset 0x8)", updraft_module_given_profile(again, &count, E));
    FAILS(INVALID, "it is of another module", updraft_module_import_profile_file(again, TEXT(path), 0, E));
    FAILS(NOT_FOUND, "without a profile", updraft_module_given_profile(module, &count, E));
    updraft_module_delete(again);
    updraft_module_options_delete(with);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    CHECK_EQ(remove(path), 0);
}

/* Profiles of two processes become one, without the module. */
static void merging(void) {
    updraft_engine_t *engine = counting();
    updraft_module_t *one = test_module(engine, text), *two = test_module(engine, text), *stranger, *all;
    uint8_t bytes[3][512], merged[512];
    const uint8_t *profiles[3];
    size_t lens[3], len = 0;
    OK(updraft_store_delete(run(engine, one, 10, 1), E));
    OK(updraft_store_delete(run(engine, two, 5, 0), E));
    stranger = test_module(engine, "(module (func))");
    all = test_module(engine, text);
    OK(updraft_module_export_profile(one, bytes[0], sizeof bytes[0], &lens[0], E));
    OK(updraft_module_export_profile(two, bytes[1], sizeof bytes[1], &lens[1], E));
    OK(updraft_module_export_profile(stranger, bytes[2], sizeof bytes[2], &lens[2], E));
    profiles[0] = bytes[0];
    profiles[1] = bytes[1];
    profiles[2] = bytes[2];
    OK(updraft_profile_merge(profiles, lens, 2, NULL, 0, &len, E));
    CHECK(len > lens[0] && len > lens[1]);
    OK(updraft_profile_merge(profiles, lens, 2, merged, sizeof merged, &len, E));
    OK(updraft_module_import_profile(all, merged, len, UPDRAFT_PROFILE_USE_WAIT, E));
    CHECK(indirect(all).count == 15 && indirect(all).targets[0] == TWO && indirect(all).target_counts[1] == 5);
    FAILS(INVALID, "number 2: it is of another module", updraft_profile_merge(profiles, lens, 3, NULL, 0, &len, E));
    FAILS(MISUSE, "there is none", updraft_profile_merge(profiles, lens, 0, NULL, 0, &len, E));
    updraft_module_delete(all);
    updraft_module_delete(stranger);
    updraft_module_delete(two);
    updraft_module_delete(one);
    updraft_engine_delete(engine);
}

/* As hints, for any engine. */
static void hints(void) {
    updraft_engine_t *engine = counting();
    updraft_module_t *module = test_module(engine, text), *again = NULL;
    updraft_custom_section_t section;
    uint8_t sections[512], bytes[1024];
    size_t sections_len = 0, len = 0, used = 0, ignored = 0;
    OK(updraft_store_delete(run(engine, module, 1000, 1), E));
    OK(updraft_module_export_hints(module, sections, sizeof sections, &sections_len, E));
    OK(updraft_module_export_with_hints(module, NULL, 0, &len, E));
    OK(updraft_module_export_with_hints(module, bytes, sizeof bytes, &len, E));
    CHECK(sections_len > 50 && sections_len < sizeof sections && len > sections_len && len < sizeof bytes);
    OK(updraft_module_new(engine, bytes, len, &again, E));
    section.struct_size = sizeof section;
    OK(updraft_module_custom_section(again, 0, &section, E));
    CHECK(section.name_len == strlen("metadata.code.compilation_priority"));
    OK(updraft_module_hint_counts(again, UPDRAFT_HINT_PRIORITY, &used, &ignored, E));
    CHECK(used == 3 && ignored == 0);
    OK(updraft_module_hint_counts(again, UPDRAFT_HINT_TARGETS, &used, &ignored, E));
    CHECK(used == 1 && ignored == 0);
    OK(updraft_store_delete(run(engine, again, 7, 1), E));
    updraft_module_delete(again);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

int main(void) {
    reading();
    moving();
    files();
    merging();
    hints();
    return test_end();
}
