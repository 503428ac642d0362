/* Followers that follow, and leaders that count them: several brokers over a simulated network. */
#include "cluster.h"

static const int32_t three[] = {1, 2, 3};

TEST(a_follower_follows)
{
    struct cluster *c = cluster_open(1, 3, NULL);
    cluster_topic(c, "t", 7, 1, three, 3);
    struct cluster_produced p = cluster_produce_wait(c, 1, "t", 0, -1, "first");
    assert_int_equal(p.error, KAFKA_NONE);
    assert_int_equal(p.base_offset, 0);
    assert_int_equal(cluster_end(c, 2, 7, 0), 1);
    assert_int_equal(cluster_end(c, 3, 7, 0), 1);
    assert_true(cluster_settles(c, cluster_partition(c, 7, 0), 2000));
    cluster_close(c);
}
