//! Integers of variable length, as Avro, the journal, packed state and digests have them: 7 bits a byte, lowest first, the
//! highest bit set where more follow; signed ones zigzag. Allocates nothing.

/// Bytes of the longest one.
const MOST: usize = 10;

/// An integer in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Varint {
    bytes: [u8; MOST],
    length: usize,
}

impl Varint {
    /// Of an unsigned integer.
    #[inline]
    #[must_use]
    pub fn of(mut value: u64) -> Self {
        let mut varint = Self { bytes: [0; MOST], length: 1 };
        while value >= 0x80 {
            varint.bytes[varint.length - 1] = value as u8 | 0x80;
            value >>= 7;
            varint.length += 1;
        }
        varint.bytes[varint.length - 1] = value as u8;
        varint
    }

    /// Of a signed integer.
    #[inline]
    #[must_use]
    pub fn of_signed(value: i64) -> Self {
        Self::of((value << 1 ^ value >> 63) as u64)
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Why an integer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The bytes end within it.
    Off,
    /// It has more than 64 bits.
    TooLong,
}

/// Takes an unsigned integer from the front.
///
/// # Errors
/// [`Broken`]; nothing is taken then.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Result<u64, Broken> {
    // Eight bytes at once where they are there, and enough: a third of what one by one costs.
    if let Some(eight) = bytes.first_chunk() {
        let word = u64::from_le_bytes(*eight);
        let ends = !word & 0x8080_8080_8080_8080;
        if ends != 0 {
            let bits = ends.trailing_zeros() + 1;
            *bytes = &bytes[bits as usize / 8..];
            let own = word & (u64::MAX >> (64 - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
            let pairs = own & 0x007f_007f_007f_007f | (own & 0x7f00_7f00_7f00_7f00) >> 1;
            let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
            return Ok(fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4);
        }
    }
    take_by_bytes(bytes)
}

/// Takes a signed integer from the front.
///
/// # Errors
/// As [`take`].
#[inline]
pub fn take_signed(bytes: &mut &[u8]) -> Result<i64, Broken> {
    let value = take(bytes)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

fn take_by_bytes(bytes: &mut &[u8]) -> Result<u64, Broken> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(MOST).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if place == MOST - 1 && bits > 1 {
            return Err(Broken::TooLong);
        }
        value |= bits << (7 * place);
        if *byte < 0x80 {
            *bytes = &bytes[place + 1..];
            return Ok(value);
        }
    }
    Err(if bytes.len() < MOST { Broken::Off } else { Broken::TooLong })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_come_out_as_they_went_in(values in prop::collection::vec((any::<i64>(), 0..64u32), 0..9)) {
            let values: Vec<i64> = values.into_iter().map(|(value, shift)| value >> shift).collect();
            let bytes: Vec<u8> =
                values.iter().flat_map(|value| Varint::of_signed(*value).bytes().to_vec()).collect();
            let mut left = &bytes[..];
            let read: Vec<i64> = std::iter::from_fn(|| take_signed(&mut left).ok()).collect();
            prop_assert_eq!((read, left.len()), (values, 0));
        }
    }

    #[test]
    fn what_ends_early_or_never_is_no_integer_and_takes_nothing() {
        for length in 0..20 {
            let bytes = vec![0x80; length];
            let mut left = &bytes[..];
            let why = if length < MOST { Broken::Off } else { Broken::TooLong };
            assert_eq!((take(&mut left), left.len()), (Err(why), length));
        }
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(take(&mut &[&most[..], &[1]].concat()[..]), Ok(u64::MAX));
        assert_eq!(take(&mut &[&most[..], &[2]].concat()[..]), Err(Broken::TooLong));
    }
}
