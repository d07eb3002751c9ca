// Keeps the first row for each value of a text column, and none whose value the second input has.
#include <callboard.hpp>

#include <optional>
#include <string>
#include <unordered_set>

namespace {

using Text = std::optional<std::string>; // a null is a value like any other

enum { value }; // what is read, in the order of `reads`

class FirstOfEach {
  public:
    struct Config {
        std::string_view column = "source";
    };
    static constexpr auto fields = cb::fields(
        cb::field<&Config::column>("column", "The column of text whose values are compared"));

    static cb::status declare(const Config &config, cb::shape &shape) {
        for (std::size_t i = 0; i < shape.inputs(); i++) shape.reads_of(i, config.column, cb::utf8, "/column");
        return cb::ok;
    }

    cb::status run(std::span<cb::input> inputs, cb::out &out) {
        std::unordered_set<Text> known, seen;
        if (inputs.size() > 1) {
            for (cb::row row : inputs[1]) known.emplace(row.get<std::string_view>(value));
        }
        for (cb::row row : inputs[0]) {
            Text text(row.get<std::string_view>(value));
            bool is_new = seen.insert(text).second;
            if (known.contains(text)) {
                out.drop_row(row.number(), "known");
            } else if (is_new) {
                out.keep_row(row.number());
            } else {
                out.drop_row(row.number(), "duplicate");
            }
        }
        return cb::ok;
    }
};

} // namespace

CB_STEP(FirstOfEach, .name = "first-of-each", .version = "0.1.0", .summary = "Keeps the first row for each value of a text column");
