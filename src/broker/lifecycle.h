/* A broker's standing in its cluster: registered, caught up, serving, leaving
 * (BrokerLifecycleManager).
 *
 *   NOT_RUNNING ─ start ─> STARTING ─ registered and caught up ─> RECOVERY ─ unfenced ─> RUNNING
 *        ^                                                                                 │
 *        └── SHUTTING_DOWN <── may stop, or too long ── PENDING_CONTROLLED_SHUTDOWN <── shutdown
 *
 * Registers with the active controller until it succeeds, then heartbeats: every
 * broker.heartbeat.interval.ms, and at once when something changed that the controller waits for.
 * Registers anew, with the same incarnation, when told STALE_BROKER_EPOCH, and when the cluster
 * begins to keep log directories. Failed directories are in every heartbeat from then on. Whoever
 * stood still for so long (a stopped process, a suspended machine) that the controller may have
 * fenced him serves nobody until a heartbeat sent since has been answered (faults.md S24): others
 * may lead in his place. A controller that is merely out of reach is no
 * reason by itself (replica/lease.h says what is). A controlled
 * shutdown ends without being granted after 5 min, as Kafka's, and already when no controller has
 * answered for CONTROLLERLESS_SHUTDOWN_MS: nobody is there to hand over to. Owns: one call in
 * flight at a time. Thread: the loop's. */
#ifndef SAMSA_BROKER_LIFECYCLE_H
#define SAMSA_BROKER_LIFECYCLE_H

#include "broker/broker.h"

struct lifecycle;

enum { CONTROLLERLESS_SHUTDOWN_MS = 15000 };

/* Kafka's numbers, as the brokerstate metric shows them. */
enum lifecycle_state {
    LIFECYCLE_NOT_RUNNING = 0,
    LIFECYCLE_STARTING = 1,
    LIFECYCLE_RECOVERY = 2,
    LIFECYCLE_RUNNING = 3,
    LIFECYCLE_PENDING_CONTROLLED_SHUTDOWN = 6,
    LIFECYCLE_SHUTTING_DOWN = 7,
};

struct lifecycle_config {
    int64_t heartbeat_interval_ms;          /* broker.heartbeat.interval.ms */
    int64_t registration_timeout_ms;        /* initial.broker.registration.timeout.ms */
    bool controlled_shutdown;               /* controlled.shutdown.enable */
    int64_t controlled_shutdown_timeout_ms; /* 5 min */
    int64_t previous_broker_epoch;          /* from a clean shutdown, else -1 */
    int64_t directory_failure_timeout_ms;   /* log.dir.failure.timeout.ms */
    const struct uuid *log_dirs;            /* directory ids, borrowed for life */
    int32_t log_dirs_count;
    int16_t metadata_version_min, metadata_version_max;
};

struct lifecycle_events {
    /* Registered, or registered anew: broker->epoch is what holds now. */
    void (*registered)(void *owner);
    /* The controller says that we have caught up: recover logs, then call lifecycle_ready. */
    void (*caught_up)(void *owner);
    /* Unfenced for the first time: serve clients. */
    void (*running)(void *owner);
    /* From RUNNING on: serve nobody, or everybody again. A heartbeat's answer says that we are
     * fenced, or we stood still and do not know. */
    void (*fenced)(void *owner, bool fenced);
    /* A controller has answered: broker->heartbeat_answered is newer. */
    void (*lease)(void *owner);
    /* Controlled shutdown is over (granted or timed out): stop. */
    void (*may_stop)(void *owner);
    /* No registration within the timeout, or a failed directory that could not be reported within
     * its own; the node gives up. `why` is one line. */
    void (*failed)(void *owner, const char *why);
    /* Offset of the last metadata record this broker has applied; -1 for none. */
    int64_t (*metadata_offset)(void *owner);
};

struct lifecycle *lifecycle_create(struct broker *broker, const struct lifecycle_config *config,
                                   const struct lifecycle_events *events, void *owner);
void lifecycle_start(struct lifecycle *l);

/* Logs are recovered and the image is applied: ask to be unfenced. */
void lifecycle_ready(struct lifecycle *l);

/* The metadata this broker has applied has moved on; heartbeats at once while the controller waits
 * for it. */
void lifecycle_metadata_moved(struct lifecycle *l);

/* Metadata stands still here while it moves on elsewhere: ask to be fenced and serve nobody, until
 * it moves again. */
void lifecycle_held_back(struct lifecycle *l, bool held_back);

/* Begin a controlled shutdown. may_stop follows. */
void lifecycle_shutdown(struct lifecycle *l);

/* lifecycle_shutdown would ask the controller to move what we lead. */
bool lifecycle_hands_over(const struct lifecycle *l);

/* A log directory has failed: report it with the next heartbeat, sent at once. */
void lifecycle_directory_failed(struct lifecycle *l, struct uuid directory);

/* Directories that take no new replicas (KIP-1066), all of them; told once caught up, and at once
 * when they change. Copied. */
void lifecycle_set_cordoned(struct lifecycle *l, const struct uuid *directories, int32_t count);

/* The controller waits for what we have applied, or believes us gone: heartbeat at once. */
void lifecycle_heartbeat_now(struct lifecycle *l);

/* Send the registration again, same incarnation, at once. */
void lifecycle_register_again(struct lifecycle *l);

enum lifecycle_state lifecycle_state(const struct lifecycle *l);
void lifecycle_destroy(struct lifecycle *l);

#endif
