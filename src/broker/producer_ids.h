/* Producer ids for this broker to hand out: blocks from the controller (AllocateProducerIds), the
 * next one asked for before the current one is used up. Thread: the loop's. */
#ifndef SAMSA_BROKER_PRODUCER_IDS_H
#define SAMSA_BROKER_PRODUCER_IDS_H

#include "base/list.h"
#include "broker/broker.h"

struct producer_id_source;

struct producer_id_source *producer_id_source_create(struct broker *b);
void producer_id_source_destroy(struct producer_id_source *s);

/* Somebody who waits for an id. */
struct producer_id_wait {
    struct list_node node;
    /* From the loop. KAFKA_NONE and an id nobody else was given; or COORDINATOR_LOAD_IN_PROGRESS,
     * which clients retry: no controller gave a block in time. */
    void (*done)(struct producer_id_wait *wait, int16_t error, int64_t producer_id);
};

void producer_id_source_next(struct producer_id_source *s, struct producer_id_wait *wait,
                             void (*done)(struct producer_id_wait *, int16_t, int64_t));

/* The waiter is gone. Allowed when it does not wait. */
void producer_id_source_cancel(struct producer_id_wait *wait);

#endif
