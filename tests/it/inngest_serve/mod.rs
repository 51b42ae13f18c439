//! Functions served to an Inngest server: introspection, sync, calls. The server's side is
//! played by the tests; the calls that one made are in `tests/fixtures/inngest`.

mod calls;
mod recorded;
mod refusals;
mod sync;
mod wire;
