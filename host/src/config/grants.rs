//! Which function may reach what.
//!
//! In dev a function is granted what it wishes. In production the operator names it
//! under `[grants]` in `pawl.toml`; INSTANT_* in the environment is a grant too, for
//! the one function that is about it.

use super::Mode;
use super::file::FileGrant;
use crate::runtime::{Grant, HostPattern};
use crate::secret::Secret;
use pawl_engine::Manifest;
use std::collections::{BTreeMap, BTreeSet};

/// The function that INSTANT_* is for.
const INSTANT_FUNCTION: &str = "process-checkout-completed";

/// The operator's word on capabilities.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    grants_wishes: bool,
    by_function: BTreeMap<String, FileGrant>,
    settings: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
}

impl Grants {
    pub(super) fn new(
        mode: Mode,
        mut by_function: BTreeMap<String, FileGrant>,
        settings: BTreeMap<String, String>,
        secrets: BTreeMap<String, Secret>,
    ) -> Result<Self, String> {
        for (function, grant) in &by_function {
            if let Some(host) = grant.hosts.iter().find(|h| resolve(h, &settings).is_none()) {
                return Err(format!(
                    "[grants.\"{function}\"] hosts: `{host}` is no `name`, `name:port` or `name:*`"
                ));
            }
        }
        let instant = by_function.entry(INSTANT_FUNCTION.into()).or_default();
        for name in ["INSTANT_APP_ID", "INSTANT_API_URI"] {
            instant.settings.insert(name.into());
        }
        if settings.contains_key("INSTANT_API_URI") {
            instant.hosts.insert("{setting:INSTANT_API_URI}".into());
            instant.secrets.insert("INSTANT_ADMIN_TOKEN".into());
        }
        Ok(Self { grants_wishes: mode == Mode::Dev, by_function, settings, secrets })
    }

    /// What this function gets, and in words what it wished for in vain.
    pub fn of(&self, manifest: &Manifest) -> (Grant, Vec<String>) {
        let named = |list: fn(&FileGrant) -> &BTreeSet<String>, wish: &str| {
            let of = |key: &str| self.by_function.get(key).is_some_and(|g| list(g).contains(wish));
            self.grants_wishes || of(manifest.id.as_str()) || of("*")
        };
        let (mut grant, mut refused) = (Grant::default(), Vec::new());
        for wish in &manifest.wishes.hosts {
            let is_named = self.grants_wishes || self.host_is_named(manifest, wish);
            match resolve(wish, &self.settings).filter(|_| is_named) {
                Some(pattern) => grant.hosts.push(pattern),
                None if wish.starts_with("{setting:") && is_named => {}
                None => refused.push(format!("host {wish}")),
            }
        }
        for wish in &manifest.wishes.settings {
            match (named(|g| &g.settings, wish), self.settings.get(wish)) {
                (true, Some(value)) => drop(grant.settings.insert(wish.clone(), value.clone())),
                (true, None) => grant.unset.push(wish.clone()),
                (false, _) => refused.push(format!("setting {wish}")),
            }
        }
        for wish in &manifest.wishes.secrets {
            match (named(|g| &g.secrets, wish), self.secrets.get(wish)) {
                (true, Some(secret)) => drop(grant.secrets.insert(wish.clone(), secret.clone())),
                (true, None) => grant.unset.push(wish.clone()),
                (false, _) => refused.push(format!("secret {wish}")),
            }
        }
        (grant, refused)
    }

    /// A wish is granted by its own text, or by the text of what it stands for.
    fn host_is_named(&self, manifest: &Manifest, wish: &str) -> bool {
        let wanted = resolve(wish, &self.settings);
        [manifest.id.as_str(), "*"].iter().filter_map(|key| self.by_function.get(*key)).any(|grant| {
            grant.hosts.contains(wish)
                || grant.hosts.iter().any(|h| wanted.is_some() && resolve(h, &self.settings) == wanted)
        }) || (manifest.id.as_str() == INSTANT_FUNCTION && wish == "{setting:INSTANT_API_URI}")
    }
}

/// A host's pattern; `{setting:NAME}` is the host of the URL in that setting.
fn resolve(text: &str, settings: &BTreeMap<String, String>) -> Option<HostPattern> {
    match text.strip_prefix("{setting:").and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => HostPattern::of_url(settings.get(name)?),
        None => HostPattern::parse(text),
    }
}
