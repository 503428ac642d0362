#include "test.h"

#include "cli/select.h"

static bool matches(const char *patterns, const char *name, bool exclude_internal)
{
    struct name_filter f;
    assert_true(name_filter_init(&f, patterns, exclude_internal));
    bool result = name_filter_matches(&f, str_of(name));
    name_filter_free(&f);
    return result;
}

TEST(a_pattern_matches_the_whole_name)
{
    assert_true(matches("orders", "orders", false));
    assert_false(matches("orders", "orders2", false));
    assert_true(matches("orders.*", "orders2", false));
    assert_true(matches(NULL, "anything", false));
}

TEST(patterns_are_written_as_for_java)
{
    assert_true(matches("\\w+-\\d{2}", "topic-42", false));
    assert_true(matches("(?i)ORDERS", "orders", false));
    assert_true(matches("o.*?s", "orders", false));
    assert_true(matches("(?!__).*", "orders", false));
    assert_false(matches("(?!__).*", "__orders", false));
    assert_true(matches("[^_]+", "orders", false));
    assert_true(matches("\\p{Lower}+[\\p{Digit}]", "orders1", false));
    assert_false(matches("\\P{Lower}+", "orders", false));
    assert_true(matches("orde\\u0072s", "orders", false));
    assert_true(matches("\\Qa.b\\E.*", "a.bc", false));
    assert_false(matches("\\Qa.b\\E", "axb", false));
    assert_false(matches("a++a", "aaa", false));
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

static void refused(const char *text, const char *complaint)
{
    struct java_pattern p;
    char why[JAVA_PATTERN_WHY_MAX];
    assert_false(java_pattern_compile(&p, text, why));
    assert_string_equal(why, complaint);
}

TEST(a_malformed_pattern_is_refused_in_java_s_words)
{
    refused("[", "Unclosed character class near index 0\n[\n^");
    refused("a(", "Unclosed group near index 2\na(");
    refused("*", "Dangling meta character '*' near index 0\n*\n^");
    refused("a)", "Unmatched closing ')' near index 0\na)\n^");
}

TEST(text_that_ends_too_early_is_refused)
{
    static const char *const texts[] = {"\\", "\\p", "\\p{", "\\u",  "\\x{",
                                        "[a", "[^",  "a{",   "a{,3}"};
    struct java_pattern p;
    char why[JAVA_PATTERN_WHY_MAX];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(java_pattern_compile(&p, texts[i], why));
}
