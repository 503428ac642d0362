"""The few requests that a test asks one node with, and no other: a client library would ask whom it likes."""
import socket
import struct

PRODUCE, METADATA, OFFSET_FETCH, DESCRIBE_QUORUM = 0, 3, 9, 55


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        part = self.data[self.at:self.at + count]
        if len(part) < count:
            raise ValueError("the answer is cut")
        self.at += count
        return part

    def number(self, size):
        return int.from_bytes(self.take(size), "big", signed=True)

    def varint(self):
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def string(self):
        count = self.number(2)
        return self.take(count).decode() if count >= 0 else None

    def array(self, element):
        return [element(self) for _ in range(self.number(4))]


def send(s, api, version, body, flexible):
    header = struct.pack(">hhih", api, version, 7, 4) + b"test" + (b"\0" if flexible else b"")
    s.sendall(struct.pack(">i", len(header) + len(body)) + header + body)


def receive(s, flexible):
    """The answer's body. Raises OSError or ValueError when there is none."""
    answer = b""
    while len(answer) < 4 or len(answer) < 4 + struct.unpack(">i", answer[:4])[0]:
        part = s.recv(1 << 20)
        if not part:
            raise ConnectionError("closed")
        answer += part
    return Reader(answer[4 + 4 + (1 if flexible else 0):])


def ask(address, api, version, body, flexible, seconds=3):
    with socket.create_connection(address, seconds) as s:
        s.settimeout(seconds)
        send(s, api, version, body, flexible)
        return receive(s, flexible)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(value, timestamp):
    """One record of fewer than 50 bytes, in a batch of its own, of no idempotent producer."""
    record = bytes([0, 0, 0, 1, len(value) * 2]) + value + b"\0"
    record = bytes([len(record) * 2]) + record
    checked = struct.pack(">hiqqqhii", 0, 0, timestamp, timestamp, -1, -1, -1, 1) + record
    return struct.pack(">qiibI", 0, 9 + len(checked), -1, 2, crc32c(checked)) + checked


def send_record(s, topic, acks, value, timestamp):
    """To partition 0; receive_offset takes the answer."""
    records = batch(value, timestamp)
    body = struct.pack(">hhii", -1, acks, 10000, 1) + struct.pack(">h", len(topic)) + topic.encode()
    send(s, PRODUCE, 3, body + struct.pack(">iii", 1, 0, len(records)) + records, False)


def receive_offset(s):
    """(error, offset)"""
    r = receive(s, False)
    return r.array(lambda r: (r.string(), r.array(lambda r: (r.number(4), r.number(2), r.number(8), r.number(8)))))[0][1][0][1:3]


def ask_brokers(s):
    """Metadata of no topic, over this connection."""
    send(s, METADATA, 4, struct.pack(">ib", 0, 0), False)
    receive(s, False)


def committed(s, group, topic):
    """(error, offset) of partition 0, over this connection."""
    text = lambda t: struct.pack(">h", len(t)) + t.encode()  # noqa: E731
    send(s, OFFSET_FETCH, 2, text(group) + struct.pack(">i", 1) + text(topic) + struct.pack(">ii", 1, 0), False)
    r = receive(s, False)
    partition = lambda r: (r.number(4), r.number(8), r.string(), r.number(2))  # noqa: E731
    topics = r.array(lambda r: (r.string(), r.array(partition)))
    of_group = r.number(2)
    return (of_group, -1) if of_group else (topics[0][1][0][3], topics[0][1][0][1])


def metadata(address):
    """(ids of the brokers, {topic: {partition: (leader, replicas, isr)}}) as this broker has them."""
    r = ask(address, METADATA, 4, struct.pack(">ib", -1, 0), False)
    numbers = lambda r: r.array(lambda r: r.number(4))  # noqa: E731
    r.number(4)
    brokers = r.array(lambda r: (r.number(4), r.string(), r.number(4), r.string())[0])
    r.string()
    r.number(4)

    def partition(r):
        r.number(2)
        return r.number(4), (r.number(4), numbers(r), numbers(r))

    def topic(r):
        r.number(2)
        name = r.string()
        r.number(1)
        return name, dict(r.array(partition))

    return sorted(brokers), dict(r.array(topic))


def quorum(address):
    """(error, leader, epoch, high watermark) as this controller has them."""
    name = b"__cluster_metadata"
    body = bytes([2, len(name) + 1]) + name + b"\x02" + struct.pack(">i", 0) + b"\0\0\0"
    r = ask(address, DESCRIBE_QUORUM, 0, body, True)
    if r.number(2) != 0 or r.varint() != 2:
        raise ValueError("refused")
    r.take(r.varint() - 1)
    r.varint()
    r.number(4)
    return r.number(2), r.number(4), r.number(4), r.number(8)
