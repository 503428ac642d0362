/* Counting what kafka-producer-perf-test.sh sends: rates and latencies of a window and of all,
 * printed as Kafka's tool prints them. Times are milliseconds, given by the caller; at most
 * PERF_SAMPLES_MAX latencies are kept, evenly spread over the records. */
#ifndef SAMSA_CLI_PERF_STATS_H
#define SAMSA_CLI_PERF_STATS_H

#include <stdbool.h>
#include <stdint.h>

enum { PERF_SAMPLES_MAX = 500000 };

struct perf_stats {
    int64_t start_ms, window_start_ms, interval_ms;
    int64_t count, bytes, latency_ms_total;
    int64_t window_count, window_bytes, window_latency_ms_total;
    int32_t latency_ms_max, window_latency_ms_max;
    int64_t sampling; /* every so manieth is kept */
    int32_t *samples, samples_count, samples_max;
    bool steady; /* those after the warm-up */
    bool silent; /* windows are not printed */
};

void perf_stats_init(struct perf_stats *s, int64_t records, int64_t interval_ms, bool steady,
                     int64_t now_ms);
void perf_stats_free(struct perf_stats *s);

/* One record was acknowledged. Prints the window when it is over. */
void perf_stats_record(struct perf_stats *s, int32_t latency_ms, int64_t bytes, int64_t now_ms);

void perf_stats_print_total(struct perf_stats *s, int64_t now_ms);

struct perf_metric {
    const char *name; /* "producer-metrics:record-send-total:{client-id=x}" */
    int64_t value;
};

/* The table of --print-metrics. The metrics are in the order of their names. */
void perf_metrics_print(const struct perf_metric *metrics, int count);

#endif
