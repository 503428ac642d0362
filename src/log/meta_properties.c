#include "log/meta_properties.h"

#include <limits.h>
#include <stdio.h>

#include "protocol/compress.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\f' || c == '\r';
}

/* One logical line of Java properties, trimmed; its key and value. The only escapes in what Kafka
 * writes here are a backslash before `:` and the like. */
static void split(struct str line, struct str *key, struct str *value)
{
    int32_t i = 0;
    while (i < line.len && line.data[i] != '=' && line.data[i] != ':' && !is_space(line.data[i]))
        i++;
    *key = (struct str){line.data, i};
    while (i < line.len && is_space(line.data[i])) i++;
    if (i < line.len && (line.data[i] == '=' || line.data[i] == ':')) i++;
    while (i < line.len && is_space(line.data[i])) i++;
    *value = (struct str){line.data + i, line.len - i};
}

/* The value without the backslashes of its escapes, in memory of the arena. */
static struct str unescape(struct str value, struct arena *arena)
{
    if (value.len <= 0 || !memchr(value.data, '\\', (size_t)value.len)) return value;
    char *text = arena_alloc(arena, (size_t)value.len);
    int32_t len = 0;
    for (int32_t i = 0; i < value.len; i++) {
        if (value.data[i] == '\\' && i + 1 < value.len) i++;
        text[len++] = value.data[i];
    }
    return (struct str){text, len};
}

static bool parse_i32(struct str s, int32_t *out)
{
    int64_t v = 0;
    if (s.len <= 0 || s.len > 10) return false;
    for (int32_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') return false;
        v = v * 10 + (s.data[i] - '0');
    }
    *out = (int32_t)v;
    return v <= INT32_MAX;
}

static const char *set(struct meta_properties *m, struct str key, struct str value)
{
    if (str_equal_z(key, "version")) {
        if (!parse_i32(value, &m->version) || m->version > 1) return "version is not 0 or 1";
    } else if (str_equal_z(key, "node.id") || str_equal_z(key, "broker.id")) {
        if (!parse_i32(value, &m->node_id)) return "the node id is not a number";
    } else if (str_equal_z(key, "cluster.id")) {
        if (value.len > CLUSTER_ID_LEN_MAX) return "cluster.id is too long";
        memcpy(m->cluster_id, value.data, (size_t)value.len);
        m->cluster_id[value.len] = 0;
    } else if (str_equal_z(key, "directory.id")) {
        if (uuid_parse(value, &m->directory_id)) return "directory.id is not an id";
    }
    return NULL;
}

enum err meta_properties_read(struct disk *disk, const char *directory, struct arena *arena,
                              struct meta_properties *out, const char **cause)
{
    struct bytes text;
    char path[PATH_MAX];
    *out = META_PROPERTIES_NONE;
    *cause = NULL;
    snprintf(path, sizeof path, "%s/meta.properties", directory);
    enum err e = disk_read_file(disk, path, FILE_BYTES_MAX, arena, &text);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e) {
        *cause = arena_printf(arena, "%s: %s", path, err_text(e)).data;
        return e == ERR_TOO_LARGE ? ERR_CORRUPT : e;
    }
    out->present = true;
    out->version = 0;
    int line_number = 0;
    for (int64_t at = 0; at < text.len;) {
        int64_t end = at;
        while (end < text.len && text.data[end] != '\n') end++;
        struct str line = {(const char *)text.data + at, (int32_t)(end - at)};
        at = end + 1;
        line_number++;
        while (line.len > 0 && is_space(line.data[line.len - 1])) line.len--;
        while (line.len > 0 && is_space(line.data[0])) line.data++, line.len--;
        if (line.len == 0 || line.data[0] == '#' || line.data[0] == '!') continue;
        struct str key, value;
        split(line, &key, &value);
        const char *why = set(out, key, unescape(value, arena));
        if (!why) continue;
        *cause = arena_printf(arena, "%s:%d: %s", path, line_number, why).data;
        return ERR_CORRUPT;
    }
    if (out->version == 1 && (out->node_id < 0 || !out->cluster_id[0])) {
        *cause = arena_printf(arena, "%s: %s is missing", path,
                              out->node_id < 0 ? "node.id" : "cluster.id")
                     .data;
        return ERR_CORRUPT;
    }
    return ERR_OK;
}

enum err meta_properties_write(struct disk *disk, const char *directory,
                               const struct meta_properties *m)
{
    struct byte_buffer b = {0};
    char line[256], path[PATH_MAX], cluster_id[2 * CLUSTER_ID_LEN_MAX + 1];
    size_t len = 0;
    for (const char *c = m->cluster_id; *c; c++) {
        if (strchr(":=#!\\ ", *c)) cluster_id[len++] = '\\';
        cluster_id[len++] = *c;
    }
    cluster_id[len] = 0;
#define PUT(...) byte_buffer_put(&b, line, (size_t)snprintf(line, sizeof line, __VA_ARGS__))
    PUT("#\n");
    if (m->cluster_id[0]) PUT("cluster.id=%s\n", cluster_id);
    if (!uuid_is_zero(m->directory_id)) PUT("directory.id=%s\n", uuid_text(m->directory_id).z);
    if (m->node_id >= 0) PUT("%s=%d\n", m->version == 0 ? "broker.id" : "node.id", m->node_id);
    PUT("version=%d\n", m->version);
#undef PUT
    snprintf(path, sizeof path, "%s/meta.properties", directory);
    enum err e = disk_replace_file(disk, path, bytes_of(b.data, b.len));
    byte_buffer_free(&b);
    return e;
}
