/* Caches: what a second engine finds in a directory, or where the host keeps entries itself. */
#include "test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two functions, of which tests move one to the top tier. */
static const char *const text = "(module (func (export \"one\") (result i32) (i32.const 1))"
                                " (func (export \"double\") (param i32) (result i32)"
                                "  (i32.mul (local.get 0) (i32.const 2))))";
#define DOUBLE 1

/* Both tiers, each function compiled at its first call, nobody in the background, and nothing written by itself. */
static updraft_config_t *by_hand(void) {
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

static void tier_up(const updraft_module_t *module, uint32_t func) {
    OK(updraft_module_wait_tier(module, &func, 1, UPDRAFT_TIER_TOP, UINT64_MAX, E));
}

/* The tier of `double` right after its first call. */
static updraft_tier_t first_call(const updraft_engine_t *engine, const updraft_module_t *module) {
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance;
    updraft_val_t argument = {UPDRAFT_VAL_I32, 0, {0}}, result;
    updraft_func_state_t states[2];
    size_t count = 0;
    argument.of.i32 = 21;
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    OK(updraft_func_call(store, test_export(store, instance, "double"), &argument, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 42);
    OK(updraft_store_delete(store, E));
    OK(updraft_module_func_states(module, 0, states, 2, sizeof states[0], &count, E));
    CHECK_EQ(count, 2);
    return states[DOUBLE].tier;
}

static updraft_cache_stats_t stats_of(const updraft_engine_t *engine) {
    updraft_cache_stats_t stats;
    memset(&stats, 0xff, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(updraft_engine_cache_stats(engine, &stats, E));
    CHECK_EQ(stats.misses, stats.absent + stats.unreadable + stats.not_an_entry + stats.not_authentic +
                               stats.other_engine + stats.no_key);
    return stats;
}

/* --- A directory ---------------------------------------------------------------------------------- */

static char folder[64] = "/tmp/updraft-c-cache-XXXXXX";

static void remove_folder(void) {
    DIR *open = opendir(folder);
    struct dirent *item;
    char path[512];
    if (open != NULL) {
        while ((item = readdir(open)) != NULL) {
            snprintf(path, sizeof path, "%s/%s", folder, item->d_name);
            if (item->d_name[0] != '.') unlink(path);
        }
        closedir(open);
    }
    rmdir(folder);
}

static void directory(void) {
    updraft_config_t *config = by_hand();
    updraft_engine_t *engine;
    updraft_module_t *module;
    updraft_subscription_t *subscription = NULL;
    updraft_event_t events[8];
    size_t count = 0, i, written = 0, serializable = 0;
    FAILS(MISUSE, "limit is 65535, less than 65536", updraft_config_set_cache_directory(config, TEXT(folder), 65535, E));
    FAILS(MISUSE, "contains a NUL", updraft_config_set_cache_directory(config, "a\0b", 3, 1 << 20, E));
    OK(updraft_config_set_cache_directory(config, TEXT(folder), 1 << 20, E));
    engine = engine_of(config);
    OK(updraft_subscription_new(engine, 0,
                                UINT32_C(1) << UPDRAFT_EVENT_CACHE_WRITTEN | UINT32_C(1) << UPDRAFT_EVENT_SERIALIZABLE, 8,
                                &subscription, E));
    module = test_module(engine, text);
    CHECK_EQ(stats_of(engine).absent, 1);
    tier_up(module, DOUBLE);
    /* Its last user. */
    updraft_module_delete(module);
    CHECK_EQ(stats_of(engine).writes, 1);
    CHECK_EQ(stats_of(engine).failures, 0);
    CHECK(stats_of(engine).written_bytes > 100);
    OK(updraft_subscription_drain(subscription, events, 8, sizeof events[0], &count, E));
    for (i = 0; i < count; i++) {
        CHECK_EQ(events[i].count, 1);
        if (events[i].kind == UPDRAFT_EVENT_SERIALIZABLE) serializable++;
        if (events[i].kind == UPDRAFT_EVENT_CACHE_WRITTEN) {
            written++;
            CHECK_EQ(events[i].code_size, stats_of(engine).written_bytes);
        }
    }
    CHECK(serializable == 1 && written == 1);
    updraft_subscription_delete(subscription);
    updraft_engine_delete(engine);

    config = by_hand();
    OK(updraft_config_set_cache_directory(config, TEXT(folder), 1 << 20, E));
    engine = engine_of(config);
    module = test_module(engine, text);
    CHECK_EQ(stats_of(engine).hits, 1);
    CHECK_EQ(first_call(engine, module), UPDRAFT_TIER_TOP);
    updraft_module_delete(module);
    CHECK_EQ(stats_of(engine).writes, 0);
    updraft_engine_delete(engine);

    /* Another key, of the host's or of a file, and no cache at all. */
    config = by_hand();
    OK(updraft_config_set_cache_directory(config, TEXT(folder), 1 << 20, E));
    OK(updraft_config_set_cache_key(config, (const uint8_t *)"0123456789abcdef", 16, E));
    engine = engine_of(config);
    module = test_module(engine, text);
    CHECK_EQ(stats_of(engine).not_authentic, 1);
    CHECK(first_call(engine, module) != UPDRAFT_TIER_TOP);
    updraft_module_delete(module);
    updraft_engine_delete(engine);

    config = by_hand();
    OK(updraft_config_set_cache_directory(config, TEXT(folder), 1 << 20, E));
    OK(updraft_config_set_cache_key_file(config, TEXT("/proc/no/such/key"), E));
    engine = engine_of(config);
    module = test_module(engine, text);
    CHECK_EQ(stats_of(engine).no_key, 1);
    FAILS(FAILED, "would not take it", updraft_module_cache_write(module, NULL, E));
    CHECK_EQ(stats_of(engine).failures, 1);
    updraft_module_delete(module);
    updraft_engine_delete(engine);

    config = by_hand();
    OK(updraft_config_set_cache_directory(config, TEXT(folder), 1 << 20, E));
    OK(updraft_config_set_cache_directory(config, NULL, 0, 0, E));
    engine = engine_of(config);
    module = test_module(engine, text);
    FAILS(NOT_FOUND, "no cache", updraft_module_cache_write(module, NULL, E));
    CHECK_EQ(stats_of(engine).misses + stats_of(engine).hits, 0);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

/* --- The host's own ------------------------------------------------------------------------------- */

/* Room for one entry. */
struct shelf {
    uint8_t key[32], bytes[65536];
    size_t len;
    int gets, puts, finalized;
    updraft_status_t get_status, put_status;
};

static updraft_status_t get(void *env, const uint8_t *key, size_t key_len, updraft_cache_value_t *value) {
    struct shelf *shelf = (struct shelf *)env;
    CHECK_EQ(key_len, sizeof shelf->key);
    shelf->gets++;
    if (shelf->get_status != UPDRAFT_STATUS_OK) return shelf->get_status;
    if (shelf->len == 0 || memcmp(key, shelf->key, key_len) != 0) return UPDRAFT_STATUS_NOT_FOUND;
    /* The last one counts. */
    OK(updraft_cache_value_set(value, key, key_len, E));
    OK(updraft_cache_value_set(value, shelf->bytes, shelf->len, E));
    return UPDRAFT_STATUS_OK;
}

static updraft_status_t put(void *env, const uint8_t *key, size_t key_len, const uint8_t *bytes, size_t len) {
    struct shelf *shelf = (struct shelf *)env;
    CHECK_EQ(key_len, sizeof shelf->key);
    CHECK(len <= sizeof shelf->bytes);
    shelf->puts++;
    if (shelf->put_status != UPDRAFT_STATUS_OK) return shelf->put_status;
    memcpy(shelf->key, key, key_len);
    memcpy(shelf->bytes, bytes, len);
    shelf->len = len;
    return UPDRAFT_STATUS_OK;
}

static void shelf_free(void *env) {
    ((struct shelf *)env)->finalized++;
}

static updraft_engine_t *shelved(struct shelf *shelf, const char *key) {
    updraft_config_t *config = by_hand();
    OK(updraft_config_set_cache_store(config, get, put, shelf, shelf_free, E));
    if (key != NULL) OK(updraft_config_set_cache_key(config, (const uint8_t *)key, strlen(key), E));
    return engine_of(config);
}

#define KEY "the secret of a whole fleet"

static void store(void) {
    static struct shelf shelf;
    updraft_config_t *config = by_hand();
    updraft_engine_t *engine;
    updraft_module_t *module;
    uint64_t bytes = 0;
    FAILS(MISUSE, "get is NULL", updraft_config_set_cache_store(config, NULL, put, &shelf, shelf_free, E));
    CHECK_EQ(shelf.finalized, 0);
    FAILS(MISUSE, "no cache", updraft_config_set_cache_writes(config, 0, 1, 1, E));
    FAILS(MISUSE, "len is 15, less than 16", updraft_config_set_cache_key(config, (const uint8_t *)KEY, 15, E));
    OK(updraft_config_set_cache_store(config, get, put, &shelf, shelf_free, E));
    /* Another place: the first one is given up. */
    OK(updraft_config_set_cache_directory(config, TEXT(folder), 1 << 20, E));
    CHECK_EQ(shelf.finalized, 1);
    updraft_config_delete(config);

    engine = shelved(&shelf, KEY);
    module = test_module(engine, text);
    CHECK_EQ(stats_of(engine).absent, 1);
    OK(updraft_module_cache_write(module, &bytes, E));
    CHECK_EQ(bytes, shelf.len);
    CHECK_EQ(shelf.puts, 1);
    tier_up(module, DOUBLE);
    OK(updraft_module_cache_write(module, NULL, E));
    CHECK_EQ(stats_of(engine).written_bytes, bytes + shelf.len);
    updraft_module_delete(module);
    CHECK_EQ(shelf.puts, 2);
    updraft_engine_delete(engine);
    CHECK_EQ(shelf.finalized, 2);

    engine = shelved(&shelf, KEY);
    module = test_module(engine, text);
    CHECK_EQ(stats_of(engine).hits, 1);
    CHECK_EQ(first_call(engine, module), UPDRAFT_TIER_TOP);
    updraft_module_delete(module);
    updraft_engine_delete(engine);

    /* Changed anywhere, without the key, or not to be had. */
    shelf.bytes[shelf.len - 1] ^= 1;
    engine = shelved(&shelf, KEY);
    module = test_module(engine, text);
    CHECK(first_call(engine, module) != UPDRAFT_TIER_TOP);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    shelf.bytes[shelf.len - 1] ^= 1;
    engine = shelved(&shelf, NULL);
    module = test_module(engine, text);
    CHECK_EQ(stats_of(engine).no_key, 1);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    shelf.get_status = UPDRAFT_STATUS_SYSTEM;
    shelf.put_status = UPDRAFT_STATUS_FAILED;
    engine = shelved(&shelf, KEY);
    module = test_module(engine, text);
    CHECK_EQ(stats_of(engine).unreadable, 1);
    CHECK(first_call(engine, module) != UPDRAFT_TIER_TOP);
    FAILS(FAILED, "would not take it", updraft_module_cache_write(module, &bytes, E));
    CHECK_EQ(stats_of(engine).failures, 1);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    CHECK_EQ(shelf.finalized, 6);
}

/* Without a quiet period, whoever runs what is queued writes. */
static void by_itself(void) {
    static struct shelf shelf;
    updraft_config_t *config = by_hand();
    updraft_engine_t *engine;
    updraft_module_t *module;
    size_t ran = 99;
    OK(updraft_config_set_cache_store(config, get, put, &shelf, NULL, E));
    OK(updraft_config_set_cache_key(config, (const uint8_t *)KEY, strlen(KEY), E));
    OK(updraft_config_set_cache_writes(config, 0, 1, 1, E));
    engine = engine_of(config);
    module = test_module(engine, text);
    tier_up(module, DOUBLE);
    CHECK_EQ(shelf.puts, 0);
    OK(updraft_engine_run_jobs(engine, 10, UINT64_MAX, &ran, E));
    CHECK_EQ(ran, 1);
    CHECK_EQ(shelf.puts, 1);
    updraft_module_delete(module);
    CHECK_EQ(shelf.puts, 1);
    updraft_engine_delete(engine);

    config = by_hand();
    OK(updraft_config_set_cache_store(config, get, put, &shelf, NULL, E));
    OK(updraft_config_set_cache_key(config, (const uint8_t *)KEY, strlen(KEY), E));
    OK(updraft_config_set_cache_writes(config, 0, UINT64_MAX, UINT64_MAX, E));
    engine = engine_of(config);
    module = test_module(engine, text);
    tier_up(module, 0);
    OK(updraft_engine_run_jobs(engine, 10, UINT64_MAX, &ran, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    CHECK_EQ(shelf.puts, 1);
}

int main(void) {
    if (mkdtemp(folder) == NULL) test_stop("mkdtemp");
    directory();
    store();
    by_itself();
    remove_folder();
    return test_end();
}
