#include "cli/args.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tool.h"

enum { HELP_COLUMNS = 80 };

static int find(const struct args *a, const char *name, size_t len)
{
    for (int i = 0; i < a->options_count; i++)
        if (strlen(a->options[i].name) == len && memcmp(a->options[i].name, name, len) == 0)
            return i;
    return -1;
}

static int find_z(const struct args *a, const char *name)
{
    int i = find(a, name, strlen(name));
    if (i < 0) {
        fprintf(stderr, "no such option in this tool: %s\n", name);
        abort();
    }
    return i;
}

static void add(struct args *a, int option, const char *value)
{
    a->counts[option]++;
    if (a->values_count == OPTION_VALUES_MAX) {
        fprintf(stderr, "More than %d options\n", OPTION_VALUES_MAX);
        exit(1);
    }
    a->values[a->values_count].option = option;
    a->values[a->values_count++].value = value;
}

static void count_options(struct args *a)
{
    while (a->options[a->options_count].name) a->options_count++;
}

/* ---- help */

static int by_name(const void *x, const void *y)
{
    const struct option *const *a = x, *const *b = y;
    return strcmp((*a)->name, (*b)->name);
}

/* Text wrapped into a column that starts at `indent`; the first line is already there. */
static void print_wrapped(FILE *to, const char *text, int indent)
{
    int room = HELP_COLUMNS - indent, used = 0;
    while (*text) {
        int word = (int)strcspn(text, " ");
        if (used && used + 1 + word > room) {
            fprintf(to, "\n%*s", indent, "");
            used = 0;
        }
        if (used) used += fprintf(to, " ");
        used += fprintf(to, "%.*s", word, text);
        text += word;
        while (*text == ' ') text++;
    }
    fprintf(to, "\n");
}

static void print_options(const struct args *a, FILE *to)
{
    const struct option *sorted[OPTIONS_MAX];
    bool any_required = false;
    int width = 12;
    for (int i = 0; i < a->options_count; i++) {
        sorted[i] = &a->options[i];
        any_required |= sorted[i]->required;
        int len = (int)strlen(sorted[i]->name) + 2;
        if (sorted[i]->kind != OPTION_FLAG) len += (int)strlen(sorted[i]->value_name) + 3;
        if (len + (sorted[i]->required ? 2 : 0) > width)
            width = len + (sorted[i]->required ? 2 : 0);
    }
    if (width > 38) width = 38;
    qsort(sorted, (size_t)a->options_count, sizeof *sorted, by_name);
    const char *title = any_required ? "Option (* = required)" : "Option";
    if ((int)strlen(title) > width) width = (int)strlen(title);
    fprintf(to, "%-*s  Description\n%-*s  -----------\n", width, title, width,
            any_required ? "---------------------" : "------");
    for (int i = 0; i < a->options_count; i++) {
        char name[128];
        int len =
            snprintf(name, sizeof name, "%s--%s", sorted[i]->required ? "* " : "", sorted[i]->name);
        if (sorted[i]->kind == OPTION_VALUE)
            len += snprintf(name + len, sizeof name - (size_t)len, " <%s>", sorted[i]->value_name);
        if (sorted[i]->kind == OPTION_OPTIONAL)
            len += snprintf(name + len, sizeof name - (size_t)len, " [%s]", sorted[i]->value_name);
        if (len > width)
            fprintf(to, "%s\n%*s", name, width + 2, "");
        else
            fprintf(to, "%-*s  ", width, name);
        char meaning[1024];
        snprintf(meaning, sizeof meaning, "%s%s%s%s", sorted[i]->meaning,
                 sorted[i]->default_value ? " (default: " : "",
                 sorted[i]->default_value ? sorted[i]->default_value : "",
                 sorted[i]->default_value ? ")" : "");
        print_wrapped(to, meaning, width + 2);
    }
}

void args_usage(const struct args *a, const char *reason)
{
    fprintf(stderr, "%s\n", reason);
    print_options(a, stderr);
    exit(1);
}

/* A value or a word that cannot be read. */
static _Noreturn void misread(const struct args *a, const char *reason)
{
    if (a->misread) a->misread(reason);
    args_usage(a, reason);
}

/* ---- jopt */

/* "Missing required option(s) [a, b]", as jopt's checkRequiredArgs through Kafka prints it. */
static void require_all(const struct args *a)
{
    for (int i = 0; i < a->options_count; i++)
        if (a->options[i].required && !a->counts[i]) args_require(a, a->options[i].name);
}

/* Does argv[i] look like an option, so that it cannot be an optional value? */
static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] && !isdigit((unsigned char)text[1]);
}

void args_parse_jopt(struct args *a, const char *description, const struct option *options,
                     int argc, char **argv)
{
    args_parse_jopt_with(a, NULL, description, options, argc, argv);
}

void args_parse_jopt_with(struct args *a, void (*answer)(const char *reason),
                          const char *description, const struct option *options, int argc,
                          char **argv)
{
    *a = (struct args){.program = argv[0],
                       .words = argv + 1,
                       .words_count = argc - 1,
                       .misread = answer,
                       .mistakes = ARGS_JOPT,
                       .description = description,
                       .options = options};
    count_options(a);
    if (argc <= 1) args_usage(a, description);
    char reason[512];
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        if (text[0] != '-' || !text[1]) {
            if (a->positionals_count < POSITIONALS_MAX)
                a->positionals[a->positionals_count++] = text;
            continue;
        }
        if (strcmp(text, "--") == 0) continue;
        const char *name = text + (text[1] == '-' ? 2 : 1);
        size_t len = strcspn(name, "=");
        if (strcmp(name, "help") == 0) args_usage(a, description);
        if (strcmp(name, "version") == 0) {
            printf("%s\n", KAFKA_VERSION);
            exit(0);
        }
        int option = find(a, name, len);
        for (int k = 0; option < 0 && text[1] != '-' && k < a->options_count; k++)
            if (len == 1 && a->options[k].letter == name[0]) option = k;
        if (option < 0) {
            snprintf(reason, sizeof reason, "%.*s is not a recognized option", (int)len, name);
            misread(a, reason);
        }
        const char *value = name[len] == '=' ? name + len + 1 : NULL;
        enum option_kind kind = a->options[option].kind;
        if (kind == OPTION_FLAG) value = NULL; /* --list=x is --list, as jopt takes it */
        if (kind == OPTION_VALUE && !value) {
            if (i + 1 >= argc) {
                snprintf(reason, sizeof reason, "Option %s requires an argument", name);
                misread(a, reason);
            }
            value = argv[++i];
        }
        if (kind == OPTION_OPTIONAL && !value && i + 1 < argc && !is_option(argv[i + 1]))
            value = argv[++i];
        add(a, option, value);
    }
    require_all(a);
}

/* ---- argparse */

static bool is_help(const char *arg)
{
    return strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0;
}

static void print_usage(const struct args *a, FILE *to)
{
    int indent = (int)strlen("usage: ") + (int)strlen(a->program) + 1, used = indent;
    fprintf(to, "usage: %s", a->program);
    for (int i = a->known_from - 1; i < a->options_count; i++) {
        char item[160];
        if (i < a->known_from)
            snprintf(item, sizeof item, "[-h]");
        else if (a->options[i].kind == OPTION_FLAG)
            snprintf(item, sizeof item, "[--%s]", a->options[i].name);
        else
            snprintf(item, sizeof item, a->options[i].required ? "--%s %s%s" : "[--%s %s%s]",
                     a->options[i].name, a->options[i].value_name,
                     a->options[i].kind == OPTION_MANY ? " ..." : "");
        if (used + 1 + (int)strlen(item) > HELP_COLUMNS - 5) {
            fprintf(to, "\n%*s", indent - 1, "");
            used = indent;
        }
        used += fprintf(to, " %s", item);
    }
    fprintf(to, "\n");
}

void args_error(const struct args *a, const char *format, ...)
{
    bool one_line = a->mistakes == ARGS_ONE_LINE;
    if (!one_line) print_usage(a, stderr);
    va_list list;
    va_start(list, format);
    if (one_line)
        fprintf(stderr, "Command line error: ");
    else
        fprintf(stderr, "%.*s: error: ", (int)strcspn(a->program, " "), a->program);
    vfprintf(stderr, format, list);
    fprintf(stderr, one_line ? ". Type --help for help." : "\n");
    va_end(list);
    exit(1);
}

static void print_named(const struct args *a)
{
    printf("\nnamed arguments:\n  -h, --help             show this help message and exit\n");
    for (int i = a->known_from; i < a->options_count; i++) {
        char name[128];
        const struct option *o = &a->options[i];
        int len = snprintf(name, sizeof name, "  --%s", o->name);
        if (o->kind != OPTION_FLAG)
            len += snprintf(name + len, sizeof name - (size_t)len, " %s", o->value_name);
        if (o->letter) len += snprintf(name + len, sizeof name - (size_t)len, ", -%c", o->letter);
        if (o->letter && o->kind != OPTION_FLAG)
            len += snprintf(name + len, sizeof name - (size_t)len, " %s", o->value_name);
        if (len > 24)
            printf("%s\n%*s", name, 25, "");
        else
            printf("%-25s", name);
        print_wrapped(stdout, o->meaning, 25);
    }
}

/* "{a,b}" of the commands, for usage lines. */
static const char *command_list(const struct subcommand *commands, char text[512])
{
    size_t len = 0;
    for (const struct subcommand *c = commands; c->name; c++)
        len += (size_t)snprintf(text + len, 512 - len, "%c%s", c == commands ? '{' : ',', c->name);
    snprintf(text + len, 512 - len, "}");
    return text;
}

/* What stands below the usage line of a tool with commands: they, and the tool's own options. */
static void print_commands(const struct args *a, const struct subcommand *commands,
                           const char *list)
{
    printf("\n%s\n\npositional arguments:\n  %s\n", a->description, list);
    for (const struct subcommand *c = commands; c->name; c++) {
        if (strlen(c->name) > 20)
            printf("    %s\n%25s", c->name, "");
        else
            printf("    %-21s", c->name);
        print_wrapped(stdout, c->meaning, 25);
    }
    print_named(a);
}

/* A command that is missing or unknown, or -h in its place. */
static _Noreturn void answer_no_command(const struct args *a, const struct subcommand *commands,
                                        const char *given)
{
    char list[512];
    bool help = given && is_help(given), one_line = a->mistakes == ARGS_ONE_LINE;
    FILE *to = help ? stdout : stderr;
    command_list(commands, list);
    if (help || !one_line) fprintf(to, "usage: %s [-h] %s ...\n", a->program, list);
    if (help) {
        print_commands(a, commands, list);
        exit(a->mistakes == ARGS_HELP_FAILS ? 1 : 0);
    }
    if (one_line)
        fprintf(to, "Command line error: ");
    else
        fprintf(to, "%s: error: ", a->program);
    if (!given || given[0] == '-')
        fprintf(to, "too few arguments");
    else {
        fprintf(to, "invalid choice: '%s' (choose from ", given);
        for (const struct subcommand *c = commands; c->name; c++)
            fprintf(to, "%s'%s'", c == commands ? "" : ", ", c->name);
        fprintf(to, ")");
    }
    fprintf(to, one_line ? ". Type --help for help." : "\n");
    exit(1);
}

void args_no_command(const char *program, const char *description,
                     const struct subcommand *commands, const char *given)
{
    struct args a = {.program = program, .mistakes = ARGS_USAGE, .description = description};
    static const struct option none[] = {{0}};
    a.options = none;
    answer_no_command(&a, commands, given);
}

static _Noreturn void print_argparse_help(const struct args *a)
{
    print_usage(a, stdout);
    printf("\n%s\n", a->description);
    print_named(a);
    exit(a->mistakes == ARGS_HELP_FAILS ? 1 : 0);
}

/* An exact name, or the only one that begins like this. */
static int find_prefix(const struct args *a, const char *name, size_t len)
{
    int found = find(a, name, len);
    if (found >= a->known_from) return found;
    int matches = 0;
    found = -1;
    char list[512] = "";
    for (int i = a->known_from; i < a->options_count; i++) {
        if (strncmp(a->options[i].name, name, len) != 0) continue;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s--%s", matches ? ", " : "",
                 a->options[i].name);
        found = i;
        matches++;
    }
    if (matches > 1) args_error(a, "ambiguous option: --%.*s could match %s", (int)len, name, list);
    return found;
}

static const char *argument_name(const struct args *a, int option, char text[128])
{
    const struct option *o = &a->options[option];
    if (o->letter)
        snprintf(text, 128, "--%s/-%c", o->name, o->letter);
    else
        snprintf(text, 128, "--%s", o->name);
    return text;
}

/* The option that argv[*i] is, with its value or values added; *i is the last word taken. */
static void take_option(struct args *a, int argc, char **argv, int *i)
{
    const char *arg = argv[*i], *value = NULL;
    char text[128];
    int option = -1;
    if (arg[1] == '-') {
        size_t len = strcspn(arg + 2, "=");
        option = find_prefix(a, arg + 2, len);
        if (arg[2 + len] == '=') value = arg + 2 + len + 1;
    } else {
        for (int k = a->known_from; k < a->options_count; k++)
            if (a->options[k].letter == arg[1]) option = k;
        if (option >= 0 && arg[2]) value = arg + (arg[2] == '=' ? 3 : 2);
    }
    if (option < 0) args_error(a, "unrecognized arguments: '%s'", arg);
    enum option_kind kind = a->options[option].kind;
    if (kind == OPTION_FLAG && value)
        args_error(a, "argument %s: ignored explicit argument '%s'", argument_name(a, option, text),
                   value);
    if (kind != OPTION_FLAG && !value) {
        if (*i + 1 >= argc || is_option(argv[*i + 1]))
            args_error(a, "argument %s: expected %s", argument_name(a, option, text),
                       kind == OPTION_MANY ? "at least one argument" : "one argument");
        value = argv[++*i];
    }
    add(a, option, value);
    while (kind == OPTION_MANY && *i + 1 < argc && !is_option(argv[*i + 1]))
        add(a, option, argv[++*i]);
}

static void require_known(const struct args *a)
{
    char text[128];
    for (int i = a->known_from; i < a->options_count; i++)
        if (a->options[i].required && !a->counts[i])
            args_error(a, "argument %s is required", argument_name(a, i, text));
}

static bool is_word(const char *arg)
{
    return arg[0] != '-' || !arg[1];
}

void args_print_help(const char *program, const char *description, const struct option *options)
{
    struct args a = {.program = program, .mistakes = ARGS_USAGE, .description = description};
    a.options = options;
    count_options(&a);
    print_argparse_help(&a);
}

void args_parse_argparse(struct args *a, enum args_mistakes mistakes, const char *program,
                         const char *description, const struct option *options, int argc,
                         char **argv)
{
    *a = (struct args){
        .program = program, .mistakes = mistakes, .description = description, .options = options};
    count_options(a);
    for (int i = 1; i < argc; i++) {
        if (is_help(argv[i])) print_argparse_help(a);
        if (!is_word(argv[i]))
            take_option(a, argc, argv, &i);
        else
            args_error(a, "unrecognized arguments: '%s'", argv[i]);
    }
    require_known(a);
}

int args_parse_commands(struct args *a, enum args_mistakes mistakes, const char *program,
                        const char *description, const struct option *options,
                        const struct subcommand *commands, int argc, char **argv)
{
    *a = (struct args){.program = program, .mistakes = mistakes, .description = description};
    a->options = a->joined;
    for (; options->name; options++) a->joined[a->options_count++] = *options;
    int i = 1, chosen = 0;
    for (; i < argc && !is_word(argv[i]); i++) {
        if (is_help(argv[i])) answer_no_command(a, commands, argv[i]);
        take_option(a, argc, argv, &i);
    }
    const char *given = i < argc ? argv[i] : NULL;
    while (commands[chosen].name && given && strcmp(commands[chosen].name, given) != 0) chosen++;
    if (!given || !commands[chosen].name) answer_no_command(a, commands, given);
    snprintf(a->with_command, sizeof a->with_command, "%s %s", program, given);
    a->program = a->with_command;
    a->description = commands[chosen].meaning;
    a->known_from = a->options_count;
    for (const struct option *o = commands[chosen].options; o->name; o++)
        a->joined[a->options_count++] = *o;
    for (i++; i < argc; i++) {
        if (is_help(argv[i])) print_argparse_help(a);
        if (is_word(argv[i])) args_error(a, "unrecognized arguments: '%s'", argv[i]);
        take_option(a, argc, argv, &i);
    }
    require_known(a);
    a->known_from = 0;
    return chosen;
}

/* ---- what was given */

bool args_has(const struct args *a, const char *name)
{
    return a->counts[find_z(a, name)] > 0;
}

const char *args_value_at(const struct args *a, const char *name, int32_t i)
{
    int option = find_z(a, name);
    for (int32_t v = 0; v < a->values_count; v++)
        if (a->values[v].option == option && i-- == 0) return a->values[v].value;
    return NULL;
}

const char *args_value(const struct args *a, const char *name)
{
    int option = find_z(a, name);
    if (a->counts[option] > 1 && a->mistakes == ARGS_JOPT && !a->options[option].repeatable) {
        char reason[256];
        snprintf(reason, sizeof reason,
                 "Found multiple arguments for option %s, but you asked for only one", name);
        misread(a, reason);
    }
    if (!a->counts[option]) return a->options[option].default_value;
    const char *value = NULL; /* the last one, as argparse takes it */
    for (int32_t i = 0; i < a->counts[option]; i++) value = args_value_at(a, name, i);
    return value ? value : a->options[option].default_value;
}

static int64_t number_within(const struct args *a, const char *name, int64_t fallback,
                             int64_t least, int64_t most)
{
    const char *text = args_value(a, name);
    if (!text) return fallback;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    const char *kind = a->options[find_z(a, name)].value_name;
    if (strncmp(kind, "Integer", 7) == 0) least = INT32_MIN, most = INT32_MAX;
    if (*text && !*end && !errno && number >= least && number <= most) return number;
    char reason[256];
    if (a->mistakes != ARGS_JOPT)
        args_error(a, "argument %s: could not convert '%s' to %s (For input string: \"%s\")",
                   argument_name(a, find_z(a, name), reason), text,
                   most == INT32_MAX ? "Integer" : "Long", text);
    snprintf(reason, sizeof reason, "Cannot parse argument '%s' of option %s", text, name);
    misread(a, reason);
}

int64_t args_number(const struct args *a, const char *name, int64_t fallback)
{
    return number_within(a, name, fallback, INT64_MIN, INT64_MAX);
}

int32_t args_integer(const struct args *a, const char *name, int32_t fallback)
{
    return (int32_t)number_within(a, name, fallback, INT32_MIN, INT32_MAX);
}

void args_one_of(const struct args *a, bool required, const char *const *names)
{
    char list[512] = "", text[128], first[128];
    size_t len = 0;
    bool given = false;
    for (const char *const *name = names; *name; name++) {
        argument_name(a, find_z(a, *name), text);
        len += (size_t)snprintf(list + len, sizeof list - len, "%s ", text);
    }
    for (int32_t v = 0; v < a->values_count; v++) { /* as given: the later one is the wrong one */
        int32_t option = a->values[v].option;
        const char *const *name = names;
        while (*name && find_z(a, *name) != option) name++;
        if (!*name) continue;
        argument_name(a, option, text);
        if (given && strcmp(first, text) != 0)
            args_error(a, "argument %s: not allowed with argument %s", text, first);
        memcpy(first, text, sizeof first);
        given = true;
    }
    if (required && !given) args_error(a, "one of the arguments %sis required", list);
}

void args_require(const struct args *a, const char *name)
{
    if (args_has(a, name)) return;
    char reason[256];
    snprintf(reason, sizeof reason, "Missing required argument \"[%s]\"", name);
    args_usage(a, reason);
}

void args_exclude(const struct args *a, const char *name, const char *with)
{
    if (!args_has(a, name) || !args_has(a, with)) return;
    char reason[256];
    snprintf(reason, sizeof reason, "Option \"[%s]\" can't be used with option \"[%s]\"", name,
             with);
    args_usage(a, reason);
}

void args_available(const struct args *a, const char *name, const char *const *with)
{
    if (!args_has(a, name)) return;
    for (; *with; with++)
        if (args_has(a, *with)) return;
    char reason[256];
    snprintf(reason, sizeof reason,
             "Option(s) [%s] are unavailable given other options on the command line", name);
    args_usage(a, reason);
}

const char *args_renamed(const struct args *a, const char *name, const char *old_name)
{
    bool warning = a->renaming == ARGS_RENAMED_WARNING;
    if (a->renaming == ARGS_RENAMED)
        args_exclude(a, name, old_name);
    else if (args_has(a, name) && args_has(a, old_name)) {
        char reason[256];
        snprintf(reason, sizeof reason, "Options --%s and --%s cannot be specified together.",
                 warning ? name : old_name, warning ? old_name : name);
        args_usage(a, reason);
    }
    if (!args_has(a, old_name)) return args_value(a, name);
    printf("%s --%s is deprecated and will be removed in a future version. Use --%s instead.\n",
           warning ? "Warning:" : "Option", old_name, name);
    return args_value(a, old_name);
}

void args_fail(const char *line)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", line);
    exit(1);
}
