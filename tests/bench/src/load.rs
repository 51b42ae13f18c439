//! A load generator that costs little: prepared bytes out, as much of the answer read
//! as tells that it is whole.

use crate::clock::{now, unix_ms};
use crate::figures::Latencies;
use anyhow::{Context, bail};
use pawl_tests::Host;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(addr: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(addr).await.context("connects")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(4_096) })
    }

    /// Sends a request; the answer's body. Anything but success is an error.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.stream.write_all(request).await?;
        self.read.clear();
        loop {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                bail!("the host closed the connection");
            }
            let Some(head) = self.read.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let text = String::from_utf8_lossy(&self.read[..head]).to_lowercase();
            let length = text.lines().find_map(|l| l.strip_prefix("content-length: "));
            let length = match length {
                Some(length) => length.trim().parse::<usize>()?,
                // in chunks, which are left as they are: of nobody's interest but for their end
                None if self.read.ends_with(b"\r\n0\r\n\r\n") => self.read.len() - head - 4,
                None => continue,
            };
            if self.read.len() < head + 4 + length {
                continue;
            }
            let body = self.read[head + 4..head + 4 + length].to_vec();
            if !text.starts_with("http/1.1 20") {
                bail!("{text}\n{}", String::from_utf8_lossy(&body));
            }
            return Ok(body);
        }
    }
}

/// The bytes of a POST.
pub(crate) fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// `connections` clients, each with one request on its way at a time, for so long.
/// `make` gives a client's n-th request.
pub(crate) async fn run(
    addr: SocketAddr,
    connections: usize,
    time: Duration,
    make: impl Fn(usize, usize) -> Vec<u8> + Clone + Send + 'static,
) -> anyhow::Result<Latencies> {
    let end = now() + time;
    let tasks: Vec<_> = (0..connections).map(|c| tokio::spawn(client(addr, c, end, make.clone()))).collect();
    let mut latencies = Latencies::default();
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok(latencies)
}

async fn client(
    addr: SocketAddr,
    c: usize,
    end: Instant,
    make: impl Fn(usize, usize) -> Vec<u8>,
) -> anyhow::Result<Latencies> {
    let mut connection = Connection::open(addr).await?;
    let mut latencies = Latencies::default();
    for n in 0.. {
        let request = make(c, n);
        let from = now();
        if from >= end {
            break;
        }
        connection.exchange(&request).await?;
        latencies.push(from.elapsed());
    }
    Ok(latencies)
}

/// Waits until `due` (Unix ms), which must not have passed, and then until nothing is
/// queued and nothing executes.
pub(crate) async fn until_idle(host: &Host, due: i64) -> anyhow::Result<()> {
    let left = due - unix_ms();
    anyhow::ensure!(left > 0, "sending the events took longer than their head start");
    tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
    idle(host).await;
    Ok(())
}

/// Waits until nothing is queued and nothing executes.
pub(crate) async fn idle(host: &Host) {
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let queued = host.read("/v1/runs?status=Queued&limit=1").await;
        let running = host.read("/v1/runs?status=Running&limit=1").await;
        if [&queued, &running].iter().all(|v| v.as_array().is_some_and(Vec::is_empty)) {
            return;
        }
    }
}
