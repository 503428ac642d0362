/* A group's members as data: adding, removing, protocols and votes. Private to group/. */
#ifndef SAMSA_GROUP_MEMBERS_H
#define SAMSA_GROUP_MEMBERS_H

#include "group/group.h"

#define MONO_NEVER ((struct mono_time){INT64_MAX})

struct member_description {
    struct str member_id, instance_id, client_id, client_host;
    int32_t rebalance_timeout_ms, session_timeout_ms;
};

/* A member of `type` with these protocols joins the group: no join is parked yet. PRE: neither its
 * id nor its instance is a member's; the group supports the protocols. */
struct group_member *members_add(struct group *g, const struct member_description *d,
                                 struct str type,
                                 const struct join_group_request_protocol *protocols,
                                 int32_t count);

/* Its calls have been answered. The leader's place passes to the eldest. */
void members_remove(struct group *g, struct group_member *m);

/* The same member under another id (static members, KIP-345). */
void members_rename(struct group *g, struct group_member *m, struct str member_id);

void members_set_protocols(struct group *g, struct group_member *m,
                           const struct join_group_request_protocol *protocols, int32_t count);

/* What a member with these protocols takes. */
int64_t protocols_size(const struct join_group_request_protocol *protocols, int32_t count);

/* One block, to be given back with mem_free. */
struct join_group_request_protocol *member_copy_protocols(const struct group_member *m);

/* Same names and metadata in the same order. */
bool member_matches(const struct group_member *m,
                    const struct join_group_request_protocol *protocols, int32_t count);

/* An empty group takes any type with any protocol; else type and at least one protocol are
 * common. */
bool members_support(const struct group *g, struct str type,
                     const struct join_group_request_protocol *protocols, int32_t count);

/* Each member votes for the first of its protocols that all have; most votes win, then the one that
 * was voted for first. Points into a member. PRE: there are members. */
struct str members_select_protocol(const struct group *g);

/* The largest of the members'; 0 when there are none. */
int32_t members_rebalance_timeout_ms(const struct group *g);

struct group_member *members_by_instance(const struct group *g, struct str instance_id);

/* Topics of all subscriptions, if the group's protocol type is "consumer" and all can be read. */
void members_compute_subscribed(struct group *g);

#define MEMBERS_EACH(g, m)                                                                  \
    LIST_EACH(&(g)->members, m##_node)                                                      \
        for (struct group_member *m = CONTAINER_OF(m##_node, struct group_member, node); m; \
             m = NULL)

#endif
