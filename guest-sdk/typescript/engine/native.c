/* `globalThis.__pawl`: the host's imports as JavaScript's functions (`src/runtime/native.ts` has
 * their types). */
#include "arena.h"
#include "engine.h"
#include "read.h"
#include "utf8.h"
#include "write.h"
#include <string.h>

typedef JSValue native_t(JSContext *js, JSValueConst *args);

/* An Error with a text of the host's, which may be longer than QuickJS's own formatting takes. */
static JSValue throw_text(JSContext *js, const plugin_string_t *text) {
  JSValue error = write_sure(js, JS_NewError(js));
  JS_DefinePropertyValueStr(js, error, "message", write_text(js, text), JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE);
  return JS_Throw(js, error);
}

static JSValue native_open(JSContext *js, JSValueConst *args) {
  pawl_workflow_step_request_t request;
  read_begin("the request");
  if (!read_request(js, args[0], &request)) return JS_EXCEPTION;
  pawl_workflow_step_outcome_t outcome;
  pawl_workflow_step_open(&request, &outcome);
  JSValue value = write_outcome(js, &outcome);
  pawl_workflow_step_outcome_free(&outcome);
  return value;
}

static JSValue native_select(JSContext *js, JSValueConst *args) {
  pawl_workflow_step_list_request_t requests;
  read_begin("the requests");
  if (!read_requests(js, args[0], &requests)) return JS_EXCEPTION;
  pawl_workflow_step_list_tuple2_u32_outcome_t answers;
  pawl_workflow_step_select(&requests, &answers);
  JSValue list = write_array(js);
  for (size_t i = 0; i < answers.len; i++) {
    JSValue pair = write_array(js);
    write_item(js, pair, 0, JS_NewUint32(js, answers.ptr[i].f0));
    write_item(js, pair, 1, write_outcome(js, &answers.ptr[i].f1));
    write_item(js, list, i, pair);
  }
  pawl_workflow_step_list_tuple2_u32_outcome_free(&answers);
  return list;
}

static bool read_attempt(JSContext *js, JSValueConst value, pawl_workflow_step_borrow_attempt_t *attempt) {
  uint32_t handle;
  read_begin("the attempt");
  if (!read_u32(js, value, &handle)) return false;
  attempt->__handle = (int32_t)handle;
  return true;
}

static JSValue native_attempt_number(JSContext *js, JSValueConst *args) {
  pawl_workflow_step_borrow_attempt_t attempt;
  if (!read_attempt(js, args[0], &attempt)) return JS_EXCEPTION;
  return JS_NewUint32(js, pawl_workflow_step_method_attempt_number(attempt));
}

static JSValue native_attempt_max(JSContext *js, JSValueConst *args) {
  pawl_workflow_step_borrow_attempt_t attempt;
  if (!read_attempt(js, args[0], &attempt)) return JS_EXCEPTION;
  return JS_NewUint32(js, pawl_workflow_step_method_attempt_max(attempt));
}

static JSValue native_attempt_key(JSContext *js, JSValueConst *args) {
  pawl_workflow_step_borrow_attempt_t attempt;
  if (!read_attempt(js, args[0], &attempt)) return JS_EXCEPTION;
  plugin_string_t key;
  pawl_workflow_step_method_attempt_idempotency_key(attempt, &key);
  JSValue value = write_text(js, &key);
  plugin_string_free(&key);
  return value;
}

static JSValue native_attempt_succeed(JSContext *js, JSValueConst *args) {
  pawl_workflow_step_borrow_attempt_t attempt;
  plugin_string_t output;
  if (!read_attempt(js, args[0], &attempt)) return JS_EXCEPTION;
  read_begin("the output");
  if (!read_text(js, args[1], &output)) return JS_EXCEPTION;
  pawl_workflow_step_failure_t failure;
  if (pawl_workflow_step_method_attempt_succeed(attempt, &output, &failure)) return JS_UNDEFINED;
  JSValue value = write_failure(js, &failure);
  pawl_workflow_step_failure_free(&failure);
  return value;
}

static JSValue native_attempt_fail(JSContext *js, JSValueConst *args) {
  pawl_workflow_step_borrow_attempt_t attempt;
  pawl_workflow_step_failure_t told, raised;
  if (!read_attempt(js, args[0], &attempt)) return JS_EXCEPTION;
  read_begin("the failure");
  if (!read_failure(js, args[1], &told)) return JS_EXCEPTION;
  pawl_workflow_step_method_attempt_fail(attempt, &told, &raised);
  JSValue value = write_failure(js, &raised);
  pawl_workflow_step_failure_free(&raised);
  return value;
}

static JSValue native_attempt_drop(JSContext *js, JSValueConst *args) {
  pawl_workflow_step_borrow_attempt_t attempt;
  if (!read_attempt(js, args[0], &attempt)) return JS_EXCEPTION;
  pawl_workflow_step_attempt_drop_own((pawl_workflow_step_own_attempt_t){attempt.__handle});
  return JS_UNDEFINED;
}

static JSValue native_log(JSContext *js, JSValueConst *args) {
  static const char *const levels[] = {"trace", "debug", "info", "warn", "error", NULL};
  pawl_workflow_log_level_t level;
  plugin_string_t message;
  plugin_list_tuple2_string_string_t fields;
  read_begin("the level");
  if (!read_word(js, args[0], levels, &level)) return JS_EXCEPTION;
  read_begin("the message");
  if (!read_text(js, args[1], &message)) return JS_EXCEPTION;
  read_begin("the fields");
  if (!read_pairs(js, args[2], &fields)) return JS_EXCEPTION;
  /* While the program is built there is no log: the line is dropped. */
  if (engine_running) pawl_workflow_log_log(level, &message, &fields);
  return JS_UNDEFINED;
}

static JSValue native_send(JSContext *js, JSValueConst *args) {
  pawl_workflow_http_list_request_t requests;
  read_begin("the requests");
  if (!read_http(js, args[0], &requests)) return JS_EXCEPTION;
  pawl_workflow_http_list_result_response_error_t results;
  pawl_workflow_http_send_all(&requests, &results);
  JSValue list = write_array(js);
  for (size_t i = 0; i < results.len; i++) write_item(js, list, i, write_http_result(js, &results.ptr[i]));
  pawl_workflow_http_list_result_response_error_free(&results);
  return list;
}

static JSValue native_setting(JSContext *js, JSValueConst *args) {
  plugin_string_t name, refusal;
  plugin_option_string_t setting;
  read_begin("the name");
  if (!read_text(js, args[0], &name)) return JS_EXCEPTION;
  JSValue value = write_object(js);
  if (pawl_workflow_settings_get(&name, &setting, &refusal)) {
    write_field(js, value, "ok", setting.is_some ? write_text(js, &setting.val) : JS_UNDEFINED);
    plugin_option_string_free(&setting);
  } else {
    write_field(js, value, "err", write_text(js, &refusal));
    plugin_string_free(&refusal);
  }
  return value;
}

static JSValue native_now(JSContext *js, JSValueConst *args) {
  (void)args;
  return JS_NewNumber(js, (double)engine_now());
}

static JSValue native_random(JSContext *js, JSValueConst *args) {
  (void)args;
  uint64_t bits = engine_random();
  JSValue pair = write_array(js);
  write_item(js, pair, 0, JS_NewUint32(js, (uint32_t)bits));
  write_item(js, pair, 1, JS_NewUint32(js, (uint32_t)(bits >> 32)));
  return pair;
}

static JSValue native_pause(JSContext *js, JSValueConst *args) {
  uint64_t millis;
  read_begin("the pause");
  if (!read_u64(js, args[0], &millis)) return JS_EXCEPTION;
  pawl_workflow_system_pause(millis);
  return JS_UNDEFINED;
}

static JSValue throw_kv(JSContext *js, wasi_keyvalue_store_error_t *error) {
  if (error->tag == WASI_KEYVALUE_STORE_ERROR_OTHER) throw_text(js, &error->val.other);
  else if (error->tag == WASI_KEYVALUE_STORE_ERROR_NO_SUCH_STORE) JS_ThrowPlainError(js, "no such store");
  /* the one reason for which the host denies it */
  else JS_ThrowPlainError(js, "key-value is for steps: wrap it in step.run");
  wasi_keyvalue_store_error_free(error);
  return JS_EXCEPTION;
}

/* The function's own bucket and the key; the bucket is the caller's to drop. */
static bool open_bucket(JSContext *js, wasi_keyvalue_store_own_bucket_t *bucket) {
  plugin_string_t name = {(uint8_t *)"", 0};
  wasi_keyvalue_store_error_t error;
  if (wasi_keyvalue_store_open(&name, bucket, &error)) return true;
  throw_kv(js, &error);
  return false;
}

/* The bucket as it is borrowed; its number is the same. */
static wasi_keyvalue_store_borrow_bucket_t lent(wasi_keyvalue_store_own_bucket_t bucket) {
  return (wasi_keyvalue_store_borrow_bucket_t){bucket.__handle};
}

static bool read_key(JSContext *js, JSValueConst value, plugin_string_t *key) {
  read_begin("the key");
  return read_text(js, value, key);
}

static JSValue native_kv_get(JSContext *js, JSValueConst *args) {
  plugin_string_t key;
  plugin_option_list_u8_t found;
  wasi_keyvalue_store_own_bucket_t bucket;
  wasi_keyvalue_store_error_t error;
  if (!read_key(js, args[0], &key) || !open_bucket(js, &bucket)) return JS_EXCEPTION;
  bool done = wasi_keyvalue_store_method_bucket_get(lent(bucket), &key, &found, &error);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  if (!done) return throw_kv(js, &error);
  JSValue value = found.is_some ? write_bytes(js, found.val.ptr, found.val.len) : JS_UNDEFINED;
  plugin_option_list_u8_free(&found);
  return value;
}

static JSValue native_kv_set(JSContext *js, JSValueConst *args) {
  plugin_string_t key;
  plugin_list_u8_t value = {0};
  wasi_keyvalue_store_own_bucket_t bucket;
  wasi_keyvalue_store_error_t error;
  if (!read_key(js, args[0], &key)) return JS_EXCEPTION;
  read_begin("the value");
  if (!read_bytes(js, args[1], &value) || !open_bucket(js, &bucket)) return JS_EXCEPTION;
  bool done = wasi_keyvalue_store_method_bucket_set(lent(bucket), &key, &value, &error);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  return done ? JS_UNDEFINED : throw_kv(js, &error);
}

static JSValue native_kv_delete(JSContext *js, JSValueConst *args) {
  plugin_string_t key;
  wasi_keyvalue_store_own_bucket_t bucket;
  wasi_keyvalue_store_error_t error;
  if (!read_key(js, args[0], &key) || !open_bucket(js, &bucket)) return JS_EXCEPTION;
  bool done = wasi_keyvalue_store_method_bucket_delete(lent(bucket), &key, &error);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  return done ? JS_UNDEFINED : throw_kv(js, &error);
}

static JSValue native_kv_exists(JSContext *js, JSValueConst *args) {
  plugin_string_t key;
  bool exists;
  wasi_keyvalue_store_own_bucket_t bucket;
  wasi_keyvalue_store_error_t error;
  if (!read_key(js, args[0], &key) || !open_bucket(js, &bucket)) return JS_EXCEPTION;
  bool done = wasi_keyvalue_store_method_bucket_exists(lent(bucket), &key, &exists, &error);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  return done ? JS_NewBool(js, exists) : throw_kv(js, &error);
}

static JSValue native_kv_keys(JSContext *js, JSValueConst *args) {
  uint64_t cursor;
  bool from_start = JS_IsUndefined(args[0]);
  wasi_keyvalue_store_key_response_t page;
  wasi_keyvalue_store_own_bucket_t bucket;
  wasi_keyvalue_store_error_t error;
  read_begin("the cursor");
  if (!from_start && !read_u64(js, args[0], &cursor)) return JS_EXCEPTION;
  if (!open_bucket(js, &bucket)) return JS_EXCEPTION;
  bool done = wasi_keyvalue_store_method_bucket_list_keys(lent(bucket), from_start ? NULL : &cursor, &page, &error);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  if (!done) return throw_kv(js, &error);
  JSValue value = write_object(js);
  write_field(js, value, "keys", write_texts(js, &page.keys));
  if (page.cursor.is_some) write_field(js, value, "cursor", JS_NewNumber(js, (double)page.cursor.val));
  wasi_keyvalue_store_key_response_free(&page);
  return value;
}

static JSValue native_utf8_encode(JSContext *js, JSValueConst *args) {
  plugin_string_t text;
  read_begin("the text");
  if (!read_text(js, args[0], &text)) return JS_EXCEPTION;
  return JS_NewArrayBufferCopy(js, text.ptr, text.len);
}

static JSValue native_utf8_decode(JSContext *js, JSValueConst *args) {
  plugin_list_u8_t bytes = {0};
  read_begin("the bytes");
  if (!read_bytes(js, args[0], &bytes)) return JS_EXCEPTION;
  size_t at = utf8_valid(bytes.ptr, bytes.len);
  if (at == bytes.len) return JS_NewStringLen(js, (const char *)bytes.ptr, bytes.len);
  if (JS_ToBool(js, args[1])) return JS_ThrowTypeError(js, "the bytes are not valid UTF-8");
  /* At worst each byte becomes U+FFFD, of three. */
  uint8_t *mended = arena_take(3 * bytes.len), *end = mended;
  for (size_t from = 0; from < bytes.len;) {
    size_t good = utf8_valid(bytes.ptr + from, bytes.len - from);
    memcpy(end, bytes.ptr + from, good);
    end += good;
    from += good;
    if (from == bytes.len) break;
    memcpy(end, "\xef\xbf\xbd", 3);
    end += 3;
    from += utf8_broken(bytes.ptr + from, bytes.len - from);
  }
  return JS_NewStringLen(js, (const char *)mended, (size_t)(end - mended));
}

static const struct {
  const char *name;
  native_t *call;
  uint8_t args;
  /* also while the program is built: nothing of the host is asked for */
  bool always;
} natives[] = {
    {"open", native_open, 1, false},
    {"select", native_select, 1, false},
    {"attemptNumber", native_attempt_number, 1, false},
    {"attemptMax", native_attempt_max, 1, false},
    {"attemptKey", native_attempt_key, 1, false},
    {"attemptSucceed", native_attempt_succeed, 2, false},
    {"attemptFail", native_attempt_fail, 2, false},
    {"attemptDrop", native_attempt_drop, 1, false},
    {"log", native_log, 3, true},
    {"send", native_send, 1, false},
    {"setting", native_setting, 1, false},
    {"now", native_now, 0, true},
    {"random", native_random, 0, true},
    {"pause", native_pause, 1, false},
    {"kvGet", native_kv_get, 1, false},
    {"kvSet", native_kv_set, 2, false},
    {"kvDelete", native_kv_delete, 1, false},
    {"kvExists", native_kv_exists, 1, false},
    {"kvKeys", native_kv_keys, 1, false},
    {"utf8Encode", native_utf8_encode, 1, true},
    {"utf8Decode", native_utf8_decode, 2, true},
};

/* QuickJS fills missing arguments with undefined, up to the number that was declared. */
static JSValue call(JSContext *js, JSValueConst self, int count, JSValueConst *args, int which) {
  (void)self, (void)count;
  if (!engine_running && !natives[which].always)
    return JS_ThrowPlainError(js, "not available while the program is built: top-level code runs once, before any run");
  arena_mark_t mark = arena_mark();
  JSValue value = natives[which].call(js, args);
  arena_release(js, mark);
  return value;
}

void native_install(JSContext *js, JSValueConst global) {
  JSValue object = write_object(js);
  for (size_t i = 0; i < sizeof natives / sizeof *natives; i++)
    write_field(js, object, natives[i].name,
                JS_NewCFunctionMagic(js, call, natives[i].name, natives[i].args, JS_CFUNC_generic_magic, (int)i));
  write_field(js, global, "__pawl", object);
}
