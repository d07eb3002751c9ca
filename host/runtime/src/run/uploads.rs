//! What a run that is removed had begun to send to stores: it is ended there.

use std::io;
use std::path::Path;

use callboard_io::{Commit, OutputPlace, Stop, UploadRecords};
use callboard_sandbox::cache_dir;

use crate::error::{Class, RunError};
use crate::prepare::input::access;
use crate::prepare::output::output_place;
use crate::store::{Folder, Key, Past, folder};

/// Ends what a run has begun to send to stores, and removes the files that it put in their places without a manifest, so that removing its
/// folder leaves nothing there. `cache` has the key that proves who began the run: nobody else's run says which store is asked with this
/// user's credentials, and which files go. A folder without a run is left alone.
///
/// # Errors
///
/// Something holds the folder; it is not proven to be this user's; a store cannot be asked, or refuses.
pub fn end_uploads(path: &Path, cache: &Path) -> Result<(), RunError> {
    let Ok(run) = folder::open(path) else { return Ok(()) };
    let (Ok(uploads), Ok(outputs)) = (run.dir("uploads"), run.dir("outputs")) else { return Ok(()) };
    let unread = |error: io::Error| RunError::system("read", uploads.path(), &error);
    let sent = !uploads.entries().map_err(unread)?.is_empty();
    let staged = !outputs.entries().map_err(unread)?.is_empty();
    if !sent && !staged {
        return Ok(());
    }
    let locked = Folder::lock(path)?;
    let (begun, plan, recorded) = folder::recorded(locked.dir())?;
    let committing = Past::read(locked.dir(), &plan).is_ok_and(|past| past.committing && !past.finished);
    let parted = plan.outputs().iter().any(|output| output.is_parted());
    if !(sent || committing && parted) {
        return Ok(());
    }
    let left = |message: String, help: Option<String>| {
        let all_the_same = format!("to leave it in the store: rm -r {}", uploads.path().display());
        let help = help.map_or(all_the_same.clone(), |help| format!("{help}\n{all_the_same}"));
        Err(RunError::new(Class::System, message).help(help))
    };
    if !Key::read(&cache_dir(cache)?)?.is_some_and(|key| key.has_sealed(&begun, locked.dir())) {
        let message = "it has begun to send outputs to a store, and nothing proves that you began the run";
        return left(message.to_owned(), None);
    }
    let records = UploadRecords::of(&uploads);
    for output in plan.outputs() {
        let name = &output.name;
        let place = || OutputPlace::find(&output_place(output, &recorded.base), &access(&output.access));
        if output.is_parted() {
            let ended = place().and_then(|place| {
                let (folder, records, stop) = (&outputs, &records, &Stop::default());
                let commit = Commit { folder, name, place: &place, replace: false, records, stop };
                if committing { commit.undo() } else { commit.end_uploads() }
            });
            if let Err(error) = ended {
                let error = RunError::from(error);
                let message = format!("files of output `{name}` cannot be removed: {}", error.message);
                return left(message, error.help.map(|help| help.to_string()));
            }
        }
        let Some(kept) = records.kept(name).map_err(unread)? else { continue };
        if let Err(error) = place().and_then(|place| place.abort(&kept, &Stop::default())) {
            let error = RunError::from(error);
            let message = format!("the upload of output `{name}` cannot be ended: {}", error.message);
            return left(message, error.help.map(|help| help.to_string()));
        }
        records.forget(name).map_err(unread)?;
    }
    Ok(())
}
