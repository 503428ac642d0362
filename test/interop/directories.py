#!/usr/bin/env python3
"""Replicas that move between the log directories of one broker (KIP-113): the same answers as Apache Kafka's, by
its own tools and by ours; a kill in the middle; and a move that either begins and the other ends, on the same
directories.

    test/interop/directories.py [answers|tools|kill|handover]"""
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "tools")]
import wire  # noqa: E402
from cluster import wait_for  # noqa: E402
from lib import ROOT, Count, Node  # noqa: E402
from resident import Resident  # noqa: E402

KAFKA = os.environ.get("KAFKA_HOME", os.path.join(ROOT, "build", "kafka-4.3.1"))
ALTER_REPLICA_LOG_DIRS = 34
RATE = "replica.alter.log.dirs.io.max.bytes.per.second"
# At this rate a batch of half a megabyte goes every eleven seconds, which is the quota's window: a copy of a few
# megabytes stands for minutes, to be looked at and to be killed in.
SLOW, FAST = 20_000, 1_000_000_000


class Disks(Node):
    """A node of three log directories."""

    def __init__(self, home):
        super().__init__(home=home)
        self.dirs = {name: os.path.join(self.data, name) for name in "abc"}
        self.properties["log.dirs"] = ",".join(self.dirs.values())
        self.write_config()

    def ours(self, name, *args):
        return self.tool(name, "--bootstrap-server", self.bootstrap, *args, home=ROOT).stdout

    def rate(self, bytes_per_s):
        self.ours("configs", "--alter", "--entity-type", "brokers", "--entity-name", "1",
                  "--add-config", f"{RATE}={bytes_per_s}")

    def create(self, topic, partitions):
        self.ours("topics", "--create", "--topic", topic, "--partitions", str(partitions),
                  "--replication-factor", "1")
        wait_for(f"{topic} is there", lambda: len(self.where(topic)) == partitions)

    def fill(self, topic, partition, megabytes):
        lines = "".join(f"{i:07d} {'x' * 1000}\n" for i in range(megabytes * 1000))
        subprocess.run(["kcat", "-b", self.bootstrap, "-P", "-t", topic, "-p", str(partition), "-X", "acks=all"],
                       input=lines, text=True, check=True, timeout=120)

    def values(self, topic, partition):
        """offset -> value"""
        done = subprocess.run(["kcat", "-b", self.bootstrap, "-C", "-t", topic, "-p", str(partition), "-o",
                               "beginning", "-e", "-q", "-f", "%o %s\n"], capture_output=True, text=True,
                              timeout=120, check=True)
        return {int(offset): value for offset, _, value in
                (line.partition(" ") for line in done.stdout.splitlines())}

    def where(self, topic):
        """partition -> (letter of its directory, letter of where it goes or None)"""
        text = self.ours("log-dirs", "--describe", "--topic-list", topic)
        found = {}
        for d in json.loads(text.strip().splitlines()[-1])["brokers"][0]["logDirs"]:
            for p in d["partitions"]:
                n = int(p["partition"].rsplit("-", 1)[1])
                here, there = found.get(n, (None, None))
                letter = os.path.basename(d["logDir"])
                found[n] = (here, letter) if p["isFuture"] else (letter, there)
        return found

    def other(self, topic, partition):
        """A directory that it is not in."""
        return next(d for d in "bca" if d != self.where(topic)[partition][0])

    def names(self, letter, prefix):
        return sorted(n for n in os.listdir(self.dirs[letter]) if n.startswith(prefix))

    def move(self, wishes, version=2):
        """[(path, topic, partition)], each path in an entry of its own -> sorted (topic, partition, error)"""
        flexible = version >= 2
        count = (lambda n: bytes([n + 1])) if flexible else (lambda n: struct.pack(">i", n))
        tail = b"\0" if flexible else b""

        def text(s):
            raw = s.encode()
            if not flexible:
                return struct.pack(">h", len(raw)) + raw
            n = len(raw) + 1
            return (bytes([n]) if n < 128 else bytes([n & 0x7F | 0x80, n >> 7])) + raw

        body = count(len(wishes))
        for path, topic, partition in wishes:
            body += text(path) + count(1) + text(topic) + count(1) + struct.pack(">i", partition) + tail + tail
        r = wire.ask(("127.0.0.1", self.port), ALTER_REPLICA_LOG_DIRS, version, body + tail, flexible, 30)
        r.number(4)
        rows = []
        counted = (lambda: r.varint() - 1) if flexible else (lambda: r.number(4))
        for _ in range(counted()):
            topic = r.take(r.varint() - 1).decode() if flexible else r.string()
            for _ in range(counted()):
                rows.append((topic, r.number(4), r.number(2)))
                r.take(len(tail))
            r.take(len(tail))
        return sorted(rows)


def settled(node, topic, partition, letter):
    return wait_for(f"{topic}-{partition} is in {letter}", lambda: node.where(topic).get(partition) == (letter, None))


# ---- the same request, the same answer

def answers(count, samsa, kafka):
    for node in (samsa, kafka):
        node.create("t", 2)
    long_name = "l" * 213

    def wishes(node):
        here = node.dirs[node.where("t")[0][0]]
        b = node.dirs[node.other("t", 0)]
        yield "a directory that is not there", [("/nowhere", "t", 0)]
        yield "a relative path", [("b", "t", 0)]
        yield "a path that ends in a slash", [(here + "/", "t", 0)]
        yield "no path", [("", "t", 0)]
        yield "a topic that is not there", [(b, "nosuch", 0)]
        yield "a partition that is not there", [(b, "t", 9)]
        yield "a partition below zero", [(b, "t", -1)]
        yield "the metadata log", [(b, "__cluster_metadata", 0)]
        yield "a name with room for what follows it", [(b, long_name, 0)]
        yield "a name without", [(b, long_name + "l", 0)]
        yield "a longer partition number", [(b, long_name, 10)]
        yield "no topic", [(b, "", 0)]
        yield "where it is", [(here, "t", 0)]
        yield "the last of two words counts, taken", [("/nowhere", "t", 0), (here, "t", 0)]
        yield "the last of two words counts, refused", [(here, "t", 0), ("/nowhere", "t", 0)]
        yield "several at once", [(here, "t", 0), (b, "nosuch", 0), ("/nowhere", "t", 1)]
        yield "nothing", []

    for (title, ours), (_, theirs) in zip(wishes(samsa), wishes(kafka)):
        for version in (1, 2):
            try:
                mine, its = samsa.move(ours, version), kafka.move(theirs, version)
            except (OSError, ValueError) as e:
                count.check(f"answers: {title}, version {version}", False, f"{type(e).__name__}: {e}")
                continue
            count.check(f"answers: {title}, version {version}", mine == its, f"{mine}, not {its}")
    for node in (samsa, kafka):
        letter = node.other("t", 0)
        node.ours("configs", "--alter", "--entity-type", "brokers", "--entity-name", "1",
                  "--add-config", f"cordoned.log.dirs={node.dirs[letter]}")
        # of a topic that is not there: else a move begins before the broker has heard of it
        wait_for("the directory is cordoned", lambda n=node, d=node.dirs[letter]: n.move([(d, "nosuch", 0)])[0][2] != 3)
        count.check(f"answers: a cordoned directory, {os.path.basename(node.home)}",
                    node.move([(node.dirs[letter], "t", 0)]) == [("t", 0, 39)], str(node.where("t")))


# ---- tools

def plan(node, topic, where):
    path = os.path.join(node.data, "plan.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"version": 1, "partitions": [
            {"topic": topic, "partition": p, "replicas": [1], "log_dirs": [node.dirs[d]]}
            for p, d in where.items()]}, f)
    return ["--reassignment-json-file", path]


def sorted_dirs(text):
    head, _, last = text.strip().rpartition("\n")
    described = json.loads(last)
    for d in described["brokers"][0]["logDirs"]:
        for p in d["partitions"]:
            if p["isFuture"]:  # it grows between two looks
                p["size"] = p["offsetLag"] = 0
        d["partitions"].sort(key=lambda p: (p["partition"], p["isFuture"]))
    described["brokers"][0]["logDirs"].sort(key=lambda d: d["logDir"])
    return head, described


def tools(count, samsa, resident):
    samsa.create("moved", 3)
    for p in range(3):
        samsa.fill("moved", p, 3)
    samsa.rate(SLOW)
    wanted = {p: samsa.other("moved", p) for p in range(3)}
    file = plan(samsa, "moved", wanted)
    server = ["--bootstrap-server", samsa.bootstrap]

    def both(name, *args, view=lambda text: text.strip()):
        theirs = resident.run(name, [*server, *args])
        ours = samsa.tool(name, *server, *args, home=ROOT, check=False)
        count.check(f"tools: {name} {args[0]} says the same", view(ours.stdout) == view(theirs.stdout),
                    f"{ours.stdout}{ours.stderr}\n-- not --\n{theirs.stdout}{theirs.stderr}")
        return theirs.stdout

    said = resident.run("reassign-partitions", [*server, "--execute", *file])
    count.check("tools: Apache Kafka's reassign-partitions begins the moves",
                said.returncode == 0 and said.stdout.count("Successfully started moving log directory") == 3,
                said.stdout + said.stderr)
    count.check("tools: copies stand beside the logs", samsa.where("moved") ==
                {p: (samsa.where("moved")[p][0], d) for p, d in wanted.items()}, str(samsa.where("moved")))
    text = both("reassign-partitions", "--verify", "--preserve-throttles", *file)
    count.check("tools: they are in progress", text.count("is still in progress") == 3, text)
    both("log-dirs", "--describe", "--topic-list", "moved", view=sorted_dirs)
    before = {p: here for p, (here, _) in samsa.where("moved").items()}
    cancel = ["--cancel", "--preserve-throttles", *file]
    theirs = resident.run("reassign-partitions", [*server, *cancel]).stdout
    count.check("tools: Apache Kafka's --cancel gives them up", theirs.count("Successfully started moving") == 3, theirs)
    samsa.tool("reassign-partitions", *server, "--execute", *file, home=ROOT)
    ours = samsa.tool("reassign-partitions", *server, *cancel, home=ROOT).stdout
    count.check("tools: Samsa's says the same", ours.strip() == theirs.strip(), ours)
    count.check("tools: given up, all is where it was",
                samsa.where("moved") == {p: (here, None) for p, here in before.items()}, str(samsa.where("moved")))
    count.check("tools: no copy is left", not any(n.endswith("-future") for d in "abc" for n in samsa.names(d, "moved-")))
    both("reassign-partitions", "--verify", "--preserve-throttles", *file)
    samsa.rate(FAST)
    said = samsa.tool("reassign-partitions", *server, "--execute", *file, home=ROOT)
    count.check("tools: Samsa's begins them too", said.stdout.count("Successfully started moving log directory") == 3,
                said.stdout)
    for p, d in wanted.items():
        settled(samsa, "moved", p, d)
    text = both("reassign-partitions", "--verify", *file)
    count.check("tools: completed", text.count("completed successfully") == 3, text)
    both("log-dirs", "--describe", "--topic-list", "moved", view=sorted_dirs)
    for p in range(3):
        values = samsa.values("moved", p)
        count.check(f"tools: moved-{p} has every record", len(values) == 3000 and
                    all(v.startswith(f"{o:07d} ") for o, v in values.items()), str(len(values)))


# ---- a kill in the middle

class Writer(threading.Thread):
    """Records of acks=all, one after the other, through whatever happens: offset -> value of what was taken."""

    def __init__(self, node, topic):
        super().__init__(daemon=True)
        self.node, self.topic, self.taken, self.ended = node, topic, {}, False

    def run(self):
        n = 0
        while not self.ended:
            try:
                with socket.create_connection(("127.0.0.1", self.node.port), 3) as s:
                    s.settimeout(5)
                    while not self.ended:
                        value, n = b"w%d" % n, n + 1
                        wire.send_record(s, self.topic, -1, value, int(time.time() * 1000))
                        error, offset = wire.receive_offset(s)
                        if not error:
                            self.taken[offset] = value.decode()
                        time.sleep(0.002)
            except (OSError, ValueError):
                time.sleep(0.05)


def kill(count, samsa):
    samsa.create("killed", 1)
    samsa.fill("killed", 0, 8)
    samsa.rate(SLOW)
    home, target = samsa.where("killed")[0][0], samsa.other("killed", 0)
    writer = Writer(samsa, "killed")
    writer.start()
    samsa.move([(samsa.dirs[target], "killed", 0)])
    for _ in range(2):
        wait_for("some of it is copied", lambda: sum(
            e.stat().st_size for d in samsa.names(target, "killed-0.") for e in os.scandir(os.path.join(samsa.dirs[target], d))))
        taken = len(writer.taken)
        wait_for("records are taken meanwhile", lambda: len(writer.taken) > taken + 20)
        samsa.kill()
        samsa.start()
        count.check("kill: the move goes on", samsa.where("killed")[0] == (home, target), str(samsa.where("killed")))
    samsa.rate(FAST)
    settled(samsa, "killed", 0, target)
    taken = len(writer.taken)
    wait_for("records are taken afterwards", lambda: len(writer.taken) > taken + 20)
    samsa.kill()
    samsa.start()
    writer.ended = True
    writer.join(30)
    values = samsa.values("killed", 0)
    lost = {o: v for o, v in writer.taken.items() if values.get(o) != v}
    count.check(f"kill: all of {len(writer.taken)} acknowledged records are at their offsets", not lost, str(list(lost.items())[:5]))
    count.check("kill: and what was there before", all(values.get(i, "").startswith(f"{i:07d} ") for i in range(8000)))
    count.check("kill: one log is left", samsa.names(home, "killed-0") in ([], [n for n in samsa.names(home, "killed-0.") if n.endswith("-delete")])
                and "killed-0" in samsa.names(target, "killed-0"), f"{samsa.names(home, 'killed-0')} {samsa.names(target, 'killed-0')}")


# ---- from one to the other

def handover(count, samsa):
    samsa.create("handed", 1)
    samsa.fill("handed", 0, 3)
    for begins, ends in ((ROOT, KAFKA), (KAFKA, ROOT)):
        names = {ROOT: "Samsa", KAFKA: "Apache Kafka"}
        here, target = samsa.where("handed")[0][0], samsa.other("handed", 0)
        samsa.rate(SLOW)
        samsa.move([(samsa.dirs[target], "handed", 0)])
        wait_for("a copy", lambda: samsa.where("handed")[0] == (here, target))
        samsa.stop()
        samsa.home = ends
        samsa.start()
        count.check(f"handover: {names[ends]} goes on with what {names[begins]} began",
                    samsa.where("handed")[0] in ((here, target), (target, None)), str(samsa.where("handed")))
        samsa.rate(FAST)
        settled(samsa, "handed", 0, target)
        values = samsa.values("handed", 0)
        count.check(f"handover: every record is there, moved by {names[ends]}", len(values) == 3000 and
                    all(v.startswith(f"{o:07d} ") for o, v in values.items()), str(len(values)))


def main():
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    subprocess.run([os.path.join(HERE, "apache-kafka"), "4.3.1", KAFKA], check=True)
    count = Count()
    resident = Resident(KAFKA)
    with Disks(ROOT) as samsa, Disks(KAFKA) as kafka:
        samsa.format().start()
        if part in ("", "answers"):
            kafka.format().start()
            answers(count, samsa, kafka)
            kafka.close()
            samsa.ours("configs", "--alter", "--entity-type", "brokers", "--entity-name", "1",
                       "--delete-config", "cordoned.log.dirs")
        if part in ("", "tools"):
            tools(count, samsa, resident)
        resident.close()
        if part in ("", "kill"):
            kill(count, samsa)
        if part in ("", "handover"):
            handover(count, samsa)
    return count.finish()


if __name__ == "__main__":
    sys.exit(main())
