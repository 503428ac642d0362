#include "test.h"

#include "cli/select.h"

static bool matches(const char *patterns, const char *name, bool exclude_internal)
{
    struct name_filter f;
    assert_true(name_filter_init(&f, patterns, exclude_internal));
    bool result = name_filter_matches(&f, str_of(name));
    if (!f.all) regfree(&f.regex);
    return result;
}

TEST(a_pattern_matches_the_whole_name)
{
    assert_true(matches("orders", "orders", false));
    assert_false(matches("orders", "orders2", false));
    assert_true(matches("orders.*", "orders2", false));
    assert_true(matches(NULL, "anything", false));
}

TEST(commas_are_alternatives_and_quotes_and_spaces_go)
{
    assert_true(matches("a, b", "b", false));
    assert_true(matches("'a'", "a", false));
    assert_false(matches("a,b", "a,b", false));
}

TEST(internal_topics_can_be_left_out)
{
    assert_true(matches(".*", "__consumer_offsets", false));
    assert_false(matches(".*", "__consumer_offsets", true));
    assert_true(matches(NULL, "__mine", true));
}

TEST(a_malformed_pattern_is_refused)
{
    struct name_filter f;
    assert_false(name_filter_init(&f, "a(", false));
}
