//! Decimals as Avro has them: the unscaled value in big-endian two's complement.

use crate::domain::{Decimal, Field};
use num_bigint::{BigInt, Sign};

/// Longest unscaled value whose digits are still written out for a message: 1,024 bits.
const BYTES_MAX: usize = 128;

/// The decimal of an unscaled value; one that does not fit 18 digits as its exact text.
#[inline]
pub(super) fn read_short<'a>(units: i64, scale: usize) -> Field<'a, Decimal> {
    match u8::try_from(scale).ok().and_then(|scale| Decimal::new(i128::from(units), scale)) {
        Some(decimal) => Field::Value(decimal),
        None => read_wide(without_sign_extension(&units.to_be_bytes()), scale),
    }
}

/// The decimal in `bytes`, 0 where there are none (writers that leave out leading zeros); one that does not fit 18 digits as its exact text.
pub(super) fn read<'a>(bytes: &[u8], scale: usize) -> Field<'a, Decimal> {
    let bytes = without_sign_extension(bytes);
    if !(1..=8).contains(&bytes.len()) {
        return read_wide(bytes, scale);
    }
    let sign = i64::from(bytes[0] as i8 >> 7);
    read_short(bytes.iter().fold(sign, |units, byte| units << 8 | i64::from(*byte)), scale)
}

#[cold]
fn read_wide<'a>(bytes: &[u8], scale: usize) -> Field<'a, Decimal> {
    if bytes.len() > BYTES_MAX {
        return Field::Invalid(format!("decimal of {} bytes", bytes.len()).into());
    }
    let text = digits(bytes, scale);
    match Decimal::parse(&text) {
        Ok(decimal) => Field::Value(decimal),
        Err(_) => Field::Invalid(text.into()),
    }
}

/// The same value without leading bytes that only repeat the sign.
fn without_sign_extension(mut bytes: &[u8]) -> &[u8] {
    while let [first @ (0 | 0xff), rest @ ..] = bytes
        && rest.first().is_some_and(|next| (next ^ first) & 0x80 == 0)
    {
        bytes = rest;
    }
    bytes
}

/// The value in digits, the point where `scale` puts it.
fn digits(bytes: &[u8], scale: usize) -> String {
    let value = BigInt::from_signed_bytes_be(bytes);
    let sign = if value.sign() == Sign::Minus { "-" } else { "" };
    let digits = format!("{:0>width$}", value.magnitude().to_string(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    format!("{sign}{whole}{point}{fraction}")
}

/// Appends the length and the shortest two's complement of `units`.
pub(super) fn write(units: i64, out: &mut Vec<u8>) {
    let bytes = units.to_be_bytes();
    let bytes = without_sign_extension(&bytes);
    out.push((bytes.len() as u8) << 1);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(bytes: &[u8], scale: usize) -> String {
        match read(bytes, scale) {
            Field::Value(decimal) => decimal.to_string(),
            Field::Invalid(text) => format!("invalid {text}"),
            Field::Absent => "absent".to_owned(),
        }
    }

    #[test]
    fn reads_any_length_and_scale_exactly() {
        for (bytes, scale, text) in [
            (&[0][..], 0, "0.00"),
            (&[0x80], 2, "-1.28"),
            (&[0, 0x80], 2, "1.28"),
            (&[0xff, 0xff, 0xff], 0, "-1.00"),
            (&[1; 16], 4, "invalid 133444065459191554299362591149713.0241"),
            (&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 4, "invalid 922337203685477.5807"),
            (&[0x80, 0, 0, 0, 0, 0, 0, 0], 0, "invalid -9223372036854775808"),
            (&[5], 19, "invalid 0.0000000000000000005"),
            (&[0x0a], 19, "0.000000000000000001"),
            // 10^18 at scale 18 is 1, whatever its digits.
            (&1_000_000_000_000_000_000i64.to_be_bytes(), 18, "1.00"),
            (&10i128.pow(30).to_be_bytes(), 29, "10.00"),
            (&(-10i128.pow(30)).to_be_bytes(), 29, "-10.00"),
            (&[], 4, "0.00"),
            (&[1; 129], 4, "invalid decimal of 129 bytes"),
            (&[0; 2_000], 4, "0.00"),
        ] {
            assert_eq!(shown(bytes, scale), text, "{bytes:?} {scale}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_give_the_same_units(units in -999_999_999_999_999_999i64..1_000_000_000_000_000_000) {
            let mut out = Vec::new();
            write(units, &mut out);
            prop_assert_eq!(usize::from(out[0] >> 1), out.len() - 1);
            prop_assert_eq!(read(&out[1..], 4), Field::Value(Decimal::new(units.into(), 4).unwrap()));
        }

        #[test]
        fn digits_are_those_of_the_number(value in any::<i128>(), scale in 0usize..40) {
            let text = digits(&value.to_be_bytes(), scale);
            prop_assert_eq!(text.replace('.', "").parse::<i128>().unwrap(), value);
            prop_assert_eq!(text.split_once('.').map_or(0, |(_, fraction)| fraction.len()), scale);
        }
    }
}
