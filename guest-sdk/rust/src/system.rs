//! Clock and randomness. Inside a step both are the world's; outside of one they are the
//! run's own, the same in every pass, so that what a function decides by them stays
//! decided.
//!
//! ```no_run
//! # extern crate pawl_sdk as pawl;
//! # fn f(step: pawl::Step) -> pawl::Result<()> {
//! let seconds = step.run("measure", || {
//!     let begun = pawl::system::now();
//!     // …
//!     Ok((pawl::system::now().as_millis() - begun.as_millis()) / 1_000)
//! })?;
//! # let _: u64 = seconds;
//! # Ok(()) }
//! ```

use crate::host::system as wit;
use crate::{IntoSpan, Result, Timestamp};

/// Inside a step the time; outside of one when the run was started.
pub fn now() -> Timestamp {
    Timestamp::from_millis(wit::now())
}

/// Inside a step unpredictable; outside of one the next of a sequence that the run's id
/// seeds.
pub fn random() -> u64 {
    wit::random()
}

/// Inside a step returns after so long, or the step's try ends at its time limit: for what is
/// asked again and again until it is ready. Outside of one returns at once: there a function
/// waits with [`Step::sleep`](crate::Step::sleep), at no cost.
pub fn pause(span: impl IntoSpan) -> Result<()> {
    wit::pause(span.into_millis()?);
    Ok(())
}
