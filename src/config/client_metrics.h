/* What clients are to tell of themselves (KIP-714): the three keys of a CLIENT_METRICS resource, a
 * subscription. They are kept and described; no client is asked yet. Pure; memory is the
 * arena's. */
#ifndef SAMSA_CONFIG_CLIENT_METRICS_H
#define SAMSA_CONFIG_CLIENT_METRICS_H

#include "config/config.h"

enum { CLIENT_METRICS_KEYS = 3 };

/* DescribeConfigs: every key, sorted by name. */
void config_describe_client_metrics(const struct config_pair *overrides, int32_t count,
                                    struct arena *arena,
                                    struct config_described out[CLIENT_METRICS_KEYS]);

enum client_metrics_fault {
    CLIENT_METRICS_FINE,
    CLIENT_METRICS_REQUEST, /* Kafka answers INVALID_REQUEST */
    CLIENT_METRICS_CONFIG,  /* INVALID_CONFIG */
};

/* Java's pattern in `match` is judged by its brackets alone. `error` says why. */
enum client_metrics_fault config_check_client_metrics(const struct config_pair *pairs,
                                                      int32_t count, struct config_error *error);

#endif
