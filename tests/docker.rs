//! Holds the files of `docker/` to what the rest of the repository says: settings they set exist, figures they show
//! are asked of tillgate. Never starts a container.

use std::collections::BTreeMap;
use std::path::Path;

use tillgate::config::{self, Origin, Sources};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `TILLGATE_NAME: value` and `TILLGATE_NAME=value`, wherever they stand at the start of a line or of an ENV.
fn variables(text: &str) -> BTreeMap<String, String> {
    let assigned = |line: &str| {
        let rest = line.trim_start().trim_start_matches("ENV ").strip_prefix("TILLGATE_")?;
        let (name, value) = rest.split_once(['=', ':'])?;
        Some((format!("TILLGATE_{name}"), value.trim().to_owned()))
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
