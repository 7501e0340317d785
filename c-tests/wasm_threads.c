/* The standard API on several threads: a shared module, objects deleted elsewhere, a store that is in use. */
#include "wasm_test.h"

#include <pthread.h>
#include <sched.h>

enum { THREADS = 10, ROUNDS = 20 };

static wasm_trap_t *remember(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    (void)results;
    *(int *)env += args->data[0].of.i32;
    return NULL;
}

typedef struct worker_t {
    wasm_engine_t *engine;
    const wasm_shared_module_t *module;
    int id;
    int sum;
    int made;
} worker_t;

/* A store of the thread's own, and instances of the shared module in it. */
static void *work(void *data) {
    worker_t *worker = (worker_t *)data;
    wasm_store_t *store = wasm_store_new(worker->engine);
    wasm_module_t *module = wasm_module_obtain(store, worker->module);
    int round;
    for (round = 0; round < ROUNDS; round++) {
        wasm_functype_t *functype = std_functype("i", "");
        wasm_globaltype_t *globaltype = wasm_globaltype_new(wasm_valtype_new_i32(), WASM_CONST);
        wasm_func_t *func = wasm_func_new_with_env(store, functype, remember, &worker->sum, NULL);
        wasm_val_t val;
        wasm_global_t *global;
        wasm_extern_t *imports[2];
        wasm_extern_vec_t vec = std_imports(imports, 2);
        wasm_instance_t *instance;
        memset(&val, 0, sizeof val);
        val.kind = WASM_I32;
        val.of.i32 = worker->id;
        global = wasm_global_new(store, globaltype, &val);
        imports[0] = wasm_func_as_extern(func);
        imports[1] = wasm_global_as_extern(global);
        instance = wasm_instance_new(store, module, &vec, NULL);
        if (instance != NULL) {
            wasm_extern_vec_t exports;
            wasm_instance_exports(instance, &exports);
            wasm_instance_delete(instance);
            if (wasm_func_call(wasm_extern_as_func(exports.data[0]), NULL, NULL) == NULL) worker->made++;
            wasm_extern_vec_delete(&exports);
        }
        wasm_func_delete(func);
        wasm_global_delete(global);
        wasm_functype_delete(functype);
        wasm_globaltype_delete(globaltype);
    }
    wasm_module_delete(module);
    wasm_store_delete(store);
    return NULL;
}

static void shared_module(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = std_module(store, "(module (import \"\" \"f\" (func $f (param i32))) (import \"\" \"id\" (global $id i32))"
                                              " (func (export \"run\") (call $f (global.get $id))))");
    wasm_shared_module_t *shared = wasm_module_share(module);
    worker_t workers[THREADS];
    pthread_t threads[THREADS];
    int i;
    wasm_module_delete(module);
    wasm_store_delete(store);
    for (i = 0; i < THREADS; i++) {
        memset(&workers[i], 0, sizeof workers[i]);
        workers[i].engine = engine;
        workers[i].module = shared;
        workers[i].id = i + 1;
        CHECK_EQ(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
        CHECK_EQ(workers[i].made, ROUNDS);
        CHECK_EQ(workers[i].sum, ROUNDS * (i + 1));
    }
    wasm_shared_module_delete(shared);
}

/* A second thread, while the first runs a host function in the store: failures, but for deleting. */
typedef struct intruder_t {
    wasm_store_t *store;
    wasm_func_t *func;
    wasm_foreign_t *foreign;
    wasm_trap_t *trap;
    int refused;
} intruder_t;

static void *intrude(void *data) {
    intruder_t *intruder = (intruder_t *)data;
    intruder->trap = wasm_func_call(intruder->func, NULL, NULL);
    intruder->refused = wasm_foreign_new(intruder->store) == NULL && wasm_func_type(intruder->func) == NULL;
    wasm_foreign_delete(intruder->foreign);
    return NULL;
}

static wasm_trap_t *let_intrude(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    pthread_t thread;
    (void)args;
    (void)results;
    CHECK_EQ(pthread_create(&thread, NULL, intrude, env), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return NULL;
}

static void in_use(wasm_engine_t *engine) {
    intruder_t intruder;
    int finalized = 0, i;
    wasm_module_t *module;
    memset(&intruder, 0, sizeof intruder);
    intruder.store = wasm_store_new(engine);
    intruder.foreign = wasm_foreign_new(intruder.store);
    wasm_foreign_set_host_info_with_finalizer(intruder.foreign, &finalized, std_count);
    intruder.func = std_func(intruder.store, "", "", let_intrude, &intruder, NULL);
    CHECK(wasm_func_call(intruder.func, NULL, NULL) == NULL);
    TRAPPED(intruder.trap, "busy: the store is in use by another thread");
    CHECK(intruder.refused);
    /* The store goes on, and the object that was deleted over there dies. */
    module = std_module(intruder.store, "(module)");
    for (i = 0; i < 2000; i++) wasm_instance_delete(wasm_instance_new(intruder.store, module, NULL, NULL));
    CHECK_EQ(finalized, 1);
    wasm_module_delete(module);
    wasm_func_delete(intruder.func);
    wasm_store_delete(intruder.store);
}

/* Objects that one thread makes and another deletes, while the first goes on. */
typedef struct queue_t {
    wasm_instance_t *items[256];
    int count;
    int closed;
    pthread_mutex_t lock;
} queue_t;

static void *delete_all(void *data) {
    queue_t *queue = (queue_t *)data;
    for (;;) {
        wasm_instance_t *item = NULL;
        int closed;
        pthread_mutex_lock(&queue->lock);
        closed = queue->closed;
        if (queue->count != 0) item = queue->items[--queue->count];
        pthread_mutex_unlock(&queue->lock);
        wasm_instance_delete(item);
        if (item == NULL && closed) return NULL;
        if (item == NULL) sched_yield();
    }
}

static int alive = 0;

static void dead(void *data) {
    (void)data;
    alive--;
}

static void deleted_elsewhere(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = std_module(store, "(module (func (export \"f\")))");
    queue_t queue;
    pthread_t thread;
    int made;
    memset(&queue, 0, sizeof queue);
    pthread_mutex_init(&queue.lock, NULL);
    CHECK_EQ(pthread_create(&thread, NULL, delete_all, &queue), 0);
    for (made = 0; made < 5000; made++) {
        wasm_instance_t *instance = wasm_instance_new(store, module, NULL, NULL);
        if (instance == NULL) test_stop("a delete on another thread got in the way");
        wasm_instance_set_host_info_with_finalizer(instance, NULL, dead);
        CHECK(alive + made >= 0);
        pthread_mutex_lock(&queue.lock);
        if (queue.count < 256) {
            queue.items[queue.count++] = instance;
            instance = NULL;
        }
        pthread_mutex_unlock(&queue.lock);
        wasm_instance_delete(instance);
    }
    pthread_mutex_lock(&queue.lock);
    queue.closed = 1;
    pthread_mutex_unlock(&queue.lock);
    pthread_join(thread, NULL);
    pthread_mutex_destroy(&queue.lock);
    wasm_module_delete(module);
    wasm_store_delete(store);
    CHECK_EQ(alive, -made);
}

int main(void) {
    wasm_engine_t *engine = std_engine();
    shared_module(engine);
    in_use(engine);
    deleted_elsewhere(engine);
    wasm_engine_delete(engine);
    return test_end();
}
