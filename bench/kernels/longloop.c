// One loop, entered once: a random walk that writes to memory.
#include "kernel.h"

static u32 cells[4096];

RUN u64 run(u32 n) {
  memset(cells, 0, sizeof cells);
  u32 x = 0x12345678, sum = 0;
  const u32 steps = n * 1000000u;
  for (u32 i = 0; i < steps; i++) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    u32 *cell = &cells[x & 4095];
    *cell += x ^ i;
    sum += *cell >> 3;
  }
  return (u64)sum << 32 | cells[x & 4095];
}
