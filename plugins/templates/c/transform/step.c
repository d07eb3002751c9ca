// Counts the words of a text column, and leaves out rows with too few of them.
#include <callboard.h>

typedef struct Config {
    const char *column;
    long long min;
} Config;

enum { TEXT };    // what is read, in the order of `cb_reads`
enum { N_WORDS }; // what is written, in the order of `cb_writes`

static cb_status declare(const Config *config, cb_shape *shape) {
    cb_reads(shape, config->column, CB_UTF8, "/column");
    cb_writes(shape, "n_words", cb_not_null(CB_INT64));
    return CB_OK;
}

static long long count_words(cb_str text) {
    long long words = 0;
    bool in_word = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_space = c == ' ' || (c >= '\t' && c <= '\r');
        words += !is_space && !in_word;
        in_word = !is_space;
    }
    return words;
}

static cb_status row(const Config *config, const cb_row *row, cb_out *out) {
    if (cb_is_null(row, TEXT)) return cb_reject(out, "no text");
    long long words = count_words(cb_text(row, TEXT));
    if (words < config->min) return cb_drop(out, "%lld words, fewer than %lld", words, config->min);
    cb_put_int(out, N_WORDS, words);
    return cb_keep(out);
}

CB_TRANSFORM(Config, .name = "word-count", .version = "0.1.0",
    .summary = "Counts the words of a text column, and leaves out rows with too few of them",
    .fields = CB_FIELDS(
        CB_TEXT(Config, column, "text", "The column of text"),
        CB_INT(Config, min, 1, "Rows with fewer words are left out", CB_AT_LEAST(0))),
    .declare = declare, .row = row);
