"""What interop tests share: a node of Samsa or of Apache Kafka on ports of its own, and counting.

A test file runs alone: `test/interop/NAME.py`, and ends with `N passed, N failed`.
KAFKA_HOME names a laid-out Apache Kafka (bin/, libs/); tools/fetch-kafka makes one."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Node:
    """One combined node. `home` is a directory with bin/kafka-*.sh: this checkout or Apache Kafka's."""

    def __init__(self, home=ROOT, data=None, properties=None, node_id=1):
        self.home = home
        self.data = data or tempfile.mkdtemp(prefix="samsa-test-")
        self.keep = data is not None
        self.port, self.controller_port = free_ports(2)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.config = os.path.join(self.data, "server.properties")
        self.logs = os.path.join(self.data, "logs")
        self.log_path = os.path.join(self.data, "server.log")
        self.process = None
        self.properties = {
            "process.roles": "broker,controller",
            "node.id": str(node_id),
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self.controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners":
                f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.logs,
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "200",
        }
        self.properties.update(properties or {})
        self.write_config()

    def write_config(self):
        os.makedirs(self.data, exist_ok=True)
        with open(self.config, "w", encoding="utf-8") as f:
            f.writelines(f"{k}={v}\n" for k, v in self.properties.items())

    def tool(self, name, *args, check=True, input=None, timeout=120, home=None):
        """Runs bin/kafka-NAME.sh; returns the completed process with text output."""
        command = [os.path.join(home or self.home, "bin", f"kafka-{name}.sh"), *args]
        done = subprocess.run(command, capture_output=True, text=True, input=input, timeout=timeout,
                              check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def format(self, cluster_id=None):
        cluster_id = cluster_id or self.tool("storage", "random-uuid").stdout.split()[-1]
        self.tool("storage", "format", "--standalone", "-t", cluster_id, "-c", self.config)
        return self

    def start(self, wait=True):
        self.log_file = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [os.path.join(self.home, "bin", "kafka-server-start.sh"), self.config],
            stdout=self.log_file, stderr=subprocess.STDOUT, start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=180):
        deadline = time.monotonic() + timeout
        pattern = re.compile(rb"Kafka\s*Server.*started")
        start = getattr(self, "log_seen", 0)
        while time.monotonic() < deadline:
            with open(self.log_path, "rb") as f:
                f.seek(start)
                text = f.read()
            if pattern.search(text):
                self.log_seen = start + len(text)
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        raise RuntimeError(f"the node did not start:\n{self.log_tail()}")

    def log_tail(self, lines=40):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-lines:])

    def stop(self, timeout=60):
        """A clean stop (SIGTERM)."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout)
        self.log_file.close()
        self.log_seen = os.path.getsize(self.log_path)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log_file.close()
        self.log_seen = os.path.getsize(self.log_path)

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if not self.keep:
            shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0] and os.path.exists(self.log_path):
            sys.stderr.write(self.log_tail())
        self.close()


class Count:
    """Named checks; prints each failure as it comes, and the closing line."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, condition, detail=""):
        if condition:
            self.passed += 1
            print(f"ok   {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {name} {detail}", flush=True)
        return condition

    def run(self, name, body, *args):
        """A check that passes unless the body raises."""
        try:
            body(*args)
        except Exception as e:  # noqa: BLE001: any failure of a test body is a failed test
            self.check(name, False, f"{type(e).__name__}: {e}")
        else:
            self.check(name, True)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0
