/* What is committed in one partition, as the checker knows it: every batch that any replica's high
 * watermark ever passed, in order. Kept outside the cluster; a replica whose bytes below its high
 * watermark differ from it has lost or changed a committed record (S1, S2, S9).
 *
 * `end` is the true high watermark: the highest that was ever justified. Only an amnesty moves it
 * back: a loss that Kafka's design does not promise to survive (README.md). An unclean election is
 * one: what the new leader's log does not share with the truth was lost, and what leaders of
 * earlier epochs go on to commit among themselves is nothing. */
#ifndef SAMSA_TEST_SIM_TRUTH_H
#define SAMSA_TEST_SIM_TRUTH_H

#include "base/uuid.h"
#include "cluster.h"
#include "disk_log.h"

struct truth_batch {
    int64_t base, last;
    uint32_t crc;
    int32_t epoch;
};

/* One replica as last seen. */
struct truth_view {
    struct disk_log verified; /* everything below has been compared, in this process */
    const char *folder;       /* the log directory in which that was */
    bool hosted;
    int role; /* enum partition_role */
    int32_t leader_epoch, isr_count;
    int64_t high_watermark, log_end_offset;
};

struct truth_leader {
    int32_t epoch, broker;
};

struct truth {
    struct uuid topic_id;
    char topic[64], directory[80]; /* "t0", "t0-1" */
    int32_t partition;
    int64_t created_ms;
    bool deleted;
    bool amnesty;          /* a loss is allowed, until the next leader shows how much */
    int32_t losses;        /* amnesties that took something, and unclean elections */
    int32_t unclean_epoch; /* of the last leader that was elected so; 0: none was */
    uint32_t eligible;     /* ISR and ELR as committed, a bit per node */
    bool eligible_known;
    struct truth_batch *batches;
    int32_t batches_count, batches_capacity;
    int64_t end;
    struct truth_leader *leaders; /* who appended in which epoch (S5), by epoch */
    int32_t leaders_count, leaders_capacity;
    struct truth_view views[PLAN_NODES_MAX];
    /* A record that is committed from now on, of a batch that is no control batch; and a batch, of
     * any kind. May be NULL. */
    void (*committed)(void *owner, struct truth *t, const struct record *r);
    void (*extended)(void *owner, struct truth *t, struct bytes batch,
                     const struct batch_header *h);
    /* Everything from `end` on is not committed any more. May be NULL. */
    void (*was_cut)(void *owner, struct truth *t);
    void *owner;
};

void truth_init(struct truth *t, struct uuid topic_id, const char *topic, int32_t partition);
void truth_free(struct truth *t);

/* This machine's replica says that all below high_watermark is committed, and starts at
 * log_start: compare, and learn what is new. `folder` is the log directory it lies in. */
void truth_observe(struct truth *t, const struct machine *m, const char *folder,
                   int64_t high_watermark, int64_t log_start);

/* How far the machine's log agrees with what is committed: an offset, `end` at most. */
int64_t truth_shared_with(const struct truth *t, const struct machine *m);

/* Under an amnesty: forget what is at or above `end`. */
void truth_cut(struct truth *t, int64_t end);

/* The batch that holds the offset; NULL: not committed. */
const struct truth_batch *truth_at(const struct truth *t, int64_t offset);

/* Does the machine's disk hold everything committed? Compared byte by byte. */
bool truth_is_whole_on(const struct truth *t, const struct machine *m);

/* This broker appends, or could, as leader of the epoch. False: another one did before. */
bool truth_leads(struct truth *t, int32_t epoch, int32_t broker);

#endif
