// A transform by columns: pointers over the batch, and the ways to hand columns over.
#include <callboard.h>
#include <callboard_test.h>
#include <stdio.h>

typedef struct Config {
    int how;
} Config;

enum { FILL, REMOVE, CHOOSE, PASS, PUSH, WRONG, SHORT, KEEP, NOWHERE, LAYOUT };
static const char *const hows[] = {"fill", "remove", "choose", "pass", "push", "wrong", "short", "keep", "nowhere", "layout", NULL};

static cb_status declare(const Config *config, cb_shape *shape) {
    cb_reads(shape, "n", CB_INT64, NULL);
    cb_reads(shape, "t", CB_UTF8, NULL);
    if (config->how == PASS) cb_writes(shape, "same", cb_type_of(&shape->inputs->columns[1]));
    if (config->how != PASS) cb_writes(shape, "twice", CB_INT64);
    return CB_OK;
}

static cb_status columns(const Config *config, const cb_batch *batch, cb_out *out) {
    const cb_array *n = cb_column(batch, 0);
    const int64_t *numbers = cb_int64s(n);
    switch (config->how) {
    case FILL:
    case REMOVE: {
        int64_t *twice = cb_new_int64s(out, 0, batch->rows);
        for (uint32_t i = 0; i < batch->rows; i++) {
            if (config->how == REMOVE && cb_null_at(n, i)) {
                cb_reject_row(out, i, "null");
            } else if (config->how == REMOVE && cb_text_at(cb_column(batch, 1), i).len == 0) {
                cb_drop_row(out, i, "empty");
            } else {
                *twice++ = 2 * numbers[i];
            }
        }
        return CB_OK;
    }
    case CHOOSE: // the last row twice, then the first
        cb_keep_row(out, batch->rows - 1), cb_keep_row(out, batch->rows - 1), cb_keep_row(out, 0);
        for (int64_t i = 0; i < 3; i++) cb_put_int(out, 0, i);
        return CB_OK;
    case PASS: cb_put_array(out, 0, cb_column(batch, 1)); return CB_OK;
    case PUSH:
        for (uint32_t i = 0; i < batch->rows; i++) {
            if (cb_null_at(n, i)) cb_put_null(out, 0);
            else cb_put_int(out, 0, 2 * numbers[i]);
        }
        return CB_OK;
    case WRONG: cb_put_array(out, 0, cb_column(batch, 1)); return CB_OK;
    case SHORT: cb_put_int(out, 0, 1); return CB_OK;
    case KEEP: return cb_keep(out);
    case NOWHERE: return cb_drop_row(out, batch->rows, "behind the last");
    case LAYOUT: return cb_int32s(n) ? CB_FAILED : CB_OK;
    }
    return CB_OK;
}

CB_TRANSFORM(Config, .name = "columns", .fields = CB_FIELDS(CB_CHOICE(Config, how, "fill", hows, NULL)), .declare = declare, .columns = columns);

static const char *with(const char *how) {
    char config[64];
    snprintf(config, sizeof config, "{\"how\":\"%s\"}", how);
    return cb_test_transform(config, "{\"n\":1,\"t\":\"a\"}\n{\"n\":null,\"t\":null}\n{\"n\":3,\"t\":\"\"}\n{\"n\":4,\"t\":\"dd\"}\n");
}

static const char *placed(const char *error) {
    const char *file = strstr(error, "columns.c:"), *message = file ? strchr(file, ' ') : NULL;
    return message ? message + 1 : error;
}

int main(void) {
    cb_expect(with("remove"), "{\"n\":1,\"t\":\"a\",\"twice\":2}\n{\"n\":4,\"t\":\"dd\",\"twice\":8}\nrejected 1: null\ndropped 2: empty\n");
    cb_expect(with("choose"), "{\"n\":4,\"t\":\"dd\",\"twice\":0}\n{\"n\":4,\"t\":\"dd\",\"twice\":1}\n{\"n\":1,\"t\":\"a\",\"twice\":2}\n");
    cb_expect(with("pass"), "{\"n\":1,\"t\":\"a\",\"same\":\"a\"}\n{\"n\":null,\"t\":null,\"same\":null}\n{\"n\":3,\"t\":\"\",\"same\":\"\"}\n{\"n\":4,\"t\":\"dd\",\"same\":\"dd\"}\n");
    cb_expect(with("push"), "{\"n\":1,\"t\":\"a\",\"twice\":2}\n{\"n\":null,\"t\":null,\"twice\":null}\n{\"n\":3,\"t\":\"\",\"twice\":6}\n{\"n\":4,\"t\":\"dd\",\"twice\":8}\n");
    cb_expect(placed(with("wrong")), "`twice` is int64, and an array of text was put there");
    cb_expect(with("short"), "error failed: `twice` got 1 values, and 4 rows are put out");
    cb_expect(placed(with("keep")), "`cb_keep` is for steps by rows; here it is `cb_keep_row`");
    cb_expect(placed(with("nowhere")), "row 4 was named, and there are 4, from 0");
    cb_expect(placed(with("layout")), "`n` is int64, and was read as int32");
    return cb_test_ended();
}
