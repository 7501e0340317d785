/* Bodies that are validated after their module was made: found by a call, by whoever asks, and in the background. */
#include "test.h"

static const char *const text =
    "(module (func (export \"good\") (result i32) (i32.const 7))"
    " (func (export \"invalid\") (result i32) (i64.const 7))"
    " (func (export \"late\") (result i32) (i32.const 9)))";

static const char *const valid = "(module (func (export \"f\") (result v128) (v128.const i32x4 1 2 3 4)))";

static updraft_engine_t *engine_with(updraft_validation_t validation, uint32_t workers) {
    updraft_engine_t *engine = NULL;
    updraft_config_t *config = test_config();
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_config_set_validation(config, validation, E));
    OK(updraft_config_set_workers(config, workers, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    return engine;
}

/* The module has failed: nobody can instantiate it, and whoever asks hears why. */
static void has_failed(updraft_store_t *store, const updraft_module_t *module, uint64_t offset) {
    updraft_instance_t instance = 0;
    uint64_t found = 0;
    CHECK_EQ(updraft_module_validate_rest(module, E), UPDRAFT_STATUS_INVALID);
    CHECK_EQ(updraft_error_offset(test_error, &found), 1);
    CHECK_EQ(found, offset);
    test_forget_error();
    FAILS(INVALID, "type mismatch", updraft_instance_new(store, module, NULL, 0, &instance, E));
}

static void found_by_a_call(uint64_t offset) {
    updraft_engine_t *engine = engine_with(UPDRAFT_VALIDATION_DEFERRED, 0);
    updraft_store_t *store = test_store(engine);
    updraft_module_t *module = test_module(engine, text);
    updraft_instance_t instance = 0;
    updraft_val_t result;
    uint64_t found = 0;
    uint32_t func = 99;
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    OK(updraft_func_call(store, test_export(store, instance, "good"), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 7);
    CHECK_EQ(updraft_func_call(store, test_export(store, instance, "invalid"), NULL, 0, &result, 1, E), UPDRAFT_STATUS_TRAP);
    CHECK_EQ(updraft_error_trap_code(test_error), UPDRAFT_TRAP_INVALID_MODULE);
    CHECK(strstr(updraft_error_message(test_error, NULL), "function 1: invalid module: type mismatch") != NULL);
    CHECK_EQ(updraft_error_func_index(test_error, &func), 1);
    CHECK_EQ(func, 1);
    CHECK_EQ(updraft_error_offset(test_error, &found), 1);
    CHECK_EQ(found, offset);
    test_forget_error();
    /* What was valid goes on, what nobody had looked at does not. */
    OK(updraft_func_call(store, test_export(store, instance, "good"), NULL, 0, &result, 1, E));
    TRAPS(INVALID_MODULE, updraft_func_call(store, test_export(store, instance, "late"), NULL, 0, &result, 1, E));
    has_failed(store, module, offset);
    updraft_module_delete(module);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
}

static void found_in_the_background(uint64_t offset) {
    updraft_engine_t *engine = engine_with(UPDRAFT_VALIDATION_BACKGROUND, 1);
    updraft_store_t *store = test_store(engine);
    updraft_subscription_t *subscription = NULL;
    updraft_module_t *module;
    updraft_event_t event;
    uint64_t module_id = 0;
    size_t count = 0;
    OK(updraft_subscription_new(engine, 0, 1u << UPDRAFT_EVENT_FAILED, 16, &subscription, E));
    module = test_module(engine, text);
    OK(updraft_subscription_wait(subscription, UINT64_MAX, E));
    OK(updraft_subscription_drain(subscription, &event, 1, sizeof event, &count, E));
    CHECK_EQ(count, 1);
    CHECK_EQ(event.kind, UPDRAFT_EVENT_FAILED);
    CHECK_EQ(event.func, 1);
    CHECK_EQ(event.status, UPDRAFT_STATUS_INVALID);
    OK(updraft_module_id(module, &module_id, E));
    CHECK_EQ(event.module_id, module_id);
    has_failed(store, module, offset);
    updraft_subscription_delete(subscription);
    updraft_module_delete(module);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
}

static uint64_t features_of(const updraft_module_t *module) {
    uint64_t features = 0;
    OK(updraft_module_features(module, &features, E));
    return features;
}

/* A module with options of its own, in an engine that validates at once; its features become known with its bodies. */
static void by_option(void) {
    updraft_engine_t *engine = engine_with(UPDRAFT_VALIDATION_UPFRONT, 0);
    updraft_module_options_t *options = NULL;
    updraft_module_t *module = NULL;
    OK(updraft_module_options_new(&options, E));
    FAILS(MISUSE, "validation has no value 3", updraft_module_options_set_validation(options, 3, E));
    OK(updraft_module_options_set_validation(options, UPDRAFT_VALIDATION_DEFERRED, E));
    OK(updraft_module_new_with_options(engine, (const uint8_t *)text, strlen(text), options, &module, E));
    updraft_module_delete(module);
    OK(updraft_module_new_with_options(engine, (const uint8_t *)valid, strlen(valid), options, &module, E));
    OK(updraft_module_validate_rest(module, E));
    OK(updraft_module_validate_rest(module, E));
    CHECK(features_of(module) >> UPDRAFT_FEATURE_SIMD & 1);
    updraft_module_delete(module);
    updraft_module_options_delete(options);
    updraft_engine_delete(engine);
}

int main(void) {
    updraft_engine_t *engine = engine_with(UPDRAFT_VALIDATION_UPFRONT, 0);
    updraft_config_t *config = test_config();
    updraft_module_t *module = NULL;
    uint64_t offset = 0;
    CHECK_EQ(updraft_module_new(engine, (const uint8_t *)text, strlen(text), &module, E), UPDRAFT_STATUS_INVALID);
    CHECK_EQ(updraft_error_offset(test_error, &offset), 1);
    test_forget_error();
    module = test_module(engine, valid);
    OK(updraft_module_validate_rest(module, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    FAILS(MISUSE, "validation has no value 3", updraft_config_set_validation(config, 3, E));
    updraft_config_delete(config);
    found_by_a_call(offset);
    found_in_the_background(offset);
    by_option();
    return test_end();
}
