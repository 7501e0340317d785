// Fibonacci numbers, recursive: calls and little else.
#include "kernel.h"

static NOINLINE u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

RUN u64 run(u32 n) { return fib(n); }
