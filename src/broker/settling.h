/* Answers that wait for an election: who asks for the leader of a partition when that leader is
 * dead, or may be, is answered once metadata has settled it.
 *
 *   lost ──> SUSPECTED ── heard again; fenced, or started anew, says metadata ──> gone
 *                 └── wait over ──> OVER: holds nobody up ── the same ──> gone
 *
 * Clients ask within a millisecond of a leader's death, before any controller can have decided; the
 * old leader's name is of no use to them, and many (librdkafka) do not ask again for a second. An
 * election takes less. So what would name a suspected leader waits, no longer than
 * samsa.metadata.wait.ms from the first evidence on; then it is given as it stands.
 *
 * Evidence is a connection to that leader, closed or refused: a fetcher's, or that of a question
 * (pulses.h). Clients can lose theirs before this broker loses any, so before an answer names
 * another broker as leader, that broker gives a sign of life that was asked for after the request
 * had come: a round trip, or samsa.metadata.pulse.ms where none comes (a paused process, a far
 * one), which nobody waits for twice. A reset connection is a near miss: the next answer clears it.
 *
 * Owns: suspicions, pulses; the requests are in line until woken. Thread: the loop's. */
#ifndef SAMSA_BROKER_SETTLING_H
#define SAMSA_BROKER_SETTLING_H

#include "broker/broker.h"

struct settling;

enum { SETTLING_BROKERS_MAX = 16, SETTLING_REQUESTS_MAX = 10000, SETTLING_LEADERS_MAX = 64 };

/* The brokers that an answer names as leaders, each once; those beyond SETTLING_LEADERS_MAX are not
 * waited for. Starts as {0}. */
struct settling_leaders {
    int32_t ids[SETTLING_LEADERS_MAX];
    int32_t count;
};

/* Add one; a negative id is nobody's. */
void settling_name(struct settling_leaders *l, int32_t id);

/* wait_ms: for an election, 0: nothing ever waits. pulse_ms: for a sign of life, 0: none is asked
 * for. */
struct settling *settling_create(struct broker *b, int64_t wait_ms, int64_t pulse_ms);

/* Those who wait are closed. */
void settling_destroy(struct settling *s);

/* A connection to broker `id` broke, or was refused; nothing more until it is heard again. Beyond
 * SETTLING_BROKERS_MAX suspected at a time: nothing happens. */
void settling_lost(struct settling *s, int32_t id);
void settling_heard(struct settling *s, int32_t id);

/* The image moved. */
void settling_metadata_moved(struct settling *s);

/* Is this one suspected? */
bool settling_suspects(const struct settling *s, int32_t id);

/* True: one of these leaders is in doubt, and rq is parked: `again` runs with it when its answer
 * may be another. False: answer (also when too many wait, and without a settling). */
bool settling_wait(struct settling *s, struct request *rq, const struct settling_leaders *leaders,
                   void (*again)(struct request *rq, struct broker *b));

#endif
