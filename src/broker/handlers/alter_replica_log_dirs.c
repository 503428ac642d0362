/* AlterReplicaLogDirs, versions 1-2: replicas of this broker that are to lie in another of its log
 * directories (KIP-113). The answer says that a move has begun; DescribeLogDirs says how far it is.
 * Of a partition that is named several times the last word counts, as in Kafka. */
#include "protocol/alter_replica_log_dirs.h"

#include <stdlib.h>

#include "broker/handlers/handlers.h"
#include "metadata/image.h"
#include "replica/replica_manager.h"

struct wish {
    struct str topic, path;
    int32_t partition;
    int32_t place; /* in the request */
};

static int by_partition(const void *a, const void *b)
{
    const struct wish *x = a, *y = b;
    int order = str_compare(x->topic, y->topic);
    if (!order) order = (x->partition > y->partition) - (x->partition < y->partition);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

static bool same_partition(const struct wish *x, const struct wish *y)
{
    return x->partition == y->partition && str_equal(x->topic, y->topic);
}

/* One for each partition, in order. */
static struct wish *wishes_of(const struct alter_replica_log_dirs_request *q, struct arena *arena,
                              int32_t *count)
{
    int32_t total = 0, n = 0;
    for (int32_t d = 0; d < q->dirs_count; d++)
        for (int32_t t = 0; t < q->dirs[d].topics_count; t++)
            total += q->dirs[d].topics[t].partitions_count;
    struct wish *wishes = ARENA_ARRAY(arena, struct wish, total);
    for (int32_t d = 0; d < q->dirs_count; d++)
        for (int32_t t = 0; t < q->dirs[d].topics_count; t++)
            for (int32_t p = 0; p < q->dirs[d].topics[t].partitions_count; p++, n++)
                wishes[n] = (struct wish){q->dirs[d].topics[t].name, q->dirs[d].path,
                                          q->dirs[d].topics[t].partitions[p], n};
    qsort(wishes, (size_t)n, sizeof *wishes, by_partition);
    *count = 0;
    for (int32_t i = 0; i < n; i++)
        if (i + 1 == n || !same_partition(&wishes[i], &wishes[i + 1]))
            wishes[(*count)++] = wishes[i];
    return wishes;
}

static enum kafka_error grant(struct broker *b, const struct wish *w)
{
    enum kafka_error e = replica_manager_move(b->replicas, w->topic, w->partition, w->path);
    if (e != KAFKA_REPLICA_NOT_AVAILABLE) return e;
    const struct image_topic *topic = image_topic_by_name(b->image, w->topic);
    return topic && image_topic_partition(topic, w->partition) ? e
                                                               : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

void handle_alter_replica_log_dirs(struct request *rq, void *context)
{
    struct broker *b = context;
    struct alter_replica_log_dirs_response r;
    struct alter_replica_log_dirs_response_alter_replica_log_dir_topic_result *topic = NULL;
    int32_t count;
    struct wish *wishes = wishes_of(rq->body, &rq->arena, &count);
    alter_replica_log_dirs_response_init(&r);
    r.results =
        alter_replica_log_dirs_response_alter_replica_log_dir_topic_result_new(&rq->arena, count);
    struct alter_replica_log_dirs_response_alter_replica_log_dir_partition_result *partitions =
        alter_replica_log_dirs_response_alter_replica_log_dir_partition_result_new(&rq->arena,
                                                                                   count);
    for (int32_t i = 0; i < count; i++) {
        if (!topic || !str_equal(topic->topic_name, wishes[i].topic)) {
            topic = &r.results[r.results_count++];
            topic->topic_name = wishes[i].topic;
            topic->partitions = &partitions[i];
        }
        topic->partitions_count++;
        partitions[i].partition_index = wishes[i].partition;
        partitions[i].error_code = (int16_t)grant(b, &wishes[i]);
    }
    request_reply(rq, &r);
}
