//! Durations as people write them: `500ms`, `30s`, `1m`, `1h 30m`, `2d`, `1w`.
//!
//! A file of its own because the attribute macro reads it too: what a step takes at
//! run time and what an attribute takes at compile time is one grammar.

/// The milliseconds that a text stands for, or a sentence that says what is wrong.
///
/// A text is one or more of `<digits><unit>`, with or without spaces between; the
/// unit is `ms`, `s`, `m`, `h`, `d` or `w`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong = |why: &str| format!("`{text}` is no duration: {why} (write it like 500ms, 30s, 1h 30m, 2d)");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong("it is empty"));
    }
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| wrong("it has no unit"))?;
        let (number, behind) = rest.split_at(digits);
        let behind = behind.trim_start();
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, after) = behind.split_at(letters);
        if number.is_empty() {
            return Err(wrong("a whole number comes before each unit"));
        }
        let one = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return Err(wrong("its unit is not one of ms, s, m, h, d, w")),
        };
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(one));
        total = part.and_then(|p| total.checked_add(p)).ok_or_else(|| wrong("it is too long"))?;
        rest = after.trim_start();
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn one_or_several_units_add_up() {
        let cases = [
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("1m", 60_000),
            ("1h30m", 5_400_000),
            (" 1h 30m ", 5_400_000),
            ("10 m", 600_000),
            ("2d", 172_800_000),
            ("1w", 604_800_000),
        ];
        for (text, ms) in cases {
            assert_eq!(parse(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_reason() {
        let cases = [
            ("", "it is empty"),
            ("  ", "it is empty"),
            ("10", "it has no unit"),
            ("m", "a whole number comes before"),
            ("-1s", "a whole number comes before"),
            ("1.5h", "its unit is not one of"),
            ("1 minute", "its unit is not one of"),
            ("1M", "its unit is not one of"),
            ("1h, 2m", "a whole number comes before"),
            ("99999999999999999999s", "it is too long"),
            ("18446744073709551615w", "it is too long"),
        ];
        for (text, why) in cases {
            let message = parse(text).expect_err(text);
            assert!(message.contains(why), "{text:?}: {message}");
        }
    }
}
