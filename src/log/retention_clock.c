#include "log/retention_clock.h"

static struct wall_time believe(struct retention_clock *c, struct wall_time wall,
                                struct mono_time mono)
{
    *c = (struct retention_clock){.set = true, .wall = wall, .mono = mono};
    return wall;
}

struct wall_time retention_clock_now(struct retention_clock *c, struct wall_time wall,
                                     struct mono_time mono)
{
    struct wall_time expected = {c->wall.ms + mono_elapsed_ms(mono, c->mono)};
    int64_t ahead_ms = wall.ms - expected.ms;
    if (!c->set || ahead_ms <= LEAP_MS) return believe(c, wall, mono);
    if (!c->doubted) {
        c->doubted = true;
        c->doubted_since = mono;
    }
    int64_t enough_ms = ahead_ms < LEAP_BELIEVED_MS ? ahead_ms : LEAP_BELIEVED_MS;
    if (mono_elapsed_ms(mono, c->doubted_since) >= enough_ms) return believe(c, wall, mono);
    return expected;
}
