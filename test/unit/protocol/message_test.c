/* Every message at every version: out and back, cut short, and with what a later Kafka might
 * add. */
#include "test.h"

#include "base/mem.h"
#include "protocol/alter_configs.h"
#include "protocol/message.h"
#include "random_message.h"

enum { ROUNDS = 4 };

struct encoded {
    uint8_t *data;
    size_t len;
};

static struct encoded encode(const struct message *type, const void *m, int16_t version)
{
    struct out o;
    out_init(&o);
    type->encode(m, version, &o);
    struct encoded e = {mem_alloc((size_t)o.len), (size_t)o.len};
    out_flatten(&o, e.data);
    out_free(&o);
    return e;
}

static void fail_at(const struct message *type, int16_t version, const char *what)
{
    fail_msg("%s version %d: %s", type->name, version, what);
}

static void round_trip(const struct message *type, int16_t version, struct prng *prng,
                       struct arena *arena)
{
    void *m = random_message(type, version, prng, arena);
    if (message_validate(type, m, version)) fail_at(type, version, "does not validate");
    struct encoded e = encode(type, m, version);
    if (type->size(m, version) != e.len)
        fail_at(type, version, "size differs from what encode wrote");

    void *back = arena_alloc(arena, type->struct_size);
    struct cursor c = cursor_of(e.data, e.len);
    if (type->decode(back, version, &c, arena) || cursor_finish(&c))
        fail_at(type, version, "does not decode whole");
    if (!same_message(type, version, m, back)) fail_at(type, version, "comes back different");
    struct encoded again = encode(type, back, version);
    if (again.len != e.len || memcmp(again.data, e.data, e.len) != 0)
        fail_at(type, version, "encodes differently the second time");
    mem_free(again.data);
    mem_free(e.data);
}

TEST(every_message_of_every_version_comes_back_as_it_was)
{
    struct prng prng = prng_seed(1);
    struct arena arena;
    arena_init(&arena, 0);
    int32_t count;
    const struct message *const *all = message_all(&count);
    assert_true(count > 200);
    for (int32_t i = 0; i < count; i++)
        for (int16_t v = all[i]->min_version; v <= all[i]->max_version; v++)
            for (int round = 0; round < ROUNDS; round++) {
                round_trip(all[i], v, &prng, &arena);
                arena_reset(&arena);
            }
    arena_free(&arena);
}

TEST(every_message_cut_short_anywhere_is_an_error)
{
    struct prng prng = prng_seed(2);
    struct arena arena;
    arena_init(&arena, 0);
    int32_t count;
    const struct message *const *all = message_all(&count);
    for (int32_t i = 0; i < count; i++) {
        for (int16_t v = all[i]->min_version; v <= all[i]->max_version; v++) {
            void *m = random_message(all[i], v, &prng, &arena);
            struct encoded e = encode(all[i], m, v);
            void *back = arena_alloc(&arena, all[i]->struct_size);
            for (size_t len = 0; len < e.len; len++) {
                /* A copy of just that size, so that ASan sees a read past the cut. */
                uint8_t *cut = mem_dup(e.data, len);
                struct cursor c = cursor_of(cut, len);
                if (!all[i]->decode(back, v, &c, &arena))
                    fail_at(all[i], v, "decodes although it is cut short");
                mem_free(cut);
            }
            mem_free(e.data);
            arena_reset(&arena);
        }
    }
    arena_free(&arena);
}

TEST(versions_outside_the_valid_range_are_unsupported)
{
    struct arena arena;
    arena_init(&arena, 0);
    int32_t count;
    const struct message *const *all = message_all(&count);
    uint8_t zeros[64] = {0};
    for (int32_t i = 0; i < count; i++) {
        void *m = arena_zalloc(&arena, 1, all[i]->struct_size);
        all[i]->init(m);
        const int16_t wrong[] = {(int16_t)(all[i]->min_version - 1),
                                 (int16_t)(all[i]->max_version + 1), -1, INT16_MAX};
        for (size_t k = 0; k < 4; k++) {
            struct cursor c = cursor_of(zeros, sizeof zeros);
            assert_int_equal(all[i]->decode(m, wrong[k], &c, &arena), ERR_UNSUPPORTED);
            assert_int_equal(message_validate(all[i], m, wrong[k]), ERR_UNSUPPORTED);
        }
    }
    arena_free(&arena);
}

TEST(a_text_for_people_is_cut_where_a_string_ends)
{
    static char names[INT16_MAX + 2];
    memset(names, 'n', sizeof names);
    for (int32_t len = INT16_MAX; len <= INT16_MAX + 1; len++) {
        struct alter_configs_response r;
        alter_configs_response_init(&r);
        r.responses = &(struct alter_configs_response_alter_configs_resource_response){
            .error_message = {names, len}, .resource_name = STR("")};
        r.responses_count = 1;
        for (int16_t v = 0; v <= 2; v++) {
            struct encoded e = encode(&alter_configs_response_message, &r, v);
            assert_int_equal(e.len, alter_configs_response_size(&r, v));
            assert_in_range(e.len, INT16_MAX, INT16_MAX + 32);
            mem_free(e.data);
        }
    }
}

TEST(messages_stand_in_name_order_and_each_once)
{
    int32_t count;
    const struct message *const *all = message_all(&count);
    for (int32_t i = 1; i < count; i++) assert_true(strcmp(all[i - 1]->name, all[i]->name) < 0);
}
