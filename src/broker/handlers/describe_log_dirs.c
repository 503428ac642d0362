/* DescribeLogDirs, versions 1-5: what lies in each of this broker's log directories. */
#include "protocol/describe_log_dirs.h"

#include <stdlib.h>

#include "broker/handlers/handlers.h"
#include "broker/handlers/partitions.h"
#include "log/log_future.h"
#include "metadata/feature.h"
#include "metadata/image.h"
#include "replica/replica_moves.h"

struct dirs {
    struct broker *broker;
    struct request *request;
    bool all;
    struct map wanted; /* topic and index -> anything, unless all */
};

static void want(struct dirs *d, const struct describe_log_dirs_request *q)
{
    d->all = q->topics_count < 0;
    for (int32_t i = 0; i < q->topics_count; i++)
        for (int32_t j = 0; j < q->topics[i].partitions_count; j++) {
            struct bytes k =
                partition_key(&d->request->arena, q->topics[i].topic, q->topics[i].partitions[j]);
            map_put(&d->wanted, k.data, (size_t)k.len, d);
        }
}

static int by_partition(const void *a, const void *b)
{
    const struct log *x = *(struct log *const *)a, *y = *(struct log *const *)b;
    int order = str_compare(log_topic(x), log_topic(y));
    return order ? order
                 : (log_partition(x) > log_partition(y)) - (log_partition(x) < log_partition(y));
}

/* The logs to describe, copies of replicas that move here among them, sorted. */
static struct log **select_logs(struct dirs *d, struct log_dir *dir, int32_t *count)
{
    int32_t logs_count = log_dir_logs_count(dir), total = logs_count + log_dir_futures_count(dir);
    struct log **logs = ARENA_ARRAY(&d->request->arena, struct log *, total);
    *count = 0;
    for (int32_t i = 0; i < total; i++) {
        struct log *log =
            i < logs_count ? log_dir_log_at(dir, i) : log_dir_future_at(dir, i - logs_count);
        if (!d->all) {
            struct bytes k = partition_key(&d->request->arena, log_topic(log), log_partition(log));
            if (!map_get(&d->wanted, k.data, (size_t)k.len)) continue;
        }
        logs[(*count)++] = log;
    }
    qsort(logs, (size_t)*count, sizeof *logs, by_partition);
    return logs;
}

static int64_t offset_lag(const struct dirs *d, const struct log *log)
{
    const struct replica *r =
        replica_manager_find_by_name(d->broker->replicas, log_topic(log), log_partition(log));
    if (r && r->log && r->move && r->move->future == log)
        return log_end_offset(r->log) - log_end_offset(log);
    if (!r || r->log != log) return -1; /* not known: no replica uses it */
    int64_t lag = r->core.high_watermark - log_end_offset(log);
    return lag > 0 ? lag : 0;
}

static void describe_logs(struct dirs *d, struct log_dir *dir,
                          struct describe_log_dirs_response_describe_log_dirs_result *a)
{
    int32_t count, topics = 0;
    struct log **logs = select_logs(d, dir, &count);
    for (int32_t i = 0; i < count; i++)
        topics += i == 0 || !str_equal(log_topic(logs[i]), log_topic(logs[i - 1]));
    a->topics = describe_log_dirs_response_describe_log_dirs_topic_new(&d->request->arena, topics);
    struct describe_log_dirs_response_describe_log_dirs_partition *partitions =
        describe_log_dirs_response_describe_log_dirs_partition_new(&d->request->arena, count);
    for (int32_t i = 0; i < count; i++) {
        if (i == 0 || !str_equal(log_topic(logs[i]), log_topic(logs[i - 1]))) {
            a->topics[a->topics_count].name = log_topic(logs[i]);
            a->topics[a->topics_count].partitions = &partitions[i];
            a->topics[a->topics_count++].partitions_count = 0;
        }
        a->topics[a->topics_count - 1].partitions_count++;
        partitions[i] = (struct describe_log_dirs_response_describe_log_dirs_partition){
            .partition_index = log_partition(logs[i]),
            .partition_size = log_size_bytes(logs[i]),
            .offset_lag = offset_lag(d, logs[i]),
            .is_future_key = log_is_future(logs[i])};
    }
}

static void describe_dir(struct dirs *d, struct log_dir *dir,
                         struct describe_log_dirs_response_describe_log_dirs_result *a)
{
    a->log_dir = str_of(log_dir_path(dir));
    struct disk_space space;
    if (log_dir_is_offline(dir) || disk_space(d->broker->env.disk, log_dir_path(dir), &space)) {
        a->error_code = KAFKA_KAFKA_STORAGE_ERROR;
        return;
    }
    a->is_cordoned =
        d->broker->image->metadata_version >= METADATA_VERSION_CORDONED && log_dir_is_cordoned(dir);
    a->total_bytes = space.total_bytes;
    a->usable_bytes = space.usable_bytes;
    describe_logs(d, dir, a);
}

void handle_describe_log_dirs(struct request *rq, void *context)
{
    struct dirs d = {.broker = context, .request = rq};
    map_init(&d.wanted);
    want(&d, rq->body);
    struct describe_log_dirs_response r;
    describe_log_dirs_response_init(&r);
    r.results_count = replica_manager_dirs_count(d.broker->replicas);
    r.results =
        describe_log_dirs_response_describe_log_dirs_result_new(&rq->arena, r.results_count);
    for (int32_t i = 0; i < r.results_count; i++)
        describe_dir(&d, replica_manager_dir(d.broker->replicas, i), &r.results[i]);
    map_free(&d.wanted);
    request_reply(rq, &r);
}
