// Three nested loops, entered once.
#include "kernel.h"

enum { SIDE = 64 };
static u32 grid[SIDE][SIDE];

RUN u64 run(u32 n) {
  for (u32 i = 0; i < SIDE * SIDE; i++) (&grid[0][0])[i] = i * 2654435761u;
  u32 sum = 0;
  for (u32 round = 0; round < n; round++)
    for (u32 y = 0; y < SIDE; y++)
      for (u32 x = 0; x < SIDE; x++) {
        const u32 value = grid[y][x] + grid[x][y ^ (round & (SIDE - 1))];
        grid[y][x] = (value << 1) ^ (value >> 3) ^ sum;
        sum += value & 0xFF;
      }
  return (u64)sum << 32 | grid[3][5];
}
