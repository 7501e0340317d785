// Drives wasmtime's C library through its own interface (version 50); types come from the standard one.
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "wasm_h.h"

typedef struct {
  uint64_t store_id;
  void *private;
} Func;

typedef struct {
  uint8_t kind;
  union {
    int32_t i32;
    int64_t i64;
    Func func;
    uint64_t words[3];
  } of;
} WasmtimeVal;

typedef union {
  int32_t i32;
  int64_t i64;
  uint8_t v128[16];
} Raw;

typedef struct {
  uint8_t kind;
  union {
    Func func;
    uint64_t words[3];
  } of;
} Extern;

_Static_assert(sizeof(WasmtimeVal) == 32 && sizeof(Raw) == 16 && sizeof(Extern) == 32, "layout of wasmtime 50");

enum { WASMTIME_VAL_FUNCREF = 5, WASMTIME_VAL_EXTERNREF = 6 };
enum { STRATEGY_CRANELIFT = 1, STRATEGY_WINCH = 2 };

static void (*config_strategy_set)(void *, uint8_t);
static void (*config_parallel_compilation_set)(void *, bool);
static void (*config_epoch_interruption_set)(void *, bool);
static void *(*module_new)(void *, const uint8_t *, size_t, void **);
static void (*module_delete)(void *);
static void (*module_imports)(const void *, PointerVec *);
static void *(*module_serialize)(const void *, ByteVec *);
static void *(*module_deserialize_file)(void *, const char *, void **);
static void *(*config_cache_config_load)(void *, const char *);
static void *(*store_new)(void *, void *, void (*)(void *));
static void (*store_delete)(void *);
static void *(*store_context)(void *);
static void (*context_set_epoch_deadline)(void *, uint64_t);
static void *(*instance_new)(void *, const void *, const Extern *, size_t, Func *, void **);
static bool (*instance_export_get)(void *, const Func *, const char *, size_t, Extern *);
static void (*func_new)(void *, const void *, void *(*)(void *, void *, const WasmtimeVal *, size_t, WasmtimeVal *, size_t), void *,
                        void (*)(void *), Func *);
static void (*func_new_unchecked)(void *, const void *, void *(*)(void *, void *, Raw *, size_t), void *, void (*)(void *), Func *);
static void *(*func_call)(void *, const Func *, const WasmtimeVal *, size_t, WasmtimeVal *, size_t, void **);
static void *(*func_call_unchecked)(void *, const Func *, Raw *, size_t, void **);
static void *(*memory_new)(void *, const void *, void *);
static uint8_t *(*memory_data)(const void *, const void *);
static size_t (*memory_data_size)(const void *, const void *);
static void *(*table_new)(void *, const void *, const WasmtimeVal *, void *);
static void *(*global_new)(void *, const void *, const WasmtimeVal *, void *);
static void (*error_message)(const void *, ByteVec *);

static void *engine;
static bool with_epochs;

// Traps of all calls end up here: one ends the process.
static void *trap;

static void check(void *error, const char *what) {
  if (trap) wasm_h_fail_with_trap(what, trap);
  if (!error) return;
  ByteVec message;
  error_message(error, &message);
  fail("%s: %.*s", what, (int)message.size, message.data);
}

// The cache's settings come from a file.
static void use_cache(void *config, const char *directory) {
  char path[4096], text[4200];
  snprintf(path, sizeof path, "%s.toml", directory);
  FILE *file = fopen(path, "w");
  snprintf(text, sizeof text, "[cache]\ndirectory = \"%s\"\n", directory);
  if (!file || fputs(text, file) < 0 || fclose(file) != 0) fail("cannot write %s", path);
  check(config_cache_config_load(config, path), "cache");
}

// Modes: "cranelift", "winch"; "cranelift-epoch" can be interrupted in loops, as Updraft can by default.
static void load(void *library, Options options) {
  wasm_h_load(library);
#define FIND(name) *(void **)&name = symbol(library, "wasmtime_" #name)
  FIND(config_strategy_set), FIND(config_parallel_compilation_set), FIND(config_epoch_interruption_set), FIND(module_new);
  FIND(module_delete), FIND(module_imports), FIND(module_serialize), FIND(store_new), FIND(store_delete), FIND(store_context);
  FIND(context_set_epoch_deadline), FIND(instance_new), FIND(instance_export_get), FIND(func_new), FIND(func_new_unchecked);
  FIND(func_call), FIND(func_call_unchecked), FIND(memory_new), FIND(table_new), FIND(global_new), FIND(error_message), FIND(memory_data);
  FIND(memory_data_size), FIND(module_deserialize_file), FIND(config_cache_config_load);
  void *config = wasm_h.config_new();
  config_strategy_set(config, strstr(options.mode, "winch") ? STRATEGY_WINCH : STRATEGY_CRANELIFT);
  with_epochs = strstr(options.mode, "epoch") != NULL;
  if (with_epochs) config_epoch_interruption_set(config, true);
  if (options.cache) use_cache(config, options.cache);
  if (options.threads == 1) config_parallel_compilation_set(config, false);
  engine = wasm_h.engine_new_with_config(config);
  if (!engine) fail("no engine");
}

static void *compile(const uint8_t *bytes, size_t len) {
  void *module;
  check(module_new(engine, bytes, len, &module), "module_new");
  return module;
}

static void discard(void *module) { module_delete(module); }

// The serialized module is an ELF file; its .text section is the machine code.
static size_t code_size(void *module) {
  ByteVec file;
  check(module_serialize(module, &file), "serialize");
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)file.data;
  const Elf64_Shdr *sections = (const Elf64_Shdr *)(file.data + header->e_shoff);
  const char *names = file.data + sections[header->e_shstrndx].sh_offset;
  size_t size = 0;
  for (int i = 0; i < header->e_shnum; i++)
    if (strcmp(names + sections[i].sh_name, ".text") == 0) size = sections[i].sh_size;
  wasm_h.byte_vec_delete(&file);
  return size;
}

static uint8_t own_kind(uint8_t kind) {
  return kind == WASM_FUNCREF ? WASMTIME_VAL_FUNCREF : kind == WASM_EXTERNREF ? WASMTIME_VAL_EXTERNREF : kind;
}

static void *stub(void *env, void *caller, const WasmtimeVal *args, size_t arg_count, WasmtimeVal *results, size_t result_count) {
  (void)caller, (void)args, (void)arg_count;
  const uint8_t *kinds = env;
  for (size_t i = 0; i < result_count; i++) results[i] = (WasmtimeVal){.kind = kinds[i]};
  return NULL;
}

static void *add(void *env, void *caller, const WasmtimeVal *args, size_t arg_count, WasmtimeVal *results, size_t result_count) {
  (void)env, (void)caller, (void)arg_count, (void)result_count;
  results[0].kind = WASM_I32;
  results[0].of.i32 = (int32_t)((uint32_t)args[0].of.i32 + (uint32_t)args[1].of.i32);
  return NULL;
}

static void *add_raw(void *env, void *caller, Raw *values, size_t count) {
  (void)env, (void)caller, (void)count;
  values[0].i32 = (int32_t)((uint32_t)values[0].i32 + (uint32_t)values[1].i32);
  return NULL;
}

static void make_import(void *context, const void *type, Imports imports, Extern *out) {
  out->kind = wasm_h.externtype_kind(type);
  switch (out->kind) {
    case WASM_KIND_FUNC: {
      const void *functype = wasm_h.externtype_as_functype_const(type);
      if (imports == ADDS_UNCHECKED) {
        func_new_unchecked(context, functype, add_raw, NULL, NULL, &out->of.func);
      } else if (imports == ADDS_CHECKED) {
        func_new(context, functype, add, NULL, NULL, &out->of.func);
      } else {
        const PointerVec *results = wasm_h.functype_results(functype);
        uint8_t *kinds = calloc(results->size + 1, 1);
        for (size_t i = 0; i < results->size; i++) kinds[i] = own_kind(wasm_h.valtype_kind(results->data[i]));
        func_new(context, functype, stub, kinds, free, &out->of.func);
      }
      break;
    }
    case WASM_KIND_MEMORY:
      check(memory_new(context, wasm_h.externtype_as_memorytype_const(type), out->of.words), "memory_new");
      break;
    case WASM_KIND_TABLE: {
      const WasmtimeVal null = {.kind = WASMTIME_VAL_FUNCREF};
      check(table_new(context, wasm_h.externtype_as_tabletype_const(type), &null, out->of.words), "table_new");
      break;
    }
    case WASM_KIND_GLOBAL: {
      const void *globaltype = wasm_h.externtype_as_globaltype_const(type);
      const WasmtimeVal zero = {.kind = own_kind(wasm_h.valtype_kind(wasm_h.globaltype_content(globaltype)))};
      check(global_new(context, globaltype, &zero, out->of.words), "global_new");
      break;
    }
    default: fail("import of kind %d", out->kind);
  }
}

static void instantiate(void *module, Imports imports, Instance *out) {
  void *store = store_new(engine, NULL, NULL), *context = store_context(store);
  if (with_epochs) context_set_epoch_deadline(context, 1000000);
  PointerVec types;
  module_imports(module, &types);
  Extern few[16], *items = types.size <= 16 ? few : calloc(types.size, sizeof *items);
  for (size_t i = 0; i < types.size; i++) make_import(context, wasm_h.importtype_type(types.data[i]), imports, &items[i]);
  Func instance;
  check(instance_new(context, module, items, types.size, &instance, &trap), "instance_new");
  if (items != few) free(items);
  wasm_h.importtype_vec_delete(&types);
  *out = (Instance){.store = store, .handle = context};
  memcpy(out->words, &instance, sizeof instance);
}

static void instance_free(Instance *instance) { store_delete(instance->store); }

static void find(Instance *instance, const char *name, Function *out) {
  Extern item;
  if (!instance_export_get(instance->handle, (const Func *)instance->words, name, strlen(name), &item)) fail("no export %s", name);
  if (item.kind != WASM_KIND_FUNC) fail("export %s is no function", name);
  memcpy(out->words, &item.of.func, sizeof(Func));
}

static uint8_t *memory(Instance *instance, const char *name, size_t *len) {
  Extern item;
  if (!instance_export_get(instance->handle, (const Func *)instance->words, name, strlen(name), &item)) fail("no export %s", name);
  if (item.kind != WASM_KIND_MEMORY) fail("export %s is no memory", name);
  *len = memory_data_size(instance->handle, item.of.words);
  return memory_data(instance->handle, item.of.words);
}

static uint64_t call(Instance *instance, Function *function, const Argument *args, size_t count, size_t result_count) {
  WasmtimeVal values[8], results[8];
  for (size_t i = 0; i < count; i++) {
    values[i].kind = args[i].kind;
    values[i].of.i64 = args[i].value;
  }
  check(func_call(instance->handle, (const Func *)function->words, values, count, results, result_count, &trap), "call");
  if (result_count == 0) return 0;
  return results[0].kind == WASM_I32 ? (uint32_t)results[0].of.i32 : (uint64_t)results[0].of.i64;
}

static uint32_t call_many(Instance *instance, Function *function, uint32_t count, Checking checking) {
  uint32_t last = 0;
  void *context = instance->handle;
  const Func *func = (const Func *)function->words;
  for (uint32_t i = 0; i < count; i++) {
    void *error;
    if (checking == CHECKED) {
      const WasmtimeVal args[2] = {{.kind = WASM_I32, .of.i32 = (int32_t)i}, {.kind = WASM_I32, .of.i32 = (int32_t)last}};
      WasmtimeVal result;
      error = func_call(context, func, args, 2, &result, 1, &trap);
      last = (uint32_t)result.of.i32;
    } else {
      Raw cells[2];
      cells[0].i32 = (int32_t)i, cells[1].i32 = (int32_t)last;
      error = func_call_unchecked(context, func, cells, 2, &trap);
      last = (uint32_t)cells[0].i32;
    }
    if (error || trap) check(error, "call");
  }
  return last;
}

// The cache writes by itself, on a thread of its own, while this one goes on.
static void keep(void *module, const char *artifact) {
  ByteVec bytes;
  check(module_serialize(module, &bytes), "serialize");
  FILE *file = fopen(artifact, "w");
  if (!file || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file) != 0) fail("cannot write %s", artifact);
  wasm_h.byte_vec_delete(&bytes);
}

static void *open_artifact(const char *artifact) {
  void *module;
  check(module_deserialize_file(engine, artifact, &module), "deserialize_file");
  return module;
}

static const Warm warm = {.keep = keep, .open = open_artifact};

const Backend wasmtime_backend = {load, compile, discard, code_size, instantiate, instance_free, find, memory, call, call_many, 1, NULL, NULL, NULL, &warm};
