"""librdkafka's Python client. See scenario.md."""
import sys

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

RECORDS = 10000
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def value_of(i):
    return f"v{i}-".encode() + b"x" * (i % 200)


def create(bootstrap, topic):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, num_partitions=4, replication_factor=1,
                                    config={"retention.ms": "-1"})])[topic].result(30)


def produce(bootstrap, topic, codec):
    where, errors = {}, []
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec,
                         "enable.idempotence": True, "linger.ms": 5})

    def delivered(i):
        def report(error, message):
            if error:
                errors.append(str(error))
            else:
                where[(message.partition(), message.offset())] = i
        return report

    for i in range(RECORDS):
        producer.produce(topic, key=f"k{i % 100}", value=value_of(i), headers={"h": str(i)},
                         timestamp=1700000000000 + i, on_delivery=delivered(i))
        producer.poll(0)
    producer.flush(60)
    if errors or len(where) != RECORDS:
        raise RuntimeError(f"{len(where)} delivered, errors {errors[:3]}")
    return where


def consumer(bootstrap, topic, group):
    c = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                  "enable.auto.commit": False, "session.timeout.ms": 10000})
    c.subscribe([topic])
    return c


def take(c, seen, wrong, where):
    m = c.poll(0.2)
    if m is None:
        return False
    if m.error():
        if m.error().code() == KafkaError._PARTITION_EOF:
            return False
        raise RuntimeError(str(m.error()))
    at = (m.partition(), m.offset())
    i = where.get(at)
    fine = (i is not None and m.value() == value_of(i) and m.key() == f"k{i % 100}".encode()
            and m.headers() == [("h", str(i).encode())] and m.timestamp()[1] == 1700000000000 + i)
    if not fine:
        wrong.append((at, m.value()[:20]))
    seen.setdefault(at[0], []).append(at[1])
    return True


def consume(bootstrap, topic, where):
    first_seen, second_seen, wrong = {}, {}, []
    one = consumer(bootstrap, topic, f"g-{topic}")
    count = 0
    while count < 100:
        count += take(one, first_seen, wrong, where)
    two = consumer(bootstrap, topic, f"g-{topic}")
    idle = 0
    while count < RECORDS // 2 or not second_seen:
        got = take(one, first_seen, wrong, where) + take(two, second_seen, wrong, where)
        count += got
        idle = 0 if got else idle + 1
        if idle > 100:
            raise RuntimeError(f"the group of two stalled at {count}, second saw {len(second_seen)}")
    for c in (one, two):
        try:
            c.commit(asynchronous=False)
        except Exception as e:  # noqa: BLE001: a member without a position has nothing to commit
            if "_NO_OFFSET" not in str(e):
                raise
        c.close()
    rest = {}
    three = consumer(bootstrap, topic, f"g-{topic}")
    seen = {(p, o) for s in (first_seen, second_seen) for p, offsets in s.items() for o in offsets}
    idle = 0
    while len(seen) < RECORDS and idle < 100:
        got = take(three, rest, wrong, where)
        idle = 0 if got else idle + 1
        seen |= {(p, o) for p, offsets in rest.items() for o in offsets[-1:]}
    committed = three.committed([TopicPartition(topic, p) for p in range(4)], timeout=10)
    three.close()
    if wrong:
        raise RuntimeError(f"{len(wrong)} records differ: {wrong[:3]}")
    if seen != set(where):
        raise RuntimeError(f"{len(set(where) - seen)} records were never seen")
    for s in (first_seen, second_seen, rest):
        for p, offsets in s.items():
            if s is rest and offsets != sorted(offsets):
                raise RuntimeError(f"partition {p} out of order")
    if not any(c.offset > 0 for c in committed):
        raise RuntimeError(f"nothing was committed: {committed}")
    if rest and all(offsets[0] == 0 for offsets in rest.values()):
        raise RuntimeError("the restarted consumer did not resume")


def find(bootstrap, topic):
    """Asks for all topics, as a list and as a pattern does."""
    listed = AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=30).topics
    if len(listed[topic].partitions) != 4:
        raise RuntimeError(f"the list of all topics has {listed[topic].partitions} for {topic}")
    c = consumer(bootstrap, f"^{topic}$", f"found-{topic}")
    for _ in range(300):
        m = c.poll(0.2)
        if m is not None and not m.error():
            break
    else:
        raise RuntimeError("a subscription to a pattern gets no records")
    c.close()


def main():
    bootstrap, prefix = sys.argv[1:3]
    for codec in CODECS:
        topic = f"{prefix}-{codec}"
        try:
            create(bootstrap, topic)
            consume(bootstrap, topic, produce(bootstrap, topic, codec))
            print(f"ok confluent-kafka {codec}", flush=True)
        except Exception as e:  # noqa: BLE001: reported as the check's failure
            print(f"FAIL confluent-kafka {codec} {type(e).__name__}: {e}", flush=True)
    try:
        find(bootstrap, f"{prefix}-none")
        print("ok confluent-kafka finds topics", flush=True)
    except Exception as e:  # noqa: BLE001
        print(f"FAIL confluent-kafka finds topics {type(e).__name__}: {e}", flush=True)


main()
