//! `callboard submit` on a real Ray and a real Slurm, each of which is started here, on this machine alone, and ended.
//!
//! `cargo xtask python` gets Ray, Debian's `slurmctld`, `slurmd`, `slurm-client` and `munge` are Slurm; without them, a test is skipped, which is said.
#![allow(clippy::print_stderr, reason = "what is skipped is said")]

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::repository;
use crate::s3::{Fault, S3};
use crate::stage::{Said, Stage, ended};

/// The longest that a server may take to listen, or something to happen. None comes near.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const PIPELINE: &str = r#"
callboard = 1
name = "words"
[inputs.docs]
path = "data/*.jsonl"
[[steps]]
use = "text-stats"
[[steps]]
use = "filter"
config = { where = "n_words >= 3" }
[[steps]]
use = "exact-dedup"
[[steps]]
use = "hash"
[outputs.kept]
path = "out/kept.jsonl"
[run]
batch_rows = 50
"#;

/// A pipeline with its data, and what `run` makes of it; then one that fails.
pub(crate) struct Work {
    pub(crate) stage: Stage,
    pub(crate) right: BTreeMap<&'static str, Vec<u8>>,
}

impl Work {
    pub(crate) fn new() -> Work {
        let stage = Stage::empty();
        fs::create_dir(stage.folder.join("data")).unwrap();
        for file in 0..4 {
            let text = |id: usize| format!("document {} {}", (id + 37 * file) % 300, "of words ".repeat(id % 3));
            let rows = (0..200).map(|id| json!({"id": id, "text": text(id)}));
            let rows: String = rows.map(|row| format!("{row}\n")).collect();
            fs::write(stage.folder.join(format!("data/{file}.jsonl")), rows).unwrap();
        }
        fs::write(stage.folder.join("words.toml"), PIPELINE).unwrap();
        let fails = PIPELINE.replace("n_words >= 3", "n_words / 0 >= 3");
        fs::write(stage.folder.join("fails.toml"), fails).unwrap();
        let said = stage.sh("callboard run words.toml --quiet");
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let right = outputs(&stage);
        assert!(right["kept.jsonl"].len() > 1000);
        fs::remove_dir_all(stage.folder.join("out")).unwrap();
        Work { stage, right }
    }

    /// The outputs are those of `run`; they are gone after that.
    fn check(&self, said: &Said) {
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        assert!(outputs(&self.stage) == self.right, "the output is not what `run` writes");
        fs::remove_dir_all(self.stage.folder.join("out")).unwrap();
    }

    fn manifests(&self, work: &str) -> usize {
        let tasks = fs::read_dir(self.stage.folder.join(work).join("tasks")).into_iter().flatten().flatten();
        tasks.filter(|task| task.path().join("manifest.json").exists()).count()
    }
}

fn outputs(stage: &Stage) -> BTreeMap<&'static str, Vec<u8>> {
    ["kept.jsonl"].into_iter().map(|name| (name, fs::read(stage.folder.join("out").join(name)).unwrap())).collect()
}

/// Processes of a session of their own, which end with this.
struct Session(u32);

impl Session {
    fn begin(program: &Path, arguments: &[&str], variables: &[(&str, &str)], log: &Path) -> Session {
        let log = fs::File::create(log).unwrap();
        let mut command = Command::new("setsid");
        command.arg(program).args(arguments).envs(variables.iter().copied()).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Session(command.spawn().unwrap().id())
    }

    /// Kills its processes whose command line has this in it: whether there were any.
    fn kill(&self, part: &str) -> bool {
        kill(&["-s", &self.0.to_string(), "-f", part])
    }
}

/// The processes that `pgrep` finds.
fn found(wanted: &[&str]) -> Vec<String> {
    let found = Command::new("pgrep").args(wanted).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Kills the processes that `pgrep` finds: whether there were any.
fn kill(wanted: &[&str]) -> bool {
    let found = found(wanted);
    found.iter().for_each(|pid| drop(Command::new("kill").args(["-9", pid]).output()));
    !found.is_empty()
}

impl Drop for Session {
    fn drop(&mut self) {
        self.kill(".");
    }
}

pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a child said that may take longer than others, when it has ended.
pub(crate) fn patiently(mut child: Child, line: &str) -> Said {
    wait(line, || child.try_wait().unwrap().is_some());
    ended(child, line)
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// The command, as an argument.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_callboard");
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The program `ray`, and what its processes find in their environment beside the usual.
pub(crate) struct Installed {
    pub(crate) ray: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
}

impl Installed {
    /// `None` if Ray is not here, which is said.
    pub(crate) fn find(more: &[(&str, &str)]) -> Option<Installed> {
        let installed = repository("target/toolchains/python/bin/python");
        let python = std::env::var_os("PYTHON").map_or(installed, PathBuf::from);
        let there = Command::new(&python).args(["-c", "import ray, aiohttp"]).output();
        if !there.is_ok_and(|ended| ended.status.success()) {
            eprintln!("SKIPPED: Ray is not here: `cargo xtask python` gets it");
            return None;
        }
        let ray = std::path::absolute(python.with_file_name("ray")).unwrap();
        let path = format!("{}:{}", ray.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let variables = [
            ("PATH", &*path),
            ("RAY_AUTH_MODE", "token"),
            ("RAY_AUTH_TOKEN", TOKEN),
            ("RAY_USAGE_STATS_ENABLED", "0"),
            ("RAY_enable_metrics_collection", "false"),
            ("CALLBOARD_LATE_SECONDS", "5"),
        ];
        let variables = variables.iter().chain(more).map(|(name, value)| (name.to_string(), value.to_string()));
        Some(Installed { ray, variables: variables.collect() })
    }

    /// Arguments that begin a node, with this many cores at this address.
    pub(crate) fn node(cores: u32, ip: &str) -> Vec<String> {
        let of_node = [format!("--num-cpus={cores}"), format!("--node-ip-address={ip}")];
        ["start", "--block", "--object-store-memory=80000000"].map(str::to_owned).into_iter().chain(of_node).collect()
    }

    fn begin(&self, arguments: &[String], log: &Path) -> Session {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Session::begin(&self.ray, &arguments, &variables, log)
    }
}

/// The head of a cluster.
pub(crate) struct Head {
    session: Session,
    /// Where other nodes join.
    pub(crate) gcs: String,
    /// Of its dashboard.
    pub(crate) address: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Head {
    /// One that listens, with this many cores at this address of this machine.
    pub(crate) fn begin(installed: &Installed, cores: u32, ip: &str) -> Head {
        // Paths of sockets are short, so those of their folders are.
        let folder = tempfile::Builder::new().prefix("cb-").tempdir_in("/tmp").unwrap();
        let [gcs, dashboard, client, agent] = std::array::from_fn(|_| free_port());
        let mut arguments = Installed::node(cores, ip);
        arguments.extend([
            "--head".to_owned(),
            format!("--temp-dir={}", folder.path().display()),
            format!("--port={gcs}"),
            format!("--dashboard-host={ip}"),
            format!("--dashboard-port={dashboard}"),
            format!("--ray-client-server-port={client}"),
            format!("--dashboard-agent-listen-port={agent}"),
        ]);
        let session = installed.begin(&arguments, &folder.path().join("head.log"));
        let there = format!("{ip}:{dashboard}");
        wait("Ray's dashboard listens", || TcpStream::connect(&there).is_ok());
        Head { session, gcs: format!("{ip}:{gcs}"), address: format!("http://{there}"), folder }
    }
}

/// A head and a second node, with one core each.
struct Ray {
    node: Session,
    head: Head,
}

impl Ray {
    fn begin(more: &[(&str, &str)]) -> Option<Ray> {
        let installed = Installed::find(more)?;
        let head = Head::begin(&installed, 1, "127.0.0.1");
        let mut node = Installed::node(1, "127.0.0.1");
        node.extend([format!("--address={}", head.gcs), format!("--dashboard-agent-listen-port={}", free_port())]);
        let node = installed.begin(&node, &head.folder.path().join("node.log"));
        Some(Ray { node, head })
    }
}

#[test]
fn ray_carries_tasks_out_and_what_is_killed_is_done_again() {
    // Nodes take credentials of stores from their environment, as any process does.
    let store = S3::start();
    store.state().closed = true;
    let credentials =
        [("AWS_ACCESS_KEY_ID", "K"), ("AWS_SECRET_ACCESS_KEY", "S"), ("AWS_ENDPOINT_URL", &*store.endpoint)];
    let Some(ray) = Ray::begin(&credentials) else { return };
    let work = Work::new();
    let stage = &work.stage;
    let on = format!("--on ray={} --program {PROGRAM}", ray.head.address);
    // Whoever has no token makes nothing.
    let said = stage.sh(&format!("callboard submit words.toml {on} --work none --slices 2"));
    assert_eq!(said.code, Some(5), "{}", said.stderr);
    assert!(said.stderr.contains("RAY_AUTH_TOKEN") && !stage.folder.join("none").exists(), "{}", said.stderr);

    let token = format!("RAY_AUTH_TOKEN={TOKEN}");
    // Planned for more cores than a node has.
    let said =
        stage.sh(&format!("{token} callboard submit words.toml {on} --work whole --slices 3 --replicas 2 --follow"));
    assert!(said.stdout.contains("accounts"), "{}", said.stdout);
    work.check(&said);
    let kept = stage.sh(&format!("grep -rl {TOKEN} whole"));
    assert_eq!((&*kept.stdout, kept.code), ("", Some(1)), "the token was written down");
    let shown = stage.sh("callboard runs show whole");
    assert_eq!((shown.stdout, shown.code), (said.stdout, Some(0)));

    // The work place in a store: nothing but inputs and outputs is shared.
    let keys = credentials.map(|(name, value)| format!("{name}={value}")).join(" ");
    let far = "s3://b/runs/far";
    let said = stage.sh(&format!("{token} {keys} callboard submit words.toml {on} --work {far} --slices 3 --follow"));
    assert!(said.stderr.contains("on the machine of the job's driver"), "{}", said.stderr);
    work.check(&said);
    let shown = stage.sh(&format!("{keys} callboard runs show {far}"));
    assert_eq!((shown.stdout, shown.code), (said.stdout, Some(0)), "{}", shown.stderr);
    let removed = stage.sh(&format!("{keys} callboard runs remove {far}"));
    assert!(removed.code == Some(0) && store.state().objects.is_empty(), "{}", removed.stderr);

    // A task that hangs is begun once more, and its first attempt ends: of that, the store answers nothing.
    let (late, first) = ("s3://b/runs/late", Mutex::new(None));
    store.fault(move |request| {
        let attempt = request.path.strip_prefix("b/runs/late/tasks/1.0001/")?.split('/').next()?;
        let mut first = first.lock().unwrap();
        (*first.get_or_insert_with(|| attempt.to_owned()) == attempt).then_some(Fault::Late(Duration::from_secs(3600)))
    });
    let line = format!("{token} {keys} callboard submit words.toml {on} --work {late} --slices 4 --follow");
    // Four times what the others take goes by first.
    work.check(&patiently(stage.command(&line).spawn().unwrap(), &line));
    assert!(store.is_held());
    wait("the task that hung is gone", || found(&["-f", &format!("task {late} 1.0001")]).is_empty());
    store.right();

    // Without `--follow` the command ends first. A worker is killed, then the driver: another one goes on.
    let said = stage.sh(&format!("{token} callboard submit words.toml {on} --work killed --slices 4"));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    wait("a task begins", || ray.head.session.kill("ray::callboard") || ray.node.kill("ray::callboard"));
    wait("a task ends", || work.manifests("killed") > 0);
    // Ray gives it a session of its own; the path of the work place is no other's.
    let driver = format!("task {} drive", stage.folder.join("killed").display());
    wait("the driver is killed", || kill(&["-f", &driver]));
    assert!(!stage.folder.join("out/kept.jsonl").exists());
    // Where it was submitted to is known.
    let said = stage.sh(&format!("{token} callboard resume killed --follow"));
    assert!(said.stderr.starts_with("submitted: job "), "{}", said.stderr);
    work.check(&said);

    // The head is lost, with its driver and all that it knew: a new cluster goes on.
    let said = stage.sh(&format!("{token} callboard submit words.toml {on} --work lost --slices 4"));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    wait("a task ends", || work.manifests("lost") > 0);
    assert!(ray.head.session.kill("."));
    kill(&["-f", &format!("task {} drive", stage.folder.join("lost").display())]);
    drop(ray);
    assert!(!stage.folder.join("out/kept.jsonl").exists());
    let said = stage.sh(&format!("{token} callboard resume lost --follow"));
    assert!(said.code == Some(5) && said.stderr.contains("callboard resume lost --on local=2"), "{}", said.stderr);
    let ray = Ray::begin(&credentials).expect("it was there before");
    let on = format!("--on ray={} --program {PROGRAM}", ray.head.address);
    work.check(&stage.sh(&format!("{token} callboard resume lost {on} --follow")));

    // The exit code and the words are those of `run`.
    let here = stage.sh("callboard run fails.toml --quiet");
    let said = stage.sh(&format!("{token} callboard submit fails.toml {on} --work fails --slices 2 --follow"));
    assert_eq!((said.code, here.code), (Some(3), Some(3)), "{}", said.stderr);
    let reason = here.stderr.lines().find(|line| line.contains("divi")).expect("why it failed");
    let words = reason.rsplit(": ").next().unwrap();
    assert!(said.stderr.contains(words), "{}\nis not in\n{}", words, said.stderr);
}

/// A cluster of one node: this machine.
struct Slurm {
    _daemons: Vec<Session>,
    _folder: tempfile::TempDir,
    config: PathBuf,
}

impl Slurm {
    fn begin() -> Option<Slurm> {
        let found = |name: &str| {
            ["/usr/sbin", "/usr/bin"].map(|folder| Path::new(folder).join(name)).into_iter().find(|path| path.exists())
        };
        let programs = ["munged", "slurmctld", "slurmd", "sbatch"].map(found);
        let [Some(munged), Some(slurmctld), Some(slurmd), Some(_)] = programs else {
            eprintln!("SKIPPED: Slurm is not here: apt-get install slurmctld slurmd slurm-client munge");
            return None;
        };
        let text = |program: &str, arguments: &[&str]| {
            let said = Command::new(program).args(arguments).output().unwrap();
            String::from_utf8(said.stdout).unwrap().trim().to_owned()
        };
        if text("id", &["-u"]) != "0" {
            eprintln!("SKIPPED: Slurm is started by root alone");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("cb-").tempdir_in("/tmp").unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(at("state")).unwrap();
        fs::create_dir(at("spool")).unwrap();
        fs::write(at("key"), [7; 128]).unwrap();
        assert!(Command::new("chmod").args(["600", &at("key")]).status().unwrap().success());
        let host = text("hostname", &["-s"]);
        let config = format!(
            "ClusterName=callboard\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\nAuthType=auth/munge\n\
             AuthInfo=socket={munge}\nCredType=cred/munge\nSlurmctldPort={}\nSlurmdPort={}\nStateSaveLocation={}\n\
             SlurmdSpoolDir={}\nSlurmctldPidFile={}\nSlurmdPidFile={}\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core_Memory\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\nMpiDefault=none\nReturnToService=2\nMinJobAge=300\n\
             SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN\nPartitionName=all Nodes=ALL Default=YES State=UP\n",
            free_port(),
            free_port(),
            at("state"),
            at("spool"),
            at("ctld.pid"),
            at("slurmd.pid"),
            munge = at("munge"),
        );
        fs::write(at("slurm.conf"), config).unwrap();
        let (socket, key) = (format!("--socket={}", at("munge")), format!("--key-file={}", at("key")));
        let (pid, seed, log) = (
            format!("--pid-file={}", at("munge.pid")),
            format!("--seed-file={}", at("seed")),
            format!("--log-file={}", at("munge.log")),
        );
        let begin = |program: &Path, arguments: &[&str], name: &str| {
            Session::begin(program, arguments, &[("SLURM_CONF", &at("slurm.conf"))], Path::new(&at(name)))
        };
        let mut daemons =
            vec![begin(&munged, &["--foreground", "--force", &socket, &key, &pid, &seed, &log], "munge.out")];
        wait("munge listens", || Path::new(&at("munge")).exists());
        daemons.push(begin(&slurmctld, &["-D"], "ctld.log"));
        daemons.push(begin(&slurmd, &["-D"], "slurmd.log"));
        let config = PathBuf::from(at("slurm.conf"));
        let idle = || {
            let said = Command::new("sinfo").args(["-h", "-o", "%T"]).env("SLURM_CONF", &config).output().unwrap();
            said.stdout.starts_with(b"idle")
        };
        wait("Slurm has a node", idle);
        Some(Slurm { _daemons: daemons, _folder: folder, config })
    }
}

#[test]
fn slurm_carries_tasks_out_group_after_group() {
    let Some(slurm) = Slurm::begin() else { return };
    let work = Work::new();
    let stage = &work.stage;
    let with = format!("SLURM_CONF={}", slurm.config.display());
    let said =
        stage.sh(&format!("{with} callboard submit words.toml --on slurm --work \"it's 50%\" --slices 3 --follow"));
    work.check(&said);
    assert!(stage.folder.join("it's 50%/slurm-1_0.log").exists());

    // A task that fails for good takes those behind it out of the queue.
    let said = stage.sh(&format!("{with} callboard submit fails.toml --on slurm --work fails --slices 2 --follow"));
    assert_eq!(said.code, Some(3), "{}", said.stderr);
    assert!(said.stderr.contains("task 1.000"), "{}", said.stderr);
    wait("the queue is empty", || stage.sh(&format!("{with} squeue -h")).stdout.is_empty());

    // What was taken out of the queue is submitted again, and nothing that has a manifest is done twice.
    let said = stage.sh(&format!("{with} callboard submit words.toml --on slurm --work again --slices 3"));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    wait("a task ends", || work.manifests("again") > 0);
    stage.sh(&format!("{with} scancel -u root"));
    wait("the queue is empty", || stage.sh(&format!("{with} squeue -h")).stdout.is_empty());
    let said = stage.sh(&format!("{with} callboard task again drive --on slurm --follow"));
    work.check(&said);
}
