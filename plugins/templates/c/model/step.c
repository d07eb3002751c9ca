// Asks a model about the prompt of each row.
#include <callboard.h>

typedef struct Config {
    const char *url;
    const char *model;
    const char *column;
} Config;

enum { PROMPT }; // what is read, in the order of `cb_reads`
enum { REPLY };  // what is written, in the order of `cb_writes`

static cb_status declare(const Config *config, cb_shape *shape) {
    cb_reads(shape, config->column, CB_UTF8, "/column");
    cb_writes(shape, "reply", CB_UTF8);
    return CB_OK;
}

static cb_request request(const Config *config, cb_str prompt) {
    cb_str model = cb_json_quoted(cb_str_of(config->model)), content = cb_json_quoted(prompt);
    return cb_post_request(config->url, cb_textf("{\"model\":" CB_FMT ",\"messages\":[{\"role\":\"user\",\"content\":" CB_FMT
                                                 "}],\"max_tokens\":400}", CB_ARG(model), CB_ARG(content)));
}

static cb_status columns(const Config *config, const cb_batch *batch, cb_out *out) {
    const cb_array *prompts = cb_column(batch, PROMPT);
    cb_request *requests = cb_alloc(batch->rows * sizeof *requests);
    uint32_t *rows = cb_alloc(batch->rows * sizeof *rows), n = 0;
    for (uint32_t row = 0; row < batch->rows; row++) {
        cb_str prompt = cb_text_at(prompts, row);
        if (!prompt.ptr) {
            cb_reject_row(out, row, "no prompt");
        } else {
            rows[n] = row, requests[n++] = request(config, prompt);
        }
    }
    const cb_reply *replies = cb_send_all(requests, n);
    for (uint32_t i = 0; i < n; i++) {
        const cb_reply *reply = &replies[i];
        if (reply->problem == CB_REPLIED) cb_put_text(out, REPLY, cb_json_text(reply->body, "/choices/0/message/content"));
        else if (reply->passing) cb_postpone_row(out, rows[i], CB_FMT, CB_ARG(reply->message));
        else cb_reject_row(out, rows[i], CB_FMT, CB_ARG(reply->message));
    }
    return CB_OK;
}

CB_TRANSFORM(Config, .name = "ask-model", .version = "0.1.0", .summary = "Asks a model about the prompt of each row",
    .fields = CB_FIELDS(
        CB_TEXT(Config, url, "http://localhost:8080/v1/chat/completions", "Where the model is"),
        CB_TEXT(Config, model, "small", "Its name"),
        CB_TEXT(Config, column, "prompt", "The column of prompts")),
    .declare = declare, .columns = columns);
