#include "protocol/group_dump.h"

#include "protocol/consumer_protocol_assignment.h"
#include "protocol/consumer_protocol_subscription.h"
#include "protocol/group_metadata_record.h"

/* A version (int16) and a message of it; false when they are not. */
static bool dump_versioned(const struct message *type, struct bytes b, struct out *o)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct cursor c = cursor_of_bytes(b);
    int16_t version = cursor_i16(&c);
    void *m = arena_alloc(&arena, type->struct_size);
    bool good = cursor_ok(&c) && type->decode(m, version, &c, &arena) == ERR_OK;
    if (good) message_dump(type, m, version, o);
    arena_free(&arena);
    return good;
}

static bool dump_member_field(const struct message_field *f, const void *at, struct out *o)
{
    if (f->type != MESSAGE_BYTES) return false;
    const struct bytes *b = at;
    if (strcmp(f->name, "subscription") == 0)
        return dump_versioned(&consumer_protocol_subscription_message, *b, o);
    if (strcmp(f->name, "assignment") == 0)
        return dump_versioned(&consumer_protocol_assignment_message, *b, o);
    return false;
}

void group_value_dump(const struct message *type, const void *m, int16_t version, struct out *o)
{
    bool of_consumers = false;
    if (type == &group_metadata_value_message) {
        const struct group_metadata_value *v = m;
        of_consumers = str_equal_z(v->protocol_type, "consumer");
    }
    message_dump_with(type, m, version, o, of_consumers ? dump_member_field : NULL);
}
