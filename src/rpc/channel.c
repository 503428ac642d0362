/* States of a network channel and their edges:
 *
 *   idle ── first call ──> connecting ── connected ──> negotiating ── ApiVersions ──> ready
 *    ^                          │                           │                           │
 *    └── backoff over <── waiting <──────── any failure ends the calls in flight ───────┘
 *
 * Calls made before `ready` wait in `waiting_calls`; calls sent wait in `sent_calls`, in order. */
#include "rpc/channel.h"

#include "base/mem.h"
#include "protocol/api_versions.h"
#include "protocol/cursor.h"
#include "protocol/message.h"
#include "protocol/request_header.h"
#include "protocol/response_header.h"
#include "rpc/frame.h"
#include "rpc/server.h"

enum channel_state {
    CHANNEL_IDLE,
    CHANNEL_CONNECTING,
    CHANNEL_NEGOTIATING,
    CHANNEL_READY,
    CHANNEL_WAITING
};

enum {
    API_VERSIONS = 18,
    API_VERSIONS_VERSION = 3, /* flexible, and known to every 2.4+ peer */
    ANSWER_BYTES_MAX = 64 << 20,
};

struct channel {
    struct env env;
    const struct dispatch *local; /* NULL for a network channel */
    char *host;
    uint16_t port;
    char *client_id;
    int64_t request_timeout_ms, backoff_ms;
    int32_t receive_buffer_bytes;
    enum channel_state state;
    struct net_conn *net;
    struct timer backoff;
    struct list_node waiting_calls; /* not sent yet */
    struct list_node sent_calls;    /* in order of sending; and cancelled placeholders */
    int32_t next_correlation_id;
    bool negotiated; /* once: what follows is known, if perhaps of yesterday */
    int16_t peer_min[DISPATCH_APIS_MAX], peer_max[DISPATCH_APIS_MAX];
    uint8_t *input; /* a partly received answer */
    size_t input_len, input_capacity;
    struct arena arena; /* the answer being decoded */
    bool in_callback, destroyed;
};

/* Stands in for a cancelled call so that its answer is skipped. */
static void cancelled_done(struct call *call, enum err e, const void *response)
{
    (void)e;
    (void)response;
    out_free(&call->encoded);
    mem_free(call);
}

/* One call inside this node; lives until its handler has answered, which may be after the caller
 * has lost interest. */
struct local_call {
    struct call *call; /* NULL: cancelled */
    struct channel *channel;
    struct task task;
    struct arena arena;
    int16_t api_key, api_version;
    const void *response;
};

static void call_finish(struct call *call, enum err e, const void *response)
{
    struct channel *c = call->channel;
    list_remove(&call->node);
    timer_cancel(c->env.clock, &call->timer);
    out_free(&call->encoded);
    if (call->local) call->local->call = NULL;
    call->local = NULL;
    call->channel = NULL;
    call->done(call, e, response);
}

static void channel_fail(struct channel *c, enum err e);
static void channel_start(struct channel *c);
static void channel_send_waiting(struct channel *c);
static void channel_free(struct channel *c);
static void call_timed_out(struct timer *t);

static void backoff_over(struct timer *t)
{
    struct channel *c = CONTAINER_OF(t, struct channel, backoff);
    c->state = CHANNEL_IDLE;
    if (!list_empty(&c->waiting_calls)) channel_start(c);
}

/* Frame, header and body at call->api_version. */
static void call_encode(struct channel *c, struct call *call, const void *request, struct out *out)
{
    int64_t start = out->len;
    uint8_t *length = out_reserve(out, 4);
    call->correlation_id = c->next_correlation_id++;
    struct request_header header = {
        .request_api_key = call->api_key,
        .request_api_version = call->api_version,
        .correlation_id = call->correlation_id,
        .client_id = str_of(c->client_id),
    };
    request_header_encode(&header, message_request_header_version(call->api_key, call->api_version),
                          out);
    message_request(call->api_key)->encode(request, call->api_version, out);
    store_be32(length, (uint32_t)(out->len - start - 4));
}

/* The newest version that both sides know; -1 when there is none. */
static int16_t channel_version(const struct channel *c, int16_t api_key, int16_t max_version)
{
    const struct message *m = message_request(api_key);
    int16_t high = m->max_stable_version;
    if (max_version >= 0 && max_version < high) high = max_version;
    if (api_key >= DISPATCH_APIS_MAX || c->peer_max[api_key] < 0) return -1;
    if (c->peer_max[api_key] < high) high = c->peer_max[api_key];
    int16_t low = c->peer_min[api_key] > m->min_version ? c->peer_min[api_key] : m->min_version;
    return high >= low ? high : -1;
}

/* Before negotiation a call is encoded at our newest version; turn it into the version agreed
 * on. */
static enum err call_reencode(struct channel *c, struct call *call)
{
    int16_t version = channel_version(c, call->api_key, call->api_version);
    if (version < 0 || version < call->min_version) return ERR_UNSUPPORTED;
    if (version == call->api_version) return ERR_OK;
    const struct message *m = message_request(call->api_key);
    struct arena arena;
    arena_init(&arena, 0);
    size_t len = (size_t)call->encoded.len;
    uint8_t *flat = arena_alloc(&arena, len);
    out_flatten(&call->encoded, flat);
    struct cursor in = cursor_of(flat + 4, len - 4);
    struct request_header header;
    void *body = arena_zalloc(&arena, 1, m->struct_size);
    enum err e = request_header_decode(
        &header, message_request_header_version(call->api_key, call->api_version), &in, &arena);
    if (!e) e = m->decode(body, call->api_version, &in, &arena);
    POST(e == ERR_OK); /* we encoded it ourselves */
    out_reset(&call->encoded);
    call->api_version = version;
    struct out again; /* may refer to records in the arena */
    out_init(&again);
    call_encode(c, call, body, &again);
    size_t size = (size_t)again.len;
    uint8_t *copy = mem_alloc(size);
    out_flatten(&again, copy);
    out_free(&again);
    out_ref(&call->encoded, copy, (int64_t)size, mem_free, copy);
    arena_free(&arena);
    return ERR_OK;
}

static void channel_send(struct channel *c, struct call *call)
{
    list_remove(&call->node);
    list_push_back(&c->sent_calls, &call->node);
    net_send(c->net, &call->encoded);
}

static void negotiated(struct call *call, enum err e, const void *response)
{
    struct channel *c = call->context;
    mem_free(call);
    if (e) return; /* the channel is failing as a whole */
    const struct api_versions_response *r = response;
    for (int i = 0; i < DISPATCH_APIS_MAX; i++) c->peer_min[i] = c->peer_max[i] = -1;
    for (int32_t i = 0; i < r->api_keys_count; i++) {
        const struct api_versions_response_api_version *v = &r->api_keys[i];
        if (v->api_key < 0 || v->api_key >= DISPATCH_APIS_MAX) continue;
        c->peer_min[v->api_key] = v->min_version;
        c->peer_max[v->api_key] = v->max_version;
    }
    c->negotiated = true;
    c->state = CHANNEL_READY;
    channel_send_waiting(c);
}

static void channel_connected(struct net_conn *net, enum err e)
{
    struct channel *c = net->owner;
    if (e) {
        channel_fail(c, e);
        return;
    }
    c->state = CHANNEL_NEGOTIATING;
    struct call *call = MEM_NEW(struct call);
    call_init(call);
    call->channel = c;
    call->api_key = API_VERSIONS;
    call->api_version = API_VERSIONS_VERSION;
    call->done = negotiated;
    call->context = c;
    timer_init(&call->timer, call_timed_out);
    timer_arm_in_ms(c->env.clock, &call->timer, c->request_timeout_ms);
    struct api_versions_request request;
    api_versions_request_init(&request);
    request.client_software_name = STR("samsa");
    request.client_software_version = STR("1.0");
    call_encode(c, call, &request, &call->encoded);
    channel_send(c, call);
}

/* One whole answer. False when it makes no sense: the connection is beyond repair. */
static bool channel_answer(struct channel *c, struct bytes frame)
{
    if (list_empty(&c->sent_calls)) return false;
    struct call *call = CONTAINER_OF(c->sent_calls.next, struct call, node);
    struct cursor in = cursor_of_bytes(frame);
    struct response_header header;
    int16_t header_version = message_response_header_version(call->api_key, call->api_version);
    if (response_header_decode(&header, header_version, &in, &c->arena)) return false;
    if (header.correlation_id != call->correlation_id) return false;
    const struct message *m = message_response(call->api_key);
    void *response = arena_zalloc(&c->arena, 1, m->struct_size);
    if (m->decode(response, call->api_version, &in, &c->arena)) return false;
    call_finish(call, ERR_OK, response);
    return true;
}

static void channel_handle_input(struct channel *c)
{
    size_t at = 0;
    bool fine = true;
    struct net_conn *net = c->net;
    while (fine && c->input_len - at >= FRAME_LENGTH_BYTES) {
        uint32_t length = load_be32(c->input + at);
        if (length > ANSWER_BYTES_MAX) {
            fine = false;
            break;
        }
        if (c->input_len - at - FRAME_LENGTH_BYTES < length) break;
        fine = channel_answer(c, bytes_of(c->input + at + FRAME_LENGTH_BYTES, length));
        at += FRAME_LENGTH_BYTES + (size_t)length;
        if (c->destroyed || c->net != net) return; /* a callback ended this connection */
        arena_reset(&c->arena);                    /* answers may follow each other for ever */
    }
    if (!fine) {
        channel_fail(c, ERR_CORRUPT);
        return;
    }
    memmove(c->input, c->input + at, c->input_len - at);
    c->input_len -= at;
    net_expect(c->net, frame_expects(c->input, c->input_len));
}

static void channel_readable(struct net_conn *net)
{
    struct channel *c = net->owner;
    enum { READ_BYTES = 64 << 10 };
    if (c->input_capacity - c->input_len < READ_BYTES) {
        c->input_capacity = c->input_len * 2 + READ_BYTES;
        c->input = mem_realloc(c->input, c->input_capacity);
    }
    size_t got = 0;
    enum err e = net_recv(net, c->input + c->input_len, c->input_capacity - c->input_len, &got);
    if (e == ERR_AGAIN) return;
    if (e) {
        channel_fail(c, e == ERR_EOF ? ERR_CLOSED : e);
        return;
    }
    c->input_len += got;
    c->in_callback = true;
    channel_handle_input(c);
    c->in_callback = false;
    if (c->destroyed) channel_free(c);
}

static void channel_broken(struct net_conn *net, enum err e)
{
    channel_fail(net->owner, e);
}

static const struct net_events channel_events = {
    .connected = channel_connected,
    .readable = channel_readable,
    .broken = channel_broken,
};

static void channel_start(struct channel *c)
{
    c->state = CHANNEL_CONNECTING;
    enum err e = net_connect_sized(c->env.net, c->host, c->port, c->receive_buffer_bytes, &c->net);
    if (e) {
        c->net = NULL;
        channel_fail(c, e);
        return;
    }
    c->net->owner = c;
    c->net->events = &channel_events;
}

/* End every call that was in flight or waiting, then rest for the backoff. */
static void channel_fail(struct channel *c, enum err e)
{
    if (c->net) net_close(c->net);
    c->net = NULL;
    c->input_len = 0;
    c->state = CHANNEL_WAITING;
    if (!c->destroyed) timer_arm_in_ms(c->env.clock, &c->backoff, c->backoff_ms);
    struct list_node ended;
    list_init(&ended);
    while (!list_empty(&c->sent_calls)) {
        struct list_node *n = c->sent_calls.next;
        list_remove(n);
        list_push_back(&ended, n);
    }
    while (!list_empty(&c->waiting_calls)) {
        struct list_node *n = c->waiting_calls.next;
        list_remove(n);
        list_push_back(&ended, n);
    }
    while (!list_empty(&ended)) call_finish(CONTAINER_OF(ended.next, struct call, node), e, NULL);
}

static void channel_init(struct channel *c, const struct env *env)
{
    c->env = *env;
    timer_init(&c->backoff, backoff_over);
    list_init(&c->waiting_calls);
    list_init(&c->sent_calls);
    arena_init(&c->arena, 0);
}

struct channel *channel_create(const struct env *env, const struct channel_config *config)
{
    struct channel *c = MEM_NEW(struct channel);
    channel_init(c, env);
    c->host = str_dup_z(str_of(config->host));
    c->port = config->port;
    c->client_id = str_dup_z(str_of(config->client_id));
    c->request_timeout_ms = config->request_timeout_ms;
    c->backoff_ms = config->backoff_ms;
    c->receive_buffer_bytes = config->receive_buffer_bytes;
    return c;
}

struct channel *channel_create_local(const struct env *env, const struct dispatch *dispatch,
                                     const char *client_id)
{
    struct channel *c = MEM_NEW(struct channel);
    channel_init(c, env);
    c->local = dispatch;
    c->client_id = str_dup_z(str_of(client_id));
    return c;
}

struct channel *channel_create_nowhere(const struct env *env)
{
    struct channel *c = MEM_NEW(struct channel);
    channel_init(c, env);
    return c;
}

static void channel_free(struct channel *c)
{
    arena_free(&c->arena);
    mem_free(c->input);
    mem_free(c->host);
    mem_free(c->client_id);
    mem_free(c);
}

void channel_destroy(struct channel *c)
{
    PRE(!c->destroyed);
    c->destroyed = true;
    channel_fail(c, ERR_CLOSED);
    timer_cancel(c->env.clock, &c->backoff);
    if (!c->in_callback) channel_free(c);
}

/* ---- inside this node */

static void local_call_end(struct task *t)
{
    struct local_call *l = CONTAINER_OF(t, struct local_call, task);
    if (l->call) {
        call_finish(l->call, l->response ? ERR_OK : ERR_CLOSED, l->response);
    }
    arena_free(&l->arena);
    mem_free(l);
}

/* The answer is copied by encoding and decoding it, as if it had crossed the network. */
static void local_call_deliver(struct request *rq, const void *response)
{
    struct local_call *l = rq->context;
    if (!l->call) response = NULL;
    if (response) {
        const struct message *m = message_response(l->api_key);
        struct out encoded;
        out_init(&encoded);
        m->encode(response, l->api_version, &encoded);
        uint8_t *flat = arena_alloc(&l->arena, (size_t)encoded.len);
        out_flatten(&encoded, flat);
        void *copy = arena_zalloc(&l->arena, 1, m->struct_size);
        struct cursor in = cursor_of(flat, (size_t)encoded.len);
        out_free(&encoded);
        enum err e = m->decode(copy, l->api_version, &in, &l->arena);
        POST(e == ERR_OK);
        l->response = copy;
    }
    if (l->call)
        task_post(l->channel->env.clock, &l->task);
    else
        local_call_end(&l->task);
}

static void channel_call_local(struct channel *c, struct call *call, const void *request)
{
    struct local_call *l = MEM_NEW(struct local_call);
    l->call = call;
    l->channel = c;
    l->api_key = call->api_key;
    l->api_version = call->api_version;
    arena_init(&l->arena, 0);
    task_init(&l->task, local_call_end);
    call->local = l;
    list_push_back(&c->sent_calls, &call->node);
    rpc_call_local(&c->env, c->local, call->api_key, call->api_version, request,
                   str_of(c->client_id), local_call_deliver, l);
}

/* ---- calls */

static void call_timed_out(struct timer *t)
{
    struct call *call = CONTAINER_OF(t, struct call, timer);
    /* Later answers on this connection could not be told apart from a stuck one: start afresh. */
    channel_fail(call->channel, ERR_TIMEOUT);
}

static void call_refused(struct timer *t)
{
    call_finish(CONTAINER_OF(t, struct call, timer), ERR_CLOSED, NULL);
}

static void channel_send_waiting(struct channel *c)
{
    while (!list_empty(&c->waiting_calls)) {
        struct call *call = CONTAINER_OF(c->waiting_calls.next, struct call, node);
        enum err e = call_reencode(c, call);
        if (e)
            call_finish(call, e, NULL);
        else
            channel_send(c, call);
    }
}

/* A ready connection takes the call straight into its queue, which allocates nothing. */
static bool channel_send_now(struct channel *c, struct call *call, const void *request)
{
    if (c->state != CHANNEL_READY || !list_empty(&c->waiting_calls)) return false;
    int16_t version = channel_version(c, call->api_key, call->api_version);
    if (version < 0 || version < call->min_version) return false; /* ends as one that waited */
    call->api_version = version;
    call_encode(c, call, request, net_out(c->net));
    list_push_back(&c->sent_calls, &call->node);
    net_kick(c->net);
    return true;
}

void channel_call(struct channel *c, struct call *call, int16_t api_key, int16_t max_version,
                  const void *request, void (*done)(struct call *, enum err, const void *))
{
    PRE(!list_linked(&call->node) && !call->channel);
    const struct message *m = message_request(api_key);
    call->channel = c;
    call->api_key = api_key;
    call->done = done;
    call->api_version = max_version >= 0 && max_version < m->max_stable_version
                            ? max_version
                            : m->max_stable_version;
    timer_init(&call->timer, call_timed_out);
    out_init(&call->encoded);
    if (c->local) {
        channel_call_local(c, call, request);
        return;
    }
    if (!c->host) {
        timer_init(&call->timer, call_refused);
        list_push_back(&c->sent_calls, &call->node);
        timer_arm_in_ms(c->env.clock, &call->timer, 0);
        return;
    }
    timer_arm_in_ms(c->env.clock, &call->timer, c->request_timeout_ms);
    if (channel_send_now(c, call, request)) return;
    call_encode(c, call, request, &call->encoded);
    list_push_back(&c->waiting_calls, &call->node);
    if (c->state == CHANNEL_READY)
        channel_send_waiting(c);
    else if (c->state == CHANNEL_IDLE)
        channel_start(c);
}

bool channel_peer_range(const struct channel *c, int16_t api_key, int16_t *min, int16_t *max)
{
    PRE(api_key >= 0 && api_key < DISPATCH_APIS_MAX);
    *min = *max = -1;
    if (c->local) {
        const struct api_handler *h = api_key < c->local->count ? &c->local->table[api_key] : NULL;
        if (h && h->handle) {
            *min = h->min;
            *max = h->max;
        }
        return true;
    }
    if (!c->negotiated) return false;
    *min = c->peer_min[api_key];
    *max = c->peer_max[api_key];
    return true;
}

void channel_cancel(struct call *call)
{
    struct channel *c = call->channel;
    if (!c) return;
    timer_cancel(c->env.clock, &call->timer);
    call->channel = NULL;
    if (call->local) call->local->call = NULL;
    call->local = NULL;
    if (c->local || !c->host) {
        list_remove(&call->node);
        return;
    }
    /* Sent already: somebody must stay in line to skip its answer. */
    struct call *stand_in = MEM_NEW(struct call);
    call_init(stand_in);
    stand_in->channel = c;
    stand_in->api_key = call->api_key;
    stand_in->api_version = call->api_version;
    stand_in->correlation_id = call->correlation_id;
    stand_in->done = cancelled_done;
    stand_in->encoded = call->encoded;
    timer_init(&stand_in->timer, call_timed_out);
    timer_arm_in_ms(c->env.clock, &stand_in->timer, c->request_timeout_ms);
    out_init(&call->encoded);
    list_insert_before(&call->node, &stand_in->node);
    list_remove(&call->node);
}
