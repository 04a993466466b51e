//! When a busy worker pauses so that packets gather.
//!
//! Most of what a packet costs at partial load is the wake-up that it causes, so a wake-up should bring several. As a
//! network card spaces its interrupts, this spaces the wake-ups: no packet is held back for longer than the delay that
//! was set, counted from the wake-up before, nor for longer than it takes until there is company enough. There is no pause
//! where it would bring too little, nor where the work of a turn has already taken as long. Pure: time comes in.

use std::time::Duration;

/// Packets that a pause must be expected to bring. A timer costs about as much as two wake-ups by a packet.
const COMPANY_MIN: u64 = 2;

/// Packets that are company enough: what a wake-up costs is then a small part of what they cost, and to wait for more
/// would only make them late.
const COMPANY_ENOUGH: u64 = 10;

/// The shortest pause worth a timer.
const PAUSE_US_MIN: u64 = 20;

/// Turns over which the rate is averaged, as a shift.
const AVERAGE_SHIFT: u32 = 3;

/// Spaces the wake-ups of one worker.
#[derive(Debug)]
pub struct Moderation {
    delay_us: u64,
    /// When the last wait ended.
    woken_us: u64,
    /// Time from one wake-up to the next, averaged, in 1/8 µs.
    interval: u64,
    /// Packets per wake-up, averaged, in eighths.
    packets: u64,
}

impl Moderation {
    /// Holds no packet back for longer than `delay`; zero = never.
    pub const fn new(delay: Duration) -> Self {
        Self {
            delay_us: delay.as_micros() as u64,
            woken_us: 0,
            interval: 0,
            packets: 0,
        }
    }

    /// A wait ended and brought this many packets.
    pub const fn woken(&mut self, now_us: u64, packets: usize) {
        let interval = now_us.saturating_sub(self.woken_us);
        self.woken_us = now_us;
        // A long silence says that the past tells nothing.
        let interval = if interval > self.delay_us * 64 {
            self.packets = 0;
            self.delay_us * 64
        } else {
            interval
        };
        self.interval += interval;
        self.interval -= self.interval >> AVERAGE_SHIFT;
        self.packets += packets as u64;
        self.packets -= self.packets >> AVERAGE_SHIFT;
    }

    /// How long to pause before the next wait, which may last `timeout`; `None` = not at all.
    pub fn pause(&self, now_us: u64, timeout: Option<Duration>) -> Option<Duration> {
        let since = now_us.saturating_sub(self.woken_us);
        let enough_us = COMPANY_ENOUGH * self.interval / self.packets.max(1);
        let left = self.delay_us.min(enough_us).saturating_sub(since);
        let timeout = timeout.map_or(u64::MAX, |t| t.as_micros() as u64);
        // packets / interval is the rate; as a product, nothing is divided.
        let lonely = self.packets * self.delay_us < COMPANY_MIN * self.interval;
        let pause = left.min(timeout);
        (!lonely && pause >= PAUSE_US_MIN).then(|| Duration::from_micros(pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_micros(200);

    /// A worker with packets each `gap_us` that takes `work_us` a packet; the pause before each wait, once it settled.
    fn settled(gap_us: u64, work_us: u64) -> Option<Duration> {
        let mut moderation = Moderation::new(DELAY);
        let (mut now, mut handled, mut pause) = (1_000_000, 1_000_000 / gap_us, None);
        for _ in 0..100 {
            now = now.max((handled + 1) * gap_us);
            let packets = now / gap_us - handled;
            handled += packets;
            moderation.woken(now, packets as usize);
            now += packets * work_us;
            pause = moderation.pause(now, None);
            now += pause.map_or(0, |p| p.as_micros() as u64);
        }
        pause
    }

    #[test]
    fn wake_ups_are_spaced_where_packets_gather() {
        assert_eq!(
            settled(1_000, 5),
            None,
            "one packet in five delays has no company"
        );
        assert_eq!(settled(150, 5), None);
        let pause = settled(30, 3).expect("six packets in a delay");
        assert!(pause < DELAY, "{pause:?}: the turn's own time counts");
        let short = settled(8, 1).expect("ten packets in less than a delay");
        assert!(short < Duration::from_micros(90), "{short:?}: company enough");
        assert_eq!(settled(4, 4), None, "a turn that lasts as long needs no pause");
    }

    #[test]
    fn a_pause_ends_with_the_next_timer() {
        let mut moderation = Moderation::new(DELAY);
        for at in 1..100 {
            moderation.woken(at * 200, 8);
        }
        let pause = |timeout| moderation.pause(99 * 200 + 10, timeout);
        assert_eq!(pause(None), Some(Duration::from_micros(190)));
        assert_eq!(
            pause(Some(Duration::from_micros(50))),
            Some(Duration::from_micros(50))
        );
        assert_eq!(pause(Some(Duration::from_micros(5))), None);
    }

    #[test]
    fn zero_is_never() {
        let mut moderation = Moderation::new(Duration::ZERO);
        for at in 1..100 {
            moderation.woken(at, 100);
        }
        assert_eq!(moderation.pause(100, None), None);
    }
}
