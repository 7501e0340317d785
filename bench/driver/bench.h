// What the jobs of the driver need of an engine: each engine's file fills in one `Backend`.
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

// Ends the process: prints {"error": ...} on standard output.
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

// Finds a function of the engine's library, or fails.
void *symbol(void *library, const char *name);

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
} Options;

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
} Backend;

// Carries out a script on an instance; `text` is changed. Gives the value of its last line.
uint64_t script_run(const Backend *backend, Instance *instance, char *text, int64_t n);

extern const Backend updraft_backend, wasmtime_backend, wasm_h_backend;

#endif
