#include "raft_world.h"
#include "test.h"

TEST(three_static_voters_elect_and_commit)
{
    struct world *w = world_of(1, 3, 2, false);
    struct node *leader = world_steady(w, 20000);
    node_append(leader, 10);
    world_steady(w, 5000);
    world_free(w);
}

TEST(a_single_voter_leads_at_once)
{
    struct world *w = world_of(1, 1, 0, false);
    assert_int_equal(raft_role(w->nodes[0].raft), RAFT_LEADER);
    assert_int_equal(raft_epoch(w->nodes[0].raft), 1);
    assert_int_equal(raft_high_watermark(w->nodes[0].raft), 1);
    world_free(w);
}

TEST(three_dynamic_voters_elect_and_commit)
{
    struct world *w = world_of(1, 3, 2, true);
    struct node *leader = world_steady(w, 20000);
    assert_int_equal(disk_end(&leader->disk), 3);
    node_append(leader, 10);
    world_steady(w, 5000);
    world_free(w);
}
