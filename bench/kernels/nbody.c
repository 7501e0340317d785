// Moves five bodies under their gravity.
#include "kernel.h"

typedef struct {
  double x, y, z, vx, vy, vz, mass;
} Body;

enum { BODIES = 5 };
static Body bodies[BODIES];

static void reset(void) {
  random_seed(5);
  for (u32 i = 0; i < BODIES; i++) {
    double values[7];
    for (u32 k = 0; k < 7; k++) values[k] = (double)(random_next() & 0xFFFF) / 65536.0;
    bodies[i] = (Body){values[0] * 30 - 15, values[1] * 30 - 15, values[2] * 3, values[3] - 0.5,
                       values[4] - 0.5,     values[5] * 0.1,     0.01 + values[6] * (i == 0 ? 40 : 0.1)};
  }
}

static NOINLINE void advance(double dt) {
  for (u32 i = 0; i < BODIES; i++) {
    Body *a = &bodies[i];
    for (u32 j = i + 1; j < BODIES; j++) {
      Body *b = &bodies[j];
      const double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      const double square = dx * dx + dy * dy + dz * dz + 0.01;
      const double force = dt / (square * __builtin_sqrt(square));
      a->vx -= dx * b->mass * force;
      a->vy -= dy * b->mass * force;
      a->vz -= dz * b->mass * force;
      b->vx += dx * a->mass * force;
      b->vy += dy * a->mass * force;
      b->vz += dz * a->mass * force;
    }
  }
  for (u32 i = 0; i < BODIES; i++) {
    Body *body = &bodies[i];
    body->x += dt * body->vx;
    body->y += dt * body->vy;
    body->z += dt * body->vz;
  }
}

RUN u64 run(u32 n) {
  reset();
  for (u32 step = 0; step < n; step++) advance(0.001);
  u64 sum = 0;
  for (u32 i = 0; i < BODIES; i++) sum = mix_double(mix_double(sum, bodies[i].x), bodies[i].vy);
  return sum;
}
