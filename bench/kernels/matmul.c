// Multiplies square matrices of doubles, textbook order: dot products with a strided operand.
#include "kernel.h"

enum { SIZE = 160 };
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

RUN u64 run(u32 n) {
  random_seed(1);
  for (u32 i = 0; i < SIZE; i++)
    for (u32 j = 0; j < SIZE; j++) {
      a[i][j] = (double)(random_next() & 1023) / 1024.0;
      b[i][j] = (double)(random_next() & 1023) / 1024.0;
    }
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < SIZE; i++)
      for (u32 j = 0; j < SIZE; j++) {
        double dot = 0;
        for (u32 k = 0; k < SIZE; k++) dot += a[i][k] * b[k][j];
        c[i][j] = dot;
      }
    a[round % SIZE][0] += 0.5;
    sum = mix_double(sum, c[round % SIZE][SIZE / 2]);
  }
  return sum;
}
