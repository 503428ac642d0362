/* What a frame begins with, and how much of a half read one to wait for. Private to rpc/. */
#ifndef SAMSA_RPC_FRAME_H
#define SAMSA_RPC_FRAME_H

#include "base/bytes.h"

enum {
    FRAME_LENGTH_BYTES = 4,
    /* Of a request, behind its length: API and version; then the correlation id. */
    FRAME_KIND_BYTES = 4,
    FRAME_FIXED_BYTES = 8,
    /* A missing rest below the first costs less to be woken for than to ask for; beyond the second,
     * what has come is read while more comes. */
    FRAME_EXPECT_BYTES_MIN = 32 << 10,
    FRAME_EXPECT_BYTES_MAX = 512 << 10,
};

/* For net_expect: 1 unless the frame that begins at `data`, of which `have` bytes are there, lacks
 * many. */
static inline size_t frame_expects(const uint8_t *data, size_t have)
{
    if (have < FRAME_LENGTH_BYTES) return 1;
    size_t frame = FRAME_LENGTH_BYTES + (size_t)load_be32(data);
    if (frame < have + FRAME_EXPECT_BYTES_MIN) return 1;
    size_t missing = frame - have;
    return missing < FRAME_EXPECT_BYTES_MAX ? missing : FRAME_EXPECT_BYTES_MAX;
}

#endif
