//! Contact decisions in the demo: a person who may be called, and may not after seven calls, explained; and the same person for
//! whoever asks the demo's gateway.

use crate::app::{AppError, now_millis};
use crate::config::Settings;
use crate::contact::{
    CONTACT_REQUESTS, ContactRequest, FLOW, INTERACTIONS, OfflineContacts, PARTY_RECORDS, read_decision,
};
use crate::domain::hashing::Seed;
use crate::explain::contact::contact;
use crate::explain::paint::Paint;
use crate::kafka::client::{EventProducer, NewRecord};
use crate::kafka::failure::Fault;
use crate::kafka::settings::Topics;
use std::net::SocketAddr;
use std::sync::Arc;

/// The person.
const PERSON: &str = "4711";
const PARTY: &str = r#"{"partyId":"4711","jurisdiction":"US-NY","timeZones":["America/New_York"],"contacts":[{"contactId":"home-phone","kind":"phone","value":"+1 555 0100"}],"loans":[{"loanId":"L-7"}]}"#;
/// A request about a call on that afternoon.
const REQUEST: &str = r#"{"requestId":"demo","personId":"4711","loanIds":["L-7"],"channel":"voice","theme":"opsCollDebt","contactId":"home-phone","startAt":"2026-03-09T19:00:00Z"}"#;

/// Two decisions on the same question, before and after seven calls.
///
/// # Errors
/// The state broke: a defect of the program.
pub(super) fn explained(config: &Settings, paint: Paint) -> Result<Vec<String>, AppError> {
    let topics = config.topics.contact_inputs();
    let mut contacts = OfflineContacts::new(Arc::clone(&config.contact_rules), topics, Seed::default());
    let mut lines = vec![paint.bold("May we call this person? (contact.enabled, docs/contact.md)")];
    let mut take = |input: usize, line: &str| {
        contacts
            .take(input, PERSON, line.as_bytes())
            .map_err(|why| AppError::Start(format!("contact: {why}")))
    };
    take(PARTY_RECORDS, PARTY)?;
    for calls in [0, 7] {
        for number in 1..=calls {
            let call = format!(
                r#"{{"eventId":"evt_{number:026}","partyId":"4711","channel":"contact-center","type":"outbound-call","purpose":"collection","outcome":"no-answer","occurredAt":"2026-03-0{}T16:00:00Z","linkedResourceType":"loan","linkedResourceId":"L-7"}}"#,
                number + 2
            );
            take(INTERACTIONS, &call)?;
        }
        let what = match calls {
            0 => "the person is known, and was not called yet".to_owned(),
            calls => format!("after {calls} calls that nobody answered, one a day"),
        };
        lines.push(format!("  {}", paint.dim(&what)));
        let decision = take(CONTACT_REQUESTS, REQUEST)?.decision.unwrap_or_default();
        if let (Ok(request), Ok(decision)) =
            (ContactRequest::read(REQUEST.as_bytes()), read_decision(&decision))
        {
            lines.extend(contact(&request, &decision, paint));
        }
    }
    Ok(lines)
}

/// Sends the person's record.
pub(super) fn send_person(topics: &Topics, producer: &mut EventProducer) -> Result<(), Fault> {
    let topic = &topics.of(&FLOW).inputs[PARTY_RECORDS];
    let (key, value) = (PERSON.as_bytes(), PARTY.as_bytes());
    producer.send(&NewRecord::by_key(topic, Some(key), value, now_millis()))
}

/// Requests that can be sent to the demo's gateway as they stand.
pub(super) fn requests(gateway: SocketAddr, paint: Paint) -> Vec<String> {
    let call = r#"{"partyId":"4711","channel":"contact-center","type":"outbound-call","purpose":"collection","outcome":"conversation","occurredAt":"2026-03-02T16:00:00Z","linkedResourceType":"loan","linkedResourceId":"L-7"}"#;
    let ask = r#"{"loanId":"L-7","channel":"voice","theme":"opsCollDebt","contactId":"home-phone","startAt":"2026-03-03T19:00:00Z"}"#;
    let json = "-H 'Content-Type: application/json'";
    vec![
        paint.command(&format!("  curl http://{gateway}/people/{PERSON}/can-interact {json} -d '{ask}'")),
        paint.command(&format!(
            "  curl http://{gateway}/v1/interactions {json} -H 'Idempotency-Key: k-1' -d '{call}'"
        )),
    ]
}
