/* Decisions compared with Apache Kafka's: its log (test/unit/metadata/kafka) is followed to a
 * point, then we lead and are asked what its controller was asked there. The records are the same,
 * byte for byte; their order within one decision is free. Run from the top of the tree. */
#include <stdio.h>
#include <stdlib.h>

#include "protocol/batch.h"
#include "world.h"

enum { FRAMES_MAX = 200 };

struct kafka_log {
    struct bytes file;
    struct bytes frames[FRAMES_MAX]; /* by offset; null: control record */
};

static void log_read(struct kafka_log *log)
{
    FILE *f = fopen("test/unit/metadata/kafka/metadata.log", "rb");
    assert_non_null(f);
    uint8_t *data = mem_alloc(1 << 20);
    log->file = bytes_of(data, fread(data, 1, 1 << 20, f));
    fclose(f);
    for (int i = 0; i < FRAMES_MAX; i++) log->frames[i] = (struct bytes){NULL, -1};
    for (struct bytes left = log->file; left.len > 0;) {
        struct batch_header h;
        struct record_iterator it;
        struct record r;
        bool more;
        assert_ok(batch_parse(left, &h));
        record_iterator_init(
            &it, &h,
            bytes_of(left.data + BATCH_HEADER_BYTES, (size_t)(h.size - BATCH_HEADER_BYTES)));
        for (;;) {
            assert_ok(record_iterator_next(&it, &r, &more));
            if (!more) break;
            if (r.key.len < 0) log->frames[r.offset] = r.value;
        }
        left = bytes_of(left.data + h.size, (size_t)(left.len - h.size));
    }
}

/* A leader whose log is Kafka's below `stop`. */
static void follow_then_lead(struct world *w, struct kafka_log *log, int64_t stop)
{
    log_read(log);
    world_start(w);
    controller_set_kraft_version(w->c, 1);
    for (int64_t offset = 0; offset < stop; offset++) {
        if (log->frames[offset].len >= 0)
            world_feed(w, offset, log->frames[offset]);
        else
            controller_skip(w->c, offset, 1);
    }
    w->end_offset = stop;
    controller_lead(w->c, 1);
    assert_int_equal(w->log_count, 0);
}

static int compare_frames(const void *a, const void *b)
{
    const struct bytes *x = a, *y = b;
    if (x->len != y->len) return x->len < y->len ? -1 : 1;
    return memcmp(x->data, y->data, (size_t)x->len);
}

/* Everything we wrote is what Kafka has in [start, end). */
static void check_same(struct world *w, struct kafka_log *log, int64_t start, int64_t end)
{
    struct bytes ours[FRAMES_MAX];
    assert_int_equal(w->log_count, end - start);
    for (int32_t i = 0; i < w->log_count; i++) ours[i] = w->log[i].value;
    struct bytes *theirs = log->frames + start;
    qsort(ours, (size_t)w->log_count, sizeof *ours, compare_frames);
    qsort(theirs, (size_t)w->log_count, sizeof *theirs, compare_frames);
    for (int32_t i = 0; i < w->log_count; i++) {
        assert_int_equal(ours[i].len, theirs[i].len);
        assert_memory_equal(ours[i].data, theirs[i].data, (size_t)ours[i].len);
    }
    world_check(w);
    world_free(w);
    mem_free((void *)(uintptr_t)log->file.data);
}

TEST(deleted_topic_as_apache_kafka_writes_it)
{
    struct world w;
    struct kafka_log log;
    follow_then_lead(&w, &log, 39);
    struct str name = STR("gone");
    struct delete_topics_request rq = {.topic_names = &name, .topic_names_count = 1};
    (void)world_call(&w, API_DELETE_TOPICS, 5, &rq);
    check_same(&w, &log, 39, 40);
}

TEST(dead_broker_as_apache_kafka_fences_it)
{
    struct world w;
    struct kafka_log log;
    follow_then_lead(&w, &log, 52);
    controller_broker_lost(w.c, 2, 14, STR_NULL);
    world_commit(&w);
    check_same(&w, &log, 52, 59);
}

TEST(preferred_election_as_apache_kafka_holds_it)
{
    struct world w;
    struct kafka_log log;
    follow_then_lead(&w, &log, 71);
    struct elect_leaders_request rq = {.topic_partitions_count = -1};
    (void)world_call(&w, API_ELECT_LEADERS, 2, &rq);
    check_same(&w, &log, 71, 74);
}

TEST(reassignment_as_apache_kafka_decides_it)
{
    struct world w;
    struct kafka_log log;
    follow_then_lead(&w, &log, 74);
    int32_t target[] = {2};
    struct alter_partition_reassignments_request_reassignable_partition p = {0, target, 1};
    struct alter_partition_reassignments_request_reassignable_topic t = {STR("first"), &p, 1};
    struct alter_partition_reassignments_request rq = {1000, true, &t, 1};
    (void)world_call(&w, API_ALTER_PARTITION_REASSIGNMENTS, 1, &rq);
    check_same(&w, &log, 74, 75);
}

TEST(feature_change_as_apache_kafka_writes_it)
{
    struct world w;
    struct kafka_log log;
    follow_then_lead(&w, &log, 76);
    struct update_features_request_feature_update_key u = {STR("share.version"), 0, false, 2};
    struct update_features_request rq = {.feature_updates = &u, .feature_updates_count = 1};
    (void)world_call(&w, API_UPDATE_FEATURES, 2, &rq);
    check_same(&w, &log, 76, 77);
}

TEST(controlled_shutdowns_as_apache_kafka_decides_them)
{
    struct world w;
    struct kafka_log log;
    follow_then_lead(&w, &log, 77);
    (void)world_heartbeat(&w, 2, false, true);
    check_same(&w, &log, 77, 84);
    follow_then_lead(&w, &log, 87); /* the last broker: everything becomes leaderless */
    (void)world_heartbeat(&w, 1, false, true);
    check_same(&w, &log, 87, 93);
}
