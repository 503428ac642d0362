/* A controller over a log in memory, under a clock that the test moves. */
#ifndef SAMSA_TEST_UNIT_CONTROLLER_WORLD_H
#define SAMSA_TEST_UNIT_CONTROLLER_WORLD_H

#include "controller/internal.h"
#include "hand_env.h"
#include "metadata/snapshot.h"
#include "test.h"

struct world_frame {
    int64_t offset;
    int32_t epoch;
    struct bytes value;
};

struct world {
    struct hand_env hand;
    struct trace trace;
    struct committer committer;
    struct config *config;
    struct controller *c;
    struct metadata_record *bootstrap;

    struct arena arena; /* requests and responses, until world_free */
    struct world_frame *log;
    int32_t log_count, log_capacity;
    int64_t end_offset;
    int32_t epoch;
    int32_t appends;
    bool refuse_appends, resigned;
    bool local;            /* requests come from inside the controller's own node, which is 1 */
    struct loader standby; /* follows what is committed */
    int32_t standby_at;
};

/* A world with a fresh controller that leads epoch 1 of a default cluster. */
void world_init(struct world *w);

/* Another controller of the world; the caller frees it. */
struct controller *world_controller(struct world *w, int32_t node_id);

/* Only a standby with an empty image; and a committed record for it. */
void world_start(struct world *w);
void world_feed(struct world *w, int64_t offset, struct bytes value);
void world_free(struct world *w);

/* Pass time; timers and tasks run. Commits what they append. */
void world_sleep(struct world *w, int64_t ms);

/* Commit everything, run tasks. */
void world_commit(struct world *w);
void world_run_tasks(struct world *w);

/* Handle a request, commit, and give its response. */
const void *world_call(struct world *w, int16_t api_key, int16_t version, const void *request);

/* Send without committing; *response is set when answered. */
struct world_call {
    struct controller_call call;
    const void *response;
};
struct world_call *world_send(struct world *w, int16_t api_key, int16_t version,
                              const void *request);

/* Broker `id` registers with `directories` directories and is unfenced. Gives its epoch. */
int64_t world_broker(struct world *w, int32_t id, const char *rack);
int64_t world_register(struct world *w, int32_t id, const char *rack, uint8_t incarnation,
                       int64_t previous_epoch, int16_t *error);
struct broker_registration_request *world_registration(struct world *w, int32_t id,
                                                       const char *rack, uint8_t incarnation,
                                                       int64_t previous_epoch);
const struct broker_heartbeat_response *world_heartbeat(struct world *w, int32_t id, bool fence,
                                                        bool shut_down);

/* Keep all sessions alive for `ms`, except those of brokers in `silent`. */
void world_beat(struct world *w, int64_t ms, int32_t silent);

/* Create a topic; 0 or the error. */
int16_t world_topic(struct world *w, const char *name, int32_t partitions, int16_t factor);
const struct image_partition *world_partition(struct world *w, const char *topic, int32_t id);

/* The n-th last record of the log, decoded. */
const struct metadata_record *world_record(struct world *w, int32_t from_last);

/* S24 and its kin: leaders are in the ISR; ISR and ELR are apart and within the replicas; nobody
 * who is fenced or stopping leads, or is in an ISR where ELR allows it to be empty. */
void world_check_image(const struct image *image);

/* That, and replay gives what the controller has. */
void world_check(struct world *w);

#endif
