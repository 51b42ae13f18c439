//! Plugins whose code is written in WebAssembly's text, instruction by instruction: what
//! no SDK lets an author write.

use super::wasm;
use std::fmt::Write;

/// Where `select` says where its answers lie.
const FOUND: u32 = 24_000;

/// Where requests are put together for a question.
const REQUESTS: u32 = 24_576;

/// Bytes of one of them.
const REQUEST: u32 = 80;

/// Bytes of a function's description.
const CONFIG: u32 = 368;

/// The 26 letters, each of which is a step's id.
const LETTERS: u32 = 8_300;

/// What is free for the host's texts.
const FREE: u32 = 65_536;

// ---- plugins

/// A plugin whose core module is this text, between memory and allocator, with the
/// description of its world taken from a plugin that the SDK built. `DESCRIBE` and
/// `HANDLE` stand for the names of its two exports.
fn plugin(text: &str, pages: u32) -> Vec<u8> {
    let text = text
        .replace("DESCRIBE", "pawl:workflow/functions@0.2.0#describe")
        .replace("HANDLE", "pawl:workflow/functions@0.2.0#handle");
    let mut module = wasm(&format!(
        r#"(module
            (import "pawl:workflow/step@0.2.0" "sleep" (func $sleep (param i32 i32 i64)))
            (import "pawl:workflow/step@0.2.0" "sleep-until" (func $sleep-until (param i32 i32 i64)))
            (import "pawl:workflow/step@0.2.0" "select" (func $select (param i32 i32 i32)))
            (import "pawl:workflow/step@0.2.0" "[method]attempt.succeed"
                (func $succeed (param i32 i32 i32 i32)))
            (import "pawl:workflow/step@0.2.0" "[resource-drop]attempt" (func $drop (param i32)))
            (memory (export "memory") {pages})
            (global $free (mut i32) (i32.const {FREE}))
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

/// A `handle` that does this and gives what lies at 2048: the result's case, then its
/// text or its failure.
fn handling(code: &str) -> String {
    format!(
        r#"(func (export "HANDLE") (param i32 i32 i32 i32 i32 i32 i32 i64) (result i32)
            (local $i i32) (local $first i32) (local $second i32)
            {code} (i32.const 2048))"#
    )
}

/// Functions with these ids, and nothing else about them but `retries`, each on the
/// event `test/<id>`. Their runs return `output`.
fn described(ids: &[&str], retries: Option<u32>, output: &str) -> Data {
    let on: Vec<_> = ids.iter().map(|id| (*id, format!("test/{id}"))).collect();
    described_on(&on, retries, output)
}

/// The same, each with the event that starts it.
fn described_on(ids: &[(&str, String)], retries: Option<u32>, output: &str) -> Data {
    let mut data = Data::default();
    // the list at 1024: where it lies, and how long it is
    let list = 4096;
    data.words(1024, &[list, u32::try_from(ids.len()).expect("few")]);
    let mut free = 16_384;
    for (n, (id, event)) in (0..).zip(ids) {
        let at = list + n * CONFIG;
        let (id_at, event_at, trigger_at) = (free, free + 1_024, free + 4_096);
        free += 8_192;
        data.text(id_at, id);
        data.text(event_at, event);
        // a trigger: by an event, padding, its name, no filter
        data.words(trigger_at, &[0, 0, event_at, length(event), 0, 0, 0, 0]);
        // no name, no app, no flow control: zero is no option
        data.words(at, &[id_at, length(id)]);
        data.words(at + 32, &[trigger_at, 1]);
        if let Some(retries) = retries {
            data.words(at + 40, &[1, retries]);
        }
    }
    // ok, padding, the text: an error would hold a number of 8 bytes
    data.words(2048, &[0, 0, 8_192, length(output)]);
    data.text(8_192, output);
    data
}

/// A plugin that describes functions with these ids, and nothing else about them but
/// `retries`, each on the event `test/<id>`. Its runs return `output`.
pub fn describing(ids: &[&str], retries: Option<u32>, output: &str) -> Vec<u8> {
    let (segments, handle) = (described(ids, retries, output).0, handling(""));
    plugin(&format!(r#"{segments} (func (export "DESCRIBE") (result i32) (i32.const 1024)) {handle}"#), 2)
}

/// A plugin with one function without retries, whose runs do this and return `null`.
pub fn doing(id: &str, code: &str) -> Vec<u8> {
    let mut data = described(&[id], Some(0), "null");
    data.text(LETTERS, "abcdefghijklmnopqrstuvwxyz");
    let (segments, handle) = (data.0, handling(code));
    // room for some ten thousand requests
    plugin(&format!(r#"{segments} (func (export "DESCRIBE") (result i32) (i32.const 1024)) {handle}"#), 100)
}

/// A plugin with one function without retries, which this event starts, and whose runs trap.
pub fn trapping_on(id: &str, event: &str) -> Vec<u8> {
    let (segments, handle) =
        (described_on(&[(id, event.to_owned())], Some(0), "null").0, handling("(unreachable)"));
    plugin(&format!(r#"{segments} (func (export "DESCRIBE") (result i32) (i32.const 1024)) {handle}"#), 2)
}

/// A plugin with this code for `describe`, which has to leave a pointer.
pub fn describing_by(code: &str) -> Vec<u8> {
    let handle = handling("");
    plugin(&format!(r#"(func (export "DESCRIBE") (result i32) {code}) {handle}"#), 2)
}

/// A plugin that never comes to describe itself: its module's own start does not end.
pub fn starting_for_ever() -> Vec<u8> {
    let handle = handling("");
    plugin(
        &format!(
            r#"(func $spin (loop $again (br $again))) (start $spin)
               (func (export "DESCRIBE") (result i32) (i32.const 0)) {handle}"#
        ),
        2,
    )
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).expect("short")
}

/// Data segments in the text format.
#[derive(Default)]
struct Data(String);

impl Data {
    fn bytes(&mut self, at: u32, bytes: &[u8]) {
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

// ---- code for `doing`. A step's id is a letter; `None` is the empty id

/// The convenience `sleep`.
pub fn sleep(step: Option<char>, ms: u64) -> String {
    let (at, length) = id(step);
    format!("(call $sleep (i32.const {at}) (i32.const {length}) (i64.const {ms}))")
}

/// The convenience `sleep-until`.
pub fn sleep_until(step: Option<char>, ms: u64) -> String {
    let (at, length) = id(step);
    format!("(call $sleep-until (i32.const {at}) (i32.const {length}) (i64.const {ms}))")
}

/// One of the steps of a `select`.
#[derive(Debug, Clone, Copy)]
pub enum Ask {
    /// The guest's own code.
    Run(char),
    /// For so many milliseconds.
    Sleep(char, u64),
}

/// `select` of these.
pub fn select(asked: &[Ask]) -> String {
    let mut code = String::new();
    for (n, ask) in (0..).zip(asked) {
        let (step, case, ms) = match *ask {
            Ask::Run(step) => (step, 0, 0),
            Ask::Sleep(step, ms) => (step, 1, ms),
        };
        let (to, at) = (REQUESTS + n * REQUEST, LETTERS + letter(step));
        // its id, its case and what that holds: zero is no option
        write!(
            code,
            "(memory.fill (i32.const {to}) (i32.const 0) (i32.const {REQUEST}))
             (i32.store (i32.const {to}) (i32.const {at}))
             (i32.store offset=4 (i32.const {to}) (i32.const 1))
             (i32.store offset=8 (i32.const {to}) (i32.const {case}))
             (i64.store offset=16 (i32.const {to}) (i64.const {ms}))"
        )
        .expect("a string grows");
    }
    format!("{code} (call $select (i32.const {REQUESTS}) (i32.const {}) (i32.const {FOUND}))", asked.len())
}

/// `select` of so many steps `run`, all of the id `a`.
pub fn select_many(n: u32) -> String {
    // behind what the host may write; all else of a request is zero
    let (begin, end) = (FREE * 2, FREE * 2 + n * REQUEST);
    format!(
        "(local.set $i (i32.const {begin}))
         (loop $fill
            (i32.store (local.get $i) (i32.const {LETTERS}))
            (i32.store offset=4 (local.get $i) (i32.const 1))
            (local.set $i (i32.add (local.get $i) (i32.const {REQUEST})))
            (br_if $fill (i32.lt_u (local.get $i) (i32.const {end}))))
         (call $select (i32.const {begin}) (i32.const {n}) (i32.const {FOUND}))"
    )
}

/// Ends the function with the error that the last `select` was answered with, if it was.
pub fn raise() -> String {
    // the answer lies behind its place in the list; an error's case is 1, and it is as
    // long as the function's own
    format!(
        "(if (i32.eq (i32.load8_u offset=8 (i32.load (i32.const {FOUND}))) (i32.const 1)) (then
            (i32.store (i32.const 2048) (i32.const 1))
            (memory.copy (i32.const 2056)
                (i32.add (i32.load (i32.const {FOUND})) (i32.const 16)) (i32.const 56))
            (return (i32.const 2048))))"
    )
}

/// Without an end. What the host's answers took is free again at every turn.
pub fn for_ever(code: &str) -> String {
    format!("(loop $again {code} (global.set $free (i32.const {FREE})) (br $again))")
}

/// Keeps the attempt that the last `select` gave to execute as this variable, `$first` or
/// `$second`.
pub fn remember(variable: &str) -> String {
    format!("(local.set {variable} (i32.load offset=16 (i32.load (i32.const {FOUND}))))")
}

/// Ends the attempt of this variable with `null`, whatever the host says to that.
pub fn succeed(variable: &str) -> String {
    format!("(call $succeed (local.get {variable}) (i32.const 8192) (i32.const 4) (i32.const 23000))")
}

/// Gives the handle of this variable back.
pub fn drop_handle(variable: &str) -> String {
    format!("(call $drop (local.get {variable}))")
}

fn id(step: Option<char>) -> (u32, u32) {
    step.map_or((LETTERS, 0), |letter_of| (LETTERS + letter(letter_of), 1))
}

fn letter(step: char) -> u32 {
    assert!(step.is_ascii_lowercase(), "an id is a letter: {step}");
    u32::from(step) - u32::from('a')
}
