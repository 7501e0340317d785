// Conway's game of life on a torus of bytes.
#include "kernel.h"

enum { WIDTH = 256, HEIGHT = 256 };
static u8 boards[2][HEIGHT][WIDTH];

RUN u64 run(u32 n) {
  random_seed(73);
  for (u32 i = 0; i < WIDTH * HEIGHT; i++) (&boards[0][0][0])[i] = random_next() % 3 == 0;
  for (u32 round = 0; round < n; round++) {
    u8(*from)[WIDTH] = boards[round & 1], (*to)[WIDTH] = boards[~round & 1];
    for (u32 y = 0; y < HEIGHT; y++) {
      const u8 *above = from[(y - 1) % HEIGHT], *row = from[y], *below = from[(y + 1) % HEIGHT];
      for (u32 x = 0; x < WIDTH; x++) {
        const u32 l = (x - 1) % WIDTH, r = (x + 1) % WIDTH;
        const u32 neighbours = above[l] + above[x] + above[r] + row[l] + row[r] + below[l] + below[x] + below[r];
        to[y][x] = neighbours == 3 || (neighbours == 2 && row[x]);
      }
    }
  }
  return mix_bytes(0, &boards[n & 1][0][0], WIDTH * HEIGHT);
}
