//! What the host answered, with the looks at it that tests take.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An HTTP answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// From the client's answer.
    pub async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.text().await? })
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|e| panic!("{} {:?} is no JSON: {e}", self.status, self.body))
    }

    /// What is under `data` in an answer of `/v1`.
    pub fn data(&self) -> Value {
        match self.json() {
            Value::Object(mut map) if self.status < 400 => {
                map.remove("data").unwrap_or_else(|| panic!("no `data` in {}", self.body))
            }
            _ => panic!("{} {}", self.status, self.body),
        }
    }

    /// The machine's word for an error.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no `code` in {}", self.body)).to_owned()
    }

    /// Asserts that this is a refusal of the one shape that all have: a sentence, a
    /// code, and the status again.
    pub fn expect_refusal(&self, status: u16, code: &str) -> &Self {
        let shown = format!("{} {}", self.status, self.body);
        assert_eq!(self.status, status, "{shown}");
        let json = self.json();
        assert_eq!(json["code"], code, "{shown}");
        assert_eq!(json["status"], status, "{shown}");
        let sentence = json["error"].as_str().unwrap_or_default();
        assert!(sentence.len() > 10, "an error is a sentence: {shown}");
        self
    }

    /// Asserts the status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// A header's text, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}
