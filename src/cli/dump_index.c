/* Offset index: {i32 offset - base, i32 position}*; time index: {i64 timestamp, i32 offset -
 * base}*; transaction index: {i16 version, i64 producer id, first, last, last stable offset}*.
 * Big-endian. An active index is as long as it may become: zeros behind the last entry end it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/dump.h"
#include "protocol/batch.h"
#include "protocol/producer_snapshot.h"

enum { OFFSET_ENTRY = 8, TIME_ENTRY = 12, TXN_ENTRY = 34 };

bool dump_map(const char *path, struct bytes *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        fprintf(stderr, "%s (%s)\n", path, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    *out = BYTES_NULL;
    out->len = st.st_size;
    if (st.st_size) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            fprintf(stderr, "%s (%s)\n", path, strerror(errno));
            close(fd);
            return false;
        }
        out->data = p;
    }
    close(fd);
    return true;
}

void dump_unmap(struct bytes b)
{
    if (b.len > 0) munmap((void *)(uintptr_t)b.data, (size_t)b.len);
}

int64_t dump_base_offset(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    char *end;
    long long offset = strtoll(name, &end, 10);
    return end > name && *end == '.' ? offset : -1;
}

/* The log beside an index. */
static struct bytes map_log(const char *path)
{
    char log[4096];
    struct bytes b = BYTES_NULL;
    const char *dot = strrchr(path, '.');
    snprintf(log, sizeof log, "%.*s.log", (int)(dot - path), path);
    if (access(log, R_OK)) dump_fail("java.nio.file.NoSuchFileException: %s", log);
    if (!dump_map(log, &b)) exit(1);
    return b;
}

static struct bytes map_file(const char *path)
{
    struct bytes b;
    if (!dump_map(path, &b)) exit(1);
    return b;
}

/* The batch that an offset index points to must be there, and no longer than a message may be. */
static int64_t last_offset_at(struct bytes log, int64_t position, const struct dump_options *o)
{
    struct batch_header h;
    if (position < 0 || position > log.len)
        dump_fail(
            "java.lang.IllegalArgumentException: Slice from position %lld exceeds end position "
            "of the log, which is %lld bytes long",
            (long long)position, (long long)log.len);
    int64_t left = log.len - position;
    if (batch_parse((struct bytes){log.data + position, left}, &h) || h.size > o->message_max)
        dump_fail("java.util.NoSuchElementException");
    return batch_last_offset(&h);
}

static const char *absolute_name(const char *path, char room[4096])
{
    return realpath(path, room) ? room : path;
}

/* As a broker looks at it before it trusts it at a start. An index of a log that is being written
 * has room at its end, which reads as zeros: for a time index that is a mistake. */
static void check_sane(const char *path, struct bytes index, int64_t entry, int64_t base)
{
    char room[4096];
    const char *name = absolute_name(path, room);
    bool time = entry == TIME_ENTRY;
    int64_t last = index.len / entry - 1;
    int64_t offset =
        last < 0 ? base : base + (int32_t)load_be32(index.data + last * entry + (time ? 8 : 0));
    int64_t first_ms = time && last >= 0 ? (int64_t)load_be64(index.data) : 0;
    int64_t last_ms = time && last >= 0 ? (int64_t)load_be64(index.data + last * entry) : 0;
    static const char class[] = "org.apache.kafka.storage.internals.log.CorruptIndexException: ";
    if (last_ms < first_ms)
        dump_fail("%sCorrupt time index found, time index file (%s) has non-zero size but the last "
                  "timestamp is %lld which is less than the first timestamp %lld",
                  class, name, (long long)last_ms, (long long)first_ms);
    if (last >= 0 && offset < base && time)
        dump_fail("%sCorrupt time index found, time index file (%s) has non-zero size but the last "
                  "offset is %lld which is less than the first offset %lld",
                  class, name, (long long)offset, (long long)base);
    if (last >= 0 && offset < base)
        dump_fail("%sCorrupt index found, index file %s has non-zero size but the last offset is "
                  "%lld which is less than the base offset %lld",
                  class, name, (long long)offset, (long long)base);
    if (index.len % entry)
        dump_fail(
            "%s%s %s is corrupt, found %lld bytes which is neither positive nor a multiple of "
            "%lld",
            class, time ? "Time index file" : "Index file", name, (long long)index.len,
            (long long)entry);
    printf("%s passed sanity check.\n", path);
}

void dump_offset_index(const char *path, const struct dump_options *o)
{
    int64_t base = dump_base_offset(path);
    struct bytes log = map_log(path), index = map_file(path);
    if (index.len < OFFSET_ENTRY) {
        printf("%s is empty.\n", path);
    } else if (o->index_sanity_only) {
        check_sane(path, index, OFFSET_ENTRY, base);
    } else {
        for (int64_t at = 0; at + OFFSET_ENTRY <= index.len; at += OFFSET_ENTRY) {
            int64_t offset = base + (int32_t)load_be32(index.data + at);
            int32_t position = (int32_t)load_be32(index.data + at + 4);
            if (offset == base && at > 0) break;
            int64_t found = last_offset_at(log, position, o);
            if (found != offset) dump_find(FOUND_INDEX_MISMATCH, path, offset, found);
            if (!o->verify_index_only)
                printf("offset: %lld position: %d\n", (long long)offset, position);
        }
    }
    dump_unmap(index);
    dump_unmap(log);
}

/* The batch that holds an offset, from *at on, where one is looked for in order. */
static bool find_batch(struct bytes log, int64_t *at, int64_t offset, struct batch_header *h)
{
    while (!batch_parse((struct bytes){log.data + *at, log.len - *at}, h)) {
        if (batch_last_offset(h) >= offset) return true;
        *at += h->size;
    }
    return false;
}

void dump_time_index(const char *path, const struct dump_options *o)
{
    int64_t base = dump_base_offset(path), before_ms = NO_TIMESTAMP, log_at = 0, before = base;
    struct bytes log = map_log(path), index = map_file(path);
    if (o->index_sanity_only) check_sane(path, index, TIME_ENTRY, base);
    for (int64_t at = 0; at + TIME_ENTRY <= index.len && !o->index_sanity_only; at += TIME_ENTRY) {
        int64_t timestamp = (int64_t)load_be64(index.data + at);
        int64_t offset = base + (int32_t)load_be32(index.data + at + 8);
        struct batch_header h;
        if (offset == base && at > 0) break;
        if (offset < before) log_at = 0;
        before = offset;
        bool found = find_batch(log, &log_at, offset, &h);
        if (!found || batch_last_offset(&h) != offset) {
            dump_find(FOUND_NO_OFFSET, path, offset, found ? batch_last_offset(&h) : -1);
        } else {
            int64_t newest_ms = dump_newest_timestamp(log.data + log_at, &h);
            if (newest_ms != timestamp) dump_find(FOUND_TIME_MISMATCH, path, timestamp, newest_ms);
            if (before_ms >= timestamp) dump_find(FOUND_TIME_ORDER, path, timestamp, before_ms);
        }
        before_ms = timestamp;
        if (!o->verify_index_only)
            printf("timestamp: %lld offset: %lld\n", (long long)timestamp, (long long)offset);
    }
    dump_unmap(index);
    dump_unmap(log);
}

/* Sequences wrap from 2^31-1 to 0. */
static int32_t first_sequence(int32_t last, int32_t delta)
{
    int64_t first = (int64_t)last - delta;
    return (int32_t)(first < 0 ? first + INT32_MAX + 1 : first); /* of any file, wrong ones too */
}

void dump_producer_snapshot(const char *path)
{
    struct bytes file = map_file(path);
    struct arena arena;
    struct producer_snapshot s;
    arena_init(&arena, 0);
    struct cursor in = cursor_of_bytes(file);
    int16_t version = cursor_i16(&in);
    if (!cursor_ok(&in) || version != 1 || producer_snapshot_decode(&s, version, &in, &arena))
        fprintf(stderr, "Snapshot failed to parse: %s\n", path);
    else
        for (int32_t i = 0; i < s.producer_entries_count; i++) {
            const struct producer_snapshot_producer_entry *e = &s.producer_entries[i];
            printf(
                "producerId: %lld producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: ",
                (long long)e->producer_id, e->epoch, e->coordinator_epoch);
            if (e->current_txn_first_offset >= 0)
                printf("OptionalLong[%lld]", (long long)e->current_txn_first_offset);
            else
                printf("OptionalLong.empty");
            printf(" lastTimestamp: %lld", (long long)e->timestamp);
            if (e->last_offset >= 0)
                printf(" firstSequence: %d lastSequence: %d lastOffset: %lld offsetDelta: %d "
                       "timestamp: %lld",
                       first_sequence(e->last_sequence, e->offset_delta), e->last_sequence,
                       (long long)e->last_offset, e->offset_delta, (long long)e->timestamp);
            printf("\n");
        }
    arena_free(&arena);
    dump_unmap(file);
}

void dump_transaction_index(const char *path)
{
    struct bytes file = map_file(path);
    for (int64_t at = 0; at + TXN_ENTRY <= file.len; at += TXN_ENTRY) {
        const uint8_t *p = file.data + at;
        printf("version: %d producerId: %lld firstOffset: %lld lastOffset: %lld lastStableOffset: "
               "%lld\n",
               (int16_t)load_be16(p), (long long)load_be64(p + 2), (long long)load_be64(p + 10),
               (long long)load_be64(p + 18), (long long)load_be64(p + 26));
    }
    dump_unmap(file);
}
