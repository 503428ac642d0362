/* Which of the other brokers' processes are gone, as far as this broker can tell by itself.
 *
 * Asked only while its lease with the controller is about to end or over (replica/lease.h): a
 * replica that fetches no more may lead in our place, unless nobody is there. Its address refusing
 * a connection proves that: a process that is cut off from us, or stands still, refuses nothing.
 * So a broker that is left alone by deaths goes on serving, and one that is cut off does not.
 *
 * Owns: channels to the others, as long as it asks. Tells the replica manager. Thread: the loop's.
 */
#ifndef SAMSA_BROKER_ABSENCE_H
#define SAMSA_BROKER_ABSENCE_H

#include "broker/broker.h"

struct absence;

struct absence *absence_create(struct broker *b);
void absence_destroy(struct absence *a);

/* Of a `struct broker`, as the replica manager's lease_ending: asks every other broker that
 * metadata has; who is still being asked is not asked again. */
void absence_look(void *broker);

/* A controller has answered: it knows better. */
void absence_rest(struct absence *a);

#endif
