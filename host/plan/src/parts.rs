//! Counts what a component is made of once it is instantiated, without compiling or running it.
//!
//! Components nest, and each of them may instantiate others any number of times: a kilobyte can stand for millions of
//! instances. So what an engine would do is done here in the abstract, with the components that are given to others as
//! arguments, and stops at the first limit. The work is bounded by [`PARTS`].

mod made;

use wasmparser::{
    Chunk, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef,
    ElementItems, Instance, Parser, Payload,
};

use crate::scan::ScanError;

/// The most bytes that a component may have, unless `limits.component` of its step says it.
pub const COMPONENT_BYTES: u64 = 64 << 20;
/// The most that it can say: what is compiled may have no more bytes either.
pub const MOST_COMPONENT_BYTES: u64 = 512 << 20;
/// Core instances of a component, in all of its parts.
pub(crate) const CORE_INSTANCES: u64 = 100;
/// Memories that they define.
pub(crate) const MEMORIES: u64 = 16;
/// Tables that they define.
pub(crate) const TABLES: u64 = 100;
/// What the component itself imports; what it exports, likewise.
const NAMED: u64 = 1_000;
/// Types that one component declares.
const TYPES: u64 = 20_000;
/// Everything that components declare: imports, exports, types, aliases, functions, instances and their arguments.
const PARTS: u64 = 200_000;
/// Everything that core modules declare: types, imports, functions, tables, globals, exports, segments and their elements; again for
/// each of their instances.
const ENTRIES: u64 = 500_000;
/// Elements of their segments: each is code that the engine compiles.
const ELEMENTS: u64 = 200_000;
/// Components within components.
const DEPTH: usize = 50;

/// A component as it stands in the file.
#[derive(Default)]
struct Body<'a> {
    items: Vec<Item<'a>>,
}

/// What the index spaces that matter here are made of, in the file's order.
enum Item<'a> {
    Import(&'a str, Sort),
    Export(&'a str, Sort, u32),
    Module(usize),
    Component(usize),
    Instantiate(u32, Vec<(&'a str, Sort, u32)>),
    Bundle(Vec<(&'a str, Sort, u32)>),
    CoreInstance(u32),
    /// An export of the instance of this index.
    OfInstance(u32, &'a str, Sort),
    /// A part of the component this many levels outward.
    Outer(u32, u32, Sort),
    /// Anything else, that many of them.
    Other(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Module,
    Component,
    Instance,
    Other,
}

impl From<ComponentExternalKind> for Sort {
    fn from(kind: ComponentExternalKind) -> Sort {
        match kind {
            ComponentExternalKind::Module => Sort::Module,
            ComponentExternalKind::Component => Sort::Component,
            ComponentExternalKind::Instance => Sort::Instance,
            ComponentExternalKind::Func | ComponentExternalKind::Value | ComponentExternalKind::Type => Sort::Other,
        }
    }
}

/// What one instance of a core module has.
#[derive(Clone, Copy, Default)]
struct Module {
    memories: u64,
    tables: u64,
    entries: u64,
}

/// The components and modules of a file.
#[derive(Default)]
struct File<'a> {
    bodies: Vec<Body<'a>>,
    modules: Vec<Module>,
    parts: u64,
    entries: u64,
    elements: u64,
}

/// Checks a component against the limits on what it is made of.
///
/// # Errors
/// The limit that it exceeds, or where it cannot be read.
pub(crate) fn check(bytes: &[u8]) -> Result<(), ScanError> {
    let mut file = File::default();
    let root = file.component(bytes, &mut Parser::new(0), 0)?;
    made::instantiated(&file, root)
}

/// Adds to a count that has a limit.
fn count(so_far: &mut u64, more: u64, limit: u64, what: &'static str) -> Result<(), ScanError> {
    *so_far = so_far.saturating_add(more);
    if *so_far > limit { Err(ScanError::TooMany { what, limit }) } else { Ok(()) }
}

/// What cannot be read, and where.
pub(crate) fn malformed(error: wasmparser::BinaryReaderError) -> ScanError {
    ScanError::Malformed { at: error.offset() as u64, message: error.message().to_owned() }
}

impl<'a> File<'a> {
    fn parts(&mut self, more: u64) -> Result<(), ScanError> {
        count(&mut self.parts, more, PARTS, "parts")
    }

    fn entries(&mut self, module: &mut Module, more: u64) -> Result<(), ScanError> {
        module.entries = module.entries.saturating_add(more);
        count(&mut self.entries, more, ENTRIES, "functions, types and other parts of core modules")
    }

    /// Reads a component whose parser stands at its beginning; `bytes` are the whole file.
    fn component(&mut self, bytes: &'a [u8], parser: &mut Parser, depth: usize) -> Result<usize, ScanError> {
        if depth > DEPTH {
            return Err(ScanError::TooMany { what: "components within one another", limit: DEPTH as u64 });
        }
        let mut body = Body::default();
        let (mut imports, mut exports, mut types) = (0, 0, 0);
        let named = if depth == 0 { NAMED } else { PARTS };
        loop {
            let at = usize::try_from(parser.offset()).unwrap_or(usize::MAX);
            let rest = bytes.get(at..).unwrap_or_default();
            // The parser knows itself how far it is.
            let Chunk::Parsed { payload, .. } = parser.parse(rest, true).map_err(malformed)? else { break };
            match payload {
                Payload::ModuleSection { parser: mut inner, .. } => {
                    let module = self.module(bytes, &mut inner)?;
                    self.modules.push(module);
                    self.parts(1)?;
                    body.items.push(Item::Module(self.modules.len() - 1));
                }
                Payload::ComponentSection { parser: mut inner, .. } => {
                    self.parts(1)?;
                    let component = self.component(bytes, &mut inner, depth + 1)?;
                    body.items.push(Item::Component(component));
                }
                Payload::ComponentImportSection(section) => {
                    count(&mut imports, section.count().into(), named, "imports")?;
                    self.parts(section.count().into())?;
                    for import in section {
                        let import = import.map_err(malformed)?;
                        let sort = match import.ty {
                            ComponentTypeRef::Module(_) => Sort::Module,
                            ComponentTypeRef::Component(_) => Sort::Component,
                            ComponentTypeRef::Instance(_) => Sort::Instance,
                            ComponentTypeRef::Func(_) | ComponentTypeRef::Value(_) | ComponentTypeRef::Type(_) => {
                                Sort::Other
                            }
                        };
                        body.items.push(Item::Import(import.name.name, sort));
                    }
                }
                Payload::ComponentExportSection(section) => {
                    count(&mut exports, section.count().into(), named, "exports")?;
                    self.parts(section.count().into())?;
                    for export in section {
                        let export = export.map_err(malformed)?;
                        body.items.push(Item::Export(export.name.name, export.kind.into(), export.index));
                    }
                }
                Payload::ComponentInstanceSection(section) => {
                    self.parts(section.count().into())?;
                    for instance in section {
                        let item = match instance.map_err(malformed)? {
                            ComponentInstance::Instantiate { component_index, args } => {
                                self.parts(args.len() as u64)?;
                                let args = args.iter().map(|arg| (arg.name, arg.kind.into(), arg.index));
                                Item::Instantiate(component_index, args.collect())
                            }
                            ComponentInstance::FromExports(exports) => {
                                self.parts(exports.len() as u64)?;
                                let of = exports
                                    .iter()
                                    .map(|export| (export.name.name, Sort::from(export.kind), export.index));
                                Item::Bundle(of.collect())
                            }
                        };
                        body.items.push(item);
                    }
                }
                Payload::ComponentAliasSection(section) => {
                    self.parts(section.count().into())?;
                    for alias in section {
                        body.items.push(match alias.map_err(malformed)? {
                            ComponentAlias::InstanceExport { kind, instance_index, name } => {
                                Item::OfInstance(instance_index, name, kind.into())
                            }
                            ComponentAlias::CoreInstanceExport { .. } => Item::Other(1),
                            ComponentAlias::Outer { kind, count, index } => match kind {
                                ComponentOuterAliasKind::CoreModule => Item::Outer(count, index, Sort::Module),
                                ComponentOuterAliasKind::Component => Item::Outer(count, index, Sort::Component),
                                ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => Item::Other(1),
                            },
                        });
                    }
                }
                Payload::InstanceSection(section) => {
                    self.parts(section.count().into())?;
                    for instance in section {
                        match instance.map_err(malformed)? {
                            Instance::Instantiate { module_index, args } => {
                                self.parts(args.len() as u64)?;
                                body.items.push(Item::CoreInstance(module_index));
                                body.items.push(Item::Other(args.len() as u64));
                            }
                            Instance::FromExports(exports) => {
                                self.parts(exports.len() as u64)?;
                                body.items.push(Item::Other(1 + exports.len() as u64));
                            }
                        }
                    }
                }
                Payload::ComponentTypeSection(section) => {
                    count(&mut types, section.count().into(), TYPES, "types")?;
                    self.parts(section.count().into())?;
                    body.items.push(Item::Other(section.count().into()));
                }
                Payload::CoreTypeSection(section) => {
                    count(&mut types, section.count().into(), TYPES, "types")?;
                    self.parts(section.count().into())?;
                    body.items.push(Item::Other(section.count().into()));
                }
                Payload::ComponentCanonicalSection(section) => {
                    self.parts(section.count().into())?;
                    body.items.push(Item::Other(section.count().into()));
                }
                Payload::End(_) => break,
                _ => {}
            }
        }
        self.bodies.push(body);
        Ok(self.bodies.len() - 1)
    }

    /// Reads what a core module declares; its code and data are stepped over.
    fn module(&mut self, bytes: &'a [u8], parser: &mut Parser) -> Result<Module, ScanError> {
        let mut module = Module::default();
        loop {
            let at = usize::try_from(parser.offset()).unwrap_or(usize::MAX);
            let rest = bytes.get(at..).unwrap_or_default();
            // The parser knows itself how far it is.
            let Chunk::Parsed { payload, .. } = parser.parse(rest, true).map_err(malformed)? else { break };
            let declared = match payload {
                Payload::MemorySection(section) => {
                    module.memories = module.memories.saturating_add(section.count().into());
                    section.count()
                }
                Payload::TableSection(section) => {
                    module.tables = module.tables.saturating_add(section.count().into());
                    section.count()
                }
                Payload::ImportSection(section) => section.count(),
                Payload::TypeSection(section) => section.count(),
                Payload::FunctionSection(section) => section.count(),
                Payload::TagSection(section) => section.count(),
                Payload::GlobalSection(section) => section.count(),
                Payload::ExportSection(section) => section.count(),
                Payload::DataSection(section) => section.count(),
                Payload::ElementSection(section) => {
                    let segments = section.count();
                    for element in section {
                        let items = match element.map_err(malformed)?.items {
                            ElementItems::Functions(items) => items.count(),
                            ElementItems::Expressions(_, items) => items.count(),
                        };
                        count(&mut self.elements, items.into(), ELEMENTS, "elements of core modules")?;
                        self.entries(&mut module, items.into())?;
                    }
                    segments
                }
                Payload::CodeSectionStart { .. } => {
                    parser.skip_section();
                    0
                }
                Payload::End(_) => break,
                _ => 0,
            };
            self.entries(&mut module, declared.into())?;
        }
        Ok(module)
    }
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
