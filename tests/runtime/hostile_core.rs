//! Steps that misbehave below the bindings of any language: in the start function, the allocator, the clean-up after a call, in
//! addresses and numbers that stand for no value. Each is one core module (`hostile_core.wat`) with a few words in it replaced.

use callboard_runtime::Class::{self, Data, Limit};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, decode, embed_component_metadata};

use crate::bench::{Bench, straight};

/// What stands for a word that no misdeed replaces.
const HONEST: &[(&str, &str)] = &[
    ("MEMORY", "1"),
    ("TABLE", "1"),
    ("DATA", ""),
    ("START", ""),
    ("REALLOC", ""),
    ("DECLARE", ""),
    ("OPEN", ""),
    ("PROCESS", ""),
    ("POST", ""),
];

/// A component of the module, some of its words replaced.
pub(crate) fn component(bench: &Bench, replaced: &[(&str, &str)]) -> Vec<u8> {
    let mut text = include_str!("hostile_core.wat").to_owned();
    for (word, honest) in HONEST {
        let with = replaced.iter().find(|(replaced, _)| replaced == word).map_or(*honest, |(_, with)| *with);
        text = text.replace(word, with);
    }
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    // The contract's types are those of a component that a compiler made.
    let DecodedWasm::Component(resolve, world) = decode(&bench.bytes("guests/echo.wasm")).unwrap() else {
        panic!("a guest is a component")
    };
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

/// A misdeed: what it is called, the words that it replaces, and how it must end: before the first stage (0), in it (1) or in its
/// first batch (2).
type Deed = (&'static str, &'static [(&'static str, &'static str)], Class, u64, &'static str);

const FOREVER: &str = "(call $forever)";
const DEEP: &str = "(drop (call $deep (i32.const 0)))";
const GROW: &str = "(call $grow)";
const GROW_TABLE: &str = "(call $grow_table)";
const STACK: &str = "trapped: stack overflow: the stack has 1 MiB";
const MEMORY: &str = "memory: ";

/// Loops in the first call to the allocator after `open`, which is to make room for the text of the first batch.
const AFTER_OPEN: &str = "(if (i32.eq (global.get $open) (i32.const 1)) (then (call $forever)))";

#[rustfmt::skip]
pub(crate) const DEEDS: &[Deed] = &[
    // The start function runs when an instance is made: first to be asked, before anything is loaded.
    ("start-loop", &[("START", FOREVER)], Limit, 0, "`the component's start` took longer than 1 s"),
    ("start-trap", &[("START", "unreachable")], Data, 0, "trapped: "),
    ("start-stack", &[("START", DEEP)], Data, 0, STACK),
    ("start-memory", &[("START", GROW)], Limit, 0, MEMORY),
    ("start-table", &[("START", GROW_TABLE)], Limit, 0, MEMORY),
    ("initial-memory", &[("MEMORY", "65536")], Limit, 0, "memory: 0 bytes are in use and 4 GiB more were asked for, of 64 MiB allowed"),
    ("initial-table", &[("TABLE", "4000000000")], Limit, 0, "memory: "),

    // Each call has the whole stack, and no more.
    ("declare-stack", &[("DECLARE", DEEP)], Data, 0, STACK),
    ("open-stack", &[("OPEN", DEEP)], Data, 1, STACK),
    ("process-stack", &[("PROCESS", DEEP)], Data, 2, STACK),
    ("realloc-stack", &[("REALLOC", DEEP)], Data, 0, STACK),
    ("open-table", &[("OPEN", GROW_TABLE)], Limit, 1, MEMORY),
    ("process-table", &[("PROCESS", GROW_TABLE)], Limit, 2, MEMORY),

    // The allocator, which the host calls to make room for arguments.
    ("realloc-loop", &[("REALLOC", FOREVER)], Limit, 0, "`declare` took longer than 1 s"),
    ("realloc-trap", &[("REALLOC", "unreachable")], Data, 0, "trapped: "),
    ("realloc-memory", &[("REALLOC", GROW)], Limit, 0, MEMORY),
    ("realloc-nowhere", &[("REALLOC", "(return (i32.const -16))")], Data, 0, "realloc return: beyond end of memory"),
    ("realloc-crooked", &[("REALLOC", "(return (i32.const 4097))")], Data, 0, "realloc return: result not aligned"),
    ("realloc-loop-process", &[("DATA", "(global $open (mut i32) (i32.const 0))"), ("OPEN", "(global.set $open (i32.const 1))"), ("REALLOC", AFTER_OPEN)], Limit, 2, "`process` took longer than 1 s"),

    // The clean-up after a call.
    ("post-loop", &[("POST", FOREVER)], Limit, 2, "`process` took longer than 1 s"),
    ("post-trap", &[("POST", "unreachable")], Data, 2, "trapped: "),
    ("post-stack", &[("POST", DEEP)], Data, 2, STACK),
    ("post-memory", &[("POST", GROW)], Limit, 2, MEMORY),

    // Results that are nowhere, or are not value of their type.
    ("result-nowhere", &[("PROCESS", "(return (i32.const -16))")], Data, 2, "out of bounds"),
    ("result-crooked", &[("PROCESS", "(return (i32.const 257))")], Data, 2, "not aligned"),
    ("result-neither", &[("PROCESS", "(i32.store8 (i32.const 256) (i32.const 7))")], Data, 2, "invalid expected discriminant"),
    ("option-neither", &[("PROCESS", "(i32.store8 (i32.const 260) (i32.const 9))")], Data, 2, "invalid option discriminant"),
    ("list-beyond", &[("PROCESS", "(i32.store8 (i32.const 260) (i32.const 1)) (i32.store (i32.const 268) (i32.const 1000000))")], Data, 2, "out of bounds"),
    ("list-endless", &[("PROCESS", "(i32.store8 (i32.const 260) (i32.const 1)) (i32.store (i32.const 268) (i32.const -1))")], Data, 2, "out of bounds"),
    ("list-crooked", &[("PROCESS", "(i32.store8 (i32.const 260) (i32.const 1)) (i32.store (i32.const 264) (i32.const 3)) (i32.store (i32.const 268) (i32.const 2))")], Data, 2, "not aligned"),
    ("columns-endless", &[("PROCESS", "(i32.store (i32.const 280) (i32.const -1))")], Data, 2, "out of bounds"),
    ("arrays-endless", &[("PROCESS", "(i32.store (i32.const 288) (i32.const -1))")], Data, 2, "out of bounds"),
    ("removed-endless", &[("PROCESS", "(i32.store (i32.const 296) (i32.const -1))")], Data, 2, "out of bounds"),
    ("removed-zeroes", &[("PROCESS", "(i32.store (i32.const 292) (i32.const 8192)) (i32.store (i32.const 296) (i32.const 1)) (i32.store (i32.const 8192) (i32.const 16384)) (i32.store (i32.const 8196) (i32.const 2000))")], Data, 2, "it removed row 0 twice"),
    ("reads-no-utf8", &[("DECLARE", "(i32.store (i32.const 20) (i32.const 544))")], Data, 0, "invalid utf-8"),
    ("reads-beyond", &[("DECLARE", "(i32.store (i32.const 24) (i32.const 100000))")], Data, 0, "out of bounds"),
    ("error-neither", &[("DECLARE", "(i32.store8 (i32.const 16) (i32.const 1)) (i32.store8 (i32.const 20) (i32.const 200))")], Data, 0, "discriminant"),
];

/// A wrong outcome is a host that hangs, dies, or reads what the guest has not: every one of these ends in an error of the step.
#[test]
fn what_a_core_module_does_ends_in_its_error() {
    let bench = Bench::with_rows(10);
    bench.put("core.wasm", component(&bench, &[]));
    bench.pipeline(pipeline("core", "")).report();
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"), "the honest one passes all rows on");
    for (name, replaced, class, part, says) in DEEDS {
        bench.put(&format!("{name}.wasm"), component(&bench, replaced));
        let error = bench.pipeline(pipeline(name, limits(name))).overwrite().error();
        let shown = format!("{name}: {error}");
        assert!(error.message.contains(says), "{shown}");
        assert_eq!((error.class, error.place.step.as_deref()), (*class, Some(*name)), "{shown}");
        assert_eq!(
            (error.place.stage, error.place.batch),
            ((*part > 0).then_some(1), (*part > 1).then_some(1)),
            "{shown}"
        );
        assert!(error.message.len() < 5_000, "{shown}");
    }
    assert_eq!(bench.bytes("out.jsonl"), bench.bytes("docs.jsonl"), "nothing was put out since");
}

pub(crate) fn pipeline(name: &str, limits: &str) -> String {
    straight(&format!("[[steps]]\nuse = \"./{name}.wasm\"\n{limits}\n"))
}

pub(crate) fn limits(name: &str) -> &'static str {
    match name.contains("loop") {
        true => r#"limits = { time = "1s", open = "1s" }"#,
        false => r#"limits = { memory = "64MiB" }"#,
    }
}
