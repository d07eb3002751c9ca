// What a step reads and writes, and the types of that.

#include "internal.h"

static cb_str keep(cb__arena *arena, cb_str str) { return str.ptr ? (cb_str){cb__copy(arena, str.ptr, str.len), str.len} : str; }

cb_type cb_fixed_of(uint32_t width) { return (cb_type){.layout = CB_LAYOUT_FIXED, .width = width}; }

cb_type cb_struct_of(const cb_type *members, size_t n) {
    cb_type *children = cb_alloc(n * sizeof *children);
    if (n) memcpy(children, members, n * sizeof *children);
    return (cb_type){.layout = CB_LAYOUT_STRUCT, .n_children = (uint32_t)n, .children = children};
}

cb_type cb_list_of(cb_type items) {
    cb_type type = cb_struct_of(&items, 1);
    type.layout = CB_LAYOUT_LIST;
    return type;
}

cb_type cb_vector_of(cb_type items, uint32_t width) {
    cb_type type = cb_struct_of(&items, 1);
    type.layout = CB_LAYOUT_VECTOR, type.width = width;
    return type;
}

cb_type cb_type_of(const cb_array *array) {
    cb_type type = {.layout = array->layout, .not_null = !array->nullable, .width = array->width, .n_children = array->n_children,
                    .name = array->name, .logical = array->logical};
    cb_type *children = type.n_children ? cb_alloc(type.n_children * sizeof *children) : NULL;
    for (uint32_t i = 0; i < type.n_children; i++) children[i] = cb_type_of(&array->children[i]);
    type.children = children;
    return type;
}

cb_type cb__type_copy(cb__arena *arena, cb_type type) {
    cb_type *children = type.n_children ? cb__alloc(arena, type.n_children * sizeof *children) : NULL;
    for (uint32_t i = 0; i < type.n_children; i++) children[i] = cb__type_copy(arena, type.children[i]);
    type.children = children;
    type.name = keep(arena, type.name), type.logical = keep(arena, type.logical);
    return type;
}

void cb__shape_init(cb_shape *shape, cb__arena *arena, const cb_batch *inputs, size_t n_inputs) {
    cb__shape *made = cb__alloc(arena, sizeof *made);
    made->arena = arena;
    made->reads = cb__alloc(arena, (n_inputs + 1) * sizeof *made->reads);
    made->keys = cb__alloc(arena, (n_inputs + 1) * sizeof *made->keys);
    made->sorts = cb__alloc(arena, (n_inputs + 1) * sizeof *made->sorts);
    *shape = (cb_shape){inputs, n_inputs, made};
}

// The place of the name, which is added if it is new.
static uint32_t name(cb__arena *arena, cb__names *names, cb_str name) {
    for (uint32_t i = 0; i < names->len; i++) {
        if (cb_str_eq(names->items[i], name)) return i;
    }
    // Room is doubled whenever it is used up: at powers of two.
    if ((names->len & (names->len - 1)) == 0) {
        cb_str *items = cb__alloc(arena, (names->len ? names->len * 2 : 1) * sizeof *items);
        if (names->len) memcpy(items, names->items, names->len * sizeof *items);
        names->items = items;
    }
    names->items[names->len++] = keep(arena, name);
    return (uint32_t)names->len - 1;
}

uint32_t cb_reads_of(cb_shape *shape, size_t input, const char *column, cb_type type, const char *at) {
    cb_error_kind kind = at ? CB_ERROR_CONFIG : CB_ERROR_INPUT;
    if (input >= shape->n_inputs) {
        cb__fail(CB_ERROR_INPUT, NULL, NULL, 0, "the step reads input %zu, and is given %zu, from 0", input, shape->n_inputs);
        return 0;
    }
    const cb_batch *schema = &shape->inputs[input];
    const cb_array *found = NULL;
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        if (cb_str_eq(schema->columns[i].name, cb_str_of(column))) found = &schema->columns[i];
    }
    if (!found) {
        cb__fail(kind, at, NULL, 0, "there is no column `%s`", column);
    } else if (type.layout != CB_LAYOUT_ANY && type.layout != found->layout) {
        cb__fail(kind, at, NULL, 0, "column `%s` is no %s", column, cb__layout_name(type.layout));
    }
    return name(shape->made->arena, &shape->made->reads[input], cb_str_of(column));
}

uint32_t cb_reads(cb_shape *shape, const char *column, cb_type type, const char *at) { return cb_reads_of(shape, 0, column, type, at); }

void cb_drops(cb_shape *shape, const char *column) { name(shape->made->arena, &shape->made->drops, cb_str_of(column)); }

uint32_t cb_writes(cb_shape *shape, const char *column, cb_type type) {
    cb__shape *made = shape->made;
    cb_type *writes = cb__alloc(made->arena, (made->n_writes + 1) * sizeof *writes);
    if (made->n_writes) memcpy(writes, made->writes, made->n_writes * sizeof *writes);
    type.name = cb_str_of(column);
    writes[made->n_writes] = cb__type_copy(made->arena, type);
    made->writes = writes;
    return (uint32_t)made->n_writes++;
}

// An input that is not connected has no rows to group or sort.
static void group_by(cb_shape *shape, size_t input, const char *column, int gathering) {
    cb__shape *made = shape->made;
    if (made->gathering != CB__ALL && (int)made->gathering != gathering) {
        cb__fail(CB_ERROR_FAILED, NULL, NULL, 0, "rows are grouped by `cb_by_key` or by `cb_by_each`, and not by both");
    } else if (gathering == CB__BY_EACH && input < shape->n_inputs && made->keys[input].len) {
        cb__fail(CB_ERROR_FAILED, NULL, NULL, 0, "rows are grouped by the items of one column");
    }
    made->gathering = gathering;
    if (input < shape->n_inputs) name(made->arena, &made->keys[input], cb_str_of(column));
}

void cb_by_key(cb_shape *shape, const char *column) { group_by(shape, 0, column, CB__BY_KEY); }
void cb_by_key_of(cb_shape *shape, size_t input, const char *column) { group_by(shape, input, column, CB__BY_KEY); }
void cb_by_each(cb_shape *shape, const char *column) { group_by(shape, 0, column, CB__BY_EACH); }
void cb_by_each_of(cb_shape *shape, size_t input, const char *column) { group_by(shape, input, column, CB__BY_EACH); }
void cb_as_written(cb_shape *shape) { shape->made->as_written = true; }

void cb_in_order_of(cb_shape *shape, size_t input, const char *column, cb_order order) {
    if (input >= shape->n_inputs) return;
    cb__arena *arena = shape->made->arena;
    cb__sort *sort = &shape->made->sorts[input];
    cb_str *names = cb__alloc(arena, (sort->len + 1) * sizeof *names);
    cb_order *orders = cb__alloc(arena, (sort->len + 1) * sizeof *orders);
    if (sort->len) memcpy(names, sort->names, sort->len * sizeof *names), memcpy(orders, sort->orders, sort->len * sizeof *orders);
    names[sort->len] = keep(arena, cb_str_of(column)), orders[sort->len] = order;
    *sort = (cb__sort){names, orders, sort->len + 1};
}

void cb_in_order(cb_shape *shape, const char *column, cb_order order) { cb_in_order_of(shape, 0, column, order); }

const cb__names *cb__keys(const cb__shape *shape, size_t input) { return &shape->keys[shape->keys[input].len ? input : 0]; }

static bool has(const cb_batch *schema, cb_str column) {
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        if (cb_str_eq(schema->columns[i].name, column)) return true;
    }
    cb__fail(CB_ERROR_INPUT, NULL, NULL, 0, "there is no column `" CB_FMT "`", CB_ARG(column));
    return false;
}

bool cb__gathers(const cb_shape *shape) {
    for (size_t i = 0; i < shape->n_inputs; i++) {
        const cb__names *keys = cb__keys(shape->made, i);
        for (size_t j = 0; j < keys->len; j++) {
            if (!has(&shape->inputs[i], keys->items[j])) return false;
        }
        const cb__sort *sort = &shape->made->sorts[i];
        for (size_t j = 0; j < sort->len; j++) {
            if (!has(&shape->inputs[i], sort->names[j])) return false;
        }
    }
    return true;
}

bool cb__reopen(const cb__step *step, const void *config, cb_shape *shape, const cb_batch *inputs, size_t n_inputs) {
    cb__shape_init(shape, &cb__life, inputs, n_inputs);
    if (!cb__ok(step->declare(config, shape))) return false;
    for (size_t i = 0; i < n_inputs; i++) {
        const cb__names *reads = &shape->made->reads[i];
        bool same = reads->len == inputs[i].n_columns;
        for (size_t j = 0; same && j < reads->len; j++) same = cb_str_eq(reads->items[j], inputs[i].columns[j].name);
        if (!same) return cb__fail(CB_ERROR_FAILED, NULL, NULL, 0, "`declare` reads other columns when the step is opened than when it was checked"), false;
    }
    return true;
}
