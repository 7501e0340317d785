/* Numbers and layouts of wasm.h are those of the standard: programs compiled with another header of it must work. */
#include "wasm_test.h"

#define VECTOR(name, element)                                                                                         \
    do {                                                                                                              \
        CHECK_EQ(sizeof(wasm_##name##_vec_t), 2 * sizeof(void *));                                                    \
        CHECK_EQ(offsetof(wasm_##name##_vec_t, size), 0);                                                             \
        CHECK_EQ(offsetof(wasm_##name##_vec_t, data), sizeof(void *));                                                \
        CHECK_EQ(sizeof(*((wasm_##name##_vec_t *)0)->data), sizeof(element));                                         \
    } while (0)

/* Declarations as headers of other engines add them; nothing here is called. */
#ifdef __cplusplus
extern "C" {
#endif
WASM_DECLARE_TYPE(test_type)
WASM_DECLARE_SHARABLE_REF(test_object)
typedef int wasm_test_number_t;
WASM_DECLARE_VEC(test_number, )
#ifdef __cplusplus
}
#endif

int main(void) {
    wasm_val_t val;
    CHECK_EQ(sizeof(wasm_test_number_vec_t), sizeof(wasm_test_type_vec_t));
    VECTOR(byte, char);
    VECTOR(valtype, void *);
    VECTOR(functype, void *);
    VECTOR(globaltype, void *);
    VECTOR(tabletype, void *);
    VECTOR(memorytype, void *);
    VECTOR(externtype, void *);
    VECTOR(importtype, void *);
    VECTOR(exporttype, void *);
    VECTOR(val, wasm_val_t);
    VECTOR(frame, void *);
    VECTOR(extern, void *);
    CHECK_EQ(sizeof(wasm_val_t), 16);
    CHECK_EQ(offsetof(wasm_val_t, kind), 0);
    CHECK_EQ(offsetof(wasm_val_t, of), 8);
    CHECK_EQ(sizeof val.kind, 1);
    CHECK(sizeof val.of.i32 == 4 && sizeof val.of.i64 == 8 && sizeof val.of.f32 == 4 && sizeof val.of.f64 == 8);
    CHECK_EQ(sizeof val.of.ref, sizeof(void *));
    CHECK_EQ(sizeof(wasm_limits_t), 8);
    CHECK_EQ(offsetof(wasm_limits_t, max), 4);
    CHECK(sizeof(wasm_byte_t) == 1 && sizeof(byte_t) == 1 && sizeof(float32_t) == 4 && sizeof(float64_t) == 8);
    CHECK(sizeof(wasm_valkind_t) == 1 && sizeof(wasm_externkind_t) == 1 && sizeof(wasm_mutability_t) == 1);
    CHECK(sizeof(wasm_table_size_t) == 4 && sizeof(wasm_memory_pages_t) == 4);
    CHECK(WASM_I32 == 0 && WASM_I64 == 1 && WASM_F32 == 2 && WASM_F64 == 3);
    CHECK(WASM_EXTERNREF == 128 && WASM_FUNCREF == 129);
    CHECK(WASM_EXTERN_FUNC == 0 && WASM_EXTERN_GLOBAL == 1 && WASM_EXTERN_TABLE == 2 && WASM_EXTERN_MEMORY == 3);
    CHECK_EQ(WASM_EXTERN_TAG, 4);
    CHECK(WASM_CONST == 0 && WASM_VAR == 1);
    CHECK_EQ(wasm_limits_max_default, 0xffffffff);
    CHECK_EQ(MEMORY_PAGE_SIZE, 65536);
    CHECK(wasm_valkind_is_num(WASM_F64) && !wasm_valkind_is_num(WASM_EXTERNREF) && wasm_valkind_is_ref(WASM_FUNCREF));
    /* Enumerations have the standard's tags. */
    {
        enum wasm_valkind_enum kind = WASM_F32;
        enum wasm_externkind_enum external = WASM_EXTERN_TABLE;
        enum wasm_mutability_enum mutability = WASM_VAR;
        CHECK(kind == 2 && external == 2 && mutability == 1);
    }
    return test_end();
}
