/* samples ROUNDS: one line per random message at every version, for another implementation to read.
 *
 *   message NAME VERSION HEX JSON     what encode and dump make of it
 *   error CODE NAME EXCEPTION RETRIABLE STALE_METADATA
 *   api KEY NAME MIN MAX MAX_STABLE, and per version: header KEY VERSION REQUEST RESPONSE
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "protocol/api.h"
#include "protocol/error.h"
#include "random_message.h"

static void print_message(const struct message *type, int16_t version, struct prng *prng)
{
    struct arena arena;
    struct out encoded, json;
    arena_init(&arena, 0);
    out_init(&encoded);
    out_init(&json);
    void *m = random_message(type, version, prng, &arena);
    type->encode(m, version, &encoded);
    type->dump(m, version, &json);
    uint8_t *bytes = arena_alloc(&arena, (size_t)encoded.len + 1);
    out_flatten(&encoded, bytes);
    printf("message %s %d ", type->name, version);
    for (int64_t i = 0; i < encoded.len; i++) printf("%02x", bytes[i]);
    uint8_t *text = arena_alloc(&arena, (size_t)json.len + 1);
    out_flatten(&json, text);
    printf("%s %.*s\n", encoded.len ? "" : "-", (int)json.len, (const char *)text);
    out_free(&json);
    out_free(&encoded);
    arena_free(&arena);
}

static void print_apis(void)
{
    for (int16_t key = 0; key < API_COUNT; key++) {
        const struct api_info *info = api_info(key);
        if (!info || info->max_version < info->min_version) continue;
        printf("api %d %s %s %d %d %d\n", key, info->enum_name, info->name, info->min_version,
               info->max_version, info->max_stable_version);
        for (int16_t v = info->min_version; v <= info->max_version; v++)
            printf("header %d %d %d %d\n", key, v, message_request_header_version(key, v),
                   message_response_header_version(key, v));
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1;
    struct prng prng = prng_seed(argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
    int32_t count;
    const struct message *const *all = message_all(&count);
    for (int32_t i = 0; i < count; i++) {
        if (all[i]->api_key >= OWN_API_FIRST) continue; /* Kafka does not have it */
        for (int16_t v = all[i]->min_version; v <= all[i]->max_version; v++)
            for (int round = 0; round < rounds; round++) print_message(all[i], v, &prng);
    }
    for (int16_t code = -1; kafka_error_is_known(code); code++)
        printf("error %d %s %s %d %d\n", code, kafka_error_name(code),
               *kafka_error_exception(code) ? kafka_error_exception(code) : "-",
               kafka_error_is_retriable(code), kafka_error_is_stale_metadata(code));
    print_apis();
    return 0;
}
