/* Early detection: a dead process is known by its connections, at once (design: fail over early).
 *
 * Whoever notices something about a node (its connection broke, its heartbeat is overdue, it was
 * the leader that a connection to broke) calls detector_suspect; whoever hears a node speak calls
 * detector_heard. In between, this connects to the node's addresses as suspicion.h tells, and says
 * `gone` when that proves the process gone. It never acts itself.
 *
 * A *subject* is a node in one role and incarnation: a broker with its broker epoch, the quorum's
 * leader with the quorum's epoch. One suspicion each; a newer epoch replaces it. At most nodes_max
 * are probed at a time, the others wait their turn.
 *
 * Owns: suspicions, their connections. Borrows: env, history. Thread: the loop's; `gone` comes from
 * the loop or inside detector_prove, never inside detector_suspect. Nothing here fails. When not
 * enabled it notes what is noticed and probes nobody. */
#ifndef SAMSA_DETECTOR_DETECTOR_H
#define SAMSA_DETECTOR_DETECTOR_H

#include "detector/suspicion.h"
#include "env/env.h"
#include "history/history.h"

struct detector;

enum detector_role { DETECTOR_BROKER, DETECTOR_LEADER };

struct detector_subject {
    enum detector_role role;
    int32_t id;
    int64_t epoch;
};

/* What was noticed. */
enum detector_evidence {
    EVIDENCE_RESET,     /* its connection was reset */
    EVIDENCE_CLOSED,    /* its connection was closed by it */
    EVIDENCE_REFUSED,   /* a connection to it was refused */
    EVIDENCE_OVERDUE,   /* it should have spoken */
    EVIDENCE_NOT_HEARD, /* a new controller has not heard of it yet: no evidence against it */
    EVIDENCE_PROVED,    /* gone in its other role a moment ago: one more refusal will do */
};

enum { DETECTOR_HOST_MAX = 256 };

struct detector_address {
    char host[DETECTOR_HOST_MAX];
    uint16_t port;
};

struct detector_config {
    bool enabled;        /* samsa.detector.enable */
    int32_t probes;      /* samsa.detector.probes */
    int64_t interval_ms; /* samsa.detector.probe.interval.ms */
    int64_t timeout_ms;  /* samsa.detector.probe.timeout.ms */
    int32_t nodes_max;   /* samsa.detector.nodes.max */
};

struct detector_events {
    void *owner;
    /* The addresses at which the cluster's own nodes reach the subject; 0: none known. */
    int32_t (*addresses)(void *owner, const struct detector_subject *subject,
                         struct detector_address *out, int32_t max);
    /* Proved. `since`: when the first evidence came; `evidence`: one line for the account. */
    void (*gone)(void *owner, const struct detector_subject *subject, struct mono_time since,
                 struct str evidence);
};

struct detector *detector_create(const struct env *env, const struct detector_config *config,
                                 const struct detector_events *events, struct history *history);
void detector_free(struct detector *d);

/* `since`: when that was noticed. Harmless to repeat: more evidence makes a suspicion persistent,
 * the first keeps the time. */
void detector_suspect(struct detector *d, const struct detector_subject *subject,
                      enum detector_evidence evidence, struct mono_time since);

/* Something else proves the subject gone, provided that there is evidence against it already (its
 * connection broke and it has not been heard since): `gone` is called at once. `how` goes into the
 * account. False: it is not suspected so. */
bool detector_prove(struct detector *d, const struct detector_subject *subject, const char *how);

/* The node spoke in this role, in whatever incarnation. */
void detector_heard(struct detector *d, enum detector_role role, int32_t id);

/* Nobody in this role concerns this node any more. */
void detector_forget(struct detector *d, enum detector_role role);

/* Suspicions under way, probed or waiting. */
int32_t detector_suspicions(const struct detector *d);

#endif
