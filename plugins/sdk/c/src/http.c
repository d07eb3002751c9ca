// Requests that the host sends, and the little of JSON that their bodies need.

#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

cb_request cb_get_request(const char *url) { return (cb_request){.method = cb_str_of("GET"), .url = cb_str_of(url)}; }

cb_request cb_post_request(const char *url, cb_str json) {
    static const cb_header is_json = {{"content-type", 12}, {"application/json", 16}};
    return (cb_request){.method = cb_str_of("POST"), .url = cb_str_of(url), .headers = &is_json, .n_headers = 1, .body = json};
}

enum { SHOWN = 300 };

// The beginning of a body, in one line.
static cb_str shown(cb_str body) {
    size_t len = body.len < SHOWN ? body.len : SHOWN;
    char *line = cb__copy(&cb__call, body.ptr ? body.ptr : "", len);
    cb__mend(line, len);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        bool is_space = line[i] == ' ' || (line[i] >= '\t' && line[i] <= '\r');
        if (!is_space || (n > 0 && line[n - 1] != ' ')) line[n++] = is_space ? ' ' : line[i];
    }
    while (n > 0 && line[n - 1] == ' ') n--;
    return cb_textf(CB_FMT "%s", (int)n, line, body.len > SHOWN ? "…" : "");
}

static void judge(cb_reply *reply) {
    if (reply->problem != CB_REPLIED) {
        reply->passing = reply->problem == CB_UNREACHABLE || reply->problem == CB_TIMEOUT;
        return;
    }
    if (reply->status >= 200 && reply->status < 300) return;
    reply->problem = CB_STATUS;
    reply->passing = reply->status == 408 || reply->status == 429 || reply->status >= 500;
    cb_str body = shown(reply->body);
    reply->message = cb_textf("the server replied %u: " CB_FMT, (unsigned)reply->status, CB_ARG(body));
}

const cb_reply *cb_send_all(const cb_request *requests, size_t n) {
    cb_reply *replies = cb_alloc((n + 1) * sizeof *replies);
    if (n) cb__host_send(requests, n, replies);
    for (size_t i = 0; i < n; i++) judge(&replies[i]);
    return replies;
}

cb_reply cb_send(cb_request request) { return *cb_send_all(&request, 1); }

void cb_try_again(void) { cb__host_try_again(); }

cb_str cb_json_quoted(cb_str text) {
    cb__buffer buffer = {0};
    char *mended = cb__copy(&cb__call, text.ptr ? text.ptr : "", text.len);
    cb__mend(mended, text.len);
    cb__json_quote(&buffer, mended, text.len);
    cb_str quoted = {cb__copy(&cb__call, buffer.ptr, buffer.len), buffer.len};
    cb__buffer_free(&buffer);
    return quoted;
}

// The value at a pointer such as "/choices/0/message/content"; NULL where there is none.
static const cb__json *json_at(cb_str json, const char *pointer) {
    cb_str problem;
    const cb__json *at = cb__json_read(&cb__call, json, &problem);
    while (at && *pointer == '/') {
        const char *part = ++pointer;
        while (*pointer && *pointer != '/') pointer++;
        cb_str name = {part, (size_t)(pointer - part)};
        const cb__json *member = at->first;
        if (at->kind == CB__JSON_LIST) {
            char *end;
            for (unsigned long i = strtoul(part, &end, 10); i > 0 && member; i--) member = member->next;
            if (end != pointer || end == part) return NULL;
        } else if (at->kind == CB__JSON_OBJECT) {
            while (member && !cb_str_eq(member->key, name)) member = member->next;
        } else {
            return NULL;
        }
        at = member;
    }
    return at;
}

cb_str cb_json_text(cb_str json, const char *pointer) {
    const cb__json *at = json_at(json, pointer);
    return at && at->kind == CB__JSON_TEXT ? at->text : (cb_str){0};
}

double cb_json_number(cb_str json, const char *pointer, double otherwise) {
    const cb__json *at = json_at(json, pointer);
    if (!at || at->kind != CB__JSON_NUMBER) return otherwise;
    return at->is_integer ? (double)at->integer : at->number;
}
