/* Java's view of a string: UTF-16 units. Group ids are dealt out over partitions by it for the life
 * of a cluster, and metadata is bounded by it. */
#ifndef SAMSA_GROUP_HASH_H
#define SAMSA_GROUP_HASH_H

#include "base/bytes.h"

/* String.hashCode. What is not UTF-8 counts as U+FFFD, as often as Java's decoder, which Apache
 * Kafka reads names with, puts one: once for the longest beginning of a sequence. */
int32_t java_string_hash(struct str utf8);

/* String.length. */
int32_t java_string_length(struct str utf8);

/* Utils.abs(hash) % partitions: the smallest integer counts as 0. */
int32_t java_string_partition(struct str utf8, int32_t partitions);

#endif
