#include "test.h"

#include "cli/coordinator_format.h"
#include "cli/pace.h"
#include "cli/perf_stats.h"

TEST(a_rate_is_kept_on_the_average_and_short_waits_are_saved_up)
{
    struct pace p = {.rate = 1000, .start_us = 5000000};
    assert_int_equal(pace_wait_ms(&p, 1, 5000000), 0); /* a millisecond early: not worth it */
    assert_int_equal(pace_wait_ms(&p, 100, 5000000), 100);
    assert_int_equal(pace_wait_ms(&p, 100, 5050000), 50);
    assert_int_equal(pace_wait_ms(&p, 100, 6000000), 0); /* late */
    p.rate = -1;
    assert_int_equal(pace_wait_ms(&p, 1000000, 5000000), 0);
    p.rate = 0;
    assert_int_equal(pace_wait_ms(&p, 0, 5000000), PACE_FOREVER_MS);
}

TEST(doubles_read_as_javas)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0.0"},
                 {3, "3.0"},
                 {0.1, "0.1"},
                 {47.61904761904762, "47.61904761904762"},
                 {0.001, "0.001"},
                 {0.0001, "1.0E-4"},
                 {1234567.5, "1234567.5"},
                 {12345678, "1.2345678E7"},
                 {1e10, "1.0E10"},
                 {-2.5, "-2.5"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        assert_string_equal(pace_double_text(cases[i].value, text), cases[i].text);
    }
}

TEST(statistics_keep_at_most_their_samples_and_never_more_than_there_is_room_for)
{
    struct perf_stats s;
    perf_stats_init(&s, PERF_SAMPLES_MAX * 3, 1000000, false, 0);
    s.silent = true;
    for (int64_t i = 0; i < PERF_SAMPLES_MAX * 3 + 10; i++) perf_stats_record(&s, 7, 100, 5);
    assert_int_equal(s.sampling, 3);
    assert_true(s.samples_count <= s.samples_max);
    assert_int_equal(s.samples_max, PERF_SAMPLES_MAX + 1);
    assert_int_equal(s.count, PERF_SAMPLES_MAX * 3 + 10);
    assert_int_equal(s.latency_ms_max, 7);
    perf_stats_free(&s);
    perf_stats_init(&s, 1, 1000000, false, 0);
    for (int i = 0; i < 9; i++) perf_stats_record(&s, i, 1, 5);
    assert_int_equal(s.samples_count, 2); /* one, and one to spare */
    perf_stats_free(&s);
}

#define BYTES(...)                                  \
    ((struct bytes){(const uint8_t[]){__VA_ARGS__}, \
                    (int64_t)sizeof((const uint8_t[]){__VA_ARGS__})})

TEST(records_of_coordinators_that_cannot_be_read_are_told_and_other_kinds_passed_over)
{
    struct arena arena;
    arena_init(&arena, 0);
    enum coordinator_format f =
        coordinator_format_of("org.apache.kafka.tools.consumer.OffsetsMessageFormatter");
    assert_int_equal(f, COORDINATOR_OFFSETS);
    assert_int_equal(coordinator_format_of("Offsets"), COORDINATOR_NONE);
    struct bytes null = {NULL, -1};
    assert_null(coordinator_format_print(f, null, null, &arena));
    assert_string_equal(coordinator_format_print(f, BYTES(1), null, &arena),
                        "Could not read version from key's buffer.");
    assert_null(coordinator_format_print(f, BYTES(0x6b, '0'), null, &arena));   /* no such kind */
    assert_non_null(coordinator_format_print(f, BYTES(0, 1, 0), null, &arena)); /* cut off */
    /* an offset of group g, topic t, partition 0, with a value that is cut off */
    struct bytes key = BYTES(0, 1, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 0);
    assert_string_equal(coordinator_format_print(f, key, BYTES(0), &arena),
                        "Could not read version from value's buffer.");
    assert_string_equal(coordinator_format_print(f, key, BYTES(0, 3, 0), &arena),
                        "Could not read record with version 3 from value's buffer");
    arena_free(&arena);
}
