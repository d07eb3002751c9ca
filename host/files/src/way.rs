//! Where paths lead, by which two names of one file are the same.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Links that one path may lead through, as for the system.
const LINKS: usize = 40;

/// Where a path leads, by which two names of one file are the same, also when the file is not there yet.
pub fn resolved(path: &Path) -> PathBuf {
    way(path).pop().unwrap_or_else(|| path.to_owned())
}

/// The links that a path leads through, each without links in its own path, and where it ends.
pub fn way(path: &Path) -> Vec<PathBuf> {
    let named = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let Ok(absolute) = std::path::absolute(named) else { return vec![path.to_owned()] };
    let parts = |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<VecDeque<OsString>>();
    let (mut todo, mut at, mut way) = (parts(&absolute), PathBuf::from("/"), Vec::new());
    while let Some(part) = todo.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::ParentDir) => drop(at.pop()),
            Some(Component::Normal(_)) => {
                let next = at.join(&part);
                match std::fs::read_link(&next) {
                    Ok(to) if way.len() < LINKS => {
                        way.push(next);
                        let mut before = parts(&to);
                        before.append(&mut todo);
                        todo = before;
                    }
                    _ => at = next,
                }
            }
            // The root, to which an absolute link leads back.
            Some(Component::RootDir) => at = PathBuf::from("/"),
            _ => {}
        }
    }
    way.push(at);
    way
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_leads_through_its_links_to_where_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        std::fs::create_dir_all(at("real/deep")).unwrap();
        symlink("real", at("one")).unwrap();
        symlink(at("one/deep"), at("two")).unwrap();
        symlink("nowhere/x", at("lost")).unwrap();
        symlink("loop", at("loop")).unwrap();
        assert_eq!(way(&at("real/deep/new")), [at("real/deep/new")]);
        assert_eq!(way(&at("two/../file")), [at("two"), at("one"), at("real/file")]);
        assert_eq!(resolved(&at("lost/y")), at("nowhere/x/y"));
        assert_eq!(resolved(&at("real/./deep//")), at("real/deep"));
        assert_eq!(way(&at("loop")).len(), LINKS + 1, "it ends");
        assert_eq!(resolved(Path::new("")), std::env::current_dir().unwrap().canonicalize().unwrap());
    }
}
