/* kafka-server-start.sh [-daemon] FILE [--override key=value]*: hands over to the server. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/tool.h"
#include "server/server.h"

/* Makes the directory and those above it; whether it is there shows when a file is opened in it. */
static void make_directories(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s", dir);
    for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    mkdir(path, 0755);
}

/* $LOG_DIR/server.log, where Kafka's log is looked for: the same lines. A file of that name which
 * is none of ours stays. */
static void name_server_log(const char *dir)
{
    char path[4096];
    struct stat there;
    snprintf(path, sizeof path, "%s/server.log", dir);
    bool missing = lstat(path, &there) != 0;
    if (!missing && !S_ISLNK(there.st_mode)) return;
    if (!missing) unlink(path);
    if (symlink("kafkaServer.out", path) != 0) perror(path); /* the node starts all the same */
}

/* Go on in the background, output to $LOG_DIR/kafkaServer.out. bin/kafka-server-start.sh sets
 * LOG_DIR to the distribution's logs/ where it is not set; ./logs without that script. */
static void become_daemon(void)
{
    const char *dir = getenv("LOG_DIR");
    char path[4096];
    if (!dir || !*dir) dir = "logs";
    make_directories(dir);
    snprintf(path, sizeof path, "%s/kafkaServer.out", dir);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (out < 0 || in < 0) {
        perror(path);
        exit(1);
    }
    name_server_log(dir);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    if (child > 0) _exit(0);
    setsid();
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
}

int tool_server_start(int argc, char **argv)
{
    const char *first = argc < 2 ? "--help" : argv[1];
    if (strcmp(first, "--version") == 0) {
        printf("%s\n", KAFKA_VERSION);
        return 0;
    }
    if (strcmp(first, "--help") == 0) {
        fprintf(stderr, "USAGE: kafka-server-start.sh [-daemon] server.properties "
                        "[--override property=value]*\n");
        return 1;
    }
    if (strcmp(argv[1], "-daemon") == 0) {
        become_daemon();
        argv[1] = argv[0];
        argc--;
        argv++;
    }
    return server_main(argc, argv);
}
