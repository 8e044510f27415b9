//! Fuzzing on stable: every target of `tests/fuzz/targets` over seeds that are bent by a stream of choices. By default a
//! number of inputs, the same ones in every run; `TILLGATE_FUZZ_SECONDS` runs all targets for so long together, from
//! another beginning each time. What was once found stands in `tests/fuzz/found` and is run first.
//!
//! `fuzz/` runs the same targets guided by coverage. CONTRIBUTING.md says how to use both.

mod contact_seeds;
mod gateway_seeds;
mod mutate;
mod patience;
mod seeds;
#[path = "../support/mod.rs"]
mod support;
mod targets;
mod watch;
mod worst;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::Choices;
use seeds::Corpus;
use targets::{ALL, Target, named};
use tillgate::domain::hashing::hash64;
use watch::{AtHand, caught, peak_bytes, processor_time};

/// What an execution may allocate at once: so much whatever comes in, and so much for each byte.
const PEAK_BYTES_MIN: usize = 24 << 20;
const PEAK_BYTES_PER_BYTE: usize = 128;
/// What an execution may take of the processor.
const LONGEST: Duration = Duration::from_secs(5);

const SLOW: &str = "too slow";

/// What a run of a target came to.
#[derive(Default)]
struct Summary {
    executions: u64,
    longest: (Duration, usize),
    largest: (usize, usize),
}

fn found_folder(target: Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found").join(target.name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Runs a target over one input; what is wrong, if anything is.
fn execute(target: Target, input: &[u8], summary: &mut Summary) -> Result<(), String> {
    let began = processor_time();
    let (result, peak) = peak_bytes(|| caught(|| (target.run)(input)));
    let took = processor_time().saturating_sub(began);
    result?;
    summary.executions += 1;
    summary.longest = summary.longest.max((took, input.len()));
    summary.largest = summary.largest.max((peak, input.len()));
    if peak > PEAK_BYTES_MIN + PEAK_BYTES_PER_BYTE * input.len() {
        return Err(format!("too much memory\n{peak} bytes at once for an input of {}", input.len()));
    }
    if took > LONGEST {
        return Err(format!("{SLOW}\n{took:?} for an input of {} bytes", input.len()));
    }
    Ok(())
}

/// Makes an input that fails shorter, as long as it still fails.
fn shortened(target: Target, input: &[u8]) -> Vec<u8> {
    let mut shortest = input.to_vec();
    let mut piece = shortest.len() / 2;
    let mut tries = 0;
    while piece > 0 && tries < 2_000 {
        let mut begin = 0;
        while begin < shortest.len() && tries < 2_000 {
            let mut shorter = shortest.clone();
            shorter.drain(begin..(begin + piece).min(shortest.len()));
            tries += 1;
            if execute(target, &shorter, &mut Summary::default()).is_err() {
                shortest = shorter;
            } else {
                begin += piece;
            }
        }
        piece /= 2;
    }
    shortest
}

/// Keeps what failed, shortened, and says how to run it again.
fn keep(target: Target, input: &[u8], why: &str) {
    let shortest = if why.starts_with(SLOW) { input.to_vec() } else { shortened(target, input) };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    let path = folder.join(format!("{}-{:016x}", target.name, hash64(&shortest)));
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, &shortest));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (name, path) = (target.name, path.display());
    let why: String = why.chars().take(2_000).collect();
    println!(
        "{name}: {why}\n  once more: TILLGATE_FUZZ_INPUT={path} cargo test --locked --test fuzz {name}\n  to stay: \
         mkdir -p tests/fuzz/found/{name} && cp {path} tests/fuzz/found/{name}/WHAT_IT_IS"
    );
}

/// What went wrong so far: by the place in the code, so that each fault is kept once.
#[derive(Default)]
struct Crashes(BTreeMap<String, u64>);

impl Crashes {
    fn add(&mut self, target: Target, input: &[u8], why: &str) {
        let kind = why.lines().next().unwrap_or_default().to_owned();
        let count = self.0.entry(kind).or_default();
        *count += 1;
        if *count == 1 {
            keep(target, input, why);
        }
    }
}

/// Runs `executions` inputs of a target, or its share of `TILLGATE_FUZZ_SECONDS`.
#[allow(clippy::disallowed_methods, reason = "a long run ends by the clock, and starts over by it")]
fn fuzz(name: &str, executions: u64) {
    let target = named(name);
    if let Some(path) = std::env::var_os("TILLGATE_FUZZ_INPUT") {
        let input = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return (target.run)(&input);
    }
    let mut summary = Summary::default();
    for path in files(&found_folder(target)) {
        let input = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(why) = execute(target, &input, &mut summary) {
            panic!("{}: {why}", path.display());
        }
    }
    let Corpus { seeds, words } = seeds::of(name);
    let mut crashes = Crashes::default();
    for seed in seeds.iter().chain(&worst::of(name)) {
        if let Err(why) = execute(target, seed, &mut summary) {
            crashes.add(target, seed, &why);
        }
    }
    let seconds: Option<f64> = std::env::var("TILLGATE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let began = Instant::now();
    let most = seconds.map(|seconds| Duration::from_secs_f64(seconds / ALL.len() as f64));
    let beginning = seconds.map_or(1, |_| std::process::id().into());
    let mut choices = Choices::new(beginning);
    let mut at_hand = AtHand::create(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz"), name);
    let mut input = Vec::new();
    while most.map_or(summary.executions < executions, |most| began.elapsed() < most) {
        mutate::input(&mut choices, &seeds, &words, &mut input);
        at_hand.keep(&input);
        if let Err(why) = execute(target, &input, &mut summary) {
            crashes.add(target, &input, &why);
        }
    }
    let Summary { executions, longest, largest } = summary;
    println!(
        "{name}: {executions} executions in {:.1?}, {} crashes; longest {:.1?} for {} bytes, most memory {} KiB for {} bytes",
        began.elapsed(),
        crashes.0.values().sum::<u64>(),
        longest.0,
        longest.1,
        largest.0 >> 10,
        largest.1
    );
    assert!(crashes.0.is_empty(), "{name}: {:#?}", crashes.0);
}

/// A test for each target, with so many executions; a target without one does not compile.
macro_rules! fuzzed {
    ($($name:ident: $executions:literal;)+) => {
        $(#[test]
        fn $name() {
            fuzz(stringify!($name), $executions);
        })+

        #[test]
        fn every_target_is_run_and_has_a_file_for_cargo_fuzz() {
            let run = [$(stringify!($name)),+];
            assert_eq!(run.to_vec(), ALL.iter().map(|target| target.name).collect::<Vec<_>>());
            for name in run {
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/fuzz_targets/{name}.rs"));
                let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                assert!(text.contains(&format!("named(\"{name}\")")), "{} runs another target", file.display());
            }
        }
    };
}

fuzzed! {
    json_pos_event: 2_000;
    json_account_event: 2_000;
    avro_pos_event: 2_000;
    avro_account_event: 2_000;
    avro_written_elsewhere: 500;
    avro_schema: 500;
    framing: 2_000;
    partition: 500;
    tick: 1_000;
    journal_record: 2_000;
    journal_account: 2_000;
    restore: 500;
    container: 2_000;
    export_line: 2_000;
    manifest: 500;
    archive: 500;
    recorded_outcome: 2_000;
    ruleset_record: 2_000;
    registry_answer: 1_000;
    contact_record: 2_000;
    contact_decision: 2_000;
    contact_partition: 2_000;
    contact_person: 3_000;
    contact_http: 1500;
    access_token: 4000;
    key_set: 1000;
    config_file: 100;
    config_values: 100;
    ruleset: 100;
}

/// Writes the seeds where cargo-fuzz looks for them: `TILLGATE_FUZZ_CORPUS=fuzz/corpus`.
#[test]
fn seeds_are_written_where_they_are_asked_for() {
    let Some(folder) = std::env::var_os("TILLGATE_FUZZ_CORPUS") else { return };
    for target in ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder).join(target.name);
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let found =
            files(&found_folder(*target)).into_iter().map(|path| fs::read(path).expect("what was found"));
        for seed in seeds::of(target.name).seeds.into_iter().chain(found) {
            let path = folder.join(format!("{:016x}", hash64(&seed)));
            fs::write(&path, seed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}
