//! Which partition a key goes to, as the clients of Kafka say it for keyed records. Never guesses which of them a sender
//! uses: that is a setting.

use super::PartitionId;

/// How senders divide keys up among partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partitioner {
    /// As Kafka's Java clients do by default, and librdkafka with `partitioner=murmur2_random`.
    #[default]
    Murmur2,
    /// As librdkafka does by default (`consistent_random`), and with it most clients that are not Java's.
    Crc32,
}

impl Partitioner {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Murmur2, Self::Crc32];

    /// Its name in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Murmur2 => "murmur2",
            Self::Crc32 => "crc32",
        }
    }

    /// The value of librdkafka's property `partitioner` by which it divides keys up like this. A record without a key
    /// goes anywhere.
    #[must_use]
    pub const fn librdkafka(self) -> &'static str {
        match self {
            Self::Murmur2 => "murmur2_random",
            Self::Crc32 => "consistent_random",
        }
    }

    /// The one that senders use by mistake where this is right.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Murmur2 => Self::Crc32,
            Self::Crc32 => Self::Murmur2,
        }
    }

    /// The partition of `key` among `partitions` (at least 1). librdkafka puts an empty key anywhere by `Crc32`.
    #[must_use]
    pub fn partition_of(self, key: &[u8], partitions: u32) -> PartitionId {
        let hash = match self {
            Self::Murmur2 => murmur2(key) & 0x7fff_ffff,
            Self::Crc32 => crc32fast::hash(key),
        };
        PartitionId::new((hash % partitions.max(1)) as i32)
    }

    /// Whether `key` belongs on `partition` among `partitions`.
    #[must_use]
    pub fn is_home(self, key: &[u8], partition: PartitionId, partitions: u32) -> bool {
        self.partition_of(key, partitions) == partition
    }
}

/// MurmurHash2, 32 bit, with the seed Kafka's clients use.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `org.apache.kafka.common.utils.Utils.murmur2`, from its own unit test.
    #[test]
    fn agrees_with_kafka() {
        for (key, expected) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, expected, "{key}");
        }
    }

    /// The check value of CRC-32 as zlib has it, and that the hash is taken without its sign.
    #[test]
    fn agrees_with_zlib() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        assert_eq!(Partitioner::Crc32.partition_of(b"123456789", 8), PartitionId::new(6));
        assert!(Partitioner::Crc32.is_home(b"123456789", 6.into(), 8));
        assert!(!Partitioner::Crc32.is_home(b"123456789", PartitionId::new(-1), 8));
    }
}
