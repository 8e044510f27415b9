//! Holds what must be absent: imports against the layers, the outside world in the core, files without a purpose or
//! grown too long. Each rule is a function from a file's text to faults, shown below to fail on a planted one.
//! Never judges behaviour, and never formats: that is `cargo fmt`.

mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use tokens::{Token, tokens};

/// Which modules of ours a module may import; itself always. Top down, so that every import points upwards in the list.
const LAYERS: &[(&str, &[&str])] = &[
    ("allocator", &[]),
    ("domain", &[]),
    ("state", &["domain"]),
    ("checks", &["domain", "state"]),
    ("engine", &["domain", "state", "checks"]),
    ("codec", &["domain", "state"]),
    ("archive", &["domain", "codec"]),
    ("pipeline", &["domain", "codec"]),
    ("profiles", &["domain", "state", "codec", "pipeline"]),
    ("contact", &["domain", "codec", "pipeline"]),
    ("pos", &["domain", "state", "engine", "codec", "pipeline", "profiles", "contact"]),
    ("telemetry", &["domain"]),
    ("config", &["domain", "checks", "codec", "contact", "telemetry"]),
    ("contract", &["domain", "checks", "codec", "contact", "config"]),
    ("explain", &["domain", "checks", "codec", "contact", "config"]),
    ("registry", &["domain", "codec", "telemetry", "config"]),
    ("load", &["domain", "codec", "config"]),
    ("kafka", &["domain", "codec", "pipeline", "telemetry", "config", "registry"]),
    ("gateway", &["domain", "codec", "contact", "telemetry", "config"]),
    (
        "replay",
        &[
            "domain", "state", "engine", "codec", "archive", "pipeline", "profiles", "contact", "pos",
            "config",
        ],
    ),
];

/// What wires the rest together and may import everything.
const TOP: &[&str] = &["app", "cli", "demo", "main", "lib"];

/// Decides, or makes bytes of it; so the same inputs give the same bytes only while nothing of the outside is in reach.
const CORE: &[&str] =
    &["domain", "state", "checks", "engine", "codec", "pipeline", "profiles", "contact", "pos"];

/// Moves the records of every flow, and knows none: what is a flow's own is behind `pipeline::Model`.
const OF_EVERY_FLOW: &[&str] = &["kafka", "pipeline"];

/// Names of types that several files may give, because they mean the same in each.
const SHARED_NAMES: &[&str] = &["NotWritten", "Parameters", "Setup"];

/// Names that no file of the core may hold, with what to do instead.
const OUTSIDE: &[(&str, &str)] = &[
    ("tokio", "the core is synchronous: return an effect"),
    ("rdkafka", "the core knows no Kafka: return an effect"),
    ("axum", "the core knows no HTTP: return an effect"),
    ("hyper", "the core knows no HTTP: return an effect"),
    ("ureq", "the core knows no HTTP: take the answer as an input"),
    ("tracing", "the core does not log: return a fact that the shell logs"),
    ("log", "the core does not log: return a fact that the shell logs"),
    ("metrics", "the core does not count: return a fact that the shell counts"),
    ("rand", "a decision is not random"),
    ("rand_chacha", "a decision is not random"),
    ("RandomState", "its hashes differ from run to run: use xxhash"),
    ("SystemTime", "time comes with the record: take a Micros"),
    ("Instant", "time comes with the record: take a Micros"),
    ("f32", "amounts are exact: use Decimal or Amount"),
    ("f64", "amounts are exact: use Decimal or Amount"),
];

/// Parts of `std` that no file of the core may reach.
const OUTSIDE_STD: &[&str] = &["env", "fs", "net", "process", "thread"];

/// Crates that one folder alone names, so that they could be replaced there.
const FENCED: &[(&str, &str)] = &[
    ("rdkafka", "src/kafka/client"),
    ("axum", "src/gateway"),
    ("hyper", "src/gateway"),
    ("hyper_util", "src/gateway"),
    ("jsonwebtoken", "src/gateway/auth"),
    ("tokio_rustls", "src/gateway"),
];

const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// Lines a file may have, tests and all.
const CORE_LINES: usize = 450;
const SHELL_LINES: usize = 600;

/// Files that may be longer, each with its limit: a ratchet that only ever goes down.
const LONGER: &[(&str, usize)] = &[];

/// What stands in nobody else's checkout, cut in two so that this file does not hold it.
const LOCAL: &[[&str; 2]] =
    &[["/wo", "rk/"], ["/ro", "ot/"], ["/tmp", "/wt"], ["repo.ma", "ven"], ["crates", ".io/api"]];

// ---------------------------------------------------------------------------------------------------- the repository

#[test]
fn imports_follow_the_layers() {
    hold(|file| layer_faults(&file.path, &file.tokens()));
}

#[test]
fn the_core_names_nothing_of_the_outside() {
    hold(|file| outside_faults(&file.path, &file.tokens()));
}

#[test]
fn what_moves_records_knows_no_flow() {
    hold(|file| flow_faults(&file.path, &file.tokens()));
}

#[test]
fn every_layer_is_there() {
    for (layer, _) in LAYERS {
        let paths = [format!("src/{layer}.rs"), format!("src/{layer}")];
        assert!(
            paths.iter().any(|path| root().join(path).exists()),
            "{layer} is gone: take it out of LAYERS"
        );
    }
}

#[test]
fn only_their_folders_name_kafka_and_http() {
    hold(|file| fence_faults(&file.path, &file.tokens()));
}

#[test]
fn every_file_says_what_it_is_for() {
    hold(|file| purpose_faults(&file.text));
}

#[test]
fn files_stay_short() {
    hold(|file| length_faults(&file.path, &file.text, LONGER));
    for (path, _) in LONGER {
        assert!(root().join(path).exists(), "{path} is gone: take it out of LONGER");
    }
}

#[test]
fn a_type_name_has_one_meaning() {
    let files: Vec<SourceFile> = source_files().iter().map(|path| SourceFile::read(path)).collect();
    report(name_faults(files.iter().map(|file| (&*file.path, &*file.text))).into_iter());
}

#[test]
fn nothing_is_left_unfinished() {
    hold(|file| unfinished_faults(&file.tokens()));
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let kinds = ["rs", "toml", "md", "sh", "yaml", "yml", "json", "avsc", "xml", "run"];
    let is_text = |path: &Path| {
        let kind = path.extension().or(path.file_name()).and_then(|kind| kind.to_str());
        kind.is_some_and(|kind| kinds.contains(&kind) || kind == "Dockerfile")
    };
    let fuzz = ["fuzz/fuzz_targets", "fuzz/src"];
    let folders =
        [".ci", "benches", "config", "docker", "docs", "schemas", "src", "tests"].into_iter().chain(fuzz);
    let mut files: Vec<PathBuf> = folders.flat_map(|folder| files_below(&root().join(folder))).collect();
    files.extend(["README.md", "Cargo.toml", "clippy.toml", "fuzz/Cargo.toml"].map(|file| root().join(file)));
    files.retain(|path| is_text(path) && path.exists());
    report(files.iter().flat_map(|path| SourceFile::read(path).faults(|file| local_faults(&file.text))));
}

/// Holds a rule over every source file of the package.
fn hold(rule: impl Fn(&SourceFile) -> Vec<Fault>) {
    report(source_files().iter().flat_map(|path| SourceFile::read(path).faults(&rule)));
}

fn source_files() -> Vec<PathBuf> {
    let mut files = files_below(&root().join("src"));
    files.retain(|path| path.extension().is_some_and(|kind| kind == "rs"));
    assert!(!files.is_empty(), "no source files: the test looks in the wrong place");
    files
}

fn report(faults: impl Iterator<Item = String>) {
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{} fault(s):\n{}\n", faults.len(), faults.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("a folder that can be listed").path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

struct SourceFile {
    /// From the top of the repository, with slashes.
    path: String,
    text: String,
}

impl SourceFile {
    fn read(path: &Path) -> Self {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let path = path.strip_prefix(root()).expect("a file of the repository");
        SourceFile { path: path.to_string_lossy().replace('\\', "/"), text }
    }

    fn tokens(&self) -> Vec<Token<'_>> {
        tokens(&self.text)
    }

    fn faults(&self, rule: impl Fn(&SourceFile) -> Vec<Fault>) -> Vec<String> {
        rule(self).iter().map(|fault| format!("  {}:{fault}", self.path)).collect()
    }
}

// --------------------------------------------------------------------------------------------------------- the rules

#[derive(Debug, PartialEq, Eq)]
struct Fault {
    line: usize,
    text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.line, self.text)
    }
}

fn fault(line: usize, text: impl Into<String>) -> Fault {
    Fault { line, text: text.into() }
}

/// `src/kafka/client/port.rs` -> `["kafka", "client", "port"]`, `src/kafka/mod.rs` -> `["kafka"]`.
fn module_path(path: &str) -> Vec<&str> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs");
    inside.split('/').filter(|part| *part != "mod").collect()
}

fn in_core(path: &str) -> bool {
    CORE.contains(&module_path(path)[0])
}

fn layer_faults(path: &str, tokens: &[Token<'_>]) -> Vec<Fault> {
    let module = module_path(path)[0];
    if TOP.contains(&module) {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
        return vec![fault(
            1,
            format!("module {module} is in no layer: put it into LAYERS of tests/it/architecture.rs"),
        )];
    };
    let forbidden = |name: &Token<'_>| {
        let known = LAYERS.iter().any(|(layer, _)| *layer == name.text) || TOP.contains(&name.text);
        match known {
            _ if name.text == module || allowed.contains(&name.text) => None,
            true => Some(fault(name.line, format!("{module} must not import {}", name.text))),
            false => Some(fault(
                name.line,
                format!("crate::{} is in no layer: name the module that has it", name.text),
            )),
        }
    };
    let mut faults: Vec<Fault> = imports(tokens, "crate").into_iter().filter_map(forbidden).collect();
    faults.extend(climbs(tokens, module_path(path).len()));
    faults
}

fn outside_faults(path: &str, tokens: &[Token<'_>]) -> Vec<Fault> {
    if !in_core(path) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for token in tokens {
        if let Some((name, instead)) = OUTSIDE.iter().find(|(name, _)| *name == token.text) {
            faults.push(fault(token.line, format!("the core must not name {name}: {instead}")));
        }
        if token.is_float() {
            faults.push(fault(token.line, format!("{} is a float: use Decimal or Amount", token.text)));
        }
    }
    for name in imports(tokens, "std").into_iter().filter(|name| OUTSIDE_STD.contains(&name.text)) {
        faults
            .push(fault(name.line, format!("the core must not reach std::{}: return an effect", name.text)));
    }
    faults
}

/// Names of the first flow, in what should serve any. Texts in quotes are no names: tests may use its topics.
fn flow_faults(path: &str, tokens: &[Token<'_>]) -> Vec<Fault> {
    if !OF_EVERY_FLOW.contains(&module_path(path)[0]) {
        return Vec::new();
    }
    let names_one = |token: &&Token<'_>| {
        let name = token.text.to_ascii_lowercase();
        let of_pos = name == "pos" || name.starts_with("pos_") || name.starts_with("posevent");
        token.is_name() && (of_pos || name.contains("account"))
    };
    let named = tokens.iter().filter(names_one);
    named
        .map(|token| fault(token.line, format!("{} is of one flow: put it into its model", token.text)))
        .collect()
}

fn fence_faults(path: &str, tokens: &[Token<'_>]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, folder) in FENCED.iter().filter(|(_, folder)| !path.starts_with(folder)) {
        for token in tokens.iter().filter(|token| token.text == *name) {
            faults.push(fault(token.line, format!("only {folder} may name {name}")));
        }
    }
    faults
}

fn purpose_faults(text: &str) -> Vec<Fault> {
    let said = text
        .strip_prefix("//!")
        .is_some_and(|rest| !rest.lines().next().unwrap_or_default().trim().is_empty());
    if said {
        Vec::new()
    } else {
        vec![fault(1, "begins without '//!' and what the file is for and must never do")]
    }
}

fn length_faults(path: &str, text: &str, longer: &[(&str, usize)]) -> Vec<Fault> {
    let usual = if in_core(path) { CORE_LINES } else { SHELL_LINES };
    let limit = longer.iter().find(|(name, _)| *name == path).map_or(usual, |(_, limit)| *limit);
    let lines = text.lines().count();
    if lines <= limit {
        return Vec::new();
    }
    vec![fault(lines, format!("{lines} lines, at most {limit}: split it by subject"))]
}

/// Types of one name in several files.
fn name_faults<'f>(files: impl Iterator<Item = (&'f str, &'f str)>) -> Vec<String> {
    let mut named: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (path, text) in files {
        let defined = tokens(text);
        let defined = defined.windows(2).filter(|two| ["enum", "struct", "trait"].contains(&two[0].text));
        for two in defined.filter(|two| two[1].is_name() && !SHARED_NAMES.contains(&two[1].text)) {
            named.entry(two[1].text.to_owned()).or_default().insert(path);
        }
    }
    let doubled = named.into_iter().filter(|(_, paths)| paths.len() > 1);
    let say = |(name, paths): (String, BTreeSet<&str>)| {
        let paths: Vec<&str> = paths.into_iter().collect();
        format!("  {name}: {}: each needs a name that says which it is", paths.join(", "))
    };
    doubled.map(say).collect()
}

fn unfinished_faults(tokens: &[Token<'_>]) -> Vec<Fault> {
    let called = tokens.windows(3).filter(|three| {
        UNFINISHED.contains(&three[0].text)
            && three[1].text == "!"
            && ["(", "[", "{"].contains(&three[2].text)
    });
    called.map(|three| fault(three[0].line, format!("{}! is left over", three[0].text))).collect()
}

fn local_faults(text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for name in LOCAL.iter().map(|halves| halves.concat()).filter(|name| line.contains(name)) {
            faults.push(fault(number + 1, format!("'{name}' is of one machine: leave it out")));
        }
    }
    faults
}

/// The names right below `root::`, as in `root::a::B` and `root::{a, b::{C, D}}`.
fn imports<'t, 'a>(tokens: &'t [Token<'a>], root: &str) -> Vec<&'t Token<'a>> {
    let mut names = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let is_root = pair[0].text == root && pair[1].text == "::";
        let continues = at > 0 && tokens[at - 1].text == "::" && at > 1 && tokens[at - 2].is_name();
        if is_root && !continues {
            names.extend(first_names(&tokens[at + 2..]));
        }
    }
    names
}

/// The first name of each branch of what follows a `::`.
fn first_names<'t, 'a>(after: &'t [Token<'a>]) -> Vec<&'t Token<'a>> {
    match after.first() {
        Some(token) if token.text == "{" => {}
        Some(token) => return vec![token],
        None => return Vec::new(),
    }
    let mut names = Vec::new();
    let mut depth = 0;
    let mut branch_begins = false;
    for token in after {
        match token.text {
            "{" => {
                depth += 1;
                branch_begins = depth == 1;
            }
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," if depth == 1 => branch_begins = true,
            _ if branch_begins => {
                names.push(token);
                branch_begins = false;
            }
            _ => {}
        }
    }
    names
}

/// Chains of `super::` that reach the crate's root from a module `depth` below it: they would hide an import.
fn climbs(tokens: &[Token<'_>], depth: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut braces = 0;
    let mut inline_modules = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" => {
                if at >= 2 && tokens[at - 2].text == "mod" {
                    inline_modules.push(braces);
                }
                braces += 1;
            }
            "}" => {
                braces -= 1;
                if inline_modules.last() == Some(&braces) {
                    inline_modules.pop();
                }
            }
            "super" if at < 2 || tokens[at - 2].text != "super" => {
                let climbed = tokens[at..].chunks(2).take_while(|pair| pair[0].text == "super").count();
                if climbed >= depth + inline_modules.len() {
                    faults.push(fault(
                        token.line,
                        "super reaches the crate's root: write crate:: and the module",
                    ));
                }
            }
            _ => {}
        }
    }
    faults
}

// ----------------------------------------------------------------------------------------------------- planted faults

const NOTHING: [usize; 0] = [];

fn lines(faults: Vec<Fault>) -> Vec<usize> {
    faults.into_iter().map(|fault| fault.line).collect()
}

fn layers(path: &str, source: &str) -> Vec<usize> {
    lines(layer_faults(path, &tokens(source)))
}

fn outside(path: &str, source: &str) -> Vec<usize> {
    lines(outside_faults(path, &tokens(source)))
}

#[test]
fn refuses_an_import_against_the_layers() {
    assert_eq!(layers("src/domain/amount.rs", "use crate::state::Account;"), [1]);
    assert_eq!(
        layers("src/checks/basket.rs", "use crate::{\n domain::Amount,\n engine::{Engine, rules},\n};"),
        [3]
    );
    assert_eq!(layers("src/gateway/mod.rs", "fn f() { crate::kafka::send() }"), [1]);
    assert_eq!(layers("src/state/mod.rs", "mod tests { use crate::app::App; }"), [1]);
    assert_eq!(layers("src/state/mod.rs", "pub use crate::Account;"), [1]);
    assert_eq!(layers("src/helpers.rs", ""), [1]);
}

#[test]
fn refuses_super_that_reaches_the_root() {
    assert_eq!(layers("src/domain/mod.rs", "use super::state::Account;"), [1]);
    assert_eq!(layers("src/domain/amount.rs", "\nuse super::super::state::Account;"), [2]);
    assert_eq!(layers("src/domain/amount.rs", "mod tests {\n use super::super::super::state::A;\n}"), [2]);
    assert_eq!(layers("src/domain/mod.rs", "mod tests { use super::*; }\nuse super::state;"), [2]);
}

#[test]
fn lets_imports_down_the_layers_pass() {
    let good = "use crate::domain::{Amount, ids::AccountId};\nuse crate::{domain, state::Accounts};\nuse crate::checks::form;
        pub(crate) fn f() {}\nmod tests { use super::*; fn g() { crate::domain::x() } }\n// use crate::app::App;
        /* crate::kafka /* crate::cli */ crate::app */ const TEXT: &str = r#\"crate::kafka \" crate::cli\"#;";
    assert_eq!(layers("src/checks/mod.rs", good), NOTHING);
    assert_eq!(
        layers("src/domain/amount.rs", "use super::decimal::Decimal;\nmod tests { use super::super::ids; }"),
        NOTHING
    );
    assert_eq!(layers("src/app.rs", "use crate::kafka::worker;"), NOTHING);
}

#[test]
fn refuses_names_of_one_flow_in_what_serves_any() {
    let flows = |path: &str, source: &str| lines(flow_faults(path, &tokens(source)));
    let bad = "fn f(account_number: u8) {}\nlet pos = 1;\nlet position = PosEvents;";
    assert_eq!(flows("src/pipeline/journal.rs", bad), [1, 2, 3]);
    assert_eq!(flows("src/kafka/port.rs", "let positions = \"account\"; // its account"), NOTHING);
    assert_eq!(flows("src/replay/walk.rs", "fn f(account: u8) {}"), NOTHING);
}

#[test]
fn refuses_the_outside_in_the_core() {
    for bad in [
        "use std::fs::File;",
        "use std::{collections::BTreeMap, net::IpAddr};",
        "fn f() { std::env::var(\"X\"); }",
        "fn f() { std::thread::yield_now() }",
        "use std::time::SystemTime;",
        "fn f() { let began = std::time::Instant::now(); }",
        "fn f(share: f64) {}",
        "const SHARE: X = 0.5;",
        "const SHARE: X = 1f32;",
        "use tokio::sync::mpsc;",
        "tracing::info!(\"x\");",
        "use rdkafka::Message;",
        "let n: u8 = rand::random();",
    ] {
        assert_eq!(outside("src/engine/mod.rs", bad), [1], "{bad}");
    }
}

#[test]
fn lets_exact_code_of_the_core_pass() {
    let good = "//! No f64, no std::fs.\nuse std::collections::BTreeMap;\nfn f<'a>(pair: &'a ((u8, u8), u8)) -> u8 { pair.0.1 }
        const SIGNS: [char; 4] = ['f', '\\'', '\\\\', '\"']; const F64: u64 = 0x1f64; const TEXT: &str = \"f64 \\\" std::fs\";
        fn g() { for n in 0..9 { n.max(1); } } fn h() -> &'static [u8] { b\"Instant\" }";
    assert_eq!(outside("src/domain/decimal.rs", good), NOTHING);
    assert_eq!(outside("src/kafka/worker.rs", "let began = std::time::Instant::now();"), NOTHING);
}

#[test]
fn refuses_fenced_crates_elsewhere() {
    let faults = |path, source| lines(fence_faults(path, &tokens(source)));
    assert_eq!(faults("src/kafka/worker.rs", "use rdkafka::ClientConfig;"), [1]);
    assert_eq!(faults("src/app.rs", "let router = axum::Router::new();"), [1]);
    assert_eq!(faults("src/kafka/client/consumer.rs", "use rdkafka::ClientConfig;"), NOTHING);
    assert_eq!(faults("src/app.rs", "use hyper_util::rt::TokioIo;"), [1]);
    assert_eq!(faults("src/gateway/admin.rs", "use axum::Router;"), NOTHING);
    assert_eq!(faults("src/app.rs", "// rdkafka behind the port\nlet name = \"rdkafka\";"), NOTHING);
}

#[test]
fn refuses_a_file_without_a_purpose() {
    assert_eq!(lines(purpose_faults("use std::fmt;\n")), [1]);
    assert_eq!(lines(purpose_faults("//!\nuse std::fmt;\n")), [1]);
    assert_eq!(lines(purpose_faults("//! Amounts. Never rounds.\n")), NOTHING);
}

#[test]
fn refuses_a_file_that_grew_too_long() {
    let text = "\n".repeat(500);
    assert_eq!(lines(length_faults("src/state/mod.rs", &text, &[])), [500]);
    assert_eq!(lines(length_faults("src/state/mod.rs", &text, &[("src/state/mod.rs", 500)])), NOTHING);
    assert_eq!(lines(length_faults("src/kafka/worker.rs", &text, &[])), NOTHING);
    assert_eq!(lines(length_faults("src/kafka/worker.rs", &"\n".repeat(601), &[])), [601]);
}

#[test]
fn refuses_two_types_of_one_name() {
    let found =
        |second| name_faults([("src/a.rs", "pub struct Entry(u8);"), ("src/b.rs", second)].into_iter());
    assert_eq!(
        found("enum Entry {}"),
        ["  Entry: src/a.rs, src/b.rs: each needs a name that says which it is"]
    );
    assert!(found("struct OtherEntry; // struct Entry").is_empty());
    let check = "pub struct Parameters;";
    assert!(name_faults([("src/a.rs", check), ("src/b.rs", check)].into_iter()).is_empty());
}

#[test]
fn refuses_what_is_left_unfinished() {
    let faults = |source| lines(unfinished_faults(&tokens(source)));
    assert_eq!(
        faults("fn f() { todo!() }\nfn g() { unimplemented!(\"x\") }\nfn h() { dbg!(1); }"),
        [1, 2, 3]
    );
    assert_eq!(faults("// todo!()\nlet todo = 1; if todo != 2 {}"), NOTHING);
}

#[test]
fn refuses_paths_and_hosts_of_one_machine() {
    for halves in LOCAL {
        assert_eq!(lines(local_faults(&format!("first\nsee {}here", halves.concat()))), [2]);
    }
    assert_eq!(lines(local_faults("see ../shared and /tmp/x")), NOTHING);
}
