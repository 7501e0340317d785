// Parses comma-separated values with quotes, and adds up the columns.
#include "kernel.h"

enum { CAPACITY = 1 << 20, ROWS = 12000, COLUMNS = 6 };
static u8 text[CAPACITY];
static u32 text_len;

static void put(u8 c) {
  if (text_len == CAPACITY) __builtin_trap();
  text[text_len++] = c;
}

static void put_number(u32 value) {
  u8 digits[10];
  u32 n = 0;
  do digits[n++] = (u8)('0' + value % 10);
  while (value /= 10);
  while (n) put(digits[--n]);
}

static void generate(void) {
  text_len = 0;
  random_seed(23);
  for (u32 row = 0; row < ROWS; row++) {
    for (u32 column = 0; column < COLUMNS; column++) {
      if (column) put(',');
      const u32 pick = random_next();
      if (column % 3 == 2) {
        put('"');
        for (u32 k = pick & 15; k > 0; k--) {
          const u32 c = random_next() % 30;
          if (c < 26) put((u8)('a' + c));
          else if (c == 26) put('"'), put('"');
          else if (c == 27) put(',');
          else put(' ');
        }
        put('"');
      } else {
        if (pick & 1) put('-');
        put_number(pick >> 8);
      }
    }
    put('\n');
  }
}

typedef struct {
  u8 bytes[64];
  u32 len;
} Field;

static const u8 *parse_field(const u8 *p, const u8 *end, Field *field) {
  field->len = 0;
  if (p < end && *p == '"') {
    for (p++; p < end; p++) {
      if (*p == '"') {
        p++;
        if (p == end || *p != '"') break;
      }
      if (field->len < sizeof field->bytes) field->bytes[field->len++] = *p;
    }
  } else
    for (; p < end && *p != ',' && *p != '\n'; p++)
      if (field->len < sizeof field->bytes) field->bytes[field->len++] = *p;
  return p;
}

static i64 to_number(const Field *field) {
  i64 value = 0;
  u32 i = field->len && field->bytes[0] == '-';
  for (; i < field->len && field->bytes[i] >= '0' && field->bytes[i] <= '9'; i++) value = value * 10 + (field->bytes[i] - '0');
  return field->len && field->bytes[0] == '-' ? -value : value;
}

static NOINLINE u64 parse(void) {
  i64 sums[COLUMNS] = {0};
  u64 letters = 0;
  const u8 *p = text, *end = text + text_len;
  while (p < end) {
    for (u32 column = 0;; column++) {
      Field field;
      p = parse_field(p, end, &field);
      if (column % 3 == 2)
        for (u32 i = 0; i < field.len; i++) letters = letters * 31 + field.bytes[i];
      else if (column < COLUMNS) sums[column] += to_number(&field);
      if (p == end || *p == '\n') break;
      p++;
    }
    p++;
  }
  for (u32 i = 0; i < COLUMNS; i++) letters = mix(letters, (u64)sums[i]);
  return letters;
}

RUN u64 run(u32 n) {
  generate();
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    sum = mix(sum, parse());
    text[text_len - 2 - round % 3] ^= 1;
  }
  return sum;
}
