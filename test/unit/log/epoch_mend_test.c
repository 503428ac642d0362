/* A leader epoch that was misread costs no record: it is written anew. */
#include "log/log.h"

#include "log_world.h"
#include "protocol/batch.h"
#include "test.h"

enum { BATCHES = 6, EPOCH_AT = 12 };

/* One batch of one record at each offset, of these epochs, all synced. */
static void world_of_epochs(struct log_world *w, const int32_t *epochs)
{
    world_init(w, 1);
    for (int i = 0; i < BATCHES; i++) {
        struct built b = {.count = 1, .timestamp = 1, .value_bytes = 100};
        uint8_t *data;
        size_t len;
        world_build(w, &b, &data, &len);
        struct append_options o = {.leader_epoch = epochs[i], .arena = &w->arena};
        log_append_as_leader(w->log, data, len, &o, &w->result);
        assert_int_equal(w->result.error, APPEND_OK);
    }
    assert_ok(log_flush(w->log));
}

/* Headers as they lie in the file. */
static struct batch_header header_at(struct log_world *w, int64_t offset)
{
    struct log_read_options o = {
        .offset = offset, .end_offset = BATCHES, .min_one_batch = true, .bytes_max = 1};
    struct log_slice slice;
    struct batch_header h = {0};
    uint8_t bytes[BATCH_HEADER_BYTES];
    assert_ok(log_read(w->log, &o, &slice));
    assert_ok(disk_read_exact(slice.file, slice.position, bytes, sizeof bytes));
    disk_file_unref(slice.file);
    assert_ok(batch_parse_header(bytes, &h));
    assert_int_equal(h.base_offset, offset);
    return h;
}

/* The batch at `offset` has its epoch's bits flipped; then the log is recovered. */
static void misread(struct log_world *w, int64_t offset, uint8_t bits)
{
    int64_t size = header_at(w, offset).size; /* all are of one size */
    world_crash(w);
    assert_ok(sim_disk_flip(w->node, "/d/t-0/00000000000000000000.log",
                            offset * size + EPOCH_AT + 3, bits));
    assert_ok(world_open(w));
    assert_int_equal(log_end_offset(w->log), BATCHES);
}

static void assert_epochs(struct log_world *w, const int32_t *epochs)
{
    for (int i = 0; i < BATCHES; i++) {
        assert_int_equal(header_at(w, i).leader_epoch, epochs[i]);
        assert_int_equal(log_epoch_at(w->log, i), epochs[i]);
    }
    assert_int_equal(world_read_all(w), BATCHES); /* with sound checksums */
}

TEST(a_misread_last_epoch_becomes_the_one_before_it)
{
    static const int32_t epochs[BATCHES] = {2, 2, 3, 3, 3, 3};
    struct log_world w;
    world_of_epochs(&w, epochs);
    misread(&w, 5, 64);
    assert_int_equal(log_latest_epoch(w.log), 3 + 64);
    assert_ok(log_mend_epochs(w.log, 4));
    assert_epochs(&w, epochs);
    assert_int_equal(log_latest_epoch(w.log), 3);
    world_power_loss(&w, SIM_LOSS_ALL);
    assert_ok(world_open(&w)); /* and so it stays */
    assert_int_equal(log_latest_epoch(w.log), 3);
    world_free(&w);
}

TEST(epochs_behind_a_misread_one_are_known_again)
{
    static const int32_t epochs[BATCHES] = {2, 2, 3, 3, 5, 6};
    struct log_world w;
    world_of_epochs(&w, epochs);
    misread(&w, 3, 64);
    assert_int_equal(log_epoch_end(w.log, 3).end_offset, 3);
    assert_ok(log_mend_epochs(w.log, 6));
    assert_epochs(&w, epochs);
    assert_int_equal(log_epoch_end(w.log, 3).end_offset, 4);
    assert_int_equal(log_epoch_end(w.log, 5).end_offset, 5);
    world_free(&w);
}

/* One of `epochs` is misread; what they are once mended, in the leader epoch `now`. */
static void assert_mended(const int32_t *epochs, int64_t misread_at, uint8_t bits, int32_t now,
                          const int32_t *mended)
{
    struct log_world w;
    world_of_epochs(&w, epochs);
    misread(&w, misread_at, bits);
    assert_ok(log_mend_epochs(w.log, now));
    assert_epochs(&w, mended);
    world_free(&w);
}

TEST(the_first_batch_of_an_epoch_gets_its_own_epoch_back)
{
    static const int32_t epochs[BATCHES] = {2, 2, 2, 5, 5, 5};
    assert_mended(epochs, 3, 32, 6, epochs);
}

TEST(what_cannot_be_guessed_still_fits)
{
    static const int32_t epochs[BATCHES] = {2, 2, 2, 5, 5, 5};
    static const int32_t mended[BATCHES] = {2, 2, 2, 2, 5, 5};
    assert_mended(epochs, 3, 96, 6, mended); /* two bits */
}

TEST(the_very_first_batch_is_mended_too)
{
    static const int32_t epochs[BATCHES] = {0, 0, 0, 1, 1, 1};
    assert_mended(epochs, 0, 64, 1, epochs);
}

TEST(sound_epochs_are_left_alone)
{
    static const int32_t epochs[BATCHES] = {2, 2, 3, 3, 5, 6};
    struct log_world w;
    world_of_epochs(&w, epochs);
    assert_ok(log_mend_epochs(w.log, 6));
    assert_ok(log_mend_epochs(w.log, 7));
    assert_epochs(&w, epochs);
    world_free(&w);
}

TEST(rot_of_an_epoch_under_a_log_that_is_read_is_mended_as_it_is_found)
{
    static const int32_t epochs[BATCHES] = {2, 2, 3, 3, 3, 6};
    struct log_world w;
    world_of_epochs(&w, epochs);
    int64_t size = header_at(&w, 3).size;
    world_reopen_clean(&w); /* nothing is remembered of where batches lie */
    assert_ok(sim_disk_flip(w.node, "/d/t-0/00000000000000000000.log", 3 * size + EPOCH_AT, 16));
    assert_true(header_at(&w, 3).leader_epoch > 6);
    struct log_read_options o = {.offset = 3,
                                 .end_offset = BATCHES,
                                 .min_one_batch = true,
                                 .bytes_max = 1,
                                 .leader_epoch_end = 7};
    struct log_slice slice;
    assert_ok(log_read(w.log, &o, &slice));
    disk_file_unref(slice.file);
    assert_epochs(&w, epochs);
    world_free(&w);
}

TEST(a_failing_disk_while_epochs_are_mended_takes_the_directory_offline)
{
    static const int32_t epochs[BATCHES] = {2, 2, 3, 3, 3, 3};
    struct log_world w;
    world_of_epochs(&w, epochs);
    misread(&w, 5, 64);
    sim_disk_fail(w.node, SIM_ANY, 1, ERR_IO, true);
    assert_int_equal(log_mend_epochs(w.log, 4), ERR_IO);
    assert_int_equal(log_mend_epochs(w.log, 4), ERR_OFFLINE);
    world_free(&w);
}
