#include "server/server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "env/os/os.h"
#include "server/node.h"
#include "server/version.h"

enum { CONFIG_BYTES_MAX = 16 << 20, HOST_NAME_BYTES_MAX = 255 };

struct server {
    struct os_env os;
    struct config *config;
    struct arena arena;
    struct node_config roles;
    struct node *node;
    bool clean;
    int signals;
};

static void server_started(void *owner)
{
    (void)owner;
}

static void server_stopped(void *owner, bool clean)
{
    struct server *s = owner;
    s->clean = clean;
    os_env_stop(&s->os);
}

static void server_signalled(void *owner, int signal)
{
    struct server *s = owner;
    if (signal == SIGHUP) return;
    trace_info(s->os.env.trace, "org.apache.kafka.common.utils.LoggingSignalHandler",
               "Terminating process due to signal %s", signal == SIGINT ? "SIGINT" : "SIGTERM");
    node_shutdown(s->node);
}

/* Where a listener has no host, clients and peers are told this machine's name, as Kafka does. */
static void name_this_host(struct listeners *told, const char *host)
{
    for (int32_t i = 0; i < told->count; i++)
        if (told->items[i].host[0] == '\0') told->items[i].host = host;
}

static enum err server_name_host(struct server *s)
{
    char name[HOST_NAME_BYTES_MAX + 1] = {0};
    if (gethostname(name, HOST_NAME_BYTES_MAX) || name[0] == '\0') return ERR_UNREACHABLE;
    const char *host = arena_str(&s->arena, str_of(name)).data;
    name_this_host(&s->roles.advertised, host);
    name_this_host(&s->roles.advertised_controller, host);
    return ERR_OK;
}

static enum err server_read_config(struct server *s, int argc, char **argv,
                                   struct config_error *error)
{
    struct config_pair *overrides = ARENA_ARRAY(&s->arena, struct config_pair, argc);
    int32_t count = 0;
    for (int i = 2; i < argc; i++) {
        const char *text = NULL;
        if (strcmp(argv[i], "--override") == 0 && i + 1 < argc)
            text = argv[++i];
        else if (strncmp(argv[i], "--override=", 11) == 0)
            text = argv[i] + 11;
        const char *equals = text ? strchr(text, '=') : NULL;
        if (!equals) return config_error_set(error, "%s: expected --override key=value", argv[i]);
        overrides[count++] = (struct config_pair){.name = {text, (int32_t)(equals - text)},
                                                  .value = str_of(equals + 1)};
    }
    struct bytes text;
    enum err e = disk_read_file(s->os.env.disk, argv[1], CONFIG_BYTES_MAX, &s->arena, &text);
    if (e == ERR_TOO_LARGE)
        return config_error_set(error, "%s: larger than %d bytes", argv[1], CONFIG_BYTES_MAX);
    if (e) return config_error_set(error, "%s: %s", argv[1], err_text(e));
    struct str contents = {(const char *)text.data, (int32_t)text.len};
    e = config_read(argv[1], contents, overrides, count, &s->config, error);
    if (!e) e = node_config_read(s->config, &s->arena, &s->roles, error);
    if (!e && server_name_host(s))
        e = config_error_set(error,
                             "this machine has no name to advertise: set advertised.listeners");
    return e;
}

static void server_say_start(struct server *s)
{
    struct trace *t = s->os.env.trace;
    trace_info(t, "org.apache.kafka.common.utils.AppInfoParser", "Kafka version: %s",
               KAFKA_VERSION);
    trace_info(t, "org.apache.kafka.common.utils.AppInfoParser", "Kafka commitId: samsa-%s",
               SAMSA_VERSION);
    trace_info(t, "org.apache.kafka.common.utils.AppInfoParser", "Kafka startTimeMs: %lld",
               (long long)clock_wall(s->os.env.clock).ms);
    struct str values = config_print(s->config, &s->arena);
    trace_info(t, "kafka.server.KafkaConfig", "%.*s", STR_ARG(values));
    for (int32_t i = 0; i < s->config->notes_count; i++)
        trace_warn(t, "kafka.server.KafkaConfig", "%.*s", STR_ARG(s->config->notes[i]));
}

int server_main(int argc, char **argv)
{
    struct server s = {0};
    struct config_error error;
    arena_init(&s.arena, 64 << 10);
    if (os_env_init(&s.os)) {
        fprintf(stderr, "samsa: the event loop cannot be made: no descriptors left\n");
        return 1;
    }
    enum err e = server_read_config(&s, argc, argv, &error);
    if (!e) {
        server_say_start(&s);
        struct node_events events = {
            .owner = &s, .started = server_started, .stopped = server_stopped};
        e = node_create(&s.os.env, s.config, &s.roles, &events, &s.node, &error);
    }
    if (!e) e = os_env_on_signal(&s.os, server_signalled, &s);
    if (!e) e = node_start(s.node, &error);
    if (e)
        fprintf(stderr, "samsa: %s\n", error.text);
    else
        os_env_run(&s.os);
    if (s.node) node_destroy(s.node);
    os_env_free(&s.os);
    if (s.config) config_free(s.config);
    arena_free(&s.arena);
    return e || !s.clean;
}
