//! Profiles of a step: which functions of the guest were running at each tick of the engine, for Firefox's profiler.
//!
//! Every instance is sampled by itself, where it is asked at a tick whether its time is over; when it is dropped, however it
//! ended, what was gathered becomes JSON. At the end of the run these are put together: a thread for each instance.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use wasmtime::component::Component;
use wasmtime::{AsContext, GuestProfiler, StoreContextMut};

use super::state::State;
use crate::engine::SAMPLED;

/// The profiles of a step's instances, in the order in which these were dropped.
#[derive(Debug)]
pub struct Profiles {
    step: String,
    taken: Mutex<Vec<Value>>,
}

/// The profiles of all instances of a step, as one.
#[derive(Debug)]
pub struct Profile {
    /// What Firefox's profiler opens.
    pub json: Value,
    /// Instances, each of which is a thread.
    pub instances: usize,
    /// How often it was noted what an instance was doing.
    pub samples: usize,
    /// Time from one sample of an instance to the next.
    pub interval: Duration,
}

impl Profiles {
    /// None yet, of a step.
    pub fn new(step: &str) -> Profiles {
        Profiles { step: step.to_owned(), taken: Mutex::default() }
    }

    /// The step that is profiled.
    pub fn step(&self) -> &str {
        &self.step
    }

    /// What the instances that are gone by now have left; `None` if there was none.
    pub fn take(&self) -> Option<Profile> {
        let taken = std::mem::take(&mut *self.taken.lock().expect("no holder panics"));
        let instances = taken.len();
        let (json, samples) = together(taken)?;
        Some(Profile { json, instances, samples, interval: SAMPLED })
    }
}

/// One profile of all, and how many samples it has: each thread as it was, but for times, which count from the beginning of its
/// profile, and numbers of libraries (modules of the component), of which each profile lists those that it met.
fn together(taken: Vec<Value>) -> Option<(Value, usize)> {
    let began = |profile: &Value| profile["meta"]["startTime"].as_f64().unwrap_or_default();
    let first = taken.iter().map(began).reduce(f64::min)?;
    let (mut threads, mut libraries, mut samples) = (Vec::new(), Vec::new(), 0);
    for profile in &taken {
        let late = began(profile) - first;
        let later = |time: &mut Value| {
            if let Some(at) = time.as_f64() {
                *time = Value::from(at + late);
            }
        };
        for thread in profile["threads"].as_array().into_iter().flatten() {
            let mut thread = thread.clone();
            let number = threads.len() + 1;
            thread["name"] = Value::from(format!("instance {number}"));
            thread["tid"] = Value::from(number.to_string());
            thread["isMainThread"] = Value::from(number == 1);
            for time in ["registerTime", "unregisterTime", "processStartupTime", "processShutdownTime"] {
                later(&mut thread[time]);
            }
            // Differences, of which the first is that from the beginning.
            if let Some(time) = thread["samples"]["timeDeltas"].get_mut(0) {
                later(time);
            }
            for name in thread["stringArray"].as_array_mut().into_iter().flatten() {
                if let Some(name_alone) = name.as_str().and_then(without_hash) {
                    *name = Value::from(name_alone);
                }
            }
            for (table, column) in [("resourceTable", "lib"), ("nativeSymbols", "libIndex")] {
                for number in thread[table][column].as_array_mut().into_iter().flatten() {
                    *number =
                        number.as_u64().map_or(Value::Null, |number| Value::from(number + libraries.len() as u64));
                }
            }
            samples += thread["samples"]["timeDeltas"].as_array().map_or(0, Vec::len);
            threads.push(thread);
        }
        libraries.extend(profile["libs"].as_array().into_iter().flatten().cloned());
    }
    let mut whole = taken.into_iter().next()?;
    whole["meta"]["startTime"] = Value::from(first);
    whole["libs"] = Value::from(libraries);
    whole["threads"] = Value::from(threads);
    Some((whole, samples))
}

/// The name of a function in Rust without the hash behind it: of `a::b::h0123456789abcdef`, `a::b`.
fn without_hash(name: &str) -> Option<&str> {
    let (name, hash) = name.rsplit_once("::h")?;
    (hash.len() == 16 && hash.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(name)
}

/// The profile of one instance while it lives.
pub(super) struct Sampling {
    profiler: Option<GuestProfiler>,
    profiles: Arc<Profiles>,
}

impl Sampling {
    pub(super) fn begin(component: &Component, profiles: &Arc<Profiles>) -> wasmtime::Result<Sampling> {
        let profiler =
            GuestProfiler::new_component(component.engine(), &profiles.step, SAMPLED, component.clone(), [])?;
        Ok(Sampling { profiler: Some(profiler), profiles: profiles.clone() })
    }
}

/// Notes what is running now.
pub(super) fn sample(mut store: StoreContextMut<'_, State>) {
    // Out of the store, which is looked at meanwhile.
    let Some(mut profiler) = store.data_mut().sampling.as_mut().and_then(|sampling| sampling.profiler.take()) else {
        return;
    };
    profiler.sample(store.as_context(), SAMPLED);
    if let Some(sampling) = &mut store.data_mut().sampling {
        sampling.profiler = Some(profiler);
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        let Some(profiler) = self.profiler.take() else { return };
        let mut json = Vec::new();
        let profile = profiler.finish(&mut json).ok().and_then(|()| serde_json::from_slice(&json).ok());
        // What wasmtime writes into memory is JSON.
        self.profiles.taken.lock().unwrap_or_else(PoisonError::into_inner).extend(profile);
    }
}
