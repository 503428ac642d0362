raft_SOURCES := answers.c fetch.c follower.c leader.c membership.c messages.c raft.c role.c vote.c voters.c
raft_DEPENDS := protocol
raft_TEST_LIB := test/unit/raft/raft_world.c
