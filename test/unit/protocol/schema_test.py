#!/usr/bin/env python3
"""The generator refuses schemas that cannot be or that would break a format, and says where."""

import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

import generate  # noqa: E402
from schema_gen import emit_tables, model, parse  # noqa: E402

HEAD = "data Thing: versions 0-3, flexible 2+\n"


def messages(text):
    parser = parse.Parser("thing.schema", "common")
    found = parser.parse(text)
    parse.check_together(found)
    return found


class Refuses(unittest.TestCase):
    def refuses(self, text, why):
        with self.assertRaises(model.SchemaError) as caught:
            messages(text)
        self.assertIn(why, str(caught.exception))
        self.assertRegex(str(caught.exception), r"^thing\.schema:\d+: ")

    def field(self, line, why):
        self.refuses(HEAD + "    " + line + "\n", why)

    def test_two_fields_with_one_tag(self):
        self.refuses(HEAD + "    A: int32 2+, tag 0\n    B: int32 2+, tag 0\n", "tag 0 belongs to A")

    def test_gaps_between_tags(self):
        self.refuses(HEAD + "    A: int32 2+, tag 1\n", "gap")

    def test_a_tag_before_the_message_is_flexible(self):
        self.field("A: int32 1+, tag 0", "before the message is flexible")

    def test_a_tag_in_a_message_that_is_never_flexible(self):
        self.refuses("data T: versions 0, flexible none\n    A: int32, tag 0\n", "flexible")

    def test_a_tag_that_ends(self):
        self.field("A: int32 2+, tag 0 2-2", "open-ended")

    def test_a_field_that_ends_while_tagged(self):
        self.field("A: int32 2-3, tag 0", "never goes away")

    def test_a_tagged_field_nullable_in_some_versions(self):
        self.field("A: string 2+, nullable 3+, tag 0 2+", "some tagged versions")

    def test_text_that_is_no_string(self):
        self.field("A: int32, text", "only a string is text")
        self.field("A: []string, text", "only a string is text")

    def test_tagged_records(self):
        self.field("A: records 2+, tag 0", "cannot be tagged")

    def test_fields_outside_the_messages_versions(self):
        self.field("A: int32 4+", "no valid version")

    def test_fields_that_outlive_their_struct(self):
        self.refuses(HEAD + "    A: []S 0-1\n        B: int32 0-2\n", "ends after its parent")

    def test_versions_that_run_backwards(self):
        self.field("A: int32 3-2", "backwards")

    def test_versions_that_are_none(self):
        self.field("A: int32 x", "bad versions")

    def test_open_message_versions(self):
        self.refuses("data T: versions 0+, flexible 0+\n    A: int32\n", "write N-M")

    def test_flexible_versions_that_end(self):
        self.refuses("data T: versions 0-3, flexible 1-2\n    A: int32\n", "never end")

    def test_messages_that_do_not_say_flexible(self):
        self.refuses("data T: versions 0\n    A: int32\n", "flexible")

    def test_null_as_default_where_null_is_not_allowed_throughout(self):
        self.field("A: string, nullable 1+, default null", "not all versions")

    def test_nullable_integers(self):
        self.field("A: int32, nullable", "cannot be null")

    def test_defaults_out_of_range(self):
        self.field("A: int8, default 128", "out of range")
        self.field("A: uint16, default -1", "out of range")

    def test_defaults_that_are_no_number(self):
        self.field("A: int32, default many", "no number")

    def test_texts_as_default(self):
        self.field("A: string, default abc", "the default of a string")

    def test_unknown_types(self):
        self.field("A: []Missing", "unknown type")

    def test_unknown_attributes(self):
        self.field("A: int32, optional", "unknown attribute")

    def test_own_requests_among_kafkas_keys_and_kafkas_among_ours(self):
        for head in ("request Thing: key 93, versions 0-0, flexible 0+, own\n",
                     "request Thing: key 10000, versions 0-0, flexible 0+\n",
                     "data Thing: versions 0-0, flexible 0+, own\n"):
            self.refuses(head + "    A: int32\n", "own requests, and no others")

    def test_entities_of_another_type(self):
        self.field("A: int64, entity brokerId", "brokerId is a int32")

    def test_attributes_twice(self):
        self.field("A: string, nullable, nullable", "twice")

    def test_fields_twice(self):
        self.refuses(HEAD + "    Ab: int32\n    ab: int32\n", "stands twice")

    def test_structs_twice(self):
        self.refuses(HEAD + "    A: []S\n        B: int32\n    C: []S\n        D: int32\n", "two structs")

    def test_structs_in_themselves(self):
        self.refuses(HEAD + "    A: []S\n    struct S\n        B: []S\n", "contains itself")

    def test_structs_used_in_versions_they_lack(self):
        self.refuses(HEAD + "    A: []S\n    struct S 1+\n        B: int32\n", "does not exist in all")

    def test_fields_under_a_number(self):
        self.refuses(HEAD + "    A: int32\n        B: int32\n", "has no fields")

    def test_odd_indentation(self):
        self.refuses(HEAD + "   A: int32\n", "indent by steps")
        self.refuses(HEAD + "        A: int32\n", "deeper")

    def test_fields_of_a_removed_message(self):
        self.refuses("request GoneRequest: key 4, versions none\n    A: int32\n", "no version is valid")

    def test_a_request_without_response(self):
        self.refuses("request ARequest: key 1, versions 0, flexible 0+\n    A: int32\n", "counterpart")

    def test_a_response_of_other_versions(self):
        self.refuses("request ARequest: key 1, versions 0, flexible 0+\n    A: int32\n"
                     "response AResponse: key 1, versions 0-1, flexible 0+\n    A: int32\n", "differ")

    def test_a_key_twice(self):
        self.refuses("metadata A: id 1, versions 0, flexible 0+\n    A: int32\n"
                     "metadata B: id 1, versions 0, flexible 0+\n    A: int32\n", "key 1 is A's")

    def test_two_structs_of_one_c_name(self):
        self.refuses("data Ab: versions 0, flexible none\n    A: []C\n        D: int32\n"
                     "data AbC: versions 0, flexible none\n    A: int32\n", "exists in")


class Reads(unittest.TestCase):
    def test_versions_nest(self):
        thing, = messages(HEAD + "    A: []S 1-2\n        B: string 2+, nullable, default null\n")
        a = thing.fields[0]
        self.assertEqual(repr(a.versions), "1-2")
        self.assertEqual(repr(a.struct.fields[0].versions), "2")
        self.assertEqual(repr(a.struct.fields[0].nullable), "2")

    def test_comments_belong_to_the_next_line(self):
        thing, = messages("# far\n\n" + HEAD + "    # near\n    # and more\n    A: int32\n    B: int32\n")
        self.assertEqual(thing.doc, [])
        self.assertEqual(thing.fields[0].doc, ["near", "and more"])
        self.assertEqual(thing.fields[1].doc, [])

    def test_names_in_c(self):
        self.assertEqual(model.snake("KRaftVersionFeature"), "kraft_version_feature")
        self.assertEqual(model.snake("PartitionMaxBytes"), "partition_max_bytes")
        message = model.Message("x", "data", "FetchResponse")
        self.assertEqual(model.nested_c_name(message, "FetchResponseTopic"), "fetch_response_topic")
        self.assertEqual(model.nested_c_name(message, "Topic"), "fetch_response_topic")


class Errors(unittest.TestCase):
    def errors(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".schema") as file:
            file.write(text)
            file.flush()
            return emit_tables.parse_errors(file.name)

    def test_codes_and_names_stand_once(self):
        with self.assertRaises(model.SchemaError):
            self.errors("1 A AException: x\n1 B BException: y\n")
        with self.assertRaises(model.SchemaError):
            self.errors("1 A AException: x\n2 A BException: y\n")

    def test_flags_are_known(self):
        with self.assertRaises(model.SchemaError):
            self.errors("1 A AException sometimes: x\n")
        self.assertEqual(self.errors("1 A AException retriable: x\n"),
                         [(1, "A", "AException", True, False, "x")])


class Writes(unittest.TestCase):
    def test_unchanged_files_keep_their_time_and_stale_ones_go(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            arguments = ["generate.py", "--schema", os.path.join(ROOT, "schema"), "--out", out]
            sys.argv = arguments
            generate.main()
            fetch = os.path.join(out, "fetch.c")
            os.utime(fetch, (1, 1))
            stale = os.path.join(out, "stale.c")
            with open(stale, "w", encoding="utf-8"):
                pass
            generate.main()
            self.assertEqual(os.stat(fetch).st_mtime, 1)
            self.assertFalse(os.path.exists(stale))

    def test_the_same_schema_gives_the_same_text(self):
        schema = os.path.join(ROOT, "schema")
        self.assertEqual(generate.outputs(schema), generate.outputs(schema))


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout).run(suite)
    bad = len(result.failures) + len(result.errors)
    print("schema language: %d passed, %d failed" % (result.testsRun - bad, bad))
    sys.exit(1 if bad else 0)
