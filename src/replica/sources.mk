replica_SOURCES := partition.c
replica_DEPENDS := log metadata rpc config protocol
