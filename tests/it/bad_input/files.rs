//! Files that `tillgate check` should not have been given: what cannot be read is told, and one till's clock is not
//! everybody's. Never looks inside: files in, outcomes, summary and exit code out.

use serde_json::Value;

use super::{GOOD, with};

/// What `tillgate check` made of files: exit code, outcomes and standard error, the summary with it.
fn check(files: [&[u8]; 2], more: &[&str]) -> (Option<i32>, Vec<Value>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let [events, account_events] = ["events", "account_events"].map(|name| folder.path().join(name));
    for (path, bytes) in [&events, &account_events].into_iter().zip(files) {
        std::fs::write(path, bytes).expect("a file");
    }
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_tillgate"));
    check.args(["check", "--summary", "--output", "-", "--events"]).arg(&events);
    check.arg("--account-events").arg(&account_events).args(more);
    let run = check.output().expect("the binary");
    let outcomes = String::from_utf8(run.stdout).expect("text");
    let outcomes = outcomes.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (run.status.code(), outcomes, String::from_utf8(run.stderr).expect("text"))
}

#[test]
fn a_file_of_which_lines_are_lost_ends_with_3_and_one_of_which_all_are_answered_with_0() {
    let refused = br#"{"id":"1","account":"A","eventType":"limit","limit":{"amount":-1}}"#;
    for (event, account_event, code) in [
        (GOOD, &refused[..], 0),
        ("{\"accountNumber\":\"A\"", b"", 0),
        (&with("\"accountNumber\":\"A\",", ""), b"", 3),
        ("no JSON", b"", 3),
        (GOOD, b"{\"account\":\"A\"", 3),
    ] {
        let (found, _, said) = check([event.as_bytes(), account_event], &[]);
        assert_eq!(found, Some(code), "{event}: {said}");
        assert_eq!(said.contains("error: 1 line is lost: it names no account"), code == 3, "{said}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped_and_utf_16_is_refused_by_that_word() {
    let marked = [b"\xef\xbb\xbf", GOOD.as_bytes(), b"\n\xef\xbb\xbf", GOOD.as_bytes()].concat();
    let (code, outcomes, said) = check([&marked, b"\xef\xbb\xbf"], &[]);
    assert_eq!((code, outcomes.len()), (Some(0), 2), "{said}");
    let wide = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
        [mark, &GOOD.encode_utf16().flat_map(bytes).collect::<Vec<_>>()].concat()
    };
    for utf_16 in [
        wide(b"\xff\xfe", u16::to_le_bytes),
        wide(b"\xfe\xff", u16::to_be_bytes),
        wide(b"", u16::to_le_bytes),
        wide(b"", u16::to_be_bytes),
    ] {
        let (code, outcomes, said) = check([&utf_16, b""], &[]);
        assert_eq!((code, outcomes.len()), (Some(1), 0), "{said}");
        assert!(said.contains("events is UTF-16: write it as UTF-8"), "{said}");
        let packed = zstd::encode_all(&utf_16[..], 1).expect("zstd");
        assert_eq!(check([GOOD.as_bytes(), &packed], &[]).0, Some(1));
    }
}

/// A line of each terminal and account at that time; whether each is late, and how many moved no time.
fn late(lines: &[(&str, &str, &str)], more: &[&str]) -> (Vec<bool>, usize) {
    let lines: Vec<String> = lines
        .iter()
        .map(|(terminal, account, time)| {
            with("\"posId\":\"P\"", &format!("\"posId\":\"{terminal}\""))
                .replace("\"accountNumber\":\"A\"", &format!("\"accountNumber\":\"{account}\""))
                .replace("2025-01-06T12:00:00Z", time)
        })
        .collect();
    let more = [&["--set", "checks.account.unknown=open"], more].concat();
    let (code, outcomes, said) = check([lines.join("\n").as_bytes(), b""], &more);
    assert_eq!((code, outcomes.len()), (Some(0), lines.len()), "{said}");
    let mut late = vec![false; lines.len()];
    for outcome in &outcomes {
        let line = outcome["source"]["offset"].as_u64().expect("an offset") as usize;
        late[line] = outcome["riskCheckMessages"].to_string().contains("pos.time.late");
    }
    let far = said.lines().find(|line| line.contains("far ahead of"));
    (late, far.map_or(0, |line| line.split(' ').next().expect("a number").parse().expect("a number")))
}

const NOW: &str = "2025-01-06T12:00:00Z";
const SOON: &str = "2025-01-06T12:10:00Z";
const FAR: &str = "2062-01-06T12:00:00Z";

#[test]
fn one_till_with_a_wrong_clock_moves_no_time_for_the_others() {
    let far = |others: &[(&'static str, &'static str, &'static str)]| late(others, &[]);
    assert_eq!(far(&[("P", "A", NOW), ("Q", "B", FAR), ("P", "A", SOON)]), (vec![false; 3], 1));
    assert_eq!(far(&[("Q", "B", FAR), ("P", "A", NOW), ("P", "A", SOON)]), (vec![false; 3], 1), "first");
    assert_eq!(far(&[("P", "A", NOW), ("Q", "B", FAR)]), (vec![false; 2], 1), "last");
    // Its own word, however often, is no other's.
    let twice = far(&[("P", "A", NOW), ("Q", "B", FAR), ("Q", "B", FAR), ("P", "A", SOON)]);
    assert_eq!(twice, (vec![false; 4], 2));
}

#[test]
fn a_line_far_ahead_moves_time_where_one_of_the_next_ten_confirms_it() {
    let after = |between: usize, confirming: (&'static str, &'static str, &'static str), more: &[&str]| {
        let mut lines = vec![("P", "A", NOW), ("Q", "B", "2025-01-10T12:00:00Z")];
        lines.extend(vec![("Q", "B", "2025-01-10T12:00:00Z"); between]);
        lines.extend([confirming, ("P", "A", SOON)]);
        late(&lines, more).0.last() == Some(&true)
    };
    for confirming in [
        ("P", "B", "2025-01-09T12:00:00Z"),
        ("Q", "A", "2025-01-09T12:00:00Z"),
        ("P", "A", "2030-01-01T00:00:00Z"),
    ] {
        assert!(after(0, confirming, &[]) && after(9, confirming, &[]), "{confirming:?}");
    }
    assert!(!after(0, ("P", "A", "2025-01-09T11:59:59Z"), &[]), "it lies more than 24 h before it");
    assert!(!after(0, ("Q", "B", "2025-01-10T12:00:00Z"), &[]), "the same till, the same account");
    let confirming = ("P", "A", "2025-01-09T12:00:00Z");
    assert!(after(0, confirming, &["--set", "checks.time.files.lines=1"]));
    assert!(!after(0, confirming, &["--set", "checks.time.files.ahead=23h"]));
    let mut eleventh = vec![("P", "A", NOW), ("Q", "B", "2025-01-10T12:00:00Z")];
    eleventh.extend([("Q", "B", NOW); 10]);
    eleventh.extend([confirming, ("P", "A", SOON)]);
    assert_eq!(late(&eleventh, &[]), (vec![false; 14], 2), "no longer one of the next ten");
}

#[test]
fn a_line_that_is_not_evaluated_makes_the_next_one_no_more_credible() {
    let line = |account: &str, time: &str| {
        with("\"accountNumber\":\"A\"", &format!("\"accountNumber\":\"{account}\"")).replace(NOW, time)
    };
    let far = "2025-01-10T12:00:00Z";
    // What is confirmed moves no time where it is not evaluated: the next one lies as far ahead, and nothing confirms it.
    let unsound = line("B", far).replace("\"totalAmount\":1", "\"totalAmount\":-1");
    let lines = [line("A", NOW), unsound, line("C", far), line("A", SOON)];
    let (_, outcomes, said) =
        check([lines.join("\n").as_bytes(), b""], &["--set", "checks.account.unknown=open"]);
    let verdicts: Vec<_> =
        outcomes.iter().map(|outcome| outcome["outcome"].as_str().expect("text")).collect();
    assert_eq!(verdicts, ["Accepted", "NotEvaluated", "Accepted", "Accepted"], "{said}");
    assert!(said.contains("1 line lies far ahead"), "{said}");
}

#[test]
fn a_denied_line_is_merged_at_stream_time_and_any_other_waits_for_its_own() {
    let line = |account: &str, terminal: &str, time: &str| {
        with("\"posId\":\"P\"", &format!("\"posId\":\"{terminal}\""))
            .replace("\"accountNumber\":\"A\"", &format!("\"accountNumber\":\"{account}\""))
            .replace(NOW, time)
    };
    let set = |id: &str, name: &str, set: bool, time: &str| {
        format!(
            r#"{{"id":"{id}","account":"A","eventType":"flag","flag":{{"name":"{name}","set":{set}}},"createdAt":"{time}"}}"#
        )
    };
    let answers = |events: &[String], account_events: &[String]| {
        let files = [events, account_events].map(|lines| lines.join("\n"));
        let files = files.each_ref().map(|lines| lines.as_bytes());
        let (code, outcomes, said) = check(files, &["--set", "checks.account.unknown=open"]);
        assert_eq!(code, Some(0), "{said}");
        let verdicts = outcomes.iter().map(|outcome| outcome["outcome"].as_str().expect("text").to_owned());
        (verdicts.collect::<Vec<_>>(), said)
    };
    let stop = set("1", "stopped", true, "2025-01-06T13:00:00Z");
    let events = [line("A", "P", NOW), line("B", "Q", FAR), line("A", "P", SOON)];
    assert_eq!(answers(&events, std::slice::from_ref(&stop)).0, ["Accepted"; 3]);
    let events = [line("A", "P", NOW), line("A", "Q", "2025-01-09T12:00:00Z")];
    assert_eq!(answers(&events, std::slice::from_ref(&stop)).0, ["Accepted", "Rejected"]);
    // Of account events: what lies ahead alone does not apply, what another confirms does.
    let events = [line("A", "P", NOW), line("A", "P", "2025-01-06T15:00:00Z")];
    let clear = set("2", "stopped", false, FAR);
    let (found, said) = answers(&events, &[clear, stop.clone()]);
    assert_eq!(found, ["Accepted", "Rejected"]);
    assert!(said.contains("account events line 1: dead letter: 400.003 createdAt 2062"), "{said}");
    let later =
        [set("3", "vip", true, "2025-01-09T13:00:00Z"), set("4", "vip", true, "2025-01-09T13:00:01Z")];
    let (found, said) = answers(&events, &[&[stop], &later[..]].concat());
    assert!(found == ["Accepted", "Rejected"] && !said.contains("far ahead"), "{said}");
}
