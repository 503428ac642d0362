/* A client with an incremental session, random appends, limits, waits, additions and removals: it
 * must come to know everything, though a fetch looks only at what has moved. */
#include "data_plane.h"

enum { PARTITIONS = 12, ROUNDS = 3000 };

struct reader {
    bool wanted[PARTITIONS], in_session[PARTITIONS], changed[PARTITIONS];
    int64_t offset[PARTITIONS], high_watermark[PARTITIONS];
    int32_t session_id, epoch;
    int64_t record_bytes;
};

struct limits {
    int32_t bytes_max, bytes_min, wait_ms;
};

/* Send what has changed, as KIP-227 clients do. */
static void send_fetch(struct plane *p, struct reader *r, struct limits l)
{
    struct fetch_request_fetch_partition partitions[PARTITIONS];
    int32_t forgotten[PARTITIONS], count = 0, forgotten_count = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        if (r->wanted[i] && (r->epoch == 0 || !r->in_session[i] || r->changed[i])) {
            struct fetch_request_fetch_partition *x = &partitions[count++];
            fetch_request_fetch_partition_init(x);
            x->partition = i;
            x->fetch_offset = r->offset[i];
            x->partition_max_bytes = 1 << 20;
        } else if (!r->wanted[i] && r->in_session[i]) {
            forgotten[forgotten_count++] = i;
        }
        r->in_session[i] = r->wanted[i];
        r->changed[i] = false;
    }
    struct fetch_request_fetch_topic topic = {
        .topic_id = UUID_SMALL(7), .partitions = partitions, .partitions_count = count};
    struct fetch_request_forgotten_topic gone = {
        .topic_id = UUID_SMALL(7), .partitions = forgotten, .partitions_count = forgotten_count};
    struct fetch_request q;
    fetch_request_init(&q);
    q.max_bytes = l.bytes_max;
    q.min_bytes = l.bytes_min;
    q.max_wait_ms = l.wait_ms;
    q.session_id = r->session_id;
    q.session_epoch = r->epoch;
    q.topics = &topic;
    q.topics_count = count > 0;
    q.forgotten_topics_data = &gone;
    q.forgotten_topics_data_count = forgotten_count > 0;
    fetched.answers = 0;
    plane_call(p, API_FETCH, 13, &q, fetch_delivered);
}

static void take_answer(struct reader *r)
{
    assert_int_equal(fetched.answers, 1);
    assert_int_equal(fetched.error, KAFKA_NONE);
    r->session_id = fetched.session_id;
    r->epoch = r->session_id ? r->epoch + 1 : 0;
    for (int32_t i = 0; i < fetched.count; i++) {
        const struct fetch_answer *a = &fetched.partitions[i];
        assert_true(r->wanted[a->partition]);
        assert_int_equal(a->error, KAFKA_NONE);
        r->high_watermark[a->partition] = a->high_watermark;
        if (a->bytes < r->record_bytes) continue; /* nothing, or a cut batch */
        assert_int_equal(a->first_offset, r->offset[a->partition]);
        r->offset[a->partition] += a->bytes / r->record_bytes;
        r->changed[a->partition] = true;
    }
}

static int64_t end_of(struct plane *p, int32_t partition)
{
    return replica_manager_find(p->broker.replicas, UUID_SMALL(7), partition)->core.high_watermark;
}

static bool knows_everything(struct plane *p, const struct reader *r)
{
    for (int32_t i = 0; i < PARTITIONS; i++)
        if (r->wanted[i] && (r->offset[i] != end_of(p, i) || r->high_watermark[i] != end_of(p, i)))
            return false;
    return true;
}

static void some_appends(struct plane *p, struct prng *dice, int64_t most)
{
    for (int64_t n = prng_between(dice, 0, most); n > 0; n--)
        produce_one(p, "t", (int32_t)prng_below(dice, PARTITIONS), "0123456789");
    plane_pass(p, 1); /* watches are told at the end of a turn, before its answers leave */
}

/* Park for something new in a wanted partition; it must be answered by it, in no time. */
static void check_long_poll(struct plane *p, struct reader *r, struct prng *dice)
{
    send_fetch(p, r, (struct limits){1 << 24, 1, 60000});
    int32_t at = (int32_t)prng_below(dice, PARTITIONS);
    if (fetched.answers == 0) {
        for (int32_t i = 0; !r->wanted[at] && i < PARTITIONS; i++) at = (at + 1) % PARTITIONS;
        produce_one(p, "t", at, "0123456789");
        plane_pass(p, 1);
    }
    take_answer(r);
}

TEST(an_incremental_reader_comes_to_know_everything)
{
    struct plane *p = plane_open();
    struct prng dice = prng_seed(11);
    struct reader r = {.record_bytes = batch_of((struct batch_spec){.value = "0123456789"}).len};
    plane_own_topic(p, "t", 7, PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) r.wanted[i] = i < PARTITIONS / 2;
    int whole = 0;
    for (int round = 0; round < ROUNDS; round++) {
        some_appends(p, &dice, 4);
        if (prng_chance(&dice, 1, 10)) {
            int32_t i = (int32_t)prng_below(&dice, PARTITIONS);
            r.wanted[i] = !r.wanted[i];
            if (r.wanted[i]) r.high_watermark[i] = -1;
        }
        r.wanted[0] = true; /* never empty */
        bool unlimited = prng_chance(&dice, 1, 3);
        struct limits l = {.bytes_max =
                               unlimited ? 1 << 24 : (int32_t)prng_between(&dice, 1, 2000)};
        send_fetch(p, &r, l);
        take_answer(&r);
        if (unlimited) {
            assert_true(knows_everything(p, &r));
            whole++;
            send_fetch(p, &r, l); /* and again: nothing is sent twice */
            take_answer(&r);
            assert_int_equal(fetched.count, 0);
            if (prng_chance(&dice, 1, 2)) check_long_poll(p, &r, &dice);
            send_fetch(p, &r, l); /* naming only what moved */
            take_answer(&r);
            assert_true(knows_everything(p, &r));
        }
    }
    assert_true(whole > ROUNDS / 5);
    plane_close(p);
}
