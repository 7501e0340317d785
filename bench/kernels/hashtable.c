// A hash table with open addressing: inserts, lookups, deletions.
#include "kernel.h"

enum { BITS = 18, SLOTS = 1 << BITS, KEYS = SLOTS / 2 };
typedef struct {
  u64 key;  // 0: empty, 1: deleted
  u32 value;
} Slot;
static Slot slots[SLOTS];
static u64 keys[KEYS];

static u32 hash(u64 key) { return (u32)((key * 0xD6E8FEB86659FD93u) >> (64 - BITS)); }

static NOINLINE void insert(u64 key, u32 value) {
  u32 i = hash(key);
  while (slots[i].key > 1 && slots[i].key != key) i = (i + 1) & (SLOTS - 1);
  slots[i] = (Slot){key, value};
}

static NOINLINE Slot *find(u64 key) {
  for (u32 i = hash(key); slots[i].key != 0; i = (i + 1) & (SLOTS - 1))
    if (slots[i].key == key) return &slots[i];
  return NULL;
}

RUN u64 run(u32 n) {
  u64 sum = 0;
  random_seed(67);
  for (u32 round = 0; round < n; round++) {
    memset(slots, 0, sizeof slots);
    for (u32 i = 0; i < KEYS; i++) {
      keys[i] = ((u64)random_next() << 32 | random_next()) | 2;
      insert(keys[i], i);
    }
    for (u32 i = 0; i < KEYS; i += 3) find(keys[i])->key = 1;
    u32 hits = 0;
    for (u32 i = 0; i < 2 * KEYS; i++) {
      const Slot *slot = find(i < KEYS ? keys[i] : keys[i - KEYS] ^ 4);
      if (slot) hits += slot->value;
    }
    sum = mix(sum, hits);
  }
  return sum;
}
