/* One run of one plan: begin, disturb, heal, demand that all is well, read everything back. */
#ifndef SAMSA_TEST_SIM_RUN_H
#define SAMSA_TEST_SIM_RUN_H

#include "cluster.h"

struct run_result {
    char broken[BROKEN_BYTES]; /* "": ok; else the invariant, a colon, and how */
    int64_t events, virtual_ms;
    uint64_t hash;
    int64_t acked, committed, read; /* values; values; batches */
    int32_t actions_done, actions_spared;
    int64_t elections, isr_changes, restarts, rebalances, commits;
};

/* verbose: the short log to standard output. echo: every line of every node's own trace. Aborts
 * when an assertion of the cluster's fails: call it in a process of its own. */
void run_plan(const struct plan *plan, bool verbose, bool echo, struct run_result *result);

#endif
