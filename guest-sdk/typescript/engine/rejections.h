/* Promises that were rejected and that nobody has taken yet. */
#pragma once
#include "quickjs.h"
#include <stdbool.h>

/* Listens to the runtime's rejections. */
void rejections_watch(JSRuntime *rt);

/* Takes the oldest one's reason, but for that of the promise `except`. False: there is none. */
bool rejections_take(JSContext *js, JSValueConst except, JSValue *reason);
