/* Topics that the broker has made by the controller: each asked for once, not too many at a
 * time. */
#include "broker/auto_topics.h"

#include "broker/controller_channel.h"
#include "data_plane.h"
#include "protocol/create_topics.h"

enum { WANTED_MAX = 3, HELD_MAX = 16 };

struct scene {
    struct plane *plane;
    struct auto_topics *topics;
    struct dispatch controller;
    struct request *held[HELD_MAX]; /* by the controller, not answered */
    int held_count;
};

static void hold(struct request *rq, void *context)
{
    struct scene *s = context;
    assert_true(s->held_count < HELD_MAX);
    s->held[s->held_count++] = rq;
}

static const struct api_handler handlers[API_COUNT] = {
    [API_CREATE_TOPICS] = {.min = 2, .max = 7, .handle = hold}};

static void open_scene(struct scene *s)
{
    *s = (struct scene){.plane = plane_open()};
    struct config_error error;
    assert_ok(config_set((struct config *)(uintptr_t)s->plane->broker.config, LAYER_STATIC,
                         STR("samsa.auto.topics.wanted.max"), STR("3"), &error));
    s->controller = (struct dispatch){.table = handlers, .count = API_COUNT, .context = s};
    s->plane->broker.controller = controller_channel_create(
        s->plane->env, &s->controller, SELF,
        (struct controller_channel_timeouts){.heartbeat_ms = 1000, .others_ms = 30000});
    controller_channel_set_leader(s->plane->broker.controller, SELF, NULL, 0);
    s->topics = auto_topics_create(&s->plane->broker);
}

static void answer_first(struct scene *s)
{
    struct create_topics_response r;
    create_topics_response_init(&r);
    struct request *rq = s->held[0];
    memmove(s->held, s->held + 1, (size_t)--s->held_count * sizeof s->held[0]);
    request_reply(rq, &r);
    plane_pass(s->plane, 1);
}

static void want(struct scene *s, const char *name)
{
    auto_topics_want(s->topics, str_of(name));
    plane_pass(s->plane, 1);
}

TEST(topics_under_way_are_bounded_and_asked_for_again_when_there_is_room)
{
    struct scene s;
    open_scene(&s);
    want(&s, "a");
    want(&s, "a"); /* once at a time */
    assert_int_equal(s.held_count, 1);
    want(&s, "b");
    want(&s, "c");
    want(&s, "d");
    assert_int_equal(s.held_count, WANTED_MAX);
    /* What this node itself needs finds its place whatever clients name. */
    want(&s, "__consumer_offsets");
    assert_int_equal(s.held_count, WANTED_MAX + 1);
    answer_first(&s);
    answer_first(&s);
    want(&s, "d");
    assert_int_equal(s.held_count, WANTED_MAX);
    while (s.held_count > 0) answer_first(&s);
    auto_topics_destroy(s.topics);
    controller_channel_destroy(s.plane->broker.controller);
    s.plane->broker.controller = NULL;
    plane_close(s.plane);
}
