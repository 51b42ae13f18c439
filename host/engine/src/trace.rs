//! Traces: the header that carries one from host to host
//! (<https://www.w3.org/TR/trace-context/>), and the ids of a run's spans. Those are made of
//! what run, step and attempt are called: so a request of an attempt can name its span
//! before there is one, and nothing has to be remembered. Of `tracestate` nothing is kept.

use crate::{RunId, StepKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// A trace's id; never all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// A span's id within its trace; never all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// What a `traceparent` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// In which trace.
    pub trace: TraceId,
    /// Under which of its spans.
    pub span: SpanId,
    /// Whether the sender keeps its own spans of this trace.
    pub is_sampled: bool,
}

/// The header in its first version, to the letter; later ones begin like it.
const LENGTH: usize = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".len();

impl TraceParent {
    /// From a header's text. `None`: it is no trace context, and to be ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, rest) = text.as_bytes().split_at_checked(LENGTH)?;
        let (version, trace, span, flags) = (&first[..2], &first[3..35], &first[36..52], &first[53..]);
        if [first[2], first[35], first[52]] != [b'-'; 3] {
            return None;
        }
        let [version] = bytes(version)?;
        // 255 is no version; later ones may say more, behind another dash
        let is_known = match version {
            0 => rest.is_empty(),
            255 => false,
            _ => rest.first().is_none_or(|next| *next == b'-'),
        };
        let (trace, span, [flags]) = (TraceId(bytes(trace)?), SpanId(bytes(span)?), bytes(flags)?);
        let is_named = trace.0 != [0; 16] && span.0 != [0; 8];
        (is_known && is_named).then_some(Self { trace, span, is_sampled: flags & 1 == 1 })
    }
}

/// Lower-case hex.
fn bytes<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

/// The trace of one run, and what its spans are called.
#[derive(Debug, Clone)]
pub struct RunTrace {
    run: RunId,
    /// That of its event, or its own.
    pub trace: TraceId,
    /// The span that its event came from.
    pub parent: Option<SpanId>,
    /// Whether its spans are kept.
    pub is_sampled: bool,
}

impl RunTrace {
    /// Of this run, whose first event came with this.
    pub fn of(run: &RunId, event: Option<TraceParent>) -> Self {
        let run = run.clone();
        match event {
            Some(TraceParent { trace, span, is_sampled }) => {
                Self { run, trace, parent: Some(span), is_sampled }
            }
            None => {
                let trace = TraceId(digest(&["trace", run.as_str()]));
                Self { run, trace, parent: None, is_sampled: true }
            }
        }
    }

    /// The span of the run.
    pub fn root(&self) -> SpanId {
        self.span(&["run"])
    }

    /// The span of the time before the run was started.
    pub fn queue(&self) -> SpanId {
        self.span(&["queue"])
    }

    /// The span of a step.
    pub fn step(&self, step: &StepKey) -> SpanId {
        self.span(&["step", &step.to_string()])
    }

    /// The span of one try of a step, from 0.
    pub fn attempt(&self, step: &StepKey, number: u32) -> SpanId {
        self.span(&["attempt", &step.to_string(), &number.to_string()])
    }

    /// What goes on from one of its spans.
    pub fn from(&self, span: SpanId) -> TraceParent {
        TraceParent { trace: self.trace, span, is_sampled: self.is_sampled }
    }

    fn span(&self, name: &[&str]) -> SpanId {
        SpanId(digest(&[&[self.run.as_str()], name].concat()))
    }
}

/// Never all zeros.
fn digest<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut hash = Sha256::new();
    for part in parts {
        // with its length, so that no two lists read the same
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut id = [0; N];
    id.copy_from_slice(&hash.finalize()[..N]);
    id[N - 1] |= u8::from(id == [0; N]);
    id
}

impl TraceId {
    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        let parent = TraceParent::parse(GOOD).expect("good");
        assert!(parent.is_sampled);
        assert_eq!(parent.trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(parent.span.to_string(), "b7ad6b7169203331");
        assert_eq!(parent.to_string(), GOOD);
        let unsampled = TraceParent::parse(&GOOD.replace("-01", "-00")).expect("good");
        assert!(!unsampled.is_sampled);
    }

    #[test]
    fn flags_that_are_not_known_are_not_carried_on() {
        for (flags, sent) in [("ff", "01"), ("03", "01"), ("fe", "00"), ("02", "00")] {
            let parent = TraceParent::parse(&GOOD.replace("-01", &format!("-{flags}"))).expect("good");
            assert_eq!(parent.to_string(), GOOD.replace("-01", &format!("-{sent}")));
        }
    }

    #[test]
    fn later_versions_may_say_more_and_are_carried_on_as_the_first() {
        for more in ["", "-", "-what-the-future-says"] {
            let parent = TraceParent::parse(&format!("cc{}{more}", &GOOD[2..])).expect("good");
            assert_eq!(parent.to_string(), GOOD);
        }
        for bad in [format!("cc{}.x", &GOOD[2..]), format!("cc{}x", &GOOD[2..]), format!("ff{}", &GOOD[2..])]
        {
            assert_eq!(TraceParent::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_trace_context_is_ignored() {
        let zeros = "0".repeat(32);
        for bad in [
            "",
            "00",
            &GOOD[..54],
            &format!("{GOOD}-"),
            &format!("{GOOD}-00"),
            &format!(" {GOOD}"),
            &format!("{GOOD} "),
            &GOOD.to_uppercase(),
            &GOOD.replace('-', "_"),
            &GOOD.replace("0af7651916cd43dd8448eb211c80319c", &zeros),
            &GOOD.replace("b7ad6b7169203331", &zeros[..16]),
            &GOOD.replace("-01", "-0x"),
            &GOOD.replace("00-", "0-0"),
            &GOOD.replace("0a", "é"),
            &format!("{GOOD},{GOOD}"),
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_runs_ids_are_its_own_and_always_the_same() {
        let key = |name, n| StepKey::new(name, n).expect("a key");
        let run = RunTrace::of(&RunId::new("01KB2Y"), None);
        assert_eq!(run.trace, RunTrace::of(&RunId::new("01KB2Y"), None).trace);
        assert_eq!((run.parent, run.is_sampled), (None, true));
        let mut ids = vec![run.root(), run.queue(), RunTrace::of(&RunId::new("01KB2Z"), None).root()];
        for key in [key("a", 0), key("a", 1), key("a:b", 0), key("a:", 0)] {
            ids.extend([run.step(&key), run.attempt(&key, 0), run.attempt(&key, 1)]);
        }
        let different: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len());
        assert_eq!(run.root().to_string(), RunTrace::of(&RunId::new("01KB2Y"), None).root().to_string());
    }

    #[test]
    fn a_run_goes_on_in_the_trace_of_its_event() {
        let event = TraceParent::parse(&GOOD.replace("-01", "-00"));
        let run = RunTrace::of(&RunId::new("01KB2Y"), event);
        let out = run.from(run.root());
        assert_eq!((Some(out.trace), run.parent), (event.map(|e| e.trace), event.map(|e| e.span)));
        assert!(!out.is_sampled && Some(out.span) != run.parent);
    }

    proptest! {
        #[test]
        fn every_context_reads_back(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), is_sampled: bool) {
            prop_assume!(trace != [0; 16] && span != [0; 8]);
            let parent = TraceParent { trace: TraceId(trace), span: SpanId(span), is_sampled };
            prop_assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ignored = TraceParent::parse(&text);
        }

        #[test]
        fn what_one_changed_character_makes_of_a_header_is_read_strictly(at in 0..LENGTH, by in any::<char>()) {
            let changed: String = GOOD.chars().enumerate().map(|(n, c)| if n == at { by } else { c }).collect();
            let is_hex = by.is_ascii_digit() || ('a'..='f').contains(&by);
            let is_dash = GOOD.as_bytes()[at] == b'-';
            if let Some(parent) = TraceParent::parse(&changed) {
                let is_kept = if is_dash { by == '-' } else { is_hex };
                prop_assert!(is_kept);
                prop_assert_eq!(&parent.to_string()[3..52], &changed[3..52]);
            } else if at >= 3 {
                let is_spoilt = if is_dash { by != '-' } else { !is_hex };
                prop_assert!(is_spoilt);
            }
        }
    }
}
