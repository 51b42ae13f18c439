/* From JavaScript's values to the host's records. Each reader gives false when the value has another
 * shape: then a TypeError is pending that says which field. All memory is the arena's. */
#pragma once
#include "arena.h"

typedef bool reader_t(JSContext *js, JSValueConst value, void *out);

/* Names what is read, for errors: call it before the first reader of a call. */
void read_begin(const char *what);

reader_t read_text;      /* plugin_string_t */
reader_t read_u32;       /* uint32_t */
reader_t read_u64;       /* uint64_t, from a number or bigint; what is after the point is dropped */
reader_t read_bytes;     /* plugin_list_u8_t, from an ArrayBuffer */
reader_t read_texts;     /* plugin_list_string_t */
reader_t read_pairs;     /* plugin_list_tuple2_string_string_t */
reader_t read_failure;   /* pawl_workflow_step_failure_t */
reader_t read_request;   /* pawl_workflow_step_request_t */
reader_t read_requests;  /* pawl_workflow_step_list_request_t */
reader_t read_http;      /* pawl_workflow_http_list_request_t */
reader_t read_configs;   /* exports_pawl_workflow_functions_list_config_t */

/* The parts from which the readers of records are made. */

/* A field that has to be there. */
bool read_field(JSContext *js, JSValueConst object, const char *name, reader_t *read, void *out);
/* A field that may be left out, undefined or null. */
bool read_option(JSContext *js, JSValueConst object, const char *name, reader_t *read, bool *is_some, void *out);
/* The value as a list; `list` is any generated `{T *ptr; size_t len}`. */
bool read_list(JSContext *js, JSValueConst value, reader_t *read, size_t item_size, void *list);
/* The value as one of the words (the last is NULL): its place. */
bool read_word(JSContext *js, JSValueConst value, const char *const *words, uint8_t *out);
/* A reader of one of the words: `READ_WORDS(read_mode, "skip", "cancel")`. */
#define READ_WORDS(name, ...)                                                   \
  static bool name(JSContext *js, JSValueConst value, void *out) {              \
    static const char *const words[] = {__VA_ARGS__, NULL};                     \
    return read_word(js, value, words, out);                                    \
  }

/* In a reader of a record: one of its fields. */
#define FIELD(name, read, out) read_field(js, value, name, read, out)
#define OPTION(name, read, out) read_option(js, value, name, read, &(out)->is_some, &(out)->val)
#define LIST(read, out) read_list(js, value, read, sizeof *((out)->ptr), out)

/* Throws: the value being read is not what it should be. Gives false. */
bool read_refuse(JSContext *js, const char *expected);
