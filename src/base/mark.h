/* Hooks for the simulator's builds (MODE=sim); in every other build they are nothing.
 *
 * MARK("text") names a rare branch: the sim suite fails when no run of it came by. Every mark that
 * is linked is known by name before it is reached.
 *
 * MUTANT(NAME) is a defect on purpose, off unless a run asks for it: `if (!MUTANT(NAME) && rule)`
 * leaves the rule out. Each is one line of mutants.def, with the invariant that must notice, and
 * `make sim-mutants` fails for one that nothing noticed. */
#ifndef SAMSA_BASE_MARK_H
#define SAMSA_BASE_MARK_H

#ifdef SAMSA_SIM

#include <stdbool.h>
#include <stdint.h>

struct mark {
    const char *name, *file;
    int line;
};

enum mutant {
    MUTANT_NONE,
#define M(id, invariant, seeds, what) MUTANT_##id,
#include "base/mutants.def"
#undef M
    MUTANTS_COUNT
};

/* Where counts go: one per mark, in the order of mark_at. NULL, the default: nowhere. */
void mark_count_into(uint64_t *counts);
int mark_total(void);
const struct mark *mark_at(int index);
void mark_reached(const struct mark *const *mark);

/* The one defect of this process. */
void mutant_choose(enum mutant id);
bool mutant_is(enum mutant id);

#define MARK(text)                                                                            \
    do {                                                                                      \
        static const struct mark mark_ = {text, __FILE__, __LINE__};                          \
        static const struct mark *const at_ __attribute__((section("marks"), used)) = &mark_; \
        mark_reached(&at_);                                                                   \
    } while (0)
#define MUTANT(id) mutant_is(MUTANT_##id)

#else

#define MARK(text) ((void)0)
#define MUTANT(id) 0

#endif
#endif
