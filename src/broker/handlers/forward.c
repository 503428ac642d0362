/* Requests that only the active controller can serve, passed on as they are.
 *
 * The answer is given back once the controller has committed. While there is no controller, or it
 * says NOT_CONTROLLER, the request is tried again until FORWARD_TIMEOUT_MS has passed; then the
 * client's connection is closed, and the client, not knowing the outcome, asks again. */
#include "base/mem.h"
#include "broker/handlers/handlers.h"
#include "protocol/alter_configs.h"
#include "protocol/api.h"
#include "protocol/create_partitions.h"
#include "protocol/create_topics.h"
#include "protocol/delete_topics.h"
#include "protocol/describe_quorum.h"
#include "protocol/error.h"
#include "protocol/incremental_alter_configs.h"

enum { FORWARD_TIMEOUT_MS = 60000, FORWARD_RETRY_MS = 20 };

struct forward {
    struct broker *broker;
    struct request *request; /* NULL: its client has gone */
    struct call call;
    struct timer retry;
    struct mono_time deadline;
};

/* The first error of an answer; 0 when there is none. */
static int16_t answer_error(int16_t api_key, const void *response)
{
#define FIRST(type, list)                                      \
    (((const struct type *)response)->list##_count > 0         \
         ? ((const struct type *)response)->list[0].error_code \
         : (int16_t)0)
    switch (api_key) {
    case API_CREATE_TOPICS: return FIRST(create_topics_response, topics);
    case API_DELETE_TOPICS: return FIRST(delete_topics_response, responses);
    case API_CREATE_PARTITIONS: return FIRST(create_partitions_response, results);
    case API_ALTER_CONFIGS: return FIRST(alter_configs_response, responses);
    case API_INCREMENTAL_ALTER_CONFIGS: return FIRST(incremental_alter_configs_response, responses);
    case API_DESCRIBE_QUORUM:
        return ((const struct describe_quorum_response *)response)->error_code;
    default: return 0;
    }
#undef FIRST
}

static void forward_end(struct forward *f)
{
    timer_cancel(f->broker->env.clock, &f->retry);
    mem_free(f);
}

static void forward_done(struct call *call, enum err e, const void *response)
{
    struct forward *f = CONTAINER_OF(call, struct forward, call);
    if (!f->request) {
        forward_end(f);
        return;
    }
    int16_t error = e ? 0 : answer_error(f->request->api_key, response);
    if (!e && error != KAFKA_NOT_CONTROLLER && error != KAFKA_NOT_LEADER_OR_FOLLOWER) {
        request_reply(f->request, response);
        forward_end(f);
        return;
    }
    if (e != ERR_UNSUPPORTED && clock_mono(f->broker->env.clock).ns < f->deadline.ns) {
        timer_arm_in_ms(f->broker->env.clock, &f->retry, FORWARD_RETRY_MS);
        return;
    }
    request_close(f->request);
    forward_end(f);
}

static void forward_send(struct timer *t)
{
    struct forward *f = CONTAINER_OF(t, struct forward, retry);
    broker_call_controller(f->broker, &f->call, f->request->api_key, f->request->api_version,
                           f->request->body, forward_done);
}

static void forward_abandoned(struct request *rq)
{
    struct forward *f = rq->context;
    f->request = NULL;
    if (!f->call.channel) forward_end(f); /* else its answer ends it */
}

void handle_forward(struct request *rq, void *context)
{
    struct forward *f = MEM_NEW(struct forward);
    f->broker = context;
    f->request = rq;
    f->deadline = mono_add_ms(clock_mono(f->broker->env.clock), FORWARD_TIMEOUT_MS);
    call_init(&f->call);
    timer_init(&f->retry, forward_send);
    rq->context = f;
    rq->abandoned = forward_abandoned;
    forward_send(&f->retry);
}
