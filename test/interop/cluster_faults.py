#!/usr/bin/env python3
"""What breaks, breaks here under load, on real processes: nodes killed, stopped, cut off, one way and both,
out of disk, restarted one by one. workload.py says what must hold through all of it.

    test/interop/cluster_faults.py [--cluster kafka] [CASE ...]

Every node has a network namespace and an address of its own; needs root."""
import os
import re
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from lib import ROOT, Count  # noqa: E402
from namespaces import inside_namespaces  # noqa: E402
from cluster import BROKER_PORT, CONTROLLER_PORT, WAIT_SECONDS, Cluster, apache_kafka, tool, wait_for  # noqa: E402
from python_clients import use_clients  # noqa: E402
use_clients()
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition  # noqa: E402
from case import PARTITIONS, TOPIC, Case  # noqa: E402
from wire import ask_brokers, committed, quorum, receive_offset, send_record  # noqa: E402
from workload import promise  # noqa: E402

DISK_MB = 48
MANY_LINES = 20000
LONG_KEY = "leader.replication.throttled.replicas"
NEWCOMERS = "newcomers"
HELD, NOT_LEADER, SESSION_SECONDS = "held", 6, 5


# ---- the faults

def kills(case):
    def kill(which, wait):
        def body():
            node = which()
            node.kill()
            if wait:
                case.wait_led_by_another(node)
            case.load.wait_progress()
        return body

    case.fault("kill -9 of the leader", kill(case.leader, True))
    case.fault("kill -9 of a follower", kill(case.follower, False))
    case.fault("kill -9 of the active controller", kill(case.controller, False))

    def all_at_once():
        for node in case.cluster.nodes.values():
            node.process.kill()
        for node in case.cluster.nodes.values():
            node.process.wait()
    case.fault("kill -9 of all at once", all_at_once)


def pauses(case):
    def pause(which, wait):
        def body():
            node = which()
            node.pause()
            wait(node)
            case.load.wait_progress()
            node.resume()
        return body

    def another_controller(node):
        wait_for("another controller", lambda: case.cluster.active_controller(besides=(node.n,)))

    def late_record():
        """A record with acks=1 that lies in a stopped leader's socket: who wakes must not take it."""
        def send(s, value):
            send_record(s, HELD, 1, value, int(time.time() * 1000))

        def accepted(s):
            send(s, b"in time")
            return receive_offset(s)[0] == 0

        case.cluster.create(HELD, 1, min(3, len(case.cluster.brokers())))
        case.cluster.wait_whole()
        node = case.leader(topic=HELD)
        with socket.create_connection((node.address, BROKER_PORT), WAIT_SECONDS) as s:
            wait_for("the leader takes a record", lambda: accepted(s))
            node.pause()
            wait_for("it stands still", node.stands_still)
            stopped = time.monotonic()
            send(s, b"too late")
            case.wait_led_by_another(node, topic=HELD)
            # also on a machine that was too busy for heartbeats before
            wait_for("it has stood still for a session", lambda: time.monotonic() - stopped > SESSION_SECONDS)
            node.resume()
            answer = receive_offset(s)
            promise(case.count, "once awake it takes no record that lay in its socket", answer[0] == NOT_LEADER, str(answer))

    case.fault("SIGSTOP and SIGCONT of a leader that has a record unread", late_record)
    case.fault("SIGSTOP and SIGCONT of the leader", pause(case.leader, case.wait_led_by_another))
    case.fault("SIGSTOP and SIGCONT of the active controller", pause(case.controller, another_controller))


def offsets_end(case, topic, besides):
    """Where partition 0 ends, as all but one broker have it."""
    servers = ",".join(f"{b.address}:{BROKER_PORT}" for b in case.cluster.brokers() if b is not besides)
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "ends", "log_level": 2})
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=WAIT_SECONDS)[1]
    finally:
        consumer.close()


def cuts(case):
    network = case.cluster.network

    def others(node):
        return [n.n for n in case.cluster.nodes.values() if n is not node]

    def cut(which, how, wait=case.wait_led_by_another):
        def body():
            node = which()
            for other in others(node):
                how(node.n, other)
            wait(node)
            case.load.wait_progress()
        return body

    def newcomers(node):
        """Clients that know the cut-off leader alone, whose lease is over: it takes nothing, names itself to nobody,
        and they find their way to who leads now."""
        case.wait_led_by_another(node, topic=NEWCOMERS)
        with socket.create_connection((node.address, BROKER_PORT), WAIT_SECONDS) as s:
            def refused():
                send_record(s, NEWCOMERS, 1, b"to nobody", int(time.time() * 1000))
                return receive_offset(s)[0] == NOT_LEADER
            wait_for("the cut-off leader takes nothing with acks=1", refused)
            end = offsets_end(case, NEWCOMERS, node)
            answer = (send_record(s, NEWCOMERS, 1, b"to nobody", int(time.time() * 1000)), receive_offset(s))[1]
            promise(case.count, "nor once it has refused", answer[0] == NOT_LEADER, str(answer))
        brokers, topics = case.cluster.metadata(node)
        promise(case.count, "it names itself to nobody",
                node.n not in brokers and topics[NEWCOMERS][0][0] == -1, f"{brokers} {topics[NEWCOMERS]}")
        said = []
        producer = Producer({"bootstrap.servers": f"{node.address}:{BROKER_PORT}", "acks": "all", "log_level": 2,
                             "message.timeout.ms": WAIT_SECONDS * 1000})
        producer.produce(NEWCOMERS, "librdkafka", partition=0, on_delivery=lambda error, _: said.append(error))
        producer.flush(WAIT_SECONDS)
        case.count.check("librdkafka comes from it to the new leader", said == [None], str(said))
        status, printed = tool(apache_kafka(), "console-producer", "--bootstrap-server", f"{node.address}:{BROKER_PORT}",
                               "--topic", NEWCOMERS, "--producer-property", "acks=all", input="java\n", check=False)
        case.count.check("so does the Java client", status == 0 and offsets_end(case, NEWCOMERS, node) == end + 2, printed)

    led_here = ":".join(str(n) for n in [case.leader().n, *others(case.leader())])
    tool(ROOT, "topics", "--bootstrap-server", case.cluster.bootstrap(), "--create", "--topic", NEWCOMERS,
         "--replica-assignment", led_here)
    case.cluster.wait_whole()  # also the one that is to be cut off knows it
    case.fault("the leader is cut off from the others, and clients see it",
               cut(lambda: case.leader(topic=NEWCOMERS), network.cut, newcomers))
    case.fault("the others no longer hear the leader", cut(case.leader, network.mute))
    # what the first sent unheard arrives meanwhile, over connections that have long been given up
    case.fault("the others no longer hear the next leader either", cut(case.leader, network.mute))
    case.fault("the leader no longer hears the others", cut(case.leader, lambda a, b: network.mute(b, a)))

    def controller_cut(node):
        wait_for("another controller", lambda: case.cluster.active_controller(besides=(node.n,)))
    case.fault("the active controller is cut off from the others", cut(case.controller, network.cut, controller_cut))

    def one_wire():
        network.cut(*others(case.controller()))
        case.load.wait_progress()
    case.fault("the wire between two nodes is cut, the active controller sees both", one_wire)

    def from_controller():
        active = case.controller()
        network.cut(active.n, others(active)[0])
        case.load.wait_progress()
    if case.cluster.nodes[1].is_samsa():  # an Apache Kafka goes on telling clients what is no longer so
        case.fault("a node is cut off from the active controller alone", from_controller)


def told(node, reason):
    """Its log, which outlives it, has the event that metadata finds no room, or finds some again."""
    return re.search(rf"Event \d+ held-back about={node.n} reason={reason}:", node.log_tail(MANY_LINES))


def disk(case):
    """A file system that is full: others take over, and with space again it takes part again."""
    def full(which, wait):
        def body():
            node = which()
            process = node.process
            filler = os.path.join(os.path.dirname(node.logs), "filler")
            fill(filler)
            wait(node)
            case.load.wait_progress()
            os.unlink(filler)

            def takes_part():
                if not node.running():
                    node.start()
                return all(node.n in case.cluster.partition(TOPIC, p)[2] for p in range(PARTITIONS))
            wait_for("the node takes part again", takes_part)
            if node.process is process and told(node, "no-room"):
                wait_for("it tells that there is room again", lambda: told(node, "room-again"))
        return body

    def fenced_and_quiet(node):
        """Its metadata stands still, so it must serve nobody; and it is in no hurry about that."""
        others = [b for b in case.cluster.brokers() if b is not node]

        def configure(*how):
            tool(ROOT, "configs", "--bootstrap-server", ",".join(f"{b.address}:{BROKER_PORT}" for b in others), "--alter",
                 "--entity-type", "topics", "--entity-name", TOPIC, *how, check=False)

        # a record of more than a page, which is what a full file system may have left of a file
        configure("--add-config", f"{LONG_KEY}=[{','.join(f'0:{i}' for i in range(1000, 2000))}]")
        wait_for("another controller", lambda: case.cluster.active_controller(besides=(node.n,)))
        wait_for("the others know it as fenced", lambda: all(node.n not in case.cluster.metadata(b)[0] for b in others))
        configure("--delete-config", LONG_KEY)
        if node.is_samsa():
            wait_for("it names itself to nobody", lambda: node.n not in case.cluster.metadata(node)[0])
            said = len(node.log_tail(MANY_LINES).splitlines())
            case.load.wait_progress()
            more = len(node.log_tail(MANY_LINES).splitlines()) - said
            case.count.check("it tells that metadata finds no room", told(node, "no-room"), node.log_tail())
            case.count.check("a controller without room does not try in a loop", said < MANY_LINES and more < 100, f"{said} {more}")

    case.fault("the leader's disk is full", full(case.leader, case.wait_led_by_another))
    case.fault("the active controller's disk is full", full(case.controller, fenced_and_quiet))


def fill(path):
    """Makes a file of all the space that is left, to the last byte."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        while os.write(fd, b"\0" * 65536):
            pass
    except OSError:
        pass
    os.close(fd)


def rolling(case):
    def body():
        for node in case.cluster.nodes.values():
            node.stop()
            case.load.wait_progress()
            node.start()
            case.cluster.wait_whole()
    case.fault("all are restarted, one after the other", body)


def small_disks(cluster):
    """Each node's log.dirs on a file system of its own, of DISK_MB."""
    for node in cluster.nodes.values():
        mount = os.path.join(node.directory, "mount")
        os.makedirs(mount)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", mount], check=True)
        node.logs = os.path.join(mount, "logs")
        node.properties["log.dirs"] = f"{node.logs},{node.logs}2"


def preloaded(name):
    """A library for LD_PRELOAD, made of test/interop/NAME.c."""
    library = os.path.join(ROOT, "build", "test", f"{name}.so")
    os.makedirs(os.path.dirname(library), exist_ok=True)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, os.path.join(HERE, f"{name}.c"), "-ldl"], check=True)
    return library


def breakable(cluster):
    """Each node's directories can be broken and its clock be set; the last node's metadata has a directory of its own."""
    libraries = " ".join([preloaded("broken_disk"), preloaded("stepped_clock")])
    for node in cluster.nodes.values():
        node.environment = {"LD_PRELOAD": libraries, "BROKEN_DISK": os.path.join(node.directory, "broken"),
                            "STEPPED_CLOCK": os.path.join(node.directory, "clock")}
    node.properties["metadata.log.dir"] = f"{node.logs}-metadata"


def clocks(case):
    """Wall clocks that jump under running processes: nobody is fenced, elected or forgotten, and nothing deleted."""
    if not case.cluster.nodes[1].environment:
        return

    def stand():
        """Who leads, who is in sync, who leads the quorum, and how often each node has registered."""
        _, leader, epoch, _ = quorum((case.controller().address, CONTROLLER_PORT))
        registered = {}
        for node in case.cluster.nodes.values():
            with open(node.log_path, encoding="utf-8", errors="replace") as f:
                registered[node.n] = f.read().count("Successfully registered broker")
        return [case.partition(p) for p in range(PARTITIONS)], leader, epoch, registered

    def jump():
        case.cluster.wait_whole()
        before = stand()
        for node in case.cluster.nodes.values():
            for seconds in (3600, -3000, 40 * 86400, 0):
                with open(node.environment["STEPPED_CLOCK"], "w", encoding="ascii") as f:
                    f.write(str(seconds))
                case.load.wait_progress()
        after = stand()
        case.count.check("clocks that jump move nobody", after == before, f"{before}\n{after}")
    case.fault("every node's clock jumps, an hour ahead, nearly one back, forty days ahead", jump)


def directories(case):
    """Directories that break with EIO under a running process."""
    if not case.cluster.nodes[1].environment:
        return

    def on_disk(node, *names):
        with open(node.environment["BROKEN_DISK"], "w", encoding="utf-8") as f:
            f.writelines(f"{node.logs}{name}\n" for name in names)

    def mend(node):
        os.unlink(node.environment["BROKEN_DISK"])

    def said(node, text):
        with open(node.log_path, encoding="utf-8", errors="replace") as f:
            f.seek(node.log_seen)
            return [line for line in f if text in line]

    def ends(node, why):
        wait_for(f"node {node.n} ends", lambda: not node.running())
        case.count.check(f"it says so in one line: {why}", len(said(node, why)) == 1 and node.process.returncode == 1,
                         f"exit {node.process.returncode}\n{node.log_tail()}")

    def one():
        """The directory of a partition that the node leads, and not that of its metadata."""
        def led_there():
            return next(((n, p) for n in case.cluster.brokers() for p in range(PARTITIONS)
                         if case.partition(p)[0] == n.n and n.replica(TOPIC, p).startswith(f"{n.logs}2/")), None)

        tool(ROOT, "leader-election", "--bootstrap-server", case.cluster.bootstrap(), "--election-type", "preferred",
             "--all-topic-partitions", check=False)
        node, partition = wait_for("a partition is led from a second directory", led_there)
        kept = [p for p in range(PARTITIONS) if node.replica(TOPIC, p).startswith(f"{node.logs}/")]
        on_disk(node, "2")
        case.wait_led_by_another(node, partition)
        wait_for("it is in no in-sync set there",
                 lambda: node.n not in case.partition(partition)[2] and
                 all(node.n in case.partition(p)[2] for p in kept))
        case.load.wait_progress()
        case.count.check("the node goes on with its other directory", node.running() and len(said(node, "partitions are lost to this broker")) == 1,
                         node.log_tail())
        mend(node)
        node.stop()
        node.start()
        with open(node.log_path, encoding="utf-8", errors="replace") as f:
            again = [line for line in f if f"{node.logs}2: its disk had failed before this start" in line]
        case.count.check("started again, it first writes again what the disk may lack",
                         len(again) == 1 and not os.path.exists(f"{node.logs}2/.samsa_disk_failed"), f"{again}\n{node.log_tail()}")

    def metadata():
        node = case.cluster.nodes[1]
        on_disk(node, "")
        ends(node, f"the metadata log dir {node.logs} has failed")
        case.load.wait_progress()
        mend(node)

    def every():
        node = list(case.cluster.nodes.values())[-1]
        on_disk(node, "", "2")
        ends(node, "all log dirs have failed")
        case.load.wait_progress()
        mend(node)

    case.fault("a log directory breaks", one)
    case.fault("the directory of the metadata breaks", metadata)
    case.fault("every directory of partitions breaks", every)


COMBINED = [(n, "broker,controller") for n in (1, 2, 3)]
ONE_CONTROLLER = [(1, "broker"), (2, "broker"), (100, "controller")]
THREE_CONTROLLERS = [(1, "broker"), (2, "broker"), (3, "broker"), (100, "controller"), (101, "controller"),
                     (102, "controller")]


def apart(case):
    """Controllers and brokers are processes of their own."""
    def lose(which, wait=lambda node: None):
        def body():
            node = which()
            node.kill()
            wait(node)
            case.load.wait_progress()
        return body
    def known_alone():
        """A client that was told of one broker alone would know nobody when that one dies."""
        brokers = case.cluster.brokers()
        left = case.leader()
        others = [b for b in brokers if b is not left]
        for node in others:
            node.kill()
        wait_for("one is left", lambda: case.cluster.metadata(left)[0] == [left.n])
        with socket.create_connection((left.address, BROKER_PORT), WAIT_SECONDS) as told, \
                socket.create_connection((left.address, BROKER_PORT), WAIT_SECONDS) as never_told:
            ask_brokers(told)
            others[0].start()
            case.count.check("its connection ends when another broker is there", told.recv(1) == b"")
            ask_brokers(never_told)  # this one has not ended
        case.load.wait_progress()

    case.fault("kill -9 of the active controller", lose(case.controller))
    case.fault("kill -9 of the leader", lose(case.leader, case.wait_led_by_another))
    if len(case.cluster.brokers()) == 3 and case.cluster.nodes[1].is_samsa():
        case.fault("two of three brokers are killed, one comes back", known_alone)


def unheard(case):
    """A coordinator that reaches its clients, but no controller, while another has its groups already."""
    def commit(brokers, offset):
        member = Consumer({"bootstrap.servers": ",".join(f"{b.address}:{BROKER_PORT}" for b in brokers),
                           "group.id": "unheard", "enable.auto.commit": False, "log_level": 2})
        try:
            return not member.commit(offsets=[TopicPartition(TOPIC, 0, offset)], asynchronous=False)[0].error
        except KafkaException:
            return False
        finally:
            member.close()

    def coordinator(brokers):
        for b in brokers:
            with socket.create_connection((b.address, BROKER_PORT), WAIT_SECONDS) as s:
                if committed(s, "unheard", TOPIC)[0] == 0:
                    return b
        return None

    def body():
        brokers = case.cluster.brokers()
        wait_for("a commit is taken", lambda: commit(brokers, 1))
        old = wait_for("the group has a coordinator", lambda: coordinator(brokers))
        others = [b for b in brokers if b is not old]
        for controller in case.cluster.controllers():
            case.cluster.network.cut(old.n, controller.n)
        wait_for("the group has another coordinator", lambda: coordinator(others))
        wait_for("which takes a commit", lambda: commit(others, 2))
        with socket.create_connection((old.address, BROKER_PORT), WAIT_SECONDS) as s:
            said = [committed(s, "unheard", TOPIC) for _ in range(5)]
        promise(case.count, "the old coordinator reads no older offset",
                all(error or offset == 2 for error, offset in said), str(said))

    if case.cluster.nodes[1].is_samsa():  # an Apache Kafka reads on
        case.fault("the coordinator is cut off from the controllers alone", body)


RUNS = {
    "combined": (COMBINED, [kills, pauses, cuts, disk, clocks, directories, rolling]),
    "one-controller": (ONE_CONTROLLER, [apart, rolling]),
    "three-controllers": (THREE_CONTROLLERS, [apart, unheard, rolling]),
}


def run(count, name, home, wanted):
    layout, parts = RUNS[name]
    properties = {}
    if len([roles for _, roles in layout if "broker" in roles]) == 2:
        properties = {"min.insync.replicas": "1", "offsets.topic.replication.factor": "2"}
    cluster = Cluster([(n, roles, home) for n, roles in layout], properties)
    failed = count.failed
    try:
        small_disks(cluster)
        if name == "combined" and home == ROOT:
            breakable(cluster)
        cluster.format().start()
        case = Case(count, cluster)
        for part in parts:
            if not wanted or part.__name__ in wanted:
                part(case)
        case.finish(name)
    except Exception as e:  # noqa: BLE001: whatever ends a run early has failed it
        count.check(f"{name} comes to its end", False, f"{type(e).__name__}: {e}")
    finally:
        logs = os.path.join(ROOT, "build", "test", "cluster-faults")
        cluster.close(keep_logs_in=logs if count.failed > failed else None)


def main():
    arguments = [a for a in sys.argv[1:] if a not in ("--cluster", "kafka")]
    home = apache_kafka() if "kafka" in sys.argv else ROOT
    os.environ.update(KAFKA_HEAP_OPTS="-Xms64m -Xmx256m", KAFKA_JIT="1")
    parts = [a for a in arguments if a not in RUNS]
    count = Count()
    for name in [a for a in arguments if a in RUNS] or RUNS:
        run(count, name, home, parts)
    return count.finish()


if __name__ == "__main__":
    sys.exit(inside_namespaces(main))
