//! A signal against those who begin and cease to want it: it is delivered, or does what it did before, never neither (G4).

use crate::{bounded_model, model};
use gochan_core::signals::{Mailbox, SignalSet};
use gochan_core::sys::atomic::{AtomicUsize, Ordering};
use gochan_core::sys::{Arc, Mutex, thread};

const SIGNAL: u8 = 2;

/// A process, as far as one signal goes.
struct Process {
    mailbox: Mailbox,
    /// What the kernel looks at: our handler, or the disposition of before, which counts.
    is_ours: Mutex<bool>,
    met_before: AtomicUsize,
}

impl Process {
    fn new(is_notified: bool) -> Arc<Self> {
        let process = Self {
            mailbox: Mailbox::new(),
            is_ours: Mutex::new(is_notified),
            met_before: AtomicUsize::new(0),
        };
        if is_notified {
            process.mailbox.want(SIGNAL);
        }
        Arc::new(process)
    }

    /// The kernel delivers it.
    fn raise(&self) {
        if !self.is_ours() {
            self.met_before.fetch_add(1, Ordering::SeqCst);
            return;
        }
        // Our handler is called; from here on anything may happen before its first instruction.
        if !self.mailbox.arrive(SIGNAL, || self.restore()) {
            // It returns, and the raised one arrives.
            self.raise();
        }
    }

    fn is_ours(&self) -> bool {
        *self.is_ours.lock()
    }

    fn restore(&self) {
        *self.is_ours.lock() = false;
    }

    fn stop(&self) -> SignalSet {
        self.restore();
        self.mailbox.want_no_more(SIGNAL);
        self.mailbox.settle(SignalSet::of(SIGNAL));
        self.mailbox.fetch()
    }

    fn notify(&self) {
        self.mailbox.want(SIGNAL);
        self.mailbox.settle(SignalSet::of(SIGNAL));
        *self.is_ours.lock() = true;
    }
}

fn signal(process: &Arc<Process>) -> thread::JoinHandle<()> {
    let process = Arc::clone(process);
    thread::spawn(move || process.raise())
}

#[test]
fn a_signal_beside_stop() {
    model(|| {
        let process = Process::new(true);
        let one = signal(&process);
        let got = process.stop().iter().count();
        one.join().unwrap();
        let met = process.met_before.load(Ordering::SeqCst);
        assert_eq!((got + met, process.mailbox.fetch()), (1, SignalSet::EMPTY));
    });
}

/// The late handler of the first registration must not undo the second.
#[test]
fn a_signal_beside_stop_and_notify() {
    model(|| {
        let process = Process::new(true);
        let one = signal(&process);
        let mut got = process.stop().iter().count();
        process.notify();
        one.join().unwrap();
        got += process.mailbox.fetch().iter().count();
        assert_eq!(got + process.met_before.load(Ordering::SeqCst), 1);
        assert!(process.is_ours());
        process.raise();
        assert_eq!(process.mailbox.fetch(), SignalSet::of(SIGNAL));
    });
}

/// Two at once are one or two deliveries, and each is accounted for.
#[test]
fn two_signals_beside_stop() {
    bounded_model(|| {
        let process = Process::new(true);
        let both = [signal(&process), signal(&process)];
        let got = process.stop().iter().count();
        for one in both {
            one.join().unwrap();
        }
        let met = process.met_before.load(Ordering::SeqCst);
        // Both pending at once are one.
        assert!(got == 1 && met <= 1 || got == 0 && met == 2, "{got} {met}");
        assert_eq!(process.mailbox.fetch(), SignalSet::EMPTY);
    });
}
