/* What only a real machine has: processes, signals, descriptor limits, idle time. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "env/os/helpers.h"
#include "env/os/os.h"

struct fixture {
    struct os_env os;
    char dir[64];
    struct net_conn *accepted[64];
    int accepted_count;
    int connected, refused, ended;
    int signals[4];
    int signals_count;
};

static struct fixture *fixture_new(void)
{
    struct fixture *f = MEM_NEW(struct fixture);
    assert_ok(os_env_init(&f->os));
    snprintf(f->dir, sizeof f->dir, "/tmp/samsa-os-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    return f;
}

static void fixture_free(struct fixture *f)
{
    assert_ok(disk_remove_tree(f->os.env.disk, f->dir));
    os_env_free(&f->os);
    mem_free(f);
}

static void path_in(struct fixture *f, const char *name, char *to, size_t size)
{
    snprintf(to, size, "%s/%s", f->dir, name);
}

#define UNTIL(f, condition)                                                                  \
    do {                                                                                     \
        for (int left_ = 5000; !(condition) && left_ > 0; left_--) os_env_turn(&(f)->os, 1); \
        assert_true(condition);                                                              \
    } while (0)

TEST(lock_excludes_another_process)
{
    struct fixture *f = fixture_new();
    char path[100];
    path_in(f, ".lock", path, sizeof path);
    struct disk_file *lock;
    assert_ok(disk_lock(f->os.env.disk, path, &lock));
    pid_t child = fork();
    if (child == 0) {
        struct os_env other;
        struct disk_file *mine;
        if (os_env_init(&other)) _exit(1);
        _exit(disk_lock(other.env.disk, path, &mine) == ERR_LOCKED ? 42 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    disk_file_unref(lock);
    fixture_free(f);
}

static void signalled(void *owner, int signal)
{
    struct fixture *f = owner;
    f->signals[f->signals_count++ % 4] = signal;
    if (signal == SIGTERM) os_env_stop(&f->os);
}

TEST(signals_come_from_the_loop_and_sigterm_can_stop_it)
{
    struct fixture *f = fixture_new();
    assert_ok(os_env_on_signal(&f->os, signalled, f));
    kill(getpid(), SIGHUP);
    assert_int_equal(f->signals_count, 0);
    UNTIL(f, f->signals_count == 1);
    kill(getpid(), SIGTERM);
    os_env_run(&f->os);
    assert_int_equal(f->signals_count, 2);
    assert_int_equal(f->signals[0], SIGHUP);
    assert_int_equal(f->signals[1], SIGTERM);
    fixture_free(f);
}

static int64_t cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

struct stopper {
    struct timer timer;
    struct fixture *f;
};

static void stopper_fired(struct timer *t)
{
    os_env_stop(&CONTAINER_OF(t, struct stopper, timer)->f->os);
}

TEST(idle_loop_sleeps)
{
    struct fixture *f = fixture_new();
    struct net_listener *l;
    assert_ok(net_listen(f->os.env.net, "", 0, 10, &l));
    struct stopper s = {.f = f};
    timer_init(&s.timer, stopper_fired);
    timer_arm_in_ms(f->os.env.clock, &s.timer, 300);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    int64_t cpu = cpu_us();
    os_env_run(&f->os);
    getrusage(RUSAGE_SELF, &after);
    assert_true(cpu_us() - cpu < 30000);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 10); /* woken by the timer, not by polling */
    net_listener_close(l);
    fixture_free(f);
}

static void conn_connected(struct net_conn *c, enum err e)
{
    struct fixture *f = c->owner;
    f->connected += e == ERR_OK;
    f->refused += e != ERR_OK;
}

static void conn_readable(struct net_conn *c)
{
    uint8_t byte;
    size_t got;
    enum err e = net_recv(c, &byte, 1, &got);
    (void)e;
}

static void conn_broken(struct net_conn *c, enum err e)
{
    (void)e;
    ((struct fixture *)c->owner)->ended++;
    c->owner = NULL;
    net_close(c);
}

static const struct net_events conn_events = {
    .connected = conn_connected, .readable = conn_readable, .broken = conn_broken};

static void conn_accepted(struct net_listener *l, struct net_conn *c)
{
    struct fixture *f = l->owner;
    c->owner = f;
    c->events = &conn_events;
    f->accepted[f->accepted_count++] = c;
}

/* Uses up every descriptor but `left`; returns how many were taken. */
static int take_descriptors(int *fds, int max, int left)
{
    int n = 0;
    while (n < max && (fds[n] = open("/dev/null", O_RDONLY)) >= 0) n++;
    assert_true(n < max && n > left);
    for (int i = 0; i < left; i++) close(fds[--n]);
    return n;
}

TEST(without_descriptors_the_newest_connection_is_refused_at_once)
{
    struct rlimit before, low;
    getrlimit(RLIMIT_NOFILE, &before);
    struct fixture *f = fixture_new();
    low = (struct rlimit){.rlim_cur = 64, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    struct net_listener *l;
    assert_ok(net_listen(f->os.env.net, "127.0.0.1", 0, 10, &l));
    l->owner = f;
    l->accepted = conn_accepted;
    int fds[128];
    int taken = take_descriptors(fds, 128, 3);
    /* Both ends are in this process: two descriptors connect, the third leaves none to accept. */
    struct net_conn *c[2];
    for (int i = 0; i < 2; i++) {
        assert_ok(net_connect(f->os.env.net, "127.0.0.1", net_listener_port(l), &c[i]));
        c[i]->owner = f;
        c[i]->events = &conn_events;
        UNTIL(f, f->connected == i + 1);
        for (int turn = 0; turn < 5; turn++) os_env_turn(&f->os, 1);
    }
    assert_int_equal(f->accepted_count, 1);
    UNTIL(f, f->ended == 1);
    assert_ptr_equal(c[0]->owner, f); /* the newest was refused, not the first */
    for (int i = 0; i < taken; i++) close(fds[i]);
    setrlimit(RLIMIT_NOFILE, &before);
    /* And with descriptors again, connections are taken again. */
    assert_ok(net_connect(f->os.env.net, "127.0.0.1", net_listener_port(l), &c[1]));
    c[1]->owner = f;
    c[1]->events = &conn_events;
    UNTIL(f, f->accepted_count == 2);
    net_close(c[0]);
    net_close(c[1]);
    net_close(f->accepted[0]);
    net_close(f->accepted[1]);
    net_listener_close(l);
    fixture_free(f);
}

/* Descriptors whose receive buffer is what SO_RCVBUF of so many bytes gives. */
static int sockets_of(int bytes)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        int size = 0;
        socklen_t len = sizeof size;
        if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) == 0)
            count += size == 2 * bytes; /* Linux doubles it */
    }
    return count;
}

TEST(a_connection_has_the_receive_buffer_that_was_asked_for)
{
    enum { BYTES = 12345 };
    struct fixture *f = fixture_new();
    struct net_listener *l;
    assert_ok(net_listen(f->os.env.net, "127.0.0.1", 0, 10, &l));
    l->owner = f;
    l->accepted = conn_accepted;
    struct net_conn *c[2];
    for (int i = 0; i < 2; i++) {
        assert_ok(net_connect_sized(f->os.env.net, "127.0.0.1", net_listener_port(l),
                                    i == 0 ? -1 : BYTES, &c[i]));
        c[i]->owner = f;
        c[i]->events = &conn_events;
        UNTIL(f, f->connected == i + 1 && f->accepted_count == i + 1);
        assert_int_equal(sockets_of(BYTES), i);
    }
    for (int i = 0; i < 2; i++) {
        net_close(c[i]);
        net_close(f->accepted[i]);
    }
    net_listener_close(l);
    fixture_free(f);
}

TEST(trace_writes_kafkas_line)
{
    struct fixture *f = fixture_new();
    char path[100], line[4096];
    path_in(f, "server.log", path, sizeof path);
    os_env_trace_stream(&f->os, -1);
    assert_ok(os_env_trace_file(&f->os, path));
    trace_debug(f->os.env.trace, "kafka.x", "hidden");
    trace_info(f->os.env.trace, "kafka.server.BrokerServer", "[%s id=%d] started", "Broker", 1);
    char longer[3000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    trace_warn(f->os.env.trace, "long", "%s", longer);
    assert_ok(os_env_trace_file(&f->os, NULL));
    FILE *file = fopen(path, "r");
    int y, mo, d, h, mi, s, ms, end = 0;
    assert_non_null(fgets(line, sizeof line, file));
    assert_int_equal(sscanf(line, "[%4d-%2d-%2d %2d:%2d:%2d,%3d] INFO [Broker id=1] started %n", &y,
                            &mo, &d, &h, &mi, &s, &ms, &end),
                     7);
    assert_string_equal(line + end, "(kafka.server.BrokerServer)\n");
    assert_int_equal(line[24], ']');
    assert_non_null(fgets(line, sizeof line, file));
    assert_non_null(strstr(line, longer));
    assert_non_null(strstr(line, "xxx (long)\n"));
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
    fixture_free(f);
}

TEST(sync_in_progress_is_waited_for_when_the_env_goes)
{
    struct fixture *f = fixture_new();
    char path[100];
    path_in(f, "file", path, sizeof path);
    struct disk_file *file;
    assert_ok(disk_open(f->os.env.disk, path, DISK_WRITE | DISK_CREATE, &file));
    assert_ok(disk_write_bytes(file, 0, "data", 4));
    struct disk_sync op = {.file = NULL};
    disk_sync_start(file, &op, NULL);
    disk_file_unref(file);
    fixture_free(f); /* leaks and races are the sanitizers' to find */
}

TEST(ipv6_loopback_connects)
{
    struct fixture *f = fixture_new();
    struct net_listener *l;
    assert_ok(net_listen(f->os.env.net, "", 0, 10, &l));
    l->owner = f;
    l->accepted = conn_accepted;
    struct net_conn *c;
    assert_ok(net_connect(f->os.env.net, "::1", net_listener_port(l), &c));
    c->owner = f;
    c->events = &conn_events;
    UNTIL(f, f->refused || (f->accepted_count == 1 && f->connected == 1));
    if (f->refused) { /* a machine without IPv6 */
        net_close(c);
        net_listener_close(l);
        fixture_free(f);
        return;
    }
    struct net_address peer;
    net_peer(f->accepted[0], &peer);
    assert_string_equal(peer.host, "::1");
    net_close(c);
    net_close(f->accepted[0]);
    net_listener_close(l);
    fixture_free(f);
}

TEST(more_files_than_descriptors_stay_open)
{
    enum { FILES = 300, MAX = 20 };
    struct fixture *f = fixture_new();
    os_env_files_max(&f->os, MAX);
    struct disk_file *files[FILES];
    char path[100];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%d", f->dir, i);
        assert_ok(disk_open(f->os.env.disk, path, DISK_WRITE | DISK_CREATE, &files[i]));
        assert_ok(disk_write_bytes(files[i], 0, &i, sizeof i));
        assert_true(os_env_files_open(&f->os) <= MAX);
    }
    for (int i = 0; i < FILES; i++) {
        int back = -1;
        assert_ok(disk_read_exact(files[i], 0, &back, sizeof back));
        assert_int_equal(back, i);
        assert_true(os_env_files_open(&f->os) <= MAX);
    }
    for (int i = 0; i < FILES; i++) disk_file_unref(files[i]);
    assert_int_equal(os_env_files_open(&f->os), 0);
    fixture_free(f);
}

TEST(file_replaced_by_others_is_an_error_and_never_other_bytes)
{
    struct fixture *f = fixture_new();
    struct disk_file *file;
    char path[100], other[100], byte;
    path_in(f, "file", path, sizeof path);
    path_in(f, "other", other, sizeof other);
    assert_ok(disk_open(f->os.env.disk, path, DISK_WRITE | DISK_CREATE, &file));
    assert_ok(disk_write_bytes(file, 0, "a", 1));
    os_env_files_max(&f->os, 1);
    struct disk_file *second;
    assert_ok(disk_open(f->os.env.disk, other, DISK_WRITE | DISK_CREATE, &second));
    assert_ok(disk_write_bytes(second, 0, "b", 1));
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(disk_read_exact(file, 0, &byte, 1), ERR_IO);
    assert_int_equal(disk_read_exact(second, 0, &byte, 1), ERR_IO); /* had to give way to that */
    disk_file_unref(file);
    disk_file_unref(second);
    fixture_free(f);
}

TEST(files_give_way_when_the_process_runs_out)
{
    struct rlimit before, low;
    getrlimit(RLIMIT_NOFILE, &before);
    struct fixture *f = fixture_new();
    low = (struct rlimit){.rlim_cur = 64, .rlim_max = before.rlim_max};
    struct disk_file *files[10];
    char path[100];
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "%s/%d", f->dir, i);
        assert_ok(disk_open(f->os.env.disk, path, DISK_WRITE | DISK_CREATE, &files[i]));
        assert_ok(disk_write_bytes(files[i], 0, &i, sizeof i));
    }
    setrlimit(RLIMIT_NOFILE, &low);
    int fds[128];
    int taken = take_descriptors(fds, 128, 0);
    struct disk_file *one_more;
    snprintf(path, sizeof path, "%s/more", f->dir);
    assert_ok(disk_open(f->os.env.disk, path, DISK_WRITE | DISK_CREATE, &one_more));
    for (int i = 0; i < 10; i++) {
        int back;
        assert_ok(disk_read_exact(files[i], 0, &back, sizeof back));
        assert_int_equal(back, i);
        disk_file_unref(files[i]);
    }
    disk_file_unref(one_more);
    for (int i = 0; i < taken; i++) close(fds[i]);
    setrlimit(RLIMIT_NOFILE, &before);
    fixture_free(f);
}

TEST(names_are_resolved_away_from_the_loop)
{
    struct fixture *f = fixture_new();
    struct net_conn *c[2];
    for (int i = 0; i < 2; i++) { /* no resolver asks the network for an empty label */
        assert_ok(net_connect(f->os.env.net, "no..such.host", 9, &c[i]));
        c[i]->owner = f;
        c[i]->events = &conn_events;
    }
    net_close(c[1]); /* before its name is known */
    assert_int_equal(f->refused, 0);
    UNTIL(f, f->refused == 1);
    for (int turn = 0; turn < 20; turn++) os_env_turn(&f->os, 1);
    assert_int_equal(f->refused, 1);
    net_close(c[0]);
    assert_ok(net_connect(f->os.env.net, "no..such.host", 9, &c[0])); /* and the env goes */
    c[0]->owner = f;
    c[0]->events = &conn_events;
    net_close(c[0]);
    fixture_free(f);
}

/* ---- syncs that fail: the system's fdatasync, for the tests below */

static atomic_int fdatasync_error;      /* of the next one; it is told once */
static atomic_bool fdatasync_on_helper; /* only there, and after a while */
static atomic_int fdatasync_now, fdatasync_most;

int fdatasync(int fd);
int fdatasync(int fd)
{
    if (fd < 0) {
        errno = EBADF;
        return -1;
    }
    bool helper = getpid() != gettid();
    int now = atomic_fetch_add(&fdatasync_now, 1) + 1;
    if (now > atomic_load(&fdatasync_most)) atomic_store(&fdatasync_most, now);
    if (helper && atomic_load(&fdatasync_on_helper)) usleep(20000);
    int error =
        helper || !atomic_load(&fdatasync_on_helper) ? atomic_exchange(&fdatasync_error, 0) : 0;
    if (!error && fsync(fd)) error = errno;
    atomic_fetch_sub(&fdatasync_now, 1);
    errno = error;
    return error ? -1 : 0;
}

struct sync_seen {
    struct disk_sync op;
    int done;
};

static void sync_seen_done(struct disk_sync *op)
{
    CONTAINER_OF(op, struct sync_seen, op)->done++;
}

static struct disk_file *written(struct fixture *f, const char *name)
{
    char path[100];
    struct disk_file *file;
    path_in(f, name, path, sizeof path);
    assert_ok(disk_open(f->os.env.disk, path, DISK_WRITE | DISK_CREATE, &file));
    assert_ok(disk_write_bytes(file, 0, "x", 1));
    return file;
}

TEST(a_sync_that_failed_fails_for_good_whatever_the_system_said)
{
    static const int errors[] = {EIO, ENOSPC, EDQUOT, EROFS};
    struct fixture *f = fixture_new();
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        char name[8];
        snprintf(name, sizeof name, "f%zu", i);
        struct disk_file *file = written(f, name);
        assert_ok(disk_sync(file));
        fdatasync_error = errors[i];
        assert_int_equal(disk_sync(file), ERR_IO);
        assert_int_equal(disk_sync(file), ERR_IO);
        struct sync_seen seen = {.done = 0};
        disk_sync_start(file, &seen.op, sync_seen_done);
        UNTIL(f, seen.done);
        assert_int_equal(seen.op.result, ERR_IO);
        disk_file_unref(file);
    }
    struct disk_file *other = written(f, "other");
    assert_ok(disk_sync(other));
    disk_file_unref(other);
    fixture_free(f);
}

/* Then nothing was tried, so nothing is lost. */
TEST(a_sync_without_a_descriptor_passes_and_may_be_tried_again)
{
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    struct fixture *f = fixture_new();
    os_env_files_max(&f->os, 1);
    struct disk_file *file = written(f, "f"), *other = written(f, "other");
    struct sync_seen seen = {.done = 0}, busy = {.done = 0};
    fdatasync_on_helper = true;
    disk_sync_start(other, &busy.op, sync_seen_done); /* which keeps its descriptor meanwhile */
    struct rlimit low = {.rlim_cur = 64, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &low);
    int fds[128];
    int taken = take_descriptors(fds, 128, 0);
    disk_sync_start(file, &seen.op, sync_seen_done);
    for (int i = 0; i < taken; i++) close(fds[i]);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(seen.done, 0); /* from the loop only */
    UNTIL(f, seen.done && busy.done);
    assert_int_equal(seen.op.result, ERR_NO_DESCRIPTORS);
    assert_ok(busy.op.result);
    disk_sync_start(file, &seen.op, sync_seen_done);
    UNTIL(f, seen.done == 2);
    assert_ok(seen.op.result);
    assert_ok(disk_sync(file));
    fdatasync_on_helper = false;
    disk_file_unref(file);
    disk_file_unref(other);
    fixture_free(f);
}

/* Also when nobody waits any more for the one that was told. */
TEST(a_sync_hears_of_the_failure_of_one_that_is_under_way)
{
    for (int forgotten = 0; forgotten < 2; forgotten++) {
        struct fixture *f = fixture_new();
        struct disk_file *file = written(f, "f");
        struct sync_seen seen = {.done = 0};
        fdatasync_on_helper = true;
        fdatasync_error = EIO;
        disk_sync_start(file, &seen.op, sync_seen_done);
        if (forgotten) disk_sync_forget(f->os.env.disk, &seen.op);
        assert_int_equal(disk_sync(file), ERR_IO);
        assert_int_equal(seen.done, 0); /* from the loop only */
        if (!forgotten) UNTIL(f, seen.done);
        if (!forgotten) assert_int_equal(seen.op.result, ERR_IO);
        fdatasync_on_helper = false;
        disk_file_unref(file);
        fixture_free(f);
    }
}

TEST(syncs_of_one_file_go_one_after_the_other)
{
    for (int fails = 0; fails < 2; fails++) {
        struct fixture *f = fixture_new();
        struct disk_file *file = written(f, "f");
        struct sync_seen seen[4] = {{.done = 0}};
        fdatasync_on_helper = true;
        fdatasync_most = 0;
        fdatasync_error = fails ? EIO : 0;
        for (int i = 0; i < 4; i++) disk_sync_start(file, &seen[i].op, sync_seen_done);
        for (int i = 0; i < 4; i++) {
            UNTIL(f, seen[i].done);
            assert_int_equal(seen[i].op.result, fails ? ERR_IO : ERR_OK);
        }
        assert_int_equal(fdatasync_most, 1);
        disk_sync_start(file, &seen[0].op, sync_seen_done);
        disk_sync_start(file, &seen[1].op, sync_seen_done); /* goes with the env, not begun */
        disk_file_unref(file);
        fdatasync_on_helper = false;
        fixture_free(f);
    }
}

TEST(a_tree_is_synced_with_the_lock_on_it_too)
{
    struct fixture *f = fixture_new();
    char path[100];
    struct disk_file *lock;
    path_in(f, ".lock", path, sizeof path);
    assert_ok(disk_lock(f->os.env.disk, path, &lock));
    disk_file_unref(written(f, "f"));
    assert_ok(disk_sync_tree(f->os.env.disk, f->dir));
    assert_ok(disk_sync_tree(f->os.env.disk, f->dir));
    disk_file_unref(lock);
    assert_ok(disk_sync_tree(f->os.env.disk, f->dir));
    fixture_free(f);
}

/* ---- helpers */

struct slow_job {
    struct os_job job; /* first */
    int gate[2];       /* work waits until a byte comes */
    int done;
};

static void slow_work(struct os_job *job)
{
    char byte;
    ssize_t n = read(((struct slow_job *)job)->gate[0], &byte, 1);
    (void)n;
}

static void slow_done(struct os_job *job)
{
    ((struct slow_job *)job)->done++;
}

TEST(a_job_is_taken_back_until_a_helper_begins_it)
{
    struct fixture *f = fixture_new();
    struct os_helpers h;
    struct slow_job jobs[3] = {0};
    assert_ok(os_helpers_init(&h, f->os.loop, 1));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pipe(jobs[i].gate), 0);
        os_job_init(&jobs[i].job, slow_work, slow_done);
    }
    assert_int_equal(write(jobs[0].gate[1], "x", 1), 1);
    os_helpers_start(&h, &jobs[0].job);
    UNTIL(f, jobs[0].done == 1);
    os_helpers_start(&h, &jobs[0].job);
    os_helpers_start(&h, &jobs[1].job);
    os_helpers_start(&h, &jobs[2].job);
    assert_true(os_helpers_take_back(&h, &jobs[1].job)); /* behind the first, which waits */
    assert_false(os_helpers_take_back(&h, &jobs[1].job));
    for (int i = 0; i < 3; i += 2) assert_int_equal(write(jobs[i].gate[1], "x", 1), 1);
    UNTIL(f, jobs[0].done == 2 && jobs[2].done == 1);
    assert_false(os_helpers_take_back(&h, &jobs[2].job));
    assert_int_equal(jobs[1].done, 0);
    os_helpers_free(&h, NULL);
    for (int i = 0; i < 3; i++) close(jobs[i].gate[0]), close(jobs[i].gate[1]);
    fixture_free(f);
}
