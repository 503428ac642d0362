#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_fail(const char *kind, const char *text, const char *file, int line)
{
    fprintf(stderr, "%s:%d: %s failed: %s\n", file, line, kind, text);
    abort();
}
