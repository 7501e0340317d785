// Fast Fourier transform there and back, radix 2, in place.
#include "kernel.h"

enum { LOG = 14, SIZE = 1 << LOG };
static double re[SIZE], im[SIZE], cosines[SIZE / 2], sines[SIZE / 2];

// Twiddle factors by halving angles: only square roots, exact everywhere.
static void make_twiddles(void) {
  double half_cos[LOG], half_sin[LOG];
  half_cos[0] = -1, half_sin[0] = 0;
  for (u32 k = 1; k < LOG; k++) {
    half_cos[k] = k == 1 ? 0 : __builtin_sqrt((1 + half_cos[k - 1]) * 0.5);
    half_sin[k] = k == 1 ? 1 : __builtin_sqrt((1 - half_cos[k - 1]) * 0.5);
  }
  // The angle of factor i is 2 pi i / SIZE: the sum of pi / 2^k over the bits of i.
  for (u32 i = 0; i < SIZE / 2; i++) {
    double c = 1, s = 0;
    for (u32 bit = 0; bit < LOG - 1; bit++)
      if (i >> bit & 1) {
        const u32 k = LOG - 1 - bit;
        const double next = c * half_cos[k] - s * half_sin[k];
        s = c * half_sin[k] + s * half_cos[k];
        c = next;
      }
    cosines[i] = c, sines[i] = s;
  }
}

static NOINLINE void transform(double sign) {
  for (u32 i = 1, j = 0; i < SIZE; i++) {
    u32 bit = SIZE >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      double t = re[i];
      re[i] = re[j], re[j] = t;
      t = im[i], im[i] = im[j], im[j] = t;
    }
  }
  for (u32 half = 1; half < SIZE; half *= 2) {
    const u32 step = SIZE / 2 / half;
    for (u32 start = 0; start < SIZE; start += 2 * half)
      for (u32 k = 0; k < half; k++) {
        const double c = cosines[k * step], s = sign * sines[k * step];
        const u32 a = start + k, b = a + half;
        const double xr = re[b] * c - im[b] * s, xi = re[b] * s + im[b] * c;
        re[b] = re[a] - xr, im[b] = im[a] - xi;
        re[a] += xr, im[a] += xi;
      }
  }
}

RUN u64 run(u32 n) {
  make_twiddles();
  random_seed(7);
  for (u32 i = 0; i < SIZE; i++) re[i] = (double)(random_next() & 0xFFFF), im[i] = 0;
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    transform(-1);
    sum = mix_double(sum, re[round % SIZE]);
    transform(1);
    for (u32 i = 0; i < SIZE; i++) re[i] *= 1.0 / SIZE, im[i] *= 1.0 / SIZE;
  }
  return mix_double(sum, re[3]);
}
