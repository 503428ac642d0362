#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

static const enum config_source layer_source[LAYER_COUNT] = {
    SOURCE_DYNAMIC_BROKER, SOURCE_DYNAMIC_DEFAULT, SOURCE_STATIC, SOURCE_DEFAULT};

/* Keys that stand for one setting in several units; the first that is set holds
 * (DynamicBrokerConfig.brokerConfigSynonyms). */
static const enum config_id synonym_groups[][3] = {
    {CONFIG_LOG_ROLL_MS, CONFIG_LOG_ROLL_HOURS, CONFIG_COUNT},
    {CONFIG_LOG_ROLL_JITTER_MS, CONFIG_LOG_ROLL_JITTER_HOURS, CONFIG_COUNT},
    {CONFIG_LOG_RETENTION_MS, CONFIG_LOG_RETENTION_MINUTES, CONFIG_LOG_RETENTION_HOURS},
    {CONFIG_LOG_FLUSH_INTERVAL_MS, CONFIG_LOG_FLUSH_SCHEDULER_INTERVAL_MS, CONFIG_COUNT},
};
enum {
    SYNONYM_GROUPS = sizeof synonym_groups / sizeof *synonym_groups,
    /* That much may be stale, or twice what is set. */
    STALE_BYTES_MAX = 64 << 10,
};

static bool is_dynamic(int layer)
{
    return layer == LAYER_DYNAMIC_BROKER || layer == LAYER_DYNAMIC_DEFAULT;
}

/* Of what is set in this layer. */
static struct arena *arena_of(struct config *c, enum config_layer layer)
{
    return is_dynamic((int)layer) ? &c->changes : &c->arena;
}

/* The value that holds, parsed from the highest layer that sets it. The text was validated. */
static enum err evaluate(struct config *c, enum config_id id, struct arena *arena,
                         struct config_error *error)
{
    c->is_changed[id] = arena == &c->changes;
    const char *text = NULL;
    for (int layer = 0; layer < LAYER_COUNT && !text; layer++) text = c->texts[layer][id];
    if (!text) {
        c->values[id] = (struct config_value){.is_null = true, .text = ""};
        return ERR_OK;
    }
    return config_value_parse(&config_keys[id], str_of(text), arena, &c->values[id], error);
}

/* `evaluate` of what cannot fail. */
static void evaluate_again(struct config *c, enum config_id id, struct arena *arena)
{
    struct config_error error;
    enum err e = evaluate(c, id, arena, &error);
    INVARIANT(e == ERR_OK);
}

/* Leave behind what is stale of the changes, once it is much. */
static void renew_changes(struct config *c)
{
    if (c->changes.used_bytes <= STALE_BYTES_MAX + 2 * c->changes_live) return;
    struct arena old = c->changes;
    arena_init(&c->changes, 0);
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        for (int id = 0; is_dynamic(layer) && id < CONFIG_COUNT; id++) {
            const char **text = &c->texts[layer][id];
            if (*text) *text = arena_str(&c->changes, str_of(*text)).data;
        }
    }
    for (int32_t i = 0; i < c->extras_count; i++) {
        struct config_extra *x = &c->extras[i];
        if (!is_dynamic((int)x->layer)) continue;
        x->name = arena_str(&c->changes, str_of(x->name)).data;
        x->text = arena_str(&c->changes, str_of(x->text)).data;
    }
    for (int id = 0; id < CONFIG_COUNT; id++)
        if (c->is_changed[id]) evaluate_again(c, (enum config_id)id, &c->changes);
    arena_free(&old);
    c->changes_live = c->changes.used_bytes;
}

struct config *config_new(void)
{
    struct config *c = MEM_NEW(struct config);
    arena_init(&c->arena, 16384);
    arena_init(&c->changes, 0);
    c->file = "";
    for (int id = 0; id < CONFIG_COUNT; id++) {
        c->texts[LAYER_DEFAULT][id] = config_keys[id].default_text;
        evaluate_again(c, (enum config_id)id, &c->arena);
    }
    return c;
}

void config_free(struct config *c)
{
    if (!c) return;
    arena_free(&c->arena);
    arena_free(&c->changes);
    mem_free(c->extras);
    mem_free(c->notes);
    mem_free(c);
}

static void note(struct config *c, struct str line)
{
    MEM_GROW(c->notes, c->notes_count, c->notes_capacity);
    c->notes[c->notes_count++] = line;
}

static void set_extra(struct config *c, enum config_layer layer, struct str name, struct str value)
{
    for (int32_t i = 0; i < c->extras_count; i++) {
        struct config_extra *x = &c->extras[i];
        if (x->layer != layer || !str_equal_z(name, x->name)) continue;
        if (str_is_null(value))
            c->extras[i] = c->extras[--c->extras_count];
        else if (!str_equal_z(value, x->text))
            x->text = arena_str(arena_of(c, layer), value).data;
        return;
    }
    if (str_is_null(value)) return;
    MEM_GROW(c->extras, c->extras_count, c->extras_capacity);
    struct arena *arena = arena_of(c, layer);
    c->extras[c->extras_count++] =
        (struct config_extra){arena_str(arena, name).data, arena_str(arena, value).data, layer};
}

static enum err set(struct config *c, enum config_layer layer, struct str name, struct str value,
                    struct config_error *error)
{
    bool override;
    int found = config_broker_key_find(name, &override);
    if (found < 0 || override) {
        set_extra(c, layer, name, value);
        return ERR_OK;
    }
    enum config_id id = (enum config_id)found;
    struct arena *arena = arena_of(c, layer);
    const char *before = c->texts[layer][id];
    if (str_is_null(value)) {
        c->texts[layer][id] = NULL;
        evaluate_again(c, id, arena);
        return ERR_OK;
    }
    if (before && str_equal_z(value, before)) return ERR_OK;
    struct config_value parsed;
    enum err e = config_value_parse(&config_keys[id], value, arena, &parsed, error);
    if (e) return e;
    c->texts[layer][id] = arena_str(arena, value).data;
    if (evaluate(c, id, arena, error)) c->texts[layer][id] = before;
    return ERR_OK;
}

enum err config_set(struct config *c, enum config_layer layer, struct str name, struct str value,
                    struct config_error *error)
{
    enum err e = set(c, layer, name, value, error);
    renew_changes(c);
    return e;
}

static bool is_named(const struct config_pair *pairs, int32_t count, const char *name)
{
    for (int32_t i = 0; i < count; i++)
        if (str_equal_z(pairs[i].name, name)) return true;
    return false;
}

void config_clear_but(struct config *c, enum config_layer layer, const struct config_pair *kept,
                      int32_t kept_count)
{
    PRE(is_dynamic((int)layer));
    for (int id = 0; id < CONFIG_COUNT; id++) {
        if (!c->texts[layer][id] || is_named(kept, kept_count, config_keys[id].name)) continue;
        c->texts[layer][id] = NULL;
        evaluate_again(c, (enum config_id)id, &c->changes);
    }
    for (int32_t i = c->extras_count - 1; i >= 0; i--)
        if (c->extras[i].layer == layer && !is_named(kept, kept_count, c->extras[i].name))
            c->extras[i] = c->extras[--c->extras_count];
    renew_changes(c);
}

/* ---- reading a node's file */

/* Keys of plugins, whose names only the plugin knows. */
static bool is_plugin_key(struct str name)
{
    static const char *const prefixes[] = {"rsm.config.", "rlmm.config.", "config.providers."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t len = strlen(prefixes[i]);
        if ((size_t)name.len > len && memcmp(name.data, prefixes[i], len) == 0) return true;
    }
    return false;
}

static bool is_percentage(struct str text)
{
    for (int32_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9') return false;
    return text.len > 0 && text.len <= 3;
}

static void note_unknown(struct config *c, struct str name, struct str value, int32_t line)
{
    bool override;
    if (str_equal_z(name, CONFIG_LEADER_IMBALANCE_PERCENT) && is_percentage(value)) return;
    if (config_broker_key_find(name, &override) >= 0 || is_plugin_key(name)) return;
    const char *near = config_key_nearest(config_keys, CONFIG_COUNT, name);
    struct str place = line ? arena_printf(&c->arena, "%s:%d", c->file, line) : STR("--override");
    note(c, arena_printf(&c->arena, "%.*s: unknown configuration key %.*s is ignored%s%s%s",
                         STR_ARG(place), STR_ARG(name), near ? "; did you mean " : "",
                         near ? near : "", near ? "?" : ""));
}

/* One line for all keys of a standing that the file changes from their default. */
static void note_standing(struct config *c, enum config_standing standing, const char *what)
{
    struct str line = STR("");
    for (int id = 0; id < CONFIG_COUNT; id++) {
        const struct config_key *key = &config_keys[id];
        if (key->standing != standing || !c->texts[LAYER_STATIC][id]) continue;
        struct config_value base;
        struct config_error error;
        if (config_value_parse(key, str_of(key->default_text), &c->arena, &base, &error) ==
                ERR_OK &&
            str_equal(config_value_text(key, &base, &c->arena),
                      config_value_text(key, &c->values[id], &c->arena)))
            continue;
        line = arena_printf(&c->arena, "%.*s%s%s", STR_ARG(line), line.len ? ", " : "", key->name);
    }
    if (line.len) note(c, arena_printf(&c->arena, "%s: %s: %s", c->file, what, line.data));
}

static enum err set_static(struct config *c, const struct property *p, struct config_error *error)
{
    struct config_error cause;
    enum err e = config_set(c, LAYER_STATIC, p->key, p->value, &cause);
    if (e) {
        if (p->line) return config_error_set(error, "%s:%d: %s", c->file, p->line, cause.text);
        return config_error_set(error, "--override: %s", cause.text);
    }
    bool override;
    int id = config_broker_key_find(p->key, &override);
    if (id >= 0 && !override) c->lines[id] = p->line;
    return ERR_OK;
}

/* node.id and its former name stand for each other. */
static void join_ids(struct config *c)
{
    static const enum config_id pair[2] = {CONFIG_NODE_ID, CONFIG_BROKER_ID};
    for (int i = 0; i < 2; i++) {
        const char **to = &c->texts[LAYER_STATIC][pair[i]];
        const char *from = c->texts[LAYER_STATIC][pair[1 - i]];
        if (*to || !from) continue;
        *to = from;
        struct config_error error;
        if (evaluate(c, pair[i], &c->arena, &error)) *to = NULL;
    }
}

static enum err check_has(const struct config *c, int id, struct config_error *error)
{
    if (config_keys[id].standing != STANDING_NEEDED || !c->values[id].is_null) return ERR_OK;
    return config_error_set(error,
                            "%s: Missing required configuration \"%s\" which has no default value.",
                            c->file, config_keys[id].name);
}

/* Of several that are missing Kafka names its role first, then its id. */
static enum err check_needed(const struct config *c, struct config_error *error)
{
    enum err e = check_has(c, CONFIG_PROCESS_ROLES, error);
    if (!e) e = check_has(c, CONFIG_NODE_ID, error);
    for (int id = 0; id < CONFIG_COUNT && !e; id++) e = check_has(c, id, error);
    return e;
}

enum err config_read(const char *file, struct str text, const struct config_pair *overrides,
                     int32_t overrides_count, struct config **out, struct config_error *error)
{
    struct config *c = config_new();
    c->file = arena_printf(&c->arena, "%s", file).data;
    struct properties p;
    int32_t bad_line = 0;
    enum err e = properties_parse(text, &c->arena, &p, &bad_line);
    if (e) {
        e = config_error_set(error, "%s:%d: Malformed \\uxxxx encoding.", file, bad_line);
        goto fail;
    }
    for (int32_t i = 0; i < overrides_count; i++)
        properties_add(&p, &c->arena, overrides[i].name, overrides[i].value);
    /* Later duplicates win, also over a bad earlier value: take each key's last entry only. */
    for (int32_t i = 0; i < p.count; i++) {
        bool last = true;
        for (int32_t j = i + 1; j < p.count && last; j++)
            last = !str_equal(p.items[i].key, p.items[j].key);
        if (!last) continue;
        note_unknown(c, p.items[i].key, p.items[i].value, p.items[i].line);
        e = set_static(c, &p.items[i], error);
        if (e) goto fail;
    }
    join_ids(c);
    e = check_needed(c, error);
    if (e) goto fail;
    note_standing(c, STANDING_LATER, "accepted, but Samsa does not obey these keys yet");
    note_standing(c, STANDING_MOOT, "accepted, but these keys have no meaning in Samsa");
    *out = c;
    return ERR_OK;
fail:
    config_free(c);
    return e;
}

struct str config_place(const struct config *c, enum config_id id, struct arena *arena)
{
    if (!*c->file) return STR("");
    if (!c->lines[id]) return arena_printf(arena, "%s: ", c->file);
    return arena_printf(arena, "%s:%d: ", c->file, c->lines[id]);
}

/* ---- readers */

int32_t config_int(const struct config *c, enum config_id id)
{
    PRE(config_keys[id].type == CONFIG_TYPE_INT || config_keys[id].type == CONFIG_TYPE_SHORT);
    return (int32_t)c->values[id].number;
}

int64_t config_long(const struct config *c, enum config_id id)
{
    PRE(config_keys[id].type == CONFIG_TYPE_INT || config_keys[id].type == CONFIG_TYPE_SHORT ||
        config_keys[id].type == CONFIG_TYPE_LONG);
    return c->values[id].number;
}

bool config_bool(const struct config *c, enum config_id id)
{
    PRE(config_keys[id].type == CONFIG_TYPE_BOOLEAN);
    return c->values[id].boolean;
}

const char *config_string(const struct config *c, enum config_id id)
{
    PRE(config_keys[id].type == CONFIG_TYPE_STRING || config_keys[id].type == CONFIG_TYPE_CLASS ||
        config_keys[id].type == CONFIG_TYPE_PASSWORD);
    return c->values[id].is_null ? NULL : c->values[id].text;
}

const struct str *config_list(const struct config *c, enum config_id id, int32_t *count)
{
    PRE(config_keys[id].type == CONFIG_TYPE_LIST);
    *count = c->values[id].list_count;
    return c->values[id].list;
}

bool config_is_null(const struct config *c, enum config_id id)
{
    return c->values[id].is_null;
}

bool config_is_set(const struct config *c, enum config_id id)
{
    return c->texts[LAYER_STATIC][id] || c->texts[LAYER_DYNAMIC_DEFAULT][id] ||
           c->texts[LAYER_DYNAMIC_BROKER][id];
}

bool config_is_rate(struct str name)
{
    return str_equal_z(name, "leader.replication.throttled.rate") ||
           str_equal_z(name, "follower.replication.throttled.rate") ||
           str_equal_z(name, "replica.alter.log.dirs.io.max.bytes.per.second");
}

const char *config_extra(const struct config *c, const char *name)
{
    const struct config_extra *best = NULL;
    for (int32_t i = 0; i < c->extras_count; i++)
        if (strcmp(c->extras[i].name, name) == 0 && (!best || c->extras[i].layer < best->layer))
            best = &c->extras[i];
    return best ? best->text : NULL;
}

int32_t config_leader_imbalance_percent(const struct config *c)
{
    const char *text = config_extra(c, CONFIG_LEADER_IMBALANCE_PERCENT);
    return text && is_percentage(str_of(text)) ? atoi(text) : 0;
}

struct str config_print(const struct config *c, struct arena *arena)
{
    size_t size = 64;
    struct str *lines = ARENA_ARRAY(arena, struct str, CONFIG_COUNT);
    for (int id = 0; id < CONFIG_COUNT; id++) {
        const struct config_key *key = &config_keys[id];
        struct str value = config_value_text(key, &c->values[id], arena);
        if (config_key_is_sensitive(key) && !str_is_null(value)) value = STR("[hidden]");
        if (key->type == CONFIG_TYPE_LIST && !str_is_null(value)) {
            struct str shown = STR("[");
            for (int32_t i = 0; i < c->values[id].list_count; i++)
                shown = arena_printf(arena, "%.*s%s%s", STR_ARG(shown), i ? ", " : "",
                                     c->values[id].list[i].data);
            value = arena_printf(arena, "%.*s]", STR_ARG(shown));
        }
        lines[id] = arena_printf(arena, "\t%s = %.*s\n", key->name, STR_ARG(value));
        size += (size_t)lines[id].len;
    }
    char *text = arena_alloc(arena, size);
    int32_t len = snprintf(text, size, "KafkaConfig values: \n");
    for (int id = 0; id < CONFIG_COUNT; id++) {
        memcpy(text + len, lines[id].data, (size_t)lines[id].len);
        len += lines[id].len;
    }
    text[len] = 0;
    return (struct str){text, len};
}

/* ---- DescribeConfigs */

static void add_synonym(struct config_synonym *items, int32_t *count, const char *name,
                        const char *text, bool sensitive, enum config_source source)
{
    items[(*count)++] = (struct config_synonym){name, sensitive ? STR_NULL : str_of(text), source};
}

void config_describe_synonyms(const struct config *c, const char *name, struct arena *arena,
                              struct config_synonym **out, int32_t *count)
{
    bool override;
    int found = config_broker_key_find(str_of(name), &override);
    *count = 0;
    *out = NULL;
    if (found < 0) return;
    enum config_id id = (enum config_id)found;
    enum config_id names[3] = {id, CONFIG_COUNT, CONFIG_COUNT};
    for (int g = 0; g < SYNONYM_GROUPS; g++)
        for (int i = 0; i < 3; i++)
            if (synonym_groups[g][i] == id && id != CONFIG_LOG_FLUSH_SCHEDULER_INTERVAL_MS)
                memcpy(names, synonym_groups[g], sizeof names);
    bool sensitive = config_key_is_sensitive(&config_keys[id]);
    *out = ARENA_ARRAY(arena, struct config_synonym, LAYER_COUNT * 3);
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        for (int i = 0; i < 3; i++) {
            if (names[i] == CONFIG_COUNT || !c->texts[layer][names[i]]) continue;
            /* Kafka drops what stands before the first entry of the name itself */
            if (*count == 0 && names[i] != id) continue;
            add_synonym(*out, count, config_keys[names[i]].name, c->texts[layer][names[i]],
                        sensitive, layer_source[layer]);
        }
    }
}

static void describe_key(const struct config *c, enum config_id id, bool this_broker,
                         struct arena *arena, struct config_described *d)
{
    const struct config_key *key = &config_keys[id];
    *d = (struct config_described){.name = key->name,
                                   .read_only = key->scope == SCOPE_FIXED,
                                   .sensitive = config_key_is_sensitive(key),
                                   .type = config_type_wire(key->type),
                                   .documentation = key->meaning,
                                   .source = SOURCE_DEFAULT};
    struct config_synonym *all;
    int32_t count;
    config_describe_synonyms(c, key->name, arena, &all, &count);
    d->synonyms = ARENA_ARRAY(arena, struct config_synonym, count);
    for (int32_t i = 0; i < count; i++)
        if (this_broker || all[i].source == SOURCE_DYNAMIC_DEFAULT)
            d->synonyms[d->synonyms_count++] = all[i];
    if (d->synonyms_count) d->source = d->synonyms[0].source;
    if (d->sensitive)
        d->value = STR_NULL;
    else if (this_broker)
        d->value = config_value_text(key, &c->values[id], arena);
    else
        d->value = str_of(c->texts[LAYER_DYNAMIC_DEFAULT][id]);
}

/* One name may be set in several layers, and is described once. */
static bool is_first_described(const struct config *c, int32_t at, bool this_broker)
{
    for (int32_t i = 0; i < at; i++)
        if ((this_broker || c->extras[i].layer == LAYER_DYNAMIC_DEFAULT) &&
            strcmp(c->extras[i].name, c->extras[at].name) == 0)
            return false;
    return true;
}

/* A key outside the table: a rate, a key of one listener, behind which stands the key itself, or
 * one that nobody knows, which Kafka treats as if it were a secret. */
static void describe_extra(const struct config *c, const char *name, bool this_broker,
                           struct arena *arena, struct config_described *d)
{
    bool override, rate = config_is_rate(str_of(name));
    int id = config_broker_key_find(str_of(name), &override);
    bool sensitive = rate ? false : id < 0 || config_key_is_sensitive(&config_keys[id]);
    *d = (struct config_described){.name = name, .sensitive = sensitive, .read_only = !rate};
    if (rate)
        d->type = config_type_wire(CONFIG_TYPE_LONG);
    else if (id >= 0)
        d->type = config_type_wire(config_keys[id].type);
    d->synonyms = ARENA_ARRAY(arena, struct config_synonym, LAYER_COUNT * 2);
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        if (!this_broker && layer != LAYER_DYNAMIC_DEFAULT) continue;
        for (int32_t i = 0; i < c->extras_count; i++)
            if ((int)c->extras[i].layer == layer && strcmp(c->extras[i].name, name) == 0)
                add_synonym(d->synonyms, &d->synonyms_count, name, c->extras[i].text, sensitive,
                            layer_source[layer]);
        if (id >= 0 && d->synonyms_count && c->texts[layer][id])
            add_synonym(d->synonyms, &d->synonyms_count, config_keys[id].name, c->texts[layer][id],
                        sensitive, layer_source[layer]);
    }
    d->source = d->synonyms[0].source;
    d->value = d->synonyms[0].value;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct config_described *)a)->name,
                  ((const struct config_described *)b)->name);
}

void config_describe_broker(const struct config *c, bool this_broker, struct arena *arena,
                            struct config_described **out, int32_t *count)
{
    *out = ARENA_ARRAY(arena, struct config_described, CONFIG_COUNT + c->extras_count);
    *count = 0;
    for (int id = 0; id < CONFIG_COUNT; id++) {
        if (config_keys[id].standing == STANDING_INTERNAL && !config_is_set(c, (enum config_id)id))
            continue;
        if (!this_broker && !c->texts[LAYER_DYNAMIC_DEFAULT][id]) continue;
        describe_key(c, (enum config_id)id, this_broker, arena, &(*out)[(*count)++]);
    }
    for (int32_t i = 0; i < c->extras_count; i++) {
        const struct config_extra *x = &c->extras[i];
        if (!this_broker && x->layer != LAYER_DYNAMIC_DEFAULT) continue;
        if (!is_first_described(c, i, this_broker)) continue;
        describe_extra(c, x->name, this_broker, arena, &(*out)[(*count)++]);
    }
    qsort(*out, (size_t)*count, sizeof **out, by_name);
}

/* ---- checks of run-time changes, besides those of dynamic.c */

enum err config_check_cordoned(const struct config *c, const struct str *cordoned, int32_t count,
                               struct config_error *error)
{
    int32_t dirs_count;
    const struct str *dirs = config_list(
        c, config_is_null(c, CONFIG_LOG_DIRS) ? CONFIG_LOG_DIR : CONFIG_LOG_DIRS, &dirs_count);
    char missing[sizeof error->text] = "";
    size_t len = 0;
    for (int32_t i = 0; i < count; i++) {
        bool known = false;
        if (str_equal_z(cordoned[i], "*")) {
            if (count == 1) return ERR_OK;
            return config_error_set(error, "requirement failed: When cordoned.log.dirs is set to "
                                           "*, it must not contain other values");
        }
        for (int32_t k = 0; k < dirs_count; k++) known |= str_equal(cordoned[i], dirs[k]);
        if (known || len >= sizeof missing) continue;
        len += (size_t)snprintf(missing + len, sizeof missing - len, "%s%.*s", len ? ", " : "",
                                STR_ARG(cordoned[i]));
    }
    if (!len) return ERR_OK;
    return config_error_set(error,
                            "requirement failed: All entries in cordoned.log.dirs must be present "
                            "in log.dirs or log.dir. Missing entries : %s",
                            missing);
}

enum err config_validate_cordoned(const struct config *c, struct str text,
                                  struct config_error *error)
{
    struct arena arena;
    struct config_value value;
    arena_init(&arena, 0);
    enum err e =
        config_value_parse(&config_keys[CONFIG_CORDONED_LOG_DIRS], text, &arena, &value, error);
    if (!e) e = config_check_cordoned(c, value.list, value.list_count, error);
    arena_free(&arena);
    return e;
}

/* consumer.x of a group lies between group.consumer.min.x and group.consumer.max.x, where a broker
 * has them; so do share.x and streams.x. */
static enum err check_group_bounds(const struct config *c, const struct config_key *key,
                                   int64_t number, struct arena *arena, struct config_error *error)
{
    const char *rest = strchr(key->name, '.');
    INVARIANT(rest);
    bool counts = strncmp(rest, ".num.", 5) == 0; /* streams.num.x: group.streams.max.x */
    const char *what = counts ? rest + 4 : rest;
    for (int i = 0; i < 2 && key->type == CONFIG_TYPE_INT; i++) {
        struct str bound = arena_printf(arena, "group.%.*s.%s%s", (int)(rest - key->name),
                                        key->name, i == 0 ? "min" : "max", what);
        int id = config_key_find(config_keys, CONFIG_COUNT, bound);
        if (id < 0) continue;
        int64_t at = c->values[id].number;
        if (i == 0 ? number < at : number > at)
            return config_error_set(error, "%s must be %s than or equal to %.*s", key->name,
                                    i == 0 ? "greater" : "less", STR_ARG(bound));
    }
    return ERR_OK;
}

enum err config_validate_group(const struct config *c, const struct config_pair *pairs,
                               int32_t count, struct config_error *error)
{
    struct arena arena;
    arena_init(&arena, 0);
    enum err e = ERR_OK;
    for (int32_t i = 0; i < count && !e; i++) {
        int id = config_key_find(group_config_keys, GROUP_CONFIG_COUNT, pairs[i].name);
        struct config_value value;
        if (id < 0)
            e = config_error_set(error, "Unknown group config name: %.*s", STR_ARG(pairs[i].name));
        else
            e = config_value_parse(&group_config_keys[id], pairs[i].value, &arena, &value, error);
        if (!e) e = check_group_bounds(c, &group_config_keys[id], value.number, &arena, error);
    }
    arena_free(&arena);
    return e;
}
