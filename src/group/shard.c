#include "group/shard.h"

#include <stdio.h>

#include "base/mem.h"
#include "group/text.h"

/* A group's own record in flight. */
struct record_op {
    struct rsm_write write;
    struct group_shard *shard;
    struct shard_group
        *sg; /* lives as long: a group is not removed while it has writes in flight */
    struct group_write *what;
    struct list_node failed;
    enum kafka_error error;
};

static void machine_loaded(struct rsm_machine *m, bool ok);
static void group_timer_fired(struct timer *t);
static void expiry_fired(struct timer *t);
static void tell_failed_run(struct task *t);

static const struct rsm_machine_ops machine_ops = {
    .replay = shard_replay, .end_transaction = shard_end_transaction, .loaded = machine_loaded};

/* ---- answers and records of groups ---- */

static void host_join_reply(struct group_host *h, struct group_call *call,
                            const struct join_group_response *response)
{
    (void)h;
    call->done(call, response);
}

static void host_sync_reply(struct group_host *h, struct group_call *call,
                            const struct sync_group_response *response)
{
    (void)h;
    call->done(call, response);
}

static void record_op_end(struct record_op *op, enum kafka_error error)
{
    struct group_shard *s = op->shard;
    struct group_world w = shard_enter(s);
    group_written(op->sg->group, &w, op->what, error ? rsm_client_error(error) : KAFKA_NONE);
    shard_leave(s, op->sg);
    mem_free(op);
}

static void record_op_done(struct rsm_write *write, enum kafka_error error)
{
    struct record_op *op = CONTAINER_OF(write, struct record_op, write);
    if (error)
        trace_warn(op->shard->env->trace, "group", "%s: the record of group %.*s failed: error %d",
                   op->shard->name, STR_ARG(op->sg->group->id), error);
    record_op_end(op, error);
}

static void tell_failed_run(struct task *t)
{
    struct group_shard *s = CONTAINER_OF(t, struct group_shard, tell_failed);
    while (!list_empty(&s->failed)) {
        struct record_op *op = CONTAINER_OF(s->failed.next, struct record_op, failed);
        list_remove(&op->failed);
        record_op_end(op, op->error);
    }
}

static void host_write(struct group_host *h, struct group *g,
                       const struct group_metadata_value *value, struct group_write *what)
{
    struct group_shard *s = CONTAINER_OF(h, struct group_shard, host);
    struct record_op *op = MEM_NEW(struct record_op);
    list_init(&op->failed);
    op->shard = s;
    op->sg = shard_find(s, g->id);
    op->what = what;
    op->write.done = record_op_done;
    struct arena arena;
    arena_init(&arena, 0);
    struct record_list l;
    record_list_init(&l, &arena);
    records_add_group(&l, g->id, value);
    op->error = rsm_shard_write(&s->rsm, &op->write, l.records, l.count, clock_wall(s->env->clock));
    record_list_free(&l);
    arena_free(&arena);
    if (!op->error) return;
    trace_warn(s->env->trace, "group", "%s: the record of group %.*s was refused: error %d",
               s->name, STR_ARG(g->id), op->error);
    list_push_back(&s->failed, &op->failed);
    task_post(s->env->clock, &s->tell_failed);
}

static const struct group_host_ops host_ops = {
    .join_reply = host_join_reply, .sync_reply = host_sync_reply, .write = host_write};

/* ---- lifecycle ---- */

struct group_shard *shard_create(const struct env *env, const struct group_settings *settings,
                                 int32_t partition)
{
    struct group_shard *s = MEM_NEW(struct group_shard);
    s->machine.ops = &machine_ops;
    s->host.ops = &host_ops;
    s->env = env;
    s->settings = settings;
    snprintf(s->name, sizeof s->name, "__consumer_offsets-%d", partition);
    rsm_shard_init(&s->rsm, env, &s->machine, s->name, settings->commit_timeout_ms);
    s->rsm.compression = (enum compression)settings->compression;
    map_init(&s->groups);
    map_init(&s->transactions);
    timer_init(&s->expiry, expiry_fired);
    list_init(&s->failed);
    task_init(&s->tell_failed, tell_failed_run);
    arena_init(&s->scratch, 0);
    return s;
}

void shard_unload(struct group_shard *s)
{
    rsm_shard_unload(&s->rsm);
    tell_failed_run(&s->tell_failed);
    task_cancel(&s->tell_failed);
    timer_cancel(s->env->clock, &s->expiry);
    while (s->groups.count > 0) {
        struct shard_group *sg = s->groups.entries[s->groups.count - 1].value;
        group_end(sg->group, &s->host, KAFKA_NOT_COORDINATOR);
        shard_remove(s, sg);
    }
    shard_forget_transactions(s);
}

void shard_destroy(struct group_shard *s)
{
    rsm_shard_free(&s->rsm);
    map_free(&s->groups);
    map_free(&s->transactions);
    arena_free(&s->scratch);
    mem_free(s);
}

struct group_world shard_enter(struct group_shard *s)
{
    s->depth++;
    return (struct group_world){
        .host = &s->host,
        .settings = s->settings,
        .rng = s->env->rng,
        .scratch = &s->scratch,
        .now = clock_mono(s->env->clock),
        .wall = clock_wall(s->env->clock),
    };
}

void shard_leave(struct group_shard *s, struct shard_group *sg)
{
    if (--s->depth == 0) arena_reset(&s->scratch);
    if (!sg || sg->group->wake.ns == INT64_MAX) return;
    /* Never later than wake; earlier costs one look in vain. */
    if (!timer_armed(&sg->timer) || sg->timer.due.ns > sg->group->wake.ns)
        timer_arm(s->env->clock, &sg->timer, sg->group->wake);
}

static void group_timer_fired(struct timer *t)
{
    struct shard_group *sg = CONTAINER_OF(t, struct shard_group, timer);
    struct group_world w = shard_enter(sg->shard);
    group_tick(sg->group, &w);
    shard_leave(sg->shard, sg);
}

static void expiry_fired(struct timer *t)
{
    struct group_shard *s = CONTAINER_OF(t, struct group_shard, expiry);
    timer_arm_in_ms(s->env->clock, t, s->settings->retention_check_ms);
    if (shard_expire(s)) timer_arm_in_ms(s->env->clock, t, SHARD_EXPIRY_AGAIN_MS);
}

static void machine_loaded(struct rsm_machine *m, bool ok)
{
    struct group_shard *s = CONTAINER_OF(m, struct group_shard, machine);
    if (!ok) return;
    s->expiry_left = 0;
    for (uint32_t i = 0; i < s->groups.count; i++) {
        struct shard_group *sg = s->groups.entries[i].value;
        struct group_world w = shard_enter(s);
        group_activate(sg->group, &w);
        shard_leave(s, sg);
    }
    timer_arm_in_ms(s->env->clock, &s->expiry, s->settings->retention_check_ms);
}

struct shard_group *shard_find(const struct group_shard *s, struct str id)
{
    return map_get_str(&s->groups, id);
}

struct shard_group *shard_add(struct group_shard *s, struct str id, struct wall_time now)
{
    struct shard_group *sg = MEM_NEW(struct shard_group);
    sg->group = group_new(id, now);
    sg->shard = s;
    timer_init(&sg->timer, group_timer_fired);
    map_put_str(&s->groups, sg->group->id, sg);
    return sg;
}

void shard_remove(struct group_shard *s, struct shard_group *sg)
{
    PRE(sg->group->commits_in_flight == 0 && sg->group->writes_in_flight == 0);
    timer_cancel(s->env->clock, &sg->timer);
    map_remove_str(&s->groups, sg->group->id);
    group_free(sg->group);
    mem_free(sg);
}
