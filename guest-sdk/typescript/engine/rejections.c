/* Rejections that nobody has taken yet, the oldest first. */
#include "rejections.h"
#include "engine.h"
#include <stdlib.h>
#include <string.h>

static struct rejection { JSValue promise, reason; } *list;
static size_t length, room;

static void forget(JSContext *js, size_t place) {
  JS_FreeValue(js, list[place].promise);
  JS_FreeValue(js, list[place].reason);
  memmove(&list[place], &list[place + 1], (--length - place) * sizeof *list);
}

static void changed(JSContext *js, JSValueConst promise, JSValueConst reason, bool is_handled, void *opaque) {
  (void)opaque;
  if (is_handled) {
    /* The newest is the likeliest: `await` takes a rejection right after it was made. */
    for (size_t i = length; i-- > 0;)
      if (JS_IsStrictEqual(js, list[i].promise, promise)) {
        forget(js, i);
        return;
      }
    return;
  }
  if (length == room) {
    room = room ? 2 * room : 8;
    list = realloc(list, room * sizeof *list);
    if (!list) engine_end("out of memory");
  }
  list[length++] = (struct rejection){JS_DupValue(js, promise), JS_DupValue(js, reason)};
}

void rejections_watch(JSRuntime *rt) { JS_SetHostPromiseRejectionTracker(rt, changed, NULL); }

bool rejections_take(JSContext *js, JSValueConst except, JSValue *reason) {
  for (size_t i = 0; i < length; i++)
    if (!JS_IsStrictEqual(js, list[i].promise, except)) {
      *reason = JS_DupValue(js, list[i].reason);
      forget(js, i);
      return true;
    }
  return false;
}
