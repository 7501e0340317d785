// Digits of pi by a spigot over big integers: long division and multiplication.
#include "kernel.h"

enum { DIGITS = 2400, CELLS = DIGITS * 10 / 3 + 1 };
static u32 cells[CELLS];

RUN u64 run(u32 n) {
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < CELLS; i++) cells[i] = 2 + (round & 1);
    u32 held = 0;
    for (u32 digits = 0; digits < DIGITS; digits += 4) {
      u64 carry = 0;
      for (u32 i = CELLS - 1; i > 0; i--) {
        carry = carry * i + (u64)cells[i] * 10000;
        cells[i] = (u32)(carry % (2 * i - 1));
        carry /= 2 * i - 1;
      }
      sum = mix(sum, held + carry / 10000);
      held = (u32)(carry % 10000);
    }
  }
  return sum;
}
