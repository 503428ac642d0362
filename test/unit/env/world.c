#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "env/os/os.h"

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
