// Shortest paths in a random graph with a binary heap.
#include "kernel.h"

enum { NODES = 20000, DEGREE = 5, HEAP = NODES * DEGREE + 1 };
typedef struct {
  u32 to, cost;
} Edge;
typedef struct {
  u32 distance, node;
} Entry;
static Edge edges[NODES][DEGREE];
static u32 distances[NODES];
static Entry heap[HEAP];
static u32 heap_len;

static NOINLINE void push(Entry entry) {
  u32 i = heap_len++;
  for (; i > 0 && entry.distance < heap[(i - 1) / 2].distance; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
  heap[i] = entry;
}

static NOINLINE Entry pop(void) {
  const Entry top = heap[0], last = heap[--heap_len];
  u32 i = 0;
  for (u32 child; (child = 2 * i + 1) < heap_len; i = child) {
    if (child + 1 < heap_len && heap[child + 1].distance < heap[child].distance) child++;
    if (last.distance <= heap[child].distance) break;
    heap[i] = heap[child];
  }
  heap[i] = last;
  return top;
}

RUN u64 run(u32 n) {
  random_seed(83);
  for (u32 i = 0; i < NODES; i++)
    for (u32 k = 0; k < DEGREE; k++) edges[i][k] = (Edge){random_next() % NODES, 1 + random_next() % 1000};
  u64 sum = 0;
  for (u32 round = 0; round < n; round++) {
    for (u32 i = 0; i < NODES; i++) distances[i] = UINT32_MAX;
    heap_len = 0;
    const u32 start = round * 7919 % NODES;
    distances[start] = 0;
    push((Entry){0, start});
    while (heap_len) {
      const Entry entry = pop();
      if (entry.distance > distances[entry.node]) continue;
      for (u32 k = 0; k < DEGREE; k++) {
        const Edge edge = edges[entry.node][k];
        const u32 distance = entry.distance + edge.cost;
        if (distance < distances[edge.to]) {
          distances[edge.to] = distance;
          push((Entry){distance, edge.to});
        }
      }
    }
    for (u32 i = 0; i < NODES; i += 97) sum = mix(sum, distances[i]);
  }
  return sum;
}
