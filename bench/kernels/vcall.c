// Calls through function pointers: objects of several kinds in one array.
#include "kernel.h"

typedef struct Shape Shape;
typedef struct {
  i32 (*area)(const Shape *);
  void (*scale)(Shape *, i32);
} Methods;
struct Shape {
  const Methods *methods;
  i32 a, b;
};

static i32 square_area(const Shape *s) { return s->a * s->a; }
static void square_scale(Shape *s, i32 by) { s->a += by; }
static i32 rectangle_area(const Shape *s) { return s->a * s->b; }
static void rectangle_scale(Shape *s, i32 by) { s->a += by, s->b -= by; }
static i32 triangle_area(const Shape *s) { return (s->a * s->b) >> 1; }
static void triangle_scale(Shape *s, i32 by) { s->b ^= by; }
static i32 ring_area(const Shape *s) { return 3 * (s->a * s->a - s->b * s->b); }
static void ring_scale(Shape *s, i32 by) { s->a = s->b + by; }

static const Methods classes[4] = {
    {square_area, square_scale}, {rectangle_area, rectangle_scale}, {triangle_area, triangle_scale}, {ring_area, ring_scale}};

enum { SHAPES = 1024 };
static Shape shapes[SHAPES];

RUN u64 run(u32 n) {
  random_seed(61);
  for (u32 i = 0; i < SHAPES; i++)
    shapes[i] = (Shape){&classes[random_next() >> 30], (i32)(random_next() & 255), (i32)(random_next() & 255)};
  u32 total = 0;
  for (u32 round = 0; round < n; round++)
    for (u32 i = 0; i < SHAPES; i++) {
      Shape *shape = &shapes[i];
      total += (u32)shape->methods->area(shape);
      if ((i ^ round) % 4 == 0) shape->methods->scale(shape, (i32)(round & 3));
    }
  return total;
}
