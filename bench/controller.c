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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller_cluster.h"
#include "metadata/snapshot.h"
#include "protocol/alter_partition.h"

enum {
    FIGURES_MAX = 64,
    TOPIC_PARTITIONS_MAX = 9999, /* of one request, with the topic's own record */
    HEARTBEATS = 20000,
    HEARTBEAT_MS = 2000,
    STEADY_MS = 600 * 1000,
};

struct figure {
    const char *key, *meaning;
    char value[32];
};

struct bench {
    int32_t partitions, topics, brokers;
    int16_t replicas;
    bool write;

    struct cluster w;
    struct controller *standby, *second;
    struct place standby_at, second_at; /* what they were fed */
    struct figure figures[FIGURES_MAX];
    int32_t figures_count;
};

/* ---- figures */

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
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

/* ---- what is measured */

static void measure_registration(struct bench *b)
{
    double begin = wall_s();
    for (int32_t id = 0; id < b->brokers; id++) {
        cluster_register(&b->w, id);
        require(!cluster_heartbeat(&b->w, id, false).fenced,
                "a broker that has caught up stays fenced");
    }
    note(b, "brokers", 0, b->brokers, "registered, heard of and unfenced");
    note(b, "registration_ms", 2, (wall_s() - begin) * 1e3, "all of that");
}

static void measure_creation(struct bench *b)
{
    double heap = heap_bytes(), begin = wall_s(), begin_cpu = cpu_s(), slowest = 0;
    int64_t first = b->w.log.count, bytes = b->w.log.payload_bytes;
    for (int32_t t = 0; t < b->topics; t++) {
        int32_t more = t < b->partitions % b->topics;
        double took = cluster_create(&b->w, t, b->partitions / b->topics + more, b->replicas);
        if (took > slowest) slowest = took;
    }
    double took = wall_s() - begin, used = cpu_s() - begin_cpu;
    const struct image *image = controller_image(b->w.active);
    require(image->partitions_count == b->partitions && image->topics_count == b->topics,
            "topics or partitions are missing");
    int64_t records = b->w.log.count - first;
    require(records >= (int64_t)b->partitions + b->topics, "records are missing");
    note(b, "topics", 0, b->topics, "one CreateTopics each");
    note(b, "partitions", 0, b->partitions, "in all of them");
    note(b, "replicas", 0, b->replicas, "of each partition");
    note(b, "create_s", 3, took, "decide, append, replay and answer all of them");
    note(b, "create_cpu_s", 3, used, "CPU time of that");
    note(b, "create_slowest_request_ms", 2, slowest * 1e3, "the slowest of those requests");
    note(b, "create_records", 0, (double)records, "written for them");
    note(b, "create_records_per_s", 0, (double)records / took, "");
    note(b, "create_log_bytes", 0, (double)(b->w.log.payload_bytes - bytes), "their frames");
    note(b, "active_heap_per_partition_bytes", 1, (heap_bytes() - heap) / b->partitions,
         "what the active one's heap grew by");
}

static void measure_log_load(struct bench *b)
{
    malloc_trim(0);
    double heap = heap_bytes(), resident = resident_bytes();
    double begin = wall_s(), begin_cpu = cpu_s();
    b->standby = cluster_controller(&b->w, 2);
    cluster_follow(&b->w, b->standby, &b->standby_at);
    double took = wall_s() - begin, used = cpu_s() - begin_cpu;
    note(b, "log_load_s", 3, took, "an empty standby is fed the whole log");
    note(b, "log_load_cpu_s", 3, used, "CPU time of that");
    note(b, "log_load_records", 0, (double)b->standby_at.offset, "");
    note(b, "heap_per_partition_bytes", 1, (heap_bytes() - heap) / b->partitions,
         "what this standby takes of the heap");
    note(b, "resident_per_partition_bytes", 1, (resident_bytes() - resident) / b->partitions,
         "and of VmRSS");
    require(image_hash(controller_image(b->standby)) == image_hash(controller_image(b->w.active)),
            "the standby's image is not the active one's");
}

static void measure_snapshot(struct bench *b)
{
    struct frames file;
    struct image_snapshot s;
    struct metadata_record record;
    frames_open(&file, b->partitions);
    double begin = wall_s();
    image_snapshot_init(&s, controller_image(b->w.active));
    while (image_snapshot_next(&s, &record, &b->w.arena)) {
        frames_add(&file, &record, b->w.epoch, &b->w.encoding);
        arena_reset(&b->w.arena);
    }
    image_snapshot_free(&s);
    note(b, "snapshot_write_s", 3, wall_s() - begin, "the image as frames, in memory");
    note(b, "snapshot_records", 0, (double)file.count, "");
    note(b, "snapshot_bytes", 0, (double)file.payload_bytes, "their frames");

    begin = wall_s();
    double begin_cpu = cpu_s();
    struct place at = {0};
    b->second = cluster_controller(&b->w, 3);
    controller_load_begin(b->second);
    while (at.offset < file.count) {
        int32_t epoch;
        struct bytes frame = frames_next(&file, &at, &epoch);
        require(controller_load(b->second, b->w.log.count, frame) == ERR_OK,
                "a record of the snapshot was refused");
    }
    controller_load_done(b->second, b->w.log.count, b->w.epoch);
    double took = wall_s() - begin, used = cpu_s() - begin_cpu;
    note(b, "snapshot_load_s", 3, took, "an empty standby is fed the snapshot");
    note(b, "snapshot_load_cpu_s", 3, used, "CPU time of that");
    b->second_at = (struct place){b->w.log.used, b->w.log.count};
    require(image_hash(controller_image(b->second)) == image_hash(controller_image(b->w.active)),
            "the image of the snapshot is not the active one's");
    frames_close(&file);
}

/* The leader of topic-0's partition 0 takes the last one out of its ISR. */
static struct alter_partition_request *shrink_request(struct bench *b, const struct image *image)
{
    const struct image_topic *t = image_topic_by_name(image, STR("topic-0"));
    const struct image_partition *p = image_topic_partition(t, 0);
    struct alter_partition_request *rq = ARENA_NEW(&b->w.arena, struct alter_partition_request);
    alter_partition_request_init(rq);
    rq->broker_id = p->leader;
    rq->broker_epoch = image_broker(image, p->leader)->epoch;
    rq->topics = alter_partition_request_topic_data_new(&b->w.arena, 1);
    rq->topics_count = 1;
    rq->topics[0].topic_id = t->id;
    rq->topics[0].partitions = alter_partition_request_partition_data_new(&b->w.arena, 1);
    rq->topics[0].partitions_count = 1;
    struct alter_partition_request_partition_data *to = rq->topics[0].partitions;
    to->leader_epoch = p->leader_epoch;
    to->partition_epoch = p->partition_epoch;
    to->new_isr_with_epochs =
        alter_partition_request_broker_state_new(&b->w.arena, p->isr_count - 1);
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
    require(!controller_renounce(b->w.active), "the old leader had something uncommitted");
    controller_free(b->w.active);
    b->w.active = b->standby;
    b->standby = NULL;
    const struct image *image = controller_image(b->w.active);
    const struct alter_partition_request *rq = shrink_request(b, image);
    int64_t missing = b->w.log.count - controller_end_offset(b->w.active);
    require(missing == 0, "the standby was not at the end of the log");

    b->w.epoch++;
    double begin = wall_s();
    controller_lead(b->w.active, b->w.epoch);
    cluster_commit(&b->w);
    double led = wall_s();
    const struct alter_partition_response *r =
        cluster_send(&b->w, API_ALTER_PARTITION, 3, rq).response;
    double altered = wall_s();
    require(r->error_code == KAFKA_NONE && r->topics[0].partitions[0].error_code == KAFKA_NONE,
            "the new leader refused an AlterPartition");
    arena_reset(&b->w.arena);
    double created = cluster_create(&b->w, b->topics, 10, b->replicas);

    require(controller_is_active(b->w.active) && controller_epoch(b->w.active) == b->w.epoch,
            "the standby does not lead");
    /* A reload makes another image, and one that starts anew lacks what was before. */
    require(controller_image(b->w.active) == image &&
                controller_end_offset(b->w.active) == b->w.log.count &&
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
    const struct image *image = controller_image(b->w.active);
    const struct image_places *places = image_places_of(image, broker);
    for (uint32_t i = 0; i < places->count; i++) {
        const struct image_partition *p = image_place(image, places->items[i], NULL);
        require(p->leader != broker && !partition_in_isr(p, broker),
                "a broker that has gone still leads or is in sync");
    }
}

static void measure_loss(struct bench *b, int32_t broker)
{
    const struct image_broker *it = image_broker(controller_image(b->w.active), broker);
    note(b, "loss_replicas", 0, image_places_of(controller_image(b->w.active), broker)->count,
         "on a broker that dies");
    int64_t first = b->w.log.count;
    double begin = wall_s(), begin_cpu = cpu_s();
    controller_broker_lost(b->w.active, broker, it->epoch, STR("its connection broke"));
    double decided = wall_s(), used = cpu_s() - begin_cpu;
    cluster_commit(&b->w);
    require(image_broker(controller_image(b->w.active), broker)->fenced, "it was not fenced");
    require_left(b, broker);
    note(b, "loss_decide_ms", 2, (decided - begin) * 1e3, "fence it, elect and shrink for them");
    note(b, "loss_decide_cpu_ms", 2, used * 1e3, "CPU time of that");
    note(b, "loss_records", 0, (double)(b->w.log.count - first), "written for that");
    cluster_follow(&b->w, b->second, &b->second_at); /* the failover's too */
    require(controller_end_offset(b->second) == b->w.log.count, "the standby lags");
}

static void measure_shutdown(struct bench *b, int32_t broker)
{
    note(b, "shutdown_replicas", 0, image_places_of(controller_image(b->w.active), broker)->count,
         "on a broker that shuts down");
    int64_t first = b->w.log.count;
    struct beat beat = cluster_heartbeat(&b->w, broker, true);
    require(!beat.may_stop, "it may stop before others know");
    note(b, "shutdown_decide_ms", 2, beat.decided_s * 1e3, "the heartbeat that asks for it");
    note(b, "shutdown_records", 0, (double)(b->w.log.count - first), "written for that");
    double begin = wall_s();
    cluster_follow(&b->w, b->second, &b->second_at);
    note(b, "shutdown_follow_ms", 2, (wall_s() - begin) * 1e3, "a standby replays those records");
    require_left(b, broker);
    cluster_heartbeats(&b->w, broker);
    beat = cluster_heartbeat(&b->w, broker, true);
    require(beat.may_stop, "all others know, and it may not stop");
    note(b, "shutdown_may_stop_ms", 2, beat.decided_s * 1e3, "the heartbeat that lets it go");
}

static void measure_steady(struct bench *b)
{
    int64_t sent = 0;
    double begin = cpu_s();
    while (sent < HEARTBEATS) sent += cluster_heartbeats(&b->w, -1);
    note(b, "heartbeat_cpu_ms_per_1000", 3, (cpu_s() - begin) * 1e6 / (double)sent,
         "decided and answered, nothing to write");
}

/* Minutes of virtual time: heartbeats every two seconds, NoOp records, every periodic check. */
static void measure_minutes(struct bench *b)
{
    int64_t first = b->w.log.count;
    double begin = cpu_s();
    for (int64_t ms = 0; ms < STEADY_MS; ms += HEARTBEAT_MS) {
        cluster_pass(&b->w, HEARTBEAT_MS);
        cluster_heartbeats(&b->w, -1);
    }
    note(b, "ten_minutes_cpu_ms", 2, (cpu_s() - begin) * 1e3,
         "of virtual time: all heartbeats, NoOp records and periodic checks");
    note(b, "ten_minutes_records", 0, (double)(b->w.log.count - first), "written in them");
    cluster_follow(&b->w, b->second, &b->second_at);
    require(image_hash(controller_image(b->second)) == image_hash(controller_image(b->w.active)),
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
    double load = 0;
    (void)getloadavg(&load, 1);
    FILE *f = fopen("bench/CONTROLLER.md", "w");
    require(f, "cannot write bench/CONTROLLER.md");
    fprintf(f,
            "# One controller, many partitions\n\n%s, commit %s, one of %ld cores of %s; one run, "
            "while the load average was %.1f: times that are not of CPU say more on an idle "
            "machine. Made by `make bench-controller`; bench/README.md says how.\n\n"
            "| figure | value | |\n| --- | --- | --- |\n",
            date, commit_id, sysconf(_SC_NPROCESSORS_ONLN), cpu, load);
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
    struct bench b = {.partitions = 1000000, .topics = 1000, .brokers = 100, .replicas = 3};
    options_read(&b, argc, argv);
    cluster_open(&b.w, b.partitions);

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

    controller_free(b.second);
    cluster_close(&b.w);
    return 0;
}
