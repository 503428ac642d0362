/* Giving away what this broker leads, on a controlled shutdown, so that no producer sees an error.
 *
 *   SERVING ── handover_begin ──> HOLDING ── handover_release, or the hold is over ──> RELAYING
 *
 * HOLDING: a Produce that comes waits. `quiet` runs when those before it have been answered, or
 * did not come to an end in QUIET_MS_MAX: only then the controller is asked to move the leaders, so
 * that no batch is caught between two of them. RELAYING: a batch for a partition that another
 * broker leads by now is sent there, in the client's stead, and so is the answer back. The client
 * notices nothing until its connection ends; and then it has nothing in flight to try again.
 *
 * An error instead, as in Apache Kafka, costs every producer its retry.backoff.ms.
 *
 * The hold has a bound (samsa.shutdown.hold.ms), whatever the controllers do. What cannot be
 * relayed gets the error that it would have got. Owns: channels to other brokers, as long as it
 * relays. Thread: the loop's. */
#ifndef SAMSA_BROKER_HANDOVER_H
#define SAMSA_BROKER_HANDOVER_H

#include "broker/broker.h"
#include "protocol/produce.h"

struct handover;

enum { QUIET_MS_MAX = 100 };

/* hold_ms: 0: no hold and no relay. */
struct handover *handover_create(struct broker *b, int64_t hold_ms);

/* Requests that are held are closed; relays in flight end with an error. */
void handover_destroy(struct handover *h);

/* A Produce begins; each is followed by handover_ended, however it ends. `again` runs with it when
 * it has been held. False: go on with it now. */
bool handover_holds(struct handover *h, struct request *rq,
                    void (*again)(struct request *rq, void *broker));
void handover_began(struct handover *h);
void handover_ended(struct handover *h);

/* Leaders are about to be moved. `quiet` runs once, from the loop, or now. Nothing, the second
 * time. */
void handover_begin(struct handover *h, void (*quiet)(struct broker *b));

/* They have been, and every broker knows. */
void handover_release(struct handover *h);

/* Is something still held or under way? */
bool handover_is_busy(const struct handover *h);

/* A batch on its way to who leads its partition. Lives with the request it came in. */
struct relayed {
    struct call call;
    struct handover *handover;
    /* `answer`: of the one partition; NULL: nobody knows whether it was taken. */
    void (*done)(struct relayed *r,
                 const struct produce_response_partition_produce_response *answer);
    void *context; /* the caller's */
};

/* Passes one batch on. False: not now, or nobody is known who leads; the caller's error stands. The
 * bytes are copied. */
bool handover_relay(struct handover *h, struct relayed *r, struct str topic, struct uuid topic_id,
                    int32_t partition, struct bytes batch, const struct produce_request *q);

/* The client is gone: `done` will not run. */
void handover_forget(struct relayed *r);

#endif
