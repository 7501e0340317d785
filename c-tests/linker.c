/* Linkers: definitions of every kind, shadowing, everything that is missing in one error, several stores. */
#include "test.h"

static int finalized, inside_status;
static updraft_linker_t *running_linker;

static updraft_error_t *add_env(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                updraft_val_t *results, size_t result_count) {
    (void)caller, (void)arg_count, (void)result_count;
    results[0].of.i32 = args[0].of.i32 + *(int *)env;
    return NULL;
}

static updraft_error_t *add_env_raw(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
    (void)caller, (void)count;
    values[0].i32 += *(int *)env;
    return NULL;
}

/* A start function that defines in the linker which instantiates it. */
static updraft_error_t *define_inside(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                      updraft_val_t *results, size_t result_count) {
    (void)env, (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    inside_status = (int)updraft_linker_allow_shadowing(running_linker, 1, NULL);
    return NULL;
}

static void functions(updraft_engine_t *engine) {
    updraft_linker_t *linker = NULL, *copy = NULL;
    updraft_functype_t *functype = test_functype("i", "i");
    updraft_module_t *module = test_module(engine, "(module (import \"env\" \"a\" (func $a (param i32) (result i32)))"
                                                   " (import \"env\" \"b\" (func $b (param i32) (result i32)))"
                                                   " (func (export \"f\") (param i32) (result i32) (call $a (call $b (local.get 0)))))");
    updraft_store_t *stores[2];
    updraft_instance_t instance = 0;
    updraft_val_t arg = test_i32(1), result;
    updraft_extern_t item;
    int env = 100, dummy = 0, i;

    finalized = 0;
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_func(linker, TEXT("env"), TEXT("a"), functype, add_env, &env, NULL, E));
    OK(updraft_linker_define_raw_func(linker, TEXT("env"), TEXT("b"), functype, add_env_raw, &env, NULL, E));
    /* A name that is taken: the user data stays ours. */
    FAILS(LINK, "\"env\" \"a\"", updraft_linker_define_func(linker, TEXT("env"), TEXT("a"), functype, add_env, &finalized, test_finalizer, E));
    FAILS(LINK, "\"env\" \"b\"",
          updraft_linker_define_raw_func(linker, TEXT("env"), TEXT("b"), functype, add_env_raw, &finalized, test_finalizer, E));
    FAILS(MISUSE, "callback is NULL", updraft_linker_define_func(linker, TEXT("env"), TEXT("c"), functype, NULL, &finalized, test_finalizer, E));
    FAILS(MISUSE, "callback is NULL",
          updraft_linker_define_raw_func(linker, TEXT("env"), TEXT("c"), functype, NULL, &finalized, test_finalizer, E));
    FAILS(MISUSE, "name is not UTF-8", updraft_linker_define_func(linker, TEXT("env"), TEXT("\xff"), functype, add_env, &finalized, test_finalizer, E));
    FAILS(MISUSE, "module is not UTF-8", updraft_linker_define_func(linker, TEXT("\xff"), TEXT("c"), functype, add_env, &finalized, test_finalizer, E));
    CHECK_EQ(finalized, 0);

    /* One linker for several stores. */
    for (i = 0; i < 2; i++) {
        stores[i] = test_store(engine);
        OK(updraft_linker_instantiate(linker, stores[i], module, &instance, E));
        OK(updraft_func_call(stores[i], test_export(stores[i], instance, "f"), &arg, 1, &result, 1, E));
        CHECK_EQ(result.of.i32, 201);
        memset(&item, 0, sizeof item);
        OK(updraft_linker_get(linker, stores[i], TEXT("env"), TEXT("a"), &item, E));
        CHECK_EQ(item.kind, UPDRAFT_KIND_FUNC);
        OK(updraft_func_call(stores[i], item.handle, &arg, 1, &result, 1, E));
        CHECK_EQ(result.of.i32, 101);
        FAILS(NOT_FOUND, "\"env\" \"z\" is not defined", updraft_linker_get(linker, stores[i], TEXT("env"), TEXT("z"), &item, E));
        FAILS(MISUSE, "name is not UTF-8", updraft_linker_get(linker, stores[i], TEXT("env"), TEXT("\xff"), &item, E));
    }

    /* Shadowing: the old definition goes. */
    OK(updraft_linker_define_func(linker, TEXT("env"), TEXT("x"), functype, add_env, &finalized, test_finalizer, E));
    OK(updraft_linker_allow_shadowing(linker, 1, E));
    OK(updraft_linker_define_func(linker, TEXT("env"), TEXT("x"), functype, add_env, &dummy, test_finalizer, E));
    CHECK_EQ(finalized, 1);
    OK(updraft_linker_allow_shadowing(linker, 0, E));
    FAILS(LINK, "", updraft_linker_define_func(linker, TEXT("env"), TEXT("x"), functype, add_env, &env, NULL, E));
    FAILS(MISUSE, "on is 7", updraft_linker_allow_shadowing(linker, 7, E));

    OK(updraft_linker_clone(linker, &copy, E));
    CHECK(copy == linker);
    updraft_linker_delete(linker);
    CHECK_EQ(dummy, 0);
    updraft_linker_delete(copy);
    CHECK_EQ(dummy, 1);
    updraft_linker_delete(NULL);
    /* What was instantiated lives on. */
    OK(updraft_func_call(stores[1], test_export(stores[1], instance, "f"), &arg, 1, &result, 1, E));
    CHECK_EQ(result.of.i32, 201);
    for (i = 0; i < 2; i++) OK(updraft_store_delete(stores[i], E));
    updraft_module_delete(module);
    updraft_functype_delete(functype);
}

/* The host function of a linker is finalized when neither linker nor store has it any more. */
static void lifetime(updraft_engine_t *engine) {
    updraft_linker_t *linker = NULL;
    updraft_functype_t *functype = test_functype("i", "i");
    updraft_store_t *store = test_store(engine);
    updraft_extern_t item;
    OK(updraft_linker_new(engine, &linker, E));
    finalized = 0;
    OK(updraft_linker_define_func(linker, TEXT(""), TEXT("f"), functype, add_env, &finalized, test_finalizer, E));
    OK(updraft_linker_get(linker, store, TEXT(""), TEXT("f"), &item, E));
    updraft_linker_delete(linker);
    CHECK_EQ(finalized, 0);
    OK(updraft_store_delete(store, E));
    CHECK_EQ(finalized, 1);
    updraft_functype_delete(functype);
}

static void objects(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine), *other = test_store(engine);
    updraft_linker_t *linker = NULL;
    updraft_module_t *user = test_module(
        engine, "(module (import \"lib\" \"t\" (table 1 funcref)) (import \"lib\" \"m\" (memory 1)) (import \"lib\" \"g\" (global i32))"
                " (import \"lib\" \"f\" (func $f (result i32))) (import \"one\" \"g\" (global i32))"
                " (func (export \"sum\") (result i32) (i32.add (call $f) (i32.add (global.get 0) (global.get 1)))))");
    updraft_instance_t library = test_instance(
        store, "(module (table (export \"t\") 1 funcref) (memory (export \"m\") 1) (global (export \"g\") i32 (i32.const 40))"
               " (func (export \"f\") (result i32) (i32.const 2)))");
    updraft_instance_t instance = 0;
    updraft_extern_t item, wrong;
    updraft_val_t result;
    updraft_kind_t kind = 0;
    size_t count = 0;

    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_instance(linker, store, TEXT("lib"), library, E));
    FAILS(LINK, "\"lib\"", updraft_linker_define_instance(linker, store, TEXT("lib"), library, E));
    FAILS(MISUSE, "", updraft_linker_define_instance(linker, store, TEXT("lib2"), 99, E));
    FAILS(MISUSE, "module is not UTF-8", updraft_linker_define_instance(linker, store, TEXT("\xff"), library, E));
    OK(updraft_instance_export(store, library, TEXT("g"), &item, E));
    OK(updraft_linker_define(linker, store, TEXT("one"), TEXT("g"), &item, E));
    FAILS(LINK, "\"one\" \"g\"", updraft_linker_define(linker, store, TEXT("one"), TEXT("g"), &item, E));
    wrong = item;
    wrong.kind = 5;
    FAILS(MISUSE, "item has no kind 5", updraft_linker_define(linker, store, TEXT("one"), TEXT("h"), &wrong, E));
    wrong.kind = UPDRAFT_KIND_FUNC;
    FAILS(MISUSE, "", updraft_linker_define(linker, store, TEXT("one"), TEXT("h"), &wrong, E));
    wrong.handle = 0;
    FAILS(MISUSE, "", updraft_linker_define(linker, store, TEXT("one"), TEXT("h"), &wrong, E));
    FAILS(MISUSE, "name is not UTF-8", updraft_linker_define(linker, store, TEXT("one"), TEXT("\xff"), &item, E));

    /* The linker holds what it was given. */
    OK(updraft_store_release(store, item.handle, E));
    OK(updraft_store_release(store, library, E));
    OK(updraft_store_collect(store, NULL, E));
    OK(updraft_linker_instantiate(linker, store, user, &instance, E));
    OK(updraft_func_call(store, test_export(store, instance, "sum"), NULL, 0, &result, 1, E));
    CHECK_EQ(result.of.i32, 82);
    OK(updraft_linker_get(linker, store, TEXT("lib"), TEXT("m"), &item, E));
    CHECK_EQ(item.kind, UPDRAFT_KIND_MEMORY);
    OK(updraft_store_kind(store, item.handle, &kind, E));
    CHECK_EQ(kind, UPDRAFT_KIND_MEMORY);

    /* Objects of one store are of no use in another. */
    instance = 5;
    CHECK(updraft_linker_instantiate(linker, other, user, &instance, E) != UPDRAFT_STATUS_OK);
    CHECK_EQ(instance, 5);
    test_forget_error();
    CHECK(updraft_linker_get(linker, other, TEXT("lib"), TEXT("m"), &item, E) != UPDRAFT_STATUS_OK);
    test_forget_error();

    updraft_linker_delete(linker);
    OK(updraft_store_instance_count(store, &count, E));
    CHECK_EQ(count, 2);
    OK(updraft_store_delete(store, E));
    OK(updraft_store_delete(other, E));
    updraft_module_delete(user);
}

/* One error names everything that is missing or does not fit. */
static void missing(updraft_engine_t *engine) {
    updraft_linker_t *linker = NULL;
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("i", "i");
    updraft_module_t *module = test_module(engine, "(module (import \"env\" \"there\" (func (param i32) (result i32)))"
                                                   " (import \"env\" \"gone\" (func)) (import \"far\" \"away\" (func (param f64)))"
                                                   " (func (export \"f\") (call 1)))");
    updraft_module_t *memory = test_module(engine, "(module (import \"env\" \"memory\" (memory 1)))");
    updraft_module_t *mistyped = test_module(engine, "(module (import \"env\" \"there\" (func)))");
    updraft_instance_t instance = 5;
    const char *message;
    int env = 0;
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_func(linker, TEXT("env"), TEXT("there"), functype, add_env, &env, NULL, E));
    CHECK_EQ(updraft_linker_instantiate(linker, store, module, &instance, E), UPDRAFT_STATUS_LINK);
    message = updraft_error_message(test_error, NULL);
    CHECK(strstr(message, "gone") != NULL && strstr(message, "away") != NULL && strstr(message, "there") == NULL);
    test_forget_error();
    FAILS(LINK, "\"env\" \"there\"", updraft_linker_instantiate(linker, store, mistyped, &instance, E));
    FAILS(LINK, "memory", updraft_linker_instantiate(linker, store, memory, &instance, E));
    CHECK_EQ(instance, 5);

    /* As traps: the module runs until it calls one. */
    OK(updraft_linker_define_unknown_imports_as_traps(linker, module, E));
    OK(updraft_linker_define_unknown_imports_as_traps(linker, memory, E));
    OK(updraft_linker_instantiate(linker, store, module, &instance, E));
    CHECK_EQ(updraft_func_call(store, test_export(store, instance, "f"), NULL, 0, NULL, 0, E), UPDRAFT_STATUS_TRAP);
    CHECK(strstr(updraft_error_message(test_error, NULL), "gone") != NULL);
    test_forget_error();
    FAILS(LINK, "memory", updraft_linker_instantiate(linker, store, memory, &instance, E));
    updraft_linker_delete(linker);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_module_delete(memory);
    updraft_module_delete(mistyped);
    updraft_functype_delete(functype);
}

static void in_use(updraft_engine_t *engine) {
    updraft_store_t *store = test_store(engine);
    updraft_functype_t *functype = test_functype("", "");
    updraft_module_t *module = test_module(engine, "(module (import \"\" \"s\" (func $s)) (start $s))");
    updraft_instance_t instance = 0;
    OK(updraft_linker_new(engine, &running_linker, E));
    OK(updraft_linker_define_func(running_linker, TEXT(""), TEXT("s"), functype, define_inside, NULL, NULL, E));
    OK(updraft_linker_instantiate(running_linker, store, module, &instance, E));
    CHECK_EQ(inside_status, UPDRAFT_STATUS_BUSY);
    OK(updraft_linker_allow_shadowing(running_linker, 1, E));
    updraft_linker_delete(running_linker);
    OK(updraft_store_delete(store, E));
    updraft_module_delete(module);
    updraft_functype_delete(functype);
}

static void other_engine(updraft_engine_t *engine) {
    updraft_engine_t *other = test_engine();
    updraft_linker_t *linker = NULL;
    updraft_store_t *store = test_store(other), *own = test_store(engine);
    updraft_module_t *module = test_module(engine, "(module)"), *foreign = test_module(other, "(module)");
    updraft_instance_t instance = 5;
    OK(updraft_linker_new(engine, &linker, E));
    FAILS(MISUSE, "another engine", updraft_linker_instantiate(linker, store, module, &instance, E));
    FAILS(MISUSE, "another engine", updraft_linker_instantiate(linker, own, foreign, &instance, E));
    FAILS(MISUSE, "linker is not an object of its type", updraft_linker_allow_shadowing((updraft_linker_t *)engine, 1, E));
    CHECK_EQ(instance, 5);
    updraft_linker_delete(linker);
    OK(updraft_store_delete(store, E));
    OK(updraft_store_delete(own, E));
    updraft_module_delete(module);
    updraft_module_delete(foreign);
    updraft_engine_delete(other);
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    functions(engine);
    lifetime(engine);
    objects(engine);
    missing(engine);
    in_use(engine);
    other_engine(engine);
    updraft_engine_delete(engine);
    return test_end();
}
