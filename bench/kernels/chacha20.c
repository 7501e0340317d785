// Encrypts a buffer with ChaCha20, again and again.
#include "kernel.h"

enum { SIZE = 1 << 16 };
static u8 data[SIZE];

static inline u32 rotate(u32 x, u32 by) { return x << by | x >> (32 - by); }

#define QUARTER(a, b, c, d)                        \
  x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);    \
  x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);    \
  x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);     \
  x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);

static NOINLINE void block(const u32 state[16], u8 *out) {
  u32 x[16];
  for (u32 i = 0; i < 16; i++) x[i] = state[i];
  for (u32 round = 0; round < 10; round++) {
    QUARTER(0, 4, 8, 12)
    QUARTER(1, 5, 9, 13)
    QUARTER(2, 6, 10, 14)
    QUARTER(3, 7, 11, 15)
    QUARTER(0, 5, 10, 15)
    QUARTER(1, 6, 11, 12)
    QUARTER(2, 7, 8, 13)
    QUARTER(3, 4, 9, 14)
  }
  for (u32 i = 0; i < 16; i++) {
    u32 word;
    memcpy(&word, out + 4 * i, 4);
    word ^= x[i] + state[i];
    memcpy(out + 4 * i, &word, 4);
  }
}

RUN u64 run(u32 n) {
  u32 state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  random_seed(47);
  for (u32 i = 4; i < 16; i++) state[i] = random_next();
  memset(data, 0, SIZE);
  for (u32 round = 0; round < n; round++)
    for (u32 i = 0; i < SIZE; i += 64) {
      block(state, data + i);
      state[12]++;
    }
  return mix_bytes(0, data, SIZE);
}
