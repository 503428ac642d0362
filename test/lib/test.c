#include "test.h"

#include <stdio.h>
#include <stdlib.h>

enum { TESTS_MAX = 1000 };

static struct CMUnitTest tests[TESTS_MAX];
static size_t tests_count;

void test_register(const char *name, void (*body)(void **))
{
    if (tests_count == TESTS_MAX) abort();
    tests[tests_count++] = (struct CMUnitTest){.name = name, .test_func = body};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        size_t kept = 0;
        for (size_t i = 0; i < tests_count; i++)
            if (strstr(tests[i].name, argv[1])) tests[kept++] = tests[i];
        tests_count = kept;
    }
    qsort(tests, tests_count, sizeof tests[0], by_name);
    return _cmocka_run_group_tests(argv[0], tests, tests_count, NULL, NULL);
}
