#include "cli/quota_entities.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/pace.h"
#include "cli/scram.h"
#include "env/os/os.h"
#include "protocol/alter_client_quotas.h"
#include "protocol/alter_user_scram_credentials.h"
#include "protocol/describe_client_quotas.h"
#include "protocol/describe_user_scram_credentials.h"

enum { MATCH_EXACT = 0, MATCH_DEFAULT = 1, MATCH_ANY = 2, ITERATIONS_MIN = 4096 };

static const struct {
    const char *plural, *entity_type, *words, *flag, *defaults_flag;
} kinds[] = {
    {"clients", "client-id", "client-id", "client", "client-defaults"},
    {"users", "user", "user-principal", "user", "user-defaults"},
    {"ips", "ip", "ip", "ip", "ip-defaults"},
};
enum { KINDS = 3, CLIENTS = 0, USERS = 1, IPS = 2 };

static int kind_of(const char *plural)
{
    int i = 0;
    while (i < KINDS && strcmp(kinds[i].plural, plural) != 0) i++;
    return i;
}

static bool has_type(const struct quota_entities *e, int kind)
{
    for (int32_t i = 0; i < e->types_count; i++)
        if (kind_of(e->types[i]) == kind) return true;
    return false;
}

static _Noreturn void fail_client(const struct client *c, const struct args *a)
{
    a->no_client(a,
                 arena_printf((struct arena *)&c->arena,
                              "java.util.concurrent.ExecutionException: %s", client_failure_line(c))
                     .data);
    abort();
}

/* ---- which */

static void add(const char **to, int32_t *count, const char *text)
{
    if (*count == QUOTA_ENTITIES_MAX) args_fail("Too many entities");
    to[(*count)++] = text;
}

struct quota_entities quota_entities_of(const struct args *a)
{
    struct quota_entities e = {0};
    const char *text;
    for (int32_t i = 0; (text = args_value_at(a, "entity-type", i)); i++)
        add(e.types, &e.types_count, text);
    for (int32_t v = 0; v < a->values_count; v++) {
        const char *name = a->options[a->values[v].option].name;
        if (strcmp(name, "entity-name") == 0) add(e.names, &e.names_count, a->values[v].value);
        if (strcmp(name, "entity-default") == 0) add(e.names, &e.names_count, "");
    }
    for (int i = 0; i < KINDS; i++)
        if (args_has(a, kinds[i].flag)) {
            add(e.types, &e.types_count, kinds[i].plural);
            add(e.names, &e.names_count, args_value(a, kinds[i].flag));
        }
    for (int i = 0; i < KINDS; i++)
        if (args_has(a, kinds[i].defaults_flag)) {
            add(e.types, &e.types_count, kinds[i].plural);
            add(e.names, &e.names_count, "");
        }
    return e;
}

void quota_entities_check(const struct quota_entities *e, struct arena *arena)
{
    for (int32_t i = 0; i < e->names_count && has_type(e, IPS); i++) {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
        if (!*e->names[i]) continue;
        if (getaddrinfo(e->names[i], NULL, &hints, &list))
            args_fail(arena_printf(arena,
                                   "The entity name for ips must be a valid IP or resolvable host, "
                                   "but it is: %s",
                                   e->names[i])
                          .data);
        freeaddrinfo(list);
    }
}

/* ---- describe */

static const struct describe_client_quotas_response *
quotas_of(struct client *c, const struct args *a, const struct quota_entities *e)
{
    struct describe_client_quotas_request request;
    describe_client_quotas_request_init(&request);
    request.strict = true;
    request.components_count = e->types_count;
    request.components =
        describe_client_quotas_request_component_data_new(&c->arena, e->types_count);
    for (int32_t i = 0; i < e->types_count; i++) {
        const char *name = i < e->names_count ? e->names[i] : NULL;
        request.components[i].entity_type = str_of(kinds[kind_of(e->types[i])].entity_type);
        request.components[i].match_type = !name ? MATCH_ANY : *name ? MATCH_EXACT : MATCH_DEFAULT;
        request.components[i].match = name && *name ? str_of(name) : STR_NULL;
    }
    const struct describe_client_quotas_response *r =
        client_call(c, client_any(c), API_DESCRIBE_CLIENT_QUOTAS, -1, &request, NULL);
    if (r && r->error_code != KAFKA_NONE) {
        client_fail_code(c, r->error_code, r->error_message);
        r = NULL;
    }
    if (!r) fail_client(c, a);
    return r;
}

static void describe_quotas(struct client *c, const struct args *a, const struct quota_entities *e)
{
    static const int order[KINDS] = {USERS, CLIENTS, IPS};
    const struct describe_client_quotas_response *r = quotas_of(c, a, e);
    for (int32_t i = 0; i < r->entries_count; i++) {
        const char *between = "Quota configs for ";
        for (int k = 0; k < KINDS; k++)
            for (int32_t n = 0; n < r->entries[i].entity_count; n++) {
                struct str type = r->entries[i].entity[n].entity_type;
                struct str name = r->entries[i].entity[n].entity_name;
                const char *words = kinds[order[k]].words;
                if (!str_equal_z(type, kinds[order[k]].entity_type)) continue;
                if (str_is_null(name))
                    printf("%sthe default %s", between, words);
                else
                    printf("%s%s '%.*s'", between, words, STR_ARG(name));
                between = ", ";
            }
        char text[64];
        for (int32_t v = 0; v < r->entries[i].values_count; v++)
            printf("%s%.*s=%s", v ? ", " : " are ", STR_ARG(r->entries[i].values[v].key),
                   pace_double_text(r->entries[i].values[v].value, text));
        printf("\n");
    }
}

static const char *mechanism_name(int8_t mechanism)
{
    return mechanism == 1 ? "SCRAM-SHA-256" : mechanism == 2 ? "SCRAM-SHA-512" : "UNKNOWN";
}

static void describe_credentials(struct client *c, const struct args *a,
                                 const struct quota_entities *e)
{
    struct describe_user_scram_credentials_request request;
    describe_user_scram_credentials_request_init(&request);
    request.users_count = e->names_count;
    request.users =
        describe_user_scram_credentials_request_user_name_new(&c->arena, e->names_count + 1);
    for (int32_t i = 0; i < e->names_count; i++) request.users[i].name = str_of(e->names[i]);
    const struct describe_user_scram_credentials_response *r = client_call(
        c, client_controller(c), API_DESCRIBE_USER_SCRAM_CREDENTIALS, -1, &request, NULL);
    if (r && r->error_code != KAFKA_NONE) {
        client_fail_code(c, r->error_code, r->error_message);
        r = NULL;
    }
    if (!r) fail_client(c, a);
    for (int32_t i = 0; i < r->results_count; i++) {
        const struct describe_user_scram_credentials_response_describe_user_scram_credentials_result
            *u = &r->results[i];
        if (u->error_code == KAFKA_RESOURCE_NOT_FOUND) continue;
        if (u->error_code != KAFKA_NONE) {
            printf("Error retrieving SCRAM credential configs for user-principal '%.*s': "
                   "ExecutionException: org.apache.kafka.common.errors.%s: %.*s\n",
                   STR_ARG(u->user), kafka_error_exception(u->error_code),
                   STR_ARG(u->error_message));
            continue;
        }
        printf("SCRAM credential configs for user-principal '%.*s' are ", STR_ARG(u->user));
        for (int32_t k = 0; k < u->credential_infos_count; k++)
            printf("%s%s=iterations=%d", k ? ", " : "",
                   mechanism_name(u->credential_infos[k].mechanism),
                   u->credential_infos[k].iterations);
        printf("\n");
    }
}

void quota_entities_describe(struct client *c, const struct args *a, const struct quota_entities *e)
{
    bool some_default = false;
    if (e->names_count > e->types_count) args_fail("More entity names specified than entity types");
    for (int32_t i = 0; i < e->names_count; i++) some_default |= !*e->names[i];
    describe_quotas(c, a, e);
    if (has_type(e, USERS) && !has_type(e, CLIENTS) && !some_default) describe_credentials(c, a, e);
}

/* ---- what may be altered */

static int8_t mechanism_of(struct str key)
{
    return str_equal_z(key, "SCRAM-SHA-256") ? 1 : str_equal_z(key, "SCRAM-SHA-512") ? 2 : 0;
}

static bool is_quota(struct str key, bool of_ip)
{
    static const char *const keys[] = {"producer_byte_rate", "consumer_byte_rate",
                                       "request_percentage", "controller_mutation_rate"};
    if (of_ip) return str_equal_z(key, "connection_creation_rate");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_equal_z(key, keys[i])) return true;
    return false;
}

/* "a, b" of the changes that are of no kind that may be; of quotas alone when `credentials` is
 * false. */
static struct str unexpected(struct arena *arena, const struct quota_change *changes, int32_t count,
                             bool remove, bool credentials)
{
    struct str list = STR("");
    for (int32_t i = 0; i < count; i++) {
        bool known =
            is_quota(changes[i].key, false) || (credentials && mechanism_of(changes[i].key));
        if (changes[i].remove != remove || known) continue;
        list = arena_printf(arena, "%.*s%s%.*s", STR_ARG(list), list.len ? ", " : "",
                            STR_ARG(changes[i].key));
    }
    return list;
}

static void check_keys(struct client *c, const struct quota_entities *e,
                       const struct quota_change *changes, int32_t count)
{
    bool clients = has_type(e, CLIENTS), quotas = false, credentials = false;
    struct arena *arena = &c->arena;
    for (int remove = 0; remove < 2; remove++) {
        struct str list = unexpected(arena, changes, count, remove, !clients);
        if (!list.len) continue;
        args_fail(arena_printf(arena,
                               "Only quota%s configs can be %s for '%s' using --bootstrap-server. "
                               "Unexpected config names: %s(%.*s)",
                               clients ? "" : " and SCRAM credential", remove ? "deleted" : "added",
                               clients ? "clients" : "users", remove ? "ArrayBuffer" : "Set",
                               STR_ARG(list))
                      .data);
    }
    for (int32_t i = 0; i < count; i++) {
        credentials |= mechanism_of(changes[i].key) != 0;
        quotas |= mechanism_of(changes[i].key) == 0;
    }
    for (int32_t i = 0; i < e->names_count && credentials; i++)
        if (!*e->names[i])
            args_fail("The use of --entity-default or --user-defaults is not allowed with User "
                      "SCRAM Credentials using --bootstrap-server.");
    if (credentials && quotas)
        args_fail("Cannot alter both quota and SCRAM credential configs simultaneously for 'users' "
                  "using --bootstrap-server.");
}

static void check_ip_keys(struct client *c, const struct quota_change *changes, int32_t count)
{
    struct str list = STR("");
    for (int32_t i = 0; i < count; i++)
        if (!is_quota(changes[i].key, true))
            list = arena_printf(&c->arena, "%.*s%s%.*s", STR_ARG(list), list.len ? "," : "",
                                STR_ARG(changes[i].key));
    if (list.len)
        args_fail(arena_printf(&c->arena,
                               "Only connection quota configs can be added for 'ips' using "
                               "--bootstrap-server. Unexpected config names: %.*s",
                               STR_ARG(list))
                      .data);
}

/* ---- quotas altered */

static void check_removed(struct client *c, const struct args *a, const struct quota_entities *e,
                          const struct quota_change *changes, int32_t count)
{
    struct str list = STR("");
    const struct describe_client_quotas_response *r = quotas_of(c, a, e);
    for (int32_t i = 0; i < count; i++) {
        bool found = !changes[i].remove;
        for (int32_t v = 0; r->entries_count > 0 && v < r->entries[0].values_count; v++)
            found |= str_equal(r->entries[0].values[v].key, changes[i].key);
        if (!found)
            list = arena_printf(&c->arena, "%.*s%s%.*s", STR_ARG(list), list.len ? "," : "",
                                STR_ARG(changes[i].key));
    }
    if (list.len) args_fail(arena_printf(&c->arena, "Invalid config(s): %.*s", STR_ARG(list)).data);
}

static double number_of(struct client *c, const struct quota_change *change)
{
    const char *text = arena_str(&c->arena, change->value).data;
    char *end;
    double value = strtod(text, &end);
    if (*text && !*end) return value;
    args_fail(arena_printf(&c->arena, "Cannot parse quota configuration value for %.*s: %s",
                           STR_ARG(change->key), text)
                  .data);
}

static void alter_quotas(struct client *c, const struct args *a, const struct quota_entities *e,
                         const struct quota_change *changes, int32_t count)
{
    check_removed(c, a, e, changes, count);
    struct alter_client_quotas_request request;
    alter_client_quotas_request_init(&request);
    struct alter_client_quotas_request_entry_data *entry =
        alter_client_quotas_request_entry_data_new(&c->arena, 1);
    request.entries = entry;
    request.entries_count = 1;
    entry->entity = alter_client_quotas_request_entity_data_new(&c->arena, e->types_count);
    entry->entity_count = e->types_count;
    for (int32_t i = 0; i < e->types_count; i++) {
        entry->entity[i].entity_type = str_of(kinds[kind_of(e->types[i])].entity_type);
        entry->entity[i].entity_name = *e->names[i] ? str_of(e->names[i]) : STR_NULL;
    }
    entry->ops = alter_client_quotas_request_op_data_new(&c->arena, count);
    entry->ops_count = count;
    for (int32_t i = 0; i < count; i++) {
        entry->ops[i].key = changes[i].key;
        entry->ops[i].remove = changes[i].remove;
        entry->ops[i].value = changes[i].remove ? 0 : number_of(c, &changes[i]);
    }
    const struct alter_client_quotas_response *r =
        client_call(c, client_controller(c), API_ALTER_CLIENT_QUOTAS, -1, &request, NULL);
    if (r && r->entries_count && r->entries[0].error_code != KAFKA_NONE) {
        client_fail_code(c, r->entries[0].error_code, r->entries[0].error_message);
        r = NULL;
    }
    if (!r) fail_client(c, a);
}

/* ---- credentials altered */

/* The password of "[iterations=N,]password=TEXT", and the iterations. */
static const char *read_credential(struct client *c, const struct quota_change *change,
                                   int32_t *iterations)
{
    const char *text = arena_str(&c->arena, change->value).data;
    bool said = strncmp(text, "iterations=", 11) == 0;
    const char *digits = said ? text + 11 : text, *at = digits;
    if (said) {
        at += *at == '-';
        at += strspn(at, "0123456789");
        said = *at == ',';
    }
    const char *password = said ? at + 1 : text;
    if (strncmp(password, "password=", 9) != 0)
        args_fail(arena_printf(&c->arena, "Invalid credential property SCRAM_SHA_%s=%s",
                               mechanism_of(change->key) == 1 ? "256" : "512", text)
                      .data);
    errno = 0;
    long number = said ? strtol(digits, NULL, 10) : -1;
    if (said && (at == digits || errno || number != (int32_t)number))
        args_fail(
            arena_printf(&c->arena, "For input string: \"%.*s\"", (int)(at - digits), digits).data);
    *iterations = number == -1 ? ITERATIONS_MIN : (int32_t)number;
    if (*iterations < ITERATIONS_MIN)
        args_fail(arena_printf(&c->arena,
                               "Iterations %d is less than the minimum %d required for %.*s",
                               *iterations, ITERATIONS_MIN, STR_ARG(change->key))
                      .data);
    return password + 9;
}

static void alter_credentials(struct client *c, const struct args *a, const char *user,
                              const struct quota_change *changes, int32_t count)
{
    struct alter_user_scram_credentials_request request;
    struct os_env os;
    alter_user_scram_credentials_request_init(&request);
    if (os_env_init(&os)) args_fail("Cannot set up the environment of this process.");
    request.deletions =
        alter_user_scram_credentials_request_scram_credential_deletion_new(&c->arena, count);
    request.upsertions =
        alter_user_scram_credentials_request_scram_credential_upsertion_new(&c->arena, count);
    for (int32_t i = 0; i < count; i++) {
        int8_t mechanism = mechanism_of(changes[i].key);
        if (changes[i].remove) {
            int32_t n = request.deletions_count++;
            request.deletions[n].name = str_of(user);
            request.deletions[n].mechanism = mechanism;
            continue;
        }
        struct alter_user_scram_credentials_request_scram_credential_upsertion *u =
            &request.upsertions[request.upsertions_count++];
        const char *password = read_credential(c, &changes[i], &u->iterations);
        if (!*password) {
            client_fail(c, "org.apache.kafka.common.errors.UnacceptableCredentialException",
                        "Password must not be empty");
            fail_client(c, a);
        }
        u->name = str_of(user);
        u->mechanism = mechanism;
        scram_salt_password(mechanism, password, u->iterations, os.env.rng, &c->arena, &u->salt,
                            &u->salted_password);
    }
    const struct alter_user_scram_credentials_response *r =
        client_call(c, client_controller(c), API_ALTER_USER_SCRAM_CREDENTIALS, -1, &request, NULL);
    if (r && r->results_count && r->results[0].error_code != KAFKA_NONE) {
        client_fail_code(c, r->results[0].error_code, r->results[0].error_message);
        r = NULL;
    }
    if (!r) fail_client(c, a);
}

void quota_entities_alter(struct client *c, const struct args *a, const struct quota_entities *e,
                          const struct quota_change *changes, int32_t count)
{
    if (e->types_count != e->names_count)
        args_fail("An entity name must be specified for every entity type");
    if (has_type(e, IPS))
        check_ip_keys(c, changes, count);
    else
        check_keys(c, e, changes, count);
    if (count && mechanism_of(changes[0].key))
        alter_credentials(c, a, e->names[0], changes, count);
    else
        alter_quotas(c, a, e, changes, count);
}
