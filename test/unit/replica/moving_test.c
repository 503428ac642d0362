/* What is to be done next with the copy of a log, for every way in which the two may differ. */
#include "replica/moving.h"

#include "test.h"

static struct moving_view level(void)
{
    return (struct moving_view){.current_start = 10,
                                .current_end = 50,
                                .current_high_watermark = 50,
                                .future_start = 10,
                                .future_end = 50,
                                .future_synced = 50,
                                .current_epoch = 3,
                                .future_epoch = 3,
                                .common = {3, 50},
                                .future_part = {3, 50}};
}

static struct moving_step next(struct moving_view v)
{
    struct moving m;
    moving_begin(&m, false);
    return moving_next(&m, &v);
}

static void check(struct moving_view v, enum moving_action action, int64_t offset)
{
    struct moving_step s = next(v);
    assert_int_equal(s.action, action);
    assert_int_equal(s.offset, offset);
}

TEST(every_difference_has_its_step)
{
    struct moving_view v = level();
    v.future_end = v.future_part.end_offset = 20;
    check(v, MOVING_COPY, 20);
    v.future_start = 15; /* it lacks what the log has */
    check(v, MOVING_RESTART, 10);
    v = level();
    v.future_end = v.future_start = 5; /* all of it is deleted by now */
    check(v, MOVING_RESTART, 10);
    v = level();
    v.current_start = 30;
    check(v, MOVING_RAISE, 30);
    v = level();
    v.future_end = 60; /* what the log lost with the power */
    v.future_part.end_offset = 60;
    check(v, MOVING_CUT, 50);
    v = level();
    v.current_epoch = 5; /* epoch 3 ended earlier than the copy believes */
    v.common = (struct epoch_end){3, 40};
    check(v, MOVING_CUT, 40);
    v = level();
    v.current_epoch = 5; /* the log has no epoch 3: of 2, the lesser end */
    v.common = (struct epoch_end){2, 45};
    v.future_part = (struct epoch_end){2, 25};
    check(v, MOVING_CUT, 25);
    v = level();
    v.future_epoch = 4; /* an epoch without a record, which is not the log's */
    check(v, MOVING_CUT, 50);
    v = level();
    v.current_epoch = NO_LEADER_EPOCH;
    check(v, MOVING_RESTART, 10);
    v = level();
    v.current_epoch = v.future_epoch = NO_LEADER_EPOCH; /* nothing to compare */
    check(v, MOVING_SYNC, 0);
}

TEST(a_raised_start_never_lies_above_the_watermark)
{
    struct moving_view v = level();
    v.current_start = 30;
    v.future_end = v.future_part.end_offset = 40;
    struct moving_step s = next(v);
    assert_int_equal(s.action, MOVING_RAISE);
    assert_int_equal(s.high_watermark, 40);
}

TEST(the_copy_is_synced_then_told_then_taken)
{
    struct moving m;
    struct moving_view v = level();
    moving_begin(&m, false);
    assert_int_equal(moving_next(&m, &v).action, MOVING_SYNC);
    assert_int_equal(moving_next(&m, &v).action, MOVING_WAIT);
    assert_false(moving_was_told(&m));
    moving_synced(&m, false); /* no room just now */
    assert_int_equal(moving_next(&m, &v).action, MOVING_SYNC);
    moving_synced(&m, true);
    assert_int_equal(m.state, MOVING_ASKING);
    assert_true(moving_was_told(&m));
    assert_int_equal(moving_next(&m, &v).action, MOVING_WAIT);
    v.current_end = 60;
    assert_true(moving_is_behind(&m, &v));
    assert_int_equal(moving_next(&m, &v).action, MOVING_COPY); /* it stays level meanwhile */
    moving_accepted(&m);
    assert_int_equal(moving_next(&m, &v).action, MOVING_COPY);
    v.future_end = 60;
    v.common.end_offset = v.future_part.end_offset = 60;
    assert_int_equal(moving_next(&m, &v).action, MOVING_SYNC); /* what came meanwhile */
    assert_int_equal(moving_next(&m, &v).action, MOVING_WAIT);
    moving_synced(&m, false);
    assert_int_equal(moving_next(&m, &v).action, MOVING_SYNC);
    assert_true(moving_was_told(&m));
    v.current_end = 61;
    assert_int_equal(moving_next(&m, &v).action, MOVING_COPY);
    moving_synced(&m, true);
    assert_int_equal(moving_next(&m, &v).action, MOVING_COPY);
    v.future_end = v.common.end_offset = v.future_part.end_offset = 61;
    assert_int_equal(moving_next(&m, &v).action, MOVING_REPLACE); /* not synced apart: little */
    assert_int_equal(moving_next(&m, &v).action, MOVING_REPLACE); /* it failed, and may pass */
}

TEST(what_metadata_knows_already_is_not_asked)
{
    struct moving m;
    struct moving_view v = level();
    moving_begin(&m, true);
    assert_true(moving_was_told(&m));
    assert_int_equal(moving_next(&m, &v).action, MOVING_SYNC);
    moving_synced(&m, true);
    assert_int_equal(moving_next(&m, &v).action, MOVING_REPLACE);
}

TEST(a_failed_copy_stands_still)
{
    struct moving m;
    struct moving_view v = level();
    v.future_end = 20;
    moving_begin(&m, false);
    moving_failed(&m);
    assert_int_equal(moving_next(&m, &v).action, MOVING_WAIT);
    assert_false(moving_is_behind(&m, &v));
    moving_synced(&m, true);
    moving_accepted(&m);
    assert_int_equal(m.state, MOVING_FAILED);
}
