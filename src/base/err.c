#include "base/err.h"

#include "base/assert.h"

static const char *const err_texts[] = {
#define X(name, text) text,
    ERR_LIST(X)
#undef X
};

const char *err_text(enum err e)
{
    PRE((unsigned)e < ERR_COUNT);
    return err_texts[e];
}
