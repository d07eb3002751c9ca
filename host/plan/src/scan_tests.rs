//! Components made from text, and other files.

use super::*;

/// A component with these imports and exports; inside it lies a module, which nobody should look into.
fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("(import \"{name}\" (instance))\n")).collect();
    let exports: String = exports.iter().map(|name| format!("(export \"{name}\" (instance $empty))\n")).collect();
    let text = format!(
        "(component {imports} (core module (func (export \"f\") (result i32) i32.const 1)) \
         (instance $empty) {exports})"
    );
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_kind_is_the_exported_interface() {
    for (interface, kind) in [("transform", Kind::Transform), ("global", Kind::Global), ("source", Kind::Source)] {
        let export = format!("callboard:step/{interface}@0.2.0");
        let bytes =
            component(&["callboard:step/log@0.2.0", "wasi:io/poll@0.2.6"], &["callboard:step/manifest@0.2.0", &export]);
        let facts = scan(&bytes).unwrap();
        assert_eq!(
            facts,
            ComponentFacts {
                kind,
                contract: "0.2.0".into(),
                imports: vec!["callboard:step/log@0.2.0".into(), "wasi:io/poll@0.2.6".into()],
                size: bytes.len() as u64,
            }
        );
    }
}

#[test]
fn imports_of_what_lies_inside_are_not_the_components() {
    let text = r#"(component
        (component (import "acme:foo/bar" (instance)) (instance $e) (export "callboard:step/source@0.2.0" (instance $e)))
        (instance $e)
        (export "callboard:step/global@0.2.0" (instance $e)))"#;
    let facts = scan(&wat::parse_str(text).unwrap()).unwrap();
    assert_eq!((facts.kind, facts.imports), (Kind::Global, vec![]));
}

#[test]
fn what_is_no_step_is_named() {
    let module = wat::parse_str("(module (func (export \"run\")))").unwrap();
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty", vec![], "is empty"),
        ("module", module, "is a core WebAssembly module, not a component"),
        ("wat", b"  ;; mine\n(component)".to_vec(), "it looks like WebAssembly's text format"),
        ("python", b"def process(row):\n".to_vec(), "it looks like text that begins `def process(row):`"),
        ("gzip", b"\x1f\x8b\x08\0\0".to_vec(), "it looks like a compressed file (gzip)"),
        ("noise", vec![0xff, 0xfe, 0, 1], "it looks like binary data of an unknown kind"),
        ("nothing", component(&[], &[]), "is a component, but no step: it exports nothing"),
        ("cli", component(&[], &["wasi:cli/run@0.2.3"]), "no step: it exports `wasi:cli/run@0.2.3`"),
        (
            "two",
            component(&[], &["callboard:step/global@0.2.0", "callboard:step/source@0.2.0"]),
            "is a step of several kinds: it exports `callboard:step/global@0.2.0` and `callboard:step/source@0.2.0`",
        ),
        ("0.3", component(&[], &["callboard:step/global@0.3.0"]), "is built for contract 0.3.0, and this callboard"),
        ("1.4", component(&[], &["callboard:step/global@1.4.2"]), "is built for contract 1.4.2, and this callboard"),
        ("none", component(&[], &["callboard:step/global"]), "is built for contract without a version"),
    ];
    for (name, bytes, expected) in cases {
        let error = scan(bytes).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert!(!error.help().is_empty());
    }
}

/// A version is three numbers and nothing behind them, and a message stays short whatever a component calls itself.
#[test]
fn names_of_a_strangers_choice_are_not_taken_for_a_version_and_are_cut() {
    let section = |names: &[String]| {
        let leb =
            |number: usize| [0x80 | (number & 0x7f) as u8, 0x80 | (number >> 7 & 0x7f) as u8, (number >> 14) as u8];
        let one = |name: &String| [&[0], &leb(name.len())[..], name.as_bytes(), &[5, 0, 0]].concat();
        let body = [leb(names.len()).to_vec(), names.iter().flat_map(one).collect()].concat();
        [b"\0asm\x0d\0\x01\0".to_vec(), vec![11], leb(body.len()).to_vec(), body].concat()
    };
    for version in ["0.1.0.9", "0.1.0.\x1b[31m", "0.1.0-rc1", "0.1.+0", "0.1.00", "0.1", "0.1.0 ", "0.1.\u{661}"] {
        let error = scan(&section(&[format!("callboard:step/source@{version}")])).unwrap_err();
        assert_eq!(error, ScanError::Contract { found: version.to_owned(), newer: true });
    }
    let long = "x".repeat(50_000);
    let texts = [
        vec![format!("callboard:step/source@{long}")],
        vec![format!("callboard:step/source@1.0.{}", "9".repeat(50_000))],
        (0..900).map(|nth| format!("callboard:step/source@0.1.{nth}{}", &long[..2_000])).collect(),
        (0..900).map(|nth| format!("other:step/source@0.1.{nth}{}", &long[..2_000])).collect(),
    ];
    for names in texts {
        let names: Vec<String> = names.into_iter().take(1_000_000 / 2_100).collect();
        let error = scan(&section(&names)).unwrap_err();
        assert!(!matches!(error, ScanError::Malformed { .. } | ScanError::Truncated { .. }), "{error}");
        assert!(error.to_string().len() < 8_000, "{} bytes", error.to_string().len());
    }
}

#[test]
fn a_cut_file_is_never_taken_for_a_step() {
    let bytes = component(&["wasi:io/poll@0.2.6"], &["callboard:step/transform@0.2.0"]);
    for length in 0..bytes.len() {
        match scan(&bytes[..length]) {
            Err(ScanError::Truncated { size, .. }) => assert_eq!(size, length as u64),
            Err(ScanError::Empty | ScanError::NotWasm { .. }) => assert!(length < 4, "{length}"),
            // A cut between two sections leaves a component that lacks what came behind it.
            Err(ScanError::NotAStep { exports }) => assert!(exports.is_empty()),
            // What is behind the exports are names for debuggers.
            Ok(facts) => assert_eq!(facts.kind, Kind::Transform),
            Err(other) => panic!("{length} of {} bytes: {other:?}", bytes.len()),
        }
    }
}

#[test]
fn a_broken_section_is_said_with_its_place() {
    let mut bytes = component(&[], &["callboard:step/transform@0.2.0"]);
    let name = bytes.windows(14).position(|window| window == b"callboard:step").unwrap();
    bytes[name] = 0xff;
    let error = scan(&bytes).unwrap_err();
    assert!(matches!(error, ScanError::Malformed { at, .. } if at >= name as u64 - 4), "{error:?}");
}
