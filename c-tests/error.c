/* Error objects: what every accessor gives for every kind of error. */
#include "test.h"

static int finalized;
static int secret = 7;

static updraft_error_t *raise_error(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                    updraft_val_t *results, size_t result_count) {
    (void)env, (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    return updraft_error_new(TEXT("no luck"), &finalized, test_finalizer);
}

static updraft_error_t *raise_exit(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                                   updraft_val_t *results, size_t result_count) {
    (void)env, (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
    return updraft_error_new_exit(-3);
}

/* NULL and pointers to other objects are answered, never followed. */
static void accessors_take_anything(const updraft_error_t *error) {
    uint64_t offset = 99;
    uint32_t func = 99;
    int32_t exit_status = 99;
    size_t len = 99;
    updraft_error_t *copy = NULL;
    updraft_frame_t frame;
    frame.struct_size = sizeof frame;
    CHECK_EQ(updraft_error_status(error), UPDRAFT_STATUS_MISUSE);
    CHECK_TEXT(updraft_error_message(error, &len), "");
    CHECK_EQ(len, 0);
    CHECK_EQ(updraft_error_offset(error, &offset), 0);
    CHECK_EQ(updraft_error_func_index(error, &func), 0);
    CHECK_EQ(updraft_error_exit_status(error, &exit_status), 0);
    CHECK(offset == 99 && func == 99 && exit_status == 99);
    CHECK_EQ(updraft_error_trap_code(error), UPDRAFT_TRAP_NONE);
    CHECK(updraft_error_payload(error) == NULL);
    CHECK_EQ(updraft_error_frame_count(error), 0);
    FAILS(MISUSE, "err", updraft_error_frame(error, 0, &frame, E));
    FAILS(MISUSE, "err", updraft_error_clone(error, &copy, E));
    CHECK(copy == NULL);
}

static void made_by_hand(void) {
    updraft_error_t *error = updraft_error_new(TEXT("boom"), &finalized, test_finalizer);
    updraft_error_t *copy = NULL;
    updraft_frame_t frame;
    int32_t exit_status = 0;
    frame.struct_size = sizeof frame;
    finalized = 0;
    CHECK_EQ(updraft_error_status(error), UPDRAFT_STATUS_TRAP);
    CHECK_EQ(updraft_error_trap_code(error), UPDRAFT_TRAP_HOST);
    CHECK(strstr(updraft_error_message(error, NULL), "boom") != NULL);
    CHECK(updraft_error_payload(error) == &finalized);
    CHECK_EQ(updraft_error_frame_count(error), 0);
    FAILS(OUT_OF_BOUNDS, "no frame 0", updraft_error_frame(error, 0, &frame, E));
    OK(updraft_error_clone(error, &copy, E));
    CHECK(copy == error);
    updraft_error_delete(error);
    CHECK_EQ(finalized, 0);
    CHECK(updraft_error_payload(copy) == &finalized);
    updraft_error_delete(copy);
    CHECK_EQ(finalized, 1);

    /* Without text, without payload, with text that is not UTF-8. */
    error = updraft_error_new(NULL, 0, NULL, NULL);
    CHECK(updraft_error_payload(error) == NULL);
    CHECK(strlen(updraft_error_message(error, NULL)) > 0);
    updraft_error_delete(error);
    error = updraft_error_new(TEXT("\xff"), &secret, NULL);
    CHECK(strstr(updraft_error_message(error, NULL), "\xef\xbf\xbd") != NULL);
    CHECK(updraft_error_payload(error) == &secret);
    updraft_error_delete(error);

    error = updraft_error_new_exit(5);
    CHECK_EQ(updraft_error_trap_code(error), UPDRAFT_TRAP_EXIT);
    CHECK_EQ(updraft_error_exit_status(error, &exit_status), 1);
    CHECK_EQ(exit_status, 5);
    CHECK_EQ(updraft_error_exit_status(error, NULL), 1);
    updraft_error_delete(error);
    updraft_error_delete(NULL);
}

static void offsets_of_modules(updraft_engine_t *engine) {
    static const uint8_t truncated[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 1, 4, 1, 0x60, 0};
    updraft_module_t *module = NULL;
    uint64_t offset = 0;
    CHECK_EQ(updraft_module_new(engine, truncated, sizeof truncated, &module, E), UPDRAFT_STATUS_INVALID);
    CHECK_EQ(updraft_error_offset(test_error, &offset), 1);
    CHECK(offset >= 8 && offset <= sizeof truncated);
    CHECK_EQ(updraft_error_offset(test_error, NULL), 1);
    CHECK_EQ(updraft_error_func_index(test_error, NULL), 0);
    CHECK_EQ(updraft_error_trap_code(test_error), UPDRAFT_TRAP_NONE);
    CHECK_EQ(updraft_error_frame_count(test_error), 0);
    CHECK(updraft_error_payload(test_error) == NULL);
    CHECK_EQ(updraft_error_exit_status(test_error, NULL), 0);
    CHECK(module == NULL);
    test_forget_error();
}

static void frames_of_traps(updraft_store_t *store) {
    updraft_instance_t instance = test_instance(
        store,
        "(module $game (func $inner unreachable) (func $outer (export \"f\") (call $inner)) (func (export \"plain\") (unreachable)))");
    updraft_func_t func = test_export(store, instance, "f"), plain = test_export(store, instance, "plain");
    updraft_frame_t frame;
    updraft_error_t *error = NULL;
    uint64_t offset = 0, inner_offset;
    uint32_t index = 99;

    CHECK_EQ(updraft_func_call(store, func, NULL, 0, NULL, 0, &error), UPDRAFT_STATUS_TRAP);
    CHECK_EQ(updraft_error_trap_code(error), UPDRAFT_TRAP_UNREACHABLE);
    CHECK_EQ(updraft_error_frame_count(error), 2);
    frame.struct_size = sizeof frame;
    OK(updraft_error_frame(error, 0, &frame, E));
    CHECK_EQ(frame.struct_size, sizeof frame);
    CHECK_EQ(frame.func_index, 0);
    CHECK(frame.func_name_len == 5 && memcmp(frame.func_name, "inner", 5) == 0);
    CHECK(frame.module_name_len == 4 && memcmp(frame.module_name, "game", 4) == 0);
    /* One byte for the empty list of locals is before the instruction. */
    CHECK_EQ(frame.func_offset, 1);
    CHECK_EQ(frame.tier, UPDRAFT_TIER_BASELINE);
    inner_offset = frame.module_offset;
    OK(updraft_error_frame(error, 1, &frame, E));
    CHECK_EQ(frame.func_index, 1);
    CHECK(frame.func_name_len == 5 && memcmp(frame.func_name, "outer", 5) == 0);
    CHECK(frame.module_offset > inner_offset);
    CHECK_EQ(updraft_error_offset(error, &offset), 1);
    CHECK_EQ(offset, inner_offset);
    CHECK_EQ(updraft_error_func_index(error, &index), 1);
    CHECK_EQ(index, 0);
    FAILS(OUT_OF_BOUNDS, "no frame 2", updraft_error_frame(error, 2, &frame, E));
    FAILS(OUT_OF_BOUNDS, "no frame", updraft_error_frame(error, SIZE_MAX, &frame, E));
    frame.struct_size = sizeof frame - 1;
    FAILS(MISUSE, "struct_size of frame", updraft_error_frame(error, 0, &frame, E));
    updraft_error_delete(error);

    /* Names that are not there are NULL. */
    CHECK_EQ(updraft_func_call(store, plain, NULL, 0, NULL, 0, &error), UPDRAFT_STATUS_TRAP);
    frame.struct_size = sizeof frame;
    OK(updraft_error_frame(error, 0, &frame, E));
    CHECK(frame.func_name == NULL && frame.func_name_len == 0);
    updraft_error_delete(error);
}

static void errors_travel_through_wasm(updraft_engine_t *engine, updraft_store_t *store) {
    updraft_linker_t *linker = NULL;
    updraft_functype_t *functype = test_functype("", "");
    updraft_module_t *module = test_module(engine, "(module (import \"\" \"raise\" (func $r)) (import \"\" \"exit\" (func $e))"
                                                   "(func (export \"raise\") (call $r)) (func (export \"exit\") (call $e)))");
    updraft_instance_t instance = 0;
    updraft_error_t *error = NULL;
    int32_t exit_status = 0;
    OK(updraft_linker_new(engine, &linker, E));
    OK(updraft_linker_define_func(linker, NULL, 0, TEXT("raise"), functype, raise_error, NULL, NULL, E));
    OK(updraft_linker_define_func(linker, NULL, 0, TEXT("exit"), functype, raise_exit, NULL, NULL, E));
    OK(updraft_linker_instantiate(linker, store, module, &instance, E));

    finalized = 0;
    CHECK_EQ(updraft_func_call(store, test_export(store, instance, "raise"), NULL, 0, NULL, 0, &error),
             UPDRAFT_STATUS_TRAP);
    CHECK_EQ(updraft_error_trap_code(error), UPDRAFT_TRAP_HOST);
    CHECK(strstr(updraft_error_message(error, NULL), "no luck") != NULL);
    CHECK(updraft_error_payload(error) == &finalized);
    CHECK_EQ(updraft_error_frame_count(error), 1);
    CHECK_EQ(finalized, 0);
    updraft_error_delete(error);
    CHECK_EQ(finalized, 1);

    CHECK_EQ(updraft_func_call(store, test_export(store, instance, "exit"), NULL, 0, NULL, 0, &error), UPDRAFT_STATUS_TRAP);
    CHECK_EQ(updraft_error_trap_code(error), UPDRAFT_TRAP_EXIT);
    CHECK_EQ(updraft_error_exit_status(error, &exit_status), 1);
    CHECK_EQ(exit_status, -3);
    updraft_error_delete(error);

    /* Without a place for it, the error and its payload go at once. */
    CHECK_EQ(updraft_func_call(store, test_export(store, instance, "raise"), NULL, 0, NULL, 0, NULL), UPDRAFT_STATUS_TRAP);
    CHECK_EQ(finalized, 2);

    updraft_linker_delete(linker);
    updraft_module_delete(module);
    updraft_functype_delete(functype);
}

int main(void) {
    updraft_engine_t *engine = test_engine();
    updraft_store_t *store = test_store(engine);
    uint32_t code;
    accessors_take_anything(NULL);
    accessors_take_anything((const updraft_error_t *)engine);
    updraft_error_delete((updraft_error_t *)engine);
    made_by_hand();
    offsets_of_modules(engine);
    frames_of_traps(store);
    errors_travel_through_wasm(engine, store);
    for (code = 1; code <= UPDRAFT_TRAP_INVALID_MODULE; code++) {
        CHECK(strcmp(updraft_trap_code_message(code), "unknown trap") != 0);
    }
    CHECK_TEXT(updraft_trap_code_message(UPDRAFT_TRAP_UNREACHABLE), "unreachable");
    CHECK_TEXT(updraft_trap_code_message(0), "unknown trap");
    CHECK_TEXT(updraft_trap_code_message(code), "unknown trap");
    CHECK_TEXT(updraft_trap_code_message(256 + 1), "unknown trap");
    OK(updraft_store_delete(store, E));
    updraft_engine_delete(engine);
    return test_end();
}
