#include "env/os/os.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "env/os/disk.h"
#include "env/os/loop.h"
#include "env/os/net.h"
#include "env/os/rng.h"
#include "env/os/trace.h"

struct os_signals {
    struct os_source source;
    void (*signalled)(void *owner, int signal);
    void *owner;
    sigset_t blocked_before;
};

enum { DESCRIPTORS_UNKNOWN = 1024 };

/* Returns the limit. */
static int64_t raise_descriptor_limit(void)
{
    struct rlimit limit, higher;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return DESCRIPTORS_UNKNOWN;
    higher = (struct rlimit){.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0) limit = higher;
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

enum err os_env_init(struct os_env *os)
{
    *os = (struct os_env){.loop = MEM_NEW(struct os_loop), .rng = MEM_NEW(struct os_rng)};
    os->trace = MEM_NEW(struct os_trace);
    os->disk = MEM_NEW(struct os_disk);
    os->net = MEM_NEW(struct os_net);
    signal(SIGPIPE, SIG_IGN);
    int64_t descriptors = raise_descriptor_limit();
    os_rng_init(os->rng);
    os_trace_init(os->trace);
    enum err e = os_loop_init(os->loop);
    /* Each can be freed after it failed. */
    enum err disk = os_disk_init(os->disk, os->loop, descriptors / 2);
    enum err net = os_net_init(os->net, os->loop);
    e = e ? e : disk ? disk : net;
    os->env = (struct env){.clock = &os->loop->clock,
                           .rng = &os->rng->rng,
                           .disk = &os->disk->disk,
                           .net = &os->net->net,
                           .trace = &os->trace->trace};
    if (e) os_env_free(os);
    return e;
}

static void signals_ready(struct os_source *source, uint32_t events)
{
    (void)events;
    struct os_signals *s = CONTAINER_OF(source, struct os_signals, source);
    struct signalfd_siginfo info;
    if (read(source->fd, &info, sizeof info) == sizeof info)
        s->signalled(s->owner, (int)info.ssi_signo);
}

enum err os_env_on_signal(struct os_env *os, void (*signalled)(void *owner, int signal),
                          void *owner)
{
    PRE(!os->signals);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    struct os_signals *s = MEM_NEW(struct os_signals);
    *s = (struct os_signals){.signalled = signalled, .owner = owner, .source.ready = signals_ready};
    s->source.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->source.fd < 0 || os_loop_add(os->loop, &s->source, EPOLLIN)) {
        if (s->source.fd >= 0) close(s->source.fd);
        mem_free(s);
        return ERR_NO_DESCRIPTORS;
    }
    pthread_sigmask(SIG_BLOCK, &set, &s->blocked_before);
    os->signals = s;
    return ERR_OK;
}

void os_env_trace_stream(struct os_env *os, int fd)
{
    os->trace->stream_fd = fd;
}

enum err os_env_trace_file(struct os_env *os, const char *path)
{
    return os_trace_file(os->trace, path);
}

void os_env_turn(struct os_env *os, int64_t wait_ms_max)
{
    os_loop_turn(os->loop, wait_ms_max);
    os_net_flush(os->net);
    os_loop_reap(os->loop);
}

void os_env_files_max(struct os_env *os, int64_t max)
{
    os->disk->files.open_max = max;
    os_files_make_room(&os->disk->files);
}

int64_t os_env_files_open(const struct os_env *os)
{
    return os->disk->files.open;
}

void os_env_run(struct os_env *os)
{
    os->loop->stopping = false;
    while (!os->loop->stopping) os_env_turn(os, -1);
}

void os_env_stop(struct os_env *os)
{
    os->loop->stopping = true;
}

void os_env_free(struct os_env *os)
{
    os_loop_reap(os->loop);
    os_net_free(os->net);
    os_disk_free(os->disk);
    if (os->signals) {
        close(os->signals->source.fd);
        pthread_sigmask(SIG_SETMASK, &os->signals->blocked_before, NULL);
        mem_free(os->signals);
    }
    os_loop_free(os->loop);
    os_trace_free(os->trace);
    mem_free(os->net);
    mem_free(os->disk);
    mem_free(os->rng);
    mem_free(os->trace);
    mem_free(os->loop);
    *os = (struct os_env){.loop = NULL};
}
