/* What every C test shares: checks that count and say where they failed, and the objects that most tests need.
 *
 * A test is a `main` that ends in `return test_end();`. Calls of the library take E for their error argument: OK and
 * FAILS look at the error and delete it. Settings from outside: UPDRAFT_TEST_SIGNALS=0 runs the engine without
 * signals; UPDRAFT_TEST_TOOL names a tool around the test (asan, valgrind). Compiles as C99 to C++20.
 */
#ifndef UPDRAFT_TEST_H
#define UPDRAFT_TEST_H

/* Tests use threads and mappings, which the language standards do not have. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "updraft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static updraft_error_t *test_error = NULL;
static int test_failures = 0;
static int test_count = 0;

/* The last argument of every call that can fail. */
#define E (&test_error)
/* A string literal, or any text, as pointer and length. */
#define TEXT(text) (text), strlen(text)

#define CHECK(condition) test_check((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define CHECK_EQ(a, b) test_equal((long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)
#define CHECK_TEXT(a, b) test_text((a), (b), #a, __FILE__, __LINE__)
/* The call works. */
#define OK(call) test_status((call), UPDRAFT_STATUS_OK, NULL, #call, __FILE__, __LINE__)
/* The call fails with this status (without its prefix), and its message contains the text. */
#define FAILS(status, text, call) test_status((call), UPDRAFT_STATUS_##status, (text), #call, __FILE__, __LINE__)
/* The call traps with this code (without its prefix). */
#define TRAPS(code, call) test_trap((call), UPDRAFT_TRAP_##code, #call, __FILE__, __LINE__)

static inline void test_check(int holds, const char *what, const char *file, int line) {
    test_count++;
    if (!holds) {
        test_failures++;
        fprintf(stderr, "%s:%d: %s\n", file, line, what);
    }
}

static inline void test_equal(long long a, long long b, const char *what, const char *file, int line) {
    test_check(a == b, what, file, line);
    if (a != b) fprintf(stderr, "    %lld and %lld\n", a, b);
}

static inline void test_text(const char *a, const char *b, const char *what, const char *file, int line) {
    int equal = strcmp(a, b) == 0;
    test_check(equal, what, file, line);
    if (!equal) fprintf(stderr, "    \"%s\" and \"%s\"\n", a, b);
}

static inline void test_forget_error(void) {
    updraft_error_delete(test_error);
    test_error = NULL;
}

static inline void test_status(updraft_status_t status, updraft_status_t wanted, const char *text, const char *what,
                               const char *file, int line) {
    size_t len = 0;
    const char *message = updraft_error_message(test_error, &len);
    int good = status == wanted && (test_error == NULL) == (wanted == UPDRAFT_STATUS_OK) && strlen(message) == len;
    if (good && wanted != UPDRAFT_STATUS_OK) {
        good = updraft_error_status(test_error) == wanted && strstr(message, text) != NULL;
    }
    test_check(good, what, file, line);
    if (!good) {
        fprintf(stderr, "    status %u, not %u%s%s: %s\n", status, wanted, text ? " and " : "", text ? text : "", message);
    }
    test_forget_error();
}

static inline void test_trap(updraft_status_t status, updraft_trap_code_t code, const char *what, const char *file,
                             int line) {
    int good = status == UPDRAFT_STATUS_TRAP && updraft_error_trap_code(test_error) == code;
    test_check(good, what, file, line);
    if (!good) {
        fprintf(stderr, "    status %u, trap %u, not %u: %s\n", status, updraft_error_trap_code(test_error), code,
                updraft_error_message(test_error, NULL));
    }
    test_forget_error();
}

static inline int test_end(void) {
    if (test_failures != 0) fprintf(stderr, "%d of %d checks failed\n", test_failures, test_count);
    return test_failures == 0 && test_count > 0 ? 0 : 1;
}

/* Ends the test at once: what follows makes no sense. */
static inline void test_stop(const char *why) {
    fprintf(stderr, "stopped: %s: %s\n", why, updraft_error_message(test_error, NULL));
    exit(1);
}

static inline int test_tool(const char *name) {
    const char *tool = getenv("UPDRAFT_TEST_TOOL");
    return tool != NULL && strcmp(tool, name) == 0;
}

static inline int test_signals(void) {
    const char *signals = getenv("UPDRAFT_TEST_SIGNALS");
    return signals == NULL || strcmp(signals, "0") != 0;
}

/* A configuration as the surroundings want it. */
static inline updraft_config_t *test_config(void) {
    updraft_config_t *config = NULL;
    if (updraft_config_new(&config, E) != UPDRAFT_STATUS_OK) test_stop("updraft_config_new");
    if (!test_signals() && updraft_config_set_signals(config, 0, E) != UPDRAFT_STATUS_OK) test_stop("set_signals");
    return config;
}

static inline updraft_engine_t *test_engine(void) {
    updraft_engine_t *engine = NULL;
    updraft_config_t *config = test_config();
    if (updraft_engine_new(config, &engine, E) != UPDRAFT_STATUS_OK) test_stop("updraft_engine_new");
    updraft_config_delete(config);
    return engine;
}

/* A store that has settled on this thread, as every store does after some calls: the library then has shorter ways. */
static inline updraft_store_t *test_store(const updraft_engine_t *engine) {
    updraft_store_t *store = NULL;
    uint32_t running = 0;
    int i;
    if (updraft_store_new(engine, &store, E) != UPDRAFT_STATUS_OK) test_stop("updraft_store_new");
    for (i = 0; i < 100; i++) {
        if (updraft_store_is_running(store, &running, E) != UPDRAFT_STATUS_OK) test_stop("updraft_store_is_running");
    }
    return store;
}

/* A module from text. */
static inline updraft_module_t *test_module(const updraft_engine_t *engine, const char *text) {
    updraft_module_t *module = NULL;
    if (updraft_module_new(engine, (const uint8_t *)text, strlen(text), &module, E) != UPDRAFT_STATUS_OK) {
        test_stop(text);
    }
    return module;
}

/* An instance of a module from text, without imports. */
static inline updraft_instance_t test_instance(updraft_store_t *store, const char *text) {
    updraft_instance_t instance = 0;
    updraft_engine_t *engine = NULL;
    updraft_module_t *module;
    if (updraft_store_engine(store, &engine, E) != UPDRAFT_STATUS_OK) test_stop("updraft_store_engine");
    module = test_module(engine, text);
    if (updraft_instance_new(store, module, NULL, 0, &instance, E) != UPDRAFT_STATUS_OK) test_stop(text);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    return instance;
}

/* The handle of an export, which is of any kind. */
static inline updraft_handle_t test_export(updraft_store_t *store, updraft_instance_t instance, const char *name) {
    updraft_extern_t item;
    memset(&item, 0, sizeof item);
    if (updraft_instance_export(store, instance, TEXT(name), &item, E) != UPDRAFT_STATUS_OK) test_stop(name);
    return item.handle;
}

static inline updraft_val_t test_i32(int32_t value) {
    updraft_val_t val;
    memset(&val, 0xaa, sizeof val);
    val.kind = UPDRAFT_VAL_I32;
    val.of.i32 = value;
    return val;
}

static inline updraft_val_t test_i64(int64_t value) {
    updraft_val_t val;
    memset(&val, 0xaa, sizeof val);
    val.kind = UPDRAFT_VAL_I64;
    val.of.i64 = value;
    return val;
}

/* A reference; 0 is null. */
static inline updraft_val_t test_ref(updraft_valtype_t kind, updraft_handle_t handle) {
    updraft_val_t val;
    memset(&val, 0xaa, sizeof val);
    val.kind = kind;
    val.of.handle = handle;
    return val;
}

/* A function type from two strings: i I f F for the numbers, v for vectors, e for external and r for function references. */
static inline updraft_functype_t *test_functype(const char *params, const char *results) {
    static const char letters[] = "iIfFver";
    static const updraft_valtype_t kinds[] = {UPDRAFT_VAL_I32,  UPDRAFT_VAL_I64,       UPDRAFT_VAL_F32, UPDRAFT_VAL_F64,
                                              UPDRAFT_VAL_V128, UPDRAFT_VAL_EXTERNREF, UPDRAFT_VAL_FUNCREF};
    updraft_valtype_t types[64] = {UPDRAFT_VAL_I32};
    size_t count = 0, i;
    updraft_functype_t *functype = NULL;
    for (i = 0; params[i] != '\0'; i++) types[count++] = kinds[strchr(letters, params[i]) - letters];
    for (i = 0; results[i] != '\0'; i++) types[count++] = kinds[strchr(letters, results[i]) - letters];
    if (updraft_functype_new(types, strlen(params), types + strlen(params), strlen(results), &functype, E) !=
        UPDRAFT_STATUS_OK) {
        test_stop("updraft_functype_new");
    }
    return functype;
}

/* Counts how often it ran: `data` points to an int. */
static inline void test_finalizer(void *data) {
    ++*(int *)data;
}

#endif
