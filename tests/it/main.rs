//! The end-to-end tests: the real binary, real components, over HTTP.

mod access;
mod cli;
mod crash;
mod events;
mod instant;
mod leaving;
mod reload;
mod runs;
mod settings;
mod tidy;
mod webhooks;
