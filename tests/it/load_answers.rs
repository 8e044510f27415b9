//! Generated events before the engine with the default parameters: correct ones are accepted without a word, and
//! every mistake is answered by the code that it names.

use crate::support::stream::of_the_catalogue;
use std::collections::BTreeMap;
use tillgate::codec::{KnownSchemas, decode_pos_event};
use tillgate::config::{self, Sources};
use tillgate::domain::account_event::AccountEvent;
use tillgate::domain::enums::Verdict;
use tillgate::domain::outcome::{Outcome, Source};
use tillgate::domain::record::RecordTime;
use tillgate::domain::{Micros, ProfileView};
use tillgate::engine::{Engine, RecordContext};
use tillgate::load::{Encoder, Generated, LoadSettings, Mistake, MistakeShares, PosRecord, World};
use tillgate::state::{FactsOfAccount, PartitionState};

/// One partition, fed in order.
struct Till {
    engine: Engine,
    state: PartitionState,
    schemas: KnownSchemas,
    encoder: Encoder,
    offset: i64,
}

/// Verdict and codes of an answer.
type Answer = (Verdict, Vec<&'static str>);

impl Till {
    fn open(world: &World, encoder: Encoder) -> Self {
        let settings = config::load(&Sources::default()).expect("the embedded defaults");
        let canonical = settings.canonical_text().to_owned();
        let engine = Engine::new(settings.checks, settings.texts, &canonical);
        let schemas = KnownSchemas::new().expect("our schemas");
        let mut till = Self { engine, state: PartitionState::default(), schemas, encoder, offset: 0 };
        for event in world.opening_events() {
            till.account_event(&event, world.accounts().opened_at());
        }
        till
    }

    fn account_event(&mut self, event: &AccountEvent, time: Micros) {
        let record = record_at("account.events", &event.account, time, self.offset);
        let change = self.engine.apply_account_event(&self.state, event, &record).expect("applies").change;
        apply(&mut self.state, change);
    }

    fn pos_record(&mut self, generated: &PosRecord<'_>) -> Answer {
        self.offset += 1;
        let mut value = Vec::new();
        self.encoder.pos_record(generated, &mut value).expect("has a place");
        let Ok(event) = decode_pos_event(&self.schemas, &value, None) else {
            return (Verdict::NotEvaluated, vec!["400.001"]);
        };
        let Some(key) = generated.key.as_deref().and_then(|key| str::from_utf8(key).ok()) else {
            return (Verdict::NotEvaluated, vec!["400.001"]);
        };
        let record = record_at("pos.events", key, generated.time, self.offset);
        let sound = match self.engine.read(&event, &record) {
            Ok(sound) => sound,
            Err(outcome) => return answer(&outcome),
        };
        self.state.advance(sound.time);
        let now = self.state.stream_time();
        while let Some((account, _)) = self.state.expired_hold(now) {
            let number = account.number.to_string();
            let ended = record_at("pos.events", &number, now, self.offset);
            let Some(decision) = self.engine.expire(&self.state, &ended, 0, 1, now) else { break };
            apply(&mut self.state, decision.change);
        }
        let decision = self.engine.decide(&self.state, &sound, &record, (now, &ProfileView::default()));
        let answer = answer(&decision.outcome.expect("an outcome"));
        apply(&mut self.state, decision.change);
        answer
    }
}

fn record_at<'a>(topic: &'a str, key: &'a str, time: Micros, offset: i64) -> RecordContext<'a> {
    let source = Source { topic, partition: 0.into(), offset, timestamp_millis: time.0 / 1_000 };
    RecordContext { source, key, time: RecordTime::of_millis(time.0 / 1_000), positions: &[], asked: false }
}

fn apply(state: &mut PartitionState, change: Option<FactsOfAccount<'_>>) {
    if let Some(change) = change {
        state.apply(&change.account, &change.facts).expect("applies");
        state.keep();
    }
}

fn answer(outcome: &Outcome<'_>) -> Answer {
    (outcome.verdict, outcome.messages.iter().map(|message| of_the_catalogue(&message.code)).collect())
}

fn answers(settings: LoadSettings, encoder: Encoder) -> Vec<(Option<Mistake>, Option<&'static str>, Answer)> {
    let world = World::new(settings.validated().expect("settings"));
    let mut till = Till::open(&world, encoder);
    let mut answers = Vec::new();
    for generated in world.generate() {
        match generated {
            Generated::Account { event, time } => till.account_event(&event, time),
            Generated::Pos(record) => {
                let answer = till.pos_record(&record);
                answers.push((record.mistake, record.expected_code, answer));
            }
        }
    }
    answers
}

#[test]
fn accepts_every_correct_event_without_a_word() {
    for (accounts, lines, seed) in [(100, 4, 1), (1, 1, 2), (700, 9, 3), (40, 30, 4)] {
        let settings = LoadSettings {
            seed,
            count: 20_000,
            accounts,
            lines,
            step: LoadSettings::step_for(accounts),
            mistakes: MistakeShares::even(150),
            ..LoadSettings::default()
        };
        for (mistake, _, answer) in answers(settings, Encoder::Json) {
            if mistake.is_none() {
                assert_eq!(answer, (Verdict::Accepted, Vec::new()), "{accounts} {lines}");
            }
        }
    }
}

#[test]
fn answers_every_mistake_with_the_code_it_names() {
    let settings = LoadSettings {
        count: 30_000,
        accounts: 400,
        step: LoadSettings::step_for(400),
        mistakes: MistakeShares::even(400),
        ..LoadSettings::default()
    };
    let mut codes: BTreeMap<Mistake, BTreeMap<Answer, u32>> = BTreeMap::new();
    for encoder in [Encoder::Json, Encoder::avro_single_object().expect("our schemas")] {
        for (mistake, expected, answer) in answers(settings.clone(), encoder) {
            let (Some(mistake), Some(expected)) = (mistake, expected) else { continue };
            assert!(answer.1.contains(&expected), "{} was answered {answer:?}", mistake.name());
            *codes.entry(mistake).or_default().entry(answer).or_default() += 1;
        }
    }
    assert_eq!(codes.len(), Mistake::ALL.len());
    for (mistake, answers) in &codes {
        let most = answers.iter().max_by_key(|(_, times)| **times).map(|(answer, _)| answer.clone());
        // An obsolete symbol is unusual in most countries besides.
        let mut expected = (mistake.verdict(), vec![mistake.code()]);
        if *mistake == Mistake::ObsoleteLanguage {
            expected.1.insert(0, Mistake::OddLanguage.code());
        }
        // Net and tax no longer make the amount of the line either.
        if *mistake == Mistake::LineGross {
            expected.1.push(Mistake::UnitPrice.code());
        }
        assert_eq!(most, Some(expected), "the usual answer to {}", mistake.name());
    }
}
