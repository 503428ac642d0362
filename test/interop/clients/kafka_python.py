"""kafka-python. See scenario.md."""
import sys
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

RECORDS = 10000
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


def consumer(bootstrap, topic):
    return KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=f"g-{topic}",
                         auto_offset_reset="earliest", enable_auto_commit=False,
                         session_timeout_ms=10000, heartbeat_interval_ms=500, max_poll_records=200)


def take(c, seen, wrong, where):
    count = 0
    for batch in c.poll(timeout_ms=200).values():
        for m in batch:
            at = (m.partition, m.offset)
            i = where.get(at)
            if (i is None or m.value != value_of(i) or m.key != f"k{i % 100}".encode()
                    or list(m.headers) != [("h", str(i).encode())]
                    or m.timestamp != 1700000000000 + i):
                wrong.append((at, m.value[:20]))
            if seen.get(m.partition) and seen[m.partition][-1] >= m.offset:
                wrong.append((at, "order"))
            seen.setdefault(m.partition, []).append(m.offset)
            count += 1
    return count


def flat(*seens):
    return {(p, o) for seen in seens for p, offsets in seen.items() for o in offsets}


def consume(bootstrap, topic, where):
    first, second, rest, wrong = {}, {}, {}, []
    one = consumer(bootstrap, topic)
    deadline = time.monotonic() + 60
    count = 0
    while count < 100 and time.monotonic() < deadline:
        count += take(one, first, wrong, where)
    one.commit()
    two = consumer(bootstrap, topic)
    while not (one.assignment() and two.assignment()) and time.monotonic() < deadline:
        one.poll(timeout_ms=50, max_records=1)
        two.poll(timeout_ms=50, max_records=1)
    if not (one.assignment() and two.assignment()):
        raise RuntimeError("the group of two did not form")
    for c in (one, two):
        for p in c.assignment():
            c.seek(p, c.committed(p) or 0)
    first.clear()
    while len(flat(first, second)) < RECORDS // 4 and time.monotonic() < deadline:
        take(one, first, wrong, where)
        take(two, second, wrong, where)
    for c in (one, two):
        c.commit()
        c.close()
    three = consumer(bootstrap, topic)
    seen = flat(first, second)
    while len(seen | flat(rest)) < RECORDS - 100 and time.monotonic() < deadline:
        take(three, rest, wrong, where)
    while take(three, rest, wrong, where):
        pass
    three.close()
    if wrong:
        raise RuntimeError(f"{len(wrong)} records differ: {wrong[:3]}")
    missing = set(where) - seen - flat(rest)
    early = {at for at in missing if at[1] < 500}
    if missing != early or len(missing) > 400:
        raise RuntimeError(f"{len(missing)} records were never seen")
    if flat(rest) & seen:
        raise RuntimeError(f"{len(flat(rest) & seen)} committed records came again")


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
