/* Counts allocations of the whole process: for "in steady state this allocates nothing".
 *
 *     int64_t before = heap_allocations();
 *     … the steady loop …
 *     if (heap_count_works()) assert_int_equal(heap_allocations(), before);
 *
 * Linking heap_count.c (M_TEST_LIB in sources.mk) replaces malloc and its kin by ones that count
 * and pass on to the C library's. Under a sanitizer, which replaces them itself, nothing is
 * counted. */
#ifndef SAMSA_TEST_LIB_HEAP_COUNT_H
#define SAMSA_TEST_LIB_HEAP_COUNT_H

#include <stdbool.h>
#include <stdint.h>

bool heap_count_works(void);

/* Calls of malloc, calloc, realloc and aligned allocation by all threads so far. */
int64_t heap_allocations(void);

/* From now on each allocation writes its stack to standard error: to find the one that a failing
 * test has counted (addresses; `addr2line -e BINARY -f` names them). */
void heap_count_show(bool on);

#endif
