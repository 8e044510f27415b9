//! Durations and sizes as people write them: a whole number and its unit. Integer arithmetic only.

/// Microseconds of `"500ms"`, `"2min"`, `"72h"`; nothing where the text is not of that form or too large.
pub fn micros(text: &str) -> Option<i64> {
    let factor = |unit: &str| match unit {
        "us" => Some(1),
        "ms" => Some(1_000),
        "s" => Some(1_000_000),
        "min" => Some(60_000_000),
        "h" => Some(3_600_000_000),
        "d" => Some(86_400_000_000),
        _ => None,
    };
    scaled(text, factor)
}

/// Bytes of `"64B"`, `"900KiB"`, `"8MiB"`, `"1GiB"`; nothing where the text is not of that form or too large.
pub fn bytes(text: &str) -> Option<i64> {
    let factor = |unit: &str| match unit {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    scaled(text, factor)
}

/// A duration in the largest unit that writes it whole.
pub fn show_micros(micros: i64) -> String {
    let units =
        [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1_000, "ms")];
    show(micros, &units, "us")
}

/// A size in the largest unit that writes it whole.
pub fn show_bytes(bytes: i64) -> String {
    show(bytes, &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")], "B")
}

fn scaled(text: &str, factor: impl Fn(&str) -> Option<i64>) -> Option<i64> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit_at);
    digits.parse::<i64>().ok()?.checked_mul(factor(unit)?)
}

fn show(amount: i64, units: &[(i64, &str)], smallest: &str) -> String {
    let fitting = units.iter().find(|(factor, _)| amount != 0 && amount % factor == 0);
    match fitting {
        Some((factor, unit)) => format!("{}{unit}", amount / factor),
        None => format!("{amount}{smallest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_of_every_unit_and_shows_them_again() {
        for text in ["7us", "500ms", "45s", "2min", "71h", "30d"] {
            assert_eq!(micros(text).map(show_micros).as_deref(), Some(text));
        }
        assert_eq!(micros("72h").map(show_micros).as_deref(), Some("3d"));
        assert_eq!(micros("0s"), Some(0));
    }

    #[test]
    fn refuses_what_is_not_a_whole_number_and_a_unit() {
        for text in ["", "5", "s", "1.5h", "-1s", "5 s", "5m", "5H", "99999999999999d"] {
            assert_eq!(micros(text), None, "{text}");
        }
        for text in ["8", "8MB", "8mib", "MiB", "9999999999GiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn reads_sizes_and_shows_them_again() {
        for text in ["64B", "900KiB", "8MiB", "1GiB"] {
            assert_eq!(bytes(text).map(show_bytes).as_deref(), Some(text));
        }
    }
}
