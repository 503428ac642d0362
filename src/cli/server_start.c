/* kafka-server-start.sh [-daemon] FILE [--override key=value]*: hands over to the server. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/tool.h"
#include "server/server.h"

/* Go on in the background, output to $LOG_DIR/kafkaServer.out (./logs without LOG_DIR). */
static void become_daemon(void)
{
    const char *dir = getenv("LOG_DIR");
    char path[4096];
    if (!dir || !*dir) dir = "logs";
    mkdir(dir, 0755);
    snprintf(path, sizeof path, "%s/kafkaServer.out", dir);
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (out < 0 || in < 0) {
        perror(path);
        exit(1);
    }
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
    if (argc < 2) {
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
