//! Things with stable ids, in order of creation.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// Names one thing of an [`Arena`] for as long as it is in there; never used again afterwards.
pub(crate) struct Id<T>(u32, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// Its number: counts up from 0 in order of creation.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The id of the same thing in an arena that has taken over the one it was in, from number `base` on.
    pub(crate) fn shifted(self, base: u32) -> Self {
        Self(self.0.saturating_add(base), PhantomData)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Id<T> {}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A short list kept in order of id. Calls have few parties and few media, so a search beats an index in memory and,
/// at these sizes, in time.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    items: Vec<(Id<T>, T)>,
    next: u32,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            next: 0,
        }
    }
}

impl<T> Arena<T> {
    pub(crate) fn insert(&mut self, item: T) -> Id<T> {
        let id = Id(self.next, PhantomData);
        if self.items.is_empty() {
            // Two parties with one media each: most calls never have more, and things in here are large.
            self.items.reserve_exact(2);
        }
        self.next += 1;
        self.items.push((id, item));
        id
    }

    /// The number of the next id.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    /// Everything with its ids.
    pub(crate) fn into_items(self) -> Vec<(Id<T>, T)> {
        self.items
    }

    /// Adds a thing under an id that is greater than all there are.
    pub(crate) fn insert_at(&mut self, id: Id<T>, item: T) {
        debug_assert!(id.0 >= self.next, "ids are never used again");
        self.next = id.0.saturating_add(1);
        self.items.push((id, item));
    }

    pub(crate) fn remove(&mut self, id: Id<T>) -> Option<T> {
        let at = self.position(id)?;
        Some(self.items.remove(at).1)
    }

    pub(crate) fn contains(&self, id: Id<T>) -> bool {
        self.position(id).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.items.iter().map(|(id, item)| (*id, item))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Id<T>, &mut T)> {
        self.items.iter_mut().map(|(id, item)| (*id, item))
    }

    fn position(&self, id: Id<T>) -> Option<usize> {
        self.items.binary_search_by_key(&id.0, |(id, _)| id.0).ok()
    }
}

/// Ids come from the model itself, never from the wire: one that names nothing is a bug of ours, caught with the
/// command that hit it.
impl<T> Index<Id<T>> for Arena<T> {
    type Output = T;
    fn index(&self, id: Id<T>) -> &T {
        match self.position(id).and_then(|at| self.items.get(at)) {
            Some((_, item)) => item,
            None => panic!("dangling id {id:?}"),
        }
    }
}

impl<T> IndexMut<Id<T>> for Arena<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        let at = self.position(id);
        match at.and_then(|at| self.items.get_mut(at)) {
            Some((_, item)) => item,
            None => panic!("dangling id {id:?}"),
        }
    }
}
