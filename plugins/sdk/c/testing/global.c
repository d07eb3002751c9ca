// A host for a global step: keeps the rows, brings them together and gives them in batches of two. See callboard_test.h.

#define CB__PLAYED
#include "../global.c"
#include "rows.h"
#include "replies.h"

#include "gathered.h"

enum { MOST = 8, BATCH = 2 };

static cb_batch held[MOST];
static cb__names held_reads[MOST];
// The rows that the present call is given, and the next one of each input.
static given_rows call_rows[MOST];
static uint32_t positions[MOST];

int64_t __wasm_import_callboard_step_exchange_method_reader_rows(int32_t reader) { return call_rows[reader].len; }

void __wasm_import_callboard_step_exchange_method_reader_seek(int32_t reader, int64_t row) { positions[reader] = (uint32_t)row; }

void __wasm_import_callboard_step_exchange_method_reader_positions(int32_t reader, int64_t first, int32_t n, uint8_t *ret) {
    uint64_t *rows = n ? malloc((size_t)n * sizeof *rows) : NULL;
    for (int32_t i = 0; i < n; i++) rows[i] = call_rows[reader].items[first + i].row;
    memcpy(ret, &rows, sizeof rows);
    memcpy(ret + sizeof rows, &(size_t){(size_t)n}, sizeof(size_t));
}

void __wasm_import_callboard_step_exchange_method_reader_next(int32_t reader, uint8_t *ret) {
    const member *rows = call_rows[reader].items + positions[reader];
    uint32_t left = call_rows[reader].len - positions[reader], n = left < BATCH ? left : BATCH;
    uint8_t *words[8] = {0}; // as the canonical ABI lays out an option of a page
    if (n) {
        uint32_t places[BATCH] = {0}, n_runs = 0;
        callboard_step_exchange_run_t *runs = malloc(BATCH * sizeof *runs);
        for (uint32_t i = 0; i < n; i++) {
            places[i] = rows[i].row;
            if (!n_runs || runs[n_runs - 1].group != rows[i].group) runs[n_runs++] = (callboard_step_exchange_run_t){rows[i].group, 0};
            runs[n_runs - 1].rows++;
        }
        if (!out.grouped) free(runs), runs = NULL, n_runs = 0;
        raw_batch batch = given_at(&held[reader], places, 0, n, &held_reads[reader]);
        memcpy(&words[0], &(uint8_t){1}, 1);
        memcpy(&words[1], &batch.rows, sizeof batch.rows);
        words[2] = (uint8_t *)batch.columns.ptr, words[3] = (uint8_t *)batch.columns.len;
        words[4] = (uint8_t *)batch.arrays.ptr, words[5] = (uint8_t *)batch.arrays.len;
        words[6] = (uint8_t *)runs, words[7] = (uint8_t *)(size_t)n_runs;
    }
    positions[reader] += n;
    memcpy(ret, words, sizeof words);
}

static uint32_t row_of(uint64_t row) {
    if (row >= call_rows[0].len) fprintf(stderr, "there is no row %" PRIu64 " among %u\n", row, call_rows[0].len), exit(2);
    return call_rows[0].items[row].row;
}

// Where a row stands: where it stood, or, as it is written, where the first row of its group did.
static uint64_t place_of(uint64_t row) {
    if (!out.grouped) return 0;
    uint32_t place = row_of(row);
    for (uint32_t i = 0; shape.made->as_written && i < call_rows[0].len; i++) {
        const member *other = &call_rows[0].items[i];
        if (other->group == call_rows[0].items[row].group && other->row < place) place = other->row;
    }
    return place;
}

static void put(const uint64_t *kept, const uint64_t *places, uint32_t n, uint32_t n_written, uint8_t *columns, size_t n_columns,
                uint8_t *arrays, size_t n_arrays) {
    raw_batch raw = {n_written, {(callboard_step_columns_column_t *)columns, n_columns}, {(raw_array *)arrays, n_arrays}};
    cb_batch written = taken(&test_memory, &raw);
    for (uint32_t i = 0; i < n; i++) {
        size_t from = told.len;
        tell_row(kept ? &held[0] : NULL, kept ? row_of(kept[i]) : 0, &written, i);
        set_aside(&put_lines, places ? place_of(places[i]) : 0, from);
    }
}

void __wasm_import_callboard_step_exchange_method_writer_keep(int32_t writer, uint8_t *rows, size_t n, int32_t some, int32_t n_written,
                                                              uint8_t *columns, size_t n_columns, uint8_t *arrays, size_t n_arrays) {
    (void)writer;
    if (some && (uint32_t)n_written != n) fprintf(stderr, "%d records for %zu rows\n", n_written, n), exit(2);
    const uint64_t *kept = (const uint64_t *)rows;
    put(kept, kept, (uint32_t)n, some ? (uint32_t)n_written : 0, columns, some ? n_columns : 0, arrays, some ? n_arrays : 0);
}

void __wasm_import_callboard_step_exchange_method_writer_write(int32_t writer, int32_t n, uint8_t *columns, size_t n_columns, uint8_t *arrays,
                                                               size_t n_arrays, uint8_t *at, size_t n_at) {
    (void)writer;
    if (n_at != (out.grouped ? (size_t)n : 0)) fprintf(stderr, "%d records in the places of %zu rows\n", n, n_at), exit(2);
    put(NULL, n_at ? (const uint64_t *)at : NULL, (uint32_t)n, (uint32_t)n, columns, n_columns, arrays, n_arrays);
}

void __wasm_import_callboard_step_exchange_method_writer_remove(int32_t writer, uint8_t *rows, size_t n) {
    (void)writer;
    const callboard_step_types_removal_t *removals = (const callboard_step_types_removal_t *)rows;
    uint32_t *places = cb__alloc(&test_memory, (call_rows[0].len + 1) * sizeof *places);
    for (uint32_t i = 0; i < call_rows[0].len; i++) places[i] = call_rows[0].items[i].row;
    for (size_t i = 0; i < n; i++) tell_removal(&removals[i], places);
}

void __wasm_import_callboard_step_exchange_reader_drop(int32_t handle) { (void)handle; }
void __wasm_import_callboard_step_exchange_writer_drop(int32_t handle) { (void)handle; }

static exports_callboard_step_global_list_schema_t given_inputs(unsigned n, bool narrowed) {
    exports_callboard_step_global_list_schema_t schemas = {calloc(n ? n : 1, sizeof(raw_batch)), n};
    for (unsigned i = 0; i < n; i++) schemas.ptr[i] = given(&held[i], 0, 0, narrowed ? &held_reads[i] : NULL);
    if (!n) free(schemas.ptr), schemas.ptr = NULL;
    return schemas;
}

// A call of `run` with these rows; what went wrong, or NULL.
static const char *call_run(unsigned n) {
    callboard_step_types_error_t error = {0};
    exports_callboard_step_global_list_own_reader_t readers = {n ? malloc(n * sizeof *readers.ptr) : NULL, n};
    for (unsigned i = 0; i < n; i++) readers.ptr[i].__handle = (int32_t)i, positions[i] = 0;
    exports_callboard_step_global_own_writer_t output = {0};
    const char *failed = NULL;
    if (!exports_callboard_step_global_run(&readers, output, &error)) failed = tell_error(&error);
    give_back();
    return failed;
}

static size_t rows_told; // without the log

static const char *run_all(const char *text, const char *const *inputs, unsigned n, bool each) {
    callboard_step_types_error_t error = {0};
    begin_test();
    if (n > MOST) n = MOST;
    for (unsigned i = 0; i < n; i++) held[i] = rows_of(inputs[i]);

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

    given_rows whole[MOST] = {0};
    group_numbers = cb_map_new();
    for (unsigned i = 0; i < n; i++) whole[i] = gathered(shape.made, &held[i], i);
    uint32_t n_groups = (uint32_t)cb_map_size(group_numbers), n_calls = each && shape.made->gathering != CB__ALL ? n_groups : 1;
    cb_map_free(group_numbers);
    for (uint32_t call = 0; call < n_calls && !failed; call++) {
        for (unsigned i = 0; i < n; i++) {
            call_rows[i] = whole[i];
            if (n_calls == 1 && !each) continue;
            given_rows *some = &call_rows[i];
            *some = (given_rows){cb__alloc(&test_memory, (whole[i].len + 1) * sizeof(member)), 0};
            for (uint32_t j = 0; j < whole[i].len; j++) {
                if (whole[i].items[j].group == call) some->items[some->len++] = (member){0, whole[i].items[j].row};
            }
        }
        failed = call_run(n);
    }
    if (failed) return failed;
    tell_lines(&put_lines), tell_lines(&removed_lines);
    rows_told = told.len;
    return tell_all();
}

const char *cb_test_global(const char *text, const char *const *inputs, unsigned n) {
    static cb__buffer whole;
    whole.len = 0;
    cb__append(&whole, "%s%c", run_all(text, inputs, n, false), 0);
    if (strncmp(whole.ptr, "error ", 6) == 0 || shape.made->gathering == CB__ALL) return whole.ptr;
    size_t whole_told = rows_told;
    const char *parts = run_all(text, inputs, n, true);
    if (rows_told != whole_told || memcmp(whole.ptr, parts, whole_told) != 0) {
        cb__append(&whole, "and with each group in a call of its own\n%s%c", parts, 0);
        whole.ptr[strlen(whole.ptr)] = '\n';
    }
    return whole.ptr;
}
