/* Java's properties syntax (java.util.Properties.load).
 *
 *   natural line   ends with \n, \r or \r\n
 *   logical line   natural lines joined where one ends with an odd number of backslashes; white
 *                  space at the start of the next is dropped; blank and comment lines never join
 *   key            up to the first unescaped `=`, `:` or white space
 *   separator      white space, at most one `=` or `:`, white space
 *   value          the rest, trailing white space included
 *   escapes        \t \n \r \f \uXXXX; before anything else the backslash is dropped */
#include "config/properties.h"

#include "base/mem.h"

struct reader {
    const char *at, *end;
    int32_t line; /* of `at` */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool is_newline(char c)
{
    return c == '\n' || c == '\r';
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && is_space(*r->at)) r->at++;
}

static void skip_newline(struct reader *r)
{
    if (r->at < r->end) {
        if (*r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n') r->at++;
        r->at++;
        r->line++;
    }
}

/* Collect one logical line in `text`, escapes untouched, continuations removed. False at the end of
 * input. */
static bool logical_line(struct reader *r, char *text, struct str *out, int32_t *line)
{
    for (;;) {
        skip_space(r);
        if (r->at == r->end) return false;
        if (is_newline(*r->at)) {
            skip_newline(r);
            continue;
        }
        if (*r->at != '#' && *r->at != '!') break;
        while (r->at < r->end && !is_newline(*r->at)) r->at++;
    }
    *line = r->line;
    int32_t len = 0;
    while (r->at < r->end && !is_newline(*r->at)) {
        if (*r->at == '\\') {
            if (r->at + 1 == r->end) {
                r->at++;
                break;
            }
            if (is_newline(r->at[1])) {
                r->at++;
                skip_newline(r);
                skip_space(r);
                continue;
            }
            text[len++] = *r->at++;
        }
        text[len++] = *r->at++;
    }
    skip_newline(r);
    text[len] = 0;
    *out = (struct str){text, len};
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static int32_t put_utf8(char *to, int code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xC0 | (code >> 6));
        to[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    to[0] = (char)(0xE0 | (code >> 12));
    to[1] = (char)(0x80 | ((code >> 6) & 0x3F));
    to[2] = (char)(0x80 | (code & 0x3F));
    return 3;
}

/* Resolve escapes of text[from, to). Never longer than its source. */
static enum err unescape(struct str text, int32_t from, int32_t to, struct arena *arena,
                         struct str *out)
{
    char *z = arena_alloc(arena, (size_t)(to - from) + 1);
    int32_t len = 0;
    for (int32_t i = from; i < to; i++) {
        char c = text.data[i];
        if (c != '\\' || i + 1 == to) {
            if (c != '\\') z[len++] = c;
            continue;
        }
        c = text.data[++i];
        if (c == 'u') {
            if (to - i < 5) return ERR_INVALID;
            int code = 0;
            for (int k = 1; k <= 4; k++) {
                int digit = hex_digit(text.data[i + k]);
                if (digit < 0) return ERR_INVALID;
                code = code * 16 + digit;
            }
            i += 4;
            len += put_utf8(z + len, code);
            continue;
        }
        z[len++] = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
    }
    z[len] = 0;
    *out = (struct str){z, len};
    return ERR_OK;
}

static void add(struct properties *p, struct arena *arena, struct property item)
{
    if (p->count == p->capacity) {
        int32_t capacity = p->capacity ? p->capacity * 2 : 64;
        struct property *items = ARENA_ARRAY(arena, struct property, capacity);
        if (p->count) memcpy(items, p->items, (size_t)p->count * sizeof *items);
        p->items = items;
        p->capacity = capacity;
    }
    p->items[p->count++] = item;
}

enum err properties_parse(struct str text, struct arena *arena, struct properties *out,
                          int32_t *bad_line)
{
    *out = (struct properties){0};
    struct reader r = {text.data, text.data + (text.len > 0 ? text.len : 0), 1};
    char *room = arena_alloc(arena, (size_t)(r.end - r.at) + 1); /* for any line of it */
    struct str line;
    int32_t number;
    while (logical_line(&r, room, &line, &number)) {
        int32_t key_end = 0;
        while (key_end < line.len && line.data[key_end] != '=' && line.data[key_end] != ':' &&
               !is_space(line.data[key_end]))
            key_end += line.data[key_end] == '\\' && key_end + 1 < line.len ? 2 : 1;
        int32_t value = key_end;
        while (value < line.len && is_space(line.data[value])) value++;
        if (value < line.len && (line.data[value] == '=' || line.data[value] == ':')) value++;
        while (value < line.len && is_space(line.data[value])) value++;
        struct property item = {.line = number};
        if (unescape(line, 0, key_end, arena, &item.key) ||
            unescape(line, value, line.len, arena, &item.value)) {
            *bad_line = number;
            return ERR_INVALID;
        }
        add(out, arena, item);
    }
    return ERR_OK;
}

void properties_add(struct properties *p, struct arena *arena, struct str key, struct str value)
{
    add(p, arena, (struct property){key, value, 0});
}

struct str properties_get(const struct properties *p, const char *key)
{
    for (int32_t i = p->count - 1; i >= 0; i--)
        if (str_equal_z(p->items[i].key, key)) return p->items[i].value;
    return STR_NULL;
}

struct str properties_escape(struct arena *arena, struct str text, bool is_key)
{
    char *z = arena_alloc(arena, (size_t)text.len * 2 + 1);
    int32_t len = 0;
    for (int32_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool space = c == ' ' && (is_key || i == 0);
        if (space || (c && strchr("\\=:#!", c))) z[len++] = '\\';
        if (c == '\t' || c == '\n' || c == '\r' || c == '\f') {
            z[len++] = '\\';
            c = c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : 'f';
        }
        z[len++] = c;
    }
    z[len] = 0;
    return (struct str){z, len};
}
