/* kafka-server-stop.sh [--process-role=R] [--node-id=N]: a signal to the servers of this machine
 * that belong to this user. Found in /proc by their command line; their role and id stand in the
 * configuration file that is its argument. Returns at once; callers wait for the exit. */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/tool.h"
#include "config/properties.h"

/* The words of /proc/PID/cmdline. */
static int read_words(long pid, char *text, size_t size, char **words, int max)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    size_t len = fread(text, 1, size - 1, f);
    fclose(f);
    text[len] = 0;
    int count = 0;
    for (size_t at = 0; at < len && count < max; at += strlen(text + at) + 1)
        words[count++] = text + at;
    return count;
}

/* The properties file of `samsa server-start [-daemon] FILE`, NULL when it is something else. */
static const char *config_of(char **words, int count)
{
    if (count < 2) return NULL;
    const char *base = strrchr(words[0], '/');
    base = base ? base + 1 : words[0];
    int next = 0;
    if (strcmp(base, "samsa") == 0 && strcmp(words[1], "server-start") == 0) next = 2;
    if (strcmp(base, "kafka-server-start.sh") == 0) next = 1;
    if (next && next < count && strcmp(words[next], "-daemon") == 0) next++;
    return next && next < count ? words[next] : NULL;
}

/* Is `wanted` the value of `key` in the process's configuration? The whole value, as in Kafka: a
 * combined node is no "controller" to it. */
static bool matches(long pid, const char *config, const char *key, const char *wanted)
{
    char path[PATH_MAX + 64];
    if (config[0] == '/')
        snprintf(path, sizeof path, "%s", config);
    else
        snprintf(path, sizeof path, "/proc/%ld/cwd/%s", pid, config);
    long size;
    char *text = tool_read_file(path, &size);
    if (!text) return false;
    struct arena arena;
    arena_init(&arena, 0);
    struct properties p;
    int32_t line;
    bool found = false;
    if (!properties_parse((struct str){text, (int32_t)size}, &arena, &p, &line)) {
        struct str value = properties_get(&p, key);
        while (value.len > 0 && isspace((unsigned char)value.data[value.len - 1])) value.len--;
        found = str_equal_z(value, wanted);
    }
    arena_free(&arena);
    return found;
}

static int signal_number(void)
{
    const char *name = getenv("SIGNAL");
    if (!name || !*name) return SIGTERM;
    if (isdigit((unsigned char)*name)) return atoi(name);
    if (strncmp(name, "SIG", 3) == 0) name += 3;
    for (int i = 1; i < NSIG; i++) {
        const char *known = sigabbrev_np(i);
        if (known && strcmp(known, name) == 0) return i;
    }
    return SIGTERM;
}

static const char *option_value(int argc, char **argv, const char *name)
{
    size_t len = strlen(name);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=') return argv[i] + len + 1;
    return NULL;
}

int tool_server_stop(int argc, char **argv)
{
    const char *role = option_value(argc, argv, "--process-role");
    const char *node = option_value(argc, argv, "--node-id");
    if (role && node)
        printf("When both node-id and process-role are provided, the value for node-id will take "
               "precedence\n");
    DIR *proc = opendir("/proc");
    if (!proc) {
        perror("/proc");
        return 1;
    }
    int signalled = 0, servers = 0;
    for (struct dirent *entry; (entry = readdir(proc));) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end || pid <= 0 || pid == getpid()) continue;
        char text[8192], *words[64];
        const char *config = config_of(words, read_words(pid, text, sizeof text, words, 64));
        if (!config) continue;
        servers++;
        if (node ? !matches(pid, config, "node.id", node)
                 : role && !matches(pid, config, "process.roles", role))
            continue;
        if (kill((pid_t)pid, signal_number()) == 0) signalled++;
    }
    closedir(proc);
    if (signalled) return 0;
    if (servers && (node || role)) { /* Kafka's script says nothing, and is content */
        fprintf(stderr, "No kafka server to stop that matches the %s: %s\n",
                node ? "node-id" : "process-role", node ? node : role);
        return 0;
    }
    printf("No kafka server to stop\n");
    return 1;
}
