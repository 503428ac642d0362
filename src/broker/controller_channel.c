#include "broker/controller_channel.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "protocol/api.h"
#include "rpc/dispatch.h"

enum { BACKOFF_MS = 20 };

/* Kafka's controllers serve one request of a connection at a time, so what must not wait has a
 * connection of its own (kraft.md 5.3). */
enum purpose { HEARTBEATS, ISR, DIRECTORIES, FORWARDING, PURPOSES };

struct controller_channel {
    struct env env;
    int32_t node_id;
    struct controller_channel_timeouts timeouts;
    int32_t leader_id; /* -1: none is known */
    struct channel *local;
    struct channel *remote[PURPOSES]; /* to remote_at; NULL when there is none yet */
    struct net_address remote_at;
    struct channel *nowhere; /* while no leader is known */
};

static enum purpose purpose_of(int16_t api_key)
{
    switch (api_key) {
    case API_BROKER_REGISTRATION:
    case API_BROKER_HEARTBEAT: return HEARTBEATS;
    case API_ALTER_PARTITION: return ISR;
    case API_ASSIGN_REPLICAS_TO_DIRS: return DIRECTORIES;
    default: return FORWARDING;
    }
}

struct controller_channel *controller_channel_create(const struct env *env,
                                                     const struct dispatch *local, int32_t node_id,
                                                     struct controller_channel_timeouts timeouts)
{
    struct controller_channel *c = MEM_NEW(struct controller_channel);
    c->env = *env;
    c->node_id = node_id;
    c->timeouts = timeouts;
    c->leader_id = -1;
    char client_id[16];
    snprintf(client_id, sizeof client_id, "%d", node_id);
    c->nowhere = channel_create_nowhere(env);
    if (local) c->local = channel_create_local(env, local, client_id);
    return c;
}

void controller_channel_set_leader(struct controller_channel *c, int32_t leader_id,
                                   const char *host, uint16_t port)
{
    c->leader_id = leader_id;
    if (leader_id < 0 || leader_id == c->node_id) return;
    bool same = c->remote[0] && c->remote_at.port == port && strcmp(c->remote_at.host, host) == 0;
    if (same) return;
    struct channel *old[PURPOSES];
    memcpy(old, c->remote, sizeof old);
    char client_id[16];
    snprintf(client_id, sizeof client_id, "%d", c->node_id);
    snprintf(c->remote_at.host, sizeof c->remote_at.host, "%s", host);
    c->remote_at.port = port;
    for (int i = 0; i < PURPOSES; i++)
        c->remote[i] = channel_create(
            &c->env, &(struct channel_config){.host = host,
                                              .port = port,
                                              .client_id = client_id,
                                              .request_timeout_ms = i == HEARTBEATS
                                                                        ? c->timeouts.heartbeat_ms
                                                                        : c->timeouts.others_ms,
                                              .backoff_ms = BACKOFF_MS});
    /* their calls end with CLOSED; their owners ask the new leader */
    for (int i = 0; i < PURPOSES; i++)
        if (old[i]) channel_destroy(old[i]);
}

bool controller_channel_is_local(const struct controller_channel *c)
{
    return c->leader_id == c->node_id && c->local;
}

static struct channel *channel_now(const struct controller_channel *c, int16_t api_key)
{
    struct channel *to = c->leader_id == c->node_id ? c->local
                         : c->leader_id >= 0        ? c->remote[purpose_of(api_key)]
                                                    : NULL;
    return to ? to : c->nowhere;
}

void controller_channel_call(struct controller_channel *c, struct call *call, int16_t api_key,
                             int16_t max_version, const void *request,
                             void (*done)(struct call *, enum err, const void *))
{
    channel_call(channel_now(c, api_key), call, api_key, max_version, request, done);
}

bool controller_channel_range(const struct controller_channel *c, int16_t api_key, int16_t *min,
                              int16_t *max)
{
    return channel_peer_range(channel_now(c, API_ENVELOPE), api_key, min, max);
}

void controller_channel_destroy(struct controller_channel *c)
{
    if (c->local) channel_destroy(c->local);
    for (int i = 0; i < PURPOSES; i++)
        if (c->remote[i]) channel_destroy(c->remote[i]);
    channel_destroy(c->nowhere);
    mem_free(c);
}
