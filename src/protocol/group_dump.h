/* How Kafka's dump tool prints the values of the group coordinator's records: like any message, but
 * in the metadata of a group of consumers the members' subscriptions and assignments, which are
 * bytes there, are printed as what they hold. Bytes that do not hold it stay base64. */
#ifndef SAMSA_PROTOCOL_GROUP_DUMP_H
#define SAMSA_PROTOCOL_GROUP_DUMP_H

#include "protocol/message.h"

void group_value_dump(const struct message *type, const void *m, int16_t version, struct out *o);

#endif
