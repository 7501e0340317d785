// Jobs about what a process leaves to later ones: entries of a cache, artifacts, profiles.
//
// In: what `keep` and `learn` have put into a directory. Out: times from bytes, or from an artifact, to a first result or to
// full speed. A job fails if the engine did not use what was kept. Not here: what the engines keep, and how (`Warm`).
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "wasm_h.h"

static const Warm *warm(void) {
  if (!backend->warm) fail("the interface keeps nothing");
  return backend->warm;
}

static const char *in_directory(const char *directory, const char *name) {
  static char path[4096];
  if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path) fail("path too long");
  return path;
}

// The result of one call of a new instance: arguments EXPORT RESULTS ARG...
static uint64_t first_result(void *module, int count, char **args) {
  Instance instance;
  Function function;
  Argument arguments[4];
  if (count < 2 || count > 6) fail("EXPORT RESULTS ARG...");
  for (int i = 2; i < count; i++) arguments[i - 2] = argument(args[i]);
  backend->instance_new(module, STUBS, &instance);
  backend->find(&instance, args[0], &function);
  return backend->call(&instance, &function, arguments, (size_t)count - 2, number(args[1]));
}

void job_keep(int count, char **args) {
  if (count < 4) fail("keep FILE DIRECTORY EXPORT RESULTS ARG...");
  const File file = read_file(args[0]);
  void *module = backend->module_new(file.bytes, file.len);
  const uint64_t result = first_result(module, count - 2, args + 2);
  warm()->keep(module, in_directory(args[1], "artifact"));
  backend->module_delete(module);
  fprintf(out, ", \"result\": \"%" PRIu64 "\"", result);
}

static void start(int count, char **args, Source source) {
  if (count < 4) fail("FILE DIRECTORY EXPORT RESULTS ARG...");
  const File file = read_file(args[0]);
  const char *artifact = in_directory(args[1], "artifact");
  static Series series = {.name = "first"};
  if (warm()->watch) warm()->watch();
  const Times begin = now();
  void *module = source == FROM_CACHE ? backend->module_new(file.bytes, file.len) : warm()->open(artifact);
  const uint64_t result = first_result(module, count - 2, args + 2);
  record(&series, begin, 1);
  if (warm()->check) warm()->check(module, args[2], source);
  fprintf(out, ", \"result\": \"%" PRIu64 "\"", result);
  print_series(&series);
}

void job_second(int count, char **args) { start(count, args, FROM_CACHE); }
void job_open(int count, char **args) { start(count, args, FROM_ARTIFACT); }

// --- Until full speed ----------------------------------------------------------------------------------

// A run's rounds are cut into so many slices of equal work.
enum { SLICES = 200 };

typedef struct {
  Times at;     // at its end
  double work;  // nanoseconds that the thread that runs the program was at work
} Slice;

static struct {
  size_t rounds_per_slice, rounds, count;
  double before;
  Slice slices[SLICES];
} run;

// Of this thread only: other work on the machine, and compiling on other threads, is not the program's.
static double own_work(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void round_ended(void) {
  if (++run.rounds % run.rounds_per_slice != 0 || run.count == SLICES) return;
  const double work = own_work();
  run.slices[run.count++] = (Slice){now(), work - run.before};
  run.before = work;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// The middle of the last quarter of the slices: all that becomes hot has been for long.
static double peak(void) {
  double last[SLICES / 4];
  for (size_t i = 0; i < SLICES / 4; i++) last[i] = run.slices[SLICES - SLICES / 4 + i].work;
  qsort(last, SLICES / 4, sizeof *last, ascending);
  return last[SLICES / 8];
}

// The first slice with which peak speed is there to stay: it, and at least every other of the twenty from it on, take at most a
// tenth longer.
static size_t reached(double best) {
  for (size_t at = 0; at + 20 <= SLICES; at++) {
    size_t fast = 0;
    for (size_t i = at; i < at + 20; i++) fast += run.slices[i].work <= best * 1.1;
    if (fast >= 10 && run.slices[at].work <= best * 1.1) return at;
  }
  fail("the speed at the end was never kept up");
}

static uint64_t run_script(void *module, char **args) {
  Instance instance;
  run.rounds_per_slice = number(args[2]) / SLICES;
  if (run.rounds_per_slice == 0) fail("fewer rounds than %d", SLICES);
  backend->instance_new(module, STUBS, &instance);
  run.before = own_work();
  return script_run(backend, &instance, read_text(args[1]), (int64_t)number(args[2]), round_ended);
}

void job_learn(int count, char **args) {
  if (count != 4) fail("learn FILE SCRIPT N PROFILE");
  const File file = read_file(args[0]);
  if (!warm()->write_profile) fail("the interface has no profiles");
  void *module = backend->module_new(file.bytes, file.len);
  fprintf(out, ", \"result\": \"%" PRIu64 "\"", run_script(module, args));
  warm()->write_profile(module, args[3]);
}

void job_peak(int count, char **args) {
  if (count != 3 && count != 4) fail("peak FILE SCRIPT N [PROFILE]");
  const File file = read_file(args[0]);
  static Series until = {.name = "until"}, slice = {.name = "slice"}, whole = {.name = "whole"}, compile = {.name = "compile"};
  if (count == 4 && !(backend->warm && backend->warm->with_profile)) fail("the interface has no profiles");
  const Times begin = now();
  void *module = count == 4 ? backend->warm->with_profile(file.bytes, file.len, args[3]) : backend->module_new(file.bytes, file.len);
  record(&compile, begin, 1);
  const uint64_t result = run_script(module, args);
  record(&whole, begin, 1);
  if (run.count != SLICES) fail("%zu slices", run.count);
  const double best = peak();
  // The slice that is the first at full speed began when the one before it ended.
  const size_t first = reached(best);
  const Times at = first ? run.slices[first - 1].at : (Times){begin.wall + compile.samples[0].wall, begin.cpu + compile.samples[0].cpu};
  add_sample(&until, (Times){at.wall - begin.wall, at.cpu - begin.cpu});
  add_sample(&slice, (Times){best, best});
  fprintf(out, ", \"result\": \"%" PRIu64 "\", \"reached\": %zu", result, first);
  if (getenv("BENCH_SLICES"))
    for (size_t i = 0; i < SLICES; i++) fprintf(stderr, "%.3f %.3f\n", (run.slices[i].at.wall - begin.wall) / 1e6, run.slices[i].work / 1e6);
  print_series(&until), print_series(&slice), print_series(&compile), print_series(&whole);
}
