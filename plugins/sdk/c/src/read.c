// Values of a batch, taken out one by one and checked.

#include "internal.h"

static const cb_array nothing = {0};

void cb__misread(const cb_array *array, const char *as, const char *file, int line) {
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "`" CB_FMT "` is %s, and was read as %s", CB_ARG(array->name),
             cb__layout_name(array->layout), as);
}

cb_value cb__no_column(const cb_row *row, uint32_t column, const char *file, int line) {
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "column %u was read, and the step reads %u, counted from 0", (unsigned)column,
             (unsigned)row->batch->n_columns);
    return (cb_value){NULL, 0};
}

const cb_array *cb__column(const cb_batch *batch, uint32_t column, const char *file, int line) {
    if (column < batch->n_columns) return &batch->columns[column];
    cb__no_column(&(cb_row){batch, 0, 0, 0}, column, file, line);
    return &nothing;
}

const void *cb__values(const cb_array *array, cb_layout layout, const char *file, int line) {
    if (array->layout == layout) return array->values;
    cb__misread(array, cb__layout_name(layout), file, line);
    return NULL;
}

cb_str cb__bytes(cb_value value, const char *file, int line) {
    if (!value.array || cb_null_at(value.array, value.index)) return (cb_str){NULL, 0};
    switch (value.array->layout) {
    case CB_LAYOUT_BINARY: return cb_text_at(value.array, value.index);
    case CB_LAYOUT_FIXED:
        return (cb_str){(const char *)value.array->values + (size_t)value.index * value.array->width, value.array->width};
    default: return cb__misread(value.array, "bytes", file, line), (cb_str){NULL, 0};
    }
}

#define NUMBER(type) ((const type *)value.array->values)[value.index]

int64_t cb__int(cb_value value, const char *file, int line) {
    if (cb_value_is_null(value)) return 0;
    switch (value.array->layout) {
    case CB_LAYOUT_INT8: return NUMBER(int8_t);
    case CB_LAYOUT_INT16: return NUMBER(int16_t);
    case CB_LAYOUT_INT32: return NUMBER(int32_t);
    case CB_LAYOUT_INT64: return NUMBER(int64_t);
    case CB_LAYOUT_UINT8: return NUMBER(uint8_t);
    case CB_LAYOUT_UINT16: return NUMBER(uint16_t);
    case CB_LAYOUT_UINT32: return NUMBER(uint32_t);
    case CB_LAYOUT_UINT64:
        if (NUMBER(uint64_t) <= INT64_MAX) return (int64_t)NUMBER(uint64_t);
        cb__fail(CB_ERROR_FAILED, NULL, file, line, "%llu in `" CB_FMT "` does not fit int64", (unsigned long long)NUMBER(uint64_t),
                 CB_ARG(value.array->name));
        return 0;
    default: return cb__misread(value.array, "an integer", file, line), 0;
    }
}

uint64_t cb__uint(cb_value value, const char *file, int line) {
    if (cb_value_is_null(value)) return 0;
    if (value.array->layout == CB_LAYOUT_UINT64) return NUMBER(uint64_t);
    int64_t number = cb__int(value, file, line);
    if (number >= 0) return (uint64_t)number;
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "%lld in `" CB_FMT "` is below 0", (long long)number, CB_ARG(value.array->name));
    return 0;
}

double cb__float(cb_value value, const char *file, int line) {
    if (cb_value_is_null(value)) return 0;
    switch (value.array->layout) {
    case CB_LAYOUT_FLOAT32: return NUMBER(float);
    case CB_LAYOUT_FLOAT64: return NUMBER(double);
    case CB_LAYOUT_UINT64: return (double)NUMBER(uint64_t);
    default: return (double)cb__int(value, file, line);
    }
}

bool cb__bool(cb_value value, const char *file, int line) {
    if (cb_value_is_null(value)) return false;
    if (value.array->layout == CB_LAYOUT_BOOLEAN) return cb_bit(value.array->values, value.index);
    return cb__misread(value.array, "a boolean", file, line), false;
}

cb_list cb__items(cb_value value, const char *file, int line) {
    if (cb_value_is_null(value)) return (cb_list){&nothing, 0, 0};
    const cb_array *array = value.array;
    switch (array->layout) {
    case CB_LAYOUT_LIST:
        return (cb_list){array->children, array->offsets[value.index], array->offsets[value.index + 1] - array->offsets[value.index]};
    case CB_LAYOUT_VECTOR: return (cb_list){array->children, value.index * array->width, array->width};
    default: return cb__misread(array, "a list", file, line), (cb_list){&nothing, 0, 0};
    }
}

cb_value cb__item(cb_list list, uint32_t i, const char *file, int line) {
    if (i < list.len) return (cb_value){list.items, list.start + i};
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "item %u of a list of %u was read, from 0", (unsigned)i, (unsigned)list.len);
    return (cb_value){NULL, 0};
}

cb_value cb__member(cb_value value, const char *name, const char *file, int line) {
    if (cb_value_is_null(value)) return (cb_value){NULL, 0};
    if (value.array->layout != CB_LAYOUT_STRUCT) return cb__misread(value.array, "a struct", file, line), (cb_value){NULL, 0};
    for (uint32_t i = 0; i < value.array->n_children; i++) {
        const cb_array *member = &value.array->children[i];
        if (cb_str_eq(member->name, cb_str_of(name))) return (cb_value){member, value.index};
    }
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "`" CB_FMT "` has no member `%s`", CB_ARG(value.array->name), name);
    return (cb_value){NULL, 0};
}
