/* Globals: made by the host, shared with WebAssembly, read and written with every type. */
#include "test.h"

static updraft_globaltype_t globaltype(updraft_valtype_t content, uint32_t is_mutable) {
    updraft_globaltype_t type;
    type.struct_size = sizeof type;
    type.content = content;
    type.is_mutable = is_mutable;
    return type;
}

static void every_type(updraft_store_t *store) {
    static const updraft_valtype_t kinds[] = {UPDRAFT_VAL_I32,  UPDRAFT_VAL_I64,       UPDRAFT_VAL_F32,    UPDRAFT_VAL_F64,
                                              UPDRAFT_VAL_V128, UPDRAFT_VAL_EXTERNREF, UPDRAFT_VAL_FUNCREF};
    size_t i, k, width;
    for (i = 0; i < 7; i++) {
        updraft_globaltype_t type = globaltype(kinds[i], 1), found;
        updraft_val_t value, other, got;
        updraft_global_t global = 0;
        memset(&value, 0, sizeof value);
        value.kind = kinds[i];
        if (i < 5) memset(&value.of, 0x41, sizeof value.of);
        if (kinds[i] == UPDRAFT_VAL_EXTERNREF) OK(updraft_externref_new(store, NULL, NULL, &value.of.handle, E));
        width = i == 4 ? 16 : i == 0 || i == 2 ? 4 : 8;
        OK(updraft_global_new(store, &type, &value, &global, E));
        found.struct_size = sizeof found;
        OK(updraft_global_type(store, global, &found, E));
        CHECK(found.content == kinds[i] && found.is_mutable == 1);
        OK(updraft_global_get(store, global, &got, E));
        CHECK_EQ(got.kind, kinds[i]);
        if (i < 5) CHECK(memcmp(&got.of, &value.of, width) == 0);
        /* A value of another type is refused, and changes nothing. */
        for (k = 0; k < 7; k++) {
            memset(&other, 0, sizeof other);
            other.kind = kinds[k];
            if (k != i) FAILS(MISUSE, "", updraft_global_set(store, global, &other, E));
        }
        OK(updraft_global_get(store, global, &other, E));
        CHECK(memcmp(&other.of, &got.of, width) == 0);
        other.kind = kinds[i];
        memset(&other.of, 0, sizeof other.of);
        OK(updraft_global_set(store, global, &other, E));
        OK(updraft_global_get(store, global, &got, E));
        CHECK(memcmp(&other.of, &got.of, width) == 0);
        OK(updraft_store_release(store, global, E));
    }
}

static void constants(updraft_store_t *store) {
    updraft_globaltype_t type = globaltype(UPDRAFT_VAL_I64, 0);
    updraft_val_t value = test_i64(5), wrong = test_i32(5);
    updraft_global_t global = 0;
    FAILS(MISUSE, "", updraft_global_new(store, &type, &wrong, &global, E));
    wrong.kind = 77;
    FAILS(MISUSE, "value has no value type 77", updraft_global_new(store, &type, &wrong, &global, E));
    CHECK_EQ(global, 0);
    OK(updraft_global_new(store, &type, &value, &global, E));
    FAILS(MISUSE, "", updraft_global_set(store, global, &value, E));
    FAILS(MISUSE, "value has no value type 77", updraft_global_set(store, global, &wrong, E));
    OK(updraft_store_release(store, global, E));
}

static void shared_with_wasm(updraft_engine_t *engine, updraft_store_t *store) {
    updraft_module_t *module = test_module(
        engine, "(module (import \"\" \"g\" (global $g (mut i32))) (func (export \"inc\") (global.set $g (i32.add (global.get $g) (i32.const 1))))"
                " (global (export \"h\") (mut f64) (f64.const 1.5)) (func (export \"get\") (result f64) (global.get 1)))");
    updraft_globaltype_t type = globaltype(UPDRAFT_VAL_I32, 1);
    updraft_val_t value = test_i32(40), got;
    updraft_extern_t import;
    updraft_instance_t instance = 0, second = 0;
    updraft_global_t h;
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_GLOBAL;
    OK(updraft_global_new(store, &type, &value, &import.handle, E));
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    OK(updraft_instance_new(store, module, &import, 1, &second, E));
    OK(updraft_func_call(store, test_export(store, instance, "inc"), NULL, 0, NULL, 0, E));
    OK(updraft_func_call(store, test_export(store, second, "inc"), NULL, 0, NULL, 0, E));
    OK(updraft_global_get(store, import.handle, &got, E));
    CHECK_EQ(got.of.i32, 42);
    h = test_export(store, instance, "h");
    got.kind = UPDRAFT_VAL_F64;
    got.of.f64 = -2.25;
    OK(updraft_global_set(store, h, &got, E));
    OK(updraft_func_call(store, test_export(store, instance, "get"), NULL, 0, &value, 1, E));
    CHECK(value.kind == UPDRAFT_VAL_F64 && value.of.f64 == -2.25);
    OK(updraft_func_call(store, test_export(store, second, "get"), NULL, 0, &value, 1, E));
    CHECK(value.of.f64 == 1.5);
    updraft_module_delete(module);
}

static void wrong_handles(updraft_store_t *store) {
    updraft_memory_t memory = test_export(store, test_instance(store, "(module (memory (export \"m\") 0))"), "m");
    updraft_globaltype_t type = globaltype(0, 0);
    updraft_val_t value = test_i32(7);
    FAILS(MISUSE, "", updraft_global_get(store, memory, &value, E));
    FAILS(MISUSE, "", updraft_global_set(store, memory, &value, E));
    FAILS(MISUSE, "", updraft_global_type(store, 0, &type, E));
    CHECK_EQ(value.of.i32, 7);
    type.struct_size = 2;
    FAILS(MISUSE, "struct_size of global_type", updraft_global_type(store, memory, &type, E));
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    every_type(store);
    constants(store);
    shared_with_wasm(engine, store);
    wrong_handles(store);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    return test_end();
}
