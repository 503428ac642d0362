#include "cli/subscription.h"

#include "cli/select.h"

enum { ASK_MS = 5000, LOOK_SOON_MS = 1000, LOOK_AGAIN_MS = 300000 };

bool subscription_init(struct subscription *s, rd_kafka_t *handle, const char *pattern,
                       bool with_internal, char why[JAVA_PATTERN_WHY_MAX])
{
    *s = (struct subscription){.handle = handle, .with_internal = with_internal, .look_ms = -1};
    return java_pattern_compile(&s->pattern, pattern, why);
}

static int by_name(const void *a, const void *b, void *opaque)
{
    const rd_kafka_topic_partition_t *x = a, *y = b;
    (void)opaque;
    return strcmp(x->topic, y->topic);
}

/* NULL: nobody answers. */
static rd_kafka_topic_partition_list_t *matching(const struct subscription *s)
{
    const struct rd_kafka_metadata *m;
    if (rd_kafka_metadata(s->handle, 1, NULL, &m, ASK_MS)) return NULL;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(m->topic_cnt);
    for (int i = 0; i < m->topic_cnt; i++) {
        struct str name = str_of(m->topics[i].topic);
        if (!s->with_internal && topic_is_internal(name)) continue;
        if (java_pattern_matches(&s->pattern, name))
            rd_kafka_topic_partition_list_add(list, m->topics[i].topic, RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_metadata_destroy(m);
    rd_kafka_topic_partition_list_sort(list, by_name, NULL);
    return list;
}

static bool same(const rd_kafka_topic_partition_list_t *a, const rd_kafka_topic_partition_list_t *b)
{
    if (!a || a->cnt != b->cnt) return false;
    for (int i = 0; i < a->cnt; i++)
        if (strcmp(a->elems[i].topic, b->elems[i].topic) != 0) return false;
    return true;
}

rd_kafka_resp_err_t subscription_look(struct subscription *s, int64_t now_ms)
{
    if (s->look_ms >= 0 && now_ms < s->look_ms) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_t *list = matching(s);
    rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR_NO_ERROR;
    s->look_ms = now_ms + (list && list->cnt ? LOOK_AGAIN_MS : LOOK_SOON_MS);
    if (!list) return e;
    if (same(s->topics, list) || !list->cnt) {
        rd_kafka_topic_partition_list_destroy(list);
        return e;
    }
    e = rd_kafka_subscribe(s->handle, list);
    if (s->topics) rd_kafka_topic_partition_list_destroy(s->topics);
    s->topics = list;
    return e;
}

void subscription_free(struct subscription *s)
{
    if (s->topics) rd_kafka_topic_partition_list_destroy(s->topics);
    s->topics = NULL;
    java_pattern_free(&s->pattern);
}
