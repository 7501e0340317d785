// Sieve of Eratosthenes over bytes.
#include "kernel.h"

enum { LIMIT = 2000000 };
static u8 composite[LIMIT];

RUN u64 run(u32 n) {
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    memset(composite, 0, LIMIT);
    u32 count = 0, last = 0;
    for (u32 i = 2; i < LIMIT - round; i++) {
      if (composite[i]) continue;
      count++, last = i;
      for (u32 k = 2 * i; k < LIMIT; k += i) composite[k] = 1;
    }
    sum = mix(mix(sum, count), last);
  }
  return sum;
}
