// Keeps the first row for each value of a text column, and none whose value the second input has.
#include <callboard.h>

typedef struct Config {
    const char *column;
} Config;

static cb_status declare(const Config *config, cb_shape *shape) {
    for (size_t i = 0; i < shape->n_inputs; i++) cb_reads_of(shape, i, config->column, CB_UTF8, "/column");
    cb_by_key(shape, config->column); // the host brings the rows of each value together
    return CB_OK;
}

static cb_status run(const Config *config, cb_input *const *inputs, size_t n_inputs, cb_out *out) {
    const cb_group *known = n_inputs > 1 ? cb_next_group(inputs[1]) : NULL, *group;
    while ((group = cb_next_group(inputs[0]))) {
        // The groups of both inputs come in the order of their numbers.
        while (known && known->number < group->number) known = cb_next_group(inputs[1]);
        const char *reason = known && known->number == group->number ? "known" : NULL;
        const cb_row *row;
        while ((row = cb_next_of(group))) {
            if (reason) cb_drop_row(out, row->number, "%s", reason);
            else cb_keep_row(out, row->number), reason = "duplicate";
        }
    }
    return CB_OK;
}

CB_GLOBAL(Config, .name = "first-of-each", .version = "0.1.0",
    .summary = "Keeps the first row for each value of a text column",
    .fields = CB_FIELDS(CB_TEXT(Config, column, "source", "The column of text whose values are compared")),
    .declare = declare, .run = run);
