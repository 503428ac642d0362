/* What this broker's leaders propose for their in-sync sets, sent to the controller
 * (AlterPartition).
 *
 * One request is in flight at a time and carries everything pending; what is proposed meanwhile
 * goes with the next one. Whatever came without an answer is sent again after
 * ISR_PROPOSALS_RETRY_MS (AlterPartitionManager).
 * Owns: the request in flight. Thread: the loop's. */
#ifndef SAMSA_BROKER_ISR_PROPOSALS_H
#define SAMSA_BROKER_ISR_PROPOSALS_H

#include "broker/broker.h"

enum { ISR_PROPOSALS_RETRY_MS = 50 };

struct isr_proposals;

struct isr_proposals *isr_proposals_create(struct broker *b);
void isr_proposals_destroy(struct isr_proposals *s);

/* The replica manager has proposals: send them now, or with the next request. */
void isr_proposals_send(struct isr_proposals *s);

#endif
