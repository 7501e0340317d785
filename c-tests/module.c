/* Modules: made, validated, refused, and asked about everything that they say of themselves. */
#include "test.h"

static const char *const text =
    "(module $shop"
    "  (import \"env\" \"f\" (func $imported (param i32 f64) (result i64)))"
    "  (import \"env\" \"t\" (table 2 9 funcref))"
    "  (import \"env\" \"m\" (memory 1))"
    "  (import \"\" \"\\c3\\a9\" (global (mut f32)))"
    "  (func $defined (export \"run\") (param externref) (result v128) (v128.const i64x2 0 0))"
    "  (func)"
    "  (table (export \"table\") i64 3 externref)"
    "  (memory (export \"memory\") i64 1 4)"
    "  (global (export \"global\") i64 (i64.const 5))"
    "  (export \"again\" (func $imported))"
    "  (@custom \"notes\" \"hello\") (@custom \"empty\" \"\"))";

static void imports(const updraft_module_t *module) {
    updraft_import_t import;
    updraft_functype_t *functype = NULL;
    updraft_tabletype_t table;
    updraft_memorytype_t memory;
    updraft_globaltype_t global;
    const updraft_valtype_t *types = NULL;
    size_t count = 0;

    OK(updraft_module_import_count(module, &count, E));
    CHECK_EQ(count, 4);
    import.struct_size = sizeof import;
    table.struct_size = sizeof table;
    memory.struct_size = sizeof memory;
    global.struct_size = sizeof global;

    OK(updraft_module_import(module, 0, &import, E));
    CHECK_EQ(import.struct_size, sizeof import);
    CHECK_EQ(import.kind, UPDRAFT_KIND_FUNC);
    CHECK(import.module_len == 3 && memcmp(import.module, "env", 3) == 0);
    CHECK(import.name_len == 1 && import.name[0] == 'f');
    OK(updraft_module_import_functype(module, 0, &functype, E));
    OK(updraft_functype_params(functype, &types, &count, E));
    CHECK(count == 2 && types[0] == UPDRAFT_VAL_I32 && types[1] == UPDRAFT_VAL_F64);
    OK(updraft_functype_results(functype, &types, &count, E));
    CHECK(count == 1 && types[0] == UPDRAFT_VAL_I64);
    updraft_functype_delete(functype);
    functype = NULL;

    OK(updraft_module_import(module, 1, &import, E));
    CHECK_EQ(import.kind, UPDRAFT_KIND_TABLE);
    OK(updraft_module_import_tabletype(module, 1, &table, E));
    CHECK(table.flags == UPDRAFT_LIMITS_HAS_MAX && table.element == UPDRAFT_VAL_FUNCREF && table.min == 2 && table.max == 9);
    OK(updraft_module_import(module, 2, &import, E));
    CHECK_EQ(import.kind, UPDRAFT_KIND_MEMORY);
    OK(updraft_module_import_memorytype(module, 2, &memory, E));
    CHECK(memory.flags == 0 && memory.min == 1);
    OK(updraft_module_import(module, 3, &import, E));
    CHECK_EQ(import.kind, UPDRAFT_KIND_GLOBAL);
    CHECK_EQ(import.module_len, 0);
    CHECK(import.name_len == 2 && memcmp(import.name, "\xc3\xa9", 2) == 0);
    OK(updraft_module_import_globaltype(module, 3, &global, E));
    CHECK(global.content == UPDRAFT_VAL_F32 && global.is_mutable == 1);

    FAILS(OUT_OF_BOUNDS, "no import 4", updraft_module_import(module, 4, &import, E));
    FAILS(OUT_OF_BOUNDS, "no import 4", updraft_module_import_functype(module, 4, &functype, E));
    FAILS(OUT_OF_BOUNDS, "no import", updraft_module_import_tabletype(module, SIZE_MAX, &table, E));
    FAILS(OUT_OF_BOUNDS, "no import", updraft_module_import_memorytype(module, 4, &memory, E));
    FAILS(OUT_OF_BOUNDS, "no import", updraft_module_import_globaltype(module, 4, &global, E));
    FAILS(MISUSE, "number 1 is a table, not a function", updraft_module_import_functype(module, 1, &functype, E));
    FAILS(MISUSE, "number 2 is a memory, not a table", updraft_module_import_tabletype(module, 2, &table, E));
    FAILS(MISUSE, "number 3 is a global, not a memory", updraft_module_import_memorytype(module, 3, &memory, E));
    FAILS(MISUSE, "number 0 is a function, not a global", updraft_module_import_globaltype(module, 0, &global, E));
    CHECK(functype == NULL);
    import.struct_size = 0;
    FAILS(MISUSE, "struct_size of import", updraft_module_import(module, 0, &import, E));
    global.struct_size = 3;
    FAILS(MISUSE, "struct_size of global_type", updraft_module_import_globaltype(module, 3, &global, E));
}

static void exports(const updraft_module_t *module) {
    static const char *const names[] = {"run", "table", "memory", "global", "again"};
    static const updraft_kind_t kinds[] = {UPDRAFT_KIND_FUNC, UPDRAFT_KIND_TABLE, UPDRAFT_KIND_MEMORY, UPDRAFT_KIND_GLOBAL,
                                           UPDRAFT_KIND_FUNC};
    static const uint32_t indices[] = {1, 1, 1, 1, 0};
    updraft_export_t item;
    updraft_functype_t *functype = NULL;
    updraft_tabletype_t table;
    updraft_memorytype_t memory;
    updraft_globaltype_t global;
    const updraft_valtype_t *types = NULL;
    size_t count = 0, i, found = 99;

    OK(updraft_module_export_count(module, &count, E));
    CHECK_EQ(count, 5);
    item.struct_size = sizeof item;
    table.struct_size = sizeof table;
    memory.struct_size = sizeof memory;
    global.struct_size = sizeof global;
    for (i = 0; i < count; i++) {
        OK(updraft_module_find_export(module, TEXT(names[i]), &found, E));
        CHECK_EQ(found, i);
        OK(updraft_module_export(module, i, &item, E));
        CHECK(item.name_len == strlen(names[i]) && memcmp(item.name, names[i], item.name_len) == 0);
        CHECK_EQ(item.kind, kinds[i]);
        CHECK_EQ(item.item_index, indices[i]);
    }
    found = 99;
    FAILS(NOT_FOUND, "\"nope\"", updraft_module_find_export(module, TEXT("nope"), &found, E));
    FAILS(NOT_FOUND, "", updraft_module_find_export(module, NULL, 0, &found, E));
    FAILS(MISUSE, "name is not UTF-8", updraft_module_find_export(module, TEXT("\xff"), &found, E));
    CHECK_EQ(found, 99);
    FAILS(OUT_OF_BOUNDS, "no export 5", updraft_module_export(module, 5, &item, E));

    OK(updraft_module_export_functype(module, 0, &functype, E));
    OK(updraft_functype_params(functype, &types, &count, E));
    CHECK(count == 1 && types[0] == UPDRAFT_VAL_EXTERNREF);
    updraft_functype_delete(functype);
    OK(updraft_module_export_tabletype(module, 1, &table, E));
    CHECK(table.flags == UPDRAFT_LIMITS_INDEX64 && table.element == UPDRAFT_VAL_EXTERNREF && table.min == 3);
    OK(updraft_module_export_memorytype(module, 2, &memory, E));
    CHECK(memory.flags == (UPDRAFT_LIMITS_INDEX64 | UPDRAFT_LIMITS_HAS_MAX) && memory.min == 1 && memory.max == 4);
    OK(updraft_module_export_globaltype(module, 3, &global, E));
    CHECK(global.content == UPDRAFT_VAL_I64 && global.is_mutable == 0);

    FAILS(OUT_OF_BOUNDS, "no export 5", updraft_module_export_functype(module, 5, &functype, E));
    FAILS(OUT_OF_BOUNDS, "no export 5", updraft_module_export_tabletype(module, 5, &table, E));
    FAILS(OUT_OF_BOUNDS, "no export 5", updraft_module_export_memorytype(module, 5, &memory, E));
    FAILS(OUT_OF_BOUNDS, "no export 5", updraft_module_export_globaltype(module, 5, &global, E));
    FAILS(MISUSE, "number 1 is a table, not a function", updraft_module_export_functype(module, 1, &functype, E));
    FAILS(MISUSE, "number 0 is a function, not a table", updraft_module_export_tabletype(module, 0, &table, E));
    FAILS(MISUSE, "number 1 is a table, not a memory", updraft_module_export_memorytype(module, 1, &memory, E));
    FAILS(MISUSE, "number 2 is a memory, not a global", updraft_module_export_globaltype(module, 2, &global, E));
}

static void names_and_sections(const updraft_module_t *module, const updraft_module_t *nameless) {
    char buffer[16];
    size_t needed = 0, count = 0;
    updraft_custom_section_t section;

    OK(updraft_module_func_count(module, &count, E));
    CHECK_EQ(count, 3);
    OK(updraft_module_func_name(module, 1, buffer, sizeof buffer, &needed, E));
    CHECK_TEXT(buffer, "defined");
    CHECK_EQ(needed, 7);
    OK(updraft_module_func_name(module, 0, buffer, 5, &needed, E));
    CHECK_TEXT(buffer, "impo");
    CHECK_EQ(needed, 8);
    OK(updraft_module_func_name(module, 0, NULL, 0, &needed, E));
    OK(updraft_module_func_name(module, 0, buffer, 1, &needed, E));
    CHECK_TEXT(buffer, "");
    FAILS(NOT_FOUND, "function 2 has no name", updraft_module_func_name(module, 2, buffer, sizeof buffer, &needed, E));
    FAILS(OUT_OF_BOUNDS, "no function 3", updraft_module_func_name(module, 3, buffer, sizeof buffer, &needed, E));
    FAILS(MISUSE, "buffer is NULL", updraft_module_func_name(module, 1, NULL, 1, &needed, E));
    OK(updraft_module_name(module, buffer, sizeof buffer, &needed, E));
    CHECK_TEXT(buffer, "shop");
    CHECK_EQ(needed, 4);
    FAILS(NOT_FOUND, "no name", updraft_module_name(nameless, buffer, sizeof buffer, &needed, E));

    OK(updraft_module_custom_section_count(module, &count, E));
    CHECK_EQ(count, 3);
    section.struct_size = sizeof section;
    OK(updraft_module_custom_section(module, 0, &section, E));
    CHECK(section.name_len == 5 && memcmp(section.name, "notes", 5) == 0);
    CHECK(section.len == 5 && memcmp(section.bytes, "hello", 5) == 0);
    OK(updraft_module_custom_section(module, 1, &section, E));
    CHECK(section.name_len == 5 && section.len == 0);
    FAILS(OUT_OF_BOUNDS, "no custom section 3", updraft_module_custom_section(module, 3, &section, E));
    section.struct_size = 1;
    FAILS(MISUSE, "struct_size of section", updraft_module_custom_section(module, 0, &section, E));
    OK(updraft_module_custom_section_count(nameless, &count, E));
    CHECK_EQ(count, 0);
}

static void numbers(const updraft_module_t *module, const updraft_module_t *nameless) {
    uint64_t features = 0;
    size_t count = 0, size = 0;
    OK(updraft_module_features(module, &features, E));
    CHECK(features & (UINT64_C(1) << UPDRAFT_FEATURE_SIMD));
    CHECK(features & (UINT64_C(1) << UPDRAFT_FEATURE_MEMORY64));
    CHECK(features & (UINT64_C(1) << UPDRAFT_FEATURE_MULTI_MEMORY));
    CHECK(!(features & (UINT64_C(1) << UPDRAFT_FEATURE_THREADS)));
    OK(updraft_module_features(nameless, &features, E));
    CHECK_EQ(features, 0);
    OK(updraft_module_compiled_count(module, &count, E));
    CHECK_EQ(count, 2);
    OK(updraft_module_code_size(module, &size, E));
    CHECK(size > 0 && size < 10000);
    OK(updraft_module_code_size(nameless, &size, E));
    CHECK_EQ(size, 0);
}

static void refused(updraft_engine_t *engine) {
    static const uint8_t header[] = {0, 'a', 's', 'm', 1, 0, 0, 0};
    static const uint8_t unknown[] = {0, 'a', 's', 'm', 9, 0, 0, 0};
    const char *mistyped = "(module (func (result i32) (i64.const 1)))";
    const char *unfinished = "(module (func";
    updraft_module_t *module = NULL;
    size_t len;
    OK(updraft_module_validate(engine, header, sizeof header, E));
    OK(updraft_module_validate(engine, (const uint8_t *)text, strlen(text), E));
    for (len = 4; len < sizeof header; len++) {
        FAILS(INVALID, "offset", updraft_module_new(engine, header, len, &module, E));
        FAILS(INVALID, "offset", updraft_module_validate(engine, header, len, E));
    }
    FAILS(INVALID, "version", updraft_module_new(engine, unknown, sizeof unknown, &module, E));
    FAILS(INVALID, "type mismatch", updraft_module_new(engine, (const uint8_t *)mistyped, strlen(mistyped), &module, E));
    FAILS(INVALID, "type mismatch", updraft_module_validate(engine, (const uint8_t *)mistyped, strlen(mistyped), E));
    FAILS(TEXT, "", updraft_module_new(engine, (const uint8_t *)unfinished, strlen(unfinished), &module, E));
    FAILS(TEXT, "", updraft_module_validate(engine, (const uint8_t *)unfinished, strlen(unfinished), E));
    CHECK(module == NULL);
}

/* Features that come later are named. */
static void not_yet(updraft_engine_t *engine) {
    static const char *const texts[] = {
        "(module (tag))",
        "(module (type (struct (field i32))))",
        "(module (type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0))))",
    };
    updraft_module_t *module = NULL;
    size_t i;
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        FAILS(UNSUPPORTED, "", updraft_module_new(engine, (const uint8_t *)texts[i], strlen(texts[i]), &module, E));
    }
    CHECK(module == NULL);
}

static void references(updraft_engine_t *engine) {
    updraft_module_t *module = test_module(engine, "(module (memory 1))"), *copy = NULL;
    size_t count = 99;
    OK(updraft_module_clone(module, &copy, E));
    CHECK(copy == module);
    updraft_module_delete(module);
    OK(updraft_module_export_count(copy, &count, E));
    CHECK_EQ(count, 0);
    FAILS(MISUSE, "module is not an object of its type", updraft_module_export_count((updraft_module_t *)engine, &count, E));
    FAILS(MISUSE, "engine is not an object of its type", updraft_module_new((updraft_engine_t *)copy, NULL, 0, &module, E));
    updraft_module_delete(copy);
    updraft_module_delete(NULL);
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_module_t *module = test_module(engine, text), *nameless = test_module(engine, "(module)");
    imports(module);
    exports(module);
    names_and_sections(module, nameless);
    numbers(module, nameless);
    refused(engine);
    not_yet(engine);
    references(engine);
    updraft_module_delete(module);
    updraft_module_delete(nameless);
    updraft_engine_delete(engine);
    return test_end();
}
