/* kafka-configs.sh for what is a resource: topics, brokers, broker-loggers, groups,
 * client-metrics. Users, clients and ips are quota_entities.h's. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/metadata_view.h"
#include "cli/client.h"
#include "cli/quota_entities.h"
#include "cli/tool.h"
#include "protocol/describe_configs.h"
#include "protocol/incremental_alter_configs.h"
#include "protocol/list_config_resources.h"
#include "protocol/list_groups.h"

#define config_entry struct describe_configs_response_describe_configs_resource_result

static const struct option options[] = {
    {"bootstrap-server", 0, OPTION_VALUE, false, false, "String: server to connect to",
     "Brokers to connect to first."},
    {"bootstrap-controller", 0, OPTION_VALUE, false, false, "String: controller to connect to",
     "Controllers to connect to first."},
    {"command-config", 0, OPTION_VALUE, false, false, "String: command config property file",
     "File with properties of the client."},
    {"alter", 0, OPTION_FLAG, false, false, NULL, "Change the configuration of an entity."},
    {"describe", 0, OPTION_FLAG, false, false, NULL, "Show the configuration of entities."},
    {"all", 0, OPTION_FLAG, false, false, NULL,
     "With --describe: all configurations, static and default ones too."},
    {"entity-type", 0, OPTION_VALUE, false, true, "String",
     "topics, brokers, broker-loggers, groups, client-metrics, users, clients or ips."},
    {"entity-name", 0, OPTION_VALUE, false, true, "String", "Name of the entity."},
    {"entity-default", 0, OPTION_FLAG, false, true, NULL, "The default of the entity type."},
    {"add-config", 0, OPTION_VALUE, false, false, "String",
     "Configurations to set: k1=v1,k2=[v1,v2]; brackets protect commas."},
    {"add-config-file", 0, OPTION_VALUE, false, false, "String", "File with properties to set."},
    {"delete-config", 0, OPTION_VALUE, false, true, "String", "Names to unset: k1,k2."},
    {"topic", 0, OPTION_VALUE, false, false, "String", "The topic's name."},
    {"client", 0, OPTION_VALUE, false, false, "String", "The client's id."},
    {"client-defaults", 0, OPTION_FLAG, false, false, NULL, "The default of all clients."},
    {"user", 0, OPTION_VALUE, false, false, "String", "The user's principal name."},
    {"user-defaults", 0, OPTION_FLAG, false, false, NULL, "The default of all users."},
    {"broker", 0, OPTION_VALUE, false, false, "String", "The broker's id."},
    {"broker-defaults", 0, OPTION_FLAG, false, false, NULL, "The default of all brokers."},
    {"broker-logger", 0, OPTION_VALUE, false, false, "String", "The broker's id, for its loggers."},
    {"ip", 0, OPTION_VALUE, false, false, "String", "The address."},
    {"ip-defaults", 0, OPTION_FLAG, false, false, NULL, "The default of all addresses."},
    {"group", 0, OPTION_VALUE, false, false, "String", "The group's id."},
    {"client-metrics", 0, OPTION_VALUE, false, false, "String", "The client metrics resource."},
    {0},
};

struct entity_type {
    const char *plural, *singular, *shortcut, *defaults; /* options that name one */
    int8_t resource_type;                                /* of DescribeConfigs; 0: not a resource */
    int8_t dynamic_source;                               /* ConfigSource of what was set on it */
};

static const struct entity_type types[] = {
    {"topics", "topic", "topic", NULL, 2, 1},
    {"brokers", "broker", "broker", "broker-defaults", 4, 2},
    {"broker-loggers", "broker-logger", "broker-logger", NULL, 8, 6},
    {"client-metrics", "client-metric", "client-metrics", NULL, 16, 7},
    {"groups", "group", "group", NULL, 32, 8},
    {"users", "user", "user", "user-defaults", 0, 0},
    {"clients", "client", "client", "client-defaults", 0, 0},
    {"ips", "ip", "ip", "ip-defaults", 0, 0},
    {NULL},
};

enum { SOURCE_DYNAMIC_DEFAULT_BROKER = 3 };

struct command {
    struct client *client;
    const struct args *args;
    const struct entity_type *type;
    const char *name;               /* NULL: not given; "": the default */
    struct quota_entities entities; /* of a type that is no resource */
};

static _Noreturn void fail(const char *text)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static _Noreturn void no_client(const struct args *a, const char *reason)
{
    fflush(stdout);
    fprintf(stderr, "Error while executing config command with args '");
    for (int i = 0; i < a->words_count; i++) fprintf(stderr, "%s%s", i ? " " : "", a->words[i]);
    fprintf(stderr, "'\n%s\n", reason);
    exit(1);
}

static _Noreturn void fail_executing(const struct command *k, const char *class, const char *text)
{
    no_client(k->args, arena_printf(&k->client->arena, "%s: %s", class, text).data);
}

static _Noreturn void fail_client(const struct command *k)
{
    fail_executing(k, "java.util.concurrent.ExecutionException", client_failure_line(k->client));
}

/* ---- which entity */

enum { TYPES_MAX = 16 };

/* The types that the options name, in the order in which Kafka's tool collects them. */
struct chosen {
    const char *types[TYPES_MAX];
    int32_t count;
    bool by_flag;           /* --topic and the like */
    bool name, default_too; /* --entity-name, --entity-default, or what stands for them */
};

static void add_type(struct chosen *c, const char *type)
{
    if (c->count == TYPES_MAX) fail("Too many entity types");
    c->types[c->count++] = type;
}

static const struct entity_type *type_of(const char *plural)
{
    for (const struct entity_type *t = types; t->plural; t++)
        if (strcmp(t->plural, plural) == 0) return t;
    return NULL;
}

static struct chosen choose(struct command *k)
{
    const struct args *a = k->args;
    struct chosen c = {0};
    const char *text;
    for (int32_t i = 0; (text = args_value_at(a, "entity-type", i)); i++) add_type(&c, text);
    for (const struct entity_type *t = types; t->plural; t++) {
        bool named = args_has(a, t->shortcut), by_default = t->defaults && args_has(a, t->defaults);
        if (named) k->name = args_value(a, t->shortcut);
        if (by_default) k->name = "";
        for (int i = 0; i < named + by_default; i++) add_type(&c, t->plural);
        c.by_flag |= named || by_default;
        c.name |= named && *k->name;
        c.default_too |= by_default;
    }
    if (args_has(a, "entity-name")) k->name = args_value_at(a, "entity-name", 0);
    if (args_has(a, "entity-default")) k->name = "";
    c.name |= args_has(a, "entity-name");
    c.default_too |= args_has(a, "entity-default");
    return c;
}

static void check_types(struct command *k, const struct chosen *c)
{
    struct arena *arena = &k->client->arena;
    const struct args *a = k->args;
    for (int32_t i = 0; i < c->count; i++)
        for (int32_t m = 0; m < i; m++)
            if (strcmp(c->types[i], c->types[m]) == 0)
                fail(arena_printf(arena, "Duplicate entity type(s) specified: %s", c->types[i])
                         .data);
    for (int32_t i = 0; i < c->count; i++)
        if (!type_of(c->types[i]))
            fail(
                arena_printf(arena,
                             "Invalid entity type %s, the entity type must be one of topics, "
                             "clients, users, brokers, ips, client-metrics, groups, broker-loggers "
                             "with a --bootstrap-server or --bootstrap-controller argument",
                             c->types[i])
                    .data);
    if (!c->count) fail("At least one entity type must be specified");
    k->type = type_of(c->types[0]);
    bool users = true;
    for (int32_t i = 0; i < c->count; i++)
        users &= strcmp(c->types[i], "users") == 0 || strcmp(c->types[i], "clients") == 0;
    if (c->count > 1 && !users)
        fail("Only 'users' and 'clients' entity types may be specified together");
    if (c->by_flag &&
        (args_has(a, "entity-name") || args_has(a, "entity-type") || args_has(a, "entity-default")))
        fail("--entity-{type,name,default} should not be used in conjunction with specific entity "
             "flags");
    if (args_has(a, "bootstrap-server") && args_has(a, "bootstrap-controller"))
        fail("Only one of --bootstrap-server or --bootstrap-controller can be specified");
}

static void check_names(struct command *k, const struct chosen *c)
{
    struct arena *arena = &k->client->arena;
    const struct args *a = k->args;
    bool has_default = k->type->defaults != NULL, alter = args_has(a, "alter");
    int8_t resource = k->type->resource_type;
    char *end;
    if (c->name && (resource == 4 || resource == 8) && (strtol(k->name, &end, 10), *end))
        fail(arena_printf(arena,
                          "The entity name for %s must be a valid integer broker id, but it is: %s",
                          k->type->plural, k->name)
                 .data);
    if (!alter && !has_default && args_has(a, "entity-default"))
        fail(arena_printf(arena, "--entity-default must not be specified with --describe of %s",
                          k->type->plural)
                 .data);
    if (!alter && resource == 8 && !c->name)
        fail("An entity name must be specified with --describe of broker-loggers");
    if (alter && has_default && !c->name && !c->default_too)
        fail("An entity-name or default entity must be specified with --alter of users, clients, "
             "brokers or ips");
    if (alter && !has_default && !c->name)
        fail(arena_printf(arena, "An entity name must be specified with --alter of %s",
                          k->type->plural)
                 .data);
    bool add = args_has(a, "add-config"), file = args_has(a, "add-config-file");
    if (alter && add && file)
        fail("Only one of --add-config or --add-config-file must be specified");
    if (alter && !add && !file && !args_has(a, "delete-config"))
        fail(
            "At least one of --add-config, --add-config-file, or --delete-config must be specified "
            "with --alter");
}

static void choose_entity(struct command *k)
{
    struct chosen c = choose(k);
    check_types(k, &c);
    check_names(k, &c);
    if (k->type->resource_type) return;
    k->entities = quota_entities_of(k->args);
    quota_entities_check(&k->entities, &k->client->arena);
}

/* A broker's own resources must be asked of that broker; among controllers, all of the active
 * one. */
static struct client_node *node_for(struct command *k, struct str name)
{
    struct client *c = k->client;
    if (c->controllers) return client_controller(c);
    bool broker = k->type->resource_type == 4 || k->type->resource_type == 8;
    if (!broker || name.len == 0) return client_any(c);
    struct client_node *n = client_node(c, atoi(arena_str(&c->arena, name).data));
    if (!n) {
        client_fail(c, "org.apache.kafka.common.errors.TimeoutException",
                    "Timed out waiting for a node assignment. Call: describeConfigs");
        fail_client(k);
    }
    return n;
}

/* ---- describe */

static int by_name(const void *a, const void *b)
{
    return str_compare(((const config_entry *)a)->name, ((const config_entry *)b)->name);
}

static const char *source_name(int8_t source)
{
    static const char *const names[] = {"UNKNOWN",
                                        "DYNAMIC_TOPIC_CONFIG",
                                        "DYNAMIC_BROKER_CONFIG",
                                        "DYNAMIC_DEFAULT_BROKER_CONFIG",
                                        "STATIC_BROKER_CONFIG",
                                        "DEFAULT_CONFIG",
                                        "DYNAMIC_BROKER_LOGGER_CONFIG",
                                        "DYNAMIC_CLIENT_METRICS_CONFIG",
                                        "DYNAMIC_GROUP_CONFIG"};
    return source >= 0 && source < 9 ? names[source] : "UNKNOWN";
}

static const struct describe_configs_response_describe_configs_result *configs_of(struct command *k,
                                                                                  struct str name)
{
    struct describe_configs_request request;
    describe_configs_request_init(&request);
    request.include_synonyms = true;
    request.resources =
        describe_configs_request_describe_configs_resource_new(&k->client->arena, 1);
    request.resources_count = 1;
    request.resources[0].resource_type = k->type->resource_type;
    request.resources[0].resource_name = name;
    request.resources[0].configuration_keys_count = -1;
    const struct describe_configs_response *r =
        client_call(k->client, node_for(k, name), API_DESCRIBE_CONFIGS, -1, &request, NULL);
    if (!r || !r->results_count) fail_client(k);
    struct describe_configs_response_describe_configs_result *result = &r->results[0];
    if (result->error_code != KAFKA_NONE) {
        client_fail_code(k->client, result->error_code, result->error_message);
        fail_client(k);
    }
    return result;
}

static void describe_one(struct command *k, struct str name)
{
    bool all = args_has(k->args, "all");
    int8_t wanted = name.len == 0 ? SOURCE_DYNAMIC_DEFAULT_BROKER : k->type->dynamic_source;
    if (name.len == 0)
        printf("Default configs for %s in the cluster are:\n", k->type->plural);
    else
        printf("%s configs for %s %.*s are:\n", all ? "All" : "Dynamic", k->type->singular,
               STR_ARG(name));
    const struct describe_configs_response_describe_configs_result *result = configs_of(k, name);
    qsort(result->configs, (size_t)result->configs_count, sizeof *result->configs, by_name);
    for (int32_t i = 0; i < result->configs_count; i++) {
        const config_entry *e = &result->configs[i];
        if (!all && e->config_source != wanted) continue;
        printf("  %.*s=%.*s sensitive=%s synonyms={", STR_ARG(e->name), STR_ARG(e->value),
               e->is_sensitive ? "true" : "false");
        for (int32_t s = 0; s < e->synonyms_count; s++)
            printf("%s%s:%.*s=%.*s", s ? ", " : "", source_name(e->synonyms[s].source),
                   STR_ARG(e->synonyms[s].name), STR_ARG(e->synonyms[s].value));
        printf("}\n");
    }
}

struct entities {
    struct str *items;
    int32_t count, capacity;
};

static void add_entity(struct command *k, struct entities *e, struct str name)
{
    for (int32_t i = 0; i < e->count; i++)
        if (str_equal(e->items[i], name)) return;
    if (e->count == e->capacity) {
        e->capacity = e->capacity ? e->capacity * 2 : 32;
        struct str *grown = ARENA_ARRAY(&k->client->arena, struct str, e->capacity);
        if (e->count) memcpy(grown, e->items, (size_t)e->count * sizeof *grown);
        e->items = grown;
    }
    e->items[e->count++] = name;
}

static void add_topics(struct command *k, struct entities *e)
{
    const struct metadata_response *m = client_topics(k->client, NULL, 0);
    if (!m) fail_client(k);
    for (int32_t i = 0; i < m->topics_count; i++) add_entity(k, e, m->topics[i].name);
}

/* Names that hold configurations. False where the server cannot list them, which is a failure but
 * for groups: of those their names are known anyway. */
static bool add_resources(struct command *k, struct entities *e)
{
    struct client *c = k->client;
    bool groups = k->type->resource_type == 32;
    if (groups && !client_serves(c, client_any(c), API_LIST_CONFIG_RESOURCES, 1)) return false;
    struct list_config_resources_request request;
    list_config_resources_request_init(&request);
    request.resource_types = (int8_t *)&k->type->resource_type;
    request.resource_types_count = 1;
    const struct list_config_resources_response *r =
        client_call(c, client_any(c), API_LIST_CONFIG_RESOURCES, -1, &request, NULL);
    if (!r) fail_client(k);
    for (int32_t i = 0; i < r->config_resources_count; i++)
        add_entity(k, e, r->config_resources[i].resource_name);
    return true;
}

static void add_groups(struct command *k, struct entities *e)
{
    struct list_groups_request request;
    list_groups_request_init(&request);
    for (int32_t n = 0; n < k->client->nodes_count; n++) {
        const struct list_groups_response *r =
            client_call(k->client, k->client->nodes[n], API_LIST_GROUPS, -1, &request, NULL);
        for (int32_t i = 0; r && i < r->groups_count; i++) add_entity(k, e, r->groups[i].group_id);
    }
}

static void describe(struct command *k)
{
    struct entities e = {0};
    bool all_known = true;
    if (!k->type->resource_type) {
        quota_entities_describe(k->client, k->args, &k->entities);
        return;
    }
    if (k->name && k->type->resource_type == 2) {
        struct str fault = view_topic_name_fault(str_of(k->name), &k->client->arena);
        if (!str_is_null(fault)) fail(arena_str(&k->client->arena, fault).data);
    }
    if (k->name && args_has(k->args, "all")) { /* whether it is there is not asked then */
        describe_one(k, str_of(k->name));
        return;
    }
    switch (k->type->resource_type) {
    case 2: add_topics(k, &e); break;
    case 4:
    case 8:
        for (int32_t i = 0; i < k->client->nodes_count; i++)
            add_entity(k, &e, arena_printf(&k->client->arena, "%d", k->client->nodes[i]->id));
        add_entity(k, &e, STR(""));
        break;
    case 32:
        add_groups(k, &e);
        all_known = add_resources(k, &e);
        break;
    default: add_resources(k, &e);
    }
    if (!k->name) {
        for (int32_t i = 0; i < e.count; i++) describe_one(k, e.items[i]);
        return;
    }
    bool exists = !all_known;
    for (int32_t i = 0; i < e.count; i++) exists |= str_equal_z(e.items[i], k->name);
    if (exists)
        describe_one(k, str_of(k->name));
    else
        printf("The %s '%s' doesn't exist and doesn't have dynamic config.\n", k->type->singular,
               k->name);
}

/* ---- alter */

enum { OPERATION_SET = 0, OPERATION_DELETE = 1, CHANGES_MAX = 1000 };

static void add_change(struct command *k,
                       struct incremental_alter_configs_request_alter_configs_resource *r,
                       struct str name, struct str value, int8_t operation)
{
    while (name.len && isspace((unsigned char)*name.data)) name.data++, name.len--;
    while (name.len && isspace((unsigned char)name.data[name.len - 1])) name.len--;
    for (int32_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.data[i]) && !strchr("$._-", name.data[i]))
            fail(arena_printf(&k->client->arena, "Invalid character found for config key: %.*s",
                              STR_ARG(name))
                     .data);
    for (int32_t i = 0; i < r->configs_count; i++)
        if (operation == OPERATION_SET && r->configs[i].config_operation == OPERATION_SET &&
            str_equal(r->configs[i].name, name)) {
            r->configs[i].value = value; /* said twice, the last one holds */
            return;
        }
    if (r->configs_count == CHANGES_MAX) fail("Too many configurations at once");
    r->configs[r->configs_count++] =
        (struct incremental_alter_configs_request_alterable_config){name, operation, value};
}

/* The end of an item: a comma that no closing bracket follows before the next opening one. */
static const char *item_end(const char *at)
{
    for (; *at; at++)
        if (*at == ',' && at[strcspn(at, "[]")] != ']') break;
    return at;
}

/* k1=v1,k2=[v1,v2]: commas inside brackets do not separate; the brackets go. */
static void add_from_text(struct command *k, const char *text,
                          struct incremental_alter_configs_request_alter_configs_resource *r)
{
    const char *at = text;
    do { /* an empty text is one item without a key */
        const char *end = item_end(at);
        const char *equals = memchr(at, '=', (size_t)(end - at));
        if (!equals)
            fail("requirement failed: Invalid entity config: all configs to be added must be in "
                 "the format \"key=val\" "
                 "or  "
                 "\"key=[val1,val2]\" to group values which contain commas.");
        char *value = arena_alloc(&k->client->arena, (size_t)(end - equals) + 1);
        int32_t len = 0;
        for (const char *v = equals + 1; v < end; v++)
            if (*v != '[' && *v != ']' && (len || !isspace((unsigned char)*v))) value[len++] = *v;
        while (len && isspace((unsigned char)value[len - 1])) len--;
        add_change(k, r, (struct str){at, (int32_t)(equals - at)}, (struct str){value, len},
                   OPERATION_SET);
        at = end + (*end == ',');
    } while (*at);
}

static void add_from_file(struct command *k, const char *path,
                          struct incremental_alter_configs_request_alter_configs_resource *r)
{
    long size;
    int32_t line;
    struct properties p;
    char *text = tool_read_file(path, &size);
    if (!text) fail_executing(k, "java.nio.file.NoSuchFileException", path);
    if (properties_parse((struct str){text, (int32_t)size}, &k->client->arena, &p, &line))
        fail(
            arena_printf(&k->client->arena, "%s:%d: Malformed \\uxxxx encoding.", path, line).data);
    for (int32_t i = 0; i < p.count; i++)
        add_change(k, r, p.items[i].key, p.items[i].value, OPERATION_SET);
}

/* A broker's loggers are known by what it describes. */
static void check_loggers(struct command *k,
                          const struct incremental_alter_configs_request_alter_configs_resource *r)
{
    const struct describe_configs_response_describe_configs_result *known =
        configs_of(k, r->resource_name);
    struct str strange = STR("");
    for (int32_t i = 0; i < r->configs_count; i++) {
        bool found = false;
        for (int32_t n = 0; n < known->configs_count && !found; n++)
            found = str_equal(known->configs[n].name, r->configs[i].name);
        if (!found)
            strange = arena_printf(&k->client->arena, "%.*s%s%.*s", STR_ARG(strange),
                                   strange.len > 0 ? "," : "", STR_ARG(r->configs[i].name));
    }
    if (strange.len > 0)
        fail(arena_printf(&k->client->arena, "Invalid broker logger(s): %s", strange.data).data);
}

static void print_completed(const struct command *k)
{
    if (*k->name)
        printf("Completed updating config for %s %s.\n", k->type->singular, k->name);
    else
        printf("Completed updating default config for %s in the cluster.\n", k->type->plural);
}

/* The changes that were read as a resource's. */
static void alter_quotas(struct command *k,
                         const struct incremental_alter_configs_request_alter_configs_resource *r)
{
    struct quota_change *changes =
        ARENA_ARRAY(&k->client->arena, struct quota_change, r->configs_count + 1);
    for (int32_t i = 0; i < r->configs_count; i++)
        changes[i] = (struct quota_change){r->configs[i].name, r->configs[i].value,
                                           r->configs[i].config_operation == OPERATION_DELETE};
    quota_entities_alter(k->client, k->args, &k->entities, changes, r->configs_count);
    k->type = type_of(k->entities.types[0]);
    k->name = k->entities.names[0];
    print_completed(k);
}

static void alter(struct command *k)
{
    struct client *c = k->client;
    const struct args *a = k->args;
    struct incremental_alter_configs_request request;
    incremental_alter_configs_request_init(&request);
    struct incremental_alter_configs_request_alter_configs_resource *r =
        incremental_alter_configs_request_alter_configs_resource_new(&c->arena, 1);
    request.resources = r;
    request.resources_count = 1;
    r->resource_type = k->type->resource_type;
    r->resource_name = str_of(k->name);
    r->configs = incremental_alter_configs_request_alterable_config_new(&c->arena, CHANGES_MAX);
    const char *names;
    for (int32_t i = 0; (names = args_value_at(a, "delete-config", i)); i++)
        for (const char *at = names; *at;) {
            int32_t len = (int32_t)strcspn(at, ",");
            add_change(k, r, (struct str){at, len}, STR(""), OPERATION_DELETE);
            at += len + (at[len] == ',');
        }
    if (args_has(a, "add-config-file")) add_from_file(k, args_value(a, "add-config-file"), r);
    if (args_has(a, "add-config")) add_from_text(k, args_value(a, "add-config"), r);
    if (!k->type->resource_type) {
        alter_quotas(k, r);
        return;
    }
    if (k->type->resource_type == 8) check_loggers(k, r);
    const struct incremental_alter_configs_response *answer;
    for (int64_t deadline_ms = client_now_ms() + c->api_timeout_ms;;) {
        answer = client_call(c, node_for(k, r->resource_name), API_INCREMENTAL_ALTER_CONFIGS, -1,
                             &request, NULL);
        if (!answer || !answer->responses_count) fail_client(k);
        if (answer->responses[0].error_code != KAFKA_NOT_CONTROLLER) break;
        /* another leads by now */
        if (client_now_ms() >= deadline_ms || !client_refresh(c, "incrementalAlterConfigs")) break;
    }
    if (answer->responses[0].error_code != KAFKA_NONE) {
        client_fail_code(c, answer->responses[0].error_code, answer->responses[0].error_message);
        fail_client(k);
    }
    print_completed(k);
}

int tool_configs(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(&a,
                    "This tool helps to manipulate and describe entity config for a topic, client, "
                    "user, broker, ip, client-metrics or group",
                    options, argc, argv);
    if (args_has(&a, "describe") + args_has(&a, "alter") != 1)
        args_usage(&a, "Command must include exactly one action: --describe, --alter");
    args_exclude(&a, "describe", "add-config");
    args_exclude(&a, "describe", "delete-config");
    if (!args_has(&a, "bootstrap-server") && !args_has(&a, "bootstrap-controller"))
        fail("Either --bootstrap-server or --bootstrap-controller must be specified.");
    a.no_client = no_client;
    struct command k = {.client = client_open_args(&a, true), .args = &a};
    choose_entity(&k);
    if (!client_refresh(k.client, args_has(&a, "alter") ? "incrementalAlterConfigs" : "listNodes"))
        fail_client(&k);
    if (args_has(&a, "alter"))
        alter(&k);
    else
        describe(&k);
    client_close(k.client);
    return 0;
}
