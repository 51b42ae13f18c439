//! The accept loop: bounded connections, deadlines for slow senders, no delay by
//! Nagle's algorithm, and an end that lets requests finish.

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at once, where the system allows as many files. Beyond it new ones wait
/// in the system's queue, so that slow bodies cannot use up the memory.
const CONNECTIONS: usize = 4_096;

/// Files that are kept for the rest: the database, and what functions call.
const OTHER_FILES: u64 = 256;

/// How long the header of a request may take; also how long an idle connection is kept.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);

/// Bytes of a request's header.
const HEADER_BYTES: usize = 64 << 10;

/// How long requests may go on after the end was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// A bound listener.
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Server {
    /// Binds the address; port 0 takes a free one.
    pub async fn bind(addr: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok(Self { listener, addr })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until the end, then lets what has begun finish for a while.
    pub async fn run(self, router: Router, end: CancellationToken) {
        let permits = Arc::new(Semaphore::new(connections_allowed()));
        let connections = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                () = end.cancelled() => break,
                accepted = next(&self.listener, &permits) => accepted,
            };
            let (stream, permit) = match accepted {
                Ok(accepted) => accepted,
                // the one who called has hung up already
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionAborted => continue,
                Err(e) => {
                    // too many open files, most likely: some will be closed
                    tracing::error!(error = %e, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let service = TowerToHyperService::new(router.clone());
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_DEADLINE)
                .max_buf_size(HEADER_BYTES)
                .serve_connection(TokioIo::new(stream), service);
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                if let Err(e) = connection.await {
                    tracing::debug!(error = %e, "a connection broke off");
                }
                drop(permit);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
            tracing::warn!("requests that would not end are cut off");
        }
    }
}

async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

/// As many as [`CONNECTIONS`], with the process's limit of open files raised for them as
/// far as it may be.
fn connections_allowed() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = CONNECTIONS as u64 + OTHER_FILES;
    let allowed = limit.maximum.map_or(wanted, |hard| hard.min(wanted));
    let mut current = limit.current.unwrap_or(wanted);
    if current < allowed && setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), ..limit }).is_ok() {
        current = allowed;
    }
    usize::try_from(current.saturating_sub(OTHER_FILES)).unwrap_or(CONNECTIONS).clamp(16, CONNECTIONS)
}
