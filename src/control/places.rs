//! Places for the connections of one listener: so many, and a newcomer that finds none takes the place of whoever has
//! been idle longest; those who have never asked anything go first.
//!
//! Only what was asked and answered counts as activity: who connects and says nothing, or never ends what he says, is
//! idle. Whoever came or was active a moment ago keeps his place, and the newcomer waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use plan::Time;
use tokio::sync::oneshot;

use crate::{clock, limits};

/// Connections that had to go, over all listeners.
pub static EVICTED: AtomicU64 = AtomicU64::new(0);

/// Time between two looks for a place.
const POLL: Duration = Duration::from_millis(50);

/// All places of one listener.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<Vec<Taken>>,
}

#[derive(Debug)]
struct Taken {
    used: Arc<Used>,
    leave: oneshot::Sender<()>,
}

/// What a place was used for.
#[derive(Debug)]
struct Used {
    /// When its connection came or was active last, in µs since the epoch.
    last: AtomicU64,
    /// It has been active.
    ever: AtomicBool,
}

/// One place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    used: Arc<Used>,
    leave: Option<oneshot::Receiver<()>>,
}

/// When a connection was active last.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Used>);

impl Activity {
    /// Something was asked or answered just now.
    pub(super) fn note(&self) {
        self.0.last.store(clock::now().0, Relaxed);
        self.0.ever.store(true, Relaxed);
    }
}

impl Places {
    /// A place, as soon as there is one.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_take(clock::now()) {
                return place;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn try_take(self: &Arc<Self>, now: Time) -> Option<Place> {
        // Nothing in here panics half-way.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= limits::CONNECTIONS {
            let of = |t: &Taken| (t.used.ever.load(Relaxed), Time(t.used.last.load(Relaxed)));
            let all = taken.iter().map(of).enumerate();
            let (longest, (_, since)) = all.min_by_key(|(_, used)| *used)?;
            if now.since(since) < limits::CONNECTION_IDLE_MIN {
                return None;
            }
            let idle = taken.swap_remove(longest);
            EVICTED.fetch_add(1, Relaxed);
            // If it is gone already, so much the better.
            let _ = idle.leave.send(());
        }
        let used = Arc::new(Used {
            last: AtomicU64::new(now.0),
            ever: AtomicBool::new(false),
        });
        let (leave, left) = oneshot::channel();
        taken.push(Taken {
            used: Arc::clone(&used),
            leave,
        });
        Some(Place {
            places: Arc::clone(self),
            used,
            leave: Some(left),
        })
    }
}

impl Place {
    /// Where its connection notes that it is in use.
    pub(super) fn activity(&self) -> Activity {
        Activity(Arc::clone(&self.used))
    }

    /// Ready once its connection has to go; stays so.
    pub(super) fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(leave) = &mut self.leave
            && Pin::new(leave).poll(cx).is_ready()
        {
            self.leave = None;
        }
        match self.leave {
            None => Poll::Ready(()),
            Some(_) => Poll::Pending,
        }
    }

    /// The same to wait for.
    pub(super) async fn leave(&mut self) {
        std::future::poll_fn(|cx| self.poll_leave(cx)).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|t| !Arc::ptr_eq(&t.used, &self.used));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_gives_way_and_the_active_stay() {
        let places = Arc::new(Places::default());
        let start = Time::from_secs(1000);
        let at = |n: u64| start + Duration::from_millis(n);
        let mut held: Vec<Place> = (0..limits::CONNECTIONS as u64)
            .map(|n| places.try_take(at(n)).expect("room"))
            .collect();
        assert!(places.try_take(at(500)).is_none(), "all were active a moment ago");
        held[0].activity().note();
        held[0].used.last.store(start.0, Relaxed);
        let newcomer = places.try_take(at(5_000)).expect("the place of the second");
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(held[1].poll_leave(&mut cx).is_ready() && held[1].poll_leave(&mut cx).is_ready());
        assert!(held[0].poll_leave(&mut cx).is_pending() && held[2].poll_leave(&mut cx).is_pending());
        drop((newcomer, held));
        assert!(places.taken.lock().expect("lock").is_empty());
    }
}
