// Reads every column and writes it anew: what comes out equals what went in, for every type of the contract.
#include <callboard.h>

typedef struct Config {
    int by;
} Config;

enum { ROWS, COLUMNS };

static cb_status declare(const Config *config, cb_shape *shape) {
    for (uint32_t i = 0; i < shape->inputs->n_columns; i++) {
        const cb_array *column = &shape->inputs->columns[i];
        const char *name = cb_textf(CB_FMT, CB_ARG(column->name)).ptr;
        cb_reads(shape, name, CB_ANY, NULL);
        cb_writes(shape, name, cb_type_of(column));
    }
    return CB_OK;
}

// Each value taken out and put in by the accessors of its type, down to the last item of a list.
static void copy(cb_builder *to, cb_value from) {
    if (cb_value_is_null(from)) {
        cb_push_null(to);
        return;
    }
    switch (from.array->layout) {
    case CB_LAYOUT_NULL: cb_push_null(to); break;
    case CB_LAYOUT_BOOLEAN: cb_push_bool(to, cb_value_bool(from)); break;
    case CB_LAYOUT_UINT64: cb_push_uint(to, cb_value_uint(from)); break;
    case CB_LAYOUT_FLOAT32:
    case CB_LAYOUT_FLOAT64: cb_push_float(to, cb_value_float(from)); break;
    case CB_LAYOUT_UTF8: cb_push_text(to, cb_value_text(from)); break;
    case CB_LAYOUT_BINARY:
    case CB_LAYOUT_FIXED: cb_push_bytes(to, cb_value_bytes(from)); break;
    case CB_LAYOUT_LIST:
    case CB_LAYOUT_VECTOR: {
        cb_list list = cb_value_items(from);
        for (uint32_t i = 0; i < list.len; i++) copy(cb_items_of(to), cb_item(list, i));
        cb_end(to);
        break;
    }
    case CB_LAYOUT_STRUCT:
        for (uint32_t i = 0; i < from.array->n_children; i++) {
            copy(cb_member_of(to, i), (cb_value){&from.array->children[i], from.index});
        }
        cb_end(to);
        break;
    default: cb_push_int(to, cb_value_int(from));
    }
}

static cb_status columns(const Config *config, const cb_batch *batch, cb_out *out) {
    for (uint32_t i = 0; config->by == COLUMNS && i < batch->n_columns; i++) cb_put_array(out, i, cb_column(batch, i));
    if (config->by == COLUMNS) return CB_OK;
    for (cb_row row = {batch, 0, 0}; row.index < batch->rows; row.index++) {
        for (uint32_t i = 0; i < batch->n_columns; i++) copy(cb_build(out, i), cb_get(&row, i));
    }
    return CB_OK;
}

CB_TRANSFORM(Config, .name = "mirror", .version = "0.1.0", .summary = "Writes every column anew",
    .fields = CB_FIELDS(CB_CHOICE(Config, by, "rows", CB_CHOICES("rows", "columns"), "How the values are copied")),
    .declare = declare, .columns = columns);
