/* The engine's exports: how a program gets in while it is built, and how a run goes through it. */
#include "arena.h"
#include "engine.h"
#include "read.h"
#include "rejections.h"
#include "write.h"
#include <stdlib.h>
#include <string.h>

/* Errors name the program's lines with this. */
#define FILE_NAME "program.js"

bool engine_running;

static JSContext *js;
/* `globalThis.__pawl_entry` */
static JSValue entry;
static char *program;
static size_t program_length;
/* why the program could not be evaluated */
static char *program_error;

uint64_t engine_now(void) { return engine_running ? pawl_workflow_system_now() : 0; }

uint64_t engine_random(void) {
  static uint64_t state;
  if (engine_running) return pawl_workflow_system_random();
  /* SplitMix64 */
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

void engine_log(pawl_workflow_log_level_t level, const char *text, size_t length) {
  if (!engine_running) return;
  plugin_string_t message = {(uint8_t *)text, length};
  plugin_list_tuple2_string_string_t fields = {0};
  pawl_workflow_log_log(level, &message, &fields);
}

_Noreturn void engine_end(const char *reason) {
  engine_log(PAWL_WORKFLOW_LOG_LEVEL_ERROR, reason, strlen(reason));
  __builtin_trap();
}

/* The pending exception as text; with its stack, when it has one. The arena's. */
static plugin_string_t exception_text(bool with_stack) {
  plugin_string_t text = {0}, stack = {0};
  JSValue error = JS_GetException(js);
  if (!arena_text(js, error, &text)) {
    JS_FreeValue(js, JS_GetException(js));
    plugin_string_set(&text, "an error that cannot be shown");
  }
  if (with_stack && JS_IsError(error)) {
    JSValue value = JS_GetPropertyStr(js, error, "stack");
    if (JS_IsString(value) && arena_text(js, value, &stack) && stack.len) {
      uint8_t *both = arena_take(text.len + 1 + stack.len);
      memcpy(both, text.ptr, text.len);
      both[text.len] = '\n';
      memcpy(both + text.len + 1, stack.ptr, stack.len);
      text = (plugin_string_t){both, text.len + 1 + stack.len};
    }
    JS_FreeValue(js, value);
  }
  JS_FreeValue(js, error);
  return text;
}

/* ---- while the program is built ---- */

void __wasm_call_ctors(void);

/* Room for the program's text, of so many bytes, which the builder fills before `wizer.initialize`. */
__attribute__((export_name("pawl_program"))) char *pawl_program(size_t length) {
  free(program);
  program_length = length;
  /* QuickJS wants a NUL behind it. */
  program = calloc(1, length + 1);
  return program;
}

/* Why the program cannot be used, as text that ends with NUL; NULL when it can. */
__attribute__((export_name("pawl_error"))) const char *pawl_error(void) { return program_error; }

/* Runs the jobs that there are. False: one of them threw, and the exception is pending. */
static bool run_jobs(void) {
  JSContext *of;
  int left;
  while ((left = JS_ExecutePendingJob(JS_GetRuntime(js), &of)) > 0) {}
  return left == 0;
}

static JSValue call_entry(const char *name, int count, JSValueConst *args) {
  JSValue function = JS_GetPropertyStr(js, entry, name);
  JSValue value = JS_IsException(function) ? function : JS_Call(js, function, entry, count, args);
  JS_FreeValue(js, function);
  return value;
}

/* The program's functions, in the arena. False: an exception is pending. */
static bool describe(exports_pawl_workflow_functions_list_config_t *configs) {
  JSValue value = call_entry("describe", 0, NULL);
  read_begin("describe()");
  bool read = !JS_IsException(value) && read_configs(js, value, configs);
  JS_FreeValue(js, value);
  return read;
}

/* Runs the program's top level, and has it describe its functions once, so that what is wrong with
 * them is told now. False: an exception is pending. */
static bool evaluate(void) {
  JSValue global = JS_GetGlobalObject(js);
  native_install(js, global);
  JSValue value = JS_Eval(js, program, program_length, FILE_NAME, JS_EVAL_TYPE_GLOBAL);
  bool done = !JS_IsException(value) && run_jobs();
  JS_FreeValue(js, value);
  JSValue reason;
  if (done && rejections_take(js, JS_UNDEFINED, &reason)) {
    JS_Throw(js, reason);
    done = false;
  }
  if (done) entry = JS_GetPropertyStr(js, global, "__pawl_entry");
  JS_FreeValue(js, global);
  if (!done) return false;
  if (!JS_IsObject(entry)) {
    JS_ThrowPlainError(js, "the program sets no __pawl_entry");
    return false;
  }
  exports_pawl_workflow_functions_list_config_t configs;
  return describe(&configs);
}

/* Evaluates the program. What the memory then holds is what every run begins with. */
__attribute__((export_name("wizer.initialize"))) void wizer_initialize(void) {
  __wasm_call_ctors();
  JSRuntime *rt = vm_runtime();
  js = rt ? JS_NewContext(rt) : NULL;
  if (!js || !program) __builtin_trap();
  rejections_watch(rt);
  arena_mark_t mark = arena_mark();
  if (!evaluate()) {
    plugin_string_t text = exception_text(true);
    program_error = calloc(1, text.len + 1);
    if (program_error) memcpy(program_error, text.ptr, text.len);
  }
  arena_release(js, mark);
  /* Zeros are left out of a snapshot. */
  explicit_bzero(program, program_length);
  free(program);
  program = NULL;
  vm_built(rt);
}

/* ---- in the host ---- */

/* Begins what the host asked for. */
static void begin(void) {
  engine_running = true;
  if (!js || program_error) engine_end(program_error ? program_error : "the engine holds no program");
}

void exports_pawl_workflow_functions_describe(exports_pawl_workflow_functions_list_config_t *ret) {
  begin();
  if (!describe(ret)) {
    plugin_string_t text = exception_text(false);
    engine_log(PAWL_WORKFLOW_LOG_LEVEL_ERROR, (char *)text.ptr, text.len);
    __builtin_trap();
  }
}

/* Turns the pending exception into a failure; gives false, as `handle` then does. */
static bool fail(pawl_workflow_types_failure_t *failure) {
  JSValue error = JS_GetException(js);
  JSValue value = call_entry("failure", 1, &error);
  read_begin("failure()");
  if (!JS_IsException(value) && read_failure(js, value, failure)) return false;
  /* The program cannot even tell of its failure: then the reason for that is all there is. */
  *failure = (pawl_workflow_types_failure_t){.message = exception_text(true)};
  plugin_string_set(&failure->name, "Error");
  return false;
}

static bool answer(JSValueConst value, exports_pawl_workflow_functions_json_t *json,
                   exports_pawl_workflow_functions_failure_t *failure) {
  read_begin("the output");
  return read_text(js, value, json) || fail(failure);
}

/* Runs everything that can go on by itself, then tells of the rejections that nobody took.
 * False: an exception is pending. */
static bool settle(JSValueConst promise) {
  for (;;) {
    JSValue reason;
    if (!run_jobs()) reason = JS_GetException(js);
    else if (!rejections_take(js, promise, &reason)) return true;
    JSValue value = call_entry("unhandled", 1, &reason);
    if (JS_IsException(value)) return false;
    JS_FreeValue(js, value);
    JS_FreeValue(js, reason);
  }
}

bool exports_pawl_workflow_functions_handle(exports_pawl_workflow_functions_context_t *ctx,
                                            exports_pawl_workflow_functions_json_t *json,
                                            exports_pawl_workflow_functions_failure_t *failure) {
  begin();
  JSValue context = write_context(js, ctx);
  exports_pawl_workflow_functions_context_free(ctx);
  JSValue promise = call_entry("handle", 1, &context);
  if (JS_IsException(promise)) return fail(failure);
  if (!JS_IsPromise(promise)) return answer(promise, json, failure);
  for (;;) {
    if (!settle(promise)) return fail(failure);
    JSPromiseStateEnum state = JS_PromiseState(js, promise);
    if (state == JS_PROMISE_FULFILLED) return answer(JS_PromiseResult(js, promise), json, failure);
    if (state == JS_PROMISE_REJECTED) {
      JS_Throw(js, JS_PromiseResult(js, promise));
      return fail(failure);
    }
    JSValue ticked = call_entry("tick", 0, NULL);
    if (JS_IsException(ticked)) return fail(failure);
    if (!JS_ToBool(js, ticked)) {
      *failure = (pawl_workflow_types_failure_t){0};
      plugin_string_set(&failure->name, "Stalled");
      plugin_string_set(&failure->message, "the function awaits a promise that nothing settles");
      return false;
    }
    JS_FreeValue(js, ticked);
  }
}

/* What was answered is the arena's and QuickJS's, and ends with the instance: the generated
 * functions, which would free it piece by piece, give way to these. */
__attribute__((export_name("cabi_post_pawl:workflow/functions@0.2.0#describe")))
void __wasm_export_exports_pawl_workflow_functions_describe_post_return(uint8_t *answered) { (void)answered; }
__attribute__((export_name("cabi_post_pawl:workflow/functions@0.2.0#handle")))
void __wasm_export_exports_pawl_workflow_functions_handle_post_return(uint8_t *answered) { (void)answered; }
