/* Events: what is replayed, what is live, masks and scopes, full queues, the descriptor, callbacks, ends, a fork. */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const five =
    "(module (import \"\" \"h\" (func)) (func (export \"a\")) (func (export \"b\")) (func (export \"c\"))"
    " (func (export \"d\") (result i32) (i32.const 7)) (func (export \"e\")))";

static updraft_engine_t *lazy_engine(void) {
    updraft_engine_t *engine = NULL;
    updraft_config_t *config = test_config();
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    return engine;
}

static updraft_subscription_t *subscribe(const updraft_engine_t *engine, uint64_t module_id, size_t capacity) {
    updraft_subscription_t *subscription = NULL;
    if (updraft_subscription_new(engine, module_id, UPDRAFT_EVENT_MASK_ALL, capacity, &subscription, E) !=
        UPDRAFT_STATUS_OK) {
        test_stop("updraft_subscription_new");
    }
    return subscription;
}

static uint64_t id_of(const updraft_module_t *module) {
    uint64_t id = 0;
    OK(updraft_module_id(module, &id, E));
    CHECK(id > 0);
    return id;
}

/* What the queue holds, up to 16 events. */
static size_t drain(const updraft_subscription_t *subscription, updraft_event_t *events) {
    size_t count = 99;
    OK(updraft_subscription_drain(subscription, events, 16, sizeof *events, &count, E));
    return count;
}

static int is_readable(const updraft_subscription_t *subscription) {
    struct pollfd look;
    memset(&look, 0, sizeof look);
    OK(updraft_subscription_fd(subscription, &look.fd, E));
    look.events = POLLIN;
    return poll(&look, 1, 0) == 1;
}

/* Instantiates a module with one import, in a store of its own. */
static updraft_store_t *run(const updraft_engine_t *engine, const updraft_module_t *module, updraft_instance_t *instance) {
    updraft_store_t *store = test_store(engine);
    updraft_linker_t *linker = NULL;
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_unknown_imports_as_traps(linker, module, E));
    OK(updraft_linker_instantiate(linker, store, module, instance, E));
    updraft_linker_delete(linker);
    return store;
}

static void call(updraft_store_t *store, updraft_instance_t instance, const char *name) {
    OK(updraft_func_call(store, test_export(store, instance, name), NULL, 0, NULL, 0, E));
}

/* The past once, then what happens, then the end. */
static void a_life(void) {
    updraft_engine_t *engine = lazy_engine();
    updraft_module_t *module = test_module(engine, five);
    updraft_subscription_t *all = subscribe(engine, 0, 16), *own = subscribe(engine, id_of(module), 16), *closed = NULL;
    updraft_event_t events[16];
    updraft_instance_t instance = 0;
    updraft_store_t *store;
    OK(updraft_subscription_new(engine, 0, UINT32_C(1) << UPDRAFT_EVENT_CLOSED, 1, &closed, E));

    OK(updraft_subscription_wait(all, UINT64_MAX, E));
    CHECK(is_readable(all) && !is_readable(closed));
    CHECK_EQ(drain(all, events), 1);
    CHECK_EQ(events[0].kind, UPDRAFT_EVENT_BASELINE_FINISHED);
    CHECK_EQ(events[0].size, sizeof events[0]);
    CHECK_EQ(events[0].module_id, id_of(module));
    CHECK(events[0].seq > 0 && events[0].time_ns > 0);
    CHECK_EQ(events[0].func, UPDRAFT_NO_FUNC);
    CHECK_EQ(drain(all, events), 0);
    CHECK(!is_readable(all));
    FAILS(TIMEOUT, "no event", updraft_subscription_wait(all, 0, E));
    FAILS(TIMEOUT, "no event", updraft_subscription_wait(all, 1000000, E));

    store = run(engine, module, &instance);
    call(store, instance, "c");
    OK(updraft_subscription_wait(all, 0, E));
    CHECK_EQ(drain(all, events), 2);
    CHECK_EQ(events[0].kind, UPDRAFT_EVENT_FUNCTION_TIERED);
    CHECK_EQ(events[0].func, 3);
    CHECK(events[0].from_tier == 0 && events[0].to_tier == UPDRAFT_TIER_BASELINE);
    CHECK(events[0].began_ns > 0 && events[0].began_ns + events[0].duration_ns <= events[0].time_ns);
    CHECK(events[0].code_size > 0 && events[0].duration_ns > 0 && events[0].status == UPDRAFT_STATUS_OK);
    CHECK_EQ(events[0].worker, UPDRAFT_NO_WORKER);
    CHECK_EQ(events[1].kind, UPDRAFT_EVENT_COMPILATION_CHUNK);
    CHECK_EQ(events[1].count, 1);
    CHECK_EQ(events[1].code_size, events[0].code_size);
    CHECK(events[1].seq > events[0].seq && events[1].time_ns >= events[0].time_ns);
    CHECK_EQ(drain(own, events), 3);
    CHECK_EQ(drain(closed, events), 0);

    updraft_module_delete(module);
    CHECK_EQ(drain(own, events), 0);
    OK(updraft_store_delete(store, E));
    CHECK_EQ(drain(closed, events), 1);
    CHECK_EQ(events[0].kind, UPDRAFT_EVENT_CLOSED);
    CHECK_EQ(drain(own, events), 1);
    FAILS(CANCELLED, "no event will come", updraft_subscription_wait(own, UINT64_MAX, E));
    CHECK(is_readable(own));
    /* What is gone is forgotten. */
    updraft_subscription_delete(closed);
    closed = subscribe(engine, 0, 1);
    CHECK_EQ(drain(closed, events), 0);
    updraft_engine_delete(engine);
    FAILS(CANCELLED, "no event will come", updraft_subscription_wait(closed, UINT64_MAX, E));
    updraft_subscription_delete(closed);
    updraft_subscription_delete(own);
    updraft_subscription_delete(all);
}

/* Modules that cannot be made. */
static void failures(void) {
    updraft_engine_t *engine = lazy_engine();
    updraft_subscription_t *all = subscribe(engine, 0, 16);
    updraft_module_t *module = NULL;
    updraft_event_t events[16];
    static const uint8_t bad[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1};
    FAILS(INVALID, "", updraft_module_new(engine, bad, sizeof bad, &module, E));
    CHECK_EQ(drain(all, events), 1);
    CHECK_EQ(events[0].kind, UPDRAFT_EVENT_FAILED);
    CHECK_EQ(events[0].status, UPDRAFT_STATUS_INVALID);
    updraft_subscription_delete(all);
    updraft_engine_delete(engine);
}

/* A queue for two events. */
static void overflow(void) {
    static const char *const names[] = {"a", "b", "c", "e"};
    updraft_engine_t *engine = lazy_engine();
    updraft_module_t *module = test_module(engine, five);
    updraft_subscription_t *small = NULL;
    updraft_event_t events[16];
    updraft_instance_t instance = 0;
    updraft_store_t *store = run(engine, module, &instance);
    uint64_t dropped = 99;
    size_t i;
    OK(updraft_subscription_new(engine, 0, UINT32_C(1) << UPDRAFT_EVENT_FUNCTION_TIERED, 2, &small, E));
    OK(updraft_subscription_dropped(small, &dropped, E));
    CHECK_EQ(dropped, 0);
    for (i = 0; i < 4; i++) call(store, instance, names[i]);
    OK(updraft_subscription_dropped(small, &dropped, E));
    CHECK_EQ(dropped, 2);
    CHECK_EQ(drain(small, events), 3);
    CHECK(events[0].func == 1 && events[1].func == 2);
    CHECK(events[2].kind == UPDRAFT_EVENT_RESYNC && events[2].count == 2 && events[2].seq > events[1].seq);
    CHECK_EQ(events[2].module_id, 0);
    CHECK_EQ(drain(small, events), 0);
    updraft_subscription_delete(small);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

/* Elements of another size than today's, and wrong arguments. */
static void arguments(void) {
    struct {
        updraft_event_t event;
        uint64_t later;
    } wide[2];
    updraft_engine_t *engine = lazy_engine();
    updraft_module_t *module = test_module(engine, "(module)");
    updraft_subscription_t *subscription = subscribe(engine, 0, 4), *none = NULL, *copy = NULL;
    size_t count = 99;
    memset(wide, 0xff, sizeof wide);
    FAILS(MISUSE, "event_size is 79",
          updraft_subscription_drain(subscription, &wide[0].event, 1, sizeof(updraft_event_t) - 1, &count, E));
    FAILS(MISUSE, "capacity is larger", updraft_subscription_drain(subscription, &wide[0].event, SIZE_MAX, 80, &count, E));
    CHECK_EQ(count, 99);
    OK(updraft_subscription_drain(subscription, NULL, 0, sizeof wide[0], &count, E));
    CHECK_EQ(count, 0);
    OK(updraft_subscription_drain(subscription, &wide[0].event, 2, sizeof wide[0], &count, E));
    CHECK_EQ(count, 1);
    CHECK(wide[0].event.kind == UPDRAFT_EVENT_BASELINE_FINISHED && wide[0].later == 0);
    CHECK(wide[1].later == UINT64_MAX && wide[1].event.seq == UINT64_MAX);

    FAILS(MISUSE, "capacity is 0", updraft_subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, 0, &none, E));
    FAILS(LIMIT, "events of a subscription",
          updraft_subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, (1 << 20) + 1, &none, E));
    FAILS(MISUSE, "mask names no kind", updraft_subscription_new(engine, 0, 1, 1, &none, E));
    FAILS(MISUSE, "not an object", updraft_subscription_close((updraft_subscription_t *)engine, E));
    CHECK(none == NULL);
    /* A module that does not exist has no events. */
    none = subscribe(engine, 77, 1);
    FAILS(CANCELLED, "no event will come", updraft_subscription_wait(none, UINT64_MAX, E));
    updraft_subscription_delete(none);

    OK(updraft_subscription_clone(subscription, &copy, E));
    CHECK(copy == subscription);
    updraft_subscription_delete(copy);
    OK(updraft_subscription_close(subscription, E));
    OK(updraft_subscription_close(subscription, E));
    FAILS(CANCELLED, "no event will come", updraft_subscription_wait(subscription, UINT64_MAX, E));
    CHECK_EQ(drain(subscription, &wide[0].event), 0);
    updraft_subscription_delete(subscription);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

/* What callbacks saw. */
struct seen {
    updraft_subscription_t *own;
    updraft_module_t *module;
    pthread_t thread;
    int calls, finalized, close_at;
    updraft_event_kind_t last;
};

static void on_event(void *env, const updraft_event_t *event) {
    struct seen *seen = (struct seen *)env;
    uint64_t dropped = 0;
    size_t size = 0;
    seen->calls++;
    seen->last = event->kind;
    seen->thread = pthread_self();
    /* Questions are allowed in here. */
    if (seen->own != NULL) OK(updraft_subscription_dropped(seen->own, &dropped, E));
    if (seen->module != NULL) OK(updraft_module_code_size(seen->module, &size, E));
    CHECK_EQ(seen->finalized, 0);
    if (seen->calls == seen->close_at) {
        OK(updraft_subscription_close(seen->own, E));
        CHECK_EQ(seen->finalized, 0);
    }
}

static void on_end(void *env) {
    ((struct seen *)env)->finalized++;
}

static void callbacks(void) {
    updraft_engine_t *engine = lazy_engine();
    updraft_module_t *module = test_module(engine, five);
    updraft_instance_t instance = 0;
    updraft_store_t *store = run(engine, module, &instance);
    updraft_subscription_t *subscription = subscribe(engine, 0, 16);
    updraft_event_t event;
    struct seen seen;
    size_t count = 99;
    memset(&seen, 0, sizeof seen);
    seen.own = subscription;
    seen.module = module;

    FAILS(MISUSE, "no callback", updraft_subscription_dispatch(subscription, 1, &count, E));
    FAILS(MISUSE, "thread has no value 2",
          updraft_subscription_set_callback(subscription, 2, on_event, &seen, on_end, E));
    CHECK_EQ(seen.finalized, 0);
    OK(updraft_subscription_set_callback(subscription, UPDRAFT_EVENT_THREAD_POSTER, on_event, &seen, on_end, E));
    CHECK(seen.calls == 1 && seen.last == UPDRAFT_EVENT_BASELINE_FINISHED);
    call(store, instance, "a");
    CHECK(seen.calls == 3 && pthread_equal(seen.thread, pthread_self()));
    FAILS(MISUSE, "to a callback", updraft_subscription_drain(subscription, &event, 1, sizeof event, &count, E));
    FAILS(MISUSE, "no callback", updraft_subscription_dispatch(subscription, 1, &count, E));
    FAILS(BUSY, "has a callback",
          updraft_subscription_set_callback(subscription, UPDRAFT_EVENT_THREAD_POSTER, on_event, &seen, on_end, E));
    CHECK_EQ(seen.finalized, 0);
    OK(updraft_subscription_close(subscription, E));
    CHECK_EQ(seen.finalized, 1);
    FAILS(MISUSE, "is closed",
          updraft_subscription_set_callback(subscription, UPDRAFT_EVENT_THREAD_POSTER, on_event, &seen, on_end, E));
    call(store, instance, "b");
    updraft_subscription_delete(subscription);
    CHECK(seen.calls == 3 && seen.finalized == 1);

    /* Closed by its own callback, in the middle of a batch. */
    subscription = subscribe(engine, id_of(module), 16);
    memset(&seen, 0, sizeof seen);
    seen.own = subscription;
    seen.close_at = 2;
    OK(updraft_subscription_set_callback(subscription, UPDRAFT_EVENT_THREAD_POSTER, on_event, &seen, on_end, E));
    CHECK_EQ(seen.calls, 1);
    call(store, instance, "c");
    CHECK(seen.calls == 2 && seen.finalized == 1);
    updraft_subscription_delete(subscription);

    /* By whoever dispatches. */
    subscription = subscribe(engine, 0, 16);
    memset(&seen, 0, sizeof seen);
    seen.own = subscription;
    OK(updraft_subscription_set_callback(subscription, UPDRAFT_EVENT_THREAD_DISPATCHER, on_event, &seen, on_end, E));
    call(store, instance, "e");
    CHECK_EQ(seen.calls, 0);
    OK(updraft_subscription_wait(subscription, UINT64_MAX, E));
    OK(updraft_subscription_dispatch(subscription, 1, &count, E));
    CHECK(count == 1 && seen.calls == 1 && seen.last == UPDRAFT_EVENT_BASELINE_FINISHED);
    OK(updraft_subscription_dispatch(subscription, 99, &count, E));
    CHECK(count == 2 && seen.calls == 3 && seen.last == UPDRAFT_EVENT_COMPILATION_CHUNK);
    OK(updraft_subscription_dispatch(subscription, 99, &count, E));
    CHECK_EQ(count, 0);
    updraft_subscription_delete(subscription);
    CHECK_EQ(seen.finalized, 1);

    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

static void *wait_and_drain(void *data) {
    updraft_subscription_t *subscription = (updraft_subscription_t *)data;
    updraft_event_t event;
    size_t count = 0, total = 0;
    while (updraft_subscription_wait(subscription, UINT64_MAX, NULL) == UPDRAFT_STATUS_OK) {
        if (updraft_subscription_drain(subscription, &event, 1, sizeof event, &count, NULL) != UPDRAFT_STATUS_OK) break;
        total += count;
    }
    return (void *)total;
}

/* A thread of its own drains until the module is gone. */
static void another_thread(void) {
    updraft_engine_t *engine = lazy_engine();
    updraft_module_t *module = test_module(engine, five);
    updraft_instance_t instance = 0;
    updraft_store_t *store = run(engine, module, &instance);
    updraft_subscription_t *subscription = subscribe(engine, id_of(module), 16);
    pthread_t thread;
    void *total = NULL;
    CHECK_EQ(pthread_create(&thread, NULL, wait_and_drain, subscription), 0);
    call(store, instance, "a");
    call(store, instance, "b");
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    CHECK_EQ(pthread_join(thread, &total), 0);
    CHECK_EQ((size_t)total, 1 + 4 + 1);
    updraft_subscription_delete(subscription);
    updraft_engine_delete(engine);
}

/* Parent and child have the same queue at the fork, and go their own ways then. */
static void in_a_child(void) {
    updraft_engine_t *engine = lazy_engine();
    updraft_module_t *module = test_module(engine, five);
    updraft_instance_t instance = 0;
    updraft_store_t *store = run(engine, module, &instance);
    updraft_subscription_t *subscription = subscribe(engine, 0, 16);
    updraft_event_t events[16];
    int status = -1;
    pid_t child;
    CHECK(is_readable(subscription));
    child = fork();
    if (child == 0) {
        CHECK_EQ(drain(subscription, events), 1);
        CHECK(!is_readable(subscription));
        call(store, instance, "a");
        CHECK(is_readable(subscription));
        CHECK_EQ(drain(subscription, events), 2);
        updraft_subscription_delete(subscription);
        OK(updraft_store_delete(store, E));
        updraft_module_delete(module);
        updraft_engine_delete(engine);
        _exit(test_failures == 0 ? 0 : 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(is_readable(subscription));
    CHECK_EQ(drain(subscription, events), 1);
    CHECK(!is_readable(subscription));
    updraft_subscription_delete(subscription);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

int main(void) {
    a_life();
    failures();
    overflow();
    arguments();
    callbacks();
    another_thread();
    in_a_child();
    return test_end();
}
