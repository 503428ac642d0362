/* A metadata log and snapshots of it that Apache Kafka wrote (kafka/make.sh): our replay of the log
 * gives what Kafka's snapshots say, and our bytes are Kafka's bytes. Run from the top of the
 * tree. */
#include <stdio.h>

#include "base/mem.h"
#include "metadata/replay.h"
#include "metadata/snapshot.h"
#include "protocol/batch.h"
#include "test.h"

#define FOLDER "test/unit/metadata/kafka/"

static struct bytes file_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    uint8_t *data = mem_alloc(1 << 20);
    size_t len = fread(data, 1, 1 << 20, f);
    fclose(f);
    assert_true(len > 0);
    return bytes_of(data, len);
}

/* Decoded and encoded again it is the same. */
static void check_round_trip(struct bytes frame)
{
    struct arena arena;
    struct metadata_record record;
    struct out o;
    arena_init(&arena, 0);
    out_init(&o);
    assert_ok(metadata_record_decode(&record, frame, &arena));
    metadata_record_encode(&record, &o);
    assert_int_equal(o.len, frame.len);
    uint8_t *again = arena_alloc(&arena, (size_t)o.len);
    out_flatten(&o, again);
    assert_memory_equal(again, frame.data, (size_t)frame.len);
    out_free(&o);
    arena_free(&arena);
}

/* Every record of a file, in order; control records have a key. */
static void each_record(const char *path,
                        void (*take)(void *context, const struct record *, int32_t epoch),
                        void *context)
{
    struct bytes file = file_read(path), left = file;
    while (left.len > 0) {
        struct batch_header h;
        struct record_iterator it;
        struct record r;
        bool more;
        assert_ok(batch_parse(left, &h));
        assert_true(batch_crc_ok(left.data, &h));
        record_iterator_init(
            &it, &h,
            bytes_of(left.data + BATCH_HEADER_BYTES, (size_t)(h.size - BATCH_HEADER_BYTES)));
        for (;;) {
            assert_ok(record_iterator_next(&it, &r, &more));
            if (!more) break;
            assert_true(batch_is(&h, BATCH_CONTROL) == (r.key.len >= 0));
            take(context, &r, h.leader_epoch);
        }
        left = bytes_of(left.data + h.size, (size_t)(left.len - h.size));
    }
    mem_free((void *)(uintptr_t)file.data);
}

struct replaying {
    struct loader loader;
    int64_t stop;
    int32_t records;
};

static void replay_one(void *context, const struct record *r, int32_t epoch)
{
    struct replaying *to = context;
    if (r->offset >= to->stop) return;
    if (r->key.len >= 0) {
        loader_skip(&to->loader, r->offset, epoch);
        return;
    }
    check_round_trip(r->value);
    assert_ok(loader_apply(&to->loader, r->offset, epoch, r->value, NULL));
    to->records++;
}

static void load_one(void *context, const struct record *r, int32_t epoch)
{
    struct replaying *to = context;
    (void)epoch;
    if (r->key.len >= 0) return;
    check_round_trip(r->value);
    assert_ok(loader_load(&to->loader, to->stop, r->value));
    to->records++;
}

static void replay_until(struct replaying *r, int64_t stop)
{
    *r = (struct replaying){.stop = stop};
    loader_init(&r->loader);
    each_record(FOLDER "metadata.log", replay_one, r);
}

static void check_snapshot(const char *path, int64_t end_offset)
{
    struct replaying log, snapshot = {.stop = end_offset};
    replay_until(&log, end_offset);
    assert_int_equal(log.loader.end_offset, end_offset);
    loader_init(&snapshot.loader);
    loader_load_begin(&snapshot.loader);
    each_record(path, load_one, &snapshot);
    loader_load_done(&snapshot.loader, end_offset, 1, NULL);
    assert_int_equal(image_hash(snapshot.loader.image), image_hash(log.loader.image));
    /* and as many records as Kafka's has ours */
    struct image_snapshot ours;
    struct metadata_record record;
    struct arena arena;
    int32_t count = 0;
    arena_init(&arena, 0);
    image_snapshot_init(&ours, log.loader.image);
    while (image_snapshot_next(&ours, &record, &arena)) count++;
    assert_int_equal(count, snapshot.records);
    image_snapshot_free(&ours);
    arena_free(&arena);
    loader_free(&log.loader);
    loader_free(&snapshot.loader);
}

TEST(replayed_log_of_apache_kafka_equals_its_snapshots)
{
    check_snapshot(FOLDER "snapshot-51", 51);
    check_snapshot(FOLDER "snapshot-87", 87);
}

TEST(replayed_log_of_apache_kafka_has_what_was_done)
{
    struct replaying r;
    replay_until(&r, INT64_MAX);
    const struct image *image = r.loader.image;
    assert_int_equal(image->metadata_version, 30);
    assert_int_equal(image_feature_level(image, STR("share.version")), 0);
    assert_int_equal(image_feature_level(image, STR("transaction.version")), 2);
    assert_null(image_topic_by_name(image, STR("gone")));
    const struct image_topic *t = image_topic_by_name(image, STR("first"));
    assert_int_equal(t->partitions_count, 6);
    assert_true(str_equal_z(
        image_config_value(image, RESOURCE_TOPIC, STR("first"), STR("cleanup.policy")), "compact"));
    const struct image_partition *p =
        image_topic_partition(t, 0); /* moved to broker 2, which left */
    assert_int_equal(p->replicas_count, 1);
    assert_int_equal(partition_replicas(p)[0], 2);
    assert_int_equal(p->leader, LEADER_NONE);
    assert_int_equal(p->isr_count, 0);
    assert_int_equal(partition_elr(p)[0], 2);
    assert_int_equal(image_broker(image, 2)->directories_count, 2);
    assert_true(image_broker(image, 1)->fenced && image_broker(image, 2)->fenced);
    assert_true(str_equal_z(image_broker(image, 2)->rack, "b"));
    assert_int_equal(image->scram_credentials.count, 2);
    assert_int_equal(image->client_quotas.count, 1);
    assert_int_equal(image->acls.count, 1);
    assert_non_null(image_controller(image, 1));
    loader_free(&r.loader);
}
