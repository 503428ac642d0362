#include "log/partition_metadata.h"

#include <limits.h>
#include <stdio.h>

enum { FILE_BYTES_MAX = 4096 };

enum err partition_metadata_read(struct disk *disk, const char *path, struct arena *arena,
                                 struct uuid *topic_id)
{
    struct bytes text;
    enum err e = disk_read_file(disk, path, FILE_BYTES_MAX, arena, &text);
    if (e) return e == ERR_TOO_LARGE ? ERR_CORRUPT : e;
    static const char head[] = "version: 0\ntopic_id: ";
    const size_t head_len = sizeof head - 1;
    while (text.len > 0 && text.data[text.len - 1] <= ' ') text.len--;
    if (text.len != (int64_t)head_len + UUID_TEXT_LEN || memcmp(text.data, head, head_len) != 0)
        return ERR_CORRUPT;
    struct str id = {(const char *)text.data + head_len, UUID_TEXT_LEN};
    return uuid_parse(id, topic_id) || uuid_is_zero(*topic_id) ? ERR_CORRUPT : ERR_OK;
}

enum err partition_metadata_write(struct disk *disk, const char *path, struct uuid topic_id)
{
    char text[64], temporary[PATH_MAX];
    int len = snprintf(text, sizeof text, "version: 0\ntopic_id: %s", uuid_text(topic_id).z);
    int path_len = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (path_len >= (int)sizeof temporary) return ERR_TOO_LARGE;
    struct disk_file *file;
    enum err e = disk_open(disk, temporary, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (e) return e;
    e = disk_write_bytes(file, 0, text, (size_t)len);
    disk_file_unref(file);
    return e ? e : disk_rename(disk, temporary, path);
}
