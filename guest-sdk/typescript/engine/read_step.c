/* Readers of what a program asks for in a run: steps, failures, HTTP requests. */
#include "read.h"

/* Words stand in the order of the cases in the WIT: their place is the case's number. */
READ_WORDS(retry_tag, "default", "no", "after")
READ_WORDS(operation_tag, "run", "sleep", "sleep-until", "wait-for-event", "invoke", "send-event", "fetch")

static bool read_retry(JSContext *js, JSValueConst value, void *out) {
  pawl_workflow_types_retry_t *retry = out;
  return FIELD("tag", retry_tag, &retry->tag) &&
         (retry->tag != PAWL_WORKFLOW_TYPES_RETRY_AFTER || FIELD("millis", read_u64, &retry->val.after));
}

bool read_failure(JSContext *js, JSValueConst value, void *out) {
  pawl_workflow_step_failure_t *failure = out;
  return FIELD("name", read_text, &failure->name) && FIELD("message", read_text, &failure->message) &&
         OPTION("stack", read_text, &failure->stack) && OPTION("data", read_text, &failure->data) &&
         FIELD("retry", read_retry, &failure->retry);
}

static bool read_new_event(JSContext *js, JSValueConst value, void *out) {
  pawl_workflow_step_new_event_t *event = out;
  return OPTION("id", read_text, &event->id) && FIELD("name", read_text, &event->name) &&
         FIELD("data", read_text, &event->data) && OPTION("user", read_text, &event->user) &&
         OPTION("timestamp", read_u64, &event->timestamp) && OPTION("version", read_text, &event->version);
}

static bool read_new_events(JSContext *js, JSValueConst value, void *out) {
  pawl_workflow_step_list_new_event_t *events = out;
  return LIST(read_new_event, events);
}

static bool read_event_match(JSContext *js, JSValueConst value, pawl_workflow_step_event_match_t *match) {
  return FIELD("name", read_text, &match->name) && FIELD("timeout", read_u64, &match->timeout) &&
         OPTION("filter", read_text, &match->filter);
}

static bool read_invocation(JSContext *js, JSValueConst value, pawl_workflow_step_invocation_t *call) {
  return FIELD("function", read_text, &call->function) && FIELD("data", read_text, &call->data) &&
         OPTION("user", read_text, &call->user) && OPTION("timeout", read_u64, &call->timeout);
}

static bool read_fetch(JSContext *js, JSValueConst value, pawl_workflow_step_fetch_t *fetch) {
  return FIELD("method", read_text, &fetch->method) && FIELD("url", read_text, &fetch->url) &&
         FIELD("headers", read_pairs, &fetch->headers) && OPTION("body", read_text, &fetch->body) &&
         OPTION("timeout", read_u64, &fetch->timeout) && OPTION("retries", read_u32, &fetch->retries);
}

static bool read_operation(JSContext *js, JSValueConst value, void *out) {
  pawl_workflow_step_operation_t *op = out;
  if (!FIELD("tag", operation_tag, &op->tag)) return false;
  switch (op->tag) {
    case PAWL_WORKFLOW_STEP_OPERATION_RUN:
      return OPTION("timeout", read_u64, &op->val.run.timeout) && OPTION("retries", read_u32, &op->val.run.retries);
    case PAWL_WORKFLOW_STEP_OPERATION_SLEEP: return FIELD("millis", read_u64, &op->val.sleep);
    case PAWL_WORKFLOW_STEP_OPERATION_SLEEP_UNTIL: return FIELD("at", read_u64, &op->val.sleep_until);
    case PAWL_WORKFLOW_STEP_OPERATION_WAIT_FOR_EVENT: return read_event_match(js, value, &op->val.wait_for_event);
    case PAWL_WORKFLOW_STEP_OPERATION_INVOKE: return read_invocation(js, value, &op->val.invoke);
    case PAWL_WORKFLOW_STEP_OPERATION_SEND_EVENT: return FIELD("events", read_new_events, &op->val.send_event);
    default: return read_fetch(js, value, &op->val.fetch);
  }
}

bool read_request(JSContext *js, JSValueConst value, void *out) {
  pawl_workflow_step_request_t *request = out;
  return FIELD("id", read_text, &request->id) && FIELD("op", read_operation, &request->op);
}

bool read_requests(JSContext *js, JSValueConst value, void *out) {
  pawl_workflow_step_list_request_t *requests = out;
  return LIST(read_request, requests);
}

static bool read_http_request(JSContext *js, JSValueConst value, void *out) {
  pawl_workflow_http_request_t *request = out;
  return FIELD("method", read_text, &request->method) && FIELD("url", read_text, &request->url) &&
         FIELD("headers", read_pairs, &request->headers) && OPTION("body", read_bytes, &request->body) &&
         OPTION("timeout", read_u64, &request->timeout);
}

bool read_http(JSContext *js, JSValueConst value, void *out) {
  pawl_workflow_http_list_request_t *requests = out;
  return LIST(read_http_request, requests);
}
