#define WORLD_DISK
#include "world.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/prng.h"

struct fixture {
    struct world *w;
    struct disk *disk;
    struct arena arena;
};

static struct fixture fixture_of(struct world *w)
{
    struct fixture f = {.w = w, .disk = w->env->disk};
    arena_init(&f.arena, 0);
    return f;
}

#define PATH(name) world_path(f.w, &f.arena, (name))

static struct disk_file *open_new(struct fixture *fx, const char *name)
{
    struct disk_file *file;
    assert_ok(disk_open(fx->disk, world_path(fx->w, &fx->arena, name),
                        DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE, &file));
    return file;
}

static void assert_contents(struct disk_file *file, const char *text)
{
    char buffer[64];
    size_t got;
    assert_ok(disk_read(file, 0, buffer, sizeof buffer, &got));
    assert_int_equal(got, strlen(text));
    assert_memory_equal(buffer, text, got);
}

static void assert_path_contents(struct fixture *fx, const char *name, const char *text)
{
    struct bytes b;
    assert_ok(disk_read_file(fx->disk, world_path(fx->w, &fx->arena, name), 1000, &fx->arena, &b));
    assert_int_equal(b.len, strlen(text));
    assert_memory_equal(b.data, text, strlen(text));
}

BOTH(disk_open_flags_and_errors)
{
    struct fixture f = fixture_of(w);
    struct disk_file *file, *again;
    assert_int_equal(disk_open(f.disk, PATH("none"), DISK_READ, &file), ERR_NOT_FOUND);
    assert_int_equal(disk_open(f.disk, PATH("none/x"), DISK_WRITE | DISK_CREATE, &file),
                     ERR_NOT_FOUND);
    file = open_new(&f, "a");
    assert_ok(disk_write_bytes(file, 0, "abc", 3));
    assert_int_equal(
        disk_open(f.disk, PATH("a"), DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE, &again),
        ERR_EXISTS);
    assert_ok(disk_open(f.disk, PATH("a"), DISK_READ, &again));
    assert_contents(again, "abc");
    assert_int_equal(disk_write_bytes(again, 0, "x", 1), ERR_IO);
    disk_file_unref(again);
    assert_ok(disk_open(f.disk, PATH("a"), DISK_WRITE | DISK_TRUNCATE, &again));
    assert_contents(file, "");
    disk_file_unref(again);
    disk_file_unref(file);
    arena_free(&f.arena);
}

BOTH(disk_reads_and_writes_anywhere)
{
    struct fixture f = fixture_of(w);
    struct disk_file *file = open_new(&f, "a");
    struct iovec iov[3] = {{"one", 3}, {"", 0}, {"two", 3}};
    assert_ok(disk_write(file, 0, iov, 3));
    assert_ok(disk_write_bytes(file, 10, "end", 3));
    int64_t size;
    assert_ok(disk_size(file, &size));
    assert_int_equal(size, 13);
    char buffer[13];
    assert_ok(disk_read_exact(file, 0, buffer, 13));
    assert_memory_equal(buffer, "onetwo\0\0\0\0end", 13);
    assert_int_equal(disk_read_exact(file, 1, buffer, 13), ERR_TRUNCATED);
    size_t got = 99;
    assert_ok(disk_read(file, 13, buffer, 5, &got));
    assert_int_equal(got, 0);
    assert_ok(disk_read(file, 1000, buffer, 5, &got));
    assert_int_equal(got, 0);
    disk_file_unref(file);
    arena_free(&f.arena);
}

BOTH(disk_writes_more_pieces_than_one_call_takes)
{
    struct fixture f = fixture_of(w);
    struct disk_file *file = open_new(&f, "a");
    enum { PIECES = 3000 };
    struct iovec *iov = mem_zalloc(PIECES, sizeof *iov);
    uint32_t *values = mem_zalloc(PIECES, sizeof *values);
    for (uint32_t i = 0; i < PIECES; i++) {
        values[i] = i * 2654435761u;
        iov[i] = (struct iovec){&values[i], sizeof values[i]};
    }
    assert_ok(disk_write(file, 7, iov, PIECES));
    uint32_t *back = mem_zalloc(PIECES, sizeof *back);
    assert_ok(disk_read_exact(file, 7, back, PIECES * sizeof *back));
    assert_memory_equal(values, back, PIECES * sizeof *back);
    mem_free(iov);
    mem_free(values);
    mem_free(back);
    disk_file_unref(file);
    arena_free(&f.arena);
}

BOTH(disk_truncate_cuts_and_extends_with_zeros)
{
    struct fixture f = fixture_of(w);
    struct disk_file *file = open_new(&f, "a");
    assert_ok(disk_write_bytes(file, 0, "abcdef", 6));
    assert_ok(disk_truncate(file, 2));
    assert_contents(file, "ab");
    assert_ok(disk_truncate(file, 4));
    char buffer[4];
    assert_ok(disk_read_exact(file, 0, buffer, 4));
    assert_memory_equal(buffer, "ab\0\0", 4);
    assert_ok(disk_preallocate(file, 100000));
    int64_t size;
    assert_ok(disk_size(file, &size));
    assert_int_equal(size, 4);
    disk_file_unref(file);
    arena_free(&f.arena);
}

BOTH(disk_rename_replaces_and_open_files_follow)
{
    struct fixture f = fixture_of(w);
    struct disk_file *a = open_new(&f, "a"), *b = open_new(&f, "b");
    assert_ok(disk_write_bytes(a, 0, "from a", 6));
    assert_ok(disk_write_bytes(b, 0, "from b", 6));
    assert_ok(disk_rename(f.disk, PATH("a"), PATH("b")));
    assert_path_contents(&f, "b", "from a");
    assert_contents(a, "from a");
    assert_contents(b, "from b");
    assert_ok(disk_write_bytes(a, 0, "FROM", 4));
    assert_path_contents(&f, "b", "FROM a");
    struct disk_stat st;
    assert_int_equal(disk_stat(f.disk, PATH("a"), &st), ERR_NOT_FOUND);
    assert_int_equal(disk_rename(f.disk, PATH("a"), PATH("c")), ERR_NOT_FOUND);
    disk_file_unref(a);
    disk_file_unref(b);
    arena_free(&f.arena);
}

BOTH(disk_unlinked_open_file_keeps_its_data)
{
    struct fixture f = fixture_of(w);
    struct disk_file *file = open_new(&f, "a");
    assert_ok(disk_write_bytes(file, 0, "still", 5));
    assert_ok(disk_unlink(f.disk, PATH("a")));
    assert_int_equal(disk_unlink(f.disk, PATH("a")), ERR_NOT_FOUND);
    assert_contents(file, "still");
    struct disk_file *fresh = open_new(&f, "a");
    assert_contents(fresh, "");
    assert_contents(file, "still");
    disk_file_unref(fresh);
    disk_file_unref(file);
    arena_free(&f.arena);
}

BOTH(disk_renamed_directory_takes_open_files_along)
{
    struct fixture f = fixture_of(w);
    assert_ok(disk_mkdirs(f.disk, PATH("d/e")));
    struct disk_file *file = open_new(&f, "d/e/a");
    assert_ok(disk_write_bytes(file, 0, "moved", 5));
    assert_ok(disk_rename(f.disk, PATH("d"), PATH("z")));
    assert_contents(file, "moved");
    assert_path_contents(&f, "z/e/a", "moved");
    struct disk_stat st;
    assert_int_equal(disk_stat(f.disk, PATH("d/e/a"), &st), ERR_NOT_FOUND);
    disk_file_unref(file);
    arena_free(&f.arena);
}

BOTH(disk_replaced_directory_and_moves_between_levels)
{
    struct fixture f = fixture_of(w);
    assert_ok(disk_mkdirs(f.disk, PATH("a/b")));
    assert_ok(disk_mkdirs(f.disk, PATH("empty")));
    struct disk_file *deep = open_new(&f, "a/b/deep"), *twin;
    assert_ok(disk_open(f.disk, PATH("a/./b//deep"), DISK_READ, &twin));
    assert_ok(disk_write_bytes(deep, 0, "deep", 4));
    assert_ok(disk_rename(f.disk, PATH("a/b/deep"), PATH("a/up")));
    assert_contents(twin, "deep");
    assert_contents(deep, "deep");
    assert_ok(disk_rename(f.disk, PATH("a"), PATH("empty")));
    assert_contents(twin, "deep");
    assert_contents(deep, "deep");
    assert_ok(disk_rename(f.disk, PATH("empty/up"), PATH("top")));
    assert_ok(disk_remove_tree(f.disk, PATH("empty")));
    assert_contents(twin, "deep");
    assert_ok(disk_rename(f.disk, PATH("top"), PATH("top")));
    assert_ok(disk_write_bytes(deep, 0, "DEEP", 4));
    assert_path_contents(&f, "top", "DEEP");
    assert_ok(disk_unlink(f.disk, PATH("top")));
    assert_contents(twin, "DEEP");
    assert_contents(deep, "DEEP");
    disk_file_unref(deep);
    disk_file_unref(twin);
    arena_free(&f.arena);
}

/* Random changes of names and contents, held against a model: every handle keeps its own file. */
BOTH(disk_handles_keep_their_files_through_any_renames)
{
    struct fixture f = fixture_of(w);
    enum { FILES = 24, DIRS = 4 };
    struct disk_file *files[FILES] = {0};
    uint32_t values[FILES] = {0};
    char path[64], to[64];
    int where[FILES];   /* directory, or -1 when unlinked */
    int dir_name[DIRS]; /* directories change their names too */
    for (int d = 0; d < DIRS; d++) {
        dir_name[d] = d;
        snprintf(path, sizeof path, "d%d", d);
        assert_ok(disk_mkdir(f.disk, PATH(path)));
    }
    struct prng p = prng_seed(5);
    for (int round = 0; round < 3000; round++) {
        int i = (int)prng_below(&p, FILES);
        if (!files[i]) {
            where[i] = (int)prng_below(&p, DIRS);
            snprintf(path, sizeof path, "d%d/f%d", dir_name[where[i]], i);
            files[i] = open_new(&f, path);
            values[i] = 0;
            assert_ok(disk_write_bytes(files[i], 0, &values[i], 4));
            continue;
        }
        uint32_t value;
        assert_ok(disk_read_exact(files[i], 0, &value, 4));
        assert_int_equal(value, values[i]);
        snprintf(path, sizeof path, "d%d/f%d", where[i] < 0 ? 0 : dir_name[where[i]], i);
        uint64_t what = prng_below(&p, 10);
        if (what < 5) {
            values[i] = (uint32_t)prng_u64(&p);
            assert_ok(disk_write_bytes(files[i], 0, &values[i], 4));
        } else if (what < 7 && where[i] >= 0) {
            where[i] = (int)prng_below(&p, DIRS);
            snprintf(to, sizeof to, "d%d/f%d", dir_name[where[i]], i);
            assert_ok(disk_rename(f.disk, PATH(path), PATH(to)));
        } else if (what == 7 && where[i] >= 0) {
            assert_ok(disk_unlink(f.disk, PATH(path)));
            where[i] = -1;
        } else if (what == 8) {
            int d = (int)prng_below(&p, DIRS);
            snprintf(path, sizeof path, "d%d", dir_name[d]);
            dir_name[d] = DIRS + round;
            snprintf(to, sizeof to, "d%d", dir_name[d]);
            assert_ok(disk_rename(f.disk, PATH(path), PATH(to)));
        } else if (where[i] < 0) {
            disk_file_unref(files[i]);
            files[i] = NULL;
        }
    }
    for (int i = 0; i < FILES; i++)
        if (files[i]) disk_file_unref(files[i]);
    arena_free(&f.arena);
}

BOTH(disk_lists_sorted_by_name)
{
    struct fixture f = fixture_of(w);
    disk_file_unref(open_new(&f, "b"));
    disk_file_unref(open_new(&f, "a.10"));
    disk_file_unref(open_new(&f, "Z"));
    assert_ok(disk_mkdir(f.disk, PATH("a")));
    disk_file_unref(open_new(&f, "a/inner"));
    struct disk_entry *entries;
    int32_t count;
    assert_ok(disk_list(f.disk, w->dir, &f.arena, &entries, &count));
    assert_int_equal(count, 4);
    const char *names[] = {"Z", "a", "a.10", "b"};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(entries[i].name, names[i]);
        assert_int_equal(entries[i].is_dir, i == 1);
    }
    assert_int_equal(disk_list(f.disk, PATH("none"), &f.arena, &entries, &count), ERR_NOT_FOUND);
    arena_free(&f.arena);
}

BOTH(disk_directories_come_and_go)
{
    struct fixture f = fixture_of(w);
    assert_int_equal(disk_mkdir(f.disk, PATH("x/y")), ERR_NOT_FOUND);
    assert_ok(disk_mkdirs(f.disk, PATH("x/y/z")));
    assert_ok(disk_mkdirs(f.disk, PATH("x/y/z")));
    assert_int_equal(disk_mkdir(f.disk, PATH("x")), ERR_EXISTS);
    assert_int_equal(disk_rmdir(f.disk, PATH("x")), ERR_EXISTS);
    disk_file_unref(open_new(&f, "x/y/file"));
    assert_int_equal(disk_mkdirs(f.disk, PATH("x/y/file")), ERR_EXISTS);
    assert_ok(disk_sync_dir(f.disk, PATH("x/y")));
    assert_int_equal(disk_sync_dir(f.disk, PATH("q")), ERR_NOT_FOUND);
    assert_ok(disk_remove_tree(f.disk, PATH("x")));
    struct disk_stat st;
    assert_int_equal(disk_stat(f.disk, PATH("x"), &st), ERR_NOT_FOUND);
    arena_free(&f.arena);
}

BOTH(disk_stat_tells_size_kind_and_time)
{
    struct fixture f = fixture_of(w);
    struct disk_file *file = open_new(&f, "a");
    assert_ok(disk_write_bytes(file, 0, "12345", 5));
    struct disk_stat st;
    assert_ok(disk_stat(f.disk, PATH("a"), &st));
    assert_int_equal(st.size, 5);
    assert_false(st.is_dir);
    int64_t age_ms = clock_wall(w->env->clock).ms - st.modified_ms;
    assert_true(age_ms > -5000 && age_ms < 5000);
    assert_ok(disk_set_modified(f.disk, PATH("a"), 1234567890123));
    assert_ok(disk_stat(f.disk, PATH("a"), &st));
    assert_true(st.modified_ms == 1234567890123);
    assert_ok(disk_stat(f.disk, w->dir, &st));
    assert_true(st.is_dir);
    assert_int_equal(disk_set_modified(f.disk, PATH("b"), 1), ERR_NOT_FOUND);
    struct disk_space space;
    assert_ok(disk_space(f.disk, w->dir, &space));
    assert_true(space.usable_bytes > 0 && space.total_bytes >= space.usable_bytes);
    disk_file_unref(file);
    arena_free(&f.arena);
}

BOTH(disk_lock_is_exclusive_for_the_life_of_the_handle)
{
    struct fixture f = fixture_of(w);
    struct disk_file *lock, *second;
    assert_ok(disk_lock(f.disk, PATH(".lock"), &lock));
    assert_int_equal(disk_lock(f.disk, PATH(".lock"), &second), ERR_LOCKED);
    disk_file_unref(lock);
    assert_ok(disk_lock(f.disk, PATH(".lock"), &lock));
    disk_file_unref(lock);
    arena_free(&f.arena);
}

struct sync_probe {
    struct disk_sync op;
    int done;
};

static void sync_probe_done(struct disk_sync *op)
{
    CONTAINER_OF(op, struct sync_probe, op)->done++;
}

BOTH(disk_sync_start_completes_from_the_loop)
{
    struct fixture f = fixture_of(w);
    enum { FILES = 20 };
    struct sync_probe probes[FILES] = {0};
    struct disk_file *files[FILES];
    for (int i = 0; i < FILES; i++) {
        char name[2] = {(char)('a' + i), 0};
        files[i] = open_new(&f, name);
        assert_ok(disk_write_bytes(files[i], 0, "data", 4));
        disk_sync_start(files[i], &probes[i].op, sync_probe_done);
        assert_int_equal(probes[i].done, 0);
        disk_file_unref(files[i]); /* the sync holds one of its own */
    }
    int done = 0;
    for (int i = 0; i < FILES; i++) WORLD_UNTIL(w, probes[i].done);
    for (int i = 0; i < FILES; i++) done += probes[i].done + (probes[i].op.result == ERR_OK);
    assert_int_equal(done, 2 * FILES);
    arena_free(&f.arena);
}

BOTH(disk_forgotten_sync_says_nothing)
{
    struct fixture f = fixture_of(w);
    struct disk_file *file = open_new(&f, "a");
    assert_ok(disk_write_bytes(file, 0, "data", 4));
    struct sync_probe forgotten = {.done = 0}, other = {.done = 0};
    disk_sync_start(file, &forgotten.op, sync_probe_done);
    disk_sync_start(file, &other.op, sync_probe_done);
    disk_sync_forget(f.disk, &forgotten.op);
    WORLD_UNTIL(w, other.done);
    for (int i = 0; i < 20; i++) w->step(w);
    assert_int_equal(forgotten.done, 0);
    assert_int_equal(file->references, 1);
    disk_sync_forget(f.disk, &other.op); /* it is over: nothing to forget */
    disk_file_unref(file);
    arena_free(&f.arena);
}

BOTH(disk_syncs_a_tree)
{
    struct fixture f = fixture_of(w);
    assert_ok(disk_mkdirs(f.disk, PATH("x/y")));
    struct disk_file *file = open_new(&f, "x/y/a");
    assert_ok(disk_write_bytes(file, 0, "data", 4));
    assert_ok(disk_sync_tree(f.disk, PATH("x")));
    assert_int_equal(disk_sync_tree(f.disk, PATH("none")), ERR_NOT_FOUND);
    disk_file_unref(file);
    arena_free(&f.arena);
}

BOTH(disk_replace_file_leaves_one_whole_file)
{
    struct fixture f = fixture_of(w);
    assert_ok(disk_replace_file(f.disk, PATH("meta"), bytes_of("first", 5)));
    assert_ok(disk_replace_file(f.disk, PATH("meta"), bytes_of("second", 6)));
    assert_path_contents(&f, "meta", "second");
    struct disk_entry *entries;
    int32_t count;
    assert_ok(disk_list(f.disk, w->dir, &f.arena, &entries, &count));
    assert_int_equal(count, 1);
    struct bytes b;
    assert_int_equal(disk_read_file(f.disk, PATH("meta"), 5, &f.arena, &b), ERR_TOO_LARGE);
    arena_free(&f.arena);
}
