#include "cli/java_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { UNBOUNDED = INT32_MIN };

static const struct {
    const char *name;
    bool is_long;
    int32_t min; /* UNBOUNDED: none */
} numbers[] = {
    {"auto.commit.interval.ms", false, 0},
    {"batch.size", false, 0},
    {"buffer.memory", true, 0},
    {"default.api.timeout.ms", false, 0},
    {"delivery.timeout.ms", false, 0},
    {"fetch.max.bytes", false, 0},
    {"fetch.max.wait.ms", false, 0},
    {"fetch.min.bytes", false, 0},
    {"heartbeat.interval.ms", false, UNBOUNDED},
    {"linger.ms", true, 0},
    {"max.block.ms", true, 0},
    {"max.in.flight.requests.per.connection", false, 1},
    {"max.partition.fetch.bytes", false, 0},
    {"max.poll.interval.ms", false, 1},
    {"max.poll.records", false, 1},
    {"max.request.size", false, 0},
    {"metadata.max.age.ms", true, 0},
    {"receive.buffer.bytes", false, -1},
    {"reconnect.backoff.max.ms", true, 0},
    {"reconnect.backoff.ms", true, 0},
    {"request.timeout.ms", false, 0},
    {"retries", false, 0},
    {"retry.backoff.ms", true, 0},
    {"send.buffer.bytes", false, -1},
    {"session.timeout.ms", false, UNBOUNDED},
    {"transaction.timeout.ms", false, UNBOUNDED},
};

static const struct {
    const char *name, *values; /* as Java lists them */
} choices[] = {
    {"acks", "all, -1, 0, 1"},
    {"compression.type", "none, gzip, snappy, lz4, zstd"},
    {"isolation.level", "read_committed, read_uncommitted"},
};

static const char *const flags[] = {"allow.auto.create.topics", "check.crcs", "enable.auto.commit",
                                    "enable.idempotence", "exclude.internal.topics"};

static const char *number_wrong(const char *value, bool is_long, int32_t min, char why[64])
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    while (*end == ' ') end++;
    bool read = end != value && !*end && !errno &&
                (is_long || (number >= INT32_MIN && number <= INT32_MAX));
    if (!read)
        snprintf(why, 64, "Not a number of type %s", is_long ? "LONG" : "INT");
    else if (min != UNBOUNDED && number < min)
        snprintf(why, 64, "Value must be at least %d", min);
    else
        return NULL;
    return why;
}

static bool is_listed(const char *list, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = list; *at;) {
        size_t item = strcspn(at, ",");
        if (item == len && strncmp(at, value, len) == 0) return true;
        at += item;
        at += strspn(at, ", ");
    }
    return false;
}

static const char *reset_wrong(const char *value, char why[256])
{
    int64_t ms;
    if (is_listed("earliest, latest, none", value) || java_config_by_duration(value, &ms))
        return NULL;
    snprintf(why, 256,
             "Invalid value `%.64s` for configuration auto.offset.reset. The value must be either "
             "'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'.",
             value);
    return why;
}

const char *java_config_wrong(const char *name, const char *value, char text[JAVA_CONFIG_TEXT_MAX])
{
    char room[256];
    const char *why = NULL;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(numbers[i].name, name) == 0)
            why = number_wrong(value, numbers[i].is_long, numbers[i].min, room);
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (strcmp(choices[i].name, name) == 0 && !is_listed(choices[i].values, value)) {
            snprintf(room, sizeof room, "String must be one of: %s", choices[i].values);
            why = room;
        }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(flags[i], name) == 0 && strcasecmp(value, "true") != 0 &&
            strcasecmp(value, "false") != 0)
            why = "Expected value to be either true or false";
    if (strcmp(name, "auto.offset.reset") == 0) why = reset_wrong(value, room);
    if (!why) return NULL;
    snprintf(text, JAVA_CONFIG_TEXT_MAX, "Invalid value %.128s for configuration %s: %s", value,
             name, why);
    return text;
}

bool java_config_by_duration(const char *value, int64_t *ms)
{
    static const char prefix[] = "by_duration:";
    return strncasecmp(value, prefix, sizeof prefix - 1) == 0 &&
           java_config_duration(value + sizeof prefix - 1, ms) && *ms >= 0;
}

/* "[-+]digits" and a unit's letter; false, and *at stays, when that is not what stands there. Of
 * seconds (`fraction` is not NULL) up to nine digits may stand behind a point or a comma. */
static bool take_part(const char **at, char letter, int64_t *number, int64_t *fraction)
{
    const char *sign = *at, *digits = sign + (*sign == '-' || *sign == '+');
    const char *end = digits + strspn(digits, "0123456789");
    int64_t thousandths = 0;
    if (end == digits || end - digits > 12) return false;
    if (fraction && (*end == '.' || *end == ',')) {
        size_t len = strspn(end + 1, "0123456789");
        if (len > 9) return false;
        for (size_t i = 0; i < 3; i++)
            thousandths = thousandths * 10 + (i < len ? end[1 + i] - '0' : 0);
        end += 1 + len;
    }
    if (toupper((unsigned char)*end) != letter) return false;
    *number = strtoll(sign, NULL, 10);
    if (fraction) *fraction = *sign == '-' ? -thousandths : thousandths;
    *at = end + 1;
    return true;
}

bool java_config_duration(const char *text, int64_t *ms)
{
    int64_t days = 0, hours = 0, minutes = 0, seconds = 0, fraction = 0;
    bool negative = *text == '-', any, any_of_time = false;
    const char *at = text + (*text == '-' || *text == '+');
    if (toupper((unsigned char)*at++) != 'P') return false;
    any = take_part(&at, 'D', &days, NULL);
    if (toupper((unsigned char)*at) == 'T') {
        at++;
        any_of_time |= take_part(&at, 'H', &hours, NULL);
        any_of_time |= take_part(&at, 'M', &minutes, NULL);
        any_of_time |= take_part(&at, 'S', &seconds, &fraction);
        if (!any_of_time) return false;
    }
    *ms = ((days * 24 + hours) * 60 + minutes) * 60000 + seconds * 1000 + fraction;
    if (negative) *ms = -*ms;
    return !*at && (any || any_of_time);
}
