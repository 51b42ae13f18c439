/* QuickJS itself, in one piece with what its interface cannot do: a limit of the stack on WASI
 * (`JS_SetMaxStackSize` is without effect there), and a memory that makes a small snapshot.
 *
 * A call of JavaScript takes room twice: in the linear memory's stack, which QuickJS can see, and on
 * the host's stack of 2 MiB, which it cannot; there the end is a trap. So the first is given a limit
 * that comes before the second's end, and endless recursion is a RangeError. Both numbers here are
 * measured: `engine/README.md`. */
#include <stddef.h>
#include <stdint.h>

/* How much of the linear memory's stack JavaScript may use. */
#define STACK_LIMIT (896 << 10)

/* QuickJS asks for the address of its frame in each function that recurses. This gives it one, and
 * makes the frame a little larger: else JSON.parse, whose frames are small in the linear memory and
 * not on the host's stack, would come to the host's end first. */
#define FRAME_PADDING 128
static inline __attribute__((always_inline)) void *vm_frame_address(void) {
  volatile char padding[FRAME_PADDING];
  uintptr_t address = (uintptr_t)padding;
  __asm__ volatile("" : "+r"(address) : : "memory");
  return (void *)address;
}
#define __builtin_frame_address(level) vm_frame_address()

#include "quickjs.c"

/* The end of the linear memory's stack, which the linker sets; it grows down. */
extern unsigned char __stack_high;

/* They are told of in engine.h, which this file cannot have: its names meet QuickJS's own. */
JSRuntime *vm_runtime(void);
void vm_built(JSRuntime *rt);

/* While the program is built, memory that is given back is set to zero: a snapshot leaves zeros out. */
static bool building = true;

static void wiping_free(void *opaque, void *memory) {
  (void)opaque;
  /* not memset: that is left out before free */
  if (building && memory) explicit_bzero(memory, malloc_usable_size(memory));
  free(memory);
}

static void *wiping_realloc(void *opaque, void *memory, size_t size) {
  if (!building || !memory) return realloc(memory, size);
  void *moved = size ? malloc(size) : NULL;
  if (!moved && size) return NULL;
  size_t held = malloc_usable_size(memory);
  if (moved) memcpy(moved, memory, held < size ? held : size);
  wiping_free(opaque, memory);
  return moved;
}

static const JSMallocFunctions memory = {js_def_calloc, js_def_malloc, wiping_free, wiping_realloc, js__malloc_usable_size};

/* QuickJS has small pieces in arenas, one size in each; what is free in them is set to zero but for
 * the piece's head. */
static void wipe_arenas(JSRuntime *rt) {
  for (int kind = 0; kind < JS_ARENA_BLOCK_SIZE_COUNT; kind++) {
    struct list_head *link;
    size_t size = arena_block_sizes[kind];
    list_for_each(link, &rt->arena_state.free_arena_list[kind]) {
      JSArena *arena = list_entry(link, JSArena, free_link);
      for (unsigned int at = arena->first_free_block; at != JS_ARENA_FREE_NIL;) {
        JSMallocBlockHeader *block = arena_get_block(arena, at, size);
        memset(block->user_data, 0, size - offsetof(JSMallocBlockHeader, user_data));
        at = block->u.free_next;
      }
    }
  }
}

JSRuntime *vm_runtime(void) {
  JSRuntime *rt = JS_NewRuntime2(&memory, NULL);
  if (rt) rt->stack_limit = (uintptr_t)&__stack_high - STACK_LIMIT;
  return rt;
}

void vm_built(JSRuntime *rt) {
  JS_RunGC(rt);
  wipe_arenas(rt);
  building = false;
  /* A run is short and the program's objects stay: collecting soon would only walk over them. */
  JS_SetGCThreshold(rt, rt->malloc_state.malloc_size + (8 << 20));
}
