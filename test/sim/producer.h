/* Model producers.
 *
 * Idempotent, acks=all, as librdkafka's are: sequences per partition, up to five batches in flight,
 * and whatever failed in a way that can be retried is sent again in order, to whoever leads then,
 * for ever. So every value is written exactly once, or the cluster is at fault.
 *
 *     batch: QUEUED ── sent ──> IN FLIGHT ── acknowledged ──> gone
 *                ^────── retriable, or nobody knows ───┘
 *     lane:  a batch failed ──> draining until nothing is in flight ──> all again, in order
 *
 * With acks=1: each batch is sent once, and its end may stay unknown. acks=0: see spray.h. */
#ifndef SAMSA_TEST_SIM_PRODUCER_H
#define SAMSA_TEST_SIM_PRODUCER_H

#include "client.h"
#include "protocol/batch.h"
#include "replays.h"

struct producer;

enum { ACKS_ALL = -1, ACKS_LEADER = 1 };

/* `replays` hears what is sent with acks=all; NULL: nobody does. */
struct producer *producer_new(struct cluster *c, int32_t number, int16_t acks,
                              struct replays *replays);
void producer_free(struct producer *p);

/* No new values from now on; what is queued is still brought home. */
void producer_rest(struct producer *p);

/* Everything sent has been answered. */
bool producer_is_drained(const struct producer *p);

/* Values it has sent. */
int64_t producer_sent(const struct producer *p);

/* The partition in which something is still unanswered, for a failure's text; "" when drained. */
const char *producer_stuck_at(const struct producer *p);

#endif
