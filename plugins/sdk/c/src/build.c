// Columns that are written: values are pushed into buffers that are kept from batch to batch.

#include <math.h>

#include "internal.h"

uint32_t cb__width(cb_layout layout) {
    static const uint8_t widths[CB_LAYOUT_ANY] = {
        [CB_LAYOUT_INT8] = 1,  [CB_LAYOUT_INT16] = 2,  [CB_LAYOUT_INT32] = 4,  [CB_LAYOUT_INT64] = 8,   [CB_LAYOUT_UINT8] = 1,
        [CB_LAYOUT_UINT16] = 2, [CB_LAYOUT_UINT32] = 4, [CB_LAYOUT_UINT64] = 8, [CB_LAYOUT_FLOAT32] = 4, [CB_LAYOUT_FLOAT64] = 8,
    };
    return layout < CB_LAYOUT_ANY ? widths[layout] : 0;
}

const char *cb__layout_name(cb_layout layout) {
    static const char *const names[] = {"null",   "boolean", "int8",   "int16",   "int32",   "int64", "uint8",  "uint16", "uint32", "uint64",
                                        "float32", "float64", "text",  "binary", "fixed", "list",  "vector", "struct", "any"};
    return names[layout];
}

static bool has_offsets(cb_layout layout) { return layout == CB_LAYOUT_UTF8 || layout == CB_LAYOUT_BINARY || layout == CB_LAYOUT_LIST; }

void cb__builder_init(cb_builder *builder, cb_type type, cb_out *out) {
    *builder = (cb_builder){.type = type, .out = out};
    if (has_offsets(type.layout)) *(uint32_t *)cb__extend(&builder->offsets, 4) = 0;
    if (type.n_children) builder->children = cb__alloc(&cb__life, type.n_children * sizeof *builder->children);
    for (uint32_t i = 0; i < type.n_children; i++) cb__builder_init(&builder->children[i], type.children[i], out);
}

void cb__builder_free(cb_builder *builder) {
    cb__buffer_free(&builder->values), cb__buffer_free(&builder->offsets), cb__buffer_free(&builder->validity);
    for (uint32_t i = 0; i < builder->type.n_children; i++) cb__builder_free(&builder->children[i]);
}

size_t cb__builder_bytes(const cb_builder *builder) {
    size_t bytes = builder->values.len + builder->offsets.len;
    for (uint32_t i = 0; i < builder->type.n_children; i++) bytes += cb__builder_bytes(&builder->children[i]);
    return bytes;
}

static void set_bit(cb__buffer *bits, uint32_t i, bool bit) {
    while (bits->len <= i / 8) *(char *)cb__extend(bits, 1) = 0;
    bits->ptr[i / 8] = (char)((bits->ptr[i / 8] & ~(1 << i % 8)) | bit << i % 8);
}

// Counts a value whose bytes are there.
static void valid(cb_builder *builder, bool is_valid) {
    if (!is_valid && builder->validity.len == 0) {
        for (uint32_t i = 0; i < builder->length; i++) set_bit(&builder->validity, i, true);
    }
    if (!is_valid || builder->validity.len) set_bit(&builder->validity, builder->length, is_valid);
    builder->nulls += !is_valid;
    builder->length++;
}

static void refuse(const cb_builder *builder, const char *what, const char *file, int line) {
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "`" CB_FMT "` is %s, and %s was put there", CB_ARG(builder->type.name),
             cb__layout_name(builder->type.layout), what);
}

// A value that is there only so that something is: under a null, or where there may be none.
static void pad(cb_builder *builder) {
    cb_layout layout = builder->type.layout;
    uint32_t width = layout == CB_LAYOUT_FIXED ? builder->type.width : cb__width(layout);
    if (width) memset(cb__extend(&builder->values, width), 0, width);
    if (layout == CB_LAYOUT_BOOLEAN) set_bit(&builder->values, builder->length, false);
    if (has_offsets(layout)) {
        uint32_t last = ((uint32_t *)builder->offsets.ptr)[builder->length];
        *(uint32_t *)cb__extend(&builder->offsets, 4) = last;
    }
    for (uint32_t i = 0; layout == CB_LAYOUT_VECTOR && i < builder->type.width; i++) pad(builder->children);
    for (uint32_t i = 0; layout == CB_LAYOUT_STRUCT && i < builder->type.n_children; i++) pad(&builder->children[i]);
    valid(builder, builder->type.not_null);
}

void cb__push_null(cb_builder *builder, const char *file, int line) {
    if (!builder) return;
    if (builder->type.not_null) refuse(builder, "a null", file, line);
    if (builder->type.layout == CB_LAYOUT_NULL) {
        builder->length++;
    } else {
        pad(builder);
    }
}

void cb__push_bool(cb_builder *builder, bool value, const char *file, int line) {
    if (!builder) return;
    if (builder->type.layout != CB_LAYOUT_BOOLEAN) return refuse(builder, "a boolean", file, line);
    set_bit(&builder->values, builder->length, value);
    valid(builder, true);
}

#define STORE(type, number) \
    do { \
        *(type *)cb__extend(&builder->values, sizeof(type)) = (type)(number); \
        return valid(builder, true); \
    } while (0)
#define STORE_FITTING(type, number) \
    do { \
        if ((type)(number) != (number)) break; \
        STORE(type, number); \
    } while (0)

void cb__push_int(cb_builder *builder, int64_t value, const char *file, int line) {
    if (!builder) return;
    switch (builder->type.layout) {
    case CB_LAYOUT_INT64: STORE(int64_t, value); break;
    case CB_LAYOUT_INT32: STORE_FITTING(int32_t, value); break;
    case CB_LAYOUT_INT16: STORE_FITTING(int16_t, value); break;
    case CB_LAYOUT_INT8: STORE_FITTING(int8_t, value); break;
    case CB_LAYOUT_UINT8: STORE_FITTING(uint8_t, value); break;
    case CB_LAYOUT_UINT16: STORE_FITTING(uint16_t, value); break;
    case CB_LAYOUT_UINT32: STORE_FITTING(uint32_t, value); break;
    case CB_LAYOUT_UINT64:
        if (value < 0) break;
        STORE(uint64_t, value);
        break;
    default: return refuse(builder, "an integer", file, line);
    }
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "%lld does not fit `" CB_FMT "`, which is %s", (long long)value,
             CB_ARG(builder->type.name), cb__layout_name(builder->type.layout));
}

void cb__push_uint(cb_builder *builder, uint64_t value, const char *file, int line) {
    if (!builder) return;
    if (builder->type.layout == CB_LAYOUT_UINT64) STORE(uint64_t, value);
    if (value <= INT64_MAX) return cb__push_int(builder, (int64_t)value, file, line);
    cb__fail(CB_ERROR_FAILED, NULL, file, line, "%llu does not fit `" CB_FMT "`, which is %s", (unsigned long long)value,
             CB_ARG(builder->type.name), cb__layout_name(builder->type.layout));
}

void cb__push_float(cb_builder *builder, double value, const char *file, int line) {
    if (!builder) return;
    switch (builder->type.layout) {
    case CB_LAYOUT_FLOAT64: STORE(double, value); break;
    case CB_LAYOUT_FLOAT32: STORE(float, value); break;
    default: refuse(builder, "a float", file, line);
    }
}

static void push_slice(cb_builder *builder, const char *ptr, size_t len) {
    if (len > UINT32_MAX - builder->values.len) cb__die("a column of a batch is over 4 GiB");
    if (len) memcpy(cb__extend(&builder->values, len), ptr, len);
    *(uint32_t *)cb__extend(&builder->offsets, 4) = (uint32_t)builder->values.len;
    valid(builder, true);
}

void cb__push_bytes(cb_builder *builder, cb_str value, bool is_text, const char *file, int line) {
    if (!builder) return;
    cb_layout layout = builder->type.layout;
    bool fits = is_text ? layout == CB_LAYOUT_UTF8 : layout == CB_LAYOUT_BINARY || layout == CB_LAYOUT_FIXED;
    if (!fits) return refuse(builder, is_text ? "text" : "bytes", file, line);
    if (!value.ptr) return cb__push_null(builder, file, line);
    if (layout != CB_LAYOUT_FIXED) return push_slice(builder, value.ptr, value.len);
    if (value.len != builder->type.width) {
        cb__fail(CB_ERROR_FAILED, NULL, file, line, "%zu bytes were put into `" CB_FMT "`, which is fixed of %u", value.len,
                 CB_ARG(builder->type.name), (unsigned)builder->type.width);
        return;
    }
    memcpy(cb__extend(&builder->values, value.len), value.ptr, value.len);
    valid(builder, true);
}

void cb__push_textf(cb_builder *builder, const char *file, int line, const char *format, ...) {
    static cb__buffer text;
    text.len = 0;
    va_list args;
    va_start(args, format);
    cb__append_v(&text, format, args);
    va_end(args);
    cb__push_bytes(builder, (cb_str){text.ptr ? text.ptr : "", text.len}, true, file, line);
}

cb_builder *cb__child(cb_builder *builder, uint32_t i, const char *file, int line) {
    if (!builder) return NULL;
    if (i < builder->type.n_children) return &builder->children[i];
    refuse(builder, "something nested", file, line);
    return NULL;
}

void cb__end(cb_builder *builder, const char *file, int line) {
    if (!builder) return;
    cb_builder *items = builder->children;
    if (builder->type.layout == CB_LAYOUT_LIST) {
        *(uint32_t *)cb__extend(&builder->offsets, 4) = items->length;
    } else if (builder->type.layout == CB_LAYOUT_VECTOR) {
        uint32_t start = builder->length * builder->type.width;
        if (items->length - start != builder->type.width) {
            cb__fail(CB_ERROR_FAILED, NULL, file, line, "%u items were put into `" CB_FMT "`, which is a vector of %u",
                     (unsigned)(items->length - start), CB_ARG(builder->type.name), (unsigned)builder->type.width);
        }
    } else if (builder->type.layout == CB_LAYOUT_STRUCT) {
        for (uint32_t i = 0; i < builder->type.n_children; i++) {
            cb_builder *member = &builder->children[i];
            if (member->length == builder->length) cb__push_null(member, file, line);
            if (member->length > builder->length + 1) {
                cb__fail(CB_ERROR_FAILED, NULL, file, line, "member `" CB_FMT "` got %u values for one struct", CB_ARG(member->type.name),
                         (unsigned)(member->length - builder->length));
            }
        }
    } else {
        return refuse(builder, "something nested", file, line);
    }
    valid(builder, true);
}

void cb__push_value(cb_builder *builder, cb_value value, const char *file, int line) {
    if (!builder) return;
    if (cb_value_is_null(value)) return cb__push_null(builder, file, line);
    const cb_array *array = value.array;
    if (array->layout != builder->type.layout || array->n_children != builder->type.n_children || array->width != builder->type.width) {
        return refuse(builder, cb__layout_name(array->layout), file, line);
    }
    uint32_t width = array->layout == CB_LAYOUT_FIXED ? array->width : cb__width(array->layout);
    if (width) {
        memcpy(cb__extend(&builder->values, width), (const char *)array->values + (size_t)value.index * width, width);
        return valid(builder, true);
    }
    switch (array->layout) {
    case CB_LAYOUT_BOOLEAN: return cb__push_bool(builder, cb_bit(array->values, value.index), file, line);
    case CB_LAYOUT_UTF8:
    case CB_LAYOUT_BINARY: {
        cb_str slice = cb_text_at(array, value.index);
        return push_slice(builder, slice.ptr, slice.len);
    }
    case CB_LAYOUT_STRUCT:
        for (uint32_t i = 0; i < array->n_children; i++) {
            cb__push_value(&builder->children[i], (cb_value){&array->children[i], value.index}, file, line);
        }
        return cb__end(builder, file, line);
    default: {
        cb_list list = cb__items(value, file, line);
        for (uint32_t i = 0; i < list.len; i++) cb__push_value(builder->children, (cb_value){list.items, list.start + i}, file, line);
        return cb__end(builder, file, line);
    }
    }
}

void cb__truncate(cb_builder *builder, uint32_t length) {
    builder->whole = NULL, builder->filled = false;
    if (length > builder->length) return;
    for (uint32_t i = length; builder->nulls && i < builder->length; i++) builder->nulls -= !cb_bit(builder->validity.ptr, i);
    builder->length = length;
    builder->validity.len = builder->nulls ? (length + 7) / 8 : 0;
    cb_type type = builder->type;
    uint32_t width = type.layout == CB_LAYOUT_FIXED ? type.width : cb__width(type.layout), end = 0;
    if (has_offsets(type.layout)) {
        end = ((uint32_t *)builder->offsets.ptr)[length];
        builder->offsets.len = ((size_t)length + 1) * 4;
    }
    builder->values.len = type.layout == CB_LAYOUT_BOOLEAN ? (length + 7) / 8 : width ? (size_t)length * width : end;
    for (uint32_t i = 0; i < type.n_children; i++) {
        cb__truncate(&builder->children[i], type.layout == CB_LAYOUT_LIST ? end : type.layout == CB_LAYOUT_VECTOR ? length * type.width : length);
    }
}

// Where no values are: aligned for every type, and not NULL, for an empty text is none that is null.
static const max_align_t nothing_there;

void cb__built(const cb_builder *builder, cb_array *array) {
    cb_type type = builder->type;
    *array = (cb_array){
        .layout = type.layout,
        .nullable = !type.not_null,
        .length = builder->length,
        .validity = builder->nulls ? (const uint8_t *)builder->validity.ptr : NULL,
        .values = builder->values.ptr ? builder->values.ptr : (const void *)&nothing_there,
        .offsets = (const uint32_t *)builder->offsets.ptr,
        .width = type.width,
        .n_children = type.n_children,
        .name = type.name,
        .logical = type.logical,
    };
    if (!type.n_children) return;
    cb_array *children = cb_alloc(type.n_children * sizeof *children);
    for (uint32_t i = 0; i < type.n_children; i++) cb__built(&builder->children[i], &children[i]);
    array->children = children;
}
