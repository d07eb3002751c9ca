//! Attempts at files: `VERB FOLDER PATH …`, where FOLDER is the name of a folder that was given and PATH is not touched here.

use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{Datetime, Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags};

const LONG_AGO: Datetime = Datetime { seconds: 1, nanoseconds: 0 };

pub(crate) fn tried(words: &[&str]) -> String {
    let folders = preopens::get_directories();
    if words == ["folders"] {
        let mut names: Vec<String> = folders.into_iter().map(|(_, name)| name).collect();
        names.sort();
        return names.join(" ");
    }
    let [verb, folder, path, ref more @ ..] = *words else { return "no such attempt".into() };
    let named = |name: &str| folders.iter().find(|(_, folder)| folder == name).map(|(folder, _)| folder);
    let Some(folder) = named(folder) else { return "no such folder".into() };
    let outcome = match (verb, more) {
        ("read", []) => read(folder, path),
        ("read-huge", []) => open(folder, path, OpenFlags::empty(), DescriptorFlags::READ)
            .and_then(|file| Ok(file.read(u64::MAX, 0)?.0.len().to_string())),
        ("list", []) => list(folder, path),
        ("write", [text]) => write(folder, path, text),
        ("truncate", []) => {
            open(folder, path, OpenFlags::TRUNCATE, DescriptorFlags::WRITE).map(|_| "truncated".to_owned())
        }
        ("append", [text]) => open(folder, path, OpenFlags::empty(), DescriptorFlags::READ | DescriptorFlags::WRITE)
            .and_then(|file| file.write(text.as_bytes(), file.stat()?.size))
            .map(|_| "appended".to_owned()),
        ("age", []) => folder
            .set_times_at(PathFlags::SYMLINK_FOLLOW, path, NewTimestamp::NoChange, NewTimestamp::Timestamp(LONG_AGO))
            .map(|()| "aged".to_owned()),
        ("age-open", []) => open(folder, path, OpenFlags::empty(), DescriptorFlags::READ)
            .and_then(|file| file.set_times(NewTimestamp::NoChange, NewTimestamp::Timestamp(LONG_AGO)))
            .map(|()| "aged".to_owned()),
        ("mkdir", []) => folder.create_directory_at(path).map(|()| "made".to_owned()),
        ("delete", []) => folder.unlink_file_at(path).map(|()| "deleted".to_owned()),
        ("link", [to]) => folder.symlink_at(to, path).map(|()| "linked".to_owned()),
        ("hard-link", [to, new]) => match named(to) {
            Some(to) => folder.link_at(PathFlags::empty(), path, to, new).map(|()| "linked".to_owned()),
            None => return "no such folder".into(),
        },
        ("rename", [to, new]) => match named(to) {
            Some(to) => folder.rename_at(path, to, new).map(|()| "renamed".to_owned()),
            None => return "no such folder".into(),
        },
        _ => return "no such attempt".into(),
    };
    outcome.unwrap_or_else(|code| code.name().to_owned())
}

fn open(folder: &Descriptor, path: &str, how: OpenFlags, flags: DescriptorFlags) -> Result<Descriptor, ErrorCode> {
    folder.open_at(PathFlags::SYMLINK_FOLLOW, path, how, flags)
}

fn read(folder: &Descriptor, path: &str) -> Result<String, ErrorCode> {
    let file = open(folder, path, OpenFlags::empty(), DescriptorFlags::READ)?;
    let (bytes, _) = file.read(1000, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn list(folder: &Descriptor, path: &str) -> Result<String, ErrorCode> {
    let entries = open(folder, path, OpenFlags::DIRECTORY, DescriptorFlags::READ)?.read_directory()?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry()? {
        names.push(entry.name);
    }
    names.sort();
    Ok(names.join(" "))
}

fn write(folder: &Descriptor, path: &str, text: &str) -> Result<String, ErrorCode> {
    let file = open(folder, path, OpenFlags::CREATE | OpenFlags::TRUNCATE, DescriptorFlags::WRITE)?;
    file.write(text.as_bytes(), 0)?;
    Ok("written".into())
}
