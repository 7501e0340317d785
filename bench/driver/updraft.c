// Drives Updraft through its own interface.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "updraft.h"
#include "wasm_h.h"

#define FUNCTIONS(X)                                                                                                 \
  X(error_message) X(config_new) X(config_set_strategy) X(config_set_validation) X(config_set_interrupts) X(config_set_compile_threads)    \
  X(config_set_tiers) X(config_set_tiering) X(stream_new) X(stream_write) X(stream_finish) X(stream_delete)                                                                       \
  X(engine_new) X(module_new) X(module_delete) X(module_code_size) X(module_import_count) X(module_import)           \
  X(module_import_functype) X(module_import_tabletype) X(module_import_memorytype) X(module_import_globaltype)       \
  X(functype_delete) X(store_new) X(store_delete) X(store_release) X(instance_new) X(instance_export) X(func_new)    \
  X(func_new_raw) X(func_call) X(func_call_raw) X(memory_new) X(memory_data) X(table_new) X(global_new) X(capability_supported)    \
  X(config_set_cache_directory) X(config_set_cache_writes) X(module_cache_write) X(module_wait_tier) X(module_serialize) X(artifact_bytes)      \
  X(artifact_delete) X(module_deserialize_file) X(subscription_new) X(subscription_drain) X(engine_cache_stats)      \
  X(module_export_count) X(module_export) X(module_options_new) X(module_options_delete)                             \
  X(module_options_set_profile_file) X(module_new_with_options) X(module_given_profile) X(module_export_profile_file) \
  X(module_new_async) X(job_wait) X(job_module) X(job_delete)

#define DECLARE(name) static __typeof__(updraft_##name) *name;
FUNCTIONS(DECLARE)

static updraft_engine_t *engine;
static int holds_bytes;

// Errors of all calls end up here: a failed call ends the process.
static updraft_error_t *error;

static void check(updraft_status_t status, const char *what) {
  if (status == UPDRAFT_STATUS_OK) return;
  size_t len = 0;
  const char *message = error_message(error, &len);
  fail("%s: status %u: %.*s", what, status, (int)len, message);
}

static int has(const char *mode, const char *word) { return strstr(mode, word) != NULL; }

// Modes: words of "eager", "lazy", "nopoll" (no interrupts), "baseline" (that tier alone), "tiered" (both tiers; without
// either, the top tier alone), "deferred" (validation), "held" (the host keeps the bytes; else they are copied), joined by
// '-'; what no word is about is as by default.
static void load(void *library, Options options) {
#define FIND(name) name = (__typeof__(name))symbol(library, "updraft_" #name);
  FUNCTIONS(FIND)
  updraft_config_t *config;
  check(config_new(&config, &error), "config_new");
  if (has(options.mode, "eager")) check(config_set_strategy(config, UPDRAFT_STRATEGY_EAGER, &error), "eager");
  if (has(options.mode, "lazy")) check(config_set_strategy(config, UPDRAFT_STRATEGY_LAZY, &error), "lazy");
  if (!has(options.mode, "tiered")) check(config_set_tiers(config, UPDRAFT_TIERS_TOP, &error), "top");
  if (has(options.mode, "baseline")) check(config_set_tiers(config, UPDRAFT_TIERS_BASELINE, &error), "baseline");
  if (has(options.mode, "tiered")) {
    check(config_set_tiers(config, UPDRAFT_TIERS_BOTH, &error), "tiered");
    check(config_set_tiering(config, UPDRAFT_TIERING_DEFAULT, 0, &error), "tiering");
  }
  if (has(options.mode, "deferred")) check(config_set_validation(config, UPDRAFT_VALIDATION_DEFERRED, &error), "deferred");
  if (has(options.mode, "nopoll")) check(config_set_interrupts(config, 0, &error), "interrupts");
  holds_bytes = has(options.mode, "held");
  if (options.cache) {
    check(config_set_cache_directory(config, options.cache, strlen(options.cache), (uint64_t)1 << 30, &error), "cache");
    // Only when it is asked to: no job is to write while another measures.
    check(config_set_cache_writes(config, 0, UINT64_MAX, UINT64_MAX, &error), "cache_writes");
  }
  if (options.threads) check(config_set_compile_threads(config, (size_t)options.threads, &error), "threads");
  check(engine_new(config, &engine, &error), "engine_new");
}

// The bytes stay until the process ends.
static void release(void *env) { (void)env; }

static void *compile(const uint8_t *bytes, size_t len) {
  updraft_module_t *module;
  if (holds_bytes) {
    updraft_job_t *job;
    check(module_new_async(engine, bytes, len, release, NULL, NULL, &job, &error), "module_new_async");
    check(job_wait(job, UINT64_MAX, &error), "job_wait");
    check(job_module(job, &module, &error), "job_module");
    job_delete(job);
    return module;
  }
  check(module_new(engine, bytes, len, &module, &error), "module_new");
  return module;
}

static void discard(void *module) { module_delete(module); }

static size_t code_size(void *module) {
  size_t bytes;
  check(module_code_size(module, &bytes, &error), "code_size");
  return bytes;
}

// The results are zeros already.
static updraft_error_t *stub(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                             updraft_val_t *results, size_t result_count) {
  (void)env, (void)caller, (void)args, (void)arg_count, (void)results, (void)result_count;
  return NULL;
}

static updraft_error_t *add(void *env, updraft_caller_t *caller, const updraft_val_t *args, size_t arg_count,
                            updraft_val_t *results, size_t result_count) {
  (void)env, (void)caller, (void)arg_count, (void)result_count;
  results[0].of.i32 = (int32_t)((uint32_t)args[0].of.i32 + (uint32_t)args[1].of.i32);
  return NULL;
}

static updraft_error_t *add_raw(void *env, updraft_caller_t *caller, updraft_raw_t *values, size_t count) {
  (void)env, (void)caller, (void)count;
  values[0].i32 = (int32_t)((uint32_t)values[0].i32 + (uint32_t)values[1].i32);
  return NULL;
}

static void make_import(updraft_store_t *store, const updraft_module_t *module, size_t index, Imports imports,
                        updraft_extern_t *out) {
  updraft_import_t import = {.struct_size = sizeof import};
  check(module_import(module, index, &import, &error), "import");
  out->kind = import.kind;
  switch (import.kind) {
    case UPDRAFT_KIND_FUNC: {
      updraft_functype_t *type;
      check(module_import_functype(module, index, &type, &error), "functype");
      if (imports == ADDS_UNCHECKED)
        check(func_new_raw(store, type, add_raw, NULL, NULL, &out->handle, &error), "func_new_raw");
      else
        check(func_new(store, type, imports == STUBS ? stub : add, NULL, NULL, &out->handle, &error), "func_new");
      functype_delete(type);
      break;
    }
    case UPDRAFT_KIND_MEMORY: {
      updraft_memorytype_t type = {.struct_size = sizeof type};
      check(module_import_memorytype(module, index, &type, &error), "memorytype");
      check(memory_new(store, &type, &out->handle, &error), "memory_new");
      break;
    }
    case UPDRAFT_KIND_TABLE: {
      updraft_tabletype_t type = {.struct_size = sizeof type};
      check(module_import_tabletype(module, index, &type, &error), "tabletype");
      const updraft_val_t null = {.kind = type.element};
      check(table_new(store, &type, &null, &out->handle, &error), "table_new");
      break;
    }
    default: {
      updraft_globaltype_t type = {.struct_size = sizeof type};
      check(module_import_globaltype(module, index, &type, &error), "globaltype");
      const updraft_val_t zero = {.kind = type.content};
      check(global_new(store, &type, &zero, &out->handle, &error), "global_new");
    }
  }
}

static void instantiate(void *module, Imports imports, Instance *out) {
  updraft_store_t *store;
  size_t count = 0;
  updraft_instance_t instance;
  check(store_new(engine, &store, &error), "store_new");
  check(module_import_count(module, &count, &error), "import_count");
  updraft_extern_t few[16], *items = count <= 16 ? few : calloc(count, sizeof *items);
  for (size_t i = 0; i < count; i++) make_import(store, module, i, imports, &items[i]);
  check(instance_new(store, module, items, count, &instance, &error), "instance_new");
  if (items != few) free(items);
  *out = (Instance){.store = store, .words = {instance}};
}

static void instance_free(Instance *instance) {
  check(store_delete(instance->store, &error), "store_delete");
}

static void find(Instance *instance, const char *name, Function *out) {
  updraft_extern_t item;
  check(instance_export(instance->store, instance->words[0], name, strlen(name), &item, &error), name);
  out->words[0] = item.handle;
}

static uint8_t *memory(Instance *instance, const char *name, size_t *len) {
  updraft_extern_t item;
  uint8_t *data;
  check(instance_export(instance->store, instance->words[0], name, strlen(name), &item, &error), name);
  check(memory_data(instance->store, item.handle, &data, len, &error), name);
  return data;
}

static uint64_t call(Instance *instance, Function *function, const Argument *args, size_t count, size_t result_count) {
  updraft_val_t values[8], results[8] = {0};
  for (size_t i = 0; i < count; i++) {
    values[i].kind = args[i].kind;
    values[i].of.i64 = args[i].value;
  }
  check(func_call(instance->store, function->words[0], values, count, results, result_count, &error), "call");
  if (result_count == 0) return 0;
  return results[0].kind == UPDRAFT_VAL_I32 ? (uint32_t)results[0].of.i32 : (uint64_t)results[0].of.i64;
}

static uint32_t call_many(Instance *instance, Function *function, uint32_t count, Checking checking) {
  uint32_t last = 0;
  for (uint32_t i = 0; i < count; i++) {
    updraft_status_t status;
    if (checking == CHECKED) {
      const updraft_val_t args[2] = {{.kind = UPDRAFT_VAL_I32, .of.i32 = (int32_t)i}, {.kind = UPDRAFT_VAL_I32, .of.i32 = (int32_t)last}};
      updraft_val_t result;
      status = func_call(instance->store, function->words[0], args, 2, &result, 1, &error);
      last = (uint32_t)result.of.i32;
    } else {
      updraft_raw_t cells[2];
      cells[0].i32 = (int32_t)i, cells[1].i32 = (int32_t)last;
      status = func_call_raw(instance->store, function->words[0], cells, &error);
      last = (uint32_t)cells[0].i32;
    }
    if (status != UPDRAFT_STATUS_OK) check(status, "call");
  }
  return last;
}

static void *begin_stream(void) {
  updraft_stream_t *stream;
  check(stream_new(engine, NULL, 0, &stream, &error), "stream_new");
  return stream;
}

static void write_stream(void *stream, const uint8_t *bytes, size_t len) {
  check(stream_write(stream, bytes, len, &error), "stream_write");
}

static void *finish_stream(void *stream) {
  updraft_module_t *module;
  check(stream_finish(stream, &module, &error), "stream_finish");
  stream_delete(stream);
  return module;
}

// What the top tier refuses stays in the baseline tier.
static void keep(void *module, const char *artifact) {
  updraft_artifact_t *made;
  const uint8_t *bytes;
  size_t len;
  uint64_t written;
  const updraft_status_t waited = module_wait_tier(module, NULL, 0, UPDRAFT_TIER_TOP, UINT64_MAX, &error);
  if (waited != UPDRAFT_STATUS_FAILED) check(waited, "wait_tier");
  check(module_cache_write(module, &written, &error), "cache_write");
  check(module_serialize(module, &made, &error), "serialize");
  check(artifact_bytes(made, &bytes, &len, &error), "artifact_bytes");
  FILE *file = fopen(artifact, "w");
  if (!file || fwrite(bytes, 1, len, file) != len || fclose(file) != 0) fail("cannot write %s", artifact);
  artifact_delete(made);
}

static void *open_artifact(const char *artifact) {
  updraft_module_t *module;
  check(module_deserialize_file(engine, artifact, strlen(artifact), NULL, &module, &error), "deserialize_file");
  return module;
}

enum { MAX_EVENTS = 1 << 18 };

static updraft_subscription_t *events;

static void watch(void) {
  check(subscription_new(engine, 0, 1u << UPDRAFT_EVENT_FUNCTION_TIERED, MAX_EVENTS, &events, &error), "subscription_new");
}

static uint32_t exported_func(const updraft_module_t *module, const char *name) {
  size_t count;
  check(module_export_count(module, &count, &error), "export_count");
  for (size_t i = 0; i < count; i++) {
    updraft_export_t item = {.struct_size = sizeof item};
    check(module_export(module, i, &item, &error), "export");
    if (item.kind == UPDRAFT_KIND_FUNC && item.name_len == strlen(name) && memcmp(item.name, name, item.name_len) == 0) return item.item_index;
  }
  fail("no export %s", name);
}

// What was called has had loaded code of the top tier from the first call on: nothing else was made by a caller, and the
// first code of the function `name` is that.
static void check_loaded(void *module, const char *name, Source source) {
  const uint32_t func = exported_func(module, name);
  static updraft_event_t all[MAX_EVENTS];
  updraft_cache_stats_t stats = {.struct_size = sizeof stats};
  size_t count, met = 0;
  check(engine_cache_stats(engine, &stats, &error), "cache_stats");
  if (source == FROM_CACHE && stats.hits != 1) fail("the module was not in the cache");
  check(subscription_drain(events, all, MAX_EVENTS, sizeof *all, &count, &error), "drain");
  for (size_t i = 0; i < count; i++) {
    const updraft_event_t *event = &all[i];
    const int loaded = event->origin == UPDRAFT_ORIGIN_LOADED && event->to_tier == UPDRAFT_TIER_TOP;
    if (event->kind != UPDRAFT_EVENT_FUNCTION_TIERED) fail("events were dropped");
    if (event->worker == UPDRAFT_NO_WORKER && !loaded) fail("function %u was compiled when it was called", event->func);
    if (event->func != func) continue;
    if (!loaded) fail("%s was not loaded, but compiled for tier %u", name, event->to_tier);
    met++;
  }
  if (met != 1) fail("%s was loaded %zu times", name, met);
}

static void *with_profile(const uint8_t *bytes, size_t len, const char *path) {
  updraft_module_options_t *options;
  updraft_module_t *module;
  size_t functions;
  check(module_options_new(&options, &error), "options_new");
  check(module_options_set_profile_file(options, path, strlen(path), &error), "set_profile_file");
  check(module_new_with_options(engine, bytes, len, options, &module, &error), "module_new_with_options");
  check(module_given_profile(module, &functions, &error), "given_profile");
  if (functions == 0) fail("the profile knows no function");
  module_options_delete(options);
  return module;
}

static void write_profile(void *module, const char *path) {
  check(module_export_profile_file(module, path, strlen(path), &error), "export_profile_file");
}

static const Warm warm = {keep, open_artifact, watch, check_loaded, with_profile, write_profile};

const Backend updraft_backend = {load, compile, discard, code_size, instantiate, instance_free, find, memory, call, call_many, 1,
                                 begin_stream, write_stream, finish_stream, &warm};
