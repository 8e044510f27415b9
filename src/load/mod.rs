//! The seeded generator of accounts, terminals and baskets, which `tillgate load`, `tillgate demo`,
//! tests and benches share.
//!
//! The same seed and settings give the same bytes, on every machine and in every release: integer
//! arithmetic in minor units, a random stream of a fixed algorithm, time that advances with the
//! sequence. The generator itself does no I/O and asks no clock. A correct event passes every check
//! under the default parameters; a mistake is asked for by name and says which code answers it.

pub mod accounts;
pub mod args;
pub mod articles;
pub mod basket;
pub mod country;
pub mod draw;
pub mod encode;
pub mod file;
pub mod generator;
pub mod latency;
pub mod mistakes;
pub mod run;
pub mod settings;
pub mod sink;
pub mod terminals;
pub mod till;

pub use args::LoadArgs;
pub use encode::{AvroPrefix, EncodeError, Encoder};
pub use generator::{Generated, Generator, PosRecord, TillContent, World};
pub use mistakes::Mistake;
pub use run::{LoadError, LoadReport, load, send};
pub use settings::{LoadSettings, MistakeShares, SettingsFault};
pub use sink::{RecordSink, SinkError};
pub use till::{Slip, Till};
