/* What the tests of the standard API share. Modules come from text, through the native interface. */
#ifndef UPDRAFT_WASM_TEST_H
#define UPDRAFT_WASM_TEST_H

#include "test.h"

#include "updraft_wasm.h"
#include "wasm.h"

/* An engine as the surroundings want it. */
static inline wasm_engine_t *std_engine(void) {
    updraft_engine_t *native = test_engine();
    wasm_engine_t *engine = NULL;
    if (updraft_wasm_engine_wrap(native, &engine, E) != UPDRAFT_STATUS_OK) test_stop("updraft_wasm_engine_wrap");
    updraft_engine_delete(native);
    return engine;
}

/* The bytes of a module from text; to be deleted. */
static inline void std_binary(wasm_store_t *store, const char *text, wasm_byte_vec_t *out) {
    updraft_store_t *native = NULL;
    updraft_engine_t *engine = NULL;
    updraft_module_t *module;
    wasm_module_t *wrapped = NULL;
    wasm_byte_vec_t serialized;
    uint32_t head;
    uint64_t place[2];
    if (updraft_wasm_store_native(store, &native, E) != UPDRAFT_STATUS_OK) test_stop("updraft_wasm_store_native");
    if (updraft_store_engine(native, &engine, E) != UPDRAFT_STATUS_OK) test_stop("updraft_store_engine");
    module = test_module(engine, text);
    if (updraft_wasm_module_wrap(store, module, &wrapped, E) != UPDRAFT_STATUS_OK) test_stop("updraft_wasm_module_wrap");
    wasm_module_serialize(wrapped, &serialized);
    /* Where an artifact has the wasm: the length of its head, and from its end on, offset and length. */
    memcpy(&head, serialized.data + 24, sizeof head);
    memcpy(place, serialized.data + 32, sizeof place);
    wasm_byte_vec_new(out, (size_t)place[1], serialized.data + head + place[0]);
    wasm_byte_vec_delete(&serialized);
    wasm_module_delete(wrapped);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    if (updraft_store_delete(native, E) != UPDRAFT_STATUS_OK) test_stop("updraft_store_delete");
}

static inline wasm_module_t *std_module(wasm_store_t *store, const char *text) {
    wasm_byte_vec_t binary;
    wasm_module_t *module;
    std_binary(store, text, &binary);
    module = wasm_module_new(store, &binary);
    if (module == NULL) test_stop(text);
    wasm_byte_vec_delete(&binary);
    return module;
}

static inline wasm_extern_vec_t std_imports(wasm_extern_t **imports, size_t count) {
    wasm_extern_vec_t vec;
    vec.size = count;
    vec.data = imports;
    return vec;
}

/* An instance of a module from text. */
static inline wasm_instance_t *std_instance(wasm_store_t *store, const char *text, wasm_extern_t **imports,
                                            size_t count) {
    wasm_module_t *module = std_module(store, text);
    wasm_extern_vec_t vec = std_imports(imports, count);
    wasm_trap_t *trap = NULL;
    wasm_instance_t *instance = wasm_instance_new(store, module, &vec, &trap);
    if (instance == NULL) {
        wasm_message_t message;
        wasm_trap_message(trap, &message);
        test_stop(message.data);
    }
    CHECK(trap == NULL);
    wasm_module_delete(module);
    return instance;
}

/* An export, owned by the caller. */
static inline wasm_extern_t *std_export(const wasm_instance_t *instance, size_t index) {
    wasm_extern_vec_t exports;
    wasm_extern_t *item;
    wasm_instance_exports(instance, &exports);
    if (index >= exports.size) test_stop("no such export");
    item = wasm_extern_copy(exports.data[index]);
    wasm_extern_vec_delete(&exports);
    return item;
}

/* Values with garbage in the bytes that their kind does not need. */
static inline wasm_val_t std_i32(int32_t value) {
    wasm_val_t val;
    memset(&val, 0xa5, sizeof val);
    val.kind = WASM_I32;
    val.of.i32 = value;
    return val;
}

static inline wasm_val_t std_i64(int64_t value) {
    wasm_val_t val;
    memset(&val, 0xa5, sizeof val);
    val.kind = WASM_I64;
    val.of.i64 = value;
    return val;
}

static inline wasm_val_t std_ref(wasm_valkind_t kind, wasm_ref_t *ref) {
    wasm_val_t val;
    memset(&val, 0xa5, sizeof val);
    val.kind = kind;
    val.of.ref = ref;
    return val;
}

static inline wasm_val_vec_t std_vals(wasm_val_t *vals, size_t count) {
    wasm_val_vec_t vec;
    vec.size = count;
    vec.data = count == 0 ? NULL : vals;
    return vec;
}

/* Calls with up to four arguments; the places of results hold garbage before. */
static inline wasm_trap_t *std_call(const wasm_func_t *func, wasm_val_t *args, size_t arg_count, wasm_val_t *results,
                                    size_t result_count) {
    wasm_val_vec_t arg_vec = std_vals(args, arg_count);
    wasm_val_vec_t result_vec = std_vals(results, result_count);
    if (result_count != 0) memset(results, 0x5a, result_count * sizeof *results);
    return wasm_func_call(func, &arg_vec, &result_vec);
}

/* An i32 from a function of i32s. */
static inline int32_t std_call_i32(const wasm_func_t *func, size_t arg_count, int32_t a, int32_t b) {
    wasm_val_t args[2], result;
    wasm_trap_t *trap;
    args[0] = std_i32(a);
    args[1] = std_i32(b);
    trap = std_call(func, args, arg_count, &result, 1);
    CHECK(trap == NULL);
    CHECK_EQ(result.kind, WASM_I32);
    wasm_trap_delete(trap);
    return result.of.i32;
}

/* The trap is there, and its message begins with a text; deletes it. */
#define TRAPPED(trap, text) std_trapped((trap), (text), #trap, __FILE__, __LINE__)
static inline void std_trapped(wasm_trap_t *trap, const char *text, const char *what, const char *file, int line) {
    wasm_message_t message;
    int good;
    wasm_trap_message(trap, &message);
    good = trap != NULL && message.size != 0 && message.data[message.size - 1] == '\0' &&
           strncmp(message.data, text, strlen(text)) == 0;
    test_check(good, what, file, line);
    if (!good) fprintf(stderr, "    \"%s\" does not begin with \"%s\"\n", message.data, text);
    wasm_byte_vec_delete(&message);
    wasm_trap_delete(trap);
}

/* A host function's type from two strings: i I f F for numbers, e and r for external and function references. */
static inline wasm_functype_t *std_functype(const char *params, const char *results) {
    static const char letters[] = "iIfFer";
    static const wasm_valkind_t kinds[] = {WASM_I32, WASM_I64, WASM_F32, WASM_F64, WASM_EXTERNREF, WASM_FUNCREF};
    wasm_valtype_vec_t vecs[2];
    const char *texts[2];
    size_t i, j;
    texts[0] = params;
    texts[1] = results;
    for (i = 0; i < 2; i++) {
        wasm_valtype_vec_new_uninitialized(&vecs[i], strlen(texts[i]));
        for (j = 0; texts[i][j] != '\0'; j++) {
            vecs[i].data[j] = wasm_valtype_new(kinds[strchr(letters, texts[i][j]) - letters]);
        }
    }
    return wasm_functype_new(&vecs[0], &vecs[1]);
}

static inline wasm_func_t *std_func(wasm_store_t *store, const char *params, const char *results,
                                    wasm_func_callback_with_env_t callback, void *env, void (*finalizer)(void *)) {
    wasm_functype_t *type = std_functype(params, results);
    wasm_func_t *func = wasm_func_new_with_env(store, type, callback, env, finalizer);
    if (func == NULL) test_stop("wasm_func_new_with_env");
    wasm_functype_delete(type);
    return func;
}

/* A finalizer that counts. */
static inline void std_count(void *count) {
    ++*(int *)count;
}

#endif
