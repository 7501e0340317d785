/* References: handles of every kind are retained, released, compared and told apart; external references. */
#include "test.h"

static void every_kind(const updraft_engine_t *engine) {
    static const char *const names[] = {"f", "t", "m", "g"};
    static const updraft_kind_t kinds[] = {UPDRAFT_KIND_FUNC, UPDRAFT_KIND_TABLE, UPDRAFT_KIND_MEMORY, UPDRAFT_KIND_GLOBAL,
                                           UPDRAFT_KIND_INSTANCE, UPDRAFT_KIND_EXTERNREF};
    updraft_store_t *store = test_store(engine);
    updraft_handle_t handles[6], again;
    updraft_kind_t kind = 99;
    uint32_t same = 9;
    int i, k;
    handles[4] = test_instance(store, "(module (func (export \"f\")) (table (export \"t\") 1 funcref) (memory (export \"m\") 1)"
                                      " (global (export \"g\") i32 (i32.const 1)))");
    OK(updraft_externref_new(store, NULL, NULL, &handles[5], E));
    for (i = 0; i < 4; i++) handles[i] = test_export(store, handles[4], names[i]);
    for (i = 0; i < 6; i++) {
        CHECK(handles[i] != 0);
        OK(updraft_store_kind(store, handles[i], &kind, E));
        CHECK_EQ(kind, kinds[i]);
        for (k = 0; k < 6; k++) {
            OK(updraft_store_same(store, handles[i], handles[k], &same, E));
            CHECK_EQ(same, i == k);
        }
    }
    /* An export that is asked for twice is the same object. */
    for (i = 0; i < 4; i++) {
        again = test_export(store, handles[4], names[i]);
        OK(updraft_store_same(store, handles[i], again, &same, E));
        CHECK_EQ(same, 1);
        OK(updraft_store_release(store, again, E));
    }
    for (i = 0; i < 6; i++) {
        OK(updraft_store_retain(store, handles[i], E));
        OK(updraft_store_release(store, handles[i], E));
        OK(updraft_store_kind(store, handles[i], &kind, E));
    }
    for (i = 0; i < 6; i++) OK(updraft_store_release(store, handles[i], E));
    OK(updraft_store_collect(store, NULL, E));
    kind = 99;
    for (i = 0; i < 6; i++) {
        FAILS(MISUSE, "", updraft_store_kind(store, handles[i], &kind, E));
        FAILS(MISUSE, "", updraft_store_retain(store, handles[i], E));
        FAILS(MISUSE, "", updraft_store_release(store, handles[i], E));
        FAILS(MISUSE, "", updraft_store_same(store, handles[i], handles[i], &same, E));
    }
    CHECK_EQ(kind, 99);
    OK(updraft_store_release(store, 0, E));
    FAILS(MISUSE, "", updraft_store_retain(store, 0, E));
    FAILS(MISUSE, "", updraft_store_kind(store, 0, &kind, E));
    FAILS(MISUSE, "", updraft_store_same(store, 0, 0, &same, E));
    FAILS(MISUSE, "", updraft_store_kind(store, UINT64_MAX, &kind, E));
    OK(updraft_store_delete(store, E));
}

static void external(const updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_externref_t object = 0, from_raw = 0;
    updraft_func_t func;
    updraft_instance_t instance;
    void *data = NULL;
    uint32_t raw = 0, same = 9;
    int finalized = 0;

    OK(updraft_externref_new(store, &finalized, test_finalizer, &object, E));
    OK(updraft_externref_data(store, object, &data, E));
    CHECK(data == &finalized);
    OK(updraft_externref_to_raw(store, object, &raw, E));
    CHECK(raw != 0);
    OK(updraft_externref_from_raw(store, raw, &from_raw, E));
    OK(updraft_store_same(store, object, from_raw, &same, E));
    CHECK_EQ(same, 1);
    OK(updraft_store_release(store, from_raw, E));
    OK(updraft_externref_from_raw(store, 0, &from_raw, E));
    CHECK_EQ(from_raw, 0);
    from_raw = 5;
    FAILS(MISUSE, "", updraft_externref_from_raw(store, raw + 100, &from_raw, E));
    FAILS(MISUSE, "", updraft_externref_from_raw(store, UINT32_MAX, &from_raw, E));
    CHECK_EQ(from_raw, 5);

    instance = test_instance(store, "(module (func (export \"f\")))");
    func = test_export(store, instance, "f");
    FAILS(MISUSE, "", updraft_externref_data(store, func, &data, E));
    FAILS(MISUSE, "", updraft_externref_to_raw(store, func, &raw, E));
    FAILS(MISUSE, "", updraft_externref_data(store, 0, &data, E));

    CHECK_EQ(finalized, 0);
    OK(updraft_store_release(store, object, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(finalized, 1);
    FAILS(MISUSE, "", updraft_externref_data(store, object, &data, E));
    /* A NULL pointer is a host pointer like any other, and not the null reference. */
    OK(updraft_externref_new(store, NULL, NULL, &object, E));
    CHECK(object != 0);
    data = &finalized;
    OK(updraft_externref_data(store, object, &data, E));
    CHECK(data == NULL);
    /* The store finalizes what is left. */
    OK(updraft_externref_new(store, &finalized, test_finalizer, &object, E));
    OK(updraft_store_delete(store, E));
    CHECK_EQ(finalized, 2);
}

/* Held by a global, a table and a cycle of both; then by nothing. */
static void reachability(const updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_instance_t instance = test_instance(store, "(module (global (export \"g\") (mut externref) (ref.null extern)))");
    updraft_global_t global = test_export(store, instance, "g");
    updraft_externref_t object = 0;
    updraft_val_t value;
    int finalized = 0;
    OK(updraft_externref_new(store, &finalized, test_finalizer, &object, E));
    value = test_ref(UPDRAFT_VAL_EXTERNREF, object);
    OK(updraft_global_set(store, global, &value, E));
    OK(updraft_store_release(store, object, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(finalized, 0);
    OK(updraft_global_get(store, global, &value, E));
    CHECK(value.kind == UPDRAFT_VAL_EXTERNREF && value.of.handle != 0);
    object = value.of.handle;
    value = test_ref(UPDRAFT_VAL_EXTERNREF, 0);
    OK(updraft_global_set(store, global, &value, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(finalized, 0);
    OK(updraft_store_release(store, object, E));
    OK(updraft_store_collect(store, NULL, E));
    CHECK_EQ(finalized, 1);
    OK(updraft_store_delete(store, E));
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    every_kind(engine);
    external(engine);
    reachability(engine);
    updraft_engine_delete(engine);
    return test_end();
}
