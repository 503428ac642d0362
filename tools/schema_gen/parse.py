"""Reads the schema language; schema/README.md is its grammar. Checks what one message can show."""

import os
import re

from .model import (INT_RANGES, OPEN_END, PRIMITIVES, VARIABLE, Field, Message, SchemaError, Struct,
                    Versions, intersect, nested_c_name, snake)

KINDS = ("request", "response", "header", "data", "metadata", "coordinator-key", "coordinator-value")
ENTITIES = {"transactionalId": "string", "producerId": "int64", "groupId": "string",
            "topicName": "string", "brokerId": "int32"}
LISTENERS = ("broker", "controller")
INDENT = 4
OWN_KEYS_FROM = 10000  # far above what Kafka counts up to

MESSAGE_LINE = re.compile(r"(%s) ([A-Z]\w*): (.+)" % "|".join(KINDS))
STRUCT_LINE = re.compile(r"struct ([A-Z]\w*)(?: (\S+))?")
FIELD_LINE = re.compile(r"([A-Za-z]\w*): (\[\])?([A-Za-z]\w*)(?: ([^,\s]+))?(?:, (.+))?")


class Parser:
    def __init__(self, path, area):
        self.path, self.area = path, area
        self.messages = []
        self.doc = []

    def fail(self, number, text):
        raise SchemaError("%s:%d" % (self.path, number), text)

    def parse(self, text):
        stack = []  # (depth, Struct or Field that may take children)
        for number, raw in enumerate(text.split("\n"), 1):
            line = raw.strip()
            if not line:
                self.doc = []
                continue
            if line.startswith("#"):
                self.doc.append(line[1:].strip())
                continue
            spaces = len(raw) - len(raw.lstrip(" "))
            if spaces % INDENT or "\t" in raw:
                self.fail(number, "indent by steps of %d spaces" % INDENT)
            depth = spaces // INDENT
            while stack and stack[-1][0] >= depth:
                stack.pop()
            if depth != (stack[-1][0] + 1 if stack else 0):
                self.fail(number, "indented deeper than what it could belong to")
            item = self.line(number, line, stack)
            item.doc, self.doc = self.doc, []
            stack.append((depth, item))
        for message in self.messages:
            finish(message)
        return self.messages

    def line(self, number, line, stack):
        if not stack:
            return self.message_line(number, line)
        match = STRUCT_LINE.fullmatch(line)
        if match:
            return self.struct_line(number, match, stack)
        match = FIELD_LINE.fullmatch(line)
        if not match:
            self.fail(number, "expected `Name: type [versions][, attribute]...`")
        parent = stack[-1][1]
        if isinstance(parent, Field):
            if not parent.is_struct:
                self.fail(number, "%s is a %s and has no fields" % (parent.name, parent.base))
            if parent.struct is None:
                parent.struct = Struct(parent.where, parent.base)
            parent = parent.struct
        field = self.field(number, match)
        if any(snake(f.name) == snake(field.name) for f in parent.fields):
            self.fail(number, "%s stands twice in %s" % (field.name, parent.name))
        parent.fields.append(field)
        return field

    def versions(self, number, text):
        try:
            return Versions.parse(text)
        except ValueError as error:
            return self.fail(number, str(error))

    def message_line(self, number, line):
        match = MESSAGE_LINE.fullmatch(line)
        if not match:
            self.fail(number, "expected `%s Name: ...`" % "|".join(KINDS))
        message = Message("%s:%d" % (self.path, number), match.group(1), match.group(2))
        message.area, message.file = self.area, os.path.basename(self.path)[:-len(".schema")]
        message.common = {}
        seen = set()
        for attribute in match.group(3).split(", "):
            word, _, rest = attribute.partition(" ")
            if word in seen:
                self.fail(number, "`%s` stands twice" % word)
            seen.add(word)
            if word in ("key", "id") and rest.isdigit():
                message.key = int(rest)
            elif word == "versions":
                message.versions = self.versions(number, rest)
            elif word == "flexible":
                message.flexible = self.versions(number, rest)
                if message.flexible and message.flexible.last != OPEN_END:
                    self.fail(number, "flexible versions never end: write N+")
            elif word == "listeners" and set(rest.split()) <= set(LISTENERS):
                message.listeners = rest.split()
            elif attribute == "latest-unstable":
                message.latest_unstable = True
            elif attribute == "own":
                message.own = True
            else:
                self.fail(number, "unknown attribute `%s`" % attribute)
        if "versions" not in seen:
            self.fail(number, "versions are missing")
        if message.versions and message.versions.last == OPEN_END:
            self.fail(number, "a message's versions end: write N-M")
        if message.versions and "flexible" not in seen:
            self.fail(number, "flexible versions (or `flexible none`) are missing")
        if message.key is None and message.kind not in ("data", "header"):
            self.fail(number, "key is missing")
        if message.own != (message.kind in ("request", "response") and message.key >= OWN_KEYS_FROM):
            self.fail(number, "own requests, and no others, have keys from %d on" % OWN_KEYS_FROM)
        self.messages.append(message)
        return message

    def struct_line(self, number, match, stack):
        message = stack[-1][1]
        if not isinstance(message, Message):
            self.fail(number, "shared structs stand directly in a message")
        struct = Struct("%s:%d" % (self.path, number), match.group(1))
        struct.declared = self.versions(number, match.group(2)) if match.group(2) else None
        if struct.name in message.common:
            self.fail(number, "struct %s stands twice" % struct.name)
        message.common[struct.name] = struct
        return struct

    def field(self, number, match):
        name, array, base, versions, attributes = match.groups()
        field = Field("%s:%d" % (self.path, number), name, base, bool(array))
        field.declared = self.versions(number, versions) if versions else None
        if versions == "none":
            self.fail(number, "a field that no version carries")
        field.nullable_declared = field.tagged_declared = None
        field.nullable_all = False
        seen = set()
        for attribute in attributes.split(", ") if attributes else []:
            word, _, rest = attribute.partition(" ")
            if word in seen:
                self.fail(number, "`%s` stands twice" % word)
            seen.add(word)
            if word == "nullable":
                field.nullable_declared = self.versions(number, rest) if rest else Versions(0, OPEN_END)
            elif word == "default" and rest:
                field.default = rest
            elif word == "tag":
                tag, _, since = rest.partition(" ")
                if not tag.isdigit():
                    self.fail(number, "`tag N` or `tag N versions`")
                field.tag = int(tag)
                field.tagged_declared = self.versions(number, since) if since else Versions(0, OPEN_END)
            elif attribute == "ignorable":
                field.ignorable = True
            elif attribute == "key":
                field.map_key = True
            elif word == "entity" and rest in ENTITIES:
                field.entity = rest
            elif attribute == "zero-copy":
                field.zero_copy = True
            elif attribute == "text":
                field.text = True
            elif attribute == "flexible none":
                field.never_flexible = True
            else:
                self.fail(number, "unknown attribute `%s`" % attribute)
        return field


def finish(message):
    """Resolve structs and effective versions, name things in C, and refuse what cannot be encoded."""
    message.c_name = snake(message.name)
    if message.versions is None:
        if message.fields:
            raise SchemaError(message.where, "no version is valid, yet there are fields")
        return
    named = {}

    def visit(struct, within):
        struct.versions = within
        if struct is not message:
            if struct.name in named:
                raise SchemaError(struct.where, "two structs are called %s" % struct.name)
            named[struct.name] = struct
            struct.c_name = nested_c_name(message, struct.name)
        tags = {}
        for field in struct.fields:
            effective(message, field, within)
            check(message, field, tags)
            if field.is_struct and field.struct is not None:
                visit(field.struct, field.versions)
        if tags and sorted(tags) != list(range(len(tags))):
            raise SchemaError(struct.where, "tags of %s have a gap: %s" % (struct.name, sorted(tags)))
        if struct is not message:
            message.structs.append(struct)

    for struct in message.common.values():
        visit(struct, intersect(struct.declared, message.versions) if struct.declared
              else message.versions)
    visit(message, message.versions)
    for struct in message.structs + [message]:
        for field in struct.fields:
            if field.is_struct and field.struct is None:
                if field.base not in message.common:
                    raise SchemaError(field.where, "unknown type %s" % field.base)
                field.struct = message.common[field.base]
                if intersect(field.versions, field.struct.versions) != field.versions:
                    raise SchemaError(field.where, "%s does not exist in all of %s" %
                                      (field.base, field.versions))
    order(message)


def order(message):
    """Put users after what they use; a cycle cannot be laid out."""
    done, under_way, result = set(), set(), []

    def visit(struct):
        if struct.name in done:
            return
        if struct.name in under_way:
            raise SchemaError(struct.where, "struct %s contains itself" % struct.name)
        under_way.add(struct.name)
        for field in struct.fields:
            if field.is_struct:
                visit(field.struct)
        done.add(struct.name)
        result.append(struct)

    for struct in message.structs:
        visit(struct)
    message.structs = result


def effective(message, field, within):
    field.versions = intersect(field.declared, within) if field.declared else within
    if field.versions is None:
        raise SchemaError(field.where, "no valid version of %s carries %s (%s of %s)" %
                          (message.name, field.name, field.declared, within))
    if field.declared and field.declared.last != OPEN_END and field.declared.last > within.last:
        raise SchemaError(field.where, "%s ends after its parent" % field.name)
    field.nullable = intersect(field.nullable_declared, field.versions)
    if field.nullable_declared and field.nullable is None:
        raise SchemaError(field.where, "nullable in no version that has the field")
    field.tagged = intersect(field.tagged_declared, field.versions)


def check(message, field, tags):
    def fail(text):
        raise SchemaError(field.where, "%s: %s" % (field.name, text))

    if field.nullable and not (field.array or field.is_struct or field.base in VARIABLE):
        fail("%s cannot be null" % field.base)
    if field.tag is not None:
        if field.tagged is None or field.tagged_declared.last != OPEN_END:
            fail("tagged versions are open-ended and within the field's")
        if field.declared and field.declared.last != OPEN_END:
            fail("a tagged field never goes away")
        if message.flexible is None or field.tagged.first < message.flexible.first:
            fail("tagged before the message is flexible")
        if field.tag in tags:
            fail("tag %d belongs to %s" % (field.tag, tags[field.tag]))
        nullable = intersect(field.nullable, field.tagged)
        if nullable and nullable != field.tagged:
            fail("nullable in some tagged versions only")
        if field.base == "records" or field.map_key:
            fail("cannot be tagged")
        tags[field.tag] = field.name
    if field.entity and field.base != ENTITIES[field.entity]:
        fail("a %s is a %s" % (field.entity, ENTITIES[field.entity]))
    if field.text and (field.base != "string" or field.array):
        fail("only a string is text")
    if field.zero_copy and field.base != "bytes":
        fail("only bytes are zero-copy")
    if field.never_flexible and (field.base != "string" or field.array):
        fail("only strings opt out of the flexible encoding")
    if field.array and field.base in ("records", "bool", "float64", "uint16", "uint32"):
        fail("arrays of %s are not supported" % field.base)
    check_default(field, fail)


def check_default(field, fail):
    value = field.default
    if value is None:
        return
    if value == "null":
        if field.nullable != field.versions:
            fail("null is the default, but not all versions can be null")
    elif field.array or field.is_struct or field.base in ("bytes", "records", "uuid", "float64"):
        fail("`%s` cannot be its default" % value)
    elif field.base == "string":
        if value != '""':
            fail('the default of a string is null or ""')
    elif field.base == "bool":
        if value not in ("true", "false"):
            fail("true or false")
    else:
        try:
            number = int(value, 0)
        except ValueError:
            fail("`%s` is no number" % value)
        first, last = INT_RANGES[field.base]
        if not first <= number <= last:
            fail("default %s is out of range" % value)


def parse_file(path, area):
    with open(path, encoding="utf-8") as file:
        return Parser(path, area).parse(file.read())


def parse_tree(root):
    """All messages under root, in order of path; refuses what two files cannot have in common."""
    messages, files = [], {}
    for area in sorted(os.listdir(root)):
        folder = os.path.join(root, area)
        if not os.path.isdir(folder):
            continue
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".schema"):
                continue
            path = os.path.join(folder, name)
            if name in files:
                raise SchemaError(path, "same file name as %s" % files[name])
            files[name] = path
            messages += parse_file(path, area)
    check_together(messages)
    return messages


def check_together(messages):
    names, keys = {}, {}
    for message in messages:
        for struct in [message] + message.structs:
            if struct.c_name in names:
                raise SchemaError(struct.where, "struct %s exists in %s" %
                                  (struct.c_name, names[struct.c_name]))
            names[struct.c_name] = struct.where
        if message.key is not None:
            area = None if message.kind in ("request", "response") else message.area
            key = (area, message.kind, message.key)
            if key in keys:
                raise SchemaError(message.where, "key %d is %s's" % (message.key, keys[key]))
            keys[key] = message.name
    pairs = {}
    for message in messages:
        if message.kind in ("request", "response"):
            pairs.setdefault(message.key, {})[message.kind] = message
    for pair in pairs.values():
        if len(pair) != 2:
            only = next(iter(pair.values()))
            raise SchemaError(only.where, "%s has no counterpart" % only.name)
        request, response = pair["request"], pair["response"]
        if (request.versions != response.versions if request.versions else response.versions):
            raise SchemaError(response.where, "request and response differ in versions")
        if (request.flexible or None) != (response.flexible or None) and request.key != 18:
            raise SchemaError(response.where, "request and response differ in flexible versions")
