#!/usr/bin/env python3
"""docs/failover.md as its reader follows it: a cluster of three, two of its nodes killed, and the account that
`samsa events` gives of it. Before that, what must not be taken for a dead node. Every shell block of the page is typed, word for word; what the page says is
printed must be printed.

Runs itself in network, mount and process namespaces of its own (the page has fixed ports), needs root."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster_walk import Page, Terminal  # noqa: E402
from lib import ROOT, Count  # noqa: E402
from namespaces import inside_namespaces  # noqa: E402

PAGE = os.path.join(ROOT, "docs", "failover.md")
START_SECONDS = 120
SETTLE_SECONDS = 120
SERVERS = "localhost:9092,localhost:19092,localhost:29092"
BACKLOG_AND_MORE = 200


def events_of(said):
    """(node, kind, facts, text) of each event line."""
    found = []
    for line in said.splitlines():
        m = re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  node (\d+)  ([a-z-]+)((?: [a-z]+=\S+(?: ms)?)*): (.*)", line)
        if m:
            found.append((int(m[1]), m[2], dict(re.findall(r"([a-z]+)=(\S+)", m[3])), m[4]))
    return found


def having(said, kind, **facts):
    return [e for e in events_of(said) if e[1] == kind and all(e[2].get(k) == str(v) for k, v in facts.items())]


def all_are_led(said):
    """Every partition's leader has told that it leads; a node that was killed tells nothing any more."""
    return sum(int(e[2]["partitions"]) for e in having(said, "leading")) >= 9


def kinds_are_listed(count):
    """The page lists exactly the kinds, with what the source says of them."""
    with open(os.path.join(ROOT, "src/history/history.h"), encoding="utf-8") as f:
        kinds = re.findall(r'X\([A-Z_]+, "([a-z-]+)", [A-Z]+, "([^"]*)"\)', f.read())
    with open(PAGE, encoding="utf-8") as f:
        rows = re.findall(r"^\| ([a-z-]+) \| (.*) \|$", f.read(), re.M)
    rows = [(k, t) for k, t in rows if k in dict(kinds) or not k.startswith("-") and k not in ("kind", "key")]
    count.check("every kind is in the page", [k for k, _ in kinds] == [k for k, _ in rows], f"{kinds}\n{rows}")
    count.check("with its meaning", all(t.startswith(m) for (_, m), (_, t) in zip(kinds, rows)), f"{kinds}\n{rows}")


def keys_are_listed(count):
    with open(os.path.join(ROOT, "src/config/own_keys.def"), encoding="utf-8") as f:
        keys = dict(re.findall(r'K\(\w+, "(samsa\.[a-z.]+)", \w+, "([^"]*)"', f.read().replace("\n", " ")))
    with open(PAGE, encoding="utf-8") as f:
        rows = dict(re.findall(r"^\| `(samsa\.[a-z.]+)` \| (\S+) \|", f.read(), re.M))
    count.check("every key is in the page, with its default", keys == rows, f"{keys}\n{rows}")


def order_is_told(count, name, said, kinds):
    """Events of these kinds stand in this order, the first of each after the first of the one before."""
    at = -1
    for kind, facts in kinds:
        places = [i for i, e in enumerate(events_of(said))
                  if i > at and e[1] == kind and all(e[2].get(k) == str(v) for k, v in facts.items())]
        if not places:
            count.check(name, False, f"no {kind} {facts} behind line {at}\n{said}")
            return
        at = places[0]
    count.check(name, True)


class Cluster:
    """The nodes behind the page: who is who, and what they have noticed."""

    def __init__(self, count, home):
        self.count, self.home = count, home

    def tool(self, *command):
        return subprocess.run([os.path.join(ROOT, *command[0].split("/")), *command[1:]], check=False,
                              capture_output=True, text=True).stdout

    def events(self, node=None):
        """What all have noticed, or one of them: asking all waits for who is stopped."""
        if node:
            return self.tool("samsa", "events", "--bootstrap-server", SERVERS.split(",")[node - 1], "--node", str(node))
        return self.tool("samsa", "events", "--bootstrap-server", SERVERS)

    def until(self, name, holds, node=None, seconds=SETTLE_SECONDS):
        deadline = time.monotonic() + seconds
        while not holds(said := self.events(node)) and time.monotonic() < deadline:
            time.sleep(0.2)
        return self.count.check(name, holds(said), said) and said

    def controller(self):
        said = self.tool("bin/kafka-metadata-quorum.sh", "--bootstrap-server", SERVERS, "describe", "--status")
        return int(re.search(r"^LeaderId: *(\d+)", said, re.M)[1])

    def in_sync(self, as_meant=False):
        """Every replica is in sync; and every partition is led by its first one."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            said = self.tool("bin/kafka-topics.sh", "--bootstrap-server", SERVERS, "--describe", "--topic", "orders")
            found = re.findall(r"Leader: (\S+)\tReplicas: (\d),\S*\tIsr: (\S*)", said)
            whole = len(found) == 9 and all(isr.count(",") == 2 for _, _, isr in found)
            if whole and (not as_meant or all(leader == first for leader, first, _ in found)):
                break
            if whole:
                self.tool("bin/kafka-leader-election.sh", "--bootstrap-server", SERVERS, "--election-type",
                          "PREFERRED", "--all-topic-partitions")
            time.sleep(0.2)
        self.count.check("all replicas are in sync", time.monotonic() < deadline, said)

    def pid(self, node):
        return int(subprocess.run(["pgrep", "-f", f"server-start.*build/cluster/node{node}.properties"],
                                  capture_output=True, text=True, check=True).stdout.split()[-1])

    def nobody_is_gone(self, name, said):
        wrong = [e for kind in ("process-gone", "broker-fenced") for e in having(said, kind)
                 if e[1] != "broker-fenced" or e[2].get("reason") == "broker-lost"]
        self.count.check(name, not wrong, f"{wrong}\n{said}")


def reset_connections(count, cluster):
    """Every connection to the active controller is reset at once: nobody is taken for dead."""
    leader = cluster.controller()
    port = (leader - 1) * 10000 + 9093
    done = subprocess.run(["ss", "-K", "dport", "=", f":{port}"], capture_output=True, text=True, check=False)
    if "not supported" in done.stderr or "ESTAB" not in done.stdout:
        print(f"no check of reset connections: ss -K does not work here: {done.stderr}")
        return
    others = [n for n in (1, 2, 3) if n != leader]
    said = cluster.until("every connection to the controller is reset, and all are heard again",
                         lambda text: all(having(text, "process-there", about=n, reason="heard") for n in others))
    if said:
        cluster.nobody_is_gone("nobody was taken for dead", said)
        count.check("nobody stood for election because of it", not having(said, "quorum-role", reason="leader-gone"), said)


def stopped_process(count, cluster):
    """A broker is stopped, and more connect to it than its backlog holds: only its session may decide."""
    controller = cluster.controller()
    node = controller % 3 + 1
    port = (node - 1) * 10000 + 9092
    pid = cluster.pid(node)
    os.kill(pid, signal.SIGSTOP)
    crowd = []
    try:
        for _ in range(BACKLOG_AND_MORE):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
            crowd.append(s)
        said = cluster.until("a stopped broker's heartbeat is missed",
                             lambda text: having(text, "heartbeat-missed", about=node), controller)
    finally:
        os.kill(pid, signal.SIGCONT)
        for s in crowd:
            s.close()
    if said:
        cluster.nobody_is_gone("a stopped process with a full accept queue was not taken for dead", said)
    cluster.in_sync(as_meant=True)


def account(count, page, cluster):
    page.step("a topic with nine partitions", "--create")
    page.step("what the nodes noticed at start", "samsa events", all_are_led)
    reset_connections(count, cluster)
    stopped_process(count, cluster)
    page.step("a broker is killed", "SIGNAL=KILL")
    victim = int(page.terminal.type("echo $VICTIM")[1])
    said = page.step("the account of it", "samsa events",
                     lambda text: having(text, "led-again", about=victim, reason="broker-lost") and
                     all_are_led(text))
    order_is_told(count, "noticed, proved, fenced, elected, led again", said,
                  [("connection-broken", {"about": victim}), ("process-gone", {"about": victim, "reason": "broker"}),
                   ("broker-fenced", {"about": victim, "reason": "broker-lost", "partitions": 9}),
                   ("election", {"about": victim, "reason": "broker-lost", "partitions": 3}),
                   ("isr-changed", {"about": victim, "reason": "broker-lost", "partitions": 9}),
                   ("led-again", {"about": victim, "reason": "broker-lost", "partitions": 3})])
    page.step("one line each in the log", "grep -h")
    page.step("it is started again", "-daemon")
    page.step("it is in sync again", "samsa events",
              lambda text: sum(int(e[3].split()[2]) for e in having(text, "isr-changed")) >= 9)
    cluster.in_sync()
    page.step("the active controller is killed", "SIGNAL=KILL")
    controller = int(page.terminal.type("echo $CONTROLLER")[1])
    said = page.step("the account of that", "samsa events",
                     lambda text: having(text, "led-again", about=controller, reason="broker-lost"))
    order_is_told(count, "proved by a follower, elected, fenced, led again", said,
                  [("process-gone", {"about": controller, "reason": "quorum-leader"}),
                   ("quorum-role", {"reason": "leader-gone"}), ("controller-active", {}),
                   ("broker-fenced", {"about": controller, "reason": "broker-lost"}),
                   ("led-again", {"about": controller})])
    said = page.step("of one node", "--node $VICTIM")
    count.check("of that node only", {e[0] for e in events_of(said)} == {victim}, said)
    said = page.step("from the controllers, for programs", "--json")
    objects = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    count.check("which can read it", len(objects) > 10 and all(o["text"] for o in objects), said)
    page.step("and as it happens", "--follow")
    count.check("the page has no more to type", page.next == len(page.blocks))


def main():
    count = Count()
    kinds_are_listed(count)
    keys_are_listed(count)
    home = tempfile.mkdtemp()  # the page is typed here: nothing is left in the checkout
    for name in ("bin", "samsa"):
        os.symlink(os.path.join(ROOT, name), os.path.join(home, name))
    with open(os.path.join(home, "cluster.out"), "w", encoding="utf-8") as out:
        cluster = subprocess.Popen([os.path.join(ROOT, "tools/cluster"), "build/cluster", home], cwd=home,
                                   stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while "Three nodes serve" not in open(out.name, encoding="utf-8").read():
            if cluster.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(open(out.name, encoding="utf-8").read())
            time.sleep(0.1)
        account(count, Page(count, Terminal(home), PAGE), Cluster(count, home))
    except RuntimeError as error:
        count.check("the cluster and its account", False, str(error))
        for n in (1, 2, 3):
            log = os.path.join(home, "build/cluster", f"node{n}.log")
            if os.path.exists(log):
                print(f"== {log}\n" + "".join(open(log, encoding="utf-8").readlines()[-60:]))
    finally:
        cluster.terminate()
        cluster.wait(60)
        shutil.rmtree(home, ignore_errors=True)
    return count.finish()


if __name__ == "__main__":
    sys.exit(inside_namespaces(main))
