/* Who compiles in the background: threads of the engine, of the host, nobody; shutdown; lazy batches; shuffled order. */
#include "test.h"

#include <pthread.h>

#define FUNCS 40

/* Functions that call each other in a row; the last one gives 42. */
static char *chain(void) {
    char *text = (char *)malloc(FUNCS * 80 + 100), *end = text;
    int func;
    if (text == NULL) test_stop("malloc");
    end += sprintf(end, "(module (export \"first\" (func 0))");
    for (func = 0; func < FUNCS - 1; func++) end += sprintf(end, "(func (result i32) (call %d))", func + 1);
    sprintf(end, "(func (result i32) (i32.const 42)))");
    return text;
}

static updraft_engine_t *engine_of(updraft_config_t *config) {
    updraft_engine_t *engine = NULL;
    if (updraft_engine_new(config, &engine, E) != UPDRAFT_STATUS_OK) test_stop("updraft_engine_new");
    updraft_config_delete(config);
    return engine;
}

static updraft_config_t *background(void) {
    updraft_config_t *config = test_config();
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_EAGER_BACKGROUND, E));
    return config;
}

static updraft_compile_stats_t stats_of(const updraft_engine_t *engine) {
    updraft_compile_stats_t stats;
    memset(&stats, 0xff, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(updraft_engine_compile_stats(engine, &stats, E));
    return stats;
}

static size_t compiled(const updraft_module_t *module) {
    size_t count = 99;
    OK(updraft_module_compiled_count(module, &count, E));
    return count;
}

static void call(const updraft_engine_t *engine, const updraft_module_t *module) {
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance = 0;
    updraft_val_t result;
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    OK(updraft_func_call(store, test_export(store, instance, "first"), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 42);
    OK(updraft_store_delete(store, E));
}

/* Everything that was added has gone one of three ways. */
static void adds_up(const updraft_compile_stats_t *stats) {
    CHECK_EQ(stats->first_added, stats->first_compiled + stats->first_failed + stats->first_discarded);
    CHECK_EQ(stats->background_added,
             stats->background_compiled + stats->background_failed + stats->background_discarded);
    CHECK(stats->first_queued == 0 && stats->first_in_flight == 0 && stats->background_queued == 0);
}

/* Threads of the engine, in any order, until they are shut down. */
static void threads(uint64_t seed) {
    updraft_config_t *config = background();
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_subscription_t *all = NULL;
    updraft_event_t events[2 * FUNCS];
    updraft_compile_stats_t stats;
    char *text = chain();
    size_t count = 99, i, tiered = 0;
    OK(updraft_config_set_workers(config, 2, E));
    OK(updraft_config_set_schedule_seed(config, seed, E));
    engine = engine_of(config);
    CHECK_EQ(stats_of(engine).threads, 0);
    OK(updraft_subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, 4 * FUNCS, &all, E));
    module = test_module(engine, text);
    OK(updraft_module_wait_idle(module, UINT64_MAX, E));
    CHECK_EQ(compiled(module), FUNCS);
    call(engine, module);
    OK(updraft_engine_shutdown(engine, UINT64_MAX, E));
    stats = stats_of(engine);
    CHECK(stats.threads == 0 && stats.first_added == FUNCS && stats.code_bytes > 0);
    adds_up(&stats);
    OK(updraft_subscription_drain(all, events, 2 * FUNCS, sizeof events[0], &count, E));
    for (i = 0; i < count; i++) {
        if (events[i].kind != UPDRAFT_EVENT_FUNCTION_TIERED) continue;
        tiered++;
        CHECK(events[i].worker == UPDRAFT_NO_WORKER || (events[i].worker >= 1 && events[i].worker <= 4));
    }
    CHECK_EQ(tiered, FUNCS);
    /* Again, which changes nothing. Whoever comes now compiles by himself. */
    OK(updraft_engine_shutdown(engine, 0, E));
    updraft_module_delete(module);
    module = test_module(engine, text);
    call(engine, module);
    CHECK(compiled(module) > 0 && stats_of(engine).threads == 0);
    updraft_module_delete(module);
    updraft_subscription_delete(all);
    updraft_engine_delete(engine);
    free(text);
}

/* From within one of its threads an engine cannot be shut down. */
static void on_event(void *env, const updraft_event_t *event) {
    updraft_engine_t *engine = *(updraft_engine_t **)env;
    if (event->kind == UPDRAFT_EVENT_FUNCTION_TIERED && event->worker != UPDRAFT_NO_WORKER) {
        FAILS(TIMEOUT, "still compiling", updraft_engine_shutdown(engine, UINT64_MAX, E));
    }
}

static void shutdown_from_within(void) {
    updraft_config_t *config = background();
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_subscription_t *subscription = NULL;
    char *text = chain();
    OK(updraft_config_set_workers(config, 1, E));
    engine = engine_of(config);
    OK(updraft_subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, 4 * FUNCS, &subscription, E));
    OK(updraft_subscription_set_callback(subscription, UPDRAFT_EVENT_THREAD_POSTER, on_event, &engine, NULL, E));
    module = test_module(engine, text);
    /* Nobody waits for what the thread does: it ends by itself. */
    OK(updraft_engine_shutdown(engine, UINT64_MAX, E));
    call(engine, module);
    updraft_subscription_delete(subscription);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    free(text);
}

/* A pool of the host's: a thread per task, or a list. */
struct pool {
    pthread_mutex_t lock;
    pthread_t threads[64];
    size_t count;
    updraft_task_t *kept;
    int starts, finalized;
};

static void *run_task(void *data) {
    uint32_t on = 99;
    updraft_task_t *task = (updraft_task_t *)data;
    if (updraft_task_is_background(task, &on, NULL) != UPDRAFT_STATUS_OK || on > 1) return (void *)1;
    return (void *)(uintptr_t)updraft_task_run(task, NULL);
}

static void executor(void *env, updraft_task_t *task) {
    struct pool *pool = (struct pool *)env;
    pthread_mutex_lock(&pool->lock);
    if (pool->starts == 0 && pool->kept == NULL) {
        pool->kept = task;
    } else if (pool->starts == 0) {
        updraft_task_delete(task);
    } else if (pthread_create(&pool->threads[pool->count], NULL, run_task, task) == 0) {
        pool->count++;
    }
    pthread_mutex_unlock(&pool->lock);
}

static void on_end(void *env) {
    ((struct pool *)env)->finalized++;
}

static void join(struct pool *pool) {
    void *outcome = NULL;
    size_t i;
    for (i = 0; i < pool->count; i++) {
        CHECK_EQ(pthread_join(pool->threads[i], &outcome), 0);
        CHECK(outcome == NULL);
    }
    pool->count = 0;
}

static void threads_of_the_host(int starts) {
    updraft_config_t *config = background();
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_compile_stats_t stats;
    struct pool pool;
    char *text = chain();
    size_t ran = 0;
    memset(&pool, 0, sizeof pool);
    pthread_mutex_init(&pool.lock, NULL);
    pool.starts = starts;
    FAILS(MISUSE, "count is 0", updraft_config_set_executor(config, 0, executor, &pool, on_end, E));
    FAILS(MISUSE, "count is 1025", updraft_config_set_executor(config, 1025, executor, &pool, on_end, E));
    FAILS(MISUSE, "count is 1025", updraft_config_set_workers(config, 1025, E));
    CHECK_EQ(pool.finalized, 0);
    OK(updraft_config_set_executor(config, 2, executor, &pool, on_end, E));
    engine = engine_of(config);
    module = test_module(engine, text);
    if (starts) {
        OK(updraft_module_wait_idle(module, UINT64_MAX, E));
    } else {
        /* The host gave one task up and sits on the other one; and may help itself. */
        CHECK(pool.kept != NULL);
        OK(updraft_engine_run_jobs(engine, 3, UINT64_MAX, &ran, E));
        CHECK(ran == 3 && compiled(module) == 3);
        OK(updraft_task_run(pool.kept, E));
    }
    CHECK_EQ(compiled(module), FUNCS);
    call(engine, module);
    join(&pool);
    stats = stats_of(engine);
    CHECK_EQ(stats.threads, 0);
    adds_up(&stats);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    CHECK_EQ(pool.finalized, 1);
    pthread_mutex_destroy(&pool.lock);
    free(text);
}

/* A call has compiled what may be called next. */
static void batches(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_store_t *store;
    updraft_instance_t instance = 0;
    updraft_val_t result;
    char *text = chain();
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_config_set_workers(config, 0, E));
    OK(updraft_config_set_lazy_batch(config, 8, 1 << 20, E));
    OK(updraft_config_set_lazy_batch(config, 0, 0, E));
    OK(updraft_config_set_lazy_batch(config, 8, 1 << 20, E));
    engine = engine_of(config);
    module = test_module(engine, text);
    store = test_store(engine);
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    CHECK_EQ(compiled(module), 0);
    OK(updraft_func_call(store, test_export(store, instance, "first"), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 42);
    CHECK_EQ(compiled(module), FUNCS);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    free(text);
}

/* The task of a wrong type, and of none. */
static void wrong(void) {
    updraft_config_t *config = test_config();
    uint32_t on = 99;
    FAILS(MISUSE, "task is not an object of its type", updraft_task_run((updraft_task_t *)config, E));
    FAILS(MISUSE, "task is not an object of its type", updraft_task_is_background((updraft_task_t *)config, &on, E));
    updraft_task_delete(NULL);
    CHECK_EQ(on, 99);
    OK(updraft_config_set_workers(config, UPDRAFT_WORKERS_AUTO, E));
    updraft_config_delete(config);
}

int main(void) {
    threads(0);
    threads(7);
    shutdown_from_within();
    threads_of_the_host(1);
    threads_of_the_host(0);
    batches();
    wrong();
    return test_end();
}
