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

static void parse_argparse(struct args *a, char **argv)
{
    int argc = 0;
    while (argv[argc]) argc++;
    args_parse_argparse(a, "kafka-x", "A tool.", options, argc, argv);
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
        args_value(&a, "topic");
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
    parse_argparse(&a, ARGV("-b", "h:1", "-tname", "--conf", "x", "-c=y", "describe", "--lis"));
    assert_string_equal(args_value(&a, "bootstrap-server"), "h:1");
    assert_string_equal(args_value(&a, "topic"), "name");
    assert_string_equal(args_value_at(&a, "config", 1), "y");
    assert_string_equal(a.positionals[0], "describe");
}

TEST(argparse_mistakes_are_told_in_its_words)
{
    refused(parse_argparse, ARGV("--list"),
            "kafka-x: error: argument --bootstrap-server/-b is required");
    refused(parse_argparse, ARGV("-b", "h", "--li", "3"),
            "kafka-x: error: ambiguous option: --li could match --list, --limit");
    refused(parse_argparse, ARGV("-b", "h", "--bogus"),
            "kafka-x: error: unrecognized arguments: '--bogus'");
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
