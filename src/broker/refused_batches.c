#include "broker/refused_batches.h"

#include "base/map.h"
#include "base/mark.h"
#include "base/mem.h"

/* One producer's first batch of a partition that is to come again. */
struct refused_batch {
    int32_t sequence;
    int16_t epoch;
    int16_t error;
    int64_t until; /* the last request that may lie behind it */
};

struct refused_batches {
    struct connection_memory memory;
    struct map batches; /* struct key -> boxed refused_batch */
    int64_t requests;   /* that came since the first refusal */
    int64_t until;      /* the latest of the batches' */
};

/* No padding: it is compared as bytes. */
struct key {
    uint64_t topic; /* of another with the same, a batch may be refused once more for nothing */
    int64_t producer_id;
    int64_t partition;
};

static struct key key_of(struct bytes topic, int32_t partition, int64_t producer_id)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (int64_t i = 0; i < topic.len; i++) hash = (hash ^ topic.data[i]) * 0x100000001b3u;
    return (struct key){hash, producer_id, partition};
}

static void forget_all(struct connection_memory *memory)
{
    struct refused_batches *b = CONTAINER_OF(memory, struct refused_batches, memory);
    for (uint32_t i = 0; i < b->batches.count; i++) mem_free(b->batches.entries[i].value);
    map_free(&b->batches);
    mem_free(b);
}

static struct refused_batches *of_connection(const struct request *rq)
{
    struct connection_memory *memory = request_memory(rq);
    return memory ? CONTAINER_OF(memory, struct refused_batches, memory) : NULL;
}

struct refused_batches *refused_batches_begin(struct request *rq)
{
    struct refused_batches *b = of_connection(rq);
    if (!b) return NULL;
    if (b->requests++ < b->until) return b;
    request_remember(rq, NULL);
    forget_all(&b->memory);
    return NULL;
}

/* NULL when none is kept, or when what is kept can have nothing behind it any more. */
static struct refused_batch *find(const struct refused_batches *b, const struct key *key)
{
    struct refused_batch *x = map_get(&b->batches, key, sizeof *key);
    return x && b->requests <= x->until ? x : NULL;
}

/* Is sequence `a` later than `b`? They wrap from 2^31-1 to 0. */
static bool is_later(int32_t a, int32_t b)
{
    uint32_t distance = ((uint32_t)a - (uint32_t)b) & INT32_MAX;
    return distance > 0 && distance < 1u << 30;
}

void refused_batches_add(struct request *rq, struct bytes topic, int32_t partition,
                         const struct batch_header *h, enum kafka_error error)
{
    if (!request_can_remember(rq)) return;
    struct refused_batches *b = of_connection(rq);
    if (!b) {
        b = MEM_NEW(struct refused_batches);
        b->memory.free = forget_all;
        map_init(&b->batches);
        request_remember(rq, &b->memory);
    }
    struct key key = key_of(topic, partition, h->producer_id);
    struct refused_batch *x = find(b, &key);
    if (x && x->epoch == h->producer_epoch && is_later(h->base_sequence, x->sequence)) return;
    if (!x) x = map_get(&b->batches, &key, sizeof key);
    if (!x) {
        if (b->batches.count == CONNECTION_REFUSALS_MAX) return;
        x = MEM_NEW(struct refused_batch);
        map_put(&b->batches, &key, sizeof key, x);
    }
    b->until = b->requests + PIPELINE_MAX - 1;
    *x = (struct refused_batch){.sequence = h->base_sequence,
                                .epoch = h->producer_epoch,
                                .error = (int16_t)error,
                                .until = b->until};
}

enum kafka_error refused_batches_behind(const struct refused_batches *b, struct bytes topic,
                                        int32_t partition, const struct batch_header *h)
{
    struct key key = key_of(topic, partition, h->producer_id);
    const struct refused_batch *x = find(b, &key);
    if (!x || x->epoch != h->producer_epoch || !is_later(h->base_sequence, x->sequence))
        return KAFKA_NONE;
    MARK("a batch comes behind one that was refused");
    return x->error;
}

void refused_batches_taken(struct refused_batches *b, struct bytes topic, int32_t partition,
                           const struct batch_header *h)
{
    struct key key = key_of(topic, partition, h->producer_id);
    mem_free(map_remove(&b->batches, &key, sizeof key));
}
