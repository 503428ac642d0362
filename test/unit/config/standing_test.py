#!/usr/bin/env python3
"""What the table of configuration keys says of itself is so: a key is OBEYED when code outside the
table reads it, and only then. Keys that a topic's configuration has for synonyms are read in topic.c;
those of features that do not exist yet are listed here."""
import glob
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# Resolved for DescribeConfigs, obeyed by nobody yet.
RESOLVED_ONLY = re.compile(r"^(log\.cleaner\.|log\.local\.|remote\.log\.)")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def standings():
    table = read("src/config/broker_keys.def").replace('#include "config/own_keys.def"\n', read("src/config/own_keys.def"))
    entries = re.findall(r'K\((\w+),\s*"([^"]+)",(.*?)\)\n(?=K\(|\Z|/\*)', table, re.S)
    return {key: (name, re.search(r"\b(OBEYED|LATER|MOOT|INTERNAL|NEEDED)\b", rest)[1]) for key, name, rest in entries}


def mentioned():
    found = set()
    for path in glob.glob(os.path.join(ROOT, "src", "**", "*.c"), recursive=True):
        if "/src/config/" not in path or path.endswith(("/connection_limits.c", "/node.c", "/topic.c")):
            found |= set(re.findall(r"\bCONFIG_([A-Z0-9_]+)", read(os.path.relpath(path, ROOT))))
    return found


STANDINGS = standings()
MENTIONED = mentioned()


class Standing(unittest.TestCase):
    def test_the_table_is_read(self):
        self.assertGreater(len(STANDINGS), 200)

    def test_a_key_that_is_read_is_called_obeyed(self):
        wrong = [name for key, (name, standing) in STANDINGS.items()
                 if key in MENTIONED and standing == "LATER" and not RESOLVED_ONLY.match(name)]
        self.assertEqual(wrong, [])

    def test_a_key_that_is_called_obeyed_is_read(self):
        wrong = [name for key, (name, standing) in STANDINGS.items()
                 if key not in MENTIONED and standing == "OBEYED"]
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=0).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    raise SystemExit(failed != 0)
