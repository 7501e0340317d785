// Counts the ways to place n queens, with bit masks and recursion.
#include "kernel.h"

static NOINLINE u32 place(u32 all, u32 columns, u32 down, u32 up) {
  if (columns == all) return 1;
  u32 found = 0;
  for (u32 free = all & ~(columns | down | up); free; free &= free - 1) {
    const u32 queen = free & -free;
    found += place(all, columns | queen, (down | queen) << 1, (up | queen) >> 1);
  }
  return found;
}

RUN u64 run(u32 n) { return place((1u << n) - 1, 0, 0, 0); }
