/* Updraft: what leads from the standard C API (wasm.h) to the native one (updraft.h), and back.
 *
 * Generated from src/capi/bridge.rs by tools/wasm-header.sh; do not edit. The conventions are those of updraft.h.
 */

#ifndef UPDRAFT_WASM_H
#define UPDRAFT_WASM_H


#include "updraft.h"
#include "wasm.h"


#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Writes to `out` the settings as a native object: a new reference to the same one, owned by the caller
 * (`updraft_config_delete`).
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasm_config_native(const wasm_config_t *config,
                                            updraft_config_t **out,
                                            updraft_error_t **error);

/**
 * Writes to `out` native settings as an object of the standard API: a new reference to the same one, owned by the
 * caller (`wasm_config_delete`).
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasm_config_wrap(const updraft_config_t *config,
                                          wasm_config_t **out,
                                          updraft_error_t **error);

/**
 * Writes to `out` the engine as a native object: a new reference to the same one, owned by the caller
 * (`updraft_engine_delete`).
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasm_engine_native(const wasm_engine_t *engine,
                                            updraft_engine_t **out,
                                            updraft_error_t **error);

/**
 * Writes to `out` a native engine as an object of the standard API: a new reference to the same one, owned by the
 * caller (`wasm_engine_delete`).
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasm_engine_wrap(const updraft_engine_t *engine,
                                          wasm_engine_t **out,
                                          updraft_error_t **error);

/**
 * Writes to `out` the native store behind a store of the standard API: a new reference, owned by the caller
 * (`updraft_store_delete`). While it is held, deleting the `wasm_store_t` does not end the native store.
 *
 * Fails with MISUSE, also after the store was deleted. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasm_store_native(const wasm_store_t *store,
                                           updraft_store_t **out,
                                           updraft_error_t **error);

/**
 * Writes to `out` a new store of the standard API around a native store, owned by the caller (`wasm_store_delete`). It
 * holds a reference to the native store. Objects of one such store are not objects of another one, though the native
 * store be the same.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_wasm_store_wrap(updraft_store_t *store,
                                         wasm_store_t **out,
                                         updraft_error_t **error);

/**
 * Writes to `out` a native object for a module, owned by the caller (`updraft_module_delete`).
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasm_module_native(const wasm_module_t *module,
                                            updraft_module_t **out,
                                            updraft_error_t **error);

/**
 * Writes to `out` a native module as a module of a store, owned by the caller (`wasm_module_delete`).
 *
 * Fails with MISUSE, also for a module of another engine. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasm_module_wrap(wasm_store_t *store,
                                          const updraft_module_t *module,
                                          wasm_module_t **out,
                                          updraft_error_t **error);

/**
 * Writes to `handle` a handle for a function, global, table, memory, instance or foreign object, owned by the caller
 * (`updraft_store_release`), and to `kind`, unless NULL, an `UPDRAFT_KIND_` number. Its store is that of
 * `updraft_wasm_store_native`.
 *
 * Fails with MISUSE (modules and traps have no handles), BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_wasm_ref_native(const wasm_ref_t *object,
                                         updraft_kind_t *kind,
                                         updraft_handle_t *handle,
                                         updraft_error_t **error);

/**
 * Writes to `out` the reference for a handle of the store, owned by the caller (`wasm_ref_delete`); the casts of the
 * standard API find out its kind. The handle stays the caller's.
 *
 * Fails with MISUSE (a stale, foreign or null handle), BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_wasm_ref_wrap(wasm_store_t *store,
                                       updraft_handle_t handle,
                                       wasm_ref_t **out,
                                       updraft_error_t **error);

/**
 * Writes to `out` a trap as a native error: status TRAP, with its code, message and frames. Owned by the caller
 * (`updraft_error_delete`).
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasm_trap_native(const wasm_trap_t *trap,
                                          updraft_error_t **out,
                                          updraft_error_t **error);

/**
 * Writes to `out` a trap for what a native call failed with, owned by the caller (`wasm_trap_delete`). The error stays
 * the caller's.
 *
 * Fails with MISUSE. The store's thread; elsewhere the frames have no instances. Since 0.1.
 */
updraft_status_t updraft_wasm_trap_wrap(wasm_store_t *store,
                                        const updraft_error_t *err,
                                        wasm_trap_t **out,
                                        updraft_error_t **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* UPDRAFT_WASM_H */
