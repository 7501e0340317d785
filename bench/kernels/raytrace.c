// Traces rays through spheres with mirrors, in single precision.
#include "kernel.h"

typedef struct {
  float x, y, z;
} Vec;
typedef struct {
  Vec centre;
  float radius, mirror;
} Sphere;

enum { SPHERES = 12 };
static Sphere spheres[SPHERES];

static inline Vec add(Vec a, Vec b) { return (Vec){a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline Vec sub(Vec a, Vec b) { return (Vec){a.x - b.x, a.y - b.y, a.z - b.z}; }
static inline Vec times(Vec a, float s) { return (Vec){a.x * s, a.y * s, a.z * s}; }
static inline float dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline Vec unit(Vec a) { return times(a, 1.0f / __builtin_sqrtf(dot(a, a))); }

static NOINLINE float hit(const Sphere *sphere, Vec origin, Vec direction) {
  const Vec to = sub(sphere->centre, origin);
  const float along = dot(to, direction), square = dot(to, to) - along * along, r2 = sphere->radius * sphere->radius;
  if (along < 0 || square > r2) return 1e9f;
  const float distance = along - __builtin_sqrtf(r2 - square);
  return distance > 0.001f ? distance : 1e9f;
}

static float trace(Vec origin, Vec direction, u32 depth) {
  const Sphere *nearest = NULL;
  float distance = 1e9f;
  for (u32 i = 0; i < SPHERES; i++) {
    const float d = hit(&spheres[i], origin, direction);
    if (d < distance) distance = d, nearest = &spheres[i];
  }
  if (!nearest) return 0.5f + 0.5f * direction.y;
  const Vec at = add(origin, times(direction, distance)), normal = unit(sub(at, nearest->centre));
  const float lit = dot(normal, (Vec){0.577f, 0.577f, -0.577f});
  const float own = lit > 0.1f ? lit : 0.1f;
  if (depth == 0) return own;
  const Vec reflected = sub(direction, times(normal, 2 * dot(direction, normal)));
  return own * (1 - nearest->mirror) + nearest->mirror * trace(at, unit(reflected), depth - 1);
}

RUN u64 run(u32 n) {
  random_seed(89);
  for (u32 i = 0; i < SPHERES; i++)
    spheres[i] = (Sphere){{(float)(random_next() & 255) / 64 - 2, (float)(random_next() & 255) / 64 - 2, 3 + (float)(random_next() & 255) / 64},
                          0.3f + (float)(random_next() & 63) / 128,
                          (float)(random_next() & 63) / 100};
  u64 sum = 0;
  for (u32 y = 0; y < n; y++)
    for (u32 x = 0; x < n; x++) {
      const Vec direction = unit((Vec){2.0f * x / n - 1, 1 - 2.0f * y / n, 1});
      sum = sum * 31 + (u32)(trace((Vec){0, 0, -1}, direction, 4) * 255);
    }
  return sum;
}
