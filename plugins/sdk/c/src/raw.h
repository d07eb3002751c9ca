// Between the SDK's types and the generated ones. Included by the file of each kind of step, behind the bindings of that kind and a
// macro CB__BOUND(name), which is the bindings' name of a type that has the world's name in it.
// A source has neither rows to read nor to remove, and defines CB__SOURCE.

#include <stdlib.h>

#include "internal.h"

typedef CB__BOUND(string_t) raw_string;
typedef callboard_step_columns_batch_t raw_batch;
typedef callboard_step_columns_array_t raw_array;

// Names are stable for as long as what they are of: not copied.
static raw_string raw_text(cb_str str) { return (raw_string){(uint8_t *)str.ptr, str.ptr ? str.len : 0}; }
static cb_str text_of(const raw_string *str) { return (cb_str){(const char *)str->ptr, str->len}; }

void cb__host_log(cb_level level, const char *message, size_t len) {
    raw_string text = raw_text((cb_str){message, len});
    callboard_step_log_write((callboard_step_log_level_t)level, &text);
}

void cb__host_count(const char *name, int64_t amount) {
    raw_string text = raw_text(cb_str_of(name));
    callboard_step_counters_add(&text, amount);
}

#ifndef CB__PLAYED
void cb__host_send(const cb_request *requests, size_t n, cb_reply *replies) {
    callboard_step_http_request_t *raw = cb_alloc(n * sizeof *raw);
    for (size_t i = 0; i < n; i++) {
        const cb_request *from = &requests[i];
        callboard_step_http_header_t *headers = cb_alloc((from->n_headers + 1) * sizeof *headers);
        for (size_t j = 0; j < from->n_headers; j++) {
            headers[j] = (callboard_step_http_header_t){raw_text(from->headers[j].name), raw_text(from->headers[j].value)};
        }
        raw[i].method = raw_text(from->method), raw[i].url = raw_text(from->url), raw[i].attempt = from->attempt;
        raw[i].headers.ptr = headers, raw[i].headers.len = from->n_headers;
        raw[i].body.ptr = (uint8_t *)from->body.ptr, raw[i].body.len = from->body.len;
    }
    callboard_step_http_list_request_t all = {raw, n};
    callboard_step_http_list_result_reply_failure_t outcomes;
    callboard_step_http_send(&all, &outcomes);
    for (size_t i = 0; i < n; i++) {
        const callboard_step_http_result_reply_failure_t *outcome = &outcomes.ptr[i];
        if (outcome->is_err) {
            cb_str message = text_of(&outcome->val.err.message);
            replies[i].problem = (cb_problem)(outcome->val.err.kind + CB_REFUSED);
            replies[i].message = (cb_str){cb__copy(&cb__call, message.ptr, message.len), message.len};
            continue;
        }
        const callboard_step_http_reply_t *reply = &outcome->val.ok;
        cb_header *headers = cb_alloc((reply->headers.len + 1) * sizeof *headers);
        for (size_t j = 0; j < reply->headers.len; j++) {
            cb_str name = text_of(&reply->headers.ptr[j].name), value = text_of(&reply->headers.ptr[j].value);
            headers[j] = (cb_header){{cb__copy(&cb__call, name.ptr, name.len), name.len}, {cb__copy(&cb__call, value.ptr, value.len), value.len}};
        }
        cb_str body = {cb__copy(&cb__call, (const char *)reply->body.ptr, reply->body.len), reply->body.len};
        replies[i] = (cb_reply){.status = reply->status, .headers = headers, .n_headers = reply->headers.len, .body = body};
    }
    callboard_step_http_list_result_reply_failure_free(&outcomes);
}

void cb__host_try_again(void) { callboard_step_http_try_again(); }
#endif

#if !defined CB__SOURCE || defined CB__TESTING

// ---- In -----------------------------------------------------------------------------------------------------------------------

// An array of a batch, without a copy of its values.
static void view(cb__arena *arena, const raw_batch *batch, uint32_t id, cb_str name, cb_array *to) {
    const raw_array *raw = &batch->arrays.ptr[id];
    const callboard_step_columns_values_t *values = &raw->values;
    *to = (cb_array){.layout = (cb_layout)values->tag, .nullable = raw->validity.is_some, .length = raw->length, .name = name};
    if (raw->validity.is_some) to->validity = raw->validity.val.ptr;
    if (raw->logical.is_some) to->logical = text_of(&raw->logical.val);
    uint32_t item = 0;
    switch (to->layout) {
    case CB_LAYOUT_NULL: to->nullable = true; break;
    case CB_LAYOUT_UTF8:
    case CB_LAYOUT_BINARY:
        to->offsets = values->val.utf8.offsets.ptr;
        to->values = values->val.utf8.data.ptr;
        if (!to->values) to->values = ""; // an empty text is none that is null
        break;
    case CB_LAYOUT_FIXED: to->width = values->val.fixed.width, to->values = values->val.fixed.data.ptr; break;
    case CB_LAYOUT_LIST: to->n_children = 1, to->offsets = values->val.lists.offsets.ptr, item = values->val.lists.items; break;
    case CB_LAYOUT_VECTOR: to->n_children = 1, to->width = values->val.vectors.width, item = values->val.vectors.items; break;
    case CB_LAYOUT_STRUCT: to->n_children = (uint32_t)values->val.structs.len; break;
    default: to->values = values->val.int64.ptr; // lists of numbers are all alike
    }
    if (!to->n_children) return;
    cb_array *children = cb__alloc(arena, to->n_children * sizeof *children);
    for (uint32_t i = 0; i < to->n_children; i++) {
        if (to->layout == CB_LAYOUT_STRUCT) {
            const callboard_step_columns_column_t *member = &values->val.structs.ptr[i];
            view(arena, batch, member->values, text_of(&member->name), &children[i]);
        } else {
            view(arena, batch, item, name, &children[i]);
        }
    }
    to->children = children;
}

static cb_batch batch_of(cb__arena *arena, const raw_batch *raw) {
    cb_array *columns = cb__alloc(arena, (raw->columns.len + 1) * sizeof *columns);
    for (size_t i = 0; i < raw->columns.len; i++) {
        const callboard_step_columns_column_t *column = &raw->columns.ptr[i];
        view(arena, raw, column->values, text_of(&column->name), &columns[i]);
    }
    return (cb_batch){.rows = raw->rows, .n_columns = (uint32_t)raw->columns.len, .columns = columns};
}

#endif

// ---- Out ----------------------------------------------------------------------------------------------------------------------

static size_t count_arrays(const cb_array *arrays, size_t n) {
    size_t count = n;
    for (size_t i = 0; i < n; i++) count += count_arrays(arrays[i].children, arrays[i].n_children);
    return count;
}

static const uint32_t no_offsets[1] = {0};

// Puts the array behind those it names, and gives its place.
static uint32_t put_array(raw_batch *batch, const cb_array *array, bool is_schema) {
    uint32_t *ids = cb_alloc((array->n_children + 1) * sizeof *ids);
    for (uint32_t i = 0; i < array->n_children; i++) ids[i] = put_array(batch, &array->children[i], is_schema);
    raw_array *to = &batch->arrays.ptr[batch->arrays.len];
    size_t length = array->length, bits = (length + 7) / 8;
    uint32_t *offsets = (uint32_t *)(array->offsets ? array->offsets : no_offsets);
    void *values = (void *)array->values;
    to->length = array->length;
    if (is_schema ? array->nullable && array->layout != CB_LAYOUT_NULL : array->validity != NULL) {
        to->validity.is_some = true;
        to->validity.val.ptr = (uint8_t *)array->validity, to->validity.val.len = bits;
    }
    if (array->logical.ptr) to->logical.is_some = true, to->logical.val = raw_text(array->logical);
    to->values.tag = (uint8_t)array->layout;
    switch (array->layout) {
    case CB_LAYOUT_NULL: break;
    case CB_LAYOUT_BOOLEAN: to->values.val.booleans.ptr = values, to->values.val.booleans.len = bits; break;
    case CB_LAYOUT_UTF8:
    case CB_LAYOUT_BINARY:
        to->values.val.utf8.offsets.ptr = offsets, to->values.val.utf8.offsets.len = length + 1;
        to->values.val.utf8.data.ptr = values, to->values.val.utf8.data.len = offsets[length];
        break;
    case CB_LAYOUT_FIXED:
        to->values.val.fixed.width = array->width;
        to->values.val.fixed.data.ptr = values, to->values.val.fixed.data.len = length * array->width;
        break;
    case CB_LAYOUT_LIST:
        to->values.val.lists.offsets.ptr = offsets, to->values.val.lists.offsets.len = length + 1;
        to->values.val.lists.items = ids[0];
        break;
    case CB_LAYOUT_VECTOR: to->values.val.vectors.width = array->width, to->values.val.vectors.items = ids[0]; break;
    case CB_LAYOUT_STRUCT: {
        callboard_step_columns_column_t *members = cb_alloc((array->n_children + 1) * sizeof *members);
        for (uint32_t i = 0; i < array->n_children; i++) {
            members[i] = (callboard_step_columns_column_t){raw_text(array->children[i].name), ids[i]};
        }
        to->values.val.structs.ptr = members, to->values.val.structs.len = array->n_children;
        break;
    }
    default: to->values.val.int64.ptr = values, to->values.val.int64.len = length;
    }
    return (uint32_t)batch->arrays.len++;
}

static raw_batch raw_of(const cb_array *columns, size_t n, uint32_t rows, bool is_schema) {
    raw_batch batch = {.rows = rows};
    batch.columns.ptr = cb_alloc((n + 1) * sizeof *batch.columns.ptr);
    batch.arrays.ptr = cb_alloc((count_arrays(columns, n) + 1) * sizeof *batch.arrays.ptr);
    for (; batch.columns.len < n; batch.columns.len++) {
        const cb_array *column = &columns[batch.columns.len];
        uint32_t id = put_array(&batch, column, is_schema);
        batch.columns.ptr[batch.columns.len] = (callboard_step_columns_column_t){raw_text(column->name), id};
    }
    return batch;
}

static void empty(const cb_type *type, cb_array *to) {
    *to = (cb_array){.layout = type->layout, .nullable = !type->not_null, .width = type->width, .n_children = type->n_children,
                     .name = type->name, .logical = type->logical};
    cb_array *children = cb_alloc((type->n_children + 1) * sizeof *children);
    for (uint32_t i = 0; i < type->n_children; i++) empty(&type->children[i], &children[i]);
    to->children = children;
}

static raw_batch schema_of(const cb_type *types, size_t n) {
    cb_array *columns = cb_alloc((n + 1) * sizeof *columns);
    for (size_t i = 0; i < n; i++) empty(&types[i], &columns[i]);
    return raw_of(columns, n, 0, true);
}

static bool raw_error(callboard_step_types_error_t *to) {
    *to = (callboard_step_types_error_t){.kind = (callboard_step_types_error_kind_t)cb__failure.kind, .message = raw_text(cb__failure.message)};
    if (cb__failure.at) to->at.is_some = true, to->at.val = raw_text(cb_str_of(cb__failure.at));
    return false;
}

#if !defined CB__SOURCE || defined CB__TESTING
static size_t count_removed(const cb_out *out) { return out->removals.len / sizeof(cb__removal); }

enum { RECENT = 8 }; // Only the last reasons are looked at for another row with the same one.

// The removals by their reasons: `len` of them, of `count_removed` rows.
static callboard_step_types_removal_t *raw_removals(const cb_out *out, size_t *len) {
    const cb__removal *removals = (const cb__removal *)out->removals.ptr;
    size_t n = count_removed(out);
    callboard_step_types_removal_t *to = cb_alloc((n + 1) * sizeof *to);
    uint32_t *of = cb_alloc((n + 1) * sizeof *of); // for each row, which of the removals
    *len = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t fate = removals[i].rejected ? CALLBOARD_STEP_TYPES_FATE_REJECTED : CALLBOARD_STEP_TYPES_FATE_DROPPED;
        cb_str reason = {out->reasons.ptr + removals[i].at, removals[i].len};
        size_t at = *len, first = *len > RECENT ? *len - RECENT : 0;
        while (at > first && !(to[at - 1].fate == fate && cb_str_eq(text_of(&to[at - 1].reason), reason))) at--;
        if (at == first) to[at = (*len)++] = (callboard_step_types_removal_t){.fate = fate, .reason = raw_text(reason)};
        else at--;
        to[at].rows.len++, of[i] = (uint32_t)at;
    }
    uint64_t *rows = cb_alloc((n + 1) * sizeof *rows);
    for (size_t i = 0; i < *len; i++) to[i].rows.ptr = rows, rows += to[i].rows.len, to[i].rows.len = 0;
    for (size_t i = 0; i < n; i++) to[of[i]].rows.ptr[to[of[i]].rows.len++] = removals[i].row;
    return to;
}
#endif

// ---- The calls that all kinds have ----------------------------------------------------------------------------------------------

static cb_about about;
static void *config;
static bool config_is_of_call;
static cb_shape shape;
static cb_out out;

void exports_callboard_step_manifest_describe(exports_callboard_step_manifest_manifest_t *ret) {
    cb__the_step.about(&about);
    ret->name = raw_text(cb_str_of(about.name)), ret->version = raw_text(cb_str_of(about.version ? about.version : "0.1.0"));
    ret->summary = raw_text(cb_str_of(about.summary)), ret->config_schema = raw_text(cb__config_schema(about.fields));
}

static void drop_config(void) {
    if (config && about.destroy) about.destroy(config);
    config = NULL;
}

// Reads the configuration into memory of this arena, and whether it is right.
static bool configure(cb__arena *arena, const raw_string *text) {
    cb__begin_call();
    drop_config();
    cb__the_step.about(&about);
    config = cb__config_read(arena, &about, text_of(text));
    config_is_of_call = arena == &cb__call;
    return config != NULL;
}

// The end of every call.
static void end_call(void) {
    if (config_is_of_call) drop_config();
    config_is_of_call = false;
    cb__end_call();
}

static bool declare(const cb_batch *inputs, size_t n_inputs) {
    cb__shape_init(&shape, &cb__call, inputs, n_inputs);
    return cb__ok(cb__the_step.declare(config, &shape));
}

static bool open_step(const cb_batch *inputs, size_t n_inputs) {
    if (!cb__reopen(&cb__the_step, config, &shape, inputs, n_inputs)) return false;
    cb__out_init(&out, shape.made);
    return cb__ok(cb__the_step.open ? cb__the_step.open(config, &shape) : CB_OK);
}

#ifndef CB__SOURCE
static CB__BOUND(list_string_t) raw_names(const cb__names *names) {
    raw_string *items = cb_alloc((names->len + 1) * sizeof *items);
    for (size_t i = 0; i < names->len; i++) items[i] = raw_text(names->items[i]);
    return (CB__BOUND(list_string_t)){items, names->len};
}
#endif

// What the host has taken is given back at once, in place of the bindings' walk through it.
#define CB__AFTER(interface, function, symbol)                                                                       \
    __attribute__((__export_name__("cabi_post_callboard:step/" interface "@0.2.0#" function))) void                  \
        __wasm_export_exports_callboard_step_##symbol##_post_return(uint8_t *result);                                \
    void __wasm_export_exports_callboard_step_##symbol##_post_return(uint8_t *result) {                              \
        (void)result;                                                                                                \
        give_back();                                                                                                 \
    }
