// Quick sort of integers, recursive, median of three, insertion sort for short ranges.
#include "kernel.h"

enum { COUNT = 500000 };
static i32 values[COUNT];

static inline void swap(i32 *a, i32 *b) {
  const i32 t = *a;
  *a = *b, *b = t;
}

static void sort(i32 *first, i32 *last) {
  while (last - first > 16) {
    i32 *middle = first + (last - first) / 2;
    if (*middle < *first) swap(middle, first);
    if (last[-1] < *middle) swap(&last[-1], middle);
    if (*middle < *first) swap(middle, first);
    const i32 pivot = *middle;
    i32 *low = first, *high = last - 1;
    while (low <= high) {
      while (*low < pivot) low++;
      while (pivot < *high) high--;
      if (low <= high) swap(low++, high--);
    }
    sort(first, high + 1);
    first = low;
  }
  for (i32 *p = first + 1; p < last; p++) {
    const i32 value = *p;
    i32 *hole = p;
    for (; hole > first && value < hole[-1]; hole--) *hole = hole[-1];
    *hole = value;
  }
}

RUN u64 run(u32 n) {
  u64 sum = 0;
  random_seed(17);
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < COUNT; i++) values[i] = (i32)random_next();
    sort(values, values + COUNT);
    for (u32 i = 1; i < COUNT; i++)
      if (values[i - 1] > values[i]) return 0;
    sum = mix(sum, (u32)values[COUNT / 5]);
  }
  return sum;
}
