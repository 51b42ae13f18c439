//! WASI 0.2 for languages whose runtime cannot do without it (Python, Go): clock,
//! randomness and output. No files, no environment, no network: those interfaces are
//! there and empty, since such runtimes import them all.
//!
//! Clock and randomness are those of `pawl:workflow/system`: outside of steps the run's
//! own, so that every pass comes to the same.

use super::Level;
use super::guest::Guest;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;
use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::{clocks, random};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult, subscribe};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// The packages that are offered, in the versions 0.2.x.
pub(super) const PACKAGES: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// Bytes of one line of output; longer ones are broken.
const LINE_BYTES: usize = 16 << 10;

/// Bytes of lines that wait until the guest asks for something; what one costs beside its text.
const PENDING_BYTES: usize = 1 << 20;
const LINE_COST: usize = 64;

/// Bytes of the end of the error output that a failure shows.
const LAST_WORDS: usize = 16 << 10;

/// Bytes of randomness that one call gets.
const RANDOM_BYTES: u64 = 1 << 20;

/// Bytes that one write may have.
const WRITE_BYTES: usize = 64 << 10;

/// What an instance has of WASI; made when it asks for the first time.
pub(super) struct Wasi {
    ctx: WasiCtx,
    output: Arc<Mutex<Output>>,
}

impl Wasi {
    fn new() -> Self {
        let output = Arc::<Mutex<Output>>::default();
        let stream = |is_error| Stream { output: output.clone(), is_error };
        let mut builder = WasiCtxBuilder::new();
        builder.stdout(stream(false)).stderr(stream(true));
        builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        Self { ctx: builder.build(), output }
    }
}

/// Adds it to what a component may import.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    // ours in place of the library's
    linker.allow_shadowing(true);
    clocks::wall_clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    clocks::monotonic_clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    random::random::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    random::insecure::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    random::insecure_seed::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| Box::new(Wasi::new()));
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut self.table }
    }
}

impl Guest {
    /// Hands the lines that it has written since to the run's log: before whatever it asks
    /// for next, so that they stand where they were written.
    pub(super) fn hand_on_output(&mut self) {
        let Some(wasi) = &self.wasi else { return };
        let lines = locked(&wasi.output).take();
        for (level, line) in lines {
            self.steps.log(level, &line, &[]);
        }
    }

    /// At its end also what has no line's end, and then the last of the error output.
    pub(super) fn last_words(&mut self) -> Option<String> {
        let wasi = self.wasi.as_ref()?;
        let words = locked(&wasi.output).end();
        self.hand_on_output();
        words
    }
}

impl clocks::wall_clock::Host for Guest {
    fn now(&mut self) -> Result<clocks::wall_clock::Datetime> {
        let now = self.time();
        let nanoseconds = u32::try_from(now % 1_000 * 1_000_000)?;
        Ok(clocks::wall_clock::Datetime { seconds: now / 1_000, nanoseconds })
    }

    fn resolution(&mut self) -> Result<clocks::wall_clock::Datetime> {
        Ok(clocks::wall_clock::Datetime { seconds: 0, nanoseconds: 1_000_000 })
    }
}

impl clocks::monotonic_clock::Host for Guest {
    fn now(&mut self) -> Result<u64> {
        let skipped = if self.open.is_some() { Duration::ZERO } else { self.own.skipped };
        Ok(self.time().saturating_mul(1_000_000).saturating_add(nanos(skipped)))
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(1_000_000)
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        let now = clocks::monotonic_clock::Host::now(self)?;
        clocks::monotonic_clock::Host::subscribe_duration(self, when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, duration: u64) -> Result<Resource<DynPollable>> {
        let until = self.wait_of(Duration::from_nanos(duration));
        let wait = self.table.push(Wait(until))?;
        subscribe(&mut self.table, wait)
    }
}

/// Until a moment; none is over at once.
struct Wait(Option<Instant>);

#[async_trait::async_trait]
impl Pollable for Wait {
    async fn ready(&mut self) {
        match self.0 {
            Some(until) => tokio::time::sleep_until(until.into()).await,
            // others get their turn, also when the guest only asks and asks
            None => tokio::task::yield_now().await,
        }
    }
}

impl random::random::Host for Guest {
    fn get_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        wasmtime::ensure!(len <= RANDOM_BYTES, "{len} bytes of randomness at once");
        let mut bytes = Vec::with_capacity(usize::try_from(len)? + 8);
        while (bytes.len() as u64) < len {
            bytes.extend(self.draw().to_le_bytes());
        }
        bytes.truncate(usize::try_from(len)?);
        Ok(bytes)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        Ok(self.draw())
    }
}

impl random::insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        random::random::Host::get_random_bytes(self, len)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        Ok(self.draw())
    }
}

impl random::insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        Ok((self.draw(), self.draw()))
    }
}

/// What an instance has written.
#[derive(Default)]
struct Output {
    /// Without an end so far: of the output, of the error output.
    begun: [Vec<u8>; 2],
    lines: Vec<(Level, String)>,
    /// What the lines weigh, and how many more there were.
    pending: usize,
    left_out: usize,
    /// The end of the error output.
    last: String,
}

impl Output {
    fn write(&mut self, is_error: bool, bytes: &[u8]) {
        for byte in bytes {
            let begun = &mut self.begun[usize::from(is_error)];
            if *byte != b'\n' {
                begun.push(*byte);
            }
            if *byte == b'\n' || begun.len() >= LINE_BYTES {
                self.end_line(is_error);
            }
        }
    }

    fn end_line(&mut self, is_error: bool) {
        let begun = std::mem::take(&mut self.begun[usize::from(is_error)]);
        let line = String::from_utf8_lossy(&begun).trim_end_matches('\r').to_owned();
        if is_error {
            self.last.push_str(&line);
            self.last.push('\n');
            if self.last.len() > LAST_WORDS {
                let surplus = self.last.ceil_char_boundary(self.last.len() - LAST_WORDS);
                self.last.drain(..surplus);
            }
        }
        self.pending += line.len() + LINE_COST;
        if self.pending > PENDING_BYTES {
            self.left_out += 1;
            return;
        }
        self.lines.push((if is_error { Level::Warn } else { Level::Info }, line));
    }

    /// The lines since the last time.
    fn take(&mut self) -> Vec<(Level, String)> {
        self.pending = 0;
        let mut lines = std::mem::take(&mut self.lines);
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            lines.push((Level::Warn, format!("{left_out} more lines were left out")));
        }
        lines
    }

    fn end(&mut self) -> Option<String> {
        for is_error in [false, true] {
            if !self.begun[usize::from(is_error)].is_empty() {
                self.end_line(is_error);
            }
        }
        Some(std::mem::take(&mut self.last)).filter(|last| !last.is_empty())
    }
}

/// Standard output, or error output.
#[derive(Clone)]
struct Stream {
    output: Arc<Mutex<Output>>,
    is_error: bool,
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // preview 2 alone is offered, and asks for `p2_stream`
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        locked(&self.output).write(self.is_error, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

fn locked(output: &Mutex<Output>) -> std::sync::MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_becomes_lines_and_the_last_of_the_errors_is_kept() {
        let mut output = Output::default();
        output.write(false, b"one\r\ntw");
        output.write(true, b"bad\n");
        output.write(false, b"o\nrest");
        assert_eq!(output.end().as_deref(), Some("bad\n"));
        let lines: Vec<_> = output.lines.iter().map(|(level, line)| (*level, line.as_str())).collect();
        assert_eq!(
            lines,
            [(Level::Info, "one"), (Level::Warn, "bad"), (Level::Info, "two"), (Level::Info, "rest")]
        );
    }

    #[test]
    fn a_guest_that_only_writes_does_not_fill_the_hosts_memory() {
        let mut output = Output::default();
        output.write(false, "\n".repeat(100_000).as_bytes());
        let lines = output.take();
        assert!(lines.len() <= PENDING_BYTES / LINE_COST + 1, "{} lines", lines.len());
        let left_out = 100_000 - (lines.len() - 1);
        assert_eq!(lines.last().map(|l| l.1.clone()), Some(format!("{left_out} more lines were left out")));
        output.write(false, b"again\n");
        assert_eq!(output.take().len(), 1);
    }

    #[test]
    fn a_line_without_an_end_is_broken_and_the_last_words_are_bounded() {
        let mut output = Output::default();
        let many = "ä".repeat(LINE_BYTES * 2);
        output.write(true, many.as_bytes());
        assert_eq!(output.lines.len(), 4);
        assert!(output.end().is_some_and(|last| last.len() <= LAST_WORDS));
    }
}
