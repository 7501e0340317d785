/* Stores: user data, limits, reclaiming, the rule of one thread, re-entry, deletion while something runs. */
#include "test.h"

#include <pthread.h>
#include <semaphore.h>

static void user_data(const updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    void *data = &store;
    int first = 0, second = 0;
    OK(updraft_store_data(store, &data, E));
    CHECK(data == NULL);
    OK(updraft_store_set_data(store, &first, test_finalizer, E));
    OK(updraft_store_data(store, &data, E));
    CHECK(data == &first);
    OK(updraft_store_set_data(store, &second, test_finalizer, E));
    CHECK(first == 1 && second == 0);
    OK(updraft_store_set_data(store, &first, NULL, E));
    CHECK(first == 1 && second == 1);
    OK(updraft_store_set_data(store, &second, test_finalizer, E));
    OK(updraft_store_delete(store, E));
    CHECK(first == 1 && second == 2);
}

static updraft_status_t make_memory(updraft_store_t *store, uint64_t pages, updraft_memory_t *memory) {
    updraft_memorytype_t type;
    memset(&type, 0, sizeof type);
    type.struct_size = sizeof type;
    type.min = pages;
    return updraft_memory_new(store, &type, memory, E);
}

static updraft_status_t make_table(updraft_store_t *store, uint64_t size, updraft_table_t *table) {
    updraft_tabletype_t type;
    updraft_val_t null = test_ref(UPDRAFT_VAL_EXTERNREF, 0);
    memset(&type, 0, sizeof type);
    type.struct_size = sizeof type;
    type.element = UPDRAFT_VAL_EXTERNREF;
    type.min = size;
    return updraft_table_new(store, &type, &null, table, E);
}

static void limits(const updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_store_limits_t limits, unchanged;
    updraft_memory_t memory = 0;
    updraft_table_t table = 0;
    updraft_instance_t instance = 0;
    updraft_val_t null = test_ref(UPDRAFT_VAL_EXTERNREF, 0);
    updraft_module_t *module = test_module(engine, "(module)");
    uint64_t old = 0;

    limits.struct_size = sizeof limits;
    OK(updraft_store_limits(store, &limits, E));
    CHECK(limits.memory_bytes > 0 && limits.instances > 0);
    unchanged = limits;
    limits.memory_bytes = 3 * 65536;
    limits.table_elements = 10;
    limits.memories = 2;
    limits.tables = 2;
    limits.instances = 2;
    OK(updraft_store_set_limits(store, &limits, E));
    memset(&unchanged, 0, sizeof unchanged);
    unchanged.struct_size = sizeof unchanged;
    OK(updraft_store_limits(store, &unchanged, E));
    CHECK(memcmp(&unchanged, &limits, sizeof limits) == 0);

    FAILS(LIMIT, "", make_memory(store, 4, &memory));
    OK(make_memory(store, 2, &memory));
    OK(updraft_memory_grow(store, memory, 1, &old, E));
    CHECK_EQ(old, 2);
    FAILS(LIMIT, "", updraft_memory_grow(store, memory, 1, &old, E));
    OK(make_memory(store, 0, &memory));
    FAILS(LIMIT, "", make_memory(store, 0, &memory));

    FAILS(LIMIT, "", make_table(store, 11, &table));
    OK(make_table(store, 9, &table));
    OK(updraft_table_grow(store, table, 1, &null, &old, E));
    CHECK_EQ(old, 9);
    FAILS(LIMIT, "", updraft_table_grow(store, table, 1, &null, &old, E));
    OK(make_table(store, 0, &table));
    FAILS(LIMIT, "", make_table(store, 0, &table));

    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    FAILS(LIMIT, "", updraft_instance_new(store, module, NULL, 0, &instance, E));
    /* What is released makes room again. */
    OK(updraft_store_release(store, instance, E));
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));

    limits.struct_size = 16;
    FAILS(MISUSE, "struct_size of limits", updraft_store_limits(store, &limits, E));
    FAILS(MISUSE, "struct_size of limits", updraft_store_set_limits(store, &limits, E));
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
}

static void reclaiming(const updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_module_t *module = test_module(engine, "(module (table (export \"t\") 1 externref)"
                                                   " (func $f (export \"f\")) (table (export \"g\") 1 funcref) (elem (table 1) (i32.const 0) func $f))");
    updraft_instance_t instance = 0;
    updraft_externref_t object = 0;
    updraft_table_t table;
    updraft_val_t value;
    size_t count = 99;
    int finalized = 0, i;

    OK(updraft_store_instance_count(store, &count, E));
    CHECK_EQ(count, 0);
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    table = test_export(store, instance, "t");
    OK(updraft_externref_new(store, &finalized, test_finalizer, &object, E));
    value = test_ref(UPDRAFT_VAL_EXTERNREF, object);
    OK(updraft_table_set(store, table, 0, &value, E));
    OK(updraft_store_release(store, object, E));
    OK(updraft_store_collect(store, &count, E));
    CHECK_EQ(finalized, 0);
    OK(updraft_store_release(store, table, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(finalized, 0);
    OK(updraft_store_instance_count(store, &count, E));
    CHECK_EQ(count, 1);
    OK(updraft_store_release(store, instance, E));
    OK(updraft_store_collect(store, &count, E));
    CHECK(count >= 2);
    CHECK_EQ(finalized, 1);
    OK(updraft_store_instance_count(store, &count, E));
    CHECK_EQ(count, 0);
    FAILS(MISUSE, "", updraft_store_release(store, instance, E));

    /* Many instances, one after the other: the store keeps few. */
    for (i = 0; i < 10000; i++) {
        if (updraft_instance_new(store, module, NULL, 0, &instance, E) != UPDRAFT_STATUS_OK) test_stop("instance");
        if (updraft_store_release(store, instance, E) != UPDRAFT_STATUS_OK) test_stop("release");
    }
    OK(updraft_store_instance_count(store, &count, E));
    CHECK(count < 5000);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
}

/* What a host function does to the store that it runs in. */
static updraft_error_t *from_inside(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                    updraft_val_t *results, size_t result_count) {
    updraft_store_t *store = (updraft_store_t *)env, *copy = NULL;
    uint32_t running = 0;
    size_t count = 0;
    (void)args, (void)arg_count, (void)results, (void)result_count;
    CHECK(updraft_caller_store(caller) == store);
    OK(updraft_store_is_running(store, &running, E));
    CHECK_EQ(running, 1);
    OK(updraft_store_collect(store, &count, E));
    CHECK_EQ(count, 0);
    OK(updraft_store_instance_count(store, &count, E));
    CHECK_EQ(count, 1);
    FAILS(BUSY, "in use by the function that led here", updraft_store_delete(store, E));
    /* Not the last reference: that may go. */
    OK(updraft_store_clone(store, &copy, E));
    OK(updraft_store_delete(copy, E));
    return NULL;
}

static void finalize_by_calling_back(void *data) {
    updraft_store_t *store = *(updraft_store_t **)data;
    size_t count = 77;
    /* The store is in the middle of reclaiming. */
    FAILS(BUSY, "in use by the function that led here", updraft_store_collect(store, &count, E));
    CHECK_EQ(count, 77);
    *(updraft_store_t **)data = NULL;
}

static void re_entry(const updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine), *shared_with_finalizer = store;
    updraft_functype_t *functype = test_functype("", "");
    updraft_module_t *module = test_module(engine, "(module (import \"\" \"f\" (func $f)) (func (export \"f\") (call $f)))");
    updraft_extern_t import;
    updraft_instance_t instance = 0;
    updraft_externref_t object = 0;
    uint32_t running = 9;

    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_FUNC;
    OK(updraft_func_new(store, functype, from_inside, store, NULL, &import.handle, E));
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    OK(updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, NULL, 0, E));
    OK(updraft_func_call(store, import.handle, NULL, 0, NULL, 0, E));
    OK(updraft_store_is_running(store, &running, E));
    CHECK_EQ(running, 0);

    OK(updraft_externref_new(store, &shared_with_finalizer, finalize_by_calling_back, &object, E));
    OK(updraft_store_release(store, object, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK(shared_with_finalizer == NULL);

    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_functype_delete(functype);
}

/* A thread that sits in a host function until it is told to go on. */
typedef struct {
    updraft_store_t *store;
    updraft_func_t func;
    sem_t inside, leave;
    updraft_status_t status;
} visit;

static updraft_error_t *sit(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                            updraft_val_t *results, size_t result_count) {
    visit *mine = (visit *)env;
    (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    sem_post(&mine->inside);
    while (sem_wait(&mine->leave) != 0) {}
    return NULL;
}

static void *enter_store(void *data) {
    visit *mine = (visit *)data;
    mine->status = updraft_func_call(mine->store, mine->func, NULL, 0, NULL, 0, NULL);
    return NULL;
}

static void one_thread_at_a_time(const updraft_engine_t *engine) {
    updraft_functype_t *functype = test_functype("", "");
    updraft_interrupt_t *interrupt = NULL;
    updraft_val_t value = test_i32(0);
    pthread_t thread;
    visit there;
    size_t count = 77;
    void *data = NULL;

    memset(&there, 0, sizeof there);
    there.store = test_store(engine);
    there.status = 99;
    sem_init(&there.inside, 0, 0);
    sem_init(&there.leave, 0, 0);
    OK(updraft_func_new(there.store, functype, sit, &there, NULL, &there.func, E));
    OK(updraft_store_interrupt_handle(there.store, &interrupt, E));
    CHECK_EQ(pthread_create(&thread, NULL, enter_store, &there), 0);
    while (sem_wait(&there.inside) != 0) {}

    FAILS(BUSY, "another thread", updraft_store_collect(there.store, &count, E));
    FAILS(BUSY, "another thread", updraft_store_instance_count(there.store, &count, E));
    FAILS(BUSY, "another thread", updraft_func_call(there.store, there.func, NULL, 0, NULL, 0, E));
    FAILS(BUSY, "another thread", updraft_store_release(there.store, there.func, E));
    FAILS(BUSY, "another thread", updraft_table_set(there.store, 1, 0, &value, E));
    FAILS(BUSY, "another thread", updraft_store_set_data(there.store, &count, test_finalizer, E));
    FAILS(BUSY, "another thread", updraft_store_delete(there.store, E));
    CHECK_EQ(count, 77);
    /* These may. */
    OK(updraft_store_data(there.store, &data, E));
    OK(updraft_interrupt_clear(interrupt, E));

    sem_post(&there.leave);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(there.status, UPDRAFT_STATUS_OK);
    /* The store moves to this thread. */
    OK(updraft_store_collect(there.store, &count, E));
    OK(updraft_store_delete(there.store, E));
    updraft_interrupt_delete(interrupt);
    updraft_functype_delete(functype);
    sem_destroy(&there.inside);
    sem_destroy(&there.leave);
}

static void references(const updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine), *copy = NULL;
    size_t count = 9;
    int finalized = 0;
    OK(updraft_store_set_data(store, &finalized, test_finalizer, E));
    OK(updraft_store_clone(store, &copy, E));
    CHECK(copy == store);
    OK(updraft_store_delete(store, E));
    CHECK_EQ(finalized, 0);
    OK(updraft_store_instance_count(copy, &count, E));
    OK(updraft_store_delete(copy, E));
    CHECK_EQ(finalized, 1);
    OK(updraft_store_delete(NULL, E));
    FAILS(MISUSE, "store is not an object of its type", updraft_store_delete((updraft_store_t *)engine, E));
    FAILS(MISUSE, "store is not an object of its type", updraft_store_collect((updraft_store_t *)engine, &count, E));
}

/* Handles of one store mean nothing in another. */
static void foreign_handles(const updraft_engine_t *engine) {
    updraft_store_t *a = test_store(engine), *b = test_store(engine);
    updraft_memory_t memory = 0;
    uint64_t pages = 9;
    OK(make_memory(a, 1, &memory));
    FAILS(MISUSE, "", updraft_memory_size(b, memory, &pages, E));
    FAILS(MISUSE, "", updraft_store_retain(b, memory, E));
    FAILS(MISUSE, "", updraft_store_release(b, memory, E));
    OK(updraft_memory_size(a, memory, &pages, E));
    CHECK_EQ(pages, 1);
    OK(updraft_store_delete(a, E));
    OK(updraft_store_delete(b, E));
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    user_data(engine);
    limits(engine);
    reclaiming(engine);
    re_entry(engine);
    one_thread_at_a_time(engine);
    references(engine);
    foreign_handles(engine);
    updraft_engine_delete(engine);
    return test_end();
}
