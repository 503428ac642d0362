#include "broker/pulses.h"

#include "base/mem.h"
#include "metadata/image.h"
#include "protocol/api.h"
#include "protocol/api_versions.h"

enum { PLAIN_VERSION_MAX = 2, NEVER = -1 };

struct pulse {
    struct pulses *pulses;
    struct call call;
    int32_t id;
    int64_t epoch;          /* the incarnation that is asked */
    struct mono_time asked; /* what is in flight */
    struct mono_time felt;  /* when it was asked what it answered last; NEVER */
    bool in_flight;
    bool silent; /* it did not answer what it was asked last */
};

void pulses_init(struct pulses *p, struct broker *b, const struct pulses_config *config)
{
    p->config = *config;
    peer_channels_init(&p->channels, b, config->purpose, config->answer_ms_max, config->backoff_ms);
    map_init(&p->by_id);
}

static struct pulse *find(const struct pulses *p, int32_t id)
{
    return map_get_u64(&p->by_id, (uint64_t)id);
}

static void answered(struct call *call, enum err e, const void *response)
{
    struct pulse *x = CONTAINER_OF(call, struct pulse, call);
    struct pulses *p = x->pulses;
    (void)response;
    x->in_flight = false;
    x->silent = e != 0;
    if (e == 0) x->felt = x->asked;
    p->config.told(p->config.context, x->id, e);
}

static void forget(struct pulses *p, struct pulse *x)
{
    channel_cancel(&x->call);
    peer_channels_drop(&p->channels, x->id);
    map_remove_u64(&p->by_id, (uint64_t)x->id);
    mem_free(x);
}

/* Of the incarnation that metadata has. */
static struct pulse *pulse_of(struct pulses *p, int32_t id, int64_t epoch)
{
    struct pulse *x = find(p, id);
    if (x && x->epoch == epoch) return x;
    if (x) forget(p, x);
    x = MEM_NEW(struct pulse);
    x->pulses = p;
    x->id = id;
    x->epoch = epoch;
    x->felt.ns = NEVER;
    call_init(&x->call);
    map_put_u64(&p->by_id, (uint64_t)id, x);
    return x;
}

bool pulses_ask(struct pulses *p, int32_t id)
{
    struct broker *b = p->channels.broker;
    const struct image_broker *registered = image_broker(b->image, id);
    if (!registered) return false;
    struct pulse *x = pulse_of(p, id, registered->epoch);
    if (x->in_flight) return true;
    struct channel *c = peer_channels_to(&p->channels, id);
    if (!c) return false;
    struct api_versions_request request;
    api_versions_request_init(&request);
    x->in_flight = true;
    x->asked = clock_mono(b->env.clock);
    call_init(&x->call);
    channel_call(c, &x->call, API_API_VERSIONS, PLAIN_VERSION_MAX, &request, answered);
    return true;
}

bool pulses_felt(const struct pulses *p, int32_t id, struct mono_time since)
{
    const struct pulse *x = find(p, id);
    return x && x->felt.ns >= since.ns;
}

bool pulses_silent(const struct pulses *p, int32_t id, int64_t ms)
{
    const struct pulse *x = find(p, id);
    if (!x || x->silent) return x != NULL;
    return x->in_flight &&
           mono_elapsed_ms(clock_mono(p->channels.broker->env.clock), x->asked) >= ms;
}

void pulses_metadata_moved(struct pulses *p)
{
    for (uint32_t i = p->by_id.count; i-- > 0;) {
        struct pulse *x = p->by_id.entries[i].value;
        if (!image_broker(p->channels.broker->image, x->id)) forget(p, x);
    }
}

void pulses_close(struct pulses *p)
{
    while (p->by_id.count > 0) forget(p, p->by_id.entries[0].value);
    map_free(&p->by_id);
    map_init(&p->by_id);
    peer_channels_close(&p->channels);
}
