/* Topics made because a client named them (auto.create.topics.enable) or a coordinator needs them.
 *
 * Each name is asked of the controller once at a time, whatever the number of clients that want it.
 * Nobody waits: clients ask again (AutoTopicCreationManager). Bound: samsa.auto.topics.wanted.max
 * requests under way for what clients name; beyond it a name is left until somebody names it again.
 * Thread: the loop's. */
#ifndef SAMSA_BROKER_AUTO_TOPICS_H
#define SAMSA_BROKER_AUTO_TOPICS_H

#include "broker/broker.h"

struct auto_topics;

struct auto_topics *auto_topics_create(struct broker *b);

/* Have the topic made: internal topics with their own partition count, replication factor and
 * configuration, others with the cluster's defaults. */
void auto_topics_want(struct auto_topics *a, struct str name);

void auto_topics_destroy(struct auto_topics *a);

#endif
