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
     "Decode records of __remote_log_metadata; not supported by Samsa yet."},
    {"skip-record-metadata", 0, OPTION_FLAG, false, false, NULL,
     "Print keys and values without what stands before them."},
    {"verify-index-only", 0, OPTION_FLAG, false, false, NULL,
     "Check indexes without printing them."},
    {"index-sanity-check", 0, OPTION_FLAG, false, false, NULL,
     "Only check that indexes can be used."},
    {"max-message-size", 0, OPTION_VALUE, false, false, "Integer: size", "Accepted.", "5242880"},
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

static void dump_one(const char *path, const struct dump_options *o)
{
    printf("Dumping %s\n", path);
    if (ends_with(path, ".log") || ends_with(path, ".checkpoint"))
        dump_log_file(path, o);
    else if (ends_with(path, ".timeindex"))
        dump_time_index(path, o);
    else if (ends_with(path, ".txnindex"))
        dump_transaction_index(path);
    else if (ends_with(path, ".index"))
        dump_offset_index(path, o);
    else if (ends_with(path, ".snapshot"))
        dump_producer_snapshot(path);
    else
        fprintf(stderr, "Ignoring unknown file %s\n", path);
}

/* Any class but these would have to be loaded. */
static enum dump_kind kind_of(const struct args *a, const char *option)
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
    fprintf(stderr, "java.lang.RuntimeException: Failed to load decoder class %s\n", class);
    exit(1);
}

int tool_dump_log(int argc, char **argv)
{
    struct args a;
    args_parse_jopt(
        &a,
        "This tool helps to parse a log file and dump its contents to the console, useful "
        "for debugging a seemingly corrupt log segment.",
        options, argc, argv);
    if (args_has(&a, "remote-log-metadata-decoder"))
        args_usage(&a, "--remote-log-metadata-decoder is not supported by Samsa yet");
    struct dump_options o = {.skip_metadata = args_has(&a, "skip-record-metadata"),
                             .verify_index_only = args_has(&a, "verify-index-only"),
                             .index_sanity_only = args_has(&a, "index-sanity-check"),
                             .bytes_max = args_number(&a, "max-bytes", INT64_MAX)};
    static const struct {
        const char *option;
        enum dump_decoder decoder;
    } decoders[] = {{"offsets-decoder", DECODE_OFFSETS},
                    {"transaction-log-decoder", DECODE_TRANSACTIONS},
                    {"cluster-metadata-decoder", DECODE_METADATA},
                    {"share-group-state-decoder", DECODE_SHARE_STATE}};
    o.print_data = args_has(&a, "print-data-log") || args_has(&a, "value-decoder-class") ||
                   args_has(&a, "key-decoder-class");
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
        if (!args_has(&a, decoders[i].option) || o.decoder != DECODE_TEXT) continue;
        o.print_data = true;
        o.decoder = decoders[i].decoder;
    }
    if (o.decoder == DECODE_TEXT) {
        o.value_kind = kind_of(&a, "value-decoder-class");
        o.key_kind = kind_of(&a, "key-decoder-class");
    }
    o.deep = o.print_data || args_has(&a, "deep-iteration");
    char *files = strdup(args_value(&a, "files"));
    for (char *save = NULL, *file = strtok_r(files, ",", &save); file;
         file = strtok_r(NULL, ",", &save))
        dump_one(file, &o);
    dump_print_findings();
    free(files);
    return 0;
}
