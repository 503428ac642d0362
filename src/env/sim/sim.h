/* A simulated world: many nodes in one process, under virtual time, from one seed.
 *
 * One queue, ordered by (virtual time, sequence), is the only concurrency. Each event belongs to a
 * node or to the world; an event of a node is one turn of that node's loop: callbacks, then posted
 * tasks, then output. Nothing takes virtual time but waiting. The same seed and the same calls give
 * the same events, which sim_hash proves.
 *
 * A *node* is a machine: a name (which is its host name), a disk, clocks. A *process* is what runs
 * on it between sim_node_start and sim_node_crash or sim_node_power_loss, and has its own `struct
 * env`. When a process ends its env goes dead: its timers are disarmed, its syncs are forgotten,
 * every call into it fails or does nothing. So the caller then frees the dead process's objects
 * with their ordinary functions, closing files and connections, and nothing of that reaches the
 * disk or the network.
 *
 * Owns everything; the caller frees its own objects before sim_free. Thread: one. */
#ifndef SAMSA_ENV_SIM_SIM_H
#define SAMSA_ENV_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "env/env.h"

enum { SIM_NODES_MAX = 64, SIM_NAME_MAX = 48 };

struct sim;
struct sim_node;

struct sim *sim_new(uint64_t seed);
void sim_free(struct sim *s);

/* A generator for the test itself, from the same seed. */
struct prng sim_fork(const struct sim *s, const char *name);

/* ---- running */

/* Milliseconds of virtual time since sim_new. */
int64_t sim_now_ms(const struct sim *s);

/* One event. False when nothing is left to happen. */
bool sim_step(struct sim *s);

/* Every event of that time to come, its last moment included. */
void sim_run_ms(struct sim *s, int64_t ms);

/* Until done(owner), looked at after every event; false when it is not so after ms_max more. */
bool sim_run_until(struct sim *s, bool (*done)(void *owner), void *owner, int64_t ms_max);

/* Looked at after every event: for invariants over all nodes. `n` is whose turn it was, NULL for an
 * event of the world's. NULL ends it. */
void sim_watch(struct sim *s, void (*check)(void *owner, struct sim_node *n), void *owner);

/* Call run(owner) at a virtual time, outside every node: for schedules of faults. */
void sim_at_ms(struct sim *s, int64_t ms, void (*run)(void *owner), void *owner);

/* Of every event, disk operation and trace line so far. */
uint64_t sim_hash(const struct sim *s);
int64_t sim_events(const struct sim *s);

/* The last lines of all nodes to standard error; every line as it comes. */
void sim_trace_dump(const struct sim *s);
void sim_trace_echo(struct sim *s, bool on);

/* ---- nodes */

/* Made at first use, with an empty disk. */
struct sim_node *sim_node(struct sim *s, const char *name);

/* The env of the node's process, started when none runs: sim_node and sim_node_start in one. */
struct env *sim_node_env(struct sim *s, const char *name);

/* A process on the node's disk, with power on. Not while one runs. */
struct env *sim_node_start(struct sim_node *n);
bool sim_node_running(const struct sim_node *n);

/* Does a process of it listen there? */
bool sim_node_listens(const struct sim_node *n, uint16_t port);

/* The process is killed: written bytes survive, its connections end as the kernel ends them. */
void sim_node_crash(struct sim_node *n);

enum sim_loss {
    SIM_LOSS_RANDOM, /* of what was not synced a random part survives, sectors may be torn */
    SIM_LOSS_ALL,    /* everything that was not synced is gone */
};

/* The machine stops, until sim_node_start: what was not synced is lost, peers hear nothing. */
void sim_node_power_loss(struct sim_node *n, enum sim_loss loss);

/* The virtual time until which a slow disk holds the process up; in the past: it is not. */
int64_t sim_node_busy_until_ms(const struct sim_node *n);

/* Its code stands still (SIGSTOP), its clocks do not. */
void sim_node_pause(struct sim_node *n, bool paused);

/* Both clocks run faster by parts per million (negative: slower). */
void sim_node_clock_drift(struct sim_node *n, int64_t ppm);
/* The wall clock jumps; it stands still. */
void sim_node_wall_step(struct sim_node *n, int64_t ms);
void sim_node_wall_freeze(struct sim_node *n, bool frozen);

/* Files and connections the process has open: what is not zero after its objects are freed
 * leaked. */
int64_t sim_node_handles(const struct sim_node *n);

/* ---- disks */

enum sim_disk_op {
    SIM_OPEN = 1,
    SIM_READ = 2,  /* sendfile too */
    SIM_WRITE = 4, /* truncate and preallocate too */
    SIM_SYNC = 8,
    SIM_NAME = 16, /* rename, unlink, mkdir, rmdir, set_modified, lock */
    SIM_SYNC_DIR = 32,
    SIM_LOOK = 64, /* stat, list, size, space */
    SIM_ANY = 127,
};

/* The n-th operation of those kinds from now on (1 is the next) fails with e; for ever: so do all
 * that follow it. A failed write leaves a random part of its bytes behind. A failed sync drops the
 * pages it should have written: a later sync does not bring them back. n 0 ends all faults. */
void sim_disk_fail(struct sim_node *n, unsigned ops, int64_t nth, enum err e, bool for_ever);

/* Faults that have been hit since sim_new; operations counted so far. */
int64_t sim_disk_failed(const struct sim_node *n);
int64_t sim_disk_ops(const struct sim_node *n);

/* Bytes the files of the disk may have in all; NO_SPACE beyond. -1: no limit. */
void sim_disk_budget(struct sim_node *n, int64_t bytes);
int64_t sim_disk_used(const struct sim_node *n);

/* Rot: flips bits of one byte on the medium and in the cache. Err: NOT_FOUND, OUT_OF_RANGE. */
enum err sim_disk_flip(struct sim_node *n, const char *path, int64_t offset, uint8_t bits);

/* How long an asynchronous sync takes: uniform in this range. Default 100 to 2,000. */
void sim_disk_sync_delay(struct sim_node *n, int64_t us_min, int64_t us_max);

/* The device says yes and writes nothing until power loss. Off by default. */
void sim_disk_sync_lies(struct sim_node *n, bool lies);

/* Operations of those kinds take that long: the process stands still meanwhile, as one whose thread
 * waits for a device does, and hears and says nothing. Default 0 for all. */
void sim_disk_delay(struct sim_node *n, unsigned ops, int64_t us_min, int64_t us_max);

/* Nothing ends before that virtual time: the disk stands still, and with it whoever asks it. */
void sim_disk_stand_still(struct sim_node *n, int64_t until_ms);

enum sim_misread {
    SIM_MISREAD_STALE,       /* the sectors as they were before they were last written */
    SIM_MISREAD_MISDIRECTED, /* other sectors of the same file */
    SIM_MISREAD_FLIPPED,     /* one bit is wrong, this time only */
};

/* The n-th read from now on, of files whose path ends with `suffix`, gives wrong bytes and says
 * nothing. n 0 ends it. Reads that cannot be wrong in that way (nothing older, no other sector) are
 * not counted. */
void sim_disk_misread(struct sim_node *n, enum sim_misread how, const char *suffix, int64_t nth);
int64_t sim_disk_misreads(const struct sim_node *n); /* done so far */

/* The directory is gone with all in it, on the medium too: its disk was taken out. Handles that are
 * open still work. Err: NOT_FOUND. */
enum err sim_disk_vanish(struct sim_node *n, const char *path);

/* ---- looking at a disk from outside: costs no operation and leaves no trace */

/* A file's present bytes, until the node's next turn; BYTES_NULL when there is no such file. */
struct bytes sim_disk_peek(const struct sim_node *n, const char *path);

/* Each name in a directory, in the order in which they were made; nothing when it is not there. */
void sim_disk_names(const struct sim_node *n, const char *path,
                    void (*each)(void *owner, const char *name, bool is_dir), void *owner);

/* ---- the network: names are host names; "localhost", "127.0.0.1" and "::1" are the node itself */

/* One direction's delay. Default 50 to 500; inside one node 5 to 20. */
void sim_net_delay(struct sim_node *from, struct sim_node *to, int64_t us_min, int64_t us_max);

/* One direction loses everything. Connections survive and catch up when it is healed, as TCP's do;
 * attempts to connect time out. */
void sim_net_cut(struct sim_node *from, struct sim_node *to, bool cut);

/* Both directions between the node and every other node that exists now. */
void sim_net_isolate(struct sim_node *n, bool cut);

/* One of them only: it hears none of those others; none of them hears it. */
void sim_net_deafen(struct sim_node *n, bool cut);
void sim_net_mute(struct sim_node *n, bool cut);

/* Every connection between the two is reset, with what is on its way lost. */
void sim_net_reset(struct sim_node *a, struct sim_node *b);

struct sim_net_faults {
    int64_t read_max;          /* one recv gives 1 to this many bytes; 0: no limit */
    int64_t write_max;         /* one packet carries 1 to this many bytes; 0: no limit */
    int64_t reset_per_million; /* packets that reset their connection instead */
};
void sim_net_faults(struct sim *s, struct sim_net_faults faults);

#endif
