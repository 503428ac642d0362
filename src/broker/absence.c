#include "broker/absence.h"

#include "base/mem.h"
#include "broker/peer_channels.h"
#include "metadata/image.h"
#include "protocol/api.h"
#include "protocol/api_versions.h"
#include "replica/lease.h"

enum { ANSWER_MS_MAX = 1000, CONNECT_BACKOFF_MS = 100, PLAIN_VERSION_MAX = 2 };

struct probe {
    struct call call;
    struct absence *absence;
    int32_t id;
    bool in_flight;
};

struct absence {
    struct broker *broker;
    struct peer_channels channels;
    struct map probes; /* broker id -> struct probe */
};

struct absence *absence_create(struct broker *b)
{
    struct absence *a = MEM_NEW(struct absence);
    a->broker = b;
    peer_channels_init(&a->channels, b, "absence", ANSWER_MS_MAX, CONNECT_BACKOFF_MS);
    map_init(&a->probes);
    return a;
}

static void answered(struct call *call, enum err e, const void *response)
{
    struct probe *p = CONTAINER_OF(call, struct probe, call);
    (void)response;
    p->in_flight = false;
    replica_manager_note_absence(p->absence->broker->replicas, p->id, e == ERR_REFUSED);
}

static struct probe *probe_of(struct absence *a, int32_t id)
{
    struct probe *p = map_get_u64(&a->probes, (uint64_t)id);
    if (p) return p;
    p = MEM_NEW(struct probe);
    p->absence = a;
    p->id = id;
    map_put_u64(&a->probes, (uint64_t)id, p);
    return p;
}

void absence_look(void *broker)
{
    struct broker *b = broker;
    struct absence *a = b->absence;
    const struct image *image = b->image;
    struct api_versions_request request;
    api_versions_request_init(&request);
    for (int32_t i = 0; i < image->brokers_count; i++) {
        int32_t id = image->brokers[i]->id;
        struct channel *c = id == b->node_id ? NULL : peer_channels_to(&a->channels, id);
        struct probe *p = c ? probe_of(a, id) : NULL;
        if (!p || p->in_flight) continue;
        p->in_flight = true;
        call_init(&p->call);
        channel_call(c, &p->call, API_API_VERSIONS, PLAIN_VERSION_MAX, &request, answered);
    }
}

void absence_rest(struct absence *a)
{
    for (uint32_t i = 0; i < a->probes.count; i++) {
        struct probe *p = a->probes.entries[i].value;
        if (p->in_flight) channel_cancel(&p->call);
        mem_free(p);
    }
    map_free(&a->probes);
    map_init(&a->probes);
    peer_channels_close(&a->channels);
}

void absence_destroy(struct absence *a)
{
    absence_rest(a);
    map_free(&a->probes);
    map_free(&a->channels.by_id);
    mem_free(a);
}
