/* Compiles a module, makes an instance of it, and calls a function. */
#include <stdio.h>
#include <string.h>
#include <updraft.h>

int main(void) {
    const char *text = "(module (func (export \"add\") (param i32 i32) (result i32)"
                       "  (i32.add (local.get 0) (local.get 1))))";
    updraft_engine_t *engine = NULL;
    updraft_module_t *module = NULL;
    updraft_store_t *store = NULL;
    updraft_error_t *error = NULL;
    updraft_instance_t instance;
    updraft_extern_t add;
    updraft_val_t args[2] = {{UPDRAFT_VAL_I32, 0, {7}}, {UPDRAFT_VAL_I32, 0, {35}}}, sum;

    if (updraft_engine_new(NULL, &engine, &error) ||
        updraft_module_new(engine, (const uint8_t *)text, strlen(text), &module, &error) ||
        updraft_store_new(engine, &store, &error) ||
        updraft_instance_new(store, module, NULL, 0, &instance, &error) ||
        updraft_instance_export(store, instance, "add", 3, &add, &error) ||
        updraft_func_call(store, add.handle, args, 2, &sum, 1, &error))
        fprintf(stderr, "%s\n", updraft_error_message(error, NULL));
    else
        printf("7 + 35 = %d\n", sum.of.i32);

    int failed = error != NULL;
    updraft_error_delete(error);
    updraft_store_delete(store, NULL);
    updraft_module_delete(module);
    updraft_engine_delete(engine);
    return failed;
}
