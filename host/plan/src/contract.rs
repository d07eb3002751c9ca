//! The versions of the contract that this host speaks. Nothing else of the host says them but the bindings, which do not compile
//! against others.

/// As components and people write it.
pub const CONTRACT: &str = "0.2.0";

/// Major and minor of it: a later revision of these two changes nothing that is there.
pub(crate) const LINE: (u64, u64) = {
    let bytes = CONTRACT.as_bytes();
    assert!(bytes.len() == 5 && bytes[1] == b'.' && bytes[3] == b'.', "three digits");
    ((bytes[0] - b'0') as u64, (bytes[2] - b'0') as u64)
};

/// Those before it whose components run as well.
pub(crate) const EARLIER: [(u64, u64); 1] = [(0, 1)];

/// The first in which a global step may be called several times, each time with some of its rows.
pub(crate) const GROUPS_ROWS: (u64, u64) = (0, 2);

/// `callboard:step@0.2`: under this name, work that was done by this contract is known.
pub fn contract_line() -> String {
    format!("callboard:step@{}.{}", LINE.0, LINE.1)
}

/// Major, minor and patch of a version; `None` if it is not written like one.
pub(crate) fn numbers(version: &str) -> Option<(u64, u64)> {
    let number = |part: &str| part.parse::<u64>().ok().filter(|number| number.to_string() == part);
    let numbers: Vec<u64> = version.split('.').map(number).collect::<Option<_>>()?;
    match numbers[..] {
        [major, minor, _] => Some((major, minor)),
        _ => None,
    }
}

/// Whether an interface of this version is one that the host has.
pub(crate) fn is_spoken(version: &str) -> bool {
    numbers(version).is_some_and(|line| line == LINE || EARLIER.contains(&line))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{CONTRACT, contract_line, is_spoken};

    /// A wrong outcome would be a host that links what it does not speak, or takes over work across contracts.
    #[test]
    fn the_contract_of_the_host_is_the_one_that_is_written() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let files = fs::read_dir(root.join("wit")).unwrap().map(|file| file.unwrap().path());
        let packages: Vec<String> = files
            .filter(|file| file.extension().is_some_and(|extension| extension == "wit"))
            .map(|file| fs::read_to_string(file).unwrap())
            .map(|text| text.lines().find(|line| line.starts_with("package ")).unwrap().to_owned())
            .collect();
        assert!(packages.len() >= 2);
        assert!(
            packages.iter().all(|package| *package == format!("package callboard:step@{CONTRACT};")),
            "{packages:?}"
        );
        let versions = fs::read_to_string(root.join("wit/versions.toml")).unwrap();
        let newest = versions.lines().rfind(|line| line.starts_with('"')).unwrap();
        assert!(newest.starts_with(&format!("\"{CONTRACT}\" = ")), "{newest}");
    }

    #[test]
    fn a_revision_is_spoken_and_another_version_is_not() {
        assert_eq!(contract_line(), format!("callboard:step@{}", CONTRACT.rsplit_once('.').unwrap().0));
        for (version, spoken) in [
            ("0.2.0", true),
            ("0.2.9", true),
            ("0.1.0", true),
            ("0.3.0", false),
            ("1.1.0", false),
            ("0.2", false),
            ("", false),
        ] {
            assert_eq!(is_spoken(version), spoken, "{version}");
        }
    }
}
