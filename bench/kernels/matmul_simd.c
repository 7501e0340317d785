// Multiplies square matrices of floats, four columns at a time.
#include "kernel.h"

typedef float f32x4 __attribute__((vector_size(16)));

enum { SIZE = 256 };
static float a[SIZE][SIZE] __attribute__((aligned(16)));
static float b[SIZE][SIZE] __attribute__((aligned(16)));
static float c[SIZE][SIZE] __attribute__((aligned(16)));

RUN u64 run(u32 n) {
  random_seed(2);
  for (u32 i = 0; i < SIZE; i++)
    for (u32 j = 0; j < SIZE; j++) {
      a[i][j] = (float)(random_next() & 255) / 256.0f;
      b[i][j] = (float)(random_next() & 255) / 256.0f;
    }
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < SIZE; i++)
      for (u32 j = 0; j < SIZE; j += 16) {
        f32x4 dot0 = {0}, dot1 = {0}, dot2 = {0}, dot3 = {0};
        for (u32 k = 0; k < SIZE; k++) {
          const float x = a[i][k];
          const f32x4 splat = {x, x, x, x};
          const f32x4 *row = (const f32x4 *)&b[k][j];
          dot0 += splat * row[0];
          dot1 += splat * row[1];
          dot2 += splat * row[2];
          dot3 += splat * row[3];
        }
        f32x4 *out = (f32x4 *)&c[i][j];
        out[0] = dot0;
        out[1] = dot1;
        out[2] = dot2;
        out[3] = dot3;
      }
    a[round % SIZE][0] += 0.5f;
    sum = mix_double(sum, c[round % SIZE][SIZE / 2]);
  }
  return sum;
}
