//! The kit's own tests: what it promises to authors, and that it is as strict as a host.

mod outside;
mod passes;
mod steps;
