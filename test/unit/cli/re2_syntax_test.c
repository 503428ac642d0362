#include "test.h"

#include "cli/re2_syntax.h"

TEST(what_re2_takes_is_taken)
{
    static const char *const texts[] = {
        "",        ".*",       "\\d+",     "(?i)a",       "a.*?b",          "(?P<n>a)",
        "(?<n>a)", "[]a]",     "[^]a]",    "[a-c-e]",     "a{2,}b",         "a{,2}",
        "x{",      "(?:a|b)*", "\\Q(*\\E", "[[:alpha:]]", "\\pN\\p{Greek}", "\\x41\\x{263a}",
        "\\012",   "^*",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_null(re2_syntax_wrong(texts[i]));
}

TEST(what_re2_refuses_is_refused_in_its_words)
{
    static const char *const cases[][2] = {
        {"(?=a)b", "invalid or unsupported Perl syntax"},
        {"(?!a)b", "invalid or unsupported Perl syntax"},
        {"(?<=a)b", "invalid or unsupported Perl syntax"},
        {"(?", "invalid or unsupported Perl syntax"},
        {"(?<", "invalid named capture"},
        {"(?P<a b>c)", "invalid named capture"},
        {"(a)\\1", "invalid escape sequence"},
        {"\\8", "invalid escape sequence"},
        {"\\y", "invalid escape sequence"},
        {"\\x", "invalid escape sequence"},
        {"\\x{", "invalid escape sequence"},
        {"a++", "invalid nested repetition operator"},
        {"a**", "invalid nested repetition operator"},
        {"a{2}{3}", "invalid nested repetition operator"},
        {"*a", "missing argument to repetition operator"},
        {"a|*b", "missing argument to repetition operator"},
        {"(*a)", "missing argument to repetition operator"},
        {"a{1001}", "invalid repeat count"},
        {"a{2,1}", "invalid repeat count"},
        {"[z-a]", "invalid character class range"},
        {"[[:nosuch:]]", "invalid character class range"},
        {"\\p{Lower}", "invalid character class range"},
        {"\\p", "invalid character class range"},
        {"\\p{", "invalid character class range"},
        {"[a", "missing closing ]"},
        {"[", "missing closing ]"},
        {"[^", "missing closing ]"},
        {"(a", "missing closing )"},
        {"a)", "regexp/syntax: internal error"},
        {"a\\", "trailing backslash at end of expression"},
        {"[\\", "trailing backslash at end of expression"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why = re2_syntax_wrong(cases[i][0]);
        assert_non_null(why);
        assert_string_equal(why, cases[i][1]);
    }
}
