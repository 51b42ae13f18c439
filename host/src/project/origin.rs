//! Which language a component, or a core module, came from: by what its compiler left in it.

use super::Language;
use memchr::memmem;
use wasmparser::{KnownCustom, Parser, Payload, ProducersSectionReader};

/// What componentize-py calls a part of every component.
const PYTHON: &[u8] = b"libcomponentize_py_runtime";

/// The language, if the bytes tell. Bytes that are no WebAssembly have none.
pub fn language(bytes: &[u8]) -> Option<Language> {
    // it is itself written in Rust, around CPython in C
    if memmem::find(bytes, PYTHON).is_some() {
        return Some(Language::Python);
    }
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            // the engine of JavaScript, with a program in its memory
            Payload::ExportSection(exports) => {
                let mut names = exports.into_iter().filter_map(Result::ok).map(|export| export.name);
                if names.any(|name| name == "pawl_program") {
                    return Some(Language::JavaScript);
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Producers(fields) = section.as_known()
                    && let Some(language) = compiler(fields)
                {
                    return Some(language);
                }
            }
            _ => {}
        }
    }
    None
}

/// The language whose compiler is among the producers.
fn compiler(producers: ProducersSectionReader<'_>) -> Option<Language> {
    let fields = producers.into_iter().filter_map(Result::ok);
    let mut names = fields.flat_map(|field| field.values.into_iter().filter_map(Result::ok)).map(|v| v.name);
    names.find_map(|name| match name {
        "Rust" => Some(Language::Rust),
        "Go" => Some(Language::Go),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with nothing in it but its producer.
    fn produced(by: &str) -> Vec<u8> {
        let text = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
        let field = [text("producers"), vec![1], text("language"), vec![1], text(by), text("1.0")].concat();
        let section = [vec![0, u8::try_from(field.len()).expect("short")], field].concat();
        [b"\0asm\x01\0\0\0".to_vec(), section].concat()
    }

    #[test]
    fn a_compilers_mark_tells() {
        assert_eq!(language(&produced("Rust")), Some(Language::Rust));
        assert_eq!(language(&produced("Go")), Some(Language::Go));
        assert_eq!(language(&produced("C11")), None);
        assert_eq!(language(b"no wasm"), None);
    }
}
