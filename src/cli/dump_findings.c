#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/dump.h"

struct finding {
    enum dump_finding kind;
    char *path; /* absolute */
    int64_t a, b;
};

/* Findings are printed together at the end, as Kafka's tool does. */
static struct {
    struct finding *items;
    size_t count, capacity;
} findings;

static char *absolute(const char *path)
{
    char cwd[4096] = "";
    bool relative = *path != '/' && getcwd(cwd, sizeof cwd);
    size_t size = strlen(cwd) + strlen(path) + 2;
    char *text = malloc(size);
    if (!text) abort();
    snprintf(text, size, "%s%s%s", relative ? cwd : "", relative ? "/" : "", path);
    return text;
}

void dump_find(enum dump_finding kind, const char *path, int64_t a, int64_t b)
{
    if (findings.count == findings.capacity) {
        findings.capacity = findings.capacity ? findings.capacity * 2 : 64;
        struct finding *grown = realloc(findings.items, findings.capacity * sizeof *findings.items);
        if (!grown) abort();
        findings.items = grown;
    }
    findings.items[findings.count++] = (struct finding){kind, absolute(path), a, b};
}

static const struct {
    const char *title, *before, *between;
} texts[FOUND_KINDS] = {
    [FOUND_INDEX_MISMATCH] = {"Mismatches in :", "  Index offset: ", ", log offset: "},
    [FOUND_TIME_MISMATCH] = {"Found timestamp mismatch in :", "  Index timestamp: ",
                             ", log timestamp: "},
    [FOUND_TIME_ORDER] = {"Found out of order timestamp in :", "  Index timestamp: ",
                          ", Previously indexed timestamp: "},
    [FOUND_NO_OFFSET] = {"The following indexed offsets are not found in :", "Indexed offset: ",
                         ", found log offset: "},
    [FOUND_GAP] = {"Non-consecutive offsets in ", "  ", " is followed by "},
};

void dump_print_findings(void)
{
    fflush(stdout);
    for (int kind = 0; kind < FOUND_KINDS; kind++) {
        const char *titled = NULL;
        for (size_t i = 0; i < findings.count; i++) {
            const struct finding *f = &findings.items[i];
            if ((int)f->kind != kind) continue;
            if (!titled || strcmp(titled, f->path) != 0)
                fprintf(stderr, "%s%s\n", texts[kind].title, f->path);
            titled = f->path;
            fprintf(stderr, "%s%lld%s%lld\n", texts[kind].before, (long long)f->a,
                    texts[kind].between, (long long)f->b);
        }
    }
    for (size_t i = 0; i < findings.count; i++) free(findings.items[i].path);
    free(findings.items);
    findings.items = NULL;
    findings.count = findings.capacity = 0;
}

void dump_fail(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(1);
}
