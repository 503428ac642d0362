#!/usr/bin/env python3
"""Files both ways: Apache Kafka's tools read what Samsa wrote, Apache Kafka goes on with a directory
that Samsa ran on, and Samsa with one that Apache Kafka ran on, after clean stops and after kill -9."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import ROOT, Count, Node  # noqa: E402

KAFKA = os.environ.get("KAFKA_HOME", os.path.join(ROOT, "build", "kafka-4.3.1"))
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
RECORDS = 2000


def kcat(node, *arguments, text=None):
    done = subprocess.run(["kcat", "-b", node.bootstrap, *arguments], input=text, capture_output=True, text=True,
                          timeout=90, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kcat {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def topics_of(prefix):
    return [f"{prefix}-{codec}" for codec in CODECS]


def fill(node, prefix):
    """A topic per codec, two of them with a segment size that rolls; a group that has committed."""
    for codec, topic in zip(CODECS, topics_of(prefix)):
        node.tool("topics", "--bootstrap-server", node.bootstrap, "--create", "--topic", topic, "--partitions", "2",
                  "--replication-factor", "1", "--config", "segment.bytes=1048576", home=ROOT)
        lines = "".join(f"k{i % 50}|{prefix} {codec} {i} {'x' * (i % 300)}\n" for i in range(RECORDS))
        kcat(node, "-P", "-t", topic, "-K", "|", "-z", codec, "-X", "enable.idempotence=true", text=lines)
    kcat(node, "-G", f"g-{prefix}", "-X", "auto.offset.reset=earliest", "-c", "500", "-q", "-f", "%o\n", f"{prefix}-none")


def contents(node, prefix):
    return {topic: sorted(kcat(node, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p %o %k %s\n").splitlines())
            for topic in topics_of(prefix)}


def committed(node, prefix):
    """partition -> offset, by whichever tool is at hand: Samsa's."""
    done = node.tool("consumer-groups", "--bootstrap-server", node.bootstrap, "--describe", "--group", f"g-{prefix}",
                     "--offsets", home=ROOT)
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(f"g-{prefix}")]
    return {row[2]: row[3] for row in rows}


def described(node):
    done = node.tool("topics", "--bootstrap-server", node.bootstrap, "--describe", home=ROOT)
    return sorted(re.sub(r"\t(Elr|LastKnownElr):.*", "", line) for line in done.stdout.splitlines()
                  if not line.startswith("Topic: __") and "Topic: __" not in line)


def dump(*arguments):
    done = subprocess.run([os.path.join(KAFKA, "bin", "kafka-dump-log.sh"), *arguments], capture_output=True,
                          text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def segments(node, pattern):
    found = []
    for folder, _, names in os.walk(node.logs):
        found += [os.path.join(folder, name) for name in names if re.search(pattern, os.path.join(folder, name))]
    return sorted(found)


def check_dumps(count, node, prefix):
    for codec in CODECS:
        files = segments(node, rf"{prefix}-{codec}-\d+/\d+\.log$")
        text = dump("--files", ",".join(files), "--print-data-log")
        records = len(re.findall(r"^\| offset: ", text, re.M))
        fine = records == RECORDS and "isvalid: false" not in text and "invalid bytes" not in text
        count.check(f"Apache Kafka's dump tool reads {codec} segments", fine, f"{records} records of {len(files)} files")
    indexes = [f for f in segments(node, rf"{prefix}-\w+-\d+/\d+\.(index|timeindex)$") if os.path.getsize(f) > 0]
    text = dump("--files", ",".join(indexes), "--index-sanity-check")
    count.check("its index check passes", bool(indexes) and "passed sanity check" in text and "Mismatches" not in text
                and "Exception" not in text, text[-500:])
    snapshots = segments(node, rf"{prefix}-\w+-\d+/\d+\.snapshot$")
    text = dump("--files", ",".join(snapshots))
    count.check("producer snapshots are read", bool(snapshots) and "Exception" not in text, text[-300:])
    offsets = [f for f in segments(node, r"__consumer_offsets-\d+/\d+\.log$") if os.path.getsize(f) > 0]
    text = dump("--files", ",".join(offsets), "--offsets-decoder")
    count.check("__consumer_offsets is decoded", f'"group":"g-{prefix}"' in text and '"offset":' in text, text[-500:])
    metadata = segments(node, r"__cluster_metadata-0/\d+\.log$")
    text = dump("--files", ",".join(metadata), "--cluster-metadata-decoder")
    wanted = ["REGISTER_BROKER_RECORD", "TOPIC_RECORD", "PARTITION_RECORD", "LeaderChange", "KRaftVoters",
              "FEATURE_LEVEL_RECORD"]
    missing = [w for w in wanted if w not in text]
    count.check("the metadata log is decoded", not missing and "isvalid: false" not in text, f"missing {missing}")
    checkpoint = segments(node, r"__cluster_metadata-0/0+-0+\.checkpoint$")
    text = dump("--files", ",".join(checkpoint), "--cluster-metadata-decoder")
    count.check("the 0-0 checkpoint is decoded", "KRaftVoters" in text and "SnapshotFooter" in text, text[-300:])


def hand_over(count, first, second, prefix, kill):
    """`first` and `second` are homes. Fills under the first, goes on under the second, and back."""
    how = "kill -9" if kill else "a clean stop"
    names = {ROOT: "Samsa", KAFKA: "Apache Kafka"}
    node = Node(home=first)
    mark = os.path.join(node.logs, ".samsa_disk_failed")  # Samsa writes again what the disk may lack; the other passes over it
    try:
        node.format().start()
        fill(node, prefix)
        before, offsets, topics = contents(node, prefix), committed(node, prefix), described(node)
        count.check(f"{names[first]} is filled", sum(map(len, before.values())) == RECORDS * len(CODECS)
                    and len(offsets) > 0, str({t: len(v) for t, v in before.items()}) + str(offsets))
        node.kill() if kill else node.stop()
        if first == ROOT and not kill:
            check_dumps(count, node, prefix)
        for home in (second, first):
            node.home = home
            if kill:
                with open(mark, "w", encoding="ascii"):
                    pass
            node.start()
            label = f"{names[home]} goes on after {how} of {names[first if home == second else second]}"
            if kill:
                count.check(f"{label}, marked as failed", os.path.exists(mark) == (home == KAFKA))
            after = contents(node, prefix)
            changed = [t for t in before if before[t] != after[t]]
            count.check(f"{label}: records", not changed, f"{changed}: " + str([(len(before[t]), len(after[t])) for t in changed]))
            got = committed(node, prefix)
            count.check(f"{label}: committed offsets", got == offsets, f"{got} for {offsets}")
            got = described(node)
            count.check(f"{label}: topics", got == topics, f"{got} for {topics}")
            kcat(node, "-P", "-t", f"{prefix}-none", text="one more\n")
            before = contents(node, prefix)
            count.check(f"{label}: and appends", sum(map(len, before.values())) > sum(map(len, after.values())))
            node.kill() if kill else node.stop()
    except Exception as e:  # noqa: BLE001: whatever broke, it is this hand-over that failed
        count.check(f"{names[first]} to {names[second]} after {how}", False, f"{type(e).__name__}: {e}\n{node.log_tail()}")
    finally:
        node.close()


def java(command, node):
    done = subprocess.run(["java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dkafka.log.level=OFF",
                           f"-Dlog4j2.configurationFile={KAFKA}/config/log4j2.yaml", "-cp", os.path.join(KAFKA, "libs", "*"),
                           os.path.join(ROOT, "test/interop/files/Cleaned.java"), command, node.bootstrap],
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"Cleaned {command}: {done.stdout[-300:]}{done.stderr[-1000:]}")
    return done.stdout.splitlines()


def cleaned(count):
    """What Apache Kafka alone writes, read under both: its transactions and what its cleaner has compacted."""
    node = Node(home=KAFKA, properties={"log.cleaner.backoff.ms": "100", "log.retention.check.interval.ms": "3600000",
                                        "offsets.topic.num.partitions": "3", "transaction.state.log.num.partitions": "3"})
    try:
        node.format().start()
        java("fill", node)
        node.stop()
        node.properties["log.cleaner.enable"] = "false"  # so that nothing changes any more
        node.write_config()
        node.start()
        expected = java("read", node)
        aborted = sum("txn-0" in line for line in expected if line.startswith("read_uncommitted")) - \
            sum("txn-0" in line for line in expected if line.startswith("read_committed"))
        count.check("Apache Kafka reads its transactions and compacted topic", len(expected) > 4000 and aborted > 500,
                    f"{len(expected)} lines, {aborted} aborted")
        for home, how in ((ROOT, "a clean stop"), (KAFKA, "kill -9"), (ROOT, "kill -9")):
            node.stop() if how == "a clean stop" else node.kill()
            node.home = home
            node.start()
            got = java("read", node)
            changed = [f"{e} / {g}" for e, g in zip(expected, got) if e != g][:3]
            count.check(f"{'Samsa' if home == ROOT else 'Apache Kafka'} reads the same after {how}", got == expected,
                        f"{len(got)} lines for {len(expected)}: {changed}")
    except Exception as e:  # noqa: BLE001: whatever broke, it is this that failed
        count.check("transactions and compacted topics", False, f"{type(e).__name__}: {e}\n{node.log_tail()}")
    finally:
        node.close()


def main():
    count = Count()
    subprocess.run([os.path.join(ROOT, "test/interop/apache-kafka"), "4.3.1", KAFKA], check=True)
    for kill in (False, True):
        hand_over(count, ROOT, KAFKA, "s", kill)
        hand_over(count, KAFKA, ROOT, "k", kill)
    cleaned(count)
    return count.finish()


if __name__ == "__main__":
    sys.exit(main())
