// What a call puts out: which rows go on, which do not and why, and the columns written.

#include "internal.h"

enum { FLUSH_ROWS = 8192, FLUSH_BYTES = 1 << 20 };

void cb__out_init(cb_out *out, const cb__shape *shape) {
    out->n_columns = (uint32_t)shape->n_writes;
    out->columns = cb__alloc(&cb__life, (shape->n_writes + 1) * sizeof *out->columns);
    out->arrays = cb__alloc(&cb__life, (shape->n_writes + 1) * sizeof *out->arrays);
    for (uint32_t i = 0; i < out->n_columns; i++) cb__builder_init(&out->columns[i], shape->writes[i], out);
}

void cb__out_reset(cb_out *out, uint64_t n_rows) {
    for (uint32_t i = 0; i < out->n_columns; i++) cb__truncate(&out->columns[i], 0);
    out->n_rows = n_rows;
    out->in_row = out->named = false;
    out->n_put = 0;
    out->origins.len = out->removals.len = out->reasons.len = 0;
    out->started = out->written = false;
}

cb_builder *cb__build(cb_out *out, uint32_t column, const char *file, int line) {
    if (column < out->n_columns) return &out->columns[column];
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "column %u was written, and the step writes %u, counted from 0", (unsigned)column,
             (unsigned)out->n_columns);
    return NULL;
}

// What was put and not kept is forgotten.
static void forget(cb_out *out) {
    for (uint32_t i = 0; i < out->n_columns; i++) {
        if (out->columns[i].length > out->n_put) cb__truncate(&out->columns[i], out->n_put);
    }
}

void cb__begin_row(cb_out *out, uint64_t number) {
    out->current = number;
    out->in_row = true, out->kept = out->removed = false;
    forget(out);
}

// Ends a record: each column has one value more.
static cb_status end_record(cb_out *out, const char *file, int line) {
    for (uint32_t i = 0; i < out->n_columns; i++) {
        cb_builder *builder = &out->columns[i];
        if (builder->length == out->n_put) {
            if (builder->type.not_null) {
                return cb__fail(CB_ERROR_FAILED, NULL, file, line, "`" CB_FMT "` got no value, and may not be null", CB_ARG(builder->type.name));
            }
            cb__push_null(builder, file, line);
        } else if (builder->length > out->n_put + 1) {
            return cb__fail(CB_ERROR_FAILED, NULL, file, line, "`" CB_FMT "` got %u values for one row", CB_ARG(builder->type.name),
                            (unsigned)(builder->length - out->n_put));
        }
    }
    out->n_put++;
    return cb__has_failed ? CB_FAILED : CB_OK;
}

// Hands on what waits when it is much; looked at now and then.
static void flush_some(cb_out *out) {
    if (!out->flush || (out->n_put & 255)) return;
    size_t bytes = 0;
    for (uint32_t i = 0; i < out->n_columns; i++) bytes += cb__builder_bytes(&out->columns[i]);
    if (out->n_put >= FLUSH_ROWS || bytes >= FLUSH_BYTES) out->flush(out);
}

static bool exists(const cb_out *out, uint64_t number, const char *file, int line) {
    if (number < out->n_rows) return true;
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "row %llu was named, and there are %llu, from 0", (unsigned long long)number,
             (unsigned long long)out->n_rows);
    return false;
}

// A global step puts its rows out in one of two ways.
static bool one_way(cb_out *out, bool written, const char *file, int line) {
    if (!out->started) out->started = true, out->written = written;
    if (out->written == written) return true;
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "a step puts out all rows by `cb_keep_row` or all by `cb_write`");
    return false;
}

cb_status cb__keep(cb_out *out, const char *file, int line) {
    if (!out->in_row) return cb__fail(CB_ERROR_FAILED, NULL, file, line, "`cb_keep` is for steps by rows; here it is `cb_keep_row`");
    if (out->removed) return cb__fail(CB_ERROR_FAILED, NULL, file, line, "the row was kept after it had been dropped or rejected");
    out->kept = true;
    *(uint64_t *)cb__extend(&out->origins, 8) = out->current;
    return end_record(out, file, line);
}

cb_status cb__keep_row(cb_out *out, uint64_t number, const char *file, int line) {
    if (out->in_row) return cb__fail(CB_ERROR_FAILED, NULL, file, line, "`cb_keep_row` is for steps by columns and global steps; here it is `cb_keep`");
    if (!exists(out, number, file, line)) return CB_FAILED;
    if (!one_way(out, false, file, line)) return CB_FAILED;
    out->named = true;
    *(uint64_t *)cb__extend(&out->origins, 8) = number;
    // By columns the records are made whole, by whichever means.
    if (!out->flush) return CB_OK;
    cb_status status = end_record(out, file, line);
    flush_some(out);
    return status;
}

static cb_status write_record(cb_out *out, const char *file, int line) {
    if (!one_way(out, true, file, line)) return CB_FAILED;
    cb_status status = end_record(out, file, line);
    flush_some(out);
    return status;
}

cb_status cb__write(cb_out *out, const char *file, int line) {
    if (!out->flush) return cb__fail(CB_ERROR_FAILED, NULL, file, line, "`cb_write` is for global steps");
    if (out->grouped) {
        return cb__fail(CB_ERROR_FAILED, NULL, file, line, "rows are grouped: `cb_write_at` names the row in whose place the record is put out");
    }
    return write_record(out, file, line);
}

cb_status cb__write_at(cb_out *out, uint64_t number, const char *file, int line) {
    if (!out->grouped) return cb__fail(CB_ERROR_FAILED, NULL, file, line, "`cb_write_at` is for global steps whose rows are grouped");
    if (!exists(out, number, file, line)) return CB_FAILED;
    *(uint64_t *)cb__extend(&out->origins, 8) = number;
    return write_record(out, file, line);
}

static cb_status note(cb_out *out, uint64_t row, bool rejected, const char *format, va_list args) {
    size_t at = out->reasons.len;
    cb__append_v(&out->reasons, format, args);
    cb__mend(out->reasons.ptr + at, out->reasons.len - at);
    *(cb__removal *)cb__extend(&out->removals, sizeof(cb__removal)) = (cb__removal){row, rejected, at, out->reasons.len - at};
    if (out->flush_removals && out->removals.len >= FLUSH_ROWS * sizeof(cb__removal)) out->flush_removals(out);
    return cb__has_failed ? CB_FAILED : CB_OK;
}

cb_status cb__remove(cb_out *out, bool rejected, const char *file, int line, const char *format, ...) {
    if (!out->in_row) return cb__fail(CB_ERROR_FAILED, NULL, file, line, "`cb_drop` and `cb_reject` are for steps by rows; here it is `cb_drop_row`");
    if (out->kept || out->removed) return cb__fail(CB_ERROR_FAILED, NULL, file, line, "the row was dropped or rejected after it had been kept or removed");
    out->removed = true;
    va_list args;
    va_start(args, format);
    cb_status status = note(out, out->current, rejected, format, args);
    va_end(args);
    return status;
}

cb_status cb__remove_row(cb_out *out, uint64_t number, bool rejected, const char *file, int line, const char *format, ...) {
    if (out->in_row) return cb__fail(CB_ERROR_FAILED, NULL, file, line, "`cb_drop_row` is for steps by columns and global steps; here it is `cb_drop`");
    if (!exists(out, number, file, line)) return CB_FAILED;
    va_list args;
    va_start(args, format);
    cb_status status = note(out, number, rejected, format, args);
    va_end(args);
    return status;
}

void *cb__new(cb_out *out, uint32_t column, size_t room, cb_layout layout, const char *file, int line) {
    cb_builder *builder = cb__build(out, column, file, line);
    if (builder && builder->type.layout != layout) {
        cb__fail(CB_ERROR_FAILED, NULL, file, line, "`" CB_FMT "` is %s, and was written as %s", CB_ARG(builder->type.name),
                 cb__layout_name(builder->type.layout), cb__layout_name(layout));
        builder = NULL;
    }
    if (!builder) return cb_alloc(room * cb__width(layout)); // to be written into: the call has failed already
    cb__truncate(builder, 0);
    builder->filled = true;
    return cb__extend(&builder->values, room * cb__width(layout));
}

void cb__put_array(cb_out *out, uint32_t column, const cb_array *array, const char *file, int line) {
    cb_builder *builder = cb__build(out, column, file, line);
    if (!builder) return;
    if (builder->type.layout != array->layout) {
        cb__fail(CB_ERROR_FAILED, NULL, file, line, "`" CB_FMT "` is %s, and an array of %s was put there", CB_ARG(builder->type.name),
                 cb__layout_name(builder->type.layout), cb__layout_name(array->layout));
        return;
    }
    cb_array *copy = cb_alloc(sizeof *copy);
    *copy = *array;
    copy->name = builder->type.name, copy->logical = builder->type.logical;
    builder->whole = copy;
}

const cb_array *cb__out_arrays(cb_out *out, uint32_t rows) {
    if (out->in_row) forget(out);
    for (uint32_t i = 0; i < out->n_columns; i++) {
        cb_builder *builder = &out->columns[i];
        cb_array *array = &out->arrays[i];
        cb__built(builder, array);
        if (builder->whole) *array = *builder->whole;
        if (builder->filled) array->length = rows;
        bool short_of_room = builder->filled && builder->values.len < (size_t)rows * cb__width(builder->type.layout);
        if (array->length != rows || short_of_room) {
            cb__fail(CB_ERROR_FAILED, NULL, NULL, 0, "`" CB_FMT "` got %u values, and %u rows are put out", CB_ARG(builder->type.name),
                     (unsigned)(short_of_room ? builder->values.len / cb__width(builder->type.layout) : array->length), (unsigned)rows);
            return NULL;
        }
    }
    return out->arrays;
}
