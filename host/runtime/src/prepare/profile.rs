//! Where the profile of a step is gathered, and where it goes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use callboard_io::FilePlace;
use callboard_plan::Plan;
use callboard_sandbox::{Profile, Profiles};

use crate::error::{Class, RunError};
use crate::settings::{self, AlsoWritten};

/// A profile that is wanted.
pub(crate) struct ProfileTarget {
    pub(crate) taken: Arc<Profiles>,
    path: PathBuf,
    /// Where the user wants it; otherwise it goes into the run's folder.
    place: Option<FilePlace>,
}

impl ProfileTarget {
    /// Finds the step and the folder that the profile goes to: sooner than at the end of a long run.
    pub(crate) fn of(wanted: &settings::Profile, plan: &Plan, run_folder: &Path) -> Result<ProfileTarget, RunError> {
        let settings::Profile { step, path } = wanted;
        if plan.step(step).is_none() {
            let names: Vec<_> = plan.steps().iter().map(|step| format!("`{}`", step.name)).collect();
            let message = format!("there is no step `{step}` to profile");
            return Err(RunError::new(Class::Pipeline, message).help(format!("the steps are {}", names.join(", "))));
        }
        let folder = path.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            folder.read_dir().map_err(|error| RunError::system("open the profile's folder", folder, &error))?;
        }
        let place = path.as_deref().map(FilePlace::find).transpose()?;
        let in_run_folder = || run_folder.join(format!("profile-{step}.json"));
        let path = path.clone().unwrap_or_else(in_run_folder);
        Ok(ProfileTarget { taken: Arc::new(Profiles::new(step)), path, place })
    }

    /// Where the user wants it.
    pub(crate) fn place(&self) -> Option<&FilePlace> {
        self.place.as_ref()
    }

    /// The same, as a file that is written beside the outputs.
    pub(crate) fn also_written(&self) -> Option<AlsoWritten> {
        let what = "the profile".to_owned();
        self.place.clone().map(|place| AlsoWritten { what, place })
    }

    /// Writes what the instances that are gone by now have left. Where there was none, there is nothing to write.
    pub(crate) fn write(&self) -> Result<Option<(Profile, &Path)>, RunError> {
        let Some(profile) = self.taken.take() else { return Ok(None) };
        let json = serde_json::to_vec(&profile.json).map_err(|error| RunError::new(Class::Bug, error.to_string()))?;
        match &self.place {
            Some(place) => place.write(&json)?,
            None => FilePlace::find(&self.path)?.write(&json)?,
        }
        Ok(Some((profile, &self.path)))
    }
}
