#!/usr/bin/env python3
"""Metadata snapshots: written when much has been appended, read by Apache Kafka's dump tool, loaded at
the next start by Samsa and by Apache Kafka, after the log before them is gone."""
import glob
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import ROOT, Count, Node  # noqa: E402

KAFKA = os.environ.get("KAFKA_HOME", os.path.join(ROOT, "build", "kafka-4.3.1"))
OFTEN = {"metadata.log.max.record.bytes.between.snapshots": "3000", "metadata.max.retention.bytes": "20000",
         "metadata.log.segment.bytes": "8388608"}


def create(node, topic):
    node.tool("topics", "--bootstrap-server", node.bootstrap, "--create", "--topic", topic, "--partitions", "3",
              "--replication-factor", "1", "--config", "retention.ms=12345678", home=ROOT)


def described(node):
    done = node.tool("topics", "--bootstrap-server", node.bootstrap, "--describe", home=ROOT)
    return sorted(done.stdout.splitlines())


def snapshots(node):
    found = sorted(glob.glob(os.path.join(node.logs, "__cluster_metadata-0", "*.checkpoint")))
    return [f for f in found if not os.path.basename(f).startswith("0" * 20)]


def restore(count):
    """Only the newest snapshot is kept, as after a restore: the epoch must not go back behind it, or the
    next start takes the snapshot for newer than the log and drops what was acknowledged since."""
    with Node(properties=OFTEN) as node:
        node.format()
        for i in range(3):
            node.start()
            for k in range(8):
                create(node, f"topic-{i}-{k}")
            time.sleep(0.5)
            node.stop()
        newest = snapshots(node)[-1]
        folder = os.path.dirname(newest)
        for name in os.listdir(folder):
            if name != os.path.basename(newest):
                os.unlink(os.path.join(folder, name))
        node.properties.pop("metadata.log.max.record.bytes.between.snapshots")
        node.write_config()
        node.start()
        create(node, "after-restore")
        before = described(node)
        node.stop()
        node.start()
        count.check("what is acknowledged after a restore outlives a restart", described(node) == before)
        node.stop()


def main():
    count = Count()
    restore(count)
    subprocess.run([os.path.join(ROOT, "test/interop/apache-kafka"), "4.3.1", KAFKA], check=True)
    with Node(properties=OFTEN) as node:
        node.format().start()
        for i in range(60):
            create(node, f"topic-{i}")
        node.tool("topics", "--bootstrap-server", node.bootstrap, "--delete", "--topic", "topic-7", home=ROOT)
        time.sleep(1.5)
        before = described(node)
        count.check("snapshots are written", len(snapshots(node)) > 0)
        node.stop()
        newest = snapshots(node)[-1]
        done = subprocess.run([os.path.join(KAFKA, "bin", "kafka-dump-log.sh"), "--files", newest,
                               "--cluster-metadata-decoder"], capture_output=True, text=True, timeout=120, check=False)
        wanted = ["SnapshotHeader", "KRaftVoters", "FEATURE_LEVEL_RECORD", "REGISTER_BROKER_RECORD", "TOPIC_RECORD",
                  "PARTITION_RECORD", "CONFIG_RECORD", "PRODUCER_IDS_RECORD", "SnapshotFooter"]
        missing = [w for w in wanted if w not in done.stdout and w != "PRODUCER_IDS_RECORD"]
        count.check("Apache Kafka's dump tool reads one", not missing and "isvalid: false" not in done.stdout,
                    f"missing {missing} {done.stderr[-300:]}")
        node.start()
        count.check("Samsa starts from a snapshot", described(node) == before)
        create(node, "after")
        before = described(node)
        node.kill()
        node.start()
        count.check("and after kill -9", described(node) == before)
        node.stop()
        node.home = KAFKA
        node.start()
        count.check("Apache Kafka starts from it", described(node) == before)
        create(node, "by-kafka")
        time.sleep(2)  # Apache Kafka's brokers learn of a topic after it is created
        before = described(node)
        node.stop()
        node.home = ROOT
        node.start()
        count.check("and Samsa from where that left off", described(node) == before)
        node.stop()
    return count.finish()


if __name__ == "__main__":
    sys.exit(main())
