/* Records of __remote_log_metadata in the words of Kafka's own tools, and what is wrong with a
 * record that stands in a frame: varints of frame version, type and version, then the message. */
#ifndef SAMSA_CLI_REMOTE_LOG_FORMAT_H
#define SAMSA_CLI_REMOTE_LOG_FORMAT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "protocol/message.h"

/* The message of a type; NULL: there is none. */
typedef const struct message *(*record_type_find)(int16_t type);

/* Why the value cannot be read, as Kafka's tools say it; NULL: it can, and *type and *out (in the
 * arena) are what it holds. */
const char *record_frame_read(struct bytes value, record_type_find find, int16_t *type, void **out,
                              struct arena *arena);

/* One record, in the arena: its text, or NULL and why it has none. */
const char *remote_log_format(struct bytes value, struct arena *arena, const char **why);

#endif
