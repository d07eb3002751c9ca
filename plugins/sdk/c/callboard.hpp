// Callboard's SDK for C++23, on the one for C: a step is a class and one macro.
//
//     struct WordCount {
//         struct Config { std::string_view column = "text"; };
//         static constexpr auto fields = cb::fields(cb::field<&Config::column>("column", "The column of text"));
//         static cb::status declare(const Config &config, cb::shape &shape);      // what is read and written
//         explicit WordCount(const Config &config);                               // once in each instance: the place to build a table
//         cb::status row(const cb::row &row, cb::out &out);                       // a transform by rows; or one of
//         cb::status columns(const cb::batch &batch, cb::out &out);               // a transform by columns
//         cb::status run(std::span<cb::input> inputs, cb::out &out);              // a global step
//         cb::status row(std::uint64_t number, cb::out &out);                     // a source; gives cb::end behind the last
//     };
//     CB_STEP(WordCount, .name = "word-count", .version = "0.1.0", .summary = "…");
//
// Texts and spans lie in the memory of the call: copy what is to stay. There are no exceptions: errors are noted with `cb::fail` and its
// kin and given back. A wrong use (a column that is not there, text read as a number) fails the call, with the file and line of that use.
#ifndef CALLBOARD_HPP
#define CALLBOARD_HPP

#include <array>
#include <concepts>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <format>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "callboard.h"

namespace cb {

using bytes = std::span<const std::byte>;
using where = std::source_location;

// ---- Outcomes, errors, the log --------------------------------------------------------------------------------------------------

using status = cb_status;
inline constexpr status ok = CB_OK, failed = CB_FAILED, end = CB_END;

inline cb_str raw(std::string_view text) { return {text.data() ? text.data() : "", text.size()}; }
inline std::string_view view(cb_str text) { return {text.ptr, text.len}; }

// A format that is checked when it is compiled, and where it stands.
template <class... Args> struct located {
    std::format_string<Args...> format;
    where at;
    template <class Text>
        requires std::convertible_to<const Text &, std::string_view>
    consteval located(const Text &text, where at = where::current()) : format(text), at(at) {}
};
template <class... Args> using format = located<std::type_identity_t<Args>...>;

// The message begins with the file and line. Gives cb::failed, to be returned.
template <class... Args> status fail(format<Args...> what, Args &&...args) {
    std::string text = std::format(what.format, std::forward<Args>(args)...);
    return cb__fail(CB_ERROR_FAILED, nullptr, what.at.file_name(), (int)what.at.line(), CB_FMT, CB_ARG(raw(text)));
}
namespace detail {
template <class... Args> status error(cb_error_kind kind, const char *at, std::format_string<Args...> what, Args &&...args) {
    std::string text = std::format(what, std::forward<Args>(args)...);
    return cb__fail(kind, at, nullptr, 0, CB_FMT, CB_ARG(raw(text)));
}
} // namespace detail
// The configuration is wrong, at this JSON pointer.
template <class... Args> status config_error(const char *at, std::format_string<Args...> what, Args &&...args) {
    return detail::error(CB_ERROR_CONFIG, at, what, std::forward<Args>(args)...);
}
// This step cannot work on these rows.
template <class... Args> status input_error(std::format_string<Args...> what, Args &&...args) {
    return detail::error(CB_ERROR_INPUT, nullptr, what, std::forward<Args>(args)...);
}
// The same call may succeed later.
template <class... Args> status transient_error(std::format_string<Args...> what, Args &&...args) {
    return detail::error(CB_ERROR_TRANSIENT, nullptr, what, std::forward<Args>(args)...);
}

enum class level { trace, debug, info, warn, error };
template <class... Args> void log(level level, std::format_string<Args...> what, Args &&...args) {
    std::string text = std::format(what, std::forward<Args>(args)...);
    cb_log(static_cast<cb_level>(level), CB_FMT, CB_ARG(raw(text)));
}
inline void count(const char *name, std::int64_t amount) { cb_count(name, amount); }

// ---- Types ----------------------------------------------------------------------------------------------------------------------

using type = cb_type;
inline constexpr type null = CB_NULL, boolean = CB_BOOLEAN, int8 = CB_INT8, int16 = CB_INT16, int32 = CB_INT32, int64 = CB_INT64,
                      uint8 = CB_UINT8, uint16 = CB_UINT16, uint32 = CB_UINT32, uint64 = CB_UINT64, float32 = CB_FLOAT32,
                      float64 = CB_FLOAT64, utf8 = CB_UTF8, binary = CB_BINARY, any = CB_ANY;
constexpr type not_null(type type) { return type.not_null = true, type; }
inline type named(const char *name, type type) { return cb_named(name, type); }
inline type meaning(type type, const char *logical) { return cb_meaning(type, logical); }
inline type fixed_of(std::uint32_t width) { return cb_fixed_of(width); }
inline type list_of(type items) { return cb_list_of(items); }
inline type vector_of(type items, std::uint32_t width) { return cb_vector_of(items, width); }
inline type struct_of(std::span<const type> members) { return cb_struct_of(members.data(), members.size()); }

namespace detail {
template <class T> consteval cb_layout layout_of() {
    if constexpr (std::is_same_v<T, float>) return CB_LAYOUT_FLOAT32;
    else if constexpr (std::is_same_v<T, double>) return CB_LAYOUT_FLOAT64;
    else {
        static_assert(std::is_integral_v<T> && !std::is_same_v<T, bool>, "a column of numbers");
        constexpr cb_layout widths[] = {CB_LAYOUT_INT8, CB_LAYOUT_INT16, CB_LAYOUT_INT32, CB_LAYOUT_INT64};
        constexpr int place = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
        return static_cast<cb_layout>(widths[place] + (std::is_unsigned_v<T> ? CB_LAYOUT_UINT8 - CB_LAYOUT_INT8 : 0));
    }
}
} // namespace detail

// ---- Rows in --------------------------------------------------------------------------------------------------------------------

class value;

// The values of a list, in order: `for (cb::value item : list)`.
class list {
    cb_list raw_;

  public:
    explicit list(cb_list raw) : raw_(raw) {}
    std::size_t size() const { return raw_.len; }
    value operator[](std::uint32_t i) const;
    struct iterator;
    iterator begin() const;
    iterator end() const;
};

// One value, wherever it is nested.
class value {
    cb_value raw_;

  public:
    explicit value(cb_value raw) : raw_(raw) {}
    cb_value raw() const { return raw_; }
    bool is_null() const { return cb_value_is_null(raw_); }
    cb_layout layout() const { return raw_.array ? raw_.array->layout : CB_LAYOUT_NULL; }
    // The value as a std::string_view, cb::bytes, std::int64_t, std::uint64_t, double, bool or cb::list; none for a null.
    template <class T> std::optional<T> get(where at = where::current()) const {
        const char *file = at.file_name();
        int line = static_cast<int>(at.line());
        if (is_null()) return std::nullopt;
        if constexpr (std::is_same_v<T, std::string_view>) {
            cb_str text = cb__text(raw_, file, line);
            return text.ptr ? std::optional(view(text)) : std::nullopt;
        } else if constexpr (std::is_same_v<T, bytes>) {
            cb_str text = cb__bytes(raw_, file, line);
            return bytes(reinterpret_cast<const std::byte *>(text.ptr), text.len);
        } else if constexpr (std::is_same_v<T, list>) return list(cb__items(raw_, file, line));
        else if constexpr (std::is_same_v<T, std::int64_t>) return cb__int(raw_, file, line);
        else if constexpr (std::is_same_v<T, std::uint64_t>) return cb__uint(raw_, file, line);
        else if constexpr (std::is_same_v<T, double>) return cb__float(raw_, file, line);
        else {
            static_assert(std::is_same_v<T, bool>, "a value is a string_view, bytes, int64_t, uint64_t, double, bool or list");
            return cb__bool(raw_, file, line);
        }
    }
    // A member of a struct.
    value member(const char *name, where at = where::current()) const {
        return value(cb__member(raw_, name, at.file_name(), static_cast<int>(at.line())));
    }
    std::uint32_t members() const { return layout() == CB_LAYOUT_STRUCT ? raw_.array->n_children : 0; }
    value member(std::uint32_t i, where at = where::current()) const {
        if (i < members()) return value(cb_value{raw_.array->children + i, raw_.index});
        cb__fail(CB_ERROR_FAILED, nullptr, at.file_name(), static_cast<int>(at.line()), "there is no member %u", static_cast<unsigned>(i));
        return value(cb_value{nullptr, 0});
    }
};

struct list::iterator {
    cb_list list;
    std::uint32_t i;
    value operator*() const { return value(cb_value{list.items, list.start + i}); }
    iterator &operator++() { return ++i, *this; }
    bool operator!=(const iterator &other) const { return i != other.i; }
};
inline list::iterator list::begin() const { return {raw_, 0}; }
inline list::iterator list::end() const { return {raw_, raw_.len}; }
inline value list::operator[](std::uint32_t i) const { return value(cb_item(raw_, i)); }

// A row; its columns by their place among those that are read.
class row {
    cb_row raw_;

  public:
    explicit row(const cb_row &raw) : raw_(raw) {}
    value at(std::uint32_t column, where at = where::current()) const {
        return value(cb__get(&raw_, column, at.file_name(), static_cast<int>(at.line())));
    }
    template <class T> std::optional<T> get(std::uint32_t column, where at = where::current()) const {
        return this->at(column, at).template get<T>(at);
    }
    bool is_null(std::uint32_t column, where at = where::current()) const { return this->at(column, at).is_null(); }
    // In the batch of a transform, in the input of a global step; from 0.
    std::uint64_t number() const { return raw_.number; }
    // Where rows are grouped: the number of the row's group in this call.
    std::uint32_t group() const { return raw_.group; }
    std::uint32_t size() const { return raw_.batch->n_columns; }
};

// ---- Columns in: spans over a batch, without a copy -----------------------------------------------------------------------------

class column {
    const cb_array *raw_;

  public:
    explicit column(const cb_array *raw) : raw_(raw) {}
    const cb_array *raw() const { return raw_; }
    std::uint32_t size() const { return raw_->length; }
    std::string_view name() const { return view(raw_->name); }
    cb_layout layout() const { return raw_->layout; }
    cb::type type() const { return cb_type_of(raw_); }
    bool is_null(std::uint32_t i) const { return cb_null_at(raw_, i); }
    // A column of numbers. If the layout is different: empty, and the call fails.
    template <class T> std::span<const T> values(where at = where::current()) const {
        auto numbers = static_cast<const T *>(cb__values(raw_, detail::layout_of<T>(), at.file_name(), static_cast<int>(at.line())));
        return {numbers, numbers ? size() : 0};
    }
    // Any value; checked.
    value operator[](std::uint32_t i) const {
        if (i < size()) return value(cb_value{raw_, i});
        cb__fail(CB_ERROR_FAILED, nullptr, nullptr, 0, "value %u of a column of %u was read", (unsigned)i, (unsigned)size());
        return value(cb_value{nullptr, 0});
    }
    std::optional<std::string_view> text(std::uint32_t i, where at = where::current()) const {
        return (*this)[i].get<std::string_view>(at);
    }
};

class batch {
    const cb_batch *raw_;

  public:
    explicit batch(const cb_batch *raw) : raw_(raw) {}
    std::uint32_t rows() const { return raw_->rows; }
    std::uint32_t columns() const { return raw_->n_columns; }
    std::uint64_t first() const { return raw_->first; } // the number of the first row
    // Where rows are grouped: which of the rows are of which group. The last group may continue in the next batch.
    std::span<const cb_run> runs() const { return {raw_->runs, raw_->n_runs}; }
    cb::column column(std::uint32_t i, where at = where::current()) const {
        return cb::column(cb__column(raw_, i, at.file_name(), static_cast<int>(at.line())));
    }
    cb::row row(std::uint32_t i) const { return cb::row(cb_row{raw_, i, raw_->first + i, 0}); }
};

// ---- Rows out -------------------------------------------------------------------------------------------------------------------

// A column that is written, value by value; what nested columns need.
class builder {
    cb_builder *raw_;

  public:
    explicit builder(cb_builder *raw) : raw_(raw) {}
    // Text, bytes, numbers, bool, a cb::value, or an optional of these.
    template <class T> void push(const T &v, where at = where::current()) {
        const char *file = at.file_name();
        int line = static_cast<int>(at.line());
        if constexpr (std::is_same_v<T, bool>) cb__push_bool(raw_, v, file, line);
        else if constexpr (std::is_same_v<T, value>) cb__push_value(raw_, v.raw(), file, line);
        else if constexpr (std::is_floating_point_v<T>) cb__push_float(raw_, v, file, line);
        else if constexpr (std::is_unsigned_v<T>) cb__push_uint(raw_, v, file, line);
        else if constexpr (std::is_integral_v<T>) cb__push_int(raw_, v, file, line);
        else if constexpr (std::is_same_v<T, std::nullopt_t>) cb__push_null(raw_, file, line);
        else if constexpr (std::is_convertible_v<const T &, std::string_view>) cb__push_bytes(raw_, cb::raw(v), true, file, line);
        else if constexpr (std::is_convertible_v<const T &, bytes>) {
            bytes data = v;
            cb__push_bytes(raw_, cb::raw({reinterpret_cast<const char *>(data.data()), data.size()}), false, file, line);
        } else if (v) push(*v, at);
        else cb__push_null(raw_, file, line);
    }
    void push_null(where at = where::current()) { push(std::nullopt, at); }
    // A list or vector: push into items(), then end(). A struct: push one value into each member(i), then end().
    builder items(where at = where::current()) const { return member(0, at); }
    builder member(std::uint32_t i, where at = where::current()) const {
        return builder(cb__child(raw_, i, at.file_name(), static_cast<int>(at.line())));
    }
    void end(where at = where::current()) { cb__end(raw_, at.file_name(), static_cast<int>(at.line())); }
};

class out {
    cb_out *raw_;

  public:
    explicit out(cb_out *raw) : raw_(raw) {}

    // A value of the record that is being made, by the column's place among those that are written.
    template <class T> void put(std::uint32_t column, const T &v, where at = where::current()) { build(column, at).push(v, at); }
    builder build(std::uint32_t column, where at = where::current()) {
        return builder(cb__build(raw_, column, at.file_name(), static_cast<int>(at.line())));
    }

    // By rows, and of a source: the record goes out. May be called again for a second one of the same row, or not at all.
    status keep(where at = where::current()) { return cb__keep(raw_, at.file_name(), static_cast<int>(at.line())); }
    // By rows: the row goes no further, and why. Dropped as the step is meant to; rejected where it could not handle it.
    template <class... Args> status drop(format<Args...> why, Args &&...args) { return remove(false, why, std::forward<Args>(args)...); }
    template <class... Args> status reject(format<Args...> why, Args &&...args) { return remove(true, why, std::forward<Args>(args)...); }

    // The step could not handle it now, for a reason that passes: it counts as rejected, and the next run gives it to the step again.
    template <class... Args> status postpone(format<Args...> why, Args &&...args) {
        return cb_try_again(), remove(true, why, std::forward<Args>(args)...);
    }
    // By columns, and of a global step: the same for the row of this number.
    status keep_row(std::uint64_t number, where at = where::current()) {
        return cb__keep_row(raw_, number, at.file_name(), static_cast<int>(at.line()));
    }
    template <class... Args> status drop_row(std::uint64_t number, format<Args...> why, Args &&...args) {
        return remove_row(number, false, why, std::forward<Args>(args)...);
    }
    template <class... Args> status reject_row(std::uint64_t number, format<Args...> why, Args &&...args) {
        return remove_row(number, true, why, std::forward<Args>(args)...);
    }
    // By columns alone.
    template <class... Args> status postpone_row(std::uint64_t number, format<Args...> why, Args &&...args) {
        return cb_try_again(), remove_row(number, true, why, std::forward<Args>(args)...);
    }
    // In a global step that carries nothing of its first input: the record is a row of its own.
    status write(where at = where::current()) { return cb__write(raw_, at.file_name(), static_cast<int>(at.line())); }
    // The same where rows are grouped: the record is put out in the place of the row of this number.
    status write_at(std::uint64_t number, where at = where::current()) {
        return cb__write_at(raw_, number, at.file_name(), static_cast<int>(at.line()));
    }

    // By columns: room for the numbers of a column, to be filled. As many count as rows are put out.
    template <class T> std::span<T> fill(std::uint32_t column, std::size_t room, where at = where::current()) {
        void *to = cb__new(raw_, column, room, detail::layout_of<T>(), at.file_name(), static_cast<int>(at.line()));
        return {static_cast<T *>(to), room};
    }
    // By columns: hands over a column of the input, which is not copied.
    void put_column(std::uint32_t column, const cb::column &from, where at = where::current()) {
        cb__put_array(raw_, column, from.raw(), at.file_name(), static_cast<int>(at.line()));
    }

  private:
    template <class... Args> status remove(bool rejected, format<Args...> why, Args &&...args) {
        std::string text = std::format(why.format, std::forward<Args>(args)...);
        return cb__remove(raw_, rejected, why.at.file_name(), static_cast<int>(why.at.line()), CB_FMT, CB_ARG(raw(text)));
    }
    template <class... Args> status remove_row(std::uint64_t number, bool rejected, format<Args...> why, Args &&...args) {
        std::string text = std::format(why.format, std::forward<Args>(args)...);
        return cb__remove_row(raw_, number, rejected, why.at.file_name(), static_cast<int>(why.at.line()), CB_FMT, CB_ARG(raw(text)));
    }
};

// ---- What a step reads and writes -----------------------------------------------------------------------------------------------

// Rows without a value come last, unless it says otherwise. NaN is larger than any number.
using order = cb_order;
inline constexpr order ascending = CB_ASCENDING, descending = CB_DESCENDING, nulls_first = CB_NULLS_FIRST,
                       descending_nulls_first = CB_DESCENDING_NULLS_FIRST;

class shape {
    cb_shape *raw_;

  public:
    explicit shape(cb_shape *raw) : raw_(raw) {}
    // How many inputs there are, and the schema of one.
    std::size_t inputs() const { return raw_->n_inputs; }
    batch input(std::size_t i = 0) const { return batch(&raw_->inputs[i < inputs() ? i : 0]); }
    // The column is read; `at` is the JSON pointer to its name in the configuration, if it comes from there. Gives its place.
    std::uint32_t reads(std::string_view column, type type, const char *at = nullptr) { return reads_of(0, column, type, at); }
    std::uint32_t reads_of(std::size_t input, std::string_view column, type type, const char *at = nullptr) {
        return cb_reads_of(raw_, input, std::string(column).c_str(), type, at);
    }
    std::uint32_t writes(std::string_view column, type type) { return cb_writes(raw_, std::string(column).c_str(), type); }
    void drops(std::string_view column) { cb_drops(raw_, std::string(column).c_str()); }

    // How the rows of a global step are brought together; without any of these one call is given all rows, in the order of the input.
    // Rows that agree in these columns are a group, and a group is given to one call, whole. Nulls agree, and so do NaNs. The columns have
    // these names in every input, or others where `by_key_of` says so.
    template <class... Columns> shape &by_key(const Columns &...columns) { return by_key_of(0, columns...); }
    template <class... Columns> shape &by_key_of(std::size_t input, const Columns &...columns) {
        (cb_by_key_of(raw_, input, std::string(columns).c_str()), ...);
        return *this;
    }
    // A row is in a group for each distinct item in the list of this column. Such a step keeps and removes no rows: it uses `write_at`.
    shape &by_each(std::string_view column, std::size_t input = 0) { return cb_by_each_of(raw_, input, std::string(column).c_str()), *this; }
    // Rows are sorted by this column, all of them or those of each group; called again, those that are equal so far.
    shape &in_order(std::string_view column, order order = ascending, std::size_t input = 0) {
        return cb_in_order_of(raw_, input, std::string(column).c_str(), order), *this;
    }
    // Grouped rows are put out in the order of the calls, group after group, and not as they stand in the input.
    shape &as_written() { return cb_as_written(raw_), *this; }
};

// ---- The rows of a global step --------------------------------------------------------------------------------------------------

// The rows of one group, once: `for (cb::row row : group)`. A row is valid until the next.
class group {
    const cb_group *raw_;

  public:
    explicit group(const cb_group *raw) : raw_(raw) {}
    // Within this call: the same for every input.
    std::uint32_t number() const { return raw_->number; }
    struct iterator {
        const cb_group *of;
        const cb_row *at;
        row operator*() const { return row(*at); }
        iterator &operator++() { return at = cb_next_of(of), *this; }
        bool operator!=(std::default_sentinel_t) const { return at != nullptr; }
    };
    iterator begin() const { return {raw_, cb_next_of(raw_)}; }
    std::default_sentinel_t end() const { return {}; }
};

// `for (cb::row row : input)` reads all rows that the call is given, as often as it is written; `for (cb::group group : input.groups())`
// reads them group by group. A row is valid until the next.
class input {
    cb_input *raw_;

  public:
    explicit input(cb_input *raw) : raw_(raw) {}
    std::uint64_t size() const { return cb_count_rows(raw_); }
    void seek(std::uint64_t number) { cb_seek(raw_, number); }
    std::optional<row> next() {
        const cb_row *next = cb_next(raw_);
        return next ? std::optional<row>(*next) : std::nullopt;
    }
    std::optional<batch> next_batch() {
        const cb_batch *next = cb_next_batch(raw_);
        return next ? std::optional<batch>(next) : std::nullopt;
    }
    struct iterator {
        cb_input *from;
        const cb_row *at;
        row operator*() const { return row(*at); }
        iterator &operator++() { return at = cb_next(from), *this; }
        bool operator!=(std::default_sentinel_t) const { return at != nullptr; }
    };
    iterator begin() { return seek(0), iterator{raw_, cb_next(raw_)}; }
    std::default_sentinel_t end() const { return {}; }

    // Group by group. Rows of a group that are not read are passed over.
    struct group_range {
        cb_input *from;
        struct iterator {
            cb_input *from;
            const cb_group *at;
            group operator*() const { return group(at); }
            iterator &operator++() { return at = cb_next_group(from), *this; }
            bool operator!=(std::default_sentinel_t) const { return at != nullptr; }
        };
        iterator begin() const { return cb_seek(from, 0), iterator{from, cb_next_group(from)}; }
        std::default_sentinel_t end() const { return {}; }
    };
    group_range groups() { return {raw_}; }
    // Where `n` rows (at most 1,048,576) from row `number` on stand in the whole input, whatever rows a call is given. Valid until the call ends.
    std::span<const std::uint64_t> positions(std::uint64_t number, std::uint32_t n) const { return {cb_positions(raw_, number, n), n}; }
};

// ---- Configuration --------------------------------------------------------------------------------------------------------------

struct options {
    bool required = false;                              // without it the configuration is refused
    std::optional<double> at_least = {}, at_most = {};  // of a number
    std::array<const char *, 16> choices = {};          // of an enum: its texts, in the order of its values
};

// A member of the configuration: a std::string_view, std::string, integer, double, bool, enum, std::vector<std::string_view> or
// std::optional<std::string_view>. Its default is that of a `Config{}`.
template <auto Member> struct field {
    const char *name, *doc;
    options more = {};
    constexpr field(const char *name, const char *doc, options more = {}) : name(name), doc(doc), more(more) {}
};

// What `declare` gets where a step has no `Config`.
struct no_config {};

template <class... Fields> constexpr auto fields(Fields... fields) { return std::tuple(fields...); }

namespace detail {

template <class T> struct member_of;
template <class C, class M> struct member_of<M C::*> { using of = C; using type = M; };

template <class T> inline constexpr bool is_optional = false;
template <class T> inline constexpr bool is_optional<std::optional<T>> = true;
template <class T> inline constexpr bool is_text = std::is_same_v<T, std::string_view> || std::is_same_v<T, std::string>;

template <auto Member> void set(void *config, const cb_field *, const cb__setting *setting) {
    using M = member_of<decltype(Member)>;
    auto &member = static_cast<typename M::of *>(config)->*Member;
    using T = typename M::type;
    if constexpr (std::is_same_v<T, bool>) member = setting->boolean;
    else if constexpr (std::is_floating_point_v<T>) member = static_cast<T>(setting->number);
    else if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) member = static_cast<T>(setting->integer);
    else if constexpr (is_text<T>) member = T(setting->text, setting->len);
    else if constexpr (is_optional<T>) {
        if (setting->text) member.emplace(setting->text, setting->len);
        else member.reset();
    } else member.assign(setting->texts.items, setting->texts.items + setting->texts.len);
}

// The line of the C table; what it points to stays.
template <auto Member, class Config> cb_field line(const field<Member> &field, const Config &fallback) {
    using T = std::remove_cvref_t<decltype(fallback.*Member)>;
    static long long min, max;
    static double at_least, at_most;
    static options more;
    const T &value = fallback.*Member;
    more = field.more;
    cb_field line = {};
    line.name = field.name, line.doc = field.doc, line.required = more.required, line.set = set<Member>;
    if constexpr (std::is_same_v<T, bool>) line.kind = CB__BOOL, line.fallback.boolean = value;
    else if constexpr (std::is_floating_point_v<T>) {
        line.kind = CB__NUMBER, line.fallback.number = value;
        if (more.at_least) at_least = *more.at_least, line.at_least = &at_least;
        if (more.at_most) at_most = *more.at_most, line.at_most = &at_most;
    } else if constexpr (std::is_integral_v<T>) {
        line.kind = CB__INT, line.fallback.integer = static_cast<std::int64_t>(value);
        // The type's own bounds hold too.
        min = more.at_least ? static_cast<long long>(*more.at_least) : std::is_unsigned_v<T> ? 0 : static_cast<long long>(std::numeric_limits<T>::min());
        max = more.at_most ? static_cast<long long>(*more.at_most)
                           : sizeof(T) == 8 ? std::numeric_limits<long long>::max() : static_cast<long long>(std::numeric_limits<T>::max());
        if (more.at_least || std::is_unsigned_v<T> || sizeof(T) < 8) line.min = &min;
        if (more.at_most || sizeof(T) < 8) line.max = &max;
    } else if constexpr (std::is_enum_v<T>) {
        line.kind = CB__CHOICE, line.choices = more.choices.data(), line.fallback.text = more.choices[static_cast<std::size_t>(value)];
    } else if constexpr (is_optional<T>) {
        static_assert(is_text<typename T::value_type>, "an optional text");
        static std::optional<std::string> text;
        if (value) text.emplace(*value), line.fallback.text = text->c_str();
        line.kind = CB__TEXT, line.optional = true;
    } else if constexpr (is_text<T>) {
        static std::string text;
        text = value;
        line.kind = CB__TEXT, line.fallback.text = text.c_str();
    } else {
        static std::vector<std::string> texts;
        static std::vector<const char *> items;
        texts.assign(value.begin(), value.end());
        items.clear();
        for (const std::string &one : texts) items.push_back(one.c_str());
        line.kind = CB__TEXTS, line.fallback.texts = {items.data(), items.size()};
    }
    return line;
}

struct about {
    const char *name, *version = "0.1.0", *summary = "";
};

// ---- A step as C calls it -------------------------------------------------------------------------------------------------------

template <class Step> struct config_of { using type = no_config; };
template <class Step>
    requires requires { typename Step::Config; }
struct config_of<Step> { using type = typename Step::Config; };

template <class Step> struct bound {
    using Config = typename config_of<Step>::type;
    static inline std::optional<Step> step;

    static const cb_field *lines() {
        if constexpr (requires { Step::fields; }) {
            static const Config fallback{};
            static const auto table = std::apply(
                [](const auto &...fields) { return std::array<cb_field, sizeof...(fields) + 1>{line(fields, fallback)..., cb_field{}}; },
                Step::fields);
            return table.data();
        } else {
            return nullptr;
        }
    }

    static void tell(cb_about *to, const about &self) {
        to->name = self.name, to->version = self.version, to->summary = self.summary;
        to->fields = lines(), to->config_size = sizeof(Config);
        to->construct = [](void *config) { std::construct_at(static_cast<Config *>(config)); };
        to->destroy = [](void *config) { std::destroy_at(static_cast<Config *>(config)); };
    }

    static cb_status declare(const void *config, cb_shape *raw) {
        if constexpr (requires { &Step::declare; }) {
            cb::shape shape(raw);
            return Step::declare(*static_cast<const Config *>(config), shape);
        } else {
            return CB_OK;
        }
    }

    static cb_status open(const void *config, const cb_shape *raw) {
        const Config &typed = *static_cast<const Config *>(config);
        cb_shape copy = *raw;
        [[maybe_unused]] const cb::shape shape(&copy);
        if constexpr (std::is_constructible_v<Step, const Config &, const cb::shape &>) step.emplace(typed, shape);
        else if constexpr (std::is_constructible_v<Step, const Config &>) step.emplace(typed);
        else step.emplace();
        return CB_OK;
    }

    static cb_status process(const void *, const cb_batch *batch, cb_out *raw) {
        cb::out out(raw);
        if constexpr (requires(const cb::batch &all) { step->columns(all, out); }) {
            return step->columns(cb::batch(batch), out);
        } else {
            for (cb_row row = {batch, 0, 0, 0}; row.index < batch->rows; row.number = ++row.index) {
                cb__begin_row(raw, row.index);
                if (step->row(cb::row(row), out) != CB_OK || cb__has_failed) return CB_FAILED;
            }
            return CB_OK;
        }
    }

    static cb_status run(const void *, cb_input *const *raw_inputs, std::size_t n, cb_out *raw) {
        cb::out out(raw);
        std::vector<cb::input> inputs;
        for (std::size_t i = 0; i < n; i++) inputs.emplace_back(raw_inputs[i]);
        return step->run(std::span<cb::input>(inputs), out);
    }

    static cb_status row(const void *, std::uint64_t number, cb_out *raw) {
        cb::out out(raw);
        return step->row(number, out);
    }

    static constexpr cb__step made(void (*about)(cb_about *)) {
        cb__step made = {};
        made.about = about, made.declare = declare, made.open = open;
        if constexpr (requires(Step &step, std::span<cb::input> inputs, cb::out &out) { step.run(inputs, out); }) made.run = run;
        else if constexpr (requires(Step &step, std::uint64_t number, cb::out &out) { step.row(number, out); }) made.row = row;
        else made.process = process;
        return made;
    }
};

} // namespace detail
} // namespace cb

#ifdef __wasm__
#define CB__VERBOSE_ABORT                                                                                         \
    [[noreturn]] void std::__libcpp_verbose_abort(const char *format, ...) {                                      \
        va_list args;                                                                                             \
        va_start(args, format);                                                                                   \
        cb__end_of_everything(format, args);                                                                      \
    }
#else
#define CB__VERBOSE_ABORT
#endif

// The step of this component, with its .name, .version and .summary. What the standard library ends a program with (an empty optional
// that was read, an index out of range) is said in the error of the run.
#define CB_STEP(Step, ...)                                                                                        \
    CB__VERBOSE_ABORT                                                                                             \
    extern "C" const cb__step cb__the_step = cb::detail::bound<Step>::made(                                       \
        [](cb_about *to) { cb::detail::bound<Step>::tell(to, cb::detail::about{__VA_ARGS__}); })

#endif
