// JSON, read strictly into a tree; and the little that is written.

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

enum { DEEPEST = 64 };

typedef struct reader {
    cb__arena *arena;
    const char *at, *start, *end;
    const char *problem; // the first
    const char *where;   // and where it is
} reader;

static void *wrong(reader *r, const char *problem) {
    if (!r->problem) r->problem = problem, r->where = r->at;
    return NULL;
}

static void space(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool take(reader *r, char c) {
    if (r->at == r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static bool word(reader *r, const char *word) {
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0) return false;
    r->at += len;
    return true;
}

static bool digits(reader *r) {
    const char *start = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
    return r->at > start;
}

static bool number(reader *r, cb__json *json) {
    const char *start = r->at;
    bool whole = true;
    take(r, '-');
    if (!take(r, '0') && !digits(r)) return wrong(r, "a value is expected"), false;
    if (take(r, '.')) {
        whole = false;
        if (!digits(r)) return wrong(r, "a digit is expected"), false;
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        whole = false;
        if (!take(r, '+')) take(r, '-');
        if (!digits(r)) return wrong(r, "a digit is expected"), false;
    }
    const char *text = cb__copy(r->arena, start, (size_t)(r->at - start));
    json->kind = CB__JSON_NUMBER;
    json->number = strtod(text, NULL);
    if (isinf(json->number)) return wrong(r, "the number is too large"), false;
    errno = 0;
    if (whole) {
        json->integer = strtoll(text, NULL, 10);
        json->is_integer = errno == 0;
    } else if (json->number == floor(json->number) && fabs(json->number) <= 9007199254740992.0) {
        json->integer = (int64_t)json->number;
        json->is_integer = true;
    }
    return true;
}

static bool hex4(reader *r, unsigned *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        char c = r->at < r->end ? *r->at : 0;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return wrong(r, "four hexadecimal digits are expected"), false;
        *unit = *unit << 4 | (unsigned)digit;
    }
    return true;
}

static char *utf8(char *to, unsigned c) {
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6), *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12), *to++ = (char)(0x80 | (c >> 6 & 0x3F)), *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18), *to++ = (char)(0x80 | (c >> 12 & 0x3F)), *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

static bool escape(reader *r, char **to) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at++ : 0;
    const char *plain = c ? strchr(from, c) : NULL;
    if (plain) return *(*to)++ = into[plain - from], true;
    if (c != 'u') return wrong(r, "this is no escape"), false;
    unsigned unit, low;
    if (!hex4(r, &unit)) return false;
    if (unit >= 0xDC00 && unit < 0xE000) return wrong(r, "half of a surrogate pair"), false;
    if (unit >= 0xD800 && unit < 0xDC00) {
        if (!word(r, "\\u") || !hex4(r, &low) || low < 0xDC00 || low >= 0xE000) return wrong(r, "half of a surrogate pair"), false;
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    *to = utf8(*to, unit);
    return true;
}

// Never longer than it is written.
static bool text(reader *r, cb_str *str) {
    if (!take(r, '"')) return wrong(r, "a text is expected"), false;
    const char *close = r->at;
    while (close < r->end && *close != '"') close += *close == '\\' && close + 1 < r->end ? 2 : 1;
    if (close == r->end) return wrong(r, "the text has no end"), false;
    char *start = cb__alloc(r->arena, (size_t)(close - r->at) + 1), *to = start;
    while (!take(r, '"')) {
        if ((unsigned char)*r->at < 0x20) return wrong(r, "a control character in a text"), false;
        if (take(r, '\\')) {
            if (!escape(r, &to)) return false;
        } else {
            *to++ = *r->at++;
        }
    }
    *str = (cb_str){start, (size_t)(to - start)};
    return true;
}

static cb__json *value(reader *r, int depth);

static bool members(reader *r, cb__json *json, char close, int depth) {
    cb__json **end = &json->first;
    space(r);
    if (take(r, close)) return true;
    do {
        cb_str key = {0};
        space(r);
        if (close == '}') {
            if (!text(r, &key)) return false;
            for (cb__json *other = json->first; other; other = other->next) {
                if (cb_str_eq(other->key, key)) return wrong(r, "a member is there twice"), false;
            }
            space(r);
            if (!take(r, ':')) return wrong(r, "`:` is expected"), false;
        }
        cb__json *member = value(r, depth + 1);
        if (!member) return false;
        member->key = key;
        *end = member, end = &member->next;
        json->len++;
        space(r);
    } while (take(r, ','));
    return take(r, close) ? true : (wrong(r, "`,` or the end is expected"), false);
}

static cb__json *value(reader *r, int depth) {
    if (depth > DEEPEST) return wrong(r, "too deep");
    space(r);
    cb__json *json = cb__alloc(r->arena, sizeof *json);
    if (word(r, "null")) return json;
    if (word(r, "true")) return json->kind = CB__JSON_BOOL, json->boolean = true, json;
    if (word(r, "false")) return json->kind = CB__JSON_BOOL, json;
    if (r->at < r->end && *r->at == '"') return json->kind = CB__JSON_TEXT, text(r, &json->text) ? json : NULL;
    if (take(r, '[')) return json->kind = CB__JSON_LIST, members(r, json, ']', depth) ? json : NULL;
    if (take(r, '{')) return json->kind = CB__JSON_OBJECT, members(r, json, '}', depth) ? json : NULL;
    return number(r, json) ? json : NULL;
}

const cb__json *cb__json_read(cb__arena *arena, cb_str text, cb_str *problem) {
    if (!text.len) text.ptr = "";
    reader r = {.arena = arena, .at = text.ptr, .start = text.ptr, .end = text.ptr + text.len};
    cb__json *json = value(&r, 0);
    space(&r);
    if (json && r.at < r.end) json = wrong(&r, "nothing more is expected");
    if (!json) *problem = cb_textf("%s at byte %zu", r.problem, (size_t)(r.where - r.start));
    return json;
}

const char *cb__json_kind_name(const cb__json *json) {
    static const char *const names[] = {"null", "a boolean", "a number", "a text", "a list", "an object"};
    return names[json->kind];
}

void cb__json_quote(cb__buffer *buffer, const char *text, size_t len) {
    cb__append(buffer, "\"");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            cb__append(buffer, "\\%c", c);
        } else if (c < 0x20) {
            cb__append(buffer, "\\u%04x", c);
        } else {
            *(char *)cb__extend(buffer, 1) = (char)c;
        }
    }
    cb__append(buffer, "\"");
}

// The shortest that is read as the same number.
void cb__json_number(cb__buffer *buffer, double number) {
    char text[32];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, number);
        if (strtod(text, NULL) == number) break;
    }
    cb__append(buffer, "%s", text);
}
