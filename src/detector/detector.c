#include "detector/detector.h"

#include <stdio.h>

#include "base/mark.h"
#include "base/mem.h"

struct peer;

struct probe {
    struct peer *peer;
    struct net_conn *conn; /* NULL: none under way */
};

struct peer {
    struct detector *detector;
    struct list_node node; /* in detector->probed or ->queued */
    struct detector_subject subject;
    struct suspicion suspicion;
    enum detector_evidence evidence; /* the first, or the first against it */
    struct mono_time since;          /* when that came */
    struct detector_address addresses[SUSPICION_ADDRESSES_MAX];
    struct probe probes[SUSPICION_ADDRESSES_MAX];
    struct timer timer; /* the pause before a round, the patience during it */
    bool in_round, queued;
};

struct detector {
    struct env env;
    struct detector_config config;
    struct detector_events events;
    struct history *history;
    struct list_node probed, queued;
    int32_t probed_count, queued_count;
    bool starting; /* start_queued is on the stack */
};

static const char *role_text(enum detector_role role)
{
    return role == DETECTOR_BROKER ? "broker" : "quorum leader";
}

static const char *evidence_text(enum detector_evidence e)
{
    static const char *const texts[] = {
        [EVIDENCE_RESET] = "its connection was reset",
        [EVIDENCE_CLOSED] = "its connection was closed",
        [EVIDENCE_REFUSED] = "it refused a connection",
        [EVIDENCE_OVERDUE] = "its heartbeat is overdue",
        [EVIDENCE_NOT_HEARD] = "it was not heard yet",
        [EVIDENCE_PROVED] = "its process was found gone before",
    };
    PRE(e <= EVIDENCE_PROVED);
    return texts[e];
}

static bool is_persistent(enum detector_evidence e)
{
    return e <= EVIDENCE_REFUSED;
}

struct detector *detector_create(const struct env *env, const struct detector_config *config,
                                 const struct detector_events *events, struct history *history)
{
    struct detector *d = MEM_NEW(struct detector);
    d->env = *env;
    d->config = *config;
    d->events = *events;
    d->history = history;
    list_init(&d->probed);
    list_init(&d->queued);
    return d;
}

/* ---- ending a suspicion */

static void probe_close(struct probe *p)
{
    if (p->conn) net_close(p->conn);
    p->conn = NULL;
}

static void start_queued(struct detector *d);

static void peer_free(struct peer *p)
{
    struct detector *d = p->detector;
    timer_cancel(d->env.clock, &p->timer);
    for (int32_t i = 0; i < p->suspicion.addresses; i++) probe_close(&p->probes[i]);
    list_remove(&p->node);
    if (p->queued)
        d->queued_count--;
    else
        d->probed_count--;
    mem_free(p);
}

void detector_free(struct detector *d)
{
    if (!d) return;
    while (!list_empty(&d->probed)) peer_free(CONTAINER_OF(d->probed.next, struct peer, node));
    while (!list_empty(&d->queued)) peer_free(CONTAINER_OF(d->queued.next, struct peer, node));
    POST(d->probed_count == 0 && d->queued_count == 0);
    mem_free(d);
}

static int64_t since_us(const struct detector *d, const struct peer *p)
{
    return (clock_mono(d->env.clock).ns - p->since.ns) / 1000;
}

static const char *times_text(int32_t n, char *text, size_t size)
{
    snprintf(text, size, "%d times", n);
    return n == 1 ? "once more" : text;
}

/* "its connection was reset, then localhost:9092 and localhost:9093 refused 3 times in 5.1 ms" */
static struct str describe(const struct detector *d, const struct peer *p, char *text, size_t size)
{
    char times[24];
    size_t at = (size_t)snprintf(text, size, "%s, then ", evidence_text(p->evidence));
    for (int32_t i = 0; i < p->suspicion.addresses && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%s:%u", i ? " and " : "",
                               p->addresses[i].host, p->addresses[i].port);
    int64_t us = since_us(d, p);
    if (at < size)
        at += (size_t)snprintf(text + at, size - at, " refused %s in %lld.%d ms",
                               times_text(p->suspicion.refused_in_a_row, times, sizeof times),
                               (long long)(us / 1000), (int)(us % 1000 / 100));
    return (struct str){text, (int32_t)(at < size ? at : size - 1)};
}

/* `evidence`: one line; it lives in the caller's frame. */
static void peer_gone(struct peer *p, struct str evidence)
{
    struct detector *d = p->detector;
    struct detector_subject subject = p->subject;
    struct mono_time since = p->since;
    struct history_fact f =
        history_fact(HISTORY_PROCESS_GONE, subject.id, subject.epoch,
                     subject.role == DETECTOR_BROKER ? "broker" : "quorum-leader");
    f.duration_us = since_us(d, p);
    history_note(d->history, &f, "%.*s", STR_ARG(evidence));
    peer_free(p);
    start_queued(d);
    d->events.gone(d->events.owner, &subject, since, evidence);
}

static void peer_refused(struct peer *p)
{
    char text[HISTORY_TEXT_MAX];
    peer_gone(p, describe(p->detector, p, text, sizeof text));
}

/* What was suspected on no evidence, and is there, is not worth a line. */
static void peer_dropped(struct peer *p)
{
    struct detector *d = p->detector;
    const struct suspicion *s = &p->suspicion;
    if (is_persistent(p->evidence) && d->config.enabled) {
        struct history_fact f = history_fact(HISTORY_PROCESS_THERE, p->subject.id, p->subject.epoch,
                                             s->state == SUSPICION_CLEARED ? "heard" : "unproven");
        f.duration_us = since_us(d, p);
        if (s->state == SUSPICION_CLEARED)
            history_note(d->history, &f, "%s %d speaks again", role_text(p->subject.role),
                         p->subject.id);
        else if (s->addresses == 0)
            history_note(d->history, &f, "no address of %s %d is known: its timeout decides",
                         role_text(p->subject.role), p->subject.id);
        else
            history_note(d->history, &f, "%d probes, the last %s: its timeout decides", s->rounds,
                         probe_outcome_text(s->doubted ? s->doubt : PROBE_REFUSED));
    }
    peer_free(p);
    start_queued(d);
}

/* ---- probing */

static void round_begin(struct peer *p);

static void take_step(struct peer *p, struct suspicion_step step)
{
    struct detector *d = p->detector;
    switch (step.what) {
    case SUSPICION_WAIT: return;
    case SUSPICION_PROBE:
        p->in_round = false;
        if (step.pause_ms == 0)
            round_begin(p);
        else
            timer_arm_in_ms(d->env.clock, &p->timer, step.pause_ms);
        return;
    case SUSPICION_END:
        if (p->suspicion.state == SUSPICION_GONE)
            peer_refused(p);
        else
            peer_dropped(p);
    }
}

static enum probe_outcome outcome_of(enum err e)
{
    switch (e) {
    case ERR_OK: return MUTANT(DETECTOR_ACCEPTED_COUNTS) ? PROBE_REFUSED : PROBE_ACCEPTED;
    case ERR_REFUSED: return PROBE_REFUSED;
    case ERR_TIMEOUT: return PROBE_TIMED_OUT;
    default: return PROBE_FAILED;
    }
}

static void probe_connected(struct net_conn *conn, enum err e)
{
    struct probe *probe = conn->owner;
    struct peer *p = probe->peer;
    probe_close(probe);
    take_step(p, suspicion_probed(&p->suspicion, outcome_of(e)));
}

/* Not before `connected`, which closes. */
static void probe_unexpected(struct net_conn *conn)
{
    (void)conn;
    UNREACHABLE();
}

static void probe_broken(struct net_conn *conn, enum err e)
{
    (void)e;
    probe_unexpected(conn);
}

static const struct net_events probe_events = {
    .connected = probe_connected,
    .readable = probe_unexpected,
    .broken = probe_broken,
};

static void round_begin(struct peer *p)
{
    struct detector *d = p->detector;
    suspicion_probing(&p->suspicion);
    p->in_round = true;
    timer_arm_in_ms(d->env.clock, &p->timer, d->config.timeout_ms);
    int32_t failed = 0;
    for (int32_t i = 0; i < p->suspicion.addresses; i++) {
        struct probe *probe = &p->probes[i];
        enum err e =
            net_connect(d->env.net, p->addresses[i].host, p->addresses[i].port, &probe->conn);
        if (e) {
            probe->conn = NULL;
            failed++;
            continue;
        }
        probe->conn->owner = probe;
        probe->conn->events = &probe_events;
    }
    /* last, for the final one may end the suspicion */
    while (failed-- > 0) take_step(p, suspicion_probed(&p->suspicion, PROBE_FAILED));
}

static void timer_fired(struct timer *t)
{
    struct peer *p = CONTAINER_OF(t, struct peer, timer);
    if (!p->in_round) {
        round_begin(p);
        return;
    }
    int32_t silent = p->suspicion.outstanding;
    for (int32_t i = 0; i < p->suspicion.addresses; i++) probe_close(&p->probes[i]);
    while (silent-- > 0) take_step(p, suspicion_probed(&p->suspicion, PROBE_TIMED_OUT));
}

/* ---- beginning one */

static void peer_start(struct peer *p)
{
    struct detector *d = p->detector;
    struct suspicion_rules rules = {.probes = p->evidence == EVIDENCE_PROVED ? 1 : d->config.probes,
                                    .interval_ms = d->config.interval_ms};
    int32_t count =
        d->events.addresses(d->events.owner, &p->subject, p->addresses, SUSPICION_ADDRESSES_MAX);
    take_step(p, suspicion_begin(&p->suspicion, &rules, count, is_persistent(p->evidence)));
}

static void start_queued(struct detector *d)
{
    if (d->starting) return;
    d->starting = true;
    while (d->probed_count < d->config.nodes_max && !list_empty(&d->queued)) {
        struct peer *p = CONTAINER_OF(d->queued.next, struct peer, node);
        list_remove(&p->node);
        d->queued_count--;
        p->queued = false;
        list_push_back(&d->probed, &p->node);
        d->probed_count++;
        peer_start(p);
    }
    d->starting = false;
}

static struct peer *find_in(struct list_node *list, enum detector_role role, int32_t id)
{
    LIST_EACH(list, node) {
        struct peer *p = CONTAINER_OF(node, struct peer, node);
        if (p->subject.role == role && p->subject.id == id) return p;
    }
    return NULL;
}

static struct peer *find(struct detector *d, enum detector_role role, int32_t id)
{
    struct peer *p = find_in(&d->probed, role, id);
    return p ? p : find_in(&d->queued, role, id);
}

static void note_evidence(struct detector *d, const struct detector_subject *s,
                          enum detector_evidence evidence)
{
    static const char *const words[] = {
        [EVIDENCE_RESET] = "reset", [EVIDENCE_CLOSED] = "closed", [EVIDENCE_REFUSED] = "refused"};
    if (evidence == EVIDENCE_NOT_HEARD || evidence == EVIDENCE_PROVED) return;
    struct history_fact f = history_fact(
        evidence == EVIDENCE_OVERDUE ? HISTORY_HEARTBEAT_MISSED : HISTORY_CONNECTION_BROKEN, s->id,
        s->epoch, is_persistent(evidence) ? words[evidence] : NULL);
    history_note(d->history, &f, "%s %d: %s", role_text(s->role), s->id, evidence_text(evidence));
}

void detector_suspect(struct detector *d, const struct detector_subject *subject,
                      enum detector_evidence evidence, struct mono_time since)
{
    note_evidence(d, subject, evidence);
    if (!d->config.enabled) return;
    struct peer *p = find(d, subject->role, subject->id);
    if (p && p->subject.epoch > subject->epoch) return;
    if (p && p->subject.epoch == subject->epoch) {
        if (is_persistent(evidence) && !is_persistent(p->evidence)) {
            p->evidence = evidence;
            suspicion_persist(&p->suspicion);
        }
        return;
    }
    if (p) peer_free(p);
    p = MEM_NEW(struct peer);
    *p = (struct peer){
        .detector = d, .subject = *subject, .evidence = evidence, .since = since, .queued = true};
    list_init(&p->node);
    timer_init(&p->timer, timer_fired);
    for (int32_t i = 0; i < SUSPICION_ADDRESSES_MAX; i++) p->probes[i].peer = p;
    list_push_back(&d->queued, &p->node);
    d->queued_count++;
    start_queued(d);
}

void detector_heard(struct detector *d, enum detector_role role, int32_t id)
{
    struct peer *p = find(d, role, id);
    if (!p) return;
    if (!p->queued) suspicion_heard(&p->suspicion);
    p->suspicion.state = SUSPICION_CLEARED;
    peer_dropped(p);
}

bool detector_prove(struct detector *d, const struct detector_subject *subject, const char *how)
{
    struct peer *p = find(d, subject->role, subject->id);
    if (!p || p->subject.epoch != subject->epoch || !is_persistent(p->evidence)) return false;
    char text[HISTORY_TEXT_MAX];
    snprintf(text, sizeof text, "%s, then %s", evidence_text(p->evidence), how);
    peer_gone(p, str_of(text));
    return true;
}

void detector_forget(struct detector *d, enum detector_role role)
{
    struct list_node *lists[] = {&d->probed, &d->queued};
    for (int i = 0; i < 2; i++)
        LIST_EACH(lists[i], node) {
            struct peer *p = CONTAINER_OF(node, struct peer, node);
            if (p->subject.role == role) peer_free(p);
        }
    start_queued(d);
}

int32_t detector_suspicions(const struct detector *d)
{
    return d->probed_count + d->queued_count;
}
