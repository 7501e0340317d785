// CRC-32, a byte at a time and eight at a time, which must agree.
#include "kernel.h"

enum { SIZE = 1 << 18 };
static u32 table[8][256];
static u8 data[SIZE] __attribute__((aligned(8)));

static void make_tables(void) {
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (u32 k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
    table[0][i] = c;
  }
  for (u32 i = 0; i < 256; i++)
    for (u32 k = 1; k < 8; k++) table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

static NOINLINE u32 bytewise(u32 crc) {
  crc = ~crc;
  for (u32 i = 0; i < SIZE; i++) crc = table[0][(crc ^ data[i]) & 255] ^ crc >> 8;
  return ~crc;
}

static NOINLINE u32 by_eight(u32 crc) {
  crc = ~crc;
  for (u32 i = 0; i < SIZE; i += 8) {
    u32 low, high;
    memcpy(&low, data + i, 4);
    memcpy(&high, data + i + 4, 4);
    low ^= crc;
    crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
          table[3][high & 255] ^ table[2][high >> 8 & 255] ^ table[1][high >> 16 & 255] ^ table[0][high >> 24];
  }
  return ~crc;
}

RUN u64 run(u32 n) {
  make_tables();
  random_seed(37);
  for (u32 i = 0; i < SIZE; i++) data[i] = (u8)random_next();
  u32 a = 0, b = 0;
  for (u32 round = 0; round < n; round++) a = bytewise(a), b = by_eight(b);
  return a == b ? mix(a, n) : 0;
}
