// A hash made of rotations by constant and variable amounts, in one loop, entered once.
#include "kernel.h"

static inline u64 left64(u64 x, u32 by) { return x << (by & 63) | x >> (-by & 63); }
static inline u32 left32(u32 x, u32 by) { return x << (by & 31) | x >> (-by & 31); }

RUN u64 run(u32 n) {
  u64 a = 0x736f6d6570736575, b = 0x646f72616e646f6d, c = 0x6c7967656e657261, d = 0x7465646279746573;
  u32 e = 0x9E3779B9;
  for (u64 i = 0, steps = (u64)n * 100000; i < steps; i++) {
    d ^= i;
    a += b, c += d;
    b = left64(b, 13) ^ a, d = left64(d, 16) ^ c;
    a = left64(a, 32);
    c += b, a += d;
    b = left64(b, 17) ^ c, d = left64(d, 21) ^ a;
    c = left64(c, 32);
    e = left32(e + (u32)a, (u32)b) ^ left32((u32)c, 7);
    a ^= e;
  }
  return a ^ b ^ c ^ d;
}
