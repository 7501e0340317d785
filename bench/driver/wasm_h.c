// Drives any engine that has the standard C interface: wasmi and Wasmer, and whatever else offers it.
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "wasm_h.h"

WasmH wasm_h;

void wasm_h_load(void *library) {
#define FIND(name) *(void **)&wasm_h.name = symbol(library, "wasm_" #name)
  FIND(config_new), FIND(engine_new_with_config), FIND(valtype_new), FIND(valtype_kind), FIND(functype_new), FIND(functype_delete);
  FIND(functype_results), FIND(externtype_kind), FIND(externtype_as_functype_const), FIND(externtype_as_globaltype_const);
  FIND(externtype_as_tabletype_const), FIND(externtype_as_memorytype_const), FIND(globaltype_content), FIND(importtype_type);
  FIND(importtype_vec_delete), FIND(exporttype_name), FIND(exporttype_vec_delete), FIND(byte_vec_delete), FIND(trap_message);
#undef FIND
}

void wasm_h_fail_with_trap(const char *what, const void *trap) {
  ByteVec message;
  wasm_h.trap_message(trap, &message);
  fail("%s: trap: %.*s", what, (int)message.size, message.data);
}

static void *(*store_new)(void *);
static void (*store_delete)(void *);
static void *(*module_new)(void *, const ByteVec *);
static void (*module_delete)(void *);
static void (*module_imports)(const void *, PointerVec *);
static void (*module_exports)(const void *, PointerVec *);
static void *(*instance_new)(void *, const void *, const PointerVec *, void **);
static void (*instance_delete)(void *);
static void (*instance_exports)(const void *, PointerVec *);
static void (*extern_vec_delete)(PointerVec *);
static void (*extern_delete)(void *);
static void *(*extern_as_func)(void *);
static void *(*func_as_extern)(void *), *(*memory_as_extern)(void *), *(*table_as_extern)(void *), *(*global_as_extern)(void *);
static void *(*func_new_with_env)(void *, const void *, Callback, void *, void (*)(void *));
static void *(*func_call)(const void *, const ValVec *, ValVec *);
static void *(*memory_new)(void *, const void *), *(*table_new)(void *, const void *, void *), *(*extern_as_memory)(void *);
static char *(*memory_data)(void *);
static size_t (*memory_data_size)(const void *);
static void *(*global_new)(void *, const void *, const Val *);

static void *engine, *compile_store;

// What an instance needs besides the engine's objects, freed with it.
typedef struct {
  void *instance, *module;
  PointerVec imports, exports;
} Parts;

// Modes of Wasmer: "cranelift", "singlepass"; of wasmi: "eager", "lazy", "lazy-translation"; of all: "default".
static void configure(void *library, void *config, const char *mode) {
  // wasmi's header gives its two lazy modes the numbers that its library takes for the other one; these are the library's.
  static const struct {
    const char *mode, *setter;
    int value;
  } modes[] = {{"cranelift", "wasm_config_set_backend", 0},  {"singlepass", "wasm_config_set_backend", 2},
               {"eager", "wasmi_config_compilation_mode_set", 0}, {"lazy", "wasmi_config_compilation_mode_set", 2},
               {"lazy-translation", "wasmi_config_compilation_mode_set", 1}};
  if (strcmp(mode, "default") == 0) return;
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(mode, modes[i].mode) == 0) {
      ((void (*)(void *, int))symbol(library, modes[i].setter))(config, modes[i].value);
      return;
    }
  fail("no mode %s", mode);
}

static void load(void *library, Options options) {
  wasm_h_load(library);
#define FIND(name) *(void **)&name = symbol(library, "wasm_" #name)
  FIND(store_new), FIND(store_delete), FIND(module_new), FIND(module_delete), FIND(module_imports), FIND(module_exports);
  FIND(instance_new), FIND(instance_delete), FIND(instance_exports), FIND(extern_vec_delete), FIND(extern_delete);
  FIND(extern_as_func), FIND(func_as_extern), FIND(memory_as_extern), FIND(table_as_extern), FIND(global_as_extern);
  FIND(func_new_with_env), FIND(func_call), FIND(memory_new), FIND(table_new), FIND(global_new);
  FIND(extern_as_memory), FIND(memory_data), FIND(memory_data_size);
  void *config = wasm_h.config_new();
  configure(library, config, options.mode);
  engine = wasm_h.engine_new_with_config(config);
  if (!engine) fail("no engine");
  compile_store = store_new(engine);
}

static void *compile(const uint8_t *bytes, size_t len) {
  const ByteVec binary = {len, (char *)bytes};
  void *module = module_new(compile_store, &binary);
  if (!module) fail("module_new: refused");
  return module;
}

static void discard(void *module) { module_delete(module); }

static size_t code_size(void *module) {
  (void)module;
  return 0;
}

static void *stub(void *env, const ValVec *args, ValVec *results) {
  (void)args;
  const uint8_t *kinds = env;
  for (size_t i = 0; i < results->size; i++) results->data[i] = (Val){.kind = kinds[i]};
  return NULL;
}

static void *add(void *env, const ValVec *args, ValVec *results) {
  (void)env;
  results->data[0].kind = WASM_I32;
  results->data[0].of.i32 = (int32_t)((uint32_t)args->data[0].of.i32 + (uint32_t)args->data[1].of.i32);
  return NULL;
}

static void *make_import(void *store, const void *type, Imports imports) {
  const uint8_t kind = wasm_h.externtype_kind(type);
  switch (kind) {
    case WASM_KIND_FUNC: {
      const void *functype = wasm_h.externtype_as_functype_const(type);
      const PointerVec *results = wasm_h.functype_results(functype);
      uint8_t *kinds = calloc(results->size + 1, 1);
      for (size_t i = 0; i < results->size; i++) kinds[i] = wasm_h.valtype_kind(results->data[i]);
      return func_as_extern(func_new_with_env(store, functype, imports == STUBS ? stub : add, kinds, free));
    }
    case WASM_KIND_MEMORY: return memory_as_extern(memory_new(store, wasm_h.externtype_as_memorytype_const(type)));
    case WASM_KIND_TABLE: return table_as_extern(table_new(store, wasm_h.externtype_as_tabletype_const(type), NULL));
    case WASM_KIND_GLOBAL: {
      const void *globaltype = wasm_h.externtype_as_globaltype_const(type);
      const Val zero = {.kind = wasm_h.valtype_kind(wasm_h.globaltype_content(globaltype))};
      return global_as_extern(global_new(store, globaltype, &zero));
    }
    default: fail("import of kind %d", kind);
  }
}

static void instantiate(void *module, Imports imports, Instance *out) {
  void *store = store_new(engine), *trap = NULL;
  Parts *parts = calloc(1, sizeof *parts);
  PointerVec types;
  module_imports(module, &types);
  parts->imports = (PointerVec){types.size, calloc(types.size + 1, sizeof(void *))};
  for (size_t i = 0; i < types.size; i++)
    parts->imports.data[i] = make_import(store, wasm_h.importtype_type(types.data[i]), imports);
  parts->module = module;
  parts->instance = instance_new(store, module, &parts->imports, &trap);
  if (trap) wasm_h_fail_with_trap("instance_new", trap);
  if (!parts->instance) fail("instance_new: refused");
  instance_exports(parts->instance, &parts->exports);
  wasm_h.importtype_vec_delete(&types);
  *out = (Instance){.store = store, .handle = parts};
}

static void instance_free(Instance *instance) {
  Parts *parts = instance->handle;
  extern_vec_delete(&parts->exports);
  instance_delete(parts->instance);
  for (size_t i = 0; i < parts->imports.size; i++) extern_delete(parts->imports.data[i]);
  free(parts->imports.data);
  free(parts);
  store_delete(instance->store);
}

static void *find_export(const Instance *instance, const char *name) {
  const Parts *parts = instance->handle;
  PointerVec types;
  module_exports(parts->module, &types);
  void *item = NULL;
  for (size_t i = 0; i < types.size; i++) {
    // Some engines end names with a NUL that counts.
    const ByteVec *found = wasm_h.exporttype_name(types.data[i]);
    const size_t len = strlen(name);
    const bool is_as_long = found->size == len || (found->size == len + 1 && found->data[len] == 0);
    if (is_as_long && memcmp(found->data, name, len) == 0) item = parts->exports.data[i];
  }
  wasm_h.exporttype_vec_delete(&types);
  if (!item) fail("no export %s", name);
  return item;
}

static void find(Instance *instance, const char *name, Function *out) {
  void *function = extern_as_func(find_export(instance, name));
  if (!function) fail("export %s is no function", name);
  out->words[0] = (uint64_t)function;
}

static uint8_t *memory(Instance *instance, const char *name, size_t *len) {
  void *memory = extern_as_memory(find_export(instance, name));
  if (!memory) fail("export %s is no memory", name);
  *len = memory_data_size(memory);
  return (uint8_t *)memory_data(memory);
}

static uint64_t call(Instance *instance, Function *function, const Argument *args, size_t count, size_t result_count) {
  (void)instance;
  Val values[8], results[8] = {0};
  for (size_t i = 0; i < count; i++) {
    values[i].kind = args[i].kind;
    values[i].of.i64 = args[i].value;
  }
  const ValVec in = {count, values};
  ValVec out = {result_count, results};
  const void *trap = func_call((void *)function->words[0], &in, &out);
  if (trap) wasm_h_fail_with_trap("call", trap);
  if (result_count == 0) return 0;
  return results[0].kind == WASM_I32 ? (uint32_t)results[0].of.i32 : (uint64_t)results[0].of.i64;
}

static uint32_t call_many(Instance *instance, Function *function, uint32_t count, Checking checking) {
  (void)instance, (void)checking;
  uint32_t last = 0;
  for (uint32_t i = 0; i < count; i++) {
    Val args[2] = {{.kind = WASM_I32, .of.i32 = (int32_t)i}, {.kind = WASM_I32, .of.i32 = (int32_t)last}}, result = {0};
    const ValVec in = {2, args};
    ValVec out = {1, &result};
    const void *trap = func_call((void *)function->words[0], &in, &out);
    if (trap) wasm_h_fail_with_trap("call", trap);
    last = (uint32_t)result.of.i32;
  }
  return last;
}

const Backend wasm_h_backend = {load, compile, discard, code_size, instantiate, instance_free, find, memory, call, call_many, 0, NULL, NULL, NULL, NULL};
