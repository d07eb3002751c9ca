//! `callboard submit` on a Ray of several hosts: this machine has the head, and others are namespaces of the kernel's, with a network, mounts and
//! processes of their own. They share the tests' store, and no disk: what a host writes is in its memory, and gone with it.
//!
//! Namespaces end with their processes, and those with the test, however it ends. Where they may not be made, the test is skipped, which is said.
#![allow(clippy::print_stderr, reason = "what is skipped is said")]

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::engines::{Head, Installed, PIPELINE, PROGRAM, TOKEN, Work, patiently, wait};
use crate::s3::{Fault, S3};

/// Addresses for measuring networks (RFC 2544), of which nobody has one: a network of eight for each process.
const NETWORKS: (Ipv4Addr, u32) = (Ipv4Addr::new(198, 18, 0, 0), 1 << 14);
/// A namespace of the network's own, with all that a host needs: whether it may be made, and `veth` is there.
const TRIED: &str = "ip link add one type veth peer name two && mount -t tmpfs tmpfs /dev/shm";
/// What the kernel, or a container, says to those that may not.
const REFUSALS: [&str; 6] =
    ["not permitted", "ermission denied", "not supported", "Unknown device type", "not found", "No such file"];

/// The network of all hosts but this machine, which has an address in it, too.
struct Network {
    /// A process that does nothing, in the namespace.
    holder: Child,
    first: u32,
}

impl Network {
    /// `None` where there may be none, which is said.
    fn begin() -> Option<Network> {
        let network = said(&mut unshared(&["-n", "-m", "-p", "-f", "sh", "-c", TRIED])).and_then(|()| {
            let holder = unshared(&["-n", "sleep", "infinity"]).spawn().unwrap();
            let first = u32::from(NETWORKS.0) + holder.id() % NETWORKS.1 * 8;
            let network = Network { holder, first };
            let (link, pid) = (format!("cb{}", network.pid()), network.pid());
            // Its namespace is there when it is not this process's any more.
            let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
            wait("a network", || of(&pid) != of("self"));
            said(
                Command::new("ip").args(["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &pid]),
            )?;
            let here = format!("{}/29", network.address(1));
            said(Command::new("ip").args(["address", "add", &here, "dev", &link]))?;
            said(Command::new("ip").args(["link", "set", &link, "up"]))?;
            said(network.inside().args(["ip", "link", "set", "lo", "up"]))?;
            said(network.inside().args(["ip", "link", "set", "eth0", "up"]))?;
            Ok(network)
        });
        let refused = |words: String| {
            assert!(REFUSALS.iter().any(|refusal| words.contains(refusal)), "{words}");
            eprintln!("SKIPPED: hosts in namespaces need root, and Debian's iproute2: {words}");
        };
        network.map_err(refused).ok()
    }

    fn pid(&self) -> String {
        self.holder.id().to_string()
    }

    /// What is started in its namespace.
    fn inside(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "nsenter", "--target", &self.pid(), "--net"]).stdin(Stdio::null());
        command
    }

    fn address(&self, number: u32) -> String {
        Ipv4Addr::from(self.first + number).to_string()
    }

    /// A host with one core, which joins a cluster. It has nothing of these folders, and writes nowhere else.
    fn host(&self, number: u32, installed: &Installed, head: &Head, folders: [&Path; 2]) -> Host {
        let address = self.address(number);
        said(self.inside().args(["ip", "address", "add", &format!("{address}/29"), "dev", "eth0"])).unwrap();
        let [work, ray] = folders.map(|folder| folder.display().to_string());
        let script = "set -e; mount -t proc proc /proc\n\
                      for folder in /dev/shm \"$TMPDIR\" \"$RAY\"; do mount -t tmpfs tmpfs \"$folder\"; done\n\
                      mount -o remount,bind,ro /\n\
                      exec \"$@\"";
        let log = File::create(head.folder.path().join(format!("host-{number}.log"))).unwrap();
        let mut command = self.inside();
        command.args(["unshare", "-m", "-p", "-f", "--kill-child", "sh", "-c", script, "host"]).arg(&installed.ray);
        command.args(Installed::node(1, &address)).arg(format!("--address={}", head.gcs));
        command.envs(installed.variables.iter().cloned()).env("CALLBOARD_CACHE", format!("{work}/cache"));
        command.envs([("TMPDIR", &work), ("HOME", &work), ("RAY", &ray)]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Host(command.spawn().unwrap())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        end(&mut self.holder);
    }
}

/// The process that the others of a host end with, and its memory with these.
struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn end(process: &mut Child) {
    let _ = process.kill();
    let _ = process.wait();
}

/// `unshare`, which ends with this thread.
fn unshared(arguments: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]).args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end: what it says if it fails.
fn said(command: &mut Command) -> Result<(), String> {
    let said = command.output().map_err(|error| error.to_string())?;
    if said.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said.stderr).trim().to_owned()) }
}

#[test]
fn hosts_share_nothing_but_a_store_and_one_is_lost_with_its_disk() {
    let Some(network) = Network::begin() else { return };
    let here = network.address(1);
    let listener = TcpListener::bind((&*here, 0)).unwrap();
    let store = S3::to_be_at(&listener);
    store.listen(listener, Some);
    let keys = [("AWS_ACCESS_KEY_ID", "K"), ("AWS_SECRET_ACCESS_KEY", "S"), ("AWS_ALLOW_HTTP", "true")];
    let credentials = [keys[0], keys[1], keys[2], ("AWS_ENDPOINT_URL", &*store.endpoint)];
    let Some(installed) = Installed::find(&credentials) else { return };
    // All cores are the other host's: there the tasks are.
    let head = Head::begin(&installed, 0, &here);
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).canonicalize().unwrap();
    let host = |number: u32| network.host(number, &installed, &head, [&scratch, head.folder.path()]);
    let first = host(2);

    let work = Work::new();
    let stage = &work.stage;
    for file in 0..4 {
        let name = format!("data/{file}.jsonl");
        store.put(&name, std::fs::read(stage.folder.join(&name)).unwrap());
    }
    std::fs::remove_dir_all(stage.folder.join("data")).unwrap();
    let far = PIPELINE.replace("\"data/", "\"s3://b/data/").replace("\"out/", "\"s3://b/out/");
    std::fs::write(stage.folder.join("far.toml"), far).unwrap();
    let variables = credentials.map(|(name, value)| format!("{name}={value}")).join(" ");
    let submit = |work: &str| {
        let on = format!("--on ray={} --program {PROGRAM} --follow", head.address);
        let command = format!("callboard submit far.toml {on} --work s3://b/runs/{work} --slices 3");
        stage.command(&format!("RAY_AUTH_TOKEN={TOKEN} {variables} {command}")).spawn().unwrap()
    };
    // The output is that of `run`; it is gone after that.
    let check = |submitted: Child| {
        let said = patiently(submitted, "callboard submit");
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let kept = store.state().objects.remove("b/out/kept.jsonl").map(|(kept, _)| kept.to_vec());
        assert!(kept.as_ref() == Some(&work.right["kept.jsonl"]), "the output is not what `run` writes");
    };
    check(submit("whole"));

    // The second manifest is never written: when the store is asked to, one task has ended and one is under way. Then their host is lost.
    let manifests = AtomicUsize::new(0);
    store.requests();
    store.fault(move |request| {
        let is_manifest = request.method == "PUT" && request.path.starts_with("b/runs/lost/manifests/");
        let is_second = is_manifest && manifests.fetch_add(1, Ordering::Relaxed) == 1;
        is_second.then_some(Fault::Late(Duration::from_secs(3600)))
    });
    let submitted = submit("lost");
    wait("a task is under way", || store.is_held());
    drop(first);
    store.right();
    let _second = host(3);
    check(submitted);
    let requests = store.requests();
    let manifests: Vec<_> = requests.iter().filter(|line| line.starts_with("PUT b/runs/lost/manifests/")).collect();
    let times = |at: usize| manifests.iter().filter(|line| **line == manifests[at]).count();
    assert_eq!((times(0), times(1)), (1, 2), "{manifests:?}");
}
