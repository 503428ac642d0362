/* What waits on one replica of a partition: for its high watermark (produce with acks=all,
 * coordinators), for its low watermark (DeleteRecords), or for anything to happen to it (fetches).
 *
 * Everything is intrusive and caller-owned: waiting allocates nothing, an idle partition costs
 * three empty list heads, and an append costs one step per fetch that really waits on that
 * partition. The owner of the replica gathers what happened during a loop turn and tells it here
 * once, from the loop; so `done` and `moved` never run inside the call that caused them. Timeouts
 * belong to the waiters. Thread: the loop's. */
#ifndef SAMSA_REPLICA_PURGATORY_H
#define SAMSA_REPLICA_PURGATORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "protocol/error.h"

/* Waits until a watermark has reached `offset`. */
struct offset_wait {
    struct list_node node;
    int64_t offset;
    /* Unlinked when called. NONE: reached; else why it never will be. May wait again. */
    void (*done)(struct offset_wait *wait, enum kafka_error error);
};

/* What happened to a replica since the last call. Bytes are of records that became readable; -1
 * means some, but nobody counted. */
struct replica_movement {
    int64_t appended_bytes; /* below the log end offset: followers read these */
    int64_t visible_bytes;  /* below the high watermark */
    int64_t stable_bytes;   /* below the last stable offset */
    bool watermark_moved;   /* the high watermark, with or without bytes */
    bool look_again;        /* leadership, log start, truncation, roll: a count says nothing */
    bool gone;              /* the replica leaves this node; the watch is unlinked when called */
};

/* Is told of everything. */
struct replica_watch {
    struct list_node node;
    /* Must neither add nor remove watches of that replica. */
    void (*moved)(struct replica_watch *watch, const struct replica_movement *movement);
};

struct purgatory {
    struct list_node high_waits; /* by offset */
    struct list_node low_waits;  /* by offset */
    struct list_node watches;
};

void purgatory_init(struct purgatory *p);

/* `waits` is one of the two lists. Offsets mostly come in rising order, which is the cheap case. */
void purgatory_wait(struct list_node *waits, struct offset_wait *w);

/* Every wait at or below `watermark` is done with `error`. */
void purgatory_reached(struct list_node *waits, int64_t watermark, enum kafka_error error);

/* Every wait is done with `error`. */
void purgatory_fail(struct list_node *waits, enum kafka_error error);

static inline void purgatory_watch(struct purgatory *p, struct replica_watch *w)
{
    list_push_back(&p->watches, &w->node);
}

/* Tell every watch; with movement->gone unlink each first. */
void purgatory_moved(struct purgatory *p, const struct replica_movement *movement);

static inline void offset_wait_init(struct offset_wait *w, int64_t offset,
                                    void (*done)(struct offset_wait *, enum kafka_error))
{
    list_init(&w->node);
    w->offset = offset;
    w->done = done;
}

/* Stop waiting. Allowed when it is not waiting. */
static inline void offset_wait_cancel(struct offset_wait *w)
{
    list_remove(&w->node);
}

#endif
