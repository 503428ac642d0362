/* Reads of a coordinator that no controller has heard for a while: is it the coordinator still?
 *
 * A committed offset that another coordinator has acknowledged must not be followed by an older one
 * of ours (S18). Until the lease is half over nobody asks. Then (replica/lease.h) another may lead
 * the group's partition, while our followers are silent for no longer than a client needs to ask
 * us. So a read waits until every replica that could lead in our place has fetched again, behind an
 * answer that it was given after the read had come: it was no leader then, so whatever was
 * acknowledged before the read was sent was acknowledged by us.
 *
 *   asked ──> WAITING ── all have fetched so, or a controller answers ──> confirmed
 *                └── DOUBTED_READ_MS_MAX ──> not confirmed
 *
 * Followers that wait with us for records are answered at once, so this takes a round trip.
 * Processes that were proved gone before the lease was over are not waited for, so S24 holds: with
 * all controllers dead, offsets are read as before.
 *
 * Owns: nothing but the line; the waiting requests own themselves. Thread: the loop's. */
#ifndef SAMSA_BROKER_DOUBTED_READS_H
#define SAMSA_BROKER_DOUBTED_READS_H

#include "broker/broker.h"

enum { DOUBTED_READS_MAX = 10000, DOUBTED_READ_MS_MAX = 1000 };

struct doubted_reads;

struct doubted_reads *doubted_reads_create(struct broker *b);

/* Those who wait are closed. */
void doubted_reads_destroy(struct doubted_reads *d);

/* Is this partition of __consumer_offsets led by us as far as we know, and in doubt? */
bool doubted_reads_doubt(struct broker *b, int32_t partition);

/* False: none of these partitions is in doubt; answer. True: rq is parked, and `over` runs from the
 * loop; when more than DOUBTED_READS_MAX wait, with confirmed false. `partitions` is copied. */
bool doubted_reads_wait(struct doubted_reads *d, struct request *rq, const int32_t *partitions,
                        int32_t count,
                        void (*over)(struct request *rq, struct broker *b, bool confirmed));

/* A follower has fetched, or a controller has answered. */
void doubted_reads_look(struct doubted_reads *d);

#endif
