// Reads every column and writes it anew: what comes out equals what went in, for every type of the contract.
#include <callboard.hpp>

namespace {

class Mirror {
  public:
    enum class By { rows, columns };
    struct Config {
        By by = By::rows;
    };
    static constexpr auto fields = cb::fields(
        cb::field<&Config::by>("by", "How the values are copied", {.choices = {"rows", "columns"}}));

    static cb::status declare(const Config &, cb::shape &shape) {
        cb::batch schema = shape.input();
        for (std::uint32_t i = 0; i < schema.columns(); i++) {
            cb::column column = schema.column(i);
            shape.reads(column.name(), cb::any);
            shape.writes(column.name(), column.type());
        }
        return cb::ok;
    }

    explicit Mirror(const Config &config) : config(config) {}

    cb::status columns(const cb::batch &batch, cb::out &out) {
        for (std::uint32_t i = 0; config.by == By::columns && i < batch.columns(); i++) out.put_column(i, batch.column(i));
        if (config.by == By::columns) return cb::ok;
        for (std::uint32_t row = 0; row < batch.rows(); row++) {
            for (std::uint32_t i = 0; i < batch.columns(); i++) copy(out.build(i), batch.row(row).at(i));
        }
        return cb::ok;
    }

  private:
    Config config;

    // Each value taken out and put in by its type, down to the last item of a list.
    static void copy(cb::builder to, cb::value from) {
        if (from.is_null()) return to.push_null();
        switch (from.layout()) {
        case CB_LAYOUT_BOOLEAN: return to.push(from.get<bool>());
        case CB_LAYOUT_UINT64: return to.push(from.get<std::uint64_t>());
        case CB_LAYOUT_FLOAT32:
        case CB_LAYOUT_FLOAT64: return to.push(from.get<double>());
        case CB_LAYOUT_UTF8: return to.push(from.get<std::string_view>());
        case CB_LAYOUT_BINARY:
        case CB_LAYOUT_FIXED: return to.push(from.get<cb::bytes>());
        case CB_LAYOUT_LIST:
        case CB_LAYOUT_VECTOR: {
            auto items = from.get<cb::list>();
            for (cb::value item : *items) copy(to.items(), item);
            return to.end();
        }
        case CB_LAYOUT_STRUCT:
            for (std::uint32_t i = 0; i < from.members(); i++) copy(to.member(i), from.member(i));
            return to.end();
        default: return to.push(from.get<std::int64_t>());
        }
    }
};

} // namespace

CB_STEP(Mirror, .name = "mirror", .version = "0.1.0", .summary = "Writes every column anew");
