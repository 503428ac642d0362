/* One env of either family, for tests that must pass on both. */
#ifndef SAMSA_TEST_UNIT_ENV_WORLD_H
#define SAMSA_TEST_UNIT_ENV_WORLD_H

#include "env/env.h"
#include "test.h"

struct world {
    struct env *env;
    char dir[200];                 /* an empty directory that goes away with the world */
    void (*step)(struct world *w); /* lets the world do what is next */
    void (*close)(struct world *w);
};

struct world *world_os(void);
struct world *world_sim(void);
/* The real one, with one descriptor for all files together. */
struct world *world_os_one_descriptor(void);

static inline const char *world_path(struct world *w, struct arena *a, const char *name)
{
    return arena_printf(a, "%s/%s", w->dir, name).data;
}

/* Runs until the condition holds; fails the test when it does not come true. */
#define WORLD_UNTIL(w, condition)                         \
    do {                                                  \
        int left_ = 20000;                                \
        while (!(condition) && left_-- > 0) (w)->step(w); \
        assert_true(condition);                           \
    } while (0)

/* With WORLD_DISK defined before this header, tests run with files closed behind their backs
 * too. */
#ifdef WORLD_DISK
#define ONE_DESCRIPTOR(name)                         \
    TEST(name##_os_one_descriptor)                   \
    {                                                \
        struct world *w = world_os_one_descriptor(); \
        name##_on(w);                                \
        w->close(w);                                 \
    }
#else
#define ONE_DESCRIPTOR(name)
#endif

/* A test that runs once on each family. */
#define BOTH(name)                          \
    static void name##_on(struct world *w); \
    TEST(name##_os)                         \
    {                                       \
        struct world *w = world_os();       \
        name##_on(w);                       \
        w->close(w);                        \
    }                                       \
    ONE_DESCRIPTOR(name)                    \
    TEST(name##_sim)                        \
    {                                       \
        struct world *w = world_sim();      \
        name##_on(w);                       \
        w->close(w);                        \
    }                                       \
    static void name##_on(struct world *w)

#endif
