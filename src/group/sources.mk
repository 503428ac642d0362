group_SOURCES := coordinator.c coordinator_groups.c coordinator_offsets.c erase.c group.c hash.c members.c \
    offsets.c rebalance.c records.c replay.c settings.c shard.c
group_DEPENDS := rsm metadata config
group_TEST_DEPENDS := sim
