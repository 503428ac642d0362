/* The floor under every produce figure: receive, checksum, append, answer, and nothing else; and
 * under every fetch figure: a bare sendfile of what was appended.
 *
 *     null_broker PORT FILE
 *
 * One epoll thread. Understands exactly what bench/load sends: Produce with one topic, one
 * partition and one batch, whose place in the frame it finds by the batch's magic bytes' fixed
 * distance from the frame's end. Answers a produce answer of version 7. Stops on SIGTERM. Not part
 * of Samsa. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <isa-l/crc.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

enum { CONNECTIONS_MAX = 256, BUFFER_BYTES = 4 << 20, BATCH_HEADER_BYTES = 61, TOPIC_MAX = 64 };

struct connection {
    int fd;
    size_t len;
    uint8_t *data;
};

static int file;
static int64_t file_end, offset_next, batch_bytes, batch_records;

static ssize_t send_all(int fd, const void *data, size_t len, int flags)
{
    return send(fd, data, len, flags) == (ssize_t)len ? 0 : -1;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* [length][key version correlation clientId][transactionalId acks timeout][1 topic [1 partition
 * bytes]] */
static void answer(struct connection *c, const uint8_t *frame, size_t len)
{
    const uint8_t *p = frame + 4;
    uint32_t correlation = load_be32(p);
    p += 4;
    p += 2 + (int16_t)load_be16(p); /* client id */
    p += 2 + 2 + 4 + 4;             /* transactional id (null), acks, timeout, count */
    uint16_t topic_len = load_be16(p);
    const uint8_t *topic = p + 2;
    p += 2 + topic_len + 4;
    uint32_t partition = load_be32(p);
    uint8_t *batch = (uint8_t *)(uintptr_t)(p + 8);
    size_t batch_len = load_be32(p + 4);
    if (batch + batch_len != frame + len || topic_len > TOPIC_MAX) {
        fprintf(stderr, "null_broker: not what bench/load sends\n");
        exit(1);
    }
    uint32_t crc = ~crc32_iscsi(batch + 21, (int)(batch_len - 21), ~0u);
    int16_t error = crc == load_be32(batch + 17) ? 0 : 2;
    batch_bytes = (int64_t)batch_len;
    batch_records = load_be32(batch + 23) + 1;
    store_be64(batch, (uint64_t)offset_next);
    if (pwrite(file, batch, batch_len, file_end) != (ssize_t)batch_len) fail("pwrite");
    file_end += (int64_t)batch_len;
    uint8_t out[256], *o = out + 4;
    store_be32(o, correlation);
    store_be32(o + 4, 1);
    store_be16(o + 8, topic_len);
    memcpy(o + 10, topic, topic_len);
    o += 10 + topic_len;
    store_be32(o, 1);
    store_be32(o + 4, partition);
    store_be16(o + 8, (uint16_t)error);
    store_be64(o + 10, (uint64_t)offset_next);
    store_be64(o + 18, (uint64_t)-1);
    store_be64(o + 26, 0);
    store_be32(o + 34, 0);
    o += 38;
    offset_next += load_be32(batch + 23) + 1;
    store_be32(out, (uint32_t)(o - out - 4));
    if (write(c->fd, out, (size_t)(o - out)) != o - out) fail("write");
}

/* Fetch 4 as bench/load sends it: a head, then a range of the file. All batches are of one size. */
static void fetch(struct connection *c, const uint8_t *frame, size_t len)
{
    const uint8_t *end = frame + len;
    uint32_t correlation = load_be32(frame + 4);
    int64_t offset = (int64_t)load_be64(end - 12);
    int64_t max = (int64_t)load_be32(end - 4);
    const uint8_t *p = frame + 8;
    p += 2 + (int16_t)load_be16(p) + 4 + 4 + 4 + 4 + 1 + 4;
    uint16_t topic_len = load_be16(p);
    int64_t at = batch_records ? offset / batch_records * batch_bytes : 0;
    int64_t send = at >= file_end ? 0 : file_end - at < max ? file_end - at : max;
    uint8_t out[256], *o = out + 4;
    store_be32(o, correlation);
    store_be32(o + 4, 0);
    store_be32(o + 8, 1);
    store_be16(o + 12, topic_len);
    memcpy(o + 14, p + 2, topic_len);
    o += 14 + topic_len;
    store_be32(o, 1);
    store_be32(o + 4, 0);
    store_be16(o + 8, 0);
    store_be64(o + 10, (uint64_t)offset_next);
    store_be64(o + 18, (uint64_t)offset_next);
    store_be32(o + 26, (uint32_t)-1);
    store_be32(o + 30, (uint32_t)send);
    o += 34;
    store_be32(out, (uint32_t)(o - out - 4 + send));
    if (send_all(c->fd, out, (size_t)(o - out), MSG_MORE) < 0) fail("send");
    while (send > 0) {
        ssize_t n = sendfile(c->fd, file, &at, (size_t)send);
        if (n <= 0) fail("sendfile");
        send -= n;
    }
}

static void readable(struct connection *c)
{
    ssize_t got = read(c->fd, c->data + c->len, BUFFER_BYTES - c->len);
    if (got <= 0) {
        close(c->fd);
        free(c->data);
        c->fd = -1;
        return;
    }
    c->len += (size_t)got;
    size_t at = 0;
    while (c->len - at >= 4) {
        size_t frame = load_be32(c->data + at);
        if (frame + 4 > BUFFER_BYTES) fail("frame");
        if (c->len - at - 4 < frame) break;
        if (load_be16(c->data + at + 4) == 1)
            fetch(c, c->data + at + 4, frame);
        else
            answer(c, c->data + at + 4, frame);
        at += 4 + frame;
    }
    memmove(c->data, c->data + at, c->len - at);
    c->len -= at;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: null_broker PORT FILE\n");
        return 2;
    }
    file = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0) fail(argv[2]);
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5); /* inherited, as in Samsa */
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(argv[1])),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 64)) fail("listen");
    int ep = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &event);
    static struct connection connections[CONNECTIONS_MAX];
    int count = 0;
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(ep, events, 64, -1);
        if (n < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                readable(events[i].data.ptr);
                continue;
            }
            int fd = accept(listener, NULL, NULL);
            if (fd < 0 || count == CONNECTIONS_MAX) fail("accept");
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            struct connection *c = &connections[count++];
            *c = (struct connection){.fd = fd, .data = malloc(BUFFER_BYTES)};
            event = (struct epoll_event){.events = EPOLLIN, .data.ptr = c};
            epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
        }
    }
}
