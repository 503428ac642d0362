config_SOURCES := client_metrics.c config.c connection_limits.c dynamic.c keys.c listeners.c node.c properties.c topic.c value.c
config_DEPENDS := base
config_LIBS := -lm
