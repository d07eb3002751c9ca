//! Files that were found before: they are not looked for again, and none is opened but those that are read.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::Schema;

use crate::added::Additions;
use crate::places::{self, KnownFile};
use crate::{Dataset, Format, InputSpec, IoError, Mark};

impl Dataset {
    /// A part of the dataset that these files were found to be, with the schema of its rows. The sizes of files on the disk that are in the part
    /// are compared; a store is asked for nothing, and gives no other version when they are read. `None` if files lie where each has to be found
    /// again: on a web server or the hub.
    ///
    /// # Errors
    /// A file in the part that is not there or has another size; a schema that is none of such files; an address of no place.
    pub fn known(
        spec: &InputSpec,
        format: Format,
        files: &[KnownFile],
        schema: &Schema,
        part: Range<Mark>,
    ) -> Result<Option<Dataset>, IoError> {
        let Some(sources) = places::known(files, &spec.access)? else { return Ok(None) };
        let others = || IoError::spec("its columns are not those of such files");
        let columns = schema.fields().len().checked_sub(Additions::of(spec, &sources)?.count()).ok_or_else(others)?;
        let read = schema.project(&(0..columns).collect::<Vec<_>>()).map_err(IoError::from_arrow)?;
        let bytes = files.iter().map(|file| file.bytes).fold(0, u64::saturating_add);
        let mut dataset = Dataset::of(spec, format, sources, bytes, read)?.between(part);
        if *dataset.schema() != *schema {
            return Err(others());
        }
        for at in dataset.in_part() {
            spec.stop.check()?;
            let sources = Arc::get_mut(&mut dataset.files).expect("nobody else has them yet");
            let now = sources[at].find_size()?;
            if now != files[at].bytes {
                return Err(changed(&files[at].path, files[at].bytes, now));
            }
        }
        Ok(Some(dataset))
    }
}

fn changed(file: &Path, before: u64, now: u64) -> IoError {
    let message = format!("it has changed since the run began: it had {before} bytes, and has {now}");
    IoError::data(message)
        .in_file(file)
        .with_help("run the pipeline again: work on rows that did not change is not done twice")
}
