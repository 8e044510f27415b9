//! Log lines: for people or for machines, on standard error, librdkafka's among them.
//!
//! Never writes what a record holds, and never a character that a terminal obeys or that begins another line. Libraries
//! are held to warnings whatever the level, because what they say below that is not ours to vouch for; a panic is told by its place and its fixed text alone, because a formatted one may
//! quote the data it failed on.

use super::log_json::{BRIDGED, JsonLines};
use crate::domain::enums::symbols;
use crate::domain::visible::visible;
use std::fmt;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use tracing::field::Field;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Whose lines are written from the level on that is set.
const OURS: [&str; 3] = ["tillgate", "librdkafka", "audit"];

symbols! {
    /// How log lines are written.
    LineFormat {
        /// For people: one line each, with colour on a terminal.
        Text = "text",
        /// For machines: one JSON object a line.
        Json = "json",
    }
}

/// Writes the lines of this process, of `level` and worse, to standard error from now on; those of the `log` facade,
/// and so librdkafka's, with them. Once per process.
///
/// # Errors
/// Something else takes the process's log lines already.
pub fn install(format: LineFormat, level: Level) -> Result<(), TryInitError> {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    subscriber(format, level, colour, std::io::stderr).try_init()?;
    std::panic::set_hook(Box::new(on_panic));
    Ok(())
}

/// What [`install`] installs, into any writer.
pub fn subscriber<W>(
    format: LineFormat,
    level: Level,
    colour: bool,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = LevelFilter::from_level(level);
    let ours = OURS.map(|target| (target, level));
    let filter = Targets::new().with_default(level.min(LevelFilter::WARN)).with_targets(ours);
    let (text, json) = match format {
        LineFormat::Text => {
            let layer = tracing_subscriber::fmt::layer().fmt_fields(debug_fn(write_field));
            (Some(layer.with_ansi(colour).with_writer(writer)), None)
        }
        LineFormat::Json => {
            let layer = tracing_subscriber::fmt::layer().event_format(JsonLines).with_writer(writer);
            (None, Some(layer))
        }
    };
    tracing_subscriber::registry().with(filter).with(text).with(json)
}

/// A field of a line for people: the message as it is, others behind their names.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    match field.name() {
        "message" => write!(writer, "{}", visible(&text)),
        // The bridge from the `log` facade has fields of its own.
        name if name.starts_with(BRIDGED) => Ok(()),
        name => write!(writer, " {name}={}", visible(&text)),
    }
}

/// The panic hook of [`install`]: tells where it was, and its text only where that is a constant of the program.
pub fn on_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let text = panic.payload().downcast_ref::<&'static str>();
    let text = text.copied().unwrap_or("its text is left out, as it may quote a record");
    let thread = std::thread::current();
    tracing::error!(%place, thread = thread.name().unwrap_or_default(), "panic: {text}");
}
