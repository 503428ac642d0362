/* The decision whether a process is gone: what proves it, and what must never. */
#include "detector/suspicion.h"

#include "base/prng.h"
#include "test.h"

static const struct suspicion_rules rules = {.probes = 3, .interval_ms = 2};

static struct suspicion begin(int32_t addresses, bool persistent)
{
    struct suspicion s;
    struct suspicion_step step = suspicion_begin(&s, &rules, addresses, persistent);
    assert_int_equal(step.what, SUSPICION_PROBE);
    assert_int_equal(step.pause_ms, 0);
    return s;
}

/* One round in which every address answers the same. */
static struct suspicion_step round_of(struct suspicion *s, enum probe_outcome outcome)
{
    suspicion_probing(s);
    struct suspicion_step step = {0};
    for (int32_t i = 0; i < s->addresses; i++) step = suspicion_probed(s, outcome);
    return step;
}

TEST(refusals_in_a_row_by_every_address_prove_it)
{
    struct suspicion s = begin(2, true);
    for (int i = 0; i < 2; i++) {
        struct suspicion_step step = round_of(&s, PROBE_REFUSED);
        assert_int_equal(step.what, SUSPICION_PROBE);
        assert_int_equal(step.pause_ms, rules.interval_ms);
        assert_int_equal(s.state, SUSPICION_PROBING);
    }
    assert_int_equal(round_of(&s, PROBE_REFUSED).what, SUSPICION_END);
    assert_int_equal(s.state, SUSPICION_GONE);
}

TEST(a_round_is_over_when_every_address_has_answered)
{
    struct suspicion s = begin(3, true);
    suspicion_probing(&s);
    assert_int_equal(suspicion_probed(&s, PROBE_REFUSED).what, SUSPICION_WAIT);
    assert_int_equal(suspicion_probed(&s, PROBE_REFUSED).what, SUSPICION_WAIT);
    assert_int_equal(suspicion_probed(&s, PROBE_REFUSED).what, SUSPICION_PROBE);
    assert_int_equal(s.refused_in_a_row, 1);
}

/* One reset connection, a half-open peer that was reset late, a paused process: the kernel
 * accepts. */
TEST(an_accepted_connection_proves_nothing_and_the_count_starts_over)
{
    struct suspicion s = begin(1, true);
    (void)round_of(&s, PROBE_REFUSED);
    (void)round_of(&s, PROBE_REFUSED);
    assert_int_equal(round_of(&s, PROBE_ACCEPTED).what, SUSPICION_PROBE);
    assert_int_equal(s.refused_in_a_row, 0);
    (void)round_of(&s, PROBE_REFUSED);
    (void)round_of(&s, PROBE_REFUSED);
    assert_int_equal(s.state, SUSPICION_PROBING);
    (void)round_of(&s, PROBE_REFUSED);
    assert_int_equal(s.state, SUSPICION_GONE);
}

/* Another process has one of its ports, or one of its listeners is closed: it may live. */
TEST(one_address_that_is_not_refused_is_enough_for_doubt)
{
    static const enum probe_outcome doubts[] = {PROBE_ACCEPTED, PROBE_TIMED_OUT, PROBE_FAILED};
    for (size_t k = 0; k < sizeof doubts / sizeof doubts[0]; k++)
        for (int32_t at = 0; at < 3; at++) {
            struct suspicion s = begin(3, true);
            struct suspicion_step step;
            do {
                suspicion_probing(&s);
                for (int32_t i = 0; i < 3; i++)
                    step = suspicion_probed(&s, i == at ? doubts[k] : PROBE_REFUSED);
            } while (step.what == SUSPICION_PROBE);
            assert_int_equal(s.state, SUSPICION_UNPROVEN);
            assert_int_equal(s.rounds, SUSPICION_ROUNDS_MAX);
            assert_int_equal(s.doubt, doubts[k]);
        }
}

/* A full accept queue drops the SYN: the connect times out. So does a silent host. */
TEST(silence_proves_nothing_however_often)
{
    struct suspicion s = begin(1, true);
    while (round_of(&s, PROBE_TIMED_OUT).what == SUSPICION_PROBE) continue;
    assert_int_equal(s.state, SUSPICION_UNPROVEN);
}

TEST(the_pause_doubles_with_every_doubt_and_falls_back_with_a_refusal)
{
    struct suspicion s = begin(1, true);
    int64_t expected = rules.interval_ms;
    for (int i = 0; i < 15; i++) {
        expected = expected * 2 < SUSPICION_PAUSE_MS_MAX ? expected * 2 : SUSPICION_PAUSE_MS_MAX;
        assert_int_equal(round_of(&s, PROBE_ACCEPTED).pause_ms, expected);
    }
    assert_int_equal(round_of(&s, PROBE_REFUSED).pause_ms, rules.interval_ms);
}

TEST(without_evidence_the_first_doubt_ends_it)
{
    struct suspicion s = begin(2, false);
    suspicion_probing(&s);
    assert_int_equal(suspicion_probed(&s, PROBE_ACCEPTED).what, SUSPICION_WAIT);
    assert_int_equal(suspicion_probed(&s, PROBE_REFUSED).what, SUSPICION_END);
    assert_int_equal(s.state, SUSPICION_UNPROVEN);
}

TEST(evidence_that_comes_later_keeps_it_alive)
{
    struct suspicion s = begin(1, false);
    suspicion_probing(&s);
    suspicion_persist(&s);
    assert_int_equal(suspicion_probed(&s, PROBE_ACCEPTED).what, SUSPICION_PROBE);
}

TEST(a_node_that_speaks_is_cleared_in_the_middle_of_a_round)
{
    struct suspicion s = begin(2, true);
    (void)round_of(&s, PROBE_REFUSED);
    (void)round_of(&s, PROBE_REFUSED);
    suspicion_probing(&s);
    (void)suspicion_probed(&s, PROBE_REFUSED);
    suspicion_heard(&s);
    assert_int_equal(s.state, SUSPICION_CLEARED);
    suspicion_heard(&s);
    assert_int_equal(s.state, SUSPICION_CLEARED);
}

TEST(a_node_without_addresses_is_never_proved_gone)
{
    struct suspicion s;
    assert_int_equal(suspicion_begin(&s, &rules, 0, true).what, SUSPICION_END);
    assert_int_equal(s.state, SUSPICION_UNPROVEN);
}

/* Any run of outcomes: gone exactly when the last `probes` rounds were refused by all. */
TEST(only_refusals_in_a_row_ever_prove_it)
{
    struct prng p = prng_seed(7);
    for (int run = 0; run < 20000; run++) {
        struct suspicion_rules r = {.probes = (int32_t)prng_between(&p, 1, 5), .interval_ms = 2};
        struct suspicion s;
        int32_t addresses = (int32_t)prng_between(&p, 1, SUSPICION_ADDRESSES_MAX);
        struct suspicion_step step = suspicion_begin(&s, &r, addresses, prng_chance(&p, 1, 2));
        int32_t in_a_row = 0;
        while (step.what == SUSPICION_PROBE) {
            bool all = true;
            bool fair = prng_chance(&p, 1, 2);
            suspicion_probing(&s);
            for (int32_t i = 0; i < addresses; i++) {
                enum probe_outcome o =
                    fair ? PROBE_REFUSED : (enum probe_outcome)prng_below(&p, PROBE_FAILED + 1);
                all &= o == PROBE_REFUSED;
                step = suspicion_probed(&s, o);
            }
            in_a_row = all ? in_a_row + 1 : 0;
            assert_true((s.state == SUSPICION_GONE) == (in_a_row == r.probes));
            assert_true(step.pause_ms <= SUSPICION_PAUSE_MS_MAX);
        }
        assert_true(s.rounds <= SUSPICION_ROUNDS_MAX);
    }
}
