/* seeds FOLDER: one valid input of message_fuzz.c per message and version, to start from. */
#include <stdio.h>
#include <stdlib.h>

#include "random_message.h"

static void write_seed(const char *folder, int32_t index, const struct message *type,
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
    char path[512];
    snprintf(path, sizeof path, "%s/%s-%d", folder, type->name, version);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, (size_t)o.len, file) != (size_t)o.len || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    out_free(&o);
    arena_free(&arena);
}

int main(int argc, char **argv)
{
    if (argc != 2) return 2;
    struct prng prng = prng_seed(3);
    int32_t count;
    const struct message *const *all = message_all(&count);
    for (int32_t i = 0; i < count; i++)
        for (int16_t v = all[i]->min_version; v <= all[i]->max_version; v++)
            write_seed(argv[1], i, all[i], v, &prng);
    return 0;
}
