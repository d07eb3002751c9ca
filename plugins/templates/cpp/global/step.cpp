// Keeps the first row for each value of a text column, and none whose value the second input has.
#include <callboard.hpp>

#include <unordered_set>

class FirstOfEach {
  public:
    struct Config {
        std::string_view column = "source";
    };
    static constexpr auto fields = cb::fields(
        cb::field<&Config::column>("column", "The column of text whose values are compared"));

    static cb::status declare(const Config &config, cb::shape &shape) {
        for (std::size_t i = 0; i < shape.inputs(); i++) shape.reads_of(i, config.column, cb::utf8, "/column");
        shape.by_key(config.column); // the host brings the rows of each value together
        return cb::ok;
    }

    cb::status run(std::span<cb::input> inputs, cb::out &out) {
        std::unordered_set<std::uint32_t> known; // groups have the same number in every input
        for (cb::input &input : inputs.subspan(1)) {
            for (cb::group group : input.groups()) known.insert(group.number());
        }
        for (cb::group group : inputs[0].groups()) {
            const char *reason = known.contains(group.number()) ? "known" : nullptr;
            for (cb::row row : group) {
                if (reason) {
                    out.drop_row(row.number(), "{}", reason);
                } else {
                    out.keep_row(row.number());
                    reason = "duplicate";
                }
            }
        }
        return cb::ok;
    }
};

CB_STEP(FirstOfEach, .name = "first-of-each", .version = "0.1.0", .summary = "Keeps the first row for each value of a text column");
