#include "broker/controller_channel.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "rpc/dispatch.h"

enum { BACKOFF_MS = 20 };

struct controller_channel {
    struct env env;
    int32_t node_id;
    int64_t request_timeout_ms;
    int32_t leader_id; /* -1: none is known */
    struct channel *local;
    struct channel *remote; /* to remote_host:remote_port; NULL when there is none yet */
    struct net_address remote_at;
    struct channel *nowhere; /* while no leader is known */
};

struct controller_channel *controller_channel_create(const struct env *env,
                                                     const struct dispatch *local, int32_t node_id,
                                                     int64_t request_timeout_ms)
{
    struct controller_channel *c = MEM_NEW(struct controller_channel);
    c->env = *env;
    c->node_id = node_id;
    c->request_timeout_ms = request_timeout_ms;
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
    bool same = c->remote && c->remote_at.port == port && strcmp(c->remote_at.host, host) == 0;
    if (same) return;
    struct channel *old = c->remote;
    char client_id[16];
    snprintf(client_id, sizeof client_id, "%d", c->node_id);
    snprintf(c->remote_at.host, sizeof c->remote_at.host, "%s", host);
    c->remote_at.port = port;
    c->remote = channel_create(&c->env, &(struct channel_config){
                                            .host = host,
                                            .port = port,
                                            .client_id = client_id,
                                            .request_timeout_ms = c->request_timeout_ms,
                                            .backoff_ms = BACKOFF_MS,
                                        });
    if (old) channel_destroy(old); /* its calls end with CLOSED; their owners ask the new leader */
}

void controller_channel_call(struct controller_channel *c, struct call *call, int16_t api_key,
                             int16_t max_version, const void *request,
                             void (*done)(struct call *, enum err, const void *))
{
    struct channel *to = c->leader_id == c->node_id ? c->local
                         : c->leader_id >= 0        ? c->remote
                                                    : c->nowhere;
    channel_call(to ? to : c->nowhere, call, api_key, max_version, request, done);
}

void controller_channel_destroy(struct controller_channel *c)
{
    if (c->local) channel_destroy(c->local);
    if (c->remote) channel_destroy(c->remote);
    channel_destroy(c->nowhere);
    mem_free(c);
}
