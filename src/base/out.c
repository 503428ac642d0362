#include "base/out.h"

#include "base/assert.h"
#include "base/mem.h"

enum { OUT_BLOCK_BYTES = 1024 };

struct out_block {
    struct out_block *next;
    size_t size;
    uint8_t data[];
};

void out_init(struct out *o)
{
    *o = (struct out){0};
}

static void out_release_chunks(struct out *o)
{
    for (int32_t i = 0; i < o->chunks_count; i++)
        if (o->chunks[i].release) o->chunks[i].release(o->chunks[i].owner);
    o->chunks_count = 0;
    o->open = false;
    o->len = 0;
}

void out_free(struct out *o)
{
    out_release_chunks(o);
    while (o->blocks) {
        struct out_block *next = o->blocks->next;
        mem_free(o->blocks);
        o->blocks = next;
    }
    mem_free(o->chunks);
    out_init(o);
}

void out_reset(struct out *o)
{
    out_release_chunks(o);
    struct out_block *b = o->blocks;
    while (b && b->next) {
        struct out_block *next = b->next;
        mem_free(b);
        b = next;
    }
    o->blocks = b;
    o->write = b ? b->data : NULL;
    o->write_end = b ? b->data + b->size : NULL;
}

static struct chunk *out_push(struct out *o)
{
    MEM_GROW(o->chunks, o->chunks_count, o->chunks_capacity);
    struct chunk *c = &o->chunks[o->chunks_count++];
    *c = (struct chunk){0};
    return c;
}

uint8_t *out_reserve(struct out *o, size_t size)
{
    if ((size_t)(o->write_end - o->write) < size) {
        size_t bytes = size > OUT_BLOCK_BYTES ? size : OUT_BLOCK_BYTES;
        struct out_block *b = mem_alloc(sizeof *b + bytes);
        *b = (struct out_block){.next = o->blocks, .size = bytes};
        o->blocks = b;
        o->write = b->data;
        o->write_end = b->data + bytes;
        o->open = false;
    }
    if (!o->open) {
        out_push(o)->data = o->write;
        o->open = true;
    }
    uint8_t *p = o->write;
    o->write += size;
    o->chunks[o->chunks_count - 1].len += (int64_t)size;
    o->len += (int64_t)size;
    return p;
}

void out_put(struct out *o, const void *data, size_t size)
{
    if (size) memcpy(out_reserve(o, size), data, size);
}

void out_uvarint(struct out *o, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;
    do {
        b[n] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
        n++;
    } while (v);
    out_put(o, b, n);
}

void out_varint(struct out *o, int64_t v)
{
    out_uvarint(o, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void out_ref(struct out *o, const void *data, int64_t len, void (*release)(void *), void *owner)
{
    PRE(len >= 0);
    if (len == 0) {
        if (release) release(owner);
        return;
    }
    *out_push(o) = (struct chunk){.data = data, .len = len, .release = release, .owner = owner};
    o->open = false;
    o->len += len;
}

void out_file(struct out *o, struct disk_file *file, int64_t offset, int64_t len,
              void (*release)(void *), void *owner)
{
    PRE(len >= 0 && offset >= 0 && file != NULL);
    if (len == 0) {
        if (release) release(owner);
        return;
    }
    *out_push(o) = (struct chunk){
        .file = file, .file_offset = offset, .len = len, .release = release, .owner = owner};
    o->open = false;
    o->len += len;
}

void out_append(struct out *to, struct out *from)
{
    for (int32_t i = 0; i < from->chunks_count; i++) *out_push(to) = from->chunks[i];
    to->len += from->len;
    to->open = false;
    if (from->blocks) {
        struct out_block *oldest = from->blocks;
        while (oldest->next) oldest = oldest->next;
        oldest->next = to->blocks;
        to->blocks = from->blocks;
        to->write = from->write;
        to->write_end = from->write_end;
    }
    mem_free(from->chunks);
    out_init(from);
}

static bool block_holds(const struct out_block *b, const uint8_t *p)
{
    return (uintptr_t)p >= (uintptr_t)b->data && (uintptr_t)p < (uintptr_t)b->data + b->size;
}

/* Blocks and chunks have the same order, so the oldest block in use is that of the first chunk that
 * lies in a block at all. */
static void out_free_blocks_before(struct out *o)
{
    for (int32_t i = 0; i < o->chunks_count; i++) {
        for (struct out_block *b = o->blocks; b; b = b->next) {
            if (!o->chunks[i].data || !block_holds(b, o->chunks[i].data)) continue;
            struct out_block *older = b->next;
            b->next = NULL;
            while (older) {
                struct out_block *next = older->next;
                mem_free(older);
                older = next;
            }
            return;
        }
    }
}

void out_drop_front(struct out *o, int32_t count)
{
    PRE(count >= 0 && count <= o->chunks_count);
    if (count == o->chunks_count) {
        out_reset(o);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        o->len -= o->chunks[i].len;
        if (o->chunks[i].release) o->chunks[i].release(o->chunks[i].owner);
    }
    o->chunks_count -= count;
    memmove(o->chunks, o->chunks + count, (size_t)o->chunks_count * sizeof *o->chunks);
    out_free_blocks_before(o);
}

void out_flatten(const struct out *o, uint8_t *to)
{
    for (int32_t i = 0; i < o->chunks_count; i++) {
        PRE(o->chunks[i].data != NULL);
        memcpy(to, o->chunks[i].data, (size_t)o->chunks[i].len);
        to += o->chunks[i].len;
    }
}
