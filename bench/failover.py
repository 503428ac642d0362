#!/usr/bin/env python3
"""make bench-failover: three combined nodes of Samsa and of Apache Kafka in turn, at the same settings, on one
machine: what clients see while nodes die, and what replication costs.

    bench/failover.py [--rounds N] [--kafka DIR] [--partitions N] [--bytes N] [--write] [--only PART,...]

Parts: gaps, many, produce, latency, idle. Figures are of all rounds: for gaps the 99th percentile over
partitions and rounds, else medians. --write replaces bench/FAILOVER.md."""
import argparse
import datetime
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "test", "interop"))
from lib import free_ports  # noqa: E402
import memory  # noqa: E402
from machine import machine  # noqa: E402

PROBE = os.path.join(ROOT, "build", "release", "bench", "probe")
LOAD = os.path.join(ROOT, "build", "release", "bench", "load")
TICKS = os.sysconf("SC_CLK_TCK")
SETTLE_SECONDS = 3


def cpu_seconds(pids):
    """User and system time of processes, threads that have ended included."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


class Probe:
    """A running bench/probe that is asked line by line."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROBE, *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.tell(line)
        return self.hear()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("the probe has ended")
        return answer.strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Cluster:
    """Three combined nodes, 0 to 2, with default settings but for what keeps three of them equal."""

    def __init__(self, home):
        self.home = home
        self.directory = tempfile.mkdtemp(prefix="samsa-bench-")
        ports = free_ports(6)
        self.clients, self.controllers = ports[:3], ports[3:]
        self.bootstrap = ",".join(f"127.0.0.1:{p}" for p in self.clients)
        self.processes = [None] * 3
        quorum = ",".join(f"127.0.0.1:{p}" for p in self.controllers)
        ids = [self.tool("storage", "random-uuid").split()[-1] for _ in range(4)]
        initial = ",".join(f"{i}@127.0.0.1:{p}:{ids[i]}" for i, p in enumerate(self.controllers))
        for i in range(3):
            os.makedirs(self.path(i))
            listeners = f"PLAINTEXT://127.0.0.1:{self.clients[i]},CONTROLLER://127.0.0.1:{self.controllers[i]}"
            with open(self.path(i, "server.properties"), "w", encoding="utf-8") as f:
                f.write(f"process.roles=broker,controller\nnode.id={i}\nlisteners={listeners}\n"
                        f"advertised.listeners={listeners}\ncontroller.listener.names=CONTROLLER\n"
                        f"controller.quorum.bootstrap.servers={quorum}\nlog.dirs={self.path(i, 'logs')}\n"
                        "min.insync.replicas=2\noffsets.topic.replication.factor=3\n")
            self.tool("storage", "format", "-t", ids[3], "-c", self.path(i, "server.properties"),
                      "--initial-controllers", initial)
        for i in range(3):
            self.start(i)
        self.probe_ready()

    def path(self, i, *names):
        return os.path.join(self.directory, str(i), *names)

    def tool(self, name, *arguments, home=None, timeout=300):
        done = subprocess.run([os.path.join(home or self.home, "bin", f"kafka-{name}.sh"), *arguments],
                              capture_output=True, text=True, check=False, timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"{name} {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, i):
        log = open(self.path(i, "log"), "ab")
        self.processes[i] = subprocess.Popen(
            [os.path.join(self.home, "bin", "kafka-server-start.sh"), self.path(i, "server.properties")],
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        log.close()

    def end(self, i, how):
        """Sends the signal; returns when it was sent, in monotonic ns."""
        at = time.monotonic_ns()
        self.processes[i].send_signal(how)
        return at

    def restart(self, i):
        self.processes[i].wait(120)
        at = time.monotonic_ns()
        self.start(i)
        return at

    def probe_ready(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                self.leader()
                self.topic("ready")
                return
            except RuntimeError:
                time.sleep(0.5)
        raise RuntimeError(f"no cluster within two minutes, see {self.directory}")

    def topic(self, name, partitions=1):
        self.tool("topics", "--create", "--topic", name, "--partitions", str(partitions), "--replication-factor", "3",
                  "--bootstrap-server", self.bootstrap, home=ROOT)

    def prefer(self):
        """Every partition is led by its first replica again: a node that was busy may have been fenced and lead none."""
        self.tool("leader-election", "--election-type", "PREFERRED", "--all-topic-partitions",
                  "--bootstrap-server", self.bootstrap, home=ROOT)

    def leader(self):
        """The node that is the active controller."""
        text = self.tool("metadata-quorum", "--bootstrap-server", self.bootstrap, "describe", "--status", home=ROOT)
        return int(re.search(r"LeaderId:\s+(\d+)", text)[1])

    def pids(self):
        return [p.pid for p in self.processes if p and p.poll() is None]

    def close(self):
        for p in self.processes:
            if p and p.poll() is None:
                p.kill()
                p.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Subject:
    def __init__(self, name, home):
        self.name, self.home, self.figures = name, home, {}

    def note(self, key, *values):
        self.figures.setdefault(key, []).extend(values)
        print(f"  {key}: {', '.join(f'{v:.2f}' for v in values)}", file=sys.stderr, flush=True)


# ---- the parts


def gaps(subject, cluster, options):
    """A node killed, a clean stop, the active controller killed or stopped: the longest gap of each of three partitions.
    Each with every node leading one of them again, and with a producer of its own: one that has seen a node go
    rests up to reconnect.backoff.max.ms (10 s) before it connects to it again, whoever leads there by then."""
    cluster.topic("gaps", 3)
    watch = Probe("watch", cluster.bootstrap, "gaps")
    for key, of_controller, how in (("a node killed", 1, signal.SIGKILL), ("a clean stop", 2, signal.SIGTERM),
                                    ("the active controller killed", 0, signal.SIGKILL),
                                    ("a clean stop of the active controller", 0, signal.SIGTERM)):
        watch.ask("whole")
        cluster.prefer()
        probe = Probe("gaps", cluster.bootstrap, "gaps", 3, 300)
        time.sleep(SETTLE_SECONDS)
        victim = (cluster.leader() + of_controller) % 3
        probe.ask("mark")
        cluster.end(victim, how)
        time.sleep(options.gap_seconds)
        subject.note(f"gap, {key}, p99 ms", *(float(g) for g in re.findall(r"gap=([\d.]+)", probe.ask("report"))))
        probe.close()
        cluster.restart(victim)
    watch.close()


def many(subject, cluster, options):
    """Many partitions at RF 3: led again, in sync again, a controlled shutdown, the cost of being there."""
    cluster.topic("many", options.partitions)
    victim = (cluster.leader() + 1) % 3
    # Not by way of the victim: librdkafka asks whom it asked again, until its own time is over.
    watch = Probe("watch", ",".join(f"127.0.0.1:{p}" for i, p in enumerate(cluster.clients) if i != victim), "many")
    watch.ask("whole")
    time.sleep(20)
    before, pids = cpu_seconds(cluster.pids()), cluster.pids()
    time.sleep(10)
    subject.note(f"{options.partitions} partitions: idle CPU, % of a core",
                 (cpu_seconds(pids) - before) / 10 * 100)
    watch.ask("whole")
    cluster.prefer()
    time.sleep(SETTLE_SECONDS)
    at = cluster.end(victim, signal.SIGKILL)
    subject.note(f"{options.partitions} partitions: led again after kill -9, ms",
                 (int(watch.ask(f"led {victim}").split("=")[1]) - at) / 1e6)
    at = cluster.restart(victim)
    subject.note(f"{options.partitions} partitions: in sync after its restart, ms",
                 (int(watch.ask("whole").split("=")[1]) - at) / 1e6)
    watch.close()
    time.sleep(SETTLE_SECONDS)
    at = cluster.end(victim, signal.SIGTERM)
    cluster.processes[victim].wait(120)
    subject.note(f"{options.partitions} partitions: controlled shutdown, ms", (time.monotonic_ns() - at) / 1e6)


def perf(cluster, kafka, topic, records, *properties, throughput=-1, more=()):
    done = subprocess.run(
        [os.path.join(kafka, "bin", "kafka-producer-perf-test.sh"), "--topic", topic, "--num-records", str(records),
         "--record-size", "1024", "--throughput", str(throughput), "--bootstrap-server", cluster.bootstrap,
         "--command-property", "acks=all", *properties, *more],
        capture_output=True, text=True, check=True, timeout=900)
    return done.stdout.strip().splitlines()[-1]


def produce(subject, cluster, options):
    """acks=all at RF 3, Kafka's own generator: CPU of all nodes per GB of payload; and paced."""
    records = options.bytes // 1024
    cluster.topic("warm", 3)
    perf(cluster, options.kafka, "warm", records)
    for label, properties in (("default client", []), ("256 KiB batches", ["batch.size=262144", "linger.ms=5"])):
        topic = f"p-{time.monotonic_ns()}"
        cluster.topic(topic, 3)
        memory.warm(3 * options.bytes)
        before = cpu_seconds(cluster.pids())
        perf(cluster, options.kafka, topic, records, *properties)
        subject.note(f"produce RF 3, {label}, CPU s/GB",
                     (cpu_seconds(cluster.pids()) - before) / (records * 1024 / 1e9))
    cluster.topic("paced", 3)
    for label, more in (("", []), (", without the client's first 5 s", ["--warmup-records", "25000"])):
        last = perf(cluster, options.kafka, "paced", 5000 * 20, throughput=5000, more=more)
        subject.note(f"paced at 5 MB/s{label}, p99 ms", float(re.search(r"([\d.]+) ms 99th", last)[1]))
    # What the client itself costs while it warms up: the same without replication.
    cluster.tool("topics", "--create", "--topic", "alone", "--partitions", "3", "--replication-factor", "1", "--config",
                 "min.insync.replicas=1", "--bootstrap-server", cluster.bootstrap, home=ROOT)
    last = perf(cluster, options.kafka, "alone", 5000 * 20, "acks=1", throughput=5000)
    subject.note("paced at 5 MB/s, one replica and acks=1, p99 ms", float(re.search(r"([\d.]+) ms 99th", last)[1]))


def latency(subject, cluster, options):
    """End to end by Kafka's own tool, whose percentiles are whole milliseconds, and by bench/load."""
    cluster.tool("topics", "--create", "--topic", "native", "--replica-assignment", "0:1:2", "--bootstrap-server",
                 cluster.bootstrap, home=ROOT)
    watch = Probe("watch", cluster.bootstrap, "native")
    watch.ask("whole")
    watch.close()
    cluster.prefer()
    time.sleep(SETTLE_SECONDS)
    done = subprocess.run([LOAD, "endtoend", str(cluster.clients[0]), "native", "--count", "10000", "--acks", "-1"],
                          capture_output=True, text=True, check=True, timeout=600).stdout
    for name in ("p50", "p99"):
        subject.note(f"end to end (bench/load), {name} us", float(re.search(name + r"_us=([\d.]+)", done)[1]))
    cluster.topic("e2e", 1)
    done = subprocess.run([os.path.join(options.kafka, "bin", "kafka-e2e-latency.sh"), "--bootstrap-server",
                           cluster.bootstrap, "--topic", "e2e", "--num-records", "5000", "--producer-acks", "all",
                           "--record-size", "1024"], capture_output=True, text=True, check=False, timeout=600).stdout
    average = re.search(r"Avg latency: ([\d.]+)", done)
    subject.note("kafka-e2e-latency, average ms", float(average[1]))
    for name, percentile in (("p50", "50th"), ("p99", "99th")):
        subject.note(f"kafka-e2e-latency, {name} ms", float(re.search(percentile + r" = (\d+)", done)[1]))


def idle(subject, cluster, _):
    time.sleep(5)
    before = cpu_seconds(cluster.pids())
    time.sleep(20)
    subject.note("idle CPU of three nodes, % of a core", (cpu_seconds(cluster.pids()) - before) / 20 * 100)


PARTS = {"idle": idle, "latency": latency, "produce": produce, "gaps": gaps, "many": many}


# ---- the table


def summary(key, values):
    if key.startswith("gap"):
        ordered = sorted(values)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return statistics.median(values)


def table(subjects):
    keys = list(dict.fromkeys(k for s in subjects for k in s.figures))
    lines = ["| figure | " + " | ".join(s.name for s in subjects) + " | ratio |", "| --- |" + " --- |" * (len(subjects) + 1)]
    for key in keys:
        found = [summary(key, s.figures[key]) if key in s.figures else None for s in subjects]
        ratio = f"{found[0] / found[1]:.3f}" if len(found) > 1 and found[0] is not None and found[1] else ""
        lines.append(f"| {key} | " + " | ".join("" if v is None else f"{v:.2f}" for v in found) + f" | {ratio} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytes", type=float, default=3e8)
    parser.add_argument("--partitions", type=int, default=3000)
    parser.add_argument("--gap-seconds", type=float, default=15)
    parser.add_argument("--kafka", required=True, help="a laid-out Apache Kafka, whose perf tools are used for both")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--subjects", default="Samsa,Apache Kafka")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.bytes = int(options.bytes)
    subjects = [s for s in (Subject("Samsa", ROOT), Subject("Apache Kafka", options.kafka))
                if s.name in options.subjects.split(",")]
    for number in range(options.rounds):
        for subject in subjects if number % 2 == 0 else subjects[::-1]:
            for part in options.only.split(","):
                print(f"round {number + 1}: {subject.name}: {part}", file=sys.stderr, flush=True)
                cluster = Cluster(subject.home)
                try:
                    PARTS[part](subject, cluster, options)
                finally:
                    cluster.close()
    text = table(subjects)
    print(text)
    if options.write:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True,
                                check=False).stdout.strip()
        with open(os.path.join(ROOT, "bench", "FAILOVER.md"), "w", encoding="utf-8") as f:
            f.write(f"# Three nodes\n\n{datetime.date.today()}, commit {commit}, {machine()}; {options.rounds} rounds in "
                    f"turn; three combined nodes at RF 3, min.insync.replicas 2; Apache Kafka 4.3.1. Made by "
                    f"`make bench-failover`; bench/README.md says how.\n\n{text}\n")


if __name__ == "__main__":
    main()
