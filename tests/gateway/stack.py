"""A stack to send requests to: Kafka, topics of its own, any number of `tillgate run` and `tillgate gateway`.

Kafka is that of a given address, or one that tests/kafka/kafka.sh starts; it ends with this process, however that ends.
"""

import atexit
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOPICS = ("pos_events", "account_events", "ticks", "pos_outcomes", "account_results", "dead_letters", "journal", "rulesets")
CONTACT_TOPICS = (
    "contact_requests",
    "interactions",
    "party_records",
    "parties",
    "contact_decisions",
    "interaction_results",
    "contact_dead_letters",
    "contact_journal",
)
SCOPES = ("events:write", "events:read", "account-events:write", "interactions:write", "contact:ask")
START_WITHIN = 120


def free_ports(count):
    """Ports in a row that nobody listens on, below those that outgoing connections take."""
    for _ in range(200):
        first = random.SystemRandom().randrange(20_000, 32_000)
        try:
            held = []
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                held[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            pass
        finally:
            for one in held:
                one.close()
    raise RuntimeError("no free ports")


def eventually(what, found, within=START_WITHIN):
    """The first true answer of `found`."""
    until = time.monotonic() + within
    while True:
        try:
            if answer := found():
                return answer
            why = ""
        except OSError as error:
            why = f": {error}"
        if time.monotonic() > until:
            raise TimeoutError(f"waited {within} s for {what}{why}")
        time.sleep(0.1)


def status_of(port, path):
    """The HTTP status of a page of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


class NoKafka(Exception):
    """No Kafka can be had on this machine."""


class Kafka:
    """One broker."""

    def __init__(self, folder):
        self.folder = folder / "kafka"
        self.port = free_ports(2)
        self.script = subprocess.Popen(
            [ROOT / "tests/kafka/kafka.sh", "serve", self.folder, str(self.port), "1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.script.stdout.readline()
        if not line.startswith("brokers "):
            raise NoKafka(f"tests/kafka/kafka.sh ended with {self.script.wait()}")
        self.bootstrap = line.split()[1]

    def ask(self, line):
        """A verb of kafka.sh: `kill 1`, `start 1`."""
        self.script.stdin.write(line + "\n")
        self.script.stdin.flush()
        self.script.stdout.readline()

    def signal(self, number):
        """A signal to the broker, such as SIGSTOP."""
        os.kill(int((self.folder / "1.pid").read_text()), number)

    def end(self, keep):
        if keep:
            self.ask("keep")
        self.script.stdin.close()
        self.script.wait()


class Process:
    """A process of tillgate, which can be killed and started again."""

    def __init__(self, stack, name, arguments, admin):
        self.stack, self.name, self.arguments, self.admin = stack, name, arguments, admin
        self.log = stack.folder / f"{name}.log"
        self.lock = threading.Lock()
        self.start()

    def start(self):
        with self.lock, self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [self.stack.binary, *self.arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            self.killed = False

    def has_ended(self):
        """Whether it ended without being killed."""
        with self.lock:
            return not self.killed and self.child.poll() is not None

    def is_ready(self):
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.child.returncode}:\n{self.log.read_text()[-3000:]}")
        return status_of(self.admin, "/readyz") == 200

    def kill(self):
        with self.lock:
            self.killed = True
            self.child.kill()
            self.child.wait()

    def end(self):
        """As an operator ends it; the exit code."""
        self.child.send_signal(signal.SIGCONT)
        self.child.terminate()
        try:
            return self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            return "killed after 30 s"


class Stack:
    """Kafka and what runs beside it. `with` ends all of it. `contact`: whether contact decisions are made."""

    def __init__(self, binary, bootstrap=None, partitions=4, contact=True):
        self.binary = str(Path(binary).resolve())
        self.folder = Path(tempfile.mkdtemp(prefix="tillgate-gateway-"))
        self.processes = []
        self.kafka = None
        # Leave the folder behind, for whoever looks for a fault.
        self.kept = False
        atexit.register(self.end)
        if bootstrap is None:
            self.kafka = Kafka(self.folder)
            bootstrap = self.kafka.bootstrap
        self.bootstrap = bootstrap
        mark = f"{random.SystemRandom().randrange(1 << 32):08x}"
        names = TOPICS + CONTACT_TOPICS if contact else TOPICS
        self.topics = {name: f"gateway.{mark}.{name}" for name in names}
        self.config = self.folder / "tillgate.toml"
        lines = [
            "[kafka]",
            f'bootstrap_servers = "{bootstrap}"',
            f'group_id = "gateway-{mark}"',
            f'transactional_id_prefix = "gateway-{mark}"',
            "[contact]",
            f"enabled = {str(contact).lower()}",
            "[topics]",
            f"partitions = {partitions}",
        ]
        lines += [f'{name} = "{topic}"' for name, topic in self.topics.items()]
        self.config.write_text("\n".join(lines) + "\n")
        host, port = bootstrap.split(",")[0].rsplit(":", 1)
        eventually("Kafka to listen", lambda: socket.create_connection((host, int(port)), 1).close() or True)
        eventually("topics to be made", lambda: self.tillgate("topics", "create").returncode == 0)
        eventually("topics to be seen", lambda: self.tillgate("topics", "check").returncode == 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def tillgate(self, *arguments):
        """Runs a command to its end."""
        return subprocess.run(
            [self.binary, *arguments, "--config", self.config],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def api_key(self, client, scopes=SCOPES):
        """A key and the line of the settings that lets its holder in."""
        asked = [word for scope in scopes for word in ("--scope", scope)]
        made = subprocess.run([self.binary, "gateway", "key", client, *asked], capture_output=True, text=True, check=True)
        key, line = made.stdout.splitlines()[:2]
        return key, line

    def worker(self, *settings):
        """One more `tillgate run`."""
        admin = free_ports(1)
        return self.launch(f"run-{len(self.processes)}", "run", admin, [f"admin.listen=127.0.0.1:{admin}", *settings])

    def gateway(self, *settings, keys=()):
        """One more `tillgate gateway`; `keys`: lines of [gateway.auth.api_keys]."""
        listen = free_ports(2)
        name = f"gateway-{len(self.processes)}"
        config = []
        if keys:
            path = self.folder / f"{name}.toml"
            path.write_text("\n".join(["[gateway.auth.api_keys]", *keys]) + "\n")
            config = ["--config", path]
        given = [f"gateway.listen=127.0.0.1:{listen}", f"gateway.admin=127.0.0.1:{listen + 1}", *settings]
        process = self.launch(name, "gateway", listen + 1, given, config)
        process.port = listen
        return process

    def launch(self, name, command, admin, settings, config=()):
        given = [word for setting in settings for word in ("--set", setting)]
        process = Process(self, name, [command, "--config", self.config, *config, *given], admin)
        self.processes.append(process)
        return process

    def await_ready(self):
        for process in self.processes:
            eventually(f"{process.name} to be ready, see {process.log}", process.is_ready)

    def end(self):
        atexit.unregister(self.end)
        for process in reversed(self.processes):
            code = process.end()
            if code != 0:
                print(f"{process.name} ended with {code}: {process.log.read_text()[-2000:]}")
        self.processes = []
        if self.kafka:
            self.kafka.end(self.kept)
            self.kafka = None
        if self.kept:
            print(f"logs and topics are kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
