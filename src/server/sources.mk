server_SOURCES := account.c controller_apis.c directories.c envelope.c node.c own_apis.c server.c watch.c
server_DEPENDS := broker detector os
server_ALLOW :=
server_TEST_LIB := test/lib/heap_count.c
server_TEST_DEPENDS := sim
