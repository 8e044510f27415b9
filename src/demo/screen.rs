//! Standard output as a screen: a frame that is drawn again in place on terminals, and lines that stay. Elsewhere
//! there are only lines that stay.

use crate::explain::paint::Paint;
use std::io::{IsTerminal, Write};

/// Lines do not wrap while a frame is drawn, so that a narrow terminal cuts them instead of losing count.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// Standard output.
pub(super) struct Screen {
    terminal: bool,
    paint: Paint,
    /// Lines of the frame that the cursor stands below.
    drawn: usize,
}

impl Screen {
    /// As the environment allows: in place on terminals, coloured unless NO_COLOR is set.
    pub(super) fn new() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = std::io::stdout().is_terminal() && !dumb;
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        Self { terminal, paint: Paint(colour), drawn: 0 }
    }

    /// Whether frames are drawn in place.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Its colours.
    pub(super) fn paint(&self) -> Paint {
        self.paint
    }

    /// Draws a frame in place of the last one.
    ///
    /// # Errors
    /// Standard output is gone.
    pub(super) fn frame(&mut self, lines: &[String]) -> std::io::Result<()> {
        let mut text = String::from(NO_WRAP);
        text.push_str(&self.back());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str(WRAP);
        self.drawn = lines.len();
        write(&text)
    }

    /// Writes lines that stay; a frame that is drawn gives way to them.
    ///
    /// # Errors
    /// Standard output is gone.
    pub(super) fn say(&mut self, lines: &[String]) -> std::io::Result<()> {
        let mut text = self.back();
        self.drawn = 0;
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        write(&text)
    }

    /// Writes a line that stays over what the terminal itself has put there, such as ^C.
    ///
    /// # Errors
    /// Standard output is gone.
    pub(super) fn say_over(&mut self, line: &str) -> std::io::Result<()> {
        let wipe = if self.terminal { "\r\x1b[K" } else { "" };
        self.say(&[format!("{wipe}{line}")])
    }

    /// Lets the frame stay where it is.
    pub(super) fn stay(&mut self) {
        self.drawn = 0;
    }

    /// Back to where the frame began, which is wiped.
    fn back(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\x1b[{}A\r\x1b[J", self.drawn) }
    }
}

/// In one piece, so that no half frame is ever seen.
fn write(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
