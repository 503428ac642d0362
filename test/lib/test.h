/* Unit tests: TEST(a_sentence_about_behaviour) { … } registers itself; main runs all of a binary's
 * tests sorted by name, with cmocka's assertions. An argument filters by substring. */
#ifndef SAMSA_TEST_LIB_TEST_H
#define SAMSA_TEST_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void test_register(const char *name, void (*body)(void **));

#define TEST(name)                                                 \
    static void test_##name(void **state);                         \
    __attribute__((constructor)) static void register_##name(void) \
    {                                                              \
        test_register(#name, test_##name);                         \
    }                                                              \
    static void test_##name(void **state __attribute__((unused)))

#define assert_ok(expression) assert_int_equal((expression), 0)

#endif
