/* Makers of JavaScript's values from the host's records. */
#include "write.h"
#include "engine.h"

JSValue write_sure(JSContext *js, JSValue value) {
  if (JS_IsException(value)) engine_end("out of memory");
  (void)js;
  return value;
}

void write_field(JSContext *js, JSValueConst object, const char *name, JSValue value) {
  if (JS_DefinePropertyValueStr(js, object, name, write_sure(js, value), JS_PROP_C_W_E) < 0)
    engine_end("out of memory");
}

void write_item(JSContext *js, JSValueConst array, size_t index, JSValue value) {
  if (JS_DefinePropertyValueUint32(js, array, (uint32_t)index, write_sure(js, value), JS_PROP_C_W_E) < 0)
    engine_end("out of memory");
}

JSValue write_object(JSContext *js) { return write_sure(js, JS_NewObject(js)); }
JSValue write_array(JSContext *js) { return write_sure(js, JS_NewArray(js)); }
JSValue write_word(JSContext *js, const char *word) { return write_sure(js, JS_NewString(js, word)); }

JSValue write_text(JSContext *js, const plugin_string_t *text) {
  return write_sure(js, JS_NewStringLen(js, (const char *)text->ptr, text->len));
}

JSValue write_bytes(JSContext *js, const uint8_t *bytes, size_t length) {
  return write_sure(js, JS_NewArrayBufferCopy(js, bytes, length));
}

JSValue write_texts(JSContext *js, const plugin_list_string_t *texts) {
  JSValue array = write_array(js);
  for (size_t i = 0; i < texts->len; i++) write_item(js, array, i, write_text(js, &texts->ptr[i]));
  return array;
}

JSValue write_pairs(JSContext *js, const plugin_list_tuple2_string_string_t *pairs) {
  JSValue array = write_array(js);
  for (size_t i = 0; i < pairs->len; i++) {
    JSValue pair = write_array(js);
    write_item(js, pair, 0, write_text(js, &pairs->ptr[i].f0));
    write_item(js, pair, 1, write_text(js, &pairs->ptr[i].f1));
    write_item(js, array, i, pair);
  }
  return array;
}

JSValue write_failure(JSContext *js, const pawl_workflow_types_failure_t *failure) {
  JSValue object = write_object(js), retry = write_object(js);
  write_field(js, object, "name", write_text(js, &failure->name));
  write_field(js, object, "message", write_text(js, &failure->message));
  if (failure->stack.is_some) write_field(js, object, "stack", write_text(js, &failure->stack.val));
  if (failure->data.is_some) write_field(js, object, "data", write_text(js, &failure->data.val));
  static const char *const tags[] = {"default", "no", "after"};
  write_field(js, retry, "tag", write_word(js, tags[failure->retry.tag]));
  if (failure->retry.tag == PAWL_WORKFLOW_TYPES_RETRY_AFTER)
    write_field(js, retry, "millis", JS_NewNumber(js, (double)failure->retry.val.after));
  write_field(js, object, "retry", retry);
  return object;
}

JSValue write_outcome(JSContext *js, const pawl_workflow_step_outcome_t *outcome) {
  JSValue object = write_object(js);
  switch (outcome->tag) {
    case PAWL_WORKFLOW_STEP_OUTCOME_OK:
      write_field(js, object, "tag", write_word(js, "ok"));
      write_field(js, object, "val", write_text(js, &outcome->val.ok));
      break;
    case PAWL_WORKFLOW_STEP_OUTCOME_ERR:
      write_field(js, object, "tag", write_word(js, "err"));
      write_field(js, object, "val", write_failure(js, &outcome->val.err_));
      break;
    default:
      write_field(js, object, "tag", write_word(js, "execute"));
      write_field(js, object, "val", JS_NewInt32(js, outcome->val.execute.__handle));
  }
  return object;
}

JSValue write_http_result(JSContext *js, const pawl_workflow_http_result_response_error_t *result) {
  JSValue object = write_object(js), held = write_object(js);
  if (result->is_err) {
    static const char *const tags[] = {"denied", "invalid", "network"};
    write_field(js, held, "tag", write_word(js, tags[result->val.err.tag]));
    /* Each case holds a text, at the same place. */
    write_field(js, held, "message", write_text(js, &result->val.err.val.denied));
    write_field(js, object, "err", held);
  } else {
    const pawl_workflow_http_response_t *response = &result->val.ok;
    write_field(js, held, "status", JS_NewInt32(js, response->status));
    write_field(js, held, "headers", write_pairs(js, &response->headers));
    write_field(js, held, "body", write_bytes(js, response->body.ptr, response->body.len));
    write_field(js, object, "ok", held);
  }
  return object;
}

static JSValue write_event(JSContext *js, const exports_pawl_workflow_functions_event_t *event) {
  JSValue object = write_object(js);
  write_field(js, object, "id", write_text(js, &event->id));
  write_field(js, object, "name", write_text(js, &event->name));
  write_field(js, object, "data", write_text(js, &event->data));
  if (event->user.is_some) write_field(js, object, "user", write_text(js, &event->user.val));
  write_field(js, object, "timestamp", JS_NewNumber(js, (double)event->timestamp));
  if (event->version.is_some) write_field(js, object, "version", write_text(js, &event->version.val));
  return object;
}

JSValue write_context(JSContext *js, const exports_pawl_workflow_functions_context_t *context) {
  JSValue object = write_object(js), events = write_array(js);
  write_field(js, object, "functionId", write_text(js, &context->function_id));
  write_field(js, object, "runId", write_text(js, &context->run_id));
  write_field(js, object, "attempt", JS_NewUint32(js, context->attempt));
  for (size_t i = 0; i < context->events.len; i++) write_item(js, events, i, write_event(js, &context->events.ptr[i]));
  write_field(js, object, "events", events);
  write_field(js, object, "now", JS_NewNumber(js, (double)context->now));
  return object;
}
