env_SOURCES := disk.c rng.c schedule.c trace.c
env_DEPENDS := base
env_TEST_DEPENDS := os sim
env_TEST_LIB := test/unit/env/world.c
