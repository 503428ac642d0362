/* quorum-state: one line of JSON beside the metadata log that says in which epoch this node is,
 * whom it follows and for whom it voted (FileQuorumStateStore). Replaced atomically and durably
 * before anything that depends on it is said (S21). */
#ifndef SAMSA_QUORUM_QUORUM_STATE_H
#define SAMSA_QUORUM_QUORUM_STATE_H

#include "base/uuid.h"
#include "env/disk.h"

struct quorum_state {
    int32_t leader_id; /* -1: none */
    int32_t leader_epoch;
    int32_t voted_id; /* -1: nobody */
    struct uuid voted_directory_id;
    int16_t data_version; /* 0 under kraft.version 0, else 1 */
};

/* An absent file is epoch 0 without leader or vote. Err: CORRUPT, IO. */
enum err quorum_state_read(struct disk *disk, const char *path,
                           struct quorum_state *out) MUST_CHECK;

/* `voters` are listed in version 0 only. Err: IO, NO_SPACE. */
enum err quorum_state_write(struct disk *disk, const char *path, const struct quorum_state *state,
                            const int32_t *voters, int32_t voters_count) MUST_CHECK;

#endif
