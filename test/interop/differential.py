#!/usr/bin/env python3
"""Samsa and Apache Kafka are asked the same, in every version of every API that both serve, and their answers
compared field by field (differential/). Differences that are meant stand in differential/allowed, each with
its reason; what no answer meets any more is a failure.

    test/interop/differential.py [NAME]     only cases whose name has NAME in it

Ends with `N passed, N failed`: fields compared."""
import os
import subprocess
import sys

from lib import ROOT, Node

SOURCES = os.path.join(ROOT, "test", "interop", "differential")
CLASSES = os.path.join(ROOT, "build", "differential")
JAVA = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
# What would make answers differ by chance, or take long.
PROPERTIES = {"num.partitions": "2", "offsets.topic.num.partitions": "3", "min.insync.replicas": "1",
              "group.initial.rebalance.delay.ms": "0", "log.message.timestamp.before.max.ms": str(1 << 60),
              "log.retention.ms": "-1", "log.retention.check.interval.ms": "3600000"}


def main():
    home = os.environ.get("KAFKA_HOME") or os.path.join(ROOT, "build", "kafka-4.3.1")
    subprocess.run([os.path.join(ROOT, "test", "interop", "apache-kafka"), "4.3.1", home], check=True)
    os.makedirs(CLASSES, exist_ok=True)
    path = os.path.join(home, "libs", "*")
    subprocess.run(["javac", "-nowarn", "-cp", path, "-d", CLASSES,
                    *(os.path.join(SOURCES, f) for f in sorted(os.listdir(SOURCES)) if f.endswith(".java"))], check=True)
    with Node(properties=PROPERTIES) as samsa, Node(home=home, properties=PROPERTIES) as kafka:
        kafka.format().start(wait=False)
        samsa.format().start()
        kafka.wait_ready()
        done = subprocess.run(["java", *JAVA, "-cp", CLASSES + os.pathsep + path, "Differential", str(samsa.port),
                               str(kafka.port), os.path.join(SOURCES, "allowed"), *sys.argv[1:2]], check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
