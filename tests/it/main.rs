//! The end-to-end tests: the real binary, real components, over HTTP.

mod access;
mod alerts;
mod apps;
mod cli;
mod clients_inngest;
mod crash;
mod dashboard;
mod events;
mod flow;
mod inngest_serve;
mod instant;
mod keys;
mod languages;
mod leaving;
mod observe;
mod projects;
mod providers;
mod reload;
mod retention;
mod runs;
mod settings;
mod steer;
mod tidy;
mod tools;
mod watch;
mod webhooks;
