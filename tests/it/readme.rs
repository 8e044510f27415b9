//! Holds the README's example to the program: what it prints is what the README shows.

use std::io::Write;
use std::process::Command;

/// The text between two marks, the first after `from`.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("README.md has no {from:?}"));
    rest.split_once(to).unwrap_or_else(|| panic!("README.md has no {to:?} after {from:?}")).0
}

#[test]
fn the_explained_decision_is_what_the_program_prints() {
    let readme = include_str!("../../README.md");
    let basket = between(readme, "<<'END'\n", "END\n");
    let shown: serde_json::Value =
        serde_json::from_str(between(readme, "```json\n", "```")).expect("the README's outcome is JSON");
    let mut events = tempfile::NamedTempFile::new().expect("a file");
    events.write_all(basket.as_bytes()).expect("the basket is written");
    let command = between(readme, "END\ncargo run --release --locked -- ", "\n");
    let arguments = command.split_whitespace().map(|word| match word {
        "basket.jsonl" => events.path().as_os_str().to_owned(),
        word => word.into(),
    });
    let output = Command::new(env!("CARGO_BIN_EXE_tillgate"))
        .args(arguments)
        .env_clear()
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an outcome");
    // Changes with every default and text.
    said["ruleset"] = shown["ruleset"].clone();
    assert_eq!(said, shown);
}
