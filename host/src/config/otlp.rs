//! Where spans are sent: OpenTelemetry's own names in the environment
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>), and one key of the file.

use super::Loading;
use crate::secret::Secret;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use std::time::Duration;

/// Where spans are sent, and how.
#[derive(Debug, Clone)]
pub struct Otlp {
    /// The collector's URL for spans.
    pub endpoint: Url,
    /// What each request carries beside.
    pub headers: Vec<(String, Secret)>,
    /// What the host is known as; `service.name` is among it.
    pub resource: Vec<(String, String)>,
    /// Spans that may wait.
    pub queue: usize,
    /// Spans in one request.
    pub batch: usize,
    /// How long a span waits for others.
    pub delay: Duration,
    /// How long a request may take.
    pub timeout: Duration,
}

impl Loading<'_> {
    /// `None`: nothing is exported.
    pub(super) fn otlp(&mut self, in_file: Option<String>) -> Option<Otlp> {
        let env = self.env;
        let set = |name: &str| env(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let of_spans = |name: &str| {
            set(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
                .or_else(|| set(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        if set("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
            return None;
        }
        let whole = set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let endpoint = whole.or_else(|| {
            let base = set("OTEL_EXPORTER_OTLP_ENDPOINT").or(in_file)?;
            Some(format!("{}/v1/traces", base.trim_end_matches('/')))
        })?;
        if let Some(protocol) = of_spans("PROTOCOL").filter(|protocol| protocol != "http/protobuf") {
            self.warnings.push(format!(
                "spans are not exported: OTEL_EXPORTER_OTLP_PROTOCOL is `{protocol}`, and only http/protobuf \
                 is spoken here (a collector takes it at port 4318)"
            ));
            return None;
        }
        let endpoint = self.endpoint(&endpoint)?;
        let headers = of_spans("HEADERS").map(|text| self.pairs("OTEL_EXPORTER_OTLP_HEADERS", &text));
        let headers = headers.unwrap_or_default().into_iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name, Secret::load(&value).ok()?.0))).collect();
        let attributes = set("OTEL_RESOURCE_ATTRIBUTES");
        let attributes = attributes.map(|text| self.pairs("OTEL_RESOURCE_ATTRIBUTES", &text));
        let mut resource = attributes.unwrap_or_default();
        let named = resource.iter().position(|(name, _)| name == "service.name");
        let named = named.map(|place| resource.remove(place).1);
        let name = set("OTEL_SERVICE_NAME").or(named).unwrap_or_else(|| "pawl".into());
        resource.insert(0, ("service.name".into(), name));
        let number = |name: &str, default: u64| set(name).and_then(|v| v.parse().ok()).unwrap_or(default);
        let count = |name: &str, default: u64| {
            usize::try_from(number(name, default)).unwrap_or(usize::MAX).clamp(1, 1 << 20)
        };
        let timeout = of_spans("TIMEOUT").and_then(|v| v.parse().ok()).unwrap_or(10_000);
        Some(Otlp {
            endpoint,
            headers,
            resource,
            queue: count("OTEL_BSP_MAX_QUEUE_SIZE", 8_192),
            batch: count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
            delay: Duration::from_millis(number("OTEL_BSP_SCHEDULE_DELAY", 1_000).min(60_000)),
            timeout: Duration::from_millis(u64::clamp(timeout, 100, 60_000)),
        })
    }

    fn endpoint(&mut self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = url.filter(|url| url.username().is_empty() && url.password().is_none()) else {
            // it may hold a password: it is not repeated
            self.wrong.push(
                "OTEL_EXPORTER_OTLP_ENDPOINT is no plain URL: write it like http://127.0.0.1:4318, \
                 and keys into OTEL_EXPORTER_OTLP_HEADERS"
                    .into(),
            );
            return None;
        };
        Some(url)
    }

    /// `name=value,…` with values as in URLs.
    fn pairs(&mut self, name: &str, text: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let pair =
                part.split_once('=').map(|(key, value)| (key.trim(), percent_decode_str(value.trim())));
            match pair.map(|(key, value)| (key, value.decode_utf8())) {
                Some((key, Ok(value))) if !key.is_empty() => pairs.push((key.to_owned(), value.into_owned())),
                _ => {
                    self.warnings.push(format!("{name} has a part that is not `name=value`; it is left out"))
                }
            }
        }
        pairs
    }
}
