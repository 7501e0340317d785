/* Instances: imports in order, exports by name and number, start functions, what fails while one is made. */
#include "test.h"

static int started;

static updraft_error_t *note_start(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                   updraft_val_t *results, size_t result_count) {
    (void)env, (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    started++;
    return started == 2 ? updraft_error_new(TEXT("not twice"), NULL, NULL) : NULL;
}

static void exports(updraft_engine_t *engine, updraft_store_t *store) {
    static const updraft_kind_t kinds[] = {UPDRAFT_KIND_FUNC, UPDRAFT_KIND_TABLE, UPDRAFT_KIND_MEMORY, UPDRAFT_KIND_GLOBAL};
    static const char *const names[] = {"f", "t", "m", "g"};
    updraft_module_t *module = test_module(engine, "(module (func (export \"f\")) (table (export \"t\") 1 funcref)"
                                                   " (memory (export \"m\") 1) (global (export \"g\") i32 (i32.const 1)))");
    updraft_module_t *again = NULL;
    updraft_instance_t instance = 0;
    updraft_extern_t by_name, by_number;
    updraft_kind_t kind = 0;
    uint32_t same = 0;
    size_t i, count = 0;
    OK(updraft_instance_new(store, module, NULL, 0, &instance, E));
    for (i = 0; i < 4; i++) {
        OK(updraft_instance_export(store, instance, TEXT(names[i]), &by_name, E));
        OK(updraft_instance_export_at(store, instance, i, &by_number, E));
        CHECK(by_name.kind == kinds[i] && by_number.kind == kinds[i]);
        OK(updraft_store_kind(store, by_name.handle, &kind, E));
        CHECK_EQ(kind, kinds[i]);
        OK(updraft_store_same(store, by_name.handle, by_number.handle, &same, E));
        CHECK_EQ(same, 1);
        OK(updraft_store_release(store, by_name.handle, E));
        OK(updraft_store_release(store, by_number.handle, E));
    }
    memset(&by_name, 0x11, sizeof by_name);
    FAILS(NOT_FOUND, "no export \"x\"", updraft_instance_export(store, instance, TEXT("x"), &by_name, E));
    FAILS(NOT_FOUND, "no export \"\"", updraft_instance_export(store, instance, NULL, 0, &by_name, E));
    FAILS(MISUSE, "name is not UTF-8", updraft_instance_export(store, instance, TEXT("\x80"), &by_name, E));
    FAILS(OUT_OF_BOUNDS, "no export 4", updraft_instance_export_at(store, instance, 4, &by_name, E));
    FAILS(OUT_OF_BOUNDS, "no export", updraft_instance_export_at(store, instance, SIZE_MAX, &by_name, E));
    FAILS(MISUSE, "", updraft_instance_export(store, 0, TEXT("f"), &by_name, E));
    FAILS(MISUSE, "", updraft_instance_export_at(store, 3, 0, &by_name, E));
    CHECK_EQ(by_name.kind, 0x11111111);

    OK(updraft_instance_module(store, instance, &again, E));
    OK(updraft_module_export_count(again, &count, E));
    CHECK_EQ(count, 4);
    updraft_module_delete(again);
    again = NULL;
    FAILS(MISUSE, "", updraft_instance_module(store, 0, &again, E));
    CHECK(again == NULL);
    updraft_module_delete(module);
}

static void start_functions(updraft_engine_t *engine, updraft_store_t *store) {
    updraft_module_t *module = test_module(engine, "(module (import \"\" \"s\" (func $s)) (start $s))");
    updraft_functype_t *functype = test_functype("", "");
    updraft_extern_t import;
    updraft_instance_t instance = 0;
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_FUNC;
    OK(updraft_func_new(store, functype, note_start, NULL, NULL, &import.handle, E));
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    CHECK_EQ(started, 1);
    instance = 5;
    TRAPS(HOST, updraft_instance_new(store, module, &import, 1, &instance, E));
    CHECK(started == 2 && instance == 5);
    OK(updraft_instance_new(store, module, &import, 1, &instance, E));
    updraft_module_delete(module);
    module = test_module(engine, "(module (func $s unreachable) (start $s))");
    TRAPS(UNREACHABLE, updraft_instance_new(store, module, NULL, 0, &instance, E));
    updraft_module_delete(module);
    updraft_functype_delete(functype);
}

/* Segments that do not fit: those before them are written, as the standard says. */
static void segments(updraft_engine_t *engine, updraft_store_t *store) {
    updraft_module_t *module =
        test_module(engine, "(module (import \"\" \"m\" (memory 1)) (data (i32.const 4) \"x\") (data (i32.const 65536) \"y\"))");
    updraft_memorytype_t type;
    updraft_extern_t import;
    updraft_instance_t instance = 5;
    uint8_t byte = 0;
    memset(&type, 0, sizeof type);
    type.struct_size = sizeof type;
    type.min = 1;
    memset(&import, 0, sizeof import);
    import.kind = UPDRAFT_KIND_MEMORY;
    OK(updraft_memory_new(store, &type, &import.handle, E));
    TRAPS(MEMORY_OUT_OF_BOUNDS, updraft_instance_new(store, module, &import, 1, &instance, E));
    OK(updraft_memory_read(store, import.handle, 4, &byte, 1, E));
    CHECK(byte == 'x' && instance == 5);
    updraft_module_delete(module);
    module = test_module(engine, "(module (table 1 funcref) (elem (i32.const 1) func $f) (func $f))");
    TRAPS(TABLE_OUT_OF_BOUNDS, updraft_instance_new(store, module, NULL, 0, &instance, E));
    updraft_module_delete(module);
}

static void wrong_imports(updraft_engine_t *engine, updraft_store_t *store) {
    static const char *const modules[] = {
        "(module (import \"a\" \"b\" (func (param i32))))",      "(module (import \"a\" \"b\" (table 5 funcref)))",
        "(module (import \"a\" \"b\" (table 1 externref)))",     "(module (import \"a\" \"b\" (table 1 1 funcref)))",
        "(module (import \"a\" \"b\" (memory 2)))",              "(module (import \"a\" \"b\" (memory 1 1)))",
        "(module (import \"a\" \"b\" (memory i64 1)))",          "(module (import \"a\" \"b\" (memory 1 2 shared)))",
        "(module (import \"a\" \"b\" (global i64)))",            "(module (import \"a\" \"b\" (global (mut i32))))"};
    updraft_instance_t all = test_instance(store, "(module (func (export \"f\")) (table (export \"t\") 1 funcref)"
                                                  " (memory (export \"m\") 1) (global (export \"g\") i32 (i32.const 1)))");
    updraft_instance_t instance = 5;
    updraft_extern_t items[5];
    size_t i, k;
    for (i = 0; i < 4; i++) OK(updraft_instance_export_at(store, all, i, &items[i], E));
    for (i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        updraft_module_t *module = test_module(engine, modules[i]);
        for (k = 0; k < 4; k++) {
            FAILS(LINK, "\"a\" \"b\"", updraft_instance_new(store, module, &items[k], 1, &instance, E));
        }
        FAILS(MISUSE, "imports: 0 given", updraft_instance_new(store, module, NULL, 0, &instance, E));
        FAILS(MISUSE, "imports: 2 given", updraft_instance_new(store, module, items, 2, &instance, E));
        FAILS(MISUSE, "imports is NULL", updraft_instance_new(store, module, NULL, 1, &instance, E));
        items[4] = items[0];
        items[4].kind = UPDRAFT_KIND_INSTANCE;
        FAILS(MISUSE, "imports has no kind 16", updraft_instance_new(store, module, &items[4], 1, &instance, E));
        items[4].kind = 0;
        FAILS(MISUSE, "imports has no kind 0", updraft_instance_new(store, module, &items[4], 1, &instance, E));
        /* A handle that is not of the kind that it is said to be. */
        items[4].kind = UPDRAFT_KIND_MEMORY;
        if (i >= 4 && i < 8) FAILS(MISUSE, "", updraft_instance_new(store, module, &items[4], 1, &instance, E));
        updraft_module_delete(module);
    }
    CHECK_EQ(instance, 5);
}

static void other_engine(updraft_store_t *store) {
    updraft_engine_t *other = test_engine();
    updraft_module_t *module = test_module(other, "(module)");
    updraft_instance_t instance = 5;
    FAILS(MISUSE, "another engine", updraft_instance_new(store, module, NULL, 0, &instance, E));
    CHECK_EQ(instance, 5);
    updraft_module_delete(module);
    updraft_engine_delete(other);
}

/* Two instances that hold each other through a table and an import go together. */
static void cycles(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_instance_t first = test_instance(store, "(module (table (export \"t\") 1 funcref) (func (export \"f\")))");
    updraft_module_t *module = test_module(
        engine, "(module (import \"\" \"t\" (table 1 funcref)) (func $g) (elem (table 0) (i32.const 0) func $g))");
    updraft_instance_t second = 0;
    updraft_extern_t table;
    size_t count = 99;
    OK(updraft_instance_export(store, first, TEXT("t"), &table, E));
    OK(updraft_instance_new(store, module, &table, 1, &second, E));
    OK(updraft_store_release(store, table.handle, E));
    OK(updraft_store_release(store, second, E));
    OK(updraft_store_collect(store, NULL, E));
    OK(updraft_store_instance_count(store, &count, E));
    CHECK_EQ(count, 2);
    OK(updraft_store_release(store, first, E));
    OK(updraft_store_collect(store, NULL, E));
    OK(updraft_store_instance_count(store, &count, E));
    CHECK_EQ(count, 0);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    exports(engine, store);
    start_functions(engine, store);
    segments(engine, store);
    wrong_imports(engine, store);
    other_engine(store);
    cycles(engine);
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    return test_end();
}
