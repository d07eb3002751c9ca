// Requests: their replies played, and what is no reply to work with.
#include "../callboard.h"
#include "callboard_test.h"

typedef struct Config {
    const char *url;
} Config;

enum { TEXT };
enum { SAID };

static cb_status declare(const Config *config, cb_shape *shape) {
    (void)config;
    cb_reads(shape, "text", CB_UTF8, NULL);
    cb_writes(shape, "said", CB_UTF8);
    return CB_OK;
}

static cb_status process(const Config *config, const cb_batch *batch, cb_out *out) {
    const cb_array *texts = cb_column(batch, TEXT);
    cb_request *requests = cb_alloc(batch->rows * sizeof *requests);
    for (uint32_t i = 0; i < batch->rows; i++) {
        cb_str quoted = cb_json_quoted(cb_text_at(texts, i));
        requests[i] = cb_post_request(config->url, cb_textf("{\"text\":" CB_FMT "}", CB_ARG(quoted)));
    }
    const cb_reply *replies = cb_send_all(requests, batch->rows);
    for (uint32_t i = 0; i < batch->rows; i++) {
        if (replies[i].problem == CB_REPLIED) {
            cb_str said = cb_json_text(replies[i].body, "/choices/1/said");
            if (cb_json_number(replies[i].body, "/tokens", -1) != 7) return cb_fail("no number");
            if (cb_json_number(replies[i].body, "/choices", -1) != -1 || cb_json_text(replies[i].body, "/choices/x").ptr) return cb_fail("too lenient");
            cb_put_text(out, SAID, said);
        } else if (replies[i].passing) {
            cb_postpone_row(out, i, CB_FMT, CB_ARG(replies[i].message));
        } else {
            cb_reject_row(out, i, CB_FMT, CB_ARG(replies[i].message));
        }
    }
    return CB_OK;
}

CB_TRANSFORM(Config, .name = "ask", .version = "0.1.0", .summary = "Asks", .fields = CB_FIELDS(CB_TEXT(Config, url, "http://s/", "URL")),
    .declare = declare, .columns = process);

#define LINE(text, reply) "{\"method\":\"POST\",\"url\":\"http://s/\",\"body\":{\"text\":\"" text "\"},\"reply\":" reply "}\n"

int main(void) {
    cb_test_replies(
        LINE("a \\\" é", "{\"status\":200,\"body\":{\"choices\":[{\"said\":\"-\"},{\"said\":\"A\"}],\"tokens\":7}}")
        LINE("b", "{\"status\":503,\"body\":\"down \\n for now\"}")
        LINE("c", "{\"status\":400,\"body\":\"no\"}"));
    cb_expect(cb_test_transform("{}", "{\"text\":\"a \\\" é\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n{\"text\":\"d\"}\n"),
              "{\"text\":\"a \\\" é\",\"said\":\"A\"}\n"
              "rejected 1: the server replied 503: down for now\n"
              "rejected 2: the server replied 400: no\n"
              "rejected 3: no reply is recorded for this request: POST http://s/ {\"text\":\"d\"}\n");
    cb_test_replies("");
    return cb_test_ended();
}
