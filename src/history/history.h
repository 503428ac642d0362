/* What a node has noticed of its cluster and how, in bounded memory: the account of a failover that
 * a person can read afterwards (`samsa events`, docs/failover.md).
 *
 *   history_begin ── history_item, any number ──> history_end ──> kept, and one line in the log
 *   history_note: the two at once, for what has no list
 *
 * A fact about many partitions is one event with counts and a bounded list. The same fact noticed
 * again within five seconds is counted, not kept again, so that something that flaps, or a leader
 * that stays away for an hour, does not push out the account of what matters. Beyond either bound
 * (events, bytes) the oldest go; sequence numbers say to a reader that some are missing.
 *
 * One line in the log, at the kind's level, component samsa.history:
 *
 *   Event SEQUENCE KIND [about=N] [epoch=N] [reason=WORD] [partitions=N] [took=MS ms]: TEXT
 *   [ITEM; ITEM; and N more]
 *
 * all in one line. Owns: copies of everything. Borrows: clock, trace. Thread: the loop's. Nothing
 * here fails. Every function may be called with a history of NULL, which keeps nothing. */
#ifndef SAMSA_HISTORY_HISTORY_H
#define SAMSA_HISTORY_HISTORY_H

#include "env/env.h"

/* NAME, its word, level of its line, what it means. docs/failover.md has the same list. */
#define HISTORY_KINDS(X)                                                                        \
    X(NODE_STARTED, "node-started", INFO, "this process has begun")                             \
    X(NODE_STOPPING, "node-stopping", INFO, "this process stops cleanly")                       \
    X(CONNECTION_BROKEN, "connection-broken", INFO, "a connection to or from a node has ended") \
    X(HEARTBEAT_MISSED, "heartbeat-missed", WARN, "a broker's heartbeat is overdue")            \
    X(PROCESS_GONE, "process-gone", WARN, "a node's process has ended: its host refuses")       \
    X(PROCESS_THERE, "process-there", INFO, "a suspicion has ended")                            \
    X(BROKER_REGISTERED, "broker-registered", INFO, "a new incarnation of a broker")            \
    X(BROKER_UNFENCED, "broker-unfenced", INFO, "a broker may lead and serve")                  \
    X(BROKER_FENCED, "broker-fenced", WARN, "a broker leads nothing any more")                  \
    X(BROKER_STOPPING, "broker-stopping", INFO, "a broker hands over what it leads")            \
    X(BROKER_UNREGISTERED, "broker-unregistered", INFO, "an operator took a broker out")        \
    X(BROKER_DIRECTORIES, "broker-directories", WARN, "a broker's log directories changed")     \
    X(ELECTION, "election", INFO, "partitions have other leaders")                              \
    X(LEADERLESS, "leaderless", ERROR, "partitions have no leader any more")                    \
    X(LED_AGAIN, "led-again", INFO, "the elections are committed; how long nobody led")         \
    X(ISR_CHANGED, "isr-changed", INFO, "in-sync sets shrank or grew")                          \
    X(UNDECIDED, "undecided", WARN, "decisions whose outcome the next controller settles")      \
    X(CONTROLLER_ACTIVE, "controller-active", INFO, "this node decides for the cluster")        \
    X(CONTROLLER_RESIGNED, "controller-resigned", INFO, "this node no longer decides")          \
    X(QUORUM_ROLE, "quorum-role", INFO, "this node's role in the controller quorum changed")    \
    X(QUORUM_LEADER, "quorum-leader", INFO, "who leads the controller quorum")                  \
    X(LEADING, "leading", INFO, "this broker leads partitions that it did not lead before")     \
    X(FOLLOWING, "following", INFO, "this broker follows partitions that it led")               \
    X(TRUNCATED, "truncated", WARN, "records that were never committed were cut off")           \
    X(DISK_FAILED, "disk-failed", ERROR, "a log directory of this node is offline")             \
    X(HELD_BACK, "held-back", WARN, "metadata finds no room here, or finds some again")         \
    X(ADRIFT, "adrift", WARN, "partitions that no controller hears us lead: clients sent away")

enum history_kind {
#define X(NAME, word, level, meaning) HISTORY_##NAME,
    HISTORY_KINDS(X)
#undef X
        HISTORY_KINDS_COUNT
};

const char *history_kind_word(enum history_kind kind);

struct history_options {
    int32_t node_id;
    int32_t events_max; /* samsa.history.events.max */
    int64_t bytes_max;  /* samsa.history.bytes.max */
    int32_t items_max;  /* of one event; samsa.history.items.max */
};

enum {
    HISTORY_TEXT_MAX = 512, /* bytes of a text; longer ones are cut */
    HISTORY_ITEM_MAX = 384, /* of an item: the longest topic name and some more */
    HISTORY_AGAIN_MS = 5000,
};

/* One fact; make it with history_fact. */
struct history_fact {
    enum history_kind kind;
    int32_t about;       /* node id; -1: no node */
    int64_t epoch;       /* -1: none */
    const char *reason;  /* one word; NULL: none; copied */
    int32_t partitions;  /* touched; -1: not about partitions */
    int64_t duration_us; /* -1: a moment */
};

static inline struct history_fact history_fact(enum history_kind kind, int32_t about, int64_t epoch,
                                               const char *reason)
{
    return (struct history_fact){.kind = kind,
                                 .about = about,
                                 .epoch = epoch,
                                 .reason = reason,
                                 .partitions = -1,
                                 .duration_us = -1};
}

/* As kept. Texts live in the event's own memory. */
struct history_event {
    int64_t sequence; /* 0, 1, …: since the process began */
    struct wall_time time;
    int64_t uptime_us; /* of the process, when noticed */
    int32_t times;     /* noticed so often */
    struct wall_time last_time;
    struct mono_time last;
    struct history_fact fact;
    const char *text;
    const char *const *items;
    int32_t items_count;
    int32_t items_left_out;
    int64_t bytes; /* of memory */
};

struct history;

struct history *history_create(const struct env *env, const struct history_options *options);
void history_free(struct history *h);

/* ---- telling */

void history_note(struct history *h, const struct history_fact *fact, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One at a time: no other call but history_item until history_end. */
void history_begin(struct history *h, const struct history_fact *fact);
/* Beyond items_max it is counted only. */
void history_item(struct history *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `more`: items that the caller knows of and did not list. */
void history_end(struct history *h, int64_t more, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- reading */

/* Of the oldest event kept, and one past the newest: equal when there is none. */
int64_t history_first(const struct history *h);
int64_t history_after(const struct history *h);
/* An event in that range; valid until the next is told. */
const struct history_event *history_get(const struct history *h, int64_t sequence);

/* Memory of the events kept. */
int64_t history_bytes(const struct history *h);

/* Microseconds since the history was made. */
int64_t history_uptime_us(const struct history *h);

#endif
