#include "cli/scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

enum { ITERATIONS_MIN = 4096, ITERATIONS_MAX = 16384, SALT_BYTES = 26 };

static struct bytes decode_base64(const char *text, struct arena *arena)
{
    size_t len = strlen(text);
    uint8_t *out = arena_alloc(arena, len + 3);
    int got = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
    while (got > 0 && len > 0 && text[len - 1] == '=') got--, len--;
    return got < 0 ? BYTES_NULL : bytes_of(out, (size_t)got);
}

static struct bytes hmac(const EVP_MD *md, struct bytes key, const char *text, struct arena *arena)
{
    uint8_t *out = arena_alloc(arena, EVP_MAX_MD_SIZE);
    unsigned len = 0;
    HMAC(md, key.data, (int)key.len, (const unsigned char *)text, strlen(text), out, &len);
    return bytes_of(out, len);
}

struct fields {
    const char *name, *password, *salt, *salted_password, *iterations;
};

/* Split "a=b,c=d" in place; values may be quoted. */
static enum err parse_fields(char *text, struct fields *f, struct config_error *error)
{
    static const char *const names[] = {"name", "password", "salt", "saltedpassword", "iterations"};
    const char **const to[] = {&f->name, &f->password, &f->salt, &f->salted_password,
                               &f->iterations};
    for (char *save = NULL, *item = strtok_r(text, ",", &save); item;
         item = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(item, '=');
        if (!equals)
            return config_error_set(error, "Expected to find a pair of the form key=value in %s",
                                    item);
        *equals++ = 0;
        size_t len = strlen(equals);
        if (len >= 2 && equals[0] == '"' && equals[len - 1] == '"') {
            equals[len - 1] = 0;
            equals++;
        }
        int found = -1;
        for (int i = 0; i < 5; i++)
            if (strcmp(names[i], item) == 0) found = i;
        if (found < 0) return config_error_set(error, "Unknown scram configurations: %s", item);
        *to[found] = equals;
    }
    if (!f->name) return config_error_set(error, "You must supply 'name' to add-scram");
    if (!f->password == !f->salted_password)
        return config_error_set(error, "You must supply one of 'password' or 'saltedpassword' to "
                                       "add-scram");
    if (f->salted_password && !f->salt)
        return config_error_set(error, "You must supply 'salt' with 'saltedpassword' to add-scram");
    return ERR_OK;
}

enum err scram_parse(const char *text, struct rng *rng, struct arena *arena,
                     struct user_scram_credential_record *out, struct config_error *error)
{
    char *copy = (char *)arena_printf(arena, "%s", text).data;
    char *open = strchr(copy, '['), *close = strrchr(copy, ']');
    if (!open || !close || open == copy || open[-1] != '=')
        return config_error_set(error, "Failed to find equals sign in SCRAM argument '%s'", text);
    open[-1] = 0;
    *close = 0;
    int8_t mechanism = strcmp(copy, "SCRAM-SHA-256") == 0   ? 1
                       : strcmp(copy, "SCRAM-SHA-512") == 0 ? 2
                                                            : 0;
    if (!mechanism)
        return config_error_set(error, "The add-scram mechanism %s is not supported", copy);
    struct fields f = {0};
    enum err e = parse_fields(open + 1, &f, error);
    if (e) return e;
    int iterations = f.iterations ? atoi(f.iterations) : ITERATIONS_MIN;
    if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX)
        return config_error_set(error, "The 'iterations' value must be %s %d for add-scram",
                                iterations < ITERATIONS_MIN ? ">=" : "<=",
                                iterations < ITERATIONS_MIN ? ITERATIONS_MIN : ITERATIONS_MAX);
    struct bytes salt;
    if (f.salt)
        salt = decode_base64(f.salt, arena);
    else {
        uint8_t *random = arena_alloc(arena, SALT_BYTES);
        rng_fill(rng, random, SALT_BYTES);
        salt = bytes_of(random, SALT_BYTES);
    }
    const EVP_MD *md = mechanism == 1 ? EVP_sha256() : EVP_sha512();
    struct bytes salted;
    if (f.salted_password)
        salted = decode_base64(f.salted_password, arena);
    else {
        uint8_t *key = arena_alloc(arena, EVP_MAX_MD_SIZE);
        int len = EVP_MD_size(md);
        PKCS5_PBKDF2_HMAC(f.password, (int)strlen(f.password), salt.data, (int)salt.len, iterations,
                          md, len, key);
        salted = bytes_of(key, (size_t)len);
    }
    if (salt.len < 0 || salted.len < 0)
        return config_error_set(error, "salt and saltedpassword must be base64");
    struct bytes client = hmac(md, salted, "Client Key", arena);
    uint8_t *stored = arena_alloc(arena, EVP_MAX_MD_SIZE);
    unsigned stored_len = 0;
    EVP_Digest(client.data, (size_t)client.len, stored, &stored_len, md, NULL);
    *out = (struct user_scram_credential_record){
        .name = str_of(f.name),
        .mechanism = mechanism,
        .salt = salt,
        .stored_key = bytes_of(stored, stored_len),
        .server_key = hmac(md, salted, "Server Key", arena),
        .iterations = iterations,
    };
    return ERR_OK;
}
