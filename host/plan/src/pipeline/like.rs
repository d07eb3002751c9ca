//! `[like.NAME]`: what several steps, inputs or outputs share, merged into each that has `like = "NAME"`.
//!
//! Values keep their places, so what is wrong with one is found where it is written, once, whatever has it.

use super::document::{Data, Entry, Node};
use crate::problem::{At, Findings};
use crate::spelling::hint;

/// The key of a table that takes blocks in, and the section that they stand in.
pub(super) const LIKE: &str = "like";
/// Sections whose tables may take blocks in.
const SECTIONS: [&str; 3] = ["inputs", "steps", "outputs"];
/// Keys whose tables are one value: two of them cannot be merged.
const WHOLE: [&str; 1] = ["from"];

/// Merges every block into what is like it, and removes the blocks. `room` is what all copies may take, of `expanded` bytes for the
/// whole pipeline; `None` if that is not enough, which is found.
pub(super) fn merge(root: &mut Node, room: usize, expanded: usize, findings: &mut Findings) -> Option<()> {
    let Data::Table(sections) = &mut root.data else { return Some(()) };
    let found = sections.iter().position(|section| section.key == LIKE);
    let mut blocks = Blocks::of(found.map(|at| sections.remove(at).value), room, expanded, findings);
    for nth in 0..blocks.all.len() {
        blocks.resolve(nth, findings)?;
    }
    for section in sections.iter_mut().filter(|section| SECTIONS.contains(&section.key.as_str())) {
        match &mut section.value.data {
            Data::List(items) => items.iter_mut().try_for_each(|item| blocks.fill(item, findings))?,
            Data::Table(entries) => entries.iter_mut().try_for_each(|entry| blocks.fill(&mut entry.value, findings))?,
            _ => {}
        }
    }
    for block in blocks.all.iter().filter(|block| !block.used) {
        let message = format!("nothing is like `{}`", block.name);
        findings.add_with_help(&block.at, message, format!("use it with `like = \"{}\"`, or remove it", block.name));
    }
    Some(())
}

struct Block {
    name: String,
    at: At,
    table: Node,
    state: State,
    used: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    AsWritten,
    /// Its own blocks are being merged into it.
    Begun,
    Whole,
}

struct Blocks {
    all: Vec<Block>,
    room: usize,
    expanded: usize,
}

impl Blocks {
    fn of(section: Option<Node>, room: usize, expanded: usize, findings: &mut Findings) -> Self {
        let mut all = Vec::new();
        match section.map(|section| (section.at, section.data)) {
            None => {}
            Some((_, Data::Table(entries))) => {
                for Entry { key, key_at, value } in entries {
                    if !matches!(value.data, Data::Table(_)) {
                        let message = format!("`{key}` in `like` is {}, expected a table", value.data.kind());
                        findings.add_with_help(&value.at, message, format!("[like.{key}]"));
                        continue;
                    }
                    if let Some(name) = entry_of(&value, "name") {
                        let message = "a block that steps share cannot name them";
                        findings.add_with_help(&name.key_at, message, "give each step its own `name`");
                    }
                    all.push(Block { name: key, at: key_at, table: value, state: State::AsWritten, used: false });
                }
            }
            Some((at, data)) => {
                let message = format!("`like` is {}, expected a table", data.kind());
                findings.add_with_help(&at, message, "each block is a table with its name: `[like.llm]`");
            }
        }
        Blocks { all, room, expanded }
    }

    /// Merges into a block the blocks that it is like.
    fn resolve(&mut self, nth: usize, findings: &mut Findings) -> Option<()> {
        if self.all[nth].state != State::AsWritten {
            return Some(());
        }
        self.all[nth].state = State::Begun;
        let mut table = std::mem::replace(&mut self.all[nth].table, Node { data: Data::Null, at: None });
        let filled = self.fill(&mut table, findings);
        self.all[nth].table = table;
        self.all[nth].state = State::Whole;
        filled
    }

    /// Merges into a table the blocks that it is like: the last that has a key says it, the table itself before all.
    fn fill(&mut self, table: &mut Node, findings: &mut Findings) -> Option<()> {
        let Data::Table(entries) = &mut table.data else { return Some(()) };
        let Some(at) = entries.iter().position(|entry| entry.key == LIKE) else { return Some(()) };
        let like = entries.remove(at).value;
        for (name, at) in names(&like, findings).into_iter().rev() {
            let Some(nth) = self.all.iter().position(|block| block.name == name) else {
                let known = self.all.iter().map(|block| block.name.as_str());
                findings.push(&at, format!("there is no block `{name}`"), hint(&name, "blocks", known));
                continue;
            };
            self.all[nth].used = true;
            if self.all[nth].state == State::Begun {
                let message = format!("the block `{name}` is like itself");
                findings.add_with_help(&at, message, "remove one `like` of these blocks");
                continue;
            }
            self.resolve(nth, findings)?;
            if under(table, &self.all[nth].table, &mut self.room).is_none() {
                super::params::too_large(&at, self.expanded, findings);
                return None;
            }
        }
        Some(())
    }
}

fn entry_of<'a>(table: &'a Node, key: &str) -> Option<&'a Entry> {
    let Data::Table(entries) = &table.data else { return None };
    entries.iter().find(|entry| entry.key == key)
}

/// The blocks that `like` names.
fn names(like: &Node, findings: &mut Findings) -> Vec<(String, At)> {
    let named = super::fields::texts(like, "`like`", findings).unwrap_or_default();
    named.into_iter().map(|name| (name.value, name.at)).collect()
}

/// Puts under a table what it does not say itself; tables of both are merged in the same way, anything else is one value.
fn under(table: &mut Node, block: &Node, room: &mut usize) -> Option<()> {
    let (Data::Table(own), Data::Table(shared)) = (&mut table.data, &block.data) else { return Some(()) };
    for entry in shared {
        match own.iter_mut().find(|known| known.key == entry.key) {
            Some(known) if WHOLE.contains(&known.key.as_str()) => {}
            Some(known) => under(&mut known.value, &entry.value, room)?,
            None => {
                *room = room.checked_sub(entry.key.len() + entry.value.size())?;
                own.push(entry.clone());
            }
        }
    }
    Some(())
}
