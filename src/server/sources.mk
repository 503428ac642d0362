server_SOURCES := controller_apis.c directories.c envelope.c node.c server.c
server_DEPENDS := broker os
server_ALLOW :=
server_TEST_LIB := test/lib/heap_count.c
