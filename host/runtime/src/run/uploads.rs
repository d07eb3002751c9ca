//! What a run that is removed had begun to send to stores: it is ended there.

use std::io;
use std::path::Path;

use callboard_io::{OutputPlace, Stop};
use callboard_sandbox::cache_dir;

use crate::error::{Class, RunError};
use crate::prepare::check::output_path;
use crate::prepare::input::access;
use crate::stage::live::read_kept;
use crate::store::{Folder, Key, folder};

/// Ends what a run has begun to send to stores, so that removing its folder leaves nothing there. `cache` has the key that proves who
/// began the run: nobody else's run says which store is asked with this user's credentials. A folder without a run is left alone.
///
/// # Errors
///
/// Something holds the folder; it is not proven to be this user's; a store cannot be asked, or refuses.
pub fn end_uploads(path: &Path, cache: &Path) -> Result<(), RunError> {
    let Ok(Ok(uploads)) = folder::open(path).map(|dir| dir.dir("uploads")) else { return Ok(()) };
    let unread = |error: io::Error| RunError::system("read", uploads.path(), &error);
    let names = uploads.entries().map_err(unread)?;
    if names.is_empty() {
        return Ok(());
    }
    let locked = Folder::lock(path)?;
    let (begun, plan, recorded) = folder::recorded(locked.dir())?;
    let left = |message: String, help: Option<String>| {
        let all_the_same = format!("to leave it in the store: rm -r {}", uploads.path().display());
        let help = help.map_or(all_the_same.clone(), |help| format!("{help}\n{all_the_same}"));
        Err(RunError::new(Class::System, message).help(help))
    };
    if !Key::read(&cache_dir(cache)?)?.is_some_and(|key| key.has_sealed(&begun, locked.dir())) {
        let message = "it has begun to send outputs to a store, and nothing proves that you began the run";
        return left(message.to_owned(), None);
    }
    for output in plan.outputs() {
        let Some(kept) = read_kept(&uploads, &output.name).map_err(unread)? else { continue };
        let place = OutputPlace::find(&output_path(output, &recorded.base), &access(&output.access));
        if let Err(error) = place.and_then(|place| place.abort(&kept, &Stop::default())) {
            let error = RunError::from(error);
            let message = format!("the upload of output `{}` cannot be ended: {}", output.name, error.message);
            return left(message, error.help.map(|help| help.to_string()));
        }
        uploads.remove_file(&output.name).map_err(unread)?;
    }
    Ok(())
}
