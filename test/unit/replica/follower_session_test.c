/* The follower's half of a fetch session, alone and against the leader's real half. */
#include "replica/follower_session.h"

#include "base/mem.h"
#include "fake_env.h"
#include "replica/fetch_session.h"
#include "test.h"

enum { PARTITIONS = 24, PER_TOPIC = 8 };

static struct following followings[PARTITIONS];
static struct follower_session session;
static struct arena arena;
static struct fetch_request request;
static const struct follower_session_options plain = {.partition_bytes_max = 1000};

static struct followed_log log_of(int64_t end)
{
    return (struct followed_log){0, end, end, 3};
}

static void setup(void)
{
    follower_session_init(&session);
    arena_init(&arena, 0);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        following_init(&followings[i]);
        followings[i].topic_id = UUID_SMALL((uint8_t)(1 + i / PER_TOPIC));
        followings[i].partition = i % PER_TOPIC;
    }
}

static void teardown(void)
{
    for (int32_t i = 0; i < PARTITIONS; i++) follower_session_remove(&session, &followings[i]);
    follower_session_free(&session);
    arena_free(&arena);
}

static void add(int32_t i)
{
    struct followed_log log = log_of(10);
    following_begin(&followings[i], 5, &log);
    follower_session_add(&session, &followings[i]);
}

static void grow(int32_t i)
{
    struct followed_log log = log_of(followings[i].fetch_offset + 1);
    following_moved(&followings[i], &log);
    follower_session_changed(&session, &followings[i]);
}

static void pause(int32_t i, enum following_state state)
{
    followings[i].state = state;
    follower_session_pause(&session, &followings[i]);
}

static bool next(void)
{
    arena_reset(&arena);
    fetch_request_init(&request);
    return follower_session_request(&session, &plain, &request, &arena);
}

static int32_t named(void)
{
    int32_t count = 0;
    for (int32_t i = 0; i < request.topics_count; i++) count += request.topics[i].partitions_count;
    return count;
}

static int32_t forgotten(void)
{
    int32_t count = 0;
    for (int32_t i = 0; i < request.forgotten_topics_data_count; i++)
        count += request.forgotten_topics_data[i].partitions_count;
    return count;
}

static bool answered(enum kafka_error e, int32_t id)
{
    return follower_session_answered(&session, session.sequence, session.creating, e, id);
}

TEST(nothing_is_asked_for_nothing)
{
    setup();
    assert_false(next());
    teardown();
}

TEST(the_first_request_names_everything_and_the_next_only_what_moved)
{
    setup();
    for (int32_t i = 0; i < PARTITIONS; i++) add(i);
    assert_true(next());
    assert_int_equal(request.session_id, 0);
    assert_int_equal(request.session_epoch, 0);
    assert_int_equal(named(), PARTITIONS);
    assert_int_equal(request.topics_count, PARTITIONS / PER_TOPIC); /* grouped */
    assert_int_equal(request.topics[0].partitions[0].fetch_offset, 10);
    assert_int_equal(request.topics[0].partitions[0].last_fetched_epoch, 3);
    assert_int_equal(request.topics[0].partitions[0].current_leader_epoch, 5);
    assert_int_equal(request.topics[0].partitions[0].partition_max_bytes, 1000);
    assert_true(answered(KAFKA_NONE, 77));
    assert_true(next());
    assert_int_equal(request.session_id, 77);
    assert_int_equal(request.session_epoch, 1);
    assert_int_equal(named(), 0);
    grow(3);
    assert_true(answered(KAFKA_NONE, 77));
    assert_true(next());
    assert_int_equal(request.session_epoch, 2);
    assert_int_equal(named(), 1);
    assert_int_equal(request.topics[0].partitions[0].partition, 3);
    assert_int_equal(request.topics[0].partitions[0].fetch_offset, 11);
    teardown();
}

TEST(without_a_session_every_request_names_everything)
{
    setup();
    add(0);
    add(1);
    for (int i = 0; i < 3; i++) {
        assert_true(next());
        assert_int_equal(request.session_id, 0);
        assert_int_equal(request.session_epoch, 0);
        assert_int_equal(named(), 2);
        assert_true(answered(KAFKA_NONE, 0));
        assert_true(follower_session_concerns(&followings[1], session.sequence));
    }
    teardown();
}

TEST(a_session_that_ends_is_made_anew)
{
    setup();
    add(0);
    add(1);
    next();
    answered(KAFKA_NONE, 77);
    next();
    assert_true(answered(KAFKA_NONE, 0)); /* it ended with this answer */
    next();
    assert_int_equal(request.session_epoch, 0);
    assert_int_equal(named(), 2);
    answered(KAFKA_NONE, 78);
    next();
    assert_false(answered(KAFKA_FETCH_SESSION_ID_NOT_FOUND, 0));
    next();
    assert_int_equal(request.session_id, 0);
    assert_int_equal(named(), 2);
    answered(KAFKA_NONE, 79);
    next();
    assert_false(answered(KAFKA_INVALID_FETCH_SESSION_EPOCH, 0));
    next();
    assert_int_equal(request.session_id, 79); /* dropped by this */
    assert_int_equal(request.session_epoch, 0);
    assert_int_equal(named(), 2);
    teardown();
}

TEST(epochs_wrap_to_one)
{
    setup();
    add(0);
    next();
    answered(KAFKA_NONE, 77);
    session.epoch = INT32_MAX;
    next();
    assert_int_equal(request.session_epoch, INT32_MAX);
    answered(KAFKA_NONE, 77);
    next();
    assert_int_equal(request.session_epoch, 1);
    teardown();
}

TEST(what_leaves_or_rests_is_forgotten_and_named_again_when_it_is_over)
{
    setup();
    for (int32_t i = 0; i < 3; i++) add(i);
    next();
    answered(KAFKA_NONE, 77);
    follower_session_remove(&session, &followings[0]);
    followings[1].rest_until.ns = 500;
    pause(1, FOLLOWING_RESTING);
    assert_int_equal(follower_session_wake(&session, (struct mono_time){100}), 500);
    assert_true(next());
    assert_int_equal(forgotten(), 2);
    assert_int_equal(named(), 0);
    assert_int_equal(follower_session_wake(&session, (struct mono_time){500}), INT64_MAX);
    assert_int_equal(followings[1].state, FOLLOWING_FETCHING);
    assert_true(session.joined);
    next();
    assert_int_equal(named(), 1);
    assert_int_equal(forgotten(), 0);
    teardown();
}

TEST(what_comes_back_before_the_leader_was_told_is_not_forgotten)
{
    setup();
    add(0);
    add(1);
    next();
    answered(KAFKA_NONE, 77);
    follower_session_remove(&session, &followings[0]);
    add(0);
    next();
    assert_int_equal(forgotten(), 0);
    assert_int_equal(named(), 1);
    teardown();
}

TEST(the_last_one_to_leave_is_still_forgotten)
{
    setup();
    add(0);
    next();
    follower_session_remove(&session, &followings[0]); /* while the session is being made */
    answered(KAFKA_NONE, 77);
    assert_true(next());
    assert_int_equal(forgotten(), 1);
    assert_false(next());
    teardown();
}

TEST(rests_end_in_order_of_time)
{
    setup();
    static const int64_t until[] = {30, 10, 20};
    for (int32_t i = 0; i < 3; i++) {
        add(i);
        followings[i].rest_until.ns = until[i];
        pause(i, FOLLOWING_RESTING);
    }
    assert_int_equal(follower_session_wake(&session, (struct mono_time){0}), 10);
    assert_int_equal(follower_session_wake(&session, (struct mono_time){10}), 20);
    assert_int_equal(followings[1].state, FOLLOWING_FETCHING);
    assert_int_equal(followings[2].state, FOLLOWING_RESTING);
    teardown();
}

TEST(a_failed_partition_leaves_and_may_begin_again)
{
    setup();
    add(0);
    next();
    answered(KAFKA_NONE, 77);
    pause(0, FOLLOWING_FAILED);
    assert_int_equal(session.count, 0);
    follower_session_remove(&session, &followings[0]);
    add(0);
    next();
    assert_int_equal(named(), 1);
    assert_int_equal(forgotten(), 0);
    teardown();
}

TEST(an_answer_to_an_earlier_listing_does_not_concern_a_partition)
{
    setup();
    add(0);
    next();
    answered(KAFKA_NONE, 77);
    int64_t first = session.sequence;
    assert_true(follower_session_concerns(&followings[0], first));
    grow(0);
    assert_false(follower_session_concerns(&followings[0], first)); /* stale offset */
    next();
    assert_false(follower_session_concerns(&followings[0], first)); /* listed later */
    assert_true(follower_session_concerns(&followings[0], session.sequence));
    follower_session_remove(&session, &followings[0]);
    add(0);
    assert_false(follower_session_concerns(&followings[0], session.sequence));
    teardown();
}

TEST(answers_from_before_a_reset_say_nothing)
{
    setup();
    add(0);
    next();
    answered(KAFKA_NONE, 77);
    next();
    int64_t late = session.sequence;
    follower_session_reset(&session);
    assert_false(follower_session_answered(&session, late, false, KAFKA_NONE, 77));
    assert_false(
        follower_session_answered(&session, late, false, KAFKA_FETCH_SESSION_ID_NOT_FOUND, 0));
    next();
    assert_int_equal(request.session_id, 0);
    assert_int_equal(named(), 1);
    teardown();
}

TEST(throttled_partitions_that_lag_are_left_out_and_forgotten)
{
    setup();
    for (int32_t i = 0; i < 3; i++) add(i);
    followings[0].throttled = followings[1].throttled = true;
    followings[1].lagging = false; /* in sync: never throttled */
    next();
    answered(KAFKA_NONE, 77);
    struct follower_session_options throttling = {.throttling = true};
    fetch_request_init(&request);
    assert_true(follower_session_request(&session, &throttling, &request, &arena));
    assert_int_equal(forgotten(), 1);
    assert_int_equal(named(), 0);
    next();
    assert_int_equal(named(), 1); /* the quota has room again */
    assert_int_equal(forgotten(), 0);
    teardown();
}

/* ---- against the leader's half ---- */

static struct fetch_entry *entry_of(struct fetch_session *s, const struct following *f)
{
    for (uint32_t i = 0; i < s->entries_by_key.count; i++) {
        struct fetch_entry *e = s->entries_by_key.entries[i].value;
        if (e->partition == f->partition && uuid_equal(e->topic_id, f->topic_id)) return e;
    }
    return NULL;
}

static void assert_agree(struct fetch_session *s)
{
    int32_t listed = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        const struct following *f = &followings[i];
        struct fetch_entry *e = entry_of(s, f);
        assert_int_equal(f->listed, e != NULL);
        if (!e) continue;
        listed++;
        assert_int_equal(e->fetch_offset, f->fetch_offset);
        assert_int_equal(e->last_fetched_epoch, f->last_fetched_epoch);
        assert_int_equal(e->current_leader_epoch, f->leader_epoch);
    }
    assert_int_equal(listed, s->entries_by_key.count);
}

static void move_at_random(struct prng *p)
{
    int32_t i = (int32_t)prng_below(p, PARTITIONS);
    struct following *f = &followings[i];
    bool linked = list_linked(&f->node);
    switch (prng_below(p, 6)) {
    case 0:
        if (!linked) add(i);
        break;
    case 1: follower_session_remove(&session, f); break;
    case 2:
    case 3:
        if (linked && f->state == FOLLOWING_FETCHING) grow(i);
        break;
    case 4:
        if (!linked || f->state != FOLLOWING_FETCHING) break;
        f->rest_until.ns = (int64_t)prng_below(p, 1000);
        pause(i, prng_below(p, 2) ? FOLLOWING_RESTING : FOLLOWING_ASKING_END);
        break;
    case 5:
        if (!linked || f->state != FOLLOWING_ASKING_END) break;
        f->state = FOLLOWING_FETCHING;
        grow(i);
        break;
    }
}

TEST(both_halves_of_a_session_agree_whatever_happens)
{
    struct fake_env fake;
    fake_env_init(&fake);
    struct prng p = prng_seed(7);
    struct fetch_session_cache *cache = fetch_session_cache_create(&fake.env, 10);
    setup();
    for (int round = 0; round < 20000; round++) {
        for (int n = (int)prng_below(&p, 6); n > 0; n--) move_at_random(&p);
        follower_session_wake(&session, (struct mono_time){(int64_t)prng_below(&p, 1000)});
        if (!next()) continue;
        bool full = session.creating;
        struct arena leaders;
        arena_init(&leaders, 0);
        struct fetch_session *s = NULL;
        enum kafka_error e = fetch_session_begin(cache, &request, 17, true, &leaders, &s);
        int64_t sequence = session.sequence;
        int32_t id = 0;
        if (!e) {
            id = fetch_session_id(s);
            if (id) assert_agree(s);
            fetch_session_end(s);
        }
        arena_free(&leaders);
        for (int n = (int)prng_below(&p, 3); n > 0; n--) move_at_random(&p); /* meanwhile */
        if (prng_below(&p, 20) == 0)
            follower_session_reset(&session); /* the connection broke */
        else
            follower_session_answered(&session, sequence, full, e, id);
        if (prng_below(&p, 50) == 0) { /* the leader restarted */
            fetch_session_cache_destroy(cache);
            cache = fetch_session_cache_create(&fake.env, 10);
        }
    }
    fetch_session_cache_destroy(cache);
    teardown();
}
