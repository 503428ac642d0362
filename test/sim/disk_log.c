#include "disk_log.h"

#include <inttypes.h>
#include <stdio.h>

struct search {
    int64_t offset, base; /* the largest base at or below offset; -1: none */
};

static bool segment_base(const char *name, bool is_dir, int64_t *base)
{
    char end;
    return !is_dir && strlen(name) == 24 && sscanf(name, "%20" SCNd64 ".lo%c", base, &end) == 2 &&
           end == 'g';
}

static void least(void *owner, const char *name, bool is_dir)
{
    int64_t *start = owner, base;
    if (segment_base(name, is_dir, &base) && (*start < 0 || base < *start)) *start = base;
}

int64_t disk_log_start(const struct sim_node *n, const char *directory)
{
    int64_t start = -1;
    sim_disk_names(n, directory, least, &start);
    return start;
}

static void look(void *owner, const char *name, bool is_dir)
{
    struct search *s = owner;
    int64_t base;
    if (segment_base(name, is_dir, &base) && base <= s->offset && base > s->base) s->base = base;
}

static struct bytes segment(const struct sim_node *n, const char *directory, int64_t base)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%020" PRId64 ".log", directory, base);
    return sim_disk_peek(n, path);
}

static bool parse(struct bytes file, int64_t position, struct bytes *batch, struct batch_header *h)
{
    if (file.len < 0 || position >= file.len) return false;
    struct bytes rest = {file.data + position, file.len - position};
    if (batch_parse(rest, h)) return false;
    *batch = (struct bytes){rest.data, h->size};
    return true;
}

/* Find the segment and walk to the offset. */
static bool place(const struct sim_node *n, const char *directory, struct disk_log *at)
{
    struct search s = {.offset = at->offset, .base = -1};
    sim_disk_names(n, directory, look, &s);
    if (s.base < 0) return false;
    struct bytes file = segment(n, directory, s.base), batch;
    struct batch_header h;
    int64_t position = 0;
    while (parse(file, position, &batch, &h) && batch_last_offset(&h) < at->offset)
        position += h.size;
    at->segment_base = s.base;
    at->position = position;
    at->placed = true;
    return true;
}

bool disk_log_next(const struct sim_node *n, const char *directory, struct disk_log *at,
                   struct bytes *batch, struct batch_header *h)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        if (!at->placed && !place(n, directory, at)) return false;
        struct bytes file = segment(n, directory, at->segment_base);
        if (parse(file, at->position, batch, h) && h->base_offset <= at->offset &&
            batch_last_offset(h) >= at->offset) {
            at->position += h->size;
            at->offset = batch_last_offset(h) + 1;
            return true;
        }
        /* Rolled: the next segment mostly begins where this one ended. */
        at->placed = at->placed && at->segment_base < at->offset &&
                     segment(n, directory, at->offset).len > 0;
        at->segment_base = at->offset;
        at->position = 0;
    }
    return false;
}
