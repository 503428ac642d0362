#include "base/uuid.h"

static const char uuid_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct uuid_text uuid_text(struct uuid u)
{
    struct uuid_text t;
    uint32_t bits = 0;
    int have = 0, n = 0;
    for (int i = 0; i < 16; i++) {
        bits = (bits << 8) | u.bytes[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            t.z[n++] = uuid_alphabet[(bits >> have) & 63];
        }
    }
    t.z[n++] = uuid_alphabet[(bits << (6 - have)) & 63];
    t.z[n] = '\0';
    return t;
}

static int uuid_digit(char c)
{
    for (int i = 0; i < 64; i++)
        if (uuid_alphabet[i] == c) return i;
    return -1;
}

enum err uuid_parse(struct str text, struct uuid *out)
{
    if (text.len != UUID_TEXT_LEN) return ERR_INVALID;
    uint32_t bits = 0;
    int have = 0, n = 0;
    for (int i = 0; i < UUID_TEXT_LEN; i++) {
        int digit = uuid_digit(text.data[i]);
        if (digit < 0) return ERR_INVALID;
        bits = (bits << 6) | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out->bytes[n++] = (uint8_t)(bits >> have);
        }
    }
    return ERR_OK;
}
