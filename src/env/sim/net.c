/* Streams between simulated nodes.
 *
 * What a connection sends leaves its `out` for a *segment*, an event at the receiver after the
 * link's delay; segments of one direction arrive in order. The receiver keeps the bytes until its
 * owner reads them. A sender may have WINDOW bytes under way and unread: beyond that it is held
 * back.
 *
 * A cut link keeps segments where they are and lets them go on when it heals. A process that is
 * killed ends its streams as a kernel does; a machine that loses power leaves its peers *half
 * open*: they hear nothing until they send to it after it has come back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "env/sim/node.h"

enum {
    WINDOW = 256 << 10,
    SEGMENT_BYTES = 64 << 10,
    CONNECT_RETRY_MS = 1000,
    CONNECT_TIMEOUT_MS = 127 * 1000, /* Linux's default */
    RETRANSMIT_MS = 500,
    RETRANSMIT_TIMEOUT_MS = 15 * 60 * 1000,
    HEAL_JITTER_MS = 200, /* until the next retransmission after a cut */
};

struct sim_listener {
    struct net_listener listener; /* first */
    struct sim_process *process;
    struct list_node node; /* in process->listeners */
    uint16_t port;
    int backlog, pending;
};

enum conn_state { CONNECTING, ACCEPTING, OPEN, OVER };

struct sim_conn {
    struct net_conn conn; /* first */
    struct sim_process *process;
    struct sim_node *remote;
    struct sim_conn *peer;      /* NULL: not yet, or not any more */
    struct list_node node;      /* in process->conns, or the graveyard when closed */
    struct list_node attention; /* in process->attention */
    enum conn_state state;
    struct out out;
    int32_t chunk_at;
    int64_t chunk_sent, sent;
    int64_t under_way; /* bytes sent that the peer's owner has not read */
    uint8_t *unread;
    size_t unread_start, unread_len, unread_capacity;
    size_t expected;     /* of them, to tell the owner */
    enum err unread_end; /* what follows the unread bytes: EOF, RESET */
    struct list_node inbox;
    int64_t inbox_last_ns;
    bool paused, undrained, told, half_open, peer_gone, closed;
    enum err ended;
    struct sim_event life;         /* connect, accept, outcome, retransmission */
    struct sim_event again;        /* readable again */
    struct sim_listener *listener; /* while ACCEPTING */
    struct net_address peer_address;
    uint16_t local_port;
    int64_t deadline_ns; /* of connecting; of retransmitting, 0: not */
};

struct segment {
    struct sim_event event;
    struct list_node node; /* in to->inbox */
    struct sim_conn *to;
    enum err end; /* OK: data */
    size_t len;
    uint8_t data[];
};

static struct sim_process *of_net(struct net *n)
{
    return CONTAINER_OF(n, struct sim_process, net);
}

static struct sim_link *link_of(const struct sim_node *from, const struct sim_node *to)
{
    return &from->sim->links[from->index][to->index];
}

static int64_t delay_ns(const struct sim_node *from, const struct sim_node *to)
{
    const struct sim_link *l = link_of(from, to);
    return sim_draw(&from->sim->net_prng, l->delay_us_min, l->delay_us_max) * 1000 + SIM_TURN_NS;
}

static bool cut_either_way(const struct sim_node *a, const struct sim_node *b)
{
    return link_of(a, b)->cut || link_of(b, a)->cut;
}

static struct sim_queue *queue_of(const struct sim_conn *c)
{
    return &c->process->sim->queue;
}

static void need_attention(struct sim_conn *c)
{
    if (c->process->dead || c->closed) return;
    if (!list_linked(&c->attention)) list_push_back(&c->process->attention, &c->attention);
    sim_process_wake(c->process);
}

static void end(struct sim_conn *c, enum err why)
{
    if (c->ended || c->state != OPEN) return;
    c->ended = why;
    need_attention(c);
}

/* ---- receiving */

static void readable_again(struct sim_event *e);

static bool is_readable(const struct sim_conn *c)
{
    return c->unread_len >= c->expected || c->unread_end;
}

/* Tell the owner while there is something to read: level-triggered. */
static void tell_readable(struct sim_conn *c)
{
    if (c->state != OPEN || c->paused || c->ended || c->closed) return;
    if (!is_readable(c)) return;
    c->conn.events->readable(&c->conn);
    if (c->closed || c->process->dead || c->paused || c->ended) return;
    if (is_readable(c)) sim_queue_put(queue_of(c), &c->again, queue_of(c)->now_ns + SIM_TURN_NS);
}

static void readable_again(struct sim_event *e)
{
    tell_readable(CONTAINER_OF(e, struct sim_conn, again));
}

static void unread_append(struct sim_conn *c, const uint8_t *data, size_t len)
{
    if (c->unread_start + c->unread_len + len > c->unread_capacity) {
        if (c->unread_len > 0) memmove(c->unread, c->unread + c->unread_start, c->unread_len);
        c->unread_start = 0;
        if (c->unread_len + len > c->unread_capacity) {
            c->unread_capacity = (c->unread_len + len) * 2;
            c->unread = mem_realloc(c->unread, c->unread_capacity);
        }
    }
    memcpy(c->unread + c->unread_start + c->unread_len, data, len);
    c->unread_len += len;
}

static void segment_free(struct segment *s)
{
    list_remove(&s->node);
    sim_queue_remove(queue_of(s->to), &s->event);
    mem_free(s);
}

static void segment_arrives(struct sim_event *e)
{
    struct segment *s = CONTAINER_OF(e, struct segment, event);
    struct sim_conn *c = s->to;
    if (link_of(c->remote, c->process->node)->cut) return; /* stays in the inbox until it heals */
    sim_hash_add(c->process->sim, s->len);
    if (s->end)
        c->unread_end = s->end;
    else
        unread_append(c, s->data, s->len);
    bool reset = s->end == ERR_RESET;
    segment_free(s);
    if (reset && c->paused) end(c, ERR_RESET);
    tell_readable(c);
}

/* What is sent in a turn that waited for a disk leaves when the waiting is over. */
static int64_t leaves_ns(const struct sim_conn *to)
{
    const struct sim_process *from = to->remote->process;
    int64_t now = to->process->sim->queue.now_ns;
    return from && from->busy_until_ns > now ? from->busy_until_ns : now;
}

static void segment_send(struct sim_conn *to, struct segment *s)
{
    struct sim_process *p = to->process;
    s->to = to;
    list_init(&s->node);
    list_push_back(&to->inbox, &s->node);
    sim_event_init(&s->event, s->end ? SIM_KIND_END : SIM_KIND_DATA, p, segment_arrives);
    int64_t at = leaves_ns(to) + delay_ns(to->remote, p->node);
    if (at < to->inbox_last_ns) at = to->inbox_last_ns;
    to->inbox_last_ns = at;
    sim_queue_put(&p->sim->queue, &s->event, at);
}

static void send_end(struct sim_conn *to, enum err why)
{
    if (to->process->dead || to->closed) return;
    struct segment *s = mem_zalloc(1, sizeof *s);
    s->end = why;
    segment_send(to, s);
}

/* ---- sending */

static void release_chunk(struct chunk *k)
{
    void (*release)(void *) = k->release;
    k->release = NULL;
    if (release) release(k->owner);
}

/* Copy up to `len` bytes from the queue; a file range is read now, as sendfile would. */
static enum err gather(struct sim_conn *c, uint8_t *to, size_t len, size_t *got)
{
    *got = 0;
    while (*got < len) {
        struct chunk *k = &c->out.chunks[c->chunk_at];
        int64_t left = k->len - c->chunk_sent;
        size_t n = (int64_t)(len - *got) < left ? len - *got : (size_t)left;
        if (k->data) {
            memcpy(to + *got, k->data + c->chunk_sent, n);
        } else {
            size_t read;
            enum err e = disk_read(k->file, k->file_offset + c->chunk_sent, to + *got, n, &read);
            if (e || read < n) return ERR_IO;
        }
        *got += n;
        c->sent += (int64_t)n;
        c->chunk_sent += (int64_t)n;
        if (c->chunk_sent == k->len) {
            c->chunk_sent = 0;
            c->chunk_at++;
            release_chunk(k);
        }
    }
    return ERR_OK;
}

static void both_reset(struct sim_conn *c)
{
    if (c->peer) {
        c->peer->peer = NULL;
        c->peer->peer_gone = true;
        send_end(c->peer, ERR_RESET);
    }
    c->peer = NULL;
    c->peer_gone = true;
    send_end(c, ERR_RESET);
}

/* One segment at most. Err: AGAIN when the window is full, IO. */
static enum err send_one(struct sim_conn *c, bool closing)
{
    struct sim *sim = c->process->sim;
    int64_t room = WINDOW - c->under_way, left = c->out.len - c->sent;
    int64_t len = left < SEGMENT_BYTES ? left : SEGMENT_BYTES;
    if (sim->net_faults.write_max > 0 && !closing) {
        int64_t tiny = sim_draw(&sim->net_prng, 1, sim->net_faults.write_max);
        if (tiny < len) len = tiny;
    }
    if (len > room) len = room;
    if (len <= 0) return ERR_AGAIN;
    struct segment *s = mem_zalloc(1, sizeof *s + (size_t)len);
    enum err e = gather(c, s->data, (size_t)len, &s->len);
    if (s->len == 0 || !c->peer) { /* to nobody: swallowed, as a kernel's buffer does */
        if (c->half_open) c->under_way += (int64_t)s->len;
        mem_free(s);
        return e;
    }
    c->under_way += (int64_t)s->len;
    segment_send(c->peer, s);
    int64_t resets = sim->net_faults.reset_per_million;
    if (resets > 0 && prng_chance(&sim->net_prng, (uint64_t)resets, 1000000)) both_reset(c);
    return e;
}

static void retransmit_start(struct sim_conn *c)
{
    if (c->deadline_ns) return;
    c->deadline_ns = queue_of(c)->now_ns + RETRANSMIT_TIMEOUT_MS * NS_PER_MS;
    sim_queue_put(queue_of(c), &c->life, queue_of(c)->now_ns + RETRANSMIT_MS * NS_PER_MS);
}

/* The peer's machine went away without a word. When it is back, it knows nothing of us: reset. */
static void retransmit(struct sim_event *e)
{
    struct sim_conn *c = CONTAINER_OF(e, struct sim_conn, life);
    if (c->ended || c->state != OPEN) return;
    if (c->remote->powered && !cut_either_way(c->process->node, c->remote)) {
        c->unread_end = ERR_RESET;
        if (c->paused) end(c, ERR_RESET);
        tell_readable(c);
    } else if (queue_of(c)->now_ns >= c->deadline_ns) {
        end(c, ERR_TIMEOUT);
    } else {
        sim_queue_put(queue_of(c), &c->life, queue_of(c)->now_ns + RETRANSMIT_MS * NS_PER_MS);
    }
}

static enum err push(struct sim_conn *c)
{
    bool sent_to_nobody = !c->peer && c->sent < c->out.len;
    bool tiny = c->process->sim->net_faults.write_max > 0;
    enum err e = ERR_OK;
    while (!e && c->sent < c->out.len) {
        e = send_one(c, false);
        if (!e && tiny && c->sent < c->out.len) {
            need_attention(c);
            e = ERR_AGAIN;
        }
    }
    if (sent_to_nobody && c->half_open)
        retransmit_start(c);
    else if (sent_to_nobody && !c->unread_end)
        send_end(c, ERR_RESET);
    return e;
}

static void emptied(struct sim_conn *c)
{
    out_reset(&c->out);
    c->chunk_at = 0;
    c->chunk_sent = c->sent = 0;
}

static void flush(struct sim_conn *c)
{
    if (c->state != OPEN || c->ended || !c->undrained) return;
    enum err e = push(c);
    if (e == ERR_AGAIN) {
        if (c->chunk_at < 256) return;
        out_drop_front(&c->out, c->chunk_at);
        c->chunk_at = 0;
        c->sent = c->chunk_sent;
    } else if (e) {
        end(c, e);
    } else {
        emptied(c);
        c->undrained = false;
        if (c->conn.events->drained) c->conn.events->drained(&c->conn);
    }
}

void sim_net_flush(struct sim_process *p)
{
    struct list_node now;
    list_init(&now);
    while (!list_empty(&p->attention)) {
        struct list_node *node = p->attention.next;
        list_remove(node);
        list_push_back(&now, node);
    }
    while (!list_empty(&now)) {
        struct sim_conn *c = CONTAINER_OF(now.next, struct sim_conn, attention);
        list_remove(&c->attention);
        if (p->dead) continue;
        if (c->ended && !c->told) {
            c->told = true;
            c->conn.events->broken(&c->conn, c->ended);
        } else {
            flush(c);
        }
    }
}

/* ---- connections */

static struct sim_conn *conn_new(struct sim_process *p, struct sim_node *remote)
{
    struct sim_conn *c = MEM_NEW(struct sim_conn);
    c->conn.net = &p->net;
    c->process = p;
    c->remote = remote;
    out_init(&c->out);
    list_init(&c->node);
    list_init(&c->attention);
    list_init(&c->inbox);
    c->expected = 1;
    list_push_back(&p->conns, &c->node);
    sim_event_init(&c->life, SIM_KIND_CONNECT, NULL, NULL);
    sim_event_init(&c->again, SIM_KIND_READABLE, p, readable_again);
    const char *name = remote == p->node ? "127.0.0.1" : remote->name;
    snprintf(c->peer_address.host, sizeof c->peer_address.host, "%s", name);
    return c;
}

static void conn_free(struct sim_conn *c)
{
    list_remove(&c->node);
    list_remove(&c->attention);
    out_free(&c->out);
    mem_free(c->unread);
    mem_free(c);
}

/* The stream ends here; `silent`: without a word to the peer. */
static void conn_part(struct sim_conn *c, bool silent)
{
    bool unread = c->unread_len > 0;
    while (!list_empty(&c->inbox)) {
        struct segment *s = CONTAINER_OF(c->inbox.next, struct segment, node);
        unread |= s->end == ERR_OK;
        segment_free(s);
    }
    sim_queue_remove(queue_of(c), &c->life);
    sim_queue_remove(queue_of(c), &c->again);
    if (c->peer) {
        c->peer->peer = NULL;
        c->peer->peer_gone = !silent;
        c->peer->half_open = silent;
        if (silent && c->peer->state == OPEN && c->peer->under_way > 0) retransmit_start(c->peer);
        if (!silent) send_end(c->peer, unread ? ERR_RESET : ERR_EOF);
    }
    c->peer = NULL;
    if (c->listener) c->listener->pending--;
    c->listener = NULL;
    c->state = OVER;
}

static void op_close(struct net_conn *conn)
{
    struct sim_conn *c = (struct sim_conn *)conn;
    struct sim_process *p = c->process;
    while (!p->dead && c->state == OPEN && !c->ended && c->sent < c->out.len)
        if (send_one(c, true)) break;
    if (!p->dead) conn_part(c, false);
    c->closed = true;
    out_free(&c->out);
    list_remove(&c->attention);
    if (!p->in_turn) {
        conn_free(c);
        return;
    }
    list_remove(&c->node);
    list_push_back(&p->graveyard, &c->node);
}

void sim_net_reap(struct sim_process *p)
{
    while (!list_empty(&p->graveyard))
        conn_free(CONTAINER_OF(p->graveyard.next, struct sim_conn, node));
}

/* ---- connecting */

static struct sim_node *resolve(const struct sim_process *p, const char *host)
{
    if (strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0 ||
        strcmp(host, "::1") == 0)
        return p->node;
    for (int32_t i = 0; i < p->sim->nodes_count; i++)
        if (strcmp(p->sim->nodes[i]->name, host) == 0) return p->sim->nodes[i];
    return NULL;
}

static struct sim_listener *listener_on(const struct sim_node *n, uint16_t port)
{
    if (!n->process) return NULL;
    LIST_EACH(&n->process->listeners, node) {
        struct sim_listener *l = CONTAINER_OF(node, struct sim_listener, node);
        if (l->port == port) return l;
    }
    return NULL;
}

bool sim_node_listens(const struct sim_node *n, uint16_t port)
{
    return listener_on(n, port) != NULL;
}

static void outcome_run(struct sim_event *e)
{
    struct sim_conn *c = CONTAINER_OF(e, struct sim_conn, life);
    enum err result = c->ended;
    c->state = result ? OVER : OPEN;
    c->told = result != ERR_OK;
    sim_event_init(&c->life, SIM_KIND_RETRANSMIT, c->process, retransmit);
    if (!result && c->undrained) need_attention(c);
    c->conn.events->connected(&c->conn, result);
    if (!c->closed && c->half_open) retransmit_start(c);
}

static void outcome(struct sim_conn *c, enum err result, int64_t at_ns)
{
    c->ended = result;
    c->deadline_ns = 0;
    sim_event_init(&c->life, SIM_KIND_OUTCOME, c->process, outcome_run);
    sim_queue_put(queue_of(c), &c->life, at_ns);
}

static void accept_run(struct sim_event *e)
{
    struct sim_conn *c = CONTAINER_OF(e, struct sim_conn, life);
    struct sim_listener *l = c->listener;
    l->pending--;
    c->listener = NULL;
    c->state = OPEN;
    sim_event_init(&c->life, SIM_KIND_RETRANSMIT, c->process, retransmit);
    l->listener.accepted(&l->listener, &c->conn);
}

/* The request to connect has reached the other machine, or has not. */
static void connect_run(struct sim_event *e)
{
    struct sim_conn *c = CONTAINER_OF(e, struct sim_conn, life);
    struct sim_node *here = c->process->node, *there = c->remote;
    int64_t now = queue_of(c)->now_ns;
    struct sim_listener *l = listener_on(there, c->peer_address.port);
    bool lost = cut_either_way(here, there) || !there->powered || (l && l->pending >= l->backlog);
    if (lost && now >= c->deadline_ns) {
        outcome(c, ERR_TIMEOUT, now);
    } else if (lost) {
        sim_queue_put(queue_of(c), &c->life, now + CONNECT_RETRY_MS * NS_PER_MS);
    } else if (!l) {
        outcome(c, ERR_REFUSED, now + delay_ns(there, here));
    } else {
        struct sim_conn *s = conn_new(l->process, here);
        s->peer = c;
        c->peer = s;
        s->peer_address.port = c->local_port;
        s->local_port = l->port;
        s->state = ACCEPTING;
        s->listener = l;
        l->pending++;
        int64_t known = now + delay_ns(there, here);
        c->inbox_last_ns = known;
        s->inbox_last_ns = now;
        sim_event_init(&s->life, SIM_KIND_ACCEPT, s->process, accept_run);
        sim_queue_put(queue_of(s), &s->life, now);
        outcome(c, ERR_OK, known);
    }
}

static uint16_t free_port(struct sim_node *n)
{
    do n->port_next = n->port_next < 60000 ? (uint16_t)(n->port_next + 1) : 40000;
    while (listener_on(n, n->port_next));
    return n->port_next;
}

static enum err op_connect(struct net *net, const char *host, uint16_t port,
                           int32_t receive_buffer_bytes, struct net_conn **out)
{
    (void)receive_buffer_bytes; /* a simulated one is as large as it takes */
    struct sim_process *p = of_net(net);
    struct sim_node *remote = p->dead ? NULL : resolve(p, host);
    if (!remote) return ERR_UNREACHABLE;
    struct sim_conn *c = conn_new(p, remote);
    c->local_port = free_port(p->node);
    c->peer_address.port = port;
    c->deadline_ns = p->sim->queue.now_ns + CONNECT_TIMEOUT_MS * NS_PER_MS;
    sim_event_init(&c->life, SIM_KIND_CONNECT, NULL, connect_run);
    sim_queue_put(&p->sim->queue, &c->life, p->sim->queue.now_ns + delay_ns(p->node, remote));
    *out = &c->conn;
    return ERR_OK;
}

/* ---- the interface */

static enum err op_recv(struct net_conn *conn, void *to, size_t len, size_t *got)
{
    struct sim_conn *c = (struct sim_conn *)conn;
    struct sim *sim = c->process->sim;
    PRE(len > 0);
    *got = 0;
    if (c->process->dead) return ERR_RESET;
    if (c->state != OPEN) return ERR_AGAIN;
    if (c->ended) return c->ended == ERR_EOF ? ERR_EOF : ERR_RESET;
    if (c->unread_len == 0) {
        if (!c->unread_end) return ERR_AGAIN;
        end(c, c->unread_end);
        return c->unread_end;
    }
    size_t n = len < c->unread_len ? len : c->unread_len;
    if (sim->net_faults.read_max > 0) {
        size_t tiny = (size_t)sim_draw(&sim->net_prng, 1, sim->net_faults.read_max);
        if (tiny < n) n = tiny;
    }
    memcpy(to, c->unread + c->unread_start, n);
    c->unread_start += n;
    c->unread_len -= n;
    if (c->unread_len == 0) c->unread_start = 0;
    *got = n;
    if (c->peer) {
        c->peer->under_way -= (int64_t)n;
        if (!link_of(c->process->node, c->remote)->cut && c->peer->undrained)
            need_attention(c->peer);
    }
    return ERR_OK;
}

static struct out *op_out(struct net_conn *conn)
{
    return &((struct sim_conn *)conn)->out;
}

static void op_kick(struct net_conn *conn)
{
    struct sim_conn *c = (struct sim_conn *)conn;
    c->undrained = true;
    need_attention(c);
}

static void op_flush(struct net_conn *conn)
{
    struct sim_conn *c = (struct sim_conn *)conn;
    if (c->state != OPEN || c->ended || !c->undrained) return;
    if (push(c) == ERR_OK) emptied(c); /* what failed fails again as the turn ends */
}

/* Nobody knows: a real process may just have slept, or not. */
static bool op_waited(const struct net *net)
{
    const struct sim_process *p = CONTAINER_OF(net, const struct sim_process, net);
    return sim_draw(&p->sim->net_prng, 0, 1) == 0;
}

static int64_t op_unsent(struct net_conn *conn)
{
    const struct sim_conn *c = (const struct sim_conn *)conn;
    return c->out.len - c->sent;
}

static void op_pause(struct net_conn *conn, bool paused)
{
    struct sim_conn *c = (struct sim_conn *)conn;
    c->paused = paused;
    if (!paused && c->state == OPEN && is_readable(c))
        sim_queue_put(queue_of(c), &c->again, queue_of(c)->now_ns);
}

/* Never more than the sender may have under way. */
static void op_expect(struct net_conn *conn, size_t bytes)
{
    struct sim_conn *c = (struct sim_conn *)conn;
    PRE(bytes > 0);
    bool less = bytes < c->expected;
    c->expected = bytes < WINDOW / 2 ? bytes : WINDOW / 2;
    if (less) op_pause(conn, c->paused); /* there may be enough now */
}

static void op_peer(struct net_conn *conn, struct net_address *a)
{
    *a = ((struct sim_conn *)conn)->peer_address;
}

static enum err op_listen(struct net *net, const char *host, uint16_t port, int backlog,
                          struct net_listener **out)
{
    struct sim_process *p = of_net(net);
    bool every = !host || !*host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    if (p->dead || (!every && resolve(p, host) != p->node)) return ERR_UNREACHABLE;
    if (port != 0 && listener_on(p->node, port)) return ERR_ADDRESS_IN_USE;
    struct sim_listener *l = MEM_NEW(struct sim_listener);
    l->listener.net = net;
    l->process = p;
    l->port = port ? port : free_port(p->node);
    l->backlog = backlog > 0 ? backlog : 1;
    list_init(&l->node);
    list_push_back(&p->listeners, &l->node);
    *out = &l->listener;
    return ERR_OK;
}

/* Connections nobody has accepted yet are the listener's. */
static void drop_pending(struct sim_process *p, const struct sim_listener *l, bool silent)
{
    LIST_EACH(&p->conns, node) {
        struct sim_conn *c = CONTAINER_OF(node, struct sim_conn, node);
        if (c->state != ACCEPTING || c->listener != l) continue;
        c->unread_len = 1; /* as unread: the peer is reset */
        conn_part(c, silent);
        conn_free(c);
    }
}

static void op_listener_close(struct net_listener *listener)
{
    struct sim_listener *l = (struct sim_listener *)listener;
    if (!l->process->dead) drop_pending(l->process, l, false);
    list_remove(&l->node);
    mem_free(l);
}

static uint16_t op_listener_port(struct net_listener *listener)
{
    return ((struct sim_listener *)listener)->port;
}

static const struct net_ops net_ops = {
    .listen = op_listen,
    .listener_close = op_listener_close,
    .listener_port = op_listener_port,
    .connect = op_connect,
    .recv = op_recv,
    .out = op_out,
    .kick = op_kick,
    .flush = op_flush,
    .waited = op_waited,
    .unsent = op_unsent,
    .pause = op_pause,
    .expect = op_expect,
    .close = op_close,
    .peer = op_peer,
};

void sim_net_init(struct sim_process *p)
{
    p->net.ops = &net_ops;
    list_init(&p->conns);
    list_init(&p->listeners);
    list_init(&p->attention);
    list_init(&p->graveyard);
}

void sim_net_end(struct sim_process *p, bool silent)
{
    LIST_EACH(&p->listeners, node)
        drop_pending(p, CONTAINER_OF(node, struct sim_listener, node), silent);
    LIST_EACH(&p->conns, node) conn_part(CONTAINER_OF(node, struct sim_conn, node), silent);
    while (!list_empty(&p->attention)) list_remove(p->attention.next);
}

void sim_net_free(struct sim_process *p)
{
    sim_net_reap(p);
    while (!list_empty(&p->conns)) conn_free(CONTAINER_OF(p->conns.next, struct sim_conn, node));
    while (!list_empty(&p->listeners)) {
        struct sim_listener *l = CONTAINER_OF(p->listeners.next, struct sim_listener, node);
        list_remove(&l->node);
        mem_free(l);
    }
}

/* ---- faults of the network */

void sim_net_delay(struct sim_node *from, struct sim_node *to, int64_t us_min, int64_t us_max)
{
    struct sim_link *l = link_of(from, to);
    l->delay_us_min = us_min;
    l->delay_us_max = us_max;
}

/* What waited in the inboxes comes in its order, after the sender's next retransmission. */
static void heal(struct sim_node *from, struct sim_node *to)
{
    if (to->process) {
        LIST_EACH(&to->process->conns, node) {
            struct sim_conn *c = CONTAINER_OF(node, struct sim_conn, node);
            if (c->remote != from || c->state == CONNECTING) continue;
            struct sim_queue *q = queue_of(c);
            int64_t at = q->now_ns + delay_ns(from, to) +
                         sim_draw(&to->sim->net_prng, 0, HEAL_JITTER_MS) * NS_PER_MS;
            c->inbox_last_ns = list_empty(&c->inbox) ? c->inbox_last_ns : at;
            LIST_EACH(&c->inbox, waiting)
                sim_queue_put(q, &CONTAINER_OF(waiting, struct segment, node)->event, at);
        }
    }
    if (!from->process) return;
    LIST_EACH(&from->process->conns, node) {
        struct sim_conn *c = CONTAINER_OF(node, struct sim_conn, node);
        if (c->remote == to && c->undrained) need_attention(c);
    }
}

void sim_net_cut(struct sim_node *from, struct sim_node *to, bool cut)
{
    struct sim_link *l = link_of(from, to);
    bool healed = l->cut && !cut;
    l->cut = cut;
    if (!healed) return;
    heal(from, to);
    if (from->process && to->process) heal(to, from); /* acknowledgements pass again */
}

void sim_net_deafen(struct sim_node *n, bool cut)
{
    for (int32_t i = 0; i < n->sim->nodes_count; i++)
        if (n->sim->nodes[i] != n) sim_net_cut(n->sim->nodes[i], n, cut);
}

void sim_net_mute(struct sim_node *n, bool cut)
{
    for (int32_t i = 0; i < n->sim->nodes_count; i++)
        if (n->sim->nodes[i] != n) sim_net_cut(n, n->sim->nodes[i], cut);
}

void sim_net_isolate(struct sim_node *n, bool cut)
{
    sim_net_mute(n, cut);
    sim_net_deafen(n, cut);
}

static void drop_inbox(struct sim_conn *c)
{
    while (!list_empty(&c->inbox)) segment_free(CONTAINER_OF(c->inbox.next, struct segment, node));
}

void sim_net_reset(struct sim_node *a, struct sim_node *b)
{
    if (!a->process) return;
    LIST_EACH(&a->process->conns, node) {
        struct sim_conn *c = CONTAINER_OF(node, struct sim_conn, node);
        if (c->remote != b || c->state != OPEN) continue;
        drop_inbox(c);
        if (c->peer) drop_inbox(c->peer);
        both_reset(c);
    }
}

void sim_net_faults(struct sim *s, struct sim_net_faults faults)
{
    s->net_faults = faults;
}
