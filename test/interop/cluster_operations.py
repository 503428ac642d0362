#!/usr/bin/env python3
"""docs/operations.md as its reader follows it: a cluster of three, whose nodes are restarted one by one, one of them
lost and replaced. Every shell block of the page is typed, word for word; what the page says is printed must be
printed. Records that were there before are there after each step.

Runs itself in network, mount and process namespaces of its own (the page has fixed ports), needs root."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster_walk import Page, Terminal, quorum_of  # noqa: E402
from lib import ROOT, Count, Node  # noqa: E402
from namespaces import inside_namespaces  # noqa: E402

PAGE = os.path.join(ROOT, "docs", "operations.md")
START_SECONDS = 120
RECORDS = 300


def tool(page, text):
    status, said = page.terminal.type(text)
    return said if status == 0 else ""


class Records:
    """What is written once is read after every step."""

    def __init__(self, count, page):
        self.count, self.page = count, page

    def write(self):
        said = self.page.terminal.type(f"seq 1 {RECORDS} | bin/kafka-console-producer.sh --bootstrap-server $SERVERS "
                                       "--topic orders")
        self.count.check("records are written", said[0] == 0, said[1])

    def read(self, when):
        status, said = self.page.terminal.type(
            "bin/kafka-console-consumer.sh --bootstrap-server $SERVERS --topic orders --from-beginning "
            f"--max-messages {RECORDS} --timeout-ms 60000 2>&1")
        found = sorted(int(line) for line in said.splitlines() if line.isdigit())
        self.count.check(f"every record is there {when}", status == 0 and found == list(range(1, RECORDS + 1)), said[-500:])


def in_sync(said):
    return "\tTopic:" not in said


def restart(count, page, records):
    page.step("a topic with three replicas", "--create")
    records.write()
    page.step("nothing is under-replicated", "--under-replicated-partitions", in_sync)
    pids = nodes(page)
    page.step("all are restarted, one by one", "for n in 1 2 3")
    count.check("each is another process", len(nodes(page)) == 3 and not nodes(page) & pids, f"{pids} {nodes(page)}")
    page.step("what each led it leads again", "kafka-leader-election.sh", None)
    said = tool(page, "bin/kafka-topics.sh --bootstrap-server $SERVERS --describe --topic orders")
    led = re.findall(r"Leader: (\d)\tReplicas: (\d)", said)
    count.check("the first replica leads everywhere", len(led) == 6 and all(a == b for a, b in led), said)
    records.read("after the restarts")


def nodes(page):
    return set(tool(page, r"pgrep -f 'server-start.*build/cluster/node[123]\.properties'").split())


def replace(count, page, records):
    page.step("node 3 is lost", "rm -r")
    status = "bin/kafka-metadata-quorum.sh --bootstrap-server $SERVERS describe --status"
    page.step("the voter is removed", "remove-controller",
              lambda said: "Removed  KRaft controller 3" in said)  # again, should the leader have been the lost one
    count.check("two vote", quorum_of(tool(page, status), 2), tool(page, status))
    page.step("a new node 3 is started", "--no-initial-controllers")
    page.step("and made a voter", "add-controller", lambda said: "Added controller 3" in said)
    count.check("three vote", quorum_of(tool(page, status), 3), tool(page, status))
    page.terminal.type('until [ -z "$(bin/kafka-topics.sh --bootstrap-server $SERVERS --describe '
                       '--under-replicated-partitions)" ]; do sleep 0.2; done')
    records.read("after one disk was lost")


def upgrade(count, page):
    """The last command is for a quorum that was made with fixed voters: another one, of one node."""
    node = Node()
    with node:
        node.properties["controller.quorum.voters"] = f"1@127.0.0.1:{node.controller_port}"
        node.properties.pop("controller.quorum.bootstrap.servers")
        node.write_config()
        node.tool("storage", "format", "-t", node.tool("storage", "random-uuid").stdout.split()[-1], "-c", node.config)
        node.start()
        page.terminal.type(f"THREE=$SERVERS SERVERS={node.bootstrap}")
        page.step("a quorum of fixed voters is upgraded", "kraft.version=1")
        said = tool(page, "bin/kafka-features.sh --bootstrap-server $SERVERS describe")
        count.check("and can be changed from then on", re.search(r"kraft\.version.*FinalizedVersionLevel: 1", said), said)
        page.terminal.type("SERVERS=$THREE")
        node.stop()


def main():
    count = Count()
    home = tempfile.mkdtemp()  # the page is typed here: nothing is left in the checkout
    for name in ("bin", "samsa"):
        os.symlink(os.path.join(ROOT, name), os.path.join(home, name))
    path = os.path.join(home, "cluster.out")
    with open(path, "w", encoding="utf-8") as out:
        cluster = subprocess.Popen([os.path.join(ROOT, "tools/cluster"), "build/cluster", home], cwd=home,
                                   stdout=out, stderr=subprocess.STDOUT)
    try:
        deadline, said = time.monotonic() + START_SECONDS, ""
        while "Three nodes serve" not in said:
            if cluster.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(said)
            time.sleep(0.1)
            with open(path, encoding="utf-8") as f:
                said = f.read()
        page = Page(count, Terminal(home), PAGE)
        records = Records(count, page)
        restart(count, page, records)
        replace(count, page, records)
        upgrade(count, page)
        count.check("the page has no more to type", page.next == len(page.blocks))
    except RuntimeError as error:
        count.check("the page can be typed", False, str(error))
        for n in (1, 2, 3):
            for log in (f"node{n}.log", "kafkaServer.out"):
                log = os.path.join(home, "build/cluster", log)
                if os.path.exists(log):
                    with open(log, encoding="utf-8", errors="replace") as f:
                        print(f"== {log}\n" + "".join(f.readlines()[-40:]))
    finally:
        cluster.terminate()
        cluster.wait(60)
        shutil.rmtree(home, ignore_errors=True)
    return count.finish()


if __name__ == "__main__":
    sys.exit(inside_namespaces(main))
