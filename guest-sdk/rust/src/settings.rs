//! Settings that the operator gives to this function. For a step's own code.

use crate::host::settings as wit;
use crate::{Error, Result};

/// A setting by its name; `None` when the operator has not set it. A name that the
/// function does not list in `settings`, or that is not granted, is an error that
/// another try would not cure.
///
/// Secrets cannot be read. They are put into requests: see [`http`](crate::http).
///
/// ```no_run
/// # extern crate pawl_sdk as pawl;
/// # fn f(step: pawl::Step) -> pawl::Result<()> {
/// let shop = step.run("which shop", || pawl::settings::get("SHOP_URL"))?;
/// # Ok(()) }
/// ```
#[track_caller]
pub fn get(name: &str) -> Result<Option<String>> {
    match wit::get(name) {
        Ok(value) => Ok(value),
        Err(why) => Err(Error::no_retry(why).with_name("SettingDenied")),
    }
}
