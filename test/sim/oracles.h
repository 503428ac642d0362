/* The checkers: they look at every node's memory and disk after every event, and are told by the
 * model clients what was answered. They keep a state of their own, outside the cluster:
 *
 *   metadata.c    the committed metadata log, an image replayed from it, and what must hold of both
 *                 (S20, S22-S25); every node's image must equal it at the same offset
 *   partitions.c  every replica against the truth of its partition (S1-S8)
 *   values.c      what producers sent (S1, S12, S13, S27)
 *   groups.c      what groups committed and own (S18, S19)
 *   detection.c   who is said to be gone is gone (D1)
 *
 * What breaks ends the run by cluster_broken. Owned by the cluster. */
#ifndef SAMSA_TEST_SIM_ORACLES_H
#define SAMSA_TEST_SIM_ORACLES_H

#include "groups.h"
#include "metadata/replay.h"
#include "truth.h"
#include "values.h"

enum { TRUTHS_MAX = 512, HASHES = 8192 };

struct replica_manager;

/* A node's part of the quorum, and its images, as last seen. */
struct quorum_view {
    int32_t epoch, leader;
    bool leads;
    int64_t high_watermark;
    int64_t broker_image_end, controller_image_end;
    int32_t voted_epoch, voted_id; /* as on disk */
    int64_t fenced_ms;             /* since when its broker knows that it is fenced; 0: it is not */
};

/* How far a process's history was read. */
struct detection_view {
    int64_t starts; /* of its machine: which process */
    int64_t next;   /* sequence */
};

/* The last who said that he is a broker that he is not (S25). */
#define IMPOSTOR_INCARNATION ((struct uuid){{7, 7, 7}})
struct impostor_view {
    const struct machine *as; /* NULL: there was none */
    bool is_second;           /* a second process of that id: may follow the first, not oust it */
    int64_t starts, epoch;    /* of the first */
    bool was_fenced;          /* the first, meanwhile */
};

struct oracles {
    struct cluster *cluster;
    struct values values;
    struct groups groups;

    struct truth metadata;
    struct loader reference; /* the metadata log, replayed by us */
    struct delta delta;
    struct {
        int64_t offset;
        uint64_t hash;
    } hashes[HASHES];                   /* of the reference at an end offset, by offset modulo */
    struct uuid voters[PLAN_NODES_MAX]; /* directory ids of the voters, by node; zero: none */
    int32_t voter_changes;
    struct quorum_view quorum[PLAN_NODES_MAX];
    struct detection_view detection[PLAN_NODES_MAX];
    struct impostor_view impostor;

    struct truth *truths[TRUTHS_MAX];
    int32_t truths_count;
    int64_t elections, isr_changes; /* committed */
};

struct oracles *oracles_new(struct cluster *c);
void oracles_free(struct oracles *o);

/* `m` has had a turn. */
void oracles_look(struct oracles *o, struct machine *m);
void oracles_machine_down(struct oracles *o, struct machine *m);

/* NULL when there is none. */
struct truth *oracles_truth(struct oracles *o, struct uuid topic_id, int32_t partition);
struct truth *oracles_truth_by_name(struct oracles *o, const char *topic, int32_t partition);

/* The cluster as committed. */
static inline const struct image *oracles_image(const struct oracles *o)
{
    return o->reference.image;
}

/* May this machine lose what it has not synced, by Kafka's design, without loss to anybody? See
 * README.md. */
bool oracles_may_lose(struct oracles *o, const struct machine *m, bool synced);

/* Has some machine lost what the controller does not know of yet? */
bool oracles_loss_is_unknown(const struct oracles *o);

/* May it crash, or stop cleanly? It is out of the ISR then: so while the loss of another is not
 * known to the controller yet, somebody who holds everything must stay. */
bool oracles_may_crash(struct oracles *o, const struct machine *m);
bool oracles_may_crash_all(struct oracles *o);

/* When all others are mended and this one stays away: must they go on without it? */
bool oracles_may_do_without(struct oracles *o, const struct machine *m);

/* It has lost: a partition of which it was the only replica may be shorter now. */
void oracles_has_lost(struct oracles *o, struct machine *m, bool synced);

/* Somebody is about to ask to be `as`. */
void oracles_impostor_begins(struct oracles *o, const struct machine *as, bool is_second);

/* ---- for each other */
void metadata_init(struct oracles *o);
void metadata_free(struct oracles *o);
void metadata_look(struct oracles *o, struct machine *m);
void metadata_machine_down(struct oracles *o, struct machine *m);
void partitions_look(struct oracles *o, struct machine *m);
void detection_look(struct oracles *o, struct machine *m);
void partitions_machine_down(struct oracles *o, struct machine *m);
/* After a committed change: S3 over all running replicas of the partition. */
void partitions_check_isr(struct oracles *o, struct truth *t, const struct image_partition *p);

/* min.insync.replicas as committed, at most the replicas. */
int32_t oracles_isr_min(const struct oracles *o, const struct image_topic *topic,
                        const struct image_partition *p);

/* The machine's process is the one that is registered, and it is not fenced. */
bool oracles_is_member(const struct oracles *o, const struct machine *m);

#endif
