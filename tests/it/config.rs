//! Configuration from the outside: layers, faults, secrets. Every fault message here is a promise to whoever reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tillgate::config::{self, Faults, OutputFormat, Settings, Sources};

/// A folder with files, gone at the end of the test; its path is shown as `CONFIG` in faults.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn sources(&self) -> Sources {
        Sources { configs: vec![self.0.path().to_owned()], ..Sources::default() }
    }

    fn faults(&self, sources: &Sources) -> String {
        let folder = self.0.path().display().to_string();
        config::load(sources).unwrap_err().to_string().replace(&folder, "CONFIG")
    }
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn set(overrides: &[&str]) -> Result<Settings, Faults> {
    let overrides = overrides.iter().map(|text| (*text).to_owned()).collect();
    config::load(&Sources { overrides, ..Sources::default() })
}

fn row(settings: &Settings, key: &str) -> (String, String) {
    let row = settings.describe().iter().find(|row| row.key == key).unwrap();
    (row.value.clone(), row.origin.to_string())
}

#[test]
fn defaults_alone_are_a_configuration() {
    let settings = config::load(&Sources::default()).unwrap();
    assert_eq!(settings.kafka.bootstrap_servers, "localhost:9092");
    assert_eq!(settings.output.subject, "pos.outcomes-value");
    assert_eq!(settings.kafka.message_bytes_max, 8 << 20);
    assert!(settings.describe().iter().all(|row| row.origin == config::Origin::Default));
}

#[test]
fn later_layers_win_and_say_so() {
    let file = "[kafka]\nworkers = 3\ngroup_id = \"file\"\nbatch_events_max = 7\nbatch_time_max = \"9ms\"\n";
    let folder = Folder::with(&[("tillgate.toml", file)]);
    let mut sources = folder.sources();
    sources.environment = variables(&[
        ("TILLGATE_KAFKA__GROUP_ID", "123"),
        ("TILLGATE_KAFKA__BATCH_EVENTS_MAX", "8"),
        ("TILLGATE_KAFKA__LIBRDKAFKA__SECURITY_PROTOCOL", "ssl"),
        ("TILLGATE_PORT", "tcp://10.0.0.1:9464"),
        ("TILLGATE_CONFIG", "/not/looked/at/where/a/flag/names/the/files"),
    ]);
    sources.overrides = vec!["kafka.batch_events_max=9".to_owned(), "output.format=json".to_owned()];
    let settings = config::load(&sources).unwrap();
    assert_eq!(settings.kafka.workers, 3);
    assert_eq!(settings.kafka.group_id, "123");
    assert_eq!(settings.kafka.batch.events, 9);
    assert_eq!(settings.kafka.librdkafka["security.protocol"].expose(), "ssl");
    assert_eq!(settings.output.format, OutputFormat::Json);
    assert!(row(&settings, "kafka.workers").1.ends_with("tillgate.toml:2:1"));
    assert_eq!(row(&settings, "kafka.group_id").1, "environment variable TILLGATE_KAFKA__GROUP_ID");
    assert_eq!(row(&settings, "kafka.batch_events_max").1, "--set kafka.batch_events_max");
    assert_eq!(row(&settings, "log.level").1, "default");
}

#[test]
fn reports_every_kind_of_fault_at_once() {
    let tillgate = r#"[kafka]
wokrers = 4
workers = 4000
batch_events_max = "many"
group_protocol = "clasic"
batch_time_max = "5 seconds"
message_bytes_max = "9GiB"
transactional_id_prefix = ""

[kafka.librdkafka]
enable.auto.commit = true
"group.id" = "mine"
"sasl.password" = "env:NOT_SET_ANYWHERE"
"ssl.ca.location" = ["a", "b"]

[kafak]
group_id = "x"

[output]
format = "avro"

[topics]
journal = "pos events"
dead_letters = "pos.events"

[registry]
url = "https://me:hunter2@registry"
auth = "basic"
password = 12345678
backoff_min = "1min"

[admin]
listen = "localhost"

[log.level]
a = 1
"#;
    let folder = Folder::with(&[("tillgate.toml", tillgate), ("checks.toml", "")]);
    let mut sources = folder.sources();
    sources.configs.push(folder.0.path().join("missing.toml"));
    sources.environment = variables(&[
        ("TILLGATE_KAFKA__WORKERZ", "4"),
        ("TILLGATE_KAFKA_GROUP_ID", "x"),
        ("TILLGATE_JOURNAL__CHECKPOINT_EVENTS_PER_ACCOUNT", "two"),
    ]);
    sources.overrides =
        vec!["kafka.workers".to_owned(), "topics.partitions=1.5".to_owned(), "level=debug".to_owned()];
    let faults = folder.faults(&sources);
    assert!(!faults.contains("hunter2") && !faults.contains("12345678"), "{faults}");
    insta::assert_snapshot!(faults);
}

#[test]
fn warns_of_a_password_that_can_be_read_on_the_way_to_the_registry() {
    let warning = |url: &str, auth: &str| {
        let url = format!("registry.url={url}");
        let auth = format!("registry.auth={auth}");
        set(&[&url, &auth, "registry.username=me", "registry.token=t"]).unwrap().registry.warning()
    };
    for (url, auth, what) in [
        ("http://registry:8081", "basic", "the password can be read on the way to registry; use https://"),
        (
            "http://registry.example/api",
            "bearer",
            "the token can be read on the way to registry.example; use",
        ),
        ("http://[2001:db8::1]:8081", "basic", "the password can be read on the way to [2001:db8::1]; use"),
        ("http://localhost.example", "basic", "registry.url is http:// with registry.auth set"),
    ] {
        let said = warning(url, auth).unwrap();
        assert!(said.contains(what), "{said}");
    }
    for (url, auth) in [
        ("https://registry:8081", "basic"),
        ("http://registry:8081", "none"),
        ("http://localhost:8081/x", "basic"),
        ("http://127.0.0.2:8081", "basic"),
        ("http://[::1]:8081", "bearer"),
    ] {
        assert_eq!(warning(url, auth), None, "{url} {auth}");
    }
}

#[test]
fn reports_a_key_set_twice_and_other_files_besides() {
    let folder =
        Folder::with(&[("a.toml", "[kafka]\nworkers = 1\nworkers = 2\n"), ("b.toml", "[log]\nlevel = 3\n")]);
    let file = |name: &str| folder.0.path().join(name);
    let sources = Sources { configs: vec![file("a.toml"), file("b.toml")], ..Sources::default() };
    insta::assert_snapshot!(folder.faults(&sources));
}

#[test]
fn reports_a_folder_without_the_files() {
    let folder = Folder::with(&[]);
    let environment = variables(&[("TILLGATE_CONFIG", folder.0.path().to_str().unwrap())]);
    let sources = Sources { environment, ..Sources::default() };
    insta::assert_snapshot!(folder.faults(&sources));
}

#[test]
fn never_shows_a_secret() {
    let file = "[registry]\nurl = \"http://registry\"\nauth = \"bearer\"\ntoken = \"hunter2\"\n\
                password = \"file:password\"\n[kafka.librdkafka]\nsasl.password = \"hunter2\"\n\
                ssl.key.password = \"env:KEY_PASSWORD\"\n";
    let folder = Folder::with(&[("tillgate.toml", file), ("password", "hunter2\n")]);
    let mut sources = folder.sources();
    sources.environment = variables(&[("KEY_PASSWORD", "hunter2")]);
    let settings = config::load(&sources).unwrap();
    assert_eq!(settings.registry.token.expose(), "hunter2");
    assert_eq!(settings.registry.password.expose(), "hunter2");
    assert_eq!(settings.kafka.librdkafka["sasl.password"].expose(), "hunter2");
    assert_eq!(settings.kafka.librdkafka["ssl.key.password"].expose(), "hunter2");
    assert_eq!(row(&settings, "kafka.librdkafka.sasl.password").0, "\"***\"");
    assert_eq!(row(&settings, "kafka.librdkafka.ssl.key.password").0, "\"env:KEY_PASSWORD\"");
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn shows_nothing_of_a_property_that_it_does_not_know() {
    let hidden = [
        "sasl.pasword",
        "ssl.key.pem",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.client.secret",
        "ssl.keystore.key",
        "plugin.library.paths",
    ];
    for name in hidden {
        let settings = set(&[&format!("kafka.librdkafka={{ \"{name}\" = \"hunter2\" }}")]).unwrap();
        assert_eq!(row(&settings, &format!("kafka.librdkafka.{name}")).0, "\"***\"");
    }
    for name in ["security.protocol", "sasl.username", "ssl.ca.location", "linger.ms", "compression.type"] {
        let settings = set(&[&format!("kafka.librdkafka={{ \"{name}\" = \"shown\" }}")]).unwrap();
        assert_eq!(row(&settings, &format!("kafka.librdkafka.{name}")).0, "\"shown\"");
    }
    let settings = set(&["kafka.bootstrap_servers=SASL_SSL://me:hun,te/r2@broker:9092"]).unwrap();
    assert_eq!(row(&settings, "kafka.bootstrap_servers").0, "\"SASL_SSL://***@broker:9092\"");
}

#[test]
fn texts_of_variables_are_taken_as_they_are() {
    let odd = ["\"quoted\"", "1_000", "true", "0x1F", " spaced ", "a = b # c"];
    for text in odd {
        let environment = variables(&[
            ("TILLGATE_KAFKA__LIBRDKAFKA__SASL_PASSWORD", text),
            ("TILLGATE_REGISTRY__PASSWORD", text),
        ]);
        let settings = config::load(&Sources { environment, ..Sources::default() }).unwrap();
        assert_eq!(settings.kafka.librdkafka["sasl.password"].expose(), text);
        assert_eq!(settings.registry.password.expose(), text);
    }
}

#[test]
fn flags_take_bare_words_quoted_texts_and_tables() {
    let settings = set(&[
        "output.format=\"json\"",
        "kafka.group_id=a b",
        "kafka.librdkafka={ linger.ms = 3 }",
        "checks.identity.ssn.above={ NOK = 1, SEK = 2.50 }",
    ])
    .unwrap();
    assert_eq!(settings.kafka.group_id, "a b");
    assert_eq!(settings.kafka.librdkafka["linger.ms"].expose(), "3");
    assert_eq!(row(&settings, "checks.identity.ssn.above.SEK").0, "2.50");
    assert_eq!(row(&settings, "checks.identity.ssn.above.EUR").0, "500");
}

#[test]
fn paths_in_a_file_start_at_its_folder() {
    let folder = Folder::with(&[("tillgate.toml", "[registry]\nca_file = \"ca.pem\"\n")]);
    let settings = config::load(&folder.sources()).unwrap();
    assert_eq!(settings.registry.ca_file, Some(folder.0.path().join("ca.pem")));
    let settings = set(&["registry.ca_file=ca.pem"]).unwrap();
    assert_eq!(settings.registry.ca_file, Some(PathBuf::from("ca.pem")));
}

#[test]
fn paths_of_certificates_start_at_the_folder_of_their_file() {
    let file = "[kafka.librdkafka]\nssl.ca.location = \"ca.pem\"\nssl.key.location = \"/run/key.pem\"\n\
                ssl.keystore.location = \"store\"\nsecurity.protocol = \"ssl\"\n";
    let folder = Folder::with(&[("tillgate.toml", file)]);
    let settings = config::load(&folder.sources()).unwrap();
    let path = |name: &str| PathBuf::from(settings.kafka.librdkafka[name].expose());
    assert_eq!(path("ssl.ca.location"), folder.0.path().join("ca.pem"));
    assert_eq!(path("ssl.keystore.location"), folder.0.path().join("store"));
    assert_eq!(path("ssl.key.location"), PathBuf::from("/run/key.pem"));
    let settings = set(&["kafka.librdkafka.ssl.ca.location=probe"]).unwrap();
    assert_eq!(settings.kafka.librdkafka["ssl.ca.location"].expose(), "probe");
}

#[test]
fn times_and_mechanisms_that_cannot_work_are_faults() {
    let refused = |overrides: &[&str], part: &str| {
        let faults = set(overrides).expect_err(part).to_string();
        assert!(faults.contains(part), "{faults}");
    };
    let long = "kafka.session_timeout=6min";
    refused(
        &["kafka.group_protocol=classic", long],
        "is longer than librdkafka's max.poll.interval.ms, which is 300000 ms",
    );
    set(&["kafka.group_protocol=classic", long, "kafka.librdkafka.max.poll.interval.ms=600000"]).unwrap();
    set(&["kafka.group_protocol=consumer", long]).unwrap();
    for mechanism in ["GSSAPI", "OAUTHBEARER"] {
        refused(&[&format!("kafka.librdkafka.sasl.mechanism={mechanism}")], "which is not built in");
    }
    set(&["kafka.librdkafka.sasl.mechanisms=SCRAM-SHA-256"]).unwrap();
}

#[test]
fn takes_back_what_it_shows() {
    let settings = set(&["kafka.librdkafka.linger.ms=3", "kafka.group_id=a \"b\""]).unwrap();
    let lines = |settings: &Settings| -> Vec<String> {
        settings.describe().iter().map(|row| format!("{} = {}\n", row.key, row.value)).collect()
    };
    let shown = lines(&settings);
    let folder = Folder::with(&[("tillgate.toml", &shown.concat())]);
    assert_eq!(lines(&config::load(&folder.sources()).unwrap()), shown);
}
