/* Whether the processes of other brokers live: a small question (ApiVersions) that each answers
 * from its loop at once. An answer proves that its process lived after the question was sent, which
 * no open connection does: a process that is being ended closes its connections one by one, and
 * those who lose theirs first ask before the others have lost theirs.
 *
 *   UNASKED ── ask ──> IN FLIGHT ── answered, broken, refused, nothing in time ──> told ──> UNASKED
 *
 * One question in flight to a broker, however often it is asked. A broker that registers anew is
 * another process: what was in flight to the old one is dropped, and so is its channel.
 *
 * Owns: channels to brokers it has asked, while metadata knows them. Borrows: the broker. Thread:
 * the loop's. */
#ifndef SAMSA_BROKER_PULSES_H
#define SAMSA_BROKER_PULSES_H

#include "broker/peer_channels.h"

struct pulses_config {
    const char *purpose;   /* in the client id; borrowed */
    int64_t answer_ms_max; /* a question ends with TIMEOUT after it */
    int64_t backoff_ms;    /* between attempts to connect */
    /* A question has ended, from the loop: OK when it was answered, in whatever words; CLOSED,
     * RESET, REFUSED, TIMEOUT or what else the network says. Must not ask: its channel is busy. */
    void (*told)(void *context, int32_t id, enum err e);
    void *context;
};

struct pulses {
    struct pulses_config config;
    struct peer_channels channels;
    struct map by_id; /* broker id -> struct pulse */
};

void pulses_init(struct pulses *p, struct broker *b, const struct pulses_config *config);

/* Drops what is in flight, without a word, and every channel. May be used again. */
void pulses_close(struct pulses *p);

/* Ask broker `id`, unless it is being asked. False: metadata has no address of it. */
bool pulses_ask(struct pulses *p, int32_t id);

/* Has it answered what it was asked at `since` or later? */
bool pulses_felt(const struct pulses *p, int32_t id, struct mono_time since);

/* Has it owed an answer for at least so long, or given none to what it was asked last? */
bool pulses_silent(const struct pulses *p, int32_t id, int64_t ms);

/* The image moved: brokers that are gone from it are forgotten. */
void pulses_metadata_moved(struct pulses *p);

#endif
