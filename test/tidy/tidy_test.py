#!/usr/bin/env python3
"""Each rule of tools/tidy.py finds what it is for, and lets the rest be."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import tidy  # noqa: E402

CLEAN = {
    "layers": "base:\nenv: base\nos: env\nlog: env\nserver: log os\n",
    "src/README.md": "# src\n",
    "test/README.md": "# test\n",
    "src/base/sources.mk": "base_SOURCES := a.c mem.c\nbase_ALLOW := mem.c\n",
    "src/base/README.md": "# base\n",
    "src/base/a.h": "/* A. */\n",
    "src/base/a.c": '#include "base/a.h"\n\nint a(void)\n{\n    return 1;\n}\n',
    "src/base/mem.c": "void *mem(void)\n{\n    return malloc(1);\n}\n",
    "src/env/sources.mk": "env_SOURCES := disk.c\n",
    "src/env/README.md": "# env\n",
    "src/env/banned.h": "BANNED(open);\nBANNED(malloc);\n",
    "src/env/disk.c": '#include "base/a.h"\n',
    "src/env/os/sources.mk": "os_SOURCES := os.c\n",
    "src/env/os/README.md": "# os\n",
    "src/env/os/os.h": "/* The machine. */\n",
    "src/env/os/os.c": '#include "env/os/os.h"\n\nint f(void)\n{\n    return open("x", 0);\n}\n',
    "src/log/sources.mk": "log_SOURCES := log.c \\\n               handlers/x.c\n",
    "src/log/README.md": "# log\n",
    "src/log/log.c": '#include "base/a.h"\n#include <stdio.h>\n',
    "src/log/handlers/x.c": "int x;\n",
    "src/server/sources.mk": "server_SOURCES := s.c\n",
    "src/server/README.md": "# server\n",
    "src/server/s.c": '#include "env/os/os.h"\n',
}


class TidyTest(unittest.TestCase):

    def findings_of(self, changes):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**CLEAN, **changes}.items():
                if text is None:
                    continue
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                    f.write(text)
            return [(path, rule) for path, _, rule, _ in tidy.check(root)]

    def assert_only(self, changes, *expected):
        self.assertEqual(self.findings_of(changes), sorted(expected))

    def test_clean_tree_has_no_findings(self):
        self.assert_only({})

    def test_including_downwards_is_found(self):
        self.assert_only({"src/base/a.c": '#include "base/a.h"\n#include "log/log.h"\n'},
                         ("src/base/a.c", "layers"))

    def test_including_sideways_is_found_and_transitively_upwards_is_fine(self):
        self.assert_only({"layers": CLEAN["layers"] + "raft: base\n",
                          "src/log/log.c": '#include "raft/raft.h"\n#include "base/a.h"\n'},
                         ("src/log/log.c", "layers"))

    def test_folder_without_a_row_is_found(self):
        self.assert_only({"src/new/sources.mk": "new_SOURCES := n.c\n", "src/new/n.c": "int n;\n",
                          "src/new/README.md": "#\n"}, ("src/new/n.c", "layers"))

    def test_outside_world_is_named_by_server_and_tests_only(self):
        self.assert_only({"layers": CLEAN["layers"].replace("log: env", "log: env os"),
                          "src/log/log.c": '#include "env/os/os.h"\n',
                          "test/unit/log/log_test.c": '#include "env/os/os.h"\n'},
                         ("src/log/log.c", "layers"))

    def test_banned_call_is_found(self):
        self.assert_only({"src/log/log.c": "int f(void)\n{\n    return open(0);\n}\n"},
                         ("src/log/log.c", "banned"))

    def test_allowed_files_may_call_what_is_banned(self):
        call = {"src/log/log.c": "int f(void)\n{\n    return open(0);\n}\n"}
        for allow in ("log_ALLOW := log.c\n", "log_ALLOW := $(log_SOURCES)\n"):
            self.assert_only({**call, "src/log/sources.mk": CLEAN["src/log/sources.mk"] + allow})

    def test_members_comments_and_strings_are_no_calls(self):
        self.assert_only({"src/log/log.c": "int f(struct d *d)\n{\n    /* open(x) */\n    "
                                           'return d->open(d) + d->ops.open("open(2)") + '
                                           "reopen(1);\n}\n"})

    def test_long_function_is_found_unless_it_is_flat(self):
        body = "int f(void)\n{\n" + "    g();\n" * 71 + "}\n"
        self.assert_only({"src/log/log.c": body}, ("src/log/log.c", "function"))
        self.assert_only({"src/log/log.c": "/* tidy: flat, a table */\n" + body})
        self.assert_only({"src/log/log.c": body.replace("    g();\n", "", 1)})

    def test_long_file_header_and_line_are_found(self):
        self.assert_only({"src/log/log.c": "int x;\n" * 1201}, ("src/log/log.c", "file"))
        self.assert_only({"src/base/a.h": "int x;\n" * 301}, ("src/base/a.h", "header"))
        self.assert_only({"src/log/log.c": "/*" + "x" * 97 + "*/\n"}, ("src/log/log.c", "line"))
        self.assert_only({"src/log/log.c": "/*" + "─" * 96 + "*/\n"})

    def test_blanks_and_tabs_are_found(self):
        self.assert_only({"src/log/log.c": "int x; \n"}, ("src/log/log.c", "space"))
        self.assert_only({"src/log/log.c": "\tint x;\n"}, ("src/log/log.c", "space"))
        self.assert_only({"src/log/log.c": "int x;"}, ("src/log/log.c", "space"))

    def test_orphans_are_found(self):
        self.assert_only({"src/log/lost.c": "int x;\n", "src/log/lost.h": "int x;\n"},
                         ("src/log/lost.c", "orphan"), ("src/log/lost.h", "orphan"))
        self.assert_only({"src/log/log.c": None}, ("src/log/sources.mk", "orphan"))

    def test_folder_without_readme_is_found(self):
        self.assert_only({"src/log/README.md": None}, ("src/log", "readme"))
        self.assert_only({"src/README.md": None}, ("src", "readme"))
        self.assert_only({"test/lib/a.py": "A = 1\n"})
        self.assert_only({"test/lib/a.py": "A = 1\n", "test/lib/b.py": "B = 1\n"}, ("test/lib", "readme"))

    def test_other_formatting_is_found(self):
        style = {".clang-format": "BasedOnStyle: LLVM\nColumnLimit: 100\nIndentWidth: 4\n"
                                  "BreakBeforeBraces: Linux\nAllowShortFunctionsOnASingleLine: None\n"}
        found = [("src/log/log.c", "format")] if tidy.format_command() else []
        self.assertEqual(self.findings_of({**style, "src/log/log.c": "int   x;\n"}), found)
        self.assertEqual(self.findings_of({**style, "src/log/log.c": "int x;\n"}), [])

    def test_wrapping_refills_long_comments_and_nothing_else(self):
        words = " ".join(["word"] * 30)
        short = "/* A\n *   drawing " + "-" * 60 + "\n *\n * B */\nint x;\n"
        self.assertEqual(tidy.wrap(short), short)
        code = f"/* {words} */\nint x; " + "y" * 120 + "\n"
        wrapped = tidy.wrap(code)
        self.assertTrue(all(len(line) <= 100 for line in wrapped.split("\n")[:2]))
        self.assertEqual(wrapped.replace("\n *", "", 1), code)
        indented = f"    /* {words} */\n"
        self.assertEqual([line[:7] for line in tidy.wrap(indented).split("\n")[:2]],
                         ["    /* ", "     * "])
        self.assertEqual(tidy.wrap(wrapped), wrapped)


if __name__ == "__main__":
    result = unittest.TextTestRunner(verbosity=0).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(TidyTest))
    bad = len(result.failures) + len(result.errors)
    print(f"tidy tests: {result.testsRun - bad} passed, {bad} failed")
    sys.exit(bad > 0)
