/* Sixteen-byte ids and their 22-character text: URL-safe base64 without padding, Kafka's Uuid. */
#ifndef SAMSA_BASE_UUID_H
#define SAMSA_BASE_UUID_H

#include "base/bytes.h"
#include "base/err.h"

enum { UUID_TEXT_LEN = 22, UUID_HEX_CHARS = 36 }; /* base64, and 8-4-4-4-12 */

struct uuid {
    uint8_t bytes[16];
};

#define UUID_ZERO ((struct uuid){{0}})
/* Low 64 bits n, high 64 bits 0: Kafka's reserved ids. */
#define UUID_SMALL(n)       ((struct uuid){{[15] = (n)}})
#define UUID_METADATA_TOPIC UUID_SMALL(1)

static inline bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static inline bool uuid_is_zero(struct uuid a)
{
    return uuid_equal(a, UUID_ZERO);
}

/* Unsigned bytewise order. */
static inline int uuid_compare(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes);
}

/* Text with a final zero. */
struct uuid_text {
    char z[UUID_TEXT_LEN + 1];
};
struct uuid_text uuid_text(struct uuid u);

/* Err: INVALID when not exactly 22 characters of the alphabet. The four bits beyond the sixteenth
 * byte are not looked at, as in Java's decoder: several texts are one id. */
enum err uuid_parse(struct str text, struct uuid *out) MUST_CHECK;

#endif
