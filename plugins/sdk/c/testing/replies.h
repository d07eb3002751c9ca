// Replies that are played, in place of a host that sends requests. Included behind rows.h.

// Requests and their replies, as lines of JSON. They stay while the program lives.
static cb__arena played_memory;
static struct played {
    const cb__json *line;
    struct played *next;
} *played_lines;

void cb_test_replies(const char *lines) {
    cb__reset(&played_memory), played_lines = NULL;
    struct played **end = &played_lines;
    for (const char *line = lines; *line;) {
        const char *stop = strchr(line, '\n');
        if (!stop) stop = line + strlen(line);
        if (stop > line) {
            char *text = cb__copy(&played_memory, line, (size_t)(stop - line));
            cb_str problem;
            const cb__json *json = cb__json_read(&played_memory, (cb_str){text, (size_t)(stop - line)}, &problem);
            if (!json) {
                fprintf(stderr, "a line of replies is no JSON: %s\n", text);
                exit(2);
            }
            *end = cb__alloc(&played_memory, sizeof **end);
            **end = (struct played){json, NULL}, end = &(*end)->next;
        }
        line = *stop ? stop + 1 : stop;
    }
}

static bool same_json(const cb__json *a, const cb__json *b) {
    if (!a || !b || a->kind != b->kind || a->len != b->len) return !a && !b;
    switch (a->kind) {
    case CB__JSON_NULL: return true;
    case CB__JSON_BOOL: return a->boolean == b->boolean;
    case CB__JSON_NUMBER: return a->is_integer == b->is_integer && (a->is_integer ? a->integer == b->integer : a->number == b->number);
    case CB__JSON_TEXT: return cb_str_eq(a->text, b->text);
    default: break;
    }
    const cb__json *other = b->first;
    for (const cb__json *member = a->first; member; member = member->next) {
        if (a->kind == CB__JSON_OBJECT) other = member_of(b, member->key);
        if (!same_json(member, other)) return false;
        if (a->kind == CB__JSON_LIST) other = other->next;
    }
    return true;
}

static bool is_body(const cb__json *body, cb_str asked) {
    if (!body || body->kind == CB__JSON_NULL) return asked.len == 0;
    if (body->kind == CB__JSON_TEXT) return cb_str_eq(body->text, asked);
    cb_str problem;
    const cb__json *json = cb__json_read(&cb__call, asked, &problem);
    return json && same_json(body, json);
}

static void append_json(cb__buffer *to, const cb__json *json) {
    switch (json->kind) {
    case CB__JSON_NULL: cb__append(to, "null"); return;
    case CB__JSON_BOOL: cb__append(to, json->boolean ? "true" : "false"); return;
    case CB__JSON_NUMBER:
        if (json->is_integer) cb__append(to, "%" PRId64, json->integer);
        else cb__json_number(to, json->number);
        return;
    case CB__JSON_TEXT: cb__json_quote(to, json->text.ptr, json->text.len); return;
    default: break;
    }
    bool is_object = json->kind == CB__JSON_OBJECT;
    cb__append(to, is_object ? "{" : "[");
    for (const cb__json *member = json->first; member; member = member->next) {
        if (member != json->first) cb__append(to, ",");
        if (is_object) cb__json_quote(to, member->key.ptr, member->key.len), cb__append(to, ":");
        append_json(to, member);
    }
    cb__append(to, is_object ? "}" : "]");
}

static void play(const cb_request *request, cb_reply *reply) {
    for (const struct played *at = played_lines; at; at = at->next) {
        const cb__json *line = at->line, *attempt = member_of(line, cb_str_of("attempt"));
        const cb__json *method = member_of(line, cb_str_of("method")), *url = member_of(line, cb_str_of("url"));
        if (!method || !url || !cb_str_eq(method->text, request->method) || !cb_str_eq(url->text, request->url)) continue;
        if ((attempt ? attempt->integer : 0) != request->attempt || !is_body(member_of(line, cb_str_of("body")), request->body)) continue;
        const cb__json *said = member_of(line, cb_str_of("reply")), *body = member_of(said, cb_str_of("body"));
        const cb__json *status = member_of(said, cb_str_of("status"));
        *reply = (cb_reply){.status = (uint16_t)(status ? status->integer : 0)};
        if (body && body->kind == CB__JSON_TEXT) reply->body = body->text;
        if (!body || body->kind == CB__JSON_TEXT || body->kind == CB__JSON_NULL) return;
        cb__buffer text = {0};
        append_json(&text, body);
        reply->body = (cb_str){cb__copy(&cb__call, text.ptr, text.len), text.len};
        cb__buffer_free(&text);
        return;
    }
    cb_str message = cb_textf("no reply is recorded for this request: " CB_FMT " " CB_FMT " " CB_FMT, CB_ARG(request->method),
                              CB_ARG(request->url), CB_ARG(request->body));
    *reply = (cb_reply){.problem = CB_REFUSED, .message = message};
}

void cb__host_send(const cb_request *requests, size_t n, cb_reply *replies) {
    for (size_t i = 0; i < n; i++) play(&requests[i], &replies[i]);
}

void cb__host_try_again(void) {}

// What the bindings would call.
void __wasm_import_callboard_step_http_send(uint8_t *requests, size_t n, uint8_t *ret) { (void)requests, (void)n, (void)ret, abort(); }
void __wasm_import_callboard_step_http_try_again(void) { abort(); }
