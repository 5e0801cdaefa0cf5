//! Random scripts against a naive model: a list of all ticks there could be, and a list of who waits.

use crate::kit::{Kit, Party, span};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Action {
    Advance(u64),
    /// Arms it: after so long, and then each period, if there is one.
    Arm(u64, Option<u64>),
    Stop,
    Recv,
    Park,
    /// The host of one of those who wait, or have just got something, cancels.
    Cancel(prop::sample::Index),
    /// Somebody looks at the timers.
    Look,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0_u64..25).prop_map(Action::Advance),
        1 => (0_u64..30, prop::option::of(1_u64..12)).prop_map(|(after, period)| Action::Arm(after, period)),
        1 => Just(Action::Stop),
        3 => Just(Action::Recv),
        3 => Just(Action::Park),
        2 => any::<prop::sample::Index>().prop_map(Action::Cancel),
        4 => Just(Action::Look),
    ]
}

/// A feed as one would first write it down.
#[derive(Debug, Default)]
struct Model {
    now: u64,
    /// The times of the ticks of this setting that were neither received nor missed: of a ticker only the next few.
    ticks: Vec<u64>,
    period: Option<u64>,
    setting: u32,
    /// Who waits, by number.
    waiting: Vec<usize>,
    /// What was given to whom, and under which setting.
    given: Vec<Option<(u64, u32)>>,
}

impl Model {
    fn arm(&mut self, after: u64, period: Option<u64>) -> bool {
        let was = self.stop();
        self.period = period;
        self.ticks = vec![self.now + after];
        self.grow();
        was
    }

    /// Far enough that a script never sees the end.
    fn grow(&mut self) {
        if let (Some(period), Some(&last)) = (self.period, self.ticks.last()) {
            let more = (1..)
                .map(|step| last + step * period)
                .take_while(|&at| at < self.now + 500);
            self.ticks.extend(more.collect::<Vec<_>>());
        }
    }

    fn stop(&mut self) -> bool {
        self.setting += 1;
        !std::mem::take(&mut self.ticks).is_empty()
    }

    /// The first tick that is due; the others that are due by now were missed.
    fn take(&mut self) -> Option<u64> {
        let due = self.ticks.first().copied().filter(|&at| at <= self.now)?;
        let now = self.now;
        self.ticks.retain(|&at| at > now);
        Some(due)
    }

    /// Those who wait come first.
    fn feed(&mut self) {
        if !self.waiting.is_empty() {
            if let Some(due) = self.take() {
                let who = self.waiting.remove(0);
                self.given[who] = Some((due, self.setting));
            }
        }
    }

    fn recv(&mut self) -> Option<u64> {
        self.feed();
        self.take()
    }

    fn give_back(&mut self, who: usize) {
        let Some((due, setting)) = self.given[who].take() else {
            return self.waiting.retain(|&other| other != who);
        };
        if setting == self.setting {
            // One is pending at most: of two that come back the first, as for anybody who is late (T8).
            let due = self.ticks.first().map_or(due, |&first| first.min(due));
            self.ticks.retain(|&at| at > due);
            self.ticks.insert(0, due);
            self.feed();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 600 }))]

    #[test]
    fn agrees_with_a_naive_model(script in prop::collection::vec(action(), 0..60)) {
        let (kit, mut model) = (Kit::new(), Model::default());
        let mut parties: Vec<Party> = Vec::new();
        let mut live: Vec<usize> = Vec::new();
        for action in script {
            match action {
                Action::Advance(by) => {
                    kit.advance(by);
                    model.now += by;
                    model.grow();
                }
                Action::Arm(after, period) => {
                    let was = kit.feed.arm(span(after), period.map(span));
                    kit.attend();
                    prop_assert_eq!(was, model.arm(after, period));
                }
                Action::Stop => prop_assert_eq!(kit.stop(), model.stop()),
                Action::Recv => prop_assert_eq!(kit.recv(), model.recv()),
                Action::Park => {
                    let got = model.recv();
                    if got.is_some() {
                        prop_assert_eq!(kit.recv(), got);
                    } else {
                        live.push(parties.len());
                        model.waiting.push(parties.len());
                        model.given.push(None);
                        parties.push(kit.park());
                    }
                }
                Action::Cancel(pick) if !live.is_empty() => {
                    let who = live.remove(pick.index(live.len()));
                    let had_nothing = model.given[who].is_none();
                    model.give_back(who);
                    prop_assert_eq!(parties[who].cancel(&kit), had_nothing);
                }
                Action::Cancel(_) => {}
                Action::Look => {
                    kit.run_timers();
                    model.feed();
                }
            }
            for &who in &live {
                prop_assert_eq!(parties[who].waiter.is_settled(), model.given[who].is_some());
            }
            // It stands among the timers for nobody else, and in time for those who wait.
            let wanted = if model.waiting.is_empty() { None } else { model.ticks.first().copied() };
            match wanted {
                Some(at) => prop_assert!(kit.place().is_some_and(|place| place <= at)),
                None => prop_assert!(kit.place().is_none_or(|place| place <= model.now)),
            }
            prop_assert_eq!(kit.feed.len(), 0);
        }
        for who in live {
            let given = model.given[who].map(|given| given.0);
            prop_assert_eq!(parties[who].got(), given);
        }
    }
}
