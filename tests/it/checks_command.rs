//! `tillgate checks`: a code in hand leads to what it means, what it answers with this configuration, and what to do.

use std::process::Output;

use serde_json::Value;

fn checks(args: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tillgate"));
    command.arg("checks").args(args).output().expect("the binary")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn lists_every_check_with_what_it_answers_here() {
    let listed = checks(&[
        "list",
        "--set",
        "checks.limit.exceeded.outcome=pending",
        "--set",
        "checks.sense.category.enabled=false",
    ]);
    assert!(listed.status.success());
    let lines: Vec<Vec<&str>> =
        text(&listed.stdout).lines().map(|line| line.split_whitespace().collect()).collect();
    let of = |number: &str| lines.iter().find(|line| line[0] == number).map(|line| (line[1], line[2]));
    assert_eq!(of("8"), Some(("Rejected", "pos.item.gross")));
    assert_eq!(of("29"), Some(("Pending", "200.903")));
    assert_eq!(of("13"), Some(("off", "pos.category.odd")));
    assert_eq!(of("12"), Some(("note", "pos.items.none")));
    let json = checks(&["list", "--json"]);
    let all: Vec<Value> = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(all.len(), lines.len());
    let limit = all.iter().find(|check| check["number"] == 29).expect("29");
    assert_eq!(
        (&limit["answers"], &limit["actionCode"]),
        (&"Rejected".into(), &"OfferSecurePaymentMethods".into())
    );
    assert!(
        limit["parameters"]
            .as_array()
            .is_some_and(|keys| keys.contains(&"checks.limit.exceeded.outcome".into()))
    );
}

#[test]
fn shows_every_check_of_a_code_with_parameters_and_texts() {
    let shown = checks(&["show", "400.003"]);
    let page = text(&shown.stdout);
    for part in [
        "4. Too long or too many",
        "6. Total missing",
        "7. Impossible quantity",
        "17. Event lies in the future",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let shown = checks(&["show", "42", "--set", "checks.velocity.withdrawal_cap.day={ EUR = 77 }"]);
    let page = text(&shown.stdout);
    for part in ["pos.withdrawal.cap", "Remedy", "day.EUR  = 77", "--set", "  DE  ", "  FI  "] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // An override for a country belongs to its check too.
    let set = "checks.override.NO.limit.exceeded.outcome=pending";
    let page = checks(&["show", "200.903", "--set", set]);
    assert!(text(&page.stdout).contains("override"), "{}{}", text(&page.stdout), text(&page.stderr));
}

#[test]
fn says_which_code_was_meant() {
    let refused = checks(&["show", "pos.item.gros"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("(did you mean pos.item.gross?): `tillgate checks list`"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(checks(&["show", "99"]).status.code(), Some(2));
}
