/* The image under records: what each does, what is refused, and that a snapshot tells it all. */
#include "base/prng.h"
#include "metadata/feature.h"
#include "metadata/replay.h"
#include "metadata/snapshot.h"
#include "test.h"

static struct metadata_record record_of(int16_t id)
{
    struct metadata_record r;
    metadata_record_init(&r, id, metadata_record_version(id, METADATA_VERSION_DEFAULT));
    return r;
}

static struct metadata_record feature(struct str name, int16_t level)
{
    struct metadata_record r = record_of(METADATA_RECORD_FEATURE_LEVEL);
    r.u.feature_level.name = name;
    r.u.feature_level.feature_level = level;
    return r;
}

static struct metadata_record topic(struct str name, uint8_t id)
{
    struct metadata_record r = record_of(METADATA_RECORD_TOPIC);
    r.u.topic.name = name;
    r.u.topic.topic_id = UUID_SMALL(id);
    return r;
}

static struct metadata_record partition(uint8_t topic_id, int32_t id, int32_t *replicas,
                                        int32_t count)
{
    struct metadata_record r = record_of(METADATA_RECORD_PARTITION);
    r.u.partition.topic_id = UUID_SMALL(topic_id);
    r.u.partition.partition_id = id;
    r.u.partition.replicas = r.u.partition.isr = replicas;
    r.u.partition.replicas_count = r.u.partition.isr_count = count;
    r.u.partition.leader = replicas[0];
    r.u.partition.leader_epoch = r.u.partition.partition_epoch = 0;
    return r;
}

static struct metadata_record change(uint8_t topic_id, int32_t id)
{
    struct metadata_record r = record_of(METADATA_RECORD_PARTITION_CHANGE);
    r.u.partition_change.topic_id = UUID_SMALL(topic_id);
    r.u.partition_change.partition_id = id;
    return r;
}

static struct metadata_record broker(int32_t id, int64_t epoch, struct uuid *dirs, int32_t count)
{
    struct metadata_record r = record_of(METADATA_RECORD_REGISTER_BROKER);
    r.u.register_broker.broker_id = id;
    r.u.register_broker.broker_epoch = epoch;
    r.u.register_broker.rack = STR("r");
    r.u.register_broker.log_dirs = dirs;
    r.u.register_broker.log_dirs_count = count;
    return r;
}

static struct metadata_record config(struct str resource, struct str name, struct str value)
{
    struct metadata_record r = record_of(METADATA_RECORD_CONFIG);
    r.u.config.resource_type = RESOURCE_TOPIC;
    r.u.config.resource_name = resource;
    r.u.config.name = name;
    r.u.config.value = value;
    return r;
}

static void play(struct image *image, struct metadata_record r)
{
    assert_ok(image_replay(image, image->end_offset, &r, NULL));
}

static struct image *reloaded(const struct image *image)
{
    struct loader l;
    loader_init(&l);
    loader_load_begin(&l);
    struct image_snapshot s;
    struct arena arena;
    struct metadata_record r;
    arena_init(&arena, 0);
    image_snapshot_init(&s, image);
    while (image_snapshot_next(&s, &r, &arena)) {
        assert_ok(metadata_record_validate(&r));
        struct out o;
        out_init(&o);
        metadata_record_encode(&r, &o);
        uint8_t *frame = arena_alloc(&arena, (size_t)o.len);
        out_flatten(&o, frame);
        assert_ok(loader_load(&l, image->end_offset, bytes_of(frame, (size_t)o.len)));
        out_free(&o);
        arena_reset(&arena);
    }
    image_snapshot_free(&s);
    arena_free(&arena);
    loader_load_done(&l, image->end_offset, 1, NULL);
    struct image *copy = l.image;
    l.image = NULL;
    loader_free(&l);
    return copy;
}

/* Every index against what the partitions say. */
static void check_index(const struct image *image)
{
    int64_t places = 0, expected = 0, leaderless = 0;
    for (int32_t b = 0; b < 16; b++) {
        const struct image_places *of = image_places_of(image, b);
        for (uint32_t i = 0; i < of->count; i++)
            assert_true(partition_has_replica(image_place(image, of->items[i], NULL), b));
        places += of->count;
    }
    const struct image_places *of = image_places_of(image, LEADER_NONE);
    for (uint32_t i = 0; i < of->count; i++)
        assert_int_equal(image_place(image, of->items[i], NULL)->leader, LEADER_NONE);
    uint32_t at = 0;
    int64_t partitions = 0;
    for (const struct image_topic *t; (t = image_topic_next(image, &at));) {
        int32_t not_preferred = 0, reassigning = 0;
        for (int32_t id = 0; id < t->partitions_size; id++) {
            const struct image_partition *p = image_topic_partition(t, id);
            if (!p) continue;
            partitions++;
            expected += p->replicas_count;
            leaderless += p->leader == LEADER_NONE;
            not_preferred += p->leader != partition_replicas(p)[0];
            reassigning += p->adding_count + p->removing_count > 0;
        }
        assert_int_equal(t->not_preferred_count, not_preferred);
        assert_int_equal(t->reassigning_count, reassigning);
    }
    assert_int_equal(places, expected);
    assert_int_equal(of->count, leaderless);
    assert_int_equal(image->partitions_count, partitions);
}

TEST(partition_change_moves_epochs_as_kafka_does)
{
    struct image *image = image_new();
    int32_t replicas[] = {1, 2, 3}, isr[] = {2, 3};
    play(image, topic(STR("a"), 1));
    play(image, partition(1, 0, replicas, 3));
    struct metadata_record r = change(1, 0);
    r.u.partition_change.isr = isr;
    r.u.partition_change.isr_count = 2;
    r.u.partition_change.leader = 2;
    play(image, r);
    const struct image_partition *p =
        image_topic_partition(image_topic_by_name(image, STR("a")), 0);
    assert_int_equal(p->leader, 2);
    assert_int_equal(p->leader_epoch, 1);
    assert_int_equal(p->partition_epoch, 1);
    assert_false(partition_in_isr(p, 1));
    assert_true(partition_has_replica(p, 1));
    r = change(1, 0);
    r.u.partition_change.isr = replicas;
    r.u.partition_change.isr_count = 3;
    play(image, r);
    p = image_topic_partition(image_topic_by_name(image, STR("a")), 0);
    assert_int_equal(p->leader_epoch, 1);
    assert_int_equal(p->partition_epoch, 2);
    check_index(image);
    image_free(image);
}

TEST(records_that_break_a_rule_are_refused_and_change_nothing)
{
    struct image *image = image_new();
    int32_t replicas[] = {1, 2}, twice[] = {1, 1};
    struct uuid dirs[] = {UUID_SMALL(200)};
    play(image, topic(STR("a"), 1));
    play(image, partition(1, 0, replicas, 2));
    play(image, broker(1, 10, dirs, 1));
    uint64_t before = image_hash(image);
    struct metadata_record r = topic(STR("a"), 2);
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_EXISTS);
    r = partition(9, 0, replicas, 2);
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_NOT_FOUND);
    r = partition(1, 1, twice, 2);
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_INVALID);
    r = partition(1, INT32_MAX, replicas, 2);
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_INVALID);
    r = change(1, 7);
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_NOT_FOUND);
    r = broker(2, 11, dirs, 1);
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_INVALID);
    r = record_of(METADATA_RECORD_UNREGISTER_BROKER);
    r.u.unregister_broker.broker_id = 1;
    r.u.unregister_broker.broker_epoch = 9;
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_FENCED);
    r = feature(FEATURE_METADATA_VERSION, METADATA_VERSION_MAX + 1);
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_UNSUPPORTED);
    r = feature(STR("nobody.knows"), 1);
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_UNSUPPORTED);
    r = record_of(METADATA_RECORD_PRODUCER_IDS);
    r.u.producer_ids.next_producer_id = 0;
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_INVALID);
    r = record_of(METADATA_RECORD_REMOVE_ACCESS_CONTROL_ENTRY);
    assert_int_equal(image_replay(image, 9, &r, NULL), ERR_NOT_FOUND);
    assert_int_equal(image_hash(image), before);
    image_free(image);
}

TEST(removed_topic_takes_partitions_and_configs_with_it)
{
    struct image *image = image_new();
    int32_t replicas[] = {1, 2};
    struct delta delta;
    delta_init(&delta);
    play(image, topic(STR("a.b"), 1));
    play(image, config(STR("a.b"), STR("retention.ms"), STR("1")));
    for (int32_t i = 0; i < 40; i++) play(image, partition(1, i, replicas, 2));
    assert_non_null(image_topic_colliding(image, STR("a_b")));
    struct metadata_record r = record_of(METADATA_RECORD_REMOVE_TOPIC);
    r.u.remove_topic.topic_id = UUID_SMALL(1);
    assert_ok(image_replay(image, image->end_offset, &r, &delta));
    assert_null(image_topic_by_name(image, STR("a.b")));
    assert_null(image_config(image, RESOURCE_TOPIC, STR("a.b")));
    assert_null(image_topic_colliding(image, STR("a_b")));
    assert_int_equal(image_places_of(image, 1)->count, 0);
    assert_int_equal(delta.topics_count, 1);
    assert_true(delta.topics[0]->deleted);
    assert_int_equal(delta.topics[0]->partitions_count, 40);
    assert_int_equal(delta.configs_count, 1);
    delta_free(&delta);
    image_free(image);
}

TEST(delta_lists_each_thing_once)
{
    struct image *image = image_new();
    struct delta delta;
    delta_init(&delta);
    assert_true(delta_is_empty(&delta));
    int32_t replicas[] = {1, 2};
    play(image, topic(STR("a"), 1));
    for (int32_t i = 0; i < 200; i++) play(image, partition(1, i, replicas, 2));
    for (int32_t n = 0; n < 3; n++) {
        struct metadata_record r = change(1, 150);
        r.u.partition_change.leader = 2;
        assert_ok(image_replay(image, image->end_offset, &r, &delta));
        r = config(STR("a"), STR("retention.ms"), STR("5"));
        assert_ok(image_replay(image, image->end_offset, &r, &delta));
        r = broker(7, n, NULL, 0);
        assert_ok(image_replay(image, image->end_offset, &r, &delta));
    }
    assert_int_equal(delta.topics_count, 1);
    assert_int_equal(delta.topics[0]->partitions_count, 1);
    assert_int_equal(delta.topics[0]->partitions[0], 150);
    assert_false(delta.topics[0]->created);
    assert_int_equal(delta.configs_count, 1);
    assert_int_equal(delta.brokers_count, 1);
    delta_reset(&delta);
    assert_true(delta_is_empty(&delta));
    delta_free(&delta);
    image_free(image);
}

TEST(open_transaction_is_invisible_until_it_ends)
{
    struct loader l;
    loader_init(&l);
    struct metadata_record begin = record_of(METADATA_RECORD_BEGIN_TRANSACTION),
                           end = record_of(METADATA_RECORD_END_TRANSACTION),
                           abort_ = record_of(METADATA_RECORD_ABORT_TRANSACTION),
                           t = topic(STR("a"), 1);
    assert_int_equal(loader_apply_record(&l, 0, 1, &end, NULL), ERR_INVALID);
    assert_ok(loader_apply_record(&l, 0, 1, &begin, NULL));
    assert_int_equal(loader_apply_record(&l, 1, 1, &begin, NULL), ERR_INVALID);
    assert_ok(loader_apply_record(&l, 1, 1, &t, NULL));
    assert_null(image_topic_by_name(l.image, STR("a")));
    assert_int_equal(l.image->end_offset, 0);
    assert_ok(loader_apply_record(&l, 2, 1, &abort_, NULL));
    assert_null(image_topic_by_name(l.image, STR("a")));
    assert_int_equal(l.image->end_offset, 3);
    assert_ok(loader_apply_record(&l, 3, 1, &begin, NULL));
    assert_ok(loader_apply_record(&l, 4, 1, &t, NULL));
    loader_skip(&l, 5, 2);
    assert_int_equal(l.image->end_offset, 3);
    assert_ok(loader_apply_record(&l, 6, 2, &end, NULL));
    assert_non_null(image_topic_by_name(l.image, STR("a")));
    assert_int_equal(l.image->end_offset, 7);
    assert_int_equal(l.image->epoch, 2);
    assert_ok(loader_apply_record(&l, 4, 1, &t, NULL)); /* seen before: skipped */
    loader_free(&l);
}

/* ---- property: random records, and at every stop a snapshot that loads to an equal image */

static int32_t random_ids(struct prng *rng, int32_t *ids)
{
    int32_t count = (int32_t)prng_between(rng, 1, 4), n = 0;
    while (n < count) {
        int32_t id = (int32_t)prng_below(rng, 8);
        if (!ids_contain(ids, n, id)) ids[n++] = id;
    }
    return n;
}

static void random_record(struct prng *rng, struct image *image)
{
    static char names[10][8];
    int32_t ids[8], other[8];
    uint8_t t = (uint8_t)prng_below(rng, 10);
    struct metadata_record r;
    struct uuid dirs[2];
    switch (prng_below(rng, 10)) {
    case 0:
        names[t][0] = 't', names[t][1] = (char)('0' + t), names[t][2] = t % 2 ? '.' : '_';
        r = topic((struct str){names[t], 3}, t);
        break;
    case 1:
    case 2: r = partition(t, (int32_t)prng_below(rng, 6), ids, random_ids(rng, ids)); break;
    case 3:
    case 4:
    case 5:
        r = change(t, (int32_t)prng_below(rng, 6));
        r.u.partition_change.leader = (int32_t)prng_between(rng, -2, 7);
        if (prng_chance(rng, 1, 3)) {
            r.u.partition_change.replicas = ids;
            r.u.partition_change.replicas_count = random_ids(rng, ids);
        }
        if (prng_chance(rng, 1, 3)) {
            r.u.partition_change.eligible_leader_replicas = other;
            r.u.partition_change.eligible_leader_replicas_count = random_ids(rng, other);
            r.u.partition_change.adding_replicas = other;
            r.u.partition_change.adding_replicas_count = (int32_t)prng_below(rng, 2);
        }
        break;
    case 6:
        if (!prng_chance(rng, 1, 4)) return;
        r = record_of(METADATA_RECORD_REMOVE_TOPIC);
        r.u.remove_topic.topic_id = UUID_SMALL(t);
        break;
    case 7:
        dirs[0] = UUID_SMALL((uint8_t)(100 + t));
        dirs[1] = UUID_SMALL((uint8_t)(120 + t));
        r = broker(t % 8, image->end_offset, dirs, 2);
        break;
    case 8:
        r = config((struct str){names[t], 3}, t % 2 ? STR("x") : STR("y"),
                   prng_chance(rng, 1, 3) ? STR_NULL : STR("v"));
        if (names[t][0] == 0) return;
        break;
    default:
        r = record_of(METADATA_RECORD_USER_SCRAM_CREDENTIAL);
        r.u.user_scram_credential.name = t % 2 ? STR("u") : STR("w");
        r.u.user_scram_credential.mechanism = (int8_t)(1 + t % 2);
        r.u.user_scram_credential.iterations = t;
    }
    enum err err = image_replay(image, image->end_offset, &r, NULL);
    (void)err; /* refused ones are part of the game */
}

TEST(snapshot_of_any_image_loads_to_an_equal_image)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct prng rng = prng_seed(seed);
        struct image *image = image_new();
        play(image, feature(FEATURE_METADATA_VERSION, METADATA_VERSION_DEFAULT));
        play(image, feature(FEATURE_GROUP_VERSION, 1));
        for (int i = 0; i < 300; i++) random_record(&rng, image);
        check_index(image);
        struct image *copy = reloaded(image);
        check_index(copy);
        assert_int_equal(image_hash(copy), image_hash(image));
        assert_int_equal(copy->end_offset, image->end_offset);
        image_free(copy);
        image_free(image);
    }
}

TEST(metadata_versions_parse_and_print)
{
    int16_t level;
    assert_ok(metadata_version_parse(STR("4.3.1"), &level));
    assert_int_equal(level, 30);
    assert_ok(metadata_version_parse(STR("4.0-IV1"), &level));
    assert_int_equal(level, 23);
    assert_ok(metadata_version_parse(STR("4.0"), &level));
    assert_int_equal(level, 25);
    assert_int_equal(metadata_version_parse(STR("9.9"), &level), ERR_NOT_FOUND);
    assert_string_equal(metadata_version_text(30), "4.3-IV0");
    assert_false(metadata_version_changes_records(23, 29));
    assert_true(metadata_version_changes_records(29, 30));
    assert_int_equal(metadata_record_version(METADATA_RECORD_REGISTER_BROKER, 29), 3);
}
