#include "quorum/quorum_state.h"

#include <jansson.h>

enum { STATE_BYTES_MAX = 64 << 10 };

static enum err state_parse(const json_t *root, struct quorum_state *out)
{
    const json_t *leader = json_object_get(root, "leaderId");
    const json_t *epoch = json_object_get(root, "leaderEpoch");
    const json_t *voted = json_object_get(root, "votedId");
    const json_t *version = json_object_get(root, "data_version");
    if (!json_is_integer(leader) || !json_is_integer(epoch) || !json_is_integer(version))
        return ERR_CORRUPT;
    if (json_integer_value(epoch) < 0 || json_integer_value(epoch) > INT32_MAX) return ERR_CORRUPT;
    out->leader_id = (int32_t)json_integer_value(leader);
    out->leader_epoch = (int32_t)json_integer_value(epoch);
    out->voted_id = json_is_integer(voted) ? (int32_t)json_integer_value(voted) : -1;
    out->data_version = (int16_t)json_integer_value(version);
    const char *directory = json_string_value(json_object_get(root, "votedDirectoryId"));
    if (directory && uuid_parse(str_of(directory), &out->voted_directory_id)) return ERR_CORRUPT;
    return out->data_version == 0 || out->data_version == 1 ? ERR_OK : ERR_CORRUPT;
}

enum err quorum_state_read(struct disk *disk, const char *path, struct quorum_state *out)
{
    *out = (struct quorum_state){.leader_id = -1, .voted_id = -1, .data_version = 1};
    struct arena arena;
    arena_init(&arena, 0);
    struct bytes text;
    enum err e = disk_read_file(disk, path, STATE_BYTES_MAX, &arena, &text);
    if (e == ERR_OK) {
        json_t *root = json_loadb((const char *)text.data, (size_t)text.len, 0, NULL);
        e = root ? state_parse(root, out) : ERR_CORRUPT;
        json_decref(root);
    }
    arena_free(&arena);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err quorum_state_write(struct disk *disk, const char *path, const struct quorum_state *state,
                            const int32_t *voters, int32_t voters_count)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct str text;
    if (state->data_version == 0) {
        struct str list = STR("");
        for (int32_t i = 0; i < voters_count; i++)
            list = arena_printf(&arena, "%s%s{\"voterId\":%d}", list.data, i ? "," : "", voters[i]);
        text = arena_printf(&arena,
                            "{\"clusterId\":\"\",\"leaderId\":%d,\"leaderEpoch\":%d,\"votedId\":%d,"
                            "\"appliedOffset\":0,\"currentVoters\":[%s],\"data_version\":0}",
                            state->leader_id, state->leader_epoch, state->voted_id, list.data);
    } else {
        text = arena_printf(&arena,
                            "{\"leaderId\":%d,\"leaderEpoch\":%d,\"votedId\":%d,"
                            "\"votedDirectoryId\":\"%s\",\"data_version\":1}",
                            state->leader_id, state->leader_epoch, state->voted_id,
                            uuid_text(state->voted_directory_id).z);
    }
    enum err e = disk_replace_file(disk, path, bytes_of(text.data, (size_t)text.len));
    arena_free(&arena);
    return e;
}
