history_SOURCES := history.c
history_DEPENDS := env
history_TEST_DEPENDS := sim
