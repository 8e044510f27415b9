//! What a torture run does, all of it out of one seed: which rounds, under which protocol, and which faults in which
//! order. Never random: the same seed asks for the same faults again, though machines differ in what these then hit.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tillgate::config::units;
use tillgate::load::draw::Draw;

/// How long a round of a long run lasts before everything is checked and the next begins on new topics.
const ROUND: Duration = Duration::from_secs(600);
/// POS events a second.
const RATE: u32 = 500;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    InstanceKilled,
    InstanceLost,
    AllInstancesKilled,
    InstanceAsleep,
    BrokerKilled,
    GroupCoordinatorKilled,
    TransactionCoordinatorKilled,
    ConnectionsCut,
    NetworkSlow,
    BrokerSilent,
    RollingRestart,
    Growth,
    Everything,
}

impl Fault {
    pub const ALL: [Self; 13] = [
        Self::InstanceKilled,
        Self::InstanceLost,
        Self::AllInstancesKilled,
        Self::InstanceAsleep,
        Self::BrokerKilled,
        Self::GroupCoordinatorKilled,
        Self::TransactionCoordinatorKilled,
        Self::ConnectionsCut,
        Self::NetworkSlow,
        Self::BrokerSilent,
        Self::RollingRestart,
        Self::Growth,
        Self::Everything,
    ];

    /// What a report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InstanceKilled => "instance: kill -9, started again at once",
            Self::InstanceLost => "instance: kill -9, started again after others took over",
            Self::AllInstancesKilled => "all instances: kill -9, started again",
            Self::InstanceAsleep => "instance: SIGSTOP for longer than its session, SIGCONT",
            Self::BrokerKilled => "broker: kill -9, started again",
            Self::GroupCoordinatorKilled => "broker: the same to the group coordinator",
            Self::TransactionCoordinatorKilled => "broker: the same to a transaction coordinator",
            Self::ConnectionsCut => "network: connections cut, again and again",
            Self::NetworkSlow => "network: everything delayed",
            Self::BrokerSilent => "network: a broker silent for longer than a request may take",
            Self::RollingRestart => "instances: rolling restart by SIGTERM",
            Self::Growth => "instances: 1 -> 4 -> 2",
            Self::Everything => "at once: broker killed, instance killed, connections cut",
        }
    }
}

/// How the group shares partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Classic,
    Consumer,
}

impl fmt::Display for Protocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        })
    }
}

/// A part of a run on topics of its own, checked at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    pub number: u64,
    pub seed: u64,
    pub protocol: Protocol,
    /// Whether instances have names, and so keep their places in the group.
    pub named: bool,
    /// Whether events come as Avro; else as JSON.
    pub avro: bool,
    /// POS events a second.
    pub rate: u32,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// None: every fault once over a round of each protocol.
    pub length: Option<Duration>,
    /// Where the report goes besides standard output.
    pub report: PathBuf,
    /// The first round; those before are left out.
    pub first: u64,
    rate: u32,
    protocols: Vec<Protocol>,
}

impl Plan {
    /// As the environment asks for it.
    ///
    /// # Panics
    /// Where a variable cannot be read: the message says how it is written.
    pub fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let number = |name: &str, default: u64| match variable(name) {
            None => default,
            Some(text) => {
                text.parse().unwrap_or_else(|_| panic!("{name}={text}: must be a whole number, such as 7"))
            }
        };
        let length = variable("TILLGATE_TORTURE").map(|text| match units::micros(&text) {
            Some(micros) if micros > 0 => Duration::from_micros(micros.unsigned_abs()),
            _ => panic!("TILLGATE_TORTURE={text}: must be a duration, such as 90s, 30min or 2h"),
        });
        let protocols = match variable("TILLGATE_TORTURE_PROTOCOL").as_deref() {
            None | Some("both") => vec![Protocol::Classic, Protocol::Consumer],
            Some("classic") => vec![Protocol::Classic],
            Some("consumer") => vec![Protocol::Consumer],
            Some(other) => {
                panic!("TILLGATE_TORTURE_PROTOCOL={other}: must be classic, consumer or both")
            }
        };
        let report = variable("TILLGATE_TORTURE_REPORT").map(PathBuf::from);
        Plan {
            seed: number("TILLGATE_TORTURE_SEED", 1),
            length,
            report: report.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("torture.md")),
            first: number("TILLGATE_TORTURE_ROUND", 0),
            rate: u32::try_from(number("TILLGATE_TORTURE_RATE", RATE.into())).expect("a rate"),
            protocols,
        }
    }

    /// Round `number`: protocols take turns, then names and formats.
    pub fn round(&self, number: u64) -> Round {
        let kinds = self.protocols.len() as u64;
        Round {
            number,
            seed: self.seed.wrapping_mul(1_000_003).wrapping_add(number),
            protocol: self.protocols[(number % kinds) as usize],
            named: (number / kinds).is_multiple_of(2),
            avro: (number + number / kinds) % 2 == 1,
            rate: self.rate,
        }
    }

    /// How many rounds there are when nothing says how long.
    pub fn rounds(&self) -> u64 {
        self.protocols.len() as u64
    }

    /// How long a round lasts of which so much of the whole is left.
    pub fn round_length(left: Duration) -> Duration {
        // The last one takes what would be too short for another.
        if left < ROUND * 3 / 2 { left } else { ROUND }
    }

    /// How to do round `round` again.
    pub fn again(&self, round: &Round) -> String {
        let length = self.length.map_or_else(String::new, |length| {
            format!("TILLGATE_TORTURE={} ", units::show_micros(length.as_micros() as i64))
        });
        let protocols = match self.protocols[..] {
            [protocol] => format!("TILLGATE_TORTURE_PROTOCOL={protocol} "),
            _ => String::new(),
        };
        format!(
            "{length}{protocols}TILLGATE_TORTURE_SEED={} TILLGATE_TORTURE_ROUND={} TILLGATE_TORTURE_RATE={} \
             cargo test --locked --test torture -- --nocapture",
            self.seed, round.number, self.rate
        )
    }

    /// The faults of a short run's round: all kinds, dealt out to the rounds, and in every one a take-over. Coordinators
    /// are brokers too, so that no other is killed.
    pub fn faults(&self, round: &Round) -> Vec<Fault> {
        let mut each = vec![Fault::InstanceKilled, Fault::InstanceLost];
        let rest = shuffled(&mut Draw::of_slot(self.seed, 0));
        let once = |fault: &Fault| !each.contains(fault) && *fault != Fault::BrokerKilled;
        let rest = rest.into_iter().filter(once).enumerate();
        let dealt = rest.filter(|(place, _)| *place as u64 % self.rounds() == round.number % self.rounds());
        let dealt: Vec<Fault> = dealt.map(|(_, fault)| fault).collect();
        each.extend(dealt);
        shuffle(&mut each, &mut Draw::of_slot(round.seed, 1));
        each
    }
}

/// All kinds in some order.
pub fn shuffled(draw: &mut Draw) -> Vec<Fault> {
    let mut faults = Fault::ALL.to_vec();
    shuffle(&mut faults, draw);
    faults
}

fn shuffle(faults: &mut [Fault], draw: &mut Draw) {
    for place in (1..faults.len()).rev() {
        faults.swap(place, draw.below(place as u32 + 1) as usize);
    }
}
