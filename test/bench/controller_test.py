#!/usr/bin/env python3
"""bench/controller runs, on a small cluster, and its figures are whole. Nothing here is about time.

    test/bench/controller_test.py PROGRAM       the built bench/controller
"""
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
PARTITIONS, TOPICS, BROKERS, REPLICAS = 2003, 20, 10, 3
SMALL = ["--partitions", PARTITIONS, "--topics", TOPICS, "--brokers", BROKERS, "--replicas", REPLICAS]
KEYS = """brokers registration_ms topics partitions replicas create_s create_cpu_s create_slowest_request_ms
    create_records create_records_per_s create_log_bytes active_heap_per_partition_bytes log_load_s log_load_cpu_s
    log_load_records heap_per_partition_bytes resident_per_partition_bytes snapshot_write_s snapshot_records
    snapshot_bytes snapshot_load_s snapshot_load_cpu_s failover_lead_ms failover_first_answer_ms
    failover_create_ms failover_records_reloaded heartbeat_cpu_ms_per_1000 loss_replicas loss_decide_ms
    loss_decide_cpu_ms loss_records shutdown_replicas shutdown_decide_ms shutdown_records shutdown_follow_ms
    shutdown_may_stop_ms ten_minutes_cpu_ms ten_minutes_records""".split()


def run(*arguments, cwd=None):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd,
                          timeout=300)


class Controller(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(os.path.join(root, "bench"))
            cls.done = run(*SMALL, "--write", cwd=root)
            path = os.path.join(root, "bench", "CONTROLLER.md")
            cls.report = ""
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    cls.report = f.read()
        cls.lines = [line.split(" = ") for line in cls.done.stdout.splitlines()]
        cls.figures = {key: float(value) for key, value in cls.lines}

    def test_every_figure_is_printed_once(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (0, ""))
        self.assertEqual([key for key, _ in self.lines], KEYS)

    def test_the_report_has_them_all(self):
        rows = [line for line in self.report.splitlines() if line.startswith("| ")][2:]
        self.assertEqual([row.split(" | ")[0][2:] for row in rows], KEYS)
        self.assertEqual([row.split(" | ")[1] for row in rows], [value for _, value in self.lines])

    def test_everything_was_created_and_loaded(self):
        f = self.figures
        self.assertEqual((f["partitions"], f["topics"], f["brokers"]), (PARTITIONS, TOPICS, BROKERS))
        self.assertEqual(f["create_records"], PARTITIONS + TOPICS)
        self.assertGreater(f["log_load_records"], f["create_records"] + 2 * BROKERS)
        self.assertGreater(f["snapshot_records"], f["create_records"] + BROKERS)

    def test_the_failover_reloaded_nothing(self):
        self.assertEqual(self.figures["failover_records_reloaded"], 0)

    def test_a_broker_that_goes_costs_a_record_for_each_replica(self):
        f = self.figures
        for gone in ("loss", "shutdown"):
            share = PARTITIONS * REPLICAS / BROKERS
            self.assertTrue(share / 2 < f[f"{gone}_replicas"] < share * 2, f)
            self.assertTrue(f[f"{gone}_replicas"] * 0.9 < f[f"{gone}_records"] <= f[f"{gone}_replicas"] + 1, f)

    def test_a_partition_takes_little_memory(self):
        self.assertTrue(0 < self.figures["heap_per_partition_bytes"] < 400, self.figures)

    def test_what_no_cluster_can_have_is_refused(self):
        for wrong in (["--partitions", 0], ["--topics", 1], ["--replicas", 1], ["--brokers", 4], ["--what", 1]):
            done = run(*wrong)
            self.assertEqual(done.returncode, 1, wrong)
            self.assertIn("controller: ", done.stderr)


if __name__ == "__main__":
    program = unittest.main(exit=False)
    ran, bad = program.result.testsRun, len(program.result.failures) + len(program.result.errors)
    print(f"controller bench: {ran - bad} passed, {bad} failed")
    sys.exit(bad > 0)
