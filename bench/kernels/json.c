// Parses JSON into a tree, walks it, and writes it again.
#define ARENA_BYTES (24u << 20)
#include "kernel.h"

typedef enum { NULL_VALUE, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT } Kind;

typedef struct Value {
  Kind kind;
  u32 len;
  double number;
  const u8 *string;
  const u8 *key;
  u32 key_len;
  struct Value *first, *next;
} Value;

enum { CAPACITY = 1 << 20 };
static u8 text[CAPACITY], output[2 * CAPACITY];
static u32 text_len, output_len;
static const u8 *cursor, *end;

static void put(u8 c) {
  if (text_len == CAPACITY) __builtin_trap();
  text[text_len++] = c;
}
static void put_string(const char *s) {
  while (*s) put((u8)*s++);
}
static void put_number(u32 value) {
  u8 digits[10];
  u32 n = 0;
  do digits[n++] = (u8)('0' + value % 10);
  while (value /= 10);
  while (n) put(digits[--n]);
}

static void generate(u32 depth) {
  const u32 pick = random_next();
  const u32 kind = depth == 0 ? pick % 5 : 5 + pick % 2;
  switch (kind) {
    case 0: put_string(pick & 8 ? "true" : "false"); break;
    case 1: put_string("null"); break;
    case 2:
    case 3:
      if (pick & 32) put('-');
      put_number(pick >> 16);
      if (pick & 8) put('.'), put_number(pick >> 20 & 511);
      if (pick & 16) put('e'), put((pick & 64) ? '-' : '+'), put_number(pick >> 12 & 7);
      break;
    case 4:
      put('"');
      for (u32 k = pick >> 27; k > 0; k--) {
        const u32 c = random_next() & 31;
        if (c < 26) put((u8)('a' + c));
        else if (c == 26) put_string("\\n");
        else if (c == 27) put_string("\\u00e9");
        else put(' ');
      }
      put('"');
      break;
    default:
      put(kind == 5 ? '[' : '{');
      for (u32 k = 0, count = 3 + (pick >> 28); k < count; k++) {
        if (k) put_string(", ");
        if (kind == 6) put_string("\"key"), put_number(k * 37), put_string("\": ");
        generate(depth - 1);
      }
      put(kind == 5 ? ']' : '}');
  }
}

static void skip_space(void) {
  while (cursor < end && (*cursor == ' ' || *cursor == '\n' || *cursor == '\t')) cursor++;
}

static u32 hex(u8 c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10u; }

static const u8 *parse_string(u32 *len) {
  u8 *out = arena_alloc(64), *start = out;
  for (cursor++; *cursor != '"';) {
    u32 c = *cursor++;
    if (c == '\\') {
      c = *cursor++;
      if (c == 'n') c = '\n';
      else if (c == 'u') {
        c = hex(cursor[0]) << 12 | hex(cursor[1]) << 8 | hex(cursor[2]) << 4 | hex(cursor[3]);
        cursor += 4;
        if (c >= 128) *out++ = (u8)(0xC0 | c >> 6), c = 0x80 | (c & 63);
      }
    }
    *out++ = (u8)c;
  }
  cursor++;
  *len = (u32)(out - start);
  return start;
}

static double parse_number(void) {
  static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  i64 mantissa = 0;
  i32 exponent = 0, sign = 1;
  if (*cursor == '-') sign = -1, cursor++;
  for (; *cursor >= '0' && *cursor <= '9'; cursor++) mantissa = mantissa * 10 + (*cursor - '0');
  if (*cursor == '.')
    for (cursor++; *cursor >= '0' && *cursor <= '9'; cursor++, exponent--) mantissa = mantissa * 10 + (*cursor - '0');
  if (*cursor == 'e') {
    cursor++;
    const i32 direction = *cursor++ == '-' ? -1 : 1;
    i32 digits = 0;
    for (; *cursor >= '0' && *cursor <= '9'; cursor++) digits = digits * 10 + (*cursor - '0');
    exponent += direction * digits;
  }
  const double value = (double)(mantissa * sign);
  return exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
}

static Value *parse_value(void) {
  Value *value = arena_alloc(sizeof(Value));
  memset(value, 0, sizeof *value);
  skip_space();
  const u8 c = *cursor;
  if (c == '"') {
    value->kind = STRING;
    value->string = parse_string(&value->len);
  } else if (c == '[' || c == '{') {
    value->kind = c == '[' ? ARRAY : OBJECT;
    const u8 close = c == '[' ? ']' : '}';
    Value **link = &value->first;
    for (cursor++, skip_space(); *cursor != close;) {
      const u8 *key = NULL;
      u32 key_len = 0;
      if (c == '{') {
        key = parse_string(&key_len);
        skip_space();
        cursor++;
      }
      Value *item = parse_value();
      item->key = key, item->key_len = key_len;
      *link = item, link = &item->next, value->len++;
      skip_space();
      if (*cursor == ',') cursor++, skip_space();
    }
    cursor++;
  } else if (c == 't') {
    value->kind = BOOLEAN, value->number = 1, cursor += 4;
  } else if (c == 'f') {
    value->kind = BOOLEAN, cursor += 5;
  } else if (c == 'n') {
    cursor += 4;
  } else {
    value->kind = NUMBER, value->number = parse_number();
  }
  return value;
}

static u64 walk(const Value *value) {
  u64 sum = mix_bytes(value->kind, value->key, value->key_len);
  if (value->kind == STRING) sum = mix_bytes(sum, value->string, value->len);
  if (value->kind == NUMBER || value->kind == BOOLEAN) sum = mix_double(sum, value->number);
  for (const Value *item = value->first; item; item = item->next) sum = mix(sum, walk(item));
  return sum;
}

static void write_byte(u8 c) { output[output_len++] = c; }

static void write_string(const u8 *bytes, u32 len) {
  write_byte('"');
  for (u32 i = 0; i < len; i++) {
    if (bytes[i] == '\n') write_byte('\\'), write_byte('n');
    else write_byte(bytes[i]);
  }
  write_byte('"');
}

static void write_value(const Value *value) {
  switch (value->kind) {
    case NULL_VALUE: write_byte('n'); break;
    case BOOLEAN: write_byte(value->number != 0 ? 't' : 'f'); break;
    case NUMBER: write_byte('#'), write_byte((u8)((u64)(value->number < 0 ? -value->number : value->number) & 127)); break;
    case STRING: write_string(value->string, value->len); break;
    default:
      write_byte(value->kind == ARRAY ? '[' : '{');
      for (const Value *item = value->first; item; item = item->next) {
        if (item->key) write_string(item->key, item->key_len), write_byte(':');
        write_value(item);
        if (item->next) write_byte(',');
      }
      write_byte(value->kind == ARRAY ? ']' : '}');
  }
}

RUN u64 run(u32 n) {
  random_seed(29);
  text_len = 0;
  put('[');
  while (text_len < CAPACITY / 2) {
    if (text_len > 1) put(',');
    generate(3);
  }
  put(']');
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    arena_reset();
    cursor = text, end = text + text_len;
    const Value *tree = parse_value();
    output_len = 0;
    write_value(tree);
    sum = mix(mix(sum, walk(tree)), output_len);
  }
  return mix_bytes(sum, output, 4096);
}
