// The part of the standard C interface (wasm.h) that the driver uses, declared for use through dlsym.
#ifndef WASM_H_H
#define WASM_H_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WASM_I32, WASM_I64, WASM_F32, WASM_F64, WASM_V128, WASM_EXTERNREF = 128, WASM_FUNCREF };
enum { WASM_KIND_FUNC, WASM_KIND_GLOBAL, WASM_KIND_TABLE, WASM_KIND_MEMORY };

typedef struct {
  size_t size;
  char *data;
} ByteVec;

typedef struct {
  size_t size;
  void **data;
} PointerVec;

typedef struct {
  uint8_t kind;
  union {
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    void *ref;
  } of;
} Val;

typedef struct {
  size_t size;
  Val *data;
} ValVec;

typedef void *(*Callback)(void *env, const ValVec *args, ValVec *results);

// The functions, found in one library. Types without a name are opaque pointers.
typedef struct {
  void *(*config_new)(void);
  void *(*engine_new_with_config)(void *config);
  void *(*valtype_new)(uint8_t kind);
  uint8_t (*valtype_kind)(const void *valtype);
  void *(*functype_new)(PointerVec *params, PointerVec *results);
  void (*functype_delete)(void *functype);
  const PointerVec *(*functype_results)(const void *functype);
  uint8_t (*externtype_kind)(const void *externtype);
  const void *(*externtype_as_functype_const)(const void *externtype);
  const void *(*externtype_as_globaltype_const)(const void *externtype);
  const void *(*externtype_as_tabletype_const)(const void *externtype);
  const void *(*externtype_as_memorytype_const)(const void *externtype);
  const void *(*globaltype_content)(const void *globaltype);
  const void *(*importtype_type)(const void *importtype);
  void (*importtype_vec_delete)(PointerVec *vec);
  const ByteVec *(*exporttype_name)(const void *exporttype);
  void (*exporttype_vec_delete)(PointerVec *vec);
  void (*byte_vec_delete)(ByteVec *vec);
  void (*trap_message)(const void *trap, ByteVec *out);
} WasmH;

extern WasmH wasm_h;

void wasm_h_load(void *library);
__attribute__((noreturn)) void wasm_h_fail_with_trap(const char *what, const void *trap);

#endif
