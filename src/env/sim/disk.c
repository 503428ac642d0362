#include <string.h>

#include "base/mem.h"
#include "env/sim/node.h"

struct sim_file {
    struct disk_file file; /* first */
    struct sim_process *process;
    struct sim_inode *inode;
    bool writable;
    char tail[SIM_NAME_MAX]; /* of the path it was opened by: for misreads */
    struct list_node node;   /* in process->files */
};

struct sim_sync {
    struct sim_event event;
    struct list_node node; /* in process->syncs */
    struct disk_sync *op;  /* NULL: forgotten */
    struct disk_file *file;
    int64_t generation;
    enum err result;
};

static struct sim_process *of_disk(struct disk *d)
{
    return CONTAINER_OF(d, struct sim_process, disk);
}

/* ---- faults */

/* Every operation comes through here first: counted, hashed, and failed when its turn has come. */
static enum err begin(struct sim_process *p, enum sim_disk_op op, int64_t a, int64_t b)
{
    if (p->dead) return ERR_IO;
    struct sim_node *n = p->node;
    n->disk_ops++;
    sim_hash_add(p->sim, (uint64_t)op << 32 | (uint32_t)n->index);
    sim_hash_add(p->sim, (uint64_t)a * 31 + (uint64_t)b);
    if (n->slow_ops & op) {
        int64_t now = p->sim->queue.now_ns;
        if (p->busy_until_ns < now) p->busy_until_ns = now;
        p->busy_until_ns += sim_draw(&n->disk_prng, n->slow_us_min, n->slow_us_max) * 1000;
    }
    if (p->busy_until_ns < n->still_until_ns && n->still_until_ns > p->sim->queue.now_ns)
        p->busy_until_ns = n->still_until_ns;
    struct sim_disk_fault *f = &n->fault;
    if (!(f->ops & op)) return ERR_OK;
    if (f->left > 0) f->left--;
    if (f->left > 0) return ERR_OK;
    enum err e = f->e;
    if (!f->for_ever) f->ops = 0;
    n->disk_failed++;
    return e;
}

void sim_disk_fail(struct sim_node *n, unsigned ops, int64_t nth, enum err e, bool for_ever)
{
    PRE(nth >= 0 && (nth == 0 || e != ERR_OK));
    n->fault = (struct sim_disk_fault){
        .ops = nth > 0 ? ops : 0, .left = nth, .e = e, .for_ever = for_ever};
}

int64_t sim_disk_failed(const struct sim_node *n)
{
    return n->disk_failed;
}

int64_t sim_disk_ops(const struct sim_node *n)
{
    return n->disk_ops;
}

void sim_disk_budget(struct sim_node *n, int64_t bytes)
{
    n->store.budget_bytes = bytes;
}

int64_t sim_disk_used(const struct sim_node *n)
{
    return n->store.used_bytes;
}

enum err sim_disk_flip(struct sim_node *n, const char *path, int64_t offset, uint8_t bits)
{
    struct sim_inode *i = sim_store_find(&n->store, path);
    return i ? sim_inode_flip(i, offset, bits) : ERR_NOT_FOUND;
}

void sim_disk_sync_delay(struct sim_node *n, int64_t us_min, int64_t us_max)
{
    n->sync_us_min = us_min;
    n->sync_us_max = us_max;
}

void sim_disk_sync_lies(struct sim_node *n, bool lies)
{
    n->sync_lies = lies;
}

void sim_disk_delay(struct sim_node *n, unsigned ops, int64_t us_min, int64_t us_max)
{
    PRE(us_min >= 0 && us_min <= us_max);
    n->slow_ops = us_max > 0 ? ops : 0;
    n->slow_us_min = us_min;
    n->slow_us_max = us_max;
}

void sim_disk_stand_still(struct sim_node *n, int64_t until_ms)
{
    n->still_until_ns = until_ms * NS_PER_MS;
}

void sim_disk_misread(struct sim_node *n, enum sim_misread how, const char *suffix, int64_t nth)
{
    PRE(nth >= 0 && strlen(suffix) < sizeof n->misread.suffix);
    n->misread = (struct sim_misread_fault){.how = how, .left = nth};
    memcpy(n->misread.suffix, suffix, strlen(suffix));
}

int64_t sim_disk_misreads(const struct sim_node *n)
{
    return n->misreads;
}

enum err sim_disk_vanish(struct sim_node *n, const char *path)
{
    sim_hash_add(n->sim, 0xdead + (uint64_t)n->index);
    return sim_store_vanish(&n->store, path);
}

struct bytes sim_disk_peek(const struct sim_node *n, const char *path)
{
    const struct sim_inode *i = sim_store_find((struct sim_store *)&n->store, path);
    if (!i || i->is_dir) return BYTES_NULL;
    return bytes_of(i->data ? i->data : (const uint8_t *)"", (size_t)i->size);
}

void sim_disk_names(const struct sim_node *n, const char *path,
                    void (*each)(void *owner, const char *name, bool is_dir), void *owner)
{
    const struct sim_inode *dir = sim_store_find((struct sim_store *)&n->store, path);
    for (uint32_t k = 0; dir && k < dir->entries.count; k++) {
        const struct map_entry *entry = &dir->entries.entries[k];
        const struct sim_inode *inode = entry->value;
        char name[256];
        size_t len = entry->key_len < sizeof name ? entry->key_len : sizeof name - 1;
        memcpy(name, entry->key, len);
        name[len] = '\0';
        each(owner, name, inode->is_dir);
    }
}

/* ---- files */

static bool ends_with(const char *path, const char *suffix)
{
    size_t len = strlen(path), tail = strlen(suffix);
    return len >= tail && strcmp(path + len - tail, suffix) == 0;
}

static struct sim_file *file_new(struct sim_process *p, struct sim_inode *i, const char *path,
                                 bool writable)
{
    struct sim_file *f = MEM_NEW(struct sim_file);
    f->file = (struct disk_file){.disk = &p->disk, .references = 1};
    f->process = p;
    f->inode = i;
    f->writable = writable;
    size_t len = strlen(path), skip = len < sizeof f->tail ? 0 : len - sizeof f->tail + 1;
    memcpy(f->tail, path + skip, len - skip);
    sim_inode_use(i);
    list_init(&f->node);
    list_push_back(&p->files, &f->node);
    return f;
}

static enum err op_open(struct disk *d, const char *path, unsigned flags, struct disk_file **out)
{
    struct sim_process *p = of_disk(d);
    enum err e = begin(p, SIM_OPEN, flags, (int64_t)strlen(path));
    if (e) return e;
    struct sim_inode *i = sim_store_find(&p->node->store, path);
    if (!i && !(flags & DISK_CREATE)) return ERR_NOT_FOUND;
    if (i && (flags & DISK_CREATE) && (flags & DISK_EXCLUSIVE)) return ERR_EXISTS;
    if (i && i->is_dir) return ERR_IO;
    if (!i) {
        e = sim_store_create(&p->node->store, path, false, &i);
        if (e) return e;
        i->modified_ms = sim_node_wall_ms(p->node);
    }
    if (flags & DISK_TRUNCATE) sim_inode_truncate(i, 0);
    *out = &file_new(p, i, path, flags & DISK_WRITE)->file;
    return ERR_OK;
}

static void op_close(struct disk_file *file)
{
    struct sim_file *f = (struct sim_file *)file;
    if (f->inode->locked_by == f) f->inode->locked_by = NULL;
    list_remove(&f->node);
    sim_inode_unuse(f->inode);
    mem_free(f);
}

/* Bytes of other sectors of the file. */
static bool misdirect(struct sim_file *f, int64_t offset, uint8_t *to, int64_t len)
{
    int64_t sectors = f->inode->size / SIM_SECTOR;
    if (sectors < 2) return false;
    int64_t shift = sim_draw(&f->process->node->disk_prng, 1, sectors - 1) * SIM_SECTOR;
    for (int64_t at = 0; at < len; at++)
        to[at] = f->inode->data[(offset + at + shift) % (sectors * SIM_SECTOR)];
    return true;
}

/* The read gives wrong bytes when its turn has come. */
static void misread(struct sim_file *f, int64_t offset, uint8_t *to, int64_t len)
{
    struct sim_node *n = f->process->node;
    struct sim_misread_fault *m = &n->misread;
    if (m->left == 0 || len == 0 || !ends_with(f->tail, m->suffix)) return;
    uint8_t *wrong = mem_alloc((size_t)len);
    bool can = false;
    switch (m->how) {
    case SIM_MISREAD_STALE: can = sim_inode_stale(f->inode, offset, wrong, len); break;
    case SIM_MISREAD_MISDIRECTED: can = misdirect(f, offset, wrong, len); break;
    case SIM_MISREAD_FLIPPED:
        memcpy(wrong, to, (size_t)len);
        wrong[sim_draw(&n->disk_prng, 0, len - 1)] ^=
            (uint8_t)(1u << sim_draw(&n->disk_prng, 0, 7));
        can = true;
    }
    if (can && --m->left == 0) {
        memcpy(to, wrong, (size_t)len);
        n->misreads++;
    }
    mem_free(wrong);
}

static enum err op_read(struct disk_file *file, int64_t offset, void *to, size_t len, size_t *got)
{
    struct sim_file *f = (struct sim_file *)file;
    *got = 0;
    enum err e = begin(f->process, SIM_READ, offset, (int64_t)len);
    if (e) return e;
    int64_t left = f->inode->size - offset;
    if (left <= 0) return ERR_OK;
    *got = (int64_t)len < left ? len : (size_t)left;
    memcpy(to, f->inode->data + offset, *got);
    misread(f, offset, to, (int64_t)*got);
    return ERR_OK;
}

/* How many of the bytes fit in the budget. */
static int64_t room_for(const struct sim_file *f, int64_t offset, int64_t len)
{
    const struct sim_store *st = &f->process->node->store;
    if (st->budget_bytes < 0) return len;
    int64_t end_max = f->inode->size + (st->budget_bytes - st->used_bytes);
    if (end_max < f->inode->size) end_max = f->inode->size;
    return offset + len <= end_max ? len : offset < end_max ? end_max - offset : 0;
}

static enum err op_write(struct disk_file *file, int64_t offset, const struct iovec *iov, int count)
{
    struct sim_file *f = (struct sim_file *)file;
    int64_t len = 0;
    for (int i = 0; i < count; i++) len += (int64_t)iov[i].iov_len;
    if (!f->writable) return ERR_IO;
    enum err e = begin(f->process, SIM_WRITE, offset, len);
    if (f->process->dead) return e;
    int64_t allowed = e ? sim_draw(&f->process->node->disk_prng, 0, len) : len;
    int64_t room = room_for(f, offset, len);
    if (room < allowed) allowed = room;
    if (!e && allowed < len) e = ERR_NO_SPACE;
    for (int i = 0; i < count && allowed > 0; i++) {
        int64_t n = (int64_t)iov[i].iov_len < allowed ? (int64_t)iov[i].iov_len : allowed;
        sim_inode_write(f->inode, offset, iov[i].iov_base, n);
        offset += n;
        allowed -= n;
    }
    f->inode->modified_ms = sim_node_wall_ms(f->process->node);
    return e;
}

static enum err op_truncate(struct disk_file *file, int64_t size)
{
    struct sim_file *f = (struct sim_file *)file;
    if (!f->writable) return ERR_IO;
    enum err e = begin(f->process, SIM_WRITE, -1, size);
    if (e) return e;
    if (size > f->inode->size && room_for(f, 0, size) < size) return ERR_NO_SPACE;
    sim_inode_truncate(f->inode, size);
    f->inode->modified_ms = sim_node_wall_ms(f->process->node);
    return ERR_OK;
}

static enum err op_preallocate(struct disk_file *file, int64_t size)
{
    struct sim_file *f = (struct sim_file *)file;
    if (!f->writable) return ERR_IO;
    enum err e = begin(f->process, SIM_WRITE, -2, size);
    if (e) return e;
    return room_for(f, 0, size) < size ? ERR_NO_SPACE : ERR_OK;
}

static enum err op_size(struct disk_file *file, int64_t *size)
{
    struct sim_file *f = (struct sim_file *)file;
    *size = f->inode->size;
    return begin(f->process, SIM_LOOK, -1, *size);
}

/* ---- syncs */

static void sync_result(struct sim_file *f, int64_t generation, enum err e)
{
    if (e)
        sim_inode_sync_fail(f->inode, generation, &f->process->node->disk_prng);
    else if (!f->process->node->sync_lies)
        sim_inode_sync_end(f->inode, generation);
}

static enum err op_sync(struct disk_file *file)
{
    struct sim_file *f = (struct sim_file *)file;
    enum err e = begin(f->process, SIM_SYNC, 0, f->inode->size);
    if (f->process->dead) return e;
    sync_result(f, sim_inode_sync_begin(f->inode), e);
    return e;
}

static void sync_finished(struct sim_event *event)
{
    struct sim_sync *s = CONTAINER_OF(event, struct sim_sync, event);
    struct disk_sync *op = s->op;
    struct disk_file *file = s->file;
    sync_result((struct sim_file *)file, s->generation, s->result);
    if (op) op->result = s->result;
    list_remove(&s->node);
    mem_free(s);
    if (op) op->done(op);
    disk_file_unref(file);
}

static void op_sync_start(struct disk_file *file, struct disk_sync *op)
{
    struct sim_file *f = (struct sim_file *)file;
    struct sim_process *p = f->process;
    enum err e = begin(p, SIM_SYNC, 1, f->inode->size);
    if (p->dead) return;
    struct sim_sync *s = MEM_NEW(struct sim_sync);
    s->op = op;
    s->file = file;
    s->result = e;
    s->generation = sim_inode_sync_begin(f->inode);
    disk_file_ref(file);
    list_init(&s->node);
    list_push_back(&p->syncs, &s->node);
    sim_event_init(&s->event, SIM_KIND_SYNC, p, sync_finished);
    int64_t us = sim_draw(&p->node->disk_prng, p->node->sync_us_min, p->node->sync_us_max);
    int64_t now = p->sim->queue.now_ns, still = p->node->still_until_ns;
    sim_queue_put(&p->sim->queue, &s->event, (still > now ? still : now) + us * 1000 + SIM_TURN_NS);
}

static void op_sync_forget(struct disk *d, struct disk_sync *op)
{
    LIST_EACH(&of_disk(d)->syncs, node) {
        struct sim_sync *s = CONTAINER_OF(node, struct sim_sync, node);
        if (s->op == op) s->op = NULL;
    }
}

/* ---- names */

static enum err op_rename(struct disk *d, const char *from, const char *to)
{
    enum err e = begin(of_disk(d), SIM_NAME, 1, (int64_t)strlen(from));
    return e ? e : sim_store_rename(&of_disk(d)->node->store, from, to);
}

static enum err op_unlink(struct disk *d, const char *path)
{
    enum err e = begin(of_disk(d), SIM_NAME, 2, (int64_t)strlen(path));
    return e ? e : sim_store_remove(&of_disk(d)->node->store, path, false);
}

static enum err op_mkdir(struct disk *d, const char *path)
{
    struct sim_inode *i;
    enum err e = begin(of_disk(d), SIM_NAME, 3, (int64_t)strlen(path));
    return e ? e : sim_store_create(&of_disk(d)->node->store, path, true, &i);
}

static enum err op_rmdir(struct disk *d, const char *path)
{
    enum err e = begin(of_disk(d), SIM_NAME, 4, (int64_t)strlen(path));
    return e ? e : sim_store_remove(&of_disk(d)->node->store, path, true);
}

static enum err op_sync_dir(struct disk *d, const char *path)
{
    struct sim_process *p = of_disk(d);
    enum err e = begin(p, SIM_SYNC_DIR, 0, (int64_t)strlen(path));
    if (e) return e;
    struct sim_inode *i = sim_store_find(&p->node->store, path);
    if (!i || !i->is_dir) return ERR_NOT_FOUND;
    if (!p->node->sync_lies) sim_store_sync_dir(&p->node->store, i);
    return ERR_OK;
}

static void sync_tree(struct sim_node *n, struct sim_inode *i, enum err e)
{
    if (!i->is_dir) {
        int64_t generation = sim_inode_sync_begin(i);
        if (e)
            sim_inode_sync_fail(i, generation, &n->disk_prng);
        else
            sim_inode_sync_end(i, generation);
        return;
    }
    if (!e) sim_store_sync_dir(&n->store, i);
    for (uint32_t k = 0; k < i->entries.count; k++) sync_tree(n, i->entries.entries[k].value, e);
}

static enum err op_sync_tree(struct disk *d, const char *path)
{
    struct sim_process *p = of_disk(d);
    enum err e = begin(p, SIM_SYNC, 2, (int64_t)strlen(path));
    if (p->dead) return e;
    struct sim_inode *i = sim_store_find(&p->node->store, path);
    if (!i || !i->is_dir) return e ? e : ERR_NOT_FOUND;
    if (e || !p->node->sync_lies) sync_tree(p->node, i, e);
    return e;
}

static enum err op_list(struct disk *d, const char *path, struct arena *arena,
                        struct disk_entry **entries, int32_t *count)
{
    struct sim_process *p = of_disk(d);
    *entries = NULL;
    *count = 0;
    enum err e = begin(p, SIM_LOOK, 0, (int64_t)strlen(path));
    if (e) return e;
    const struct sim_inode *dir = sim_store_find(&p->node->store, path);
    if (!dir || !dir->is_dir) return ERR_NOT_FOUND;
    int32_t n = (int32_t)dir->entries.count;
    struct disk_entry *all = n > 0 ? ARENA_ARRAY(arena, struct disk_entry, n) : NULL;
    for (int32_t i = 0; i < n; i++) {
        const struct map_entry *entry = &dir->entries.entries[i];
        const struct sim_inode *inode = entry->value;
        struct str name = {(const char *)entry->key, (int32_t)entry->key_len};
        struct disk_entry found = {.name = arena_str(arena, name).data, .is_dir = inode->is_dir};
        int32_t at = i; /* insertion sort: directories are small */
        for (; at > 0 && strcmp(all[at - 1].name, found.name) > 0; at--) all[at] = all[at - 1];
        all[at] = found;
    }
    *entries = all;
    *count = n;
    return ERR_OK;
}

static enum err op_stat(struct disk *d, const char *path, struct disk_stat *st)
{
    struct sim_process *p = of_disk(d);
    enum err e = begin(p, SIM_LOOK, 1, (int64_t)strlen(path));
    if (e) return e;
    const struct sim_inode *i = sim_store_find(&p->node->store, path);
    if (!i) return ERR_NOT_FOUND;
    *st = (struct disk_stat){.size = i->size, .modified_ms = i->modified_ms, .is_dir = i->is_dir};
    return ERR_OK;
}

static enum err op_set_modified(struct disk *d, const char *path, int64_t ms)
{
    struct sim_process *p = of_disk(d);
    enum err e = begin(p, SIM_NAME, 5, ms);
    if (e) return e;
    struct sim_inode *i = sim_store_find(&p->node->store, path);
    if (!i) return ERR_NOT_FOUND;
    i->modified_ms = ms;
    return ERR_OK;
}

static enum err op_lock(struct disk *d, const char *path, struct disk_file **out)
{
    struct sim_process *p = of_disk(d);
    enum err e = begin(p, SIM_NAME, 6, (int64_t)strlen(path));
    if (e) return e;
    struct sim_inode *i = sim_store_find(&p->node->store, path);
    if (i && i->is_dir) return ERR_IO;
    if (i && i->locked_by) return ERR_LOCKED;
    if (!i) e = sim_store_create(&p->node->store, path, false, &i);
    if (e) return e;
    struct sim_file *f = file_new(p, i, path, true);
    i->locked_by = f;
    *out = &f->file;
    return ERR_OK;
}

static enum err op_space(struct disk *d, const char *path, struct disk_space *space)
{
    struct sim_process *p = of_disk(d);
    enum err e = begin(p, SIM_LOOK, 2, (int64_t)strlen(path));
    if (e) return e;
    const struct sim_store *st = &p->node->store;
    if (!sim_store_find(&p->node->store, path)) return ERR_NOT_FOUND;
    int64_t total = st->budget_bytes < 0 ? (int64_t)1 << 40 : st->budget_bytes;
    int64_t usable = total - st->used_bytes;
    *space = (struct disk_space){.total_bytes = total, .usable_bytes = usable < 0 ? 0 : usable};
    return ERR_OK;
}

static const struct disk_ops disk_ops = {
    .open = op_open,
    .close = op_close,
    .read = op_read,
    .write = op_write,
    .truncate = op_truncate,
    .preallocate = op_preallocate,
    .size = op_size,
    .sync = op_sync,
    .sync_start = op_sync_start,
    .rename = op_rename,
    .unlink = op_unlink,
    .mkdir = op_mkdir,
    .rmdir = op_rmdir,
    .sync_forget = op_sync_forget,
    .sync_tree = op_sync_tree,
    .sync_dir = op_sync_dir,
    .list = op_list,
    .stat = op_stat,
    .set_modified = op_set_modified,
    .lock = op_lock,
    .space = op_space,
};

void sim_disk_init(struct sim_process *p)
{
    p->disk.ops = &disk_ops;
    list_init(&p->files);
    list_init(&p->syncs);
}

void sim_disk_end(struct sim_process *p)
{
    while (!list_empty(&p->syncs)) {
        struct sim_sync *s = CONTAINER_OF(p->syncs.next, struct sim_sync, node);
        struct disk_file *file = s->file;
        list_remove(&s->node);
        sim_queue_remove(&p->sim->queue, &s->event);
        mem_free(s);
        disk_file_unref(file);
    }
    LIST_EACH(&p->files, node) {
        struct sim_file *f = CONTAINER_OF(node, struct sim_file, node);
        if (f->inode->locked_by == f) f->inode->locked_by = NULL;
    }
}

void sim_disk_free(struct sim_process *p)
{
    while (!list_empty(&p->files))
        op_close(&CONTAINER_OF(p->files.next, struct sim_file, node)->file);
}
