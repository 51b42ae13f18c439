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
