/* Memories: contents, bounds, growth, 64-bit addresses; shared ones across stores and threads. */
#include "test.h"

#include <pthread.h>

static updraft_memorytype_t memorytype(uint32_t flags, uint64_t min, uint64_t max) {
    updraft_memorytype_t type;
    memset(&type, 0, sizeof type);
    type.struct_size = sizeof type;
    type.flags = flags;
    type.min = min;
    type.max = max;
    return type;
}

static void contents(updraft_store_t *store, uint32_t flags) {
    updraft_memorytype_t type = memorytype(flags | UPDRAFT_LIMITS_HAS_MAX, 1, 3), found;
    updraft_memory_t memory = 0;
    uint8_t *data = NULL, buffer[8];
    size_t len = 0, i;
    uint64_t pages = 0, old = 99;

    OK(updraft_memory_new(store, &type, &memory, E));
    OK(updraft_memory_size(store, memory, &pages, E));
    CHECK_EQ(pages, 1);
    OK(updraft_memory_data(store, memory, &data, &len, E));
    CHECK_EQ(len, 65536);
    for (i = 0; i < len; i++) {
        if (data[i] != 0) CHECK(data[i] == 0);
    }
    OK(updraft_memory_write(store, memory, 65530, (const uint8_t *)"abcdef", 6, E));
    CHECK(memcmp(data + 65530, "abcdef", 6) == 0);
    OK(updraft_memory_read(store, memory, 65528, buffer, 8, E));
    CHECK(memcmp(buffer, "\0\0abcdef", 8) == 0);
    OK(updraft_memory_read(store, memory, 65536, NULL, 0, E));
    OK(updraft_memory_write(store, memory, 65536, NULL, 0, E));

    memset(buffer, 9, sizeof buffer);
    FAILS(OUT_OF_BOUNDS, "0xfff9", updraft_memory_read(store, memory, 65529, buffer, 8, E));
    FAILS(OUT_OF_BOUNDS, "", updraft_memory_write(store, memory, 65529, buffer, 8, E));
    FAILS(OUT_OF_BOUNDS, "", updraft_memory_read(store, memory, 65537, NULL, 0, E));
    FAILS(OUT_OF_BOUNDS, "", updraft_memory_read(store, memory, UINT64_MAX, buffer, 8, E));
    FAILS(OUT_OF_BOUNDS, "", updraft_memory_write(store, memory, UINT64_MAX - 3, buffer, 8, E));
    CHECK(buffer[0] == 9 && buffer[7] == 9 && memcmp(data + 65530, "abcdef", 6) == 0);
    FAILS(MISUSE, "buffer is NULL", updraft_memory_read(store, memory, 0, NULL, 1, E));
    FAILS(MISUSE, "bytes is NULL", updraft_memory_write(store, memory, 0, NULL, 1, E));

    OK(updraft_memory_grow(store, memory, 1, &old, E));
    CHECK_EQ(old, 1);
    OK(updraft_memory_grow(store, memory, 0, &old, E));
    CHECK_EQ(old, 2);
    FAILS(LIMIT, "", updraft_memory_grow(store, memory, 2, &old, E));
    FAILS(LIMIT, "", updraft_memory_grow(store, memory, UINT64_MAX, &old, E));
    CHECK_EQ(old, 2);
    OK(updraft_memory_grow(store, memory, 1, NULL, E));
    OK(updraft_memory_data(store, memory, &data, &len, E));
    CHECK_EQ(len, 3 * 65536);
    CHECK(memcmp(data + 65530, "abcdef\0", 7) == 0);
    CHECK(data[len - 1] == 0);
    found.struct_size = sizeof found;
    OK(updraft_memory_type(store, memory, &found, E));
    CHECK(found.flags == type.flags && found.min == 3 && found.max == 3);
    OK(updraft_store_release(store, memory, E));
}

static void wrong_handles(updraft_store_t *store) {
    updraft_func_t func = test_export(store, test_instance(store, "(module (func (export \"f\")))"), "f");
    updraft_memorytype_t type = memorytype(0, 7, 7);
    updraft_shared_memory_t *shared = NULL;
    uint8_t *data = NULL, byte = 1;
    size_t len = 9;
    uint64_t pages = 9;
    FAILS(MISUSE, "", updraft_memory_type(store, func, &type, E));
    FAILS(MISUSE, "", updraft_memory_size(store, func, &pages, E));
    FAILS(MISUSE, "", updraft_memory_grow(store, func, 1, &pages, E));
    FAILS(MISUSE, "", updraft_memory_data(store, func, &data, &len, E));
    FAILS(MISUSE, "", updraft_memory_read(store, func, 0, &byte, 1, E));
    FAILS(MISUSE, "", updraft_memory_write(store, func, 0, &byte, 1, E));
    FAILS(MISUSE, "", updraft_memory_shared(store, func, &shared, E));
    FAILS(MISUSE, "", updraft_memory_size(store, 0, &pages, E));
    CHECK(pages == 9 && data == NULL && len == 9 && shared == NULL && type.min == 7);
}

/* Both sides see what the other writes, also after growth by either. */
static void with_wasm(updraft_store_t *store) {
    updraft_instance_t instance =
        test_instance(store, "(module (memory (export \"m\") 1 4) (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0)))"
                             " (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))"
                             " (func (export \"store\") (param i32 i32) (i32.store (local.get 0) (local.get 1))))");
    updraft_memory_t memory = test_export(store, instance, "m");
    updraft_func_t load = test_export(store, instance, "load"), grow = test_export(store, instance, "grow");
    updraft_val_t args[2], result;
    uint8_t bytes[4] = {1, 2, 3, 4};
    uint64_t pages = 0;
    args[0] = test_i32(65536 + 100);
    args[1] = test_i32(0x01020304);
    TRAPS(MEMORY_OUT_OF_BOUNDS, updraft_func_call(store, load, args, 1, &result, 1, E));
    OK(updraft_memory_grow(store, memory, 1, NULL, E));
    OK(updraft_memory_write(store, memory, 65536 + 100, bytes, 4, E));
    OK(updraft_func_call(store, load, args, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 0x04030201);
    OK(updraft_func_call(store, test_export(store, instance, "store"), args, 2, NULL, 0, E));
    OK(updraft_memory_read(store, memory, 65536 + 100, bytes, 4, E));
    CHECK(bytes[0] == 4 && bytes[3] == 1);
    args[0] = test_i32(2);
    OK(updraft_func_call(store, grow, args, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 2);
    OK(updraft_memory_size(store, memory, &pages, E));
    CHECK_EQ(pages, 4);
    OK(updraft_func_call(store, grow, args, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, -1);
}

typedef struct {
    const updraft_engine_t *engine;
    const updraft_shared_memory_t *shared;
    const updraft_module_t *module;
    int failures;
} counter;

enum { ROUNDS = 1000, THREADS = 4 };

/* Adds to the memory's first word from a store of its own. */
static void *count_up(void *data) {
    counter *mine = (counter *)data;
    updraft_store_t *store = NULL;
    updraft_extern_t import, item;
    updraft_instance_t instance = 0;
    updraft_val_t rounds = test_i32(ROUNDS);
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_MEMORY;
    mine->failures += updraft_store_new(mine->engine, &store, NULL) != UPDRAFT_STATUS_OK;
    mine->failures += updraft_memory_from_shared(store, mine->shared, &import.handle, NULL) != UPDRAFT_STATUS_OK;
    mine->failures += updraft_instance_new(store, mine->module, &import, 1, &instance, NULL) != UPDRAFT_STATUS_OK;
    mine->failures += updraft_instance_export(store, instance, TEXT("count"), &item, NULL) != UPDRAFT_STATUS_OK;
    mine->failures += updraft_func_call(store, item.handle, &rounds, 1, NULL, 0, NULL) != UPDRAFT_STATUS_OK;
    mine->failures += updraft_store_delete(store, NULL) != UPDRAFT_STATUS_OK;
    return NULL;
}

static void shared_memories(updraft_engine_t *engine) {
    updraft_memorytype_t type = memorytype(UPDRAFT_LIMITS_HAS_MAX | UPDRAFT_LIMITS_SHARED, 1, 3), found;
    updraft_shared_memory_t *shared = NULL, *copy = NULL;
    updraft_store_t *store = test_store(engine);
    updraft_module_t *module =
        test_module(engine, "(module (import \"\" \"m\" (memory 1 3 shared)) (func (export \"count\") (param i32)"
                            " (loop $l (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))"
                            "   (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))");
    updraft_memory_t memory = 0, plain = 0;
    pthread_t threads[THREADS];
    counter counters[THREADS];
    uint8_t *data = NULL, *later = NULL, word[4];
    size_t len = 0;
    uint64_t pages = 0;
    int i;

    OK(updraft_shared_memory_new(engine, &type, &shared, E));
    found.struct_size = sizeof found;
    OK(updraft_shared_memory_type(shared, &found, E));
    CHECK(found.flags == type.flags && found.min == 1 && found.max == 3);
    OK(updraft_shared_memory_data(shared, &data, &len, E));
    CHECK_EQ(len, 65536);

    for (i = 0; i < THREADS; i++) {
        counters[i].engine = engine;
        counters[i].shared = shared;
        counters[i].module = module;
        counters[i].failures = 0;
        CHECK_EQ(pthread_create(&threads[i], NULL, count_up, &counters[i]), 0);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        CHECK_EQ(counters[i].failures, 0);
    }
    CHECK_EQ(data[0] | data[1] << 8, ROUNDS * THREADS);

    /* Growth by one is seen by all; nothing moves. */
    OK(updraft_memory_from_shared(store, shared, &memory, E));
    OK(updraft_shared_memory_grow(shared, 1, &pages, E));
    CHECK_EQ(pages, 1);
    OK(updraft_memory_size(store, memory, &pages, E));
    CHECK_EQ(pages, 2);
    OK(updraft_memory_grow(store, memory, 1, &pages, E));
    CHECK_EQ(pages, 2);
    OK(updraft_shared_memory_size(shared, &pages, E));
    CHECK_EQ(pages, 3);
    OK(updraft_shared_memory_data(shared, &later, &len, E));
    CHECK(later == data && len == 3 * 65536);
    FAILS(LIMIT, "", updraft_shared_memory_grow(shared, 1, &pages, E));
    CHECK_EQ(pages, 3);
    OK(updraft_shared_memory_grow(shared, 0, NULL, E));
    OK(updraft_memory_read(store, memory, 0, word, 4, E));
    CHECK_EQ(word[0] | word[1] << 8, ROUNDS * THREADS);
    OK(updraft_memory_write(store, memory, 8, word, 4, E));
    CHECK_EQ(data[8], word[0]);

    /* Back from a store, and alive when the first reference went. */
    OK(updraft_memory_shared(store, memory, &copy, E));
    updraft_shared_memory_delete(shared);
    shared = NULL;
    OK(updraft_shared_memory_clone(copy, &shared, E));
    CHECK(shared == copy);
    updraft_shared_memory_delete(shared);
    OK(updraft_store_delete(store, E));
    OK(updraft_shared_memory_data(copy, &later, &len, E));
    CHECK(later == data && later[8] == word[0]);
    updraft_shared_memory_delete(copy);
    updraft_shared_memory_delete(NULL);

    type = memorytype(UPDRAFT_LIMITS_HAS_MAX, 1, 3);
    shared = NULL;
    FAILS(MISUSE, "memory_type is not shared", updraft_shared_memory_new(engine, &type, &shared, E));
    type = memorytype(UPDRAFT_LIMITS_SHARED, 1, 3);
    FAILS(MISUSE, "needs a maximum", updraft_shared_memory_new(engine, &type, &shared, E));
    CHECK(shared == NULL);
    store = test_store(engine);
    type = memorytype(0, 1, 0);
    OK(updraft_memory_new(store, &type, &plain, E));
    FAILS(NOT_FOUND, "not shared", updraft_memory_shared(store, plain, &shared, E));
    FAILS(MISUSE, "shared is not an object of its type", updraft_shared_memory_size((updraft_shared_memory_t *)engine, &pages, E));
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
}

static void other_engine(updraft_engine_t *engine) {
    updraft_memorytype_t type = memorytype(UPDRAFT_LIMITS_HAS_MAX | UPDRAFT_LIMITS_SHARED, 1, 1);
    updraft_engine_t *other = test_engine();
    updraft_shared_memory_t *shared = NULL;
    updraft_store_t *store = test_store(engine);
    updraft_memory_t memory = 5;
    OK(updraft_shared_memory_new(other, &type, &shared, E));
    FAILS(MISUSE, "another engine", updraft_memory_from_shared(store, shared, &memory, E));
    CHECK_EQ(memory, 5);
    updraft_shared_memory_delete(shared);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(other);
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    contents(store, 0);
    contents(store, UPDRAFT_LIMITS_INDEX64);
    contents(store, UPDRAFT_LIMITS_SHARED);
    wrong_handles(store);
    with_wasm(store);
    OK(updraft_store_delete(store, E));
    shared_memories(engine);
    other_engine(engine);
    updraft_engine_delete(engine);
    return test_end();
}
