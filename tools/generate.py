#!/usr/bin/env python3
"""Makes the protocol's C from schema/: build/gen/protocol/*.[ch]. schema/README.md is the language.

A file is rewritten only when its text changes, and the stamp is touched at the end, so that make
recompiles what changed and nothing else. A file that nothing makes any more is removed."""

import argparse
import os
import sys

from schema_gen import emit_message, emit_tables, emit_union
from schema_gen.model import SchemaError
from schema_gen.parse import parse_tree

COORDINATORS = ("group", "share", "transaction")


def outputs(schema):
    """{file name: text} of everything that is made from the schema folder."""
    messages = parse_tree(schema)
    files = {}
    by_file = {}
    for message in messages:
        if message.versions:
            by_file.setdefault(message.file, []).append(message)
    for name, group in by_file.items():
        files[name + ".h"] = emit_message.header(group)
        files[name + ".c"] = emit_message.source(group)
    errors = emit_tables.parse_errors(os.path.join(schema, "errors.schema"))
    made = {
        "api.h": emit_tables.api_header(messages),
        "api.c": emit_tables.api_source(messages),
        "messages.c": emit_tables.message_table(messages),
        "error.h": emit_tables.error_header(errors),
        "error.c": emit_tables.error_source(errors),
        "metadata_record.h": emit_union.metadata_header(messages),
        "metadata_record.c": emit_union.metadata_source(messages),
    }
    for area in COORDINATORS:
        made[area + "_record.h"] = emit_union.coordinator_header(messages, area)
        made[area + "_record.c"] = emit_union.coordinator_source(messages, area)
    for name, text in made.items():
        if name in files:
            raise SchemaError(name, "a schema file takes the name of a made file")
        files[name] = text
    return files


def write_if_changed(path, text):
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schema", default="schema")
    parser.add_argument("--out", default="build/gen/protocol")
    parser.add_argument("--stamp")
    arguments = parser.parse_args()
    try:
        files = outputs(arguments.schema)
    except SchemaError as error:
        sys.exit(str(error))
    os.makedirs(arguments.out, exist_ok=True)
    for name in sorted(set(os.listdir(arguments.out)) - set(files)):
        os.remove(os.path.join(arguments.out, name))
    for name, text in files.items():
        write_if_changed(os.path.join(arguments.out, name), text)
    if arguments.stamp:
        with open(arguments.stamp, "w", encoding="utf-8"):
            pass


if __name__ == "__main__":
    main()
