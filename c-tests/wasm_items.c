/* Modules, instances, globals, tables and memories through the standard API: what its examples show, and the edges. */
#include "wasm_test.h"

static int name_is(const wasm_name_t *name, const char *text) {
    return name->size == strlen(text) && (name->size == 0 || memcmp(name->data, text, name->size) == 0);
}

/* Types of imports and exports say what the module says. */
static void reflection(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = std_module(
        store,
        "(module (import \"a\" \"\\c3\\a9\" (func (param i32 f64) (result i64 externref)))"
        " (import \"\" \"m\" (memory 1 3)) (import \"b\" \"t\" (table 2 externref)) (import \"b\" \"g\" (global (mut f32)))"
        " (func (export \"v\") (param v128)) (memory (export \"big\") i64 0x1000000000)"
        " (table (export \"\") 0 10 funcref) (global (export \"c\") i64 (i64.const 1)) (export \"m2\" (memory 0)))");
    wasm_importtype_vec_t imports, copy;
    wasm_exporttype_vec_t exports;
    const wasm_externtype_t *type;
    const wasm_functype_t *functype;
    wasm_functype_t *again;
    wasm_module_imports(module, &imports);
    wasm_importtype_vec_copy(&copy, &imports);
    wasm_importtype_vec_delete(&imports);
    CHECK_EQ(copy.size, 4);
    CHECK(name_is(wasm_importtype_module(copy.data[0]), "a"));
    CHECK(name_is(wasm_importtype_name(copy.data[0]), "\xc3\xa9"));
    type = wasm_importtype_type(copy.data[0]);
    CHECK_EQ(wasm_externtype_kind(type), WASM_EXTERN_FUNC);
    functype = wasm_externtype_as_functype_const(type);
    CHECK(wasm_externtype_as_memorytype_const(type) == NULL && wasm_externtype_as_tabletype_const(type) == NULL);
    CHECK_EQ(wasm_functype_params(functype)->size, 2);
    CHECK_EQ(wasm_valtype_kind(wasm_functype_params(functype)->data[0]), WASM_I32);
    CHECK_EQ(wasm_valtype_kind(wasm_functype_params(functype)->data[1]), WASM_F64);
    CHECK_EQ(wasm_valtype_kind(wasm_functype_results(functype)->data[0]), WASM_I64);
    CHECK(wasm_valtype_is_ref(wasm_functype_results(functype)->data[1]));
    CHECK(wasm_valtype_is_num(wasm_functype_results(functype)->data[0]));
    again = wasm_functype_copy(functype);
    CHECK(name_is(wasm_importtype_module(copy.data[1]), ""));
    type = wasm_importtype_type(copy.data[1]);
    CHECK_EQ(wasm_externtype_kind(type), WASM_EXTERN_MEMORY);
    CHECK_EQ(wasm_memorytype_limits(wasm_externtype_as_memorytype_const(type))->min, 1);
    CHECK_EQ(wasm_memorytype_limits(wasm_externtype_as_memorytype_const(type))->max, 3);
    type = wasm_importtype_type(copy.data[2]);
    CHECK_EQ(wasm_externtype_kind(type), WASM_EXTERN_TABLE);
    CHECK_EQ(wasm_tabletype_limits(wasm_externtype_as_tabletype_const(type))->max, wasm_limits_max_default);
    CHECK_EQ(wasm_valtype_kind(wasm_tabletype_element(wasm_externtype_as_tabletype_const(type))), WASM_EXTERNREF);
    type = wasm_importtype_type(copy.data[3]);
    CHECK_EQ(wasm_externtype_kind(type), WASM_EXTERN_GLOBAL);
    CHECK_EQ(wasm_globaltype_mutability(wasm_externtype_as_globaltype_const(type)), WASM_VAR);
    CHECK_EQ(wasm_valtype_kind(wasm_globaltype_content(wasm_externtype_as_globaltype_const(type))), WASM_F32);
    wasm_importtype_vec_delete(&copy);
    CHECK_EQ(wasm_functype_params(again)->size, 2);
    wasm_functype_delete(again);
    wasm_module_exports(module, &exports);
    CHECK_EQ(exports.size, 5);
    CHECK(name_is(wasm_exporttype_name(exports.data[0]), "v"));
    /* Beyond the standard: vectors have a kind, large limits are cut off. */
    functype = wasm_externtype_as_functype_const(wasm_exporttype_type(exports.data[0]));
    CHECK_EQ(wasm_valtype_kind(wasm_functype_params(functype)->data[0]), 4);
    type = wasm_exporttype_type(exports.data[1]);
    CHECK_EQ(wasm_memorytype_limits(wasm_externtype_as_memorytype_const(type))->min, 0xffffffff);
    type = wasm_exporttype_type(exports.data[2]);
    CHECK(name_is(wasm_exporttype_name(exports.data[2]), ""));
    CHECK_EQ(wasm_tabletype_limits(wasm_externtype_as_tabletype_const(type))->max, 10);
    type = wasm_exporttype_type(exports.data[3]);
    CHECK_EQ(wasm_globaltype_mutability(wasm_externtype_as_globaltype_const(type)), WASM_CONST);
    CHECK_EQ(wasm_externtype_kind(wasm_exporttype_type(exports.data[4])), WASM_EXTERN_MEMORY);
    wasm_exporttype_vec_delete(&exports);
    wasm_module_delete(module);
    wasm_store_delete(store);
}

/* Types that the host makes, and what is made of them. */
static void made_types(void) {
    wasm_limits_t limits = {3, 4};
    wasm_name_t module, name;
    wasm_importtype_t *import;
    wasm_functype_t *functype = wasm_functype_new_3_2(wasm_valtype_new_i32(), wasm_valtype_new_i64(), wasm_valtype_new_f32(),
                                                      wasm_valtype_new_f64(), wasm_valtype_new_externref());
    CHECK_EQ(wasm_functype_params(functype)->size, 3);
    CHECK_EQ(wasm_valtype_kind(wasm_functype_results(functype)->data[1]), WASM_EXTERNREF);
    wasm_name_new_from_string(&module, "mod");
    wasm_name_new_from_string_nt(&name, "name");
    import = wasm_importtype_new(&module, &name, wasm_functype_as_externtype(functype));
    CHECK(module.size == 0 && name.size == 0);
    CHECK(name_is(wasm_importtype_module(import), "mod"));
    CHECK_EQ(wasm_importtype_name(import)->size, 5);
    CHECK_EQ(wasm_externtype_kind(wasm_importtype_type(import)), WASM_EXTERN_FUNC);
    wasm_importtype_delete(import);
    {
        wasm_tabletype_t *tabletype = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
        wasm_externtype_t *copy = wasm_externtype_copy(wasm_tabletype_as_externtype(tabletype));
        wasm_tabletype_delete(tabletype);
        CHECK_EQ(wasm_tabletype_limits(wasm_externtype_as_tabletype(copy))->min, 3);
        CHECK(wasm_externtype_as_globaltype(copy) == NULL);
        wasm_externtype_delete(copy);
    }
    {
        wasm_val_t val;
        int target;
        wasm_val_init_ptr(&val, &target);
        CHECK(wasm_val_ptr(&val) == &target);
        CHECK(wasm_valkind_is_num(val.kind));
    }
}

/* Wrong imports: too few, too many, of a wrong type, of another store, none. */
static void imports(wasm_engine_t *engine) {
    static const char *const text = "(module (import \"\" \"g\" (global i32)) (import \"\" \"m\" (memory 1)))";
    wasm_store_t *store = wasm_store_new(engine), *other = wasm_store_new(engine);
    wasm_module_t *module = std_module(store, text);
    wasm_limits_t limits = {1, 1};
    wasm_globaltype_t *globaltype = wasm_globaltype_new(wasm_valtype_new_i32(), WASM_CONST);
    wasm_memorytype_t *memorytype = wasm_memorytype_new(&limits);
    wasm_val_t val = std_i32(1);
    wasm_global_t *global = wasm_global_new(store, globaltype, &val), *foreign = wasm_global_new(other, globaltype, &val);
    wasm_memory_t *memory = wasm_memory_new(store, memorytype);
    wasm_extern_t *items[3];
    wasm_extern_vec_t vec = std_imports(items, 2);
    wasm_trap_t *trap = NULL;
    wasm_instance_t *instance;
    items[0] = wasm_global_as_extern(global);
    items[1] = wasm_memory_as_extern(memory);
    items[2] = items[1];
    instance = wasm_instance_new(store, module, &vec, &trap);
    CHECK(instance != NULL && trap == NULL);
    wasm_instance_delete(instance);
    vec.size = 1;
    CHECK(wasm_instance_new(store, module, &vec, &trap) == NULL);
    TRAPPED(trap, "misuse: imports: 1 given, the module wants 2");
    vec.size = 3;
    CHECK(wasm_instance_new(store, module, &vec, &trap) == NULL);
    TRAPPED(trap, "misuse: imports: 3 given");
    CHECK(wasm_instance_new(store, module, NULL, &trap) == NULL);
    TRAPPED(trap, "misuse: imports: 0 given");
    vec.size = 2;
    items[0] = wasm_global_as_extern(foreign);
    CHECK(wasm_instance_new(store, module, &vec, &trap) == NULL);
    TRAPPED(trap, "misuse: an import belongs to another store");
    items[0] = NULL;
    CHECK(wasm_instance_new(store, module, &vec, NULL) == NULL);
    CHECK(wasm_instance_new(store, module, &vec, &trap) == NULL);
    TRAPPED(trap, "misuse: an import is NULL");
    items[0] = items[1];
    CHECK(wasm_instance_new(store, module, &vec, &trap) == NULL);
    TRAPPED(trap, "cannot link: incompatible import type");
    items[0] = (wasm_extern_t *)wasm_module_as_ref(module);
    CHECK(wasm_instance_new(store, module, &vec, &trap) == NULL);
    TRAPPED(trap, "misuse: an import is no function");
    wasm_global_delete(global);
    wasm_global_delete(foreign);
    wasm_memory_delete(memory);
    wasm_globaltype_delete(globaltype);
    wasm_memorytype_delete(memorytype);
    wasm_module_delete(module);
    wasm_store_delete(store);
    wasm_store_delete(other);
}

/* A start function that traps: no instance, a trap with frames, and what it did to its imports stays. */
static void start(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_limits_t limits = {4, 4};
    wasm_tabletype_t *tabletype = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
    wasm_table_t *table = wasm_table_new(store, tabletype, NULL);
    wasm_module_t *module = std_module(store, "(module (import \"\" \"t\" (table 4 funcref)) (memory (data \"\\2a\"))"
                                              " (elem (i32.const 1) $f) (func $f (result i32) (i32.load8_u (i32.const 0)))"
                                              " (func $start unreachable) (start $start))");
    wasm_module_t *other = std_module(store, "(module)");
    wasm_extern_t *items[1];
    wasm_extern_vec_t vec = std_imports(items, 1);
    wasm_trap_t *trap = NULL;
    wasm_frame_t *origin;
    wasm_ref_t *element;
    wasm_instance_t *seen;
    int i, finalized = 0;
    items[0] = wasm_table_as_extern(table);
    CHECK(wasm_instance_new(store, module, &vec, &trap) == NULL);
    origin = wasm_trap_origin(trap);
    CHECK(origin != NULL);
    CHECK_EQ(wasm_frame_func_index(origin), 1);
    seen = wasm_instance_copy(wasm_frame_instance(origin));
    CHECK(seen != NULL);
    wasm_instance_set_host_info_with_finalizer(seen, &finalized, std_count);
    wasm_instance_delete(seen);
    wasm_frame_delete(origin);
    TRAPPED(trap, "unreachable");
    /* The function in the table keeps the instance and its memory alive. */
    for (i = 0; i < 3000; i++) wasm_instance_delete(wasm_instance_new(store, other, NULL, NULL));
    CHECK_EQ(finalized, 0);
    element = wasm_table_get(table, 1);
    CHECK_EQ(std_call_i32(wasm_ref_as_func(element), 0, 0, 0), 42);
    wasm_ref_delete(element);
    CHECK(wasm_table_set(table, 1, NULL));
    for (i = 0; i < 3000; i++) wasm_instance_delete(wasm_instance_new(store, other, NULL, NULL));
    CHECK_EQ(finalized, 1);
    wasm_module_delete(module);
    wasm_module_delete(other);
    wasm_table_delete(table);
    wasm_tabletype_delete(tabletype);
    wasm_store_delete(store);
}

/* Globals of both sides are the same objects. */
static void globals(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_globaltype_t *types[2];
    wasm_global_t *mine[2];
    wasm_val_t val = std_i64(5);
    wasm_extern_t *items[2], *get, *set, *exported;
    wasm_instance_t *instance;
    wasm_trap_t *trap;
    wasm_globaltype_t *type;
    types[0] = wasm_globaltype_new(wasm_valtype_new_i64(), WASM_CONST);
    types[1] = wasm_globaltype_new(wasm_valtype_new_i64(), WASM_VAR);
    mine[0] = wasm_global_new(store, types[0], &val);
    mine[1] = wasm_global_new(store, types[1], &val);
    items[0] = wasm_global_as_extern(mine[0]);
    items[1] = wasm_global_as_extern(mine[1]);
    instance = std_instance(store,
                            "(module (import \"\" \"a\" (global i64)) (import \"\" \"b\" (global $b (mut i64)))"
                            " (func (export \"get\") (result i64) (global.get $b))"
                            " (func (export \"set\") (param i64) (global.set $b (local.get 0))) (export \"b\" (global $b)))",
                            items, 2);
    get = std_export(instance, 0);
    set = std_export(instance, 1);
    exported = std_export(instance, 2);
    CHECK(wasm_global_same(wasm_extern_as_global(exported), mine[1]));
    CHECK(!wasm_global_same(wasm_extern_as_global(exported), mine[0]));
    val = std_i64(77);
    wasm_global_set(mine[1], &val);
    CHECK(std_call(wasm_extern_as_func(get), NULL, 0, &val, 1) == NULL);
    CHECK_EQ(val.of.i64, 77);
    val = std_i64(-3);
    trap = std_call(wasm_extern_as_func(set), &val, 1, NULL, 0);
    CHECK(trap == NULL);
    wasm_global_get(mine[1], &val);
    CHECK(val.kind == WASM_I64 && val.of.i64 == -3);
    /* What cannot be set stays, and so does what is not of the type. */
    val = std_i64(9);
    wasm_global_set(mine[0], &val);
    wasm_global_get(mine[0], &val);
    CHECK_EQ(val.of.i64, 5);
    val = std_i32(9);
    wasm_global_set(mine[1], &val);
    wasm_global_get(mine[1], &val);
    CHECK_EQ(val.of.i64, -3);
    val = std_i32(9);
    CHECK(wasm_global_new(store, types[1], &val) == NULL);
    type = wasm_global_type(mine[1]);
    CHECK_EQ(wasm_globaltype_mutability(type), WASM_VAR);
    wasm_globaltype_delete(type);
    wasm_extern_delete(get);
    wasm_extern_delete(set);
    wasm_extern_delete(exported);
    wasm_instance_delete(instance);
    wasm_global_delete(mine[0]);
    wasm_global_delete(mine[1]);
    wasm_globaltype_delete(types[0]);
    wasm_globaltype_delete(types[1]);
    wasm_store_delete(store);
}

/* A host function that grows the caller's memory and table: running WebAssembly sees both. */
typedef struct grown_t {
    wasm_memory_t *memory;
    wasm_table_t *table;
} grown_t;

static wasm_trap_t *grow_both(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    grown_t *grown = (grown_t *)env;
    (void)args;
    (void)results;
    CHECK(wasm_memory_grow(grown->memory, 1));
    CHECK(wasm_table_grow(grown->table, 3, NULL));
    wasm_memory_data(grown->memory)[0x10000] = 9;
    return NULL;
}

static void memories(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_limits_t limits = {0, 3};
    grown_t grown;
    wasm_func_t *host = std_func(store, "", "", grow_both, &grown, NULL);
    wasm_extern_t *items[1], *memory, *table, *run;
    wasm_instance_t *instance;
    wasm_memorytype_t *type;
    items[0] = wasm_func_as_extern(host);
    instance = std_instance(store,
                            "(module (import \"\" \"grow\" (func $grow)) (memory (export \"m\") 1 2)"
                            " (table (export \"t\") 1 funcref)"
                            " (func (export \"run\") (result i32) (drop (i32.load8_u (i32.const 0))) (call $grow)"
                            "  (i32.add (i32.load8_u (i32.const 0x10000)) (i32.mul (table.size 0) (i32.const 100)))))",
                            items, 1);
    memory = std_export(instance, 0);
    table = std_export(instance, 1);
    run = std_export(instance, 2);
    grown.memory = wasm_extern_as_memory(memory);
    grown.table = wasm_extern_as_table(table);
    CHECK_EQ(std_call_i32(wasm_extern_as_func(run), 0, 0, 0), 409);
    CHECK_EQ(wasm_memory_size(grown.memory), 2);
    CHECK_EQ(wasm_memory_data_size(grown.memory), 2 * MEMORY_PAGE_SIZE);
    CHECK(!wasm_memory_grow(grown.memory, 1));
    CHECK(wasm_memory_grow(grown.memory, 0));
    CHECK(!wasm_memory_grow(grown.memory, 0xffffffff));
    CHECK_EQ(wasm_memory_data(grown.memory)[0x10000], 9);
    wasm_extern_delete(memory);
    wasm_extern_delete(table);
    wasm_extern_delete(run);
    wasm_instance_delete(instance);
    wasm_func_delete(host);
    /* A memory of the host, without pages at first. */
    type = wasm_memorytype_new(&limits);
    grown.memory = wasm_memory_new(store, type);
    wasm_memorytype_delete(type);
    CHECK_EQ(wasm_memory_data_size(grown.memory), 0);
    CHECK_EQ(wasm_memory_size(grown.memory), 0);
    CHECK(wasm_memory_grow(grown.memory, 3));
    wasm_memory_data(grown.memory)[3 * MEMORY_PAGE_SIZE - 1] = 1;
    CHECK(!wasm_memory_grow(grown.memory, 1));
    type = wasm_memory_type(grown.memory);
    CHECK_EQ(wasm_memorytype_limits(type)->min, 3);
    CHECK_EQ(wasm_memorytype_limits(type)->max, 3);
    wasm_memorytype_delete(type);
    wasm_memory_delete(grown.memory);
    /* All of 4 GiB, if there is room for it. */
    limits.min = limits.max = 65536;
    type = wasm_memorytype_new(&limits);
    grown.memory = wasm_memory_new(store, type);
    wasm_memorytype_delete(type);
    if (grown.memory != NULL) {
        CHECK_EQ(wasm_memory_size(grown.memory), 65536);
        CHECK_EQ(wasm_memory_data_size(grown.memory), 0x100000000);
        CHECK(!wasm_memory_grow(grown.memory, 1));
        wasm_memory_data(grown.memory)[0xffffffff] = 1;
        wasm_memory_delete(grown.memory);
    }
    /* Limits that no memory can have. */
    limits.min = 2;
    limits.max = 1;
    type = wasm_memorytype_new(&limits);
    CHECK(wasm_memory_new(store, type) == NULL);
    wasm_memorytype_delete(type);
    limits.min = 65537;
    limits.max = wasm_limits_max_default;
    type = wasm_memorytype_new(&limits);
    CHECK(wasm_memory_new(store, type) == NULL);
    wasm_memorytype_delete(type);
    wasm_store_delete(store);
}

/* Tables hold functions of both sides, external references and nulls. */
static wasm_trap_t *negate(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    (void)env;
    results->data[0].kind = WASM_I32;
    results->data[0].of.i32 = -args->data[0].of.i32;
    return NULL;
}

static void tables(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine), *other = wasm_store_new(engine);
    wasm_func_t *host = std_func(store, "i", "i", negate, NULL, NULL), *stranger = std_func(other, "i", "i", negate, NULL, NULL);
    wasm_instance_t *instance =
        std_instance(store,
                     "(module (type $t (func (param i32) (result i32))) (table (export \"t\") 2 6 funcref)"
                     " (table (export \"e\") 1 externref) (elem (i32.const 1) $twice)"
                     " (func $twice (type $t) (i32.mul (local.get 0) (i32.const 2)))"
                     " (func (export \"call\") (param i32 i32) (result i32)"
                     "  (call_indirect (type $t) (local.get 0) (local.get 1))))",
                     NULL, 0);
    wasm_extern_t *items[3];
    wasm_table_t *table, *externs;
    wasm_func_t *call;
    wasm_ref_t *element;
    wasm_foreign_t *foreign = wasm_foreign_new(store);
    wasm_tabletype_t *type;
    wasm_val_t args[2];
    int i;
    for (i = 0; i < 3; i++) items[i] = std_export(instance, (size_t)i);
    table = wasm_extern_as_table(items[0]);
    externs = wasm_extern_as_table(items[1]);
    call = wasm_extern_as_func(items[2]);
    args[0] = std_i32(7);
    args[1] = std_i32(0);
    CHECK(wasm_table_get(table, 0) == NULL);
    CHECK(wasm_table_get(table, 2) == NULL);
    CHECK(wasm_table_get(table, 0xffffffff) == NULL);
    TRAPPED(std_call(call, args, 2, NULL, 0), "uninitialized element");
    CHECK_EQ(std_call_i32(call, 2, 7, 1), 14);
    args[1] = std_i32(2);
    TRAPPED(std_call(call, args, 2, NULL, 0), "undefined element");
    /* The host's functions among them, and moved ones. */
    CHECK(wasm_table_set(table, 0, wasm_func_as_ref(host)));
    CHECK_EQ(std_call_i32(call, 2, 7, 0), -7);
    element = wasm_table_get(table, 0);
    CHECK(wasm_ref_same(element, wasm_func_as_ref(host)));
    wasm_ref_delete(element);
    element = wasm_table_get(table, 1);
    CHECK(wasm_table_grow(table, 2, element));
    wasm_ref_delete(element);
    CHECK_EQ(std_call_i32(call, 2, 4, 3), 8);
    CHECK(!wasm_table_grow(table, 3, NULL));
    CHECK(wasm_table_grow(table, 2, NULL));
    CHECK(wasm_table_grow(table, 0, NULL));
    CHECK_EQ(wasm_table_size(table), 6);
    /* Out of bounds, of another store, of a wrong kind. */
    CHECK(!wasm_table_set(table, 6, NULL));
    CHECK(!wasm_table_set(table, 0, wasm_func_as_ref(stranger)));
    CHECK(!wasm_table_set(table, 0, wasm_foreign_as_ref(foreign)));
    CHECK(!wasm_table_grow(externs, 1, wasm_func_as_ref(stranger)));
    CHECK_EQ(std_call_i32(call, 2, 7, 0), -7);
    /* Host references come back as the same objects, also when nobody else holds them. */
    CHECK(wasm_table_get(externs, 0) == NULL);
    CHECK(wasm_table_set(externs, 0, wasm_foreign_as_ref(foreign)));
    wasm_foreign_set_host_info(foreign, &args);
    wasm_foreign_delete(foreign);
    for (i = 0; i < 3000; i++) wasm_foreign_delete(wasm_foreign_new(store));
    element = wasm_table_get(externs, 0);
    CHECK(wasm_ref_get_host_info(element) == &args);
    CHECK(wasm_ref_as_foreign(element) != NULL);
    wasm_ref_delete(element);
    /* An instance in a table keeps itself alive no longer than the store. */
    CHECK(wasm_table_set(externs, 0, wasm_instance_as_ref(instance)));
    element = wasm_table_get(externs, 0);
    CHECK(wasm_ref_same(element, wasm_instance_as_ref(instance)));
    wasm_ref_delete(element);
    type = wasm_table_type(table);
    CHECK_EQ(wasm_tabletype_limits(type)->min, 6);
    CHECK_EQ(wasm_tabletype_limits(type)->max, 6);
    wasm_tabletype_delete(type);
    for (i = 0; i < 3; i++) wasm_extern_delete(items[i]);
    wasm_instance_delete(instance);
    wasm_func_delete(host);
    wasm_func_delete(stranger);
    wasm_store_delete(store);
    wasm_store_delete(other);
}

/* Serialised modules come back, damaged ones as far as the wasm is there; what is cut off, and text, does not. */
static void serialized(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_module_t *module = std_module(store, "(module (func (export \"f\") (result i32) (i32.const 42)))"), *back;
    wasm_byte_vec_t bytes, binary, text;
    wasm_instance_t *instance;
    wasm_extern_t *item;
    size_t i, damaged = 0;
    wasm_module_serialize(module, &bytes);
    wasm_module_delete(module);
    back = wasm_module_deserialize(store, &bytes);
    instance = wasm_instance_new(store, back, NULL, NULL);
    item = std_export(instance, 0);
    CHECK_EQ(std_call_i32(wasm_extern_as_func(item), 0, 0, 0), 42);
    wasm_extern_delete(item);
    wasm_instance_delete(instance);
    wasm_module_delete(back);
    for (i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 0x40;
        back = wasm_module_deserialize(store, &bytes);
        damaged += back == NULL;
        if (back != NULL) wasm_module_delete(back);
        bytes.data[i] ^= 0x40;
    }
    CHECK(damaged > 8 && damaged < bytes.size);
    for (i = 0; i < bytes.size; i++) {
        wasm_byte_vec_t part;
        part.size = i;
        part.data = bytes.data;
        CHECK(wasm_module_deserialize(store, &part) == NULL);
    }
    wasm_byte_vec_delete(&bytes);
    std_binary(store, "(module)", &binary);
    CHECK(wasm_module_validate(store, &binary));
    CHECK(wasm_module_deserialize(store, &binary) == NULL);
    binary.data[7] = 1;
    CHECK(!wasm_module_validate(store, &binary));
    CHECK(wasm_module_new(store, &binary) == NULL);
    wasm_byte_vec_delete(&binary);
    wasm_name_new_from_string(&text, "(module)");
    CHECK(!wasm_module_validate(store, &text));
    CHECK(wasm_module_new(store, &text) == NULL);
    wasm_name_delete(&text);
    wasm_store_delete(store);
}

int main(void) {
    wasm_engine_t *engine = std_engine();
    reflection(engine);
    made_types();
    imports(engine);
    start(engine);
    globals(engine);
    memories(engine);
    tables(engine);
    serialized(engine);
    wasm_engine_delete(engine);
    return test_end();
}
