//! Strangers' texts at every place where one is shown: nothing that a terminal would obey reaches it, no line of theirs passes for one
//! of ours, and none of them fills the screen.
//!
//! A table of texts is tried at each of a table of places: names and values in files, what a step says, names in components.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use crate::stage::{Said, Stage};

/// What every text begins with, so that a place where it is not shown is noticed.
const MARK: &str = "zq";
/// A command says no more than this, however long a stranger's text is.
const MOST: usize = 40_000;

/// Texts, each of which would do something on a terminal, or in a log, that its reader does not expect.
fn texts() -> Vec<(&'static str, String)> {
    let texts = [
        ("clears the screen", "zq\u{1b}[2J\u{1b}[H\u{1b}[31mred"),
        ("sets the title", "zq\u{1b}]0;title\u{7}"),
        ("a link", "zq\u{1b}]8;;http://evil.example\u{1b}\\here\u{1b}]8;;\u{1b}\\"),
        ("the clipboard", "zq\u{1b}]52;c;cm0gLXJmIH4=\u{7}"),
        ("asks the terminal", "zq\u{1b}[6n\u{1b}[c\u{1b}P$qm\u{1b}\\"),
        ("controls of eight bits", "zq\u{9b}31m\u{9d}0;title\u{9c}"),
        ("overwrites the line", "zq\rerror: FORGED"),
        ("a line of its own", "zq\nerror: FORGED\n  help: FORGED"),
        ("lines of Windows", "zq\r\nerror: FORGED\r\n\r\nFORGED"),
        ("lines of Unicode", "zq\u{85}FORGED\u{2028}FORGED\u{2029}FORGED"),
        ("pages", "zq\u{b}FORGED\u{c}FORGED"),
        ("turned around", "zq\u{202e}lsnoj.\u{2066}txet\u{2069}\u{200f}"),
        ("letters that nobody sees", "zq\u{200b}a\u{2060}b\u{feff}c\u{e0041}d\u{ad}e"),
        ("takes back", "zqabc\u{8}\u{8}\u{8}xyz\u{7f}"),
    ];
    let mut texts: Vec<_> = texts.map(|(name, text)| (name, text.to_owned())).into();
    texts.push(("long", format!("zq{}", "long ".repeat(18_000))));
    texts.push(("a megabyte", format!("zq{}", "x".repeat(1 << 20))));
    texts.push(("long, of lines", format!("zq{}", "\nFORGED".repeat(12_000))));
    texts
}

/// A name in TOML, with everything escaped that could end it.
fn toml(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04X}", c as u32),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A word for the shell.
fn sh(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A pipeline of one step, at `pipeline.toml`.
fn pipeline(stage: &Stage, step: &str) {
    put(stage, "pipeline.toml", format!("{INPUT}[[steps]]\n{step}\n{OUTPUT}"));
    put(stage, "docs.jsonl", "{\"text\": \"row\"}\n");
}

const INPUT: &str = "callboard = 1\n[inputs.docs]\npath = \"docs.jsonl\"\n";
const OUTPUT: &str = "[outputs.out]\npath = \"out.jsonl\"\n";
const PICKY: &str = "name = \"picky\"\nuse = \"../guests/picky.wasm\"\n";

fn put(stage: &Stage, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(stage.folder.join(name), bytes).unwrap();
}

/// Something with a name of a stranger's choice, if a file may be called so.
fn put_named(stage: &Stage, text: &str, end: &str, bytes: &str) -> Option<String> {
    let name = format!("{}{end}", text.replace('/', "|"));
    (name.len() < 250).then(|| {
        fs::write(stage.folder.join(&name), bytes).unwrap();
        name
    })
}

/// A component with one import and one export of these names, both empty instances.
fn component(import: &str, export: &str) -> Vec<u8> {
    use wasm_encoder::{ComponentBuilder, ComponentExportKind, ComponentTypeRef, InstanceType};
    let mut component = ComponentBuilder::default();
    if !import.is_empty() {
        let ty = component.type_instance(None, &InstanceType::new());
        component.import(import, ComponentTypeRef::Instance(ty));
    }
    let empty = component.instantiate_exports(None, Vec::<(&str, _, _)>::new());
    component.export(export, ComponentExportKind::Instance, empty, None);
    component.finish()
}

/// A place where a text is shown: puts it there, and says which command shows it. `None` if it cannot be put there.
type Place = fn(&Stage, &str) -> Option<String>;

/// What is in files that a pipeline reads, and in the pipeline file.
const FILES: &[(&str, Place)] = &[
    ("a column of JSON Lines", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        put(stage, "docs.jsonl", format!("{{{}: 1}}\n", json(text)));
        Some("callboard check pipeline.toml; callboard run pipeline.toml".to_owned())
    }),
    ("two columns of a name", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        put(stage, "docs.jsonl", format!("{{{0}: 1, {0}: 2}}\n", json(text)));
        Some("callboard run pipeline.toml".to_owned())
    }),
    ("a column of CSV", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        put(stage, "docs.csv", format!("a,\"{text}\"\n1,2\n"));
        Some("callboard check pipeline.toml --set inputs.docs.path=docs.csv".to_owned())
    }),
    ("a value beside numbers", |stage, text| {
        pipeline(stage, "use = \"filter\"\nconfig = { where = \"n > 0\" }");
        put(stage, "docs.jsonl", format!("{}{{\"n\": {}}}\n", "{\"n\": 1}\n".repeat(20_000), json(text)));
        Some("callboard run pipeline.toml".to_owned())
    }),
    ("a line that is no JSON", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        put(stage, "docs.jsonl", format!("{{\"text\": \"a\"}}\n{{\"text\": {text}}}\n"));
        Some("callboard run pipeline.toml; echo zq".to_owned())
    }),
    ("a file's name", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        put_named(stage, text, ".jsonl", "{\"text\": \"a\"}\nno JSON\n")?;
        Some("callboard run pipeline.toml --set 'inputs.docs.path=zq*.jsonl'".to_owned())
    }),
    ("a name on the command line", |_, text| Some(format!("callboard run {}", sh(&format!("{text}.toml"))))),
    ("an argument that is none", |_, text| {
        let run = |arguments: &str| format!("callboard {arguments}; ");
        let word = sh(text);
        let lines = [
            word.clone(),
            format!("run --{word}"),
            format!("run a.toml --replicas {word}"),
            format!("plan a.toml --format {word}"),
            format!("steps a {word}"),
        ];
        (text.len() < 20_000).then(|| lines.map(|line| run(&line)).concat())
    }),
    ("the pipeline's name", |stage, text| {
        let name = put_named(stage, text, ".toml", "callboard = 1\nno TOML\n")?;
        Some(format!("callboard check {}; callboard plan {0}", sh(&name)))
    }),
    ("a key", |stage, text| {
        put(stage, "pipeline.toml", format!("callboard = 1\n{} = 1\n", toml(text)));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("a key, within a line of the file", |stage, text| {
        put(stage, "pipeline.toml", format!("callboard = 1\n# {text}\n[inputs.docs]\npaht = 1 # {text}\n"));
        Some("callboard check pipeline.toml; echo zq".to_owned())
    }),
    ("a key in JSON", |_, text| {
        Some(format!("printf %s {} | callboard check -", sh(&format!("{{\"callboard\": 1, {}: 1}}", json(text)))))
    }),
    ("a step's name", |stage, text| {
        pipeline(stage, &format!("name = {}\nuse = \"text-stats\"", toml(text)));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("an input's name", |stage, text| {
        put(stage, "pipeline.toml", format!("callboard = 1\n[inputs.{}]\npath = \"docs.jsonl\"\n{OUTPUT}", toml(text)));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("what a step uses", |stage, text| {
        pipeline(stage, &format!("name = \"s\"\nuse = {}", toml(text)));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("a component's path", |stage, text| {
        pipeline(stage, &format!("name = \"s\"\nuse = {}", toml(&format!("./{text}.wasm"))));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("what comes from where", |stage, text| {
        pipeline(stage, &format!("use = \"text-stats\"\nfrom = {}", toml(text)));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("a format", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        let text = format!("{}format = {}\n{OUTPUT}", INPUT, toml(text));
        put(stage, "pipeline.toml", text);
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("an output's place", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        put(stage, "pipeline.toml", format!("{INPUT}[outputs.out]\npath = {}\n", toml(&format!("{text}/out.txt"))));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("a parameter", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        put(stage, "pipeline.toml", format!("{INPUT}{OUTPUT}[params]\n{} = 1\n", toml(text)));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("a parameter that is used", |stage, text| {
        pipeline(stage, &format!("use = {}", toml(&format!("${{params.{text}}}"))));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("a value that is set", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        let set = |key: &str| format!("callboard check pipeline.toml --set {}", sh(key));
        Some(format!("{}; {}", set(&format!("{text}=1")), set(&format!("steps.text-stats.replicas={text}"))))
    }),
    ("a key of a configuration", |stage, text| {
        pipeline(stage, &format!("use = \"text-stats\"\nconfig = {{ {} = 1 }}", toml(text)));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("a condition", |stage, text| {
        pipeline(stage, &format!("use = \"filter\"\nconfig = {{ where = {} }}", toml(&format!("text == {text}"))));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("a server", |stage, text| {
        let grant = toml(&format!("GET http://{text}/"));
        pipeline(stage, &format!("{PICKY}grant.http = [{grant}]"));
        Some("callboard check pipeline.toml".to_owned())
    }),
    ("a variable", |stage, text| {
        pipeline(stage, &format!("{PICKY}grant.env = [{}]", toml(text)));
        Some("callboard check pipeline.toml; callboard run pipeline.toml".to_owned())
    }),
    ("a folder that is granted", |stage, text| {
        pipeline(stage, &format!("{PICKY}grant.files = [{}]", toml(text)));
        Some("callboard check pipeline.toml; callboard run pipeline.toml".to_owned())
    }),
    ("a header", |stage, text| {
        let secret = format!("localhost = {{ header = {}, value = \"${{env.HOME}}\" }}", toml(text));
        pipeline(stage, &format!("{PICKY}grant.http = [\"GET http://localhost/\"]\ngrant.secrets = {{ {secret} }}"));
        Some("callboard check pipeline.toml".to_owned())
    }),
];

/// What steps say, and what their files say of them.
const STEPS: &[(&str, Place)] = &[
    ("a panic's words", |stage, text| {
        pipeline(stage, &format!("{PICKY}config = {{ trap = [{}] }}", toml(text)));
        put(stage, "docs.jsonl", format!("{{\"text\": {}}}\n", json(text)));
        Some("callboard run pipeline.toml".to_owned())
    }),
    ("an error's words", |stage, text| {
        pipeline(stage, &format!("{PICKY}config = {{ fail = [{}] }}", toml(text)));
        put(stage, "docs.jsonl", format!("{{\"text\": {}}}\n", json(text)));
        Some("callboard run pipeline.toml; callboard runs list; callboard runs show .callboard/runs/*".to_owned())
    }),
    ("a reason", |stage, text| {
        pipeline(stage, &format!("{PICKY}config = {{ reject = [{}] }}\non_error = \"reject\"", toml(text)));
        put(stage, "docs.jsonl", format!("{{\"text\": {}}}\n{{\"text\": \"kept\"}}\n", json(text)));
        Some("callboard run pipeline.toml; callboard runs show .callboard/runs/*".to_owned())
    }),
    ("a reason of one try", |stage, text| {
        put(stage, "docs.jsonl", format!("{{\"text\": {}}}\n{{\"text\": \"kept\"}}\n", json(text)));
        let config = sh(&format!("{{\"reject\": [{}]}}", json(text)));
        (text.len() < 100_000)
            .then(|| format!("callboard step run ../guests/picky.wasm --config {config} < docs.jsonl > /dev/null"))
    }),
    ("a step's file", |stage, text| {
        fs::create_dir(stage.folder.join("mine")).unwrap();
        put(stage, "mine/step.toml", format!("name = {}\nlanguage = {0}\n{0} = 1\n", toml(text)));
        Some("for verb in inspect conform test build; do callboard step $verb mine; done".to_owned())
    }),
    ("what a component exports", |stage, text| {
        put(stage, "its.wasm", component("", text));
        pipeline(stage, "name = \"s\"\nuse = \"./its.wasm\"");
        Some("callboard step inspect its.wasm; callboard check pipeline.toml".to_owned())
    }),
    ("the contract that a component exports", |stage, text| {
        put(stage, "its.wasm", component("", &format!("callboard:step/transform@{text}")));
        pipeline(stage, "name = \"s\"\nuse = \"./its.wasm\"");
        Some("callboard step inspect its.wasm; callboard check pipeline.toml".to_owned())
    }),
    ("what a component imports", |stage, text| {
        put(stage, "its.wasm", component(text, "callboard:step/transform@0.2.0"));
        pipeline(stage, "name = \"s\"\nuse = \"./its.wasm\"");
        Some("callboard step inspect its.wasm; callboard check pipeline.toml".to_owned())
    }),
    ("what is no component", |stage, text| {
        put(stage, "its.wasm", text);
        pipeline(stage, "name = \"s\"\nuse = \"./its.wasm\"");
        Some("callboard step inspect its.wasm; callboard check pipeline.toml; echo zq".to_owned())
    }),
    ("a bundled step's name", |_, text| Some(format!("callboard steps {}", sh(text)))),
    ("a new step's name", |_, text| Some(format!("callboard step new {}; echo zq", sh(text)))),
];

/// What lies in and beside folders of runs.
const RUNS: &[(&str, Place)] = &[
    ("a run's folder", |stage, text| {
        let name = text.replace('/', "|");
        let folder = stage.folder.join(".callboard/runs").join(&name);
        (name.len() < 250).then(|| fs::create_dir_all(&folder).unwrap())?;
        fs::write(folder.join("lock"), "1\n").unwrap();
        let quoted = sh(&format!(".callboard/runs/{name}"));
        Some(format!(
            "callboard runs list; callboard runs show {quoted}; callboard resume {quoted}; callboard runs remove {quoted}"
        ))
    }),
    ("a file that no run makes", |stage, text| {
        let name = text.replace('/', "|");
        (name.len() < 250).then_some(())?;
        fs::create_dir_all(stage.folder.join("mine")).unwrap();
        put(stage, "mine/lock", "1\n");
        put(stage, "mine/run.json", "{}");
        put(stage, &format!("mine/{name}"), "somebody's");
        Some("callboard runs remove mine".to_owned())
    }),
    ("a plan that is damaged", |stage, text| {
        fs::create_dir_all(stage.folder.join("runs/mine")).unwrap();
        put(stage, "runs/mine/lock", "1\n");
        put(stage, "runs/mine/run.json", format!("{{{}: 1}}", json(text)));
        put(stage, "runs/mine/plan.json", format!("{{\"name\": {0}, \"format\": {0}, {0}: {0}}}", json(text)));
        Some(
            "callboard runs list --dir runs; callboard runs show runs/mine; callboard resume runs/mine; echo zq"
                .to_owned(),
        )
    }),
    ("a report", |stage, text| {
        pipeline(stage, "use = \"text-stats\"");
        let made = stage.sh("callboard run pipeline.toml --run-dir runs/mine --no-resume");
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        let report = stage.folder.join("runs/mine/report.json");
        let report_text = fs::read_to_string(&report).unwrap_or_default();
        let forged = report_text
            .replace("text-stats", "NAME")
            .replace("\"NAME", &format!("{},\"", json(text)).replace(",\"", ""));
        fs::write(&report, forged.replace("\"docs\"", &json(text)).replace("\"out\"", &json(text))).unwrap();
        Some("callboard runs show runs/mine; echo zq".to_owned())
    }),
];

/// What is in rows that are looked at, in a run and in files.
const LOOKS: &[(&str, Place)] = &[
    ("a value and its column", |stage, text| {
        looked_at(stage, text);
        put(stage, "more.jsonl", format!("{{{0}: 1, \"text\": {0}}}\n", json(&text.replacen("zq", "zq2", 1))));
        Some(
            "callboard try pipeline.toml; callboard run pipeline.toml -q --run-dir one; \
             callboard peek one exact-dedup; callboard peek one exact-dedup.dropped --format text; \
             callboard run pipeline.toml -q --run-dir two --overwrite --set inputs.docs.path=more.jsonl; callboard diff one two"
                .to_owned(),
        )
    }),
    ("a value that is counted", |stage, text| {
        looked_at(stage, text);
        Some("callboard stats docs.jsonl; callboard stats docs.jsonl --by text".to_owned())
    }),
];

/// Two rows that are the same, with the text as a value and as the name of a column.
fn looked_at(stage: &Stage, text: &str) {
    pipeline(stage, "use = \"exact-dedup\"");
    put(stage, "docs.jsonl", format!("{{{0}: 1, \"text\": {0}}}\n", json(text)).repeat(2));
}

/// Whether a terminal obeys it, or shows something else than what stands there: by Unicode's own classes, not the host's table.
fn acts(c: char) -> bool {
    let code = c as u32;
    let control = code < 0x20 || (0x7f..0xa0).contains(&code);
    let format = matches!(code, 0x61c | 0x180e | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb)
        || (0xe0000..=0xe007f).contains(&code);
    (control || format) && c != '\n' && c != '\t'
}

fn faults(said: &Said, is_shown: bool) -> Vec<String> {
    let shown = format!("{}\n{}", said.stdout, said.stderr);
    let mut faults = Vec::new();
    if !matches!(said.code, Some(0..=5)) {
        faults.push(format!("it ends with {:?}", said.code));
    }
    if let Some(c) = shown.chars().find(|c| acts(*c)) {
        faults.push(format!("{c:?} is shown"));
    }
    // Below a message and beside a help, lines have a margin.
    let forged =
        |line: &&str| ["FORGED", "error: FORGED", "  help: FORGED"].iter().any(|words| line.starts_with(words));
    if let Some(line) = shown.lines().find(forged) {
        faults.push(format!("a line is forged: {line}"));
    }
    if !shown.contains(MARK) && is_shown {
        faults.push("it is not shown at all".to_owned());
    }
    if shown.len() > MOST {
        faults.push(format!("{} bytes are shown", shown.len()));
    }
    if shown.contains("panicked at host/") || shown.contains("internal error") {
        faults.push("the host panicked".to_owned());
    }
    faults
}

fn tried(places: &[(&str, Place)]) {
    let mut failures = Vec::new();
    for (place, put) in places {
        for (what, text) in texts() {
            let stage = Stage::empty();
            let Some(line) = put(&stage, &text) else { continue };
            // An argument has a limit of the kernel's.
            if line.len() > 120_000 {
                continue;
            }
            let said = stage.sh(&line);
            // What is larger than a name may be is refused before it is read.
            let faults = faults(&said, text.len() < 1 << 20);
            if !faults.is_empty() {
                let shown: String = format!("{}{}", said.stdout, said.stderr).chars().take(800).collect();
                failures.push(format!("== {place}, {what}: {}\n{shown:?}", faults.join("; ")));
            }
        }
    }
    assert!(failures.is_empty(), "{} of them\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn texts_in_files_are_only_shown() {
    tried(FILES);
}

#[test]
fn texts_of_steps_are_only_shown() {
    tried(STEPS);
}

#[test]
fn texts_in_rows_are_only_shown() {
    tried(LOOKS);
}

#[test]
fn texts_in_folders_of_runs_are_only_shown() {
    tried(RUNS);
}

/// A report that is read by programs has the texts as they are, and nothing that a terminal would obey.
#[test]
fn texts_in_json_are_escaped() {
    for (what, text) in texts() {
        let stage = Stage::empty();
        pipeline(&stage, &format!("{PICKY}config = {{ fail = [{}] }}", toml(&text)));
        put(&stage, "docs.jsonl", format!("{{\"text\": {}}}\n", json(&text)));
        stage.sh("callboard run pipeline.toml -q");
        let listed = stage.sh("callboard runs list --json");
        assert!(!listed.stdout.contains(acts), "{what}: {:?}", listed.stdout);
        let runs: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
        let error = runs[0]["error"].as_str().unwrap();
        let begins: String = text.chars().take(12).collect();
        assert!(error.contains(&begins), "{what}: {error:?}");
    }
}

/// On a terminal too, where lines of ours move: of all that it is sent, no sequence is a stranger's.
#[test]
fn texts_on_a_terminal_are_only_shown() {
    for (what, text) in texts() {
        let stage = Stage::empty();
        pipeline(&stage, &format!("{PICKY}config = {{ trap = [{}] }}", toml(&text)));
        put(&stage, "docs.jsonl", format!("{{\"text\": {}}}\n", json(&text)));
        let said = stage.sh("TERM=xterm script -qec 'callboard run pipeline.toml' /dev/null");
        let sent = said.stdout;
        assert!(sent.contains(MARK), "{what}: {sent:?}");
        for theirs in [
            "\u{1b}]",
            "\u{1b}[6n",
            "\u{1b}[c",
            "\u{1b}P",
            "\u{1b}[31mred",
            "\u{7}",
            "\u{8}",
            "\u{b}",
            "\u{c}",
            "\u{1b}[H",
        ] {
            assert!(!sent.contains(theirs), "{what}: {theirs:?} in {sent:?}");
        }
        let acting = sent.chars().find(|c| acts(*c) && !matches!(c, '\u{1b}' | '\r'));
        assert_eq!(acting, None, "{what}: {sent:?}");
        let forged = sent.split(['\n', '\r']).any(|line| line.trim_start().starts_with("error: FORGED"));
        assert!(!forged, "{what}: {sent:?}");
    }
}

/// Bytes that are no UTF-8, wherever bytes are: names of files, values, headers.
#[test]
fn bytes_that_are_no_text_are_shown_as_such() {
    let bytes: [&[u8]; 6] =
        [b"zq\xff\xfe", b"zq\xc0\x80", b"zq\xed\xa0\x80", b"zq\xf5\x80\x80\x80", b"zq\xe2\x80", b"zq\x80\x1b[2J"];
    for bytes in bytes {
        let stage = Stage::empty();
        pipeline(&stage, "use = \"text-stats\"");
        let quoted = [b"{\"".to_vec(), bytes.to_vec(), b"\": 1}\n".to_vec()].concat();
        put(&stage, "docs.jsonl", quoted);
        put(&stage, "docs.csv", [b"a,", bytes, b"\n1,2\n"].concat());
        put(&stage, "bad.toml", [b"callboard = 1\n\"", bytes, b"\" = 1\n"].concat());
        let name = OsString::from_vec([bytes, b".jsonl"].concat());
        fs::write(stage.folder.join(&name), "no JSON\n").unwrap();
        for line in [
            "callboard run pipeline.toml; echo zq",
            "callboard run pipeline.toml --set inputs.docs.path=docs.csv; echo zq",
            "callboard check bad.toml; echo zq",
            "callboard run pipeline.toml --set 'inputs.docs.path=zq*'",
            "for name in zq*; do callboard check \"$name\"; callboard step inspect \"$name\"; callboard runs show \"$name\"; callboard resume \"$name\"; done",
        ] {
            let said = stage.sh(line);
            assert_eq!(faults(&said, true), Vec::<String>::new(), "{bytes:?}: {line}: {}{}", said.stdout, said.stderr);
        }
    }
}
