#!/usr/bin/env python3
"""compare.py JARS [SCHEMA]: hold schema/ against the message definitions inside Apache Kafka's jars.

JARS is a folder with the release's kafka-*.jar. Message by message, version by version and field by
field, both sides are laid out as what is on the wire and what the definition promises beside it;
every difference is printed, and any makes the exit code 1."""

import json
import os
import re
import sys
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from schema_gen.model import Versions, intersect  # noqa: E402
from schema_gen.parse import parse_tree  # noqa: E402

KINDS = {"request", "response", "header", "data", "metadata", "coordinator-key", "coordinator-value"}
NUMBERS = {"int8", "int16", "uint16", "int32", "uint32", "int64"}


def without_comments(text):
    """Kafka's definitions are JSON with // comments."""
    return re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', lambda m: m.group(1) or "", text)


def published(folder):
    """{message name: parsed JSON} of all jars; a name in two jars is an error."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if not re.fullmatch(r"kafka-[a-z-]*-?\d.*\.jar", name):
            continue
        with zipfile.ZipFile(os.path.join(folder, name)) as jar:
            for entry in jar.namelist():
                if not entry.endswith(".json"):
                    continue
                parsed = json.loads(without_comments(jar.read(entry).decode("utf-8")))
                if not isinstance(parsed, dict) or parsed.get("type") not in KINDS:
                    continue
                if parsed["name"] in found:
                    sys.exit("%s stands in two jars" % parsed["name"])
                found[parsed["name"]] = parsed
    return found


def ranges(text):
    return Versions.parse(text) if text is not None else None


def default_of(kind, array, text):
    """The value that stands for "not set", however a definition spells it."""
    if text == "null":
        return None
    if array:
        return []
    if kind in NUMBERS:
        return int(str(text), 0) if text not in (None, "") else 0
    if kind == "bool":
        return str(text).lower() == "true"
    if kind == "float64":
        return float(text or 0)
    return text or ""


def lay_out_json(fields, shared, version, flexible, where, result):
    for field in fields:
        versions = ranges(field.get("versions")) or ranges(field.get("taggedVersions"))
        if version not in versions:
            continue
        array = field["type"].startswith("[]")
        kind = field["type"][2:] if array else field["type"]
        tagged = ranges(field.get("taggedVersions"))
        nullable = ranges(field.get("nullableVersions"))
        own = field.get("flexibleVersions")
        path = where + "." + field["name"]
        result.append((path, {
            "type": field["type"],
            "nullable": nullable is not None and version in nullable,
            # a records field is null until set, whatever the definition says
            "default": None if kind == "records" else default_of(kind, array, field.get("default")),
            "tag": field.get("tag") if tagged is not None and version in tagged else None,
            "ignorable": bool(field.get("ignorable")),
            "key": bool(field.get("mapKey")),
            "entity": field.get("entityType"),
            "zero-copy": bool(field.get("zeroCopy")),
            "flexible": flexible and own != "none",
        }))
        nested = field.get("fields") or shared.get(kind, {}).get("fields")
        if nested:
            lay_out_json(nested, shared, version, flexible, path, result)


def lay_out_schema(fields, version, flexible, where, result):
    for field in fields:
        if version not in field.versions:
            continue
        path = where + "." + field.name
        kind = field.base
        result.append((path, {
            "type": ("[]" if field.array else "") + kind,
            "nullable": field.nullable is not None and version in field.nullable,
            "default": None if kind == "records" else
            default_of(kind, field.array, "" if field.default == '""' else field.default),
            "tag": field.tag if field.tagged is not None and version in field.tagged else None,
            "ignorable": field.ignorable,
            "key": field.map_key,
            "entity": field.entity,
            "zero-copy": field.zero_copy,
            "flexible": flexible and not field.never_flexible,
        }))
        if field.struct:
            lay_out_schema(field.struct.fields, version, flexible, path, result)


class Report:
    def __init__(self):
        self.differences = []
        self.fields = self.versions = 0

    def add(self, text):
        self.differences.append(text)


def compare_facts(ours, theirs, report):
    """What holds for a message as a whole."""
    valid = ranges(theirs["validVersions"])
    facts = [
        ("kind", ours.kind, theirs["type"]),
        ("key", ours.key, theirs.get("apiKey")),
        ("versions", repr(ours.versions), repr(valid)),
        ("listeners", sorted(ours.listeners), sorted(theirs.get("listeners", []))),
        ("latest-unstable", ours.latest_unstable, bool(theirs.get("latestVersionUnstable"))),
    ]
    if valid:
        flexible = ranges(theirs.get("flexibleVersions"))
        facts.append(("flexible", repr(intersect(ours.flexible, valid)),
                      repr(intersect(flexible, valid))))
    for what, our, their in facts:
        if our != their:
            report.add("%s: %s is %s, in the jar %s" % (ours.name, what, our, their))
    return valid


def compare_message(ours, theirs, report):
    valid = compare_facts(ours, theirs, report)
    if valid is None or ours.versions is None:
        return
    shared = {s["name"]: s for s in theirs.get("commonStructs", [])}
    both = intersect(ours.versions, valid)
    for version in range(both.first, both.last + 1) if both else ():
        report.versions += 1
        their_flexible = ranges(theirs.get("flexibleVersions"))
        our_fields, their_fields = [], []
        lay_out_schema(ours.fields, version,
                       ours.flexible is not None and version in ours.flexible, ours.name, our_fields)
        lay_out_json(theirs["fields"], shared, version,
                     their_flexible is not None and version in their_flexible, ours.name, their_fields)
        compare_fields(version, our_fields, their_fields, report)


def compare_fields(version, ours, theirs, report):
    report.fields += len(theirs)
    our_names, their_names = [name for name, _ in ours], [name for name, _ in theirs]
    if our_names != their_names:
        missing = [name for name in their_names if name not in our_names]
        extra = [name for name in our_names if name not in their_names]
        report.add("%s version %d: missing %s, extra %s%s" % (
            their_names[0].split(".")[0] if their_names else our_names[0].split(".")[0], version,
            missing or "nothing", extra or "nothing",
            "" if missing or extra else ", but in another order"))
        return
    for (name, our), (_, their) in zip(ours, theirs):
        for what in their:
            if our[what] != their[what]:
                report.add("%s version %d: %s is %r, in the jar %r" %
                           (name, version, what, our[what], their[what]))


def compare(jars, schema):
    report = Report()
    theirs = published(jars)
    if not theirs:
        sys.exit("no message definitions in the jars under %s" % jars)
    ours = {message.name: message for message in parse_tree(schema) if not message.own}
    for name in sorted(set(ours) | set(theirs)):
        if name not in ours:
            report.add("%s: not in the schema" % name)
        elif name not in theirs:
            report.add("%s: in no jar" % name)
        else:
            compare_message(ours[name], theirs[name], report)
    report.messages = len(theirs)
    return report


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    report = compare(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else os.path.join(ROOT, "schema"))
    for difference in report.differences:
        print(difference)
    print("schemas: %d messages with %d fields over all versions: %d passed, %d failed" %
          (report.messages, report.fields, report.versions, len(report.differences)))
    sys.exit(1 if report.differences else 0)


if __name__ == "__main__":
    main()
