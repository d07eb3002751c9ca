//! Counts the words of a text column; drops rows that have too few of them, and rejects rows whose text is null.

const std = @import("std");
const c = @import("c");

const Shape = c.exports_callboard_step_transform_shape_t;
const Batch = c.callboard_step_columns_batch_t;
const Error = c.callboard_step_types_error_t;
const Output = c.exports_callboard_step_transform_output_t;
const String = c.transform_step_string_t;

/// The bindings free what is returned with `free`.
const heap = std.heap.c_allocator;

/// The bindings want it, to hold on to an object file that is not needed: `callboard step build` adds what would be in it.
export fn __component_type_object_force_link_transform_step() void {}

const Config = struct { column: []const u8 = "text", min: i64 = 1 };

/// Lives as long as the instance: set by `open`.
var config: Config = .{};

export fn exports_callboard_step_manifest_describe(ret: *c.exports_callboard_step_manifest_manifest_t) void {
    ret.* = .{
        .name = own("word-count"),
        .version = own("0.1.0"),
        .summary = own("Counts the words of a text column"),
        .config_schema = own(
            \\{"type": "object", "additionalProperties": false, "properties": {
            \\  "column": {"type": "string", "default": "text", "description": "The column of text."},
            \\  "min": {"type": "integer", "minimum": 0, "default": 1, "description": "Rows of fewer words are dropped."}}}
        ),
    };
}

export fn exports_callboard_step_transform_declare(text: *String, input: *Batch, ret: *Shape, err: *Error) bool {
    defer c.transform_step_string_free(text);
    defer c.exports_callboard_step_transform_schema_free(input);
    const wanted = parse(text, err) orelse return false;
    const of = layout(input, wanted.column) orelse
        return refuse(err, "/column", "there is no column `{s}`", .{wanted.column});
    if (of != c.CALLBOARD_STEP_COLUMNS_VALUES_UTF8)
        return refuse(err, "/column", "column `{s}` is no text", .{wanted.column});
    ret.* = std.mem.zeroes(Shape);
    ret.reads = .{ .ptr = list(String, 1), .len = 1 };
    ret.reads.ptr[0] = own(wanted.column);
    ret.writes = counts(0);
    return true;
}

export fn exports_callboard_step_transform_open(text: *String, input: *Batch, err: *Error) bool {
    defer c.transform_step_string_free(text);
    defer c.exports_callboard_step_transform_schema_free(input);
    config = parse(text, err) orelse return false;
    return true;
}

export fn exports_callboard_step_transform_process(input: *Batch, ret: *Output, err: *Error) bool {
    _ = err;
    defer c.exports_callboard_step_transform_batch_free(input);
    const array = input.arrays.ptr[input.columns.ptr[0].values];
    const texts = array.values.val.utf8;
    const removed = list(c.callboard_step_types_removal_t, input.rows);
    var gone: usize = 0;
    ret.* = std.mem.zeroes(Output);
    ret.columns = counts(input.rows);
    const written = &ret.columns.arrays.ptr[0];
    var kept: u32 = 0;
    for (0..input.rows) |row| {
        if (array.validity.is_some and array.validity.val.ptr[row / 8] >> @intCast(row % 8) & 1 == 0) {
            removed[gone] = .{ .rows = only(row), .fate = c.CALLBOARD_STEP_TYPES_FATE_REJECTED, .reason = own("no text") };
            gone += 1;
            continue;
        }
        const from = texts.offsets.ptr[row];
        const to = texts.offsets.ptr[row + 1];
        const words = count(if (from == to) "" else texts.data.ptr[from..to]);
        if (words < config.min) {
            const reason = print("{d} words, fewer than {d}", .{ words, config.min });
            removed[gone] = .{ .rows = only(row), .fate = c.CALLBOARD_STEP_TYPES_FATE_DROPPED, .reason = reason };
            gone += 1;
            continue;
        }
        written.values.val.int64.ptr[kept] = words;
        kept += 1;
    }
    ret.columns.rows = kept;
    written.length = kept;
    written.values.val.int64.len = kept;
    ret.removed = .{ .ptr = removed, .len = gone };
    return true;
}

/// The rows of a removal: one.
fn only(row: usize) c.transform_step_list_u64_t {
    const rows = list(u64, 1);
    rows[0] = row;
    return .{ .ptr = rows, .len = 1 };
}

fn count(text: []const u8) i64 {
    var words = std.mem.tokenizeAny(u8, text, " \t\n\r\x0b\x0c");
    var found: i64 = 0;
    while (words.next()) |_| found += 1;
    return found;
}

/// A batch with the column `n_words`, with room for so many numbers; with none it is a schema.
fn counts(rows: u32) Batch {
    var batch = std.mem.zeroes(Batch);
    batch.rows = rows;
    batch.columns = .{ .ptr = list(c.callboard_step_columns_column_t, 1), .len = 1 };
    batch.columns.ptr[0] = .{ .name = own("n_words"), .values = 0 };
    batch.arrays = .{ .ptr = list(c.callboard_step_columns_array_t, 1), .len = 1 };
    batch.arrays.ptr[0] = std.mem.zeroes(c.callboard_step_columns_array_t);
    const array = &batch.arrays.ptr[0];
    array.length = rows;
    array.values.tag = c.CALLBOARD_STEP_COLUMNS_VALUES_INT64;
    array.values.val = .{ .int64 = .{ .ptr = list(i64, rows), .len = rows } };
    return batch;
}

/// The layout of a column of a schema.
fn layout(schema: *Batch, name: []const u8) ?u8 {
    for (schema.columns.ptr[0..schema.columns.len]) |column| {
        if (std.mem.eql(u8, column.name.ptr[0..column.name.len], name)) return schema.arrays.ptr[column.values].values.tag;
    }
    return null;
}

/// The configuration; what is wrong with it is told with its place.
fn parse(text: *String, err: *Error) ?Config {
    const json = std.json.parseFromSliceLeaky(std.json.Value, heap, text.ptr[0..text.len], .{}) catch {
        _ = refuse(err, null, "the configuration is no JSON", .{});
        return null;
    };
    var found = Config{};
    var keys = json.object.iterator();
    while (keys.next()) |entry| {
        const key = entry.key_ptr.*;
        if (std.mem.eql(u8, key, "column") and entry.value_ptr.* == .string) {
            found.column = entry.value_ptr.string;
        } else if (std.mem.eql(u8, key, "min") and entry.value_ptr.* == .integer and entry.value_ptr.integer >= 0) {
            found.min = entry.value_ptr.integer;
        } else {
            const known = std.mem.eql(u8, key, "column") or std.mem.eql(u8, key, "min");
            const why = if (known) "expected a column's name, or a number from 0 on" else "there is no such key";
            _ = refuse(err, std.fmt.allocPrint(heap, "/{s}", .{key}) catch @panic("no memory"), "{s}", .{why});
            return null;
        }
    }
    return found;
}

fn refuse(err: *Error, at: ?[]const u8, comptime message: []const u8, arguments: anytype) bool {
    err.* = std.mem.zeroes(Error);
    err.kind = c.CALLBOARD_STEP_TYPES_ERROR_KIND_CONFIG;
    err.message = print(message, arguments);
    if (at) |pointer| err.at = .{ .is_some = true, .val = own(pointer) };
    return false;
}

/// A text that the bindings will free.
fn own(text: []const u8) String {
    if (text.len == 0) return std.mem.zeroes(String);
    const copy = heap.dupe(u8, text) catch @panic("no memory");
    return .{ .ptr = copy.ptr, .len = copy.len };
}

fn print(comptime format: []const u8, arguments: anytype) String {
    const text = std.fmt.allocPrint(heap, format, arguments) catch @panic("no memory");
    return .{ .ptr = text.ptr, .len = text.len };
}

/// Room for so many elements. An empty list has no address: one outside of the memory would be refused.
fn list(comptime T: type, count_of: usize) [*c]T {
    if (count_of == 0) return null;
    return (heap.alloc(T, count_of) catch @panic("no memory")).ptr;
}
