/* What a simulated disk keeps and what it loses. */
#include "sim_fault_loop.h"
#include "test.h"

#include <stdio.h>

#include "base/mem.h"
#include "env/sim/sim.h"

static struct disk_file *open_file(struct env *env, const char *path)
{
    struct disk_file *f;
    assert_ok(disk_open(env->disk, path, DISK_WRITE | DISK_CREATE, &f));
    return f;
}

static void put(struct disk_file *f, int64_t offset, const char *text)
{
    assert_ok(disk_write_bytes(f, offset, text, strlen(text)));
}

/* The text of a file, "" when it is empty, "-" when it is absent. */
static void read_text(struct env *env, const char *path, char to[64])
{
    struct disk_file *f;
    enum err e = disk_open(env->disk, path, DISK_READ, &f);
    snprintf(to, 64, "-");
    if (e == ERR_NOT_FOUND) return;
    assert_ok(e);
    size_t got;
    assert_ok(disk_read(f, 0, to, 63, &got));
    to[got] = '\0';
    disk_file_unref(f);
}

static void assert_text(struct env *env, const char *path, const char *expected)
{
    char text[64];
    read_text(env, path, text);
    assert_string_equal(text, expected);
}

static struct env *reboot(struct sim *s, enum sim_loss loss)
{
    sim_node_power_loss(sim_node(s, "n"), loss);
    return sim_node_env(s, "n");
}

TEST(crash_keeps_every_written_byte_and_name)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    struct disk_file *f = open_file(env, "a");
    put(f, 0, "unsynced");
    sim_node_crash(sim_node(s, "n"));
    assert_int_equal(disk_write_bytes(f, 0, "ZOMBIE", 6), ERR_IO);
    disk_file_unref(f);
    assert_int_equal(sim_node_handles(sim_node(s, "n")), 0);
    assert_text(sim_node_env(s, "n"), "a", "unsynced");
    sim_free(s);
}

TEST(power_loss_keeps_what_was_synced_and_nothing_else_at_worst)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    struct disk_file *f = open_file(env, "a");
    put(f, 0, "synced");
    assert_ok(disk_sync(f));
    assert_ok(disk_sync_dir(env->disk, "/"));
    put(f, 0, "SYN");
    put(f, 6, " and more");
    assert_text(env, "a", "SYNced and more");
    disk_file_unref(f);
    assert_text(reboot(s, SIM_LOSS_ALL), "a", "synced");
    sim_free(s);
}

TEST(power_loss_forgets_names_that_were_not_synced)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    struct disk_file *f = open_file(env, "old");
    put(f, 0, "old");
    assert_ok(disk_sync(f));
    disk_file_unref(f);
    assert_ok(disk_mkdir(env->disk, "d"));
    assert_ok(disk_sync_dir(env->disk, "/"));
    f = open_file(env, "fresh");
    put(f, 0, "fresh");
    assert_ok(disk_sync(f)); /* its bytes, not its name */
    disk_file_unref(f);
    assert_ok(disk_rename(env->disk, "old", "new"));
    assert_ok(disk_rmdir(env->disk, "d"));
    env = reboot(s, SIM_LOSS_ALL);
    assert_text(env, "fresh", "-");
    assert_text(env, "old", "old");
    assert_text(env, "new", "-");
    struct disk_stat st;
    assert_ok(disk_stat(env->disk, "d", &st));
    sim_free(s);
}

TEST(power_loss_undoes_a_replacing_rename_whole)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    struct disk_file *f = open_file(env, "a");
    put(f, 0, "first");
    assert_ok(disk_sync(f));
    disk_file_unref(f);
    assert_ok(disk_sync_dir(env->disk, "/"));
    f = open_file(env, "a.tmp");
    put(f, 0, "second");
    assert_ok(disk_sync(f));
    disk_file_unref(f);
    assert_ok(disk_rename(env->disk, "a.tmp", "a"));
    assert_text(env, "a", "second");
    assert_text(reboot(s, SIM_LOSS_ALL), "a", "first");
    sim_free(s);
}

TEST(sync_of_one_directory_leaves_the_names_of_another_open)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    assert_ok(disk_mkdir(env->disk, "x"));
    assert_ok(disk_mkdir(env->disk, "y"));
    assert_ok(disk_sync_dir(env->disk, "."));
    disk_file_unref(open_file(env, "x/a"));
    disk_file_unref(open_file(env, "y/b"));
    assert_ok(disk_sync_dir(env->disk, "y"));
    env = reboot(s, SIM_LOSS_ALL);
    assert_text(env, "x/a", "-");
    assert_text(env, "y/b", "");
    sim_free(s);
}

TEST(synced_tree_is_durable_with_its_names_and_what_is_beside_it_is_not)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    assert_ok(disk_mkdirs(env->disk, "x/y"));
    assert_ok(disk_sync_dir(env->disk, "/"));
    const char *paths[] = {"x/a", "x/y/b", "c"};
    for (int i = 0; i < 3; i++) {
        struct disk_file *f = open_file(env, paths[i]);
        put(f, 0, "text");
        disk_file_unref(f);
    }
    assert_ok(disk_sync_tree(env->disk, "x"));
    env = reboot(s, SIM_LOSS_ALL);
    assert_text(env, "x/a", "text");
    assert_text(env, "x/y/b", "text");
    assert_text(env, "c", "-");
    struct disk_file *f = open_file(env, "x/a");
    put(f, 0, "more");
    sim_disk_fail(sim_node(s, "n"), SIM_SYNC, 1, ERR_IO, false);
    assert_int_equal(disk_sync_tree(env->disk, "x"), ERR_IO);
    assert_ok(disk_sync_tree(env->disk, "x")); /* too late, as after any failed sync */
    disk_file_unref(f);
    assert_text(reboot(s, SIM_LOSS_ALL), "x/a", "text");
    sim_free(s);
}

TEST(power_loss_orders_the_names_of_one_directory_and_not_of_two)
{
    int mixed = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim *s = sim_new(seed);
        struct env *env = sim_node_env(s, "n");
        assert_ok(disk_mkdir(env->disk, "x"));
        assert_ok(disk_mkdir(env->disk, "y"));
        assert_ok(disk_sync_dir(env->disk, "/"));
        disk_file_unref(open_file(env, "x/first"));
        disk_file_unref(open_file(env, "x/second"));
        disk_file_unref(open_file(env, "y/later"));
        env = reboot(s, SIM_LOSS_RANDOM);
        struct disk_stat st;
        bool first = disk_stat(env->disk, "x/first", &st) == ERR_OK;
        bool second = disk_stat(env->disk, "x/second", &st) == ERR_OK;
        bool later = disk_stat(env->disk, "y/later", &st) == ERR_OK;
        assert_true(first || !second);
        mixed += later && !second;
        sim_free(s);
    }
    assert_true(mixed > 0);
}

TEST(power_loss_keeps_a_rename_between_two_directories_in_both_or_in_none)
{
    int kept = 0, undone = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim *s = sim_new(seed);
        struct env *env = sim_node_env(s, "n");
        assert_ok(disk_mkdir(env->disk, "x"));
        assert_ok(disk_mkdir(env->disk, "y"));
        disk_file_unref(open_file(env, "x/a"));
        assert_ok(disk_sync_dir(env->disk, "/"));
        assert_ok(disk_sync_dir(env->disk, "x"));
        assert_ok(disk_rename(env->disk, "x/a", "y/b"));
        disk_file_unref(open_file(env, "x/c"));
        disk_file_unref(open_file(env, "y/d"));
        env = reboot(s, SIM_LOSS_RANDOM);
        struct disk_stat st;
        bool old = disk_stat(env->disk, "x/a", &st) == ERR_OK;
        bool new = disk_stat(env->disk, "y/b", &st) == ERR_OK;
        assert_true(old != new);
        kept += new;
        undone += old;
        sim_free(s);
    }
    assert_true(kept > 0 && undone > 0);
}

TEST(garbage_of_a_power_loss_stands_behind_what_was_synced)
{
    enum { SYNCED = 700, MORE = 4000 };
    int garbage = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sim *s = sim_new(seed);
        struct env *env = sim_node_env(s, "n");
        struct disk_file *f = open_file(env, "a");
        uint8_t data[SYNCED + MORE];
        memset(data, 'o', SYNCED);
        memset(data + SYNCED, 'n', MORE);
        assert_ok(disk_write_bytes(f, 0, data, SYNCED));
        assert_ok(disk_sync(f));
        assert_ok(disk_sync_dir(env->disk, "/"));
        assert_ok(disk_write_bytes(f, SYNCED, data + SYNCED, MORE));
        disk_file_unref(f);
        env = reboot(s, SIM_LOSS_RANDOM);
        f = open_file(env, "a");
        size_t got;
        assert_ok(disk_read(f, 0, data, sizeof data, &got));
        assert_true(got >= SYNCED);
        for (size_t i = 0; i < SYNCED; i++) assert_int_equal(data[i], 'o');
        for (size_t i = SYNCED; i < got; i++) garbage += data[i] != 'n' && data[i] != 0;
        disk_file_unref(f);
        sim_free(s);
    }
    assert_true(garbage > 0);
}

TEST(replace_file_survives_power_loss_at_every_moment)
{
    /* Whatever happens before: old or new, whole. */
    int old_seen = 0, new_seen = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        for (int64_t stop = 1; stop <= 5; stop++) {
            struct sim *s = sim_new(seed);
            struct env *env = sim_node_env(s, "n");
            assert_ok(disk_replace_file(env->disk, "meta", bytes_of("old one", 7)));
            sim_disk_fail(sim_node(s, "n"), SIM_WRITE | SIM_SYNC | SIM_NAME | SIM_SYNC_DIR, stop,
                          ERR_IO, true);
            enum err e = disk_replace_file(env->disk, "meta", bytes_of("the new one", 11));
            assert_int_equal(e, stop <= 4 ? ERR_IO : ERR_OK);
            sim_disk_fail(sim_node(s, "n"), SIM_ANY, 0, ERR_OK, false);
            env = reboot(s, SIM_LOSS_RANDOM);
            char text[64];
            read_text(env, "meta", text);
            bool is_old = strcmp(text, "old one") == 0;
            if (is_old)
                old_seen++;
            else
                assert_string_equal(text, "the new one");
            if (!is_old) new_seen++;
            if (!e) assert_false(is_old);
            sim_free(s);
        }
    }
    assert_true(old_seen > 0 && new_seen > 0);
}

TEST(random_power_loss_mixes_old_and_new_sectors_only)
{
    enum { SECTORS = 40, BYTES = SECTORS * 512 };
    int kept = 0, lost = 0, torn = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct sim *s = sim_new(seed);
        struct env *env = sim_node_env(s, "n");
        struct disk_file *f = open_file(env, "a");
        uint8_t *data = mem_zalloc(1, BYTES);
        memset(data, 'o', BYTES);
        assert_ok(disk_write_bytes(f, 0, data, BYTES));
        assert_ok(disk_sync(f));
        assert_ok(disk_sync_dir(env->disk, "/"));
        memset(data, 'n', BYTES);
        assert_ok(disk_write_bytes(f, 0, data, BYTES));
        disk_file_unref(f);
        env = reboot(s, SIM_LOSS_RANDOM);
        f = open_file(env, "a");
        assert_ok(disk_read_exact(f, 0, data, BYTES));
        for (int i = 0; i < SECTORS; i++) {
            int fresh = 0;
            for (int j = 0; j < 512; j++) {
                uint8_t c = data[i * 512 + j];
                assert_true(c == 'o' || c == 'n');
                fresh += c == 'n';
            }
            kept += fresh == 512;
            lost += fresh == 0;
            torn += fresh > 0 && fresh < 512;
        }
        disk_file_unref(f);
        mem_free(data);
        sim_free(s);
    }
    assert_true(kept > 0 && lost > 0 && torn > 0);
}

struct sync_probe {
    struct disk_sync op;
    bool done;
};

static void sync_done(struct disk_sync *op)
{
    CONTAINER_OF(op, struct sync_probe, op)->done = true;
}

TEST(async_sync_covers_what_was_written_before_it_began_and_not_before_it_ends)
{
    for (int finished = 0; finished <= 1; finished++) {
        struct sim *s = sim_new(1);
        struct env *env = sim_node_env(s, "n");
        struct disk_file *f = open_file(env, "a");
        assert_ok(disk_sync_dir(env->disk, "/"));
        put(f, 0, "before");
        struct sync_probe probe = {.done = false};
        disk_sync_start(f, &probe.op, sync_done);
        put(f, 6, " after"); /* in the same sector */
        disk_file_unref(f);
        if (finished) sim_run_ms(s, 10);
        assert_int_equal(probe.done, finished);
        env = reboot(s, SIM_LOSS_ALL);
        assert_text(env, "a", finished ? "before" : "");
        sim_run_ms(s, 10);
        assert_int_equal(probe.done, finished); /* the dead process hears nothing */
        sim_free(s);
    }
}

TEST(failed_sync_loses_its_pages_for_good)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct sim *s = sim_new(seed);
        struct env *env = sim_node_env(s, "n");
        struct disk_file *f = open_file(env, "a");
        assert_ok(disk_sync_dir(env->disk, "/"));
        put(f, 0, "acked?");
        sim_disk_fail(sim_node(s, "n"), SIM_SYNC, 1, ERR_IO, false);
        assert_int_equal(disk_sync(f), ERR_IO);
        assert_ok(disk_sync(f)); /* says yes, and has nothing to write: fsyncgate */
        disk_file_unref(f);
        char text[64];
        read_text(reboot(s, SIM_LOSS_RANDOM), "a", text);
        assert_true(strcmp(text, "acked?") != 0);
        sim_free(s);
    }
}

/* Only a page that is clean can be dropped. */
TEST(what_was_written_since_outlives_a_failed_sync_though_a_sync_of_it_is_under_way)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct sim *s = sim_new(seed);
        struct env *env = sim_node_env(s, "n");
        struct disk_file *f = open_file(env, "a");
        struct sync_probe first = {.done = false}, second = {.done = false};
        sim_disk_sync_delay(sim_node(s, "n"), 5000, 5000);
        put(f, 0, "first");
        sim_disk_fail(sim_node(s, "n"), SIM_SYNC, 1, ERR_IO, false);
        disk_sync_start(f, &first.op, sync_done);
        sim_run_ms(s, 2);
        put(f, 0, "second");
        disk_sync_start(f, &second.op, sync_done);
        sim_run_ms(s, 4);
        assert_true(first.done && !second.done);
        assert_int_equal(first.op.result, ERR_IO);
        assert_text(env, "a", "second");
        disk_file_unref(f);
        sim_free(s);
    }
}

TEST(bytes_written_again_after_a_failed_sync_can_be_synced)
{
    struct sim *s = sim_new(3);
    struct env *env = sim_node_env(s, "n");
    struct disk_file *f = open_file(env, "a");
    assert_ok(disk_sync_dir(env->disk, "/"));
    put(f, 0, "once");
    sim_disk_fail(sim_node(s, "n"), SIM_SYNC, 1, ERR_IO, false);
    assert_int_equal(disk_sync(f), ERR_IO);
    put(f, 0, "again");
    assert_ok(disk_sync(f));
    disk_file_unref(f);
    assert_text(reboot(s, SIM_LOSS_ALL), "a", "again");
    sim_free(s);
}

TEST(lying_sync_shows_at_power_loss)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    struct disk_file *f = open_file(env, "a");
    assert_ok(disk_sync_dir(env->disk, "/"));
    sim_disk_sync_lies(sim_node(s, "n"), true);
    put(f, 0, "trusted");
    assert_ok(disk_sync(f));
    disk_file_unref(f);
    assert_text(reboot(s, SIM_LOSS_ALL), "a", "");
    sim_free(s);
}

TEST(truncation_is_undone_whole_or_not_at_all)
{
    bool cut_seen = false, whole_seen = false;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim *s = sim_new(seed);
        struct env *env = sim_node_env(s, "n");
        struct disk_file *f = open_file(env, "a");
        put(f, 0, "0123456789");
        assert_ok(disk_sync(f));
        assert_ok(disk_sync_dir(env->disk, "/"));
        assert_ok(disk_truncate(f, 4));
        disk_file_unref(f);
        char text[64];
        read_text(reboot(s, SIM_LOSS_RANDOM), "a", text);
        cut_seen |= strcmp(text, "0123") == 0;
        whole_seen |= strcmp(text, "0123456789") == 0;
        assert_true(strcmp(text, "0123") == 0 || strcmp(text, "0123456789") == 0);
        sim_free(s);
    }
    assert_true(cut_seen && whole_seen);
}

TEST(budget_fills_the_disk_and_removal_frees_it)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    struct disk_file *f = open_file(env, "a");
    put(f, 0, "12345");
    sim_disk_budget(sim_node(s, "n"), 8);
    put(f, 5, "678");
    assert_int_equal(disk_write_bytes(f, 8, "9", 1), ERR_NO_SPACE);
    put(f, 0, "in place");
    int64_t size;
    assert_ok(disk_size(f, &size));
    assert_int_equal(size, 8);
    struct disk_space space;
    assert_ok(disk_space(env->disk, "/", &space));
    assert_int_equal(space.usable_bytes, 0);
    assert_ok(disk_unlink(env->disk, "a"));
    struct disk_file *g = open_file(env, "b");
    assert_int_equal(disk_write_bytes(g, 0, "x", 1), ERR_NO_SPACE); /* `a` is open still */
    disk_file_unref(f);
    put(g, 0, "12345678");
    disk_file_unref(g);
    sim_free(s);
}

TEST(flipped_bits_are_read_and_survive)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    struct disk_file *f = open_file(env, "a");
    put(f, 0, "aaaa");
    assert_ok(disk_sync(f));
    assert_ok(disk_sync_dir(env->disk, "/"));
    disk_file_unref(f);
    assert_ok(sim_disk_flip(sim_node(s, "n"), "a", 2, 0x20));
    assert_int_equal(sim_disk_flip(sim_node(s, "n"), "a", 4, 1), ERR_OUT_OF_RANGE);
    assert_int_equal(sim_disk_flip(sim_node(s, "n"), "b", 0, 1), ERR_NOT_FOUND);
    assert_text(env, "a", "aaAa");
    assert_text(reboot(s, SIM_LOSS_ALL), "a", "aaAa");
    sim_free(s);
}

TEST(fault_loop_reaches_every_operation_and_ends_clean)
{
    int64_t rounds = 0, last_ok = 0;
    SIM_FAULT_LOOP(loop) {
        struct sim *s = sim_new(1);
        struct env *env = sim_node_env(s, "n");
        sim_fault_arm(&loop, sim_node(s, "n"), SIM_ANY, ERR_IO);
        enum err e = disk_replace_file(env->disk, "meta", bytes_of("contents", 8));
        sim_fault_done(&loop, sim_node(s, "n"));
        rounds++;
        assert_int_equal(e == ERR_OK, !loop.hit);
        last_ok = e == ERR_OK;
        assert_int_equal(sim_node_handles(sim_node(s, "n")), 0);
        char text[64];
        read_text(env, "meta", text);
        if (!e) assert_string_equal(text, "contents");
        sim_free(s);
    }
    assert_int_equal(rounds, 6); /* open, write, sync, rename, sync_dir; and a clean one */
    assert_int_equal(last_ok, 1);
}

TEST(budget_loop_fills_the_disk_at_every_byte)
{
    int64_t rounds = 0;
    SIM_FAULT_LOOP(loop) {
        struct sim *s = sim_new(1);
        struct env *env = sim_node_env(s, "n");
        sim_budget_arm(&loop, sim_node(s, "n"), 1);
        enum err e = disk_replace_file(env->disk, "meta", bytes_of("contents", 8));
        sim_budget_done(&loop, sim_node(s, "n"), e == ERR_NO_SPACE);
        rounds++;
        char text[64];
        read_text(env, "meta", text);
        assert_string_equal(text, e ? "-" : "contents");
        sim_free(s);
    }
    assert_int_equal(rounds, 9);
}

static struct disk_file *two_sectors(struct env *env)
{
    struct disk_file *f = open_file(env, "/d/x.log");
    uint8_t bytes[2 * 512];
    memset(bytes, 'a', 512);
    memset(bytes + 512, 'b', 512);
    assert_ok(disk_write_bytes(f, 0, bytes, sizeof bytes));
    assert_ok(disk_sync(f));
    return f;
}

static char byte_at(struct disk_file *f, int64_t offset)
{
    char byte;
    assert_ok(disk_read_exact(f, offset, &byte, 1));
    return byte;
}

TEST(a_misdirected_read_gives_another_sector_once)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    assert_ok(disk_mkdir(env->disk, "/d"));
    struct disk_file *f = two_sectors(env);
    sim_disk_misread(sim_node(s, "n"), SIM_MISREAD_MISDIRECTED, ".log", 2);
    assert_int_equal(byte_at(f, 0), 'a');
    assert_int_equal(byte_at(f, 0), 'b');
    assert_int_equal(byte_at(f, 0), 'a');
    assert_int_equal(sim_disk_misreads(sim_node(s, "n")), 1);
    sim_disk_misread(sim_node(s, "n"), SIM_MISREAD_MISDIRECTED, ".index", 1); /* not this file */
    assert_int_equal(byte_at(f, 0), 'a');
    disk_file_unref(f);
    sim_free(s);
}

TEST(a_stale_read_gives_what_was_there_before)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    assert_ok(disk_mkdir(env->disk, "/d"));
    struct disk_file *f = two_sectors(env);
    sim_disk_misread(sim_node(s, "n"), SIM_MISREAD_STALE, ".log", 1);
    assert_int_equal(byte_at(f, 0), 'a'); /* nothing older: the fault waits */
    put(f, 0, "z");
    assert_int_equal(byte_at(f, 0), 'a');
    assert_int_equal(byte_at(f, 0), 'z');
    disk_file_unref(f);
    sim_free(s);
}

TEST(a_flipped_read_is_wrong_in_one_bit)
{
    struct sim *s = sim_new(1);
    struct env *env = sim_node_env(s, "n");
    assert_ok(disk_mkdir(env->disk, "/d"));
    struct disk_file *f = two_sectors(env);
    sim_disk_misread(sim_node(s, "n"), SIM_MISREAD_FLIPPED, ".log", 1);
    int wrong = byte_at(f, 0) ^ 'a';
    assert_int_equal(__builtin_popcount((unsigned)wrong), 1);
    assert_int_equal(byte_at(f, 0), 'a');
    disk_file_unref(f);
    sim_free(s);
}

static void count_names(void *owner, const char *name, bool is_dir)
{
    assert_string_equal(name, "x.log");
    assert_false(is_dir);
    ++*(int *)owner;
}

TEST(a_directory_that_vanishes_stays_away_and_open_handles_work)
{
    struct sim *s = sim_new(1);
    struct sim_node *n = sim_node(s, "n");
    struct env *env = sim_node_env(s, "n");
    assert_ok(disk_mkdir(env->disk, "/d"));
    struct disk_file *f = two_sectors(env);
    int names = 0;
    sim_disk_names(n, "/d", count_names, &names);
    assert_int_equal(names, 1);
    assert_int_equal(sim_disk_peek(n, "/d/x.log").len, 1024);
    assert_ok(sim_disk_vanish(n, "/d"));
    assert_int_equal(sim_disk_vanish(n, "/d"), ERR_NOT_FOUND);
    put(f, 0, "z");
    assert_int_equal(byte_at(f, 0), 'z');
    disk_file_unref(f);
    assert_text(env, "/d/x.log", "-");
    assert_true(sim_disk_peek(n, "/d/x.log").len < 0);
    assert_int_equal(sim_disk_used(n), 0);
    env = reboot(s, SIM_LOSS_ALL); /* no power loss brings it back */
    assert_text(env, "/d/x.log", "-");
    assert_ok(disk_mkdir(env->disk, "/d"));
    sim_free(s);
}
