#include "env/os/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* A directory with open files in or below it. */
struct os_dir {
    struct os_dir *parent;
    char *name;
    struct map dirs;  /* name -> struct os_dir */
    struct map files; /* name -> one struct os_file of the ring of twins */
    int32_t held;     /* not to be released now */
};

/* ---- the tree */

static struct os_dir *dir_new(struct os_dir *parent, struct str name)
{
    struct os_dir *d = MEM_NEW(struct os_dir);
    d->parent = parent;
    d->name = str_dup_z(name);
    map_init(&d->dirs);
    map_init(&d->files);
    if (parent) map_put_str(&parent->dirs, name, d);
    return d;
}

static void dir_free(struct os_dir *d)
{
    map_free(&d->dirs);
    map_free(&d->files);
    mem_free(d->name);
    mem_free(d);
}

/* Directories without anything open below them are not kept. */
static void dir_release(struct os_dir *d)
{
    while (d->parent && d->held == 0 && d->dirs.count == 0 && d->files.count == 0) {
        struct os_dir *parent = d->parent;
        map_remove_str(&parent->dirs, str_of(d->name));
        dir_free(d);
        d = parent;
    }
}

/* The directory of the path's last component, and that component. NULL when it is not in the tree
 * (and is not to be created), or cannot be: a path that goes up by "..". */
static struct os_dir *find_parent(struct os_files *fs, const char *path, bool create,
                                  struct str *leaf)
{
    struct os_dir *d = *path == '/' ? fs->absolute : fs->relative;
    struct str name = disk_path_next(&path);
    for (;;) {
        if (str_is_null(name) || str_equal(name, STR(".."))) return NULL;
        struct str next = disk_path_next(&path);
        if (str_is_null(next)) break;
        struct os_dir *child = map_get_str(&d->dirs, name);
        if (!child && !create) return NULL;
        d = child ? child : dir_new(d, name);
        name = next;
    }
    *leaf = name;
    return d;
}

static void attach(struct os_file *f, struct os_dir *dir, struct str name)
{
    f->dir = dir;
    f->name = str_dup_z(name);
    struct os_file *twin = map_get_str(&dir->files, name);
    if (twin)
        list_insert_before(&twin->twins, &f->twins);
    else
        map_put_str(&dir->files, name, f);
}

static void detach(struct os_file *f)
{
    struct os_dir *dir = f->dir;
    if (!dir) return;
    if (map_get_str(&dir->files, str_of(f->name)) == f) {
        if (list_linked(&f->twins))
            map_put_str(&dir->files, str_of(f->name),
                        CONTAINER_OF(f->twins.next, struct os_file, twins));
        else
            map_remove_str(&dir->files, str_of(f->name));
    }
    list_remove(&f->twins);
    mem_free(f->name);
    f->name = NULL;
    f->dir = NULL;
    dir_release(dir);
}

/* Writes the path from the end of the buffer; NULL when it is too long. */
static const char *path_of(const struct os_files *fs, const struct os_file *f, char *buffer,
                           size_t size)
{
    char *at = buffer + size - 1;
    *at = '\0';
    const char *name = f->name;
    const struct os_dir *d = f->dir;
    for (; d; name = d->name, d = d->parent) {
        size_t len = strlen(name);
        if ((size_t)(at - buffer) < len + 1) return NULL;
        at -= len;
        memcpy(at, name, len);
        if (d->parent || d == fs->absolute) *--at = '/';
    }
    return at;
}

/* ---- descriptors */

static void update_use(struct os_files *fs, struct os_file *f)
{
    list_remove(&f->use);
    if (f->fd >= 0 && f->pins == 0 && !f->fixed && f->dir) list_push_back(&fs->used, &f->use);
}

bool os_files_close_one(struct os_files *fs)
{
    struct stat st;
    while (!list_empty(&fs->used)) {
        struct os_file *f = CONTAINER_OF(fs->used.next, struct os_file, use);
        list_remove(&f->use);
        if (fstat(f->fd, &st)) continue; /* could not be recognised again: it stays open */
        f->device = st.st_dev;
        f->inode = st.st_ino;
        close(f->fd);
        f->fd = -1;
        fs->open--;
        return true;
    }
    return false;
}

void os_files_make_room(struct os_files *fs)
{
    while (fs->open >= fs->open_max && os_files_close_one(fs)) continue;
}

static enum err open_again(struct os_files *fs, struct os_file *f)
{
    char buffer[PATH_MAX];
    struct stat st;
    const char *path = f->dir ? path_of(fs, f, buffer, sizeof buffer) : NULL;
    if (!path) return ERR_IO;
    os_files_make_room(fs);
    int fd;
    while ((fd = open(path, f->how)) < 0 && errno == EMFILE && os_files_close_one(fs)) continue;
    if (fd < 0) return errno == EMFILE || errno == ENFILE ? ERR_NO_DESCRIPTORS : ERR_IO;
    if (fstat(fd, &st) || st.st_dev != f->device || st.st_ino != f->inode) {
        close(fd);
        return ERR_IO;
    }
    f->fd = fd;
    fs->open++;
    return ERR_OK;
}

enum err os_file_open(struct os_files *fs, struct os_file *f, int *fd)
{
    if (f->fd < 0) {
        enum err e = open_again(fs, f);
        if (e) return e;
    }
    update_use(fs, f);
    *fd = f->fd;
    return ERR_OK;
}

struct os_file *os_file_new(struct os_files *fs, struct disk *disk, const char *path, int fd,
                            int how)
{
    struct os_file *f = MEM_NEW(struct os_file);
    f->file = (struct disk_file){.disk = disk, .references = 1};
    f->fd = fd;
    f->how = how;
    list_init(&f->use);
    list_init(&f->lock);
    list_init(&f->twins);
    fs->open++;
    struct str name;
    struct os_dir *dir = find_parent(fs, path, true, &name);
    if (dir) attach(f, dir, name);
    update_use(fs, f);
    return f;
}

void os_file_free(struct os_files *fs, struct os_file *f)
{
    detach(f);
    list_remove(&f->use);
    list_remove(&f->lock);
    if (f->fd >= 0) {
        close(f->fd);
        fs->open--;
    }
    mem_free(f);
}

void os_file_pin(struct os_file *f)
{
    PRE(f->fd >= 0);
    f->pins++;
    list_remove(&f->use);
}

void os_file_unpin(struct os_files *fs, struct os_file *f)
{
    PRE(f->pins > 0);
    f->pins--;
    update_use(fs, f);
}

/* ---- names */

static struct os_file *first_twin(struct os_files *fs, const char *path)
{
    struct str name;
    const struct os_dir *dir = find_parent(fs, path, false, &name);
    return dir ? map_get_str(&dir->files, name) : NULL;
}

enum err os_files_orphan(struct os_files *fs, const char *path)
{
    struct os_file *f;
    int fd;
    while ((f = first_twin(fs, path)) != NULL) {
        enum err e = os_file_open(fs, f, &fd);
        if (e) return e;
        f->fixed = true;
        detach(f);
        update_use(fs, f);
    }
    return ERR_OK;
}

/* What is open below a directory that is gone loses its names. */
static void forget_tree(struct os_files *fs, struct os_dir *d)
{
    d->held++;
    while (d->dirs.count > 0) forget_tree(fs, d->dirs.entries[0].value);
    while (d->files.count > 0) {
        struct os_file *f = d->files.entries[0].value;
        f->fixed = true;
        detach(f);
        update_use(fs, f);
    }
    d->held--;
    dir_release(d);
}

static void move_dir(struct os_files *fs, struct os_dir *moved, struct os_dir *to, struct str name)
{
    struct os_dir *replaced = map_get_str(&to->dirs, name);
    if (replaced == moved) return;
    if (replaced) forget_tree(fs, replaced);
    map_remove_str(&moved->parent->dirs, str_of(moved->name));
    mem_free(moved->name);
    moved->name = str_dup_z(name);
    moved->parent = to;
    map_put_str(&to->dirs, name, moved);
}

void os_files_renamed(struct os_files *fs, const char *from, const char *to)
{
    struct str from_name, to_name;
    struct os_dir *from_dir = find_parent(fs, from, false, &from_name);
    if (!from_dir) return;
    struct os_dir *moved = map_get_str(&from_dir->dirs, from_name);
    if (!moved && !map_get_str(&from_dir->files, from_name)) return;
    struct os_dir *to_dir = find_parent(fs, to, true, &to_name);
    if (!to_dir) return; /* by "..": what is closed now cannot be opened again */
    from_dir->held++;
    to_dir->held++;
    struct os_file *f;
    while ((from_dir != to_dir || !str_equal(from_name, to_name)) &&
           (f = map_get_str(&from_dir->files, from_name)) != NULL) {
        detach(f);
        attach(f, to_dir, to_name);
    }
    if (moved) move_dir(fs, moved, to_dir, to_name);
    from_dir->held--;
    to_dir->held--;
    dir_release(to_dir);
    if (from_dir != to_dir) dir_release(from_dir);
}

void os_files_init(struct os_files *fs, int64_t open_max)
{
    *fs = (struct os_files){.open_max = open_max};
    list_init(&fs->used);
    fs->absolute = dir_new(NULL, STR("/"));
    fs->relative = dir_new(NULL, STR("."));
}

static void tree_free(struct os_dir *d)
{
    for (uint32_t i = 0; i < d->dirs.count; i++) tree_free(d->dirs.entries[i].value);
    dir_free(d);
}

void os_files_free(struct os_files *fs)
{
    tree_free(fs->absolute);
    tree_free(fs->relative);
}
