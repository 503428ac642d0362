#include "group/members.h"

#include "group/text.h"
#include "protocol/consumer_protocol_subscription.h"

#define CONSUMER_PROTOCOL_TYPE STR("consumer")

static uintptr_t supported_by(const struct group *g, struct str protocol)
{
    return (uintptr_t)map_get_str(&g->supported, protocol);
}

/* Protocol i is not a repetition of an earlier one. */
static bool first_of_name(const struct join_group_request_protocol *protocols, int32_t i)
{
    for (int32_t k = 0; k < i; k++)
        if (str_equal(protocols[k].name, protocols[i].name)) return false;
    return true;
}

static void count_protocols(struct group *g, const struct group_member *m, int by)
{
    for (int32_t i = 0; i < m->protocols_count; i++) {
        if (!first_of_name(m->protocols, i)) continue;
        uintptr_t n = supported_by(g, m->protocols[i].name) + (uintptr_t)by;
        if (n)
            map_put_str(&g->supported, m->protocols[i].name, (void *)n);
        else
            map_remove_str(&g->supported, m->protocols[i].name);
    }
}

int64_t protocols_size(const struct join_group_request_protocol *protocols, int32_t count)
{
    int64_t size = count * (int64_t)sizeof *protocols;
    for (int32_t i = 0; i < count; i++)
        size +=
            protocols[i].name.len + (protocols[i].metadata.len > 0 ? protocols[i].metadata.len : 0);
    return size;
}

/* One block: the array, then the names and metadata it points to. */
static struct join_group_request_protocol *
protocols_copy(const struct join_group_request_protocol *from, int32_t count)
{
    size_t size = (size_t)protocols_size(from, count);
    struct join_group_request_protocol *to = mem_alloc(size);
    char *text = (char *)(to + count);
    for (int32_t i = 0; i < count; i++) {
        size_t name_len = (size_t)from[i].name.len;
        size_t len = (size_t)(from[i].metadata.len > 0 ? from[i].metadata.len : 0);
        if (name_len) memcpy(text, from[i].name.data, name_len);
        if (len) memcpy(text + name_len, from[i].metadata.data, len);
        to[i].name = (struct str){text, from[i].name.len};
        to[i].metadata = (struct bytes){(uint8_t *)text + name_len, (int64_t)len};
        text += name_len + len;
    }
    return to;
}

void members_set_protocols(struct group *g, struct group_member *m,
                           const struct join_group_request_protocol *protocols, int32_t count)
{
    struct join_group_request_protocol *copy = protocols_copy(protocols, count);
    count_protocols(g, m, -1);
    mem_free(m->protocols);
    m->protocols = copy;
    m->protocols_count = count;
    g->protocols_bytes -= m->protocols_bytes;
    m->protocols_bytes = protocols_size(protocols, count);
    g->protocols_bytes += m->protocols_bytes;
    count_protocols(g, m, 1);
}

struct group_member *members_add(struct group *g, const struct member_description *d,
                                 struct str type,
                                 const struct join_group_request_protocol *protocols, int32_t count)
{
    PRE(!group_find_member(g, d->member_id));
    PRE(str_is_null(d->instance_id) || !members_by_instance(g, d->instance_id));
    struct group_member *m = MEM_NEW(struct group_member);
    list_init(&m->node);
    m->member_id = text_copy(d->member_id);
    m->instance_id = text_copy(d->instance_id);
    m->client_id = text_copy(d->client_id);
    m->client_host = text_copy(d->client_host);
    m->rebalance_timeout_ms = d->rebalance_timeout_ms;
    m->session_timeout_ms = d->session_timeout_ms;
    m->assignment = (struct bytes){NULL, 0};
    m->session_deadline = MONO_NEVER;
    if (g->members_count == 0) text_set(&g->protocol_type, type);
    members_set_protocols(g, m, protocols, count);
    list_push_back(&g->members, &m->node);
    map_put_str(&g->members_by_id, m->member_id, m);
    if (!str_is_null(m->instance_id)) map_put_str(&g->members_by_instance, m->instance_id, m);
    g->members_count++;
    if (str_is_null(g->leader)) text_set(&g->leader, m->member_id);
    return m;
}

void members_remove(struct group *g, struct group_member *m)
{
    PRE(!m->join_call && !m->sync_call);
    bool led = str_equal(g->leader, m->member_id);
    count_protocols(g, m, -1);
    g->protocols_bytes -= m->protocols_bytes;
    list_remove(&m->node);
    map_remove_str(&g->members_by_id, m->member_id);
    if (!str_is_null(m->instance_id)) map_remove_str(&g->members_by_instance, m->instance_id);
    g->members_count--;
    if (led)
        text_set(&g->leader,
                 list_empty(&g->members)
                     ? STR_NULL
                     : CONTAINER_OF(g->members.next, struct group_member, node)->member_id);
    text_free(m->member_id);
    text_free(m->instance_id);
    text_free(m->client_id);
    text_free(m->client_host);
    mem_free(m->protocols);
    mem_free((void *)(uintptr_t)m->assignment.data);
    mem_free(m);
}

void members_rename(struct group *g, struct group_member *m, struct str member_id)
{
    PRE(!group_find_member(g, member_id));
    bool leads = str_equal(g->leader, m->member_id);
    map_remove_str(&g->members_by_id, m->member_id);
    text_set(&m->member_id, member_id);
    map_put_str(&g->members_by_id, m->member_id, m);
    if (leads) text_set(&g->leader, member_id);
}

struct join_group_request_protocol *member_copy_protocols(const struct group_member *m)
{
    return protocols_copy(m->protocols, m->protocols_count);
}

bool member_matches(const struct group_member *m,
                    const struct join_group_request_protocol *protocols, int32_t count)
{
    if (count != m->protocols_count) return false;
    for (int32_t i = 0; i < count; i++) {
        struct bytes a = m->protocols[i].metadata, b = protocols[i].metadata;
        if (!str_equal(m->protocols[i].name, protocols[i].name)) return false;
        if (a.len != b.len || (a.len > 0 && memcmp(a.data, b.data, (size_t)a.len) != 0))
            return false;
    }
    return true;
}

bool members_support(const struct group *g, struct str type,
                     const struct join_group_request_protocol *protocols, int32_t count)
{
    if (count > GROUP_PROTOCOLS_MAX) return false;
    if (g->state == GROUP_EMPTY) return type.len > 0 && count > 0;
    if (!str_equal(g->protocol_type, type)) return false;
    for (int32_t i = 0; i < count; i++)
        if (supported_by(g, protocols[i].name) == (uintptr_t)g->members_count) return true;
    return false;
}

struct str members_select_protocol(const struct group *g)
{
    PRE(g->members_count > 0);
    struct map votes;
    map_init(&votes);
    MEMBERS_EACH(g, m)
    {
        for (int32_t i = 0; i < m->protocols_count; i++) {
            struct str name = m->protocols[i].name;
            if (supported_by(g, name) != (uintptr_t)g->members_count) continue;
            map_put_str(&votes, name, (void *)((uintptr_t)map_get_str(&votes, name) + 1));
            break;
        }
    }
    uintptr_t most = 0;
    const struct map_entry *chosen = NULL;
    for (uint32_t i = 0; i < votes.count; i++) {
        if ((uintptr_t)votes.entries[i].value <= most) continue;
        most = (uintptr_t)votes.entries[i].value;
        chosen = &votes.entries[i];
    }
    INVARIANT(chosen != NULL); /* who joins shares a protocol that all have */
    struct str result = STR_NULL;
    const struct group_member *any = CONTAINER_OF(g->members.next, struct group_member, node);
    for (int32_t i = 0; i < any->protocols_count; i++)
        if ((size_t)any->protocols[i].name.len == chosen->key_len &&
            memcmp(any->protocols[i].name.data, chosen->key, chosen->key_len) == 0)
            result = any->protocols[i].name;
    map_free(&votes);
    return result;
}

int32_t members_rebalance_timeout_ms(const struct group *g)
{
    int32_t most = 0;
    MEMBERS_EACH(g, m)
    if (m->rebalance_timeout_ms > most) most = m->rebalance_timeout_ms;
    return most;
}

struct group_member *members_by_instance(const struct group *g, struct str instance_id)
{
    return map_get_str(&g->members_by_instance, instance_id);
}

/* The consumer protocol is read as version 0, which begins every later one. */
static bool add_subscription(struct group *g, struct bytes metadata, struct arena *arena)
{
    struct cursor c = cursor_of_bytes(metadata);
    if (cursor_i16(&c) < 0 || !cursor_ok(&c)) return false;
    struct consumer_protocol_subscription s;
    if (consumer_protocol_subscription_decode(&s, 0, &c, arena)) return false;
    for (int32_t i = 0; i < s.topics_count; i++) map_put_str(&g->subscribed, s.topics[i], g);
    return true;
}

void members_compute_subscribed(struct group *g)
{
    map_free(&g->subscribed);
    map_init(&g->subscribed);
    g->subscribed_known = false;
    if (!str_equal(g->protocol_type, CONSUMER_PROTOCOL_TYPE)) return;
    if (g->members_count > 0 && str_is_null(g->protocol)) return;
    struct arena arena;
    arena_init(&arena, 0);
    bool known = true;
    MEMBERS_EACH(g, m)
    known = known && add_subscription(g, group_member_metadata(g, m), &arena);
    arena_free(&arena);
    g->subscribed_known = known;
}
