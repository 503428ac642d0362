#include "test.h"

#include <stdio.h>

#include "config/properties.h"

static struct arena arena;

static struct properties parse(const char *text)
{
    struct properties p;
    int32_t bad_line = 0;
    arena_init(&arena, 0);
    assert_ok(properties_parse(str_of(text), &arena, &p, &bad_line));
    return p;
}

#define assert_property(p, key, expected)              \
    do {                                               \
        struct str got_ = properties_get(&(p), (key)); \
        assert_false(str_is_null(got_));               \
        assert_string_equal(got_.data, (expected));    \
    } while (0)

TEST(separators_are_equals_colon_or_space)
{
    struct properties p = parse("a=1\nb: 2\nc 3\nd = 4\ne\t:5\nf\n=x\ng= = 7");
    assert_property(p, "a", "1");
    assert_property(p, "b", "2");
    assert_property(p, "c", "3");
    assert_property(p, "d", "4");
    assert_property(p, "e", "5");
    assert_property(p, "f", "");
    assert_property(p, "", "x");
    assert_property(p, "g", "= 7");
    arena_free(&arena);
}

TEST(comments_and_blank_lines_are_skipped_and_do_not_continue)
{
    struct properties p = parse("# one \\\na=1\n\n   ! two\n \t\r\nb=2\r\nc=3\r#x\rd=4");
    assert_int_equal(p.count, 4);
    assert_property(p, "a", "1");
    assert_property(p, "d", "4");
    assert_int_equal(p.items[0].line, 2);
    assert_int_equal(p.items[1].line, 6);
    assert_int_equal(p.items[2].line, 7);
    arena_free(&arena);
}

TEST(a_trailing_backslash_continues_and_drops_leading_space)
{
    struct properties p = parse("list=a,\\\n   b,\\\r\n\tc\nodd=x\\\\\neven=y\\\\\\\n z\nlast=q\\");
    assert_property(p, "list", "a,b,c");
    assert_property(p, "odd", "x\\");
    assert_property(p, "even", "y\\z");
    assert_property(p, "last", "q");
    assert_int_equal(p.items[1].line, 4);
    arena_free(&arena);
}

TEST(escapes_are_resolved_in_keys_and_values)
{
    struct properties p = parse("a\\=b\\:c\\ d = \\u00e9\\t\\q\\u20ac ");
    assert_property(p, "a=b:c d", "\xc3\xa9\tq\xe2\x82\xac ");
    arena_free(&arena);
}

TEST(a_malformed_unicode_escape_names_its_line)
{
    struct properties p;
    int32_t bad_line = 0;
    arena_init(&arena, 0);
    assert_int_equal(properties_parse(STR("a=1\nb=\\u12x4\n"), &arena, &p, &bad_line), ERR_INVALID);
    assert_int_equal(bad_line, 2);
    assert_int_equal(properties_parse(STR("b=\\u12"), &arena, &p, &bad_line), ERR_INVALID);
    assert_int_equal(bad_line, 1);
    arena_free(&arena);
}

TEST(the_last_duplicate_wins)
{
    struct properties p = parse("a=1\na=2\n");
    assert_property(p, "a", "2");
    assert_true(str_is_null(properties_get(&p, "b")));
    arena_free(&arena);
}

TEST(what_is_escaped_reads_back)
{
    arena_init(&arena, 0);
    struct str key = STR("a b=c"), value = STR(" x:y\\z\n#");
    struct str line = arena_printf(&arena, "%s=%s", properties_escape(&arena, key, true).data,
                                   properties_escape(&arena, value, false).data);
    struct properties p;
    int32_t bad_line;
    assert_ok(properties_parse(line, &arena, &p, &bad_line));
    assert_true(str_equal(properties_get(&p, "a b=c"), value));
    arena_free(&arena);
}

TEST(a_file_of_many_lines_takes_its_own_size_and_not_its_square)
{
    enum { LINES = 20000 };
    struct arena text;
    arena_init(&text, 0);
    char *z = arena_alloc(&text, LINES * 16);
    size_t len = 0;
    for (int i = 0; i < LINES; i++) len += (size_t)snprintf(z + len, 16, "k%d=%d\n", i, i);
    struct properties p;
    int32_t bad_line;
    arena_init(&arena, 0);
    assert_ok(properties_parse((struct str){z, (int32_t)len}, &arena, &p, &bad_line));
    assert_int_equal(p.count, LINES);
    assert_property(p, "k19999", "19999");
    assert_true(arena.used_bytes < 40 * len);
    arena_free(&arena);
    arena_free(&text);
}
