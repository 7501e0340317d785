/* The library as a plug-in: opened at run time, used through function pointers alone, closed and opened again; threads,
 * descriptors and mappings stay what they were. UPDRAFT_LIBRARY names the library. */
#include "test.h"

#include <dirent.h>
#include <dlfcn.h>

/* Every function that the test uses, by its name without the prefix. */
#define FUNCTIONS(F)                                                                                                      \
    F(uint32_t, abi_version, (void))                                                                                      \
    F(updraft_status_t, config_new, (updraft_config_t **, updraft_error_t **))                                            \
    F(updraft_status_t, config_set_signals, (updraft_config_t *, uint32_t, updraft_error_t **))                           \
    F(void, config_delete, (updraft_config_t *))                                                                          \
    F(updraft_status_t, config_set_workers, (updraft_config_t *, uint32_t, updraft_error_t **))                           \
    F(updraft_status_t, engine_shutdown, (const updraft_engine_t *, uint64_t, updraft_error_t **))                        \
    F(updraft_status_t, module_new_async,                                                                                 \
      (const updraft_engine_t *, const uint8_t *, size_t, updraft_finalizer_t, void *, const updraft_module_options_t *,  \
       updraft_job_t **, updraft_error_t **))                                                                             \
    F(void, job_delete, (updraft_job_t *))                                                                                \
    F(updraft_status_t, subscription_new,                                                                                 \
      (const updraft_engine_t *, uint64_t, updraft_event_mask_t, size_t, updraft_subscription_t **, updraft_error_t **))  \
    F(updraft_status_t, subscription_fd, (const updraft_subscription_t *, int32_t *, updraft_error_t **))                 \
    F(void, subscription_delete, (updraft_subscription_t *))                                                              \
    F(updraft_status_t, engine_new, (const updraft_config_t *, updraft_engine_t **, updraft_error_t **))                  \
    F(void, engine_delete, (updraft_engine_t *))                                                                          \
    F(updraft_status_t, module_new,                                                                                       \
      (const updraft_engine_t *, const uint8_t *, size_t, updraft_module_t **, updraft_error_t **))                       \
    F(void, module_delete, (updraft_module_t *))                                                                          \
    F(updraft_status_t, store_new, (const updraft_engine_t *, updraft_store_t **, updraft_error_t **))                    \
    F(updraft_status_t, store_delete, (updraft_store_t *, updraft_error_t **))                                            \
    F(updraft_status_t, instance_new,                                                                                     \
      (updraft_store_t *, const updraft_module_t *, const updraft_extern_t *, size_t, updraft_instance_t *,               \
       updraft_error_t **))                                                                                               \
    F(updraft_status_t, instance_export,                                                                                  \
      (updraft_store_t *, updraft_instance_t, const char *, size_t, updraft_extern_t *, updraft_error_t **))              \
    F(updraft_status_t, func_call_with_timeout,                                                                           \
      (updraft_store_t *, updraft_func_t, const updraft_val_t *, size_t, updraft_val_t *, size_t, uint64_t,               \
       updraft_error_t **))                                                                                               \
    F(updraft_trap_code_t, error_trap_code, (const updraft_error_t *))                                                    \
    F(void, error_delete, (updraft_error_t *))

#define FIELD(result, name, parameters) result(*name) parameters;
static struct {
    FUNCTIONS(FIELD)
} api;

/* A function's address as a pointer to data has no cast in standard C. */
static void load(void *library, const char *name, void *place) {
    void *symbol = dlsym(library, name);
    CHECK(symbol != NULL);
    if (symbol == NULL) exit(1);
    memcpy(place, &symbol, sizeof symbol);
}

static const char module_text[] = "(module (memory 1) (func (export \"f\") (param i32) (result i32)"
                                  " (drop (i32.load (local.get 0))) (i32.div_s (i32.const 100) (local.get 0)))"
                                  " (func (export \"l\") (loop $l (br $l))))";

/* Works, traps in both ways that need a signal, is stopped by a deadline. */
static void run(updraft_store_t *store, updraft_instance_t instance, updraft_trap_code_t trap, const char *name,
                int32_t value, uint64_t timeout_ns) {
    updraft_error_t *error = NULL;
    updraft_extern_t item;
    updraft_val_t arg = test_i32(value), result = test_i32(0);
    size_t count = strcmp(name, "f") == 0 ? 1 : 0;
    updraft_status_t status;
    CHECK_EQ(api.instance_export(store, instance, name, strlen(name), &item, NULL), UPDRAFT_STATUS_OK);
    status = api.func_call_with_timeout(store, item.handle, &arg, count, &result, count, timeout_ns, &error);
    CHECK_EQ(status, trap == UPDRAFT_TRAP_NONE ? UPDRAFT_STATUS_OK : UPDRAFT_STATUS_TRAP);
    CHECK_EQ(api.error_trap_code(error), trap);
    if (trap == UPDRAFT_TRAP_NONE) CHECK_EQ(result.of.i32, 100 / value);
    api.error_delete(error);
}

static void use(void) {
    updraft_config_t *config = NULL;
    updraft_engine_t *engine = NULL;
    updraft_module_t *module = NULL;
    updraft_store_t *store = NULL;
    updraft_job_t *job = NULL;
    updraft_subscription_t *subscription = NULL;
    updraft_instance_t instance = 0;
    int32_t fd = -1;
    const uint64_t second = 1000000000;
    CHECK_EQ(api.abi_version(), UPDRAFT_ABI_VERSION);
    CHECK_EQ(api.config_new(&config, NULL), UPDRAFT_STATUS_OK);
    CHECK_EQ(api.config_set_signals(config, test_signals() ? 1 : 0, NULL), UPDRAFT_STATUS_OK);
    CHECK_EQ(api.config_set_workers(config, 2, NULL), UPDRAFT_STATUS_OK);
    CHECK_EQ(api.engine_new(config, &engine, NULL), UPDRAFT_STATUS_OK);
    CHECK_EQ(api.subscription_new(engine, 0, UPDRAFT_EVENT_MASK_ALL, 16, &subscription, NULL), UPDRAFT_STATUS_OK);
    CHECK_EQ(api.subscription_fd(subscription, &fd, NULL), UPDRAFT_STATUS_OK);
    CHECK(fd >= 0);
    /* Still at work when the engine is shut down. */
    CHECK_EQ(api.module_new_async(engine, (const uint8_t *)module_text, sizeof module_text - 1, NULL, NULL, NULL, &job, NULL),
             UPDRAFT_STATUS_OK);
    CHECK_EQ(api.module_new(engine, (const uint8_t *)module_text, sizeof module_text - 1, &module, NULL), UPDRAFT_STATUS_OK);
    CHECK_EQ(api.store_new(engine, &store, NULL), UPDRAFT_STATUS_OK);
    CHECK_EQ(api.instance_new(store, module, NULL, 0, &instance, NULL), UPDRAFT_STATUS_OK);
    run(store, instance, UPDRAFT_TRAP_NONE, "f", 7, 60 * second);
    run(store, instance, UPDRAFT_TRAP_INTEGER_DIVIDE_BY_ZERO, "f", 0, 60 * second);
    run(store, instance, UPDRAFT_TRAP_MEMORY_OUT_OF_BOUNDS, "f", -100, 60 * second);
    run(store, instance, UPDRAFT_TRAP_DEADLINE, "l", 0, second / 200);
    CHECK_EQ(api.store_delete(store, NULL), UPDRAFT_STATUS_OK);
    CHECK_EQ(api.engine_shutdown(engine, UINT64_MAX, NULL), UPDRAFT_STATUS_OK);
    api.job_delete(job);
    api.module_delete(module);
    api.subscription_delete(subscription);
    api.engine_delete(engine);
    api.config_delete(config);
}

/* Entries of a directory, which is read in a fixed way so that counting changes nothing. */
static long entries(const char *path) {
    DIR *dir = opendir(path);
    long count = 0;
    if (dir == NULL) exit(1);
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

static long mappings(void) {
    FILE *file = fopen("/proc/self/maps", "r");
    long count = 0;
    int c;
    if (file == NULL) exit(1);
    while ((c = fgetc(file)) != EOF) count += c == '\n';
    fclose(file);
    return count;
}

int main(void) {
    const char *path = getenv("UPDRAFT_LIBRARY");
    long threads = 0, descriptors = 0, mapped = 0;
    int round;
    if (path == NULL) {
        fprintf(stderr, "skipped: UPDRAFT_LIBRARY is not set\n");
        return 77;
    }
    for (round = 0; round < 100; round++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
#define LOAD(result, name, parameters) load(library, "updraft_" #name, &api.name);
        FUNCTIONS(LOAD)
        use();
        CHECK_EQ(dlclose(library), 0);
        memset(&api, 0, sizeof api);
        if (round == 9) {
            threads = entries("/proc/self/task");
            descriptors = entries("/proc/self/fd");
            mapped = mappings();
        }
    }
    CHECK_EQ(entries("/proc/self/task"), threads);
    CHECK_EQ(entries("/proc/self/fd"), descriptors);
    /* Tools around the test map memory of their own. The allocator may have split a mapping. */
    if (!test_tool("asan") && !test_tool("valgrind")) {
        CHECK(mappings() <= mapped + 3);
        if (mappings() > mapped + 3) fprintf(stderr, "    %ld and %ld\n", mappings(), mapped);
    }
    return test_end();
}
