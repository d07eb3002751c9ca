//! An input that is the manifest of an output: the files that it names, and nothing else that lies there.

use std::io::Read;
use std::path::Path;

use super::manifest::{LONGEST, Manifest, is_manifest};
use crate::error::IoError;
use crate::places::{self, Found, Source};
use crate::spec::InputSpec;

/// How a manifest begins, within as many bytes as this.
const BEGINS: (&[u8], u64) = (b"\"callboard_manifest\"", 256);
/// How many objects are asked for at once.
const AT_ONCE: usize = 64;

/// Files, each manifest among them replaced by what it names.
///
/// # Errors
/// A file that is not there, or has not the size that the manifest says.
pub(crate) fn listed(files: Vec<Source>, spec: &InputSpec) -> Result<Vec<Source>, IoError> {
    let named_so = |file: &Source| file.path().file_name().and_then(|name| name.to_str()).is_some_and(is_manifest);
    if !files.iter().any(named_so) {
        return Ok(files);
    }
    let mut all = Vec::new();
    for file in files {
        match named_so(&file) {
            true => match read(&file, spec).map_err(|error| error.in_file(&file))? {
                Some(manifest) => all.extend(named(&file, &manifest, spec)?),
                // Somebody's own file, which happens to be called so.
                None => all.push(file),
            },
            false => all.push(file),
        }
    }
    Ok(all)
}

fn read(file: &Source, spec: &InputSpec) -> Result<Option<Manifest>, IoError> {
    let cannot = |error: std::io::Error| match crate::stop::was_stopped(&error) {
        true => IoError::interrupted(),
        false => IoError::system("cannot read", &error),
    };
    let (mut opened, mut text) = (file.open(&spec.stop).map_err(cannot)?, Vec::new());
    opened.by_ref().take(BEGINS.1).read_to_end(&mut text).map_err(cannot)?;
    if !text.windows(BEGINS.0.len()).any(|bytes| bytes == BEGINS.0) {
        return Ok(None);
    }
    opened.take(LONGEST).read_to_end(&mut text).map_err(cannot)?;
    Manifest::read(&text).map(Some)
}

fn named(manifest: &Source, listed: &Manifest, spec: &InputSpec) -> Result<Vec<Source>, IoError> {
    let wrong = |path: &Path, message: String| {
        let help = "the output was altered since it was written: run the pipeline that writes it again";
        Err(IoError::data(message).in_file(path).with_help(help))
    };
    if listed.files.is_empty() {
        return Err(IoError::spec("this manifest names no files").in_file(manifest));
    }
    let folder = manifest.path().parent().unwrap_or(Path::new(""));
    let mut files = Vec::with_capacity(listed.files.len());
    match manifest.path().to_str().and_then(places::address) {
        None => files.extend(listed.files.iter().map(|part| Source::disk(folder.join(&part.path)))),
        Some(address) => {
            let address = address?;
            let first = crate::files::first(&address.key, spec.format);
            let folder = address.key.rfind('/').map_or("", |at| &address.key[..=at]);
            for parts in listed.files.chunks(AT_ONCE) {
                let begun = parts.iter().map(|part| {
                    let place = address.with_key(&format!("{folder}{}", part.path));
                    Ok((place.to_string(), Found::begin(place, &spec.access, first)?))
                });
                for begun in begun.collect::<Result<Vec<_>, IoError>>()? {
                    files.extend(begun.1.wait(&begun.0, &spec.stop)?);
                }
            }
        }
    }
    for (file, part) in files.iter().zip(&listed.files) {
        spec.stop.check()?;
        let there = match file.is_on_disk() {
            true => file.path().metadata().ok().filter(std::fs::Metadata::is_file).map(|file| file.len()),
            false => Some(file.size()?),
        };
        match there {
            Some(bytes) if bytes == part.bytes => {}
            None => {
                return wrong(file.path(), format!("`{}` names it, and it is not there", manifest.path().display()));
            }
            Some(bytes) => {
                let message = format!("it has {bytes} bytes, and `{}` says {}", manifest.path().display(), part.bytes);
                return wrong(file.path(), message);
            }
        }
    }
    Ok(files)
}
