//! The `pawl` binary as a child process: started, asked, stopped, killed.

use crate::answer::Answer;
use crate::clock::{PATIENCE, until};
use crate::setup::{SIGNING_KEY, Setup};
use crate::{paths, stripe};
use reqwest::Method;
use serde_json::Value;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Statuses that nothing follows.
pub const FINAL: [&str; 3] = ["Completed", "Failed", "Cancelled"];

/// A host in a folder of its own. Dropped, it is killed; when its test fails, its log
/// is printed.
#[derive(Debug)]
pub struct Host {
    setup: Setup,
    child: Child,
    addr: SocketAddr,
    client: reqwest::Client,
}

impl Host {
    pub(crate) async fn start(setup: Setup) -> Self {
        let child = spawn(&setup);
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        let mut host = Self { setup, child, addr: SocketAddr::from(([127, 0, 0, 1], 0)), client };
        host.wait_until_ready().await;
        host
    }

    async fn wait_until_ready(&mut self) {
        let file = self.data().join("addr");
        let patience = self.setup.patience;
        self.addr = until("the host's address", patience, async || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the host ended: {status}");
            }
            let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            text.trim().parse::<SocketAddr>().map_err(|e| format!("{text:?}: {e}"))
        })
        .await;
        until("/readyz", patience, async || match self.client.get(self.url("/readyz")).send().await {
            Ok(answer) if answer.status() == 200 => Ok(()),
            Ok(answer) => Err(answer.status().to_string()),
            Err(e) => Err(e.to_string()),
        })
        .await;
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A URL of this host.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The folder that the host was started in.
    pub fn folder(&self) -> &Path {
        self.setup.folder.path()
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// What it has logged so far, over all its starts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    // ---- life and death

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("is gone");
    }

    /// SIGTERM, and waits for the end.
    pub async fn stop(&mut self) -> ExitStatus {
        self.terminate();
        self.ended().await
    }

    /// SIGTERM alone.
    pub fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::TERM).expect("signals");
    }

    /// Waits until nobody can connect any more.
    pub async fn closes_its_door(&self) {
        until("the door to be closed", PATIENCE, async || {
            match tokio::net::TcpStream::connect(self.addr).await {
                Ok(_) => Err("open".into()),
                Err(_) => Ok(()),
            }
        })
        .await;
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        until("the host's end", PATIENCE, async || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("it still runs".into()),
            Err(e) => Err(e.to_string()),
        })
        .await
    }

    /// Starts it again on the same folder, after [`Host::kill`] or [`Host::stop`].
    pub async fn restart(&mut self) {
        assert!(self.child.try_wait().expect("asks").is_some(), "it still runs");
        let _gone = fs::remove_file(self.data().join("addr"));
        self.child = spawn(&self.setup);
        self.wait_until_ready().await;
    }

    /// Changes the environment of the next start.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.setup.env.retain(|(n, _)| n != name);
        self.setup.env.push((name.to_owned(), value.into()));
    }

    /// Lets files grow again from the next start on; see [`Setup::file_limit`].
    pub fn lift_file_limit(&mut self) {
        self.setup.file_limit = None;
    }

    // ---- functions

    /// Puts a component into the functions folder under this file name, at one stroke:
    /// the host never sees half a file.
    pub fn place(&self, file: &str, bytes: &[u8]) {
        let folder = self.setup.functions_folder();
        let part = folder.join(format!(".{file}.part"));
        fs::write(&part, bytes).expect("writes");
        fs::rename(&part, folder.join(file)).expect("renames");
    }

    /// Puts a test guest into the functions folder, as `as_file`.
    pub fn place_guest(&self, name: &str, as_file: &str) {
        self.place(as_file, &fs::read(paths::guest(name)).expect("reads the guest"));
    }

    /// Takes a file out of the functions folder.
    pub fn remove(&self, file: &str) {
        fs::remove_file(self.setup.functions_folder().join(file)).expect("removes");
    }

    // ---- HTTP

    /// A request that a test finishes by itself.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, self.url(path));
        match self.setup.command {
            "serve" if path.starts_with("/v1") => request.bearer_auth(SIGNING_KEY),
            _ => request,
        }
    }

    /// Sends a request and reads the answer.
    pub async fn ask(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::read(request.send().await.expect("the host answers")).await.expect("to its end")
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(self.request(Method::GET, path)).await
    }

    /// GET on `/v1`: what is under `data`.
    pub async fn read(&self, path: &str) -> Value {
        self.get(path).await.data()
    }

    /// POST of JSON text.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        self.ask(request.body(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.ask(self.request(Method::DELETE, path)).await
    }

    /// PUT of a component.
    pub async fn deploy(&self, bytes: Vec<u8>) -> Answer {
        let request = self.request(Method::PUT, "/v1/deployments").header("content-type", "application/wasm");
        self.ask(request.body(bytes)).await
    }

    // ---- events

    /// A webhook with this `Stripe-Signature`, which may be odd bytes.
    pub async fn deliver_with(&self, signature: &[u8], body: &[u8]) -> Answer {
        let value = reqwest::header::HeaderValue::from_bytes(signature).expect("can be sent");
        let request = self
            .request(Method::POST, "/api/stripe/webhook")
            .header("content-type", "application/json; charset=utf-8")
            .header("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
            .header("stripe-signature", value);
        self.ask(request.body(body.to_vec())).await
    }

    /// A webhook as Stripe delivers it now.
    pub async fn deliver(&self, body: &[u8]) -> Answer {
        self.deliver_with(stripe::header(stripe::SECRET, body).as_bytes(), body).await
    }

    /// Sends one event to the event API; its id.
    pub async fn send(&self, name: &str, data: Value) -> String {
        self.send_event(&serde_json::json!({ "name": name, "data": data })).await
    }

    /// The same with the whole event spelled out.
    pub async fn send_event(&self, event: &Value) -> String {
        let path = format!("/e/{}", crate::setup::EVENT_KEY);
        let answer = self.post(&path, event.to_string()).await.expect(200).json();
        answer["ids"][0].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
    }

    // ---- runs

    /// An event's runs.
    pub async fn runs_of(&self, event: &str) -> Vec<Value> {
        list(self.read(&format!("/v1/events/{event}/runs")).await)
    }

    /// One run with its steps.
    pub async fn run(&self, id: &str) -> Value {
        self.read(&format!("/v1/runs/{id}")).await
    }

    /// Waits until this event's run of this function has this status, and gives the run
    /// with its steps. Fails at once when it has ended otherwise.
    pub async fn wait_for(&self, event: &str, function: &str, status: &str) -> Value {
        until(&format!("{function} on {event} to be {status}"), PATIENCE, async || {
            let runs = self.runs_of(event).await;
            let found = runs.iter().find(|r| r["function_id"] == function);
            let run = found.ok_or_else(|| format!("{} other runs: {runs:?}", runs.len()))?;
            self.has_status(run, status).await
        })
        .await
    }

    /// The same for a run whose id is known.
    pub async fn wait_for_run(&self, id: &str, status: &str) -> Value {
        until(&format!("run {id} to be {status}"), PATIENCE, async || {
            self.has_status(&self.run(id).await, status).await
        })
        .await
    }

    async fn has_status(&self, run: &Value, status: &str) -> Result<Value, String> {
        let now = run["status"].as_str().unwrap_or_default();
        if now == status {
            return Ok(self.run(run["run_id"].as_str().unwrap_or_default()).await);
        }
        assert!(!FINAL.contains(&now), "ended {now}, not {status}: {run:#}");
        Err(format!("{run:#}"))
    }

    /// Every item of a list of `/v1`, page by page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let answer = self.get(&format!("{path}{joint}limit=100{cursor}")).await.expect(200);
            items.extend(list(answer.data()));
            match answer.json()["metadata"]["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    // ---- the command line

    /// `pawl ARGS` against this host, run to its end.
    pub async fn cli(&self, args: &[&str]) -> std::process::Output {
        let mut command = tokio::process::Command::from(command(&self.setup));
        command.args(args).env("PAWL_ADDR", self.addr.to_string()).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        output.unwrap_or_else(|_| panic!("{args:?} did not end")).expect("runs")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- the host's log\n{}----", self.log());
        }
    }
}

/// A list's items.
pub fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => panic!("no list: {other}"),
    }
}

/// Starts a host that is to refuse; its exit status, and what it said.
pub async fn refused(setup: &Setup) -> (ExitStatus, String) {
    let mut child = spawn(setup);
    let status = until("the host's refusal", PATIENCE, async || match child.try_wait() {
        Ok(Some(status)) => Ok(status),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert!(status.signal().is_none(), "it was not to be killed: {status}");
    (status, fs::read_to_string(setup.folder.path().join("log")).unwrap_or_default())
}

/// `pawl`, in the setup's folder, with nothing of this process's environment but a path.
fn command(setup: &Setup) -> Command {
    let mut command = match setup.file_limit {
        None => Command::new(paths::host()),
        Some(bytes) => limited(bytes),
    };
    let folder = setup.folder.path();
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("RUST_BACKTRACE", "1")
        .env("PAWL_DATA", folder.join("data"))
        .env("PAWL_FUNCTIONS", setup.functions_folder())
        .envs(setup.env.iter().map(|(k, v)| (k, v)));
    command
}

/// The host under a limit on its files' size. What goes beyond fails to be written; the
/// signal that would end the process is ignored, which a shell can say for its child.
fn limited(bytes: u64) -> Command {
    let mut command = Command::new("sh");
    // in blocks of 512 bytes, as POSIX has it
    let script = format!(r#"trap '' XFSZ; ulimit -f {}; exec "$0" "$@""#, bytes / 512);
    command.args(["-c", &script]).arg(paths::host());
    command
}

fn spawn(setup: &Setup) -> Child {
    let path = setup.folder.path().join("log");
    let log = File::options().create(true).append(true).open(path).expect("opens the log");
    let mut command = command(setup);
    command
        .args([setup.command, "--addr", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log);
    command.spawn().expect("starts")
}
