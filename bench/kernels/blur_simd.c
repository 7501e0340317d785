// The same blur as blur.c with vectors of sixteen bytes; the checksums are equal.
#include "kernel.h"

enum { WIDTH = 512, HEIGHT = 384, ROW = WIDTH * 4 };
typedef u8 u8x16 __attribute__((vector_size(16)));
typedef u8 u8x8 __attribute__((vector_size(8)));
typedef u16 u16x8 __attribute__((vector_size(16)));
static u8 picture[HEIGHT][ROW] __attribute__((aligned(16)));
static u8 between[HEIGHT][ROW] __attribute__((aligned(16)));

static inline u8x16 load(const u8 *p) {
  u8x16 v;
  memcpy(&v, p, 16);
  return v;
}
static inline u16x8 low(u8x16 v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), u16x8); }
static inline u16x8 high(u8x16 v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15), u16x8); }

static inline u16x8 weigh(u16x8 a, u16x8 b, u16x8 c, u16x8 d, u16x8 e) {
  return (a + e + ((b + d) << 2) + c * 6 + 8) >> 4;
}

static inline void blur16(const u8 *from, i32 stride, u8 *to) {
  const u8x16 a = load(from - 2 * stride), b = load(from - stride), c = load(from), d = load(from + stride), e = load(from + 2 * stride);
  const u8x8 first = __builtin_convertvector(weigh(low(a), low(b), low(c), low(d), low(e)), u8x8);
  const u8x8 second = __builtin_convertvector(weigh(high(a), high(b), high(c), high(d), high(e)), u8x8);
  const u8x16 both = __builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  memcpy(to, &both, 16);
}

static NOINLINE void horizontal(void) {
  for (u32 y = 0; y < HEIGHT; y++) {
    for (u32 x = 8; x + 24 <= ROW; x += 16) blur16(&picture[y][x], 4, &between[y][x]);
    // The last pixels overlap the ones before.
    blur16(&picture[y][ROW - 24], 4, &between[y][ROW - 24]);
  }
}

static NOINLINE void vertical(void) {
  for (u32 y = 2; y < HEIGHT - 2; y++)
    for (u32 x = 0; x < ROW; x += 16) blur16(&between[y][x], ROW, &picture[y][x]);
}

RUN u64 run(u32 n) {
  random_seed(59);
  for (u32 i = 0; i < sizeof picture; i++) ((u8 *)picture)[i] = (u8)random_next();
  memset(between, 0, sizeof between);
  for (u32 round = 0; round < n; round++) horizontal(), vertical();
  return mix_bytes(0, (const u8 *)picture, sizeof picture);
}
