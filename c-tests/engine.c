/* Engines: references, statistics, what keeps them alive, wrong and deleted pointers. */
#include "test.h"

#include <pthread.h>

static updraft_engine_stats_t stats_of(const updraft_engine_t *engine) {
    updraft_engine_stats_t stats;
    memset(&stats, 0xff, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(updraft_engine_stats(engine, &stats, E));
    CHECK_EQ(stats.struct_size, sizeof stats);
    return stats;
}

static void statistics(void) {
    updraft_engine_t *engine = test_engine(), *same = NULL;
    updraft_engine_stats_t stats = stats_of(engine);
    updraft_store_t *store, *other;
    updraft_module_t *module, *copy = NULL;
    updraft_linker_t *linker = NULL;
    CHECK(stats.modules == 0 && stats.stores == 0 && stats.linkers == 0);
    store = test_store(engine);
    other = test_store(engine);
    module = test_module(engine, "(module)");
    OK(updraft_module_clone(module, &copy, E));
    OK(updraft_linker_new(engine, &linker, E));
    stats = stats_of(engine);
    CHECK(stats.modules == 1 && stats.stores == 2 && stats.linkers == 1);
    /* An engine that a store gives counts in the same statistics. */
    OK(updraft_store_engine(store, &same, E));
    stats = stats_of(same);
    CHECK_EQ(stats.stores, 2);
    updraft_engine_delete(same);
    OK(updraft_store_delete(other, E));
    updraft_module_delete(module);
    stats = stats_of(engine);
    CHECK(stats.modules == 1 && stats.stores == 1);
    updraft_module_delete(copy);
    updraft_linker_delete(linker);
    OK(updraft_store_delete(store, E));
    stats = stats_of(engine);
    CHECK(stats.modules == 0 && stats.stores == 0 && stats.linkers == 0);
    stats.struct_size = 8;
    FAILS(MISUSE, "struct_size of stats", updraft_engine_stats(engine, &stats, E));
    updraft_engine_delete(engine);
}

/* Everything outlives the engine pointer that it was made from. */
static void deleted_first(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    updraft_module_t *module = test_module(engine, "(module (func (export \"f\") (result i32) (i32.const 42)))");
    updraft_instance_t instance = 0;
    updraft_val_t result;
    updraft_engine_delete(engine);
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    updraft_module_delete(module);
    OK(updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 42);
    OK(updraft_store_delete(store, E));
}

static void references(void) {
    updraft_engine_t *engine = NULL, *copy = NULL;
    updraft_config_t *config = test_config();
    uint32_t mode = 99;
    OK(updraft_engine_new(NULL, &engine, E));
    OK(updraft_engine_clone(engine, &copy, E));
    CHECK(copy == engine);
    updraft_engine_delete(engine);
    OK(updraft_engine_memory_mode(copy, &mode, E));
    CHECK(mode == UPDRAFT_MEMORY_MODE_GUARDED || mode == UPDRAFT_MEMORY_MODE_EXPLICIT);
    mode = 99;
    FAILS(MISUSE, "engine is not an object of its type", updraft_engine_memory_mode((updraft_engine_t *)config, &mode, E));
    FAILS(MISUSE, "engine is not an object of its type",
          updraft_engine_memory_mode((updraft_engine_t *)((char *)copy + 1), &mode, E));
    FAILS(MISUSE, "config is not an object of its type", updraft_engine_new((updraft_config_t *)copy, &engine, E));
    CHECK_EQ(mode, 99);
    updraft_engine_delete(copy);
    updraft_config_delete(config);
    updraft_engine_delete(NULL);
}

/* Without a place for it, an error is dropped: only the status tells. */
static void no_error_wanted(void) {
    CHECK_EQ(updraft_engine_memory_mode(NULL, NULL, NULL), UPDRAFT_STATUS_MISUSE);
    CHECK_EQ(updraft_store_delete(NULL, NULL), UPDRAFT_STATUS_OK);
}

typedef struct {
    updraft_engine_t *engine;
    int failures;
} work;

/* Modules and stores of one engine on many threads at once. */
static void *use_engine(void *data) {
    work *mine = (work *)data;
    static const char text[] = "(module (func (export \"f\") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))";
    int round;
    for (round = 0; round < 20; round++) {
        updraft_module_t *module = NULL;
        updraft_store_t *store = NULL;
        updraft_instance_t instance = 0;
        updraft_extern_t item;
        updraft_val_t val = test_i32(round);
        int good =
            updraft_module_new(mine->engine, (const uint8_t *)text, sizeof text - 1, &module, NULL) == UPDRAFT_STATUS_OK &&
            updraft_store_new(mine->engine, &store, NULL) == UPDRAFT_STATUS_OK &&
            updraft_instance_new(store, module, NULL, 0, &instance, NULL) == UPDRAFT_STATUS_OK &&
            updraft_instance_export(store, instance, TEXT("f"), &item, NULL) == UPDRAFT_STATUS_OK &&
            updraft_func_call(store, item.handle, &val, 1, &val, 1, NULL) == UPDRAFT_STATUS_OK && val.of.i32 == round + 1;
        mine->failures += !good;
        updraft_module_delete(module);
        mine->failures += updraft_store_delete(store, NULL) != UPDRAFT_STATUS_OK;
    }
    return NULL;
}

static void many_threads(void) {
    updraft_engine_t *engine = test_engine();
    pthread_t threads[4];
    work works[4];
    updraft_engine_stats_t stats;
    int i;
    for (i = 0; i < 4; i++) {
        works[i].engine = engine;
        works[i].failures = 0;
        CHECK_EQ(pthread_create(&threads[i], NULL, use_engine, &works[i]), 0);
    }
    for (i = 0; i < 4; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        CHECK_EQ(works[i].failures, 0);
    }
    stats = stats_of(engine);
    CHECK(stats.modules == 0 && stats.stores == 0);
    updraft_engine_delete(engine);
}

int main(void) {
    references();
    statistics();
    deleted_first();
    no_error_wanted();
    many_threads();
    return test_end();
}
