config_SOURCES := keys.c properties.c
config_DEPENDS := base
config_LIBS := -lm
