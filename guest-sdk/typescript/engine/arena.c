/* The memory of one call: a list of pieces, the newest first. */
#include "arena.h"
#include "engine.h"
#include "utf8.h"
#include <stdlib.h>

struct arena_piece {
  struct arena_piece *older;
  /* a text that is QuickJS's own, or NULL when the memory follows this head */
  const char *text;
  _Alignas(16) unsigned char memory[];
};

static struct arena_piece *newest;

static struct arena_piece *piece(size_t size) {
  struct arena_piece *made = calloc(1, sizeof *made + size);
  if (!made) engine_end("out of memory");
  made->older = newest;
  newest = made;
  return made;
}

arena_mark_t arena_mark(void) { return newest; }

void arena_release(JSContext *js, arena_mark_t mark) {
  while (newest != mark) {
    struct arena_piece *gone = newest;
    newest = gone->older;
    if (gone->text) JS_FreeCString(js, gone->text);
    free(gone);
  }
}

void *arena_take(size_t size) { return piece(size)->memory; }

bool arena_text(JSContext *js, JSValueConst value, plugin_string_t *text) {
  size_t length;
  const char *bytes = JS_ToCStringLen(js, &length, value);
  if (!bytes) return false;
  piece(0)->text = bytes;
  text->ptr = (uint8_t *)bytes;
  text->len = length;
  /* Only a copy can hold a surrogate: plain ASCII alone is lent as it is. */
  utf8_mend_surrogates(text->ptr, length);
  return true;
}
