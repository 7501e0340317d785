/* Tables: elements, bounds, growth; functions and objects in them, from both sides. */
#include "test.h"

static updraft_tabletype_t tabletype(uint32_t flags, updraft_valtype_t element, uint64_t min, uint64_t max) {
    updraft_tabletype_t type;
    memset(&type, 0, sizeof type);
    type.struct_size = sizeof type;
    type.flags = flags;
    type.element = element;
    type.min = min;
    type.max = max;
    return type;
}

static void elements(updraft_store_t *store, uint32_t flags) {
    updraft_tabletype_t type = tabletype(flags | UPDRAFT_LIMITS_HAS_MAX, UPDRAFT_VAL_EXTERNREF, 2, 5), found;
    updraft_val_t object = test_ref(UPDRAFT_VAL_EXTERNREF, 0), null = test_ref(UPDRAFT_VAL_EXTERNREF, 0), got, wrong;
    updraft_table_t table = 0;
    uint64_t size = 0, old = 99;
    void *data = NULL;
    int marker = 0;

    OK(updraft_externref_new(store, &marker, test_finalizer, &object.of.handle, E));
    OK(updraft_table_new(store, &type, &object, &table, E));
    found.struct_size = sizeof found;
    OK(updraft_table_type(store, table, &found, E));
    CHECK(found.flags == type.flags && found.element == UPDRAFT_VAL_EXTERNREF && found.min == 2 && found.max == 5);
    OK(updraft_table_size(store, table, &size, E));
    CHECK_EQ(size, 2);
    OK(updraft_table_get(store, table, 1, &got, E));
    OK(updraft_externref_data(store, got.of.handle, &data, E));
    CHECK(got.kind == UPDRAFT_VAL_EXTERNREF && data == &marker);
    OK(updraft_store_release(store, got.of.handle, E));
    OK(updraft_table_set(store, table, 1, &null, E));
    OK(updraft_table_get(store, table, 1, &got, E));
    CHECK(got.kind == UPDRAFT_VAL_EXTERNREF && got.of.handle == 0);

    got.kind = 1234;
    FAILS(OUT_OF_BOUNDS, "no element 2", updraft_table_get(store, table, 2, &got, E));
    FAILS(OUT_OF_BOUNDS, "no element", updraft_table_get(store, table, UINT64_MAX, &got, E));
    FAILS(OUT_OF_BOUNDS, "no element 2", updraft_table_set(store, table, 2, &null, E));
    FAILS(OUT_OF_BOUNDS, "no element", updraft_table_set(store, table, UINT64_C(1) << 32, &null, E));
    CHECK_EQ(got.kind, 1234);

    OK(updraft_table_grow(store, table, 2, &object, &old, E));
    CHECK_EQ(old, 2);
    OK(updraft_table_get(store, table, 3, &got, E));
    CHECK(got.of.handle != 0);
    OK(updraft_store_release(store, got.of.handle, E));
    OK(updraft_table_grow(store, table, 0, &null, NULL, E));
    FAILS(LIMIT, "", updraft_table_grow(store, table, 2, &object, &old, E));
    FAILS(LIMIT, "", updraft_table_grow(store, table, UINT64_MAX, &object, &old, E));
    CHECK_EQ(old, 2);

    wrong = test_ref(UPDRAFT_VAL_FUNCREF, 0);
    FAILS(MISUSE, "", updraft_table_set(store, table, 0, &wrong, E));
    FAILS(MISUSE, "", updraft_table_grow(store, table, 1, &wrong, &old, E));
    wrong = test_i32(0);
    FAILS(MISUSE, "", updraft_table_set(store, table, 0, &wrong, E));
    FAILS(MISUSE, "", updraft_table_new(store, &type, &wrong, &table, E));
    wrong = test_ref(UPDRAFT_VAL_EXTERNREF, 77);
    FAILS(MISUSE, "", updraft_table_set(store, table, 0, &wrong, E));
    wrong.kind = 99;
    FAILS(MISUSE, "value has no value type 99", updraft_table_set(store, table, 0, &wrong, E));
    FAILS(MISUSE, "init has no value type 99", updraft_table_grow(store, table, 1, &wrong, &old, E));
    FAILS(MISUSE, "init has no value type 99", updraft_table_new(store, &type, &wrong, &table, E));

    /* The table holds its elements. */
    OK(updraft_store_release(store, object.of.handle, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(marker, 0);
    OK(updraft_store_release(store, table, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(marker, 1);
}

static void with_wasm(updraft_store_t *store) {
    updraft_instance_t instance = test_instance(
        store, "(module (table (export \"t\") 2 8 funcref) (func $a (export \"a\") (result i32) (i32.const 5))"
               " (func (export \"call\") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))"
               " (func (export \"grow\") (param i32) (result i32) (table.grow (ref.null func) (local.get 0)))"
               " (func (export \"set\") (param i32 funcref) (table.set (local.get 0) (local.get 1))))");
    updraft_table_t table = test_export(store, instance, "t");
    updraft_func_t a = test_export(store, instance, "a"), call = test_export(store, instance, "call");
    updraft_val_t value = test_ref(UPDRAFT_VAL_FUNCREF, a), args[2], result;
    uint64_t size = 0;
    uint32_t same = 0;
    args[0] = test_i32(1);
    TRAPS(UNINITIALIZED_ELEMENT, updraft_func_call(store, call, args, 1, &result, 1, E));
    OK(updraft_table_set(store, table, 1, &value, E));
    OK(updraft_func_call(store, call, args, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 5);
    args[0] = test_i32(3);
    TRAPS(UNDEFINED_ELEMENT, updraft_func_call(store, call, args, 1, &result, 1, E));
    OK(updraft_func_call(store, test_export(store, instance, "grow"), args, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 2);
    OK(updraft_table_size(store, table, &size, E));
    CHECK_EQ(size, 5);
    args[1] = value;
    OK(updraft_func_call(store, test_export(store, instance, "set"), args, 2, NULL, 0, E));
    OK(updraft_table_get(store, table, 3, &result, E));
    OK(updraft_store_same(store, result.of.handle, a, &same, E));
    CHECK_EQ(same, 1);
    OK(updraft_table_get(store, table, 0, &result, E));
    CHECK(result.kind == UPDRAFT_VAL_FUNCREF && result.of.handle == 0);
}

/* A host function in a table is called like any other. */
static updraft_error_t *seven(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                              updraft_val_t *results, size_t result_count) {
    (void)env, (void)caller, (void)args, (void)arg_count, (void)result_count;
    results[0].of.i32 = 7;
    return NULL;
}

static void host_functions(updraft_engine_t *engine, updraft_store_t *store) {
    updraft_functype_t *functype = test_functype("", "i");
    updraft_module_t *module = test_module(engine, "(module (import \"\" \"t\" (table 3 funcref))"
                                                   " (func (export \"f\") (result i32) (call_indirect (result i32) (i32.const 2))))");
    updraft_tabletype_t type = tabletype(0, UPDRAFT_VAL_FUNCREF, 3, 0);
    updraft_val_t value = test_ref(UPDRAFT_VAL_FUNCREF, 0), result;
    updraft_extern_t import;
    updraft_instance_t instance = 0;
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_TABLE;
    OK(updraft_func_new(store, functype, seven, NULL, NULL, &value.of.handle, E));
    OK(updraft_table_new(store, &type, &value, &import.handle, E));
    OK(updraft_store_release(store, value.of.handle, E));
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    OK(updraft_store_collect(store, NULL, E));
    OK(updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 7);
    updraft_module_delete(module);
    updraft_functype_delete(functype);
}

static void wrong_handles(updraft_store_t *store) {
    updraft_func_t func = test_export(store, test_instance(store, "(module (func (export \"f\")))"), "f");
    updraft_val_t null = test_ref(UPDRAFT_VAL_FUNCREF, 0);
    updraft_tabletype_t type = tabletype(0, 0, 7, 0);
    uint64_t size = 9;
    FAILS(MISUSE, "", updraft_table_type(store, func, &type, E));
    FAILS(MISUSE, "", updraft_table_size(store, func, &size, E));
    FAILS(MISUSE, "", updraft_table_get(store, func, 0, &null, E));
    FAILS(MISUSE, "", updraft_table_set(store, func, 0, &null, E));
    FAILS(MISUSE, "", updraft_table_grow(store, 0, 0, &null, &size, E));
    CHECK(size == 9 && type.min == 7);
    type.struct_size = 8;
    FAILS(MISUSE, "struct_size of table_type", updraft_table_type(store, func, &type, E));
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    elements(store, 0);
    elements(store, UPDRAFT_LIMITS_INDEX64);
    with_wasm(store);
    host_functions(engine, store);
    wrong_handles(store);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    return test_end();
}
