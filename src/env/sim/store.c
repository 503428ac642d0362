#include "env/sim/store.h"

#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "env/disk.h"

enum { DIRS_IN_CLOSURE = 64 };

/* One change of names: `inode` left (dir_from, from) and came to (dir_to, to), where `replaced`
 * was. Creation has no from, removal no to. Owns: a reference to each inode. */
struct name_change {
    struct list_node node;
    struct sim_inode *inode, *replaced, *dir_from, *dir_to;
    char *from, *to;
};

/* ---- generations */

static struct sim_generation *open_generation(struct sim_inode *i)
{
    return CONTAINER_OF(i->generations.prev, struct sim_generation, node);
}

static bool is_clean(const struct sim_generation *g, int64_t size)
{
    return g->sectors_count == 0 && g->old_size == size;
}

static void generation_open(struct sim_inode *i)
{
    struct sim_generation *g = MEM_NEW(struct sim_generation);
    g->id = ++i->generation_next;
    g->old_size = i->size;
    list_init(&g->node);
    list_push_back(&i->generations, &g->node);
}

static void generation_free(struct sim_generation *g)
{
    list_remove(&g->node);
    mem_free(g->sectors);
    mem_free(g->old);
    mem_free(g->seen);
    mem_free(g);
}

static void generations_clear(struct sim_inode *i)
{
    while (!list_empty(&i->generations))
        generation_free(CONTAINER_OF(i->generations.next, struct sim_generation, node));
}

static bool seen(const struct sim_generation *g, int64_t sector)
{
    return sector / 8 < g->seen_bytes && (g->seen[sector / 8] & (1u << (sector % 8)));
}

static void mark_seen(struct sim_generation *g, int64_t sector)
{
    if (sector / 8 >= g->seen_bytes) {
        int64_t bytes = sector / 8 * 2 + 16;
        g->seen = mem_realloc(g->seen, (size_t)bytes);
        memset(g->seen + g->seen_bytes, 0, (size_t)(bytes - g->seen_bytes));
        g->seen_bytes = bytes;
    }
    g->seen[sector / 8] = (uint8_t)(g->seen[sector / 8] | (1u << (sector % 8)));
}

/* Remember what the sector holds, before it changes. */
static void save_sector(struct sim_inode *i, int64_t sector)
{
    struct sim_generation *g = open_generation(i);
    if (seen(g, sector)) return;
    mark_seen(g, sector);
    MEM_GROW(g->sectors, g->sectors_count, g->sectors_capacity);
    struct sim_sector *s = &g->sectors[g->sectors_count++];
    *s = (struct sim_sector){.index = sector, .old_at = -1};
    int64_t at = sector * SIM_SECTOR;
    if (at >= i->size) return;
    if (g->old_len + SIM_SECTOR > g->old_capacity) {
        g->old_capacity = g->old_capacity ? g->old_capacity * 2 : 4 * SIM_SECTOR;
        g->old = mem_realloc(g->old, (size_t)g->old_capacity);
    }
    int64_t len = i->size - at < SIM_SECTOR ? i->size - at : SIM_SECTOR;
    memset(g->old + g->old_len, 0, SIM_SECTOR);
    memcpy(g->old + g->old_len, i->data + at, (size_t)len);
    s->old_at = g->old_len;
    g->old_len += SIM_SECTOR;
}

static void save_range(struct sim_inode *i, int64_t from, int64_t to)
{
    for (int64_t s = from / SIM_SECTOR; s * SIM_SECTOR < to; s++) save_sector(i, s);
}

/* ---- contents */

static void set_size(struct sim_inode *i, int64_t size)
{
    if (size > i->capacity) {
        i->capacity = size > i->capacity * 2 ? size : i->capacity * 2;
        i->data = mem_realloc(i->data, (size_t)i->capacity);
    }
    if (size > i->size) memset(i->data + i->size, 0, (size_t)(size - i->size));
    if (i->uses > 0) i->store->used_bytes += size - i->size;
    i->size = size;
}

void sim_inode_write(struct sim_inode *i, int64_t offset, const void *data, int64_t len)
{
    if (len == 0) return;
    save_range(i, offset < i->size ? offset : i->size, offset + len);
    if (offset + len > i->size) set_size(i, offset + len);
    memcpy(i->data + offset, data, (size_t)len);
}

void sim_inode_truncate(struct sim_inode *i, int64_t size)
{
    if (size < i->size) {
        save_range(i, size, i->size);
        open_generation(i)->cut = true;
    }
    set_size(i, size);
}

enum err sim_inode_flip(struct sim_inode *i, int64_t offset, uint8_t bits)
{
    if (i->is_dir || offset < 0 || offset >= i->size) return ERR_OUT_OF_RANGE;
    i->data[offset] ^= bits;
    int64_t sector = offset / SIM_SECTOR;
    LIST_EACH(&i->generations, node) {
        struct sim_generation *g = CONTAINER_OF(node, struct sim_generation, node);
        for (int32_t k = 0; k < g->sectors_count && seen(g, sector); k++)
            if (g->sectors[k].index == sector && g->sectors[k].old_at >= 0)
                g->old[g->sectors[k].old_at + offset % SIM_SECTOR] ^= bits;
    }
    return ERR_OK;
}

/* The newest generation that has it says what the sector was before. */
static const struct sim_sector *last_written(const struct sim_inode *i, int64_t sector,
                                             const struct sim_generation **where)
{
    for (struct list_node *node = i->generations.prev; node != &i->generations; node = node->prev) {
        const struct sim_generation *g = CONTAINER_OF(node, struct sim_generation, node);
        for (int32_t k = 0; k < g->sectors_count && seen(g, sector); k++)
            if (g->sectors[k].index == sector) {
                *where = g;
                return &g->sectors[k];
            }
    }
    return NULL;
}

bool sim_inode_stale(const struct sim_inode *i, int64_t offset, uint8_t *to, int64_t len)
{
    bool changed = false;
    for (int64_t at = 0; at < len;) {
        int64_t within = (offset + at) % SIM_SECTOR;
        int64_t n = SIM_SECTOR - within < len - at ? SIM_SECTOR - within : len - at;
        const struct sim_generation *g = NULL;
        const struct sim_sector *s = last_written(i, (offset + at) / SIM_SECTOR, &g);
        if (s && s->old_at >= 0)
            memcpy(to + at, g->old + s->old_at + within, (size_t)n);
        else if (s)
            memset(to + at, 0, (size_t)n);
        else
            memcpy(to + at, i->data + offset + at, (size_t)n);
        at += n;
        changed |= s != NULL;
    }
    return changed;
}

int64_t sim_inode_sync_begin(struct sim_inode *i)
{
    struct sim_generation *g = open_generation(i);
    int64_t id = g->id;
    if (is_clean(g, i->size) && !g->cut) return id - 1;
    generation_open(i);
    return id;
}

/* Sectors of a generation that was lost are on the medium after all when they were written again in
 * one that was synced. */
static void rewritten(struct sim_generation *lost, const struct sim_generation *synced)
{
    lost->size_synced = true;
    int32_t kept = 0;
    for (int32_t k = 0; k < lost->sectors_count; k++)
        if (!seen(synced, lost->sectors[k].index)) lost->sectors[kept++] = lost->sectors[k];
    lost->sectors_count = kept;
}

void sim_inode_sync_end(struct sim_inode *i, int64_t generation)
{
    LIST_EACH(&i->generations, node) {
        struct sim_generation *g = CONTAINER_OF(node, struct sim_generation, node);
        if (g->id > generation || g == open_generation(i)) break;
        if (g->lost) continue;
        LIST_EACH(&i->generations, older) {
            if (older == node) break;
            rewritten(CONTAINER_OF(older, struct sim_generation, node), g);
        }
        generation_free(g);
    }
}

static void restore_sector(struct sim_inode *i, const struct sim_generation *g, int32_t k,
                           int64_t from, int64_t to)
{
    const struct sim_sector *s = &g->sectors[k];
    int64_t at = s->index * SIM_SECTOR;
    if (at + to > i->size) to = i->size - at;
    if (from >= to) return;
    if (s->old_at < 0)
        memset(i->data + at + from, 0, (size_t)(to - from));
    else
        memcpy(i->data + at + from, g->old + s->old_at + from, (size_t)(to - from));
}

static void restore_all(struct sim_inode *i, const struct sim_generation *g)
{
    if (g->old_size > i->size && !g->size_synced) set_size(i, g->old_size);
    for (int32_t k = 0; k < g->sectors_count; k++) restore_sector(i, g, k, 0, SIM_SECTOR);
    if (!g->size_synced) set_size(i, g->old_size);
}

/* What another file had there before: where this one had nothing that was synced. */
static void fill_with_garbage(struct sim_inode *i, const struct sim_generation *g, int32_t k,
                              struct prng *p)
{
    int64_t from = g->sectors[k].index * SIM_SECTOR, to = from + SIM_SECTOR;
    if (from < g->old_size) from = g->old_size;
    if (to > i->size) to = i->size;
    if (from >= to) return;
    MARK("a power loss leaves garbage in a sector");
    prng_fill(p, i->data + from, (size_t)(to - from));
}

static void restore_some(struct sim_inode *i, const struct sim_generation *g, struct prng *p)
{
    for (int32_t k = 0; k < g->sectors_count; k++) {
        int64_t torn = prng_between(p, 1, SIM_SECTOR - 1);
        switch (prng_below(p, 9)) {
        case 0:
        case 1: break; /* written */
        case 2:
        case 3: restore_sector(i, g, k, 0, SIM_SECTOR); break;
        case 4:
        case 5: restore_sector(i, g, k, torn, SIM_SECTOR); break;
        case 6:
        case 7: restore_sector(i, g, k, 0, torn); break;
        default: fill_with_garbage(i, g, k, p);
        }
    }
    uint64_t size = prng_below(p, 3);
    if (size == 0) set_size(i, g->old_size);
    if (size == 1 && g->old_size < i->size) set_size(i, prng_between(p, g->old_size, i->size));
}

void sim_inode_sync_fail(struct sim_inode *i, int64_t generation, struct prng *p)
{
    /* a page that was written since is dirty, or under way: it stays */
    bool drop = is_clean(open_generation(i), i->size) && open_generation(i)->id <= generation + 1 &&
                prng_chance(p, 1, 2);
    for (struct list_node *node = i->generations.prev; node != &i->generations; node = node->prev) {
        struct sim_generation *g = CONTAINER_OF(node, struct sim_generation, node);
        if (g->id > generation || g->lost) continue;
        g->lost = true;
        for (int32_t k = 0; k < g->sectors_count && drop && !g->cut; k++)
            restore_sector(i, g, k, 0, SIM_SECTOR);
    }
}

static void inode_power_loss(struct sim_inode *i, bool all, struct prng *p)
{
    for (struct list_node *node = i->generations.prev; node != &i->generations; node = node->prev) {
        const struct sim_generation *g = CONTAINER_OF(node, struct sim_generation, node);
        uint64_t draw = prng_below(p, 3);
        if (all || g->lost || draw == 0)
            restore_all(i, g);
        else if (draw == 1 && !g->cut)
            restore_some(i, g, p);
    }
    generations_clear(i);
    generation_open(i);
}

/* ---- inodes */

static struct sim_inode *inode_new(struct sim_store *st, bool is_dir)
{
    struct sim_inode *i = MEM_NEW(struct sim_inode);
    i->is_dir = is_dir;
    i->store = st;
    map_init(&i->entries);
    list_init(&i->generations);
    generation_open(i);
    return i;
}

static void inode_ref(struct sim_inode *i)
{
    i->references++;
}

static void inode_unref(struct sim_inode *i)
{
    if (!i) return;
    INVARIANT(i->references > 0);
    if (--i->references > 0) return;
    for (uint32_t k = 0; k < i->entries.count; k++) sim_inode_unuse(i->entries.entries[k].value);
    map_free(&i->entries);
    generations_clear(i);
    mem_free(i->data);
    mem_free(i);
}

void sim_inode_use(struct sim_inode *i)
{
    inode_ref(i);
    if (i->uses++ == 0) i->store->used_bytes += i->size;
}

void sim_inode_unuse(struct sim_inode *i)
{
    if (!i) return;
    INVARIANT(i->uses > 0);
    if (--i->uses == 0) i->store->used_bytes -= i->size;
    inode_unref(i);
}

static void entry_put(struct sim_inode *dir, const char *name, struct sim_inode *i)
{
    sim_inode_use(i);
    sim_inode_unuse(map_put_str(&dir->entries, str_of(name), i));
}

static void entry_remove(struct sim_inode *dir, const char *name)
{
    sim_inode_unuse(map_remove_str(&dir->entries, str_of(name)));
}

/* ---- paths */

struct sim_inode *sim_store_find(struct sim_store *st, const char *path)
{
    struct sim_inode *i = st->root;
    struct str name;
    while (i && !str_is_null(name = disk_path_next(&path)))
        i = i->is_dir ? map_get_str(&i->entries, name) : NULL;
    return i;
}

/* The directory the last component is in, and that component in *leaf. NULL when absent. */
static struct sim_inode *find_parent(struct sim_store *st, const char *path, char leaf[256])
{
    struct sim_inode *dir = st->root;
    struct str name = disk_path_next(&path);
    if (str_is_null(name)) return NULL;
    for (;;) {
        struct str next = disk_path_next(&path);
        if (str_is_null(next)) break;
        dir = map_get_str(&dir->entries, name);
        if (!dir || !dir->is_dir) return NULL;
        name = next;
    }
    if (name.len > 255) return NULL;
    memcpy(leaf, name.data, (size_t)name.len);
    leaf[name.len] = '\0';
    return dir;
}

/* ---- names */

static void journal_add(struct sim_store *st, struct name_change change)
{
    struct name_change *c = mem_dup(&change, sizeof change);
    list_init(&c->node);
    struct sim_inode *held[] = {c->inode, c->replaced, c->dir_from, c->dir_to};
    for (int k = 0; k < 4; k++)
        if (held[k]) inode_ref(held[k]);
    c->from = change.from ? str_dup_z(str_of(change.from)) : NULL;
    c->to = change.to ? str_dup_z(str_of(change.to)) : NULL;
    list_push_back(&st->journal, &c->node);
}

static void journal_drop(struct name_change *c)
{
    list_remove(&c->node);
    inode_unref(c->inode);
    inode_unref(c->replaced);
    inode_unref(c->dir_from);
    inode_unref(c->dir_to);
    mem_free(c->from);
    mem_free(c->to);
    mem_free(c);
}

enum err sim_store_create(struct sim_store *st, const char *path, bool is_dir,
                          struct sim_inode **out)
{
    char name[256];
    if (sim_store_find(st, path)) return ERR_EXISTS;
    struct sim_inode *dir = find_parent(st, path, name);
    if (!dir) return ERR_NOT_FOUND;
    *out = inode_new(st, is_dir);
    entry_put(dir, name, *out);
    journal_add(st, (struct name_change){.inode = *out, .dir_to = dir, .to = name});
    return ERR_OK;
}

enum err sim_store_remove(struct sim_store *st, const char *path, bool is_dir)
{
    char name[256];
    struct sim_inode *i = sim_store_find(st, path);
    struct sim_inode *dir = find_parent(st, path, name);
    if (!i || !dir || (is_dir && !i->is_dir)) return ERR_NOT_FOUND;
    if (!is_dir && i->is_dir) return ERR_IO;
    if (i->entries.count > 0) return ERR_EXISTS;
    journal_add(st, (struct name_change){.inode = i, .dir_from = dir, .from = name});
    entry_remove(dir, name);
    return ERR_OK;
}

enum err sim_store_rename(struct sim_store *st, const char *from, const char *to)
{
    char from_name[256], to_name[256];
    struct sim_inode *i = sim_store_find(st, from);
    struct sim_inode *dir_from = find_parent(st, from, from_name);
    struct sim_inode *dir_to = find_parent(st, to, to_name);
    struct sim_inode *replaced = sim_store_find(st, to);
    if (!i || !dir_from || !dir_to) return ERR_NOT_FOUND;
    if (replaced == i) return ERR_OK;
    if (replaced && replaced->is_dir != i->is_dir) return replaced->is_dir ? ERR_IO : ERR_NOT_FOUND;
    if (replaced && replaced->entries.count > 0) return ERR_EXISTS;
    journal_add(st, (struct name_change){.inode = i,
                                         .replaced = replaced,
                                         .dir_from = dir_from,
                                         .from = from_name,
                                         .dir_to = dir_to,
                                         .to = to_name});
    entry_put(dir_to, to_name, i);
    entry_remove(dir_from, from_name);
    return ERR_OK;
}

static bool contains(struct sim_inode *const *dirs, int count, const struct sim_inode *dir)
{
    for (int k = 0; k < count; k++)
        if (dirs[k] == dir) return true;
    return false;
}

/* A rename between two directories is one change: with one of them synced it is durable, and so is
 * everything that came before it in the other. */
void sim_store_sync_dir(struct sim_store *st, struct sim_inode *dir)
{
    struct sim_inode *dirs[DIRS_IN_CLOSURE] = {dir};
    int count = 1;
    for (struct list_node *node = st->journal.prev, *older; node != &st->journal; node = older) {
        older = node->prev;
        struct name_change *c = CONTAINER_OF(node, struct name_change, node);
        bool from = contains(dirs, count, c->dir_from), to = contains(dirs, count, c->dir_to);
        if (!from && !to) continue;
        struct sim_inode *other = from ? c->dir_to : c->dir_from;
        if (other && !(from && to) && count < DIRS_IN_CLOSURE) dirs[count++] = other;
        journal_drop(c);
    }
}

static void undo(struct name_change *c)
{
    if (c->dir_to) entry_remove(c->dir_to, c->to);
    if (c->replaced) entry_put(c->dir_to, c->to, c->replaced);
    if (c->dir_from) entry_put(c->dir_from, c->from, c->inode);
}

static bool is_below(const struct sim_inode *top, const struct sim_inode *i)
{
    if (i == top) return true;
    for (uint32_t k = 0; k < top->entries.count; k++)
        if (is_below(top->entries.entries[k].value, i)) return true;
    return false;
}

enum err sim_store_vanish(struct sim_store *st, const char *path)
{
    char name[256];
    struct sim_inode *i = sim_store_find(st, path);
    struct sim_inode *dir = find_parent(st, path, name);
    if (!i || !dir) return ERR_NOT_FOUND;
    LIST_EACH(&st->journal, node) { /* no power loss brings any of it back */
        struct name_change *c = CONTAINER_OF(node, struct name_change, node);
        if (c->inode == i || (c->dir_from && is_below(i, c->dir_from)) ||
            (c->dir_to && is_below(i, c->dir_to)))
            journal_drop(c);
    }
    entry_remove(dir, name);
    return ERR_OK;
}

static void tree_power_loss(struct sim_inode *i, bool all, struct prng *p)
{
    i->locked_by = NULL;
    if (!i->is_dir) inode_power_loss(i, all, p);
    for (uint32_t k = 0; k < i->entries.count; k++)
        tree_power_loss(i->entries.entries[k].value, all, p);
}

static void undo_last(struct sim_store *st, uint64_t count)
{
    for (; count > 0; count--) {
        struct name_change *c = CONTAINER_OF(st->journal.prev, struct name_change, node);
        undo(c);
        journal_drop(c);
    }
}

/* Of each directory the changes from some one on, whatever others lose: nothing orders them. A
 * rename between two is undone or stays in both. */
static void undo_by_directory(struct sim_store *st, struct prng *p)
{
    struct sim_inode **kept = NULL; /* what is left of these stays */
    int32_t count = 0, capacity = 0;
    uint64_t one_in = 1 + prng_below(p, 10);
    for (struct list_node *node = st->journal.prev, *older; node != &st->journal; node = older) {
        older = node->prev;
        struct name_change *c = CONTAINER_OF(node, struct name_change, node);
        struct sim_inode *dirs[] = {c->dir_from, c->dir_to};
        bool stays = contains(kept, count, dirs[0]) || contains(kept, count, dirs[1]) ||
                     prng_chance(p, 1, one_in);
        for (int k = 0; k < 2 && stays; k++) {
            if (!dirs[k] || contains(kept, count, dirs[k])) continue;
            MEM_GROW(kept, count, capacity);
            kept[count++] = dirs[k];
        }
        if (stays) continue;
        if (count > 0) MARK("a power loss keeps a newer name and loses an older one elsewhere");
        undo(c);
        journal_drop(c);
    }
    mem_free(kept);
}

void sim_store_power_loss(struct sim_store *st, bool all, struct prng *p)
{
    uint64_t length = 0;
    LIST_EACH(&st->journal, node) length++;
    uint64_t draw = prng_below(p, 4);
    if (all || draw == 0)
        undo_last(st, length);
    else if (draw == 1)
        undo_last(st, prng_below(p, length + 1));
    else if (draw == 2)
        undo_by_directory(st, p);
    while (!list_empty(&st->journal))
        journal_drop(CONTAINER_OF(st->journal.next, struct name_change, node));
    tree_power_loss(st->root, all, p);
}

void sim_store_init(struct sim_store *st)
{
    *st = (struct sim_store){.budget_bytes = -1};
    list_init(&st->journal);
    st->root = inode_new(st, true);
    sim_inode_use(st->root);
}

void sim_store_free(struct sim_store *st)
{
    while (!list_empty(&st->journal))
        journal_drop(CONTAINER_OF(st->journal.next, struct name_change, node));
    sim_inode_unuse(st->root);
}
