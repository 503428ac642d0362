/* CRC-32C (Castagnoli), as Kafka's record batches use it. */
#ifndef SAMSA_BASE_CRC32C_H
#define SAMSA_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Checksum of one range. */
uint32_t crc32c(const void *data, size_t len);

/* Continue a checksum over further bytes: crc32c_extend(crc32c(a), b) == crc32c(a ++ b). */
uint32_t crc32c_extend(uint32_t crc, const void *data, size_t len);

#endif
