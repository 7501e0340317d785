// Edit distance of two strings by dynamic programming.
#include "kernel.h"

enum { LENGTH = 1500 };
static u8 left[LENGTH], right[LENGTH];
static u32 rows[2][LENGTH + 1];

static inline u32 least(u32 a, u32 b) { return a < b ? a : b; }

RUN u64 run(u32 n) {
  random_seed(79);
  for (u32 i = 0; i < LENGTH; i++) left[i] = random_next() & 3, right[i] = random_next() & 3;
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    for (u32 j = 0; j <= LENGTH; j++) rows[0][j] = j;
    for (u32 i = 0; i < LENGTH; i++) {
      const u32 *before = rows[i & 1];
      u32 *now = rows[~i & 1];
      now[0] = i + 1;
      for (u32 j = 0; j < LENGTH; j++) now[j + 1] = least(least(before[j + 1], now[j]) + 1, before[j] + (left[i] != right[j]));
    }
    sum = mix(sum, rows[LENGTH & 1][LENGTH]);
    left[round % LENGTH] ^= 1;
  }
  return sum;
}
