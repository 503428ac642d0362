#include "cli/uuid_argument.h"

#include <string.h>

enum { TEXT_MAX = 24 };

/* The bytes of `text`, at most 18 of them; why not, or NULL. Padding is taken where it belongs, and
 * need not be there. */
static const char *decode(struct arena *arena, const char *text, uint8_t *bytes, int *count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = strlen(text), at = 0;
    uint32_t bits = 0;
    int have = 0; /* digits of the unit of four */
    *count = 0;
    if (len == 1) return "Input byte[] should at least have 2 bytes for base64 bytes";
    for (; at < len && text[at] != '='; at++) {
        const char *digit = strchr(digits, text[at]);
        if (!digit)
            return arena_printf(arena, "Illegal base64 character %x", (unsigned char)text[at]).data;
        bits = bits << 6 | (uint32_t)(digit - digits);
        if (++have < 4) continue;
        for (int shift = 16; shift >= 0; shift -= 8) bytes[(*count)++] = (uint8_t)(bits >> shift);
        have = 0;
    }
    if (at < len) {
        at++;
        if (have == 0 || (have == 2 && text[at++] != '='))
            return "Input byte array has wrong 4-byte ending unit";
    }
    if (have == 1) return "Last unit does not have enough valid bits";
    if (have >= 2) bytes[(*count)++] = (uint8_t)(bits >> (have == 2 ? 4 : 10));
    if (have == 3) bytes[(*count)++] = (uint8_t)(bits >> 2);
    if (at < len)
        return arena_printf(arena, "Input byte array has incorrect ending byte at %zu", at).data;
    return NULL;
}

const char *uuid_argument(struct arena *arena, const char *text, struct uuid *out)
{
    uint8_t bytes[TEXT_MAX / 4 * 3];
    int count;
    if (strlen(text) > TEXT_MAX)
        return arena_printf(arena,
                            "Input string with prefix `%.24s` is too long to be decoded as a "
                            "base64 UUID",
                            text)
            .data;
    const char *why = decode(arena, text, bytes, &count);
    if (why) return why;
    if (count != (int)sizeof out->bytes)
        return arena_printf(arena,
                            "Input string `%s` decoded as %d bytes, which is not equal to the "
                            "expected 16 bytes of a base64-encoded UUID",
                            text, count)
            .data;
    memcpy(out->bytes, bytes, sizeof out->bytes);
    return NULL;
}
