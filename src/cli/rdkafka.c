#include "cli/rdkafka.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/arena.h"
#include "cli/tool.h"
#include "config/properties.h"

void rdkafka_log_line(const char *level, const char *component, const char *format, ...)
{
    struct timeval now;
    struct tm broken;
    char time_text[32];
    gettimeofday(&now, NULL);
    localtime_r(&now.tv_sec, &broken);
    strftime(time_text, sizeof time_text, "%Y-%m-%d %H:%M:%S", &broken);
    fprintf(stderr, "[%s,%03d] %s ", time_text, (int)(now.tv_usec / 1000), level);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (%s)\n", component);
}

void rdkafka_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return;
    fprintf(stderr, "%s\n", why);
    exit(1);
}

/* Java's names for what librdkafka calls otherwise. */
static const char *translate(const char *name)
{
    static const char *const names[][2] = {
        {"fetch.max.wait.ms", "fetch.wait.max.ms"},
        {"max.partition.fetch.bytes", "max.partition.fetch.bytes"},
        {"buffer.memory", NULL},
        {"max.poll.records", NULL},
        {"key.deserializer", NULL},
        {"value.deserializer", NULL},
        {"key.serializer", NULL},
        {"value.serializer", NULL},
        {"max.block.ms", NULL},
        {"delivery.timeout.ms", "delivery.timeout.ms"},
        {"default.api.timeout.ms", NULL},
        {"group.protocol", NULL},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i][0], name) == 0) return names[i][1];
    return name;
}

static void set_java(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    const char *known = translate(name);
    char why[512] = "it has no meaning here";
    if (strcmp(name, "auto.offset.reset") == 0 && strcmp(value, "none") == 0) value = "error";
    rd_kafka_conf_res_t result =
        known ? rd_kafka_conf_set(conf, known, value, why, sizeof why) : RD_KAFKA_CONF_UNKNOWN;
    if (result == RD_KAFKA_CONF_OK) return;
    if (result == RD_KAFKA_CONF_UNKNOWN) {
        rdkafka_log_line("WARN", "samsa", "The configuration '%s' is not used by this tool", name);
        return;
    }
    fprintf(stderr, "Invalid value %s for configuration %s: %s\n", value, name, why);
    exit(1);
}

static void set_from_file(rd_kafka_conf_t *conf, const char *path)
{
    long size;
    int32_t line;
    struct arena arena;
    struct properties p;
    arena_init(&arena, 0);
    char *text = tool_read_file(path, &size);
    if (!text) {
        fprintf(stderr, "%s (%s)\n", path, strerror(errno));
        exit(1);
    }
    if (properties_parse((struct str){text, (int32_t)size}, &arena, &p, &line)) {
        fprintf(stderr, "%s:%d: Malformed \\uxxxx encoding.\n", path, line);
        exit(1);
    }
    for (int32_t i = 0; i < p.count; i++)
        set_java(conf, p.items[i].key.data, p.items[i].value.data);
    arena_free(&arena);
    free(text);
}

static void set_pairs(rd_kafka_conf_t *conf, const struct args *a, const char *option)
{
    const char *text;
    for (int32_t i = 0; (text = args_value_at(a, option, i)); i++) {
        const char *equals = strchr(text, '=');
        if (!equals) {
            fprintf(stderr, "Invalid command line properties: %s\n", text);
            exit(1);
        }
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
        set_java(conf, name, equals + 1);
    }
}

void rdkafka_set_from_args(rd_kafka_conf_t *conf, const struct args *a, const char *old_property,
                           const char *old_config)
{
    const char *file = args_renamed(a, "command-config", old_config);
    if (file) set_from_file(conf, file);
    args_renamed(a, "command-property", old_property);
    set_pairs(conf, a, old_property);
    set_pairs(conf, a, "command-property");
}

const char *args_property(const struct args *a, const char *option, const char *old_name,
                          const char *key, const char *fallback)
{
    const char *const options[] = {old_name, option};
    size_t len = strlen(key);
    const char *found = fallback;
    for (int o = 0; o < 2; o++) {
        const char *text;
        for (int32_t i = 0; (text = args_value_at(a, options[o], i)); i++)
            if (strncmp(text, key, len) == 0 && text[len] == '=') found = text + len + 1;
    }
    return found;
}

bool args_property_true(const struct args *a, const char *option, const char *old_name,
                        const char *key, bool fallback)
{
    const char *text = args_property(a, option, old_name, key, NULL);
    return text ? strcasecmp(text, "true") == 0 : fallback;
}

static void log_line(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    if (level <= 4) rdkafka_log_line(level <= 3 ? "ERROR" : "WARN", facility, "%s", text);
}

void rdkafka_log_to_stderr(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_log_cb(conf, log_line);
}
