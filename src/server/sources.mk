server_SOURCES := account.c controller_apis.c controller_registration.c directories.c envelope.c node.c \
                  node_feeds.c node_quorum.c own_apis.c server.c watch.c
server_DEPENDS := broker detector os
server_ALLOW :=
server_TEST_LIB := test/lib/heap_count.c test/unit/server/node_world.c
server_TEST_DEPENDS := sim
