//! `[[webhook]]` of `pawl.toml`: as it is written, and as it holds.

use super::file::SecretSource;
use super::{Loading, Mode};
use crate::ingress::endpoint::{Endpoint, Facts, Mapping, Place};
use crate::ingress::mapping::{Templates, Written};
use crate::ingress::presets::Preset;
use crate::ingress::scheme::{Algorithm, Encoding, Family, Key, KeyForm, Scheme, Signed, TOLERANCE};
use crate::secret::Secret;
use http::HeaderName;
use serde::Deserialize;
use std::collections::BTreeSet;

/// How long a name may be; it is part of paths, events' names and labels.
const NAME_CHARS: usize = 64;

/// Names of other ways in: their senders' ids are not to be mixed up with those of a webhook.
const TAKEN: [&str; 8] = ["api", "cron", "inngest", "none", "pawl", "seed", "stripe", "webhook"];

/// Bounds of a tolerance, in seconds: none would accept what was recorded long ago.
const TOLERANCES: std::ops::RangeInclusive<u64> = 1..=24 * 3_600;

/// `[[webhook]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileWebhook {
    name: Option<String>,
    provider: Option<String>,
    secret: Option<Secrets>,
    function: Option<String>,
    event: Option<FileEvent>,
    header: Option<String>,
    algorithm: Option<String>,
    encoding: Option<String>,
    prefix: Option<String>,
    signed: Option<String>,
    timestamp_header: Option<String>,
    tolerance: Option<String>,
    id_header: Option<String>,
    id_path: Option<String>,
    name_header: Option<String>,
    name_path: Option<String>,
}

/// One secret, or some during a rotation.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a secret is a text, { env = \"NAME\" }, or a list of those")]
enum Secrets {
    One(SecretSource),
    Some(Vec<SecretSource>),
}

/// `[webhook.event]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEvent {
    name: Option<String>,
    data: Option<String>,
    id: Option<String>,
    skip: Option<String>,
}

/// What is wrong with one entry, and what is odd.
#[derive(Default)]
struct Entry {
    wrong: Vec<String>,
    warnings: Vec<String>,
}

impl Loading<'_> {
    pub(super) fn webhooks(&mut self, mode: Mode, written: Vec<FileWebhook>) -> Vec<Endpoint> {
        let (mut endpoints, mut names) = (Vec::new(), BTreeSet::new());
        for (n, file) in written.into_iter().enumerate() {
            let shown = file.name.clone().unwrap_or_else(|| format!("number {}", n + 1));
            let mut entry = Entry::default();
            let endpoint = self.endpoint_of(mode, &mut entry, file);
            if let Some(endpoint) = &endpoint
                && !names.insert(endpoint.name.clone())
            {
                entry.wrong.push("there is another one of this name: give each its own".into());
            }
            let said = |text: String| format!("webhook {shown}: {text}");
            self.warnings.extend(entry.warnings.into_iter().map(said));
            self.wrong.extend(entry.wrong.into_iter().map(said));
            endpoints.extend(endpoint);
        }
        endpoints
    }

    /// `None`, or something wrong in the entry: it does not hold.
    fn endpoint_of(&self, mode: Mode, entry: &mut Entry, mut file: FileWebhook) -> Option<Endpoint> {
        let name = entry.name(file.name.take());
        let kind = file.provider.take();
        let described = entry.described(kind.as_deref(), &mut file);
        let form = described.as_ref().map_or(KeyForm::Text, |(scheme, _)| scheme.key_form);
        let keys = self.keys_of(mode, entry, file.secret.take(), form);
        let mapping = entry.mapping(file.function, file.event);
        let (name, (scheme, facts)) = (name?, described?);
        Some(Endpoint {
            // once for each entry of the file, for as long as the host lives
            source: Box::leak(name.clone().into_boxed_str()),
            name: name.into(),
            kind: kind.unwrap_or_default(),
            scheme,
            facts,
            keys,
            mapping: mapping?,
        })
    }

    fn keys_of(&self, mode: Mode, entry: &mut Entry, given: Option<Secrets>, form: KeyForm) -> Vec<Key> {
        let sources = match given {
            None => Vec::new(),
            Some(Secrets::One(one)) => vec![one],
            Some(Secrets::Some(all)) => all,
        };
        let mut keys = Vec::new();
        let mut is_malformed = false;
        for source in sources {
            let (text, what) = match source {
                SecretSource::Text(text) => (Some(text), "a secret".to_owned()),
                SecretSource::Env { env } => ((self.env)(&env), format!("the secret of {env}")),
            };
            let Some(Ok((secret, was_trimmed))) = text.as_deref().map(Secret::load) else {
                entry.warnings.push(format!("{what} is not set, or empty"));
                continue;
            };
            if was_trimmed {
                entry.warnings.push(format!("{what} has white space around it; it was cut off"));
            }
            match Key::read(secret.expose(), form) {
                Ok(key) => {
                    if form == KeyForm::Whsec && !(24..=64).contains(&key.bytes()) {
                        let n = key.bytes();
                        entry.warnings.push(format!("{what} has {n} bytes, and should have 24 to 64"));
                    }
                    keys.push(key);
                }
                Err(why) => {
                    is_malformed = true;
                    entry.wrong.push(format!("{what} {why}"));
                }
            }
        }
        if keys.is_empty() && !is_malformed {
            const CURE: &str =
                "it has no secret: secret = { env = \"NAME\" }, and NAME set to the signing secret";
            match mode {
                Mode::Serve => entry.wrong.push(CURE.into()),
                Mode::Dev => entry.warnings.push(format!("{CURE}; it answers 503")),
            }
        }
        keys
    }
}

impl Entry {
    fn name(&mut self, name: Option<String>) -> Option<String> {
        let is_plain = |name: &str| {
            let chars = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
            (1..=NAME_CHARS).contains(&name.len()) && name.chars().all(chars)
        };
        match name {
            None => self.wrong.push("it has no name: name = \"github\"".into()),
            Some(name) if !is_plain(&name) => self.wrong.push(format!(
                "its name has to be 1 to {NAME_CHARS} of a–z, 0–9, - and _: it is part of /api/webhooks/NAME"
            )),
            Some(name) if TAKEN.contains(&name.as_str()) => {
                self.wrong.push("this name is the host's own: choose another".into());
            }
            Some(name) => return Some(name),
        }
        None
    }

    fn described(&mut self, kind: Option<&str>, file: &mut FileWebhook) -> Option<(Scheme, Facts)> {
        let preset = kind.and_then(Preset::parse);
        if let Some(preset) = preset {
            self.alone(file);
            let mut scheme = preset.scheme();
            let has_time = scheme.signed.has_timestamp();
            scheme.tolerance = self.tolerance(file.tolerance.take(), has_time);
            return Some((scheme, preset.facts()));
        }
        if kind != Some("hmac") {
            const KNOWN: &str = "`standard`, `svix`, `github`, `slack`, `shopify` or, for any other, `hmac`";
            self.wrong.push(match kind {
                None => format!("it has no provider: {KNOWN}"),
                Some(kind) => format!("there is no provider `{kind}`: use {KNOWN}"),
            });
            return None;
        }
        self.generic(file)
    }

    /// Says which settings a known sender does not take.
    fn alone(&mut self, file: &FileWebhook) {
        let given = [
            ("header", &file.header),
            ("algorithm", &file.algorithm),
            ("encoding", &file.encoding),
            ("prefix", &file.prefix),
            ("signed", &file.signed),
            ("timestamp_header", &file.timestamp_header),
            ("id_header", &file.id_header),
            ("id_path", &file.id_path),
            ("name_header", &file.name_header),
            ("name_path", &file.name_path),
        ];
        let given: Vec<_> = given.iter().filter(|(_, v)| v.is_some()).map(|(name, _)| *name).collect();
        if !given.is_empty() {
            self.wrong.push(format!("{} is for provider = \"hmac\" alone: take it out", given.join(", ")));
        }
    }

    fn generic(&mut self, file: &mut FileWebhook) -> Option<(Scheme, Facts)> {
        if file.header.is_none() {
            self.wrong.push("it has no header: header = \"X-Signature\", which holds the signature".into());
        }
        let signature = self.header("header", file.header.take());
        let algorithm = match file.algorithm.as_deref().unwrap_or("sha256") {
            "sha1" => Algorithm::Sha1,
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            other => {
                self.wrong.push(format!("there is no algorithm `{other}`: use sha256, sha512 or sha1"));
                Algorithm::Sha256
            }
        };
        let encoding = match file.encoding.as_deref().unwrap_or("hex") {
            "hex" => Encoding::Hex,
            "base64" => Encoding::Base64,
            other => {
                self.wrong.push(format!("there is no encoding `{other}`: use hex or base64"));
                Encoding::Hex
            }
        };
        let timestamp = self.header("timestamp_header", file.timestamp_header.take());
        let id_header = self.header("id_header", file.id_header.take());
        let name_header = self.header("name_header", file.name_header.take());
        let signed = self.signed(file.signed.take(), timestamp.is_some(), id_header.is_some());
        let tolerance = self.tolerance(file.tolerance.take(), timestamp.is_some());
        let id_path = self.path("id_path", file.id_path.take());
        let name_path = self.path("name_path", file.name_path.take());
        let (signature, signed) = (signature?, signed?);
        let signed_id = id_header.clone().filter(|_| signed.has_id());
        let facts = Facts {
            needs_id: id_header.is_some() || id_path.is_some(),
            id: id_header.map(Place::Header).into_iter().chain(id_path).collect(),
            name: name_header.map(Place::Header).into_iter().chain(name_path).collect(),
            ..Facts::default()
        };
        let scheme = Scheme {
            families: vec![Family { signature, timestamp, id: signed_id }],
            separator: None,
            prefix: file.prefix.take().unwrap_or_default(),
            algorithm,
            encoding,
            signed,
            tolerance,
            key_form: KeyForm::Text,
        };
        Some((scheme, facts))
    }

    /// What is signed, and whether the headers that it needs are named.
    fn signed(&mut self, text: Option<String>, has_timestamp: bool, has_id: bool) -> Option<Signed> {
        let signed = match Signed::parse(text.as_deref().unwrap_or("{body}")) {
            Ok(signed) => signed,
            Err(why) => {
                self.wrong.push(format!("`signed`: {why}"));
                return None;
            }
        };
        match (signed.has_timestamp(), has_timestamp) {
            (true, false) => self.wrong.push("`signed` has {timestamp}: say which timestamp_header".into()),
            (false, true) => self.wrong.push(
                "timestamp_header proves nothing unless it is signed: signed = \"{timestamp}.{body}\"".into(),
            ),
            _ => {}
        }
        if signed.has_id() && !has_id {
            self.wrong.push("`signed` has {id}: say which id_header".into());
        }
        Some(signed)
    }

    fn header(&mut self, what: &str, text: Option<String>) -> Option<HeaderName> {
        let text = text?;
        let name = HeaderName::from_bytes(text.trim().to_ascii_lowercase().as_bytes()).ok();
        if name.is_none() {
            self.wrong.push(format!("`{what}`: `{text}` is no name of a header"));
        }
        name
    }

    /// A JSON pointer, or names with dots between them.
    fn path(&mut self, what: &str, text: Option<String>) -> Option<Place> {
        let text = text?;
        let pointer = match text.starts_with('/') {
            true => text,
            false if text.trim().is_empty() => {
                self.wrong.push(format!("`{what}` is empty: write it like `id`, `data.id` or `/data/id`"));
                return None;
            }
            false => format!("/{}", text.trim().replace('.', "/")),
        };
        Some(Place::Body(pointer))
    }

    fn tolerance(&mut self, text: Option<String>, has_timestamp: bool) -> u64 {
        let Some(text) = text else { return TOLERANCE };
        if !has_timestamp {
            self.wrong.push("`tolerance` is for signatures with a time, and these have none".into());
        }
        let seconds = humantime::parse_duration(&text).ok().map(|time| time.as_secs());
        seconds.filter(|seconds| TOLERANCES.contains(seconds)).unwrap_or_else(|| {
            self.wrong.push(format!("`tolerance`: `{text}` is no time from 1s to 24h: tolerance = \"5m\""));
            TOLERANCE
        })
    }

    fn mapping(&mut self, function: Option<String>, event: Option<FileEvent>) -> Option<Mapping> {
        match (function, event) {
            (None, None) => Some(Mapping::AsItCame),
            (Some(_), Some(_)) => {
                self.wrong.push("it has `function` and `event`: one of them makes the event".into());
                None
            }
            (Some(function), None) if function.trim().is_empty() => {
                self.wrong.push("`function` is empty: name the id of a function".into());
                None
            }
            (Some(function), None) => Some(Mapping::Function(function)),
            (None, Some(FileEvent { name, data, id, skip })) => {
                let templates = Templates::compile(Written { name, data, id, skip });
                let wrong = |all: Vec<String>| {
                    self.wrong
                        .extend(all.into_iter().map(|why| format!("the template of its event's {why}")));
                };
                templates.map(Mapping::Templates).map_err(wrong).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests;
