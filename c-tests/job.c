/* Jobs: modules made in the background from bytes of the library or of the host; options of one module; giving up. */
#include "test.h"

#include <pthread.h>

/* More functions than the maker of a module compiles without asking anybody. */
#define FUNCS 7
static const char *const seven =
    "(module (import \"\" \"h\" (func)) (func (export \"a\") (result i32) (i32.const 1))"
    " (func (export \"b\") (result i32) (i32.const 2)) (func (export \"c\") (result i32) (i32.const 3))"
    " (func) (func) (func) (func))";

/* An engine whose host compiles (0), or with so many threads. */
static updraft_engine_t *engine_with(uint32_t workers) {
    updraft_engine_t *engine = NULL;
    updraft_config_t *config = test_config();
    OK(updraft_config_set_workers(config, workers, E));
    /* The baseline tier has done these modules before somebody looks. */
    OK(updraft_config_set_tiers(config, UPDRAFT_TIERS_TOP, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    return engine;
}

static updraft_job_t *start(const updraft_engine_t *engine, const char *text, updraft_finalizer_t release, void *env,
                            const updraft_module_options_t *options) {
    updraft_job_t *job = NULL;
    if (updraft_module_new_async(engine, (const uint8_t *)text, strlen(text), release, env, options, &job, E) !=
        UPDRAFT_STATUS_OK) {
        test_stop("updraft_module_new_async");
    }
    return job;
}

static updraft_job_state_t state_of(const updraft_job_t *job) {
    updraft_job_state_t state = 99;
    OK(updraft_job_state(job, &state, E));
    return state;
}

static size_t compiled(const updraft_module_t *module) {
    size_t count = 99;
    OK(updraft_module_compiled_count(module, &count, E));
    return count;
}

/* How many events of a kind a module has had. */
static size_t count_events(updraft_subscription_t *subscription, updraft_event_kind_t kind, uint64_t module_id) {
    updraft_event_t events[64];
    size_t count = 0, i, found = 0;
    OK(updraft_subscription_drain(subscription, events, 64, sizeof events[0], &count, E));
    for (i = 0; i < count; i++) found += events[i].kind == kind && events[i].module_id == module_id;
    return found;
}

static void run_it(const updraft_engine_t *engine, const updraft_module_t *module) {
    updraft_store_t *store = test_store(engine);
    updraft_linker_t *linker = NULL;
    updraft_instance_t instance = 0;
    updraft_val_t result;
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_unknown_imports_as_traps(linker, module, E));
    OK(updraft_linker_instantiate(linker, store, module, &instance, E));
    OK(updraft_func_call(store, test_export(store, instance, "b"), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 2);
    updraft_linker_delete(linker);
    OK(updraft_store_delete(store, E));
}

/* Made by workers, or by whoever waits; the text is gone meanwhile. */
static void copied(uint32_t workers) {
    updraft_engine_t *engine = engine_with(workers);
    updraft_module_t *module = NULL, *again = NULL;
    updraft_job_t *job, *copy = NULL;
    uint64_t id = 0, module_id = 0;
    char *text = (char *)malloc(strlen(seven) + 1);
    strcpy(text, seven);
    job = start(engine, text, NULL, NULL, NULL);
    memset(text, 'x', strlen(text));
    free(text);
    OK(updraft_job_clone(job, &copy, E));
    CHECK(copy == job);
    updraft_job_delete(copy);
    OK(updraft_job_wait(job, UINT64_MAX, E));
    CHECK_EQ(state_of(job), UPDRAFT_JOB_DONE);
    OK(updraft_job_wait(job, 0, E));
    OK(updraft_job_module(job, &module, E));
    OK(updraft_job_module(job, &again, E));
    OK(updraft_job_module_id(job, &id, E));
    OK(updraft_module_id(again, &module_id, E));
    CHECK(id > 0 && id == module_id);
    updraft_module_delete(again);
    /* Too late to be given up. */
    OK(updraft_job_cancel(job, E));
    CHECK_EQ(state_of(job), UPDRAFT_JOB_DONE);
    updraft_job_delete(job);
    CHECK_EQ(compiled(module), FUNCS);
    run_it(engine, module);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

/* Without workers nothing happens by itself. */
static void driven_by_the_host(void) {
    updraft_engine_t *engine = engine_with(0);
    updraft_subscription_t *all = NULL;
    updraft_module_t *module = NULL;
    updraft_job_t *job;
    uint64_t id = 0;
    size_t ran = 99;
    int released = 0;
    OK(updraft_subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, 64, &all, E));
    job = start(engine, seven, test_finalizer, &released, NULL);
    OK(updraft_job_module_id(job, &id, E));
    CHECK_EQ(state_of(job), UPDRAFT_JOB_RUNNING);
    CHECK_EQ(released, 0);
    FAILS(BUSY, "still being made", updraft_job_module(job, &module, E));
    CHECK(module == NULL);
    /* First the step that decodes, then functions. */
    OK(updraft_engine_run_jobs(engine, 1, UINT64_MAX, &ran, E));
    CHECK(ran == 1 && released == 1);
    CHECK_EQ(state_of(job), UPDRAFT_JOB_RUNNING);
    CHECK_EQ(count_events(all, UPDRAFT_EVENT_BASELINE_FINISHED, id), 0);
    OK(updraft_engine_run_jobs(engine, 0, UINT64_MAX, &ran, E));
    CHECK_EQ(ran, 0);
    OK(updraft_engine_run_jobs(engine, 99, 0, &ran, E));
    CHECK_EQ(ran, 0);
    OK(updraft_engine_run_jobs(engine, 99, UINT64_MAX, &ran, E));
    CHECK_EQ(ran, FUNCS);
    CHECK_EQ(state_of(job), UPDRAFT_JOB_DONE);
    CHECK_EQ(count_events(all, UPDRAFT_EVENT_BASELINE_FINISHED, id), 1);
    OK(updraft_job_module(job, &module, E));
    updraft_job_delete(job);
    run_it(engine, module);
    updraft_module_delete(module);
    CHECK_EQ(count_events(all, UPDRAFT_EVENT_CLOSED, id), 1);
    CHECK_EQ(released, 1);
    updraft_subscription_delete(all);
    updraft_engine_delete(engine);
}

/* Bytes of the binary format stay with the host as long as the module lives. */
static void held(uint32_t workers) {
    static const uint8_t empty[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    updraft_engine_t *engine = engine_with(workers);
    updraft_module_t *module = NULL;
    updraft_job_t *job = NULL;
    int released = 0;
    OK(updraft_module_new_async(engine, empty, sizeof empty, test_finalizer, &released, NULL, &job, E));
    OK(updraft_job_wait(job, UINT64_MAX, E));
    OK(updraft_job_module(job, &module, E));
    updraft_job_delete(job);
    OK(updraft_engine_shutdown(engine, UINT64_MAX, E));
    CHECK_EQ(released, 0);
    updraft_module_delete(module);
    CHECK_EQ(released, 1);
    updraft_engine_delete(engine);
}

/* No time at all, and then all that it takes. */
static void timeouts(void) {
    updraft_engine_t *engine = engine_with(0);
    updraft_job_t *job = start(engine, seven, NULL, NULL, NULL);
    FAILS(TIMEOUT, "did not end in time", updraft_job_wait(job, 0, E));
    CHECK_EQ(state_of(job), UPDRAFT_JOB_RUNNING);
    OK(updraft_job_wait(job, UINT64_MAX, E));
    updraft_job_delete(job);
    updraft_engine_delete(engine);
}

/* What is wrong with a module, each one who asks is told, and the bytes are given back. */
static void failing(uint32_t workers) {
    static const uint8_t bad[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1};
    updraft_engine_t *engine = engine_with(workers);
    updraft_subscription_t *all = NULL;
    updraft_module_t *module = NULL;
    updraft_job_t *job = NULL;
    uint64_t id = 0, offset = 0;
    int released = 0;
    OK(updraft_subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, 64, &all, E));
    OK(updraft_module_new_async(engine, bad, sizeof bad, test_finalizer, &released, NULL, &job, E));
    CHECK_EQ(updraft_job_wait(job, UINT64_MAX, E), UPDRAFT_STATUS_INVALID);
    CHECK_EQ(updraft_error_offset(test_error, &offset), 1);
    CHECK(offset >= 8);
    test_forget_error();
    CHECK_EQ(state_of(job), UPDRAFT_JOB_FAILED);
    FAILS(INVALID, "", updraft_job_module(job, &module, E));
    OK(updraft_job_cancel(job, E));
    FAILS(INVALID, "", updraft_job_wait(job, 0, E));
    OK(updraft_job_module_id(job, &id, E));
    CHECK_EQ(count_events(all, UPDRAFT_EVENT_FAILED, id), 1);
    updraft_job_delete(job);
    /* Workers may have been about to give them back. */
    OK(updraft_engine_shutdown(engine, UINT64_MAX, E));
    CHECK_EQ(released, 1);
    CHECK_EQ(count_events(all, UPDRAFT_EVENT_CLOSED, id), 0);
    CHECK(module == NULL);
    updraft_subscription_delete(all);
    updraft_engine_delete(engine);
}

static void *waits_for(void *data) {
    return (void *)(uintptr_t)updraft_job_wait((updraft_job_t *)data, UINT64_MAX, NULL);
}

static void given_up(void) {
    updraft_engine_t *engine = engine_with(0);
    updraft_subscription_t *all = NULL;
    updraft_module_t *module = NULL;
    updraft_job_t *job;
    uint64_t id = 0;
    int released = 0;
    pthread_t thread;
    void *outcome = NULL;
    OK(updraft_subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, 64, &all, E));
    /* Before anything happened. */
    job = start(engine, seven, test_finalizer, &released, NULL);
    OK(updraft_job_module_id(job, &id, E));
    OK(updraft_job_cancel(job, E));
    CHECK_EQ(released, 1);
    CHECK_EQ(state_of(job), UPDRAFT_JOB_FAILED);
    FAILS(CANCELLED, "cancelled", updraft_job_wait(job, UINT64_MAX, E));
    FAILS(CANCELLED, "cancelled", updraft_job_module(job, &module, E));
    OK(updraft_job_cancel(job, E));
    CHECK_EQ(count_events(all, UPDRAFT_EVENT_CANCELLED, id), 1);
    updraft_job_delete(job);

    /* Between two functions. */
    job = start(engine, seven, test_finalizer, &released, NULL);
    OK(updraft_job_module_id(job, &id, E));
    OK(updraft_engine_run_jobs(engine, 2, UINT64_MAX, NULL, E));
    OK(updraft_job_cancel(job, E));
    FAILS(CANCELLED, "cancelled", updraft_job_wait(job, UINT64_MAX, E));
    CHECK_EQ(count_events(all, UPDRAFT_EVENT_CANCELLED, id), 1);
    updraft_job_delete(job);

    /* By the last reference. */
    job = start(engine, seven, test_finalizer, &released, NULL);
    updraft_job_delete(job);
    CHECK_EQ(released, 3);

    /* All of an engine at once; what is made later is made. */
    job = start(engine, seven, NULL, NULL, NULL);
    OK(updraft_engine_cancel(engine, E));
    FAILS(CANCELLED, "cancelled", updraft_job_wait(job, UINT64_MAX, E));
    updraft_job_delete(job);
    job = start(engine, seven, NULL, NULL, NULL);
    /* Somebody waits, for the module or for the end, whichever comes first. */
    CHECK_EQ(pthread_create(&thread, NULL, waits_for, job), 0);
    OK(updraft_job_cancel(job, E));
    CHECK_EQ(pthread_join(thread, &outcome), 0);
    CHECK((uintptr_t)outcome == UPDRAFT_STATUS_CANCELLED || (uintptr_t)outcome == UPDRAFT_STATUS_OK);
    updraft_job_delete(job);
    CHECK(module == NULL);
    updraft_subscription_delete(all);
    updraft_engine_delete(engine);
}

/* One module is not like the others, and one function of it not like its others. */
static void options(void) {
    static const uint32_t lazy[] = {2}, unknown[] = {8}, imported[] = {0};
    updraft_engine_t *engine = test_engine();
    updraft_module_options_t *options = NULL, *copy = NULL;
    updraft_module_t *module = NULL;
    updraft_job_t *job = NULL;
    const uint8_t *bytes = (const uint8_t *)seven;
    OK(updraft_module_options_new(&options, E));
    OK(updraft_module_options_clone(options, &copy, E));
    CHECK(copy == options);
    updraft_module_options_delete(copy);
    OK(updraft_module_new_with_options(engine, bytes, strlen(seven), options, &module, E));
    CHECK_EQ(compiled(module), FUNCS);
    updraft_module_delete(module);

    FAILS(MISUSE, "strategy has no value 4", updraft_module_options_set_strategy(options, 4, E));
    FAILS(MISUSE, "strategy has no value 4", updraft_module_options_set_func_strategy(options, lazy, 1, 4, E));
    OK(updraft_module_options_set_func_strategy(options, lazy, 1, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_module_options_set_func_strategy(options, NULL, 0, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_module_new_with_options(engine, bytes, strlen(seven), options, &module, E));
    CHECK_EQ(compiled(module), FUNCS - 1);
    run_it(engine, module);
    CHECK_EQ(compiled(module), FUNCS);
    updraft_module_delete(module);

    OK(updraft_module_options_set_strategy(options, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_module_options_set_func_strategy(options, lazy, 1, UPDRAFT_STRATEGY_EAGER, E));
    job = start(engine, seven, NULL, NULL, options);
    OK(updraft_job_wait(job, UINT64_MAX, E));
    OK(updraft_job_module(job, &module, E));
    OK(updraft_module_wait_ready(module, UINT64_MAX, E));
    CHECK_EQ(compiled(module), 1);
    updraft_job_delete(job);
    updraft_module_delete(module);

    module = NULL;
    OK(updraft_module_options_set_func_strategy(options, imported, 1, UPDRAFT_STRATEGY_LAZY, E));
    FAILS(MISUSE, "defines no function 0",
          updraft_module_new_with_options(engine, bytes, strlen(seven), options, &module, E));
    updraft_module_options_delete(options);
    OK(updraft_module_options_new(&options, E));
    OK(updraft_module_options_set_func_strategy(options, unknown, 1, UPDRAFT_STRATEGY_LAZY, E));
    job = start(engine, seven, NULL, NULL, options);
    FAILS(MISUSE, "defines no function 8", updraft_job_wait(job, UINT64_MAX, E));
    CHECK(module == NULL);
    updraft_job_delete(job);
    updraft_module_options_delete(options);
    updraft_module_options_delete(NULL);
    updraft_engine_delete(engine);
}

int main(void) {
    copied(0);
    copied(2);
    driven_by_the_host();
    held(0);
    held(2);
    timeouts();
    failing(0);
    failing(2);
    given_up();
    options();
    return test_end();
}
