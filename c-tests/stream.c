/* Streams: modules whose bytes come piece by piece; errors, jobs, giving up, threads. */
#include "test.h"

#include <pthread.h>

/* (module (func (export "b") (result i32) (i32.const 2)) (func (result i32) (i32.const 3))) */
static const uint8_t two[] = {0,    'a', 's',  'm',  1, 0, 0, 0, 1, 5, 1,    0x60, 0,   1, 0x7f, 3, 3, 2, 0, 0, 7,
                              5,    1,   1,    'b',  0, 0, 10, 11, 2, 4, 0, 0x41, 2, 0x0b, 4, 0, 0x41, 3, 0x0b};

static updraft_engine_t *engine_with(uint32_t workers) {
    updraft_engine_t *engine = NULL;
    updraft_config_t *config = test_config();
    OK(updraft_config_set_workers(config, workers, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    return engine;
}

static updraft_stream_t *begin(const updraft_engine_t *engine, size_t expected) {
    updraft_stream_t *stream = NULL;
    OK(updraft_stream_new(engine, NULL, expected, &stream, E));
    return stream;
}

static void write_all(const updraft_stream_t *stream, const uint8_t *bytes, size_t len, size_t piece) {
    size_t at;
    for (at = 0; at < len; at += piece) {
        OK(updraft_stream_write(stream, bytes + at, len - at < piece ? len - at : piece, E));
    }
}

static void run_it(const updraft_engine_t *engine, const updraft_module_t *module) {
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance = 0;
    updraft_val_t result;
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    OK(updraft_func_call(store, test_export(store, instance, "b"), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 2);
    OK(updraft_store_delete(store, E));
}

static void pieces(uint32_t workers) {
    updraft_engine_t *engine = engine_with(workers);
    size_t piece;
    for (piece = 1; piece <= sizeof two; piece += 6) {
        updraft_stream_t *stream = begin(engine, piece % 2 == 0 ? sizeof two : 0), *copy = NULL;
        updraft_module_t *module = NULL, *late = NULL;
        uint64_t id = 0, module_id = 0;
        OK(updraft_stream_clone(stream, &copy, E));
        CHECK(copy == stream);
        updraft_stream_delete(copy);
        OK(updraft_stream_module_id(stream, &id, E));
        write_all(stream, two, sizeof two, piece);
        OK(updraft_stream_write(stream, NULL, 0, E));
        OK(updraft_stream_finish(stream, &module, E));
        OK(updraft_module_id(module, &module_id, E));
        CHECK(id > 0 && id == module_id);
        FAILS(MISUSE, "it has ended", updraft_stream_write(stream, two, 1, E));
        FAILS(MISUSE, "it has ended", updraft_stream_finish(stream, &late, E));
        OK(updraft_stream_abort(stream, E));
        updraft_stream_delete(stream);
        CHECK(late == NULL);
        run_it(engine, module);
        updraft_module_delete(module);
    }
    updraft_engine_delete(engine);
}

/* A section that is wrong is told of at once, a body in the end, and each error again. */
static void errors(void) {
    updraft_engine_t *engine = engine_with(1);
    updraft_stream_t *stream = begin(engine, 0);
    updraft_module_t *module = NULL;
    updraft_job_t *job = NULL;
    uint8_t bad[sizeof two];
    uint64_t offset = 0;
    memcpy(bad, two, sizeof two);
    bad[13] = 9; /* a result that is too many */
    CHECK_EQ(updraft_stream_write(stream, bad, sizeof bad, E), UPDRAFT_STATUS_INVALID);
    CHECK_EQ(updraft_error_offset(test_error, &offset), 1);
    CHECK(offset >= 8 && offset < 20);
    test_forget_error();
    FAILS(INVALID, "", updraft_stream_write(stream, two, 1, E));
    FAILS(INVALID, "", updraft_stream_finish(stream, &module, E));
    FAILS(INVALID, "", updraft_stream_finish_async(stream, &job, E));
    updraft_stream_delete(stream);

    memcpy(bad, two, sizeof two);
    bad[sizeof bad - 3] = 0x42; /* i64.const */
    stream = begin(engine, 0);
    write_all(stream, bad, sizeof bad, 7);
    CHECK_EQ(updraft_stream_finish(stream, &module, E), UPDRAFT_STATUS_INVALID);
    CHECK_EQ(updraft_error_offset(test_error, &offset), 1);
    CHECK_EQ(offset, sizeof bad - 1);
    test_forget_error();
    updraft_stream_delete(stream);

    /* Bytes that are missing; text. */
    stream = begin(engine, 0);
    write_all(stream, two, sizeof two - 1, 9);
    FAILS(INVALID, "unexpected end", updraft_stream_finish(stream, &module, E));
    updraft_stream_delete(stream);
    stream = begin(engine, 0);
    FAILS(INVALID, "magic", updraft_stream_write(stream, (const uint8_t *)"(module)", 8, E));
    updraft_stream_delete(stream);
    CHECK(module == NULL && job == NULL);
    updraft_engine_delete(engine);
}

static void jobs(uint32_t workers) {
    updraft_engine_t *engine = engine_with(workers);
    updraft_stream_t *stream = begin(engine, sizeof two);
    updraft_module_t *module = NULL;
    updraft_job_t *job = NULL;
    write_all(stream, two, sizeof two, 10);
    OK(updraft_stream_finish_async(stream, &job, E));
    updraft_stream_delete(stream);
    OK(updraft_job_wait(job, UINT64_MAX, E));
    OK(updraft_job_module(job, &module, E));
    updraft_job_delete(job);
    run_it(engine, module);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
}

static void given_up(void) {
    updraft_engine_t *engine = engine_with(2);
    updraft_module_t *module = NULL;
    updraft_engine_stats_t stats;
    size_t len;
    for (len = 0; len <= sizeof two; len++) {
        updraft_stream_t *stream = begin(engine, 0);
        write_all(stream, two, len, 5);
        if (len % 2 == 0) {
            OK(updraft_stream_abort(stream, E));
            OK(updraft_stream_abort(stream, E));
            FAILS(CANCELLED, "", updraft_stream_write(stream, two, 1, E));
            FAILS(CANCELLED, "", updraft_stream_finish(stream, &module, E));
        }
        updraft_stream_delete(stream);
    }
    CHECK(module == NULL);
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(updraft_engine_stats(engine, &stats, E));
    CHECK_EQ(stats.modules, 0);
    updraft_engine_delete(engine);
}

/* Made on one thread, ended on another. */
static void *end_it(void *arg) {
    updraft_module_t *module = NULL;
    const updraft_stream_t *stream = (const updraft_stream_t *)arg;
    write_all(stream, two + 20, sizeof two - 20, 3);
    OK(updraft_stream_finish(stream, &module, E));
    return module;
}

static void threads(void) {
    updraft_engine_t *engine = engine_with(1);
    updraft_stream_t *stream = begin(engine, 0);
    pthread_t thread;
    void *module = NULL;
    write_all(stream, two, 20, 4);
    if (pthread_create(&thread, NULL, end_it, stream) != 0) test_stop("pthread_create");
    pthread_join(thread, &module);
    updraft_stream_delete(stream);
    run_it(engine, (updraft_module_t *)module);
    updraft_module_delete((updraft_module_t *)module);
    updraft_engine_delete(engine);
}

int main(void) {
    pieces(0);
    pieces(2);
    errors();
    jobs(0);
    jobs(2);
    given_up();
    threads();
    return test_end();
}
