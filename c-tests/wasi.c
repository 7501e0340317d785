/* WASI: what a program is given reaches it, and nothing else does. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Copies standard input to both outputs, writes the sizes of arguments and environment, opens "file" in the first
 * directory, then exits with what opening gave. */
static const char *const program =
    "(module"
    "  (import \"wasi_snapshot_preview1\" \"fd_read\" (func $read (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"args_sizes_get\" (func $args (param i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"environ_sizes_get\" (func $env (param i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"path_open\" (func $open"
    "    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"clock_time_get\" (func $clock (param i32 i64 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    "  (memory (export \"memory\") 1)"
    "  (data (i32.const 200) \"file\")"
    /* An iovec at 0: 1000, 64 bytes; the count at 16. */
    "  (func (export \"copy\") (result i32)"
    "    (i32.store (i32.const 0) (i32.const 1000)) (i32.store (i32.const 4) (i32.const 64))"
    "    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))"
    "    (i32.store (i32.const 4) (i32.load (i32.const 16)))"
    "    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 20)))"
    "    (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))"
    "  (func (export \"sizes\") (result i32 i32 i32 i32)"
    "    (drop (call $args (i32.const 32) (i32.const 36))) (drop (call $env (i32.const 40) (i32.const 44)))"
    "    (i32.load (i32.const 32)) (i32.load (i32.const 36)) (i32.load (i32.const 40)) (i32.load (i32.const 44)))"
    "  (func (export \"open\") (param i32) (result i32)"
    /* 1 creates; 64 is the right to write. */
    "    (call $open (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 4) (local.get 0) (i64.const 64) (i64.const 0)"
    "      (i32.const 0) (i32.const 48)))"
    "  (func (export \"clock\") (result i64) (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 56))) (i64.load (i32.const 56)))"
    "  (func (export \"random\") (result i64) (drop (call $random (i32.const 64) (i32.const 8))) (i64.load (i32.const 64)))"
    "  (func (export \"exit\") (param i32) (call $exit (local.get 0)) unreachable))";

enum { SUCCESS = 0, BADF = 8, EXIST = 20, NOENT = 44, NOSPC = 51, ROFS = 69 };

typedef struct {
    char bytes[256];
    size_t len;
    int refuse, finalized;
} stream;

static ptrdiff_t read_stream(void *env, uint8_t *buffer, size_t len) {
    stream *from = (stream *)env;
    size_t count = from->len < len ? from->len : len;
    if (from->refuse) return -EIO;
    memcpy(buffer, from->bytes, count);
    from->len = 0;
    return (ptrdiff_t)count;
}

static ptrdiff_t write_stream(void *env, const uint8_t *bytes, size_t len) {
    stream *to = (stream *)env;
    if (to->refuse) return -ENOSPC;
    memcpy(to->bytes + to->len, bytes, len);
    to->len += len;
    return (ptrdiff_t)len;
}

static void finalize_stream(void *env) {
    ((stream *)env)->finalized++;
}

static updraft_engine_t *engine;

/* A program that runs with what a configuration gives. */
typedef struct {
    updraft_store_t *store;
    updraft_wasi_t *wasi;
    updraft_instance_t instance;
} process;

static process start(updraft_wasi_config_t *config) {
    process made;
    updraft_linker_t *linker = NULL;
    updraft_module_t *module = test_module(engine, program);
    memset(&made, 0, sizeof made);
    made.store = test_store(engine);
    OK(updraft_wasi_new(config, &made.wasi, E));
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_wasi(linker, made.wasi, E));
    FAILS(LINK, "", updraft_linker_define_wasi(linker, made.wasi, E));
    OK(updraft_linker_instantiate(linker, made.store, module, &made.instance, E));
    updraft_linker_delete(linker);
    updraft_module_delete(module);
    return made;
}

static void end(process *gone) {
    OK(updraft_store_delete(gone->store, E));
    updraft_wasi_delete(gone->wasi);
}

static void call(process *running, const char *name, const updraft_val_t *args, size_t arg_count, updraft_val_t *results,
                 size_t result_count) {
    updraft_func_t func = test_export(running->store, running->instance, name);
    OK(updraft_func_call(running->store, func, args, arg_count, results, result_count, E));
    OK(updraft_store_release(running->store, func, E));
}

static int32_t call_i32(process *running, const char *name) {
    updraft_val_t result = test_i32(-1);
    call(running, name, NULL, 0, &result, 1);
    return result.of.i32;
}

static updraft_wasi_config_t *new_config(void) {
    updraft_wasi_config_t *config = NULL;
    OK(updraft_wasi_config_new(&config, E));
    return config;
}

static void nothing_is_given(void) {
    updraft_wasi_config_t *config = new_config();
    process running = start(config);
    updraft_val_t sizes[4], open_flags = test_i32(0), result;
    size_t needed = 9;
    CHECK_EQ(call_i32(&running, "copy"), SUCCESS);
    call(&running, "sizes", NULL, 0, sizes, 4);
    CHECK(sizes[0].of.i32 == 0 && sizes[1].of.i32 == 0 && sizes[2].of.i32 == 0 && sizes[3].of.i32 == 0);
    call(&running, "open", &open_flags, 1, &result, 1);
    CHECK_EQ(result.of.i32, BADF);
    OK(updraft_wasi_output(running.wasi, UPDRAFT_WASI_STDOUT, NULL, 0, &needed, E));
    CHECK_EQ(needed, 0);
    end(&running);
    updraft_wasi_config_delete(config);
}

static void buffers(void) {
    updraft_wasi_config_t *config = new_config();
    process running;
    uint8_t buffer[8];
    size_t needed = 0;
    OK(updraft_wasi_config_set_stdin_bytes(config, (const uint8_t *)"hello", 5, E));
    OK(updraft_wasi_config_set_output_buffer(config, UPDRAFT_WASI_STDOUT, 100, E));
    OK(updraft_wasi_config_set_output_buffer(config, UPDRAFT_WASI_STDERR, 3, E));
    running = start(config);
    CHECK_EQ(call_i32(&running, "copy"), SUCCESS);
    memset(buffer, '-', sizeof buffer);
    OK(updraft_wasi_output(running.wasi, UPDRAFT_WASI_STDOUT, buffer, sizeof buffer, &needed, E));
    CHECK(needed == 5 && memcmp(buffer, "hello---", 8) == 0);
    memset(buffer, '-', sizeof buffer);
    OK(updraft_wasi_output(running.wasi, UPDRAFT_WASI_STDOUT, buffer, 2, &needed, E));
    CHECK(needed == 5 && memcmp(buffer, "he--", 4) == 0);
    OK(updraft_wasi_output(running.wasi, UPDRAFT_WASI_STDERR, buffer, sizeof buffer, &needed, E));
    CHECK(needed <= 3);
    FAILS(MISUSE, "stream is standard input", updraft_wasi_output(running.wasi, UPDRAFT_WASI_STDIN, buffer, 8, &needed, E));
    FAILS(MISUSE, "stream has no value 3", updraft_wasi_output(running.wasi, 3, buffer, 8, &needed, E));
    FAILS(MISUSE, "buffer is NULL", updraft_wasi_output(running.wasi, UPDRAFT_WASI_STDOUT, NULL, 8, &needed, E));
    end(&running);
    /* The configuration is as new. */
    running = start(config);
    OK(updraft_wasi_output(running.wasi, UPDRAFT_WASI_STDOUT, NULL, 0, &needed, E));
    CHECK_EQ(needed, 0);
    end(&running);
    FAILS(MISUSE, "stream is standard input", updraft_wasi_config_set_output_buffer(config, UPDRAFT_WASI_STDIN, 9, E));
    FAILS(MISUSE, "stream has no value 9", updraft_wasi_config_set_output_buffer(config, 9, 9, E));
    FAILS(MISUSE, "bytes is NULL", updraft_wasi_config_set_stdin_bytes(config, NULL, 9, E));
    OK(updraft_wasi_config_set_stdin_bytes(config, NULL, 0, E));
    updraft_wasi_config_delete(config);
}

static void callbacks(void) {
    updraft_wasi_config_t *config = new_config();
    process running;
    stream in, out, err, unused;
    memset(&in, 0, sizeof in);
    memset(&out, 0, sizeof out);
    memset(&err, 0, sizeof err);
    memset(&unused, 0, sizeof unused);
    memcpy(in.bytes, "callback", 8);
    in.len = 8;
    OK(updraft_wasi_config_set_stdin_callback(config, read_stream, &unused, finalize_stream, E));
    OK(updraft_wasi_config_set_stdin_callback(config, read_stream, &in, finalize_stream, E));
    CHECK_EQ(unused.finalized, 1);
    OK(updraft_wasi_config_set_output_callback(config, UPDRAFT_WASI_STDOUT, write_stream, &out, finalize_stream, E));
    OK(updraft_wasi_config_set_output_callback(config, UPDRAFT_WASI_STDERR, write_stream, &err, finalize_stream, E));
    running = start(config);
    updraft_wasi_config_delete(config);
    CHECK_EQ(call_i32(&running, "copy"), SUCCESS);
    CHECK(out.len == 8 && memcmp(out.bytes, "callback", 8) == 0);
    CHECK(err.len == 8 && memcmp(err.bytes, "callback", 8) == 0);
    in.len = 4;
    out.refuse = 1;
    CHECK_EQ(call_i32(&running, "copy"), NOSPC);
    CHECK(in.finalized == 0 && out.finalized == 0);
    end(&running);
    CHECK(in.finalized == 1 && out.finalized == 1 && err.finalized == 1);

    config = new_config();
    FAILS(MISUSE, "callback is NULL", updraft_wasi_config_set_stdin_callback(config, NULL, &in, finalize_stream, E));
    FAILS(MISUSE, "callback is NULL",
          updraft_wasi_config_set_output_callback(config, UPDRAFT_WASI_STDOUT, NULL, &in, finalize_stream, E));
    FAILS(MISUSE, "stream is standard input",
          updraft_wasi_config_set_output_callback(config, UPDRAFT_WASI_STDIN, write_stream, &in, finalize_stream, E));
    FAILS(MISUSE, "stream has no value 4",
          updraft_wasi_config_set_output_callback(config, 4, write_stream, &in, finalize_stream, E));
    CHECK_EQ(in.finalized, 1);
    updraft_wasi_config_delete(config);
}

static void arguments_and_environment(void) {
    updraft_wasi_config_t *config = new_config();
    process running;
    updraft_val_t sizes[4];
    OK(updraft_wasi_config_add_arg(config, TEXT("program"), E));
    OK(updraft_wasi_config_add_arg(config, TEXT("\xff"), E));
    OK(updraft_wasi_config_add_arg(config, NULL, 0, E));
    OK(updraft_wasi_config_set_env(config, TEXT("A"), TEXT("one"), E));
    OK(updraft_wasi_config_set_env(config, TEXT("A"), TEXT("2"), E));
    OK(updraft_wasi_config_set_env(config, TEXT("B"), NULL, 0, E));
    running = start(config);
    call(&running, "sizes", NULL, 0, sizes, 4);
    /* With a NUL behind each. */
    CHECK(sizes[0].of.i32 == 3 && sizes[1].of.i32 == 8 + 2 + 1);
    CHECK(sizes[2].of.i32 == 2 && sizes[3].of.i32 == 4 + 3);
    end(&running);
    CHECK_EQ(setenv("UPDRAFT_TEST_VARIABLE", "x", 1), 0);
    OK(updraft_wasi_config_inherit_env(config, E));
    running = start(config);
    call(&running, "sizes", NULL, 0, sizes, 4);
    CHECK(sizes[2].of.i32 > 0 && sizes[3].of.i32 >= (int32_t)sizeof "UPDRAFT_TEST_VARIABLE=x");
    end(&running);
    FAILS(MISUSE, "arg contains a NUL", updraft_wasi_config_add_arg(config, "a\0b", 3, E));
    FAILS(MISUSE, "arg is NULL", updraft_wasi_config_add_arg(config, NULL, 1, E));
    FAILS(MISUSE, "name is empty", updraft_wasi_config_set_env(config, TEXT(""), TEXT("x"), E));
    FAILS(MISUSE, "contains a '='", updraft_wasi_config_set_env(config, TEXT("A=B"), TEXT("x"), E));
    FAILS(MISUSE, "value contains a NUL", updraft_wasi_config_set_env(config, TEXT("A"), "\0", 1, E));
    FAILS(MISUSE, "name contains a NUL", updraft_wasi_config_set_env(config, "A\0", 2, TEXT("x"), E));
    updraft_wasi_config_delete(config);
}

static void directories(void) {
    char folder[] = "/tmp/updraft-wasi-XXXXXX";
    char file[64];
    updraft_wasi_config_t *config = new_config();
    updraft_wasi_t *wasi = NULL;
    process running;
    updraft_val_t flags = test_i32(1), result;
    struct stat about;
    if (mkdtemp(folder) == NULL) test_stop("mkdtemp");
    snprintf(file, sizeof file, "%s/file", folder);

    OK(updraft_wasi_config_add_dir(config, TEXT(folder), TEXT("."), UPDRAFT_WASI_READ_ONLY, E));
    running = start(config);
    call(&running, "open", &flags, 1, &result, 1);
    CHECK_EQ(result.of.i32, ROFS);
    CHECK(stat(file, &about) != 0);
    end(&running);

    OK(updraft_wasi_config_add_dir(config, TEXT(folder), TEXT("."), UPDRAFT_WASI_READ_WRITE, E));
    running = start(config);
    flags = test_i32(0);
    call(&running, "open", &flags, 1, &result, 1);
    CHECK_EQ(result.of.i32, NOENT);
    flags = test_i32(1);
    call(&running, "open", &flags, 1, &result, 1);
    CHECK_EQ(result.of.i32, SUCCESS);
    CHECK(stat(file, &about) == 0);
    end(&running);

    OK(updraft_wasi_config_add_dir(config, TEXT("/nowhere/at/all"), TEXT("."), UPDRAFT_WASI_READ_ONLY, E));
    FAILS(SYSTEM, "", updraft_wasi_new(config, &wasi, E));
    FAILS(MISUSE, "access has no value 2", updraft_wasi_config_add_dir(config, TEXT("/"), TEXT("/"), 2, E));
    FAILS(MISUSE, "host_path contains a NUL", updraft_wasi_config_add_dir(config, "\0", 1, TEXT("/"), 0, E));
    FAILS(MISUSE, "guest_path contains a NUL", updraft_wasi_config_add_dir(config, TEXT("/"), "\0", 1, 0, E));
    /* Fewer descriptors than the program starts with. */
    OK(updraft_wasi_config_set_max_descriptors(config, 2, E));
    FAILS(LIMIT, "descriptors", updraft_wasi_new(config, &wasi, E));
    CHECK(wasi == NULL);
    unlink(file);
    rmdir(folder);
    updraft_wasi_config_delete(config);
}

static void descriptors(void) {
    updraft_wasi_config_t *config = new_config();
    process running;
    int in[2], out[2], sockets[2];
    char buffer[8];
    CHECK_EQ(pipe(in), 0);
    CHECK_EQ(pipe(out), 0);
    CHECK_EQ(write(in[1], "pipe", 4), 4);
    OK(updraft_wasi_config_set_stream_fd(config, UPDRAFT_WASI_STDIN, in[0], E));
    OK(updraft_wasi_config_set_stream_fd(config, UPDRAFT_WASI_STDOUT, out[1], E));
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    OK(updraft_wasi_config_add_socket(config, sockets[0], E));
    /* They were duplicated. */
    close(in[0]);
    close(out[1]);
    close(sockets[0]);
    running = start(config);
    CHECK_EQ(call_i32(&running, "copy"), SUCCESS);
    CHECK_EQ(read(out[0], buffer, sizeof buffer), 4);
    CHECK(memcmp(buffer, "pipe", 4) == 0);
    end(&running);
    /* Everything was closed: the other ends see it. */
    CHECK_EQ(read(out[0], buffer, sizeof buffer), 0);
    CHECK_EQ(read(sockets[1], buffer, sizeof buffer), 0);
    close(in[1]);
    close(out[0]);
    close(sockets[1]);
    FAILS(SYSTEM, "duplicate of fd", updraft_wasi_config_set_stream_fd(config, UPDRAFT_WASI_STDIN, -1, E));
    FAILS(SYSTEM, "duplicate of fd", updraft_wasi_config_set_stream_fd(config, UPDRAFT_WASI_STDERR, 9999, E));
    FAILS(SYSTEM, "duplicate of fd", updraft_wasi_config_add_socket(config, -1, E));
    FAILS(MISUSE, "stream has no value 3", updraft_wasi_config_set_stream_fd(config, 3, 0, E));
    FAILS(MISUSE, "stream has no value 3", updraft_wasi_config_inherit_stream(config, 3, E));
    OK(updraft_wasi_config_inherit_stream(config, UPDRAFT_WASI_STDERR, E));
    OK(updraft_wasi_config_inherit_stdio(config, E));
    running = start(config);
    end(&running);
    updraft_wasi_config_delete(config);
}

static void clocks_and_random_numbers(void) {
    updraft_wasi_config_t *config = new_config();
    process running;
    updraft_val_t first, second;
    int64_t random;
    OK(updraft_wasi_config_set_virtual_clock(config, 1000, 7, E));
    OK(updraft_wasi_config_set_random_seed(config, 42, E));
    running = start(config);
    call(&running, "clock", NULL, 0, &first, 1);
    call(&running, "clock", NULL, 0, &second, 1);
    CHECK(first.of.i64 >= 1000 && second.of.i64 == first.of.i64 + 7);
    call(&running, "random", NULL, 0, &first, 1);
    call(&running, "random", NULL, 0, &second, 1);
    CHECK(first.of.i64 != second.of.i64);
    random = first.of.i64;
    end(&running);
    OK(updraft_wasi_config_set_random_seed(config, 42, E));
    running = start(config);
    call(&running, "random", NULL, 0, &first, 1);
    CHECK_EQ(first.of.i64, random);
    call(&running, "clock", NULL, 0, &second, 1);
    CHECK(second.of.i64 > 1007);
    end(&running);
    running = start(config);
    call(&running, "random", NULL, 0, &first, 1);
    CHECK(first.of.i64 != random);
    end(&running);
    updraft_wasi_config_delete(config);
}

static void exits(void) {
    updraft_wasi_config_t *config = new_config();
    process running = start(config);
    updraft_func_t func = test_export(running.store, running.instance, "exit");
    updraft_val_t status = test_i32(77);
    int32_t found = 0;
    CHECK_EQ(updraft_func_call(running.store, func, &status, 1, NULL, 0, E), UPDRAFT_STATUS_TRAP);
    CHECK_EQ(updraft_error_trap_code(test_error), UPDRAFT_TRAP_EXIT);
    CHECK_EQ(updraft_error_exit_status(test_error, &found), 1);
    CHECK_EQ(found, 77);
    test_forget_error();
    end(&running);
    updraft_wasi_config_delete(config);
}

static void references(void) {
    updraft_wasi_config_t *config = new_config(), *copy = NULL;
    updraft_wasi_t *wasi = NULL, *same = NULL;
    size_t needed = 9;
    OK(updraft_wasi_config_clone(config, &copy, E));
    CHECK(copy == config);
    updraft_wasi_config_delete(config);
    OK(updraft_wasi_new(copy, &wasi, E));
    updraft_wasi_config_delete(copy);
    updraft_wasi_config_delete(NULL);
    OK(updraft_wasi_clone(wasi, &same, E));
    CHECK(same == wasi);
    updraft_wasi_delete(wasi);
    OK(updraft_wasi_output(same, UPDRAFT_WASI_STDOUT, NULL, 0, &needed, E));
    FAILS(MISUSE, "config is not an object of its type", updraft_wasi_config_inherit_env((updraft_wasi_config_t *)same, E));
    FAILS(MISUSE, "wasi is not an object of its type",
          updraft_wasi_output((updraft_wasi_t *)engine, UPDRAFT_WASI_STDOUT, NULL, 0, &needed, E));
    updraft_wasi_delete(same);
    updraft_wasi_delete(NULL);
}

int main(void) {
    if (!updraft_capability_supported(UPDRAFT_CAPABILITY_WASI)) {
        updraft_wasi_config_t *config = NULL;
        FAILS(UNSUPPORTED, "wasi", updraft_wasi_config_new(&config, E));
        return test_end();
    }
    engine = test_engine();
    nothing_is_given();
    buffers();
    callbacks();
    arguments_and_environment();
    directories();
    descriptors();
    clocks_and_random_numbers();
    exits();
    references();
    updraft_engine_delete(engine);
    return test_end();
}
