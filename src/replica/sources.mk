replica_SOURCES := fetch_session.c fetcher.c fetchers.c follower_session.c following.c lease.c moving.c \
                   partition.c placement.c purgatory.c replica.c replica_follow.c replica_manager.c \
                   replica_moves.c throttle.c
replica_DEPENDS := log metadata rpc config protocol
replica_TEST_DEPENDS := sim
replica_TEST_LIB := test/unit/replica/moves_world.c
