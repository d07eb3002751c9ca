//! The tests' server by one thread, for many requests that wait: it takes as little processor time as it can from what is measured, as a store
//! elsewhere takes none.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufReader};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::s3::{Asked, State};

/// The listener, as events name it; connections have the numbers behind it.
const LISTENER: u64 = 0;
/// How many events are taken at a time.
const EVENTS: usize = 256;

/// Answers what comes to the listener, until the process ends.
pub(super) fn listen(listener: TcpListener, state: Arc<Mutex<State>>) {
    thread::spawn(move || Waiting::serve(&listener, &state).expect("epoll and accepted connections work"));
}

#[derive(Default)]
struct Waiting {
    connections: HashMap<u64, BufReader<TcpStream>>,
    /// By when they are answered, and over which connection.
    asked: BTreeMap<(Instant, u64), Asked>,
}

impl Waiting {
    fn serve(listener: &TcpListener, state: &Mutex<State>) -> io::Result<()> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        listener.set_nonblocking(true)?;
        epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let (mut waiting, mut accepted) = (Waiting::default(), LISTENER);
        loop {
            waiting.answer(state);
            let wait = waiting.asked.keys().next().map(|(due, _)| due.saturating_duration_since(Instant::now()));
            let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
            let mut events = [MaybeUninit::uninit(); EVENTS];
            let (events, _) = epoll::wait(&epoll, &mut events, wait.as_ref())?;
            for number in events.iter().map(|event| event.data.u64()) {
                if number != LISTENER {
                    waiting.read(number, state);
                    continue;
                }
                while let Ok((stream, _)) = listener.accept() {
                    accepted += 1;
                    stream.set_nodelay(true)?;
                    epoll::add(&epoll, &stream, EventData::new_u64(accepted), EventFlags::IN)?;
                    waiting.connections.insert(accepted, BufReader::new(stream));
                }
            }
        }
    }

    /// Reads a request, which has come: clients send the next one when this is answered.
    fn read(&mut self, number: u64, state: &Mutex<State>) {
        let asked = self.connections.get_mut(&number).and_then(|reader| Asked::read(reader, state));
        match asked {
            Some(asked) => {
                let due = Instant::now() + asked.late().unwrap_or_default();
                self.asked.insert((due, number), asked);
            }
            None => drop(self.connections.remove(&number)),
        }
    }

    /// Answers those that have waited long enough.
    fn answer(&mut self, state: &Mutex<State>) {
        let now = Instant::now();
        while let Some(first) = self.asked.first_entry().filter(|first| first.key().0 <= now) {
            let ((_, number), asked) = first.remove_entry();
            let answered = self.connections.get_mut(&number).and_then(|reader| asked.answer(reader.get_mut(), state));
            if answered.is_none() {
                self.connections.remove(&number);
            }
        }
    }
}
