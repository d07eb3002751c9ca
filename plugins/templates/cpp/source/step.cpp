// Makes rows with numbers that follow each other.
#include <callboard.hpp>

namespace {

enum { n, text }; // what is written, in the order of `writes`

class Sequence {
  public:
    struct Config {
        std::int64_t start = 1;
        std::int64_t count = 10;
    };
    static constexpr auto fields = cb::fields(
        cb::field<&Config::start>("start", "The first number"),
        cb::field<&Config::count>("count", "How many rows there are", {.at_least = 0}));

    static cb::status declare(const Config &, cb::shape &shape) {
        shape.writes("n", cb::not_null(cb::int64));
        shape.writes("text", cb::not_null(cb::utf8));
        return cb::ok;
    }

    explicit Sequence(const Config &config) : config(config) {}

    // Row `number`, from 0. A run that is resumed begins in the middle.
    cb::status row(std::uint64_t number, cb::out &out) {
        if (number >= static_cast<std::uint64_t>(config.count)) return cb::end;
        std::int64_t value = config.start + static_cast<std::int64_t>(number);
        out.put(n, value);
        out.put(text, std::format("row {}", value));
        return out.keep();
    }

  private:
    Config config;
};

} // namespace

CB_STEP(Sequence, .name = "sequence", .version = "0.1.0", .summary = "Makes rows with numbers that follow each other");
