/* Assertions that stay on in every build.
 *
 * A failed assertion is our own bug: the process prints one line and aborts before it can lie to a
 * client. Input from the network or a disk is never asserted; it is validated and refused. */
#ifndef SAMSA_BASE_ASSERT_H
#define SAMSA_BASE_ASSERT_H

#include <assert.h>

/* Prints `file:line: kind failed: text` to standard error and aborts. Never returns. */
_Noreturn void assert_fail(const char *kind, const char *text, const char *file, int line);

#define SAMSA_CHECK(kind, cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : assert_fail(kind, #cond, __FILE__, __LINE__))

#define PRE(cond)       SAMSA_CHECK("precondition", cond)
#define POST(cond)      SAMSA_CHECK("postcondition", cond)
#define INVARIANT(cond) SAMSA_CHECK("invariant", cond)
#define IMPLIES(a, b)   (!(a) || (b))
#define UNREACHABLE()   assert_fail("unreachable", "reached", __FILE__, __LINE__)

#endif
