/* Artifacts: modules with their machine code as bytes and in files, in this engine and in others, as the host sees them. */
#include "test.h"

static const char *const text =
    "(module (func $twice (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))"
    " (func (export \"run\") (param i32) (result i32) (call $twice (call $twice (local.get 0))))"
    " (func (export \"divide\") (param i32) (result i32) (i32.div_u (i32.const 100) (local.get 0))))";

/* Functions are compiled when they are called, and nobody moves them up. */
static updraft_engine_t *lazy(uint32_t fuel) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    OK(updraft_config_set_tiers(config, UPDRAFT_TIERS_BOTH, E));
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_config_set_workers(config, 0, E));
    OK(updraft_config_set_fuel(config, fuel, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    return engine;
}

static void call(const updraft_engine_t *engine, const updraft_module_t *module) {
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance;
    updraft_val_t arg = {UPDRAFT_VAL_I32, 0, {0}}, result;
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    arg.of.i32 = 5;
    OK(updraft_func_call(store, test_export(store, instance, "run"), &arg, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 20);
    arg.of.i32 = 0;
    TRAPS(INTEGER_DIVIDE_BY_ZERO, updraft_func_call(store, test_export(store, instance, "divide"), &arg, 1, &result, 1, E));
    OK(updraft_store_delete(store, E));
}

static updraft_artifact_status_t status_of(const updraft_module_t *module) {
    updraft_artifact_status_t status;
    memset(&status, 0xff, sizeof status);
    status.struct_size = sizeof status;
    OK(updraft_module_artifact_status(module, &status, E));
    CHECK_EQ(status.reserved, 0);
    return status;
}

/* A module all of whose functions are in the optimising tier. */
static updraft_module_t *hot(const updraft_engine_t *engine) {
    static const uint32_t all[] = {0, 1, 2};
    updraft_module_t *module = test_module(engine, text);
    OK(updraft_module_wait_tier(module, all, 3, UPDRAFT_TIER_TOP, UINT64_MAX, E));
    CHECK_EQ(status_of(module).verdict, UPDRAFT_ARTIFACT_NONE);
    return module;
}

static updraft_artifact_t *serialized(const updraft_module_t *module, const uint8_t **bytes, size_t *len) {
    updraft_artifact_t *artifact = NULL, *clone = NULL;
    OK(updraft_module_serialize(module, &artifact, E));
    OK(updraft_artifact_clone(artifact, &clone, E));
    CHECK(clone == artifact);
    updraft_artifact_delete(clone);
    OK(updraft_artifact_bytes(artifact, bytes, len, E));
    CHECK(*len > 100);
    return artifact;
}

/* In another engine functions run in the optimising tier from their first call on, and events tell where they came from. */
static void loaded(void) {
    updraft_engine_t *engine = lazy(0), *second = lazy(0);
    updraft_module_t *module = hot(engine), *back = NULL;
    updraft_subscription_t *events = NULL;
    updraft_event_t seen[16];
    updraft_artifact_status_t status;
    const uint8_t *bytes;
    size_t len, count = 0, i, tiered = 0;
    int released = 0;
    updraft_artifact_t *artifact = serialized(module, &bytes, &len);
    OK(updraft_subscription_new(second, 0, UPDRAFT_EVENT_MASK_ALL, 16, &events, E));
    OK(updraft_module_deserialize(second, bytes, len, test_finalizer, &released, NULL, &back, E));
    CHECK_EQ(status_of(back).verdict, UPDRAFT_ARTIFACT_ACCEPTED);
    CHECK_EQ(status_of(back).loaded, 0);
    call(second, back);
    status = status_of(back);
    CHECK(status.loaded >= 2 && status.damaged == 0 && status.code_bytes > 0 && status.code_bytes < len);
    OK(updraft_subscription_drain(events, seen, 16, sizeof *seen, &count, E));
    for (i = 0; i < count; i++) {
        if (seen[i].kind != UPDRAFT_EVENT_FUNCTION_TIERED) continue;
        tiered++;
        CHECK_EQ(seen[i].origin, UPDRAFT_ORIGIN_LOADED);
        CHECK_EQ(seen[i].from_tier, 0);
        CHECK_EQ(seen[i].to_tier, UPDRAFT_TIER_TOP);
    }
    CHECK_EQ(tiered, status.loaded);
    CHECK_EQ(released, 0);
    updraft_subscription_delete(events);
    updraft_module_delete(back);
    CHECK_EQ(released, 1);
    updraft_artifact_delete(artifact);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    updraft_engine_delete(second);
}

/* Elsewhere, or after a change, the wasm alone is used; what is no artifact is an error. */
static void rejected(void) {
    updraft_engine_t *engine = lazy(0), *other = lazy(1);
    updraft_module_t *module = hot(engine), *back = NULL;
    updraft_config_t *config = test_config();
    const uint8_t *bytes;
    size_t len;
    int released = 0;
    updraft_artifact_t *artifact = serialized(module, &bytes, &len);
    uint8_t *copy = (uint8_t *)malloc(len);
    if (copy == NULL) test_stop("malloc");
    memcpy(copy, bytes, len);
    OK(updraft_module_deserialize(other, bytes, len, NULL, NULL, NULL, &back, E));
    CHECK_EQ(status_of(back).verdict, UPDRAFT_ARTIFACT_SETTINGS);
    updraft_module_delete(back);

    /* The last byte is one of code. */
    copy[len - 1] ^= 1;
    OK(updraft_module_deserialize(engine, copy, len, NULL, NULL, NULL, &back, E));
    CHECK_EQ(status_of(back).verdict, UPDRAFT_ARTIFACT_ACCEPTED);
    call(engine, back);
    CHECK_EQ(status_of(back).damaged, 1);
    updraft_module_delete(back);
    copy[len - 1] ^= 1;

    back = NULL;
    FAILS(INVALID, "lengths", updraft_module_deserialize(engine, copy, len - 1, test_finalizer, &released, NULL, &back, E));
    CHECK(back == NULL && released == 1);
    FAILS(INVALID, "begin", updraft_module_deserialize(engine, copy + 1, len - 1, NULL, NULL, NULL, &back, E));
    copy[8] = 77;
    OK(updraft_module_deserialize(engine, copy, len, NULL, NULL, NULL, &back, E));
    CHECK_EQ(status_of(back).verdict, UPDRAFT_ARTIFACT_VERSION);
    call(engine, back);
    updraft_module_delete(back);
    free(copy);
    updraft_artifact_delete(artifact);

    /* An engine may keep nothing. */
    OK(updraft_config_set_artifacts(config, 0, E));
    FAILS(MISUSE, "on is 2", updraft_config_set_artifacts(config, 2, E));
    updraft_config_delete(config);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    updraft_engine_delete(other);
}

/* Several modules in one artifact, and one in a file. */
static void kept(void) {
    updraft_engine_t *engine = lazy(0);
    updraft_module_t *modules[3], *back[3] = {NULL, NULL, NULL};
    updraft_artifact_t *artifact = NULL;
    const uint8_t *bytes;
    char path[] = "/tmp/updraft-artifact-XXXXXX";
    int descriptor = mkstemp(path);
    size_t len, count = 0, i;
    FILE *file;
    modules[0] = hot(engine);
    modules[1] = test_module(engine, "(module)");
    modules[2] = modules[0];
    OK(updraft_artifact_new((const updraft_module_t *const *)modules, 3, &artifact, E));
    OK(updraft_artifact_bytes(artifact, &bytes, &len, E));
    OK(updraft_artifact_open(engine, bytes, len, NULL, back, 2, &count, E));
    CHECK(count == 3 && back[0] == NULL);
    OK(updraft_artifact_open(engine, bytes, len, NULL, back, 3, &count, E));
    for (i = 0; i < 3; i++) {
        CHECK_EQ(status_of(back[i]).verdict, UPDRAFT_ARTIFACT_ACCEPTED);
        if (i != 1) call(engine, back[i]);
        CHECK_EQ(status_of(back[i]).loaded >= 2, i != 1);
        updraft_module_delete(back[i]);
    }
    back[0] = NULL;
    FAILS(INVALID, "several", updraft_module_deserialize(engine, bytes, len, NULL, NULL, NULL, &back[0], E));
    FAILS(MISUSE, "none", updraft_artifact_new(NULL, 0, &artifact, E));
    updraft_artifact_delete(artifact);

    artifact = serialized(modules[0], &bytes, &len);
    file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
    if (file == NULL) test_stop("a temporary file");
    CHECK_EQ(fwrite(bytes, 1, len, file), len);
    fclose(file);
    OK(updraft_module_deserialize_file(engine, TEXT(path), NULL, &back[0], E));
    remove(path);
    call(engine, back[0]);
    CHECK(status_of(back[0]).loaded >= 2);
    updraft_module_delete(back[0]);
    FAILS(SYSTEM, "artifact file", updraft_module_deserialize_file(engine, TEXT(path), NULL, &back[0], E));
    FAILS(SYSTEM, "artifact file", updraft_module_deserialize_file(engine, TEXT("/tmp"), NULL, &back[0], E));
    updraft_artifact_delete(artifact);
    updraft_module_delete(modules[0]);
    updraft_module_delete(modules[1]);
    updraft_engine_delete(engine);
}

/* Functions move up by themselves, on the thread that calls them, after a fixed amount of work. */
static updraft_engine_t *tiering(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    OK(updraft_config_set_tiers(config, UPDRAFT_TIERS_BOTH, E));
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_config_set_workers(config, 0, E));
    OK(updraft_config_set_osr(config, 0, E));
    OK(updraft_config_set_tiering(config, UPDRAFT_TIERING_CUSTOM, 20000, E));
    OK(updraft_config_set_synchronous_tiering(config, 1, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    return engine;
}

/* How often "run" is called, at most `most` times, until it is in the optimising tier. */
static uint32_t calls_until_top(const updraft_engine_t *engine, const updraft_module_t *module, uint32_t most) {
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance;
    updraft_func_state_t state;
    updraft_val_t arg = {UPDRAFT_VAL_I32, 0, {0}}, result;
    uint32_t calls = 0;
    size_t count = 0;
    arg.of.i32 = 5;
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    do {
        OK(updraft_module_func_states(module, 1, &state, 1, sizeof state, &count, E));
        if (state.tier == UPDRAFT_TIER_TOP || calls == most) break;
        OK(updraft_func_call(store, test_export(store, instance, "run"), &arg, 1, &result, 1, E));
        calls++;
    } while (1);
    OK(updraft_store_delete(store, E));
    return calls;
}

/* Work that a function did before the module was kept counts afterwards, also if it was kept twice in between. */
static void budgets(void) {
    updraft_engine_t *engine = tiering();
    updraft_module_t *module = test_module(engine, text), *back = NULL;
    uint32_t all = calls_until_top(engine, module, UINT32_MAX), most, rest;
    int keeps, i;
    CHECK(all > 100 && all < 100000);
    updraft_module_delete(module);
    for (keeps = 1; keeps <= 2; keeps++) {
        module = test_module(engine, text);
        most = all / 10 * 9;
        CHECK_EQ(calls_until_top(engine, module, most), most);
        for (i = 0; i < keeps; i++) {
            updraft_engine_t *next = tiering();
            const uint8_t *bytes;
            size_t len;
            updraft_artifact_t *artifact = serialized(module, &bytes, &len);
            OK(updraft_module_deserialize(next, bytes, len, NULL, NULL, NULL, &back, E));
            CHECK_EQ(status_of(back).verdict, UPDRAFT_ARTIFACT_ACCEPTED);
            updraft_artifact_delete(artifact);
            updraft_module_delete(module);
            updraft_engine_delete(engine);
            module = back;
            engine = next;
        }
        rest = calls_until_top(engine, module, UINT32_MAX);
        /* The first call of a module asks for its budget, and is not counted. */
        CHECK(rest + most >= all && rest + most <= all + 2 + (uint32_t)keeps);
        updraft_module_delete(module);
    }
    updraft_engine_delete(engine);
}

int main(void) {
    loaded();
    rejected();
    kept();
    budgets();
    return test_end();
}
