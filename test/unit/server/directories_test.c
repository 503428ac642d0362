/* Nodes that start while one of their log directories cannot be opened. */
#include "node_world.h"
#include "replica/replica_manager.h"

enum { PARTITIONS = 6 };

static const char two[] = "log.dirs=/data,/more\n";

/* What was the directory /more is elsewhere, and a file in its place; or back again. */
static void swap(struct cluster *c, int32_t id, bool broken)
{
    struct env *env = sim_node_start(c->machines[id].sim);
    struct disk_file *file;
    if (broken) {
        assert_ok(disk_rename(env->disk, "/more", "/away"));
        assert_ok(disk_open(env->disk, "/more", DISK_WRITE | DISK_CREATE, &file));
        disk_file_unref(file);
    } else {
        assert_ok(disk_unlink(env->disk, "/more"));
        assert_ok(disk_rename(env->disk, "/away", "/more"));
    }
    assert_ok(disk_sync_dir(env->disk, "/"));
    sim_node_crash(c->machines[id].sim);
}

static int32_t in_more(const struct cluster *c, int32_t id)
{
    const struct node *n = c->machines[id].node;
    return log_dir_logs_count(n->directories.items[1]);
}

/* In-sync sets that `id` is in; -1 when some partition has no leader. */
static int32_t in_sync(const struct cluster *c, int32_t id)
{
    if (!active(c)) return -1;
    const struct image_topic *t = image_topic_by_name(image_of(c), STR("t"));
    int32_t count = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        const struct image_partition *p = image_topic_partition(t, i);
        if (p->leader < 0) return -1;
        count += partition_in_isr(p, id);
    }
    return count;
}

static struct cluster *open_two_directories(void)
{
    struct cluster *c = cluster_format(11, both, 3, "default.replication.factor=3\n");
    c->machines[1].own = two;
    for (int32_t id = 1; id <= 3; id++) start(c, id);
    UNTIL(c, all_started(c) && all_are_members(c));
    create_topic(c, PARTITIONS);
    UNTIL(c, in_sync(c, 1) == PARTITIONS && in_more(c, 1) > 0);
    sim_run_ms(c->sim, 5000);
    return c;
}

TEST(a_directory_that_cannot_be_opened_is_offline_and_the_node_goes_on_with_the_other)
{
    struct cluster *c = open_two_directories();
    int32_t lost = in_more(c, 1);
    assert_true(lost < PARTITIONS);
    crash(c, 1);
    swap(c, 1, true);
    start(c, 1);
    UNTIL(c, all_started(c) && all_are_members(c) && in_sync(c, 1) == PARTITIONS - lost);
    struct node *n = c->machines[1].node;
    assert_true(log_dir_is_offline(n->directories.items[1]));
    assert_int_equal(image_broker(image_of(c), 1)->directories_count, 1);
    sim_run_ms(c->sim, 20000);
    assert_int_equal(in_sync(c, 1), PARTITIONS - lost); /* nothing was made anew elsewhere */
    crash(c, 1);
    swap(c, 1, false);
    start(c, 1);
    UNTIL(c, all_started(c) && all_are_members(c) && in_sync(c, 1) == PARTITIONS);
    assert_int_equal(in_more(c, 1), lost);
    cluster_free(c);
}

static struct cluster *open_broken(const char *own, struct config_error *error)
{
    struct cluster *c = cluster_format(12, both, 3, "");
    struct machine *m = &c->machines[1];
    struct env *env = sim_node_start(m->sim);
    struct disk_file *file;
    assert_ok(disk_open(env->disk, "/more", DISK_WRITE | DISK_CREATE, &file));
    disk_file_unref(file);
    m->env = env;
    struct config *config;
    struct node_config roles;
    struct arena arena;
    struct directories d;
    arena_init(&arena, 0);
    assert_ok(config_read("server.properties", str_of(own), NULL, 0, &config, error));
    assert_ok(node_config_read(config, &arena, &roles, error));
    struct log_dir_options options = log_dir_options_default();
    options.config = log_config_new();
    assert_int_not_equal(directories_open(env, config, &roles, options, &d, error), ERR_OK);
    log_config_unref(options.config);
    config_free(config);
    arena_free(&arena);
    return c;
}

#define COMMON                                                                                  \
    "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=n1:9093\n" \
    "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n"

TEST(a_node_does_not_start_without_the_metadatas_directory)
{
    struct config_error error;
    struct cluster *c =
        open_broken(COMMON "log.dirs=/data,/more\nmetadata.log.dir=/more\n", &error);
    assert_non_null(strstr(error.text, "log directory /more cannot be opened"));
    cluster_free(c);
}

TEST(a_node_does_not_start_when_no_directory_of_data_is_left)
{
    struct config_error error;
    struct cluster *c = open_broken(COMMON "log.dirs=/more\nmetadata.log.dir=/data\n", &error);
    assert_non_null(strstr(error.text, "log directory /more cannot be opened"));
    cluster_free(c);
}
