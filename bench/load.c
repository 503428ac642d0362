/* A load generator that costs next to nothing: prebuilt batches out, answers counted, bytes thrown
 * away.
 *
 *     load produce PORT TOPIC --batch 65536 --total N [--in-flight 5] [--acks 1] [--record 1024]
 *             [--gap 0]
 *             with a gap it is a client that has work to do: a thread that computes for so many us
 *             before each batch, and one that sleeps until an answer comes, as the Java client's
 *     load fetch   PORT TOPIC --total N [--max 1048576]
 *     load latency PORT TOPIC --count 20000 [--record 1024] [--acks 1]
 *     load endtoend PORT TOPIC --count 20000 [--record 1024] [--acks -1]
 *             from before a record is sent until a fetch that waited for it has brought it; nobody
 *             else may write to the topic, and a quarter more goes before, uncounted
 *     load open    PORT TOPIC --count 20000 --rate 2000 [--record 1024] [--acks -1]
 *             the same with records sent by the clock, whatever is answered: from the moment at
 *             which a record should have been sent until a fetch has brought it
 *     load first   PORT TOPIC --since NS      until one batch is accepted; NS: CLOCK_MONOTONIC
 *
 * One connection, one partition (0). Speaks Produce 7 and Fetch 4 to any broker, Metadata never:
 * the topic must exist and this broker must lead it. Prints one line: `KEY=VALUE …`. Not part of
 * Samsa. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc32c.h"

enum { HEADER_BYTES = 61, REQUEST_ROOM = 512, IN_FLIGHT_MAX = 64 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int dial(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&at, sizeof at)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail("write");
        p += n;
        len -= (size_t)n;
    }
}

static void recv_all(int fd, uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, p, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            fprintf(stderr, "load: the broker closed the connection\n");
            exit(1);
        }
        p += n;
        len -= (size_t)n;
    }
}

static uint8_t *put_varint(uint8_t *p, int64_t v)
{
    uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    do {
        *p++ = (uint8_t)((z & 0x7f) | (z > 0x7f ? 0x80 : 0));
        z >>= 7;
    } while (z);
    return p;
}

/* A batch of about `bytes` bytes of records with `record` byte values. Returns its size. */
static size_t build_batch(uint8_t *b, size_t bytes, size_t record, int64_t timestamp)
{
    memset(b, 0, HEADER_BYTES);
    uint8_t *p = b + HEADER_BYTES;
    int32_t count = 0;
    while (count == 0 || (size_t)(p - b) + record + 20 <= bytes) {
        uint8_t body[32], *q = body;
        *q++ = 0;             /* attributes */
        q = put_varint(q, 0); /* timestamp delta */
        q = put_varint(q, count);
        q = put_varint(q, -1); /* no key */
        q = put_varint(q, (int64_t)record);
        p = put_varint(p, (q - body) + (int64_t)record + 1);
        memcpy(p, body, (size_t)(q - body));
        p += q - body;
        for (size_t i = 0; i < record; i++) *p++ = (uint8_t)('a' + (i * 7 + (size_t)count) % 26);
        p = put_varint(p, 0); /* no headers */
        count++;
    }
    size_t len = (size_t)(p - b);
    store_be32(b + 8, (uint32_t)(len - 12));
    store_be32(b + 12, (uint32_t)-1);
    b[16] = 2;
    store_be32(b + 23, (uint32_t)(count - 1));
    store_be64(b + 27, (uint64_t)timestamp);
    store_be64(b + 35, (uint64_t)timestamp);
    store_be64(b + 43, (uint64_t)-1);
    store_be16(b + 51, (uint16_t)-1);
    store_be32(b + 53, (uint32_t)-1);
    store_be32(b + 57, (uint32_t)count);
    store_be32(b + 17, crc32c(b + 21, len - 21));
    return len;
}

/* Of every request, behind its length: correlation id 1, client id "load". */
static uint8_t *put_header(uint8_t *p, uint16_t api_key, uint16_t version)
{
    store_be16(p, api_key);
    store_be16(p + 2, version);
    store_be32(p + 4, 1);
    store_be16(p + 8, 4);
    memcpy(p + 10, "load", 4);
    return p + 14;
}

/* Produce version 7 around the batch that starts at `frame` + REQUEST_ROOM. Returns the frame's
 * start. */
static uint8_t *build_produce(uint8_t *frame, const char *topic, int16_t acks, size_t batch_len,
                              size_t *frame_len)
{
    uint8_t head[REQUEST_ROOM], *p = head + 4;
    uint16_t topic_len = (uint16_t)strlen(topic);
    p = put_header(p, 0, 7);
    store_be16(p, (uint16_t)-1);
    store_be16(p + 2, (uint16_t)acks);
    store_be32(p + 4, 30000);
    store_be32(p + 8, 1);
    store_be16(p + 12, topic_len);
    memcpy(p + 14, topic, topic_len);
    p += 14 + topic_len;
    store_be32(p, 1);
    store_be32(p + 4, 0);
    store_be32(p + 8, (uint32_t)batch_len);
    p += 12;
    size_t head_len = (size_t)(p - head);
    *frame_len = head_len + batch_len;
    store_be32(head, (uint32_t)(*frame_len - 4));
    return memcpy(frame + REQUEST_ROOM - head_len, head, head_len);
}

/* One produce answer; the error code stands behind topic and partition, then the base offset, which
 * is returned. */
static int64_t expect_produced(int fd, const char *topic)
{
    uint8_t answer[1024];
    recv_all(fd, answer, 4);
    uint32_t len = load_be32(answer);
    if (len > sizeof answer) fail("answer");
    recv_all(fd, answer, len);
    const uint8_t *at = answer + 4 + 4 + 2 + strlen(topic) + 4 + 4;
    int16_t error = (int16_t)load_be16(at);
    if (error) {
        fprintf(stderr, "load: produce error %d\n", error);
        exit(1);
    }
    return (int64_t)load_be64(at + 2);
}

struct options {
    size_t batch, record, max;
    int64_t total, count, rate, gap;
    int in_flight;
    int16_t acks;
};

/* The thread that waits for the answers of a client with a gap. */
struct answers {
    const char *topic;
    int64_t count;
    int fd;
    atomic_llong seen;
};

static void *wait_for_answers(void *owner)
{
    struct answers *a = owner;
    while (a->seen < a->count) {
        expect_produced(a->fd, a->topic);
        a->seen++;
    }
    return NULL;
}

/* What a client does between two batches, for so long: memory is read, the caches are its own. */
static void compute(int64_t us)
{
    static uint8_t memory[4 << 20];
    static volatile uint32_t sum;
    int64_t end = now_ns() + us * 1000;
    for (size_t at = 0; now_ns() < end; at = (at + 16384) % sizeof memory)
        sum += crc32c(memory + at, 16384);
}

/* Batches with `gap` us of work before each. */
static void send_with_gaps(int fd, const char *topic, const uint8_t *frame, size_t frame_len,
                           int64_t batches, const struct options *o)
{
    struct answers answers = {.topic = topic, .count = batches, .fd = fd};
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_answers, &answers)) fail("pthread_create");
    for (int64_t sent = 0; sent < batches; sent++) {
        do compute(o->gap);
        while (sent - answers.seen >= o->in_flight);
        send_all(fd, frame, frame_len);
    }
    pthread_join(thread, NULL);
}

static void run_produce(uint16_t port, const char *topic, const struct options *o)
{
    uint8_t *frame = malloc(REQUEST_ROOM + o->batch + o->record + 1024);
    size_t batch_len =
        build_batch(frame + REQUEST_ROOM, o->batch, o->record, (int64_t)time(NULL) * 1000);
    size_t frame_len;
    uint8_t *start = build_produce(frame, topic, o->acks, batch_len, &frame_len);
    int fd = dial(port);
    int64_t batches = o->total / (int64_t)batch_len + 1, sent = 0, answered = 0, begin = now_ns();
    if (o->gap > 0) {
        send_with_gaps(fd, topic, start, frame_len, batches, o);
        answered = batches;
    }
    while (answered < batches) {
        while (sent < batches && sent - answered < o->in_flight) {
            send_all(fd, start, frame_len);
            sent++;
        }
        if (o->acks != 0) expect_produced(fd, topic);
        answered++;
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    double bytes = (double)batches * (double)batch_len;
    printf("bytes=%.0f batches=%lld seconds=%.3f MB_per_s=%.1f\n", bytes, (long long)batches,
           seconds, bytes / 1e6 / seconds);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void print_percentiles(int64_t *took, int64_t count)
{
    qsort(took, (size_t)count, sizeof *took, by_value);
    printf("count=%lld p50_us=%.1f p99_us=%.1f p999_us=%.1f\n", (long long)count,
           (double)took[count / 2] / 1e3, (double)took[count * 99 / 100] / 1e3,
           (double)took[count * 999 / 1000] / 1e3);
}

static void run_latency(uint16_t port, const char *topic, const struct options *o)
{
    uint8_t *frame = malloc(REQUEST_ROOM + o->record * 2 + 1024);
    size_t batch_len = build_batch(frame + REQUEST_ROOM, 1, o->record, (int64_t)time(NULL) * 1000);
    size_t frame_len;
    uint8_t *start = build_produce(frame, topic, o->acks, batch_len, &frame_len);
    int64_t *took = malloc((size_t)o->count * sizeof *took);
    int fd = dial(port);
    for (int64_t i = 0; i < o->count; i++) {
        int64_t begin = now_ns();
        send_all(fd, start, frame_len);
        expect_produced(fd, topic);
        took[i] = now_ns() - begin;
    }
    print_percentiles(took, o->count);
}

/* Dials and sends until an answer without error comes: the broker is up. */
static void run_first(uint16_t port, const char *topic, const struct options *o)
{
    uint8_t *frame = malloc(REQUEST_ROOM + o->record * 2 + 1024);
    size_t batch_len = build_batch(frame + REQUEST_ROOM, 1, 100, (int64_t)time(NULL) * 1000);
    size_t frame_len;
    uint8_t *start = build_produce(frame, topic, 1, batch_len, &frame_len);
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        uint8_t answer[1024];
        bool fine = connect(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
                    write(fd, start, frame_len) == (ssize_t)frame_len;
        ssize_t got = fine ? read(fd, answer, sizeof answer) : -1;
        close(fd);
        if (got > 30 && load_be16(answer + 4 + 4 + 4 + 2 + strlen(topic) + 4 + 4) == 0) break;
        usleep(200);
        if (now_ns() - o->total > 120000000000LL) {
            fprintf(stderr, "load: not up in two minutes\n");
            exit(1);
        }
    }
    printf("ms=%.2f\n", (double)(now_ns() - o->total) / 1e6);
}

/* Fetch version 4 of partition 0: from `offset`, at least a byte, waiting half a second for it. */
static void send_fetch(int fd, const char *topic, int64_t offset, size_t max)
{
    uint8_t q[REQUEST_ROOM], *p = q + 4;
    uint16_t topic_len = (uint16_t)strlen(topic);
    p = put_header(p, 1, 4);
    store_be32(p, (uint32_t)-1);
    store_be32(p + 4, 500);
    store_be32(p + 8, 1);
    store_be32(p + 12, (uint32_t)max);
    p[16] = 0;
    store_be32(p + 17, 1);
    store_be16(p + 21, topic_len);
    memcpy(p + 23, topic, topic_len);
    p += 23 + topic_len;
    store_be32(p, 1);
    store_be32(p + 4, 0);
    store_be64(p + 8, (uint64_t)offset);
    store_be32(p + 16, (uint32_t)max);
    p += 20;
    store_be32(q, (uint32_t)(p - q - 4));
    send_all(fd, q, (size_t)(p - q));
}

/* Its answer: the length of the records, which *records points to in `answer`. */
static int32_t expect_fetched(int fd, const char *topic, uint8_t *answer, const uint8_t **records)
{
    recv_all(fd, answer, 4);
    uint32_t len = load_be32(answer);
    recv_all(fd, answer, len);
    /* correlation, throttle, topics, name, partitions, index */
    const uint8_t *r = answer + 4 + 4 + 4 + 2 + strlen(topic) + 4 + 4;
    int16_t error = (int16_t)load_be16(r);
    if (error) {
        fprintf(stderr, "load: fetch error %d\n", error);
        exit(1);
    }
    r += 2 + 8 + 8;
    int32_t aborted = (int32_t)load_be32(r);
    r += 4 + (aborted > 0 ? aborted * 16 : 0);
    *records = r + 4;
    return (int32_t)load_be32(r);
}

static void run_end_to_end(uint16_t port, const char *topic, const struct options *o)
{
    uint8_t *frame = malloc(REQUEST_ROOM + o->record * 2 + 1024);
    size_t batch_len = build_batch(frame + REQUEST_ROOM, 1, o->record, (int64_t)time(NULL) * 1000);
    size_t frame_len;
    uint8_t *start = build_produce(frame, topic, o->acks, batch_len, &frame_len);
    uint8_t *answer = malloc(o->max * 2 + (16 << 20));
    int64_t *took = malloc((size_t)o->count * sizeof *took), warm = o->count / 4;
    int out = dial(port), in = dial(port);
    send_all(out, start, frame_len);
    int64_t next = expect_produced(out, topic) + 1;
    for (int64_t i = -warm; i < o->count; i++, next++) {
        const uint8_t *records;
        send_fetch(in, topic, next, o->max);
        usleep(200); /* it waits there */
        int64_t begin = now_ns();
        send_all(out, start, frame_len);
        while (expect_fetched(in, topic, answer, &records) <= 0)
            send_fetch(in, topic, next, o->max);
        if (i >= 0) took[i] = now_ns() - begin;
        if ((int64_t)load_be64(records) != next) {
            fprintf(stderr, "load: another record came than was sent\n");
            exit(1);
        }
        expect_produced(out, topic);
    }
    print_percentiles(took, o->count);
}

/* What a clock-driven run knows of its records: `first` is the offset of the first. */
struct open_run {
    int64_t first, seen, warm;
    int64_t *due, *took; /* ns, by record; took of those that count */
};

/* A fetched answer's batches, each one record: notes how long each took that counts. */
static void note_fetched(struct open_run *run, const uint8_t *r, int32_t len)
{
    for (const uint8_t *end = r + len; end - r >= HEADER_BYTES;) {
        int32_t size = 12 + (int32_t)load_be32(r + 8);
        if (size > end - r) break;
        if ((int64_t)load_be64(r) != run->first + run->seen) {
            fprintf(stderr, "load: another record came than was sent\n");
            exit(1);
        }
        if (run->seen >= run->warm)
            run->took[run->seen - run->warm] = now_ns() - run->due[run->seen];
        run->seen++;
        r += size;
    }
}

static void run_open(uint16_t port, const char *topic, const struct options *o)
{
    if (o->rate <= 0) {
        fprintf(stderr, "load: open needs --rate\n");
        exit(2);
    }
    uint8_t *frame = malloc(REQUEST_ROOM + o->record * 2 + 1024);
    size_t batch_len = build_batch(frame + REQUEST_ROOM, 1, o->record, (int64_t)time(NULL) * 1000);
    size_t frame_len;
    uint8_t *start = build_produce(frame, topic, o->acks, batch_len, &frame_len);
    uint8_t *answer = malloc(o->max * 2 + (16 << 20));
    int64_t warm = o->count / 4, all = o->count + warm, sent = 0, answered = 0;
    struct open_run run = {.warm = warm,
                           .due = malloc((size_t)all * sizeof(int64_t)),
                           .took = malloc((size_t)o->count * sizeof(int64_t))};
    struct pollfd on[2] = {{.fd = dial(port), .events = POLLIN},
                           {.fd = dial(port), .events = POLLIN}};
    send_all(on[0].fd, start, frame_len);
    run.first = expect_produced(on[0].fd, topic) + 1;
    send_fetch(on[1].fd, topic, run.first, o->max);
    prctl(PR_SET_TIMERSLACK, 1UL); /* else each is sent 50 us late, which is nobody's but ours */
    int64_t begin = now_ns();
    for (int64_t i = 0; i < all; i++) run.due[i] = begin + i * 1000000000LL / o->rate;
    while (run.seen < all || answered < all) {
        for (; sent < all && run.due[sent] <= now_ns(); sent++)
            send_all(on[0].fd, start, frame_len);
        int64_t wait = sent < all ? run.due[sent] - now_ns() : 1000000000LL;
        if (wait < 0) wait = 0;
        struct timespec until = {.tv_sec = wait / 1000000000LL, .tv_nsec = wait % 1000000000LL};
        if (ppoll(on, 2, &until, NULL) < 0) fail("ppoll");
        if (on[1].revents) {
            const uint8_t *records;
            int32_t len = expect_fetched(on[1].fd, topic, answer, &records);
            note_fetched(&run, records, len);
            if (run.seen < all) send_fetch(on[1].fd, topic, run.first + run.seen, o->max);
        }
        if (on[0].revents) {
            expect_produced(on[0].fd, topic);
            answered++;
        }
    }
    print_percentiles(run.took, o->count);
}

static void run_fetch(uint16_t port, const char *topic, const struct options *o)
{
    int fd = dial(port);
    int64_t offset = 0, bytes = 0, requests = 0, begin = now_ns();
    uint8_t *answer = malloc(o->max * 2 + (16 << 20));
    while (bytes < o->total) {
        send_fetch(fd, topic, offset, o->max);
        const uint8_t *r;
        int32_t records = expect_fetched(fd, topic, answer, &r);
        requests++;
        const uint8_t *end = r + records;
        if (records <= 0) offset = 0; /* around again */
        while (end - r >= HEADER_BYTES && 12 + (int64_t)load_be32(r + 8) <= end - r) {
            offset = (int64_t)load_be64(r) + load_be32(r + 23) + 1;
            r += 12 + load_be32(r + 8);
        }
        bytes += records > 0 ? records : 0;
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    printf("bytes=%lld requests=%lld seconds=%.3f MB_per_s=%.1f\n", (long long)bytes,
           (long long)requests, seconds, (double)bytes / 1e6 / seconds);
}

int main(int argc, char **argv)
{
    struct options o = {.batch = 65536,
                        .record = 1024,
                        .max = 1 << 20,
                        .total = 1000000000,
                        .count = 10000,
                        .in_flight = 5,
                        .acks = 1};
    if (argc < 4) {
        fprintf(stderr, "usage: load produce|fetch|latency|endtoend|open|first PORT TOPIC [--batch "
                        "N] [--total N] …\n");
        return 2;
    }
    for (int i = 4; i + 1 < argc; i += 2) {
        int64_t v = atoll(argv[i + 1]);
        if (!strcmp(argv[i], "--batch"))
            o.batch = (size_t)v;
        else if (!strcmp(argv[i], "--record"))
            o.record = (size_t)v;
        else if (!strcmp(argv[i], "--max"))
            o.max = (size_t)v;
        else if (!strcmp(argv[i], "--total") || !strcmp(argv[i], "--since"))
            o.total = v;
        else if (!strcmp(argv[i], "--count"))
            o.count = v;
        else if (!strcmp(argv[i], "--gap"))
            o.gap = v;
        else if (!strcmp(argv[i], "--rate"))
            o.rate = v;
        else if (!strcmp(argv[i], "--in-flight"))
            o.in_flight = (int)v;
        else if (!strcmp(argv[i], "--acks"))
            o.acks = (int16_t)v;
        else {
            fprintf(stderr, "load: unknown option %s\n", argv[i]);
            return 2;
        }
    }
    uint16_t port = (uint16_t)atoi(argv[2]);
    if (!strcmp(argv[1], "produce"))
        run_produce(port, argv[3], &o);
    else if (!strcmp(argv[1], "fetch"))
        run_fetch(port, argv[3], &o);
    else if (!strcmp(argv[1], "first"))
        run_first(port, argv[3], &o);
    else if (!strcmp(argv[1], "endtoend"))
        run_end_to_end(port, argv[3], &o);
    else if (!strcmp(argv[1], "open"))
        run_open(port, argv[3], &o);
    else
        run_latency(port, argv[3], &o);
    return 0;
}
