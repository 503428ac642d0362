"""A cluster of real processes, of Samsa, of Apache Kafka or of both, each node at an address of its own, so
that nodes can be killed, stopped, cut off and run out of disk. For use inside namespaces.inside_namespaces."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import wire
from lib import ROOT
from namespaces import Network

KAFKA_VERSION = "4.3.1"
BROKER_PORT, CONTROLLER_PORT = 9092, 9093
WAIT_SECONDS = int(os.environ.get("WAIT_SECONDS", "120"))
COMMON = {
    "controller.listener.names": "CONTROLLER",
    "min.insync.replicas": "2",
    "offsets.topic.num.partitions": "5",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "5000",
    "broker.heartbeat.interval.ms": "1000",
    "replica.lag.time.max.ms": "10000",
    "replica.socket.timeout.ms": "5000",
    "unclean.leader.election.enable": "false",
    "auto.create.topics.enable": "false",
}


def apache_kafka():
    """The directory of an Apache Kafka, laid out when it is not there."""
    home = os.environ.get("KAFKA_HOME") or os.path.join(ROOT, "build", f"kafka-{KAFKA_VERSION}")
    subprocess.run([os.path.join(ROOT, "test", "interop", "apache-kafka"), KAFKA_VERSION, home], check=True)
    return home


def wait_for(what, condition, seconds=None):
    """Asks `condition` until it answers something true, which is returned; what it raises is "not yet"."""
    seconds = seconds or WAIT_SECONDS
    deadline, last = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            answer = condition()
            if answer:
                return answer
        except (OSError, ValueError) as e:
            last = e
        time.sleep(0.05)
    raise RuntimeError(f"not within {seconds} s: {what}" + (f" ({last})" if last else ""))


class Node:
    """One process. `home` is the directory whose bin/ runs it; roles are Kafka's process.roles."""

    def __init__(self, cluster, n, roles, home):
        self.cluster, self.n, self.roles, self.home = cluster, n, roles, home
        self.address = cluster.network.address(n)
        self.directory = os.path.join(cluster.directory, str(n))
        self.logs = os.path.join(self.directory, "logs")
        self.config = os.path.join(self.directory, "server.properties")
        self.log_path = os.path.join(self.directory, "server.log")
        self.log_seen = 0
        self.process = None
        self.directory_id = cluster.uuid()
        self.properties = {}
        self.environment = {}
        os.makedirs(self.directory)
        cluster.network.add(n)

    def is_broker(self):
        return "broker" in self.roles

    def is_controller(self):
        return "controller" in self.roles

    def is_samsa(self):
        return self.home == ROOT

    def running(self):
        return self.process is not None and self.process.poll() is None

    def listeners(self):
        names = [f"PLAINTEXT://{self.address}:{BROKER_PORT}"] if self.is_broker() else []
        return names + ([f"CONTROLLER://{self.address}:{CONTROLLER_PORT}"] if self.is_controller() else [])

    def replica(self, topic, partition):
        """The directory of a replica, in whichever of log.dirs it lies."""
        for logs in self.properties.get("log.dirs", self.logs).split(","):
            path = os.path.join(logs, f"{topic}-{partition}")
            if os.path.isdir(path):
                return path
        raise ValueError(f"node {self.n} has no replica of {topic}-{partition}")

    def write_config(self):
        properties = dict(COMMON, **{
            "process.roles": self.roles, "node.id": self.n, "listeners": ",".join(self.listeners()),
            "advertised.listeners": ",".join(self.listeners()), "log.dirs": self.logs})
        properties["listener.security.protocol.map"] = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"
        if not self.is_samsa():
            properties["log.cleaner.dedupe.buffer.size"] = "8388608"  # its 128 MB would not fit the heap
        properties.update(self.cluster.quorum_properties())
        properties.update(self.cluster.properties)
        properties.update(self.properties)
        with open(self.config, "w", encoding="utf-8") as f:
            f.writelines(f"{k}={v}\n" for k, v in properties.items())

    def format(self, *how):
        self.write_config()
        tool(self.home, "storage", "format", "-t", self.cluster.id, "-c", self.config, *how)

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            self.log_seen = log.tell()
            command = self.cluster.network.command(
                self.n, os.path.join(self.home, "bin", "kafka-server-start.sh"), self.config)
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                                            env=dict(os.environ, **self.environment))
        if wait:
            self.wait_started()
        return self

    def wait_started(self):
        def started():
            if not self.running():
                raise RuntimeError(f"node {self.n} has ended:\n{self.log_tail()}")
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                f.seek(self.log_seen)
                return re.search(r"Kafka\s*Server.*started", f.read())
        wait_for(f"node {self.n} has started", started)

    def log_tail(self, lines=30):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=WAIT_SECONDS):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(seconds)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def stands_still(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "T"

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


def tool(home, name, *arguments, check=True, input=None, seconds=WAIT_SECONDS):
    """kafka-NAME.sh of that distribution: (exit status, what it printed)."""
    done = subprocess.run([os.path.join(home, "bin", f"kafka-{name}.sh"), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, input=input, timeout=seconds, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"kafka-{name}.sh {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}")
    return done.returncode, done.stdout


class Cluster:
    """Nodes by number. `layout` is [(number, roles, home)]; the controllers in it are the first voters."""

    def __init__(self, layout, properties=None, static_voters=False):
        self.network = Network.shared()
        self.directory = tempfile.mkdtemp(prefix="cluster-")
        self.id = self.uuid()
        self.properties = properties or {}
        self.static_voters = static_voters
        self.clients = []  # what is closed before the nodes are
        self.nodes = {n: Node(self, n, roles, home) for n, roles, home in layout}

    @staticmethod
    def uuid():
        return tool(ROOT, "storage", "random-uuid")[1].split()[-1]

    def brokers(self, running=True):
        return [n for n in self.nodes.values() if n.is_broker() and (n.running() or not running)]

    def controllers(self, running=True):
        return [n for n in self.nodes.values() if n.is_controller() and (n.running() or not running)]

    def bootstrap(self):
        return ",".join(f"{n.address}:{BROKER_PORT}" for n in self.brokers(running=False))

    def quorum_properties(self):
        where = [(n.n, f"{n.address}:{CONTROLLER_PORT}") for n in self.controllers(running=False)]
        if self.static_voters:
            return {"controller.quorum.voters": ",".join(f"{n}@{at}" for n, at in where)}
        return {"controller.quorum.bootstrap.servers": ",".join(at for _, at in where)}

    def format(self):
        initial = ",".join(f"{n.n}@{n.address}:{CONTROLLER_PORT}:{n.directory_id}"
                           for n in self.controllers(running=False))
        for n in self.nodes.values():
            n.format(*([] if self.static_voters or not n.is_controller() else ["--initial-controllers", initial]))
        return self

    def start(self):
        """Starts all that do not run, together: one alone may wait for the others."""
        started = [n.start(wait=False) for n in self.nodes.values() if not n.running()]
        for n in started:
            n.wait_started()
        return self

    # ---- what the nodes say

    def metadata(self, node=None):
        """Of the given broker, or of the first that answers."""
        for n in [node] if node else self.brokers():
            try:
                return wire.metadata((n.address, BROKER_PORT))
            except (OSError, ValueError):
                if node:
                    raise
        raise ConnectionError("no broker answers")

    def partition(self, topic, partition, node=None):
        """(leader, replicas, isr)."""
        topics = self.metadata(node)[1]
        if topic not in topics or partition not in topics[topic]:
            raise ValueError(f"no {topic}-{partition} yet")
        return topics[topic][partition]

    def active_controller(self, besides=()):
        """The node that leads the quorum, as it says itself; of several that do, the one of the latest epoch."""
        found = []
        for n in self.controllers():
            if n.n in besides:
                continue
            try:
                error, leader, epoch, _ = wire.quorum((n.address, CONTROLLER_PORT))
                if error == 0 and leader == n.n:
                    found.append((epoch, n))
            except (OSError, ValueError):
                pass
        if not found:
            raise ConnectionError("no controller leads")
        return max(found, key=lambda f: f[0])[1]

    def wait_whole(self):
        """Every partition has all its replicas in sync, in the eyes of every broker."""
        def whole():
            for b in self.brokers():
                brokers, topics = self.metadata(b)
                if len(brokers) != len(self.brokers()):
                    return False
                for partitions in topics.values():
                    for leader, replicas, isr in partitions.values():
                        if leader < 0 or sorted(replicas) != sorted(isr):
                            return False
            return True
        wait_for("every partition is whole", whole)

    def create(self, topic, partitions, replicas=3, home=ROOT):
        tool(home, "topics", "--bootstrap-server", self.bootstrap(), "--create", "--topic", topic, "--partitions",
             str(partitions), "--replication-factor", str(replicas))

    def close(self, keep_logs_in=None):
        for client in self.clients:
            client.close()
        for n in self.nodes.values():
            if n.running():
                n.resume()
                n.kill()
        self.network.heal()
        if keep_logs_in:
            for n in self.nodes.values():
                target = os.path.join(keep_logs_in, os.path.basename(self.directory))
                os.makedirs(target, exist_ok=True)
                if os.path.exists(n.log_path):
                    shutil.copy(n.log_path, os.path.join(target, f"node{n.n}.log"))
        if os.environ.get("KEEP"):
            subprocess.run(["cp", "-a", self.directory, os.environ["KEEP"]], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
