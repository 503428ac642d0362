quorum_SOURCES := append.c describe.c feed.c fetch_handlers.c fetched_snapshot.c handlers.c messages.c \
                  peers.c quorum.c quorum_state.c recovery.c snapshot_file.c snapshots.c voter_handlers.c
quorum_DEPENDS := raft log metadata rpc history
quorum_LIBS := -ljansson
quorum_TEST_DEPENDS := sim
quorum_TEST_LIB := test/unit/quorum/quorum_world.c
