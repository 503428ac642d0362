replica_SOURCES := fetch_session.c partition.c purgatory.c replica.c replica_manager.c
replica_DEPENDS := log metadata rpc config protocol
replica_TEST_DEPENDS := sim
