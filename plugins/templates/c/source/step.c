// Makes rows with numbers that follow each other.
#include <callboard.h>

typedef struct Config {
    long long start, count;
} Config;

enum { N, TEXT }; // what is written, in the order of `cb_writes`

static cb_status declare(const Config *config, cb_shape *shape) {
    cb_writes(shape, "n", cb_not_null(CB_INT64));
    cb_writes(shape, "text", cb_not_null(CB_UTF8));
    return CB_OK;
}

// Row `number`, from 0. A run that is resumed begins in the middle.
static cb_status row(const Config *config, uint64_t number, cb_out *out) {
    if (number >= (uint64_t)config->count) return CB_END;
    long long n = config->start + (long long)number;
    cb_put_int(out, N, n);
    cb_put_textf(out, TEXT, "row %lld", n);
    return cb_keep(out);
}

CB_SOURCE(Config, .name = "sequence", .version = "0.1.0",
    .summary = "Makes rows with numbers that follow each other",
    .fields = CB_FIELDS(
        CB_INT(Config, start, 1, "The first number"),
        CB_INT(Config, count, 10, "How many rows there are", CB_AT_LEAST(0))),
    .declare = declare, .row = row);
