// A global step: rows read again, in any order, by columns; rows kept with columns beside them, and rows of its own.
#include <callboard.h>
#include <callboard_test.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Config {
    int how;
} Config;

enum { SHARE, BACK, TOTAL, MIXED, FAIL, MANY };
static const char *const hows[] = {"share", "back", "total", "mixed", "fail", "many", NULL};

static cb_status declare(const Config *config, cb_shape *shape) {
    cb_reads(shape, "n", CB_INT64, NULL);
    if (config->how == TOTAL) cb_drops(shape, "n");
    cb_writes(shape, config->how == TOTAL ? "total" : "share", CB_FLOAT64);
    return CB_OK;
}

static cb_status run(const Config *config, cb_input *const *inputs, size_t n_inputs, cb_out *out) {
    cb_input *rows = inputs[0];
    double total = 0;
    const cb_batch *batch;
    while ((batch = cb_next_batch(rows))) {
        for (uint32_t i = 0; i < batch->rows; i++) total += (double)cb_int64s(cb_column(batch, 0))[i];
    }
    const cb_row *row;
    switch (config->how) {
    case SHARE:
        cb_seek(rows, 0);
        while ((row = cb_next(rows))) cb_put_float(out, 0, (double)cb_int(row, 0) / total), cb_keep_row(out, row->number);
        return CB_OK;
    case BACK:
        for (uint64_t i = cb_count_rows(rows); i > 0; i--) {
            cb_seek(rows, i - 1);
            row = cb_next(rows);
            if (row->number != i - 1) return cb_fail("row %llu, and not %llu", (unsigned long long)row->number, (unsigned long long)i - 1);
            cb_put_float(out, 0, (double)cb_int(row, 0)), cb_keep_row(out, row->number);
        }
        cb_seek(rows, 1000);
        return cb_next(rows) ? CB_FAILED : CB_OK;
    case TOTAL: cb_put_float(out, 0, total); return cb_write(out);
    case MIXED: cb_put_float(out, 0, total), cb_keep_row(out, 0), cb_put_float(out, 0, total); return cb_write(out);
    case MANY: // more than are handed on at once
        for (int i = 0; i < 20000; i++) cb_put_float(out, 0, i), cb_keep_row(out, (uint64_t)i % 2);
        for (int i = 0; i < 20000; i++) cb_drop_row(out, 2, "again");
        return CB_OK;
    }
    return cb_fail("as asked");
}

CB_GLOBAL(Config, .name = "global", .fields = CB_FIELDS(CB_CHOICE(Config, how, "share", hows, NULL)), .declare = declare, .run = run);

static const char *with(const char *how) {
    char config[64];
    snprintf(config, sizeof config, "{\"how\":\"%s\"}", how);
    const char *rows = "{\"n\":1}\n{\"n\":2}\n{\"n\":5}\n";
    return cb_test_global(config, &rows, 1);
}

// A table that grew, against what it must know.
static void map(void) {
    cb_map *map = cb_map_new();
    for (unsigned i = 0; i < 10000; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "%u", i % 5000);
        bool is_new;
        uint64_t *value = cb_map_add(map, (cb_str){key, (size_t)len}, i, &is_new);
        if (is_new != (i < 5000) || *value != i % 5000) cb_expect("wrong", "right");
    }
    bool is_new;
    cb_map_add(map, (cb_str){NULL, 0}, 7, &is_new);
    cb_expect(is_new ? "new" : "known", "new");
    cb_expect(cb_map_find(map, cb_str_of("")) ? "known" : "new", "new"); // an empty text is no null
    cb_expect(cb_map_find(map, cb_str_of("4999")) && *cb_map_find(map, (cb_str){NULL, 0}) == 7 && cb_map_size(map) == 5001 ? "right" : "wrong", "right");
    cb_map_free(map);
}

int main(void) {
    cb_expect(with("share"), "{\"n\":1,\"share\":0.125}\n{\"n\":2,\"share\":0.25}\n{\"n\":5,\"share\":0.625}\n");
    cb_expect(with("back"), "{\"n\":5,\"share\":5}\n{\"n\":2,\"share\":2}\n{\"n\":1,\"share\":1}\n");
    cb_expect(with("total"), "{\"total\":8}\n");
    cb_expect(strstr(with("mixed"), "a step puts out") ? "refused" : "taken", "refused");
    cb_expect(strstr(with("fail"), "as asked") ? "asked" : "", "asked");
    const char *many = with("many");
    unsigned lines = 0;
    for (const char *at = many; *at; at++) lines += *at == '\n';
    cb_expect(lines == 40000 && strstr(many, "{\"n\":2,\"share\":19999}\ndropped 2: again") ? "all" : "not all", "all");
    map();
    return cb_test_ended();
}
