/* The account of one decision, made while its records are replayed: each is compared with what was
 * there before. Nothing is done when nobody listens. */
#include "controller/internal.h"

const char *controller_reason_text(enum controller_reason reason)
{
    static const char *const texts[REASONS_COUNT] = {
        [REASON_NONE] = "none",
        [REASON_BROKER_REGISTERED] = "broker-registered",
        [REASON_BROKER_UNREGISTERED] = "broker-unregistered",
        [REASON_BROKER_UNFENCED] = "broker-unfenced",
        [REASON_BROKER_FENCED] = "broker-fenced",
        [REASON_SESSION_EXPIRED] = "session-expired",
        [REASON_BROKER_LOST] = "broker-lost",
        [REASON_CONTROLLED_SHUTDOWN] = "controlled-shutdown",
        [REASON_DIRECTORY_FAILED] = "directory-failed",
        [REASON_PREFERRED_REQUESTED] = "preferred-requested",
        [REASON_PREFERRED_PERIODIC] = "preferred-periodic",
        [REASON_UNCLEAN_REQUESTED] = "unclean-requested",
        [REASON_UNCLEAN_PERIODIC] = "unclean-periodic",
        [REASON_UNCLEAN_ENABLED] = "unclean-enabled",
        [REASON_ISR_PROPOSED] = "isr-proposed",
        [REASON_REASSIGNMENT] = "reassignment",
        [REASON_DIRECTORY_ASSIGNED] = "directory-assigned",
    };
    PRE(reason < REASONS_COUNT);
    return texts[reason];
}

void account_open(struct controller *c, const struct decision *d, int64_t first_offset,
                  struct account *a)
{
    *a = (struct account){.arena = &c->telling,
                          .told = {.epoch = c->epoch,
                                   .first_offset = first_offset,
                                   .end_offset = first_offset + d->count,
                                   .at = now_of(c),
                                   .reason = (enum controller_reason)d->reasons[0],
                                   .evidence = d->evidence}};
    if (!c->options.events) return;
    arena_reset(a->arena);
    int32_t listed_max =
        d->count < CONTROLLER_CHANGES_LISTED_MAX ? d->count : CONTROLLER_CHANGES_LISTED_MAX;
    a->partitions = ARENA_ARRAY(a->arena, struct controller_partition_change, listed_max);
    a->brokers = ARENA_ARRAY(a->arena, struct controller_broker_change, listed_max);
}

/* ---- brokers */

static void add_broker(struct account *a, struct controller_broker_change change)
{
    if (a->told.brokers_count < CONTROLLER_CHANGES_LISTED_MAX)
        a->brokers[a->told.brokers_count++] = change;
}

static enum controller_standing standing_of(const struct broker_registration_change_record *r)
{
    if (r->fenced > 0) return STANDING_FENCED;
    if (r->fenced < 0) return STANDING_UNFENCED;
    return r->in_controlled_shutdown > 0 ? STANDING_SHUTTING_DOWN : STANDING_DIRECTORIES;
}

static void account_broker(struct account *a, const struct metadata_record *r,
                           enum controller_reason reason)
{
    switch (r->id) {
    case METADATA_RECORD_REGISTER_BROKER:
        add_broker(a, (struct controller_broker_change){r->u.register_broker.broker_id,
                                                        r->u.register_broker.broker_epoch,
                                                        STANDING_REGISTERED, reason});
        break;
    case METADATA_RECORD_UNREGISTER_BROKER:
        add_broker(a, (struct controller_broker_change){r->u.unregister_broker.broker_id,
                                                        r->u.unregister_broker.broker_epoch,
                                                        STANDING_UNREGISTERED, reason});
        break;
    case METADATA_RECORD_BROKER_REGISTRATION_CHANGE: {
        const struct broker_registration_change_record *change = &r->u.broker_registration_change;
        add_broker(a, (struct controller_broker_change){change->broker_id, change->broker_epoch,
                                                        standing_of(change), reason});
        break;
    }
    default: break;
    }
}

/* ---- partitions */

static const struct image_partition *partition_of(const struct controller *c,
                                                  const struct metadata_record *r,
                                                  const struct image_topic **topic)
{
    *topic = image_topic_by_id(image_of(c), r->u.partition_change.topic_id);
    return image_topic_partition(*topic, r->u.partition_change.partition_id);
}

void account_before(struct controller *c, struct account *a, const struct decision *d, int32_t at,
                    struct controller_partition_change *was)
{
    const struct metadata_record *r = &d->records[at];
    (void)a;
    if (!c->options.events || r->id != METADATA_RECORD_PARTITION_CHANGE) return;
    const struct image_topic *topic;
    const struct image_partition *p = partition_of(c, r, &topic);
    *was = (struct controller_partition_change){
        .topic = topic->name,
        .partition = r->u.partition_change.partition_id,
        .old_leader = p->leader,
        .old_isr_count = p->isr_count,
        .reassignment_active = p->adding_count + p->removing_count > 0,
        .reason = (enum controller_reason)d->reasons[at],
    };
}

static void account_count(struct controller_account *told,
                          const struct controller_partition_change *now)
{
    bool moved = now->new_leader != now->old_leader;
    told->changed++;
    told->elected += moved && now->new_leader != LEADER_NONE;
    told->elected_unclean += now->unclean;
    told->leaderless += moved && now->new_leader == LEADER_NONE;
    told->isr_shrunk += now->new_isr_count < now->old_isr_count;
    told->isr_expanded += now->new_isr_count > now->old_isr_count;
    told->reassignments_ended += now->reassignment_ended;
}

void account_after(struct controller *c, struct account *a, const struct decision *d, int32_t at,
                   struct controller_partition_change *was)
{
    const struct metadata_record *r = &d->records[at];
    if (!c->options.events) return;
    if (r->id != METADATA_RECORD_PARTITION_CHANGE) {
        account_broker(a, r, (enum controller_reason)d->reasons[at]);
        return;
    }
    const struct image_topic *topic;
    const struct image_partition *p = partition_of(c, r, &topic);
    bool active = p->adding_count + p->removing_count > 0;
    was->new_leader = p->leader;
    was->leader_epoch = p->leader_epoch;
    was->new_isr_count = p->isr_count;
    was->new_elr_count = p->elr_count;
    was->reassignment_ended = was->reassignment_active && !active;
    was->reassignment_active = active;
    was->unclean = p->leader != LEADER_NONE && p->leader != was->old_leader &&
                   r->u.partition_change.leader_recovery_state == LEADER_RECOVERING;
    account_count(&a->told, was);
    if (a->told.partitions_count < CONTROLLER_CHANGES_LISTED_MAX)
        a->partitions[a->told.partitions_count++] = *was;
}

void account_close(struct controller *c, struct account *a)
{
    const struct controller_events *events = c->options.events;
    if (!events || !events->decided || a->told.changed + a->told.brokers_count == 0) return;
    a->told.brokers = a->brokers;
    a->told.partitions = a->partitions;
    events->decided(events->owner, &a->told);
}
