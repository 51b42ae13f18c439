//! The conformance app in Rust: what each function takes and gives is said in
//! `../README.md`, the same for every language.

mod failing;
mod options;
mod outside;
mod plain;
mod sizes;
mod together;
mod waiting;

pawl::plugin!(
    plain::plain,
    plain::repeated,
    plain::unicode,
    plain::logger,
    plain::clock,
    failing::flaky,
    failing::hopeless,
    failing::later,
    failing::failing,
    failing::own_options,
    failing::not_json,
    failing::parting,
    waiting::sleepy,
    waiting::waiter,
    waiting::caller,
    waiting::callee,
    waiting::teller,
    waiting::listener,
    together::parallel,
    together::wide,
    together::race,
    together::gathered,
    sizes::big,
    sizes::thousand,
    sizes::too_big,
    outside::fetcher,
    outside::keys,
    outside::configured,
    options::everything,
    options::frugal
);
