/* Reading one partition, for readers and group members: a fetch, and the check of what it gives
 * against the truth (S2, S9, S10): nothing but what is committed, and exactly that. Now and then it
 * is of an older epoch than the broker's, and must be refused (S5). */
#ifndef SAMSA_TEST_SIM_FETCHING_H
#define SAMSA_TEST_SIM_FETCHING_H

#include "client.h"

enum fetch_end {
    FETCH_SOME,    /* position has moved */
    FETCH_NOTHING, /* nothing there now */
    FETCH_RETRY,   /* ask again, perhaps another broker: metadata is being refreshed */
    FETCH_OUT_OF_RANGE,
    FETCH_ELSEWHERE, /* the broker names a nearer replica: read from it */
};

struct fetching {
    struct client *client;
    struct truth *truth;
    struct call call;
    int64_t position;
    int32_t epoch;       /* of the batch before the position; -1: not known */
    int32_t losses;      /* of the truth, when the position was set */
    int32_t elsewhere;   /* the nearer replica named last; -1: none */
    const char *rack;    /* NULL: none */
    bool much;           /* as much as there is, not a random part */
    int32_t asked_epoch; /* leader epoch of the request */
    int64_t sent_ms;
    int64_t outdated; /* start of the broker that must refuse this epoch; 0: none must */
    int32_t node;     /* it was sent there */
    void *owner;
    /* May start the next fetch. */
    void (*done)(struct fetching *f, enum fetch_end end);
};

void fetching_init(struct fetching *f, struct client *c, struct truth *t);

/* From `node`, at position; wait_ms: how long the broker may hold it. */
void fetching_start(struct fetching *f, int32_t node, int32_t leader_epoch, int32_t wait_ms,
                    void (*done)(struct fetching *f, enum fetch_end end));

/* Where to go on after FETCH_OUT_OF_RANGE, as auto.offset.reset=earliest would: the partition's
 * start as the leader tells it comes with the next answer. */
void fetching_reset(struct fetching *f, int32_t node, int32_t leader_epoch,
                    void (*done)(struct fetching *f, enum fetch_end end));

void fetching_cancel(struct fetching *f);

#endif
