#include "env/sim/node.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { MILLION = 1000000 };

static const int64_t epoch_ms = 1767225600000; /* 2026-01-01 */

/* ---- clocks */

static int64_t scale(int64_t ns, int64_t ppm)
{
    return (int64_t)((__int128)ns * (MILLION + ppm) / MILLION);
}

int64_t sim_node_mono_ns(const struct sim_node *n)
{
    return n->mono_base_ns + scale(n->sim->queue.now_ns - n->virtual_base_ns, n->drift_ppm);
}

int64_t sim_node_wall_ms(const struct sim_node *n)
{
    return n->wall_frozen ? n->wall_frozen_ms : n->wall_base_ms + sim_node_mono_ns(n) / NS_PER_MS;
}

/* The first virtual time at which the node's clock shows `mono_ns`. */
static int64_t virtual_ns(const struct sim_node *n, int64_t mono_ns)
{
    int64_t span = mono_ns - n->mono_base_ns;
    int64_t at = (int64_t)((__int128)span * MILLION / (MILLION + n->drift_ppm));
    while (scale(at, n->drift_ppm) < span) at++;
    return n->virtual_base_ns + at;
}

static struct sim_process *of_clock(struct clock *c)
{
    return CONTAINER_OF(c, struct sim_process, clock);
}

static struct mono_time clock_now(struct clock *c)
{
    return (struct mono_time){sim_node_mono_ns(of_clock(c)->node)};
}

static struct wall_time clock_wall_now(struct clock *c)
{
    return (struct wall_time){sim_node_wall_ms(of_clock(c)->node)};
}

/* The event of the first timer: one for all of the process's timers. */
static void set_timer_event(struct sim_process *p)
{
    struct sim_queue *q = &p->sim->queue;
    const struct timer *first = timer_heap_first(&p->timers);
    if (!first) {
        sim_queue_remove(q, &p->timer_event);
        return;
    }
    /* A time that is never reached; also keeps virtual_ns from overflowing. */
    if (first->due.ns - sim_node_mono_ns(p->node) > INT64_MAX / 4) {
        sim_queue_remove(q, &p->timer_event);
        return;
    }
    int64_t at = virtual_ns(p->node, first->due.ns);
    if (at < q->now_ns + SIM_TURN_NS) at = q->now_ns + SIM_TURN_NS;
    if (list_linked(&p->timer_event.held)) return; /* paused, and due */
    if (!sim_event_queued(&p->timer_event) || p->timer_event.at_ns != at)
        sim_queue_put(q, &p->timer_event, at);
}

static void clock_timer_cancel(struct clock *c, struct timer *t)
{
    struct sim_process *p = of_clock(c);
    timer_heap_remove(&p->timers, t);
    set_timer_event(p);
}

static void clock_timer_arm(struct clock *c, struct timer *t, struct mono_time due)
{
    struct sim_process *p = of_clock(c);
    if (p->dead) return;
    if (timer_armed(t)) timer_heap_remove(&p->timers, t);
    struct mono_time now = clock_now(c);
    timer_heap_insert(&p->timers, t, due.ns < now.ns ? now : due);
    set_timer_event(p);
}

static void clock_task_post(struct clock *c, struct task *t)
{
    struct sim_process *p = of_clock(c);
    if (p->dead) return;
    list_push_back(&p->tasks, &t->node);
    sim_process_wake(p);
}

static const struct clock_ops clock_ops = {
    .mono = clock_now,
    .wall = clock_wall_now,
    .timer_arm = clock_timer_arm,
    .timer_cancel = clock_timer_cancel,
    .task_post = clock_task_post,
};

static void timers_due(struct sim_event *e)
{
    struct sim_process *p = e->process;
    timer_heap_fire(&p->timers, (struct mono_time){sim_node_mono_ns(p->node)}, &p->dead);
}

/* ---- turns */

static void turn_only(struct sim_event *e)
{
    (void)e; /* what there is to do is done at the end of every turn */
}

void sim_process_wake(struct sim_process *p)
{
    if (p->dead || p->in_turn || sim_event_queued(&p->turn_event)) return;
    sim_queue_put(&p->sim->queue, &p->turn_event, p->sim->queue.now_ns);
}

void sim_process_turn(struct sim_process *p, struct sim_event *e)
{
    p->in_turn = true;
    e->run(e);
    tasks_run(&p->tasks, &p->dead);
    for (int round = 0; !p->dead && !list_empty(&p->attention) && round < 8; round++) {
        sim_net_flush(p);
        tasks_run(&p->tasks, &p->dead);
    }
    p->in_turn = false;
    sim_net_reap(p);
    if (p->dead) return;
    set_timer_event(p);
    if (!list_empty(&p->tasks) || !list_empty(&p->attention))
        sim_queue_put(&p->sim->queue, &p->turn_event, p->sim->queue.now_ns + SIM_TURN_NS);
}

/* ---- randomness */

static void rng_fill_bytes(struct rng *r, void *data, size_t len)
{
    prng_fill(&CONTAINER_OF(r, struct sim_process, rng)->rng_prng, data, len);
}

static const struct rng_ops rng_ops = {.fill = rng_fill_bytes};

/* ---- processes */

static struct sim_process *process_new(struct sim_node *n)
{
    struct sim_process *p = MEM_NEW(struct sim_process);
    p->node = n;
    p->sim = n->sim;
    p->clock.ops = &clock_ops;
    p->rng.ops = &rng_ops;
    char name[32];
    snprintf(name, sizeof name, "rng %d", n->starts);
    p->rng_prng = prng_fork(&n->prng, name);
    list_init(&p->tasks);
    list_init(&p->held);
    sim_event_init(&p->timer_event, SIM_KIND_TIMER, p, timers_due);
    sim_event_init(&p->turn_event, SIM_KIND_TURN, p, turn_only);
    sim_disk_init(p);
    sim_net_init(p);
    sim_trace_init(p);
    p->env = (struct env){
        .clock = &p->clock, .rng = &p->rng, .disk = &p->disk, .net = &p->net, .trace = &p->trace};
    return p;
}

struct env *sim_node_start(struct sim_node *n)
{
    PRE(!n->process);
    if (!n->powered) { /* a fresh boot: the monotonic clock starts over, the wall clock goes on */
        int64_t wall = sim_node_wall_ms(n);
        n->virtual_base_ns = n->sim->queue.now_ns;
        n->mono_base_ns = prng_between(&n->prng, 1, 100) * NS_PER_MS * 1000;
        n->wall_base_ms = wall - n->mono_base_ns / NS_PER_MS;
        n->powered = true;
    }
    n->starts++;
    n->process = process_new(n);
    return &n->process->env;
}

/* From here on nothing the process's objects do has an effect. */
static void process_end(struct sim_node *n, bool silent)
{
    struct sim_process *p = n->process;
    PRE(p != NULL);
    p->dead = true;
    n->process = NULL;
    n->paused = false;
    p->next_ended = n->ended;
    n->ended = p;
    while (timer_heap_first(&p->timers)) timer_heap_remove(&p->timers, p->timers.timers[0]);
    while (!list_empty(&p->tasks)) list_remove(p->tasks.next);
    sim_queue_remove(&p->sim->queue, &p->timer_event);
    sim_queue_remove(&p->sim->queue, &p->turn_event);
    sim_disk_end(p);
    sim_net_end(p, silent);
}

void sim_node_crash(struct sim_node *n)
{
    sim_hash_add(n->sim, 0xc4a5 + (uint64_t)n->index);
    process_end(n, false);
}

void sim_node_power_loss(struct sim_node *n, enum sim_loss loss)
{
    sim_hash_add(n->sim, 0x1055 + (uint64_t)n->index);
    if (n->process) process_end(n, true);
    n->powered = false;
    sim_store_power_loss(&n->store, loss == SIM_LOSS_ALL, &n->disk_prng);
}

bool sim_node_running(const struct sim_node *n)
{
    return n->process != NULL;
}

int64_t sim_node_busy_until_ms(const struct sim_node *n)
{
    return n->process ? n->process->busy_until_ns / NS_PER_MS : 0;
}

void sim_node_pause(struct sim_node *n, bool paused)
{
    n->paused = paused;
    struct sim_process *p = n->process;
    if (paused || !p) return;
    /* timers first, as a turn of the real loop has it */
    bool due = list_linked(&p->timer_event.held);
    if (due) p->timer_event.sequence = 0;
    while (!list_empty(&p->held)) { /* in the order they came */
        struct sim_event *e = CONTAINER_OF(p->held.next, struct sim_event, held);
        sim_queue_put_again(&p->sim->queue, e, p->sim->queue.now_ns);
    }
    if (!due) set_timer_event(p);
}

void sim_node_clock_drift(struct sim_node *n, int64_t ppm)
{
    PRE(ppm > -MILLION / 2 && ppm < MILLION);
    n->mono_base_ns = sim_node_mono_ns(n);
    n->virtual_base_ns = n->sim->queue.now_ns;
    n->drift_ppm = ppm;
    if (n->process) set_timer_event(n->process);
}

void sim_node_wall_step(struct sim_node *n, int64_t ms)
{
    n->wall_base_ms += ms;
    n->wall_frozen_ms += ms;
}

void sim_node_wall_freeze(struct sim_node *n, bool frozen)
{
    n->wall_frozen_ms = sim_node_wall_ms(n);
    n->wall_frozen = frozen;
}

static int64_t list_length(const struct list_node *head)
{
    int64_t n = 0;
    for (const struct list_node *i = head->next; i != head; i = i->next) n++;
    return n;
}

int64_t sim_node_handles(const struct sim_node *n)
{
    int64_t count = 0;
    const struct sim_process *p = n->process ? n->process : n->ended;
    if (p) count = list_length(&p->files) + list_length(&p->conns) + list_length(&p->listeners);
    return count;
}

/* ---- nodes */

struct sim_node *sim_node(struct sim *s, const char *name)
{
    for (int32_t i = 0; i < s->nodes_count; i++)
        if (strcmp(s->nodes[i]->name, name) == 0) return s->nodes[i];
    PRE(s->nodes_count < SIM_NODES_MAX && strlen(name) < SIM_NAME_MAX);
    struct sim_node *n = MEM_NEW(struct sim_node);
    n->sim = s;
    n->index = s->nodes_count;
    snprintf(n->name, sizeof n->name, "%s", name);
    n->prng = prng_fork(&s->prng, name);
    n->disk_prng = prng_fork(&n->prng, "disk");
    n->powered = true;
    n->port_next = 40000;
    n->virtual_base_ns = s->queue.now_ns;
    n->mono_base_ns = prng_between(&n->prng, 1000, 1000000) * NS_PER_MS;
    n->wall_base_ms = epoch_ms + s->queue.now_ns / NS_PER_MS - n->mono_base_ns / NS_PER_MS;
    n->sync_us_min = 100;
    n->sync_us_max = 2000;
    sim_store_init(&n->store);
    for (int32_t i = 0; i <= s->nodes_count; i++) {
        struct sim_link far = {50, 500, false}, near = {5, 20, false};
        s->links[i][n->index] = s->links[n->index][i] = i == n->index ? near : far;
    }
    s->nodes[s->nodes_count++] = n;
    return n;
}

struct env *sim_node_env(struct sim *s, const char *name)
{
    struct sim_node *n = sim_node(s, name);
    return n->process ? &n->process->env : sim_node_start(n);
}

static void process_free(struct sim_process *p)
{
    sim_net_free(p);
    sim_disk_free(p);
    timer_heap_free(&p->timers);
    mem_free(p);
}

void sim_node_free(struct sim_node *n)
{
    if (n->process) process_end(n, true);
    while (n->ended) {
        struct sim_process *p = n->ended;
        n->ended = p->next_ended;
        process_free(p);
    }
    sim_store_free(&n->store);
    mem_free(n);
}
