/* Configurations: every setting is taken, has its effect where it can be seen, and refuses what it does not know. */
#include "test.h"

#include <sys/mman.h>

static int memories_made, memories_freed, memories_grown, refuse;

/* A memory of the host: a reservation, of which more and more becomes accessible. */
typedef struct {
    uint8_t *base;
    size_t reserved;
} host_memory;

static uint32_t grow_memory(void *env, size_t new_len) {
    host_memory *memory = (host_memory *)env;
    memories_grown++;
    return new_len <= memory->reserved && mprotect(memory->base, new_len, PROT_READ | PROT_WRITE) == 0;
}

static void free_memory(void *env) {
    host_memory *memory = (host_memory *)env;
    munmap(memory->base, memory->reserved);
    free(memory);
    memories_freed++;
}

static updraft_status_t make_memory(void *env, const updraft_memorytype_t *type, size_t min, size_t reserved, size_t guard,
                                    updraft_host_memory_t *out) {
    host_memory *memory;
    void *base;
    (void)env;
    CHECK_EQ(type->struct_size, sizeof *type);
    CHECK_EQ(out->struct_size, sizeof *out);
    if (refuse == 1) return UPDRAFT_STATUS_SYSTEM;
    if (reserved < 16 * 65536) reserved = 16 * 65536;
    base = mmap(NULL, reserved + guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return UPDRAFT_STATUS_SYSTEM;
    memory = (host_memory *)malloc(sizeof *memory);
    memory->base = (uint8_t *)base;
    memory->reserved = reserved + guard;
    if (min != 0) CHECK_EQ(mprotect(base, min, PROT_READ | PROT_WRITE), 0);
    out->base = refuse == 2 ? NULL : memory->base;
    out->env = memory;
    out->grow = grow_memory;
    out->finalizer = free_memory;
    memories_made++;
    return UPDRAFT_STATUS_OK;
}

static void memories_of_the_host(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    updraft_store_t *store;
    updraft_instance_t instance;
    updraft_func_t func;
    updraft_memorytype_t type;
    updraft_memory_t memory = 0;
    updraft_val_t arg, result;
    uint8_t *data = NULL;
    size_t len = 0;
    int finalized = 0;

    /* A creator that is replaced is finalized. */
    OK(updraft_config_set_memory_creator(config, make_memory, &finalized, test_finalizer, E));
    OK(updraft_config_set_memory_creator(config, NULL, NULL, NULL, E));
    CHECK_EQ(finalized, 1);
    OK(updraft_config_set_memory_creator(config, make_memory, &finalized, test_finalizer, E));
    OK(updraft_engine_new(config, &engine, E));
    updraft_config_delete(config);
    CHECK_EQ(finalized, 1);

    store = test_store(engine);
    instance = test_instance(store, "(module (memory (export \"m\") 1 5) (data (i32.const 3) \"abc\")"
                                    " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))");
    CHECK_EQ(memories_made, 1);
    OK(updraft_memory_data(store, test_export(store, instance, "m"), &data, &len, E));
    CHECK_EQ(len, 65536);
    CHECK(memcmp(data + 3, "abc", 3) == 0);
    func = test_export(store, instance, "grow");
    arg = test_i32(2);
    OK(updraft_func_call(store, func, &arg, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 1);
    CHECK(memories_grown > 0);
    OK(updraft_memory_data(store, test_export(store, instance, "m"), &data, &len, E));
    CHECK_EQ(len, 3 * 65536);
    data[len - 1] = 1;

    memset(&type, 0, sizeof type);
    type.struct_size = sizeof type;
    refuse = 1;
    FAILS(SYSTEM, "refused", updraft_memory_new(store, &type, &memory, E));
    refuse = 2;
    FAILS(MISUSE, "page-aligned", updraft_memory_new(store, &type, &memory, E));
    CHECK_EQ(memories_freed, 1);
    refuse = 0;

    OK(updraft_store_delete(store, E));
    CHECK_EQ(memories_freed, memories_made);
    CHECK_EQ(finalized, 1);
    updraft_engine_delete(engine);
    CHECK_EQ(finalized, 2);
}

static void features(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    updraft_module_t *module = NULL;
    uint32_t feature, on = 9;
    const char *simd = "(module (func (param v128)))";
    OK(updraft_config_set_feature(config, UPDRAFT_FEATURE_SIMD, 0, E));
    OK(updraft_config_set_feature(config, UPDRAFT_FEATURE_RELAXED_SIMD, 0, E));
    OK(updraft_engine_new(config, &engine, E));
    for (feature = 0; feature <= UPDRAFT_FEATURE_WIDE_ARITHMETIC; feature++) {
        OK(updraft_engine_feature(engine, feature, &on, E));
        CHECK_EQ(on, feature != UPDRAFT_FEATURE_SIMD && feature != UPDRAFT_FEATURE_RELAXED_SIMD);
    }
    OK(updraft_engine_feature(engine, 1000, &on, E));
    CHECK_EQ(on, 0);
    CHECK(updraft_module_new(engine, (const uint8_t *)simd, strlen(simd), &module, E) != UPDRAFT_STATUS_OK);
    CHECK(module == NULL);
    test_forget_error();
    updraft_engine_delete(engine);
    OK(updraft_config_set_feature(config, UPDRAFT_FEATURE_SIMD, 1, E));
    OK(updraft_engine_new(config, &engine, E));
    module = test_module(engine, simd);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    FAILS(UNSUPPORTED, "number 14", updraft_config_set_feature(config, 14, 1, E));
    FAILS(UNSUPPORTED, "number 64", updraft_config_set_feature(config, 64, 0, E));
    FAILS(MISUSE, "on is 2", updraft_config_set_feature(config, UPDRAFT_FEATURE_SIMD, 2, E));
    updraft_config_delete(config);
}

static void lazy_and_eager(void) {
    const char *text = "(module (func (export \"f\")) (func (export \"g\")))";
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    updraft_module_t *module;
    updraft_store_t *store;
    updraft_instance_t instance = 0;
    size_t count = 99;
    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, E));
    OK(updraft_engine_new(config, &engine, E));
    module = test_module(engine, text);
    OK(updraft_module_compiled_count(module, &count, E));
    CHECK_EQ(count, 0);
    store = test_store(engine);
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    OK(updraft_func_call(store, test_export(store, instance, "g"), NULL, 0, NULL, 0, E));
    OK(updraft_module_compiled_count(module, &count, E));
    CHECK_EQ(count, 1);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);

    /* A function that cannot be compiled: at once when eager, when it is called when lazy. */
    OK(updraft_config_set_fail_function(config, 1, E));
    OK(updraft_engine_new(config, &engine, E));
    module = test_module(engine, text);
    store = test_store(engine);
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    OK(updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, NULL, 0, E));
    TRAPS(COMPILATION_FAILED, updraft_func_call(store, test_export(store, instance, "g"), NULL, 0, NULL, 0, E));
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_engine_delete(engine);

    OK(updraft_config_set_strategy(config, UPDRAFT_STRATEGY_EAGER, E));
    OK(updraft_engine_new(config, &engine, E));
    module = NULL;
    CHECK_EQ(updraft_module_new(engine, (const uint8_t *)text, strlen(text), &module, E), UPDRAFT_STATUS_COMPILE);
    {
        uint32_t func = 99;
        CHECK_EQ(updraft_error_func_index(test_error, &func), 1);
        CHECK_EQ(func, 1);
    }
    test_forget_error();
    updraft_engine_delete(engine);
    OK(updraft_config_set_fail_function(config, UINT32_MAX, E));
    OK(updraft_engine_new(config, &engine, E));
    module = test_module(engine, text);
    OK(updraft_module_compiled_count(module, &count, E));
    CHECK_EQ(count, 2);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    FAILS(MISUSE, "strategy has no value 9", updraft_config_set_strategy(config, 9, E));
    updraft_config_delete(config);
}

static void memory_modes(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    uint32_t mode = 99;
    OK(updraft_config_set_memory_mode(config, UPDRAFT_MEMORY_MODE_EXPLICIT, E));
    OK(updraft_engine_new(config, &engine, E));
    OK(updraft_engine_memory_mode(engine, &mode, E));
    CHECK_EQ(mode, UPDRAFT_MEMORY_MODE_EXPLICIT);
    updraft_engine_delete(engine);
    OK(updraft_config_set_memory_mode(config, UPDRAFT_MEMORY_MODE_GUARDED, E));
    OK(updraft_config_set_signals(config, 0, E));
    engine = NULL;
    FAILS(MISUSE, "guarded memories need signals", updraft_engine_new(config, &engine, E));
    CHECK(engine == NULL);
    OK(updraft_config_set_memory_mode(config, UPDRAFT_MEMORY_MODE_AUTO, E));
    OK(updraft_engine_new(config, &engine, E));
    OK(updraft_engine_memory_mode(engine, &mode, E));
    CHECK_EQ(mode, UPDRAFT_MEMORY_MODE_EXPLICIT);
    updraft_engine_delete(engine);
    FAILS(MISUSE, "mode has no value 3", updraft_config_set_memory_mode(config, 3, E));
    updraft_config_delete(config);
}

/* Depth of a recursion until the stack is used up. */
static int32_t depth(updraft_config_t *config) {
    updraft_engine_t *engine = NULL;
    updraft_store_t *store;
    updraft_instance_t instance;
    updraft_val_t value;
    OK(updraft_engine_new(config, &engine, E));
    store = test_store(engine);
    instance = test_instance(store, "(module (global $depth (mut i32) (i32.const 0))"
                                    " (func $f (export \"f\") (global.set $depth (i32.add (global.get $depth) (i32.const 1)))"
                                    "   (call $f) (global.set $depth (i32.sub (global.get $depth) (i32.const 1))))"
                                    " (export \"depth\" (global $depth)))");
    TRAPS(STACK_OVERFLOW, updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, NULL, 0, E));
    OK(updraft_global_get(store, test_export(store, instance, "depth"), &value, E));
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    return value.of.i32;
}

static void stack_and_frames(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    updraft_store_t *store;
    updraft_instance_t instance;
    int32_t small, large;
    size_t frames;
    /* Frames of one size. */
    OK(updraft_config_set_tiers(config, UPDRAFT_TIERS_TOP, E));
    OK(updraft_config_set_max_stack(config, 128 << 10, E));
    small = depth(config);
    OK(updraft_config_set_max_stack(config, 512 << 10, E));
    large = depth(config);
    CHECK(small > 100);
    CHECK(large > 3 * small);
    for (frames = 0; frames < 3; frames++) {
        OK(updraft_config_set_backtrace_frames(config, frames, E));
        OK(updraft_engine_new(config, &engine, E));
        store = test_store(engine);
        instance = test_instance(store, "(module (func $a unreachable) (func $b (call $a)) (func (export \"f\") (call $b)))");
        CHECK_EQ(updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, NULL, 0, E), UPDRAFT_STATUS_TRAP);
        CHECK_EQ(updraft_error_frame_count(test_error), frames);
        test_forget_error();
        OK(updraft_store_delete(store, E));
        updraft_engine_delete(engine);
    }
    FAILS(MISUSE, "bytes is 0", updraft_config_set_max_stack(config, 0, E));
    updraft_config_delete(config);
}

/* The bits of 0/0 after a NaN with a payload went in. */
static int64_t nan_result(updraft_config_t *config) {
    updraft_engine_t *engine = NULL;
    updraft_store_t *store;
    updraft_instance_t instance;
    updraft_val_t args[2], result;
    OK(updraft_engine_new(config, &engine, E));
    store = test_store(engine);
    instance = test_instance(store, "(module (func (export \"add\") (param f64 f64) (result f64)"
                                    " (f64.add (local.get 0) (local.get 1))))");
    args[0] = test_i64(INT64_C(0x7ff8000000000123));
    args[1] = test_i64(0);
    args[0].kind = args[1].kind = UPDRAFT_VAL_F64;
    OK(updraft_func_call(store, test_export(store, instance, "add"), args, 2, &result, 1, E));
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    return result.of.i64;
}

static void nans(void) {
    updraft_config_t *config = test_config();
    CHECK_EQ(nan_result(config), INT64_C(0x7ff8000000000123));
    OK(updraft_config_set_canonicalize_nans(config, 1, E));
    CHECK_EQ(nan_result(config), INT64_C(0x7ff8000000000000));
    updraft_config_delete(config);
}

/* Settings that change nothing that a program can see: it runs all the same. */
static void switches(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    updraft_store_t *store;
    updraft_instance_t instance;
    updraft_val_t args[1], result;
    updraft_func_t func;
    OK(updraft_config_set_interrupts(config, 0, E));
    OK(updraft_config_set_avx(config, 0, E));
    OK(updraft_config_set_memory_moves(config, 1, E));
    OK(updraft_config_set_memory_images(config, 0, E));
    OK(updraft_config_set_compile_threads(config, 1, E));
    OK(updraft_config_set_code_reservation(config, 16 << 20, E));
    OK(updraft_config_set_memory_mode(config, UPDRAFT_MEMORY_MODE_EXPLICIT, E));
    OK(updraft_engine_new(config, &engine, E));
    store = test_store(engine);
    instance = test_instance(store, "(module (memory 1) (data (i32.const 8) \"\\2a\")"
                                    " (func (export \"f\") (param i32) (result i32)"
                                    "   (drop (memory.grow (local.get 0))) (i32.load (i32.const 8))))");
    func = test_export(store, instance, "f");
    args[0] = test_i32(3);
    OK(updraft_func_call(store, func, args, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 42);
    FAILS(MISUSE, "interrupts", updraft_func_call_with_timeout(store, func, args, 1, &result, 1, 1000, E));
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);

    FAILS(MISUSE, "on is 2", updraft_config_set_signals(config, 2, E));
    FAILS(MISUSE, "on is 2", updraft_config_set_interrupts(config, 2, E));
    FAILS(MISUSE, "on is 2", updraft_config_set_fuel(config, 2, E));
    FAILS(MISUSE, "on is 2", updraft_config_set_canonicalize_nans(config, 2, E));
    FAILS(MISUSE, "on is 2", updraft_config_set_avx(config, 2, E));
    FAILS(MISUSE, "on is 2", updraft_config_set_memory_moves(config, 2, E));
    FAILS(MISUSE, "on is 4294967295", updraft_config_set_memory_images(config, UINT32_MAX, E));
    FAILS(MISUSE, "bytes is 0", updraft_config_set_code_reservation(config, 0, E));
    updraft_config_delete(config);
}

/* The machine that code is for. */
static void target(void) {
    updraft_config_t *config = test_config();
    updraft_engine_t *engine = NULL;
    updraft_store_t *store;
    updraft_instance_t instance;
    updraft_val_t result;
    char triple[64], features[256];
    size_t needed = 0;
    OK(updraft_engine_new(config, &engine, E));
    OK(updraft_engine_target(engine, triple, sizeof triple, &needed, E));
    CHECK_EQ(strncmp(triple, "x86_64-", 7), 0);
    CHECK_EQ(needed, strlen(triple));
    OK(updraft_engine_cpu_features(engine, NULL, 0, &needed, E));
    CHECK(needed > 0 && needed < sizeof features);
    updraft_engine_delete(engine);

    OK(updraft_config_set_target(config, triple, strlen(triple), "", 0, E));
    OK(updraft_engine_new(config, &engine, E));
    OK(updraft_engine_cpu_features(engine, features, sizeof features, &needed, E));
    CHECK_TEXT(features, "sse3,ssse3,sse41,sse42,popcnt");
    store = test_store(engine);
    instance = test_instance(store, "(module (func (export \"f\") (result i32) (i32.const 42)))");
    OK(updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 42);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);

    OK(updraft_config_set_target(config, NULL, 0, "warp9", 5, E));
    FAILS(MISUSE, "features: warp9 is unknown for x86_64-", updraft_engine_new(config, &engine, E));
    OK(updraft_config_set_target(config, "toaster", 7, NULL, 0, E));
    FAILS(MISUSE, "target: toaster is no triple", updraft_engine_new(config, &engine, E));
    FAILS(MISUSE, "triple is not UTF-8", updraft_config_set_target(config, "\xff", 1, NULL, 0, E));
    OK(updraft_config_set_target(config, "s390x-unknown-linux-gnu", 23, NULL, 0, E));
    if (!updraft_capability_supported(UPDRAFT_CAPABILITY_ALL_ARCH)) {
        FAILS(UNSUPPORTED, "cargo feature all-arch", updraft_engine_new(config, &engine, E));
    } else {
        OK(updraft_engine_new(config, &engine, E));
        FAILS(MISUSE, "it makes code for s390x-unknown-linux-gnu, and this is x86_64-", updraft_store_new(engine, &store, E));
        updraft_engine_delete(engine);
    }
    updraft_config_delete(config);
}

static void references(void) {
    updraft_config_t *config = NULL, *copy = NULL;
    int finalized = 0;
    OK(updraft_config_new(&config, E));
    OK(updraft_config_set_memory_creator(config, make_memory, &finalized, test_finalizer, E));
    OK(updraft_config_clone(config, &copy, E));
    CHECK(copy == config);
    updraft_config_delete(config);
    CHECK_EQ(finalized, 0);
    OK(updraft_config_set_avx(copy, 1, E));
    updraft_config_delete(copy);
    CHECK_EQ(finalized, 1);
    updraft_config_delete(NULL);
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    FAILS(MISUSE, "config is not an object of its type", updraft_config_set_avx((updraft_config_t *)engine, 1, E));
    updraft_engine_delete(engine);
    references();
    memories_of_the_host();
    features();
    target();
    lazy_and_eager();
    memory_modes();
    stack_and_frames();
    nans();
    switches();
    return test_end();
}
