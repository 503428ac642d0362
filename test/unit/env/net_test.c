#include "world.h"

#include <stdio.h>

#include "base/mem.h"

/* One end of a stream, which collects what it reads and notes what it is told. */
struct end {
    struct net_conn *conn;
    uint8_t got[1 << 16];
    size_t got_len;    /* bytes kept in `got`, up to its size */
    int64_t got_total; /* bytes read in all */
    int connected, drained, broken;
    enum err connect_result, read_end, broken_with;
    bool echo, close_on_end, keep_unread;
};

static void end_connected(struct net_conn *c, enum err e)
{
    struct end *end = c->owner;
    end->connected++;
    end->connect_result = e;
}

static void end_readable(struct net_conn *c)
{
    struct end *end = c->owner;
    if (end->keep_unread) return;
    uint8_t buffer[4096];
    size_t got;
    enum err e;
    while ((e = net_recv(c, buffer, sizeof buffer, &got)) == ERR_OK) {
        assert_true(got >= 1);
        size_t room = sizeof end->got - end->got_len;
        memcpy(end->got + end->got_len, buffer, got < room ? got : room);
        end->got_len += got < room ? got : room;
        end->got_total += (int64_t)got;
        if (end->echo) {
            struct out o;
            out_init(&o);
            out_put(&o, buffer, got);
            net_send(c, &o);
        }
    }
    if (e == ERR_AGAIN) return;
    end->read_end = e;
    if (!end->close_on_end) return;
    net_close(c);
    end->conn = NULL;
}

static void end_drained(struct net_conn *c)
{
    ((struct end *)c->owner)->drained++;
}

static void end_broken(struct net_conn *c, enum err e)
{
    struct end *end = c->owner;
    end->broken++;
    end->broken_with = e;
    net_close(c);
    end->conn = NULL;
}

static const struct net_events end_events = {
    .connected = end_connected,
    .readable = end_readable,
    .drained = end_drained,
    .broken = end_broken,
};

static void end_take(struct end *end, struct net_conn *c)
{
    end->conn = c;
    c->owner = end;
    c->events = &end_events;
}

static void end_close(struct end *end)
{
    if (end->conn) net_close(end->conn);
    end->conn = NULL;
}

static void send_text(struct end *end, const char *text)
{
    struct out o;
    out_init(&o);
    out_put(&o, text, strlen(text));
    net_send(end->conn, &o);
}

struct pair {
    struct world *w;
    struct net_listener *listener;
    struct end client, server;
    int accepted;
};

static void pair_accepted(struct net_listener *l, struct net_conn *c)
{
    struct pair *p = l->owner;
    p->accepted++;
    end_take(&p->server, c);
}

static struct pair *pair_listen(struct world *w)
{
    struct pair *p = MEM_NEW(struct pair);
    p->w = w;
    assert_ok(net_listen(w->env->net, "127.0.0.1", 0, 10, &p->listener));
    p->listener->owner = p;
    p->listener->accepted = pair_accepted;
    assert_true(net_listener_port(p->listener) > 0);
    return p;
}

static void pair_connect(struct pair *p)
{
    struct net_conn *c;
    assert_ok(net_connect(p->w->env->net, "127.0.0.1", net_listener_port(p->listener), &c));
    end_take(&p->client, c);
    assert_int_equal(p->client.connected, 0);
}

static struct pair *pair_new(struct world *w)
{
    struct pair *p = pair_listen(w);
    pair_connect(p);
    WORLD_UNTIL(w, p->client.connected && p->server.conn);
    assert_ok(p->client.connect_result);
    return p;
}

static void pair_free(struct pair *p)
{
    end_close(&p->client);
    end_close(&p->server);
    net_listener_close(p->listener);
    mem_free(p);
}

BOTH(net_echoes_bytes_in_order)
{
    struct pair *p = pair_new(w);
    p->server.echo = true;
    send_text(&p->client, "hello ");
    send_text(&p->client, "world");
    WORLD_UNTIL(w, p->client.got_len == 11);
    assert_memory_equal(p->client.got, "hello world", 11);
    assert_int_equal(net_unsent(p->client.conn), 0);
    assert_true(p->client.drained >= 1);
    pair_free(p);
}

BOTH(net_send_before_connected_queues)
{
    struct pair *p = pair_listen(w);
    pair_connect(p);
    send_text(&p->client, "early");
    WORLD_UNTIL(w, p->server.got_len == 5);
    assert_memory_equal(p->server.got, "early", 5);
    pair_free(p);
}

static void put_text(struct end *end, const char *text)
{
    out_put(net_out(end->conn), text, strlen(text));
    net_kick(end->conn);
}

BOTH(what_is_flushed_leaves_at_once_and_in_order)
{
    struct pair *p = pair_listen(w);
    pair_connect(p);
    put_text(&p->client, "early ");
    net_flush(p->client.conn); /* nothing to send to yet */
    assert_int_equal(net_unsent(p->client.conn), 6);
    WORLD_UNTIL(w, p->server.got_len == 6);
    int drained = p->client.drained;
    put_text(&p->client, "one ");
    net_flush(p->client.conn);
    assert_int_equal(net_unsent(p->client.conn), 0);
    net_flush(p->client.conn);
    put_text(&p->client, "two ");
    assert_int_equal(net_unsent(p->client.conn), 4);
    assert_int_equal(p->client.drained, drained); /* told from the loop */
    WORLD_UNTIL(w, p->server.got_len == 14);
    assert_memory_equal(p->server.got, "early one two ", 14);
    WORLD_UNTIL(w, p->client.drained > drained);
    pair_free(p);
}

BOTH(a_flush_sends_no_more_than_the_system_takes)
{
    struct pair *p = pair_new(w);
    p->server.keep_unread = true;
    static uint8_t much[8 << 20];
    for (size_t i = 0; i < sizeof much; i++) much[i] = (uint8_t)(i * 31 >> 8);
    out_put(net_out(p->client.conn), much, sizeof much);
    net_kick(p->client.conn);
    net_flush(p->client.conn);
    assert_true(net_unsent(p->client.conn) > 0);
    net_flush(p->client.conn);
    put_text(&p->client, "and the end");
    p->server.keep_unread = false;
    WORLD_UNTIL(w, p->server.got_total == (int64_t)sizeof much + 11);
    assert_memory_equal(p->server.got, much, sizeof p->server.got);
    pair_free(p);
}

static void count_release(void *owner)
{
    ++*(int *)owner;
}

BOTH(net_sends_file_ranges_between_memory)
{
    struct arena a;
    arena_init(&a, 0);
    struct disk_file *f;
    assert_ok(disk_open(w->env->disk, world_path(w, &a, "range"), DISK_WRITE | DISK_CREATE, &f));
    uint8_t *data = arena_alloc(&a, 30000);
    for (int i = 0; i < 30000; i++) data[i] = (uint8_t)(i * 7);
    assert_ok(disk_write_bytes(f, 0, data, 30000));
    struct pair *p = pair_new(w);
    int released = 0;
    struct out o;
    out_init(&o);
    out_put(&o, "head", 4);
    disk_file_ref(f);
    out_file(&o, f, 1000, 20000, disk_file_unref, f);
    out_put(&o, "mid", 3);
    out_file(&o, f, 5, 1, NULL, NULL);
    out_ref(&o, "tail", 4, count_release, &released);
    net_send(p->server.conn, &o);
    WORLD_UNTIL(w, p->client.got_len == 20012);
    assert_memory_equal(p->client.got, "head", 4);
    assert_memory_equal(p->client.got + 4, data + 1000, 20000);
    assert_memory_equal(p->client.got + 20004, "mid", 3);
    assert_int_equal(p->client.got[20007], data[5]);
    assert_memory_equal(p->client.got + 20008, "tail", 4);
    WORLD_UNTIL(w, p->server.drained > 0);
    assert_int_equal(released, 1);
    assert_int_equal(f->references, 1);
    disk_file_unref(f);
    pair_free(p);
    arena_free(&a);
}

BOTH(net_file_range_past_the_end_breaks_the_sender)
{
    struct arena a;
    arena_init(&a, 0);
    struct disk_file *f;
    assert_ok(disk_open(w->env->disk, world_path(w, &a, "short"), DISK_WRITE | DISK_CREATE, &f));
    assert_ok(disk_write_bytes(f, 0, "abc", 3));
    struct pair *p = pair_new(w);
    struct out o;
    out_init(&o);
    out_file(&o, f, 0, 10, NULL, NULL);
    net_send(p->server.conn, &o);
    WORLD_UNTIL(w, p->server.broken);
    assert_int_equal(p->server.broken_with, ERR_IO);
    WORLD_UNTIL(w, p->client.broken);
    disk_file_unref(f);
    pair_free(p);
    arena_free(&a);
}

BOTH(net_unread_peer_holds_the_sender_back)
{
    struct pair *p = pair_new(w);
    net_pause(p->client.conn, true);
    size_t size = 16 << 20;
    uint8_t *data = mem_zalloc(1, size);
    int released = 0;
    struct out o;
    out_init(&o);
    out_ref(&o, data, (int64_t)size, count_release, &released);
    net_send(p->server.conn, &o);
    for (int i = 0; i < 50; i++) w->step(w);
    assert_true(net_unsent(p->server.conn) > 0);
    assert_int_equal(released, 0);
    assert_int_equal(p->client.got_total, 0);
    net_pause(p->client.conn, false);
    WORLD_UNTIL(w, p->client.got_total == (int64_t)size && p->server.drained);
    assert_int_equal(net_unsent(p->server.conn), 0);
    assert_int_equal(released, 1);
    mem_free(data);
    pair_free(p);
}

BOTH(net_queue_that_never_drains_gives_back_what_was_sent)
{
    struct pair *p = pair_new(w);
    net_pause(p->client.conn, true);
    size_t size = 64 << 10;
    uint8_t *data = mem_zalloc(1, size);
    int released = 0;
    for (int i = 0; i < 1000; i++) {
        struct out *o = net_out(p->server.conn);
        out_be32(o, (uint32_t)i);
        out_ref(o, data, (int64_t)size, count_release, &released);
    }
    net_kick(p->server.conn);
    for (int i = 0; i < 20; i++) w->step(w);
    net_pause(p->client.conn, false);
    WORLD_UNTIL(w, released > 700);
    assert_true(net_out(p->server.conn)->chunks_count < 2000);
    WORLD_UNTIL(w, p->client.got_total == 1000 * ((int64_t)size + 4));
    WORLD_UNTIL(w, p->server.drained);
    assert_int_equal(released, 1000);
    mem_free(data);
    pair_free(p);
}

BOTH(net_readable_repeats_while_bytes_are_unread)
{
    struct pair *p = pair_new(w);
    p->server.keep_unread = true;
    send_text(&p->client, "later");
    for (int i = 0; i < 20; i++) w->step(w);
    assert_int_equal(p->server.got_len, 0);
    p->server.keep_unread = false;
    WORLD_UNTIL(w, p->server.got_len == 5);
    pair_free(p);
}

BOTH(net_pause_stops_readable)
{
    struct pair *p = pair_new(w);
    net_pause(p->server.conn, true);
    send_text(&p->client, "quiet");
    for (int i = 0; i < 20; i++) w->step(w);
    assert_int_equal(p->server.got_len, 0);
    net_pause(p->server.conn, false);
    WORLD_UNTIL(w, p->server.got_len == 5);
    pair_free(p);
}

BOTH(net_expected_bytes_are_told_of_together)
{
    struct pair *p = pair_new(w);
    net_expect(p->server.conn, 10);
    send_text(&p->client, "nine byte");
    WORLD_UNTIL(w, p->client.drained > 0);
    for (int i = 0; i < 50; i++) w->step(w);
    assert_int_equal(p->server.got_total, 0);
    send_text(&p->client, "s");
    WORLD_UNTIL(w, p->server.got_total == 10);
    send_text(&p->client, "five.");
    for (int i = 0; i < 50; i++) w->step(w);
    assert_int_equal(p->server.got_total, 10);
    net_expect(p->server.conn, 5); /* they are there */
    WORLD_UNTIL(w, p->server.got_total == 15);
    net_expect(p->server.conn, 1000);
    send_text(&p->client, "last");
    WORLD_UNTIL(w, net_unsent(p->client.conn) == 0);
    end_close(&p->client);
    WORLD_UNTIL(w, p->server.read_end == ERR_EOF);
    assert_int_equal(p->server.got_total, 19);
    pair_free(p);
}

/* More than may wait in the system: what is there is told of, or neither side would go on. */
BOTH(net_expecting_too_much_holds_nobody_up)
{
    struct pair *p = pair_new(w);
    size_t size = 64 << 20;
    uint8_t *data = mem_zalloc(1, size);
    struct out o;
    out_init(&o);
    net_expect(p->server.conn, size * 2);
    out_ref(&o, data, (int64_t)size, NULL, NULL);
    net_send(p->client.conn, &o);
    WORLD_UNTIL(w, p->client.drained > 0);
    assert_true(p->server.got_total > 0);
    end_close(&p->client);
    WORLD_UNTIL(w, p->server.read_end == ERR_EOF);
    assert_int_equal(p->server.got_total, size);
    mem_free(data);
    pair_free(p);
}

BOTH(net_connect_to_nobody_is_refused)
{
    struct pair *p = pair_listen(w);
    uint16_t port = net_listener_port(p->listener);
    net_listener_close(p->listener);
    struct net_conn *c;
    assert_ok(net_connect(w->env->net, "127.0.0.1", port, &c));
    end_take(&p->client, c);
    WORLD_UNTIL(w, p->client.connected);
    assert_int_equal(p->client.connect_result, ERR_REFUSED);
    assert_int_equal(p->client.broken, 0);
    end_close(&p->client);
    mem_free(p);
}

BOTH(net_close_delivers_what_was_sent_then_eof)
{
    struct pair *p = pair_new(w);
    p->server.close_on_end = true;
    send_text(&p->client, "bye");
    end_close(&p->client);
    WORLD_UNTIL(w, p->server.read_end);
    assert_int_equal(p->server.read_end, ERR_EOF);
    assert_int_equal(p->server.got_len, 3);
    assert_int_equal(p->server.broken, 0);
    pair_free(p);
}

BOTH(net_end_of_stream_left_alone_is_reported_broken)
{
    struct pair *p = pair_new(w);
    end_close(&p->client);
    WORLD_UNTIL(w, p->server.broken);
    assert_int_equal(p->server.broken_with, ERR_EOF);
    pair_free(p);
}

BOTH(net_close_releases_what_was_not_sent)
{
    struct pair *p = pair_new(w);
    net_pause(p->client.conn, true);
    size_t size = 16 << 20;
    uint8_t *data = mem_zalloc(1, size);
    int released = 0;
    struct out o;
    out_init(&o);
    out_ref(&o, data, (int64_t)size, count_release, &released);
    net_send(p->server.conn, &o);
    w->step(w);
    end_close(&p->server);
    assert_int_equal(released, 1);
    mem_free(data);
    pair_free(p);
}

BOTH(net_second_listener_on_a_port_is_refused)
{
    struct pair *p = pair_listen(w);
    struct net_listener *second;
    assert_int_equal(
        net_listen(w->env->net, "127.0.0.1", net_listener_port(p->listener), 10, &second),
        ERR_ADDRESS_IN_USE);
    net_listener_close(p->listener);
    mem_free(p);
}

BOTH(net_peer_names_the_other_end)
{
    struct pair *p = pair_new(w);
    struct net_address client, server;
    net_peer(p->server.conn, &client);
    net_peer(p->client.conn, &server);
    assert_string_equal(client.host, "127.0.0.1");
    assert_string_equal(server.host, "127.0.0.1");
    assert_int_equal(server.port, net_listener_port(p->listener));
    assert_true(client.port > 0);
    pair_free(p);
}

BOTH(net_wildcard_listener_takes_localhost)
{
    struct pair *p = MEM_NEW(struct pair);
    p->w = w;
    assert_ok(net_listen(w->env->net, "", 0, 10, &p->listener));
    p->listener->owner = p;
    p->listener->accepted = pair_accepted;
    struct net_conn *c;
    assert_ok(net_connect(w->env->net, "localhost", net_listener_port(p->listener), &c));
    end_take(&p->client, c);
    WORLD_UNTIL(w, p->client.connected && p->server.conn);
    assert_ok(p->client.connect_result);
    pair_free(p);
}
