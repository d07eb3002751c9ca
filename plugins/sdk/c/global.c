// Steps that need every row: what the host calls, in terms of the SDK.

#include "bindings/global_step.h"
#define CB__BOUND(name) global_step_##name
#include "src/raw.h"
#include "src/sdk.c"

void __component_type_object_force_link_global_step(void) {}

// What the host gave for the present call.
static raw_string given_config;
static exports_callboard_step_global_list_schema_t given_schemas;

static void give_back(void) {
    global_step_string_free(&given_config);
    exports_callboard_step_global_list_schema_free(&given_schemas);
    given_schemas = (exports_callboard_step_global_list_schema_t){0};
    end_call();
}

CB__AFTER("manifest", "describe", manifest_describe)
CB__AFTER("global", "declare", global_declare)
CB__AFTER("global", "open", global_open)
CB__AFTER("global", "run", global_run)

static cb_batch *schemas_of(cb__arena *arena, const exports_callboard_step_global_list_schema_t *raw) {
    cb_batch *schemas = cb__alloc(arena, (raw->len + 1) * sizeof *schemas);
    for (size_t i = 0; i < raw->len; i++) schemas[i] = batch_of(arena, &raw->ptr[i]);
    return schemas;
}

bool exports_callboard_step_global_declare(raw_string *text, exports_callboard_step_global_list_schema_t *inputs,
                                           exports_callboard_step_global_shape_t *ret, callboard_step_types_error_t *err) {
    given_config = *text, given_schemas = *inputs;
    if (!configure(&cb__call, text) || !declare(schemas_of(&cb__call, inputs), inputs->len)) return raw_error(err);
    const cb__shape *made = shape.made;
    ret->reads.ptr = cb_alloc((inputs->len + 1) * sizeof *ret->reads.ptr), ret->reads.len = inputs->len;
    for (size_t i = 0; i < inputs->len; i++) ret->reads.ptr[i] = raw_names(&made->reads[i]);
    ret->drops = raw_names(&made->drops), ret->writes = schema_of(made->writes, made->n_writes);
    return true;
}

bool exports_callboard_step_global_open(raw_string *text, exports_callboard_step_global_list_schema_t *inputs,
                                        callboard_step_types_error_t *err) {
    given_config = *text;
    static exports_callboard_step_global_list_schema_t opened; // stays, for the names and types that point into it
    exports_callboard_step_global_list_schema_free(&opened);
    opened = *inputs;
    if (!configure(&cb__life, text)) return raw_error(err);
    return open_step(schemas_of(&cb__life, inputs), inputs->len) ? true : raw_error(err);
}

// ---- Rows in ------------------------------------------------------------------------------------------------------------------

struct cb_input {
    callboard_step_exchange_borrow_reader_t reader;
    raw_batch raw; // the batch that the rows are of, and the arrays made of it
    cb__arena arena;
    cb_batch batch;
    cb_row row;
    uint64_t next; // the number of the row behind this batch
    bool started;  // whether a row of the batch was given out
};

const cb_batch *cb_next_batch(cb_input *input) {
    callboard_step_columns_batch_free(&input->raw);
    cb__reset(&input->arena);
    input->raw = (raw_batch){0}, input->batch = (cb_batch){0}, input->started = false;
    if (!callboard_step_exchange_method_reader_next(input->reader, &input->raw)) return input->raw = (raw_batch){0}, NULL;
    input->batch = batch_of(&input->arena, &input->raw);
    input->batch.first = input->next;
    input->next += input->batch.rows;
    return &input->batch;
}

const cb_row *cb_next(cb_input *input) {
    uint32_t index = input->started ? input->row.index + 1 : 0;
    while (index >= input->batch.rows) {
        if (!cb_next_batch(input)) return NULL;
        index = 0;
    }
    input->started = true;
    input->row = (cb_row){&input->batch, index, input->batch.first + index};
    return &input->row;
}

void cb_seek(cb_input *input, uint64_t number) {
    uint64_t rows = cb_count_rows(input);
    if (number > rows) number = rows;
    input->batch.rows = 0, input->next = number;
    callboard_step_exchange_method_reader_seek(input->reader, number);
}

uint64_t cb_count_rows(const cb_input *input) { return callboard_step_exchange_method_reader_rows(input->reader); }

// ---- Rows out -----------------------------------------------------------------------------------------------------------------

static callboard_step_exchange_borrow_writer_t writer;

// What is made in order to hand it on is given back at once, and not with the rest of the call.
static cb__arena begin_flush(void) {
    cb__arena call = cb__call;
    cb__call = (cb__arena){0};
    return call;
}

static void end_flush(cb__arena call) {
    cb__reset(&cb__call);
    free(cb__call.chunks);
    cb__call = call;
}

static void flush(cb_out *out) {
    cb__arena call = begin_flush();
    const cb_array *columns = out->n_put ? cb__out_arrays(out, out->n_put) : NULL;
    if (columns) {
        raw_batch batch = raw_of(columns, out->n_columns, out->n_put, false);
        global_step_list_u64_t rows = {(uint64_t *)out->origins.ptr, out->origins.len / sizeof(uint64_t)};
        if (out->written) {
            callboard_step_exchange_method_writer_write(writer, &batch);
        } else {
            callboard_step_exchange_method_writer_keep(writer, &rows, out->n_columns ? &batch : NULL);
        }
    }
    end_flush(call);
    for (uint32_t i = 0; i < out->n_columns; i++) cb__truncate(&out->columns[i], 0);
    out->n_put = 0, out->origins.len = 0;
}

static void flush_removals(cb_out *out) {
    cb__arena call = begin_flush();
    callboard_step_exchange_list_removal_t removals;
    removals.ptr = raw_removals(out, &removals.len);
    if (removals.len) callboard_step_exchange_method_writer_remove(writer, &removals);
    end_flush(call);
    out->removals.len = out->reasons.len = 0;
}

bool exports_callboard_step_global_run(exports_callboard_step_global_list_own_reader_t *inputs,
                                       exports_callboard_step_global_own_writer_t output, callboard_step_types_error_t *err) {
    cb__begin_call();
    cb_input *made = cb_alloc((inputs->len + 1) * sizeof *made), **pointers = cb_alloc((inputs->len + 1) * sizeof *pointers);
    for (size_t i = 0; i < inputs->len; i++) {
        made[i].reader = callboard_step_exchange_borrow_reader(inputs->ptr[i]);
        pointers[i] = &made[i];
    }
    writer = callboard_step_exchange_borrow_writer(output);
    cb__out_reset(&out, inputs->len ? cb_count_rows(pointers[0]) : 0);
    out.flush = flush, out.flush_removals = flush_removals;
    bool ok = cb__ok(cb__the_step.run(config, pointers, inputs->len, &out));
    if (ok) flush(&out), flush_removals(&out);
    for (size_t i = 0; i < inputs->len; i++) {
        callboard_step_columns_batch_free(&made[i].raw);
        cb__reset(&made[i].arena);
        free(made[i].arena.chunks);
    }
    exports_callboard_step_global_list_own_reader_free(inputs);
    callboard_step_exchange_writer_drop_own(output);
    return ok && !cb__has_failed ? true : raw_error(err);
}
