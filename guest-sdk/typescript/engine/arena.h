/* The memory of one call between JavaScript and the host: taken piece by piece, released together,
 * also when the call fails midway. Calls may nest (a getter of an argument may make one). */
#pragma once
#include "gen/plugin.h"
#include "quickjs.h"
#include <stddef.h>

struct arena_piece;
typedef struct arena_piece *arena_mark_t;

/* Where the memory stands now, and back to there. */
arena_mark_t arena_mark(void);
void arena_release(JSContext *js, arena_mark_t mark);

/* Zeroed memory. Ends the instance when there is none. */
void *arena_take(size_t size);

/* The value as text, in UTF-8; lone surrogates become U+FFFD. False: an exception is pending. */
bool arena_text(JSContext *js, JSValueConst value, plugin_string_t *text);
