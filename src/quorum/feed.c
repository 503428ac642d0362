/* Committed records to whoever replays them, each from a position of its own. */
#include "quorum/internal.h"

struct telling {
    struct quorum *quorum;
    struct quorum_subscriber *subscriber;
};

static enum err tell_record(void *context, const struct batch_header *h, const struct record *r)
{
    struct telling *t = context;
    struct quorum_subscriber *s = t->subscriber;
    if (r->offset < s->position) return ERR_OK;
    if (batch_is(h, BATCH_CONTROL)) {
        s->skip(s->owner, r->offset, h->leader_epoch);
        return ERR_OK;
    }
    return s->record(s->owner, r->offset, h->leader_epoch, r->value);
}

static enum err tell_snapshot_record(void *context, struct bytes frame)
{
    struct telling *t = context;
    return t->subscriber->load(t->subscriber->owner, t->quorum->newest.end_offset, frame);
}

static enum err tell_snapshot(struct quorum *q, struct quorum_subscriber *s)
{
    struct telling t = {.quorum = q, .subscriber = s};
    struct snapshot_reader reader = {.context = &t, .record = tell_snapshot_record};
    struct arena arena;
    arena_init(&arena, 0);
    s->load_begin(s->owner);
    enum err e = snapshot_file_read(q->env.disk,
                                    snapshot_file_path(&arena, q->directory, q->newest), &reader);
    arena_free(&arena);
    if (e) return e;
    s->load_done(s->owner, q->newest.end_offset, q->newest.epoch);
    s->position = q->newest.end_offset;
    return ERR_OK;
}

static enum err tell_committed(struct quorum *q, struct quorum_subscriber *s)
{
    struct telling t = {.quorum = q, .subscriber = s};
    struct arena arena;
    arena_init(&arena, 0);
    enum err e = ERR_OK;
    while (!e && s->position < q->high_watermark) {
        struct bytes batches;
        arena_reset(&arena);
        e = log_read_batches(q->log, s->position, q->high_watermark, QUORUM_READ_BYTES, &arena,
                             &batches);
        if (e || batches.len <= 0) break;
        e = quorum_each_record(batches, tell_record, &t);
        for (int64_t done = 0; !e && done < batches.len;) {
            struct batch_header h;
            e = batch_parse(bytes_of(batches.data + done, (size_t)(batches.len - done)), &h);
            if (e) break;
            s->position = batch_last_offset(&h) + 1;
            done += h.size;
        }
    }
    arena_free(&arena);
    return e;
}

void quorum_deliver(struct task *task)
{
    struct quorum *q = CONTAINER_OF(task, struct quorum, deliver);
    if (q->failed) return;
    LIST_EACH(&q->subscribers, node) {
        struct quorum_subscriber *s = CONTAINER_OF(node, struct quorum_subscriber, node);
        if (!s->wants_committed) {
            if (s->position < q->high_watermark) s->position = q->high_watermark;
            continue;
        }
        int64_t before = s->position;
        enum err e =
            s->position < log_start_offset(q->log) || (s->position == 0 && q->newest.end_offset > 0)
                ? tell_snapshot(q, s)
                : ERR_OK;
        if (!e) e = tell_committed(q, s);
        bool unread = e == ERR_NO_DESCRIPTORS;
        if (s->position != before && (!e || unread)) s->flush(s->owner);
        if (unread) { /* from here on, when there are some */
            q->held_feed = true;
            quorum_hold(q);
            return;
        }
        if (e) {
            trace_error(q->env.trace, "org.apache.kafka.image.loader.MetadataLoader",
                        "Committed metadata behind offset %lld cannot be applied: %s",
                        (long long)s->position, err_text(e));
            quorum_fail(q, "committed metadata cannot be applied");
            return;
        }
    }
    q->events.committed(q->events.owner, q->high_watermark);
    if (q->options.snapshot_bytes > 0 && q->bytes_since_snapshot >= q->options.snapshot_bytes)
        q->events.snapshot_due(q->events.owner);
}

void quorum_subscribe(struct quorum *q, struct quorum_subscriber *s)
{
    list_init(&s->node);
    list_push_back(&q->subscribers, &s->node);
    quorum_feed(q);
}

void quorum_feed(struct quorum *q)
{
    task_post(q->env.clock, &q->deliver);
}
