// A bytecode interpreter: one switch, a stack, a program that counts primes by trial division.
#include "kernel.h"

typedef enum { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LESS, EQUAL, JUMP, JUMP_IF_ZERO, DUP, HALT } Op;

enum { CANDIDATE, DIVISOR, COUNT, LIMIT };

enum { NEXT_CANDIDATE = 50, PRIME = 43, NEXT_DIVISOR = 15, END = 59 };

static const u8 code[] = {
    /*  0 */ PUSH, 2, STORE, CANDIDATE,
    /*  4 */ LOAD, CANDIDATE, LOAD, LIMIT, LESS, JUMP_IF_ZERO, END,
    /* 11 */ PUSH, 2, STORE, DIVISOR,
    /* 15 */ LOAD, DIVISOR, DUP, MUL, LOAD, CANDIDATE, PUSH, 1, ADD, LESS, JUMP_IF_ZERO, PRIME,
    /* 27 */ LOAD, CANDIDATE, LOAD, DIVISOR, MOD, JUMP_IF_ZERO, NEXT_CANDIDATE,
    /* 34 */ LOAD, DIVISOR, PUSH, 1, ADD, STORE, DIVISOR, JUMP, NEXT_DIVISOR,
    /* 43 */ LOAD, COUNT, PUSH, 1, ADD, STORE, COUNT,
    /* 50 */ LOAD, CANDIDATE, PUSH, 1, ADD, STORE, CANDIDATE, JUMP, 4,
    /* 59 */ HALT,
};

static u32 variables[4], stack[16];

static NOINLINE u64 interpret(void) {
  u32 pc = 0, sp = 0;
  u64 steps = 0;
  for (;; steps++) {
    switch ((Op)code[pc++]) {
      case PUSH: stack[sp++] = code[pc++]; break;
      case LOAD: stack[sp++] = variables[code[pc++]]; break;
      case STORE: variables[code[pc++]] = stack[--sp]; break;
      case ADD: sp--, stack[sp - 1] += stack[sp]; break;
      case SUB: sp--, stack[sp - 1] -= stack[sp]; break;
      case MUL: sp--, stack[sp - 1] *= stack[sp]; break;
      case MOD: sp--, stack[sp - 1] %= stack[sp]; break;
      case LESS: sp--, stack[sp - 1] = stack[sp - 1] < stack[sp]; break;
      case EQUAL: sp--, stack[sp - 1] = stack[sp - 1] == stack[sp]; break;
      case JUMP: pc = code[pc]; break;
      case JUMP_IF_ZERO: pc = stack[--sp] ? pc + 1 : code[pc]; break;
      case DUP: stack[sp] = stack[sp - 1], sp++; break;
      case HALT: return steps;
    }
  }
}

RUN u64 run(u32 n) {
  variables[COUNT] = 0, variables[LIMIT] = n;
  const u64 steps = interpret();
  return mix(steps, variables[COUNT]);
}
