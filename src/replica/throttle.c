#include "replica/throttle.h"

#include <stdio.h>

void throttle_init(struct throttle *t, int32_t samples, int32_t sample_s)
{
    PRE(samples > 0 && sample_s > 0);
    *t = (struct throttle){.bytes_per_s = INT64_MAX,
                           .samples =
                               samples < THROTTLE_SAMPLES_MAX ? samples : THROTTLE_SAMPLES_MAX,
                           .sample_ms = (int64_t)sample_s * 1000,
                           .first = -1,
                           .last = -1};
}

/* Forget what has left the window. */
static void advance(struct throttle *t, int64_t number)
{
    if (t->first < 0) t->first = t->last = number;
    while (t->last < number && t->last - t->first < t->samples) {
        t->last++;
        t->bytes[t->last % t->samples] = 0;
        if (t->last - t->first >= t->samples) t->first++;
    }
    if (t->last >= number) return;
    for (int32_t i = 0; i < t->samples; i++) t->bytes[i] = 0;
    t->first = t->last = number;
}

static int64_t sample_of(const struct throttle *t, struct mono_time now)
{
    return now.ns / NS_PER_MS / t->sample_ms;
}

void throttle_record(struct throttle *t, struct mono_time now, int64_t bytes)
{
    if (t->bytes_per_s == INT64_MAX) return;
    advance(t, sample_of(t, now));
    t->bytes[t->last % t->samples] += bytes;
}

bool throttle_is_exceeded(struct throttle *t, struct mono_time now)
{
    if (t->bytes_per_s == INT64_MAX || t->first < 0) return false;
    advance(t, sample_of(t, now));
    int64_t bytes = 0;
    for (int32_t i = 0; i < t->samples; i++) bytes += t->bytes[i];
    int64_t elapsed_ms = now.ns / NS_PER_MS - t->first * t->sample_ms;
    if (elapsed_ms < t->sample_ms) elapsed_ms = t->sample_ms;
    return (double)bytes * 1000.0 > (double)t->bytes_per_s * (double)elapsed_ms;
}

bool throttle_list_names(const struct str *list, int32_t count, int32_t partition,
                         int32_t broker_id)
{
    char pair[32];
    snprintf(pair, sizeof pair, "%d:%d", partition, broker_id);
    for (int32_t i = 0; i < count; i++)
        if (str_equal_z(list[i], "*") || str_equal_z(list[i], pair)) return true;
    return false;
}
