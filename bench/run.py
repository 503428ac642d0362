#!/usr/bin/env python3
"""make bench: Samsa, Apache Kafka and the null broker in turn, in one run, on one machine.

    bench/run.py [--rounds N] [--kafka DIR] [--write]     --write replaces bench/RESULTS.md

Cost is CPU seconds of the broker process (user + system) per 10^9 bytes, from /proc; clients are
bench/load (prebuilt batches), the same for all. The figures are medians over the rounds. A ratio says how
Samsa compares: below 1 it needs less."""
import argparse
import datetime
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "test", "interop"))
from lib import Node, free_ports  # noqa: E402
import memory  # noqa: E402
from machine import machine  # noqa: E402

LOAD = os.path.join(ROOT, "build", "release", "bench", "load")
NULL = os.path.join(ROOT, "build", "release", "bench", "null_broker")
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of a process, from schedstat of its threads (ns), as /proc/PID/stat is coarse."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def load(*arguments):
    done = subprocess.run([LOAD, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=600)
    return {k: float(v) for k, v in (pair.split("=") for pair in done.stdout.split())}


class Subject:
    """A broker that load can be put on."""

    def __init__(self, name, home=None):
        self.name = name
        self.home = home
        self.figures = {}

    def note(self, key, value):
        self.figures.setdefault(key, []).append(value)

    def pid(self):
        return self.node.process.pid

    def start(self):
        properties = {"log.retention.bytes": str(3 << 30), "log.segment.bytes": str(256 << 20)}
        self.node = Node(home=self.home, properties=properties)
        self.node.format().start()
        self.port = self.node.port

    def topic(self, name, partitions=1):
        self.node.tool("topics", "--bootstrap-server", self.node.bootstrap, "--create", "--topic", name,
                       "--partitions", str(partitions), "--replication-factor", "1", home=ROOT)
        load("first", self.port, name, "--since", time.monotonic_ns())  # Apache Kafka needs a moment

    def stop(self):
        self.node.stop()
        self.node.close()


class NullBroker(Subject):
    def start(self):
        self.port, = free_ports(1)
        self.data = tempfile.mkdtemp(prefix="samsa-null-")
        self.process = subprocess.Popen([NULL, str(self.port), os.path.join(self.data, "log")])
        time.sleep(0.2)

    def pid(self):
        return self.process.pid

    def topic(self, name, partitions=1):
        pass

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.data)


def per_gb(subject, key, action):
    before = cpu_seconds(subject.pid())
    result = action()
    used = cpu_seconds(subject.pid()) - before
    subject.note(key, used / (result["bytes"] / 1e9))
    return result


def produce_rounds(subject, total, warm):
    for batch in (16384, 65536):
        topic = f"p{batch}-{time.monotonic_ns()}"
        subject.topic(topic)
        if warm:
            load("produce", subject.port, topic, "--batch", batch, "--total", warm)
        memory.warm(total)
        per_gb(subject, f"produce {batch // 1024} KiB, CPU s/GB",
               lambda: load("produce", subject.port, topic, "--batch", batch, "--total", total))
    return topic


def fetch_round(subject, topic, total):
    load("fetch", subject.port, topic, "--total", total // 4)
    per_gb(subject, "fetch, CPU s/GB", lambda: load("fetch", subject.port, topic, "--total", total))


def latency_round(subject):
    topic = f"l-{time.monotonic_ns()}"
    subject.topic(topic)
    load("latency", subject.port, topic, "--count", 5000)
    result = load("latency", subject.port, topic, "--count", 20000)
    for p in ("p50_us", "p99_us"):
        subject.note(f"produce to answer, {p}", result[p])


def native_end_to_end(subject):
    topic = f"n-{time.monotonic_ns()}"
    subject.topic(topic)
    time.sleep(1)
    result = load("endtoend", subject.port, topic, "--count", 10000, "--acks", -1)
    for p in ("p50_us", "p99_us"):
        subject.note(f"end to end, one at a time, {p}", result[p])
    for rate in (500, 5000):
        topic = f"o-{time.monotonic_ns()}"
        subject.topic(topic + "-warm")
        load("open", subject.port, topic + "-warm", "--count", rate, "--rate", rate, "--acks", -1)
        subject.topic(topic)
        time.sleep(1)
        result = load("open", subject.port, topic, "--count", 8 * rate, "--rate", rate, "--acks", -1)
        for p in ("p50_us", "p99_us"):
            subject.note(f"end to end, {rate} records/s by the clock, {p}", result[p])


def kafka_tools(subject, kafka, total):
    """Kafka's own perf tools, 1 KiB records: the default client, then batches of 64 KiB; and reading back."""
    records = total // 1024
    for label, properties in (("default client", []), ("64 KiB batches", ["batch.size=65536", "linger.ms=5"])):
        topic = f"t-{time.monotonic_ns()}"
        subject.topic(topic)
        memory.warm(total)
        before = cpu_seconds(subject.pid())
        subprocess.run([os.path.join(kafka, "bin", "kafka-producer-perf-test.sh"), "--topic", topic, "--num-records",
                        str(records), "--record-size", "1024", "--throughput", "-1", "--bootstrap-server",
                        subject.node.bootstrap, "--command-property", "acks=all", *properties],
                       capture_output=True, text=True, check=True, timeout=600)
        used = cpu_seconds(subject.pid()) - before
        subject.note(f"kafka-producer-perf-test, {label}, CPU s/GB", used / (records * 1024 / 1e9))
    before = cpu_seconds(subject.pid())
    subprocess.run([os.path.join(kafka, "bin", "kafka-consumer-perf-test.sh"), "--topic", topic, "--num-records",
                    str(records), "--bootstrap-server", subject.node.bootstrap],
                   capture_output=True, text=True, check=True, timeout=600)
    subject.note("kafka-consumer-perf-test, CPU s/GB",
                 (cpu_seconds(subject.pid()) - before) / (records * 1024 / 1e9))


def end_to_end(subject, kafka, count=5000):
    """Kafka's own tool: a record out, the same record back by a consumer."""
    topic = f"e-{time.monotonic_ns()}"
    subject.topic(topic)
    tool = os.path.join(kafka, "bin", "kafka-e2e-latency.sh")
    done = subprocess.run([tool, "--bootstrap-server", subject.node.bootstrap, "--topic", topic, "--num-records",
                           str(count), "--producer-acks", "all", "--record-size", "1024"],
                          capture_output=True, text=True, check=False, timeout=600)
    for line in done.stdout.splitlines():
        if line.startswith("Avg latency"):
            subject.note("kafka-e2e-latency, average ms", float(line.split()[2]))
        if line.startswith("Percentiles"):
            parts = dict(p.strip().split(" = ") for p in line.split(":")[1].split(","))
            subject.note("kafka-e2e-latency, p50 ms", float(parts["50th"]))
            subject.note("kafka-e2e-latency, p99 ms", float(parts["99th"]))


def idle(subject, seconds):
    time.sleep(5)  # its own start is not idleness, nor is writing back what others left
    os.sync()
    subject.note("resident idle, MB", resident_mb(subject.pid()))
    before = cpu_seconds(subject.pid())
    time.sleep(seconds)
    subject.note("idle CPU, % of a core", (cpu_seconds(subject.pid()) - before) / seconds * 100)


def restart(subject, key, topic, kill=False):
    if kill:
        subject.node.kill()
    else:
        subject.node.stop(timeout=120)
    begin = time.monotonic_ns()
    subject.node.start(wait=False)
    subject.note(key, load("first", subject.port, topic, "--since", begin)["ms"])


def small_starts(subject):
    subject.topic("first")
    os.sync()  # what others left to be written would be waited for by the first fsync
    for _ in range(7):
        restart(subject, "start to first accepted produce, ms", "first")


def starts(subject, partitions):
    begin = time.monotonic_ns()
    subject.topic("many", partitions)
    load("first", subject.port, "many", "--since", begin)
    subject.note(f"{partitions} partitions usable, ms", (time.monotonic_ns() - begin) / 1e6)
    time.sleep(2)
    restart(subject, f"start with {partitions}, clean, ms", "many")
    time.sleep(2)
    restart(subject, f"start with {partitions}, kill -9, ms", "many", kill=True)


def measure(subject, options, first):
    subject.start()
    try:
        if subject.home:
            idle(subject, 20)
            small_starts(subject)
        if first and subject.home:
            starts(subject, options.partitions)
        topic = produce_rounds(subject, options.bytes, options.bytes if first else 0)
        fetch_round(subject, topic, options.bytes)
        if subject.home:
            subject.note("resident under load, MB", resident_mb(subject.pid()))
            latency_round(subject)
            native_end_to_end(subject)
            if options.kafka:
                kafka_tools(subject, options.kafka, options.bytes)
                end_to_end(subject, options.kafka)
    finally:
        subject.stop()


def table(subjects, options):
    samsa = next(s for s in subjects if s.name == "Samsa")
    keys = list(dict.fromkeys(k for s in subjects for k in s.figures))
    lines = ["| figure | " + " | ".join(s.name for s in subjects) + " | Samsa / Kafka | Samsa / null |",
             "| --- |" + " --- |" * (len(subjects) + 2)]
    for key in keys:
        medians = {s.name: statistics.median(s.figures[key]) for s in subjects if key in s.figures}
        ratio = {}
        for other in ("Apache Kafka", "null broker"):
            if samsa.name in medians and medians.get(other):
                ratio[other] = f"{medians[samsa.name] / medians[other]:.3f}"
        cells = [f"{medians[s.name]:.2f}" if s.name in medians else "" for s in subjects]
        lines.append(f"| {key} | " + " | ".join(cells) +
                     f" | {ratio.get('Apache Kafka', '')} | {ratio.get('null broker', '')} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bytes", type=float, default=1e9)
    parser.add_argument("--partitions", type=int, default=9000)
    parser.add_argument("--kafka", help="a laid-out Apache Kafka; without it Samsa and the null broker alone")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.bytes = int(options.bytes)
    subjects = [Subject("Samsa", ROOT), NullBroker("null broker")]
    if options.kafka:
        subjects.append(Subject("Apache Kafka", options.kafka))
    for round_number in range(options.rounds):
        turn = subjects if round_number % 2 == 0 else subjects[::-1]
        for subject in turn:
            print(f"round {round_number + 1}: {subject.name}", file=sys.stderr, flush=True)
            measure(subject, options, round_number == 0)
    text = table(subjects, options)
    print(text)
    if options.write:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True,
                                check=False).stdout.strip()
        with open(os.path.join(ROOT, "bench", "RESULTS.md"), "w", encoding="utf-8") as f:
            f.write(f"# Results\n\n{datetime.date.today()}, commit {commit}, {machine()}; "
                    f"{options.rounds} rounds in turn, medians, {options.bytes / 1e9:g} GB per produce and fetch "
                    f"round; Apache Kafka 4.3.1. Made by `make bench`; bench/README.md says how.\n\n{text}\n")


if __name__ == "__main__":
    main()
