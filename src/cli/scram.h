/* SCRAM credentials from the command line (RFC 5802): the password is turned into stored and server
 * key here and goes nowhere else. */
#ifndef SAMSA_CLI_SCRAM_H
#define SAMSA_CLI_SCRAM_H

#include "base/arena.h"
#include "config/value.h"
#include "env/rng.h"
#include "protocol/user_scram_credential_record.h"

/* "SCRAM-SHA-256=[name=alice,password=x]", with iterations, salt and saltedpassword optional.
 * Err: INVALID. */
enum err scram_parse(const char *text, struct rng *rng, struct arena *arena,
                     struct user_scram_credential_record *out,
                     struct config_error *error) MUST_CHECK;

/* A password with a new random salt. `mechanism` is 1 (SCRAM-SHA-256) or 2 (-512). */
void scram_salt_password(int8_t mechanism, const char *password, int32_t iterations,
                         struct rng *rng, struct arena *arena, struct bytes *salt,
                         struct bytes *salted);

#endif
