#!/usr/bin/env python3
"""Consumer groups in Kafka's own files: what Samsa wrote, Apache Kafka's tools decode; an Apache Kafka
goes on from the committed offsets of a Samsa on the same directory, and the other way round, after clean
stops and after kill -9; and a group of the consumer protocol (KIP-848), which only Apache Kafka serves, becomes a
classic one at Samsa, and goes back."""
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import Count, Node, ROOT  # noqa: E402

VERSION = "4.3.1"
CONSUMER_PROTOCOL = ("--command-property", "group.protocol=consumer")
GROUP, MODERN, OTHER = "readers", "modern", "grüße"  # the last is placed by its UTF-16 hash, not by its bytes


def apache_kafka():
    home = os.environ.get("KAFKA_HOME")
    if not home:
        home = os.path.join(ROOT, "build", f"kafka-{VERSION}")
        subprocess.run([os.path.join(ROOT, "test", "interop", "apache-kafka"), VERSION, home], check=True)
    return home


def produce(node, first, count):
    lines = "".join(f"{i}:value {i}\n" for i in range(first, first + count))
    node.tool("console-producer", "--bootstrap-server", node.bootstrap, "--topic", "t", "--reader-property",
              "parse.key=true", "--reader-property", "key.separator=:", input=lines, home=KAFKA)


def consume(node, group, count, *more):
    """Values of `count` records; they are committed when the consumer closes."""
    done = node.tool("console-consumer", "--bootstrap-server", node.bootstrap, "--topic", "t", "--group", group,
                     "--max-messages", str(count), "--timeout-ms", "30000", *more, home=KAFKA)
    return re.findall(r"^value \d+$", done.stdout, re.M)


def committed(node, group):
    """Offset by partition, as Apache Kafka's tool reads them from whoever serves."""
    done = node.tool("consumer-groups", "--bootstrap-server", node.bootstrap, "--describe", "--group", group,
                     home=KAFKA)
    rows = re.findall(rf"^{group}\s+t\s+(\d+)\s+(\d+)\s", done.stdout, re.M)
    return {int(p): int(o) for p, o in rows}


def dumped(node):
    """Every record of __consumer_offsets, as Apache Kafka's dump tool prints it; and whether all is valid."""
    text = ""
    for path in sorted(glob.glob(os.path.join(node.logs, "__consumer_offsets-*", "*.log"))):
        if os.path.getsize(path) > 0:
            text += node.tool("dump-log", "--files", path, "--offsets-decoder", "--print-data-log",
                              home=KAFKA).stdout
    return text


def check_dump(count, node, offsets):
    text = dumped(node)
    batches = re.findall(r"isvalid: (\w+)", text)
    count.check("Apache Kafka's dump tool finds every batch valid", batches and set(batches) == {"true"})
    for partition, offset in offsets.items():
        count.check(f"... and decodes the offset of partition {partition}",
                    re.search(rf'"group":"{GROUP}","topic":"t","partition":{partition}.*"offset":{offset},', text))
    count.check("... and a generation with its member",
                re.search(rf'"group":"{GROUP}".*"version":"3".*"protocol":"range".*"assignedPartitions"', text))
    count.check("... and that the group became empty",
                re.search(rf'"group":"{GROUP}".*"protocolType":"consumer","generation":2,"protocol":null', text))


def check(count, node):
    seen = []
    node.tool("topics", "--create", "--topic", "t", "--partitions", "2", "--bootstrap-server", node.bootstrap)
    produce(node, 0, 100)
    seen += consume(node, GROUP, 60, "--from-beginning")
    consume(node, OTHER, 100, "--from-beginning")
    before, other = committed(node, GROUP), committed(node, OTHER)
    count.check("a group commits to Samsa", sum(before.values()) == 60, str(before))
    node.stop()
    check_dump(count, node, before)

    node.home = KAFKA
    node.start()
    count.check("an Apache Kafka on that directory has the group's offsets", committed(node, GROUP) == before)
    count.check("... and those of a group whose id is not ASCII", committed(node, OTHER) == other, str(other))
    seen += consume(node, GROUP, 20)
    after = committed(node, GROUP)
    count.check("... and goes on from them", sum(after.values()) == 80, str(after))
    early = consume(node, MODERN, 40, "--from-beginning", *CONSUMER_PROTOCOL)
    modern = committed(node, MODERN)
    count.check("a group of the consumer protocol commits there", sum(modern.values()) == 40, str(modern))
    node.stop()

    node.home = ROOT
    node.start()
    count.check("Samsa after it has what was committed there", committed(node, GROUP) == after)
    seen += consume(node, GROUP, 20)
    count.check("each record was read once by the group", sorted(seen) == sorted(f"value {i}" for i in range(100)),
                f"{len(seen)} records, {len(set(seen))} of them different")
    count.check("Samsa has the offsets of the group of the consumer protocol", committed(node, MODERN) == modern)
    late = consume(node, MODERN, 60)
    count.check("which becomes a classic one, and reads what it had not read", len(early) + len(late) == 100
                and len({*early, *late}) == 100, f"{len(early)} and {len(late)}")
    last = committed(node, GROUP)
    node.kill()
    node.start()
    count.check("offsets survive kill -9", committed(node, GROUP) == last)
    node.tool("consumer-groups", "--bootstrap-server", node.bootstrap, "--delete", "--group", OTHER, home=KAFKA)
    node.kill()

    node.home = KAFKA
    node.start()
    listed = node.tool("consumer-groups", "--bootstrap-server", node.bootstrap, "--list", home=KAFKA).stdout
    count.check("a group that Samsa deleted is gone for Apache Kafka, the other is not",
                GROUP in listed.split() and OTHER not in listed.split(), listed)
    count.check("... with its offsets, after Samsa was killed", committed(node, GROUP) == last)
    produce(node, 100, 10)
    read = consume(node, MODERN, 10, *CONSUMER_PROTOCOL)
    count.check("and the classic one is one of the consumer protocol again",
                sorted(read) == sorted(f"value {i}" for i in range(100, 110)), str(read))
    node.stop()


def main():
    count = Count()
    with Node() as node:
        node.format().start()
        try:
            check(count, node)
        except Exception as e:  # noqa: BLE001: a step that fails is a failed test
            count.check("every step can be taken", False, f"{type(e).__name__}: {e}\n{node.log_tail()}")
    return count.finish()


if __name__ == "__main__":
    KAFKA = apache_kafka()
    sys.exit(main())
