#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/args.h"

static const struct option options[] = {
    {"bootstrap-server", 'b', OPTION_VALUE, true, false, "SERVER", "where"},
    {"topic", 't', OPTION_VALUE, false, false, "TOPIC", "which"},
    {"config", 'c', OPTION_VALUE, false, true, "CONFIG", "how"},
    {"state", 's', OPTION_OPTIONAL, false, false, "STATE", "state"},
    {"list", 'l', OPTION_FLAG, false, false, NULL, "list"},
    {"limit", 0, OPTION_VALUE, false, false, "N", "limit", "7"},
    {0},
};

#define ARGV(...) ((char *[]){"kafka-x", __VA_ARGS__, NULL})

static void parse_jopt(struct args *a, char **argv)
{
    int argc = 0;
    while (argv[argc]) argc++;
    args_parse_jopt(a, "A tool.", options, argc, argv);
}

static const struct option up_options[] = {
    {"feature", 'f', OPTION_VALUE, true, true, "FEATURE", "which"},
    {"level", 0, OPTION_VALUE, false, false, "LEVEL", "how far"},
    {"pairs", 0, OPTION_MANY, false, true, "PAIR", "several"},
    {0},
};
static const struct option down_options[] = {{0}};
static const struct subcommand commands[] = {
    {"down", down_options, "less"}, {"up", up_options, "more"}, {0}};
static const struct option few_options[] = {
    {"server", 's', OPTION_VALUE, false, false, "SERVER", "where"},
    {"controller", 0, OPTION_VALUE, false, false, "CONTROLLER", "or there"},
    {0},
};

static int parse_commands_as(struct args *a, enum args_mistakes mistakes, char **argv)
{
    int argc = 0;
    while (argv[argc]) argc++;
    return args_parse_commands(a, mistakes, "kafka-x", "A tool.", few_options, commands, argc,
                               argv);
}

static void parse_commands(struct args *a, char **argv)
{
    parse_commands_as(a, ARGS_USAGE, argv);
    ARGS_ONE_OF(a, true, "server", "controller");
}

static void parse_commands_one_line(struct args *a, char **argv)
{
    parse_commands_as(a, ARGS_ONE_LINE, argv);
}

static void parse_argparse(struct args *a, char **argv)
{
    int argc = 0;
    while (argv[argc]) argc++;
    args_parse_argparse(a, ARGS_USAGE, "kafka-x", "A tool.", options, argc, argv);
}

/* Runs the parser in a child; returns its exit status, and what it wrote to `stream` in `text`. */
static int in_child(void (*parse)(struct args *, char **), char **argv, int stream, char text[4096])
{
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_ends[1], stream);
        close(pipe_ends[0]);
        struct args a;
        parse(&a, argv);
        if (a.options == options) args_value(&a, "topic");
        fflush(NULL);
        _exit(42); /* the parser was content */
    }
    close(pipe_ends[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(pipe_ends[0], text + len, 4095 - len)) > 0;) len += (size_t)got;
    text[len] = 0;
    close(pipe_ends[0]);
    int status;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

static void refused(void (*parse)(struct args *, char **), char **argv, const char *message)
{
    char text[4096];
    int status = in_child(parse, argv, 2, text);
    if (status != 1 || !strstr(text, message)) fail_msg("exit %d: %s", status, text);
}

TEST(jopt_takes_values_behind_a_space_or_an_equals_sign)
{
    struct args a;
    parse_jopt(&a, ARGV("--bootstrap-server", "h:1", "--topic=a=b", "--config", "x=1",
                        "--config=y=2", "extra", "--list"));
    assert_string_equal(args_value(&a, "bootstrap-server"), "h:1");
    assert_string_equal(args_value(&a, "topic"), "a=b");
    assert_string_equal(args_value_at(&a, "config", 0), "x=1");
    assert_string_equal(args_value_at(&a, "config", 1), "y=2");
    assert_null(args_value_at(&a, "config", 2));
    assert_true(args_has(&a, "list"));
    assert_false(args_has(&a, "state"));
    assert_int_equal(args_number(&a, "limit", 0), 7);
    assert_string_equal(a.positionals[0], "extra");
}

TEST(an_optional_value_is_taken_unless_it_looks_like_an_option)
{
    struct args a;
    parse_jopt(&a, ARGV("--bootstrap-server", "h:1", "--state", "--list"));
    assert_true(args_has(&a, "state"));
    assert_null(args_value_at(&a, "state", 0));
    parse_jopt(&a, ARGV("--bootstrap-server", "h:1", "--state", "empty"));
    assert_string_equal(args_value(&a, "state"), "empty");
}

TEST(jopt_mistakes_are_told_in_its_words)
{
    refused(parse_jopt, ARGV("--bogus"), "bogus is not a recognized option");
    refused(parse_jopt, ARGV("--topics", "x"), "topics is not a recognized option");
    refused(parse_jopt, ARGV("--boot", "x"), "boot is not a recognized option");
    refused(parse_jopt, ARGV("--list"), "Missing required argument \"[bootstrap-server]\"");
    refused(parse_jopt, ARGV("--topic"), "Option topic requires an argument");
    refused(parse_jopt, ARGV("--bootstrap-server", "h:1", "--topic", "a", "--topic", "b"),
            "Found multiple arguments for option topic, but you asked for only one");
    refused(parse_jopt, (char *[]){"kafka-x", NULL}, "A tool.\nOption (* = required)");
    refused(parse_jopt, ARGV("--help"), "A tool.\n");
}

TEST(argparse_takes_letters_and_unambiguous_prefixes)
{
    struct args a;
    parse_argparse(&a, ARGV("-b", "h:1", "-tname", "--conf", "x", "-c=y", "--lis"));
    assert_string_equal(args_value(&a, "bootstrap-server"), "h:1");
    assert_string_equal(args_value(&a, "topic"), "name");
    assert_string_equal(args_value_at(&a, "config", 1), "y");
    assert_true(args_has(&a, "list"));
}

TEST(argparse_mistakes_are_told_in_its_words)
{
    refused(parse_argparse, ARGV("--list"),
            "kafka-x: error: argument --bootstrap-server/-b is required");
    refused(parse_argparse, ARGV("-b", "h", "--li", "3"),
            "kafka-x: error: ambiguous option: --li could match --list, --limit");
    refused(parse_argparse, ARGV("-b", "h", "--bogus"),
            "kafka-x: error: unrecognized arguments: '--bogus'");
    refused(parse_argparse, ARGV("-b", "h", "extra"),
            "kafka-x: error: unrecognized arguments: 'extra'");
    refused(parse_argparse, ARGV("-b"),
            "kafka-x: error: argument --bootstrap-server/-b: expected one argument");
}

TEST(argparse_help_is_an_answer_and_not_a_mistake)
{
    char text[4096];
    assert_int_equal(in_child(parse_argparse, ARGV("-h"), 1, text), 0);
    assert_non_null(strstr(text, "usage: kafka-x [-h] --bootstrap-server SERVER"));
}

TEST(version_is_printed_and_ends_the_tool)
{
    char text[4096];
    assert_int_equal(in_child(parse_jopt, ARGV("--version"), 1, text), 0);
    assert_string_equal(text, "4.3.1\n");
}

TEST(options_of_a_command_come_behind_it_and_the_tools_before)
{
    struct args a;
    assert_int_equal(parse_commands_as(&a, ARGS_USAGE,
                                       ARGV("--serv", "h:1", "up", "-f", "a=1", "--pairs", "x=1",
                                            "y=2", "--feature=b=2")),
                     1);
    assert_string_equal(args_value(&a, "server"), "h:1");
    assert_string_equal(args_value_at(&a, "feature", 1), "b=2");
    assert_string_equal(args_value_at(&a, "pairs", 1), "y=2");
    assert_null(args_value_at(&a, "pairs", 2));
    assert_int_equal(parse_commands_as(&a, ARGS_USAGE, ARGV("down")), 0);
}

TEST(mistakes_around_commands_are_named)
{
    const struct {
        char *argv[8];
        const char *complaint;
    } cases[] = {
        {{"kafka-x"}, "kafka-x: error: too few arguments\n"},
        {{"kafka-x", "--server", "h:1", "off"},
         "kafka-x: error: invalid choice: 'off' (choose from 'down', 'up')\n"},
        {{"kafka-x", "down", "--server", "h:1"},
         "kafka-x: error: unrecognized arguments: '--server'\n"},
        {{"kafka-x", "--server", "h:1", "down", "more"},
         "kafka-x: error: unrecognized arguments: 'more'\n"},
        {{"kafka-x", "--server", "h:1", "up"},
         "kafka-x: error: argument --feature/-f is required\n"},
        {{"kafka-x", "--server", "h:1", "up", "-f", "a=1", "--pairs"},
         "kafka-x: error: argument --pairs: expected at least one argument\n"},
        {{"kafka-x", "down"},
         "kafka-x: error: one of the arguments --server/-s --controller is required\n"},
        {{"kafka-x", "--server", "h:1", "--controller", "h:2", "down"},
         "kafka-x: error: argument --controller: not allowed with argument --server/-s\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[4096];
        assert_int_equal(in_child(parse_commands, (char **)cases[i].argv, 2, text), 1);
        assert_non_null(strstr(text, cases[i].complaint));
    }
}

TEST(one_tool_answers_mistakes_in_one_line)
{
    char text[4096];
    assert_int_equal(in_child(parse_commands_one_line, ARGV("up", "--bogus"), 2, text), 1);
    assert_string_equal(
        text, "Command line error: unrecognized arguments: '--bogus'. Type --help for help.");
    assert_int_equal(in_child(parse_commands_one_line, ARGV("off"), 2, text), 1);
    assert_string_equal(text, "Command line error: invalid choice: 'off' (choose from 'down', "
                              "'up'). Type --help for help.");
}
