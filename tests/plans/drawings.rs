//! What `plan` draws: text of a width, reasons, Mermaid and SVG. Every case that is planned is drawn in all of these ways.

use std::collections::HashMap;

use callboard_plan::{Plan, Source, explain, mermaid, reasons, svg};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::{cases, plan, sources};

fn planned() -> impl Iterator<Item = (String, Plan)> {
    cases().into_iter().filter_map(|case| {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        Some((name, plan(sources(&case).into_iter().next()?, &case).ok()?))
    })
}

/// How many elements there are of each name, and all texts; fails for what is not XML.
fn read(svg: &str) -> (HashMap<String, usize>, Vec<String>) {
    let (mut elements, mut texts) = (HashMap::new(), Vec::new());
    let mut reader = Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    let mut depth = 0;
    let mut text = String::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}\n{svg}")) {
            Event::Start(element) => {
                depth += 1;
                text.clear();
                *elements.entry(String::from_utf8(element.name().as_ref().to_vec()).unwrap()).or_insert(0) += 1;
                element.attributes().for_each(|attribute| drop(attribute.unwrap()));
            }
            Event::Empty(element) => {
                *elements.entry(String::from_utf8(element.name().as_ref().to_vec()).unwrap()).or_insert(0) += 1;
                element.attributes().for_each(|attribute| drop(attribute.unwrap()));
            }
            Event::Text(part) => text += &part.decode().unwrap(),
            Event::GeneralRef(reference) => text += &format!("&{};", reference.decode().unwrap()),
            Event::End(_) => {
                depth -= 1;
                texts.push(std::mem::take(&mut text));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    (elements, texts)
}

#[test]
fn every_plan_is_drawn_as_xml_with_a_box_for_each_node_and_a_path_for_each_edge() {
    let mut count = 0;
    for (name, plan) in planned() {
        let drawn = svg(&plan);
        assert_eq!(drawn, svg(&plan), "{name}");
        let (elements, texts) = read(&drawn);
        let of = |element: &str| elements.get(element).copied().unwrap_or(0);
        let nodes = plan.inputs().len() + plan.steps().len() + plan.outputs().len();
        assert_eq!(of("g"), nodes, "{name}");
        // One is the arrow's head.
        assert_eq!(of("path"), plan.edges().len() + 1, "{name}");
        // The background, a band for each stage and a box for each node.
        assert_eq!(of("rect"), 1 + plan.stages().len() + nodes, "{name}");
        assert_eq!(of("script") + of("style") + of("image") + of("foreignObject"), 0, "{name}");
        for step in plan.steps().iter().filter(|step| step.name.len() < 30) {
            assert!(texts.contains(&step.name), "{name}: {}", step.name);
        }
        count += 1;
    }
    assert!(count > 50, "{count}");
}

/// Names are of letters, but paths, conditions and ports are anything.
#[test]
fn what_a_drawing_shows_is_no_markup() {
    let text = r#"callboard = 1
[inputs.docs]
path = "<script>alert('x')</script>&amp;.jsonl"
[[steps]]
use = "normalise"
from = { step = "docs", where = "a < b && c == \"<b>\u0007\u202E\" || 'x' > y" }
[outputs.clean]
path = "]]>--><a href='javascript:x'>.jsonl"
"#;
    let plan = plan(Source::new("a.toml", text), &cases()[0]).unwrap();
    let drawn = svg(&plan);
    let (elements, texts) = read(&drawn);
    assert_eq!(elements.get("script").or(elements.get("a")).or(elements.get("b")), None);
    assert!(texts.iter().any(|text| text.contains("&lt;script&gt;alert(&#39;x&#39;)")), "{texts:?}");
    assert!(!drawn.contains(['\u{7}', '\u{202e}']));
    assert!(mermaid(&plan).contains("a #lt; b && c == #quot;#lt;b#gt;"));
}

/// A step that reads six side doors, and conditions longer than a line.
#[test]
fn text_is_at_most_as_wide_as_asked() {
    let mut text = String::from("callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n");
    let names: Vec<String> = (0..6).map(|nth| format!("removes-what-is-number-{nth}")).collect();
    for name in &names {
        text += &format!("[[steps]]\nuse = \"filter\"\nname = \"{name}\"\n");
    }
    let doors: Vec<String> = names.iter().map(|name| format!("\"{name}.dropped\"")).collect();
    text += &format!("[[steps]]\nname = \"all\"\nuse = \"text-stats\"\nfrom = [{}]\n", doors.join(", "));
    let long = vec!["n_words > 20"; 30].join(" && ");
    text += &format!("[outputs.out]\nfrom = {{ step = \"all\", where = '{long}' }}\npath = \"out.jsonl\"\n");
    let plan = plan(Source::new("a.toml", text.as_str()), &cases()[0]).unwrap();
    for width in [80, 100, 120] {
        for shown in [explain(&plan, width), reasons(&plan, width)] {
            let widest = shown.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width, "{widest} in\n{shown}");
            assert!(names.iter().all(|name| shown.contains(&format!("{name}.dropped"))));
        }
    }
}

/// Each stage and each edge has its reason, and no edge has none.
#[test]
fn every_boundary_and_every_edge_has_a_reason() {
    let mut seen: Vec<&str> = Vec::new();
    let kinds = [
        "the first stage",
        "parted from stage",
        "`load_groups` names",
        "without list",
        "each step is loaded alone, as",
        "it would be one stage with",
        "read in stage",
        "in memory, batch by batch",
        "rows leave their stage",
        "is read whole before stage",
        "these rows are read when",
    ];
    for (name, plan) in planned() {
        let shown = reasons(&plan, 10_000);
        let edges = shown.lines().filter(|line| line.contains(" → ") && line.contains(": ")).count();
        assert!(edges >= plan.edges().len(), "{name}: {shown}");
        for edge in plan.edges() {
            let begins = format!("    {}", edge.from.whole());
            let has = |line: &&str| line.starts_with(&begins) && line.contains(&format!("→ {}", edge.to));
            let line = shown.lines().find(has).unwrap_or_else(|| panic!("{name}: {} in\n{shown}", edge.from));
            assert!(!line.ends_with("in a file"), "{name}: {line}");
        }
        seen.extend(kinds.iter().filter(|kind| shown.contains(**kind)));
    }
    assert_eq!(kinds.iter().filter(|kind| !seen.contains(kind)).collect::<Vec<_>>(), Vec::<&&str>::new());
}
