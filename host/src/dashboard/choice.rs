//! One of several values of a filter.

/// An option of a select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// In the URL; empty: no filter.
    pub(super) value: String,
    /// For people.
    pub(super) label: String,
    /// It holds now.
    pub(super) is_chosen: bool,
}

impl Choice {
    /// "All", and then these: what stands in the URL, and what people see.
    pub(super) fn all<V: Into<String>, L: Into<String>>(
        values: impl IntoIterator<Item = (V, L)>,
        chosen: Option<&str>,
    ) -> Vec<Self> {
        let all = Self { value: String::new(), label: "All".into(), is_chosen: false };
        let choice = |(value, label): (V, L)| {
            let value = value.into();
            Self { is_chosen: chosen == Some(value.as_str()), value, label: label.into() }
        };
        std::iter::once(all).chain(values.into_iter().map(choice)).collect()
    }
}
