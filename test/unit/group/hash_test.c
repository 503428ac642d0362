#include "group/hash.h"

#include "test.h"

/* Values from java.lang.String.hashCode. */
TEST(hashes_are_those_of_java)
{
    assert_int_equal(java_string_hash(STR("")), 0);
    assert_int_equal(java_string_hash(STR("a")), 97);
    assert_int_equal(java_string_hash(STR("console-consumer-12345")), 158455506);
    assert_int_equal(java_string_hash(STR("gr\xc3\xbc\xc3\x9f"
                                          "e")),
                     98768023);
    assert_int_equal(java_string_hash(STR("\xf0\x9f\x98\x80")), 1772899);
}

TEST(lengths_are_in_utf_16_units)
{
    assert_int_equal(java_string_length(STR("abc")), 3);
    assert_int_equal(java_string_length(STR("\xc3\xbc")), 1);
    assert_int_equal(java_string_length(STR("\xf0\x9f\x98\x80")), 2);
    assert_int_equal(java_string_length(STR("\xff\xc3")), 2); /* not UTF-8: U+FFFD each */
}

/* new String(bytes, UTF_8).length() and .hashCode(), by OpenJDK 17 and 25. */
TEST(what_is_not_utf_8_is_replaced_as_often_as_java_does)
{
    static const struct {
        const char *bytes;
        int32_t length, hash;
    } rows[] = {
        {"\xff", 1, 65533},
        {"\xe2\x82", 1, 65533}, /* cut short: once */
        {"\xe2\x82x", 2, 2031643},
        {"\xf0\x9f\x98", 1, 65533},
        {"\xf0\x9f\x98x", 2, 2031643},
        {"\xf0\x9f\x98\xc3", 2, 2097056},
        {"\xe2\x82\xe2\x82\xac", 2, 2039887},
        {"\xed\xa0\x80x", 2, 2031643}, /* a surrogate: once */
        {"\xed\xa0", 1, 65533},
        {"\xc0\x80", 2, 2097056}, /* longer than need be: each byte */
        {"\xe0\x80\x80", 3, 65074269},
        {"\xf4\x90\x80\x80", 4, 2017367872}, /* beyond the last code point */
        {"\xf5\x80\x80\x80", 4, 2017367872},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(java_string_length(str_of(rows[i].bytes)), rows[i].length);
        assert_int_equal(java_string_hash(str_of(rows[i].bytes)), rows[i].hash);
    }
}

TEST(the_smallest_hash_counts_as_zero)
{
    /* "polygenelubricants" hashes to -2^31. */
    assert_int_equal(java_string_hash(STR("polygenelubricants")), INT32_MIN);
    assert_int_equal(java_string_partition(STR("polygenelubricants"), 50), 0);
    assert_int_equal(java_string_partition(STR("a"), 50), 47);
}
