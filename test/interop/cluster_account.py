#!/usr/bin/env python3
"""docs/failover.md as its reader follows it: a cluster of three, two of its nodes killed, and the account that
`samsa events` gives of it. Every shell block of the page is typed, word for word; what the page says is
printed must be printed.

Runs itself in network, mount and process namespaces of its own (the page has fixed ports), needs root."""
import json
import os
import re
import shutil
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


def account(count, page):
    page.step("a topic with nine partitions", "--create")
    page.step("what the nodes noticed at start", "samsa events", all_are_led)
    page.step("a broker is killed", "SIGNAL=KILL")
    victim = int(page.terminal.type("echo $VICTIM")[1])
    said = page.step("the account of it", "samsa events",
                     lambda text: having(text, "led-again", about=victim) and all_are_led(text))
    order_is_told(count, "noticed, proved, fenced, elected, led again", said,
                  [("connection-broken", {"about": victim}), ("process-gone", {"about": victim, "reason": "broker"}),
                   ("broker-fenced", {"about": victim, "reason": "broker-lost", "partitions": 9}),
                   ("election", {"about": victim, "partitions": 3}),
                   ("isr-changed", {"about": victim, "partitions": 9}),
                   ("led-again", {"about": victim, "partitions": 3})])
    count.check("no session had to end for it", not having(said, "broker-fenced", reason="session-expired"), said)
    page.step("one line each in the log", "grep -h")
    page.step("it is started again", "-daemon")
    page.step("it is in sync again", "samsa events",
              lambda text: sum(int(e[3].split()[2]) for e in having(text, "isr-changed")) >= 9)
    page.step("the active controller is killed", "SIGNAL=KILL")
    controller = int(page.terminal.type("echo $CONTROLLER")[1])
    said = page.step("the account of that", "samsa events",
                     lambda text: having(text, "led-again", about=controller))
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
        account(count, Page(count, Terminal(home), PAGE))
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
