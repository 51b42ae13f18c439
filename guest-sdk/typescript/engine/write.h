/* From the host's records to JavaScript's values. They cannot fail: where memory ends, the instance
 * does. The records stay the caller's. */
#pragma once
#include "gen/plugin.h"
#include "quickjs.h"

/* The value, unless it is an exception: that ends the instance. */
JSValue write_sure(JSContext *js, JSValue value);
/* Sets a field; takes the value. */
void write_field(JSContext *js, JSValueConst object, const char *name, JSValue value);
/* Sets an item of an array; takes the value. */
void write_item(JSContext *js, JSValueConst array, size_t index, JSValue value);

JSValue write_object(JSContext *js);
JSValue write_array(JSContext *js);
JSValue write_word(JSContext *js, const char *word);
JSValue write_text(JSContext *js, const plugin_string_t *text);
JSValue write_bytes(JSContext *js, const uint8_t *bytes, size_t length);
JSValue write_texts(JSContext *js, const plugin_list_string_t *texts);
JSValue write_pairs(JSContext *js, const plugin_list_tuple2_string_string_t *pairs);
JSValue write_failure(JSContext *js, const pawl_workflow_types_failure_t *failure);
JSValue write_outcome(JSContext *js, const pawl_workflow_step_outcome_t *outcome);
JSValue write_http_result(JSContext *js, const pawl_workflow_http_result_response_error_t *result);
JSValue write_context(JSContext *js, const exports_pawl_workflow_functions_context_t *context);
