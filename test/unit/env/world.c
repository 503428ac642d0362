#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "env/os/os.h"
#include "env/sim/sim.h"

struct os_world {
    struct world world; /* first */
    struct os_env os;
};

static void os_step(struct world *w)
{
    os_env_turn(&((struct os_world *)w)->os, 1);
}

static void os_close(struct world *w)
{
    struct os_world *ow = (struct os_world *)w;
    assert_ok(disk_remove_tree(w->env->disk, w->dir));
    os_env_free(&ow->os);
    mem_free(ow);
}

struct world *world_os(void)
{
    struct os_world *ow = MEM_NEW(struct os_world);
    assert_ok(os_env_init(&ow->os));
    ow->world = (struct world){.env = &ow->os.env, .step = os_step, .close = os_close};
    snprintf(ow->world.dir, sizeof ow->world.dir, "/tmp/samsa-unit-XXXXXX");
    assert_non_null(mkdtemp(ow->world.dir));
    return &ow->world;
}

struct world *world_os_one_descriptor(void)
{
    struct world *w = world_os();
    os_env_files_max(&((struct os_world *)w)->os, 1);
    return w;
}

struct sim_world {
    struct world world; /* first */
    struct sim *sim;
};

static void sim_world_step(struct world *w)
{
    struct sim *sim = ((struct sim_world *)w)->sim;
    if (!sim_step(sim)) sim_run_ms(sim, 1);
}

static void sim_world_close(struct world *w)
{
    struct sim_world *sw = (struct sim_world *)w;
    assert_int_equal(sim_node_handles(sim_node(sw->sim, "node")), 0);
    sim_free(sw->sim);
    mem_free(sw);
}

struct world *world_sim(void)
{
    struct sim_world *sw = MEM_NEW(struct sim_world);
    sw->sim = sim_new(1);
    sw->world = (struct world){
        .env = sim_node_env(sw->sim, "node"), .step = sim_world_step, .close = sim_world_close};
    snprintf(sw->world.dir, sizeof sw->world.dir, "/data");
    assert_ok(disk_mkdir(sw->world.env->disk, sw->world.dir));
    return &sw->world;
}
