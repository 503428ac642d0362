#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/dump.h"
#include "cli/tool.h"

static const struct option options[] = {
    {"files", 0, OPTION_VALUE, true, false, "String: file1, file2, ...",
     "REQUIRED: the files, comma-separated: .log, .index, .timeindex, .snapshot, .txnindex, "
     ".checkpoint."},
    {"print-data-log", 0, OPTION_FLAG, false, false, NULL, "Print keys and values too."},
    {"deep-iteration", 0, OPTION_FLAG, false, false, NULL, "Print every record, not only batches."},
    {"cluster-metadata-decoder", 0, OPTION_FLAG, false, false, NULL,
     "Decode records of the metadata log."},
    {"offsets-decoder", 0, OPTION_FLAG, false, false, NULL,
     "Decode records of __consumer_offsets."},
    {"transaction-log-decoder", 0, OPTION_FLAG, false, false, NULL,
     "Decode records of __transaction_state."},
    {"share-group-state-decoder", 0, OPTION_FLAG, false, false, NULL,
     "Decode records of __share_group_state."},
    {"remote-log-metadata-decoder", 0, OPTION_FLAG, false, false, NULL,
     "Decode records of __remote_log_metadata."},
    {"skip-record-metadata", 0, OPTION_FLAG, false, false, NULL,
     "Print keys and values without what stands before them."},
    {"verify-index-only", 0, OPTION_FLAG, false, false, NULL,
     "Check indexes without printing them."},
    {"index-sanity-check", 0, OPTION_FLAG, false, false, NULL,
     "Only check that indexes can be used."},
    {"max-message-size", 0, OPTION_VALUE, false, false, "Integer: size",
     "Bytes of the longest batch that an index may point to.", "5242880"},
    {"max-bytes", 0, OPTION_VALUE, false, false, "Integer: size",
     "Read no more of a log than this."},
    {"value-decoder-class", 0, OPTION_OPTIONAL, false, false, "String: decoder_class",
     "org.apache.kafka.tools.api.StringDecoder, IntegerDecoder or LongDecoder."},
    {"key-decoder-class", 0, OPTION_OPTIONAL, false, false, "String: decoder_class",
     "The same for keys."},
    {0},
};

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* As Java's File writes a path: one slash where there are several, none at the end. */
static char *clean_path(const char *text)
{
    char *path = strdup(text), *to = path;
    if (!path) abort();
    for (const char *from = path; *from; from++)
        if (*from != '/' || to == path || to[-1] != '/') *to++ = *from;
    if (to > path + 1 && to[-1] == '/') to--;
    *to = 0;
    return path;
}

/* Numbers are read late, and a mistake in them ends the tool in the midst of its work. */
static void dump_one(const char *path, const struct args *a, struct dump_options *o)
{
    printf("Dumping %s\n", path);
    if (ends_with(path, ".log") || ends_with(path, ".checkpoint")) {
        if (o->no_decoder) dump_fail("java.lang.RuntimeException: Failed to load decoder class");
        o->bytes_max = args_integer(a, "max-bytes", INT32_MAX);
        dump_log_file(path, o);
    } else if (ends_with(path, ".timeindex"))
        dump_time_index(path, o);
    else if (ends_with(path, ".txnindex"))
        dump_transaction_index(path);
    else if (ends_with(path, ".index")) {
        o->message_max = args_integer(a, "max-message-size", 0);
        dump_offset_index(path, o);
    } else if (ends_with(path, ".snapshot"))
        dump_producer_snapshot(path);
    else
        fprintf(stderr, "Ignoring unknown file %s\n", path);
}

/* Any class but these would have to be loaded: it is wrong once a log is read. */
static enum dump_kind kind_of(const struct args *a, const char *option, bool *wrong)
{
    static const struct {
        const char *class;
        enum dump_kind kind;
    } known[] = {{"org.apache.kafka.tools.api.StringDecoder", DUMP_TEXT},
                 {"org.apache.kafka.tools.api.DefaultDecoder", DUMP_TEXT},
                 {"org.apache.kafka.tools.api.IntegerDecoder", DUMP_INTEGER},
                 {"org.apache.kafka.tools.api.LongDecoder", DUMP_LONG}};
    const char *class = args_value(a, option);
    if (!class || !*class) return DUMP_TEXT;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(class, known[i].class) == 0) return known[i].kind;
    *wrong = true;
    return DUMP_TEXT;
}

static void misread(const char *reason)
{
    dump_fail("%s", reason);
}

int tool_dump_log(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(
        &a,
        "This tool helps to parse a log file and dump its contents to the console, useful "
        "for debugging a seemingly corrupt log segment.",
        options, argc, argv);
    struct dump_options o = {.skip_metadata = args_has(&a, "skip-record-metadata"),
                             .verify_index_only = args_has(&a, "verify-index-only"),
                             .index_sanity_only = args_has(&a, "index-sanity-check")};
    a.misread = misread;
    static const struct {
        const char *option;
        enum dump_decoder decoder;
    } decoders[] = {{"offsets-decoder", DECODE_OFFSETS},
                    {"transaction-log-decoder", DECODE_TRANSACTIONS},
                    {"cluster-metadata-decoder", DECODE_METADATA},
                    {"remote-log-metadata-decoder", DECODE_REMOTE_LOG},
                    {"share-group-state-decoder", DECODE_SHARE_STATE}};
    o.print_data = args_has(&a, "print-data-log") || args_has(&a, "value-decoder-class") ||
                   args_has(&a, "key-decoder-class");
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
        if (!args_has(&a, decoders[i].option) || o.decoder != DECODE_TEXT) continue;
        o.print_data = true;
        o.decoder = decoders[i].decoder;
    }
    if (o.decoder == DECODE_TEXT) {
        o.value_kind = kind_of(&a, "value-decoder-class", &o.no_decoder);
        o.key_kind = kind_of(&a, "key-decoder-class", &o.no_decoder);
    }
    o.deep = o.print_data || args_has(&a, "deep-iteration");
    char *files = strdup(args_value(&a, "files"));
    if (!files) abort();
    size_t len = strlen(files);
    while (len && files[len - 1] == ',') files[--len] = 0; /* Java's split leaves them out */
    for (char *file = files, *next; file; file = next) {
        next = strchr(file, ',');
        if (next) *next++ = 0;
        char *path = clean_path(file);
        dump_one(path, &a, &o);
        free(path);
    }
    dump_print_findings();
    free(files);
    return 0;
}
