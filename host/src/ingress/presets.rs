//! Well-known senders, each as its documentation has it: how it signs, and where it says
//! what happened.

use super::endpoint::{Facts, Habit, Place};
use super::scheme::{Algorithm, Encoding, Family, KeyForm, Scheme, Signed, TOLERANCE};
use http::HeaderName;

/// A sender that is known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// <https://www.standardwebhooks.com>
    Standard,
    /// <https://docs.svix.com/receiving/verifying-payloads/how-manual>
    Svix,
    /// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
    GitHub,
    /// <https://api.slack.com/authentication/verifying-requests-from-slack>
    Slack,
    /// <https://shopify.dev/docs/apps/build/webhooks/subscribe/https>
    Shopify,
}

impl Preset {
    /// By its word in `pawl.toml`.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "standard" => Self::Standard,
            "svix" => Self::Svix,
            "github" => Self::GitHub,
            "slack" => Self::Slack,
            "shopify" => Self::Shopify,
            _ => return None,
        })
    }

    /// How it signs.
    pub fn scheme(self) -> Scheme {
        let family = |signature, timestamp: Option<_>, id: Option<_>| Family {
            signature: HeaderName::from_static(signature),
            timestamp: timestamp.map(HeaderName::from_static),
            id: id.map(HeaderName::from_static),
        };
        let webhook = || family("webhook-signature", Some("webhook-timestamp"), Some("webhook-id"));
        let svix = || family("svix-signature", Some("svix-timestamp"), Some("svix-id"));
        let standard = |families| Scheme {
            families,
            separator: Some(' '),
            prefix: "v1,".into(),
            algorithm: Algorithm::Sha256,
            encoding: Encoding::Base64,
            signed: Signed::id_timestamp_body(),
            tolerance: TOLERANCE,
            key_form: KeyForm::Whsec,
        };
        let plain = |family, prefix: &str, encoding, signed| Scheme {
            families: vec![family],
            separator: None,
            prefix: prefix.into(),
            algorithm: Algorithm::Sha256,
            encoding,
            signed,
            tolerance: TOLERANCE,
            key_form: KeyForm::Text,
        };
        match self {
            Self::Standard => standard(vec![webhook()]),
            Self::Svix => standard(vec![svix(), webhook()]),
            Self::GitHub => {
                let family = family("x-hub-signature-256", None, None);
                plain(family, "sha256=", Encoding::Hex, Signed::body())
            }
            Self::Slack => {
                let family = family("x-slack-signature", Some("x-slack-request-timestamp"), None);
                plain(family, "v0=", Encoding::Hex, Signed::slack())
            }
            Self::Shopify => {
                plain(family("x-shopify-hmac-sha256", None, None), "", Encoding::Base64, Signed::body())
            }
        }
    }

    /// Where it says what happened.
    pub fn facts(self) -> Facts {
        let header = |name| Place::Header(HeaderName::from_static(name));
        let body = |pointer: &str| Place::Body(pointer.into());
        match self {
            // the id is signed
            Self::Standard | Self::Svix => Facts { name: vec![body("/type")], ..Facts::default() },
            Self::GitHub => Facts {
                id: vec![header("x-github-delivery")],
                needs_id: true,
                name: vec![header("x-github-event")],
                action: Some(body("/action")),
                habit: Some(Habit::GitHub),
            },
            // slash commands and clicks have no event_id, and are not sent again
            Self::Slack => Facts {
                id: vec![body("/event_id")],
                name: vec![body("/event/type"), body("/type")],
                habit: Some(Habit::Slack),
                ..Facts::default()
            },
            Self::Shopify => Facts {
                id: vec![header("x-shopify-webhook-id")],
                needs_id: true,
                name: vec![header("x-shopify-topic")],
                action: None,
                habit: Some(Habit::Shopify),
            },
        }
    }
}
