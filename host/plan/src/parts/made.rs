//! What instantiating a component makes: its instances, those within them, and the parts of core instances.

use std::collections::HashMap;
use std::rc::Rc;

use super::{CORE_INSTANCES, DEPTH, ENTRIES, File, Item, MEMORIES, Module, PARTS, Sort, TABLES, count};
use crate::scan::ScanError;

/// A module, component or instance, as an index stands for it.
#[derive(Clone)]
enum Def<'a> {
    Module(usize),
    /// With the frame that it was defined in.
    Component(usize, Option<usize>),
    /// What it exports, and how deep instances are nested in it: dropping it takes that much stack.
    Instance(Rc<HashMap<&'a str, Def<'a>>>, usize),
    /// The host's, or nothing: then the component is not valid, and is refused when it is compiled.
    Unknown,
}

impl<'a> Def<'a> {
    /// An instance of these exports, which may be instances themselves.
    fn instance(exports: HashMap<&'a str, Def<'a>>) -> Result<Def<'a>, ScanError> {
        let inner = exports.values().map(|def| if let Def::Instance(_, depth) = def { depth + 1 } else { 0 }).max();
        match inner.unwrap_or_default() {
            depth if depth > DEPTH => Err(nested()),
            depth => Ok(Def::Instance(Rc::new(exports), depth)),
        }
    }
}

/// Instantiates a component of the file, as an engine would, until it ends or a limit is exceeded.
pub(super) fn instantiated(file: &File<'_>, root: usize) -> Result<(), ScanError> {
    let mut made = Made { file, frames: Vec::new(), parts: 0, core: 0, memories: 0, tables: 0, entries: 0 };
    made.instantiate(root, None, HashMap::new(), 0).map(drop)
}

pub(super) fn nested() -> ScanError {
    ScanError::TooMany { what: "instances within one another", limit: DEPTH as u64 }
}

/// The index spaces of a component while it is instantiated.
#[derive(Default)]
struct Frame<'a> {
    outer: Option<usize>,
    modules: Vec<Def<'a>>,
    components: Vec<Def<'a>>,
    instances: Vec<Def<'a>>,
}

impl<'a> Frame<'a> {
    fn get(&self, sort: Sort, index: u32) -> Def<'a> {
        let space = match sort {
            Sort::Module => &self.modules,
            Sort::Component => &self.components,
            Sort::Instance => &self.instances,
            Sort::Other => return Def::Unknown,
        };
        space.get(index as usize).cloned().unwrap_or(Def::Unknown)
    }

    fn push(&mut self, sort: Sort, def: Def<'a>) {
        match sort {
            Sort::Module => self.modules.push(def),
            Sort::Component => self.components.push(def),
            Sort::Instance => self.instances.push(def),
            Sort::Other => {}
        }
    }
}

/// What has been made so far.
struct Made<'f, 'a> {
    file: &'f File<'a>,
    frames: Vec<Frame<'a>>,
    parts: u64,
    core: u64,
    memories: u64,
    tables: u64,
    entries: u64,
}

impl<'a> Made<'_, 'a> {
    fn parts(&mut self, more: u64) -> Result<(), ScanError> {
        count(&mut self.parts, more, PARTS, "parts once it is instantiated")
    }

    /// Makes an instance of a component, and gives its exports.
    fn instantiate(
        &mut self,
        component: usize,
        outer: Option<usize>,
        args: HashMap<&'a str, Def<'a>>,
        depth: usize,
    ) -> Result<HashMap<&'a str, Def<'a>>, ScanError> {
        // Each level is a component that instantiates one which was defined before it.
        if depth > DEPTH {
            return Err(nested());
        }
        self.parts(1)?;
        let at = self.frames.len();
        self.frames.push(Frame { outer, ..Frame::default() });
        let mut exports = HashMap::new();
        let file = self.file;
        for item in &file.bodies[component].items {
            self.parts(1)?;
            let (sort, def) = match item {
                Item::Import(name, sort) => (*sort, args.get(name).cloned().unwrap_or(Def::Unknown)),
                Item::Export(name, sort, index) => {
                    let def = self.frames[at].get(*sort, *index);
                    exports.insert(*name, def.clone());
                    // What is exported has another index from here on.
                    (*sort, def)
                }
                Item::Module(module) => (Sort::Module, Def::Module(*module)),
                Item::Component(component) => (Sort::Component, Def::Component(*component, Some(at))),
                Item::Instantiate(component, args) => (Sort::Instance, self.call(at, *component, args, depth)?),
                Item::Bundle(exports) => (Sort::Instance, Def::instance(self.named(at, exports)?)?),
                Item::CoreInstance(module) => {
                    self.core_instance(at, *module)?;
                    continue;
                }
                Item::OfInstance(instance, name, sort) => {
                    let of = match self.frames[at].get(Sort::Instance, *instance) {
                        Def::Instance(exports, _) => exports.get(name).cloned(),
                        _ => None,
                    };
                    (*sort, of.unwrap_or(Def::Unknown))
                }
                Item::Outer(levels, index, sort) => {
                    // The file may say four billion; there are only as many levels as components are nested.
                    let frame = (0..*levels).try_fold(at, |frame, _| self.frames[frame].outer);
                    (*sort, frame.map_or(Def::Unknown, |frame| self.frames[frame].get(*sort, *index)))
                }
                Item::Other(more) => {
                    self.parts(*more)?;
                    continue;
                }
            };
            self.frames[at].push(sort, def);
        }
        Ok(exports)
    }

    /// The named items of a frame.
    fn named(&mut self, at: usize, items: &[(&'a str, Sort, u32)]) -> Result<HashMap<&'a str, Def<'a>>, ScanError> {
        self.parts(items.len() as u64)?;
        let frame = &self.frames[at];
        Ok(items.iter().map(|(name, sort, index)| (*name, frame.get(*sort, *index))).collect())
    }

    fn call(
        &mut self,
        at: usize,
        component: u32,
        args: &[(&'a str, Sort, u32)],
        depth: usize,
    ) -> Result<Def<'a>, ScanError> {
        let args = self.named(at, args)?;
        match self.frames[at].get(Sort::Component, component) {
            Def::Component(component, outer) => Def::instance(self.instantiate(component, outer, args, depth + 1)?),
            _ => Ok(Def::Unknown),
        }
    }

    fn core_instance(&mut self, at: usize, module: u32) -> Result<(), ScanError> {
        let made = match self.frames[at].get(Sort::Module, module) {
            Def::Module(module) => self.file.modules[module],
            _ => Module::default(),
        };
        count(&mut self.core, 1, CORE_INSTANCES, "core instances")?;
        count(&mut self.memories, made.memories, MEMORIES, "memories")?;
        count(&mut self.tables, made.tables, TABLES, "tables")?;
        count(&mut self.entries, made.entries, ENTRIES, "functions and other parts of core instances")
    }
}
