/* How kafka-console-consumer.sh prints a record: columns, separators and deserializers, in the
 * words of Kafka's DefaultMessageFormatter, or a coordinator's records as JSON. Prints on standard
 * output. */
#ifndef SAMSA_CLI_RECORD_FORMAT_H
#define SAMSA_CLI_RECORD_FORMAT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "cli/coordinator_format.h"
#include "config/properties.h"

/* What bytes are taken for; AS_BYTES prints them as they are. */
enum record_type {
    AS_BYTES,
    AS_BOOLEAN,
    AS_SHORT,
    AS_INTEGER,
    AS_LONG,
    AS_FLOAT,
    AS_DOUBLE,
    AS_UUID,
    AS_BUFFER, /* how Java shows one: its bounds */
    AS_VOID,   /* nothing may be there */
};

struct record_format {
    enum coordinator_format coordinator;
    bool silent, timestamp, partition, offset, delivery, epoch, headers, key, value;
    const char *key_separator, *line_separator, *headers_separator, *null_literal;
    enum record_type key_type, value_type, header_type;
};

/* False: there is no formatter of that class. Borrows the properties. */
bool record_format_init(struct record_format *f, const char *class, const struct properties *p);

/* NULL, or why the record cannot be printed (static, or good until the next call); columns before
 * the one that cannot are printed by then. */
const char *record_format_print(const struct record_format *f, const rd_kafka_message_t *m);

#endif
