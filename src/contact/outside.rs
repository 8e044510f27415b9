//! What decisions of this flow take from outside their partition: writers' schemas, which stand in a registry for good.

use crate::codec::{DecodeError, KnownSchemas, Schemas, decode_plain};
use crate::pipeline::InputRecord;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Writers' schemas.
#[derive(Clone, Copy)]
pub struct Outside<'a>(&'a dyn Schemas);

/// Our own schemas, for whoever has no registry.
static OWN: LazyLock<KnownSchemas> = LazyLock::new(|| KnownSchemas::new().unwrap_or_default());

impl Outside<'_> {
    /// The value of a record as JSON, whatever its framing; none for a tombstone.
    pub(super) fn json<'v>(self, record: &InputRecord<'v>) -> Option<Result<Cow<'v, [u8]>, DecodeError>> {
        record.value.map(|value| decode_plain(self.0, value, record.schema_guid))
    }
}

impl<'a> From<&'a dyn Schemas> for Outside<'a> {
    fn from(schemas: &'a dyn Schemas) -> Self {
        Self(schemas)
    }
}

/// With our own schemas alone.
impl From<()> for Outside<'_> {
    fn from((): ()) -> Self {
        Self(&*OWN)
    }
}
