/* Every value that model producers ever sent: what became of it.
 *
 *     SENT ── answered ──> ACKED (with its offset), FAILED (never to be seen), UNKNOWN (either way)
 *     and apart from that: committed at an offset, as the truth of its partition shows.
 *
 * A value's text is its number. Holds S1 (acknowledged is committed, there and at once), S12 (not
 * in a later topic of the same name), S13 (once, in order) and S27 (failed is never seen).
 *
 * What is acknowledged with acks=1 is promised less: it may be gone once another leads. But it
 * stands where that was said or nowhere, and stays while nobody else comes to lead. With acks=0
 * nothing is promised but the order of what one connection brings. */
#ifndef SAMSA_TEST_SIM_VALUES_H
#define SAMSA_TEST_SIM_VALUES_H

#include "protocol/batch.h"
#include "truth.h"

enum value_state { VALUE_SENT, VALUE_ACKED, VALUE_FAILED, VALUE_UNKNOWN };

struct value {
    struct truth *truth;
    int32_t producer;
    int32_t order; /* among the producer's values of the partition */
    enum value_state state;
    bool once;       /* sent by an idempotent producer */
    bool all;        /* with acks=all */
    bool stays;      /* sent to the newest leader, the last of `leaders` of the truth then */
    int32_t leaders; /* how many that were */
    int32_t line;    /* acks=0: the connection, from 1; 0: not so */
    int64_t sent_ms;
    int64_t acked_offset;     /* -1: not known */
    int64_t committed_offset; /* -1: not committed */
};

/* What was committed last of one connection, in one partition. */
struct value_line {
    const struct truth *truth;
    int32_t producer, line, number;
};

struct values {
    struct cluster *cluster;
    struct value_line *lines;
    int32_t lines_count, lines_capacity;
    struct value *items;
    int32_t count, capacity;
    int64_t acked, committed;
};

void values_init(struct values *v, struct cluster *c);
void values_free(struct values *v);

/* A new one; its number. */
int32_t values_add(struct values *v, struct truth *t, int32_t producer, int32_t order, bool once,
                   bool all);

/* Its text, padded to at most bytes_max; returns the length. */
int32_t values_text(int32_t number, struct prng *p, int64_t bytes_max, char *to, size_t size);

/* A batch of the values from `first` on; *data is the builder's. */
void values_batch(struct batch_builder *b, const struct batch_options *options, struct prng *p,
                  int64_t bytes_max, int64_t now_ms, int32_t first, int32_t count, uint8_t **data,
                  size_t *len);

/* With acks=1, and now, to that node. With acks=0, over that connection. */
void values_sent_once(struct values *v, int32_t number, int32_t node_id);
void values_sent_blind(struct values *v, int32_t number, int32_t line);

/* The broker said: written at that offset (-1: it did not say where). */
void values_acked(struct values *v, int32_t number, int64_t offset);
void values_failed(struct values *v, int32_t number);
void values_unknown(struct values *v, int32_t number);

/* For a truth: its records are values. */
void values_told(void *values, struct truth *t, const struct record *r);
void values_were_cut(void *values, struct truth *t);

/* At the end: what was acknowledged is committed, in partitions that lost nothing. With acks=1 it
 * may still be on its way to followers: values_are_committed asks whether it is there. */
bool values_are_committed(const struct values *v);
void values_check(struct values *v);

#endif
