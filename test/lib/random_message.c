#include "random_message.h"

static void fill_struct(void *m, const struct message_struct *s, int16_t version, struct prng *prng,
                        struct arena *arena);

static bool in(int16_t version, int16_t first, int16_t last)
{
    return version >= first && version <= last;
}

static size_t size_of(const struct message_field *f)
{
    static const size_t sizes[] = {
        [MESSAGE_BOOL] = sizeof(bool),
        [MESSAGE_INT8] = 1,
        [MESSAGE_INT16] = 2,
        [MESSAGE_UINT16] = 2,
        [MESSAGE_INT32] = 4,
        [MESSAGE_UINT32] = 4,
        [MESSAGE_INT64] = 8,
        [MESSAGE_FLOAT64] = 8,
        [MESSAGE_UUID] = sizeof(struct uuid),
        [MESSAGE_STRING] = sizeof(struct str),
        [MESSAGE_BYTES] = sizeof(struct bytes),
        [MESSAGE_RECORDS] = sizeof(struct records),
    };
    return f->type == MESSAGE_STRUCT ? f->element->size : sizes[f->type];
}

/* Printable, so that other decoders (UTF-8, JSON) agree on it; lengths cross the varint's steps. */
static struct bytes random_text(struct prng *prng, struct arena *arena)
{
    size_t len = (size_t)(prng_chance(prng, 1, 20) ? prng_below(prng, 300) : prng_below(prng, 9));
    uint8_t *p = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++) p[i] = (uint8_t)(' ' + prng_below(prng, 95));
    return bytes_of(p, len);
}

static void fill_value(void *at, const struct message_field *f, bool nullable, int16_t version,
                       struct prng *prng, struct arena *arena)
{
    bool null = nullable && prng_chance(prng, 1, 4);
    switch (f->type) {
    case MESSAGE_BOOL: *(bool *)at = prng_chance(prng, 1, 2); break;
    case MESSAGE_FLOAT64: *(double *)at = (double)prng_between(prng, -1000000, 1000000) / 64; break;
    case MESSAGE_STRING: {
        struct bytes b = random_text(prng, arena);
        *(struct str *)at = null ? STR_NULL : (struct str){(const char *)b.data, (int32_t)b.len};
        break;
    }
    case MESSAGE_BYTES: *(struct bytes *)at = null ? BYTES_NULL : random_text(prng, arena); break;
    case MESSAGE_RECORDS: {
        struct bytes b = random_text(prng, arena);
        *(struct records *)at = null ? RECORDS_NULL : records_of(b.data, (size_t)b.len);
        break;
    }
    case MESSAGE_STRUCT:
        if (f->by_pointer && !f->array) {
            void *made = null ? NULL : arena_zalloc(arena, 1, f->element->size);
            memcpy(at, &made, sizeof made);
            at = made;
        }
        if (at) {
            f->element->init(at);
            fill_struct(at, f->element, version, prng, arena);
        }
        break;
    default:
        if (prng_chance(prng, 3, 4)) prng_fill(prng, at, size_of(f));
    }
}

static void fill_field(char *at, const struct message_field *f, int16_t version, struct prng *prng,
                       struct arena *arena)
{
    bool nullable = in(version, f->nullable_first, f->nullable_last);
    if (version >= f->tagged_first && prng_chance(prng, 1, 3)) return;
    if (!f->array) {
        fill_value(at, f, nullable, version, prng, arena);
        return;
    }
    int32_t count = nullable && prng_chance(prng, 1, 4) ? -1 : (int32_t)prng_below(prng, 4);
    char *items = NULL;
    if (count > 0) items = arena_zalloc(arena, (size_t)count, size_of(f));
    for (int32_t i = 0; i < count; i++)
        fill_value(items + (size_t)i * size_of(f), f, false, version, prng, arena);
    memcpy(at, &items, sizeof items);
    memcpy(at + sizeof items, &count, sizeof count);
}

static void fill_struct(void *m, const struct message_struct *s, int16_t version, struct prng *prng,
                        struct arena *arena)
{
    for (int32_t i = 0; i < s->fields_count; i++) {
        const struct message_field *f = &s->fields[i];
        if (in(version, f->first, f->last))
            fill_field((char *)m + f->offset, f, version, prng, arena);
    }
}

void *random_message(const struct message *type, int16_t version, struct prng *prng,
                     struct arena *arena)
{
    void *m = arena_zalloc(arena, 1, type->struct_size);
    type->init(m);
    fill_struct(m, type->root, version, prng, arena);
    return m;
}

static bool same_struct(const void *a, const void *b, const struct message_struct *s,
                        int16_t version);

static bool same_bytes(const void *a, int64_t a_len, const void *b, int64_t b_len)
{
    return a_len == b_len && (a_len <= 0 || memcmp(a, b, (size_t)a_len) == 0);
}

static bool same_value(const void *a, const void *b, const struct message_field *f, int16_t version)
{
    switch (f->type) {
    case MESSAGE_STRING: return str_equal(*(const struct str *)a, *(const struct str *)b);
    case MESSAGE_BYTES: {
        const struct bytes *x = a, *y = b;
        return same_bytes(x->data, x->len, y->data, y->len);
    }
    case MESSAGE_RECORDS: {
        const struct records *x = a, *y = b;
        return same_bytes(x->data, x->len, y->data, y->len);
    }
    case MESSAGE_STRUCT:
        if (f->by_pointer && !f->array) {
            memcpy(&a, a, sizeof a);
            memcpy(&b, b, sizeof b);
            if (!a || !b) return a == b;
        }
        return same_struct(a, b, f->element, version);
    default: return memcmp(a, b, size_of(f)) == 0;
    }
}

static bool same_struct(const void *a, const void *b, const struct message_struct *s,
                        int16_t version)
{
    for (int32_t i = 0; i < s->fields_count; i++) {
        const struct message_field *f = &s->fields[i];
        const char *x = (const char *)a + f->offset, *y = (const char *)b + f->offset;
        if (!in(version, f->first, f->last)) continue;
        if (!f->array) {
            if (!same_value(x, y, f, version)) return false;
            continue;
        }
        int32_t x_count, y_count;
        memcpy(&x_count, x + sizeof x, sizeof x_count);
        memcpy(&y_count, y + sizeof y, sizeof y_count);
        memcpy(&x, x, sizeof(char *));
        memcpy(&y, y, sizeof(char *));
        if (x_count != y_count) return false;
        for (int32_t k = 0; k < x_count; k++)
            if (!same_value(x + (size_t)k * size_of(f), y + (size_t)k * size_of(f), f, version))
                return false;
    }
    return true;
}

bool same_message(const struct message *type, int16_t version, const void *a, const void *b)
{
    return same_struct(a, b, type->root, version);
}
