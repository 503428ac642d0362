"""C for the messages of one schema file: structs, init, decode, size, encode, and their description."""

import re

from .model import PRIMITIVES, VARIABLE, intersect

HEAD = "/* Made by tools/generate.py from schema/%s/%s.schema. */\n"


def c_type(field):
    if field.is_struct:
        return "struct " + field.struct.c_name
    if field.base in VARIABLE:
        return VARIABLE[field.base]
    return PRIMITIVES[field.base][0]


def suffix(field):
    if field.base in PRIMITIVES:
        return PRIMITIVES[field.base][2]
    return {"string": "str", "bytes": "bytes", "records": "records"}[field.base]


def condition(versions, within):
    """C test that `version` (known to be in `within`) is in `versions`; None when always true."""
    tests = []
    if versions.first > within.first:
        tests.append("version >= %d" % versions.first)
    if versions.last < within.last:
        tests.append("version <= %d" % versions.last)
    return " && ".join(tests) or None


class Lines:
    def __init__(self):
        self.lines, self.depth = [], 0

    def add(self, text=""):
        self.lines.append("    " * self.depth + text if text else "")

    def open(self, text):
        self.add(text + " {")
        self.depth += 1

    def close(self, text="}"):
        self.depth -= 1
        self.add(text)

    def block(self, test):
        """A block under a test, or plain lines when the test is None."""
        return Block(self, test)

    def text(self):
        return "\n".join(self.lines) + "\n"


class Block:
    def __init__(self, lines, test):
        self.lines, self.test = lines, test

    def __enter__(self):
        if self.test:
            self.lines.open("if (%s)" % self.test)

    def __exit__(self, *_):
        if self.test:
            self.lines.close()


class StructCode:
    """Code of one struct of a message."""

    def __init__(self, message, struct):
        self.message, self.struct = message, struct
        self.name = struct.c_name
        self.within = struct.versions

    def flexible(self, field, versions):
        flexible = None if field is not None and field.never_flexible else self.message.flexible
        common = intersect(flexible, versions)
        if common is None:
            return "false"
        return "true" if common.first <= versions.first else "flexible"

    def nullable(self, field, versions):
        common = intersect(field.nullable, versions)
        if common is None:
            return "false"
        return condition(common, versions) or "true"

    def tags(self):
        return sorted((f for f in self.struct.fields if f.tag is not None), key=lambda f: f.tag)

    def function(self, head, body, parameters):
        """A function; parameters it does not use are silenced, `flexible` is made when used."""
        text = body.text()
        used = set(re.findall(r"\w+", re.sub(r"->\w+", "", text)))
        code = Lines()
        code.add(head)
        code.add("{")
        if "flexible" in used:
            code.add("    const bool flexible = version >= %d;" % self.message.flexible.first)
            used.add("version")
        for parameter in parameters:
            if parameter not in used:
                code.add("    (void)%s;" % parameter)
        return code.text() + (text if body.lines else "") + "}\n\n"

    # ---- struct and defaults

    def declaration(self):
        code = Lines()
        for line in doc_comment(self.struct.doc, ""):
            code.add(line)
        code.open("struct %s" % self.name)
        for field in self.struct.fields:
            for line in doc_comment(field.doc, ""):
                code.add(line)
            star = "*" if field.array or field.by_pointer else ""
            code.add("%s %s%s;%s" % (c_type(field), star, field.c_name, self.remark(field)))
            if field.array:
                code.add("int32_t %s_count;" % field.c_name)
        if not self.struct.fields:
            code.add("char empty_;")
        code.close("};")
        code.add()
        return code.text()

    def remark(self, field):
        parts = []
        if field.versions != self.within:
            last = field.versions.last
            parts.append("v%d+" % field.versions.first if last == self.within.last else
                         "v%d-%d" % (field.versions.first, last))
        if field.nullable:
            parts.append("or null")
        return " /* %s */" % ", ".join(parts) if parts else ""

    def default_value(self, field):
        if field.array:
            return None
        if field.base == "string":
            return "STR_NULL" if field.default == "null" else 'STR("")'
        if field.base == "bytes":
            return "BYTES_NULL" if field.default == "null" else "BYTES_EMPTY"
        if field.base == "records":
            return "RECORDS_NULL"
        if field.base == "uuid":
            return "UUID_ZERO"
        if field.base == "bool":
            return field.default or "false"
        if field.base == "float64":
            return "0"
        return c_int(field.default_int)

    def init(self):
        code = Lines()
        code.depth = 1
        for field in self.struct.fields:
            name = "m->" + field.c_name
            if field.array:
                code.add("%s = NULL;" % name)
                code.add("%s_count = %s;" % (name, "-1" if field.default == "null" else "0"))
            elif field.by_pointer:
                if field.default == "null":
                    code.add("%s = NULL;" % name)
                else:
                    code.add("/* never written through */")
                    code.add("%s = (struct %s *)&default_%s;" % (name, field.struct.c_name,
                                                                 field.struct.c_name))
            elif field.is_struct:
                code.add("%s_init(&%s);" % (field.struct.c_name, name))
            else:
                code.add("%s = %s;" % (name, self.default_value(field)))
        if not self.struct.fields:
            code.add("m->empty_ = 0;")
        return self.function("void %s_init(struct %s *m)" % (self.name, self.name), code, ["m"])

    def default_instance(self):
        """A constant with the defaults, for pointers whose default is not null."""
        values = []
        for field in self.struct.fields:
            if field.is_struct and not field.array and not field.by_pointer:
                raise NotImplementedError("default of a struct in a struct: " + field.where)
            if field.array:
                if field.default == "null":
                    values.append(".%s_count = -1" % field.c_name)
            elif not field.is_struct:
                values.append(".%s = %s" % (field.c_name, static_value(self.default_value(field))))
        return "static const struct %s default_%s = {%s};\n\n" % (self.name, self.name,
                                                                 ", ".join(values))

    def not_default(self, field, of="m"):
        name = "%s->%s" % (of, field.c_name)
        if field.array:
            return "%s_count %s" % (name, ">= 0" if field.default == "null" else "!= 0")
        if field.by_pointer:
            if field.default == "null":
                return "%s != NULL" % name
            return "(%s == NULL || !is_default_%s(%s))" % (name, field.struct.c_name, name)
        if field.is_struct:
            return "!is_default_%s(&%s)" % (field.struct.c_name, name)
        if field.base in VARIABLE:
            null = field.default == "null" or field.base == "records"
            return "%s.len %s" % (name, ">= 0" if null else "!= 0")
        if field.base == "uuid":
            return "!uuid_is_zero(%s)" % name
        if field.base == "bool":
            return ("!" if field.default == "true" else "") + name
        return "%s != %s" % (name, self.default_value(field))

    def is_default(self):
        code = Lines()
        code.depth = 1
        tests = ["!(%s)" % self.not_default(field) for field in self.struct.fields]
        code.add("return %s;" % (" &&\n           ".join(tests) or "true"))
        return self.function("static bool is_default_%s(const struct %s *m)" % (self.name, self.name),
                             code, ["m"])

    # ---- smallest encoding

    def element_min(self):
        best = None
        for version in range(self.within.first, self.within.last + 1):
            size = struct_min(self.message, self.struct, version)
            best = size if best is None else min(best, size)
        return best

    # ---- decode

    def decode(self):
        code = Lines()
        code.depth = 1
        code.add("%s_init(m);" % self.name)
        for field in self.struct.fields:
            versions = field.untagged
            if versions is None:
                continue
            with code.block(condition(versions, self.within)):
                self.decode_field(code, field, versions, "c", False)
        self.decode_tags(code)
        return self.function("static void decode_%s(struct %s *m, int16_t version, struct cursor *c,\n"
                             "                      struct arena *arena)" % (self.name, self.name),
                             code, ["version", "c", "arena"])

    def decode_field(self, code, field, versions, cursor, tagged):
        name = "m->" + field.c_name
        flexible = "true" if tagged else self.flexible(field, versions)
        nullable = self.nullable(field, versions)
        if field.array:
            code.add("%s_count = cursor_count(%s, %s, %s, %d);" %
                     (name, cursor, flexible, nullable, item_min(self.message, field, versions)))
            if field.is_struct:
                code.add("%s = cursor_alloc(%s, arena, %s_count, sizeof *%s);" %
                         (name, cursor, name, name))
                code.open("for (int32_t i = 0; i < %s_count && cursor_ok(%s); i++)" % (name, cursor))
                code.add("decode_%s(&%s[i], version, %s, arena);" %
                         (field.struct.c_name, name, cursor))
                code.close()
            else:
                more = ", " + flexible if field.base in VARIABLE else ""
                code.add("%s = cursor_%s_array(%s, arena, %s_count%s);" %
                         (name, suffix(field), cursor, name, more))
        elif field.by_pointer:
            present = "cursor_uvarint(%s) != 0" % cursor if tagged else "cursor_present(%s)" % cursor
            if nullable != "true":
                present = "!(%s) || %s" % (nullable, present) if nullable != "false" else None
            code.add("%s = NULL;" % name)
            with code.block(present):
                code.add("%s = cursor_alloc(%s, arena, 1, sizeof *%s);" % (name, cursor, name))
                with code.block(name):
                    code.add("decode_%s(%s, version, %s, arena);" %
                             (field.struct.c_name, name, cursor))
        elif field.is_struct:
            code.add("decode_%s(&%s, version, %s, arena);" % (field.struct.c_name, name, cursor))
        elif field.base in VARIABLE:
            code.add("%s = cursor_%s(%s, %s, %s);" % (name, suffix(field), cursor, flexible, nullable))
        else:
            code.add("%s = cursor_%s(%s);" % (name, suffix(field), cursor))

    def decode_tags(self, code):
        flexible = intersect(self.message.flexible, self.within)
        if flexible is None:
            return
        tags = self.tags()
        with code.block(condition(flexible, self.within)):
            if not tags:
                code.add("cursor_skip_tags(c);")
                return
            code.add("int64_t tag = -1;")
            code.open("for (uint32_t left = cursor_uvarint(c); left > 0 && cursor_ok(c); left--)")
            code.add("struct cursor field = cursor_tag(c, &tag);")
            code.open("switch (tag)")
            for field in tags:
                code.add("case %d:" % field.tag)
                code.depth += 1
                test = condition(field.tagged, flexible)
                if test:
                    code.open("if (!(%s))" % test)
                    code.add("cursor_fail(c, ERR_INVALID);")
                    code.add("break;")
                    code.close()
                self.decode_field(code, field, field.tagged, "&field", True)
                code.add("cursor_tag_end(c, &field);")
                code.add("break;")
                code.depth -= 1
            code.add("default: /* unknown: skipped */")
            code.add("    break;")
            code.close()
            code.close()

    # ---- size

    def tag_sizes(self):
        """static size_t tag_<struct>_<field>(m, version): the content of each tagged field."""
        text = ""
        for field in self.tags():
            code = Lines()
            code.depth = 1
            code.add("size_t n = 0;")
            self.size_field(code, field, field.tagged, True)
            code.add("return n;")
            text += self.function("static size_t tag_%s_%s(const struct %s *m, int16_t version)" %
                                  (self.name, field.c_name, self.name), code, ["m", "version"])
        return text

    def size(self):
        code = Lines()
        code.depth = 1
        fixed = sum(PRIMITIVES[f.base][1] for f in self.struct.fields
                    if f.base in PRIMITIVES and not f.array and f.untagged == self.within)
        code.add("size_t n = %d;" % fixed)
        for field in self.struct.fields:
            versions = field.untagged
            if versions is None:
                continue
            if field.base in PRIMITIVES and not field.array and versions == self.within:
                continue
            with code.block(condition(versions, self.within)):
                self.size_field(code, field, versions, False)
        flexible = intersect(self.message.flexible, self.within)
        if flexible:
            with code.block(condition(flexible, self.within)):
                tags = self.tags()
                if not tags:
                    code.add("n += 1;")
                else:
                    code.add("uint32_t tags = 0;")
                    for field in tags:
                        with code.block(self.tag_test(field, flexible)):
                            code.add("tags++;")
                            code.add("n += size_tagged(%d, tag_%s_%s(m, version));" %
                                     (field.tag, self.name, field.c_name))
                    code.add("n += size_uvarint(tags);")
        code.add("return n;")
        return self.function("static size_t size_%s(const struct %s *m, int16_t version)" %
                             (self.name, self.name), code, ["m", "version"])

    def tag_test(self, field, flexible):
        test = condition(field.tagged, flexible)
        return (test + " && " if test else "") + self.not_default(field)

    def size_field(self, code, field, versions, tagged):
        name = "m->" + field.c_name
        flexible = "true" if tagged else self.flexible(field, versions)
        if field.array:
            code.add("n += size_count(%s_count, %s);" % (name, flexible))
            if field.is_struct:
                code.open("for (int32_t i = 0; i < %s_count; i++)" % name)
                code.add("n += size_%s(&%s[i], version);" % (field.struct.c_name, name))
                code.close()
            elif field.base in VARIABLE:
                code.add("n += size_%s_array(%s, %s_count, %s);" %
                         (suffix(field), name, name, flexible))
            else:
                code.add("n += size_fixed_array(%s_count, %d);" % (name, PRIMITIVES[field.base][1]))
        elif field.is_struct:
            at = name if field.by_pointer else "&" + name
            if field.by_pointer:
                nullable = self.nullable(field, versions)
                if nullable == "true":
                    code.add("n += 1;")
                elif nullable != "false":
                    code.add("n += %s ? 1 : 0;" % nullable)
            with code.block(name if field.by_pointer else None):
                code.add("n += size_%s(%s, version);" % (field.struct.c_name, at))
        elif field.base == "records":
            code.add("n += size_records(&%s, %s);" % (name, flexible))
        elif field.base in VARIABLE:
            value = "text_fit(%s)" % name if field.text else name
            code.add("n += size_%s(%s, %s);" % (suffix(field), value, flexible))
        else:
            code.add("n += %d;" % PRIMITIVES[field.base][1])

    # ---- encode

    def encode(self):
        code = Lines()
        code.depth = 1
        for field in self.struct.fields:
            versions = field.untagged
            if versions is None:
                continue
            with code.block(condition(versions, self.within)):
                self.encode_field(code, field, versions, False)
        self.encode_tags(code)
        return self.function("static void encode_%s(const struct %s *m, int16_t version, struct out *o)" %
                             (self.name, self.name), code, ["m", "version", "o"])

    def encode_field(self, code, field, versions, tagged):
        name = "m->" + field.c_name
        flexible = "true" if tagged else self.flexible(field, versions)
        nullable = self.nullable(field, versions)
        if field.array:
            code.add("put_count(o, %s_count, %s, %s);" % (name, flexible, nullable))
            if field.is_struct:
                code.open("for (int32_t i = 0; i < %s_count; i++)" % name)
                code.add("encode_%s(&%s[i], version, o);" % (field.struct.c_name, name))
                code.close()
            else:
                more = ", " + flexible if field.base in VARIABLE else ""
                code.add("put_%s_array(o, %s, %s_count%s);" % (suffix(field), name, name, more))
        elif field.is_struct:
            if not field.by_pointer:
                code.add("encode_%s(&%s, version, o);" % (field.struct.c_name, name))
                return
            if nullable == "false":
                code.add("PRE(%s);" % name)
            else:
                if nullable != "true":
                    code.add("PRE(%s || %s);" % (name, nullable))
                with code.block(nullable if nullable != "true" else None):
                    if tagged:
                        code.add("out_uvarint(o, %s ? 1 : 0);" % name)
                    else:
                        code.add("put_present(o, %s != NULL);" % name)
            with code.block(name if nullable != "false" else None):
                code.add("encode_%s(%s, version, o);" % (field.struct.c_name, name))
        elif field.base == "records":
            code.add("put_records(o, &%s, %s, %s);" % (name, flexible, nullable))
        elif field.base in VARIABLE:
            value = "text_fit(%s)" % name if field.text else name
            code.add("put_%s(o, %s, %s, %s);" % (suffix(field), value, flexible, nullable))
        else:
            code.add("put_%s(o, %s);" % (suffix(field), name))

    def encode_tags(self, code):
        flexible = intersect(self.message.flexible, self.within)
        if flexible is None:
            return
        tags = self.tags()
        with code.block(condition(flexible, self.within)):
            if not tags:
                code.add("out_u8(o, 0);")
                return
            code.add("uint32_t tags = 0;")
            for field in tags:
                with code.block(self.tag_test(field, flexible)):
                    code.add("tags++;")
            code.add("out_uvarint(o, tags);")
            for field in tags:
                with code.block(self.tag_test(field, flexible)):
                    code.add("put_tag(o, %d, tag_%s_%s(m, version));" %
                             (field.tag, self.name, field.c_name))
                    self.encode_field(code, field, field.tagged, True)

    # ---- description

    def description(self):
        code = Lines()
        count = len(self.struct.fields)
        if count:
            code.add("static const struct message_field fields_%s[] = {" % self.name)
            for field in self.struct.fields:
                code.add("    {%s}," % ", ".join(self.describe(field)))
            code.add("};")
        code.add("static void init_any_%s(void *m)" % self.name)
        code.add("{")
        code.add("    %s_init(m);" % self.name)
        code.add("}")
        code.add("static const struct message_struct struct_%s = {" % self.name)
        code.add('    "%s", sizeof(struct %s), %s, %d, init_any_%s};' %
                 (self.struct.name, self.name, "fields_" + self.name if count else "NULL", count,
                  self.name))
        code.add()
        return code.text()

    def describe(self, field):
        parts = ['"%s"' % field.json_name, "offsetof(struct %s, %s)" % (self.name, field.c_name)]
        parts.append("MESSAGE_%s" % ("STRUCT" if field.is_struct else field.base.upper()))
        parts += [".first = %d, .last = %d" % (field.versions.first, field.versions.last)]
        if field.nullable:
            parts.append(".nullable_first = %d, .nullable_last = %d" %
                         (field.nullable.first, field.nullable.last))
        else:
            parts.append(".nullable_first = INT16_MAX")
        parts.append(".tagged_first = %s" % (field.tagged.first if field.tagged else "INT16_MAX"))
        if field.array:
            parts.append(".array = true")
        if field.by_pointer:
            parts.append(".by_pointer = true")
        if field.ignorable:
            parts.append(".ignorable = true")
        if field.default == "null" or field.base == "records":
            parts.append(".default_null = true")
        elif field.base == "bool" and field.default == "true":
            parts.append(".default_int = 1")
        elif field.base not in VARIABLE and not field.is_struct and not field.array:
            if field.base != "bool" and field.default_int:
                parts.append(".default_int = %s" % c_int(field.default_int))
        if field.is_struct:
            parts.append(".element = &struct_%s" % field.struct.c_name)
        return parts


def struct_min(message, struct, version):
    size = 0
    for field in struct.fields:
        if field.untagged is None or version not in field.untagged:
            continue
        flexible = (message.flexible is not None and version in message.flexible
                    and not field.never_flexible)
        if field.array or field.base in ("bytes", "records"):
            size += 1 if flexible else 4
        elif field.base == "string":
            size += 1 if flexible else 2
        elif field.base in PRIMITIVES:
            size += PRIMITIVES[field.base][1]
        elif field.nullable and version in field.nullable:
            size += 1
        else:
            size += struct_min(message, field.struct, version)
    if message.flexible is not None and version in message.flexible:
        size += 1
    return size


def item_min(message, field, versions):
    """Fewest bytes one element of an array takes in any of the versions."""
    if field.base in PRIMITIVES:
        return PRIMITIVES[field.base][1]
    sizes = []
    for version in range(versions.first, versions.last + 1):
        if field.is_struct:
            sizes.append(struct_min(message, field.struct, version))
        elif message.flexible is not None and version in message.flexible:
            sizes.append(1)
        else:
            sizes.append(2 if field.base == "string" else 4)
    if min(sizes) < 1:
        raise NotImplementedError("an array whose elements take no bytes: " + field.where)
    return min(sizes)


def c_int(value):
    if value == -(2**63):
        return "INT64_MIN"
    if value == 2**63 - 1:
        return "INT64_MAX"
    if value == -(2**31):
        return "INT32_MIN"
    if value == 2**31 - 1:
        return "INT32_MAX"
    return str(value)


def static_value(text):
    return {'STR("")': '{"", 0}', "STR_NULL": "{NULL, -1}", "BYTES_NULL": "{NULL, -1}",
            "BYTES_EMPTY": '{(const uint8_t *)"", 0}', "UUID_ZERO": "{{0}}",
            "RECORDS_NULL": "{.len = -1}"}.get(text, text)


def doc_comment(lines, indent):
    if not lines:
        return []
    if len(lines) == 1:
        return ["%s/* %s */" % (indent, lines[0])]
    return (["%s/* %s" % (indent, lines[0])] + ["%s * %s" % (indent, line) for line in lines[1:-1]] +
            ["%s * %s */" % (indent, lines[-1])])


def used_by_value_tags(message):
    """Structs that need is_default_: those in tagged fields by value, or nullable but not by default."""
    result = set()
    for struct in [message] + message.structs:
        for field in struct.fields:
            if field.is_struct and not field.array and (
                    (field.tag is not None and not field.by_pointer) or
                    (field.by_pointer and field.default != "null")):
                add_nested(field.struct, result)
    return result


def add_nested(struct, result):
    result.add(struct.name)
    for field in struct.fields:
        if field.is_struct and not field.array and not (field.by_pointer and field.default == "null"):
            add_nested(field.struct, result)


def constant_defaults(message):
    return {f.struct.name for s in [message] + message.structs for f in s.fields
            if f.by_pointer and f.default != "null"}


def header(messages):
    first = messages[0]
    guard = "SAMSA_GEN_PROTOCOL_%s_H" % first.file.upper()
    text = HEAD % (first.area, first.file)
    text += "#ifndef %s\n#define %s\n\n#include \"protocol/message.h\"\n\n" % (guard, guard)
    for message in messages:
        text += "/* ---- %s, versions %s */\n\n" % (message.name, message.versions)
        for struct in message.structs:
            text += StructCode(message, struct).declaration()
        text += StructCode(message, message).declaration()
        name = message.c_name
        for struct in message.structs:
            nested = struct.c_name
            text += "void %s_init(struct %s *m);\n" % (nested, nested)
            text += "struct %s *%s_new(struct arena *arena, int32_t count);\n" % (nested, nested)
        text += "\nvoid %s_init(struct %s *m);\n" % (name, name)
        text += ("enum err %s_decode(struct %s *m, int16_t version, struct cursor *c,\n"
                 "    struct arena *arena) MUST_CHECK;\n" % (name, name))
        text += "enum err %s_validate(const struct %s *m, int16_t version) MUST_CHECK;\n" % (name, name)
        text += "size_t %s_size(const struct %s *m, int16_t version);\n" % (name, name)
        text += "void %s_encode(const struct %s *m, int16_t version, struct out *o);\n" % (name, name)
        text += "void %s_dump(const struct %s *m, int16_t version, struct out *o);\n" % (name, name)
        text += "extern const struct message %s_message;\n\n" % name
    return text + "#endif\n"


def source(messages):
    first = messages[0]
    text = HEAD % (first.area, first.file)
    text += '#include "protocol/%s.h"\n\n#include "base/assert.h"\n#include "protocol/put.h"\n\n' % first.file
    for message in messages:
        compared = used_by_value_tags(message)
        constants = constant_defaults(message)
        codes = [StructCode(message, struct) for struct in message.structs + [message]]
        for code in codes:
            if code.struct.name in constants and code.struct is not message:
                text += code.default_instance()
            text += code.init()
            if code.struct is not message:
                text += NEW % {"n": code.name}
            if code.struct.name in compared and code.struct is not message:
                text += code.is_default()
        for code in codes:
            text += code.decode()
        for code in codes:
            text += code.tag_sizes()
            text += code.size()
            text += code.encode()
        for code in codes:
            text += code.description()
        text += PUBLIC % {
            "n": message.c_name,
            "name": message.name,
            "key": -1 if message.key is None else message.key,
            "first": message.versions.first,
            "last": message.versions.last,
            "stable": message.versions.last - (1 if message.latest_unstable else 0),
            "flexible": message.flexible.first if message.flexible else "INT16_MAX",
        }
    return text


NEW = """struct %(n)s *%(n)s_new(struct arena *arena, int32_t count)
{
    struct %(n)s *items = ARENA_ARRAY(arena, struct %(n)s, count);
    for (int32_t i = 0; i < count; i++)
        %(n)s_init(&items[i]);
    return items;
}

"""

PUBLIC = """enum err %(n)s_decode(struct %(n)s *m, int16_t version, struct cursor *c, struct arena *arena)
{
    if (version < %(first)d || version > %(last)d)
        return ERR_UNSUPPORTED;
    decode_%(n)s(m, version, c, arena);
    return c->err;
}

size_t %(n)s_size(const struct %(n)s *m, int16_t version)
{
    PRE(version >= %(first)d && version <= %(last)d);
    return size_%(n)s(m, version);
}

void %(n)s_encode(const struct %(n)s *m, int16_t version, struct out *o)
{
    PRE(version >= %(first)d && version <= %(last)d);
    encode_%(n)s(m, version, o);
}

enum err %(n)s_validate(const struct %(n)s *m, int16_t version)
{
    return message_validate(&%(n)s_message, m, version);
}

void %(n)s_dump(const struct %(n)s *m, int16_t version, struct out *o)
{
    message_dump(&%(n)s_message, m, version, o);
}

static enum err decode_any_%(n)s(void *m, int16_t version, struct cursor *c, struct arena *arena)
{
    return %(n)s_decode(m, version, c, arena);
}
static size_t size_any_%(n)s(const void *m, int16_t version)
{
    return %(n)s_size(m, version);
}
static void encode_any_%(n)s(const void *m, int16_t version, struct out *o)
{
    %(n)s_encode(m, version, o);
}
static void dump_any_%(n)s(const void *m, int16_t version, struct out *o)
{
    %(n)s_dump(m, version, o);
}
const struct message %(n)s_message = {
    .name = "%(name)s",
    .struct_size = sizeof(struct %(n)s),
    .api_key = %(key)d,
    .min_version = %(first)d,
    .max_version = %(last)d,
    .max_stable_version = %(stable)d,
    .flexible_from = %(flexible)s,
    .init = init_any_%(n)s,
    .decode = decode_any_%(n)s,
    .size = size_any_%(n)s,
    .encode = encode_any_%(n)s,
    .dump = dump_any_%(n)s,
    .root = &struct_%(n)s,
};

"""
