/* Keeping to a rate: so many a second, on the average since the start. Pure but for the texts;
 * times are monotonic microseconds, given by the caller. */
#ifndef SAMSA_CLI_PACE_H
#define SAMSA_CLI_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    double rate; /* a second; negative: as fast as it goes; 0: nothing at all */
    int64_t start_us;
};

enum { PACE_FOREVER_MS = INT32_MAX };

/* How long to wait, in milliseconds, when `sent` have gone before `now_us`. Waits shorter than two
 * milliseconds are saved up. */
int32_t pace_wait_ms(const struct pace *p, int64_t sent, int64_t now_us);

/* Monotonic microseconds, and wall-clock milliseconds, of this machine. */
int64_t pace_now_us(void);
int64_t pace_wall_ms(void);

/* A double as Java prints it, for JSON: 3.0, 0.1, 1.0E10. */
const char *pace_double_text(double value, char text[64]);

#endif
