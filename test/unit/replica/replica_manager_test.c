/* Targets into logs and roles, over a simulated disk that survives restarts. */
#include <stdio.h>

#include "env/sim/sim.h"
#include "replica/replica_manager.h"
#include "standings.h"
#include "test.h"

enum { SELF = 1, DIRS = 2 };

struct node {
    struct sim *sim;
    struct env *env;
    struct config *config;
    struct replica_manager *replicas;
    struct log_dir *dirs[DIRS];
    int32_t isr_min; /* of every topic */
    int64_t retention_ms, lag_ms_max;
    int leaderships, removals, placements, failures, left;
};

static void topic_config(void *owner, struct str topic, struct arena *arena,
                         struct topic_config *out)
{
    struct node *n = owner;
    (void)topic;
    topic_config_resolve(n->config, NULL, 0, arena, out);
    out->in_sync_replicas_min = n->isr_min;
    out->retention_ms = n->retention_ms;
}

static void leadership_moved(void *owner, struct replica *r)
{
    struct node *n = owner;
    n->leaderships += r->core.role == PARTITION_LEADER;
}

static void removed(void *owner, struct replica *r)
{
    (void)r;
    ((struct node *)owner)->removals++;
}

static void placed(void *owner, struct replica *r)
{
    (void)r;
    ((struct node *)owner)->placements++;
}

static void directory_failed(void *owner, struct uuid directory, int32_t left)
{
    struct node *n = owner;
    (void)directory;
    n->failures++;
    n->left = left;
}

static const struct replica_events events = {.standing = all_are_standing,
                                             .topic_config = topic_config,
                                             .leadership_moved = leadership_moved,
                                             .removed = removed,
                                             .placed = placed,
                                             .directory_failed = directory_failed};

static void offline(struct log_dir *dir, void *context)
{
    struct node *n = context;
    replica_manager_directory_failed(n->replicas, dir);
}

static void start(struct node *n)
{
    n->env = sim_node_start(sim_node(n->sim, "one"));
    for (int i = 0; i < DIRS; i++) {
        static const char *const paths[DIRS] = {"a", "b"};
        struct log_dir_options o = log_dir_options_default();
        o.path = paths[i];
        o.offline = offline;
        o.context = n;
        o.config = log_config_new();
        assert_ok(log_dir_open(n->env, &o, &n->dirs[i]));
        log_config_unref(o.config);
        struct meta_properties meta = META_PROPERTIES_NONE;
        meta.node_id = SELF;
        snprintf(meta.cluster_id, sizeof meta.cluster_id, "cluster");
        meta.directory_id = UUID_SMALL((uint8_t)(200 + i));
        assert_ok(log_dir_set_meta(n->dirs[i], &meta));
    }
    struct replica_manager_config c = {
        .node_id = SELF, .lag_ms_max = n->lag_ms_max, .quota_samples = 11, .quota_sample_s = 1};
    n->replicas = replica_manager_create(n->env, &c, n->dirs, DIRS, &events, n);
    assert_ok(replica_manager_load(n->replicas));
}

static struct node *open_node(void)
{
    static struct node node;
    struct node *n = &node;
    *n = (struct node){.sim = sim_new(3),
                       .isr_min = 1,
                       .retention_ms = -1,
                       .lag_ms_max = 30000,
                       .config = config_new()};
    start(n);
    return n;
}

static void stop(struct node *n)
{
    replica_manager_destroy(n->replicas);
    for (int i = 0; i < DIRS; i++) assert_ok(log_dir_close(n->dirs[i], 1));
    assert_int_equal(sim_node_handles(sim_node(n->sim, "one")), 0);
    sim_node_crash(sim_node(n->sim, "one"));
}

static void close_node(struct node *n)
{
    stop(n);
    config_free(n->config);
    sim_free(n->sim);
}

static const int32_t self_only[] = {SELF};

static struct partition_target target(const char *topic, uint8_t id, int32_t partition)
{
    return (struct partition_target){.topic_id = UUID_SMALL(id),
                                     .topic = str_of(topic),
                                     .partition = partition,
                                     .leader = SELF,
                                     .replicas = self_only,
                                     .replicas_count = 1,
                                     .isr = self_only,
                                     .isr_count = 1,
                                     .directory = DIRECTORY_UNASSIGNED};
}

static struct replica *apply(struct node *n, struct partition_target t)
{
    replica_manager_apply(n->replicas, &t, 1);
    struct replica *r = replica_manager_find(n->replicas, t.topic_id, t.partition);
    assert_non_null(r);
    return r;
}

TEST(a_lag_of_nothing_leaves_the_loop_its_rest)
{
    static const int32_t both[] = {SELF, SELF + 1};
    struct node *n = open_node();
    stop(n);
    n->lag_ms_max = 1;
    start(n);
    struct partition_target t = target("t", 7, 0);
    t.replicas = both;
    t.replicas_count = 2;
    apply(n, t);
    int64_t before = sim_events(n->sim);
    sim_run_ms(n->sim, 100);
    assert_in_range(sim_events(n->sim) - before, 1, 1000);
    close_node(n);
}

static void append(struct replica *r)
{
    struct batch_builder b = {0};
    struct batch_options o = BATCH_OPTIONS_DEFAULT;
    struct arena arena;
    struct append_result result;
    uint8_t *data;
    size_t len;
    arena_init(&arena, 0);
    batch_begin(&b, &o);
    batch_add(&b, 1000, BYTES_NULL, bytes_of("value", 5), NULL, 0);
    assert_ok(batch_finish(&b, NULL, &data, &len));
    assert_int_equal(replica_append(r, -1, APPEND_FROM_CLIENT, data, len, &arena, &result), 0);
    batch_builder_free(&b);
    arena_free(&arena);
}

static bool there(struct node *n, const char *path)
{
    struct disk_stat st;
    return disk_stat(n->env->disk, path, &st) == ERR_OK;
}

/* How many entries of a directory end so. */
static int ending(struct node *n, const char *path, const char *suffix)
{
    struct arena arena;
    struct disk_entry *entries;
    int32_t count;
    int found = 0;
    arena_init(&arena, 0);
    assert_ok(disk_list(n->env->disk, path, &arena, &entries, &count));
    for (int32_t i = 0; i < count; i++) {
        size_t len = strlen(entries[i].name), end = strlen(suffix);
        found += len >= end && strcmp(entries[i].name + len - end, suffix) == 0;
    }
    arena_free(&arena);
    return found;
}

TEST(a_target_makes_a_log_where_metadata_says_or_where_fewest_are)
{
    struct node *n = open_node();
    struct partition_target t = target("t", 7, 0);
    t.directory = UUID_SMALL(201);
    apply(n, t);
    assert_true(there(n, "b/t-0"));
    assert_int_equal(n->placements, 0);
    struct replica *r = apply(n, target("t", 7, 1)); /* unassigned */
    assert_true(there(n, "a/t-1"));
    assert_int_equal(n->placements, 1);
    assert_true(uuid_equal(r->directory, UUID_SMALL(200)));
    assert_int_equal(replica_manager_replicas_count(n->replicas), 2);
    close_node(n);
}

TEST(a_cordoned_directory_takes_nothing_new_while_another_is_left)
{
    struct node *n = open_node();
    log_dir_set_cordoned(n->dirs[0], true);
    for (int32_t i = 0; i < 3; i++) apply(n, target("t", 7, i));
    assert_true(there(n, "b/t-0") && there(n, "b/t-1") && there(n, "b/t-2"));
    log_dir_set_cordoned(n->dirs[1], true); /* all of them: then where fewest are */
    apply(n, target("t", 7, 3));
    assert_true(there(n, "a/t-3"));
    close_node(n);
}

TEST(leaderships_are_told_from_the_loop)
{
    struct node *n = open_node();
    apply(n, target("t", 7, 0));
    assert_int_equal(n->leaderships, 0);
    sim_run_ms(n->sim, 1);
    assert_int_equal(n->leaderships, 1);
    apply(n, target("t", 7, 0)); /* the same again is nothing new */
    sim_run_ms(n->sim, 1);
    assert_int_equal(n->leaderships, 1);
    close_node(n);
}

TEST(a_restart_finds_the_log_and_its_watermark)
{
    struct node *n = open_node();
    struct replica *r = apply(n, target("t", 7, 0));
    append(r);
    append(r);
    assert_int_equal(r->core.high_watermark, 2);
    stop(n);
    start(n);
    struct partition_target t = target("t", 7, 0);
    t.leader = 2; /* as a follower nothing but the checkpoint knows it */
    t.leader_epoch = 1;
    t.partition_epoch = 1;
    r = apply(n, t);
    assert_int_equal(r->core.log_end_offset, 2);
    assert_int_equal(r->core.high_watermark, 2);
    close_node(n);
}

TEST(logs_that_nobody_assigned_are_put_aside)
{
    struct node *n = open_node();
    append(apply(n, target("t", 7, 0)));
    append(apply(n, target("t", 7, 1)));
    stop(n);
    start(n);
    apply(n, target("t", 7, 0));
    replica_manager_put_strays_aside(n->replicas);
    assert_int_equal(ending(n, "a", "-stray") + ending(n, "b", "-stray"), 1);
    assert_false(there(n, "a/t-1") || there(n, "b/t-1"));
    assert_true(there(n, "a/t-0") || there(n, "b/t-0"));
    close_node(n);
}

TEST(a_log_of_an_earlier_topic_of_the_name_is_put_aside_and_not_read)
{
    struct node *n = open_node();
    append(apply(n, target("t", 7, 0)));
    stop(n);
    start(n);
    struct replica *r = apply(n, target("t", 8, 0));
    assert_int_equal(r->core.log_end_offset, 0);
    assert_int_equal(ending(n, "a", "-stray") + ending(n, "b", "-stray"), 1);
    close_node(n);
}

TEST(a_topic_made_anew_under_its_name_replaces_the_old_one)
{
    struct node *n = open_node();
    append(apply(n, target("t", 7, 0)));
    struct replica *r = apply(n, target("t", 8, 0));
    assert_int_equal(n->removals, 1);
    assert_null(replica_manager_find(n->replicas, UUID_SMALL(7), 0));
    assert_ptr_equal(replica_manager_find_by_name(n->replicas, STR("t"), 0), r);
    assert_int_equal(r->core.log_end_offset, 0);
    assert_int_equal(ending(n, "a", "-delete") + ending(n, "b", "-delete"), 1);
    close_node(n);
}

TEST(a_removed_replica_is_renamed_and_its_name_is_free)
{
    struct node *n = open_node();
    append(apply(n, target("t", 7, 0)));
    replica_manager_remove(n->replicas, UUID_SMALL(7), 0);
    replica_manager_remove(n->replicas, UUID_SMALL(7), 0); /* once is enough */
    assert_int_equal(n->removals, 1);
    assert_null(replica_manager_topic_by_name(n->replicas, STR("t")));
    assert_int_equal(ending(n, "a", "-delete") + ending(n, "b", "-delete"), 1);
    assert_int_equal(replica_manager_replicas_count(n->replicas), 0);
    close_node(n);
}

TEST(a_changed_configuration_reaches_partition_and_log)
{
    struct node *n = open_node();
    struct replica *r = apply(n, target("t", 7, 0));
    n->isr_min = 3;
    n->retention_ms = 1234;
    replica_manager_topic_config_changed(n->replicas, STR("other"));
    assert_int_equal(r->core.isr_min, 1);
    replica_manager_topic_config_changed(n->replicas, STR("t"));
    assert_int_equal(r->core.isr_min, 3);
    assert_int_equal(log_config_of(r->log)->retention_ms, 1234);
    assert_int_equal(partition_isr_min(&r->core), 1); /* there is one replica only */
    close_node(n);
}

static int waits_done;
static enum kafka_error wait_error;

static void wait_done(struct offset_wait *w, enum kafka_error e)
{
    (void)w;
    waits_done++;
    wait_error = e;
}

TEST(a_failed_directory_takes_its_partitions_and_no_others)
{
    struct node *n = open_node();
    struct partition_target t = target("t", 7, 0);
    t.directory = UUID_SMALL(200);
    struct replica *lost = apply(n, t);
    t.partition = 1;
    t.directory = UUID_SMALL(201);
    struct replica *kept = apply(n, t);
    append(lost);
    append(kept);
    struct offset_wait w;
    offset_wait_init(&w, 99, wait_done);
    replica_wait_committed(lost, &w);
    sim_run_ms(n->sim, 1);
    assert_int_equal(waits_done, 0);
    log_dir_fail(n->dirs[0], ERR_IO, "test");
    sim_run_ms(n->sim, 1);
    assert_int_equal(n->failures, 1);
    assert_int_equal(n->left, 1);
    assert_int_equal(waits_done, 1);
    assert_int_equal(wait_error, KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(lost->core.role, PARTITION_OFFLINE);
    append(kept);
    /* no empty twin of what may lie in the lost directory */
    t.partition = 2;
    t.directory = UUID_SMALL(200);
    assert_int_equal(apply(n, t)->core.role, PARTITION_OFFLINE);
    assert_false(there(n, "b/t-2"));
    replica_manager_destroy(n->replicas);
    log_dir_abandon(n->dirs[0]);
    assert_ok(log_dir_close(n->dirs[1], 1));
    sim_node_crash(sim_node(n->sim, "one"));
    config_free(n->config);
    sim_free(n->sim);
}

TEST(a_wait_for_what_is_committed_already_is_done_from_the_loop)
{
    struct node *n = open_node();
    struct replica *r = apply(n, target("t", 7, 0));
    append(r);
    struct offset_wait w;
    waits_done = 0;
    offset_wait_init(&w, 1, wait_done);
    replica_wait_committed(r, &w);
    assert_int_equal(waits_done, 0);
    sim_run_ms(n->sim, 1);
    assert_int_equal(waits_done, 1);
    assert_int_equal(wait_error, KAFKA_NONE);
    close_node(n);
}
