/* Command lines, in the manners of the two parsers Kafka's tools use.
 *
 *   jopt      --opt v, --opt=v; no abbreviations; no arguments or --help: help on standard error, 1
 *   argparse  the same, short flags, unambiguous prefixes, subcommands; -h: usage on output, 0
 *
 * A mistake is answered here and ends the process, as it does there. Borrows argv for ever. */
#ifndef SAMSA_CLI_ARGS_H
#define SAMSA_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* takes no value */
    OPTION_VALUE,    /* takes one */
    OPTION_OPTIONAL, /* may take one */
    OPTION_MANY,     /* takes one or more, up to the next option (argparse only) */
};

struct option {
    const char *name; /* without dashes */
    char letter;      /* short form, or 0 */
    enum option_kind kind;
    bool required;
    bool repeatable; /* may be given several times */
    const char *value_name;
    const char *meaning;
    const char *default_value; /* NULL: none */
};

/* A subcommand of an argparse tool: `kafka-features.sh [options] upgrade [its options]`. */
struct subcommand {
    const char *name;
    const struct option *options; /* ends with name NULL */
    const char *meaning;
};

/* How a mistake is answered, always with exit status 1. */
enum args_mistakes {
    ARGS_JOPT,       /* the mistake, then the options */
    ARGS_USAGE,      /* argparse: usage, then "PROG: error: …" */
    ARGS_HELP_FAILS, /* the same, and -h is answered with status 1, as older argparse4j does */
    ARGS_ONE_LINE, /* argparse in kafka-features: "Command line error: …", no usage, no newline */
};

/* How args_renamed speaks of an option and its old name. */
enum args_renaming {
    ARGS_RENAMED, /* "Option --old is deprecated…"; "Option "[new]" can't be used with…" */
    ARGS_RENAMED_OLD_FIRST, /* the same; "Options --old and --new cannot be specified together." */
    ARGS_RENAMED_WARNING, /* "Warning: --old is deprecated…"; "Options --new and --old cannot…" */
};

enum { OPTIONS_MAX = 64, OPTION_VALUES_MAX = 256, POSITIONALS_MAX = 64 };

struct args {
    const char *program; /* "kafka-storage" */
    char **words;        /* of jopt's manner: the command line behind it */
    int words_count;
    /* Answers a value that cannot be read, where a tool reads its values in the midst of its work
     * and so fails as that work does. NULL: the reason, the options. Does not return. */
    void (*misread)(const char *reason);
    /* Answers a client that cannot be made (its addresses, its properties file). NULL: the reason
     * on standard error. Does not return. */
    void (*no_client)(const struct args *a, const char *reason);
    enum args_renaming renaming;
    enum args_mistakes mistakes;
    char with_command[128];                /* "kafka-x up": the program, once one is chosen */
    struct option joined[OPTIONS_MAX + 1]; /* a tool's and its subcommand's options */
    int32_t known_from;                    /* the options before this one are not known any more */
    const char *description;               /* first line of help */
    const struct option *options;          /* ends with name NULL */
    int32_t options_count;
    int32_t counts[OPTIONS_MAX]; /* how often given */
    struct {
        int32_t option;
        const char *value; /* NULL: given without */
    } values[OPTION_VALUES_MAX];
    int32_t values_count;
    const char *positionals[POSITIONALS_MAX];
    int32_t positionals_count;
};

/* argv[0] is skipped. Handles --help and --version and missing required options. */
void args_parse_jopt(struct args *a, const char *description, const struct option *options,
                     int argc, char **argv);

/* The same, for a tool whose mistakes of every kind are answered by `misread`. */
void args_parse_jopt_with(struct args *a, void (*misread)(const char *reason),
                          const char *description, const struct option *options, int argc,
                          char **argv);

/* argv[0] is skipped. `program` is "kafka-storage" or "kafka-storage format". Handles -h. */
void args_parse_argparse(struct args *a, enum args_mistakes mistakes, const char *program,
                         const char *description, const struct option *options, int argc,
                         char **argv);

/* The help of a tool that shows it when called without arguments, status 0. */
_Noreturn void args_print_help(const char *program, const char *description,
                               const struct option *options);

/* The tool's options, one of `commands` (ends with name NULL), and that command's options;
 * afterwards both kinds are found by name. Returns the command's place in the list. Handles -h at
 * both places. */
int args_parse_commands(struct args *a, enum args_mistakes mistakes, const char *program,
                        const char *description, const struct option *options,
                        const struct subcommand *commands, int argc, char **argv);

bool args_has(const struct args *a, const char *name);

/* The value, its default, or NULL. Given twice: the parser's complaint, exit 1. */
const char *args_value(const struct args *a, const char *name);

/* The i-th value of a repeatable option, NULL behind the last. */
const char *args_value_at(const struct args *a, const char *name, int32_t i);

/* A value that must be a number; `fallback` when not given. */
int64_t args_number(const struct args *a, const char *name, int64_t fallback);
int32_t args_integer(const struct args *a, const char *name, int32_t fallback); /* of 32 bits */

/* At least one of the names is required; NULL ends the list. */
void args_require(const struct args *a, const char *name);

/* "Option "[a]" can't be used with option "[b]"", exit 1, when both are given. */
void args_exclude(const struct args *a, const char *name, const char *with);

/* "Option(s) [a] are unavailable given other options on the command line", exit 1, when `name` is
 * given and none of the others; NULL ends the list. */
void args_available(const struct args *a, const char *name, const char *const *with);
#define ARGS_AVAILABLE(a, name, ...) \
    args_available((a), (name), (const char *const[]){__VA_ARGS__, NULL})

/* argparse's mutually exclusive group: at most one of the names, and one when `required`. */
void args_one_of(const struct args *a, bool required, const char *const *names);
#define ARGS_ONE_OF(a, required, ...) \
    args_one_of((a), (required), (const char *const[]){__VA_ARGS__, NULL})

/* Print `reason`, the options, and exit 1: what Kafka's printUsageAndExit does. */
_Noreturn void args_usage(const struct args *a, const char *reason);

/* End the process with 1, and this line on standard error behind what was printed. */
void args_fail(const char *line) __attribute__((noreturn));

/* argparse's "usage: …" and "PROG: error: …" on standard error, exit 1. */
_Noreturn void args_error(const struct args *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An option renamed in 4.2: its old name still works until 5.0 and prints a line on standard
 * output; both at once are refused. Returns the value of whichever was given. */
const char *args_renamed(const struct args *a, const char *name, const char *old_name);

/* "kafka-x: error: …" for a command that is missing or unknown, or, for -h in its place, help that
 * lists `commands` (ends with name NULL). */
_Noreturn void args_no_command(const char *program, const char *description,
                               const struct subcommand *commands, const char *given);

#endif
