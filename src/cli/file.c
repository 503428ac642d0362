#include <stdio.h>
#include <stdlib.h>

#include "cli/tool.h"

char *tool_read_file(const char *path, long *size)
{
    FILE *f = fopen(path, "r");
    if (!f) return NULL;
    char *text = NULL;
    size_t len = 0, capacity = 0;
    for (;;) {
        if (len + 1 >= capacity) {
            capacity = capacity ? capacity * 2 : 16384;
            text = realloc(text, capacity);
            if (!text) abort();
        }
        size_t got = fread(text + len, 1, capacity - len - 1, f);
        if (got == 0) break;
        len += got;
    }
    fclose(f);
    text[len] = 0;
    if (size) *size = (long)len;
    return text;
}
