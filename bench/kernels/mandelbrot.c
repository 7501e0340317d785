// Counts the iterations of each point of the Mandelbrot set's surroundings.
#include "kernel.h"

RUN u64 run(u32 n) {
  u64 sum = 0;
  for (u32 py = 0; py < n; py++)
    for (u32 px = 0; px < n; px++) {
      const double cx = 3.0 * px / n - 2.0, cy = 2.0 * py / n - 1.0;
      double x = 0, y = 0;
      u32 steps = 0;
      while (steps < 200 && x * x + y * y <= 4.0) {
        const double next = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = next;
        steps++;
      }
      sum = sum * 31 + steps;
    }
  return sum;
}
