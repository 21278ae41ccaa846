//! Every interleaving of what posts and what looks: no request is lost.
//!
//! The store's thread is thread 1. What the models stand for in the rest of the engine: a *quiet* loop
//! looks at nothing, and only a nudge gets it out; a nudge that comes while the thread is in code of
//! the engine does nothing.

use std::sync::Arc;

use loom::model::Builder;
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::thread;

use super::*;
use crate::sync::model::{Loom, LoomMonitor};

type ModelInbox = Inbox<Loom, u32, Word, Sleeper>;

/// A word that code polls: 0 if there is a request.
#[derive(Clone)]
struct Word(Arc<AtomicU64>);

const LIMIT: u64 = 100;

impl PollWord for Word {
    fn publish(&self, limit: u64, request: bool) {
        assert_eq!(limit == 0, request);
        self.0.store(limit, Ordering::SeqCst);
    }
}

#[derive(Clone)]
struct Sleeper(Arc<AtomicBool>);

impl Wake for Sleeper {
    fn wake(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn inbox() -> Arc<ModelInbox> {
    let inbox = Inbox::new();
    inbox.polls.set_limit(LIMIT, false);
    Arc::new(inbox)
}

/// Posts, and gives whether a thread was nudged.
fn post(inbox: &ModelInbox, job: u32) -> bool {
    let mut nudged = false;
    if inbox.put_job(job).is_ok() {
        inbox.ring(|nudges| nudged = nudges.nudge(|_| {}));
    }
    nudged
}

fn interrupt(inbox: &ModelInbox) -> bool {
    let mut nudged = false;
    inbox.put_code(1);
    inbox.ring(|nudges| nudged = nudges.nudge(|_| {}));
    nudged
}

/// Whoever goes into quiet code sees the request, or is nudged there; for jobs and interrupts.
#[test]
fn quiet_code_is_entered_with_open_eyes() {
    for request in [|inbox: &ModelInbox| post(inbox, 1), interrupt] {
        loom::model(move || {
            let inbox = inbox();
            let posting = {
                let inbox = inbox.clone();
                thread::spawn(move || request(&inbox))
            };
            let _in_quiet_code = inbox.nudges.enter(1);
            let seen = inbox.is_pending();
            let nudged = posting.join().expect("no panic");
            assert!(seen || nudged, "lost");
        });
    }
}

/// The models find what they are for: who looks before it says where it goes loses requests.
#[test]
#[should_panic(expected = "lost")]
fn looking_first_loses_requests() {
    loom::model(|| {
        let inbox = inbox();
        let posting = {
            let inbox = inbox.clone();
            thread::spawn(move || post(&inbox, 1))
        };
        let seen = inbox.is_pending();
        let _in_quiet_code = inbox.nudges.enter(1);
        let nudged = posting.join().expect("no panic");
        assert!(seen || nudged, "lost");
    });
}

/// The same where quiet code has called the host and goes on behind that.
#[test]
fn quiet_code_is_gone_back_to_with_open_eyes() {
    loom::model(|| {
        let inbox = inbox();
        let posting = {
            let inbox = inbox.clone();
            thread::spawn(move || post(&inbox, 1))
        };
        let outside = inbox.nudges.enter(1);
        let entered = inbox.is_pending();
        let quiet = inbox.nudges.leave();
        inbox.nudges.back_to(quiet);
        let back = inbox.is_pending();
        let nudged = posting.join().expect("no panic");
        // A nudge may have come before the host call, or in it: then it is looked for behind.
        assert!(entered || back || nudged, "lost");
        inbox.nudges.back_to(outside);
        assert!(!inbox.nudges.nudge(|_| {}), "nobody is in quiet code");
    });
}

/// Words that are polled say what is so, once everybody is through.
#[test]
fn polled_words_tell_the_truth() {
    loom::model(|| {
        let inbox = inbox();
        let word = Word(Arc::new(AtomicU64::new(LIMIT)));
        inbox.polls.add(word.clone());
        let posting = {
            let inbox = inbox.clone();
            thread::spawn(move || post(&inbox, 1))
        };
        let mut taken = 0;
        if word.0.load(Ordering::SeqCst) == 0 {
            taken += usize::from(inbox.take_job().is_some());
        }
        posting.join().expect("no panic");
        assert_eq!(taken + inbox.job_count(), 1);
        let armed = word.0.load(Ordering::SeqCst) == 0;
        assert_eq!(armed, inbox.is_pending());
        assert_eq!(armed, taken == 0);
    });
}

/// Jobs and interrupts do not disarm each other.
#[test]
fn taking_one_leaves_the_other_armed() {
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let inbox = inbox();
        let word = Word(Arc::new(AtomicU64::new(LIMIT)));
        inbox.polls.add(word.clone());
        let threads = [|inbox: &ModelInbox| post(inbox, 1), interrupt].map(|request| {
            let inbox = inbox.clone();
            thread::spawn(move || request(&inbox))
        });
        let code = inbox.take_code();
        let job = inbox.take_job();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(inbox.has_code(), code.is_none());
        assert_eq!(inbox.has_jobs(), job.is_none());
        let armed = word.0.load(Ordering::SeqCst) == 0;
        assert_eq!(armed, inbox.is_pending());
    });
}

/// An interrupt does not overtake a job that its sender posted before, by the order in which the
/// store's thread looks.
#[test]
fn interrupts_do_not_overtake_jobs() {
    loom::model(|| {
        let inbox = inbox();
        let posting = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                post(&inbox, 1);
                interrupt(&inbox);
            })
        };
        if inbox.has_code() {
            assert!(inbox.has_jobs(), "overtaken");
        }
        posting.join().expect("no panic");
    });
}

/// Whoever goes to sleep has seen the request, or is woken.
#[test]
fn sleepers_are_woken() {
    loom::model(|| {
        let inbox = inbox();
        let sleeper = Sleeper(Arc::new(AtomicBool::new(false)));
        let posting = {
            let inbox = inbox.clone();
            thread::spawn(move || post(&inbox, 1))
        };
        let seen = inbox.wakes(Some(sleeper.clone()));
        posting.join().expect("no panic");
        assert!(
            seen || sleeper.0.load(Ordering::SeqCst),
            "it sleeps for ever"
        );
        assert!(inbox.wakes(None));
    });
}

/// Each job is taken, given back when the store goes, or refused; those of one thread stay in order.
#[test]
fn jobs_are_never_lost() {
    let mut model = Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let inbox = inbox();
        let posting = {
            let inbox = inbox.clone();
            thread::spawn(move || {
                let refused = [1, 2].map(|job| inbox.put_job(job).is_err());
                // Behind the first refusal there are only refusals.
                assert!(refused != [true, false]);
                refused.iter().filter(|refused| **refused).count()
            })
        };
        let taken: Vec<u32> = inbox.take_job().into_iter().collect();
        let closed = inbox.close();
        let refused = posting.join().expect("no panic");
        let jobs: Vec<u32> = taken.into_iter().chain(closed).collect();
        assert_eq!(jobs.len() + refused, 2);
        assert!(jobs.iter().copied().eq(1..=jobs.len() as u32));
        assert!(!inbox.is_pending() && inbox.take_job().is_none());
    });
}

/// The store's thread, in a quiet loop, sees the jobs of two threads though nudges may find it in code
/// of the engine and only one of the two goes on nudging. Else this would not end.
#[test]
fn somebody_goes_on_nudging() {
    let mut model = Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let inbox = inbox();
        let signalled = Arc::new(LoomMonitor::new(false));
        let threads = [1, 2].map(|job| {
            let (inbox, signalled) = (inbox.clone(), signalled.clone());
            thread::spawn(move || {
                let signal = |_| {
                    signalled.with(|signalled| *signalled = true);
                    signalled.notify();
                };
                assert!(inbox.put_job(job).is_ok());
                inbox.ring(|nudges| {
                    if nudges.nudge(signal) && nudges.claim() {
                        nudges.keep(|| inbox.is_pending(), signal, |_| thread::yield_now());
                    }
                });
            })
        });
        let mut done = 0;
        while done < 2 {
            // Into quiet code: signals that came before have found the thread elsewhere.
            signalled.with(|signalled| *signalled = false);
            let outside = inbox.nudges.enter(1);
            if !inbox.is_pending() {
                signalled.wait(None, |signalled| signalled.then_some(()));
            }
            inbox.nudges.back_to(outside);
            while inbox.take_job().is_some() {
                done += 1;
            }
        }
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert!(!inbox.is_pending());
    });
}
