/* Objects of the standard API: identity, host info, life and death in any order. */
#include "wasm_test.h"

static const char *const MEMORY_AND_FUNC =
    "(module (memory (export \"m\") 1) (global (export \"g\") (mut i32) (i32.const 7))"
    " (table (export \"t\") 2 funcref) (func (export \"f\") (result i32) (i32.const 1)))";

/* Copies are the same object, exports asked for twice too; different objects are not. */
static void identity(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = std_instance(store, MEMORY_AND_FUNC, NULL, 0);
    size_t i, j;
    for (i = 0; i < 4; i++) {
        wasm_extern_t *a = std_export(instance, i);
        wasm_extern_t *copy = wasm_extern_copy(a);
        CHECK(wasm_extern_same(a, copy));
        for (j = 0; j < 4; j++) {
            wasm_extern_t *b = std_export(instance, j);
            CHECK_EQ(wasm_extern_same(a, b), i == j);
            CHECK_EQ(wasm_ref_same(wasm_func_as_ref(wasm_extern_as_func(a)), wasm_func_as_ref(wasm_extern_as_func(b))),
                     i == j && i == 3);
            wasm_extern_delete(b);
        }
        wasm_extern_delete(a);
        CHECK(wasm_extern_kind(copy) <= WASM_EXTERN_MEMORY);
        wasm_extern_delete(copy);
    }
    wasm_instance_delete(instance);
    wasm_store_delete(store);
}

/* Casts give the object or NULL, never another one. */
static void casts(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = std_instance(store, MEMORY_AND_FUNC, NULL, 0);
    wasm_extern_t *items[4];
    size_t i;
    for (i = 0; i < 4; i++) {
        wasm_ref_t *ref;
        items[i] = std_export(instance, i);
        CHECK_EQ(wasm_extern_as_memory(items[i]) != NULL, i == 0);
        CHECK_EQ(wasm_extern_as_global(items[i]) != NULL, i == 1);
        CHECK_EQ(wasm_extern_as_table(items[i]) != NULL, i == 2);
        CHECK_EQ(wasm_extern_as_func(items[i]) != NULL, i == 3);
        CHECK_EQ(wasm_extern_as_memory_const(items[i]) != NULL, i == 0);
        CHECK_EQ(wasm_extern_as_global_const(items[i]) != NULL, i == 1);
        CHECK_EQ(wasm_extern_as_table_const(items[i]) != NULL, i == 2);
        CHECK_EQ(wasm_extern_as_func_const(items[i]) != NULL, i == 3);
        /* Every reference is a reference, and what it was. */
        ref = wasm_extern_as_ref(items[i]);
        CHECK(wasm_ref_as_extern(ref) == items[i]);
        CHECK_EQ(wasm_ref_as_memory(ref) != NULL, i == 0);
        CHECK(wasm_ref_as_instance(ref) == NULL && wasm_ref_as_module(ref) == NULL);
        CHECK(wasm_ref_as_trap(ref) == NULL && wasm_ref_as_foreign(ref) == NULL);
    }
    CHECK(wasm_ref_as_extern(wasm_instance_as_ref(instance)) == NULL);
    CHECK(wasm_ref_as_instance(wasm_instance_as_ref(instance)) == instance);
    for (i = 0; i < 4; i++) wasm_extern_delete(items[i]);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
}

/* Host info belongs to the object: every reference sees it, and it outlives all of them while the object lives. */
static void host_info(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_instance_t *instance = std_instance(store, MEMORY_AND_FUNC, NULL, 0);
    wasm_instance_t *others[64];
    wasm_module_t *module = std_module(store, "(module (memory 1))");
    int finalized = 0, replaced = 0;
    size_t i;
    for (i = 0; i < 4; i++) {
        wasm_extern_t *item = std_export(instance, i);
        CHECK(wasm_extern_get_host_info(item) == NULL);
        wasm_extern_set_host_info_with_finalizer(item, &replaced, std_count);
        CHECK_EQ(replaced, i);
        wasm_extern_set_host_info_with_finalizer(item, &finalized, std_count);
        CHECK_EQ(replaced, i + 1);
        wasm_extern_delete(item);
    }
    /* Nobody holds the externals now; the instance keeps them, through any number of collections. */
    for (i = 0; i < 3000; i++) {
        wasm_instance_t *other = wasm_instance_new(store, module, NULL, NULL);
        CHECK(other != NULL);
        wasm_instance_delete(other);
    }
    CHECK_EQ(finalized, 0);
    for (i = 0; i < 4; i++) {
        wasm_extern_t *item = std_export(instance, i);
        CHECK(wasm_ref_get_host_info(wasm_extern_as_ref(item)) == &finalized);
        wasm_extern_delete(item);
    }
    /* The death of the instance is theirs. */
    wasm_instance_delete(instance);
    for (i = 0; i < 3000; i++) wasm_instance_delete(wasm_instance_new(store, module, NULL, NULL));
    CHECK_EQ(finalized, 4);
    CHECK_EQ(replaced, 4);
    /* All kinds of objects have host info. */
    finalized = 0;
    {
        wasm_foreign_t *foreign = wasm_foreign_new(store);
        wasm_trap_t *trap = wasm_trap_new(store, NULL);
        wasm_module_t *copy = wasm_module_copy(module);
        wasm_foreign_set_host_info_with_finalizer(foreign, &finalized, std_count);
        wasm_trap_set_host_info_with_finalizer(trap, &finalized, std_count);
        wasm_module_set_host_info_with_finalizer(module, &finalized, std_count);
        CHECK(wasm_foreign_get_host_info(foreign) == &finalized);
        CHECK(wasm_trap_get_host_info(trap) == &finalized);
        CHECK(wasm_module_get_host_info(copy) == &finalized);
        wasm_foreign_delete(foreign);
        wasm_module_delete(copy);
        CHECK_EQ(finalized, 0);
        wasm_trap_delete(trap);
        CHECK_EQ(finalized, 1);
    }
    for (i = 0; i < 64; i++) {
        others[i] = wasm_instance_new(store, module, NULL, NULL);
        wasm_instance_set_host_info_with_finalizer(others[i], &replaced, std_count);
    }
    wasm_module_delete(module);
    CHECK_EQ(finalized, 2);
    /* The rest goes with the store, references or not. */
    replaced = 0;
    for (i = 0; i < 32; i++) wasm_instance_delete(others[i]);
    wasm_store_delete(store);
    CHECK_EQ(finalized, 3);
    CHECK_EQ(replaced, 64);
    /* Host info of the dead is finalized at once. */
    wasm_instance_set_host_info_with_finalizer(others[40], &replaced, std_count);
    CHECK_EQ(replaced, 65);
    CHECK(wasm_instance_get_host_info(others[40]) == NULL);
    for (i = 32; i < 64; i++) wasm_instance_delete(others[i]);
}

/* What is left of a store that was deleted first: nothing crashes, and everything can still be deleted. */
static void after_the_store(void) {
    wasm_engine_t *engine = std_engine();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = std_module(store, MEMORY_AND_FUNC);
    wasm_shared_module_t *shared = wasm_module_share(module);
    wasm_instance_t *instance = wasm_instance_new(store, module, NULL, NULL);
    wasm_extern_t *items[4];
    wasm_val_t val = std_i32(1);
    wasm_store_t *other;
    wasm_module_t *obtained;
    wasm_importtype_vec_t imports;
    wasm_extern_vec_t exports;
    size_t i;
    for (i = 0; i < 4; i++) items[i] = std_export(instance, i);
    wasm_engine_delete(engine);
    wasm_store_delete(store);
    CHECK(wasm_memory_data(wasm_extern_as_memory(items[0])) == NULL);
    CHECK_EQ(wasm_memory_data_size(wasm_extern_as_memory(items[0])), 0);
    CHECK(!wasm_memory_grow(wasm_extern_as_memory(items[0]), 1));
    wasm_global_set(wasm_extern_as_global(items[1]), &val);
    wasm_global_get(wasm_extern_as_global(items[1]), &val);
    CHECK(val.kind == WASM_I32 && val.of.i32 == 0);
    CHECK(wasm_table_get(wasm_extern_as_table(items[2]), 0) == NULL);
    CHECK_EQ(wasm_table_size(wasm_extern_as_table(items[2])), 0);
    TRAPPED(wasm_func_call(wasm_extern_as_func(items[3]), NULL, NULL), "misuse: the store was deleted");
    CHECK(wasm_extern_type(items[3]) == NULL);
    CHECK(wasm_extern_same(items[0], items[0]));
    wasm_instance_exports(instance, &exports);
    CHECK_EQ(exports.size, 0);
    /* Modules need no store. */
    wasm_module_imports(module, &imports);
    CHECK_EQ(imports.size, 0);
    wasm_importtype_vec_delete(&imports);
    /* The engine lives on in what was made from it. */
    engine = std_engine();
    other = wasm_store_new(engine);
    obtained = wasm_module_obtain(other, shared);
    CHECK(obtained != NULL);
    wasm_instance_delete(wasm_instance_new(other, obtained, NULL, NULL));
    wasm_module_delete(obtained);
    wasm_store_delete(other);
    wasm_engine_delete(engine);
    for (i = 0; i < 4; i++) wasm_extern_delete(items[i]);
    wasm_instance_delete(instance);
    wasm_shared_module_delete(shared);
    wasm_module_delete(module);
}

/* Pages that the process has in memory. */
static long resident_pages(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2) test_stop("/proc/self/statm");
    fclose(file);
    return resident;
}

static int live = 0;

static void one_less(void *data) {
    (void)data;
    live--;
}

/* 100,001 instances with finalizers in each of two stores, three times in all: constant memory, and none is forgotten. */
static void many_instances(wasm_engine_t *engine) {
    const int count = test_tool("valgrind") ? 2000 : 100001;
    wasm_store_t *stores[2];
    int round, i;
    long before = 0, after;
    stores[0] = wasm_store_new(engine);
    stores[1] = wasm_store_new(engine);
    for (round = 0; round < 3; round++) {
        wasm_store_t *store = stores[round % 2];
        wasm_module_t *module =
            std_module(store, "(module (memory 1) (func (export \"f\")) (table 4 funcref) (global (mut i32) (i32.const 1)))");
        for (i = 0; i < count; i++) {
            wasm_instance_t *instance = wasm_instance_new(store, module, NULL, NULL);
            if (instance == NULL) test_stop("wasm_instance_new");
            wasm_instance_set_host_info_with_finalizer(instance, NULL, one_less);
            wasm_instance_delete(instance);
            live++;
            if (live > 20000) test_stop("instances are not reclaimed");
            if (i == count / 10 && round == 0) before = resident_pages();
        }
        wasm_module_delete(module);
        if (round == 0) {
            /* Nine tenths of the instances came after the first look. The sanitizers keep what was freed. */
            after = resident_pages();
            CHECK(test_tool("asan") || after - before < 8 << 8);
        }
    }
    wasm_store_delete(stores[1]);
    wasm_store_delete(stores[0]);
    CHECK_EQ(live, 0);
}

/* A finalizer may delete objects of the store that runs it; other functions fail in it. */
typedef struct chain_t {
    wasm_func_t *func;
    int finalized;
} chain_t;

static void finalize_chain(void *data) {
    chain_t *chain = (chain_t *)data;
    wasm_trap_t *trap = wasm_func_call(chain->func, NULL, NULL);
    CHECK(trap != NULL);
    wasm_trap_delete(trap);
    wasm_func_delete(chain->func);
    chain->finalized++;
}

static void finalizers(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = std_module(store, "(module)");
    chain_t chains[2];
    int i, j;
    for (i = 0; i < 2; i++) {
        wasm_instance_t *instance = std_instance(store, MEMORY_AND_FUNC, NULL, 0);
        wasm_extern_t *item = std_export(instance, 3);
        chains[i].func = wasm_func_copy(wasm_extern_as_func(item));
        chains[i].finalized = 0;
        wasm_extern_delete(item);
        wasm_instance_delete(instance);
        instance = wasm_instance_new(store, module, NULL, NULL);
        wasm_instance_set_host_info_with_finalizer(instance, &chains[i], finalize_chain);
        /* The first dies by a collection, the second with the store. */
        if (i == 0) {
            wasm_instance_delete(instance);
            for (j = 0; j < 2000; j++) wasm_instance_delete(wasm_instance_new(store, module, NULL, NULL));
            CHECK_EQ(chains[0].finalized, 1);
        } else {
            wasm_module_delete(module);
            wasm_store_delete(store);
            CHECK_EQ(chains[1].finalized, 1);
            wasm_instance_delete(instance);
        }
    }
    CHECK_EQ(chains[0].finalized, 1);
}

/* A host function that deletes its store: the store ends when the call returns. */
static wasm_trap_t *delete_store(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    (void)args;
    wasm_store_delete((wasm_store_t *)env);
    results->data[0] = std_i32(5);
    return NULL;
}

static void deleted_inside(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    int finalized = 0;
    wasm_func_t *func = std_func(store, "", "i", delete_store, store, NULL);
    wasm_func_set_host_info_with_finalizer(func, &finalized, std_count);
    CHECK_EQ(std_call_i32(func, 0, 0, 0), 5);
    CHECK_EQ(finalized, 1);
    TRAPPED(wasm_func_call(func, NULL, NULL), "misuse: the store was deleted");
    wasm_func_delete(func);
}

/* A host function that deletes everything that led to it. */
typedef struct all_t {
    wasm_store_t *store;
    wasm_module_t *module;
    wasm_func_t *func;
} all_t;

static wasm_trap_t *delete_everything(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    all_t *all = (all_t *)env;
    (void)args;
    (void)results;
    wasm_module_delete(all->module);
    wasm_func_delete(all->func);
    wasm_store_delete(all->store);
    all->module = NULL;
    all->func = NULL;
    all->store = NULL;
    return NULL;
}

static void all_deleted_inside(wasm_engine_t *engine) {
    all_t all;
    int finalized = 0;
    wasm_extern_t *imports[1];
    wasm_extern_vec_t vec = std_imports(imports, 1);
    wasm_instance_t *instance;
    wasm_trap_t *trap = NULL;
    /* Through a start function. */
    all.store = wasm_store_new(engine);
    all.module = std_module(all.store, "(module (import \"\" \"f\" (func $f)) (memory 1) (start $f))");
    all.func = std_func(all.store, "", "", delete_everything, &all, NULL);
    wasm_func_set_host_info_with_finalizer(all.func, &finalized, std_count);
    imports[0] = wasm_func_as_extern(all.func);
    instance = wasm_instance_new(all.store, all.module, &vec, &trap);
    CHECK(instance != NULL && trap == NULL);
    CHECK(all.store == NULL);
    CHECK_EQ(finalized, 1);
    CHECK(wasm_instance_get_host_info(instance) == NULL);
    wasm_instance_delete(instance);
    /* By a direct call. */
    all.store = wasm_store_new(engine);
    all.func = std_func(all.store, "", "", delete_everything, &all, NULL);
    CHECK(wasm_func_call(all.func, NULL, NULL) == NULL);
    CHECK(all.func == NULL);
}

int main(void) {
    wasm_engine_t *engine = std_engine();
    identity(engine);
    casts(engine);
    host_info(engine);
    after_the_store();
    many_instances(engine);
    finalizers(engine);
    deleted_inside(engine);
    all_deleted_inside(engine);
    wasm_engine_delete(engine);
    return test_end();
}
