/* In steady state the hot path allocates nothing. */
#include "heap_count.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "env/os/os.h"

struct loop_test {
    struct os_env os;
    struct net_conn *client, *server;
    struct disk_file *file;
    int64_t rounds, received;
    struct timer timer;
    struct task task;
};

enum { REQUEST = 40, HEAD = 12, RANGE = 5000 };

static void request(struct loop_test *t)
{
    memset(out_reserve(net_out(t->client), REQUEST), 7, REQUEST);
    net_kick(t->client);
}

static void client_connected(struct net_conn *c, enum err e)
{
    assert_ok(e);
    request(c->owner);
}

static void client_readable(struct net_conn *c)
{
    struct loop_test *t = c->owner;
    uint8_t buffer[8192];
    size_t got;
    while (net_recv(c, buffer, sizeof buffer, &got) == ERR_OK) t->received += (int64_t)got;
    if (t->received < HEAD + RANGE) return;
    t->received -= HEAD + RANGE;
    t->rounds++;
    request(t);
}

/* An answer as fetch gives it: a head from memory, records from a file. */
static void server_readable(struct net_conn *c)
{
    struct loop_test *t = c->owner;
    uint8_t buffer[REQUEST];
    size_t got;
    if (net_recv(c, buffer, sizeof buffer, &got)) return;
    struct out *o = net_out(c);
    out_be64(o, 1);
    out_be32(o, 2);
    disk_file_ref(t->file);
    out_file(o, t->file, 0, RANGE, disk_file_unref, t->file);
    net_kick(c);
    timer_arm_in_ms(t->os.env.clock, &t->timer, 1000);
    task_post(t->os.env.clock, &t->task);
}

static void broken(struct net_conn *c, enum err e)
{
    (void)c;
    (void)e;
    fail();
}

static const struct net_events client_events = {
    .connected = client_connected, .readable = client_readable, .broken = broken};
static const struct net_events server_events = {.readable = server_readable, .broken = broken};

static void accepted(struct net_listener *l, struct net_conn *c)
{
    struct loop_test *t = l->owner;
    c->owner = t;
    c->events = &server_events;
    t->server = c;
}

static void timer_fired(struct timer *timer)
{
    (void)timer;
}

static void task_run(struct task *task)
{
    (void)task;
}

TEST(requests_and_answers_with_file_ranges_allocate_nothing)
{
    struct loop_test t = {.rounds = 0};
    char path[] = "/tmp/samsa-steady-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_ok(os_env_init(&t.os));
    assert_ok(disk_open(t.os.env.disk, path, DISK_WRITE, &t.file));
    assert_ok(disk_truncate(t.file, RANGE));
    timer_init(&t.timer, timer_fired);
    task_init(&t.task, task_run);
    struct net_listener *l;
    assert_ok(net_listen(t.os.env.net, "127.0.0.1", 0, 10, &l));
    l->owner = &t;
    l->accepted = accepted;
    assert_ok(net_connect(t.os.env.net, "127.0.0.1", net_listener_port(l), &t.client));
    t.client->owner = &t;
    t.client->events = &client_events;
    while (t.rounds < 50) os_env_turn(&t.os, 100);
    int64_t before = heap_allocations();
    while (t.rounds < 500) os_env_turn(&t.os, 100);
    if (heap_count_works()) {
        assert_true(before > 0);
        assert_int_equal(heap_allocations(), before);
    }
    timer_cancel(t.os.env.clock, &t.timer);
    net_close(t.client);
    net_close(t.server);
    net_listener_close(l);
    disk_file_unref(t.file);
    assert_ok(disk_unlink(t.os.env.disk, path));
    os_env_free(&t.os);
    remove(path);
}
