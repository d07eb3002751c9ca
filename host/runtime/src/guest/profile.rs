//! Profiles of a step: which functions of the guest were running at each tick of the engine, for Firefox's profiler.
//!
//! Every instance is sampled by itself, where it is asked at a tick whether its time is over; when it is dropped, however it
//! ended, what was gathered becomes JSON. At the end of the run these are put together: a thread for each instance.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use callboard_io::FilePlace;
use serde_json::Value;
use wasmtime::component::Component;
use wasmtime::{AsContext, GuestProfiler, StoreContextMut};

use super::State;
use crate::engine::SAMPLED;
use crate::error::{Class, RunError};
use crate::report::ProfileReport;
use crate::settings::AlsoWritten;

/// The profiles of a step's instances, in the order in which these were dropped.
#[derive(Debug)]
pub(crate) struct Profiles {
    step: String,
    path: PathBuf,
    /// Where the user wants it; otherwise it goes into the run's folder.
    place: Option<FilePlace>,
    taken: Mutex<Vec<Value>>,
}

impl Profiles {
    pub(crate) fn new(step: &str, path: PathBuf, place: Option<FilePlace>) -> Profiles {
        Profiles { step: step.to_owned(), path, place, taken: Mutex::default() }
    }

    /// Where the user wants the profile.
    pub(crate) fn place(&self) -> Option<&FilePlace> {
        self.place.as_ref()
    }

    /// The same, as a file that is written beside the outputs.
    pub(crate) fn also_written(&self) -> Option<AlsoWritten> {
        let what = "the profile (`--profile-out`)".to_owned();
        self.place.clone().map(|place| AlsoWritten { what, place })
    }

    /// The step that is profiled.
    pub(crate) fn step(&self) -> &str {
        &self.step
    }

    /// Writes what the instances that are gone by now have left, as one profile. Where there was none, there is nothing to write.
    pub(crate) fn write(&self) -> Result<Option<ProfileReport>, RunError> {
        let taken = std::mem::take(&mut *self.taken.lock().expect("no holder panics"));
        let instances = taken.len();
        let Some((profile, samples)) = together(taken) else { return Ok(None) };
        let json = serde_json::to_vec(&profile).map_err(|error| RunError::new(Class::Bug, error.to_string()))?;
        match &self.place {
            Some(place) => place.write(&json)?,
            None => FilePlace::find(&self.path)?.write(&json)?,
        }
        Ok(Some(ProfileReport {
            step: self.step.clone(),
            path: self.path.display().to_string(),
            instances,
            samples,
            interval_ms: SAMPLED.as_secs_f64() * 1e3,
        }))
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
pub(crate) struct Sampling {
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
        self.profiles.taken.lock().expect("no holder panics").extend(profile);
    }
}
