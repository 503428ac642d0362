/* What a client of a cluster sees while nodes die: the longest gap between two acknowledgements,
 * and when partitions are led and in sync again. librdkafka with its defaults, idempotent.
 *
 *     probe gaps  BOOTSTRAP TOPIC PARTITIONS RECORDS_PER_SECOND
 *     probe watch BOOTSTRAP TOPIC
 *
 * Both obey lines on standard input and answer each with one line; they end when it closes.
 *     gaps:  mark            forget the gaps so far              -> ok
 *            report          longest gap of each partition, ms   -> acked=N gap=MS gap=MS …
 *     watch: led NODE        wait until no partition is led by NODE or by nobody -> at=NS
 *            whole           wait until every replica of every partition is in sync -> at=NS
 * Times are of CLOCK_MONOTONIC. Not part of Samsa. */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PARTITIONS_MAX = 256, RECORD_BYTES = 100, WATCH_MS = 5, WATCH_TIMEOUT_MS = 2000 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Written by the thread that polls, read and reset by the one that reads commands. */
struct gaps {
    pthread_mutex_t lock;
    int32_t partitions;
    int64_t acked;
    int64_t last[PARTITIONS_MAX], longest[PARTITIONS_MAX];
};

static struct gaps gaps = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "probe: %s: %s\n", what, why);
    exit(1);
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (m->err) fail("a record was not delivered", rd_kafka_err2str(m->err));
    int64_t now = now_ns();
    pthread_mutex_lock(&gaps.lock);
    int64_t gap = now - gaps.last[m->partition];
    if (gaps.last[m->partition] && gap > gaps.longest[m->partition])
        gaps.longest[m->partition] = gap;
    gaps.last[m->partition] = now;
    gaps.acked++;
    pthread_mutex_unlock(&gaps.lock);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) fail(key, why);
}

static rd_kafka_t *client(const char *bootstrap, rd_kafka_type_t type)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "log_level", "0");
    if (type == RD_KAFKA_PRODUCER) {
        set(conf, "enable.idempotence", "true");
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk) fail("client", why);
    return rk;
}

static void *obey_gaps(void *unused)
{
    (void)unused;
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        pthread_mutex_lock(&gaps.lock);
        if (!strncmp(line, "mark", 4)) {
            memset(gaps.longest, 0, sizeof gaps.longest);
            printf("ok\n");
        } else {
            int64_t now = now_ns();
            printf("acked=%lld", (long long)gaps.acked);
            for (int32_t p = 0; p < gaps.partitions; p++) {
                int64_t open = gaps.last[p] ? now - gaps.last[p] : now; /* it may not be over */
                printf(" gap=%.1f",
                       (double)(open > gaps.longest[p] ? open : gaps.longest[p]) / 1e6);
            }
            printf("\n");
        }
        fflush(stdout);
        pthread_mutex_unlock(&gaps.lock);
    }
    _exit(0);
}

static void run_gaps(const char *bootstrap, const char *topic, int32_t partitions,
                     int64_t per_second)
{
    rd_kafka_t *rk = client(bootstrap, RD_KAFKA_PRODUCER);
    gaps.partitions = partitions;
    pthread_t reader;
    pthread_create(&reader, NULL, obey_gaps, NULL);
    char record[RECORD_BYTES];
    memset(record, 'x', sizeof record);
    int64_t interval = 1000000000 / per_second, next = now_ns();
    for (int32_t p = 0;; p = (p + 1) % partitions) {
        rd_kafka_resp_err_t e =
            rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(p),
                              RD_KAFKA_V_VALUE(record, sizeof record),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (e && e != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail("produce", rd_kafka_err2str(e));
        next += interval;
        int64_t wait = next - now_ns();
        rd_kafka_poll(rk, wait > 1000000 ? (int)(wait / 1000000) : 0);
        wait = next - now_ns();
        if (wait > 0)
            nanosleep(&(struct timespec){.tv_sec = 0, .tv_nsec = wait % 1000000000}, NULL);
    }
}

static bool reached(const rd_kafka_metadata_topic_t *t, int32_t dead, bool whole)
{
    if (t->err || t->partition_cnt == 0) return false;
    for (int i = 0; i < t->partition_cnt; i++) {
        const rd_kafka_metadata_partition_t *p = &t->partitions[i];
        if (whole ? p->isr_cnt < p->replica_cnt : p->leader < 0 || p->leader == dead) return false;
    }
    return true;
}

static void run_watch(const char *bootstrap, const char *topic)
{
    rd_kafka_t *rk = client(bootstrap, RD_KAFKA_CONSUMER);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        bool whole = !strncmp(line, "whole", 5), done = false;
        int32_t dead = whole ? -1 : atoi(line + 4);
        while (!done) {
            const struct rd_kafka_metadata *m;
            if (rd_kafka_metadata(rk, 0, rkt, &m, WATCH_TIMEOUT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
                done = m->topic_cnt == 1 && reached(&m->topics[0], dead, whole);
                rd_kafka_metadata_destroy(m);
            }
            if (!done) nanosleep(&(struct timespec){.tv_nsec = WATCH_MS * 1000000L}, NULL);
        }
        printf("at=%lld\n", (long long)now_ns());
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc == 6 && !strcmp(argv[1], "gaps") && atoi(argv[4]) <= PARTITIONS_MAX)
        run_gaps(argv[2], argv[3], atoi(argv[4]), atoll(argv[5]));
    else if (argc == 4 && !strcmp(argv[1], "watch"))
        run_watch(argv[2], argv[3]);
    else
        fail("usage", "probe gaps BOOTSTRAP TOPIC PARTITIONS RATE | probe watch BOOTSTRAP TOPIC");
    return 0;
}
