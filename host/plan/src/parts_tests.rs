//! Components that are small in the file and large in memory, made of text.

use super::*;

/// How a component ends here: `None` if it is within all limits.
fn refused(text: &str) -> Option<String> {
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{}", &text[..text.len().min(2000)]));
    check(&bytes).err().map(|error| error.to_string())
}

/// `(component $cN …)` that instantiates `$c(N-1)` that many times, and so on down to `inner`.
fn powers(levels: usize, times: usize, inner: &str) -> String {
    let mut text = format!("(component $c0 {inner})");
    for level in 1..=levels {
        let instances = "(instance (instantiate $p))".repeat(times);
        let before = level - 1;
        text += &format!("(component $c{level} (alias outer 1 $c{before} (component $p)) {instances})");
    }
    format!("(component {text} (instance (instantiate $c{levels})))")
}

const CORE: &str = "(core module $m (memory 0)) (core instance (instantiate $m))";
const TABLE: &str = "(core module $m (table 0 funcref)) (core instance (instantiate $m))";
const NO_PARTS: &str = "(core module $m) (core instance (instantiate $m))";

/// The instances of `times` to the power of `levels` are never made here, whatever they hold.
#[test]
fn what_multiplies_is_refused_at_its_first_limit() {
    for (times, levels) in [(2, 25), (2, 40), (3, 16), (3, 30), (7, 12), (10, 8), (50, 5), (200, 3)] {
        let memories = refused(&powers(levels, times, CORE));
        assert_eq!(memories.unwrap(), "has more than 16 memories, the most that a component may have");
        let tables = refused(&powers(levels, times, TABLE)).unwrap();
        assert!(tables.starts_with("has more than 100 "), "{tables}");
        let instances = refused(&powers(levels, times, NO_PARTS));
        assert_eq!(instances.unwrap(), "has more than 100 core instances, the most that a component may have");
        let nothing = refused(&powers(levels, times, "")).unwrap();
        assert!(nothing.starts_with("has more than 200000 parts once it is instantiated"), "{nothing}");
    }
    assert_eq!(refused(&powers(4, 2, CORE)), None, "sixteen memories are allowed");
    assert_eq!(refused(&powers(6, 2, NO_PARTS)), None, "and so are 64 instances");
}

/// Components reach others as arguments, as exports of instances, and by way of outer components.
#[test]
fn components_that_are_handed_on_are_counted_where_they_are_instantiated() {
    let argument = |levels: usize| {
        let mut text = format!("(component $leaf {CORE})");
        let twice = "(import \"p\" (component $p)) (instance (instantiate $p)) (instance (instantiate $p))";
        text += &format!("(component $twice0 {twice})");
        for level in 1..=levels {
            let before = level - 1;
            text += &format!(
                "(component $twice{level} (import \"p\" (component $p)) \
                 (alias outer 1 $twice{before} (component $t)) \
                 (instance (instantiate $t (with \"p\" (component $p)))) \
                 (instance (instantiate $t (with \"p\" (component $p)))))"
            );
        }
        format!("(component {text} (instance (instantiate $twice{levels} (with \"p\" (component $leaf)))))")
    };
    let exported = |times: usize| {
        let each = "(alias export $i \"c\" (component $c)) (instance (instantiate $c))";
        let each: String = (0..times).map(|n| each.replace("$c", &format!("$c{n}"))).collect();
        format!(
            "(component (component $giver (component $inner {CORE}) (export \"c\" (component $inner))) \
             (instance $i (instantiate $giver)) {each})"
        )
    };
    let bundled = |times: usize| {
        let each = "(alias export $i \"c\" (component $c)) (instance (instantiate $c))";
        let each: String = (0..times).map(|n| each.replace("$c", &format!("$c{n}"))).collect();
        format!("(component (component $inner {CORE}) (instance $i (export \"c\" (component $inner))) {each})")
    };
    let module = |times: usize| {
        let each = "(component (alias outer 2 $m (core module $x)) (core instance (instantiate $x)))";
        let each: String = (0..times)
            .map(|n| {
                format!(
                    "{}(instance (instantiate $n{n}))",
                    each.replacen("(component", &format!("(component $n{n}"), 1)
                )
            })
            .collect();
        format!("(component (core module $m (memory 0)) (component $deep {each}) (instance (instantiate $deep)))")
    };
    let again = |times: usize| {
        // What is exported has a second index.
        format!(
            "(component (component $inner {CORE}) (export $e \"x\" (component $inner)) {})",
            "(instance (instantiate $e))".repeat(times)
        )
    };
    let memories = Some("has more than 16 memories, the most that a component may have".to_owned());
    assert_eq!(refused(&argument(3)), None);
    for levels in [4, 5, 20, 40] {
        assert_eq!(refused(&argument(levels)), memories, "{levels} levels");
    }
    for (name, of) in [
        ("exported", &exported as &dyn Fn(usize) -> String),
        ("bundled", &bundled),
        ("module", &module),
        ("again", &again),
    ] {
        assert_eq!(refused(&of(16)), None, "{name}");
        for times in [17, 100, 1_000] {
            assert_eq!(refused(&of(times)), memories, "{name}: {times}");
        }
    }
}

#[test]
fn a_hundred_thousand_of_anything_are_refused() {
    let many = |count: usize, each: &str| -> String { (0..count).map(|n| each.replace('#', &n.to_string())).collect() };
    let component = |inner: String| format!("(component {inner})");
    let module = |inner: String| component(format!("(core module {inner})"));
    let n = 100_000;
    let cases: Vec<(&str, String, &str)> = vec![
        ("imports", component(many(n, "(import \"i#\" (instance))")), "1000 imports"),
        ("imported functions", component(many(1_001, "(import \"i#\" (func))")), "1000 imports"),
        ("exports", component(format!("(instance $i) {}", many(n, "(export \"e#\" (instance $i))"))), "1000 exports"),
        ("types", component(many(n, "(type (tuple u8 u16))")), "20000 types"),
        ("types of functions", component(many(n, "(type (func))")), "20000 types"),
        ("core types", component(many(n, "(core type (func))")), "20000 types"),
        (
            "instances",
            component(format!("(component $c) {}", many(2 * n + 1, "(instance (instantiate $c))"))),
            "200000 parts",
        ),
        ("bundles", component(many(2 * n + 1, "(instance)")), "200000 parts"),
        ("core bundles", component(many(2 * n + 1, "(core instance)")), "200000 parts"),
        (
            "aliases",
            component(format!(
                "(component $c) (component (component {}))",
                many(2 * n + 1, "(alias outer 2 $c (component))")
            )),
            "200000 parts",
        ),
        (
            "functions that are lowered",
            component(format!(
                "(type $r (resource (rep i32))) {}",
                many(2 * n + 1, "(core func (canon resource.drop $r))")
            )),
            "200000 parts",
        ),
        (
            "modules",
            component(format!("(core module $m) {}", many(101, "(core instance (instantiate $m))"))),
            "100 core instances",
        ),
        ("core functions", module(many(2_000_001, "(func)")), "2000000 functions, types and other parts"),
        (
            "core imports",
            module(many(2_000_001, "(import \"\" \"\" (func))")),
            "2000000 functions, types and other parts",
        ),
        (
            "core globals",
            module(many(2_000_001, "(global i32 i32.const 0)")),
            "2000000 functions, types and other parts",
        ),
        (
            "elements",
            module(format!("(func $f) (elem func {})", "$f ".repeat(2_000_001))),
            "2000000 functions, types and other parts",
        ),
        (
            "functions of instances",
            component(format!(
                "(core module $m {}) {}",
                many(25_000, "(func)"),
                many(99, "(core instance (instantiate $m))")
            )),
            "2000000 functions and other parts of core instances",
        ),
    ];
    for (name, text, says) in cases {
        let error = refused(&text).unwrap_or_else(|| panic!("{name} are allowed"));
        assert!(error.contains(says), "{name}: {error}");
    }
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    for depth in [60, 500] {
        let text = format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
        let error = refused(&text).unwrap();
        assert!(error.contains("50 components within one another"), "{error}");
    }
    // A chain of components that each instantiate the one before.
    let error = refused(&powers(60, 1, CORE)).unwrap();
    assert!(error.contains("50 instances within one another"), "{error}");
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let bytes = vec![0; COMPONENT_BYTES as usize + 1];
    let error = crate::scan(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "has 65 MiB, and a component has at most 64 MiB");
}
