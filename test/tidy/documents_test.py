#!/usr/bin/env python3
"""What the documents name is there: files, make's targets, configuration keys, suites, and the versions that
docs/compatibility.md says are served."""
import os
import re
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


FILES = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
DOCUMENTS = [f for f in FILES if f.endswith(".md")]
NAMES = set(FILES) | {os.path.dirname(f) for f in FILES}
for name in list(NAMES):
    while name:
        NAMES.add(name)
        name = os.path.dirname(name)

# Made when something runs.
MADE = re.compile(r"^(build/|/tmp/|config/\$|logs/)|[*$<{…]|NAME|FILE|DIR")


def exists(name, document):
    """From the root, from the document's folder, or, as ARCHITECTURE.md says it, below src."""
    name = name.rstrip("/")
    if f"schema/api/{os.path.basename(name)[:-2]}.schema" in NAMES:
        return True  # its codec, which is generated
    here = os.path.normpath(os.path.join(os.path.dirname(document), name))
    return name in NAMES or here in NAMES or f"src/{name}" in NAMES


class Documents(unittest.TestCase):
    def test_links_lead_to_files(self):
        seen = 0
        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(document)):
                self.assertTrue(exists(target, document), f"{document}: {target}")
                seen += 1
        self.assertGreater(seen, 5)

    def test_paths_are_there(self):
        seen = 0
        for document in DOCUMENTS:
            for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", read(document)):
                top = name.split("/")[0]
                if MADE.search(name) or not (top in NAMES or f"src/{top}" in NAMES):
                    continue  # not of this tree: a topic's directory, an upstream name
                self.assertTrue(exists(name, document), f"{document}: {name}")
                seen += 1
        self.assertGreater(seen, 50)

    def test_maps_of_folders_name_their_files(self):
        """The first column of a table whose head is File, in a README of src."""
        seen = 0
        for document in DOCUMENTS:
            if not re.match(r"src/.+/README\.md$", document):
                continue
            folder = os.path.dirname(document)
            for table in re.findall(r"^\| File.*\n(?:\|.*\n)+", read(document), re.M):
                for row in table.split("\n")[2:]:
                    for name in re.findall(r"[\w./]+\.[ch]\b", row.split("|")[1] if "|" in row else ""):
                        self.assertIn(os.path.normpath(f"{folder}/{name}"), NAMES, f"{document}: {name}")
                        seen += 1
        self.assertGreater(seen, 50)

    def test_make_has_the_targets(self):
        makefiles = [f for f in FILES if f == "Makefile" or f.endswith(".mk")]
        targets = set(re.findall(r"^([\w-]+):", "\n".join(map(read, makefiles)), re.M))
        modules = {f.split("/")[1] for f in FILES if f.startswith("src/") and f.count("/") > 1}
        seen = 0
        for document in DOCUMENTS:
            for target in re.findall(r"(?:^|`)make ([a-z][\w-]*[a-z])\b(?!-)", read(document), re.M):
                unit = target[len("unit-"):] if target.startswith("unit-") else None
                self.assertTrue(target in targets or unit in modules or unit == "os", f"{document}: make {target}")
                seen += 1
        self.assertGreater(seen, 15)

    def test_suites_are_there(self):
        suites = {line.split("|")[0].strip() for line in read("test/suites").split("\n") if line and line[0] != "#"}
        for document in DOCUMENTS:
            for suite in re.findall(r"[Ss]uites? `([\w-]+)`|make test SUITES?=([\w-]+)", read(document)):
                self.assertIn(suite[0] or suite[1], suites, document)


def served():
    """API name, as a request is called: (least, most) version, of the broker's table."""
    table = re.findall(r"\[API_(\w+)\] = \{\.min = (\d+),\s*\.max = (\d+)", read("src/broker/apis.c"))
    return {"".join(p.capitalize() for p in name.split("_")): (int(low), int(high)) for name, low, high in table}


class Compatibility(unittest.TestCase):
    def test_the_versions_are_those_that_are_served(self):
        section = read("docs/compatibility.md").split("## Served to clients")[1].split("\n## ")[0]
        told = {}
        for name, low, high in re.findall(r"\b([A-Z]\w+) (\d+)(?:-(\d+))?(?=,| \|)", section):
            told[name] = (int(low), int(high or low))
        self.assertEqual(sorted(told.items() ^ served().items()), [])

    def test_its_configuration_keys_are_keys(self):
        tables = "".join(read(f) for f in FILES if re.match(r"src/config/.*\.(def|c)$", f))
        keys = set(re.findall(r'"([a-z]+(?:\.[a-z]+)+)"', tables))
        seen = 0
        for document in [d for d in DOCUMENTS if d.startswith("docs/")]:
            for key in re.findall(r"`((?:samsa|replica|controller|log|auto|leader|num)(?:\.[a-z]+){2,})(?:=[^`]*)?`", read(document)):
                known = key in keys or key in FORMER or key.endswith(".throttled.rate")
                self.assertTrue(known, f"{document}: {key}")
                seen += 1
        self.assertGreater(seen, 10)


# Not in the table: Kafka no longer has it.
FORMER = {"leader.imbalance.per.broker.percentage"}


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=0).result
    failed = len(result.failures) + len(result.errors)
    print(f"documents: {result.testsRun - failed} passed, {failed} failed")
    raise SystemExit(failed > 0)
