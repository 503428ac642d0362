/* The group handlers: what of a request metadata knows, versions, several groups in one answer. */
#include <stdio.h>

#include "data_plane.h"
#include "group/coordinator.h"
#include "memory_log.h"
#include "protocol/find_coordinator.h"

enum { TEXT_LEN = 2000 };

struct scene {
    struct plane *plane;
    struct memory_log log;
    struct dispatch dispatch;
    struct arena arena;
};

static char answer[TEXT_LEN]; /* the latest, as text */
static int answers;

static const struct api_handler handlers[API_COUNT] = {
    [API_OFFSET_COMMIT] = {.min = 2, .max = 10, .handle = handle_offset_commit},
    [API_OFFSET_FETCH] = {.min = 1, .max = 10, .handle = handle_offset_fetch},
    [API_OFFSET_DELETE] = {.min = 0, .max = 0, .handle = handle_offset_delete},
    [API_FIND_COORDINATOR] = {.min = 0, .max = 6, .handle = handle_find_coordinator},
    [API_DESCRIBE_GROUPS] = {.min = 0, .max = 6, .handle = handle_describe_groups},
};

/* Topics "t" (id 7, two partitions) and "u" (id 8); all groups in a partition led here. */
static void open_scene(struct scene *s)
{
    memset(s, 0, sizeof *s);
    s->plane = plane_open();
    arena_init(&s->arena, 0);
    plane_own_topic(s->plane, "t", 7, 2);
    plane_own_topic(s->plane, "u", 8, 1);
    struct group_settings settings = group_settings_of(s->plane->broker.config);
    s->plane->broker.groups = group_coordinator_create(s->plane->env, &settings);
    group_coordinator_set_partitions(s->plane->broker.groups, 1);
    memory_log_init(&s->log);
    group_coordinator_elected(s->plane->broker.groups, 0, 1, &s->log.log);
    plane_pass(s->plane, 1);
    s->dispatch =
        (struct dispatch){.table = handlers, .count = API_COUNT, .context = &s->plane->broker};
}

static void close_scene(struct scene *s)
{
    group_coordinator_destroy(s->plane->broker.groups);
    plane_close(s->plane);
    memory_log_free(&s->log);
    arena_free(&s->arena);
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list args;
    size_t len = strlen(answer);
    va_start(args, format);
    vsnprintf(answer + len, sizeof answer - len, format, args);
    va_end(args);
}

static void call(struct scene *s, int16_t api, int16_t version, const void *body,
                 void (*deliver)(struct request *, const void *))
{
    answers = 0;
    answer[0] = 0;
    rpc_call_local(s->plane->env, &s->dispatch, api, version, body, STR("test"), deliver, NULL);
    plane_pass(s->plane, 1);
}

/* ---- OffsetCommit */

static void committed(struct request *rq, const void *response)
{
    (void)rq;
    const struct offset_commit_response *r = response;
    answers++;
    for (int32_t i = 0; i < r->topics_count; i++)
        for (int32_t k = 0; k < r->topics[i].partitions_count; k++)
            say("%.*s%s%d=%d ", STR_ARG(r->topics[i].name), r->topics[i].name.len ? "-" : "",
                r->topics[i].partitions[k].partition_index, r->topics[i].partitions[k].error_code);
}

/* Every topic with partitions 0 and 1; `ids` 0: by name. */
static void commit(struct scene *s, const char *group, int count, const char *const *names,
                   const uint8_t *ids, int64_t offset)
{
    struct offset_commit_request q;
    struct offset_commit_request_topic topics[4];
    struct offset_commit_request_partition partitions[2];
    for (int i = 0; i < 2; i++) {
        offset_commit_request_partition_init(&partitions[i]);
        partitions[i].partition_index = i;
        partitions[i].committed_offset = offset + i;
    }
    for (int i = 0; i < count; i++) {
        offset_commit_request_topic_init(&topics[i]);
        if (names) topics[i].name = str_of(names[i]);
        if (ids) topics[i].topic_id = (struct uuid){{[15] = ids[i]}};
        topics[i].partitions = partitions;
        topics[i].partitions_count = 2;
    }
    offset_commit_request_init(&q);
    q.group_id = str_of(group);
    q.topics = topics;
    q.topics_count = count;
    call(s, API_OFFSET_COMMIT, ids ? 10 : 9, &q, committed);
}

/* ---- OffsetFetch */

static void say_partition(struct str topic, struct uuid id, int32_t partition, int64_t offset,
                          int16_t error)
{
    say("%.*s", (int)(topic.len > 0 ? topic.len : 0), topic.len > 0 ? topic.data : "");
    if (!uuid_is_zero(id)) say("#%d", id.bytes[15]);
    say("-%d=%lld", partition, (long long)offset);
    if (error) say("!%d", error);
    say(" ");
}

static void fetched_offsets(struct request *rq, const void *response)
{
    const struct offset_fetch_response *r = response;
    answers++;
    if (r->error_code) say("!%d ", r->error_code);
    for (int32_t i = 0; i < r->topics_count; i++)
        for (int32_t k = 0; k < r->topics[i].partitions_count; k++) {
            const struct offset_fetch_response_partition *p = &r->topics[i].partitions[k];
            say_partition(r->topics[i].name, UUID_ZERO, p->partition_index, p->committed_offset,
                          p->error_code);
        }
    for (int32_t g = 0; g < r->groups_count; g++) {
        const struct offset_fetch_response_group *group = &r->groups[g];
        say("[%.*s%s", STR_ARG(group->group_id), group->error_code ? "!" : " ");
        for (int32_t i = 0; i < group->topics_count; i++)
            for (int32_t k = 0; k < group->topics[i].partitions_count; k++) {
                const struct offset_fetch_response_partitions *p = &group->topics[i].partitions[k];
                say_partition(rq->api_version < 10 ? group->topics[i].name : STR(""),
                              group->topics[i].topic_id, p->partition_index, p->committed_offset,
                              p->error_code);
            }
        say("]");
    }
}

/* The old form: one group, partition 0 of a topic (NULL: everything). */
static void fetch_one(struct scene *s, int16_t version, const char *group, const char *topic)
{
    int32_t zero = 0;
    struct offset_fetch_request_topic t = {
        .name = str_of(topic), .partition_indexes = &zero, .partition_indexes_count = 1};
    struct offset_fetch_request q;
    offset_fetch_request_init(&q);
    q.group_id = str_of(group);
    q.topics = topic ? &t : NULL;
    q.topics_count = topic ? 1 : -1;
    call(s, API_OFFSET_FETCH, version, &q, fetched_offsets);
}

/* The new form: everything of each of these groups. */
static void fetch_groups(struct scene *s, int16_t version, const char *one, const char *two,
                         bool stable)
{
    struct offset_fetch_request_group groups[2];
    struct offset_fetch_request q;
    offset_fetch_request_init(&q);
    for (int i = 0; i < 2; i++) {
        offset_fetch_request_group_init(&groups[i]);
        groups[i].group_id = str_of(i ? two : one);
        groups[i].topics_count = -1;
    }
    q.groups = groups;
    q.groups_count = two ? 2 : 1;
    q.require_stable = stable;
    call(s, API_OFFSET_FETCH, version, &q, fetched_offsets);
}

static const char *const names[] = {"t", "gone", "u"};

TEST(offsets_of_what_metadata_does_not_know_are_refused_and_the_rest_is_committed)
{
    struct scene s;
    open_scene(&s);
    commit(&s, "g", 3, names, NULL, 10);
    assert_string_equal(answer, "t-0=0 t-1=0 gone-0=3 gone-1=3 u-0=0 u-1=3 ");
    fetch_one(&s, 7, "g", NULL);
    assert_string_equal(answer, "t-0=10 t-1=11 u-0=10 ");
    commit(&s, "g", 1, &names[1], NULL, 10);
    assert_string_equal(answer, "gone-0=3 gone-1=3 ");
    close_scene(&s);
}

TEST(topics_may_be_named_by_id)
{
    struct scene s;
    uint8_t ids[] = {7, 99};
    open_scene(&s);
    commit(&s, "g", 2, NULL, ids, 20);
    assert_string_equal(answer, "0=0 1=0 0=100 1=100 ");
    fetch_one(&s, 5, "g", "t");
    assert_string_equal(answer, "t-0=20 ");
    fetch_groups(&s, 10, "g", NULL, false);
    assert_string_equal(answer, "[g #7-0=20 #7-1=21 ]");
    close_scene(&s);
}

TEST(unknown_ids_are_answered_behind_the_known_ones)
{
    struct scene s;
    open_scene(&s);
    commit(&s, "g", 1, names, NULL, 10);
    int32_t one = 1;
    struct offset_fetch_request_topics topics[2];
    for (int i = 0; i < 2; i++) {
        offset_fetch_request_topics_init(&topics[i]);
        topics[i].topic_id = (struct uuid){{[15] = i ? 7 : 99}};
        topics[i].partition_indexes = &one;
        topics[i].partition_indexes_count = 1;
    }
    struct offset_fetch_request_group group;
    offset_fetch_request_group_init(&group);
    group.group_id = STR("g");
    group.topics = topics;
    group.topics_count = 2;
    struct offset_fetch_request q;
    offset_fetch_request_init(&q);
    q.groups = &group;
    q.groups_count = 1;
    call(&s, API_OFFSET_FETCH, 10, &q, fetched_offsets);
    assert_string_equal(answer, "[g #7-1=11 #99-1=-1!100 ]");
    close_scene(&s);
}

TEST(several_groups_are_answered_together_once_all_are_stable)
{
    struct scene s;
    open_scene(&s);
    commit(&s, "g", 1, names, NULL, 10);
    commit(&s, "h", 1, &names[2], NULL, 30);
    s.log.hold = true;
    commit(&s, "g", 1, names, NULL, 50);
    assert_int_equal(answers, 0);
    fetch_groups(&s, 9, "g", "h", true);
    assert_int_equal(answers, 0);
    s.log.watermark = s.log.end;
    group_coordinator_high_watermark_moved(s.plane->broker.groups, 0);
    plane_pass(s.plane, 1);
    assert_string_equal(answer, "t-0=0 t-1=0 [g t-0=50 t-1=51 ][h u-0=30 ]");
    close_scene(&s);
}

TEST(all_offsets_of_a_group_are_told_once_however_often_they_are_asked_for)
{
    struct scene s;
    open_scene(&s);
    commit(&s, "g", 1, names, NULL, 10);
    fetch_groups(&s, 8, "g", "g", false);
    assert_string_equal(answer, "[g t-0=10 t-1=11 ]");
    close_scene(&s);
}

TEST(errors_of_a_fetch_are_put_where_the_version_has_a_place_for_them)
{
    struct scene s;
    open_scene(&s);
    group_coordinator_resigned(s.plane->broker.groups, 0);
    fetch_one(&s, 1, "g", "t");
    assert_string_equal(answer, "t-0=-1!16 ");
    fetch_one(&s, 7, "g", "t");
    assert_string_equal(answer, "!16 ");
    fetch_groups(&s, 8, "g", NULL, false);
    assert_string_equal(answer, "[g!]");
    commit(&s, "g", 1, names, NULL, 10);
    assert_string_equal(answer, "t-0=16 t-1=16 ");
    close_scene(&s);
}

/* ---- OffsetDelete */

static void deleted(struct request *rq, const void *response)
{
    (void)rq;
    const struct offset_delete_response *r = response;
    answers++;
    if (r->error_code) say("!%d ", r->error_code);
    for (int32_t i = 0; i < r->topics_count; i++)
        for (int32_t k = 0; k < r->topics[i].partitions_count; k++)
            say("%.*s-%d=%d ", STR_ARG(r->topics[i].name),
                r->topics[i].partitions[k].partition_index, r->topics[i].partitions[k].error_code);
}

TEST(offsets_of_partitions_that_exist_can_be_deleted)
{
    struct scene s;
    struct offset_delete_request_partition partitions[2] = {{1}, {5}};
    struct offset_delete_request_topic topic = {
        .name = STR("t"), .partitions = partitions, .partitions_count = 2};
    struct offset_delete_request q;
    open_scene(&s);
    commit(&s, "g", 1, names, NULL, 10);
    offset_delete_request_init(&q);
    q.group_id = STR("g");
    q.topics = &topic;
    q.topics_count = 1;
    call(&s, API_OFFSET_DELETE, 0, &q, deleted);
    assert_string_equal(answer, "t-1=0 t-5=3 ");
    fetch_one(&s, 7, "g", NULL);
    assert_string_equal(answer, "t-0=10 ");
    q.group_id = STR("none");
    call(&s, API_OFFSET_DELETE, 0, &q, deleted);
    assert_string_equal(answer, "!69 ");
    close_scene(&s);
}

/* ---- FindCoordinator */

static void found(struct request *rq, const void *response)
{
    const struct find_coordinator_response *r = response;
    answers++;
    if (rq->api_version < 4)
        say("%d %.*s:%d !%d", r->node_id, STR_ARG(r->host), r->port, r->error_code);
    for (int32_t i = 0; i < r->coordinators_count; i++)
        say("%.*s=%d %.*s:%d !%d ", STR_ARG(r->coordinators[i].key), r->coordinators[i].node_id,
            STR_ARG(r->coordinators[i].host), r->coordinators[i].port,
            r->coordinators[i].error_code);
}

static void find(struct scene *s, int16_t version, int8_t type, const char *one, const char *two)
{
    struct find_coordinator_request q;
    struct str keys[2] = {str_of(one), str_of(two)};
    find_coordinator_request_init(&q);
    q.key = keys[0];
    q.key_type = type;
    q.coordinator_keys = keys;
    q.coordinator_keys_count = version < 4 ? 0 : two ? 2 : 1;
    call(s, API_FIND_COORDINATOR, version, &q, found);
}

TEST(a_groups_coordinator_leads_the_partition_its_id_names)
{
    struct scene s;
    int32_t us = SELF, them = OTHER;
    open_scene(&s);
    plane_topic(s.plane, "__consumer_offsets", 50);
    plane_partition(s.plane, 50, 0, &us, 1, 1);
    plane_partition(s.plane, 50, 1, &them, 1, 1);
    group_coordinator_set_partitions(s.plane->broker.groups, 3);
    /* "a" hashes to 97, "b" to 98, "c" to 99: partitions 1, 2 (which does not exist) and 0. */
    find(&s, 4, 0, "c", "a");
    assert_string_equal(answer, "c=1 one:9001 !0 a=2 two:9002 !0 ");
    find(&s, 4, 0, "b", NULL);
    assert_string_equal(answer, "b=-1 :-1 !15 ");
    find(&s, 0, 0, "a", NULL);
    assert_string_equal(answer, "2 two:9002 !0");
    group_coordinator_set_partitions(s.plane->broker.groups, 1);
    close_scene(&s);
}

static void found_text(struct request *rq, const void *response)
{
    const struct find_coordinator_response *r = response;
    answers++;
    say("%.*s", STR_ARG(rq->api_version < 4 ? r->error_message : r->coordinators[0].error_message));
}

TEST(who_asks_for_a_transactions_coordinator_is_told_what_to_do_instead)
{
    struct scene s;
    struct find_coordinator_request q;
    struct str key = STR("x");
    find_coordinator_request_init(&q);
    open_scene(&s);
    q.key = key;
    q.coordinator_keys = &key;
    q.coordinator_keys_count = 1;
    for (int16_t version = 3; version <= 6; version++) {
        q.key_type = 1;
        call(&s, API_FIND_COORDINATOR, version, &q, found_text);
        assert_non_null(strstr(answer, "without transactional.id"));
    }
    q.key_type = 2;
    call(&s, API_FIND_COORDINATOR, 6, &q, found_text);
    assert_non_null(strstr(answer, "share groups"));
    close_scene(&s);
}

TEST(there_are_no_coordinators_of_transactions_and_share_groups_yet)
{
    struct scene s;
    open_scene(&s);
    find(&s, 3, 1, "x", NULL);
    assert_string_equal(answer, "-1 :-1 !35");
    find(&s, 6, 2, "x", NULL);
    assert_string_equal(answer, "x=-1 :-1 !35 ");
    find(&s, 5, 2, "x", NULL);
    assert_string_equal(answer, "x=-1 :-1 !42 ");
    find(&s, 5, 9, "x", NULL);
    assert_string_equal(answer, "x=-1 :-1 !42 ");
    close_scene(&s);
}

/* ---- DescribeGroups */

static void described(struct request *rq, const void *response)
{
    (void)rq;
    const struct describe_groups_response *r = response;
    answers++;
    say("%d %d", r->groups[0].error_code, r->groups[0].authorized_operations);
}

TEST(operations_on_a_group_are_told_when_asked_for)
{
    struct scene s;
    struct describe_groups_request q;
    struct str group = STR("g");
    open_scene(&s);
    commit(&s, "g", 1, names, NULL, 10);
    describe_groups_request_init(&q);
    q.groups = &group;
    q.groups_count = 1;
    call(&s, API_DESCRIBE_GROUPS, 6, &q, described);
    assert_string_equal(answer, "0 -2147483648");
    q.include_authorized_operations = true;
    call(&s, API_DESCRIBE_GROUPS, 6, &q, described);
    assert_string_equal(answer, "0 3400");
    close_scene(&s);
}
