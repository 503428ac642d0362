/* The committed log into an image: transactions held back, snapshots swapped in.
 *
 *   no transaction ──Begin──> held ──End──> replayed, no transaction
 *                              └──Abort──> dropped, no transaction */
#include "base/assert.h"
#include "base/mem.h"
#include "metadata/replay.h"

struct loader_held {
    int64_t offset;
    struct bytes frame; /* owned */
};

void loader_init(struct loader *l)
{
    *l = (struct loader){.image = image_new(), .transaction_offset = -1};
    arena_init(&l->scratch, 4096);
    arena_init(&l->decoding, 4096);
}

static void held_drop(struct loader *l)
{
    for (int32_t i = 0; i < l->held_count; i++) mem_free((void *)(uintptr_t)l->held[i].frame.data);
    l->held_count = 0;
    l->transaction_offset = -1;
}

void loader_free(struct loader *l)
{
    held_drop(l);
    mem_free(l->held);
    image_free(l->image);
    image_free(l->loading);
    arena_free(&l->scratch);
    arena_free(&l->decoding);
}

void loader_reset(struct loader *l)
{
    loader_free(l);
    loader_init(l);
}

/* Everything given so far is in the image: so is its position. */
static void image_advance(struct loader *l, int32_t epoch)
{
    l->image->end_offset = l->end_offset;
    l->image->epoch = epoch;
}

static enum err transaction_end(struct loader *l, struct delta *delta)
{
    for (int32_t i = 0; i < l->held_count; i++) {
        struct metadata_record record;
        arena_reset(&l->scratch);
        enum err err = metadata_record_decode(&record, l->held[i].frame, &l->scratch);
        if (!err) err = image_replay(l->image, l->held[i].offset, &record, delta);
        if (err) return err;
    }
    held_drop(l);
    return ERR_OK;
}

static void hold(struct loader *l, int64_t offset, const struct metadata_record *record)
{
    struct out o;
    out_init(&o);
    metadata_record_encode(record, &o);
    uint8_t *frame = mem_alloc((size_t)o.len);
    out_flatten(&o, frame);
    MEM_GROW(l->held, l->held_count, l->held_capacity);
    l->held[l->held_count++] = (struct loader_held){offset, bytes_of(frame, (size_t)o.len)};
    out_free(&o);
}

enum err loader_apply_record(struct loader *l, int64_t offset, int32_t epoch,
                             const struct metadata_record *record, struct delta *delta)
{
    if (offset < l->end_offset) return ERR_OK;
    bool open = l->transaction_offset >= 0;
    enum err err = ERR_OK;
    switch (record->id) {
    case METADATA_RECORD_BEGIN_TRANSACTION:
        if (open) return ERR_INVALID;
        l->transaction_offset = offset;
        l->end_offset = offset + 1;
        return ERR_OK;
    case METADATA_RECORD_END_TRANSACTION:
        if (!open) return ERR_INVALID;
        err = transaction_end(l, delta);
        break;
    case METADATA_RECORD_ABORT_TRANSACTION:
        if (!open) return ERR_INVALID;
        held_drop(l);
        break;
    default:
        if (open) {
            hold(l, offset, record);
            l->end_offset = offset + 1;
            return ERR_OK;
        }
        err = image_replay(l->image, offset, record, delta);
    }
    if (err) return err;
    l->end_offset = offset + 1;
    image_advance(l, epoch);
    return ERR_OK;
}

enum err loader_apply(struct loader *l, int64_t offset, int32_t epoch, struct bytes frame,
                      struct delta *delta)
{
    if (offset < l->end_offset) return ERR_OK;
    struct metadata_record record;
    arena_reset(&l->decoding);
    enum err err = metadata_record_decode(&record, frame, &l->decoding);
    return err ? err : loader_apply_record(l, offset, epoch, &record, delta);
}

void loader_skip(struct loader *l, int64_t offset, int32_t epoch)
{
    if (offset < l->end_offset) return;
    l->end_offset = offset + 1;
    if (l->transaction_offset < 0) image_advance(l, epoch);
}

/* ---- snapshots */

void loader_load_begin(struct loader *l)
{
    if (l->loading) loader_load_abort(l);
    l->loading = image_new();
}

enum err loader_load(struct loader *l, int64_t end_offset, struct bytes frame)
{
    PRE(l->loading);
    struct metadata_record record;
    arena_reset(&l->scratch);
    enum err err = metadata_record_decode(&record, frame, &l->scratch);
    return err ? err : image_replay(l->loading, end_offset - 1, &record, NULL);
}

void loader_load_done(struct loader *l, int64_t end_offset, int32_t epoch, struct delta *delta)
{
    PRE(l->loading);
    held_drop(l);
    image_free(l->image);
    l->image = l->loading;
    l->loading = NULL;
    l->end_offset = end_offset;
    image_advance(l, epoch);
    if (delta) delta->everything = true;
}

void loader_load_abort(struct loader *l)
{
    image_free(l->loading);
    l->loading = NULL;
}
