#include "metadata/feature.h"

#include "base/assert.h"

static const struct feature table[] = {
    {"metadata.version", METADATA_VERSION_MIN, METADATA_VERSION_MAX, METADATA_VERSION_DEFAULT, 0, 0,
     true},
    {"eligible.leader.replicas.version", 0, 1, 1, 26, METADATA_VERSION_ELR, true},
    {"group.version", 0, 1, 1, 22, 0, true},
    {"kraft.version", 0, 1, 1, 21, 0, false},
    {"share.version", 0, 1, 1, 28, 0, true},
    {"streams.version", 0, 1, 1, 29, 0, true},
    {"transaction.version", 0, 2, 2, 24, 0, true},
};

const struct feature *feature_table(int32_t *count)
{
    *count = (int32_t)(sizeof table / sizeof *table);
    return table;
}

const struct feature *feature_find(struct str name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (str_equal_z(name, table[i].name)) return &table[i];
    return NULL;
}

int16_t feature_default_level(const struct feature *f, int16_t metadata_version)
{
    return metadata_version >= f->default_from ? f->default_level : 0;
}

/* ---- levels of metadata.version */

static const struct {
    const char *text;
    bool changes_records;
} versions[] = {
    [7] = {"3.3-IV3", true},   [8] = {"3.4-IV0", true},   [9] = {"3.5-IV0", false},
    [10] = {"3.5-IV1", false}, [11] = {"3.5-IV2", true},  [12] = {"3.6-IV0", false},
    [13] = {"3.6-IV1", true},  [14] = {"3.6-IV2", true},  [15] = {"3.7-IV0", true},
    [16] = {"3.7-IV1", false}, [17] = {"3.7-IV2", true},  [18] = {"3.7-IV3", false},
    [19] = {"3.7-IV4", false}, [20] = {"3.8-IV0", false}, [21] = {"3.9-IV0", false},
    [22] = {"4.0-IV0", false}, [23] = {"4.0-IV1", true},  [24] = {"4.0-IV2", false},
    [25] = {"4.0-IV3", false}, [26] = {"4.1-IV0", false}, [27] = {"4.1-IV1", false},
    [28] = {"4.2-IV0", false}, [29] = {"4.2-IV1", false}, [30] = {"4.3-IV0", true},
};

const char *metadata_version_text(int16_t level)
{
    if (level < METADATA_VERSION_MIN || level > METADATA_VERSION_MAX) return NULL;
    return versions[level].text;
}

/* The length of "4.3" in "4.3.1", "4.3-IV0" and "4.3". */
static int32_t release_len(struct str text)
{
    int32_t dots = 0, i = 0;
    for (; i < text.len; i++) {
        if (text.data[i] == '-') break;
        if (text.data[i] == '.' && ++dots == 2) break;
    }
    return i;
}

enum err metadata_version_parse(struct str text, int16_t *level)
{
    int32_t len = release_len(text);
    bool exact = len < text.len && text.data[len] == '-';
    for (int16_t v = METADATA_VERSION_MAX; v >= METADATA_VERSION_MIN; v--) {
        struct str name = str_of(versions[v].text);
        struct str known = exact ? name : (struct str){name.data, release_len(name)};
        struct str asked = exact ? text : (struct str){text.data, len};
        if (!str_equal(known, asked)) continue;
        *level = v;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

bool metadata_version_changes_records(int16_t low, int16_t high)
{
    PRE(low >= METADATA_VERSION_MIN && high <= METADATA_VERSION_MAX);
    for (int32_t v = low + 1; v <= high; v++)
        if (versions[v].changes_records) return true;
    return false;
}

/* ---- versions of requests */

int16_t metadata_version_fetch(int16_t metadata_version)
{
    if (metadata_version >= 27) return 18; /* 4.1-IV1 */
    if (metadata_version >= 21) return 17; /* 3.9-IV0 */
    if (metadata_version >= 19) return 16; /* 3.7-IV4 */
    if (metadata_version >= 10) return 15; /* 3.5-IV1: with the broker epoch (KIP-903) */
    return metadata_version >= 9 ? 14 : 13;
}

int16_t metadata_version_list_offsets(int16_t metadata_version)
{
    if (metadata_version >= 29) return 11; /* 4.2-IV1 */
    if (metadata_version >= 25) return 10; /* 4.0-IV3 */
    if (metadata_version >= 21) return 9;  /* 3.9-IV0 */
    return metadata_version >= 9 ? 8 : 7;  /* 3.5-IV0 */
}

/* ---- versions of records */

int16_t metadata_record_version(int16_t id, int16_t metadata_version)
{
    switch (id) {
    case METADATA_RECORD_REGISTER_BROKER:
        if (metadata_version >= METADATA_VERSION_CORDONED) return 4;
        if (metadata_version >= METADATA_VERSION_DIRECTORIES) return 3;
        return metadata_version >= 8 ? 2 : 1;
    case METADATA_RECORD_PARTITION:
    case METADATA_RECORD_PARTITION_CHANGE:
        if (metadata_version >= METADATA_VERSION_ELR) return 2;
        return metadata_version >= METADATA_VERSION_DIRECTORIES ? 1 : 0;
    default: return 0;
    }
}

int16_t broker_registration_change_version(const struct broker_registration_change_record *r)
{
    if (r->cordoned_log_dirs_count >= 0) return 3;
    if (r->log_dirs_count > 0) return 2;
    return r->in_controlled_shutdown != 0 ? 1 : 0;
}
