// The configuration: its JSON Schema, and reading it, both from the one table of fields.

#include "internal.h"

static const cb_field none[] = {{0}};

static const char *schema_type(cb__field_kind kind) {
    switch (kind) {
    case CB__INT: return "integer";
    case CB__NUMBER: return "number";
    case CB__BOOL: return "boolean";
    case CB__TEXTS: return "array";
    default: return "string";
    }
}

static void quote(cb__buffer *to, const char *text) { cb__json_quote(to, text, strlen(text)); }

static void bounds(cb__buffer *to, const cb_field *field) {
    if (field->min) cb__append(to, ",\"minimum\":%lld", *field->min);
    if (field->max) cb__append(to, ",\"maximum\":%lld", *field->max);
    if (field->at_least) cb__append(to, ",\"minimum\":"), cb__json_number(to, *field->at_least);
    if (field->at_most) cb__append(to, ",\"maximum\":"), cb__json_number(to, *field->at_most);
    if (field->kind == CB__TEXTS) cb__append(to, ",\"items\":{\"type\":\"string\"}");
    for (size_t i = 0; field->choices && field->choices[i]; i++) {
        cb__append(to, i ? "," : ",\"enum\":[");
        quote(to, field->choices[i]);
        if (!field->choices[i + 1]) cb__append(to, "]");
    }
}

static void fallback(cb__buffer *to, const cb_field *field) {
    const cb__setting *value = &field->fallback;
    if (field->required || (field->optional && !value->text)) return;
    cb__append(to, ",\"default\":");
    switch (field->kind) {
    case CB__INT: cb__append(to, "%lld", (long long)value->integer); break;
    case CB__NUMBER: cb__json_number(to, value->number); break;
    case CB__BOOL: cb__append(to, value->boolean ? "true" : "false"); break;
    case CB__TEXTS:
        cb__append(to, "[");
        for (size_t i = 0; i < value->texts.len; i++) cb__append(to, i ? "," : ""), quote(to, value->texts.items[i]);
        cb__append(to, "]");
        break;
    default: quote(to, value->text ? value->text : "");
    }
}

cb_str cb__config_schema(const cb_field *fields) {
    static cb__buffer to;
    to.len = 0;
    if (!fields) fields = none;
    cb__append(&to, "{\"type\":\"object\",\"properties\":{");
    size_t required = 0;
    for (const cb_field *field = fields; field->kind; field++) {
        if (field != fields) cb__append(&to, ",");
        quote(&to, field->name);
        cb__append(&to, ":{\"type\":\"%s\"", schema_type(field->kind));
        if (field->doc) cb__append(&to, ",\"description\":"), quote(&to, field->doc);
        bounds(&to, field);
        fallback(&to, field);
        cb__append(&to, "}");
        required += field->required;
    }
    cb__append(&to, "},\"additionalProperties\":false");
    if (required) cb__append(&to, ",\"required\":[");
    for (const cb_field *field = fields; field->kind; field++) {
        if (!field->required) continue;
        quote(&to, field->name);
        cb__append(&to, --required ? "," : "]");
    }
    cb__append(&to, "}");
    return (cb_str){cb__copy(&cb__call, to.ptr, to.len), to.len};
}

// `/` and the key, as a JSON pointer writes it.
static const char *pointer(cb_str key, long index) {
    static cb__buffer to;
    to.len = 0;
    cb__append(&to, "/");
    for (size_t i = 0; i < key.len; i++) {
        cb__append(&to, key.ptr[i] == '~' ? "~0" : key.ptr[i] == '/' ? "~1" : "%c", key.ptr[i]);
    }
    if (index >= 0) cb__append(&to, "/%ld", index);
    cb__append(&to, "%c", 0);
    return to.ptr;
}

static bool expected(cb_str key, long index, const char *what, const cb__json *json) {
    cb_config_error(pointer(key, index), "%s is expected, and this is %s", what, cb__json_kind_name(json));
    return false;
}

static bool read_text(cb__arena *arena, cb_str key, long index, const cb__json *json, cb__setting *setting) {
    if (json->kind != CB__JSON_TEXT) return expected(key, index, "a text", json);
    if (memchr(json->text.ptr, 0, json->text.len)) return cb_config_error(pointer(key, index), "a zero byte in a text"), false;
    setting->text = cb__copy(arena, json->text.ptr, json->text.len);
    setting->len = json->text.len;
    return true;
}

static bool read_integer(const cb_field *field, cb_str key, const cb__json *json, cb__setting *setting) {
    if (json->kind != CB__JSON_NUMBER) return expected(key, -1, "an integer", json);
    if (!json->is_integer) return cb_config_error(pointer(key, -1), "an integer of 64 bits is expected"), false;
    setting->integer = json->integer;
    if (field->min && json->integer < *field->min) {
        return cb_config_error(pointer(key, -1), "at least %lld is expected, and this is %lld", *field->min,
                               (long long)json->integer), false;
    }
    if (field->max && json->integer > *field->max) {
        return cb_config_error(pointer(key, -1), "at most %lld is expected, and this is %lld", *field->max,
                               (long long)json->integer), false;
    }
    return true;
}

static bool read_number(const cb_field *field, cb_str key, const cb__json *json, cb__setting *setting) {
    if (json->kind != CB__JSON_NUMBER) return expected(key, -1, "a number", json);
    setting->number = json->number;
    if (field->at_least && json->number < *field->at_least) {
        return cb_config_error(pointer(key, -1), "at least %g is expected, and this is %g", *field->at_least, json->number), false;
    }
    if (field->at_most && json->number > *field->at_most) {
        return cb_config_error(pointer(key, -1), "at most %g is expected, and this is %g", *field->at_most, json->number), false;
    }
    return true;
}

static bool choose(const cb_field *field, cb_str key, cb__setting *setting) {
    static cb__buffer names;
    names.len = 0;
    for (setting->integer = 0; field->choices[setting->integer]; setting->integer++) {
        const char *choice = field->choices[setting->integer];
        if (strcmp(choice, setting->text) == 0) return true;
        cb__append(&names, "%s`%s`", setting->integer ? ", " : "", choice);
    }
    cb_config_error(pointer(key, -1), "one of %.*s is expected, and this is `%s`", (int)names.len, names.ptr, setting->text);
    return false;
}

static bool read_setting(cb__arena *arena, const cb_field *field, const cb__json *json, cb__setting *setting) {
    cb_str key = json->key;
    switch (field->kind) {
    case CB__INT: return read_integer(field, key, json, setting);
    case CB__NUMBER: return read_number(field, key, json, setting);
    case CB__BOOL:
        if (json->kind != CB__JSON_BOOL) return expected(key, -1, "a boolean", json);
        setting->boolean = json->boolean;
        return true;
    case CB__TEXTS: {
        if (json->kind != CB__JSON_LIST) return expected(key, -1, "a list of texts", json);
        const char **items = cb__alloc(arena, (json->len + 1) * sizeof *items);
        long index = 0;
        for (const cb__json *item = json->first; item; item = item->next, index++) {
            cb__setting one;
            if (!read_text(arena, key, index, item, &one)) return false;
            items[index] = one.text;
        }
        setting->texts = (cb_texts){items, json->len};
        return true;
    }
    case CB__CHOICE: return read_text(arena, key, -1, json, setting) && choose(field, key, setting);
    default:
        if (field->optional && json->kind == CB__JSON_NULL) return setting->text = NULL, setting->len = 0, true;
        return read_text(arena, key, -1, json, setting);
    }
}

static void store(void *config, const cb_field *field, const cb__setting *setting) {
    void *member = (char *)config + field->offset;
    if (field->set) {
        field->set(config, field, setting);
    } else if (field->kind == CB__TEXT) {
        *(const char **)member = setting->text;
    } else if (field->kind == CB__NUMBER) {
        *(double *)member = setting->number;
    } else if (field->kind == CB__BOOL) {
        *(bool *)member = setting->boolean;
    } else if (field->kind == CB__CHOICE) {
        *(int *)member = (int)setting->integer;
    } else if (field->kind == CB__TEXTS) {
        *(cb_texts *)member = setting->texts;
    } else {
        *(long long *)member = setting->integer;
    }
}

static const cb__json *member_named(const cb__json *object, const char *name) {
    const cb__json *member = object->first;
    while (member && !cb_str_eq(cb_str_of(name), member->key)) member = member->next;
    return member;
}

void *cb__config_read(cb__arena *arena, const cb_about *about, cb_str text) {
    const cb_field *fields = about->fields ? about->fields : none;
    cb_str problem;
    const cb__json *json = cb__json_read(&cb__call, text, &problem);
    if (!json) return cb_config_error(NULL, "the configuration is no JSON: %s", problem.ptr), NULL;
    if (json->kind != CB__JSON_OBJECT) return cb_config_error("", "an object is expected, and this is %s", cb__json_kind_name(json)), NULL;
    for (const cb__json *member = json->first; member; member = member->next) {
        const cb_field *field = fields;
        while (field->kind && !cb_str_eq(cb_str_of(field->name), member->key)) field++;
        if (!field->kind) {
            return cb_config_error(pointer(member->key, -1), "there is no key `" CB_FMT "`", CB_ARG(member->key)), NULL;
        }
    }
    for (const cb_field *field = fields; field->kind; field++) {
        if (field->required && !member_named(json, field->name)) {
            return cb_config_error(pointer(cb_str_of(field->name), -1), "`%s` is not given, and has no default", field->name), NULL;
        }
    }
    void *config = cb__alloc(arena, about->config_size ? about->config_size : 1);
    if (about->construct) about->construct(config);
    for (const cb_field *field = fields; field->kind; field++) {
        cb__setting setting = field->fallback;
        const cb__json *member = member_named(json, field->name);
        if (setting.text) setting.len = strlen(setting.text);
        if (member ? !read_setting(arena, field, member, &setting)
                   : field->kind == CB__CHOICE && !choose(field, cb_str_of(field->name), &setting)) {
            if (about->destroy) about->destroy(config);
            return NULL;
        }
        store(config, field, &setting);
    }
    return config;
}
