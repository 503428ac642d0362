/* BROKER_LOGGER resources: the level from which on this node's log has lines. There is one logger,
 * `root`; its level holds until the process ends, as in Kafka (KIP-412). Thread: the loop's. */
#ifndef SAMSA_BROKER_LOGGERS_H
#define SAMSA_BROKER_LOGGERS_H

#include "broker/broker.h"
#include "protocol/error.h"

#define LOGGER_ROOT "root"

enum logger_operation { LOGGER_SET = 0, LOGGER_DELETE = 1, LOGGER_APPEND = 2, LOGGER_SUBTRACT = 3 };

/* May it be done? NONE, or what the client is told, with *why set. */
enum kafka_error logger_check(struct str logger, int8_t operation, struct str level,
                              struct arena *arena, struct str *why);

/* PRE: a SET that has been checked. */
void logger_set(struct trace *trace, struct str level);

#endif
