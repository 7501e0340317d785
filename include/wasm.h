/* The standard WebAssembly C API, as the library updraft implements it.
 *
 * Generated from src/capi/standard by tools/wasm-header.sh; do not edit.
 *
 * The standard is revision debd090 (2025-01) of the repository wasm-c-api of the WebAssembly organisation: names, layouts
 * and ownership are those of that revision. The number of tags as externals, of later revisions, is set aside.
 *
 * Ownership
 * - What a `_new` or `_copy` function returns, and what a function says is "owned by the caller", is given up by the
 *   `_delete` function of its type, once. Deleting NULL does nothing. So does deleting a vector twice.
 * - A vector that is owned owns its elements. A vector written to `out` is owned by the caller.
 * - Casts (`_as_`) and accessors of types give what is part of, or the same as, their argument: not a new owner.
 *
 * Where the standard is silent
 * - NULL where an object is needed, an object of another kind, and an object of another store: the function fails. It
 *   returns NULL, false, 0 or a trap, as its type allows, and changes nothing. What it should take over it deletes.
 * - An object of a store may be deleted on any thread at any time, also after its store. Everything else in a store is
 *   for one thread at a time: a second thread gets a failure.
 * - Engines, stores, modules and shared modules may be deleted in any order.
 * - An object dies when neither the host nor WebAssembly reaches it any more and the store reclaims it, which happens
 *   from time to time when the store makes new objects; at the latest when the store is deleted. Host info is
 *   finalized then, exactly once, on the thread that uses the store. Modules and traps die with their last
 *   owner. Finalizers may delete objects; other functions of the store that runs a finalizer fail in it.
 * - Host info belongs to the object, not to the pointer: every reference to the object sees it. If the object is dead
 *   already, what is attached is finalized at once.
 * - A reference passed as a value may say WASM_EXTERNREF or WASM_FUNCREF; what it refers to must be what is asked for.
 *   Any reference may be passed as an external reference, and comes back as the same object. While WebAssembly
 *   holds one that is not foreign, the host holds its object.
 * - NULL is the null reference of either kind, and the only one.
 * - Host functions may call into the store that calls them, grow its memories and tables, and delete it.
 */
#ifndef WASM_H
#define WASM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef WASM_API_EXTERN
#if defined(_WIN32) && !defined(__MINGW32__) && !defined(LIBWASM_STATIC)
#define WASM_API_EXTERN __declspec(dllimport)
#else
#define WASM_API_EXTERN
#endif
#endif


/**
 * The kind of a value.
 */
typedef enum wasm_valkind_enum {
  /**
   * 32-bit integer.
   */
  WASM_I32 = 0,
  /**
   * 64-bit integer.
   */
  WASM_I64 = 1,
  /**
   * 32-bit float.
   */
  WASM_F32 = 2,
  /**
   * 64-bit float.
   */
  WASM_F64 = 3,
  /**
   * Reference to anything of the host.
   */
  WASM_EXTERNREF = 128,
  /**
   * Reference to a function.
   */
  WASM_FUNCREF = 129,
} wasm_valkind_enum;

/**
 * What an external is.
 */
typedef enum wasm_externkind_enum {
  /**
   * A function.
   */
  WASM_EXTERN_FUNC = 0,
  /**
   * A global.
   */
  WASM_EXTERN_GLOBAL = 1,
  /**
   * A table.
   */
  WASM_EXTERN_TABLE = 2,
  /**
   * A memory.
   */
  WASM_EXTERN_MEMORY = 3,
  /**
   * A tag, of later revisions of the standard. Set aside: this version gives no external of this kind.
   */
  WASM_EXTERN_TAG = 4,
} wasm_externkind_enum;

/**
 * Whether a global can be set.
 */
typedef enum wasm_mutability_enum {
  /**
   * It cannot.
   */
  WASM_CONST = 0,
  /**
   * It can.
   */
  WASM_VAR = 1,
} wasm_mutability_enum;

/**
 * Settings for an engine. The same object as an `updraft_config_t`, whose functions set everything.
 */
typedef struct wasm_config_t wasm_config_t;

/**
 * What stores share. The same object as an `updraft_engine_t`. Any thread.
 */
typedef struct wasm_engine_t wasm_engine_t;

/**
 * What a module exports. Immutable; any thread.
 */
typedef struct wasm_exporttype_t wasm_exporttype_t;

/**
 * An external: function, global, table or memory.
 */
typedef struct wasm_extern_t wasm_extern_t;

/**
 * The type of an external. Immutable; any thread.
 */
typedef struct wasm_externtype_t wasm_externtype_t;

/**
 * A foreign object, which WebAssembly passes around as an external reference.
 */
typedef struct wasm_foreign_t wasm_foreign_t;

/**
 * A function on the stack of a trap. Immutable; any thread.
 */
typedef struct wasm_frame_t wasm_frame_t;

/**
 * A function.
 */
typedef struct wasm_func_t wasm_func_t;

/**
 * The type of a function. Immutable; any thread.
 */
typedef struct wasm_functype_t wasm_functype_t;

/**
 * A global.
 */
typedef struct wasm_global_t wasm_global_t;

/**
 * The type of a global. Immutable; any thread.
 */
typedef struct wasm_globaltype_t wasm_globaltype_t;

/**
 * What a module imports. Immutable; any thread.
 */
typedef struct wasm_importtype_t wasm_importtype_t;

/**
 * An instance.
 */
typedef struct wasm_instance_t wasm_instance_t;

/**
 * A memory.
 */
typedef struct wasm_memory_t wasm_memory_t;

/**
 * The type of a memory. Immutable; any thread.
 */
typedef struct wasm_memorytype_t wasm_memorytype_t;

/**
 * A module.
 */
typedef struct wasm_module_t wasm_module_t;

/**
 * A reference of any kind.
 */
typedef struct wasm_ref_t wasm_ref_t;

/**
 * A module on its way to other stores. Any thread.
 */
typedef struct wasm_shared_module_t wasm_shared_module_t;

/**
 * An owner of instances and of what belongs to them. One thread at a time; a second one gets NULL, false or a trap.
 */
typedef struct wasm_store_t wasm_store_t;

/**
 * A table.
 */
typedef struct wasm_table_t wasm_table_t;

/**
 * The type of a table. Immutable; any thread.
 */
typedef struct wasm_tabletype_t wasm_tabletype_t;

/**
 * A trap.
 */
typedef struct wasm_trap_t wasm_trap_t;

/**
 * The type of a value. Immutable; any thread.
 */
typedef struct wasm_valtype_t wasm_valtype_t;

/**
 * A byte, as C sees text.
 */
typedef char byte_t;

/**
 * A byte.
 */
typedef byte_t wasm_byte_t;

/**
 * A vector of bytes. An owned one is deleted by `wasm_byte_vec_delete`, its elements with it.
 */
typedef struct wasm_byte_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  wasm_byte_t *data;
} wasm_byte_vec_t;

/**
 * A vector of value types. An owned one is deleted by `wasm_valtype_vec_delete`, its elements with it.
 */
typedef struct wasm_valtype_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_valtype_t **data;
} wasm_valtype_vec_t;

/**
 * A vector of function types. An owned one is deleted by `wasm_functype_vec_delete`, its elements with it.
 */
typedef struct wasm_functype_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_functype_t **data;
} wasm_functype_vec_t;

/**
 * A vector of global types. An owned one is deleted by `wasm_globaltype_vec_delete`, its elements with it.
 */
typedef struct wasm_globaltype_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_globaltype_t **data;
} wasm_globaltype_vec_t;

/**
 * A vector of table types. An owned one is deleted by `wasm_tabletype_vec_delete`, its elements with it.
 */
typedef struct wasm_tabletype_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_tabletype_t **data;
} wasm_tabletype_vec_t;

/**
 * A vector of memory types. An owned one is deleted by `wasm_memorytype_vec_delete`, its elements with it.
 */
typedef struct wasm_memorytype_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_memorytype_t **data;
} wasm_memorytype_vec_t;

/**
 * A vector of extern types. An owned one is deleted by `wasm_externtype_vec_delete`, its elements with it.
 */
typedef struct wasm_externtype_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_externtype_t **data;
} wasm_externtype_vec_t;

/**
 * A vector of import types. An owned one is deleted by `wasm_importtype_vec_delete`, its elements with it.
 */
typedef struct wasm_importtype_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_importtype_t **data;
} wasm_importtype_vec_t;

/**
 * A vector of export types. An owned one is deleted by `wasm_exporttype_vec_delete`, its elements with it.
 */
typedef struct wasm_exporttype_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_exporttype_t **data;
} wasm_exporttype_vec_t;

/**
 * The kind of a value: a number of `wasm_valkind_enum`.
 */
typedef uint8_t wasm_valkind_t;

/**
 * A 32-bit float.
 */
typedef float float32_t;

/**
 * A 64-bit float.
 */
typedef double float64_t;

/**
 * What a value is, without its kind.
 */
typedef union wasm_val_union_t {
  /**
   * WASM_I32.
   */
  int32_t i32;
  /**
   * WASM_I64.
   */
  int64_t i64;
  /**
   * WASM_F32.
   */
  float32_t f32;
  /**
   * WASM_F64.
   */
  float64_t f64;
  /**
   * WASM_EXTERNREF and WASM_FUNCREF: NULL, or a reference, which an owned value owns.
   */
  struct wasm_ref_t *ref;
} wasm_val_union_t;

/**
 * A value. Bytes that its kind does not need are not looked at.
 */
typedef struct wasm_val_t {
  /**
   * Which member of `of` is set.
   */
  wasm_valkind_t kind;
  /**
   * The value.
   */
  union wasm_val_union_t of;
} wasm_val_t;

/**
 * A vector of values. An owned one is deleted by `wasm_val_vec_delete`, its elements with it.
 */
typedef struct wasm_val_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_val_t *data;
} wasm_val_vec_t;

/**
 * A vector of frames. An owned one is deleted by `wasm_frame_vec_delete`, its elements with it.
 */
typedef struct wasm_frame_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_frame_t **data;
} wasm_frame_vec_t;

/**
 * A vector of externals. An owned one is deleted by `wasm_extern_vec_delete`, its elements with it.
 */
typedef struct wasm_extern_vec_t {
  /**
   * Number of elements.
   */
  size_t size;
  /**
   * The elements; not looked at if there are none.
   */
  struct wasm_extern_t **data;
} wasm_extern_vec_t;

/**
 * Whether a global can be set: a number of `wasm_mutability_enum`.
 */
typedef uint8_t wasm_mutability_t;

/**
 * Bounds of a table's or memory's size, in elements or pages. `max` is 0xffffffff if there is none; sizes that are
 * larger than 32 bits can say are given as 0xffffffff.
 */
typedef struct wasm_limits_t {
  /**
   * Initial size.
   */
  uint32_t min;
  /**
   * Largest size.
   */
  uint32_t max;
} wasm_limits_t;

/**
 * What an external is: a number of `wasm_externkind_enum`.
 */
typedef uint8_t wasm_externkind_t;

/**
 * A name: bytes, UTF-8, not terminated.
 */
typedef struct wasm_byte_vec_t wasm_name_t;

/**
 * The message of a trap: its last byte is NUL.
 */
typedef struct wasm_byte_vec_t wasm_message_t;

/**
 * A host function. `args` are borrowed. `results` has as many values as the function's type, set to zero and null; what
 * is written there is taken over. Returns NULL, or a trap, which is taken over, and then the results are deleted.
 *
 * A result of a kind that the type does not say is a trap. Must not unwind, nor leave by longjmp.
 */
typedef struct wasm_trap_t *(*wasm_func_callback_t)(const struct wasm_val_vec_t *args,
                                                    struct wasm_val_vec_t *results);

/**
 * A host function that gets the pointer which it was made with; otherwise as `wasm_func_callback_t`.
 */
typedef struct wasm_trap_t *(*wasm_func_callback_with_env_t)(void *env,
                                                             const struct wasm_val_vec_t *args,
                                                             struct wasm_val_vec_t *results);

/**
 * A number of pages of 64 KiB.
 */
typedef uint32_t wasm_memory_pages_t;

/**
 * A number of elements.
 */
typedef uint32_t wasm_table_size_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_trap_as_ref(struct wasm_trap_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_trap_t *wasm_ref_as_trap(struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_ref_t *wasm_trap_as_ref_const(const struct wasm_trap_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_trap_t *wasm_ref_as_trap_const(const struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_foreign_as_ref(struct wasm_foreign_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_foreign_t *wasm_ref_as_foreign(struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_ref_t *wasm_foreign_as_ref_const(const struct wasm_foreign_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_foreign_t *wasm_ref_as_foreign_const(const struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_module_as_ref(struct wasm_module_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_module_t *wasm_ref_as_module(struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_ref_t *wasm_module_as_ref_const(const struct wasm_module_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_module_t *wasm_ref_as_module_const(const struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_func_as_ref(struct wasm_func_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_func_t *wasm_ref_as_func(struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_ref_t *wasm_func_as_ref_const(const struct wasm_func_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_func_t *wasm_ref_as_func_const(const struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_global_as_ref(struct wasm_global_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_global_t *wasm_ref_as_global(struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_ref_t *wasm_global_as_ref_const(const struct wasm_global_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_global_t *wasm_ref_as_global_const(const struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_table_as_ref(struct wasm_table_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_table_t *wasm_ref_as_table(struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_ref_t *wasm_table_as_ref_const(const struct wasm_table_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_table_t *wasm_ref_as_table_const(const struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_memory_as_ref(struct wasm_memory_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_memory_t *wasm_ref_as_memory(struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_ref_t *wasm_memory_as_ref_const(const struct wasm_memory_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_memory_t *wasm_ref_as_memory_const(const struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_extern_as_ref(struct wasm_extern_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_extern_t *wasm_ref_as_extern(struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_ref_t *wasm_extern_as_ref_const(const struct wasm_extern_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_extern_t *wasm_ref_as_extern_const(const struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_instance_as_ref(struct wasm_instance_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_instance_t *wasm_ref_as_instance(struct wasm_ref_t *object);

/**
 * The same object as a reference; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_ref_t *wasm_instance_as_ref_const(const struct wasm_instance_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_instance_t *wasm_ref_as_instance_const(const struct wasm_ref_t *object);

/**
 * The same object as an external; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_extern_t *wasm_func_as_extern(struct wasm_func_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_func_t *wasm_extern_as_func(struct wasm_extern_t *object);

/**
 * The same object as an external; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_extern_t *wasm_func_as_extern_const(const struct wasm_func_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_func_t *wasm_extern_as_func_const(const struct wasm_extern_t *object);

/**
 * The same object as an external; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_extern_t *wasm_global_as_extern(struct wasm_global_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_global_t *wasm_extern_as_global(struct wasm_extern_t *object);

/**
 * The same object as an external; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_extern_t *wasm_global_as_extern_const(const struct wasm_global_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_global_t *wasm_extern_as_global_const(const struct wasm_extern_t *object);

/**
 * The same object as an external; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_extern_t *wasm_table_as_extern(struct wasm_table_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_table_t *wasm_extern_as_table(struct wasm_extern_t *object);

/**
 * The same object as an external; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_extern_t *wasm_table_as_extern_const(const struct wasm_table_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_table_t *wasm_extern_as_table_const(const struct wasm_extern_t *object);

/**
 * The same object as an external; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_extern_t *wasm_memory_as_extern(struct wasm_memory_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_memory_t *wasm_extern_as_memory(struct wasm_extern_t *object);

/**
 * The same object as an external; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_extern_t *wasm_memory_as_extern_const(const struct wasm_memory_t *object);

/**
 * The same object, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN const struct wasm_memory_t *wasm_extern_as_memory_const(const struct wasm_extern_t *object);

/**
 * Gives up a reference of any kind. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_ref_delete(struct wasm_ref_t *object);

/**
 * Another owner of a reference of any kind; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_ref_copy(const struct wasm_ref_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_ref_same(const struct wasm_ref_t *a, const struct wasm_ref_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_ref_get_host_info(const struct wasm_ref_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_ref_set_host_info(struct wasm_ref_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_ref_set_host_info_with_finalizer(struct wasm_ref_t *object,
                                           void *info,
                                           void (*finalizer)(void *data));

/**
 * Gives up a trap. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_trap_delete(struct wasm_trap_t *object);

/**
 * Another owner of a trap; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_trap_t *wasm_trap_copy(const struct wasm_trap_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_trap_same(const struct wasm_trap_t *a, const struct wasm_trap_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_trap_get_host_info(const struct wasm_trap_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_trap_set_host_info(struct wasm_trap_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_trap_set_host_info_with_finalizer(struct wasm_trap_t *object,
                                            void *info,
                                            void (*finalizer)(void *data));

/**
 * Gives up a foreign object. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_foreign_delete(struct wasm_foreign_t *object);

/**
 * Another owner of a foreign object; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_foreign_t *wasm_foreign_copy(const struct wasm_foreign_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_foreign_same(const struct wasm_foreign_t *a, const struct wasm_foreign_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_foreign_get_host_info(const struct wasm_foreign_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_foreign_set_host_info(struct wasm_foreign_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_foreign_set_host_info_with_finalizer(struct wasm_foreign_t *object,
                                               void *info,
                                               void (*finalizer)(void *data));

/**
 * Gives up a module. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_module_delete(struct wasm_module_t *object);

/**
 * Another owner of a module; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_module_t *wasm_module_copy(const struct wasm_module_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_module_same(const struct wasm_module_t *a, const struct wasm_module_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_module_get_host_info(const struct wasm_module_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_module_set_host_info(struct wasm_module_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_module_set_host_info_with_finalizer(struct wasm_module_t *object,
                                              void *info,
                                              void (*finalizer)(void *data));

/**
 * Gives up a function. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_func_delete(struct wasm_func_t *object);

/**
 * Another owner of a function; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_func_t *wasm_func_copy(const struct wasm_func_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_func_same(const struct wasm_func_t *a, const struct wasm_func_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_func_get_host_info(const struct wasm_func_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_func_set_host_info(struct wasm_func_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_func_set_host_info_with_finalizer(struct wasm_func_t *object,
                                            void *info,
                                            void (*finalizer)(void *data));

/**
 * Gives up a global. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_global_delete(struct wasm_global_t *object);

/**
 * Another owner of a global; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_global_t *wasm_global_copy(const struct wasm_global_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_global_same(const struct wasm_global_t *a, const struct wasm_global_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_global_get_host_info(const struct wasm_global_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_global_set_host_info(struct wasm_global_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_global_set_host_info_with_finalizer(struct wasm_global_t *object,
                                              void *info,
                                              void (*finalizer)(void *data));

/**
 * Gives up a table. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_table_delete(struct wasm_table_t *object);

/**
 * Another owner of a table; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_table_t *wasm_table_copy(const struct wasm_table_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_table_same(const struct wasm_table_t *a, const struct wasm_table_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_table_get_host_info(const struct wasm_table_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_table_set_host_info(struct wasm_table_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_table_set_host_info_with_finalizer(struct wasm_table_t *object,
                                             void *info,
                                             void (*finalizer)(void *data));

/**
 * Gives up a memory. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_memory_delete(struct wasm_memory_t *object);

/**
 * Another owner of a memory; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_memory_t *wasm_memory_copy(const struct wasm_memory_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_memory_same(const struct wasm_memory_t *a, const struct wasm_memory_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_memory_get_host_info(const struct wasm_memory_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_memory_set_host_info(struct wasm_memory_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_memory_set_host_info_with_finalizer(struct wasm_memory_t *object,
                                              void *info,
                                              void (*finalizer)(void *data));

/**
 * Gives up an external. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_extern_delete(struct wasm_extern_t *object);

/**
 * Another owner of an external; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_extern_t *wasm_extern_copy(const struct wasm_extern_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_extern_same(const struct wasm_extern_t *a, const struct wasm_extern_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_extern_get_host_info(const struct wasm_extern_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_extern_set_host_info(struct wasm_extern_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_extern_set_host_info_with_finalizer(struct wasm_extern_t *object,
                                              void *info,
                                              void (*finalizer)(void *data));

/**
 * Gives up an instance. NULL is allowed. Any thread.
 */
WASM_API_EXTERN void wasm_instance_delete(struct wasm_instance_t *object);

/**
 * Another owner of an instance; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_instance_t *wasm_instance_copy(const struct wasm_instance_t *object);

/**
 * Whether both are references to the same object; false if one is NULL.
 */
WASM_API_EXTERN bool wasm_instance_same(const struct wasm_instance_t *a, const struct wasm_instance_t *b);

/**
 * The host's pointer that is attached to the object; NULL if there is none.
 */
WASM_API_EXTERN void *wasm_instance_get_host_info(const struct wasm_instance_t *object);

/**
 * Attaches a pointer to the object; one that was attached before is finalized.
 */
WASM_API_EXTERN void wasm_instance_set_host_info(struct wasm_instance_t *object, void *info);

/**
 * Attaches a pointer, with a function that is called with it once: when the object dies, or when
 * another pointer is attached.
 */
WASM_API_EXTERN
void wasm_instance_set_host_info_with_finalizer(struct wasm_instance_t *object,
                                                void *info,
                                                void (*finalizer)(void *data));

/**
 * Deletes a value type. NULL is allowed.
 */
WASM_API_EXTERN void wasm_valtype_delete(struct wasm_valtype_t *object);

/**
 * Another owner of a value type; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_valtype_t *wasm_valtype_copy(const struct wasm_valtype_t *object);

/**
 * Deletes a function type. NULL is allowed.
 */
WASM_API_EXTERN void wasm_functype_delete(struct wasm_functype_t *object);

/**
 * Another owner of a function type; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_functype_t *wasm_functype_copy(const struct wasm_functype_t *object);

/**
 * Deletes a global type. NULL is allowed.
 */
WASM_API_EXTERN void wasm_globaltype_delete(struct wasm_globaltype_t *object);

/**
 * Another owner of a global type; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_globaltype_t *wasm_globaltype_copy(const struct wasm_globaltype_t *object);

/**
 * Deletes a table type. NULL is allowed.
 */
WASM_API_EXTERN void wasm_tabletype_delete(struct wasm_tabletype_t *object);

/**
 * Another owner of a table type; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_tabletype_t *wasm_tabletype_copy(const struct wasm_tabletype_t *object);

/**
 * Deletes a memory type. NULL is allowed.
 */
WASM_API_EXTERN void wasm_memorytype_delete(struct wasm_memorytype_t *object);

/**
 * Another owner of a memory type; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_memorytype_t *wasm_memorytype_copy(const struct wasm_memorytype_t *object);

/**
 * Deletes an external type. NULL is allowed.
 */
WASM_API_EXTERN void wasm_externtype_delete(struct wasm_externtype_t *object);

/**
 * Another owner of an external type; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_externtype_t *wasm_externtype_copy(const struct wasm_externtype_t *object);

/**
 * Deletes an import. NULL is allowed.
 */
WASM_API_EXTERN void wasm_importtype_delete(struct wasm_importtype_t *object);

/**
 * Another owner of an import; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_importtype_t *wasm_importtype_copy(const struct wasm_importtype_t *object);

/**
 * Deletes an export. NULL is allowed.
 */
WASM_API_EXTERN void wasm_exporttype_delete(struct wasm_exporttype_t *object);

/**
 * Another owner of an export; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_exporttype_t *wasm_exporttype_copy(const struct wasm_exporttype_t *object);

/**
 * Deletes a frame. NULL is allowed.
 */
WASM_API_EXTERN void wasm_frame_delete(struct wasm_frame_t *object);

/**
 * Another owner of a frame; NULL for NULL.
 */
WASM_API_EXTERN struct wasm_frame_t *wasm_frame_copy(const struct wasm_frame_t *object);

/**
 * The same type as an external's; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_externtype_t *wasm_functype_as_externtype(struct wasm_functype_t *object);

/**
 * The same type, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_functype_t *wasm_externtype_as_functype(struct wasm_externtype_t *object);

/**
 * The same type as an external's; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN
const struct wasm_externtype_t *wasm_functype_as_externtype_const(const struct wasm_functype_t *object);

/**
 * The same type, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN
const struct wasm_functype_t *wasm_externtype_as_functype_const(const struct wasm_externtype_t *object);

/**
 * The same type as an external's; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_externtype_t *wasm_globaltype_as_externtype(struct wasm_globaltype_t *object);

/**
 * The same type, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_globaltype_t *wasm_externtype_as_globaltype(struct wasm_externtype_t *object);

/**
 * The same type as an external's; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN
const struct wasm_externtype_t *wasm_globaltype_as_externtype_const(const struct wasm_globaltype_t *object);

/**
 * The same type, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN
const struct wasm_globaltype_t *wasm_externtype_as_globaltype_const(const struct wasm_externtype_t *object);

/**
 * The same type as an external's; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_externtype_t *wasm_tabletype_as_externtype(struct wasm_tabletype_t *object);

/**
 * The same type, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_tabletype_t *wasm_externtype_as_tabletype(struct wasm_externtype_t *object);

/**
 * The same type as an external's; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN
const struct wasm_externtype_t *wasm_tabletype_as_externtype_const(const struct wasm_tabletype_t *object);

/**
 * The same type, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN
const struct wasm_tabletype_t *wasm_externtype_as_tabletype_const(const struct wasm_externtype_t *object);

/**
 * The same type as an external's; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN struct wasm_externtype_t *wasm_memorytype_as_externtype(struct wasm_memorytype_t *object);

/**
 * The same type, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN struct wasm_memorytype_t *wasm_externtype_as_memorytype(struct wasm_externtype_t *object);

/**
 * The same type as an external's; not a new owner. NULL for NULL.
 */
WASM_API_EXTERN
const struct wasm_externtype_t *wasm_memorytype_as_externtype_const(const struct wasm_memorytype_t *object);

/**
 * The same type, not a new owner; NULL if it is of another kind.
 */
WASM_API_EXTERN
const struct wasm_memorytype_t *wasm_externtype_as_memorytype_const(const struct wasm_externtype_t *object);

/**
 * Makes an empty vector of bytes.
 */
WASM_API_EXTERN void wasm_byte_vec_new_empty(struct wasm_byte_vec_t *out);

/**
 * Makes a vector of `size` bytes, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_byte_vec_new_uninitialized(struct wasm_byte_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` bytes at `data`, which are moved into it.
 */
WASM_API_EXTERN void wasm_byte_vec_new(struct wasm_byte_vec_t *out, size_t size, const wasm_byte_t *data);

/**
 * Makes a vector of copies of bytes.
 */
WASM_API_EXTERN void wasm_byte_vec_copy(struct wasm_byte_vec_t *out, const struct wasm_byte_vec_t *vec);

/**
 * Deletes bytes and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_byte_vec_delete(struct wasm_byte_vec_t *vec);

/**
 * Makes an empty vector of value types.
 */
WASM_API_EXTERN void wasm_valtype_vec_new_empty(struct wasm_valtype_vec_t *out);

/**
 * Makes a vector of `size` value types, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_valtype_vec_new_uninitialized(struct wasm_valtype_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` value types at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_valtype_vec_new(struct wasm_valtype_vec_t *out,
                          size_t size,
                          struct wasm_valtype_t *const *data);

/**
 * Makes a vector of copies of value types.
 */
WASM_API_EXTERN
void wasm_valtype_vec_copy(struct wasm_valtype_vec_t *out,
                           const struct wasm_valtype_vec_t *vec);

/**
 * Deletes value types and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_valtype_vec_delete(struct wasm_valtype_vec_t *vec);

/**
 * Makes an empty vector of function types.
 */
WASM_API_EXTERN void wasm_functype_vec_new_empty(struct wasm_functype_vec_t *out);

/**
 * Makes a vector of `size` function types, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_functype_vec_new_uninitialized(struct wasm_functype_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` function types at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_functype_vec_new(struct wasm_functype_vec_t *out,
                           size_t size,
                           struct wasm_functype_t *const *data);

/**
 * Makes a vector of copies of function types.
 */
WASM_API_EXTERN
void wasm_functype_vec_copy(struct wasm_functype_vec_t *out,
                            const struct wasm_functype_vec_t *vec);

/**
 * Deletes function types and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_functype_vec_delete(struct wasm_functype_vec_t *vec);

/**
 * Makes an empty vector of global types.
 */
WASM_API_EXTERN void wasm_globaltype_vec_new_empty(struct wasm_globaltype_vec_t *out);

/**
 * Makes a vector of `size` global types, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_globaltype_vec_new_uninitialized(struct wasm_globaltype_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` global types at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_globaltype_vec_new(struct wasm_globaltype_vec_t *out,
                             size_t size,
                             struct wasm_globaltype_t *const *data);

/**
 * Makes a vector of copies of global types.
 */
WASM_API_EXTERN
void wasm_globaltype_vec_copy(struct wasm_globaltype_vec_t *out,
                              const struct wasm_globaltype_vec_t *vec);

/**
 * Deletes global types and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_globaltype_vec_delete(struct wasm_globaltype_vec_t *vec);

/**
 * Makes an empty vector of table types.
 */
WASM_API_EXTERN void wasm_tabletype_vec_new_empty(struct wasm_tabletype_vec_t *out);

/**
 * Makes a vector of `size` table types, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_tabletype_vec_new_uninitialized(struct wasm_tabletype_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` table types at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_tabletype_vec_new(struct wasm_tabletype_vec_t *out,
                            size_t size,
                            struct wasm_tabletype_t *const *data);

/**
 * Makes a vector of copies of table types.
 */
WASM_API_EXTERN
void wasm_tabletype_vec_copy(struct wasm_tabletype_vec_t *out,
                             const struct wasm_tabletype_vec_t *vec);

/**
 * Deletes table types and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_tabletype_vec_delete(struct wasm_tabletype_vec_t *vec);

/**
 * Makes an empty vector of memory types.
 */
WASM_API_EXTERN void wasm_memorytype_vec_new_empty(struct wasm_memorytype_vec_t *out);

/**
 * Makes a vector of `size` memory types, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_memorytype_vec_new_uninitialized(struct wasm_memorytype_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` memory types at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_memorytype_vec_new(struct wasm_memorytype_vec_t *out,
                             size_t size,
                             struct wasm_memorytype_t *const *data);

/**
 * Makes a vector of copies of memory types.
 */
WASM_API_EXTERN
void wasm_memorytype_vec_copy(struct wasm_memorytype_vec_t *out,
                              const struct wasm_memorytype_vec_t *vec);

/**
 * Deletes memory types and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_memorytype_vec_delete(struct wasm_memorytype_vec_t *vec);

/**
 * Makes an empty vector of extern types.
 */
WASM_API_EXTERN void wasm_externtype_vec_new_empty(struct wasm_externtype_vec_t *out);

/**
 * Makes a vector of `size` extern types, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_externtype_vec_new_uninitialized(struct wasm_externtype_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` extern types at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_externtype_vec_new(struct wasm_externtype_vec_t *out,
                             size_t size,
                             struct wasm_externtype_t *const *data);

/**
 * Makes a vector of copies of extern types.
 */
WASM_API_EXTERN
void wasm_externtype_vec_copy(struct wasm_externtype_vec_t *out,
                              const struct wasm_externtype_vec_t *vec);

/**
 * Deletes extern types and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_externtype_vec_delete(struct wasm_externtype_vec_t *vec);

/**
 * Makes an empty vector of import types.
 */
WASM_API_EXTERN void wasm_importtype_vec_new_empty(struct wasm_importtype_vec_t *out);

/**
 * Makes a vector of `size` import types, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_importtype_vec_new_uninitialized(struct wasm_importtype_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` import types at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_importtype_vec_new(struct wasm_importtype_vec_t *out,
                             size_t size,
                             struct wasm_importtype_t *const *data);

/**
 * Makes a vector of copies of import types.
 */
WASM_API_EXTERN
void wasm_importtype_vec_copy(struct wasm_importtype_vec_t *out,
                              const struct wasm_importtype_vec_t *vec);

/**
 * Deletes import types and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_importtype_vec_delete(struct wasm_importtype_vec_t *vec);

/**
 * Makes an empty vector of export types.
 */
WASM_API_EXTERN void wasm_exporttype_vec_new_empty(struct wasm_exporttype_vec_t *out);

/**
 * Makes a vector of `size` export types, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_exporttype_vec_new_uninitialized(struct wasm_exporttype_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` export types at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_exporttype_vec_new(struct wasm_exporttype_vec_t *out,
                             size_t size,
                             struct wasm_exporttype_t *const *data);

/**
 * Makes a vector of copies of export types.
 */
WASM_API_EXTERN
void wasm_exporttype_vec_copy(struct wasm_exporttype_vec_t *out,
                              const struct wasm_exporttype_vec_t *vec);

/**
 * Deletes export types and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_exporttype_vec_delete(struct wasm_exporttype_vec_t *vec);

/**
 * Makes an empty vector of values.
 */
WASM_API_EXTERN void wasm_val_vec_new_empty(struct wasm_val_vec_t *out);

/**
 * Makes a vector of `size` values, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_val_vec_new_uninitialized(struct wasm_val_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` values at `data`, which are moved into it.
 */
WASM_API_EXTERN void wasm_val_vec_new(struct wasm_val_vec_t *out, size_t size, const struct wasm_val_t *data);

/**
 * Makes a vector of copies of values.
 */
WASM_API_EXTERN void wasm_val_vec_copy(struct wasm_val_vec_t *out, const struct wasm_val_vec_t *vec);

/**
 * Deletes values and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_val_vec_delete(struct wasm_val_vec_t *vec);

/**
 * Makes an empty vector of frames.
 */
WASM_API_EXTERN void wasm_frame_vec_new_empty(struct wasm_frame_vec_t *out);

/**
 * Makes a vector of `size` frames, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_frame_vec_new_uninitialized(struct wasm_frame_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` frames at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_frame_vec_new(struct wasm_frame_vec_t *out,
                        size_t size,
                        struct wasm_frame_t *const *data);

/**
 * Makes a vector of copies of frames.
 */
WASM_API_EXTERN void wasm_frame_vec_copy(struct wasm_frame_vec_t *out, const struct wasm_frame_vec_t *vec);

/**
 * Deletes frames and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_frame_vec_delete(struct wasm_frame_vec_t *vec);

/**
 * Makes an empty vector of externals.
 */
WASM_API_EXTERN void wasm_extern_vec_new_empty(struct wasm_extern_vec_t *out);

/**
 * Makes a vector of `size` externals, all bytes zero; an empty one if there is no memory.
 */
WASM_API_EXTERN void wasm_extern_vec_new_uninitialized(struct wasm_extern_vec_t *out, size_t size);

/**
 * Makes a vector of the `size` externals at `data`, which are moved into it.
 */
WASM_API_EXTERN
void wasm_extern_vec_new(struct wasm_extern_vec_t *out,
                         size_t size,
                         struct wasm_extern_t *const *data);

/**
 * Makes a vector of copies of externals.
 */
WASM_API_EXTERN void wasm_extern_vec_copy(struct wasm_extern_vec_t *out, const struct wasm_extern_vec_t *vec);

/**
 * Deletes externals and what holds them, and leaves an empty vector.
 */
WASM_API_EXTERN void wasm_extern_vec_delete(struct wasm_extern_vec_t *vec);

/**
 * Makes settings, all at their defaults.
 */
WASM_API_EXTERN struct wasm_config_t *wasm_config_new(void);

/**
 * Deletes settings. NULL is allowed.
 */
WASM_API_EXTERN void wasm_config_delete(struct wasm_config_t *config);

/**
 * Makes an engine with default settings; NULL if the machine cannot run one.
 */
WASM_API_EXTERN struct wasm_engine_t *wasm_engine_new(void);

/**
 * Makes an engine, and takes the settings over, also when it fails: NULL for settings that the machine cannot give.
 * NULL for default settings.
 */
WASM_API_EXTERN
struct wasm_engine_t *wasm_engine_new_with_config(struct wasm_config_t *config);

/**
 * Gives up an engine. NULL is allowed. Stores and shared modules keep what they need of it.
 */
WASM_API_EXTERN void wasm_engine_delete(struct wasm_engine_t *engine);

/**
 * Makes a store; NULL if there is no memory for it.
 */
WASM_API_EXTERN struct wasm_store_t *wasm_store_new(struct wasm_engine_t *engine);

/**
 * Deletes a store and all that it owns, and runs the finalizers of what it owned, on this thread. NULL is allowed.
 *
 * Objects of the store that are still held may be deleted afterwards, in any order; until then, their functions give
 * NULL, false or a trap. Modules and traps do not need their store: they can still be looked at. If a
 * call is running in the store, the store ends when the call returns.
 */
WASM_API_EXTERN
void wasm_store_delete(struct wasm_store_t *store);

/**
 * Makes a value type from a number of `wasm_valkind_enum`; NULL for any other.
 */
WASM_API_EXTERN struct wasm_valtype_t *wasm_valtype_new(wasm_valkind_t kind);

/**
 * The kind of a value type: a number of `wasm_valkind_enum`, or 4 for a v128, of which no value can be passed.
 * `WASM_I32` for NULL.
 */
WASM_API_EXTERN
wasm_valkind_t wasm_valtype_kind(const struct wasm_valtype_t *ty);

/**
 * Makes a function type, and takes both vectors over, also when it fails; they are empty afterwards, and NULL is an
 * empty one. NULL if a vector holds NULL or anything but value types.
 */
WASM_API_EXTERN
struct wasm_functype_t *wasm_functype_new(struct wasm_valtype_vec_t *params,
                                          struct wasm_valtype_vec_t *results);

/**
 * The parameters of a function type; they live as long as the type. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_valtype_vec_t *wasm_functype_params(const struct wasm_functype_t *ty);

/**
 * The results of a function type; they live as long as the type. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_valtype_vec_t *wasm_functype_results(const struct wasm_functype_t *ty);

/**
 * Makes a global type, and takes the value type over, also when it fails. NULL if the mutability is neither
 * `WASM_CONST` nor `WASM_VAR`.
 */
WASM_API_EXTERN
struct wasm_globaltype_t *wasm_globaltype_new(struct wasm_valtype_t *content,
                                              wasm_mutability_t mutability);

/**
 * The type of a global's value; it lives as long as the global type. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_valtype_t *wasm_globaltype_content(const struct wasm_globaltype_t *ty);

/**
 * Whether the global can be set: `WASM_VAR` or `WASM_CONST`, which is also the answer for NULL.
 */
WASM_API_EXTERN wasm_mutability_t wasm_globaltype_mutability(const struct wasm_globaltype_t *ty);

/**
 * Makes a table type, and takes the element type over, also when it fails. NULL if elements are not references, or
 * without limits.
 */
WASM_API_EXTERN
struct wasm_tabletype_t *wasm_tabletype_new(struct wasm_valtype_t *element,
                                            const struct wasm_limits_t *limits);

/**
 * The type of a table's elements; it lives as long as the table type. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_valtype_t *wasm_tabletype_element(const struct wasm_tabletype_t *ty);

/**
 * The limits of a table type; they live as long as the type. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_limits_t *wasm_tabletype_limits(const struct wasm_tabletype_t *ty);

/**
 * Makes a memory type; NULL without limits.
 */
WASM_API_EXTERN struct wasm_memorytype_t *wasm_memorytype_new(const struct wasm_limits_t *limits);

/**
 * The limits of a memory type; they live as long as the type. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_limits_t *wasm_memorytype_limits(const struct wasm_memorytype_t *ty);

/**
 * The kind of a type of an external: a number of `wasm_externkind_enum`; `WASM_EXTERN_FUNC` for NULL.
 */
WASM_API_EXTERN wasm_externkind_t wasm_externtype_kind(const struct wasm_externtype_t *ty);

/**
 * Makes an import, and takes everything over, also when it fails; the names are empty afterwards, and NULL is an empty
 * one. NULL without a type.
 */
WASM_API_EXTERN
struct wasm_importtype_t *wasm_importtype_new(wasm_name_t *module,
                                              wasm_name_t *name,
                                              struct wasm_externtype_t *ty);

/**
 * The module that an import names; it lives as long as the import. NULL for NULL.
 */
WASM_API_EXTERN const wasm_name_t *wasm_importtype_module(const struct wasm_importtype_t *ty);

/**
 * The name of an import; it lives as long as the import. NULL for NULL.
 */
WASM_API_EXTERN const wasm_name_t *wasm_importtype_name(const struct wasm_importtype_t *ty);

/**
 * The type of an import; it lives as long as the import. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_externtype_t *wasm_importtype_type(const struct wasm_importtype_t *ty);

/**
 * Makes an export, and takes everything over, also when it fails; the name is empty afterwards, and NULL is an empty
 * one. NULL without a type.
 */
WASM_API_EXTERN
struct wasm_exporttype_t *wasm_exporttype_new(wasm_name_t *name,
                                              struct wasm_externtype_t *ty);

/**
 * The name of an export; it lives as long as the export. NULL for NULL.
 */
WASM_API_EXTERN const wasm_name_t *wasm_exporttype_name(const struct wasm_exporttype_t *ty);

/**
 * The type of an export; it lives as long as the export. NULL for NULL.
 */
WASM_API_EXTERN const struct wasm_externtype_t *wasm_exporttype_type(const struct wasm_exporttype_t *ty);

/**
 * Gives up what a value owns; a reference is NULL afterwards. NULL is allowed.
 */
WASM_API_EXTERN void wasm_val_delete(struct wasm_val_t *value);

/**
 * Writes to `out` a value that owns the same.
 */
WASM_API_EXTERN void wasm_val_copy(struct wasm_val_t *out, const struct wasm_val_t *value);

/**
 * Makes a trap, to be returned by a host function. `message` is copied; a NUL at its end is expected but not needed,
 * and NULL is the empty message. NULL without a store.
 */
WASM_API_EXTERN
struct wasm_trap_t *wasm_trap_new(struct wasm_store_t *store,
                                  const wasm_message_t *message);

/**
 * Writes to `out` the message of a trap and a NUL, which `size` counts. The bytes are those that `wasm_trap_new` got,
 * whatever they are; the engine's own are ASCII. Just a NUL for NULL.
 */
WASM_API_EXTERN
void wasm_trap_message(const struct wasm_trap_t *trap,
                       wasm_message_t *out);

/**
 * The innermost frame of a trap, owned by the caller; NULL if the trap has not passed WebAssembly.
 */
WASM_API_EXTERN struct wasm_frame_t *wasm_trap_origin(const struct wasm_trap_t *trap);

/**
 * Writes to `out` all frames of a trap, the innermost first.
 */
WASM_API_EXTERN void wasm_trap_trace(const struct wasm_trap_t *trap, struct wasm_frame_vec_t *out);

/**
 * The instance of a frame; it lives as long as the frame, also beyond the last reference that the host had. NULL if the
 * store had several instances of the module when the trap was caught, since frames do not tell them apart.
 */
WASM_API_EXTERN
struct wasm_instance_t *wasm_frame_instance(const struct wasm_frame_t *frame);

/**
 * The index of a frame's function in its module; 0 for NULL.
 */
WASM_API_EXTERN uint32_t wasm_frame_func_index(const struct wasm_frame_t *frame);

/**
 * Where a frame is, in bytes from the start of its function's body; 0 for NULL.
 */
WASM_API_EXTERN size_t wasm_frame_func_offset(const struct wasm_frame_t *frame);

/**
 * Where a frame is, in bytes from the start of the module; 0 for NULL.
 */
WASM_API_EXTERN size_t wasm_frame_module_offset(const struct wasm_frame_t *frame);

/**
 * Compiles a module from the binary format. The bytes are not kept. NULL if they are not valid.
 */
WASM_API_EXTERN
struct wasm_module_t *wasm_module_new(struct wasm_store_t *store,
                                      const struct wasm_byte_vec_t *binary);

/**
 * Whether bytes are a valid module in the binary format.
 */
WASM_API_EXTERN bool wasm_module_validate(struct wasm_store_t *store, const struct wasm_byte_vec_t *binary);

/**
 * Writes to `out` what a module imports, in order.
 */
WASM_API_EXTERN
void wasm_module_imports(const struct wasm_module_t *object,
                         struct wasm_importtype_vec_t *out);

/**
 * Writes to `out` what a module exports, in order.
 */
WASM_API_EXTERN
void wasm_module_exports(const struct wasm_module_t *object,
                         struct wasm_exporttype_vec_t *out);

/**
 * Writes to `out` bytes from which `wasm_module_deserialize` makes the module again, with the machine code that it has by
 * now (`updraft_module_serialize`); an empty vector for NULL, and of a module that is not valid.
 */
WASM_API_EXTERN
void wasm_module_serialize(const struct wasm_module_t *object,
                           struct wasm_byte_vec_t *out);

/**
 * Makes a module from serialised bytes, which are not kept. Bytes of any origin are safe: code is run only if this process, or
 * one with the same key, has written it, and is compiled otherwise. NULL if they are no such bytes.
 */
WASM_API_EXTERN
struct wasm_module_t *wasm_module_deserialize(struct wasm_store_t *store,
                                              const struct wasm_byte_vec_t *serialized);

/**
 * Makes an object from which other stores, on any thread, obtain the module; it needs neither store nor module.
 */
WASM_API_EXTERN
struct wasm_shared_module_t *wasm_module_share(const struct wasm_module_t *object);

/**
 * A shared module as a module of a store: without compiling if the store is of the same engine, else compiled again.
 * NULL if the engine of the store refuses it.
 */
WASM_API_EXTERN
struct wasm_module_t *wasm_module_obtain(struct wasm_store_t *store,
                                         const struct wasm_shared_module_t *module);

/**
 * Deletes a shared module. NULL is allowed.
 */
WASM_API_EXTERN void wasm_shared_module_delete(struct wasm_shared_module_t *object);

/**
 * Makes a host function; NULL without a store, type or callback.
 */
WASM_API_EXTERN
struct wasm_func_t *wasm_func_new(struct wasm_store_t *store,
                                  const struct wasm_functype_t *ty,
                                  wasm_func_callback_t callback);

/**
 * Makes a host function that gets `env`. `finalizer`, unless NULL, is called once with `env`: when the function dies, or
 * now if it cannot be made, which gives NULL.
 */
WASM_API_EXTERN
struct wasm_func_t *wasm_func_new_with_env(struct wasm_store_t *store,
                                           const struct wasm_functype_t *ty,
                                           wasm_func_callback_with_env_t callback,
                                           void *env,
                                           void (*finalizer)(void *data));

/**
 * The type of a function, owned by the caller.
 */
WASM_API_EXTERN struct wasm_functype_t *wasm_func_type(const struct wasm_func_t *func);

/**
 * How many parameters a function has.
 */
WASM_API_EXTERN size_t wasm_func_param_arity(const struct wasm_func_t *func);

/**
 * How many results a function has.
 */
WASM_API_EXTERN size_t wasm_func_result_arity(const struct wasm_func_t *func);

/**
 * Calls a function. It may delete itself and its store meanwhile.
 *
 * `args` are borrowed, as many as the function has parameters; NULL is an empty vector. `results` has room for at least as
 * many values as the function has results, or for none (or is NULL) if they are not wanted; what is there before
 * is not looked at, and what is written is owned by the caller. Returns NULL, or a trap, owned by the caller, and
 * then nothing was written. Wrong arguments, a store that was deleted or is in use, and everything else that goes
 * wrong, are traps too; only NULL as the function returns NULL, and does nothing.
 */
WASM_API_EXTERN
struct wasm_trap_t *wasm_func_call(const struct wasm_func_t *func,
                                   const struct wasm_val_vec_t *args,
                                   struct wasm_val_vec_t *results);

/**
 * Makes a global. The value is borrowed. NULL if it is not of the type.
 */
WASM_API_EXTERN
struct wasm_global_t *wasm_global_new(struct wasm_store_t *store,
                                      const struct wasm_globaltype_t *ty,
                                      const struct wasm_val_t *value);

/**
 * The type of a global, owned by the caller.
 */
WASM_API_EXTERN struct wasm_globaltype_t *wasm_global_type(const struct wasm_global_t *global);

/**
 * Writes to `out` the value of a global, owned by the caller; if that fails, an `i32` of 0.
 */
WASM_API_EXTERN void wasm_global_get(const struct wasm_global_t *global, struct wasm_val_t *out);

/**
 * Sets a global. The value is borrowed. Nothing happens if the global cannot be set or the value is not of its type.
 */
WASM_API_EXTERN
void wasm_global_set(struct wasm_global_t *global,
                     const struct wasm_val_t *value);

/**
 * Makes a memory; NULL if there is no room for it.
 */
WASM_API_EXTERN
struct wasm_memory_t *wasm_memory_new(struct wasm_store_t *store,
                                      const struct wasm_memorytype_t *ty);

/**
 * The type of a memory, owned by the caller. Its minimum is the current size.
 */
WASM_API_EXTERN struct wasm_memorytype_t *wasm_memory_type(const struct wasm_memory_t *memory);

/**
 * The bytes of a memory; NULL for NULL. Valid until the memory grows, by whomever, or dies: ask again after every call.
 * A memory without pages has a pointer to no bytes.
 */
WASM_API_EXTERN
byte_t *wasm_memory_data(struct wasm_memory_t *memory);

/**
 * The number of bytes of a memory; 0 for NULL.
 */
WASM_API_EXTERN size_t wasm_memory_data_size(const struct wasm_memory_t *memory);

/**
 * The number of pages of a memory, 65536 for 4 GiB; 0 for NULL.
 */
WASM_API_EXTERN wasm_memory_pages_t wasm_memory_size(const struct wasm_memory_t *memory);

/**
 * Grows a memory by `delta` pages; false if it cannot grow so far. Host functions may grow memories; running WebAssembly
 * sees it.
 */
WASM_API_EXTERN
bool wasm_memory_grow(struct wasm_memory_t *memory,
                      wasm_memory_pages_t delta);

/**
 * Makes a table whose elements are all `init`, which is borrowed and may be NULL for null. NULL if `init` is not what the
 * table holds, or there is no room for the elements.
 */
WASM_API_EXTERN
struct wasm_table_t *wasm_table_new(struct wasm_store_t *store,
                                    const struct wasm_tabletype_t *ty,
                                    struct wasm_ref_t *init);

/**
 * The type of a table, owned by the caller. Its minimum is the current size.
 */
WASM_API_EXTERN struct wasm_tabletype_t *wasm_table_type(const struct wasm_table_t *table);

/**
 * An element of a table, owned by the caller. NULL for a null element, and for an index out of bounds.
 */
WASM_API_EXTERN struct wasm_ref_t *wasm_table_get(const struct wasm_table_t *table, wasm_table_size_t index);

/**
 * Sets an element of a table. The element is borrowed; NULL is null. False if the index is out of bounds or the
 * element is not what the table holds.
 */
WASM_API_EXTERN
bool wasm_table_set(struct wasm_table_t *table,
                    wasm_table_size_t index,
                    struct wasm_ref_t *element);

/**
 * The number of elements; 0 for NULL.
 */
WASM_API_EXTERN wasm_table_size_t wasm_table_size(const struct wasm_table_t *table);

/**
 * Grows a table by `delta` elements, all `init`, which is borrowed and may be NULL for null. False if the table cannot
 * grow so far, or `init` is not what it holds. Host functions may grow tables; running WebAssembly sees it.
 */
WASM_API_EXTERN
bool wasm_table_grow(struct wasm_table_t *table,
                     wasm_table_size_t delta,
                     struct wasm_ref_t *init);

/**
 * Makes an object of the host, which WebAssembly may hold as an external reference. Attach host info to it.
 */
WASM_API_EXTERN struct wasm_foreign_t *wasm_foreign_new(struct wasm_store_t *store);

/**
 * What an external is: a number of `wasm_externkind_enum`; `WASM_EXTERN_FUNC` for NULL.
 */
WASM_API_EXTERN wasm_externkind_t wasm_extern_kind(const struct wasm_extern_t *object);

/**
 * The type of an external, owned by the caller. The minimum of a table or memory is its current size.
 */
WASM_API_EXTERN struct wasm_externtype_t *wasm_extern_type(const struct wasm_extern_t *object);

/**
 * Instantiates a module, and runs its start function.
 *
 * `imports` are borrowed, exactly as many as the module imports, in order; NULL is an empty vector. Returns the instance,
 * owned by the caller, and writes NULL to `trap`, unless that is NULL; or returns NULL and writes a trap there, owned
 * by the caller, whatever went wrong: its message says what. NULL as the store leaves nothing to make a trap of.
 * An instance whose start function trapped lives on as far as it is reachable through its imports.
 */
WASM_API_EXTERN
struct wasm_instance_t *wasm_instance_new(struct wasm_store_t *store,
                                          const struct wasm_module_t *module,
                                          const struct wasm_extern_vec_t *imports,
                                          struct wasm_trap_t **trap);

/**
 * Writes to `out` what an instance exports, in the order of `wasm_module_exports`.
 */
WASM_API_EXTERN
void wasm_instance_exports(const struct wasm_instance_t *instance,
                           struct wasm_extern_vec_t *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/* What follows is no declaration: macros and inline helpers of the standard, written by hand. */

/* Names are vectors of bytes. The standard's revision has a slip of the pen in one of these; both spellings work. */
#define wasm_name wasm_byte_vec
#define wasm_name_new wasm_byte_vec_new
#define wasm_name_new_empty wasm_byte_vec_new_empty
#define wasm_name_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_new_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_copy wasm_byte_vec_copy
#define wasm_name_delete wasm_byte_vec_delete

/* No maximum. */
static const uint32_t wasm_limits_max_default = 0xffffffff;

/* Bytes of a page. */
static const size_t MEMORY_PAGE_SIZE = 0x10000;

/* Initialisers of vectors that own nothing. */
#define WASM_EMPTY_VEC {0, NULL}
#define WASM_ARRAY_VEC(array) {sizeof(array) / sizeof(*(array)), array}

/* Initialisers of values. */
#define WASM_I32_VAL(i) {.kind = WASM_I32, .of = {.i32 = i}}
#define WASM_I64_VAL(i) {.kind = WASM_I64, .of = {.i64 = i}}
#define WASM_F32_VAL(z) {.kind = WASM_F32, .of = {.f32 = z}}
#define WASM_F64_VAL(z) {.kind = WASM_F64, .of = {.f64 = z}}
#define WASM_REF_VAL(r) {.kind = WASM_EXTERNREF, .of = {.ref = r}}
#define WASM_INIT_VAL {.kind = WASM_EXTERNREF, .of = {.ref = NULL}}

/* Declarations of types in the manner of the standard, for headers that add types of their own. The functions must be
 * defined elsewhere: those of the standard's types are declared above. */
#define WASM_DECLARE_OWN(name) \
  typedef struct wasm_##name##_t wasm_##name##_t; \
  WASM_API_EXTERN void wasm_##name##_delete(wasm_##name##_t *);

#define WASM_DECLARE_VEC(name, ptr_or_none) \
  typedef struct wasm_##name##_vec_t { \
    size_t size; \
    wasm_##name##_t ptr_or_none *data; \
  } wasm_##name##_vec_t; \
  WASM_API_EXTERN void wasm_##name##_vec_new_empty(wasm_##name##_vec_t *out); \
  WASM_API_EXTERN void wasm_##name##_vec_new_uninitialized(wasm_##name##_vec_t *out, size_t); \
  WASM_API_EXTERN void wasm_##name##_vec_new(wasm_##name##_vec_t *out, size_t, \
                                             wasm_##name##_t ptr_or_none const[]); \
  WASM_API_EXTERN void wasm_##name##_vec_copy(wasm_##name##_vec_t *out, const wasm_##name##_vec_t *); \
  WASM_API_EXTERN void wasm_##name##_vec_delete(wasm_##name##_vec_t *);

#define WASM_DECLARE_TYPE(name) \
  WASM_DECLARE_OWN(name) \
  WASM_DECLARE_VEC(name, *) \
  WASM_API_EXTERN wasm_##name##_t *wasm_##name##_copy(const wasm_##name##_t *);

#define WASM_DECLARE_REF_BASE(name) \
  WASM_DECLARE_OWN(name) \
  WASM_API_EXTERN wasm_##name##_t *wasm_##name##_copy(const wasm_##name##_t *); \
  WASM_API_EXTERN bool wasm_##name##_same(const wasm_##name##_t *, const wasm_##name##_t *); \
  WASM_API_EXTERN void *wasm_##name##_get_host_info(const wasm_##name##_t *); \
  WASM_API_EXTERN void wasm_##name##_set_host_info(wasm_##name##_t *, void *); \
  WASM_API_EXTERN void wasm_##name##_set_host_info_with_finalizer(wasm_##name##_t *, void *, void (*)(void *));

#define WASM_DECLARE_REF(name) \
  WASM_DECLARE_REF_BASE(name) \
  WASM_API_EXTERN wasm_ref_t *wasm_##name##_as_ref(wasm_##name##_t *); \
  WASM_API_EXTERN wasm_##name##_t *wasm_ref_as_##name(wasm_ref_t *); \
  WASM_API_EXTERN const wasm_ref_t *wasm_##name##_as_ref_const(const wasm_##name##_t *); \
  WASM_API_EXTERN const wasm_##name##_t *wasm_ref_as_##name##_const(const wasm_ref_t *);

#define WASM_DECLARE_SHARABLE_REF(name) \
  WASM_DECLARE_REF(name) \
  WASM_DECLARE_OWN(shared_##name) \
  WASM_API_EXTERN wasm_shared_##name##_t *wasm_##name##_share(const wasm_##name##_t *); \
  WASM_API_EXTERN wasm_##name##_t *wasm_##name##_obtain(wasm_store_t *, const wasm_shared_##name##_t *);

#ifdef __cplusplus
extern "C" {
#endif

/* The name that a C string holds, without its NUL. */
static inline void wasm_name_new_from_string(wasm_name_t *out, const char *text) {
  wasm_name_new(out, strlen(text), text);
}

/* The same with its NUL. */
static inline void wasm_name_new_from_string_nt(wasm_name_t *out, const char *text) {
  wasm_name_new(out, strlen(text) + 1, text);
}

static inline bool wasm_valkind_is_num(wasm_valkind_t kind) {
  return kind < WASM_EXTERNREF;
}

static inline bool wasm_valkind_is_ref(wasm_valkind_t kind) {
  return kind >= WASM_EXTERNREF;
}

static inline bool wasm_valtype_is_num(const wasm_valtype_t *type) {
  return wasm_valkind_is_num(wasm_valtype_kind(type));
}

static inline bool wasm_valtype_is_ref(const wasm_valtype_t *type) {
  return wasm_valkind_is_ref(wasm_valtype_kind(type));
}

static inline wasm_valtype_t *wasm_valtype_new_i32(void) {
  return wasm_valtype_new(WASM_I32);
}

static inline wasm_valtype_t *wasm_valtype_new_i64(void) {
  return wasm_valtype_new(WASM_I64);
}

static inline wasm_valtype_t *wasm_valtype_new_f32(void) {
  return wasm_valtype_new(WASM_F32);
}

static inline wasm_valtype_t *wasm_valtype_new_f64(void) {
  return wasm_valtype_new(WASM_F64);
}

static inline wasm_valtype_t *wasm_valtype_new_externref(void) {
  return wasm_valtype_new(WASM_EXTERNREF);
}

static inline wasm_valtype_t *wasm_valtype_new_funcref(void) {
  return wasm_valtype_new(WASM_FUNCREF);
}

/* Function types of P parameters and R results: wasm_functype_new_P_R. The value types are taken over. */
static inline wasm_functype_t *updraft_wasm_functype(size_t param_count, wasm_valtype_t *const params[],
                                                     size_t result_count, wasm_valtype_t *const results[]) {
  wasm_valtype_vec_t param_vec, result_vec;
  wasm_valtype_vec_new(&param_vec, param_count, params);
  wasm_valtype_vec_new(&result_vec, result_count, results);
  return wasm_functype_new(&param_vec, &result_vec);
}

static inline wasm_functype_t *wasm_functype_new_0_0(void) {
  return updraft_wasm_functype(0, NULL, 0, NULL);
}

static inline wasm_functype_t *wasm_functype_new_1_0(wasm_valtype_t *p) {
  wasm_valtype_t *params[1] = {p};
  return updraft_wasm_functype(1, params, 0, NULL);
}

static inline wasm_functype_t *wasm_functype_new_2_0(wasm_valtype_t *p1, wasm_valtype_t *p2) {
  wasm_valtype_t *params[2] = {p1, p2};
  return updraft_wasm_functype(2, params, 0, NULL);
}

static inline wasm_functype_t *wasm_functype_new_3_0(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *p3) {
  wasm_valtype_t *params[3] = {p1, p2, p3};
  return updraft_wasm_functype(3, params, 0, NULL);
}

static inline wasm_functype_t *wasm_functype_new_0_1(wasm_valtype_t *r) {
  wasm_valtype_t *results[1] = {r};
  return updraft_wasm_functype(0, NULL, 1, results);
}

static inline wasm_functype_t *wasm_functype_new_1_1(wasm_valtype_t *p, wasm_valtype_t *r) {
  wasm_valtype_t *params[1] = {p};
  wasm_valtype_t *results[1] = {r};
  return updraft_wasm_functype(1, params, 1, results);
}

static inline wasm_functype_t *wasm_functype_new_2_1(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *r) {
  wasm_valtype_t *params[2] = {p1, p2};
  wasm_valtype_t *results[1] = {r};
  return updraft_wasm_functype(2, params, 1, results);
}

static inline wasm_functype_t *wasm_functype_new_3_1(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *p3,
                                                     wasm_valtype_t *r) {
  wasm_valtype_t *params[3] = {p1, p2, p3};
  wasm_valtype_t *results[1] = {r};
  return updraft_wasm_functype(3, params, 1, results);
}

static inline wasm_functype_t *wasm_functype_new_0_2(wasm_valtype_t *r1, wasm_valtype_t *r2) {
  wasm_valtype_t *results[2] = {r1, r2};
  return updraft_wasm_functype(0, NULL, 2, results);
}

static inline wasm_functype_t *wasm_functype_new_1_2(wasm_valtype_t *p, wasm_valtype_t *r1, wasm_valtype_t *r2) {
  wasm_valtype_t *params[1] = {p};
  wasm_valtype_t *results[2] = {r1, r2};
  return updraft_wasm_functype(1, params, 2, results);
}

static inline wasm_functype_t *wasm_functype_new_2_2(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *r1,
                                                     wasm_valtype_t *r2) {
  wasm_valtype_t *params[2] = {p1, p2};
  wasm_valtype_t *results[2] = {r1, r2};
  return updraft_wasm_functype(2, params, 2, results);
}

static inline wasm_functype_t *wasm_functype_new_3_2(wasm_valtype_t *p1, wasm_valtype_t *p2, wasm_valtype_t *p3,
                                                     wasm_valtype_t *r1, wasm_valtype_t *r2) {
  wasm_valtype_t *params[3] = {p1, p2, p3};
  wasm_valtype_t *results[2] = {r1, r2};
  return updraft_wasm_functype(3, params, 2, results);
}

/* A pointer as an integer value of its size. */
static inline void wasm_val_init_ptr(wasm_val_t *out, void *pointer) {
#if UINTPTR_MAX == UINT32_MAX
  out->kind = WASM_I32;
  out->of.i32 = (int32_t)(intptr_t)pointer;
#else
  out->kind = WASM_I64;
  out->of.i64 = (int64_t)(intptr_t)pointer;
#endif
}

/* The pointer that wasm_val_init_ptr put into a value. */
static inline void *wasm_val_ptr(const wasm_val_t *value) {
#if UINTPTR_MAX == UINT32_MAX
  return (void *)(intptr_t)value->of.i32;
#else
  return (void *)(intptr_t)value->of.i64;
#endif
}

#ifdef __cplusplus
}
#endif

#endif /* WASM_H */
