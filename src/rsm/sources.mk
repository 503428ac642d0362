rsm_SOURCES := shard.c
rsm_DEPENDS := env protocol log
rsm_TEST_DEPENDS := sim
