/* Every function of wasm.h with NULL for each argument, and the casts and accessors with objects of the wrong kind. */
#include "wasm_test.h"

/* What a vector must be after NULL was taken for granted. */
#define EMPTY(vec) CHECK((vec).size == 0)

/* Functions that macros of the standard declare for vectors. */
#define VECTORS(name, element)                                                                                        \
    do {                                                                                                              \
        wasm_##name##_vec_t vec, copy;                                                                                \
        wasm_##name##_vec_new_empty(NULL);                                                                            \
        wasm_##name##_vec_new_uninitialized(NULL, 3);                                                                 \
        wasm_##name##_vec_new(NULL, 0, NULL);                                                                         \
        wasm_##name##_vec_copy(NULL, NULL);                                                                           \
        wasm_##name##_vec_delete(NULL);                                                                               \
        wasm_##name##_vec_new_empty(&vec);                                                                            \
        EMPTY(vec);                                                                                                   \
        wasm_##name##_vec_delete(&vec);                                                                               \
        wasm_##name##_vec_delete(&vec);                                                                               \
        memset(&vec, 0xa5, sizeof vec);                                                                               \
        wasm_##name##_vec_new(&vec, 3, NULL);                                                                         \
        EMPTY(vec);                                                                                                   \
        wasm_##name##_vec_new(&vec, SIZE_MAX, NULL);                                                                  \
        EMPTY(vec);                                                                                                   \
        memset(&vec, 0xa5, sizeof vec);                                                                               \
        wasm_##name##_vec_copy(&vec, NULL);                                                                           \
        EMPTY(vec);                                                                                                   \
        wasm_##name##_vec_copy(NULL, &vec);                                                                           \
        /* Sizes whose bytes no computer can count, and one that no computer has. */                                 \
        wasm_##name##_vec_new_uninitialized(&vec, SIZE_MAX);                                                          \
        EMPTY(vec);                                                                                                   \
        wasm_##name##_vec_new_uninitialized(&vec, SIZE_MAX / 2 / sizeof(element) + 2);                                \
        EMPTY(vec);                                                                                                   \
        if (!test_tool("asan")) wasm_##name##_vec_new_uninitialized(&vec, SIZE_MAX / 2 / sizeof(element));            \
        EMPTY(vec);                                                                                                   \
        /* A vector that was made and not filled can be copied and deleted. */                                       \
        wasm_##name##_vec_new_uninitialized(&vec, 3);                                                                 \
        CHECK_EQ(vec.size, 3);                                                                                        \
        wasm_##name##_vec_copy(&copy, &vec);                                                                          \
        CHECK_EQ(copy.size, 3);                                                                                       \
        wasm_##name##_vec_delete(&vec);                                                                               \
        EMPTY(vec);                                                                                                   \
        CHECK(vec.data == NULL);                                                                                      \
        wasm_##name##_vec_delete(&copy);                                                                              \
        wasm_##name##_vec_delete(&copy);                                                                              \
    } while (0)

#define TYPES(name)                                                                                                   \
    do {                                                                                                              \
        wasm_##name##_delete(NULL);                                                                                   \
        CHECK(wasm_##name##_copy(NULL) == NULL);                                                                      \
        CHECK(wasm_##name##_copy((wasm_##name##_t *)stranger) == NULL);                                               \
    } while (0)

#define EXTERN_TYPES(name)                                                                                            \
    do {                                                                                                              \
        CHECK(wasm_##name##_as_externtype(NULL) == NULL);                                                             \
        CHECK(wasm_##name##_as_externtype_const(NULL) == NULL);                                                       \
        CHECK(wasm_externtype_as_##name(NULL) == NULL);                                                               \
        CHECK(wasm_externtype_as_##name##_const(NULL) == NULL);                                                       \
        CHECK(wasm_externtype_as_##name((wasm_externtype_t *)stranger) == NULL);                                      \
        CHECK(wasm_##name##_as_externtype((wasm_##name##_t *)stranger) == NULL);                                      \
    } while (0)

#define REFERENCES(name)                                                                                              \
    do {                                                                                                              \
        wasm_##name##_delete(NULL);                                                                                   \
        CHECK(wasm_##name##_copy(NULL) == NULL);                                                                      \
        CHECK(!wasm_##name##_same(NULL, NULL));                                                                       \
        CHECK(!wasm_##name##_same((wasm_##name##_t *)trap, NULL));                                                    \
        CHECK(!wasm_##name##_same(NULL, (wasm_##name##_t *)trap));                                                    \
        CHECK(wasm_##name##_get_host_info(NULL) == NULL);                                                             \
        wasm_##name##_set_host_info(NULL, NULL);                                                                      \
        wasm_##name##_set_host_info(NULL, &finalized);                                                                \
        wasm_##name##_set_host_info_with_finalizer(NULL, &finalized, NULL);                                           \
        wasm_##name##_set_host_info((wasm_##name##_t *)stranger, NULL);                                               \
        CHECK(wasm_##name##_get_host_info((wasm_##name##_t *)stranger) == NULL);                                      \
    } while (0)

#define CASTS(name)                                                                                                   \
    do {                                                                                                              \
        CHECK(wasm_##name##_as_ref(NULL) == NULL);                                                                    \
        CHECK(wasm_##name##_as_ref_const(NULL) == NULL);                                                              \
        CHECK(wasm_ref_as_##name(NULL) == NULL);                                                                      \
        CHECK(wasm_ref_as_##name##_const(NULL) == NULL);                                                              \
        CHECK(wasm_ref_as_##name((wasm_ref_t *)stranger) == NULL);                                                    \
    } while (0)

#define EXTERNS(name)                                                                                                 \
    do {                                                                                                              \
        CHECK(wasm_##name##_as_extern(NULL) == NULL);                                                                 \
        CHECK(wasm_##name##_as_extern_const(NULL) == NULL);                                                           \
        CHECK(wasm_extern_as_##name(NULL) == NULL);                                                                   \
        CHECK(wasm_extern_as_##name##_const(NULL) == NULL);                                                           \
        CHECK(wasm_extern_as_##name((wasm_extern_t *)trap) == NULL);                                                  \
    } while (0)

/* What the macros of the standard declare. `stranger` is an object of no type here, `trap` a reference of none. */
static void declared_by_macros(void *stranger, wasm_trap_t *trap) {
    int finalized = 0;
    VECTORS(byte, wasm_byte_t);
    VECTORS(valtype, wasm_valtype_t *);
    VECTORS(functype, wasm_functype_t *);
    VECTORS(globaltype, wasm_globaltype_t *);
    VECTORS(tabletype, wasm_tabletype_t *);
    VECTORS(memorytype, wasm_memorytype_t *);
    VECTORS(externtype, wasm_externtype_t *);
    VECTORS(importtype, wasm_importtype_t *);
    VECTORS(exporttype, wasm_exporttype_t *);
    VECTORS(val, wasm_val_t);
    VECTORS(frame, wasm_frame_t *);
    VECTORS(extern, wasm_extern_t *);
    TYPES(valtype);
    TYPES(functype);
    TYPES(globaltype);
    TYPES(tabletype);
    TYPES(memorytype);
    TYPES(externtype);
    TYPES(importtype);
    TYPES(exporttype);
    TYPES(frame);
    EXTERN_TYPES(functype);
    EXTERN_TYPES(globaltype);
    EXTERN_TYPES(tabletype);
    EXTERN_TYPES(memorytype);
    REFERENCES(ref);
    REFERENCES(trap);
    REFERENCES(foreign);
    REFERENCES(module);
    REFERENCES(func);
    REFERENCES(global);
    REFERENCES(table);
    REFERENCES(memory);
    REFERENCES(extern);
    REFERENCES(instance);
    CASTS(trap);
    CASTS(foreign);
    CASTS(module);
    CASTS(func);
    CASTS(global);
    CASTS(table);
    CASTS(memory);
    CASTS(extern);
    CASTS(instance);
    EXTERNS(func);
    EXTERNS(global);
    EXTERNS(table);
    EXTERNS(memory);
    /* What cannot be attached is finalized at once. */
    wasm_func_set_host_info_with_finalizer(NULL, &finalized, std_count);
    CHECK_EQ(finalized, 1);
    wasm_func_set_host_info_with_finalizer((wasm_func_t *)stranger, &finalized, std_count);
    CHECK_EQ(finalized, 2);
}

static void types(void *stranger) {
    wasm_limits_t limits = {1, 2};
    wasm_valtype_vec_t vec;
    wasm_name_t name;
    wasm_functype_t *functype = wasm_functype_new(NULL, NULL);
    CHECK(functype != NULL);
    CHECK_EQ(wasm_functype_params(functype)->size, 0);
    CHECK_EQ(wasm_functype_results(functype)->size, 0);
    CHECK(wasm_globaltype_content((wasm_globaltype_t *)functype) == NULL);
    CHECK(wasm_tabletype_element((wasm_tabletype_t *)functype) == NULL);
    CHECK(wasm_tabletype_limits((wasm_tabletype_t *)functype) == NULL);
    CHECK(wasm_memorytype_limits((wasm_memorytype_t *)functype) == NULL);
    CHECK_EQ(wasm_globaltype_mutability((wasm_globaltype_t *)functype), WASM_CONST);
    CHECK(wasm_importtype_type((wasm_importtype_t *)functype) == NULL);
    CHECK(wasm_exporttype_type((wasm_exporttype_t *)functype) == NULL);
    wasm_functype_delete(functype);
    /* NULL in a vector, and something else than a type. */
    wasm_valtype_vec_new_uninitialized(&vec, 2);
    vec.data[0] = wasm_valtype_new_i32();
    CHECK(wasm_functype_new(&vec, NULL) == NULL);
    EMPTY(vec);
    wasm_valtype_vec_new_uninitialized(&vec, 2);
    vec.data[1] = (wasm_valtype_t *)stranger;
    CHECK(wasm_functype_new(NULL, &vec) == NULL);
    EMPTY(vec);
    CHECK(wasm_functype_params(NULL) == NULL);
    CHECK(wasm_functype_results(NULL) == NULL);
    CHECK_EQ(wasm_valtype_kind(NULL), WASM_I32);
    CHECK(wasm_valtype_new(5) == NULL);
    CHECK(wasm_valtype_new(4) == NULL);
    CHECK(wasm_valtype_new(130) == NULL);
    CHECK(wasm_valtype_new(255) == NULL);
    CHECK(wasm_globaltype_new(NULL, WASM_CONST) == NULL);
    CHECK(wasm_globaltype_new(wasm_valtype_new_i32(), 2) == NULL);
    CHECK(wasm_globaltype_content(NULL) == NULL);
    CHECK_EQ(wasm_globaltype_mutability(NULL), WASM_CONST);
    CHECK(wasm_tabletype_new(NULL, &limits) == NULL);
    CHECK(wasm_tabletype_new(wasm_valtype_new_funcref(), NULL) == NULL);
    CHECK(wasm_tabletype_new(wasm_valtype_new_i32(), &limits) == NULL);
    CHECK(wasm_tabletype_element(NULL) == NULL);
    CHECK(wasm_tabletype_limits(NULL) == NULL);
    CHECK(wasm_memorytype_new(NULL) == NULL);
    CHECK(wasm_memorytype_limits(NULL) == NULL);
    CHECK_EQ(wasm_externtype_kind(NULL), WASM_EXTERN_FUNC);
    wasm_name_new_from_string(&name, "n");
    CHECK(wasm_importtype_new(&name, NULL, NULL) == NULL);
    EMPTY(name);
    CHECK(wasm_importtype_new(NULL, NULL, (wasm_externtype_t *)stranger) == NULL);
    CHECK(wasm_importtype_module(NULL) == NULL);
    CHECK(wasm_importtype_name(NULL) == NULL);
    CHECK(wasm_importtype_type(NULL) == NULL);
    wasm_name_new_from_string(&name, "n");
    CHECK(wasm_exporttype_new(&name, NULL) == NULL);
    EMPTY(name);
    CHECK(wasm_exporttype_name(NULL) == NULL);
    CHECK(wasm_exporttype_type(NULL) == NULL);
    {
        wasm_exporttype_t *export_ = wasm_exporttype_new(NULL, wasm_memorytype_as_externtype(wasm_memorytype_new(&limits)));
        CHECK(export_ != NULL);
        EMPTY(*wasm_exporttype_name(export_));
        wasm_exporttype_delete(export_);
    }
}

static wasm_trap_t *callback(const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    (void)args;
    (void)results;
    return NULL;
}

/* What objects of stores are made of, with each argument missing in turn. */
static void objects(wasm_store_t *store, wasm_trap_t *trap) {
    wasm_limits_t limits = {1, 2};
    wasm_functype_t *functype = wasm_functype_new_0_0();
    wasm_globaltype_t *globaltype = wasm_globaltype_new(wasm_valtype_new_i32(), WASM_VAR);
    wasm_tabletype_t *tabletype = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
    wasm_memorytype_t *memorytype = wasm_memorytype_new(&limits);
    wasm_val_t val = std_i32(1), out;
    wasm_byte_vec_t bytes;
    wasm_importtype_vec_t imports;
    wasm_exporttype_vec_t exports;
    wasm_extern_vec_t externs;
    wasm_frame_vec_t frames;
    wasm_message_t message;
    wasm_trap_t *made = trap;

    wasm_engine_delete(wasm_engine_new_with_config(NULL));
    CHECK(wasm_store_new(NULL) == NULL);
    wasm_config_delete(NULL);
    wasm_engine_delete(NULL);
    wasm_store_delete(NULL);
    wasm_shared_module_delete(NULL);

    wasm_val_delete(NULL);
    wasm_val_copy(NULL, NULL);
    wasm_val_copy(&out, NULL);
    wasm_val_copy(NULL, &val);
    /* Kinds that are none own nothing. */
    val.kind = 200;
    wasm_val_copy(&out, &val);
    CHECK_EQ(out.kind, 200);
    wasm_val_delete(&out);
    val = std_i32(1);

    CHECK(wasm_frame_instance(NULL) == NULL);
    CHECK_EQ(wasm_frame_func_index(NULL), 0);
    CHECK_EQ(wasm_frame_func_offset(NULL), 0);
    CHECK_EQ(wasm_frame_module_offset(NULL), 0);
    CHECK(wasm_trap_new(NULL, NULL) == NULL);
    wasm_trap_message(NULL, NULL);
    wasm_trap_message(trap, NULL);
    wasm_trap_message((wasm_trap_t *)functype, &message);
    CHECK_EQ(message.size, 1);
    wasm_byte_vec_delete(&message);
    CHECK(wasm_trap_origin(NULL) == NULL);
    wasm_trap_trace(NULL, NULL);
    wasm_trap_trace(trap, NULL);
    wasm_trap_trace(NULL, &frames);
    EMPTY(frames);
    CHECK(wasm_foreign_new(NULL) == NULL);

    CHECK(wasm_module_new(NULL, NULL) == NULL);
    CHECK(wasm_module_new(store, NULL) == NULL);
    CHECK(!wasm_module_validate(NULL, NULL));
    CHECK(!wasm_module_validate(store, NULL));
    wasm_module_imports(NULL, NULL);
    wasm_module_imports(NULL, &imports);
    EMPTY(imports);
    wasm_module_exports(NULL, NULL);
    wasm_module_exports((wasm_module_t *)trap, &exports);
    EMPTY(exports);
    wasm_module_serialize(NULL, NULL);
    wasm_module_serialize(NULL, &bytes);
    EMPTY(bytes);
    CHECK(wasm_module_deserialize(NULL, NULL) == NULL);
    CHECK(wasm_module_deserialize(store, NULL) == NULL);
    CHECK(wasm_module_share(NULL) == NULL);
    CHECK(wasm_module_obtain(NULL, NULL) == NULL);
    CHECK(wasm_module_obtain(store, NULL) == NULL);

    CHECK(wasm_func_new(NULL, functype, callback) == NULL);
    CHECK(wasm_func_new(store, NULL, callback) == NULL);
    CHECK(wasm_func_new(store, functype, NULL) == NULL);
    CHECK(wasm_func_new(store, (wasm_functype_t *)memorytype, callback) == NULL);
    CHECK(wasm_func_new_with_env(NULL, NULL, NULL, NULL, NULL) == NULL);
    CHECK(wasm_func_type(NULL) == NULL);
    CHECK_EQ(wasm_func_param_arity(NULL), 0);
    CHECK_EQ(wasm_func_result_arity(NULL), 0);
    CHECK(wasm_func_call(NULL, NULL, NULL) == NULL);
    CHECK(wasm_func_type((wasm_func_t *)trap) == NULL);

    CHECK(wasm_global_new(NULL, globaltype, &val) == NULL);
    CHECK(wasm_global_new(store, NULL, &val) == NULL);
    CHECK(wasm_global_new(store, globaltype, NULL) == NULL);
    CHECK(wasm_global_type(NULL) == NULL);
    wasm_global_get(NULL, NULL);
    out = std_i64(-1);
    wasm_global_get(NULL, &out);
    CHECK(out.kind == WASM_I32 && out.of.i32 == 0);
    wasm_global_set(NULL, NULL);
    wasm_global_set(NULL, &val);

    CHECK(wasm_table_new(NULL, tabletype, NULL) == NULL);
    CHECK(wasm_table_new(store, NULL, NULL) == NULL);
    CHECK(wasm_table_new(store, tabletype, wasm_trap_as_ref(trap)) == NULL);
    CHECK(wasm_table_type(NULL) == NULL);
    CHECK(wasm_table_get(NULL, 0) == NULL);
    CHECK(!wasm_table_set(NULL, 0, NULL));
    CHECK_EQ(wasm_table_size(NULL), 0);
    CHECK(!wasm_table_grow(NULL, 0, NULL));

    CHECK(wasm_memory_new(NULL, memorytype) == NULL);
    CHECK(wasm_memory_new(store, NULL) == NULL);
    CHECK(wasm_memory_type(NULL) == NULL);
    CHECK(wasm_memory_data(NULL) == NULL);
    CHECK_EQ(wasm_memory_data_size(NULL), 0);
    CHECK_EQ(wasm_memory_size(NULL), 0);
    CHECK(!wasm_memory_grow(NULL, 0));
    CHECK(wasm_memory_data((wasm_memory_t *)trap) == NULL);

    CHECK_EQ(wasm_extern_kind(NULL), WASM_EXTERN_FUNC);
    CHECK_EQ(wasm_extern_kind((wasm_extern_t *)trap), WASM_EXTERN_FUNC);
    CHECK(wasm_extern_type(NULL) == NULL);
    CHECK(wasm_extern_type((wasm_extern_t *)trap) == NULL);

    CHECK(wasm_instance_new(NULL, NULL, NULL, NULL) == NULL);
    CHECK(wasm_instance_new(NULL, NULL, NULL, &made) == NULL);
    CHECK(made == NULL);
    CHECK(wasm_instance_new(store, NULL, NULL, NULL) == NULL);
    CHECK(wasm_instance_new(store, NULL, NULL, &made) == NULL);
    TRAPPED(made, "misuse: module is NULL");
    CHECK(wasm_instance_new(store, (wasm_module_t *)trap, NULL, &made) == NULL);
    TRAPPED(made, "misuse: module is a reference of another kind");
    wasm_instance_exports(NULL, NULL);
    wasm_instance_exports(NULL, &externs);
    EMPTY(externs);
    wasm_instance_exports((wasm_instance_t *)trap, &externs);
    EMPTY(externs);

    wasm_functype_delete(functype);
    wasm_globaltype_delete(globaltype);
    wasm_tabletype_delete(tabletype);
    wasm_memorytype_delete(memorytype);
}

int main(void) {
    wasm_engine_t *engine = std_engine();
    wasm_store_t *store = wasm_store_new(engine);
    wasm_trap_t *trap = wasm_trap_new(store, NULL);
    declared_by_macros(store, trap);
    types(store);
    objects(store, trap);
    wasm_trap_delete(trap);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
    return test_end();
}
