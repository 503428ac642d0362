/* What a wall clock says is believed when time can have passed so, and otherwise when it
 * insists. */
#include "log/retention_clock.h"

#include "test.h"

static struct retention_clock clock_;

static int64_t at(int64_t wall_ms, int64_t mono_ms)
{
    return retention_clock_now(&clock_, (struct wall_time){wall_ms},
                               (struct mono_time){mono_ms * NS_PER_MS})
        .ms;
}

static void begin(void)
{
    clock_ = (struct retention_clock){0};
    assert_int_equal(at(1000000, 5), 1000000);
}

TEST(time_passes)
{
    begin();
    assert_int_equal(at(1005000, 5005), 1005000);
    assert_int_equal(at(1005000 + LEAP_MS, 5005), 1005000 + LEAP_MS); /* set, a little */
}

TEST(backwards_is_believed)
{
    begin();
    assert_int_equal(at(500000, 1005), 500000);
    assert_int_equal(at(501000, 2005), 501000);
}

TEST(a_leap_is_believed_when_it_has_lasted_for_as_long)
{
    enum { LEAP = LEAP_MS + 60000 };
    begin();
    assert_int_equal(at(1001000 + LEAP, 1005), 1001000);
    assert_int_equal(at(1002000 + LEAP, 2005), 1002000);
    assert_int_equal(at(1001000 + LEAP + LEAP - 1, 1005 + LEAP - 1), 1001000 + LEAP - 1);
    assert_int_equal(at(1001000 + LEAP + LEAP, 1005 + LEAP), 1001000 + LEAP + LEAP);
    assert_int_equal(at(1001001 + LEAP + LEAP, 1006 + LEAP), 1001001 + LEAP + LEAP);
}

TEST(a_leap_of_years_is_believed_after_an_hour)
{
    enum { DAY = 24 * LEAP_BELIEVED_MS };
    begin();
    assert_int_equal(at(1000000 + 900LL * DAY, 5), 1000000);
    assert_int_equal(at(1000000 + 900LL * DAY + LEAP_BELIEVED_MS, 5 + LEAP_BELIEVED_MS),
                     1000000 + 900LL * DAY + LEAP_BELIEVED_MS);
}

TEST(a_clock_that_is_set_right_again_was_never_believed)
{
    begin();
    assert_int_equal(at(99000000, 1005), 1001000);
    assert_int_equal(at(1002000, 2005), 1002000);
    assert_int_equal(at(99000000, 3005), 1003000); /* and is doubted anew, for as long */
    assert_int_equal(at(99000000 + 60000, 63005), 1063000);
}
