controller_SOURCES := activation.c alter_partition.c configs.c controller.c describe_cluster.c directories.c \
    elect_leaders.c election.c events.c features.c heartbeat.c partitions.c periodic.c placement.c producer_ids.c \
    reassignment.c registration.c sessions.c settings.c topics.c
controller_DEPENDS := metadata env config
controller_LIBS :=
controller_TEST_LIB := test/unit/controller/world.c
