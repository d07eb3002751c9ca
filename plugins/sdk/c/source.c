// Steps that make rows: what the host calls, in terms of the SDK. The cursor is the number of the next row: 8 bytes, the least first.

#include "bindings/source_step.h"
#define CB__BOUND(name) source_step_##name
#define CB__SOURCE
#include "src/raw.h"
#include "src/sdk.c"

enum { PAGE_ROWS = 1000, PAGE_BYTES = 1 << 20 };

void __component_type_object_force_link_source_step(void) {}

static raw_string given_config;
static source_step_list_u8_t given_cursor;
static uint64_t next_row;
static bool at_end;

static void give_back(void) {
    source_step_string_free(&given_config);
    source_step_list_u8_free(&given_cursor);
    given_cursor = (source_step_list_u8_t){0};
    end_call();
}

CB__AFTER("manifest", "describe", manifest_describe)
CB__AFTER("source", "declare", source_declare)
CB__AFTER("source", "open", source_open)
CB__AFTER("source", "next", source_next)

bool exports_callboard_step_source_declare(raw_string *text, raw_batch *ret, callboard_step_types_error_t *err) {
    given_config = *text;
    if (!configure(&cb__call, text) || !declare(NULL, 0)) return raw_error(err);
    *ret = schema_of(shape.made->writes, shape.made->n_writes);
    return true;
}

bool exports_callboard_step_source_open(raw_string *text, source_step_list_u8_t *cursor, callboard_step_types_error_t *err) {
    given_config = *text;
    if (cursor) given_cursor = *cursor;
    if (!configure(&cb__life, text)) return raw_error(err);
    next_row = 0, at_end = false;
    if (cursor && cursor->len != 8) {
        cb__fail(CB_ERROR_INPUT, NULL, NULL, 0, "the cursor has %zu bytes, and 8 are expected", cursor->len);
        return raw_error(err);
    }
    for (size_t i = 0; cursor && i < 8; i++) next_row |= (uint64_t)cursor->ptr[i] << (8 * i);
    return open_step(NULL, 0) ? true : raw_error(err);
}

bool exports_callboard_step_source_next(exports_callboard_step_source_option_page_t *ret, callboard_step_types_error_t *err) {
    cb__begin_call();
    cb__out_reset(&out, UINT64_MAX);
    size_t bytes = 0;
    while (!at_end && out.n_put < PAGE_ROWS && bytes < PAGE_BYTES) {
        cb__begin_row(&out, next_row);
        cb_status status = cb__the_step.row(config, next_row, &out);
        if (status == CB_FAILED || cb__has_failed) return cb__ok(status), raw_error(err);
        if (out.removed) return cb__fail(CB_ERROR_FAILED, NULL, NULL, 0, "a source has no rows to drop or reject"), raw_error(err);
        at_end = status == CB_END;
        next_row++;
        bytes = 0;
        for (uint32_t i = 0; i < out.n_columns; i++) bytes += cb__builder_bytes(&out.columns[i]);
    }
    cb__ok(CB_OK); // what was printed goes to the log
    ret->is_some = out.n_put > 0;
    if (!ret->is_some) return true;
    const cb_array *columns = cb__out_arrays(&out, out.n_put);
    if (!columns) return raw_error(err);
    ret->val.rows = raw_of(columns, out.n_columns, out.n_put, false);
    uint8_t *cursor = cb_alloc(8);
    for (size_t i = 0; i < 8; i++) cursor[i] = (uint8_t)(next_row >> (8 * i));
    ret->val.cursor = (source_step_list_u8_t){cursor, 8};
    return true;
}
