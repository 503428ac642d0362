#include "broker/near_replica.h"

#include "config/config.h"
#include "config/node.h"
#include "metadata/image.h"

bool near_replica_is_configured(const struct config *c)
{
    const char *class = config_string(c, CONFIG_REPLICA_SELECTOR_CLASS);
    return class && strcmp(class, REPLICA_SELECTOR_RACK_AWARE) == 0;
}

/* In the rack, alive, and reachable where the client came in. */
static bool is_near(const struct broker *b, int32_t broker_id, struct str listener, struct str rack)
{
    const struct image_broker *x = image_broker(b->image, broker_id);
    return x && !x->fenced && !str_is_null(x->rack) && str_equal(x->rack, rack) &&
           image_broker_endpoint(x, listener);
}

/* The most caught up; then who was so most lately; then by id (ReplicaView.comparator). */
static bool is_better(const struct follower *a, const struct follower *b)
{
    if (a->log_end_offset != b->log_end_offset) return a->log_end_offset > b->log_end_offset;
    if (a->caught_up.ns != b->caught_up.ns) return a->caught_up.ns > b->caught_up.ns;
    return a->broker_id > b->broker_id;
}

int32_t near_replica(const struct broker *b, const struct replica *r, struct str listener,
                     struct str rack, int64_t offset)
{
    const struct partition *p = &r->core;
    PRE(p->role == PARTITION_LEADER);
    if (rack.len <= 0 || is_near(b, b->node_id, listener, rack)) return -1;
    const struct follower *best = NULL;
    for (int32_t i = 0; i < p->followers_count; i++) {
        const struct follower *f = &p->followers[i];
        if (!f->committed || f->log_end_offset < offset || f->log_start_offset > offset) continue;
        if (!is_near(b, f->broker_id, listener, rack)) continue;
        if (!best || is_better(f, best)) best = f;
    }
    return best ? best->broker_id : -1;
}
