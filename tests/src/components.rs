//! Components and modules that no toolchain would build, from their text.

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

// ---- plugins by hand

/// A plugin whose core module is this text, between memory and allocator, with the
/// description of its world taken from a plugin that the SDK built. `DESCRIBE` and
/// `HANDLE` stand for the names of its two exports.
fn plugin(text: &str) -> Vec<u8> {
    let text = text
        .replace("DESCRIBE", "pawl:workflow/functions@0.1.0#describe")
        .replace("HANDLE", "pawl:workflow/functions@0.1.0#handle");
    let mut module = wasm(&format!(
        r#"(module
            (memory (export "memory") 2)
            (global $free (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                (global.get $free)
                (global.set $free (i32.add (global.get $free) (local.get 3))))
            {text})"#
    ));
    let donor = std::fs::read(crate::paths::guest("version-a")).expect("reads the guest");
    module.extend(component_types(&donor));
    module
}

/// A module's custom sections that describe its world, as they are.
fn component_types(module: &[u8]) -> Vec<u8> {
    let number = |mut at: usize| {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = module[at];
            value |= usize::from(byte & 0x7f) << shift;
            (at, shift) = (at + 1, shift + 7);
            if byte & 0x80 == 0 {
                return (value, at);
            }
        }
    };
    let (mut at, mut sections) = (8, Vec::new());
    while at < module.len() {
        let (size, body) = number(at + 1);
        let end = body + size;
        if module[at] == 0 {
            let (length, name) = number(body);
            if module[name..name + length].starts_with(b"component-type") {
                sections.extend_from_slice(&module[at..end]);
            }
        }
        at = end;
    }
    assert!(!sections.is_empty(), "the donor describes its world");
    sections
}

/// A `handle` that gives what lies at 2048: the result's case, then its text.
const HANDLE: &str = r#"(func (export "HANDLE") (param i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
    (i32.const 2048))"#;

/// A plugin that describes functions with these ids, and nothing else about them but
/// `retries`, each on the event `test/<id>`. Its runs return `output`.
pub fn describing(ids: &[&str], retries: Option<u32>, output: &str) -> Vec<u8> {
    let mut data = Data::default();
    // the list at 1024: where it lies, and how long it is
    let list = 4096;
    data.words(1024, &[list, u32::try_from(ids.len()).expect("few")]);
    let mut free = 16_384;
    for (n, id) in (0..).zip(ids) {
        let (at, event) = (list + n * 88, format!("test/{id}"));
        let (id_at, event_at, trigger_at) = (free, free + 1_024, free + 4_096);
        free += 8_192;
        data.text(id_at, id);
        data.text(event_at, &event);
        // a trigger: by an event, its name, no filter
        data.words(trigger_at, &[0, event_at, length(&event), 0, 0, 0]);
        data.words(at, &[id_at, length(id)]);
        data.words(at + 20, &[trigger_at, 1]);
        if let Some(retries) = retries {
            data.words(at + 28, &[1, retries]);
        }
    }
    // ok, padding, the text: an error would hold a number of 8 bytes
    data.words(2048, &[0, 0, 8_192, length(output)]);
    data.text(8_192, output);
    let segments = data.0;
    plugin(&format!(r#"{segments} (func (export "DESCRIBE") (result i32) (i32.const 1024)) {HANDLE}"#))
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).expect("short")
}

/// Data segments in the text format.
#[derive(Default)]
struct Data(String);

impl Data {
    fn bytes(&mut self, at: u32, bytes: &[u8]) {
        use std::fmt::Write;
        let hex: String = bytes.iter().map(|b| format!("\\{b:02x}")).collect();
        write!(self.0, "(data (i32.const {at}) \"{hex}\")").expect("a string grows");
    }

    fn text(&mut self, at: u32, text: &str) {
        self.bytes(at, text.as_bytes());
    }

    fn words(&mut self, at: u32, words: &[u32]) {
        self.bytes(at, &words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<_>>());
    }
}

/// A plugin with this code for `describe`, which has to leave a pointer.
pub fn describing_by(code: &str) -> Vec<u8> {
    plugin(&format!(r#"(func (export "DESCRIBE") (result i32) {code}) {HANDLE}"#))
}

/// A plugin that never comes to describe itself: its module's own start does not end.
pub fn starting_for_ever() -> Vec<u8> {
    plugin(&format!(
        r#"(func $spin (loop $again (br $again))) (start $spin)
           (func (export "DESCRIBE") (result i32) (i32.const 0)) {HANDLE}"#
    ))
}
