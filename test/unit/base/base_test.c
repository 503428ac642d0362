#include "test.h"

#include "base/arena.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/prng.h"
#include "base/uuid.h"

TEST(crc32c_matches_the_published_check_value)
{
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c_extend(crc32c("1234", 4), "56789", 5), 0xe3069283);
}

TEST(the_head_of_a_text_is_cut_between_characters)
{
    assert_int_equal(str_head(STR("abc"), 3).len, 3);
    assert_int_equal(str_head(STR("abcd"), 3).len, 3);
    assert_int_equal(str_head(STR("ab\xC3\xA9"), 4).len, 4);
    assert_int_equal(str_head(STR("ab\xC3\xA9"), 3).len, 2);
    assert_int_equal(str_head(STR("\xA9\xA9\xA9\xA9"), 3).len, 0);
    assert_true(str_is_null(str_head(STR_NULL, 3)));
}

TEST(uuid_text_round_trips)
{
    struct prng p = prng_seed(1);
    for (int i = 0; i < 1000; i++) {
        struct uuid u, back;
        prng_fill(&p, u.bytes, sizeof u.bytes);
        assert_ok(uuid_parse(str_of(uuid_text(u).z), &back));
        assert_true(uuid_equal(u, back));
    }
    assert_string_equal(uuid_text(UUID_METADATA_TOPIC).z, "AAAAAAAAAAAAAAAAAAAAAQ");
}

TEST(uuid_parse_ignores_the_bits_beyond_sixteen_bytes)
{
    struct uuid u;
    assert_ok(uuid_parse(STR("MkU3OEVBNTcwNTJENDM2Qk"), &u));
    assert_string_equal(uuid_text(u).z, "MkU3OEVBNTcwNTJENDM2Qg");
}

TEST(uuid_parse_refuses_bad_text)
{
    struct uuid u;
    assert_int_equal(uuid_parse(STR("AAAAAAAAAAAAAAAAAAAAA"), &u), ERR_INVALID);
    assert_int_equal(uuid_parse(STR("AAAAAAAAAAAAAAAAAAAAA+"), &u), ERR_INVALID);
}

static void count_release(void *owner)
{
    ++*(int *)owner;
}

TEST(out_keeps_order_and_releases_once)
{
    struct out a, b;
    int released = 0;
    out_init(&a);
    out_init(&b);
    out_put(&a, "head", 4);
    out_ref(&a, "-body-", 6, count_release, &released);
    out_put(&b, "tail", 4);
    out_append(&a, &b);
    assert_int_equal(a.len, 14);
    uint8_t flat[14];
    out_flatten(&a, flat);
    assert_memory_equal(flat, "head-body-tail", 14);
    assert_int_equal(released, 0);
    out_free(&a);
    assert_int_equal(released, 1);
    out_free(&b);
}

TEST(out_varints_match_zigzag)
{
    struct out o;
    out_init(&o);
    out_varint(&o, -1);
    out_varint(&o, 63);
    out_varint(&o, 64);
    out_varint(&o, INT64_MIN);
    uint8_t flat[32];
    assert_true(o.len <= 32);
    out_flatten(&o, flat);
    assert_int_equal(o.len, 14);
    assert_memory_equal(flat, "\x01\x7e\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 14);
    out_free(&o);
}

TEST(an_arena_comes_to_hold_a_round_in_one_block_and_forgets_a_huge_one)
{
    struct arena a;
    arena_init(&a, 1024);
    for (int round = 0; round < 4; round++) {
        uint8_t *first = arena_alloc(&a, 100), *last = first;
        for (int i = 1; i < 70; i++) last = arena_alloc(&a, 100);
        if (round > 0) assert_int_equal(last - first, 69 * 112); /* in one block */
        arena_reset(&a);
        assert_int_equal(a.used_bytes, 0);
    }
    arena_alloc(&a, 1 << 20);
    arena_reset(&a);
    assert_null(a.head);
    assert_true(a.block_bytes <= 16384);
    arena_free(&a);
}

TEST(arena_survives_many_sizes)
{
    struct arena a;
    arena_init(&a, 64);
    struct prng p = prng_seed(3);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 200; i++) {
            size_t size = prng_below(&p, 300);
            uint8_t *q = arena_alloc(&a, size);
            assert_int_equal((uintptr_t)q % 16, 0);
            memset(q, i, size);
        }
        arena_reset(&a);
        assert_int_equal(a.used_bytes, 0);
    }
    struct str s = arena_printf(&a, "%s-%d", "topic", 7);
    assert_string_equal(s.data, "topic-7");
    arena_free(&a);
}
