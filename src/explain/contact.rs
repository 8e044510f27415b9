//! A contact decision as people read it: the question, the answer, and each reason with the time at which it ends.

use super::decision::WIDTH;
use super::paint::{Paint, wrapped};
use crate::contact::{ContactRequest, ReadDecision};
use crate::domain::visible::visible;

/// Characters for codes.
const CODES: usize = 30;

/// The lines of a decision on a request.
#[must_use]
pub fn contact(request: &ContactRequest, decision: &ReadDecision, paint: Paint) -> Vec<String> {
    let mut lines = vec![format!("  {}  {}", paint.dim("asked"), question(request))];
    if decision.result {
        lines.push(format!("  {}  {}", paint.dim("answer"), paint.right("yes: nothing speaks against it")));
        return lines;
    }
    lines.push(format!("  {}  {}", paint.dim("answer"), paint.wrong("no")));
    for reason in &decision.reasons {
        let room = WIDTH.saturating_sub(CODES + 4);
        for (place, text) in wrapped(&reason.message, room).iter().enumerate() {
            let code = if place == 0 { visible(&reason.code) } else { "".into() };
            lines.push(format!("    {}{text}", paint.bold(&format!("{code:<CODES$}"))));
        }
        if let Some(time) = reason.not_before {
            lines.push(format!("    {:<CODES$}{}", "", paint.dim(&format!("until {time}"))));
        }
    }
    lines.push(format!("  {}", paint.dim(&format!("rules {}", visible(&decision.ruleset)))));
    lines
}

fn question(request: &ContactRequest) -> String {
    let when = match (request.start_at, request.start_date) {
        (Some(time), _) => time.to_string(),
        (None, Some(day)) => day.0.to_string(),
        (None, None) => "now".to_owned(),
    };
    let why = request.theme.as_ref().or(request.subject.as_ref()).map_or("", String::as_str);
    let about = match request.loan_ids.as_slice() {
        [] => String::new(),
        loans => format!(" about {}", loans.join(", ")),
    };
    let text = format!("may we reach {} by {}{about} ({why}), {when}?", request.person_id, request.channel);
    visible(&text).into_owned()
}
