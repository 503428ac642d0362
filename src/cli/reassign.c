#include "cli/reassign.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool.h"

struct reassignment *reassign_find(const struct reassignments *list, struct str topic,
                                   int32_t partition)
{
    for (int32_t i = 0; i < list->count; i++)
        if (list->items[i].partition == partition && str_equal(list->items[i].topic, topic))
            return &list->items[i];
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct reassignment *x = a, *y = b;
    int order = str_compare(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

void reassign_sort(struct reassignments *list)
{
    if (list->count) qsort(list->items, (size_t)list->count, sizeof *list->items, by_name);
}

/* ---- JSON */

static json_t *read_root(const struct json_reader *r, const char *path, const char *mistake)
{
    const char *why;
    char *text = tool_read_file(path, NULL);
    if (!text) r->fail(arena_printf(r->arena, "Unable to read file %s", path).data);
    if (!*text) r->fail(mistake ? mistake : "The input string shouldn't be empty");
    json_t *root = json_parse(r, text, &why);
    if (!root) r->fail(mistake ? mistake : arena_printf(r->arena, "%s: %s", path, why).data);
    const json_t *version = json_field(r, root, "version");
    if (version && json_int(r, version) != 1)
        r->fail(arena_printf(r->arena, "Not supported version field value %d", json_int(r, version))
                    .data);
    return root;
}

/* "[1, 2]" */
static struct str join(struct arena *arena, const int32_t *ids, int32_t count, const char *comma)
{
    struct str text = STR("");
    for (int32_t i = 0; i < count; i++)
        text = arena_printf(arena, "%.*s%s%d", STR_ARG(text), i ? comma : "", ids[i]);
    return text;
}

static void read_log_dirs(const struct json_reader *r, const json_t *field, struct reassignment *m)
{
    const json_t *list = json_list(r, field), *item;
    int32_t count = (int32_t)json_array_size(list);
    const char **dirs = ARENA_ARRAY(r->arena, const char *, count + 1);
    struct str names = STR("");
    size_t i;
    json_array_foreach((json_t *)list, i, item)
    {
        dirs[i] = json_text(r, item);
        names = arena_printf(r->arena, "%.*s%s%s", STR_ARG(names), i ? ", " : "", dirs[i]);
    }
    if (count != m->replicas_count)
        r->fail(arena_printf(r->arena,
                             "Size of replicas list [%.*s] is different from size of log dirs list "
                             "[%.*s] for partition %.*s-%d",
                             STR_ARG(join(r->arena, m->replicas, m->replicas_count, ", ")),
                             STR_ARG(names), STR_ARG(m->topic), m->partition)
                    .data);
    m->log_dirs = dirs;
}

struct reassignments reassign_read(const struct json_reader *r, const char *path)
{
    const json_t *field = json_field(r, read_root(r, path, NULL), "partitions"), *item, *id;
    struct reassignments list = {0};
    if (!field) return list;
    const json_t *partitions = json_list(r, field);
    list.items = ARENA_ARRAY(r->arena, struct reassignment, json_array_size(partitions) + 1);
    size_t i, k;
    json_array_foreach((json_t *)partitions, i, item)
    {
        struct reassignment *m = &list.items[list.count++];
        m->topic = str_of(json_text(r, json_field_required(r, item, "topic")));
        m->partition = json_int(r, json_field_required(r, item, "partition"));
        const json_t *replicas = json_list(r, json_field_required(r, item, "replicas"));
        m->replicas_count = (int32_t)json_array_size(replicas);
        m->replicas = ARENA_ARRAY(r->arena, int32_t, m->replicas_count + 1);
        json_array_foreach((json_t *)replicas, k, id) m->replicas[k] = json_int(r, id);
        const json_t *dirs = json_field(r, item, "log_dirs");
        if (dirs) read_log_dirs(r, dirs, m);
    }
    return list;
}

struct str *reassign_read_topics(const struct json_reader *r, const char *path, int32_t *count)
{
    json_t *root = read_root(r, path, "The input string is not a valid JSON");
    const json_t *field = json_field(r, root, "topics"), *item;
    *count = 0;
    if (!field) return NULL;
    const json_t *topics = json_list(r, field);
    struct str *names = ARENA_ARRAY(r->arena, struct str, json_array_size(topics) + 1);
    size_t i;
    json_array_foreach((json_t *)topics, i, item)
    {
        names[i] = str_of(json_text(r, json_field_required(r, item, "topic")));
        for (size_t k = 0; k < i; k++)
            if (str_equal(names[k], names[i]))
                r->fail(
                    arena_printf(r->arena,
                                 "List of topics to reassign contains duplicate entries: [%.*s]",
                                 STR_ARG(names[i]))
                        .data);
    }
    *count = (int32_t)json_array_size(topics);
    return names;
}

void reassign_print(struct arena *arena, const struct reassignments *list)
{
    printf("{\"version\":1,\"partitions\":[");
    for (int32_t i = 0; i < list->count; i++) {
        const struct reassignment *m = &list->items[i];
        struct str topic = json_quoted(arena, m->topic);
        printf("%s{\"topic\":%.*s,\"partition\":%d,\"replicas\":[%.*s],\"log_dirs\":[",
               i ? "," : "", STR_ARG(topic), m->partition,
               STR_ARG(join(arena, m->replicas, m->replicas_count, ",")));
        for (int32_t k = 0; k < m->replicas_count; k++) {
            const char *dir = m->log_dirs && m->log_dirs[k] ? m->log_dirs[k] : REASSIGN_ANY_DIR;
            struct str quoted = json_quoted(arena, str_of(dir));
            printf("%s%.*s", k ? "," : "", STR_ARG(quoted));
        }
        printf("]}");
    }
    printf("]}");
}

/* ---- mistakes in a list */

/* The ids that come more than once, each once: "1,2". Empty when there are none. */
static struct str doubles(struct arena *arena, const int32_t *ids, int32_t count, const char *comma)
{
    int32_t *found = ARENA_ARRAY(arena, int32_t, count + 1), found_count = 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t before = 0;
        for (int32_t k = 0; k < i; k++) before += ids[k] == ids[i];
        if (before == 1) found[found_count++] = ids[i];
    }
    return join(arena, found, found_count, comma);
}

const char *reassign_check_brokers(struct arena *arena, const int32_t *ids, int32_t count)
{
    struct str twice = doubles(arena, ids, count, ", ");
    if (!twice.len) return NULL;
    return arena_printf(arena, "Broker list contains duplicate entries: [%.*s]", STR_ARG(twice))
        .data;
}

const char *reassign_check(struct arena *arena, const struct reassignments *list)
{
    if (!list->count) return "Partition reassignment list cannot be empty";
    for (int32_t i = 0; i < list->count; i++)
        if (!list->items[i].replicas_count) return "Partition replica list cannot be empty";
    struct str partitions = STR(""), replicas = STR("");
    for (int32_t i = 0; i < list->count; i++) {
        const struct reassignment *m = &list->items[i];
        if (reassign_find(list, m->topic, m->partition) != m)
            partitions = arena_printf(arena, "%.*s%s%.*s-%d", STR_ARG(partitions),
                                      partitions.len ? "," : "", STR_ARG(m->topic), m->partition);
        struct str twice = doubles(arena, m->replicas, m->replicas_count, ",");
        if (twice.len)
            replicas = arena_printf(arena, "%.*s%s%.*s-%d contains multiple entries for %.*s",
                                    STR_ARG(replicas), replicas.len ? ". " : "", STR_ARG(m->topic),
                                    m->partition, STR_ARG(twice));
    }
    if (partitions.len)
        return arena_printf(arena,
                            "Partition reassignment contains duplicate topic partitions: %.*s",
                            STR_ARG(partitions))
            .data;
    if (replicas.len)
        return arena_printf(arena,
                            "Partition replica lists may not contain duplicate entries: %.*s",
                            STR_ARG(replicas))
            .data;
    return NULL;
}
