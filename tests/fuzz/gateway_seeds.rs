//! What fuzzing of the gateway begins with: requests about contacts, access tokens, and sets of keys.

use super::targets::tokens::{GOOD_CLAIMS, good_headers, key_set};

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

/// Two bytes that choose, a header, and claims.
pub fn tokens() -> Vec<Vec<u8>> {
    let [ed, ec] = good_headers();
    let mut found = Vec::new();
    for by in 0..48 {
        for header in [&*ed, &*ec, r#"{"alg":"none"}"#, r#"{"alg":"HS256","typ":"JWT","kid":"ed"}"#] {
            found.push([&[by, 7], header.as_bytes(), b"\n", GOOD_CLAIMS.as_bytes()].concat());
        }
    }
    for (from, to) in [
        ("\"@300\"", "\"@-29\""),
        ("\"@300\"", "\"@-60\""),
        ("\"@300\"", "1e300"),
        ("\"@300\"", "-1"),
        ("\"@300\"", "18446744073709551615"),
        ("\"@300\"", "\"@300\",\"exp\":1"),
        ("\"@-10\"", "\"@29\""),
        ("\"@-10\"", "\"@60\""),
        ("\"@-10\"", "null"),
        ("\"https://till.example\"", "[\"https://till.example\",\"x\"]"),
        ("\"https://issuer.example\"", "[\"https://issuer.example\"]"),
        ("\"till-7\"", "null,\"azp\":\"a\",\"sub\":\"s\""),
        ("\"openid events:write contact:ask\"", "[\"events:write\"],\"scp\":\"contact:ask events:read\""),
        ("\"openid events:write contact:ask\"", "{\"events:write\":true}"),
    ] {
        for (by, header) in [(0, &ed), (2, &ec)] {
            let claims = GOOD_CLAIMS.replace(from, to);
            assert_ne!(claims, GOOD_CLAIMS, "{from}");
            found.push([&[by, 7], header.as_bytes(), b"\n", claims.as_bytes()].concat());
        }
    }
    let long = ed.replace('}', &format!(",\"x\":\"{}\"}}", "x".repeat(14_000)));
    let critical = ed.replace('}', ",\"crit\":[\"exp\"]}");
    let own_key = ed.replace("\"kid\":\"ed\"", &format!("\"jwk\":{}", key_set()["keys"][0]));
    for header in
        [long, critical, own_key, "{\"alg\":\"EdDSA\"}".to_owned(), ed.replace("\"ed\"", "\"../ed\"")]
    {
        found.push([&[0, 7], header.as_bytes(), b"\n", GOOD_CLAIMS.as_bytes()].concat());
    }
    found.push(b"\x00\xffeyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.".to_vec());
    found
}

/// Our set, its keys alone, and with more of what keys can have.
pub fn key_sets() -> Vec<Vec<u8>> {
    let all = key_set();
    let mut texts = vec![all.to_string(), r#"{"keys":[]}"#.to_owned(), "[]".to_owned()];
    for key in all["keys"].as_array().expect("keys") {
        let key = key.to_string();
        texts.push(format!(r#"{{"keys":[{key}]}}"#));
        for member in [
            r#","alg":"HS256"}"#,
            r#","use":"enc"}"#,
            r#","key_ops":["verify"],"alg":"RS256"}"#,
            r#","x5c":["MII="]}"#,
        ] {
            texts.push(format!(r#"{{"keys":[{}{member},{key}]}}"#, key.trim_end_matches('}')));
        }
    }
    texts.push(r#"{"keys":[{"kty":"oct","kid":"ed","k":"AAAA","alg":"HS256"}]}"#.to_owned());
    texts.push(format!(r#"{{"keys":[{}]}}"#, vec![all["keys"][0].to_string(); 1_500].join(",")));
    texts.into_iter().map(String::into_bytes).collect()
}

/// Words of tokens and keys.
pub fn words() -> Vec<Vec<u8>> {
    let words = [
        "none",
        "None",
        "HS256",
        "RS256",
        "PS256",
        "ES256",
        "EdDSA",
        "ES384",
        "ed",
        "ec",
        "rsa",
        "\"kid\":",
        "\"alg\":",
        "\"typ\":\"JWT\",",
        "\"crit\":[\"b64\"],",
        "\"b64\":false,",
        "\"jwk\":{},",
        "\"jku\":\"https://x.example\",",
        "\"x5u\":\"file:///\",",
        "\"zip\":\"DEF\",",
        "\"enc\":\"A128GCM\",",
        "\"cty\":\"JWT\",",
        "\"exp\":\"@300\",",
        "\"exp\":0,",
        "\"nbf\":\"@-1\",",
        "\"@-31\"",
        "\"@31\"",
        "\"@2000000000\"",
        "\"aud\":\"https://till.example\",",
        "\"aud\":[],",
        "\"iss\":\"https://issuer.example\",",
        "\"scope\":7,",
        "\"scp\":[\"events:write\",7],",
        "\"scope\":\"contact:ask\",",
        "\"client_id\":\"\",",
        "\"azp\":\"a\",",
        "\"sub\":null,",
        "null",
        "[",
        "]",
        "{",
        "}",
        "\"kty\":\"oct\",",
        "\"kty\":\"RSA\",",
        "\"crv\":\"P-256\",",
        "\"crv\":\"Ed25519\",",
        "\"use\":\"enc\",",
        "\"k\":\"AAAA\",",
        "\"n\":\"AQ\",",
        "\"e\":\"AA\",",
        "\"x\":\"\",",
        ".",
        "=",
        "\u{e9}",
    ];
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}
