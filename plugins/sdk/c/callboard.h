// Callboard's SDK for C: a step is a struct for its configuration, a few functions and one macro.
//
//     CB_TRANSFORM(Config, .name = …, .fields = CB_FIELDS(…), .declare = declare, .row = row)    one row, or one batch, at a time
//     CB_GLOBAL(Config, …, .declare = declare, .run = run)                                       all rows, as often as wanted
//     CB_SOURCE(Config, …, .declare = declare, .row = row)                                       rows from nothing
//
// The journey: the configuration (JSON) fills a `Config` by the table of fields; `declare` says which columns are read and written;
// `row` takes values with `cb_text(row, COLUMN)` and the like, and puts values out with `cb_put_text(out, COLUMN, …)` and `cb_keep(out)`.
// Nothing has to be freed: what the SDK hands out lives until the call ends, unless it says otherwise. A wrong use (a column that is not
// there, text read as a number) is never undefined: the value is null or 0, and the call fails with the file and line of that use.
#ifndef CALLBOARD_H
#define CALLBOARD_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#define CB__INIT(type) type
#else
#define CB__INIT(type) (type)
#endif

#ifdef __cplusplus
#define CB__NORETURN [[noreturn]]
#else
#define CB__NORETURN _Noreturn
#endif
#define CB__PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

// ---- Text ---------------------------------------------------------------------------------------------------------------------

// Bytes that somebody else owns, UTF-8 where they are text; not ended by a zero byte. `ptr` is NULL for a null.
typedef struct cb_str {
    const char *ptr;
    size_t len;
} cb_str;

// For printf: `printf("value " CB_FMT "\n", CB_ARG(text))`.
#define CB_FMT "%.*s"
#define CB_ARG(str) (int)(str).len, (str).ptr

static inline cb_str cb_str_of(const char *text) { return CB__INIT(cb_str){text, text ? strlen(text) : 0}; }
// Null equals null alone.
static inline bool cb_str_eq(cb_str a, cb_str b) {
    return a.len == b.len && !a.ptr == !b.ptr && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

// ---- Outcomes and errors ------------------------------------------------------------------------------------------------------

typedef enum cb_status {
    CB_OK,
    CB_FAILED, // an error was noted, by `cb_fail` or one of its kin
    CB_END,    // of a source: there are no more rows
} cb_status;

typedef enum cb_error_kind { CB_ERROR_CONFIG, CB_ERROR_INPUT, CB_ERROR_TRANSIENT, CB_ERROR_FAILED } cb_error_kind;

// Note the error and give CB_FAILED, to be returned. The message of `cb_fail` begins with the file and line.
#define cb_fail(...) cb__fail(CB_ERROR_FAILED, NULL, __FILE__, __LINE__, __VA_ARGS__)
// The configuration is wrong; `at` is a JSON pointer: cb_config_error("/min", "…").
#define cb_config_error(at, ...) cb__fail(CB_ERROR_CONFIG, (at), NULL, 0, __VA_ARGS__)
// This step cannot work on these rows.
#define cb_input_error(...) cb__fail(CB_ERROR_INPUT, NULL, NULL, 0, __VA_ARGS__)
// The same call may succeed later.
#define cb_transient_error(...) cb__fail(CB_ERROR_TRANSIENT, NULL, NULL, 0, __VA_ARGS__)

CB__PRINTF(5, 6) cb_status cb__fail(cb_error_kind kind, const char *at, const char *file, int line, const char *format, ...);
extern bool cb__has_failed;

// ---- The run's log and counters -----------------------------------------------------------------------------------------------

typedef enum cb_level { CB_TRACE, CB_DEBUG, CB_INFO, CB_WARN, CB_ERROR } cb_level;

// A line in the run's log. printf works too (a line each, without a level).
CB__PRINTF(2, 3) void cb_log(cb_level level, const char *format, ...);
// Adds to a number of the run's report: tokens, calls, cost.
void cb_count(const char *name, int64_t amount);

// ---- Memory -------------------------------------------------------------------------------------------------------------------

// Zeroed memory that lives until the call (`declare`, `process` of one batch, `run`, one page of a source) ends; never NULL.
// For what has to stay longer, and for what a global step wants to give back before it ends, use malloc.
void *cb_alloc(size_t size);
// Formatted text, in such memory; ended by a zero byte too.
CB__PRINTF(1, 2) cb_str cb_textf(const char *format, ...);

// ---- Requests -----------------------------------------------------------------------------------------------------------------

// The host sends them, many at once: within the step's `grant.http` and the limits of `[calls]`, again where a server fails for a passing
// reason, and never once their reply has come. All that is given back lives until the call ends.

typedef struct cb_header {
    cb_str name, value;
} cb_header;

// A secret is not among its headers: the host adds it.
typedef struct cb_request {
    cb_str method, url;
    const cb_header *headers;
    size_t n_headers;
    cb_str body;
    uint32_t attempt; // tells apart requests that are otherwise equal, for several replies to one prompt: 0, 1, 2 …
} cb_request;

typedef enum cb_problem {
    CB_REPLIED,     // none: there is a reply, of a status of 2xx
    CB_REFUSED,     // no grant is for the request, or it cannot be sent
    CB_UNREACHABLE, // the server was not reached, or broke off, each time that it was asked
    CB_TIMEOUT,     // it took too long, each time that it was asked
    CB_TOO_LARGE,   // the reply is larger than the host or the step's limits allow
    CB_STATUS,      // the server replied with another status than 2xx
} cb_problem;

// What came of a request.
typedef struct cb_reply {
    cb_problem problem;
    bool passing;    // whether the same request may succeed later: not reached, late, or 408, 429 or 5xx
    uint16_t status; // 0 where there is no reply
    const cb_header *headers;
    size_t n_headers;
    cb_str body;
    cb_str message;  // what went wrong, for people
} cb_reply;

// A request to get something, and one to post JSON. The URL is not copied.
cb_request cb_get_request(const char *url);
cb_request cb_post_request(const char *url, cb_str json);
// Sends requests, as many at once as the limits allow; there is a reply for each, in order.
const cb_reply *cb_send_all(const cb_request *requests, size_t n);
// Sends one request; several are better sent together.
cb_reply cb_send(cb_request request);
// Says that this call rejects rows for a reason that passes: `cb_postpone` does so.
void cb_try_again(void);

// A text as JSON has it, with its quotes: `cb_textf("{\"prompt\":" CB_FMT "}", CB_ARG(cb_json_quoted(text)))`.
cb_str cb_json_quoted(cb_str text);
// A text in JSON, by a pointer such as "/choices/0/message/content"; `ptr` is NULL if it is not there, or no text.
cb_str cb_json_text(cb_str json, const char *pointer);
double cb_json_number(cb_str json, const char *pointer, double otherwise);

// ---- Types and columns --------------------------------------------------------------------------------------------------------

typedef enum cb_layout {
    CB_LAYOUT_NULL,
    CB_LAYOUT_BOOLEAN,
    CB_LAYOUT_INT8,
    CB_LAYOUT_INT16,
    CB_LAYOUT_INT32,
    CB_LAYOUT_INT64,
    CB_LAYOUT_UINT8,
    CB_LAYOUT_UINT16,
    CB_LAYOUT_UINT32,
    CB_LAYOUT_UINT64,
    CB_LAYOUT_FLOAT32,
    CB_LAYOUT_FLOAT64,
    CB_LAYOUT_UTF8,
    CB_LAYOUT_BINARY,
    CB_LAYOUT_FIXED,
    CB_LAYOUT_LIST,
    CB_LAYOUT_VECTOR,
    CB_LAYOUT_STRUCT,
    CB_LAYOUT_ANY, // for cb_reads alone
} cb_layout;

// What a column holds. `logical` says what the values stand for where the layout does not, as Arrow's C data interface writes it:
// "tdD" (a date in int32), "tsu:UTC" (a timestamp in int64), "d:19,10" (a decimal in fixed of 16), "+m" (a map).
typedef struct cb_type {
    cb_layout layout;
    bool not_null;
    uint32_t width;               // of fixed (bytes) and vector (items)
    uint32_t n_children;          // 1 for list and vector, the members of a struct
    const struct cb_type *children;
    cb_str name;                  // of a struct's member
    cb_str logical;
} cb_type;

#define CB__TYPE(layout) (CB__INIT(cb_type){layout, false, 0, 0, NULL, {NULL, 0}, {NULL, 0}})
#define CB_NULL CB__TYPE(CB_LAYOUT_NULL)
#define CB_BOOLEAN CB__TYPE(CB_LAYOUT_BOOLEAN)
#define CB_INT8 CB__TYPE(CB_LAYOUT_INT8)
#define CB_INT16 CB__TYPE(CB_LAYOUT_INT16)
#define CB_INT32 CB__TYPE(CB_LAYOUT_INT32)
#define CB_INT64 CB__TYPE(CB_LAYOUT_INT64)
#define CB_UINT8 CB__TYPE(CB_LAYOUT_UINT8)
#define CB_UINT16 CB__TYPE(CB_LAYOUT_UINT16)
#define CB_UINT32 CB__TYPE(CB_LAYOUT_UINT32)
#define CB_UINT64 CB__TYPE(CB_LAYOUT_UINT64)
#define CB_FLOAT32 CB__TYPE(CB_LAYOUT_FLOAT32)
#define CB_FLOAT64 CB__TYPE(CB_LAYOUT_FLOAT64)
#define CB_UTF8 CB__TYPE(CB_LAYOUT_UTF8)
#define CB_BINARY CB__TYPE(CB_LAYOUT_BINARY)
#define CB_ANY CB__TYPE(CB_LAYOUT_ANY)

static inline cb_type cb_not_null(cb_type type) { return type.not_null = true, type; }
static inline cb_type cb_named(const char *name, cb_type type) { return type.name = cb_str_of(name), type; }
static inline cb_type cb_meaning(cb_type type, const char *logical) { return type.logical = cb_str_of(logical), type; }
cb_type cb_fixed_of(uint32_t width);
cb_type cb_list_of(cb_type items);
cb_type cb_vector_of(cb_type items, uint32_t width);
// Members in order, made with `cb_named`.
cb_type cb_struct_of(const cb_type *members, size_t n);

// Values of one type in the memory of the call, as Apache Arrow lays them out: read them in place.
typedef struct cb_array {
    cb_layout layout;
    bool nullable;
    uint32_t length;
    const uint8_t *validity; // a bit for each value, the least significant first: 1 where there is one; NULL where there is no null
    const void *values;      // the numbers, the bits of booleans, the bytes of utf8, binary and fixed
    const uint32_t *offsets; // of utf8, binary, list: value i is [offsets[i], offsets[i + 1]) of `values` or of the child
    uint32_t width;          // of fixed (bytes) and vector (items)
    uint32_t n_children;     // 1 for list and vector, the members of a struct
    const struct cb_array *children;
    cb_str name;             // of a column or a struct's member
    cb_str logical;
} cb_array;

// Columns of equal length; without rows, a schema.
typedef struct cb_batch {
    uint32_t rows;
    uint32_t n_columns;
    const cb_array *columns;
    uint64_t first; // the number of the first row; 0 in a transform
    const struct cb_run *runs; // of a global step whose rows are grouped: which of the rows are of which group
    uint32_t n_runs;
} cb_batch;

// Rows of a batch that are of one group, behind those of the run before. The last group may continue in the next batch.
typedef struct cb_run {
    uint32_t group;
    uint32_t rows;
} cb_run;

cb_type cb_type_of(const cb_array *array);

static inline bool cb_bit(const void *bits, uint32_t i) { return ((const uint8_t *)bits)[i >> 3] >> (i & 7) & 1; }
static inline bool cb_null_at(const cb_array *array, uint32_t i) {
    return array->layout == CB_LAYOUT_NULL || (array->validity && !cb_bit(array->validity, i));
}
// Value i of a column of text or bytes; `ptr` is NULL for a null. Not checked: i < length.
static inline cb_str cb_text_at(const cb_array *array, uint32_t i) {
    if (cb_null_at(array, i)) return CB__INIT(cb_str){NULL, 0};
    return CB__INIT(cb_str){(const char *)array->values + array->offsets[i], array->offsets[i + 1] - array->offsets[i]};
}

// ---- Rows in ------------------------------------------------------------------------------------------------------------------

typedef struct cb_row {
    const cb_batch *batch;
    uint32_t index;  // in the batch
    uint64_t number; // in the batch of a transform, in the input of a global step; from 0
    uint32_t group; // of a global step whose rows are grouped: the number of its group in this call
} cb_row;

// One value, wherever it is nested.
typedef struct cb_value {
    const cb_array *array;
    uint32_t index;
} cb_value;

// The values of one list.
typedef struct cb_list {
    const cb_array *items;
    uint32_t start, len;
} cb_list;

// The value of a column, by its place among the columns that are read: the order of `cb_reads`.
#define cb_get(row, column) cb__get(row, column, __FILE__, __LINE__)
#define cb_is_null(row, column) cb_value_is_null(cb_get(row, column))
#define cb_text(row, column) cb_value_text(cb_get(row, column))    // cb_str; ptr is NULL for a null
#define cb_bytes(row, column) cb_value_bytes(cb_get(row, column))  // cb_str of binary or fixed
#define cb_int(row, column) cb_value_int(cb_get(row, column))      // int64_t, of every layout of integers; 0 for a null
#define cb_uint(row, column) cb_value_uint(cb_get(row, column))    // uint64_t
#define cb_float(row, column) cb_value_float(cb_get(row, column))  // double, of floats and integers
#define cb_bool(row, column) cb_value_bool(cb_get(row, column))
#define cb_items(row, column) cb_value_items(cb_get(row, column))  // cb_list, of lists and vectors
#define cb_value_text(value) cb__text(value, __FILE__, __LINE__)
#define cb_value_bytes(value) cb__bytes(value, __FILE__, __LINE__)
#define cb_value_int(value) cb__int(value, __FILE__, __LINE__)
#define cb_value_uint(value) cb__uint(value, __FILE__, __LINE__)
#define cb_value_float(value) cb__float(value, __FILE__, __LINE__)
#define cb_value_bool(value) cb__bool(value, __FILE__, __LINE__)
#define cb_value_items(value) cb__items(value, __FILE__, __LINE__)
#define cb_item(list, i) cb__item(list, i, __FILE__, __LINE__)              // cb_value
#define cb_member(value, name) cb__member(value, name, __FILE__, __LINE__)  // cb_value, of a struct

static inline bool cb_value_is_null(cb_value value) { return !value.array || cb_null_at(value.array, value.index); }
void cb__misread(const cb_array *array, const char *as, const char *file, int line);
cb_value cb__no_column(const cb_row *row, uint32_t column, const char *file, int line);
static inline cb_value cb__get(const cb_row *row, uint32_t column, const char *file, int line) {
    if (column >= row->batch->n_columns) return cb__no_column(row, column, file, line);
    return CB__INIT(cb_value){row->batch->columns + column, row->index};
}
static inline cb_str cb__text(cb_value value, const char *file, int line) {
    if (!value.array) return CB__INIT(cb_str){NULL, 0};
    if (value.array->layout != CB_LAYOUT_UTF8) return cb__misread(value.array, "text", file, line), CB__INIT(cb_str){NULL, 0};
    return cb_text_at(value.array, value.index);
}
cb_str cb__bytes(cb_value value, const char *file, int line);
int64_t cb__int(cb_value value, const char *file, int line);
uint64_t cb__uint(cb_value value, const char *file, int line);
double cb__float(cb_value value, const char *file, int line);
bool cb__bool(cb_value value, const char *file, int line);
cb_list cb__items(cb_value value, const char *file, int line);
cb_value cb__item(cb_list list, uint32_t i, const char *file, int line);
cb_value cb__member(cb_value value, const char *name, const char *file, int line);

// ---- Columns in: typed pointers over a batch, without a copy ------------------------------------------------------------------

// The array of a column; an empty one, and the call fails, if there is none.
#define cb_column(batch, column) cb__column(batch, column, __FILE__, __LINE__)
const cb_array *cb__column(const cb_batch *batch, uint32_t column, const char *file, int line);

// `const int64_t *n = cb_int64s(cb_column(batch, N))`: `length` numbers. If the layout is different, the call fails and the pointer is NULL.
#define cb_int8s(array) ((const int8_t *)cb__values(array, CB_LAYOUT_INT8, __FILE__, __LINE__))
#define cb_int16s(array) ((const int16_t *)cb__values(array, CB_LAYOUT_INT16, __FILE__, __LINE__))
#define cb_int32s(array) ((const int32_t *)cb__values(array, CB_LAYOUT_INT32, __FILE__, __LINE__))
#define cb_int64s(array) ((const int64_t *)cb__values(array, CB_LAYOUT_INT64, __FILE__, __LINE__))
#define cb_uint8s(array) ((const uint8_t *)cb__values(array, CB_LAYOUT_UINT8, __FILE__, __LINE__))
#define cb_uint16s(array) ((const uint16_t *)cb__values(array, CB_LAYOUT_UINT16, __FILE__, __LINE__))
#define cb_uint32s(array) ((const uint32_t *)cb__values(array, CB_LAYOUT_UINT32, __FILE__, __LINE__))
#define cb_uint64s(array) ((const uint64_t *)cb__values(array, CB_LAYOUT_UINT64, __FILE__, __LINE__))
#define cb_float32s(array) ((const float *)cb__values(array, CB_LAYOUT_FLOAT32, __FILE__, __LINE__))
#define cb_float64s(array) ((const double *)cb__values(array, CB_LAYOUT_FLOAT64, __FILE__, __LINE__))
const void *cb__values(const cb_array *array, cb_layout layout, const char *file, int line);

// ---- Rows out -----------------------------------------------------------------------------------------------------------------

typedef struct cb_out cb_out;
// A column that is being written; its values are pushed in order.
typedef struct cb_builder cb_builder;

// Values of the record that is being made, by the place among the columns that are written: the order of `cb_writes`.
#define cb_put_null(out, column) cb_push_null(cb_build(out, column))
#define cb_put_bool(out, column, value) cb_push_bool(cb_build(out, column), value)
#define cb_put_int(out, column, value) cb_push_int(cb_build(out, column), value)
#define cb_put_uint(out, column, value) cb_push_uint(cb_build(out, column), value)
#define cb_put_float(out, column, value) cb_push_float(cb_build(out, column), value)
#define cb_put_text(out, column, str) cb_push_text(cb_build(out, column), str)
#define cb_put_textf(out, column, ...) cb_push_textf(cb_build(out, column), __VA_ARGS__)
#define cb_put_bytes(out, column, str) cb_push_bytes(cb_build(out, column), str)
// Copies a value of the same layout, nested ones with all that is in them.
#define cb_put_value(out, column, value) cb_push_value(cb_build(out, column), value)

// The same with a builder, which is what nested columns need.
#define cb_build(out, column) cb__build(out, column, __FILE__, __LINE__)
#define cb_push_null(builder) cb__push_null(builder, __FILE__, __LINE__)
#define cb_push_bool(builder, value) cb__push_bool(builder, value, __FILE__, __LINE__)
#define cb_push_int(builder, value) cb__push_int(builder, value, __FILE__, __LINE__)
#define cb_push_uint(builder, value) cb__push_uint(builder, value, __FILE__, __LINE__)
#define cb_push_float(builder, value) cb__push_float(builder, value, __FILE__, __LINE__)
#define cb_push_text(builder, str) cb__push_bytes(builder, str, true, __FILE__, __LINE__)
#define cb_push_textf(builder, ...) cb__push_textf(builder, __FILE__, __LINE__, __VA_ARGS__)
#define cb_push_bytes(builder, str) cb__push_bytes(builder, str, false, __FILE__, __LINE__)
#define cb_push_value(builder, value) cb__push_value(builder, value, __FILE__, __LINE__)
// A list or vector: push its items into `cb_items_of(builder)`, then end it. A struct: push one value into each
// `cb_member_of(builder, i)`, then end it. Members that got none are null.
#define cb_items_of(builder) cb__child(builder, 0, __FILE__, __LINE__)
#define cb_member_of(builder, i) cb__child(builder, i, __FILE__, __LINE__)
#define cb_end(builder) cb__end(builder, __FILE__, __LINE__)

cb_builder *cb__build(cb_out *out, uint32_t column, const char *file, int line);
cb_builder *cb__child(cb_builder *builder, uint32_t i, const char *file, int line);
void cb__push_null(cb_builder *builder, const char *file, int line);
void cb__push_bool(cb_builder *builder, bool value, const char *file, int line);
void cb__push_int(cb_builder *builder, int64_t value, const char *file, int line);
void cb__push_uint(cb_builder *builder, uint64_t value, const char *file, int line);
void cb__push_float(cb_builder *builder, double value, const char *file, int line);
void cb__push_bytes(cb_builder *builder, cb_str value, bool is_text, const char *file, int line);
CB__PRINTF(4, 5) void cb__push_textf(cb_builder *builder, const char *file, int line, const char *format, ...);
void cb__push_value(cb_builder *builder, cb_value value, const char *file, int line);
void cb__end(cb_builder *builder, const char *file, int line);

// In a transform by rows and in a source: the record is made, and goes out with the row's other columns. May be called again for a
// second record of the same row, or not at all: then the row is dropped without a reason. A column that got no value is null.
#define cb_keep(out) cb__keep(out, __FILE__, __LINE__)
// In a transform by rows: the row goes no further, and why.
#define cb_drop(out, ...) cb__remove(out, false, __FILE__, __LINE__, __VA_ARGS__)   // as the step is meant to
#define cb_reject(out, ...) cb__remove(out, true, __FILE__, __LINE__, __VA_ARGS__)  // the step could not handle it
// The step could not handle it now, for a reason that passes, such as a server that is down: it counts as rejected, and the next run gives
// it to the step again.
#define cb_postpone(out, ...) (cb_try_again(), cb__remove(out, true, __FILE__, __LINE__, __VA_ARGS__))
// In a transform by columns and in a global step: the same for the row of this number.
#define cb_keep_row(out, number) cb__keep_row(out, number, __FILE__, __LINE__)
#define cb_drop_row(out, number, ...) cb__remove_row(out, number, false, __FILE__, __LINE__, __VA_ARGS__)
#define cb_reject_row(out, number, ...) cb__remove_row(out, number, true, __FILE__, __LINE__, __VA_ARGS__)
// In a transform by columns alone.
#define cb_postpone_row(out, number, ...) (cb_try_again(), cb__remove_row(out, number, true, __FILE__, __LINE__, __VA_ARGS__))
// In a global step that carries nothing of its first input: the record is a row of its own.
#define cb_write(out) cb__write(out, __FILE__, __LINE__)
// The same where rows are grouped: the record is put out in the place of the row of this number.
#define cb_write_at(out, number) cb__write_at(out, number, __FILE__, __LINE__)

cb_status cb__keep(cb_out *out, const char *file, int line);
cb_status cb__keep_row(cb_out *out, uint64_t number, const char *file, int line);
cb_status cb__write(cb_out *out, const char *file, int line);
cb_status cb__write_at(cb_out *out, uint64_t number, const char *file, int line);
CB__PRINTF(5, 6) cb_status cb__remove(cb_out *out, bool rejected, const char *file, int line, const char *format, ...);
CB__PRINTF(6, 7)
cb_status cb__remove_row(cb_out *out, uint64_t number, bool rejected, const char *file, int line, const char *format, ...);

// ---- Columns out --------------------------------------------------------------------------------------------------------------

// Room for the values of a column, to be filled: `int64_t *n = cb_new_int64s(out, N, rows)`. There are as many values as rows are put
// out: all of the batch less those removed, or those named with `cb_keep_row`. No nulls; else push values, or hand over an array.
#define cb_new_int8s(out, column, room) ((int8_t *)cb__new(out, column, room, CB_LAYOUT_INT8, __FILE__, __LINE__))
#define cb_new_int16s(out, column, room) ((int16_t *)cb__new(out, column, room, CB_LAYOUT_INT16, __FILE__, __LINE__))
#define cb_new_int32s(out, column, room) ((int32_t *)cb__new(out, column, room, CB_LAYOUT_INT32, __FILE__, __LINE__))
#define cb_new_int64s(out, column, room) ((int64_t *)cb__new(out, column, room, CB_LAYOUT_INT64, __FILE__, __LINE__))
#define cb_new_uint8s(out, column, room) ((uint8_t *)cb__new(out, column, room, CB_LAYOUT_UINT8, __FILE__, __LINE__))
#define cb_new_uint16s(out, column, room) ((uint16_t *)cb__new(out, column, room, CB_LAYOUT_UINT16, __FILE__, __LINE__))
#define cb_new_uint32s(out, column, room) ((uint32_t *)cb__new(out, column, room, CB_LAYOUT_UINT32, __FILE__, __LINE__))
#define cb_new_uint64s(out, column, room) ((uint64_t *)cb__new(out, column, room, CB_LAYOUT_UINT64, __FILE__, __LINE__))
#define cb_new_float32s(out, column, room) ((float *)cb__new(out, column, room, CB_LAYOUT_FLOAT32, __FILE__, __LINE__))
#define cb_new_float64s(out, column, room) ((double *)cb__new(out, column, room, CB_LAYOUT_FLOAT64, __FILE__, __LINE__))
void *cb__new(cb_out *out, uint32_t column, size_t room, cb_layout layout, const char *file, int line);

// Hands over an array as a whole: one of the input (which is not copied), or one made in memory of the call.
#define cb_put_array(out, column, array) cb__put_array(out, column, array, __FILE__, __LINE__)
void cb__put_array(cb_out *out, uint32_t column, const cb_array *array, const char *file, int line);

// ---- What a step reads and writes ---------------------------------------------------------------------------------------------

// Filled by `declare`, which is called when a pipeline is checked, and again when the step is opened: then the schemas have only the
// columns that were read.
typedef struct cb_shape {
    const cb_batch *inputs; // the schema of each input
    size_t n_inputs;
    struct cb__shape *made;
} cb_shape;

// The column `name` is read, and has to be of this type (CB_ANY: of any). `at` is the JSON pointer to the name in the configuration if
// it comes from there, else NULL. Gives the column's place, from 0. If the column is missing or of another type, `declare` fails.
uint32_t cb_reads(cb_shape *shape, const char *name, cb_type type, const char *at);
// The same of another input of a global step, by its number.
uint32_t cb_reads_of(cb_shape *shape, size_t input, const char *name, cb_type type, const char *at);
// The column `name` is written. Gives its place, from 0.
uint32_t cb_writes(cb_shape *shape, const char *name, cb_type type);
// The column `name` of the (first) input goes no further.
void cb_drops(cb_shape *shape, const char *name);

// How the rows of a global step are brought together, which the host does, on the disk where memory is not enough. Without any of
// these one call is given all rows, in the order of the input.
//
// Rows that agree in this column, and in others that this is called for, are a group, and a group is given to one call, whole. Nulls
// agree, and so do NaNs. The column has this name in every input, or another where `cb_by_key_of` says so.
void cb_by_key(cb_shape *shape, const char *name);
void cb_by_key_of(cb_shape *shape, size_t input, const char *name);
// A row is in a group for each distinct item in the list of this column. Such a step keeps and removes no rows: it uses `cb_write_at`.
void cb_by_each(cb_shape *shape, const char *name);
void cb_by_each_of(cb_shape *shape, size_t input, const char *name);

typedef enum cb_order { CB_ASCENDING = 0, CB_DESCENDING = 1, CB_NULLS_FIRST = 2, CB_DESCENDING_NULLS_FIRST = 3 } cb_order;

// Rows are sorted by this column: all of them, or those of each group. Called again, those that are equal so far. Rows without a value come
// last, and NaN is larger than any number.
void cb_in_order(cb_shape *shape, const char *name, cb_order order);
void cb_in_order_of(cb_shape *shape, size_t input, const char *name, cb_order order);
// Grouped rows are put out in the order of the calls, group after group, and not as they stand in the input.
void cb_as_written(cb_shape *shape);

// ---- The rows of a global step ------------------------------------------------------------------------------------------------

typedef struct cb_input cb_input;

// The next row, or NULL at the end. It is valid until the next call.
const cb_row *cb_next(cb_input *input);
// The rest of the present batch or the next one, or NULL at the end: for work by columns.
const cb_batch *cb_next_batch(cb_input *input);
// Goes on at this row: 0 to read again from the start.
void cb_seek(cb_input *input, uint64_t number);
// How many rows there are.
uint64_t cb_count_rows(const cb_input *input);
// Where `n` rows (at most 1,048,576) from row `number` on stand in the whole input, from 0: the same whatever rows a call is given. Valid
// until the call ends.
const uint64_t *cb_positions(const cb_input *input, uint64_t number, uint32_t n);

// The rows of one group.
typedef struct cb_group {
    uint32_t number; // of this call: the same for every input
    cb_input *input;
} cb_group;

// The next group, or NULL at the end; rows of the group before that were not read are passed over. Either `cb_next` reads an input, or these
// two do: `cb_seek` stands between them.
const cb_group *cb_next_group(cb_input *input);
// The next row of the group, or NULL at its end. It is valid until the next call.
const cb_row *cb_next_of(const cb_group *group);

// A table from texts to numbers, for what a step has to remember. The key is copied; a null is a key like any other.
typedef struct cb_map cb_map;
cb_map *cb_map_new(void);
void cb_map_free(cb_map *map);
size_t cb_map_size(const cb_map *map);
// Where the key's number is, or NULL.
uint64_t *cb_map_find(cb_map *map, cb_str key);
// Where the key's number is, set to `value` if the key is new (and `*is_new` to whether it is, unless NULL). Valid until the next call.
uint64_t *cb_map_add(cb_map *map, cb_str key, uint64_t value, bool *is_new);

// ---- Configuration ------------------------------------------------------------------------------------------------------------

typedef enum cb__field_kind { CB__NO_FIELD, CB__TEXT, CB__INT, CB__NUMBER, CB__BOOL, CB__CHOICE, CB__TEXTS } cb__field_kind;

// A list of texts in a configuration.
typedef struct cb_texts {
    const char *const *items;
    size_t len;
} cb_texts;

// What a value of the configuration is when it has been read and checked.
typedef struct cb__setting {
    const char *text; // NULL where there is none
    size_t len;
    int64_t integer; // of a choice: its place among the choices
    double number;
    bool boolean;
    cb_texts texts;
} cb__setting;

// A line in the table of fields. What stands behind the description in CB_TEXT and its kin may name these members.
typedef struct cb_field {
    cb__field_kind kind;
    const char *name;
    const char *doc;
    size_t offset;
    cb__setting fallback;
    bool required;    // without it the configuration is refused; the default is not used
    bool optional;    // of a text: NULL where it is not given
    const long long *min, *max;         // of an integer: CB_AT_LEAST(0), CB_AT_MOST(9)
    const double *at_least, *at_most;  // of a number: CB_FROM(0.5), CB_TO(1)
    const char *const *choices;
    void (*set)(void *config, const struct cb_field *field, const cb__setting *setting); // how C++ stores it
} cb_field;

#ifndef __cplusplus

#define CB_FIELDS(...) ((const cb_field[]){__VA_ARGS__, {0}})
#define CB__FIELD(Config, member, type, k, description, ...)                                                                \
    {.kind = (k), .name = #member, .doc = (description),                                                                    \
     .offset = _Generic(&((Config *)0)->member, type *: offsetof(Config, member)) __VA_OPT__(, ) __VA_ARGS__}

// The member is of type const char *, ended by a zero byte.
#define CB_TEXT(Config, member, value, doc, ...) \
    CB__FIELD(Config, member, const char *, CB__TEXT, doc, .fallback.text = (value)__VA_OPT__(, ) __VA_ARGS__)
// The member is a long long (so that %lld prints it).
#define CB_INT(Config, member, value, doc, ...) \
    CB__FIELD(Config, member, long long, CB__INT, doc, .fallback.integer = (value)__VA_OPT__(, ) __VA_ARGS__)
// The member is a double.
#define CB_NUMBER(Config, member, value, doc, ...) \
    CB__FIELD(Config, member, double, CB__NUMBER, doc, .fallback.number = (value)__VA_OPT__(, ) __VA_ARGS__)
// The member is a bool.
#define CB_BOOL(Config, member, value, doc, ...) \
    CB__FIELD(Config, member, bool, CB__BOOL, doc, .fallback.boolean = (value)__VA_OPT__(, ) __VA_ARGS__)
// The member is an int: the place of the value among the texts of CB_CHOICES("rows", "columns"), of which `value` is one.
#define CB_CHOICE(Config, member, value, names, doc, ...) \
    CB__FIELD(Config, member, int, CB__CHOICE, doc, .choices = (names), .fallback.text = (value)__VA_OPT__(, ) __VA_ARGS__)
#define CB_CHOICES(...) ((const char *const[]){__VA_ARGS__, NULL})
// The member is a cb_texts, empty by default.
#define CB_TEXTS(Config, member, doc, ...) CB__FIELD(Config, member, cb_texts, CB__TEXTS, doc __VA_OPT__(, ) __VA_ARGS__)
#define CB_AT_LEAST(value) .min = &(const long long){value}
#define CB_AT_MOST(value) .max = &(const long long){value}
#define CB_FROM(value) .at_least = &(const double){value}
#define CB_TO(value) .at_most = &(const double){value}

#endif

// For steps that take no configuration.
typedef struct cb_no_config {
    char nothing;
} cb_no_config;

// ---- The step -----------------------------------------------------------------------------------------------------------------

typedef struct cb_about {
    const char *name, *version, *summary;
    const cb_field *fields;
    size_t config_size;
    void (*construct)(void *config), (*destroy)(void *config); // how C++ begins and ends it
} cb_about;

// What the SDK calls; made by the macros below.
typedef struct cb__step {
    void (*about)(cb_about *about);
    cb_status (*declare)(const void *config, cb_shape *shape);
    cb_status (*open)(const void *config, const cb_shape *shape);
    cb_status (*process)(const void *config, const cb_batch *batch, cb_out *out);
    cb_status (*run)(const void *config, cb_input *const *inputs, size_t n_inputs, cb_out *out);
    cb_status (*row)(const void *config, uint64_t number, cb_out *out);
} cb__step;

extern const cb__step cb__the_step;
CB__NORETURN void cb__end_of_everything(const char *format, va_list args);
void cb__begin_row(cb_out *out, uint64_t number);

#ifndef __cplusplus

#define CB__STEP(Config, members, ...)                                                                                       \
    static const struct {                                                                                                    \
        const char *name, *version, *summary;                                                                                \
        const cb_field *fields;                                                                                              \
        cb_status (*declare)(const Config *config, cb_shape *shape);                                                         \
        cb_status (*open)(const Config *config, const cb_shape *shape);                                                      \
        members                                                                                                              \
    } cb__typed = {__VA_ARGS__};                                                                                             \
    static void cb__about(cb_about *about) {                                                                                 \
        *about = (cb_about){.name = cb__typed.name, .version = cb__typed.version, .summary = cb__typed.summary,               \
                            .fields = cb__typed.fields, .config_size = sizeof(Config)};                                      \
    }                                                                                                                        \
    static cb_status cb__declare(const void *config, cb_shape *shape) {                                                      \
        return cb__typed.declare ? cb__typed.declare(config, shape) : CB_OK;                                                 \
    }                                                                                                                        \
    static cb_status cb__open(const void *config, const cb_shape *shape) {                                                   \
        return cb__typed.open ? cb__typed.open(config, shape) : CB_OK;                                                       \
    }

// A step that works on one row (`.row`) or one batch (`.columns`) at a time, and remembers nothing between them.
#define CB_TRANSFORM(Config, ...)                                                                                            \
    CB__STEP(Config,                                                                                                         \
             cb_status (*row)(const Config *config, const cb_row *row, cb_out *out);                                         \
             cb_status (*columns)(const Config *config, const cb_batch *batch, cb_out *out);, __VA_ARGS__)                   \
    static cb_status cb__process(const void *config, const cb_batch *batch, cb_out *out) {                                   \
        if (cb__typed.columns) return cb__typed.columns(config, batch, out);                                                 \
        if (!cb__typed.row) return cb_fail("CB_TRANSFORM was given neither .row nor .columns");                              \
        for (cb_row row = {batch, 0, 0, 0}; row.index < batch->rows; row.number = ++row.index) {                                \
            cb__begin_row(out, row.index);                                                                                   \
            cb_status status = cb__typed.row(config, &row, out);                                                             \
            if (status != CB_OK || cb__has_failed) return CB_FAILED;                                                         \
        }                                                                                                                    \
        return CB_OK;                                                                                                        \
    }                                                                                                                        \
    const cb__step cb__the_step = {.about = cb__about, .declare = cb__declare, .open = cb__open, .process = cb__process}

// A step that needs rows of the whole input together before it puts out the first. Where rows are grouped, `.run` is called any number of
// times, each time with other groups: what comes of a group depends on the configuration and its rows alone.
#define CB_GLOBAL(Config, ...)                                                                                               \
    CB__STEP(Config, cb_status (*run)(const Config *config, cb_input *const *inputs, size_t n_inputs, cb_out *out);, __VA_ARGS__) \
    static cb_status cb__run(const void *config, cb_input *const *inputs, size_t n_inputs, cb_out *out) {                    \
        return cb__typed.run ? cb__typed.run(config, inputs, n_inputs, out) : cb_fail("CB_GLOBAL was given no .run");        \
    }                                                                                                                        \
    const cb__step cb__the_step = {.about = cb__about, .declare = cb__declare, .open = cb__open, .run = cb__run}

// A step that makes rows: `.row` is called with 0, 1, 2 and so on until it gives CB_END, and may begin anywhere when a run is resumed.
#define CB_SOURCE(Config, ...)                                                                                               \
    CB__STEP(Config, cb_status (*row)(const Config *config, uint64_t number, cb_out *out);, __VA_ARGS__)                     \
    static cb_status cb__row(const void *config, uint64_t number, cb_out *out) {                                             \
        return cb__typed.row ? cb__typed.row(config, number, out) : cb_fail("CB_SOURCE was given no .row");                  \
    }                                                                                                                        \
    const cb__step cb__the_step = {.about = cb__about, .declare = cb__declare, .open = cb__open, .row = cb__row}

#endif

#ifdef __cplusplus
}
#endif

#endif
