/* The driver of the raft core.
 *
 *   a request, an answer, a timer, a sync that ended, an append, a wish of the controller's
 *        │ one event of the core (raft/raft.h)
 *        v
 *   quorum_step: quorum-state written ─ log cut ─ control batches appended ─ snapshot begun ─ the
 *   others told (from a task) ─ messages sent ─ timer armed; then the answer leaves
 *
 * Syncs do not block: what must be durable before it is told is told when its sync has ended, by
 * raft_durable. quorum-state is small and is written in place, before anything that it says is
 * used (S21). A sync that failed, and a state that cannot be written but for want of space or
 * descriptors, take the node down: what the disk holds is not known any more. */
#include "quorum/quorum.h"

#include "base/mem.h"
#include "quorum/internal.h"
#include "quorum/quorum_state.h"

void quorum_fail(struct quorum *q, const char *why)
{
    if (q->failed) return;
    q->failed = true;
    q->events.failed(q->events.owner, why);
}

/* ---- what the core wants */

/* False: there was no room, or no descriptor; nothing that depends on it may be said. */
static bool persist(struct quorum *q)
{
    struct raft_state state = raft_persistent(q->raft);
    struct quorum_state file = {
        .leader_id = state.leader_id,
        .leader_epoch = state.epoch,
        .voted_id = state.voted.id,
        .voted_directory_id = state.voted.directory_id,
        .data_version = raft_kraft_version(q->raft) >= 1 ? 1 : 0,
    };
    const struct voters_record *voters = raft_voters(q->raft);
    struct arena arena;
    arena_init(&arena, 0);
    int32_t *ids = ARENA_ARRAY(&arena, int32_t, voters->voters_count);
    for (int32_t i = 0; i < voters->voters_count; i++) ids[i] = voters->voters[i].voter_id;
    enum err e = quorum_state_write(q->env.disk, q->state_path, &file, ids, voters->voters_count);
    arena_free(&arena);
    if (quorum_error_passes(e)) {
        if (!q->no_room)
            trace_warn(
                q->env.trace, "org.apache.kafka.raft.QuorumState",
                "[RaftManager id=%d] No %s left in %s for quorum-state; free some, this node "
                "tries again by itself",
                q->options.node_id, e == ERR_NO_SPACE ? "space" : "descriptors", q->directory);
        raft_cannot_persist(q->raft, quorum_now_ms(q));
        q->silent = q->no_room = true;
        quorum_set_held_back(q, true); /* there is another leader or none, and we do not follow */
        return false;
    }
    q->no_room = false;
    if (!q->unstored) quorum_set_held_back(q, false);
    if (e) {
        log_dir_fail(q->dir, e, q->state_path);
        quorum_fail(q, "quorum-state cannot be written");
    }
    return !e;
}

static void truncate_to(struct quorum *q, int64_t offset)
{
    INVARIANT(offset >= q->high_watermark);
    trace_info(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
               "[RaftManager id=%d] Truncated the metadata log from offset %lld to %lld",
               q->options.node_id, (long long)log_end_offset(q->log), (long long)offset);
    if (log_truncate_to(q->log, offset)) quorum_fail(q, "the metadata log cannot be truncated");
}

static void lead(struct quorum *q, const struct raft_effects *f)
{
    int32_t epoch = raft_epoch(q->raft);
    enum err e = quorum_append_leader_change(q, f->append_voters);
    if (!e) { /* nobody has more than we */
        q->unstored = false;
        quorum_set_held_back(q, false);
    }
    if (e == ERR_NO_SPACE) {
        trace_warn(q->env.trace, "org.apache.kafka.raft.QuorumState",
                   "[RaftManager id=%d] No space left in %s to lead the quorum; free some, this "
                   "node tries again by itself",
                   q->options.node_id, q->directory);
        raft_resign(q->raft, quorum_now_ms(q), epoch);
    }
}

static void change_voters(struct quorum *q, int16_t kraft_version)
{
    enum err e = quorum_append_voters(q, kraft_version);
    if (e == ERR_NO_SPACE) raft_resign(q->raft, quorum_now_ms(q), raft_epoch(q->raft));
}

static bool nothing(const struct raft_effects *f)
{
    return !f->persist && f->truncate_to < 0 && !f->append_leader_change && !f->append_voters &&
           f->snapshot.end_offset < 0 && !f->leader_changed && !f->high_watermark_moved &&
           !f->change_done && !f->may_stop;
}

/* A role, and why: elections with their reasons. */
static void note_role(struct quorum *q)
{
    enum raft_role role = raft_role(q->raft);
    if (role == q->told_role && raft_epoch(q->raft) == q->told_epoch) return;
    q->told_role = role;
    q->told_epoch = raft_epoch(q->raft);
    struct history_fact f =
        history_fact(HISTORY_QUORUM_ROLE, q->options.node_id, q->told_epoch, q->cause);
    history_note(q->options.history, &f, "%s, the log ends at offset %lld", raft_role_text(role),
                 (long long)log_end_offset(q->log));
}

/* Not so when a step had to be taken back and all is as it was. */
static bool is_news(struct quorum *q)
{
    enum raft_role role = raft_role(q->raft);
    int32_t epoch = raft_epoch(q->raft), leader_id = raft_leader(q->raft);
    if (role == q->traced.role && epoch == q->traced.epoch && leader_id == q->traced.leader_id)
        return false;
    q->traced.role = role;
    q->traced.epoch = epoch;
    q->traced.leader_id = leader_id;
    return true;
}

static void leadership_moved(struct quorum *q)
{
    note_role(q);
    q->leader_news = true;
    task_post(q->env.clock, &q->news);
    task_post(q->env.clock, &q->look);
    if (!is_news(q)) return;
    trace_info(q->env.trace, "org.apache.kafka.raft.QuorumState",
               "[RaftManager id=%d] Completed transition to %s(epoch=%d, leaderId=%d, "
               "logEndOffset=%lld)",
               q->options.node_id, raft_role_text(raft_role(q->raft)), raft_epoch(q->raft),
               raft_leader(q->raft), (long long)log_end_offset(q->log));
}

static void carry_out(struct quorum *q, const struct raft_effects *f)
{
    if (f->persist && !persist(q)) return; /* the core has taken back all that depends on it */
    if (f->truncate_to >= 0) truncate_to(q, f->truncate_to);
    if (q->failed) return;
    if (f->append_leader_change)
        lead(q, f);
    else if (f->append_voters)
        change_voters(q, f->append_kraft_version);
    if (f->snapshot.end_offset >= 0) quorum_download_begin(q, f->snapshot);
    if (f->leader_changed) leadership_moved(q);
    if (f->high_watermark_moved && raft_high_watermark(q->raft) > q->high_watermark) {
        q->high_watermark = log_set_high_watermark(q->log, raft_high_watermark(q->raft));
        quorum_feed(q);
        task_post(q->env.clock, &q->look);
        quorum_gathered(q);
    }
    if (f->change_done) quorum_change_finish(q, f->change_error, f->change_message);
    if (f->may_stop) {
        q->may_stop = true;
        task_post(q->env.clock, &q->news);
    }
}

static void arm(struct quorum *q)
{
    int64_t due = raft_deadline(q->raft);
    if (due == INT64_MAX) {
        timer_cancel(q->env.clock, &q->raft_timer);
        return;
    }
    if (due < 0) due = 0; /* long ago: in the next turn */
    /* a moment of whole milliseconds is past only when the clock shows it */
    timer_arm(q->env.clock, &q->raft_timer, (struct mono_time){.ns = due * NS_PER_MS});
}

bool quorum_step(struct quorum *q)
{
    if (q->stepping) {
        q->again = true;
        return true;
    }
    q->stepping = true;
    q->silent = false;
    do {
        q->again = false;
        for (;;) {
            struct raft_effects f = raft_take(q->raft);
            if (nothing(&f) || q->failed) break;
            carry_out(q, &f);
        }
        if (q->download.id.end_offset >= 0 && raft_loading(q->raft).end_offset < 0)
            quorum_download_drop(q); /* another leader */
        struct raft_message m;
        while (!q->failed && raft_next_message(q->raft, quorum_now_ms(q), &m)) quorum_send(q, &m);
    } while (q->again && !q->failed);
    q->stepping = false;
    q->cause = QUORUM_CAUSE_PEER;
    if (!q->failed) arm(q);
    return !q->silent && !q->failed;
}

static void raft_timer_fired(struct timer *t)
{
    struct quorum *q = CONTAINER_OF(t, struct quorum, raft_timer);
    if (q->failed) return;
    bool lost = raft_role(q->raft) == RAFT_FOLLOWER && raft_epoch(q->raft) == q->lost_epoch;
    q->cause = lost ? "leader-gone" : "timeout";
    raft_tick(q->raft, quorum_now_ms(q));
    quorum_step(q);
}

static void tell_news(struct task *t)
{
    struct quorum *q = CONTAINER_OF(t, struct quorum, news);
    if (q->failed) return;
    if (q->leader_news) {
        q->leader_news = false;
        struct raft_address at = raft_leader_address(q->raft);
        struct arena arena;
        arena_init(&arena, 0);
        const char *host = at.host.data ? arena_str(&arena, at.host).data : NULL;
        q->events.leader_changed(q->events.owner, raft_leader(q->raft), raft_epoch(q->raft), host,
                                 at.port);
        arena_free(&arena);
        quorum_feed(q); /* what an active controller knew is told to a standby again */
    }
    if (q->may_stop) {
        q->may_stop = false;
        q->events.may_stop(q->events.owner);
    }
}

/* ---- lifecycle */

static void quorum_free(struct quorum *q)
{
    raft_free(q->raft);
    batch_builder_free(&q->builder);
    arena_free(&q->paths);
}

enum err quorum_open(const struct env *env, struct log_dir *dir,
                     const struct quorum_options *options, const struct quorum_events *events,
                     struct quorum **out, const char **why)
{
    struct quorum *q = MEM_NEW(struct quorum);
    q->env = *env;
    q->dir = dir;
    q->options = *options;
    q->events = *events;
    arena_init(&q->paths, 0);
    q->directory = arena_printf(&q->paths, "%s/__cluster_metadata-0", log_dir_path(dir)).data;
    q->state_path = arena_printf(&q->paths, "%s/quorum-state", q->directory).data;
    q->download.id.end_offset = -1;
    q->drained.ns = INT64_MIN / 2; /* long ago */
    q->told_epoch = q->traced.epoch = q->lost_epoch = -1;
    q->cause = QUORUM_CAUSE_PEER;
    list_init(&q->subscribers);
    list_init(&q->peers);
    list_init(&q->calls);
    list_init(&q->parked);
    task_init(&q->deliver, quorum_deliver);
    task_init(&q->look, quorum_look);
    task_init(&q->news, tell_news);
    timer_init(&q->raft_timer, raft_timer_fired);
    timer_init(&q->snapshot_timer, quorum_snapshot_timer_fired);
    timer_init(&q->retention_timer, quorum_retention_timer_fired);
    timer_init(&q->linger, quorum_linger_fired);
    timer_init(&q->held, quorum_held_fired);
    enum err e = quorum_recover(q, why);
    if (e) {
        quorum_free(q);
        mem_free(q);
        return e;
    }
    *out = q;
    return ERR_OK;
}

/* A voter whose meta.properties names another directory waits for a leader for ever: why, is said
 * once. */
static void look_at_own_directory(struct quorum *q)
{
    const struct voters_record *voters = raft_voters(q->raft);
    struct uuid own = log_dir_id(q->dir);
    for (int32_t i = 0; i < voters->voters_count; i++) {
        const struct voters_record_voter *v = &voters->voters[i];
        bool is_own =
            uuid_equal(v->voter_directory_id, own) || uuid_equal(v->voter_directory_id, UUID_ZERO);
        if (v->voter_id != q->options.node_id || is_own) continue;
        trace_warn(
            q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
            "[RaftManager id=%d] The voter %d has directory.id=%s, but %s/meta.properties says "
            "%s, so this node neither votes nor leads. If the file was damaged, write the "
            "voter's id there and start again; if the directory is new, run "
            "kafka-metadata-quorum.sh remove-controller -i %d -d %s, then add-controller",
            v->voter_id, v->voter_id, uuid_text(v->voter_directory_id).z, log_dir_path(q->dir),
            uuid_text(own).z, v->voter_id, uuid_text(v->voter_directory_id).z);
    }
}

void quorum_start(struct quorum *q)
{
    look_at_own_directory(q);
    if (q->options.snapshot_ms > 0)
        timer_arm_in_ms(q->env.clock, &q->snapshot_timer, q->options.snapshot_ms);
    timer_arm_in_ms(q->env.clock, &q->retention_timer, QUORUM_RETENTION_MS);
    q->cause = "start";
    raft_start(q->raft, quorum_now_ms(q), q->high_watermark);
    q->leader_news = true; /* nobody, perhaps: that is news too */
    task_post(q->env.clock, &q->news);
    quorum_step(q);
}

void quorum_resign(struct quorum *q, int32_t epoch)
{
    if (q->failed) return;
    q->cause = "resigned";
    raft_resign(q->raft, quorum_now_ms(q), epoch);
    quorum_step(q);
}

void quorum_leader_lost(struct quorum *q, int32_t leader_id, int64_t stagger_ms)
{
    if (q->failed) return;
    q->cause = "leader-gone";
    q->lost_epoch = raft_epoch(q->raft);
    raft_leader_lost(q->raft, quorum_now_ms(q), leader_id, stagger_ms);
    quorum_step(q);
}

void quorum_shutdown(struct quorum *q, int64_t timeout_ms)
{
    if (q->failed) return;
    q->cause = "shutdown";
    raft_shutdown(q->raft, quorum_now_ms(q), timeout_ms);
    quorum_step(q);
}

void quorum_close(struct quorum *q)
{
    struct clock *clock = q->env.clock;
    struct timer *timers[] = {&q->raft_timer, &q->snapshot_timer, &q->retention_timer, &q->linger,
                              &q->held};
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) timer_cancel(clock, timers[i]);
    task_cancel(&q->deliver);
    task_cancel(&q->look);
    task_cancel(&q->news);
    quorum_parked_close(q);
    quorum_peers_close(q);
    if (!q->failed && log_flush(q->log))
        trace_error(q->env.trace, "org.apache.kafka.raft.KafkaRaftClient",
                    "[RaftManager id=%d] The metadata log could not be synced at the end",
                    q->options.node_id);
    if (q->change.request) request_close(q->change.request);
    quorum_writing_forget(q);
    if (q->download.file) disk_file_unref(q->download.file); /* the next start removes it */
    log_flush_forget(&q->flush);
    quorum_free(q);
    mem_free(q);
}

/* ---- what is */

int64_t quorum_end_offset(const struct quorum *q)
{
    return log_end_offset(q->log);
}

int32_t quorum_epoch(const struct quorum *q)
{
    return raft_epoch(q->raft);
}

int64_t quorum_epoch_start(const struct quorum *q)
{
    return raft_epoch_start(q->raft);
}

int32_t quorum_leader(const struct quorum *q)
{
    return raft_leader(q->raft);
}

bool quorum_is_leader(const struct quorum *q)
{
    return raft_role(q->raft) == RAFT_LEADER;
}

bool quorum_is_voter(const struct quorum *q)
{
    return raft_is_voter(q->raft);
}

int64_t quorum_high_watermark(const struct quorum *q)
{
    return q->high_watermark;
}

int16_t quorum_kraft_version(const struct quorum *q)
{
    return raft_kraft_version(q->raft);
}

const struct voters_record *quorum_voters(const struct quorum *q)
{
    return raft_voters(q->raft);
}
