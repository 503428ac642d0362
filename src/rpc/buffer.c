#include "rpc/buffer.h"

#include "base/assert.h"
#include "base/mem.h"

void rpc_buffer_pool_init(struct rpc_buffer_pool *p)
{
    *p = (struct rpc_buffer_pool){.held_bytes_max = SIZE_MAX};
}

void rpc_buffer_pool_free(struct rpc_buffer_pool *p)
{
    for (int i = 0; i < RPC_BUFFER_CLASSES; i++) {
        while (p->free[i]) {
            struct rpc_buffer *next = p->free[i]->next_free;
            mem_free(p->free[i]);
            p->free[i] = next;
        }
    }
    p->free_bytes = 0;
}

struct rpc_buffer *rpc_buffer_get(struct rpc_buffer_pool *p, size_t capacity)
{
    int32_t class = 0;
    while (((size_t)RPC_BUFFER_BYTES_MIN << class) < capacity) class ++;
    PRE(class < RPC_BUFFER_CLASSES);
    struct rpc_buffer *b = p->free[class];
    if (b) {
        p->free[class] = b->next_free;
        p->free_bytes -= b->capacity;
    } else {
        size_t bytes = (size_t)RPC_BUFFER_BYTES_MIN << class;
        b = mem_alloc(sizeof *b + bytes);
        b->pool = p;
        b->class = class;
        b->capacity = bytes;
    }
    p->held_bytes += b->capacity;
    b->references = 1;
    b->next_free = NULL;
    return b;
}

void rpc_buffer_ref(struct rpc_buffer *b)
{
    PRE(b->references > 0);
    b->references++;
}

static void keep_or_free(struct rpc_buffer_pool *p, struct rpc_buffer *b)
{
    if (p->free_bytes + b->capacity > RPC_BUFFER_CACHE_BYTES_MAX) {
        mem_free(b);
        return;
    }
    b->next_free = p->free[b->class];
    p->free[b->class] = b;
    p->free_bytes += b->capacity;
}

void rpc_buffer_unref(struct rpc_buffer *b)
{
    PRE(b->references > 0);
    if (--b->references > 0) return;
    struct rpc_buffer_pool *p = b->pool;
    bool full = rpc_buffers_are_full(p);
    p->held_bytes -= b->capacity;
    keep_or_free(p, b);
    if (full && !rpc_buffers_are_full(p) && p->room) p->room(p);
}
