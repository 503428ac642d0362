#include "broker/peer_channels.h"

#include <stdio.h>

#include "broker/replication.h"

void peer_channels_init(struct peer_channels *p, struct broker *b, const char *purpose,
                        int64_t request_timeout_ms, int64_t backoff_ms)
{
    *p = (struct peer_channels){.broker = b,
                                .purpose = purpose,
                                .request_timeout_ms = request_timeout_ms,
                                .backoff_ms = backoff_ms};
    map_init(&p->by_id);
}

struct channel *peer_channels_to(struct peer_channels *p, int32_t id)
{
    struct channel *c = map_get_u64(&p->by_id, (uint64_t)id);
    if (c) return c;
    char host[FETCHER_HOST_MAX], client_id[64];
    uint16_t port;
    if (!replication_endpoint(p->broker, id, host, &port)) return NULL;
    snprintf(client_id, sizeof client_id, "broker-%d-%s", p->broker->node_id, p->purpose);
    struct channel_config config = {.host = host,
                                    .port = port,
                                    .client_id = client_id,
                                    .request_timeout_ms = p->request_timeout_ms,
                                    .backoff_ms = p->backoff_ms};
    c = channel_create(&p->broker->env, &config);
    map_put_u64(&p->by_id, (uint64_t)id, c);
    return c;
}

void peer_channels_drop(struct peer_channels *p, int32_t id)
{
    struct channel *c = map_remove_u64(&p->by_id, (uint64_t)id);
    if (c) channel_destroy(c);
}

void peer_channels_close(struct peer_channels *p)
{
    for (uint32_t i = 0; i < p->by_id.count; i++) channel_destroy(p->by_id.entries[i].value);
    map_free(&p->by_id);
    map_init(&p->by_id);
}
