/* The time by which records are old: the wall clock, but for leaps. Pure.
 *
 * A wall clock that leaps ahead would make everything old at once, and what retention has deleted
 * stays deleted when the clock is set right. So one that is more than LEAP_MS ahead of what the
 * monotonic clock makes of it is not believed before it has stayed so for as long as it leapt, and
 * at most for LEAP_BELIEVED_MS: until then time goes on as it did. Backwards it is believed, as
 * that deletes nothing. A leap while the process is down is not seen. */
#ifndef SAMSA_LOG_RETENTION_CLOCK_H
#define SAMSA_LOG_RETENTION_CLOCK_H

#include "env/clock.h"

enum { LEAP_MS = 60 * 1000, LEAP_BELIEVED_MS = 60 * 60 * 1000 };

/* Zero it to start. */
struct retention_clock {
    bool set, doubted;
    struct wall_time wall; /* believed, at that moment of the monotonic clock */
    struct mono_time mono;
    struct mono_time doubted_since;
};

/* To be asked often: a leap is seen from one time to the next. */
struct wall_time retention_clock_now(struct retention_clock *c, struct wall_time wall,
                                     struct mono_time mono);

#endif
