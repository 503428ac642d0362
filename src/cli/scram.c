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

static const EVP_MD *digest_of(int8_t mechanism)
{
    return mechanism == 1 ? EVP_sha256() : EVP_sha512();
}

static struct bytes random_salt(struct rng *rng, struct arena *arena)
{
    uint8_t *random = arena_alloc(arena, SALT_BYTES);
    rng_fill(rng, random, SALT_BYTES);
    return bytes_of(random, SALT_BYTES);
}

static struct bytes salted_password(const EVP_MD *md, const char *password, struct bytes salt,
                                    int iterations, struct arena *arena)
{
    uint8_t *key = arena_alloc(arena, EVP_MAX_MD_SIZE);
    int len = EVP_MD_size(md);
    PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt.data, (int)salt.len, iterations, md,
                      len, key);
    return bytes_of(key, (size_t)len);
}

void scram_salt_password(int8_t mechanism, const char *password, int32_t iterations,
                         struct rng *rng, struct arena *arena, struct bytes *salt,
                         struct bytes *salted)
{
    *salt = random_salt(rng, arena);
    *salted = salted_password(digest_of(mechanism), password, *salt, iterations, arena);
}

struct fields {
    const char *name, *password, *salt, *salted_password, *iterations;
};

/* Split "a=b,c=d" in place; values may be quoted. Unknown names are gathered in `unknown`. */
static enum err split_fields(char *text, struct fields *f, struct arena *arena, struct str *unknown,
                             struct config_error *error)
{
    static const char *const names[] = {"name", "password", "salt", "saltedpassword", "iterations"};
    const char **const to[] = {&f->name, &f->password, &f->salt, &f->salted_password,
                               &f->iterations};
    for (char *item = text, *rest; item; item = rest) {
        rest = strchr(item, ',');
        if (rest) *rest++ = 0;
        char *equals = strchr(item, '=');
        if (!equals)
            return config_error_set(error, "No equals sign found in SCRAM component: %s", item);
        *equals++ = 0;
        size_t len = strlen(equals);
        if (len >= 2 && equals[0] == '"' && equals[len - 1] == '"') {
            equals[len - 1] = 0;
            equals++;
        }
        int found = -1;
        for (int i = 0; i < 5; i++)
            if (strcmp(names[i], item) == 0) found = i;
        if (found < 0)
            *unknown =
                arena_printf(arena, "%.*s%s%s", STR_ARG(*unknown), unknown->len ? ", " : "", item);
        else
            *to[found] = equals;
    }
    return ERR_OK;
}

/* The same checks in the same order as Kafka's, so that of several mistakes the same is named. */
static enum err check_fields(const struct fields *f, struct str unknown, struct arena *arena,
                             struct config_error *error)
{
    char *end = NULL;
    if (!f->name) return config_error_set(error, "You must supply 'name' to add-scram");
    if (f->salt && decode_base64(f->salt, arena).len < 0)
        return config_error_set(error, "Failed to decode given salt: %s", f->salt);
    long iterations = f->iterations ? strtol(f->iterations, &end, 10) : 0;
    if (f->iterations && (end == f->iterations || *end || iterations != (int)iterations))
        return config_error_set(error, "Failed to parse iterations count: %s", f->iterations);
    if (!f->password && !f->salted_password)
        return config_error_set(error, "You must supply one of 'password' or 'saltedpassword' to "
                                       "add-scram");
    if (!f->password && !f->salt)
        return config_error_set(error, "You must supply 'salt' with 'saltedpassword' to add-scram");
    if (!f->password && decode_base64(f->salted_password, arena).len < 0)
        return config_error_set(error, "Failed to decode given saltedPassword: %s",
                                f->salted_password);
    if (unknown.len)
        return config_error_set(error, "Unknown SCRAM configurations: %.*s", STR_ARG(unknown));
    return ERR_OK;
}

enum err scram_parse(const char *text, struct rng *rng, struct arena *arena,
                     struct user_scram_credential_record *out, struct config_error *error)
{
    char *copy = (char *)arena_printf(arena, "%s", text).data, *open = strchr(copy, '=');
    if (!open)
        return config_error_set(error, "Failed to find equals sign in SCRAM argument '%s'", text);
    *open++ = 0;
    int8_t mechanism = strcmp(copy, "SCRAM-SHA-256") == 0   ? 1
                       : strcmp(copy, "SCRAM-SHA-512") == 0 ? 2
                                                            : 0;
    if (!mechanism)
        return config_error_set(error, "The add-scram mechanism %s is not supported.", copy);
    size_t len = strlen(open);
    if (open[0] != '[')
        return config_error_set(error, "Expected configuration string to start with [");
    if (len < 2 || open[len - 1] != ']')
        return config_error_set(error, "Expected configuration string to end with ]");
    open[len - 1] = 0;
    struct fields f = {0};
    struct str unknown = STR("");
    enum err e = split_fields(open + 1, &f, arena, &unknown, error);
    if (!e) e = check_fields(&f, unknown, arena, error);
    if (e) return e;
    int iterations = f.iterations ? atoi(f.iterations) : ITERATIONS_MIN;
    if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX)
        return config_error_set(error,
                                "The 'iterations' value must be %s %d for add-scram using "
                                "SCRAM_SHA_%s",
                                iterations < ITERATIONS_MIN ? ">=" : "<=",
                                iterations < ITERATIONS_MIN ? ITERATIONS_MIN : ITERATIONS_MAX,
                                mechanism == 1 ? "256" : "512");
    const EVP_MD *md = digest_of(mechanism);
    struct bytes salt = f.salt ? decode_base64(f.salt, arena) : random_salt(rng, arena);
    struct bytes salted = f.password ? salted_password(md, f.password, salt, iterations, arena)
                                     : decode_base64(f.salted_password, arena);
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
