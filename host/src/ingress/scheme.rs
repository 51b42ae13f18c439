//! How senders sign, as data: which headers, which bytes, which code. One verifier reads
//! all of them; what a well-known sender does is a value in [`super::presets`].

use super::Rejected;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use http::{HeaderMap, HeaderName};
use pawl_engine::Timestamp;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};

/// How far a signature's time may be from ours when nobody says otherwise, both ways.
pub const TOLERANCE: u64 = 300;

/// Bytes of a header that is looked at, and signatures in it: more than any rotation needs.
const HEADER_BYTES: usize = 16 << 10;
const SIGNATURES: usize = 16;

/// How requests are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// The headers to look for; the first family whose signature is there is taken.
    pub families: Vec<Family>,
    /// What parts several signatures in one header.
    pub separator: Option<char>,
    /// What a signature begins with; others prove nothing.
    pub prefix: String,
    /// The hash under the HMAC.
    pub algorithm: Algorithm,
    /// How a signature is written.
    pub encoding: Encoding,
    /// Which bytes are signed.
    pub signed: Signed,
    /// How far a signature's time may be from ours, both ways, in seconds.
    pub tolerance: u64,
    /// How a secret's text becomes a key.
    pub key_form: KeyForm,
}

/// Headers that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Holds the signatures.
    pub signature: HeaderName,
    /// Holds the time, in seconds.
    pub timestamp: Option<HeaderName>,
    /// Holds the sender's id, where that is signed.
    pub id: Option<HeaderName>,
}

/// The hash under an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `sha1`: for those who have nothing else; as an HMAC it still holds.
    Sha1,
    /// `sha256`
    Sha256,
    /// `sha512`
    Sha512,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `hex`, of either case.
    Hex,
    /// `base64`, with its padding.
    Base64,
}

/// How a secret's text becomes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// It is the key.
    Text,
    /// What is behind `whsec_` is the key in base64.
    Whsec,
}

/// The signed bytes, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Id,
    Timestamp,
    Body,
}

impl Signed {
    /// From a text like `{id}.{timestamp}.{body}`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("a `{` is not closed")?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(match name {
                "id" => Piece::Id,
                "timestamp" => Piece::Timestamp,
                "body" => Piece::Body,
                _ => return Err(format!("{{{name}}} is none of {{id}}, {{timestamp}}, {{body}}")),
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        match pieces.iter().filter(|piece| **piece == Piece::Body).count() {
            1 => Ok(Self(pieces)),
            _ => Err("{body} has to be in it, once".into()),
        }
    }

    /// The body alone.
    pub(super) fn body() -> Self {
        Self(vec![Piece::Body])
    }

    /// `{id}.{timestamp}.{body}`
    pub(super) fn id_timestamp_body() -> Self {
        let dot = || Piece::Text(".".into());
        Self(vec![Piece::Id, dot(), Piece::Timestamp, dot(), Piece::Body])
    }

    /// `v0:{timestamp}:{body}`
    pub(super) fn slack() -> Self {
        Self(vec![Piece::Text("v0:".into()), Piece::Timestamp, Piece::Text(":".into()), Piece::Body])
    }

    /// Whether the time is among them.
    pub fn has_timestamp(&self) -> bool {
        self.0.contains(&Piece::Timestamp)
    }

    /// Whether the sender's id is among them.
    pub fn has_id(&self) -> bool {
        self.0.contains(&Piece::Id)
    }
}

/// What a secret's text comes to. It prints as `[redacted]`.
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl Key {
    /// From a secret's text; an error says what it has to be, and nothing of the text.
    pub fn read(text: &str, form: KeyForm) -> Result<Self, &'static str> {
        if form == KeyForm::Text {
            return Ok(Self(text.as_bytes().to_vec()));
        }
        if text.starts_with("whpk_") || text.starts_with("whsk_") {
            return Err(
                "belongs to asymmetric signatures (v1a), which are not supported: use a whsec_ secret",
            );
        }
        const WRONG: &str = "is no secret of Standard Webhooks: that is whsec_ and base64";
        let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).map_err(|_| WRONG)?;
        if bytes.is_empty() { Err(WRONG) } else { Ok(Self(bytes)) }
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What of a request was signed beside its body.
struct Given<'a> {
    signatures: Vec<Vec<u8>>,
    timestamp: Option<(&'a str, u64)>,
    id: Option<&'a str>,
}

impl Scheme {
    /// Whether any of the request's signatures is made by any key, and was made about
    /// `now`; the sender's id, where it is part of what is signed.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        keys: &[Key],
        now: Timestamp,
    ) -> Result<Option<String>, Rejected> {
        let given = self.given(headers).ok_or(Rejected::SignatureMissing)?;
        if !self.holds(&given, body, keys) {
            return Err(Rejected::SignatureMismatch);
        }
        // after the MAC: a forger learns nothing about our clock
        let seconds = u64::try_from(now.as_millis() / 1_000).unwrap_or(0);
        if given.timestamp.is_some_and(|(_, at)| at.abs_diff(seconds) > self.tolerance) {
            return Err(Rejected::TimestampOutOfTolerance);
        }
        Ok(given.id.map(str::to_owned))
    }

    fn given<'a>(&self, headers: &'a HeaderMap) -> Option<Given<'a>> {
        let family = self.families.iter().find(|family| headers.contains_key(&family.signature))?;
        let text = one(headers, &family.signature)?;
        let all: Vec<_> = match self.separator {
            Some(separator) => text.split(separator).collect(),
            None => vec![text],
        };
        let ours: Vec<_> = all.into_iter().filter_map(|one| one.strip_prefix(&*self.prefix)).collect();
        if ours.is_empty() || ours.len() > SIGNATURES {
            return None;
        }
        let timestamp = match &family.timestamp {
            Some(name) => Some(time(one(headers, name)?)?),
            None => None,
        };
        let id = match &family.id {
            Some(name) => Some(one(headers, name).filter(|id| !id.is_empty())?),
            None => None,
        };
        // one that is not well written cannot be right; those beside it can
        let signatures = ours.into_iter().filter_map(|text| self.encoding.decode(text)).collect();
        Some(Given { signatures, timestamp, id })
    }

    /// All pairs are compared whatever the outcome, each in constant time.
    fn holds(&self, given: &Given<'_>, body: &[u8], keys: &[Key]) -> bool {
        let message: Vec<&[u8]> = self.signed.0.iter().map(|piece| piece.bytes(given, body)).collect();
        let mut found = Choice::from(0);
        for key in keys {
            let Some(expected) = self.algorithm.mac(&key.0, &message) else { continue };
            for signature in &given.signatures {
                found |= expected.as_slice().ct_eq(signature);
            }
        }
        found.into()
    }
}

impl Piece {
    fn bytes<'a>(&'a self, given: &Given<'a>, body: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Id => given.id.unwrap_or_default().as_bytes(),
            // as it was written: that is what was signed
            Self::Timestamp => given.timestamp.map_or("", |(text, _)| text).as_bytes(),
            Self::Body => body,
        }
    }
}

impl Algorithm {
    fn mac(self, key: &[u8], message: &[&[u8]]) -> Option<Vec<u8>> {
        fn sum<M: Mac + hmac::digest::KeyInit>(key: &[u8], message: &[&[u8]]) -> Option<Vec<u8>> {
            let mut mac = <M as Mac>::new_from_slice(key).ok()?;
            message.iter().for_each(|piece| mac.update(piece));
            Some(mac.finalize().into_bytes().to_vec())
        }
        match self {
            Self::Sha1 => sum::<Hmac<Sha1>>(key, message),
            Self::Sha256 => sum::<Hmac<Sha256>>(key, message),
            Self::Sha512 => sum::<Hmac<Sha512>>(key, message),
        }
    }
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => STANDARD.decode(text).ok(),
        }
    }
}

/// The one plain value of a header.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().filter(|text| text.len() <= HEADER_BYTES)
}

/// Digits alone, and no more than fit.
fn time(text: &str) -> Option<(&str, u64)> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number).map(|at| (text, at))
}
