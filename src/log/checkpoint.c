#include "log/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>

#include "protocol/compress.h"

/* One line without its end; false when there is none. */
static bool next_line(struct bytes *text, struct str *line)
{
    if (text->len <= 0) return false;
    const uint8_t *end = memchr(text->data, '\n', (size_t)text->len);
    int64_t n = end ? end - text->data : text->len;
    if (n > INT32_MAX) n = INT32_MAX;
    *line = (struct str){(const char *)text->data, (int32_t)n};
    text->data += n + (end ? 1 : 0);
    text->len -= n + (end ? 1 : 0);
    return true;
}

/* The word up to the next space; false when there is none. */
static bool next_word(struct str *line, struct str *word)
{
    if (line->len <= 0) return false;
    const char *end = memchr(line->data, ' ', (size_t)line->len);
    int32_t n = end ? (int32_t)(end - line->data) : line->len;
    *word = (struct str){line->data, n};
    line->data += n + (end ? 1 : 0);
    line->len -= n + (end ? 1 : 0);
    return n > 0;
}

static bool parse_i64(struct str s, int64_t *out)
{
    bool negative = s.len > 0 && s.data[0] == '-';
    int32_t i = negative ? 1 : 0;
    if (i >= s.len) return false;
    int64_t v = 0;
    for (; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.data[i] - '0', &v))
            return false;
    }
    *out = negative ? -v : v;
    return true;
}

static bool next_i64(struct str *line, int64_t *out)
{
    struct str word;
    return next_word(line, &word) && parse_i64(word, out);
}

static bool next_i32(struct str *line, int32_t *out)
{
    int64_t v;
    if (!next_i64(line, &v) || v < INT32_MIN || v > INT32_MAX) return false;
    *out = (int32_t)v;
    return true;
}

/* Version and count. At most as many entries as bytes are left. */
static enum err head(struct bytes *text, int32_t *count)
{
    struct str line;
    int64_t v;
    *count = 0;
    if (text->len == 0) return ERR_OK;
    if (!next_line(text, &line) || !parse_i64(line, &v) || v != 0) return ERR_CORRUPT;
    if (!next_line(text, &line) || !parse_i64(line, &v) || v < 0 || v > text->len)
        return ERR_CORRUPT;
    *count = (int32_t)v;
    return ERR_OK;
}

static enum err tail(struct bytes *text)
{
    struct str line;
    while (next_line(text, &line))
        if (line.len > 0) return ERR_CORRUPT;
    return ERR_OK;
}

enum err offset_checkpoint_read(struct disk *disk, const char *path, struct arena *arena,
                                struct offset_checkpoint_entry **entries, int32_t *count)
{
    struct bytes text;
    enum err e = disk_read_file(disk, path, CHECKPOINT_BYTES_MAX, arena, &text);
    if (!e) e = head(&text, count);
    if (e) return e;
    *entries = ARENA_ARRAY(arena, struct offset_checkpoint_entry, *count);
    for (int32_t i = 0; i < *count; i++) {
        struct offset_checkpoint_entry *entry = &(*entries)[i];
        struct str line;
        if (!next_line(&text, &line) || !next_word(&line, &entry->topic) ||
            !next_i32(&line, &entry->partition) || !next_i64(&line, &entry->offset) || line.len > 0)
            return ERR_CORRUPT;
    }
    return tail(&text);
}

static void put_head(struct byte_buffer *b, int32_t count)
{
    char line[32];
    byte_buffer_put(b, line, (size_t)snprintf(line, sizeof line, "0\n%" PRId32 "\n", count));
}

static enum err replace(struct disk *disk, const char *path, struct byte_buffer *b)
{
    enum err e = disk_replace_file(disk, path, bytes_of(b->data, b->len));
    byte_buffer_free(b);
    return e;
}

enum err offset_checkpoint_write(struct disk *disk, const char *path,
                                 const struct offset_checkpoint_entry *entries, int32_t count)
{
    struct byte_buffer b = {0};
    put_head(&b, count);
    for (int32_t i = 0; i < count; i++) {
        char rest[48];
        byte_buffer_put(&b, entries[i].topic.data, (size_t)entries[i].topic.len);
        byte_buffer_put(&b, rest,
                        (size_t)snprintf(rest, sizeof rest, " %" PRId32 " %" PRId64 "\n",
                                         entries[i].partition, entries[i].offset));
    }
    return replace(disk, path, &b);
}

enum err epoch_checkpoint_read(struct disk *disk, const char *path, struct arena *arena,
                               struct epoch_entry **entries, int32_t *count)
{
    struct bytes text;
    enum err e = disk_read_file(disk, path, CHECKPOINT_BYTES_MAX, arena, &text);
    if (!e) e = head(&text, count);
    if (e) return e;
    *entries = ARENA_ARRAY(arena, struct epoch_entry, *count);
    for (int32_t i = 0; i < *count; i++) {
        struct str line;
        if (!next_line(&text, &line) || !next_i32(&line, &(*entries)[i].epoch) ||
            !next_i64(&line, &(*entries)[i].start_offset) || line.len > 0)
            return ERR_CORRUPT;
    }
    return tail(&text);
}

static void encode_epochs(struct byte_buffer *b, const struct epoch_entry *entries, int32_t count)
{
    put_head(b, count);
    for (int32_t i = 0; i < count; i++) {
        char line[48];
        byte_buffer_put(b, line,
                        (size_t)snprintf(line, sizeof line, "%" PRId32 " %" PRId64 "\n",
                                         entries[i].epoch, entries[i].start_offset));
    }
}

enum err epoch_checkpoint_write(struct disk *disk, const char *path,
                                const struct epoch_entry *entries, int32_t count)
{
    struct byte_buffer b = {0};
    encode_epochs(&b, entries, count);
    return replace(disk, path, &b);
}

enum err epoch_checkpoint_write_new(struct disk *disk, const char *path,
                                    const struct epoch_entry *entries, int32_t count)
{
    struct byte_buffer b = {0};
    struct disk_file *file;
    encode_epochs(&b, entries, count);
    enum err e = disk_open(disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (!e) {
        e = disk_write_bytes(file, 0, b.data, b.len);
        disk_file_unref(file);
    }
    byte_buffer_free(&b);
    return e;
}
