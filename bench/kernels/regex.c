// A regular expression matcher: compiles patterns to an automaton of states, runs all states in step.
#include "kernel.h"

enum { TEXT = 60000, STATES = 96 };
typedef enum { CHAR, ANY, SPLIT, MATCH } Kind;
typedef struct {
  u8 kind, c;
  u16 next, other;
} State;

static u8 text[TEXT];
static State states[STATES];
static u32 state_count;
static u16 lists[2][STATES];
static u32 marks[STATES], generation;

// Patterns are made of characters, '.', and a postfix '*', '+' or '?'.
static u32 compile(const char *pattern) {
  state_count = 0;
  for (const char *p = pattern; *p;) {
    const char c = *p++, repeat = *p == '*' || *p == '+' || *p == '?' ? *p++ : 0;
    const u32 at = state_count;
    const State consume = {c == '.' ? ANY : CHAR, (u8)c, 0, 0};
    if (repeat == '*') {
      states[at] = (State){SPLIT, 0, (u16)(at + 1), (u16)(at + 2)};
      states[at + 1] = consume, states[at + 1].next = (u16)at;
      state_count += 2;
    } else if (repeat == '+') {
      states[at] = consume, states[at].next = (u16)(at + 1);
      states[at + 1] = (State){SPLIT, 0, (u16)at, (u16)(at + 2)};
      state_count += 2;
    } else if (repeat == '?') {
      states[at] = (State){SPLIT, 0, (u16)(at + 1), (u16)(at + 2)};
      states[at + 1] = consume, states[at + 1].next = (u16)(at + 2);
      state_count += 2;
    } else {
      states[at] = consume, states[at].next = (u16)(at + 1);
      state_count++;
    }
  }
  states[state_count] = (State){MATCH, 0, 0, 0};
  return state_count++;
}

static u32 add(u16 *list, u32 count, u32 state) {
  if (marks[state] == generation) return count;
  marks[state] = generation;
  if (states[state].kind == SPLIT) {
    count = add(list, count, states[state].next);
    return add(list, count, states[state].other);
  }
  list[count] = (u16)state;
  return count + 1;
}

static NOINLINE u32 count_matches(void) {
  u32 matches = 0, count = 0;
  u16 *now = lists[0], *next = lists[1];
  for (u32 i = 0; i < TEXT; i++) {
    if (count == 0) generation++;
    count = add(now, count, 0);
    generation++;
    u32 next_count = 0;
    for (u32 k = 0; k < count; k++) {
      const State *state = &states[now[k]];
      if (state->kind == MATCH) matches++;
      else if (state->kind == ANY || state->c == text[i]) next_count = add(next, next_count, state->next);
    }
    u16 *swap = now;
    now = next, next = swap, count = next_count;
  }
  return matches;
}

RUN u64 run(u32 n) {
  static const char *const patterns[] = {"ab*c", "a.c+d?e", "hello", "x.*y", "a?a?a?aaa", "q.+r.s*t"};
  random_seed(101);
  for (u32 i = 0; i < TEXT; i++) text[i] = (u8)('a' + random_next() % 26 % (1 + i % 26));
  for (u32 i = 0; i < STATES; i++) marks[i] = 0;
  generation = 0;
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    for (u32 p = 0; p < sizeof patterns / sizeof *patterns; p++) {
      compile(patterns[p]);
      sum = mix(sum, count_matches());
    }
    text[round * 31 % TEXT] ^= 1;
  }
  return sum;
}
