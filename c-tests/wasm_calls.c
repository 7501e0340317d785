/* Calls, values, traps and what may go wrong with them, in the standard API. */
#include "wasm_test.h"

static const char *const ECHO =
    "(module"
    " (import \"\" \"f\" (func $f (param i32 i64 f32 f64 externref funcref)"
    "   (result funcref externref f64 f32 i64 i32)))"
    " (func (export \"echo\") (param i32 i64 f32 f64 externref funcref)"
    "   (result funcref externref f64 f32 i64 i32)"
    "   (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)))"
    " (func (export \"add\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))"
    " (func (export \"divide\") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))"
    " (func (export \"vector\") (param v128) (result v128) (local.get 0))"
    " (func (export \"is_null\") (param externref) (result i32) (ref.is_null (local.get 0)))"
    " (func (export \"none\")))";

static int wanted_results = 6;

/* Gives its arguments back, last first. */
static wasm_trap_t *reverse(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    static const wasm_valkind_t zeros[] = {WASM_FUNCREF, WASM_EXTERNREF, WASM_F64, WASM_F32, WASM_I64, WASM_I32};
    int i;
    (void)env;
    CHECK_EQ(args->size, 6);
    CHECK_EQ(results->size, 6);
    for (i = 0; i < 6; i++) {
        /* Results arrive as zeros and nulls of their types. */
        CHECK_EQ(results->data[i].kind, zeros[i]);
        if (i < 2) CHECK(results->data[i].of.ref == NULL);
        if (i >= 2) CHECK_EQ(results->data[i].of.i32, 0);
    }
    for (i = 0; i < wanted_results; i++) wasm_val_copy(&results->data[i], &args->data[5 - i]);
    return NULL;
}

typedef struct fixture_t {
    wasm_store_t *store;
    wasm_instance_t *instance;
    wasm_extern_vec_t exports;
} fixture_t;

static const wasm_func_t *func(const fixture_t *fixture, size_t index) {
    return wasm_extern_as_func_const(fixture->exports.data[index]);
}

static fixture_t make(wasm_engine_t *engine, wasm_func_callback_with_env_t callback) {
    fixture_t fixture;
    wasm_func_t *host;
    wasm_extern_t *imports[1];
    fixture.store = wasm_store_new(engine);
    host = std_func(fixture.store, "iIfFer", "reFfIi", callback, NULL, NULL);
    imports[0] = wasm_func_as_extern(host);
    fixture.instance = std_instance(fixture.store, ECHO, imports, 1);
    wasm_func_delete(host);
    wasm_instance_exports(fixture.instance, &fixture.exports);
    return fixture;
}

static void drop(fixture_t *fixture) {
    wasm_extern_vec_delete(&fixture->exports);
    wasm_extern_vec_delete(&fixture->exports);
    wasm_instance_delete(fixture->instance);
    wasm_store_delete(fixture->store);
}

static void fill(wasm_val_t *args, wasm_ref_t *foreign, wasm_ref_t *function) {
    memset(args, 0xa5, 6 * sizeof *args);
    args[0].kind = WASM_I32;
    args[0].of.i32 = -2;
    args[1].kind = WASM_I64;
    args[1].of.i64 = INT64_MIN;
    /* NaNs with a payload, by their bits. */
    args[2].kind = WASM_F32;
    args[2].of.i32 = 0x7fa00001;
    args[3].kind = WASM_F64;
    args[3].of.i64 = 0x7ff4000000000001;
    args[4].kind = WASM_EXTERNREF;
    args[4].of.ref = foreign;
    args[5].kind = WASM_FUNCREF;
    args[5].of.ref = function;
}

/* All kinds of values go through WebAssembly and a host function unchanged; references stay the same objects. */
static void values(wasm_engine_t *engine) {
    fixture_t fixture = make(engine, reverse);
    wasm_foreign_t *foreign = wasm_foreign_new(fixture.store);
    wasm_ref_t *function = wasm_func_as_ref(wasm_extern_as_func(fixture.exports.data[1]));
    wasm_val_t args[6], results[8];
    int given, i;
    for (given = 0; given <= 6; given++) {
        wasm_trap_t *trap;
        wanted_results = given;
        fill(args, wasm_foreign_as_ref(foreign), function);
        trap = std_call(func(&fixture, 0), args, 6, results, 6);
        CHECK(trap == NULL);
        CHECK(results[0].kind == WASM_FUNCREF && results[1].kind == WASM_EXTERNREF && results[2].kind == WASM_F64);
        CHECK(results[3].kind == WASM_F32 && results[4].kind == WASM_I64 && results[5].kind == WASM_I32);
        /* What the host function did not set is zero. */
        CHECK(given >= 1 ? wasm_ref_same(results[0].of.ref, function) : results[0].of.ref == NULL);
        CHECK(given >= 2 ? wasm_ref_same(results[1].of.ref, wasm_foreign_as_ref(foreign)) : results[1].of.ref == NULL);
        CHECK_EQ(results[2].of.i64, given >= 3 ? 0x7ff4000000000001 : 0);
        CHECK_EQ(results[3].of.i32, given >= 4 ? 0x7fa00001 : 0);
        CHECK(results[4].of.i64 == (given >= 5 ? INT64_MIN : 0));
        CHECK_EQ(results[5].of.i32, given >= 6 ? -2 : 0);
        for (i = 0; i < 6; i++) wasm_val_delete(&results[i]);
        CHECK(results[0].of.ref == NULL);
    }
    /* More room than results, no room at all, and too little. */
    fill(args, NULL, NULL);
    CHECK(std_call(func(&fixture, 0), args, 6, results, 8) == NULL);
    CHECK_EQ(results[6].kind, 0x5a);
    for (i = 0; i < 6; i++) wasm_val_delete(&results[i]);
    fill(args, wasm_foreign_as_ref(foreign), function);
    CHECK(std_call(func(&fixture, 0), args, 6, results, 0) == NULL);
    TRAPPED(std_call(func(&fixture, 0), args, 6, results, 5), "misuse: results: room for 5, the function gives 6");
    CHECK_EQ(results[0].kind, 0x5a);
    /* A reference may be called by the other kind's name; what it is decides. */
    args[5].kind = WASM_EXTERNREF;
    args[4].kind = WASM_FUNCREF;
    CHECK(std_call(func(&fixture, 0), args, 6, results, 6) == NULL);
    CHECK(wasm_ref_same(results[0].of.ref, function));
    for (i = 0; i < 6; i++) wasm_val_delete(&results[i]);
    wasm_foreign_delete(foreign);
    drop(&fixture);
}

/* Any reference can be an external reference, and comes back as what it was. */
static void any_reference(wasm_engine_t *engine) {
    fixture_t fixture = make(engine, reverse);
    wasm_trap_t *trap = wasm_trap_new(fixture.store, NULL);
    wasm_module_t *module = std_module(fixture.store, "(module)");
    wasm_ref_t *refs[4];
    size_t i, j;
    refs[0] = wasm_trap_as_ref(trap);
    refs[1] = wasm_module_as_ref(module);
    refs[2] = wasm_instance_as_ref(fixture.instance);
    refs[3] = wasm_extern_as_ref(fixture.exports.data[0]);
    wanted_results = 6;
    for (i = 0; i < 4; i++) {
        wasm_val_t args[6], results[6];
        fill(args, refs[i], NULL);
        CHECK(std_call(func(&fixture, 0), args, 6, results, 6) == NULL);
        for (j = 0; j < 4; j++) CHECK_EQ(wasm_ref_same(results[1].of.ref, refs[j]), i == j);
        for (j = 0; j < 6; j++) wasm_val_delete(&results[j]);
    }
    wasm_trap_delete(trap);
    wasm_module_delete(module);
    drop(&fixture);
}

/* Wrong numbers and kinds of arguments, objects of another store: traps, and nothing was called. */
static void wrong_calls(wasm_engine_t *engine) {
    fixture_t fixture = make(engine, reverse);
    wasm_store_t *other = wasm_store_new(engine);
    wasm_foreign_t *stranger = wasm_foreign_new(other);
    wasm_val_t args[6], results[2];
    wasm_val_vec_t vec;
    size_t i;
    args[0] = std_i32(7);
    args[1] = std_i32(35);
    args[2] = std_i32(0);
    CHECK(std_call(func(&fixture, 1), args, 2, results, 1) == NULL);
    CHECK_EQ(results[0].of.i32, 42);
    TRAPPED(std_call(func(&fixture, 1), args, 0, results, 1), "misuse: args: 0 given, the function takes 2");
    TRAPPED(std_call(func(&fixture, 1), args, 1, results, 1), "misuse: args: 1 given, the function takes 2");
    TRAPPED(std_call(func(&fixture, 1), args, 3, results, 1), "misuse: args: 3 given, the function takes 2");
    TRAPPED(std_call(func(&fixture, 5), args, 1, results, 0), "misuse: args: 1 given");
    CHECK(std_call(func(&fixture, 5), NULL, 0, NULL, 0) == NULL);
    CHECK(wasm_func_call(func(&fixture, 5), NULL, NULL) == NULL);
    /* A size without an array is an empty vector. */
    vec.size = 2;
    vec.data = NULL;
    TRAPPED(wasm_func_call(func(&fixture, 1), &vec, &vec), "misuse: args: 0 given");
    for (i = 0; i < 256; i++) {
        args[1] = std_i32(35);
        args[1].kind = (wasm_valkind_t)i;
        args[1].of.ref = NULL;
        if (i == WASM_I32) continue;
        TRAPPED(std_call(func(&fixture, 1), args, 2, results, 1), "misuse: ");
    }
    args[0] = std_ref(WASM_EXTERNREF, wasm_foreign_as_ref(stranger));
    TRAPPED(std_call(func(&fixture, 4), args, 1, results, 1), "misuse: a reference belongs to another store");
    /* Not a function, where a function must be. */
    fill(args, NULL, wasm_instance_as_ref(fixture.instance));
    TRAPPED(std_call(func(&fixture, 0), args, 6, NULL, 0), "misuse: a reference is no function");
    memset(args, 0, sizeof args);
    TRAPPED(std_call(func(&fixture, 3), args, 1, results, 1), "misuse: the function takes or gives a v128");
    CHECK_EQ(wasm_func_param_arity(func(&fixture, 3)), 1);
    CHECK_EQ(wasm_func_result_arity(func(&fixture, 0)), 6);
    /* The store is as good as before. */
    args[0] = std_ref(WASM_EXTERNREF, NULL);
    CHECK(std_call(func(&fixture, 4), args, 1, results, 1) == NULL);
    CHECK_EQ(results[0].of.i32, 1);
    wasm_foreign_delete(stranger);
    wasm_store_delete(other);
    drop(&fixture);
}

/* What a host function of the wrong sort does, by number. */
static int mischief = 0;
static wasm_store_t *other_store = NULL;

static wasm_trap_t *mischievous(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    wasm_name_t name;
    wasm_trap_t *trap;
    (void)env;
    (void)args;
    switch (mischief) {
    case 0: /* a wrong kind */
        results->data[5] = std_i64(1);
        return NULL;
    case 1: /* a kind that is none */
        results->data[5].kind = 77;
        return NULL;
    case 2: /* a trap of another store, and results */
        results->data[1] = std_ref(WASM_EXTERNREF, wasm_foreign_as_ref(wasm_foreign_new((wasm_store_t *)other_store)));
        wasm_name_new_from_string_nt(&name, "from elsewhere");
        trap = wasm_trap_new(other_store, &name);
        wasm_name_delete(&name);
        return trap;
    case 3: /* an object of another store */
        results->data[1] = std_ref(WASM_EXTERNREF, wasm_foreign_as_ref(wasm_foreign_new(other_store)));
        return NULL;
    case 4: /* no trap at all */
        return (wasm_trap_t *)wasm_foreign_new(other_store);
    case 5: /* a function where an external reference must be is fine, the other way round is not */
        results->data[0] = std_ref(WASM_FUNCREF, wasm_foreign_as_ref(wasm_foreign_new(other_store)));
        return NULL;
    default:
        return NULL;
    }
}

static void wrong_callbacks(wasm_engine_t *engine) {
    static const char *const messages[] = {
        "results[5] of a host function: misuse: a value is of kind i64, and should be i32",
        "results[5] of a host function: misuse: there is no kind of values 77",
        "from elsewhere",
        "results[1] of a host function: misuse: a reference belongs to another store",
        "the host function returned something that is not a trap",
        "results[0] of a host function: misuse: a reference ",
        NULL,
    };
    fixture_t fixture = make(engine, mischievous);
    other_store = wasm_store_new(engine);
    for (mischief = 0; messages[mischief] != NULL; mischief++) {
        wasm_val_t args[6];
        wasm_trap_t *trap;
        fill(args, NULL, NULL);
        trap = std_call(func(&fixture, 0), args, 6, NULL, 0);
        TRAPPED(trap, messages[mischief]);
    }
    wasm_store_delete(other_store);
    drop(&fixture);
}

/* Messages are bytes with a NUL at the end, whatever they are. */
static void messages(wasm_engine_t *engine) {
    static const struct {
        size_t size;
        const char *bytes;
        size_t out_size;
    } cases[] = {
        {0, NULL, 1}, {1, "", 1}, {3, "abc", 4}, {4, "abc", 4}, {4, "a\0b", 4}, {2, "\xff\xfe", 3}, {2, "\0\0", 2},
    };
    wasm_store_t *store = wasm_store_new(engine);
    wasm_message_t out;
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        wasm_message_t message;
        wasm_trap_t *trap;
        wasm_frame_vec_t frames;
        message.size = cases[i].size;
        message.data = (char *)(uintptr_t)cases[i].bytes;
        trap = wasm_trap_new(store, &message);
        wasm_trap_message(trap, &out);
        CHECK_EQ(out.size, cases[i].out_size);
        CHECK(out.size == 1 || memcmp(out.data, cases[i].bytes, out.size - 1) == 0);
        CHECK_EQ(out.data[out.size - 1], 0);
        wasm_byte_vec_delete(&out);
        CHECK(wasm_trap_origin(trap) == NULL);
        wasm_trap_trace(trap, &frames);
        CHECK_EQ(frames.size, 0);
        wasm_frame_vec_delete(&frames);
        wasm_trap_delete(trap);
    }
    wasm_trap_message(NULL, &out);
    CHECK(out.size == 1 && out.data[0] == '\0');
    wasm_byte_vec_delete(&out);
    wasm_store_delete(store);
}

/* A trap that a host function raises comes out as the same object, with host info and the frames it passed. */
static wasm_trap_t *raise_known(void *env, const wasm_val_vec_t *args, wasm_val_vec_t *results) {
    (void)args;
    (void)results;
    return wasm_trap_copy((wasm_trap_t *)env);
}

static void frames(wasm_engine_t *engine) {
    static const char *const text =
        "(module (import \"\" \"f\" (func $f)) (func $inner (call $f))"
        " (func (export \"outer\") (call $inner)) (func (export \"own\") unreachable))";
    wasm_store_t *store = wasm_store_new(engine);
    wasm_trap_t *known = wasm_trap_new(store, NULL);
    wasm_func_t *host = std_func(store, "", "", raise_known, known, NULL);
    wasm_extern_t *imports[1];
    wasm_instance_t *instance, *second;
    wasm_extern_t *outer, *own;
    wasm_trap_t *trap;
    wasm_frame_vec_t trace, copy;
    wasm_frame_t *origin, *kept;
    int info = 0;
    imports[0] = wasm_func_as_extern(host);
    instance = std_instance(store, text, imports, 1);
    outer = std_export(instance, 0);
    own = std_export(instance, 1);
    wasm_trap_set_host_info(known, &info);
    trap = wasm_func_call(wasm_extern_as_func(outer), NULL, NULL);
    CHECK(wasm_trap_same(trap, known));
    CHECK(wasm_trap_get_host_info(trap) == &info);
    wasm_trap_trace(trap, &trace);
    CHECK_EQ(trace.size, 2);
    CHECK_EQ(wasm_frame_func_index(trace.data[0]), 1);
    CHECK_EQ(wasm_frame_func_index(trace.data[1]), 2);
    CHECK(wasm_instance_same(wasm_frame_instance(trace.data[0]), instance));
    CHECK(wasm_instance_same(wasm_frame_instance(trace.data[1]), instance));
    CHECK(wasm_frame_module_offset(trace.data[0]) > wasm_frame_func_offset(trace.data[0]));
    CHECK(wasm_frame_module_offset(trace.data[1]) > wasm_frame_module_offset(trace.data[0]));
    wasm_frame_vec_copy(&copy, &trace);
    wasm_frame_vec_delete(&trace);
    CHECK_EQ(copy.size, 2);
    wasm_frame_vec_delete(&copy);
    wasm_trap_delete(trap);
    /* A frame outlives its trap, and its instance the frame. */
    trap = wasm_func_call(wasm_extern_as_func(own), NULL, NULL);
    origin = wasm_trap_origin(trap);
    CHECK(origin != NULL);
    CHECK_EQ(wasm_frame_func_index(origin), 3);
    TRAPPED(trap, "unreachable");
    kept = wasm_frame_copy(origin);
    wasm_frame_delete(origin);
    CHECK(wasm_instance_same(wasm_frame_instance(kept), instance));
    wasm_frame_delete(kept);
    /* An instance of another module from the same bytes is not confused with it; of two of one module, frames do not
     * know which is theirs. */
    second = std_instance(store, text, imports, 1);
    trap = wasm_func_call(wasm_extern_as_func(own), NULL, NULL);
    origin = wasm_trap_origin(trap);
    CHECK(wasm_instance_same(wasm_frame_instance(origin), instance));
    CHECK(!wasm_instance_same(wasm_frame_instance(origin), second));
    wasm_frame_delete(origin);
    wasm_trap_delete(trap);
    wasm_instance_delete(second);
    {
        wasm_module_t *module = std_module(store, "(module (func (export \"f\") unreachable))");
        wasm_instance_t *twins[2];
        wasm_extern_t *item;
        twins[0] = wasm_instance_new(store, module, NULL, NULL);
        twins[1] = wasm_instance_new(store, module, NULL, NULL);
        item = std_export(twins[1], 0);
        trap = wasm_func_call(wasm_extern_as_func(item), NULL, NULL);
        origin = wasm_trap_origin(trap);
        CHECK(origin != NULL && wasm_frame_instance(origin) == NULL);
        wasm_frame_delete(origin);
        wasm_trap_delete(trap);
        wasm_extern_delete(item);
        wasm_instance_delete(twins[0]);
        wasm_instance_delete(twins[1]);
        wasm_module_delete(module);
    }
    wasm_extern_delete(outer);
    wasm_extern_delete(own);
    wasm_instance_delete(instance);
    wasm_func_delete(host);
    wasm_trap_delete(known);
    wasm_store_delete(store);
}

/* Host functions and their environments: finalized once, when they die or cannot be made. */
static void environments(wasm_engine_t *engine) {
    wasm_store_t *store = wasm_store_new(engine);
    wasm_functype_t *type = std_functype("", "");
    int finalized = 0;
    wasm_func_t *host;
    CHECK(wasm_func_new_with_env(store, type, NULL, &finalized, std_count) == NULL);
    CHECK_EQ(finalized, 1);
    CHECK(wasm_func_new_with_env(NULL, type, raise_known, &finalized, std_count) == NULL);
    CHECK_EQ(finalized, 2);
    CHECK(wasm_func_new_with_env(store, NULL, raise_known, &finalized, std_count) == NULL);
    CHECK_EQ(finalized, 3);
    host = wasm_func_new_with_env(store, type, raise_known, &finalized, std_count);
    CHECK(host != NULL);
    wasm_functype_delete(type);
    type = wasm_func_type(host);
    CHECK_EQ(wasm_functype_params(type)->size, 0);
    wasm_functype_delete(type);
    wasm_func_delete(host);
    wasm_store_delete(store);
    CHECK_EQ(finalized, 4);
}

int main(void) {
    wasm_engine_t *engine = std_engine();
    values(engine);
    any_reference(engine);
    wrong_calls(engine);
    wrong_callbacks(engine);
    messages(engine);
    frames(engine);
    environments(engine);
    wasm_engine_delete(engine);
    return test_end();
}
