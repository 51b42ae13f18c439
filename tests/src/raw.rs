//! A connection below HTTP's manners: bytes as slow, as many and as odd as a test likes.

use crate::clock;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection.
#[derive(Debug)]
pub struct Raw(TcpStream);

/// What came back over a connection.
#[derive(Debug)]
pub struct Heard {
    /// The status of the first answer; none if there was none.
    pub status: Option<u16>,
    /// Everything that came.
    pub text: String,
    /// The other end closed it.
    pub is_closed: bool,
    /// How long that took.
    pub after: Duration,
}

impl Raw {
    /// Connects.
    pub async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.expect("connects"))
    }

    /// Writes; `false` when the other end does not take it any more.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok() && self.0.flush().await.is_ok()
    }

    /// Reads until this text has come.
    pub async fn hear_of(&mut self, text: &str) {
        let (mut heard, mut byte) = (Vec::new(), [0]);
        let read = async {
            while !heard.ends_with(text.as_bytes()) {
                self.0.read_exact(&mut byte).await.expect("more comes");
                heard.push(byte[0]);
            }
        };
        tokio::time::timeout(clock::PATIENCE, read).await.expect("it comes");
    }

    /// Reads until the other end closes, or nothing comes for as long as `within`.
    pub async fn hear(&mut self, within: Duration) -> Heard {
        let begun = clock::instant();
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        let is_closed = loop {
            match tokio::time::timeout(within, self.0.read(&mut chunk)).await {
                Ok(Ok(0) | Err(_)) => break true,
                Ok(Ok(n)) => bytes.extend_from_slice(&chunk[..n]),
                Err(_) => break false,
            }
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        Heard { status, text, is_closed, after: begun.elapsed() }
    }
}
