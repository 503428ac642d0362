/* The same judgement where a real kernel answers: what it refuses, and what it does not. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "detector/detector.h"
#include "env/os/os.h"
#include "test.h"

enum { CROWD = 8, PATIENCE_MS = 200 };

struct fixture {
    struct os_env os;
    struct history *history;
    struct detector *detector;
    int listener; /* nobody accepts from it */
    uint16_t port;
    int gone;
};

static int32_t addresses(void *owner, const struct detector_subject *s,
                         struct detector_address *out, int32_t max)
{
    const struct fixture *f = owner;
    (void)s;
    (void)max;
    snprintf(out[0].host, sizeof out[0].host, "127.0.0.1");
    out[0].port = f->port;
    return 1;
}

static void gone(void *owner, const struct detector_subject *s, struct mono_time since,
                 struct str evidence)
{
    (void)s;
    (void)since;
    (void)evidence;
    ((struct fixture *)owner)->gone++;
}

static struct sockaddr_in at(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static struct fixture *make(void)
{
    struct fixture *f = MEM_NEW(struct fixture);
    assert_ok(os_env_init(&f->os));
    os_env_trace_stream(&f->os, -1);
    f->history = history_create(&f->os.env,
                                &(struct history_options){.events_max = 100, .bytes_max = 1 << 20});
    struct detector_config config = {
        .enabled = true, .probes = 3, .interval_ms = 1, .timeout_ms = PATIENCE_MS, .nodes_max = 4};
    struct detector_events events = {.owner = f, .addresses = addresses, .gone = gone};
    f->detector = detector_create(&f->os.env, &config, &events, f->history);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = at(0);
    socklen_t len = sizeof address;
    assert_ok(bind(f->listener, (struct sockaddr *)&address, len));
    assert_ok(listen(f->listener, 1));
    assert_ok(getsockname(f->listener, (struct sockaddr *)&address, &len));
    f->port = ntohs(address.sin_port);
    return f;
}

static void unmake(struct fixture *f)
{
    detector_free(f->detector);
    history_free(f->history);
    os_env_free(&f->os);
    if (f->listener >= 0) close(f->listener);
    mem_free(f);
}

/* `evidence` that is against the node is pursued; without it one round must do. */
static void judge(struct fixture *f, enum detector_evidence evidence)
{
    detector_suspect(f->detector, &(struct detector_subject){DETECTOR_BROKER, 3, 17}, evidence,
                     clock_mono(f->os.env.clock));
    for (int turn = 0; detector_suspicions(f->detector) > 0 && turn < 10000; turn++)
        os_env_turn(&f->os, 10);
    assert_int_equal(detector_suspicions(f->detector), 0);
}

TEST(a_port_whose_process_has_ended_is_refused)
{
    struct fixture *f = make();
    close(f->listener);
    f->listener = -1;
    judge(f, EVIDENCE_RESET);
    assert_int_equal(f->gone, 1);
    unmake(f);
}

/* As for a stopped process (SIGSTOP): the kernel goes on accepting for it. */
TEST(a_process_that_does_not_accept_is_not_taken_for_a_dead_one)
{
    struct fixture *f = make();
    judge(f, EVIDENCE_NOT_HEARD);
    assert_int_equal(f->gone, 0);
    unmake(f);
}

TEST(a_full_accept_queue_is_not_taken_for_a_dead_process)
{
    struct fixture *f = make();
    struct sockaddr_in address = at(f->port);
    int crowd[CROWD];
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int e = connect(crowd[i], (struct sockaddr *)&address, sizeof address);
        assert_true(e == 0 || errno == EINPROGRESS);
    }
    for (int i = 0; i < 4; i++) judge(f, EVIDENCE_NOT_HEARD);
    assert_int_equal(f->gone, 0);
    for (int i = 0; i < CROWD; i++) close(crowd[i]);
    unmake(f);
}
