//! Mutex, semaphore, RWMutex and condition: mutual exclusion, what is seen after it, and hand-overs against cancels. Loom reports a lost
//! call as a deadlock.

use crate::common::holds::at;
use crate::common::{Host, W};
use crate::{bounded_model, is_set, narrow_model, plain, set};
use gochan_core::rwmutex::Side::{Read, Write};
use gochan_core::sys::atomic::{AtomicUsize, Ordering};
use gochan_core::sys::{Arc, thread};
use gochan_core::{Cond, Mutex, RwMutex, Semaphore};

/// In the critical section: nobody else is, and what the last one wrote is seen (M15, SM's happens-before).
fn alone(inside: &AtomicUsize) {
    let before = inside.load(Ordering::Relaxed);
    assert_eq!(before % 2, 0, "somebody is inside");
    inside.store(before + 1, Ordering::Relaxed);
    thread::yield_now();
    inside.store(before + 2, Ordering::Relaxed);
}

fn mutex_of_two(patient: bool) {
    let (mutex, inside) = (Arc::new(Mutex::<(), W>::new()), plain());
    let run = {
        let (mutex, inside) = (Arc::clone(&mutex), Arc::clone(&inside));
        move |rounds| {
            let host = Host::new();
            for _ in 0..rounds {
                host.lock(&mutex, patient);
                alone(&inside);
                mutex.unlock(|| at(0)).unwrap();
            }
        }
    };
    let other = thread::spawn({
        let run = run.clone();
        move || run(1)
    });
    run(2);
    other.join().unwrap();
    assert_eq!(inside.load(Ordering::Relaxed), 6);
    assert_eq!(
        (mutex.is_locked(), mutex.is_starving(), mutex.parked()),
        (false, false, 0)
    );
}

/// M3: the one who is called competes with a newcomer.
#[test]
fn mutex_in_normal_mode() {
    bounded_model(|| mutex_of_two(true));
}

/// M4: who loses once is handed the mutex.
#[test]
fn mutex_starving() {
    bounded_model(|| mutex_of_two(false));
}

/// Somebody who is cancelled at any moment, called and handed over to included, keeps nobody from the mutex.
fn mutex_and_cancel(patient: bool) {
    let (mutex, inside) = (Arc::new(Mutex::<(), W>::new()), plain());
    assert!(mutex.try_lock());
    let impatient = Host::new();
    let first = thread::spawn({
        let (mutex, inside, host) = (Arc::clone(&mutex), Arc::clone(&inside), impatient.clone());
        move || {
            if host.lock_unless_interrupted(&mutex, patient) {
                alone(&inside);
                mutex.unlock(|| at(0)).unwrap();
            }
        }
    });
    let second = thread::spawn({
        let (mutex, inside) = (Arc::clone(&mutex), Arc::clone(&inside));
        move || {
            Host::new().lock(&mutex, patient);
            alone(&inside);
            mutex.unlock(|| at(0)).unwrap();
        }
    });
    mutex.unlock(|| at(0)).unwrap();
    impatient.interrupt();
    first.join().unwrap();
    second.join().unwrap();
    assert_eq!((mutex.is_locked(), mutex.parked()), (false, 0));
}

#[test]
fn mutex_and_cancel_in_normal_mode() {
    narrow_model(|| mutex_and_cancel(true));
}

#[test]
fn mutex_and_cancel_starving() {
    narrow_model(|| mutex_and_cancel(false));
}

/// SM3: permits that are handed to somebody who is cancelled go on to the next, and a head that leaves lets the next in.
#[test]
fn semaphore_and_cancel() {
    narrow_model(|| {
        let semaphore = Arc::new(Semaphore::<(), W>::new(2));
        assert!(semaphore.try_acquire(1));
        let impatient = Host::new();
        let head = thread::spawn({
            let (semaphore, host) = (Arc::clone(&semaphore), impatient.clone());
            move || {
                if host.acquire_unless_interrupted(&semaphore, 2) {
                    semaphore.release(2).unwrap();
                }
            }
        });
        let next = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || {
                Host::new().acquire(&semaphore, 1);
                semaphore.release(1).unwrap();
            }
        });
        impatient.interrupt();
        semaphore.release(1).unwrap();
        head.join().unwrap();
        next.join().unwrap();
        assert_eq!((semaphore.held(), semaphore.parked()), (0, 0));
    });
}

/// What was done under a permit is seen under it later.
#[test]
fn semaphore_orders() {
    bounded_model(|| {
        let (semaphore, inside) = (Arc::new(Semaphore::<(), W>::new(1)), plain());
        let run = {
            let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
            move || {
                Host::new().acquire(&semaphore, 1);
                alone(&inside);
                semaphore.release(1).unwrap();
            }
        };
        let other = thread::spawn(run.clone());
        run();
        other.join().unwrap();
        assert_eq!(semaphore.held(), 0);
    });
}

/// M8, M9: a writer and two readers, one of which comes while it is pending. Nobody reads while it writes.
#[test]
fn a_writer_among_readers() {
    narrow_model(|| {
        let (mutex, written) = (Arc::new(RwMutex::<(), W>::new()), plain());
        assert!(mutex.try_lock(Read));
        let writer = thread::spawn({
            let (mutex, written) = (Arc::clone(&mutex), Arc::clone(&written));
            move || {
                Host::new().rw_lock(&mutex, Write);
                alone(&written);
                mutex.unlock(Write).unwrap();
            }
        });
        let reader = thread::spawn({
            let (mutex, written) = (Arc::clone(&mutex), Arc::clone(&written));
            move || {
                Host::new().rw_lock(&mutex, Read);
                assert_eq!(written.load(Ordering::Relaxed) % 2, 0, "read while it is written");
                mutex.unlock(Read).unwrap();
            }
        });
        assert_eq!(written.load(Ordering::Relaxed), 0, "this one reads since before");
        mutex.unlock(Read).unwrap();
        writer.join().unwrap();
        reader.join().unwrap();
        let seen = mutex.seen();
        assert_eq!(
            (seen.reading, seen.writing, seen.readers, seen.writers),
            (0, false, 0, 0)
        );
    });
}

/// A writer that leaves at any moment keeps no reader out.
#[test]
fn a_writer_that_leaves() {
    narrow_model(|| {
        let mutex = Arc::new(RwMutex::<(), W>::new());
        assert!(mutex.try_lock(Read));
        let impatient = Host::new();
        let writer = thread::spawn({
            let (mutex, host) = (Arc::clone(&mutex), impatient.clone());
            move || {
                if host.rw_lock_unless_interrupted(&mutex, Write) {
                    mutex.unlock(Write).unwrap();
                }
            }
        });
        let reader = thread::spawn({
            let mutex = Arc::clone(&mutex);
            move || {
                Host::new().rw_lock(&mutex, Read);
                mutex.unlock(Read).unwrap();
            }
        });
        impatient.interrupt();
        mutex.unlock(Read).unwrap();
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!((mutex.seen().reading, mutex.seen().writing), (0, false));
    });
}

/// D1: a signal between the unlock and the park is not lost, and the lock is held again after it.
#[test]
fn a_signal_is_not_lost() {
    bounded_model(|| {
        let (mutex, cond, ready) = (Arc::new(Mutex::new()), Arc::new(Cond::<(), W>::new()), plain());
        let waits = thread::spawn({
            let (mutex, cond, ready) = (Arc::clone(&mutex), Arc::clone(&cond), Arc::clone(&ready));
            move || {
                let host = Host::new();
                host.lock(&mutex, true);
                while !is_set(&ready) {
                    host.cond_wait(&cond, &mutex);
                }
                mutex.unlock(|| at(0)).unwrap();
            }
        });
        Host::new().lock(&mutex, true);
        set(&ready);
        mutex.unlock(|| at(0)).unwrap();
        cond.signal();
        waits.join().unwrap();
        assert_eq!((mutex.is_locked(), cond.parked()), (false, 0));
    });
}

/// A signal whose receiver leaves at the same time goes on to the other one.
#[test]
fn a_signal_or_a_timeout() {
    narrow_model(|| {
        let (mutex, cond) = (Arc::new(Mutex::new()), Arc::new(Cond::<(), W>::new()));
        let impatient = Host::new();
        assert!(mutex.try_lock());
        let first = thread::spawn({
            let (mutex, cond, host) = (Arc::clone(&mutex), Arc::clone(&cond), impatient.clone());
            move || {
                let called = host.cond_wait_unless_interrupted(&cond, &mutex);
                mutex.unlock(|| at(0)).unwrap();
                called
            }
        });
        // It stands in the queue once it has unlocked for us.
        let host = Host::new();
        host.lock(&mutex, true);
        let second = thread::spawn({
            let (mutex, cond) = (Arc::clone(&mutex), Arc::clone(&cond));
            move || {
                Host::new().cond_wait(&cond, &mutex);
                mutex.unlock(|| at(0)).unwrap();
            }
        });
        host.lock(&mutex, true);
        mutex.unlock(|| at(0)).unwrap();
        impatient.interrupt();
        cond.signal();
        if first.join().unwrap() {
            cond.signal();
        }
        second.join().unwrap();
        assert_eq!((mutex.is_locked(), cond.parked()), (false, 0));
    });
}
