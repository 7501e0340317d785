// What the jobs of the driver need of an engine: each engine's file fills in one `Backend`.
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Ends the process: prints {"error": ...} on standard output.
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

// Finds a function of the engine's library, or fails.
void *symbol(void *library, const char *name);

// Where a module came from.
typedef enum { FROM_CACHE, FROM_ARTIFACT } Source;

// Whether the interface checks the types of arguments and results.
typedef enum { CHECKED, UNCHECKED } Checking;

// What an instance's imports are.
typedef enum {
  STUBS,           // functions that return zeros, empty memories, tables and globals
  ADDS_CHECKED,    // every function adds its two i32 arguments, through the checked interface
  ADDS_UNCHECKED,  // the same through the unchecked interface
} Imports;

typedef struct {
  int64_t value;
  uint8_t kind;  // a number of the WASM_ enumeration in wasm_h.h
} Argument;

// An instance in a store of its own.
typedef struct {
  void *store;
  void *handle;
  uint64_t words[2];
} Instance;

typedef struct {
  uint64_t words[4];
} Function;

typedef struct {
  const char *mode;  // which compiler, and when; the names are the backend's
  int threads;       // threads that compile; 0: all
  const char *cache; // the directory of the engine's cache; NULL: it has none
} Options;

// What an engine keeps beyond a process.
typedef struct {
  void (*keep)(void *module, const char *artifact);  // has all of a module in the best tier, in the cache, and in this file
  void *(*open)(const char *artifact);               // the module in a file
  void (*watch)(void);                               // a module follows; NULL: nothing can be watched
  void (*check)(void *module, const char *name, Source source);  // fails unless it began with what was kept, its export `name` with the best tier
  void *(*with_profile)(const uint8_t *bytes, size_t len, const char *path);  // NULL: there are no profiles
  void (*write_profile)(void *module, const char *path);
} Warm;

// Every function ends the process when the engine reports an error.
typedef struct {
  void (*load)(void *library, Options options);  // finds the functions and makes the engine
  void *(*module_new)(const uint8_t *bytes, size_t len);
  void (*module_delete)(void *module);
  size_t (*code_size)(void *module);  // bytes of machine code; 0: the interface does not tell
  void (*instance_new)(void *module, Imports imports, Instance *out);
  void (*instance_delete)(Instance *instance);
  void (*find)(Instance *instance, const char *name, Function *out);
  uint8_t *(*memory)(Instance *instance, const char *name, size_t *len);  // where the memory of this name is now
  uint64_t (*call)(Instance *instance, Function *function, const Argument *args, size_t count, size_t result_count);
  // Calls a function of type (i32, i32) -> i32 `count` times, with (i, previous result), and returns the last result.
  uint32_t (*call_many)(Instance *instance, Function *function, uint32_t count, Checking checking);
  int has_unchecked;
  // A module whose bytes come in pieces. NULL: the interface has none.
  void *(*stream_new)(void);
  void (*stream_write)(void *stream, const uint8_t *bytes, size_t len);
  void *(*stream_finish)(void *stream);
  const Warm *warm;  // NULL: the interface has nothing of this kind
} Backend;

// Carries out a script on an instance; `text` is changed. Calls `round` at the end of each round of a loop, unless it is
// NULL. Gives the value of its last line.
uint64_t script_run(const Backend *backend, Instance *instance, char *text, int64_t n, void (*round)(void));

// --- Measuring (driver.c) ------------------------------------------------------------------------------

enum { MAX_SAMPLES = 1000 };

// Nanoseconds: wall time, and processor time of all threads.
typedef struct {
  double wall, cpu;
} Times;

typedef struct {
  const char *name;
  size_t count;
  Times samples[MAX_SAMPLES];
} Series;

typedef struct {
  uint8_t *bytes;
  size_t len;
} File;

extern const Backend *backend;
extern FILE *out;  // what is printed if nothing fails

Times now(void);
void add_sample(Series *series, Times sample);
void record(Series *series, Times begin, double count);  // the time since `begin`, divided among `count` pieces of work
void print_series(const Series *series);
File read_file(const char *path);
char *read_text(const char *path);  // with a NUL behind it
size_t number(const char *text);
Argument argument(const char *text);

// Jobs of warm.c.
void job_keep(int count, char **args);
void job_second(int count, char **args);
void job_open(int count, char **args);
void job_learn(int count, char **args);
void job_peak(int count, char **args);

extern const Backend updraft_backend, wasmtime_backend, wasm_h_backend;

#endif
