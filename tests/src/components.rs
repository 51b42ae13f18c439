//! Components and modules that no toolchain would build, from their text.

pub mod by_hand;

pub use by_hand::{describing, describing_by, starting_for_ever};

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"))
}

/// Bytes that are no WebAssembly at all.
pub fn no_wasm() -> Vec<u8> {
    b"#!/bin/sh\necho hello\n".to_vec()
}

/// Begins as a component does, and goes on as nothing does.
pub fn broken() -> Vec<u8> {
    b"\0asm\x0d\0\x01\0this is not a section".to_vec()
}

/// A core module that does not say which world it is for.
pub fn core_module() -> Vec<u8> {
    wasm(r#"(module (func (export "_start")))"#)
}

/// A component that exports nothing.
pub fn empty() -> Vec<u8> {
    wasm("(component)")
}

/// A component that wants a way out of its own.
pub fn wants_http() -> Vec<u8> {
    wasm(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance
                (export "fields" (type (sub resource))))))"#,
    )
}

/// A component that wants another version of WASI than there is.
pub fn wants_later_files() -> Vec<u8> {
    wasm(
        r#"(component
            (import "wasi:filesystem/preopens@0.9.0" (instance
                (export "descriptor" (type (sub resource))))))"#,
    )
}
