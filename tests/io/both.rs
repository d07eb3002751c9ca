//! What a test reads from the disk is read once more from a store, and has the same schema, batches, rejected rows and words.
//!
//! One server in this process has the files of all tests, each as long as it is read. What only a disk has (links, names that are no
//! keys, or that a pattern has, too) is read there alone, and so is an input of many bytes: every test has a limit of memory.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use callboard_io::{Access, BatchPolicy, Chunk, Dataset, InputSpec, IoError};

use crate::bench::show;
use crate::s3::S3;

/// What a process prints when it has read from both.
pub(crate) const MARK: &str = "READ FROM THE DISK AND FROM S3";
/// The most bytes of an input that is read from both.
const MOST: u64 = 8 << 20;

static SERVER: LazyLock<S3> = LazyLock::new(S3::start);
static COPIES: AtomicUsize = AtomicUsize::new(0);

/// [`Dataset::open`], of both; gives that of the disk.
pub(crate) fn open(spec: &InputSpec) -> Result<Dataset, IoError> {
    let here = Dataset::open(spec);
    if let Some(copy) = Copy::of(spec) {
        copy.open(&here);
    }
    here
}

/// All batches, from both; gives those of the disk.
pub(crate) fn rows(spec: &InputSpec, policy: BatchPolicy) -> Result<Vec<Chunk>, IoError> {
    let here = Dataset::open(spec);
    let copy = Copy::of(spec);
    let there = copy.as_ref().and_then(|copy| copy.open(&here));
    let here: Vec<Result<Chunk, IoError>> = here?.read(policy).collect();
    if let (Some(copy), Some(there)) = (&copy, there) {
        let mut there = there.read(policy);
        for here in &here {
            copy.is_same(here, &there.next().expect("S3 has as many batches"));
        }
        assert!(there.next().is_none(), "S3 has no more batches than the disk");
    }
    here.into_iter().collect()
}

/// The files of an input, as objects of a bucket.
struct Copy<'a> {
    /// The input on the disk.
    here: &'a InputSpec,
    /// What stands before the names of all objects.
    prefix: String,
}

impl Copy<'_> {
    /// `None` if a store cannot have it.
    fn of(here: &InputSpec) -> Option<Copy<'_>> {
        let is_key = |path: &String| {
            let parts = || path.split('/');
            parts().all(|part| !["", ".", ".."].contains(&part)) && !path.contains(char::is_control)
        };
        if !here.paths.iter().all(is_key) {
            return None;
        }
        let (mut files, mut bytes) = (Vec::new(), 0);
        all_files(&here.base, "", &mut files, &mut bytes)?;
        let copy = Copy { here, prefix: format!("{}/", COPIES.fetch_add(1, Ordering::Relaxed)) };
        for (name, content) in files {
            SERVER.put(&format!("{}{name}", copy.prefix), content);
        }
        Some(copy)
    }

    /// Opens it in the store, and compares.
    fn open(&self, here: &Result<Dataset, IoError>) -> Option<Dataset> {
        let access = Access { anonymous: true, endpoint: Some(SERVER.endpoint.clone()), region: None };
        let paths = self.here.paths.iter().map(|path| format!("s3://b/{}{path}", self.prefix)).collect();
        let there = Dataset::open(&InputSpec { paths, access, ..self.here.clone() });
        static SAID: AtomicBool = AtomicBool::new(false);
        if !SAID.swap(true, Ordering::Relaxed) {
            #[allow(clippy::print_stdout, reason = "the test of all others' memory counts it")]
            {
                println!("\n{MARK}");
            }
        }
        match (here, there) {
            (Ok(here), Ok(there)) => {
                assert_eq!((here.schema(), here.format()), (there.schema(), there.format()));
                let names = |dataset: &Dataset| -> Vec<String> {
                    dataset.files().iter().map(|file| self.plain(&file.display().to_string())).collect()
                };
                assert_eq!((names(here), here.bytes()), (names(&there), there.bytes()));
                Some(there)
            }
            (Err(here), Err(there)) => {
                // Each place says in its own words what it does not have.
                let of_place = ["cannot open", "matches no", "no such file", "this is a folder", "is not a pattern"];
                if !of_place.iter().any(|words| here.to_string().contains(words)) {
                    assert_eq!(self.words(here), self.words(&there));
                }
                None
            }
            (here, there) => panic!("the disk: {here:?}\nS3: {there:?}"),
        }
    }

    fn is_same(&self, here: &Result<Chunk, IoError>, there: &Result<Chunk, IoError>) {
        match (here, there) {
            (Ok(here), Ok(there)) => {
                assert_eq!((here.file, &here.origin, &here.bad), (there.file, &there.origin, &there.bad));
                self.has_same_rows(&here.rows, &there.rows);
            }
            (Err(here), Err(there)) => assert_eq!(self.words(here), self.words(there)),
            (here, there) => panic!("the disk: {here:?}\nS3: {there:?}"),
        }
    }

    fn has_same_rows(&self, here: &RecordBatch, there: &RecordBatch) {
        assert_eq!(here.schema(), there.schema());
        for (here, there) in here.columns().iter().zip(there.columns()) {
            if here != there {
                // A column of files' names.
                let there: Vec<String> = show(there).iter().map(|value| self.plain(value)).collect();
                assert_eq!(show(here), there);
            }
        }
    }

    fn words(&self, error: &IoError) -> (callboard_io::ErrorKind, String, String) {
        (error.kind(), self.plain(&error.to_string()), self.plain(error.help().unwrap_or_default()))
    }

    /// A text without the place that it names.
    fn plain(&self, text: &str) -> String {
        let folder = format!("{}/", self.here.base.display());
        text.replace(&folder, "").replace(&format!("s3://b/{}", self.prefix), "")
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        SERVER.state().objects.retain(|key, _| !key[2..].starts_with(&self.prefix));
    }
}

/// What a key has not, or what a path on a disk stands for itself with.
fn is_of_disk(letter: char) -> bool {
    letter.is_control() || letter == '['
}

/// The files below a folder, by name; `None` if a store cannot have one of them, or they are too many bytes.
fn all_files(folder: &Path, below: &str, files: &mut Vec<(String, Vec<u8>)>, bytes: &mut u64) -> Option<()> {
    for entry in fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        let name = format!("{below}{}", entry.file_name().to_str().filter(|name| !name.contains(is_of_disk))?);
        let kind = entry.file_type().ok()?;
        if kind.is_dir() {
            all_files(&entry.path(), &format!("{name}/"), files, bytes)?;
        } else {
            *bytes += entry.metadata().ok().filter(|_| kind.is_file())?.len();
            if *bytes > MOST {
                return None;
            }
            files.push((name, fs::read(entry.path()).ok()?));
        }
    }
    Some(())
}
