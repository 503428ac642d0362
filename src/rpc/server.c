#include "rpc/server.h"

#include "base/map.h"
#include "base/mem.h"
#include "protocol/message.h"
#include "rpc/connection.h"

struct rpc_server_config rpc_server_defaults(void)
{
    return (struct rpc_server_config){
        .backlog = 50,
        .request_bytes_max = 104857600,
        .connections_max = INT32_MAX,
        .connections_per_ip_max = INT32_MAX,
        .connection_idle_ms_max = 600000,
        .requests_in_flight_max = 100,
        .unsent_bytes_max = 8 << 20,
        .queued_bytes_max = -1,
    };
}

/* Count one more connection of this address; false when it has too many. */
static bool claim_address(struct rpc_server *s, const struct net_address *peer)
{
    struct str host = str_of(peer->host);
    int32_t *count = map_get_str(s->per_ip, host);
    if (!count) {
        count = MEM_NEW(int32_t);
        map_put_str(s->per_ip, host, count);
    }
    if (*count >= s->config.connections_per_ip_max) {
        if (*count == 0) mem_free(map_remove_str(s->per_ip, host));
        return false;
    }
    ++*count;
    return true;
}

static void server_accepted(struct net_listener *l, struct net_conn *net)
{
    struct rpc_server *s = l->owner;
    struct net_address peer;
    net_peer(net, &peer);
    const char *limit = NULL;
    if (s->config.limit) s->config.limit(s->config.limit_owner, peer.host, &s->config);
    if (!s->serving)
        limit = "the node is starting";
    else if (s->connections_count >= s->config.connections_max)
        limit = "max.connections is reached";
    else if (!claim_address(s, &peer))
        limit = "max.connections.per.ip is reached";
    if (limit) {
        trace_warn(s->env.trace, "kafka.network.SocketServer",
                   "[SocketServer listener=%s] Refusing a connection from %s: %s",
                   s->config.listener_name, peer.host, limit);
        net_close(net);
        return;
    }
    connection_open(s, net);
}

static void server_close_idle(struct timer *t)
{
    struct rpc_server *s = CONTAINER_OF(t, struct rpc_server, idle_timer);
    struct mono_time now = clock_mono(s->env.clock);
    LIST_EACH(&s->connections, node) {
        struct connection *c = CONTAINER_OF(node, struct connection, node);
        if (mono_elapsed_ms(now, c->active) < s->config.connection_idle_ms_max) break;
        if (list_empty(&c->queue)) connection_close(c, "it was idle for connections.max.idle.ms");
    }
    int64_t period_ms = s->config.connection_idle_ms_max / 8;
    timer_arm_in_ms(s->env.clock, t, period_ms > 1000 ? period_ms : 1000);
}

static void buffers_have_room(struct rpc_buffer_pool *pool)
{
    struct rpc_server *s = CONTAINER_OF(pool, struct rpc_server, buffers);
    if (!list_empty(&s->starved)) task_post(s->env.clock, &s->feed);
}

enum err rpc_server_create(const struct env *env, const struct rpc_server_config *config,
                           const struct dispatch *dispatch, struct rpc_server **out)
{
    struct rpc_server *s = MEM_NEW(struct rpc_server);
    s->env = *env;
    s->config = *config;
    s->dispatch = dispatch;
    list_init(&s->connections);
    list_init(&s->requests_free);
    rpc_buffer_pool_init(&s->buffers);
    if (config->queued_bytes_max > 0) s->buffers.held_bytes_max = (size_t)config->queued_bytes_max;
    s->buffers.room = buffers_have_room;
    list_init(&s->starved);
    task_init(&s->feed, connections_feed);
    s->per_ip = MEM_NEW(struct map);
    timer_init(&s->idle_timer, server_close_idle);
    enum err e = net_listen(env->net, config->host, config->port, config->backlog, &s->listener);
    if (e) {
        mem_free(s->per_ip);
        mem_free(s);
        return e;
    }
    s->listener->owner = s;
    s->listener->accepted = server_accepted;
    *out = s;
    return ERR_OK;
}

void rpc_server_serve(struct rpc_server *s)
{
    s->serving = true;
    if (s->config.connection_idle_ms_max >= 0)
        timer_arm_in_ms(s->env.clock, &s->idle_timer, s->config.connection_idle_ms_max);
}

void rpc_server_drain(struct rpc_server *s)
{
    if (s->draining) return;
    s->draining = true;
    net_listener_close(s->listener);
    s->listener = NULL;
}

void rpc_server_end_idle(struct rpc_server *s)
{
    LIST_EACH(&s->connections, node) {
        struct connection *c = CONTAINER_OF(node, struct connection, node);
        if (list_empty(&c->queue)) connection_close(c, NULL);
    }
}

void rpc_server_end_marked(struct rpc_server *s)
{
    LIST_EACH(&s->connections, node) {
        struct connection *c = CONTAINER_OF(node, struct connection, node);
        if (!c->marked) continue;
        c->leaving = true;
        if (connection_is_quiet(c)) connection_close(c, NULL);
    }
}

uint16_t rpc_server_port(const struct rpc_server *s)
{
    PRE(s->listener);
    return net_listener_port(s->listener);
}

int32_t rpc_server_connections_count(const struct rpc_server *s)
{
    return s->connections_count;
}

void rpc_server_destroy(struct rpc_server *s)
{
    timer_cancel(s->env.clock, &s->idle_timer);
    if (s->listener) net_listener_close(s->listener);
    while (!list_empty(&s->connections))
        connection_close(CONTAINER_OF(s->connections.next, struct connection, node), NULL);
    task_cancel(&s->feed);
    while (!list_empty(&s->requests_free)) {
        struct request *rq = CONTAINER_OF(s->requests_free.next, struct request, pool_node);
        list_remove(&rq->pool_node);
        request_recycle(NULL, rq);
    }
    rpc_buffer_pool_free(&s->buffers);
    map_free(s->per_ip);
    mem_free(s->per_ip);
    mem_free(s);
}

static struct request *request_local(const struct env *env, int16_t api_key, int16_t api_version,
                                     struct str client_id,
                                     void (*deliver)(struct request *rq, const void *response),
                                     void *context)
{
    struct request *rq = MEM_NEW(struct request);
    list_init(&rq->node);
    list_init(&rq->pool_node);
    arena_init(&rq->arena, 0);
    out_init(&rq->reply);
    rq->api_key = api_key;
    rq->api_version = api_version;
    rq->client_id = client_id;
    rq->arrived = clock_mono(env->clock);
    rq->deliver = deliver;
    rq->context = context;
    return rq;
}

void rpc_call_local(const struct env *env, const struct dispatch *d, int16_t api_key,
                    int16_t api_version, const void *body, struct str client_id,
                    void (*deliver)(struct request *rq, const void *response), void *context)
{
    struct request *rq = request_local(env, api_key, api_version, client_id, deliver, context);
    const struct message *m = message_request(api_key);
    PRE(m != NULL);
    struct out encoded;
    out_init(&encoded);
    m->encode(body, api_version, &encoded);
    uint8_t *copy = arena_alloc(&rq->arena, (size_t)encoded.len);
    out_flatten(&encoded, copy);
    struct bytes bytes = bytes_of(copy, (size_t)encoded.len);
    out_free(&encoded);
    const char *why;
    if (!dispatch_request(d, rq, bytes, &why)) request_close(rq);
}

enum err rpc_call_passed_on(const struct env *env, const struct dispatch *d, int16_t api_key,
                            int16_t api_version, struct bytes body, struct str client_id,
                            void (*deliver)(struct request *rq, const void *response),
                            void *context)
{
    const struct api_handler *h = api_key >= 0 && api_key < d->count ? &d->table[api_key] : NULL;
    if (!h || !h->handle || api_version < h->min || api_version > h->max) return ERR_UNSUPPORTED;
    struct request *rq = request_local(env, api_key, api_version, STR_NULL, deliver, context);
    rq->client_id = str_is_null(client_id) ? STR_NULL : arena_str(&rq->arena, client_id);
    const char *why;
    if (dispatch_request(d, rq, arena_bytes(&rq->arena, body), &why)) return ERR_OK;
    rq->deliver = NULL;
    request_close(rq);
    return ERR_INVALID;
}
