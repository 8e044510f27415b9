//! Published vectors: decimal arithmetic, JSON, RFC 3339 times, VAT. Each test counts what it ran, so
//! that no vector can silently stop counting.

use crate::support::{read_jsonl, shared};
use base64::Engine as _;
use serde::Deserialize;
use tillgate::codec::json::read_pos_event;
use tillgate::domain::decimal::{Rounding, divide_rounded};
use tillgate::domain::{Decimal, Exact, Field, Micros};

fn vectors<T: serde::de::DeserializeOwned>(file: &str) -> Option<Vec<T>> {
    let path = shared()?.join("data").join(file);
    Some(read_jsonl(path).map(|line| serde_json::from_str(&line).unwrap()).collect())
}

// ------------------------------------------------------------------------------------------------- arithmetic

#[derive(Deserialize)]
struct Arithmetic {
    id: String,
    op: String,
    operands: Vec<String>,
    result: String,
    conditions: Vec<String>,
    precision: u32,
    rounding: String,
}

/// A number of the vectors: coefficient x 10^exponent.
#[derive(Clone, Copy)]
struct Number {
    coefficient: i128,
    exponent: i32,
}

impl Number {
    /// Nothing for what is no finite number, or beyond 30 digits.
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let coefficient = format!("{whole}{fraction}");
        if coefficient.len() > 30 {
            return None;
        }
        let exponent: i32 = exponent.parse().ok()?;
        Some(Self {
            coefficient: coefficient.parse().ok()?,
            exponent: exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?,
        })
    }

    /// As one of our decimals, with the same scale.
    fn decimal(self) -> Option<Decimal> {
        let zeros = power(self.exponent.max(0))?;
        Decimal::new(
            self.coefficient.checked_mul(zeros)?,
            u8::try_from(self.exponent.checked_neg()?.max(0)).ok()?,
        )
    }
}

fn power(exponent: i32) -> Option<i128> {
    10i128.checked_pow(u32::try_from(exponent).ok()?)
}

fn rounding(name: &str) -> Rounding {
    match name {
        "half_up" => Rounding::HalfUp,
        "half_even" => Rounding::HalfEven,
        "half_down" => Rounding::HalfDown,
        "down" => Rounding::Down,
        "up" => Rounding::Up,
        "floor" => Rounding::Floor,
        "ceiling" => Rounding::Ceiling,
        "05up" => Rounding::ZeroFiveUp,
        other => panic!("rounding {other}"),
    }
}

/// Whether the vector could be run; a difference panics.
fn quantize(vector: &Arithmetic) -> Option<()> {
    let value = Number::read(&vector.operands[0])?.decimal()?;
    let scale = Number::read(&vector.operands[1])?.exponent.checked_neg()?;
    let scale = u8::try_from(scale).ok().filter(|scale| *scale <= 18)?;
    let ours = value.quantize(scale, rounding(&vector.rounding));
    if vector.conditions.iter().any(|condition| condition == "Invalid_operation") {
        // More digits than the vector's precision: ours is 18 digits.
        let digits = ours.map_or(u32::MAX, |ours| ours.units().unsigned_abs().to_string().len() as u32);
        assert!(digits > vector.precision.min(18), "{}: {ours:?}", vector.id);
        return Some(());
    }
    let expected = Number::read(&vector.result)?;
    let ours = ours.unwrap_or_else(|| panic!("{}: nothing", vector.id));
    assert_eq!(
        (i128::from(ours.units()), -i32::from(ours.scale())),
        (expected.coefficient, expected.exponent),
        "{}",
        vector.id
    );
    Some(())
}

/// The exact result as a fraction, rounded at the place where the vector's result ends.
fn round_exact(vector: &Arithmetic) -> Option<()> {
    if vector.conditions.iter().any(|condition| condition != "Inexact" && condition != "Rounded") {
        return None;
    }
    let (a, b) = (Number::read(&vector.operands[0])?, Number::read(&vector.operands[1])?);
    let (mut numerator, mut denominator, exponent) = match vector.op.as_str() {
        "add" => {
            let exponent = a.exponent.min(b.exponent);
            let aligned = |n: Number| n.coefficient.checked_mul(power(n.exponent.checked_sub(exponent)?)?);
            (aligned(a)?.checked_add(aligned(b)?)?, 1, exponent)
        }
        "quantize" => (a.coefficient, 1, a.exponent),
        "multiply" => (a.coefficient.checked_mul(b.coefficient)?, 1, a.exponent.checked_add(b.exponent)?),
        "divide" => {
            let sign = b.coefficient.signum();
            (a.coefficient * sign, b.coefficient * sign, a.exponent.checked_sub(b.exponent)?)
        }
        _ => return None,
    };
    let expected = Number::read(&vector.result)?;
    let shift = exponent.checked_sub(expected.exponent)?;
    numerator = numerator.checked_mul(power(shift.max(0))?)?;
    denominator = denominator.checked_mul(power(shift.checked_neg()?.max(0))?)?;
    let ours = divide_rounded(numerator, denominator, rounding(&vector.rounding));
    assert_eq!(ours, expected.coefficient, "{}", vector.id);
    Some(())
}

#[test]
fn decimals_round_as_the_general_decimal_arithmetic_tests_say() {
    let Some(vectors) = vectors::<Arithmetic>("vectors/decimal_quantize.jsonl") else { return };
    let ran = |op: &str, run: fn(&Arithmetic) -> Option<()>| {
        vectors.iter().filter(|vector| vector.op == op).filter_map(run).count()
    };
    let counts = [
        ran("quantize", quantize),
        ran("quantize", round_exact),
        ran("add", round_exact),
        ran("multiply", round_exact),
        ran("divide", round_exact),
    ];
    assert_eq!(vectors.len(), 1_805);
    assert_eq!(counts, [347, 525, 562, 152, 144]);
}

// ------------------------------------------------------------------------------------------------------- JSON

#[derive(Deserialize)]
struct JsonVector {
    name: String,
    verdict: String,
    #[serde(alias = "tokenBase64")]
    base64: String,
}

impl JsonVector {
    fn bytes(&self) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD.decode(&self.base64).unwrap()
    }
}

#[test]
fn values_nobody_asked_for_are_passed_over_or_refused_as_the_json_tests_say() {
    let Some(vectors) = vectors::<JsonVector>("vectors/json_values.jsonl") else { return };
    let mut counts = [0; 3];
    for vector in &vectors {
        let text = [br#"{"accountNumber":"A1","unknown":"#, &vector.bytes()[..], b"}"].concat();
        let read = read_pos_event(&text);
        let name = &vector.name;
        match vector.verdict.as_str() {
            "y" => {
                counts[0] += 1;
                assert_eq!(read.unwrap().account_number.as_deref(), Some("A1"), "{name}");
            }
            "n" => {
                counts[1] += 1;
                assert!(read.is_err(), "{name}");
            }
            // Free to read or refuse: only it must come back.
            _ => counts[2] += 1,
        }
    }
    assert_eq!(counts, [95, 188, 35]);
}

#[test]
fn numbers_are_read_exactly_or_refused_as_the_json_tests_say() {
    let Some(vectors) = vectors::<JsonVector>("vectors/json_number_tokens.jsonl") else { return };
    let (mut values, mut beyond, mut refused) = (0, 0, 0);
    for vector in &vectors {
        let bytes = vector.bytes();
        let text = [br#"{"totalAmount":"#, &bytes[..], b"}"].concat();
        let name = &vector.name;
        let read = read_pos_event(&text);
        if vector.verdict == "n" {
            assert!(read.is_err(), "{name}");
            refused += 1;
            continue;
        }
        let token = str::from_utf8(&bytes).unwrap().trim();
        match read.unwrap().total_amount {
            Field::Value(value) => {
                let number = Number::read(token).unwrap_or(Number { coefficient: 0, exponent: 0 });
                assert_eq!(Some(value), number.decimal(), "{name}");
                values += 1;
            }
            Field::Invalid(kept) => {
                assert_eq!(kept, token, "{name}");
                beyond += 1;
            }
            Field::Absent => panic!("{name} is absent"),
        }
    }
    assert_eq!([values, beyond, refused], [14, 15, 54]);
}

// ------------------------------------------------------------------------------------------------------ times

#[derive(Deserialize)]
struct TimeVector {
    time: String,
    valid: bool,
    why: String,
}

#[test]
fn times_are_read_as_the_json_schema_tests_say() {
    let Some(vectors) = vectors::<TimeVector>("vectors/timestamps.jsonl") else { return };
    for TimeVector { time, valid, why } in &vectors {
        assert_eq!(Micros::parse_rfc3339(time).is_some(), *valid, "{why}: {time}");
        let text = serde_json::json!({ "time": time }).to_string();
        match read_pos_event(text.as_bytes()).unwrap().time {
            Field::Value(_) => assert!(valid, "{why}: {time}"),
            Field::Invalid(kept) => assert!(!valid && kept == *time, "{why}: {time}"),
            Field::Absent => panic!("{why}: {time} is absent"),
        }
    }
    assert_eq!(vectors.len(), 27);
}

// -------------------------------------------------------------------------------------------------------- VAT

#[derive(Deserialize)]
struct VatVector {
    taxable: String,
    #[serde(rename = "ratePercent")]
    rate_percent: String,
    #[serde(rename = "halfUp")]
    half_up: String,
    source: String,
}

#[test]
fn tax_of_real_invoices_is_taxable_times_rate_rounded_half_up() {
    let Some(vectors) = vectors::<VatVector>("invoices/vat_category_vectors.jsonl") else { return };
    for VatVector { taxable, rate_percent, half_up, source } in &vectors {
        let [taxable, rate, expected] =
            [taxable, rate_percent, half_up].map(|text| Decimal::parse(text).unwrap());
        let cent = Exact::of_cents(1).0;
        let tax =
            Exact::product(taxable, rate).map(|tax| divide_rounded(tax.0, 100 * cent, Rounding::HalfUp));
        assert_eq!(tax.map(|tax| Exact(tax * cent)), expected.exact(), "{taxable} x {rate} % in {source}");
    }
    assert_eq!(vectors.len(), 300);
}
