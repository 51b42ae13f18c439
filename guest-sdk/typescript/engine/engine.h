/* What the parts of the engine know of each other. */
#pragma once
#include "gen/plugin.h"
#include "quickjs.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a run (or `describe`) is going on. While the program is built it is not, and no import
 * of the host may be called. */
extern bool engine_running;

/* The run's clock (Unix time in milliseconds) and randomness; while the program is built the time
 * is 0 and the numbers are a fixed sequence, so that the same program makes the same snapshot. */
uint64_t engine_now(void);
uint64_t engine_random(void);

/* A line for the run's log; none while the program is built. */
void engine_log(pawl_workflow_log_level_t level, const char *text, size_t length);

/* Ends the instance, with the text as its last line in the log. */
_Noreturn void engine_end(const char *reason);

/* `globalThis.__pawl` (native.c). */
void native_install(JSContext *js, JSValueConst global);

/* A runtime whose JavaScript cannot outgrow the stack (vm.c). NULL: no memory. */
JSRuntime *vm_runtime(void);

/* The program is evaluated: makes the memory small for its snapshot. */
void vm_built(JSRuntime *rt);
