/* Answers that wait for an election: who asks for the leader of a partition when this broker has
 * just seen that leader's connection break is answered once metadata has settled it.
 *
 *   lost ──> SUSPECTED ── heard again; fenced, or started anew, says metadata; wait over ──> gone
 *
 * Clients ask within a millisecond of a leader's death, before any controller can have decided; the
 * old leader's name is of no use to them, and many (librdkafka) do not ask again for a second. An
 * election takes less. So what would name a suspected leader waits, no longer than
 * samsa.metadata.wait.ms from the first evidence on; then it is given as it stands.
 *
 * Evidence is a fetcher's connection to that leader, closed or refused. A reset connection is a
 * near miss: the next answer clears it.
 *
 * Owns: suspicions; the requests are in line until woken. Thread: the loop's. */
#ifndef SAMSA_BROKER_SETTLING_H
#define SAMSA_BROKER_SETTLING_H

#include "broker/broker.h"

struct settling;

enum { SETTLING_BROKERS_MAX = 16, SETTLING_REQUESTS_MAX = 10000 };

/* wait_ms: 0: nothing ever waits. */
struct settling *settling_create(struct broker *b, int64_t wait_ms);

/* Those who wait are closed. */
void settling_destroy(struct settling *s);

/* A connection to broker `id` broke, or was refused; from the first time until it is heard again,
 * once. Beyond SETTLING_BROKERS_MAX at a time: nothing happens. */
void settling_lost(struct settling *s, int32_t id);
void settling_heard(struct settling *s, int32_t id);

/* The image moved. */
void settling_metadata_moved(struct settling *s);

/* Is anybody suspected (s NULL: no); is this one? */
bool settling_any(const struct settling *s);
bool settling_suspects(const struct settling *s, int32_t id);

/* Park rq: `again` runs with it when its answer may be another. False: too many wait; answer. */
bool settling_wait(struct settling *s, struct request *rq,
                   void (*again)(struct request *rq, struct broker *b));

#endif
