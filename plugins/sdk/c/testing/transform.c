// A host for a transform: declares, opens and feeds it. See callboard_test.h.

#define CB__PLAYED
#include "../transform.c"
#include "rows.h"
#include "replies.h"

static bool is_removed(const exports_callboard_step_transform_output_t *ret, uint32_t row) {
    for (size_t i = 0; i < ret->removed.len; i++) {
        for (size_t j = 0; j < ret->removed.ptr[i].rows.len; j++) {
            if (ret->removed.ptr[i].rows.ptr[j] == row) return true;
        }
    }
    return false;
}

// `open` and all batches, of which each was checked as the host does.
static const char *run_batches(const char *text, const cb_batch *rows, unsigned batch_rows) {
    callboard_step_types_error_t error = {0};
    raw_string config_text = given_text(text);
    raw_batch schema = given(rows, 0, 0, NULL);
    exports_callboard_step_transform_shape_t declared;
    bool good = exports_callboard_step_transform_declare(&config_text, &schema, &declared, &error);
    const char *failed = good ? NULL : tell_error(&error);
    // The names are copied: they lie in memory of the call.
    cb__names reads = {0};
    if (good) {
        reads.items = cb__alloc(&test_memory, (declared.reads.len + 1) * sizeof *reads.items);
        for (; reads.len < declared.reads.len; reads.len++) {
            cb_str name = text_of(&declared.reads.ptr[reads.len]);
            reads.items[reads.len] = (cb_str){cb__copy(&test_memory, name.ptr, name.len), name.len};
        }
    }
    give_back();
    if (failed) return failed;

    config_text = given_text(text), schema = given(rows, 0, 0, &reads);
    good = exports_callboard_step_transform_open(&config_text, &schema, &error);
    if (!good) failed = tell_error(&error);
    give_back();
    for (uint32_t start = 0; !failed && start < rows->rows; start += batch_rows) {
        uint32_t n = rows->rows - start < batch_rows ? rows->rows - start : batch_rows;
        raw_batch batch = given(rows, start, n, &reads);
        exports_callboard_step_transform_output_t ret = {0};
        if (exports_callboard_step_transform_process(&batch, &ret, &error)) {
            cb_batch written = taken(&cb__call, &ret.columns);
            uint32_t next = 0;
            for (uint32_t i = 0; i < written.rows; i++, next++) {
                while (!ret.origins.is_some && is_removed(&ret, next)) next++;
                tell_row(rows, start + (ret.origins.is_some ? ret.origins.val.ptr[i] : next), &written, i);
            }
            for (size_t i = 0; i < ret.removed.len; i++) tell_removal(&ret.removed.ptr[i], NULL);
            tell_lines(&removed_lines);
        } else {
            failed = tell_error(&error);
        }
        give_back();
    }
    return failed ? failed : tell_all();
}

const char *cb_test_transform_in_batches(const char *config, const char *lines, unsigned batch_rows) {
    begin_test();
    cb_batch rows = rows_of(lines);
    return run_batches(config, &rows, batch_rows ? batch_rows : 1);
}

const char *cb_test_transform(const char *config, const char *rows) { return cb_test_transform_in_batches(config, rows, UINT32_MAX / 2); }
