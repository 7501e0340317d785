// What every kernel shares: the entry point, integers, an arena, random numbers and a checksum.
//
// A kernel is one C file without a library. It compiles to WebAssembly (clang) and natively (gcc), and
// `run(n)` gives the same checksum in both; `n` scales the work. Floating-point code uses only operations
// that IEEE 754 defines exactly, and the build switches contraction off.
#ifndef KERNEL_H
#define KERNEL_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;
typedef int64_t i64;

#ifdef __wasm__
#define RUN __attribute__((export_name("run")))
#else
#define RUN
#endif
#define NOINLINE __attribute__((noinline))

u64 run(u32 n);

#define memcpy __builtin_memcpy
#define memset __builtin_memset
#define memmove __builtin_memmove

// --- Random numbers: the same everywhere ---------------------------------------------------------------

static u32 random_state;

static inline void random_seed(u32 seed) { random_state = seed ? seed : 1; }

static inline u32 random_next(void) {
  u32 x = random_state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return random_state = x;
}

// --- Checksum ------------------------------------------------------------------------------------------

static inline u64 mix(u64 sum, u64 value) {
  sum = (sum ^ value) * 0x9E3779B97F4A7C15u;
  return sum ^ (sum >> 29);
}

static inline u64 mix_double(u64 sum, double value) {
  u64 bits;
  memcpy(&bits, &value, 8);
  return mix(sum, bits);
}

static inline u64 mix_bytes(u64 sum, const u8 *bytes, u32 count) {
  for (u32 i = 0; i < count; i++) sum = mix(sum, bytes[i]);
  return sum;
}

// --- An arena: nothing is freed but all ----------------------------------------------------------------

#ifdef ARENA_BYTES
static u8 arena[ARENA_BYTES] __attribute__((aligned(16)));
static u32 arena_used;

static inline void arena_reset(void) { arena_used = 0; }

static inline void *arena_alloc(u32 bytes) {
  bytes = (bytes + 15) & ~15u;
  if (bytes > ARENA_BYTES - arena_used) __builtin_trap();
  void *result = arena + arena_used;
  arena_used += bytes;
  return result;
}
#endif

#endif
