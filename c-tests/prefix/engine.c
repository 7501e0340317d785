/* Runs something in the engine whose names this file was compiled with (updraft_prefix.h or none). RUN is its function:
 * it makes an engine, lets WebAssembly fault, and calls `between` in the middle of a call. Returns how many faults became
 * traps, through both APIs. */
#include "updraft.h"
#include "updraft_wasm.h"
#include "wasm.h"

static wasm_trap_t *call_between(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    (void)args;
    (void)results;
    if (env != NULL) (*(int (**)(void))env)();
    return NULL;
}

int RUN(int (*between)(void));
int RUN(int (*between)(void)) {
    static const char text[] = "(module (import \"\" \"f\" (func $f)) (memory 1)"
                               " (func (export \"fault\") (call $f) (drop (i32.load (i32.const -8)))))";
    int traps = 0, i;
    wasm_engine_t *engine = wasm_engine_new();
    wasm_store_t *store = wasm_store_new(engine);
    updraft_engine_t *native_engine = NULL;
    updraft_module_t *native_module = NULL;
    wasm_module_t *module = NULL;
    wasm_functype_t *type = wasm_functype_new_0_0();
    wasm_func_t *func = wasm_func_new_with_env(store, type, call_between, between == NULL ? NULL : (void *)&between, NULL);
    wasm_extern_t *imports[1];
    wasm_extern_vec_t vec, exports;
    wasm_instance_t *instance;
    imports[0] = wasm_func_as_extern(func);
    vec.size = 1;
    vec.data = imports;
    if (updraft_wasm_engine_native(engine, &native_engine, NULL) != UPDRAFT_STATUS_OK) return -1;
    if (updraft_module_new(native_engine, (const uint8_t *)text, sizeof text - 1, &native_module, NULL) !=
        UPDRAFT_STATUS_OK) {
        return -2;
    }
    if (updraft_wasm_module_wrap(store, native_module, &module, NULL) != UPDRAFT_STATUS_OK) return -3;
    instance = wasm_instance_new(store, module, &vec, NULL);
    if (instance == NULL) return -4;
    wasm_instance_exports(instance, &exports);
    for (i = 0; i < 3; i++) {
        wasm_trap_t *trap = wasm_func_call(wasm_extern_as_func(exports.data[0]), NULL, NULL);
        wasm_message_t message;
        wasm_trap_message(trap, &message);
        if (strcmp(message.data, "out of bounds memory access") == 0) traps++;
        wasm_byte_vec_delete(&message);
        wasm_trap_delete(trap);
    }
    wasm_extern_vec_delete(&exports);
    wasm_instance_delete(instance);
    wasm_module_delete(module);
    updraft_module_delete(native_module);
    updraft_engine_delete(native_engine);
    wasm_func_delete(func);
    wasm_functype_delete(type);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return traps;
}
