/* A connection's states and what it waits for:
 *
 *     connecting ──outcome──> open ──end of stream, reset, failed send──> ended ──> closed by owner
 *
 *     EPOLLIN   while open and not paused
 *     EPOLLOUT  while connecting, and while the kernel has refused bytes
 *
 * Whatever has to be told later than the call that noticed it (a connect that fails at once, output
 * to flush, an end seen by recv) puts the connection on the `attention` list, which is worked off
 * at the end of each turn. */
#include "env/os/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/mem.h"
#include "env/os/disk.h"
#include "env/os/resolve.h"

enum {
    ACCEPTS_PER_TURN = 64,
    IOV_AT_ONCE = 64,
    FLUSH_BYTES_PER_TURN = 4 << 20, /* then the other connections get their turn */
    CHUNKS_SENT_KEPT = 256,         /* then the front of the queue is given back */
    RESERVE_RETRY_MS = 100,
    /* A name whose servers do not answer occupies one for half a minute. */
    RESOLVE_THREADS = OS_HELPERS_MAX,
};

/* In os_conn.watched: taken out of epoll, because it would report the hang-up for ever. */
#define UNWATCHED UINT32_MAX

struct os_listener {
    struct net_listener listener; /* first */
    struct os_source source;
    struct timer retry; /* while no descriptor could be had even to refuse with */
    uint16_t port;
};

struct os_conn {
    struct net_conn conn; /* first */
    struct os_source source;
    struct list_node attention;
    struct out out;
    int32_t chunk_at;   /* of out: the first chunk not wholly sent */
    int64_t chunk_sent; /* bytes sent of that chunk */
    int64_t sent;       /* bytes sent of out */
    uint32_t watched;   /* epoll events */
    enum err ended;     /* why the stream is over */
    bool connecting, paused, blocked, undrained, told;
    size_t expected;               /* unread bytes to be told of: SO_RCVLOWAT */
    bool corked;                   /* partial packets wait in the kernel for what follows */
    struct resolve_job *resolving; /* while connecting by name */
    struct os_addresses addresses; /* while connecting */
    int address_at;
    int32_t receive_buffer_bytes; /* to ask for before connecting; <= 0: the system's */
    bool refused; /* by one of them: says more than that another cannot be reached at all */
};

static const struct net_ops os_net_ops;

static struct os_net *net_of(struct net *n)
{
    return CONTAINER_OF(n, struct os_net, net);
}

static enum err net_err(int error)
{
    switch (error) {
    case ECONNREFUSED: return ERR_REFUSED;
    case ETIMEDOUT: return ERR_TIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ENETDOWN: return ERR_UNREACHABLE;
    case EADDRINUSE: return ERR_ADDRESS_IN_USE;
    case EACCES:
    case EPERM: return ERR_PERMISSION;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return ERR_NO_DESCRIPTORS;
    default: return ERR_RESET;
    }
}

/* ---- connections: what is watched, what needs attention */

static void watch(struct os_conn *c)
{
    uint32_t events = 0;
    if (c->watched == UNWATCHED) return;
    if (c->connecting || c->blocked) events |= EPOLLOUT;
    if (!c->connecting && !c->paused && !c->ended) events |= EPOLLIN;
    if (events == c->watched || c->source.fd < 0) return;
    c->watched = events;
    os_loop_change(net_of(c->conn.net)->loop, &c->source, events);
}

static void need_attention(struct os_conn *c)
{
    struct os_net *n = net_of(c->conn.net);
    if (!list_linked(&c->attention)) list_push_back(&n->attention, &c->attention);
    n->loop->busy = true;
}

static void end(struct os_conn *c, enum err why)
{
    if (c->ended) return;
    c->ended = why;
    c->blocked = false;
    watch(c);
    need_attention(c);
}

/* ---- sending */

static void release_chunk(struct chunk *k)
{
    void (*release)(void *) = k->release;
    k->release = NULL;
    if (release) release(k->owner);
}

static void advance(struct os_conn *c, int64_t bytes)
{
    c->sent += bytes;
    c->chunk_sent += bytes;
    while (c->chunk_at < c->out.chunks_count) {
        struct chunk *k = &c->out.chunks[c->chunk_at];
        if (c->chunk_sent < k->len) break;
        c->chunk_sent -= k->len;
        c->chunk_at++;
        release_chunk(k);
    }
}

/* The rest of a small range, read to `to`. False: it is not small, has no room, or cannot be read;
 * send_file says why. */
static bool read_small(const struct chunk *k, int64_t skip, uint8_t *to, size_t room)
{
    size_t left = (size_t)(k->len - skip);
    int fd;
    if (k->len > OS_NET_SMALL_BYTES || left > room || os_file_fd(k->file, &fd)) return false;
    return pread(fd, to, left, k->file_offset + skip) == (ssize_t)left;
}

/* One sendmsg of the chunks from chunk_at on, up to a range of a file that is not small. 0: it
 * begins with one. */
static ssize_t send_memory(struct os_conn *c)
{
    struct os_net *net = net_of(c->conn.net);
    struct iovec iov[IOV_AT_ONCE];
    int32_t at = c->chunk_at;
    int n = 0;
    int64_t skip = c->chunk_sent;
    size_t used = 0;
    for (; at < c->out.chunks_count && n < IOV_AT_ONCE; at++) {
        const struct chunk *k = &c->out.chunks[at];
        const uint8_t *from = k->data ? k->data + skip : net->small + used;
        if (!k->data) {
            if (!read_small(k, skip, net->small + used, sizeof net->small - used)) break;
            used += (size_t)(k->len - skip);
        }
        iov[n++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)from, .iov_len = (size_t)(k->len - skip)};
        skip = 0;
    }
    if (n == 0) return 0;
    bool more = at < c->out.chunks_count; /* a file range follows: one packet with it */
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};
    return sendmsg(c->source.fd, &m, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

/* sendfile pushes its last bytes out, and what stands behind a range, a few bytes that end a
 * message, would be a packet of its own and wake the peer a second time. */
static void cork(struct os_conn *c, bool corked)
{
    if (c->corked == corked) return;
    if (setsockopt(c->source.fd, IPPROTO_TCP, TCP_CORK, &(int){corked}, sizeof(int)) == 0)
        c->corked = corked;
}

static ssize_t send_file(struct os_conn *c)
{
    if (c->chunk_at + 1 < c->out.chunks_count) cork(c, true);
    const struct chunk *k = &c->out.chunks[c->chunk_at];
    int fd;
    if (os_file_fd(k->file, &fd)) {
        errno = EIO;
        return -1;
    }
    off_t offset = k->file_offset + c->chunk_sent;
    int64_t left = k->len - c->chunk_sent;
    if (left > FLUSH_BYTES_PER_TURN) left = FLUSH_BYTES_PER_TURN;
    ssize_t n = sendfile(c->source.fd, fd, &offset, (size_t)left);
    if (n == 0) errno = EIO; /* the file is shorter than the range promised */
    return n == 0 ? -1 : n;
}

/* Ended is the only error: AGAIN means blocked by the kernel or by fairness. */
static enum err send_some(struct os_conn *c)
{
    int64_t enough = c->sent + FLUSH_BYTES_PER_TURN;
    while (c->sent < c->out.len) {
        if (c->sent >= enough) {
            need_attention(c);
            return ERR_AGAIN;
        }
        ssize_t n = send_memory(c);
        if (n == 0) n = send_file(c);
        if (n > 0) {
            advance(c, n);
        } else if (errno == EAGAIN) {
            c->blocked = true;
            return ERR_AGAIN;
        } else if (errno != EINTR) {
            return errno == EIO ? ERR_IO : ERR_RESET;
        }
    }
    cork(c, false);
    return ERR_OK;
}

/* Give back what was sent when the queue never runs empty. */
static void trim(struct os_conn *c)
{
    if (c->chunk_at < CHUNKS_SENT_KEPT) return;
    out_drop_front(&c->out, c->chunk_at);
    c->sent = c->chunk_sent;
    c->chunk_at = 0;
}

/* All of it has been sent. */
static void emptied(struct os_conn *c)
{
    out_reset(&c->out);
    c->chunk_at = 0;
    c->chunk_sent = c->sent = 0;
}

static void flush(struct os_conn *c)
{
    if (c->connecting || c->ended || !c->undrained) return;
    c->blocked = false;
    enum err e = send_some(c);
    if (e && e != ERR_AGAIN) {
        end(c, e);
        return;
    }
    if (e) trim(c);
    watch(c);
    if (e) return;
    emptied(c);
    c->undrained = false;
    if (c->conn.events->drained) c->conn.events->drained(&c->conn);
}

/* ---- connecting */

/* A broker's peers are near: bbr, the default of some systems, paces and halves what sendfile
 * reaches over loopback. Where cubic is not to be had the system's choice stays. Before connecting
 * and on the listener, whose connections inherit it: one that has once had bbr is paced for ever,
 * by a timer for each 64 KiB. */
static void tune_socket(int fd)
{
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
}

static enum err connect_next(struct os_conn *c);

static void connect_finished(struct os_conn *c, enum err e)
{
    struct os_loop *loop = net_of(c->conn.net)->loop;
    if (e) {
        if (e == ERR_REFUSED) c->refused = true;
        /* Another address of the name may do. The socket is used up by a failed connect. */
        if (c->source.fd >= 0) {
            epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, c->source.fd, NULL);
            close(c->source.fd);
            c->source.fd = -1;
        }
        if (c->address_at < c->addresses.count && connect_next(c) == ERR_OK) return;
        if (e == ERR_UNREACHABLE && c->refused) e = ERR_REFUSED;
    }
    c->connecting = false;
    c->ended = e;
    c->told = e != ERR_OK;
    watch(c);
    if (!e && c->undrained) need_attention(c);
    c->conn.events->connected(&c->conn, e);
}

static void connect_outcome(struct os_conn *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(c->source.fd, SOL_SOCKET, SO_ERROR, &error, &len)) error = errno;
    connect_finished(c, error ? net_err(error) : ERR_OK);
}

/* Tries addresses until one is under way. Err: that of the last. */
static enum err connect_next(struct os_conn *c)
{
    enum err e = ERR_UNREACHABLE;
    while (c->address_at < c->addresses.count) {
        const union os_sockaddr *a = &c->addresses.list[c->address_at++];
        int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            e = net_err(errno);
            continue;
        }
        tune_socket(fd);
        if (c->receive_buffer_bytes > 0) /* before connecting, or the window cannot use it */
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &c->receive_buffer_bytes, sizeof(int));
        if (connect(fd, &a->any, os_sockaddr_len(a)) && errno != EINPROGRESS) {
            e = net_err(errno);
            c->refused |= e == ERR_REFUSED;
            close(fd);
            continue;
        }
        c->source.fd = fd;
        c->watched = EPOLLOUT;
        e = os_loop_add(net_of(c->conn.net)->loop, &c->source, c->watched);
        if (!e) return ERR_OK;
        close(fd);
        c->source.fd = -1;
    }
    return e == ERR_UNREACHABLE && c->refused ? ERR_REFUSED : e;
}

/* ---- events */

static void conn_ready(struct os_source *source, uint32_t events)
{
    struct os_conn *c = CONTAINER_OF(source, struct os_conn, source);
    if (c->connecting) {
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) connect_outcome(c);
        return;
    }
    bool gone = events & (EPOLLERR | EPOLLHUP);
    if ((events & EPOLLOUT) && c->blocked) flush(c);
    if (source->retired) return;
    if (c->ended || (gone && c->paused)) { /* else recv tells, behind the bytes that are left */
        end(c, ERR_RESET);
        if (gone) epoll_ctl(net_of(c->conn.net)->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
        if (gone) c->watched = UNWATCHED;
        return;
    }
    if (((events & EPOLLIN) || gone) && !c->paused) c->conn.events->readable(&c->conn);
}

static void conn_freed(struct os_source *source)
{
    struct os_conn *c = CONTAINER_OF(source, struct os_conn, source);
    out_free(&c->out);
    mem_free(c);
}

static struct os_conn *conn_new(struct os_net *n, int fd)
{
    struct os_conn *c = MEM_NEW(struct os_conn);
    c->conn.net = &n->net;
    c->source = (struct os_source){.fd = fd, .ready = conn_ready, .freed = conn_freed};
    c->expected = 1;
    list_init(&c->attention);
    out_init(&c->out);
    return c;
}

/* A name on its way to addresses. */
struct resolve_job {
    struct os_job job;    /* first */
    struct os_conn *conn; /* the loop's; NULL: closed meanwhile */
    uint16_t port;
    enum err e;
    struct os_addresses addresses;
    char host[];
};

static void resolve_work(struct os_job *job)
{
    struct resolve_job *r = (struct resolve_job *)job;
    r->e = os_resolve(r->host, r->port, &r->addresses);
}

/* Told from the loop, as every outcome is. */
static void connect_failed(struct os_conn *c, enum err e)
{
    c->ended = e;
    need_attention(c);
}

static void resolve_done(struct os_job *job)
{
    struct resolve_job *r = (struct resolve_job *)job;
    struct os_conn *c = r->conn;
    if (c) {
        c->resolving = NULL;
        c->addresses = r->addresses;
        enum err e = r->e ? r->e : connect_next(c);
        if (e) connect_failed(c, e);
    }
    mem_free(r);
}

static void resolve_abandoned(struct os_job *job)
{
    mem_free(job);
}

static void resolve_start(struct os_conn *c, const char *host, uint16_t port)
{
    size_t size = strlen(host) + 1;
    struct resolve_job *r = mem_zalloc(1, sizeof *r + size);
    os_job_init(&r->job, resolve_work, resolve_done);
    r->conn = c;
    r->port = port;
    memcpy(r->host, host, size);
    c->resolving = r;
    os_helpers_start(&net_of(c->conn.net)->helpers, &r->job);
}

/* A lookup that nobody waits for any more is not made: who is gone is asked for again and again. */
static void resolve_forget(struct os_conn *c)
{
    struct resolve_job *r = c->resolving;
    c->resolving = NULL;
    if (os_helpers_take_back(&net_of(c->conn.net)->helpers, &r->job))
        mem_free(r);
    else
        r->conn = NULL;
}

static enum err os_connect(struct net *net, const char *host, uint16_t port,
                           int32_t receive_buffer_bytes, struct net_conn **out)
{
    struct os_addresses addresses;
    enum err e = os_resolve_numeric(host, port, &addresses);
    struct os_conn *c = conn_new(net_of(net), -1);
    c->connecting = true;
    c->receive_buffer_bytes = receive_buffer_bytes;
    if (e) {
        resolve_start(c, host, port);
    } else {
        c->addresses = addresses;
        e = connect_next(c);
        if (e == ERR_NO_DESCRIPTORS) {
            mem_free(c);
            return e;
        }
        if (e) connect_failed(c, e);
    }
    *out = &c->conn;
    return ERR_OK;
}

static enum err os_recv(struct net_conn *conn, void *to, size_t len, size_t *got)
{
    struct os_conn *c = (struct os_conn *)conn;
    PRE(len > 0);
    *got = 0;
    if (c->connecting) return ERR_AGAIN;
    if (c->ended) return c->ended == ERR_EOF ? ERR_EOF : ERR_RESET;
    ssize_t n;
    do n = recv(c->source.fd, to, len, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        *got = (size_t)n;
        return ERR_OK;
    }
    if (n < 0 && errno == EAGAIN) return ERR_AGAIN;
    enum err e = n == 0 ? ERR_EOF : ERR_RESET;
    end(c, e);
    return e;
}

static struct out *os_out(struct net_conn *conn)
{
    return &((struct os_conn *)conn)->out;
}

static void os_kick(struct net_conn *conn)
{
    struct os_conn *c = (struct os_conn *)conn;
    c->undrained = true;
    if (!c->blocked && !c->connecting) need_attention(c);
}

static void os_flush(struct net_conn *conn)
{
    struct os_conn *c = (struct os_conn *)conn;
    if (c->blocked || c->connecting || c->ended) return;
    if (send_some(c) == ERR_OK) emptied(c); /* what failed fails again as the turn ends */
}

static bool os_waited(const struct net *n)
{
    return CONTAINER_OF(n, const struct os_net, net)->loop->waited;
}

static int64_t os_unsent(struct net_conn *conn)
{
    const struct os_conn *c = (const struct os_conn *)conn;
    return c->out.len - c->sent;
}

static void os_pause(struct net_conn *conn, bool paused)
{
    struct os_conn *c = (struct os_conn *)conn;
    c->paused = paused;
    watch(c);
}

/* The kernel tells all the same once its buffer or the window is full, and enlarges the buffer. */
static void os_expect(struct net_conn *conn, size_t bytes)
{
    struct os_conn *c = (struct os_conn *)conn;
    PRE(bytes > 0 && bytes <= INT32_MAX);
    if (c->expected == bytes || c->connecting || c->ended) return;
    if (setsockopt(c->source.fd, SOL_SOCKET, SO_RCVLOWAT, &(int){(int)bytes}, sizeof(int)) == 0)
        c->expected = bytes;
}

static void os_conn_close(struct net_conn *conn)
{
    struct os_conn *c = (struct os_conn *)conn;
    if (!c->connecting && !c->ended && c->sent < c->out.len) {
        enum err e = send_some(c);
        (void)e; /* tried */
    }
    if (c->resolving) resolve_forget(c);
    list_remove(&c->attention);
    out_free(&c->out);
    os_loop_retire(net_of(conn->net)->loop, &c->source);
}

static void os_peer(struct net_conn *conn, struct net_address *a)
{
    struct os_conn *c = (struct os_conn *)conn;
    union os_sockaddr s;
    socklen_t len = sizeof s;
    *a = (struct net_address){.port = 0};
    if (getpeername(c->source.fd, &s.any, &len) == 0)
        os_sockaddr_text(&s, a);
    else if (c->address_at > 0)
        os_sockaddr_text(&c->addresses.list[c->address_at - 1], a);
}

void os_net_flush(struct os_net *n)
{
    struct list_node now;
    list_init(&now);
    while (!list_empty(&n->attention)) {
        struct list_node *node = n->attention.next;
        list_remove(node);
        list_push_back(&now, node);
    }
    n->loop->busy = false;
    while (!list_empty(&now)) {
        struct os_conn *c = CONTAINER_OF(now.next, struct os_conn, attention);
        list_remove(&c->attention);
        if (c->connecting && c->ended) {
            connect_finished(c, c->ended);
        } else if (c->ended && !c->told) {
            c->told = true;
            c->conn.events->broken(&c->conn, c->ended);
        } else {
            flush(c);
        }
    }
    if (!list_empty(&n->attention)) n->loop->busy = true;
}

/* ---- listeners */

/* No descriptor is left: with the reserve, accept the newest connection only to close it, so that
 * its client learns at once and epoll falls silent. False when even that failed. */
static bool refuse_one(struct os_net *n, int listener_fd)
{
    if (n->reserve_fd >= 0) close(n->reserve_fd);
    int fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) close(fd);
    n->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

static void accept_one(struct os_listener *l, int fd)
{
    struct os_net *n = net_of(l->listener.net);
    struct os_conn *c = conn_new(n, fd);
    c->watched = EPOLLIN;
    if (os_loop_add(n->loop, &c->source, c->watched)) {
        close(fd);
        conn_freed(&c->source);
        return;
    }
    l->listener.accepted(&l->listener, &c->conn);
}

static void listener_ready(struct os_source *source, uint32_t events)
{
    (void)events;
    struct os_listener *l = CONTAINER_OF(source, struct os_listener, source);
    struct os_net *n = net_of(l->listener.net);
    for (int i = 0; i < ACCEPTS_PER_TURN && !source->retired; i++) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accept_one(l, fd);
        } else if (errno == EMFILE || errno == ENFILE) {
            if (refuse_one(n, source->fd)) continue;
            os_loop_change(n->loop, source, 0);
            timer_arm_in_ms(&n->loop->clock, &l->retry, RESERVE_RETRY_MS);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

static void listener_retry(struct timer *timer)
{
    struct os_listener *l = CONTAINER_OF(timer, struct os_listener, retry);
    os_loop_change(net_of(l->listener.net)->loop, &l->source, EPOLLIN);
}

static void listener_freed(struct os_source *source)
{
    mem_free(CONTAINER_OF(source, struct os_listener, source));
}

static bool is_wildcard(const char *host)
{
    return !host || !*host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* A bound and listening socket. Err: as net_listen. */
static enum err listen_on(const union os_sockaddr *a, int backlog, int *out)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return net_err(errno);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    tune_socket(fd);
    if (a->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
    if (bind(fd, &a->any, os_sockaddr_len(a)) || listen(fd, backlog)) {
        enum err e = net_err(errno);
        close(fd);
        return e;
    }
    *out = fd;
    return ERR_OK;
}

static enum err os_listen(struct net *net, const char *host, uint16_t port, int backlog,
                          struct net_listener **out)
{
    struct os_net *n = net_of(net);
    bool every = is_wildcard(host);
    struct os_addresses addresses;
    enum err e = os_resolve(every ? "::" : host, port, &addresses);
    if (e) return e;
    int fd;
    e = listen_on(&addresses.list[0], backlog, &fd);
    if (e == ERR_UNREACHABLE && every) { /* a machine without IPv6 */
        e = os_resolve("0.0.0.0", port, &addresses);
        if (!e) e = listen_on(&addresses.list[0], backlog, &fd);
    }
    if (e) return e;
    struct os_listener *l = MEM_NEW(struct os_listener);
    l->listener.net = net;
    l->source = (struct os_source){.fd = fd, .ready = listener_ready, .freed = listener_freed};
    timer_init(&l->retry, listener_retry);
    union os_sockaddr bound;
    socklen_t len = sizeof bound;
    if (getsockname(fd, &bound.any, &len) == 0) l->port = os_sockaddr_port(&bound);
    e = os_loop_add(n->loop, &l->source, EPOLLIN);
    if (e) {
        close(fd);
        mem_free(l);
        return e;
    }
    *out = &l->listener;
    return ERR_OK;
}

static void os_listener_close(struct net_listener *listener)
{
    struct os_listener *l = (struct os_listener *)listener;
    struct os_loop *loop = net_of(listener->net)->loop;
    timer_cancel(&loop->clock, &l->retry);
    os_loop_retire(loop, &l->source);
}

static uint16_t os_listener_port(struct net_listener *listener)
{
    return ((struct os_listener *)listener)->port;
}

static const struct net_ops os_net_ops = {
    .listen = os_listen,
    .listener_close = os_listener_close,
    .listener_port = os_listener_port,
    .connect = os_connect,
    .recv = os_recv,
    .out = os_out,
    .kick = os_kick,
    .flush = os_flush,
    .waited = os_waited,
    .unsent = os_unsent,
    .pause = os_pause,
    .expect = os_expect,
    .close = os_conn_close,
    .peer = os_peer,
};

enum err os_net_init(struct os_net *n, struct os_loop *loop)
{
    *n = (struct os_net){.net.ops = &os_net_ops, .loop = loop};
    list_init(&n->attention);
    n->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    enum err e = os_helpers_init(&n->helpers, loop, RESOLVE_THREADS);
    return e ? e : n->reserve_fd < 0 ? ERR_NO_DESCRIPTORS : ERR_OK;
}

void os_net_free(struct os_net *n)
{
    INVARIANT(list_empty(&n->attention));
    os_helpers_free(&n->helpers, resolve_abandoned);
    if (n->reserve_fd >= 0) close(n->reserve_fd);
}
