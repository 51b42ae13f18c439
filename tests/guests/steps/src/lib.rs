//! Every way in which a run can go, one function each: the guests of the end-to-end
//! tests. Function `x` is started by `test/x`; the modules say what each takes and
//! gives. Data that is left out takes the value in brackets.

mod broken;
mod keys;
mod outside;
mod plain;
mod retries;

pawl::plugin!(
    plain::ten_steps,
    plain::sleeper,
    plain::repeat,
    plain::parallel,
    plain::nester,
    plain::logger,
    plain::big_output,
    plain::counter,
    retries::flaky,
    retries::catcher,
    retries::outside_failure,
    broken::looper,
    broken::looper_outside,
    broken::hog,
    broken::recurse,
    broken::panicker,
    outside::fetcher,
    outside::fetcher_outside,
    outside::slow,
    outside::limited,
    outside::limited_sleeper,
    outside::headers,
    outside::wish,
    outside::clock,
    keys::keys,
    keys::keys_outside
);
