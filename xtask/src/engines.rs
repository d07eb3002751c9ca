//! What tests of engines need beside Ray, which comes with what the tests of the Python package use: Slurm, and `ip` for hosts in namespaces.

use std::path::Path;

use crate::Result;
use crate::toolchain::apt_install;

/// Programs, and Debian's packages that have them.
const PROGRAMS: [(&str, &str); 5] = [
    ("slurmctld", "slurmctld"),
    ("slurmd", "slurmd"),
    ("sbatch", "slurm-client"),
    ("munged", "munge"),
    ("ip", "iproute2"),
];

/// Gets them, unless they are there.
///
/// # Errors
///
/// What is not here: apt-get, or the right to use it.
pub(crate) fn environment() -> Result<()> {
    let is_there =
        |program: &str| ["/usr/bin", "/usr/sbin"].iter().any(|folder| Path::new(folder).join(program).exists());
    let missing: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { apt_install(&missing) }
}
