/* One suspicion: is the process of a node gone? A pure core: evidence in, a step out.
 *
 *                         ┌─ all refused, not often enough: again after interval_ms
 *                         v                                                 │
 *   suspicion_begin ─> PROBING ── all addresses refused ────────────────────┘
 *                       │ │ ^ │     `probes` times in a row ──────────────────> GONE
 *                       │ │ │ └─ anything else, persistent: the count starts over,
 *                       │ │ └──── the pause doubles, up to PAUSE_MS_MAX
 *                       │ └── anything else, not persistent; ROUNDS_MAX; no address ──> UNPROVEN
 *                       └── suspicion_heard: the node spoke ──> CLEARED
 *
 * Only a *refusal* counts, by every address that the cluster's own nodes reach the node at, several
 * times in a row: its host is there and answers that nobody listens. Everything else proves nothing
 * and leaves the decision to the session or the fetch timeout:
 *
 *   accepted     a process listens: this one (a reset connection, a paused process, whose kernel
 *                accepts for it), or another that has the port now
 *   timed out    a full accept queue (Linux drops the SYN), a silent host, a cut network
 *   failed       no route, no name, no descriptors
 *
 * A process that restarts refuses for a moment: it *is* gone, and its successor registers as
 * another incarnation, which a verdict about this one does not touch. Owns nothing, knows no clock.
 */
#ifndef SAMSA_DETECTOR_SUSPICION_H
#define SAMSA_DETECTOR_SUSPICION_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SUSPICION_ADDRESSES_MAX = 8,
    SUSPICION_ROUNDS_MAX = 32, /* with the pauses: some twenty seconds, longer than a session */
    SUSPICION_PAUSE_MS_MAX = 1000,
};

enum suspicion_state {
    SUSPICION_PROBING,
    SUSPICION_GONE,
    SUSPICION_UNPROVEN,
    SUSPICION_CLEARED,
};

enum probe_outcome { PROBE_REFUSED, PROBE_ACCEPTED, PROBE_TIMED_OUT, PROBE_FAILED };

const char *probe_outcome_text(enum probe_outcome outcome);

struct suspicion_rules {
    int32_t probes;      /* refused rounds in a row that prove it */
    int64_t interval_ms; /* between them */
};

struct suspicion {
    struct suspicion_rules rules;
    enum suspicion_state state;
    bool persistent;   /* there is evidence against the node: do not end at the first doubt */
    int32_t addresses; /* probed at once in each round */
    int32_t outstanding;
    bool doubted;             /* something in this round was not refused */
    enum probe_outcome doubt; /* the last such thing */
    int32_t rounds;           /* finished */
    int32_t refused_in_a_row; /* rounds */
    int64_t pause_ms;         /* after a doubt */
};

enum suspicion_what {
    SUSPICION_WAIT,  /* for the other outcomes of the round */
    SUSPICION_PROBE, /* every address, after pause_ms; then suspicion_probing */
    SUSPICION_END,   /* state says how */
};

struct suspicion_step {
    enum suspicion_what what;
    int64_t pause_ms;
};

/* Begin. No address: ends UNPROVEN at once. */
struct suspicion_step suspicion_begin(struct suspicion *s, const struct suspicion_rules *rules,
                                      int32_t addresses, bool persistent);

/* There is more evidence: from now on persistent. */
void suspicion_persist(struct suspicion *s);

/* A round has begun: one outcome for each address is to come. */
void suspicion_probing(struct suspicion *s);

struct suspicion_step suspicion_probed(struct suspicion *s, enum probe_outcome outcome);

/* The node spoke: in the incarnation that is suspected, or as another. Outcomes that are still to
 * come are not to be told any more. */
void suspicion_heard(struct suspicion *s);

#endif
