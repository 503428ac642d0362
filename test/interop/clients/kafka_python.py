"""kafka-python. See scenario.md."""
import sys
import threading
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import RebalanceInProgressError

RECORDS = 10000
COMMITS_MAX = 100
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]


def value_of(i):
    return f"v{i}-".encode() + b"x" * (i % 200)


def create(bootstrap, topic):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, 4, 1, topic_configs={"retention.ms": "-1"})])
    admin.close()


def produce(bootstrap, topic, codec):
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, acks="all", linger_ms=5)
    futures = [producer.send(topic, key=f"k{i % 100}".encode(), value=value_of(i),
                             headers=[("h", str(i).encode())], timestamp_ms=1700000000000 + i)
               for i in range(RECORDS)]
    producer.flush(60)
    where = {}
    for i, future in enumerate(futures):
        m = future.get(30)
        where[(m.partition, m.offset)] = i
    producer.close()
    return where


class Reader(threading.Thread):
    """A group member in a thread of its own, for a member that joins blocks inside poll."""

    def __init__(self, bootstrap, topic, where):
        super().__init__(daemon=True)
        self.where, self.seen, self.wrong, self.error = where, {}, [], None
        self.stopping = threading.Event()
        self.consumer = KafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=f"g-{topic}", auto_offset_reset="earliest",
            enable_auto_commit=False, session_timeout_ms=10000, heartbeat_interval_ms=500, max_poll_records=200,
            max_partition_fetch_bytes=20000)
        self.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                self.poll()
            self.commit()
            self.consumer.close()
        except Exception as e:  # noqa: BLE001: told by finish
            self.error = e

    def poll(self):
        for batch in self.consumer.poll(timeout_ms=100).values():
            for m in batch:
                self.take(m)

    def commit(self):
        """While the group rebalances, as after the other member has left, a commit is to be tried again after a poll."""
        for _ in range(COMMITS_MAX):
            try:
                self.consumer.commit()
                return
            except RebalanceInProgressError:
                self.poll()
        self.consumer.commit()

    def take(self, m):
        i = self.where.get((m.partition, m.offset))
        if (i is None or m.value != value_of(i) or m.key != f"k{i % 100}".encode()
                or list(m.headers) != [("h", str(i).encode())] or m.timestamp != 1700000000000 + i):
            self.wrong.append(((m.partition, m.offset), m.value[:20]))
        self.seen[(m.partition, m.offset)] = True

    def finish(self):
        self.stopping.set()
        self.join(30)
        if self.error or self.wrong:
            raise RuntimeError(f"{self.error or self.wrong[:3]}")
        return set(self.seen)


def wait(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(what)
        time.sleep(0.02)


def consume(bootstrap, topic, where):
    one = Reader(bootstrap, topic, where)
    wait(lambda: len(one.seen) >= 100, "the first member reads nothing")
    two = Reader(bootstrap, topic, where)
    wait(lambda: one.consumer.assignment() and two.consumer.assignment(), "the group of two did not form")
    wait(lambda: len(set(one.seen) | set(two.seen)) >= RECORDS // 2, "the group of two stalled")
    seen = one.finish() | two.finish()
    three = Reader(bootstrap, topic, where)
    wait(lambda: len(seen | set(three.seen)) >= RECORDS, f"{RECORDS - len(seen | set(three.seen))} were never seen")
    rest = three.finish()
    if len(rest) == RECORDS:
        raise RuntimeError("the restarted consumer did not resume")


def main():
    bootstrap, prefix = sys.argv[1:3]
    for codec in CODECS:
        topic = f"{prefix}-{codec or 'none'}"
        try:
            create(bootstrap, topic)
            consume(bootstrap, topic, produce(bootstrap, topic, codec))
            print(f"ok kafka-python {codec or 'none'}", flush=True)
        except Exception as e:  # noqa: BLE001: reported as the check's failure
            print(f"FAIL kafka-python {codec or 'none'} {type(e).__name__}: {e}", flush=True)


main()
