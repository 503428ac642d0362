/* Every generated decoder. The first two bytes pick the message, the third its version, the rest is
 * the input. What decodes must validate, print, and encode to what decodes to the same; memory
 * taken stays within the cursor's bound. */
#include <stdlib.h>

#include "base/mem.h"
#include "protocol/group_record.h"
#include "protocol/metadata_record.h"
#include "random_message.h"

/* Little, so that short inputs reach it; each allocation may be rounded up besides. */
enum { MEMORY_MAX = 16384, ALIGNMENT_MAX = 16 };

#define REQUIRE(condition)         \
    do {                           \
        if (!(condition)) abort(); \
    } while (0)

static void round_trip(const struct message *type, int16_t version, const void *m,
                       struct arena *arena)
{
    struct out o;
    out_init(&o);
    type->dump(m, version, &o);
    out_reset(&o);
    REQUIRE(message_validate(type, m, version) == ERR_OK);
    type->encode(m, version, &o);
    size_t len = (size_t)o.len;
    REQUIRE(len == type->size(m, version));
    uint8_t *data = mem_alloc(len);
    out_flatten(&o, data);
    out_free(&o);
    void *back = arena_alloc(arena, type->struct_size);
    struct cursor c = cursor_of(data, len);
    REQUIRE(type->decode(back, version, &c, arena) == ERR_OK);
    REQUIRE(cursor_finish(&c) == ERR_OK);
    REQUIRE(same_message(type, version, m, back));
    mem_free(data);
}

/* Records come framed; their families must not trust the frame either. */
static void records(const uint8_t *data, size_t size, struct arena *arena)
{
    struct metadata_record r;
    struct out o;
    out_init(&o);
    if (metadata_record_decode(&r, bytes_of(data, size), arena) == ERR_OK) {
        metadata_record_dump(&r, &o);
        out_reset(&o);
        metadata_record_encode(&r, &o);
        REQUIRE((size_t)o.len == metadata_record_size(&r));
        out_reset(&o);
    }
    struct group_record_key k;
    struct group_record_value v;
    if (group_record_key_decode(&k, bytes_of(data, size), arena) == ERR_OK)
        group_record_key_dump(&k, &o);
    for (int16_t type = 0; type < 24; type++)
        if (group_record_value_decode(&v, type, bytes_of(data, size), arena) == ERR_OK)
            group_record_value_dump(&v, &o);
    out_free(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) return 0;
    int32_t count;
    const struct message *const *all = message_all(&count);
    size_t pick = (size_t)data[0] << 8 | data[1];
    struct arena arena;
    arena_init(&arena, 0);
    if (pick == 0xffff) {
        records(data + 3, size - 3, &arena);
    } else {
        const struct message *type = all[pick % (size_t)count];
        int versions = type->max_version - type->min_version + 1;
        int16_t version = (int16_t)(type->min_version + data[2] % versions);
        void *m = arena_alloc(&arena, type->struct_size);
        struct cursor c = cursor_of(data + 3, size - 3);
        c.memory_left = MEMORY_MAX;
        enum err err = type->decode(m, version, &c, &arena);
        REQUIRE(arena.used_bytes <= type->struct_size + ALIGNMENT_MAX * size + MEMORY_MAX);
        if (!err) round_trip(type, version, m, &arena);
    }
    arena_free(&arena);
    return 0;
}
