#!/usr/bin/env python3
"""Holds Samsa's tools against Apache Kafka's own: the same command, the same node, the same answer.

    test/interop/tools/compare.py [--server DIR] [PART]

Starts a node of Samsa (or, with --server, of the Kafka laid out in DIR) and runs every case below with both
tools; comparison.py says what of the answers must be equal. PART runs only the cases whose title contains it.

A case with {T} in it changes something: each side gets a name of its own there, of the same length."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from comparison import NOISE, Case, Comparison, json_lines, json_values  # noqa: E402
from lib import ROOT, Count, Node  # noqa: E402
from mistakes import mistakes, quotas, unreachable  # noqa: E402
from odd import odd  # noqa: E402

KAFKA_VERSION = "4.3.1"


def oracle():
    """The Apache Kafka to compare with: KAFKA_HOME, or one fetched into build/."""
    home = os.environ.get("KAFKA_HOME")
    if not home:
        home = os.path.join(ROOT, "build", f"kafka-{KAFKA_VERSION}")
        subprocess.run([os.path.join(ROOT, "test", "interop", "apache-kafka"), KAFKA_VERSION, home],
                       check=True)
    return home


def cases():
    yield from topics()
    yield from groups()
    yield from consoles()
    yield from others()
    yield from measurements()
    yield from without_server()
    yield from mistakes()
    yield from odd()
    yield from unreachable()


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
    yield Case("console-consumer", "--topic {T}-k --from-beginning --timeout-ms 10000 "
                                   "--property print.value=false --property print.key=true", unordered=True)
    yield Case("console-producer", "--topic {T}-k --reader-property parse.key=true", stdin="no key\n")
    for line in CONSOLES.strip().splitlines():
        tool, _, args = line.partition(" ")
        args, _, stdin = args.partition(" <<< ")
        yield Case(tool, args, stdin=stdin.replace("\\n", "\n").replace("\\t", "\t") + "\n")
    yield Case("console-consumer", "--topic first --offset 3")
    yield Case("console-consumer", "--from-beginning")


# What stands behind <<< is the standard input.
CONSOLES = """
console-producer --topic {T}-c --command-property acks=7 <<< x
console-producer --topic {T}-c --request-required-acks 7 <<< x
console-producer --topic {T}-c --line-reader nosuch <<< x
console-producer --topic {T}-c --reader-property parse.key=true --property key.separator=: <<< a:b
console-producer --topic {T}-c --property parse.key=true <<< a\\tb
console-producer --topic {T}-c --producer-property acks=1 <<< c
console-producer --topic {T}-c --producer-property acks=1 --command-property acks=1 <<< x
console-producer --topic {T}-c --reader-config {J:parse.key=true\\nkey.separator=;} <<< k;v
console-producer --topic {T}-c --max-partition-memory-bytes 100 --timeout 10 --retry-backoff-ms 5 <<< d
console-producer --topic {T}-c --command-property x <<< e
console-consumer --topic {T}-c --partition 0 --offset earliest --max-messages 5 --formatter-property print.key=true
console-consumer --topic {T}-c --partition 0 --offset 1 --max-messages 1 --formatter-config {J:print.key=true\\nkey.separator=~} --formatter-property print.headers=true --formatter-property print.delivery=true
console-consumer --topic {T}-c --max-messages 5 --timeout-ms 20000 --command-property auto.offset.reset=earliest
console-consumer --topic {T}-c --command-property auto.offset.reset=latest --from-beginning
console-consumer --topic {T}-c --command-property group.id=a --group b
console-consumer --topic {T}-c --command-property group.id=a --partition 0
console-consumer --topic {T}-c --property print.key=true --formatter-property print.offset=true
console-consumer --topic {T}-c --partition 0 --offset earliest --max-messages 1 --enable-systest-events
console-consumer --topic {T}-c --formatter kafka.tools.DefaultMessageFormatter
console-consumer --topic {T}-c --formatter-config /nosuch
console-consumer --topic bad/{T} --timeout-ms 1500
console-consumer --topic {T}-c --max-messages 0 --from-beginning
console-producer --topic {T}-n <<< 12345678
console-consumer --topic {T}-n --partition 0 --offset earliest --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.LongDeserializer
console-consumer --topic {T}-n --partition 0 --offset earliest --max-messages 1 --formatter-property value.deserializer=org.apache.kafka.common.serialization.DoubleDeserializer
console-consumer --topic {T}-n --partition 0 --offset earliest --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.IntegerDeserializer
console-consumer --topic {T}-n --partition 0 --offset earliest --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.IntegerDeserializer --skip-message-on-error
console-consumer --topic {T}-n --partition 0 --offset earliest --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.ByteBufferDeserializer
console-consumer --topic {T}-n --partition 0 --offset earliest --max-messages 1 --value-deserializer org.apache.kafka.common.serialization.VoidDeserializer
console-producer --topic {T}-n --reader-property headers.separator=, --reader-property headers.delimiter=, <<< x
console-producer --topic {T}-n --reader-property headers.key.separator=, <<< x
console-producer --topic {T}-n --reader-property null.marker=: <<< x
console-consumer --topic {T}-n --partition 0 --offset earliest --max-messages 1 --value-deserializer nosuch --key-deserializer org.apache.kafka.common.serialization.FloatDeserializer --formatter-property print.key=true
"""


def others():
    yield Case("get-offsets", "--topic first")
    yield Case("get-offsets", "--topic-partitions first:0-2,nosuch --time earliest")
    yield Case("get-offsets", "--topic first --time -3")
    yield Case("get-offsets", "--topic first --partitions 1 --time 0")
    yield Case("get-offsets", "--topic nosuch")
    yield Case("get-offsets", "--topic first --time soon")
    for when in ("-1", "latest", "-2", "max-timestamp", "-4", "earliest-local", "-5", "latest-tiered", "-6",
                 "earliest-pending-upload", "1", "4102444800000"):
        yield Case("get-offsets", f"--topic first --time {when}", mistake=True)
    yield Case("get-offsets", "--topic-partitions first:-1,first:2-,fi.*:1 --exclude-internal-topics")
    yield Case("get-offsets", "--exclude-internal-topics", shared=True)
    yield Case("get-offsets", "--topic-partitions '' --exclude-internal-topics", shared=True)
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
    for brokers in (",", ",1,", "+1", "01"):
        yield Case("log-dirs", f"--describe --broker-list {brokers} --topic-list ,first,",
                   view=lambda text: json_lines(text.splitlines()[-1], in_order))
    yield Case("topics", "--describe --topic-id AAAAAAAAAAAAAAAAAAAAAA==", unordered=True, shared=True)
    yield Case("log-dirs", "--describe --topic-list first", view=lambda text: json_lines(text.splitlines()[-1], in_order))
    yield Case("configs", "--bootstrap-controller {C} --describe --broker 1", server=False)
    yield Case("configs", "--bootstrap-controller {C} --describe --entity-type brokers", server=False)
    yield Case("configs", "--bootstrap-controller {C} --describe --broker-defaults", server=False)
    yield Case("configs", "--describe --entity-type topics --entity-name first")
    yield Case("configs", "--describe --entity-type brokers --entity-default")
    yield Case("configs", "--describe --entity-type brokers --entity-name x", mistake=True)
    yield Case("configs", "--describe --entity-type nosuch", mistake=True)
    yield Case("configs", "--describe", mistake=True)
    yield Case("configs", "", mistake=True)
    yield Case("configs", "--alter --describe --topic first", mistake=True)
    yield Case("configs", "--describe --topic first --add-config a=1", mistake=True)
    yield Case("configs", "--alter --topic first --add-config a", mistake=True)
    yield Case("configs", "--alter --topic first --add-config a=1 --add-config-file /x", mistake=True)
    yield Case("configs", "--alter --entity-type topics --add-config a=1", mistake=True)
    yield Case("configs", "--describe --topic first --entity-type topics", mistake=True)
    yield Case("configs", "--describe --client-metrics nosuch")
    yield Case("configs", "--describe --entity-type client-metrics")
    yield Case("configs", "--describe --group nosuch")
    yield Case("configs", "--describe --group committed")
    yield Case("configs", "--describe --entity-type groups", unordered=True)
    yield Case("configs", "--alter --group {T}-g --add-config consumer.session.timeout.ms=50000")
    yield Case("configs", "--describe --group {T}-g")
    yield Case("configs", "--alter --client-metrics {T} --add-config interval.ms=10000,metrics=org.apache")
    yield Case("configs", "--describe --client-metrics {T}")
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
    yield Case("configs", "--alter --topic {T}-k --add-config retention.ms=5,retention.ms=6")
    yield Case("configs", "--describe --topic {T}-k")
    yield Case("configs", "--alter --topic {T}-k")
    yield Case("configs", "--alter --broker-defaults --add-config log.retention.ms=600000")
    yield Case("configs", "--describe --broker-defaults")
    yield Case("configs", "--alter --broker-defaults --delete-config log.retention.ms")
    yield Case("configs", "--alter --broker 1 --add-config num.partitions=3")
    yield Case("delete-records", "--offset-json-file "
               '{J:{"version":1,"partitions":[{"topic":"{T}-p","partition":0,"offset":3}]}}')


# What a perf test has measured: digits are left out, and what was counted exactly is left in.
def figures(text):
    return re.sub(r"\d+(\.\d+)?|Infinity", "N", re.sub(r"(?<=^)\d+(?= records sent)", lambda m: f"<{m[0]}>", text,
                                               flags=re.M)) + f"{sent(text)}"


def sent(text):
    return re.findall(r"^(\d+)(?: steady state)? records sent", text, re.M)


def read(text):
    """The rows of consumer-perf-test, with megabytes and records as they are."""
    rows = [line.split(", ") for line in text.splitlines()]
    return "\n".join(", ".join(c if i in (2, 4) or not re.match(r"-?\d|NaN|Infinity|-Inf", c) else "N"
                               for i, c in enumerate(row)) for row in rows)


# Metrics that Samsa's tools print too.
COMMON = re.compile(r"^\S*:record(-error|-send|s-consumed)-total:\{.*\} *: .*")


def metrics(text):
    return "\n".join(re.sub(r" +", " ", line) for line in text.splitlines() if COMMON.match(line))


def steps(text):
    """Events of a verifiable consumer: how it cuts records into batches, and which partition comes first, is
    its own."""
    events = json_values(text)
    kinds, records, counted = [], [], {}
    for e in events:
        e.pop("timestamp")
        if e["name"] in ("records_consumed", "offsets_committed"):
            for p in e.get("partitions", []) + e.get("offsets", []):
                key = e["name"], p["topic"], p["partition"]
                before = counted.get(key, {})
                counted[key] = {"count": before.get("count", 0) + p.get("count", 0),
                                "first": before.get("first", p.get("minOffset")),
                                "last": p.get("maxOffset", p.get("offset"))}
        elif e["name"] == "record_data":
            records.append((e["partition"], e["offset"], json.dumps(e, sort_keys=True)))
        else:
            kinds.append(json.dumps(e, sort_keys=True))
    return "\n".join(kinds + [r[2] for r in sorted(records)] + [f"{k}: {v}" for k, v in sorted(counted.items())])


def in_order(value):
    """JSON with its lists sorted."""
    if isinstance(value, list):
        return sorted((in_order(v) for v in value), key=json.dumps)
    return {k: in_order(v) for k, v in value.items()} if isinstance(value, dict) else value


def measurements():
    yield Case("verifiable-producer", "--topic {T}-v --max-messages 20 --repeating-keys 3 --value-prefix 7",
               view=lambda text: json_lines(re.sub(r'"avg_throughput":[\d.]+', '"avg_throughput":"N"', text)))
    yield Case("verifiable-producer", "--topic bad/{T} --max-messages 1", view=lambda text: json_lines(text))
    yield Case("verifiable-consumer", "--topic {T}-v --group-id {T}-v --max-messages 20 --verbose", view=steps)
    yield Case("verifiable-producer", "--topic {T}-v --repeating-keys 3 --max-messages 3 --acks 0",
               view=lambda text: json_lines(re.sub(r'"avg_throughput":[\d.]+', '"avg_throughput":"N"', text)))
    yield Case("producer-perf-test", "--topic {T}-w --num-records 50 --record-size 10 --throughput 1000 "
                                     "--warmup-records 20", view=figures)
    yield Case("producer-perf-test", "--topic {T}-w --num-records 2 --record-size 1048576 --throughput -1 "
                                     "--command-property max.request.size=1000", view=figures)
    yield Case("producer-perf-test", "--topic {T}-w --num-records 5 --payload-monotonic --throughput -1 "
                                     "--producer-props acks=1 linger.ms=1", view=figures)
    yield Case("producer-perf-test", "--topic {T}-w --num-records 5 --throughput -1 --payload-delimiter , "
                                     "--payload-file {J:one,two,three}", view=figures)
    yield Case("consumer-perf-test", "--topic {T}-w --num-records 60", view=read)
    yield Case("consumer-perf-test", "--topic {T}-w --num-records 60 --hide-header --show-detailed-stats")
    yield Case("consumer-perf-test", "--include {T}-w --messages 60", view=read)
    yield Case("consumer-perf-test", "--topic {T}-z --num-records 1 --timeout 300", view=read)
    yield Case("consumer-perf-test", "--topic {T}-w --num-records 60 --timeout x", view=read)
    yield Case("consumer-perf-test", "--topic {T}-w --num-records 60 --print-metrics", view=metrics)
    yield Case("consumer-perf-test", "--topic {T}-w --num-records 3 --command-property max.poll.records=1", view=read)
    yield Case("consumer-perf-test", "--topic {T}-w --num-records 0 --timeout -5", view=read)
    yield Case("consumer-perf-test", "--topic {T}-w --num-records 60 --hide-header --date-format "
                                     "\"'at' y M d E EEEE MMM D F W w Y u G '' XXX Z yy MMMM\"",
               view=lambda text: text.split(",")[0])
    yield Case("producer-perf-test", "--topic {T}-w --num-records 5 --record-size 10 --throughput -1 --print-metrics "
                                     "--command-property client.id=c", view=metrics)
    yield Case("verifiable-consumer", "--topic {T}-v --group-id {T}-ago --max-messages 20 --reset-policy "
                                      "by_duration:PT1H", view=steps)
    yield Case("verifiable-consumer", "--topic {T}-v --group-id {T}-new --max-messages 1 --group-protocol consumer",
               view=steps)
    yield Case("console-consumer", "--topic {T}-c --group {T}-ago --max-messages 2 --command-property "
                                   "auto.offset.reset=by_duration:P1D")
    yield Case("console-consumer", "--topic {T}-c --max-messages 2 --command-property group.protocol=consumer")
    yield Case("e2e-latency", "--topic {T}-e --num-records 5 --producer-acks all --record-size 100 "
                              "--record-key-size 5 --num-headers 2 --record-header-key-size 3 "
                              "--record-header-size 4", view=figures)
    yield Case("e2e-latency", "{B} {T}-e 2 1 10", server=False, view=figures)
    formatters = "--topic __consumer_offsets --offset earliest --formatter org.apache.kafka.tools.consumer."
    yield Case("console-consumer", formatters + "OffsetsMessageFormatter {committed}", view=json_lines)
    yield Case("console-consumer", formatters + "GroupMetadataMessageFormatter {member}", view=json_lines)
    yield Case("console-consumer", formatters + "TransactionLogMessageFormatter {committed}")
    yield Case("console-consumer", "--topic first --partition 0 --offset earliest --max-messages 1 "
                                   "--formatter org.apache.kafka.tools.consumer.OffsetsMessageFormatter")


def named(text):
    """The options and commands that a help text explains: what it says of them is each program's own."""
    return "\n".join(sorted(re.findall(r"^ {2,4}(-\S+(?: [A-Z_]+)?(?:, -\w(?: [A-Z_]+)?)?|[a-z]+(?:-[a-z]+)*)(?= |$)",
                                       text, re.M)))


def without_server():
    for tool, command in (("storage", ""), ("storage", "format"), ("storage", "info"), ("storage", "random-uuid"),
                          ("storage", "version-mapping"), ("storage", "feature-dependencies"),
                          ("metadata-quorum", "add-controller"), ("metadata-quorum", "remove-controller"),
                          ("metadata-quorum", "describe"), ("metadata-quorum", ""), ("features", ""),
                          ("features", "upgrade"), ("cluster", ""), ("cluster", "unregister")):
        yield Case(tool, f"{command} --help", server=False, view=named)
    yield Case("storage", "version-mapping", server=False)
    yield Case("storage", "version-mapping -r 4.0", server=False)
    yield Case("storage", "version-mapping -r 3.7-IV2", server=False)
    yield Case("storage", "feature-dependencies -f eligible.leader.replicas.version=1 "
                          "-f transaction.version=2 -f metadata.version=30", server=False)
    yield Case("storage", "feature-dependencies -f group.version=9", server=False)
    yield Case("storage", "info -c {P}", server=False)
    yield Case("storage", "info -c {F}", server=False)
    yield Case("storage", "info -c /nosuch", server=False)
    yield Case("storage", "info", server=False, mistake=True)
    yield Case("storage", "", server=False, mistake=True)
    yield Case("storage", "format -c {P} -t", server=False, mistake=True)
    for quorum, options in (("bootstrap", ""), ("bootstrap", "--standalone --no-initial-controllers"),
                            ("bootstrap", "--initial-controllers x"),
                            ("bootstrap", "--initial-controllers 1@localhost:9093"),
                            ("bootstrap", "--standalone --feature nosuch=1"),
                            ("bootstrap", "--standalone --release-version 9.9"),
                            ("bootstrap", "--standalone --release-version 4.0 --feature metadata.version=30"),
                            ("bootstrap", "--standalone --feature kraft.version=0"),
                            ("bootstrap", "--standalone --release-version 3.6"),
                            ("bootstrap", "--standalone --add-scram x"),
                            ("voters", "--standalone"), ("voters", "--no-initial-controllers"),
                            ("voters", "--initial-controllers 1@localhost:9093:JEXY6aqzQY-32P5TStzaFg"),
                            ("brokeronly", "--standalone"), ("brokeronly", "--initial-controllers x")):
        yield Case("storage", f"format -t MkU3OEVBNTcwNTJENDM2Qk -c {{{quorum}}} {options}".strip(), server=False,
                   mistake=True)
    yield Case("storage", "format -c {P} -t abc", server=False)
    yield Case("storage", "format -c {P}", server=False)
    yield Case("storage", "bogus", server=False)
    yield Case("topics", "--list --version", server=False)


# What differs between two formatted directories: times, checksums over them, random directory ids.
FORMATTED = [
    (re.compile(r"\b1[5-9]\d{11}\b"), "TIME"),
    (re.compile(r"crc: \d+"), "crc: N"),
    (re.compile(r"(directoryId\":\"|DirectoryId\":\")[^\"]{22}"), r"\1ID"),
    (re.compile(r"^directory\.id=.*$", re.M), "directory.id=ID"),
    (re.compile(r"^#.*\n", re.M), ""),
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


def samsa(tool, args):
    """Samsa's tool, run as Resident.run runs Apache Kafka's."""
    return subprocess.run([os.path.join(ROOT, "bin", f"kafka-{tool}.sh"), *args], capture_output=True, text=True,
                          timeout=120, check=False)


def formatted(run, kafka, directory, quorum, options):
    """What kafka-storage.sh makes, in words: its output, the files, and what is in them."""
    properties = os.path.join(directory, "server.properties")
    os.makedirs(directory)
    with open(properties, "w", encoding="utf-8") as f:
        f.write("process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
                "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
                f"log.dirs={directory}/a,{directory}/b\n")
        f.write("controller.quorum.voters=1@localhost:9093\n" if quorum == "voters" else
                "controller.quorum.bootstrap.servers=localhost:9093\n")
    done = run("storage", ["format", "-c", properties, "-t", "MkU3OEVBNTcwNTJENDM2Qk", *options.split()])
    said = [line for line in done.stdout.splitlines() if not NOISE.match(line)]  # earlier tools' threads log too
    text = "\n".join(sorted(said)) + f"\nexit {done.returncode}\n"
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
            got = formatted(samsa, kafka, os.path.join(node.data, f"format-s-{name}"), quorum, options)
            count.check(title, got == expected, f"\n--- Apache Kafka\n{expected}\n--- Samsa\n{got}---")


def dumped(run, words):
    done = run("dump-log", ["--files", *words])
    lines = [line for line in done.stdout.splitlines() if not NOISE.match(line)]
    return "\n".join(lines) + "\n"


def compare_dumps(node, kafka, part, count):
    """Both dump tools on what the node wrote, which has stopped."""
    logs = {"data": ("first-0", "--print-data-log"), "batches": ("first-1", ""),
            "records": ("first-2", "--deep-iteration"), "values": ("first-2", "--print-data-log "
                                                                   "--skip-record-metadata"),
            "metadata": ("__cluster_metadata-0", "--cluster-metadata-decoder")}
    # how many partitions of groups there are depends on random names, so they are one case
    logs["offsets"] = ("__consumer_offsets-*", "--offsets-decoder")
    for name, (folders, options) in logs.items():
        files = [f for f in sorted(glob.glob(os.path.join(node.logs, folders, "*")))
                 if f.split(".")[-1] in ("log", "index", "timeindex", "snapshot", "checkpoint")
                 and os.path.getsize(f)]
        title = f"dump-log: {name}"
        if part in title:
            words = [",".join(files), *options.split()]
            expected, got = dumped(kafka, words), dumped(samsa, words)
            shown = [f"{e}\n  {g}" for e, g in zip(expected.splitlines(), got.splitlines()) if e != g][:5]
            count.check(title, got == expected, "\n" + "\n".join(shown))


# What could be wrong with a log's files: which of them is changed, and how.
DAMAGES = [
    ("nothing", "log", lambda data: data),
    ("room behind the offset index", "index", lambda data: data + bytes(48)),
    ("room behind the time index", "timeindex", lambda data: data + bytes(48)),
    ("three bytes behind the offset index", "index", lambda data: data + b"abc"),
    ("three bytes behind the time index", "timeindex", lambda data: data + b"abc"),
    ("another offset in the offset index", "index", lambda data: bytes((*data[:3], data[3] ^ 1, *data[4:]))),
    ("another time in the time index", "timeindex", lambda data: bytes((*data[:7], data[7] ^ 1, *data[8:]))),
    ("another offset in the time index", "timeindex", lambda data: bytes((*data[:11], data[11] ^ 1, *data[12:]))),
    ("an offset index before its log", "index", lambda data: data[:-8] + b"\xff" * 4 + data[-4:]),
]


def dump_answer(run, words, directory):
    """Output, what was found on standard error, and the exit status."""
    done = run("dump-log", ["--files", *words])
    found = [line for line in done.stderr.splitlines() if not re.match(r"\s+at |\t|\[\d{4}-|Caused by", line)]
    said = [line for line in done.stdout.splitlines() if not NOISE.match(line)]
    return "\n".join(said + ["--"] + found + [f"exit {done.returncode}"]).replace(directory, "DIR")


def compare_damaged(node, kafka, part, count):
    """Indexes held against their log, as they are and with something wrong in them."""
    if part not in "dump-log: damaged":
        return
    for title, suffix, change in DAMAGES:
        directory = tempfile.mkdtemp(prefix="damaged-")
        for path in glob.glob(os.path.join(node.logs, "indexed-0", "0*")):
            with open(path, "rb") as f, open(os.path.join(directory, os.path.basename(path)), "wb") as to:
                data = f.read()
                to.write(change(data) if path.endswith("." + suffix) else data)
        for options in ([], ["--verify-index-only"], ["--index-sanity-check"]):
            for name in ("index", "timeindex", "log"):
                words = [os.path.join(directory, f"{0:020}.{name}"), *options]
                if name == "log" and options:
                    continue
                expected, got = (dump_answer(run, words, directory) for run in (kafka, samsa))
                count.check(f"dump-log: damaged: {title}: {name} {' '.join(options)}", got == expected,
                            f"\n--- Apache Kafka\n{expected[-1500:]}\n--- Samsa\n{got[-1500:]}")
        shutil.rmtree(directory)


def compare_quotas(kafka, comparison, part):
    """Users, clients and ips against an Apache Kafka, which serves their requests."""
    chosen = [case for case in quotas() if part in case.title]
    if not chosen:
        return
    with Node(home=kafka) as node:
        node.format().start()
        comparison.words = {**comparison.words, "{B}": node.bootstrap, "{C}": f"127.0.0.1:{node.controller_port}"}
        for case in chosen:
            comparison.run(case)


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
    tool("producer-perf-test", "--topic", "indexed", "--num-records", "100", "--record-size", "1000",
         "--throughput", "1000", "--command-property", "batch.size=4000", "linger.ms=1")
    member = subprocess.Popen(
        [os.path.join(kafka, "bin", "kafka-console-consumer.sh"), "--bootstrap-server", node.bootstrap,
         "--topic", "first", "--group", "member", "--command-property", "group.protocol=classic"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = tool("consumer-groups", "--describe", "--group", "member", "--state").stdout
        if "Stable" in state:
            return member
        time.sleep(0.1)
    member.kill()
    raise RuntimeError(f"the member did not join: {state}")


def records_of(node, group):
    """Options of console-consumer that read what there is now of a group's partition of __consumer_offsets."""
    number = 0
    for c in group:  # Java's hashCode
        number = (31 * number + ord(c)) & 0xFFFFFFFF
    partition = (number & 0x7FFFFFFF) % 50
    end = node.tool("get-offsets", "--bootstrap-server", node.bootstrap, "--topic-partitions",
                    f"__consumer_offsets:{partition}", home=ROOT).stdout.split(":")[-1].strip()
    return f"--partition {partition} --max-messages {end}"


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
        unformatted = os.path.join(node.data, "unformatted.properties")
        with open(node.config, encoding="utf-8") as f, open(unformatted, "w", encoding="utf-8") as to:
            to.write(f.read().replace(node.logs, os.path.join(node.data, "unformatted")))
        common = f"node.id=1\\nlog.dirs={node.data}/never-{{T}}\\ncontroller.listener.names=CONTROLLER\\n"
        both = common + "process.roles=broker,controller\\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\\n"
        comparison = Comparison(kafka, count, {
            "{bootstrap}": f"{{J:{both}controller.quorum.bootstrap.servers=localhost:9093}}",
            "{voters}": f"{{J:{both}controller.quorum.voters=1@localhost:9093}}",
            "{brokeronly}": f"{{J:{common}process.roles=broker\\nlisteners=PLAINTEXT://:9092\\n"
                            "controller.quorum.bootstrap.servers=localhost:9093}",
            "{B}": node.bootstrap, "{C}": f"127.0.0.1:{node.controller_port}", "{P}": unformatted,
            "{L}": node.logs, "{F}": node.config,
            **{f"{{{group}}}": records_of(node, group) for group in ("committed", "member")}})
        try:
            for case in cases():
                if part in case.title:
                    comparison.run(case)
        finally:
            member.kill()
            member.wait()
        node.stop()
        compare_dumps(node, comparison.resident.run, part, count)
        compare_damaged(node, comparison.resident.run, part, count)
        compare_formats(node, comparison.resident.run, part, count)
        compare_quotas(kafka, comparison, part)
        comparison.close()
    return count.finish()


if __name__ == "__main__":
    sys.exit(main())
