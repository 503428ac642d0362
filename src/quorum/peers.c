/* Channels to the other replicas, and the messages that are on their way over them.
 *
 * Per address one channel for fetches, which the other side may hold back, and one for the rest. */
#include "base/mem.h"
#include "quorum/internal.h"
#include "rpc/channel.h"

#include <stdio.h>

struct peer {
    struct list_node node;
    struct channel *channel;
    char *host;
    uint16_t port;
    bool fetches;
    int32_t calls; /* in flight */
};

struct peer_call {
    struct call call;
    struct list_node node;
    struct quorum *quorum;
    struct peer *peer;
    struct raft_message message; /* its texts and lists are gone */
};

static void peer_free(struct quorum *q, struct peer *p)
{
    list_remove(&p->node);
    q->peers_count--;
    channel_destroy(p->channel);
    mem_free(p->host);
    mem_free(p);
}

/* One that nobody waits on makes room; least recently used first. */
static void make_room(struct quorum *q)
{
    LIST_EACH(&q->peers, node) {
        struct peer *p = CONTAINER_OF(node, struct peer, node);
        if (q->peers_count < QUORUM_PEERS_MAX) return;
        if (p->calls == 0) peer_free(q, p);
    }
}

static struct peer *peer_of(struct quorum *q, const struct raft_message *m)
{
    bool fetches = m->kind == RAFT_FETCH || m->kind == RAFT_FETCH_SNAPSHOT;
    LIST_EACH(&q->peers, node) {
        struct peer *p = CONTAINER_OF(node, struct peer, node);
        if (p->fetches != fetches || p->port != m->port || !str_equal_z(m->host, p->host)) continue;
        list_remove(node);
        list_push_back(&q->peers, node);
        return p;
    }
    make_room(q);
    struct peer *p = MEM_NEW(struct peer);
    char client_id[32];
    snprintf(client_id, sizeof client_id, "raft-client-%d", q->options.node_id);
    p->host = str_dup_z(m->host);
    p->port = m->port;
    p->fetches = fetches;
    p->channel = channel_create(&q->env, &(struct channel_config){
                                             .host = p->host,
                                             .port = p->port,
                                             .client_id = client_id,
                                             .request_timeout_ms = q->options.request_timeout_ms,
                                             .backoff_ms = q->options.retry_backoff_ms,
                                         });
    list_init(&p->node);
    list_push_back(&q->peers, &p->node);
    q->peers_count++;
    return p;
}

/* Of a follower's connection to its leader. */
static void tell_broken(struct quorum *q, const struct raft_message *m, const struct peer *p,
                        enum err e)
{
    if (!p->fetches || e == ERR_TIMEOUT || e == ERR_UNSUPPORTED) return;
    if (raft_role(q->raft) != RAFT_FOLLOWER || m->to != raft_leader(q->raft)) return;
    q->events.leader_unreachable(q->events.owner, m->to, raft_epoch(q->raft), str_of(p->host),
                                 p->port, e);
}

static void answered(struct call *call, enum err e, const void *response)
{
    struct peer_call *c = CONTAINER_OF(call, struct peer_call, call);
    struct quorum *q = c->quorum;
    struct raft_message m = c->message;
    struct peer *p = c->peer;
    list_remove(&c->node);
    p->calls--;
    mem_free(c);
    if (q->failed) return;
    if (e)
        tell_broken(q, &m, p, e);
    else if (p->fetches && m.to == raft_leader(q->raft))
        q->events.leader_answered(q->events.owner, m.to);
    if (!e)
        quorum_message_answered(q, &m, response);
    else if (e == ERR_UNSUPPORTED)
        raft_unsupported(q->raft, quorum_now_ms(q), m.token);
    else
        raft_unanswered(q->raft, quorum_now_ms(q), m.token, e == ERR_TIMEOUT);
    quorum_step(q);
}

void quorum_send(struct quorum *q, const struct raft_message *m)
{
    if (m->kind == RAFT_FETCH_SNAPSHOT && q->held_snapshot) {
        q->held_token = m->token; /* the disk refuses its bytes */
        return;
    }
    struct arena arena;
    arena_init(&arena, 0);
    struct peer_call *c = MEM_NEW(struct peer_call);
    call_init(&c->call);
    list_init(&c->node);
    list_push_back(&q->calls, &c->node);
    c->quorum = q;
    c->peer = peer_of(q, m);
    c->peer->calls++;
    c->message = *m;
    c->message.host = STR_NULL;
    c->message.preferred = NULL;
    int16_t api_key, min_version;
    const void *request = quorum_message_request(q, m, &arena, &api_key, &min_version);
    c->call.min_version = min_version;
    channel_call(c->peer->channel, &c->call, api_key, -1, request, answered);
    arena_free(&arena);
}

void quorum_peers_close(struct quorum *q)
{
    LIST_EACH(&q->calls, call) {
        struct peer_call *c = CONTAINER_OF(call, struct peer_call, node);
        channel_cancel(&c->call);
        list_remove(&c->node);
        mem_free(c);
    }
    LIST_EACH(&q->peers, peer) peer_free(q, CONTAINER_OF(peer, struct peer, node));
}
