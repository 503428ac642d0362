/* Receive buffers, reference counted: by the connection that fills one and by each request whose
 * frame lies in it. Powers of two from 4 KiB; a bounded free list keeps the common ones, so a
 * steady connection allocates nothing. Private to rpc/. Thread: the loop's. */
#ifndef SAMSA_RPC_BUFFER_H
#define SAMSA_RPC_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RPC_BUFFER_BYTES_MIN = 4096,
    RPC_BUFFER_CLASSES = 20, /* 4 KiB … 2 GiB */
    /* Free buffers kept for reuse, all classes together. */
    RPC_BUFFER_CACHE_BYTES_MAX = 8 << 20,
};

struct rpc_buffer {
    struct rpc_buffer_pool *pool;
    struct rpc_buffer *next_free;
    int32_t references;
    int32_t class;
    size_t capacity;
    uint8_t data[];
};

struct rpc_buffer_pool {
    struct rpc_buffer *free[RPC_BUFFER_CLASSES];
    size_t free_bytes;
    size_t held_bytes; /* of buffers in use */
    size_t held_bytes_max;
    /* They have fallen below that. May be NULL. From inside rpc_buffer_unref. */
    void (*room)(struct rpc_buffer_pool *pool);
};

static inline bool rpc_buffers_are_full(const struct rpc_buffer_pool *p)
{
    return p->held_bytes >= p->held_bytes_max;
}

void rpc_buffer_pool_init(struct rpc_buffer_pool *p);

/* Every buffer must have come back. */
void rpc_buffer_pool_free(struct rpc_buffer_pool *p);

/* At least `capacity` bytes, one reference; also when they are full. */
struct rpc_buffer *rpc_buffer_get(struct rpc_buffer_pool *p, size_t capacity);

void rpc_buffer_ref(struct rpc_buffer *b);
void rpc_buffer_unref(struct rpc_buffer *b);

#endif
