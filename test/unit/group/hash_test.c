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

TEST(the_smallest_hash_counts_as_zero)
{
    /* "polygenelubricants" hashes to -2^31. */
    assert_int_equal(java_string_hash(STR("polygenelubricants")), INT32_MIN);
    assert_int_equal(java_string_partition(STR("polygenelubricants"), 50), 0);
    assert_int_equal(java_string_partition(STR("a"), 50), 47);
}
