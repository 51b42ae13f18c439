//! `pawl runs watch`: a run as it goes on. On a terminal a drawing that is made anew in its
//! place, elsewhere a line for each change.

mod changes;
mod draw;

use super::print;
use super::remote::{Remote, encoded};
use crate::clock;
use anyhow::{Context, bail};
use draw::Frame;
use pawl_engine::Status;
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// How often a watched run is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Lines of a function that are kept for the drawing.
const LINES: usize = 200;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run's id [default: the newest run]
    id: Option<String>,
    /// The newest run of this function
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    function: Option<String>,
    #[command(flatten)]
    remote: Remote,
    /// Print JSON: a line for every change
    #[arg(long)]
    json: bool,
}

/// Follows a run until it ends. 0: it completed; 1: it failed or was cancelled.
pub(super) async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let id = match &args.id {
        Some(id) => id.clone(),
        None => newest(args).await?,
    };
    let path = format!("/v1/runs/{}", encoded(&id));
    let mut screen = Screen::new(args.json);
    let mut logs = Logs::default();
    loop {
        let found = args.remote.get(&path).await?;
        let run = &found["data"];
        // after the run: lines are kept with what they were logged beside
        let new = if args.json { Vec::new() } else { logs.new_lines(&args.remote, &path).await? };
        screen.show(run, new)?;
        match run["status"].as_str().and_then(Status::parse) {
            Some(Status::Completed) => return Ok(ExitCode::SUCCESS),
            Some(Status::Failed | Status::Cancelled) => return Ok(ExitCode::FAILURE),
            Some(Status::Queued | Status::Running | Status::Sleeping | Status::Paused) | None => {
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

async fn newest(args: &Args) -> anyhow::Result<String> {
    let function = args.function.as_deref().map(|f| format!("&function_id={}", encoded(f)));
    let found = args.remote.get(&format!("/v1/runs?limit=1{}", function.unwrap_or_default())).await?;
    match found["data"][0]["run_id"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => bail!("there is no run to watch: `pawl send` makes one"),
    }
}

/// What a function has logged, as it comes.
#[derive(Default)]
pub(super) struct Logs {
    after: Option<u64>,
}

impl Logs {
    /// The lines of the run at this path that were not there yet.
    pub(super) async fn new_lines(&mut self, remote: &Remote, run: &str) -> anyhow::Result<Vec<Value>> {
        let mut lines = Vec::new();
        loop {
            let after = self.after.map(|n| format!("&after={n}")).unwrap_or_default();
            let page = remote.get(&format!("{run}/logs?limit=1000{after}")).await?;
            lines.extend(page["data"].as_array().into_iter().flatten().cloned());
            self.after = lines.last().and_then(|line| line["n"].as_u64()).or(self.after);
            if page["metadata"]["cursor"].is_null() {
                return Ok(lines);
            }
        }
    }
}

/// A function's line for people.
pub(super) fn log_line(line: &Value) -> String {
    let fields = line["fields"].as_object().into_iter().flatten();
    let fields: String = fields.map(|(key, value)| format!(" {key}={}", print::text(value))).collect();
    let step = line["step"].as_str().map(|step| format!("[{step}] ")).unwrap_or_default();
    let said = format!("{step}{}{fields}", print::text(&line["message"])).replace(['\n', '\t'], " ");
    format!("{} {:5} {said}", draw::time_of_day(&line["at"]), print::text(&line["level"]))
}

/// Where a run is shown.
struct Screen {
    kind: Kind,
    shown: Value,
    lines: Vec<Value>,
}

enum Kind {
    /// A line for every change, for machines.
    Json,
    /// The same for people.
    Lines,
    /// A drawing of so many lines, in colours or not.
    Drawing { height: usize, is_plain: bool },
}

impl Screen {
    fn new(json: bool) -> Self {
        let out = std::io::stdout();
        let can_move = out.is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let kind = match (json, can_move) {
            (true, _) => Kind::Json,
            (false, false) => Kind::Lines,
            (false, true) => {
                let choice = anstream::AutoStream::choice(&out);
                Kind::Drawing { height: 0, is_plain: choice == anstream::ColorChoice::Never }
            }
        };
        Self { kind, shown: Value::Null, lines: Vec::new() }
    }

    fn show(&mut self, run: &Value, new: Vec<Value>) -> anyhow::Result<()> {
        match &mut self.kind {
            Kind::Json if *run != self.shown => anstream::println!("{run}"),
            Kind::Json => {}
            Kind::Lines => {
                let changed = changes::changes(&self.shown, run);
                let said = new.iter().map(log_line);
                said.chain(changed).for_each(|line| anstream::println!("{line}"));
            }
            Kind::Drawing { height, is_plain } => {
                self.lines.extend(new);
                let surplus = self.lines.len().saturating_sub(LINES);
                self.lines.drain(..surplus);
                let (width, rows) = size();
                let now = clock::now().as_millis();
                let drawn = draw::draw(run, &self.lines, Frame { now, width, height: rows - 1 });
                let mut out = String::new();
                if *height > 0 {
                    out += &format!("\x1b[{height}F");
                }
                for line in &drawn {
                    let line = match is_plain {
                        true => anstream::adapter::strip_str(line).to_string(),
                        false => line.clone(),
                    };
                    out += &format!("{line}\x1b[K\n");
                }
                out += "\x1b[J";
                *height = drawn.len();
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()).context("the terminal")?;
            }
        }
        self.shown = run.clone();
        Ok(())
    }
}

/// The terminal's columns and rows.
fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let or =
        |n: Option<u16>, default: usize, least| n.filter(|n| *n > 0).map_or(default, usize::from).max(least);
    (or(size.map(|s| s.ws_col), 80, 40), or(size.map(|s| s.ws_row), 24, 8))
}
