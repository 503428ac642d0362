/* A plain consumer: reads a partition from its start, by its leader or any replica, then another.
 * Checks what fetching.h checks, and that the end of a log as a leader tells it never goes back
 * (S6). */
#ifndef SAMSA_TEST_SIM_READER_H
#define SAMSA_TEST_SIM_READER_H

#include "client.h"

struct reader;

struct reader *reader_new(struct cluster *c, int32_t number);
void reader_free(struct reader *r);

/* Read every partition from its start to where it is committed now, from leaders only; then it is
 * done. For the end of a run. */
void reader_read_all(struct reader *r);
bool reader_has_read_all(const struct reader *r);
const char *reader_stuck_at(const struct reader *r);

int64_t reader_batches(const struct reader *r);

#endif
