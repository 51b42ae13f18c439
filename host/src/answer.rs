//! What somebody else answers, read no further than it may be long.

use reqwest::Response;

/// Why an answer's body was not read to its end.
#[derive(Debug)]
pub enum Unread {
    /// The connection broke off, or it took too long.
    Broken(reqwest::Error),
    /// It has more bytes than it may.
    TooLong,
}

/// The body of an answer, of at most `limit` bytes.
pub async fn body(mut answer: Response, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(Unread::Broken)? {
        if body.len() + part.len() > limit {
            return Err(Unread::TooLong);
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
