// Work in the manner of embedded benchmarks: linked lists, small integer matrices, a state machine, CRC-16.
#include "kernel.h"

typedef struct Node {
  struct Node *next;
  i32 key, data;
} Node;

enum { NODES = 300, SIDE = 12, TEXT = 600 };
static Node nodes[NODES];
static i32 left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];
static u8 text[TEXT + 1];

static u16 crc16(u16 crc, u32 value) {
  for (u32 bit = 0; bit < 32; bit++, value >>= 1)
    crc = (crc >> 1) ^ ((crc ^ value) & 1 ? 0xA001 : 0);
  return crc;
}

static i32 by_key(const Node *a, const Node *b) { return a->key - b->key; }
static i32 by_data(const Node *a, const Node *b) { return a->data - b->data; }

// Merge sort of a list, bottom up.
static NOINLINE Node *sort(Node *list, i32 (*compare)(const Node *, const Node *)) {
  for (u32 size = 1;; size *= 2) {
    Node *p = list, *tail = NULL;
    u32 merges = 0;
    list = NULL;
    while (p) {
      merges++;
      Node *q = p;
      u32 p_left = 0, q_left = size;
      while (p_left < size && q) p_left++, q = q->next;
      while (p_left > 0 || (q_left > 0 && q)) {
        Node *taken;
        if (p_left && (!q_left || !q || compare(p, q) <= 0))
          taken = p, p = p->next, p_left--;
        else
          taken = q, q = q->next, q_left--;
        if (tail) tail->next = taken;
        else list = taken;
        tail = taken;
      }
      p = q;
    }
    tail->next = NULL;
    if (merges <= 1) return list;
  }
}

static Node *reverse(Node *list) {
  Node *done = NULL;
  while (list) {
    Node *next = list->next;
    list->next = done, done = list, list = next;
  }
  return done;
}

static NOINLINE u32 list_work(u32 round) {
  for (u32 i = 0; i < NODES; i++)
    nodes[i] = (Node){i + 1 < NODES ? &nodes[i + 1] : NULL, (i32)(random_next() & 0x7FFF), (i32)(i * 7 + round)};
  Node *list = sort(nodes, by_key);
  u32 crc = 0;
  for (i32 wanted = 0; wanted < 0x8000; wanted += 0x400) {
    Node *found = list;
    while (found && found->key < wanted) found = found->next;
    if (found) crc = crc16((u16)crc, (u32)found->data);
  }
  list = sort(reverse(list), by_data);
  return crc16((u16)crc, (u32)list->next->key);
}

static NOINLINE u32 matrix_work(void) {
  u32 crc = 0;
  for (u32 i = 0; i < SIDE; i++)
    for (u32 j = 0; j < SIDE; j++) {
      i32 dot = 0;
      for (u32 k = 0; k < SIDE; k++) dot += left[i][k] * right[k][j];
      product[i][j] = dot;
      crc += (u32)(dot >> 2 & 15) * (u32)(dot >> 5 & 127);
    }
  for (u32 i = 0; i < SIDE; i++)
    for (u32 j = 0; j < SIDE; j++) left[i][j] = (int16_t)product[i][j];
  return crc;
}

typedef enum { START, INTEGER, FRACTION, EXPONENT, EXPONENT_DIGITS, INVALID, STATES } State;

// Splits the text at commas, and classifies each piece as a number.
static NOINLINE u32 state_work(u32 *counts) {
  State state = START;
  u32 transitions = 0;
  for (const u8 *p = text; *p; p++) {
    const u8 c = *p;
    const State before = state;
    if (c == ',') {
      counts[state]++;
      state = START;
    } else
      switch (state) {
        case START:
          if (c >= '0' && c <= '9') state = INTEGER;
          else if (c == '.') state = FRACTION;
          else if (c != '+' && c != '-') state = INVALID;
          break;
        case INTEGER:
          if (c == '.') state = FRACTION;
          else if (c == 'e') state = EXPONENT;
          else if (c < '0' || c > '9') state = INVALID;
          break;
        case FRACTION:
          if (c == 'e') state = EXPONENT;
          else if (c < '0' || c > '9') state = INVALID;
          break;
        case EXPONENT:
          if (c == '-' || (c >= '0' && c <= '9')) state = EXPONENT_DIGITS;
          else state = INVALID;
          break;
        case EXPONENT_DIGITS:
          if (c < '0' || c > '9') state = INVALID;
          break;
        default: break;
      }
    transitions += state != before;
  }
  return transitions;
}

RUN u64 run(u32 n) {
  static const char letters[] = "0123456789012345.e-+,,,,x";
  random_seed(11);
  for (u32 i = 0; i < TEXT; i++) text[i] = (u8)letters[random_next() % (sizeof letters - 1)];
  for (u32 i = 0; i < SIDE * SIDE; i++) (&left[0][0])[i] = (i32)(random_next() & 255), (&right[0][0])[i] = (i32)(random_next() & 15);
  u32 counts[STATES] = {0};
  u64 sum = 0;
  u16 crc = 0;
  for (u32 round = 0; round < n; round++) {
    crc = crc16(crc, list_work(round));
    crc = crc16(crc, matrix_work());
    crc = crc16(crc, state_work(counts));
    text[round % TEXT] = (u8)letters[round % 15];
  }
  for (u32 i = 0; i < STATES; i++) sum = mix(sum, counts[i]);
  return mix(sum, crc);
}
