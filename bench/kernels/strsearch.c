// Finds words in a text: naive, Horspool, and Knuth-Morris-Pratt must agree.
#include "kernel.h"

enum { TEXT = 200000, WORDS = 8 };
static u8 text[TEXT];
static const char *const words[WORDS] = {"engine", "compile", "a loop", "zz", "branch prediction", "eeee", "the end", "register"};

static u32 length(const char *word) {
  u32 n = 0;
  while (word[n]) n++;
  return n;
}

static NOINLINE u32 naive(const u8 *word, u32 n) {
  u32 found = 0;
  for (u32 i = 0; i + n <= TEXT; i++) {
    u32 k = 0;
    while (k < n && text[i + k] == word[k]) k++;
    found += k == n;
  }
  return found;
}

static NOINLINE u32 horspool(const u8 *word, u32 n) {
  u32 skip[256], found = 0;
  for (u32 i = 0; i < 256; i++) skip[i] = n;
  for (u32 i = 0; i + 1 < n; i++) skip[word[i]] = n - 1 - i;
  for (u32 i = 0; i + n <= TEXT; i += skip[text[i + n - 1]]) {
    u32 k = n;
    while (k > 0 && text[i + k - 1] == word[k - 1]) k--;
    found += k == 0;
  }
  return found;
}

static NOINLINE u32 knuth_morris_pratt(const u8 *word, u32 n) {
  u32 fail[32], found = 0;
  fail[0] = 0;
  for (u32 i = 1, k = 0; i < n; i++) {
    while (k && word[k] != word[i]) k = fail[k - 1];
    if (word[k] == word[i]) k++;
    fail[i] = k;
  }
  for (u32 i = 0, k = 0; i < TEXT; i++) {
    while (k && word[k] != text[i]) k = fail[k - 1];
    if (word[k] == text[i]) k++;
    if (k == n) found++, k = fail[k - 1];
  }
  return found;
}

RUN u64 run(u32 n) {
  random_seed(19);
  for (u32 i = 0; i < TEXT;) {
    const u32 pick = random_next();
    const char *word = words[pick & 7];
    if (pick & 0x100)
      while (*word && i < TEXT) text[i++] = (u8)*word++;
    else
      for (u32 k = pick >> 28; k > 0 && i < TEXT; k--) text[i++] = (u8)('a' + random_next() % 26);
    if (i < TEXT) text[i++] = ' ';
  }
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    for (u32 w = 0; w < WORDS; w++) {
      const u8 *word = (const u8 *)words[w];
      const u32 size = length(words[w]), a = naive(word, size), b = horspool(word, size), c = knuth_morris_pratt(word, size);
      if (a != b || b != c) return 0;
      sum = mix(sum, a);
    }
    text[round * 997 % TEXT] ^= 1;
  }
  return sum;
}
