#include "cli/coordinator_format.h"

#include <stdio.h>
#include <string.h>

#include "protocol/group_record.h"
#include "protocol/share_record.h"
#include "protocol/transaction_record.h"

enum coordinator_format coordinator_format_of(const char *class)
{
    static const struct {
        const char *class;
        enum coordinator_format format;
    } known[] = {
        {"org.apache.kafka.tools.consumer.OffsetsMessageFormatter", COORDINATOR_OFFSETS},
        {"org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter", COORDINATOR_GROUPS},
        {"org.apache.kafka.tools.consumer.ShareGroupMessageFormatter", COORDINATOR_SHARE_GROUPS},
        {"org.apache.kafka.tools.consumer.TransactionLogMessageFormatter",
         COORDINATOR_TRANSACTIONS},
        {"org.apache.kafka.tools.consumer.group.share.ShareGroupStateMessageFormatter",
         COORDINATOR_SHARE_STATE},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].class, class) == 0) return known[i].format;
    return COORDINATOR_NONE;
}

static bool is_shown(enum coordinator_format f, int16_t type)
{
    switch (f) {
    case COORDINATOR_OFFSETS:
        return type == GROUP_RECORD_LEGACY_OFFSET_COMMIT || type == GROUP_RECORD_OFFSET_COMMIT;
    case COORDINATOR_GROUPS: return type == GROUP_RECORD_GROUP_METADATA;
    case COORDINATOR_SHARE_GROUPS:
        return type >= GROUP_RECORD_SHARE_GROUP_MEMBER_METADATA &&
               type <= GROUP_RECORD_SHARE_GROUP_STATE_PARTITION_METADATA;
    default: return true;
    }
}

/* The types of this topic's keys and values, NULL for kinds that are not known. */
static const struct message *message_of(enum coordinator_format f, int16_t type, bool key)
{
    switch (f) {
    case COORDINATOR_TRANSACTIONS:
        return key ? transaction_record_key_message(type) : transaction_record_value_message(type);
    case COORDINATOR_SHARE_STATE:
        return key ? share_record_key_message(type) : share_record_value_message(type);
    default: return key ? group_record_key_message(type) : group_record_value_message(type);
    }
}

/* The message behind its type or version, as JSON; NULL when it cannot be read. */
static const char *read_json(const struct message *type, int16_t version, struct bytes b,
                             struct arena *arena)
{
    struct cursor c = cursor_of_bytes((struct bytes){b.data + 2, b.len - 2});
    void *m = arena_alloc(arena, type->struct_size);
    if (version < type->min_version || version > type->max_version ||
        type->decode(m, version, &c, arena))
        return NULL;
    struct out o;
    out_init(&o);
    message_dump(type, m, version, &o);
    uint8_t *text = arena_alloc(arena, (size_t)o.len + 1);
    out_flatten(&o, text);
    text[o.len] = 0;
    out_free(&o);
    return (const char *)text;
}

static int16_t read_i16(struct bytes b)
{
    return (int16_t)(b.data[0] << 8 | b.data[1]);
}

const char *coordinator_format_print(enum coordinator_format f, struct bytes key,
                                     struct bytes value, struct arena *arena)
{
    if (key.len < 0) return NULL;
    if (key.len < 2) return "Could not read version from key's buffer.";
    int16_t type = read_i16(key);
    const struct message *key_type = message_of(f, type, true), *value_type;
    if (!key_type) return NULL;
    value_type = message_of(f, type, false);
    const char *key_text = read_json(key_type, 0, key, arena), *value_text = NULL;
    if (!key_text)
        return arena_printf(arena, "Could not read record with version %d from key's buffer", type)
            .data;
    if (value.len >= 0 && value.len < 2) return "Could not read version from value's buffer.";
    int16_t version = value.len >= 0 ? read_i16(value) : 0;
    if (value.len >= 0) {
        value_text = read_json(value_type, version, value, arena);
        if (!value_text)
            return arena_printf(arena, "Could not read record with version %d from value's buffer",
                                version)
                .data;
    }
    if (!is_shown(f, type)) return NULL;
    printf("{\"key\":{\"type\":%d,\"data\":%s},\"value\":", type, key_text);
    if (value_text)
        printf("{\"version\":%d,\"data\":%s}}", version, value_text);
    else
        printf("null}");
    return NULL;
}
