#include "base/mark.h"

#ifdef SAMSA_SIM

/* The linker gathers every mark between these. */
extern const struct mark *const __start_marks[] __attribute__((weak));
extern const struct mark *const __stop_marks[] __attribute__((weak));

/* A simulated run is one process with one thread, and the hooks reach no context: so these two are
 * global, in this build only. */
static uint64_t *counts_to;
static enum mutant chosen;

void mark_count_into(uint64_t *counts)
{
    counts_to = counts;
}

int mark_total(void)
{
    return (int)(__stop_marks - __start_marks);
}

const struct mark *mark_at(int index)
{
    return __start_marks[index];
}

void mark_reached(const struct mark *const *mark)
{
    if (counts_to) counts_to[mark - __start_marks]++;
}

void mutant_choose(enum mutant id)
{
    chosen = id;
}

bool mutant_is(enum mutant id)
{
    return chosen == id;
}

#endif
