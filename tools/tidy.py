#!/usr/bin/env python3
"""Checks that no compiler makes: layers, bans, sizes, orphans, whitespace.

    tools/tidy.py [ROOT]       prints `file:line: rule: what is wrong`, exits 1 when there is any
    tools/tidy.py --wrap FILE  refills the comments of these files that have lines too long
    tools/tidy.py --format     refills and runs clang-format over all C

Rules, and how to be exempt where that is allowed:

  layers      a file of src/M includes only M and what the `layers` file lets it see, transitively;
              env/os and env/sim are named only by themselves, server, cli, tests and benchmarks
  banned      no call of a name in src/env/banned.h outside env/os and each sources.mk's M_ALLOW
  file        at most 1,200 lines
  header      at most 300 lines
  function    at most 70 lines; a flat table or switch says so: /* tidy: flat, because … */ above it
  line        at most 100 columns
  space       no tabs in sources, no blanks at a line's end, a newline at the file's
  orphan      every .c of src is in its sources.mk, every name there exists, every header is included
  readme      every folder of src has a README.md, every one at the top, and every one of test of several files
  format      C is as clang-format 14 (Debian 12's) leaves it; unchecked where that is not installed
"""

import collections
import os
import re
import shutil
import subprocess
import sys

FILE_LINES = 1200
HEADER_LINES = 300
FUNCTION_LINES = 70
COLUMNS = 100
FLAT = "tidy: flat"
OUTSIDE = ("env/os", "env/sim")
SOURCE_FOLDERS = ("src", "test", "bench", "fuzz")
TEXT_SUFFIXES = (".c", ".h", ".py", ".md", ".mk", ".schema", ".sh")
NO_TABS = (".c", ".h", ".py", ".schema")


class Tree:
    """The files to look at, read once: path relative to the root -> list of lines."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        for folder, folders, names in os.walk(root):
            where = os.path.relpath(folder, root)
            top = "" if where == "." else where.split(os.sep)[0]
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__pycache__"
                                and not (where == "." and f == "build"))
            for name in sorted(names):
                if name.endswith(TEXT_SUFFIXES) and (top or name.endswith(".md")):
                    path = name if where == "." else f"{where}/{name}"
                    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
                        self.files[path] = f.read()

    def lines(self, path):
        return self.files[path].split("\n")

    def sources(self, *suffixes):
        return [p for p in self.files
                if p.startswith(tuple(f + "/" for f in SOURCE_FOLDERS)) and p.endswith(suffixes)]


def blank_out(text):
    """The text with comments and literals replaced by spaces; line numbers stay."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


# ---- modules


def folder_of(module):
    return {"os": "env/os", "sim": "env/sim"}.get(module, module)


def read_layers(root):
    """Module -> set of modules it may include, itself among them. None when there is no file."""
    direct = {}
    try:
        with open(os.path.join(root, "layers"), encoding="utf-8") as f:
            for line in f:
                line = line.split("#")[0].strip()
                if line:
                    module, seen = line.split(":")
                    direct[module.strip()] = seen.split()
    except FileNotFoundError:
        return {}

    def closure(module, found):
        if module not in found:
            found.add(module)
            for other in direct.get(module, []):
                closure(other, found)
        return found

    return {module: closure(module, set()) for module in direct}


def module_of(path, layers):
    """The module a path below src/ belongs to: that of the longest folder that matches."""
    best = None
    for module in layers:
        folder = folder_of(module)
        if path.startswith(folder + "/") and (not best or len(folder) > len(folder_of(best))):
            best = module
    return best


def includes_of(tree, path):
    for number, line in enumerate(tree.lines(path), 1):
        m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if m:
            yield number, m.group(1)


def read_sources(tree):
    """Folder below src/ -> (names in M_SOURCES, names in M_ALLOW)."""
    found = {}
    for path in tree.files:
        if not re.match(r"src/.*sources\.mk$", path):
            continue
        text = tree.files[path].replace("\\\n", " ")
        names = [" ".join(re.findall(rf"^\w+_{which}\s*[:+]?=\s*(.*)$", text, re.M)).split()
                 for which in ("SOURCES", "ALLOW")]
        names[1] = sum((names[0] if name.endswith("_SOURCES)") else [name] for name in names[1]), [])
        found[os.path.dirname(path)[len("src/"):]] = tuple(names)
    return found


# ---- rules: each yields (path, line, rule, message)


def check_layers(tree, layers):
    for path in tree.sources(".c", ".h"):
        if not path.startswith("src/"):
            continue
        module = module_of(path[len("src/"):], layers)
        if not module:
            yield path, 1, "layers", "its folder is not in the layers file"
            continue
        for number, include in includes_of(tree, path):
            other = module_of(include, layers)
            if not other or other in layers[module]:
                continue
            yield path, number, "layers", f"{module} may not include {other} ({include})"


def check_outside(tree):
    allowed = re.compile(r"(src/(env/os|env/sim|server|cli)|test|bench|fuzz)/")
    for path in tree.sources(".c", ".h"):
        for number, include in includes_of(tree, path):
            if os.path.dirname(include) in OUTSIDE and not allowed.match(path):
                yield path, number, "layers", f"only server, cli and tests may name {include}"


def banned_names(tree):
    text = tree.files.get("src/env/banned.h", "")
    return [n for n in re.findall(r"^BANNED\((\w+)\);", text, re.M)]


def check_banned(tree, sources):
    names = banned_names(tree)
    if not names:
        return
    call = re.compile(r"(?<![\w.>])(" + "|".join(names) + r")\s*\(")
    for path in tree.sources(".c", ".h"):
        folder, name = os.path.split(path[len("src/"):])
        if not path.startswith("src/") or folder == "env/os" or path == "src/env/banned.h":
            continue
        if name in sources.get(folder, ([], []))[1]:
            continue
        for number, line in enumerate(blank_out(tree.files[path]).split("\n"), 1):
            if line.lstrip().startswith("#"):
                continue
            for m in call.finditer(line):
                yield path, number, "banned", f"{m.group(1)}() belongs to env/os"


def functions_of(lines):
    """(name, line of the brace, lines between the braces, text above) of each function: a brace in
    the first column opens it, and one closes it."""
    start = None
    for i, line in enumerate(lines):
        if line == "{":
            start = i
        elif line.startswith("}") and start is not None:
            head = i_head = start
            while i_head > 0 and lines[i_head - 1].strip() and not lines[i_head - 1].startswith("}"):
                i_head -= 1
            above = "\n".join(lines[i_head:head])
            # the name is what stands before the last parenthesis that opens in the first column's
            # declaration; comments above are not part of it
            declaration = re.sub(r"/\*.*?\*/", "", above, flags=re.S)
            m = re.search(r"(\w+)\s*\(", declaration)
            yield m.group(1) if m else "?", start + 1, i - start - 1, above
            start = None


def check_sizes(tree):
    for path in tree.sources(".c", ".h"):
        lines = tree.lines(path)
        count = len(lines) - 1
        if count > FILE_LINES:
            yield path, count, "file", f"{count} lines, {FILE_LINES} at most"
        if path.endswith(".h") and count > HEADER_LINES:
            yield path, count, "header", f"{count} lines, {HEADER_LINES} at most"
        for name, number, length, above in functions_of(lines):
            if length > FUNCTION_LINES and FLAT not in above:
                yield path, number, "function", f"{name}: {length} lines, {FUNCTION_LINES} at most"
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS:
                yield path, number, "line", f"{len(line)} columns, {COLUMNS} at most"


def check_space(tree):
    for path, text in tree.files.items():
        if text and not text.endswith("\n"):
            yield path, text.count("\n") + 1, "space", "no newline at the end"
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield path, number, "space", "blanks at the end of the line"
            if "\t" in line and path.endswith(NO_TABS):
                yield path, number, "space", "a tab"


def check_orphans(tree, sources):
    included = set()
    for path in tree.sources(".c", ".h"):
        for _, include in includes_of(tree, path):
            included.add(include)
            included.add(os.path.normpath(os.path.join(os.path.dirname(path), include)))
            included.add(f"test/lib/{include}")  # unit tests are compiled with -Itest/lib
    forced = {"env/banned.h"}  # by the Makefile, with -include
    for path in tree.sources(".h"):
        short = path[len("src/"):] if path.startswith("src/") else path
        if short not in included and path not in included and short not in forced:
            yield path, 1, "orphan", "no file includes this header"
    for path in tree.sources(".c"):
        if not path.startswith("src/"):
            continue
        folder, name = os.path.split(path[len("src/"):])
        while folder and folder not in sources:  # handlers/ and the like belong to the one above
            folder, last = os.path.split(folder)
            name = f"{last}/{name}"
        if name not in sources.get(folder, ([], []))[0]:
            yield path, 1, "orphan", "not in a sources.mk"
    for folder, (names, _) in sources.items():
        for name in names:
            if f"src/{folder}/{name}" not in tree.files:
                yield f"src/{folder}/sources.mk", 1, "orphan", f"{name} does not exist"


def check_readmes(tree, sources):
    for folder in sorted(sources):
        if f"src/{folder}/README.md" not in tree.files:
            yield f"src/{folder}", 1, "readme", "no README.md"
    held = collections.Counter()
    for path in tree.files:
        parts = path.split("/")[:-1]
        if parts and not parts[0].startswith("."):
            held[parts[0]] += 2
        if len(parts) > 1 and parts[0] == "test":
            held["/".join(parts[:2])] += 1
    for folder, count in sorted(held.items()):
        if count > 1 and f"{folder}/README.md" not in tree.files:
            yield folder, 1, "readme", "no README.md"


FORMAT_VERSION = "version 14."
FORMAT_AT_ONCE = 50


def format_command():
    """clang-format of the one version whose output is the rule, or None."""
    command = shutil.which("clang-format-14") or shutil.which("clang-format")
    if command:
        version = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
        if FORMAT_VERSION in version.stdout:
            return command
    return None


def check_format(tree):
    command = format_command()
    paths = tree.sources(".c", ".h")
    if not command or not os.path.exists(os.path.join(tree.root, ".clang-format")):
        return
    for start in range(0, len(paths), FORMAT_AT_ONCE):
        some = paths[start:start + FORMAT_AT_ONCE]
        run = subprocess.run([command, "--dry-run", "--ferror-limit=0", *some], cwd=tree.root,
                             capture_output=True, text=True, check=False)
        first = {}
        for m in re.finditer(r"^([^:\n]+):(\d+):\d+: .*-Wclang-format", run.stderr, re.M):
            first.setdefault(m.group(1), int(m.group(2)))
        for path, number in first.items():
            yield path, number, "format", "clang-format would change it (make format)"


RULES = ("layers", "banned", "file", "header", "function", "line", "space", "orphan", "readme",
         "format")


def check(root):
    tree = Tree(root)
    layers = read_layers(root)
    sources = read_sources(tree)
    found = []
    for rule in (check_layers(tree, layers), check_outside(tree), check_banned(tree, sources),
                 check_sizes(tree), check_space(tree), check_orphans(tree, sources),
                 check_readmes(tree, sources), check_format(tree)):
        found.extend(rule)
    return sorted(found)


# ---- wrapping


def wrap_paragraph(lines):
    """Refills ` * ` lines when one of them is too long. The first may be the comment's opening."""
    if all(len(line) <= COLUMNS for line in lines):
        return lines
    m = re.match(r"(\s*)(/\*| \*|\*) ", lines[0])
    first = m.group()
    rest = m.group(1) + (" * " if m.group(2) == "/*" else m.group()[len(m.group(1)):])
    if m.group(2) == " *":
        rest = first
    words, closed = [], False
    for line in lines:
        line = re.sub(r"^\s*(/\*|\*) ?", "", line)
        closed = line.endswith("*/")
        words += (line[:-2] if closed else line).split()
    if closed:
        words[-1] += " */"
    filled, line = [], first
    for word in words:
        if len(line) + len(word) > COLUMNS and line.strip() not in ("*", "/*"):
            filled.append(line.rstrip())
            line = rest
        line += word + " "
    return filled + [line.rstrip()]


def wrap(text):
    """Paragraphs are runs of comment lines that begin in the comment's first column; drawings,
    tables and lists, which are indented, stay."""
    result, paragraph, inside = [], [], False
    plain = re.compile(r"\s*(/\*|\*) [^\s*|-]")
    for line in text.split("\n"):
        opens = re.match(r"\s*/\* ", line) is not None
        comment = opens or (inside and plain.match(line) is not None)
        if opens or not comment or not plain.match(line):
            result += wrap_paragraph(paragraph) if paragraph else []
            paragraph = []
        if comment and plain.match(line):
            paragraph.append(line)
        else:
            result.append(line)
        if "/*" in line:
            inside = True
        if "*/" in line:
            inside = False
            result += wrap_paragraph(paragraph) if paragraph else []
            paragraph = []
    return "\n".join(result + (wrap_paragraph(paragraph) if paragraph else []))


def wrap_files(paths):
    for path in paths:
        with open(path, encoding="utf-8") as f:
            before = f.read()
        after = wrap(before)
        if after != before:
            with open(path, "w", encoding="utf-8") as f:
                f.write(after)


def format_all(root):
    command = format_command()
    if not command:
        print("clang-format 14 is not installed", file=sys.stderr)
        return 1
    paths = [os.path.join(root, path) for path in Tree(root).sources(".c", ".h")]
    wrap_files(paths)
    for start in range(0, len(paths), FORMAT_AT_ONCE):
        subprocess.run([command, "-i", *paths[start:start + FORMAT_AT_ONCE]], check=True)
    return 0


def main(arguments):
    if len(arguments) > 1 and arguments[1] == "--wrap":
        wrap_files(arguments[2:])
        return 0
    if len(arguments) > 1 and arguments[1] == "--format":
        return format_all(os.getcwd())
    root = arguments[1] if len(arguments) > 1 else os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))
    found = check(root)
    for path, line, rule, message in found:
        print(f"{path}:{line}: {rule}: {message}")
    failed = len({rule for _, _, rule, _ in found})
    print(f"tidy: {len(RULES) - failed} passed, {failed} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
