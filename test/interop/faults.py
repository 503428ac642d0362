#!/usr/bin/env python3
"""Bad luck and bad input on a real process: kill -9 under load, a full disk, hostile bytes, too many
connections, and every way of starting wrong, each with one line that says what to do."""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import ROOT, Count, Node  # noqa: E402

SEGMENT = {"log.segment.bytes": "1048576"}


def kcat(node, *arguments, text=None, check=True):
    done = subprocess.run(["kcat", "-b", node.bootstrap, *arguments], input=text, capture_output=True, text=True,
                          timeout=60, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done


def create(node, topic, partitions=1):
    node.tool("topics", "--bootstrap-server", node.bootstrap, "--create", "--topic", topic, "--partitions",
              str(partitions), "--replication-factor", "1")


def values(node, topic):
    return kcat(node, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%s\n").stdout.splitlines()


# ---- the protocol, by hand: what hostile bytes are made of

def varint(n):
    z = (n << 1) ^ (n >> 63)
    out = b""
    while True:
        out += bytes([(z & 0x7F) | (0x80 if z > 0x7F else 0)])
        z >>= 7
        if not z:
            return out


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(records=1, magic=2, bad_crc=False, count=None, attributes=0, body=None, value=b"v"):
    if body is None:
        body = b""
        for i in range(records):
            record = b"\0" + varint(0) + varint(i) + varint(-1) + varint(len(value)) + value + varint(0)
            body += varint(len(record)) + record
    count = records if count is None else count
    now = int(time.time() * 1000)
    covered = struct.pack(">hiqqqhii", attributes, count - 1, now, now, -1, -1, -1, count) + body
    crc = crc32c(covered) ^ (1 if bad_crc else 0)
    return struct.pack(">qiibI", 0, len(covered) + 9, -1, magic, crc) + covered


def produce_frame(topic, records, correlation=1, acks=1):
    name = topic.encode()
    body = (struct.pack(">hhih", 0, 7, correlation, 1) + b"x" + struct.pack(">hhii", -1, acks, 5000, 1)
            + struct.pack(">h", len(name)) + name + struct.pack(">iii", 1, 0, len(records)) + records)
    return struct.pack(">i", len(body)) + body


def ask(node, frame, timeout=5):
    """The answer's bytes; None when the node closes the connection; "silence" when it does neither."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=timeout) as s:
        s.sendall(frame)
        try:
            head = s.recv(4)
            if len(head) < 4:
                return None
            want, got = struct.unpack(">i", head)[0], b""
            while len(got) < want:
                part = s.recv(want - len(got))
                if not part:
                    return None
                got += part
            return got
        except ConnectionError:
            return None
        except TimeoutError:
            return "silence"


def produce_error(node, topic, records):
    answer = ask(node, produce_frame(topic, records))
    return struct.unpack(">h", answer[4 + 4 + 2 + len(topic) + 4 + 4:][:2])[0] if isinstance(answer, bytes) else answer


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024


def hostile(count, node):
    create(node, "h")
    kcat(node, "-P", "-t", "h", text="before\n")
    neighbour = socket.create_connection(("127.0.0.1", node.port))
    frames = {
        "a length of 2 GiB": b"\x7f\xff\xff\xff" + b"x" * 100,
        "a negative length": b"\xff\xff\xff\xff",
        "a header that is cut": struct.pack(">ihh", 4, 0, 7),
        "an unknown API": struct.pack(">ihhih", 10, 999, 0, 1, -1),
        "an unsupported version": struct.pack(">ihhih", 10, 0, 99, 1, -1),
        "Produce 0": struct.pack(">ihhih", 10, 0, 0, 1, -1),
        "an array of 2^31-1 topics": struct.pack(">ihhihhhii", 22, 0, 7, 1, -1, -1, 1, 5000, 0x7FFFFFFF),
        "random bytes": struct.pack(">i", 500) + os.urandom(500),
    }
    for name, frame in frames.items():
        count.check(f"{name} ends the connection", ask(node, frame) is None)
    errors = {
        "a bad checksum": (batch(bad_crc=True), 2),
        "magic 1": (batch(magic=1), 87),
        "magic 9": (batch(magic=9), 2),
        "a count that lies": (batch(records=1, count=5), 87),
        "records that are garbage": (batch(body=b"\xff" * 40, count=1), 87),
        "a control batch": (batch(attributes=0x20), 87),
        "two batches": (batch() + batch(), 87),
        "no batch": (b"", 87),
        "a batch over max.message.bytes": (batch(value=b"x" * 1100000), 10),
        "gzip that is not": (batch(attributes=1, body=b"not gzip at all", count=1), -1),
    }
    for name, (records, wanted) in errors.items():
        got = produce_error(node, "h", records)
        count.check(f"{name} is answered with {wanted}", got == wanted, f"got {got}")
    import gzip
    record = b"\0" + varint(0) + varint(0) + varint(-1) + varint(400 << 20)
    bomb = gzip.compress(varint((400 << 20) + len(record) + 1) + record + b"\0" * (400 << 20) + varint(0), 9)
    before = resident_mb(node.process.pid)
    got = produce_error(node, "h", batch(attributes=1, body=bomb, count=1))
    grown = resident_mb(node.process.pid) - before
    count.check("a decompression bomb is refused in bounded memory", got not in (0, None) and grown < 64,
                f"error {got}, grew {grown:.0f} MB")
    many = 200000
    body = struct.pack(">hhihi", 32, 1, 1, -1, many) + struct.pack(">bhsi", 4, 1, b"1", -1) * many + b"\0"
    got = ask(node, struct.pack(">i", len(body)) + body, timeout=30)
    count.check("a resource named 200,000 times is described once",
                isinstance(got, bytes) and struct.unpack(">i", got[8:12])[0] == 1 and len(got) < 1 << 20,
                f"{len(got) if isinstance(got, bytes) else got}")
    neighbour.sendall(struct.pack(">ihhih", 10, 18, 0, 7, -1))
    count.check("a neighbour is unharmed", struct.unpack(">i", neighbour.recv(8)[4:8])[0] == 7)
    neighbour.close()
    kcat(node, "-P", "-t", "h", text="after\n")
    count.check("nothing hostile was stored", values(node, "h") == ["before", "after"], str(values(node, "h"))[:200])
    count.check("memory stays bounded", resident_mb(node.process.pid) < 100, f"{resident_mb(node.process.pid)} MB")


def connections(count):
    with Node(properties={"max.connections": "20"}) as node:
        node.format().start()
        create(node, "c")
        held, refused = [], 0
        for _ in range(40):
            s = socket.create_connection(("127.0.0.1", node.port), timeout=5)
            s.sendall(struct.pack(">ihhih", 10, 18, 0, 7, -1))
            try:
                if len(s.recv(8)) == 8:
                    held.append(s)
                else:
                    refused += 1
            except ConnectionError:
                refused += 1
        count.check("connections over max.connections are refused", len(held) == 20 and refused == 20,
                    f"{len(held)} held, {refused} refused")
        held[0].sendall(struct.pack(">ihhih", 10, 18, 0, 8, -1))
        time.sleep(0.2)
        count.check("the rest go on", struct.pack(">i", 8) in held[0].recv(65536))
        for s in held:
            s.close()
        time.sleep(0.2)
        kcat(node, "-P", "-t", "c", text="x\n")
        count.check("and there is room again", values(node, "c") == ["x"])
        node.tool("configs", "--bootstrap-server", node.bootstrap, "--alter", "--entity-type", "brokers",
                  "--entity-default", "--add-config", "max.connections.per.ip.overrides=127.0.0.1:3")
        tries = [most_connections(node)]  # until the node has heard of it, and the tool's connections are gone
        while tries[-1] != 3 and len(tries) < 200:
            time.sleep(0.05)
            tries.append(most_connections(node))
        count.check("an address has no more than was set for it while the node runs", tries[-1] == 3, str(tries))


def most_connections(node):
    """How many connections are answered on at the same time, of ten."""
    answered, held = 0, [socket.create_connection(("127.0.0.1", node.port), timeout=5) for _ in range(10)]
    for s in held:
        try:
            s.sendall(struct.pack(">ihhih", 10, 18, 0, 7, -1))
            answered += len(s.recv(8)) == 8
        except ConnectionError:
            pass
    for s in held:
        s.close()
    return answered


def descriptors(count):
    node = Node()
    with node:
        node.format()
        node.log_file = open(node.log_path, "ab")
        node.process = subprocess.Popen(
            ["bash", "-c", f"ulimit -n 64; exec {ROOT}/bin/kafka-server-start.sh {node.config}"],
            stdout=node.log_file, stderr=subprocess.STDOUT)
        node.wait_ready()
        create(node, "d")
        kcat(node, "-P", "-t", "d", text="1\n")
        held = []
        for _ in range(100):
            try:
                held.append(socket.create_connection(("127.0.0.1", node.port), timeout=5))
            except OSError:
                break
        time.sleep(0.5)
        count.check("the node outlives running out of descriptors", node.process.poll() is None, node.log_tail(5))
        for s in held:
            s.close()
        time.sleep(0.5)
        kcat(node, "-P", "-t", "d", text="2\n")
        count.check("and serves afterwards", values(node, "d") == ["1", "2"])


def kill_under_load(count, rounds=3):
    """Every acknowledged record is there after kill -9, at its offset."""
    with Node(properties=SEGMENT) as node:
        node.format().start()
        create(node, "k", 1)
        acknowledged, number = {}, 0
        for _ in range(rounds):
            stop = threading.Event()
            threading.Timer(2.0, lambda: (node.process.send_signal(signal.SIGKILL), stop.set())).start()
            s = socket.create_connection(("127.0.0.1", node.port))
            s.settimeout(5)
            try:
                while not stop.is_set():
                    value = f"{number}-".encode() + b"x" * 20000
                    s.sendall(produce_frame("k", batch_fast(value), number, -1))
                    answer = b""
                    while len(answer) < 4 or len(answer) < 4 + struct.unpack(">i", answer[:4])[0]:
                        part = s.recv(65536)
                        if not part:
                            raise ConnectionError
                        answer += part
                    error, offset = struct.unpack(">hq", answer[4 + 4 + 4 + 2 + 1 + 4 + 4:][:10])
                    if error == 0:
                        acknowledged[offset] = number
                    number += 1
            except OSError:
                number += 1
            node.process.wait()
            node.log_seen = os.path.getsize(node.log_path)
            node.start()
        found = {}
        for line in kcat(node, "-C", "-t", "k", "-o", "beginning", "-e", "-q", "-f", "%o %s\n").stdout.splitlines():
            offset, value = line.split(" ", 1)
            found[int(offset)] = int(value.split("-")[0])
        lost = {o: n for o, n in acknowledged.items() if found.get(o) != n}
        count.check(f"kill -9 loses nothing of {len(acknowledged)} acknowledged", len(acknowledged) > 100 and not lost,
                    str(list(lost.items())[:5]))
        count.check("no value stands twice", len(set(found.values())) == len(found))


def batch_fast(value, cache={}):
    """A batch whose checksum is computed by the table method, for speed."""
    if not cache:
        table = []
        for n in range(256):
            c = n
            for _ in range(8):
                c = (c >> 1) ^ (0x82F63B78 if c & 1 else 0)
            table.append(c)
        cache["t"] = table
    record = b"\0" + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + varint(0)
    body = varint(len(record)) + record
    now = int(time.time() * 1000)
    covered = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + body
    crc, table = 0xFFFFFFFF, cache["t"]
    for byte in covered:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return struct.pack(">qiibI", 0, len(covered) + 9, -1, 2, crc ^ 0xFFFFFFFF) + covered


def full_disk(count):
    mount = tempfile.mkdtemp(prefix="samsa-full-")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", mount], check=False).returncode != 0:
        count.check("a small file system can be mounted (needs root)", False)
        return
    try:
        with Node(properties=dict(SEGMENT, **{"log.dirs": os.path.join(mount, "logs")})) as node:
            node.format().start()
            create(node, "f")
            kcat(node, "-P", "-t", "f", text="first\n")
            filler = os.path.join(mount, "filler")
            free = os.statvfs(mount).f_bavail * os.statvfs(mount).f_frsize
            with open(filler, "wb") as f:
                f.write(b"\0" * (free - 300000))
            errors = set()
            for _ in range(60):
                error = produce_error(node, "f", batch(value=b"y" * 30000))
                errors.add(error)
                if error not in (0, None):
                    break
            count.check("a full disk refuses writes with KAFKA_STORAGE_ERROR", 56 in errors, f"got {errors}")
            count.check("and keeps serving reads", values(node, "f")[0] == "first")
            time.sleep(3)
            count.check("and lives", node.process.poll() is None, node.log_tail(10))
            os.unlink(filler)
            deadline, error = time.monotonic() + 15, None
            while time.monotonic() < deadline and error != 0:
                error = produce_error(node, "f", batch(value=b"again"))
                time.sleep(0.3)
            count.check("with space it writes again, without a restart", error == 0, f"error {error}\n{node.log_tail(10)}")
            create(node, "f2")
            count.check("and metadata too", "f2" in node.tool("topics", "--bootstrap-server", node.bootstrap, "--list").stdout)
            node.stop()
    finally:
        subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(mount, ignore_errors=True)


def refused(node, timeout=20):
    """Starts a node that must not start; what it says, and that it ends."""
    done = subprocess.run([os.path.join(ROOT, "bin", "kafka-server-start.sh"), node.config], capture_output=True,
                          text=True, timeout=timeout, check=False)
    return done.returncode, done.stderr.strip()


def another_directory(count):
    """One flipped bit in a voter's directory.id: it can neither vote nor lead, and says why and what to do."""
    with Node() as node:
        node.format().start().stop()
        path = os.path.join(node.logs, "meta.properties")
        with open(path, encoding="ascii") as f:
            text = f.read()
        was = re.search(r"directory\.id=(\S+)", text)[1]
        now = ("B" if was[0] == "A" else "A") + was[1:]
        for directory, seen in ((now, lambda log: f"has directory.id={was}" in log and f"{path} says {now}" in log),
                                (was, lambda log: "Server started" in log)):
            with open(path, "w", encoding="ascii") as f:
                f.write(text.replace(was, directory))
            log_from = os.path.getsize(node.log_path)
            node.start(wait=False)
            deadline = time.monotonic() + 60
            log = ""
            while not seen(log) and time.monotonic() < deadline:
                time.sleep(0.02)
                with open(node.log_path, encoding="utf-8") as f:
                    f.seek(log_from)
                    log = f.read()
            count.check("a voter with another directory.id says so" if directory == now else "with its own it starts",
                        seen(log), log[-500:])
            node.kill()


def damaged_snapshot(count):
    """One flipped bit in the newest snapshot: said with its file, and moved away, as said, nothing is lost."""
    with Node(properties={"metadata.log.max.record.bytes.between.snapshots": "2000"}) as node:
        node.format().start()
        create(node, "kept")
        metadata = os.path.join(node.logs, "__cluster_metadata-0")

        def newest():
            names = sorted(n for n in os.listdir(metadata) if n.endswith(".checkpoint"))
            return names[-1] if len(names) > 1 else None
        for i in range(1000):
            if newest():
                break
            create(node, f"t{i}")
        node.stop()
        path = os.path.join(metadata, newest())
        with open(path, "r+b") as f:
            f.seek(os.path.getsize(path) // 2)
            byte = f.read(1)[0]
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte ^ 1]))
        node.start(wait=False).process.wait(60)
        log = node.log_tail(10)
        count.check("a damaged snapshot is named, and what to do", f"{path}: " in log and "move it away" in log, log)
        os.rename(path, node.data + "/moved-away")
        node.start()
        listed = node.tool("topics", "--bootstrap-server", node.bootstrap, "--list").stdout.split()
        count.check("without it the log tells the same", "kept" in listed and "t0" in listed, str(listed))


def wrong_starts(count):
    def expect(name, node, *words):
        code, said = refused(node)
        lines = said.splitlines()
        missing = [w for w in words if w not in said]
        count.check(name, code == 1 and len(lines) == 1 and not missing, f"exit {code}, said {said!r}, missing {missing}")

    with Node() as node:
        expect("an unformatted directory", node, node.logs, "kafka-storage.sh format", node.config)
        node.format().start()
        with Node() as second:
            second.properties["log.dirs"] = node.logs
            second.write_config()
            expect("a second process on the same log.dirs", second, node.logs, ".lock")
        with Node() as third:
            third.format()
            third.properties["listeners"] = (f"PLAINTEXT://127.0.0.1:{node.port},"
                                             f"CONTROLLER://127.0.0.1:{third.controller_port}")
            third.write_config()
            expect("a port in use", third, str(node.port))
        with Node() as fourth:
            fourth.format()
            with open(fourth.config, "ab") as f:
                f.write(b"#" * ((16 << 20) - f.tell()))
            fourth.start().stop()
            with open(fourth.config, "ab") as f:
                f.write(b"#")
            expect("a configuration of 16 MiB and a byte", fourth, fourth.config, "larger than 16777216 bytes")
        node.stop()
        meta = os.path.join(node.logs, "meta.properties")
        with open(meta, encoding="ascii") as f:
            text = f.read()
        other = node.logs + "2"
        os.makedirs(other)
        with open(os.path.join(other, "meta.properties"), "w", encoding="ascii") as f:
            f.write(re.sub(r"cluster\.id=.*", "cluster.id=AAAAAAAAAAAAAAAAAAAAAA", re.sub(r"directory\.id=.*\n", "", text)))
        node.properties["log.dirs"] = f"{node.logs},{other}"
        node.write_config()
        expect("a wrong cluster id", node, other, "cluster.id", "AAAAAAAAAAAAAAAAAAAAAA")
        node.properties["log.dirs"] = node.logs
        node.properties["node.id"] = "7"
        node.write_config()
        expect("a wrong node id", node, "node.id", node.logs)
        node.properties["node.id"] = "1"
        node.properties["num.partitions"] = "many"
        node.write_config()
        line = 1 + list(node.properties).index("num.partitions")
        expect("a bad property", node, f"{node.config}:{line}", "num.partitions", "many")
        node.properties.pop("num.partitions")
        node.properties["num.partitons"] = "3"
        node.write_config()
        node.start()
        with open(node.log_path, encoding="utf-8") as f:
            said = f.read()
        count.check("a typo gets a guess", "num.partitons" in said and "num.partitions" in said)
        node.stop()


def main():
    count = Count()
    wanted = sys.argv[1:]
    parts = {"starts": wrong_starts, "connections": connections, "descriptors": descriptors, "kill": kill_under_load,
             "full": full_disk, "another directory": another_directory, "damaged snapshot": damaged_snapshot}

    def hostile_alone(c):
        with Node() as node:
            node.format().start()
            hostile(c, node)
    parts["hostile"] = hostile_alone
    for name, part in parts.items():
        if wanted and name not in wanted:
            continue
        try:
            part(count)
        except Exception as e:  # noqa: BLE001: a part that breaks has failed
            count.check(name, False, f"{type(e).__name__}: {e}")
    return count.finish()


if __name__ == "__main__":
    sys.exit(main())
