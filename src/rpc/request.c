#include "base/mem.h"
#include "protocol/message.h"
#include "protocol/response_header.h"
#include "rpc/connection.h"
#include "rpc/frame.h"

enum {
    REQUESTS_FREE_MAX = 1024,
    REQUEST_ARENA_BYTES = 2048,
};

struct request *request_take(struct rpc_server *s)
{
    struct request *rq;
    if (list_empty(&s->requests_free)) {
        rq = MEM_NEW(struct request);
        list_init(&rq->node);
        list_init(&rq->pool_node);
        arena_init(&rq->arena, REQUEST_ARENA_BYTES);
        out_init(&rq->reply);
        return rq;
    }
    rq = CONTAINER_OF(s->requests_free.next, struct request, pool_node);
    list_remove(&rq->pool_node);
    s->requests_free_count--;
    return rq;
}

static void request_free(struct request *rq)
{
    if (rq->buffer) rpc_buffer_unref(rq->buffer);
    arena_free(&rq->arena);
    out_free(&rq->reply);
    mem_free(rq);
}

void request_recycle(struct rpc_server *s, struct request *rq)
{
    PRE(!list_linked(&rq->node));
    if (!s || s->requests_free_count >= REQUESTS_FREE_MAX) {
        request_free(rq);
        return;
    }
    if (rq->buffer) rpc_buffer_unref(rq->buffer);
    arena_reset(&rq->arena);
    out_reset(&rq->reply);
    struct arena arena = rq->arena;
    struct out reply = rq->reply;
    *rq = (struct request){.arena = arena, .reply = reply};
    list_init(&rq->node);
    list_init(&rq->pool_node);
    list_push_front(&s->requests_free, &rq->pool_node);
    s->requests_free_count++;
}

void request_encode_reply(const struct request *rq, const void *response, struct out *out)
{
    int64_t before = out->len;
    uint8_t *length = out_reserve(out, 4);
    struct response_header header = {.correlation_id = rq->correlation_id};
    response_header_encode(&header, message_response_header_version(rq->api_key, rq->api_version),
                           out);
    message_response(rq->api_key)->encode(response, rq->api_version, out);
    store_be32(length, (uint32_t)(out->len - before - 4));
}

/* The request is answered (or needs no answer); free it or let its connection do so in turn. */
static void request_finish(struct request *rq)
{
    rq->done = true;
    struct connection *c = rq->connection;
    if (!c)
        request_free(rq);
    else if (c->busy == 0)
        connection_advance(c);
}

void request_reply(struct request *rq, const void *response)
{
    PRE(!rq->done);
    if (rq->deliver) {
        rq->deliver(rq, response);
    } else {
        struct connection *c = rq->connection;
        bool first = c && c->queue.next == &rq->node;
        struct out *out = first ? net_out(c->net) : &rq->reply;
        request_encode_reply(rq, response, out);
        if (first) net_kick(c->net);
    }
    request_finish(rq);
}

void request_reply_last(struct request *rq, const void *response)
{
    rq->last = true;
    request_reply(rq, response);
}

void request_in_turn(struct request *rq, void (*turn)(struct request *, void *context),
                     void *context)
{
    PRE(!rq->done && !rq->turn);
    struct connection *c = rq->connection;
    if (!c || c->queue.next == &rq->node) {
        turn(rq, context);
        return;
    }
    rq->turn = turn;
    rq->context = context;
}

static struct bytes rest_of(struct bytes frame)
{
    return bytes_of(frame.data + FRAME_FIXED_BYTES, (size_t)frame.len - FRAME_FIXED_BYTES);
}

struct bytes request_rest(const struct request *rq)
{
    return rest_of(rq->frame);
}

static bool is_of_kind(const struct request *rq, struct bytes frame)
{
    return frame.len >= FRAME_FIXED_BYTES &&
           memcmp(frame.data, rq->frame.data, FRAME_KIND_BYTES) == 0;
}

struct bytes request_behind(const struct request *rq, int32_t n)
{
    const struct connection *c = rq->connection;
    if (!c || c->handling != rq || c->broken) return BYTES_NULL;
    /* each is taken up only while there is room for it, should none be answered before */
    if (c->queue_count + n >= c->server->config.requests_in_flight_max) return BYTES_NULL;
    for (size_t at = c->start; c->end - at >= FRAME_LENGTH_BYTES; n--) {
        uint32_t length = load_be32(c->buffer->data + at);
        if (c->end - at - FRAME_LENGTH_BYTES < length) break;
        if (at >= c->half) break; /* they are answered first */
        at += FRAME_LENGTH_BYTES;
        struct bytes frame = bytes_of(c->buffer->data + at, length);
        if (n == 0) return is_of_kind(rq, frame) ? rest_of(frame) : BYTES_NULL;
        at += length;
    }
    return BYTES_NULL;
}

void request_foresee(struct request *rq, int32_t count)
{
    PRE(rq->connection && rq->connection->handling == rq && count >= 0);
    rq->connection->foreseen = count;
}

void request_reply_nothing(struct request *rq)
{
    PRE(!rq->done);
    if (rq->deliver) rq->deliver(rq, NULL);
    request_finish(rq);
}

void request_close(struct request *rq)
{
    PRE(!rq->done);
    struct connection *c = rq->connection;
    if (rq->deliver) rq->deliver(rq, NULL);
    rq->done = true;
    if (c)
        connection_close(c, "the request cannot be answered");
    else
        request_free(rq);
}

struct str request_listener(const struct request *rq)
{
    return rq->connection ? str_of(rq->connection->server->config.listener_name) : STR_NULL;
}

void request_name_peer(struct request *rq, int32_t id, int64_t epoch)
{
    struct connection *c = rq->connection;
    if (!c) return;
    c->named = true;
    c->peer_id = id;
    c->peer_epoch = epoch;
}

void request_mark(struct request *rq, bool marked)
{
    if (rq->connection) rq->connection->marked = marked;
}

struct connection_memory *request_memory(const struct request *rq)
{
    return rq->connection ? rq->connection->memory : NULL;
}

bool request_can_remember(const struct request *rq)
{
    return rq->connection;
}

void request_remember(struct request *rq, struct connection_memory *memory)
{
    PRE(request_can_remember(rq));
    rq->connection->memory = memory;
}

struct str request_client_host(struct request *rq)
{
    return rq->connection ? arena_printf(&rq->arena, "/%s", rq->connection->peer.host)
                          : STR("/127.0.0.1");
}

/* "10.0.0.1"; false: it is something else. */
static bool parse_v4(const char *text, uint8_t to[4])
{
    for (int i = 0; i < 4; i++) {
        int32_t value = 0, digits = 0;
        for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
            value = value * 10 + (*text - '0');
        if (digits == 0 || value > 255 || *text != (i < 3 ? '.' : '\0')) return false;
        to[i] = (uint8_t)value;
        text++;
    }
    return true;
}

static int32_t hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "2001:db8::1", "::1%lo"; an IPv4 tail ("::ffff:10.0.0.1") included. */
static bool parse_v6(const char *text, uint8_t to[16])
{
    uint8_t groups[16] = {0};
    int32_t count = 0, gap = -1; /* bytes */
    if (text[0] == ':' && text[1] == ':') {
        gap = 0;
        text += 2;
    }
    while (*text && *text != '%' && count < 16) {
        if (count <= 12 && parse_v4(text, groups + count)) {
            count += 4;
            text = "";
            break;
        }
        int32_t value = 0, digits = 0;
        for (; hex_digit(*text) >= 0 && digits < 4; text++, digits++)
            value = value * 16 + hex_digit(*text);
        if (digits == 0) return false;
        store_be16(groups + count, (uint16_t)value);
        count += 2;
        if (*text == ':' && text[1] == ':' && gap < 0) {
            gap = count;
            text += 2;
        } else if (*text == ':' && text[1]) {
            text++;
        } else if (*text && *text != '%') {
            return false;
        }
    }
    if ((*text && *text != '%') || (gap < 0 && count != 16)) return false;
    memset(to, 0, 16);
    int32_t head = gap < 0 ? 16 : gap;
    memcpy(to, groups, (size_t)head);
    if (gap >= 0) memcpy(to + 16 - (count - head), groups + head, (size_t)(count - head));
    return true;
}

size_t request_client_address(const struct request *rq, uint8_t to[16])
{
    static const uint8_t here[] = {127, 0, 0, 1};
    const char *host = rq->connection ? rq->connection->peer.host : "";
    if (parse_v4(host, to)) return 4;
    if (parse_v6(host, to)) return 16;
    memcpy(to, here, sizeof here);
    return sizeof here;
}
