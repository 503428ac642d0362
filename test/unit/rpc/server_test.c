#include "test.h"

#include <stdio.h>

#include "base/mem.h"
#include "env/os/os.h"
#include "protocol/api.h"
#include "protocol/api_versions.h"
#include "protocol/list_groups.h"
#include "protocol/read_events.h"
#include "rpc/channel.h"
#include "rpc/connection.h"
#include "rpc/server.h"

/* A node whose ListGroups answers with the states it was asked for, late ones first. */
struct fixture {
    struct os_env os;
    struct rpc_server *server;
    struct channel *channel;
    struct request *parked;
    struct request *held[16]; /* until release() */
    int held_count;
    int abandoned;
    int answers;
    int errors;
    char order[64];
    int peers_ended;
    int32_t ended_id;
    int64_t ended_epoch;
    enum err ended_how;
};

static struct fixture *current; /* handlers of a table have no other way to a test */

static void handle_versions(struct request *rq, void *context)
{
    (void)context;
    struct api_versions_response r;
    api_versions_response_init(&r);
    r.error_code = rq->body ? 0 : 35;
    r.api_keys_count = 2;
    r.api_keys = api_versions_response_api_version_new(&rq->arena, 2);
    r.api_keys[0] = (struct api_versions_response_api_version){API_API_VERSIONS, 0, 4};
    r.api_keys[1] = (struct api_versions_response_api_version){API_LIST_GROUPS, 0, 4};
    request_reply(rq, &r);
}

/* Long states are of one letter. */
static bool arrived_whole(const struct list_groups_request *q)
{
    for (int32_t i = 0; i < q->states_filter_count; i++) {
        struct str s = q->states_filter[i];
        for (int32_t at = 1; s.len > 100 && at < s.len; at++)
            if (s.data[at] != s.data[0]) return false;
    }
    return true;
}

static void answer(struct request *rq)
{
    const struct list_groups_request *q = rq->body;
    struct list_groups_response r;
    list_groups_response_init(&r);
    r.error_code = arrived_whole(q) ? (int16_t)q->states_filter_count : 0;
    bool one = q->states_filter_count == 1;
    if (one && str_equal_z(q->states_filter[0], "mark")) request_mark(rq, true);
    if (one && str_equal_z(q->states_filter[0], "unmark")) request_mark(rq, false);
    if (one && str_equal_z(q->states_filter[0], "last"))
        request_reply_last(rq, &r);
    else
        request_reply(rq, &r);
}

static void parked_abandoned(struct request *rq)
{
    (void)rq;
    current->abandoned++;
    current->parked = NULL;
}

/* 3 where nothing is parked, and that is so when it is its turn. */
static void answer_with_parked(struct request *rq, void *context)
{
    (void)context;
    struct list_groups_response r;
    list_groups_response_init(&r);
    r.error_code = current->parked ? 9 : 3;
    request_reply(rq, &r);
}

/* The first request waits until a second has been answered; "drop" closes. */
static void handle_list(struct request *rq, void *context)
{
    (void)context;
    const struct list_groups_request *q = rq->body;
    if (q->states_filter_count == 1 && str_equal_z(q->states_filter[0], "park")) {
        current->parked = rq;
        rq->abandoned = parked_abandoned;
        return;
    }
    if (q->states_filter_count == 1 && str_equal_z(q->states_filter[0], "hold")) {
        assert_true(current->held_count < 16);
        current->held[current->held_count++] = rq;
        return;
    }
    if (q->states_filter_count == 1 && str_equal_z(q->states_filter[0], "drop")) {
        request_close(rq);
        return;
    }
    if (q->states_filter_count == 3) { /* of the moment */
        request_in_turn(rq, answer_with_parked, NULL);
        return;
    }
    if (q->states_filter_count == 1 && str_equal_z(q->states_filter[0], "name"))
        request_name_peer(rq, 3, 17);
    answer(rq);
    if (current->parked) {
        struct request *first = current->parked;
        current->parked = NULL;
        answer(first);
    }
}

static const struct api_handler table[API_COUNT] = {
    [API_API_VERSIONS] = {.min = 0, .max = 4, .handle = handle_versions},
    [API_LIST_GROUPS] = {.min = 0, .max = 4, .handle = handle_list},
};

/* One request of our own beside them, answered with the number in its context. */
static void handle_own(struct request *rq, void *context)
{
    struct read_events_response r;
    read_events_response_init(&r);
    r.node_id = *(const int32_t *)context;
    request_reply(rq, &r);
}

static int32_t own_number = 42;
static const struct api_handler own_table[OWN_API_END - OWN_API_FIRST] = {
    [API_READ_EVENTS - OWN_API_FIRST] = {.min = 0, .max = 0, .handle = handle_own}};
static const struct dispatch own = {
    .table = own_table, .count = OWN_API_END - OWN_API_FIRST, .context = &own_number};
static const struct dispatch dispatch = {.table = table, .count = API_COUNT, .own = &own};

static struct fixture *fixture_make(struct rpc_server_config config)
{
    struct fixture *f = MEM_NEW(struct fixture);
    current = f;
    assert_ok(os_env_init(&f->os));
    os_env_trace_stream(&f->os, -1);
    config.listener_name = "TEST";
    config.host = "127.0.0.1";
    assert_ok(rpc_server_create(&f->os.env, &config, &dispatch, &f->server));
    rpc_server_serve(f->server);
    f->channel = channel_create(&f->os.env, &(struct channel_config){
                                                .host = "127.0.0.1",
                                                .port = rpc_server_port(f->server),
                                                .client_id = "test",
                                                .request_timeout_ms = 2000,
                                                .backoff_ms = 1,
                                            });
    return f;
}

static void fixture_free(struct fixture *f)
{
    if (f->channel) channel_destroy(f->channel);
    rpc_server_destroy(f->server);
    os_env_free(&f->os);
    mem_free(f);
}

static void answered(struct call *call, enum err e, const void *response)
{
    (void)call;
    const struct list_groups_response *r = response;
    current->answers++;
    if (e)
        current->errors++;
    else
        current->order[strlen(current->order)] = (char)('0' + r->error_code);
}

static void call_with(struct fixture *f, struct call *call, struct str *states, int32_t count)
{
    struct list_groups_request q;
    list_groups_request_init(&q);
    q.states_filter = states;
    q.states_filter_count = count;
    call_init(call);
    channel_call(f->channel, call, API_LIST_GROUPS, -1, &q, answered);
}

static void run_until_answers(struct fixture *f, int answers)
{
    for (int turn = 0; f->answers < answers && turn < 3000; turn++) os_env_turn(&f->os, 10);
    assert_int_equal(f->answers, answers);
}

TEST(answers_leave_in_the_order_of_their_requests)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call calls[2];
    struct str park[1] = {STR("park")}, two[2] = {STR("a"), STR("b")};
    call_with(f, &calls[0], park, 1);
    call_with(f, &calls[1], two, 2);
    run_until_answers(f, 2);
    assert_string_equal(f->order, "12");
    fixture_free(f);
}

/* Small frames, such as fill a read, such as several of them fit into one, and one of many reads,
 * behind each other, so that reads end anywhere in a frame and ask for more and less in turn. */
TEST(frames_of_all_sizes_behind_each_other_are_understood)
{
    enum { CALLS = 60, STATES_MAX = 40, LARGEST = 31 };
    static const int32_t sizes[] = {5, 16000, 16300, 30000, 7, 29000, 24000};
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call calls[CALLS];
    static char letters[30000];
    memset(letters, 'x', sizeof letters);
    char expected[CALLS + 1] = {0};
    for (int i = 0; i < CALLS; i++) {
        int32_t count = i == LARGEST ? STATES_MAX : 4 + i % 6;
        struct str states[STATES_MAX];
        for (int32_t n = 0; n < count; n++)
            states[n] = (struct str){letters, sizes[(size_t)i % (sizeof sizes / sizeof *sizes)]};
        call_with(f, &calls[i], states, count);
        expected[i] = (char)('0' + count);
    }
    run_until_answers(f, CALLS);
    assert_int_equal(f->errors, 0);
    assert_string_equal(f->order, expected);
    fixture_free(f);
}

TEST(an_answer_of_the_moment_is_made_when_its_turn_has_come)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call calls[4];
    struct str park[1] = {STR("park")}, two[2] = {STR("a"), STR("b")};
    struct str three[3] = {STR("a"), STR("b"), STR("c")};
    call_with(f, &calls[0], park, 1);
    call_with(f, &calls[1], three, 3);
    call_with(f, &calls[2], three, 3);
    call_with(f, &calls[3], two, 2);
    run_until_answers(f, 4);
    assert_string_equal(f->order, "1332");
    fixture_free(f);
}

TEST(a_connection_that_breaks_takes_along_who_waits_for_its_turn)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call calls[2];
    struct str park[1] = {STR("park")}, three[3] = {STR("a"), STR("b"), STR("c")};
    call_with(f, &calls[0], park, 1);
    call_with(f, &calls[1], three, 3);
    for (int turn = 0; !f->parked && turn < 1000; turn++) os_env_turn(&f->os, 10);
    channel_destroy(f->channel);
    f->channel = NULL;
    for (int turn = 0; !f->abandoned && turn < 1000; turn++) os_env_turn(&f->os, 10);
    assert_int_equal(f->abandoned, 1);
    assert_int_equal(rpc_server_connections_count(f->server), 0);
    fixture_free(f);
}

TEST(a_server_that_drains_sends_clients_away_behind_an_answer)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call call, refused;
    struct str two[2] = {STR("a"), STR("b")};
    call_with(f, &call, two, 2);
    run_until_answers(f, 1);
    rpc_server_drain(f->server);
    rpc_server_drain(f->server);
    assert_int_equal(rpc_server_connections_count(f->server), 1);
    call_with(f, &call, two, 2);
    run_until_answers(f, 2);
    assert_string_equal(f->order, "22"); /* the answer came whole */
    assert_int_equal(rpc_server_connections_count(f->server), 0);
    call_with(f, &refused, two, 2);
    run_until_answers(f, 3);
    assert_int_equal(f->errors, 1);
    fixture_free(f);
}

TEST(a_connection_ends_behind_its_last_answer_whatever_else_waits_on_it)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call first, second, behind;
    struct str last[] = {STR("last")}, park[] = {STR("park")};
    call_with(f, &first, park, 1);
    call_with(f, &second, last, 1); /* wakes the first, and leaves after it */
    call_with(f, &behind, park, 1);
    run_until_answers(f, 3);
    assert_string_equal(f->order, "11"); /* both answers came whole */
    assert_int_equal(f->errors, 1);
    assert_int_equal(rpc_server_connections_count(f->server), 0);
    fixture_free(f);
}

TEST(a_server_that_drains_ends_what_is_idle_when_told_and_leaves_what_waits)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call call;
    struct str two[2] = {STR("a"), STR("b")}, park[1] = {STR("park")};
    call_with(f, &call, two, 2);
    run_until_answers(f, 1);
    call_with(f, &call, park, 1);
    for (int turn = 0; !f->parked && turn < 1000; turn++) os_env_turn(&f->os, 10);
    rpc_server_drain(f->server);
    rpc_server_end_idle(f->server);
    assert_int_equal(rpc_server_connections_count(f->server), 1);
    answer(f->parked);
    f->parked = NULL;
    run_until_answers(f, 2);
    rpc_server_end_idle(f->server);
    assert_int_equal(rpc_server_connections_count(f->server), 0);
    fixture_free(f);
}

TEST(marked_connections_end_when_told_and_others_stay)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call call;
    struct str mark[1] = {STR("mark")}, unmark[1] = {STR("unmark")};
    call_with(f, &call, mark, 1);
    run_until_answers(f, 1);
    call_with(f, &call, unmark, 1);
    run_until_answers(f, 2);
    rpc_server_end_marked(f->server);
    assert_int_equal(rpc_server_connections_count(f->server), 1);
    call_with(f, &call, mark, 1);
    run_until_answers(f, 3);
    assert_int_equal(rpc_server_connections_count(f->server), 1);
    rpc_server_end_marked(f->server);
    assert_int_equal(rpc_server_connections_count(f->server), 0);
    assert_int_equal(f->errors, 0);
    fixture_free(f);
}

TEST(a_marked_connection_ends_right_behind_the_answer_that_leaves_nothing)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call call, parked;
    struct str mark[1] = {STR("mark")}, park[1] = {STR("park")};
    call_with(f, &call, mark, 1);
    run_until_answers(f, 1);
    call_with(f, &parked, park, 1);
    for (int turn = 0; !f->parked && turn < 1000; turn++) os_env_turn(&f->os, 10);
    rpc_server_end_marked(f->server);
    assert_int_equal(rpc_server_connections_count(f->server), 1);
    answer(f->parked);
    f->parked = NULL;
    run_until_answers(f, 2);
    assert_int_equal(rpc_server_connections_count(f->server), 0);
    assert_int_equal(f->errors, 0);
    fixture_free(f);
}

TEST(a_closed_connection_ends_every_call_and_the_next_call_connects_anew)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call calls[2], again;
    struct str park[1] = {STR("park")}, drop[1] = {STR("drop")};
    call_with(f, &calls[0], park, 1);
    call_with(f, &calls[1], drop, 1);
    run_until_answers(f, 2);
    assert_int_equal(f->errors, 2);
    assert_int_equal(f->abandoned, 1);
    call_with(f, &again, NULL, 0);
    run_until_answers(f, 3);
    assert_string_equal(f->order, "0");
    fixture_free(f);
}

TEST(a_parked_request_is_abandoned_when_its_client_goes)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct call call;
    struct str park[1] = {STR("park")};
    call_with(f, &call, park, 1);
    for (int turn = 0; !f->parked && turn < 1000; turn++) os_env_turn(&f->os, 10);
    assert_non_null(f->parked);
    channel_destroy(f->channel);
    f->channel = NULL;
    assert_int_equal(f->errors, 1);
    for (int turn = 0; !f->abandoned && turn < 1000; turn++) os_env_turn(&f->os, 10);
    assert_int_equal(f->abandoned, 1);
    assert_int_equal(rpc_server_connections_count(f->server), 0);
    fixture_free(f);
}

/* ---- peers with a name */

static void peer_ended(void *owner, int32_t id, int64_t epoch, enum err e)
{
    struct fixture *f = *(struct fixture **)owner;
    f->peers_ended++;
    f->ended_id = id;
    f->ended_epoch = epoch;
    f->ended_how = e;
}

static struct fixture *fixture_make_naming(void)
{
    struct rpc_server_config config = rpc_server_defaults();
    config.peer_ended = peer_ended;
    config.peer_owner = &current;
    struct fixture *f = fixture_make(config);
    return f;
}

static void run_until_alone(struct fixture *f)
{
    for (int turn = 0; rpc_server_connections_count(f->server) > 0 && turn < 1000; turn++)
        os_env_turn(&f->os, 10);
    assert_int_equal(rpc_server_connections_count(f->server), 0);
}

TEST(the_end_of_a_connection_whose_peer_has_a_name_is_told_once)
{
    struct fixture *f = fixture_make_naming();
    struct call call;
    call_with(f, &call, (struct str[]){STR("name")}, 1);
    run_until_answers(f, 1);
    assert_int_equal(f->peers_ended, 0);
    channel_destroy(f->channel);
    f->channel = NULL;
    run_until_alone(f);
    assert_int_equal(f->peers_ended, 1);
    assert_int_equal(f->ended_id, 3);
    assert_int_equal(f->ended_epoch, 17);
    assert_int_equal(f->ended_how, ERR_EOF);
    fixture_free(f);
}

TEST(the_end_of_a_connection_that_nobody_named_is_not_told)
{
    struct fixture *f = fixture_make_naming();
    struct call call;
    call_with(f, &call, NULL, 0);
    run_until_answers(f, 1);
    channel_destroy(f->channel);
    f->channel = NULL;
    run_until_alone(f);
    assert_int_equal(f->peers_ended, 0);
    fixture_free(f);
}

TEST(a_connection_that_this_side_ends_is_not_told)
{
    struct fixture *f = fixture_make_naming();
    struct call call;
    call_with(f, &call, (struct str[]){STR("name")}, 1);
    run_until_answers(f, 1);
    call_with(f, &call, (struct str[]){STR("drop")}, 1);
    run_until_answers(f, 2);
    run_until_alone(f);
    assert_int_equal(f->peers_ended, 0);
    fixture_free(f);
}

static void own_answered(struct call *call, enum err e, const void *response)
{
    const struct read_events_response *r = response;
    *(int32_t *)call->context = e ? -1 : r->node_id;
    current->answers++;
}

TEST(a_request_of_our_own_reaches_its_own_table)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct channel *local = channel_create_local(&f->os.env, &dispatch, "test");
    struct read_events_request q;
    read_events_request_init(&q);
    int32_t number = 0;
    struct call call;
    call_init(&call);
    call.context = &number;
    channel_call(local, &call, API_READ_EVENTS, 0, &q, own_answered);
    run_until_answers(f, 1);
    assert_int_equal(number, 42);
    channel_destroy(local);
    fixture_free(f);
}

/* ---- raw bytes */

struct raw {
    struct net_conn *conn;
    bool connected, ended;
    uint8_t got[4096];
    size_t got_len;
};

static void raw_connected(struct net_conn *c, enum err e)
{
    struct raw *r = c->owner;
    r->connected = e == ERR_OK;
}

static void raw_readable(struct net_conn *c)
{
    struct raw *r = c->owner;
    size_t got = 0;
    enum err e = net_recv(c, r->got + r->got_len, sizeof r->got - r->got_len, &got);
    if (e == ERR_AGAIN) return;
    r->got_len += got;
    if (!e) return;
    r->ended = true;
    net_close(c);
    r->conn = NULL;
}

static void raw_broken(struct net_conn *c, enum err e)
{
    (void)e;
    struct raw *r = c->owner;
    r->ended = true;
    net_close(c);
    r->conn = NULL;
}

static const struct net_events raw_events = {
    .connected = raw_connected, .readable = raw_readable, .broken = raw_broken};

static void raw_send(struct fixture *f, struct raw *r, const void *data, size_t len)
{
    if (!r->conn) {
        assert_ok(net_connect(f->os.env.net, "127.0.0.1", rpc_server_port(f->server), &r->conn));
        r->conn->owner = r;
        r->conn->events = &raw_events;
    }
    struct out o;
    out_init(&o);
    out_put(&o, data, len);
    net_send(r->conn, &o);
    out_free(&o);
}

static void raw_expect_end(struct fixture *f, const void *data, size_t len)
{
    struct raw r = {0};
    raw_send(f, &r, data, len);
    for (int turn = 0; !r.ended && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_true(r.ended);
    assert_int_equal(r.got_len, 0);
    assert_int_equal(rpc_server_connections_count(f->server), 0);
}

TEST(hostile_frames_end_their_connection_only)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    raw_expect_end(f, "\x7f\xff\xff\xff", 4);                        /* 2 GiB */
    raw_expect_end(f, "\xff\xff\xff\xff", 4);                        /* negative */
    raw_expect_end(f, "\0\0\0\2\0\1", 6);                            /* no header */
    raw_expect_end(f, "\0\0\0\x0a\x7f\xff\0\0\0\0\0\1\0\0", 14);     /* unknown API */
    raw_expect_end(f, "\0\0\0\x0a\x27\x11\0\0\0\0\0\1\0\0", 14);     /* none of our own */
    raw_expect_end(f, "\0\0\0\x0a\0\x10\0\x7f\0\0\0\1\xff\xff", 14); /* version 127 */
    raw_expect_end(f, "\0\0\0\x0a\0\x10\0\0\0\0\0\1\x7f\xff", 14);   /* client id overruns */
    struct call call;
    call_with(f, &call, NULL, 0);
    run_until_answers(f, 1);
    assert_int_equal(f->errors, 0);
    fixture_free(f);
}

TEST(a_frame_at_the_bound_is_read_and_one_above_is_refused)
{
    struct rpc_server_config config = rpc_server_defaults();
    config.request_bytes_max = 10;
    struct fixture *f = fixture_make(config);
    struct raw r = {0};
    raw_send(f, &r, "\0\0\0\x0a\0\x10\0\0\0\0\0\1\xff\xff", 14);
    for (int turn = 0; r.got_len < 14 && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_int_equal(r.got_len, 14);
    raw_send(f, &r, "\0\0\0\x0b", 4);
    for (int turn = 0; !r.ended && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_true(r.ended);
    fixture_free(f);
}

/* As Apache Kafka does; librdkafka 2.16 sends Metadata 13 so when it asks for all topics. */
TEST(bytes_left_over_behind_a_body_are_ignored)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct raw r = {0};
    raw_send(f, &r, "\0\0\0\x0d\0\x10\0\0\0\0\0\1\xff\xff!!!", 17);
    for (int turn = 0; r.got_len < 14 && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_int_equal(r.got_len, 14);
    raw_send(f, &r, "\0\0\0\x0a\0\x10\0\0\0\0\0\2\xff\xff", 14);
    for (int turn = 0; r.got_len < 28 && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_int_equal(r.got_len, 28);
    net_close(r.conn);
    fixture_free(f);
}

TEST(unsupported_api_versions_is_answered_in_version_0)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct raw r = {0};
    raw_send(f, &r, "\0\0\0\x0b\0\x12\0\x63\0\0\0\7\xff\xff\0", 15);
    for (int turn = 0; r.got_len < 10 && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_true(r.got_len >= 10);
    assert_memory_equal(r.got + 4, "\0\0\0\7\0\x23", 6);
    net_close(r.conn);
    fixture_free(f);
}

TEST(a_request_arriving_byte_by_byte_is_understood)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct raw r = {0};
    const char frame[] = "\0\0\0\x0a\0\x10\0\0\0\0\0\1\xff\xff";
    for (size_t i = 0; i < sizeof frame - 1; i++) {
        raw_send(f, &r, frame + i, 1);
        os_env_turn(&f->os, 1);
        os_env_turn(&f->os, 0);
    }
    for (int turn = 0; r.got_len < 14 && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_int_equal(r.got_len, 14);
    net_close(r.conn);
    fixture_free(f);
}

/* Eight come at once, whole, in one piece. */
TEST(no_more_requests_than_the_bound_are_under_way_and_the_rest_follow)
{
    enum { ALL = 8, BOUND = 3 };
    struct rpc_server_config config = rpc_server_defaults();
    config.requests_in_flight_max = BOUND;
    struct fixture *f = fixture_make(config);
    struct call first, calls[ALL];
    struct str hold = STR("hold");
    call_with(f, &first, NULL, 0);
    run_until_answers(f, 1);
    for (int i = 0; i < ALL; i++) call_with(f, &calls[i], &hold, 1);
    for (int answered = 0; answered < ALL; answered++) {
        int held = answered + BOUND < ALL ? answered + BOUND : ALL;
        for (int turn = 0; f->held_count < held && turn < 500; turn++) os_env_turn(&f->os, 10);
        os_env_turn(&f->os, 0);
        assert_int_equal(f->held_count, held);
        answer(f->held[answered]);
        assert_true(f->held_count <= answered + BOUND); /* none is handled inside of that */
    }
    run_until_answers(f, 1 + ALL);
    assert_int_equal(f->errors, 0);
    fixture_free(f);
}

TEST(nothing_is_begun_to_be_read_while_too_many_bytes_are_held_and_the_rest_goes_on)
{
    struct rpc_server_config config = rpc_server_defaults();
    config.queued_bytes_max = 1;
    struct fixture *f = fixture_make(config);
    struct call call;
    struct str hold = STR("hold");
    static const char list[] = "\0\0\0\x0a\0\x10\0\0\0\0\0\1\xff\xff";
    call_with(f, &call, NULL, 0); /* alone it is read, whatever it takes */
    run_until_answers(f, 1);
    struct raw half = {0}, whole[3] = {0};
    raw_send(f, &half, list, 6); /* begun before: it may be read to its end */
    for (int turn = 0; turn < 20; turn++) os_env_turn(&f->os, 1);
    call_with(f, &call, &hold, 1);
    for (int i = 0; i < 3; i++) raw_send(f, &whole[i], list, 14);
    for (int turn = 0; turn < 20; turn++) os_env_turn(&f->os, 1);
    assert_int_equal(f->held_count, 0);
    raw_send(f, &half, list + 6, 8);
    for (int turn = 0; half.got_len < 14 && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_int_equal(half.got_len, 14); /* and with it goes what was held */
    for (int turn = 0; f->held_count < 1 && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_int_equal(f->held_count, 1);
    net_close(whole[2].conn); /* who waits may go */
    answer(f->held[0]);
    run_until_answers(f, 2);
    for (int i = 0; i < 2; i++) {
        for (int turn = 0; whole[i].got_len < 14 && turn < 500; turn++) os_env_turn(&f->os, 10);
        assert_int_equal(whole[i].got_len, 14);
        net_close(whole[i].conn);
    }
    net_close(half.conn);
    assert_int_equal(f->errors, 0);
    fixture_free(f);
}

TEST(connections_over_the_bound_are_refused_and_the_rest_go_on)
{
    struct rpc_server_config config = rpc_server_defaults();
    config.connections_max = 1;
    struct fixture *f = fixture_make(config);
    struct call call;
    call_with(f, &call, NULL, 0);
    run_until_answers(f, 1);
    struct raw r = {0};
    raw_send(f, &r, "", 0);
    for (int turn = 0; !r.ended && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_true(r.ended);
    call_with(f, &call, NULL, 0);
    run_until_answers(f, 2);
    assert_int_equal(f->errors, 0);
    fixture_free(f);
}

TEST(connections_per_address_are_bounded)
{
    struct rpc_server_config config = rpc_server_defaults();
    config.connections_per_ip_max = 1;
    struct fixture *f = fixture_make(config);
    struct call call;
    call_with(f, &call, NULL, 0);
    run_until_answers(f, 1);
    struct raw r = {0};
    raw_send(f, &r, "", 0);
    for (int turn = 0; !r.ended && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_true(r.ended);
    fixture_free(f);
}

static void limit_of_late(void *owner, const char *address, struct rpc_server_config *config)
{
    assert_string_equal(address, "127.0.0.1");
    config->connections_per_ip_max = *(const int32_t *)owner;
}

TEST(limits_that_change_hold_for_the_next_connection)
{
    struct rpc_server_config config = rpc_server_defaults();
    int32_t limit = 1;
    config.limit = limit_of_late;
    config.limit_owner = &limit;
    struct fixture *f = fixture_make(config);
    struct call call;
    call_with(f, &call, NULL, 0);
    run_until_answers(f, 1);
    struct raw refused = {0}, taken = {0};
    raw_send(f, &refused, "", 0);
    for (int turn = 0; !refused.ended && turn < 500; turn++) os_env_turn(&f->os, 10);
    assert_true(refused.ended);
    limit = 2;
    raw_send(f, &taken, "", 0);
    for (int turn = 0; rpc_server_connections_count(f->server) < 2 && turn < 500; turn++)
        os_env_turn(&f->os, 10);
    assert_int_equal(rpc_server_connections_count(f->server), 2);
    assert_false(taken.ended);
    net_close(taken.conn);
    fixture_free(f);
}

static void local_answer(struct call *call, enum err e, const void *response)
{
    answered(call, e, response);
}

TEST(a_local_channel_answers_from_the_loop_and_can_be_cancelled)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct channel *local = channel_create_local(&f->os.env, &dispatch, "local");
    struct call calls[2];
    struct list_groups_request q;
    list_groups_request_init(&q);
    struct str three[3] = {STR("a"), STR("b"), STR("c")};
    q.states_filter = three;
    q.states_filter_count = 3;
    call_init(&calls[0]);
    call_init(&calls[1]);
    channel_call(local, &calls[0], API_LIST_GROUPS, 4, &q, local_answer);
    channel_call(local, &calls[1], API_LIST_GROUPS, 4, &q, local_answer);
    assert_int_equal(f->answers, 0);
    channel_cancel(&calls[1]);
    run_until_answers(f, 1);
    assert_string_equal(f->order, "3");
    channel_destroy(local);
    fixture_free(f);
}

TEST(a_channel_to_nowhere_says_closed)
{
    struct fixture *f = fixture_make(rpc_server_defaults());
    struct channel *nowhere = channel_create_nowhere(&f->os.env);
    struct call call;
    struct list_groups_request q;
    list_groups_request_init(&q);
    call_init(&call);
    channel_call(nowhere, &call, API_LIST_GROUPS, -1, &q, answered);
    assert_int_equal(f->answers, 0);
    run_until_answers(f, 1);
    assert_int_equal(f->errors, 1);
    channel_destroy(nowhere);
    fixture_free(f);
}

TEST(client_address_is_4_or_16_bytes)
{
    static const struct {
        const char *text;
        size_t len;
        uint8_t bytes[16];
    } cases[] = {
        {"10.0.200.255", 4, {10, 0, 200, 255}},
        {"::1", 16, {[15] = 1}},
        {"::", 16, {0}},
        {"2001:db8::ff00:42:8329", 16, {0x20, 1, 0xd, 0xb8, [10] = 0xff, 0, 0, 0x42, 0x83, 0x29}},
        {"fe80::1%eth0", 16, {0xfe, 0x80, [15] = 1}},
        {"::ffff:10.0.0.1", 16, {[10] = 0xff, 0xff, 10, 0, 0, 1}},
        {"1:2:3:4:5:6:7:8", 16, {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
        {"node1", 4, {127, 0, 0, 1}},
        {"256.0.0.1", 4, {127, 0, 0, 1}},
        {"1:2:3", 4, {127, 0, 0, 1}},
        {"", 4, {127, 0, 0, 1}},
    };
    struct connection c = {0};
    struct request rq = {.connection = &c};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t got[16] = {0};
        snprintf(c.peer.host, sizeof c.peer.host, "%s", cases[i].text);
        assert_int_equal(request_client_address(&rq, got), cases[i].len);
        assert_memory_equal(got, cases[i].bytes, cases[i].len);
    }
}
