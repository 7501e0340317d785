// Encodes and decodes base64.
#include "kernel.h"

enum { SIZE = 120000 };
static u8 plain[SIZE], coded[SIZE / 3 * 4], decoded[SIZE];
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static NOINLINE void encode(void) {
  u8 *out = coded;
  for (u32 i = 0; i < SIZE; i += 3) {
    const u32 three = (u32)plain[i] << 16 | (u32)plain[i + 1] << 8 | plain[i + 2];
    *out++ = (u8)alphabet[three >> 18];
    *out++ = (u8)alphabet[three >> 12 & 63];
    *out++ = (u8)alphabet[three >> 6 & 63];
    *out++ = (u8)alphabet[three & 63];
  }
}

static u32 digit(u8 c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26u;
  if (c >= '0' && c <= '9') return c - '0' + 52u;
  return c == '+' ? 62 : 63;
}

static NOINLINE void decode(void) {
  u8 *out = decoded;
  for (u32 i = 0; i < sizeof coded; i += 4) {
    const u32 three = digit(coded[i]) << 18 | digit(coded[i + 1]) << 12 | digit(coded[i + 2]) << 6 | digit(coded[i + 3]);
    *out++ = (u8)(three >> 16);
    *out++ = (u8)(three >> 8);
    *out++ = (u8)three;
  }
}

RUN u64 run(u32 n) {
  random_seed(31);
  for (u32 i = 0; i < SIZE; i++) plain[i] = (u8)random_next();
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    encode();
    decode();
    for (u32 i = 0; i < SIZE; i += 101)
      if (plain[i] != decoded[i]) return 0;
    sum = mix(sum, coded[round * 7919 % sizeof coded]);
    plain[round % SIZE] ^= 0x55;
  }
  return mix_bytes(sum, coded, 2000);
}
