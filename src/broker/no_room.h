/* Replicas that cannot be written because their disk is full. Reads go on and nothing is lost; but
 * while such a replica leads nobody can write, and while it is in sync nothing is committed. So it
 * is given up, where others are in sync: the controller is told that it lies in a LOST directory
 * (KIP-858), which takes it out of the in-sync set and elects another. Once it has room, metadata
 * gets its directory again, and it rejoins as any follower does.
 *
 *   written ── refused ──> no room ── NO_ROOM_GIVE_UP_MS ──> given up
 *      ^                     └─ written again, or not tried for NO_ROOM_IDLE_MS ─┐     │
 *      └──────────── metadata has its directory <────────────────────────────────┴─────┘
 *
 * Metadata may be as full as the rest: what it says LOST of is taken back also when this broker
 * learns of it long after (no_room_placed). Owns: a timer, armed while a replica has no room.
 * Thread: the loop's. */
#ifndef SAMSA_BROKER_NO_ROOM_H
#define SAMSA_BROKER_NO_ROOM_H

#include "broker/broker.h"

enum { NO_ROOM_GIVE_UP_MS = 1000, NO_ROOM_IDLE_MS = 5000, NO_ROOM_LOOK_MS = 500 };

struct no_room;
struct directory_assignments;
struct replica;

/* Borrows both. */
struct no_room *no_room_create(struct broker *b, struct directory_assignments *assignments);
void no_room_destroy(struct no_room *n);

/* A write to one of our replicas found no room. */
void no_room_refused(struct no_room *n);

/* Metadata has another directory for the replica than the one it is in, which is online. */
void no_room_placed(struct no_room *n, const struct replica *r);

#endif
