//! Inngest's protocol between a server and an app: how requests are signed, and what they
//! say. Pure: texts in, texts out. It is spoken both ways: our functions served to their
//! server, and their apps driven by us.

pub mod app;
pub mod call;
pub mod infer;
mod manifest;
pub mod memo;
pub mod register;
pub mod reply;
pub mod sign;
pub mod wire;
pub mod wire_ops;

pub use manifest::duration;

use sha1::{Digest, Sha1};

/// The protocol's id of a step: the SHA-1 of its key (`a`, `a:1`), in lower-case hex.
pub fn step_id(key: &str) -> String {
    hex::encode(Sha1::digest(key.as_bytes()))
}

/// An id of the form that the protocol gives apps and functions, always the same for a text.
pub fn uuid(text: &str) -> String {
    let hash = hex::encode(Sha1::digest(text.as_bytes()));
    // of version 5 and the usual variant, as readers of such ids expect
    format!("{}-{}-5{}-8{}-{}", &hash[..8], &hash[8..12], &hash[12..15], &hash[15..18], &hash[18..30])
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_texts_uuid_is_always_the_same_and_well_formed() {
        let id = super::uuid("cap");
        assert_eq!(id, super::uuid("cap"));
        assert_ne!(id, super::uuid("cap2"));
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }

    #[test]
    fn a_steps_id_is_the_hash_of_its_key() {
        assert_eq!(super::step_id("my-step-id"), "e7d8a2f140845095749d60246ff1110c9d01d76a");
        assert_eq!(super::step_id("my-step-id:1"), "f47c6228c581af870aa285200cf95ec3ac59bb6a");
        assert_eq!(super::step_id("complete"), "0737c22d3bfae812339732d14d8c7dbd6dc4e09c");
    }
}
