#include "test.h"

#include "replica/purgatory.h"

static int order[16], order_count;
static enum kafka_error errors[16];

struct numbered {
    struct offset_wait wait;
    int number;
};

static void done(struct offset_wait *w, enum kafka_error error)
{
    errors[order_count] = error;
    order[order_count++] = CONTAINER_OF(w, struct numbered, wait)->number;
}

static void start(struct purgatory *p, struct numbered *n, const int64_t *offsets, int count)
{
    purgatory_init(p);
    order_count = 0;
    for (int i = 0; i < count; i++) {
        n[i].number = i;
        offset_wait_init(&n[i].wait, offsets[i], done);
        purgatory_wait(&p->high_waits, &n[i].wait);
    }
}

TEST(waits_are_done_in_order_of_offset_up_to_the_watermark)
{
    struct purgatory p;
    struct numbered n[4];
    start(&p, n, (const int64_t[]){10, 30, 20, 20},
          4); /* a duplicate batch waits for an old offset */
    purgatory_reached(&p.high_waits, 9, KAFKA_NONE);
    assert_int_equal(order_count, 0);
    purgatory_reached(&p.high_waits, 20, KAFKA_NONE);
    assert_int_equal(order_count, 3);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 3);
    purgatory_fail(&p.high_waits, KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(order[3], 1);
    assert_int_equal(errors[3], KAFKA_NOT_LEADER_OR_FOLLOWER);
    assert_true(list_empty(&p.high_waits));
}

TEST(a_cancelled_wait_is_never_done)
{
    struct purgatory p;
    struct numbered n[2];
    start(&p, n, (const int64_t[]){10, 20}, 2);
    offset_wait_cancel(&n[0].wait);
    offset_wait_cancel(&n[0].wait);
    purgatory_reached(&p.high_waits, 100, KAFKA_NONE);
    assert_int_equal(order_count, 1);
    assert_int_equal(order[0], 1);
}

static struct purgatory *again;

static void done_and_wait_again(struct offset_wait *w, enum kafka_error error)
{
    done(w, error);
    w->done = done;
    purgatory_wait(&again->high_waits, w);
}

TEST(a_wait_that_waits_again_when_failed_is_not_failed_twice)
{
    struct purgatory p;
    struct numbered n[1];
    start(&p, n, (const int64_t[]){10}, 1);
    n[0].wait.done = done_and_wait_again;
    again = &p;
    purgatory_fail(&p.high_waits, KAFKA_REQUEST_TIMED_OUT);
    assert_int_equal(order_count, 1);
    assert_false(list_empty(&p.high_waits));
}
