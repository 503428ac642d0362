/* Fail the first operation, then the second, … until the body runs without meeting the fault.
 *
 *     SIM_FAULT_LOOP(loop)
 *     {
 *         struct sim *s = sim_new(1);
 *         struct env *env = sim_node_env(s, "n");
 *         … prepare …
 *         sim_fault_arm(&loop, sim_node(s, "n"), SIM_ANY, ERR_IO);
 *         … what must survive any one failure …
 *         sim_fault_done(&loop, sim_node(s, "n"));
 *         … check what is left …
 *         sim_free(s);
 *     }
 *
 * So every error branch of the body is reached. sim_budget_arm does the same with a full disk, byte
 * by byte (or in larger steps). The loop ends with the first run that is clean, and fails the test
 * when that was the first, for then there was nothing to fail. */
#ifndef SAMSA_TEST_LIB_SIM_FAULT_LOOP_H
#define SAMSA_TEST_LIB_SIM_FAULT_LOOP_H

#include "env/sim/sim.h"
#include "test.h"

enum { SIM_FAULT_LOOP_MAX = 100000 };

struct sim_fault_loop {
    int64_t n;      /* which operation fails in this round */
    int64_t failed; /* faults met before this round armed its own */
    bool hit;       /* in this round */
    bool armed;
};

static inline void sim_fault_arm(struct sim_fault_loop *loop, struct sim_node *node, unsigned ops,
                                 enum err e)
{
    loop->failed = sim_disk_failed(node);
    loop->armed = true;
    sim_disk_fail(node, ops, loop->n, e, false);
}

/* As sim_fault_arm, but every operation from the n-th on fails: the disk is gone. */
static inline void sim_fault_arm_for_ever(struct sim_fault_loop *loop, struct sim_node *node,
                                          unsigned ops, enum err e)
{
    loop->failed = sim_disk_failed(node);
    loop->armed = true;
    sim_disk_fail(node, ops, loop->n, e, true);
}

/* The body is over: no more faults, so that what is left can be checked. */
static inline void sim_fault_done(struct sim_fault_loop *loop, struct sim_node *node)
{
    loop->hit = sim_disk_failed(node) > loop->failed;
    sim_disk_fail(node, SIM_ANY, 0, ERR_OK, false);
}

/* The disk has room for (n - 1) * step more bytes. The body says itself whether it met NO_SPACE. */
static inline void sim_budget_arm(struct sim_fault_loop *loop, struct sim_node *node, int64_t step)
{
    loop->armed = true;
    sim_disk_budget(node, sim_disk_used(node) + (loop->n - 1) * step);
}

static inline void sim_budget_done(struct sim_fault_loop *loop, struct sim_node *node, bool hit)
{
    loop->hit = hit;
    sim_disk_budget(node, -1);
}

static inline bool sim_fault_loop_next(struct sim_fault_loop *loop)
{
    if (loop->n > 0) {
        assert_true(loop->armed);
        if (!loop->hit) {
            assert_true(loop->n > 1); /* else nothing was ever failed */
            return false;
        }
        assert_true(loop->n < SIM_FAULT_LOOP_MAX);
    }
    *loop = (struct sim_fault_loop){.n = loop->n + 1};
    return true;
}

#define SIM_FAULT_LOOP(loop) \
    for (struct sim_fault_loop loop = {.n = 0}; sim_fault_loop_next(&loop);)

#endif
