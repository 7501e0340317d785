// Blurs an RGBA picture with a 5-tap binomial kernel, both directions, byte by byte.
#include "kernel.h"

enum { WIDTH = 512, HEIGHT = 384 };
static u8 picture[HEIGHT][WIDTH][4], between[HEIGHT][WIDTH][4];

static NOINLINE void horizontal(void) {
  for (u32 y = 0; y < HEIGHT; y++)
    for (u32 x = 2; x < WIDTH - 2; x++)
      for (u32 c = 0; c < 4; c++)
        between[y][x][c] = (u8)((picture[y][x - 2][c] + 4 * picture[y][x - 1][c] + 6 * picture[y][x][c] + 4 * picture[y][x + 1][c] +
                                 picture[y][x + 2][c] + 8) >> 4);
}

static NOINLINE void vertical(void) {
  for (u32 y = 2; y < HEIGHT - 2; y++)
    for (u32 x = 0; x < WIDTH; x++)
      for (u32 c = 0; c < 4; c++)
        picture[y][x][c] = (u8)((between[y - 2][x][c] + 4 * between[y - 1][x][c] + 6 * between[y][x][c] + 4 * between[y + 1][x][c] +
                                 between[y + 2][x][c] + 8) >> 4);
}

RUN u64 run(u32 n) {
  random_seed(59);
  for (u32 i = 0; i < sizeof picture; i++) ((u8 *)picture)[i] = (u8)random_next();
  memset(between, 0, sizeof between);
  for (u32 round = 0; round < n; round++) horizontal(), vertical();
  return mix_bytes(0, (const u8 *)picture, sizeof picture);
}
