// What the parts of the SDK share. The journey of a call: the kind's file (../transform.c, …) takes what the bindings give, `raw.h` makes
// arrays of it without a copy, the step reads them (`read.c`) and pushes values into builders (`build.c`), `out.c` keeps count of rows,
// `raw.h` makes what the bindings take. All that a call allocates (`memory.c`) is given back when the host has taken the result.
#ifndef CALLBOARD_INTERNAL_H
#define CALLBOARD_INTERNAL_H

#include <stdarg.h>

#include "../callboard.h"

// ---- memory.c -----------------------------------------------------------------------------------------------------------------

// Memory that is given back all at once.
typedef struct cb__arena {
    struct cb__chunk *chunks;
} cb__arena;

extern cb__arena cb__call; // of the present call
extern cb__arena cb__life; // of the instance

void *cb__alloc(cb__arena *arena, size_t size);
char *cb__copy(cb__arena *arena, const char *text, size_t len); // with a zero byte behind it
void cb__reset(cb__arena *arena);
// A message that comes before the end of everything: memory is out.
_Noreturn void cb__die(const char *message);

// Bytes that grow, and are kept from call to call.
typedef struct cb__buffer {
    char *ptr;
    size_t len, cap;
} cb__buffer;

void cb__grow(cb__buffer *buffer, size_t more); // room for this many bytes more
static inline void *cb__extend(cb__buffer *buffer, size_t more) {
    if (buffer->cap - buffer->len < more) cb__grow(buffer, more);
    void *at = buffer->ptr + buffer->len;
    buffer->len += more;
    return at;
}
void cb__buffer_free(cb__buffer *buffer);
void cb__append(cb__buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cb__append_v(cb__buffer *buffer, const char *format, va_list args);

// ---- error.c ------------------------------------------------------------------------------------------------------------------

// The first error of the call.
typedef struct cb__error {
    cb_error_kind kind;
    cb_str message;
    const char *at; // NULL for none
} cb__error;

extern cb__error cb__failure;
// An error if the step gave one back or noted one, `config` or `input` kinds included. Whether all is well.
bool cb__ok(cb_status status);
void cb__flush(void);
// Makes UTF-8 of it.
void cb__mend(char *text, size_t len);
// Begins a call, and ends it when the host has taken the result.
void cb__begin_call(void);
void cb__end_call(void);

// ---- the host, in the kind's file ---------------------------------------------------------------------------------------------

void cb__host_log(cb_level level, const char *message, size_t len);
void cb__host_count(const char *name, int64_t amount);
// Sets all of each reply but `passing`; `problem` is CB_REPLIED whatever the status.
void cb__host_send(const cb_request *requests, size_t n, cb_reply *replies);
void cb__host_try_again(void);

// ---- json.c -------------------------------------------------------------------------------------------------------------------

typedef enum cb__json_kind { CB__JSON_NULL, CB__JSON_BOOL, CB__JSON_NUMBER, CB__JSON_TEXT, CB__JSON_LIST, CB__JSON_OBJECT } cb__json_kind;

typedef struct cb__json {
    cb__json_kind kind;
    bool boolean, is_integer;
    int64_t integer; // where is_integer
    double number;
    cb_str text;           // ended by a zero byte
    cb_str key;            // of an object's member
    struct cb__json *first; // of a list or object
    struct cb__json *next;  // of what it stands in
    size_t len;             // of a list or object
} cb__json;

// The one value that the text has, or NULL and what is wrong. Strict: RFC 8259, no member twice, 64 deep at most.
const cb__json *cb__json_read(cb__arena *arena, cb_str text, cb_str *problem);
const char *cb__json_kind_name(const cb__json *json);
void cb__json_quote(cb__buffer *buffer, const char *text, size_t len);
void cb__json_number(cb__buffer *buffer, double number);

// ---- config.c -----------------------------------------------------------------------------------------------------------------

// The JSON Schema of the fields.
cb_str cb__config_schema(const cb_field *fields);
// The configuration, in memory of this arena; NULL and an error noted if it is wrong.
void *cb__config_read(cb__arena *arena, const cb_about *about, cb_str text);

// ---- build.c ------------------------------------------------------------------------------------------------------------------

struct cb_builder {
    cb_type type;
    cb_out *out;
    uint32_t length, nulls;
    cb__buffer values, offsets, validity;
    cb_builder *children;
    const cb_array *whole; // handed over, in place of what was pushed
    bool filled;           // `cb__new`: as many values as rows
};

void cb__builder_init(cb_builder *builder, cb_type type, cb_out *out);
void cb__builder_free(cb_builder *builder);
void cb__truncate(cb_builder *builder, uint32_t length);
size_t cb__builder_bytes(const cb_builder *builder);
// What was built, in place.
void cb__built(const cb_builder *builder, cb_array *array);
uint32_t cb__width(cb_layout layout); // bytes of a number, else 0
const char *cb__layout_name(cb_layout layout);

// ---- shape.c ------------------------------------------------------------------------------------------------------------------

typedef struct cb__names {
    cb_str *items;
    size_t len;
} cb__names;

typedef struct cb__shape {
    cb__arena *arena;
    cb__names *reads; // one for each input
    cb__names drops;
    cb_type *writes; // named
    size_t n_writes;
    enum { CB__ALL, CB__BY_KEY, CB__BY_EACH } gathering;
    cb__names *keys;        // of each input; of one that has none they are those of the first
    struct cb__sort *sorts; // of each input
    bool as_written;
} cb__shape;

// The columns that the rows of an input are sorted by.
typedef struct cb__sort {
    cb_str *names;
    cb_order *orders;
    size_t len;
} cb__sort;

// The columns that the rows of an input are grouped by.
const cb__names *cb__keys(const cb__shape *shape, size_t input);
// Whether the columns that rows are grouped and sorted by are there.
bool cb__gathers(const cb_shape *shape);

void cb__shape_init(cb_shape *shape, cb__arena *arena, const cb_batch *inputs, size_t n_inputs);
cb_type cb__type_copy(cb__arena *arena, cb_type type);
// `declare` once more, when the step is opened with what it asked for; whether it asked for the same.
bool cb__reopen(const cb__step *step, const void *config, cb_shape *shape, const cb_batch *inputs, size_t n_inputs);

// ---- out.c --------------------------------------------------------------------------------------------------------------------

typedef struct cb__removal {
    uint64_t row;
    bool rejected;
    size_t at, len; // in `reasons`
} cb__removal;

struct cb_out {
    cb_builder *columns;
    uint32_t n_columns;
    uint64_t n_rows;    // of the input
    uint64_t current;   // the row that is worked on
    bool in_row;        // whether there is one
    bool kept, removed; // its fate
    bool named;         // rows are named, rather than all those put out that are not removed
    bool started;       // of a global step: whether it put out a row,
    bool written;       // and whether its rows come from none of the input
    bool grouped;       // whether its rows are grouped
    uint32_t n_put;     // records that wait
    cb__buffer origins; // uint64_t each: rows that are kept, or in whose places rows are written
    cb__buffer removals, reasons;
    void (*flush)(cb_out *out); // of a global step: hands on the records that wait,
    void (*flush_removals)(cb_out *out); // and the removals
    cb_array *arrays;           // what `cb__out_arrays` gave
};

void cb__out_init(cb_out *out, const cb__shape *shape);
void cb__out_reset(cb_out *out, uint64_t n_rows);
// The columns as they stand, checked: each has `rows` values. NULL and an error noted if not.
const cb_array *cb__out_arrays(cb_out *out, uint32_t rows);

#endif
