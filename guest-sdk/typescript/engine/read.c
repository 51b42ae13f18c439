/* The parts of readers: texts, numbers, bytes, fields, lists, and the path to what is wrong. */
#include "read.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Where the reader is: deep enough for every record that there is, and more. */
#define DEPTH 16
static struct { const char *field; uint32_t index; } path[DEPTH];
static size_t depth;
static const char *root = "";

void read_begin(const char *what) {
  root = what;
  depth = 0;
}

static void enter(const char *field, uint32_t index) {
  if (depth < DEPTH) {
    path[depth].field = field;
    path[depth].index = index;
  }
  depth++;
}

/* An error is told with the path as it is: the next `read_begin` clears it. */
static bool leave(bool read) {
  if (read) depth--;
  return read;
}

bool read_refuse(JSContext *js, const char *expected) {
  char where[200];
  size_t length = (size_t)snprintf(where, sizeof where, "%s", root);
  for (size_t i = 0; i < depth && i < DEPTH && length < sizeof where; i++) {
    const char *field = path[i].field;
    length += (size_t)(field ? snprintf(where + length, sizeof where - length, ".%s", field)
                             : snprintf(where + length, sizeof where - length, "[%u]", path[i].index));
  }
  JS_ThrowTypeError(js, "%s is not %s", where, expected);
  return false;
}

bool read_text(JSContext *js, JSValueConst value, void *out) {
  if (!JS_IsString(value)) return read_refuse(js, "a string");
  return arena_text(js, value, out);
}

bool read_u32(JSContext *js, JSValueConst value, void *out) {
  double number;
  if (!JS_IsNumber(value)) return read_refuse(js, "a number");
  if (JS_ToFloat64(js, &number, value)) return false;
  if (!(number >= 0 && number <= UINT32_MAX && number == trunc(number)))
    return read_refuse(js, "a whole number from 0 to 4294967295");
  *(uint32_t *)out = (uint32_t)number;
  return true;
}

bool read_u64(JSContext *js, JSValueConst value, void *out) {
  if (JS_IsBigInt(value)) return !JS_ToBigUint64(js, out, value);
  double number;
  if (!JS_IsNumber(value)) return read_refuse(js, "a number");
  if (JS_ToFloat64(js, &number, value)) return false;
  if (!(number >= 0 && number < 18446744073709551616.0)) return read_refuse(js, "a number from 0 on");
  *(uint64_t *)out = (uint64_t)number;
  return true;
}

bool read_bytes(JSContext *js, JSValueConst value, void *out) {
  plugin_list_u8_t *bytes = out;
  if (!JS_IsArrayBuffer(value)) return read_refuse(js, "an ArrayBuffer");
  /* A copy: a getter may have made the buffer, and nobody else holds it. */
  uint8_t *held = JS_GetArrayBuffer(js, &bytes->len, value);
  if (!bytes->len) return true;
  bytes->ptr = memcpy(arena_take(bytes->len), held, bytes->len);
  return true;
}

bool read_field(JSContext *js, JSValueConst object, const char *name, reader_t *read, void *out) {
  if (!JS_IsObject(object)) return read_refuse(js, "an object");
  JSValue value = JS_GetPropertyStr(js, object, name);
  if (JS_IsException(value)) return false;
  enter(name, 0);
  bool done = leave(read(js, value, out));
  JS_FreeValue(js, value);
  return done;
}

bool read_option(JSContext *js, JSValueConst object, const char *name, reader_t *read, bool *is_some, void *out) {
  if (!JS_IsObject(object)) return read_refuse(js, "an object");
  JSValue value = JS_GetPropertyStr(js, object, name);
  if (JS_IsException(value)) return false;
  enter(name, 0);
  *is_some = !JS_IsUndefined(value) && !JS_IsNull(value);
  bool done = leave(!*is_some || read(js, value, out));
  JS_FreeValue(js, value);
  return done;
}

bool read_list(JSContext *js, JSValueConst value, reader_t *read, size_t item_size, void *list) {
  struct { char *ptr; size_t len; } *items = list;
  int64_t length;
  if (!JS_IsArray(value)) return read_refuse(js, "an array");
  if (JS_GetLength(js, value, &length)) return false;
  /* An array may be long and hold nothing: memory is taken only for what is likely meant. */
  if (length > 1000000) return read_refuse(js, "an array of at most 1000000 items");
  items->len = (size_t)length;
  items->ptr = length ? arena_take(items->len * item_size) : NULL;
  for (uint32_t i = 0; i < length; i++) {
    JSValue item = JS_GetPropertyUint32(js, value, i);
    if (JS_IsException(item)) return false;
    enter(NULL, i);
    bool done = leave(read(js, item, items->ptr + i * item_size));
    JS_FreeValue(js, item);
    if (!done) return false;
  }
  return true;
}

bool read_word(JSContext *js, JSValueConst value, const char *const *words, uint8_t *out) {
  plugin_string_t text;
  if (!read_text(js, value, &text)) return false;
  char expected[160] = "one of";
  for (uint8_t i = 0; words[i]; i++) {
    if (text.len == strlen(words[i]) && !memcmp(text.ptr, words[i], text.len)) {
      *out = i;
      return true;
    }
    size_t length = strlen(expected);
    snprintf(expected + length, sizeof expected - length, "%s%s", i ? ", " : " ", words[i]);
  }
  return read_refuse(js, expected);
}

bool read_texts(JSContext *js, JSValueConst value, void *out) {
  return read_list(js, value, read_text, sizeof(plugin_string_t), out);
}

static bool read_pair(JSContext *js, JSValueConst value, void *out) {
  plugin_list_string_t both;
  if (!read_texts(js, value, &both)) return false;
  if (both.len != 2) return read_refuse(js, "a pair of strings");
  plugin_tuple2_string_string_t *pair = out;
  pair->f0 = both.ptr[0];
  pair->f1 = both.ptr[1];
  return true;
}

bool read_pairs(JSContext *js, JSValueConst value, void *out) {
  return read_list(js, value, read_pair, sizeof(plugin_tuple2_string_string_t), out);
}
