// Integer dot products of a small neural layer with vectors of 16-bit numbers.
#include "kernel.h"

typedef int16_t i16x8 __attribute__((vector_size(16)));
typedef i32 i32x4 __attribute__((vector_size(16)));
typedef int16_t i16x4 __attribute__((vector_size(8)));

enum { INPUTS = 512, OUTPUTS = 256 };
static int16_t weights[OUTPUTS][INPUTS] __attribute__((aligned(16)));
static int16_t inputs[INPUTS] __attribute__((aligned(16)));
static i32 outputs[OUTPUTS];

static inline i32x4 low(i16x8 v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3), i32x4); }
static inline i32x4 high(i16x8 v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 4, 5, 6, 7), i32x4); }

static NOINLINE void layer(void) {
  for (u32 i = 0; i < OUTPUTS; i++) {
    i32x4 sum = {0, 0, 0, 0};
    for (u32 k = 0; k < INPUTS; k += 8) {
      const i16x8 w = *(const i16x8 *)&weights[i][k], x = *(const i16x8 *)&inputs[k];
      sum += low(w) * low(x) + high(w) * high(x);
    }
    outputs[i] = sum[0] + sum[1] + sum[2] + sum[3];
  }
}

RUN u64 run(u32 n) {
  random_seed(97);
  for (u32 i = 0; i < OUTPUTS * INPUTS; i++) (&weights[0][0])[i] = (int16_t)((random_next() & 255) - 128);
  for (u32 i = 0; i < INPUTS; i++) inputs[i] = (int16_t)(random_next() & 127);
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    layer();
    for (u32 i = 0; i < OUTPUTS; i++) {
      const i32 value = outputs[i] >> 8;
      inputs[i] = (int16_t)(value < 0 ? 0 : value > 127 ? 127 : value);
    }
    sum = mix(sum, (u32)outputs[round % OUTPUTS]);
    inputs[INPUTS - 1 - round % 256] = (int16_t)(round & 127);
  }
  return sum;
}
