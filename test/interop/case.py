"""One cluster under load, and the steps that its faults are made of."""
import glob
import os
import time

from cluster import tool, wait_for
from lib import ROOT
from workload import Workload, promise

TOPIC, PARTITIONS = "faults", 3


class Case:
    """A cluster under load, and what a fault is made of."""

    def __init__(self, count, cluster, assignment=None):
        self.count, self.cluster = count, cluster
        if assignment:
            tool(ROOT, "topics", "--bootstrap-server", cluster.bootstrap(), "--create", "--topic", TOPIC,
                 "--replica-assignment", assignment)
        else:
            cluster.create(TOPIC, PARTITIONS, min(3, len(cluster.brokers())))
        cluster.wait_whole()
        self.load = Workload(cluster, TOPIC, PARTITIONS)
        cluster.clients.append(self.load)
        self.load.start()
        self.load.wait_progress()

    def leader(self, partition=0, topic=TOPIC):
        return self.cluster.nodes[wait_for("a leader", lambda: max(0, self.cluster.partition(topic, partition)[0]))]

    def partition(self, partition):
        return self.cluster.partition(TOPIC, partition)

    def controller(self):
        return wait_for("an active controller", self.cluster.active_controller)

    def follower(self):
        """A broker that does not lead partition 0, and better not the active controller."""
        others = [b for b in self.cluster.brokers() if b is not self.leader()]
        active = self.controller()
        return next((b for b in others if b is not active), others[0])

    def wait_led_by_another(self, node, partition=0, topic=TOPIC):
        """Every other broker knows another leader of the partition."""
        def another():
            return all(self.cluster.partition(topic, partition, b)[0] not in (-1, node.n)
                       for b in self.cluster.brokers() if b is not node)
        wait_for(f"another than {node.n} leads", another)

    def fault(self, name, body):
        """Runs one fault; afterwards everything is acknowledged again and whole again."""
        start = time.monotonic()
        try:
            body()
            self.cluster.network.heal()
            self.cluster.start()
            self.load.wait_progress()
            self.cluster.wait_whole()
            broken = self.load.oracle.broken
            self.count.check(f"{name} ({time.monotonic() - start:.0f} s)", not broken, str(broken[:5]))
        except Exception as e:
            self.count.check(name, False, f"{type(e).__name__}: {e}\n{self.load.oracle.broken[:5]}\n{self.standing()}")
            raise

    def standing(self):
        """What each node says of the topic, for whoever looks for the reason."""
        said = []
        for node in self.cluster.brokers():
            try:
                said.append(f"node {node.n}: {self.cluster.metadata(node)[1].get(TOPIC)}")
            except (OSError, ValueError) as e:
                said.append(f"node {node.n}: {e}")
        return "\n".join(said)

    def finish(self, name):
        self.load.finish(self.count, name)
        self.cluster.wait_whole()
        for node in self.cluster.nodes.values():  # first held, so that none goes on without another
            node.pause()
        for node in self.cluster.nodes.values():
            node.kill()
        for partition in range(PARTITIONS):
            logs = [bytes_of_log(node.replica(TOPIC, partition)) for node in self.cluster.brokers(running=False)]
            promise(self.count, f"{name}: replicas of {partition} are the same {len(logs[0])} bytes",
                    len(logs[0]) > 0 and all(log == logs[0] for log in logs), str([len(log) for log in logs]))


def bytes_of_log(directory):
    """The bytes of a replica's log, whatever segments it is cut into."""
    data = b""
    for path in sorted(glob.glob(os.path.join(directory, "*.log"))):
        with open(path, "rb") as f:
            part = f.read()
        data += part[:end_of_batches(part)]
    return data


def end_of_batches(data):
    """Where the last batch ends: a killed node's file may have been made longer than what is in it."""
    at = 0
    while at + 12 <= len(data):
        size = int.from_bytes(data[at + 8:at + 12], "big")
        if size <= 0 or at + 12 + size > len(data):
            break
        at += 12 + size
    return at
