// Steps that work on one batch at a time: what the host calls, in terms of the SDK.

#include "bindings/transform_step.h"
#define CB__BOUND(name) transform_step_##name
#include "src/raw.h"
#include "src/sdk.c"

void __component_type_object_force_link_transform_step(void) {}

// What the host gave for the present call.
static raw_string given_config;
static raw_batch given_batch;

static void give_back(void) {
    transform_step_string_free(&given_config);
    callboard_step_columns_batch_free(&given_batch);
    given_batch = (raw_batch){0};
    end_call();
}

CB__AFTER("manifest", "describe", manifest_describe)
CB__AFTER("transform", "declare", transform_declare)
CB__AFTER("transform", "open", transform_open)
CB__AFTER("transform", "process", transform_process)

bool exports_callboard_step_transform_declare(raw_string *text, raw_batch *input, exports_callboard_step_transform_shape_t *ret,
                                              callboard_step_types_error_t *err) {
    given_config = *text, given_batch = *input;
    if (!configure(&cb__call, text)) return raw_error(err);
    cb_batch schema = batch_of(&cb__call, input);
    if (!declare(&schema, 1)) return raw_error(err);
    const cb__shape *made = shape.made;
    ret->reads = raw_names(&made->reads[0]), ret->drops = raw_names(&made->drops);
    ret->writes = schema_of(made->writes, made->n_writes);
    return true;
}

bool exports_callboard_step_transform_open(raw_string *text, raw_batch *input, callboard_step_types_error_t *err) {
    given_config = *text;
    static raw_batch opened; // stays, for the names and types that point into it
    static cb_batch schema;
    callboard_step_columns_batch_free(&opened);
    opened = *input;
    if (!configure(&cb__life, text)) return raw_error(err);
    schema = batch_of(&cb__life, input);
    return open_step(&schema, 1) ? true : raw_error(err);
}

// The rows put out, where they cannot be left to the rule: all that are not removed, in order.
static bool needs_origins(const uint64_t *origins, size_t n, size_t n_removed, uint64_t n_rows) {
    if (n + n_removed != n_rows) return true;
    for (size_t i = 1; i < n; i++) {
        if (origins[i] <= origins[i - 1]) return true;
    }
    return false;
}

bool exports_callboard_step_transform_process(raw_batch *input, exports_callboard_step_transform_output_t *ret,
                                              callboard_step_types_error_t *err) {
    given_batch = *input;
    cb__begin_call();
    cb__out_reset(&out, input->rows);
    cb_batch batch = batch_of(&cb__call, input);
    if (!cb__ok(cb__the_step.process(config, &batch, &out))) return raw_error(err);
    // By rows every row that goes on was named; by columns only where the step chose to.
    bool named = out.in_row || out.named;
    const uint64_t *origins = (const uint64_t *)out.origins.ptr;
    size_t n_removed = count_removed(&out), n = out.origins.len / sizeof *origins;
    ret->removed.ptr = raw_removals(&out, &ret->removed.len);
    if (!named) n = n_removed <= input->rows ? input->rows - n_removed : 0;
    const cb_array *columns = cb__out_arrays(&out, (uint32_t)n);
    if (!columns) return raw_error(err);
    ret->columns = raw_of(columns, out.n_columns, (uint32_t)n, false);
    ret->origins.is_some = named && needs_origins(origins, n, n_removed, input->rows);
    if (ret->origins.is_some) {
        uint32_t *to = ret->origins.val.ptr = cb_alloc((n + 1) * sizeof *to);
        for (size_t i = 0; i < n; i++) to[i] = (uint32_t)origins[i];
        ret->origins.val.len = n;
    }
    return true;
}
