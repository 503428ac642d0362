quorum_SOURCES := quorum.c quorum_state.c snapshot_file.c
quorum_DEPENDS := log metadata rpc
quorum_LIBS := -ljansson
