"""The same command by Samsa's tool and by Apache Kafka's, and what of their answers must be equal.

Compared are standard output and exit status, and for a mistake the line that says what is wrong; before, what
must differ (times, random ids, growing offsets, a JVM's stack traces) is replaced by its name."""
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time

from lib import ROOT
from resident import Resident

TIMEOUT_S = 120

# Lines of the JVM's logging and stack traces, which are not part of the answer.
NOISE = re.compile(r"^(\[\d{4}-\d\d-\d\d .*|\tat .*|Caused by: .*|\s*\.\.\. \d+ more"
                   r"|org\.apache\.kafka\.common\.errors\.TimeoutException"
                   r"|(java|org\.apache\.kafka|com\.fasterxml|joptsimple)\.[\w.$]+(Exception|Error)\b.*"
                   r"| \(org\.apache.*\))$")
REPLACED = [
    (re.compile(r"\b1[5-9]\d{11}\b"), "TIME"),
    (re.compile(r"\b\d+ ms ago *"), "N ms ago"),
    (re.compile(r"(HighWatermark: +)\d+"), r"\1N"),
    (re.compile(r"(MaxFollowerLag(TimeMs)?: +)\d+"), r"\1N"),
    (re.compile(r"Epoch: \d+$", re.M), "Epoch: N"),
    (re.compile(r"(TopicId: )\S{22}"), r"\1ID"),
    (re.compile(r"(\tID[^\t]*\t)\d+ *\t"), r"\1N\t"),
    # rows of describe --replication: offset, lag
    (re.compile(r"^(\d+ *\t\S+ *\t)\d+ *\t\d+ *\t", re.M), r"\1N\tN\t"),
    # of a file that is not there, Kafka's say the name and ours why
    (re.compile(r": No such file or directory$", re.M), ""),
    # texts of errors are each program's own; their class is not
    (re.compile(r"(org\.apache\.kafka\.common\.errors\.\w+: ).*"), r"\1TEXT"),
]
# Kafka lists them in the order of a hash map.
TOPIC_CONFIGS = re.compile(r"(\tConfigs: )(\S+)$", re.M)
PARTITION_LIST = re.compile(r"( for partitions )(\S+(?:, \S+)*)$", re.M)


def normalised(text, name, unordered):
    lines = [line for line in text.splitlines() if not NOISE.match(line)]
    text = "\n".join(sorted(lines) if unordered else lines)
    for pattern, replacement in REPLACED:
        text = pattern.sub(replacement, text)
    text = TOPIC_CONFIGS.sub(lambda m: m[1] + " ".join(sorted(re.split(r",(?=[a-z.]+=)", m[2]))), text)
    text = PARTITION_LIST.sub(lambda m: m[1] + ", ".join(sorted(m[2].split(", "))), text)
    return text.replace(name, "{T}").rstrip("\n")


def complaint(text):
    """What a mistake's message says: argparse's "PROG: error: …", which it breaks and fills with blanks, or
    the first line. Blanks do not count."""
    text = text.replace(": No such file or directory", "")
    error = re.search(r"^[\w-]+:\s+error:.*", text, re.S | re.M)
    lines = [line for line in text.splitlines() if not re.match(r"\[\d{4}-|\tat ", line)]
    return re.sub(r"\s", "", error[0] if error else lines[0] if lines else "")


def json_values(text):
    """JSON one after the other, with whatever between."""
    decoder, at, values = json.JSONDecoder(), text.find("{"), []
    while at >= 0:
        value, end = decoder.raw_decode(text, at)
        values.append(value)
        at = text.find("{", end)
    return values


def json_lines(text, keep=lambda value: value):
    """JSON of any order of fields and of lines; what `keep` makes None is left out."""
    return "\n".join(sorted(json.dumps(v, sort_keys=True) for v in map(keep, json_values(text)) if v))


class Case:
    """A command. In `args` {T} is a name of each side's own (of the same length), {B} the bootstrap servers,
    {C} the bootstrap controllers; other words in braces are the suite's. {J:TEXT} is a file with that text
    (no blanks in it; \\n is a line's end).

    unordered   lines in any order
    server      --bootstrap-server goes before the arguments
    mistake     the line that says what is wrong is compared too
    shared      both sides see what both did: names are not replaced
    view        what is compared of the output, instead of its lines"""

    def __init__(self, tool, args, unordered=False, stdin=None, server=True, mistake=False, shared=False,
                 view=None):
        self.tool, self.args, self.unordered, self.stdin = tool, args, unordered, stdin
        self.server, self.mistake, self.shared, self.view = server, mistake, shared, view
        self.title = f"{tool} {args}".strip()


class Comparison:
    """`words` are the suite's replacements."""

    def __init__(self, kafka, count, words):
        self.kafka, self.count, self.words = kafka, count, words
        self.resident = Resident(kafka)
        self.directory = tempfile.mkdtemp(prefix="comparison-")

    def close(self):
        self.resident.close()
        shutil.rmtree(self.directory)

    def file(self, text):
        """The path of a file with this text: the same for both sides when the text is."""
        path = os.path.join(self.directory, hashlib.sha1(text.encode()).hexdigest()[:12])
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("\\n", "\n"))
        return path

    def arguments(self, case, name):
        args = case.args
        for word, value in self.words.items():
            args = args.replace(word, value)
        args = args.replace("{T}", name)
        args = re.sub(r"\{J:(\S*?)\}(?=\s|$)", lambda m: self.file(m[1]), args)
        words = shlex.split(args)
        return ["--bootstrap-server", self.words["{B}"], *words] if case.server else words

    def shown(self, case, name, status, out, err):
        if case.view:
            lines = [line for line in out.splitlines() if not NOISE.match(line)]
            text = case.view("\n".join(lines).replace(name, "{T}"))
            for pattern, replacement in REPLACED:
                text = pattern.sub(replacement, text)
        else:
            text = normalised(out, "\0" if case.shared else name, case.unordered)
        mistake = f"\n{complaint(err)}".replace(name, "{T}") if case.mistake else ""
        return f"{text}\nexit {status}{mistake}"

    def answer(self, samsa, case, name):
        """(what is compared, milliseconds, standard error)"""
        words = self.arguments(case, name)
        start = time.monotonic()
        try:
            if samsa:
                done = subprocess.run([os.path.join(ROOT, "bin", f"kafka-{case.tool}.sh"), *words],
                                      capture_output=True, text=True, input=case.stdin, timeout=TIMEOUT_S,
                                      check=False)
            else:
                done = self.resident.run(case.tool, words, case.stdin, TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return f"no answer in {TIMEOUT_S} s", TIMEOUT_S * 1000, ""
        took_ms = (time.monotonic() - start) * 1000
        try:
            return self.shown(case, name, done.returncode, done.stdout, done.stderr), took_ms, done.stderr
        except ValueError as e:
            return f"{e}: {done.stdout}\nexit {done.returncode}", took_ms, done.stderr

    def run(self, case, between=None):
        """`between` is called when one side has run and the other has not."""
        expected, kafka_ms, kafka_errors = self.answer(False, case, "qk7")
        if between:
            between()
        got, samsa_ms, errors = self.answer(True, case, "qs7")
        detail = ""
        if got != expected:
            detail = (f"\n--- Apache Kafka\n{expected}\n{kafka_errors[:500]}\n--- Samsa\n{got}\n"
                      f"{errors[:500]}---")
        self.count.check(f"{case.title} ({samsa_ms:.0f} ms, {kafka_ms:.0f} ms)", got == expected, detail)
