/* Types of functions, and the checks of the plain type structs where they are used. */
#include "test.h"

static updraft_memorytype_t memorytype(uint32_t flags, uint64_t min, uint64_t max) {
    updraft_memorytype_t type;
    memset(&type, 0, sizeof type);
    type.struct_size = sizeof type;
    type.flags = flags;
    type.min = min;
    type.max = max;
    return type;
}

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

static void function_types(void) {
    const updraft_valtype_t all[] = {UPDRAFT_VAL_I32,  UPDRAFT_VAL_I64,       UPDRAFT_VAL_F32,    UPDRAFT_VAL_F64,
                                     UPDRAFT_VAL_V128, UPDRAFT_VAL_EXTERNREF, UPDRAFT_VAL_FUNCREF};
    const updraft_valtype_t *list = NULL;
    updraft_valtype_t many[1001];
    updraft_functype_t *type = NULL, *copy = NULL;
    size_t count = 0;
    uint32_t kind;

    OK(updraft_functype_new(all, 7, all + 2, 2, &type, E));
    OK(updraft_functype_params(type, &list, &count, E));
    CHECK_EQ(count, 7);
    CHECK(memcmp(list, all, sizeof all) == 0);
    OK(updraft_functype_clone(type, &copy, E));
    CHECK(copy == type);
    updraft_functype_delete(type);
    OK(updraft_functype_results(copy, &list, &count, E));
    CHECK_EQ(count, 2);
    CHECK(list[0] == UPDRAFT_VAL_F32 && list[1] == UPDRAFT_VAL_F64);
    updraft_functype_delete(copy);

    type = NULL;
    OK(updraft_functype_new(NULL, 0, NULL, 0, &type, E));
    OK(updraft_functype_params(type, &list, &count, E));
    CHECK_EQ(count, 0);
    updraft_functype_delete(type);
    updraft_functype_delete(NULL);

    type = NULL;
    for (kind = 5; kind < 300; kind++) {
        if (kind == UPDRAFT_VAL_EXTERNREF || kind == UPDRAFT_VAL_FUNCREF) continue;
        FAILS(MISUSE, "params has no value type", updraft_functype_new(&kind, 1, NULL, 0, &type, E));
        FAILS(MISUSE, "results has no value type", updraft_functype_new(NULL, 0, &kind, 1, &type, E));
    }
    for (count = 0; count < 1001; count++) many[count] = UPDRAFT_VAL_I64;
    FAILS(MISUSE, "params has more than 1000", updraft_functype_new(many, 1001, NULL, 0, &type, E));
    FAILS(MISUSE, "results has more than 1000", updraft_functype_new(NULL, 0, many, 1001, &type, E));
    FAILS(MISUSE, "params has more than 1000", updraft_functype_new(many, SIZE_MAX, NULL, 0, &type, E));
    CHECK(type == NULL);
    OK(updraft_functype_new(many, 1000, many, 1000, &type, E));
    updraft_functype_delete(type);
}

static void memory_types(updraft_store_t *store) {
    updraft_memorytype_t type = memorytype(0, 1, 0), found;
    struct {
        updraft_memorytype_t known;
        uint64_t future;
    } larger;
    updraft_memory_t memory = 0;

    OK(updraft_memory_new(store, &type, &memory, E));
    found.struct_size = sizeof found;
    OK(updraft_memory_type(store, memory, &found, E));
    CHECK_EQ(found.struct_size, sizeof found);
    CHECK(found.flags == 0 && found.page_size_log2 == 16 && found.min == 1 && found.max == 0);
    OK(updraft_store_release(store, memory, E));

    /* A struct of a later version: what this one does not know must be zero, and is left alone. */
    memset(&larger, 0, sizeof larger);
    larger.known = memorytype(UPDRAFT_LIMITS_HAS_MAX | UPDRAFT_LIMITS_INDEX64, 2, 3);
    larger.known.struct_size = sizeof larger;
    OK(updraft_memory_new(store, &larger.known, &memory, E));
    larger.future = 77;
    OK(updraft_memory_type(store, memory, &larger.known, E));
    CHECK(larger.future == 77 && larger.known.struct_size == sizeof larger);
    CHECK_EQ(larger.known.flags, UPDRAFT_LIMITS_HAS_MAX | UPDRAFT_LIMITS_INDEX64);
    CHECK(larger.known.min == 2 && larger.known.max == 3);
    FAILS(MISUSE, "field that this version does not know", updraft_memory_new(store, &larger.known, &memory, E));
    OK(updraft_store_release(store, memory, E));

    memory = 5;
    type.struct_size = sizeof type - 1;
    FAILS(MISUSE, "struct_size of memory_type", updraft_memory_new(store, &type, &memory, E));
    type.struct_size = 0;
    FAILS(MISUSE, "struct_size of memory_type", updraft_memory_new(store, &type, &memory, E));
    type = memorytype(8, 1, 0);
    FAILS(MISUSE, "flags has unknown bits 0x8", updraft_memory_new(store, &type, &memory, E));
    type = memorytype(UPDRAFT_LIMITS_HAS_MAX, 2, 1);
    FAILS(MISUSE, "max is less than min", updraft_memory_new(store, &type, &memory, E));
    type = memorytype(UPDRAFT_LIMITS_SHARED, 1, 0);
    FAILS(MISUSE, "a shared memory needs a maximum", updraft_memory_new(store, &type, &memory, E));
    type = memorytype(0, 65537, 0);
    FAILS(MISUSE, "at most 65536 pages", updraft_memory_new(store, &type, &memory, E));
    type = memorytype(UPDRAFT_LIMITS_HAS_MAX, 1, 65537);
    FAILS(MISUSE, "at most 65536 pages", updraft_memory_new(store, &type, &memory, E));
    type = memorytype(UPDRAFT_LIMITS_INDEX64, UINT64_MAX, 0);
    FAILS(MISUSE, "pages", updraft_memory_new(store, &type, &memory, E));
    type = memorytype(0, 1, 0);
    type.page_size_log2 = 12;
    FAILS(MISUSE, "page_size_log2 is 12", updraft_memory_new(store, &type, &memory, E));
    CHECK_EQ(memory, 5);
    type.page_size_log2 = 16;
    OK(updraft_memory_new(store, &type, &memory, E));
    OK(updraft_store_release(store, memory, E));
}

static void table_types(updraft_store_t *store) {
    updraft_val_t null = test_ref(UPDRAFT_VAL_FUNCREF, 0);
    updraft_tabletype_t type = tabletype(UPDRAFT_LIMITS_HAS_MAX, UPDRAFT_VAL_FUNCREF, 2, 5);
    updraft_table_t table = 5;
    OK(updraft_table_new(store, &type, &null, &table, E));
    OK(updraft_store_release(store, table, E));
    table = 5;
    type = tabletype(UPDRAFT_LIMITS_SHARED, UPDRAFT_VAL_FUNCREF, 2, 5);
    FAILS(MISUSE, "flags has unknown bits 0x4", updraft_table_new(store, &type, &null, &table, E));
    type = tabletype(UPDRAFT_LIMITS_HAS_MAX, UPDRAFT_VAL_FUNCREF, 2, 1);
    FAILS(MISUSE, "max is less than min", updraft_table_new(store, &type, &null, &table, E));
    type = tabletype(0, UPDRAFT_VAL_I32, 2, 0);
    FAILS(MISUSE, "element is not a reference type", updraft_table_new(store, &type, &null, &table, E));
    type = tabletype(0, 130, 2, 0);
    FAILS(MISUSE, "element has no value type 130", updraft_table_new(store, &type, &null, &table, E));
    type = tabletype(0, UPDRAFT_VAL_FUNCREF, UINT64_C(1) << 32, 0);
    FAILS(MISUSE, "less than 2^32", updraft_table_new(store, &type, &null, &table, E));
    type = tabletype(UPDRAFT_LIMITS_HAS_MAX, UPDRAFT_VAL_FUNCREF, 0, UINT64_C(1) << 32);
    FAILS(MISUSE, "less than 2^32", updraft_table_new(store, &type, &null, &table, E));
    type.struct_size = 4;
    FAILS(MISUSE, "struct_size of table_type", updraft_table_new(store, &type, &null, &table, E));
    CHECK_EQ(table, 5);
}

static void global_types(updraft_store_t *store) {
    updraft_globaltype_t type;
    updraft_val_t value = test_i32(1);
    updraft_global_t global = 5;
    type.struct_size = sizeof type;
    type.content = 999;
    type.is_mutable = 0;
    FAILS(MISUSE, "content has no value type 999", updraft_global_new(store, &type, &value, &global, E));
    type.content = UPDRAFT_VAL_I32;
    type.is_mutable = 2;
    FAILS(MISUSE, "is_mutable is 2, not 0 or 1", updraft_global_new(store, &type, &value, &global, E));
    type.struct_size = 8;
    FAILS(MISUSE, "struct_size of global_type", updraft_global_new(store, &type, &value, &global, E));
    CHECK_EQ(global, 5);
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    function_types();
    memory_types(store);
    table_types(store);
    global_types(store);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    return test_end();
}
