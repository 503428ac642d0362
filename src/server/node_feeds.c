/* Committed records go to the broker's image and to a standby controller's. */
#include "broker/metadata_publisher.h"
#include "server/internal.h"

/* ---- the broker */

static struct metadata_publisher *publisher_of(void *owner)
{
    return broker_metadata(((struct node *)owner)->broker);
}

static void broker_load_begin(void *owner)
{
    metadata_publisher_load_begin(publisher_of(owner));
}

static enum err broker_load(void *owner, int64_t end_offset, struct bytes frame)
{
    return metadata_publisher_load(publisher_of(owner), end_offset, frame);
}

static void broker_load_done(void *owner, int64_t end_offset, int32_t epoch)
{
    metadata_publisher_load_done(publisher_of(owner), end_offset, epoch);
}

static enum err broker_record(void *owner, int64_t offset, int32_t epoch, struct bytes frame)
{
    return metadata_publisher_record(publisher_of(owner), offset, epoch, frame);
}

static void broker_skip(void *owner, int64_t offset, int32_t epoch)
{
    metadata_publisher_skip(publisher_of(owner), offset, epoch);
}

static void broker_flush(void *owner)
{
    metadata_publisher_flush(publisher_of(owner));
}

void node_init_broker_feed(struct node *n)
{
    n->broker_feed = (struct quorum_subscriber){
        .wants_committed = true,
        .owner = n,
        .load_begin = broker_load_begin,
        .load = broker_load,
        .load_done = broker_load_done,
        .record = broker_record,
        .skip = broker_skip,
        .flush = broker_flush,
    };
}

/* ---- a standby controller */

static struct controller *controller_of(void *owner)
{
    return ((struct node *)owner)->controller;
}

static void standby_load_begin(void *owner)
{
    controller_load_begin(controller_of(owner));
}

static enum err standby_load(void *owner, int64_t end_offset, struct bytes frame)
{
    return controller_load(controller_of(owner), end_offset, frame);
}

static void standby_load_done(void *owner, int64_t end_offset, int32_t epoch)
{
    controller_load_done(controller_of(owner), end_offset, epoch);
}

static enum err standby_record(void *owner, int64_t offset, int32_t epoch, struct bytes frame)
{
    return controller_apply(controller_of(owner), offset, epoch, frame);
}

static void standby_skip(void *owner, int64_t offset, int32_t epoch)
{
    controller_skip(controller_of(owner), offset, epoch);
}

static void standby_flush(void *owner)
{
    (void)owner; /* a standby acts on nothing */
}

void node_init_controller_feed(struct node *n)
{
    n->controller_feed = (struct quorum_subscriber){
        .wants_committed = true,
        .owner = n,
        .load_begin = standby_load_begin,
        .load = standby_load,
        .load_done = standby_load_done,
        .record = standby_record,
        .skip = standby_skip,
        .flush = standby_flush,
    };
}
