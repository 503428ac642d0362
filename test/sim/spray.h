/* A model producer with acks=0: values go out over a connection and nobody says what became of
 * them. A connection that breaks is made anew, and nothing is sent again.
 *
 * So a value stands once at most, in the topic it was sent to, and those of one connection stand in
 * the order in which they were sent (values.h). No answer ever comes. Once the cluster is well,
 * what is sent is written: one value in each partition is asked for, by as many attempts as it
 * takes. */
#ifndef SAMSA_TEST_SIM_SPRAY_H
#define SAMSA_TEST_SIM_SPRAY_H

#include "client.h"

struct spray;

struct spray *spray_new(struct cluster *c, int32_t number);
void spray_free(struct spray *s);

/* No more values from now on, and then the last ones, when the cluster is well. */
void spray_rest(struct spray *s);
void spray_send_last(struct spray *s);

/* The partition where none of the last ones is committed yet; NULL: there is none such. */
const struct truth *spray_stuck_at(const struct spray *s);

#endif
