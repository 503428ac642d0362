#!/usr/bin/env python3
"""What an operator does to a quorum, with Apache Kafka's own tools: describe it, add and remove voters, lose a
leader, let one join by itself, restart everything, bring a new node up from a snapshot; and the same quorum
with static voters, until it is upgraded.

    test/interop/cluster_quorum.py [--cluster kafka] [RUN ...]"""
import glob
import os
import re
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "tools")]
from lib import ROOT, Count  # noqa: E402
from namespaces import inside_namespaces  # noqa: E402
from cluster import BROKER_PORT, CONTROLLER_PORT, Cluster, apache_kafka, wait_for  # noqa: E402
from resident import Resident  # noqa: E402

TOPICS_FOR_SNAPSHOT = 40


class Operator:
    """Types Apache Kafka's tools against a cluster."""

    def __init__(self, cluster, kafka):
        self.cluster, self.tools = cluster, Resident(kafka)

    def at(self, controller=False):
        """Whom to ask: every controller that runs, or every broker."""
        if controller:
            nodes = ",".join(f"{n.address}:{CONTROLLER_PORT}" for n in self.cluster.controllers())
            return ["--bootstrap-controller", nodes]
        return ["--bootstrap-server", ",".join(f"{n.address}:{BROKER_PORT}" for n in self.cluster.brokers())]

    def run(self, tool, *arguments):
        answer = self.tools.run(tool, arguments, timeout=90)
        return answer.returncode, answer.stdout + answer.stderr

    def quorum(self, *arguments, controller=False):
        return self.run("metadata-quorum", *self.at(controller), *arguments)

    def status(self, controller=False):
        """(leader, {voter: directory id or None}, {observer: directory id})."""
        code, said = self.quorum("describe", "--status", controller=controller)
        if code != 0:
            raise ValueError(said)
        fields = dict(re.findall(r"^(\w+):\s+(.*)$", said, re.M))
        members = [dict((int(n), d or None) for n, d in
                        re.findall(r'"id": (\d+)(?:, "directoryId": "([^"]+)")?', fields[name]))
                   for name in ("CurrentVoters", "CurrentObservers")]
        return int(fields["LeaderId"]), *members

    def voters(self):
        return sorted(self.status()[1])

    def rows(self):
        """{node: (lag, status)} of describe --replication."""
        code, said = self.quorum("describe", "--replication")
        if code != 0:
            raise ValueError(said)
        rows = [line.split() for line in said.splitlines()[1:] if line.strip()]
        return {int(r[0]): (int(r[3]), r[6]) for r in rows if r[0].isdigit()}

    def wait_voters(self, *wanted):
        wait_for(f"the voters are {wanted}", lambda: self.voters() == sorted(wanted))

    def change(self, *arguments, controller=False):
        """A change of the voters; typed again, as an operator would, while the leader says that it is busy."""
        def answered():
            code, said = self.quorum(*arguments, controller=controller)
            busy = code != 0 and ("TimeoutException" in said or "NotLeaderOrFollowerException" in said)
            return None if busy else (code, said)
        return wait_for("the leader takes a change of voters", answered)

    def add(self, node):
        wait_for(f"{node.n} is seen by the leader", lambda: node.n in self.status()[2])
        return self.change("--command-config", node.config, "add-controller")

    def remove(self, node, directory_id, controller=False):
        return self.change("remove-controller", "-i", str(node.n), "-d", directory_id, controller=controller)


def directory_of(node):
    with open(os.path.join(node.logs, "meta.properties"), encoding="utf-8") as f:
        return re.search(r"^directory\.id=(.*)$", f.read(), re.M)[1]


def lose_leader(count, operator, name):
    """Kills the active controller: another leads, in the eyes of the tools. Returns the dead one."""
    cluster = operator.cluster
    dead = wait_for("a leader", cluster.active_controller)
    dead.kill()
    wait_for("another leads", lambda: cluster.active_controller() is not dead)
    leader = wait_for("the tools know it", lambda: operator.status(controller=True)[0] not in (-1, dead.n))
    count.check(f"{name}: the leader dies and another leads", leader)
    return dead


def dynamic(count, operator):
    cluster = operator.cluster
    one, two, three, four, broker = (cluster.nodes[n] for n in (1, 2, 3, 4, 5))
    one.format("--standalone")
    for node in (two, three, four):
        node.format("--no-initial-controllers")
    broker.format()
    for node in (one, two, three):
        node.start()
    count.check("a quorum of one", operator.voters() == [1])
    for node in (two, three):
        code, said = operator.add(node)
        wanted = (f"Added controller {node.n} with directory id {directory_of(node)} and endpoints: "
                  f"CONTROLLER://{node.address}:{CONTROLLER_PORT}")
        count.check(f"add-controller {node.n}", code == 0 and wanted in said, said)
    leader, voters, _ = operator.status()
    count.check("three voters, with their directory ids",
                leader == 1 and voters == {n.n: directory_of(n) for n in (one, two, three)}, str(voters))
    rows = wait_for("all voters keep up", lambda: (lambda r: len(r) == 3 and r)(operator.rows()))
    count.check("describe --replication", [rows[n][1] for n in (1, 2, 3)] == ["Leader", "Follower", "Follower"],
                str(rows))
    code, said = operator.quorum("--command-config", two.config, "add-controller")
    count.check("a voter cannot be added twice", code == 1 and "DuplicateVoterException" in said, said)
    code, said = operator.remove(two, directory_of(three))
    count.check("nor one be removed that is none", code == 1 and "VoterNotFoundException" in said, said)

    dead = lose_leader(count, operator, "dynamic")
    code, said = operator.remove(dead, directory_of(dead), controller=True)
    count.check("remove-controller of the dead one", code == 0 and f"Removed  KRaft controller {dead.n}" in said, said)
    dead.start()
    operator.wait_voters(2, 3)
    code, said = operator.add(dead)
    count.check("it returns, and is added again", code == 0 and operator.voters() == [1, 2, 3], said)

    leader = wait_for("a leader", cluster.active_controller)
    code, said = operator.remove(leader, directory_of(leader))
    if count.check("the leader itself is removed", code == 0, said):
        wait_for("another leads", lambda: cluster.active_controller() is not leader)
        operator.wait_voters(*{1, 2, 3} - {leader.n})
    code, said = operator.add(leader)
    count.check("and added again", code == 0 and operator.voters() == [1, 2, 3], said)

    snapshots(count, operator, four, broker)
    replaced_disk(count, operator, four)
    restart_all(count, operator, [1, 2, 3, 4])


def snapshots(count, operator, controller, broker):
    """Two nodes that were never there get a snapshot instead of the log; one of them joins by itself."""
    cluster = operator.cluster
    for i in range(TOPICS_FOR_SNAPSHOT):
        cluster.create(f"topic-{i}", 3, 1)
    wait_for("snapshots are written", lambda: all(taken(cluster.nodes[n]) for n in (1, 2, 3)))
    controller.properties = {"controller.quorum.auto.join.enable": "true"}
    controller.write_config()
    controller.start()
    broker.start()
    operator.wait_voters(1, 2, 3, 4)
    count.check("a controller joins by itself", operator.status()[1][4] == directory_of(controller))
    for node in (controller, broker):
        first = wait_for(f"{node.n} has a log", lambda n=node: sorted(glob.glob(f"{n.logs}/__cluster_metadata-0/*.log")))
        count.check(f"{node.n} came up from a snapshot", int(os.path.basename(first[0])[:20]) > 0, str(first))
    topics = wait_for("the new broker knows every topic",
                      lambda: (lambda t: len(t) >= TOPICS_FOR_SNAPSHOT and t)(cluster.metadata(broker)[1]))
    count.check("and every partition", all(len(partitions) == 3 for partitions in topics.values()))


def replaced_disk(count, operator, controller):
    """A voter that joins by itself comes back with an empty disk: it takes its former directory's place."""
    lost = directory_of(controller)
    controller.kill()
    shutil.rmtree(controller.logs)
    controller.format("--no-initial-controllers")
    controller.start()
    wait_for("it votes with its new directory", lambda: operator.status()[1].get(controller.n) == directory_of(controller))
    voters = operator.status()[1]
    count.check("a replaced disk takes the lost one's vote", lost not in voters.values() and sorted(voters) == [1, 2, 3, 4],
                str(voters))


def taken(node):
    paths = glob.glob(os.path.join(node.logs, "__cluster_metadata-0", "*.checkpoint"))
    return [p for p in paths if int(os.path.basename(p)[:20]) > 0]


def restart_all(count, operator, voters):
    cluster = operator.cluster
    before = cluster.metadata(cluster.nodes[1])[1].keys()
    running = [n for n in cluster.nodes.values() if n.running()]
    for node in running:
        node.process.kill()
    for node in running:
        node.process.wait()
        node.start(wait=False)
    for node in running:
        node.wait_started()
    wait_for("a leader", cluster.active_controller)
    operator.wait_voters(*voters)
    wait_for("every topic is there", lambda: cluster.metadata(cluster.nodes[1])[1].keys() == before)
    count.check(f"all restarted after kill -9, with voters {voters}", True)


def static(count, operator):
    cluster = operator.cluster
    cluster.format().start()
    leader, voters, _ = operator.status()
    count.check("static voters have no directory ids", voters == {1: None, 2: None, 3: None} and leader in voters,
                str(voters))
    dead = lose_leader(count, operator, "static")
    code, said = operator.remove(dead, directory_of(dead), controller=True)
    count.check("static voters are not removed", code == 1 and "UnsupportedVersionException" in said, said)
    dead.start()
    wait_for("all three vote", lambda: sorted(n for n, r in operator.rows().items() if r[0] < 5) == [1, 2, 3])
    cluster.create("kept", 3)
    restart_all(count, operator, [1, 2, 3])
    code, said = wait_for("the upgrade is taken", lambda: (lambda r: r[0] == 0 and r)(
        operator.run("features", *operator.at(), "upgrade", "--feature", "kraft.version=1")))
    count.check("kraft.version is upgraded to 1", "kraft.version was upgraded to 1." in said, said)
    wanted = {n.n: directory_of(n) for n in cluster.nodes.values()}
    wait_for("voters have directory ids", lambda: operator.status()[1] == wanted)
    dead = lose_leader(count, operator, "upgraded")
    dead.start()
    restart_all(count, operator, [1, 2, 3])


def run(count, name, home, kafka):
    both = "broker,controller"
    layout = {"dynamic": [(1, both), (2, both), (3, both), (4, "controller"), (5, "broker")],
              "static": [(1, both), (2, both), (3, both)]}[name]
    often = {"metadata.log.max.record.bytes.between.snapshots": "4000"}
    cluster = Cluster([(n, roles, home) for n, roles in layout], often, static_voters=name == "static")
    operator = Operator(cluster, kafka)
    failed = count.failed
    try:
        {"dynamic": dynamic, "static": static}[name](count, operator)
    except Exception as e:  # noqa: BLE001: whatever ends a run early has failed it
        count.check(f"{name} comes to its end", False, f"{type(e).__name__}: {e}")
    finally:
        operator.tools.close()
        logs = os.path.join(ROOT, "build", "test", "cluster-quorum")
        cluster.close(keep_logs_in=logs if count.failed > failed else None)


def main():
    kafka = apache_kafka()
    home = kafka if "kafka" in sys.argv else ROOT
    os.environ.update(KAFKA_HEAP_OPTS="-Xms64m -Xmx256m", KAFKA_JIT="1")
    count = Count()
    for name in [a for a in sys.argv[1:] if a in ("dynamic", "static")] or ("dynamic", "static"):
        run(count, name, home, kafka)
    return count.finish()


if __name__ == "__main__":
    sys.exit(inside_namespaces(main))
