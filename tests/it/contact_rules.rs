//! Contact decisions at their edges, row by row: calls and conversations by days (12 CFR 1006.14(b)), hours and places (12 CFR
//! 1006.6(b)(1)), cases, consents and accounts. The rows are lines of files, as `tillgate check` takes them; what random histories
//! give is held by `tests/reference/contact_compare.py`.

use serde_json::{Value, json};
use std::sync::Arc;
use tillgate::config::{Sources, load};
use tillgate::contact::{
    CONTACT_REQUESTS, INTERACTIONS, OfflineContacts, PARTIES, PARTY_RECORDS, Reason, read_decision,
};
use tillgate::domain::hashing::Seed;

/// Decides lines about one person, P.
struct Desk {
    contacts: OfflineContacts,
    interactions: u32,
}

impl Desk {
    /// By the rules with these overrides, of a person with this record besides what all have.
    fn with(overrides: &[&str], record: Value) -> Self {
        let overrides = overrides.iter().map(|line| (*line).to_owned()).collect();
        let settings = load(&Sources { overrides, ..Sources::default() }).expect("settings");
        let rules = Arc::clone(&settings.contact_rules);
        let contacts = OfflineContacts::new(rules, settings.topics.contact_inputs(), Seed::default());
        let mut desk = Self { contacts, interactions: 0 };
        let mut all = json!({
            "partyId": "P", "jurisdiction": "US", "timeZones": ["America/New_York"],
            "contacts": [
                { "contactId": "phone", "kind": "phone", "value": "+1 555 0100" },
                { "contactId": "work", "kind": "phone", "value": "+1 555 0101", "place": "work" },
                { "contactId": "mail", "kind": "email", "value": "jo@example.org", "optedOut": ["email"] }
            ],
            "loans": [{ "loanId": "L-1", "externalId": "ext-1" }, { "loanId": "L-2" }]
        });
        for (name, value) in record.as_object().expect("an object") {
            all[name] = value.clone();
        }
        desk.take(PARTY_RECORDS, &all);
        desk
    }

    fn of(record: Value) -> Self {
        Self::with(&[], record)
    }

    fn take(&mut self, input: usize, line: &Value) -> Option<Vec<u8>> {
        let came = self.contacts.take(input, "P", line.to_string().as_bytes()).expect("a state that holds");
        assert_eq!(came.dead_letter, None, "{line}");
        came.decision
    }

    /// A call by us, about L-1 and collection.
    fn call(&mut self, at: &str, with: &Value) -> &mut Self {
        self.interactions += 1;
        let mut line = json!({
            "eventId": format!("evt_{:026}", self.interactions), "partyId": "P", "channel": "contact-center",
            "type": "outbound-call", "occurredAt": at, "purpose": "collection", "outcome": "no-answer",
            "linkedResourceType": "loan", "linkedResourceId": "L-1"
        });
        for (name, value) in with.as_object().expect("an object") {
            line[name] = value.clone();
        }
        self.take(INTERACTIONS, &line);
        self
    }

    /// The codes of the decision on a call about L-1 and collection, each with the time at which it ends.
    fn ask(&mut self, at: &str, with: &Value) -> Vec<String> {
        let mut line = json!({
            "requestId": "r", "personId": "P", "loanIds": ["L-1"], "channel": "voice", "theme": "opsCollDebt",
            "contactId": "phone"
        });
        line[if at.contains('T') { "startAt" } else { "startDate" }] = at.into();
        for (name, value) in with.as_object().expect("an object") {
            line[name] = value.clone();
        }
        let decision = read_decision(&self.take(CONTACT_REQUESTS, &line).expect("a decision")).expect("JSON");
        assert_eq!(decision.result, decision.reasons.is_empty());
        let reason = |reason: &Reason| match reason.not_before {
            Some(time) => format!("{} {time}", reason.code),
            None => reason.code.to_string(),
        };
        decision.reasons.iter().map(reason).collect()
    }
}

/// Noon in New York on a day of March 2026; summer time begins on the 8th.
fn noon(day: u32) -> String {
    let hour = if day >= 8 { 16 } else { 17 };
    format!("2026-03-{day:02}T{hour}:00:00Z")
}

const NOTHING: [&str; 0] = [];

#[test]
fn seven_calls_lie_within_seven_days() {
    // 12 CFR 1006.14(b)(2)(i)(A): calls on the days, the day of the one that is asked for, and when there may be one.
    for (calls, day, until) in [
        (&[1, 2, 3, 4, 5, 6][..], 6, None),
        (&[1, 2, 3, 4, 5, 6, 7], 7, Some("2026-03-08T05:00:00Z")),
        (&[1, 2, 3, 4, 5, 6, 7], 8, None),
        (&[1, 1, 1, 1, 1, 1, 1], 7, Some("2026-03-08T05:00:00Z")),
        (&[1, 1, 1, 1, 1, 1, 1], 8, None),
        (&[1, 1, 1, 1, 1, 1, 7], 7, Some("2026-03-08T05:00:00Z")),
        (&[2, 2, 2, 8, 8, 8, 8], 8, Some("2026-03-09T04:00:00Z")),
        (&[2, 2, 2, 8, 8, 8, 8, 8, 8, 8], 9, Some("2026-03-15T04:00:00Z")),
        // Days after it count as well: it would lie among them.
        (&[10, 11, 12, 13, 14, 15, 16], 13, Some("2026-03-17T04:00:00Z")),
        (&[10, 11, 12, 13, 14, 15, 16], 9, None),
    ] {
        let mut desk = Desk::of(json!({}));
        for call in calls {
            desk.call(&noon(*call), &json!({}));
        }
        let expected: Vec<String> =
            until.iter().map(|until| format!("contact.frequency.calls {until}")).collect();
        assert_eq!(desk.ask(&noon(day), &json!({})), expected, "{calls:?}, asked for the {day}th");
    }
}

#[test]
fn what_is_no_call_about_the_debt_does_not_count() {
    // 12 CFR 1006.14(b)(2)(i) and (3); whether seven of them are too many.
    for (what, with, counts) in [
        ("unanswered", json!({}), true),
        ("voicemail", json!({ "outcome": "voicemail" }), true),
        ("by the lender's id of the loan", json!({ "linkedResourceId": "ext-1" }), true),
        (
            "without a debt: about every one",
            json!({ "linkedResourceType": null, "linkedResourceId": null }),
            true,
        ),
        ("of an unknown purpose", json!({ "purpose": "something" }), true),
        ("not connected", json!({ "outcome": "no-connection" }), false),
        ("incoming, nobody answered", json!({ "type": "inbound-call" }), false),
        ("of another debt", json!({ "linkedResourceId": "L-2" }), false),
        ("about an application", json!({ "linkedResourceType": "loan-application" }), false),
        ("to an attorney", json!({ "outcome": "attorney" }), false),
        ("for servicing", json!({ "purpose": "servicing" }), false),
        ("a message", json!({ "type": "text-message", "channel": "sms" }), false),
    ] {
        let mut desk = Desk::of(json!({}));
        for day in 1..=7 {
            desk.call(&noon(day), &with);
        }
        let found = desk.ask(&noon(7), &json!({}));
        assert_eq!(
            found.iter().any(|code| code.starts_with("contact.frequency.calls")),
            counts,
            "{what}: {found:?}"
        );
    }
}

#[test]
fn a_conversation_is_followed_by_six_days_without_a_call() {
    // 12 CFR 1006.14(b)(2)(i)(B): the day of the conversation is the first of seven, whoever called.
    let spoke = json!({ "outcome": "conversation" });
    let they_called = json!({ "type": "inbound-call", "outcome": "information-provided" });
    let about_both =
        json!({ "linkedResourceType": null, "linkedResourceId": null, "outcome": "conversation" });
    let cut_off = json!({ "outcome": "no-connection" });
    for (what, with, day, refused) in [
        ("the day before", &spoke, 1, false),
        ("the day itself", &spoke, 2, true),
        ("the seventh day", &spoke, 8, true),
        ("the eighth day", &spoke, 9, false),
        ("they called", &they_called, 8, true),
        ("about every debt", &about_both, 8, true),
        ("not connected", &cut_off, 2, false),
    ] {
        let mut desk = Desk::of(json!({}));
        desk.call(&noon(2), with);
        let expected: &[&str] = match refused {
            true => &["contact.frequency.conversation 2026-03-09T04:00:00Z"],
            false => &[],
        };
        assert_eq!(desk.ask(&noon(day), &json!({})), expected, "{what}");
    }
}

#[test]
fn several_debts_are_judged_each() {
    let mut desk = Desk::of(json!({}));
    desk.call(&noon(2), &json!({ "outcome": "conversation", "linkedResourceId": "L-2" }));
    assert_eq!(desk.ask(&noon(3), &json!({})), NOTHING, "about the other debt");
    let both = desk.ask(&noon(3), &json!({ "loanIds": ["L-1", "L-2"] }));
    assert_eq!(both, ["contact.frequency.conversation 2026-03-09T04:00:00Z"]);
    let of_none = desk.ask(&noon(3), &json!({ "loanIds": [] }));
    assert_eq!(of_none, both, "a request without debts is about every one");
}

#[test]
fn direct_prior_consent_lifts_calls_and_hours_for_seven_days() {
    // 12 CFR 1006.14(b)(3)(i) and 1006.6(b)(4): its own day is the first, and it is for the debt that it names.
    let agreed = json!({ "outcome": "consent-given" });
    for (what, with, at, loans, refused) in [
        ("the same day", &agreed, "2026-03-02T23:00:00Z", json!(["L-1"]), false),
        ("the seventh day at night", &agreed, "2026-03-09T03:59:59Z", json!(["L-1"]), false),
        ("the eighth day", &agreed, "2026-03-09T04:00:00Z", json!(["L-1"]), true),
        ("before it was given", &agreed, "2026-03-02T16:59:59Z", json!(["L-1"]), true),
        ("also of another debt", &agreed, "2026-03-02T23:00:00Z", json!(["L-1", "L-2"]), true),
        ("of no debt", &agreed, "2026-03-02T23:00:00Z", json!([]), true),
        (
            "that names no debt",
            &json!({ "outcome": "consent-given", "linkedResourceType": null, "linkedResourceId": null }),
            "2026-03-02T23:00:00Z",
            json!(["L-1"]),
            true,
        ),
    ] {
        let mut desk = Desk::of(json!({}));
        desk.call(&noon(2), with);
        let found = desk.ask(at, &json!({ "loanIds": loans }));
        assert_eq!(!found.is_empty(), refused, "{what}: {found:?}");
    }
    // Calls under consent do not count themselves, once it is over.
    let mut desk = Desk::of(json!({}));
    desk.call("2026-03-01T17:00:00Z", &json!({ "type": "consent", "outcome": null }));
    for day in 2..=7 {
        desk.call(&noon(day), &json!({}));
    }
    desk.call(&noon(8), &json!({}));
    assert_eq!(desk.ask(&noon(8), &json!({})), NOTHING, "six of the calls were agreed to");
}

#[test]
fn days_are_those_where_the_person_is() {
    // Seven calls that on Kiritimati (UTC+14) were placed on the 2nd, and in Pago Pago (UTC-11) on the last day of February.
    for (zones, expected) in [
        (json!(["Pacific/Kiritimati"]), vec!["contact.frequency.calls 2026-03-08T10:00:00Z"]),
        (json!(["Pacific/Pago_Pago"]), vec![]),
        (
            json!(["Pacific/Kiritimati", "Pacific/Pago_Pago"]),
            vec!["contact.frequency.calls 2026-03-08T10:00:00Z"],
        ),
    ] {
        let mut desk = Desk::of(json!({ "timeZones": zones }));
        for minute in 0..7 {
            desk.call(&format!("2026-03-01T10:{minute:02}:00Z"), &json!({}));
        }
        assert_eq!(desk.ask("2026-03-07T20:00:00Z", &json!({})), expected, "{zones}");
    }
    // Where a clock is set ahead in the night a day has 23 hours: the 8th ends at 04:00 UTC.
    let mut desk = Desk::of(json!({}));
    desk.call("2026-03-02T05:00:00Z", &json!({ "outcome": "conversation" }));
    let until = "contact.frequency.conversation 2026-03-09T04:00:00Z";
    assert_eq!(desk.ask("2026-03-08T16:00:00Z", &json!({})), [until]);
    assert_eq!(desk.ask("2026-03-09T12:00:00Z", &json!({})), NOTHING);
    // The second before midnight it was another day.
    let mut desk = Desk::of(json!({}));
    desk.call("2026-03-02T04:59:59Z", &json!({ "outcome": "conversation" }));
    assert_eq!(desk.ask("2026-03-08T16:00:00Z", &json!({})), NOTHING);
}

#[test]
fn hours_are_from_eight_to_nine_in_the_evening() {
    // 12 CFR 1006.6(b)(1)(i): contacts time where the person is, both ends permitted.
    let eight = "contact.hours 2026-03-03T13:00:00Z";
    for (zones, at, expected) in [
        (json!(["America/New_York"]), "2026-03-02T13:00:00Z", vec![]),
        (json!(["America/New_York"]), "2026-03-03T12:59:59.999999Z", vec![eight]),
        (json!(["America/New_York"]), "2026-03-03T02:00:00Z", vec![]),
        (json!(["America/New_York"]), "2026-03-03T02:00:00.000001Z", vec![eight]),
        // Two possible zones: permitted in each.
        (
            json!(["America/Chicago", "America/Denver"]),
            "2026-03-02T14:00:00Z",
            vec!["contact.hours 2026-03-02T15:00:00Z"],
        ),
        (json!(["America/Chicago", "America/Denver"]), "2026-03-02T15:00:00Z", vec![]),
        (
            json!(["America/Chicago", "America/Denver"]),
            "2026-03-03T03:00:01Z",
            vec!["contact.hours 2026-03-03T15:00:00Z"],
        ),
        // None that is known.
        (json!([]), "2026-03-02T17:00:00Z", vec!["contact.hours.location"]),
        (json!(["America/Atlantis"]), "2026-03-02T17:00:00Z", vec!["contact.hours.location"]),
        // The clock is set ahead on the 8th.
        (json!(["America/New_York"]), "2026-03-08T12:00:00Z", vec![]),
        (json!(["America/New_York"]), "2026-03-07T12:00:00Z", vec!["contact.hours 2026-03-07T13:00:00Z"]),
        // A day is permitted where one of its minutes is.
        (json!(["America/New_York"]), "2026-03-02", vec![]),
        (
            json!(["Pacific/Kiritimati", "Pacific/Pago_Pago"]),
            "2026-03-02",
            vec!["contact.hours 2026-03-02T19:00:00Z"],
        ),
    ] {
        let mut desk = Desk::of(json!({ "timeZones": zones }));
        assert_eq!(desk.ask(at, &json!({})), expected, "{zones} at {at}");
    }
    let mut desk = Desk::of(json!({ "timeZones": [], "places": ["US-TX"] }));
    assert_eq!(
        desk.ask("2026-03-02T14:00:00Z", &json!({})),
        ["contact.hours 2026-03-02T15:00:00Z"],
        "Texas has two zones"
    );
    let mut desk = Desk::of(json!({}));
    let night = "2026-03-03T05:00:00Z";
    for (with, refused) in [
        (json!({ "channel": "text" }), true),
        (
            json!({ "channel": "mail", "contactId": null, "contactDetails": { "kind": "address", "value": "1 Main St" } }),
            false,
        ),
        (json!({ "channel": "gui" }), false),
        (json!({ "theme": "opsServicing" }), false),
        (json!({ "theme": "opsServicing", "subject": "settlementOffer" }), true),
        (json!({ "theme": null, "subject": "settlementOffer" }), true),
    ] {
        let found = desk.ask(night, &with);
        assert_eq!(found.iter().any(|code| code.starts_with("contact.hours ")), refused, "{with}: {found:?}");
    }
}

#[test]
fn times_and_places_that_the_person_called_inconvenient_are_heeded() {
    // 12 CFR 1006.6(b)(1).
    let mut desk = Desk::of(json!({
        "inconvenientTimes": [
            { "days": ["mon", "tue"], "from": "09:00", "to": "17:00" }, { "days": ["tue"], "from": "20:00", "to": "09:30" }
        ],
        "inconvenientPlaces": ["work"]
    }));
    for (at, until) in [
        ("2026-03-02T13:59:59Z", None),
        ("2026-03-02T14:00:00Z", Some("2026-03-02T22:00:00Z")),
        ("2026-03-02T22:00:00Z", None),
        ("2026-03-04T01:30:00Z", Some("2026-03-04T14:30:00Z")),
        // Wednesday morning belongs to Tuesday evening; Thursday's does not.
        ("2026-03-04T14:29:59Z", Some("2026-03-04T14:30:00Z")),
        ("2026-03-05T14:00:00Z", None),
    ] {
        let expected: Vec<String> =
            until.iter().map(|until| format!("contact.hours.inconvenient {until}")).collect();
        assert_eq!(desk.ask(at, &json!({})), expected, "{at}");
    }
    let at_work = desk.ask("2026-03-05T17:00:00Z", &json!({ "contactId": "work" }));
    assert_eq!(at_work, ["contact.place.inconvenient"]);
}

#[test]
fn policies_hold_where_they_are_for() {
    for (record, overrides, refused) in [
        (json!({ "jurisdiction": "US" }), &[][..], true),
        (json!({ "jurisdiction": "US-NY" }), &[], true),
        (json!({ "jurisdiction": "USA" }), &[], false),
        (json!({ "jurisdiction": "NO" }), &[], false),
        (json!({ "jurisdiction": null }), &[], false),
        (json!({ "jurisdiction": null }), &["contact.jurisdiction=US"], true),
    ] {
        let mut desk = Desk::with(overrides, record.clone());
        let night = desk.ask("2026-03-03T05:00:00Z", &json!({}));
        assert_eq!(!night.is_empty(), refused, "{record} {overrides:?}");
    }
}

#[test]
fn calls_that_were_forgotten_count_only_where_a_rule_counts_calls_or_conversations() {
    let until = |what: &str| format!("contact.frequency.{what} 2026-03-09T04:00:00Z");
    for (calls_max, conversation_days, expected) in
        [(7, 7, vec![until("calls"), until("conversation")]), (7, 0, vec![until("calls")]), (0, 0, vec![])]
    {
        let overrides = [
            format!("contact.policies.US.calls_max={calls_max}"),
            format!("contact.policies.US.conversation_days={conversation_days}"),
        ];
        let mut desk = Desk::with(&overrides.each_ref().map(String::as_str), json!({}));
        for _ in 0..513 {
            desk.call(&noon(2), &json!({ "purpose": "servicing" }));
        }
        assert_eq!(desk.ask(&noon(3), &json!({})), expected, "{overrides:?}");
    }
}

/// A desk whose person has this one case, and no jurisdiction.
fn desk_of_case(case: &Value) -> Desk {
    let mut all = json!({ "caseId": "K" });
    for (name, value) in case.as_object().expect("an object") {
        all[name] = value.clone();
    }
    Desk::of(json!({ "jurisdiction": null, "cases": [all] }))
}

#[test]
fn cases_refuse_what_their_kind_does() {
    let servicing = json!({ "theme": "opsServicing" });
    let credentials = json!({ "theme": "opsAccountCredentials" });
    for (what, of, with, expected) in [
        ("asked to cease", json!({ "kind": "ceaseCommunication" }), json!({}), vec!["contact.case"]),
        ("asked to cease, servicing", json!({ "kind": "ceaseCommunication" }), servicing.clone(), vec![]),
        (
            "the answer to it",
            json!({ "kind": "ceaseCommunication" }),
            json!({ "theme": null, "subject": "ceaseCommunicationAcknowledgement" }),
            vec![],
        ),
        (
            "the answer to it, to collect",
            json!({ "kind": "ceaseCommunication" }),
            json!({ "subject": "ceaseCommunicationAcknowledgement" }),
            vec!["contact.case"],
        ),
        (
            "of a kind that nobody knows",
            json!({ "kind": "CeaseCommunication" }),
            servicing.clone(),
            vec!["contact.case"],
        ),
        ("at home", json!({ "kind": "workplace" }), json!({}), vec![]),
        ("at work", json!({ "kind": "workplace" }), json!({ "contactId": "work" }), vec!["contact.case"]),
        ("bankrupt", json!({ "kind": "bankruptcy" }), servicing.clone(), vec!["contact.status.case"]),
        ("dead", json!({ "kind": "deceased" }), credentials, vec![]),
        (
            "dead, to the heirs",
            json!({ "kind": "deceased" }),
            json!({ "theme": null, "subject": "deceasedNoticeToRepresentative" }),
            vec![],
        ),
    ] {
        assert_eq!(desk_of_case(&of).ask("2026-03-02T17:00:00Z", &with), expected, "{what}");
    }
}

#[test]
fn cases_refuse_what_they_list() {
    let servicing = json!({ "theme": "opsServicing" });
    let credentials = json!({ "theme": "opsAccountCredentials" });
    for (what, of, with, expected) in [
        (
            "of a theme that nobody knows",
            json!({ "kind": "own", "themes": ["collDebt"] }),
            json!({}),
            vec!["contact.case"],
        ),
        (
            "by voice",
            json!({ "kind": "refusedMedium", "channels": ["voice"] }),
            servicing.clone(),
            vec!["contact.case"],
        ),
        ("by text", json!({ "kind": "refusedMedium", "channels": ["text"] }), json!({}), vec![]),
        (
            "of this theme",
            json!({ "kind": "own", "themes": ["opsServicing"] }),
            servicing.clone(),
            vec!["contact.case"],
        ),
        ("all themes", json!({ "kind": "own", "themes": ["all"] }), credentials.clone(), vec![]),
        (
            "credentials by name",
            json!({ "kind": "own", "themes": ["opsAccountCredentials"] }),
            credentials.clone(),
            vec!["contact.case"],
        ),
        ("of another loan", json!({ "kind": "attorney", "loanIds": ["L-2"] }), json!({}), vec![]),
        (
            "of this loan",
            json!({ "kind": "attorney", "loanIds": ["ext-1"] }),
            json!({}),
            vec!["contact.case"],
        ),
        ("not yet", json!({ "kind": "attorney", "from": "2026-03-03" }), json!({}), vec![]),
        (
            "its last day",
            json!({ "kind": "attorney", "from": "2026-03-01", "until": "2026-03-02" }),
            json!({}),
            vec!["contact.case 2026-03-03T05:00:00Z"],
        ),
        ("over", json!({ "kind": "attorney", "until": "2026-03-01" }), json!({}), vec![]),
        ("for ever", json!({ "kind": "attorney", "until": "9999-12-31" }), json!({}), vec!["contact.case"]),
        (
            "of any letters",
            json!({ "caseId": "K\u{1b}", "kind": "attorney" }),
            json!({}),
            vec!["contact.case"],
        ),
    ] {
        assert_eq!(desk_of_case(&of).ask("2026-03-02T17:00:00Z", &with), expected, "{what}");
    }
}

#[test]
fn consents_and_accounts_are_looked_at_whatever_the_jurisdiction() {
    let mut desk = Desk::of(json!({ "jurisdiction": "NO" }));
    let at = "2026-03-02T17:00:00Z";
    assert_eq!(desk.ask(at, &json!({ "isAutodialed": true })), ["contact.consent.autodialed"]);
    let mail = json!({ "channel": "email", "contactId": "mail" });
    assert_eq!(desk.ask(at, &mail), ["contact.consent.electronic"]);
    let new = json!({ "contactId": null, "contactDetails": { "kind": "phone", "value": "+1 555 0199" } });
    assert_eq!(desk.ask(at, &new), NOTHING);
    let text = json!({ "channel": "text", "contactId": null, "contactDetails": { "kind": "phone", "value": "+1 555 0199" } });
    assert_eq!(desk.ask(at, &text), ["contact.consent.electronic"], "nobody agreed to it");
    let known = json!({ "contactId": null, "contactDetails": { "kind": "phone", "value": "+1(555)0100" } });
    assert_eq!(desk.ask(at, &known), NOTHING);

    let fact =
        |account: &str, statuses: Value| json!({ "partyId": "P", "account": account, "statuses": statuses });
    desk.take(PARTIES, &fact("A-1", json!(["charged_off"])));
    let about = |loans: Value, theme: &str| json!({ "loanIds": loans, "theme": theme });
    assert_eq!(desk.ask(at, &about(json!(["A-1"]), "opsCollDebt")), ["contact.status.account"]);
    assert_eq!(desk.ask(at, &about(json!(["A-1"]), "opsServicing")), NOTHING);
    desk.take(PARTIES, &fact("A-1", json!(["frozen", "closed"])));
    assert_eq!(desk.ask(at, &about(json!(["A-1", "L-1"]), "opsServicing")), ["contact.status.account"]);
    assert_eq!(desk.ask(at, &about(json!([]), "opsServicing")), NOTHING, "the loans are not");
    desk.take(PARTIES, &json!({ "partyId": "P", "account": "A-1", "withdrawn": true }));
    assert_eq!(desk.ask(at, &about(json!(["A-1"]), "opsServicing")), ["contact.request.loan"]);
}

#[test]
fn requests_that_cannot_be_judged_say_why() {
    let mut desk = Desk::of(json!({}));
    let at = "2026-03-02T17:00:00Z";
    for (with, expected) in [
        (json!({ "theme": null }), vec!["contact.request.theme"]),
        (json!({ "theme": "outOpsLoan" }), vec!["contact.request.theme"]),
        (json!({ "theme": null, "subject": "custom7" }), vec!["contact.request.theme"]),
        (json!({ "subject": "poem" }), vec!["contact.request.theme"]),
        (json!({ "channel": "pigeon" }), vec!["contact.request.channel"]),
        (json!({ "loanIds": ["L-9"] }), vec!["contact.request.loan"]),
        (json!({ "contactId": "nobody" }), vec!["contact.request.contact"]),
        (json!({ "contactId": null }), vec!["contact.request.contact"]),
        (json!({ "channel": "email" }), vec!["contact.request.contact"]),
        (json!({ "startDate": "2026-03-02" }), vec!["contact.request.time"]),
        (
            json!({ "theme": null, "channel": "pigeon", "loanIds": ["L-9"] }),
            vec!["contact.request.theme", "contact.request.channel", "contact.request.loan"],
        ),
        (json!({ "theme": "inbRequest", "startAt": "2026-03-02T04:00:00Z" }), vec![]),
    ] {
        assert_eq!(desk.ask(at, &with), expected, "{with}");
    }
}

#[test]
fn what_nobody_understands_refuses() {
    let at = "2026-03-03T05:00:00Z";
    for (what, record, with, expected) in [
        (
            "a jurisdiction in small letters",
            json!({ "jurisdiction": "us-ny" }),
            json!({}),
            "contact.hours 2026-03-03T13:00:00Z",
        ),
        (
            "a zone that says nobody knows",
            json!({ "timeZones": ["Etc/Unknown"] }),
            json!({}),
            "contact.hours.location",
        ),
        (
            "a zone that is none beside one that is",
            json!({ "timeZones": ["America/New_York", "US/Pacfic"] }),
            json!({}),
            "contact.hours.location",
        ),
        ("a place that is none", json!({ "places": ["us-ca"] }), json!({}), "contact.hours.location"),
        (
            "an opt-out of the same number under another id",
            json!({ "contacts": [
                { "contactId": "phone", "kind": "phone", "value": "+15550100" },
                { "contactId": "other", "kind": "phone", "value": "+1 555 0100", "optedOut": ["sms"] }
            ] }),
            json!({ "channel": "text", "theme": "opsServicing" }),
            "contact.consent.electronic",
        ),
        (
            "a status that is none",
            json!({ "loans": [{ "loanId": "L-1", "statuses": ["chargedOff"] }] }),
            json!({ "theme": "opsServicing" }),
            "contact.status.account",
        ),
        (
            "two loans with an id in common",
            json!({ "loans": [{ "loanId": "L-1", "externalId": "A" }, { "loanId": "A", "statuses": ["frozen"] }] }),
            json!({ "theme": "opsServicing" }),
            "contact.status.account",
        ),
        (
            "a whole day that is inconvenient",
            json!({ "inconvenientTimes": [{ "days": ["mon"], "from": "00:00", "to": "00:00" }] }),
            json!({ "startAt": "2026-03-02T17:00:00Z" }),
            "contact.hours.inconvenient 2026-03-03T05:00:00Z",
        ),
    ] {
        let mut desk = Desk::of(record);
        assert_eq!(desk.ask(at, &with), [expected], "{what}");
    }
    // Nor are contacts the same that have no number.
    let mut desk = Desk::of(json!({
        "contacts": [{ "contactId": "c", "kind": "phone", "value": "unknown", "consentAutodialedCall": true }]
    }));
    let with = json!({ "contactId": null, "contactDetails": { "kind": "phone", "value": "n/a" }, "isAutodialed": true });
    assert_eq!(desk.ask("2026-03-02T17:00:00Z", &with), ["contact.consent.autodialed"]);
}

#[test]
fn an_interaction_is_about_the_debt_that_it_names_however_it_is_written() {
    for (what, with) in [
        ("a type in another spelling", json!({ "type": "Outbound Call" })),
        ("a type with an underscore", json!({ "type": "outbound_call" })),
        ("an id without a type", json!({ "linkedResourceType": null })),
        ("a blank type and no id", json!({ "linkedResourceType": "", "linkedResourceId": null })),
        ("a loan, and nobody knows which", json!({ "linkedResourceId": null })),
    ] {
        let mut desk = Desk::of(json!({}));
        for day in 1..=7 {
            desk.call(&noon(day), &with);
        }
        let found = desk.ask(&noon(7), &json!({}));
        assert!(found.iter().any(|code| code.starts_with("contact.frequency.calls")), "{what}: {found:?}");
    }
}
