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

/* Findings are printed together at the end, offset index first, as Kafka's tool does. */
static struct {
    char *text;
    size_t len;
} findings;

static void find(const char *text)
{
    size_t len = strlen(text);
    char *grown = realloc(findings.text, findings.len + len + 1);
    if (!grown) abort();
    memcpy(grown + findings.len, text, len + 1);
    findings.text = grown;
    findings.len += len;
}

void dump_print_findings(void)
{
    fflush(stdout);
    if (findings.len) fputs(findings.text, stderr);
    free(findings.text);
    findings.text = NULL;
    findings.len = 0;
}

/* The log beside an index; absent is an empty one. */
static struct bytes map_log(const char *path)
{
    char log[4096];
    struct bytes b = BYTES_NULL;
    const char *dot = strrchr(path, '.');
    snprintf(log, sizeof log, "%.*s.log", (int)(dot - path), path);
    if (!dump_map(log, &b)) b.len = 0;
    return b;
}

/* Last offset of the batch at a position; -1 when there is none. */
static int64_t last_offset_at(struct bytes log, int64_t position)
{
    struct batch_header h;
    if (position + BATCH_HEADER_BYTES > log.len ||
        batch_parse((struct bytes){log.data + position, log.len - position}, &h))
        return -1;
    return batch_last_offset(&h);
}

static bool sane(const char *path, struct bytes index, int64_t entry)
{
    if (index.len % entry == 0) return true;
    fprintf(stderr,
            "Corrupt index found, index file (%s) has a size (%lld) that is not a multiple of "
            "%lld\n",
            path, (long long)index.len, (long long)entry);
    return false;
}

void dump_offset_index(const char *path, const struct dump_options *o)
{
    struct bytes index;
    int64_t base = dump_base_offset(path);
    if (!dump_map(path, &index)) return;
    struct bytes log = map_log(path);
    char line[4224];
    bool titled = false;
    if (index.len < OFFSET_ENTRY)
        printf("%s is empty.\n", path);
    else if (o->index_sanity_only) {
        if (sane(path, index, OFFSET_ENTRY)) printf("%s passed sanity check.\n", path);
    } else {
        for (int64_t at = 0; at + OFFSET_ENTRY <= index.len; at += OFFSET_ENTRY) {
            int64_t offset = base + (int32_t)load_be32(index.data + at);
            int32_t position = (int32_t)load_be32(index.data + at + 4);
            if (offset == base && at > 0) break;
            int64_t found = last_offset_at(log, position);
            if (found < 0) {
                snprintf(line, sizeof line, "No batch at position %d of the log beside %s\n",
                         position, path);
                find(line);
                break;
            }
            if (found != offset) {
                if (!titled) snprintf(line, sizeof line, "Mismatches in :%s\n", path), find(line);
                titled = true;
                snprintf(line, sizeof line, "  Index offset: %lld, log offset: %lld\n",
                         (long long)offset, (long long)found);
                find(line);
            }
            if (!o->verify_index_only)
                printf("offset: %lld position: %d\n", (long long)offset, position);
        }
    }
    dump_unmap(index);
    dump_unmap(log);
}

void dump_time_index(const char *path, const struct dump_options *o)
{
    struct bytes index;
    int64_t base = dump_base_offset(path), before = NO_TIMESTAMP;
    if (!dump_map(path, &index)) return;
    char line[4224];
    if (o->index_sanity_only) {
        if (sane(path, index, TIME_ENTRY)) printf("%s passed sanity check.\n", path);
        dump_unmap(index);
        return;
    }
    for (int64_t at = 0; at + TIME_ENTRY <= index.len; at += TIME_ENTRY) {
        int64_t timestamp = (int64_t)load_be64(index.data + at);
        int64_t offset = base + (int32_t)load_be32(index.data + at + 8);
        if (offset == base && at > 0) break;
        if (before >= timestamp) {
            snprintf(line, sizeof line,
                     "Found out of order timestamp in :%s\n  Index timestamp: %lld, "
                     "Previously indexed timestamp: %lld\n",
                     path, (long long)timestamp, (long long)before);
            find(line);
        }
        before = timestamp;
        if (!o->verify_index_only)
            printf("timestamp: %lld offset: %lld\n", (long long)timestamp, (long long)offset);
    }
    dump_unmap(index);
}

/* Sequences wrap from 2^31-1 to 0. */
static int32_t first_sequence(int32_t last, int32_t delta)
{
    return last >= delta ? last - delta : INT32_MAX - (delta - last) + 1;
}

void dump_producer_snapshot(const char *path)
{
    struct bytes file;
    struct arena arena;
    struct producer_snapshot s;
    if (!dump_map(path, &file)) return;
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
    struct bytes file;
    if (!dump_map(path, &file)) return;
    for (int64_t at = 0; at + TXN_ENTRY <= file.len; at += TXN_ENTRY) {
        const uint8_t *p = file.data + at;
        printf("version: %d producerId: %lld firstOffset: %lld lastOffset: %lld lastStableOffset: "
               "%lld\n",
               (int16_t)load_be16(p), (long long)load_be64(p + 2), (long long)load_be64(p + 10),
               (long long)load_be64(p + 18), (long long)load_be64(p + 26));
    }
    dump_unmap(file);
}
