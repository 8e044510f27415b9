//! Holds the files of `docker/` to what the rest of the repository says: settings they set exist, figures they show
//! are asked of tillgate, alerts fire when they should. Never starts a container.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use tillgate::config::{self, Origin, Sources};

fn read(path: &str) -> String {
    read_from("docker", path)
}

fn read_from(folder: &str, path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `TILLGATE_NAME: value` and `TILLGATE_NAME=value`, wherever they stand at the start of a line or of an ENV.
fn variables(text: &str) -> BTreeMap<String, String> {
    let assigned = |line: &str| {
        let rest = line.trim_start().trim_start_matches("ENV ").strip_prefix("TILLGATE_")?;
        let (name, value) = rest.split_once(['=', ':'])?;
        // Quoted, because compose takes no booleans.
        Some((format!("TILLGATE_{name}"), value.trim().trim_matches('"').to_owned()))
    };
    text.lines().filter_map(assigned).collect()
}

#[test]
fn containers_set_settings_that_exist_to_values_that_fit() {
    for file in ["compose.yaml", "Dockerfile"] {
        let environment = variables(&read(file));
        assert!(!environment.is_empty(), "{file} sets nothing: the test looks in the wrong place");
        let count = environment.len();
        let settings = config::load(&Sources { environment, ..Sources::default() })
            .unwrap_or_else(|faults| panic!("{file}:\n{faults}"));
        let set = settings.describe().iter().filter(|row| row.origin != Origin::Default);
        assert_eq!(set.count(), count, "{file} sets a variable that is no setting");
    }
}

#[test]
fn every_panel_asks_for_a_figure_of_tillgate() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("grafana/dashboards/tillgate.json")).expect("a dashboard in JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    for panel in panels {
        let targets = panel["targets"].as_array().expect("targets");
        let asks = |target: &serde_json::Value| {
            target["expr"].as_str().is_some_and(|expr| expr.contains("tillgate_"))
        };
        assert!(!targets.is_empty() && targets.iter().all(asks), "panel {} asks for nothing", panel["title"]);
        assert_eq!(panel["datasource"]["uid"], "prometheus", "panel {}", panel["title"]);
    }
    assert!(read("grafana/provisioning/datasources/prometheus.yaml").contains("uid: prometheus"));
}

#[test]
fn the_dashboard_shows_every_figure() {
    let dashboard = read("grafana/dashboards/tillgate.json");
    let page = read_from("docs", "metrics.md");
    let names = page.lines().filter_map(|line| line.strip_prefix("| `tillgate_")?.split_once('`'));
    let names: Vec<String> = names.map(|(name, _)| format!("tillgate_{name}")).collect();
    assert!(names.len() > 10, "the test looks in the wrong place: {names:?}");
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let asked: BTreeSet<&str> = dashboard.split(|letter| !word(letter)).collect();
    let shown = |name: &str| asked.contains(name) || asked.contains(format!("{name}_bucket").as_str());
    let missing: Vec<&String> = names.iter().filter(|name| !shown(name)).collect();
    assert!(missing.is_empty(), "no panel asks for {missing:?}");
    // The figure that says at a glance whether anything is decided, also where no process gives it.
    assert!(dashboard.contains(r#"sum(tillgate_partitions{state=\"active\"}) or vector(0)"#));
}

#[test]
fn the_image_is_built_from_digests_and_looks_after_its_health() {
    let file = read("Dockerfile");
    let arguments: BTreeMap<&str, &str> =
        file.lines().filter_map(|line| line.strip_prefix("ARG ")?.split_once('=')).collect();
    let bases: Vec<&str> = file.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert_eq!(bases.len(), 2, "{bases:?}");
    for base in bases {
        let name = base.split(' ').next().expect("a word").trim_matches(&['$', '{', '}'][..]);
        let image = arguments.get(name).unwrap_or_else(|| panic!("{base} is no argument with a default"));
        let digest = image.split_once("@sha256:").map_or("", |(_, digest)| digest);
        let hex = digest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        assert!(digest.len() == 64 && hex, "{image} is pinned by no digest");
    }
    // The compiler is the one that Cargo.toml asks for.
    assert!(arguments["BUILD_IMAGE"].starts_with(&format!("rust:{}-", env!("CARGO_PKG_RUST_VERSION"))));
    assert!(file.contains("CMD [\"tillgate\", \"health\"]"), "no health check");
    assert!(!file.contains("# syntax="), "the builder's frontend would be pulled by a tag");
    let compose = read("compose.yaml");
    assert!(compose.contains("tillgate: {condition: service_healthy}"), "nobody waits for its health");
}

/// An alert of the rule file.
#[derive(Debug, Default)]
struct Alert {
    name: String,
    expression: String,
    rest: Vec<String>,
}

/// The alerts of `alerts.yaml`, which has one key a line.
fn alerts() -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    for line in read("alerts.yaml").lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- alert: ") {
            alerts.push(Alert { name: name.to_owned(), ..Alert::default() });
        } else if let Some(alert) = alerts.last_mut() {
            match line.strip_prefix("expr: ") {
                Some(expression) => alert.expression = expression.to_owned(),
                None if line.is_empty() => {}
                None => alert.rest.push(line.to_owned()),
            }
        }
    }
    alerts
}

/// Whether brackets and quotation marks of an expression close in the order they opened.
fn is_balanced(expression: &str) -> bool {
    let mut open = Vec::new();
    let mut quoted = false;
    for letter in expression.chars() {
        match letter {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => open.push(')'),
            '{' => open.push('}'),
            '[' => open.push(']'),
            ')' | '}' | ']' if open.pop() != Some(letter) => return false,
            _ => {}
        }
    }
    open.is_empty() && !quoted
}

#[test]
fn every_alert_has_an_expression_a_severity_and_words() {
    let alerts = alerts();
    assert!(alerts.len() > 10, "the test looks in the wrong place: {alerts:?}");
    for alert in &alerts {
        let Alert { name, expression, rest } = alert;
        assert!(is_balanced(expression), "{name}: {expression}");
        assert!(
            !expression.contains(": ") && !expression.contains(" #"),
            "{name}: YAML would cut {expression}"
        );
        let compares = [" > ", " >= ", " == ", " < "].iter().any(|sign| expression.contains(sign));
        assert!(compares, "{name} would always be there: {expression}");
        let known = |line: &String| {
            line.strip_prefix("for: ")
                .is_some_and(|time| time.ends_with('m') && time[..time.len() - 1].parse::<u8>().is_ok())
                || ["labels: {severity: page}", "labels: {severity: warning}"].contains(&line.as_str())
                || (line.starts_with("annotations: {summary: \"") && line.ends_with("\"}"))
        };
        assert_eq!(rest.iter().find(|line| !known(line)), None, "{name}");
        for key in ["labels: ", "annotations: "] {
            assert_eq!(rest.iter().filter(|line| line.starts_with(key)).count(), 1, "{name}: {key}");
        }
    }
    assert!(read("prometheus.yaml").contains("rule_files:\n  - alerts.yaml\n"));
    assert!(read("compose.yaml").contains("./alerts.yaml:/etc/prometheus/alerts.yaml:ro"));
}

/// Whether somebody is woken.
fn severity(alert: &Alert) -> &str {
    let severity = alert.rest.iter().find_map(|line| line.strip_prefix("labels: {severity: "));
    severity.map_or("", |severity| severity.trim_end_matches('}'))
}

#[test]
fn every_alert_is_explained_where_operators_look() {
    let page = read_from("docs", "operations.md");
    let section = page.split("\n## Alerts\n").nth(1).expect("the section on alerts");
    let section = section.split("\n## ").next().expect("its text");
    let explained: Vec<(&str, &str)> =
        section.split("\n### ").skip(1).filter_map(|part| part.split_once('\n')).collect();
    let explained: Vec<_> = explained.into_iter().filter(|(name, _)| name.starts_with("Tillgate")).collect();
    let alerts = alerts();
    let names: Vec<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(explained.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
    for (alert, (name, text)) in alerts.iter().zip(explained) {
        let first = text.lines().next().unwrap_or_default().to_lowercase();
        assert!(first.starts_with(severity(alert)), "{name} is a {}, and not: {first}", severity(alert));
        for what in ["Meaning", "Check", "Remedy"] {
            let begins = format!("- **{what}**: ");
            let count = text.lines().filter(|line| line.starts_with(&begins)).count();
            assert_eq!(count, 1, "{name}: {what}");
        }
    }
}

/// The scene of `alerts_test.yaml` in which all is well: no alert fires there, and being silent proves little.
const ALL_IS_WELL: &str = "one process decides and another stands by";

/// A case of `alerts_test.yaml`.
#[derive(Debug)]
struct Case {
    scene: String,
    alert: String,
    fires: bool,
}

/// The cases of `alerts_test.yaml`, which has one key a line.
fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut scene = String::new();
    for line in read("alerts_test.yaml").lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- name: ") {
            name.clone_into(&mut scene);
        } else if let Some(alert) = line.strip_prefix("alertname: ") {
            cases.push(Case { scene: scene.clone(), alert: alert.to_owned(), fires: false });
        } else if line.starts_with("- exp_labels: {") {
            cases.last_mut().expect("an alert before its labels").fires = true;
        }
    }
    cases
}

#[test]
fn every_alert_is_shown_firing_and_silent() {
    let cases = cases();
    let names: BTreeSet<String> = alerts().into_iter().map(|alert| alert.name).collect();
    for name in &names {
        let of_it = || cases.iter().filter(|case| case.alert == *name);
        assert!(of_it().any(|case| case.fires), "{name} never fires in alerts_test.yaml");
        let silent = |case: &Case| !case.fires && case.scene != ALL_IS_WELL;
        assert!(of_it().any(silent), "{name} is never silent in alerts_test.yaml where it could fire");
        let well = |case: &Case| !case.fires && case.scene == ALL_IS_WELL;
        assert!(of_it().any(well), "nobody says that {name} is silent where all is well");
    }
    let unknown: Vec<&Case> = cases.iter().filter(|case| !names.contains(&case.alert)).collect();
    assert!(unknown.is_empty(), "no such alerts: {unknown:?}");
}

/// Asks promtool, which comes with Prometheus: the one at `TILLGATE_TEST_PROMTOOL`, else the one on the PATH.
///
/// Unlike all others this test may be skipped under CI=true: promtool is no part of what `.ci/run` installs, which would be
/// the whole of Prometheus for files that are no part of the program. Whoever changes an alert has it at hand.
#[test]
fn promtool_finds_the_alerts_as_their_tests_say() {
    let named = std::env::var_os("TILLGATE_TEST_PROMTOOL");
    let promtool = named.clone().unwrap_or_else(|| "promtool".into());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker");
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]] {
        let output = match Command::new(&promtool).args(arguments).current_dir(&folder).output() {
            Ok(output) => output,
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
                // not by eprintln!, whose text the test runner keeps to itself when the test passes
                let why = "no promtool on the PATH, and TILLGATE_TEST_PROMTOOL names none";
                writeln!(
                    std::io::stderr(),
                    "\n======== SKIPPED: promtool_finds_the_alerts_as_their_tests_say: {why} ========\n"
                )
                .expect("standard error");
                return;
            }
            Err(error) => panic!("{}: {error}", promtool.display()),
        };
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(output.status.success(), "promtool {}:\n{}", arguments.join(" "), said.concat());
    }
}
