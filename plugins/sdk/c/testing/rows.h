// Rows as lines of JSON, to and from what crosses between a step and its host. Included behind the file of a kind of step.

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "callboard_test.h"

// ---- From JSON ------------------------------------------------------------------------------------------------------------------

static cb__arena test_memory; // of one test
static cb__buffer told;       // what the test gives back

// Builders of the test, whose buffers are freed when the next begins.
static struct made_builder {
    cb_builder builder;
    struct made_builder *next;
} *made_builders;

static cb_builder *new_builder(cb_type type) {
    struct made_builder *made = cb__alloc(&test_memory, sizeof *made);
    made->next = made_builders, made_builders = made;
    cb__builder_init(&made->builder, type, NULL);
    return &made->builder;
}

static const cb__json *member_of(const cb__json *object, cb_str key) {
    if (!object || object->kind != CB__JSON_OBJECT) return NULL;
    const cb__json *member = object->first;
    while (member && !cb_str_eq(member->key, key)) member = member->next;
    return member;
}

// What fits both a type known so far and one more value.
static cb_type widened(cb_type type, const cb__json *value) {
    static const cb_layout layouts[] = {CB_LAYOUT_NULL, CB_LAYOUT_BOOLEAN, CB_LAYOUT_INT64, CB_LAYOUT_UTF8, CB_LAYOUT_LIST, CB_LAYOUT_STRUCT};
    if (!value || value->kind == CB__JSON_NULL) return type;
    cb_layout layout = value->kind == CB__JSON_NUMBER && !value->is_integer ? CB_LAYOUT_FLOAT64 : layouts[value->kind];
    if (type.layout == CB_LAYOUT_NULL || (type.layout == CB_LAYOUT_INT64 && layout == CB_LAYOUT_FLOAT64)) type.layout = layout;
    if (layout == CB_LAYOUT_LIST) {
        cb_type items = type.n_children ? type.children[0] : CB_NULL;
        for (const cb__json *item = value->first; item; item = item->next) items = widened(items, item);
        cb_type *children = cb__alloc(&test_memory, sizeof *children);
        *children = items, type.n_children = 1, type.children = children;
    }
    for (const cb__json *member = layout == CB_LAYOUT_STRUCT ? value->first : NULL; member; member = member->next) {
        uint32_t at = 0;
        while (at < type.n_children && !cb_str_eq(type.children[at].name, member->key)) at++;
        bool is_new = at == type.n_children;
        cb_type *children = cb__alloc(&test_memory, (type.n_children + 1) * sizeof *children);
        if (type.n_children) memcpy(children, type.children, type.n_children * sizeof *children);
        if (is_new) children[at] = CB_NULL, children[at].name = member->key;
        children[at] = widened(children[at], member);
        type.children = children, type.n_children += is_new;
    }
    return type;
}

static void push_json(cb_builder *to, const cb__json *value) {
    if (!value || value->kind == CB__JSON_NULL) {
        cb_push_null(to);
    } else if (to->type.layout == CB_LAYOUT_BOOLEAN) {
        cb_push_bool(to, value->boolean);
    } else if (to->type.layout == CB_LAYOUT_INT64) {
        cb_push_int(to, value->integer);
    } else if (to->type.layout == CB_LAYOUT_FLOAT64) {
        cb_push_float(to, value->number);
    } else if (to->type.layout == CB_LAYOUT_UTF8) {
        cb_push_text(to, value->text);
    } else if (to->type.layout == CB_LAYOUT_LIST) {
        for (const cb__json *item = value->first; item; item = item->next) push_json(cb_items_of(to), item);
        cb_end(to);
    } else {
        for (uint32_t i = 0; i < to->type.n_children; i++) push_json(cb_member_of(to, i), member_of(value, to->type.children[i].name));
        cb_end(to);
    }
}

// All rows, in memory of the test.
static cb_batch rows_of(const char *lines) {
    cb_type all = {.layout = CB_LAYOUT_STRUCT};
    cb_builder *builder = NULL;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) builder = new_builder(all);
        for (const char *line = lines; *line;) {
            const char *end = strchr(line, '\n');
            if (!end) end = line + strlen(line);
            cb_str problem;
            const cb__json *row = cb__json_read(&test_memory, (cb_str){line, (size_t)(end - line)}, &problem);
            if (!row || row->kind != CB__JSON_OBJECT) {
                fprintf(stderr, "a row of a test is no JSON object: %s\n", line);
                exit(2);
            }
            if (pass == 0) {
                all = widened(all, row);
            } else {
                push_json(builder, row);
            }
            line = *end ? end + 1 : end;
        }
    }
    cb_array array;
    cb__arena call = cb__call; // what is built is in memory of the call, and here it has to stay
    cb__call = test_memory;
    cb__built(builder, &array);
    test_memory = cb__call, cb__call = call;
    cb_array *columns = cb__alloc(&test_memory, (array.n_children + 1) * sizeof *columns);
    for (uint32_t i = 0; i < array.n_children; i++) columns[i] = array.children[i];
    return (cb_batch){.rows = array.length, .n_columns = array.n_children, .columns = columns};
}

// ---- What the host would give: memory that the step frees -------------------------------------------------------------------------

static void *copy(const void *from, size_t size) {
    if (!size) return NULL; // the canonical ABI gives any pointer here; a null one is the hardest
    void *to = malloc(size);
    memcpy(to, from, size);
    return to;
}
#define COPY(list) ((list).ptr = copy((list).ptr, (list).len * sizeof *(list).ptr))

// Of `n` rows, the columns of these names (all of them for NULL). The rows are those at `places`, or without it those from `start` on.
static raw_batch given_at(const cb_batch *rows, const uint32_t *places, uint32_t start, uint32_t n, const cb__names *names) {
    size_t n_columns = names ? names->len : rows->n_columns;
    cb_array *columns = cb_alloc((n_columns + 1) * sizeof *columns);
    for (size_t i = 0; i < n_columns; i++) {
        uint32_t from = (uint32_t)i;
        for (uint32_t j = 0; names && j < rows->n_columns; j++) {
            if (cb_str_eq(rows->columns[j].name, names->items[i])) from = j;
        }
        cb_builder *builder = new_builder(cb__type_copy(&test_memory, cb_type_of(&rows->columns[from])));
        for (uint32_t j = 0; j < n; j++) cb_push_value(builder, ((cb_value){&rows->columns[from], places ? places[j] : start + j}));
        cb__built(builder, &columns[i]);
    }
    raw_batch batch = raw_of(columns, n_columns, n, n == 0);
    for (size_t i = 0; i < batch.arrays.len; i++) {
        raw_array *array = &batch.arrays.ptr[i];
        if (array->validity.is_some) COPY(array->validity.val);
        if (array->logical.is_some) COPY(array->logical.val);
        switch (array->values.tag) {
        case CB_LAYOUT_NULL: break;
        case CB_LAYOUT_BOOLEAN: COPY(array->values.val.booleans); break;
        case CB_LAYOUT_UTF8: COPY(array->values.val.utf8.offsets), COPY(array->values.val.utf8.data); break;
        case CB_LAYOUT_LIST: COPY(array->values.val.lists.offsets); break;
        case CB_LAYOUT_STRUCT:
            COPY(array->values.val.structs);
            for (size_t j = 0; j < array->values.val.structs.len; j++) COPY(array->values.val.structs.ptr[j].name);
            break;
        default: COPY(array->values.val.int64); // int64 and float64
        }
    }
    COPY(batch.arrays), COPY(batch.columns);
    for (size_t i = 0; i < batch.columns.len; i++) COPY(batch.columns.ptr[i].name);
    return batch;
}

static raw_batch given(const cb_batch *rows, uint32_t start, uint32_t n, const cb__names *names) {
    return given_at(rows, NULL, start, n, names);
}

static raw_string given_text(const char *text) {
    raw_string string = {(uint8_t *)text, strlen(text)};
    COPY(string);
    return string;
}

// ---- To JSON --------------------------------------------------------------------------------------------------------------------

static void tell_value(const cb_array *array, uint32_t i) {
    cb_value value = {array, i};
    if (cb_null_at(array, i)) {
        cb__append(&told, "null");
        return;
    }
    switch (array->layout) {
    case CB_LAYOUT_BOOLEAN: cb__append(&told, cb_value_bool(value) ? "true" : "false"); break;
    case CB_LAYOUT_FLOAT32:
    case CB_LAYOUT_FLOAT64: cb__json_number(&told, cb_value_float(value)); break;
    case CB_LAYOUT_UTF8: cb__json_quote(&told, cb_value_text(value).ptr, cb_value_text(value).len); break;
    case CB_LAYOUT_BINARY:
    case CB_LAYOUT_FIXED:
        cb__append(&told, "\"");
        for (size_t j = 0; j < cb_value_bytes(value).len; j++) cb__append(&told, "%02x", (unsigned char)cb_value_bytes(value).ptr[j]);
        cb__append(&told, "\"");
        break;
    case CB_LAYOUT_LIST:
    case CB_LAYOUT_VECTOR: {
        cb_list list = cb_value_items(value);
        cb__append(&told, "[");
        for (uint32_t j = 0; j < list.len; j++) cb__append(&told, j ? "," : ""), tell_value(list.items, list.start + j);
        cb__append(&told, "]");
        break;
    }
    case CB_LAYOUT_STRUCT:
        cb__append(&told, "{");
        for (uint32_t j = 0; j < array->n_children; j++) {
            cb__append(&told, j ? "," : "");
            cb__json_quote(&told, array->children[j].name.ptr, array->children[j].name.len);
            cb__append(&told, ":"), tell_value(&array->children[j], i);
        }
        cb__append(&told, "}");
        break;
    case CB_LAYOUT_UINT64: cb__append(&told, "%" PRIu64, cb_value_uint(value)); break;
    default: cb__append(&told, "%" PRId64, (int64_t)cb_value_int(value));
    }
}

static void tell_member(bool *first, const cb_array *array, uint32_t i) {
    if (!*first) cb__append(&told, ",");
    *first = false;
    cb__json_quote(&told, array->name.ptr, array->name.len);
    cb__append(&told, ":"), tell_value(array, i);
}

static const cb_array *column_named(const cb_batch *batch, cb_str name) {
    for (uint32_t i = 0; batch && i < batch->n_columns; i++) {
        if (cb_str_eq(batch->columns[i].name, name)) return &batch->columns[i];
    }
    return NULL;
}

// A row put out: what it carries of `carried` (NULL for nothing), with what was written in its place or behind.
static void tell_row(const cb_batch *carried, uint32_t origin, const cb_batch *written, uint32_t i) {
    bool first = true;
    cb__append(&told, "{");
    for (uint32_t j = 0; carried && j < carried->n_columns; j++) {
        const cb_array *column = &carried->columns[j], *anew = column_named(written, column->name);
        bool dropped = false;
        for (size_t k = 0; k < shape.made->drops.len; k++) dropped |= cb_str_eq(shape.made->drops.items[k], column->name);
        if (anew) {
            tell_member(&first, anew, i);
        } else if (!dropped) {
            tell_member(&first, column, origin);
        }
    }
    for (uint32_t j = 0; written && j < written->n_columns; j++) {
        if (!column_named(carried, written->columns[j].name)) tell_member(&first, &written->columns[j], i);
    }
    cb__append(&told, "}\n");
}

// Lines that are put out in an order of their own: by the row in whose place each stands.
typedef struct told_line {
    uint64_t place;
    size_t at, len;
} told_line;
static cb__buffer put_lines, removed_lines, line_text;

// What was written from here on is a line at this place, and is kept back for now.
static void set_aside(cb__buffer *lines, uint64_t place, size_t from) {
    *(told_line *)cb__extend(lines, sizeof(told_line)) = (told_line){place, line_text.len, told.len - from};
    memcpy(cb__extend(&line_text, told.len - from), told.ptr + from, told.len - from);
    told.len = from;
}

static void tell_lines(cb__buffer *buffer) {
    told_line *lines = (told_line *)buffer->ptr;
    size_t n = buffer->len / sizeof *lines;
    for (size_t i = 1; i < n; i++) {
        told_line line = lines[i];
        size_t at = i;
        for (; at > 0 && lines[at - 1].place > line.place; at--) lines[at] = lines[at - 1];
        lines[at] = line;
    }
    for (size_t i = 0; i < n; i++) memcpy(cb__extend(&told, lines[i].len), line_text.ptr + lines[i].at, lines[i].len);
    buffer->len = 0;
}

// Removed rows, in their order: `tell_lines(&removed_lines)`. `places` are their numbers in the input, if these are different.
static void tell_removal(const callboard_step_types_removal_t *removal, const uint32_t *places) {
    bool rejected = removal->fate == CALLBOARD_STEP_TYPES_FATE_REJECTED;
    for (size_t i = 0; i < removal->rows.len; i++) {
        uint64_t row = places ? places[removal->rows.ptr[i]] : removal->rows.ptr[i];
        size_t from = told.len;
        cb__append(&told, "%s %" PRIu64 ": " CB_FMT "\n", rejected ? "rejected" : "dropped", row, CB_ARG(text_of(&removal->reason)));
        set_aside(&removed_lines, row, from);
    }
}

// What the step put out, of which the host takes no list of numbers that is not aligned.
static cb_batch taken(cb__arena *arena, const raw_batch *raw) {
    for (size_t i = 0; i < raw->arrays.len; i++) {
        const raw_array *array = &raw->arrays.ptr[i];
        uint32_t width = cb__width((cb_layout)array->values.tag);
        if (width && (uintptr_t)array->values.val.int64.ptr % width) fprintf(stderr, "array %zu is not aligned\n", i), exit(2);
    }
    return batch_of(arena, raw);
}

static cb__buffer logged;

static const char *tell_error(const callboard_step_types_error_t *error) {
    static const char *const kinds[] = {"config", "input", "transient", "failed"};
    told.len = 0;
    cb__append(&told, "error %s", kinds[error->kind]);
    if (error->at.is_some) cb__append(&told, " at " CB_FMT, CB_ARG(text_of(&error->at.val)));
    cb__append(&told, ": " CB_FMT, CB_ARG(text_of(&error->message)));
    return cb__append(&told, "%c", 0), told.ptr;
}

static const char *tell_all(void) {
    if (logged.len) cb__append(&told, CB_FMT, (int)logged.len, logged.ptr);
    return cb__append(&told, "%c", 0), told.ptr;
}

static void begin_test(void) {
    told.len = logged.len = put_lines.len = removed_lines.len = line_text.len = 0;
    // A test is an instance of its own, as far as it can be.
    for (uint32_t i = 0; i < out.n_columns; i++) cb__builder_free(&out.columns[i]);
    cb__buffer_free(&out.origins), cb__buffer_free(&out.removals), cb__buffer_free(&out.reasons);
    out = (cb_out){0};
    drop_config();
    for (; made_builders; made_builders = made_builders->next) cb__builder_free(&made_builders->builder);
    cb__reset(&cb__life), cb__reset(&test_memory);
}

// ---- The host's side of the bindings ----------------------------------------------------------------------------------------------

void __wasm_import_callboard_step_log_write(int32_t level, uint8_t *message, size_t len) {
    static const char *const levels[] = {"trace", "debug", "info", "warn", "error"};
    cb__append(&logged, "%s: %.*s\n", levels[level], (int)len, (const char *)message);
    if (level == CB_ERROR) fprintf(stderr, "%.*s\n", (int)len, (const char *)message);
}

void __wasm_import_callboard_step_counters_add(uint8_t *name, size_t len, int64_t amount) {
    cb__append(&logged, "count %.*s %" PRId64 "\n", (int)len, (const char *)name, amount);
}

const char *cb_test_describe(void) {
    exports_callboard_step_manifest_manifest_t it;
    begin_test();
    cb__begin_call();
    exports_callboard_step_manifest_describe(&it);
    cb__append(&told, CB_FMT "\n" CB_FMT "\n" CB_FMT "\n" CB_FMT "\n", CB_ARG(text_of(&it.name)), CB_ARG(text_of(&it.version)),
               CB_ARG(text_of(&it.summary)), CB_ARG(text_of(&it.config_schema)));
    give_back();
    return tell_all();
}

// ---- What is compared -------------------------------------------------------------------------------------------------------------

static int n_wrong, n_expected;

void cb__expect(const char *actual, const char *expected, const char *file, int line) {
    n_expected++;
    if (strcmp(actual, expected) == 0) return;
    n_wrong++;
    fprintf(stderr, "%s:%d: expected\n%s\nand got\n%s\n", file, line, expected, actual);
}

int cb_test_ended(void) {
    begin_test(); // so that a check for leaks finds those of the step alone
    printf("%d of %d as expected\n", n_expected - n_wrong, n_expected);
    return n_wrong != 0 || n_expected == 0;
}
