#!/usr/bin/env python3
"""Hostile requests on a real process: for every API and version that either listener advertises, requests made from
the schemas with values at every edge, counts that lie, tags that are none and batches that are not what they say
(hostile_messages.py), from standing seeds; and texts of the greatest length wherever an answer quotes them."""
import os
import re
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire  # noqa: E402
from hostile_messages import Maker, uvarint  # noqa: E402
from lib import Count, Node  # noqa: E402

SEEDS = 12
LONG = b"z" * 32767
GROWTH_MB = 96


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024


def advertised(address):
    r = wire.ask(address, 18, 0, b"", False, 20)
    r.number(2)
    return {key: (low, high) for key, low, high in r.array(lambda r: (r.number(2), r.number(2), r.number(2)))}


def begin(address, frame):
    s = socket.create_connection(address, 20)
    s.settimeout(20)
    s.sendall(struct.pack(">i", len(frame)) + frame)
    return s


def answer(s):
    """Its body with its header; None when the connection ended."""
    got = b""
    try:
        while len(got) < 4 or len(got) < 4 + struct.unpack(">i", got[:4])[0]:
            part = s.recv(1 << 20)
            if not part:
                return None
            got += part
    except ConnectionError:
        return None
    finally:
        s.close()
    return got[4:]


def storm(count, node, address, name, maker):
    """All that one seed makes is sent before anything is read; then the next. Who waits is left waiting."""
    apis = {k: v for k, v in advertised(address).items() if k in maker.requests}
    for seed in range(SEEDS):
        for key, (low, high) in sorted(apis.items()):
            waiting = []
            for version in range(max(low, maker.requests[key].versions.first), high + 1):
                try:
                    waiting.append(begin(address, maker.make(key, version, seed)))
                except OSError:
                    pass
            for s in waiting:
                s.close()
        if node.process.poll() is not None:
            break
    count.check(f"{name}: {sum(1 + h - l for l, h in apis.values())} versions, {SEEDS} hostile requests of each",
                node.process.poll() is None, node.log_tail(5))


def text(s, flexible=True):
    return uvarint(len(s) + 1) + s if flexible else struct.pack(">h", len(s)) + s


def request(key, version, body, flexible, client=b"test"):
    return (struct.pack(">hhi", key, version, 1) + text(client, False) + (b"\0" if flexible else b"") + body)


def config(resource, name, key, operation, value):
    return request(44, 1, b"\2" + bytes([resource]) + text(name) + b"\2" + text(key) + bytes([operation]) + text(value)
                   + b"\0\0\0\0", True)


def join(group, instance, protocol, client):
    return request(11, 5, text(group, False) + struct.pack(">ii", 10000, 10000) + text(b"", False) + instance
                   + text(b"consumer", False) + struct.pack(">i", 1) + text(protocol, False) + struct.pack(">i", 0),
                   False, client)


def quoted(count, node, address):
    """What an answer quotes may not make it longer than a string can be."""
    throttled = b"leader.replication.throttled.replicas"
    many = b",".join(b"%d:1" % i for i in range(4000))
    more = b",".join(b"%d:2" % i for i in range(4000))
    frames = {
        "a group": request(15, 6, b"\2" + text(LONG) + b"\0\0", True),
        "a broker": config(4, LONG, b"a", 0, b"b"),
        "a logger": config(8, b"1", LONG, 0, b"INFO"),
        "a key": config(2, b"h", LONG, 0, b"b"),
        "a value": config(2, b"h", b"retention.ms", 0, LONG),
        "a pattern": config(16, b"m", b"match", 0, LONG),
        "a group's configuration": config(32, LONG, b"consumer.session.timeout.ms", 0, b"50000"),
        "a list": config(2, b"h", throttled, 2, many),
        "a list that grows": config(2, b"h", throttled, 2, more),
        "a topic": request(19, 2, struct.pack(">i", 1) + text(LONG, False) + struct.pack(">ihii", 1, 1, 0, 0)
                           + struct.pack(">ib", 1000, 0), False),
        "a feature": request(57, 1, struct.pack(">i", 1000) + b"\2" + text(LONG) + b"\0\1\1\0\0\0", True),
        "a cluster id": request(80, 0, text(LONG) + struct.pack(">ii", 1000, 3) + bytes(16) + b"\2" + text(LONG)
                                + text(LONG) + b"\0\1\0\0", True),
        "a broker described": request(32, 1, struct.pack(">i", 1) + b"\4" + text(LONG, False)
                                      + struct.pack(">ib", -1, 1), False),
        "a client": join(b"g", b"\xff\xff", b"range", LONG),
        "an instance": join(b"g2", text(LONG, False), b"range", b"c"),
        "everything of a member": join(LONG, text(LONG, False), LONG, LONG),
        "groups listed": request(16, 3, b"\0", True),
        "groups described": request(15, 5, b"\3" + text(b"g2") + text(LONG) + b"\1\0", True),
    }
    for name, frame in frames.items():
        got = answer(begin(address, frame))
        count.check(f"{name} of 32,767 bytes is answered", got is not None and node.process.poll() is None,
                    node.log_tail(3))


POLICY_VIOLATION = 44


def bounds(count, address):
    """A request of as much as is taken, which is only judged, and one of one more."""
    def error(frame, at):
        got = answer(begin(address, frame))
        return struct.unpack(">h", got[at:at + 2])[0] if got else None

    def partitions(n):
        return request(19, 4, struct.pack(">i", 1) + text(b"many", False) + struct.pack(">ihii", n, 1, 0, 0)
                       + struct.pack(">ib", 10000, 1), False)

    def replaced(n):
        pairs = b"".join(text(b"k%d" % i, False) + text(b"v", False) for i in range(n))
        return request(33, 0, struct.pack(">ib", 1, 2) + text(b"h", False) + struct.pack(">i", n) + pairs + b"\1", False)

    for name, make, at, bound in (("partitions of a new topic", partitions, 18, 9999),  # its own record is one of 10,000
                                  ("values of one request", replaced, 12, 10000)):
        count.check(f"{bound} {name} are judged", error(make(bound), at) not in (POLICY_VIOLATION, None),
                    str(error(make(bound), at)))
        count.check(f"{bound + 1} {name} are refused", error(make(bound + 1), at) == POLICY_VIOLATION,
                    str(error(make(bound + 1), at)))


def main():
    count = Count()
    with Node(properties={"auto.create.topics.enable": "false"}) as node:
        node.format().start()
        for topic in ("h", "h2"):
            node.tool("topics", "--bootstrap-server", node.bootstrap, "--create", "--topic", topic, "--partitions", "2",
                      "--replication-factor", "1")
        node.tool("console-producer", "--bootstrap-server", node.bootstrap, "--topic", "h2", input="kept\n")
        # Who commits makes the groups' topic, and waits until it has leaders.
        node.tool("console-consumer", "--bootstrap-server", node.bootstrap, "--topic", "h2", "--from-beginning",
                  "--max-messages", "1", "--group", "first")
        address, controllers = ("127.0.0.1", node.port), ("127.0.0.1", node.controller_port)
        quoted(count, node, address)
        bounds(count, address)
        before = resident_mb(node.process.pid)
        maker = Maker()
        storm(count, node, controllers, "controllers' listener", maker)
        storm(count, node, address, "clients' listener", maker)
        grown = resident_mb(node.process.pid) - before
        count.check("it took little memory", grown < GROWTH_MB, f"{grown:.0f} MB")
        count.check("both listeners serve", advertised(address) and advertised(controllers))
        node.stop()
        count.check("it stops as always", node.process.returncode == 0, f"exit {node.process.returncode}")
        node.start()
        count.check("and starts again", advertised(address))
    return count.finish()


if __name__ == "__main__":
    sys.exit(main())
