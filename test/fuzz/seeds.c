/* seeds NAME FOLDER: valid inputs of NAME_fuzz.c to start from: one per message and version, or
 * batches in every codec. */
#include <stdio.h>
#include <stdlib.h>

#include "protocol/batch.h"
#include "random_message.h"

static void write_file(const char *folder, const char *name, const uint8_t *data, size_t len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, len, file) != len || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_message(const char *folder, int32_t index, const struct message *type,
                          int16_t version, struct prng *prng)
{
    struct arena arena;
    struct out o;
    arena_init(&arena, 0);
    out_init(&o);
    uint8_t head[] = {(uint8_t)(index >> 8), (uint8_t)index,
                      (uint8_t)(version - type->min_version)};
    out_put(&o, head, sizeof head);
    type->encode(random_message(type, version, prng, &arena), version, &o);
    uint8_t *data = arena_alloc(&arena, (size_t)o.len);
    out_flatten(&o, data);
    char name[256];
    snprintf(name, sizeof name, "%s-%d", type->name, version);
    write_file(folder, name, data, (size_t)o.len);
    out_free(&o);
    arena_free(&arena);
}

static void write_messages(const char *folder)
{
    struct prng prng = prng_seed(3);
    int32_t count;
    const struct message *const *all = message_all(&count);
    for (int32_t i = 0; i < count; i++)
        for (int16_t v = all[i]->min_version; v <= all[i]->max_version; v++)
            write_message(folder, i, all[i], v, &prng);
}

static void write_batches(const char *folder)
{
    struct codec *codec = codec_new();
    struct batch_builder builder = {0};
    const struct record_header headers[] = {{STR("h"), BYTES_NULL}, {STR("i"), {(void *)"v", 1}}};
    for (int compression = 0; compression < COMPRESSION_COUNT; compression++) {
        struct batch_options options = BATCH_OPTIONS_DEFAULT;
        uint8_t *data;
        size_t len;
        options.compression = (enum compression)compression;
        batch_begin(&builder, &options);
        for (int i = 0; i < 5; i++)
            batch_add(&builder, 1000 + i, i % 2 ? bytes_of("key", 3) : BYTES_NULL,
                      bytes_of("a value that is repeated, a value that is repeated", 50), headers,
                      i % 3);
        if (batch_finish(&builder, codec, &data, &len)) exit(1);
        write_file(folder, compression_name(options.compression), data, len);
    }
    batch_builder_free(&builder);
    codec_free(codec);
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    if (strcmp(argv[1], "message") == 0) write_messages(argv[2]);
    if (strcmp(argv[1], "batch") == 0) write_batches(argv[2]);
    return 0;
}
