// Runs one job on one engine, in one process, and prints what it measured as one line of JSON.
//
//     driver LIBRARY BACKEND MODE THREADS JOB ARGUMENT...
//
// BACKEND is updraft, wasmtime or wasm_h; MODE chooses the compiler; THREADS compile, 0 meaning all. Jobs:
//
//     compile FILE REPEAT                        bytes -> module
//     stream FILE REPEAT PIECE RATE              pieces of PIECE bytes, RATE bytes in a second; the last one -> module
//     first FILE REPEAT EXPORT RESULTS ARG...    bytes -> module -> instance -> the result of one call (i32:5, i64:5)
//     run FILE REPEAT N                          bytes -> the first result of run(N), then run(N) again
//     script FILE SCRIPT N                       bytes -> module -> instance -> the script's last value (see script.c)
//     calls FILE REPEAT COUNT                    calls in both directions, with and without checks
//     in FILE CHECKING COUNT                     calls into WebAssembly only; CHECKING is checked or unchecked
//     out FILE CHECKING COUNT                    calls of the host only
//     instantiate FILE REPEAT COUNT              store and instance, made and freed
//     instances FILE COUNT                       memory of COUNT instances that live at once
//     tiny FILE REPEAT COUNT                     bytes -> module -> instance -> call of run(1) -> everything freed
//     alive FILE COUNT                           memory and mappings of COUNT modules that live at once
//
// and, of what a process leaves to later ones (warm.c):
//
//     keep FILE DIRECTORY EXPORT RESULTS ARG...  what `second` and `open` find
//     second FILE DIRECTORY EXPORT RESULTS ARG...  as `first`, once, with the cache in DIRECTORY
//     open FILE DIRECTORY EXPORT RESULTS ARG...  the same from the artifact in DIRECTORY
//     learn FILE SCRIPT N PROFILE                the profile of a run
//     peak FILE SCRIPT N [PROFILE]               the script's rounds: how long until they are as fast as they become
//
// Times are nanoseconds: `wall`, and `cpu`, the processor time of all threads. COUNT of a timed job is how often
// it does its work in one measurement; times are of one time.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "wasm_h.h"

const Backend *backend;
FILE *out;

void fail(const char *format, ...) {
  char message[512];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  for (char *p = message; *p; p++)
    if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ') *p = *p == '"' ? '\'' : ' ';
  printf("{\"error\": \"%s\"}\n", message);
  fflush(stdout);
  _Exit(1);
}

void *symbol(void *library, const char *name) {
  void *found = dlsym(library, name);
  if (!found) fail("the library has no %s", name);
  return found;
}

// --- Measuring -----------------------------------------------------------------------------------------

Times now(void) {
  struct timespec wall, cpu;
  clock_gettime(CLOCK_MONOTONIC, &wall);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  return (Times){(double)wall.tv_sec * 1e9 + (double)wall.tv_nsec, (double)cpu.tv_sec * 1e9 + (double)cpu.tv_nsec};
}

void add_sample(Series *series, Times sample) {
  if (series->count == MAX_SAMPLES) fail("too many samples");
  series->samples[series->count++] = sample;
}

void record(Series *series, Times begin, double count) {
  const Times end = now();
  add_sample(series, (Times){(end.wall - begin.wall) / count, (end.cpu - begin.cpu) / count});
}

void print_series(const Series *series) {
  fprintf(out, ", \"%s\": {\"wall\": [", series->name);
  for (size_t i = 0; i < series->count; i++) fprintf(out, "%s%.1f", i ? ", " : "", series->samples[i].wall);
  fprintf(out, "], \"cpu\": [");
  for (size_t i = 0; i < series->count; i++) fprintf(out, "%s%.1f", i ? ", " : "", series->samples[i].cpu);
  fprintf(out, "]}");
}

// A number in KiB from a file of /proc.
static long proc_kib(const char *path, const char *key) {
  FILE *file = fopen(path, "r");
  char line[256];
  long value = -1;
  while (file && value < 0 && fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0) value = strtol(line + strlen(key), NULL, 10);
  if (file) fclose(file);
  return value;
}

typedef struct {
  long pss_kib, virtual_kib, mappings;
} Memory;

static Memory memory(void) {
  FILE *file = fopen("/proc/self/maps", "r");
  long lines = 0;
  for (int c; file && (c = fgetc(file)) != EOF;) lines += c == '\n';
  if (file) fclose(file);
  return (Memory){proc_kib("/proc/self/smaps_rollup", "Pss:"), proc_kib("/proc/self/status", "VmSize:"), lines};
}

static void print_memory(const char *name, Memory before, Memory after) {
  fprintf(out, ", \"%s\": {\"pss_kib\": %ld, \"virtual_kib\": %ld, \"mappings\": %ld}", name, after.pss_kib - before.pss_kib,
         after.virtual_kib - before.virtual_kib, after.mappings - before.mappings);
}

// --- Jobs ----------------------------------------------------------------------------------------------

File read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail("cannot open %s", path);
  fseek(file, 0, SEEK_END);
  File result = {NULL, (size_t)ftell(file)};
  rewind(file);
  result.bytes = malloc(result.len);
  if (fread(result.bytes, 1, result.len, file) != result.len) fail("cannot read %s", path);
  fclose(file);
  return result;
}

char *read_text(const char *path) {
  const File file = read_file(path);
  char *text = realloc(file.bytes, file.len + 1);
  text[file.len] = 0;
  return text;
}

size_t number(const char *text) { return strtoull(text, NULL, 10); }

Argument argument(const char *text) {
  if (strncmp(text, "i32:", 4) == 0) return (Argument){strtoll(text + 4, NULL, 10), WASM_I32};
  if (strncmp(text, "i64:", 4) == 0) return (Argument){strtoll(text + 4, NULL, 10), WASM_I64};
  fail("argument %s: neither i32: nor i64:", text);
}

static void job_compile(int count, char **args) {
  if (count != 2) fail("compile FILE REPEAT");
  const File file = read_file(args[0]);
  static Series series = {.name = "compile"};
  size_t code_size = 0;
  Memory before = memory(), after = before;
  for (size_t i = 0; i < number(args[1]); i++) {
    const Times begin = now();
    void *module = backend->module_new(file.bytes, file.len);
    record(&series, begin, 1);
    if (i == 0) after = memory(), code_size = backend->code_size(module);
    backend->module_delete(module);
  }
  fprintf(out, ", \"code_size\": %zu", code_size);
  print_memory("memory", before, after);
  fprintf(out, ", \"peak_kib\": %ld", proc_kib("/proc/self/status", "VmHWM:"));
  print_series(&series);
}

static void sleep_until(double ns) {
  const struct timespec time = {(time_t)(ns / 1e9), (long)((uint64_t)ns % 1000000000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0) {}
}

// A piece that is late does not make the next ones late.
static void job_stream(int count, char **args) {
  if (count != 4) fail("stream FILE REPEAT PIECE RATE");
  if (!backend->stream_new) fail("the interface has no streams");
  const File file = read_file(args[0]);
  const size_t most = number(args[2]), rate = number(args[3]);
  static Series series = {.name = "ready"}, all = {.name = "all"};
  for (size_t i = 0; i < number(args[1]); i++) {
    void *stream = backend->stream_new();
    const Times begin = now();
    Times last = begin;
    for (size_t at = 0; at < file.len;) {
      const size_t piece = file.len - at < most ? file.len - at : most;
      sleep_until(begin.wall + (double)(at + piece) * 1e9 / (double)rate);
      last = now();
      backend->stream_write(stream, file.bytes + at, piece);
      at += piece;
    }
    void *module = backend->stream_finish(stream);
    record(&series, last, 1), record(&all, begin, 1);
    backend->module_delete(module);
  }
  print_series(&series), print_series(&all);
}

static void job_first(int count, char **args) {
  if (count < 4 || count > 8) fail("first FILE REPEAT EXPORT RESULTS ARG...");
  const File file = read_file(args[0]);
  static Series series = {.name = "first"};
  uint64_t result = 0;
  Argument arguments[4];
  for (int i = 4; i < count; i++) arguments[i - 4] = argument(args[i]);
  for (size_t i = 0; i < number(args[1]); i++) {
    Instance instance;
    Function function;
    const Times begin = now();
    void *module = backend->module_new(file.bytes, file.len);
    backend->instance_new(module, STUBS, &instance);
    if (*args[2]) {
      backend->find(&instance, args[2], &function);
      result = backend->call(&instance, &function, arguments, (size_t)count - 4, number(args[3]));
    }
    record(&series, begin, 1);
    backend->instance_delete(&instance);
    backend->module_delete(module);
  }
  fprintf(out, ", \"result\": \"%" PRIu64 "\"", result);
  print_series(&series);
}

static void job_run(int count, char **args) {
  if (count != 3) fail("run FILE REPEAT N");
  const File file = read_file(args[0]);
  static Series whole = {.name = "whole"}, compile = {.name = "compile"}, steady = {.name = "steady"};
  const Argument n = {(int64_t)number(args[2]), WASM_I32};
  Instance instance;
  Function run;
  const Times begin = now();
  void *module = backend->module_new(file.bytes, file.len);
  record(&compile, begin, 1);
  backend->instance_new(module, STUBS, &instance);
  backend->find(&instance, "run", &run);
  const uint64_t result = backend->call(&instance, &run, &n, 1, 1);
  record(&whole, begin, 1);
  for (size_t i = 0; i < number(args[1]); i++) {
    const Times start = now();
    const uint64_t again = backend->call(&instance, &run, &n, 1, 1);
    record(&steady, start, 1);
    if (again != result) fail("run(%s) gave %" PRIu64 ", then %" PRIu64, args[2], result, again);
  }
  fprintf(out, ", \"result\": \"%" PRIu64 "\", \"code_size\": %zu", result, backend->code_size(module));
  fprintf(out, ", \"pss_kib\": %ld", memory().pss_kib);
  print_series(&compile), print_series(&whole), print_series(&steady);
  backend->instance_delete(&instance);
  backend->module_delete(module);
}

static void job_script(int count, char **args) {
  if (count != 3) fail("script FILE SCRIPT N");
  const File file = read_file(args[0]);
  char *text = read_text(args[1]);
  static Series whole = {.name = "whole"}, compile = {.name = "compile"};
  Instance instance;
  const Times begin = now();
  void *module = backend->module_new(file.bytes, file.len);
  record(&compile, begin, 1);
  backend->instance_new(module, STUBS, &instance);
  const uint64_t result = script_run(backend, &instance, text, (int64_t)number(args[2]), NULL);
  record(&whole, begin, 1);
  fprintf(out, ", \"result\": \"%" PRIu64 "\", \"pss_kib\": %ld", result, memory().pss_kib);
  print_series(&compile), print_series(&whole);
}

// The module exports add(a, b), call_host(n), which calls the import n times, and loop(n), the same without the calls.
static void job_calls(int count, char **args) {
  if (count != 3) fail("calls FILE REPEAT COUNT");
  const File file = read_file(args[0]);
  const uint32_t calls = (uint32_t)number(args[2]);
  static Series series[2][2] = {{{.name = "in_checked"}, {.name = "out_checked"}}, {{.name = "in_unchecked"}, {.name = "out_unchecked"}}};
  static Series loop_series = {.name = "loop"};
  void *module = backend->module_new(file.bytes, file.len);
  const uint32_t sum = (uint32_t)((uint64_t)calls * (calls - 1) / 2);
  for (Checking checking = CHECKED; checking <= (backend->has_unchecked ? UNCHECKED : CHECKED); checking++) {
    Instance instance;
    Function add, call_host, loop;
    backend->instance_new(module, checking == CHECKED ? ADDS_CHECKED : ADDS_UNCHECKED, &instance);
    backend->find(&instance, "add", &add);
    backend->find(&instance, "call_host", &call_host);
    backend->find(&instance, "loop", &loop);
    const Argument n = {calls, WASM_I32};
    for (size_t i = 0; i < number(args[1]); i++) {
      Times begin = now();
      if (backend->call_many(&instance, &add, calls, checking) != sum) fail("calls into WebAssembly: wrong sum");
      record(&series[checking][0], begin, calls);
      begin = now();
      if ((uint32_t)backend->call(&instance, &call_host, &n, 1, 1) != sum) fail("calls of the host: wrong sum");
      record(&series[checking][1], begin, calls);
      begin = now();
      if ((uint32_t)backend->call(&instance, &loop, &n, 1, 1) != sum) fail("loop: wrong sum");
      if (checking == CHECKED) record(&loop_series, begin, calls);
    }
    backend->instance_delete(&instance);
    print_series(&series[checking][0]), print_series(&series[checking][1]);
  }
  print_series(&loop_series);
}

// One direction, one way: for counting instructions.
static void one_direction(int count, char **args, int inwards) {
  if (count != 3) fail("in FILE CHECKING COUNT");
  const File file = read_file(args[0]);
  const Checking checking = strcmp(args[1], "unchecked") == 0 ? UNCHECKED : CHECKED;
  const uint32_t calls = (uint32_t)number(args[2]), sum = (uint32_t)((uint64_t)calls * (calls - 1) / 2);
  const Argument n = {calls, WASM_I32};
  Instance instance;
  Function function;
  void *module = backend->module_new(file.bytes, file.len);
  backend->instance_new(module, checking == CHECKED ? ADDS_CHECKED : ADDS_UNCHECKED, &instance);
  backend->find(&instance, inwards ? "add" : "call_host", &function);
  const uint32_t result =
      inwards ? backend->call_many(&instance, &function, calls, checking) : (uint32_t)backend->call(&instance, &function, &n, 1, 1);
  if (result != sum) fail("calls: wrong sum");
}

static void job_in(int count, char **args) { one_direction(count, args, 1); }
static void job_out(int count, char **args) { one_direction(count, args, 0); }

static void job_instantiate(int count, char **args) {
  if (count != 3) fail("instantiate FILE REPEAT COUNT");
  const File file = read_file(args[0]);
  static Series series = {.name = "instantiate"};
  void *module = backend->module_new(file.bytes, file.len);
  for (size_t i = 0; i < number(args[1]); i++) {
    const Times begin = now();
    for (size_t k = 0; k < number(args[2]); k++) {
      Instance instance;
      backend->instance_new(module, STUBS, &instance);
      backend->instance_delete(&instance);
    }
    record(&series, begin, (double)number(args[2]));
  }
  print_series(&series);
}

static void job_instances(int count, char **args) {
  if (count != 2) fail("instances FILE COUNT");
  const File file = read_file(args[0]);
  const size_t instances = number(args[1]);
  void *module = backend->module_new(file.bytes, file.len);
  Instance warm, *all = calloc(instances, sizeof *all);
  backend->instance_new(module, STUBS, &warm);
  const Memory before = memory();
  for (size_t i = 0; i < instances; i++) backend->instance_new(module, STUBS, &all[i]);
  print_memory("memory", before, memory());
}

static void job_tiny(int count, char **args) {
  if (count != 3) fail("tiny FILE REPEAT COUNT");
  const File file = read_file(args[0]);
  static Series series = {.name = "tiny"};
  const Argument one = {1, WASM_I32};
  for (size_t i = 0; i < number(args[1]); i++) {
    const Times begin = now();
    for (size_t k = 0; k < number(args[2]); k++) {
      Instance instance;
      Function run;
      void *module = backend->module_new(file.bytes, file.len);
      backend->instance_new(module, STUBS, &instance);
      backend->find(&instance, "run", &run);
      if (backend->call(&instance, &run, &one, 1, 1) != 2) fail("tiny: wrong result");
      backend->instance_delete(&instance);
      backend->module_delete(module);
    }
    record(&series, begin, (double)number(args[2]));
  }
  print_series(&series);
}

static void job_alive(int count, char **args) {
  if (count != 2) fail("alive FILE COUNT");
  const File file = read_file(args[0]);
  const size_t modules = number(args[1]);
  void **all = calloc(modules, sizeof *all);
  void *warm = backend->module_new(file.bytes, file.len);
  const Memory before = memory();
  for (size_t i = 0; i < modules; i++) all[i] = backend->module_new(file.bytes, file.len);
  print_memory("memory", before, memory());
  // The last one works.
  Instance instance;
  Function run;
  const Argument one = {1, WASM_I32};
  backend->instance_new(all[modules - 1], STUBS, &instance);
  backend->find(&instance, "run", &run);
  if (backend->call(&instance, &run, &one, 1, 1) != 2) fail("alive: wrong result");
  (void)warm;
}

// One thread also means one processor: some engines count processors, whatever they are told.
static void use_one_processor(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return;
  int last = -1;
  for (int i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET(i, &set)) last = i;
  CPU_ZERO(&set);
  CPU_SET(last, &set);
  sched_setaffinity(0, sizeof set, &set);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    const Backend *backend;
  } backends[] = {{"updraft", &updraft_backend}, {"wasmtime", &wasmtime_backend}, {"wasm_h", &wasm_h_backend}};
  static const struct {
    const char *name;
    void (*run)(int count, char **args);
    int cache;  // which argument is the directory in which the engine has its cache
  } jobs[] = {{"compile", job_compile, 0}, {"stream", job_stream, 0}, {"first", job_first, 0}, {"run", job_run, 0}, {"script", job_script, 0},
              {"calls", job_calls, 0}, {"in", job_in, 0}, {"out", job_out, 0}, {"instantiate", job_instantiate, 0}, {"instances", job_instances, 0},
              {"tiny", job_tiny, 0}, {"alive", job_alive, 0}, {"keep", job_keep, 1}, {"second", job_second, 1}, {"open", job_open, 1},
              {"learn", job_learn, 0}, {"peak", job_peak, 0}};
  size_t job = 0;
  if (argc < 6) fail("usage: driver LIBRARY BACKEND MODE THREADS JOB ARGUMENT...");
  for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
    if (strcmp(argv[2], backends[i].name) == 0) backend = backends[i].backend;
  if (!backend) fail("no backend %s", argv[2]);
  while (job < sizeof jobs / sizeof *jobs && strcmp(argv[5], jobs[job].name) != 0) job++;
  if (job == sizeof jobs / sizeof *jobs) fail("no job %s", argv[5]);
  const int cache = jobs[job].cache;
  char directory[4096];
  Options options = {argv[3], (int)number(argv[4]), NULL};
  if (cache && argc > 6 + cache) {
    snprintf(directory, sizeof directory, "%s/cache", argv[6 + cache]);
    options.cache = directory;
  }
  if (options.threads == 1) use_one_processor();
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) fail("dlopen: %s", dlerror());
  const Times begin = now();
  backend->load(library, options);
  const Times end = now();
  char *text;
  size_t len;
  out = open_memstream(&text, &len);
  fprintf(out, "{\"engine_ns\": %.0f", end.wall - begin.wall);
  jobs[job].run(argc - 6, argv + 6);
  fprintf(out, "}\n");
  fclose(out);
  fputs(text, stdout);
  return 0;
}
