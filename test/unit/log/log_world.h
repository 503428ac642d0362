/* A simulated machine with one log directory, for the tests of log/. */
#ifndef SAMSA_TEST_UNIT_LOG_WORLD_H
#define SAMSA_TEST_UNIT_LOG_WORLD_H

#include "env/sim/sim.h"
#include "log/log_dir.h"

struct log_world {
    struct sim *sim;
    struct sim_node *node;
    struct env *env;
    struct log_config *config;
    struct log_dir *dir;
    struct log *log; /* t-0, when made */
    struct codec *codec;
    struct batch_builder builder;
    struct arena arena;
    struct append_result result; /* of the last append */
    bool offline;                /* the directory said so */
    int32_t leader_epoch;        /* of the batches appended; 0: 1 */
    int64_t flush_scheduler_ms;  /* from the next world_open on; 0: the default */
};

/* A directory /d, loaded, with the log t-0. */
void world_init(struct log_world *w, uint64_t seed);
void world_free(struct log_world *w);

/* Open, load, find or make t-0. */
enum err world_open(struct log_world *w);

/* Find or make t-0. */
enum err world_make(struct log_world *w);

void world_close(struct log_world *w); /* clean */
void world_crash(struct log_world *w); /* kill -9 */
void world_power_loss(struct log_world *w, enum sim_loss loss);
void world_reopen_clean(struct log_world *w);

/* Build `count` records "k<n>" → "v<n>…" with timestamps from `timestamp` on. */
struct built {
    int32_t count;
    int64_t timestamp;
    int32_t value_bytes;
    enum compression compression;
    int64_t producer_id; /* 0: none */
    int16_t producer_epoch;
    int32_t sequence;
    int16_t attributes;
    bool null_keys;
};
void world_build(struct log_world *w, const struct built *b, uint8_t **data, size_t *len);

/* Build and append as a client; the result is in w->result. */
enum append_error world_append(struct log_world *w, const struct built *b);

/* `count` records of 100 bytes, which must be taken. */
void world_append_ok(struct log_world *w, int32_t count);

/* End a transaction. */
enum append_error world_append_marker(struct log_world *w, int64_t producer_id, int16_t epoch,
                                      bool commit, int32_t coordinator_epoch);

/* Every record from log start to log end, with whole batches; the count. Offsets must rise. */
int64_t world_read_all(struct log_world *w);

/* The base offset of the first batch that a read at `offset` gives; -1 none. */
int64_t world_read_at(struct log_world *w, int64_t offset);

#endif
