#include "impostor.h"

#include "base/mark.h"
#include "base/mem.h"
#include "oracles.h"
#include "protocol/broker_heartbeat.h"
#include "protocol/broker_registration.h"
#include "protocol/vote.h"

enum { TIMEOUT_MS = 3000, STRANGER = PLAN_NODES_MAX + 1 };

enum trick {
    ANOTHER_CLUSTER,
    EARLIER_INCARNATION,
    SECOND_PROCESS,
    CLONED_DIRECTORY,
    VOTER_OF_ANOTHER_DISK, /* the controller is asked for its vote as if it had another directory */
    TRICKS
};

struct impostor {
    struct cluster *cluster;
    struct env *env;
    struct channel *channel; /* to the controller of the attempt; NULL: none yet */
    struct call call;
    bool trying;
    enum trick trick;
    bool as_stranger; /* under an id that the cluster has not */
    const struct machine *as;
};

static void over(struct impostor *i, enum err e, int16_t error, const char *what)
{
    i->trying = false;
    if (!e && i->trick == ANOTHER_CLUSTER) MARK("oracle S25: another cluster is answered");
    if (!e && i->trick == EARLIER_INCARNATION) MARK("oracle S25: an earlier process is answered");
    if (!e && i->trick == SECOND_PROCESS) MARK("oracle S25: a second process is answered");
    if (!e && i->trick == CLONED_DIRECTORY) MARK("oracle S25: a copied directory is answered");
    if (!e && i->trick == VOTER_OF_ANOTHER_DISK)
        MARK("oracle S25: who asks a voter by another directory is answered");
    cluster_say(i->cluster, "impostor", "answered", "%s as %s: %s", what, i->as->name,
                e ? err_text(e) : kafka_error_name(error));
    /* The first process may have ended meanwhile: metadata.c judges that one. */
    if (!e && error == KAFKA_NONE && i->trick != SECOND_PROCESS)
        cluster_broken(i->cluster, "S25", "%s was taken for %s", what, i->as->name);
}

static void registered(struct call *call, enum err e, const void *response)
{
    const struct broker_registration_response *r = response;
    static const char *const names[] = {[ANOTHER_CLUSTER] = "another cluster's broker",
                                        [SECOND_PROCESS] = "a second process",
                                        [CLONED_DIRECTORY] = "who has a copy of its directory"};
    struct impostor *i = CONTAINER_OF(call, struct impostor, call);
    over(i, e, e ? (int16_t)0 : r->error_code, names[i->trick]);
}

static void beaten(struct call *call, enum err e, const void *response)
{
    const struct broker_heartbeat_response *r = response;
    over(CONTAINER_OF(call, struct impostor, call), e, e ? (int16_t)0 : r->error_code,
         "an earlier incarnation");
}

static void ask_to_register(struct impostor *i)
{
    const struct image_broker *b = image_broker(oracles_image(i->cluster->oracles), i->as->id);
    struct broker_registration_request_listener listener = {
        .name = STR("PLAINTEXT"), .host = STR("elsewhere"), .port = 9092};
    struct broker_registration_request_feature features[32];
    struct broker_registration_request q;
    broker_registration_request_init(&q);
    q.broker_id = i->trick == SECOND_PROCESS || !i->as_stranger ? i->as->id : STRANGER;
    q.cluster_id = i->trick == ANOTHER_CLUSTER ? STR("another-cluster") : str_of(cluster_id());
    q.incarnation_id = IMPOSTOR_INCARNATION;
    q.listeners = &listener;
    q.listeners_count = 1;
    for (int32_t k = 0; k < b->features_count && k < 32; k++)
        features[q.features_count++] = (struct broker_registration_request_feature){
            b->features[k].name, b->features[k].min, b->features[k].max};
    q.features = features;
    /* One that is registered: a disk that was replaced just now is nobody's yet. */
    bool cloned = i->trick == CLONED_DIRECTORY && b->directories_count > 0;
    struct uuid directory = cloned ? b->directories[0] : (struct uuid){{9, 9, 9}};
    q.log_dirs = &directory;
    q.log_dirs_count = 1;
    q.previous_broker_epoch = -1;
    channel_call(i->channel, &i->call, API_BROKER_REGISTRATION, -1, &q, registered);
}

static void beat_late(struct impostor *i)
{
    const struct image_broker *b = image_broker(oracles_image(i->cluster->oracles), i->as->id);
    struct broker_heartbeat_request q;
    broker_heartbeat_request_init(&q);
    q.broker_id = i->as->id;
    q.broker_epoch = b->epoch - 1;
    q.current_metadata_offset = oracles_image(i->cluster->oracles)->end_offset;
    channel_call(i->channel, &i->call, API_BROKER_HEARTBEAT, -1, &q, beaten);
}

static void voted(struct call *call, enum err e, const void *response)
{
    const struct vote_response *r = response;
    int16_t error = e ? (int16_t)0 : r->error_code;
    if (!e && !error && r->topics_count == 1 && r->topics[0].partitions_count == 1)
        error = r->topics[0].partitions[0].error_code;
    over(CONTAINER_OF(call, struct impostor, call), e, error, "a voter under another directory");
}

/* In the epoch that is: a later one would be taken note of, whoever is asked. */
static void ask_for_vote(struct impostor *i, const struct machine *to)
{
    const struct quorum_view *v = &i->cluster->oracles->quorum[to->index];
    struct vote_request_partition_data p;
    vote_request_partition_data_init(&p);
    p.replica_epoch = v->epoch;
    p.replica_id = STRANGER;
    p.replica_directory_id = IMPOSTOR_INCARNATION;
    p.voter_directory_id = (struct uuid){{9, 9, 9}};
    p.last_offset_epoch = v->epoch - 1;
    p.last_offset = i->cluster->oracles->metadata.end + 1000;
    struct vote_request_topic_data t = {
        .topic_name = STR("__cluster_metadata"), .partitions = &p, .partitions_count = 1};
    struct vote_request q;
    vote_request_init(&q);
    q.cluster_id = str_of(cluster_id());
    q.voter_id = to->id;
    q.topics = &t;
    q.topics_count = 1;
    channel_call(i->channel, &i->call, API_VOTE, 2, &q, voted);
}

bool impostor_try(struct impostor *i, const struct machine *as, int64_t x, bool calm)
{
    const struct oracles *o = i->cluster->oracles;
    const struct image_broker *b = image_broker(oracles_image(o), as->id);
    if (i->trying || !b) return false;
    if (x % TRICKS == CLONED_DIRECTORY && b->directories_count == 0) return false;
    /* A second process is refused while the first one is known to live; else it is the broker. */
    bool lives = oracles_is_member(o, as) && !as->stopping;
    if (x % TRICKS == SECOND_PROCESS && (!calm || !lives)) return false;
    const struct machine *to = NULL; /* mostly the one that leads */
    for (int32_t k = 0; k < i->cluster->count; k++) {
        const struct machine *m = &i->cluster->machines[k];
        if (m->is_controller && (!to || i->cluster->oracles->quorum[k].leads)) to = m;
    }
    if (i->channel) channel_destroy(i->channel);
    i->channel = channel_create(i->env, &(struct channel_config){.host = to->name,
                                                                 .port = 9093,
                                                                 .client_id = "impostor",
                                                                 .request_timeout_ms = TIMEOUT_MS,
                                                                 .backoff_ms = CLIENT_BACKOFF_MS});
    i->as = as;
    i->trying = true;
    i->trick = (enum trick)(x % TRICKS);
    i->as_stranger = i->trick == CLONED_DIRECTORY || x / TRICKS % 2;
    oracles_impostor_begins(i->cluster->oracles, as, i->trick == SECOND_PROCESS);
    if (i->trick == EARLIER_INCARNATION)
        beat_late(i);
    else if (i->trick == VOTER_OF_ANOTHER_DISK)
        ask_for_vote(i, to);
    else
        ask_to_register(i);
    return true;
}

struct impostor *impostor_new(struct cluster *c)
{
    struct impostor *i = MEM_NEW(struct impostor);
    i->cluster = c;
    i->env = sim_node_env(c->sim, "impostor");
    call_init(&i->call);
    return i;
}

void impostor_free(struct impostor *i)
{
    channel_cancel(&i->call);
    if (i->channel) channel_destroy(i->channel);
    mem_free(i);
}
