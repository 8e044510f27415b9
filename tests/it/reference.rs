//! The second implementation in `tests/reference`, and the cases of `../shared`, against the program.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{shared, skip};

/// Runs a script with the program as its argument; nothing where there is no Python that could.
fn python(script: &Path, arguments: &[&str]) -> Option<Output> {
    let new_enough = "import sys; sys.exit(sys.version_info < (3, 11))";
    let checked = Command::new("python3").args(["-c", new_enough]).status();
    if !checked.is_ok_and(|status| status.success()) {
        skip("needs python3, 3.11 or newer");
        return None;
    }
    let program = env!("CARGO_BIN_EXE_tillgate");
    let output = Command::new("python3").arg(script).arg(program).args(arguments).output();
    Some(output.expect("python3 runs"))
}

fn assert_success(output: Option<Output>, last: &str) {
    let Some(output) = output else { return };
    let told = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains(last), "{told}\n{complained}");
}

#[test]
fn decides_as_the_second_implementation_does() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/compare.py");
    assert_success(python(&script, &["--seeds", SEEDS, "--show", "3"]), ", 0 differences");
}

/// Some 2,000 events each.
const SEEDS: &str = "1-40";

/// What random histories of contacts give, some 700 requests a seed.
#[test]
fn decides_contacts_as_the_second_implementation_does() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/contact_compare.py");
    assert_success(python(&script, &["--seeds", "1-10", "--show", "3"]), ", 0 differences");
}

#[test]
fn every_case_holds() {
    let Some(shared) = shared() else { return };
    assert_success(python(&shared.join("cases/run.py"), &[]), "cases hold");
}
