// Steps that need rows of the whole input together: what the host calls, in terms of the SDK.

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

// How rows are brought together.
static void raw_gathering(const cb__shape *made, size_t n_inputs, exports_callboard_step_global_shape_t *to) {
    to->arrangement = made->as_written || made->gathering == CB__ALL ? EXPORTS_CALLBOARD_STEP_GLOBAL_ARRANGEMENT_WRITTEN
                                                                     : EXPORTS_CALLBOARD_STEP_GLOBAL_ARRANGEMENT_INPUT;
    to->sorted.ptr = cb_alloc((n_inputs + 1) * sizeof *to->sorted.ptr), to->sorted.len = n_inputs;
    for (size_t i = 0; i < n_inputs; i++) {
        const cb__sort *sort = &made->sorts[i];
        exports_callboard_step_global_order_t *orders = cb_alloc((sort->len + 1) * sizeof *orders);
        for (size_t j = 0; j < sort->len; j++) {
            bool descending = sort->orders[j] & CB_DESCENDING, nulls_first = sort->orders[j] & CB_NULLS_FIRST;
            orders[j] = (exports_callboard_step_global_order_t){raw_text(sort->names[j]), descending, nulls_first};
        }
        to->sorted.ptr[i].ptr = orders, to->sorted.ptr[i].len = sort->len;
    }
    to->gathering.tag = (uint8_t)made->gathering;
    if (made->gathering == CB__BY_KEY) {
        global_step_list_string_t *keys = cb_alloc((n_inputs + 1) * sizeof *keys);
        for (size_t i = 0; i < n_inputs; i++) keys[i] = raw_names(cb__keys(made, i));
        to->gathering.val.by_key.ptr = keys, to->gathering.val.by_key.len = n_inputs;
    } else if (made->gathering == CB__BY_EACH) {
        raw_string *lists = cb_alloc((n_inputs + 1) * sizeof *lists);
        for (size_t i = 0; i < n_inputs; i++) lists[i] = raw_text(cb__keys(made, i)->items[0]);
        to->gathering.val.by_each.ptr = lists, to->gathering.val.by_each.len = n_inputs;
    }
}

bool exports_callboard_step_global_declare(raw_string *text, exports_callboard_step_global_list_schema_t *inputs,
                                           exports_callboard_step_global_shape_t *ret, callboard_step_types_error_t *err) {
    given_config = *text, given_schemas = *inputs;
    if (!configure(&cb__call, text) || !declare(schemas_of(&cb__call, inputs), inputs->len)) return raw_error(err);
    if (!cb__gathers(&shape)) return raw_error(err);
    const cb__shape *made = shape.made;
    raw_gathering(made, inputs->len, ret);
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
    callboard_step_exchange_page_t raw; // the page that the rows are of, and the arrays made of it
    cb__arena arena;
    cb_batch batch;
    cb_row row;
    uint64_t next; // the number of the row behind this batch
    bool started;  // whether a row of the batch was given out
    // Where rows are grouped: the run that the row is in, and the first row of the batch behind it.
    uint32_t run, run_end;
    // The group that is read, and the row that was found behind what was given out of it.
    cb_group group;
    bool in_group;
    const cb_row *ahead;
};

const cb_batch *cb_next_batch(cb_input *input) {
    callboard_step_exchange_page_free(&input->raw);
    cb__reset(&input->arena);
    input->raw = (callboard_step_exchange_page_t){0}, input->batch = (cb_batch){0}, input->started = false;
    input->run = input->run_end = 0;
    if (!callboard_step_exchange_method_reader_next(input->reader, &input->raw)) {
        return input->raw = (callboard_step_exchange_page_t){0}, NULL;
    }
    input->batch = batch_of(&input->arena, &input->raw.rows);
    input->batch.first = input->next;
    input->batch.n_runs = (uint32_t)input->raw.groups.len;
    cb_run *runs = cb__alloc(&input->arena, (input->batch.n_runs + 1) * sizeof *runs);
    for (uint32_t i = 0; i < input->batch.n_runs; i++) runs[i] = (cb_run){input->raw.groups.ptr[i].group, input->raw.groups.ptr[i].rows};
    input->batch.runs = runs;
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
    // The row's run is the one that ends behind it.
    while (input->run < input->batch.n_runs && index >= input->run_end) input->run_end += input->batch.runs[input->run++].rows;
    uint32_t group = input->run ? input->batch.runs[input->run - 1].group : 0;
    input->row = (cb_row){&input->batch, index, input->batch.first + index, group};
    return &input->row;
}

// The row behind those that were given out, without giving it out.
static const cb_row *ahead(cb_input *input) {
    if (!input->ahead) input->ahead = cb_next(input);
    return input->ahead;
}

const cb_group *cb_next_group(cb_input *input) {
    while (input->in_group && ahead(input) && input->ahead->group == input->group.number) input->ahead = NULL;
    input->in_group = ahead(input) != NULL;
    if (!input->in_group) return NULL;
    if (!input->batch.n_runs) {
        cb__fail(CB_ERROR_FAILED, NULL, NULL, 0, "rows are not grouped: `cb_by_key` in `declare` groups them");
        return input->in_group = false, NULL;
    }
    input->group = (cb_group){input->ahead->group, input};
    return &input->group;
}

const cb_row *cb_next_of(const cb_group *group) {
    cb_input *input = group->input;
    const cb_row *row = ahead(input);
    if (!row || row->group != group->number) return NULL;
    return input->ahead = NULL, row;
}

const uint64_t *cb_positions(const cb_input *input, uint64_t number, uint32_t n) {
    uint64_t rows = cb_count_rows(input), *to = cb_alloc((n + 1) * sizeof *to);
    if (number > rows || n > rows - number) {
        cb__fail(CB_ERROR_FAILED, NULL, NULL, 0, "there are no %u rows from %llu on, of %llu", (unsigned)n, (unsigned long long)number,
                 (unsigned long long)rows);
        return to;
    }
    global_step_list_u64_t list = {0};
    callboard_step_exchange_method_reader_positions(input->reader, number, n, &list);
    if (list.len) memcpy(to, list.ptr, (list.len < n ? list.len : n) * sizeof *to);
    global_step_list_u64_free(&list);
    return to;
}

void cb_seek(cb_input *input, uint64_t number) {
    uint64_t rows = cb_count_rows(input);
    if (number > rows) number = rows;
    input->batch.rows = 0, input->next = number;
    input->ahead = NULL, input->in_group = false;
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
            callboard_step_exchange_method_writer_write(writer, &batch, &rows);
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
    out.grouped = shape.made->gathering != CB__ALL;
    out.flush = flush, out.flush_removals = flush_removals;
    bool ok = cb__ok(cb__the_step.run(config, pointers, inputs->len, &out));
    if (ok) flush(&out), flush_removals(&out);
    for (size_t i = 0; i < inputs->len; i++) {
        callboard_step_exchange_page_free(&made[i].raw);
        cb__reset(&made[i].arena);
        free(made[i].arena.chunks);
    }
    exports_callboard_step_global_list_own_reader_free(inputs);
    callboard_step_exchange_writer_drop_own(output);
    return ok && !cb__has_failed ? true : raw_error(err);
}
