#!/usr/bin/env python3
"""The README as a user follows it: `make run`, then the session, line by line, as it stands there.

Runs itself in namespaces of its own (so :9092 and /tmp are free, and a stop stops nobody else's server), which
needs root."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import ROOT, Count  # noqa: E402
from namespaces import inside_namespaces  # noqa: E402

START_SECONDS_MAX = 300


def session_lines():
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        blocks = re.findall(r"^```\n(.*?)^```", f.read(), re.M | re.S)
    return [line for line in blocks[1].splitlines() if line.strip()]


def shell(line):
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def inside():
    count = Count()
    os.makedirs(os.path.join(ROOT, "build", "test"), exist_ok=True)
    with open(os.path.join(ROOT, "build", "test", "make-run.log"), "w+", encoding="utf-8") as log:
        server = subprocess.Popen(["make", "run"], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
                                  start_new_session=True)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and server.poll() is None:
            log.seek(0)
            if "Kafka Server started" in log.read():
                break
            time.sleep(0.1)
        log.seek(0)
        count.check("make run serves", "Kafka Server started" in log.read())
        lines = session_lines()
        count.check("the session has five lines", len(lines) == 5, str(lines))
        wanted = ["Created topic greetings.", "", "hello, world", "PartitionCount: 3", ""]
        for line, text in zip(lines, wanted):
            code, said = shell(line)
            count.check(line, code == 0 and text in said, f"exit {code}: {said}")
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
        count.check("the server has stopped", server.returncode == 0, f"exit {server.returncode}")
    return count.finish()


if __name__ == "__main__":
    sys.exit(inside_namespaces(inside))
