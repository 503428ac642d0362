#include "test.h"

#include "cli/reassign.h"

static struct reassignment at(const char *topic, int32_t partition, int32_t count,
                              int32_t *replicas)
{
    return (struct reassignment){.topic = str_of(topic),
                                 .partition = partition,
                                 .replicas = replicas,
                                 .replicas_count = count};
}

#define IDS(...) ((int32_t[]){__VA_ARGS__})

TEST(placing_gives_every_broker_its_share_and_no_rack_two_replicas_before_all_have_one)
{
    struct arena arena;
    arena_init(&arena, 0);
    enum { PARTITIONS = 60, BROKERS = 6 };
    struct reassign_broker brokers[BROKERS];
    for (int i = 0; i < BROKERS; i++)
        brokers[i] = (struct reassign_broker){i, i < 3 ? STR("a") : i < 5 ? STR("b") : STR("c")};
    struct reassignment items[PARTITIONS];
    for (int i = 0; i < PARTITIONS; i++) items[i] = at("t", i, 3, IDS(0, 1, 2));
    struct reassignments current = {items, PARTITIONS};
    for (int32_t start = 0; start < BROKERS; start++) {
        const char *why;
        int leads[BROKERS] = {0};
        struct reassignments *placed =
            reassign_place(&arena, &current, brokers, BROKERS, start, &why);
        assert_non_null(placed);
        for (int i = 0; i < placed->count; i++) {
            const int32_t *r = placed->items[i].replicas;
            assert_int_equal(placed->items[i].replicas_count, 3);
            leads[r[0]]++;
            for (int k = 0; k < 3; k++)
                for (int m = 0; m < k; m++)
                    assert_false(str_equal(brokers[r[k]].rack, brokers[r[m]].rack));
        }
        for (int i = 0; i < BROKERS; i++) assert_int_equal(leads[i], PARTITIONS / BROKERS);
    }
    arena_free(&arena);
}

TEST(placing_without_racks_spreads_followers_too)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct reassign_broker brokers[4];
    for (int i = 0; i < 4; i++) brokers[i] = (struct reassign_broker){i * 10, STR_NULL};
    struct reassignment items[12];
    for (int i = 0; i < 12; i++) items[i] = at("t", i, 2, IDS(0, 1));
    struct reassignments current = {items, 12};
    const char *why;
    struct reassignments *placed = reassign_place(&arena, &current, brokers, 4, 1, &why);
    int pairs[4][4] = {{0}};
    for (int i = 0; i < 12; i++)
        pairs[placed->items[i].replicas[0] / 10][placed->items[i].replicas[1] / 10]++;
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) assert_int_equal(pairs[a][b], a != b);
    arena_free(&arena);
}

TEST(placing_more_replicas_than_brokers_is_refused)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct reassign_broker brokers[] = {{1, STR_NULL}, {2, STR_NULL}};
    struct reassignment items[] = {at("t", 0, 3, IDS(0, 1, 2))};
    struct reassignments current = {items, 1};
    const char *why = NULL;
    assert_null(reassign_place(&arena, &current, brokers, 2, 0, &why));
    assert_non_null(
        strstr(why, "The target replication factor of 3 cannot be reached because only 2"));
    arena_free(&arena);
}

TEST(throttles_name_sources_as_leaders_and_newcomers_as_followers)
{
    struct arena arena;
    arena_init(&arena, 0);
    /* t-0 moves already from 1,2 to 3; the file now wants it on 4. u-10 and u-2 begin. */
    struct reassignment moving[] = {at("t", 0, 3, IDS(1, 2, 3))};
    moving[0].adding = IDS(3);
    moving[0].adding_count = 1;
    struct reassignment wanted[] = {at("t", 0, 1, IDS(4)), at("u", 2, 2, IDS(1, 5)),
                                    at("u", 10, 1, IDS(1))};
    struct reassignment now[] = {at("t", 0, 3, IDS(1, 2, 3)), at("u", 2, 2, IDS(1, 2)),
                                 at("u", 10, 1, IDS(2))};
    struct reassignments under_way = {moving, 1}, proposed = {wanted, 3}, current = {now, 3};
    int32_t count, *brokers, brokers_count;
    struct reassign_throttle *t = reassign_throttles(&arena, &under_way, &proposed, &current,
                                                     &count, &brokers, &brokers_count);
    assert_int_equal(count, 2);
    assert_true(str_equal_z(t[0].topic, "t"));
    assert_true(str_equal_z(t[0].leaders, "0:1,0:2"));
    assert_true(str_equal_z(t[0].followers, "0:4"));
    assert_true(str_equal_z(t[1].leaders, "10:2,2:1,2:2"));
    assert_true(str_equal_z(t[1].followers, "10:1,2:5"));
    assert_int_equal(brokers_count, 4);
    for (int i = 0; i < 4; i++) assert_int_equal(brokers[i], IDS(1, 2, 4, 5)[i]);
    arena_free(&arena);
}

TEST(mistakes_of_a_reassignment_are_named_in_kafkas_order)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct reassignments none = {NULL, 0};
    assert_string_equal(reassign_check(&arena, &none),
                        "Partition reassignment list cannot be empty");
    struct reassignment items[] = {at("t", 0, 0, NULL), at("t", 0, 2, IDS(1, 1))};
    struct reassignments both = {items, 2};
    assert_string_equal(reassign_check(&arena, &both), "Partition replica list cannot be empty");
    items[0] = at("t", 0, 1, IDS(1));
    assert_string_equal(reassign_check(&arena, &both),
                        "Partition reassignment contains duplicate topic partitions: t-0");
    items[0].partition = 1;
    assert_string_equal(reassign_check(&arena, &both),
                        "Partition replica lists may not contain duplicate entries: t-0 contains "
                        "multiple entries for 1");
    items[1] = at("t", 0, 2, IDS(1, 2));
    assert_null(reassign_check(&arena, &both));
    assert_string_equal(reassign_check_brokers(&arena, IDS(3, 1, 3, 1), 4),
                        "Broker list contains duplicate entries: [3, 1]");
    assert_null(reassign_check_brokers(&arena, IDS(3, 1), 2));
    arena_free(&arena);
}
