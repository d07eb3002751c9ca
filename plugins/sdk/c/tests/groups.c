// Rows brought together: by key, by each of many keys, in order; and what is misuse.
#include <callboard.h>
#include <callboard_test.h>
#include <stdio.h>
#include <string.h>

typedef struct Config {
    int how;
} Config;

enum { KEY, WRITTEN, PASSED, COLUMNS, EACH, ORDER, BOTH, NOTHING, NOWHERE, UNGROUPED, FAR, OTHERS };
static const char *const hows[] = {"key", "written", "passed", "columns", "each", "order", "both", "nothing", "nowhere", "ungrouped", "far", "others", NULL};
enum { KEY_OUT, ROWS, N_OTHERS };

static cb_status declare(const Config *config, cb_shape *shape) {
    cb_reads(shape, "k", CB_UTF8, NULL);
    cb_drops(shape, "k"), cb_drops(shape, "v"), cb_drops(shape, "tags");
    cb_writes(shape, "key", CB_UTF8);
    cb_writes(shape, "rows", cb_not_null(cb_list_of(CB_INT64)));
    cb_writes(shape, "others", cb_not_null(CB_INT64));
    if (config->how == UNGROUPED) return CB_OK;
    if (config->how == ORDER) return cb_in_order(shape, "v", CB_DESCENDING_NULLS_FIRST), cb_in_order(shape, "k", CB_ASCENDING), CB_OK;
    if (config->how == EACH || config->how == BOTH) cb_by_each(shape, "tags");
    if (config->how != EACH) cb_by_key(shape, config->how == NOTHING ? "nothing" : "k"), cb_by_key_of(shape, 1, "x");
    if (config->how != EACH) cb_in_order(shape, "v", CB_DESCENDING);
    if (config->how == WRITTEN) cb_as_written(shape);
    return CB_OK;
}

static void put_rows(const cb_input *input, uint64_t number, cb_out *out) {
    cb_push_int(cb_items_of(cb_build(out, ROWS)), (int64_t)cb_positions(input, number, 1)[0]);
}

static cb_status run(const Config *config, cb_input *const *inputs, size_t n_inputs, cb_out *out) {
    const cb_row *row;
    const cb_group *group;
    if (config->how == ORDER) {
        while ((row = cb_next(inputs[0]))) {
            cb_put_text(out, KEY_OUT, cb_text(row, 0)), put_rows(inputs[0], row->number, out), cb_end(cb_build(out, ROWS));
            cb_put_int(out, N_OTHERS, 0), cb_write(out);
        }
        return CB_OK;
    }
    if (config->how == NOWHERE) return cb_write(out);
    if (config->how == FAR) return cb_positions(inputs[0], 1, 100), CB_OK;
    const cb_group *other = n_inputs > 1 ? cb_next_group(inputs[1]) : NULL;
    if (config->how == COLUMNS) {
        const cb_batch *batch;
        while ((batch = cb_next_batch(inputs[0]))) {
            uint32_t rows = 0;
            for (uint32_t i = 0; i < batch->n_runs; rows += batch->runs[i++].rows) {
                if (i && batch->runs[i].group <= batch->runs[i - 1].group) return cb_fail("groups are not in order");
            }
            if (rows != batch->rows) return cb_fail("runs have %u rows of %u", rows, batch->rows);
        }
        cb_seek(inputs[0], 0); // then as ever
    }
    while ((group = cb_next_group(inputs[0]))) {
        while (other && other->number < group->number) other = cb_next_group(inputs[1]);
        int64_t n_others = 0;
        while (other && other->number == group->number && cb_next_of(other)) n_others++;
        row = cb_next_of(group);
        uint64_t first = row->number;
        cb_put_text(out, KEY_OUT, cb_text(row, 0));
        do put_rows(inputs[0], row->number, out);
        while (config->how != PASSED && (row = cb_next_of(group)));
        cb_end(cb_build(out, ROWS)), cb_put_int(out, N_OTHERS, n_others);
        cb_write_at(out, first);
    }
    return CB_OK;
}

CB_GLOBAL(Config, .name = "groups", .fields = CB_FIELDS(CB_CHOICE(Config, how, "key", hows, NULL)), .declare = declare, .run = run);

static const char *with(const char *how, const char *rows, const char *others) {
    char config[64];
    snprintf(config, sizeof config, "{\"how\":\"%s\"}", how);
    return cb_test_global(config, (const char *[]){rows, others}, others ? 2 : 1);
}

#define ROW(k, v, tags) "{\"k\":" k ",\"v\":" v ",\"tags\":" tags "}\n"

int main(void) {
    const char *rows = ROW("\"a\"", "0.5", "null") ROW("\"b\"", "1.5", "null") ROW("null", "2.5", "null") ROW("\"a\"", "3.5", "null")
        ROW("\"b\"", "4.5", "null") ROW("null", "5.5", "null") ROW("\"a\"", "6.5", "null");
#define A "{\"key\":\"a\",\"rows\":[6,3,0],\"others\":0}\n"
#define B "{\"key\":\"b\",\"rows\":[4,1],\"others\":0}\n"
#define N "{\"key\":null,\"rows\":[5,2],\"others\":0}\n"
    cb_expect(with("key", rows, NULL), B N A);
    cb_expect(with("columns", rows, NULL), B N A);
    cb_expect(with("written", rows, NULL), A B N);
    cb_expect(with("passed", rows, NULL), "{\"key\":\"b\",\"rows\":[4],\"others\":0}\n{\"key\":null,\"rows\":[5],\"others\":0}\n"
                                          "{\"key\":\"a\",\"rows\":[6],\"others\":0}\n");
    cb_expect(with("others", rows, "{\"x\":\"b\"}\n{\"x\":\"c\"}\n{\"x\":\"b\"}\n"), "{\"key\":\"b\",\"rows\":[4,1],\"others\":2}\n" N A);
    cb_expect(with("each", ROW("\"0\"", "0", "[\"x\",\"y\",\"x\"]") ROW("\"1\"", "0", "null") ROW("\"2\"", "0", "[\"y\"]") ROW("\"3\"", "0", "[]")
                               ROW("\"4\"", "0", "[\"z\",\"y\"]"), NULL),
              "{\"key\":\"0\",\"rows\":[0],\"others\":0}\n{\"key\":\"0\",\"rows\":[0,2,4],\"others\":0}\n{\"key\":\"4\",\"rows\":[4],\"others\":0}\n");
    cb_expect(with("order", ROW("\"a\"", "1.5", "null") ROW("\"b\"", "null", "null") ROW("\"c\"", "-0.0", "null") ROW("\"b\"", "0.0", "null")
                                ROW("\"A\"", "null", "null"), NULL),
              "{\"key\":\"A\",\"rows\":[4],\"others\":0}\n{\"key\":\"b\",\"rows\":[1],\"others\":0}\n{\"key\":\"a\",\"rows\":[0],\"others\":0}\n"
              "{\"key\":\"b\",\"rows\":[3],\"others\":0}\n{\"key\":\"c\",\"rows\":[2],\"others\":0}\n");
    cb_expect(with("nothing", rows, NULL), "error input: there is no column `nothing`");
    const struct { const char *how, *why; } wrong[] = {{"both", "and not by both"}, {"nowhere", "`cb_write_at` names the row"},
        {"ungrouped", "rows are not grouped"}, {"far", "there are no 100 rows from 1 on, of 7"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cb_expect(strstr(with(wrong[i].how, rows, NULL), wrong[i].why) ? "refused" : with(wrong[i].how, rows, NULL), "refused");
    }
    return cb_test_ended();
}
