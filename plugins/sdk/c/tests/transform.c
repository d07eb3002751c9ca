// What a transform may do, and what happens when it does more: one step whose configuration chooses.
#include <callboard.h>
#include <callboard_test.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __SANITIZE_ADDRESS__
#define WITH_ASAN 1
#elif __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#ifdef WITH_ASAN
#include <sanitizer/allocator_interface.h>
#endif

typedef struct Config {
    int how;
    const char *needed, *maybe;
    double share;
    bool flag;
    cb_texts words;
    long long small;
} Config;

enum { KEEP, MANY, NONE, DROP, FAIL, INPUT, TRANSIENT, SILENT, NO_COLUMN, MISREAD, MISWRITE, OVERFLOW, TWICE, AFTER, BOTH, MISSING, ROW_FORM, NESTED, TELL, SHOW };
static const char *const hows[] = {"keep", "many", "none", "drop", "fail", "input", "transient", "silent", "no-column", "misread", "miswrite",
                                   "overflow", "twice", "after", "both", "missing", "row-form", "nested", "tell", "show", NULL};
enum { ID, TEXT, TAGS, POINT }; // read
enum { N, LIST, STRUCT };       // written

static cb_status declare(const Config *config, cb_shape *shape) {
    cb_reads(shape, "id", CB_INT64, NULL);
    cb_reads(shape, "text", CB_UTF8, NULL);
    cb_reads(shape, "tags", CB_ANY, NULL);
    cb_reads(shape, "point", CB_ANY, NULL);
    cb_reads(shape, "text", CB_UTF8, NULL); // once is enough
    cb_drops(shape, "tags");
    cb_drops(shape, "point");
    cb_writes(shape, "n", cb_not_null(CB_INT8));
    cb_writes(shape, "list", cb_list_of(CB_UTF8));
    cb_writes(shape, "struct", cb_struct_of((cb_type[]){cb_named("x", CB_FLOAT64), cb_named("v", cb_vector_of(CB_UINT16, 2))}, 2));
    return CB_OK;
}

static cb_status nested(const cb_row *row, cb_out *out) {
    cb_list tags = cb_items(row, TAGS);
    for (uint32_t i = tags.len; i > 0; i--) cb_push_text(cb_items_of(cb_build(out, LIST)), cb_value_text(cb_item(tags, i - 1)));
    if (!cb_is_null(row, TAGS)) cb_end(cb_build(out, LIST));
    cb_value point = cb_get(row, POINT);
    if (!cb_value_is_null(point)) {
        cb_builder *made = cb_build(out, STRUCT), *vector = cb_member_of(made, 1);
        cb_push_float(cb_member_of(made, 0), cb_value_float(cb_member(point, "x")));
        cb_push_int(cb_items_of(vector), cb_value_int(cb_member(point, "y")));
        cb_push_null(cb_items_of(vector));
        cb_end(vector);
        cb_end(made);
    }
    cb_put_int(out, N, tags.len);
    return cb_keep(out);
}

static cb_status row(const Config *config, const cb_row *row, cb_out *out) {
    switch (config->how) {
    case MANY:
        for (int i = 0; i < cb_int(row, ID); i++) cb_put_int(out, N, i), cb_keep(out);
        return CB_OK;
    case NONE: return CB_OK;
    case DROP:
        cb_put_int(out, N, 9); // and is forgotten
        if (row->index % 2) return cb_drop(out, "odd \xff%s", "");
        cb_put_int(out, N, 1);
        return cb_drop(out, "even");
    case FAIL: return cb_fail("no %s", "luck");
    case INPUT: return cb_input_error("not these");
    case TRANSIENT: return cb_transient_error("later");
    case SILENT: return CB_FAILED;
    case NO_COLUMN: cb_put_int(out, N, cb_int(row, 7)); break;
    case MISREAD: cb_put_int(out, N, cb_int(row, TEXT)); break;
    case MISWRITE: cb_put_text(out, N, cb_text(row, TEXT)); break;
    case OVERFLOW: cb_put_int(out, N, 128); break;
    case TWICE: cb_put_int(out, N, 1), cb_put_int(out, N, 1); break;
    case AFTER: cb_drop(out, "gone"); cb_put_int(out, N, 1); break;
    case BOTH: cb_put_int(out, N, 1); cb_keep(out); return cb_reject(out, "and gone");
    case ROW_FORM: return cb_keep_row(out, 0);
    case MISSING: break;
    case NESTED: return nested(row, out);
    case TELL: cb_log(CB_WARN, "careful: %s", "\u00fc"), cb_count("seen", 2), cb_put_int(out, N, 1); break;
    case SHOW:
        cb_log(CB_INFO, "%s %s %g %d %zu %lld", config->needed, config->maybe ? config->maybe : "-", config->share, config->flag, config->words.len, config->small);
        for (size_t i = 0; i < config->words.len; i++) cb_log(CB_DEBUG, "%s", config->words.items[i]);
        return CB_OK;
    default: cb_put_int(out, N, row->index);
    }
    return cb_keep(out);
}

CB_TRANSFORM(Config, .name = "trial",
    .fields = CB_FIELDS(
        CB_CHOICE(Config, how, "keep", hows, NULL),
        CB_TEXT(Config, needed, NULL, NULL, .required = true),
        CB_TEXT(Config, maybe, NULL, NULL, .optional = true),
        CB_NUMBER(Config, share, 0.1, NULL, CB_FROM(0), CB_TO(1)),
        CB_BOOL(Config, flag, true, NULL),
        CB_TEXTS(Config, words, NULL),
        CB_INT(Config, small, 3, NULL, CB_AT_MOST(9))),
    .declare = declare, .row = row);

static const char rows[] = "{\"id\":1,\"text\":\"a\",\"tags\":[\"x\",null,\"\"],\"point\":{\"x\":1.5,\"y\":2}}\n"
                           "{\"id\":0,\"text\":null,\"tags\":null,\"point\":null}\n"
                           "{\"id\":2,\"text\":\"\",\"tags\":[],\"point\":{\"x\":2,\"y\":3}}\n";

static const char *with(const char *how) {
    static char config[64];
    snprintf(config, sizeof config, "{\"needed\":\"n\",\"how\":\"%s\"}", how);
    return cb_test_transform(config, rows);
}

static const char *configured(const char *settings) {
    char config[256];
    snprintf(config, sizeof config, "{\"how\":\"show\",%s}", settings);
    return cb_test_transform(config, "{\"id\":1,\"text\":\"\",\"tags\":1,\"point\":1}\n");
}

// The message without `FILE:LINE: `, of which the file has to be this one.
static const char *placed(const char *error) {
    const char *file = strstr(error, "transform.c:");
    if (!file) return error;
    const char *message = strchr(file, ' ');
    return message ? message + 1 : error;
}

static void rows_out(void) {
    cb_expect(with("keep"), "{\"id\":1,\"text\":\"a\",\"n\":0,\"list\":null,\"struct\":null}\n{\"id\":0,\"text\":null,\"n\":1,\"list\":null,\"struct\":null}\n"
                            "{\"id\":2,\"text\":\"\",\"n\":2,\"list\":null,\"struct\":null}\n");
    cb_expect(with("many"), "{\"id\":1,\"text\":\"a\",\"n\":0,\"list\":null,\"struct\":null}\n{\"id\":2,\"text\":\"\",\"n\":0,\"list\":null,\"struct\":null}\n"
                            "{\"id\":2,\"text\":\"\",\"n\":1,\"list\":null,\"struct\":null}\n");
    cb_expect(with("none"), "");
    cb_expect(with("drop"), "dropped 0: even\ndropped 1: odd ?\ndropped 2: even\n");
    cb_expect(with("nested"), "{\"id\":1,\"text\":\"a\",\"n\":3,\"list\":[\"\",null,\"x\"],\"struct\":{\"x\":1.5,\"v\":[2,null]}}\n"
                              "{\"id\":0,\"text\":null,\"n\":0,\"list\":null,\"struct\":null}\n"
                              "{\"id\":2,\"text\":\"\",\"n\":0,\"list\":[],\"struct\":{\"x\":2,\"v\":[3,null]}}\n");
    cb_expect(strstr(with("tell"), "warn"), "warn: careful: \u00fc\ncount seen 2\nwarn: careful: \u00fc\ncount seen 2\nwarn: careful: \u00fc\ncount seen 2\n");
}

static void errors(void) {
    cb_expect(placed(with("fail")), "no luck");
    cb_expect(strstr(with("fail"), "error failed: ") ? "failed" : "", "failed");
    cb_expect(with("input"), "error input: not these");
    cb_expect(with("transient"), "error transient: later");
    cb_expect(with("silent"), "error failed: the step gave CB_FAILED, and no error");
    cb_expect(placed(with("no-column")), "column 7 was read, and the step reads 4, counted from 0");
    cb_expect(placed(with("misread")), "`text` is text, and was read as an integer");
    cb_expect(placed(with("miswrite")), "`n` is int8, and text was put there");
    cb_expect(placed(with("overflow")), "128 does not fit `n`, which is int8");
    cb_expect(placed(with("twice")), "`n` got 2 values for one row");
    cb_expect(placed(with("after")), "the row was kept after it had been dropped or rejected");
    cb_expect(placed(with("both")), "the row was dropped or rejected after it had been kept or removed");
    cb_expect(placed(with("missing")), "`n` got no value, and may not be null");
    cb_expect(placed(with("row-form")), "`cb_keep_row` is for steps by columns and global steps; here it is `cb_keep`");
}

static void config(void) {
    cb_expect(configured("\"needed\":\"a\""), "info: a - 0.1 1 0 3\n");
    cb_expect(configured("\"needed\":\"\\u00e9\\ud834\\udd1e\\n\",\"maybe\":\"m\",\"share\":1,\"flag\":false,\"words\":[\"x\",\"\"],\"small\":-9e0"),
              "info: \u00e9\U0001d11e\n m 1 0 2 -9\ndebug: x\ndebug: \n");
    cb_expect(configured("\"needed\":\"a\",\"maybe\":null"), "info: a - 0.1 1 0 3\n");
    cb_expect(configured("\"flag\":true"), "error config at /needed: `needed` is not given, and has no default");
    cb_expect(configured("\"needed\":null"), "error config at /needed: a text is expected, and this is null");
    cb_expect(configured("\"needed\":\"a\\u0000b\""), "error config at /needed: a zero byte in a text");
    cb_expect(configured("\"needed\":\"\",\"share\":1.01"), "error config at /share: at most 1 is expected, and this is 1.01");
    cb_expect(configured("\"needed\":\"\",\"flag\":1"), "error config at /flag: a boolean is expected, and this is a number");
    cb_expect(configured("\"needed\":\"\",\"words\":[\"a\",2]"), "error config at /words/1: a text is expected, and this is a number");
    cb_expect(configured("\"needed\":\"\",\"small\":10"), "error config at /small: at most 9 is expected, and this is 10");
    cb_expect(configured("\"needed\":\"\",\"small\":9223372036854775808"), "error config at /small: an integer of 64 bits is expected");
    cb_expect(cb_test_transform("{\"needed\":\"\",\"how\":\"now\"}", rows) + 0,
              "error config at /how: one of `keep`, `many`, `none`, `drop`, `fail`, `input`, `transient`, `silent`, `no-column`, `misread`, "
              "`miswrite`, `overflow`, `twice`, `after`, `both`, `missing`, `row-form`, `nested`, `tell`, `show` is expected, and this is `now`");
}

static void json(void) {
    static const char *const wrong[][2] = {
        {"", "a value is expected at byte 0"},
        {"{", "a text is expected at byte 1"},
        {"{} x", "nothing more is expected at byte 3"},
        {"{\"a\":1,\"a\":2}", "a member is there twice at byte 10"},
        {"{\"a\":01}", "`,` or the end is expected at byte 6"},
        {"{\"a\":1.}", "a digit is expected at byte 7"},
        {"{\"a\":+1}", "a value is expected at byte 5"},
        {"{\"a\":1e999}", "the number is too large at byte 10"},
        {"{\"a\":\"\\x\"}", "this is no escape at byte 8"},
        {"{\"a\":\"\\ud800\"}", "half of a surrogate pair at byte 12"},
        {"{\"a\":\"\\udc00\"}", "half of a surrogate pair at byte 12"},
        {"{\"a\":\"\\u12g4\"}", "four hexadecimal digits are expected at byte 10"},
        {"{\"a\":\"\t\"}", "a control character in a text at byte 6"},
        {"{\"a\":\"", "the text has no end at byte 6"},
        {"{\"a\":[1,]}", "a value is expected at byte 8"},
        {"{\"a\" 1}", "`:` is expected at byte 5"},
        {"nul", "a value is expected at byte 0"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "error config: the configuration is no JSON: %s", wrong[i][1]);
        cb_expect(cb_test_transform(wrong[i][0], rows), expected);
    }
    cb_expect(cb_test_transform("[]", rows), "error config at : an object is expected, and this is a list");
    char deep[400] = "{\"a\":";
    for (size_t i = 5; i < 200; i++) deep[i] = '[';
    cb_expect(cb_test_transform(deep, rows), "error config: the configuration is no JSON: too deep at byte 69");
}

// After the first ones, a batch more takes not one byte more.
static void memory_stays_flat(void) {
#ifdef WITH_ASAN
    size_t size = 0, cap = 64 << 20, before = 0;
    char *many = malloc(cap);
    for (int i = 0; i < 600; i++) size += (size_t)snprintf(many + size, cap - size, "{\"id\":%d,\"text\":\"%*d\",\"tags\":[\"t\"],\"point\":{\"x\":1,\"y\":2}}\n", i % 3, i % 90, i);
    for (int i = 0; i < 4; i++) {
        // The whole test again, 300 batches of two rows each; what it holds at its end.
        cb_test_transform_in_batches(i % 2 ? "{\"needed\":\"\",\"how\":\"drop\"}" : "{\"needed\":\"\",\"how\":\"many\"}", many, 2);
        cb_test_describe();
        size_t now = __sanitizer_get_current_allocated_bytes();
        if (i == 1) before = now;
        if (i == 3) cb_expect(now == before ? "flat" : "grown", "flat");
    }
    free(many);
#endif
}

int main(void) {
    rows_out();
    errors();
    config();
    json();
    memory_stays_flat();
    return cb_test_ended();
}
