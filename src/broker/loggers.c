#include "broker/loggers.h"

enum kafka_error logger_check(struct str logger, int8_t operation, struct str level,
                              struct arena *arena, struct str *why)
{
    bool removes = operation == LOGGER_DELETE;
    *why = STR_NULL;
    if (operation == LOGGER_APPEND || operation == LOGGER_SUBTRACT) {
        *why = arena_printf(arena, "%s operation is not allowed for the BROKER_LOGGER resource",
                            operation == LOGGER_APPEND ? "APPEND" : "SUBTRACT");
        return KAFKA_INVALID_REQUEST;
    }
    if (operation != LOGGER_SET && !removes) {
        *why = arena_printf(arena, "Unknown operation type %d", operation);
        return KAFKA_INVALID_REQUEST;
    }
    if (!str_equal_z(logger, LOGGER_ROOT)) {
        *why = arena_printf(arena, "Logger %.*s does not exist!", STR_ARG(logger));
        return KAFKA_INVALID_CONFIG;
    }
    if (removes) {
        *why = STR("Removing the log level of the root logger is not allowed");
        return KAFKA_INVALID_REQUEST;
    }
    enum trace_level found;
    if (trace_level_find(level, &found)) return KAFKA_NONE;
    *why = arena_printf(arena,
                        "Cannot set the log level of %.*s to %.*s as it is not a supported log "
                        "level. Valid log levels are DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
                        STR_ARG(logger), STR_ARG(level));
    return KAFKA_INVALID_CONFIG;
}

void logger_set(struct trace *trace, struct str level)
{
    enum trace_level to = TRACE_INFO;
    bool known = trace_level_find(level, &to);
    PRE(known);
    trace_info(trace, "org.apache.kafka.server.logger.LoggingController",
               "The log has lines of level %s and above from now on", trace_level_name(to));
    trace->level = to;
}
