/* What a follower's answers mean, and where it cuts its log. */
#include "replica/following.h"

#include "base/prng.h"
#include "test.h"

static struct followed_log log_of(int64_t start, int64_t high, int64_t end, int32_t epoch)
{
    return (struct followed_log){start, end, high, epoch};
}

static struct following begun(const struct followed_log *log)
{
    struct following f;
    following_init(&f);
    struct follow_step s = following_begin(&f, 5, log);
    assert_int_equal(s.action, FOLLOW_FETCH);
    return f;
}

static struct follow_step answer(struct following *f, const struct followed_log *log,
                                 enum kafka_error error)
{
    struct follow_answer a = {.error = error, .diverging = {-1, -1}};
    return following_answered(f, log, &a);
}

static struct follow_step diverging(struct following *f, const struct followed_log *log,
                                    struct epoch_end leader, struct epoch_end own)
{
    struct follow_answer a = {.diverging = leader, .own_end = own};
    return following_answered(f, log, &a);
}

TEST(a_follower_begins_at_its_log_end_with_its_latest_epoch)
{
    struct followed_log log = log_of(3, 8, 10, 4);
    struct following f = begun(&log);
    assert_int_equal(f.state, FOLLOWING_FETCHING);
    assert_int_equal(f.fetch_offset, 10);
    assert_int_equal(f.log_start_offset, 3);
    assert_int_equal(f.last_fetched_epoch, 4);
    assert_int_equal(f.leader_epoch, 5);
}

TEST(a_log_without_epochs_is_cut_to_its_watermark_first)
{
    struct following f;
    following_init(&f);
    struct followed_log log = log_of(0, 8, 10, NO_LEADER_EPOCH);
    struct follow_step s = following_begin(&f, 5, &log);
    assert_int_equal(s.action, FOLLOW_TRUNCATE);
    assert_int_equal(s.offset, 8);
    log.log_end_offset = 8;
    following_moved(&f, &log);
    assert_int_equal(f.fetch_offset, 8);
    assert_int_equal(f.last_fetched_epoch, NO_LEADER_EPOCH);
    log.high_watermark = 8; /* and needs no cutting when everything is committed */
    assert_int_equal(following_begin(&f, 6, &log).action, FOLLOW_FETCH);
}

TEST(records_are_appended_and_the_next_fetch_begins_behind_them)
{
    struct followed_log log = log_of(0, 10, 10, 5);
    struct following f = begun(&log);
    f.grew = false;
    assert_int_equal(answer(&f, &log, KAFKA_NONE).action, FOLLOW_APPEND);
    assert_false(following_appended(&f, &log)); /* there were none */
    assert_false(f.grew);
    log.log_end_offset = 12;
    assert_true(following_appended(&f, &log));
    assert_int_equal(f.fetch_offset, 12);
    assert_true(f.grew);
    log.log_start_offset = 2; /* the leader deleted: it must hear that we did */
    assert_true(following_appended(&f, &log));
    assert_int_equal(f.log_start_offset, 2);
}

TEST(what_passes_is_tried_again_and_being_fenced_is_final)
{
    static const enum kafka_error passing[] = {
        KAFKA_NOT_LEADER_OR_FOLLOWER, KAFKA_UNKNOWN_LEADER_EPOCH,  KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
        KAFKA_UNKNOWN_TOPIC_ID,       KAFKA_INCONSISTENT_TOPIC_ID, KAFKA_KAFKA_STORAGE_ERROR,
        KAFKA_CORRUPT_MESSAGE,        KAFKA_UNKNOWN_SERVER_ERROR,  KAFKA_OFFSET_NOT_AVAILABLE,
    };
    struct followed_log log = log_of(0, 10, 10, 5);
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        struct following f = begun(&log);
        assert_int_equal(answer(&f, &log, passing[i]).action, FOLLOW_REST);
        assert_int_equal(f.state, FOLLOWING_RESTING);
        assert_int_equal(f.errors, 1);
    }
    struct following f = begun(&log);
    assert_int_equal(answer(&f, &log, KAFKA_FENCED_LEADER_EPOCH).action, FOLLOW_FAIL);
    assert_int_equal(f.state, FOLLOWING_FAILED);
    following_begin(&f, 6, &log); /* metadata came */
    assert_int_equal(f.state, FOLLOWING_FETCHING);
    assert_int_equal(f.leader_epoch, 6);
}

TEST(errors_in_a_row_are_counted_until_an_append)
{
    struct followed_log log = log_of(0, 10, 10, 5);
    struct following f = begun(&log);
    for (int i = 1; i <= 3; i++) {
        answer(&f, &log, KAFKA_NOT_LEADER_OR_FOLLOWER);
        assert_int_equal(f.errors, i);
        f.state = FOLLOWING_FETCHING;
    }
    answer(&f, &log, KAFKA_NONE);
    assert_int_equal(following_refused(&f, APPEND_CORRUPT).action, FOLLOW_REST);
    assert_int_equal(f.errors, 4); /* corrupt again and again: ever less often */
    f.state = FOLLOWING_FETCHING;
    following_appended(&f, &log);
    assert_int_equal(f.errors, 0);
}

TEST(rests_double_up_to_the_configured_longest)
{
    assert_int_equal(following_rest_ms(1, 1000), 10);
    assert_int_equal(following_rest_ms(2, 1000), 20);
    assert_int_equal(following_rest_ms(7, 1000), 640);
    assert_int_equal(following_rest_ms(8, 1000), 1000);
    assert_int_equal(following_rest_ms(1000000, 1000), 1000);
    assert_int_equal(following_rest_ms(1, 3), 3);
    assert_int_equal(following_rest_ms(1, 0), 0);
}

TEST(a_log_that_cannot_go_on_is_left_alone)
{
    struct followed_log log = log_of(0, 10, 10, 5);
    struct following f = begun(&log);
    assert_int_equal(following_refused(&f, APPEND_OFFSET_OUT_OF_ORDER).action, FOLLOW_FAIL);
    f = begun(&log);
    assert_int_equal(following_refused(&f, APPEND_STORAGE).action, FOLLOW_FAIL);
    f = begun(&log);
    assert_int_equal(following_refused(&f, APPEND_NO_SPACE).action, FOLLOW_REST);
}

/* ---- out of range ---- */

/* Where epochs up to the leader's end in our log; it says nothing while ours are none above. */
static const struct epoch_end own_end = {5, 12};

TEST(beyond_the_leaders_end_the_log_is_cut_to_it)
{
    struct followed_log log = log_of(0, 10, 20, 5);
    struct following f = begun(&log);
    assert_int_equal(answer(&f, &log, KAFKA_OFFSET_OUT_OF_RANGE).action, FOLLOW_ASK_END);
    struct follow_step s = following_told_end(&f, &log, KAFKA_NONE, 15);
    assert_int_equal(s.action, FOLLOW_TRUNCATE);
    assert_int_equal(s.offset, 15);
    assert_int_equal(f.state, FOLLOWING_FETCHING);
}

TEST(below_the_leaders_start_the_log_is_emptied_and_begins_there)
{
    struct followed_log log = log_of(0, 10, 20, 5);
    struct following f = begun(&log);
    answer(&f, &log, KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(following_told_end(&f, &log, KAFKA_NONE, 100).action, FOLLOW_ASK_START);
    struct follow_step s = following_told_start(&f, &log, KAFKA_NONE, 50, own_end);
    assert_int_equal(s.action, FOLLOW_RESTART);
    assert_int_equal(s.offset, 50);
    assert_int_equal(f.state, FOLLOWING_FETCHING);
}

TEST(within_the_leaders_log_nothing_is_lost_by_asking)
{
    struct followed_log log = log_of(0, 10, 20, 5);
    struct following f = begun(&log);
    answer(&f, &log, KAFKA_OFFSET_OUT_OF_RANGE);
    following_told_end(&f, &log, KAFKA_NONE, 20); /* just as long as ours */
    assert_int_equal(following_told_start(&f, &log, KAFKA_NONE, 20, own_end).action, FOLLOW_REST);
    assert_int_equal(f.fetch_offset, 20);
}

TEST(epochs_above_the_leaders_are_cut_once_it_does_not_know_them)
{
    /* a flipped bit, found in recovery: the checksum does not cover a batch's leader epoch */
    struct followed_log log = log_of(0, 10, 20, 5 + (1 << 24));
    struct following f = begun(&log);
    int32_t turns = 0;
    for (; log.latest_epoch > f.leader_epoch && turns < 10; turns++) {
        f.state = FOLLOWING_FETCHING; /* rested */
        answer(&f, &log, KAFKA_OFFSET_OUT_OF_RANGE);
        assert_int_equal(following_told_end(&f, &log, KAFKA_NONE, 25).action, FOLLOW_ASK_START);
        struct follow_step s = following_told_start(&f, &log, KAFKA_NONE, 0, own_end);
        if (s.action == FOLLOW_REST) continue;
        assert_int_equal(s.action, FOLLOW_TRUNCATE);
        assert_int_equal(s.offset, 12);
        assert_int_equal(f.state, FOLLOWING_FETCHING);
        log = log_of(0, 10, 12, 5);
        following_moved(&f, &log);
    }
    assert_int_equal(turns, 1);
    assert_int_equal(f.last_fetched_epoch, 5);
    assert_int_equal(f.errors, 0);
}

TEST(an_error_while_asking_ends_the_asking)
{
    struct followed_log log = log_of(0, 10, 20, 5);
    struct following f = begun(&log);
    answer(&f, &log, KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(following_told_end(&f, &log, KAFKA_NOT_LEADER_OR_FOLLOWER, -1).action,
                     FOLLOW_REST);
    f = begun(&log);
    answer(&f, &log, KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(following_told_end(&f, &log, KAFKA_FENCED_LEADER_EPOCH, -1).action,
                     FOLLOW_FAIL);
    f = begun(&log);
    answer(&f, &log, KAFKA_OFFSET_OUT_OF_RANGE);
    assert_int_equal(following_told_end(&f, &log, KAFKA_NONE, -1).action, FOLLOW_REST);
    f = begun(&log);
    answer(&f, &log, KAFKA_OFFSET_OUT_OF_RANGE);
    following_told_end(&f, &log, KAFKA_NONE, 100);
    assert_int_equal(following_told_start(&f, &log, KAFKA_FENCED_LEADER_EPOCH, -1, own_end).action,
                     FOLLOW_FAIL);
}

/* ---- truncation ---- */

TEST(a_shared_epoch_is_cut_where_the_shorter_of_both_ends)
{
    /* KIP-101: by epochs, never by the watermark. */
    assert_int_equal(following_truncation(20, (struct epoch_end){3, 12}, (struct epoch_end){3, 15}),
                     12);
    assert_int_equal(following_truncation(20, (struct epoch_end){3, 17}, (struct epoch_end){3, 15}),
                     15);
    assert_int_equal(following_truncation(20, (struct epoch_end){3, 30}, (struct epoch_end){3, 20}),
                     20);
}

TEST(an_epoch_that_we_lack_is_cut_at_the_end_of_our_largest_below_it)
{
    /* KIP-279: two quick elections; the next fetch compares that epoch. */
    assert_int_equal(following_truncation(20, (struct epoch_end){4, 12}, (struct epoch_end){2, 9}),
                     9);
    assert_int_equal(following_truncation(20, (struct epoch_end){4, 12}, (struct epoch_end){2, 14}),
                     14);
}

TEST(without_epochs_to_compare_the_leaders_end_counts)
{
    struct epoch_end none = {NO_LEADER_EPOCH, NO_OFFSET};
    assert_int_equal(following_truncation(20, (struct epoch_end){4, 12}, none), 12);
    assert_int_equal(following_truncation(20, (struct epoch_end){-1, 12}, (struct epoch_end){4, 9}),
                     12);
    assert_int_equal(following_truncation(20, (struct epoch_end){4, 99}, none), 20);
}

TEST(a_diverging_answer_cuts_before_anything_else_of_it_is_used)
{
    struct followed_log log = log_of(0, 18, 20, 4);
    struct following f = begun(&log);
    struct follow_step s =
        diverging(&f, &log, (struct epoch_end){3, 12}, (struct epoch_end){3, 15});
    assert_int_equal(s.action, FOLLOW_TRUNCATE);
    assert_int_equal(s.offset, 12); /* below our watermark: it does not matter (S7) */
    assert_int_equal(f.state, FOLLOWING_FETCHING);
}

TEST(an_epoch_without_records_is_cut_though_no_byte_goes)
{
    /* KAFKA-10706: epoch 4 began at 20 here and never got a record. */
    struct followed_log log = log_of(0, 18, 20, 4);
    struct following f = begun(&log);
    struct follow_step s =
        diverging(&f, &log, (struct epoch_end){3, 20}, (struct epoch_end){3, 20});
    assert_int_equal(s.action, FOLLOW_TRUNCATE);
    assert_int_equal(s.offset, 20);
}

TEST(an_answer_that_would_change_nothing_is_not_asked_for_in_a_circle)
{
    struct followed_log log = log_of(0, 18, 20, 4);
    struct following f = begun(&log);
    struct follow_step s =
        diverging(&f, &log, (struct epoch_end){4, 30}, (struct epoch_end){4, 20});
    assert_int_equal(s.action, FOLLOW_REST);
}

/* ---- any two logs ---- */

enum { OFFSETS = 40 };

/* A log as one epoch per offset, 0 to end. */
struct model {
    int32_t epochs[OFFSETS];
    int64_t end;
    int32_t begun; /* an epoch that began at the end and has no record; -1 */
};

static int32_t model_latest(const struct model *m)
{
    if (m->begun >= 0) return m->begun;
    return m->end > 0 ? m->epochs[m->end - 1] : NO_LEADER_EPOCH;
}

/* As LeaderEpochFileCache.endOffsetFor. */
static struct epoch_end model_end(const struct model *m, int32_t epoch)
{
    int32_t latest = model_latest(m);
    if (latest == NO_LEADER_EPOCH || epoch > latest) return (struct epoch_end){-1, -1};
    if (epoch == latest) return (struct epoch_end){epoch, m->end};
    int32_t found = -1;
    int64_t end = 0;
    for (int64_t i = 0; i < m->end; i++)
        if (m->epochs[i] <= epoch) {
            found = m->epochs[i];
            end = i + 1;
        }
    return found < 0 ? (struct epoch_end){epoch, 0} : (struct epoch_end){found, end};
}

static void model_append(struct model *m, int32_t epoch, int64_t count)
{
    m->begun = count > 0 ? -1 : epoch;
    for (int64_t i = 0; i < count && m->end < OFFSETS; i++) m->epochs[m->end++] = epoch;
}

static void model_cut(struct model *m, int64_t to)
{
    if (m->end > to) m->end = to;
    m->begun = -1; /* an epoch that began at the end begins at or above the cut */
}

/* The follower's loop against the leader's divergence check: both pure, any two histories that
 * grew from common ones by elections. */
TEST(any_two_logs_agree_after_a_few_rounds_and_no_common_record_is_cut)
{
    struct prng p = prng_seed(20240101);
    for (int round = 0; round < 20000; round++) {
        struct model leader = {.begun = -1}, follower = {.begun = -1};
        int32_t epoch = 0;
        int64_t common = 0;
        for (int n = (int)prng_below(&p, 4); n > 0; n--, epoch += 1 + (int32_t)prng_below(&p, 2)) {
            int64_t count = 1 + (int64_t)prng_below(&p, 4);
            model_append(&leader, epoch, count);
            model_append(&follower, epoch, count);
            common += count;
        }
        /* Elections that one of them never heard of; an epoch has one leader, so one writer. */
        for (int n = (int)prng_below(&p, 5); n > 0; n--) {
            epoch++;
            model_append(prng_below(&p, 2) ? &leader : &follower, epoch,
                         (int64_t)prng_below(&p, 4));
        }
        model_append(&leader, ++epoch, (int64_t)prng_below(&p, 3)); /* elected now */
        struct following f;
        following_init(&f);
        struct followed_log log = log_of(0, 0, follower.end, model_latest(&follower));
        struct follow_step s = following_begin(&f, epoch, &log);
        int turns = 0;
        for (; turns < 20; turns++) {
            if (s.action == FOLLOW_TRUNCATE) {
                assert_true(s.offset >= common || log.latest_epoch == NO_LEADER_EPOCH);
                model_cut(&follower, s.offset);
                log = log_of(0, 0, follower.end, model_latest(&follower));
                following_moved(&f, &log);
            } else {
                assert_int_equal(s.action, FOLLOW_FETCH);
            }
            if (f.last_fetched_epoch == NO_LEADER_EPOCH) break;
            struct epoch_end end = model_end(&leader, f.last_fetched_epoch);
            assert_true(end.end_offset >= 0); /* the leader's epoch is above every other */
            if (end.epoch >= f.last_fetched_epoch && end.end_offset >= f.fetch_offset) break;
            s = diverging(&f, &log, end, model_end(&follower, end.epoch));
        }
        assert_true(turns < 20);
        assert_true(follower.end >= common && follower.end <= leader.end);
        for (int64_t i = 0; i < follower.end; i++)
            assert_int_equal(follower.epochs[i], leader.epochs[i]);
    }
}
