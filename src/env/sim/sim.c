#include "env/sim/sim.h"

#include "base/mem.h"
#include "env/sim/node.h"

struct script {
    struct sim_event event;
    struct list_node node;
    void (*run)(void *owner);
    void *owner;
    struct sim *sim;
};

struct sim *sim_new(uint64_t seed)
{
    struct sim *s = MEM_NEW(struct sim);
    s->prng = prng_seed(seed);
    s->net_prng = prng_fork(&s->prng, "net");
    s->hash = seed;
    s->lines = mem_zalloc(SIM_TRACE_LINES, sizeof *s->lines);
    list_init(&s->scripts);
    return s;
}

void sim_free(struct sim *s)
{
    for (int32_t i = 0; i < s->nodes_count; i++)
        if (s->nodes[i]->process) sim_node_power_loss(s->nodes[i], SIM_LOSS_ALL);
    for (int32_t i = 0; i < s->nodes_count; i++) sim_node_free(s->nodes[i]);
    while (!list_empty(&s->scripts)) {
        struct script *script = CONTAINER_OF(s->scripts.next, struct script, node);
        list_remove(&script->node);
        mem_free(script);
    }
    sim_queue_free(&s->queue);
    mem_free(s->lines);
    mem_free(s);
}

struct prng sim_fork(const struct sim *s, const char *name)
{
    return prng_fork(&s->prng, name);
}

int64_t sim_now_ms(const struct sim *s)
{
    return s->queue.now_ns / NS_PER_MS;
}

static bool step_until(struct sim *s, int64_t until_ns)
{
    struct sim_event *e = sim_queue_pop(&s->queue, until_ns);
    if (!e) return false;
    struct sim_process *p = e->process;
    if (p && p->node->paused) {
        list_push_back(&p->held, &e->held);
        return true;
    }
    if (p && p->busy_until_ns > s->queue.now_ns) {
        sim_queue_put_again(&s->queue, e, p->busy_until_ns);
        return true;
    }
    s->events++;
    sim_hash_add(s, (uint64_t)s->queue.now_ns);
    sim_hash_add(s, ((uint64_t)e->kind << 32) | (uint32_t)(p ? p->node->index : -1));
    if (p)
        sim_process_turn(p, e);
    else
        e->run(e);
    if (s->check) s->check(s->check_owner, p ? p->node : NULL);
    return true;
}

bool sim_step(struct sim *s)
{
    return step_until(s, INT64_MAX);
}

void sim_run_ms(struct sim *s, int64_t ms)
{
    int64_t until_ns = s->queue.now_ns + ms * NS_PER_MS;
    while (step_until(s, until_ns)) continue;
    s->queue.now_ns = until_ns;
}

bool sim_run_until(struct sim *s, bool (*done)(void *owner), void *owner, int64_t ms_max)
{
    int64_t until_ns = s->queue.now_ns + ms_max * NS_PER_MS;
    while (!done(owner))
        if (!step_until(s, until_ns)) return false;
    return true;
}

void sim_watch(struct sim *s, void (*check)(void *owner, struct sim_node *n), void *owner)
{
    s->check = check;
    s->check_owner = owner;
}

static void script_run(struct sim_event *e)
{
    struct script *script = CONTAINER_OF(e, struct script, event);
    list_remove(&script->node);
    script->run(script->owner);
    mem_free(script);
}

void sim_at_ms(struct sim *s, int64_t ms, void (*run)(void *owner), void *owner)
{
    struct script *script = MEM_NEW(struct script);
    *script = (struct script){.run = run, .owner = owner, .sim = s};
    sim_event_init(&script->event, SIM_KIND_SCRIPT, NULL, script_run);
    list_init(&script->node);
    list_push_back(&s->scripts, &script->node);
    sim_queue_put(&s->queue, &script->event, ms * NS_PER_MS);
}

uint64_t sim_hash(const struct sim *s)
{
    return s->hash;
}

int64_t sim_events(const struct sim *s)
{
    return s->events;
}
