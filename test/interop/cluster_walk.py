#!/usr/bin/env python3
"""docs/cluster.md as its reader follows it: every shell block of the page is typed, word for word, into
one shell; between them stands what must be true by then.

    test/interop/cluster_walk.py [--cluster kafka] [make]   kafka: an Apache Kafka's bin/ in place of
                                                           Samsa's; make: `make cluster` alone

Runs itself in network, mount and process namespaces of its own (the page has fixed ports), needs root."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import ROOT, Count  # noqa: E402
from namespaces import inside_namespaces  # noqa: E402

PAGE = os.path.join(ROOT, "docs", "cluster.md")
BLOCK_SECONDS = 240
SETTLE_SECONDS = 120
MAILS_SECONDS = 300  # also for two Spring applications to start
MAILS_MORE = 50


class Terminal:
    """A bash that is typed into. `type` returns what was printed until the prompt is back."""

    def __init__(self, directory):
        self.process = subprocess.Popen(["bash", "--norc"], cwd=directory, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.lines, self.arrived = [], threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()
        self.count = 0

    def read(self):
        for line in self.process.stdout:
            with self.arrived:
                self.lines.append(line)
                self.arrived.notify()

    def type(self, text, seconds=BLOCK_SECONDS):
        self.count += 1
        prompt = f"prompt-{self.count}:"
        self.process.stdin.write(f"{text}\nprintf '\\n{prompt}%s\\n' $?\n")
        self.process.stdin.flush()
        deadline = time.monotonic() + seconds
        with self.arrived:
            while not (at := [i for i, line in enumerate(self.lines) if line.startswith(prompt)]):
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise RuntimeError(f"the shell did not come back from\n{text}\n{''.join(self.lines)}")
                self.arrived.wait(min(left, 1))
            said, status = "".join(self.lines[:at[0]]), int(self.lines[at[0]][len(prompt):])
            self.lines = self.lines[at[0] + 1:]  # what runs in the background may go on printing
        return status, said


class Page:
    """The shell blocks of the page in order; taken by the first words of the line that tells them apart."""

    def __init__(self, count, terminal, path=PAGE):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.blocks = re.findall(r"^```sh\n(.*?)^```(?:\n+```text\n(.*?)^```)?", text, re.M | re.S)
        self.count, self.terminal, self.next = count, terminal, 0

    def step(self, name, wanted, until=None, seconds=SETTLE_SECONDS):
        """Types the next block, which must hold `wanted`, and again (as its reader would, who waits for
        something to come) until `until` likes what it prints. What the page says it prints, it must print."""
        block, printed = self.blocks[self.next]
        self.next += 1
        if wanted not in block:
            raise RuntimeError(f"block {self.next} of the page is not the one with {wanted!r}:\n{block}")
        deadline = time.monotonic() + seconds
        while True:
            status, said = self.terminal.type(block)
            if status == 0 and (not until or until(said)):
                break
            if not until or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        fine = status == 0 and (not until or bool(until(said))) and self.prints(printed, said)
        self.count.check(name, fine, f"\n$ {block}{said}exit {status}")
        if not fine:
            raise RuntimeError("the walk ends here")
        return said

    @staticmethod
    def prints(wanted, said):
        """Every line that the page shows is among those printed; ... stands for anything."""
        lines = said.splitlines()
        return all(any(re.fullmatch(".*".join(map(re.escape, line.split("..."))), s) for s in lines)
                   for line in wanted.splitlines())


def described(said):
    """(leader, replicas, isr) of the one partition in kafka-topics.sh's description."""
    m = re.search(r"Leader: (\S+)\tReplicas: (\S+)\tIsr: (\S*)", said)
    return (m[1], m[2].split(","), sorted(m[3].split(","))) if m else ("none", [], [])


class Applications:
    """What the two applications have printed so far."""

    def __init__(self, directory):
        self.directory = directory

    def lines(self, name):
        try:
            with open(os.path.join(self.directory, "build", "three", name), encoding="utf-8") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def strange(self):
        return [line for name, ok in (("sent", r"sent mail \d+|closed"), ("received", r"received mail \d+"))
                for line in self.lines(name) if not re.fullmatch(ok, line)]

    def go_on(self, _=None):
        """Both have come further since they were last asked about, by MAILS_MORE mails."""
        sent = len(self.lines("sent"))
        deadline = time.monotonic() + MAILS_SECONDS
        while time.monotonic() < deadline:
            if len(self.lines("received")) >= sent + MAILS_MORE:
                return True
            time.sleep(0.1)
        return False


def quorum_of(said, count):
    voters = re.search(r"^CurrentVoters:\s*(\[.*\])$", said, re.M)
    return voters is not None and len(re.findall(r'"id": \d', voters[1])) == count


def walk(count, page, applications):
    page.step("three configurations", "min.insync.replicas=2", lambda said: "node.id=1" in said, 0)
    page.step("their storage is formatted", "--initial-controllers")
    page.step("they start", "-daemon")
    page.step("two more voters are added", "add-controller")
    page.step("the quorum has three voters", "describe --status", lambda said: quorum_of(said, 3))
    page.step("a topic with three replicas", "--create")
    said = page.step("its description has them in sync", "--describe",
                     lambda said: described(said)[2] == ["1", "2", "3"])
    leader, replicas, _ = described(said)
    count.check("the first replica leads", leader == replicas[0], said)
    page.step("the applications are built and started", "java -jar")
    page.step("mails come", "tail", applications.go_on)
    page.step("the leader is killed", "SIGNAL=KILL")
    said = page.step("another leads, with two in sync", "--describe", lambda said: (
        described(said)[0] not in (leader, "none") and len(described(said)[2]) == 2))
    count.check("the dead one is not in sync", leader not in described(said)[2], said)
    page.step("mails go on coming", "tail", applications.go_on)
    page.step("it starts again", "-daemon")
    page.step("it is in sync again", "--describe", lambda said: described(said)[2] == ["1", "2", "3"])
    count.check("and does not lead yet", described(page.terminal.type(page.blocks[page.next - 1][0])[1])[0] != leader)
    page.step("its lead is given back", "kafka-leader-election.sh",
              lambda said: "Successfully completed leader election (PREFERRED)" in said, 0)
    page.step("it leads", "--describe", lambda said: described(said)[0] == leader)
    count.check("mails go on coming from it", applications.go_on())
    page.step("all that was sent was received, in order", "cmp")
    sent = [line for line in applications.lines("sent") if line.startswith("sent")]
    count.check("and without a gap", sent == [f"sent mail {i}" for i in range(1, len(sent) + 1)])
    count.check("no application said a word of trouble", not applications.strange(), str(applications.strange()[:5]))
    page.step("all stop", "kafka-server-stop.sh")
    count.check("the page has no block besides", page.next == len(page.blocks))


def all_gone(kafka):
    """No node runs any more. Apache Kafka's last nodes wait five minutes for a quorum that is gone."""
    pattern = ["pgrep", "-f", r"node[123]\.properties"]
    if kafka:
        subprocess.run(["pkill", "-9", *pattern[1:]], check=False)
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        if subprocess.run(pattern, check=False, stdout=subprocess.DEVNULL).returncode != 0:
            return True
        time.sleep(0.1)
    return False


def port_taken(count, command):
    """`make cluster` while another process has a port of node 2: it says so, and leaves no node behind."""
    with socket.create_server(("", 19093)):
        first = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BLOCK_SECONDS, check=False)
    count.check("make cluster says that a port is taken, and ends what it has started",
                first.returncode != 0 and "node 2 has not started" in first.stderr and
                "listener CONTROLLER://:19093 cannot be opened" in first.stderr and all_gone(False),
                first.stdout + first.stderr)


def make_cluster(count, directory, home, kafka):
    """`make cluster`, what it prints typed as it stands, and Ctrl-C."""
    command = ["make", "-s", "cluster", f"CLUSTER={directory}/build/cluster"]
    if kafka:
        command = [os.path.join(ROOT, "tools", "cluster"), f"{directory}/build/cluster", home]
    if not kafka:
        port_taken(count, command)
    log_path = os.path.join(directory, "make-cluster.log")
    with open(log_path, "w+", encoding="utf-8") as log:
        make = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        deadline, said = time.monotonic() + BLOCK_SECONDS, ""
        while time.monotonic() < deadline and make.poll() is None and "Ctrl-C stops" not in said:
            time.sleep(0.1)
            log.seek(0)
            said = log.read()
    if not count.check("make cluster starts three nodes", "Ctrl-C stops" in said and make.poll() is None, said):
        return
    terminal = Terminal(directory)
    wanted = {"--create": "Created topic email.send.", "max-messages": "hello", "--status": "CurrentVoters:"}
    for line in (line[4:] for line in said.splitlines() if line.startswith("    ")):
        status, printed = terminal.type(line)
        text = next((text for word, text in wanted.items() if word in line), "")
        count.check(line.replace(directory, ""), status == 0 and text in printed, printed)
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SETTLE_SECONDS, check=False)
    status, printed = terminal.type("bin/kafka-topics.sh --bootstrap-server $SERVERS --list")
    count.check("a second make cluster says that one runs, and leaves it alone",
                second.returncode != 0 and "run already" in second.stderr and "email.send" in printed,
                second.stdout + second.stderr + printed)
    if kafka:
        all_gone(True)
    for _ in range(2):  # as the impatient do
        os.killpg(make.pid, signal.SIGINT)
    make.wait(SETTLE_SECONDS)
    count.check("Ctrl-C stops all three", all_gone(False))


def checkout(directory, home):
    """A directory that looks like the checkout, with bin/ from `home` and a build/ of its own."""
    for source in [os.path.join(ROOT, "test")] + [os.path.join(home, name) for name in ("bin", "config", "libs", "samsa")]:
        if os.path.exists(source):
            os.symlink(source, os.path.join(directory, os.path.basename(source)))
    os.makedirs(os.path.join(directory, "build"))
    built = os.path.join(ROOT, "build", "spring")
    os.makedirs(built, exist_ok=True)
    os.symlink(built, os.path.join(directory, "build", "spring"))


def main():
    kafka = "kafka" in sys.argv
    home = ROOT
    if kafka:
        home = os.environ.get("KAFKA_HOME") or os.path.join(ROOT, "build", "kafka-4.3.1")
        subprocess.run([os.path.join(ROOT, "test/interop/apache-kafka"), "4.3.1", home], check=True)
    os.environ.setdefault("KAFKA_HEAP_OPTS", "-Xmx256m")
    os.environ.setdefault("KAFKA_JIT", "1")
    count = Count()
    directory = tempfile.mkdtemp(prefix="samsa-walk-", dir=os.path.join(ROOT, "build"))
    try:
        checkout(directory, home)
        if "make" not in sys.argv:
            walk(count, Page(count, Terminal(directory)), Applications(directory))
            count.check("and are gone", all_gone(kafka))
        make_cluster(count, directory, home, kafka)
    except Exception as e:  # noqa: BLE001: a step that breaks has failed
        count.check("the walk can be walked", False, f"{type(e).__name__}: {e}")
        for n in (1, 2, 3):
            path = os.path.join(directory, "build", "three", f"out{n}", "kafkaServer.out")
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as f:
                    print(f"---- node {n}:\n{''.join(f.readlines()[-25:])}", flush=True)
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return count.finish()


if __name__ == "__main__":
    sys.exit(inside_namespaces(main))
