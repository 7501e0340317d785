/* Calls in both directions on the ways that are short, and what makes them leave these ways: threads that take a store
 * from each other, re-entry, errors and traps through many levels, values of every kind, the floating-point environment,
 * references. */
#include "test.h"
#include <pthread.h>
#include <semaphore.h>
#include <xmmintrin.h>

#define RAW 1
#define MANY 300

typedef struct {
    updraft_store_t *store;
    updraft_func_t func;
    int calls;
    sem_t inside, leave;
    updraft_status_t status;
} visit;

/* Enters a store so often that it comes to lean on this thread. */
static void settle(updraft_store_t *store) {
    uint32_t running = 0;
    int i;
    for (i = 0; i < 100; i++) OK(updraft_store_is_running(store, &running, E));
}

static updraft_extern_t host_function(updraft_store_t *store, const char *params, const char *results, updraft_callback_t checked,
                                      updraft_raw_callback_t raw, void *env) {
    updraft_functype_t *functype = test_functype(params, results);
    updraft_extern_t item;
    memset(&item, 0, sizeof item);
    item.kind = UPDRAFT_KIND_FUNC;
    if (raw != NULL) {
        OK(updraft_func_new_raw(store, functype, raw, env, NULL, &item.handle, E));
    } else {
        OK(updraft_func_new(store, functype, checked, env, NULL, &item.handle, E));
    }
    updraft_functype_delete(functype);
    return item;
}

/* An instance with one import. */
static updraft_instance_t instance_with(updraft_engine_t *engine, updraft_store_t *store, const char *text, updraft_extern_t import) {
    updraft_module_t *module = test_module(engine, text);
    updraft_instance_t instance = 0;
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    updraft_module_delete(module);
    return instance;
}

static const char adder[] = "(module (import \"\" \"f\" (func $f (param i32 i32) (result i32)))"
                            " (func (export \"f\") (param i32 i32) (result i32) (call $f (local.get 0) (local.get 1)))"
                            " (func (export \"add\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))";

static updraft_error_t *add(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                            updraft_val_t *results, size_t result_count) {
    (void)env, (void)caller, (void)arg_count, (void)result_count;
    results[0].of.i32 = args[0].of.i32 + args[1].of.i32;
    return NULL;
}

static updraft_error_t *add_raw(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
    (void)env, (void)caller, (void)count;
    values[0].i32 = values[0].i32 + values[1].i32;
    return NULL;
}

/* Many calls of each kind, so that the store leans on this thread. */
static void many_calls(updraft_store_t *store, updraft_func_t func) {
    int i;
    for (i = 0; i < MANY; i++) {
        updraft_val_t args[2], result;
        updraft_raw_t cells[2];
        args[0] = test_i32(i);
        args[1] = test_i32(7);
        memset(&result, 0xee, sizeof result);
        OK(updraft_func_call(store, func, args, 2, &result, 1, E));
        CHECK(result.kind == UPDRAFT_VAL_I32 && result.reserved == 0 && result.of.i32 == i + 7);
        memset(cells, 0xee, sizeof cells);
        cells[0].i32 = i;
        cells[1].i32 = 8;
        OK(updraft_func_call_raw(store, func, cells, E));
        CHECK_EQ(cells[0].i32, i + 8);
        /* Arguments and results may lie in one place. */
        OK(updraft_func_call(store, func, args, 2, args, 1, E));
        CHECK_EQ(args[0].of.i32, i + 7);
    }
}

static void *call_there(void *data) {
    visit *mine = (visit *)data;
    many_calls(mine->store, mine->func);
    return NULL;
}

/* A store goes from thread to thread, more often than it can lean on a new one. */
static void wandering_stores(updraft_engine_t *engine) {
    updraft_instance_t instance, raw;
    visit there;
    int round;
    memset(&there, 0, sizeof there);
    there.store = test_store(engine);
    instance = instance_with(engine, there.store, adder, host_function(there.store, "ii", "i", add, NULL, NULL));
    raw = instance_with(engine, there.store, adder, host_function(there.store, "ii", "i", NULL, add_raw, NULL));
    for (round = 0; round < 15; round++) {
        pthread_t thread;
        there.func = test_export(there.store, round % 3 == 2 ? raw : instance, round % 3 ? "f" : "add");
        if (round % 3 == 0) many_calls(there.store, there.func);
        CHECK_EQ(pthread_create(&thread, NULL, call_there, &there), 0);
        CHECK_EQ(pthread_join(thread, NULL), 0);
    }
    many_calls(there.store, there.func);
    OK(updraft_store_delete(there.store, E));
}

static updraft_error_t *sit(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
    visit *mine = (visit *)env;
    updraft_val_t args[2], result;
    (void)caller, (void)count;
    mine->calls++;
    sem_post(&mine->inside);
    while (sem_wait(&mine->leave) != 0) {}
    /* The store is still ours, and open. */
    args[0] = test_i32(20);
    args[1] = test_i32(3);
    mine->status = updraft_func_call(mine->store, mine->func, args, 2, &result, 1, NULL);
    values[0].i32 = result.of.i32;
    return NULL;
}

static void *call_and_sit(void *data) {
    visit *mine = (visit *)data;
    updraft_raw_t cells[2];
    updraft_extern_t f;
    updraft_engine_t *engine = NULL;
    OK(updraft_store_engine(mine->store, &engine, E));
    f.kind = UPDRAFT_KIND_FUNC;
    f.handle = test_export(mine->store, instance_with(engine, mine->store, adder, host_function(mine->store, "ii", "i", NULL, sit, mine)), "f");
    settle(mine->store);
    memset(cells, 0, sizeof cells);
    OK(updraft_func_call_raw(mine->store, f.handle, cells, E));
    CHECK_EQ(cells[0].i32, 23);
    updraft_engine_delete(engine);
    return NULL;
}

/* Whoever comes while a thread is inside is refused, again and again, and harms nothing. */
static void refused_threads(updraft_engine_t *engine) {
    visit there;
    pthread_t thread;
    updraft_val_t args[2], result = test_i32(77);
    updraft_raw_t cells[2];
    size_t count = 77;
    int i;
    memset(&there, 0, sizeof there);
    there.store = test_store(engine);
    there.status = 99;
    sem_init(&there.inside, 0, 0);
    sem_init(&there.leave, 0, 0);
    there.func = test_export(there.store, instance_with(engine, there.store, adder, host_function(there.store, "ii", "i", add, NULL, NULL)), "add");
    settle(there.store);
    CHECK_EQ(pthread_create(&thread, NULL, call_and_sit, &there), 0);
    while (sem_wait(&there.inside) != 0) {}
    args[0] = args[1] = test_i32(1);
    memset(cells, 0, sizeof cells);
    for (i = 0; i < 20; i++) {
        FAILS(BUSY, "another thread", updraft_func_call(there.store, there.func, args, 2, &result, 1, E));
        FAILS(BUSY, "another thread", updraft_func_call_raw(there.store, there.func, cells, E));
        FAILS(BUSY, "another thread", updraft_store_instance_count(there.store, &count, E));
        FAILS(BUSY, "another thread", updraft_store_delete(there.store, E));
    }
    CHECK(count == 77 && result.of.i32 == 77);
    sem_post(&there.leave);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(there.status == UPDRAFT_STATUS_OK && there.calls == 1);
    many_calls(there.store, there.func);
    OK(updraft_store_delete(there.store, E));
    sem_destroy(&there.inside);
    sem_destroy(&there.leave);
}

/* Threads that take a store from each other as fast as they can: each call works or is refused. */
typedef struct {
    updraft_store_t *store;
    updraft_func_t func;
    int *inside, *done;
} rival;

static updraft_error_t *alone(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
    int *inside = (int *)env;
    (void)caller, (void)count;
    if (__atomic_fetch_add(inside, 1, __ATOMIC_RELAXED) != 0) values[1].i32 = -1000;
    __atomic_fetch_sub(inside, 1, __ATOMIC_RELAXED);
    values[0].i32 += values[1].i32;
    return NULL;
}

static void *fight(void *data) {
    rival *mine = (rival *)data;
    int calls = 0;
    while (calls < 2000) {
        updraft_raw_t cells[2];
        updraft_status_t status;
        cells[0].i32 = calls;
        cells[1].i32 = 1;
        status = updraft_func_call_raw(mine->store, mine->func, cells, NULL);
        if (status == UPDRAFT_STATUS_BUSY) {
            sched_yield();
            continue;
        }
        if (status != UPDRAFT_STATUS_OK || cells[0].i32 != calls + 1) return NULL;
        calls++;
    }
    __atomic_fetch_add(mine->done, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void rivals(updraft_engine_t *engine) {
    pthread_t threads[3];
    rival mine;
    int i, inside = 0, done = 0;
    mine.store = test_store(engine);
    mine.inside = &inside;
    mine.done = &done;
    mine.func = test_export(mine.store, instance_with(engine, mine.store, adder, host_function(mine.store, "ii", "i", NULL, alone, &inside)), "f");
    settle(mine.store);
    for (i = 0; i < 3; i++) CHECK_EQ(pthread_create(&threads[i], NULL, fight, &mine), 0);
    for (i = 0; i < 3; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK(done == 3 && inside == 0);
    OK(updraft_store_delete(mine.store, E));
}

/* Down and up again: C, WebAssembly, C, ... each level through another kind of call. */
typedef struct {
    updraft_store_t *store;
    updraft_func_t func;
    updraft_caller_t *last;
    int error;
    int traps;
} ladder;

static updraft_error_t *step(ladder *mine, updraft_caller_t *caller, int32_t depth, int32_t *result) {
    updraft_error_t *error = NULL;
    updraft_memory_t memory = 0;
    uint8_t byte = 0;
    uint32_t running = 0;
    CHECK(updraft_caller_store(caller) == mine->store);
    OK(updraft_store_is_running(mine->store, &running, E));
    CHECK_EQ(running, 1);
    OK(updraft_caller_memory(caller, &memory, E));
    OK(updraft_memory_read(mine->store, memory, 5, &byte, 1, E));
    CHECK_EQ(byte, 42);
    mine->last = caller;
    if (depth == 0) {
        if (mine->error) return updraft_error_new(TEXT("from the bottom"), NULL, NULL);
        *result = 1000;
        return NULL;
    }
    if (depth % 2 == 0) {
        updraft_val_t arg = test_i32(depth - 1), value;
        updraft_func_call(mine->store, mine->func, &arg, 1, &value, 1, &error);
        *result = value.of.i32;
    } else {
        updraft_raw_t cell;
        cell.i32 = depth - 1;
        updraft_func_call_raw(mine->store, mine->func, &cell, &error);
        *result = cell.i32;
    }
    /* The caller is still the caller. */
    OK(updraft_caller_memory(caller, &memory, E));
    return error;
}

static updraft_error_t *step_checked(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                     updraft_val_t *results, size_t result_count) {
    (void)arg_count, (void)result_count;
    return step((ladder *)env, caller, args[0].of.i32, &results[0].of.i32);
}

static updraft_error_t *step_raw(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
    int32_t result = 0;
    updraft_error_t *error = step((ladder *)env, caller, values[0].i32, &result);
    (void)count;
    values[0].i32 = result;
    return error;
}

static void ladders(updraft_engine_t *engine) {
    static const char text[] = "(module (import \"\" \"f\" (func $f (param i32) (result i32)))"
                               " (memory (export \"memory\") 1) (data (i32.const 5) \"*\")"
                               " (func (export \"g\") (param i32) (result i32)"
                               "   (if (i32.eq (local.get 0) (i32.const 77)) (then unreachable))"
                               "   (i32.add (call $f (local.get 0)) (i32.const 1))))";
    ladder mine;
    int raw, i;
    for (raw = 0; raw < 2; raw++) {
        updraft_val_t arg = test_i32(9), result;
        updraft_raw_t cell;
        updraft_memory_t memory = 0;
        memset(&mine, 0, sizeof mine);
        mine.store = test_store(engine);
        mine.func = test_export(mine.store,
                                instance_with(engine, mine.store, text, host_function(mine.store, "i", "i", step_checked, raw ? step_raw : NULL, &mine)), "g");
        for (i = 0; i < 20; i++) {
            mine.error = 0;
            OK(updraft_func_call(mine.store, mine.func, &arg, 1, &result, 1, E));
            CHECK_EQ(result.of.i32, 1010);
            /* An error from the bottom comes up through all levels as it was. */
            mine.error = 1;
            memset(&result, 0xee, sizeof result);
            TRAPS(HOST, updraft_func_call(mine.store, mine.func, &arg, 1, &result, 1, E));
            FAILS(TRAP, "from the bottom", updraft_func_call(mine.store, mine.func, &arg, 1, &result, 1, E));
            CHECK_EQ(result.kind, 0xeeeeeeee);
            cell.i32 = 8;
            FAILS(TRAP, "from the bottom", updraft_func_call_raw(mine.store, mine.func, &cell, E));
            /* And so does a trap. */
            arg = test_i32(77);
            TRAPS(UNREACHABLE, updraft_func_call(mine.store, mine.func, &arg, 1, &result, 1, E));
            arg = test_i32(9);
        }
        /* Nothing runs any more, and the caller that was kept is none. */
        OK(updraft_store_collect(mine.store, NULL, E));
        if (!test_tool("asan") && !test_tool("valgrind")) {
            FAILS(MISUSE, "caller is not", updraft_caller_memory(mine.last, &memory, E));
        }
        OK(updraft_store_delete(mine.store, E));
    }
}

/* A value of every kind, and more values than there is room for on the short way. */
static updraft_error_t *mirror(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                               updraft_val_t *results, size_t result_count) {
    size_t i;
    (void)env, (void)caller;
    CHECK_EQ(arg_count, result_count);
    for (i = 0; i < arg_count; i++) {
        updraft_val_t zero;
        memset(&zero, 0, sizeof zero);
        CHECK(results[i].kind == args[i].kind && results[i].reserved == 0);
        CHECK(memcmp(&results[i].of, &zero.of, sizeof zero.of) == 0);
        results[i] = args[i];
    }
    return NULL;
}

static void all_kinds(updraft_engine_t *engine) {
    static const struct {
        const char *letters, *types;
    } shapes[] = {{"iIfFv", "i32 i64 f32 f64 v128"},
                  {"", ""},
                  {"v", "v128"},
                  {"iIfFviIfFviIfFviIfFv", "i32 i64 f32 f64 v128 i32 i64 f32 f64 v128 i32 i64 f32 f64 v128 i32 i64 f32 f64 v128"},
                  {"IIIIIIII", "i64 i64 i64 i64 i64 i64 i64 i64"}};
    size_t shape, i;
    for (shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
        updraft_store_t *store = test_store(engine);
        const char *letters = shapes[shape].letters, *types = shapes[shape].types;
        size_t count = strlen(letters), length = 0;
        updraft_val_t args[20], results[20];
        char text[2048];
        int round;
        length += (size_t)snprintf(text, sizeof text, "(module (import \"\" \"f\" (func $f (param %s) (result %s)))", types, types);
        length += (size_t)snprintf(text + length, sizeof text - length, "(func (export \"f\") (param %s) (result %s)", types, types);
        for (i = 0; i < count; i++) length += (size_t)snprintf(text + length, sizeof text - length, "(local.get %zu)", i);
        snprintf(text + length, sizeof text - length, "(call $f)))");
        updraft_func_t func =
            test_export(store, instance_with(engine, store, text, host_function(store, letters, letters, mirror, NULL, NULL)), "f");
        for (round = 0; round < 3; round++) {
            memset(args, 0x5a + round, sizeof args);
            memset(results, 0, sizeof results);
            for (i = 0; i < count; i++) {
                static const updraft_valtype_t kinds[] = {UPDRAFT_VAL_I32, UPDRAFT_VAL_I64, UPDRAFT_VAL_F32, UPDRAFT_VAL_F64, UPDRAFT_VAL_V128};
                args[i].kind = kinds[strchr("iIfFv", letters[i]) - "iIfFv"];
                /* Signalling NaNs must come through as they are. */
                if (round == 2 && letters[i] == 'f') args[i].of.i32 = 0x7fa00001;
                if (round == 2 && letters[i] == 'F') args[i].of.i64 = INT64_C(0x7ff4000000000001);
            }
            OK(updraft_func_call(store, func, args, count, results, count, E));
            for (i = 0; i < count; i++) {
                static const uint8_t zero[sizeof results[0].of] = { 0 };
                size_t size = letters[i] == 'v' ? 16 : letters[i] == 'i' || letters[i] == 'f' ? 4 : 8;
                CHECK(results[i].kind == args[i].kind && results[i].reserved == 0);
                CHECK(memcmp(&results[i].of, &args[i].of, size) == 0);
                CHECK(memcmp((const char *)&results[i].of + size, zero, sizeof zero - size) == 0);
            }
        }
        OK(updraft_store_delete(store, E));
    }
}

/* Which kinds of wrong values leave the short way with a reason. */
static updraft_error_t *wrong_kind(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                   updraft_val_t *results, size_t result_count) {
    (void)caller, (void)args, (void)arg_count, (void)result_count;
    results[0].kind = *(updraft_valtype_t *)env;
    return NULL;
}

static void wrong_values(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine), *other = test_store(engine);
    updraft_valtype_t kind = 0;
    updraft_instance_t instance = instance_with(engine, store, adder, host_function(store, "ii", "i", wrong_kind, NULL, &kind));
    updraft_func_t func = test_export(store, instance, "add"), host = test_export(store, instance, "f");
    updraft_val_t args[2], result = test_i32(77);
    updraft_raw_t cells[3];
    int round;
    for (round = 0; round < MANY; round++) {
        args[0] = test_i32(1);
        args[1] = test_i64(2);
        FAILS(MISUSE, "args[1]", updraft_func_call(store, func, args, 2, &result, 1, E));
        args[1].kind = 4711;
        FAILS(MISUSE, "4711", updraft_func_call(store, func, args, 2, &result, 1, E));
        args[1] = test_i32(2);
        FAILS(MISUSE, "args: 1 given", updraft_func_call(store, func, args, 1, &result, 1, E));
        FAILS(MISUSE, "results: room for 2", updraft_func_call(store, func, args, 2, &result, 2, E));
        FAILS(MISUSE, "args is NULL", updraft_func_call(store, func, NULL, 2, &result, 1, E));
        FAILS(MISUSE, "results is NULL", updraft_func_call(store, func, args, 2, NULL, 1, E));
        FAILS(MISUSE, "values is NULL", updraft_func_call_raw(store, func, NULL, E));
        FAILS(MISUSE, "aligned", updraft_func_call_raw(store, func, (updraft_raw_t *)(void *)((char *)cells + 8), E));
        FAILS(MISUSE, "another store", updraft_func_call(other, func, args, 2, &result, 1, E));
        FAILS(MISUSE, "expected a function", updraft_func_call(store, instance, args, 2, &result, 1, E));
        FAILS(MISUSE, "no handle", updraft_func_call(store, 0, args, 2, &result, 1, E));
        FAILS(MISUSE, "reclaimed", updraft_func_call(store, func + 1000, args, 2, &result, 1, E));
        FAILS(MISUSE, "not an object", updraft_func_call((updraft_store_t *)engine, func, args, 2, &result, 1, E));
        FAILS(MISUSE, "store is NULL", updraft_func_call(NULL, func, args, 2, &result, 1, E));
        CHECK_EQ(result.of.i32, 77);
        kind = UPDRAFT_VAL_F32;
        FAILS(TRAP, "results[0] of a host function is f32, its type says i32", updraft_func_call(store, host, args, 2, &result, 1, E));
        kind = 99;
        FAILS(TRAP, "unknown kind 99", updraft_func_call(store, host, args, 2, &result, 1, E));
        CHECK_EQ(result.of.i32, 77);
    }
    OK(updraft_store_delete(store, E));
    OK(updraft_store_delete(other, E));
}

/* References leave the short way, and are released when the call around ends. */
static updraft_error_t *give_object(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                    updraft_val_t *results, size_t result_count) {
    updraft_store_t *store = updraft_caller_store(caller);
    (void)args, (void)arg_count, (void)result_count;
    OK(updraft_externref_new(store, env, test_finalizer, &results[0].of.handle, E));
    return NULL;
}

static void handed_over(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    int finalized = 0, i;
    updraft_instance_t instance = instance_with(engine, store,
                                                "(module (import \"\" \"f\" (func $f (result externref)))"
                                                " (func (export \"is_null\") (result i32) (ref.is_null (call $f))))",
                                                host_function(store, "", "e", give_object, NULL, &finalized));
    updraft_func_t func = test_export(store, instance, "is_null");
    for (i = 1; i <= 100; i++) {
        updraft_val_t result;
        OK(updraft_func_call(store, func, NULL, 0, &result, 1, E));
        CHECK_EQ(result.of.i32, 0);
        OK(updraft_store_collect(store, NULL, E));
        CHECK_EQ(finalized, i);
    }
    OK(updraft_store_delete(store, E));
}

/* The host rounds up and flushes to zero: so do its callbacks, and WebAssembly does not. */
static unsigned control(void) {
    return _mm_getcsr() & 0xffc0u;
}

/* An unusual environment. (valgrind does not know how to flush.) */
static unsigned odd_one(unsigned usual) {
    return (usual & ~0x6000u) | 0x4000u | (test_tool("valgrind") ? 0u : 0x8040u);
}

static updraft_error_t *third(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                              updraft_val_t *results, size_t result_count) {
    (void)caller, (void)arg_count, (void)result_count;
    *(unsigned *)env = control();
    results[0] = args[0];
    return NULL;
}

static updraft_error_t *third_raw(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
    (void)caller, (void)values, (void)count;
    *(unsigned *)env = control();
    return NULL;
}

static updraft_error_t *fail(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                             updraft_val_t *results, size_t result_count) {
    (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    *(unsigned *)env = control();
    return updraft_error_new(TEXT("on purpose"), NULL, NULL);
}

static void float_environments(updraft_engine_t *engine) {
    const unsigned usual = _mm_getcsr(), unusual = odd_one(usual);
    int way, i;
    for (way = 0; way < 3; way++) {
        unsigned seen = 0;
        updraft_store_t *store = test_store(engine);
        updraft_extern_t f = host_function(store, "F", "F", way == 2 ? fail : third, way == RAW ? third_raw : NULL, &seen);
        updraft_func_t func = test_export(store,
                                          instance_with(engine, store,
                                                        "(module (import \"\" \"f\" (func $f (param f64) (result f64)))"
                                                        " (func (export \"third\") (param f64) (result f64)"
                                                        "   (drop (call $f (local.get 0)))"
                                                        "   (f64.div (f64.const 1) (local.get 0))))",
                                                        f),
                                          "third");
        for (i = 0; i < 200; i++) {
            int odd = i % 3 != 0;
            updraft_val_t arg, result;
            updraft_status_t status;
            memset(&arg, 0, sizeof arg);
            memset(&result, 0, sizeof result);
            arg.kind = UPDRAFT_VAL_F64;
            arg.of.i64 = INT64_C(0x4008000000000000);
            if (odd) _mm_setcsr(unusual);
            status = updraft_func_call(store, func, &arg, 1, &result, 1, NULL);
            unsigned after = control();
            _mm_setcsr(usual);
            CHECK_EQ(after, (odd ? unusual : usual) & 0xffc0u);
            CHECK_EQ(seen, (odd ? unusual : usual) & 0xffc0u);
            CHECK_EQ(status, way == 2 ? UPDRAFT_STATUS_TRAP : UPDRAFT_STATUS_OK);
            /* 1/3, rounded to the nearest. */
            if (way != 2) CHECK_EQ(result.of.i64, INT64_C(0x3fd5555555555555));
        }
        OK(updraft_store_delete(store, E));
    }
}

/* A function that cannot tell the environment is called in any; what it stands beside can tell. */
static void leaves(updraft_engine_t *engine) {
    const unsigned usual = _mm_getcsr(), unusual = odd_one(usual);
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance = test_instance(store, "(module (func (export \"add\") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))"
                                                       " (func (export \"half\") (param i64 i64) (result i64)"
                                                       "   (i64.reinterpret_f64 (f64.mul (f64.reinterpret_i64 (local.get 0)) (f64.const 0.5))))"
                                                       " (func $half (param i64) (result i64)"
                                                       "   (i64.reinterpret_f64 (f64.mul (f64.reinterpret_i64 (local.get 0)) (f64.const 0.5))))"
                                                       " (func (export \"call\") (param i64 i64) (result i64) (call $half (local.get 0))))");
    updraft_func_t add = test_export(store, instance, "add"), half = test_export(store, instance, "half"), call = test_export(store, instance, "call");
    int i;
    for (i = 0; i < 100; i++) {
        updraft_raw_t sum[2], halves[2], calls[2];
        updraft_status_t status[3];
        unsigned after;
        sum[0].i64 = halves[0].i64 = calls[0].i64 = INT64_C(0x0010000000000000);
        sum[1].i64 = halves[1].i64 = calls[1].i64 = i;
        if (i % 2) _mm_setcsr(unusual);
        status[0] = updraft_func_call_raw(store, add, sum, NULL);
        status[1] = updraft_func_call_raw(store, half, halves, NULL);
        status[2] = updraft_func_call_raw(store, call, calls, NULL);
        after = control();
        _mm_setcsr(usual);
        CHECK_EQ(after, (i % 2 ? unusual : usual) & 0xffc0u);
        CHECK(status[0] == UPDRAFT_STATUS_OK && status[1] == UPDRAFT_STATUS_OK && status[2] == UPDRAFT_STATUS_OK);
        /* The half of the smallest normal number, which is not flushed. */
        CHECK_EQ(sum[0].i64, INT64_C(0x0010000000000000) + i);
        CHECK_EQ(halves[0].i64, INT64_C(0x0008000000000000));
        CHECK_EQ(calls[0].i64, INT64_C(0x0008000000000000));
    }
    OK(updraft_store_delete(store, E));
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    wandering_stores(engine);
    refused_threads(engine);
    rivals(engine);
    ladders(engine);
    all_kinds(engine);
    wrong_values(engine);
    handed_over(engine);
    float_environments(engine);
    leaves(engine);
    updraft_engine_delete(engine);
    return test_end();
}
