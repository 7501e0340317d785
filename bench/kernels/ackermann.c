// The Ackermann function: deep recursion.
#include "kernel.h"

static NOINLINE u32 ackermann(u32 m, u32 n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

RUN u64 run(u32 n) {
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) sum = mix(sum, ackermann(2, 300 + (round & 63)) + ackermann(3, 6));
  return sum;
}
