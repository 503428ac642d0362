#include "cli/perf_stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB (1024.0 * 1024.0)

void perf_stats_init(struct perf_stats *s, int64_t records, int64_t interval_ms, bool steady,
                     int64_t now_ms)
{
    *s = (struct perf_stats){.start_ms = now_ms,
                             .window_start_ms = now_ms,
                             .interval_ms = interval_ms,
                             .steady = steady,
                             .sampling =
                                 records <= PERF_SAMPLES_MAX ? 1 : records / PERF_SAMPLES_MAX};
    s->samples_max = (int32_t)(records / s->sampling) + 1;
    s->samples = calloc((size_t)s->samples_max, sizeof *s->samples);
    if (!s->samples) abort();
}

void perf_stats_free(struct perf_stats *s)
{
    free(s->samples);
}

static void end_window(struct perf_stats *s, int64_t now_ms)
{
    double elapsed_ms = (double)(now_ms - s->window_start_ms);
    if (s->steady && s->count == s->window_count) printf("In steady state.\n");
    if (!s->silent)
        printf(
            "%lld records sent, %.1f records/sec (%.2f MB/sec), %.1f ms avg latency, %.1f ms max "
            "latency.\n",
            (long long)s->window_count, 1000.0 * (double)s->window_count / elapsed_ms,
            1000.0 * (double)s->window_bytes / elapsed_ms / MB,
            (double)s->window_latency_ms_total / (double)s->window_count,
            (double)s->window_latency_ms_max);
    fflush(stdout);
    s->window_start_ms = now_ms;
    s->window_count = s->window_bytes = s->window_latency_ms_total = 0;
    s->window_latency_ms_max = 0;
}

void perf_stats_record(struct perf_stats *s, int32_t latency_ms, int64_t bytes, int64_t now_ms)
{
    if (s->count % s->sampling == 0 && s->samples_count < s->samples_max)
        s->samples[s->samples_count++] = latency_ms;
    s->count++;
    s->bytes += bytes;
    s->latency_ms_total += latency_ms;
    if (latency_ms > s->latency_ms_max) s->latency_ms_max = latency_ms;
    s->window_count++;
    s->window_bytes += bytes;
    s->window_latency_ms_total += latency_ms;
    if (latency_ms > s->window_latency_ms_max) s->window_latency_ms_max = latency_ms;
    if (now_ms - s->window_start_ms >= s->interval_ms) end_window(s, now_ms);
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* As Java prints it: what took no millisecond was infinitely quick, the mean of nothing is none. */
static const char *decimal(char text[64], int places, double number)
{
    if (isinf(number)) return "Infinity";
    if (isnan(number)) return "NaN";
    snprintf(text, 64, "%.*f", places, number);
    return text;
}

void perf_stats_print_total(struct perf_stats *s, int64_t now_ms)
{
    static const double percentiles[] = {0.5, 0.95, 0.99, 0.999};
    int32_t values[4];
    double elapsed_ms = (double)(now_ms - s->start_ms);
    qsort(s->samples, (size_t)s->samples_count, sizeof *s->samples, by_number);
    for (int i = 0; i < 4; i++)
        values[i] = s->samples[(int32_t)(percentiles[i] * s->samples_count)];
    char records[64], megabytes[64], latency[64];
    printf("%lld%s records sent, %s records/sec (%s MB/sec), %s ms avg latency, %.2f ms max "
           "latency, "
           "%d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n",
           (long long)s->count, s->steady ? " steady state" : "",
           decimal(records, 6, 1000.0 * (double)s->count / elapsed_ms),
           decimal(megabytes, 2, 1000.0 * (double)s->bytes / elapsed_ms / MB),
           decimal(latency, 2, (double)s->latency_ms_total / (double)s->count),
           (double)s->latency_ms_max, values[0], values[1], values[2], values[3]);
}

void perf_metrics_print(const struct perf_metric *metrics, int count)
{
    int width = 0;
    for (int i = 0; i < count; i++) {
        int len = (int)strlen(metrics[i].name);
        if (len > width) width = len;
    }
    printf("\n%-*s   %s\n", width, "Metric Name", "Value");
    for (int i = 0; i < count; i++)
        printf("%-*s : %.3f\n", width, metrics[i].name, (double)metrics[i].value);
}
