// Keeps the first row for each value of a text column, and none whose value the second input has.
#include <callboard.h>

typedef struct Config {
    const char *column;
} Config;

enum { VALUE }; // what is read, in the order of `cb_reads`

static cb_status declare(const Config *config, cb_shape *shape) {
    for (size_t i = 0; i < shape->n_inputs; i++) cb_reads_of(shape, i, config->column, CB_UTF8, "/column");
    return CB_OK;
}

static cb_status run(const Config *config, cb_input *const *inputs, size_t n_inputs, cb_out *out) {
    cb_map *known = cb_map_new(), *seen = cb_map_new();
    const cb_row *row;
    while (n_inputs > 1 && (row = cb_next(inputs[1]))) cb_map_add(known, cb_text(row, VALUE), 0, NULL);

    while ((row = cb_next(inputs[0]))) {
        cb_str value = cb_text(row, VALUE);
        bool is_new;
        cb_map_add(seen, value, 0, &is_new);
        if (cb_map_find(known, value)) {
            cb_drop_row(out, row->number, "known");
        } else if (is_new) {
            cb_keep_row(out, row->number);
        } else {
            cb_drop_row(out, row->number, "duplicate");
        }
    }
    cb_map_free(known), cb_map_free(seen);
    return CB_OK;
}

CB_GLOBAL(Config, .name = "first-of-each", .version = "0.1.0",
    .summary = "Keeps the first row for each value of a text column",
    .fields = CB_FIELDS(CB_TEXT(Config, column, "source", "The column of text whose values are compared")),
    .declare = declare, .run = run);
