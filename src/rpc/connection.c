#include "rpc/connection.h"

#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"
#include "protocol/cursor.h"
#include "protocol/message.h"
#include "protocol/request_header.h"
#include "rpc/frame.h"

enum {
    /* Room for what is asked for at once: as much as came in a row, in frames large or many, so
     * that they are read, and answered, by one call each; half when it was not half used. */
    READ_BYTES_MIN = 64 << 10,
    READ_BYTES_MAX = 512 << 10,
    /* A frame that claims more gets this much at first, then twice what has arrived. */
    TRUSTED_BYTES = 1 << 20,
    DRAIN_PROMPT_MS = 3,
    /* Work enough for a client to be woken and send more meanwhile. */
    HALF_BYTES_MIN = 28 << 10,
};

static void connection_more(struct task *task);

void connection_open(struct rpc_server *s, struct net_conn *net)
{
    struct connection *c = MEM_NEW(struct connection);
    c->server = s;
    c->net = net;
    c->active = clock_mono(s->env.clock);
    c->read_bytes = READ_BYTES_MIN;
    c->half = SIZE_MAX;
    list_init(&c->node);
    list_init(&c->queue);
    list_init(&c->starved);
    task_init(&c->more, connection_more);
    net_peer(net, &c->peer);
    net->owner = c;
    net->events = &connection_events;
    list_push_back(&s->connections, &c->node);
    s->connections_count++;
}

static void release_address(struct rpc_server *s, const struct connection *c)
{
    struct str host = str_of(c->peer.host);
    int32_t *count = map_get_str(s->per_ip, host);
    if (count && --*count == 0) mem_free(map_remove_str(s->per_ip, host));
}

static void connection_free(struct connection *c)
{
    struct rpc_server *s = c->server;
    LIST_EACH(&c->queue, node) {
        struct request *rq = CONTAINER_OF(node, struct request, node);
        list_remove(&rq->node);
        rq->connection = NULL;
        if (rq->done || rq->turn)
            request_recycle(s, rq);
        else if (rq->abandoned) {
            rq->abandoned(rq);
            request_recycle(s, rq);
        } /* else its handler will still answer, into the void */
    }
    net_close(c->net);
    task_cancel(&c->more);
    if (c->buffer) rpc_buffer_unref(c->buffer);
    if (c->memory) c->memory->free(c->memory);
    list_remove(&c->node);
    list_remove(&c->starved);
    s->connections_count--;
    release_address(s, c);
    mem_free(c);
}

void connection_close(struct connection *c, const char *why)
{
    if (!c->broken && why)
        trace_info(c->server->env.trace, "kafka.network.Processor",
                   "[SocketServer listener=%s] Closing connection from %s:%u: %s",
                   c->server->config.listener_name, c->peer.host, c->peer.port, why);
    c->broken = true;
    if (c->busy == 0) connection_free(c);
}

static bool connection_has_room(const struct connection *c)
{
    return c->queue_count < c->server->config.requests_in_flight_max;
}

static void connection_pause_or_resume(struct connection *c)
{
    bool paused = !connection_has_room(c) || list_linked(&c->starved) ||
                  net_unsent(c->net) >= c->server->config.unsent_bytes_max;
    if (paused == c->paused) return;
    c->paused = paused;
    net_pause(c->net, paused);
    /* from the loop: whoever has just answered a request does not expect the next one's handler */
    if (!paused && c->buffer) task_post(c->server->env.clock, &c->more);
}

/* The first in the queue may have waited to be that. `busy`: what it answers is not advanced on
 * from inside, and the connection is not freed. */
static void connection_give_turn(struct connection *c, struct request *rq)
{
    void (*turn)(struct request *, void *) = rq->turn;
    rq->turn = NULL;
    c->busy++;
    turn(rq, rq->context);
    c->busy--;
}

bool connection_is_quiet(const struct connection *c)
{
    return list_empty(&c->queue) && !c->handling && c->start == c->end;
}

/* While the server drains: was it answered soon after it came? */
static bool connection_is_prompt(const struct connection *c, const struct request *rq)
{
    return c->server->draining &&
           mono_elapsed_ms(clock_mono(c->server->env.clock), rq->arrived) <= DRAIN_PROMPT_MS;
}

void connection_advance(struct connection *c)
{
    bool sent = false, prompt = false, last = false;
    while (!c->broken && !last && !list_empty(&c->queue)) {
        struct request *rq = CONTAINER_OF(c->queue.next, struct request, node);
        if (!rq->done && rq->turn) {
            connection_give_turn(c, rq);
            continue;
        }
        if (!rq->done) break;
        list_remove(&rq->node);
        c->queue_count--;
        prompt = connection_is_prompt(c, rq);
        last = rq->last;
        if (rq->reply.len > 0) out_append(net_out(c->net), &rq->reply);
        request_recycle(c->server, rq);
        sent = true;
    }
    if (sent) net_kick(c->net);
    bool leaves = c->leaving && connection_is_quiet(c);
    if (last || leaves || (prompt && list_empty(&c->queue))) c->broken = true;
    if (c->broken && c->busy == 0)
        connection_free(c);
    else
        connection_pause_or_resume(c);
}

/* Make room to read more: keep the half frame, in another buffer if it does not fit into this. */
static void connection_make_room(struct connection *c)
{
    struct rpc_server *s = c->server;
    size_t have = c->buffer ? c->end - c->start : 0;
    size_t frame = FRAME_LENGTH_BYTES;
    if (have >= FRAME_LENGTH_BYTES) frame += load_be32(c->buffer->data + c->start);
    size_t trusted = have * 2 > TRUSTED_BYTES ? have * 2 : TRUSTED_BYTES;
    size_t want = frame < trusted ? frame : trusted;
    if (c->buffer && c->buffer->references == 1 && have == 0) c->start = c->end = 0;
    if (c->buffer && c->buffer->capacity - c->start >= want && c->end < c->buffer->capacity) return;
    if (have > 0 && c->read_bytes < READ_BYTES_MAX) c->read_bytes *= 2;
    if (want < c->read_bytes) want = c->read_bytes;
    if (want <= have) want = have + 1; /* whole frames may be left, too */
    struct rpc_buffer *larger = rpc_buffer_get(&s->buffers, want);
    if (have) memcpy(larger->data, c->buffer->data + c->start, have);
    if (c->buffer) rpc_buffer_unref(c->buffer);
    c->buffer = larger;
    c->start = 0;
    c->end = have;
}

static bool request_parse_header(struct request *rq, struct bytes frame, struct bytes *body)
{
    if (frame.len < 4) return false;
    rq->api_key = (int16_t)load_be16(frame.data);
    rq->api_version = (int16_t)load_be16(frame.data + 2);
    if (!message_request(rq->api_key)) return false;
    struct request_header header;
    struct cursor in = cursor_of_bytes(frame);
    int16_t version = message_request_header_version(rq->api_key, rq->api_version);
    if (request_header_decode(&header, version, &in, &rq->arena)) return false;
    rq->correlation_id = header.correlation_id;
    rq->client_id = header.client_id;
    *body = bytes_of(in.p, cursor_left(&in));
    return true;
}

static void connection_handle_frame(struct connection *c, struct bytes frame)
{
    struct rpc_server *s = c->server;
    struct request *rq = request_take(s);
    rq->connection = c;
    rq->arrived = c->active;
    rq->buffer = c->buffer;
    rq->frame = frame;
    rpc_buffer_ref(c->buffer);
    if (c->foreseen > 0) {
        rq->foreseen = true;
        c->foreseen--;
    }
    list_push_back(&c->queue, &rq->node);
    c->queue_count++;
    struct bytes body;
    const char *why = "its request header is malformed";
    c->handling = rq;
    bool fine =
        request_parse_header(rq, frame, &body) && dispatch_request(s->dispatch, rq, body, &why);
    c->handling = NULL;
    if (!fine) {
        trace_warn(s->env.trace, "kafka.network.Processor",
                   "[SocketServer listener=%s] Refusing a request of API %d version %d from %s: %s",
                   s->config.listener_name, rq->api_key, rq->api_version, c->peer.host, why);
        rq->done = true;
        connection_close(c, NULL);
        return;
    }
    if (!c->broken) connection_advance(c);
}

/* A client that fills its window and sleeps until it is answered, and a broker that sleeps until
 * the window has been filled again, take turns, and each pays for being woken. So when its requests
 * had to be waited for, the first half is answered before the rest is worked on: then it sends
 * while we write, and what it sends is there when we look. */
static void connection_halve(struct connection *c)
{
    size_t half = (c->end - c->start) / 2;
    bool both = c->prompt && half >= HALF_BYTES_MIN && net_waited(c->server->env.net);
    c->half = both ? c->start + half : SIZE_MAX;
}

static void connection_answer_half(struct connection *c)
{
    if (c->start < c->half || c->foreseen > 0) return;
    if (c->prompt) net_flush(c->net);
    c->half = SIZE_MAX;
}

/* Handle the whole frames in the buffer, as long as there is room for their requests. */
static void connection_handle_frames(struct connection *c)
{
    while (!c->broken && connection_has_room(c) && c->end - c->start >= FRAME_LENGTH_BYTES) {
        uint32_t length = load_be32(c->buffer->data + c->start);
        if (length > (uint32_t)c->server->config.request_bytes_max) {
            char why[128];
            snprintf(why, sizeof why, "a frame of %u bytes is over socket.request.max.bytes (%d)",
                     length, c->server->config.request_bytes_max);
            connection_close(c, why);
            return;
        }
        if (c->end - c->start - FRAME_LENGTH_BYTES < length) break;
        const uint8_t *frame = c->buffer->data + c->start + FRAME_LENGTH_BYTES;
        c->start += FRAME_LENGTH_BYTES + length;
        connection_handle_frame(c, bytes_of(frame, length));
        c->prompt = list_empty(&c->queue);
        if (!c->broken) connection_answer_half(c);
    }
    c->foreseen = 0;
}

static void connection_take_frames(struct connection *c)
{
    c->busy++;
    connection_handle_frames(c);
    c->busy--;
    if (c->broken) {
        connection_free(c);
        return;
    }
    if (c->start == c->end) { /* an idle connection holds no buffer */
        if (c->end <= c->read_bytes / 2 && c->read_bytes > READ_BYTES_MIN) c->read_bytes /= 2;
        rpc_buffer_unref(c->buffer);
        c->buffer = NULL;
        c->start = c->end = 0;
    }
    net_expect(c->net,
               c->buffer ? frame_expects(c->buffer->data + c->start, c->end - c->start) : 1);
    connection_advance(c);
}

static void connection_more(struct task *task)
{
    struct connection *c = CONTAINER_OF(task, struct connection, more);
    if (c->buffer) connection_take_frames(c);
}

/* By the other side. */
static void connection_ended(struct connection *c, enum err e)
{
    const struct rpc_server_config *config = &c->server->config;
    if (c->named && config->peer_ended)
        config->peer_ended(config->peer_owner, c->peer_id, c->peer_epoch, e);
    connection_close(c, NULL);
}

void connections_feed(struct task *task)
{
    struct rpc_server *s = CONTAINER_OF(task, struct rpc_server, feed);
    while (!list_empty(&s->starved) && !rpc_buffers_are_full(&s->buffers)) {
        struct connection *c = CONTAINER_OF(s->starved.next, struct connection, starved);
        list_remove(&c->starved);
        connection_pause_or_resume(c);
    }
}

static void connection_readable(struct net_conn *net)
{
    struct connection *c = net->owner;
    struct rpc_server *s = c->server;
    if (!c->buffer && rpc_buffers_are_full(&s->buffers)) {
        list_push_back(&s->starved, &c->starved);
        connection_pause_or_resume(c);
        return;
    }
    connection_make_room(c);
    size_t got = 0;
    enum err e = net_recv(net, c->buffer->data + c->end, c->buffer->capacity - c->end, &got);
    if (e == ERR_AGAIN) return;
    if (e) {
        connection_ended(c, e);
        return;
    }
    c->end += got;
    c->active = clock_mono(s->env.clock);
    list_remove(&c->node);
    list_push_back(&s->connections, &c->node);
    connection_halve(c);
    connection_take_frames(c);
}

static void connection_drained(struct net_conn *net)
{
    struct connection *c = net->owner;
    c->active = clock_mono(c->server->env.clock);
    connection_pause_or_resume(c);
}

static void connection_broken(struct net_conn *net, enum err e)
{
    connection_ended(net->owner, e);
}

const struct net_events connection_events = {
    .readable = connection_readable,
    .drained = connection_drained,
    .broken = connection_broken,
};
