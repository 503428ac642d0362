#include "replica/purgatory.h"

void purgatory_init(struct purgatory *p)
{
    list_init(&p->high_waits);
    list_init(&p->low_waits);
    list_init(&p->watches);
}

static struct offset_wait *wait_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct offset_wait, node);
}

void purgatory_wait(struct list_node *waits, struct offset_wait *w)
{
    struct list_node *at = waits;
    while (at->prev != waits && wait_of(at->prev)->offset > w->offset) at = at->prev;
    list_insert_before(at, &w->node);
}

void purgatory_reached(struct list_node *waits, int64_t watermark, enum kafka_error error)
{
    while (!list_empty(waits) && wait_of(waits->next)->offset <= watermark) {
        struct offset_wait *w = wait_of(waits->next);
        list_remove(&w->node);
        w->done(w, error);
    }
}

void purgatory_fail(struct list_node *waits, enum kafka_error error)
{
    PRE(error != KAFKA_NONE);
    /* Those that wait again from inside `done` are not failed again. */
    struct list_node failing;
    list_init(&failing);
    while (!list_empty(waits)) {
        struct list_node *n = waits->next;
        list_remove(n);
        list_push_back(&failing, n);
    }
    while (!list_empty(&failing)) {
        struct offset_wait *w = wait_of(failing.next);
        list_remove(&w->node);
        w->done(w, error);
    }
}

void purgatory_moved(struct purgatory *p, const struct replica_movement *movement)
{
    LIST_EACH(&p->watches, node) {
        struct replica_watch *w = CONTAINER_OF(node, struct replica_watch, node);
        if (movement->gone) list_remove(&w->node);
        w->moved(w, movement);
    }
}
