"""Producers and a consumer group that work while a cluster is being broken, and the oracle that looks on.

Idempotent acks=all producers write values that are all different; what they were told, what a reader sees
while it happens, what the group reads and what a last reader finds must agree, offset by offset:

  - a record that was acknowledged is there at the end, at its offset, once
  - no offset ever shows two values, to anybody
  - a producer's records stand in its order
  - an offset that was committed is never answered with an older one, and the group comes to the end

Time limits are for hanging clusters only; nothing is asserted about how fast."""
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from cluster import WAIT_SECONDS, wait_for

GROUP = "readers"
PAUSE_SECONDS = 0.004
PATIENCE = {"socket.timeout.ms": 6000, "reconnect.backoff.max.ms": 500, "log_level": 2}  # of a client with a silent node
ERRORS_SHOWN = 5
CLOSE_SECONDS = 10


class Oracle:
    """What is known of every offset, and everything that contradicted it."""

    def __init__(self, partitions):
        self.lock = threading.Lock()
        self.partitions = partitions
        self.values = {}        # (partition, offset) -> value, whoever saw it first
        self.acknowledged = {}  # (partition, offset) -> value
        self.unplaced = set()   # values acknowledged without a word where
        self.fresh = {p: 0.0 for p in range(partitions)}  # when the newest acknowledged record was sent
        self.committed = {}     # partition -> the newest offset whose commit was acknowledged
        self.broken = []

    def complain(self, what):
        with self.lock:
            self.broken.append(what)

    def saw(self, who, partition, offset, value):
        with self.lock:
            before = self.values.setdefault((partition, offset), value)
            if before != value:
                self.broken.append(f"{who}: offset {partition}:{offset} has {value!r}, had {before!r}")

    def acknowledge(self, partition, offset, value, sent):
        """`offset` is None when the broker only said that it has the record already."""
        if offset is not None:
            self.saw("a producer", partition, offset, value)
        with self.lock:
            if offset is not None:
                self.acknowledged[(partition, offset)] = value
            else:
                self.unplaced.add(value)
            self.fresh[partition] = max(self.fresh[partition], sent)

    def commit(self, partition, offset):
        with self.lock:
            self.committed[partition] = max(self.committed.get(partition, -1), offset)

    def floor(self):
        with self.lock:
            return dict(self.committed)


class Worker(threading.Thread):
    """Works until told to stop; one that breaks is a complaint."""

    def __init__(self, label, oracle):
        super().__init__(daemon=True)
        self.label, self.oracle = label, oracle
        self.stopping = threading.Event()

    def run(self):
        try:
            self.work()
        except Exception as e:  # noqa: BLE001: nothing else would tell
            self.oracle.complain(f"{self.label} broke: {type(e).__name__}: {e}")


class Writer(Worker):
    """Value `NAME-COUNT` to partition COUNT mod partitions, one after the other, until told to stop."""

    def __init__(self, name, bootstrap, topic, oracle):
        super().__init__(name, oracle)
        self.topic = topic
        self.sent = 0
        self.producer = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 2,
            "message.timeout.ms": 240000, "request.timeout.ms": 5000, "retry.backoff.max.ms": 250,
            "client.id": f"writer-{name}", "error_cb": self.trouble, **PATIENCE})

    def trouble(self, error):
        if error.fatal() or self.producer_fatal(error):
            self.oracle.complain(f"writer {self.label}: {error}")

    @staticmethod
    def producer_fatal(error):
        return error.code() in (KafkaError._FATAL, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)

    def delivered(self, partition, value, sent):
        def report(error, message):
            if error:
                self.oracle.complain(f"writer {self.label}: {value} failed: {error}")
            else:
                offset = message.offset()
                self.oracle.acknowledge(partition, offset if offset is not None and offset >= 0 else None, value, sent)
        return report

    def send(self):
        partition, value = self.sent % self.oracle.partitions, f"{self.label}-{self.sent}"
        try:
            self.producer.produce(self.topic, value, partition=partition,
                                  on_delivery=self.delivered(partition, value, time.monotonic()))
            self.sent += 1
        except BufferError:
            pass

    def work(self):
        # The first record of a producer goes alone. A partition that does not know the producer yet takes any
        # sequence, so of several under way the first may be refused (an Apache Kafka that does not lead quite
        # yet) and a later one taken; librdkafka then believes the first to be there.
        for _ in range(self.oracle.partitions):
            self.send()
            self.producer.flush(WAIT_SECONDS)
        while not self.stopping.is_set():
            self.send()
            self.producer.poll(PAUSE_SECONDS)
            self.stopping.wait(PAUSE_SECONDS)
        left = self.producer.flush(WAIT_SECONDS)
        if left:
            self.oracle.complain(f"writer {self.label}: {left} records were neither acknowledged nor refused")


def consumer(bootstrap, group, **more):
    return Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False,
                     "session.timeout.ms": 10000, "heartbeat.interval.ms": 1000, "fetch.wait.max.ms": 100,
                     **PATIENCE, **more})


class Reader(Worker):
    """Reads every partition from its start, without a group. Where a log is shorter than what was read of
    it, the client says so, as there is no place to reset to."""

    def __init__(self, name, bootstrap, topic, oracle):
        super().__init__(name, oracle)
        self.next = {p: 0 for p in range(oracle.partitions)}
        self.consumer = consumer(bootstrap, f"none-{name}", **{"auto.offset.reset": "error"})
        self.consumer.assign([TopicPartition(topic, p, 0) for p in self.next])

    def work(self):
        while not self.stopping.is_set():
            for message in self.consumer.consume(500, 0.1):
                if message.error():
                    if message.error().code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                        self.oracle.complain(f"{self.label}: {message.error()}")
                    continue
                partition, offset = message.partition(), message.offset()
                self.oracle.saw(self.label, partition, offset, message.value().decode())
                if offset != self.next[partition]:
                    self.oracle.complain(f"{self.label}: {partition}:{self.next[partition]} is followed by {offset}")
                self.next[partition] = offset + 1
        self.consumer.close()

    def wait_until(self, ends):
        wait_for(f"{self.label} has read up to {ends}", lambda: all(self.next[p] >= ends[p] for p in ends))


class Member(Worker):
    """One of a group: reads, commits what it has read, and notes which commits were acknowledged."""

    def __init__(self, name, bootstrap, topic, oracle):
        super().__init__(name, oracle)
        self.topic = topic
        self.consumer = consumer(bootstrap, GROUP, **{"auto.offset.reset": "earliest"})
        self.consumer.subscribe([topic])

    def work(self):
        while not self.stopping.is_set():
            offsets = {}
            for message in self.consumer.consume(200, 0.2):
                if message.error():
                    continue
                self.oracle.saw(self.label, message.partition(), message.offset(), message.value().decode())
                offsets[message.partition()] = message.offset() + 1
            if offsets:
                self.commit(offsets)
        self.consumer.close()

    def commit(self, offsets):
        try:
            done = self.consumer.commit(offsets=[TopicPartition(self.topic, p, o) for p, o in offsets.items()],
                                        asynchronous=False)
        except KafkaException:
            return  # a rebalance, or nobody to ask: whoever owns the partition then reads it again
        for tp in done:
            if not tp.error:
                self.oracle.commit(tp.partition, tp.offset)


class Watcher(Worker):
    """Asks for the group's committed offsets, all the time."""

    def __init__(self, bootstrap, topic, oracle):
        super().__init__("the watcher", oracle)
        self.wanted = [TopicPartition(topic, p) for p in range(oracle.partitions)]
        self.last = {}
        self.answers = 0
        self.consumer = consumer(bootstrap, GROUP)

    def work(self):
        while not self.stopping.is_set():
            floor = self.oracle.floor()
            try:
                answer = self.consumer.committed(self.wanted, timeout=5)
            except KafkaException:
                answer = []
            for tp in answer:
                least = max(floor.get(tp.partition, -1), self.last.get(tp.partition, -1))
                if tp.error:
                    continue
                if 0 <= least and tp.offset < least:
                    self.oracle.complain(f"committed offset of {tp.partition} was {least}, is {tp.offset}")
                if tp.offset >= 0:
                    self.last[tp.partition] = tp.offset
                self.answers += 1
            self.stopping.wait(0.1)
        self.consumer.close()


def promise(count, name, kept, detail=""):
    """A check that no busy machine can make fail: the runner is told so."""
    if not count.check(name, kept, detail):
        print(f"BROKEN: {name}", flush=True)


class Workload:
    def __init__(self, cluster, topic="faults", partitions=3, writers=2, members=2):
        self.cluster, self.topic = cluster, topic
        self.bootstrap = cluster.bootstrap()
        self.oracle = Oracle(partitions)
        self.writers = [Writer(f"w{i}", self.bootstrap, topic, self.oracle) for i in range(writers)]
        self.reader = Reader("the reader", self.bootstrap, topic, self.oracle)
        self.members = [Member(f"member {i}", self.bootstrap, topic, self.oracle) for i in range(members)]
        self.watcher = Watcher(self.bootstrap, topic, self.oracle)

    def threads(self):
        return [*self.writers, self.reader, *self.members, self.watcher]

    def start(self):
        for thread in self.threads():
            thread.start()
        return self

    def wait_progress(self, partitions=None):
        """Until records that are sent from now on have been acknowledged, in each of the partitions."""
        now = time.monotonic()
        wanted = range(self.oracle.partitions) if partitions is None else partitions
        def waiting():
            return [p for p in wanted if self.oracle.fresh[p] <= now]
        try:
            wait_for("", lambda: not waiting())
        except RuntimeError:
            raise RuntimeError(f"no record is acknowledged in partitions {waiting()}") from None

    def wait_read(self):
        """Until the group has committed everything that is acknowledged now."""
        with self.oracle.lock:
            ends = {}
            for p, o in self.oracle.acknowledged:
                ends[p] = max(ends.get(p, 0), o + 1)
        wait_for(f"the group comes to {ends}", lambda: all(self.watcher.last.get(p, 0) >= ends[p] for p in ends))

    def stop(self, threads):
        for thread in threads:
            thread.stopping.set()
        for thread in threads:
            thread.join(2 * WAIT_SECONDS)

    def close(self):
        """Lets go of every client: none shall be left that speaks to the next cluster."""
        for thread in self.threads():
            thread.stopping.set()
        for thread in self.threads():
            thread.join(CLOSE_SECONDS)
        self.writers, self.members = [], []

    def finish(self, count, name):
        """Stops everything, reads everything once more, and checks it all."""
        self.stop(self.writers)
        oracle = self.oracle
        ends = {}
        for p, o in oracle.acknowledged:
            ends[p] = max(ends.get(p, 0), o + 1)
        self.wait_read()
        self.reader.wait_until(ends)
        self.stop([self.reader, *self.members, self.watcher])
        last = Reader("the last reader", self.bootstrap, self.topic, oracle)
        last.start()
        last.wait_until(ends)
        self.stop([last])
        final = {at: v for at, v in oracle.values.items() if at[1] < last.next[at[0]]}
        lost = [(at, v) for at, v in oracle.acknowledged.items() if final.get(at) != v]
        there = list(final.values())
        lost += [v for v in oracle.unplaced.difference(there)]
        for what in oracle.broken[:ERRORS_SHOWN]:
            print(f"BROKEN: {what}", flush=True)
        promise(count, f"{name}: none of {len(oracle.acknowledged)} acknowledged records is lost",
                    len(oracle.acknowledged) > 100 and not lost, str(lost[:ERRORS_SHOWN]))
        twice = self.twice(final)
        promise(count, f"{name}: no record stands twice", not twice, f"{len(twice)}: {twice[:ERRORS_SHOWN]}")
        unordered = self.unordered(final)
        promise(count, f"{name}: every producer's records stand in its order", not unordered,
                f"{len(unordered)}: {unordered[:ERRORS_SHOWN]}")
        promise(count, f"{name}: no offset had two values, no committed offset went back, no producer failed",
                    not oracle.broken and self.watcher.answers > 0,
                    f"{len(oracle.broken)}: {oracle.broken[:ERRORS_SHOWN]}")

    @staticmethod
    def twice(final):
        """[(value, where it stands first, where again)]."""
        first, again = {}, []
        for at, value in sorted(final.items()):
            if first.setdefault(value, at) != at:
                again.append((value, first[value], at))
        return again

    @staticmethod
    def unordered(final):
        """[(value, where it stands)] of what comes after a later one of its producer."""
        newest, wrong = {}, []
        for (partition, offset), value in sorted(final.items()):
            writer, number = value.split("-")
            if newest.get((partition, writer), -1) >= int(number):
                wrong.append((value, (partition, offset)))
            newest[(partition, writer)] = int(number)
        return wrong
