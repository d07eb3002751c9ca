// Rows brought together as the host would do it. Included by the host of a global step.

typedef struct member {
    uint32_t group, row;
} member;

// The rows of an input that a call is given.
typedef struct given_rows {
    member *items;
    uint32_t len;
} given_rows;

// The numbers of the groups, by their keys.
static cb_map *group_numbers;

static uint32_t group_number(const cb__buffer *key) {
    return (uint32_t)*cb_map_add(group_numbers, (cb_str){key->len ? key->ptr : "", key->len}, cb_map_size(group_numbers), NULL);
}

// A value as text, under which values that agree are equal: of the numbers 0.0 and -0.0 do.
static void tell_key(cb__buffer *key, const cb_array *array, uint32_t row) {
    size_t from = told.len;
    bool is_float = array->layout == CB_LAYOUT_FLOAT64 && !cb_null_at(array, row);
    if (is_float && cb_value_float(((cb_value){array, row})) == 0) cb__append(&told, "0");
    else tell_value(array, row);
    cb__append(key, CB_FMT ",", (int)(told.len - from), told.ptr + from);
    told.len = from;
}

static const cb_array *input_column(const cb_batch *rows, cb_str name) {
    const cb_array *found = column_named(rows, name);
    if (!found) fprintf(stderr, "an input has no column %.*s\n", (int)name.len, name.ptr), exit(2);
    return found;
}

static int compare_values(const cb_array *array, uint32_t a, uint32_t b) {
    cb_value x = {array, a}, y = {array, b};
    switch (array->layout) {
    case CB_LAYOUT_NULL: return 0;
    case CB_LAYOUT_BOOLEAN: return cb_value_bool(x) - cb_value_bool(y);
    case CB_LAYOUT_INT64: return (cb_value_int(x) > cb_value_int(y)) - (cb_value_int(x) < cb_value_int(y));
    case CB_LAYOUT_FLOAT64: return (cb_value_float(x) > cb_value_float(y)) - (cb_value_float(x) < cb_value_float(y));
    case CB_LAYOUT_UTF8: {
        cb_str left = cb_value_text(x), right = cb_value_text(y);
        int found = memcmp(left.ptr, right.ptr, left.len < right.len ? left.len : right.len);
        return found ? found : (left.len > right.len) - (left.len < right.len);
    }
    default: fprintf(stderr, "the host of tests does not sort such a column\n"), exit(2);
    }
}

// Whether a row comes behind another by the columns that are sorted by; rows that are equal stay as they are.
static int compare_rows(const cb_batch *rows, const cb__sort *sort, uint32_t a, uint32_t b) {
    for (size_t i = 0; i < sort->len; i++) {
        const cb_array *column = input_column(rows, sort->names[i]);
        bool no_a = cb_null_at(column, a), no_b = cb_null_at(column, b);
        int found = no_a || no_b ? (no_a - no_b) * (sort->orders[i] & CB_NULLS_FIRST ? -1 : 1)
                                 : compare_values(column, a, b) * (sort->orders[i] & CB_DESCENDING ? -1 : 1);
        if (found) return found;
    }
    return 0;
}

static given_rows gathered(const cb__shape *made, const cb_batch *rows, size_t input) {
    static cb__buffer key;
    given_rows all = {0};
    uint32_t room = 0;
    const cb__names *keys = cb__keys(made, input);
    for (uint32_t row = 0; row < rows->rows; row++) {
        const cb_array *lists = made->gathering == CB__BY_EACH ? input_column(rows, keys->items[0]) : NULL;
        if (lists && cb_null_at(lists, row)) continue;
        cb_list list = lists ? cb_value_items(((cb_value){lists, row})) : (cb_list){0};
        uint32_t first = all.len;
        for (uint32_t i = 0; i < (lists ? list.len : 1); i++) {
            key.len = 0;
            if (lists) tell_key(&key, list.items, list.start + i);
            for (size_t j = 0; made->gathering == CB__BY_KEY && j < keys->len; j++) tell_key(&key, input_column(rows, keys->items[j]), row);
            uint32_t group = group_number(&key), seen = first;
            while (seen < all.len && all.items[seen].group != group) seen++;
            if (seen < all.len) continue;
            if (all.len == room) {
                member *more = cb__alloc(&test_memory, (room = room * 2 + 16) * sizeof *more);
                if (all.len) memcpy(more, all.items, all.len * sizeof *more);
                all.items = more;
            }
            all.items[all.len++] = (member){group, row};
        }
    }
    for (uint32_t i = 1; i < all.len; i++) {
        member one = all.items[i];
        uint32_t at = i;
        for (; at > 0; at--) {
            member *before = &all.items[at - 1];
            bool behind = before->group != one.group ? before->group > one.group : compare_rows(rows, &made->sorts[input], before->row, one.row) > 0;
            if (!behind) break;
            all.items[at] = *before;
        }
        all.items[at] = one;
    }
    return all;
}
