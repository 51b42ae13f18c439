//! Fields of a form or of a page's URL.

/// Fields that are looked at: no page and no form of ours has as many.
const FIELDS: usize = 64;

/// Names and values, as they were typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// From a query, or from a form's body.
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().take(FIELDS).collect())
    }

    /// A field's value as it was typed; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// A field that says something, without the space around it.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// Whether any of these says something.
    pub(super) fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    /// A query with these fields set and all others as they are: `?a=1&b=2`. An empty value
    /// leaves its field out.
    pub(super) fn with(&self, changes: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        let is_changed = |name: &str| changes.iter().any(|(n, _)| *n == name);
        let kept = self.0.iter().map(|(n, v)| (n.as_str(), v.as_str())).filter(|(n, _)| !is_changed(n));
        for (name, value) in kept.chain(changes.iter().copied()).filter(|(_, v)| !v.is_empty()) {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{FIELDS, Fields};

    #[test]
    fn a_query_is_changed_field_by_field() {
        let fields = Fields::parse(b"status=Failed&q=+a%26b&cursor=7&from=");
        assert_eq!((fields.get("q"), fields.text("q"), fields.get("from")), (Some("a&b"), " a&b", None));
        assert_eq!(fields.with(&[("cursor", ""), ("status", "Queued")]), "?q=+a%26b&status=Queued");
        assert_eq!(Fields::default().with(&[]), "?");
        assert_eq!(Fields::parse("a&".repeat(9_999).as_bytes()).0.len(), FIELDS);
    }
}
