// A host for a global step: keeps the rows and gives them in batches of two. See callboard_test.h.

#include "../global.c"
#include "rows.h"

enum { MOST = 8, BATCH = 2 };

static cb_batch held[MOST];
static cb__names held_reads[MOST];
static uint32_t positions[MOST];
static cb__buffer removed_lines;

int64_t __wasm_import_callboard_step_exchange_method_reader_rows(int32_t reader) { return held[reader].rows; }

void __wasm_import_callboard_step_exchange_method_reader_seek(int32_t reader, int64_t row) { positions[reader] = (uint32_t)row; }

void __wasm_import_callboard_step_exchange_method_reader_next(int32_t reader, uint8_t *ret) {
    uint32_t left = held[reader].rows - positions[reader], n = left < BATCH ? left : BATCH;
    uint8_t *words[6] = {0}; // as the canonical ABI lays out an option of a batch
    if (n) {
        raw_batch batch = given(&held[reader], positions[reader], n, &held_reads[reader]);
        memcpy(&words[0], &(uint8_t){1}, 1);
        memcpy(&words[1], &batch.rows, sizeof batch.rows);
        words[2] = (uint8_t *)batch.columns.ptr, words[3] = (uint8_t *)batch.columns.len;
        words[4] = (uint8_t *)batch.arrays.ptr, words[5] = (uint8_t *)batch.arrays.len;
    }
    positions[reader] += n;
    memcpy(ret, words, sizeof words);
}

static void put(const uint64_t *rows, uint32_t n, uint32_t n_written, uint8_t *columns, size_t n_columns, uint8_t *arrays, size_t n_arrays) {
    raw_batch raw = {n_written, {(callboard_step_columns_column_t *)columns, n_columns}, {(raw_array *)arrays, n_arrays}};
    cb_batch written = taken(&test_memory, &raw);
    for (uint32_t i = 0; i < n; i++) tell_row(rows ? &held[0] : NULL, rows ? (uint32_t)rows[i] : 0, &written, i);
}

void __wasm_import_callboard_step_exchange_method_writer_keep(int32_t writer, uint8_t *rows, size_t n, int32_t some, int32_t n_written,
                                                              uint8_t *columns, size_t n_columns, uint8_t *arrays, size_t n_arrays) {
    (void)writer;
    if (some && (uint32_t)n_written != n) fprintf(stderr, "%d records for %zu rows\n", n_written, n), exit(2);
    put((uint64_t *)rows, (uint32_t)n, some ? (uint32_t)n_written : 0, columns, some ? n_columns : 0, arrays, some ? n_arrays : 0);
}

void __wasm_import_callboard_step_exchange_method_writer_write(int32_t writer, int32_t n, uint8_t *columns, size_t n_columns, uint8_t *arrays,
                                                               size_t n_arrays) {
    (void)writer;
    put(NULL, (uint32_t)n, (uint32_t)n, columns, n_columns, arrays, n_arrays);
}

void __wasm_import_callboard_step_exchange_method_writer_remove(int32_t writer, uint8_t *rows, size_t n) {
    (void)writer;
    const callboard_step_types_removal_t *removals = (const callboard_step_types_removal_t *)rows;
    size_t before = told.len;
    for (size_t i = 0; i < n; i++) tell_removal(&removals[i]);
    cb__append(&removed_lines, CB_FMT, (int)(told.len - before), told.ptr + before);
    told.len = before; // behind the rows put out
}

void __wasm_import_callboard_step_exchange_reader_drop(int32_t handle) { (void)handle; }
void __wasm_import_callboard_step_exchange_writer_drop(int32_t handle) { (void)handle; }

static exports_callboard_step_global_list_schema_t given_inputs(unsigned n, bool narrowed) {
    exports_callboard_step_global_list_schema_t schemas = {calloc(n ? n : 1, sizeof(raw_batch)), n};
    for (unsigned i = 0; i < n; i++) schemas.ptr[i] = given(&held[i], 0, 0, narrowed ? &held_reads[i] : NULL);
    if (!n) free(schemas.ptr), schemas.ptr = NULL;
    return schemas;
}

const char *cb_test_global(const char *text, const char *const *inputs, unsigned n) {
    callboard_step_types_error_t error = {0};
    begin_test();
    removed_lines.len = 0;
    if (n > MOST) n = MOST;
    for (unsigned i = 0; i < n; i++) held[i] = rows_of(inputs[i]), positions[i] = 0;

    raw_string config_text = given_text(text);
    exports_callboard_step_global_list_schema_t schemas = given_inputs(n, false);
    exports_callboard_step_global_shape_t declared;
    const char *failed = NULL;
    if (exports_callboard_step_global_declare(&config_text, &schemas, &declared, &error)) {
        for (unsigned i = 0; i < n; i++) {
            held_reads[i] = (cb__names){cb__alloc(&test_memory, (declared.reads.ptr[i].len + 1) * sizeof(cb_str)), declared.reads.ptr[i].len};
            for (size_t j = 0; j < held_reads[i].len; j++) {
                cb_str name = text_of(&declared.reads.ptr[i].ptr[j]);
                held_reads[i].items[j] = (cb_str){cb__copy(&test_memory, name.ptr, name.len), name.len};
            }
        }
    } else {
        failed = tell_error(&error);
    }
    give_back();
    if (failed) return failed;

    config_text = given_text(text), schemas = given_inputs(n, true);
    if (!exports_callboard_step_global_open(&config_text, &schemas, &error)) failed = tell_error(&error);
    give_back();
    if (failed) return failed;

    exports_callboard_step_global_list_own_reader_t readers = {n ? malloc(n * sizeof *readers.ptr) : NULL, n};
    for (unsigned i = 0; i < n; i++) readers.ptr[i].__handle = (int32_t)i;
    exports_callboard_step_global_own_writer_t output = {0};
    if (!exports_callboard_step_global_run(&readers, output, &error)) failed = tell_error(&error);
    give_back();
    if (!failed) cb__append(&told, CB_FMT, (int)removed_lines.len, removed_lines.ptr);
    return failed ? failed : tell_all();
}
