// Spectral norm of an infinite matrix: divisions and dot products.
#include "kernel.h"

enum { SIZE = 300 };
static double u[SIZE], v[SIZE], t[SIZE];

static double element(u32 i, u32 j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

static NOINLINE void multiply(const double *x, double *out, u32 transposed) {
  for (u32 i = 0; i < SIZE; i++) {
    double sum = 0;
    for (u32 j = 0; j < SIZE; j++) sum += (transposed ? element(j, i) : element(i, j)) * x[j];
    out[i] = sum;
  }
}

RUN u64 run(u32 n) {
  for (u32 i = 0; i < SIZE; i++) u[i] = 1;
  for (u32 round = 0; round < n; round++) {
    multiply(u, t, 0), multiply(t, v, 1);
    multiply(v, t, 0), multiply(t, u, 1);
  }
  double vbv = 0, vv = 0;
  for (u32 i = 0; i < SIZE; i++) vbv += u[i] * v[i], vv += v[i] * v[i];
  return mix_double(0, __builtin_sqrt(vbv / vv));
}
