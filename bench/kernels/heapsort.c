// Heap sort of doubles.
#include "kernel.h"

enum { COUNT = 200000 };
static double values[COUNT];

static void sift_down(u32 root, u32 end) {
  const double value = values[root];
  for (u32 child; (child = 2 * root + 1) < end; root = child) {
    if (child + 1 < end && values[child] < values[child + 1]) child++;
    if (!(value < values[child])) break;
    values[root] = values[child];
  }
  values[root] = value;
}

RUN u64 run(u32 n) {
  u64 sum = 0;
  random_seed(13);
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < COUNT; i++) values[i] = (double)random_next();
    for (u32 i = COUNT / 2; i-- > 0;) sift_down(i, COUNT);
    for (u32 end = COUNT - 1; end > 0; end--) {
      const double top = values[0];
      values[0] = values[end], values[end] = top;
      sift_down(0, end);
    }
    for (u32 i = 1; i < COUNT; i++)
      if (values[i - 1] > values[i]) return 0;
    sum = mix_double(sum, values[COUNT / 3]);
  }
  return sum;
}
