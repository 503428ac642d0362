#!/usr/bin/env python3
"""Runs the suites of test/suites in order and adds up what they say.

    test/run.py [NAME ...]    only these suites

Each suite's output goes to build/test/NAME.log; of a failing one the end is shown. The last line is
`N passed, N failed` (`, N skipped` when a machine lacks something that a suite needs).

A suite marked `real-time` in test/suites runs real processes against real clocks: when it fails it is run
once more, its first failure shown all the same, and named at the end as unsteady. Not so when its output
has a line that begins with `BROKEN:`, which says that a promise to a client did not hold: that is never
chance."""
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNT = re.compile(r"(\d+) passed, (\d+) failed\s*$")
SHOWN_LINES = 80
REAL_TIME = "real-time"


def suites():
    with open(os.path.join(ROOT, "test", "suites"), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, needs, command = (part.strip() for part in line.split("|", 2))
                needs = needs.split()
                yield name, [need for need in needs if need != REAL_TIME], command, REAL_TIME in needs


def run(name, command, log_path):
    """Returns (passed, failed, broken) of one suite; a suite that dies without a count has failed once."""
    with open(log_path, "w", encoding="utf-8") as log:
        status = subprocess.run(["bash", "-c", command], cwd=ROOT, stdout=log,
                                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL).returncode
    with open(log_path, encoding="utf-8", errors="replace") as log:
        lines = log.read().splitlines()
    passed = failed = 0
    for line in lines[-5:]:
        match = COUNT.search(line)
        if match:
            passed, failed = int(match[1]), int(match[2])
    if status != 0 and failed == 0:
        failed = 1
    if status == 0 and passed + failed == 0:
        print(f"{name}: it counted no test", flush=True)
        failed = 1
    if failed:
        print("\n".join(f"    {line}" for line in lines[-SHOWN_LINES:]), flush=True)
    return passed, failed, any(line.startswith("BROKEN:") for line in lines)


def main():
    wanted = sys.argv[1:]
    logs = os.path.join(ROOT, "build", "test")
    os.makedirs(logs, exist_ok=True)
    total_passed = total_failed = skipped = 0
    unsteady = []
    for name, needs, command, real_time in suites():
        if wanted and name not in wanted:
            continue
        missing = [need for need in needs if not shutil.which(need)]
        if missing:
            print(f"{name}: skipped, this machine lacks {', '.join(missing)}", flush=True)
            if os.environ.get("CI"):
                total_failed += 1
            else:
                skipped += 1
            continue
        start = time.monotonic()
        passed, failed, broken = run(name, command, os.path.join(logs, f"{name}.log"))
        if failed and real_time and not broken:
            print(f"{name}: {passed} passed, {failed} failed; once more", flush=True)
            unsteady.append(name)
            passed, failed, broken = run(name, command, os.path.join(logs, f"{name}.again.log"))
        total_passed += passed
        total_failed += failed
        print(f"{name}: {passed} passed, {failed} failed ({time.monotonic() - start:.0f} s)",
              flush=True)
    if unsteady:
        print(f"unsteady, run twice: {', '.join(unsteady)}")
    print(f"{total_passed} passed, {total_failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if total_failed else 0


if __name__ == "__main__":
    sys.exit(main())
