// Bulk memory: fills and copies from a few bytes to megabytes.
#include "kernel.h"

enum { SIZE = 1 << 21 };
static u8 a[SIZE], b[SIZE];

RUN u64 run(u32 n) {
  random_seed(71);
  memset(a, 1, SIZE);
  memset(b, 2, SIZE);
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    memcpy(b, a, SIZE / 2 + round);
    memmove(b + 3, b, SIZE / 2);
    memset(a, (int)round, SIZE / 2);
    for (u32 i = 0; i < 4000; i++) {
      const u32 pick = random_next(), len = 1 + (pick & 255), from = (pick >> 8) % (SIZE - 256), to = random_next() % (SIZE - 256);
      memmove(a + to, b + from, len);
      memset(b + to, (int)i, len >> 1);
    }
    sum = mix(sum, (u64)a[round * 12345 % SIZE] << 8 | b[round * 54321 % SIZE]);
  }
  return mix_bytes(sum, a, SIZE / 16);
}
