/* The snapshot file (ProducerSnapshot, version 1):
 *
 *   0 i16 version  2 u32 CRC-32C of everything from byte 6  6 i32 count, then 46 bytes each:
 *   i64 producerId, i16 epoch, i32 lastSequence, i64 lastOffset, i32 offsetDelta, i64 timestamp,
 *   i32 coordinatorEpoch, i64 currentTxnFirstOffset (-1 none)
 *
 * One entry per batch kept, oldest first; entries of one producer stand together.
 * Valid when the version is known, the checksum fits, and the length is exactly that of the count.
 * A crash while it is written leaves a file that fails the checksum; the next lower one is used
 * then. */
#include "log/producer_state.h"

#include "base/crc32c.h"
#include "base/mark.h"
#include "base/mem.h"

enum { SNAPSHOT_VERSION = 1, SNAPSHOT_HEAD_BYTES = 10, SNAPSHOT_ENTRY_BYTES = 46 };

struct producer_state *producer_state_new(void)
{
    struct producer_state *s = MEM_NEW(struct producer_state);
    s->first_open = NO_OFFSET;
    return s;
}

void producer_state_free(struct producer_state *s)
{
    if (!s) return;
    mem_free(s->entries);
    mem_free(s->slots);
    mem_free(s->unreplicated);
    mem_free(s->refused);
    mem_free(s);
}

void producer_state_clear(struct producer_state *s)
{
    s->count = s->unreplicated_count = s->refused_count = 0;
    s->first_open = NO_OFFSET;
    if (s->slots) memset(s->slots, 0, s->slots_count * sizeof *s->slots);
}

/* ---- the table ---- */

static uint32_t slot_of(const struct producer_state *s, int64_t producer_id)
{
    uint64_t h = (uint64_t)producer_id * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32) & (s->slots_count - 1);
}

static void slots_build(struct producer_state *s)
{
    memset(s->slots, 0, s->slots_count * sizeof *s->slots);
    for (int32_t i = 0; i < s->count; i++) {
        uint32_t at = slot_of(s, s->entries[i].producer_id);
        while (s->slots[at]) at = (at + 1) & (s->slots_count - 1);
        s->slots[at] = (uint32_t)i + 1;
    }
}

struct producer_entry *producer_state_find(const struct producer_state *s, int64_t producer_id)
{
    if (!s || s->count == 0) return NULL;
    for (uint32_t at = slot_of(s, producer_id); s->slots[at]; at = (at + 1) & (s->slots_count - 1))
        if (s->entries[s->slots[at] - 1].producer_id == producer_id)
            return &s->entries[s->slots[at] - 1];
    return NULL;
}

static struct producer_entry *entry_of(struct producer_state *s, int64_t producer_id)
{
    struct producer_entry *e = producer_state_find(s, producer_id);
    if (e) return e;
    if (s->capacity == 0) { /* one producer is the common case */
        s->entries = mem_alloc(sizeof *s->entries);
        s->capacity = 1;
    }
    MEM_GROW(s->entries, s->count, s->capacity);
    e = &s->entries[s->count++];
    *e = (struct producer_entry){
        .producer_id = producer_id,
        .last_timestamp = NO_TIMESTAMP,
        .txn_first_offset = NO_OFFSET,
        .coordinator_epoch = -1,
        .epoch = NO_PRODUCER_EPOCH,
    };
    if ((uint32_t)s->count * 2 > s->slots_count) {
        s->slots_count = s->slots_count ? s->slots_count * 2 : 4;
        s->slots = mem_realloc(s->slots, s->slots_count * sizeof *s->slots);
        slots_build(s);
    } else {
        uint32_t at = slot_of(s, producer_id);
        while (s->slots[at]) at = (at + 1) & (s->slots_count - 1);
        s->slots[at] = (uint32_t)s->count;
    }
    return e;
}

static void find_first_open(struct producer_state *s)
{
    s->first_open = NO_OFFSET;
    for (int32_t i = 0; i < s->count; i++) {
        int64_t first = s->entries[i].txn_first_offset;
        if (first == NO_OFFSET) continue;
        if (s->first_open == NO_OFFSET || first < s->first_open) s->first_open = first;
    }
}

/* ---- batches that found no room ---- */

static struct refused_batch *find_refused(const struct producer_state *s, int64_t producer_id)
{
    for (int32_t i = 0; s && i < s->refused_count; i++)
        if (s->refused[i].producer_id == producer_id) return &s->refused[i];
    return NULL;
}

/* Does this one come before the batch that was refused has come again? */
static bool is_behind_refused(const struct producer_state *s, const struct batch_header *h)
{
    const struct refused_batch *r = find_refused(s, h->producer_id);
    return r && r->epoch == h->producer_epoch && r->sequence != h->base_sequence;
}

void producer_state_refused(struct producer_state *s, const struct batch_header *h)
{
    struct refused_batch *r = find_refused(s, h->producer_id);
    if (!r && s->refused_count == REFUSED_KEPT_MAX) return;
    if (!r) {
        MEM_GROW(s->refused, s->refused_count, s->refused_capacity);
        r = &s->refused[s->refused_count++];
    }
    *r = (struct refused_batch){h->producer_id, h->base_sequence, h->producer_epoch};
}

static void forget_refused(struct producer_state *s, int64_t producer_id)
{
    struct refused_batch *r = find_refused(s, producer_id);
    if (r) *r = s->refused[--s->refused_count];
}

/* ---- rules ---- */

static int32_t first_sequence(const struct producer_batch *b)
{
    /* undo the wrap from 2^31-1 to 0 */
    int64_t first = (int64_t)b->last_sequence - b->offset_delta;
    return (int32_t)(first < 0 ? first + INT32_MAX + 1LL : first);
}

static int32_t last_sequence(const struct producer_entry *e)
{
    return e->batches_count ? e->batches[e->batches_count - 1].last_sequence : NO_SEQUENCE;
}

enum append_error producer_state_check(const struct producer_state *s, const struct batch_header *h,
                                       enum append_origin origin,
                                       const struct producer_batch **duplicate)
{
    *duplicate = NULL;
    const struct producer_entry *e = producer_state_find(s, h->producer_id);
    bool behind = origin == APPEND_FROM_CLIENT && is_behind_refused(s, h);
    if (!e || MUTANT(NO_SEQUENCES)) /* forgotten or new: any sequence is accepted */
        return behind ? APPEND_NO_SPACE : APPEND_OK;
    if (h->producer_epoch < e->epoch) return APPEND_INVALID_PRODUCER_EPOCH;
    if (origin == APPEND_FROM_CLIENT) {
        if (h->producer_epoch == e->epoch) {
            for (int i = 0; i < e->batches_count; i++) {
                const struct producer_batch *b = &e->batches[i];
                if (first_sequence(b) == h->base_sequence &&
                    b->last_sequence == batch_last_sequence(h)) {
                    MARK("a batch comes a second time");
                    *duplicate = b;
                    return APPEND_OK;
                }
            }
            if (behind) return APPEND_NO_SPACE;
            if (h->base_sequence != sequence_add(last_sequence(e), 1))
                return APPEND_OUT_OF_ORDER_SEQUENCE;
        } else if (behind) {
            return APPEND_NO_SPACE;
        } else if (h->base_sequence != 0 && e->epoch != NO_PRODUCER_EPOCH) {
            return APPEND_OUT_OF_ORDER_SEQUENCE;
        }
    }
    if (e->txn_first_offset != NO_OFFSET && !batch_is(h, BATCH_TRANSACTIONAL))
        return APPEND_INVALID_TXN_STATE;
    return APPEND_OK;
}

enum append_error producer_state_check_marker(const struct producer_state *s,
                                              const struct batch_header *h,
                                              int32_t coordinator_epoch)
{
    const struct producer_entry *e = producer_state_find(s, h->producer_id);
    if (!e) return APPEND_OK;
    if (h->producer_epoch < e->epoch) return APPEND_INVALID_PRODUCER_EPOCH;
    return coordinator_epoch < e->coordinator_epoch ? APPEND_COORDINATOR_FENCED : APPEND_OK;
}

static void take_epoch(struct producer_entry *e, int16_t epoch)
{
    if (e->epoch == epoch) return;
    e->epoch = epoch;
    e->batches_count = 0;
}

static void keep_batch(struct producer_entry *e, struct producer_batch b)
{
    if (e->batches_count == PRODUCER_BATCHES_KEPT) {
        memmove(e->batches, e->batches + 1, sizeof e->batches - sizeof e->batches[0]);
        e->batches_count--;
    }
    e->batches[e->batches_count++] = b;
}

void producer_state_add(struct producer_state *s, const struct batch_header *h)
{
    struct producer_entry *e = entry_of(s, h->producer_id);
    forget_refused(s, h->producer_id);
    take_epoch(e, h->producer_epoch);
    keep_batch(e, (struct producer_batch){
                      .last_offset = batch_last_offset(h),
                      .timestamp = h->max_timestamp,
                      .last_sequence = batch_last_sequence(h),
                      .offset_delta = h->last_offset_delta,
                  });
    e->last_timestamp = h->max_timestamp;
    if (!batch_is(h, BATCH_TRANSACTIONAL) || e->txn_first_offset != NO_OFFSET) return;
    e->txn_first_offset = h->base_offset;
    if (s->first_open == NO_OFFSET || h->base_offset < s->first_open)
        s->first_open = h->base_offset;
}

bool producer_state_add_marker(struct producer_state *s, const struct batch_header *h, bool aborted,
                               int32_t coordinator_epoch, struct completed_transaction *done)
{
    struct producer_entry *e = entry_of(s, h->producer_id);
    int64_t first = e->txn_first_offset;
    take_epoch(e, h->producer_epoch);
    e->coordinator_epoch = coordinator_epoch;
    e->last_timestamp = h->max_timestamp;
    e->txn_first_offset = NO_OFFSET;
    if (first == NO_OFFSET) return false;
    if (first == s->first_open) find_first_open(s);
    *done = (struct completed_transaction){
        .producer_id = h->producer_id,
        .first_offset = first,
        .last_offset = h->base_offset,
        .aborted = aborted,
    };
    MEM_GROW(s->unreplicated, s->unreplicated_count, s->unreplicated_capacity);
    s->unreplicated[s->unreplicated_count++] = *done;
    return true;
}

int64_t producer_state_stable_after(const struct producer_state *s,
                                    const struct completed_transaction *done)
{
    return s->first_open != NO_OFFSET ? s->first_open : done->last_offset + 1;
}

void producer_state_high_watermark(struct producer_state *s, int64_t offset)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < s->unreplicated_count; i++)
        if (s->unreplicated[i].last_offset >= offset) s->unreplicated[kept++] = s->unreplicated[i];
    s->unreplicated_count = kept;
}

int64_t producer_state_first_unstable(const struct producer_state *s)
{
    int64_t first = s->first_open;
    for (int32_t i = 0; i < s->unreplicated_count; i++)
        if (first == NO_OFFSET || s->unreplicated[i].first_offset < first)
            first = s->unreplicated[i].first_offset;
    return first;
}

static bool expired(const struct producer_entry *e, int64_t now_ms, int64_t expiration_ms)
{
    /* timestamps are the clients': any number */
    return e->txn_first_offset == NO_OFFSET && e->last_timestamp <= now_ms - expiration_ms;
}

void producer_state_expire(struct producer_state *s, int64_t now_ms, int64_t expiration_ms)
{
    int32_t before = s->count;
    for (int32_t i = 0; i < s->count;)
        if (expired(&s->entries[i], now_ms, expiration_ms))
            s->entries[i] = s->entries[--s->count];
        else
            i++;
    if (s->count != before) slots_build(s);
}

/* ---- snapshots ---- */

static void encode_entry(uint8_t *p, const struct producer_entry *e, const struct producer_batch *b)
{
    store_be64(p, (uint64_t)e->producer_id);
    store_be16(p + 8, (uint16_t)e->epoch);
    store_be32(p + 10, (uint32_t)b->last_sequence);
    store_be64(p + 14, (uint64_t)b->last_offset);
    store_be32(p + 22, (uint32_t)b->offset_delta);
    store_be64(p + 26, (uint64_t)b->timestamp);
    store_be32(p + 34, (uint32_t)e->coordinator_epoch);
    store_be64(p + 38, (uint64_t)e->txn_first_offset);
}

void producer_state_encode(const struct producer_state *s, struct byte_buffer *to)
{
    int32_t count = 0;
    for (int32_t i = 0; s && i < s->count; i++)
        count += s->entries[i].batches_count ? s->entries[i].batches_count : 1;
    size_t size = SNAPSHOT_HEAD_BYTES + (size_t)count * SNAPSHOT_ENTRY_BYTES;
    byte_buffer_reserve(to, size);
    uint8_t *head = to->data + to->len, *p = head + SNAPSHOT_HEAD_BYTES;
    to->len += size;
    store_be16(head, SNAPSHOT_VERSION);
    store_be32(head + 6, (uint32_t)count);
    for (int32_t i = 0; s && i < s->count; i++) {
        const struct producer_entry *e = &s->entries[i];
        struct producer_batch last = {.last_offset = -1, .last_sequence = NO_SEQUENCE};
        for (int k = 0; k + 1 < e->batches_count; k++, p += SNAPSHOT_ENTRY_BYTES)
            encode_entry(p, e, &e->batches[k]);
        if (e->batches_count) last = e->batches[e->batches_count - 1];
        last.timestamp = e->last_timestamp; /* a marker may have come behind the batch */
        encode_entry(p, e, &last);
        p += SNAPSHOT_ENTRY_BYTES;
    }
    store_be32(head + 2, crc32c(head + 6, size - 6));
}

/* One entry of the file: a producer, or one more batch of it. */
static void decode_entry(struct producer_state *s, const uint8_t *p)
{
    struct producer_entry *e = entry_of(s, (int64_t)load_be64(p));
    int16_t epoch = (int16_t)load_be16(p + 8);
    take_epoch(e, epoch);
    e->last_timestamp = (int64_t)load_be64(p + 26);
    e->coordinator_epoch = (int32_t)load_be32(p + 34);
    e->txn_first_offset = (int64_t)load_be64(p + 38);
    struct producer_batch b = {
        .last_sequence = (int32_t)load_be32(p + 10),
        .last_offset = (int64_t)load_be64(p + 14),
        .offset_delta = (int32_t)load_be32(p + 22),
        .timestamp = e->last_timestamp,
    };
    if (b.last_offset >= 0) keep_batch(e, b);
}

enum err producer_state_decode(struct producer_state *s, struct bytes file, int64_t now_ms,
                               int64_t expiration_ms)
{
    producer_state_clear(s);
    if (file.len < SNAPSHOT_HEAD_BYTES) return ERR_CORRUPT;
    if (load_be16(file.data) != SNAPSHOT_VERSION) return ERR_UNSUPPORTED;
    int64_t count = (int32_t)load_be32(file.data + 6);
    if (count < 0 || file.len != SNAPSHOT_HEAD_BYTES + count * SNAPSHOT_ENTRY_BYTES)
        return ERR_CORRUPT;
    if (load_be32(file.data + 2) != crc32c(file.data + 6, (size_t)file.len - 6)) return ERR_CORRUPT;
    const uint8_t *p = file.data + SNAPSHOT_HEAD_BYTES;
    for (int64_t i = 0; i < count; i++, p += SNAPSHOT_ENTRY_BYTES) decode_entry(s, p);
    producer_state_expire(s, now_ms, expiration_ms);
    find_first_open(s);
    return ERR_OK;
}
