#include "cli/pace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS_MIN = 2 };

int32_t pace_wait_ms(const struct pace *p, int64_t sent, int64_t now_us)
{
    if (p->rate < 0) return 0;
    if (p->rate == 0) return PACE_FOREVER_MS;
    double early_ms = (double)sent / p->rate * 1000 - (double)(now_us - p->start_us) / 1000;
    if (early_ms < WAIT_MS_MIN) return 0;
    return early_ms < PACE_FOREVER_MS ? (int32_t)early_ms : PACE_FOREVER_MS;
}

int64_t pace_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t pace_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The fewest digits that read back as the same number. */
const char *pace_double_text(double value, char text[64])
{
    if (isnan(value) || isinf(value)) return isnan(value) ? "\"NaN\"" : "\"Infinity\"";
    char digits[40];
    int precision = 0;
    do snprintf(digits, sizeof digits, "%.*e", precision, value);
    while (strtod(digits, NULL) != value && ++precision < 17);
    int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
    double size = fabs(value);
    if (size != 0 && (size < 1e-3 || size >= 1e7)) {
        *strchr(digits, 'e') = 0;
        snprintf(text, 64, "%s%sE%d", digits, precision ? "" : ".0", exponent);
    } else {
        int decimals = precision - exponent;
        snprintf(text, 64, "%.*f", decimals > 1 ? decimals : 1, value);
    }
    return text;
}
