#include "detector/suspicion.h"

#include "base/assert.h"

const char *probe_outcome_text(enum probe_outcome outcome)
{
    static const char *const texts[] = {
        [PROBE_REFUSED] = "refused",
        [PROBE_ACCEPTED] = "accepted",
        [PROBE_TIMED_OUT] = "timed out",
        [PROBE_FAILED] = "failed",
    };
    PRE(outcome <= PROBE_FAILED);
    return texts[outcome];
}

static void check(const struct suspicion *s)
{
    INVARIANT(s->outstanding >= 0 && s->outstanding <= s->addresses);
    INVARIANT(s->refused_in_a_row <= s->rounds && s->rounds <= SUSPICION_ROUNDS_MAX);
    INVARIANT(IMPLIES(s->state == SUSPICION_GONE, s->refused_in_a_row == s->rules.probes));
    INVARIANT(IMPLIES(s->state == SUSPICION_GONE, s->addresses > 0));
    INVARIANT(IMPLIES(s->state == SUSPICION_PROBING, s->refused_in_a_row < s->rules.probes));
}

static struct suspicion_step end(struct suspicion *s, enum suspicion_state state)
{
    PRE(s->state == SUSPICION_PROBING);
    s->state = state;
    check(s);
    return (struct suspicion_step){SUSPICION_END, 0};
}

struct suspicion_step suspicion_begin(struct suspicion *s, const struct suspicion_rules *rules,
                                      int32_t addresses, bool persistent)
{
    PRE(rules->probes > 0 && rules->probes <= SUSPICION_ROUNDS_MAX && rules->interval_ms > 0);
    PRE(addresses >= 0 && addresses <= SUSPICION_ADDRESSES_MAX);
    *s = (struct suspicion){.rules = *rules,
                            .state = SUSPICION_PROBING,
                            .persistent = persistent,
                            .addresses = addresses,
                            .pause_ms = rules->interval_ms};
    if (addresses == 0) return end(s, SUSPICION_UNPROVEN);
    return (struct suspicion_step){SUSPICION_PROBE, 0};
}

void suspicion_persist(struct suspicion *s)
{
    s->persistent = true;
}

void suspicion_probing(struct suspicion *s)
{
    PRE(s->state == SUSPICION_PROBING && s->outstanding == 0);
    s->outstanding = s->addresses;
    s->doubted = false;
    check(s);
}

static struct suspicion_step round_refused(struct suspicion *s)
{
    s->pause_ms = s->rules.interval_ms;
    if (++s->refused_in_a_row == s->rules.probes) return end(s, SUSPICION_GONE);
    if (s->rounds == SUSPICION_ROUNDS_MAX) return end(s, SUSPICION_UNPROVEN);
    return (struct suspicion_step){SUSPICION_PROBE, s->rules.interval_ms};
}

static struct suspicion_step round_doubted(struct suspicion *s)
{
    s->refused_in_a_row = 0;
    if (!s->persistent || s->rounds == SUSPICION_ROUNDS_MAX) return end(s, SUSPICION_UNPROVEN);
    s->pause_ms *= 2;
    if (s->pause_ms > SUSPICION_PAUSE_MS_MAX) s->pause_ms = SUSPICION_PAUSE_MS_MAX;
    return (struct suspicion_step){SUSPICION_PROBE, s->pause_ms};
}

struct suspicion_step suspicion_probed(struct suspicion *s, enum probe_outcome outcome)
{
    PRE(s->state == SUSPICION_PROBING && s->outstanding > 0);
    s->outstanding--;
    if (outcome != PROBE_REFUSED) {
        s->doubted = true;
        s->doubt = outcome;
    }
    if (s->outstanding > 0) return (struct suspicion_step){SUSPICION_WAIT, 0};
    s->rounds++;
    struct suspicion_step step = s->doubted ? round_doubted(s) : round_refused(s);
    check(s);
    return step;
}

void suspicion_heard(struct suspicion *s)
{
    if (s->state != SUSPICION_PROBING) return;
    s->outstanding = 0;
    (void)end(s, SUSPICION_CLEARED);
}
