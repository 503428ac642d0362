#!/usr/bin/env python3
"""Holds the tools for clusters against Apache Kafka's own: the same command, the same three nodes, the same
answer.

    test/interop/tools/cluster_tools.py [--cluster samsa|kafka] [PART]

A case with {T} in it changes something: each side gets a name of its own there. PART is one of the parts at
the end of this file, or what the titles of its cases contain. Needs root: it has a network of its own."""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
from cluster import BROKER_PORT, CONTROLLER_PORT, Cluster, apache_kafka, tool, wait_for  # noqa: E402
from comparison import Case, Comparison  # noqa: E402
from lib import ROOT, Count  # noqa: E402
from namespaces import inside_namespaces  # noqa: E402

NAMES = ("qk7", "qs7")


def plan(name, *partitions):
    """The word for a reassignment file: (partition, replicas[, directories])."""
    return "{J:" + json.dumps({"version": 1, "partitions": [
        {"topic": name, "partition": p[0], "replicas": p[1], **({"log_dirs": p[2]} if len(p) > 2 else {})}
        for p in partitions]}, separators=(",", ":")) + "}"


def move(name, *partitions, more=""):
    return f"--execute --reassignment-json-file {plan(name, *partitions)} {more}".strip()


def verify(name, *partitions, more=""):
    return f"--verify --reassignment-json-file {plan(name, *partitions)} {more}".strip()


class Suite:
    def __init__(self, cluster, comparison, part):
        self.cluster, self.comparison, self.part = cluster, comparison, part

    def same(self, tool_name, args, **how):
        case = Case(tool_name, args, **how)
        if self.part in case.title:
            self.comparison.run(case)

    def moves(self, args, **how):
        """A reassignment, each side's alone and to its end."""
        case = Case("reassign-partitions", args, **how)
        if self.part in case.title:
            self.comparison.run(case, between=self.settle)
            self.settle()

    def expect(self, title, condition, detail=""):
        self.comparison.count.check(title, condition, detail)

    def own(self, name, *args, check=True):
        """Samsa's tool, to make or to wait for something."""
        return tool(ROOT, name, "--bootstrap-server", self.cluster.bootstrap(), *args, check=check)[1]

    def settle(self):
        """No partition moves, and all are whole."""
        wait_for("nothing moves", lambda: "No partition" in self.own("reassign-partitions", "--list"))
        self.cluster.wait_whole()

    # ---- leaders

    def elections(self):
        self.same("topics", "--create --topic {T} --replica-assignment 1:2:3,2:3:1,3:1:2")
        self.cluster.wait_whole()
        election = "--election-type preferred "
        self.same("leader-election", election + "--all-topic-partitions")
        self.same("leader-election", election + "--topic {T} --partition 0")
        self.same("leader-election", election + "--topic {T} --partition 9")
        self.same("leader-election", election + "--topic nosuch --partition 0")
        self.same("leader-election", "--election-type UNCLEAN --topic {T} --partition 1")
        self.same("leader-election", "--election-type unclean --all-topic-partitions")
        # each topic's first partition gets another preferred leader, its second keeps its own
        self.moves(move("{T}", (0, [2, 1, 3])))
        self.same("leader-election", election + '--path-to-json-file {J:{"partitions":[{"topic":"{T}","partition":0},'
                  '{"topic":"{T}","partition":1},{"topic":"nosuch","partition":0}]}}', unordered=True)
        self.same("topics", "--describe --topic {T}")
        self.same("leader-election", election + "--topic {T} --partition 0")

    # ---- replicas

    def reassignments(self):
        same = self.same
        same("reassign-partitions", "--list")
        same("reassign-partitions", "--list --bootstrap-controller {C}", server=False)
        same("reassign-partitions", verify("{T}", (0, [2, 1, 3]), (1, [3, 2])))
        same("reassign-partitions", verify("{T}", (0, [2, 1, 3]), more="--preserve-throttles"))
        same("reassign-partitions", verify("nosuch", (0, [1]), more="--preserve-throttles"))
        self.moves(move("{T}", (0, [3, 1, 2]), (2, [1, 2])))
        same("reassign-partitions", verify("{T}", (0, [3, 1, 2]), (2, [1, 2])))
        same("reassign-partitions", move("{T}", (2, [1, 2, 3]), more="--disallow-replication-factor-change"))
        self.moves(move("{T}", (2, [1, 2, 3]), more="--throttle 100000000"))
        same("configs", "--describe --topic {T}")
        same("configs", "--describe --broker 2")
        same("reassign-partitions", verify("{T}", (2, [1, 2, 3])))
        same("configs", "--describe --topic {T}")
        same("configs", "--describe --broker 2")
        same("reassign-partitions", move("{T}", (1, [1, 7])))
        same("reassign-partitions", move("{T}", (9, [1, 2])))
        same("reassign-partitions", move("nosuch", (0, [1])))
        same("reassign-partitions", "--generate --broker-list 1,2 --topics-to-move-json-file "
             '{J:{"topics":[{"topic":"{T}"}]}}')
        same("reassign-partitions", "--generate --broker-list 1,2,3 --topics-to-move-json-file "
             '{J:{"topics":[{"topic":"nosuch"}]}}')
        same("reassign-partitions", "--generate --broker-list 3,2,1 --topics-to-move-json-file "
             '{J:{"version":1,"topics":[{"topic":"{T}"}]}}', view=self.proposal)
        same("reassign-partitions", "--cancel --reassignment-json-file " + plan("{T}", (0, [1])))
        same("reassign-partitions", "--bootstrap-controller {C} --cancel --preserve-throttles "
             "--reassignment-json-file " + plan("{T}", (0, [1])), server=False)

    @staticmethod
    def proposal(text):
        """Where a tool would put the replicas is its own choice; that it spreads them evenly is not."""
        before, _, after = text.partition("Proposed partition reassignment configuration\n")
        proposed = json.loads(after)
        for p in proposed["partitions"]:
            p["replicas"] = f"{len(set(p['replicas']))} different"
        leads = [p["replicas"][0] for p in json.loads(after)["partitions"]]
        return f"{before}\n{json.dumps(proposed)}\neach leads {sorted(leads.count(n) for n in (1, 2, 3))}"

    def moves_under_way(self):
        """A replica that cannot be copied, because two brokers do not hear each other, moves for as long as that
        is so."""
        active = wait_for("an active controller", self.cluster.active_controller).n
        a, b = [n for n in self.cluster.nodes if n != active]
        for name in NAMES:
            self.own("topics", "--create", "--topic", f"{name}-u", "--replica-assignment", f"{a}")
        self.cluster.wait_whole()
        self.cluster.network.cut(a, b)
        try:
            self.same("reassign-partitions", move("{T}-u", (0, [a, b]), more="--additional"))
            self.same("reassign-partitions", "--list", shared=True)
            self.same("reassign-partitions", verify("{T}-u", (0, [a, b])))
            self.same("reassign-partitions", move("{T}-u", (0, [a, b])))
            self.same("topics", "--describe --topic {T}-u")
            self.same("reassign-partitions", "--cancel --preserve-throttles --reassignment-json-file " +
                      plan("{T}-u", (0, [a, b])))
            self.same("reassign-partitions", verify("{T}-u", (0, [a, b]), more="--preserve-throttles"))
        finally:
            self.cluster.network.heal()
        self.settle()

    # ---- the quorum and its nodes

    def wait_passed_on(self):
        """Every broker has found the controller that it passes requests on to."""
        def found():
            return all("VoterNotFound" in tool(
                ROOT, "metadata-quorum", "--bootstrap-server", f"{n.address}:{BROKER_PORT}", "remove-controller",
                "-i", "9", "-d", "MkU3OEVBNTcwNTJENDM2Qk", check=False)[1] for n in self.cluster.nodes.values())
        wait_for("requests for the controller reach it", found)

    def quorum(self):
        same = self.same
        self.wait_passed_on()
        same("metadata-quorum", "describe --status", view=self.voters_sorted)
        same("metadata-quorum", "--bootstrap-controller {C} describe --status", server=False, view=self.voters_sorted)
        same("metadata-quorum", "describe --replication", unordered=True)
        same("metadata-quorum", "describe --replication --human-readable", unordered=True)
        same("metadata-quorum", "--command-config {F3} add-controller --dry-run")
        same("metadata-quorum", "--command-config {F3} add-controller", mistake=True)
        same("metadata-quorum", "remove-controller -i 9 -d MkU3OEVBNTcwNTJENDM2Qk")
        same("metadata-quorum", "remove-controller -i 9 -d MkU3OEVBNTcwNTJENDM2Qk --dry-run")
        same("metadata-quorum", "--bootstrap-controller {C} remove-controller -i 1 -d MkU3OEVBNTcwNTJENDM2Qk",
             server=False)
        if self.part in "metadata-quorum remove-controller add-controller":
            self.membership()

    @staticmethod
    def voters_sorted(text):
        return re.sub(r"(Current\w+: +\[)(.*)\]", lambda m: m[1] + ", ".join(sorted(
            re.findall(r"\{[^}]*\}", m[2]))) + "]", text)

    def membership(self):
        """A controller that does not lead is removed by one tool, comes back by the other, and the other way
        round."""
        active = wait_for("an active controller", self.cluster.active_controller)
        n = next(n for n in self.cluster.nodes.values() if n is not active)
        leave = Case("metadata-quorum", f"remove-controller -i {n.n} -d {n.directory_id}")
        join = Case("metadata-quorum", f"--command-config {n.config} add-controller")

        def until_done(samsa, case):
            def done():
                shown, _, errors = self.comparison.answer(samsa, case, "qk7")
                if "exit 0" not in shown:
                    raise ValueError(f"{shown} {errors[:300]}")
                return shown
            return wait_for(case.title, done)
        removed = until_done(False, leave)
        added = until_done(True, join)
        self.expect("metadata-quorum: its own removes a controller as Kafka's does", until_done(True, leave) == removed,
                    removed)
        self.expect("metadata-quorum: Kafka's adds a controller as its own does", until_done(False, join) == added,
                    added)

    def features(self):
        same = self.same
        same("features", "describe")
        same("features", "--bootstrap-controller {C} describe", server=False)
        same("features", "--bootstrap-controller {C} describe --node-id 2", server=False)
        same("features", "upgrade --release-version 4.3 --dry-run")
        same("features", "upgrade --release-version 4.3-IV0")
        same("features", "upgrade --metadata 4.3-IV0")
        same("features", "upgrade --feature metadata.version=30 --feature group.version=1")
        same("features", "upgrade --feature nosuch=1", view=self.without_reason)
        same("features", "downgrade --feature metadata.version=25 --dry-run", view=self.without_reason)
        same("features", "downgrade --release-version 4.0 --dry-run", view=self.without_reason)
        same("features", "disable --feature streams.version --dry-run", view=self.without_reason)
        same("features", "disable --feature metadata.version", view=self.without_reason)

    @staticmethod
    def without_reason(text):
        """Why a feature cannot be changed is told in each controller's own words."""
        return re.sub(r"^(Could not|Can not) ([^.]+(?:\.\w+)* ?[^.]*)\. .*", r"\1 \2. WHY", text, flags=re.M)

    def directories(self):
        same = self.same
        same("log-dirs", "--describe --topic-list {T}", view=self.dirs_sorted)
        same("log-dirs", "--describe --topic-list {T} --broker-list 3,1", view=self.dirs_sorted)
        same("log-dirs", "--describe --broker-list 1,9")
        self.cordons()

    def cordons(self):
        """A broker takes for cordoned.log.dirs only what it has; a controller, which knows no paths, only less."""
        if not self.cluster.nodes[1].is_samsa() or self.part not in "log-dirs":
            return
        def alter(change, where=("--bootstrap-server", f"{self.cluster.nodes[2].address}:{BROKER_PORT}")):
            return tool(ROOT, "configs", *where, "--alter", "--broker", "2", *change, check=False)
        mine, text = self.cluster.nodes[2].logs, "cordoned.log.dirs="
        controllers = ("--bootstrap-controller", self.comparison.words["{C}"])
        status, said = alter(["--add-config", f"{text}[/nosuch,{mine},/other]"])
        self.expect("a directory that is not the broker's is not cordoned", status == 1 and
                    "InvalidRequestException: requirement failed: All entries in cordoned.log.dirs must be present in "
                    "log.dirs or log.dir. Missing entries : /nosuch, /other" in said, said)
        status, said = alter(["--add-config", text + mine], controllers)
        self.expect("a controller cordons nothing", status == 1 and "InvalidConfigurationException: When updating "
                    "cordoned.log.dirs via controllers,  the new value must be a subset" in said, said)
        self.expect("a broker cordons what it has", alter(["--add-config", text + mine])[0] == 0)
        self.expect("a controller cordons less", alter(["--add-config", text], controllers)[0] == 0)
        self.expect("nothing is cordoned", alter(["--delete-config", "cordoned.log.dirs"])[0] == 0)

    @staticmethod
    def dirs_sorted(text):
        head, _, last = text.rstrip().rpartition("\n")
        def in_order(value):
            if isinstance(value, list):
                return sorted((in_order(v) for v in value), key=json.dumps)
            return {k: in_order(v) for k, v in sorted(value.items())} if isinstance(value, dict) else value
        return re.sub(r"brokers [\d,]+", lambda m: ",".join(sorted(m[0][8:].split(","))), head) + "\n" + json.dumps(
            in_order(json.loads(last)))

    def endpoints(self):
        same = self.same
        same("cluster", "cluster-id --bootstrap-server {B}", server=False)
        same("cluster", "list-endpoints --bootstrap-server {B}", server=False)
        same("cluster", "list-endpoints --bootstrap-controller {C}", server=False)
        same("cluster", "unregister --bootstrap-server {B} --id 77", server=False)
        same("cluster", "unregister --bootstrap-controller {C} --id 77", server=False)
        if self.part not in "cluster unregister list-endpoints fenced":
            return
        self.cluster.nodes[3].stop()
        wait_for("broker 3 is fenced", lambda: "fenced" in [
            line.split()[4] for line in tool(ROOT, "cluster", "list-endpoints", "--include-fenced-brokers",
                                             "--bootstrap-server", self.cluster.bootstrap())[1].splitlines()
            if line.startswith("3 ")])
        same("cluster", "list-endpoints --bootstrap-server {B} --include-fenced-brokers", server=False)
        same("cluster", "list-endpoints --bootstrap-server {B}", server=False)
        done = subprocess.run([os.path.join(ROOT, "bin", "kafka-cluster.sh"), "unregister", "--id", "3",
                               "--bootstrap-server", self.cluster.bootstrap()], capture_output=True, text=True,
                              check=False)
        self.expect("cluster unregister of a stopped broker", done.returncode == 0 and
                    done.stdout == "Broker 3 is no longer registered.\n", done.stdout + done.stderr)
        same("cluster", "unregister --bootstrap-server {B} --id 3", server=False)
        same("cluster", "list-endpoints --bootstrap-server {B} --include-fenced-brokers", server=False)

    def stops(self):
        """kafka-server-stop.sh, which is a shell script in Kafka: what that one prints and its status."""
        if not self.cluster.nodes[1].is_samsa():
            return
        self.cluster.start()

        def stop(*args):
            done = subprocess.run([os.path.join(ROOT, "bin", "kafka-server-stop.sh"), *args], capture_output=True,
                                  text=True, check=False)
            return done.returncode, done.stdout

        def running():
            return [n.n for n in self.cluster.nodes.values() if n.running()]
        self.expect("server-stop of a node that does not run", stop("--node-id=9") == (0, ""))
        self.expect("server-stop of a role that nobody has", stop("--process-role=broker") == (0, ""))
        self.expect("nobody was stopped", running() == [1, 2, 3], str(running()))
        self.expect("server-stop: the node's id outranks its role", stop("--node-id=2", "--process-role=broker") == (
            0, "When both node-id and process-role are provided, the value for node-id will take precedence\n"))
        wait_for("node 2 stops", lambda: running() == [1, 3])
        self.dead_controller()
        self.expect("server-stop by role", stop("--process-role=broker,controller") == (0, ""))
        wait_for("all stop", lambda: running() == [])
        self.expect("server-stop with nothing to stop", stop() == (1, "No kafka server to stop\n"))

    def dead_controller(self):
        """Two of three are gone and nobody can fence the second: a broker that is still listed, and named as the
        one to ask, is dead. Tools ask another, and say at last that nobody did it."""
        self.cluster.nodes[3].kill()
        config = self.comparison.file("default.api.timeout.ms=1500\nrequest.timeout.ms=1000")
        command = [os.path.join(ROOT, "bin", "kafka-topics.sh"), "--bootstrap-server", self.comparison.words["{B}"],
                   "--command-config", config, "--create", "--partitions", "1", "--replication-factor", "1", "--topic"]
        tries = [subprocess.Popen([*command, f"dead-{i}"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True) for i in range(6)]
        said = [t.communicate()[0] for t in tries]
        self.expect("a dead broker is not asked to pass on", all("timed out" in s for s in said), str(said))
        self.cluster.nodes[3].start()

    def run(self):
        parts = {"leader-election": self.elections, "reassign-partitions": self.reassignments,
                 "moves under way": self.moves_under_way, "features": self.features,
                 "log-dirs": self.directories, "metadata-quorum": self.quorum, "cluster": self.endpoints,
                 "server-stop": self.stops}
        for name, run in parts.items():
            if self.part.split(" ")[0] in name or self.part in name:
                run()


def main():
    arguments = sys.argv[1:]
    kafka = apache_kafka()
    home = ROOT
    if arguments[:1] == ["--cluster"]:
        home = kafka if arguments[1] == "kafka" else ROOT
        arguments = arguments[2:]
    count = Count()
    os.environ.setdefault("KAFKA_HEAP_OPTS", "-Xms64m -Xmx256m")
    cluster = Cluster([(n, "broker,controller", home) for n in (1, 2, 3)],
                      {"broker.session.timeout.ms": "9000", "min.insync.replicas": "1",
                       "auto.leader.rebalance.enable": "false"})
    try:
        cluster.format().start()
        controllers = ",".join(f"{n.address}:{CONTROLLER_PORT}" for n in cluster.nodes.values())
        first = ",".join(f"{n.address}:{BROKER_PORT}" for n in cluster.nodes.values() if n.n < 3)
        comparison = Comparison(kafka, count, {"{B}": first, "{C}": controllers, "{F3}": cluster.nodes[3].config})
        try:
            wait_for("three brokers", lambda: len(cluster.metadata()[0]) == 3)
            Suite(cluster, comparison, arguments[0] if arguments else "").run()
        finally:
            comparison.close()
    except Exception as e:  # noqa: BLE001: what comes after the first trouble cannot be compared
        count.check("the suite came to its end", False, f"{type(e).__name__}: {e}\n" + "\n".join(
            f"node {n.n}: {n.log_tail(8)}" for n in cluster.nodes.values() if n.process))
    finally:
        cluster.close()
    return count.finish()


if __name__ == "__main__":
    sys.exit(inside_namespaces(main))
