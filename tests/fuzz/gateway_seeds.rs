//! What fuzzing of the gateway begins with: requests about contacts.

/// A byte that chooses, a key or a person, and a body.
pub fn requests() -> Vec<Vec<u8>> {
    let interactions = [
        r#"{"partyId":"P-1","channel":"web","type":"outbound-call","occurredAt":"2026-03-02T11:00:00Z"}"#,
        r#"{"partyId":"ext-1","channel":"contact-center","type":"consent","occurredAt":"2026-03-02T12:04:59+00:00","purpose":"collection","outcome":"busy","agentId":"a","linkedResourceType":"loan","linkedResourceId":"L","eventId":"evt_01JQ9MVH9K1MSA6D0H8N7ZQ5RQ","idempotencyKey":"x"}"#,
        r#"{"partyId":"P-1","channel":"sms","type":"t","occurredAt":"2027-03-02T11:00:00Z"}"#,
    ];
    let questions = [
        r#"{"channel":"voice","theme":"opsCollDebt","contactId":"c"}"#,
        r#"{"channel":"text","subject":"statement","loanId":"A-1","loanIds":["A-1","L-2"],"startAt":"2026-03-02","contactDetails":{"kind":"phone","value":"+1 555"},"isAutodialed":true}"#,
        r#"{"channel":"email","theme":"opsServicing","startAt":"2026-03-02T09:00:00+01:00","contactExternalId":"x","contactDetails":{"kind":"email","value":"a@b.example"}}"#,
    ];
    let mut found = Vec::new();
    for (number, body) in (0_u8..).zip(interactions) {
        found.push([&[1 | number << 3], &b"key-1\n"[..], body.as_bytes()].concat());
    }
    for (body, person) in questions.iter().zip(["ext-1", "US-A1-B2", "4711"]) {
        found.push([&b"\0"[..], person.as_bytes(), b"\n", body.as_bytes()].concat());
    }
    found
}
