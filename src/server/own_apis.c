#include "server/own_apis.h"

#include "protocol/error.h"
#include "protocol/read_events.h"

/* ---- whom else to ask */

static void add_node(struct read_events_response *r, int32_t id, const struct image_endpoint *e,
                     bool is_controller)
{
    r->nodes[r->nodes_count++] = (struct read_events_response_node){
        .node_id = id, .is_controller = is_controller, .host = e->host, .port = e->port};
}

/* A broker by the listener the asker came in on, else by its first; a controller that is no broker,
 * or that is asked for on a controller listener, by its first. */
static void list_nodes(const struct own_apis *a, struct request *rq, struct read_events_response *r)
{
    const struct image *image = a->facts.image(a->facts.owner);
    if (!image) return;
    struct str listener = request_listener(rq);
    r->nodes =
        read_events_response_node_new(&rq->arena, image->brokers_count + image->controllers_count);
    r->nodes_count = 0;
    for (int32_t i = 0; i < image->brokers_count; i++) {
        const struct image_broker *b = image->brokers[i];
        const struct image_endpoint *e = image_broker_endpoint(b, listener);
        const struct image_controller *c = image_controller(image, b->id);
        if (e)
            add_node(r, b->id, e, false);
        else if (c && c->endpoints_count > 0)
            add_node(r, b->id, &c->endpoints[0], true);
        else if (b->endpoints_count > 0)
            add_node(r, b->id, &b->endpoints[0], false);
    }
    for (int32_t i = 0; i < image->controllers_count; i++) {
        const struct image_controller *c = image->controllers[i];
        if (image_broker(image, c->id) || c->endpoints_count == 0) continue;
        add_node(r, c->id, &c->endpoints[0], true);
    }
}

/* ---- events */

static void fill(struct read_events_response_event *to, const struct history_event *e,
                 struct arena *arena)
{
    *to = (struct read_events_response_event){
        .sequence = e->sequence,
        .time_ms = e->time.ms,
        .uptime_us = e->uptime_us,
        .times = e->times,
        .last_time_ms = e->last_time.ms,
        .kind = str_of(history_kind_word(e->fact.kind)),
        .about = e->fact.about,
        .epoch = e->fact.epoch,
        .reason = str_of(e->fact.reason),
        .partitions = e->fact.partitions,
        .duration_us = e->fact.duration_us,
        .text = str_of(e->text),
        .items = ARENA_ARRAY(arena, struct str, e->items_count),
        .items_count = e->items_count,
        .items_left_out = e->items_left_out,
    };
    for (int32_t i = 0; i < e->items_count; i++) to->items[i] = str_of(e->items[i]);
}

static void list_events(const struct history *h, struct request *rq, struct read_events_response *r)
{
    const struct read_events_request *q = rq->body;
    if (q->after_sequence >= history_after(h)) return;
    int64_t from = q->after_sequence < 0 ? 0 : q->after_sequence + 1;
    if (from < history_first(h)) from = history_first(h);
    int32_t max = q->events_max < READ_EVENTS_MAX ? q->events_max : READ_EVENTS_MAX;
    int64_t bytes = 0;
    r->events_count = 0;
    if (max <= 0 || from >= history_after(h)) return;
    if (max > history_after(h) - from) max = (int32_t)(history_after(h) - from);
    r->events = read_events_response_event_new(&rq->arena, max);
    r->events_count = 0;
    while (r->events_count < max) {
        const struct history_event *e = history_get(h, from + r->events_count);
        bytes += e->bytes;
        if (bytes > READ_EVENTS_BYTES_MAX && r->events_count > 0) break;
        fill(&r->events[r->events_count++], e, &rq->arena);
    }
}

static void handle_read_events(struct request *rq, void *context)
{
    const struct own_apis *a = context;
    const struct history *h = a->facts.history;
    struct read_events_response r;
    read_events_response_init(&r);
    r.error_code = KAFKA_NONE;
    r.cluster_id = str_of(a->facts.cluster_id);
    r.node_id = a->facts.node_id;
    r.incarnation_id = a->facts.incarnation_id;
    r.time_ms = clock_wall(a->facts.clock).ms;
    r.uptime_us = history_uptime_us(h);
    r.first_sequence = history_first(h);
    r.end_sequence = history_after(h);
    list_nodes(a, rq, &r);
    list_events(h, rq, &r);
    request_reply(rq, &r);
}

void own_apis_init(struct own_apis *a, const struct own_apis_facts *facts)
{
    *a = (struct own_apis){.facts = *facts};
    a->table[API_READ_EVENTS - OWN_API_FIRST] =
        (struct api_handler){.min = 0, .max = 0, .handle = handle_read_events};
    a->dispatch =
        (struct dispatch){.table = a->table, .count = OWN_API_END - OWN_API_FIRST, .context = a};
}
