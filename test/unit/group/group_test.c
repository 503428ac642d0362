/* The rules of a classic group, one by one (broker.md 5.1). */
#include "probe.h"

/* ---- joining an empty group */

TEST(a_new_dynamic_member_is_given_an_id_and_asked_to_come_back)
{
    struct bench b;
    struct probe p;
    bench_init(&b);
    bench_join(&b, &p, (struct joining){.created = true});
    assert_int_equal(p.error, KAFKA_MEMBER_ID_REQUIRED);
    assert_int_equal(strncmp(p.member_id, "client-", 7), 0);
    assert_int_equal(strlen(p.member_id), 7 + 36);
    assert_int_equal(b.group->state, GROUP_EMPTY);
    assert_int_equal(b.writes_count, 1); /* the group exists for the next leader too */
    bench_free(&b);
}

TEST(the_longest_name_of_an_instance_leaves_room_for_what_makes_a_member_id)
{
    static char name[INT16_MAX + 1];
    memset(name, 'i', INT16_MAX);
    struct bench b;
    struct probe p;
    bench_init(&b);
    bench_join(&b, &p, (struct joining){.created = true, .instance = name});
    bench_pass(&b, 3000);
    assert_int_equal(p.error, KAFKA_NONE);
    assert_int_equal(p.member_id_len, INT16_MAX);
    bench_free(&b);
}

TEST(before_version_4_a_new_member_is_taken_at_once)
{
    struct bench b;
    struct probe p;
    bench_init(&b);
    bench_join(&b, &p, (struct joining){.version = 3});
    assert_int_equal(p.answers, 0);
    assert_int_equal(b.group->members_count, 1);
    assert_int_equal(b.group->state, GROUP_PREPARING);
    bench_pass(&b, 3000);
    assert_int_equal(p.answers, 1);
    assert_int_equal(p.generation, 1);
    bench_free(&b);
}

TEST(a_given_id_is_forgotten_after_a_session_timeout)
{
    struct bench b;
    struct probe p;
    char member[TEXT_MAX];
    bench_init(&b);
    bench_join(&b, &p, (struct joining){.session_ms = 500});
    snprintf(member, sizeof member, "%s", p.member_id);
    bench_pass(&b, 501);
    bench_join(&b, &p, (struct joining){.member = member});
    assert_int_equal(p.error, KAFKA_UNKNOWN_MEMBER_ID);
    bench_free(&b);
}

TEST(an_unknown_member_id_is_refused)
{
    struct bench b;
    struct probe p;
    bench_init(&b);
    bench_join(&b, &p, (struct joining){.member = "who"});
    assert_int_equal(p.error, KAFKA_UNKNOWN_MEMBER_ID);
    assert_string_equal(p.member_id, "who");
    bench_free(&b);
}

TEST(a_member_without_protocols_or_type_is_refused)
{
    struct bench b;
    struct probe p;
    bench_init(&b);
    bench_join(&b, &p, (struct joining){.protocols = ""});
    assert_int_equal(p.error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    bench_join(&b, &p, (struct joining){.type = ""});
    assert_int_equal(p.error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    bench_free(&b);
}

TEST(the_first_rebalance_waits_for_members_that_start_together)
{
    struct bench b;
    struct probe one, two;
    char a[TEXT_MAX], c[TEXT_MAX];
    bench_init(&b);
    bench_join_dynamic(&b, &one, a, (struct joining){0});
    bench_pass(&b, 2000);
    bench_join_dynamic(&b, &two, c, (struct joining){0});
    bench_pass(&b, 1500); /* 3.5 s: the delay was extended by the second */
    assert_int_equal(one.answers, 0);
    bench_pass(&b, 2500); /* 6 s: nobody else came */
    assert_int_equal(one.answers, 1);
    assert_int_equal(two.answers, 1);
    assert_int_equal(one.generation, 1);
    assert_int_equal(one.members, 2); /* only the leader hears of all */
    assert_int_equal(two.members, 0);
    assert_string_equal(two.leader, a);
    assert_int_equal(b.group->state, GROUP_COMPLETING);
    bench_free(&b);
}

TEST(the_first_wait_ends_at_the_rebalance_timeout_however_many_come)
{
    struct bench b;
    struct probe probes[9];
    char member[TEXT_MAX];
    bench_init(&b);
    for (int i = 0; i < 9; i++) {
        bench_join_dynamic(&b, &probes[i], member, (struct joining){.rebalance_ms = 7000});
        bench_pass(&b, 1000);
    }
    assert_int_equal(probes[0].answers, 1);
    assert_int_equal(probes[6].answers, 1);
    assert_int_equal(probes[0].generation, 1);
    bench_free(&b);
}

TEST(with_no_initial_delay_the_first_member_is_answered_in_the_next_turn)
{
    struct bench b;
    struct probe p;
    char member[TEXT_MAX];
    bench_init(&b);
    b.settings.initial_rebalance_delay_ms = 0;
    bench_join_dynamic(&b, &p, member, (struct joining){0});
    bench_pass(&b, 1);
    assert_int_equal(p.answers, 1);
    bench_free(&b);
}

TEST(the_parked_join_of_a_new_member_ends_after_five_minutes)
{
    struct bench b;
    struct probe one, two;
    char first[TEXT_MAX], second[TEXT_MAX], third[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    /* A third joins; the first two keep their sessions but never rejoin, for six minutes. */
    bench_join_dynamic(&b, &one, third, (struct joining){.rebalance_ms = 600000});
    for (int i = 0; i < 60; i++) {
        bench_pass(&b, 5000);
        bench_heartbeat(&b, first, 1);
        bench_heartbeat(&b, second, 1);
    }
    assert_int_equal(one.answers, 1);
    assert_int_equal(one.error, KAFKA_UNKNOWN_MEMBER_ID);
    assert_null(group_find_member(b.group, str_of(third)));
    (void)two;
    bench_free(&b);
}

/* ---- protocols */

TEST(members_need_a_common_protocol_and_the_same_type)
{
    struct bench b;
    struct probe p;
    char member[TEXT_MAX];
    bench_init(&b);
    bench_join_dynamic(&b, &p, member, (struct joining){.protocols = "range:,sticky:"});
    struct probe other;
    bench_join(&b, &other, (struct joining){.protocols = "roundrobin:"});
    assert_int_equal(other.error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    bench_join(&b, &other, (struct joining){.type = "connect", .protocols = "range:"});
    assert_int_equal(other.error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    bench_join(&b, &other, (struct joining){.protocols = "roundrobin:,sticky:"});
    assert_int_equal(other.error, KAFKA_MEMBER_ID_REQUIRED);
    bench_free(&b);
}

TEST(the_protocol_that_most_members_like_best_of_the_common_ones_wins)
{
    struct bench b;
    struct probe p[3];
    char member[TEXT_MAX];
    bench_init(&b);
    bench_join_dynamic(&b, &p[0], member, (struct joining){.protocols = "only:,range:,sticky:"});
    bench_join_dynamic(&b, &p[1], member, (struct joining){.protocols = "sticky:,range:"});
    bench_join_dynamic(&b, &p[2], member, (struct joining){.protocols = "sticky:,range:"});
    bench_pass(&b, 6000);
    assert_string_equal(p[0].protocol, "sticky");
    assert_string_equal(p[2].protocol, "sticky");
    bench_free(&b);
}

TEST(a_protocol_named_twice_by_one_member_counts_once)
{
    struct bench b;
    struct probe one, two;
    char member[TEXT_MAX];
    bench_init(&b);
    bench_join_dynamic(&b, &one, member, (struct joining){.protocols = "range:,range:,sticky:"});
    bench_join(&b, &two, (struct joining){.protocols = "range:"});
    assert_int_equal(two.error, KAFKA_MEMBER_ID_REQUIRED);
    bench_pass(&b, 20000);
    assert_string_equal(one.protocol, "range");
    bench_free(&b);
}

/* ---- syncing */

TEST(followers_wait_for_the_leaders_assignment_and_for_its_record)
{
    struct bench b;
    struct probe one, two;
    char a[TEXT_MAX], c[TEXT_MAX], both[2 * TEXT_MAX + 40];
    bench_init(&b);
    bench_join_dynamic(&b, &one, a, (struct joining){0});
    bench_join_dynamic(&b, &two, c, (struct joining){0});
    bench_pass(&b, 6000);
    bench_sync(&b, &two, c, 1, NULL);
    assert_int_equal(two.answers, 0);
    snprintf(both, sizeof both, "%s=mine,%s=yours,stranger=x", a, c);
    bench_sync(&b, &one, a, 1, both);
    assert_int_equal(one.answers, 0);
    assert_int_equal(b.group->state, GROUP_COMPLETING);
    bench_commit(&b, KAFKA_NONE);
    assert_string_equal(one.assignment, "mine");
    assert_string_equal(two.assignment, "yours");
    assert_int_equal(b.group->state, GROUP_STABLE);
    /* Who asks again is told again. */
    bench_sync(&b, &two, c, 1, NULL);
    assert_string_equal(two.assignment, "yours");
    bench_free(&b);
}

TEST(an_assignment_that_cannot_be_stored_starts_the_rebalance_again)
{
    struct bench b;
    struct probe one, two;
    char a[TEXT_MAX], c[TEXT_MAX];
    bench_init(&b);
    bench_join_dynamic(&b, &one, a, (struct joining){0});
    bench_join_dynamic(&b, &two, c, (struct joining){0});
    bench_pass(&b, 6000);
    bench_sync(&b, &two, c, 1, NULL);
    bench_sync(&b, &one, a, 1, "x=y");
    bench_commit(&b, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(one.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(two.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(b.group->state, GROUP_PREPARING);
    bench_free(&b);
}

TEST(the_record_of_an_overtaken_generation_changes_nothing)
{
    struct bench b;
    struct probe one, two, three;
    char a[TEXT_MAX], c[TEXT_MAX], d[TEXT_MAX];
    bench_init(&b);
    bench_join_dynamic(&b, &one, a, (struct joining){0});
    bench_join_dynamic(&b, &two, c, (struct joining){0});
    bench_pass(&b, 6000);
    bench_sync(&b, &one, a, 1, "x=y");
    bench_join_dynamic(&b, &three, d, (struct joining){0}); /* rebalance before the commit */
    assert_int_equal(one.error, KAFKA_REBALANCE_IN_PROGRESS);
    bench_commit(&b, KAFKA_NONE);
    assert_int_equal(b.group->state, GROUP_PREPARING);
    bench_free(&b);
}

TEST(the_record_of_an_overtaken_generation_does_not_assign_in_the_next_one)
{
    struct bench b;
    struct probe one, two, three;
    char a[TEXT_MAX], c[TEXT_MAX], text[TEXT_MAX + 40];
    bench_init(&b);
    bench_join_dynamic(&b, &one, a, (struct joining){0});
    bench_pass(&b, 3000);
    snprintf(text, sizeof text, "%s=old", a);
    bench_sync(&b, &one, a, 1, text);
    bench_join_dynamic(&b, &two, c, (struct joining){0});
    bench_join(&b, &three, (struct joining){.member = a});
    assert_int_equal(b.group->state, GROUP_COMPLETING);
    assert_int_equal(b.group->generation, 2);
    bench_commit(&b, KAFKA_NONE); /* of generation 1 */
    assert_int_equal(b.group->state, GROUP_COMPLETING);
    assert_int_equal(group_find_member(b.group, str_of(a))->assignment.len, 0);
    bench_free(&b);
}

TEST(sync_is_refused_for_strangers_old_generations_other_protocols_and_while_preparing)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    bench_sync(&b, &p, "who", 1, NULL);
    assert_int_equal(p.error, KAFKA_UNKNOWN_MEMBER_ID);
    bench_sync(&b, &p, first, 7, NULL);
    assert_int_equal(p.error, KAFKA_ILLEGAL_GENERATION);
    struct sync_group_request rq;
    sync_group_request_init(&rq);
    rq.member_id = str_of(first);
    rq.generation_id = 1;
    rq.protocol_type = STR("consumer");
    rq.protocol_name = STR("sticky");
    struct group_world w = bench_world(&b);
    memset(&p, 0, sizeof p);
    group_sync(b.group, &w, &rq, &p.call);
    assert_int_equal(p.error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    struct probe join;
    bench_join(&b, &join, (struct joining){.member = first}); /* the leader rejoins */
    bench_sync(&b, &p, second, 1, NULL);
    assert_int_equal(p.error, KAFKA_REBALANCE_IN_PROGRESS);
    bench_free(&b);
}

TEST(members_that_never_ask_for_their_assignment_are_removed)
{
    struct bench b;
    struct probe one, two;
    char a[TEXT_MAX], c[TEXT_MAX];
    bench_init(&b);
    bench_join_dynamic(&b, &one, a, (struct joining){.rebalance_ms = 8000, .session_ms = 60000});
    bench_join_dynamic(&b, &two, c, (struct joining){.rebalance_ms = 8000, .session_ms = 60000});
    bench_pass(&b, 6000);
    bench_sync(&b, &one, a, 1, "x=y");
    bench_commit(&b, KAFKA_NONE);
    assert_int_equal(b.group->state, GROUP_STABLE);
    bench_pass(&b, 8001);
    assert_null(group_find_member(b.group, str_of(c)));
    assert_int_equal(b.group->state, GROUP_PREPARING);
    bench_free(&b);
}

/* ---- heartbeats and sessions */

TEST(heartbeats_say_what_the_group_does)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    assert_int_equal(bench_heartbeat(&b, "who", 0), KAFKA_UNKNOWN_MEMBER_ID);
    bench_stable(&b, first, second);
    assert_int_equal(bench_heartbeat(&b, first, 1), KAFKA_NONE);
    assert_int_equal(bench_heartbeat(&b, first, 2), KAFKA_ILLEGAL_GENERATION);
    assert_int_equal(bench_heartbeat(&b, "who", 1), KAFKA_UNKNOWN_MEMBER_ID);
    bench_join(&b, &p, (struct joining){.member = first});
    assert_int_equal(bench_heartbeat(&b, second, 1), KAFKA_REBALANCE_IN_PROGRESS);
    bench_join(&b, &p, (struct joining){.member = second});
    assert_int_equal(b.group->state, GROUP_COMPLETING);
    assert_int_equal(bench_heartbeat(&b, second, 2), KAFKA_NONE);
    bench_free(&b);
}

TEST(a_silent_member_is_removed_after_its_session_and_the_others_rebalance)
{
    struct bench b;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    bench_pass(&b, 9000);
    assert_int_equal(bench_heartbeat(&b, second, 1), KAFKA_NONE);
    bench_pass(&b, 1001);
    assert_null(group_find_member(b.group, str_of(first)));
    assert_int_equal(b.group->state, GROUP_PREPARING);
    assert_true(str_equal_z(b.group->leader, second));
    struct probe p;
    bench_join(&b, &p, (struct joining){.member = second});
    assert_int_equal(p.answers, 1);
    assert_int_equal(p.generation, 2);
    bench_free(&b);
}

TEST(a_group_whose_members_all_fall_silent_becomes_empty_and_says_so_in_the_log)
{
    struct bench b;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    int32_t writes = b.writes_count;
    bench_pass(&b, 200000);
    assert_int_equal(b.group->state, GROUP_EMPTY);
    assert_int_equal(b.group->generation, 2);
    assert_int_equal(b.writes_count, writes + 1);
    assert_true(str_equal_z(b.group->protocol_type, "consumer"));
    assert_true(str_is_null(b.group->leader));
    bench_free(&b);
}

TEST(a_member_that_waits_for_the_group_is_not_expired_by_it)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    bench_join(&b, &p, (struct joining){.member = first});
    for (int i = 0; i < 5; i++) { /* the second is alive, and slow to rejoin: 45 s */
        bench_pass(&b, 9000);
        assert_int_equal(bench_heartbeat(&b, second, 1), KAFKA_REBALANCE_IN_PROGRESS);
    }
    assert_int_equal(p.answers, 0);
    assert_non_null(group_find_member(b.group, str_of(first)));
    bench_pass(&b, 9000);
    bench_heartbeat(&b, second, 1);
    bench_pass(&b, 7000); /* past the rebalance timeout: it goes on without the second */
    assert_int_equal(p.answers, 1);
    assert_int_equal(p.error, 0);
    assert_null(group_find_member(b.group, str_of(second)));
    bench_free(&b);
}

/* ---- joining again */

TEST(a_follower_that_joins_again_unchanged_is_told_the_present_generation)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    bench_join(&b, &p, (struct joining){.member = second, .protocols = "range:t"});
    assert_int_equal(p.answers, 1);
    assert_int_equal(p.generation, 1);
    assert_int_equal(p.members, 0);
    assert_int_equal(b.group->state, GROUP_STABLE);
    bench_free(&b);
}

TEST(a_follower_with_another_subscription_and_any_leader_start_a_rebalance)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    bench_join(&b, &p, (struct joining){.member = second, .protocols = "range:other"});
    assert_int_equal(p.answers, 0);
    assert_int_equal(b.group->state, GROUP_PREPARING);
    bench_free(&b);
    bench_init(&b);
    bench_stable(&b, first, second);
    bench_join(&b, &p, (struct joining){.member = first, .protocols = "range:t"});
    assert_int_equal(p.answers, 0);
    assert_int_equal(b.group->state, GROUP_PREPARING);
    bench_free(&b);
}

TEST(in_completing_an_unchanged_join_gets_the_same_answer_again)
{
    struct bench b;
    struct probe one, two, again;
    char a[TEXT_MAX], c[TEXT_MAX];
    bench_init(&b);
    bench_join_dynamic(&b, &one, a, (struct joining){0});
    bench_join_dynamic(&b, &two, c, (struct joining){0});
    bench_pass(&b, 6000);
    bench_join(&b, &again, (struct joining){.member = a});
    assert_int_equal(again.answers, 1);
    assert_int_equal(again.generation, 1);
    assert_int_equal(again.members, 2);
    assert_int_equal(b.group->state, GROUP_COMPLETING);
    bench_free(&b);
}

TEST(a_second_join_of_a_member_takes_the_place_of_the_first)
{
    struct bench b;
    struct probe one, again;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    bench_join(&b, &one, (struct joining){.member = first});
    bench_join(&b, &again, (struct joining){.member = first});
    assert_int_equal(one.answers, 1);
    assert_int_equal(one.error, KAFKA_REBALANCE_IN_PROGRESS);
    assert_int_equal(again.answers, 0);
    bench_free(&b);
}

/* ---- leaving */

TEST(who_leaves_is_gone_and_the_others_rebalance)
{
    struct bench b;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    assert_int_equal(bench_leave(&b, "who", NULL), KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(b.group->state, GROUP_STABLE);
    assert_int_equal(bench_leave(&b, first, NULL), KAFKA_NONE);
    assert_int_equal(b.group->state, GROUP_PREPARING);
    assert_int_equal(bench_leave(&b, second, NULL), KAFKA_NONE);
    assert_int_equal(b.group->state, GROUP_EMPTY);
    bench_free(&b);
}

TEST(an_id_given_out_can_be_given_back)
{
    struct bench b;
    struct probe p;
    bench_init(&b);
    bench_join(&b, &p, (struct joining){0});
    assert_int_equal(bench_leave(&b, p.member_id, NULL), KAFKA_NONE);
    assert_int_equal(bench_leave(&b, p.member_id, NULL), KAFKA_UNKNOWN_MEMBER_ID);
    bench_free(&b);
}

/* ---- static members (KIP-345) */

/* Two static members, "i1" leading, STABLE in generation 1. */
static void static_stable(struct bench *b, char *first, char *second)
{
    struct probe one, two;
    bench_join(b, &one, (struct joining){.instance = "i1"});
    bench_join(b, &two, (struct joining){.instance = "i2"});
    bench_pass(b, 6000);
    snprintf(first, TEXT_MAX, "%s", one.member_id);
    snprintf(second, TEXT_MAX, "%s", two.member_id);
    char both[2 * TEXT_MAX + 40];
    snprintf(both, sizeof both, "%s=A,%s=B", first, second);
    bench_sync(b, &two, second, 1, NULL);
    bench_sync(b, &one, first, 1, both);
    bench_commit(b, KAFKA_NONE);
    assert_string_equal(two.assignment, "B");
}

TEST(a_static_member_needs_no_second_join_and_is_named_after_its_instance)
{
    struct bench b;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    static_stable(&b, first, second);
    assert_int_equal(strncmp(first, "i1-", 3), 0);
    bench_free(&b);
}

TEST(a_static_member_comes_back_without_a_rebalance_and_its_old_id_is_fenced)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    static_stable(&b, first, second);
    bench_join(&b, &p, (struct joining){.instance = "i2"});
    assert_int_equal(p.answers, 0); /* its new id is being stored */
    bench_commit(&b, KAFKA_NONE);
    assert_int_equal(p.answers, 1);
    assert_int_equal(p.generation, 1);
    assert_false(p.skip_assignment);
    assert_int_equal(b.group->state, GROUP_STABLE);
    assert_string_not_equal(p.member_id, second);
    struct group_world w = bench_world(&b);
    assert_int_equal(group_heartbeat(b.group, &w, str_of(second), STR("i2"), 1),
                     KAFKA_FENCED_INSTANCE_ID);
    assert_int_equal(bench_heartbeat(&b, second, 1), KAFKA_UNKNOWN_MEMBER_ID);
    struct probe sync;
    bench_sync(&b, &sync, p.member_id, 1, NULL);
    assert_string_equal(sync.assignment, "B");
    bench_free(&b);
}

TEST(a_static_leader_that_comes_back_leads_and_need_not_assign)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    static_stable(&b, first, second);
    bench_join(&b, &p, (struct joining){.instance = "i1"});
    bench_commit(&b, KAFKA_NONE);
    assert_true(p.skip_assignment);
    assert_string_equal(p.leader, p.member_id);
    assert_int_equal(p.members, 2);
    /* Before version 9 it must not believe that it leads, or it would assign. */
    char now_first[TEXT_MAX];
    snprintf(now_first, sizeof now_first, "%s", p.member_id);
    bench_join(&b, &p, (struct joining){.instance = "i1", .version = 8});
    bench_commit(&b, KAFKA_NONE);
    assert_string_equal(p.leader, now_first);
    assert_int_equal(p.members, 0);
    bench_free(&b);
}

TEST(a_static_members_new_id_that_cannot_be_stored_is_taken_back)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    static_stable(&b, first, second);
    bench_join(&b, &p, (struct joining){.instance = "i2"});
    bench_commit(&b, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(p.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(bench_heartbeat(&b, second, 1), KAFKA_NONE);
    assert_int_equal(b.group->state, GROUP_STABLE);
    bench_free(&b);
}

TEST(a_static_member_that_returns_with_other_protocols_may_force_a_rebalance)
{
    struct bench b;
    struct probe one, two, p;
    bench_init(&b);
    bench_join(&b, &one, (struct joining){.instance = "i1", .protocols = "range:,sticky:"});
    bench_join(&b, &two, (struct joining){.instance = "i2", .protocols = "range:,sticky:"});
    bench_pass(&b, 6000);
    bench_sync(&b, &one, one.member_id, 1, "x=y");
    bench_commit(&b, KAFKA_NONE);
    bench_join(&b, &p, (struct joining){.instance = "i2", .protocols = "sticky:"});
    assert_int_equal(b.group->state, GROUP_PREPARING);
    bench_free(&b);
}

TEST(absent_static_members_keep_their_place_through_a_rebalance)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX], third[TEXT_MAX];
    bench_init(&b);
    bench_join(&b, &p, (struct joining){.instance = "i1", .session_ms = 300000});
    bench_pass(&b, 3000);
    snprintf(first, sizeof first, "%s", p.member_id);
    (void)second;
    bench_join_dynamic(&b, &p, third, (struct joining){.rebalance_ms = 5000});
    bench_pass(&b, 60001); /* i1 does not rejoin: its rebalance timeout is the largest */
    assert_int_equal(p.answers, 1);
    assert_int_equal(p.error, 0);
    assert_string_equal(p.leader, third); /* the leader must be among those who joined */
    assert_non_null(group_find_member(b.group, str_of(first)));
    assert_int_equal(b.group->members_count, 2);
    bench_free(&b);
}

TEST(a_static_member_whose_new_id_took_long_to_store_has_a_session_again)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    static_stable(&b, first, second);
    bench_join(&b, &p, (struct joining){.instance = "i2"});
    for (int i = 0; i < 2; i++) { /* longer than its session, which waits meanwhile */
        bench_pass(&b, 9000);
        bench_heartbeat(&b, first, 1);
    }
    bench_commit(&b, KAFKA_NONE);
    assert_int_equal(p.error, KAFKA_NONE);
    bench_pass(&b, 9000);
    bench_heartbeat(&b, first, 1);
    assert_int_equal(b.group->state, GROUP_STABLE);
    bench_pass(&b, 1001); /* it has gone again */
    assert_int_equal(b.group->state, GROUP_PREPARING);
    assert_null(group_find_member(b.group, str_of(p.member_id)));
    bench_free(&b);
}

TEST(a_group_of_absent_static_members_does_not_spin)
{
    struct bench b;
    struct probe one, two, sync;
    char second[TEXT_MAX], text[TEXT_MAX + 40];
    bench_init(&b);
    bench_join(&b, &one,
               (struct joining){.instance = "i1", .rebalance_ms = -1, .session_ms = 60000});
    bench_join_dynamic(&b, &two, second, (struct joining){0});
    bench_pass(&b, 6000);
    snprintf(text, sizeof text, "%s=x", second);
    bench_sync(&b, &sync, second, 1, NULL);
    bench_sync(&b, &one, one.member_id, 1, text);
    bench_commit(&b, KAFKA_NONE);
    bench_leave(&b, second, NULL);
    bench_pass(&b, 1); /* no time to rejoin: at once it tries to go on, and cannot */
    assert_int_equal(b.group->state, GROUP_PREPARING);
    int64_t wait_ms = b.group->wake.ns / NS_PER_MS - b.now_ms;
    assert_in_range(wait_ms, GROUP_ABSENT_RETRY_MS_MIN - 1, GROUP_ABSENT_RETRY_MS_MIN);
    bench_pass(&b, 60000); /* its session decides */
    assert_int_equal(b.group->state, GROUP_EMPTY);
    bench_free(&b);
}

TEST(an_administrator_removes_static_members_by_instance)
{
    struct bench b;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    static_stable(&b, first, second);
    assert_int_equal(bench_leave(&b, "", "i3"), KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(bench_leave(&b, "", NULL), KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(bench_leave(&b, first, "i2"), KAFKA_FENCED_INSTANCE_ID);
    assert_int_equal(bench_leave(&b, "", "i2"), KAFKA_NONE);
    assert_null(group_find_member(b.group, str_of(second)));
    bench_free(&b);
}

/* ---- bounds */

TEST(a_full_group_takes_no_new_members_and_keeps_those_it_has)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    b.settings.size_max = 2;
    bench_stable(&b, first, second);
    bench_join(&b, &p, (struct joining){0});
    assert_int_equal(p.error, KAFKA_GROUP_MAX_SIZE_REACHED);
    bench_join(&b, &p, (struct joining){.member = second, .protocols = "range:t"});
    assert_int_equal(p.error, KAFKA_NONE);
    assert_int_equal(b.group->members_count, 2);
    bench_free(&b);
}

TEST(ids_given_out_are_bounded)
{
    struct bench b;
    struct probe p;
    bench_init(&b);
    for (int i = 0; i < GROUP_PENDING_MAX; i++) {
        bench_join(&b, &p, (struct joining){.session_ms = 600000});
        assert_int_equal(p.error, KAFKA_MEMBER_ID_REQUIRED);
    }
    bench_join(&b, &p, (struct joining){0});
    assert_int_equal(p.error, KAFKA_GROUP_MAX_SIZE_REACHED);
    bench_free(&b);
}

/* A join of `member` (NULL: a new one, at once) with one protocol of `size` bytes. */
static void join_large(struct bench *b, struct probe *p, const char *member, size_t size)
{
    struct arena arena;
    struct join_group_request rq;
    struct joining j = {.member = member, .version = 3};
    arena_init(&arena, 0);
    joining_request(&j, &arena, &rq);
    uint8_t *large = mem_zalloc(1, size);
    rq.protocols[0].metadata = bytes_of(large, size);
    struct group_world w = bench_world(b);
    struct group_joiner from = {
        .client_id = STR("client"), .client_host = STR("/h"), .version = j.version};
    memset(p, 0, sizeof *p);
    group_join(b->group, &w, &from, &rq, false, &p->call);
    mem_free(large);
    arena_free(&arena);
}

TEST(what_members_say_of_themselves_is_bounded_over_the_group)
{
    struct bench b;
    struct probe probes[5];
    bench_init(&b);
    for (int i = 0; i < 5; i++) {
        join_large(&b, &probes[i], NULL, GROUP_PROTOCOLS_BYTES_MAX / 4 - 200);
        assert_int_equal(probes[i].answers, i < 4 ? 0 : 1);
    }
    assert_int_equal(probes[4].error, KAFKA_GROUP_MAX_SIZE_REACHED);
    assert_int_equal(b.group->members_count, 4);
    bench_free(&b);
}

TEST(a_member_that_grows_beyond_the_bound_leaves_and_the_others_rebalance)
{
    struct bench b;
    struct probe p, sync;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    join_large(&b, &p, second, GROUP_PROTOCOLS_BYTES_MAX);
    assert_int_equal(p.error, KAFKA_GROUP_MAX_SIZE_REACHED);
    assert_null(group_find_member(b.group, str_of(second)));
    assert_int_equal(b.group->state, GROUP_PREPARING);
    bench_join(&b, &p, (struct joining){.member = first, .protocols = "range:t"});
    assert_int_equal(p.generation, 2);
    /* The last of a group, while others' answers depend on it. */
    bench_sync(&b, &sync, first, 2, "x=y");
    join_large(&b, &p, first, GROUP_PROTOCOLS_BYTES_MAX);
    assert_int_equal(p.error, KAFKA_GROUP_MAX_SIZE_REACHED);
    assert_int_equal(sync.error, KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(b.group->state, GROUP_EMPTY);
    bench_free(&b);
}

/* ---- commits, deletion, expiry */

static enum kafka_error admit(struct bench *b, const char *member, int32_t generation)
{
    struct group_world w = bench_world(b);
    return group_admit_commit(b->group, &w, str_of(member), STR_NULL, generation);
}

TEST(who_may_commit_offsets)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    assert_int_equal(admit(&b, "", -1), KAFKA_NONE); /* no membership in use */
    bench_stable(&b, first, second);
    assert_int_equal(admit(&b, "", -1), KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(admit(&b, "who", 1), KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(admit(&b, first, 0), KAFKA_ILLEGAL_GENERATION);
    assert_int_equal(admit(&b, first, 1), KAFKA_NONE);
    bench_join(&b, &p, (struct joining){.member = first});
    assert_int_equal(admit(&b, first, 1), KAFKA_NONE); /* last commit before rejoining */
    bench_join(&b, &p, (struct joining){.member = second});
    assert_int_equal(admit(&b, first, 2), KAFKA_REBALANCE_IN_PROGRESS);
    bench_free(&b);
}

TEST(a_commit_renews_the_session)
{
    struct bench b;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    for (int i = 0; i < 3; i++) {
        bench_pass(&b, 9000);
        assert_int_equal(admit(&b, first, 1), KAFKA_NONE);
        bench_heartbeat(&b, second, 1);
    }
    bench_free(&b);
}

TEST(only_empty_groups_may_be_deleted_and_a_buried_group_turns_everybody_away)
{
    struct bench b;
    struct probe p;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    assert_int_equal(group_admit_delete(b.group), KAFKA_NONE);
    group_bury(b.group);
    bench_join(&b, &p, (struct joining){0});
    assert_int_equal(p.error, KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(admit(&b, "", -1), KAFKA_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(group_admit_delete(b.group), KAFKA_GROUP_ID_NOT_FOUND);
    group_revive(b.group);
    bench_stable(&b, first, second);
    assert_int_equal(group_admit_delete(b.group), KAFKA_NON_EMPTY_GROUP);
    assert_int_equal(group_admit_offset_delete(b.group), KAFKA_NONE);
    assert_true(group_is_subscribed(b.group, STR("t")));
    assert_false(group_is_subscribed(b.group, STR("u")));
    bench_free(&b);
}

TEST(offsets_expire_by_what_kind_of_group_they_belong_to)
{
    struct bench b;
    char first[TEXT_MAX], second[TEXT_MAX];
    struct committed_offset o = {.commit_ms = 5000, .expire_ms = -1};
    bench_init(&b);
    /* A simple group: from the commit. */
    assert_int_equal(group_offset_expires_ms(b.group, &o, 100), 5100);
    o.expire_ms = 7000; /* an old client's own word */
    assert_int_equal(group_offset_expires_ms(b.group, &o, 100), 7000);
    o.expire_ms = -1;
    bench_stable(&b, first, second);
    assert_int_equal(group_offset_expires_ms(b.group, &o, 100), 5100);
    bench_leave(&b, first, NULL);
    assert_int_equal(group_offset_expires_ms(b.group, &o, 100), INT64_MAX); /* rebalancing */
    bench_leave(&b, second, NULL);
    assert_int_equal(b.group->state, GROUP_EMPTY);
    assert_int_equal(group_offset_expires_ms(b.group, &o, 100), b.now_ms + 100);
    o.transactions = 1;
    assert_int_equal(group_offset_expires_ms(b.group, &o, 100), INT64_MAX);
    bench_free(&b);
}

/* ---- from the log */

/* What another coordinator makes of the record of the group. */
static struct group *load_again(struct bench *b)
{
    struct group_metadata_value v;
    group_record(b->group, &b->scratch, &v);
    struct group *g = group_new(STR("group"), (struct wall_time){0});
    group_load(g, &v);
    return g;
}

TEST(a_loaded_group_equals_the_one_that_wrote_the_record)
{
    struct bench b;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    static_stable(&b, first, second);
    struct group *g = load_again(&b);
    group_check(g);
    assert_int_equal(g->state, GROUP_STABLE);
    assert_int_equal(g->generation, b.group->generation);
    assert_true(str_equal(g->leader, b.group->leader));
    assert_true(str_equal(g->protocol, b.group->protocol));
    const struct group_member *m = group_find_member(g, str_of(second));
    assert_non_null(m);
    assert_memory_equal(m->assignment.data, "B", 1);
    assert_true(str_equal(m->instance_id, STR("i2")));
    assert_int_equal(m->session_timeout_ms, 10000);
    group_free(g);
    bench_free(&b);
}

TEST(members_of_a_loaded_group_have_one_session_to_be_heard_of)
{
    struct bench b;
    char first[TEXT_MAX], second[TEXT_MAX];
    bench_init(&b);
    bench_stable(&b, first, second);
    struct group *g = load_again(&b);
    group_free(b.group);
    b.group = g;
    struct group_world w = bench_world(&b);
    group_activate(g, &w);
    bench_pass(&b, 9999);
    assert_int_equal(g->state, GROUP_STABLE);
    assert_int_equal(bench_heartbeat(&b, first, 1), KAFKA_NONE);
    bench_pass(&b, 2);
    assert_int_equal(g->state, GROUP_PREPARING);
    assert_null(group_find_member(g, str_of(second)));
    bench_free(&b);
}

TEST(a_group_of_a_new_protocol_takes_no_classic_members)
{
    struct bench b;
    struct probe p;
    bench_init(&b);
    b.group->kind = GROUP_SHARE;
    bench_join(&b, &p, (struct joining){0});
    assert_int_equal(p.error, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    assert_int_equal(admit(&b, "", -1), KAFKA_GROUP_ID_NOT_FOUND);
    assert_int_equal(group_admit_offset_delete(b.group), KAFKA_GROUP_ID_NOT_FOUND);
    b.group->kind = GROUP_STREAMS;
    assert_int_equal(admit(&b, "", -1), KAFKA_NONE);
    assert_int_equal(admit(&b, "who", 1), KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(group_admit_offset_delete(b.group), KAFKA_NON_EMPTY_GROUP);
    assert_int_equal(group_admit_delete(b.group), KAFKA_GROUP_ID_NOT_FOUND);
    bench_free(&b);
}
