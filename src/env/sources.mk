env_SOURCES := disk.c rng.c trace.c
env_DEPENDS := base
