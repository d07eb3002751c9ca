//! Files that are opened one after another, whose first parts are fetched before.

use super::Source;
use super::object::First;

/// Files that will be opened one after another: small ones, and the beginnings of others, are fetched some time before they are.
pub(crate) fn in_order(files: &[Source]) -> impl Iterator<Item = &Source> {
    in_order_for(First::Start, files)
}

/// As [`in_order`], of files of which this part is read first.
pub(crate) fn in_order_for(first: First, files: &[Source]) -> impl Iterator<Item = &Source> {
    let mut ahead = Ahead::default();
    files.iter().enumerate().inspect(move |(at, _)| ahead.fetch(first, files, *at)).map(|(_, file)| file)
}

/// How many bytes, and files, are fetched before they are opened.
const BYTES_AHEAD: u64 = 16 << 20;
const FILES_AHEAD: usize = 2048;

/// Fetches the first parts of files before they are opened.
#[derive(Default)]
pub(crate) struct Ahead {
    /// The file that is opened next, and the first that was not looked at.
    at: usize,
    next: usize,
    /// What is fetched of those between.
    bytes: u64,
}

impl Ahead {
    /// Begins with the file at this place.
    pub(crate) fn from(at: usize) -> Ahead {
        Ahead { at, next: at, bytes: 0 }
    }

    /// Begins to fetch the first parts of the file at `at`, which is opened now, and of those behind it.
    pub(crate) fn fetch(&mut self, first: First, files: &[Source], at: usize) {
        let size = |file: &Source| file.object.as_ref().map_or(0, |object| object.ahead(first));
        let passed = files.get(self.at..at.min(self.next)).unwrap_or_default();
        self.bytes -= passed.iter().map(size).sum::<u64>();
        (self.at, self.next) = (self.at.max(at), self.next.max(at));
        while self.next < files.len() && self.next - self.at < FILES_AHEAD && self.bytes < BYTES_AHEAD {
            let Some(object) = &files[self.next].object else { return };
            self.bytes += object.fetch_ahead(first);
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::{Access, KnownFile, known};

    /// Objects of this size; nothing listens where they are.
    fn objects(bytes: u64) -> Vec<Source> {
        let endpoint = Some("http://127.0.0.1:9".to_owned());
        let access = Access { anonymous: true, endpoint, region: None };
        let file = |at| KnownFile { path: format!("s3://b/{at:05}").into(), bytes, version: None };
        known(&(0..10_000).map(file).collect::<Vec<_>>(), &access).unwrap().unwrap()
    }

    #[test]
    fn the_smaller_files_are_the_more_are_fetched_ahead() {
        for (bytes, files) in [(10_000, 1678), (100_000, 168), (1 << 20, 16), (100, FILES_AHEAD)] {
            let (objects, mut ahead) = (objects(bytes), Ahead::from(3));
            for at in [3, 4, 4, 10, 5, 9_990] {
                ahead.fetch(First::Start, &objects, at);
                assert_eq!(ahead.next, (ahead.at + files).min(objects.len()), "{bytes} bytes, at {at}");
                assert_eq!(ahead.bytes, (ahead.next - ahead.at) as u64 * bytes, "{bytes} bytes, at {at}");
            }
        }
    }
}
