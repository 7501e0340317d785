// Scripts: what a host does with a program, a step per line, so that every engine does the same. node.mjs has its twin.
//
//     memory NAME                  where the steps below read and write
//     let VARIABLE VALUE
//     call EXPORT VALUE...         VALUEs are i32; `_` is what it returns
//     run EXPORT VALUE...          the same of an export that returns nothing
//     load VALUE                   `_` is the u32 at this address
//     store VALUE VALUE            writes a u32: address, number
//     text VARIABLE EXPORT TEXT    VARIABLE is EXPORT(bytes + 1), where the rest of the line and a NUL are put; {N} is N
//     bytes VARIABLE EXPORT TEXT   the same without NUL: VARIABLE is EXPORT(bytes)
//     prose VARIABLE EXPORT VALUE  that, of so many bytes of made-up words
//     digest VALUE VALUE           `_` is a hash of bytes in the memory: address, how many
//     repeat VALUE ... end         so often, once at least; not nested; the variable `i` counts from 0
//     expect VALUE                 ends the process unless `_` is that
//
// A VALUE is a number, or $VARIABLE or $VARIABLE+NUMBER, among them $N (the size), $_ (see above), $len (bytes that the last text or prose took).
// Lines that begin with # say something to the reader. The script's result is `_` at its end.
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "wasm_h.h"

enum { MAX_WORDS = 12, MAX_VARIABLES = 32, MAX_LINES = 256 };

typedef struct {
  char name[16];
  int64_t value;
} Variable;

typedef struct {
  char name[48];
  Function function;
} Export;

typedef struct {
  const Backend *backend;
  Instance *instance;
  Export exports[MAX_VARIABLES];
  size_t export_count;
  const char *memory;
  Variable variables[MAX_VARIABLES];
  size_t count;
} Script;

static int64_t *variable(Script *script, const char *name) {
  for (size_t i = 0; i < script->count; i++)
    if (strcmp(script->variables[i].name, name) == 0) return &script->variables[i].value;
  if (script->count == MAX_VARIABLES || strlen(name) >= sizeof script->variables[0].name) fail("script: variable %s", name);
  Variable *added = &script->variables[script->count++];
  strcpy(added->name, name);
  return &added->value;
}

static int64_t value(Script *script, const char *word) {
  if (!word) fail("script: a value is missing");
  if (*word != '$') return strtoll(word, NULL, 10);
  char name[32];
  const size_t len = strcspn(word + 1, "+");
  if (len >= sizeof name) fail("script: %s", word);
  memcpy(name, word + 1, len), name[len] = 0;
  return *variable(script, name) + strtoll(word + 1 + len, NULL, 10);
}

static uint8_t *bytes_at(Script *script, int64_t address, size_t count) {
  size_t len;
  uint8_t *data = script->backend->memory(script->instance, script->memory, &len);
  const uint64_t start = (uint32_t)address;
  if (start > len || count > len - start) fail("script: %zu bytes at %" PRIu64 " are not in the memory", count, start);
  return data + start;
}

static void call(Script *script, const char *name, const Argument *args, size_t count, size_t results) {
  size_t at = 0;
  while (at < script->export_count && strcmp(script->exports[at].name, name) != 0) at++;
  Export *found = &script->exports[at];
  if (at == script->export_count) {
    if (at == MAX_VARIABLES || strlen(name) >= sizeof found->name) fail("script: export %s", name);
    strcpy(found->name, name);
    script->backend->find(script->instance, name, &found->function);
    script->export_count++;
  }
  const uint64_t result = script->backend->call(script->instance, &found->function, args, count, results);
  if (results) *variable(script, "_") = (int64_t)result;
}

static uint8_t *allocate(Script *script, const char *name, const char *allocator, size_t bytes, size_t len) {
  const Argument size = {(int64_t)bytes, WASM_I32};
  call(script, allocator, &size, 1, 1);
  *variable(script, "len") = (int64_t)len;
  return bytes_at(script, *variable(script, name) = *variable(script, "_"), bytes);
}

static void text(Script *script, const char *name, const char *allocator, const char *from, size_t end) {
  char *expanded = malloc(strlen(from) * 4 + 64), *to = expanded;
  while (*from)
    if (strncmp(from, "{N}", 3) == 0)
      to += sprintf(to, "%" PRId64, *variable(script, "N")), from += 3;
    else if (strncmp(from, "\\n", 2) == 0)
      *to++ = '\n', from += 2;
    else
      *to++ = *from++;
  *to = 0;
  const size_t len = (size_t)(to - expanded);
  memcpy(allocate(script, name, allocator, len + end, len), expanded, len + end);
  free(expanded);
}

static void prose(uint8_t *out, size_t len) {
  static const char *const words[] = {"the ", "quick ", "brown ", "fox ", "jumps ", "over ", "a ", "lazy ", "dog, ", "and ", "engines ", "compile ",
                                      "what ", "they ", "run.\n", "twice "};
  uint32_t state = 1;
  for (size_t at = 0; at < len;) {
    state = state * 1664525 + 1013904223;
    for (const char *word = words[state >> 28]; *word && at < len; word++) out[at++] = (uint8_t)*word;
  }
}

static uint64_t hash(const uint8_t *bytes, size_t count) {
  uint32_t sum = 2166136261;
  for (size_t i = 0; i < count; i++) sum = (sum ^ bytes[i]) * 16777619;
  return sum;
}

static size_t split(char *line, char **words, size_t most) {
  size_t count = 0;
  while (*line && count < most) {
    words[count++] = line;
    if (count == most) break;
    line += strcspn(line, " ");
    while (*line == ' ') *line++ = 0;
  }
  return count;
}

static void step(Script *script, const char *line) {
  char *copy = strdup(line), *words[MAX_WORDS] = {NULL};
  const int has_nul = strncmp(line, "text ", 5) == 0, is_text = has_nul || strncmp(line, "bytes ", 6) == 0;
  const size_t count = split(copy, words, is_text ? 4 : MAX_WORDS);
  const char *what = words[0];
  if (count == 0 || *what == '#') {
  } else if (strcmp(what, "memory") == 0 && count == 2) {
    script->memory = strdup(words[1]);
  } else if (strcmp(what, "let") == 0) {
    *variable(script, words[1]) = value(script, words[2]);
  } else if ((strcmp(what, "call") == 0 || strcmp(what, "run") == 0) && count >= 2) {
    Argument args[MAX_WORDS];
    for (size_t i = 2; i < count; i++) args[i - 2] = (Argument){value(script, words[i]), WASM_I32};
    call(script, words[1], args, count - 2, *what == 'c');
  } else if (strcmp(what, "load") == 0) {
    uint32_t word;
    memcpy(&word, bytes_at(script, value(script, words[1]), 4), 4);
    *variable(script, "_") = word;
  } else if (strcmp(what, "store") == 0) {
    const uint32_t word = (uint32_t)value(script, words[2]);
    memcpy(bytes_at(script, value(script, words[1]), 4), &word, 4);
  } else if (is_text && count == 4) {
    text(script, words[1], words[2], words[3], has_nul);
  } else if (strcmp(what, "prose") == 0 && count == 4) {
    const size_t len = (size_t)value(script, words[3]);
    prose(allocate(script, words[1], words[2], len, len), len);
  } else if (strcmp(what, "digest") == 0) {
    const size_t len = (size_t)value(script, words[2]);
    *variable(script, "_") = (int64_t)hash(bytes_at(script, value(script, words[1]), len), len);
  } else if (strcmp(what, "expect") == 0) {
    if ((int32_t)*variable(script, "_") != (int32_t)value(script, words[1])) fail("script: %s, but _ is %" PRId64, line, *variable(script, "_"));
  } else {
    fail("script: %s", line);
  }
  free(copy);
}

uint64_t script_run(const Backend *backend, Instance *instance, char *source, int64_t n, void (*round)(void)) {
  static Script script;
  script = (Script){.backend = backend, .instance = instance, .memory = "memory"};
  *variable(&script, "N") = n;
  char *lines[MAX_LINES];
  size_t count = 0, loop = 0;
  for (char *line; (line = strsep(&source, "\n"));) {
    if (count == MAX_LINES) fail("script: too many lines");
    lines[count++] = line;
  }
  int64_t rounds = 0;
  for (size_t at = 0; at < count; at++)
    if (strncmp(lines[at], "repeat ", 7) == 0) {
      rounds = value(&script, lines[at] + 7), loop = at;
      *variable(&script, "i") = 0;
    } else if (strcmp(lines[at], "end") == 0) {
      if (round) round();
      if (++*variable(&script, "i") < rounds) at = loop;
    } else {
      step(&script, lines[at]);
    }
  return (uint64_t)*variable(&script, "_");
}
