#include "children.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum { COMPLAINT_BYTES = 4096 };

struct child {
    pid_t pid; /* 0: free */
    struct plan plan;
    struct run_result *result; /* shared */
    int complaints;            /* its standard error, in memory */
    void (*ended)(void *owner, const struct plan *plan, const struct run_result *r);
    void *owner;
};

struct children {
    struct children_options options;
    struct child children[CHILDREN_MAX];
    struct run_result *results; /* shared, one per child */
    uint64_t *marks;            /* shared */
    int running;
};

static void *shared(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) abort();
    return p;
}

struct children *children_new(const struct children_options *options)
{
    struct children *c = MEM_NEW(struct children);
    c->options = *options;
    if (c->options.jobs <= 0) c->options.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (c->options.jobs > CHILDREN_MAX) c->options.jobs = CHILDREN_MAX;
    c->results = shared(CHILDREN_MAX * sizeof *c->results);
    c->marks = shared((size_t)(mark_total() + 1) * sizeof *c->marks);
    return c;
}

void children_free(struct children *c)
{
    children_wait(c);
    munmap(c->results, CHILDREN_MAX * sizeof *c->results);
    munmap(c->marks, (size_t)(mark_total() + 1) * sizeof *c->marks);
    mem_free(c);
}

static void child_main(struct children *c, struct child *k)
{
    mark_count_into(c->marks);
    mutant_choose(c->options.mutant);
    /* Of its own time, not of the clock's: machines may be busy. */
    struct itimerval limit = {.it_value.tv_sec = CPU_SECONDS_MAX};
    setitimer(ITIMER_PROF, &limit, NULL);
    bool seen = c->options.verbose || c->options.echo;
    if (!seen) dup2(k->complaints, STDERR_FILENO);
    run_plan(&k->plan, c->options.verbose, c->options.echo, k->result);
    fflush(stdout);
    _exit(0);
}

/* The line by which it died: `file:line: kind failed: text`. */
static void died(struct child *k, int status)
{
    char text[COMPLAINT_BYTES];
    ssize_t n = pread(k->complaints, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    char *end = strchr(text, '\n');
    if (end) *end = '\0';
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
        snprintf(k->result->broken, BROKEN_BYTES, "hang: no end after %d seconds of a core",
                 CPU_SECONDS_MAX);
    else if (text[0])
        snprintf(k->result->broken, BROKEN_BYTES, "assertion: %.300s", text);
    else
        snprintf(k->result->broken, BROKEN_BYTES, "died: status %d", status);
}

static void reap(struct children *c)
{
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    for (int i = 0; i < CHILDREN_MAX; i++) {
        struct child *k = &c->children[i];
        if (k->pid != pid || pid <= 0) continue;
        k->pid = 0;
        c->running--;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) died(k, status);
        close(k->complaints);
        struct run_result result = *k->result;
        struct plan plan = k->plan;
        k->ended(k->owner, &plan, &result);
    }
}

void children_run(struct children *c, const struct plan *plan,
                  void (*ended)(void *owner, const struct plan *plan, const struct run_result *r),
                  void *owner)
{
    while (c->running >= c->options.jobs) reap(c);
    int i = 0;
    while (c->children[i].pid) i++;
    struct child *k = &c->children[i];
    *k = (struct child){.plan = *plan, .result = &c->results[i], .ended = ended, .owner = owner};
    *k->result = (struct run_result){0};
    k->complaints = memfd_create("complaints", MFD_CLOEXEC);
    fflush(stdout);
    k->pid = fork();
    if (k->pid < 0) abort();
    if (k->pid == 0) child_main(c, k);
    c->running++;
}

void children_wait(struct children *c)
{
    while (c->running > 0) reap(c);
}

static void keep(void *owner, const struct plan *plan, const struct run_result *r)
{
    (void)plan;
    *(struct run_result *)owner = *r;
}

void children_run_one(struct children *c, const struct plan *plan, struct run_result *result)
{
    children_wait(c);
    children_run(c, plan, keep, result);
    children_wait(c);
}

const uint64_t *children_marks(const struct children *c)
{
    return c->marks;
}

void children_print(const struct plan *plan, const struct run_result *r)
{
    printf("seed %" PRIu64 " %s, %" PRId64 " events, %.1f virtual seconds, trace %016" PRIx64 "\n",
           plan->seed, r->broken[0] ? r->broken : "ok", r->events, (double)r->virtual_ms / 1000,
           r->hash);
}
