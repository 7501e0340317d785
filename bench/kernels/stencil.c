// Jacobi relaxation on a grid of doubles: each cell becomes the mean of its four neighbours.
#include "kernel.h"

enum { WIDTH = 512, HEIGHT = 256 };
static double grids[2][HEIGHT][WIDTH];

RUN u64 run(u32 n) {
  random_seed(3);
  for (u32 y = 0; y < HEIGHT; y++)
    for (u32 x = 0; x < WIDTH; x++) grids[0][y][x] = grids[1][y][x] = (double)(random_next() & 4095);
  for (u32 round = 0; round < n; round++) {
    double(*from)[WIDTH] = grids[round & 1], (*to)[WIDTH] = grids[~round & 1];
    for (u32 y = 1; y < HEIGHT - 1; y++)
      for (u32 x = 1; x < WIDTH - 1; x++)
        to[y][x] = 0.25 * (from[y - 1][x] + from[y + 1][x] + from[y][x - 1] + from[y][x + 1]);
  }
  u64 sum = 0;
  for (u32 y = 0; y < HEIGHT; y += 7)
    for (u32 x = 0; x < WIDTH; x += 5) sum = mix_double(sum, grids[n & 1][y][x]);
  return sum;
}
