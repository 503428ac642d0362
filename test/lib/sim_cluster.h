/* A cluster in the simulator: real nodes (server/node.h) on simulated machines, a model client, and
 * the oracle that compares what was acknowledged with what can be read.
 *
 * Today a cluster of one node; the machinery counts on there being more. */
#ifndef SAMSA_TEST_LIB_SIM_CLUSTER_H
#define SAMSA_TEST_LIB_SIM_CLUSTER_H

#include "env/sim/sim.h"
#include "server/node.h"

struct sim_cluster;

/* Machines are named n1 … and client. Formats and starts every node. */
struct sim_cluster *sim_cluster_new(uint64_t seed);
void sim_cluster_free(struct sim_cluster *c);

struct sim *sim_cluster_sim(struct sim_cluster *c);
struct sim_node *sim_cluster_machine(struct sim_cluster *c);

bool sim_cluster_node_is_up(const struct sim_cluster *c);
bool sim_cluster_node_has_started(const struct sim_cluster *c);
void sim_cluster_start_node(struct sim_cluster *c);
void sim_cluster_crash_node(struct sim_cluster *c);
void sim_cluster_power_loss(struct sim_cluster *c, enum sim_loss loss);
void sim_cluster_stop_node(struct sim_cluster *c); /* cleanly; runs until it has stopped */

/* The model producer: one topic, one batch in flight, every value unique and sent once. */
void sim_cluster_produce(struct sim_cluster *c, bool on);
int64_t sim_cluster_acknowledged(const struct sim_cluster *c);

/* Heals, restarts what is down, reads everything back and compares: every acknowledged value at its
 * offset (S1; after a power loss a suffix may be missing, for with one replica an answer does not
 * wait for the disk), none twice (S13), none that was never sent (S10). NULL when all holds, else
 * what is broken. Must happen within ms_max of virtual time. */
const char *sim_cluster_verify(struct sim_cluster *c, int64_t ms_max);

#endif
