//! `try --watch`: a pipeline is tried again when its file is saved, whatever is in it, until Ctrl-C.

use std::fs;

use rustix::process::{Signal, kill_process_group};

use crate::signals::{Bounded, end, group, hear, start};
use crate::stage::Stage;

#[test]
fn a_pipeline_is_tried_again_when_it_is_saved() {
    let stage = Stage::set(&crate::repository("tests/cli/try"));
    let file = stage.folder.join("pipeline.toml");
    let text = fs::read_to_string(&file).unwrap();
    // As editors do it: the file is there whole, or not at all.
    let save = |text: &str| {
        let beside = stage.folder.join("beside");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, &file).unwrap();
    };
    // What is tried goes to standard output, and is heard in its order here.
    let command = "callboard try pipeline.toml --watch --step long 1>&2";
    let waits = "waiting for `pipeline.toml` to be saved";
    let (mut child, heard) = start(&stage, command, waits);
    let _bounded = Bounded::of(&child);
    assert!(heard.contains("(1 of 2)") && !heard.contains("error"), "{heard}");

    save(&text.replace("> 12", "> 1000"));
    let heard = hear(&mut child, waits);
    assert!(heard.contains("size(text) > 1000 (1 of 5)"), "{heard}");

    save(&text.replace("> 12", "> > 12"));
    let heard = hear(&mut child, waits);
    assert!(heard.contains("error: ") && heard.contains("[pipeline.toml:") && !heard.contains("1 of"), "{heard}");

    fs::remove_file(&file).unwrap();
    let heard = hear(&mut child, waits);
    assert!(heard.contains("error: ") && heard.contains("No such file"), "{heard}");

    save(&text);
    let heard = hear(&mut child, waits);
    assert!(heard.contains("(1 of 2)") && !heard.contains("error"), "{heard}");

    kill_process_group(group(&child), Signal::INT).unwrap();
    let said = end(child, String::new(), command);
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (Some(130), "", ""));
    assert!(!stage.folder.join("out").exists(), "an output was written");
}
