// The Keccak permutation of 1600 bits, as SHA-3 uses it.
#include "kernel.h"

static const u64 round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
    0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800A, 0x800000008000000A, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};
static const u8 rotations[24] = {1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};
static const u8 lanes[24] = {10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};

static inline u64 rotate(u64 x, u32 by) { return x << by | x >> (64 - by); }

static NOINLINE void permute(u64 state[25]) {
  for (u32 round = 0; round < 24; round++) {
    u64 column[5];
    for (u32 i = 0; i < 5; i++) column[i] = state[i] ^ state[i + 5] ^ state[i + 10] ^ state[i + 15] ^ state[i + 20];
    for (u32 i = 0; i < 5; i++) {
      const u64 t = column[(i + 4) % 5] ^ rotate(column[(i + 1) % 5], 1);
      for (u32 j = 0; j < 25; j += 5) state[j + i] ^= t;
    }
    u64 moved = state[1];
    for (u32 i = 0; i < 24; i++) {
      const u64 next = state[lanes[i]];
      state[lanes[i]] = rotate(moved, rotations[i]);
      moved = next;
    }
    for (u32 j = 0; j < 25; j += 5) {
      for (u32 i = 0; i < 5; i++) column[i] = state[j + i];
      for (u32 i = 0; i < 5; i++) state[j + i] = column[i] ^ (~column[(i + 1) % 5] & column[(i + 2) % 5]);
    }
    state[0] ^= round_constants[round];
  }
}

RUN u64 run(u32 n) {
  u64 state[25] = {0};
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < 17; i++) state[i] ^= (u64)round * 0x0101010101010101u + i;
    permute(state);
  }
  u64 sum = 0;
  for (u32 i = 0; i < 25; i++) sum = mix(sum, state[i]);
  return sum;
}
