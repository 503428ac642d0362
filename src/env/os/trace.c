/* One line is one write, so that lines of several processes on one file do not mix:
 *
 *     [2026-08-21 16:54:41,123] INFO text (component)
 *
 * in local time. Collectors parse ^\[(.*?)\] (\w+) (.*) \((\S+)\)$. */
#include "env/os/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "env/os/disk.h"

enum { LINE_BYTES = 1024, STAMP_BYTES = 64, TEXT_BYTES_MAX = 1 << 20 };

static size_t put_head(char *to, size_t size, enum trace_level level)
{
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t n = strftime(to, size, "[%Y-%m-%d %H:%M:%S", &local);
    return n + (size_t)snprintf(to + n, size - n, ",%03d] %s ", (int)(now.tv_nsec / 1000000),
                                trace_level_name(level));
}

/* A line that cannot be written is lost: diagnostics never stop a node. */
static void write_all(int fd, const char *data, size_t len)
{
    while (fd >= 0 && len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        data += n;
        len -= (size_t)n;
    }
}

static void os_trace_line(struct trace *trace, enum trace_level level, const char *component,
                          const char *format, va_list args)
{
    struct os_trace *t = (struct os_trace *)trace;
    char on_stack[LINE_BYTES];
    char *line = on_stack;
    size_t head = put_head(line, sizeof on_stack, level);
    size_t component_len = strlen(component);
    va_list again;
    va_copy(again, args);
    int measured = vsnprintf(line + head, sizeof on_stack - head, format, args);
    size_t text = measured < 0 ? 0 : (size_t)measured;
    if (text > TEXT_BYTES_MAX) text = TEXT_BYTES_MAX;
    size_t size = head + text + component_len + 5;
    if (size > sizeof on_stack) {
        line = mem_alloc(size);
        memcpy(line, on_stack, head);
        vsnprintf(line + head, text + 1, format, again);
    }
    va_end(again);
    int tail = snprintf(line + head + text, size - head - text, " (%s)\n", component);
    size_t len = head + text + (size_t)tail;
    write_all(t->stream_fd, line, len);
    write_all(t->file_fd, line, len);
    if (line != on_stack) mem_free(line);
}

void os_trace_init(struct os_trace *t)
{
    static const struct trace_ops ops = {.line = os_trace_line};
    *t = (struct os_trace){
        .trace = {.ops = &ops, .level = TRACE_INFO}, .stream_fd = STDOUT_FILENO, .file_fd = -1};
}

enum err os_trace_file(struct os_trace *t, const char *path)
{
    int fd = -1;
    if (path) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd < 0) return os_disk_err(errno);
    }
    if (t->file_fd >= 0) close(t->file_fd);
    t->file_fd = fd;
    return ERR_OK;
}

void os_trace_free(struct os_trace *t)
{
    if (t->file_fd >= 0) close(t->file_fd);
    t->file_fd = -1;
}
