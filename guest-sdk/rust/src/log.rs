//! Lines for the run's log.

use crate::host::log as wit;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For finding a fault in the function itself.
    Trace,
    /// For following what it does.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What an operator should look at.
    Warn,
    /// What went wrong.
    Error,
}

/// Writes a line; the macros ([`info!`](crate::info!) and the rest) are the usual way.
pub fn write(level: Level, message: &str, fields: &[(&str, String)]) {
    let level = match level {
        Level::Trace => wit::Level::Trace,
        Level::Debug => wit::Level::Debug,
        Level::Info => wit::Level::Info,
        Level::Warn => wit::Level::Warn,
        Level::Error => wit::Level::Error,
    };
    let fields: Vec<(String, String)> = fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    wit::log(level, message, &fields);
}

/// Writes a line of the given level: a format, and fields after a `;`.
///
/// ```no_run
/// # extern crate pawl_sdk as pawl;
/// # let (order, total) = ("o1", 7);
/// pawl::log!(pawl::Level::Debug, "packing {order}");
/// pawl::log!(pawl::Level::Info, "paid {}", total; order = order, attempt = 2);
/// ```
#[macro_export]
macro_rules! log {
    ($level:expr, $format:literal $(, $arg:expr)* $(,)? $(; $($key:ident = $value:expr),+ $(,)?)?) => {
        $crate::write_log(
            $level,
            &::std::format!($format $(, $arg)*),
            &[$($((::core::stringify!($key), ::std::string::ToString::to_string(&$value))),+)?],
        )
    };
}

/// [`log!`](crate::log!) at level debug.
#[macro_export]
macro_rules! debug {
    ($($line:tt)+) => { $crate::log!($crate::Level::Debug, $($line)+) };
}

/// [`log!`](crate::log!) at level info.
#[macro_export]
macro_rules! info {
    ($($line:tt)+) => { $crate::log!($crate::Level::Info, $($line)+) };
}

/// [`log!`](crate::log!) at level warn.
#[macro_export]
macro_rules! warn {
    ($($line:tt)+) => { $crate::log!($crate::Level::Warn, $($line)+) };
}

/// [`log!`](crate::log!) at level error.
#[macro_export]
macro_rules! error {
    ($($line:tt)+) => { $crate::log!($crate::Level::Error, $($line)+) };
}

/// Sends a panic's message to the log: the host shows it as the run's failure, since
/// all else that it sees of a panic is a trap.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("panic");
        let place = info.location().map(|at| format!("{}:{}:{}", at.file(), at.line(), at.column()));
        let text = place.map_or_else(|| message.to_owned(), |place| format!("{message} (at {place})"));
        wit::log(wit::Level::Error, &text, &[]);
    }));
}
