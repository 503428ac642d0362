"""Requests made from schema/ for the sake of what is wrong with them: values at every edge, counts that lie,
tags that are none, batches that are not what they say. One seed makes one request, always the same."""
import gzip
import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from schema_gen.parse import parse_tree  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EDGES = {
    "int8": (0, 1, -1, 2, 3, 127, -128), "int16": (0, 1, -1, 2, 5, 32767, -32768), "uint16": (0, 1, 65535),
    "int32": (0, 1, -1, -2, -3, 2, 7, 1000, 2**31 - 1, -2**31, 2**31 - 2), "uint32": (0, 1, 2**32 - 1),
    "int64": (0, 1, -1, -2, -3, -4, -5, -6, 5, 1000, 2**63 - 1, -2**63, 2**31, 2**63 - 2, 2**40),
}
SIZES = {"int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q"}
# What a request names: the test makes these two topics before, and the ids of the last one are filled in.
TOPICS = ("h", "h2", "__cluster_metadata", "__consumer_offsets", "no.such")
RAFT, ENVELOPE = (52, 53, 54, 55, 59), 58
ODD = ("", ".", "..", "a/b", "x" * 249, "x" * 250, "y" * 5000, "z" * 32767, "é" * 100, "a\0b", "\n", "%s%n", "default")


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def uvarint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def varint(n):
    return uvarint((n << 1 ^ n >> 63) & 2**64 - 1)


def record(r, index):
    """One record; once in a while with a length, a delta or a count that is none."""
    odd = r.choice((None,) * 12 + ("delta", "time", "key", "value", "headers", "length", "attributes", "long"))
    lie = r.choice((-1, -2, 2**31 - 1, -2**31, 2**31, 2**35, 2**63 - 1, -2**63, 1000))
    value = bytes(r.getrandbits(8) for _ in range(r.choice((0, 1, 20))))
    body = bytes([0xFF if odd == "attributes" else 0])
    body += varint(lie if odd == "time" else 0) + varint(lie if odd == "delta" else index)
    body += varint(lie) if odd == "key" else r.choice((varint(-1), varint(1) + b"k"))
    body += (varint(lie) if odd == "value" else varint(len(value))) + value
    body += varint(lie) if odd == "headers" else r.choice((varint(0), varint(1) + varint(1) + b"h" + varint(-1)))
    if odd == "long":
        return b"\xff" * r.choice((5, 6, 10, 11)) + body
    return varint(lie if odd == "length" else len(body)) + body


def batch(r):
    count = r.choice((1, 1, 1, 2, 3, 0, 50))
    body = b"".join(record(r, i) for i in range(count))
    attributes = r.choice((0,) * 6 + (1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0x20, 0x30, 0x40, 0x7FC0 - 0x8000, -1))
    if attributes & 7 == 1 and r.random() < 0.7:
        body = gzip.compress(body)
    if attributes & 7 == 1 and r.random() < 0.2:
        body = gzip.compress(varint(2**27) + b"\0" * 2**21)
    time = r.choice((0, -1, 1, 2**63 - 1, -2**63, 1700000000000))
    producer = r.choice((-1, -1, -1, -1, 0, 1, 1000, 2**63 - 1, -2))
    said = count if r.random() < 0.9 else r.choice((0, -1, 2**31 - 1, -2**31, count + 1))
    last = said - 1 if r.random() < 0.9 else r.choice((0, -1, 2**31 - 1, -2**31, said))
    covered = struct.pack(">hiqqqhii", attributes, max(-2**31, last), time, r.choice((time, -1, 2**63 - 1)), producer,
                          r.choice((-1, 0, 0, 5, 32767, -32768)), r.choice((-1, 0, 0, 1, 5, 2**31 - 1, -2**31)), said)
    covered += body
    crc = crc32c(covered) ^ (r.random() < 0.1)
    length = len(covered) + 9
    if r.random() < 0.05:
        length = r.choice((0, -1, 2**31 - 1, length + 1, length - 1, 48, 49, -2**31))
    base = r.choice((0, 0, 0, 1, -1, 2**63 - 1, -2**63))
    magic = r.choice((2,) * 12 + (0, 1, 3, -1))
    return struct.pack(">qiibI", base, length, r.choice((-1, 0, 2**31 - 1)), magic, crc) + covered


class Maker:
    """Owns nothing but the schemas; `make` is a pure function of the seed."""

    def __init__(self):
        messages = parse_tree(os.path.join(ROOT, "schema"))
        self.requests = {m.key: m for m in messages if m.kind == "request" and m.versions}
        self.topic_ids = [bytes(16), b"\xff" * 16, bytes(15) + b"\1"]
        self.node_id = 1

    def string(self, r, field):
        low = field.name.lower()
        if self.key in RAFT and field.entity == "topicName" and r.random() < 0.9:
            return b"__cluster_metadata"
        if "topic" in low or field.entity == "topicName" or (low == "name" and r.random() < 0.7):
            return r.choice(TOPICS).encode()
        if "clusterid" in low:
            return r.choice((b"", b"bogus", getattr(self, "cluster_id", b"x")))
        if low in ("groupid", "group", "key") and r.random() < 0.8:
            return r.choice((b"g", b"g2", b""))
        if r.random() < 0.1:
            return bytes(r.getrandbits(8) for _ in range(r.choice((1, 3, 40))))
        return r.choice(ODD + ("g", "range", "consumer", "1", "-1", "retention.ms", "m")).encode()[:32767]

    def inside(self, r):
        """A whole request, of any API, in an Envelope."""
        key = r.choice(sorted(self.requests))
        versions, lying = self.requests[key].versions, self.lying
        frame = self.make(key, r.randint(versions.first, versions.last), r.getrandbits(20))
        self.key, self.lying = ENVELOPE, lying
        return frame

    def length(self, r, count, flexible, small):
        """A count, right or not, as this version writes it."""
        if r.random() < self.lying:
            count = r.choice((-1, -2, 2**31 - 1, -2**31, count + 1, 2**20, 2**24, 2**28))
            if flexible and r.random() < 0.4:
                return r.choice((b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x80\1",
                                 b"\xff" * 10, b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x80" * 5 + b"\0"))
        if flexible:
            return uvarint(count + 1 & 2**32 - 1)
        return struct.pack(">H" if small else ">I", count & (2**16 - 1 if small else 2**32 - 1))

    def one(self, r, field, version, flexible, null=False):
        if field.is_struct:
            return self.struct(r, field.struct, version, flexible)
        if field.base in SIZES:
            edges = EDGES[field.base]
            low = field.name.lower()
            if r.random() < 0.5 and "partition" in low or low == "index":
                edges = (0, 0, 0, 1)
            elif "timeout" in low or low.endswith("ms"):
                edges = (0, 1, -1, 5, 50) if r.random() < 0.9 else edges
            elif r.random() < 0.4 and low in ("brokerid", "replicaid", "voterid", "leaderid", "candidateid"):
                edges = (self.node_id, self.node_id, 2, 3)
            return struct.pack(SIZES[field.base], r.choice(edges))
        if field.base == "bool":
            return bytes([r.choice((0, 1, 1, 2, 255))])
        if field.base == "float64":
            return r.choice((bytes(8), b"\x7f\xf8" + bytes(6), b"\x7f\xf0" + bytes(6), b"\xff" * 8, b"?\xf0" + bytes(6)))
        if field.base == "uuid":
            return r.choice(self.topic_ids)
        if null:
            return self.null(flexible and not field.never_flexible, field.base == "string")
        if field.base == "string":
            text = self.string(r, field)
        elif field.base == "records":
            text = batch(r) + (batch(r) if r.random() < 0.05 else b"")
            text = text[:r.randrange(len(text) + 1)] if r.random() < 0.05 else text
        elif self.key == ENVELOPE and field.name == "RequestData" and r.random() < 0.9:
            text = self.inside(r)
        else:
            text = bytes(r.getrandbits(8) for _ in range(r.choice((0, 1, 16, 300))))
        return self.length(r, len(text), flexible, field.base == "string") + text

    @staticmethod
    def null(flexible, small):
        return b"\0" if flexible else (b"\xff\xff" if small else b"\xff\xff\xff\xff")

    def field(self, r, field, version, flexible):
        nullable = field.nullable is not None and version in field.nullable
        null = (nullable and r.random() < 0.2) or r.random() < self.lying / 4
        if not field.array:
            if field.is_struct and nullable:
                return b"\xff" if null else b"\1" + self.one(r, field, version, flexible)
            return self.one(r, field, version, flexible, null)
        if null:
            return self.null(flexible, False)
        count = r.choice((0, 1, 1, 1, 2, 3))
        items = [self.one(r, field, version, flexible) for _ in range(count)]
        if items and r.random() < 0.05:
            items = items[:1] * r.choice((2, 50, 2000))
        return self.length(r, len(items), flexible, False) + b"".join(items)

    def tags(self, r, struct_, version):
        tagged = [f for f in struct_.fields if f.tagged is not None and version in f.tagged and version in f.versions]
        parts = [(f.tag, self.field(r, f, version, True)) for f in tagged if r.random() < 0.6]
        if r.random() < self.lying * 2:
            parts += [(r.choice((0, 1, 2, 5, 100, 2**31 - 1, 2**32 - 1)), b"x" * r.choice((0, 1, 100)))]
            if r.random() < 0.5:
                r.shuffle(parts)
            if parts and r.random() < 0.3:
                parts = parts[:1] * r.choice((2, 1000)) + parts
        count = uvarint(len(parts)) if r.random() > self.lying else r.choice((b"\xff\xff\xff\xff\x0f", b"\xff" * 10, b"\x02"))
        return count + b"".join(
            uvarint(tag) + (uvarint(len(b)) if r.random() > self.lying else b"\xff\xff\xff\xff\x07") + b for tag, b in parts)

    def struct(self, r, struct_, version, flexible):
        out = b"".join(self.field(r, f, version, flexible) for f in struct_.fields
                       if f.untagged is not None and version in f.untagged)
        return out + (self.tags(r, struct_, version) if flexible else b"")

    def make(self, key, version, seed, lying=None):
        """A frame without its length."""
        r = random.Random(f"{key} {version} {seed}")
        self.lying = r.choice((0, 0, 0.01, 0.1)) if lying is None else lying
        self.key = key
        message = self.requests[key]
        flexible = message.flexible is not None and version in message.flexible
        body = self.struct(r, message, version, flexible)
        header_flexible = flexible != (r.random() < self.lying)
        client = r.choice((b"\0\4test", b"\0\4test", b"\xff\xff", b"\0\0")) if r.random() > self.lying else r.choice(
            (b"\x7f\xffx", b"\xff\xfe", b"\0\3\xff\0\n"))
        frame = struct.pack(">hhi", key, version, seed & 2**31 - 1) + client + (
            self.tags(r, type("none", (), {"fields": ()}), 0) if header_flexible else b"") + body
        if r.random() < self.lying * 4:
            frame = bytearray(frame)
            for _ in range(r.choice((1, 1, 4, 30))):
                at = r.randrange(8, len(frame)) if len(frame) > 8 else 0
                frame[at] ^= 1 << r.randrange(8)
            frame = bytes(frame)
        if r.random() < self.lying:
            frame = frame[:r.randrange(len(frame) + 1)]
        if r.random() < self.lying:
            frame += b"\0" * r.choice((1, 5, 5000))
        return frame
