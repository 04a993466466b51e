//! A question to all shards, answered once.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Control, Job, Shard};

/// Asks every shard and calls `then` with all answers, in any order, on the thread of the last one that answers. A
/// shard whose queue is full has no answer.
pub fn ask_all<T, A, F>(control: &Control, ask: A, then: F)
where
    T: Send + 'static,
    A: Fn(&mut Shard) -> T + Send + Sync + 'static,
    F: FnOnce(Vec<T>) + Send + 'static,
{
    let round = Arc::new(Round {
        ask,
        answers: Mutex::new(Vec::new()),
        then: Mutex::new(Some(then)),
    });
    for shard in 0..control.shards() {
        let asked = Arc::clone(&round);
        // Dropped unasked or not: the round ends with its last owner.
        let visit = Box::new(move |shard: &mut Shard| {
            let answer = (asked.ask)(shard);
            asked
                .answers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(answer);
        });
        drop(control.post(shard, Job::Visit(visit)));
    }
}

struct Round<T, A, F: FnOnce(Vec<T>)> {
    ask: A,
    answers: Mutex<Vec<T>>,
    then: Mutex<Option<F>>,
}

impl<T, A, F: FnOnce(Vec<T>)> Drop for Round<T, A, F> {
    fn drop(&mut self) {
        let answers = std::mem::take(self.answers.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(then) = self.then.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            then(answers);
        }
    }
}
