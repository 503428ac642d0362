#include "config/keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the words in the .def files stand for. */
#define ANY                ((struct config_check){.kind = CHECK_ANY})
#define MIN(low)           ((struct config_check){.kind = CHECK_RANGE, .min = (low), .max = NAN})
#define BETWEEN(low, high) ((struct config_check){.kind = CHECK_RANGE, .min = (low), .max = (high)})
#define ONE_OF(list)       ((struct config_check){.kind = CHECK_ONE_OF, .values = (list)})
#define ONE_OF_ANY_CASE(list) \
    ((struct config_check){.kind = CHECK_ONE_OF_ANY_CASE, .values = (list)})
#define LIST_CHECK(list, empty, null) \
    ((struct config_check){           \
        .kind = CHECK_LIST, .values = (list), .empty_allowed = (empty), .null_allowed = (null)})
#define LIST_OF(list)                LIST_CHECK(list, true, false)
#define LIST_OR_NULL(list)           LIST_CHECK(list, true, true)
#define LIST_NOT_EMPTY(list)         LIST_CHECK(list, false, false)
#define LIST_NOT_EMPTY_OR_NULL(list) LIST_CHECK(list, false, true)
#define NOT_EMPTY                    ((struct config_check){.kind = CHECK_NOT_EMPTY})
#define NOT_NULL                     ((struct config_check){.kind = CHECK_NOT_NULL})
#define GZIP_LEVEL                   ((struct config_check){.kind = CHECK_GZIP_LEVEL})
#define VOTERS                       ((struct config_check){.kind = CHECK_VOTERS})
#define SERVERS                      ((struct config_check){.kind = CHECK_SERVERS})
#define REPLICA_LIST                 ((struct config_check){.kind = CHECK_REPLICA_LIST})
#define SHARE_RESET                  ((struct config_check){.kind = CHECK_SHARE_RESET})

const struct config_key config_keys[CONFIG_COUNT] = {
#define K(id, name_, type_, default_, check_, scope_, importance_, standing_, meaning_) \
    [CONFIG_##id] = {.name = name_,                                                     \
                     .type = CONFIG_TYPE_##type_,                                       \
                     .default_text = default_,                                          \
                     .check = check_,                                                   \
                     .scope = SCOPE_##scope_,                                           \
                     .importance = IMPORTANCE_##importance_,                            \
                     .standing = STANDING_##standing_,                                  \
                     .meaning = meaning_},
#include "config/broker_keys.def"
#undef K
};

/* Of a topic or a group: it may change at any time. */
#define OF_RESOURCE(name_, type_, default_, check_, meaning_)                                  \
    {                                                                                          \
        .name = name_, .type = CONFIG_TYPE_##type_, .default_text = default_, .check = check_, \
        .scope = SCOPE_CLUSTER_WIDE, .importance = IMPORTANCE_MEDIUM, .meaning = meaning_,     \
    }

const struct config_key topic_config_keys[TOPIC_CONFIG_COUNT] = {
#define T(id, ...) [TOPIC_##id] = OF_RESOURCE(__VA_ARGS__),
#include "config/topic_keys.def"
#undef T
};

const struct config_key group_config_keys[GROUP_CONFIG_COUNT] = {
#define G(id, ...) [GROUP_##id] = OF_RESOURCE(__VA_ARGS__),
#include "config/group_keys.def"
#undef G
};

int config_key_find(const struct config_key *keys, int count, struct str name)
{
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        int order = str_compare(str_of(keys[middle].name), name);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

int config_broker_key_find(struct str name, bool *override)
{
    static const char prefix[] = "listener.name.";
    const int32_t prefix_len = (int32_t)sizeof prefix - 1;
    *override = false;
    if (name.len > prefix_len && memcmp(name.data, prefix, (size_t)prefix_len) == 0) {
        struct str rest = {name.data + prefix_len, name.len - prefix_len};
        /* listener.name.<listener>.<key> or listener.name.<listener>.<mechanism>.<key> */
        for (int dots = 0; dots < 2; dots++) {
            const char *dot = memchr(rest.data, '.', (size_t)rest.len);
            if (!dot) return -1;
            rest.len -= (int32_t)(dot + 1 - rest.data);
            rest.data = dot + 1;
            int found = config_key_find(config_keys, CONFIG_COUNT, rest);
            if (found >= 0) {
                *override = true;
                return found;
            }
        }
        return -1;
    }
    return config_key_find(config_keys, CONFIG_COUNT, name);
}

enum { NAME_MAX_LEN = 96 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Levenshtein distance, with a swap of neighbours as one edit. */
static int edit_distance(struct str a, struct str b)
{
    int rows[3][NAME_MAX_LEN + 1];
    for (int j = 0; j <= b.len; j++) rows[0][j] = j;
    for (int i = 1; i <= a.len; i++) {
        int *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= b.len; j++) {
            int cost = a.data[i - 1] != b.data[j - 1];
            row[j] = smaller(smaller(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = smaller(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

const char *config_key_nearest(const struct config_key *keys, int count, struct str name)
{
    if (name.len < 3 || name.len > NAME_MAX_LEN) return NULL;
    int bound = name.len / 3 < 2 ? name.len / 3 : 2;
    if (name.len >= 20) bound = 3;
    const char *best = NULL;
    for (int i = 0; i < count; i++) {
        struct str candidate = str_of(keys[i].name);
        if (candidate.len > NAME_MAX_LEN || candidate.len > name.len + bound ||
            name.len > candidate.len + bound)
            continue;
        int distance = edit_distance(name, candidate);
        if (distance <= bound) {
            bound = distance - 1;
            best = keys[i].name;
        }
    }
    return best;
}

const char *config_type_name(enum config_type type)
{
    static const char *const names[] = {"BOOLEAN", "STRING", "INT",   "SHORT",   "LONG",
                                        "DOUBLE",  "LIST",   "CLASS", "PASSWORD"};
    return names[type];
}

int8_t config_type_wire(enum config_type type)
{
    static const int8_t wire[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    return wire[type];
}

static void describe_values(const char *prefix, const char *values, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "%s[", prefix);
    for (const char *v = values; v && *v && at + 3 < size; v++) {
        text[at++] = *v;
        if (*v == ',') text[at++] = ' ';
    }
    if (at + 2 <= size) {
        text[at++] = ']';
        text[at] = 0;
    }
}

void config_check_describe(const struct config_check *check, char *text, size_t size)
{
    switch (check->kind) {
    case CHECK_RANGE:
        if (isnan(check->max))
            snprintf(text, size, "[%.10g,...]", check->min);
        else
            snprintf(text, size, "[%.10g,...,%.10g]", check->min, check->max);
        return;
    case CHECK_ONE_OF: describe_values("", check->values, text, size); return;
    case CHECK_ONE_OF_ANY_CASE:
        describe_values("(case insensitive) ", check->values, text, size);
        return;
    case CHECK_LIST:
        if (check->values)
            describe_values("", check->values, text, size);
        else
            snprintf(text, size, "%s", "");
        return;
    case CHECK_GZIP_LEVEL: snprintf(text, size, "[1,...,9] or -1"); return;
    case CHECK_NOT_EMPTY: snprintf(text, size, "non-empty string"); return;
    case CHECK_NOT_NULL: snprintf(text, size, "non-null string"); return;
    case CHECK_VOTERS:
    case CHECK_SERVERS: snprintf(text, size, "non-empty list"); return;
    case CHECK_REPLICA_LIST:
        snprintf(text, size, "[partitionId]:[brokerId],[partitionId]:[brokerId],...");
        return;
    case CHECK_SHARE_RESET:
        snprintf(text, size, "[latest, earliest, by_duration:PnDTnHnMn.nS]");
        return;
    case CHECK_ANY: snprintf(text, size, "%s", ""); return;
    }
}
