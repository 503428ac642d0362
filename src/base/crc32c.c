#include "base/crc32c.h"

#include <isa-l/crc.h>

uint32_t crc32c_extend(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;
    crc = ~crc;
    while (len > 0) {
        /* isa-l takes an int and, though it only reads, a non-const pointer. */
        size_t part = len < (1u << 30) ? len : (1u << 30);
        crc = crc32_iscsi((unsigned char *)(uintptr_t)p, (int)part, crc);
        p += part;
        len -= part;
    }
    return ~crc;
}

uint32_t crc32c(const void *data, size_t len)
{
    return crc32c_extend(0, data, len);
}
