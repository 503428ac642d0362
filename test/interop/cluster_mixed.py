#!/usr/bin/env python3
"""Samsa and Apache Kafka in one cluster, under load: brokers of both kinds under controllers of either, leading
for each other and following each other; and a quorum whose voters are of both kinds, led by either and
surviving the loss of the other. Replicas and metadata logs are compared byte by byte.

    test/interop/cluster_mixed.py [--cluster kafka] [RUN ...]    kafka: every node an Apache Kafka

kafka-voters, two of whose three voters are Apache Kafka's, runs only when it is named: it takes long."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from lib import ROOT, Count  # noqa: E402
from namespaces import inside_namespaces  # noqa: E402
import fencing  # noqa: E402
from cluster import Cluster, apache_kafka, tool, wait_for  # noqa: E402
from python_clients import use_clients  # noqa: E402
use_clients()
from case import Case, bytes_of_log  # noqa: E402
from workload import promise  # noqa: E402

EACH_LEADS_ONE = "1:2:3,2:3:1,3:1:2"
TRIES = 10
PATIENT = {"controller.quorum.election.timeout.ms": "20000"}  # lets another stand first


def elect_preferred(case):
    """Every partition led by its first replica again, told by Samsa's own tool."""
    tool(ROOT, "leader-election", "--bootstrap-server", case.cluster.bootstrap(), "--election-type", "PREFERRED",
         "--all-topic-partitions")
    wait_for("each leads one", lambda: all(case.partition(p)[0] == p + 1 for p in range(3)))
    case.load.wait_progress()


def lose(case, node):
    """The broker dies and comes back; its partition is led by another meanwhile, and by it again at last."""
    def body():
        node.kill()
        case.wait_led_by_another(node, node.n - 1)
        case.load.wait_progress()
        node.start()
        case.cluster.wait_whole()
        elect_preferred(case)
    return body


def replace(case, node, home):
    """The node becomes one of the other kind, on the same configuration and directories, and goes back."""
    def body():
        for other in (home, node.home):
            node.stop()
            node.home = other
            node.start()
            case.cluster.wait_whole()
            case.load.wait_progress()
    return body


def brokers_of_both(count, name, cluster, turned_away):
    """Three brokers, number 3 of the other kind, each leading one partition for the other two."""
    case = Case(count, cluster, EACH_LEADS_ONE)
    led = [case.partition(p)[0] for p in range(3)]
    count.check(f"{name}: brokers of both kinds lead, and follow each other", led == [1, 2, 3], str(led))
    case.fault(f"{name}: the one of the other kind dies and comes back", lose(case, cluster.nodes[3]))
    case.fault(f"{name}: one of the majority dies and comes back", lose(case, cluster.nodes[2]))
    case.fault(f"{name}: the one of the other kind becomes one of the majority's, and goes back",
               replace(case, cluster.nodes[3], cluster.nodes[2].home))
    if name == "kafka-broker":
        fencing.compare(count, name, cluster, cluster.nodes[2], cluster.nodes[3], cluster.nodes[1])
    turned_away[name] = fencing.of_controller(cluster, cluster.nodes[2], cluster.nodes[3])
    case.finish(name)
    compare_metadata(count, name, cluster)


def voters_of_both(count, name, cluster, _):
    """Three voters, number 3 of the other kind; it stands first when there is no leader."""
    one, two, other = (cluster.nodes[n] for n in (1, 2, 3))
    case = Case(count, cluster, EACH_LEADS_ONE)

    def leader():
        return wait_for("a quorum with a leader", cluster.active_controller)

    def led_by(*nodes):
        wait_for(f"one of {[n.n for n in nodes]} leads the quorum", lambda: cluster.active_controller() in nodes)

    def lose(node):
        node.kill()
        led_by(*(n for n in (one, two, other) if n is not node))
        case.load.wait_progress()

    def other_leads():
        for _ in range(TRIES):  # it was slow to start, perhaps
            if leader() is other:
                break
            node = leader()
            lose(node)
            node.start()
            cluster.wait_whole()
        led_by(other)
        cluster.create("made-under-the-other", 3)

    def lose_other():
        lose(other)
        cluster.create("made-without-the-other", 3, 2)
        other.start()

    case.fault(f"{name}: the one of the other kind leads the quorum", other_leads)
    case.fault(f"{name}: it dies, and one of the majority takes over", lose_other)
    case.fault(f"{name}: that dies, and one of two that are of both kinds takes over", lambda: lose(leader()))
    case.fault(f"{name}: the voter of the other kind becomes one of the majority's, and goes back",
               replace(case, other, one.home))
    case.finish(name)
    compare_metadata(count, name, cluster)


def compare_metadata(count, name, cluster):
    """Every node's metadata log begins as the longest does; nodes may differ in how far they have come."""
    logs = {n.n: bytes_of_log(os.path.join(n.logs, "__cluster_metadata-0")) for n in cluster.nodes.values()}
    longest = max(logs.values(), key=len)
    differ = [n for n, log in logs.items() if not log or longest[:len(log)] != log]
    promise(count, f"{name}: the metadata logs are the same {len(longest)} bytes", not differ,
            f"{differ}: {[(n, len(log)) for n, log in logs.items()]}")


def layouts(samsa, kafka):
    both = "broker,controller"
    return {
        "kafka-broker": (brokers_of_both, [(1, both, samsa), (2, "broker", samsa), (3, "broker", kafka)]),
        "samsa-broker": (brokers_of_both, [(1, both, kafka), (2, "broker", samsa), (3, "broker", samsa)]),
        "samsa-voters": (voters_of_both, [(1, both, samsa), (2, both, samsa), (3, both, kafka)]),
        "kafka-voters": (voters_of_both, [(1, both, kafka), (2, both, kafka), (3, both, samsa)]),
    }


def run(count, name, turned_away, body, layout):
    cluster = Cluster(layout)
    if body is voters_of_both:
        for n in (1, 2):
            cluster.nodes[n].properties = PATIENT
    failed = count.failed
    try:
        cluster.format().start()
        body(count, name, cluster, turned_away)
    except Exception as e:  # noqa: BLE001: whatever ends a run early has failed it
        count.check(f"{name} comes to its end", False, f"{type(e).__name__}: {e}")
    finally:
        logs = os.path.join(ROOT, "build", "test", "cluster-mixed")
        cluster.close(keep_logs_in=logs if count.failed > failed else None)


def main():
    kafka = apache_kafka()
    samsa = kafka if "kafka" in sys.argv else ROOT
    os.environ.update(KAFKA_HEAP_OPTS="-Xms64m -Xmx256m", KAFKA_JIT="1")
    count = Count()
    runs = layouts(samsa, kafka)
    turned_away = {}  # by the controllers of each kind
    for name in [a for a in sys.argv[1:] if a in runs] or [r for r in runs if r != "kafka-voters"]:
        run(count, name, turned_away, *runs[name])
    if len(turned_away) == 2:
        fencing.compare_controllers(count, turned_away["kafka-broker"], turned_away["samsa-broker"])
    return count.finish()


if __name__ == "__main__":
    sys.exit(inside_namespaces(main))
