// BLAKE2b compression of a buffer.
#include "kernel.h"

enum { SIZE = 1 << 16 };
static u64 data[SIZE / 8];

static const u64 initial[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                               0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
static const u8 order[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                 {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                 {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                 {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                 {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};

static inline u64 rotate(u64 x, u32 by) { return x >> by | x << (64 - by); }

#define QUARTER(a, b, c, d, x, y)    \
  v[a] += v[b] + (x);                \
  v[d] = rotate(v[d] ^ v[a], 32);    \
  v[c] += v[d];                      \
  v[b] = rotate(v[b] ^ v[c], 24);    \
  v[a] += v[b] + (y);                \
  v[d] = rotate(v[d] ^ v[a], 16);    \
  v[c] += v[d];                      \
  v[b] = rotate(v[b] ^ v[c], 63);

static NOINLINE void compress(u64 state[8], const u64 m[16], u64 count) {
  u64 v[16];
  for (u32 i = 0; i < 8; i++) v[i] = state[i], v[i + 8] = initial[i];
  v[12] ^= count;
  for (u32 round = 0; round < 12; round++) {
    const u8 *s = order[round % 10];
    QUARTER(0, 4, 8, 12, m[s[0]], m[s[1]])
    QUARTER(1, 5, 9, 13, m[s[2]], m[s[3]])
    QUARTER(2, 6, 10, 14, m[s[4]], m[s[5]])
    QUARTER(3, 7, 11, 15, m[s[6]], m[s[7]])
    QUARTER(0, 5, 10, 15, m[s[8]], m[s[9]])
    QUARTER(1, 6, 11, 12, m[s[10]], m[s[11]])
    QUARTER(2, 7, 8, 13, m[s[12]], m[s[13]])
    QUARTER(3, 4, 9, 14, m[s[14]], m[s[15]])
  }
  for (u32 i = 0; i < 8; i++) state[i] ^= v[i] ^ v[i + 8];
}

RUN u64 run(u32 n) {
  random_seed(43);
  for (u32 i = 0; i < SIZE / 8; i++) data[i] = (u64)random_next() << 32 | random_next();
  u64 state[8];
  for (u32 i = 0; i < 8; i++) state[i] = initial[i];
  state[0] ^= 0x01010040;
  u64 count = 0;
  for (u32 round = 0; round < n; round++)
    for (u32 i = 0; i < SIZE / 8; i += 16) compress(state, data + i, count += 128);
  u64 sum = 0;
  for (u32 i = 0; i < 8; i++) sum = mix(sum, state[i]);
  return sum;
}
