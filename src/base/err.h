/* Expected failures, as values.
 *
 * One list makes the enum, the names and the texts. Zero is success. What a client is told is a
 * different thing (enum kafka_error, generated); only broker/ and controller/ translate. */
#ifndef SAMSA_BASE_ERR_H
#define SAMSA_BASE_ERR_H

#define ERR_LIST(X)                                  \
    X(OK, "ok")                                      \
    X(AGAIN, "would block")                          \
    X(EOF, "end of input")                           \
    X(INVALID, "invalid input")                      \
    X(TRUNCATED, "input ends early")                 \
    X(TOO_LARGE, "larger than the bound")            \
    X(UNSUPPORTED, "version not supported")          \
    X(CORRUPT, "corrupt data")                       \
    X(CRC, "checksum mismatch")                      \
    X(NOT_FOUND, "not found")                        \
    X(EXISTS, "exists already")                      \
    X(IO, "input/output error")                      \
    X(NO_SPACE, "no space left on device")           \
    X(NO_DESCRIPTORS, "no file descriptors left")    \
    X(LOCKED, "locked by another process")           \
    X(PERMISSION, "permission denied")               \
    X(ADDRESS_IN_USE, "address is in use")           \
    X(REFUSED, "connection refused")                 \
    X(RESET, "connection reset")                     \
    X(CLOSED, "closed")                              \
    X(TIMEOUT, "timed out")                          \
    X(UNREACHABLE, "host is unreachable or unknown") \
    X(OFFLINE, "log directory is offline")           \
    X(OUT_OF_RANGE, "offset out of range")           \
    X(FENCED, "epoch is stale")                      \
    X(NOT_LEADER, "not the leader")

enum err {
#define X(name, text) ERR_##name,
    ERR_LIST(X)
#undef X
        ERR_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* The text of the list above. Static storage. */
const char *err_text(enum err e);

#endif
