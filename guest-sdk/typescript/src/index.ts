/** What functions import: Inngest's API, and Pawl's own beside it. */
export { Inngest, type ClientOptions } from "./client.js";
export type { BaseContext, Context, Failed, FailureContext, FailureHandler, GroupTools } from "./context.js";
export type { Duration, Moment } from "./duration.js";
export { NonRetriableError, RetryAfterError, StepError } from "./errors.js";
export { EventSchemas, EventType, cron, eventType, staticSchema } from "./events.js";
export type { CronTrigger, EventPayload, EventRecord, EventToSend, EventTrigger, Trigger } from "./events.js";
export { FetchHeaders, FetchResponse, type StepFetchInit } from "./fetched.js";
export { FunctionReference, InngestFunction, referenceFunction } from "./functions.js";
export { kv, secret, settings } from "./host.js";
export type { Jsonify } from "./json.js";
export type { Log, Logger } from "./logger.js";
export type { Cancellation, Concurrency, FunctionOptions } from "./options.js";
export { type ServeHandler, serve } from "./serve.js";
export type { Attempt, InvokeOptions, StepId, StepOptions, StepTools, WaitOptions } from "./tools.js";
