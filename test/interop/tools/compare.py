#!/usr/bin/env python3
"""Holds Samsa's tools against Apache Kafka's own: the same command, the same node, the same answer.

    test/interop/tools/compare.py [--server DIR] [PART]

Starts a node of Samsa (or, with --server, of the Kafka laid out in DIR), runs every case below with both
tools, and compares standard output and exit status after what must differ (times, random ids, growing
offsets) has been replaced by its name. PART runs only the cases whose title contains it.

A case with {T} in it changes something: each side gets a name of its own there, of the same length."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from lib import ROOT, Count, Node  # noqa: E402

KAFKA_VERSION = "4.3.1"
TIMEOUT_S = 30


def oracle():
    """The Apache Kafka to compare with: KAFKA_HOME, or one fetched into build/."""
    home = os.environ.get("KAFKA_HOME")
    if not home:
        home = os.path.join(ROOT, "build", f"kafka-{KAFKA_VERSION}")
        subprocess.run([os.path.join(ROOT, "test", "interop", "apache-kafka"), KAFKA_VERSION, home],
                       check=True)
    return home


# Lines of the JVM's logging and stack traces, which are not part of the answer.
NOISE = re.compile(r"^(\[\d{4}-\d\d-\d\d .*|\tat .*|Caused by: .*|\s*\.\.\. \d+ more"
                   r"|org\.apache\.kafka\.common\.errors\.TimeoutException"
                   r"| \(org\.apache.*\))$")
REPLACED = [
    (re.compile(r"\b1[5-9]\d{11}\b"), "TIME"),
    (re.compile(r"\b\d+ ms ago *"), "N ms ago"),
    (re.compile(r"(HighWatermark: +)\d+"), r"\1N"),
    (re.compile(r"Epoch: \d+$", re.M), "Epoch: N"),
    (re.compile(r"(TopicId: )\S{22}"), r"\1ID"),
    (re.compile(r"(\tID[^\t]*\t)\d+ *\t"), r"\1N\t"),
    # texts of errors are each program's own; their class is not
    (re.compile(r"(org\.apache\.kafka\.common\.errors\.\w+: ).*"), r"\1TEXT"),
]
# Kafka lists them in the order of a hash map.
TOPIC_CONFIGS = re.compile(r"(\tConfigs: )(\S+)$", re.M)
QUORUM_ROW = re.compile(r"^(\d+ *\t\S+ *\t)\d+ *\t", re.M)


def normalised(text, name, unordered):
    lines = [line for line in text.splitlines() if not NOISE.match(line)]
    text = "\n".join(sorted(lines) if unordered else lines)
    for pattern, replacement in REPLACED:
        text = pattern.sub(replacement, text)
    text = QUORUM_ROW.sub(r"\1N\t", text)
    text = TOPIC_CONFIGS.sub(lambda m: m[1] + " ".join(sorted(re.split(r",(?=[a-z.]+=)", m[2]))), text)
    return text.replace(name, "{T}").rstrip("\n")


class Case:
    def __init__(self, tool, args, unordered=False, stdin=None, controller=False, server=True):
        self.tool, self.args, self.unordered, self.stdin = tool, args, unordered, stdin
        self.controller, self.server = controller, server
        self.title = f"{tool} {args}"


def cases():
    yield from topics()
    yield from groups()
    yield from consoles()
    yield from others()
    yield from without_server()


def topics():
    yield Case("topics", "--list")
    yield Case("topics", "--list --exclude-internal")
    yield Case("topics", "--create --topic {T}.x --partitions 3 --config retention.ms=1000 "
                         "--config cleanup.policy=compact")
    yield Case("topics", "--create --topic {T}-1 --replica-assignment 1,1")
    yield Case("topics", "--create --topic first")
    yield Case("topics", "--create --topic first --if-not-exists")
    yield Case("topics", "--create --topic {T}-2 --replication-factor 3")
    yield Case("topics", "--create --topic {T}-2 --partitions 0")
    yield Case("topics", "--create --topic {T}-2 --config no.such=1")
    yield Case("topics", "--create --topic {T}-2 --config retention.ms=x")
    yield Case("topics", "--create --topic {T}-2 --replica-assignment 1:1")
    yield Case("topics", "--create --topic bad/{T}")
    yield Case("topics", "--describe --topic first")
    yield Case("topics", "--describe --topic {T}.*", unordered=True)
    yield Case("topics", "--describe --topic {T}.x --topics-with-overrides")
    yield Case("topics", "--describe --topic nosuch")
    yield Case("topics", "--describe --topic nosuch --if-exists")
    yield Case("topics", "--describe --under-replicated-partitions")
    yield Case("topics", "--describe --at-min-isr-partitions --topic first")
    yield Case("topics", "--describe --unavailable-partitions")
    yield Case("topics", "--alter --topic {T}-1 --partitions 5")
    yield Case("topics", "--alter --topic {T}-1 --partitions 2")
    yield Case("topics", "--alter --topic nosuch --partitions 2")
    yield Case("topics", "--delete --topic {T}.*")
    yield Case("topics", "--delete --topic nosuch")
    yield Case("topics", "")
    yield Case("topics", "--list --describe")
    yield Case("topics", "--bogus")


def groups():
    yield Case("consumer-groups", "--list")
    yield Case("consumer-groups", "--list --state")
    yield Case("consumer-groups", "--list --state empty")
    yield Case("consumer-groups", "--list --type")
    yield Case("consumer-groups", "--describe --group committed")
    yield Case("consumer-groups", "--describe --group committed --verbose")
    yield Case("consumer-groups", "--describe --group committed --members --verbose")
    yield Case("consumer-groups", "--describe --group committed --state --verbose")
    yield Case("consumer-groups", "--describe --group member", unordered=True)
    yield Case("consumer-groups", "--describe --group member --members --verbose")
    yield Case("consumer-groups", "--describe --group member --state")
    yield Case("consumer-groups", "--describe --group nosuch")
    for how in ["--to-earliest", "--to-latest", "--to-current", "--to-offset 5", "--shift-by -3",
                "--to-datetime 2020-01-01T00:00:00.000", "--by-duration PT1H"]:
        yield Case("consumer-groups", f"--reset-offsets --group committed --topic first {how} --dry-run",
                   unordered=True)
    yield Case("consumer-groups", "--reset-offsets --group {T}-g --topic first:0,2 --to-offset 4 --execute",
               unordered=True)
    yield Case("consumer-groups", "--reset-offsets --group {T}-g --all-topics --to-latest --export "
                                  "--dry-run", unordered=True)
    yield Case("consumer-groups", "--reset-offsets --group member --topic first --to-earliest --execute")
    yield Case("consumer-groups", "--delete-offsets --group {T}-g --topic first:0,1")
    yield Case("consumer-groups", "--delete --group {T}-g --group nosuch")
    yield Case("consumer-groups", "--delete --group member")
    yield Case("consumer-groups", "--describe")


def consoles():
    yield Case("console-producer", "--topic {T}-p", stdin="".join(f"line {i}\n" for i in range(100)))
    yield Case("console-consumer", "--topic {T}-p --from-beginning --max-messages 100", unordered=True)
    yield Case("console-producer", "--topic {T}-k --compression-codec zstd --reader-property parse.key=true "
                                   "--reader-property parse.headers=true --reader-property key.separator=: "
                                   "--reader-property null.marker=NULL",
               stdin="a:1,b:2\tk1:v1\nNULL\tk2:NULL\na:NULL\tNULL:v3\n")
    yield Case("console-consumer",
               "--topic {T}-k --partition 0 --offset earliest --max-messages 3 "
               "--formatter-property print.key=true --formatter-property print.headers=true "
               "--formatter-property print.offset=true --formatter-property print.partition=true "
               "--formatter-property print.timestamp=true --formatter-property print.epoch=true "
               "--formatter-property key.separator=|")
    yield Case("console-consumer", "--topic {T}-k --from-beginning --timeout-ms 4500 "
                                   "--property print.value=false --property print.key=true", unordered=True)
    yield Case("console-producer", "--topic {T}-k --reader-property parse.key=true", stdin="no key\n")
    yield Case("console-consumer", "--topic first --offset 3")
    yield Case("console-consumer", "--from-beginning")


def others():
    yield Case("get-offsets", "--topic first")
    yield Case("get-offsets", "--topic-partitions first:0-2,nosuch --time earliest")
    yield Case("get-offsets", "--topic first --time -3")
    yield Case("get-offsets", "--topic first --partitions 1 --time 0")
    yield Case("get-offsets", "--topic nosuch")
    yield Case("get-offsets", "--topic first --time soon")
    yield Case("cluster", "cluster-id --bootstrap-server {B}", server=False)
    yield Case("cluster", "list-endpoints --bootstrap-server {B}", server=False)
    yield Case("cluster", "list-endpoints --bootstrap-controller {C}", server=False)
    yield Case("metadata-quorum", "describe --status")
    yield Case("metadata-quorum", "describe --replication")
    yield Case("metadata-quorum", "describe --re --human-readable")
    yield Case("metadata-quorum", "--bootstrap-controller {C} describe --status", server=False)
    yield Case("broker-api-versions", "")
    yield Case("features", "describe")
    yield Case("log-dirs", "--describe --topic-list nosuch")
    yield Case("log-dirs", "--describe --broker-list 9")
    yield Case("configs", "--describe --topic first")
    yield Case("configs", "--describe --topic first --all")
    yield Case("configs", "--describe --entity-type brokers")
    yield Case("configs", "--describe --broker 1 --all")
    yield Case("configs", "--describe --topic nosuch")
    yield Case("configs", "--alter --topic {T}-k --add-config retention.ms=5000,cleanup.policy=[compact,delete]")
    yield Case("configs", "--describe --topic {T}-k")
    yield Case("configs", "--alter --topic {T}-k --delete-config retention.ms")
    yield Case("configs", "--alter --topic {T}-k --add-config no.such=1")
    yield Case("configs", "--alter --topic nosuch --add-config retention.ms=1")
    yield Case("configs", "--alter --topic {T}-k")
    yield Case("configs", "--alter --broker-defaults --add-config log.retention.ms=600000")
    yield Case("configs", "--describe --broker-defaults")
    yield Case("configs", "--alter --broker-defaults --delete-config log.retention.ms")
    yield Case("configs", "--alter --broker 1 --add-config num.partitions=3")
    yield Case("delete-records", "--offset-json-file {J}")


def without_server():
    yield Case("storage", "version-mapping", server=False)
    yield Case("storage", "version-mapping -r 4.0", server=False)
    yield Case("storage", "version-mapping -r 3.7-IV2", server=False)
    yield Case("storage", "feature-dependencies -f eligible.leader.replicas.version=1 "
                          "-f transaction.version=2 -f metadata.version=30", server=False)
    yield Case("storage", "feature-dependencies -f group.version=9", server=False)
    yield Case("storage", "info -c {P}", server=False)
    yield Case("storage", "format -c {P} -t abc", server=False)
    yield Case("storage", "format -c {P}", server=False)
    yield Case("storage", "bogus", server=False)
    yield Case("topics", "--list --version", server=False)


class Comparison:
    def __init__(self, node, kafka, count):
        self.node, self.kafka, self.count = node, kafka, count
        self.properties = os.path.join(node.data, "unformatted.properties")
        with open(node.config, encoding="utf-8") as f, open(self.properties, "w", encoding="utf-8") as to:
            to.write(f.read().replace(node.logs, os.path.join(node.data, "unformatted")))

    def command(self, home, case, name):
        args = case.args
        for word, value in [("{T}", name), ("{B}", self.node.bootstrap), ("{P}", self.properties),
                            ("{C}", f"127.0.0.1:{self.node.controller_port}")]:
            args = args.replace(word, value)
        if "{J}" in args:
            path = os.path.join(self.node.data, f"{name}.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump({"version": 1, "partitions": [
                    {"topic": f"{name}-p", "partition": 0, "offset": 3}]}, f)
            args = args.replace("{J}", path)
        words = args.split()
        if case.server:
            words = ["--bootstrap-server", self.node.bootstrap, *words]
        return [os.path.join(home, "bin", f"kafka-{case.tool}.sh"), *words]

    def answer(self, home, case, name):
        command = self.command(home, case, name)
        start = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, text=True, input=case.stdin,
                                  timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return f"no answer in {TIMEOUT_S} s", TIMEOUT_S * 1000, ""
        took_ms = (time.monotonic() - start) * 1000
        return (normalised(done.stdout, name, case.unordered) + f"\nexit {done.returncode}", took_ms,
                done.stderr)

    def run(self, case):
        expected, kafka_ms, _ = self.answer(self.kafka, case, "qk7")
        got, samsa_ms, errors = self.answer(ROOT, case, "qs7")
        detail = ""
        if got != expected:
            detail = f"\n--- Apache Kafka\n{expected}\n--- Samsa\n{got}\n{errors[-500:]}---"
        self.count.check(f"{case.title} ({samsa_ms:.0f} ms, {kafka_ms:.0f} ms)", got == expected, detail)


# What differs between two formatted directories: times, checksums over them, random directory ids.
FORMATTED = [
    (re.compile(r"\b1[5-9]\d{11}\b"), "TIME"),
    (re.compile(r"crc: \d+"), "crc: N"),
    (re.compile(r"(directoryId\":\"|DirectoryId\":\")[^\"]{22}"), r"\1ID"),
    (re.compile(r"^directory\.id=.*$", re.M), "directory.id=ID"),
    (re.compile(r"^#.*$", re.M), "#"),
]
FORMATS = [
    ("standalone", "bootstrap", "--standalone"),
    ("initial-controllers", "bootstrap",
     "--initial-controllers 1@localhost:9093:JEXY6aqzQY-32P5TStzaFg,2@[::1]:9094:MvDxzVmcRsaTz33bUuRU6A"),
    ("no-initial-controllers", "bootstrap", "--no-initial-controllers"),
    ("voters", "voters", ""),
    ("release", "voters", "--release-version 3.9"),
    ("feature", "bootstrap", "--standalone --feature transaction.version=1 --feature group.version=0"),
    ("ignore-formatted", "bootstrap", "--standalone --ignore-formatted"),
]


def files_of(directory):
    for folder, _, names in sorted(os.walk(directory)):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), directory)


def formatted(home, kafka, directory, quorum, options):
    """What kafka-storage.sh of `home` makes, in words: its output, the files, and what is in them."""
    properties = os.path.join(directory, "server.properties")
    os.makedirs(directory)
    with open(properties, "w", encoding="utf-8") as f:
        f.write("process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
                "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
                f"log.dirs={directory}/a,{directory}/b\n")
        f.write("controller.quorum.voters=1@localhost:9093\n" if quorum == "voters" else
                "controller.quorum.bootstrap.servers=localhost:9093\n")
    done = subprocess.run([os.path.join(home, "bin", "kafka-storage.sh"), "format", "-c", properties, "-t",
                           "MkU3OEVBNTcwNTJENDM2Qk", *options.split()], capture_output=True, text=True,
                          check=False)
    text = "\n".join(sorted(done.stdout.splitlines())) + f"\nexit {done.returncode}\n"
    for name in files_of(directory):
        path = os.path.join(directory, name)
        text += f"== {name} {os.stat(path).st_mode:o}\n"
        if name.endswith(".checkpoint"):
            text += dumped(kafka, [path, "--cluster-metadata-decoder"])
        elif name.endswith("meta.properties"):
            with open(path, encoding="utf-8") as f:
                text += "".join(sorted(f))
    text = text.replace(directory, "DIR")
    for pattern, replacement in FORMATTED:
        text = pattern.sub(replacement, text)
    return text


def compare_formats(node, kafka, part, count):
    for name, quorum, options in FORMATS:
        title = f"storage format: {name}"
        if part in title:
            expected = formatted(kafka, kafka, os.path.join(node.data, f"format-k-{name}"), quorum, options)
            got = formatted(ROOT, kafka, os.path.join(node.data, f"format-s-{name}"), quorum, options)
            count.check(title, got == expected, f"\n--- Apache Kafka\n{expected}\n--- Samsa\n{got}---")


def dumped(home, words):
    done = subprocess.run([os.path.join(home, "bin", "kafka-dump-log.sh"), "--files", *words],
                          capture_output=True, text=True, timeout=120, check=False)
    lines = [line for line in done.stdout.splitlines() if not NOISE.match(line)]
    return "\n".join(lines) + "\n"


def compare_dumps(node, kafka, part, count):
    """Both dump tools on what the node wrote, which has stopped."""
    logs = {"data": ("first-0", "--print-data-log"), "batches": ("first-1", ""),
            "records": ("first-2", "--deep-iteration"), "values": ("first-2", "--print-data-log "
                                                                   "--skip-record-metadata"),
            "metadata": ("__cluster_metadata-0", "--cluster-metadata-decoder")}
    for folder in sorted(os.listdir(node.logs)):
        log = os.path.join(node.logs, folder, "00000000000000000000.log")
        if folder.startswith("__consumer_offsets-") and os.path.exists(log) and os.path.getsize(log):
            logs[f"offsets {folder}"] = (folder, "--offsets-decoder")
    for name, (folder, options) in logs.items():
        path = os.path.join(node.logs, folder)
        files = [os.path.join(path, f) for f in sorted(os.listdir(path))
                 if f.split(".")[-1] in ("log", "index", "timeindex", "snapshot", "checkpoint")
                 and os.path.getsize(os.path.join(path, f))]
        title = f"dump-log: {name}"
        if part in title:
            words = [",".join(files), *options.split()]
            expected, got = dumped(kafka, words), dumped(ROOT, words)
            shown = [f"{e}\n  {g}" for e, g in zip(expected.splitlines(), got.splitlines()) if e != g][:5]
            count.check(title, got == expected, "\n" + "\n".join(shown))


def prepare(node, kafka):
    """A topic with records, a group with offsets, and a group with a member (which is returned)."""
    def tool(name, *args, **more):
        return node.tool(name, "--bootstrap-server", node.bootstrap, *args, home=ROOT, **more)

    tool("topics", "--create", "--topic", "first", "--partitions", "3")
    tool("console-producer", "--topic", "first", "--reader-property", "parse.key=true",
         "--reader-property", "key.separator=:",
         input="".join(f"k{i}:value {i}\n" for i in range(60)))
    tool("consumer-groups", "--reset-offsets", "--group", "committed", "--topic", "first", "--to-offset",
         "7", "--execute")
    member = subprocess.Popen(
        [os.path.join(kafka, "bin", "kafka-console-consumer.sh"), "--bootstrap-server", node.bootstrap,
         "--topic", "first", "--group", "member", "--command-property", "group.protocol=classic"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        state = tool("consumer-groups", "--describe", "--group", "member", "--state").stdout
        if "Stable" in state:
            return member
        time.sleep(0.1)
    member.kill()
    raise RuntimeError(f"the member did not join: {state}")


def main():
    arguments = sys.argv[1:]
    server = ROOT
    if arguments[:1] == ["--server"]:
        server, arguments = arguments[1], arguments[2:]
    part = arguments[0] if arguments else ""
    kafka = oracle()
    count = Count()
    with Node(home=server, data=tempfile.mkdtemp(prefix="samsa-tools-")) as node:
        node.keep = False
        node.format().start()
        member = prepare(node, kafka)
        try:
            comparison = Comparison(node, kafka, count)
            for case in cases():
                if part in case.title:
                    comparison.run(case)
        finally:
            member.kill()
            member.wait()
        node.stop()
        compare_dumps(node, kafka, part, count)
        compare_formats(node, kafka, part, count)
    return count.finish()


if __name__ == "__main__":
    sys.exit(main())
