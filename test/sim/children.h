/* Runs, each in a process of its own, several at a time: so that a failed assertion or a hang is a
 * result like any other.
 *
 * Owns: the shared memory in which children leave their results and count their marks. */
#ifndef SAMSA_TEST_SIM_CHILDREN_H
#define SAMSA_TEST_SIM_CHILDREN_H

#include "base/mark.h"
#include "run.h"

enum { CHILDREN_MAX = 64, CPU_SECONDS_MAX = 100 };

struct children;

struct children_options {
    int jobs; /* at a time; 0: one per core */
    bool verbose, echo;
    enum mutant mutant;
};

struct children *children_new(const struct children_options *options);
void children_free(struct children *c);

/* Start a run as soon as there is room; `ended` of one that made room is told before it returns.
 * The plan is copied. */
void children_run(struct children *c, const struct plan *plan,
                  void (*ended)(void *owner, const struct plan *plan, const struct run_result *r),
                  void *owner);

/* Until all have ended. */
void children_wait(struct children *c);

/* One run, now. */
void children_run_one(struct children *c, const struct plan *plan, struct run_result *result);

/* How often each mark was reached, by all runs so far: in the order of mark_at. */
const uint64_t *children_marks(const struct children *c);

/* The last line of a run. */
void children_print(const struct plan *plan, const struct run_result *r);

#endif
