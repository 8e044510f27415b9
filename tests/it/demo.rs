//! `tillgate demo` as a newcomer runs it: no Kafka, one command, exit code 0, every kind of outcome, explained.

use assert_cmd::Command;

/// Standard output of a short run.
fn demo(flags: &[&str]) -> String {
    let run = Command::cargo_bin("tillgate")
        .expect("the binary")
        .args(["demo", "--events", "1500"])
        .args(flags)
        .timeout(std::time::Duration::from_secs(120))
        .assert()
        .success();
    String::from_utf8(run.get_output().stdout.clone()).expect("text")
}

/// The number before `what` in the last line of progress.
fn count(screen: &str, what: &str) -> u64 {
    let line = screen.lines().rfind(|line| line.contains(" answered: ")).expect("a line of progress");
    let rest = line.split(&format!("{what} ")).nth(1).unwrap_or_else(|| panic!("{what} in {line}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("a number after {what} in {line}"))
}

#[test]
fn demo_shows_every_kind_of_outcome_and_explains_some() {
    let screen = demo(&["--seed", "3"]);
    for outcome in ["Accepted", "Pending", "Rejected", "NotEvaluated", "dead letters"] {
        assert!(count(&screen, outcome) > 0, "{outcome}:\n{screen}");
    }
    assert!(screen.contains("mock without real transactions"), "{screen}");
    for part in [
        "1/5  Accepted",
        "2/5  Rejected  a line does not add up",
        "pos.item.gross: line ",
        "3/5  Rejected  the total is off by a cent",
        "4/5  Rejected  more than the account may spend",
        "OfferSecurePaymentMethods: ",
        "5/5  Pending   the customer has to identify first",
        "AskConsumerToIdentify: ",
        "expected   ",
        "found      ",
        "customer   ",
        "txn_",
    ] {
        assert!(screen.contains(part), "{part}:\n{screen}");
    }
    assert!(screen.contains("basket.item_gross (8)"), "{screen}");
    assert!(screen.contains("tillgate check --events"), "{screen}");
}

#[test]
fn demo_fits_a_hundred_columns_and_is_plain_where_it_is_no_terminal() {
    let screen = demo(&[]);
    assert!(!screen.contains('\x1b'), "{screen}");
    for line in screen.lines().filter(|line| !line.contains(" answered: ")) {
        assert!(line.chars().count() <= 100, "{line}");
        assert_eq!(line.trim_end(), line);
    }
    assert!(!screen.contains("WARN") && !screen.contains("ERROR"), "{screen}");
}

#[test]
fn demo_follows_the_rules_that_are_set() {
    let screen = demo(&["--set", "checks.basket.total_amount.enabled=false"]);
    assert!(!screen.contains("400.102"), "{screen}");
    assert!(screen.contains("everything adds up") && !screen.contains("off by a cent"), "{screen}");
}

#[test]
fn demo_refuses_fewer_events_than_it_needs() {
    let refused =
        Command::cargo_bin("tillgate").expect("the binary").args(["demo", "--events", "5"]).assert();
    refused.code(2);
}
