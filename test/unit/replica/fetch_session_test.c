#include "test.h"

#include "fake_env.h"
#include "replica/fetch_session.h"

/* One fetcher's requests: partitions 0..count-1 of topic "t", all at offset `at`. */
struct ask {
    struct fetch_request rq;
    struct fetch_request_fetch_topic topic;
    struct fetch_request_fetch_partition partitions[64];
    struct fetch_request_forgotten_topic forgotten;
    int32_t forgotten_partition;
    struct arena arena;
};

static struct ask *ask(struct ask *a, int32_t id, int32_t epoch, int32_t count, int64_t at)
{
    *a = (struct ask){0};
    arena_init(&a->arena, 0);
    fetch_request_init(&a->rq);
    a->rq.session_id = id;
    a->rq.session_epoch = epoch;
    a->rq.topics = &a->topic;
    a->rq.topics_count = count > 0;
    a->topic = (struct fetch_request_fetch_topic){.topic = STR("t"),
                                                  .topic_id = UUID_SMALL(77),
                                                  .partitions = a->partitions,
                                                  .partitions_count = count};
    for (int32_t i = 0; i < count; i++) {
        fetch_request_fetch_partition_init(&a->partitions[i]);
        a->partitions[i].partition = i;
        a->partitions[i].fetch_offset = at;
        a->partitions[i].partition_max_bytes = 1000;
    }
    return a;
}

static void forget(struct ask *a, int32_t partition)
{
    a->forgotten_partition = partition;
    a->forgotten = (struct fetch_request_forgotten_topic){.topic = STR("t"),
                                                          .topic_id = UUID_SMALL(77),
                                                          .partitions = &a->forgotten_partition,
                                                          .partitions_count = 1};
    a->rq.forgotten_topics_data = &a->forgotten;
    a->rq.forgotten_topics_data_count = 1;
}

static struct fake_env world;
static struct purgatory replicas[64]; /* partition i is replica i */

static struct fetch_session_cache *cache_of(int32_t slots)
{
    fake_env_init(&world);
    for (int i = 0; i < 64; i++) purgatory_init(&replicas[i]);
    return fetch_session_cache_create(&world.env, slots);
}

static struct fetch_session *begin(struct fetch_session_cache *c, struct ask *a, int16_t version)
{
    struct fetch_session *s = NULL;
    assert_int_equal(fetch_session_begin(c, &a->rq, version, false, &a->arena, &s), KAFKA_NONE);
    return s;
}

static enum kafka_error begin_error(struct fetch_session_cache *c, struct ask *a, int16_t version)
{
    struct fetch_session *s = NULL;
    enum kafka_error e = fetch_session_begin(c, &a->rq, version, false, &a->arena, &s);
    assert_null(s);
    arena_free(&a->arena);
    return e;
}

static const struct fetch_outcome nothing = {.high_watermark = 5, .log_start_offset = 0};

/* Answer everything dirty with `o`; returns how many stood in the answer, and their partitions. */
static int32_t answer(struct fetch_session *s, const struct fetch_outcome *o, int32_t *partitions)
{
    struct fetch_entry *entries[64];
    int32_t count = 0, reported = 0;
    LIST_EACH(&s->dirty, node) entries[count++] = fetch_entry_of(node);
    for (int32_t i = 0; i < count; i++) {
        struct fetch_entry *e = entries[i];
        if (!e->replica)
            fetch_entry_attach(e, (struct replica *)(void *)&replicas[e->partition],
                               &replicas[e->partition]);
        if (fetch_entry_reports(e, o)) partitions[reported++] = e->partition;
        fetch_entry_answered(e, o);
    }
    return reported;
}

static int32_t round_trip(struct fetch_session_cache *c, struct ask *a, int16_t version,
                          const struct fetch_outcome *o, int32_t *reported, int32_t *partitions)
{
    struct fetch_session *s = begin(c, a, version);
    int32_t id = fetch_session_id(s);
    *reported = answer(s, o, partitions);
    fetch_session_end(s);
    arena_free(&a->arena);
    return id;
}

static void move(int32_t partition, int64_t visible, bool gone)
{
    struct replica_movement m = {
        .appended_bytes = visible, .visible_bytes = visible, .stable_bytes = visible, .gone = gone};
    purgatory_moved(&replicas[partition], &m);
}

TEST(a_fetch_without_a_session_lists_every_partition_and_leaves_nothing_behind)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    assert_int_equal(round_trip(c, ask(&a, 0, -1, 3, 5), 12, &nothing, &n, p), 0);
    assert_int_equal(n, 3);
    assert_int_equal(fetch_session_cache_sessions(c), 0);
    assert_true(list_empty(&replicas[0].watches));
    fetch_session_cache_destroy(c);
}

TEST(an_incremental_fetch_lists_what_moved_only)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    int32_t id = round_trip(c, ask(&a, 0, 0, 3, 5), 12, &nothing, &n, p);
    assert_int_not_equal(id, 0);
    assert_int_equal(n, 3);
    assert_int_equal(round_trip(c, ask(&a, id, 1, 0, 0), 12, &nothing, &n, p), id);
    assert_int_equal(n, 0);
    move(1, 100, false);
    struct fetch_session *s = begin(c, ask(&a, id, 2, 0, 0), 12);
    assert_ptr_equal(s->dirty.next, s->dirty.prev); /* one entry is looked at, not three */
    struct fetch_outcome data = {.high_watermark = 7, .bytes = 100};
    assert_int_equal(answer(s, &data, p), 1);
    assert_int_equal(p[0], 1);
    fetch_session_end(s);
    arena_free(&a.arena);
    fetch_session_cache_destroy(c);
}

TEST(a_full_fetch_in_a_session_drops_it_and_makes_another)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    int32_t id = round_trip(c, ask(&a, 0, 0, 3, 5), 12, &nothing, &n, p);
    int32_t second = round_trip(c, ask(&a, id, 0, 2, 5), 12, &nothing, &n, p);
    assert_int_equal(n, 2);
    assert_int_not_equal(second, id);
    assert_int_equal(fetch_session_cache_sessions(c), 1);
    assert_int_equal(fetch_session_cache_entries(c), 2);
    assert_int_equal(begin_error(c, ask(&a, id, 1, 0, 0), 12), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    fetch_session_cache_destroy(c);
}

TEST(a_final_fetch_drops_the_session)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    int32_t id = round_trip(c, ask(&a, 0, 0, 3, 5), 12, &nothing, &n, p);
    assert_int_equal(round_trip(c, ask(&a, id, -1, 1, 5), 12, &nothing, &n, p), 0);
    assert_int_equal(n, 1);
    assert_int_equal(fetch_session_cache_sessions(c), 0);
    assert_int_equal(fetch_session_cache_entries(c), 0);
    fetch_session_cache_destroy(c);
}

TEST(wrong_ids_epochs_and_topic_forms_are_refused)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    int32_t id = round_trip(c, ask(&a, 0, 0, 1, 5), 12, &nothing, &n, p);
    assert_int_equal(begin_error(c, ask(&a, id ^ 1, 1, 0, 0), 12),
                     KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    assert_int_equal(begin_error(c, ask(&a, 0, 1, 0, 0), 12), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    assert_int_equal(begin_error(c, ask(&a, id, 2, 0, 0), 12), KAFKA_INVALID_FETCH_SESSION_EPOCH);
    assert_int_equal(begin_error(c, ask(&a, id, 1, 0, 0), 13), KAFKA_FETCH_SESSION_TOPIC_ID_ERROR);
    /* none of these spoiled it */
    assert_int_equal(round_trip(c, ask(&a, id, 1, 0, 0), 12, &nothing, &n, p), id);
    fetch_session_cache_destroy(c);
}

TEST(epochs_wrap_to_one)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    int32_t id = round_trip(c, ask(&a, 0, 0, 1, 5), 13, &nothing, &n, p);
    struct fetch_session *s = begin(c, ask(&a, id, 1, 0, 0), 13);
    s->epoch = INT32_MAX;
    arena_free(&a.arena);
    assert_int_equal(round_trip(c, ask(&a, id, INT32_MAX, 0, 0), 13, &nothing, &n, p), id);
    assert_int_equal(round_trip(c, ask(&a, id, 1, 0, 0), 13, &nothing, &n, p), id);
    fetch_session_cache_destroy(c);
}

TEST(partitions_are_added_changed_and_forgotten)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    int32_t id = round_trip(c, ask(&a, 0, 0, 2, 5), 13, &nothing, &n, p);
    struct fetch_session *s = begin(c, ask(&a, id, 1, 3, 9), 13); /* 0, 1 changed; 2 new */
    assert_int_equal(s->entries_count, 3);
    assert_int_equal(fetch_entry_of(s->dirty.next)->fetch_offset, 9);
    assert_int_equal(answer(s, &nothing, p), 1);
    assert_int_equal(p[0], 2);
    arena_free(&a.arena);
    ask(&a, id, 2, 0, 0);
    forget(&a, 1);
    s = begin(c, &a, 13);
    assert_int_equal(s->entries_count, 2);
    assert_true(list_empty(&replicas[1].watches));
    arena_free(&a.arena);
    fetch_session_cache_destroy(c);
}

TEST(forgetting_the_last_partition_ends_the_session)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    int32_t id = round_trip(c, ask(&a, 0, 0, 1, 5), 13, &nothing, &n, p);
    ask(&a, id, 1, 0, 0);
    forget(&a, 0);
    assert_int_equal(round_trip(c, &a, 13, &nothing, &n, p), 0);
    assert_int_equal(n, 0);
    assert_int_equal(fetch_session_cache_sessions(c), 0);
    fetch_session_cache_destroy(c);
}

TEST(a_partition_answered_with_data_waits_behind_the_others)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    struct fetch_outcome more = {.high_watermark = 9, .readable = true};
    int32_t id = round_trip(c, ask(&a, 0, 0, 3, 5), 13, &more, &n, p);
    struct fetch_session *s = begin(c, ask(&a, id, 1, 0, 0), 13);
    struct fetch_outcome data = {.high_watermark = 9, .bytes = 10};
    fetch_entry_answered(fetch_entry_of(s->dirty.next), &data);
    assert_int_equal(fetch_entry_of(s->dirty.next)->partition, 1);
    assert_int_equal(fetch_entry_of(s->dirty.prev)->partition, 0);
    arena_free(&a.arena);
    fetch_session_cache_destroy(c);
}

TEST(after_an_error_a_partition_is_sent_again_though_nothing_changed)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    int32_t id = round_trip(c, ask(&a, 0, 0, 2, 5), 13, &nothing, &n, p);
    move(0, 0, false);
    struct fetch_outcome failed = {
        .error = KAFKA_NOT_LEADER_OR_FOLLOWER, .high_watermark = -1, .log_start_offset = -1};
    round_trip(c, ask(&a, id, 1, 0, 0), 13, &failed, &n, p);
    assert_int_equal(n, 1);
    round_trip(c, ask(&a, id, 2, 0, 0), 13, &nothing, &n, p);
    assert_int_equal(n, 1);
    round_trip(c, ask(&a, id, 3, 0, 0), 13, &nothing, &n, p);
    assert_int_equal(n, 0);
    fetch_session_cache_destroy(c);
}

static int wakes;

static void woken(struct fetch_session *s)
{
    assert_ptr_equal(fetch_session_unpark(s), &wakes);
    wakes++;
}

/* Begin, read everything with `o` and park for `missing` bytes. */
static struct fetch_session *parked(struct fetch_session_cache *c, struct ask *a,
                                    const struct fetch_outcome *o, int64_t missing)
{
    struct fetch_session *s = begin(c, a, 13);
    LIST_EACH(&s->dirty, node) {
        struct fetch_entry *e = fetch_entry_of(node);
        if (!e->replica)
            fetch_entry_attach(e, (struct replica *)(void *)&replicas[e->partition],
                               &replicas[e->partition]);
        fetch_entry_parked(e, o);
    }
    wakes = 0;
    fetch_session_park(s, &wakes, missing, 500, woken);
    return s;
}

TEST(a_parked_fetch_wakes_when_enough_bytes_are_readable)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    struct fetch_session *s = parked(c, ask(&a, 0, -1, 2, 5), &nothing, 100);
    move(0, 60, false);
    fake_env_pass(&world, 0);
    assert_int_equal(wakes, 0);
    move(1, 40, false);
    assert_int_equal(wakes, 0); /* never inside the append */
    fake_env_pass(&world, 0);
    assert_int_equal(wakes, 1);
    fetch_session_end(s);
    fake_env_pass(&world, 1000);
    assert_int_equal(wakes, 1);
    arena_free(&a.arena);
    fetch_session_cache_destroy(c);
}

TEST(one_partition_counts_for_no_more_than_it_may_return)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    struct fetch_session *s = parked(c, ask(&a, 0, -1, 2, 5), &nothing, 1001);
    move(0, 900, false);
    move(0, 900, false);
    fake_env_pass(&world, 0);
    assert_int_equal(wakes, 0);
    move(1, 1, false);
    fake_env_pass(&world, 0);
    assert_int_equal(wakes, 1);
    fetch_session_end(s);
    arena_free(&a.arena);
    fetch_session_cache_destroy(c);
}

TEST(a_parked_fetch_wakes_at_its_time)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    struct fetch_session *s = parked(c, ask(&a, 0, -1, 2, 5), &nothing, 100);
    fake_env_pass(&world, 499);
    assert_int_equal(wakes, 0);
    fake_env_pass(&world, 1);
    assert_int_equal(wakes, 1);
    fetch_session_end(s);
    arena_free(&a.arena);
    fetch_session_cache_destroy(c);
}

TEST(a_parked_fetch_wakes_when_its_replica_goes)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    struct fetch_session *s = parked(c, ask(&a, 0, -1, 2, 5), &nothing, 100);
    move(1, 0, true);
    fake_env_pass(&world, 0);
    assert_int_equal(wakes, 1);
    assert_null(s->transient[1].replica);
    assert_true(list_empty(&replicas[1].watches));
    fetch_session_end(s);
    arena_free(&a.arena);
    fetch_session_cache_destroy(c);
}

TEST(a_resting_partition_wakes_a_fetch_that_was_parked_later)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    int32_t id = round_trip(c, ask(&a, 0, 0, 2, 5), 13, &nothing, &n, p);
    struct fetch_session *s = parked(c, ask(&a, id, 1, 0, 0), &nothing, 10);
    assert_true(list_empty(&s->dirty));
    move(1, 10, false);
    fake_env_pass(&world, 0);
    assert_int_equal(wakes, 1);
    arena_free(&a.arena);
    fetch_session_cache_destroy(c);
}

TEST(a_second_request_of_a_session_answers_the_parked_one_first)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a, b;
    struct fetch_session *s = parked(c, ask(&a, 0, 0, 2, 5), &nothing, 100);
    begin(c, ask(&b, s->id, 1, 0, 0), 13);
    assert_int_equal(wakes, 1);
    assert_null(s->parked);
    arena_free(&a.arena);
    arena_free(&b.arena);
    fetch_session_cache_destroy(c);
}

TEST(dropping_a_session_answers_the_fetch_parked_on_it)
{
    struct fetch_session_cache *c = cache_of(10);
    struct ask a;
    int32_t n, p[64];
    struct fetch_session *s = parked(c, ask(&a, 0, 0, 2, 5), &nothing, 100);
    int32_t id = s->id;
    arena_free(&a.arena);
    round_trip(c, ask(&a, id, -1, 1, 5), 13, &nothing, &n, p);
    assert_int_equal(wakes, 1);
    fake_env_pass(&world, 1000);
    assert_int_equal(wakes, 1);
    fetch_session_cache_destroy(c);
}

static int32_t create(struct fetch_session_cache *c, int32_t partitions, bool follower)
{
    struct ask a;
    struct fetch_session *s;
    ask(&a, 0, 0, partitions, 5);
    assert_int_equal(fetch_session_begin(c, &a.rq, 13, follower, &a.arena, &s), KAFKA_NONE);
    int32_t id = fetch_session_id(s);
    fetch_session_end(s);
    arena_free(&a.arena);
    return id;
}

static bool exists(struct fetch_session_cache *c, int32_t id)
{
    struct ask a;
    struct fetch_session *s;
    ask(&a, id, 99, 0, 0); /* a wrong epoch: looks, and does not touch */
    enum kafka_error e = fetch_session_begin(c, &a.rq, 13, false, &a.arena, &s);
    arena_free(&a.arena);
    return e == KAFKA_INVALID_FETCH_SESSION_EPOCH;
}

/* A follower's full fetch, by one of its fetchers. */
static int32_t create_named(struct fetch_session_cache *c, int32_t replica_id, const char *client)
{
    struct ask a;
    struct fetch_session *s;
    ask(&a, 0, 0, 1, 5);
    assert_int_equal(fetch_session_begin(c, &a.rq, 13, true, &a.arena, &s), KAFKA_NONE);
    fetch_session_name_fetcher(s, replica_id, str_of(client));
    int32_t id = fetch_session_id(s);
    fetch_session_end(s);
    arena_free(&a.arena);
    return id;
}

TEST(a_fetcher_that_begins_anew_ends_its_earlier_session_and_no_other)
{
    struct fetch_session_cache *c = cache_of(9);
    int32_t first = create_named(c, 1, "broker-1-fetcher-0");
    int32_t other_thread = create_named(c, 1, "broker-1-fetcher-1");
    int32_t other_broker = create_named(c, 2, "broker-1-fetcher-0");
    int32_t consumer = create(c, 1, false);
    assert_true(exists(c, first));
    int32_t again = create_named(c, 1, "broker-1-fetcher-0");
    assert_false(exists(c, first)); /* what an earlier connection brings late finds nothing */
    assert_true(exists(c, again) && exists(c, other_thread) && exists(c, other_broker) &&
                exists(c, consumer));
    assert_int_equal(fetch_session_cache_evictions(c), 0);
    fetch_session_cache_destroy(c);
}

TEST(a_full_cache_of_young_sessions_refuses_a_consumer)
{
    struct fetch_session_cache *c = cache_of(2);
    int32_t one = create(c, 1, false), two = create(c, 2, false);
    assert_int_equal(create(c, 9, false), 0);
    assert_true(exists(c, one) && exists(c, two));
    assert_int_equal(fetch_session_cache_evictions(c), 0);
    fetch_session_cache_destroy(c);
}

TEST(a_follower_evicts_the_smallest_consumer_but_no_young_follower)
{
    struct fetch_session_cache *c = cache_of(2);
    int32_t large = create(c, 9, false), small = create(c, 1, false);
    int32_t follower = create(c, 1, true);
    assert_int_not_equal(follower, 0);
    assert_false(exists(c, small));
    assert_true(exists(c, large));
    int32_t second = create(c, 1, true);
    assert_false(exists(c, large));
    assert_int_equal(create(c, 50, true), 0);
    assert_true(exists(c, follower) && exists(c, second));
    assert_int_equal(fetch_session_cache_evictions(c), 2);
    fetch_session_cache_destroy(c);
}

TEST(an_idle_session_gives_way_to_anybody)
{
    struct fetch_session_cache *c = cache_of(2);
    int32_t idle = create(c, 50, true);
    fake_env_pass(&world, FETCH_SESSION_IDLE_MS);
    int32_t busy = create(c, 1, false);
    assert_int_equal(create(c, 1, false), 0);
    fake_env_pass(&world, 1);
    assert_int_not_equal(create(c, 1, false), 0);
    assert_false(exists(c, idle));
    assert_true(exists(c, busy));
    fetch_session_cache_destroy(c);
}

TEST(an_old_small_session_gives_way_to_a_larger_one_only)
{
    struct fetch_session_cache *c = cache_of(2);
    struct ask a;
    int32_t n, p[64];
    int32_t small = create(c, 3, false), large = create(c, 9, false);
    fake_env_pass(&world, FETCH_SESSION_IDLE_MS + 1);
    round_trip(c, ask(&a, small, 1, 0, 0), 13, &nothing, &n, p); /* both in use */
    round_trip(c, ask(&a, large, 1, 0, 0), 13, &nothing, &n, p);
    assert_int_equal(create(c, 2, false), 0);
    assert_int_not_equal(create(c, 4, false), 0);
    assert_false(exists(c, small));
    assert_true(exists(c, large));
    fetch_session_cache_destroy(c);
}
