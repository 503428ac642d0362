/* One controller of a large cluster: what creating, holding, loading, failing over and losing
 * brokers cost it. The brokers are simulated: what they ask is, they are not.
 *
 *     controller [--partitions 1000000] [--topics 1000] [--brokers 100] [--replicas 3] [--write]
 *
 * Real decisions over real images and real frames; the log is one stretch of memory, committed as
 * soon as it is written, so a quorum's disks and network are not in any figure. Virtual time drives
 * timers alone; what is measured is CLOCK_MONOTONIC and the CPU time of this process. Prints one
 * line `key = value` for each figure; --write replaces bench/CONTROLLER.md. Ends with 1 when the
 * controller does not do what it should. Not part of Samsa. */
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/prng.h"
#include "controller/controller.h"
#include "metadata/snapshot.h"
#include "protocol/alter_partition.h"
#include "protocol/broker_heartbeat.h"
#include "protocol/broker_registration.h"
#include "protocol/create_topics.h"
#include "protocol/message.h"

enum {
    FIGURES_MAX = 64,
    TIMERS_MAX = 32,
    BOOTSTRAP_RECORDS = 5,
    FRAME_BYTES_MAX = 1024, /* on average, with all that happens to a partition */
    LOG_BYTES_LEAST = 64 << 20,
    TOPIC_PARTITIONS_MAX = 9999, /* of one request, with the topic's own record */
    HEARTBEATS = 20000,
    HEARTBEAT_MS = 2000,
    STEADY_MS = 600 * 1000,
};

/* Frames one after the other, each behind its size and epoch. Offsets count from 0. */
struct frames {
    uint8_t *data;
    size_t used, room;
    int64_t count, payload_bytes;
};

/* A reader's place in it. */
struct place {
    size_t at;
    int64_t offset;
};

struct figure {
    const char *key, *meaning;
    char value[32];
};

struct bench {
    int32_t partitions, topics, brokers;
    int16_t replicas;
    bool write;

    struct clock clock;
    struct mono_time now;
    struct timer *timers[TIMERS_MAX];
    int32_t timers_count;
    struct list_node tasks;
    struct rng rng;
    struct prng prng;
    struct trace trace;
    struct committer committer;
    struct config *config;
    struct metadata_record bootstrap[BOOTSTRAP_RECORDS];

    struct frames log;
    int32_t epoch;
    struct out encoding;
    struct arena arena; /* of the request in hand */

    struct controller *active, *standby, *second;
    struct place standby_at, second_at; /* what they were fed */
    struct figure figures[FIGURES_MAX];
    int32_t figures_count;
};

static void fail(const char *what)
{
    fprintf(stderr, "controller: %s\n", what);
    exit(1);
}

static void require(bool ok, const char *what)
{
    if (!ok) fail(what);
}

/* ---- figures */

static double seconds_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double wall_s(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

static double cpu_s(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static double heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return (double)(m.uordblks + m.hblkhd);
}

static double resident_bytes(void)
{
    char line[128];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
    if (f) fclose(f);
    return (double)kib * 1024;
}

static void note(struct bench *b, const char *key, int decimals, double value, const char *meaning)
{
    require(b->figures_count < FIGURES_MAX, "too many figures");
    struct figure *f = &b->figures[b->figures_count++];
    f->key = key;
    f->meaning = meaning;
    snprintf(f->value, sizeof f->value, "%.*f", decimals, value);
    printf("%s = %s\n", key, f->value);
    fflush(stdout);
}

/* ---- clock, rng, trace: what a loop would bring */

static struct mono_time mono(struct clock *c)
{
    return CONTAINER_OF(c, struct bench, clock)->now;
}

static struct wall_time wall(struct clock *c)
{
    return (struct wall_time){mono(c).ns / NS_PER_MS};
}

static void arm(struct clock *c, struct timer *t, struct mono_time due)
{
    struct bench *b = CONTAINER_OF(c, struct bench, clock);
    t->due = due;
    if (timer_armed(t)) return;
    require(b->timers_count < TIMERS_MAX, "too many timers");
    t->heap_index = b->timers_count;
    b->timers[b->timers_count++] = t;
}

static void cancel(struct clock *c, struct timer *t)
{
    struct bench *b = CONTAINER_OF(c, struct bench, clock);
    struct timer *last = b->timers[--b->timers_count];
    b->timers[t->heap_index] = last;
    last->heap_index = t->heap_index;
    t->heap_index = -1;
}

static void post(struct clock *c, struct task *t)
{
    list_push_back(&CONTAINER_OF(c, struct bench, clock)->tasks, &t->node);
}

static const struct clock_ops clock_ops = {mono, wall, arm, cancel, post};

static void fill(struct rng *r, void *data, size_t len)
{
    prng_fill(&CONTAINER_OF(r, struct bench, rng)->prng, data, len);
}

static const struct rng_ops rng_ops = {fill};

static void trace_print(struct trace *t, enum trace_level level, const char *component,
                        const char *format, va_list args)
{
    (void)t, (void)level;
    fprintf(stderr, "%s: ", component);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

static const struct trace_ops trace_ops = {trace_print};

/* ---- the log */

/* Outside of the heap, whose size is measured. */
static void frames_open(struct frames *f, int64_t partitions)
{
    size_t room = (size_t)partitions * FRAME_BYTES_MAX + LOG_BYTES_LEAST;
    void *data = mmap(NULL, room, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(data != MAP_FAILED, "no memory for the log");
    *f = (struct frames){.data = data, .room = room};
}

static void frames_add(struct frames *f, const struct metadata_record *r, int32_t epoch,
                       struct out *encoding)
{
    metadata_record_encode(r, encoding);
    size_t len = (size_t)encoding->len;
    require(f->used + len + 8 <= f->room, "the log is full");
    store_be32(f->data + f->used, (uint32_t)len);
    store_be32(f->data + f->used + 4, (uint32_t)epoch);
    out_flatten(encoding, f->data + f->used + 8);
    out_reset(encoding);
    f->used += len + 8;
    f->payload_bytes += (int64_t)len;
    f->count++;
}

static struct bytes frames_next(const struct frames *f, struct place *at, int32_t *epoch)
{
    size_t len = load_be32(f->data + at->at);
    *epoch = (int32_t)load_be32(f->data + at->at + 4);
    struct bytes frame = bytes_of(f->data + at->at + 8, len);
    at->at += len + 8;
    at->offset++;
    return frame;
}

static int64_t end_offset(struct committer *k)
{
    return CONTAINER_OF(k, struct bench, committer)->log.count;
}

static enum err append(struct committer *k, int32_t epoch, const struct metadata_record *records,
                       int32_t count, bool atomic, int64_t *first)
{
    struct bench *b = CONTAINER_OF(k, struct bench, committer);
    (void)atomic;
    require(epoch == b->epoch, "an append of another epoch");
    *first = b->log.count;
    for (int32_t i = 0; i < count; i++) frames_add(&b->log, &records[i], epoch, &b->encoding);
    return ERR_OK;
}

static void resign(struct committer *k, int32_t epoch)
{
    (void)k, (void)epoch;
    fail("the controller resigned");
}

static const struct committer_ops committer_ops = {
    .end_offset = end_offset, .append = append, .resign = resign};

/* All that was appended is committed: answers leave. */
static void commit(struct bench *b)
{
    controller_committed(b->active, b->log.count);
    while (!list_empty(&b->tasks)) {
        struct task *t = CONTAINER_OF(b->tasks.next, struct task, node);
        list_remove(&t->node);
        t->run(t);
    }
}

/* A standby reads on to the end of the log. */
static void follow(struct bench *b, struct controller *c, struct place *at)
{
    while (at->offset < b->log.count) {
        int32_t epoch;
        int64_t offset = at->offset;
        struct bytes frame = frames_next(&b->log, at, &epoch);
        require(controller_apply(c, offset, epoch, frame) == ERR_OK, "a standby refused a record");
    }
}

/* Virtual time passes: timers fire, what they decide is committed. */
static void pass(struct bench *b, int64_t ms)
{
    struct mono_time end = mono_add_ms(b->now, ms);
    for (;;) {
        struct timer *next = NULL;
        for (int32_t i = 0; i < b->timers_count; i++)
            if (!next || b->timers[i]->due.ns < next->due.ns) next = b->timers[i];
        if (!next || next->due.ns > end.ns) break;
        if (next->due.ns > b->now.ns) b->now = next->due;
        cancel(&b->clock, next);
        next->fired(next);
        commit(b);
    }
    b->now = end;
}

/* ---- requests */

struct call {
    struct controller_call call;
    const void *response;
    double decided_s; /* what deciding took, without the answer */
};

static void done(struct controller_call *call, const void *response)
{
    CONTAINER_OF(call, struct call, call)->response = response;
}

/* Decided, committed, answered. The response lives until the arena is reset. */
static struct call send(struct bench *b, int16_t api_key, int16_t version, const void *request)
{
    struct call k = {.call = {.api_key = api_key,
                              .version = version,
                              .request = request,
                              .arena = &b->arena,
                              .listener = STR("CONTROLLER"),
                              .done = done}};
    double begin = wall_s();
    controller_handle(b->active, &k.call);
    k.decided_s = wall_s() - begin;
    commit(b);
    require(k.response, "a committed request got no answer");
    return k;
}

static void broker_register(struct bench *b, int32_t id)
{
    int32_t count;
    const struct feature *table = feature_table(&count);
    struct broker_registration_request rq;
    broker_registration_request_init(&rq);
    rq.broker_id = id;
    rq.cluster_id = STR("cluster");
    rq.incarnation_id = rng_uuid(&b->rng);
    rq.previous_broker_epoch = -1;
    rq.listeners = broker_registration_request_listener_new(&b->arena, 1);
    rq.listeners_count = 1;
    rq.listeners[0] = (struct broker_registration_request_listener){
        STR("PLAINTEXT"), arena_printf(&b->arena, "broker-%d.example", id), 9092, 0};
    rq.features = broker_registration_request_feature_new(&b->arena, count);
    rq.features_count = count;
    for (int32_t i = 0; i < count; i++)
        rq.features[i] = (struct broker_registration_request_feature){str_of(table[i].name),
                                                                      table[i].min, table[i].max};
    struct uuid directory = rng_uuid(&b->rng);
    rq.log_dirs = &directory;
    rq.log_dirs_count = 1;
    const struct broker_registration_response *r =
        send(b, API_BROKER_REGISTRATION, 4, &rq).response;
    require(r->error_code == KAFKA_NONE, "a registration was refused");
    arena_reset(&b->arena);
}

struct beat {
    bool fenced, may_stop;
    double decided_s;
};

static struct beat heartbeat(struct bench *b, int32_t id, bool want_shut_down)
{
    struct broker_heartbeat_request rq;
    broker_heartbeat_request_init(&rq);
    rq.broker_id = id;
    rq.broker_epoch = image_broker(controller_image(b->active), id)->epoch;
    rq.current_metadata_offset = b->log.count - 1;
    rq.want_shut_down = want_shut_down;
    struct call k = send(b, API_BROKER_HEARTBEAT, 2, &rq);
    const struct broker_heartbeat_response *r = k.response;
    require(r->error_code == KAFKA_NONE, "a heartbeat was refused");
    struct beat beat = {r->is_fenced, r->should_shut_down, k.decided_s};
    arena_reset(&b->arena);
    return beat;
}

/* Of everyone alive. Returns how many. */
static int32_t heartbeats(struct bench *b, int32_t but)
{
    int32_t sent = 0;
    for (int32_t id = 0; id < b->brokers; id++) {
        if (id == but || image_broker(controller_image(b->active), id)->fenced) continue;
        require(!heartbeat(b, id, false).fenced, "a broker that is heard of was fenced");
        sent++;
    }
    return sent;
}

static double create_topic(struct bench *b, int32_t at, int32_t partitions)
{
    struct create_topics_request rq;
    create_topics_request_init(&rq);
    rq.topics = create_topics_request_creatable_topic_new(&b->arena, 1);
    rq.topics_count = 1;
    rq.topics[0].name = arena_printf(&b->arena, "topic-%d", at);
    rq.topics[0].num_partitions = partitions;
    rq.topics[0].replication_factor = b->replicas;
    double begin = wall_s();
    const struct create_topics_response *r = send(b, API_CREATE_TOPICS, 7, &rq).response;
    double took = wall_s() - begin;
    require(r->topics[0].error_code == KAFKA_NONE, "a topic was refused");
    arena_reset(&b->arena);
    return took;
}

/* ---- what is measured */

static struct controller *controller_of(struct bench *b, int32_t node_id)
{
    static const char *const features[] = {"eligible.leader.replicas.version", "group.version",
                                           "share.version", "streams.version"};
    for (int i = 0; i < BOOTSTRAP_RECORDS; i++) {
        metadata_record_init(&b->bootstrap[i], METADATA_RECORD_FEATURE_LEVEL, 0);
        struct feature_level_record *level = &b->bootstrap[i].u.feature_level;
        level->name = i == 0 ? FEATURE_METADATA_VERSION : str_of(features[i - 1]);
        level->feature_level = i == 0 ? METADATA_VERSION_DEFAULT : 1;
    }
    struct controller_options options = {.node_id = node_id,
                                         .cluster_id = STR("cluster"),
                                         .config = b->config,
                                         .clock = &b->clock,
                                         .rng = &b->rng,
                                         .trace = &b->trace,
                                         .committer = &b->committer,
                                         .bootstrap = b->bootstrap,
                                         .bootstrap_count = BOOTSTRAP_RECORDS};
    return controller_new(&options);
}

static void measure_registration(struct bench *b)
{
    double begin = wall_s();
    for (int32_t id = 0; id < b->brokers; id++) {
        broker_register(b, id);
        require(!heartbeat(b, id, false).fenced, "a broker that has caught up stays fenced");
    }
    note(b, "brokers", 0, b->brokers, "registered, heard of and unfenced");
    note(b, "registration_ms", 2, (wall_s() - begin) * 1e3, "all of that");
}

static void measure_creation(struct bench *b)
{
    double heap = heap_bytes(), begin = wall_s(), slowest = 0;
    int64_t first = b->log.count, bytes = b->log.payload_bytes;
    for (int32_t t = 0; t < b->topics; t++) {
        int32_t more = t < b->partitions % b->topics;
        double took = create_topic(b, t, b->partitions / b->topics + more);
        if (took > slowest) slowest = took;
    }
    double took = wall_s() - begin;
    const struct image *image = controller_image(b->active);
    require(image->partitions_count == b->partitions && image->topics_count == b->topics,
            "topics or partitions are missing");
    int64_t records = b->log.count - first;
    require(records >= (int64_t)b->partitions + b->topics, "records are missing");
    note(b, "topics", 0, b->topics, "one CreateTopics each");
    note(b, "partitions", 0, b->partitions, "in all of them");
    note(b, "replicas", 0, b->replicas, "of each partition");
    note(b, "create_s", 3, took, "decide, append, replay and answer all of them");
    note(b, "create_slowest_request_ms", 2, slowest * 1e3, "the slowest of those requests");
    note(b, "create_records", 0, (double)records, "written for them");
    note(b, "create_records_per_s", 0, (double)records / took, "");
    note(b, "create_log_bytes", 0, (double)(b->log.payload_bytes - bytes), "their frames");
    note(b, "active_heap_per_partition_bytes", 1, (heap_bytes() - heap) / b->partitions,
         "what the active one's heap grew by");
}

static void measure_log_load(struct bench *b)
{
    malloc_trim(0);
    double heap = heap_bytes(), resident = resident_bytes(), begin = wall_s();
    b->standby = controller_of(b, 2);
    follow(b, b->standby, &b->standby_at);
    double took = wall_s() - begin;
    note(b, "log_load_s", 3, took, "an empty standby is fed the whole log");
    note(b, "log_load_records", 0, (double)b->standby_at.offset, "");
    note(b, "heap_per_partition_bytes", 1, (heap_bytes() - heap) / b->partitions,
         "what this standby takes of the heap");
    note(b, "resident_per_partition_bytes", 1, (resident_bytes() - resident) / b->partitions,
         "and of VmRSS");
    require(image_hash(controller_image(b->standby)) == image_hash(controller_image(b->active)),
            "the standby's image is not the active one's");
}

static void measure_snapshot(struct bench *b)
{
    struct frames file;
    struct image_snapshot s;
    struct metadata_record record;
    frames_open(&file, b->partitions);
    double begin = wall_s();
    image_snapshot_init(&s, controller_image(b->active));
    while (image_snapshot_next(&s, &record, &b->arena)) {
        frames_add(&file, &record, b->epoch, &b->encoding);
        arena_reset(&b->arena);
    }
    image_snapshot_free(&s);
    note(b, "snapshot_write_s", 3, wall_s() - begin, "the image as frames, in memory");
    note(b, "snapshot_records", 0, (double)file.count, "");
    note(b, "snapshot_bytes", 0, (double)file.payload_bytes, "their frames");

    begin = wall_s();
    struct place at = {0};
    b->second = controller_of(b, 3);
    controller_load_begin(b->second);
    while (at.offset < file.count) {
        int32_t epoch;
        struct bytes frame = frames_next(&file, &at, &epoch);
        require(controller_load(b->second, b->log.count, frame) == ERR_OK,
                "a record of the snapshot was refused");
    }
    controller_load_done(b->second, b->log.count, b->epoch);
    note(b, "snapshot_load_s", 3, wall_s() - begin, "an empty standby is fed the snapshot");
    b->second_at = (struct place){b->log.used, b->log.count};
    require(image_hash(controller_image(b->second)) == image_hash(controller_image(b->active)),
            "the image of the snapshot is not the active one's");
    munmap(file.data, file.room);
}

/* The leader of topic-0's partition 0 takes the last one out of its ISR. */
static struct alter_partition_request *shrink_request(struct bench *b, const struct image *image)
{
    const struct image_topic *t = image_topic_by_name(image, STR("topic-0"));
    const struct image_partition *p = image_topic_partition(t, 0);
    struct alter_partition_request *rq = ARENA_NEW(&b->arena, struct alter_partition_request);
    alter_partition_request_init(rq);
    rq->broker_id = p->leader;
    rq->broker_epoch = image_broker(image, p->leader)->epoch;
    rq->topics = alter_partition_request_topic_data_new(&b->arena, 1);
    rq->topics_count = 1;
    rq->topics[0].topic_id = t->id;
    rq->topics[0].partitions = alter_partition_request_partition_data_new(&b->arena, 1);
    rq->topics[0].partitions_count = 1;
    struct alter_partition_request_partition_data *to = rq->topics[0].partitions;
    to->leader_epoch = p->leader_epoch;
    to->partition_epoch = p->partition_epoch;
    to->new_isr_with_epochs = alter_partition_request_broker_state_new(&b->arena, p->isr_count - 1);
    to->new_isr_with_epochs_count = p->isr_count - 1;
    for (int32_t i = 0; i < p->isr_count - 1; i++) {
        int32_t id = partition_isr(p)[i];
        to->new_isr_with_epochs[i] =
            (struct alter_partition_request_broker_state){id, image_broker(image, id)->epoch};
    }
    return rq;
}

static void measure_failover(struct bench *b)
{
    require(!controller_renounce(b->active), "the old leader had something uncommitted");
    controller_free(b->active);
    b->active = b->standby;
    b->standby = NULL;
    const struct image *image = controller_image(b->active);
    const struct alter_partition_request *rq = shrink_request(b, image);
    int64_t missing = b->log.count - controller_end_offset(b->active);
    require(missing == 0, "the standby was not at the end of the log");

    b->epoch++;
    double begin = wall_s();
    controller_lead(b->active, b->epoch);
    commit(b);
    double led = wall_s();
    const struct alter_partition_response *r = send(b, API_ALTER_PARTITION, 3, rq).response;
    double altered = wall_s();
    require(r->error_code == KAFKA_NONE && r->topics[0].partitions[0].error_code == KAFKA_NONE,
            "the new leader refused an AlterPartition");
    arena_reset(&b->arena);
    double created = create_topic(b, b->topics, 10);

    require(controller_is_active(b->active) && controller_epoch(b->active) == b->epoch,
            "the standby does not lead");
    /* A reload makes another image, and one that starts anew lacks what was before. */
    require(controller_image(b->active) == image &&
                controller_end_offset(b->active) == b->log.count &&
                image->partitions_count == b->partitions + 10,
            "something had to be loaded again");
    note(b, "failover_lead_ms", 3, (led - begin) * 1e3, "controller_lead: active, committed");
    note(b, "failover_first_answer_ms", 3, (altered - begin) * 1e3,
         "from there to the first AlterPartition committed and answered");
    note(b, "failover_create_ms", 3, created * 1e3, "a CreateTopics of 10 partitions after that");
    note(b, "failover_records_reloaded", 0, (double)missing,
         "it lacked when it was told to lead; its image stays the same object");
}

/* Nobody led or in sync there any more. */
static void require_left(const struct bench *b, int32_t broker)
{
    const struct image *image = controller_image(b->active);
    const struct image_places *places = image_places_of(image, broker);
    for (uint32_t i = 0; i < places->count; i++) {
        const struct image_partition *p = image_place(image, places->items[i], NULL);
        require(p->leader != broker && !partition_in_isr(p, broker),
                "a broker that has gone still leads or is in sync");
    }
}

static void measure_loss(struct bench *b, int32_t broker)
{
    const struct image_broker *it = image_broker(controller_image(b->active), broker);
    note(b, "loss_replicas", 0, image_places_of(controller_image(b->active), broker)->count,
         "on a broker that dies");
    int64_t first = b->log.count;
    double begin = wall_s();
    controller_broker_lost(b->active, broker, it->epoch, STR("its connection broke"));
    double decided = wall_s();
    commit(b);
    require(image_broker(controller_image(b->active), broker)->fenced, "it was not fenced");
    require_left(b, broker);
    note(b, "loss_decide_ms", 2, (decided - begin) * 1e3, "fence it, elect and shrink for them");
    note(b, "loss_records", 0, (double)(b->log.count - first), "written for that");
    follow(b, b->second, &b->second_at); /* the failover's too */
    require(controller_end_offset(b->second) == b->log.count, "the standby lags");
}

static void measure_shutdown(struct bench *b, int32_t broker)
{
    note(b, "shutdown_replicas", 0, image_places_of(controller_image(b->active), broker)->count,
         "on a broker that shuts down");
    int64_t first = b->log.count;
    struct beat beat = heartbeat(b, broker, true);
    require(!beat.may_stop, "it may stop before others know");
    note(b, "shutdown_decide_ms", 2, beat.decided_s * 1e3, "the heartbeat that asks for it");
    note(b, "shutdown_records", 0, (double)(b->log.count - first), "written for that");
    double begin = wall_s();
    follow(b, b->second, &b->second_at);
    note(b, "shutdown_follow_ms", 2, (wall_s() - begin) * 1e3, "a standby replays those records");
    require_left(b, broker);
    heartbeats(b, broker);
    beat = heartbeat(b, broker, true);
    require(beat.may_stop, "all others know, and it may not stop");
    note(b, "shutdown_may_stop_ms", 2, beat.decided_s * 1e3, "the heartbeat that lets it go");
}

static void measure_steady(struct bench *b)
{
    int64_t sent = 0;
    double begin = cpu_s();
    while (sent < HEARTBEATS) sent += heartbeats(b, -1);
    note(b, "heartbeat_cpu_ms_per_1000", 3, (cpu_s() - begin) * 1e6 / (double)sent,
         "decided and answered, nothing to write");
}

/* Minutes of virtual time: heartbeats every two seconds, NoOp records, every periodic check. */
static void measure_minutes(struct bench *b)
{
    int64_t first = b->log.count;
    double begin = cpu_s();
    for (int64_t ms = 0; ms < STEADY_MS; ms += HEARTBEAT_MS) {
        pass(b, HEARTBEAT_MS);
        heartbeats(b, -1);
    }
    note(b, "ten_minutes_cpu_ms", 2, (cpu_s() - begin) * 1e3,
         "of virtual time: all heartbeats, NoOp records and periodic checks");
    note(b, "ten_minutes_records", 0, (double)(b->log.count - first), "written in them");
    follow(b, b->second, &b->second_at);
    require(image_hash(controller_image(b->second)) == image_hash(controller_image(b->active)),
            "the standby's image is not the active one's at the end");
}

/* ---- the report */

static void read_line(const char *command, char *line, int size)
{
    FILE *f = popen(command, "r");
    if (!f || !fgets(line, size, f)) snprintf(line, (size_t)size, "unknown");
    if (f) pclose(f);
    line[strcspn(line, "\n")] = 0;
}

static void write_report(const struct bench *b)
{
    char commit_id[64], cpu[128], date[32];
    read_line("git rev-parse --short HEAD 2>/dev/null", commit_id, sizeof commit_id);
    read_line("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1", cpu, sizeof cpu);
    read_line("date +%F", date, sizeof date);
    FILE *f = fopen("bench/CONTROLLER.md", "w");
    require(f, "cannot write bench/CONTROLLER.md");
    fprintf(f,
            "# One controller, many partitions\n\n%s, commit %s, one of %ld cores of %s; one run. "
            "Made by `make bench-controller`; bench/README.md says how.\n\n"
            "| figure | value | |\n| --- | --- | --- |\n",
            date, commit_id, sysconf(_SC_NPROCESSORS_ONLN), cpu);
    for (int32_t i = 0; i < b->figures_count; i++)
        fprintf(f, "| %s | %s | %s |\n", b->figures[i].key, b->figures[i].value,
                b->figures[i].meaning);
    require(fclose(f) == 0, "cannot write bench/CONTROLLER.md");
}

static void options_read(struct bench *b, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int32_t value = i + 1 < argc ? (int32_t)atoi(argv[i + 1]) : 0;
        if (!strcmp(argv[i], "--write")) {
            b->write = true;
            continue;
        }
        if (!strcmp(argv[i], "--partitions"))
            b->partitions = value;
        else if (!strcmp(argv[i], "--topics"))
            b->topics = value;
        else if (!strcmp(argv[i], "--brokers"))
            b->brokers = value;
        else if (!strcmp(argv[i], "--replicas"))
            b->replicas = (int16_t)value;
        else
            fail("usage: controller [--partitions N] [--topics N] [--brokers N] [--replicas N] "
                 "[--write]");
        i++;
    }
    require(b->topics > 0 && b->partitions >= b->topics, "a topic has a partition at least");
    require((b->partitions - 1) / b->topics + 1 <= TOPIC_PARTITIONS_MAX,
            "more partitions in a topic than one request may create");
    require(b->replicas >= 2 && b->replicas <= 10, "2 to 10 replicas");
    require(b->brokers >= b->replicas + 2 && b->brokers <= 1000,
            "brokers: two more than replicas, as two leave, and at most 1000");
}

int main(int argc, char **argv)
{
    struct bench b = {.partitions = 1000000,
                      .topics = 1000,
                      .brokers = 100,
                      .replicas = 3,
                      .clock = {&clock_ops},
                      .now = {1000 * NS_PER_MS},
                      .rng = {&rng_ops},
                      .trace = {&trace_ops, TRACE_ERROR},
                      .committer = {&committer_ops},
                      .epoch = 1};
    options_read(&b, argc, argv);
    b.prng = prng_seed(7);
    b.config = config_new();
    list_init(&b.tasks);
    out_init(&b.encoding);
    arena_init(&b.arena, 0);
    frames_open(&b.log, b.partitions);
    b.active = controller_of(&b, 1);
    controller_lead(b.active, b.epoch);
    commit(&b);

    measure_registration(&b);
    measure_creation(&b);
    measure_log_load(&b);
    measure_snapshot(&b);
    measure_failover(&b);
    measure_steady(&b);
    measure_loss(&b, b.brokers / 2);
    measure_shutdown(&b, b.brokers / 2 + 1);
    measure_minutes(&b);
    if (b.write) write_report(&b);

    controller_free(b.active);
    controller_free(b.second);
    config_free(b.config);
    out_free(&b.encoding);
    arena_free(&b.arena);
    munmap(b.log.data, b.log.room);
    return 0;
}
