/* Interrupts: from any thread, before and during a call, taken back, after the store went; deadlines. */
#include "test.h"

#include <pthread.h>
#include <sched.h>

static const char *const endless =
    "(module (func (export \"loop\") (loop $l (br $l)))"
    " (func $deep (export \"deep\") (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))))))"
    " (func (export \"quick\") (result i32) (i32.const 7))"
    " (memory (export \"m\") 1 1 shared)"
    " (func (export \"wait\") (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))";

/* Lets the other thread get into its call; the outcome is the same if it does not. */
static void yield_for_a_while(void) {
    int i;
    for (i = 0; i < 100; i++) sched_yield();
}

static void *interrupt_soon(void *data) {
    yield_for_a_while();
    updraft_interrupt_trigger((updraft_interrupt_t *)data, NULL);
    return NULL;
}

/* A call without end is ended by another thread. */
static void ended_from_outside(updraft_store_t *store, updraft_interrupt_t *interrupt, updraft_func_t func,
                               updraft_val_t *results, size_t result_count) {
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, interrupt_soon, interrupt), 0);
    TRAPS(INTERRUPT, updraft_func_call(store, func, NULL, 0, results, result_count, E));
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance = test_instance(store, endless);
    updraft_func_t loop = test_export(store, instance, "loop"), quick = test_export(store, instance, "quick"),
                   deep = test_export(store, instance, "deep"), wait = test_export(store, instance, "wait");
    updraft_interrupt_t *interrupt = NULL, *copy = NULL;
    updraft_val_t result, depth = test_i32(10);
    uint32_t pending = 9;
    int i;

    OK(updraft_store_interrupt_handle(store, &interrupt, E));
    OK(updraft_interrupt_is_pending(interrupt, &pending, E));
    CHECK_EQ(pending, 0);

    /* The next call is hit, once. */
    OK(updraft_interrupt_trigger(interrupt, E));
    OK(updraft_interrupt_is_pending(interrupt, &pending, E));
    CHECK_EQ(pending, 1);
    TRAPS(INTERRUPT, updraft_func_call(store, deep, &depth, 1, NULL, 0, E));
    OK(updraft_interrupt_is_pending(interrupt, &pending, E));
    CHECK_EQ(pending, 0);
    OK(updraft_func_call(store, deep, &depth, 1, NULL, 0, E));
    OK(updraft_func_call(store, quick, NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 7);

    /* Taken back. */
    OK(updraft_interrupt_trigger(interrupt, E));
    OK(updraft_interrupt_clear(interrupt, E));
    OK(updraft_func_call(store, deep, &depth, 1, NULL, 0, E));

    for (i = 0; i < 3; i++) ended_from_outside(store, interrupt, loop, NULL, 0);
    ended_from_outside(store, interrupt, wait, &result, 1);

    /* Deadlines: passed, not reached, none at all. */
    TRAPS(DEADLINE, updraft_func_call_with_timeout(store, loop, NULL, 0, NULL, 0, 20000000, E));
    TRAPS(DEADLINE, updraft_func_call_with_timeout(store, wait, NULL, 0, &result, 1, 20000000, E));
    TRAPS(DEADLINE, updraft_func_call_with_timeout(store, loop, NULL, 0, NULL, 0, 0, E));
    OK(updraft_func_call_with_timeout(store, quick, NULL, 0, &result, 1, UINT64_C(60000000000), E));
    OK(updraft_func_call_with_timeout(store, quick, NULL, 0, &result, 1, UINT64_MAX, E));
    CHECK_EQ(result.of.i32, 7);
    OK(updraft_func_call(store, quick, NULL, 0, &result, 1, E));

    /* References, and life beyond the store. */
    OK(updraft_interrupt_clone(interrupt, &copy, E));
    CHECK(copy == interrupt);
    updraft_interrupt_delete(interrupt);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    OK(updraft_interrupt_trigger(copy, E));
    OK(updraft_interrupt_is_pending(copy, &pending, E));
    OK(updraft_interrupt_clear(copy, E));
    updraft_interrupt_delete(copy);
    updraft_interrupt_delete(NULL);
    return test_end();
}
