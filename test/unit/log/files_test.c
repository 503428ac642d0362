/* The small files and tables of a log directory, one by one. */
#include "log_world.h"
#include "test.h"

#include "base/mem.h"
#include "log/checkpoint.h"
#include "log/epoch_cache.h"
#include "log/meta_properties.h"
#include "log/offset_index.h"
#include "log/partition_metadata.h"
#include "log/producer_state.h"
#include "log/txn_index.h"

struct files {
    struct sim *sim;
    struct disk *disk;
    struct arena arena;
};

static void setup(struct files *f)
{
    f->sim = sim_new(1);
    f->disk = sim_node_env(f->sim, "n")->disk;
    arena_init(&f->arena, 0);
}

static void teardown(struct files *f)
{
    arena_free(&f->arena);
    assert_int_equal(sim_node_handles(sim_node(f->sim, "n")), 0);
    sim_free(f->sim);
}

static void put_text(struct files *f, const char *path, const char *text)
{
    assert_ok(disk_replace_file(f->disk, path, bytes_of(text, strlen(text))));
}

static void assert_text(struct files *f, const char *path, const char *text)
{
    struct bytes b;
    assert_ok(disk_read_file(f->disk, path, 10000, &f->arena, &b));
    assert_int_equal(b.len, strlen(text));
    assert_memory_equal(b.data, text, strlen(text));
}

TEST(an_offset_checkpoint_is_kafkas_text)
{
    struct files f;
    setup(&f);
    struct offset_checkpoint_entry in[] = {{STR("orders"), 0, 12}, {STR("a-b.c_d"), 31, 1LL << 50}};
    struct offset_checkpoint_entry *out;
    int32_t count;
    assert_ok(offset_checkpoint_write(f.disk, "c", in, 2));
    assert_text(&f, "c", "0\n2\norders 0 12\na-b.c_d 31 1125899906842624\n");
    assert_ok(offset_checkpoint_read(f.disk, "c", &f.arena, &out, &count));
    assert_int_equal(count, 2);
    assert_true(str_equal_z(out[1].topic, "a-b.c_d") && out[1].offset == 1LL << 50);
    put_text(&f, "c", "");
    assert_ok(offset_checkpoint_read(f.disk, "c", &f.arena, &out, &count));
    assert_int_equal(count, 0);
    static const char *const bad[] = {"1\n0\n",
                                      "0\n2\nt 0 1\n",
                                      "0\n1\nt 0\n",
                                      "0\n1\nt 0 1 2\n",
                                      "0\n0\nt 0 1\n",
                                      "0\n99999999\n",
                                      "x\n",
                                      "0\n1\nt 0 x\n",
                                      "0\n1\nt 0 99999999999999999999\n",
                                      "0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text(&f, "c", bad[i]);
        assert_int_equal(offset_checkpoint_read(f.disk, "c", &f.arena, &out, &count), ERR_CORRUPT);
    }
    assert_int_equal(offset_checkpoint_read(f.disk, "no", &f.arena, &out, &count), ERR_NOT_FOUND);
    teardown(&f);
}

TEST(partition_metadata_is_kafkas_text)
{
    struct files f;
    setup(&f);
    struct uuid id, in = {{1, 2, 3}};
    assert_ok(partition_metadata_write(f.disk, "p", in));
    assert_text(&f, "p", "version: 0\ntopic_id: AQIDAAAAAAAAAAAAAAAAAA");
    assert_ok(partition_metadata_read(f.disk, "p", &f.arena, &id));
    assert_true(uuid_equal(id, in));
    put_text(&f, "p", "version: 0\ntopic_id: AQID");
    assert_int_equal(partition_metadata_read(f.disk, "p", &f.arena, &id), ERR_CORRUPT);
    put_text(&f, "p", "");
    assert_int_equal(partition_metadata_read(f.disk, "p", &f.arena, &id), ERR_CORRUPT);
    teardown(&f);
}

TEST(meta_properties_are_read_in_both_versions_and_named_when_wrong)
{
    struct files f;
    setup(&f);
    struct meta_properties m;
    const char *cause;
    assert_ok(meta_properties_read(f.disk, "", &f.arena, &m, &cause));
    assert_false(m.present);
    put_text(&f, "/meta.properties",
             "#\n#Mon Nov 23 "
             "2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\ndirectory.id=AQIDAAAAAAAAAAAAAAAAAA\n"
             "node.id = 7\r\nversion=1\n");
    assert_ok(meta_properties_read(f.disk, "", &f.arena, &m, &cause));
    assert_true(m.present && m.version == 1 && m.node_id == 7 && m.directory_id.bytes[2] == 3);
    assert_string_equal(m.cluster_id, "MkU3OEVBNTcwNTJENDM2Qg");
    assert_ok(meta_properties_write(f.disk, "", &m));
    struct meta_properties again;
    assert_ok(meta_properties_read(f.disk, "", &f.arena, &again, &cause));
    assert_memory_equal(&m, &again, sizeof m);
    strcpy(m.cluster_id, "a:b=c\\ d");
    assert_ok(meta_properties_write(f.disk, "", &m));
    assert_ok(meta_properties_read(f.disk, "", &f.arena, &again, &cause));
    assert_string_equal(again.cluster_id, "a:b=c\\ d");
    put_text(&f, "/meta.properties", "version=0\nbroker.id=3\n");
    assert_ok(meta_properties_read(f.disk, "", &f.arena, &m, &cause));
    assert_true(m.version == 0 && m.node_id == 3);
    put_text(&f, "/meta.properties", "version=1\nnode.id=3x\n");
    assert_int_equal(meta_properties_read(f.disk, "", &f.arena, &m, &cause), ERR_CORRUPT);
    assert_non_null(strstr(cause, "meta.properties:2: "));
    put_text(&f, "/meta.properties", "version=1\nnode.id=3\n");
    assert_int_equal(meta_properties_read(f.disk, "", &f.arena, &m, &cause), ERR_CORRUPT);
    assert_non_null(strstr(cause, "cluster.id is missing"));
    teardown(&f);
}

TEST(epochs_stay_in_order_whatever_is_assigned)
{
    struct epoch_cache c = {0};
    epoch_cache_assign(&c, 1, 0);
    epoch_cache_assign(&c, 3, 10);
    epoch_cache_assign(&c, 3, 12); /* known */
    epoch_cache_assign(&c, 5, 10); /* nothing was written in epoch 3 */
    assert_int_equal(c.count, 2);
    assert_true(c.entries[1].epoch == 5 && c.entries[1].start_offset == 10);
    epoch_cache_assign(&c, 7, 30);
    epoch_cache_assign(&c, 6, 20); /* an older epoch than the last: that one goes */
    assert_int_equal(c.count, 3);
    assert_int_equal(epoch_cache_latest(&c), 6);
    epoch_cache_truncate_start(&c, 15);
    assert_int_equal(c.count, 2);
    assert_true(c.entries[0].epoch == 5 && c.entries[0].start_offset == 15);
    epoch_cache_truncate_end(&c, 20);
    assert_int_equal(epoch_cache_latest(&c), 5);
    assert_int_equal(epoch_cache_at(&c, 14), NO_LEADER_EPOCH);
    assert_int_equal(epoch_cache_at(&c, 16), 5);
    epoch_cache_free(&c);
}

TEST(index_files_have_exactly_their_entries_and_are_searched_in_place)
{
    struct files f;
    setup(&f);
    struct offset_index x = {0}, y = {0};
    struct time_index t = {0};
    for (int i = 1; i <= 2000; i++) {
        offset_index_add(&x, (struct offset_entry){i * 10, i * 4100});
        time_index_add(&t, (struct time_entry){i * 100, i * 10});
        time_index_add(&t, (struct time_entry){i * 100, i * 10}); /* not larger: left out */
    }
    assert_ok(offset_index_write(&x, f.disk, "i", true));
    assert_ok(time_index_write(&t, f.disk, "t", false));
    struct disk_stat st;
    assert_ok(disk_stat(f.disk, "i", &st));
    assert_int_equal(st.size, 16000);
    assert_ok(disk_stat(f.disk, "t", &st));
    assert_int_equal(st.size, 24000);
    assert_ok(offset_index_read(&y, f.disk, "i"));
    assert_int_equal(y.count, 2000);
    for (int o = 0; o < 20100; o += 7) {
        struct offset_entry e, m = offset_index_find(&y, o);
        struct time_entry te, tm = time_index_find(&t, o * 10);
        int expected = o / 10 > 2000 ? 2000 : o / 10;
        assert_ok(offset_index_find_in_file(f.disk, "i", o, &e));
        assert_ok(time_index_find_in_file(f.disk, "t", o * 10, &te));
        assert_true(e.offset == expected * 10 && m.offset == e.offset && m.position == e.position);
        assert_true(te.offset == expected * 10 && tm.offset == te.offset);
    }
    offset_index_truncate(&y, 15000);
    assert_int_equal(y.count, 1499);
    offset_index_free(&x);
    offset_index_free(&y);
    time_index_free(&t);
    teardown(&f);
}

TEST(aborted_transactions_are_kept_in_order_and_cut)
{
    struct files f;
    setup(&f);
    struct txn_entry *out, e = {.producer_id = 1};
    int32_t count;
    for (int i = 0; i < 5; i++) {
        e.first_offset = 100 + i;
        e.last_offset = 110 + i;
        e.last_stable_offset = 120 + i;
        assert_ok(txn_index_append(f.disk, "x", &e));
    }
    assert_ok(txn_index_read(f.disk, "x", 100, &f.arena, &out, &count));
    assert_int_equal(count, 5);
    assert_true(out[4].first_offset == 104 && out[4].last_stable_offset == 124);
    assert_int_equal(txn_index_read(f.disk, "x", 111, &f.arena, &out, &count), ERR_CORRUPT);
    assert_ok(txn_index_truncate(f.disk, "x", 112));
    assert_ok(txn_index_read(f.disk, "x", 100, &f.arena, &out, &count));
    assert_int_equal(count, 2);
    teardown(&f);
}

TEST(a_producer_snapshot_keeps_every_batch_that_a_retry_may_repeat)
{
    struct producer_state *s = producer_state_new(), *r = producer_state_new();
    struct byte_buffer b = {0};
    struct batch_header h = {.producer_id = 9, .producer_epoch = 1, .count = 10};
    h.last_offset_delta = 9;
    for (int i = 0; i < 7; i++) {
        h.base_offset = 100 + i * 10;
        h.base_sequence = i * 10;
        h.max_timestamp = 1000 + i;
        producer_state_add(s, &h);
    }
    producer_state_encode(s, &b);
    assert_int_equal(b.len, 10 + 5 * 46);
    assert_int_equal(load_be32(b.data + 10 + 4 * 46 + 10), 69); /* what Kafka takes: the last */
    assert_ok(producer_state_decode(r, bytes_of(b.data, b.len), 1000, 100));
    assert_int_equal(r->count, 1);
    for (int i = 0; i < 7; i++) {
        const struct producer_batch *duplicate;
        h.base_sequence = i * 10;
        enum append_error e = producer_state_check(r, &h, APPEND_FROM_CLIENT, &duplicate);
        assert_int_equal(e, i < 2 ? APPEND_OUT_OF_ORDER_SEQUENCE : APPEND_OK);
        if (i >= 2) assert_int_equal(duplicate->last_offset, 109 + i * 10);
    }
    byte_buffer_free(&b);
    producer_state_free(s);
    producer_state_free(r);
}

TEST(a_producer_snapshot_keeps_producers_and_finds_every_damage)
{
    struct producer_state *s = producer_state_new(), *r = producer_state_new();
    struct byte_buffer b = {0};
    for (int i = 0; i < 50; i++) {
        struct batch_header h = {.base_offset = i * 10,
                                 .last_offset_delta = 4,
                                 .max_timestamp = 1000 + i,
                                 .producer_id = i * 7,
                                 .producer_epoch = 2,
                                 .base_sequence = 0,
                                 .count = 5,
                                 .attributes = i == 20 ? BATCH_TRANSACTIONAL : 0};
        producer_state_add(s, &h);
    }
    producer_state_encode(s, &b);
    assert_int_equal(b.len, 10 + 50 * 46);
    assert_ok(producer_state_decode(r, bytes_of(b.data, b.len), 1000, 100));
    assert_int_equal(r->count, 50);
    assert_int_equal(producer_state_first_unstable(r), 200);
    assert_int_equal(producer_state_find(r, 49 * 7)->batches[0].last_sequence, 4);
    /* all but the open transaction are older than the expiration */
    assert_ok(producer_state_decode(r, bytes_of(b.data, b.len), 5000, 100));
    assert_int_equal(r->count, 1);
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 0x10;
        assert_int_not_equal(producer_state_decode(r, bytes_of(b.data, b.len), 1000, 100), ERR_OK);
        b.data[i] ^= 0x10;
    }
    for (size_t cut = 0; cut < b.len; cut++)
        assert_int_not_equal(producer_state_decode(r, bytes_of(b.data, cut), 1000, 100), ERR_OK);
    producer_state_expire(s, 1125, 100);
    assert_int_equal(s->count, 25); /* of the older half only the one with a transaction is left */
    byte_buffer_free(&b);
    producer_state_free(s);
    producer_state_free(r);
}
