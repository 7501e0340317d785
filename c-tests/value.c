/* Values of every type through calls: checked and raw, narrow and wide, few and many. */
#include "test.h"

static const char *const identities =
    "(module"
    "  (func (export \"i32\") (param i32) (result i32) (local.get 0))"
    "  (func (export \"i64\") (param i64) (result i64) (local.get 0))"
    "  (func (export \"f32\") (param f32) (result f32) (local.get 0))"
    "  (func (export \"f64\") (param f64) (result f64) (local.get 0))"
    "  (func (export \"v128\") (param v128) (result v128) (local.get 0))"
    "  (func (export \"externref\") (param externref) (result externref) (local.get 0))"
    "  (func (export \"funcref\") (param funcref) (result funcref) (local.get 0))"
    "  (func (export \"many\") (param i32 i64 f32 f64 v128 i32 i64 f32 f64 v128 i32 i64 f32 f64 v128 i32 i64 f32 f64 v128)"
    "    (result v128 f64 f32 i64 i32 v128 f64 f32 i64 i32 v128 f64 f32 i64 i32 v128 f64 f32 i64 i32)"
    "    (local.get 19) (local.get 18) (local.get 17) (local.get 16) (local.get 15) (local.get 14) (local.get 13)"
    "    (local.get 12) (local.get 11) (local.get 10) (local.get 9) (local.get 8) (local.get 7) (local.get 6)"
    "    (local.get 5) (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 0)))";

static updraft_val_t pattern(updraft_valtype_t kind, unsigned seed) {
    updraft_val_t val;
    size_t i;
    memset(&val, 0x55, sizeof val);
    val.kind = kind;
    for (i = 0; i < 16; i++) val.of.v128[i] = (uint8_t)(seed * 31 + i * 7);
    return val;
}

static size_t width(updraft_valtype_t kind) {
    if (kind == UPDRAFT_VAL_I32 || kind == UPDRAFT_VAL_F32) return 4;
    return kind == UPDRAFT_VAL_V128 ? 16 : 8;
}

static int equal(const updraft_val_t *a, const updraft_val_t *b) {
    return a->kind == b->kind && memcmp(&a->of, &b->of, width(a->kind)) == 0;
}

static void numbers(updraft_store_t *store, updraft_instance_t instance) {
    static const char *const names[] = {"i32", "i64", "f32", "f64", "v128"};
    updraft_val_t arg, result;
    uint32_t kind;
    unsigned seed;
    for (kind = 0; kind < 5; kind++) {
        updraft_func_t func = test_export(store, instance, names[kind]);
        for (seed = 0; seed < 256; seed++) {
            arg = pattern(kind, seed);
            OK(updraft_func_call(store, func, &arg, 1, &result, 1, E));
            CHECK(equal(&arg, &result));
        }
        /* NaN payloads, the signalling ones too. */
        arg = pattern(kind, 0);
        if (kind == UPDRAFT_VAL_F32) arg.of.i32 = 0x7fa00001;
        if (kind == UPDRAFT_VAL_F64) arg.of.i64 = INT64_C(0x7ff4000000000001);
        OK(updraft_func_call(store, func, &arg, 1, &result, 1, E));
        CHECK(equal(&arg, &result));
        OK(updraft_store_release(store, func, E));
    }
}

static void references(updraft_store_t *store, updraft_instance_t instance) {
    updraft_func_t func = test_export(store, instance, "funcref"), external = test_export(store, instance, "externref");
    updraft_externref_t object = 0;
    updraft_val_t arg = test_ref(UPDRAFT_VAL_FUNCREF, 0), result = test_i32(1);
    uint32_t same = 0;
    int data = 1;
    void *found = NULL;

    OK(updraft_func_call(store, func, &arg, 1, &result, 1, E));
    CHECK(result.kind == UPDRAFT_VAL_FUNCREF && result.of.handle == 0);
    arg = test_ref(UPDRAFT_VAL_FUNCREF, func);
    OK(updraft_func_call(store, func, &arg, 1, &result, 1, E));
    CHECK_EQ(result.kind, UPDRAFT_VAL_FUNCREF);
    OK(updraft_store_same(store, func, result.of.handle, &same, E));
    CHECK_EQ(same, 1);
    OK(updraft_store_release(store, result.of.handle, E));

    arg = test_ref(UPDRAFT_VAL_EXTERNREF, 0);
    OK(updraft_func_call(store, external, &arg, 1, &result, 1, E));
    CHECK(result.kind == UPDRAFT_VAL_EXTERNREF && result.of.handle == 0);
    OK(updraft_externref_new(store, &data, NULL, &object, E));
    arg = test_ref(UPDRAFT_VAL_EXTERNREF, object);
    OK(updraft_func_call(store, external, &arg, 1, &result, 1, E));
    OK(updraft_externref_data(store, result.of.handle, &found, E));
    CHECK(found == &data);
    OK(updraft_store_release(store, result.of.handle, E));

    /* A handle of the wrong kind, a number that is no handle. */
    arg = test_ref(UPDRAFT_VAL_EXTERNREF, func);
    FAILS(MISUSE, "", updraft_func_call(store, external, &arg, 1, &result, 1, E));
    arg = test_ref(UPDRAFT_VAL_FUNCREF, object);
    FAILS(MISUSE, "", updraft_func_call(store, func, &arg, 1, &result, 1, E));
    arg = test_ref(UPDRAFT_VAL_FUNCREF, 12345);
    FAILS(MISUSE, "", updraft_func_call(store, func, &arg, 1, &result, 1, E));
    OK(updraft_store_release(store, object, E));
    OK(updraft_store_release(store, func, E));
    OK(updraft_store_release(store, external, E));
}

static void many(updraft_store_t *store, updraft_instance_t instance) {
    updraft_func_t func = test_export(store, instance, "many");
    updraft_val_t args[20], results[20];
    updraft_raw_t cells[20];
    unsigned i;
    for (i = 0; i < 20; i++) args[i] = pattern(i % 5, i);
    OK(updraft_func_call(store, func, args, 20, results, 20, E));
    for (i = 0; i < 20; i++) CHECK(equal(&results[i], &args[19 - i]));
    /* In place. */
    OK(updraft_func_call(store, func, args, 20, args, 20, E));
    for (i = 0; i < 20; i++) CHECK(equal(&results[i], &args[i]));
    /* Raw. */
    for (i = 0; i < 20; i++) memcpy(cells[i].v128, results[19 - i].of.v128, 16);
    OK(updraft_func_call_raw(store, func, cells, E));
    for (i = 0; i < 20; i++) CHECK(memcmp(&cells[i], &args[i].of, width(args[i].kind)) == 0);
    OK(updraft_store_release(store, func, E));
}

static void unknown_kinds(updraft_store_t *store, updraft_instance_t instance) {
    updraft_func_t func = test_export(store, instance, "i32");
    updraft_val_t arg = test_i32(1), result = test_i32(9);
    uint32_t kind;
    for (kind = 1; kind < 300; kind++) {
        arg.kind = kind;
        if (kind == UPDRAFT_VAL_EXTERNREF || kind == UPDRAFT_VAL_FUNCREF) arg.of.handle = 0;
        FAILS(MISUSE, "args", updraft_func_call(store, func, &arg, 1, &result, 1, E));
    }
    CHECK(result.kind == UPDRAFT_VAL_I32 && result.of.i32 == 9);
    OK(updraft_store_release(store, func, E));
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance = test_instance(store, identities);
    CHECK_EQ(sizeof(updraft_val_t), 24);
    CHECK_EQ(sizeof(updraft_raw_t), 16);
    numbers(store, instance);
    references(store, instance);
    many(store, instance);
    unknown_kinds(store, instance);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    return test_end();
}
