// Compresses and decompresses with a dictionary of recent text, in the manner of LZ4.
#include "kernel.h"

enum { SIZE = 1 << 18, HASH_BITS = 13, MIN_MATCH = 4 };
static u8 plain[SIZE], packed[SIZE + SIZE / 64 + 64], unpacked[SIZE];
static u32 table[1 << HASH_BITS];

static u32 load4(const u8 *p) {
  u32 word;
  memcpy(&word, p, 4);
  return word;
}

static u8 *put_length(u8 *out, u32 rest) {
  for (; rest >= 255; rest -= 255) *out++ = 255;
  *out++ = (u8)rest;
  return out;
}

static u8 *put_sequence(u8 *out, const u8 *literals, u32 count, u32 offset, u32 match) {
  const u32 more = match - MIN_MATCH;
  *out++ = (u8)((count < 15 ? count : 15) << 4 | (more < 15 ? more : 15));
  if (count >= 15) out = put_length(out, count - 15);
  for (u32 i = 0; i < count; i++) *out++ = literals[i];
  *out++ = (u8)offset, *out++ = (u8)(offset >> 8);
  if (more >= 15) out = put_length(out, more - 15);
  return out;
}

static NOINLINE u32 compress(void) {
  memset(table, 0, sizeof table);
  u8 *out = packed;
  u32 anchor = 0, i = 1;
  while (i + 12 < SIZE) {
    const u32 word = load4(plain + i), slot = word * 2654435761u >> (32 - HASH_BITS), candidate = table[slot];
    table[slot] = i;
    if (i - candidate > 65535 || load4(plain + candidate) != word) {
      i++;
      continue;
    }
    u32 match = MIN_MATCH;
    while (i + match + 8 < SIZE && plain[candidate + match] == plain[i + match]) match++;
    out = put_sequence(out, plain + anchor, i - anchor, i - candidate, match);
    i += match, anchor = i;
  }
  // The last sequence: offset 0 ends the stream.
  return (u32)(put_sequence(out, plain + anchor, SIZE - anchor, 0, MIN_MATCH) - packed);
}

static NOINLINE u32 decompress(void) {
  const u8 *in = packed;
  u8 *out = unpacked;
  for (;;) {
    const u32 token = *in++;
    u32 count = token >> 4, match = (token & 15) + MIN_MATCH;
    if (count == 15) {
      u32 more;
      do count += more = *in++;
      while (more == 255);
    }
    for (u32 i = 0; i < count; i++) *out++ = *in++;
    const u32 offset = in[0] | (u32)in[1] << 8;
    in += 2;
    if (offset == 0) return (u32)(out - unpacked);
    if (match == 15 + MIN_MATCH) {
      u32 more;
      do match += more = *in++;
      while (more == 255);
    }
    const u8 *from = out - offset;
    for (u32 i = 0; i < match; i++) *out++ = *from++;
  }
}

RUN u64 run(u32 n) {
  random_seed(53);
  for (u32 i = 0; i < SIZE;) {
    const u32 pick = random_next(), len = 3 + (pick & 31), back = 1 + (pick >> 8) % 4000;
    for (u32 k = 0; k < len && i < SIZE; k++, i++) plain[i] = (pick & 0xC0) && i > back ? plain[i - back] : (u8)('a' + random_next() % 20);
  }
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    const u32 size = compress();
    if (decompress() != SIZE) return 0;
    for (u32 i = 0; i < SIZE; i++)
      if (plain[i] != unpacked[i]) return 0;
    sum = mix(sum, size);
    plain[round * 131 % SIZE] ^= 3;
  }
  return mix_bytes(sum, packed, 4096);
}
