#include "broker/absence.h"

#include "base/mem.h"
#include "broker/pulses.h"
#include "metadata/image.h"
#include "replica/lease.h"

enum { ANSWER_MS_MAX = 1000, CONNECT_BACKOFF_MS = 100 };

struct absence {
    struct broker *broker;
    struct pulses pulses;
};

static void told(void *context, int32_t id, enum err e)
{
    struct absence *a = context;
    replica_manager_note_absence(a->broker->replicas, id, e == ERR_REFUSED);
}

struct absence *absence_create(struct broker *b)
{
    struct absence *a = MEM_NEW(struct absence);
    a->broker = b;
    struct pulses_config config = {.purpose = "absence",
                                   .answer_ms_max = ANSWER_MS_MAX,
                                   .backoff_ms = CONNECT_BACKOFF_MS,
                                   .told = told,
                                   .context = a};
    pulses_init(&a->pulses, b, &config);
    return a;
}

void absence_look(void *broker)
{
    struct broker *b = broker;
    const struct image *image = b->image;
    for (int32_t i = 0; i < image->brokers_count; i++)
        if (image->brokers[i]->id != b->node_id)
            pulses_ask(&b->absence->pulses, image->brokers[i]->id);
}

void absence_rest(struct absence *a)
{
    pulses_close(&a->pulses);
}

void absence_destroy(struct absence *a)
{
    pulses_close(&a->pulses);
    mem_free(a);
}
