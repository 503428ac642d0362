"""The schema in memory: messages, structs, fields, version ranges, and the names they get in C."""

import re

OPEN_END = 32767

PRIMITIVES = {
    # schema type: (C type, wire bytes, reader and writer suffix)
    "bool": ("bool", 1, "bool"),
    "int8": ("int8_t", 1, "i8"),
    "int16": ("int16_t", 2, "i16"),
    "uint16": ("uint16_t", 2, "u16"),
    "int32": ("int32_t", 4, "i32"),
    "uint32": ("uint32_t", 4, "u32"),
    "int64": ("int64_t", 8, "i64"),
    "float64": ("double", 8, "f64"),
    "uuid": ("struct uuid", 16, "uuid"),
}
VARIABLE = {"string": "struct str", "bytes": "struct bytes", "records": "struct records"}
INT_RANGES = {
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
C_KEYWORDS = set(
    """auto break case char const continue default do double else enum extern float for goto if
    inline int long register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while bool true false asm typeof""".split()
)


class SchemaError(Exception):
    """A schema that cannot be: the message says file, line and why."""

    def __init__(self, where, text):
        super().__init__("%s: %s" % (where, text))


class Versions:
    """A closed range of versions; `last` OPEN_END means "and all later ones". Empty is None."""

    def __init__(self, first, last):
        self.first, self.last = first, last

    @staticmethod
    def parse(text):
        if text == "none":
            return None
        match = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
        if not match:
            raise ValueError("bad versions `%s`" % text)
        first = int(match.group(1))
        if match.group(2) == "+":
            return Versions(first, OPEN_END)
        last = int(match.group(3)) if match.group(3) else first
        if last < first:
            raise ValueError("versions `%s` run backwards" % text)
        return Versions(first, last)

    def __eq__(self, other):
        return other is not None and (self.first, self.last) == (other.first, other.last)

    def __repr__(self):
        if self.last == OPEN_END:
            return "%d+" % self.first
        return str(self.first) if self.first == self.last else "%d-%d" % (self.first, self.last)

    def __contains__(self, version):
        return self.first <= version <= self.last


def intersect(a, b):
    if a is None or b is None:
        return None
    first, last = max(a.first, b.first), min(a.last, b.last)
    return Versions(first, last) if first <= last else None


class Field:
    def __init__(self, where, name, base, array):
        self.where, self.name, self.base, self.array = where, name, base, array
        self.doc = []
        self.versions = None  # effective: within the struct's and the message's own
        self.nullable = None
        self.default = None
        self.tag = None
        self.tagged = None
        self.ignorable = False
        self.map_key = False
        self.entity = None
        self.zero_copy = False
        self.text = False  # for people: cut to what a string may be
        self.never_flexible = False
        self.struct = None  # Struct when base is not built in

    @property
    def c_name(self):
        name = snake(self.name)
        return name + "_" if name in C_KEYWORDS else name

    @property
    def json_name(self):
        return self.name[0].lower() + self.name[1:]

    @property
    def is_struct(self):
        return self.base not in PRIMITIVES and self.base not in VARIABLE

    @property
    def by_pointer(self):
        return self.is_struct and not self.array and self.nullable is not None

    @property
    def untagged(self):
        """Versions that carry the field in its place, or None."""
        if self.tagged is None:
            return self.versions
        if self.tagged.first <= self.versions.first:
            return None
        return Versions(self.versions.first, self.tagged.first - 1)

    @property
    def default_int(self):
        return int(self.default, 0) if self.default not in (None, '""') else 0


class Struct:
    def __init__(self, where, name):
        self.where, self.name = where, name
        self.doc = []
        self.versions = None
        self.fields = []
        self.c_name = None


class Message(Struct):
    def __init__(self, where, kind, name):
        super().__init__(where, name)
        self.kind = kind
        self.key = None
        self.flexible = None
        self.listeners = []
        self.latest_unstable = False
        self.own = False  # Samsa's, not Kafka's
        self.structs = []  # every nested struct, users after what they use
        self.area = None  # folder under schema/
        self.file = None  # basename without .schema


def snake(name):
    name = name.replace("KRaft", "Kraft")
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return name.lower()


def nested_c_name(message, struct_name):
    """fetch_response + FetchResponseTopic and fetch_response + Topic both give fetch_response_topic."""
    rest = struct_name
    if rest.startswith(message.name) and len(rest) > len(message.name):
        rest = rest[len(message.name):]
    return snake(message.name) + "_" + snake(rest)
