"""Requests that brokers refuse, or answer with where to go instead, asked of two brokers of one cluster in the same
situation: one of Samsa and one of Apache Kafka. What they say is decoded, field by field, and must be the same."""
import json
import re
import socket
import struct
import tempfile

import wire
from cluster import BROKER_PORT, CONTROLLER_PORT, tool, wait_for
from lib import ROOT

PRODUCE, FETCH, LIST_OFFSETS, METADATA, DELETE_RECORDS, EPOCH_END = 0, 1, 2, 3, 21, 23
HEARTBEAT, ALTER_PARTITION, VOTE, BEGIN_QUORUM, END_QUORUM = 63, 56, 52, 53, 54
NO_TAGS = b"\0"
STAMP = 1_700_000_000_000
LATE_EPOCH = 1 << 40  # of a broker: no process has a later one
OTHER_CLUSTER = "AAAAAAAAAAAAAAAAAAAAAA"


# ---- flexible versions, by hand

def uvarint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def text(s):
    return b"\0" if s is None else uvarint(len(s) + 1) + s.encode()


def array(items):
    return uvarint(len(items) + 1) + b"".join(items)


def of_topic(topic, by_id, partitions):
    return array([(topic.id if by_id else text(topic.name)) + array(partitions) + NO_TAGS])


class Answer(wire.Reader):
    def text(self):
        n = self.varint() - 1
        return None if n < 0 else self.take(n).decode()

    def bytes(self):
        n = self.varint() - 1
        return None if n < 0 else self.take(n).hex()

    def list(self, element):
        n = self.varint() - 1
        return None if n < 0 else [element() for _ in range(n)]

    def tags(self, **known):
        """{name: value} of the tagged fields; known: t<tag>=(name, how to read it)."""
        out = {}
        for _ in range(self.varint()):
            tag, size = self.varint(), self.varint()
            end = self.at + size
            name, read = known.get(f"t{tag}", (f"tag {tag}", lambda n=size: self.take(n).hex()))
            out[name] = read()
            if self.at != end:
                raise ValueError(f"{name} is not {size} bytes long")
        return out

    def numbers(self, *sizes):
        return [self.number(n) for n in sizes]

    def leader(self):
        return {"leader": self.number(4), "epoch": self.number(4), **self.tags()}

    def endpoint(self):
        return {"node": self.number(4), "host": self.text(), "port": self.number(4), "rack": self.text(), **self.tags()}

    def end(self, value):
        if self.at != len(self.data):
            raise ValueError(f"{len(self.data) - self.at} bytes too many")
        return value


def ask(node, api, version, body, port=BROKER_PORT):
    with socket.create_connection((node.address, port), 10) as s:
        s.settimeout(20)
        wire.send(s, api, version, body, True)
        return Answer(wire.receive(s, True).data)


# ---- requests

class Topic:
    def __init__(self, name, topic_id):
        self.name, self.id = name, topic_id


def produce(node, topic, version=13, acks=1, value=b"v", partition=0):
    records = wire.batch(value, STAMP)
    body = text(None) + struct.pack(">hi", acks, 10000)
    body += of_topic(topic, version >= 13, [struct.pack(">i", partition) + uvarint(len(records) + 1) + records + NO_TAGS])
    r = ask(node, PRODUCE, version, body + NO_TAGS)

    def one():
        values = dict(zip(("index", "error", "base", "time", "start"), r.numbers(4, 2, 8, 8, 8)))
        values["record errors"] = r.list(lambda: (r.number(4), r.text(), r.tags()))
        values["message"] = r.text()
        return {**values, **r.tags(t0=("current leader", r.leader))}
    answer = r.list(lambda: (r.take(16) and "" if version >= 13 else r.text() and "", r.list(one), r.tags()))
    throttle = r.number(4)
    return r.end([answer, throttle, r.tags(t0=("endpoints", lambda: r.list(r.endpoint)))])


def fetch(node, topic, version=17, epoch=-1, offset=0, last_epoch=-1, replica=None, partition=0):
    """replica: (id, broker epoch) of a follower."""
    body = struct.pack(">i", replica[0] if replica else -1) if version < 15 else b""
    body += struct.pack(">iiibii", 0, 1, 1 << 20, 0, 0, -1)
    body += of_topic(topic, version >= 13,
                     [struct.pack(">iiqiqi", partition, epoch, offset, last_epoch, -1, 1 << 20) + NO_TAGS])
    body += array([]) + text("")
    if version >= 15 and replica:
        state = struct.pack(">iq", *replica) + NO_TAGS
        body += b"\x01\x01" + uvarint(len(state)) + state
    else:
        body += NO_TAGS
    r = ask(node, FETCH, version, body)
    throttle, error, session = r.numbers(4, 2, 4)

    def epoch_end():
        return r.numbers(4, 8) + [r.tags()]

    def one():
        values = dict(zip(("index", "error", "high", "stable", "start"), r.numbers(4, 2, 8, 8, 8)))
        values["aborted"] = r.list(lambda: r.numbers(8, 8) + [r.tags()])
        values["preferred"] = r.number(4)
        values["records"] = r.bytes()
        return {**values, **r.tags(t0=("diverging", epoch_end), t1=("current leader", r.leader))}
    answer = r.list(lambda: (r.take(16) and "" if version >= 13 else r.text() and "", r.list(one), r.tags()))
    return r.end([throttle, error, session != 0, answer, r.tags(t0=("endpoints", lambda: r.list(r.endpoint)))])


def list_offsets(node, topic, epoch=-1, time=-1, replica=-1, partition=0):
    body = struct.pack(">ib", replica, 0) + of_topic(topic, False, [struct.pack(">iiq", partition, epoch, time) + NO_TAGS])
    r = ask(node, LIST_OFFSETS, 7, body + NO_TAGS)
    throttle = r.number(4)
    return r.end([throttle, r.list(lambda: (r.text() and "", r.list(lambda: r.numbers(4, 2, 8, 8, 4) + [r.tags()]),
                                            r.tags())), r.tags()])


def epoch_end(node, topic, current=-1, epoch=0, partition=0):
    body = struct.pack(">i", -1) + of_topic(topic, False, [struct.pack(">iii", partition, current, epoch) + NO_TAGS])
    r = ask(node, EPOCH_END, 4, body + NO_TAGS)
    throttle = r.number(4)
    return r.end([throttle, r.list(lambda: (r.text() and "", r.list(lambda: r.numbers(2, 4, 4, 8) + [r.tags()]),
                                            r.tags())), r.tags()])


def delete_records(node, topic, offset=0, partition=0):
    body = of_topic(topic, False, [struct.pack(">iq", partition, offset) + NO_TAGS]) + struct.pack(">i", 10000)
    r = ask(node, DELETE_RECORDS, 2, body + NO_TAGS)
    throttle = r.number(4)
    return r.end([throttle, r.list(lambda: (r.text() and "", r.list(lambda: r.numbers(4, 8, 2) + [r.tags()]), r.tags())),
                  r.tags()])


# ---- the situations

def epochs_of(ask_with, current):
    """What is said to the epoch that is, to one that was and to one that is not yet."""
    return [ask_with(epoch) for epoch in (current, current - 1, current + 1, -1)]


def of_replica(node, topic, epoch, other, stranger):
    """What a leader says of its partition of three records, which `other` follows and `stranger` does not."""
    follower = (other, LATE_EPOCH)
    said = {
        "fetch": epochs_of(lambda e: fetch(node, topic, epoch=e), epoch),
        "fetch by name": epochs_of(lambda e: fetch(node, topic, version=12, epoch=e), epoch),
        "fetch 15, before leaders are named": fetch(node, topic, version=15, epoch=epoch - 1),
        "fetch beyond the end": fetch(node, topic, offset=99, epoch=epoch),
        "fetch below the start": fetch(node, topic, offset=-5, epoch=epoch),
        "fetch of an epoch that is too high": fetch(node, topic, offset=2, last_epoch=epoch + 5),
        "a follower's fetch": epochs_of(lambda e: fetch(node, topic, epoch=e, offset=3, replica=follower), epoch),
        "a follower that diverges": fetch(node, topic, epoch=epoch, offset=3, last_epoch=0, replica=follower),
        "a follower of an older process": fetch(node, topic, epoch=epoch, offset=3, replica=(other, 0)),
        "a fetch of a broker that has no replica":
            epochs_of(lambda e: fetch(node, topic, epoch=e, offset=3, replica=(stranger, LATE_EPOCH)), epoch),
        "list offsets": [epochs_of(lambda e, t=t: list_offsets(node, topic, e, t), epoch) for t in (-1, -2, STAMP)],
        "list offsets as a follower": epochs_of(lambda e: list_offsets(node, topic, e, -1, other), epoch),
        "epoch end": [epochs_of(lambda e, of=of: epoch_end(node, topic, e, of), epoch) for of in (0, epoch, epoch + 3)],
    }
    return said


def of_others(node, topic, epoch):
    """Of a partition that the node does not lead."""
    said = {f"produce {v}, acks {a}": produce(node, topic, v, a) for v in (9, 10, 12, 13) for a in (1, -1)}
    said["fetch 16"] = epochs_of(lambda e: fetch(node, topic, version=16, epoch=e), epoch)
    said["list offsets"] = epochs_of(lambda e: list_offsets(node, topic, e), epoch)
    said["epoch end"] = epochs_of(lambda e: epoch_end(node, topic, e, 0), epoch)
    said["delete records"] = delete_records(node, topic)
    return said


def of_nothing(node):
    nowhere = Topic("no-such-topic", b"\7" * 16)
    return {"produce": [produce(node, nowhere, v) for v in (12, 13)],
            "fetch": [fetch(node, nowhere, v, epoch=3) for v in (12, 16, 17)],
            "list offsets": list_offsets(node, nowhere, 3), "epoch end": epoch_end(node, nowhere, 3),
            "delete records": delete_records(node, nowhere)}


def topic_ids(node):
    """{name: (id, leader epoch of partition 0)}"""
    r = ask(node, METADATA, 12, b"\0" + b"\0\0" + NO_TAGS)
    r.number(4)
    r.list(lambda: (r.number(4), r.text(), r.number(4), r.text(), r.tags()))
    r.text()
    r.number(4)

    def partition():
        _, index, _, epoch = r.numbers(2, 4, 4, 4)
        for _ in range(3):
            r.list(lambda: r.number(4))
        r.tags()
        return index, epoch
    found = {}
    for _ in range(r.varint() - 1):
        r.number(2)
        name, topic_id = r.text(), r.take(16)
        r.number(1)
        found[name] = (topic_id, dict(r.list(partition)).get(0))
        r.number(4)
        r.tags()
    return found


def set_up(cluster, name, leader, first):
    """A topic of one partition in its second leader epoch: led by `leader`, which `first` led before."""
    servers = cluster.bootstrap()
    tool(ROOT, "topics", "--bootstrap-server", servers, "--create", "--topic", name, "--replica-assignment",
         f"{first}:{leader}")
    wait_for(f"every broker knows {name}", lambda: all(cluster.partition(name, 0, b)[0] == first for b in cluster.brokers()))
    plan = {"version": 1, "partitions": [{"topic": name, "partition": 0, "replicas": [leader, first]}]}
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=cluster.directory, delete=False) as f:
        json.dump(plan, f)
    tool(ROOT, "reassign-partitions", "--bootstrap-server", servers, "--reassignment-json-file", f.name, "--execute")

    def led():
        tool(ROOT, "leader-election", "--bootstrap-server", servers, "--election-type", "preferred", "--topic", name,
             "--partition", "0", check=False)
        return all(cluster.partition(name, 0, b)[0] == leader for b in cluster.brokers())
    wait_for(f"{leader} leads {name}", led)


def like(answer, node):
    """The same answer of any broker: its own id and address are `asked`."""
    if isinstance(answer, dict):
        return {k: "asked" if k in ("leader", "node") and v == node.n else
                "asked" if k == "host" and v == node.address else like(v, node) for k, v in answer.items()}
    return [like(a, node) for a in answer] if isinstance(answer, (list, tuple)) else answer


def differences(one, other, at=""):
    if isinstance(one, dict) and isinstance(other, dict):
        return [d for k in sorted({*one, *other}) for d in differences(one.get(k), other.get(k), f"{at}/{k}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for i, (a, b) in enumerate(zip(one, other)) for d in differences(a, b, f"{at}/{i}")]
    return [] if one == other else [f"{at}: {one} | {other}"]


def compare(count, name, cluster, samsa, kafka, third):
    """samsa, kafka: brokers of each kind, asked alike; third: the one that leads where they do not."""
    for node in (samsa, kafka):
        set_up(cluster, f"fencing-{node.n}", node.n, third.n)
    servers = cluster.bootstrap()
    tool(ROOT, "topics", "--bootstrap-server", servers, "--create", "--topic", "fencing-led", "--replica-assignment",
         f"{third.n}:{samsa.n}:{kafka.n}")
    tool(ROOT, "topics", "--bootstrap-server", servers, "--create", "--topic", "fencing-far", "--replica-assignment",
         f"{third.n}")
    cluster.wait_whole()
    known = topic_ids(samsa)
    topics = {n: Topic(n, known[n][0]) for n in known}
    said = {}
    for node in (samsa, kafka):
        own = topics[f"fencing-{node.n}"]
        epoch = known[own.name][1]
        written = [produce(node, own, acks=-1, value=b"%d" % i) for i in range(3)]
        high = wait_for("all is committed", lambda n=node, t=own: list_offsets(n, t)[1][0][1][0][3] == 3)
        said[node] = like({"written": written, "committed": high,
                           "as leader": of_replica(node, own, epoch, third.n, samsa.n + kafka.n - node.n),
                           "as follower": of_others(node, topics["fencing-led"], known["fencing-led"][1]),
                           "as a stranger": of_others(node, topics["fencing-far"], known["fencing-far"][1]),
                           "of no topic": of_nothing(node)}, node)
    codes = {int(c) for c in re.findall(r"'error': (\d+)", repr(said[samsa]))}
    count.check(f"{name}: the situations are those that were meant", {0, 1, 3, 6, 74, 75, 100} <= codes, str(sorted(codes)))
    for part in said[samsa]:
        found = differences(said[samsa][part], said[kafka][part])
        count.check(f"{name}: Samsa and Apache Kafka say the same {part}", not found, "Samsa | Apache Kafka\n" + "\n".join(found))


# ---- the controller

def broker_epoch(node):
    with open(node.log_path, encoding="utf-8", errors="replace") as f:
        return int(re.findall(rf"Successfully registered broker {node.n} with broker epoch (\d+)", f.read())[-1])


def heartbeat(controller, broker, epoch):
    r = ask(controller, HEARTBEAT, 1, struct.pack(">iqqbb", broker, epoch, 1 << 40, 0, 0) + NO_TAGS, CONTROLLER_PORT)
    return r.end(r.numbers(4, 2, 1, 1, 1) + [r.tags()])


def alter(controller, broker, topic, leader_epoch, partition_epoch, isr, partition=0):
    """broker: (id, epoch); isr: {id: epoch}."""
    members = array([struct.pack(">iq", *member) + NO_TAGS for member in isr.items()])
    body = struct.pack(">iq", *broker) + of_topic(topic, True, [
        struct.pack(">ii", partition, leader_epoch) + members + struct.pack(">bi", 0, partition_epoch) + NO_TAGS])
    r = ask(controller, ALTER_PARTITION, 3, body + NO_TAGS, CONTROLLER_PORT)

    def one():
        values = dict(zip(("index", "error", "leader", "epoch"), r.numbers(4, 2, 4, 4)))
        return {**values, "isr": r.list(lambda: r.number(4)), "rest": r.numbers(1, 4), **r.tags()}
    return r.end([dict(zip(("throttle", "error"), r.numbers(4, 2))),
                  r.list(lambda: (r.take(16) and "", r.list(one), r.tags())), r.tags()])


def of_alterations(controller, broker, other, topic, foreign, epoch):
    """Proposals of in-sync sets that are refused, of a broker for a partition that it leads and for one it does not."""
    own = broker_epoch(broker)
    me, isr = (broker.n, own), {broker.n: own, other.n: broker_epoch(other)}
    said = {
        "of an older process": alter(controller, (broker.n, own - 1), topic, epoch, 0, isr),
        "of a broker that is not registered": alter(controller, (77, 1), topic, epoch, 0, isr),
        "an older leader epoch": alter(controller, me, topic, epoch - 1, 0, isr),
        "a leader epoch that is not yet": alter(controller, me, topic, epoch + 1, 0, isr),
        "an older partition epoch": alter(controller, me, topic, epoch, 0, isr),
        "a partition epoch that is not yet": alter(controller, me, topic, epoch, 1 << 20, isr),
        "of one that does not lead": alter(controller, me, foreign, 0, 0, isr),
        "no such topic": alter(controller, me, Topic("no-such-topic", b"\7" * 16), 0, 0, isr),
        "no such partition": alter(controller, me, topic, epoch, 0, isr, 9),
    }

    def error(partition_epoch):
        return alter(controller, me, topic, epoch, partition_epoch, {other.n: isr[other.n]})[1][0][1][0]["error"]
    older = 95  # INVALID_UPDATE_VERSION
    now = next(e for e in range(100) if error(e) != older)
    said["an in-sync set without the leader"] = alter(controller, me, topic, epoch, now, {other.n: isr[other.n]})
    said["with a stranger"] = alter(controller, me, topic, epoch, now, {**isr, 77: 1})
    said["with a member's older process"] = alter(controller, me, topic, epoch, now, {broker.n: own, other.n: 0})
    return said


def of_quorum(controller, cluster_id):
    """Of another cluster, and of epochs that were, so that nobody's quorum moves."""
    _, leader, epoch, _ = wire.quorum((controller.address, CONTROLLER_PORT))
    metadata, nowhere = text("__cluster_metadata"), b"\0" * 16

    def partitions(fields):
        return array([metadata + array([fields + NO_TAGS]) + NO_TAGS])

    def answer(api, version, body, last=()):
        r = ask(controller, api, version, body + NO_TAGS, CONTROLLER_PORT)
        error = r.number(2)

        def one():
            values = dict(zip(("index", "error", "leader", "epoch"), r.numbers(4, 2, 4, 4)))
            values["epoch"] = "now" if values["epoch"] == epoch else values["epoch"]
            return {**values, "rest": r.numbers(*last), **r.tags()}
        topics = r.list(lambda: (r.text(), r.list(one), r.tags()))

        def endpoint():
            return r.numbers(4) + [r.text(), r.number(2) & 0xFFFF, r.tags()]
        return r.end([{"error": error}, topics, r.tags(t0=("endpoints", lambda: r.list(endpoint)))])

    said = {}
    for who, known in (("this cluster", cluster_id), ("another cluster", OTHER_CLUSTER)):
        # one that is no pre-vote, of epoch 0 as here, is never valid: to that Samsa answers as its peers can bear
        for pre in (1,) if known == cluster_id else (0, 1):
            vote = struct.pack(">iii", 0, epoch - 1, 99) + nowhere + nowhere + struct.pack(">iqb", 0, 0, pre)
            said[f"vote {pre} of {who}"] = answer(VOTE, 2, text(known) + struct.pack(">i", leader) + partitions(vote), (1,))
        begin = struct.pack(">i", 0) + nowhere + struct.pack(">ii", leader, epoch - 1)
        said[f"begin of {who}"] = answer(BEGIN_QUORUM, 1, text(known) + struct.pack(">i", leader) + partitions(begin) + array([]))
        end = struct.pack(">iii", 0, leader, epoch - 1) + array([])
        said[f"end of {who}"] = answer(END_QUORUM, 1, text(known) + partitions(end) + array([]))
    return said


def of_controller(cluster, broker, other):
    """What the controller of a cluster says to brokers and voters that it must turn away."""
    controller = cluster.nodes[1]
    set_up(cluster, "altered", broker.n, controller.n)
    cluster.wait_whole()
    known = topic_ids(broker)
    topic, epoch = Topic("altered", known["altered"][0]), known["altered"][1]
    foreign = Topic("faults", known["faults"][0])
    return {"heartbeat of an older process": heartbeat(controller, broker.n, broker_epoch(broker) - 1),
            "heartbeat of no broker": heartbeat(controller, 77, 1),
            "alterations": of_alterations(controller, broker, controller, topic, foreign, epoch),
            "quorum": of_quorum(controller, cluster.id)}


def compare_controllers(count, samsa, kafka):
    found = differences(samsa, kafka)
    count.check("controllers of Samsa and of Apache Kafka turn brokers and voters away alike", not found,
                "Samsa | Apache Kafka\n" + "\n".join(found))
