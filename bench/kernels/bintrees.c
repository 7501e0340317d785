// Builds and walks binary trees from a free list: allocation and pointer chasing.
#include "kernel.h"

typedef struct Tree {
  struct Tree *left, *right;
} Tree;

enum { NODES = 1 << 18 };
static Tree pool[NODES];
static Tree *free_list;

static Tree *node_new(void) {
  Tree *node = free_list;
  if (!node) __builtin_trap();
  free_list = node->left;
  return node;
}

static NOINLINE Tree *build(u32 depth) {
  Tree *node = node_new();
  if (depth == 0) node->left = node->right = NULL;
  else node->left = build(depth - 1), node->right = build(depth - 1);
  return node;
}

static NOINLINE u32 count(const Tree *tree) { return tree->left ? 1 + count(tree->left) + count(tree->right) : 1; }

static NOINLINE void discard(Tree *tree) {
  if (tree->left) discard(tree->left), discard(tree->right);
  tree->left = free_list, free_list = tree;
}

RUN u64 run(u32 n) {
  free_list = NULL;
  for (u32 i = 0; i < NODES; i++) pool[i].left = free_list, free_list = &pool[i];
  u64 sum = 0;
  Tree *kept = build(16);
  for (u32 round = 0; round < n; round++)
    for (u32 depth = 4; depth <= 16; depth += 4)
      for (u32 copies = 1u << (16 - depth); copies > 0; copies--) {
        Tree *tree = build(depth);
        sum += count(tree);
        discard(tree);
      }
  return mix(sum, count(kept));
}
