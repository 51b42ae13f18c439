//! What the host offers, by the names of `wit/`: this crate's one way to its imports.
//!
//! In a component these are the generated bindings themselves. Natively, where an author's
//! tests run, the same names lead to the host of [`crate::test`].

#[cfg(not(target_arch = "wasm32"))]
mod native;

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::pawl::workflow::{http, log, settings, step, system};
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::wasi::keyvalue::store;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{http, log, settings, step, store, system};
