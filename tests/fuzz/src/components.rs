//! Components made of bytes: modules, and components that nest, instantiate, export, import, bundle and alias one another.
//!
//! What is made is counted in the abstract by the scan. If it lets a component pass that is valid, the engine finds in it what
//! the scan promises: no more memories and tables than there may be, once all of its instances are there.

use callboard_plan::{ScanError, scan};
use wasm_encoder::{
    Alias, ComponentBuilder, ComponentExportKind as Export, ComponentOuterAliasKind as Outer, ComponentType,
    ComponentTypeRef, InstanceType, ModuleType,
};
use wasmtime::component::Component;
use wasmtime::{Config, Engine, OptLevel};

use super::made::Bytes;
use super::scanner;

/// What the scan allows all instances of a component together.
const MOST_MEMORIES: u32 = 16;
const MOST_TABLES: u32 = 100;
/// Items of one component.
const ITEMS: usize = 14;
/// Components within one another, more than the scan allows.
const DEPTH: usize = 60;
/// All that is made for one input, so that it stays small whatever multiplies.
const PARTS: usize = 3_000;

const NAMES: [&str; 6] = ["a", "b", "c", "m", "i", "callboard:step/transform@0.2.0"];

/// Makes a component of the bytes out of small modules, and tries it.
pub fn fuzz(bytes: &[u8]) {
    let memories = |count: u8| {
        [b"\0asm\x01\0\0\0\x05".to_vec(), vec![1 + 2 * count, count], b"\0\0".repeat(count.into())].concat()
    };
    let tables = |count: u8| {
        [b"\0asm\x01\0\0\0\x04".to_vec(), vec![1 + 3 * count, count], b"\x70\0\0".repeat(count.into())].concat()
    };
    let modules = [b"\0asm\x01\0\0\0".to_vec(), memories(1), memories(3), tables(1), tables(40)];
    tried(&made(&mut Bytes(bytes), &modules));
}

/// Scans a component, and compiles it if the scan has nothing against its parts.
///
/// # Panics
/// Where the scan lets something pass that has more parts than are allowed.
pub fn tried(component: &[u8]) {
    scanner::fuzz(component);
    if !matches!(scan(component), Ok(_) | Err(ScanError::NotAStep { .. })) {
        return;
    }
    thread_local! {
        static ENGINE: Engine = {
            let mut config = Config::new();
            config.cranelift_opt_level(OptLevel::None).parallel_compilation(false).wasm_wide_arithmetic(true);
            Engine::new(&config).expect("these settings are sound")
        };
    }
    // What is not valid is refused there.
    let Ok(component) = ENGINE.with(|engine| Component::new(engine, component)) else { return };
    if let Some(needed) = component.resources_required() {
        assert!(needed.num_memories <= MOST_MEMORIES, "{} memories passed", needed.num_memories);
        assert!(needed.num_tables <= MOST_TABLES, "{} tables passed", needed.num_tables);
    }
}

/// Makes a component of the bytes that has these modules in it, some of them, any number of times.
pub fn made(bytes: &mut Bytes<'_>, modules: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = PARTS;
    component(bytes, modules, &mut Vec::new(), &mut parts).0
}

/// What a component wants to be given, and what it exports.
#[derive(Clone, Default)]
struct Shape {
    imports: Vec<(&'static str, Export)>,
    exports: Vec<(&'static str, Export)>,
}

/// The index spaces of a component that is being made.
#[derive(Default)]
struct Open {
    modules: usize,
    components: Vec<Shape>,
    instances: Vec<Vec<(&'static str, Export)>>,
    shape: Shape,
}

impl Open {
    fn count(&self, kind: Export) -> usize {
        match kind {
            Export::Module => self.modules,
            Export::Component => self.components.len(),
            _ => self.instances.len(),
        }
    }

    /// One more, of which nothing more is known.
    fn add(&mut self, kind: Export) {
        match kind {
            Export::Module => self.modules += 1,
            Export::Component => self.components.push(Shape::default()),
            _ => self.instances.push(Vec::new()),
        }
    }
}

/// The index of something that is there, as a rule.
fn index(bytes: &mut Bytes<'_>, count: usize) -> Option<u32> {
    match bytes.below(64) {
        63 => Some([0, 7, 1_000, u32::MAX][bytes.below(4)]),
        // The last ones are what was just made.
        _ if count > 0 => Some((count - 1 - bytes.below(count)) as u32),
        _ => None,
    }
}

fn kind(bytes: &mut Bytes<'_>) -> Export {
    [Export::Module, Export::Component, Export::Instance][bytes.below(3)]
}

fn component(bytes: &mut Bytes<'_>, modules: &[Vec<u8>], outer: &mut Vec<Open>, parts: &mut usize) -> (Vec<u8>, Shape) {
    let mut made = ComponentBuilder::default();
    let mut open = Open::default();
    for _ in 0..1 + bytes.below(ITEMS) {
        let times = if bytes.below(8) == 0 { 1 + bytes.below(256) } else { 1 };
        let times = times.min(*parts);
        *parts -= times;
        match bytes.below(11) {
            0 | 1 => {
                made.core_module_raw(None, &modules[bytes.below(modules.len())]);
                open.modules += 1;
            }
            2 | 3 => {
                let Some(module) = index(bytes, open.modules) else { continue };
                for _ in 0..times {
                    made.core_instantiate(None, module, []);
                }
            }
            4 if outer.len() < DEPTH => {
                outer.push(open);
                let (inner, shape) = component(bytes, modules, outer, parts);
                open = outer.pop().expect("it was just pushed");
                made.component_raw(None, &inner);
                open.components.push(shape);
            }
            5 | 6 => {
                let Some(of) = index(bytes, open.components.len()) else { continue };
                let shape = open.components.get(of as usize).cloned().unwrap_or_default();
                let args: Option<Vec<_>> = (shape.imports.iter())
                    .map(|(name, kind)| index(bytes, open.count(*kind)).map(|at| (*name, *kind, at)))
                    .collect();
                let Some(args) = args else { continue };
                for _ in 0..times {
                    made.instantiate(None, of, args.clone());
                    open.instances.push(shape.exports.clone());
                }
            }
            7 => {
                let mut items: Vec<(&str, Export, u32)> = Vec::new();
                for name in &NAMES[..bytes.below(4)] {
                    let kind = kind(bytes);
                    items.extend(index(bytes, open.count(kind)).map(|at| (*name, kind, at)));
                }
                let exports: Vec<_> = items.iter().zip(NAMES).map(|((_, kind, _), name)| (name, *kind)).collect();
                if items.iter().zip(&exports).all(|(item, export)| item.0 == export.0) {
                    made.instantiate_exports(None, items);
                    open.instances.push(exports);
                }
            }
            8 => {
                let Some(of) = index(bytes, open.instances.len()) else { continue };
                let exports = open.instances.get(of as usize).cloned().unwrap_or_default();
                let export = exports.get(bytes.below(exports.len())).copied();
                let (name, kind) = export.unwrap_or((NAMES[bytes.below(NAMES.len())], Export::Component));
                for _ in 0..times {
                    made.alias(None, Alias::InstanceExport { instance: of, kind, name });
                    open.add(kind);
                }
            }
            9 => {
                let levels = bytes.below(outer.len() + 1);
                let count = [levels as u32, u32::MAX, 1_000][if bytes.below(32) == 0 { 1 + bytes.below(2) } else { 0 }];
                let at = outer.len() - levels;
                let from = outer.get(at).unwrap_or(&open);
                let kind = if bytes.below(2) == 0 { Export::Module } else { Export::Component };
                let Some(index) = index(bytes, from.count(kind)) else { continue };
                let shape = from.components.get(index as usize).cloned().unwrap_or_default();
                let outer_kind = if kind == Export::Module { Outer::CoreModule } else { Outer::Component };
                made.alias(None, Alias::Outer { kind: outer_kind, count, index });
                open.add(kind);
                if let (Export::Component, Some(last)) = (kind, open.components.last_mut()) {
                    *last = shape;
                }
            }
            _ => port(bytes, &mut made, &mut open),
        }
    }
    (made.finish(), open.shape)
}

/// An import or an export, of each name at most one.
fn port(bytes: &mut Bytes<'_>, made: &mut ComponentBuilder, open: &mut Open) {
    let (name, kind) = (NAMES[bytes.below(NAMES.len())], kind(bytes));
    if bytes.below(2) == 0 {
        if open.shape.imports.iter().any(|(taken, _)| *taken == name) {
            return;
        }
        // Everything fits types that ask for nothing.
        let ty = match kind {
            Export::Module => {
                let (ty, encoder) = made.core_type(None);
                encoder.module(&ModuleType::new());
                ComponentTypeRef::Module(ty)
            }
            Export::Component => ComponentTypeRef::Component(made.type_component(None, &ComponentType::new())),
            _ => ComponentTypeRef::Instance(made.type_instance(None, &InstanceType::new())),
        };
        made.import(name, ty);
        open.shape.imports.push((name, kind));
        open.add(kind);
    } else if let Some(at) = index(bytes, open.count(kind)) {
        if open.shape.exports.iter().any(|(taken, _)| *taken == name) {
            return;
        }
        made.export(name, kind, at, None);
        open.shape.exports.push((name, kind));
        match kind {
            Export::Component => open.components.push(open.components.get(at as usize).cloned().unwrap_or_default()),
            Export::Instance => open.instances.push(open.instances.get(at as usize).cloned().unwrap_or_default()),
            _ => open.modules += 1,
        }
    }
}
