//! Makes things go wrong, one fault after another, and waits after each until everything is decided that was there.
//! Never looks at what was decided: that is the checker's, when the round is over.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::BaseConsumer;
use tillgate::load::draw::Draw;

use crate::cluster::{BROKERS, Cluster};
use crate::plan::{Fault, Protocol, Round};
use crate::support::eventually;
use crate::support::proxy::Proxy;
use crate::support::scene::{Running, Scene};

/// How long it may take until all is decided that was there at the end of a fault: sessions, transactions and brokers'
/// sessions run out within ten seconds each, and a worker that is rebuilt again and again pauses up to 15 s.
const CALM_WITHIN: Duration = Duration::from_secs(240);
/// How long a member may be silent, in both protocols (`tests/kafka/kafka.sh` for the brokers' side).
const SESSION: Duration = Duration::from_secs(6);
/// How long a request may take: `kafka.socket_timeout`.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a broker may take of which it is not known whether it lives.
const ASK: Duration = Duration::from_secs(3);
/// Instances while nothing grows.
const USUAL: usize = 2;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const WORKERS: usize = 2;

/// An instance of tillgate, or the place of one.
struct Instance {
    name: &'static str,
    running: Option<Running>,
}

/// A fault that happened. Times are milliseconds since 1970.
#[derive(Clone, Debug)]
pub struct Happened {
    pub fault: Fault,
    pub began: i64,
    /// When all was decided again that was there before its end.
    pub ended: i64,
}

/// A kill of an instance with nothing else amiss.
#[derive(Clone, Debug)]
pub struct Kill {
    pub at: i64,
    /// What it decided then.
    pub partitions: Vec<i32>,
    /// Whether it was started again at once.
    pub again_at_once: bool,
}

/// A round under way.
pub struct Run<'r> {
    round: &'r Round,
    scene: &'r Scene,
    cluster: &'r Cluster,
    proxy: &'r Proxy,
    member: BaseConsumer,
    instances: Vec<Instance>,
    draw: Draw,
    pub happened: Vec<Happened>,
    pub kills: Vec<Kill>,
}

impl<'r> Run<'r> {
    /// Starts the usual instances and waits until they decide.
    pub fn start(round: &'r Round, scene: &'r Scene, cluster: &'r Cluster, proxy: &'r Proxy) -> Self {
        let instances = NAMES.map(|name| Instance { name, running: None }).into();
        let draw = Draw::of_slot(round.seed, 2);
        let (member, happened, kills) = (scene.member(), Vec::new(), Vec::new());
        let mut run = Run { round, scene, cluster, proxy, member, instances, draw, happened, kills };
        (0..USUAL).for_each(|place| run.begin(place));
        run.await_calm();
        run
    }

    /// Lets a fault happen and waits until it is over.
    pub fn suffer(&mut self, fault: Fault) {
        let began = now();
        match fault {
            Fault::InstanceKilled => self.kill_instance(true),
            Fault::InstanceLost => self.kill_instance(false),
            Fault::AllInstancesKilled => self.kill_all_instances(),
            Fault::InstanceAsleep => self.put_to_sleep(),
            Fault::BrokerKilled => {
                let broker = 1 + self.draw.below(BROKERS.into()) as u16;
                self.kill_broker(broker);
            }
            Fault::GroupCoordinatorKilled => {
                self.kill_broker(self.cluster.group_coordinator(self.scene.group()));
            }
            Fault::TransactionCoordinatorKilled => {
                let place = self.any();
                let id = self.transactional_id(place);
                self.kill_broker(self.cluster.transaction_coordinator(&id));
            }
            Fault::ConnectionsCut => self.cut_connections(),
            Fault::NetworkSlow => self.slow_down(),
            Fault::BrokerSilent => self.silence_broker(),
            Fault::RollingRestart => self.restart_in_turn(),
            Fault::Growth => self.grow_and_shrink(),
            Fault::Everything => self.everything(),
        }
        self.await_calm();
        let ended = now();
        eprintln!("  {:6.1} s  {}", seconds(ended - began), fault.name());
        self.happened.push(Happened { fault, began, ended });
    }

    /// Stops all instances in order.
    pub fn stop(mut self) -> (Vec<Happened>, Vec<Kill>) {
        for place in 0..self.instances.len() {
            self.end(place);
        }
        (std::mem::take(&mut self.happened), std::mem::take(&mut self.kills))
    }

    /// Waits until everything is decided that is there now, while every instance lives.
    pub fn await_calm(&mut self) {
        let mut topics = self.scene.contact_inputs();
        topics.extend(
            [&self.scene.pos_events, &self.scene.account_events, &self.scene.ticks].map(String::clone),
        );
        let ends: Vec<_> = topics.iter().map(|topic| (topic, self.scene.kafka.ends(topic))).collect();
        let logs: Vec<String> =
            self.running().map(|running| running.log_path().display().to_string()).collect();
        let what = format!("everything to be decided; see {}", logs.join(" "));
        eventually(CALM_WITHIN, &what, || {
            self.keep_alive();
            let committed = self.scene.committed(&self.member, ASK)?;
            let behind = ends.iter().any(|(topic, ends)| {
                let at = |partition| committed.find_partition(topic, partition)?.offset().to_raw();
                ends.iter().any(|(&partition, &end)| at(partition).unwrap_or(0).max(0) < end)
            });
            (!behind).then_some(())
        });
    }

    /// Starts those again that found no broker when they started, as an orchestrator would; nobody else may end.
    fn keep_alive(&mut self) {
        for place in 0..self.instances.len() {
            let Some(running) = self.instances[place].running.as_mut() else { continue };
            if running.has_ended() && running.says("this may pass, try again") {
                eprintln!("  an instance found no broker at its start and is started again");
                self.begin(place);
            } else {
                running.assert_alive();
            }
        }
    }

    fn running(&self) -> impl Iterator<Item = &Running> {
        self.instances.iter().filter_map(|place| place.running.as_ref())
    }

    fn at(&self, place: usize) -> &Running {
        self.instances[place].running.as_ref().expect("an instance that runs")
    }

    /// The place of some instance that runs.
    fn any(&mut self) -> usize {
        let running: Vec<usize> =
            (0..self.instances.len()).filter(|place| self.instances[*place].running.is_some()).collect();
        *self.draw.one_of(&running)
    }

    fn begin(&mut self, place: usize) {
        let name = self.instances[place].name;
        let bootstrap = format!("kafka.bootstrap_servers={}", self.proxy.bootstrap());
        let workers = format!("kafka.workers={WORKERS}");
        let named = format!("kafka.group_instance_id={name}");
        let mut sets = vec![bootstrap.as_str(), &workers];
        if self.round.named {
            sets.push(&named);
        }
        self.instances[place].running = Some(self.scene.start(&sets));
    }

    /// SIGTERM, and its end.
    fn end(&mut self, place: usize) {
        if let Some(running) = self.instances[place].running.take() {
            running.stop();
        }
    }

    fn kill(&mut self, place: usize) {
        self.instances[place].running.take().expect("an instance that runs").kill();
    }

    /// The transactional id of one of its workers.
    fn transactional_id(&mut self, place: usize) -> String {
        let worker = self.draw.below(WORKERS as u32);
        let instance = if self.round.named {
            self.instances[place].name.to_owned()
        } else {
            let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("the host's name");
            format!("{}-{}", host.trim(), self.at(place).id())
        };
        format!("{}-{instance}-{worker}", self.scene.group())
    }

    /// Lets what is now last for so long. This is the fault itself, nothing is waited for.
    fn last(&mut self, from: Duration, to: Duration) {
        let millis = self.draw.between(from.as_millis() as u32, to.as_millis() as u32);
        let until = now() + i64::from(millis);
        while now() < until {
            std::thread::park_timeout(Duration::from_millis((until - now()).max(1) as u64));
        }
    }

    /// Who shares the work shares it: no rebalance is under way, as far as can be seen.
    fn await_shared(&mut self) {
        let partitions = self.scene.partitions() as usize;
        eventually(CALM_WITHIN, "every partition to have an owner", || {
            self.keep_alive();
            let owned: Vec<Vec<i32>> = self.running().map(Running::decides).collect();
            let shared = owned.iter().all(|owned| !owned.is_empty());
            (shared && owned.iter().map(Vec::len).sum::<usize>() == partitions).then_some(())
        });
    }

    fn kill_instance(&mut self, again_at_once: bool) {
        self.await_shared();
        let place = self.any();
        let partitions = self.at(place).decides();
        self.kills.push(Kill { at: now(), partitions, again_at_once });
        self.kill(place);
        if !again_at_once {
            self.await_calm();
        }
        self.begin(place);
    }

    fn kill_all_instances(&mut self) {
        (0..USUAL).for_each(|place| self.kill(place));
        (0..USUAL).for_each(|place| self.begin(place));
    }

    /// A zombie: it sleeps until it is out of the group and others have its partitions, then goes on where it was.
    fn put_to_sleep(&mut self) {
        self.await_shared();
        let place = self.any();
        self.at(place).signal("STOP");
        self.last(SESSION * 3 / 2, SESSION * 5 / 2);
        self.at(place).signal("CONT");
    }

    /// The other two are enough: everything is decided before the third is back.
    fn kill_broker(&mut self, broker: u16) {
        self.cluster.kill(broker);
        self.await_calm();
        self.last(Duration::ZERO, Duration::from_secs(4));
        self.cluster.bring_back(broker);
    }

    fn cut_connections(&mut self) {
        for _ in 0..self.draw.between(3, 12) {
            match self.draw.below(2) {
                0 => self.proxy.cut(),
                _ => self.proxy.broker(1 + self.draw.below(BROKERS.into()) as usize).cut(),
            }
            self.last(Duration::from_millis(10), Duration::from_millis(800));
        }
    }

    fn slow_down(&mut self) {
        let way = |draw: &mut Draw| Duration::from_millis(draw.between(5, 150).into());
        if self.draw.below(2) == 0 {
            self.proxy.delay(way(&mut self.draw), way(&mut self.draw));
        } else {
            let broker = 1 + self.draw.below(BROKERS.into()) as usize;
            self.proxy.broker(broker).delay(way(&mut self.draw), way(&mut self.draw) * 4);
        }
        self.last(Duration::from_secs(4), Duration::from_secs(8));
        self.proxy.delay(Duration::ZERO, Duration::ZERO);
    }

    fn silence_broker(&mut self) {
        let broker = 1 + self.draw.below(BROKERS.into()) as usize;
        self.proxy.broker(broker).freeze();
        self.last(REQUEST, REQUEST * 2);
        self.proxy.broker(broker).thaw();
    }

    fn restart_in_turn(&mut self) {
        for place in 0..USUAL {
            self.end(place);
            self.begin(place);
            self.await_shared();
        }
    }

    fn grow_and_shrink(&mut self) {
        (1..USUAL).for_each(|place| self.end(place));
        self.await_calm();
        (1..NAMES.len()).for_each(|place| self.begin(place));
        self.await_shared();
        self.await_calm();
        // One of those that go says good-bye, the other does not.
        self.kill(NAMES.len() - 1);
        self.end(NAMES.len() - 2);
    }

    fn everything(&mut self) {
        let broker = 1 + self.draw.below(BROKERS.into()) as u16;
        self.cluster.kill(broker);
        self.last(Duration::ZERO, Duration::from_secs(2));
        let place = self.any();
        self.kill(place);
        self.cut_connections();
        self.begin(place);
        self.cluster.bring_back(broker);
    }
}

/// Milliseconds since 1970: what records' timestamps are compared with.
#[allow(clippy::disallowed_methods, reason = "measures the run; nothing is decided by it")]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_millis()).expect("a clock before the year 200 million")
}

pub fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}

/// What `tillgate run` needs to know of the protocol.
pub fn protocol_sets(protocol: Protocol) -> [String; 2] {
    let session = format!("kafka.session_timeout={}s", SESSION.as_secs());
    [format!("kafka.group_protocol={protocol}"), session]
}
