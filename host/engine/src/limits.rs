//! Every limit of the rules, by name and with its reason.

use crate::Span;

/// Steps in one run. A replay walks them all; Inngest's default is the same.
pub const STEPS_PER_RUN: usize = 1_000;

/// Bytes of a step's id. It is part of a key; an id is a name, not data.
pub const STEP_ID_BYTES: usize = 256;

/// Bytes of one step's output, or of a run's. Inngest's limit.
pub const OUTPUT_BYTES: usize = 4 << 20;

/// Bytes of one event's data. Inngest's absolute limit.
pub const EVENT_BYTES: usize = 3 << 20;

/// Characters of an event's name.
pub const EVENT_NAME_CHARS: usize = 512;

/// Bytes of an id that the event's sender chose.
pub const SENDER_ID_BYTES: usize = 512;

/// The longest sleep: a year and a day, as Inngest has it. A sleep until a moment is
/// measured from the run's start, which is the same in every pass.
pub const SLEEP: Span = Span::from_days(366);

/// Tries after the first that a function or a step may ask for.
pub const RETRIES: u32 = 20;

/// Bounds of what a guest may ask for by `retry-after`.
pub const RETRY_AFTER: (Span, Span) = (Span::from_secs(1), Span::from_secs(24 * 3600));

/// Triggers of one function.
pub const TRIGGERS: usize = 10;

/// Characters of a function's id.
pub const FUNCTION_ID_CHARS: usize = 128;

/// Bytes of a failure's message and of its stack, each: enough to find the fault,
/// too little to fill a disk.
pub const FAILURE_TEXT_BYTES: usize = 64 << 10;

/// How long a sender's event id is remembered: Stripe resends for up to 30 days
/// (<https://docs.stripe.com/webhooks>).
pub const SENDER_ID_KEPT: Span = Span::from_days(31);

/// Events that one step may send.
pub const EVENTS_PER_STEP: usize = 5_000;

/// Characters of an expression.
pub const EXPR_CHARS: usize = 1_000;

/// Levels of an expression: what recursion over it may cost.
pub const EXPR_DEPTH: usize = 32;

/// What one evaluation may cost: a unit for each byte that is read, 16 for each part of
/// the expression that is evaluated. Some ten milliseconds at worst.
pub const EXPR_COST: usize = 8 << 20;

/// Bytes of a compiled pattern of `matches`.
pub const EXPR_PATTERN_BYTES: usize = 1 << 20;

/// Characters of a key's value; a longer one is replaced by its hash.
pub const KEY_CHARS: usize = 64;

/// Characters of a cron schedule. Inngest's limit.
pub const CRON_CHARS: usize = 255;

/// Characters of an event's name or pattern in a trigger. Inngest's limit.
pub const TRIGGER_NAME_CHARS: usize = 255;

/// Bounds of a schedule's jitter, when it has one. Inngest's.
pub const JITTER: (Span, Span) = (Span::from_secs(1), Span::from_secs(300));

/// Limits of concurrency of one function. Inngest's limit.
pub const CONCURRENCY: usize = 2;

/// Bounds of a throttle's period. Inngest's.
pub const THROTTLE: (Span, Span) = (Span::from_secs(1), Span::from_days(7));

/// Bounds of a rate limit's period. Inngest's.
pub const RATE_LIMIT: (Span, Span) = (Span::from_secs(1), Span::from_days(1));

/// How long a value of an idempotency key is remembered. Inngest's.
pub const IDEMPOTENCY: Span = Span::from_days(1);

/// Bounds of a debounce's period. Inngest's.
pub const DEBOUNCE: (Span, Span) = (Span::from_secs(1), Span::from_days(7));

/// Bounds of the events of a batch. Inngest's.
pub const BATCH_EVENTS: (u32, u32) = (2, 100);

/// Bounds of the time that a batch waits for more events. Inngest's.
pub const BATCH_TIMEOUT: (Span, Span) = (Span::from_secs(1), Span::from_secs(60));

/// Events that may cancel the runs of one function. Inngest's limit.
pub const CANCEL_ON: usize = 5;

/// The longest wait for an event: as long as the longest sleep.
pub const WAIT: Span = SLEEP;

/// Seconds that a run may be ahead of others in the queue, or behind them. Inngest's.
pub const PRIORITY: i64 = 600;

/// Lines that are kept of a run, from one claim to its end; of all claims it is five times that.
pub const LINES: usize = 1_000;

/// Bytes of a kept line's message, and of each of its fields.
pub const LINE_BYTES: usize = 8 << 10;

/// Bytes of the lines that are kept of a run, from one claim to its end.
pub const LINE_BYTES_OF_RUN: usize = 256 << 10;
