/* Updraft: a tiered WebAssembly engine. The C interface.
 *
 * Generated from src/capi by tools/header.sh; do not edit.
 *
 * Conventions
 * - A function that can fail returns an updraft_status_t and takes `updraft_error_t **error` last, which may be
 *   NULL. On failure an error object, owned by the caller, is written there (updraft_error_delete); what was there
 *   before is not looked at. Results are written only on success, `*error` only on failure.
 * - No pointer may be NULL but where the function says so: NULL gives UPDRAFT_STATUS_MISUSE, and the message names the
 *   argument. Functions that cannot fail say what they give for NULL.
 * - Objects behind pointers are reference-counted: `_new` makes one reference, `_clone` counts one more, `_delete` gives
 *   one up and takes NULL. A pointer of the wrong type gives MISUSE; one that was deleted too, most of the time.
 * - Objects of a store are 64-bit handles. Where a function gives one to be owned, it is given up by
 *   updraft_store_release. Stale handles, and those of other stores, give MISUSE.
 * - "Any thread": at any time from any thread. "The store's thread": from one thread at a time, which may change;
 *   a second one gets UPDRAFT_STATUS_BUSY. Errors belong to calls, not to threads.
 * - Strings are UTF-8, given as pointer and length, never NUL-terminated unless the function says so.
 * - Structs that may grow begin with `struct_size`, set to sizeof by their user, for results too. Set fields that you do
 *   not use to zero.
 * - The library calls a finalizer exactly once, on the thread that its function names. Finalizers and callbacks
 *   must not unwind, nor leave by longjmp; a finalizer that calls into the store that it belongs to gets BUSY.
 */

#ifndef UPDRAFT_H
#define UPDRAFT_H

#include <stddef.h>
#include <stdint.h>

/* Alignment of raw cells. */
#if defined(_MSC_VER)
#define UPDRAFT_ALIGNED(n) __declspec(align(n))
#else
#define UPDRAFT_ALIGNED(n) __attribute__((aligned(n)))
#endif


/**
 * Version of the binary interface that this header describes.
 */
#define UPDRAFT_ABI_VERSION 1

/**
 * `max` is set.
 */
#define UPDRAFT_LIMITS_HAS_MAX 1

/**
 * Addresses, or indices of elements, have 64 bits.
 */
#define UPDRAFT_LIMITS_INDEX64 2

/**
 * Threads share the memory.
 */
#define UPDRAFT_LIMITS_SHARED 4

/**
 * `func` of an event that is about no single function.
 */
#define UPDRAFT_NO_FUNC 4294967295

/**
 * `worker` of an event that comes from a thread of the host.
 */
#define UPDRAFT_NO_WORKER 4294967295

/**
 * In place of an optimisation priority: nothing is known.
 */
#define UPDRAFT_PRIORITY_NONE UINT32_MAX

/**
 * In place of an optimisation priority: the function runs once, and is not worth the top tier.
 */
#define UPDRAFT_PRIORITY_RUN_ONCE 127

/**
 * Frequency of a call that is never to be inlined.
 */
#define UPDRAFT_FREQUENCY_NEVER 0

/**
 * Frequency of what runs once per call of its function; one more is twice as often, one less half as often. From 1 to 64.
 */
#define UPDRAFT_FREQUENCY_ONCE 32

/**
 * Frequency of a call that is to be inlined whenever that is possible.
 */
#define UPDRAFT_FREQUENCY_ALWAYS 127

/**
 * It has been run: in this process in the baseline tier, or in another one, without getting further.
 */
#define UPDRAFT_PROFILE_RUN 1

/**
 * It has, or had in another process, code of the top tier.
 */
#define UPDRAFT_PROFILE_TOP 2

/**
 * A unit of the baseline tier is queued.
 */
#define UPDRAFT_FUNC_BASELINE_QUEUED 1

/**
 * A unit of the top tier is queued.
 */
#define UPDRAFT_FUNC_TOP_QUEUED 2

/**
 * The baseline tier is compiling it, or its code is about to be published.
 */
#define UPDRAFT_FUNC_BASELINE_IN_FLIGHT 4

/**
 * The top tier is compiling it, or its code is about to be published.
 */
#define UPDRAFT_FUNC_TOP_IN_FLIGHT 8

/**
 * The baseline tier cannot compile it.
 */
#define UPDRAFT_FUNC_BASELINE_REFUSED 16

/**
 * The top tier cannot compile it (`updraft_module_func_refusal` says why).
 */
#define UPDRAFT_FUNC_TOP_REFUSED 32

/**
 * The host keeps it from the top tier (`UPDRAFT_POLICY_NEVER_TOP`).
 */
#define UPDRAFT_FUNC_NEVER_TOP 64

/**
 * It is imported: it belongs to another module, or to the host, and all else is 0.
 */
#define UPDRAFT_FUNC_IMPORTED 128

/**
 * `calls` is known.
 */
#define UPDRAFT_FUNC_CALLS_KNOWN 256

/**
 * Its code of the baseline tier has been run. Known where functions move to the top tier by themselves
 * (`updraft_config_set_tiering`), else not set.
 */
#define UPDRAFT_FUNC_BASELINE_RUN 512

/**
 * There is code for loops of it, at which threads that run it in the baseline tier go on in the top tier.
 */
#define UPDRAFT_FUNC_LOOPS_TOP 1024

/**
 * Such code waits to be compiled, or is being compiled.
 */
#define UPDRAFT_FUNC_LOOPS_QUEUED 2048

/**
 * Such code was refused, for one of its loops at least.
 */
#define UPDRAFT_FUNC_LOOPS_REFUSED 4096

/**
 * In `updraft_config_set_workers`: as many as the machine suggests.
 */
#define UPDRAFT_WORKERS_AUTO 4294967295

/**
 * Modules as bytes, with the code that they had. Reference-counted, immutable; any thread.
 */
typedef struct updraft_artifact_t updraft_artifact_t;

/**
 * Where the host's own cache puts what it has found. It lives as long as the call that it is given to.
 */
typedef struct updraft_cache_value_t updraft_cache_value_t;

/**
 * Who called a host function. Borrowed: valid until the host function returns, on its thread.
 */
typedef struct updraft_caller_t updraft_caller_t;

/**
 * Settings for engines. Reference-counted; any thread, one at a time (a second one gets BUSY).
 */
typedef struct updraft_config_t updraft_config_t;

/**
 * What modules and stores share. Reference-counted; modules and stores hold a reference. Any thread.
 */
typedef struct updraft_engine_t updraft_engine_t;

/**
 * Why a call failed. Reference-counted, immutable; any thread.
 */
typedef struct updraft_error_t updraft_error_t;

/**
 * The type of a function. Reference-counted, immutable; any thread.
 */
typedef struct updraft_functype_t updraft_functype_t;

/**
 * Interrupts calls of one store; made by `updraft_store_interrupt_handle`. Reference-counted; any thread; may outlive
 * the store.
 */
typedef struct updraft_interrupt_t updraft_interrupt_t;

/**
 * A module that is being made. Reference-counted; any thread. Giving up the last reference cancels what is not done.
 */
typedef struct updraft_job_t updraft_job_t;

/**
 * Definitions by module and name, from which modules are instantiated. Reference-counted; any thread; while one thread
 * defines, and while an instantiation runs, who defines gets BUSY.
 */
typedef struct updraft_linker_t updraft_linker_t;

/**
 * What is chosen for one module, instead of what its engine's configuration says. Reference-counted; any thread, one at
 * a time (a second one gets BUSY).
 */
typedef struct updraft_module_options_t updraft_module_options_t;

/**
 * A compiled module. Reference-counted, immutable; any thread; any number of stores of its engine.
 */
typedef struct updraft_module_t updraft_module_t;

/**
 * A memory that several stores and threads use. Reference-counted; any thread.
 */
typedef struct updraft_shared_memory_t updraft_shared_memory_t;

/**
 * An owner of instances and of what belongs to them. One thread at a time, which is checked: a call while another
 * thread is inside gets BUSY. Host functions may call back into the store that calls them; finalizers may not.
 * Reference-counted.
 */
typedef struct updraft_store_t updraft_store_t;

/**
 * A module whose bytes come piece by piece, in pieces of any size. Sections are read as they arrive; from the first function
 * on, bodies are validated, and compiled if the strategy says so, by the engine's workers while others are on their way.
 * The module is the one that all bytes at once would have given, and so is the error.
 *
 * Bytes are copied, once; a module takes 4 GiB at most. The text format is not accepted. Reference-counted; any thread, one
 * at a time (a second one gets BUSY). Giving up the last reference gives up the module, unless the stream was ended.
 */
typedef struct updraft_stream_t updraft_stream_t;

/**
 * Receives events of an engine, or of one of its modules, until it is closed. Reference-counted; any thread. Keeps
 * neither engine nor module alive.
 */
typedef struct updraft_subscription_t updraft_subscription_t;

/**
 * Background work that an executor is given. It is run once, or deleted, on any thread.
 */
typedef struct updraft_task_t updraft_task_t;

/**
 * What a WASI program will be given; nothing at first. Reference-counted; any thread, one at a time (a second one gets
 * BUSY).
 */
typedef struct updraft_wasi_config_t updraft_wasi_config_t;

/**
 * What one WASI program was given, and its open files. Reference-counted; any thread.
 */
typedef struct updraft_wasi_t updraft_wasi_t;

/**
 * Frees what a host pointer stands for. Called exactly once, with the pointer that was handed over.
 */
typedef void (*updraft_finalizer_t)(void *data);

/**
 * What became of a call: `UPDRAFT_STATUS_OK`, or why it failed.
 */
typedef uint32_t updraft_status_t;

/**
 * A trap code: why WebAssembly stopped. The numbers never change and are never reused.
 */
typedef uint32_t updraft_trap_code_t;

/**
 * A compiler level.
 */
typedef uint32_t updraft_tier_t;

/**
 * One frame of a backtrace. Set `struct_size` before it is filled in. The strings are UTF-8, not terminated,
 * NULL when there is no such name, and live as long as the error.
 */
typedef struct updraft_frame_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * Index of the function in its module.
   */
  uint32_t func_index;
  /**
   * Offset of the instruction from the first byte of the function's body.
   */
  uint32_t func_offset;
  /**
   * Offset of the instruction from the first byte of the module; the call, for all but the innermost frame.
   */
  uint64_t module_offset;
  /**
   * Name of the function, from the name section.
   */
  const char *func_name;
  /**
   * Length of the name in bytes.
   */
  size_t func_name_len;
  /**
   * Name of the module, from the name section.
   */
  const char *module_name;
  /**
   * Length of the name in bytes.
   */
  size_t module_name_len;
  /**
   * The tier whose code ran: an `UPDRAFT_TIER_` number.
   */
  updraft_tier_t tier;
  /**
   * 0.
   */
  uint32_t reserved;
} updraft_frame_t;

/**
 * A WebAssembly feature; also the number of its bit in a set of features.
 */
typedef uint32_t updraft_feature_t;

/**
 * A capability of the library itself.
 */
typedef uint32_t updraft_capability_t;

/**
 * The type of a value: an `UPDRAFT_VAL_` number. Numbers up to 255 are kinds; 130 to 159 are set aside for
 * exception and garbage-collected references, and the bits above for the index of a defined type.
 */
typedef uint32_t updraft_valtype_t;

/**
 * When functions are compiled. What is compiled first is the lowest tier that `updraft_tiers_t` names.
 */
typedef uint32_t updraft_strategy_t;

/**
 * When the bodies of functions are validated. Everything else of a module always is before it exists, and no body is
 * compiled that is not known to be valid.
 *
 * With DEFERRED and BACKGROUND, an invalid body is found after the module was made: by the call that is the first to need
 * it, by a worker, or by `updraft_module_validate_rest`. The module has failed then. An `UPDRAFT_EVENT_FAILED` names the
 * function, and is the last event of the module; its background work stops; it cannot be instantiated any more.
 * Instances go on, but a call of a function that was not known to be valid by then traps with
 * `UPDRAFT_TRAP_INVALID_MODULE`. Which invalid body is found first is a matter of chance.
 */
typedef uint32_t updraft_validation_t;

/**
 * Which compilers are used.
 */
typedef uint32_t updraft_tiers_t;

/**
 * Which compiler is the baseline tier.
 */
typedef uint32_t updraft_baseline_t;

/**
 * How accesses to 32-bit memories are kept in bounds.
 */
typedef uint32_t updraft_memory_mode_t;

/**
 * The type of a memory. Sizes are in pages of 64 KiB. Set `struct_size` first.
 */
typedef struct updraft_memorytype_t {
  /**
   * Size of the struct, set by its user.
   */
  size_t struct_size;
  /**
   * A sum of `UPDRAFT_LIMITS_` numbers.
   */
  uint32_t flags;
  /**
   * Base-two logarithm of the page size; 0 and 16 both mean 64 KiB, the only size there is.
   */
  uint32_t page_size_log2;
  /**
   * Initial size.
   */
  uint64_t min;
  /**
   * Largest size, with UPDRAFT_LIMITS_HAS_MAX.
   */
  uint64_t max;
} updraft_memorytype_t;

/**
 * A linear memory that the host provides; filled in by an `updraft_memory_create_t`.
 */
typedef struct updraft_host_memory_t {
  /**
   * Size of the struct, set by the engine before the host fills in the rest.
   */
  size_t struct_size;
  /**
   * First byte; page-aligned; never moves.
   */
  uint8_t *base;
  /**
   * Passed to `grow` and `finalizer`.
   */
  void *env;
  /**
   * Makes `new_len` bytes accessible, never fewer than before; returns 1, or 0 if that cannot be. NULL for a
   * memory that never grows.
   */
  uint32_t (*grow)(void *env, size_t new_len);
  /**
   * Called once with `env` when the memory is not used any more, on the thread that drops its last user. May be NULL.
   */
  updraft_finalizer_t finalizer;
} updraft_host_memory_t;

/**
 * Makes a memory of `min` accessible, zeroed bytes. Behind the base, `reserved` bytes are the memory's to grow
 * into, and the `guard` bytes after them must stay inaccessible. Returns `UPDRAFT_STATUS_OK`, or any other status to
 * refuse. Called on the thread that makes the memory; must be safe on several at once; must not call Updraft.
 */
typedef updraft_status_t (*updraft_memory_create_t)(void *env,
                                                    const struct updraft_memorytype_t *memory_type,
                                                    size_t min,
                                                    size_t reserved,
                                                    size_t guard,
                                                    struct updraft_host_memory_t *memory);

/**
 * How much lives in an engine. Set `struct_size` before it is filled in.
 */
typedef struct updraft_engine_stats_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * Module objects that the host made and has not deleted.
   */
  uint64_t modules;
  /**
   * Stores alive.
   */
  uint64_t stores;
  /**
   * Linkers alive.
   */
  uint64_t linkers;
} updraft_engine_stats_t;

/**
 * A custom section. Set `struct_size` before it is filled in. The name is UTF-8, not terminated; name and bytes live as
 * long as the module.
 */
typedef struct updraft_custom_section_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * The name.
   */
  const char *name;
  /**
   * Its length in bytes.
   */
  size_t name_len;
  /**
   * The contents.
   */
  const uint8_t *bytes;
  /**
   * Their length.
   */
  size_t len;
} updraft_custom_section_t;

/**
 * The kind of an object of a store, or of an import or export: an `UPDRAFT_KIND_` number. 5 is set aside for tags.
 */
typedef uint32_t updraft_kind_t;

/**
 * An import. Set `struct_size` before it is filled in. Strings are UTF-8, not terminated, and live as long as the module.
 */
typedef struct updraft_import_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * Module that the import names.
   */
  const char *module;
  /**
   * Its length in bytes.
   */
  size_t module_len;
  /**
   * Name within that module.
   */
  const char *name;
  /**
   * Its length in bytes.
   */
  size_t name_len;
  /**
   * What is imported: an `UPDRAFT_KIND_` number.
   */
  updraft_kind_t kind;
  /**
   * 0.
   */
  uint32_t reserved;
} updraft_import_t;

/**
 * An export. Set `struct_size` before it is filled in. The name is UTF-8, not terminated, and lives as long as the module.
 */
typedef struct updraft_export_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * The name.
   */
  const char *name;
  /**
   * Its length in bytes.
   */
  size_t name_len;
  /**
   * What is exported: an `UPDRAFT_KIND_` number.
   */
  updraft_kind_t kind;
  /**
   * Its index among the functions, tables, memories or globals of the module.
   */
  uint32_t item_index;
} updraft_export_t;

/**
 * The type of a table. Sizes are in elements. Set `struct_size` first.
 */
typedef struct updraft_tabletype_t {
  /**
   * Size of the struct, set by its user.
   */
  size_t struct_size;
  /**
   * A sum of `UPDRAFT_LIMITS_` numbers.
   */
  uint32_t flags;
  /**
   * Type of the elements, a reference.
   */
  updraft_valtype_t element;
  /**
   * Initial size.
   */
  uint64_t min;
  /**
   * Largest size, with UPDRAFT_LIMITS_HAS_MAX.
   */
  uint64_t max;
} updraft_tabletype_t;

/**
 * The type of a global. Set `struct_size` first.
 */
typedef struct updraft_globaltype_t {
  /**
   * Size of the struct, set by its user.
   */
  size_t struct_size;
  /**
   * Type of the value.
   */
  updraft_valtype_t content;
  /**
   * 1 if it can be written, else 0.
   */
  uint32_t is_mutable;
} updraft_globaltype_t;

/**
 * Looks for the entry with the name in the `key_len` bytes (32) at `key`, and gives its bytes to
 * `updraft_cache_value_set`. Returns `UPDRAFT_STATUS_OK`, `UPDRAFT_STATUS_NOT_FOUND` if there is none, or any other status
 * if it cannot tell: both are misses. The bytes need not be trusted: they are authenticated with the key of
 * `updraft_config_set_cache_key`.
 *
 * Called on threads that make modules, and on those that write (`updraft_cache_put_t`), several at once, under no lock, and
 * often on a stack of the engine's: a language whose runtime must know its stacks passes the request on to a thread of its
 * own. It may take its time, which whoever makes the module waits for. It must not use modules, stores or the engine.
 */
typedef updraft_status_t (*updraft_cache_get_t)(void *env,
                                                const uint8_t *key,
                                                size_t key_len,
                                                struct updraft_cache_value_t *value);

/**
 * Keeps the `len` bytes at `bytes`, which it must copy, under the name in the `key_len` bytes (32) at `key`, in place of
 * what was there. Returns `UPDRAFT_STATUS_OK`, or any other status if it could not. What was there was read by
 * `updraft_cache_get_t` just before, and what is new in it is part of the new bytes.
 *
 * Called on threads that compile in the background, or run it (`updraft_engine_run_jobs`), on those that give up a module
 * as its last user, and in `updraft_module_cache_write`. Otherwise as `updraft_cache_get_t`.
 */
typedef updraft_status_t (*updraft_cache_put_t)(void *env,
                                                const uint8_t *key,
                                                size_t key_len,
                                                const uint8_t *bytes,
                                                size_t len);

/**
 * What became of the accesses to a cache. Set `struct_size` before it is filled in.
 */
typedef struct updraft_cache_stats_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * Modules that began with what an entry had.
   */
  uint64_t hits;
  /**
   * Modules that did not; the sum of the following.
   */
  uint64_t misses;
  /**
   * There was no entry.
   */
  uint64_t absent;
  /**
   * The system, or the host's own store, would not give it.
   */
  uint64_t unreadable;
  /**
   * There was something else in its place (a link, a directory, a file of another user, of a size that no entry has), or
   * the directory is one that others may write to.
   */
  uint64_t not_an_entry;
  /**
   * It was made with another key, or was changed or damaged.
   */
  uint64_t not_authentic;
  /**
   * It was made by another version, for another processor, or with other settings.
   */
  uint64_t other_engine;
  /**
   * There was no key.
   */
  uint64_t no_key;
  /**
   * Entries that were written.
   */
  uint64_t writes;
  /**
   * Entries that could not be written.
   */
  uint64_t failures;
  /**
   * Bytes that were written.
   */
  uint64_t written_bytes;
} updraft_cache_stats_t;

/**
 * Kinds of events, as bits: `1 << UPDRAFT_EVENT_...`.
 */
typedef uint32_t updraft_event_mask_t;

/**
 * What an event tells. *State events* (1 to 4) say what became of a module: they are remembered as long as the module
 * lives, and later subscribers get them, once. *Stream events* say what was done, to those who are subscribed then.
 * Of a module, BASELINE_FINISHED comes at most once, and exactly one of FAILED, CANCELLED and CLOSED, as its last.
 */
typedef uint32_t updraft_event_kind_t;

/**
 * Where code came from.
 */
typedef uint32_t updraft_origin_t;

/**
 * Something that happened. What a kind does not speak of is 0 (`func`, `worker`: none).
 */
typedef struct updraft_event_t {
  /**
   * Bytes of this struct that are filled in.
   */
  uint32_t size;
  /**
   * What it tells: an `UPDRAFT_EVENT_` number. Later versions may add some.
   */
  updraft_event_kind_t kind;
  /**
   * Counts the events of the engine. Grows from event to event of a subscription; a RESYNC has the number of the
   * first event that was dropped.
   */
  uint64_t seq;
  /**
   * When it was posted: nanoseconds of CLOCK_MONOTONIC.
   */
  uint64_t time_ns;
  /**
   * The module (`updraft_module_id`), 0 for a RESYNC of a whole engine.
   */
  uint64_t module_id;
  /**
   * How long the work took.
   */
  uint64_t duration_ns;
  /**
   * Index of the function, imported ones counted; `UPDRAFT_NO_FUNC`.
   */
  uint32_t func;
  /**
   * How many functions, or dropped events, it stands for; of a loop, where it is.
   */
  uint32_t count;
  /**
   * Bytes of machine code.
   */
  uint32_t code_size;
  /**
   * Why: an `UPDRAFT_STATUS_` number.
   */
  updraft_status_t status;
  /**
   * The tier before, an `UPDRAFT_TIER_` number; 0 = none.
   */
  uint16_t from_tier;
  /**
   * The tier now.
   */
  uint16_t to_tier;
  /**
   * Which worker did the work, from 1; `UPDRAFT_NO_WORKER`.
   */
  uint32_t worker;
  /**
   * When the work began, by the clock of `time_ns`.
   */
  uint64_t began_ns;
  /**
   * Where the code came from: an `UPDRAFT_ORIGIN_` number.
   */
  updraft_origin_t origin;
  /**
   * 0.
   */
  uint32_t reserved;
} updraft_event_t;

/**
 * On which threads a callback is called.
 */
typedef uint32_t updraft_event_thread_t;

/**
 * Called with an event, which lives until it returns. It may call Updraft, also to close its own subscription, but for
 * functions that wait; it must not delete the engine's last reference.
 */
typedef void (*updraft_event_callback_t)(void *env, const struct updraft_event_t *event);

/**
 * What a hint is about. A hint never changes what a program does.
 */
typedef uint32_t updraft_hint_kind_t;

/**
 * How far a job is.
 */
typedef uint32_t updraft_job_state_t;

/**
 * Why the code of an artifact is not used. Later versions may add some.
 */
typedef uint32_t updraft_artifact_verdict_t;

/**
 * What the artifact of a module was good for so far. Set `struct_size` before it is filled in.
 */
typedef struct updraft_artifact_status_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * Whether its code is used, or why not.
   */
  updraft_artifact_verdict_t verdict;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Bytes that the code in it takes there.
   */
  uint64_t code_bytes;
  /**
   * Functions that were loaded, not compiled.
   */
  uint64_t loaded;
  /**
   * Pieces that turned out not to be what was written when they were needed: their functions are compiled.
   */
  uint64_t damaged;
} updraft_artifact_status_t;

/**
 * When functions move to the top tier by themselves.
 */
typedef uint32_t updraft_tiering_t;

/**
 * How a function has run.
 */
typedef struct updraft_func_profile_t {
  /**
   * Bytes of this struct that are filled in.
   */
  uint32_t size;
  /**
   * Index of the function, imported ones counted.
   */
  uint32_t func;
  /**
   * `UPDRAFT_PROFILE_` bits.
   */
  uint32_t flags;
  /**
   * How many of its operators something is known of: what `updraft_module_profile_sites` gives.
   */
  uint32_t sites;
  /**
   * How often baseline code of the module called it. Calls by the host, by other modules and by code of the top tier
   * are not counted.
   */
  uint64_t calls;
} updraft_func_profile_t;

/**
 * What is counted.
 */
typedef uint32_t updraft_profile_site_kind_t;

/**
 * How an operator has run.
 */
typedef struct updraft_profile_site_t {
  /**
   * Bytes of this struct that are filled in.
   */
  uint32_t size;
  /**
   * What it is.
   */
  updraft_profile_site_kind_t kind;
  /**
   * Offset of the operator from the first byte of the module.
   */
  uint32_t module_offset;
  /**
   * How many of the targets are filled in, for an indirect call.
   */
  uint32_t target_count;
  /**
   * How often it was run in the baseline tier; for a loop, how often the budget of its function was spent there, which
   * tells where its time goes.
   */
  uint64_t count;
  /**
   * Functions of the module that it called, the most frequent first, and how often each. What is missing to `count` are
   * others.
   */
  uint32_t targets[4];
  /**
   * How often each was called.
   */
  uint64_t target_counts[4];
} updraft_profile_site_t;

/**
 * What becomes of functions that a profile says to be hot.
 */
typedef uint32_t updraft_profile_use_t;

/**
 * What a host decides about the tiers of a function.
 */
typedef uint32_t updraft_policy_t;

/**
 * Which compilations a cancellation stops.
 */
typedef uint32_t updraft_cancel_t;

/**
 * The state of a function at one moment.
 */
typedef struct updraft_func_state_t {
  /**
   * Bytes of this struct that are filled in.
   */
  uint32_t size;
  /**
   * Index of the function, imported ones counted.
   */
  uint32_t func;
  /**
   * The tier of the code that callers reach: an `UPDRAFT_TIER_` number, 0 = it is compiled at its next call.
   */
  updraft_tier_t tier;
  /**
   * The tier that it is to reach by what was asked for so far; 0 = none, or nothing was asked for.
   */
  updraft_tier_t target_tier;
  /**
   * `UPDRAFT_FUNC_` bits.
   */
  uint32_t flags;
  /**
   * Bytes of its machine code.
   */
  uint32_t code_size;
  /**
   * How long that code took to compile, in nanoseconds.
   */
  uint64_t compile_ns;
  /**
   * How often it was called, if `UPDRAFT_FUNC_CALLS_KNOWN` is set.
   */
  uint64_t calls;
  /**
   * How often the top tier has compiled it.
   */
  uint32_t top_compilations;
  /**
   * The priority of the last request for the top tier.
   */
  uint32_t priority;
} updraft_func_state_t;

/**
 * Numbers of a module's compilation. Set `struct_size` before it is filled in. They are read one by one, while other
 * threads may go on; when nothing is queued or compiled they fit together.
 */
typedef struct updraft_module_stats_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * Functions that the module defines.
   */
  uint64_t functions;
  /**
   * Functions whose code is of the baseline tier.
   */
  uint64_t baseline_functions;
  /**
   * Functions whose code is of the top tier.
   */
  uint64_t top_functions;
  /**
   * Functions that the baseline tier cannot compile.
   */
  uint64_t baseline_refused;
  /**
   * Functions that the top tier cannot compile.
   */
  uint64_t top_refused;
  /**
   * Functions that lack what the strategy asks for at first.
   */
  uint64_t outstanding_first;
  /**
   * Functions that lack what was asked for so far.
   */
  uint64_t outstanding;
  /**
   * Units that are queued or compiled, or wait to be published.
   */
  uint64_t units;
  /**
   * Functions that were compiled, each tier counted.
   */
  uint64_t compiled;
  /**
   * Units that nobody needed any more.
   */
  uint64_t discarded;
  /**
   * Batches of code that were published.
   */
  uint64_t publications;
  /**
   * How often a call had to wait for another thread's publication.
   */
  uint64_t publication_waits;
  /**
   * Bytes of machine code.
   */
  uint64_t code_bytes;
  /**
   * Bytes that the module takes, machine code included, its instances not.
   */
  uint64_t memory_bytes;
  /**
   * Loops that have code of their own in the top tier.
   */
  uint64_t loops;
  /**
   * How often threads that ran a loop in the baseline tier went on there.
   */
  uint64_t loops_entered;
} updraft_module_stats_t;

/**
 * Has the host run a task (`updraft_task_run`), sooner or later, on a thread of its own, or here; or delete it. A task
 * compiles until nothing is left to do. Called on any thread that adds work, under no lock; several at once.
 */
typedef void (*updraft_executor_t)(void *env, struct updraft_task_t *task);

/**
 * How much memory a module is expected to take. Set `struct_size` before it is filled in.
 */
typedef struct updraft_estimate_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * Functions that the module defines.
   */
  uint64_t functions;
  /**
   * Bytes of machine code, once every function was compiled.
   */
  uint64_t code_bytes;
  /**
   * Bytes of what the engine keeps about functions.
   */
  uint64_t record_bytes;
  /**
   * Bytes of the module itself.
   */
  uint64_t wire_bytes;
  /**
   * All of it.
   */
  uint64_t total_bytes;
} updraft_estimate_t;

/**
 * Numbers of an engine's background compilation, since it was made. Set `struct_size` before it is filled in. They are
 * read one by one while other threads may go on; when nothing is queued or in flight they fit together: what was added
 * was compiled, failed or was discarded. "First" is work that gives functions their first code, "background" the rest.
 */
typedef struct updraft_compile_stats_t {
  /**
   * Size of the struct, set by the caller.
   */
  size_t struct_size;
  /**
   * Units that are queued.
   */
  uint64_t first_queued;
  /**
   * Units that are being compiled.
   */
  uint64_t first_in_flight;
  /**
   * Units that were added.
   */
  uint64_t first_added;
  /**
   * Units that were compiled.
   */
  uint64_t first_compiled;
  /**
   * Units that could not be compiled.
   */
  uint64_t first_failed;
  /**
   * Units that nobody needed any more.
   */
  uint64_t first_discarded;
  /**
   * Units that a thread took from another one's queue.
   */
  uint64_t first_stolen;
  /**
   * Nanoseconds that units spent in queues.
   */
  uint64_t first_wait_ns;
  /**
   * Nanoseconds that units took.
   */
  uint64_t first_run_ns;
  /**
   * As `first_queued`.
   */
  uint64_t background_queued;
  /**
   * As `first_in_flight`.
   */
  uint64_t background_in_flight;
  /**
   * As `first_added`.
   */
  uint64_t background_added;
  /**
   * As `first_compiled`.
   */
  uint64_t background_compiled;
  /**
   * As `first_failed`.
   */
  uint64_t background_failed;
  /**
   * As `first_discarded`.
   */
  uint64_t background_discarded;
  /**
   * As `first_stolen`.
   */
  uint64_t background_stolen;
  /**
   * As `first_wait_ns`.
   */
  uint64_t background_wait_ns;
  /**
   * As `first_run_ns`.
   */
  uint64_t background_run_ns;
  /**
   * Units that went before others because of a priority.
   */
  uint64_t prioritised;
  /**
   * Threads of the engine that compile now.
   */
  uint64_t threads;
  /**
   * Times that a thread handed what it had compiled to a publication.
   */
  uint64_t publications;
  /**
   * Units in them.
   */
  uint64_t published_units;
  /**
   * Bytes of machine code in them.
   */
  uint64_t published_bytes;
  /**
   * How often a thread had to wait for a lock.
   */
  uint64_t lock_waits;
  /**
   * How often a thread went to sleep.
   */
  uint64_t sleeps;
  /**
   * How often one was woken.
   */
  uint64_t wakes;
  /**
   * Bytes of machine code and what belongs to it, of all modules.
   */
  uint64_t code_bytes;
  /**
   * The bound of that (`updraft_engine_set_code_limit`).
   */
  uint64_t code_limit;
} updraft_compile_stats_t;

/**
 * An object of a store: instance, function, table, memory, global or external reference. 0 is none. A handle keeps
 * its object alive until it is released (`updraft_store_release`); stale and foreign ones are noticed.
 */
typedef uint64_t updraft_handle_t;

/**
 * A handle of an external reference.
 */
typedef updraft_handle_t updraft_externref_t;

/**
 * Bounds on what guests may allocate in a store. Set `struct_size` first.
 */
typedef struct updraft_store_limits_t {
  /**
   * Size of the struct, set by its user.
   */
  size_t struct_size;
  /**
   * Bytes of one memory.
   */
  uint64_t memory_bytes;
  /**
   * Elements of one table.
   */
  uint64_t table_elements;
  /**
   * Instances alive.
   */
  uint64_t instances;
  /**
   * Memories alive.
   */
  uint64_t memories;
  /**
   * Tables alive.
   */
  uint64_t tables;
} updraft_store_limits_t;

/**
 * A handle of an instance.
 */
typedef updraft_handle_t updraft_instance_t;

/**
 * A handle of a memory.
 */
typedef updraft_handle_t updraft_memory_t;

/**
 * What can be imported and exported.
 */
typedef struct updraft_extern_t {
  /**
   * UPDRAFT_KIND_FUNC, _TABLE, _MEMORY or _GLOBAL.
   */
  updraft_kind_t kind;
  /**
   * Ignored.
   */
  uint32_t reserved;
  /**
   * The object.
   */
  updraft_handle_t handle;
} updraft_extern_t;

/**
 * What a value is, without its type.
 */
typedef union updraft_value_t {
  /**
   * UPDRAFT_VAL_I32.
   */
  int32_t i32;
  /**
   * UPDRAFT_VAL_I64.
   */
  int64_t i64;
  /**
   * UPDRAFT_VAL_F32.
   */
  float f32;
  /**
   * UPDRAFT_VAL_F64.
   */
  double f64;
  /**
   * UPDRAFT_VAL_V128, in memory order.
   */
  uint8_t v128[16];
  /**
   * UPDRAFT_VAL_FUNCREF and UPDRAFT_VAL_EXTERNREF: a handle, 0 for null.
   */
  updraft_handle_t handle;
} updraft_value_t;

/**
 * A value with its type. Bytes that the type does not need are ignored.
 */
typedef struct updraft_val_t {
  /**
   * Which member of `of` is set.
   */
  updraft_valtype_t kind;
  /**
   * Ignored.
   */
  uint32_t reserved;
  /**
   * The value.
   */
  union updraft_value_t of;
} updraft_val_t;

/**
 * A host function. `args` holds `arg_count` arguments of the function's parameter types, `results` room for
 * `result_count` results, set to zero and null values of their types, which must be kept.
 *
 * References among the arguments are borrowed: valid until the function returns, unless `updraft_store_retain`
 * is called. References among the results are handed over: the library releases them, so that a borrowed one must be
 * retained before it is returned. `caller` is valid until the function returns.
 *
 * Returns NULL, or an error (`updraft_error_new`, or one that a call gave it), which is taken over: it stops the
 * WebAssembly that called, and the results are not looked at. Must not unwind, nor leave by longjmp, and leaves the
 * floating-point environment (rounding, exceptions, flushing to zero) as it found it: the host's. Runs on the thread that
 * entered WebAssembly.
 */
typedef struct updraft_error_t *(*updraft_callback_t)(void *env,
                                                      struct updraft_caller_t *caller,
                                                      const struct updraft_val_t *args,
                                                      size_t arg_count,
                                                      struct updraft_val_t *results,
                                                      size_t result_count);

/**
 * A handle of a function.
 */
typedef updraft_handle_t updraft_func_t;

/**
 * One cell of a raw argument and result array. Narrow values occupy the low bytes; the others are ignored.
 * 16 bytes, aligned to 16.
 */
typedef union UPDRAFT_ALIGNED(16) updraft_raw_t {
  /**
   * An i32.
   */
  int32_t i32;
  /**
   * An i64.
   */
  int64_t i64;
  /**
   * An f32.
   */
  float f32;
  /**
   * An f64.
   */
  double f64;
  /**
   * A v128, in memory order.
   */
  uint8_t v128[16];
  /**
   * A function reference (`updraft_func_to_raw`), 0 for null.
   */
  size_t funcref;
  /**
   * An external reference (`updraft_externref_to_raw`), 0 for null.
   */
  uint32_t externref;
} updraft_raw_t;

/**
 * A host function without checks: `values` holds the arguments in the order of the parameters, and takes the results
 * in the order of the results, in the same `count` cells (the larger of both numbers). A reference in raw form stays valid
 * while a call runs, also after its handle was released. Otherwise as `updraft_callback_t`.
 */
typedef struct updraft_error_t *(*updraft_raw_callback_t)(void *env,
                                                          struct updraft_caller_t *caller,
                                                          union updraft_raw_t *values,
                                                          size_t count);

/**
 * A handle of a global.
 */
typedef updraft_handle_t updraft_global_t;

/**
 * A handle of a table.
 */
typedef updraft_handle_t updraft_table_t;

/**
 * Whether a program may change what is in a directory.
 */
typedef uint32_t updraft_wasi_access_t;

/**
 * A standard stream of a WASI program: its descriptor.
 */
typedef uint32_t updraft_wasi_stream_t;

/**
 * Gives a program input: fills `buffer`, which has room for `len` bytes, and returns how many it wrote; 0 ends the
 * stream; a negative number is an `errno` value, negated. Runs on the thread that runs the program.
 */
typedef ptrdiff_t (*updraft_wasi_read_t)(void *env, uint8_t *buffer, size_t len);

/**
 * Takes a program's output: `len` bytes at `bytes`. Returns how many it took; a negative number is an `errno` value,
 * negated. Runs on the thread that runs the program.
 */
typedef ptrdiff_t (*updraft_wasi_write_t)(void *env, const uint8_t *bytes, size_t len);

/**
 * The baseline tier (not there yet).
 */
#define UPDRAFT_TIER_BASELINE 1

/**
 * The optimising tier.
 */
#define UPDRAFT_TIER_TOP 2

/**
 * No trap.
 */
#define UPDRAFT_TRAP_NONE 0

/**
 * The stack of the call is used up.
 */
#define UPDRAFT_TRAP_STACK_OVERFLOW 1

/**
 * Access outside of a linear memory.
 */
#define UPDRAFT_TRAP_MEMORY_OUT_OF_BOUNDS 2

/**
 * Atomic access to an address that is not aligned.
 */
#define UPDRAFT_TRAP_UNALIGNED_ATOMIC 3

/**
 * Access outside of a table.
 */
#define UPDRAFT_TRAP_TABLE_OUT_OF_BOUNDS 4

/**
 * `call_indirect` with an index outside of the table.
 */
#define UPDRAFT_TRAP_UNDEFINED_ELEMENT 5

/**
 * `call_indirect` of a null element.
 */
#define UPDRAFT_TRAP_UNINITIALIZED_ELEMENT 6

/**
 * `call_indirect` of a function of another type.
 */
#define UPDRAFT_TRAP_INDIRECT_CALL_TYPE_MISMATCH 7

/**
 * The quotient is not representable.
 */
#define UPDRAFT_TRAP_INTEGER_OVERFLOW 8

/**
 * Division by zero.
 */
#define UPDRAFT_TRAP_INTEGER_DIVIDE_BY_ZERO 9

/**
 * The float is not representable as an integer.
 */
#define UPDRAFT_TRAP_INVALID_CONVERSION_TO_INTEGER 10

/**
 * `unreachable` was executed.
 */
#define UPDRAFT_TRAP_UNREACHABLE 11

/**
 * `memory.atomic.wait` on a memory that is not shared.
 */
#define UPDRAFT_TRAP_WAIT_ON_UNSHARED_MEMORY 12

/**
 * A null reference was used.
 */
#define UPDRAFT_TRAP_NULL_REFERENCE 13

/**
 * The host interrupted the call.
 */
#define UPDRAFT_TRAP_INTERRUPT 14

/**
 * The deadline of the call passed.
 */
#define UPDRAFT_TRAP_DEADLINE 15

/**
 * A host function raised an error.
 */
#define UPDRAFT_TRAP_HOST 16

/**
 * A function could not be compiled when it was first called.
 */
#define UPDRAFT_TRAP_COMPILATION_FAILED 17

/**
 * The guest asked to end the program (`proc_exit`); the error has the exit status.
 */
#define UPDRAFT_TRAP_EXIT 18

/**
 * The store has less fuel left than the next operators take (`updraft_config_set_fuel`).
 */
#define UPDRAFT_TRAP_OUT_OF_FUEL 19

/**
 * The module was found to be invalid, and the function that was called was not known to be valid by then
 * (`updraft_validation_t`). The error names the function that is invalid, and the offset.
 */
#define UPDRAFT_TRAP_INVALID_MODULE 20

/**
 * It worked.
 */
#define UPDRAFT_STATUS_OK 0

/**
 * The host broke the contract of the interface: a NULL or stale pointer, a wrong handle, an unknown number, a
 * value of the wrong type. The message names the argument.
 */
#define UPDRAFT_STATUS_MISUSE 1

/**
 * The bytes are not a valid module; the error has the offset.
 */
#define UPDRAFT_STATUS_INVALID 2

/**
 * A feature is switched off, not there yet, or not compiled into this library.
 */
#define UPDRAFT_STATUS_UNSUPPORTED 3

/**
 * The text format could not be parsed.
 */
#define UPDRAFT_STATUS_TEXT 4

/**
 * A function could not be compiled.
 */
#define UPDRAFT_STATUS_COMPILE 5

/**
 * Imports are missing, or are not what the module asks for.
 */
#define UPDRAFT_STATUS_LINK 6

/**
 * A limit was reached.
 */
#define UPDRAFT_STATUS_LIMIT 7

/**
 * The object is in use, by another thread or by a call that is still running.
 */
#define UPDRAFT_STATUS_BUSY 8

/**
 * The operating system refused memory, a thread or a file.
 */
#define UPDRAFT_STATUS_SYSTEM 9

/**
 * WebAssembly trapped, or a host function raised an error; the error has the trap code and the frames.
 */
#define UPDRAFT_STATUS_TRAP 10

/**
 * The engine has a bug and noticed it. Only the delete functions may be called on the objects involved.
 */
#define UPDRAFT_STATUS_BUG 11

/**
 * There is nothing of this name.
 */
#define UPDRAFT_STATUS_NOT_FOUND 12

/**
 * An index or an address is out of bounds.
 */
#define UPDRAFT_STATUS_OUT_OF_BOUNDS 13

/**
 * What was waited for did not come in time.
 */
#define UPDRAFT_STATUS_TIMEOUT 14

/**
 * It was cancelled, or what would bring it is gone.
 */
#define UPDRAFT_STATUS_CANCELLED 15

/**
 * What was waited for can never come: it was refused, or is not allowed.
 */
#define UPDRAFT_STATUS_FAILED 16

/**
 * Mutable globals may be imported and exported.
 */
#define UPDRAFT_FEATURE_MUTABLE_GLOBAL 0

/**
 * Float to integer conversions that saturate.
 */
#define UPDRAFT_FEATURE_SATURATING_FLOAT_TO_INT 1

/**
 * Sign extension operators.
 */
#define UPDRAFT_FEATURE_SIGN_EXTENSION 2

/**
 * References and several tables.
 */
#define UPDRAFT_FEATURE_REFERENCE_TYPES 3

/**
 * Several results, and blocks with parameters.
 */
#define UPDRAFT_FEATURE_MULTI_VALUE 4

/**
 * Bulk operators on memories and tables.
 */
#define UPDRAFT_FEATURE_BULK_MEMORY 5

/**
 * 128-bit vectors.
 */
#define UPDRAFT_FEATURE_SIMD 6

/**
 * Vector operators with a choice of results.
 */
#define UPDRAFT_FEATURE_RELAXED_SIMD 7

/**
 * Shared memories and atomic operators.
 */
#define UPDRAFT_FEATURE_THREADS 8

/**
 * Tail calls.
 */
#define UPDRAFT_FEATURE_TAIL_CALL 9

/**
 * Several memories.
 */
#define UPDRAFT_FEATURE_MULTI_MEMORY 10

/**
 * 64-bit memories and tables.
 */
#define UPDRAFT_FEATURE_MEMORY64 11

/**
 * Arithmetic in constant expressions.
 */
#define UPDRAFT_FEATURE_EXTENDED_CONST 12

/**
 * 128-bit addition, subtraction and multiplication.
 */
#define UPDRAFT_FEATURE_WIDE_ARITHMETIC 13

/**
 * Modules may be given in the text format.
 */
#define UPDRAFT_CAPABILITY_TEXT 1

/**
 * WASI preview 1 is there.
 */
#define UPDRAFT_CAPABILITY_WASI 2

/**
 * The baseline tier is there.
 */
#define UPDRAFT_CAPABILITY_BASELINE_TIER 3

/**
 * The optimising tier is there.
 */
#define UPDRAFT_CAPABILITY_TOP_TIER 4

/**
 * Code for other kinds of machines can be made (`updraft_config_set_target`).
 */
#define UPDRAFT_CAPABILITY_ALL_ARCH 5

/**
 * 32-bit integer.
 */
#define UPDRAFT_VAL_I32 0

/**
 * 64-bit integer.
 */
#define UPDRAFT_VAL_I64 1

/**
 * 32-bit float.
 */
#define UPDRAFT_VAL_F32 2

/**
 * 64-bit float.
 */
#define UPDRAFT_VAL_F64 3

/**
 * 128-bit vector.
 */
#define UPDRAFT_VAL_V128 4

/**
 * Nullable reference to a host object.
 */
#define UPDRAFT_VAL_EXTERNREF 128

/**
 * Nullable reference to a function.
 */
#define UPDRAFT_VAL_FUNCREF 129

/**
 * A function.
 */
#define UPDRAFT_KIND_FUNC 1

/**
 * A table.
 */
#define UPDRAFT_KIND_TABLE 2

/**
 * A memory.
 */
#define UPDRAFT_KIND_MEMORY 3

/**
 * A global.
 */
#define UPDRAFT_KIND_GLOBAL 4

/**
 * An instance; never imported or exported.
 */
#define UPDRAFT_KIND_INSTANCE 16

/**
 * An external reference; never imported or exported.
 */
#define UPDRAFT_KIND_EXTERNREF 17

/**
 * All functions before the module exists.
 */
#define UPDRAFT_STRATEGY_EAGER 0

/**
 * Each function at its first call.
 */
#define UPDRAFT_STRATEGY_LAZY 1

/**
 * All functions in the background, from the creation of the module on; what is called before its turn comes is
 * compiled at once.
 */
#define UPDRAFT_STRATEGY_EAGER_BACKGROUND 2

/**
 * In the baseline tier at the first call, in the top tier in the background, from the creation of the module on. With
 * one tier only: as LAZY, or as EAGER_BACKGROUND if that is the top tier.
 */
#define UPDRAFT_STRATEGY_LAZY_BASELINE_EAGER_TOP 3

/**
 * Before the module exists. Of several invalid bodies, the error is about the one with the lowest index.
 */
#define UPDRAFT_VALIDATION_UPFRONT 0

/**
 * Each before it is compiled for the first time.
 */
#define UPDRAFT_VALIDATION_DEFERRED 1

/**
 * As DEFERRED, and all of them by the workers, from the creation of the module on.
 */
#define UPDRAFT_VALIDATION_BACKGROUND 2

/**
 * The optimising one only.
 */
#define UPDRAFT_TIERS_TOP 0

/**
 * The fast one only.
 */
#define UPDRAFT_TIERS_BASELINE 1

/**
 * The fast one first, the optimising one for what is worth it.
 */
#define UPDRAFT_TIERS_BOTH 2

/**
 * The engine's own where there is one for the processor.
 */
#define UPDRAFT_BASELINE_AUTO 0

/**
 * The engine's own; the engine is refused where there is none.
 */
#define UPDRAFT_BASELINE_NATIVE 1

/**
 * The optimising compiler with optimisation switched off.
 */
#define UPDRAFT_BASELINE_PORTABLE 2

/**
 * Guarded if a probe at engine creation finds that the process may reserve the address space, else explicit.
 */
#define UPDRAFT_MEMORY_MODE_AUTO 0

/**
 * By unmapped pages; the engine is refused if they cannot be had.
 */
#define UPDRAFT_MEMORY_MODE_GUARDED 1

/**
 * By explicit checks.
 */
#define UPDRAFT_MEMORY_MODE_EXPLICIT 2

/**
 * State: every function has what the module's strategy asks for at first.
 */
#define UPDRAFT_EVENT_BASELINE_FINISHED 1

/**
 * State, last of its module: the module cannot be used; `status` says why, and `func` which body is invalid if that was found
 * after the module was made (`updraft_validation_t`). Takes back what was not delivered yet.
 */
#define UPDRAFT_EVENT_FAILED 2

/**
 * State, last of its module: its background work was cancelled.
 */
#define UPDRAFT_EVENT_CANCELLED 3

/**
 * State, last of its module: nobody uses it any more.
 */
#define UPDRAFT_EVENT_CLOSED 4

/**
 * Stream: a batch of code was published: `count` functions, `code_size` bytes.
 */
#define UPDRAFT_EVENT_COMPILATION_CHUNK 5

/**
 * Stream: a function reached a tier: `func`, `from_tier`, `to_tier`, `code_size`, `began_ns`, `duration_ns`,
 * `worker`. The tiers of a function only go up, until its code is dropped; one that was replaced at once may be left out.
 */
#define UPDRAFT_EVENT_FUNCTION_TIERED 6

/**
 * Stream: a tier (`to_tier`) cannot compile a function (`func`), which stays as it is; `status` says why.
 */
#define UPDRAFT_EVENT_FUNCTION_REFUSED 7

/**
 * The queue was full: `count` events were dropped here. State events among them follow, if their module lives; what
 * else was missed can be asked for (`updraft_module_func_states`). Comes whatever the mask says.
 */
#define UPDRAFT_EVENT_RESYNC 8

/**
 * Stream: code was compiled for threads that run a loop of a function (`func`) in the baseline tier, so that they go on
 * in the top tier, or was refused (`status` says why, else 0): `code_size`, `began_ns`, `duration_ns`, `worker`; `count`
 * is the offset of the loop's operator in the module. The function itself stays where it is.
 */
#define UPDRAFT_EVENT_LOOP_TIERED 9

/**
 * Stream: a module was written to the cache (`updraft_config_set_cache_directory`): `count` functions with code of the top
 * tier, `code_size` bytes in all.
 */
#define UPDRAFT_EVENT_CACHE_WRITTEN 10

/**
 * Stream: `count` more functions of the module have code of the top tier that can be kept beyond this process, `code_size`
 * bytes: the next artifact or entry of a cache will have them.
 */
#define UPDRAFT_EVENT_SERIALIZABLE 11

/**
 * Every kind, also those of later versions.
 */
#define UPDRAFT_EVENT_MASK_ALL 4294967295

/**
 * It was compiled.
 */
#define UPDRAFT_ORIGIN_COMPILED 0

/**
 * It was loaded: kept from another process, or from a module before.
 */
#define UPDRAFT_ORIGIN_LOADED 1

/**
 * On those that post: workers of the engine, and threads of the host inside Updraft. Not for languages whose runtime
 * must know its threads.
 */
#define UPDRAFT_EVENT_THREAD_POSTER 0

/**
 * On the one that calls `updraft_subscription_dispatch`.
 */
#define UPDRAFT_EVENT_THREAD_DISPATCHER 1

/**
 * Which way an `if` or `br_if` goes, as a rule (`metadata.code.branch_hint`).
 */
#define UPDRAFT_HINT_BRANCH 1

/**
 * In which order functions are compiled, and how hot they are (`metadata.code.compilation_priority`, which was called
 * `compilation_order`).
 */
#define UPDRAFT_HINT_PRIORITY 2

/**
 * How often calls and loops run (`metadata.code.instr_freq`).
 */
#define UPDRAFT_HINT_FREQUENCY 3

/**
 * What indirect calls call (`metadata.code.call_targets`).
 */
#define UPDRAFT_HINT_TARGETS 4

/**
 * The module is being decoded, validated or compiled.
 */
#define UPDRAFT_JOB_RUNNING 0

/**
 * The module is there (`updraft_job_module`).
 */
#define UPDRAFT_JOB_DONE 1

/**
 * There will be no module; `updraft_job_wait` says why.
 */
#define UPDRAFT_JOB_FAILED 2

/**
 * It is used, each piece after it was authenticated.
 */
#define UPDRAFT_ARTIFACT_ACCEPTED 0

/**
 * It has another version of the format.
 */
#define UPDRAFT_ARTIFACT_VERSION 1

/**
 * Another build of the engine made it.
 */
#define UPDRAFT_ARTIFACT_BUILD 2

/**
 * It is for another kind of machine.
 */
#define UPDRAFT_ARTIFACT_TARGET 3

/**
 * It uses features that this processor does not have, or that this engine is not to use.
 */
#define UPDRAFT_ARTIFACT_CPU 4

/**
 * The engine that made it had other settings, of those that change code.
 */
#define UPDRAFT_ARTIFACT_SETTINGS 5

/**
 * The engine that made it allowed other features of WebAssembly.
 */
#define UPDRAFT_ARTIFACT_FEATURES 6

/**
 * It was made with another key.
 */
#define UPDRAFT_ARTIFACT_KEY 7

/**
 * It is not what was written.
 */
#define UPDRAFT_ARTIFACT_DAMAGED 8

/**
 * It is of another module than the one that it was to be used for.
 */
#define UPDRAFT_ARTIFACT_WASM 9

/**
 * The module was not made from an artifact.
 */
#define UPDRAFT_ARTIFACT_NONE UINT32_MAX

/**
 * Never: nothing is counted.
 */
#define UPDRAFT_TIERING_OFF 0

/**
 * When the work that was done in the baseline tier tells that compiling pays.
 */
#define UPDRAFT_TIERING_DEFAULT 1

/**
 * Ten times as early.
 */
#define UPDRAFT_TIERING_AGGRESSIVE 2

/**
 * After as much work as the host says.
 */
#define UPDRAFT_TIERING_CUSTOM 3

/**
 * They move to the top tier when they are hot here, too; the profile makes their code better then.
 */
#define UPDRAFT_PROFILE_USE_WAIT 0

/**
 * Those that had code of the top tier are compiled by it now, in the background. In an engine with one tier the same as
 * `UPDRAFT_PROFILE_USE_WAIT`.
 */
#define UPDRAFT_PROFILE_USE_TIER_UP 1

/**
 * A direct call of a function of the module.
 */
#define UPDRAFT_PROFILE_SITE_CALL 1

/**
 * An indirect call.
 */
#define UPDRAFT_PROFILE_SITE_INDIRECT_CALL 2

/**
 * A loop.
 */
#define UPDRAFT_PROFILE_SITE_LOOP 3

/**
 * As the strategy of its module says, and as requests come.
 */
#define UPDRAFT_POLICY_AUTO 0

/**
 * It is never compiled by the top tier. Code of the top tier that it has already stays. Not in an engine whose only tier
 * is the top one.
 */
#define UPDRAFT_POLICY_NEVER_TOP 1

/**
 * It is compiled by the top tier now, in the background.
 */
#define UPDRAFT_POLICY_EAGER_TOP 2

/**
 * Whatever is under way.
 */
#define UPDRAFT_CANCEL_ALWAYS 0

/**
 * Only if the module is not ready yet: what its strategy asks for at first is not all there.
 */
#define UPDRAFT_CANCEL_IF_NOT_READY 1

/**
 * Standard input.
 */
#define UPDRAFT_WASI_STDIN 0

/**
 * Standard output.
 */
#define UPDRAFT_WASI_STDOUT 1

/**
 * Standard error.
 */
#define UPDRAFT_WASI_STDERR 2

/**
 * It may not.
 */
#define UPDRAFT_WASI_READ_ONLY 0

/**
 * It may, as far as the operating system lets the process.
 */
#define UPDRAFT_WASI_READ_WRITE 1

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes the error that a host function returns to stop its caller with `UPDRAFT_TRAP_HOST`. It comes out of the
 * call that entered WebAssembly, with `payload` in it.
 *
 * Copies `len` bytes of text at `message`, which may be NULL if `len` is 0; text that is not UTF-8 is repaired.
 * `payload` may be NULL. `finalizer`, unless NULL, is called once with `payload` when the last reference to the
 * error goes, on the thread that deletes it. Returns an error owned by the caller; never NULL. Any thread. Since 0.1.
 */
struct updraft_error_t *updraft_error_new(const char *message,
                                          size_t len,
                                          void *payload,
                                          updraft_finalizer_t finalizer);

/**
 * Makes the error that a host function returns to end the program with `exit_status`: a trap of code
 * `UPDRAFT_TRAP_EXIT`.
 *
 * Returns an error owned by the caller; never NULL. Any thread. Since 0.1.
 */
struct updraft_error_t *updraft_error_new_exit(int32_t exit_status);

/**
 * Counts one more reference to an error; each is given up by `updraft_error_delete`. Writes the same pointer
 * to `out`.
 *
 * Fails with MISUSE for NULL or a wrong pointer. Any thread. Since 0.1.
 */
updraft_status_t updraft_error_clone(const struct updraft_error_t *err,
                                     struct updraft_error_t **out,
                                     struct updraft_error_t **error);

/**
 * Gives up a reference to an error; the last one frees it and runs the finalizer of its payload. NULL is allowed.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_error_delete(struct updraft_error_t *err);

/**
 * The status that the call returned which failed with this error; `UPDRAFT_STATUS_MISUSE` for NULL.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
updraft_status_t updraft_error_status(const struct updraft_error_t *err);

/**
 * What happened, for people: UTF-8, `*len` bytes and a NUL, lives as long as the error. An empty string for NULL.
 * `len` may be NULL.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
const char *updraft_error_message(const struct updraft_error_t *err,
                                  size_t *len);

/**
 * Writes to `offset` where in the module (or profile) the error is, counted from its first byte, and returns 1; returns 0
 * and writes nothing if the error has no offset (or is NULL). `offset` may be NULL.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
uint32_t updraft_error_offset(const struct updraft_error_t *err,
                              uint64_t *offset);

/**
 * Writes to `func` the index of the function that the error is about (it could not be compiled, it trapped, or it is
 * why the module is invalid, `UPDRAFT_TRAP_INVALID_MODULE`)
 * and returns 1; returns 0 and writes nothing if there is none (or for NULL). `func` may be NULL.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
uint32_t updraft_error_func_index(const struct updraft_error_t *err,
                                  uint32_t *func);

/**
 * The trap code (an `UPDRAFT_TRAP_` number), `UPDRAFT_TRAP_NONE` if the error is no trap (or NULL).
 *
 * Cannot fail. Any thread. Since 0.1.
 */
updraft_trap_code_t updraft_error_trap_code(const struct updraft_error_t *err);

/**
 * Writes to `exit_status` what the guest gave to `proc_exit` and returns 1; returns 0 and writes nothing if the
 * program did not exit (or for NULL). `exit_status` may be NULL.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
uint32_t updraft_error_exit_status(const struct updraft_error_t *err,
                                   int32_t *exit_status);

/**
 * The payload that the host function gave to `updraft_error_new`, NULL if there is none. Still owned by the error.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void *updraft_error_payload(const struct updraft_error_t *err);

/**
 * Number of frames of the backtrace, 0 if the error is no trap (or NULL).
 *
 * Cannot fail. Any thread. Since 0.1.
 */
size_t updraft_error_frame_count(const struct updraft_error_t *err);

/**
 * Fills in the frame at `index`; 0 is the innermost. The strings in it live as long as the error.
 *
 * Fails with MISUSE, and OUT_OF_BOUNDS for an index that is too large. Any thread. Since 0.1.
 */
updraft_status_t updraft_error_frame(const struct updraft_error_t *err,
                                     size_t index,
                                     struct updraft_frame_t *frame,
                                     struct updraft_error_t **error);

/**
 * What happens, in words, for a trap code: static and NUL-terminated; "unknown trap" for an unknown number.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
const char *updraft_trap_code_message(updraft_trap_code_t code);

/**
 * Version of the binary interface of the library that is running. A program that loads the library at run time
 * compares it with `UPDRAFT_ABI_VERSION`; unequal numbers do not work together.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
uint32_t updraft_abi_version(void);

/**
 * Version of the library, such as "0.1.0": NUL-terminated, static, never freed.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
const char *updraft_version_string(void);

/**
 * Processor and system that the library makes code for, such as "x86_64-linux": NUL-terminated, static, never freed.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
const char *updraft_target_string(void);

/**
 * 1 if this library implements a WebAssembly feature (an `UPDRAFT_FEATURE_` number), 0 if not or if the number
 * is unknown.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
uint32_t updraft_feature_supported(updraft_feature_t feature);

/**
 * 1 if this library has a capability (an `UPDRAFT_CAPABILITY_` number), 0 if not or if the number is unknown.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
uint32_t updraft_capability_supported(updraft_capability_t capability);

/**
 * The name of a feature, as specifications write it ("multi-value"): static, `*len` bytes and a NUL. NULL, and
 * length 0, for an unknown number. `len` may be NULL.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
const char *updraft_feature_name(updraft_feature_t feature,
                                 size_t *len);

/**
 * Makes a function type. The arrays are copied; each may be NULL if it is empty.
 *
 * Writes to `out` a type owned by the caller (`updraft_functype_delete`). Fails with MISUSE (an unknown value type,
 * or more than 1000 parameters or results). Any thread. Since 0.1.
 */
updraft_status_t updraft_functype_new(const updraft_valtype_t *params,
                                      size_t param_count,
                                      const updraft_valtype_t *results,
                                      size_t result_count,
                                      struct updraft_functype_t **out,
                                      struct updraft_error_t **error);

/**
 * Counts one more reference to a function type, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_functype_clone(const struct updraft_functype_t *functype,
                                        struct updraft_functype_t **out,
                                        struct updraft_error_t **error);

/**
 * Gives up a reference to a function type. NULL is allowed.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_functype_delete(struct updraft_functype_t *functype);

/**
 * Writes to `params` the types of the parameters and to `count` how many there are; the array lives as long as
 * the function type.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_functype_params(const struct updraft_functype_t *functype,
                                         const updraft_valtype_t **params,
                                         size_t *count,
                                         struct updraft_error_t **error);

/**
 * Writes to `results` the types of the results and to `count` how many there are; the array lives as long as
 * the function type.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_functype_results(const struct updraft_functype_t *functype,
                                          const updraft_valtype_t **results,
                                          size_t *count,
                                          struct updraft_error_t **error);

/**
 * Makes a configuration with the default settings.
 *
 * Writes to `out` a configuration owned by the caller (`updraft_config_delete`). Fails with MISUSE.
 * Any thread. Since 0.1.
 */
updraft_status_t updraft_config_new(struct updraft_config_t **out, struct updraft_error_t **error);

/**
 * Counts one more reference to a configuration, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_config_clone(const struct updraft_config_t *config,
                                      struct updraft_config_t **out,
                                      struct updraft_error_t **error);

/**
 * Gives up a reference to a configuration. NULL is allowed. Engines made from it are not affected.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_config_delete(struct updraft_config_t *config);

/**
 * Allows (1) or refuses (0) a WebAssembly feature (an `UPDRAFT_FEATURE_` number). Default: all are allowed.
 *
 * Fails with MISUSE, UNSUPPORTED for a feature that this library does not implement, and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_feature(struct updraft_config_t *config,
                                            updraft_feature_t feature,
                                            uint32_t on,
                                            struct updraft_error_t **error);

/**
 * When functions are compiled: an `UPDRAFT_STRATEGY_` number. Default: EAGER.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_strategy(struct updraft_config_t *config,
                                             updraft_strategy_t strategy,
                                             struct updraft_error_t **error);

/**
 * When bodies are validated: an `UPDRAFT_VALIDATION_` number. Default: UPFRONT.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_validation(struct updraft_config_t *config,
                                               updraft_validation_t validation,
                                               struct updraft_error_t **error);

/**
 * Which compilers are used: an `UPDRAFT_TIERS_` number. Default: BOTH.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_tiers(struct updraft_config_t *config,
                                          updraft_tiers_t tiers,
                                          struct updraft_error_t **error);

/**
 * Which compiler is the baseline tier: an `UPDRAFT_BASELINE_` number. Default: AUTO. NATIVE is refused
 * (`updraft_engine_new`) where there is none.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_baseline(struct updraft_config_t *config,
                                             updraft_baseline_t baseline,
                                             struct updraft_error_t **error);

/**
 * How accesses to 32-bit memories are kept in bounds: an `UPDRAFT_MEMORY_MODE_` number. Default: AUTO, which is
 * EXPLICIT when signals are off; GUARDED is refused then (`updraft_engine_new`).
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_memory_mode(struct updraft_config_t *config,
                                                updraft_memory_mode_t mode,
                                                struct updraft_error_t **error);

/**
 * Whether traps may use SIGSEGV, SIGBUS, SIGFPE and SIGILL (1, the default). If not (0), no handler is installed
 * and every check is explicit.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_signals(struct updraft_config_t *config,
                                            uint32_t on,
                                            struct updraft_error_t **error);

/**
 * Whether running code can be interrupted, and calls may have a timeout (1, the default), at the price of a poll
 * per loop iteration.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_interrupts(struct updraft_config_t *config,
                                               uint32_t on,
                                               struct updraft_error_t **error);

/**
 * Whether NaN results have one bit pattern (1) or what the processor gives (0, the default).
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_canonicalize_nans(struct updraft_config_t *config,
                                                      uint32_t on,
                                                      struct updraft_error_t **error);

/**
 * Whether processor features beyond x86-64-v2, AVX and later, are used where they exist (1, the default): the features
 * "native" or "x86-64-v2" of `updraft_config_set_target`.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_avx(struct updraft_config_t *config,
                                        uint32_t on,
                                        struct updraft_error_t **error);

/**
 * Whether explicitly checked memories move at each grow: a test mode. Default: 0.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_memory_moves(struct updraft_config_t *config,
                                                 uint32_t on,
                                                 struct updraft_error_t **error);

/**
 * Bytes of stack that one outermost call may use. Default: 1 MiB.
 *
 * Fails with MISUSE (0 bytes) and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_max_stack(struct updraft_config_t *config,
                                              size_t bytes,
                                              struct updraft_error_t **error);

/**
 * Threads that validate and compile a module while its maker waits, the calling one included; the others are workers
 * that are free. 0, the default: as many as the process may use. With 1, calling threads alone compile, unless
 * `updraft_config_set_workers` says otherwise.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_compile_threads(struct updraft_config_t *config,
                                                    size_t threads,
                                                    struct updraft_error_t **error);

/**
 * Bytes of address space for machine code and what belongs to it. Default: 1 GiB.
 *
 * Fails with MISUSE (0 bytes) and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_code_reservation(struct updraft_config_t *config,
                                                     size_t bytes,
                                                     struct updraft_error_t **error);

/**
 * Frames that a backtrace keeps; 0 = no backtraces. Default: 64.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_backtrace_frames(struct updraft_config_t *config,
                                                     size_t frames,
                                                     struct updraft_error_t **error);

/**
 * Whether initial data are mapped copy-on-write where that is possible (1, the default).
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_memory_images(struct updraft_config_t *config,
                                                  uint32_t on,
                                                  struct updraft_error_t **error);

/**
 * Makes the host the source of linear memories, instead of the engine.
 *
 * `create` may be NULL, which gives the task back to the engine (`env` and `finalizer` are then ignored).
 * `finalizer`, unless NULL, is called once with `env` when the last configuration or engine that uses it goes, on
 * the thread that drops it. On failure `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_memory_creator(struct updraft_config_t *config,
                                                   updraft_memory_create_t create,
                                                   void *env,
                                                   updraft_finalizer_t finalizer,
                                                   struct updraft_error_t **error);

/**
 * Makes the compilation of one function fail, counted among those that a module defines: a test mode.
 * `UINT32_MAX`, the default: none.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_fail_function(struct updraft_config_t *config,
                                                  uint32_t func,
                                                  struct updraft_error_t **error);

/**
 * Makes an engine. `config` may be NULL for the default settings; it is copied, and stays with the caller.
 *
 * Writes to `out` an engine owned by the caller (`updraft_engine_delete`). Fails with MISUSE (also for settings that
 * contradict each other), BUSY (the configuration), UNSUPPORTED (a processor or system without what the engine needs) and SYSTEM. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_new(const struct updraft_config_t *config,
                                    struct updraft_engine_t **out,
                                    struct updraft_error_t **error);

/**
 * Counts one more reference to an engine, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_clone(const struct updraft_engine_t *engine,
                                      struct updraft_engine_t **out,
                                      struct updraft_error_t **error);

/**
 * Gives up a reference to an engine. NULL is allowed. What was made from the engine keeps it alive.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_engine_delete(struct updraft_engine_t *engine);

/**
 * Writes to `mode` how 32-bit memories are kept in bounds: `UPDRAFT_MEMORY_MODE_GUARDED` or
 * `UPDRAFT_MEMORY_MODE_EXPLICIT`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_memory_mode(const struct updraft_engine_t *engine,
                                            updraft_memory_mode_t *mode,
                                            struct updraft_error_t **error);

/**
 * Writes to `on` whether modules of the engine may use a feature (an `UPDRAFT_FEATURE_` number): 1 or 0, also 0
 * for an unknown number.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_feature(const struct updraft_engine_t *engine,
                                        updraft_feature_t feature,
                                        uint32_t *on,
                                        struct updraft_error_t **error);

/**
 * Fills in how much lives in the engine. The numbers are read one by one while other threads may go on.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_stats(const struct updraft_engine_t *engine,
                                      struct updraft_engine_stats_t *stats,
                                      struct updraft_error_t **error);

/**
 * Compiles a module from the `len` bytes at `bytes`, which are not kept. The text format is accepted as well where it is
 * compiled in (`UPDRAFT_CAPABILITY_TEXT`).
 *
 * Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails with INVALID and UNSUPPORTED (with the
 * offset), TEXT, COMPILE, LIMIT, SYSTEM and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_new(const struct updraft_engine_t *engine,
                                    const uint8_t *bytes,
                                    size_t len,
                                    struct updraft_module_t **out,
                                    struct updraft_error_t **error);

/**
 * Decodes and validates the `len` bytes at `bytes`, and compiles nothing.
 *
 * Fails as `updraft_module_new` does, but for COMPILE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_validate(const struct updraft_engine_t *engine,
                                         const uint8_t *bytes,
                                         size_t len,
                                         struct updraft_error_t **error);

/**
 * Validates the bodies of a module that are not known to be valid, on the calling thread; nothing if its bodies were
 * validated before it existed (`updraft_validation_t`).
 *
 * Fails with INVALID and UNSUPPORTED (with the offset) if the module has failed, or does by this, with the error of the
 * first body that was found to be invalid; SYSTEM and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_validate_rest(const struct updraft_module_t *module,
                                              struct updraft_error_t **error);

/**
 * Counts one more reference to a module, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_clone(const struct updraft_module_t *module,
                                      struct updraft_module_t **out,
                                      struct updraft_error_t **error);

/**
 * Gives up a reference to a module. NULL is allowed. Instances keep what they need of it.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_module_delete(struct updraft_module_t *module);

/**
 * Writes to `count` how many imports a module has.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_import_count(const struct updraft_module_t *module,
                                             size_t *count,
                                             struct updraft_error_t **error);

/**
 * Writes to `count` how many exports a module has.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export_count(const struct updraft_module_t *module,
                                             size_t *count,
                                             struct updraft_error_t **error);

/**
 * Writes to `count` how many functions a module has, imported ones included.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_func_count(const struct updraft_module_t *module,
                                           size_t *count,
                                           struct updraft_error_t **error);

/**
 * Writes to `count` how many functions of a module have machine code by now.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_compiled_count(const struct updraft_module_t *module,
                                               size_t *count,
                                               struct updraft_error_t **error);

/**
 * Writes to `bytes` how much machine code a module has by now.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_code_size(const struct updraft_module_t *module,
                                          size_t *bytes,
                                          struct updraft_error_t **error);

/**
 * Writes to `module_id` the number of a module, which no other module of its engine has or had: from 1. Events
 * name it.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_id(const struct updraft_module_t *module,
                                   uint64_t *module_id,
                                   struct updraft_error_t **error);

/**
 * Writes to `features` the features that a module uses: bit n is the feature of number n (`UPDRAFT_FEATURE_`). Of bodies
 * that are validated after the module was made, those count that were found to be valid so far.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_features(const struct updraft_module_t *module,
                                         uint64_t *features,
                                         struct updraft_error_t **error);

/**
 * Writes to `count` how many custom sections a module has.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_custom_section_count(const struct updraft_module_t *module,
                                                     size_t *count,
                                                     struct updraft_error_t **error);

/**
 * Fills in the `index`-th custom section.
 *
 * Fails with OUT_OF_BOUNDS and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_custom_section(const struct updraft_module_t *module,
                                               size_t index,
                                               struct updraft_custom_section_t *section,
                                               struct updraft_error_t **error);

/**
 * Copies the name that a function has in the name section to `buffer`, which has room for `capacity` bytes: as much as
 * fits, and a NUL. Writes the length of the whole name, without a NUL, to `needed`: if that is not less than `capacity`,
 * the copy is cut off. `buffer` may be NULL if `capacity` is 0. `func` counts imported functions.
 *
 * Fails with NOT_FOUND if the function has no name, OUT_OF_BOUNDS if there is no such function, and MISUSE.
 * Any thread. Since 0.1.
 */
updraft_status_t updraft_module_func_name(const struct updraft_module_t *module,
                                          uint32_t func,
                                          char *buffer,
                                          size_t capacity,
                                          size_t *needed,
                                          struct updraft_error_t **error);

/**
 * Copies the name that the module has in the name section; the buffer is as in `updraft_module_func_name`.
 *
 * Fails with NOT_FOUND if the module has no name, and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_name(const struct updraft_module_t *module,
                                     char *buffer,
                                     size_t capacity,
                                     size_t *needed,
                                     struct updraft_error_t **error);

/**
 * Fills in the `index`-th import.
 *
 * Fails with OUT_OF_BOUNDS and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_import(const struct updraft_module_t *module,
                                       size_t index,
                                       struct updraft_import_t *import,
                                       struct updraft_error_t **error);

/**
 * Fills in the `index`-th export.
 *
 * Fails with OUT_OF_BOUNDS and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export(const struct updraft_module_t *module,
                                       size_t index,
                                       struct updraft_export_t *item,
                                       struct updraft_error_t **error);

/**
 * Writes to `index` the number of the export with a name, for `updraft_module_export` and `updraft_instance_export_at`.
 *
 * Fails with NOT_FOUND and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_find_export(const struct updraft_module_t *module,
                                            const char *name,
                                            size_t name_len,
                                            size_t *index,
                                            struct updraft_error_t **error);

/**
 * Writes to `functype` the type of the `index`-th import, a function: owned by the caller (`updraft_functype_delete`).
 *
 * Fails with OUT_OF_BOUNDS and MISUSE (also for an import of another kind). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_import_functype(const struct updraft_module_t *module,
                                                size_t index,
                                                struct updraft_functype_t **functype,
                                                struct updraft_error_t **error);

/**
 * Fills in the type of the `index`-th import, a table.
 *
 * Fails with OUT_OF_BOUNDS and MISUSE (also for an import of another kind). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_import_tabletype(const struct updraft_module_t *module,
                                                 size_t index,
                                                 struct updraft_tabletype_t *table_type,
                                                 struct updraft_error_t **error);

/**
 * Fills in the type of the `index`-th import, a memory.
 *
 * Fails with OUT_OF_BOUNDS and MISUSE (also for an import of another kind). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_import_memorytype(const struct updraft_module_t *module,
                                                  size_t index,
                                                  struct updraft_memorytype_t *memory_type,
                                                  struct updraft_error_t **error);

/**
 * Fills in the type of the `index`-th import, a global.
 *
 * Fails with OUT_OF_BOUNDS and MISUSE (also for an import of another kind). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_import_globaltype(const struct updraft_module_t *module,
                                                  size_t index,
                                                  struct updraft_globaltype_t *global_type,
                                                  struct updraft_error_t **error);

/**
 * Writes to `functype` the type of the `index`-th export, a function: owned by the caller (`updraft_functype_delete`).
 *
 * Fails with OUT_OF_BOUNDS and MISUSE (also for an export of another kind). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export_functype(const struct updraft_module_t *module,
                                                size_t index,
                                                struct updraft_functype_t **functype,
                                                struct updraft_error_t **error);

/**
 * Fills in the type of the `index`-th export, a table.
 *
 * Fails with OUT_OF_BOUNDS and MISUSE (also for an export of another kind). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export_tabletype(const struct updraft_module_t *module,
                                                 size_t index,
                                                 struct updraft_tabletype_t *table_type,
                                                 struct updraft_error_t **error);

/**
 * Fills in the type of the `index`-th export, a memory.
 *
 * Fails with OUT_OF_BOUNDS and MISUSE (also for an export of another kind). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export_memorytype(const struct updraft_module_t *module,
                                                  size_t index,
                                                  struct updraft_memorytype_t *memory_type,
                                                  struct updraft_error_t **error);

/**
 * Fills in the type of the `index`-th export, a global.
 *
 * Fails with OUT_OF_BOUNDS and MISUSE (also for an export of another kind). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export_globaltype(const struct updraft_module_t *module,
                                                  size_t index,
                                                  struct updraft_globaltype_t *global_type,
                                                  struct updraft_error_t **error);

/**
 * Keeps machine code of the top tier, and what was learned about modules, in the directory with the path of `len` bytes at
 * `path`, so that later processes begin where this one got to. A module that is made from bytes for which there is an
 * entry has its hot functions in the top tier from the first call on, and is compiled lazily but for those, unless its own
 * options say otherwise. (A module whose bytes come in pieces is compiled before they have all come, and then begins to
 * load.) `limit`: how many bytes all entries together may have
 * (at least 65536); those that were not used for longest make room.
 *
 * The directory is made when it is first needed; a relative path begins where the process is now. It must belong to the user of the process, and nobody else may write
 * to it; any number of processes may use it at once. Entries are authenticated with a key that is kept in its
 * file "key" (or `updraft_config_set_cache_key`, `updraft_config_set_cache_key_file`). Whatever is wrong with an entry, or
 * with the directory, is a miss and is counted (`updraft_engine_cache_stats`); nothing fails.
 *
 * Replaces `updraft_config_set_cache_store`. With `len` 0 there is no cache, which is the default; `path` may then be NULL.
 * Fails with MISUSE, SYSTEM and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_cache_directory(struct updraft_config_t *config,
                                                    const char *path,
                                                    size_t len,
                                                    uint64_t limit,
                                                    struct updraft_error_t **error);

/**
 * Keeps what `updraft_config_set_cache_directory` speaks of wherever the host wants it. It needs a key of the host's
 * (`updraft_config_set_cache_key`, `updraft_config_set_cache_key_file`), without which every access is a miss.
 *
 * `env` may be NULL. `finalizer`, unless NULL, is called once with `env` when the last configuration or engine that uses
 * it goes, on the thread that drops it. On failure `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_cache_store(struct updraft_config_t *config,
                                                updraft_cache_get_t get,
                                                updraft_cache_put_t put,
                                                void *env,
                                                updraft_finalizer_t finalizer,
                                                struct updraft_error_t **error);

/**
 * Authenticates what this engine writes, and what it uses of what others wrote, with a secret: `len` bytes at `bytes`, 16 or
 * more that nobody can guess, which are copied. Whoever has it can have this process run any machine code; engines
 * that share a cache share it. With `len` 0, the default, the key file in the cache's directory is used;
 * `bytes` may then be NULL.
 *
 * Goes before `updraft_config_set_cache_key_file`. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_cache_key(struct updraft_config_t *config,
                                              const uint8_t *bytes,
                                              size_t len,
                                              struct updraft_error_t **error);

/**
 * Takes the secret of `updraft_config_set_cache_key` from the file with the path of `len` bytes at `path`: 32 random bytes,
 * which only the user of the process may read. The file is made when it is first needed, if there is none; with one that is
 * not such a file, there is no key. With `len` 0, the default, the key file in the cache's directory is
 * used; `path` may then be NULL.
 *
 * Fails with MISUSE, SYSTEM and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_cache_key_file(struct updraft_config_t *config,
                                                   const char *path,
                                                   size_t len,
                                                   struct updraft_error_t **error);

/**
 * Says when a module is written to the cache by itself: `quiet_ns` after the last code of the top tier was made, if there are
 * `least` bytes of it that were not written yet (default: 2 seconds, 1024); without waiting, if there are `most`
 * (default: 1048576). It is written in the background, and besides by whoever gives it up as its last user, if there is
 * anything new. With `quiet_ns` 0 nobody waits; with UINT64_MAX for `least`, only `updraft_module_cache_write` writes.
 *
 * Fails with MISUSE (also without a cache) and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_cache_writes(struct updraft_config_t *config,
                                                 uint64_t quiet_ns,
                                                 uint64_t least,
                                                 uint64_t most,
                                                 struct updraft_error_t **error);

/**
 * Gives the bytes of an entry, which are copied, to the cache that has asked for it. From within an
 * `updraft_cache_get_t`; the last call counts.
 *
 * Fails with MISUSE. Since 0.1.
 */
updraft_status_t updraft_cache_value_set(struct updraft_cache_value_t *value,
                                         const uint8_t *bytes,
                                         size_t len,
                                         struct updraft_error_t **error);

/**
 * Fills in what became of the accesses to the engine's cache; all 0 without one.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_cache_stats(const struct updraft_engine_t *engine,
                                            struct updraft_cache_stats_t *stats,
                                            struct updraft_error_t **error);

/**
 * Writes a module to the cache now, on this thread, whether there is anything new or not. Writes to `bytes` how large its
 * entry is; it may be NULL.
 *
 * Fails with NOT_FOUND (the engine has no cache), BUSY (another thread is writing the module), INVALID (a body of the
 * module is: `updraft_validation_t`), FAILED (it could not be written; nothing has changed), SYSTEM and MISUSE. Any
 * thread. Since 0.1.
 */
updraft_status_t updraft_module_cache_write(const struct updraft_module_t *module,
                                            uint64_t *bytes,
                                            struct updraft_error_t **error);

/**
 * Subscribes to the events of an engine: of the module `module_id`, or of all if that is 0. `mask` has the bits
 * `1 << UPDRAFT_EVENT_...` of the kinds that are wanted, or is `UPDRAFT_EVENT_MASK_ALL`.
 *
 * The state events of the past come first, those of the future follow, without a gap. Up to `capacity` events (1 to
 * 1048576, about 80 bytes each) wait to be fetched; while they fill the queue, new ones are dropped and counted.
 * Writes to `out` a subscription owned by the caller (`updraft_subscription_delete`). Fails with MISUSE (also for a mask
 * of no kind) and LIMIT. Any thread. Since 0.1.
 */
updraft_status_t updraft_subscription_new(const struct updraft_engine_t *engine,
                                          uint64_t module_id,
                                          updraft_event_mask_t mask,
                                          size_t capacity,
                                          struct updraft_subscription_t **out,
                                          struct updraft_error_t **error);

/**
 * Counts one more reference to a subscription, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_subscription_clone(const struct updraft_subscription_t *subscription,
                                            struct updraft_subscription_t **out,
                                            struct updraft_error_t **error);

/**
 * Gives up a reference to a subscription. The last one closes it (`updraft_subscription_close`) and closes its file
 * descriptor. NULL is allowed.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_subscription_delete(struct updraft_subscription_t *subscription);

/**
 * Ends a subscription: nothing comes any more, what is queued is gone, threads that wait return. Waits until a call
 * of the callback that runs on another thread has returned, and then calls the callback's finalizer, on this thread.
 * Closed from within its callback, the finalizer is called on the same thread, as soon as the callback has returned.
 * Closing twice is allowed.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_subscription_close(const struct updraft_subscription_t *subscription,
                                            struct updraft_error_t **error);

/**
 * Takes up to `capacity` events out of the queue, oldest first, and writes how many to `count`. `event_size` is the
 * size of an element of `events` as its user knows it, sizeof(updraft_event_t); each event says in `size` how much
 * of it was filled in, and the rest is 0. `events` may be NULL if `capacity` is 0. Never waits.
 *
 * Fails with MISUSE (also if the subscription has a callback, which gets the events). Any thread. Since 0.1.
 */
updraft_status_t updraft_subscription_drain(const struct updraft_subscription_t *subscription,
                                            struct updraft_event_t *events,
                                            size_t capacity,
                                            size_t event_size,
                                            size_t *count,
                                            struct updraft_error_t **error);

/**
 * Waits until there are events to drain. Calls no callback. `timeout_ns` may be 0, and UINT64_MAX to wait without end.
 *
 * Fails with TIMEOUT, CANCELLED (there are none and none will come: it was closed, its module has ended, or the
 * engine is gone) and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_subscription_wait(const struct updraft_subscription_t *subscription,
                                           uint64_t timeout_ns,
                                           struct updraft_error_t **error);

/**
 * Writes to `fd` a file descriptor that `poll` and its like see as readable while there are events to drain, and when
 * no event will come any more. It must not be read or closed; it lives as long as the subscription. In the
 * child of a fork, ask again: only then it is the child's own.
 *
 * Fails with MISUSE and SYSTEM. Any thread. Since 0.1.
 */
updraft_status_t updraft_subscription_fd(const struct updraft_subscription_t *subscription,
                                         int32_t *fd,
                                         struct updraft_error_t **error);

/**
 * Writes to `count` how many events were dropped so far because the queue was full.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_subscription_dropped(const struct updraft_subscription_t *subscription,
                                              uint64_t *count,
                                              struct updraft_error_t **error);

/**
 * Has events given to a callback from now on, instead of being drained; once per subscription. `thread` says on which
 * threads (an `UPDRAFT_EVENT_THREAD_` number). It is called with one event at a time, and under no lock of the engine.
 * With POSTER, what is queued by now is delivered before this function returns, on this thread.
 *
 * `env` may be NULL. `finalizer`, unless NULL, is called once with `env`, after the last call of the callback, on
 * the thread that closes the subscription. On failure `env` stays with the caller.
 * Fails with MISUSE (also for a closed subscription) and BUSY (there is a callback). Any thread. Since 0.1.
 */
updraft_status_t updraft_subscription_set_callback(const struct updraft_subscription_t *subscription,
                                                   updraft_event_thread_t thread,
                                                   updraft_event_callback_t callback,
                                                   void *env,
                                                   updraft_finalizer_t finalizer,
                                                   struct updraft_error_t **error);

/**
 * Calls the callback of a subscription (`UPDRAFT_EVENT_THREAD_DISPATCHER`) for up to `max` events, on this thread, and
 * writes to `count` for how many. Never waits: 0 if there are none, if another thread dispatches, or from within the
 * callback. `count` may be NULL.
 *
 * Fails with MISUSE (also without such a callback). Any thread. Since 0.1.
 */
updraft_status_t updraft_subscription_dispatch(const struct updraft_subscription_t *subscription,
                                               size_t max,
                                               size_t *count,
                                               struct updraft_error_t **error);

/**
 * Writes how many hints of a kind a module has: those of its custom sections, and those of the options that it was made
 * with. `used` can be of use (of hints for one place, one); `ignored` are those that are out of range or out of order, do
 * not stand at an operator of their kind, or say what no hint says, and whole sections that are damaged, come twice or stand
 * behind the code.
 *
 * Reads the bodies that have hints. Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_hint_counts(const struct updraft_module_t *module,
                                            updraft_hint_kind_t kind,
                                            size_t *used,
                                            size_t *ignored,
                                            struct updraft_error_t **error);

/**
 * A hint for the function `func` (imported ones are counted): functions with a lower `compile` are compiled before others,
 * and before those without; where functions are compiled when they are first called, this one is compiled in the background
 * instead. `optimise` says how hot it is: the lower, the hotter, each number half as hot as the one before; the hottest
 * functions are compiled by the top tier in the background, without being waited for. Or `UPDRAFT_PRIORITY_NONE`, or
 * `UPDRAFT_PRIORITY_RUN_ONCE`.
 *
 * Of several hints for one place, in options or in the module, the last one given here counts. One for a function or an
 * operator that the module does not have is ignored, and counted (`updraft_module_hint_counts`). A strategy that a function
 * was given (`updraft_module_options_set_func_strategy`) counts more. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_module_options_add_priority(const struct updraft_module_options_t *options,
                                                     uint32_t func,
                                                     uint32_t compile,
                                                     uint32_t optimise,
                                                     struct updraft_error_t **error);

/**
 * A hint for the `if` or `br_if` that is `offset` bytes behind the start of the body of the function `func` (where its
 * locals are declared): `likely` is 1 if the branch is taken as a rule, 0 if it is not.
 *
 * The rest as with `updraft_module_options_add_priority`. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_module_options_add_branch_hint(const struct updraft_module_options_t *options,
                                                        uint32_t func,
                                                        uint32_t offset,
                                                        uint32_t likely,
                                                        struct updraft_error_t **error);

/**
 * A hint for the call or loop that is `offset` bytes behind the start of a body: how often it runs per call of its function
 * (`UPDRAFT_FREQUENCY_ONCE`), or one of the other `UPDRAFT_FREQUENCY_` numbers.
 *
 * The rest as with `updraft_module_options_add_priority`. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_module_options_add_frequency(const struct updraft_module_options_t *options,
                                                      uint32_t func,
                                                      uint32_t offset,
                                                      uint32_t frequency,
                                                      struct updraft_error_t **error);

/**
 * A hint for the indirect call that is `offset` bytes behind the start of a body: it calls the `count` functions at `funcs`,
 * each in so many percent of the cases; others get the rest.
 *
 * The rest as with `updraft_module_options_add_priority`. Fails with MISUSE (more than 100 percent, for example) and BUSY.
 * Since 0.1.
 */
updraft_status_t updraft_module_options_add_call_targets(const struct updraft_module_options_t *options,
                                                         uint32_t func,
                                                         uint32_t offset,
                                                         const uint32_t *funcs,
                                                         const uint32_t *percents,
                                                         size_t count,
                                                         struct updraft_error_t **error);

/**
 * Makes options that choose nothing.
 *
 * Writes to `out` options owned by the caller (`updraft_module_options_delete`). Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_options_new(struct updraft_module_options_t **out,
                                            struct updraft_error_t **error);

/**
 * Counts one more reference to options, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_options_clone(const struct updraft_module_options_t *options,
                                              struct updraft_module_options_t **out,
                                              struct updraft_error_t **error);

/**
 * Gives up a reference to options. NULL is allowed. Modules made with them are not affected.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_module_options_delete(struct updraft_module_options_t *options);

/**
 * When the functions of the module are compiled: an `UPDRAFT_STRATEGY_` number. Default: as the engine's configuration says.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_module_options_set_strategy(const struct updraft_module_options_t *options,
                                                     updraft_strategy_t strategy,
                                                     struct updraft_error_t **error);

/**
 * When the module's bodies are validated: an `UPDRAFT_VALIDATION_` number.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_module_options_set_validation(const struct updraft_module_options_t *options,
                                                       updraft_validation_t validation,
                                                       struct updraft_error_t **error);

/**
 * When the `count` functions at `funcs` are compiled, unlike the others of the module. A function that is named twice
 * gets the strategy that was given last; making a module fails with MISUSE if it does not define one of them. `funcs`
 * counts imported functions, and may be NULL if `count` is 0.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_module_options_set_func_strategy(const struct updraft_module_options_t *options,
                                                          const uint32_t *funcs,
                                                          size_t count,
                                                          updraft_strategy_t strategy,
                                                          struct updraft_error_t **error);

/**
 * As `updraft_module_new`, with `options`, which may be NULL, and are copied.
 *
 * Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails as `updraft_module_new` does, and with
 * BUSY (the options). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_new_with_options(const struct updraft_engine_t *engine,
                                                 const uint8_t *bytes,
                                                 size_t len,
                                                 const struct updraft_module_options_t *options,
                                                 struct updraft_module_t **out,
                                                 struct updraft_error_t **error);

/**
 * Begins to make a module from the `len` bytes at `bytes`, in the background: by the engine's workers, or by whoever waits
 * for it. `options` may be NULL, and are copied.
 *
 * With `release` NULL the bytes are copied (and `env` is not used). Otherwise they must stay as they are until
 * `release` is called with `env`, which happens once, as soon as the engine does not need them any more: with the end of
 * the module (functions are compiled from them, and memories filled), after text was parsed, or when the job has failed;
 * on the thread where that happens: a worker, one that waits for the job, or one that deletes an object; it may be
 * called before this function returns. On failure of this function it is not called.
 * Writes to `out` a job owned by the caller (`updraft_job_delete`). Fails with MISUSE and BUSY (the options); what is wrong
 * with the module, `updraft_job_wait` tells. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_new_async(const struct updraft_engine_t *engine,
                                          const uint8_t *bytes,
                                          size_t len,
                                          updraft_finalizer_t release,
                                          void *env,
                                          const struct updraft_module_options_t *options,
                                          struct updraft_job_t **out,
                                          struct updraft_error_t **error);

/**
 * Writes to `state` how far a job is: an `UPDRAFT_JOB_` number. Never waits.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_job_state(const struct updraft_job_t *job,
                                   updraft_job_state_t *state,
                                   struct updraft_error_t **error);

/**
 * Waits until a job has ended, and helps meanwhile: the work is done on this thread if nobody else does it. A piece of
 * work that was begun is ended, even beyond `timeout_ns` (UINT64_MAX: no end). No callback of the host is called but
 * those of subscriptions, and the release of the bytes.
 *
 * Fails as `updraft_module_new` would have failed, and with CANCELLED, TIMEOUT and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_job_wait(const struct updraft_job_t *job,
                                  uint64_t timeout_ns,
                                  struct updraft_error_t **error);

/**
 * Writes to `out` the module that a job has made, as a new reference owned by the caller (`updraft_module_delete`).
 *
 * Fails with BUSY while the job runs, as `updraft_job_wait` if it failed, and with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_job_module(const struct updraft_job_t *job,
                                    struct updraft_module_t **out,
                                    struct updraft_error_t **error);

/**
 * Writes to `module_id` the number of the module that a job makes (`updraft_module_id`), by which its events are known.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_job_module_id(const struct updraft_job_t *job,
                                       uint64_t *module_id,
                                       struct updraft_error_t **error);

/**
 * Gives up a job: who waits for it gets CANCELLED. Nothing happens if it has ended. Returns at once; a worker may still
 * be in the function that it compiles, whose result is dropped.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_job_cancel(const struct updraft_job_t *job,
                                    struct updraft_error_t **error);

/**
 * Counts one more reference to a job, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_job_clone(const struct updraft_job_t *job,
                                   struct updraft_job_t **out,
                                   struct updraft_error_t **error);

/**
 * Gives up a reference to a job. The last one cancels it, if it has not ended. NULL is allowed. Modules that it gave
 * are not affected.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_job_delete(struct updraft_job_t *job);

/**
 * Whether modules can be serialised with their machine code (1, the default), which takes a few bytes for each call in it.
 * With 0 artifacts have none.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_artifacts(struct updraft_config_t *config,
                                              uint32_t on,
                                              struct updraft_error_t **error);

/**
 * Makes an artifact of a module as it is now: its wasm, the code of the optimising tier, what became of each function, and
 * the profile. May be called at any time, also while the module runs. Of bodies that are validated later, all are first.
 *
 * The artifact is authenticated with the secret of `updraft_config_set_cache_key`, or of a key file, which a cache in a
 * directory has as well; without one, with a random one of the process, so that in other processes the wasm alone is used.
 *
 * Writes to `out` an artifact owned by the caller (`updraft_artifact_delete`). Fails with INVALID and UNSUPPORTED (a body that
 * is not valid), SYSTEM and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_serialize(const struct updraft_module_t *module,
                                          struct updraft_artifact_t **out,
                                          struct updraft_error_t **error);

/**
 * As `updraft_module_serialize`, of `count` modules that belong together (1 to 1024, of one engine) in one artifact:
 * `updraft_artifact_open` makes them again, in this order.
 *
 * Writes to `out` an artifact owned by the caller (`updraft_artifact_delete`). Fails with INVALID, UNSUPPORTED, LIMIT, SYSTEM
 * and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_artifact_new(const struct updraft_module_t *const *modules,
                                      size_t count,
                                      struct updraft_artifact_t **out,
                                      struct updraft_error_t **error);

/**
 * Writes to `bytes` where the bytes of an artifact are, which live as long as it, and to `len` how many there are.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_artifact_bytes(const struct updraft_artifact_t *artifact,
                                        const uint8_t **bytes,
                                        size_t *len,
                                        struct updraft_error_t **error);

/**
 * Counts one more reference to an artifact, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_artifact_clone(const struct updraft_artifact_t *artifact,
                                        struct updraft_artifact_t **out,
                                        struct updraft_error_t **error);

/**
 * Gives up a reference to an artifact. NULL is allowed. Modules made from its bytes are not affected.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_artifact_delete(struct updraft_artifact_t *artifact);

/**
 * Makes the module of an artifact with one module from the `len` bytes at `bytes`, which may come from anywhere: code is run
 * only if it was made with the same secret, by this build of the engine, for this machine and with the same settings; of
 * what is not, or was changed, the wasm is used like that of `updraft_module_new`. `updraft_module_artifact_status` tells.
 *
 * Code is loaded when a function is called first, and ahead in the background, with an event for each function
 * (`UPDRAFT_ORIGIN_LOADED`). `options` may be NULL, and are copied; without a strategy of their own nothing is compiled
 * before it is needed. With `release` NULL the bytes are copied (and `env` is not used). Otherwise they must stay as they
 * are until `release` is called with `env`, once, as soon as the engine does not need them any more: on a thread that lets go of
 * the module, or on this one.
 *
 * Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails with INVALID (no artifact, one without wasm
 * that is of no use here, or one for another kind of machine), as `updraft_module_new` does, and with BUSY (the options); `release` is called then, too, if
 * the bytes were looked at. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_deserialize(const struct updraft_engine_t *engine,
                                            const uint8_t *bytes,
                                            size_t len,
                                            updraft_finalizer_t release,
                                            void *env,
                                            const struct updraft_module_options_t *options,
                                            struct updraft_module_t **out,
                                            struct updraft_error_t **error);

/**
 * As `updraft_module_deserialize`, from the file with the path of `len` bytes at `path`, which is read as far as it is
 * needed, and stays open as long as the module. It may be changed or replaced at any time: code that is lost by that is compiled,
 * if its body is not lost, too; what needs lost bodies or data traps (`UPDRAFT_TRAP_COMPILATION_FAILED`,
 * `UPDRAFT_TRAP_INVALID_MODULE`).
 *
 * With signals, the first instance has its data fetched when it is touched: a fault of WebAssembly's own code is no error then, and
 * whoever replaces the handler of SIGSEGV must pass it on, as for traps.
 *
 * Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails as `updraft_module_deserialize` does, and with
 * SYSTEM (the file). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_deserialize_file(const struct updraft_engine_t *engine,
                                                 const char *path,
                                                 size_t len,
                                                 const struct updraft_module_options_t *options,
                                                 struct updraft_module_t **out,
                                                 struct updraft_error_t **error);

/**
 * As `updraft_module_deserialize`, of an artifact with any number of modules: writes up to `capacity` of them to `modules`,
 * in the order in which they were given to `updraft_artifact_new`, and to `count` how many the artifact has. If those
 * are more than `capacity`, nothing is made, and nothing is written to `modules`, which may be NULL if `capacity` is 0. The
 * bytes are copied.
 *
 * Each module is owned by the caller (`updraft_module_delete`). Fails as `updraft_module_deserialize` does. Any thread. Since
 * 0.1.
 */
updraft_status_t updraft_artifact_open(const struct updraft_engine_t *engine,
                                       const uint8_t *bytes,
                                       size_t len,
                                       const struct updraft_module_options_t *options,
                                       struct updraft_module_t **modules,
                                       size_t capacity,
                                       size_t *count,
                                       struct updraft_error_t **error);

/**
 * Fills in what the artifact that a module was made from was good for so far.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_artifact_status(const struct updraft_module_t *module,
                                                struct updraft_artifact_status_t *status,
                                                struct updraft_error_t **error);

/**
 * When functions move to the top tier by themselves: an `UPDRAFT_TIERING_` number. Default: DEFAULT. Of no effect unless
 * the engine uses both tiers (`updraft_config_set_tiers`), as it does by default.
 *
 * `budget` counts for CUSTOM only: how many bytes of WebAssembly a function may run in the baseline tier, each iteration
 * of a loop counted, before the top tier is asked for it; 1 to 2^31 - 1.
 *
 * What a function asked for shows in its state (`updraft_module_func_states`), and what became of it in events of the kind
 * FUNCTION_TIERED or FUNCTION_REFUSED. A function that the host keeps from the top tier asks for nothing. Without workers
 * what is asked for waits for `updraft_engine_run_jobs`. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_tiering(struct updraft_config_t *config,
                                            updraft_tiering_t policy,
                                            uint32_t budget,
                                            struct updraft_error_t **error);

/**
 * Whether the thread that runs a hot function compiles it, and waits (1), or whoever compiles in the background (0, the
 * default). A test mode: what becomes of a program is the same every time.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_synchronous_tiering(struct updraft_config_t *config,
                                                        uint32_t on,
                                                        struct updraft_error_t **error);

/**
 * Whether a hot loop that is running may be continued by code of the top tier (1, the default), or stays in the baseline
 * tier until its function is called again (0).
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_osr(struct updraft_config_t *config,
                                        uint32_t on,
                                        struct updraft_error_t **error);

/**
 * Draws the budget of each function at random, from 1 to what the policy gives, by this seed; 0, the default: not. A test
 * mode.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_tiering_seed(struct updraft_config_t *config,
                                                 uint64_t seed,
                                                 struct updraft_error_t **error);

/**
 * Fills in how functions have run, from the function `first` on (imported ones are counted), those left out of which
 * nothing is known: up to `capacity` of them. Writes how many to `count`; 0 if there are none from `first` on.
 * `record_size` is the size of an element as its user knows it, sizeof(updraft_func_profile_t); each says in `size` how
 * much of it was filled in, and the rest is 0. `records` may be NULL if `capacity` is 0.
 *
 * What was brought in by `updraft_module_import_profile` is counted. Baseline code counts where functions move to the
 * top tier by themselves (`updraft_config_set_tiering`), and about: threads that count at once lose counts, and one that
 * reaches 2^32 starts again. Takes time that grows with the whole module. Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_profile(const struct updraft_module_t *module,
                                        uint32_t first,
                                        struct updraft_func_profile_t *records,
                                        size_t capacity,
                                        size_t record_size,
                                        size_t *count,
                                        struct updraft_error_t **error);

/**
 * Fills in how the operators of a function have run, in the order of their offsets, those left out of which nothing is
 * known: up to `capacity` of them, from the offset `first_offset` in the module on. Writes how many to `count`.
 * `site_size` is sizeof(updraft_profile_site_t), as in `updraft_module_profile`. `sites` may be NULL if `capacity` is 0.
 *
 * Fails with OUT_OF_BOUNDS (the module defines no such function) and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_profile_sites(const struct updraft_module_t *module,
                                              uint32_t func,
                                              uint32_t first_offset,
                                              struct updraft_profile_site_t *sites,
                                              size_t capacity,
                                              size_t site_size,
                                              size_t *count,
                                              struct updraft_error_t **error);

/**
 * Writes a module's profile as bytes, which `updraft_module_import_profile` takes: in another process, on another machine,
 * in an engine of another version or other settings; for the same module, byte by byte. Writes the length to `needed`;
 * nothing is written to `buffer` if that is more than `capacity`. Both may change from call to call while the module runs.
 * `buffer` may be NULL if `capacity` is 0.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export_profile(const struct updraft_module_t *module,
                                               uint8_t *buffer,
                                               size_t capacity,
                                               size_t *needed,
                                               struct updraft_error_t **error);

/**
 * Brings in what another run of the same module has found out: `len` bytes of `updraft_module_export_profile`, which are
 * not kept. It is added to what is known, so that several profiles can be brought in, one by one. Code that is compiled
 * by the top tier from now on is made with it; `use` says what becomes of functions that were hot there.
 *
 * The bytes may come from anywhere: a profile changes how fast code is, never what it does. Fails with INVALID (not a
 * profile of this module, or damaged: with the offset), SYSTEM and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_import_profile(const struct updraft_module_t *module,
                                               const uint8_t *bytes,
                                               size_t len,
                                               updraft_profile_use_t use,
                                               struct updraft_error_t **error);

/**
 * Writes a module's profile to a file, whose path has `path_len` bytes: what `updraft_module_export_profile` gives. A file of
 * that name is replaced, as a whole or not at all, whoever reads it meanwhile; only its owner can read the new one.
 *
 * Fails with SYSTEM (the message names the file) and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export_profile_file(const struct updraft_module_t *module,
                                                    const char *path,
                                                    size_t path_len,
                                                    struct updraft_error_t **error);

/**
 * As `updraft_module_import_profile`, from a file, whose path has `path_len` bytes.
 *
 * Fails as that does, and with SYSTEM (the file cannot be read, is not a regular one, or is too large; the message names it).
 * Any thread. Since 0.1.
 */
updraft_status_t updraft_module_import_profile_file(const struct updraft_module_t *module,
                                                    const char *path,
                                                    size_t path_len,
                                                    updraft_profile_use_t use,
                                                    struct updraft_error_t **error);

/**
 * What another run has found out about the module that is made with these options: `len` bytes of
 * `updraft_module_export_profile`, which are copied. Functions that ran there are compiled by the baseline tier before they
 * are called, in the background unless the strategy waits; those that were hot there, by the top tier besides, in the
 * background, without anybody waiting for them. The others are compiled at their first call, also if the strategy is to
 * compile all (not in an engine with the top tier only). Strategies of single functions count more.
 *
 * A profile that is damaged, or of another module, does not keep the module from being made:
 * `updraft_module_given_profile` says what became of it. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_module_options_set_profile(const struct updraft_module_options_t *options,
                                                    const uint8_t *bytes,
                                                    size_t len,
                                                    struct updraft_error_t **error);

/**
 * As `updraft_module_options_set_profile`, from a file, whose path has `path_len` bytes, and which is read now.
 *
 * Fails with SYSTEM (as `updraft_module_import_profile_file`), MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_module_options_set_profile_file(const struct updraft_module_options_t *options,
                                                         const char *path,
                                                         size_t path_len,
                                                         struct updraft_error_t **error);

/**
 * Writes to `functions` of how many functions the profile knew something that a module was made with
 * (`updraft_module_options_set_profile`).
 *
 * Fails with INVALID (it was not used; the message and the offset say why), NOT_FOUND (it was made without one) and MISUSE.
 * Any thread. Since 0.1.
 */
updraft_status_t updraft_module_given_profile(const struct updraft_module_t *module,
                                              size_t *functions,
                                              struct updraft_error_t **error);

/**
 * Adds up `count` profiles of one module, which is not needed: those of several machines, for example. The counts add up,
 * and stop at the largest number; a function counts as hot if it was in one of them. `profiles` points to their bytes, `lens`
 * to their lengths. The result goes where `updraft_module_export_profile` would put it.
 *
 * Fails with INVALID (one of them is damaged or of another module than the first one; the message has its number, from 0,
 * and the offset in it) and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_profile_merge(const uint8_t *const *profiles,
                                       const size_t *lens,
                                       size_t count,
                                       uint8_t *buffer,
                                       size_t capacity,
                                       size_t *needed,
                                       struct updraft_error_t **error);

/**
 * Writes what is known of how a module has run as hints that other engines read, too: the custom sections
 * `metadata.code.compilation_priority`, `metadata.code.instr_freq` and `metadata.code.call_targets`, one after the other, which
 * belong in front of the module's code section. Functions of which nothing is known keep the hints that they have. The bytes
 * go where `updraft_module_export_profile` would put them.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export_hints(const struct updraft_module_t *module,
                                             uint8_t *buffer,
                                             size_t capacity,
                                             size_t *needed,
                                             struct updraft_error_t **error);

/**
 * As `updraft_module_export_hints`: the whole module, in the binary form, with these sections in the place of those that it
 * has. All else stays as it is; hints on branches, too.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_export_with_hints(const struct updraft_module_t *module,
                                                  uint8_t *buffer,
                                                  size_t capacity,
                                                  size_t *needed,
                                                  struct updraft_error_t **error);

/**
 * Begins a module of which no byte is there. `options` may be NULL, and are copied. `expected_len` is a hint of how many bytes
 * will come, 0 = nobody knows; more or fewer may. It matters in a process that may have few addresses.
 *
 * Writes to `out` a stream owned by the caller (`updraft_stream_delete`). Fails with SYSTEM, MISUSE and BUSY (the options).
 * Any thread. Since 0.1.
 */
updraft_status_t updraft_stream_new(const struct updraft_engine_t *engine,
                                    const struct updraft_module_options_t *options,
                                    size_t expected_len,
                                    struct updraft_stream_t **out,
                                    struct updraft_error_t **error);

/**
 * Adds the `len` bytes at `bytes`, which are not kept. `bytes` may be NULL if `len` is 0. Waits for nobody.
 *
 * Fails with INVALID and UNSUPPORTED as soon as a section that is wrong is there, with the offset from the first byte of
 * all; with LIMIT, SYSTEM and BUSY; and with MISUSE after the stream was ended. What is wrong with a function is told by
 * the end of the stream, since an error of a later section comes before it. After an error every call gets the same one.
 * Since 0.1.
 */
updraft_status_t updraft_stream_write(const struct updraft_stream_t *stream,
                                      const uint8_t *bytes,
                                      size_t len,
                                      struct updraft_error_t **error);

/**
 * Ends a stream: its bytes were all. Waits, and helps, as `updraft_module_new` does, for what is left to be done.
 *
 * Writes to `out` a module owned by the caller (`updraft_module_delete`). Fails as `updraft_module_new` would with all bytes,
 * and as `updraft_stream_write`. Since 0.1.
 */
updraft_status_t updraft_stream_finish(const struct updraft_stream_t *stream,
                                       struct updraft_module_t **out,
                                       struct updraft_error_t **error);

/**
 * As `updraft_stream_finish`, without waiting: what is left is done in the background, or by whoever waits for the job.
 *
 * Writes to `out` a job owned by the caller (`updraft_job_delete`). Fails as `updraft_stream_write`; what is wrong with a
 * function, `updraft_job_wait` tells. Since 0.1.
 */
updraft_status_t updraft_stream_finish_async(const struct updraft_stream_t *stream,
                                             struct updraft_job_t **out,
                                             struct updraft_error_t **error);

/**
 * Gives the module up: what was begun is dropped, and every later call gets CANCELLED. Nothing happens if the stream was
 * ended, or has failed.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_stream_abort(const struct updraft_stream_t *stream,
                                      struct updraft_error_t **error);

/**
 * Writes to `module_id` the number of the module that comes of a stream (`updraft_module_id`), by which its events are known.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_stream_module_id(const struct updraft_stream_t *stream,
                                          uint64_t *module_id,
                                          struct updraft_error_t **error);

/**
 * Counts one more reference to a stream, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_stream_clone(const struct updraft_stream_t *stream,
                                      struct updraft_stream_t **out,
                                      struct updraft_error_t **error);

/**
 * Gives up a reference to a stream. The last one gives up the module, unless the stream was ended. NULL is allowed.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_stream_delete(struct updraft_stream_t *stream);

/**
 * The machine that code is made for: a target triple such as "x86_64-unknown-linux-gnu" (NULL: this machine, the
 * default), and the features of its processor that code may use besides those that the engine needs everywhere: names as
 * "avx2", and of groups as "x86-64-v3", separated by commas; "native" is all that this processor has. NULL, the default, is
 * "native" for this machine, and nothing else for another one. Both are UTF-8 and are copied.
 *
 * With features that older machines have, artifacts are of use there, too. The engine itself is refused on a machine that
 * lacks one of them. An engine for another machine compiles modules whole, in the optimising tier, when they are made; they
 * can be serialised, but there are no stores to run them. It needs a library with the cargo feature `all-arch`.
 *
 * Fails with MISUSE and BUSY; `updraft_engine_new` with MISUSE for what is no triple, and for features that are unknown or
 * that this processor lacks, and with UNSUPPORTED for machines that the library has no compiler for. Since 0.1.
 */
updraft_status_t updraft_config_set_target(struct updraft_config_t *config,
                                           const char *triple,
                                           size_t triple_len,
                                           const char *features,
                                           size_t features_len,
                                           struct updraft_error_t **error);

/**
 * Copies the target triple of the machine that the engine makes code for to `buffer`, as `updraft_module_func_name` does.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_target(const struct updraft_engine_t *engine,
                                       char *buffer,
                                       size_t capacity,
                                       size_t *needed,
                                       struct updraft_error_t **error);

/**
 * Copies the names of the processor features that the engine's code may use, separated by commas, to `buffer`, as
 * `updraft_module_func_name` does. They are names for `updraft_config_set_target`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_cpu_features(const struct updraft_engine_t *engine,
                                             char *buffer,
                                             size_t capacity,
                                             size_t *needed,
                                             struct updraft_error_t **error);

/**
 * Waits until all that the strategy of a module asks for at first is there (for a lazy one: at once), and compiles its
 * functions meanwhile. `timeout_ns` may be 0, and UINT64_MAX to wait without end; a function that was begun is ended.
 *
 * Fails with TIMEOUT, CANCELLED (the engine is shut down), SYSTEM and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_wait_ready(const struct updraft_module_t *module,
                                           uint64_t timeout_ns,
                                           struct updraft_error_t **error);

/**
 * Waits until nothing that was asked for is outstanding, and compiles meanwhile: every function has its target tier, or
 * cannot have it, or the work was cancelled. Repeated compilations (`updraft_module_allow_again`) are not waited for.
 *
 * Fails as `updraft_module_wait_ready` does. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_wait_idle(const struct updraft_module_t *module,
                                          uint64_t timeout_ns,
                                          struct updraft_error_t **error);

/**
 * Asks for a tier of the `count` functions at `funcs`, or of all (NULL and 0), and waits until they have it, or a better
 * one. Compiles meanwhile. `funcs` counts imported functions.
 *
 * Fails with FAILED if one of them can not have it (the tier refuses it, the host keeps it from the tier), TIMEOUT,
 * CANCELLED, LIMIT (no room for code), OUT_OF_BOUNDS (no such function), SYSTEM and MISUSE (also for a tier that the
 * engine does not use). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_wait_tier(const struct updraft_module_t *module,
                                          const uint32_t *funcs,
                                          size_t count,
                                          updraft_tier_t tier,
                                          uint64_t timeout_ns,
                                          struct updraft_error_t **error);

/**
 * Asks for a tier of the `count` functions at `funcs`, or of all (NULL and 0), in the background. Work of higher `priority`
 * (0 to 255) comes first; asking once more with a higher one moves what is queued to the front. Writes to `reached` how
 * many of them have the tier, or a better one, by now; it may be NULL.
 *
 * Functions that cannot have the tier are left out. Without workers and outside of `updraft_engine_run_jobs`, nothing
 * happens before somebody waits. Fails with OUT_OF_BOUNDS (no such function), SYSTEM and MISUSE (also for a tier that the
 * engine does not use). Any thread. Since 0.1.
 */
updraft_status_t updraft_module_request_tier(const struct updraft_module_t *module,
                                             const uint32_t *funcs,
                                             size_t count,
                                             updraft_tier_t tier,
                                             uint32_t priority,
                                             size_t *reached,
                                             struct updraft_error_t **error);

/**
 * Decides about the tiers of the `count` functions at `funcs`, or of all (NULL and 0): an `UPDRAFT_POLICY_` number.
 *
 * Fails with OUT_OF_BOUNDS (no such function), SYSTEM and MISUSE (also for NEVER_TOP without a baseline tier). Any thread.
 * Since 0.1.
 */
updraft_status_t updraft_module_set_policy(const struct updraft_module_t *module,
                                           const uint32_t *funcs,
                                           size_t count,
                                           updraft_policy_t policy,
                                           struct updraft_error_t **error);

/**
 * Allows the top tier to compile the `count` functions at `funcs` once more, or all (NULL and 0): at the next request for
 * that tier. Right even while they are being compiled: another time follows then. A function that the tier refused may
 * be tried again.
 *
 * Fails with OUT_OF_BOUNDS (no such function) and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_allow_again(const struct updraft_module_t *module,
                                            const uint32_t *funcs,
                                            size_t count,
                                            struct updraft_error_t **error);

/**
 * Stops the background work of a module: an `UPDRAFT_CANCEL_` number says under which condition. What is compiled stays, and
 * a function without code is still compiled when it is called. Nothing is compiled in the background any more.
 * Writes to `cancelled` whether this stopped it (1) or there was nothing to stop (0); it may be NULL.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_cancel(const struct updraft_module_t *module,
                                       updraft_cancel_t which,
                                       uint32_t *cancelled,
                                       struct updraft_error_t **error);

/**
 * Drops the machine code of a module that has no instance; each function is compiled again when it is called. What the
 * host decided about its tiers stays.
 *
 * Fails with BUSY (it has an instance, or is being compiled), SYSTEM and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_clear(const struct updraft_module_t *module,
                                      struct updraft_error_t **error);

/**
 * Fills in the states of functions, from the function `first` on (imported ones are counted): up to `capacity` of them.
 * Writes how many to `count`; 0 if there are none from `first` on. `state_size` is the size of an element as its user
 * knows it, sizeof(updraft_func_state_t); each says in `size` how much of it was filled in, and the rest is 0. `states`
 * may be NULL if `capacity` is 0. Each state is of one moment; two of them may be of different ones.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_func_states(const struct updraft_module_t *module,
                                            uint32_t first,
                                            struct updraft_func_state_t *states,
                                            size_t capacity,
                                            size_t state_size,
                                            size_t *count,
                                            struct updraft_error_t **error);

/**
 * Copies why a tier refused a function to `buffer`, which has room for `capacity` bytes: as much as fits, and a NUL. Writes
 * the length of the whole text, without a NUL, to `needed`: if that is not less than `capacity`, the copy is cut off.
 * `buffer` may be NULL if `capacity` is 0. `func` counts imported functions.
 *
 * Fails with NOT_FOUND (the tier has not refused it), OUT_OF_BOUNDS (the module defines no such function) and MISUSE. Any
 * thread. Since 0.1.
 */
updraft_status_t updraft_module_func_refusal(const struct updraft_module_t *module,
                                             uint32_t func,
                                             updraft_tier_t tier,
                                             char *buffer,
                                             size_t capacity,
                                             size_t *needed,
                                             struct updraft_error_t **error);

/**
 * Fills in the numbers of a module's compilation.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_module_stats(const struct updraft_module_t *module,
                                      struct updraft_module_stats_t *stats,
                                      struct updraft_error_t **error);

/**
 * Threads that compile in the background: up to `count` for each tier, started when there is work. With 0, the host
 * compiles: `updraft_engine_run_jobs`, and whoever waits. `UPDRAFT_WORKERS_AUTO`, the default: one fewer than the
 * process may use, at least one; none if `updraft_config_set_compile_threads` says 1. Threads of the top tier have a lower
 * priority with the operating system.
 *
 * Fails with MISUSE (more than 1024) and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_workers(struct updraft_config_t *config,
                                            uint32_t count,
                                            struct updraft_error_t **error);

/**
 * Has threads of the host compile in the background: up to `count` (1 to 1024) tasks for each tier are out at once.
 *
 * `env` may be NULL. `finalizer`, unless NULL, is called once with `env` when the last configuration or engine that uses
 * it goes, on the thread that drops it. On failure `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_executor(struct updraft_config_t *config,
                                             uint32_t count,
                                             updraft_executor_t executor,
                                             void *env,
                                             updraft_finalizer_t finalizer,
                                             struct updraft_error_t **error);

/**
 * Has a lazy call compile what the called function may call next as well, in parallel: up to `functions` functions and
 * `bytes` bytes of their bodies. 0 functions, the default: the called one alone.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_lazy_batch(struct updraft_config_t *config,
                                               size_t functions,
                                               size_t bytes,
                                               struct updraft_error_t **error);

/**
 * Shuffles the order in which functions are compiled and published, by this seed; 0, the default: not. A test mode.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_schedule_seed(struct updraft_config_t *config,
                                                  uint64_t seed,
                                                  struct updraft_error_t **error);

/**
 * Runs a task to its end, on this thread, and deletes it. Its stack is the engine's.
 *
 * Fails with SYSTEM and MISUSE; the task is then still there. Any thread. Since 0.1.
 */
updraft_status_t updraft_task_run(struct updraft_task_t *task, struct updraft_error_t **error);

/**
 * Writes to `background` whether a task is work that nobody waits for (1), better run with a low priority, or not (0).
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_task_is_background(const struct updraft_task_t *task,
                                            uint32_t *background,
                                            struct updraft_error_t **error);

/**
 * Gives a task up; its work waits for the next one. NULL is allowed.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_task_delete(struct updraft_task_t *task);

/**
 * Runs background work on this thread, until `max` functions were compiled or refused, `timeout_ns` is over (UINT64_MAX:
 * no end; a function that was begun is ended), or nothing is queued. What somebody may wait for comes first. Writes to
 * `ran` how much it ran; it may be NULL.
 *
 * Fails with SYSTEM and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_run_jobs(const struct updraft_engine_t *engine,
                                         size_t max,
                                         uint64_t timeout_ns,
                                         size_t *ran,
                                         struct updraft_error_t **error);

/**
 * Stops the background work of all modules and jobs of an engine, as `updraft_module_cancel` (ALWAYS) and
 * `updraft_job_cancel` do. Modules that are made later are compiled as ever.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_cancel(const struct updraft_engine_t *engine, struct updraft_error_t **error);

/**
 * Ends background compilation for good, and waits up to `timeout_ns` (UINT64_MAX: no end) until the engine's threads have
 * ended: each ends the function that it is in. After that the engine has no thread but those that run WebAssembly and its
 * deadlines, and the process may close the library. Everything else goes on: a function without code is compiled by the
 * thread that calls it.
 *
 * Fails with TIMEOUT (some are still busy: call again; this too if called on one of them, from a callback) and MISUSE. Any
 * thread. Since 0.1.
 */
updraft_status_t updraft_engine_shutdown(const struct updraft_engine_t *engine,
                                         uint64_t timeout_ns,
                                         struct updraft_error_t **error);

/**
 * Drops the machine code of all modules of an engine that have no instance (`updraft_module_clear`). Writes to `count`
 * how many there were; it may be NULL.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_clear(const struct updraft_engine_t *engine,
                                      size_t *count,
                                      struct updraft_error_t **error);

/**
 * Bounds the machine code that an engine may hold, all modules together: `bytes`, rounded up to what it takes at once
 * (64 KiB); 0, the default: as much as was reserved (`updraft_config_set_code_reservation`). Code that is there stays.
 * Beyond the bound compilation fails with LIMIT: of a module that is made, or of the call of a lazy function; a function
 * that has code keeps it.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_set_code_limit(const struct updraft_engine_t *engine,
                                               size_t bytes,
                                               struct updraft_error_t **error);

/**
 * Fills in how much memory the module in the `len` bytes at `bytes` is expected to take with the tiers of this engine. Looks
 * at the sections, validates and compiles no function. `updraft_module_stats` has what a module really takes.
 *
 * Fails as `updraft_module_validate` does, but not for what is wrong within functions. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_estimate(const struct updraft_engine_t *engine,
                                         const uint8_t *bytes,
                                         size_t len,
                                         struct updraft_estimate_t *estimate,
                                         struct updraft_error_t **error);

/**
 * Fills in the numbers of an engine's background compilation.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_engine_compile_stats(const struct updraft_engine_t *engine,
                                              struct updraft_compile_stats_t *stats,
                                              struct updraft_error_t **error);

/**
 * Makes the running call, or the next one if none is running, trap with `UPDRAFT_TRAP_INTERRUPT`. Wakes a guest
 * that waits. Nothing happens if the store is gone.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_interrupt_trigger(const struct updraft_interrupt_t *interrupt,
                                           struct updraft_error_t **error);

/**
 * Takes back an interrupt that was not delivered yet.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_interrupt_clear(const struct updraft_interrupt_t *interrupt,
                                         struct updraft_error_t **error);

/**
 * Writes to `pending` whether an interrupt, or a deadline that passed, was not delivered yet: 1 or 0. A host function
 * that takes long may ask, and return early.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_interrupt_is_pending(const struct updraft_interrupt_t *interrupt,
                                              uint32_t *pending,
                                              struct updraft_error_t **error);

/**
 * Counts one more reference to an interrupt handle, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_interrupt_clone(const struct updraft_interrupt_t *interrupt,
                                         struct updraft_interrupt_t **out,
                                         struct updraft_error_t **error);

/**
 * Gives up a reference to an interrupt handle. NULL is allowed.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_interrupt_delete(struct updraft_interrupt_t *interrupt);

/**
 * Counts one more holder of an object: the handle must be released once more. In a host function this makes a
 * borrowed handle outlive the call.
 *
 * Fails with MISUSE (a stale, foreign or null handle), BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_retain(struct updraft_store_t *store,
                                      updraft_handle_t handle,
                                      struct updraft_error_t **error);

/**
 * Gives up one holder of an object. The object lives on while something else reaches it; after the last release the
 * handle is stale. Handle 0 is allowed, and nothing happens.
 *
 * Fails with MISUSE (a stale or foreign handle), BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_release(struct updraft_store_t *store,
                                       updraft_handle_t handle,
                                       struct updraft_error_t **error);

/**
 * Writes to `same` whether two handles name the same object: 1 or 0.
 *
 * Fails with MISUSE (a stale, foreign or null handle), BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_same(struct updraft_store_t *store,
                                    updraft_handle_t a,
                                    updraft_handle_t b,
                                    uint32_t *same,
                                    struct updraft_error_t **error);

/**
 * Writes to `kind` what a handle names: an `UPDRAFT_KIND_` number.
 *
 * Fails with MISUSE (a stale, foreign or null handle), BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_kind(struct updraft_store_t *store,
                                    updraft_handle_t handle,
                                    updraft_kind_t *kind,
                                    struct updraft_error_t **error);

/**
 * Makes an external reference around a host pointer, which may be NULL.
 *
 * Writes to `out` a handle owned by the caller (`updraft_store_release`). `finalizer`, unless NULL, is called once with
 * `data` when neither a handle nor WebAssembly reaches the reference any more and the store reclaims it, on the
 * store's thread. On failure `data` stays with the caller. Fails with MISUSE, LIMIT, BUSY and BUG.
 * The store's thread. Since 0.1.
 */
updraft_status_t updraft_externref_new(struct updraft_store_t *store,
                                       void *data,
                                       updraft_finalizer_t finalizer,
                                       updraft_externref_t *out,
                                       struct updraft_error_t **error);

/**
 * Writes to `data` the host pointer that an external reference wraps. The reference still owns it.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_externref_data(struct updraft_store_t *store,
                                        updraft_externref_t externref,
                                        void **data,
                                        struct updraft_error_t **error);

/**
 * Writes to `raw` the form that an external reference has in a raw cell. It is valid while the object lives.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_externref_to_raw(struct updraft_store_t *store,
                                          updraft_externref_t externref,
                                          uint32_t *raw,
                                          struct updraft_error_t **error);

/**
 * Writes to `out` a handle, owned by the caller, for an external reference from a raw cell; 0 for null.
 *
 * Fails with MISUSE (a number that is not in use), BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_externref_from_raw(struct updraft_store_t *store,
                                            uint32_t raw,
                                            updraft_externref_t *out,
                                            struct updraft_error_t **error);

/**
 * Makes a store.
 *
 * Writes to `out` a store owned by the caller (`updraft_store_delete`). Fails with MISUSE, LIMIT and SYSTEM.
 * Any thread. Since 0.1.
 */
updraft_status_t updraft_store_new(const struct updraft_engine_t *engine,
                                   struct updraft_store_t **out,
                                   struct updraft_error_t **error);

/**
 * Counts one more reference to a store, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_store_clone(const struct updraft_store_t *store,
                                     struct updraft_store_t **out,
                                     struct updraft_error_t **error);

/**
 * Gives up a reference to a store. NULL is allowed. The last one frees the store and all that it owns, and runs the
 * finalizers of host functions, external references and user data on this thread.
 *
 * Fails with MISUSE, and with BUSY while a call runs in the store and this is the last reference: the store is
 * then left as it was. Any thread. Since 0.1.
 */
updraft_status_t updraft_store_delete(struct updraft_store_t *store,
                                      struct updraft_error_t **error);

/**
 * Attaches a host pointer to a store; one that was there before is finalized now.
 *
 * `data` may be NULL. `finalizer`, unless NULL, is called once with `data` when it is replaced or the store is freed,
 * on the thread that does so. On failure `data` stays with the caller. Fails with MISUSE, BUSY and BUG.
 * The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_set_data(struct updraft_store_t *store,
                                        void *data,
                                        updraft_finalizer_t finalizer,
                                        struct updraft_error_t **error);

/**
 * Writes to `data` the host pointer of a store, NULL if none was attached. The store still owns it.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_store_data(const struct updraft_store_t *store,
                                    void **data,
                                    struct updraft_error_t **error);

/**
 * Writes to `engine` the engine of a store: a new reference, owned by the caller.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_engine(struct updraft_store_t *store,
                                      struct updraft_engine_t **engine,
                                      struct updraft_error_t **error);

/**
 * Fills in the limits of a store.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_limits(struct updraft_store_t *store,
                                      struct updraft_store_limits_t *limits,
                                      struct updraft_error_t **error);

/**
 * Sets the limits of a store; what is already larger stays. To change one of them, fill the struct in by
 * `updraft_store_limits` first.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_set_limits(struct updraft_store_t *store,
                                          const struct updraft_store_limits_t *limits,
                                          struct updraft_error_t **error);

/**
 * Reclaims what nothing reaches any more, and writes to `count`, unless NULL, how many objects went. Does nothing
 * while a call is running. The engine does this by itself from time to time.
 *
 * Runs finalizers of what it reclaims on this thread. Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_collect(struct updraft_store_t *store,
                                       size_t *count,
                                       struct updraft_error_t **error);

/**
 * Writes to `count` how many instances are alive.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_instance_count(struct updraft_store_t *store,
                                              size_t *count,
                                              struct updraft_error_t **error);

/**
 * Writes to `running` whether a WebAssembly call is running in the store: 1 in a host function, else 0.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_is_running(struct updraft_store_t *store,
                                          uint32_t *running,
                                          struct updraft_error_t **error);

/**
 * Makes a handle that interrupts the store's calls from any thread; it may outlive the store.
 *
 * Writes to `out` a handle owned by the caller (`updraft_interrupt_delete`). Fails with MISUSE, BUSY and BUG.
 * The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_interrupt_handle(struct updraft_store_t *store,
                                                struct updraft_interrupt_t **out,
                                                struct updraft_error_t **error);

/**
 * Whether WebAssembly uses fuel (1): each store has some, running code takes of it, and what finds too little left
 * traps with `UPDRAFT_TRAP_OUT_OF_FUEL`. If not (0, the default), code is not slowed down by it.
 *
 * Every operator that is executed takes one unit, but for `unreachable`, `nop`, `block`, `loop`, `else`, `end`, `return`
 * and `drop`, which take nothing. In addition `memory.fill`, `memory.copy` and `memory.init` take one unit per 64 bytes
 * of their length, `table.fill`, `table.copy` and `table.init` one per 8 elements, both rounded down. Constant
 * expressions and host functions take nothing; a host function may lower the fuel itself.
 *
 * Units are taken for a run of operators at a time, before the first of them. A run ends behind a branch (`br`, `br_if`,
 * `br_table`, `return`), an `if`, a call and `unreachable`, and in front of `loop`, `else` and `end`. If there is less
 * left than the run takes, it traps before it does anything; whatever came before it is done. A trap for another reason
 * leaves the run in which it happened paid in full. Compilers, tiers and strategies make no difference to any of this: in
 * a host function, when a call returns and after a trap, the store has the same left in all of them.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_config_set_fuel(struct updraft_config_t *config,
                                         uint32_t on,
                                         struct updraft_error_t **error);

/**
 * Sets how much fuel a store has left: 0 when it is made. More than `INT64_MAX` counts as `INT64_MAX`. A host function
 * may set it as well, for the call that it is part of.
 *
 * A store that has run out of fuel works as before once it has some again.
 * Fails with MISUSE, also if the engine was made without fuel, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_set_fuel(struct updraft_store_t *store,
                                        uint64_t fuel,
                                        struct updraft_error_t **error);

/**
 * Adds to the fuel that a store has left, up to `INT64_MAX` in all.
 *
 * Fails with MISUSE, also if the engine was made without fuel, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_add_fuel(struct updraft_store_t *store,
                                        uint64_t fuel,
                                        struct updraft_error_t **error);

/**
 * Writes to `fuel` how much fuel a store has left, 0 if it has run out of it. In a host function that is what is
 * left behind the call of it.
 *
 * Fails with MISUSE, also if the engine was made without fuel, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_store_fuel(struct updraft_store_t *store,
                                    uint64_t *fuel,
                                    struct updraft_error_t **error);

/**
 * The store that the host function runs in: the host's pointer, not a new reference. NULL for NULL.
 *
 * Cannot fail. The host function's thread. Since 0.1.
 */
struct updraft_store_t *updraft_caller_store(const struct updraft_caller_t *caller);

/**
 * Writes to `instance` the handle of the instance that called, 0 if the host called the function directly. Borrowed:
 * valid until the host function returns, unless `updraft_store_retain` is called.
 *
 * Fails with MISUSE and BUSY. The host function's thread. Since 0.1.
 */
updraft_status_t updraft_caller_instance(const struct updraft_caller_t *caller,
                                         updraft_instance_t *instance,
                                         struct updraft_error_t **error);

/**
 * Writes to `memory` the handle of the caller's memory: its export "memory", else its only memory. Borrowed: valid
 * until the host function returns, unless `updraft_store_retain` is called.
 *
 * Fails with NOT_FOUND if the caller has none or is the host, MISUSE and BUSY. The host function's thread. Since 0.1.
 */
updraft_status_t updraft_caller_memory(const struct updraft_caller_t *caller,
                                       updraft_memory_t *memory,
                                       struct updraft_error_t **error);

/**
 * Writes to `item` an export of the instance that called, by name: a handle owned by the host function
 * (`updraft_store_release`).
 *
 * Fails with NOT_FOUND if there is no such export or the caller is the host, MISUSE and BUSY.
 * The host function's thread. Since 0.1.
 */
updraft_status_t updraft_caller_export(const struct updraft_caller_t *caller,
                                       const char *name,
                                       size_t name_len,
                                       struct updraft_extern_t *item,
                                       struct updraft_error_t **error);

/**
 * Makes a host function of a store.
 *
 * `env` is passed to each call, and may be NULL. `finalizer`, unless NULL, is called once with `env` when the function
 * is reclaimed or the store is freed, on the thread that does so. On failure `env` stays with the caller.
 * Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with MISUSE, LIMIT, SYSTEM, BUSY and BUG.
 * The store's thread. Since 0.1.
 */
updraft_status_t updraft_func_new(struct updraft_store_t *store,
                                  const struct updraft_functype_t *functype,
                                  updraft_callback_t callback,
                                  void *env,
                                  updraft_finalizer_t finalizer,
                                  updraft_func_t *out,
                                  struct updraft_error_t **error);

/**
 * Makes a host function of a store that gets raw cells; otherwise as `updraft_func_new`.
 *
 * Fails with MISUSE, LIMIT, SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_func_new_raw(struct updraft_store_t *store,
                                      const struct updraft_functype_t *functype,
                                      updraft_raw_callback_t callback,
                                      void *env,
                                      updraft_finalizer_t finalizer,
                                      updraft_func_t *out,
                                      struct updraft_error_t **error);

/**
 * Writes to `functype` the type of a function, owned by the caller (`updraft_functype_delete`).
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_func_type(struct updraft_store_t *store,
                                   updraft_func_t func,
                                   struct updraft_functype_t **functype,
                                   struct updraft_error_t **error);

/**
 * Calls a function with checked arguments.
 *
 * `args` and `results` hold as many values as the function has parameters and results; each may be NULL if it is
 * empty; they may overlap. Handles among `args` stay the caller's. On success all of `results` is written, and
 * handles in it are owned by the caller (`updraft_store_release`).
 *
 * Fails with MISUSE (a wrong number or type of arguments or results, a bad handle), TRAP, COMPILE, BUSY and BUG.
 * The store's thread. Since 0.1.
 */
updraft_status_t updraft_func_call(struct updraft_store_t *store,
                                   updraft_func_t func,
                                   const struct updraft_val_t *args,
                                   size_t arg_count,
                                   struct updraft_val_t *results,
                                   size_t result_count,
                                   struct updraft_error_t **error);

/**
 * Calls a function as `updraft_func_call` does, and stops it with `UPDRAFT_TRAP_DEADLINE` once `timeout_ns` nanoseconds
 * have passed. Needs an engine with interrupts.
 *
 * Fails with MISUSE, TRAP, COMPILE, SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_func_call_with_timeout(struct updraft_store_t *store,
                                                updraft_func_t func,
                                                const struct updraft_val_t *args,
                                                size_t arg_count,
                                                struct updraft_val_t *results,
                                                size_t result_count,
                                                uint64_t timeout_ns,
                                                struct updraft_error_t **error);

/**
 * Calls a function without checking the types of its arguments: the fast way, for a buffer that is used again and
 * again.
 *
 * `values` holds the arguments, one cell each, and takes the results; it has as many cells as the larger of both
 * numbers, is aligned to 16 bytes, and may be NULL if that is 0. The cells must hold values of the parameter types, and
 * references in raw form that are alive: this is not checked. References in the results live at least until the
 * next call or `updraft_store_collect`, unless a handle is made from them.
 *
 * Fails with MISUSE (a bad handle, `values` NULL or misaligned), TRAP, COMPILE, BUSY and BUG. After a failure the
 * cells hold anything. The store's thread. Since 0.1.
 */
updraft_status_t updraft_func_call_raw(struct updraft_store_t *store,
                                       updraft_func_t func,
                                       union updraft_raw_t *values,
                                       struct updraft_error_t **error);

/**
 * Writes to `raw` the form that a reference to a function has in a raw cell. It is valid while the function lives.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_func_to_raw(struct updraft_store_t *store,
                                     updraft_func_t func,
                                     size_t *raw,
                                     struct updraft_error_t **error);

/**
 * Writes to `out` a handle, owned by the caller, for a function reference from a raw cell; 0 for null.
 *
 * `raw` must be 0 or a live function reference of this store: this is not checked. Fails with MISUSE, LIMIT, BUSY and BUG.
 * The store's thread. Since 0.1.
 */
updraft_status_t updraft_func_from_raw(struct updraft_store_t *store,
                                       size_t raw,
                                       updraft_func_t *out,
                                       struct updraft_error_t **error);

/**
 * Makes a global in a store, with a first value of its type.
 *
 * Writes to `out` a handle owned by the caller (`updraft_store_release`). A handle in `value` stays the caller's.
 * Fails with MISUSE, LIMIT, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_global_new(struct updraft_store_t *store,
                                    const struct updraft_globaltype_t *global_type,
                                    const struct updraft_val_t *value,
                                    updraft_global_t *out,
                                    struct updraft_error_t **error);

/**
 * Fills in the type of a global.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_global_type(struct updraft_store_t *store,
                                     updraft_global_t global,
                                     struct updraft_globaltype_t *global_type,
                                     struct updraft_error_t **error);

/**
 * Writes to `value` the value of a global; a handle in it is owned by the caller (`updraft_store_release`).
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_global_get(struct updraft_store_t *store,
                                    updraft_global_t global,
                                    struct updraft_val_t *value,
                                    struct updraft_error_t **error);

/**
 * Sets the value of a global. A handle in `value` stays the caller's.
 *
 * Fails with MISUSE (a value of another type, a global that cannot be written), BUSY and BUG.
 * The store's thread. Since 0.1.
 */
updraft_status_t updraft_global_set(struct updraft_store_t *store,
                                    updraft_global_t global,
                                    const struct updraft_val_t *value,
                                    struct updraft_error_t **error);

/**
 * Instantiates a module with its imports given in order (`updraft_module_import`), and runs its start function.
 *
 * `imports` holds `import_count` items, as many as the module imports; NULL if it imports nothing. Their handles
 * stay the caller's. Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with LINK (an import is
 * not what the module asks for), TRAP (initial data do not fit, or the start function trapped), MISUSE, COMPILE, LIMIT,
 * SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_instance_new(struct updraft_store_t *store,
                                      const struct updraft_module_t *module,
                                      const struct updraft_extern_t *imports,
                                      size_t import_count,
                                      updraft_instance_t *out,
                                      struct updraft_error_t **error);

/**
 * Writes to `item` an export of an instance, by name: a handle owned by the caller (`updraft_store_release`).
 *
 * Fails with NOT_FOUND, MISUSE, LIMIT, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_instance_export(struct updraft_store_t *store,
                                         updraft_instance_t instance,
                                         const char *name,
                                         size_t name_len,
                                         struct updraft_extern_t *item,
                                         struct updraft_error_t **error);

/**
 * Writes to `item` the `index`-th export of an instance, in the order of `updraft_module_export`: a handle owned
 * by the caller (`updraft_store_release`).
 *
 * Fails with OUT_OF_BOUNDS, MISUSE, LIMIT, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_instance_export_at(struct updraft_store_t *store,
                                            updraft_instance_t instance,
                                            size_t index,
                                            struct updraft_extern_t *item,
                                            struct updraft_error_t **error);

/**
 * Writes to `module` the module of an instance: a new reference, owned by the caller (`updraft_module_delete`).
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_instance_module(struct updraft_store_t *store,
                                         updraft_instance_t instance,
                                         struct updraft_module_t **module,
                                         struct updraft_error_t **error);

/**
 * Makes a memory in a store. For a shared type, use `updraft_shared_memory_new` to give it to several stores.
 *
 * Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with MISUSE, LIMIT, SYSTEM, BUSY and BUG.
 * The store's thread. Since 0.1.
 */
updraft_status_t updraft_memory_new(struct updraft_store_t *store,
                                    const struct updraft_memorytype_t *memory_type,
                                    updraft_memory_t *out,
                                    struct updraft_error_t **error);

/**
 * Fills in the type of a memory; `min` is its current size.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_memory_type(struct updraft_store_t *store,
                                     updraft_memory_t memory,
                                     struct updraft_memorytype_t *memory_type,
                                     struct updraft_error_t **error);

/**
 * Writes to `pages` the size of a memory in pages of 64 KiB.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_memory_size(struct updraft_store_t *store,
                                     updraft_memory_t memory,
                                     uint64_t *pages,
                                     struct updraft_error_t **error);

/**
 * Grows a memory by `delta` pages, and writes the old size in pages to `old_pages` unless that is NULL. Pointers
 * into the memory (`updraft_memory_data`) are then stale.
 *
 * Fails with LIMIT if the memory cannot grow so far, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_memory_grow(struct updraft_store_t *store,
                                     updraft_memory_t memory,
                                     uint64_t delta,
                                     uint64_t *old_pages,
                                     struct updraft_error_t **error);

/**
 * Writes to `data` where a memory's first byte is, and to `len` its size in bytes. Valid until the memory grows (by
 * WebAssembly too) or is reclaimed. An empty memory may have any pointer.
 *
 * Fails with MISUSE, BUSY, BUG and TRAP (its initial contents are in an artifact that was changed meanwhile). The store's
 * thread. Since 0.1.
 */
updraft_status_t updraft_memory_data(struct updraft_store_t *store,
                                     updraft_memory_t memory,
                                     uint8_t **data,
                                     size_t *len,
                                     struct updraft_error_t **error);

/**
 * Copies `len` bytes at `offset` of a memory to `buffer`, which may be NULL if `len` is 0.
 *
 * Fails with OUT_OF_BOUNDS, and nothing is copied, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_memory_read(struct updraft_store_t *store,
                                     updraft_memory_t memory,
                                     uint64_t offset,
                                     uint8_t *buffer,
                                     size_t len,
                                     struct updraft_error_t **error);

/**
 * Copies `len` bytes at `bytes`, which may be NULL if `len` is 0, to `offset` of a memory.
 *
 * Fails with OUT_OF_BOUNDS, and nothing is copied, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_memory_write(struct updraft_store_t *store,
                                      updraft_memory_t memory,
                                      uint64_t offset,
                                      const uint8_t *bytes,
                                      size_t len,
                                      struct updraft_error_t **error);

/**
 * Makes a shared memory, whose type has UPDRAFT_LIMITS_SHARED and a maximum.
 *
 * Writes to `out` a memory owned by the caller (`updraft_shared_memory_delete`). Fails with MISUSE, LIMIT and SYSTEM.
 * Any thread. Since 0.1.
 */
updraft_status_t updraft_shared_memory_new(const struct updraft_engine_t *engine,
                                           const struct updraft_memorytype_t *memory_type,
                                           struct updraft_shared_memory_t **out,
                                           struct updraft_error_t **error);

/**
 * Makes a shared memory a memory of a store.
 *
 * Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with MISUSE (also for a memory of another
 * engine), LIMIT, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_memory_from_shared(struct updraft_store_t *store,
                                            const struct updraft_shared_memory_t *shared,
                                            updraft_memory_t *out,
                                            struct updraft_error_t **error);

/**
 * Writes to `out` the shared memory behind a memory of a store: a new reference, owned by the caller.
 *
 * Fails with NOT_FOUND if the memory is not shared, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_memory_shared(struct updraft_store_t *store,
                                       updraft_memory_t memory,
                                       struct updraft_shared_memory_t **out,
                                       struct updraft_error_t **error);

/**
 * Fills in the type of a shared memory.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_shared_memory_type(const struct updraft_shared_memory_t *shared,
                                            struct updraft_memorytype_t *memory_type,
                                            struct updraft_error_t **error);

/**
 * Writes to `pages` the size of a shared memory in pages of 64 KiB.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_shared_memory_size(const struct updraft_shared_memory_t *shared,
                                            uint64_t *pages,
                                            struct updraft_error_t **error);

/**
 * Grows a shared memory by `delta` pages, and writes the old size in pages to `old_pages` unless that is NULL. Its
 * bytes never move.
 *
 * Fails with LIMIT if the memory cannot grow so far, and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_shared_memory_grow(const struct updraft_shared_memory_t *shared,
                                            uint64_t delta,
                                            uint64_t *old_pages,
                                            struct updraft_error_t **error);

/**
 * Writes to `data` where a shared memory's first byte is, and to `len` its size in bytes now; it never moves nor
 * shrinks. Other threads may write to it meanwhile: use atomic accesses.
 *
 * Valid while a reference to the memory is held. Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_shared_memory_data(const struct updraft_shared_memory_t *shared,
                                            uint8_t **data,
                                            size_t *len,
                                            struct updraft_error_t **error);

/**
 * Counts one more reference to a shared memory, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_shared_memory_clone(const struct updraft_shared_memory_t *shared,
                                             struct updraft_shared_memory_t **out,
                                             struct updraft_error_t **error);

/**
 * Gives up a reference to a shared memory. NULL is allowed. Stores that use the memory keep it alive.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_shared_memory_delete(struct updraft_shared_memory_t *shared);

/**
 * Makes a table in a store, all of whose elements are `init`, a value of the element type.
 *
 * Writes to `out` a handle owned by the caller (`updraft_store_release`). A handle in `init` stays the caller's.
 * Fails with MISUSE, LIMIT, SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_table_new(struct updraft_store_t *store,
                                   const struct updraft_tabletype_t *table_type,
                                   const struct updraft_val_t *init,
                                   updraft_table_t *out,
                                   struct updraft_error_t **error);

/**
 * Fills in the type of a table; `min` is its current size.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_table_type(struct updraft_store_t *store,
                                    updraft_table_t table,
                                    struct updraft_tabletype_t *table_type,
                                    struct updraft_error_t **error);

/**
 * Writes to `size` the number of elements of a table.
 *
 * Fails with MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_table_size(struct updraft_store_t *store,
                                    updraft_table_t table,
                                    uint64_t *size,
                                    struct updraft_error_t **error);

/**
 * Writes to `value` the element at `index`; a handle in it is owned by the caller (`updraft_store_release`).
 *
 * Fails with OUT_OF_BOUNDS, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_table_get(struct updraft_store_t *store,
                                   updraft_table_t table,
                                   uint64_t index,
                                   struct updraft_val_t *value,
                                   struct updraft_error_t **error);

/**
 * Sets the element at `index`. A handle in `value` stays the caller's.
 *
 * Fails with OUT_OF_BOUNDS, MISUSE (also for a value of another type), BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_table_set(struct updraft_store_t *store,
                                   updraft_table_t table,
                                   uint64_t index,
                                   const struct updraft_val_t *value,
                                   struct updraft_error_t **error);

/**
 * Grows a table by `delta` elements, all of them `init`, and writes the old size to `old_size` unless that is NULL.
 *
 * Fails with LIMIT if the table cannot grow so far, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_table_grow(struct updraft_store_t *store,
                                    updraft_table_t table,
                                    uint64_t delta,
                                    const struct updraft_val_t *init,
                                    uint64_t *old_size,
                                    struct updraft_error_t **error);

/**
 * Makes a linker without definitions.
 *
 * Writes to `out` a linker owned by the caller (`updraft_linker_delete`). Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_linker_new(const struct updraft_engine_t *engine,
                                    struct updraft_linker_t **out,
                                    struct updraft_error_t **error);

/**
 * Counts one more reference to a linker, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_linker_clone(const struct updraft_linker_t *linker,
                                      struct updraft_linker_t **out,
                                      struct updraft_error_t **error);

/**
 * Gives up a reference to a linker. NULL is allowed. Instances made by it are not affected.
 *
 * Finalizers of host functions that nobody else uses run on this thread. Cannot fail. Any thread. Since 0.1.
 */
void updraft_linker_delete(struct updraft_linker_t *linker);

/**
 * Whether a later definition replaces an earlier one of the same name (1) or is an error (0, the default).
 *
 * Fails with MISUSE and BUSY. Any thread. Since 0.1.
 */
updraft_status_t updraft_linker_allow_shadowing(struct updraft_linker_t *linker,
                                                uint32_t on,
                                                struct updraft_error_t **error);

/**
 * Defines an object of a store under a module and a name. The linker keeps the object alive; it can then be used in
 * this store only. The handle in `item` stays the caller's.
 *
 * Fails with LINK if the name is taken, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_linker_define(struct updraft_linker_t *linker,
                                       struct updraft_store_t *store,
                                       const char *module,
                                       size_t module_len,
                                       const char *name,
                                       size_t name_len,
                                       const struct updraft_extern_t *item,
                                       struct updraft_error_t **error);

/**
 * Defines a host function under a module and a name, for any store of the linker's engine. The callback may then run
 * on several threads at once, one per store.
 *
 * `env` is passed to each call, and may be NULL. `finalizer`, unless NULL, is called once with `env` when neither the
 * linker nor a store uses the function any more, on the thread that drops the last of them. On failure `env` stays with
 * the caller. Fails with LINK if the name is taken, MISUSE and BUSY. Any thread. Since 0.1.
 */
updraft_status_t updraft_linker_define_func(struct updraft_linker_t *linker,
                                            const char *module,
                                            size_t module_len,
                                            const char *name,
                                            size_t name_len,
                                            const struct updraft_functype_t *functype,
                                            updraft_callback_t callback,
                                            void *env,
                                            updraft_finalizer_t finalizer,
                                            struct updraft_error_t **error);

/**
 * Defines a host function that gets raw cells; otherwise as `updraft_linker_define_func`.
 *
 * Fails with LINK if the name is taken, MISUSE and BUSY. Any thread. Since 0.1.
 */
updraft_status_t updraft_linker_define_raw_func(struct updraft_linker_t *linker,
                                                const char *module,
                                                size_t module_len,
                                                const char *name,
                                                size_t name_len,
                                                const struct updraft_functype_t *functype,
                                                updraft_raw_callback_t callback,
                                                void *env,
                                                updraft_finalizer_t finalizer,
                                                struct updraft_error_t **error);

/**
 * Defines all exports of an instance under a module. The linker keeps the instance alive.
 *
 * Fails with LINK if a name is taken, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_linker_define_instance(struct updraft_linker_t *linker,
                                                struct updraft_store_t *store,
                                                const char *module,
                                                size_t module_len,
                                                updraft_instance_t instance,
                                                struct updraft_error_t **error);

/**
 * Defines every import of a module that has no definition yet as a function that traps when it is called: for tests and
 * for hosts that provide a part only. Imports that are not functions stay undefined.
 *
 * Fails with MISUSE and BUSY. Any thread. Since 0.1.
 */
updraft_status_t updraft_linker_define_unknown_imports_as_traps(struct updraft_linker_t *linker,
                                                                const struct updraft_module_t *module,
                                                                struct updraft_error_t **error);

/**
 * Writes to `item` what is defined under a module and a name: a handle owned by the caller (`updraft_store_release`).
 *
 * Fails with NOT_FOUND, MISUSE, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_linker_get(const struct updraft_linker_t *linker,
                                    struct updraft_store_t *store,
                                    const char *module,
                                    size_t module_len,
                                    const char *name,
                                    size_t name_len,
                                    struct updraft_extern_t *item,
                                    struct updraft_error_t **error);

/**
 * Instantiates a module in a store with the definitions of the linker, and runs its start function.
 *
 * Writes to `out` a handle owned by the caller (`updraft_store_release`). Fails with LINK (the message lists every import
 * that is missing or does not fit), TRAP (initial data do not fit, or the start function trapped), MISUSE, COMPILE, LIMIT,
 * SYSTEM, BUSY and BUG. The store's thread. Since 0.1.
 */
updraft_status_t updraft_linker_instantiate(const struct updraft_linker_t *linker,
                                            struct updraft_store_t *store,
                                            const struct updraft_module_t *module,
                                            updraft_instance_t *out,
                                            struct updraft_error_t **error);

/**
 * Makes a configuration that gives nothing: no arguments, no environment, no files, silent streams.
 *
 * Writes to `out` a configuration owned by the caller (`updraft_wasi_config_delete`). Fails with UNSUPPORTED in a library
 * without WASI, and MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasi_config_new(struct updraft_wasi_config_t **out,
                                         struct updraft_error_t **error);

/**
 * Counts one more reference to a configuration, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasi_config_clone(const struct updraft_wasi_config_t *config,
                                           struct updraft_wasi_config_t **out,
                                           struct updraft_error_t **error);

/**
 * Gives up a reference to a configuration. NULL is allowed.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_wasi_config_delete(struct updraft_wasi_config_t *config);

/**
 * Adds an argument, `len` bytes without a NUL, copied; the first one is the program's name.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_add_arg(struct updraft_wasi_config_t *config,
                                             const char *arg,
                                             size_t len,
                                             struct updraft_error_t **error);

/**
 * Sets an environment variable, copied, in place of an earlier one of this name. Neither string may contain a NUL, nor
 * the name a '='.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_set_env(struct updraft_wasi_config_t *config,
                                             const char *name,
                                             size_t name_len,
                                             const char *value,
                                             size_t value_len,
                                             struct updraft_error_t **error);

/**
 * Sets every environment variable that the process has.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_inherit_env(struct updraft_wasi_config_t *config,
                                                 struct updraft_error_t **error);

/**
 * Opens the host's directory `host_path` (bytes, copied) to the program under the name `guest_path`. The program reaches
 * nothing outside of the directories that it was given. `access`: an `UPDRAFT_WASI_READ_` number. The directory is opened
 * by `updraft_wasi_new`.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_add_dir(struct updraft_wasi_config_t *config,
                                             const char *host_path,
                                             size_t host_path_len,
                                             const char *guest_path,
                                             size_t guest_path_len,
                                             updraft_wasi_access_t access,
                                             struct updraft_error_t **error);

/**
 * Gives the program the process's own standard streams.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_inherit_stdio(struct updraft_wasi_config_t *config,
                                                   struct updraft_error_t **error);

/**
 * Gives the program the process's own standard stream for `stream` (an `UPDRAFT_WASI_STD` number).
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_inherit_stream(struct updraft_wasi_config_t *config,
                                                    updraft_wasi_stream_t stream,
                                                    struct updraft_error_t **error);

/**
 * Makes a file, pipe or terminal of the process the stream `stream`. The descriptor `fd` is duplicated and stays the
 * caller's.
 *
 * Fails with MISUSE, SYSTEM (`fd` is not open) and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_set_stream_fd(struct updraft_wasi_config_t *config,
                                                   updraft_wasi_stream_t stream,
                                                   int32_t fd,
                                                   struct updraft_error_t **error);

/**
 * Gives the program a socket, connected or listening; sockets come after the directories. The descriptor `fd` is
 * duplicated and stays the caller's.
 *
 * Fails with MISUSE, SYSTEM (`fd` is not open) and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_add_socket(struct updraft_wasi_config_t *config,
                                                int32_t fd,
                                                struct updraft_error_t **error);

/**
 * Makes `len` bytes at `bytes`, copied, the program's standard input. `bytes` may be NULL if `len` is 0.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_set_stdin_bytes(struct updraft_wasi_config_t *config,
                                                     const uint8_t *bytes,
                                                     size_t len,
                                                     struct updraft_error_t **error);

/**
 * Makes a callback the source of the program's standard input.
 *
 * `finalizer`, unless NULL, is called once with `env` when the last user goes, on the thread that drops it. On failure
 * `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_set_stdin_callback(struct updraft_wasi_config_t *config,
                                                        updraft_wasi_read_t callback,
                                                        void *env,
                                                        updraft_finalizer_t finalizer,
                                                        struct updraft_error_t **error);

/**
 * Makes a buffer of at most `limit` bytes the stream `stream`, which is standard output or error;
 * `updraft_wasi_output` reads it. The program gets an error when it is full.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_set_output_buffer(struct updraft_wasi_config_t *config,
                                                       updraft_wasi_stream_t stream,
                                                       size_t limit,
                                                       struct updraft_error_t **error);

/**
 * Makes a callback the stream `stream`, which is standard output or error.
 *
 * `finalizer`, unless NULL, is called once with `env` when the last user goes, on the thread that drops it. On failure
 * `env` stays with the caller. Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_set_output_callback(struct updraft_wasi_config_t *config,
                                                         updraft_wasi_stream_t stream,
                                                         updraft_wasi_write_t callback,
                                                         void *env,
                                                         updraft_finalizer_t finalizer,
                                                         struct updraft_error_t **error);

/**
 * Makes all clocks one counter of nanoseconds, which starts at `start` and moves by `step` when it is read; waiting moves
 * it and takes no time. For runs that must repeat. Times of files stay the host's.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_set_virtual_clock(struct updraft_wasi_config_t *config,
                                                       uint64_t start,
                                                       uint64_t step,
                                                       struct updraft_error_t **error);

/**
 * Makes random numbers a function of `seed`. They are then not fit for secrets.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_set_random_seed(struct updraft_wasi_config_t *config,
                                                     uint64_t seed,
                                                     struct updraft_error_t **error);

/**
 * Bounds how many descriptors the program may have at once, those that it starts with included. Default: 512.
 *
 * Fails with MISUSE and BUSY. Since 0.1.
 */
updraft_status_t updraft_wasi_config_set_max_descriptors(struct updraft_wasi_config_t *config,
                                                         uint32_t count,
                                                         struct updraft_error_t **error);

/**
 * Opens what a configuration names, for one program. Takes all that the configuration holds, which is then as new, also
 * when this fails.
 *
 * Writes to `out` an object owned by the caller (`updraft_wasi_delete`). Fails with SYSTEM (a directory cannot be opened),
 * LIMIT, MISUSE and BUSY. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasi_new(struct updraft_wasi_config_t *config,
                                  struct updraft_wasi_t **out,
                                  struct updraft_error_t **error);

/**
 * Counts one more reference to a program's WASI state, and writes the same pointer to `out`.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasi_clone(const struct updraft_wasi_t *wasi,
                                    struct updraft_wasi_t **out,
                                    struct updraft_error_t **error);

/**
 * Gives up a reference to a program's WASI state. NULL is allowed. Linkers and stores that use it keep it alive.
 *
 * Cannot fail. Any thread. Since 0.1.
 */
void updraft_wasi_delete(struct updraft_wasi_t *wasi);

/**
 * Copies what the program has written to `stream`, a buffered standard output or error, to `buffer`: as much as fits into
 * `capacity` bytes. Writes the length of all of it to `needed`. `buffer` may be NULL if `capacity` is 0. Nothing is
 * written to streams that have no buffer.
 *
 * Fails with MISUSE. Any thread. Since 0.1.
 */
updraft_status_t updraft_wasi_output(const struct updraft_wasi_t *wasi,
                                     updraft_wasi_stream_t stream,
                                     uint8_t *buffer,
                                     size_t capacity,
                                     size_t *needed,
                                     struct updraft_error_t **error);

/**
 * Defines the functions of WASI preview 1 in a linker, for one program: modules that are instantiated by the linker share
 * its descriptors. The linker keeps the state alive.
 *
 * Fails with LINK if a name is taken, MISUSE and BUSY. Any thread. Since 0.1.
 */
updraft_status_t updraft_linker_define_wasi(struct updraft_linker_t *linker,
                                            const struct updraft_wasi_t *wasi,
                                            struct updraft_error_t **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* UPDRAFT_H */
