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

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A section of that many equal items.
fn section(id: u8, count: usize, item: &[u8]) -> Vec<u8> {
    let body = [leb(count), item.repeat(count)].concat();
    [vec![id], leb(body.len()), body].concat()
}

/// As bytes, since many of these are not valid: limits come before that.
fn component(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".to_vec(), sections.concat()].concat()
}

/// A section that holds a core module.
fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat();
    [vec![1], leb(body.len()), body].concat()
}

/// Everything that a component, or a module in it, can have any number of: the most that may be there, and one more.
#[test]
fn a_hundred_thousand_of_anything_are_refused() {
    const ENTRIES: &str = "500000 functions, types and other parts of core modules";
    // What it is, its section, one of them, how many are allowed, and the message for more.
    let of_components: &[(&str, u8, &[u8], usize, &str)] = &[
        ("imported instances", 10, b"\0\x01i\x05\0", 1_000, "1000 imports"),
        ("imported functions", 10, b"\0\x01i\x01\0", 1_000, "1000 imports"),
        ("imported components", 10, b"\0\x01i\x04\0", 1_000, "1000 imports"),
        ("imported modules", 10, b"\0\x01i\0\x11\0", 1_000, "1000 imports"),
        ("exported instances", 11, b"\0\x01e\x05\0\0", 1_000, "1000 exports"),
        ("exported functions", 11, b"\0\x01e\x01\0\0", 1_000, "1000 exports"),
        ("types", 7, b"\x7d", 20_000, "20000 types"),
        ("lists", 7, b"\x70\0", 20_000, "20000 types"),
        ("tuples that double", 7, b"\x6f\x02\0\0", 20_000, "20000 types"),
        ("function types", 7, b"\x40\0\x01\0", 20_000, "20000 types"),
        ("core types", 3, b"\x60\0\0", 20_000, "20000 types"),
        ("instances of the host's", 5, b"\0\0\0", 66_000, "200000 parts"),
        ("bundles", 5, b"\x01\0", 66_000, "200000 parts"),
        ("core bundles", 2, b"\x01\0", 66_000, "200000 parts"),
        ("core instances", 2, b"\0\0\0", 100, "100 core instances"),
        ("aliases of functions", 6, b"\x01\0\0\x01a", 66_000, "200000 parts"),
        ("aliases of core functions", 6, b"\0\0\x01\0\x01a", 66_000, "200000 parts"),
        ("aliases of outer types", 6, b"\x03\x02\0\0", 66_000, "200000 parts"),
        ("functions that are lowered", 8, b"\x01\0\0\0", 150_000, "200000 parts"),
        ("resources that are dropped", 8, b"\x03\0", 150_000, "200000 parts"),
    ];
    for (name, id, item, most, says) in of_components {
        let of = |count: usize| check(&component(&[section(*id, count, item)]));
        assert_eq!(of(*most), Ok(()), "{name}");
        for more in [most + 1, 100_000, 250_000] {
            if more > *most && (more > 200_000 || !says.ends_with("parts")) {
                let error = of(more).map(|()| format!("{more} {name} are allowed")).unwrap_err().to_string();
                assert!(error.contains(says) || error.contains("200000 parts"), "{more} {name}: {error}");
            }
        }
    }
    let of_modules: &[(&str, u8, &[u8])] = &[
        ("types", 1, b"\x60\0\0"),
        ("imports", 2, b"\0\0\0\0"),
        ("functions", 3, b"\0"),
        ("tables", 4, b"\x70\0\0"),
        ("memories", 5, b"\0\0"),
        ("tags", 13, b"\0\0"),
        ("globals", 6, b"\x7f\0\x41\0\x0b"),
        ("exports", 7, b"\0\0\0"),
        ("segments of elements", 9, b"\x01\0\0"),
        ("segments of data", 11, b"\x01\0"),
    ];
    for (name, id, item) in of_modules {
        let of = |count: usize| check(&component(&[module(&[section(*id, count, item)])]));
        // Some of these modules are not valid otherwise, which is for the compiler to find.
        assert!(!matches!(of(100_000), Err(ScanError::TooMany { .. })), "{name}");
        let error = of(500_001).map(|()| format!("500,001 {name} are allowed")).unwrap_err();
        assert!(error.to_string().contains(ENTRIES), "{name}: {error}");
        // Few in the file, and many in all of its instances.
        let instances =
            |count: usize| check(&component(&[module(&[section(*id, count, item)]), section(2, 90, b"\0\0\0")]));
        let error = instances(100_000).map(|()| format!("90 × 100,000 {name} are allowed")).unwrap_err();
        assert!(matches!(error, ScanError::TooMany { .. } | ScanError::Malformed { .. }), "{name}: {error}");
    }
}

/// Elements are few in what compilers make, and each is compiled: two megabytes of them took four gigabytes.
#[test]
fn elements_have_a_limit_of_their_own() {
    let of = |segments: usize, elements: usize| {
        let item = [b"\x01\0".to_vec(), leb(elements), vec![0; elements]].concat();
        let made = check(&component(&[module(&[section(9, segments, &item)])]));
        made.map_err(|error| error.to_string())
    };
    for (segments, elements) in [(1, 200_000), (1_000, 200), (100_000, 2)] {
        assert_eq!(of(segments, elements), Ok(()));
        let error = of(segments, elements + 1).unwrap_err();
        assert_eq!(error, "has more than 200000 elements of core modules, the most that a component may have");
    }
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    for depth in [52, 90] {
        let text = format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
        let error = refused(&text).unwrap();
        assert!(error.contains("50 components within one another"), "{error}");
    }
    // A chain of components that each instantiate the one before.
    let error = refused(&powers(60, 1, CORE)).unwrap();
    assert!(error.contains("50 instances within one another"), "{error}");
}

/// Half a megabyte of instances, each of which exports the one before, took all of the stack when they were dropped.
#[test]
fn instances_that_export_one_another_are_refused_before_they_are_dropped() {
    const NESTED: &str = "has more than 50 instances within one another, the most that a component may have";
    let bundles = |count: usize| {
        let one = |nth: usize| match nth {
            0 => vec![1, 0],
            _ => [b"\x01\x01\0\x01a\x05".to_vec(), leb(nth - 1)].concat(),
        };
        let body = [leb(count), (0..count).flat_map(one).collect()].concat();
        check(&component(&[[vec![5], leb(body.len()), body].concat()])).map_err(|error| error.to_string())
    };
    assert_eq!(bundles(51), Ok(()));
    // An instance that gives back the one it was given, inside of one more.
    let handed_on = |count: usize| {
        let wrap = "(component $w (import \"i\" (instance $i)) (export \"o\" (instance $i)))";
        let calls: String = (1..count)
            .map(|n| format!("(instance $i{n} (instantiate $w (with \"i\" (instance $i{}))))", n - 1))
            .collect();
        refused(&format!("(component {wrap} (instance $i0) {calls})")).map_or(Ok(()), Err)
    };
    assert_eq!(handed_on(51), Ok(()));
    for count in [52, 1_000, 60_000] {
        assert_eq!(bundles(count), Err(NESTED.to_owned()), "{count} bundles");
        assert_eq!(handed_on(count), Err(NESTED.to_owned()), "{count} instances");
    }
}

/// Levels outward are looked for only as far as there are any: 400 kB of aliases took days.
#[test]
fn an_alias_of_a_component_four_billion_levels_outward_costs_nothing() {
    for kind in [b"\x04".to_vec(), b"\0\x11".to_vec()] {
        let alias = [kind, b"\x02\xff\xff\xff\xff\x0f\0".to_vec()].concat();
        assert_eq!(check(&component(&[section(6, 60_000, &alias)])), Ok(()));
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let bytes = vec![0; MOST_COMPONENT_BYTES as usize + 1];
    let error = crate::scan(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "has 513 MiB, and a component has at most 512 MiB");
    assert!(error.help().contains("no key raises this limit"));
    let error = ScanError::TooLarge { size: (64 << 20) + 1, limit: COMPONENT_BYTES };
    assert_eq!(error.to_string(), "has 65 MiB, and a component has at most 64 MiB");
    assert_eq!(error.help(), "allow it in the step: limits.component = \"65MiB\"");
}
