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

/// A component that wants a file system.
pub fn wants_files() -> Vec<u8> {
    wasm(
        r#"(component
            (import "wasi:filesystem/preopens@0.2.0" (instance
                (export "descriptor" (type (sub resource))))))"#,
    )
}

/// A component that wants the network's sockets.
pub fn wants_sockets() -> Vec<u8> {
    wasm(
        r#"(component
            (import "wasi:sockets/instance-network@0.2.0" (instance
                (export "network" (type (sub resource))))))"#,
    )
}
