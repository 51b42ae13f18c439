/* Readers of what a program says of its functions. */
#include "read.h"

/* The generated names, in short. */
#define T(name) exports_pawl_workflow_functions_##name##_t

/* Words stand in the order of the cases in the WIT: their place is the case's number. */
READ_WORDS(trigger_tag, "event", "cron")
READ_WORDS(read_scope, "function", "app", "account")
READ_WORDS(read_mode, "skip", "cancel")

static bool read_trigger(JSContext *js, JSValueConst value, void *out) {
  T(trigger) *trigger = out;
  if (!FIELD("tag", trigger_tag, &trigger->tag)) return false;
  if (trigger->tag == EXPORTS_PAWL_WORKFLOW_FUNCTIONS_TRIGGER_EVENT)
    return FIELD("name", read_text, &trigger->val.event.name) && OPTION("filter", read_text, &trigger->val.event.filter);
  return FIELD("schedule", read_text, &trigger->val.cron.schedule) &&
         OPTION("jitter", read_u64, &trigger->val.cron.jitter);
}

static bool read_triggers(JSContext *js, JSValueConst value, void *out) {
  T(list_trigger) *triggers = out;
  return LIST(read_trigger, triggers);
}

static bool read_concurrency(JSContext *js, JSValueConst value, void *out) {
  T(concurrency) *limit = out;
  return FIELD("limit", read_u32, &limit->limit) && OPTION("key", read_text, &limit->key) &&
         FIELD("scope", read_scope, &limit->scope);
}

static bool read_concurrencies(JSContext *js, JSValueConst value, void *out) {
  T(list_concurrency) *limits = out;
  return LIST(read_concurrency, limits);
}

static bool read_throttle(JSContext *js, JSValueConst value, void *out) {
  T(throttle) *throttle = out;
  return FIELD("limit", read_u32, &throttle->limit) && FIELD("period", read_u64, &throttle->period) &&
         OPTION("burst", read_u32, &throttle->burst) && OPTION("key", read_text, &throttle->key);
}

static bool read_rate_limit(JSContext *js, JSValueConst value, void *out) {
  T(rate_limit) *limit = out;
  return FIELD("limit", read_u32, &limit->limit) && FIELD("period", read_u64, &limit->period) &&
         OPTION("key", read_text, &limit->key);
}

static bool read_debounce(JSContext *js, JSValueConst value, void *out) {
  T(debounce) *debounce = out;
  return FIELD("period", read_u64, &debounce->period) && OPTION("timeout", read_u64, &debounce->timeout) &&
         OPTION("key", read_text, &debounce->key);
}

static bool read_batch(JSContext *js, JSValueConst value, void *out) {
  T(batch) *batch = out;
  return FIELD("maxSize", read_u32, &batch->max_size) && FIELD("timeout", read_u64, &batch->timeout) &&
         OPTION("key", read_text, &batch->key) && OPTION("filter", read_text, &batch->filter);
}

static bool read_cancel(JSContext *js, JSValueConst value, void *out) {
  T(cancel_on) *cancel = out;
  return FIELD("event", read_text, &cancel->event) && OPTION("filter", read_text, &cancel->filter) &&
         OPTION("timeout", read_u64, &cancel->timeout);
}

static bool read_cancels(JSContext *js, JSValueConst value, void *out) {
  T(list_cancel_on) *cancels = out;
  return LIST(read_cancel, cancels);
}

static bool read_singleton(JSContext *js, JSValueConst value, void *out) {
  T(singleton) *singleton = out;
  return OPTION("key", read_text, &singleton->key) && FIELD("mode", read_mode, &singleton->mode);
}

static bool read_timeouts(JSContext *js, JSValueConst value, void *out) {
  T(timeouts) *timeouts = out;
  return OPTION("start", read_u64, &timeouts->start) && OPTION("finish", read_u64, &timeouts->finish);
}

static bool read_flow(JSContext *js, JSValueConst value, void *out) {
  T(flow) *flow = out;
  return FIELD("concurrency", read_concurrencies, &flow->concurrency) &&
         OPTION("throttle", read_throttle, &flow->throttle) && OPTION("rateLimit", read_rate_limit, &flow->rate_limit) &&
         OPTION("debounce", read_debounce, &flow->debounce) && OPTION("batch", read_batch, &flow->batch) &&
         OPTION("priority", read_text, &flow->priority) && OPTION("idempotency", read_text, &flow->idempotency) &&
         FIELD("cancelOn", read_cancels, &flow->cancel_on) && OPTION("singleton", read_singleton, &flow->singleton) &&
         FIELD("timeouts", read_timeouts, &flow->timeouts);
}

static bool read_capabilities(JSContext *js, JSValueConst value, void *out) {
  T(capabilities) *wishes = out;
  return FIELD("hosts", read_texts, &wishes->hosts) && FIELD("settings", read_texts, &wishes->settings) &&
         FIELD("secrets", read_texts, &wishes->secrets);
}

static bool read_config(JSContext *js, JSValueConst value, void *out) {
  T(config) *config = out;
  return FIELD("id", read_text, &config->id) && OPTION("name", read_text, &config->name) &&
         OPTION("app", read_text, &config->app) && FIELD("triggers", read_triggers, &config->triggers) &&
         OPTION("retries", read_u32, &config->retries) && FIELD("flow", read_flow, &config->flow) &&
         OPTION("stepTimeout", read_u64, &config->step_timeout) &&
         FIELD("capabilities", read_capabilities, &config->capabilities);
}

bool read_configs(JSContext *js, JSValueConst value, void *out) {
  T(list_config) *configs = out;
  return LIST(read_config, configs);
}
