//! `*.dropped` and `*.rejected`: the side doors of all steps, in the place of their names.

use super::model::{From, Located, OnError, Pipeline, Step};
use crate::door::{Door, EVERY, Feed};
use crate::problem::Findings;

/// Puts the doors of steps in the place of `*`: of an output those of all steps, of a step those of the steps above it.
pub(super) fn spread(pipeline: &mut Pipeline, findings: &mut Findings) {
    let is_wanted = |from: &From| from.feeds().iter().any(|feed| feed.node == EVERY);
    let mut sources = pipeline.steps.iter().map(|step| &step.from).chain(pipeline.outputs.iter().map(|out| &out.from));
    if !sources.any(is_wanted) {
        return;
    }
    let steps: Vec<(String, bool)> =
        pipeline.steps.iter().map(|step| (step.name.value.clone(), may_reject(step))).collect();
    for (nth, step) in pipeline.steps.iter_mut().enumerate() {
        of_one(&mut step.from, &steps[..nth], "no step stands above this one", findings);
    }
    for output in &mut pipeline.outputs {
        of_one(&mut output.from, &steps, "there is no step", findings);
    }
}

/// Whether the file leaves it open that a step, or one within it, rejects rows.
fn may_reject(step: &Step) -> bool {
    step.on_error != Some(OnError::Fail)
}

fn of_one(from: &mut From, steps: &[(String, bool)], none: &str, findings: &mut Findings) {
    let spread = |feeds: &mut Vec<Located<Feed>>| {
        let before = std::mem::take(feeds);
        for feed in before {
            let Some(door) = feed.door.filter(|_| feed.node == EVERY) else {
                feeds.push(feed);
                continue;
            };
            if steps.is_empty() {
                let help = "an output may read those of all steps, a step those of the steps above it";
                findings.add_with_help(&feed.at, format!("`{}` names nothing: {none}", feed.whole()), help);
            }
            let has = |(name, rejects): &(String, bool)| {
                let every = Feed { branch: feed.branch, every: true, ..Feed::door(name, door) };
                (door == Door::Dropped || *rejects).then(|| Located { value: every, at: feed.at.clone() })
            };
            let doors: Vec<_> = steps.iter().filter_map(has).collect();
            if doors.is_empty() && !steps.is_empty() {
                findings.add_with_help(&feed.at, no_rows(&feed), instead(&feed));
            }
            feeds.extend(doors);
        }
    };
    if let From::Zip(feeds, _) = from {
        for feed in feeds.iter().filter(|feed| feed.door.is_some() && feed.node == EVERY) {
            let message = format!("`{}` is no branch of a zip: it stands for doors of several steps", feed.whole());
            findings.add_with_help(&feed.at, message, "name the door of one step");
        }
        return;
    }
    from.lists_mut().into_iter().for_each(spread);
}

/// What is wrong where no step of those that `*` stands for can have such a row.
pub(crate) fn no_rows(feed: &Feed) -> String {
    let word = feed.door.map_or("", Door::as_str);
    format!("`{EVERY}.{word}` never has a row: no step that it stands for can have a {word} one")
}

/// The fix.
pub(crate) fn instead(feed: &Feed) -> &'static str {
    match feed.door {
        Some(Door::Rejected) => "add `on_error = \"reject\"` to a step that reads rows, or remove this",
        _ => "inputs and sources leave out no row; remove this",
    }
}
