#include "server/controller_apis.h"

#include "broker/handlers/handlers.h"
#include "quorum/quorum.h"
#include "protocol/broker_heartbeat.h"
#include "server/envelope.h"
#include "server/watch.h"

/* One request in the controller's hands; lives in the request's arena. */
struct served {
    struct controller_call call; /* first */
    struct request *request;
    struct controller *controller;
    struct watch *watch;
};

/* A broker has spoken over this connection: when it breaks, that broker is looked at. */
static void heard(struct served *s, const struct broker_heartbeat_response *response)
{
    const struct broker_heartbeat_request *q = s->call.request;
    if (response->error_code != KAFKA_NONE) return;
    request_name_peer(s->request, q->broker_id, q->broker_epoch);
    watch_heartbeat(s->watch, q->broker_id);
}

static void served_done(struct controller_call *call, const void *response)
{
    struct served *s = call->context;
    if (call->api_key == API_BROKER_HEARTBEAT) heard(s, response);
    request_reply(s->request, response);
}

static void served_abandoned(struct request *rq)
{
    struct served *s = rq->context;
    controller_abandon(s->controller, &s->call);
}

static void handle_by_controller(struct request *rq, void *context)
{
    struct controller_apis *a = context;
    struct served *s = ARENA_NEW(&rq->arena, struct served);
    s->request = rq;
    s->controller = a->controller;
    s->watch = a->watch;
    s->call = (struct controller_call){
        .api_key = rq->api_key,
        .version = rq->api_version,
        .request = rq->body,
        .arena = &rq->arena,
        .listener = request_listener(rq),
        .forwarded = rq->deliver != NULL,
        .done = served_done,
        .context = s,
    };
    if (!rq->deliver) { /* a local caller keeps its own struct; nobody may take its place */
        rq->context = s;
        rq->abandoned = served_abandoned;
    }
    if (rq->api_key == API_BROKER_REGISTRATION) watch_registering(a->watch, rq->body);
    controller_handle(a->controller, &s->call);
}

static void handle_versions(struct request *rq, void *context)
{
    struct controller_apis *a = context;
    answer_api_versions(
        rq, &(struct api_versions_facts){.apis = &a->dispatch,
                                         .image = controller_image(a->controller),
                                         .kraft_version = quorum_kraft_version(a->quorum),
                                         .to_clients = false});
}

static void handle_by_quorum(struct request *rq, void *context)
{
    struct controller_apis *a = context;
    a->raft[rq->api_key]->handle(rq, a->quorum);
}

static void handle_configs(struct request *rq, void *context)
{
    struct controller_apis *a = context;
    answer_describe_configs(rq, &(struct configs_facts){controller_image(a->controller),
                                                        controller_config(a->controller),
                                                        controller_node_id(a->controller),
                                                        a->env->trace});
}

static void handle_wrapped(struct request *rq, void *context)
{
    struct controller_apis *a = context;
    handle_envelope(rq, a->env, &a->dispatch);
}

void controller_apis_init(struct controller_apis *a, const struct env *env,
                          struct controller *controller, struct quorum *quorum, struct watch *watch)
{
    *a = (struct controller_apis){
        .controller = controller, .quorum = quorum, .env = env, .watch = watch};
    a->dispatch = (struct dispatch){
        .table = a->table, .count = API_COUNT, .context = a, .own = watch_own_apis(watch)};
    a->table[API_API_VERSIONS] =
        (struct api_handler){.min = 0, .max = 4, .handle = handle_versions};
    a->table[API_DESCRIBE_CONFIGS] =
        (struct api_handler){.min = 1, .max = 4, .handle = handle_configs};
    a->table[API_ENVELOPE] = (struct api_handler){.min = 0, .max = 0, .handle = handle_wrapped};
    int32_t count;
    const struct quorum_api *raft = quorum_apis(&count);
    for (int32_t i = 0; i < count; i++) {
        a->raft[raft[i].key] = &raft[i];
        a->table[raft[i].key] = (struct api_handler){
            .min = raft[i].min_version, .max = raft[i].max_version, .handle = handle_by_quorum};
    }
    const struct controller_api *apis = controller_apis(&count);
    for (int32_t i = 0; i < count; i++)
        a->table[apis[i].key] = (struct api_handler){
            .min = apis[i].min_version, .max = apis[i].max_version, .handle = handle_by_controller};
}
